/*
 * test_exec_cursor.c - COM_STMT_EXECUTE with a cursor and COM_STMT_FETCH: over one server and several, with connections that are held, parked, lost
 * or busy, rules that change, clients and servers that go at every place (test_stmt_kit.h).
 */
#include "test_stmt_kit.h"

#define ALL "SELECT v FROM orders"
#define ONE "SELECT v FROM notes"

static uint32_t cursors_open(struct fk *w)
{
    uint32_t n = 0;
    for (struct list *i = w->links.next; i != &w->links; i = i->next) {
        struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
        for (uint32_t s = 0; k->server && !k->closed && s < k->nstmts; s++) n += k->stmts[s]->cursor;
    }
    return n;
}

static uint32_t busy(struct fk *w)
{
    return w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy;
}

static uint32_t idle(struct fk *w)
{
    return w->e.realm->pools[0].nidle + w->e.realm->pools[1].nidle;
}

static struct fk_client *opened(struct fk *w, uint32_t caps, const char *text)
{
    struct fk_client *c = fk_client_caps(w, caps);
    assert_has(fk_prepare(c, text), "PREPARED 1 params: columns:v");
    assert_text(fk_open(c, 1, ""), "ROWS v END C");
    return c;
}

/* ---- the way it goes ---- */

static void one_server(void **state)
{
    (void)state;
    for (int old = 0; old < 4; old++) {
        for (size_t chunk = 0; chunk < 4; chunk++) {
            struct fk *w = fk_new(NULL);
            if (old & 2) w->src[0].lacks = w->src[1].lacks = WIRE_CAP_DEPRECATE_EOF;
            fk_on(w, -1, "SELECT", "ROWS v:3|1|2|3|4|5", -1);
            w->chunk = chunk;
            struct fk_client *c = opened(w, old & 1 ? FK_CAPS_OLD : FK_CAPS, ONE);
            assert_int_equal(busy(w), 1);
            assert_text(fk_fetch(c, 1, 2), "|1|2 END C");
            assert_text(fk_fetch(c, 1, 0), " END C");
            assert_text(fk_query(c, "SELECT 1"), "ROWS v|1|2|3|4|5 END"); /* something else in between */
            assert_text(fk_fetch(c, 1, 1), "|3 END C");
            assert_text(fk_fetch(c, 1, 100), "|4|5 END L");
            assert_has(fk_fetch(c, 1, 1), "ERR 1421 HY000 The statement (1) has no open cursor.");
            assert_int_equal(cursors_open(w), 0);
            assert_int_equal(busy(w), 0);
            fk_leave(c);
            fk_free(w);
        }
    }
}

static void several_servers(void **state)
{
    (void)state;
    for (int old = 0; old < 4; old++) {
        for (size_t chunk = 0; chunk < 4; chunk++) {
            struct fk *w = fk_new(old & 1 ? FK_NARROW : NULL);
            if (old & 2) w->src[1].lacks = WIRE_CAP_DEPRECATE_EOF;
            fk_on(w, 0, "orders_0", "ROWS v:3|1|5|9|13|17|21|25|29", -1);
            fk_on(w, 0, "orders_1", "ROWS v:3|2|6|10", -1);
            fk_on(w, 1, "orders_0", "ROWS v:3", -1);
            fk_on(w, 1, "orders_1", "ROWS v:3|4|8|12|16|20", -1);
            w->chunk = chunk;
            struct fk_client *c = fk_client_caps(w, old & 1 ? FK_CAPS_OLD : FK_CAPS);
            fk_prepare(c, "SELECT v FROM orders WHERE v > ? ORDER BY v");
            assert_text(fk_open(c, 1, "i:0"), "ROWS v END C");
            assert_int_equal(cursors_open(w), 4);
            assert_text(fk_fetch(c, 1, 5), "|1|2|4|5|6 END C");
            assert_text(fk_fetch(c, 1, 7), "|8|9|10|12|13|16|17 END C");
            assert_text(fk_fetch(c, 1, 4), "|20|21|25|29 END L");
            assert_has(fk_fetch(c, 1, 4), "ERR 1421");
            assert_int_equal(cursors_open(w), 0);
            assert_int_equal(busy(w), 0);
            /* Once more, with a limit: what is left open is closed. */
            fk_prepare(c, "SELECT v FROM orders ORDER BY v LIMIT 3");
            assert_text(fk_open(c, 2, ""), "ROWS v END C");
            assert_text(fk_fetch(c, 2, 2), "|1|2 END C");
            assert_text(fk_fetch(c, 2, 2), "|4 END L");
            assert_int_equal(cursors_open(w), 0);
            assert_int_equal(busy(w), 0);
            fk_leave(c);
            fk_free(w);
        }
    }
}

/* Statements that open none answer at once, as servers do. */
static void none_is_opened(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_prepare(c, "UPDATE orders SET v = ?");
    assert_text(fk_open(c, 1, "i:1"), "OK 4");
    assert_has(fk_fetch(c, 1, 1), "ERR 1421");
    fk_prepare(c, "SHOW TABLES");
    assert_has(fk_open(c, 2, ""), "ROWS ");
    assert_has(fk_fetch(c, 2, 1), "ERR 1421");
    assert_has(fk_fetch(c, 99, 1), "ERR 1243 HY000 Unknown prepared statement handler (99)");
    fk_leave(c);
    fk_free(w);
}

static void a_leg_fails(void **state)
{
    (void)state;
    static const char *const at[] = {"PREPARE SELECT v FROM orders_1", "EXECUTE+C SELECT v FROM orders_1"};
    static const char *const how[] = {"ERR 1054 42S22 Unknown column", "CLOSE", "BADSEQ", "OK 1", "ROWS a:3,b:3|1,2"};
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        for (size_t k = 0; k < COUNT_OF(how); k++) {
            for (int narrow = 0; narrow < 2; narrow++) {
                struct fk *w = fk_new(narrow ? FK_NARROW : NULL);
                struct fk_client *c = fk_client(w);
                fk_prepare(c, ALL);
                fk_on(w, 1, at[i], how[k], 1);
                const char *r = fk_open(c, 1, "");
                if (i == 0 && k >= 3) { /* PREPARE of other columns than the EXECUTE then sends */
                    fk_leave(c);
                    fk_free(w);
                    continue;
                }
                if (!strstr(r, "ERR ")) FK_FAIL("%s -> %s: %s", at[i], how[k], r);
                assert_int_equal(cursors_open(w), 0);
                assert_int_equal(busy(w), 0);
                assert_text(fk_open(c, 1, ""), "ROWS v END C");
                assert_text(fk_fetch(c, 1, 10), "|1|1|1|1 END L");
                fk_leave(c);
                fk_free(w);
            }
        }
    }
}

static void closed_in_many_ways(void **state)
{
    (void)state;
    for (int how = 0; how < 7; how++) {
        for (int fetched = 0; fetched < 2; fetched++) {
            struct fk *w = fk_new(NULL);
            fk_on(w, -1, "FROM orders_", "ROWS v:3|1|2|3|4|5|6|7", -1);
            struct fk_client *c = opened(w, FK_CAPS, ALL);
            if (fetched) fk_fetch(c, 1, 1);
            assert_int_equal(cursors_open(w), 4);
            if (how == 0) fk_close_stmt(c, 1);
            else if (how == 1) assert_text(fk_reset_stmt(c, 1), "OK 0");
            else if (how == 2) assert_text(fk_do(c, WIRE_COM_RESET_CONNECTION, "", 0), "OK 0");
            else if (how == 3) {
                assert_has(fk_execute(c, 1, ""), "ROWS v|1|2");
            } else if (how == 4) {
                assert_text(fk_open(c, 1, ""), "ROWS v END C");
                assert_int_equal(cursors_open(w), 4);
                fk_close_stmt(c, 1);
            } else if (how == 5) {
                session_kill(c->l->link.owner, true);
            }
            if (how < 6) {
                fk_run(w);
                assert_int_equal(cursors_open(w), 0);
                assert_int_equal(busy(w), 0);
            }
            fk_leave(c);
            assert_int_equal(cursors_open(w), 0);
            assert_int_equal(busy(w), 0);
            assert_int_equal(idle(w), fk_live(w, true));
            fk_free(w);
        }
    }
}

/* ---- a leg that is asked in vain ---- */

/* The client has its rows while another server has not answered: no other command may find that connection in mid-answer. */
static void a_leg_is_late(void **state)
{
    (void)state;
    for (int txn = 0; txn < 2; txn++) {
        for (int how = 0; how < 5; how++) {
            struct fk *w = fk_new(NULL);
            fk_on(w, -1, "FROM orders_", "ROWS v:3|1|2|3|4|5|6|7|8|9", -1);
            struct fk_client *c = fk_client(w);
            if (txn) fk_query(c, "BEGIN"), fk_query(c, "UPDATE orders SET v = 1 WHERE id = 2");
            fk_prepare(c, how == 4 ? "SELECT v FROM orders LIMIT 2" : ALL);
            fk_open(c, 1, "");
            w->src[1].hold = true;
            fk_ask_fetch(c, 1, 2);
            fk_run(w);
            const char *r = fk_reply(c);
            assert_has(r, "|1|2 END");
            if (how == 1) fk_ask(c, "SELECT v FROM notes"); /* on the connection that is late */
            if (how == 2) fk_ask_fetch(c, 1, 3);
            fk_run(w);
            if (how == 3) {
                session_kill(c->l->link.owner, false);
                fk_run(w);
                assert_text(fk_reply(c), ""); /* the statement was over for the client */
            }
            w->src[1].hold = false;
            fk_run(w);
            if (how == 1) assert_text(fk_reply(c), txn ? "ROWS v|1 END T" : "ROWS v|1 END");
            if (how == 2) assert_has(fk_reply(c), "|3|4|");
            if (how == 3) assert_has(fk_fetch(c, 1, 1), "ERR 1421");
            else if (how == 4) assert_has(fk_fetch(c, 1, 1), "ERR 1421");
            else assert_has(fk_fetch(c, 1, 1000), txn ? " END T L" : " END L");
            if (txn && how != 3) {
                assert_text(fk_query(c, "COMMIT"), "OK 0");
                assert_int_equal(w->src[1].committed, 1);
                assert_int_equal(w->e.count.kills_sent, 0);
            }
            if (txn && how == 3) assert_has(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 2"), "ERR 1402 XA100");
            fk_leave(c);
            assert_int_equal(busy(w), 0);
            fk_free(w);
        }
    }
}

/* ... and then its connection goes, or says rubbish: the next FETCH tells. */
static void a_late_leg_is_lost(void **state)
{
    (void)state;
    static const char *const how[] = {"CLOSE", "BADSEQ", "ERR 1317 70100 interrupted", "EMPTY"};
    for (size_t i = 0; i < COUNT_OF(how); i++) {
        for (int limit = 0; limit < 2; limit++) {
            struct fk *w = fk_new(NULL);
            fk_on(w, -1, "FROM orders_", "ROWS v:3|1|2|3|4|5|6|7|8|9", -1);
            struct fk_client *c = fk_client(w);
            fk_prepare(c, limit ? "SELECT v FROM orders LIMIT 2" : ALL);
            fk_open(c, 1, "");
            fk_on(w, 1, "FETCH", how[i], -1);
            w->src[1].hold = true;
            fk_ask_fetch(c, 1, 2);
            fk_run(w);
            assert_has(fk_reply(c), "|1|2 END");
            w->src[1].hold = false;
            fk_run(w);
            assert_text(fk_reply(c), "");
            assert_has(fk_fetch(c, 1, 1000), limit || i ? "ERR 1421" : "ERR 1430");
            assert_int_equal(busy(w), 0);
            assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
            fk_leave(c);
            fk_free(w);
        }
    }
}

/* ---- hostile servers ---- */

static void odd_answers_to_fetch(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *want;
    } all[] = {
        {"EMPTY", "malformed reply to a cursor's fetch"}, {"BADSEQ", "malformed reply"},
        {"ERR 1243 HY000 Unknown prepared statement handler", "ERR 1243 HY000"},
        {"OK 1", "ERR "}, {"CLOSE", "ERR 1430 HY000 Weir: the connection under this cursor is gone"}, {"INFILE", "ERR "},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (int n = 0; n < 4; n++) {
            struct fk *w = fk_new(n & 1 ? FK_NARROW : NULL);
            struct fk_client *c = fk_client_caps(w, n & 2 ? FK_CAPS_OLD : FK_CAPS);
            fk_on(w, -1, "SELECT", "ROWS v:3|1|2|3|4|5|6|7", -1);
            fk_prepare(c, ALL " ORDER BY v");
            fk_open(c, 1, "");
            fk_on(w, 1, "FETCH", all[i].answer, -1);
            const char *r = fk_fetch(c, 1, 3);
            if (!strstr(r, all[i].want)) FK_FAIL("%s: %s", all[i].answer, r);
            assert_int_equal(busy(w), 0);
            assert_int_equal(cursors_open(w), 0);
            assert_has(fk_fetch(c, 1, 3), "ERR 1421");
            w->nrules = 0;
            assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
            fk_leave(c);
            fk_free(w);
        }
    }
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "SELECT", "MANY 3000 10", -1);
    fk_on(w, -1, "FETCH", "FLOOD", -1);
    fk_prepare(c, ALL);
    fk_open(c, 1, "");
    assert_has(fk_fetch(c, 1, 2), "|xxxxxxxxxx|xxxxxxxxxx END C"); /* what came too early waits */
    fk_leave(c);
    fk_free(w);
}

/* ---- memory ---- */

/* Rows of some size and many of them: what Weir holds stays small, whatever the client asks for. */
static void streamed(void **state)
{
    (void)state;
    static const unsigned sizes[][2] = {{20000, 10}, {400, 20000}, {12, 2000000}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct fk *w = fk_new(FK_YAML(", max_statement_memory: 64M"));
        struct fk_client *c = fk_client(w);
        char many[40];
        snprintf(many, sizeof many, "MANY %u %u", sizes[i][0], sizes[i][1]);
        fk_on(w, -1, "FROM orders_", many, -1);
        fk_prepare(c, ALL);
        assert_text(fk_open(c, 1, ""), "ROWS v END C");
        uint64_t rows = 0;
        for (bool more = true; more;) {
            fk_ask_fetch(c, 1, 1000);
            fk_run(w);
            struct fb p = {0};
            uint8_t seq, last;
            while (fb_next(&c->l->got, &c->l->read, &seq, &last, &p)) {
                unsigned char first = (unsigned char)p.p[0];
                if (first == 0xff) FK_FAIL("%s: after %llu rows: %s", many, (unsigned long long)rows, p.p + 9);
                rows += first == 0;
                if (first == 0xfe) more = !(p.p[3] & WIRE_STATUS_LAST_ROW_SENT);
            }
            fb_free(&p);
            c->l->got.n = c->l->read = 0;
            for (struct list *n = w->links.next; n != &w->links; n = n->next) {
                struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
                if (!k->server) continue;
                k->out.n = k->given = k->login_end; /* given: all of it was delivered */
            }
            fb_clear(&w->log);
        }
        assert_true(rows == 4ull * sizes[i][0]);
        fk_leave(c);
        fk_free(w);
    }
}

/* A client that does not read: the fetch stops, and goes on when it reads. */
static void a_slow_client(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    fk_on(w, -1, "FROM orders_", "MANY 300 20000", -1);
    struct fk_client *c = fk_client(w);
    fk_prepare(c, ALL);
    fk_open(c, 1, "");
    c->l->taking = false;
    fk_ask_fetch(c, 1, 100000);
    fk_run(w);
    assert_true(c->l->link.pending > LINK_HIGH && c->l->link.pending < (4u << 20));
    assert_text(fk_reply(c), "PART");
    c->l->taking = true;
    while (c->l->link.pending) {
        fk_take(c->l, 100000);
        fk_run(w);
    }
    assert_has(fk_reply(c), " END L");
    assert_int_equal(c->l->got.n > 1200u * 20000u, 1);
    fk_leave(c);
    fk_free(w);
}

/* ---- transactions ---- */

static void in_a_transaction(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    fk_on(w, -1, "FROM orders_", "ROWS v:3|1|2|3|4|5|6|7", -1);
    struct fk_client *c = fk_client(w);
    fk_query(c, "BEGIN");
    fk_query(c, "UPDATE orders SET v = 1 WHERE id = 1");
    fk_prepare(c, "SELECT v FROM orders ORDER BY v");
    assert_text(fk_open(c, 1, ""), "ROWS v END T C");
    assert_int_equal(busy(w), 2); /* one a source, held by the transaction */
    assert_text(fk_fetch(c, 1, 2), "|1|1 END T C");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 2"), "ERR 1235 42000 Weir: this transaction already writes on source s0 and would now write on s1; a commit over two servers is "
                "not atomic yet. Commit first, keep the transaction to one shard, or set 'transactions: best_effort' in the rules");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "OK 1 T");
    assert_text(fk_fetch(c, 1, 2), "|1|1 END T C");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 2);
    assert_int_equal(busy(w), 2); /* parked: the cursor lives on */
    assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
    assert_int_equal(idle(w), 1);
    assert_text(fk_fetch(c, 1, 4), "|2|2|2|2 END C");
    fk_close_stmt(c, 1);
    assert_int_equal(busy(w), 0);
    assert_int_equal(idle(w), 3);
    /* A rollback of the servers' own (a deadlock) closes what is held; the next FETCH says so. */
    fk_query(c, "BEGIN");
    fk_prepare(c, ALL);
    fk_open(c, 2, "");
    fk_on(w, -1, "UPDATE", "ERR 1213 40001 Deadlock found", 1);
    assert_has(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "ERR 1213");
    assert_has(fk_fetch(c, 2, 100), "ERR 1430 HY000 Weir: the connection under this cursor is gone");
    assert_int_equal(busy(w), 0);
    fk_leave(c);
    fk_free(w);
}

static void two_cursors(void **state)
{
    (void)state;
    for (int txn = 0; txn < 2; txn++) {
        struct fk *w = fk_new(NULL);
        fk_on(w, -1, "SELECT", "ROWS v:3|1|2|3|4|5|6|7|8|9|10", -1);
        struct fk_client *c = fk_client(w);
        if (txn) fk_query(c, "BEGIN");
        fk_prepare(c, ONE);
        fk_prepare(c, "SELECT v FROM notes WHERE id > 1");
        fk_open(c, 1, "");
        fk_open(c, 2, "");
        assert_int_equal(busy(w), txn ? 1 : 2);
        assert_has(fk_fetch(c, 1, 2), "|1|2 END");
        assert_has(fk_fetch(c, 2, 5), "|1|2|3|4|5 END");
        assert_has(fk_fetch(c, 1, 2), "|3|4 END");
        fk_close_stmt(c, 1);
        assert_has(fk_fetch(c, 2, 5), "|6|7|8|9|10 END");
        assert_has(fk_fetch(c, 2, 5), " END");
        if (txn) fk_query(c, "ROLLBACK");
        assert_int_equal(busy(w), 0);
        fk_leave(c);
        fk_free(w);
    }
}

/* The parked connection goes between two fetches. */
static void a_parked_connection_is_lost(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct fk *w = fk_new(NULL);
        fk_on(w, -1, "SELECT", "ROWS v:3|1|2|3|4|5|6|7|8|9|10", -1);
        struct fk_client *c = fk_client(w);
        if (how == 2) fk_query(c, "BEGIN");
        fk_prepare(c, ALL " ORDER BY v");
        fk_open(c, 1, "");
        for (struct list *n = w->links.next; n != &w->links; n = n->next) {
            struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
            uint8_t seq = 0;
            if (!k->server || k->source != 1 || !k->nstmts || !k->stmts[0]->cursor) continue;
            if (how == 1) fk_put_err(&k->out, &seq, 1927, "70100", "Connection was killed");
            else k->close_after = ECONNRESET;
        }
        fk_run(w);
        assert_has(fk_fetch(c, 1, 1), "ERR 1430 HY000 Weir: the connection under this cursor is gone");
        assert_has(fk_fetch(c, 1, 1), "ERR 1421");
        if (how == 2) assert_has(fk_query(c, "COMMIT"), "ERR ");
        assert_int_equal(busy(w), 0);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- rules, pools ---- */

static void other_rules(void **state)
{
    (void)state;
    for (int txn = 0; txn < 2; txn++) {
        struct fk *w = fk_new(NULL);
        fk_on(w, -1, "SELECT v FROM orders_", "ROWS v:3|1|2|3|4|5|6|7|8|9|10", -1);
        struct fk_client *c = fk_client(w);
        if (txn) fk_query(c, "BEGIN");
        fk_prepare(c, ALL " ORDER BY v");
        fk_open(c, 1, "");
        fk_install(w, BEST);
        assert_has(fk_fetch(c, 1, 4), "|1|1|1|1 END");
        assert_has(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
        assert_has(fk_fetch(c, 1, 4), "|2|2|2|2 END");
        fk_install(w, FK_NARROW);
        assert_has(fk_fetch(c, 1, 100), " END");
        if (txn) assert_text(fk_query(c, "COMMIT"), "OK 0");
        assert_has(fk_open(c, 1, ""), "ROWS v END");
        assert_has(fk_fetch(c, 1, 1), "|1 END");
        fk_close_stmt(c, 1);
        fk_tick(w, 200);
        fk_query(c, "SELECT 1");
        assert_int_equal(w->retired, 2);
        fk_leave(c);
        fk_free(w);
    }
}

/* Cursors hold the pool's connections: who comes then waits, gets a clear error, or the connection when it is free. */
static void the_pool_is_empty(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_NARROW);
    fk_on(w, -1, "SELECT", "ROWS v:3|1|2|3|4|5|6|7|8|9|10", -1);
    struct fk_client *c = opened(w, FK_CAPS, ONE), *other = fk_client(w);
    fk_ask(other, "SELECT v FROM notes");
    fk_run(w);
    assert_text(fk_reply(other), "");
    assert_has(fk_fetch(c, 1, 1), "|1 END C");
    fk_run(w);
    assert_text(fk_reply(other), "");
    fk_reset_stmt(c, 1);
    assert_has(fk_reply(other), "ROWS v|1|2");
    assert_text(fk_open(c, 1, ""), "ROWS v END C");
    fk_ask(other, "SELECT v FROM notes");
    fk_run(w);
    fk_tick(w, 60000);
    assert_has(fk_reply(other), "no connection to source s1 (127.0.0.1:4412) came free within pool_wait");
    fk_leave(other);
    fk_leave(c);
    fk_free(w);
}

/* ---- KILL, time ---- */

static void killed_in_mid_fetch(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        for (int txn = 0; txn < 2; txn++) {
            struct fk *w = fk_new(FK_YAML(", statement_timeout: 3s"));
            fk_on(w, -1, "SELECT v FROM orders_", "ROWS v:3|1|2|3|4|5|6|7|8|9|10", -1);
            struct fk_client *c = fk_client(w);
            if (txn) fk_query(c, "BEGIN");
            fk_prepare(c, ALL " ORDER BY v");
            fk_open(c, 1, "");
            w->src[1].hold = true;
            fk_ask_fetch(c, 1, 4);
            fk_run(w);
            assert_text(fk_reply(c), "");
            if (how == 0) session_kill(c->l->link.owner, false);
            if (how == 1) session_kill(c->l->link.owner, true);
            if (how == 2) fk_tick(w, 3500);
            fk_run(w);
            if (how == 1) assert_has(fk_reply(c), "CLOSED");
            else assert_has(fk_reply(c), how ? "ERR 3024 HY000 Query execution was interrupted, maximum" : "ERR 1317 70100 Query execution was interrupted");
            w->src[1].hold = false;
            fk_run(w);
            assert_has(fb_text(&w->kills), "s1 thread");
            if (how != 1) {
                assert_has(fk_fetch(c, 1, 1), "ERR 1421");
                if (txn) assert_has(fk_query(c, "SELECT v FROM notes"), "ERR 1402 XA100 Weir: the transaction was rolled back");
                assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
            }
            fk_leave(c);
            assert_int_equal(busy(w), 0);
            fk_free(w);
        }
    }
}

/* ---- every fault at every place ---- */

#define ROWS10 "ROWS v:3|1|2|3|4|5|6|7|8|9|10"
static const struct scenario scenarios[] = {
    {"one server", {"P " ONE " WHERE id > ?", "O i:0", "F 2", "F 5", "F 5", "C"}, {0, 0}, {{"SELECT v FROM notes WHERE id > ", ROWS10}}},
    {"two servers", {"P " ALL " ORDER BY v", "O ", "F 5", "F 20", "F 20"}, {0, 0}, {{"FROM orders_", ROWS10}}},
    {"with a limit", {"P " ALL " LIMIT 3", "O ", "F 2", "F 2"}, {0, 0}, {{"FROM orders_", ROWS10}}},
    {"closed early", {"P " ALL, "O ", "F 1", "R", "O ", "F 1", "E ", "O ", "C"}, {0, 0}, {{"FROM orders_", ROWS10}}},
    {"in a transaction", {"Q BEGIN", "Q UPDATE orders SET v = 1 WHERE id = 1", "P " ALL " ORDER BY v", "O ", "F 5", "Q SELECT v FROM orders WHERE id = 1", "F 5", "Q COMMIT", "F 99"}, {1, 0},
     {{"FROM orders_", ROWS10}}},
    {"grouped", {"P SELECT v, COUNT(*) FROM orders GROUP BY v", "O ", "F 1", "F 9"}, {0, 0}, {{"FROM orders_", "ROWS v:3,c:8|1,2|2,3"}}},
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
        cmocka_unit_test(one_server),
        cmocka_unit_test(several_servers),
        cmocka_unit_test(none_is_opened),
        cmocka_unit_test(a_leg_fails),
        cmocka_unit_test(closed_in_many_ways),
        cmocka_unit_test(a_leg_is_late),
        cmocka_unit_test(a_late_leg_is_lost),
        cmocka_unit_test(odd_answers_to_fetch),
        cmocka_unit_test(streamed),
        cmocka_unit_test(a_slow_client),
        cmocka_unit_test(in_a_transaction),
        cmocka_unit_test(two_cursors),
        cmocka_unit_test(a_parked_connection_is_lost),
        cmocka_unit_test(other_rules),
        cmocka_unit_test(the_pool_is_empty),
        cmocka_unit_test(killed_in_mid_fetch),
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
