/* test_exec_txn.c - transactions: servers that join when they are first used, savepoints, and all the ways in
 * which one ends. */
#include "fake_client.h"

#define W0   "UPDATE orders SET v = 1 WHERE id = 0" /* on s0 */
#define W2   "UPDATE orders SET v = 1 WHERE id = 2" /* on s1 */
#define R0   "SELECT v FROM orders WHERE id = 0"
#define R2   "SELECT v FROM orders WHERE id = 2"
#define BEST FK_YAML(", transactions: best_effort")

/* A client whose servers are connected to and set up: the log then shows what the test is about. */
static struct fk_client *warm(struct fk *w)
{
    struct fk_client *c = fk_client(w);
    fk_query(c, R0);
    fk_query(c, R2);
    fk_seen(w);
    return c;
}

static struct session *session_at(struct fk_client *c)
{
    return c->l->link.owner;
}

static void servers_join_late(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    assert_text(fk_query(c, "BEGIN"), "OK 0 T");
    assert_text(fk_seen(w), "");
    assert_text(fk_query(c, W2), "OK 1 T");
    assert_text(
        fk_seen(w),
        "s1#2 QUERY START TRANSACTION\ns1#2 QUERY UPDATE orders_0 AS orders SET v = 1 WHERE id = 2\n");
    assert_text(fk_query(c, R0), "ROWS v|1 END T");
    assert_text(fk_seen(w),
                "s0#1 QUERY START TRANSACTION\ns0#1 QUERY SELECT v FROM orders_0 AS orders WHERE id = 0\n");
    assert_text(fk_query(c, R0), "ROWS v|1 END T");
    assert_text(fk_seen(w), "s0#1 QUERY SELECT v FROM orders_0 AS orders WHERE id = 0\n");
    assert_int_equal(w->e.realm->pools[0].nbusy, 1);
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_text(fk_seen(w), "s0#1 QUERY COMMIT\ns1#2 QUERY COMMIT\n");
    assert_int_equal(w->src[1].committed, 1);
    assert_int_equal(w->e.realm->pools[0].nbusy, 0);
    assert_int_equal(w->e.count.transactions_committed, 1);
    assert_text(fk_query(c, R0), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

static void a_transaction_without_statements(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    static const char *const ends[] = {"COMMIT", "ROLLBACK", "COMMIT WORK", "ROLLBACK WORK"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        assert_text(fk_query(c, "START TRANSACTION"), "OK 0 T");
        assert_text(fk_query(c, ends[i]), "OK 0");
        assert_text(fk_query(c, ends[i]), "OK 0"); /* none open */
    }
    assert_text(fk_seen(w), "");
    assert_null(session_at(c)->f.txn);
    fk_leave(c);
    fk_free(w);
}

static void rolled_back(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    assert_text(fk_query(c, "ROLLBACK"), "OK 0");
    assert_int_equal(w->src[0].committed, 0);
    assert_int_equal(w->e.count.transactions_rolled_back, 1);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    fk_leave(c); /* leaves without a word */
    assert_int_equal(w->src[0].committed, 0);
    fk_free(w);
}

static void begin_commits_what_is_open(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    assert_text(fk_query(c, "BEGIN"), "OK 0 T");
    assert_int_equal(w->src[0].committed, 1);
    fk_seen(w);
    fk_query(c, W2); /* another transaction: another server may be written to */
    assert_text(fk_query(c, "ROLLBACK"), "OK 0");
    assert_int_equal(w->src[1].committed, 0);
    fk_leave(c);
    fk_free(w);
}

static void forms_of_begin(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"START TRANSACTION READ ONLY", "s0#1 QUERY START TRANSACTION READ ONLY\n"},
        {"START TRANSACTION READ WRITE", "s0#1 QUERY START TRANSACTION READ WRITE\n"},
        {"START TRANSACTION WITH CONSISTENT SNAPSHOT",
         "s0#1 QUERY START TRANSACTION WITH CONSISTENT SNAPSHOT\n"},
        {"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
         "s0#1 QUERY START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY\n"},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = warm(w);
        assert_text(fk_query(c, forms[i][0]), "OK 0 T");
        fk_query(c, R0);
        struct fb got = {0};
        for (const char *p = fk_seen(w); *p; p++) /* blanks behind commas do not count */
            if (!(*p == ' ' && got.n && got.p[got.n - 1] == ',')) fb_put(&got, p, 1);
        struct fb want = {0};
        for (const char *p = forms[i][1]; *p; p++)
            if (!(*p == ' ' && want.n && want.p[want.n - 1] == ',')) fb_put(&want, p, 1);
        assert_int_equal(strncmp(fb_text(&got), want.p, want.n), 0);
        fb_free(&got);
        fb_free(&want);
        assert_text(fk_query(c, "COMMIT"), "OK 0");
        fk_leave(c);
        fk_free(w);
    }
}

static void the_next_ones_isolation(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    assert_text(fk_query(c, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), "OK 0");
    assert_text(fk_query(c, "BEGIN"), "OK 0 T");
    assert_has(fk_query(c, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"), "ERR 1568 25001");
    fk_query(c, R0);
    fk_query(c, R2);
    const char *seen = fk_seen(w);
    assert_has(seen,
               "s0#1 QUERY SET TRANSACTION ISOLATION LEVEL SERIALIZABLE\ns0#1 QUERY START TRANSACTION\n");
    assert_has(seen,
               "s1#2 QUERY SET TRANSACTION ISOLATION LEVEL SERIALIZABLE\ns1#2 QUERY START TRANSACTION\n");
    fk_query(c, "COMMIT");
    fk_query(c, "BEGIN");
    fk_seen(w);
    fk_query(c, R0);
    assert_lacks(fk_seen(w), "ISOLATION");
    fk_leave(c);
    fk_free(w);
}

/* Outside BEGIN it is for the next statement, which is a transaction of its own. */
static void isolation_of_one_statement(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    assert_text(fk_query(c, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), "OK 0");
    fk_query(c, R0);
    assert_has(fk_seen(w), "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
    fk_query(c, "BEGIN");
    fk_query(c, R0);
    assert_lacks(fk_seen(w), "ISOLATION"); /* used up */
    fk_leave(c);
    fk_free(w);
}

static void chain_and_release(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    assert_text(fk_query(c, "COMMIT AND CHAIN"), "OK 0 T");
    assert_int_equal(w->src[0].committed, 1);
    fk_query(c, W0);
    assert_text(fk_query(c, "ROLLBACK AND CHAIN"), "OK 0 T");
    fk_query(c, W0);
    assert_text(fk_query(c, "COMMIT RELEASE"), "OK 0 CLOSED");
    assert_int_equal(w->src[0].committed, 2);
    fk_leave(c);
    fk_free(w);
}

/* ---- autocommit = 0 ---- */

static void autocommit_off(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w), *d = fk_client(w);
    assert_text(fk_query(c, "SET autocommit = 0"), "OK 0 A-");
    assert_text(fk_query(c, W0), "OK 1 T A-");
    assert_text(fk_seen(w),
                "s0#1 QUERY SET autocommit=0\ns0#1 QUERY UPDATE orders_0 AS orders SET v = 1 WHERE id = 0\n");
    assert_text(fk_query(c, R2), "ROWS v|1 END T A-");
    assert_text(fk_query(c, "COMMIT"), "OK 0 A-");
    assert_int_equal(w->src[0].committed, 1);
    assert_text(fk_query(c, W0), "OK 1 T A-");
    assert_text(fk_query(c, "SET autocommit = 1"), "OK 0"); /* commits */
    assert_int_equal(w->src[0].committed, 2);
    fk_seen(w);
    assert_text(fk_query(d, W0), "OK 1");
    assert_int_equal(w->src[0].committed, 3);
    fk_leave(c);
    fk_leave(d);
    fk_free(w);
}

/* A connection that had autocommit = 0 is never handed to another client in that state. */
static void autocommit_off_is_not_handed_on(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w), *d = fk_client(w);
    fk_query(c, "SET autocommit = 0");
    fk_query(c, W0);
    fk_query(c, "ROLLBACK");
    assert_text(fk_query(d, W0), "OK 1");
    assert_int_equal(w->src[0].committed, 1);
    fk_leave(c);
    fk_query(d, W0);
    assert_int_equal(w->src[0].committed, 2);
    fk_leave(d);
    fk_free(w);
}

/* ---- savepoints ---- */

static void savepoints(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    assert_text(fk_query(c, "SAVEPOINT x"), "OK 0"); /* without a transaction: gone at once */
    assert_has(fk_query(c, "ROLLBACK TO x"), "ERR 1305 42000 SAVEPOINT x does not exist");
    fk_query(c, "BEGIN");
    assert_text(fk_query(c, "SAVEPOINT a"), "OK 0 T");
    assert_text(fk_query(c, W0), "OK 1 T");
    assert_text(fk_seen(w), "s0#1 QUERY START TRANSACTION\ns0#1 QUERY SAVEPOINT `a`\ns0#1 QUERY UPDATE "
                            "orders_0 AS orders SET v = 1 WHERE id = 0\n");
    assert_text(fk_query(c, "SAVEPOINT b"), "OK 0 T");
    assert_text(fk_seen(w), "s0#1 QUERY SAVEPOINT `b`\n");
    assert_text(fk_query(c, R2), "ROWS v|1 END T");
    assert_text(fk_seen(w), "s1#2 QUERY START TRANSACTION\ns1#2 QUERY SAVEPOINT `a`\ns1#2 QUERY SAVEPOINT "
                            "`b`\ns1#2 QUERY SELECT v FROM orders_0 AS orders WHERE id = 2\n");
    assert_text(fk_query(c, "ROLLBACK TO SAVEPOINT A"), "OK 0 T");
    assert_text(fk_seen(w), "s0#1 QUERY ROLLBACK TO SAVEPOINT `A`\ns1#2 QUERY ROLLBACK TO SAVEPOINT `A`\n");
    assert_has(fk_query(c, "RELEASE SAVEPOINT b"), "ERR 1305 42000 SAVEPOINT b does not exist");
    assert_text(fk_query(c, "RELEASE SAVEPOINT a"), "OK 0 T");
    assert_has(fk_query(c, "ROLLBACK TO a"), "ERR 1305");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_has(fk_query(c, "ROLLBACK TO a"), "ERR 1305");
    fk_leave(c);
    fk_free(w);
}

/* The same name again moves it to the end, also for those that join later. */
static void a_savepoint_set_again(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, "SAVEPOINT a");
    fk_query(c, "SAVEPOINT `b``c`");
    fk_query(c, "SAVEPOINT a");
    fk_query(c, R0);
    assert_has(fk_seen(w),
               "START TRANSACTION\ns0#1 QUERY SAVEPOINT `b``c`\ns0#1 QUERY SAVEPOINT `a`\ns0#1 QUERY SELECT");
    fk_query(c, "ROLLBACK TO `b``c`");
    assert_has(fk_query(c, "ROLLBACK TO a"), "ERR 1305");
    fk_leave(c);
    fk_free(w);
}

/* A session cannot fill the proxy's memory by names. */
static void a_bound_for_savepoints(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    char text[1100];
    bool refused = false;
    size_t bytes = 0;
    for (int i = 0; !refused && bytes < (16 << 20); i++) {
        memset(text, 'x', sizeof text);
        int n = snprintf(text, sizeof text, "SAVEPOINT s%06d", i);
        text[n] = 'x';
        text[sizeof text - 1] = 0;
        bytes += sizeof text;
        refused = strncmp(fk_query(c, text), "ERR", 3) == 0;
    }
    assert_true(refused);
    assert_text(fk_query(c, W0), "OK 1 T");
    fk_leave(c);
    fk_free(w);
}

/* ---- one server may be written to ---- */

static void a_second_writer_is_refused(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    assert_has(fk_query(c, W2),
               "ERR 1235 42000 Weir: this transaction already writes on source s0 and would now write on s1");
    assert_has(fk_query(c, "INSERT INTO orders (id, v) VALUES (0, 1), (2, 1)"), "ERR 1235");
    assert_text(fk_query(c, R2), "ROWS v|1 END T"); /* reading is fine, and the transaction lives */
    assert_text(fk_query(c, W0), "OK 1 T");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 2);
    assert_int_equal(w->src[1].committed, 0);
    fk_query(c, "SET autocommit = 0");
    fk_query(c, W2);
    assert_has(fk_query(c, W0), "ERR 1235");
    fk_query(c, "COMMIT");
    fk_query(c, "SET autocommit = 1");
    assert_text(fk_query(c, "UPDATE orders SET v = 1"), "OK 4");
    fk_leave(c);
    fk_free(w);
}

static void best_effort(void **state)
{
    (void)state;
    struct fk *w = fk_new(BEST);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    assert_text(fk_query(c, W2), "OK 1 T");
    assert_text(fk_query(c, "UPDATE orders SET v = 1"), "OK 4 T");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 3);
    assert_int_equal(w->src[1].committed, 3);
    fk_leave(c);
    fk_free(w);
}

/* A write over two servers that fails on one of them is undone on the other; the transaction goes on as it
 * was before it. */
static void a_statement_is_all_or_nothing(void **state)
{
    (void)state;
    struct fk *w = fk_new(BEST);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    assert_text(fk_query(c, W0), "OK 1 T");
    fk_on(w, 1, "INSERT", "ERR 1062 23000 Duplicate entry '2' for key 'orders_0.PRIMARY'", 1);
    assert_has(fk_query(c, "INSERT INTO orders (id, v) VALUES (0, 1), (2, 1)"),
               "ERR 1062 23000 Duplicate entry '2' for key 'orders.PRIMARY'");
    assert_text(fk_query(c, W2), "OK 1 T");
    assert_has(fk_query(c, "INSERT INTO orders (id, v) VALUES (0, 1), (2, 1)"), "OK 2 T");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 2);
    assert_int_equal(w->src[1].committed, 2);
    assert_int_equal(w->src[0].connects + w->src[1].connects, 2);
    fk_leave(c);
    fk_free(w);
}

/* ---- how transactions die ---- */

/* The deadlock victim has lost everything on its server; the others are rolled back with it. */
static void a_deadlock_ends_it_everywhere(void **state)
{
    (void)state;
    struct fk *w = fk_new(BEST);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    fk_on(w, 1, "UPDATE", "ERR 1213 40001 Deadlock found when trying to get lock; try restarting transaction",
          1);
    assert_text(fk_query(c, W2),
                "ERR 1213 40001 Deadlock found when trying to get lock; try restarting transaction");
    assert_text(fk_query(c, W2), "OK 1");
    assert_int_equal(w->src[1].committed, 1); /* autocommit again */
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 0);
    fk_leave(c);
    fk_free(w);
}

/* Other errors leave it open, as in MySQL. */
static void an_error_leaves_it_open(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    fk_on(w, 0, "UPDATE", "ERR 1062 23000 Duplicate entry '1' for key 'orders_0.PRIMARY'", 1);
    assert_text(fk_query(c, W0), "ERR 1062 23000 Duplicate entry '1' for key 'orders.PRIMARY'");
    assert_text(fk_query(c, W0), "OK 1 T");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 2);
    fk_leave(c);
    fk_free(w);
}

/* Its connection dies: during a statement, or between two. COMMIT never says OK after that. */
static void a_lost_connection(void **state)
{
    (void)state;
    for (int how = 0; how < 6; how++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = warm(w);
        fk_query(c, "BEGIN");
        fk_query(c, W0);
        fk_query(c, R2);
        struct fk_link *l = fk_of(session_at(c)->f.txn->pinned[0]->link);
        if (how < 3) { /* during */
            fk_on(w, 0, "UPDATE", "CLOSE", 1);
            assert_has(fk_query(c, W0), "ERR 1430");
        } else { /* between, with or without a farewell */
            uint8_t seq = 0;
            if (how == 4) fk_put_err(&l->out, &seq, 1927, "70100", "Connection was killed");
            l->close_after = how == 5 ? ECONNRESET : 0;
            fk_run(w);
        }
        if (how % 3 == 0) {
            assert_has(fk_query(c, "COMMIT"), "ERR 1402 XA100 Weir: the transaction was rolled back: ");
        } else if (how % 3 == 1) {
            assert_text(fk_query(c, "ROLLBACK"), "OK 0");
        } else {
            assert_has(fk_query(c, R2), "ERR 1402 XA100 Weir: the transaction was rolled back: ");
            assert_text(fk_query(c, "COMMIT"), "OK 0");
        }
        assert_int_equal(w->src[0].committed, 0);
        assert_text(fk_query(c, W2), "OK 1");
        assert_int_equal(w->src[1].committed, 1);
        fk_leave(c);
        fk_free(w);
    }
}

/* A transaction that was lost is refused before anything of it is answered: also a savepoint, also BEGIN
 * (which would commit). */
static void lost_and_then(void **state)
{
    (void)state;
    struct fb wrong = {0};
    static const char *const next[] = {"SAVEPOINT a",
                                       "ROLLBACK TO a",
                                       "BEGIN",
                                       "SET autocommit = 1",
                                       "UPDATE orders SET v = 1 WHERE id = 0",
                                       "CREATE TABLE plain2 (id INT)",
                                       "LOCK TABLES notes READ"};
    for (size_t i = 0; i < COUNT_OF(next); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = warm(w);
        if (strstr(next[i], "autocommit"))
            fk_query(c, "SET autocommit = 0");
        else
            fk_query(c, "BEGIN");
        fk_query(c, W0);
        fk_query(c, "SAVEPOINT a");
        fk_of(session_at(c)->f.txn->pinned[0]->link)->close_after = 0;
        fk_run(w);
        const char *r = fk_query(c, next[i]);
        if (strncmp(r, "ERR 1402", 8) != 0) fb_f(&wrong, "%s: %s\n", next[i], r);
        assert_int_equal(w->src[0].committed, 0);
        fk_leave(c);
        fk_free(w);
    }
    assert_text(fb_text(&wrong), "");
    fb_free(&wrong);
}

static void commit_fails(void **state)
{
    (void)state;
    static const char *const how[] = {"ERR 1180 HY000 Got error 5 during COMMIT", "CLOSE", "BADSEQ"};
    for (size_t i = 0; i < COUNT_OF(how); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = warm(w);
        fk_query(c, "BEGIN");
        fk_query(c, W0);
        fk_query(c, R2);
        fk_on(w, 0, "COMMIT", how[i], 1);
        assert_has(fk_query(c, "COMMIT"), "ERR ");
        assert_null(session_at(c)->f.txn);
        assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
        assert_text(fk_query(c, R0), "ROWS v|1 END");
        assert_int_equal(w->src[0].committed, 0);
        assert_int_equal(w->e.count.transactions_committed, 0);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- a write over two servers by itself ---- */

static void all_or_nothing(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w);
    assert_text(fk_query(c, "INSERT INTO orders (id, v) VALUES (0, 1), (2, 1), (3, 1)"),
                "OK 3 info:Records: 3  Duplicates: 0  Warnings: 0");
    assert_int_equal(w->src[0].committed, 1);
    assert_int_equal(w->src[1].committed, 2);
    const char *seen = fk_seen(w);
    assert_has(seen, "s0#1 QUERY COMMIT\n");
    assert_has(seen, "s1#2 QUERY COMMIT\n");
    fk_on(w, 1, "INSERT", "ERR 1062 23000 Duplicate entry '2' for key 'orders_0.PRIMARY'", 1);
    assert_text(fk_query(c, "INSERT INTO orders (id, v) VALUES (0, 1), (2, 1), (3, 1)"),
                "ERR 1062 23000 Duplicate entry '2' for key 'orders.PRIMARY'");
    assert_int_equal(w->src[0].committed, 1);
    assert_int_equal(w->src[1].committed, 2);
    seen = fk_seen(w);
    assert_has(seen, "s0#1 QUERY ROLLBACK\n");
    assert_has(seen, "s1#2 QUERY ROLLBACK\n");
    assert_lacks(seen, "COMMIT");
    assert_int_equal(w->src[0].connects + w->src[1].connects, 2);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END"); /* in no transaction */
    fk_leave(c);
    fk_free(w);
}

/* One of the servers cannot be reached: nothing was done on the other. */
static void all_or_nothing_and_a_dead_source(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct fk *w = fk_new(FK_YAML(", connect_timeout: 2s"));
        struct fk_client *c = fk_client(w);
        w->src[1].up = how == 0 ? FK_REFUSE : FK_UP;
        w->src[1].mute = how == 1;
        if (how == 2) w->src[1].login_err = "Access denied";
        fk_query(c, "INSERT INTO orders (id, v) VALUES (0, 1), (2, 1), (3, 1)");
        fk_tick(w, 2100);
        fk_forget(c);
        assert_int_equal(w->src[0].committed, 0);
        assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
        assert_text(fk_query(c, W0), "OK 1");
        assert_int_equal(w->src[0].committed, 1);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- held connections ---- */

static void lock_tables(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w), *d = fk_client(w);
    assert_text(fk_query(c, "LOCK TABLES orders WRITE, notes READ"), "OK 0");
    const char *seen = fk_seen(w);
    assert_has(seen, "s0#1 QUERY LOCK TABLES `shop`.`orders_0` WRITE,`shop`.`orders_1` WRITE\n");
    assert_has(seen, "`notes` READ");
    assert_text(fk_query(c, W0), "OK 1");
    assert_has(fk_seen(w), "s0#1 QUERY UPDATE");
    assert_text(fk_query(d, W0), "OK 1");
    assert_lacks(fk_seen(w), "s0#1 ");
    assert_text(fk_query(c, "UNLOCK TABLES"), "OK 0");
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    fk_on(w, 1, "LOCK TABLES", "ERR 1146 42S02 Table 'shop.orders_0' doesn't exist", 1);
    assert_has(fk_query(c, "LOCK TABLES orders READ"), "ERR 1146");
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    fk_query(c, "LOCK TABLES orders READ");
    fk_leave(c); /* with its locks */
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    fk_leave(d);
    fk_free(w);
}

/* A temporary table lives on its connection: it is held for the session and never shared again. */
static void temporary_tables(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w), *d = fk_client(w);
    assert_text(fk_query(c, "CREATE TEMPORARY TABLE tmp (id INT)"), "OK 0");
    fk_seen(w);
    fk_query(d, "SELECT * FROM plain");
    assert_lacks(fk_seen(w), "s0#1 ");
    fk_query(c, "SELECT * FROM tmp");
    assert_has(fk_seen(w), "s0#1 QUERY SELECT * FROM tmp");
    fk_query(c, "BEGIN");
    fk_query(c, "COMMIT");
    fk_query(c, "SELECT * FROM tmp");
    assert_has(fk_seen(w), "s0#1 QUERY SELECT * FROM tmp");
    uint32_t live = fk_live(w, true);
    fk_leave(c);
    assert_int_equal(fk_live(w, true), live - 1);
    fk_leave(d);
    fk_free(w);
}

/* ---- the rules are reloaded ---- */

/* A session moves to new rules when it holds no server connection of the old ones. */
static void reload_in_a_transaction(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = warm(w), *d = warm(w);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    fk_install(w, BEST);
    assert_text(fk_query(d, R0), "ROWS v|1 END");
    assert_int_equal(w->retired, 0);
    assert_text(fk_query(c, W0), "OK 1 T");
    assert_has(fk_query(c, W2), "ERR 1235"); /* the old rules still */
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 2);
    assert_text(fk_query(c, R0), "ROWS v|1 END");
    assert_int_equal(w->retired, 1);
    fk_query(c, "BEGIN");
    fk_query(c, W0);
    assert_text(fk_query(c, W2), "OK 1 T");
    fk_install(w, FK_RULES_TEXT);
    fk_install(w, FK_RULES_TEXT);
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_text(fk_query(c, "USE other"), "OK 0");
    fk_leave(d);
    fk_leave(c);
    fk_free(w);
}

static void reload_without_the_user(void **state)
{
    (void)state;
    static const char *const gone[][2] = {
        {"users: {else: {password: x}}\nsources:\n  s0: {address: 127.0.0.1:4411, user: weir, password: "
         "weir}\nschemas: {shop: {default_source: s0}}\n",
         "ERR 1045 28000"},
        {"users: {app: {password: x}}\nsources:\n  s0: {address: 127.0.0.1:4411, user: weir, password: "
         "weir}\nschemas: {elsewhere: {default_source: s0}}\n",
         "ERR 1049 42000"},
    };
    for (size_t i = 0; i < COUNT_OF(gone); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = warm(w);
        char yaml[512];
        snprintf(yaml, sizeof yaml, "weir: {listen: 127.0.0.1:4406}\n%s", gone[i][0]);
        fk_install(w, yaml);
        const char *r = fk_query(c, R0);
        assert_has(r, gone[i][1]);
        assert_true(c->l->closed);
        fk_leave(c);
        fk_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_join_late),
        cmocka_unit_test(a_transaction_without_statements),
        cmocka_unit_test(rolled_back),
        cmocka_unit_test(begin_commits_what_is_open),
        cmocka_unit_test(forms_of_begin),
        cmocka_unit_test(the_next_ones_isolation),
        cmocka_unit_test(isolation_of_one_statement),
        cmocka_unit_test(chain_and_release),
        cmocka_unit_test(autocommit_off),
        cmocka_unit_test(autocommit_off_is_not_handed_on),
        cmocka_unit_test(savepoints),
        cmocka_unit_test(a_savepoint_set_again),
        cmocka_unit_test(a_second_writer_is_refused),
        cmocka_unit_test(best_effort),
        cmocka_unit_test(a_statement_is_all_or_nothing),
        cmocka_unit_test(a_deadlock_ends_it_everywhere),
        cmocka_unit_test(an_error_leaves_it_open),
        cmocka_unit_test(a_lost_connection),
        cmocka_unit_test(lost_and_then),
        cmocka_unit_test(commit_fails),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(all_or_nothing_and_a_dead_source),
        cmocka_unit_test(a_bound_for_savepoints),
        cmocka_unit_test(lock_tables),
        cmocka_unit_test(temporary_tables),
        cmocka_unit_test(reload_in_a_transaction),
        cmocka_unit_test(reload_without_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
