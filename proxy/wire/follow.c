/*
 * follow.c - finds the end of a server's reply by packet headers alone: the proxy's hot path.
 *
 *            column count                    columns_left = 0            fe
 *   FIRST ----------------> COLUMNS ----> COLUMNS_EOF -------> ROWS ----------> DONE, or FIRST when more results exist
 *     |                        \  DEPRECATE_EOF: straight to ROWS ^
 *     | 00 OK ------------> DONE, or FIRST when more results exist
 *     | fb ---------------> LOCAL_INFILE      (the caller relays the file, then sets state = FIRST and the next seq)
 *     | ff ERR, anywhere -> DONE
 *     ` what cannot be ---> BAD, and so does a sequence number out of order, anywhere
 *
 *   EXECUTE  as above; with CURSOR_EXISTS and no MORE_RESULTS in the EOF behind the definitions the reply ends there (under
 *            DEPRECATE_EOF the end of rows follows the definitions at once)
 *   PREPARE  FIRST -> COLUMNS (parameters) -> COLUMNS_EOF -> COLUMNS (columns) -> COLUMNS_EOF -> DONE; a list without entries has no EOF
 *   bare     resultset_metadata=NONE: no definitions, while their EOFs (without DEPRECATE_EOF) remain
 *   FETCH    starts at ROWS
 *
 * What the first byte of a packet means depends on the state and on the packet's length:
 *
 *   FIRST   00 OK, ff ERR, fb a request for a local file, else the column count
 *   ROWS    00 a row whose first field is '' (or a binary row), fb a row whose first field is NULL, ff ERR,
 *           fe  a row whose first field has 16 MB or more, when the packet is full (16 MB - 1); else the end
 *           of rows: an OK under DEPRECATE_EOF, an EOF (shorter than 9) without
 *
 * wire_follow_feed has two gears. The fast one walks packets that lie whole in the chunk, and decodes OK, EOF and ERR where they
 * are. The slow one takes one packet that straddles chunks, or is full, over its end, byte by byte where need be; `part` says what
 * becomes of the payload's rest: skipped, or kept in `tail` to be decoded at its end.
 *
 * Not followed: a COM_CHANGE_USER (its fe is an auth switch). After a failure, tail[0..ntail) is the ERR payload, wherever it lay.
 */
#include "proxy/wire/wire.h"

enum { EOF_MAX = 8, EOF_LENGTH = 5, PREPARED_LENGTH = 12, COLUMNS_MAX = 65535 /* servers stop at 4096 */ };
enum part { PART_FIRST_BYTE, PART_SKIP, PART_KEEP };
enum verdict { SKIP, KEEP, BAD };
#define NOINLINE      __attribute__((noinline)) /* keeps what is rare out of the loop's registers */
#define ALWAYS_INLINE inline __attribute__((always_inline))

void wire_follow_init(struct wire_follow *f, enum wire_follow_kind kind, uint32_t capabilities)
{
    memset(f, 0, offsetof(struct wire_follow, tail)); /* the tail is 5 times the rest, and ntail is 0 */
    f->capabilities = capabilities;
    f->kind = (uint8_t)kind;
    f->seq = 1;
    if (kind == WIRE_FOLLOW_FETCH) f->state = WIRE_F_ROWS;
}

/* ---- packets whose payload counts ---- */

/* The inlined little brother of wire_get_lenenc: advances *p, false when it is not one or passes the end. */
static inline bool lenenc(const unsigned char **p, const unsigned char *end, uint64_t *v)
{
    if (LIKELY(*p < end && **p < 0xfb)) {
        *v = *(*p)++;
        return true;
    }
    struct wire_reader r = wire_read(*p, (size_t)(end - *p));
    *v = wire_get_lenenc(&r);
    *p = r.p;
    return !r.bad;
}

static inline uint16_t u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* OK in both its forms, and EOF. `n` is what there is of the payload: its end may have been cut, not what is
 * read here. */
static ALWAYS_INLINE bool take_status(struct wire_follow *f, const unsigned char *p, size_t n)
{
    const unsigned char *end = p + n;
    if (*p == 0xfe && (!(f->capabilities & WIRE_CAP_DEPRECATE_EOF) || n == EOF_LENGTH)) {
        if (n < EOF_LENGTH || n > EOF_MAX) return false;
        f->warnings = u16(p + 1);
        f->status = u16(p + 3);
        return true;
    }
    p++;
    if (!lenenc(&p, end, &f->affected) || !lenenc(&p, end, &f->insert_id) || end - p < 4) return false;
    f->status = u16(p);
    f->warnings = u16(p + 2);
    return true;
}

static void take_error(struct wire_follow *f, const unsigned char *p, size_t n)
{
    struct wire_err e;
    if (n > sizeof f->tail) n = sizeof f->tail;
    if (p != f->tail) memcpy(f->tail, p, n);
    f->ntail = (uint16_t)n;
    f->failed = wire_get_err(str_make(f->tail, n), &e) == WIRE_OK;
    f->error = e.code;
    f->state = f->failed ? WIRE_F_DONE : WIRE_F_BAD;
}

/*
 * The reply ends behind the definitions: the rows wait in a cursor. A CALL of a procedure that opens cursors of its own has the flag set in
 * its result sets too, and rows in them; but it has more results to come, which the result of a cursor never has.
 */
static inline bool says_cursor(uint16_t status)
{
    return (status & (WIRE_STATUS_CURSOR_EXISTS | WIRE_STATUS_MORE_RESULTS_EXISTS)) == WIRE_STATUS_CURSOR_EXISTS;
}

/* A result (set) is complete: the next one, or the end. */
static inline void end_result(struct wire_follow *f)
{
    if (LIKELY(!(f->status & WIRE_STATUS_MORE_RESULTS_EXISTS))) {
        f->state = WIRE_F_DONE;
        return;
    }
    f->results++;
    f->state = WIRE_F_FIRST;
}

/* What lies behind the column count under OPTIONAL_RESULTSET_METADATA: 1 definitions, 0 none. */
static NOINLINE void take_metadata_flag(struct wire_follow *f, const unsigned char *p, size_t n)
{
    if (!(f->capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA) || n != 1 || *p > 1) {
        f->state = WIRE_F_BAD;
        return;
    }
    f->bare = *p == 0;
    if (f->bare) f->state = f->capabilities & WIRE_CAP_DEPRECATE_EOF ? WIRE_F_ROWS : WIRE_F_COLUMNS_EOF;
}

static inline void take_count(struct wire_follow *f, const unsigned char *p, size_t n)
{
    const unsigned char *end = p + n;
    uint64_t count;
    f->rows = 0;
    if (!lenenc(&p, end, &count) || count == 0 || count > COLUMNS_MAX) {
        f->state = WIRE_F_BAD;
        return;
    }
    f->is_resultset = true;
    f->bare = false;
    f->columns = f->columns_left = count;
    f->state = WIRE_F_COLUMNS;
    if (UNLIKELY(p != end)) take_metadata_flag(f, p, (size_t)(end - p));
}

/* PREPARE: the next list of definitions that has any, or the end. */
static void next_list(struct wire_follow *f)
{
    while (f->lists < 2) {
        uint16_t n = f->lists++ == 0 ? f->prepared.params : f->prepared.columns;
        if (n == 0 || (f->bare && f->capabilities & WIRE_CAP_DEPRECATE_EOF)) continue;
        f->columns_left = n;
        f->state = f->bare ? WIRE_F_COLUMNS_EOF : WIRE_F_COLUMNS;
        return;
    }
    f->state = WIRE_F_DONE;
}

static void take_prepared(struct wire_follow *f, const unsigned char *p, size_t n)
{
    if (wire_get_prepare_ok(str_make(p, n), &f->prepared) != WIRE_OK) {
        f->state = WIRE_F_BAD;
        return;
    }
    f->warnings = f->prepared.warnings;
    f->columns = f->prepared.columns;
    f->is_resultset = f->columns > 0;
    f->bare = f->capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA && n > PREPARED_LENGTH && p[PREPARED_LENGTH] == 0;
    next_list(f);
}

/* QUERY and EXECUTE: results, one after the other. */
static ALWAYS_INLINE void take_result(struct wire_follow *f, const unsigned char *p, size_t n, bool may_open_cursor)
{
    unsigned char first = *p;
    if (UNLIKELY(first == 0xff)) {
        take_error(f, p, n);
        return;
    }
    if (f->state == WIRE_F_FIRST && first != 0x00) {
        if (LIKELY(first != 0xfb))
            take_count(f, p, n);
        else
            f->state = WIRE_F_LOCAL_INFILE;
        return;
    }
    if (UNLIKELY(!take_status(f, p, n))) {
        f->state = WIRE_F_BAD;
        return;
    }
    if (f->state == WIRE_F_COLUMNS_EOF && !(may_open_cursor && says_cursor(f->status))) {
        f->state = WIRE_F_ROWS;
        return;
    }
    if (f->state == WIRE_F_FIRST) { /* an OK in place of a result set */
        f->is_resultset = false;
        f->columns = f->rows = 0;
    }
    end_result(f);
}

static NOINLINE void take_other(struct wire_follow *f, const unsigned char *p, size_t n)
{
    if (n && *p == 0xff) {
        take_error(f, p, n);
        return;
    }
    switch ((enum wire_follow_kind)f->kind) {
    case WIRE_FOLLOW_QUERY:
    case WIRE_FOLLOW_EXECUTE: take_result(f, p, n, true); return;
    case WIRE_FOLLOW_TEXT: f->state = WIRE_F_DONE; return;
    case WIRE_FOLLOW_PREPARE:
        if (f->state == WIRE_F_FIRST)
            take_prepared(f, p, n);
        else if (f->state == WIRE_F_COLUMNS || take_status(f, p, n)) /* the last definition where no EOF follows it, or an EOF */
            next_list(f);
        else
            f->state = WIRE_F_BAD;
        return;
    case WIRE_FOLLOW_OK:
    case WIRE_FOLLOW_FIELDS:
    case WIRE_FOLLOW_FETCH: f->state = take_status(f, p, n) ? WIRE_F_DONE : WIRE_F_BAD; return;
    }
}

/* The payload that classify() wanted to see. */
static NOINLINE void take(struct wire_follow *f, const unsigned char *p, size_t n)
{
    if (LIKELY(f->kind == WIRE_FOLLOW_QUERY))
        take_result(f, p, n, false);
    else
        take_other(f, p, n);
}

/* ---- what to do with a packet, by its first byte ---- */

static enum verdict classify_first(struct wire_follow *f, unsigned char first, uint32_t n)
{
    if (n == WIRE_MAX_PAYLOAD) return BAD; /* no first packet of a reply is that long */
    if (LIKELY(f->kind == WIRE_FOLLOW_QUERY)) return KEEP;
    switch ((enum wire_follow_kind)f->kind) {
    case WIRE_FOLLOW_OK: return first == 0x00 || first == 0xff || first == 0xfe ? KEEP : BAD;
    case WIRE_FOLLOW_FIELDS:
        if (first == 0xff || (first == 0xfe && n <= EOF_MAX)) return KEEP;
        if (first == 0xfe && f->capabilities & WIRE_CAP_DEPRECATE_EOF) return KEEP;
        if (first >= 0xfb) return BAD;
        f->columns++;
        return SKIP;
    case WIRE_FOLLOW_PREPARE: return first == 0x00 || first == 0xff ? KEEP : BAD;
    case WIRE_FOLLOW_QUERY:
    case WIRE_FOLLOW_EXECUTE:
    case WIRE_FOLLOW_TEXT: return KEEP;
    case WIRE_FOLLOW_FETCH: return BAD; /* starts at ROWS */
    }
    return BAD;
}

static ALWAYS_INLINE enum verdict classify(struct wire_follow *f, unsigned char first, uint32_t n)
{
    switch ((enum wire_follow_state)f->state) {
    case WIRE_F_COLUMNS:
        if (UNLIKELY(first >= 0xfb)) return first == 0xff && n < WIRE_MAX_PAYLOAD ? KEEP : BAD;
        if (--f->columns_left) return SKIP;
        if (!(f->capabilities & WIRE_CAP_DEPRECATE_EOF))
            f->state = WIRE_F_COLUMNS_EOF;
        else if (LIKELY(f->kind != WIRE_FOLLOW_PREPARE))
            f->state = WIRE_F_ROWS;
        else /* it may be the last packet of the reply: its end counts */
            return n < WIRE_MAX_PAYLOAD ? KEEP : BAD;
        return SKIP;
    case WIRE_F_COLUMNS_EOF:
        return (first == 0xfe && n <= EOF_MAX) || (first == 0xff && n < WIRE_MAX_PAYLOAD) ? KEEP : BAD;
    case WIRE_F_ROWS:
        if (LIKELY(first < 0xfe || (first == 0xfe && n == WIRE_MAX_PAYLOAD))) {
            f->rows++;
            return SKIP;
        }
        if (first == 0xfe) return n <= EOF_MAX || f->capabilities & WIRE_CAP_DEPRECATE_EOF ? KEEP : BAD;
        return n < WIRE_MAX_PAYLOAD ? KEEP : BAD;
    case WIRE_F_FIRST: return classify_first(f, first, n);
    case WIRE_F_DONE:
    case WIRE_F_BAD:
    case WIRE_F_LOCAL_INFILE: return BAD;
    }
    return BAD;
}

/* ---- the slow gear: one packet, over as many chunks as it takes ---- */

static void leave_packet(struct wire_follow *f)
{
    f->in_payload = false;
    if (f->part == PART_KEEP) take(f, f->tail, f->ntail);
}

/* The header is complete. */
static void enter_packet(struct wire_follow *f)
{
    uint32_t n = wire_u24(f->head);
    f->nhead = 0;
    if (f->head[3] != f->seq++) {
        f->state = WIRE_F_BAD;
        return;
    }
    f->in_payload = true;
    f->left = n;
    f->ntail = 0;
    f->part = f->continued ? PART_SKIP : PART_FIRST_BYTE;
    f->continued = n == WIRE_MAX_PAYLOAD;
    if (n) return;
    if (f->part == PART_FIRST_BYTE) { /* an empty payload says nothing, which only COM_STATISTICS may */
        if (f->kind != WIRE_FOLLOW_TEXT) {
            f->state = WIRE_F_BAD;
            return;
        }
        f->part = PART_KEEP;
    }
    leave_packet(f);
}

static const unsigned char *slow(struct wire_follow *f, const unsigned char *p, const unsigned char *end)
{
    while (p < end && f->state < WIRE_F_DONE) {
        if (!f->in_payload) {
            f->head[f->nhead++] = *p++;
            if (f->nhead == WIRE_HEADER) {
                enter_packet(f);
                if (!f->in_payload && !f->continued) return p;
            }
            continue;
        }
        if (f->part == PART_FIRST_BYTE) {
            enum verdict v = classify(f, *p, f->left);
            if (v == BAD) f->state = WIRE_F_BAD;
            f->part = v == KEEP ? PART_KEEP : PART_SKIP;
            continue;
        }
        size_t n = (size_t)(end - p) < f->left ? (size_t)(end - p) : f->left;
        if (f->part == PART_KEEP) {
            size_t room = sizeof f->tail - f->ntail, keep = n < room ? n : room;
            memcpy(f->tail + f->ntail, p, keep);
            f->ntail = (uint16_t)(f->ntail + keep);
        }
        p += n;
        f->left -= (uint32_t)n;
        if (f->left) break;
        leave_packet(f);
        if (!f->continued) return p;
    }
    return p;
}

/* ---- the fast gear ---- */

size_t wire_follow_feed(struct wire_follow *f, const void *chunk, size_t size)
{
    if (UNLIKELY(size == 0)) return 0;
    const unsigned char *start = chunk, *p = start, *end = p + size;
    if (f->in_payload | f->continued | (f->nhead > 0)) p = slow(f, p, end);
    while (f->state < WIRE_F_DONE && p < end) {
        size_t have = (size_t)(end - p);
        uint32_t n = have > WIRE_HEADER ? wire_u24(p) : 0;
        if (UNLIKELY(n == 0 || n == WIRE_MAX_PAYLOAD || n > have - WIRE_HEADER)) {
            p = slow(f, p, end);
            continue;
        }
        if (UNLIKELY(p[3] != f->seq)) {
            p += WIRE_HEADER;
            f->state = WIRE_F_BAD;
            break;
        }
        f->seq++;
        const unsigned char *payload = p + WIRE_HEADER;
        enum verdict v = classify(f, *payload, n);
        p = payload + n;
        if (LIKELY(v == SKIP)) continue;
        if (LIKELY(v == KEEP))
            take(f, payload, n);
        else
            f->state = WIRE_F_BAD;
    }
    return (size_t)(p - start);
}
