/* test_session_command.c - the commands of the protocol, and packets that are not what they should be. */
#include "fake_client.h"

static void the_small_ones(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
        assert_text(fk_do(c, WIRE_COM_PING, "", 0), "OK 0");
        assert_text(fk_do(c, WIRE_COM_INIT_DB, "other", 5), "OK 0");
        assert_text(fk_do(c, WIRE_COM_INIT_DB, "nosuch", 6), "ERR 1049 42000 Unknown database 'nosuch'");
        assert_text(fk_do(c, WIRE_COM_INIT_DB, "shop", 4), "OK 0");
        assert_has(fk_do(c, WIRE_COM_STATISTICS, "", 0), "Uptime: 1000  Threads: 1");
        assert_text(fk_do(c, WIRE_COM_SET_OPTION, "\x01\x00", 2), " END");
        assert_text(fk_do(c, WIRE_COM_SET_OPTION, "\x00\x00", 2), " END");
        assert_text(fk_do(c, WIRE_COM_SET_OPTION, "\x07\x00", 2),
                    "ERR 1835 HY000 Malformed communication packet: COM_SET_OPTION");
        assert_text(fk_do(c, WIRE_COM_RESET_CONNECTION, "", 0), "OK 0");
        assert_text(fk_do(c, WIRE_COM_PROCESS_KILL, "\x09\x00\x00\x00", 4),
                    "ERR 1094 HY000 Unknown thread id: 9");
        assert_has(fk_do(c, WIRE_COM_PROCESS_KILL, "\x09", 1), "ERR 1835");
        assert_text(fk_seen(w), "");
        fk_leave(c);
        fk_free(w);
    }
}

static void quit(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_do(c, WIRE_COM_QUIT, "", 0), "CLOSED");
    assert_int_equal(w->e.nsessions, 0);
    fk_leave(c);
    fk_free(w);
}

static void what_is_not_supported_says_so(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    for (int cmd = 0; cmd < 256; cmd++) {
        switch (cmd) {
        case WIRE_COM_QUIT:
        case WIRE_COM_QUERY:
        case WIRE_COM_PING:
        case WIRE_COM_INIT_DB:
        case WIRE_COM_STATISTICS:
        case WIRE_COM_SET_OPTION:
        case WIRE_COM_FIELD_LIST:
        case WIRE_COM_RESET_CONNECTION:
        case WIRE_COM_CHANGE_USER:
        case WIRE_COM_STMT_PREPARE:
        case WIRE_COM_PROCESS_KILL: continue;
        case WIRE_COM_STMT_EXECUTE:
        case WIRE_COM_STMT_RESET:
        case WIRE_COM_STMT_FETCH: assert_has(fk_do(c, (uint8_t)cmd, "x", 1), "ERR 1243 HY000 Unknown prepared statement handler"); continue;
        case WIRE_COM_STMT_CLOSE:
        case WIRE_COM_STMT_SEND_LONG_DATA:
            assert_text(fk_do(c, (uint8_t)cmd, "\x01\x00\x00\x00", 4), "");
            continue;
        default: break;
        }
        assert_has(fk_do(c, (uint8_t)cmd, "x", 1), "ERR 1047 08S01 Weir: command ");
    }
    assert_text(fk_do(c, WIRE_COM_PING, "", 0), "OK 0");
    fk_leave(c);
    fk_free(w);
}

static void field_list(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_caps(w, FK_CAPS_OLD);
    fk_on(w, -1, "LIMIT 0", "ROWS@orders_0 id:3,v:3", -1);
    fk_on(w, -1, "nosuch", "ERR 1146 42S02 Table 'shop.nosuch' doesn't exist", -1);
    assert_text(fk_do(c, WIRE_COM_FIELD_LIST, "orders\0", 7), "FIELDS orders.id,orders.v END");
    assert_has(fk_seen(w), "QUERY SELECT * FROM `shop`.`orders_0` LIMIT 0");
    assert_text(fk_do(c, WIRE_COM_FIELD_LIST, "nosuch\0", 7),
                "ERR 1146 42S02 Table 'shop.nosuch' doesn't exist");
    assert_text(fk_do(c, WIRE_COM_FIELD_LIST, "\0", 1),
                "ERR 1835 HY000 Malformed communication packet: COM_FIELD_LIST");
    assert_text(fk_do(c, WIRE_COM_FIELD_LIST, "abc", 3),
                "ERR 1835 HY000 Malformed communication packet: COM_FIELD_LIST");
    fk_leave(c);
    fk_free(w);
}

static void process_list(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *a = fk_client(w), *b = fk_client(w), *other = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(other, "native", "secret", "shop"), "OK 0");
    fk_query(b, "SELECT * FROM notes");
    w->src[1].hold = true;
    fk_query(b, "SELECT 'slow' FROM notes");
    fk_tick(w, 3000);
    const char *r = fk_query(a, "SHOW PROCESSLIST");
    assert_has(r, "ROWS Id,User,Host,db,Command,Time,State,Info,Progress|");
    assert_has(r, "|1,app,10.0.0.9,shop,Query,0,starting,SHOW PROCESSLIST");
    assert_has(r, "|2,app,10.0.0.9,shop,Query,3,on s1,SELECT 'slow' FROM notes,0.000");
    assert_lacks(r, "native"); /* one's own only */
    w->src[1].hold = false;
    fk_run(w);
    fk_leave(a);
    fk_leave(b);
    fk_leave(other);
    fk_free(w);
}

/* ---- reset and change user ---- */

static void reset_forgets(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "SET sql_mode = 'ANSI'"), "OK 0");
    assert_text(fk_query(c, "SET @a = 1"), "OK 0");
    assert_text(fk_query(c, "BEGIN"), "OK 0 T");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 1"), "OK 1 T");
    fk_seen(w);
    assert_text(fk_do(c, WIRE_COM_RESET_CONNECTION, "", 0), "OK 0");
    assert_int_equal(w->src[0].committed, 0);
    assert_text(fk_query(c, "SELECT @a"), "ROWS v|1 END");
    assert_has(fk_seen(w), "SET @`a`=NULL");
    assert_lacks(fk_seen(w), "ANSI");
    fk_leave(c);
    fk_free(w);
}

static void change_user_bytes(struct fk_client *c, const char *user, const char *password, const char *schema)
{
    struct fb p = {0};
    uint8_t auth[20];
    wire_native_scramble(str_of(password), c->nonce, auth);
    fb_put(&p, user, strlen(user) + 1);
    fb_lenstr(&p, auth, password[0] ? 20 : 0);
    fb_put(&p, schema, strlen(schema) + 1);
    fb_le(&p, 8, 2);
    fb_put(&p, "mysql_native_password", 22);
    fk_command_bytes(c, WIRE_COM_CHANGE_USER, p.p, p.n);
    fb_free(&p);
}

static void change_user(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "BEGIN"), "OK 0 T");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 1"), "OK 1 T");
    change_user_bytes(c, "native", "secret", "other");
    fk_run(w);
    assert_text(fk_reply(c), "OK 0");
    assert_int_equal(w->src[0].committed, 0);
    fk_seen(w);
    assert_text(fk_query(c, "SELECT * FROM anything"), "ROWS v|1 END");
    const char *seen = fk_seen(w);
    assert_has(seen, "INIT_DB other");
    assert_has(seen, "SET NAMES 'latin1' COLLATE 'latin1_swedish_ci'");
    change_user_bytes(c, "native", "secret", "");
    fk_run(w);
    assert_text(fk_reply(c), "OK 0");
    assert_has(fk_query(c, "SELECT * FROM orders"), "ERR 1046");
    change_user_bytes(c, "app", "wrong", "");
    fk_run(w);
    assert_has(fk_reply(c),
               "ERR 1045 28000 Access denied for user 'app'@'10.0.0.9' (using password: YES) CLOSED");
    assert_int_equal(w->e.nsessions, 0);
    fk_leave(c);
    fk_free(w);
}

/* The answer may take further packets: an authentication switch in the middle of a session. */
static void change_user_switches(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    change_user_bytes(c, "sha", "secret", "shop");
    fk_run(w);
    c->seq = 1;
    assert_text(fk_login_reply(c), "SWITCH caching_sha2_password");
    uint8_t auth[32];
    wire_sha2_scramble(STR("wrong"), c->nonce, auth);
    fb_packet(&c->l->out, &c->seq, auth, 32);
    fk_run(w);
    assert_text(fk_login_reply(c), "MORE 4");
    fk_leave(c);
    fk_free(w);
}

static void malformed_change_user(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_has(fk_do(c, WIRE_COM_CHANGE_USER, "app", 3),
               "ERR 1835 HY000 Malformed communication packet: COM_CHANGE_USER");
    assert_true(c->l->closed);
    fk_leave(c);
    fk_free(w);
}

/* ---- packets ---- */

static void an_empty_command(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_raw(c, "\x00\x00\x00\x00", 4);
    c->reply_seq = 1;
    fk_run(w);
    assert_has(fk_reply(c), "ERR 1835 HY000 Malformed communication packet: empty command");
    fk_leave(c);
    fk_free(w);
}

static void an_empty_statement(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "   ", ";"};
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_text(fk_query(c, texts[i]), "ERR 1065 42000 Query was empty");
    assert_text(fk_query(c, "-- a comment"), "OK 0");
    assert_text(fk_query(c, "/* a comment */"), "OK 0");
    fk_leave(c);
    fk_free(w);
}

/* A command begins with number 0; MySQL answers anything else by 1156 and closes. */
static void out_of_order(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_raw(c, "\x01\x00\x00\x05\x0e", 5);
    fk_run(w);
    c->seq = 6;
    assert_text(fk_login_reply(c), "ERR 1156 08S01 Got packets out of order CLOSED");
    fk_leave(c);
    fk_free(w);
}

static char *filler(size_t n)
{
    char *p = malloc(n);
    if (!p) abort();
    memset(p, 'x', n);
    memcpy(p, "SELECT '", 8);
    p[n - 1] = '\'';
    return p;
}

static void larger_than_max_packet(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_packet: 1M"));
    struct fk_client *c = fk_client(w);
    size_t n = 1 << 20;
    char *fits = filler(n - 1), *more = filler(n); /* and the command's byte */
    assert_text(fk_do(c, WIRE_COM_QUERY, fits, n - 1), "ROWS v|1 END");
    fk_command_bytes(c, WIRE_COM_QUERY, more, n);
    fk_run(w);
    assert_text(fk_reply(c), "ERR 1153 08S01 Got a packet bigger than 'max_allowed_packet' bytes (max_packet "
                             "in Weir's rules) CLOSED");
    free(fits);
    free(more);
    fk_leave(c);
    fk_free(w);
}

/* Around 16 MB - 1 a command is split over packets, and split again for the server. */
static void packets_of_16_MB(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_packet: 64M"));
    struct fk_client *c = fk_client(w);
    static const size_t sizes[] = {0xfffffd,      0xfffffe,         0xffffff,
                                   0x1000000 + 5, 2 * 0xffffff - 1, 2 * 0xffffff};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char *text = filler(sizes[i]);
        assert_text(fk_do(c, WIRE_COM_PING, "", 0), "OK 0");
        assert_text(fk_do(c, WIRE_COM_QUERY, text, sizes[i]), "ROWS v|1 END");
        const char *seen = fk_seen(w);
        const char *at = strstr(seen, "QUERY SELECT 'xx");
        assert_non_null(at);
        assert_int_equal(strlen(at), 6 + sizes[i] + 1);
        free(text);
    }
    fk_leave(c);
    fk_free(w);
}

/* The second packet of a split command has the next number. */
static void a_split_command_out_of_order(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_packet: 64M"));
    struct fk_client *c = fk_client(w);
    char *text = filler(0xffffff);
    text[0] = WIRE_COM_QUERY;
    fk_raw(c, "\xff\xff\xff\x00", 4);
    fk_raw(c, text, 0xffffff);
    fk_raw(c, "\x01\x00\x00\x07'", 5);
    fk_run(w);
    c->seq = 8;
    assert_has(fk_login_reply(c), "ERR 1156 08S01 Got packets out of order CLOSED");
    free(text);
    fk_leave(c);
    fk_free(w);
}

/* Several commands in one chunk, and any chunk boundary: the same answers. */
static void pipelined(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 8; chunk++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        w->chunk = chunk;
        fk_command_bytes(c, WIRE_COM_PING, "", 0);
        fk_ask(c, "SELECT 1");
        fk_command_bytes(c, WIRE_COM_INIT_DB, "shop", 4);
        fk_ask(c, "SELECT * FROM orders WHERE id = 1");
        fk_command_bytes(c, WIRE_COM_PING, "", 0);
        fk_run(w);
        struct fk_reader r = {.c = c, .at = c->l->read, .seq = 1};
        fb_clear(&c->text);
        bool more;
        for (int i = 0; i < 5; i++, r.seq = 1) {
            assert_int_equal(fk_read_result(&r, &more), 1);
            fb_z(&c->text, "; ");
        }
        assert_text(fb_text(&c->text), "OK 0; ROWS v|1 END; OK 0; ROWS v|1 END; OK 0; ");
        assert_int_equal(r.at, c->l->got.n);
        fb_free(&r.payload);
        fk_leave(c);
        fk_free(w);
    }
}

/* While a statement runs, what a client sends on is kept up to a bound; then its link is not read any more.
 */
static void a_client_that_does_not_wait(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    w->src[0].hold = true;
    fk_query(c, "SELECT 1");
    char text[1000];
    memset(text, ' ', sizeof text);
    for (int i = 0; i < 1000; i++) fk_do(c, WIRE_COM_QUERY, text, sizeof text);
    assert_true(c->l->link.paused);
    struct session *s = c->l->link.owner;
    assert_true(s->in.len < (256 << 10));
    w->src[0].hold = false;
    fk_run(w);
    struct fk_reader r = {.c = c, .at = c->l->read, .seq = 1};
    bool more;
    uint32_t n = 0;
    for (; fk_read_result(&r, &more) == 1; r.seq = 1) n++;
    assert_int_equal(n, 1001);
    fb_free(&r.payload);
    assert_int_equal(s->in.cap, 0);
    fk_leave(c);
    fk_free(w);
}

static void idle_clients_end(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", wait_timeout: 10s"));
    struct fk_client *c = fk_client(w), *d = fk_client(w);
    fk_tick(w, 9000);
    assert_text(fk_do(d, WIRE_COM_PING, "", 0), "OK 0");
    fk_tick(w, 1100);
    assert_true(c->l->closed);
    assert_false(d->l->closed);
    fk_leave(c);
    fk_leave(d);
    fk_free(w);
}

/* Shutdown: idle clients go at once, busy ones after their statement, those in a transaction after its end.
 */
static void draining(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *idle = fk_client(w), *busy = fk_client(w), *txn = fk_client(w),
                     *fresh = fk_client_new(w, FK_CAPS);
    w->src[0].hold = true;
    fk_query(busy, "SELECT 1");
    fk_query(txn, "BEGIN");
    session_drain(&w->e, false);
    fk_run(w);
    assert_true(idle->l->closed);
    assert_true(fresh->l->closed);
    assert_false(busy->l->closed);
    assert_false(txn->l->closed);
    w->src[0].hold = false;
    fk_run(w);
    assert_text(fk_reply(busy), "ROWS v|1 END CLOSED");
    assert_text(fk_query(txn, "UPDATE orders SET v = 1 WHERE id = 1"), "OK 1 T");
    assert_text(fk_query(txn, "COMMIT"), "OK 0 CLOSED");
    assert_int_equal(w->src[0].committed, 1);
    struct fk_client *all[] = {idle, busy, txn, fresh};
    for (size_t i = 0; i < COUNT_OF(all); i++) fk_leave(all[i]);
    fk_free(w);
}

static void draining_now(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *idle = fk_client(w), *busy = fk_client(w);
    fk_query(busy, "SELECT 1");
    w->src[0].hold = true;
    fk_query(busy, "SELECT 1");
    session_drain(&w->e, true);
    fk_run(w);
    assert_true(idle->l->closed);
    assert_true(busy->l->closed);
    assert_has(fb_text(&w->kills), "s0 thread 701 connection");
    fk_leave(idle);
    fk_leave(busy);
    fk_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_small_ones),
        cmocka_unit_test(quit),
        cmocka_unit_test(what_is_not_supported_says_so),
        cmocka_unit_test(field_list),
        cmocka_unit_test(process_list),
        cmocka_unit_test(reset_forgets),
        cmocka_unit_test(change_user),
        cmocka_unit_test(change_user_switches),
        cmocka_unit_test(malformed_change_user),
        cmocka_unit_test(an_empty_command),
        cmocka_unit_test(an_empty_statement),
        cmocka_unit_test(out_of_order),
        cmocka_unit_test(larger_than_max_packet),
        cmocka_unit_test(packets_of_16_MB),
        cmocka_unit_test(a_split_command_out_of_order),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(a_client_that_does_not_wait),
        cmocka_unit_test(idle_clients_end),
        cmocka_unit_test(draining),
        cmocka_unit_test(draining_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
