/* keys.c - values in text to comparable heads; see keys.h. */
#include "proxy/merge/keys.h"

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

bool row_cells(const char *row, size_t len, struct cell *cells, uint32_t n, bool ends, size_t *used)
{
    const unsigned char *p = (const unsigned char *)row;
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (at >= len) return false;
        uint64_t size = p[at++];
        if (UNLIKELY(size >= 0xfb)) {
            if (size == 0xfb) {
                cells[i] = (struct cell){(uint32_t)at, CELL_NULL};
                continue;
            }
            if (size == 0xff) return false;
            size_t bytes = size == 0xfc ? 2 : size == 0xfd ? 3 : 8;
            if (len - at < bytes) return false;
            size = 0;
            for (size_t b = 0; b < bytes; b++) size |= (uint64_t)p[at + b] << (8 * b);
            at += bytes;
        }
        if (size > len - at) return false;
        cells[i] = (struct cell){(uint32_t)at, (uint32_t)size};
        at += size;
    }
    *used = at;
    return !ends || at == len;
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

static uint64_t order_signed(int64_t v)
{
    return (uint64_t)v ^ (uint64_t)1 << 63;
}

static bool prefix_of(const struct key *k, struct str s, uint64_t *out)
{
    switch (k->cls) {
    case KEY_INT: {
        int64_t v;
        if (!str_to_i64(s, &v)) return false;
        *out = order_signed(v);
        return true;
    }
    case KEY_UINT: return str_to_u64(s, out);
    case KEY_DOUBLE: {
        double v;
        if (!double_parse(s, &v)) return false;
        *out = double_prefix(v);
        return true;
    }
    case KEY_DECIMAL: {
        struct decimal d;
        if (!decimal_parse(s, &d)) return false;
        *out = order_signed(decimal_prefix(&d));
        return true;
    }
    case KEY_DATETIME: return parse_datetime(s, out);
    case KEY_TIME: {
        int64_t v;
        if (!parse_time(s, &v)) return false;
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
