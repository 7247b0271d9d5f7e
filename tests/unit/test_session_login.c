/* test_session_login.c - who may come in: every kind of secret against every kind of answer, and every way to
 * get it wrong. */
#include "fake_client.h"

#define SHA2   "caching_sha2_password"
#define NATIVE "mysql_native_password"

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
    assert_text(fk_login_by(c, "nopass", "", "shop", SHA2), "OK 0");
    fk_leave(c);
    fk_free(w);
}

static void answer(struct fk_client *c, const void *p, size_t n)
{
    fb_packet(&c->l->out, &c->seq, p, n);
    fk_run(c->w);
}

static void sha2_answer(struct fk_client *c, const char *password)
{
    uint8_t auth[32];
    wire_sha2_scramble(str_of(password), c->nonce, auth);
    answer(c, auth, sizeof auth);
}

/* The full exchange of caching_sha2_password: public key, password encrypted by it. */
static const char *full(struct fk_client *c, const char *password)
{
    struct fb pem = {0};
    uint8_t seq = 0, last = 0;
    size_t at = c->l->read;
    answer(c, "\x02", 1);
    FK_CHECK(fb_next(&c->l->got, &at, &seq, &last, &pem) && pem.p[0] == 1, "no public key");
    c->l->read = at;
    c->seq = (uint8_t)(last + 1);
    struct buf cipher = {0};
    FK_CHECK(wire_rsa_encrypt(str_make(pem.p + 1, pem.n - 1), str_of(password), c->nonce, &cipher),
             "not a key");
    answer(c, cipher.data, cipher.len);
    buf_release(&cipher);
    fb_free(&pem);
    return fk_login_reply(c);
}

static void sha2_hash_full_then_fast(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
    assert_has(full(c, "wrong"),
               "ERR 1045 28000 Access denied for user 'sha'@'10.0.0.9' (using password: YES) CLOSED");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "secret", "shop", SHA2), "MORE 4");
    assert_text(full(c, "secret"), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS); /* this worker has seen it now */
    assert_text(fk_login_by(c, "sha", "secret", "shop", SHA2), "MORE 3, OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
    answer(c, "secret", 7); /* in clear: only over TLS */
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
    sha2_answer(c, "secret");
    assert_text(fk_login_reply(c), "MORE 3, OK 0"); /* seen by the test before; or MORE 4 */
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "native", "secret", "shop", SHA2), "SWITCH " NATIVE);
    uint8_t auth[20];
    wire_native_scramble(STR("secret"), c->nonce, auth);
    answer(c, auth, sizeof auth);
    assert_text(fk_login_reply(c), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login_by(c, "app", "secret", "shop", "client_ed25519"), "SWITCH " NATIVE);
    answer(c, auth, 3);
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
    sha2_answer(c, "secret");
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

/* A name that does not exist is treated as one that does, up to the last step. */
static void names_cannot_be_guessed(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    char known[256];
    snprintf(known, sizeof known, "%s", fk_login_by(c, "app", "wrong", "shop", SHA2));
    fk_leave(c);
    c = fk_client_new(w, FK_CAPS);
    const char *unknown = fk_login_by(c, "apq", "wrong", "shop", SHA2);
    assert_int_equal(strncmp(known, unknown, 10), 0);
    fk_leave(c);
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
         36, "ERR 1043 08S01 Weir: TLS is not supported yet; connect without it (--skip-ssl) CLOSED"},
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
    uint8_t auth[20];
    wire_native_scramble(STR("secret"), c->nonce, auth);
    answer(c, auth, sizeof auth);
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
        if (step >= 4) answer(c, "\x02", 1);
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
