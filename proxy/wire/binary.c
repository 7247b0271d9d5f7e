/*
 * binary.c - values and rows of the binary protocol.
 *
 *   row     00 | NULL bits, the first column's is bit 2 of the first byte | values of the columns that are not NULL
 *   value   integers and floats little-endian at their size; dates and times: one byte of length and so many bytes; all else a
 *           length-encoded string
 *
 *   date    year u16 month day                      4 bytes, 0 when all is zero
 *           ... hour minute second                  7 bytes
 *           ... microseconds u32                    11 bytes
 *   time    negative days u32 hour minute second    8 bytes, 0 when all is zero
 *           ... microseconds u32                    12 bytes
 *
 * A view of a value is what lies behind its length. wire_layouts says for each type how its value lies in a packet; parameters and
 * columns share it (prepared.c reads parameters).
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

enum { TEXT = WIRE_LAYOUT_TEXT, SPAN = WIRE_LAYOUT_SPAN, ROW_HEADER = 0x00, ROW_BIT = 2 };

const uint8_t wire_layouts[256] = {
    [WIRE_TYPE_TINY] = 1,       [WIRE_TYPE_SHORT] = 2,        [WIRE_TYPE_YEAR] = 2,        [WIRE_TYPE_LONG] = 4,
    [WIRE_TYPE_INT24] = 4,      [WIRE_TYPE_FLOAT] = 4,        [WIRE_TYPE_LONGLONG] = 8,    [WIRE_TYPE_DOUBLE] = 8,
    [WIRE_TYPE_DATE] = SPAN,    [WIRE_TYPE_DATETIME] = SPAN,  [WIRE_TYPE_TIMESTAMP] = SPAN, [WIRE_TYPE_TIME] = SPAN,
    [WIRE_TYPE_DECIMAL] = TEXT, [WIRE_TYPE_NEWDECIMAL] = TEXT, [WIRE_TYPE_VARCHAR] = TEXT, [WIRE_TYPE_VAR_STRING] = TEXT,
    [WIRE_TYPE_STRING] = TEXT,  [WIRE_TYPE_BIT] = TEXT,       [WIRE_TYPE_ENUM] = TEXT,     [WIRE_TYPE_SET] = TEXT,
    [WIRE_TYPE_TINY_BLOB] = TEXT, [WIRE_TYPE_BLOB] = TEXT,    [WIRE_TYPE_MEDIUM_BLOB] = TEXT, [WIRE_TYPE_LONG_BLOB] = TEXT,
    [WIRE_TYPE_JSON] = TEXT,    [WIRE_TYPE_GEOMETRY] = TEXT,  [WIRE_TYPE_VECTOR] = TEXT,   [WIRE_TYPE_NULL] = WIRE_LAYOUT_EMPTY,
};

/* ---- one value ---- */

bool wire_take_long(const unsigned char **p, const unsigned char *end, struct str *value)
{
    struct wire_reader r = wire_read(*p, (size_t)(end - *p));
    if (r.p < r.end && *r.p == 0xfe) { /* no value has 4 GiB: servers read the low half alone, and a driver is known to fill the upper one wrongly */
        (void)wire_get_uint(&r, 1);
        uint64_t n = wire_get_uint(&r, 4);
        (void)wire_get_uint(&r, 4);
        *value = wire_get_bytes(&r, (size_t)n);
    } else {
        *value = wire_get_lenstr(&r);
    }
    *p = r.p;
    return !r.bad;
}

size_t wire_value_size(uint8_t type, struct str v)
{
    uint8_t layout = wire_layouts[type];
    if (LIKELY(layout <= 8)) return v.len == layout ? layout : 0;
    if (layout == SPAN) return wire_span_fits(type, v.len) ? 1 + v.len : 0;
    if (layout != TEXT) return 0;
    return v.len + (v.len < 0xfb ? 1 : v.len <= 0xffff ? 3 : v.len <= 0xffffff ? 4 : 9);
}

unsigned char *wire_store_value(unsigned char *p, uint8_t type, struct str v)
{
    size_t n = v.len;
    if (wire_layouts[type] > 8) {
        size_t more = n < 0xfb ? 0 : n <= 0xffff ? 2 : n <= 0xffffff ? 3 : 8;
        *p++ = (unsigned char)(more == 0 ? n : more == 2 ? 0xfc : more == 3 ? 0xfd : 0xfe);
        for (size_t i = 0; i < more; i++) *p++ = (unsigned char)((uint64_t)n >> (8 * i) & 0xff);
    }
    if (n) memcpy(p, v.ptr, n);
    return p + n;
}

void wire_put_binary_value(struct buf *out, uint8_t type, struct str value)
{
    size_t n = wire_value_size(type, value);
    if (n == 0) {
        if (type != WIRE_TYPE_NULL) out->failed = true;
        return;
    }
    if (out->failed || !buf_reserve(out, n)) return;
    wire_store_value((unsigned char *)out->data + out->len, type, value);
    out->len += n;
}

/* ---- rows ---- */

enum wire_status wire_get_binary_row(struct str payload, const uint8_t *types, struct str *fields, uint32_t n)
{
    size_t bytes = ((size_t)n + ROW_BIT + 7) / 8;
    if (payload.len < 1 + bytes || *payload.ptr != ROW_HEADER) return WIRE_MALFORMED;
    const unsigned char *bits = (const unsigned char *)payload.ptr + 1, *p = bits + bytes, *end = bits - 1 + payload.len;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bit = i + ROW_BIT;
        if (bits[bit / 8] >> (bit % 8) & 1)
            fields[i] = STR_NULL;
        else if (UNLIKELY(!wire_take_value(&p, end, types[i], &fields[i])))
            return WIRE_MALFORMED;
    }
    return p == end ? WIRE_OK : WIRE_MALFORMED;
}

void wire_put_binary_row(struct buf *out, uint8_t *seq, const uint8_t *types, const struct str *fields, uint32_t n)
{
    size_t bytes = ((size_t)n + ROW_BIT + 7) / 8, size = WIRE_HEADER + 1 + bytes;
    for (uint32_t i = 0; i < n; i++) {
        if (!fields[i].ptr) continue;
        size_t v = wire_value_size(types[i], fields[i]);
        if (UNLIKELY(v == 0)) {
            out->failed = true;
            return;
        }
        size += v;
    }
    if (!buf_reserve(out, size)) return;
    size_t at = wire_begin(out);
    unsigned char *bits = (unsigned char *)out->data + out->len + 1, *p = bits + bytes;
    bits[-1] = ROW_HEADER;
    memset(bits, 0, bytes);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bit = i + ROW_BIT;
        if (fields[i].ptr)
            p = wire_store_value(p, types[i], fields[i]);
        else
            bits[bit / 8] = (unsigned char)(bits[bit / 8] | 1u << (bit % 8));
    }
    out->len = (size_t)(p - (unsigned char *)out->data);
    wire_end(out, at, seq);
}
