/*
 * value.c - one value from the binary protocol to the text protocol and back, and whole rows from text to binary.
 *
 *   binary                    text
 *   integer, little-endian    decimal digits; YEAR with four
 *   FLOAT, DOUBLE             number.c
 *   date, time (binary.c)     2024-02-29 | 2024-02-29 23:59:59.123456 | -838:59:59.000000; all zero when there are no bytes
 *   anything else             the same bytes
 *
 * A server's text of a FLOAT has six digits, so that the way back gives the number that was printed, not the one that was stored. ZEROFILL is
 * a matter of the column: wire_column_to_text.
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

enum { MICRO_DIGITS = 6, MAX_HOURS_DIGITS = 6 };

struct moment { /* of a date, a time, or both */
    bool negative;
    uint32_t year, month, day, hour, minute, second, micro;
};

static uint64_t le(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return v;
}

/* ---- binary to text ---- */

static void put_padded(struct buf *out, uint32_t v, unsigned digits)
{
    char c[10];
    for (unsigned i = digits; i > 0; i--, v /= 10) c[i - 1] = (char)('0' + v % 10);
    buf_put(out, c, digits);
}

static void put_fraction(struct buf *out, uint32_t micro, uint8_t decimals, bool has)
{
    unsigned digits = decimals <= MICRO_DIGITS ? decimals : has ? MICRO_DIGITS : 0;
    if (digits == 0) return;
    for (unsigned i = digits; i < MICRO_DIGITS; i++) micro /= 10;
    buf_put_u8(out, '.');
    put_padded(out, micro, digits);
}

static void put_clock(struct buf *out, const struct moment *m)
{
    buf_put_u8(out, ':');
    put_padded(out, m->minute, 2);
    buf_put_u8(out, ':');
    put_padded(out, m->second, 2);
}

static void time_to_text(struct str v, uint8_t decimals, struct buf *out)
{
    struct moment m = {0};
    uint64_t hours = 0;
    if (v.len >= 8) {
        m.negative = v.ptr[0] != 0;
        hours = le(v.ptr + 1, 4) * 24 + le(v.ptr + 5, 1);
        m.minute = (uint32_t)le(v.ptr + 6, 1);
        m.second = (uint32_t)le(v.ptr + 7, 1);
    }
    if (v.len >= 12) m.micro = (uint32_t)le(v.ptr + 8, 4);
    if (m.negative) buf_put_u8(out, '-');
    if (hours < 10) buf_put_u8(out, '0');
    buf_put_dec(out, hours);
    put_clock(out, &m);
    put_fraction(out, m.micro, decimals, v.len >= 12);
}

static void date_to_text(bool with_time, struct str v, uint8_t decimals, struct buf *out)
{
    struct moment m = {0};
    if (v.len >= 4) {
        m.year = (uint32_t)le(v.ptr, 2);
        m.month = (uint32_t)le(v.ptr + 2, 1);
        m.day = (uint32_t)le(v.ptr + 3, 1);
    }
    if (v.len >= 7) {
        m.hour = (uint32_t)le(v.ptr + 4, 1);
        m.minute = (uint32_t)le(v.ptr + 5, 1);
        m.second = (uint32_t)le(v.ptr + 6, 1);
    }
    if (v.len >= 11) m.micro = (uint32_t)le(v.ptr + 7, 4);
    put_padded(out, m.year, m.year > 9999 ? 5 : 4);
    buf_put_u8(out, '-');
    put_padded(out, m.month, 2);
    buf_put_u8(out, '-');
    put_padded(out, m.day, 2);
    if (!with_time) return;
    buf_put_u8(out, ' ');
    put_padded(out, m.hour, 2);
    put_clock(out, &m);
    put_fraction(out, m.micro, decimals, v.len >= 11);
}

static void integer_to_text(bool is_unsigned, struct str v, struct buf *out)
{
    uint64_t u = le(v.ptr, v.len), sign = 1ull << (8 * v.len - 1);
    if (!is_unsigned && u & sign) {
        buf_put_u8(out, '-');
        u = v.len == 8 ? 0 - u : 2 * sign - u;
    }
    buf_put_dec(out, u);
}

void wire_binary_to_text(uint8_t type, bool is_unsigned, uint8_t decimals, struct str v, struct buf *out)
{
    if (!v.ptr || type == WIRE_TYPE_NULL) return;
    if (wire_layouts[type] != WIRE_LAYOUT_TEXT && wire_value_size(type, v) == 0) {
        out->failed = true; /* no value of that type */
        return;
    }
    double d;
    float f;
    switch (type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_LONGLONG: integer_to_text(is_unsigned, v, out); return;
    case WIRE_TYPE_YEAR: put_padded(out, (uint32_t)le(v.ptr, 2), le(v.ptr, 2) > 9999 ? 5 : 4); return;
    case WIRE_TYPE_FLOAT:
        memcpy(&f, v.ptr, sizeof f);
        wire_put_real(out, (double)f, true, decimals);
        return;
    case WIRE_TYPE_DOUBLE:
        memcpy(&d, v.ptr, sizeof d);
        wire_put_real(out, d, false, decimals);
        return;
    case WIRE_TYPE_DATE: date_to_text(false, v, decimals, out); return;
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP: date_to_text(true, v, decimals, out); return;
    case WIRE_TYPE_TIME: time_to_text(v, decimals, out); return;
    default: buf_put_str(out, v); return;
    }
}

static bool fills_with_zeros(const struct wire_column *c)
{
    switch (c->type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_LONGLONG:
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE: return c->flags & WIRE_COLUMN_ZEROFILL;
    default: return false;
    }
}

void wire_column_to_text(const struct wire_column *c, struct str v, struct buf *out)
{
    size_t begin = out->len;
    if (UNLIKELY(c->type == WIRE_TYPE_YEAR && c->length == 2 && v.len == 2)) { /* YEAR(2) of MariaDB */
        put_padded(out, (uint32_t)le(v.ptr, 2) % 100, 2);
        return;
    }
    wire_binary_to_text(c->type, c->flags & WIRE_COLUMN_UNSIGNED, c->decimals, v, out);
    if (LIKELY(!fills_with_zeros(c)) || out->failed || !v.ptr || out->len - begin >= c->length || c->length > 0xff) return;
    size_t n = out->len - begin, zeros = c->length - n;
    if (!buf_reserve(out, zeros)) return;
    memmove(out->data + begin + zeros, out->data + begin, n);
    memset(out->data + begin, '0', zeros);
    out->len += zeros;
}

/* ---- text to binary ---- */

static bool take_digits(struct str *s, unsigned least, unsigned most, uint32_t *v)
{
    unsigned n = 0;
    for (*v = 0; n < most && n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++) *v = *v * 10 + (uint32_t)(s->ptr[n] - '0');
    *s = str_make(s->ptr + n, s->len - n);
    return n >= least;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || *s->ptr != c) return false;
    *s = str_make(s->ptr + 1, s->len - 1);
    return true;
}

/* [.f] and the end */
static bool take_fraction(struct str *s, uint32_t *micro)
{
    *micro = 0;
    if (s->len == 0) return true;
    size_t before = s->len - 1;
    if (!take_char(s, '.') || !take_digits(s, 1, MICRO_DIGITS, micro)) return false;
    for (size_t n = before - s->len; n < MICRO_DIGITS; n++) *micro *= 10;
    return s->len == 0;
}

static bool take_minutes(struct str *s, struct moment *m)
{
    return take_char(s, ':') && take_digits(s, 2, 2, &m->minute) && take_char(s, ':') && take_digits(s, 2, 2, &m->second) && m->minute < 60 &&
           m->second < 60 && take_fraction(s, &m->micro);
}

static bool text_to_date(bool with_time, struct str s, struct buf *out)
{
    struct moment m = {0};
    if (!take_digits(&s, 4, 4, &m.year) || !take_char(&s, '-') || !take_digits(&s, 2, 2, &m.month) || !take_char(&s, '-') ||
        !take_digits(&s, 2, 2, &m.day) || m.month > 12 || m.day > 31)
        return false;
    if (s.len && !(with_time && take_char(&s, ' ') && take_digits(&s, 2, 2, &m.hour) && m.hour < 24 && take_minutes(&s, &m))) return false;
    if (!(m.year | m.month | m.day | m.hour | m.minute | m.second | m.micro)) return true;
    buf_put_u16(out, (uint16_t)m.year);
    buf_put_u8(out, (uint8_t)m.month);
    buf_put_u8(out, (uint8_t)m.day);
    if (!(m.hour | m.minute | m.second | m.micro)) return true;
    buf_put_u8(out, (uint8_t)m.hour);
    buf_put_u8(out, (uint8_t)m.minute);
    buf_put_u8(out, (uint8_t)m.second);
    if (m.micro) buf_put_u32(out, m.micro);
    return true;
}

static bool text_to_time(struct str s, struct buf *out)
{
    struct moment m = {0};
    m.negative = take_char(&s, '-');
    if (!take_digits(&s, 2, MAX_HOURS_DIGITS, &m.hour) || !take_minutes(&s, &m)) return false;
    if (!(m.hour | m.minute | m.second | m.micro)) return true;
    buf_put_u8(out, m.negative);
    buf_put_u32(out, m.hour / 24);
    buf_put_u8(out, (uint8_t)(m.hour % 24));
    buf_put_u8(out, (uint8_t)m.minute);
    buf_put_u8(out, (uint8_t)m.second);
    if (m.micro) buf_put_u32(out, m.micro);
    return true;
}

static bool text_to_integer(size_t size, bool is_unsigned, struct str s, struct buf *out)
{
    uint64_t v = 0, top = size == 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
    bool negative = take_char(&s, '-');
    uint64_t most = is_unsigned ? negative ? 0 : top : negative ? top / 2 + 1 : top / 2;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || v > most / 10 || (v == most / 10 && digit > most % 10)) return false;
        v = v * 10 + digit;
    }
    if (negative) v = 0 - v;
    char c[8];
    for (size_t i = 0; i < size; i++) c[i] = (char)(v >> (8 * i) & 0xff);
    buf_put(out, c, size);
    return true;
}

bool wire_text_to_binary(uint8_t type, bool is_unsigned, struct str text, struct buf *out)
{
    double d;
    float f;
    switch (type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_LONGLONG: return text_to_integer(wire_layouts[type], is_unsigned, text, out);
    case WIRE_TYPE_YEAR: return text_to_integer(2, true, text, out);
    case WIRE_TYPE_FLOAT:
        if (!wire_parse_real(text, &d, &f)) return false;
        buf_put(out, &f, sizeof f);
        return true;
    case WIRE_TYPE_DOUBLE:
        if (!wire_parse_real(text, &d, NULL)) return false;
        buf_put(out, &d, sizeof d);
        return true;
    case WIRE_TYPE_DATE: return text_to_date(false, text, out);
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP: return text_to_date(true, text, out);
    case WIRE_TYPE_TIME: return text_to_time(text, out);
    default:
        if (wire_layouts[type] != WIRE_LAYOUT_TEXT) return false;
        buf_put_str(out, text);
        return true;
    }
}

/* ---- rows ---- */

/* One field of a row, from text, into the open packet. */
static bool put_field(const struct wire_column *c, struct str text, struct buf *out)
{
    bool is_unsigned = c->flags & WIRE_COLUMN_UNSIGNED;
    uint8_t layout = wire_layouts[c->type];
    if (layout == WIRE_LAYOUT_TEXT) {
        wire_put_lenstr(out, text);
        return true;
    }
    if (layout != WIRE_LAYOUT_SPAN) return wire_text_to_binary(c->type, is_unsigned, text, out);
    size_t at = out->len;
    buf_put_u8(out, 0);
    if (!wire_text_to_binary(c->type, is_unsigned, text, out)) return false;
    if (!out->failed) out->data[at] = (char)(out->len - at - 1);
    return true;
}

bool wire_text_row_to_binary(struct str payload, const struct wire_column *columns, uint32_t n, struct arena *a, struct buf *out, uint8_t *seq)
{
    (void)a; /* nothing is needed beside the row */
    size_t at = wire_begin(out), bytes = ((size_t)n + 2 + 7) / 8, bits = out->len + 1;
    const unsigned char *p = (const unsigned char *)(payload.ptr ? payload.ptr : ""), *end = p + payload.len;
    if (out->failed || !buf_reserve(out, 1 + bytes)) goto fail;
    memset(out->data + out->len, 0, 1 + bytes);
    out->len += 1 + bytes;
    for (uint32_t i = 0; i < n; i++) {
        struct str field;
        if (p == end) goto fail;
        if (*p == 0xfb) {
            uint32_t bit = i + 2;
            p++;
            out->data[bits + bit / 8] = (char)(out->data[bits + bit / 8] | 1 << (bit % 8));
        } else if (!wire_take_value(&p, end, WIRE_TYPE_STRING, &field) || !put_field(&columns[i], field, out))
            goto fail;
    }
    if (p != end || out->failed) goto fail;
    wire_end(out, at, seq);
    return !out->failed;
fail:
    if (out->len > at) out->len = at;
    return false;
}
