/* test_settings.c - interned sets of session variables, and the SET that turns one into another. */
#include "fake_client.h"

static struct settings *with(struct engine *e, struct settings *base, const char *name, const char *value)
{
    struct settings *s = settings_with(e, base, str_of(name), str_of(value));
    assert_non_null(s);
    return s;
}

static const char *diff(const struct settings *from, const struct settings *to, bool mariadb)
{
    static char text[4096];
    struct buf b = {0};
    settings_diff(from, to, mariadb, &b);
    assert_false(b.failed);
    snprintf(text, sizeof text, "%.*s", STR_ARG(buf_str(&b)));
    buf_release(&b);
    return text;
}

static void equal_sets_are_one_object(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, NULL, NULL, 0);
    struct settings *a = with(&e, e.no_settings, "sql_mode", "'ANSI'");
    struct settings *ab = with(&e, a, "time_zone", "'+00:00'");
    struct settings *b = with(&e, e.no_settings, "time_zone", "'+00:00'");
    struct settings *ba = with(&e, b, "sql_mode", "'ANSI'");
    assert_ptr_equal(ab, ba);
    assert_int_equal(ab->refs, 2);
    struct settings *again = settings_with(&e, ab, STR("time_zone"), STR_NULL);
    assert_ptr_equal(again, a);
    struct settings *none = settings_with(&e, a, STR("sql_mode"), STR_NULL);
    assert_ptr_equal(none, e.no_settings);
    assert_true(str_eq(settings_get(ab, STR("sql_mode")), STR("'ANSI'")));
    assert_null(settings_get(ab, STR("sql_mod")).ptr);
    struct settings *all[] = {a, ab, b, ba, again, none};
    for (size_t i = 0; i < COUNT_OF(all); i++) settings_unref(&e, all[i]);
    assert_int_equal(e.settings.len, 1);
    engine_release(&e);
}

static void a_value_is_replaced_in_its_place(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, NULL, NULL, 0);
    struct settings *s = settings_ref(e.no_settings);
    static const char *const names[] = {"m", "c", "z", "a", "m", "c"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char value[8];
        snprintf(value, sizeof value, "%zu", i);
        struct settings *next = with(&e, s, names[i], value);
        settings_unref(&e, s);
        s = next;
    }
    assert_int_equal(s->n, 4);
    assert_true(str_eq(s->canonical, STR("a=3\nc=5\nm=4\nz=2\n")));
    settings_unref(&e, s);
    engine_release(&e);
}

static void differences(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, NULL, NULL, 0);
    struct settings *none = e.no_settings, *a = with(&e, none, "sql_mode", "'ANSI'"),
                    *ab = with(&e, a, "time_zone", "'+00:00'"),
                    *c = with(&e, none, "transaction_isolation", "'READ-COMMITTED'"),
                    *d = with(&e, none, "transaction_read_only", "1");
    assert_text(diff(none, none, true), "");
    assert_text(diff(ab, ab, true), "");
    assert_text(diff(none, ab, true), "SET sql_mode='ANSI',time_zone='+00:00'");
    assert_text(diff(ab, a, true), "SET time_zone=DEFAULT");
    assert_text(diff(ab, none, true), "SET sql_mode=DEFAULT,time_zone=DEFAULT");
    assert_text(diff(a, c, true), "SET sql_mode=DEFAULT,tx_isolation='READ-COMMITTED'");
    assert_text(diff(a, c, false), "SET sql_mode=DEFAULT,transaction_isolation='READ-COMMITTED'");
    assert_text(diff(c, a, true), "SET tx_isolation=DEFAULT,sql_mode='ANSI'");
    assert_text(diff(none, d, true), "SET tx_read_only=1");
    assert_text(diff(d, none, false), "SET transaction_read_only=DEFAULT");
    struct settings *all[] = {a, ab, c, d};
    for (size_t i = 0; i < COUNT_OF(all); i++) settings_unref(&e, all[i]);
    engine_release(&e);
}

/* SET character_set_connection resets collation_connection on the server. */
static void the_collation_follows_its_character_set(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, NULL, NULL, 0);
    struct settings *u = with(&e, e.no_settings, "character_set_connection", "'utf8mb4'"),
                    *ub = with(&e, u, "collation_connection", "'utf8mb4_bin'"),
                    *l = with(&e, ub, "character_set_connection", "'latin1'");
    assert_text(diff(l, ub, true),
                "SET character_set_connection='utf8mb4',collation_connection='utf8mb4_bin'");
    struct settings *uc = with(&e, u, "collation_connection", "'utf8mb4_general_ci'");
    assert_text(diff(ub, uc, true), "SET collation_connection='utf8mb4_general_ci'");
    struct settings *all[] = {u, ub, l, uc};
    for (size_t i = 0; i < COUNT_OF(all); i++) settings_unref(&e, all[i]);
    engine_release(&e);
}

/* More than a set can hold is refused; nothing is dropped in silence. */
static void too_many(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, NULL, NULL, 0);
    struct settings *s = settings_ref(e.no_settings);
    bool refused = false;
    for (uint32_t i = 0; i < 200 && !refused; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%03u", 999 - i);
        struct settings *next = settings_with(&e, s, str_of(name), STR("1"));
        refused = next == NULL;
        if (refused) break;
        assert_int_equal(next->n, i + 1);
        settings_unref(&e, s);
        s = next;
    }
    settings_unref(&e, s);
    engine_release(&e);
}

static void out_of_memory(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, NULL, NULL, 0);
    struct settings *a = with(&e, e.no_settings, "a", "1");
    for (uint64_t n = 1; n < 10; n++) {
        mem_fail_at(n);
        struct settings *s = settings_with(&e, a, STR("b"), STR("2"));
        mem_fail_at(0);
        assert_true(str_eq(settings_get(a, STR("a")), STR("1")));
        if (s) {
            settings_unref(&e, s);
            break;
        }
        assert_int_equal(e.settings.len, 2);
    }
    settings_unref(&e, a);
    assert_int_equal(e.settings.len, 1);
    engine_release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sets_are_one_object),
        cmocka_unit_test(a_value_is_replaced_in_its_place),
        cmocka_unit_test(differences),
        cmocka_unit_test(the_collation_follows_its_character_set),
        cmocka_unit_test(too_many),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
