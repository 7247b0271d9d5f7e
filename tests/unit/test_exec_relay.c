/*
 * test_exec_relay.c - one statement, one server: the common way. What it costs, what the server is told
 * before, and that the client sees the server's answer whatever the chunks are.
 */
#include "fake_client.h"

#define POINT "SELECT v FROM orders WHERE id = 1"

/* ---- cost ---- */

static const char *numbered(const char *text, int n) /* '#' becomes the number */
{
    static char out[128];
    const char *at = strchr(text, '#');
    if (!at) return text;
    snprintf(out, sizeof out, "%.*s%d%s", (int)(at - text), text, n, at + 1);
    return out;
}

static uint32_t sent_to_servers(struct fk *w)
{
    uint32_t sends = 0;
    for (struct list *n = w->links.next; n != &w->links; n = n->next) {
        struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
        sends += k->server ? k->sends : 0;
    }
    return sends;
}

static void one_send_each_way_and_no_allocation(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT 1", "SELECT v FROM notes WHERE id = #", "SELECT v FROM orders WHERE id = #",
        "UPDATE orders SET v = # WHERE id = 1", "INSERT INTO orders (id, v) VALUES (1, #)"};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        for (int old = 0; old < 2; old++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
            fk_on(w, -1, "FROM notes", "ROWS@notes v:3|1|2", -1);
            fk_on(w, -1, "FROM orders_1", "ROWS@orders_1 v:3|1|2", -1);
            for (int i = 0; i < 5; i++) assert_lacks(fk_query(c, numbered(texts[t], 1 + 4 * i)), "ERR");
            uint64_t before = mem_count();
            uint32_t servers = sent_to_servers(w), client = c->l->sends;
            for (int i = 0; i < 10; i++) fk_query(c, numbered(texts[t], 1 + 4 * i));
            if (mem_count() != before)
                FK_FAIL("%s: %llu allocations in 10 statements", texts[t],
                        (unsigned long long)(mem_count() - before));
            assert_int_equal(c->l->sends - client, 10);
            assert_int_equal(sent_to_servers(w) - servers, 10);
            fk_leave(c);
            fk_free(w);
        }
    }
}

/* Two clients in turn on one server connection, set up alike: nothing is said in between. */
static void clients_set_up_alike_share(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    fk_query(a, "SELECT 1");
    fk_seen(w);
    assert_text(fk_query(b, "SELECT 1"), "ROWS v|1 END");
    assert_text(fk_seen(w), "s0#1 QUERY SELECT 1\n");
    assert_int_equal(w->src[0].connects, 1);
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

/* ---- what a server is told before ---- */

static void settings_are_taken_over(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    assert_text(fk_query(a, "SET sql_mode = 'ANSI', time_zone = '+01:00'"), "OK 0");
    fk_query(a, "SELECT 1");
    fk_seen(w);
    fk_query(b, "SELECT 1");
    assert_text(fk_seen(w), "s0#1 QUERY SET sql_mode=DEFAULT,time_zone=DEFAULT\ns0#1 QUERY SELECT 1\n");
    fk_query(b, "USE other");
    fk_query(a, "SELECT 2");
    assert_text(fk_seen(w), "s0#1 QUERY SET sql_mode='ANSI',time_zone='+01:00'\ns0#1 QUERY SELECT 2\n");
    assert_int_equal(w->e.count.server_syncs, 3);
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

static void the_database_is_taken_over(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    fk_query(a, "SELECT * FROM notes");
    fk_query(b, "USE other");
    fk_seen(w);
    fk_query(b, "SELECT * FROM t");
    assert_text(fk_seen(w), "s1#1 INIT_DB other\ns1#1 QUERY SELECT * FROM t\n");
    fk_query(a, "SELECT * FROM notes");
    assert_text(fk_seen(w), "s1#1 INIT_DB shop\ns1#1 QUERY SELECT * FROM notes\n");
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

/* A server that refuses a setting or the database: the statement does not run, and the next client is not
 * harmed. */
static void a_refused_setting(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    fk_query(b, "SELECT 1");
    assert_text(fk_query(a, "SET time_zone = 'Mars/Olympus'"), "OK 0");
    fk_on(w, 1, "Mars", "ERR 1298 HY000 Unknown or incorrect time zone: 'Mars/Olympus'", -1);
    assert_text(fk_query(a, "SELECT * FROM notes"),
                "ERR 1298 HY000 Weir: source s1 (127.0.0.1:4412) could not take over the session's "
                "variables: Unknown or incorrect time zone: 'Mars/Olympus'");
    assert_lacks(fk_seen(w), "FROM notes");
    assert_text(fk_query(b, "SELECT * FROM notes"), "ROWS v|1 END");
    fk_on(w, -1, "INIT_DB", "ERR 1044 42000 Access denied", -1);
    fk_query(b, "USE other");
    fk_query(a, "USE other");
    assert_has(fk_query(b, "SELECT * FROM t"), "ERR 1044 42000 Weir: source s1 (127.0.0.1:4412) could not "
                                               "select the session's database: Access denied");
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

static void user_variables_follow(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "HEX(@`a`)", "ROWS @a:8,h,c,n,x:8,y:8|7,7,binary,a,0,0", -1);
    assert_text(fk_query(c, "SET @a = 3 + 4"), "OK 0");
    fk_seen(w);
    assert_text(fk_query(c, "SELECT * FROM notes WHERE v = @a"), "ROWS v|1 END");
    const char *seen = fk_seen(w);
    assert_has(seen, "s1#2 QUERY SET @`a`=7\ns1#2 QUERY SELECT * FROM notes WHERE v = @a\n");
    fk_leave(c);
    fk_free(w);
}

static void found_rows_and_last_insert_id(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "INSERT INTO notes", "OK 3 id=77", -1);
    fk_on(w, -1, "FROM notes", "ROWS v:3|1|2|3", -1);
    assert_text(fk_query(c, "INSERT INTO notes (v) VALUES (1),(2),(3)"), "OK 3 id=77");
    fk_seen(w);
    fk_query(c, "SELECT LAST_INSERT_ID(), ROW_COUNT()");
    const char *seen = fk_seen(w);
    assert_has(seen, "SELECT CAST(77");
    assert_has(seen, "CAST(3");
    fk_query(c, "SELECT * FROM notes");
    fk_seen(w);
    fk_query(c, "SELECT FOUND_ROWS(), ROW_COUNT()");
    seen = fk_seen(w);
    assert_has(seen, "SELECT CAST(3");
    assert_int_equal(((const struct session *)c->l->link.owner)->f.row_count, -1);
    fk_on(w, -1, "SELECT LAST_INSERT_ID(),", "ROWS a:8,b:8|0,5", 1);
    fk_leave(c);
    fk_free(w);
}

static void warnings_are_kept(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "UPDATE orders_1", "OK 1 warn=1 info=Rows matched: 1  Changed: 1  Warnings: 1", -1);
    fk_on(w, -1, "SHOW WARNINGS",
          "ROWS Level,Code:3,Message|Warning,1265,Data truncated for column 'v' of 'shop.orders_1'", -1);
    assert_text(fk_query(c, "UPDATE orders SET v = 'x' WHERE id = 1"),
                "OK 1 warn=1 info:Rows matched: 1  Changed: 1  Warnings: 1");
    assert_text(fk_query(c, "SHOW WARNINGS"),
                "ROWS Level,Code,Message|Warning,1265,Data truncated for column 'v' of 'shop.orders' END");
    assert_text(fk_query(c, "SHOW WARNINGS"),
                "ROWS Level,Code,Message|Warning,1265,Data truncated for column 'v' of 'shop.orders' END");
    fk_query(c, "SELECT 1");
    assert_text(fk_query(c, "SHOW WARNINGS"), "ROWS Level,Code,Message END");
    fk_leave(c);
    fk_free(w);
}

/* The connection dies while the warnings are fetched: the answer was given, and it counts. */
static void lost_while_warnings_are_fetched(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "INSERT INTO notes", "OK 1 id=77 warn=1", -1);
    fk_on(w, -1, "SHOW WARNINGS", "CLOSE", -1);
    assert_text(fk_query(c, "INSERT INTO notes (v) VALUES (1)"), "OK 1 id=77 warn=1");
    fk_seen(w);
    assert_text(fk_query(c, "SELECT LAST_INSERT_ID()"), "ROWS v|1 END");
    assert_has(fk_seen(w), "SELECT CAST(77");
    fk_leave(c);
    fk_free(w);
}

/* ---- what comes back ---- */

static void names_are_logical(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    c->tables = true;
    fk_on(w, -1, "FROM orders_1", "ROWS@orders_1 id:3,v|1,x", -1);
    assert_text(fk_query(c, "SELECT * FROM orders WHERE id = 1"),
                "ROWS shop.orders.orders.id,shop.orders.orders.v|1,x END");
    fk_on(w, -1, "FROM orders_1", "ERR 1146 42S02 Table 'shop.orders_1' doesn't exist", -1);
    assert_text(fk_query(c, "SELECT * FROM orders WHERE id = 1"),
                "ERR 1146 42S02 Table 'shop.orders' doesn't exist");
    assert_text(fk_query(c, "SHOW WARNINGS"),
                "ROWS Level,Code,Message|Error,1146,Table 'shop.orders' doesn't exist END");
    fk_leave(c);
    fk_free(w);
}

static const char *const replies[] = {
    "OK 1 id=7",
    "OK 0 info=Rows matched: 1  Changed: 0  Warnings: 0",
    "ERR 1064 42000 You have an error",
    "ROWS@orders_1 a:3,b,c|1,x,NULL|22,,zz",
    "ROWS a:3",
    "MANY 50 300",
};

/* Every answer, by every path, in chunks of every size: the same bytes for the client. */
static void chunks_do_not_matter(void **state)
{
    (void)state;
    static const char *const texts[] = {"SELECT x FROM notes", POINT, "INSERT INTO tickets (v) VALUES (1)",
                                        "SHOW COLUMNS FROM orders"};
    for (int old = 0; old < 2; old++) {
        for (size_t t = 0; t < COUNT_OF(texts); t++) {
            for (size_t r = 0; r < COUNT_OF(replies); r++) {
                struct fb whole = {0};
                static const size_t chunks[] = {0, 1, 2, 3, 5, 7, 64};
                for (size_t k = 0; k < COUNT_OF(chunks); k++) {
                    struct fk *w = fk_new(NULL);
                    struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
                    fk_query(c, texts[t]); /* connects */
                    w->chunk = chunks[k];
                    w->ids_next = 500;
                    fk_on(w, -1, "notes", replies[r], -1);
                    fk_on(w, -1, "orders_", replies[r], -1);
                    fk_on(w, -1, "tickets", replies[r], -1);
                    size_t at = c->l->got.n;
                    const char *text = fk_query(c, texts[t]);
                    if (strstr(text, "BAD") || strstr(text, "CLOSED") || strstr(text, "PART") || !text[0])
                        FK_FAIL("%s -> %s, chunk %zu: '%s'", texts[t], replies[r], chunks[k], text);
                    if (k == 0)
                        fb_put(&whole, c->l->got.p + at, c->l->got.n - at);
                    else if (c->l->got.n - at != whole.n || memcmp(c->l->got.p + at, whole.p, whole.n) != 0) {
                        FK_FAIL("%s -> %s: other bytes in chunks of %zu", texts[t], replies[r], chunks[k]);
                    }
                    fk_leave(c);
                    fk_free(w);
                }
                fb_free(&whole);
            }
        }
    }
}

/* A server without DEPRECATE_EOF behind a client that has it: the client gets the form that it agreed to. */
static void an_old_server_behind_a_new_client(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    w->src[0].lacks = w->src[1].lacks = WIRE_CAP_DEPRECATE_EOF;
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    assert_text(fk_query(c, POINT), "ROWS v|1 END");
    assert_text(fk_query(c, "SELECT v FROM orders"), "ROWS v|1|1|1|1 END");
    fk_leave(c);
    fk_free(w);
}

static void malformed_replies(void **state)
{
    (void)state;
    static const char *const texts[] = {"SELECT x FROM notes", POINT, "SELECT v FROM orders",
                                        "UPDATE orders SET v = 1", "INSERT INTO tickets (v) VALUES (1)"};
    static const char *const bad[] = {"BADSEQ", "INFILE"};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        for (size_t b = 0; b < COUNT_OF(bad); b++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client(w), *other = fk_client(w);
            fk_on(w, -1, strncmp(texts[t], "SELECT", 6) ? "QUERY UPDATE" : "QUERY SELECT", bad[b], 1);
            fk_on(w, -1, "QUERY INSERT", bad[b], 1);
            const char *r = fk_query(c, texts[t]);
            if (!strstr(r, "CLOSED")) assert_has(r, "ERR ");
            assert_lacks(r, "ROWS");
            assert_text(fk_query(other, "SELECT 1"), "ROWS v|1 END");
            fk_leave(c);
            fk_leave(other);
            for (uint32_t i = 0; i < 2; i++) {
                if (w->e.realm->pools[i].nbusy)
                    FK_FAIL("%s -> %s: a connection to s%u stays busy", texts[t], bad[b], i);
            }
            fk_free(w);
        }
    }
}

/* What a server says wrongly before the statement closes its connection too: more of it may follow. */
static void a_malformed_answer_to_a_step(void **state)
{
    (void)state;
    static const char *const steps[] = {"INIT_DB", "QUERY SET NAMES", "QUERY SET @", "START TRANSACTION"};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_on(w, 1, steps[i], "BADSEQ", 1);
        if (i == 3) fk_query(c, "BEGIN");
        assert_has(fk_query(c, "SELECT @a FROM notes"), "ERR ");
        assert_int_equal(w->e.realm->pools[1].nidle, 0);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- a slow client ---- */

static void a_slow_client_stops_its_server(void **state)
{
    (void)state;
    static const char *const texts[] = {"SELECT x FROM notes", POINT, "SELECT v FROM orders",
                                        "SHOW COLUMNS FROM orders"};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w), *other = fk_client(w);
        fk_on(w, -1, "notes", "MANY 2000 1000", -1);
        fk_on(w, -1, "orders_", "MANY 2000 1000", -1);
        c->l->taking = false;
        fk_ask(c, texts[t]);
        fk_run(w);
        assert_true(c->l->link.pending > LINK_HIGH);
        if (c->l->link.pending > LINK_HIGH + (512 << 10))
            FK_FAIL("%s: %zu bytes wait for the client", texts[t], c->l->link.pending);
        assert_text(fk_reply(c), "PART");
        assert_text(fk_query(other, "SELECT 1"), "ROWS v|1 END"); /* others go on */
        for (int i = 0; i < 1000 && c->l->link.pending; i++) {
            if (c->l->link.pending > LINK_HIGH + (512 << 10))
                FK_FAIL("%s: %zu bytes wait for the client", texts[t], c->l->link.pending);
            fk_take(c->l, 100 << 10);
            fk_run(w);
        }
        const char *r = fk_reply(c);
        assert_int_equal(strncmp(r, "ROWS v|xxx", 10), 0);
        assert_text(r + strlen(r) - 4, " END");
        size_t rows = 0;
        for (const char *p = r; *p; p++) rows += *p == '|';
        assert_int_equal(rows, t == 2 ? 8000 : 2000);
        fk_leave(c);
        fk_leave(other);
        fk_free(w);
    }
}

/* The slow client gives up: the servers are told, and everything is given back. */
static void a_slow_client_vanishes(void **state)
{
    (void)state;
    static const char *const texts[] = {"SELECT x FROM notes", POINT, "SELECT v FROM orders"};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_on(w, -1, "notes", "MANY 2000 1000", -1);
        fk_on(w, -1, "orders_", "MANY 2000 1000", -1);
        c->l->taking = false;
        fk_ask(c, texts[t]);
        fk_run(w);
        fk_leave(c);
        if (!strstr(fb_text(&w->kills), "connection")) FK_FAIL("%s goes on on its server", texts[t]);
        assert_true(w->e.count.kills_sent > 0);
        assert_int_equal(w->e.nsessions, 0);
        fk_free(w);
    }
}

/* ---- connections that died unseen ---- */

static void a_stale_connection_is_tried_once_more(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    fk_on(w, 0, "s0#1 QUERY SELECT 2", "CLOSE", -1);
    assert_text(fk_query(c, "SELECT 2"), "ROWS v|1 END");
    assert_int_equal(w->src[0].connects, 2);
    fk_on(w, 0, "SELECT 3", "CLOSE", -1);
    assert_has(
        fk_query(c, "SELECT 3"),
        "ERR 1430 HY000 Weir: source s0 (127.0.0.1:4411) closed the connection while it ran this statement");
    fk_leave(c);
    fk_free(w);
}

static void a_write_is_never_tried_again(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "SELECT 1");
    fk_on(w, 0, "UPDATE", "CLOSE", -1);
    assert_has(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 1"),
               "whether the write was done is not known");
    assert_int_equal(w->src[0].commands, 4);
    fk_leave(c);
    fk_free(w);
}

/* A reply that broke off after the client had seen a part of it: the client is cut off, it must not take it
 * for whole. */
static void broken_off(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, 0, "SELECT 1", "ROWS a:3|1|2|3", -1);
    fk_query(c, "SELECT 1");
    w->fault = FK_F_HALF;
    w->fault_at = w->fault_seen + 1;
    const char *r = fk_query(c, "SELECT 1");
    assert_has(r, "CLOSED");
    assert_lacks(r, "END");
    fk_leave(c);
    fk_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_send_each_way_and_no_allocation),
        cmocka_unit_test(clients_set_up_alike_share),
        cmocka_unit_test(settings_are_taken_over),
        cmocka_unit_test(the_database_is_taken_over),
        cmocka_unit_test(a_refused_setting),
        cmocka_unit_test(user_variables_follow),
        cmocka_unit_test(found_rows_and_last_insert_id),
        cmocka_unit_test(warnings_are_kept),
        cmocka_unit_test(lost_while_warnings_are_fetched),
        cmocka_unit_test(names_are_logical),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(an_old_server_behind_a_new_client),
        cmocka_unit_test(malformed_replies),
        cmocka_unit_test(a_malformed_answer_to_a_step),
        cmocka_unit_test(a_slow_client_stops_its_server),
        cmocka_unit_test(a_slow_client_vanishes),
        cmocka_unit_test(a_stale_connection_is_tried_once_more),
        cmocka_unit_test(a_write_is_never_tried_again),
        cmocka_unit_test(broken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
