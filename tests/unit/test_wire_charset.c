/*
 * Character sets and collations: known numbers of both products, the order of the table, names old and new.
 */
#include "test_wire.h"

static void known_numbers(void **state)
{
    (void)state;
    static const struct {
        uint16_t id;
        const char *name, *charset;
        uint8_t bytes;
        bool is_default;
    } known[] = {
        {1, "big5_chinese_ci", "big5", 2, true},
        {8, "latin1_swedish_ci", "latin1", 1, true},
        {28, "gbk_chinese_ci", "gbk", 2, true},
        {33, "utf8mb3_general_ci", "utf8mb3", 3, true},
        {45, "utf8mb4_general_ci", "utf8mb4", 4, true},
        {46, "utf8mb4_bin", "utf8mb4", 4, false},
        {63, "binary", "binary", 1, true},
        {83, "utf8mb3_bin", "utf8mb3", 3, false},
        {192, "utf8mb3_unicode_ci", "utf8mb3", 3, false},
        {224, "utf8mb4_unicode_ci", "utf8mb4", 4, false},
        {246, "utf8mb4_unicode_520_ci", "utf8mb4", 4, false},
        {248, "gb18030_chinese_ci", "gb18030", 4, true},
        {255, "utf8mb4_0900_ai_ci", "utf8mb4", 4, false},
        {277, "utf8mb4_vi_0900_ai_ci", "utf8mb4", 4, false},
        {278, "utf8mb4_0900_as_cs", "utf8mb4", 4, false},
        {300, "utf8mb4_vi_0900_as_cs", "utf8mb4", 4, false},
        {303, "utf8mb4_ja_0900_as_cs", "utf8mb4", 4, false},
        {308, "utf8mb4_zh_0900_as_cs", "utf8mb4", 4, false},
        {309, "utf8mb4_0900_bin", "utf8mb4", 4, false},
        {323, "utf8mb4_mn_cyrl_0900_as_cs", "utf8mb4", 4, false},
        {576, "utf8mb3_croatian_ci", "utf8mb3", 3, false},
        {1069, "utf8mb4_general_nopad_ci", "utf8mb4", 4, false},
        {2048, "utf8mb3_uca1400_ai_ci", "utf8mb3", 3, false},
        {2304, "utf8mb4_uca1400_ai_ci", "utf8mb4", 4, false},
        {2318, "utf8mb4_uca1400_icelandic_nopad_as_ci", "utf8mb4", 4, false},
        {2496, "utf8mb4_uca1400_croatian_ai_ci", "utf8mb4", 4, false},
        {3271, "utf32_uca1400_croatian_nopad_as_cs", "utf32", 4, false},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        const struct wire_charset *c = wire_charset_by_id(known[i].id);
        assert_non_null(c);
        assert_string_equal(c->collation, known[i].name);
        assert_string_equal(c->charset, known[i].charset);
        assert_int_equal(c->max_bytes, known[i].bytes);
        assert_int_equal(c->is_default, known[i].is_default);
    }
    const uint16_t unknown[] = {0, 17, 100, 125, 254, 272, 276, 295, 299, 324, 1000, 2216, 3272, 65535};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) assert_null(wire_charset_by_id(unknown[i]));
}

static void every_number_is_found(void **state)
{
    (void)state;
    unsigned n = 0, defaults = 0;
    for (uint32_t id = 0; id <= 0xffff; id++) {
        const struct wire_charset *c = wire_charset_by_id((uint16_t)id);
        if (!c) continue;
        n++;
        defaults += c->is_default;
        assert_int_equal(c->id, id);
        size_t prefix = strlen(c->charset);
        assert_true(strncmp(c->collation, c->charset, prefix) == 0);
        assert_true(c->collation[prefix] == '_' || id == 63);
        const struct wire_charset *named = wire_charset_by_collation(str_of(c->collation));
        assert_non_null(named);
        if (named != c) { /* Croatian of both products */
            assert_non_null(strstr(c->collation, "_croatian_ci"));
            assert_true(named->id < 256 && c->id >= 576);
        }
        const struct wire_charset *d = wire_charset_default(str_of(c->charset));
        assert_non_null(d);
        assert_true(d->is_default);
        assert_string_equal(d->charset, c->charset);
    }
    assert_int_equal(n, 1242 + 1 + 3 + 63); /* MariaDB 10.11, and what only MySQL has */
    assert_int_equal(defaults, 41);
}

static void names_old_and_new(void **state)
{
    (void)state;
    assert_int_equal(wire_charset_by_collation(STR("UTF8MB4_GENERAL_CI"))->id, 45);
    assert_int_equal(wire_charset_by_collation(STR("utf8_general_ci"))->id, 33);
    assert_int_equal(wire_charset_by_collation(STR("UTF8_bin"))->id, 83);
    assert_int_equal(wire_charset_by_collation(STR("utf8mb4_croatian_ci"))->id, 245);
    assert_int_equal(wire_charset_by_collation(STR("utf8mb4_croatian_mysql561_ci"))->id, 245);
    assert_int_equal(wire_charset_by_collation(STR("utf8_croatian_mysql561_ci"))->id, 213);
    assert_null(wire_charset_by_collation(STR("utf8mb4_czech_mysql561_cs")));
    assert_null(wire_charset_by_collation(STR("_mysql561_ci")));
    assert_null(wire_charset_by_collation(STR("utf8_")));
    assert_null(wire_charset_by_collation(STR("utf8mb4_general_c")));
    assert_null(wire_charset_by_collation(STR_NULL));
    char longer[300];
    memset(longer, 'u', sizeof longer);
    memcpy(longer, "utf8_", 5);
    assert_null(wire_charset_by_collation(str_make(longer, sizeof longer)));
    assert_int_equal(wire_charset_default(STR("utf8"))->id, 33);
    assert_int_equal(wire_charset_default(STR("Latin1"))->id, 8);
    assert_null(wire_charset_default(STR("utf9")));
    assert_null(wire_charset_default(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(every_number_is_found),
        cmocka_unit_test(names_old_and_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
