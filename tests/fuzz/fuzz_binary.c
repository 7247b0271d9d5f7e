/*
 * The binary protocol: executes, rows and values. Input: what to try (1 byte), number of parameters or columns (1 byte), then
 *
 *   0  types of the columns (one byte each), a binary row: views stay inside; put again it is read as the same
 *   1  long_data flags and known types (three bytes each), an EXECUTE: likewise, without and with query attributes
 *   2  type, unsigned, decimals, a text: what becomes binary gives text that gives the same binary (a FLOAT's six digits excepted)
 *   3  type, unsigned, decimals, a binary value: its text gives binary that gives the same text
 *   4  definitions (type, flags, decimals), a text row: refused, or a binary row of as many columns
 */
#include "proxy/wire/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 40 };

static void require(bool ok)
{
    if (!ok) abort();
}

static void inside(struct str all, struct str part)
{
    if (part.len) require(part.ptr >= all.ptr && part.ptr + part.len <= all.ptr + all.len);
}

static void try_row(const uint8_t *types, uint32_t n, struct str p)
{
    struct str a[MOST], b[MOST];
    if (wire_get_binary_row(p, types, a, n) != WIRE_OK) return;
    struct buf out = {0};
    uint8_t seq = 0;
    wire_put_binary_row(&out, &seq, types, a, n);
    require(!out.failed && out.len <= p.len + WIRE_HEADER + 8 * n);
    require(wire_get_binary_row(str_make(out.data + WIRE_HEADER, out.len - WIRE_HEADER), types, b, n) == WIRE_OK);
    for (uint32_t i = 0; i < n; i++) {
        inside(p, a[i]);
        require(!a[i].ptr == !b[i].ptr && str_eq(a[i], b[i]));
    }
    buf_release(&out);
}

static void try_execute(const uint8_t *known, uint16_t n, struct str p, uint32_t capabilities)
{
    struct wire_param a[MOST] = {0}, b[MOST] = {0};
    static const uint8_t usual[] = {WIRE_TYPE_LONG, WIRE_TYPE_LONGLONG, WIRE_TYPE_STRING, WIRE_TYPE_DATE,
                                    WIRE_TYPE_TIME, WIRE_TYPE_NULL,     WIRE_TYPE_TINY};
    uint16_t types[MOST], again[MOST];
    bool bound = n && known[0] & 1, yes = false;
    struct wire_execute x, y;
    for (uint16_t i = 0; i < n; i++) {
        a[i].long_data = known[3 * i] & 2;
        if (a[i].long_data) a[i].value = STR("long");
        types[i] = (uint16_t)(usual[known[3 * i + 1] % COUNT_OF(usual)] | (known[3 * i + 2] & 0x80) << 8);
    }
    if (wire_get_execute(p, capabilities, n, types, &bound, &x, a) != WIRE_OK) return;
    struct buf out = {0};
    uint8_t seq = 0;
    wire_put_execute(&out, &seq, x.id, x.flags, a, n);
    require(!out.failed);
    struct str payload = str_make(out.data + WIRE_HEADER + 1, out.len - WIRE_HEADER - 1);
    require(wire_get_execute(payload, 0, n, again, &yes, &y, b) == WIRE_OK);
    require(x.id == y.id && (x.flags & ~WIRE_PARAMETER_COUNT_AVAILABLE) == y.flags && y.iterations == 1);
    for (uint16_t i = 0; i < n; i++) {
        if (!a[i].long_data) inside(p, a[i].value);
        require(a[i].null == b[i].null && str_eq(a[i].value, b[i].value));
        require(a[i].long_data || a[i].type == b[i].type);
    }
    buf_release(&out);
}

static void try_text(uint8_t type, bool is_unsigned, struct str s)
{
    struct buf a = {0}, text = {0}, b = {0};
    if (wire_text_to_binary(type, is_unsigned, s, &a)) {
        require(!a.failed);
        wire_binary_to_text(type, is_unsigned, 31, a.data ? buf_str(&a) : STR(""), &text);
        require(!text.failed);
        require(wire_text_to_binary(type, is_unsigned, text.data ? buf_str(&text) : STR(""), &b));
        if (type == WIRE_TYPE_FLOAT)
            require(a.len == b.len);
        else
            require(str_eq(buf_str(&a), buf_str(&b)));
    } else
        require(a.len == 0);
    buf_release(&a);
    buf_release(&b);
    buf_release(&text);
}

static void try_value(uint8_t type, bool is_unsigned, uint8_t decimals, struct str v)
{
    struct buf text = {0}, again = {0}, bin = {0};
    wire_binary_to_text(type, is_unsigned, decimals, v, &text);
    struct str t = text.data ? buf_str(&text) : STR("");
    if (!text.failed && type != WIRE_TYPE_NULL && wire_text_to_binary(type, is_unsigned, t, &bin)) {
        wire_binary_to_text(type, is_unsigned, decimals, bin.data ? buf_str(&bin) : STR(""), &again);
        require(!again.failed);
        /* fixed decimals are rounded from the binary number, so that twice is not once; minus nothing is nothing, and so is a fraction of zeros */
        bool real = type == WIRE_TYPE_FLOAT || type == WIRE_TYPE_DOUBLE, exact = !real || (decimals >= 31 && type == WIRE_TYPE_DOUBLE);
        bool moment = type == WIRE_TYPE_DATETIME || type == WIRE_TYPE_TIMESTAMP;
        if (exact && type != WIRE_TYPE_TIME && !(moment && decimals > 6)) require(str_eq(t, again.data ? buf_str(&again) : STR("")));
    }
    struct wire_column c = {.type = type, .flags = is_unsigned ? WIRE_COLUMN_UNSIGNED | WIRE_COLUMN_ZEROFILL : 0, .decimals = decimals, .length = 30};
    buf_reset(&again);
    wire_column_to_text(&c, v, &again);
    require(again.failed == text.failed && (text.failed || again.len >= text.len));
    buf_release(&text);
    buf_release(&again);
    buf_release(&bin);
}

static void try_text_row(const uint8_t *d, uint32_t n, struct str p)
{
    struct wire_column columns[MOST] = {0};
    struct arena a;
    uint8_t types[MOST], seq = 0;
    struct str fields[MOST];
    for (uint32_t i = 0; i < n; i++, d += 3) columns[i] = (struct wire_column){.type = types[i] = d[0], .flags = d[1], .decimals = d[2]};
    arena_init(&a, 0);
    struct buf out = {0};
    if (wire_text_row_to_binary(p, columns, n, &a, &out, &seq)) {
        require(seq == 1);
        require(wire_get_binary_row(str_make(out.data + WIRE_HEADER, out.len - WIRE_HEADER), types, fields, n) == WIRE_OK);
    } else
        require(out.len == 0 && seq == 0);
    buf_release(&out);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5) return 0;
    uint8_t what = data[0] % 5;
    uint32_t n = data[1] % (MOST + 1);
    const uint8_t *p = data + 2, *end = data + size;
    size_t head = what == 0 ? n : what == 1 || what == 4 ? 3 * (size_t)n : 3;
    if (head > (size_t)(end - p)) return 0;
    struct str rest = str_make(p + head, (size_t)(end - p) - head);
    if (what == 0) try_row(p, n, rest);
    if (what == 1) {
        try_execute(p, (uint16_t)n, rest, 0);
        try_execute(p, (uint16_t)n, rest, WIRE_CAP_QUERY_ATTRIBUTES);
    }
    if (what == 2) try_text(p[0], p[1] & 1, rest);
    if (what == 3) try_value(p[0], p[1] & 1, p[2], rest);
    if (what == 4) try_text_row(p, n, rest);
    return 0;
}
