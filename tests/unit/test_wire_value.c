/*
 * Values and rows of the binary protocol, and the way to text and back. The texts are those of MariaDB 10.11 and MySQL 9.7, which print all of
 * these alike; tools that compare thousands of random values with live servers found no other difference.
 */
#include "test_wire.h"

#include <math.h>
#include <stdio.h>

enum { U = WIRE_COLUMN_UNSIGNED, Z = WIRE_COLUMN_UNSIGNED | WIRE_COLUMN_ZEROFILL };

static const struct value {
    uint8_t type;
    uint16_t flags;
    uint8_t decimals;
    uint32_t length;
    const char *hex, *text;
} values[] = {
    {WIRE_TYPE_TINY, 0, 0, 4, "80", "-128"},
    {WIRE_TYPE_TINY, U, 0, 3, "80", "128"},
    {WIRE_TYPE_TINY, 0, 0, 4, "00", "0"},
    {WIRE_TYPE_SHORT, 0, 0, 6, "ffff", "-1"},
    {WIRE_TYPE_SHORT, U, 0, 5, "ffff", "65535"},
    {WIRE_TYPE_INT24, 0, 0, 9, "000080ff", "-8388608"},
    {WIRE_TYPE_INT24, U, 0, 8, "ffffff00", "16777215"},
    {WIRE_TYPE_LONG, 0, 0, 11, "00000080", "-2147483648"},
    {WIRE_TYPE_LONG, U, 0, 10, "ffffffff", "4294967295"},
    {WIRE_TYPE_LONGLONG, 0, 0, 20, "0000000000000080", "-9223372036854775808"},
    {WIRE_TYPE_LONGLONG, 0, 0, 20, "ffffffffffffff7f", "9223372036854775807"},
    {WIRE_TYPE_LONGLONG, U, 0, 20, "ffffffffffffffff", "18446744073709551615"},
    {WIRE_TYPE_TINY, Z, 0, 4, "07", "0007"},
    {WIRE_TYPE_LONG, Z, 0, 10, "07000000", "0000000007"},
    {WIRE_TYPE_LONG, Z, 0, 3, "d2040000", "1234"},
    {WIRE_TYPE_LONGLONG, Z, 0, 20, "0000000000000000", "00000000000000000000"},
    {WIRE_TYPE_YEAR, U, 0, 4, "e807", "2024"},
    {WIRE_TYPE_YEAR, U, 0, 4, "0000", "0000"},
    {WIRE_TYPE_YEAR, Z, 0, 2, "0000", "00"},
    {WIRE_TYPE_YEAR, Z, 0, 2, "4500", "69"},
    {WIRE_TYPE_DATE, 0, 0, 10, "e807021d", "2024-02-29"},
    {WIRE_TYPE_DATE, 0, 0, 10, "", "0000-00-00"},
    {WIRE_TYPE_DATE, 0, 0, 10, "e7030000", "0999-00-00"},
    {WIRE_TYPE_DATETIME, 0, 0, 19, "", "0000-00-00 00:00:00"},
    {WIRE_TYPE_DATETIME, 0, 3, 23, "", "0000-00-00 00:00:00.000"},
    {WIRE_TYPE_DATETIME, 0, 0, 19, "e8070c1f", "2024-12-31 00:00:00"},
    {WIRE_TYPE_DATETIME, 0, 6, 26, "e8070c1f", "2024-12-31 00:00:00.000000"},
    {WIRE_TYPE_DATETIME, 0, 1, 21, "e8070c1f173b3b", "2024-12-31 23:59:59.0"},
    {WIRE_TYPE_DATETIME, 0, 6, 26, "e8070c1f000000" "01000000", "2024-12-31 00:00:00.000001"},
    {WIRE_TYPE_TIMESTAMP, 0, 1, 21, "e8070c1f173b3b" "20a10700", "2024-12-31 23:59:59.5"},
    {WIRE_TYPE_TIME, 0, 0, 10, "", "00:00:00"},
    {WIRE_TYPE_TIME, 0, 2, 13, "", "00:00:00.00"},
    {WIRE_TYPE_TIME, 0, 0, 10, "01" "22000000" "163b3b", "-838:59:59"},
    {WIRE_TYPE_TIME, 0, 0, 10, "00" "01000000" "000000", "24:00:00"},
    {WIRE_TYPE_TIME, 0, 6, 17, "01" "00000000" "010203" "40e20100", "-01:02:03.123456"},
    {WIRE_TYPE_TIME, 0, 6, 17, "01" "00000000" "000000" "01000000", "-00:00:00.000001"},
    {WIRE_TYPE_DOUBLE, 0, 31, 22, "000000000000f03f", "1"},
    {WIRE_TYPE_DOUBLE, 0, 31, 22, "0000000000000000", "0"},
    {WIRE_TYPE_DOUBLE, 0, 31, 22, "0000000000000080", "-0"},
    {WIRE_TYPE_DOUBLE, 0, 31, 22, "333333333333d33f", "0.3"},
    {WIRE_TYPE_DOUBLE, 0, 31, 22, "343333333333d33f", "0.30000000000000004"},
    {WIRE_TYPE_DOUBLE, 0, 2, 22, "000000000000f03f", "1.00"},
    {WIRE_TYPE_DOUBLE, 0, 0, 22, "000000000000f83f", "2"},
    {WIRE_TYPE_DOUBLE, 0, 0, 22, "0000000000000440", "2"},
    {WIRE_TYPE_DOUBLE, 0, 4, 22, "0000000000000000", "0.0000"},
    {WIRE_TYPE_DOUBLE, Z, 31, 22, "000000000000f83f", "00000000000000000001.5"},
    {WIRE_TYPE_FLOAT, 0, 31, 12, "cdcc8c3f", "1.1"},
    {WIRE_TYPE_FLOAT, 0, 31, 12, "0000804b", "16777200"},
    {WIRE_TYPE_FLOAT, 0, 31, 12, "db0f4940", "3.14159"},
    {WIRE_TYPE_FLOAT, 0, 3, 10, "5a20f147", "123456.703"},
    {WIRE_TYPE_FLOAT, Z, 3, 12, "0000c03f", "00000001.500"},
    {WIRE_TYPE_NEWDECIMAL, 0, 2, 8, "2d312e3530", "-1.50"},
    {WIRE_TYPE_VAR_STRING, 0, 31, 8, "", ""},
    {WIRE_TYPE_BLOB, 0, 0, 8, "000102", NULL},
    {WIRE_TYPE_BIT, U, 0, 13, "05ff", NULL},
    {WIRE_TYPE_GEOMETRY, 0, 0, 13, "0000000001", NULL},
    {WIRE_TYPE_JSON, 0, 31, 13, "7b7d", "{}"},
    {WIRE_TYPE_ENUM, 0, 0, 1, "61", "a"},
};

static void both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const struct value *v = &values[i];
        struct str bin = unhex(v->hex), text = v->text ? exact(v->text, strlen(v->text)) : unhex(v->hex);
        struct wire_column c = {.type = v->type, .flags = v->flags, .decimals = v->decimals, .length = v->length};
        struct buf b = {0};
        wire_column_to_text(&c, bin, &b);
        if (b.failed || !str_eq(buf_str(&b), text)) fail_msg("%zu: %s: got " STR_FMT, i, v->text, STR_ARG(buf_str(&b)));
        buf_reset(&b);
        assert_true(wire_text_to_binary(v->type, v->flags & U, text, &b));
        bool rounded = (v->type == WIRE_TYPE_FLOAT || (v->type == WIRE_TYPE_DOUBLE && v->decimals < 31)); /* digits were lost */
        if (rounded)
            assert_int_equal(b.len, bin.len);
        else if (!str_eq(buf_str(&b), bin))
            fail_msg("%zu: back from %s", i, v->text);
        /* without ZEROFILL, and truncated: refused or at least not read past its end */
        for (size_t n = 0; n <= bin.len; n++) {
            struct str cut = exact(bin.ptr, n);
            buf_reset(&b);
            wire_binary_to_text(v->type, v->flags & U, v->decimals, cut, &b);
            drop(cut);
        }
        for (size_t n = 0; n < text.len; n++) {
            struct str cut = exact(text.ptr, n);
            buf_reset(&b);
            bool ok = wire_text_to_binary(v->type, v->flags & U, cut, &b);
            if (n == 0 && text.len && v->text && v->type < WIRE_TYPE_VARCHAR && v->type != WIRE_TYPE_DECIMAL) assert_false(ok);
            drop(cut);
        }
        buf_release(&b);
        drop(bin);
        drop(text);
    }
}

static const struct real {
    double v;
    const char *text;
} reals[] = {
    {1e14, "100000000000000"},
    {999999999999999.0, "999999999999999"},
    {1e15, "1e15"},
    {1.5e15, "1.5e15"},
    {123456789012345678.0, "1.2345678901234568e17"},
    {1e-5, "0.00001"},
    {1e-15, "0.000000000000001"},
    {1.23456789e-15, "0.00000000000000123456789"},
    {1e-16, "1e-16"},
    {1e22, "1e22"},
    {-1.5e300, "-1.5e300"},
    {5e-324, "5e-324"},
    {1.7976931348623157e308, "1.7976931348623157e308"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.0 / 3, "0.3333333333333333"},
    {12345678.9, "12345678.9"},
    {123456789012345.678, "123456789012345.67"},
    {1234567890123456.7, "1234567890123456.8"},
    {2700338135257174.5, "2700338135257174.5"},
    {1125899906842624.0, "1.125899906842624e15"},
    {12345678901234568.0, "1.2345678901234568e16"},
    {0x1p-44, "0.00000000000005684341886080802"},
    {0x1p-1022, "2.2250738585072014e-308"},
    {0x1p+63, "9.223372036854776e18"},
};

static void doubles(void **state)
{
    (void)state;
    struct buf b = {0};
    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        buf_reset(&b);
        wire_binary_to_text(WIRE_TYPE_DOUBLE, false, 31, str_make(&reals[i].v, 8), &b);
        if (!str_eq(buf_str(&b), str_of(reals[i].text))) fail_msg("%s: " STR_FMT, reals[i].text, STR_ARG(buf_str(&b)));
    }
    const struct {
        double v;
        uint8_t decimals;
        const char *text;
    } fixed[] = {{99999999999999983616.0, 3, "99999999999999980000.000"}, /* the fewest digits, then zeros: not the exact number */
                 {1e23, 1, "100000000000000000000000.0"},
                 {1.005, 2, "1.00"},
                 {0.125, 2, "0.12"},
                 {0.375, 2, "0.38"},
                 {-0.001, 2, "-0.00"},
                 {1234567.0625, 4, "1234567.0625"},
                 {1234567.0625, 6, "1234567.062500"},
                 {0.5, 0, "0"},
                 {1e-300, 3, "0.000"},
                 {1e300, 0, NULL}};
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        buf_reset(&b);
        wire_binary_to_text(WIRE_TYPE_DOUBLE, false, fixed[i].decimals, str_make(&fixed[i].v, 8), &b);
        if (!fixed[i].text)
            assert_int_equal(b.len, 301);
        else if (!str_eq(buf_str(&b), str_of(fixed[i].text)))
            fail_msg("%s: " STR_FMT, fixed[i].text, STR_ARG(buf_str(&b)));
    }
    /* every power of two, and random ones: read back as themselves, and no shorter text would */
    uint64_t seed = 5;
    for (int i = -1074; i < 4000; i++) {
        double v = i < 1024 ? ldexp(1, i) : 0, w;
        uint64_t bits = (uint64_t)rnd(&seed) << 33 ^ (uint64_t)rnd(&seed) << 11 ^ rnd(&seed);
        if (i >= 1024) memcpy(&v, &bits, 8);
        if (!isfinite(v)) continue;
        struct buf back = {0};
        buf_reset(&b);
        wire_binary_to_text(WIRE_TYPE_DOUBLE, false, 31, str_make(&v, 8), &b);
        assert_true(wire_text_to_binary(WIRE_TYPE_DOUBLE, false, buf_str(&b), &back));
        assert_int_equal(back.len, 8);
        memcpy(&w, back.data, 8);
        assert_true(v == w);
        size_t digits = 0;
        for (size_t k = 0; k < b.len && b.data[k] != 'e'; k++) digits += b.data[k] >= '0' && b.data[k] <= '9' && (digits || b.data[k] != '0');
        char shorter[40];
        for (size_t n = 1; n + 1 < digits && n < 17; n++) {
            snprintf(shorter, sizeof shorter, "%.*e", (int)n - 1, v);
            if (b.data[0] != '-' && strtod(shorter, NULL) == v) {
                buf_putz(&b, " ");
                /* trailing zeros of plain numbers are no digits of their own */
                size_t zeros = 0;
                for (size_t k = b.len - 1; k > 0 && b.data[k - 1] == '0'; k--) zeros++;
                if (digits - zeros > n) fail_msg(STR_FMT "is longer than %s", STR_ARG(buf_str(&b)), shorter);
            }
        }
        buf_release(&back);
    }
    buf_release(&b);
    double odd[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < 3; i++) {
        wire_binary_to_text(WIRE_TYPE_DOUBLE, false, 31, str_make(&odd[i], 8), &b);
        assert_true(b.failed);
        buf_release(&b);
        b = (struct buf){0};
    }
}

static void not_of_the_type(void **state)
{
    (void)state;
    const struct {
        uint8_t type;
        bool is_unsigned;
        const char *text;
    } bad[] = {
        {WIRE_TYPE_TINY, false, "128"},
        {WIRE_TYPE_TINY, false, "-129"},
        {WIRE_TYPE_TINY, true, "256"},
        {WIRE_TYPE_TINY, true, "-1"},
        {WIRE_TYPE_SHORT, false, "32768"},
        {WIRE_TYPE_LONG, true, "4294967296"},
        {WIRE_TYPE_LONGLONG, false, "9223372036854775808"},
        {WIRE_TYPE_LONGLONG, false, "-9223372036854775809"},
        {WIRE_TYPE_LONGLONG, true, "18446744073709551616"},
        {WIRE_TYPE_LONGLONG, true, "99999999999999999999999"},
        {WIRE_TYPE_LONG, false, ""},
        {WIRE_TYPE_LONG, false, "-"},
        {WIRE_TYPE_LONG, false, "1.0"},
        {WIRE_TYPE_LONG, false, " 1"},
        {WIRE_TYPE_LONG, false, "+1"},
        {WIRE_TYPE_YEAR, true, "65536"},
        {WIRE_TYPE_DOUBLE, false, "1x"},
        {WIRE_TYPE_DOUBLE, false, "inf"},
        {WIRE_TYPE_DOUBLE, false, "0x10"},
        {WIRE_TYPE_DOUBLE, false, "1e400"},
        {WIRE_TYPE_DOUBLE, false, " 1"},
        {WIRE_TYPE_DOUBLE, false, "-"},
        {WIRE_TYPE_FLOAT, false, "1e39"},
        {WIRE_TYPE_DATE, false, "2024-1-01"},
        {WIRE_TYPE_DATE, false, "2024-13-01"},
        {WIRE_TYPE_DATE, false, "2024-01-32"},
        {WIRE_TYPE_DATE, false, "2024-01-01 00:00:00"},
        {WIRE_TYPE_DATETIME, false, "2024-01-01 24:00:00"},
        {WIRE_TYPE_DATETIME, false, "2024-01-01 00:60:00"},
        {WIRE_TYPE_DATETIME, false, "2024-01-01 00:00:00."},
        {WIRE_TYPE_DATETIME, false, "2024-01-01 00:00:00.1234567"},
        {WIRE_TYPE_DATETIME, false, "2024-01-01T00:00:00"},
        {WIRE_TYPE_TIME, false, "1:00:00"},
        {WIRE_TYPE_TIME, false, "--01:00:00"},
        {WIRE_TYPE_TIME, false, "01:00"},
        {WIRE_TYPE_TIME, false, "12345678:00:00"},
        {WIRE_TYPE_NULL, false, "x"},
        {17, false, "x"},
        {WIRE_TYPE_NEWDATE, false, "2024-01-01"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct buf b = {0};
        if (wire_text_to_binary(bad[i].type, bad[i].is_unsigned, str_of(bad[i].text), &b)) fail_msg("%u %s", bad[i].type, bad[i].text);
        assert_int_equal(b.len, 0);
        buf_release(&b);
    }
    struct buf b = {0};
    assert_true(wire_text_to_binary(WIRE_TYPE_DATETIME, false, STR("2024-01-02"), &b));
    assert_int_equal(b.len, 4);
    buf_reset(&b);
    wire_binary_to_text(WIRE_TYPE_LONG, false, 0, STR("123"), &b);
    assert_true(b.failed);
    buf_release(&b);
}

/* ---- rows ---- */

static const uint8_t some_types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 0, 242, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255};

static size_t random_size(uint8_t type, uint64_t *seed)
{
    static const uint8_t fixed[] = {[1] = 1, [2] = 2, [3] = 4, [4] = 4, [5] = 8, [8] = 8, [9] = 4, [13] = 2};
    static const uint8_t dates[] = {0, 4, 7, 11}, times[] = {0, 8, 12};
    if (type == WIRE_TYPE_TIME) return times[rnd(seed) % 3];
    if (type == WIRE_TYPE_DATE || type == WIRE_TYPE_DATETIME || type == WIRE_TYPE_TIMESTAMP) return dates[rnd(seed) % 4];
    if (type < COUNT_OF(fixed) && fixed[type]) return fixed[type];
    return rnd(seed) % 2 ? rnd(seed) % 10 : 245 + rnd(seed) % 12;
}

enum { MANY = 120 };

static void rows_round_trip(void **state)
{
    (void)state;
    static char rooms[MANY][400];
    uint64_t seed = 9;
    for (int round = 0; round < 600; round++) {
        uint32_t n = round < 40 ? (uint32_t)round : rnd(&seed) % MANY;
        uint8_t types[MANY];
        struct str in[MANY], out[MANY];
        for (uint32_t i = 0; i < n; i++) {
            types[i] = some_types[rnd(&seed) % COUNT_OF(some_types)];
            in[i] = STR_NULL;
            if (types[i] == WIRE_TYPE_NULL || rnd(&seed) % 4 == 0) continue;
            in[i] = str_make(rooms[i], random_size(types[i], &seed));
            for (size_t k = 0; k < in[i].len; k++) rooms[i][k] = (char)rnd(&seed);
        }
        struct buf b = {0}, again = {0};
        uint8_t seq = 3;
        wire_put_binary_row(&b, &seq, types, in, n);
        assert_false(b.failed);
        assert_int_equal(seq, 4);
        struct str s = exact(b.data + 4, b.len - 4);
        assert_int_equal(wire_get_binary_row(s, types, out, n), WIRE_OK);
        for (uint32_t i = 0; i < n; i++) assert_true(!in[i].ptr == !out[i].ptr && str_eq(in[i], out[i]));
        /* the same by values into an open packet */
        size_t at = wire_begin(&again);
        buf_put(&again, s.ptr, 1 + ((size_t)n + 9) / 8);
        for (uint32_t i = 0; i < n; i++)
            if (in[i].ptr) wire_put_binary_value(&again, types[i], in[i]);
        seq = 3;
        wire_end(&again, at, &seq);
        assert_true(str_eq(buf_str(&b), buf_str(&again)));
        for (size_t cut = 0; round < 100 && cut < s.len; cut++) {
            struct str c = exact(s.ptr, cut);
            assert_int_equal(wire_get_binary_row(c, types, out, n), WIRE_MALFORMED);
            drop(c);
        }
        for (int k = 0; k < 20; k++) { /* flipped bytes: views stay inside */
            struct str bad = exact(s.ptr, s.len);
            ((char *)(uintptr_t)bad.ptr)[rnd(&seed) % bad.len] = (char)rnd(&seed);
            if (wire_get_binary_row(bad, types, out, n) == WIRE_OK)
                for (uint32_t i = 0; i < n; i++)
                    if (out[i].len) assert_true(out[i].ptr >= bad.ptr && out[i].ptr + out[i].len <= bad.ptr + bad.len);
            drop(bad);
        }
        struct str longer = exact(b.data + 4, b.len - 4);
        buf_put_u8(&b, 0);
        assert_int_equal(wire_get_binary_row(str_make(b.data + 4, b.len - 4), types, out, n), WIRE_MALFORMED);
        drop(longer);
        drop(s);
        buf_release(&b);
        buf_release(&again);
    }
    struct str none;
    assert_int_equal(wire_get_binary_row(STR_NULL, some_types, &none, 0), WIRE_MALFORMED);
    assert_int_equal(wire_get_binary_row(STR("\1\0"), some_types, &none, 0), WIRE_MALFORMED);
    assert_int_equal(wire_get_binary_row(STR("\0\0"), some_types, &none, 0), WIRE_OK);
}

static void rows_refused(void **state)
{
    (void)state;
    const uint8_t type = WIRE_TYPE_LONG, bad = 17;
    struct str value = STR("123");
    struct buf b = {0};
    uint8_t seq = 1;
    wire_put_binary_row(&b, &seq, &type, &value, 1);
    assert_true(b.failed && b.len == 0 && seq == 1);
    buf_reset(&b);
    wire_put_binary_row(&b, &seq, &bad, &value, 1);
    assert_true(b.failed && b.len == 0 && seq == 1);
    buf_reset(&b);
    wire_put_binary_value(&b, type, value);
    assert_true(b.failed && b.len == 0);
    wire_put_binary_value(&b, WIRE_TYPE_STRING, value);
    assert_int_equal(b.len, 0); /* what failed stays failed */
    buf_release(&b);
    struct str long_value = STR("a value that does not fit into the first 64 bytes of a buffer, so that it grows");
    const uint8_t text = WIRE_TYPE_STRING;
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct buf c = {0};
        buf_putz(&c, "x");
        mem_fail_at(nth);
        wire_put_binary_row(&c, &seq, &text, &long_value, 1);
        mem_fail_at(0);
        failed = c.failed;
        assert_int_equal(seq, failed ? 1 : 2);
        if (failed) assert_int_equal(c.len, 1);
        buf_release(&c);
    }
}

/* A text row and the binary row that the server sends for it: every value at once. */
static void text_rows(void **state)
{
    (void)state;
    static struct wire_column columns[COUNT_OF(values) + 2];
    struct buf text = {0}, out = {0};
    struct arena a;
    arena_init(&a, 0);
    uint32_t n = 0;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (values[i].type == WIRE_TYPE_FLOAT || values[i].type == WIRE_TYPE_DOUBLE) continue;
        struct str bin = unhex(values[i].hex);
        const struct value *v = &values[i];
        columns[n++] = (struct wire_column){.type = v->type, .flags = v->flags, .decimals = v->decimals, .length = v->length};
        wire_put_text_field(&text, values[i].text ? str_of(values[i].text) : bin);
        drop(bin);
        if (n % 7 == 0) {
            columns[n++] = (struct wire_column){.type = WIRE_TYPE_LONG};
            wire_put_text_field(&text, STR_NULL);
        }
    }
    uint8_t seq = 5, types[128];
    struct str fields[128];
    struct str s = exact(text.data, text.len);
    assert_true(wire_text_row_to_binary(s, columns, n, &a, &out, &seq));
    assert_int_equal(seq, 6);
    for (uint32_t i = 0; i < n; i++) types[i] = columns[i].type;
    assert_int_equal(wire_get_binary_row(str_make(out.data + 4, out.len - 4), types, fields, n), WIRE_OK);
    for (size_t i = 0, k = 0; i < COUNT_OF(values); i++) {
        if (values[i].type == WIRE_TYPE_FLOAT || values[i].type == WIRE_TYPE_DOUBLE) continue;
        struct str bin = unhex(values[i].hex);
        assert_true(str_eq(fields[k], bin));
        drop(bin);
        if (++k % 7 == 0) assert_null(fields[k++].ptr);
    }
    for (size_t cut = 0; cut < s.len; cut++) {
        struct str c = exact(s.ptr, cut);
        size_t before = out.len;
        assert_false(wire_text_row_to_binary(c, columns, n, &a, &out, &seq));
        assert_true(out.len == before && seq == 6);
        drop(c);
    }
    assert_false(wire_text_row_to_binary(s, columns, n - 1, &a, &out, &seq));
    assert_false(wire_text_row_to_binary(STR("\1x"), &(struct wire_column){.type = WIRE_TYPE_LONG}, 1, &a, &out, &seq));
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct buf c = {0};
        mem_fail_at(nth);
        failed = !wire_text_row_to_binary(s, columns, n, &a, &c, &seq);
        mem_fail_at(0);
        if (failed) assert_true(c.failed && c.len == 0);
        buf_release(&c);
    }
    drop(s);
    buf_release(&text);
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),    cmocka_unit_test(doubles),   cmocka_unit_test(not_of_the_type), cmocka_unit_test(rows_round_trip),
        cmocka_unit_test(rows_refused), cmocka_unit_test(text_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
