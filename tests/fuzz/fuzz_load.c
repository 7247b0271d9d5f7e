/*
 * Cutting the file of a LOAD DATA into records: fed whole and in pieces the records must be the same, each must be a record when it stands
 * alone, and together they must be no more than the file. Input: format (8 bytes: fields, lines, starting, enclosed, escaped, character set, number of fields,
 * lines to ignore), piece (1 byte), file.
 */
#include "proxy/load/load.h"

#include <stdlib.h>

static const char *const fields[] = {",", "\t", "||", "aab", "\xc2\xa7", "|", ";;;"};
static const char *const lines[] = {"\n", "\r\n", "|\n", "EOL", "\xef\xbc\x9b", "\n\n", "aa"};
static const char *const starts[] = {"", "", ">", "xx", "aab"};
static const int enclosures[] = {-1, '"', '\'', '|', 'a'};
static const int escapes[] = {'\\', -1, '"', 'a'};
static const enum load_charset charsets[] = {LOAD_CS_UTF8, LOAD_CS_SINGLE, LOAD_CS_EUC};

static enum load_status cut(const struct load_format *f, struct str file, size_t piece, struct buf *out, uint64_t *n)
{
    static const uint32_t wanted[] = {0, 1, 2, 3};
    struct load_reader *r = load_reader_new(f, wanted, f->nfields);
    struct arena a;
    size_t at = 0;
    enum load_status st;
    if (!r) abort();
    arena_init(&a, 0);
    for (;;) {
        struct load_record rec;
        st = load_next(r, &rec);
        if (st == LOAD_RECORD) {
            ++*n;
            if (rec.number != *n || rec.nfields == 0 || rec.nfields > f->nfields || rec.line_end > rec.raw.len || rec.body > rec.raw.len) abort();
            buf_put_u32(out, (uint32_t)rec.raw.len);
            buf_put_str(out, rec.raw);
            for (uint32_t i = 0; i < f->nfields; i++) {
                struct str v = STR_NULL;
                buf_put_u8(out, (uint8_t)load_value(r, &rec, i, &a, &v));
                if (v.len > rec.raw.len) abort();
                buf_put_str(out, v);
            }
        } else if (st == LOAD_MORE && at < file.len) {
            size_t k = piece && piece < file.len - at ? piece : file.len - at;
            char *copy = malloc(k);
            memcpy(copy, file.ptr + at, k);
            load_feed(r, copy, k);
            free(copy);
            at += k;
        } else if (st == LOAD_MORE) {
            load_feed_end(r);
        } else {
            break;
        }
    }
    arena_release(&a);
    load_reader_free(r);
    return st;
}

static void alone(const struct load_format *f, const struct buf *records)
{
    struct load_format one = *f;
    one.ignore_lines = 0;
    for (size_t at = 0; at + 4 <= records->len;) {
        const unsigned char *p = (const unsigned char *)records->data + at;
        uint32_t len = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        struct buf again = {0};
        uint64_t n = 0;
        if (cut(&one, str_make(records->data + at + 4, len), 0, &again, &n) != LOAD_END || n != 1) abort();
        if (again.len > records->len - at || memcmp(again.data, records->data + at, again.len)) abort();
        at += again.len;
        buf_release(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t size)
{
    if (size < 9) return 0;
    struct load_format f = {.fields_terminated = str_of(fields[d[0] % COUNT_OF(fields)]),
                            .lines_terminated = str_of(lines[d[1] % COUNT_OF(lines)]),
                            .lines_starting = str_of(starts[d[2] % COUNT_OF(starts)]),
                            .enclosed = enclosures[d[3] % COUNT_OF(enclosures)],
                            .escaped = escapes[d[4] % COUNT_OF(escapes)],
                            .charset = charsets[d[5] % COUNT_OF(charsets)],
                            .nfields = 1 + d[6] % 4u,
                            .ignore_lines = d[7] % 3u,
                            .max_record = d[7] & 0x80 ? 64 : 0};
    if (load_format_check(&f)) return 0;
    struct str file = str_make(d + 9, size - 9);
    struct buf whole = {0}, pieces = {0};
    uint64_t n = 0, m = 0;
    enum load_status a = cut(&f, file, 0, &whole, &n), b = cut(&f, file, d[8] ? d[8] : 1, &pieces, &m);
    if (a != b || n != m || !str_eq(buf_str(&whole), buf_str(&pieces))) abort();
    if (a == LOAD_END) alone(&f, &whole);
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
