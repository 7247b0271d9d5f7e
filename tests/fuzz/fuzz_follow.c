/*
 * Following a reply: the follower fed whole and in chunks against a slow reader of whole payloads (written
 * from the protocol's rules, by means of wire_gather). All must agree on where the reply ends and what it
 * said. Input: options (1 byte: kind in bits 0, 1 and 3, DEPRECATE_EOF 4, OPTIONAL_RESULTSET_METADATA 16), seed of the chunks (1 byte),
 * stream.
 */
#include "proxy/wire/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok) abort();
}

enum slow_state { FIRST, COLUMNS, COLUMNS_EOF, ROWS, DONE, BAD, LOCAL_FILE };

struct slow { /* the reference: one payload at a time */
    uint32_t caps;
    enum wire_follow_kind kind;
    enum slow_state state;
    uint64_t columns, left, rows;
    uint32_t results;
    bool failed, bare;
    unsigned lists; /* PREPARE */
    struct wire_prepared prepared;
    uint16_t error;
    struct wire_ok ok;
};

static bool ok_body(struct str p, struct wire_ok *ok)
{
    struct wire_reader r = wire_read(p.ptr, p.len);
    wire_get_uint(&r, 1);
    ok->affected = wire_get_lenenc(&r);
    ok->insert_id = wire_get_lenenc(&r);
    ok->status = (uint16_t)wire_get_uint(&r, 2);
    ok->warnings = (uint16_t)wire_get_uint(&r, 2);
    return !r.bad;
}

/* The end of rows, or of a command: an EOF, or an OK headed fe. */
static bool end_body(struct slow *s, struct str p)
{
    bool deprecate = s->caps & WIRE_CAP_DEPRECATE_EOF;
    if (deprecate && p.len != 5) return ok_body(p, &s->ok);
    return p.len < 9 && wire_get_eof(p, &s->ok.status, &s->ok.warnings) == WIRE_OK;
}

static void error(struct slow *s, struct str p)
{
    s->failed = p.len >= 3;
    s->state = s->failed ? DONE : BAD;
    if (s->failed) s->error = (uint16_t)((unsigned char)p.ptr[1] | (unsigned char)p.ptr[2] << 8);
}

static void end(struct slow *s)
{
    s->state = DONE;
    bool results = s->kind == WIRE_FOLLOW_QUERY || s->kind == WIRE_FOLLOW_EXECUTE;
    if (results && s->ok.status & WIRE_STATUS_MORE_RESULTS_EXISTS) {
        s->results++;
        s->state = FIRST;
    }
}

/* PREPARE: after the OK, or after a list. */
static void next_list(struct slow *s)
{
    bool deprecate = s->caps & WIRE_CAP_DEPRECATE_EOF;
    s->state = DONE;
    if (s->lists == 0) {
        s->lists = 1;
        s->left = s->prepared.params;
        if (s->left && !(s->bare && deprecate)) {
            s->state = s->bare ? COLUMNS_EOF : COLUMNS;
            return;
        }
    }
    if (s->lists == 1) {
        s->lists = 2;
        s->left = s->prepared.columns;
        if (s->left && !(s->bare && deprecate)) s->state = s->bare ? COLUMNS_EOF : COLUMNS;
    }
}

static void prepared_packet(struct slow *s, struct str p)
{
    if (wire_get_prepare_ok(p, &s->prepared) != WIRE_OK) {
        s->state = BAD;
        return;
    }
    s->columns = s->prepared.columns;
    s->ok.warnings = s->prepared.warnings;
    s->bare = s->caps & WIRE_CAP_OPTIONAL_RESULTSET_METADATA && p.len > 12 && p.ptr[12] == 0;
    next_list(s);
}

static void first_packet(struct slow *s, struct str p, unsigned char c)
{
    if (c == 0xff) {
        error(s, p);
        return;
    }
    if (s->kind == WIRE_FOLLOW_PREPARE) {
        prepared_packet(s, p);
        return;
    }
    if (s->kind == WIRE_FOLLOW_FIELDS && c < 0xfb) {
        s->columns++;
        return;
    }
    if (s->kind == WIRE_FOLLOW_FIELDS || s->kind == WIRE_FOLLOW_OK) {
        bool fine =
            (c == 0xfe && end_body(s, p)) || (c == 0 && s->kind == WIRE_FOLLOW_OK && ok_body(p, &s->ok));
        s->state = fine ? DONE : BAD;
        return;
    }
    if (c == 0xfb) {
        s->state = LOCAL_FILE;
        return;
    }
    s->rows = 0;
    if (c == 0) {
        s->columns = 0;
        s->state = ok_body(p, &s->ok) ? DONE : BAD;
        if (s->state == DONE) end(s);
        return;
    }
    bool with;
    s->state = wire_get_column_count(p, s->caps, &s->columns, &with) != WIRE_OK || s->columns == 0 || s->columns > 65535 ? BAD : COLUMNS;
    s->left = s->columns;
    if (s->state == COLUMNS && !with) s->state = s->caps & WIRE_CAP_DEPRECATE_EOF ? ROWS : COLUMNS_EOF;
}

static void slow_packet(struct slow *s, struct str p)
{
    unsigned char c = p.len ? (unsigned char)p.ptr[0] : 0;
    bool deprecate = s->caps & WIRE_CAP_DEPRECATE_EOF;
    if (s->kind == WIRE_FOLLOW_TEXT) {
        if (p.len && c == 0xff)
            error(s, p);
        else
            s->state = DONE;
    } else if (p.len == 0)
        s->state = BAD;
    else if (s->state == FIRST)
        first_packet(s, p, c);
    else if (c == 0xff)
        error(s, p);
    else if (s->state == COLUMNS) {
        if (c >= 0xfb)
            s->state = BAD;
        else if (--s->left == 0 && deprecate && s->kind == WIRE_FOLLOW_PREPARE)
            next_list(s);
        else if (s->left == 0)
            s->state = deprecate ? ROWS : COLUMNS_EOF;
    } else if (s->state == COLUMNS_EOF) {
        if (c != 0xfe || p.len >= 9 || !end_body(s, p))
            s->state = BAD;
        else if (s->kind == WIRE_FOLLOW_PREPARE)
            next_list(s);
        else if (s->kind == WIRE_FOLLOW_EXECUTE && s->ok.status & WIRE_STATUS_CURSOR_EXISTS && !(s->ok.status & WIRE_STATUS_MORE_RESULTS_EXISTS))
            s->state = DONE;
        else
            s->state = ROWS;
    } else if (c == 0xfe) {
        if (end_body(s, p))
            end(s);
        else
            s->state = BAD;
    } else
        s->rows++;
}

static size_t slow_follow(struct slow *s, const uint8_t *p, size_t n)
{
    struct wire_gather g = {.seq = 1, .check_seq = true};
    size_t at = 0;
    while (s->state < DONE) {
        size_t used;
        struct str payload;
        enum wire_status st = wire_gather_next(&g, p + at, n - at, &used, &payload);
        at += used;
        if (st == WIRE_MORE) break;
        if (st == WIRE_MALFORMED)
            s->state = BAD;
        else
            slow_packet(s, payload);
    }
    wire_gather_release(&g);
    return at;
}

static void same(const struct wire_follow *a, const struct wire_follow *b)
{
    require((a->state >= WIRE_F_DONE) == (b->state >= WIRE_F_DONE));
    if (a->state >= WIRE_F_DONE) require(a->state == b->state);
    require(a->state == WIRE_F_BAD ||
            (a->columns == b->columns && a->rows == b->rows && a->results == b->results &&
             a->status == b->status && a->warnings == b->warnings && a->affected == b->affected &&
             a->insert_id == b->insert_id && a->failed == b->failed && a->error == b->error &&
             a->is_resultset == b->is_resultset && a->bare == b->bare));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    enum wire_follow_kind kind = (enum wire_follow_kind)(((data[0] & 3u) | (data[0] & 8u) >> 1) % (WIRE_FOLLOW_EXECUTE + 1));
    uint32_t caps = data[0] & 4 ? (uint32_t)WIRE_CAP_DEPRECATE_EOF : 0;
    if (data[0] & 16) caps |= WIRE_CAP_OPTIONAL_RESULTSET_METADATA;
    uint32_t x = data[1] * 2654435761u + 1;
    data += 2;
    size -= 2;
    struct wire_follow a, b;
    wire_follow_init(&a, kind, caps);
    wire_follow_init(&b, kind, caps);
    size_t na = wire_follow_feed(&a, data, size), nb = 0;
    require(na <= size && (na == size || a.state >= WIRE_F_DONE));
    while (nb < size && b.state < WIRE_F_DONE) {
        x = x * 1664525 + 1013904223;
        size_t n = 1 + (x >> 28);
        if (n > size - nb) n = size - nb;
        size_t used = wire_follow_feed(&b, data + nb, n);
        require(used <= n && (used == n || b.state >= WIRE_F_DONE));
        nb += used;
    }
    same(&a, &b);
    if (a.state != WIRE_F_BAD) require(na == nb);

    struct slow s = {.caps = caps, .kind = kind, .state = kind == WIRE_FOLLOW_FETCH ? ROWS : FIRST};
    size_t ns = slow_follow(&s, data, size);
    if (s.state < DONE) { /* the follower may know of a fault before the payload is whole */
        require(a.state < WIRE_F_DONE || a.state == WIRE_F_BAD);
        return 0;
    }
    require(a.state == (s.state == DONE ? WIRE_F_DONE : s.state == BAD ? WIRE_F_BAD : WIRE_F_LOCAL_INFILE));
    if (s.state == BAD) return 0;
    require(na == ns && a.columns == s.columns && a.rows == s.rows && a.results == s.results);
    require(a.status == s.ok.status && a.warnings == s.ok.warnings && a.affected == s.ok.affected &&
            a.insert_id == s.ok.insert_id);
    require(a.failed == s.failed && a.error == s.error);
    return 0;
}
