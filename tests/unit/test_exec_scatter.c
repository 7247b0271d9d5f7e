/* test_exec_scatter.c - statements over several shards: reads that are merged, writes and DDL whose counts
 * add up. */
#include "fake_client.h"

/* How often each server was connected to, and what is idle now: a statement that went well costs no
 * connection. */
static void assert_connections(struct fk *w, uint32_t s0, uint32_t s1)
{
    assert_int_equal(w->src[0].connects, s0);
    assert_int_equal(w->src[1].connects, s1);
    assert_int_equal(w->e.realm->pools[0].nidle, s0);
    assert_int_equal(w->e.realm->pools[1].nidle, s1);
}

static void four_shards(struct fk *w, const char *a, const char *b, const char *c, const char *d)
{
    fk_on(w, 0, "FROM orders_0", a, -1);
    fk_on(w, 0, "FROM orders_1", b, -1);
    fk_on(w, 1, "FROM orders_0", c, -1);
    fk_on(w, 1, "FROM orders_1", d, -1);
}

static void merged_in_order(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 4; chunk++) {
        for (int old = 0; old < 2; old++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
            w->chunk = chunk;
            four_shards(w, "ROWS@orders_0 id:3,v:3|4,1|8,2", "ROWS@orders_1 id:3,v:3|1,3|9,4",
                        "ROWS@orders_0 id:3,v:3", "ROWS@orders_1 id:3,v:3|3,5|7,6|11,7");
            assert_text(fk_query(c, "SELECT id, v FROM orders ORDER BY id"),
                        "ROWS id,v|1,3|3,5|4,1|7,6|8,2|9,4|11,7 END");
            assert_text(fk_query(c, "SELECT id, v FROM orders ORDER BY id LIMIT 1, 2"),
                        "ROWS id,v|3,5|4,1 END");
            fk_run(w);
            fk_leave(c);
            fk_free(w);
        }
    }
}

static void aggregates(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    four_shards(w, "ROWS n:8,m:3|2,5", "ROWS n:8,m:3|0,NULL", "ROWS n:8,m:3|3,1", "ROWS n:8,m:3|4,9");
    assert_text(fk_query(c, "SELECT COUNT(*) AS n, MAX(v) AS m FROM orders"), "ROWS n,m|9,9 END");
    fk_leave(c);
    fk_free(w);
}

static void column_names_are_logical(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    c->tables = true;
    four_shards(w, "ROWS@orders_0 id:3|4", "ROWS@orders_1 id:3|1", "ROWS@orders_0 id:3|2",
                "ROWS@orders_1 id:3|3");
    assert_text(fk_query(c, "SELECT id FROM orders ORDER BY id"), "ROWS shop.orders.orders.id|1|2|3|4 END");
    fk_leave(c);
    fk_free(w);
}

/* The connections of a merge that went well are as good as before. */
static void connections_are_kept(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    for (int i = 0; i < 5; i++) {
        assert_text(fk_query(c, "SELECT v FROM orders"), "ROWS v|1|1|1|1 END");
        assert_connections(w, 2, 2);
    }
    assert_int_equal(w->e.count.kills_sent, 0);
    fk_leave(c);
    fk_free(w);
}

/* A shard's error: the client gets it; the connections, whose replies are whole, are kept. */
static void a_shard_says_no(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_query(c, "SELECT v FROM orders");
        const char *ok = "ROWS@orders_0 v:3|1",
                   *no = which & 1 ? "ERR 1146 42S02 Table 'shop.orders_1' doesn't exist"
                                   : "ERR 1146 42S02 Table 'shop.orders_0' doesn't exist";
        four_shards(w, which == 0 ? no : ok, which == 1 ? no : ok, which == 2 ? no : ok,
                    which == 3 ? no : ok);
        const char *r = fk_query(c, "SELECT v FROM orders ORDER BY v");
        assert_text(r, "ERR 1146 42S02 Table 'shop.orders' doesn't exist");
        fk_run(w);
        assert_connections(w, 2, 2);
        fk_leave(c);
        fk_free(w);
    }
}

/*
 * One source fails in a step before the statement. The other has one connection that is ready, and a second
 * one is still being opened: the first is given back, and goes to the lane that waits for the second.
 */
static void refused_while_another_lane_waits(void **state)
{
    (void)state;
    static const char *const refused[] = {"INIT_DB", "QUERY SELECT v"};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w), *d = fk_client(w);
        fk_query(c, "SELECT v FROM orders WHERE id = 0");
        fk_query(c, "SELECT v FROM orders WHERE id = 2");
        fk_query(d, "USE other");
        fk_query(d, "SET sql_mode = 'ANSI'");
        w->src[0].up = w->src[1].up = FK_HANG;
        w->src[0].hold = true;
        fk_on(w, 1, refused[i], "ERR 1044 42000 Access denied", -1);
        fk_ask(d, "SELECT v FROM shop.orders");
        fk_run(w);
        w->src[0].hold = false;
        fk_run(w);
        w->src[0].up = w->src[1].up = FK_UP;
        fk_run(w);
        assert_has(fk_reply(d), "ERR 1044 42000 ");
        w->nrules = 0;
        assert_text(fk_query(c, "SELECT v FROM orders"), "ROWS v|1|1|1|1 END");
        fk_leave(c);
        fk_leave(d);
        fk_free(w);
    }
}

/* ---- LIMIT ---- */

/* The client has its rows; the shards' further rows are not read to their end. */
static void limit_stops_the_others(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "SELECT v FROM orders");
    four_shards(w, "MANY 20000 200", "MANY 20000 200", "MANY 20000 200", "MANY 20000 200");
    const char *r = fk_query(c, "SELECT v FROM orders LIMIT 3");
    assert_int_equal(strncmp(r, "ROWS v|xxx", 10), 0);
    assert_text(r + strlen(r) - 4, " END");
    fk_run(w);
    size_t read = 0;
    for (struct list *n = w->links.next; n != &w->links; n = n->next) {
        struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
        if (k->server) read += k->given;
    }
    if (read > 6 << 20) FK_FAIL("%zu bytes were read for 3 rows", read);
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* What was left unread ends in the middle of a packet; the connection is drained and used again, packet by
 * packet. */
static void abandoned_in_the_middle_of_a_packet(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 3, 9, 50, 333};
    for (size_t k = 0; k < COUNT_OF(chunks); k++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_query(c, "SELECT v FROM orders");
        w->chunk = chunks[k];
        four_shards(w, "ROWS v|1|2|3", "MANY 20 500", "MANY 20 500", "MANY 20 500");
        assert_has(fk_query(c, "SELECT v FROM orders LIMIT 3"), " END");
        fk_run(w);
        assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
        four_shards(w, "ROWS v:3|1", "ROWS v:3|2", "ROWS v:3|3", "ROWS v:3|4");
        assert_text(fk_query(c, "SELECT v FROM orders ORDER BY v"), "ROWS v|1|2|3|4 END");
        assert_text(fk_query(c, "UPDATE orders SET v = 1"), "OK 4");
        fk_leave(c);
        fk_free(w);
    }
}

/* A shard that says nothing more after LIMIT was reached does not keep its connection for ever. */
static void abandoned_and_silent(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "SELECT v FROM orders");
    four_shards(w, "ROWS v|1|2|3", "SILENT", "SILENT", "SILENT");
    assert_text(fk_query(c, "SELECT v FROM orders LIMIT 3"), "ROWS v|1|2|3 END");
    for (int i = 0; i < 60; i++) fk_tick(w, 10000);
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    assert_has(fb_text(&w->kills), "connection");
    fk_leave(c);
    fk_free(w);
}

/* In a transaction the connections are held: what LIMIT does not want is read and dropped, the transaction
 * goes on. */
static void limit_in_a_transaction(void **state)
{
    (void)state;
    static const size_t chunks[] = {0, 1, 50, 333};
    for (size_t k = 0; k < COUNT_OF(chunks); k++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        assert_text(fk_query(c, "BEGIN"), "OK 0 T");
        assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 2"), "OK 1 T");
        w->chunk = chunks[k];
        four_shards(w, "ROWS v|1|2|3", "MANY 20 500", "MANY 20 500", "MANY 20 500");
        assert_has(fk_query(c, "SELECT v FROM orders LIMIT 3"), " END T");
        fk_run(w);
        four_shards(w, "ROWS v:3|1", "ROWS v:3|2", "ROWS v:3|3", "ROWS v:3|4");
        assert_text(fk_query(c, "SELECT v FROM orders ORDER BY v"), "ROWS v|1|2|3|4 END T");
        assert_text(fk_query(c, "COMMIT"), "OK 0");
        assert_int_equal(w->src[1].committed, 1);
        assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- lanes ---- */

/* With one connection a source the legs take turns. */
static void legs_in_turn(void **state)
{
    (void)state;
    static const char one_each[] =
        "weir: {listen: 127.0.0.1:4406}\nusers: {app: {password: secret}}\n"
        "sources:\n"
        "  s0: {address: 127.0.0.1:4411, user: weir, password: weir, max_connections: 1}\n"
        "  s1: {address: 127.0.0.1:4412, user: weir, password: weir, max_connections: 1}\n"
        "schemas:\n  shop:\n    default_source: s0\n    tables:\n"
        "      orders: {nodes: 's${0..1}.shop.orders_${0..1}', shard_by: id, algorithm: {type: mod}}\n";
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct fk *w = fk_new(one_each);
        struct fk_client *c = fk_client(w), *d = fk_client(w);
        w->chunk = chunk;
        four_shards(w, "ROWS id:3|4|8", "ROWS id:3|1|9", "ROWS id:3", "ROWS id:3|3|7|11");
        assert_text(fk_query(c, "SELECT id FROM orders ORDER BY id"), "ROWS id|1|3|4|7|8|9|11 END");
        assert_text(fk_query(c, "UPDATE orders SET v = 1"), "OK 4");
        fk_ask(c, "SELECT id FROM orders ORDER BY id DESC");
        fk_ask(d, "SELECT id FROM orders ORDER BY id");
        four_shards(w, "ROWS id:3|8", "ROWS id:3|1", "ROWS id:3", "ROWS id:3|7");
        fk_run(w);
        assert_has(fk_reply(d), "ROWS id|1|7|8 END");
        assert_has(fk_reply(c), " END");
        assert_true(w->src[0].connects >= 1 && w->e.realm->pools[0].nidle <= 1);
        fk_leave(c);
        fk_leave(d);
        fk_free(w);
    }
}

/* A large result over legs in turn: the second leg's rows are needed first, and the first one's must not fill
 * memory. */
static void legs_in_turn_large(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_statement_memory: 4M"));
    struct fk_client *c = fk_client(w), *blockers[3];
    for (int i = 0; i < 3; i++) {
        blockers[i] = fk_client(w);
        fk_query(blockers[i], "SET autocommit = 0");
        fk_query(blockers[i], "SELECT v FROM orders WHERE id = 0");
        fk_query(blockers[i], "SELECT v FROM orders WHERE id = 2");
    }
    four_shards(w, "MANY 3000 200", "MANY 3000 200", "MANY 3000 200", "MANY 3000 200");
    const char *r = fk_query(c, "SELECT v FROM orders");
    assert_int_equal(strncmp(r, "ROWS v|xxx", 10), 0);
    assert_text(r + strlen(r) - 4, " END");
    for (int i = 0; i < 3; i++) fk_leave(blockers[i]);
    fk_leave(c);
    fk_free(w);
}

static void scatter_may_be_denied(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", scatter: deny"));
    struct fk_client *c = fk_client(w);
    assert_has(fk_query(c, "SELECT v FROM orders"),
               "ERR 1235 42000 Weir: the statement would go to 4 shards of orders and the rules say");
    assert_text(fk_query(c, "SELECT v FROM orders WHERE id = 3"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* More is asked to be held than the rules allow: an error that names the setting, and the client goes on. */
static void beyond_the_memory_of_a_statement(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_statement_memory: 1M"));
    struct fk_client *c = fk_client(w);
    struct fb rows[4] = {0};
    for (int k = 0; k < 4; k++) {
        fb_z(&rows[k], "ROWS v:3,n:8");
        for (int i = 0; i < 15000; i++) fb_f(&rows[k], "|%d,1", i * 4 + k);
    }
    four_shards(w, rows[0].p, rows[1].p, rows[2].p, rows[3].p);
    assert_has(fk_query(c, "SELECT v, COUNT(*) AS n FROM orders GROUP BY v ORDER BY n DESC"),
               "ERR 1041 HY000 merging the shards' rows needs more than max_statement_memory");
    for (int k = 0; k < 4; k++) fb_free(&rows[k]);
    w->nrules = 0;
    fk_run(w);
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* ---- writes ---- */

static void counts_add_up(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "UPDATE orders_0", "OK 2 info=Rows matched: 3  Changed: 2  Warnings: 0", -1);
    fk_on(w, -1, "UPDATE orders_1", "OK 1 warn=1 info=Rows matched: 1  Changed: 1  Warnings: 1", -1);
    assert_text(fk_query(c, "UPDATE orders SET v = 1"),
                "OK 6 warn=2 info:Rows matched: 8  Changed: 6  Warnings: 2");
    assert_int_equal(w->src[0].commands + w->src[1].commands > 0, 1);
    assert_text(fk_query(c, "SHOW WARNINGS"),
                "ROWS Level,Code,Message|Warning,1265,Data truncated|Warning,1265,Data truncated END");
    const struct session *session = c->l->link.owner;
    assert_int_equal(session->f.row_count, 6);
    assert_text(fk_query(c, "DELETE FROM orders"), "OK 4");
    assert_int_equal(session->f.row_count, 4);
    fk_leave(c);
    fk_free(w);
}

/* ---- DDL ---- */

static void ddl_goes_to_every_node(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    w->hold_catalog = true;
    assert_text(fk_query(c, "ALTER TABLE orders ADD x INT"),
                ""); /* the next statement must see the new column */
    assert_int_equal(w->catalogs, 1);
    const char *seen = fk_seen(w);
    for (int s = 0; s < 2; s++) {
        for (int t = 0; t < 2; t++) {
            char want[64];
            snprintf(want, sizeof want, " QUERY ALTER TABLE orders_%d ADD x INT\n", t);
            const char *at = strstr(seen, want);
            assert_non_null(at);
            assert_non_null(strstr(at + 1, want)); /* on both sources */
        }
    }
    w->hold_catalog = false;
    fk_run(w);
    assert_text(fk_reply(c), "OK 0");
    fk_leave(c);
    fk_free(w);
}

static void ddl_that_fails_on_some(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, 1, "ALTER TABLE orders_0", "ERR 1060 42S21 Duplicate column name 'x'", -1);
    assert_text(fk_query(c, "ALTER TABLE orders ADD x INT"),
                "ERR 1060 42S21 Duplicate column name 'x' (failed on 1 of 4 tables: s1 shop.orders_0; the "
                "others were changed)");
    fk_on(w, -1, "ALTER TABLE orders_", "ERR 1060 42S21 Duplicate column name 'x'", -1);
    assert_text(fk_query(c, "ALTER TABLE orders ADD x INT"), "ERR 1060 42S21 Duplicate column name 'x'");
    fk_leave(c);
    fk_free(w);
}

/* DDL commits the open transaction, on every server, and what comes next is in none. */
static void ddl_commits(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "BEGIN"), "OK 0 T");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 2"), "OK 1 T");
    assert_text(fk_query(c, "CREATE TABLE plain2 (id INT)"), "OK 0");
    assert_int_equal(w->src[1].committed, 1);
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "OK 1");
    assert_int_equal(w->src[0].committed, 1);
    fk_leave(c);
    fk_free(w);
}

/* A client that leaves while its DDL waits for the catalog. */
static void gone_before_the_catalog(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    w->hold_catalog = true;
    fk_query(c, "ALTER TABLE orders ADD x INT");
    fk_leave(c);
    assert_int_equal(w->e.nsessions, 1);
    w->hold_catalog = false;
    fk_run(w);
    assert_int_equal(w->e.nsessions, 0);
    fk_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_in_order),
        cmocka_unit_test(aggregates),
        cmocka_unit_test(column_names_are_logical),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(a_shard_says_no),
        cmocka_unit_test(refused_while_another_lane_waits),
        cmocka_unit_test(limit_stops_the_others),
        cmocka_unit_test(abandoned_in_the_middle_of_a_packet),
        cmocka_unit_test(abandoned_and_silent),
        cmocka_unit_test(limit_in_a_transaction),
        cmocka_unit_test(legs_in_turn),
        cmocka_unit_test(legs_in_turn_large),
        cmocka_unit_test(scatter_may_be_denied),
        cmocka_unit_test(beyond_the_memory_of_a_statement),
        cmocka_unit_test(counts_add_up),
        cmocka_unit_test(ddl_goes_to_every_node),
        cmocka_unit_test(ddl_that_fails_on_some),
        cmocka_unit_test(ddl_commits),
        cmocka_unit_test(gone_before_the_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
