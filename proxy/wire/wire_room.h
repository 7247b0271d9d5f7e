/* wire_room.h - what the files of this folder share and nobody else needs. */
#ifndef WEIR_WIRE_ROOM_H
#define WEIR_WIRE_ROOM_H

#include "proxy/wire/wire.h"

/* A NUL-terminated field. A NUL inside of it would move all fields behind it: sets out->failed. */
void wire_put_z(struct buf *out, struct str s);
/* n <= 32 zero bytes. */
void wire_put_zeros(struct buf *out, size_t n);

static inline enum wire_status wire_verdict(const struct wire_reader *r)
{
    return r->bad ? WIRE_MALFORMED : WIRE_OK;
}

/*
 * How a binary value lies in a packet: 1, 2, 4, 8: so many bytes; SPAN: one byte of length, then 0, 4, 7, 8, 11 or 12 bytes; TEXT: a
 * length-encoded string; EMPTY: nothing (type NULL). 0: no type that may be on the wire.
 */
enum { WIRE_LAYOUT_BAD = 0, WIRE_LAYOUT_SPAN = 16, WIRE_LAYOUT_TEXT = 17, WIRE_LAYOUT_EMPTY = 18 };
extern const uint8_t wire_layouts[256];

/* Lengths of dates (0, 4, 7, 11) and times (0, 8, 12), as bits. */
enum { WIRE_DATE_LENGTHS = 1 << 0 | 1 << 4 | 1 << 7 | 1 << 11, WIRE_TIME_LENGTHS = 1 << 0 | 1 << 8 | 1 << 12 };
static inline bool wire_span_fits(uint8_t type, size_t n)
{
    return n <= 12 && ((type == WIRE_TYPE_TIME ? WIRE_TIME_LENGTHS : WIRE_DATE_LENGTHS) >> n & 1);
}

/* The value at *p, which moves behind it; false: it passes the end or has an impossible length. */
bool wire_take_long(const unsigned char **p, const unsigned char *end, struct str *value);
static inline bool wire_take_value(const unsigned char **p, const unsigned char *end, uint8_t type, struct str *value)
{
    uint8_t layout = wire_layouts[type];
    size_t left = (size_t)(end - *p), n = layout;
    if (layout > 8) {
        if (UNLIKELY(layout == WIRE_LAYOUT_EMPTY)) {
            *value = STR_NULL;
            return true;
        }
        if (UNLIKELY(left == 0)) return false;
        n = **p;
        if (layout == WIRE_LAYOUT_SPAN ? !wire_span_fits(type, n) : n >= 0xfb)
            return layout == WIRE_LAYOUT_TEXT && wire_take_long(p, end, value);
        ++*p;
        left--;
    }
    if (UNLIKELY(n > left || layout == WIRE_LAYOUT_BAD)) return false;
    *value = str_make(*p, n);
    *p += n;
    return true;
}

/* The bytes that wire_store_value writes. 0: the value does not fit its type (an EMPTY one has no bytes either, and is never stored). */
size_t wire_value_size(uint8_t type, struct str value);
/* Writes a value that has a size; returns where it ends. */
unsigned char *wire_store_value(unsigned char *p, uint8_t type, struct str value);

/* ---- FLOAT and DOUBLE (number.c) ---- */

enum { WIRE_NOT_FIXED = 31 }; /* decimals of a column without a scale of its own */
void wire_put_real(struct buf *out, double v, bool is_float, uint8_t decimals);
/* The whole of text as a number of SQL; f may be NULL. False: it is none, or out of range. */
bool wire_parse_real(struct str text, double *v, float *f) MUST_CHECK;

#endif
