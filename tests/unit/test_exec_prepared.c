/*
 * test_exec_prepared.c - COM_STMT_PREPARE and EXECUTE down to the servers: what they are told and when, what it costs, what is kept
 * and for how long, and every fault at every place (test_stmt_kit.h).
 */
#include "test_stmt_kit.h"

#define POINT "SELECT v FROM orders WHERE id = ?"

/* ---- the common way ---- */

static void prepared_where_it_is_needed(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_prepare(c, POINT), "PREPARED 1 params:? columns:v");
    fk_query(c, "SELECT * FROM notes"); /* a connection of s1 is set up */
    fb_clear(&w->log);
    assert_text(fk_execute(c, 1, "i:2"), "ROWS v|1 END");
    assert_text(fk_seen(w), "s1#2 PREPARE SELECT v FROM orders_0 AS orders WHERE id = ?\n"
                            "s1#2 EXECUTE SELECT v FROM orders_0 AS orders WHERE id = ? [2]\n");
    assert_text(fk_execute(c, 1, "i:6"), "ROWS v|1 END");
    assert_text(fk_seen(w), "s1#2 EXECUTE SELECT v FROM orders_0 AS orders WHERE id = ? [6]\n");
    assert_text(fk_execute(c, 1, "s:2"), "ROWS v|1 END"); /* as text it is the same shard */
    assert_has(fk_seen(w), "s1#2 EXECUTE SELECT v FROM orders_0 AS orders WHERE id = ? [2]\n");
    assert_text(fk_execute(c, 1, "N"), "ROWS v|1 END"); /* no row has it: any one shard can say so */
    fk_close_stmt(c, 1);
    assert_lacks(fk_seen(w), "CLOSE"); /* the connection keeps it */
    assert_has(fk_execute(c, 1, "i:2"), "ERR 1243 HY000 Unknown prepared statement handler (1)");
    fk_leave(c);
    fk_free(w);
}

/* Another client with the same text: no server is asked again, neither for the description nor at the execute. */
static void clients_share_it(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    fk_prepare(a, POINT);
    fk_execute(a, 1, "i:1");
    fk_seen(w);
    assert_text(fk_prepare(b, POINT), "PREPARED 1 params:? columns:v");
    assert_text(fk_seen(w), "");
    assert_text(fk_execute(b, 1, "i:1"), "ROWS v|1 END");
    assert_text(fk_seen(w), "s0#1 EXECUTE SELECT v FROM orders_1 AS orders WHERE id = ? [1]\n");
    assert_int_equal(w->e.prepared.len, 1);
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

/* Two clients prepare the same text at once; the replies come byte by byte, in turn. */
static void described_twice_at_once(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 40; chunk++) {
        for (int first = 0; first < 2; first++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *a = fk_client(w), *b = fk_client(w);
            fk_on(w, -1, "PREPARE SELECT", "ROWS id:3,v:3,t:253", -1);
            fk_query(a, "SELECT 1");
            static const char text[] = "SELECT * FROM notes WHERE id > ? AND v = ?";
            w->chunk = chunk;
            w->src[1].hold = true;
            fk_command_bytes(first ? b : a, WIRE_COM_STMT_PREPARE, text, sizeof text - 1);
            fk_run(w);
            fk_command_bytes(first ? a : b, WIRE_COM_STMT_PREPARE, text, sizeof text - 1);
            fk_run(w);
            w->src[1].hold = false;
            fk_run(w);
            assert_text(fk_reply(a), "PREPARED 1 params:?,? columns:id,v,t");
            assert_text(fk_reply(b), "PREPARED 1 params:?,? columns:id,v,t");
            fk_leave(a);
            fk_leave(b);
            fk_free(w);
        }
    }
}

static void no_allocation(void **state)
{
    (void)state;
    static const struct {
        const char *text, *values;
    } all[] = {
        {"SELECT v FROM notes WHERE id = ?", "i:5"},
        {POINT, "i:5"},
        {POINT, "s:5"},
        {POINT, "d:5"},
        {"SELECT v FROM orders WHERE id = ? AND v = ? AND t = ?", "i:5,d:1.5,s:abc"},
        {"SELECT v FROM orders WHERE id = ? LIMIT ?", "i:5,i:1"},
        {"UPDATE orders SET v = ? WHERE id = ?", "i:3,i:1"},
        {"INSERT INTO orders (id, v) VALUES (?, ?)", "i:1,N"},
        {"DELETE FROM notes WHERE t = ?", "s:abcdefghijklmnopqrstuvwxyz"},
    };
    for (size_t t = 0; t < COUNT_OF(all); t++) {
        for (int old = 0; old < 2; old++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
            fk_on(w, -1, "SELECT", "ROWS@orders_1 v:3|1|2", -1);
            assert_has(fk_prepare(c, all[t].text), "PREPARED 1");
            for (int i = 0; i < 4; i++) assert_lacks(fk_execute(c, 1, all[t].values), "ERR");
            uint64_t before = mem_count();
            for (int i = 0; i < 10; i++) fk_execute(c, 1, all[t].values);
            if (mem_count() != before)
                FK_FAIL("%s (%s): %llu allocations in 10 executes", all[t].text, all[t].values, (unsigned long long)(mem_count() - before));
            fk_leave(c);
            fk_free(w);
        }
    }
}

/* The reply to PREPARE says nothing of the transaction: the connection is held on, whatever happens then. */
static void in_a_transaction(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        struct fk *w = fk_new(FK_NARROW);
        struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
        fk_query(c, "BEGIN");
        fk_query(c, "UPDATE orders SET v = 1 WHERE id = 1");
        assert_has(fk_prepare(c, POINT), "PREPARED 1");
        assert_int_equal(w->e.realm->pools[0].nidle, 0);
        assert_text(fk_execute(c, 1, "i:1"), "ROWS v|1 END T");
        fk_prepare(c, "UPDATE orders SET v = ? WHERE id = ?");
        fk_on(w, -1, "EXECUTE UPDATE", "ERR 1062 23000 Duplicate entry", 1);
        assert_text(fk_execute(c, 2, "i:1,i:1"), "ERR 1062 23000 Duplicate entry");
        fk_on(w, -1, "PREPARE", "ERR 1146 42S02 Table 'shop.nothing' doesn't exist", 1);
        assert_has(fk_prepare(c, "SELECT * FROM nothing WHERE id = ?"), "ERR 1146");
        assert_int_equal(w->e.realm->pools[0].nidle, 0);
        assert_text(fk_execute(c, 2, "i:1,i:1"), "OK 1 T");
        assert_text(fk_query(c, "ROLLBACK"), "OK 0");
        assert_int_equal(w->src[0].committed, 0);
        assert_int_equal(w->e.realm->pools[0].nidle, 1);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- what is part of the key ---- */

static void settings_make_it_another(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_NARROW);
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    static const char text[] = "SELECT v FROM notes WHERE t = \"x\" AND id = ?";
    fk_query(a, "SET sql_mode = 'ANSI_QUOTES'");
    fk_prepare(a, text);
    fk_prepare(b, text);
    fk_execute(a, 1, "i:1");
    fk_execute(b, 1, "i:1");
    assert_int_equal(w->e.prepared.len, 2);
    fk_seen(w);
    for (int i = 0; i < 3; i++) { /* one connection, two statements of one text: each client gets its own */
        fk_execute(a, 1, "i:1");
        fk_execute(b, 1, "i:1");
    }
    assert_lacks(fk_seen(w), "PREPARE");
    struct fk_link *k = NULL;
    for (struct list *n = w->links.next; n != &w->links; n = n->next) {
        struct fk_link *x = CONTAINER_OF(n, struct fk_link, node);
        if (x->server && x->source == 1) k = x;
    }
    assert_int_equal(k->nstmts, 2);
    fk_query(a, "USE other"); /* the statement keeps its schema */
    fk_seen(w);
    assert_text(fk_execute(a, 1, "i:1"), "ROWS v|1 END");
    assert_lacks(fk_seen(w), "INIT_DB other");
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

/* ---- nothing grows ---- */

static void many_texts(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_server_prepared_statements: 20"));
    struct fk_client *c = fk_client(w);
    for (int i = 0; i < 3000; i++) {
        char text[64];
        snprintf(text, sizeof text, "SELECT v FROM notes WHERE id = ? + %d", i);
        fk_prepare(c, text);
        fk_execute(c, c->prepared, "i:1");
        if (i % 3 == 0) assert_text(fk_reset_stmt(c, c->prepared), "OK 0");
        fk_close_stmt(c, c->prepared);
        fb_clear(&w->log);
    }
    assert_true(w->e.prepared.len <= 512);
    assert_int_equal(w->e.nprepared_idle, w->e.prepared.len);
    assert_true(w->e.prepared.cap <= 4096);
    for (struct list *n = w->links.next; n != &w->links; n = n->next) {
        struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
        if (!k->server) continue;
        const struct conn *x = k->link.owner;
        assert_int_equal(x->stmts.n, 20);
        assert_int_equal(k->nstmts, 20);
        assert_true(x->stmts.cap <= 64);
    }
    /* The most recently used is found, the first is forgotten. */
    fk_prepare(c, "SELECT v FROM notes WHERE id = ? + 2999");
    fk_execute(c, c->prepared, "i:1");
    assert_lacks(fk_seen(w), "PREPARE");
    fk_prepare(c, "SELECT v FROM notes WHERE id = ? + 0");
    assert_has(fk_seen(w), "PREPARE");
    fk_leave(c);
    fk_free(w);
}

/* Long texts, and texts with many columns, are not kept without a client. */
static void big_ones_do_not_wait(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    struct fb text = {0};
    fb_z(&text, "SELECT v FROM notes WHERE id = ? /* ");
    for (int i = 0; i < 20000; i++) fb_z(&text, "x");
    fb_z(&text, " */");
    assert_has(fk_prepare(c, text.p), "PREPARED");
    assert_text(fk_execute(c, c->prepared, "i:1"), "ROWS v|1 END");
    fk_close_stmt(c, c->prepared);
    assert_int_equal(w->e.prepared.len, 0);
    fb_free(&text);
    fk_on(w, -1, "PREPARE", "PREPARED 1 4000", -1);
    assert_has(fk_prepare(c, "SELECT * FROM notes WHERE id = ?"), "PREPARED");
    fk_close_stmt(c, c->prepared);
    assert_int_equal(w->e.prepared.len, 0);
    fk_leave(c);
    fk_free(w);
}

/* The server is at its max_prepared_stmt_count: this connection's are given up, once. */
static void a_server_that_is_full(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_NARROW);
    struct fk_client *c = fk_client(w);
    for (int i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "SELECT v FROM notes WHERE id = ? + %d", i);
        fk_prepare(c, text);
    }
    fk_seen(w);
    fk_on(w, -1, "PREPARE", "ERR 1461 42000 Can't create more than max_prepared_stmt_count statements", 1);
    assert_has(fk_prepare(c, "SELECT v FROM notes WHERE v = ?"), "PREPARED 6");
    const char *seen = fk_seen(w);
    for (int i = 0; i < 5; i++) {
        char close[80];
        snprintf(close, sizeof close, "CLOSE SELECT v FROM notes WHERE id = ? + %d\n", i);
        assert_has(seen, close);
    }
    fk_on(w, -1, "PREPARE", "ERR 1461 42000 Can't create more than max_prepared_stmt_count statements", -1);
    assert_has(fk_prepare(c, "SELECT v FROM notes WHERE v = 1 + ?"), "ERR 1461 42000");
    assert_has(fk_prepare(c, "SELECT v FROM notes WHERE v = 2 + ?"), "ERR 1461 42000");
    fk_leave(c);
    fk_free(w);
}

/* ---- other rules, another catalog ---- */

static void other_rules(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_prepare(c, POINT);
    fk_execute(c, 1, "i:1");
    fk_install(w, BEST);
    fk_seen(w);
    assert_text(fk_execute(c, 1, "i:1"), "ROWS v|1 END"); /* on a connection of the new rules */
    assert_has(fk_seen(w), "PREPARE SELECT v FROM orders_1 AS orders WHERE id = ?");
    fk_tick(w, 200);
    assert_int_equal(w->e.prepared.len, 1);
    fk_install(w, FK_NARROW);
    fk_prepare(c, "SELECT v FROM notes WHERE id = ?");
    fk_close_stmt(c, 1);
    fk_close_stmt(c, 2);
    assert_int_equal(w->e.prepared.len, 2); /* both idle, of the rules in force */
    fk_install(w, BEST);
    fk_query(c, "SELECT 1");
    fk_tick(w, 200);
    assert_int_equal(w->e.prepared.len, 0);
    assert_int_equal(w->e.nprepared_idle, 0);
    fk_leave(c);
    fk_free(w);
}

/* Other rules come while servers are asked for the description. */
static void other_rules_in_mid_prepare(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "SELECT v FROM orders");
    w->src[0].hold = w->src[1].hold = true;
    fk_ask(c, "");
    fk_forget(c);
    fk_run(w);
    fk_forget(c);
    fk_command_bytes(c, WIRE_COM_STMT_PREPARE, POINT, strlen(POINT));
    fk_run(w);
    fk_install(w, BEST);
    w->src[0].hold = w->src[1].hold = false;
    fk_run(w);
    assert_text(fk_reply(c), "PREPARED 1 params:? columns:v");
    assert_text(fk_execute(c, 1, "i:1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* ---- hostile and old servers ---- */

static void impossible_counts(void **state)
{
    (void)state;
    static const char *const bad[] = {"PREPARED 2 1", "PREPARED 0 1", "PREPARED 65535 1 0", "PREPARED 1 65535 0", "OK 0", "BADSEQ",
                                      "PREPARED 1 1 0", "INFILE"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        for (int execute = 0; execute < 2; execute++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client(w), *other = fk_client(w);
            if (execute) fk_prepare(c, POINT);
            fk_on(w, execute ? 1 : -1, "PREPARE", bad[i], -1);
            const char *r = execute ? fk_execute(c, 1, "i:2") : fk_prepare(c, POINT);
            if (!r[0]) { /* definitions that never come */
                assert_non_null(strstr(bad[i], " 0"));
                session_kill(c->l->link.owner, false);
                fk_run(w);
                r = fk_reply(c);
            }
            if (!strstr(r, "ERR ")) FK_FAIL("%s: %s", bad[i], r);
            w->nrules = 0;
            assert_text(fk_query(other, "SELECT v FROM notes"), "ROWS v|1 END");
            if (!c->l->closed) assert_has(fk_prepare(c, POINT), "PREPARED");
            if (!c->l->closed) assert_text(fk_execute(c, c->prepared, "i:2"), "ROWS v|1 END");
            fk_leave(c);
            fk_leave(other);
            fk_free(w);
        }
    }
}

static void old_servers_and_clients(void **state)
{
    (void)state;
    for (int old_client = 0; old_client < 2; old_client++) {
        for (int old_server = 0; old_server < 2; old_server++) {
            for (size_t chunk = 0; chunk < 4; chunk++) {
                struct fk *w = fk_new(NULL);
                if (old_server) w->src[0].lacks = w->src[1].lacks = WIRE_CAP_DEPRECATE_EOF | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_PS_MULTI_RESULTS;
                struct fk_client *c = fk_client_caps(w, old_client ? FK_CAPS_OLD : FK_CAPS);
                w->chunk = chunk;
                fk_on(w, -1, "SELECT", "ROWS v:3,t:253|1,x", -1);
                assert_text(fk_prepare(c, "SELECT v, t FROM orders WHERE id = ? OR v = ?"), "PREPARED 1 params:?,? columns:v,t");
                assert_text(fk_execute(c, 1, "i:1,i:1"), "ROWS v,t|1,x|1,x|1,x|1,x END");
                fk_on(w, -1, "SELECT", "ROWS v:3,t:253|1,x|2,NULL", -1);
                fk_prepare(c, "SELECT v, t FROM orders WHERE id = ?");
                assert_text(fk_execute(c, 2, "i:1"), "ROWS v,t|1,x|2,NULL END");
                fk_prepare(c, "UPDATE orders SET v = 1 WHERE id = ?");
                assert_text(fk_execute(c, 3, "i:1"), "OK 1");
                fk_on(w, -1, "EXECUTE", "ERR 1064 42000 no", -1);
                assert_text(fk_execute(c, 2, "i:1"), "ERR 1064 42000 no");
                fk_leave(c);
                fk_free(w);
            }
        }
    }
}

/* An idle connection that the server has closed: nothing is lost, the statement is prepared on another. */
static void retried(void **state)
{
    (void)state;
    static const char *const at[] = {"PREPARE", "EXECUTE"};
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_prepare(c, "SELECT v FROM notes WHERE id = ?");
        fk_prepare(c, "SELECT v FROM notes WHERE id = 1 + ?");
        fk_execute(c, 1, "i:1");
        fk_on(w, -1, at[i], "CLOSE", 1);
        if (i == 0) assert_has(fk_prepare(c, "SELECT v FROM notes WHERE id = 2 + ?"), "PREPARED 3");
        assert_text(fk_execute(c, 1, "i:1"), "ROWS v|1 END");
        assert_int_equal(w->nrules, 1);
        assert_int_equal(w->rules[0].times, 0);
        fk_prepare(c, "UPDATE notes SET v = 1 WHERE id = ?");
        fk_execute(c, c->prepared, "i:1");
        fk_on(w, -1, "EXECUTE UPDATE", "CLOSE", 1);
        assert_has(fk_execute(c, c->prepared, "i:1"), "whether the write was done is not known");
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- every fault at every place ---- */

static const struct scenario scenarios[] = {
    {"point select", {"P " POINT, "E i:1", "E i:2", "E i:1", "C"}, {0, 0}, {{0}}},
    {"scatter", {"P SELECT v FROM orders WHERE v > ? ORDER BY v", "E i:0", "E i:1"}, {0, 0}, {{"FROM orders_", "ROWS v:3|1|2"}}},
    {"scatter with limit", {"P SELECT v FROM orders LIMIT ?", "E i:1", "E i:1"}, {0, 0}, {{0}}},
    {"write on one", {"P UPDATE orders SET v = ? WHERE id = ?", "E i:1,i:1", "E i:1,i:3"}, {1, 1}, {{0}}},
    {"write on all", {"P UPDATE orders SET v = ?", "E i:1"}, {2, 2}, {{0}}},
    {"generated ids", {"P INSERT INTO tickets (v) VALUES (?), (?), (?)", "E i:1,i:2,N"}, {1, 1}, {{0}}},
    {"transaction", {"Q BEGIN", "P UPDATE orders SET v = ? WHERE id = ?", "E i:1,i:0", "P " POINT, "E i:0", "Q COMMIT"}, {1, 0}, {{0}}},
    {"autocommit off", {"Q SET autocommit = 0", "P UPDATE orders SET v = ? WHERE id = ?", "E i:1,i:0", "Q COMMIT"}, {1, 0}, {{0}}},
    {"variables", {"Q SET @a = 1 + 1", "Q SET sql_mode = 'ANSI'", "P SELECT @a FROM notes WHERE id = ?", "E i:1"}, {0, 0}, {{0}}},
    {"long data", {"P UPDATE notes SET t = ? WHERE id = ?", "L 0 abc", "L 0 def", "E L,i:1"}, {0, 1}, {{0}}},
    {"warnings", {"P UPDATE notes SET v = ?", "E s:x", "Q SHOW WARNINGS"}, {0, 0}, {{"EXECUTE UPDATE", "OK 1 warn=1"}}},
    {"named", {"Q PREPARE s FROM 'SELECT v FROM orders WHERE id = ?'", "Q SET @a = 1", "Q EXECUTE s USING @a", "Q DEALLOCATE PREPARE s"}, {0, 0}, {{0}}},
    {"the session's own", {"P SHOW TABLES", "E ", "P SET @a = ?", "E i:1", "P SELECT LAST_INSERT_ID(), ?", "E s:x"}, {0, 0}, {{0}}},
};
enum { SCENARIOS = COUNT_OF(scenarios) };

static void without_fault(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_NONE);
}
static void an_error_at_each_place(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_ERR);
}
static void a_deadlock_at_each_place(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_DEADLOCK);
}
static void a_close_at_each_place(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_CLOSE);
}
static void a_close_in_the_middle_of_each_answer(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_HALF);
}
static void a_close_after_each_answer(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_AFTER);
}
static void garbage_at_each_place(void **state)
{
    (void)state, each_place(scenarios, SCENARIOS, FK_F_GARBAGE);
}
static void the_client_goes(void **state)
{
    (void)state, each_way_to_go(scenarios, SCENARIOS);
}
static void fail_each_allocation(void **state)
{
    (void)state, each_allocation(scenarios, SCENARIOS, false);
}
static void fail_each_allocation_once(void **state)
{
    (void)state, each_allocation(scenarios, SCENARIOS, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepared_where_it_is_needed),
        cmocka_unit_test(clients_share_it),
        cmocka_unit_test(described_twice_at_once),
        cmocka_unit_test(no_allocation),
        cmocka_unit_test(in_a_transaction),
        cmocka_unit_test(settings_make_it_another),
        cmocka_unit_test(many_texts),
        cmocka_unit_test(big_ones_do_not_wait),
        cmocka_unit_test(a_server_that_is_full),
        cmocka_unit_test(other_rules),
        cmocka_unit_test(other_rules_in_mid_prepare),
        cmocka_unit_test(impossible_counts),
        cmocka_unit_test(old_servers_and_clients),
        cmocka_unit_test(retried),
        cmocka_unit_test(without_fault),
        cmocka_unit_test(an_error_at_each_place),
        cmocka_unit_test(a_deadlock_at_each_place),
        cmocka_unit_test(a_close_at_each_place),
        cmocka_unit_test(a_close_in_the_middle_of_each_answer),
        cmocka_unit_test(a_close_after_each_answer),
        cmocka_unit_test(garbage_at_each_place),
        cmocka_unit_test(the_client_goes),
        cmocka_unit_test(fail_each_allocation),
        cmocka_unit_test(fail_each_allocation_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
