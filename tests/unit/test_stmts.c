/*
 * test_stmts.c - a server connection's own statements (backend/stmts.h): found by text, database and variables; the least recently used makes room; and the
 * closes that go out are just those of the entries that leave.
 */
#include "fake_client.h"

/* A connection of s1 that is set up and idle. */
static struct conn *a_conn(struct fk *w, struct fk_client **c)
{
    *c = fk_client(w);
    fk_query(*c, "SELECT v FROM notes");
    struct pool *p = &w->e.realm->pools[1];
    struct conn *x = pool_take(p, CONN_DEPRECATE_EOF, w->e.no_settings);
    assert_non_null(x);
    fk_seen(w);
    return x;
}

static void give_back(struct fk *w, struct fk_client *c, struct conn *x)
{
    x->must_close = true; /* its statements are this test's inventions */
    pool_return(x);
    fk_leave(c);
    fk_free(w);
}

/* Prepares it there, without Weir's doing. */
static uint32_t prepare(struct conn *x, const char *text, uint32_t max)
{
    struct fk_link *k = CONTAINER_OF(x->link, struct fk_link, link);
    uint32_t id = fk_stmt_add(k, text, strlen(text))->id;
    assert_true(conn_stmt_add(x, conn_stmt_hash(str_of(text)), str_of(text), id, max));
    return id;
}

static uint32_t find(struct conn *x, const char *text)
{
    return conn_stmt_find(x, conn_stmt_hash(str_of(text)), str_of(text));
}

static void least_recently_used(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c;
    struct conn *x = a_conn(w, &c);
    uint32_t a = prepare(x, "A", 3), b = prepare(x, "B", 3), d = prepare(x, "C", 3);
    assert_int_equal(find(x, "A"), a);
    assert_int_equal(find(x, "B"), b);
    uint32_t e = prepare(x, "D", 3); /* C goes */
    fk_run(w);
    assert_text(fk_seen(w), "s1#1 CLOSE C\n");
    assert_int_equal(find(x, "C"), 0);
    assert_int_equal(find(x, "A"), a);
    assert_int_equal(find(x, "B"), b);
    assert_int_equal(find(x, "D"), e);
    assert_true(d != e);
    prepare(x, "E", 1); /* a smaller cap: all others go */
    fk_run(w);
    assert_text(fk_seen(w), "s1#1 CLOSE A\ns1#1 CLOSE B\ns1#1 CLOSE D\n");
    assert_int_equal(x->stmts.n, 1);
    prepare(x, "F", 0); /* a cap of none is one of one */
    fk_run(w);
    assert_int_equal(x->stmts.n, 1);
    assert_int_equal(conn_stmt_close_all(x), 1);
    assert_int_equal(conn_stmt_close_all(x), 0);
    fk_run(w);
    assert_int_equal(((struct fk_link *)CONTAINER_OF(x->link, struct fk_link, link))->nstmts, 0);
    give_back(w, c, x);
}

static void database_and_variables_count(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c;
    struct conn *x = a_conn(w, &c);
    struct str shop = x->db;
    struct settings *plain = x->applied;
    uint32_t a = prepare(x, "A", 9);
    x->db = STR("other");
    assert_int_equal(find(x, "A"), 0);
    uint32_t b = prepare(x, "A", 9);
    x->db = STR_NULL;
    assert_int_equal(find(x, "A"), 0);
    uint32_t d = prepare(x, "A", 9);
    x->db = shop;
    fk_query(c, "SET sql_mode = 'ANSI'");
    x->applied = ((struct session *)c->l->link.owner)->f.settings;
    assert_int_equal(find(x, "A"), 0);
    uint32_t e = prepare(x, "A", 9);
    x->applied = plain;
    assert_int_equal(find(x, "A"), a);
    x->db = STR("other");
    assert_int_equal(find(x, "A"), b);
    x->db = STR_NULL;
    assert_int_equal(find(x, "A"), d);
    assert_int_equal(x->stmts.n, 4);
    x->db = shop;
    (void)e;
    /* Two texts of one hash are told apart. */
    assert_int_equal(conn_stmt_find(x, conn_stmt_hash(STR("A")), STR("B")), 0);
    /* An entry outlives the session that had those variables. */
    fk_query(c, "SET sql_mode = DEFAULT");
    give_back(w, c, x);
}

/* Without memory the new statement is closed, and none is known that is not there. */
static void no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 4; n++) {
        for (uint32_t before = 0; before < 9; before++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c;
            struct conn *x = a_conn(w, &c);
            struct fk_link *k = CONTAINER_OF(x->link, struct fk_link, link);
            char text[16];
            for (uint32_t i = 0; i < before; i++) {
                snprintf(text, sizeof text, "T%u", i);
                prepare(x, text, 100);
            }
            uint32_t id = fk_stmt_add(k, "X", 1)->id;
            mem_fail_at(n);
            bool ok = conn_stmt_add(x, conn_stmt_hash(STR("X")), STR("X"), id, 100);
            mem_fail_at(0);
            fk_run(w);
            assert_int_equal(find(x, "X"), ok ? id : 0);
            assert_int_equal(x->stmts.n, before + ok);
            assert_int_equal(k->nstmts, before + ok);
            if (!ok) assert_text(fk_seen(w), "s1#1 CLOSE X\n");
            for (uint32_t i = 0; i < before; i++) {
                snprintf(text, sizeof text, "T%u", i);
                assert_true(find(x, text) > 0);
            }
            prepare(x, "Y", 100);
            assert_true(find(x, "Y") > 0);
            give_back(w, c, x);
        }
    }
}

/* Any order of uses against a plain model. */
static void against_a_model(void **state)
{
    (void)state;
    enum { TEXTS = 40, CAP = 10 };
    struct fk *w = fk_new(NULL);
    struct fk_client *c;
    struct conn *x = a_conn(w, &c);
    unsigned last_used[TEXTS] = {0}, seed = 7, tick = 0;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned t = (seed >> 16) % TEXTS, there = 0, oldest = TEXTS;
        char text[16];
        snprintf(text, sizeof text, "T%u", t);
        for (unsigned k = 0; k < TEXTS; k++) {
            there += last_used[k] > 0;
            if (last_used[k] && (oldest == TEXTS || last_used[k] < last_used[oldest])) oldest = k;
        }
        assert_int_equal(find(x, text) > 0, last_used[t] > 0);
        if (!last_used[t]) {
            if (there == CAP) last_used[oldest] = 0;
            prepare(x, text, CAP);
        }
        last_used[t] = ++tick;
        if (i % 100 == 0) {
            fk_run(w);
            fb_clear(&w->log);
            assert_int_equal(((struct fk_link *)CONTAINER_OF(x->link, struct fk_link, link))->nstmts, x->stmts.n);
        }
    }
    assert_int_equal(x->stmts.n, CAP);
    give_back(w, c, x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_recently_used),
        cmocka_unit_test(database_and_variables_count),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
