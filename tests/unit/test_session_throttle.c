/*
 * test_session_throttle.c - hosts with many failed logins wait for their answers, good or bad, and nobody else does.
 */
#include "fake_login.h"
#include "proxy/session/login.h"

#define USERS                                                                                                \
    "  plain: {password: secret}\n"                                                                          \
    "  sha: {caching_sha2_password: " HASH_SHA2 "}\n"

enum { CAPS = FK_CAPS | WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA };

static struct fk *world(const char *yaml)
{
    throttle_clear();
    return fk_new(yaml);
}

#define SLOW_YAML LOGIN_YAML(", failed_logins: 3, failed_login_delay: 2s", USERS)

static void fail_times(struct fk *w, int n)
{
    for (int i = 0; i < n; i++) {
        struct fk_client *c = fk_client_new(w, CAPS);
        assert_has(fk_login(c, "plain", "wrong", "shop"), "ERR 1045");
        fk_leave(c);
    }
}

static void guessers_wait(void **state)
{
    (void)state;
    struct fk *w = world(SLOW_YAML);
    fail_times(w, 3);
    struct fk_client *bad = fk_client_new(w, CAPS), *good = fk_client_new(w, CAPS), *sha = fk_client_new(w, CAPS);
    assert_text(fk_login(bad, "plain", "wrong", "shop"), "");
    assert_text(fk_login_by(sha, "plain", "wrong", "shop", SHA2), "");
    assert_text(fk_login_by(good, "plain", "secret", "shop", SHA2), ""); /* the word "fast path" would tell */
    assert_int_equal(w->e.count.logins_delayed, 3);
    fk_tick(w, 1900);
    assert_text(fk_login_reply(bad), "");
    assert_text(fk_login_reply(good), "");
    fk_tick(w, 200);
    assert_has(fk_login_reply(bad), "ERR 1045");
    assert_has(fk_login_reply(sha), "ERR 1045");
    assert_text(fk_login_reply(good), "MORE 3, OK 0");
    assert_text(fk_query(good, "SELECT 1"), "ROWS v|1 END");
    fk_leave(bad);
    fk_leave(good);
    fk_leave(sha);
    fail_times(w, 3); /* counted from nothing again */
    fk_free(w);
}

static void waiting_tells_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fk *w = world(SLOW_YAML);
        struct fk_client *c = fk_client_new(w, CAPS);
        assert_has(fk_login_to_end(c, "sha", "secret", "shop", SHA2), "OK 0"); /* the fast path is known now */
        fk_leave(c);
        fail_times(w, 3);
        c = fk_client_new(w, CAPS);
        assert_text(fk_login_by(c, "sha", i ? "secret" : "wrong", "shop", SHA2), "MORE 4");
        assert_text(fk_full(c, i ? "secret" : "wrong"), "");
        fk_tick(w, 2000);
        assert_has(fk_login_reply(c), i ? "OK 0" : "ERR 1045");
        fk_leave(c);
        fk_free(w);
    }
}

/* Commands sent behind the login wait with it; a client may go; a drain ends them; time limits of logins do not. */
static void while_it_waits(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fk *w = world(LOGIN_YAML(", failed_logins: 3, failed_login_delay: 20s, login_timeout: 5s", USERS));
        fail_times(w, 3);
        struct fk_client *c = fk_client_new(w, CAPS);
        assert_text(fk_login(c, "plain", "secret", "shop"), "");
        if (i == 0) {
            fk_ask(c, "SELECT 1");
            fk_run(w);
            fk_tick(w, 10000);
            assert_false(c->l->closed);
            fk_tick(w, 10000);
            assert_has(fk_login_reply(c), "OK 0BAD"); /* and the rows, numbered as a command's */
        } else if (i == 1) {
            fk_hang_up(c->l, 0);
        } else if (i == 2) {
            session_drain(&w->e, false);
            fk_run(w);
            assert_true(c->l->closed);
        } else {
            static char junk[1 << 20];
            fk_raw(c, junk, sizeof junk);
            fk_run(w);
            assert_true(c->l->link.paused); /* no more than a little is kept */
        }
        fk_leave(c);
        /* no place of a wait is lost */
        for (int k = 0; k < 40; k++) {
            c = fk_client_new(w, CAPS);
            assert_has(fk_login(c, "plain", "wrong", "shop"), k < 3 ? "ERR 1045" : "");
            fk_leave(c);
        }
        fk_free(w);
    }
}

/* A crowd of guessers does not fill the process. */
static void not_too_many_wait(void **state)
{
    (void)state;
    struct fk *w = world(SLOW_YAML);
    fail_times(w, 3);
    struct fk_client *c[34];
    for (size_t i = 0; i < COUNT_OF(c); i++) {
        c[i] = fk_client_new(w, CAPS);
        const char *r = fk_login(c[i], "plain", "wrong", "shop");
        if (i < 32) assert_text(r, "");
        else assert_text(r, "ERR 1129 HY000 Host '10.0.0.9' is blocked because of many failed logins; wait and try again CLOSED");
    }
    static const uint8_t other[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 10};
    struct fk_client *o = fk_client_from(w, CAPS, "10.0.0.10", other);
    assert_text(fk_login(o, "plain", "secret", "shop"), "OK 0"); /* other hosts are not concerned */
    fk_leave(o);
    fk_tick(w, 2000);
    for (size_t i = 0; i < COUNT_OF(c); i++) {
        if (i < 32) assert_has(fk_login_reply(c[i]), "ERR 1045");
        fk_leave(c[i]);
    }
    fk_free(w);
}

/* The table itself. */
static void the_table(void **state)
{
    (void)state;
    uint8_t a[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1}, b[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 9, 9}, d[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 2};
    uint32_t ticket, first;
    uint64_t now = 5000000;
    throttle_clear();
    for (int i = 0; i < 5; i++) assert_int_equal(throttle_judge(a, false, now, 5, &ticket), THROTTLE_GO);
    assert_true(throttle_is_slow(b, now, 5)); /* the same /64 */
    assert_false(throttle_is_slow(d, now, 5));
    assert_int_equal(throttle_judge(b, false, now, 5, &first), THROTTLE_HOLD);
    assert_int_equal(throttle_judge(d, false, now, 5, &ticket), THROTTLE_GO);
    assert_int_equal(throttle_judge(NULL, false, now, 5, &ticket), THROTTLE_GO); /* Unix sockets are one host */
    assert_int_equal(throttle_judge(a, false, now, 0, &ticket), THROTTLE_GO);    /* off */
    assert_true(throttle_is_slow(a, now + 59999, 5));
    assert_false(throttle_is_slow(a, now + 60000, 5)); /* six failures, halved */
    throttle_leave(first);
    for (int i = 0; i < 1000; i++) {
        if (throttle_judge(a, false, now + 60000, 5, &ticket) == THROTTLE_HOLD) throttle_leave(ticket);
    }
    assert_true(throttle_is_slow(a, now + 60000, 5));
    assert_false(throttle_is_slow(a, now + 180000, 5)); /* it fades, however many there were */
    assert_int_equal(throttle_judge(a, true, now + 180000, 5, &ticket), THROTTLE_GO);
    /* a hundred thousand addresses have room: the one that matters keeps its place */
    for (int i = 0; i < 5; i++) assert_int_equal(throttle_judge(a, false, now + 180000, 5, &ticket), THROTTLE_GO);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t v4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        assert_int_equal(throttle_judge(v4, false, now + 180001, 5, &ticket), THROTTLE_GO);
    }
    assert_true(throttle_is_slow(a, now + 180002, 5));
    throttle_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guessers_wait),
        cmocka_unit_test(waiting_tells_nothing),
        cmocka_unit_test(while_it_waits),
        cmocka_unit_test(not_too_many_wait),
        cmocka_unit_test(the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
