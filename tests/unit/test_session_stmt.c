/*
 * test_session_stmt.c - what a client may say of prepared statements: ids, caps, long data, malformed commands, PREPARE in SQL, statements that Weir answers
 * itself, commands sent together.
 */
#include "fake_client.h"

#define POINT "SELECT v FROM orders WHERE id = ?"

static struct session *session_at(const struct fk_client *c)
{
    return c->l->link.owner;
}

/* ---- ids ---- */

static void ids_rise(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    for (uint32_t i = 1; i <= 50; i++) {
        fk_prepare(c, POINT);
        assert_int_equal(c->prepared, i);
    }
    for (uint32_t i = 2; i <= 50; i += 2) fk_close_stmt(c, i);
    for (uint32_t i = 1; i <= 50; i++) assert_has(fk_execute(c, i, "i:1"), i % 2 ? "ROWS v|1 END" : "ERR 1243");
    fk_close_stmt(c, 2); /* again, and one that never was: no answer, no harm */
    fk_close_stmt(c, 0);
    fk_close_stmt(c, 0xfffffffeu);
    assert_text(fk_reply(c), "");
    assert_has(fk_reset_stmt(c, 2), "ERR 1243 HY000 Unknown prepared statement handler (2) given to mysqld_stmt_reset");
    fk_prepare(c, POINT);
    assert_int_equal(c->prepared, 51);
    fk_leave(c);
    fk_free(w);
}

/* 0xFFFFFFFF: the statement prepared last; PREPARE and EXECUTE come together. */
static void the_last_prepared(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_has(fk_execute(c, 0xffffffffu, NULL), "ERR 1243 HY000 Unknown prepared statement handler (4294967295)");
    fk_prepare(c, "SELECT v FROM notes WHERE id = ?");
    fk_prepare(c, POINT);
    assert_text(fk_execute(c, 0xffffffffu, "i:1"), "ROWS v|1 END");
    fk_on(w, -1, "PREPARE", "ERR 1146 42S02 Table 'shop.x' doesn't exist", 1);
    assert_has(fk_prepare(c, "SELECT * FROM x WHERE id = ?"), "ERR 1146");
    assert_has(fk_execute(c, 0xffffffffu, "i:1"), "ERR 1243");
    fk_prepare(c, POINT);
    fk_long_data(c, 0xffffffffu, 0, "1", 1);
    assert_text(fk_open(c, 0xffffffffu, "L"), "ROWS v END C");
    assert_text(fk_fetch(c, 0xffffffffu, 9), "|1 END L");
    assert_text(fk_reset_stmt(c, 0xffffffffu), "OK 0");
    fk_close_stmt(c, 0xffffffffu);
    assert_has(fk_execute(c, 0xffffffffu, "i:1"), "ERR 1243");
    assert_has(fk_execute(c, 1, "i:1"), "ROWS v|1 END");
    /* Without waiting for the answer. */
    fk_command_bytes(c, WIRE_COM_STMT_PREPARE, POINT, strlen(POINT));
    uint8_t prepare = c->command;
    fk_ask_execute(c, 0xffffffffu, 0, "i:1");
    c->command = prepare;
    fk_run(w);
    const char *r = fk_reply(c);
    assert_has(r, "PREPARED ");
    fk_leave(c);
    fk_free(w);
}

/* ---- caps ---- */

static void caps(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_prepared_statements: 6, max_session_prepared_statements: 4"));
    struct fk_client *a = fk_client(w), *b = fk_client(w);
    for (int i = 0; i < 3; i++) assert_has(fk_prepare(a, POINT), "PREPARED");
    assert_text(fk_query(a, "PREPARE s FROM 'SELECT 1'"), "OK 0 info:Statement prepared");
    assert_has(fk_prepare(a, POINT), "ERR 1461 42000 Can't create more than max_prepared_stmt_count statements (current value: 4; max_session_prepared_statements in Weir's rules)");
    assert_has(fk_query(a, "PREPARE t FROM 'SELECT 1'"), "ERR 1461 42000");
    assert_text(fk_query(a, "PREPARE s FROM 'SELECT 2'"), "OK 0 info:Statement prepared"); /* takes the place of the other */
    fk_prepare(b, POINT);
    fk_prepare(b, POINT);
    assert_has(fk_prepare(b, POINT), "ERR 1461 42000 Can't create more than max_prepared_stmt_count statements (current value: 6; max_prepared_statements in Weir's rules)");
    fk_close_stmt(a, 1);
    assert_has(fk_prepare(b, POINT), "PREPARED");
    assert_has(fk_prepare(b, POINT), "ERR 1461");
    assert_text(fk_do(a, WIRE_COM_RESET_CONNECTION, "", 0), "OK 0");
    assert_has(fk_prepare(b, POINT), "PREPARED");
    assert_has(fk_prepare(b, POINT), "ERR 1461 42000 Can't create more than max_prepared_stmt_count statements (current value: 4");
    fk_leave(b);
    for (int i = 0; i < 4; i++) assert_has(fk_prepare(a, POINT), "PREPARED");
    fk_leave(a);
    fk_free(w);
    /* What fails is not counted. */
    w = fk_new(FK_YAML(", max_prepared_statements: 2"));
    a = fk_client(w);
    fk_on(w, -1, "PREPARE", "ERR 1146 42S02 Table 'shop.x' doesn't exist", 8);
    for (int i = 0; i < 8; i++) assert_has(fk_prepare(a, POINT), "ERR 1146");
    for (int i = 0; i < 8; i++) assert_has(fk_prepare(a, "SELECT 1; SELECT 2"), "ERR 1064");
    assert_has(fk_prepare(a, POINT), "PREPARED");
    assert_has(fk_prepare(a, POINT), "PREPARED");
    fk_leave(a);
    fk_free(w);
}

/* ---- long data ---- */

static void long_data(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_packet: 64K"));
    struct fk_client *c = fk_client(w);
    fk_prepare(c, "UPDATE notes SET t = ?, v = ? WHERE id = ?");
    fk_seen(w);
    fk_long_data(c, 1, 0, "abc", 3);
    fk_long_data(c, 1, 2, "7", 1);
    fk_long_data(c, 1, 0, "def", 3);
    fk_long_data(c, 1, 0, "", 0);
    assert_text(fk_execute(c, 1, "L,i:5,L"), "OK 1");
    assert_has(fk_seen(w), "[abcdef,5,7]");
    assert_text(fk_execute(c, 1, "s:x,i:5,i:6"), "OK 1"); /* they were for one execute */
    assert_has(fk_seen(w), "[x,5,6]");
    fk_long_data(c, 1, 0, "", 0); /* empty, not NULL */
    assert_text(fk_execute(c, 1, "L,i:5,i:6"), "OK 1");
    assert_has(fk_seen(w), "[,5,6]");
    fk_long_data(c, 1, 0, "gone", 4);
    assert_text(fk_reset_stmt(c, 1), "OK 0");
    assert_text(fk_execute(c, 1, "s:y,i:5,i:6"), "OK 1");
    assert_has(fk_seen(w), "[y,5,6]");
    /* A parameter or a statement that is not there: no answer, no harm. */
    fk_long_data(c, 1, 3, "x", 1);
    fk_long_data(c, 1, 65535, "x", 1);
    fk_long_data(c, 2, 0, "x", 1);
    fk_command_bytes(c, WIRE_COM_STMT_SEND_LONG_DATA, "\1\0\0", 3);
    fk_run(w);
    assert_text(fk_reply(c), "");
    assert_text(fk_execute(c, 1, "s:z,i:5,i:6"), "OK 1");
    /* More than max_packet in all: told at the execute, and over then. */
    char block[30000];
    memset(block, 'a', sizeof block);
    for (int i = 0; i < 4; i++) fk_long_data(c, 1, (uint16_t)(i % 2), block, sizeof block);
    assert_has(fk_execute(c, 1, "L,L,i:6"), "longer than 'max_allowed_packet' bytes (max_packet in Weir's rules)");
    assert_text(fk_execute(c, 1, "s:z,i:5,i:6"), "OK 1");
    fk_long_data(c, 1, 0, block, sizeof block);
    fk_long_data(c, 1, 0, block, sizeof block);
    assert_text(fk_execute(c, 1, "L,i:5,i:6"), "OK 1");
    assert_has(fk_seen(w), "...60000,5,6]");
    /* An execute that is malformed takes them with it. */
    fk_long_data(c, 1, 0, "abc", 3);
    assert_has(fk_do(c, WIRE_COM_STMT_EXECUTE, "\1\0\0\0\0\1\0\0\0", 9), "ERR 1210 HY000 Incorrect arguments to mysqld_stmt_execute");
    assert_text(fk_execute(c, 1, "s:q,i:5,i:6"), "OK 1");
    fk_long_data(c, 1, 1, "left", 4);
    fk_leave(c);
    fk_free(w);
}

/* ---- malformed ---- */

static void malformed_commands(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_prepare(c, "SELECT v FROM orders WHERE id = ? AND v = ?");
    struct fb p = {0};
    fb_le(&p, 1, 4);
    fb_le(&p, 0, 1);
    fb_le(&p, 1, 4);
    assert_has(fk_do(c, WIRE_COM_STMT_EXECUTE, p.p, p.n), "ERR 1210"); /* parameters, and no types ever */
    fk_put_params(&p, "i:1,s:abc", true);
    for (size_t n = 0; n < p.n; n++) { /* cut anywhere */
        const char *r = fk_do(c, WIRE_COM_STMT_EXECUTE, p.p, n);
        if (!strstr(r, "ERR 1210") && !strstr(r, "ERR 1243")) FK_FAIL("EXECUTE cut at %zu: %s", n, r);
    }
    assert_text(fk_do(c, WIRE_COM_STMT_EXECUTE, p.p, p.n), "ROWS v|1 END");
    /* The types are remembered: an execute without them. */
    struct fb q = {0};
    fb_put(&q, p.p, 9);
    fk_put_params(&q, "i:2,s:xyz", false);
    fk_seen(w);
    assert_text(fk_do(c, WIRE_COM_STMT_EXECUTE, q.p, q.n), "ROWS v|1 END");
    assert_has(fk_seen(w), "[2,xyz]");
    for (unsigned type = 0; type < 256; type++) { /* every type, whatever the bytes are */
        p.p[9 + 2] = (char)type;
        const char *r = fk_do(c, WIRE_COM_STMT_EXECUTE, p.p, p.n);
        if (!strstr(r, "ERR ") && !strstr(r, "ROWS v")) FK_FAIL("type %u: %s", type, r);
    }
    static const uint8_t commands[] = {WIRE_COM_STMT_EXECUTE, WIRE_COM_STMT_RESET, WIRE_COM_STMT_FETCH};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        for (size_t n = 0; n < 4; n++) assert_has(fk_do(c, commands[i], "\1\0\0\0", n), "ERR ");
    }
    assert_has(fk_do(c, WIRE_COM_STMT_FETCH, "\1\0\0\0\1\0\0", 7), "ERR ");
    for (size_t n = 0; n < 4; n++) {
        fk_command_bytes(c, WIRE_COM_STMT_CLOSE, "\1\0\0\0", n);
        fk_run(w);
        assert_text(fk_reply(c), "");
    }
    fb_free(&p);
    fb_free(&q);
    assert_has(fk_prepare(c, ""), "ERR 1065 42000 Query was empty");
    assert_has(fk_prepare(c, "  \n"), "ERR 1065 42000 Query was empty");
    assert_has(fk_prepare(c, "SELECT 1; SELECT 2"), "ERR 1064 42000");
    assert_has(fk_prepare(c, "PREPARE s FROM 'SELECT 1'"), "ERR 1295");
    assert_has(fk_prepare(c, "EXECUTE s"), "ERR 1295");
    assert_has(fk_prepare(c, "DEALLOCATE PREPARE s"), "ERR 1295");
    assert_has(fk_prepare(c, "LOAD DATA LOCAL INFILE 'x' INTO TABLE notes"), "ERR 1295");
    fk_leave(c);
    fk_free(w);
}

/* ---- the session's own answers ---- */

static void answered_by_weir(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        for (size_t chunk = 0; chunk < 3; chunk++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
            w->chunk = chunk;
            const char *r = fk_prepare(c, "SHOW PROCESSLIST");
            assert_has(r, "columns:Id,User,Host,db,Command,Time,State,Info");
            assert_has(fk_execute(c, 1, ""), "app,10.0.0.9");
            assert_text(fk_prepare(c, "SET @a = ?, @b = ?"), "PREPARED 2 params:?,? columns:");
            fk_on(w, -1, "SET @", "OK 0", -1);
            assert_lacks(fk_execute(c, 2, "i:5,s:it's"), "BAD");
            assert_has(fk_prepare(c, "COMMIT"), "PREPARED 3 params: columns:");
            assert_text(fk_execute(c, 3, ""), "OK 0");
            assert_has(fk_prepare(c, "USE other"), "PREPARED");
            assert_text(fk_execute(c, 4, ""), "OK 0");
            assert_int_equal(str_eq(session_at(c)->f.schema->name, STR("other")), 1);
            assert_has(fk_prepare(c, "SHOW WARNINGS"), "columns:Level,Code,Message");
            fk_on(w, -1, "QUERY SELECT", "ERR 1105 HY000 not now", -1);
            assert_has(fk_execute(c, 5, ""), "ROWS Level,Code,Message");
            fk_leave(c);
            fk_free(w);
        }
    }
}

/* ---- in SQL ---- */

static void in_sql(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_has(fk_query(c, "EXECUTE s"), "ERR 1243 HY000 Unknown prepared statement handler (s) given to EXECUTE");
    assert_has(fk_query(c, "DEALLOCATE PREPARE s"), "ERR 1243 HY000 Unknown prepared statement handler (s) given to DEALLOCATE PREPARE");
    assert_text(fk_query(c, "PREPARE s FROM 'SELECT v FROM orders WHERE id = ? AND t = ?'"), "OK 0 info:Statement prepared");
    fk_on(w, -1, "HEX(@`a`)", "ROWS @a:8,h,c,n,x:8,y:8|6,6,binary,a,0,0", -1);
    fk_query(c, "SET @a = 6");
    fk_seen(w);
    assert_text(fk_query(c, "EXECUTE s USING @a, 'x'"), "ROWS v|1 END");
    assert_has(fk_seen(w), "QUERY SELECT v FROM orders_0 AS orders WHERE id = 6 AND t = 'x'");
    assert_has(fk_query(c, "EXECUTE s USING @a"), "ERR 1210 HY000 Incorrect arguments to EXECUTE");
    assert_has(fk_query(c, "EXECUTE S USING @a, @nothing"), "ROWS v"); /* names without case; an unset variable is NULL */
    assert_has(fk_query(c, "EXECUTE s USING @a, CONCAT('a')"), "ERR 1235");
    fk_query(c, "USE other");
    assert_has(fk_query(c, "EXECUTE s USING @a, 'x'"), "prepared in schema 'shop'");
    fk_query(c, "USE shop");
    fk_on(w, -1, "PREPARE SELEC nothing", "ERR 1064 42000 You have an error", -1);
    assert_has(fk_query(c, "PREPARE s FROM 'SELEC nothing'"), "ERR 1064 42000 You have an error");
    assert_has(fk_query(c, "EXECUTE s USING @a, 'x'"), "ERR 1243"); /* gone, though the new text was wrong */
    assert_text(fk_query(c, "PREPARE `select` FROM 'SELECT v FROM notes LIMIT ?'"), "OK 0 info:Statement prepared");
    assert_text(fk_query(c, "EXECUTE `select` USING 3"), "ROWS v|1 END");
    assert_text(fk_query(c, "DROP PREPARE `select`"), "OK 0");
    fk_query(c, "PREPARE a FROM 'SELECT 1'; PREPARE b FROM 'SELECT 2'; EXECUTE a; EXECUTE b");
    fk_forget(c);
    assert_has(fk_query(c, "EXECUTE b"), "ROWS v|1 END");
    /* Other rules: planned anew. */
    fk_query(c, "PREPARE s FROM 'SELECT v FROM orders WHERE id = ?'");
    fk_install(w, FK_YAML(", transactions: best_effort"));
    assert_text(fk_query(c, "EXECUTE s USING 1"), "ROWS v|1 END");
    fk_install(w, "weir: {listen: 127.0.0.1:4406}\nusers: {app: {password: secret}}\nsources:\n  s0: {address: 127.0.0.1:4411, user: weir, password: weir}\nschemas:\n  shop: {default_source: s0}\n");
    assert_text(fk_query(c, "EXECUTE s USING 1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* A system schema as the default one, for prepared statements as for others. */
static void in_a_system_schema(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "USE mysql"), "OK 0");
    fk_seen(w);
    const char *direct = fk_query(c, "SELECT * FROM help_topic WHERE help_topic_id = 1");
    assert_has(direct, "ROWS");
    const char *seen = fk_seen(w);
    assert_has(seen, "INIT_DB mysql");
    assert_has(fk_prepare(c, "SELECT * FROM help_topic WHERE help_topic_id = ?"), "PREPARED 1");
    assert_has(fk_execute(c, 1, "i:1"), "ROWS");
    assert_lacks(fk_seen(w), "INIT_DB shop");
    assert_has(fk_query(c, "PREPARE s FROM 'SELECT * FROM help_topic'"), "OK 0");
    assert_has(fk_query(c, "EXECUTE s"), "ROWS");
    fk_leave(c);
    fk_free(w);
}

/* ---- the order of things ---- */

/* Commands that come together are answered in their order. */
static void pipelined(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 5; chunk++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_prepare(c, POINT);
        w->chunk = chunk;
        for (int i = 0; i < 5; i++) {
            fk_long_data(c, 1, 0, "1", 1);
            fk_ask_execute(c, 1, 0, "L");
            fk_ask_execute(c, 1, 0, "i:2");
        }
        fk_run(w);
        uint8_t seq, last;
        struct fb p = {0};
        int packets = 0, first = 0;
        while (fb_next(&c->l->got, &c->l->read, &seq, &last, &p)) {
            packets++;
            first += seq == 1;
        }
        assert_int_equal(first, 10);
        assert_int_equal(packets, 40);
        fb_free(&p);
        fk_leave(c);
        fk_free(w);
    }
}

static void change_of_user(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_prepare(c, POINT);
    fk_open(c, 1, "i:1");
    fk_query(c, "PREPARE s FROM 'SELECT 1'");
    assert_text(fk_do(c, WIRE_COM_RESET_CONNECTION, "", 0), "OK 0");
    assert_has(fk_execute(c, 1, "i:1"), "ERR 1243");
    assert_has(fk_query(c, "EXECUTE s"), "ERR 1243");
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    fk_leave(c);
    fk_free(w);
}

static void rights(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(c, "few", "secret", "shop"), "OK 0");
    assert_has(fk_prepare(c, "SELECT * FROM other.t WHERE id = ?"), "ERR 1044 42000 Access denied");
    assert_has(fk_query(c, "PREPARE s FROM 'SELECT * FROM other.t'"), "ERR 1044 42000 Access denied");
    assert_has(fk_prepare(c, POINT), "PREPARED");
    assert_has(fk_execute(c, c->prepared, "i:1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* The text that a PREPARE of Weir's own asks: killed, or its client gone, while it waits for nobody. */
static void waits_for_the_list(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        static const char text[] = "SELECT * FROM information_schema.TABLES WHERE TABLE_NAME = ?";
        fk_query(c, "SELECT v FROM orders");
        w->src[0].hold = w->src[1].hold = true;
        fk_command_bytes(c, WIRE_COM_STMT_PREPARE, text, sizeof text - 1);
        fk_run(w);
        if (how && session_at(c)) session_kill(session_at(c), false);
        fk_run(w);
        if (!how) fk_leave(c), c = NULL;
        w->src[0].hold = w->src[1].hold = false;
        fk_run(w);
        if (c) {
            fk_forget(c);
            assert_has(fk_prepare(c, POINT), "PREPARED");
            fk_leave(c);
        }
        fk_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_rise),
        cmocka_unit_test(the_last_prepared),
        cmocka_unit_test(caps),
        cmocka_unit_test(long_data),
        cmocka_unit_test(malformed_commands),
        cmocka_unit_test(answered_by_weir),
        cmocka_unit_test(in_sql),
        cmocka_unit_test(in_a_system_schema),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(change_of_user),
        cmocka_unit_test(rights),
        cmocka_unit_test(waits_for_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
