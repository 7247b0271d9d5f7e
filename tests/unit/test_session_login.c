/* test_session_login.c - who may come in: every kind of secret against every kind of answer, and every way to
 * get it wrong. */
#include "fake_login.h"
#include "proxy/session/login.h"

static void native_password(void **state)
{
    (void)state;
    static const char *const users[][2] = {{"app", "secret"}, {"native", "secret"}, {"nopass", ""}};
    for (size_t i = 0; i < 2 * COUNT_OF(users); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client_new(w, i & 1 ? FK_CAPS : FK_CAPS_OLD);
        assert_text(fk_login(c, users[i / 2][0], users[i / 2][1], "shop"), "OK 0");
        assert_int_equal(w->e.nsessions, 1);
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
        assert_int_equal(w->e.nsessions, 0);
        fk_free(w);
    }
}

static void wrong_ones(void **state)
{
    (void)state;
    static const struct {
        const char *user, *password, *schema, *reply;
    } cases[] = {
        {"app", "wrong", "shop",
         "ERR 1045 28000 Access denied for user 'app'@'10.0.0.9' (using password: YES) CLOSED"},
        {"app", "", "shop",
         "ERR 1045 28000 Access denied for user 'app'@'10.0.0.9' (using password: NO) CLOSED"},
        {"nobody", "secret", "shop",
         "ERR 1045 28000 Access denied for user 'nobody'@'10.0.0.9' (using password: YES) CLOSED"},
        {"native", "wrong", "shop",
         "ERR 1045 28000 Access denied for user 'native'@'10.0.0.9' (using password: YES) CLOSED"},
        {"nopass", "x", "shop",
         "ERR 1045 28000 Access denied for user 'nopass'@'10.0.0.9' (using password: YES) CLOSED"},
        {"app", "secret", "nosuch", "ERR 1049 42000 Unknown database 'nosuch' CLOSED"},
        {"few", "secret", "other",
         "ERR 1044 42000 Access denied for user 'few'@'10.0.0.9' to database 'other' CLOSED"},
    };
    struct fk *w = fk_new(NULL);
    throttle_clear();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk_client *c = fk_client_new(w, FK_CAPS);
        assert_text(fk_login_to_end(c, cases[i].user, cases[i].password, cases[i].schema, NATIVE), cases[i].reply);
        assert_int_equal(w->e.nsessions, 0);
        fk_leave(c);
    }
    assert_has(fb_text(&w->lines), "login refused for user 'nobody' from 10.0.0.9: there is no such user");
    assert_has(fb_text(&w->lines), "login refused for user 'app' from 10.0.0.9: wrong password");
    assert_lacks(fb_text(&w->lines), "secret");
    fk_free(w);
}

static void sha2_of_a_plain_secret(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "app", "secret", "shop", SHA2), "MORE 3, OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_has(fk_login_by(c, "app", "wrong", "shop", SHA2), "ERR 1045");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "nopass", "", "shop", SHA2), "SWITCH " SHA2); /* perhaps it waits for a nonce */
    fk_answer_bytes(c, "", 1);
    assert_text(fk_login_reply(c), "OK 0");
    fk_leave(c);
    fk_free(w);
}

static void sha2_hash_full_then_fast(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
    assert_has(fk_full(c, "wrong"),
               "ERR 1045 28000 Access denied for user 'sha'@'10.0.0.9' (using password: YES) CLOSED");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "secret", "shop", SHA2), "MORE 4");
    assert_text(fk_full(c, "secret"), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS); /* this worker has seen it now */
    assert_text(fk_login_by(c, "sha", "secret", "shop", SHA2), "MORE 3, OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
    fk_answer_bytes(c, "secret", 7); /* in clear: only over TLS */
    assert_has(fk_login_reply(c), "ERR 1045");
    fk_leave(c);
    fk_free(w);
}

static void the_wrong_method_is_switched(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "secret", "shop", NATIVE), "SWITCH " SHA2);
    fk_answer_by(c, SHA2, "secret");
    assert_text(fk_login_reply(c), "MORE 3, OK 0"); /* seen by the test before; or MORE 4 */
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "native", "secret", "shop", SHA2), "SWITCH " NATIVE);
    fk_answer_by(c, NATIVE, "secret");
    assert_text(fk_login_reply(c), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "app", "secret", "shop", "dialog"), "SWITCH " NATIVE);
    fk_answer_bytes(c, "abc", 3);
    assert_has(fk_login_reply(c), "ERR 1045");
    fk_leave(c);
    fk_free(w);
}

/*
 * libmysqlclient 8 and 9: its own default plugin is caching_sha2_password; a nonce that the greeting
 * announced for another plugin is not used: the login packet names caching_sha2_password with an empty
 * answer, and a switch request (with the nonce) is expected.
 */
static void mysql_8_clients_answer_empty_first(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    fk_login_bytes(c, "app", "", 0, "shop", SHA2);
    fk_run(w);
    assert_text(fk_login_reply(c), "SWITCH " SHA2);
    fk_answer_by(c, SHA2, "secret");
    assert_text(fk_login_reply(c), "MORE 3, OK 0");
    fk_leave(c);
    fk_free(w);
}

/* And with an empty password that plugin answers by one zero byte. */
static void mysql_8_clients_without_password(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    fk_login_bytes(c, "nopass", "", 1, "shop", SHA2);
    fk_run(w);
    assert_text(fk_login_reply(c), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    fk_login_bytes(c, "app", "", 1, "shop", SHA2);
    fk_run(w);
    const char *r = fk_login_reply(c);
    assert_lacks(r, "OK");
    fk_leave(c);
    fk_free(w);
}

/* Replies to each step of a login by that method, joined by " > ". */
static const char *exchange(struct fk *w, const char *user, const char *method, bool tls, bool empty_first)
{
    static struct fb all;
    fb_clear(&all);
    struct fk_client *c = fk_client_new(w, FK_CAPS | WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA);
    if (tls) fk_ask_tls(c);
    const char *r;
    if (empty_first) {
        fk_login_bytes(c, user, "", 0, "shop", method);
        fk_run(w);
        r = fk_login_reply(c);
    } else {
        r = fk_login_by(c, user, "wrong", "shop", method);
    }
    for (int i = 0; i < 5 && !c->l->closed; i++) {
        fb_f(&all, "%s > ", r);
        char name[64];
        if (strcmp(r, "MORE 4") == 0 && !tls) {
            r = fk_full(c, "wrong");
            continue;
        }
        if (sscanf(r, "SWITCH %63s", name) == 1) fk_answer_by(c, name, "wrong");
        else fk_answer_by(c, CLEAR, "wrong");
        r = fk_login_reply(c);
    }
    fb_z(&all, r);
    fk_leave(c);
    for (char *at; (at = strstr(all.p, user));) memset(at, '?', strlen(user)); /* names have one length */
    return fb_text(&all);
}

/* A name that does not exist is treated as one that does, in every step, whatever the method. */
static void names_cannot_be_guessed(void **state)
{
    (void)state;
    static const char *const kinds[] = {"password: secret", "mysql_native_password: " HASH_NATIVE, "caching_sha2_password: " HASH_SHA2,
                                        "client_ed25519: " HASH_ED, "password: secret, require_tls: yes", "password: secret, deny: 10.0.0.0/8"};
    static const char *const methods[] = {NATIVE, SHA2, ED, CLEAR, "dialog", ""};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char yaml[2048], known[512];
        snprintf(yaml, sizeof yaml, LOGIN_YAML(", failed_logins: off, tls: {certificate: c, key: k}", "  known: {%s}\n"), kinds[i]);
        struct fk *w = fk_new(yaml);
        w->snap->s.client_tls = FK_TLS;
        for (size_t k = 0; k < COUNT_OF(methods) * 4; k++) {
            const char *m = methods[k / 4];
            snprintf(known, sizeof known, "%s", exchange(w, "known", m, k & 1, k & 2));
            assert_has(known, i == 5 ? "ERR 1130" : "ERR 1045");
            assert_text(exchange(w, "thief", m, k & 1, k & 2), known);
        }
        w->snap->s.client_tls = NULL;
        fk_free(w);
    }
}

/* Of several kinds of users an unknown name imitates one: always the same one. */
static void unknown_names_are_steady(void **state)
{
    (void)state;
    struct fk *w = fk_new(LOGIN_YAML(", failed_logins: off", "  a: {password: secret}\n  b: {caching_sha2_password: " HASH_SHA2 "}\n  c: {client_ed25519: " HASH_ED "}\n"));
    bool seen[3] = {0};
    for (int i = 0; i < 60; i++) {
        char name[16], first[512];
        snprintf(name, sizeof name, "name%02d", i);
        snprintf(first, sizeof first, "%s", exchange(w, name, NATIVE, false, false));
        assert_text(exchange(w, name, NATIVE, false, false), first);
        seen[strstr(first, SHA2) ? 1 : strstr(first, ED) ? 2 : 0] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    fk_free(w);
}

static void fewer_connections(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client_new(w, FK_CAPS), *b = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(a, "few", "secret", "shop"), "OK 0");
    assert_has(
        fk_login(b, "few", "secret", "shop"),
        "ERR 1203 42000 User few already has more than 'max_user_connections' active connections CLOSED");
    fk_leave(b);
    fk_leave(a);
    b = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(b, "few", "secret", "shop"), "OK 0");
    fk_leave(b);
    fk_free(w);
}

static void without_schema(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(c, "app", "secret", ""), "OK 0");
    assert_has(fk_query(c, "SELECT * FROM orders"), "ERR 1046 3D000 No database selected");
    assert_text(fk_query(c, "USE shop"), "OK 0");
    assert_text(fk_query(c, "SELECT * FROM notes"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* ---- bad packets ---- */

static void no_login_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *reply;
    } cases[] = {
        {"\x01\x00\x00\x01\x00", 5, "ERR 1043 08S01 Bad handshake CLOSED"},
        {"\x00\x00\x00\x01", 4, "ERR 1043 08S01 Bad handshake CLOSED"},
        {"\x20\x00\x00\x01\x05\xae\x03\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
         "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
         36, "ERR 1043 08S01 Weir: TLS is not offered here (the rules have no weir.tls); connect without it CLOSED"},
        {"\x01\x00\x00\x05\x00", 5, "ERR 1156 08S01 Got packets out of order CLOSED"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client_new(w, FK_CAPS);
        fk_raw(c, cases[i].bytes, cases[i].n);
        fk_run(w);
        c->seq = (uint8_t)(cases[i].bytes[3] + 1);
        assert_text(fk_login_reply(c), cases[i].reply);
        fk_leave(c);
        fk_free(w);
    }
}

static void a_login_of_2_MB(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    fk_raw(c, "\x00\x00\x20\x01", 4); /* its header alone decides */
    fk_run(w);
    c->seq = 2;
    assert_has(fk_login_reply(c), "ERR 1153 08S01 Got a packet bigger than 'max_allowed_packet' bytes");
    assert_true(c->l->closed);
    fk_leave(c);
    fk_free(w);
}

/* Each prefix of a good login packet, sent as a packet of its own length: an answer or a close, never a hang
 * or a crash. */
static void truncated_at_each_byte(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    fk_login_bytes(c, "app", "01234567890123456789", 20, "shop", NATIVE);
    struct fb good = {0};
    fb_put(&good, c->l->out.p + 4, c->l->out.n - 4);
    c->l->out.n = 0;
    fk_leave(c);
    for (size_t n = 0; n < good.n; n++) {
        c = fk_client_new(w, FK_CAPS);
        fb_packet(&c->l->out, &c->seq, good.p, n);
        fk_run(w);
        const char *r = fk_login_reply(c);
        assert_lacks(r, "BAD");
        assert_lacks(r, "OK");
        assert_true(c->l->closed || strncmp(r, "SWITCH", 6) == 0);
        fk_leave(c);
    }
    fb_free(&good);
    fk_free(w);
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    w->chunk = 1;
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "native", "secret", "shop", SHA2), "SWITCH " NATIVE);
    fk_answer_by(c, NATIVE, "secret");
    assert_text(fk_login_reply(c), "OK 0");
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

static void slow_logins_end(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", login_timeout: 5s"));
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    fk_tick(w, 4000);
    fk_raw(c, "\x20\x00", 2);
    fk_run(w);
    fk_tick(w, 1100);
    assert_true(c->l->closed);
    fk_leave(c);
    fk_free(w);
}

static void leaving_in_each_state(void **state)
{
    (void)state;
    for (int step = 0; step < 5; step++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client_new(w, FK_CAPS);
        if (step >= 1) fk_raw(c, "\x50\x00\x00", 3);
        if (step >= 2)
            c->l->out.n = c->l->given, c->seq = 1,
            fk_login_by(c, "sha", step == 2 ? "secret" : "other", "shop", step == 2 ? NATIVE : SHA2);
        if (step >= 4) fk_answer_bytes(c, "\x02", 1);
        fk_run(w);
        fk_leave(c);
        assert_int_equal(w->e.nsessions, 0);
        fk_free(w);
    }
}

/* The answer to a login is an OK, an ERR or a close, whichever allocation fails; and nothing is lost. */
static void fail_each_allocation(void **state)
{
    (void)state;
    bool fine = false;
    for (uint64_t n = 1; n < 200 && !fine; n++) {
        struct fk *w = fk_new(NULL);
        mem_fail_at(n);
        struct fk_client *c = fk_client_new(w, FK_CAPS);
        const char *r = c->l->closed ? "CLOSED" : fk_login(c, "app", "secret", "shop");
        mem_fail_at(0);
        fine = strcmp(r, "OK 0") == 0;
        if (!fine && !c->l->closed)
            FK_FAIL("allocation %llu: neither refused nor closed: '%s'", (unsigned long long)n, r);
        fk_leave(c);
        fk_free(w);
    }
    assert_true(fine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_password),
        cmocka_unit_test(wrong_ones),
        cmocka_unit_test(sha2_of_a_plain_secret),
        cmocka_unit_test(sha2_hash_full_then_fast),
        cmocka_unit_test(the_wrong_method_is_switched),
        cmocka_unit_test(mysql_8_clients_answer_empty_first),
        cmocka_unit_test(mysql_8_clients_without_password),
        cmocka_unit_test(names_cannot_be_guessed),
        cmocka_unit_test(unknown_names_are_steady),
        cmocka_unit_test(fewer_connections),
        cmocka_unit_test(without_schema),
        cmocka_unit_test(no_login_at_all),
        cmocka_unit_test(a_login_of_2_MB),
        cmocka_unit_test(truncated_at_each_byte),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(slow_logins_end),
        cmocka_unit_test(leaving_in_each_state),
        cmocka_unit_test(fail_each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
