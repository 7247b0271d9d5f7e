/*
 * reader.c - finds the records (see load.h for what counts as one).
 *
 *   IGNORE --line-->* START --LINES STARTING BY found--> FIELD --> INSIDE --terminator--> FIELD ...
 *                                                                    |  after the last field
 *                                                                    v
 *                       record <--line terminator-- REST   (fields that the statement does not name: enclosures mean nothing there)
 *
 * The scan is resumable at every byte: `at` is the place in the record under way, and a byte that may begin something longer is not looked at
 * before as many bytes as that could have are there, or the end. Bytes that mean nothing are skipped by a table of 256 entries, one a
 * state, which is where the time goes.
 *
 * Quirks of the servers that are kept: an escape takes one byte, be it the first of a longer character; with ESCAPED BY and ENCLOSED BY the
 * same character the doubled one is all it escapes; an enclosure ends a field only before a terminator or the end of the file, and
 * is an ordinary character elsewhere; a line terminator inside an enclosure is data, but not in REST.
 */
#include "proxy/load/load.h"

enum state { IGNORE, START, FIELD, INSIDE, REST, OVER };
enum { MEANS_BARE = 1, MEANS_QUOTED = 2, MEANS_REST = 4, MEANS_START = 8, MEANS_LEAD = 16 /* begins a longer character */, TEXTS = 96, KEEP = 256 << 10 };

struct load_reader {
    struct load_format f;
    const uint32_t *wanted;
    uint32_t nwanted, next_wanted;
    struct load_field *fields;
    uint8_t means[256];
    size_t ahead;         /* bytes that must be there to judge one that means something */
    /* input */
    struct buf kept;
    const char *p;        /* the record under way begins here */
    size_t n;
    bool end, nomem;
    /* the record under way */
    enum state state;
    size_t at;            /* how far it was looked at */
    size_t body, field_begin;
    uint32_t field;
    bool quoted;
    uint64_t left_to_ignore, number;
    enum load_status stuck;
    size_t given;         /* bytes of the record given last: dropped at the next call */
};

/* ---- character sets ---- */

enum load_charset load_charset_of(struct str name)
{
    static const char *const utf8[] = {"utf8mb4", "utf8mb3", "utf8"};
    static const char *const euc[] = {"ujis", "eucjpms", "euckr", "gb2312"};
    static const char *const other[] = {"gbk", "big5", "sjis", "cp932", "gb18030", "ucs2", "utf16", "utf16le", "utf32", "filename"};
    for (size_t i = 0; i < COUNT_OF(utf8); i++) {
        if (str_eq_nocase(name, str_of(utf8[i]))) return LOAD_CS_UTF8;
    }
    for (size_t i = 0; i < COUNT_OF(euc); i++) {
        if (str_eq_nocase(name, str_of(euc[i]))) return LOAD_CS_EUC;
    }
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        if (str_eq_nocase(name, str_of(other[i]))) return LOAD_CS_OTHER;
    }
    return LOAD_CS_SINGLE;
}

/* How long the character that begins with a byte >= 0x80 wants to be; 1: it is one by itself, or none that can be. */
static size_t wanted_length(enum load_charset cs, unsigned char c)
{
    switch (cs) {
    case LOAD_CS_UTF8: return c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
    case LOAD_CS_EUC: return c == 0x8f ? 3 : 2;
    case LOAD_CS_SINGLE:
    case LOAD_CS_OTHER: return 1;
    }
    return 1;
}

static bool is_character(enum load_charset cs, const unsigned char *p, size_t n)
{
    if (cs == LOAD_CS_EUC && p[0] != 0x8e && p[0] != 0x8f && (p[0] < 0xa1 || p[0] == 0xff)) return false;
    for (size_t i = 1; i < n; i++) {
        if (cs == LOAD_CS_UTF8 ? (p[i] ^ 0x80) >= 0x40 : p[i] < 0xa1) return false;
    }
    if (cs == LOAD_CS_UTF8 && n == 3) return p[0] > 0xe0 || p[1] >= 0xa0;
    if (cs == LOAD_CS_UTF8 && n == 4) return (p[0] > 0xf0 || p[1] >= 0x90) && (p[0] < 0xf4 || p[1] < 0x90);
    return true;
}

/* A terminator beyond ASCII is one that all servers find when it begins with a whole character. */
static bool begins_plainly(enum load_charset cs, struct str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    if (text.len == 0 || p[0] < 0x80) return true;
    size_t n = wanted_length(cs, p[0]);
    return n > 1 && text.len >= n && is_character(cs, p, n);
}

/* ---- making ---- */

const char *load_format_check(const struct load_format *f)
{
    size_t texts = f->fields_terminated.len + f->lines_terminated.len + f->lines_starting.len;
    if (f->fields_terminated.len == 0 && f->enclosed < 0) return "the fixed-size format (FIELDS TERMINATED BY '' ENCLOSED BY '')";
    if (f->fields_terminated.len == 0) return "FIELDS TERMINATED BY ''";
    if (f->lines_terminated.len == 0) return "LINES TERMINATED BY ''";
    if (str_eq(f->fields_terminated, f->lines_terminated)) return "LINES TERMINATED BY the same as FIELDS TERMINATED BY";
    if (f->charset == LOAD_CS_OTHER) return "a character set in which a byte of ASCII may be part of a character";
    if (f->enclosed >= 0x80 || f->escaped >= 0x80) return "ENCLOSED BY or ESCAPED BY beyond ASCII";
    if (!begins_plainly(f->charset, f->lines_terminated)) { /* some servers compare its first byte as a signed char, and miss it behind the last field */
        return "LINES TERMINATED BY a byte beyond ASCII that begins no character of the file's character set";
    }
    if (f->charset != LOAD_CS_SINGLE && (!begins_plainly(f->charset, f->fields_terminated) || !begins_plainly(f->charset, f->lines_starting))) {
        return "a terminator that begins in the middle of a character";
    }
    if (texts > TEXTS) return "terminators of more than 96 bytes";
    if (f->nfields == 0) return "no fields";
    return NULL;
}

static void mark(struct load_reader *r, int c, unsigned bits)
{
    if (c >= 0) r->means[c] = (uint8_t)(r->means[c] | bits);
}

static void make_table(struct load_reader *r)
{
    const struct load_format *f = &r->f;
    int line = (unsigned char)f->lines_terminated.ptr[0], start = f->lines_starting.len ? (unsigned char)f->lines_starting.ptr[0] : -1;
    mark(r, (unsigned char)f->fields_terminated.ptr[0], MEANS_BARE);
    mark(r, line, MEANS_BARE | MEANS_REST);
    mark(r, f->escaped, MEANS_BARE | MEANS_QUOTED | MEANS_REST);
    mark(r, f->enclosed, MEANS_QUOTED);
    mark(r, start, MEANS_START);
    for (int c = 0x80; c < 0x100; c++) {
        if (wanted_length(f->charset, (unsigned char)c) > 1) mark(r, c, MEANS_LEAD);
    }
    r->ahead = 4; /* the longest character; an enclosure and the byte behind it */
    if (f->fields_terminated.len + 1 > r->ahead) r->ahead = f->fields_terminated.len + 1;
    if (f->lines_terminated.len + 1 > r->ahead) r->ahead = f->lines_terminated.len + 1;
    if (f->lines_starting.len > r->ahead) r->ahead = f->lines_starting.len;
}

static struct str copy_text(char **to, struct str s)
{
    struct str c = str_make(*to, s.len);
    if (s.len) memcpy(*to, s.ptr, s.len);
    *to += s.len;
    return c;
}

struct load_reader *load_reader_new(const struct load_format *f, const uint32_t *wanted, uint32_t nwanted)
{
    size_t texts = f->fields_terminated.len + f->lines_terminated.len + f->lines_starting.len;
    size_t numbers = sizeof(struct load_field) * (nwanted + 1) + sizeof(uint32_t) * nwanted;
    struct load_reader *r = mem_zalloc(sizeof *r + numbers + texts);
    if (!r) return NULL;
    r->f = *f;
    r->fields = (struct load_field *)(void *)(r + 1);
    uint32_t *w = (uint32_t *)(void *)(r->fields + nwanted + 1);
    char *to = (char *)(w + nwanted);
    if (nwanted) memcpy(w, wanted, sizeof *w * nwanted);
    r->wanted = w;
    r->nwanted = nwanted;
    r->f.fields_terminated = copy_text(&to, f->fields_terminated);
    r->f.lines_terminated = copy_text(&to, f->lines_terminated);
    r->f.lines_starting = copy_text(&to, f->lines_starting);
    make_table(r);
    r->left_to_ignore = f->ignore_lines;
    r->p = "";
    r->state = r->left_to_ignore ? IGNORE : START;
    r->stuck = LOAD_MORE;
    return r;
}

void load_reader_free(struct load_reader *r)
{
    if (!r) return;
    buf_release(&r->kept);
    mem_free(r);
}

/* ---- input ---- */

static void drop_given(struct load_reader *r)
{
    r->p += r->given;
    r->n -= r->given;
    r->given = 0;
}

void load_feed(struct load_reader *r, const void *p, size_t n)
{
    if (r->n == 0 && r->kept.len) {
        buf_reset(&r->kept);
        if (r->kept.cap > KEEP) buf_release(&r->kept);
    }
    size_t before = r->n ? (size_t)(r->p - r->kept.data) : 0;
    if (before > r->kept.len / 2) { /* moved seldom, so that many small pieces cost no more than one */
        buf_consume(&r->kept, before);
        before = 0;
    }
    buf_put(&r->kept, p, n);
    r->nomem |= r->kept.failed;
    r->p = r->kept.data + before;
    r->n = r->kept.len - before;
}

void load_refresh(const struct load_reader *r, struct load_record *rec)
{
    rec->raw.ptr = r->p;
}

void load_feed_end(struct load_reader *r)
{
    r->end = true;
}

/* ---- the scan ---- */

enum step { GO_ON, WANT_MORE, RECORD, AT_END, BROKEN };

static inline bool stands_at(const struct load_reader *r, size_t at, struct str text)
{
    return r->n - at >= text.len && memcmp(r->p + at, text.ptr, text.len) == 0;
}

/* Are the bytes there that a judgement about the one at `at` may need? */
static inline bool enough(const struct load_reader *r, size_t at)
{
    return r->end || r->n - at >= r->ahead;
}

static inline size_t skip_plain(const struct load_reader *r, size_t at, unsigned bit)
{
    const unsigned char *b = (const unsigned char *)r->p;
    size_t n = r->n;
    const uint8_t *means = r->means;
    while (n - at >= 8) {
        if ((means[b[at]] | means[b[at + 1]] | means[b[at + 2]] | means[b[at + 3]]) & bit) break;
        if ((means[b[at + 4]] | means[b[at + 5]] | means[b[at + 6]] | means[b[at + 7]]) & bit) {
            at += 4;
            break;
        }
        at += 8;
    }
    while (at < n && !(means[b[at]] & bit)) at++;
    return at;
}

/* Length of the character at `at`; 0: it is none, and what follows might be read in two ways. */
static size_t character(const struct load_reader *r, size_t at, unsigned bit)
{
    const unsigned char *b = (const unsigned char *)r->p + at;
    size_t want = wanted_length(r->f.charset, b[0]), have = r->n - at;
    if (want == 1) return 1;
    if (have >= want && is_character(r->f.charset, b, want)) return want;
    if (r->f.charset != LOAD_CS_UTF8) return 0; /* UTF-8 alone finds its way back by itself */
    for (size_t i = 1; i < want && i < have; i++) {
        if (r->means[b[i]] & bit) return 0;
    }
    return 1;
}

static void field_ends(struct load_reader *r, size_t end, bool closed)
{
    if (r->next_wanted < r->nwanted && r->wanted[r->next_wanted] == r->field) {
        r->fields[r->next_wanted++] = (struct load_field){r->field_begin, end, r->quoted, closed};
    }
    r->field++;
}

/* A line that the statement ignores, or what is behind the last field: up to the line's terminator. */
static enum step to_line_end(struct load_reader *r, size_t *line_end)
{
    for (;;) {
        r->at = skip_plain(r, r->at, MEANS_REST | MEANS_LEAD);
        if (r->at == r->n) return r->end ? AT_END : WANT_MORE;
        if (!enough(r, r->at)) return WANT_MORE;
        unsigned char c = (unsigned char)r->p[r->at];
        size_t len = character(r, r->at, MEANS_REST);
        if (len == 0) return BROKEN;
        if (len == 1 && c == r->f.escaped) {
            if (r->n - r->at < 2) return AT_END; /* the end is here */
            r->at += 2;
            continue;
        }
        if (stands_at(r, r->at, r->f.lines_terminated)) {
            *line_end = r->at;
            r->at += r->f.lines_terminated.len;
            return RECORD;
        }
        r->at += len;
    }
}

/* LINES STARTING BY: what stands before it is dropped. */
static enum step find_start(struct load_reader *r)
{
    struct str start = r->f.lines_starting;
    r->body = start.len;
    while (start.len) {
        size_t at = skip_plain(r, r->at, MEANS_START);
        r->p += at;
        r->n -= at;
        r->at = 0;
        if (r->n == 0) return r->end ? AT_END : WANT_MORE;
        if (!enough(r, 0)) return WANT_MORE;
        if (stands_at(r, 0, start)) break;
        r->at = 1;
    }
    r->at = r->body;
    return GO_ON;
}

static enum step begin_field(struct load_reader *r, bool first)
{
    if (r->at == r->n) {
        if (!r->end) return WANT_MORE;
        return first ? AT_END : RECORD; /* the last field is not there: not even empty */
    }
    r->field_begin = r->at;
    r->quoted = (unsigned char)r->p[r->at] == r->f.enclosed;
    if (r->quoted) r->at++;
    return GO_ON;
}

enum field_end { FE_NONE, FE_FIELD, FE_LINE, FE_FILE };

/* The byte at r->at means something. Moves over it; tells whether the field ends. */
static enum step judge(struct load_reader *r, enum field_end *fe, size_t *end, bool *closed)
{
    const struct load_format *f = &r->f;
    unsigned bit = r->quoted ? MEANS_QUOTED : MEANS_BARE;
    unsigned char c = (unsigned char)r->p[r->at];
    *fe = FE_NONE;
    *closed = false;
    if (c == f->escaped) {
        if (r->n - r->at < 2) { /* the file ends behind an escape */
            r->at++;
            return GO_ON;
        }
        if (f->escaped != f->enclosed || (unsigned char)r->p[r->at + 1] == c) {
            r->at += 2;
            return GO_ON;
        }
    }
    if (!r->quoted) {
        if (c == (unsigned char)f->lines_terminated.ptr[0] && stands_at(r, r->at, f->lines_terminated)) *fe = FE_LINE;
        else if (stands_at(r, r->at, f->fields_terminated)) *fe = FE_FIELD;
        if (*fe != FE_NONE) {
            *end = r->at;
            return GO_ON;
        }
    } else if (c == f->enclosed) {
        size_t next = r->at + 1;
        if (next < r->n && (unsigned char)r->p[next] == c) {
            r->at += 2;
            return GO_ON;
        }
        if (next == r->n) *fe = FE_FILE;
        else if (stands_at(r, next, f->lines_terminated)) *fe = FE_LINE;
        else if (stands_at(r, next, f->fields_terminated)) *fe = FE_FIELD;
        if (*fe != FE_NONE) {
            r->at = *end = next;
            *closed = true;
            return GO_ON;
        }
    }
    size_t len = character(r, r->at, bit);
    if (len == 0) return BROKEN;
    r->at += len;
    return GO_ON;
}

/* Up to the end of the field. RECORD: the line ended with it. */
static enum step in_field(struct load_reader *r, size_t *line_end)
{
    enum field_end fe;
    size_t end = 0;
    bool closed = false;
    for (;;) {
        r->at = skip_plain(r, r->at, (r->quoted ? MEANS_QUOTED : MEANS_BARE) | MEANS_LEAD);
        if (r->at == r->n) {
            if (!r->end) return WANT_MORE;
            field_ends(r, r->at, false);
            return RECORD;
        }
        if (!enough(r, r->at)) return WANT_MORE;
        if (judge(r, &fe, &end, &closed) == BROKEN) return BROKEN;
        switch (fe) {
        case FE_NONE: continue;
        case FE_FIELD:
            field_ends(r, end, closed);
            r->at = end + r->f.fields_terminated.len;
            return GO_ON;
        case FE_LINE:
            field_ends(r, end, closed);
            *line_end = end;
            r->at = end + r->f.lines_terminated.len;
            return RECORD;
        case FE_FILE:
            field_ends(r, end, closed);
            return RECORD;
        }
    }
}

static enum step step(struct load_reader *r, size_t *line_end)
{
    enum step s;
    switch (r->state) {
    case IGNORE:
        s = to_line_end(r, line_end);
        if (s == AT_END) return AT_END;
        if (s == RECORD || r->at > 4096) { /* nothing of it is kept */
            r->p += r->at;
            r->n -= r->at;
            r->at = 0;
        }
        if (s != RECORD) return s;
        *line_end = SIZE_MAX;
        if (--r->left_to_ignore == 0) r->state = START;
        return GO_ON;
    case START:
        if ((s = find_start(r)) != GO_ON) return s;
        r->field = r->next_wanted = 0;
        r->state = FIELD;
        return GO_ON;
    case FIELD:
        if ((s = begin_field(r, r->field == 0)) != GO_ON) return s;
        r->state = INSIDE;
        return GO_ON;
    case INSIDE:
        if ((s = in_field(r, line_end)) == GO_ON) r->state = r->field == r->f.nfields ? REST : FIELD;
        return s;
    case REST:
        s = to_line_end(r, line_end);
        if (s != AT_END) return s;
        r->at = r->n;
        return RECORD;
    case OVER: return AT_END;
    }
    return AT_END;
}

/* ---- output ---- */

static enum load_status give(struct load_reader *r, size_t line_end, struct load_record *out)
{
    bool terminated = line_end != SIZE_MAX;
    out->raw = str_make(r->p, r->at);
    out->number = ++r->number;
    out->nfields = r->field;
    out->body = r->body;
    out->terminated = terminated;
    out->line_end = terminated ? line_end : r->at;
    r->given = r->at;
    r->at = 0;
    r->state = START;
    if (!terminated) r->state = OVER;
    return LOAD_RECORD;
}

enum load_status load_next(struct load_reader *r, struct load_record *out)
{
    size_t line_end = SIZE_MAX;
    if (r->stuck != LOAD_MORE) return r->stuck;
    if (r->nomem) return r->stuck = LOAD_NOMEM; /* bytes are lost */
    drop_given(r);
    for (;;) {
        enum step s = step(r, &line_end);
        if (r->state > START && r->state != OVER && r->f.max_record && r->at > r->f.max_record) return r->stuck = LOAD_TOO_LONG;
        switch (s) {
        case GO_ON: continue;
        case WANT_MORE: return LOAD_MORE;
        case RECORD: return give(r, line_end, out);
        case AT_END:
            r->state = OVER;
            return r->stuck = LOAD_END;
        case BROKEN: return r->stuck = LOAD_BROKEN;
        }
    }
}

uint64_t load_number(const struct load_reader *r)
{
    return r->number + 1;
}

bool load_field(const struct load_reader *r, uint32_t i, struct load_field *out)
{
    if (i >= r->next_wanted) return false;
    *out = r->fields[i];
    return true;
}

/* ---- values ---- */

static char unescaped(char c, bool *null)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case '0': return 0;
    case 'Z': return '\032';
    case 'N': *null = true; return 'N';
    default: return c;
    }
}

enum load_value load_value(const struct load_reader *r, const struct load_record *rec, uint32_t i, struct arena *a, struct str *out)
{
    if (i >= r->next_wanted) return LOAD_MISSING;
    const struct load_field *fl = &r->fields[i];
    struct str v = fl->closed ? str_make(rec->raw.ptr + fl->begin + 1, fl->end - fl->begin - 2) : str_make(rec->raw.ptr + fl->begin, fl->end - fl->begin);
    unsigned bit = fl->quoted ? MEANS_QUOTED : 0;
    bool plain = true, null = false;
    for (size_t k = 0; k < v.len && plain; k++) {
        unsigned char c = (unsigned char)v.ptr[k];
        plain = c != r->f.escaped && !(bit && c == r->f.enclosed);
    }
    if (!plain) {
        char *to = arena_alloc(a, v.len + 1);
        size_t n = 0, k = 0;
        if (!to) return LOAD_VALUE_NOMEM;
        if (fl->quoted && !fl->closed) to[n++] = v.ptr[k++]; /* never closed: its enclosure is data */
        while (k < v.len) {
            unsigned char c = (unsigned char)v.ptr[k++];
            if (c == r->f.escaped && k < v.len && (r->f.escaped != r->f.enclosed || (unsigned char)v.ptr[k] == c)) {
                to[n++] = unescaped(v.ptr[k++], &null);
                continue;
            }
            if (fl->quoted && c == r->f.enclosed && k < v.len && (unsigned char)v.ptr[k] == c) k++;
            to[n++] = (char)c;
        }
        v = str_make(to, n);
    }
    *out = v;
    bool word = !fl->closed && r->f.enclosed >= 0 && str_eq(v, STR("NULL"));
    return word || (null && v.len == 1) ? LOAD_NULL : LOAD_TEXT;
}
