/* test_session_login.c - who may come in: every secret against every answer, and every way to get it wrong. */
#include "fake_client.h"

static void native_password(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(c, "app", "secret", "shop"), "OK 0");
    assert_int_equal(w->e.nsessions, 1);
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(c, "native", "secret", "shop"), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(c, "nopass", "", "shop"), "OK 0");
    fk_leave(c);
    fk_free(w);
}

static void wrong_ones(void **state)
{
    (void)state;
    static const struct { const char *user, *password, *schema, *reply; } cases[] = {
        {"app", "wrong", "shop", "ERR 1045 28000 Access denied for user 'app'@'10.0.0.9' (using password: YES) CLOSED"},
        {"app", "", "shop", "ERR 1045 28000 Access denied for user 'app'@'10.0.0.9' (using password: NO) CLOSED"},
        {"nobody", "secret", "shop", "ERR 1045 28000 Access denied for user 'nobody'@'10.0.0.9' (using password: YES) CLOSED"},
        {"native", "wrong", "shop", "ERR 1045 28000 Access denied for user 'native'@'10.0.0.9' (using password: YES) CLOSED"},
        {"nopass", "x", "shop", "ERR 1045 28000 Access denied for user 'nopass'@'10.0.0.9' (using password: YES) CLOSED"},
        {"app", "secret", "nosuch", "ERR 1049 42000 Unknown database 'nosuch' CLOSED"},
        {"few", "secret", "other", "ERR 1044 42000 Access denied for user 'few'@'10.0.0.9' to database 'other' CLOSED"},
    };
    struct fk *w = fk_new(NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk_client *c = fk_client_new(w, FK_CAPS);
        assert_text(fk_login(c, cases[i].user, cases[i].password, cases[i].schema), cases[i].reply);
        assert_int_equal(w->e.nsessions, 0);
        fk_leave(c);
    }
    assert_has(fb_text(&w->lines), "login refused for user 'nobody'");
    assert_lacks(fb_text(&w->lines), "secret");
    fk_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_password),
        cmocka_unit_test(wrong_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
