/* keys.c - values to comparable heads; see keys.h. */
#include "proxy/merge/keys.h"

#include <math.h>

#include "proxy/merge/number.h"

enum key_class key_class_of(const struct wire_column *c)
{
    if (c->flags & (WIRE_COLUMN_ENUM | WIRE_COLUMN_SET))
        return KEY_REFUSED; /* sorted by index: its text says nothing */
    bool is_unsigned = c->flags & WIRE_COLUMN_UNSIGNED;
    switch (c->type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONGLONG: return is_unsigned ? KEY_UINT : KEY_INT;
    case WIRE_TYPE_YEAR: return KEY_UINT;
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE: return KEY_DOUBLE;
    case WIRE_TYPE_DECIMAL:
    case WIRE_TYPE_NEWDECIMAL: return KEY_DECIMAL;
    case WIRE_TYPE_DATE:
    case WIRE_TYPE_NEWDATE:
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP: return KEY_DATETIME;
    case WIRE_TYPE_TIME: return KEY_TIME;
    case WIRE_TYPE_BIT: return KEY_BYTES; /* big-endian, one length a column */
    case WIRE_TYPE_NULL: return KEY_NULL;
    case WIRE_TYPE_VARCHAR:
    case WIRE_TYPE_VAR_STRING:
    case WIRE_TYPE_STRING:
    case WIRE_TYPE_TINY_BLOB:
    case WIRE_TYPE_MEDIUM_BLOB:
    case WIRE_TYPE_LONG_BLOB:
    case WIRE_TYPE_BLOB:
        /* MariaDB's UUID, INET4 and INET6 come as strings marked unsigned, and sort otherwise than their
         * text. */
        if (is_unsigned) return KEY_REFUSED;
        return c->collation == 63 ? KEY_BYTES : KEY_TEXT;
    default:
        return KEY_REFUSED; /* a byte from the network: JSON, ENUM, SET, GEOMETRY, VECTOR and numbers yet
                               unknown */
    }
}

const char *key_class_name(enum key_class c)
{
    switch (c) {
    case KEY_INT: return "a signed integer";
    case KEY_UINT: return "an unsigned integer";
    case KEY_DOUBLE: return "a floating-point number";
    case KEY_DECIMAL: return "a decimal";
    case KEY_DATETIME: return "a date or time stamp";
    case KEY_TIME: return "a time";
    case KEY_BYTES: return "binary";
    case KEY_TEXT: return "text";
    case KEY_NULL: return "NULL";
    case KEY_REFUSED: return "of a type without comparable text (ENUM, SET, JSON, UUID, INET6, GEOMETRY)";
    }
    return "";
}

/* ---- cells ---- */

uint8_t row_width(uint8_t type)
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
    case WIRE_TYPE_NULL: return WIDTH_NEVER;
    default: return WIDTH_LONG; /* dates and times too: their one byte of length reads as any other */
    }
}

/* A length of more than one byte, `first` being that one: *at goes behind it. */
static bool long_length(const unsigned char *p, size_t *at, size_t len, uint64_t first, uint64_t *size)
{
    if (first == 0xfb || first == 0xff) return false;
    size_t bytes = first == 0xfc ? 2 : first == 0xfd ? 3 : 8;
    if (len - *at < bytes) return false;
    *size = 0;
    for (size_t b = 0; b < bytes; b++) *size |= (uint64_t)p[*at + b] << (8 * b);
    *at += bytes;
    return true;
}

/* A value behind its length, from p[*at], which goes behind it. */
static inline bool long_cell(const unsigned char *p, size_t *at, size_t len, struct cell *cell)
{
    if (UNLIKELY(*at >= len)) return false;
    uint64_t size = p[(*at)++];
    if (UNLIKELY(size >= 0xfb) && !long_length(p, at, len, size, &size)) return false;
    if (UNLIKELY(size > len - *at)) return false;
    *cell = (struct cell){(uint32_t)*at, (uint32_t)size};
    *at += size;
    return true;
}

static inline bool text_cells(const unsigned char *p, size_t len, struct cell *cells, uint32_t n, size_t *end)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (LIKELY(at < len) && UNLIKELY(p[at] == 0xfb))
            cells[i] = (struct cell){(uint32_t)++at, CELL_NULL};
        else if (UNLIKELY(!long_cell(p, &at, len, &cells[i])))
            return false;
    }
    *end = at;
    return true;
}

static inline bool binary_cells(const struct row_form *form, const unsigned char *p, size_t len,
                                struct cell *cells, uint32_t n, size_t *end)
{
    size_t at = row_bits_end(form->ncols);
    if (len < at || p[0] != 0) return false;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t width = form->widths[i];
        if (p[1 + (i + 2) / 8] >> ((i + 2) % 8) & 1) {
            cells[i] = (struct cell){(uint32_t)at, CELL_NULL};
        } else if (width == WIDTH_LONG) {
            if (UNLIKELY(!long_cell(p, &at, len, &cells[i]))) return false;
        } else {
            if (width == WIDTH_NEVER || len - at < width) return false;
            cells[i] = (struct cell){(uint32_t)at, width};
            at += width;
        }
    }
    *end = at;
    return true;
}

bool row_cells(const struct row_form *form, const char *row, size_t len, struct cell *cells, uint32_t n)
{
    const unsigned char *p = (const unsigned char *)row;
    size_t end = 0;
    if (!(form->binary ? binary_cells(form, p, len, cells, n, &end) : text_cells(p, len, cells, n, &end)))
        return false;
    return n < form->ncols || end == len;
}

/* ---- values ---- */

static bool digits(const char **p, const char *end, unsigned n, unsigned *out)
{
    unsigned v = 0;
    if ((size_t)(end - *p) < n) return false;
    for (unsigned i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9') return false;
        v = v * 10 + (unsigned)(**p - '0');
    }
    *out = v;
    return true;
}

static bool skip(const char **p, const char *end, char c)
{
    if (*p == end || **p != c) return false;
    ++*p;
    return true;
}

/* ".123456" in microseconds; nothing: 0. */
static bool fraction(const char **p, const char *end, unsigned *out)
{
    unsigned v = 0, n = 0;
    *out = 0;
    if (*p == end) return true;
    if (!skip(p, end, '.')) return false;
    for (; *p < end && n < 6; ++*p, n++) {
        if (**p < '0' || **p > '9') return false;
        v = v * 10 + (unsigned)(**p - '0');
    }
    for (; n < 6; n++) v *= 10;
    *out = v;
    return *p == end;
}

/* year 14 bits, month 4, day 5, hour 5, minute 6, second 6, microsecond 20: zero dates and parts included. */
static bool parse_datetime(struct str s, uint64_t *out)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    unsigned y, mo, d, h = 0, mi = 0, sec = 0, us = 0;
    if (!digits(&p, end, 4, &y) || !skip(&p, end, '-') || !digits(&p, end, 2, &mo) || !skip(&p, end, '-') ||
        !digits(&p, end, 2, &d))
        return false;
    if (p < end) {
        if (!skip(&p, end, ' ') || !digits(&p, end, 2, &h) || !skip(&p, end, ':') ||
            !digits(&p, end, 2, &mi) || !skip(&p, end, ':') || !digits(&p, end, 2, &sec) ||
            !fraction(&p, end, &us))
            return false;
    }
    if (mo > 12 || d > 31 || h > 23 || mi > 59 || sec > 59) return false;
    *out = (uint64_t)y << 46 | (uint64_t)mo << 42 | (uint64_t)d << 37 | (uint64_t)h << 32 |
           (uint64_t)mi << 26 | (uint64_t)sec << 20 | us;
    return true;
}

/* "[-]hhh:mm:ss[.ffffff]" in microseconds. */
static bool parse_time(struct str s, int64_t *out)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    bool negative = p < end && *p == '-';
    if (negative) p++;
    unsigned h = 0, mi, sec, us, n = 0;
    for (; p < end && *p >= '0' && *p <= '9' && n < 4; p++, n++) h = h * 10 + (unsigned)(*p - '0');
    if (!n || !skip(&p, end, ':') || !digits(&p, end, 2, &mi) || !skip(&p, end, ':') ||
        !digits(&p, end, 2, &sec) || !fraction(&p, end, &us))
        return false;
    int64_t v = (((int64_t)h * 60 + mi) * 60 + sec) * 1000000 + us;
    *out = negative ? -v : v;
    return mi < 60 && sec < 60;
}

/* ---- binary values ---- */

static uint64_t little_endian(struct str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) v |= (uint64_t)(unsigned char)s.ptr[i] << (8 * i);
    return v;
}

/* year, month, day; hour, minute, second; microseconds: each part only where it is not zero from there on. */
static bool binary_datetime(struct str s, uint64_t *out)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    uint64_t y = 0, mo = 0, d = 0, h = 0, mi = 0, sec = 0, us = 0;
    if (s.len != 0 && s.len != 4 && s.len != 7 && s.len != 11) return false;
    if (s.len) y = little_endian(str_make(p, 2)), mo = p[2], d = p[3];
    if (s.len > 4) h = p[4], mi = p[5], sec = p[6];
    if (s.len > 7) us = little_endian(str_make(p + 7, 4));
    if (y > 9999 || mo > 12 || d > 31 || h > 23 || mi > 59 || sec > 59 || us > 999999) return false;
    *out = y << 46 | mo << 42 | d << 37 | h << 32 | mi << 26 | sec << 20 | us;
    return true;
}

/* sign, days, hour, minute, second; microseconds */
static bool binary_time(struct str s, int64_t *out)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    *out = 0;
    if (s.len == 0) return true;
    if (s.len != 8 && s.len != 12) return false;
    int64_t days = (int64_t)little_endian(str_make(p + 1, 4));
    int64_t us = s.len > 8 ? (int64_t)little_endian(str_make(p + 8, 4)) : 0;
    if (p[0] > 1 || days > 9999 || p[5] > 23 || p[6] > 59 || p[7] > 59 || us > 999999) return false;
    int64_t v = (((days * 24 + p[5]) * 60 + p[6]) * 60 + p[7]) * 1000000 + us;
    *out = p[0] ? -v : v;
    return true;
}

bool value_double(bool binary, struct str s, double *out)
{
    if (!binary) return double_parse(s, out);
    if (s.len == sizeof *out) {
        memcpy(out, s.ptr, sizeof *out);
    } else if (s.len == sizeof(float)) {
        float f;
        memcpy(&f, s.ptr, sizeof f);
        *out = (double)f;
    } else {
        return false;
    }
    return isfinite(*out);
}

/* The common integer: short enough not to overflow, without sign. False: not so. */
static inline bool few_digits(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.len == 0 || s.len > 18) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9) return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool value_int(bool binary, enum key_class cls, struct str s, uint64_t *out)
{
    int64_t v;
    if (binary) {
        if (s.len == 0 || s.len > 8) return false;
        *out = little_endian(s);
        uint64_t sign = (uint64_t)1 << (8 * s.len - 1);
        if (cls == KEY_INT) *out = (*out ^ sign) - sign;
        return true;
    }
    if (LIKELY(few_digits(s, out))) return true;
    if (cls == KEY_UINT) return str_to_u64(s, out);
    if (!str_to_i64(s, &v)) return false;
    *out = (uint64_t)v;
    return true;
}

bool value_put_int(struct buf *out, enum key_class cls, uint64_t v, uint8_t width, bool is_unsigned)
{
    unsigned bits = 8u * width - (is_unsigned ? 0 : 1); /* that tell the magnitude */
    bool negative = cls == KEY_INT && v >> 63;
    uint64_t magnitude = negative ? ~v : v;
    if ((negative && is_unsigned) || (bits < 64 && magnitude >> bits)) return false;
    for (uint8_t i = 0; i < width; i++) buf_put_u8(out, (uint8_t)(v >> (8 * i)));
    return true;
}

static uint64_t order_signed(int64_t v)
{
    return (uint64_t)v ^ (uint64_t)1 << 63;
}

static bool prefix_of(const struct key *k, struct str s, uint64_t *out)
{
    switch (k->cls) {
    case KEY_INT:
        if (!value_int(k->binary, KEY_INT, s, out)) return false;
        *out = order_signed((int64_t)*out);
        return true;
    case KEY_UINT: return value_int(k->binary, KEY_UINT, s, out);
    case KEY_DOUBLE: {
        double v;
        if (!value_double(k->binary, s, &v)) return false;
        *out = double_prefix(v);
        return true;
    }
    case KEY_DECIMAL: {
        struct decimal d;
        if (!decimal_parse(s, &d)) return false;
        *out = order_signed(decimal_prefix(&d));
        return true;
    }
    case KEY_DATETIME: return k->binary ? binary_datetime(s, out) : parse_datetime(s, out);
    case KEY_TIME: {
        int64_t v = 0;
        if (!(k->binary ? binary_time(s, &v) : parse_time(s, &v))) return false;
        *out = order_signed(v);
        return true;
    }
    case KEY_BYTES:
    case KEY_TEXT: *out = weights_prefix((const unsigned char *)s.ptr, s.len, &k->pad); return true;
    case KEY_NULL:
    case KEY_REFUSED: return false;
    }
    return false;
}

bool key_head(const struct key *k, const char *row, const struct cell *cells, struct head *out)
{
    struct cell value = cells[k->value], field = cells[k->field];
    if (value.len == CELL_NULL) {
        *out = (struct head){.prefix = 0, .rank = k->desc ? 1 : 0};
        return true;
    }
    if (field.len == CELL_NULL)
        return false; /* a weight longer than the server's max_allowed_packet is NULL */
    out->off = field.off;
    out->len = field.len;
    out->rank = k->desc ? 0 : 1;
    if (!prefix_of(k, cell_str(row, field), &out->prefix)) return false;
    if (k->desc) out->prefix = ~out->prefix;
    return true;
}

int key_compare_tied(const struct key *k, const struct head *a, const char *row_a, const struct head *b,
                     const char *row_b)
{
    if (a->rank == (k->desc ? 1 : 0)) return 0; /* both NULL */
    struct str x = str_make(row_a + a->off, a->len), y = str_make(row_b + b->off, b->len);
    int c;
    if (k->cls == KEY_DECIMAL) {
        struct decimal p, q;
        c = decimal_parse(x, &p) && decimal_parse(y, &q) ? decimal_compare(&p, &q)
                                                         : 0; /* both were parsed before */
    } else {
        c = weights_compare((const unsigned char *)x.ptr, x.len, (const unsigned char *)y.ptr, y.len,
                            &k->pad);
    }
    return k->desc ? -c : c;
}

bool keys_backwards(const struct key *keys, uint32_t n, const struct head *a, const struct head *b)
{
    for (uint32_t i = 0; i < n; i++) {
        if (a[i].rank != b[i].rank) return b[i].rank < a[i].rank;
        if (a[i].prefix != b[i].prefix) return b[i].prefix < a[i].prefix;
        if (keys[i].cls == KEY_DECIMAL || keys[i].cls == KEY_BYTES || keys[i].cls == KEY_TEXT)
            return false; /* undecided */
    }
    return false;
}
