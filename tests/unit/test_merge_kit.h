/*
 * test_merge_kit.h - the bench on which merge/ is tested: result sets as tables of C strings go in as
 * payloads, in small pieces and any order of legs; packets come out and are taken apart again.
 *
 * Each table runs in both protocols: the kit has its own encoder of binary values (so that it does not check
 * the codec with itself), and what comes out must be the bytes that the expected text is encoded as.
 */
#ifndef WEIR_TEST_MERGE_KIT_H
#define WEIR_TEST_MERGE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/merge/merge.h"

#define CAPS ((uint32_t)WIRE_CAP_DEPRECATE_EOF | (uint32_t)WIRE_CAP_PROTOCOL_41)

struct kit_column {
    const char *name;
    uint8_t type;
    uint16_t flags;
    uint8_t decimals;
    uint16_t collation; /* 0: 63 */
};
#define INT_COL(n)                                                                                           \
    {                                                                                                        \
        n, WIRE_TYPE_LONGLONG, 0, 0, 63                                                                      \
    }
#define UINT_COL(n)                                                                                          \
    {                                                                                                        \
        n, WIRE_TYPE_LONGLONG, WIRE_COLUMN_UNSIGNED, 0, 63                                                   \
    }
#define TEXT_COL(n)                                                                                          \
    {                                                                                                        \
        n, WIRE_TYPE_VAR_STRING, 0, 0, 45                                                                    \
    }
#define BIN_COL(n)                                                                                           \
    {                                                                                                        \
        n, WIRE_TYPE_VAR_STRING, WIRE_COLUMN_BINARY, 0, 63                                                   \
    }
#define DEC_COL(n, d)                                                                                        \
    {                                                                                                        \
        n, WIRE_TYPE_NEWDECIMAL, 0, d, 63                                                                    \
    }
#define DOUBLE_COL(n)                                                                                        \
    {                                                                                                        \
        n, WIRE_TYPE_DOUBLE, 0, 31, 63                                                                       \
    }

enum { KIT_MAX_COLUMNS = 12 };
struct kit_row {
    const char *v[KIT_MAX_COLUMNS]; /* NULL: SQL NULL */
};
struct kit_leg {
    const struct kit_row *rows;
    uint32_t nrows;
};
struct kit {
    const struct kit_column *columns;
    uint32_t ncolumns;
    struct kit_leg legs[16];
    uint32_t nlegs;
    struct merge_spec spec;
    bool has_limit;
    uint64_t offset, limit;
    size_t window, max_memory, budget;
    unsigned seed; /* order in which legs deliver */
    uint32_t leg_caps, client_caps;
    bool binary, text_only;
    struct merge_pool *pool;
    /* results */
    struct arena arena;
    struct fault fault;
    enum merge_state state;
    uint32_t out_columns;
    struct str *cells; /* out_rows * out_columns */
    uint32_t out_rows;
    struct str names[KIT_MAX_COLUMNS];
    uint16_t warnings;
    uint64_t rows_in;
    bool started;
    size_t most_held;
};

/* ---- binary values ---- */

static void kit_little(struct buf *out, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) buf_put_u8(out, (uint8_t)(v >> (8 * i)));
}

static unsigned kit_width(uint8_t type)
{
    switch (type) {
    case WIRE_TYPE_TINY: return 1;
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_YEAR: return 2;
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_FLOAT: return 4;
    case WIRE_TYPE_LONGLONG:
    case WIRE_TYPE_DOUBLE: return 8;
    default: return 0;
    }
}

/* Microseconds of "12:34:56.78" from its first colon on. */
static unsigned kit_fraction(const char *text)
{
    const char *dot = strchr(text, '.');
    unsigned us = 0;
    for (int i = 1; i <= 6; i++) {
        us = us * 10 + (dot && dot[1] ? (unsigned)(dot[1] - '0') : 0);
        if (dot && dot[1]) dot++;
    }
    return us;
}

static void kit_encode_date(const char *text, struct buf *out)
{
    unsigned y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, us = kit_fraction(text);
    sscanf(text, "%u-%u-%u %u:%u:%u", &y, &mo, &d, &h, &mi, &s);
    if (!(y | mo | d | h | mi | s | us)) return;
    kit_little(out, y, 2);
    kit_little(out, mo, 1);
    kit_little(out, d, 1);
    if (!(h | mi | s | us)) return;
    kit_little(out, h, 1);
    kit_little(out, mi, 1);
    kit_little(out, s, 1);
    if (us) kit_little(out, us, 4);
}

static void kit_encode_time(const char *text, struct buf *out)
{
    unsigned h = 0, mi = 0, s = 0, us = kit_fraction(text);
    sscanf(text + (*text == '-'), "%u:%u:%u", &h, &mi, &s);
    if (!(h | mi | s | us)) return;
    kit_little(out, *text == '-', 1);
    kit_little(out, h / 24, 4);
    kit_little(out, h % 24, 1);
    kit_little(out, mi, 1);
    kit_little(out, s, 1);
    if (us) kit_little(out, us, 4);
}

/* A value's bytes, behind its length if it has one. */
static void kit_encode(const struct kit_column *c, const char *text, struct buf *out)
{
    double d;
    float f;
    switch (c->type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_YEAR:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONGLONG: kit_little(out, strtoull(text, NULL, 10), kit_width(c->type)); return;
    case WIRE_TYPE_DOUBLE:
        d = strtod(text, NULL);
        buf_put(out, &d, sizeof d);
        return;
    case WIRE_TYPE_FLOAT:
        f = strtof(text, NULL);
        buf_put(out, &f, sizeof f);
        return;
    case WIRE_TYPE_DATE:
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP: kit_encode_date(text, out); return;
    case WIRE_TYPE_TIME: kit_encode_time(text, out); return;
    default: buf_putz(out, text);
    }
}

static void kit_encode_row(const struct kit *k, const struct kit_row *row, struct buf *out)
{
    size_t bits = out->len + 1;
    for (size_t i = 0; i < 1 + (k->ncolumns + 2 + 7) / 8; i++) buf_put_u8(out, 0);
    for (uint32_t i = 0; i < k->ncolumns; i++) {
        if (!row->v[i]) {
            out->data[bits + (i + 2) / 8] = (char)(out->data[bits + (i + 2) / 8] | 1 << (i + 2) % 8);
            continue;
        }
        struct buf v = {0};
        kit_encode(&k->columns[i], row->v[i], &v);
        if (!kit_width(k->columns[i].type)) wire_put_lenenc(out, v.len);
        buf_put_str(out, buf_str(&v));
        buf_release(&v);
    }
}

static inline void kit_decode_row(const struct kit *k, struct str p, struct str *fields, uint32_t n)
{
    size_t bits = 1, at = 1 + (n + 2 + 7) / 8;
    assert_true(p.len >= at);
    assert_int_equal(p.ptr[0], 0);
    assert_int_equal(p.ptr[1] & 3, 0);
    for (uint32_t bit = n + 2; bit % 8; bit++) assert_false(p.ptr[bits + bit / 8] >> (bit % 8) & 1);
    for (uint32_t i = 0; i < n; i++) {
        fields[i] = STR_NULL;
        if (p.ptr[bits + (i + 2) / 8] >> ((i + 2) % 8) & 1) continue;
        size_t width = kit_width(k->columns[i].type);
        struct wire_reader r = wire_read(p.ptr + at, p.len - at);
        if (!width) width = wire_get_lenenc(&r);
        fields[i] = wire_get_bytes(&r, width);
        assert_false(r.bad);
        at = p.len - wire_left(&r);
    }
    assert_int_equal(at, p.len);
}

/* Payloads of one leg's reply, one after the other. */
struct kit_reply {
    struct buf bytes;
    size_t at[4096];
    uint32_t n, next;
};

static void kit_end_payload(struct kit_reply *r)
{
    assert_true(r->n + 1 < COUNT_OF(r->at));
    r->at[++r->n] = r->bytes.len;
}

static void kit_add_packet(struct kit_reply *r, struct buf *packet)
{
    buf_put(&r->bytes, packet->data + WIRE_HEADER, packet->len - WIRE_HEADER);
    kit_end_payload(r);
    packet->len = 0;
}

static void kit_make_reply(const struct kit *k, uint32_t leg, struct kit_reply *r)
{
    struct buf p = {0};
    uint8_t seq = 0;
    memset(r, 0, sizeof *r);
    wire_put_lenenc(&r->bytes, k->ncolumns);
    kit_end_payload(r);
    for (uint32_t i = 0; i < k->ncolumns; i++) {
        const struct kit_column *c = &k->columns[i];
        struct wire_column w = {.catalog = STR("def"),
                                .schema = STR("shop_0"),
                                .table = STR("t"),
                                .org_table = STR("t_0"),
                                .name = str_of(c->name),
                                .org_name = str_of(c->name),
                                .collation = c->collation ? c->collation : 63,
                                .length = 20,
                                .type = c->type,
                                .flags = c->flags,
                                .decimals = c->decimals};
        wire_put_column(&p, &seq, &w);
        kit_add_packet(r, &p);
    }
    if (!(k->leg_caps & WIRE_CAP_DEPRECATE_EOF)) {
        wire_put_eof(&p, &seq, 2, 0);
        kit_add_packet(r, &p);
    }
    for (uint32_t i = 0; i < k->legs[leg].nrows; i++) {
        if (k->binary) kit_encode_row(k, &k->legs[leg].rows[i], &r->bytes);
        for (uint32_t j = 0; !k->binary && j < k->ncolumns; j++) {
            const char *v = k->legs[leg].rows[i].v[j];
            wire_put_text_field(&r->bytes, v ? str_of(v) : STR_NULL);
        }
        kit_end_payload(r);
    }
    wire_put_end(&p, &seq, k->leg_caps, 2, 1);
    kit_add_packet(r, &p);
    buf_release(&p);
    assert_false(r->bytes.failed);
}

static struct str kit_payload(const struct kit_reply *r, uint32_t i)
{
    return str_make(r->bytes.data + r->at[i], r->at[i + 1] - r->at[i]);
}

/* Takes the client's packets apart. */
static void kit_read(struct kit *k, struct str out)
{
    VEC(struct str) cells = {0};
    uint32_t columns = 0, seen = 0, state = 0;
    uint8_t seq = 1;
    size_t at = 0;
    k->out_rows = 0;
    while (at < out.len) {
        assert_true(out.len - at >= 4);
        size_t n = wire_u24(out.ptr + at);
        assert_int_equal((uint8_t)out.ptr[at + 3], seq++);
        struct str p = str_make(out.ptr + at + 4, n);
        at += 4 + n;
        assert_true(at <= out.len);
        if (state == 0) {
            columns = (unsigned char)p.ptr[0];
            state = 1;
        } else if (state == 1) {
            struct wire_column c;
            assert_int_equal(wire_get_column(p, &c), WIRE_OK);
            k->names[seen] = arena_str(&k->arena, c.name);
            if (++seen == columns) state = k->client_caps & WIRE_CAP_DEPRECATE_EOF ? 3 : 2;
        } else if (state == 2) {
            assert_true(wire_is_eof(p));
            state = 3;
        } else if (state == 3 && (unsigned char)p.ptr[0] == 0xfe && n < 32) {
            uint16_t status;
            if (k->client_caps & WIRE_CAP_DEPRECATE_EOF) {
                struct wire_ok ok;
                assert_int_equal(wire_get_ok(p, k->client_caps, &ok), WIRE_OK);
                k->warnings = ok.warnings;
            } else {
                assert_int_equal(wire_get_eof(p, &status, &k->warnings), WIRE_OK);
            }
            state = 4;
        } else {
            assert_int_equal(state, 3);
            struct str fields[KIT_MAX_COLUMNS];
            if (k->binary)
                kit_decode_row(k, p, fields, columns);
            else
                assert_int_equal(wire_get_text_row(p, fields, columns), WIRE_OK);
            for (uint32_t i = 0; i < columns; i++) {
                struct str *slot = vec_push(&cells, &k->arena);
                *slot = fields[i].ptr ? arena_str(&k->arena, fields[i]) : STR_NULL;
            }
            k->out_rows++;
        }
    }
    if (k->state == MERGE_DONE || k->state == MERGE_ENOUGH) assert_int_equal(state, 4);
    k->out_columns = columns;
    k->cells = cells.at;
}

/* Runs it to the end. False: fault. Deterministic for a seed. */
static inline bool kit_run(struct kit *k)
{
    if (!k->leg_caps) k->leg_caps = CAPS;
    if (!k->client_caps) k->client_caps = CAPS;
    if (!k->window) k->window = 4096;
    if (!k->max_memory) k->max_memory = 1 << 20;
    if (!k->budget) k->budget = 100;
    arena_init(&k->arena, 0);
    static struct kit_reply replies[16];
    for (uint32_t i = 0; i < k->nlegs; i++) kit_make_reply(k, i, &replies[i]);
    struct merge_options o = {.spec = &k->spec,
                              .nlegs = k->nlegs,
                              .has_limit = k->has_limit,
                              .offset = k->offset,
                              .limit = k->limit,
                              .client_capabilities = k->client_caps,
                              .window = k->window,
                              .max_memory = k->max_memory,
                              .status = 2,
                              .binary = k->binary,
                              .pool = k->pool};
    struct merge *m = merge_new(&o);
    struct buf out = {0};
    uint8_t seq = 1;
    unsigned seed = k->seed;
    bool ok = m != NULL;
    if (!m) {
        k->state = MERGE_FAULT;
        k->fault = (struct fault){.code = 1041};
    }
    while (ok) {
        k->state = merge_run(m, &out, &seq, k->budget, &k->arena, &k->fault);
        if (merge_held(m) > k->most_held) k->most_held = merge_held(m);
        if (k->state == MERGE_FULL) continue;
        if (k->state != MERGE_NEED) break;
        uint32_t tried = 0, leg = (uint32_t)rand_r(&seed) % k->nlegs;
        while (tried < k->nlegs && (!merge_wants(m, leg) || replies[leg].next == replies[leg].n)) {
            leg = (leg + 1) % k->nlegs;
            tried++;
        }
        assert_true(tried < k->nlegs); /* NEED, but nobody is wanted: it would hang */
        uint32_t pieces = 1 + (uint32_t)rand_r(&seed) % 7;
        while (ok && pieces-- && merge_wants(m, leg) && replies[leg].next < replies[leg].n)
            ok = merge_put(m, leg, kit_payload(&replies[leg], replies[leg].next++), k->leg_caps, &k->arena,
                           &k->fault);
        if (!ok) k->state = MERGE_FAULT;
    }
    if (k->state == MERGE_FAULT) ok = false;
    if (m) {
        k->rows_in = merge_rows_in(m);
        k->started = merge_started(m);
    }
    kit_read(k, buf_str(&out));
    buf_release(&out);
    for (uint32_t i = 0; i < k->nlegs; i++) buf_release(&replies[i].bytes);
    merge_free(m);
    return ok;
}

/* "a|b\nc|NULL\n" */
static inline const char *kit_text(struct kit *k)
{
    struct buf b = {0};
    for (uint32_t i = 0; i < k->out_rows; i++)
        for (uint32_t j = 0; j < k->out_columns; j++) {
            struct str s = k->cells[i * k->out_columns + j];
            if (s.ptr)
                buf_put_str(&b, s);
            else
                buf_putz(&b, "NULL");
            buf_putz(&b, j + 1 == k->out_columns ? "\n" : "|");
        }
    struct str s = arena_str(&k->arena, b.len ? buf_str(&b) : STR(""));
    buf_release(&b);
    return s.ptr;
}

static void kit_done(struct kit *k)
{
    arena_release(&k->arena);
    memset(&k->fault, 0, sizeof k->fault);
    k->most_held = 0;
    k->cells = NULL;
    k->out_rows = 0;
}

/* The rows that came out, in binary, are those that `want` is encoded as. */
static inline void kit_same_binary(const struct kit *k, const char *want)
{
    uint32_t cell = 0;
    for (const char *p = want; *p; cell++) {
        size_t n = strcspn(p, "|\n");
        char text[256];
        assert_true(n < sizeof text && cell < k->out_rows * k->out_columns);
        memcpy(text, p, n);
        text[n] = 0;
        p += n + 1;
        struct str got = k->cells[cell];
        if (!got.ptr) {
            assert_string_equal(text, "NULL");
            continue;
        }
        struct buf b = {0};
        kit_encode(&k->columns[cell % k->out_columns], text, &b);
        if (!str_eq(buf_str(&b), got)) fail_msg("cell %u of\n%s: not '%s'", cell, want, text);
        buf_release(&b);
    }
    assert_int_equal(cell, k->out_rows * k->out_columns);
}

/* Under several orders of delivery, windows, budgets and in both protocols the result must be `want`. */
static inline void kit_expect(struct kit *k, const char *want)
{
    for (unsigned seed = 1; seed <= 16; seed++) {
        k->seed = seed;
        k->budget = seed & 1 ? 1 : 64 * seed;
        k->leg_caps = seed & 2 ? CAPS : (uint32_t)WIRE_CAP_PROTOCOL_41;
        k->client_caps = seed & 4 ? CAPS : (uint32_t)WIRE_CAP_PROTOCOL_41;
        k->binary = seed & 8 && !k->text_only;
        bool ok = kit_run(k);
        if (!ok) fail_msg("fault %u: " STR_FMT, k->fault.code, STR_ARG(k->fault.message));
        if (k->binary)
            kit_same_binary(k, want);
        else
            assert_string_equal(kit_text(k), want);
        kit_done(k);
    }
    k->binary = false;
}

static inline void kit_expect_fault(struct kit *k, uint16_t code, const char *part)
{
    k->seed = 3;
    for (int binary = 0; binary < (k->text_only ? 1 : 2); binary++) {
        k->binary = binary;
        assert_false(kit_run(k));
        assert_int_equal(k->fault.code, code);
        if (str_find(k->fault.message, str_of(part), 0) == SIZE_MAX)
            fail_msg("message: " STR_FMT, STR_ARG(k->fault.message));
        kit_done(k);
    }
    k->binary = false;
}

#define VIS(i)                                                                                               \
    {                                                                                                        \
        MERGE_VISIBLE, i                                                                                     \
    }
#define HID(i)                                                                                               \
    {                                                                                                        \
        MERGE_HIDDEN, i                                                                                      \
    }
#define KEY_VIS(i)                                                                                           \
    {                                                                                                        \
        .value = VIS(i)                                                                                      \
    }
#define KEY_VIS_DESC(i)                                                                                      \
    {                                                                                                        \
        .value = VIS(i), .desc = true                                                                        \
    }
#define LEG(rows)                                                                                            \
    {                                                                                                        \
        rows, COUNT_OF(rows)                                                                                 \
    }

#endif
