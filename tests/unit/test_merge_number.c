/*
 * test_merge_number.c - decimals, doubles and weights in text. What is expected was printed by MariaDB 10.11
 * (and is checked against a server again by tests/integration/control_check).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/merge/keys.h"
#include "proxy/merge/number.h"
#include "proxy/merge/weights.h"

static void check_double(double v, uint32_t decimals, const char *want)
{
    struct buf b = {0};
    double_put(v, decimals, &b);
    buf_put_u8(&b, 0);
    assert_string_equal(b.data, want);
    buf_release(&b);
}

static void test_double_text(void **state)
{
    (void)state;
    check_double(1e15, 31, "1e15");
    check_double(1e14, 31, "100000000000000");
    check_double(1e20, 31, "1e20");
    check_double(0.1 + 0.2, 31, "0.30000000000000004");
    check_double(123456789012345680000., 31, "1.2345678901234568e20");
    check_double(1e-15, 31, "0.000000000000001");
    check_double(1.2e-15, 31, "0.0000000000000012");
    check_double(1.2e-16, 31, "1.2e-16");
    check_double(1.5e-14, 31, "0.000000000000015");
    check_double(5e-324, 31, "5e-324");
    check_double(1.7976931348623157e308, 31, "1.7976931348623157e308");
    check_double(1e300, 31, "1e300");
    check_double(123456789012345., 31, "123456789012345");
    check_double(1234567890123456., 31, "1.234567890123456e15");
    check_double(12345678901234567., 31, "1.2345678901234568e16");
    check_double(0.000123, 31, "0.000123");
    check_double(100, 31, "100");
    check_double(-2. / 3, 31, "-0.6666666666666666");
    check_double(1e15 / 3, 31, "333333333333333.3");
    check_double(1e16 / 3, 31, "3333333333333333.5");
    check_double(1e-5 / 3, 31, "0.0000033333333333333337");
    check_double(999999999999999., 31, "999999999999999");
    check_double(9999999999999998., 31, "9.999999999999998e15");
    check_double(1.5e15, 31, "1.5e15");
    check_double(1000000000000000.5, 31, "1000000000000000.5");
    check_double(4503599627370497.5, 31, "4.503599627370498e15");
    check_double(1e15 / 3 * 100, 31, "3.3333333333333332e16");
    check_double(1e-14 / 3, 31, "0.0000000000000033333333333333332");
    check_double(1e-15 / 3, 31, "3.3333333333333336e-16");
    check_double(0, 31, "0");
    check_double(-0.0, 31, "0");
    check_double(-0.0, 2, "0.00");
    check_double(-0.001, 2, "-0.00");
    check_double(3.6, 2, "3.60");
    check_double(4.8, 3, "4.800");
    check_double(1.2, 6, "1.200000");
    check_double(-2.5, 0, "-2");
    check_double(260420000000000.03125, 3, "260420000000000.030"); /* its shortest form, filled up */
    check_double(1e22, 2, "10000000000000000000000.00");
    check_double(0.05, 1, "0.1");
    check_double(0.004, 4, "0.0040");
}

static void check_average(const char *const *values, uint32_t n, uint32_t scale, const char *want)
{
    struct decimal_sum s;
    struct buf b = {0};
    decimal_sum_init(&s);
    for (uint32_t i = 0; i < n; i++) assert_true(decimal_sum_add(&s, str_of(values[i])));
    assert_true(decimal_average_put(&s, n, scale, &b));
    buf_put_u8(&b, 0);
    assert_string_equal(b.data, want);
    buf_release(&b);
    decimal_sum_release(&s);
}
#define AVERAGE(scale, want, ...)                                                                            \
    do {                                                                                                     \
        static const char *const v[] = {__VA_ARGS__};                                                        \
        check_average(v, COUNT_OF(v), scale, want);                                                          \
    } while (0)

static void test_average(void **state)
{
    (void)state;
    AVERAGE(9, "0.000006666", "0.00001", "0.00001",
            "0.00000"); /* nine digits are one word: cut, not rounded */
    AVERAGE(8, "0.00006667", "0.0001", "0.0001", "0.0000");
    AVERAGE(10, "0.0000006667", "0.000001", "0.000001", "0.000000");
    AVERAGE(18, "0.000000000000006666", "0.00000000000001", "0.00000000000001", "0.00000000000000");
    AVERAGE(30, "0.000000000000000000000000000067", "0.0000000000000000000000000001",
            "0.0000000000000000000000000001", "0.0000000000000000000000000000");
    AVERAGE(4, "1.6667", "1", "2", "2");
    AVERAGE(4, "-1.6667", "-1", "-2", "-2");
    AVERAGE(4, "41152263004115227.3333", "123456789012345678", "2", "2");
    AVERAGE(4, "33333333333333333333333333333333334.3333", "99999999999999999999999999999999999", "2", "2");
    AVERAGE(4, "0.0000", "0", "0");
    AVERAGE(4, "-0.5000", "0", "-1");
    AVERAGE(4, "0.0313", "1", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0",
            "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0"); /* 0.03125 */
}

static void check_sum(const char *const *values, uint32_t n, uint32_t scale, const char *want)
{
    struct decimal_sum s;
    struct buf b = {0};
    decimal_sum_init(&s);
    for (uint32_t i = 0; i < n; i++) assert_true(decimal_sum_add(&s, str_of(values[i])));
    assert_true(decimal_sum_put(&s, scale, &b));
    buf_put_u8(&b, 0);
    assert_string_equal(b.data, want);
    buf_release(&b);
    decimal_sum_release(&s);
}
#define SUM(scale, want, ...)                                                                                \
    do {                                                                                                     \
        static const char *const v[] = {__VA_ARGS__};                                                        \
        check_sum(v, COUNT_OF(v), scale, want);                                                              \
    } while (0)

static void test_sum(void **state)
{
    (void)state;
    SUM(2, "0.30", "0.10", "0.20");
    SUM(2, "0.00", "0.10", "-0.10");
    SUM(2, "-0.05", "0.05", "-0.10");
    SUM(0, "18446744073709551616", "18446744073709551615", "1");
    SUM(3, "1.234", "1", "0.2", "0.03", "0.004");
    SUM(4, "1.2000", "1", "0.2");
    SUM(30, "-99999999999999999999999999999999998.999999999999999999999999999999",
        "-99999999999999999999999999999999999.999999999999999999999999999999", "1");
    SUM(0, "100000000000000000000000000000000000000000000000000000000000000000",
        "99999999999999999999999999999999999999999999999999999999999999999", "1");
    struct decimal_sum s;
    decimal_sum_init(&s);
    assert_false(decimal_sum_add(&s, STR("1e5")));
    assert_false(decimal_sum_add(&s, STR("")));
    assert_false(decimal_sum_add(&s, STR("--1")));
    decimal_sum_release(&s);
}

static int sign(int c)
{
    return (c > 0) - (c < 0);
}

static void test_decimal_compare(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int want;
    } t[] = {{"1", "1.0", 0},          {"-0", "0.00", 0},         {"+1", "1", 0},   {"001.10", "1.1", 0},
             {"-1", "1", -1},          {"-10", "-9", -1},         {"10", "9", 1},   {"0.1", "0.09", 1},
             {"0.1", "0.1000001", -1}, {"-0.1", "-0.1000001", 1}, {".5", "0.5", 0}, {"5.", "5", 0}};
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct decimal a, b;
        assert_true(decimal_parse(str_of(t[i].a), &a) && decimal_parse(str_of(t[i].b), &b));
        assert_int_equal(sign(decimal_compare(&a, &b)), t[i].want);
        assert_int_equal(sign(decimal_compare(&b, &a)), -t[i].want);
        /* The prefix never contradicts. */
        int64_t x = decimal_prefix(&a), y = decimal_prefix(&b);
        assert_true(x == y || (x < y) == (t[i].want < 0));
    }
}

static void test_weight_rules(void **state)
{
    (void)state;
    static const struct {
        const char *collation;
        int ok;
        struct weight_pad pad;
    } t[] = {{"utf8mb4_general_ci", 1, {2, {0, 0x20}}},
             {"utf8mb3_general_mysql500_ci", 1, {2, {0, 0x20}}},
             {"utf8_general_ci", 1, {2, {0, 0x20}}},
             {"utf8mb4_unicode_ci", 1, {2, {2, 9}}},
             {"utf8mb4_unicode_520_ci", 1, {2, {2, 0x0a}}},
             {"utf8mb3_myanmar_ci", 1, {2, {2, 0x0a}}},
             {"utf8mb4_uca1400_ai_ci", 1, {2, {2, 9}}},
             {"utf8mb4_uca1400_as_ci", 0, {0, {0}}},
             {"utf8mb4_uca1400_nopad_as_cs", 0, {0, {0}}},
             {"utf8mb4_uca1400_nopad_ai_ci", 1, {0, {0}}},
             {"utf8mb4_uca1400_nopad_ai_cs", 0, {0, {0}}},
             {"tis620_thai_nopad_ci", 0, {0, {0}}},
             {"tis620_thai_ci", 0, {0, {0}}},
             {"gb18030_unicode_520_ci", 0, {0, {0}}},
             {"gb18030_bin", 1, {1, {0x20}}},
             {"utf8mb4_bin", 1, {3, {0, 0, 0x20}}},
             {"utf8mb3_bin", 1, {2, {0, 0x20}}},
             {"utf16le_bin", 1, {3, {0, 0, 0x20}}},
             {"ucs2_bin", 1, {2, {0, 0x20}}},
             {"latin1_swedish_ci", 1, {1, {0x20}}},
             {"latin1_bin", 1, {1, {0x20}}},
             {"gbk_chinese_ci", 1, {1, {0x20}}},
             {"utf8mb4_0900_ai_ci", 1, {0, {0}}},
             {"utf8mb4_0900_bin", 1, {0, {0}}},
             {"utf8mb4_nopad_bin", 1, {0, {0}}},
             {"binary", 1, {0, {0}}},
             {"latin2_czech_cs", 0, {0, {0}}},
             {"cp1250_czech_cs", 0, {0, {0}}},
             {"utf8mb4_thai_520_w2", 0, {0, {0}}},
             {"big5_chinese_ci", 0, {0, {0}}},
             {"gb18030_chinese_ci", 0, {0, {0}}},
             {"latin7_general_ci", 0, {0, {0}}},
             {"klingon_ci", 0, {0, {0}}},
             {"", 0, {0, {0}}}};
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct weight_pad pad;
        if ((int)weights_pad(str_of(t[i].collation), &pad) != t[i].ok) fail_msg("%s", t[i].collation);
        if (t[i].ok && (pad.len != t[i].pad.len || memcmp(pad.bytes, t[i].pad.bytes, 3) != 0))
            fail_msg("%s: pad", t[i].collation);
    }
}

static int compare(const char *a, size_t na, const char *b, size_t nb, struct weight_pad pad)
{
    const unsigned char *x = (const void *)a, *y = (const void *)b;
    int c = sign(weights_compare(x, na, y, nb, &pad));
    assert_int_equal(sign(weights_compare(y, nb, x, na, &pad)), -c);
    uint64_t p = weights_prefix(x, na, &pad), q = weights_prefix(y, nb, &pad);
    assert_true(p == q || (p < q) == (c < 0));
    return c;
}
#define COMPARE(a, b, pad) compare(a, sizeof(a) - 1, b, sizeof(b) - 1, pad)

static void test_weight_compare(void **state)
{
    (void)state;
    struct weight_pad none = {0}, one = {1, {0x20}}, two = {2, {2, 9}};
    assert_int_equal(COMPARE("a", "a ", none), -1);
    assert_int_equal(COMPARE("a", "a ", one), 0);
    assert_int_equal(COMPARE("a", "a\t", one), 1);
    assert_int_equal(COMPARE("a", "a\t", none), -1);
    assert_int_equal(COMPARE("", "   ", one), 0);
    assert_int_equal(COMPARE("", "          !", one), -1);
    assert_int_equal(COMPARE("", "          \x1f", one), 1);
    assert_int_equal(COMPARE("\x0e\x33", "\x0e\x33\x02\x09\x02\x09\x02\x09\x02\x09", two), 0);
    assert_int_equal(COMPARE("\x0e\x33", "\x0e\x33\x02\x09\x02\x08", two), 1);
    assert_int_equal(COMPARE("\x0e\x33", "\x0e\x33\x02\x09\x02\x09\x02\x09\x02\x0a", two), -1);
    assert_int_equal(COMPARE("12345678a", "12345678b", none), -1);
}

static void test_cells(void **state)
{
    (void)state;
    struct cell c[4];
    const struct row_form form = {.ncols = 4}, more = {.ncols = 5};
    const char row[] = "\x01"
                       "a\xfb\x00\xfc\x02\x00"
                       "bc";
    size_t n = sizeof row - 1;
    assert_true(row_cells(&form, row, n, c, 4));
    assert_int_equal(c[0].len, 1);
    assert_int_equal(c[1].len, CELL_NULL);
    assert_int_equal(c[2].len, 0);
    assert_int_equal(c[3].len, 2);
    for (size_t cut = 0; cut < n; cut++) {
        char *copy = malloc(cut + 1); /* so that reading past the end is seen */
        memcpy(copy, row, cut);
        char *exact = realloc(copy, cut ? cut : 1);
        assert_false(row_cells(&form, exact, cut, c, 4));
        free(exact);
    }
    assert_true(row_cells(&form, row, n, c, 3));
    assert_true(row_cells(&more, row, n, c, 4));
    assert_false(row_cells(&more, row, n, c, 5));
    const struct row_form three = {.ncols = 3};
    assert_false(row_cells(&three, row, n, c, 3));
    assert_false(row_cells(&form,
                           "\xff"
                           "aaa",
                           4, c, 1));
    assert_false(row_cells(&form,
                           "\xfe\xff\xff\xff\xff\xff\xff\xff\xff"
                           "aaa",
                           12, c, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_text),  cmocka_unit_test(test_average),
        cmocka_unit_test(test_sum),          cmocka_unit_test(test_decimal_compare),
        cmocka_unit_test(test_weight_rules), cmocka_unit_test(test_weight_compare),
        cmocka_unit_test(test_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
