/*
 * test_exec_wait.c - statements that wait: for ids, for a connection, for a server, for the catalog; and what
 * ends the waiting: the answer, a time-out, KILL, the client's leaving.
 */
#include "fake_client.h"

static struct session *session_at(struct fk_client *c)
{
    return c->l->link.owner;
}

/* ---- ids ---- */

static void ids_are_filled_in(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "INSERT INTO tickets (v) VALUES (5)"), "OK 1 id=1000");
    assert_has(fk_seen(w), "INSERT INTO tickets (v, `id`) VALUES (5, 1000)");
    fk_on(w, 1, "INSERT", "OK 2 info=Records: 2  Duplicates: 0  Warnings: 0", 1);
    assert_text(fk_query(c, "INSERT INTO tickets (v) VALUES (5), (6), (7)"),
                "OK 3 id=1001 info:Records: 3  Duplicates: 0  Warnings: 0");
    const char *seen = fk_seen(w);
    assert_has(seen, "(6, 1002)");
    assert_has(seen, "(5, 1001)");
    assert_has(seen, "(7, 1003)");
    assert_int_equal(w->e.count.ids_generated, 4);
    fk_query(c, "SELECT LAST_INSERT_ID()");
    assert_has(fk_seen(w), "CAST(1001");
    assert_text(fk_query(c, "INSERT INTO tickets (id, v) VALUES (5000, 1)"), "OK 1");
    assert_int_equal(w->ids_raised, 5000);
    assert_int_equal(session_at(c)->f.last_insert_id, 1001);
    fk_leave(c);
    fk_free(w);
}

static void waiting_for_ids(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *d = fk_client(w), *other = fk_client(w);
    w->ids_say = IDS_WAIT;
    assert_text(fk_query(c, "INSERT INTO tickets (v) VALUES (5)"), "");
    assert_text(fk_query(d, "INSERT INTO tickets (v) VALUES (6), (7)"), "");
    assert_text(fk_query(other, "SELECT 1"),
                "ROWS v|1 END"); /* other texts pass through the same scratch memory */
    exec_wake_ids(&w->e);        /* still none */
    fk_run(w);
    assert_text(fk_reply(c), "");
    w->ids_say = IDS_OK;
    exec_wake_ids(&w->e);
    fk_run(w);
    assert_text(fk_reply(c), "OK 1 id=1000");
    assert_has(fk_reply(d), "OK 2 id=1001");
    assert_has(fk_seen(w), "VALUES (5, 1000)");
    fk_leave(c);
    fk_leave(d);
    fk_leave(other);
    fk_free(w);
}

static void no_ids(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *d = fk_client(w);
    w->ids_say = IDS_FAILED;
    assert_text(fk_query(c, "INSERT INTO tickets (v) VALUES (5)"),
                "ERR 1105 HY000 Weir: no id from sequence: the test says so");
    w->ids_say = IDS_WAIT;
    fk_query(c, "INSERT INTO tickets (v) VALUES (5)");
    fk_tick(w, 1000);
    fk_query(d, "INSERT INTO tickets (v) VALUES (5)");
    fk_tick(w, 600000);
    assert_has(fk_reply(c), "ERR 1105 HY000 Weir: no id from sequence tickets (source s0) within");
    assert_has(fk_reply(d), "ERR 1105 HY000 Weir: no id from sequence tickets (source s0) within");
    w->ids_say = IDS_OK;
    assert_text(fk_query(c, "INSERT INTO tickets (v) VALUES (5)"), "OK 1 id=1000");
    fk_leave(c);
    fk_leave(d);
    fk_free(w);
}

/* An explicit value is not written before the sequence's mark is above it. */
static void raising_the_mark(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *gone = fk_client(w), *late = fk_client(w);
    w->ids_say = IDS_FAILED;
    assert_has(fk_query(c, "INSERT INTO tickets (id, v) VALUES (5000, 1)"),
               "ERR 1105 HY000 Weir: the mark cannot be raised");
    w->ids_say = IDS_WAIT;
    assert_text(fk_query(c, "INSERT INTO tickets (id, v) VALUES (5000, 1)"), "");
    assert_text(fk_query(gone, "INSERT INTO tickets (id, v) VALUES (6000, 1)"), "");
    fk_leave(gone);
    w->ids_say = IDS_OK;
    exec_wake_ids(&w->e);
    fk_run(w);
    assert_text(fk_reply(c), "OK 1");
    assert_int_equal(w->ids_raised, 5000);
    w->ids_say = IDS_WAIT;
    fk_query(late, "INSERT INTO tickets (id, v) VALUES (7000, 1)");
    fk_tick(w, 600000);
    assert_has(fk_reply(late), "ERR 1105 HY000 Weir: ");
    assert_int_equal(w->src[0].committed + w->src[1].committed, 1);
    fk_leave(c);
    fk_leave(late);
    fk_free(w);
}

static void leaving_while_waiting_for_ids(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *d = fk_client(w), *e = fk_client(w);
    w->ids_say = IDS_WAIT;
    fk_query(c, "INSERT INTO tickets (v) VALUES (5)");
    fk_query(d, "INSERT INTO tickets (v) VALUES (6)");
    fk_query(e, "INSERT INTO tickets (v) VALUES (7)");
    fk_leave(c);
    session_kill(session_at(d), false);
    session_kill(session_at(e), true);
    fk_run(w);
    assert_has(fk_reply(d), "ERR 1317 70100 Query execution was interrupted");
    w->ids_say = IDS_OK;
    exec_wake_ids(&w->e);
    fk_run(w);
    assert_int_equal(w->src[0].committed + w->src[1].committed, 0);
    fk_leave(d);
    fk_leave(e);
    fk_free(w);
}

/* A slow statement that was never bound to a shard is logged all the same. */
static void a_slow_wait_is_logged(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", slow_statement: 100ms"));
    struct fk_client *c = fk_client(w);
    w->ids_say = IDS_WAIT;
    fk_query(c, "INSERT INTO tickets (v) VALUES (5)");
    fk_tick(w, 600000);
    assert_has(fk_reply(c), "ERR 1105");
    w->src[0].hold = true;
    fk_query(c, "SELECT v FROM orders WHERE id = 77000");
    fk_tick(w, 200);
    w->src[0].hold = false;
    fk_run(w);
    assert_text(fk_reply(c), "ROWS v|1 END");
    assert_has(fb_text(&w->lines), "slow statement: 200 ms");
    assert_lacks(fb_text(&w->lines), "77000"); /* no values in the log */
    fk_leave(c);
    fk_free(w);
}

/* ---- connections ---- */

static void waiting_for_a_connection(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", pool_wait: 2s"));
    struct fk_client *h[4], *a = fk_client(w), *b = fk_client(w), *gone = fk_client(w);
    for (int i = 0; i < 4; i++) {
        h[i] = fk_client(w);
        fk_query(h[i], "BEGIN");
        assert_text(fk_query(h[i], "SELECT v FROM orders WHERE id = 0"), "ROWS v|1 END T");
    }
    assert_text(fk_query(a, "SELECT 'a' FROM plain"), "");
    assert_text(fk_query(gone, "SELECT 'gone' FROM plain"), "");
    assert_text(fk_query(b, "SELECT 'b' FROM plain"), "");
    fk_leave(gone);
    fk_seen(w);
    assert_text(fk_query(h[2], "COMMIT"), "OK 0");
    assert_text(fk_reply(a), "ROWS v|1 END");
    assert_text(fk_reply(b), "ROWS v|1 END");
    const char *seen = fk_seen(w);
    assert_has(seen, "'a'");
    assert_lacks(seen, "gone");
    fk_query(h[2], "BEGIN");
    fk_query(h[2], "SELECT v FROM orders WHERE id = 0");
    fk_query(a, "SELECT 'a' FROM plain");
    fk_tick(w, 1900);
    assert_text(fk_reply(a), "");
    fk_tick(w, 200);
    assert_has(fk_reply(a), "ERR 1429 HY000 Weir: no connection to source s0 (127.0.0.1:4411) came free "
                            "within pool_wait (2000 ms)");
    for (int i = 0; i < 4; i++) fk_leave(h[i]);
    assert_text(fk_query(a, "SELECT 1"), "ROWS v|1 END");
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

/* A client that sends on without waiting, and a dead source: each command gets its own error. */
static void a_dead_source(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *d = fk_client(w);
    w->src[0].up = FK_REFUSE;
    fk_ask(c, "SELECT 1");
    fk_command_bytes(c, WIRE_COM_STATISTICS, "", 0);
    fk_ask(c, "SELECT 2");
    fk_ask(d, "SELECT 3");
    fk_command_bytes(d, WIRE_COM_STATISTICS, "", 0);
    fk_run(w);
    struct fk_client *both[] = {c, d};
    for (int i = 0; i < 2; i++) {
        struct fk_reader r = {.c = both[i], .at = both[i]->l->read, .seq = 1};
        bool more;
        fb_clear(&both[i]->text);
        both[i]->command = WIRE_COM_QUERY;
        assert_int_equal(fk_read_result(&r, &more), 1);
        assert_text(fb_text(&both[i]->text),
                    "ERR 1429 HY000 Weir: source s0 (127.0.0.1:4411) cannot be used: Connection refused");
        fb_free(&r.payload);
        both[i]->l->read = both[i]->l->got.n;
    }
    assert_text(fk_query(c, "SELECT * FROM notes"), "ROWS v|1 END"); /* the other source serves */
    assert_has(fk_query(c, "SELECT v FROM orders"), "ERR 1429");
    w->src[0].up = FK_UP;
    assert_text(fk_query(c, "SELECT v FROM orders"), "ROWS v|1|1|1|1 END");
    fk_leave(c);
    fk_leave(d);
    fk_free(w);
}

/* ---- time-outs of statements ---- */

static const char *const slow_texts[] = {
    "SELECT * FROM notes",     "SELECT v FROM orders WHERE id = 2",       "SELECT v FROM orders",
    "UPDATE orders SET v = 1", "SELECT 1; SELECT * FROM notes; SELECT 2", "SHOW COLUMNS FROM notes"};

static void a_hanging_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow_texts); i++) {
        struct fk *w = fk_new(FK_YAML(", statement_timeout: 5s"));
        struct fk_client *c = fk_client(w);
        fk_on(w, 1, "notes", "SILENT", -1);
        fk_on(w, 1, "orders_", "SILENT", -1);
        fk_query(c, slow_texts[i]);
        fk_tick(w, 4000);
        assert_lacks(fk_reply(c), "ERR");
        fk_tick(w, 1100);
        if (i == 3) fk_tick(w, 5100); /* a write: the server is asked to stop, and has a while to answer */
        const char *r = fk_reply(c);
        assert_has(r, "ERR 3024 HY000 Query execution was interrupted, maximum statement execution time "
                      "exceeded (statement_timeout of Weir)");
        assert_has(fb_text(&w->kills), "s1 thread");
        assert_int_equal(w->src[0].committed, 0);
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
}

/* The answer has begun, then the server hangs, or the client does not take it. */
static void hanging_in_the_middle(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        for (size_t i = 0; i < 3; i++) {
            struct fk *w = fk_new(FK_YAML(", statement_timeout: 5s"));
            struct fk_client *c = fk_client(w), *next = fk_client(w);
            fk_on(w, 1, "notes", "MANY 3000 1000", -1);
            fk_on(w, 1, "orders_", "MANY 3000 1000", -1);
            c->l->taking = false;
            fk_query(c, slow_texts[i]);
            if (how == 0)
                fk_tick(w, 6000);
            else if (how == 1)
                session_kill(session_at(c), false);
            else if (how == 2)
                session_kill(session_at(c), true);
            else
                session_drain(&w->e, true);
            fk_run(w);
            const char *r = fk_reply(c);
            assert_lacks(r, " END");
            assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
            if (how < 3) assert_text(fk_query(next, "SELECT 1"), "ROWS v|1 END");
            fk_leave(c);
            fk_leave(next);
            fk_free(w);
        }
    }
}

/* DDL was done on the servers; only the catalog is late. Its answer must not say that it was not done. */
static void time_is_up_while_the_catalog_is_loaded(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", statement_timeout: 5s"));
    struct fk_client *c = fk_client(w);
    w->hold_catalog = true;
    fk_query(c, "ALTER TABLE orders ADD x INT");
    fk_tick(w, 6000);
    w->hold_catalog = false;
    fk_run(w);
    assert_text(fk_reply(c), "OK 0");
    fk_leave(c);
    fk_free(w);
}

static void killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow_texts); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w), *d = fk_client(w);
        fk_on(w, 1, "notes", "HANG", -1);
        fk_on(w, 1, "orders_", "HANG", -1);
        fk_query(c, slow_texts[i]);
        char text[32];
        snprintf(text, sizeof text, "KILL QUERY %u", c->id);
        assert_text(fk_query(d, text), "OK 0");
        assert_has(fk_reply(c), "ERR 1317 70100 Query execution was interrupted");
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        snprintf(text, sizeof text, "KILL %u", c->id);
        assert_text(fk_query(d, text), "OK 0");
        assert_true(c->l->closed);
        assert_text(fk_query(d, text), "ERR 1094 HY000 Unknown thread id: 1");
        assert_has(fk_query(d, "KILL 'x'"), "ERR 1235");
        snprintf(text, sizeof text, "KILL QUERY %u", d->id);
        assert_text(fk_query(d, text), "ERR 1317 70100 Query execution was interrupted");
        snprintf(text, sizeof text, "KILL %u", d->id);
        assert_text(fk_query(d, text), "ERR 1317 70100 Query execution was interrupted CLOSED");
        fk_leave(c);
        fk_leave(d);
        fk_free(w);
    }
}

/* A killed statement leaves the transaction as it was, if the server says so in time. */
static void killed_in_a_transaction(void **state)
{
    (void)state;
    for (int answers = 0; answers < 2; answers++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_query(c, "BEGIN");
        fk_query(c, "UPDATE orders SET v = 1 WHERE id = 2");
        fk_on(w, 1, "UPDATE", answers ? "HANG" : "SILENT", 1);
        fk_query(c, "UPDATE orders SET v = 2 WHERE id = 2");
        session_kill(session_at(c), false);
        fk_run(w);
        if (!answers) {
            assert_lacks(fk_reply(c), "ERR");
            fk_tick(w, 5100);
        }
        assert_has(fk_reply(c), "ERR 1317 70100 Query execution was interrupted");
        assert_has(fb_text(&w->kills), "query");
        const char *r = fk_query(c, "COMMIT");
        if (answers) {
            assert_text(r, "OK 0");
            assert_int_equal(w->src[1].committed, 1);
        } else {
            assert_has(r, "ERR 1402");
            assert_int_equal(w->src[1].committed, 0);
        }
        fk_leave(c);
        fk_free(w);
    }
}

/* The statement was over before the KILL came: what it did is told, and the connection is not shared again. */
static void killed_too_late(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "SELECT v FROM orders WHERE id = 2"); /* a connection is open */
    w->src[1].hold = true;
    fk_query(c, "UPDATE orders SET v = 2 WHERE id = 2");
    session_kill(session_at(c), false);
    w->src[1].hold = false;
    fk_run(w);
    assert_text(fk_reply(c), "OK 1");
    assert_int_equal(w->src[1].committed, 1);
    assert_int_equal(w->e.realm->pools[1].nidle, 0);
    fk_leave(c);
    fk_free(w);
}

/* The limits of the session and of the statement: the clock is Weir's. */
static void limits_of_time(void **state)
{
    (void)state;
    static const struct { const char *set, *text, *error; } cases[] = {
        {"SET max_execution_time = 2000", "SELECT * FROM notes", "ERR 3024 HY000 Query execution was interrupted, maximum statement execution time exceeded"},
        {"SET max_execution_time = 2000", "SELECT v FROM orders", "ERR 3024"},
        {"SET max_execution_time = 2000", "UPDATE orders SET v = 1", NULL},
        {"SET max_statement_time = 2", "SELECT * FROM notes", "ERR 1969 70100 Query execution was interrupted (max_statement_time exceeded)"},
        {"SET max_statement_time = 2", "UPDATE orders SET v = 1", "ERR 1969"},
        {"SET max_statement_time = 2, max_execution_time = 1000", "SELECT * FROM notes", "ERR 3024"},
        {"SELECT 1", "SELECT /*+ MAX_EXECUTION_TIME(2000) */ * FROM notes", "ERR 3024"},
        {"SELECT 1", "SELECT /*+ NO_ICP(notes) max_execution_time ( 2000 ) */ * FROM notes", "ERR 3024"},
        {"SET max_execution_time = 1000", "SELECT /*+ MAX_EXECUTION_TIME(9000) */ * FROM notes", NULL},
        {"SELECT 1", "SELECT /* MAX_EXECUTION_TIME(2000) */ * FROM notes", NULL},
        {"SELECT 1", "SET STATEMENT max_statement_time = 2 FOR SELECT * FROM notes", "ERR 1969"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_query(c, cases[i].set);
        fk_on(w, 1, "notes", "HANG", -1);
        fk_on(w, 1, "orders_", "HANG", -1);
        fk_query(c, cases[i].text);
        fk_tick(w, 900);
        assert_lacks(fk_reply(c), "ERR");
        fk_tick(w, 1200);
        if (cases[i].error) {
            assert_has(fk_reply(c), cases[i].error);
            assert_has(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        } else {
            assert_lacks(fk_reply(c), "ERR");
        }
        fk_leave(c);
        fk_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_filled_in),
        cmocka_unit_test(waiting_for_ids),
        cmocka_unit_test(no_ids),
        cmocka_unit_test(raising_the_mark),
        cmocka_unit_test(leaving_while_waiting_for_ids),
        cmocka_unit_test(a_slow_wait_is_logged),
        cmocka_unit_test(waiting_for_a_connection),
        cmocka_unit_test(a_dead_source),
        cmocka_unit_test(a_hanging_server),
        cmocka_unit_test(hanging_in_the_middle),
        cmocka_unit_test(time_is_up_while_the_catalog_is_loaded),
        cmocka_unit_test(killed),
        cmocka_unit_test(killed_in_a_transaction),
        cmocka_unit_test(killed_too_late),
        cmocka_unit_test(limits_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
