/*
 * test_pool.c - borrowing and giving back server connections: the cap, the queue, the classes, time, and
 * every way in which opening one can fail.
 */
#include "fake_client.h"

struct borrower {
    struct pool_request req; /* first: done() gets it */
    struct conn *c;
    int calls;
    uint16_t code;
    char message[256];
    bool lost;
};

static void nobody_bytes(void *ctx, struct conn *c, const char *p, size_t n)
{
    (void)ctx, (void)c, (void)p, (void)n;
}
static void nobody_lost(void *ctx, struct conn *c, int error)
{
    (void)c, (void)error;
    ((struct borrower *)ctx)->lost = true;
    ((struct borrower *)ctx)->c = NULL;
}
static const struct conn_user nobody = {.bytes = nobody_bytes, .lost = nobody_lost};

static void take(struct borrower *b, struct conn *c)
{
    b->c = c;
    c->user = &nobody;
    c->ctx = b;
}

static void done(struct pool_request *r, struct conn *c, const struct fault *f)
{
    struct borrower *b = CONTAINER_OF(r, struct borrower, req);
    b->calls++;
    if (c)
        take(b, c);
    else {
        b->code = f->code;
        snprintf(b->message, sizeof b->message, "%.*s", STR_ARG(f->message));
    }
}

static void get_class(struct fk *w, struct borrower *b, uint32_t source, uint8_t cls)
{
    *b = (struct borrower){.req = {.cls = cls, .prefer = w->e.no_settings, .done = done}};
    struct conn *c = pool_get(&w->e.realm->pools[source], &b->req);
    assert_int_equal(b->calls, 0);
    if (c) take(b, c);
}
static void get(struct fk *w, struct borrower *b, uint32_t source)
{
    get_class(w, b, source, 0);
}

static void give(struct borrower *b)
{
    struct conn *c = b->c;
    b->c = NULL;
    pool_return(c);
}

static void opens_then_reuses(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower a, b;
    get(w, &a, 0);
    assert_null(a.c);
    assert_true(a.req.waiting);
    fk_run(w);
    assert_non_null(a.c);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.c->state, CONN_BUSY);
    assert_int_equal(a.c->thread_id, 701);
    assert_true(a.c->mariadb);
    give(&a);
    assert_int_equal(w->e.realm->pools[0].nidle, 1);
    get(w, &b, 0);
    assert_non_null(b.c); /* at once */
    assert_int_equal(w->src[0].connects, 1);
    give(&b);
    fk_free(w);
}

static void the_cap_makes_a_queue(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b[7];
    for (int i = 0; i < 7; i++) get(w, &b[i], 0);
    fk_run(w);
    for (int i = 0; i < 7; i++) assert_int_equal(b[i].c != NULL, i < 4);
    assert_int_equal(w->src[0].connects, 4);
    assert_int_equal(w->ask_idle, 3);
    assert_int_equal(w->e.count.pool_waits, 3);
    give(&b[2]);
    assert_non_null(b[4].c); /* the oldest */
    assert_null(b[5].c);
    pool_cancel(&b[5].req);
    assert_false(b[5].req.waiting);
    conn_discard(b[0].c); /* a place comes free: one is opened for the next */
    fk_run(w);
    assert_non_null(b[6].c);
    assert_int_equal(b[5].calls, 0);
    assert_int_equal(w->src[0].connects, 5);
    give(&b[1]);
    give(&b[3]);
    give(&b[4]);
    give(&b[6]);
    fk_free(w);
}

static void newcomers_do_not_overtake(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b[6];
    for (int i = 0; i < 5; i++) get(w, &b[i], 0);
    fk_run(w);
    assert_null(b[4].c);
    assert_false(pool_has_room(&w->e.realm->pools[0], 0));
    get(w, &b[5], 0);
    give(&b[0]);
    assert_non_null(b[4].c);
    assert_null(b[5].c);
    give(&b[1]);
    assert_non_null(b[5].c);
    for (int i = 2; i < 6; i++) give(&b[i]);
    fk_free(w);
}

static void classes_do_not_mix(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower a, b, c[4];
    get_class(w, &a, 0, CONN_DEPRECATE_EOF);
    fk_run(w);
    assert_true(a.c->capabilities & WIRE_CAP_DEPRECATE_EOF);
    give(&a);
    get_class(w, &b, 0, CONN_FOUND_ROWS);
    assert_null(b.c);
    fk_run(w);
    assert_true(b.c->capabilities & WIRE_CAP_FOUND_ROWS);
    assert_false(b.c->capabilities & WIRE_CAP_DEPRECATE_EOF);
    for (int i = 0; i < 3; i++)
        get_class(w, &c[i], 0, CONN_FOUND_ROWS); /* at the cap the idle one of the other class goes */
    fk_run(w);
    for (int i = 0; i < 3; i++) assert_non_null(c[i].c);
    assert_int_equal(fk_live(w, true), 4);
    get_class(w, &c[3], 0, 0);
    give(&b); /* no use to a waiter of another class: makes room instead */
    fk_run(w);
    assert_non_null(c[3].c);
    assert_int_equal(c[3].c->cls, 0);
    for (int i = 0; i < 4; i++) give(&c[i]);
    fk_free(w);
}

static void one_set_up_alike_is_preferred(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b[3];
    struct settings *ansi = settings_with(&w->e, w->e.no_settings, STR("sql_mode"), STR("'ANSI'"));
    for (int i = 0; i < 3; i++) get(w, &b[i], 0);
    fk_run(w);
    struct conn *first = b[0].c;
    settings_unref(&w->e, first->applied);
    first->applied = settings_ref(ansi);
    for (int i = 0; i < 3; i++) give(&b[i]);
    struct conn *c = pool_take(&w->e.realm->pools[0], 0, ansi);
    assert_ptr_equal(c, first);
    pool_return(c);
    c = pool_take(&w->e.realm->pools[0], 0, w->e.no_settings);
    assert_ptr_not_equal(c, first);
    pool_return(c);
    settings_unref(&w->e, ansi);
    fk_free(w);
}

static void waiting_ends_in_time(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", pool_wait: 2s"));
    struct borrower b[5];
    for (int i = 0; i < 5; i++) get(w, &b[i], 0);
    fk_run(w);
    fk_tick(w, 1999);
    assert_int_equal(b[4].calls, 0);
    fk_tick(w, 1);
    assert_int_equal(b[4].calls, 1);
    assert_int_equal(b[4].code, 1429);
    assert_text(b[4].message, "Weir: no connection to source s0 (127.0.0.1:4411) came free within pool_wait "
                              "(2000 ms); 4 of max_connections 4 are open");
    assert_int_equal(w->e.count.pool_timeouts, 1);
    for (int i = 0; i < 4; i++) give(&b[i]);
    fk_free(w);
}

static void idle_ones_grow_old(void **state)
{
    (void)state;
    struct fk *w = fk_new("weir: {listen: 127.0.0.1:4406}\nusers: {app: {password: secret}}\n"
                          "sources:\n  s0: {address: 127.0.0.1:4411, user: weir, password: weir, "
                          "max_connections: 4, min_idle: 1, idle_timeout: 10s}\n"
                          "schemas: {shop: {default_source: s0}}\n");
    struct borrower b[3];
    for (int i = 0; i < 3; i++) get(w, &b[i], 0);
    fk_run(w);
    for (int i = 0; i < 3; i++) give(&b[i]);
    fk_tick(w, 9000);
    assert_int_equal(w->e.realm->pools[0].nidle, 3);
    struct conn *c = pool_take(&w->e.realm->pools[0], 0, NULL);
    pool_return(c);
    fk_tick(w, 1001);
    assert_int_equal(w->e.realm->pools[0].nidle, 1);
    fk_tick(w, 60000);
    assert_int_equal(w->e.realm->pools[0].nidle, 1); /* min_idle */
    pool_give_up_idle(&w->e, 0);
    assert_int_equal(w->e.realm->pools[0].nidle, 0);
    pool_give_up_idle(&w->e, 0);
    pool_give_up_idle(&w->e, 99);
    fk_free(w);
}

/* An idle connection on which the server speaks, or which it closes, is gone. */
static void idle_ones_that_die(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b[2];
    get(w, &b[0], 0);
    get(w, &b[1], 0);
    fk_run(w);
    struct fk_link *l0 = fk_of(b[0].c->link), *l1 = fk_of(b[1].c->link);
    give(&b[0]);
    give(&b[1]);
    uint8_t seq = 0;
    fk_put_err(&l0->out, &seq, 1927, "70100", "Connection was killed");
    l1->close_after = ECONNRESET;
    fk_run(w);
    assert_int_equal(w->e.realm->pools[0].nidle, 0);
    assert_int_equal(fk_live(w, true), 0);
    fk_free(w);
}

static void a_busy_one_that_dies_is_told(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b;
    get(w, &b, 0);
    fk_run(w);
    fk_of(b.c->link)->close_after = ECONNRESET;
    fk_run(w);
    assert_true(b.lost);
    assert_int_equal(w->e.count.server_lost, 1);
    fk_free(w);
}

static void not_to_be_shared_again(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b;
    get(w, &b, 0);
    fk_run(w);
    b.c->must_close = true;
    give(&b);
    assert_int_equal(fk_live(w, true), 0);
    fk_free(w);
}

static void retired_connections_close_when_they_come_back(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b[2];
    get(w, &b[0], 0);
    get(w, &b[1], 0);
    fk_run(w);
    give(&b[1]);
    fk_install(w, FK_RULES_TEXT);
    fk_run(w);
    assert_int_equal(fk_live(w, true), 1);
    assert_int_equal(w->retired, 0);
    give(&b[0]);
    assert_int_equal(fk_live(w, true), 0);
    assert_int_equal(w->retired, 1);
    fk_free(w);
}

/* ---- opening fails ---- */

static void every_failure_is_told(void **state)
{
    (void)state;
    static const struct {
        struct fk_source how;
        const char *says;
    } cases[] = {
        {{.up = FK_REFUSE, .plugin = ""}, "cannot be used: Connection refused"},
        {{.greeting_err = "Too many connections", .plugin = ""}, "cannot be used: Too many connections"},
        {{.bad_greeting = true, .plugin = ""}, "its greeting is not of the MySQL protocol, version 10"},
        {{.lacks = WIRE_CAP_PROTOCOL_41, .plugin = ""}, "it does not speak protocol 4.1"},
        {{.login_err = "Access denied for user 'weir'@'h'", .plugin = "mysql_native_password"},
         "cannot be used: Access denied for user 'weir'@'h'"},
        {{.auth = FK_AUTH_CLOSE, .plugin = "mysql_native_password"},
         "the server closed the connection during login"},
        {{.switch_to = "sha256_password", .plugin = "mysql_native_password"},
         "it asks for an authentication method other than"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(NULL);
        struct borrower b[2];
        w->src[0] = cases[i].how;
        get(w, &b[0], 0);
        get(w, &b[1], 0);
        fk_run(w);
        for (int k = 0; k < 2; k++) {
            assert_null(b[k].c);
            assert_int_equal(b[k].calls, 1);
            assert_int_equal(b[k].code, 1429);
            assert_has(b[k].message, cases[i].says);
            assert_has(b[k].message, "source s0 (127.0.0.1:4411)");
        }
        assert_has(fb_text(&w->lines), "source s0 (127.0.0.1:4411): login or connect failed");
        assert_lacks(fb_text(&w->lines), "password: weir");
        fk_free(w);
    }
}

static void a_silent_server_has_connect_timeout(void **state)
{
    (void)state;
    static const struct fk_source cases[] = {{.up = FK_HANG, .plugin = ""},
                                             {.mute = true, .plugin = ""},
                                             {.auth = FK_AUTH_HANG, .plugin = "mysql_native_password"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(FK_YAML(", connect_timeout: 3s, pool_wait: 60s"));
        struct borrower b;
        w->src[0] = cases[i];
        get(w, &b, 0);
        fk_run(w);
        fk_tick(w, 2900);
        assert_int_equal(b.calls, 0);
        fk_tick(w, 200);
        assert_int_equal(b.calls, 1);
        assert_has(b.message, "Connection timed out");
        assert_int_equal(fk_live(w, true), 0);
        fk_free(w);
    }
}

/* A server that speaks a byte now and then has no more time than one that is silent. */
static void a_trickling_login_has_connect_timeout(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", connect_timeout: 3s, pool_wait: 60s"));
    struct borrower b;
    w->src[0].mute = true;
    get(w, &b, 0);
    fk_run(w);
    for (int i = 0; i < 8 && !b.calls; i++) {
        struct list *last = w->links.prev;
        fb_put(&CONTAINER_OF(last, struct fk_link, node)->out, i ? "\x0a" : "\x50\x00\x00\x00", i ? 1 : 4);
        fk_tick(w, 1000);
    }
    assert_int_equal(b.calls, 1);
    fk_free(w);
}

static void no_socket(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b;
    w->src[0].up = FK_NO_SOCKET;
    get(w, &b, 0);
    assert_int_equal(b.calls, 0);
    fk_tick(w, 200);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.code, 1429);
    fk_free(w);
}

/* Where others are open, a failure takes one waiter with it; the rest get what comes back. */
static void a_failure_beside_living_ones(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower a, b, c;
    get(w, &a, 0);
    fk_run(w);
    w->src[0].up = FK_REFUSE;
    get(w, &b, 0);
    get(w, &c, 0);
    give(&a);
    assert_non_null(b.c); /* the oldest waiter gets what came back */
    fk_run(w);
    assert_int_equal(c.calls, 1);
    assert_null(c.c);
    give(&b);
    fk_free(w);
}

/* ---- login methods of servers ---- */

static void server_plugins(void **state)
{
    (void)state;
    static const struct fk_source cases[] = {
        {.plugin = "caching_sha2_password", .version = "8.4.2"},
        {.plugin = "caching_sha2_password", .version = "9.1.0", .auth = FK_AUTH_FULL},
        {.plugin = "mysql_native_password", .switch_to = "caching_sha2_password", .version = "8.0.36"},
        {.plugin = "caching_sha2_password", .switch_to = "mysql_native_password", .version = "8.0.36"},
        {.plugin = "caching_sha2_password",
         .switch_to = "caching_sha2_password",
         .auth = FK_AUTH_FULL,
         .version = "8.0.36"},
    };
    for (size_t chunk = 0; chunk < 2; chunk++) {
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            struct fk *w = fk_new(NULL);
            struct borrower b;
            w->chunk = chunk;
            w->src[0] = cases[i];
            get(w, &b, 0);
            fk_run(w);
            assert_non_null(b.c);
            assert_false(b.c->mariadb);
            give(&b);
            fk_free(w);
        }
    }
}

/* A server whose default is a plugin that Weir does not have, and that then asks for one it has. */
static void unknown_default_plugin(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct borrower b;
    w->src[0] = (struct fk_source){.plugin = "client_ed25519", .switch_to = "mysql_native_password"};
    get(w, &b, 0);
    fk_run(w);
    assert_non_null(b.c);
    give(&b);
    fk_free(w);
}

static void fail_each_allocation(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 200; n++) {
        struct fk *w = fk_new(FK_YAML(", connect_timeout: 1s, pool_wait: 5s"));
        struct borrower b;
        mem_fail_at(n);
        get(w, &b, 0);
        fk_run(w);
        mem_fail_at(0);
        for (int i = 0; i < 40 && !b.c && !b.calls; i++) fk_tick(w, 200); /* at the latest by the time-outs */
        assert_true(b.c || b.calls == 1);
        bool fine = b.c != NULL;
        if (b.c) give(&b);
        fk_free(w);
        if (fine && n > 20) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_then_reuses),
        cmocka_unit_test(the_cap_makes_a_queue),
        cmocka_unit_test(newcomers_do_not_overtake),
        cmocka_unit_test(classes_do_not_mix),
        cmocka_unit_test(one_set_up_alike_is_preferred),
        cmocka_unit_test(waiting_ends_in_time),
        cmocka_unit_test(idle_ones_grow_old),
        cmocka_unit_test(idle_ones_that_die),
        cmocka_unit_test(a_busy_one_that_dies_is_told),
        cmocka_unit_test(not_to_be_shared_again),
        cmocka_unit_test(retired_connections_close_when_they_come_back),
        cmocka_unit_test(every_failure_is_told),
        cmocka_unit_test(a_silent_server_has_connect_timeout),
        cmocka_unit_test(a_trickling_login_has_connect_timeout),
        cmocka_unit_test(no_socket),
        cmocka_unit_test(a_failure_beside_living_ones),
        cmocka_unit_test(server_plugins),
        cmocka_unit_test(unknown_default_plugin),
        cmocka_unit_test(fail_each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
