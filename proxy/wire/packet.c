/*
 * packet.c - the grain of the protocol: packets, length-encoded integers and strings, and the cursor that
 * reads them.
 *
 *   wire_begin          payload is put by the caller               wire_end
 *   | 00 00 00 00 |     | 03 S E L E C T ...                 |     the header is filled in, at its old place
 *
 * A payload of 16 MB - 1 or more becomes several packets. wire_end then makes room for the further headers by
 * moving the pieces towards the end, the last one first, so that no byte is moved twice:
 *
 *   | head | piece 0 piece 1 piece 2 |   ->   | head | piece 0 | head | piece 1 | head | piece 2 |
 *
 * A packet gets into the buffer whole or not at all: when the buffer fails, its length falls back to where
 * the packet began and *seq stays.
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

static void fill_header(char *h, size_t n, uint8_t seq)
{
    h[0] = (char)(n & 0xff);
    h[1] = (char)(n >> 8 & 0xff);
    h[2] = (char)(n >> 16 & 0xff);
    h[3] = (char)seq;
}

size_t wire_begin(struct buf *out)
{
    size_t begin = out->len;
    buf_put(out, "\0\0\0", WIRE_HEADER); /* three written zeros and the literal's own NUL */
    return begin;
}

void wire_end(struct buf *out, size_t begin, uint8_t *seq)
{
    if (UNLIKELY(out->failed || out->len < begin + WIRE_HEADER)) {
        out->failed = true;
        if (out->len > begin) out->len = begin;
        return;
    }
    size_t n = out->len - begin - WIRE_HEADER;
    if (LIKELY(n < WIRE_MAX_PAYLOAD)) {
        fill_header(out->data + begin, n, (*seq)++);
        return;
    }
    size_t full = n / WIRE_MAX_PAYLOAD, rest = n % WIRE_MAX_PAYLOAD;
    if (!buf_reserve(out, full * WIRE_HEADER)) {
        out->len = begin;
        return;
    }
    char *base = out->data + begin;
    for (size_t i = full;; i--) { /* piece `full` is the short one (perhaps empty), the others are full */
        char *to = base + i * (WIRE_MAX_PAYLOAD + WIRE_HEADER);
        size_t size = i == full ? rest : WIRE_MAX_PAYLOAD;
        if (i) memmove(to + WIRE_HEADER, base + WIRE_HEADER + i * WIRE_MAX_PAYLOAD, size);
        fill_header(to, size, (uint8_t)(*seq + i));
        if (i == 0) break;
    }
    out->len += full * WIRE_HEADER;
    *seq = (uint8_t)(*seq + full + 1);
}

void wire_put_packet(struct buf *out, uint8_t *seq, const void *payload, size_t n)
{
    size_t begin = out->len;
    uint8_t s = *seq;
    const char *p = payload;
    if (out->failed || n > SIZE_MAX / 4) {
        out->failed = true;
        return;
    }
    if (!buf_reserve(out, n + (n / WIRE_MAX_PAYLOAD + 1) * WIRE_HEADER)) return;
    for (;;) {
        size_t piece = n < WIRE_MAX_PAYLOAD ? n : WIRE_MAX_PAYLOAD;
        char head[WIRE_HEADER];
        fill_header(head, piece, s++);
        buf_put(out, head, WIRE_HEADER);
        buf_put(out, p, piece);
        n -= piece;
        if (piece < WIRE_MAX_PAYLOAD) break;
        p += piece;
    }
    if (out->failed)
        out->len = begin;
    else
        *seq = s;
}

/* ---- writing ---- */

void wire_put_lenenc(struct buf *out, uint64_t v)
{
    char c[9];
    size_t n = v < 0xfb ? 0 : v <= 0xffff ? 2 : v <= 0xffffff ? 3 : 8;
    c[0] = (char)(n == 0 ? v : n == 2 ? 0xfc : n == 3 ? 0xfd : 0xfe);
    for (size_t i = 0; i < n; i++) c[i + 1] = (char)(v >> (8 * i) & 0xff);
    buf_put(out, c, n + 1);
}

void wire_put_lenstr(struct buf *out, struct str s)
{
    wire_put_lenenc(out, s.len);
    buf_put_str(out, s);
}

void wire_put_z(struct buf *out, struct str s)
{
    if (s.len && memchr(s.ptr, 0, s.len)) { /* it would end early, and the rest be read as the next field */
        out->failed = true;
        return;
    }
    buf_put_str(out, s);
    buf_put_u8(out, 0);
}

void wire_put_zeros(struct buf *out, size_t n)
{
    static const char zeros[32];
    buf_put(out, zeros, n < sizeof zeros ? n : sizeof zeros);
}

/* ---- reading ---- */

static struct str fail(struct wire_reader *r)
{
    r->bad = true;
    r->p = r->end;
    return str_make("", 0);
}

struct str wire_get_bytes(struct wire_reader *r, size_t n)
{
    if (UNLIKELY(n > wire_left(r))) return fail(r);
    struct str s = str_make(r->p, n);
    r->p += n;
    return s;
}

uint64_t wire_get_uint(struct wire_reader *r, unsigned bytes)
{
    if (UNLIKELY(bytes > 8 || bytes > wire_left(r))) {
        fail(r);
        return 0;
    }
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)r->p[i] << (8 * i);
    r->p += bytes;
    return v;
}

uint64_t wire_get_lenenc(struct wire_reader *r)
{
    if (UNLIKELY(r->p == r->end)) {
        fail(r);
        return 0;
    }
    unsigned char first = *r->p++;
    if (LIKELY(first < 0xfb)) return first;
    switch (first) {
    case 0xfc: return wire_get_uint(r, 2);
    case 0xfd: return wire_get_uint(r, 3);
    case 0xfe: return wire_get_uint(r, 8);
    default: fail(r); return 0; /* 0xfb is NULL, 0xff nothing */
    }
}

struct str wire_get_lenstr(struct wire_reader *r)
{
    uint64_t n = wire_get_lenenc(r);
    if (UNLIKELY(r->bad || n > wire_left(r))) return fail(r);
    return wire_get_bytes(r, (size_t)n);
}

struct str wire_get_z(struct wire_reader *r)
{
    size_t left = wire_left(r);
    const unsigned char *nul = left ? memchr(r->p, 0, left) : NULL;
    if (!nul) return fail(r);
    struct str s = str_make(r->p, (size_t)(nul - r->p));
    r->p = nul + 1;
    return s;
}

struct str wire_get_rest(struct wire_reader *r)
{
    return wire_get_bytes(r, wire_left(r));
}

/* ---- names ---- */

const char *wire_command_name(uint8_t command)
{
#define X(id, value, name) [value] = name,
    static const char *const names[] = {WIRE_COMMANDS(X)};
#undef X
    return command < COUNT_OF(names) && names[command] ? names[command] : "Unknown";
}

const char *wire_error_state(uint16_t code)
{
    switch (code) {
#define X(id, value, state)                                                                                  \
    case value: return state;
        WIRE_ERRORS(X)
#undef X
    default: return "HY000";
    }
}
