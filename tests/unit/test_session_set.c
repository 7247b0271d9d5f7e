/* test_session_set.c - SET: evaluated by a server, validated by a server, and all of it or none of it. */
#include "fake_client.h"

static struct session *session_at(struct fk_client *c)
{
    return c->l->link.owner;
}

static const char *setting(struct fk_client *c, const char *name)
{
    static char text[128];
    struct str v = settings_get(session_at(c)->f.settings, str_of(name));
    snprintf(text, sizeof text, "%.*s", v.ptr ? (int)v.len : 7, v.ptr ? v.ptr : "DEFAULT");
    return text;
}

static void values(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"SET sql_mode = 'ANSI'", "sql_mode", "'ANSI'"},
        {"SET SESSION sql_mode = 'ANSI'", "sql_mode", "'ANSI'"},
        {"SET @@sql_mode = 'ANSI'", "sql_mode", "'ANSI'"},
        {"SET @@session.SQL_Mode := 'ANSI'", "sql_mode", "'ANSI'"},
        {"SET LOCAL sql_mode = ANSI", "sql_mode", "'ANSI'"},
        {"SET sql_mode = DEFAULT", "sql_mode", "DEFAULT"},
        {"SET sql_mode = ''", "sql_mode", "''"},
        {"SET lock_wait_timeout = 5", "lock_wait_timeout", "5"},
        {"SET lock_wait_timeout = -5", "lock_wait_timeout", "-5"},
        {"SET lock_wait_timeout = (5)", "lock_wait_timeout", "5"},
        {"SET sql_safe_updates = ON", "sql_safe_updates", "'ON'"},
        {"SET sql_safe_updates = TRUE", "sql_safe_updates", "1"},
        {"SET tx_isolation = 'READ-COMMITTED'", "transaction_isolation", "'READ-COMMITTED'"},
        {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "transaction_isolation",
         "'READ-COMMITTED'"},
        {"SET SESSION TRANSACTION READ ONLY", "transaction_read_only", "1"},
        {"SET NAMES latin1", "character_set_client", "'latin1'"},
        {"SET NAMES 'utf8'", "character_set_results", "'utf8mb3'"},
        {"SET NAMES utf8mb4 COLLATE utf8mb4_bin", "collation_connection", "'utf8mb4_bin'"},
        {"SET NAMES DEFAULT", "character_set_client", "'utf8mb4'"},
        {"SET CHARACTER SET latin1", "character_set_client", "'latin1'"},
        {"SET time_zone = 'it''s'", "time_zone", "'it\\'s'"},
    };
    struct fb wrong = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        const char *r = fk_query(c, cases[i][0]);
        const char *got = setting(c, cases[i][1]);
        bool quotes = strstr(cases[i][2], "\\'") != NULL; /* either form of a quote in a string */
        if (strcmp(r, "OK 0") != 0 ||
            (strcmp(got, cases[i][2]) != 0 && !(quotes && strcmp(got, "'it''s'") == 0)))
            fb_f(&wrong, "%s -> %s, %s\n", cases[i][0], r, got);
        fk_leave(c);
        fk_free(w);
    }
    assert_text(fb_text(&wrong), "");
    fb_free(&wrong);
}

static void refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"SET GLOBAL max_connections = 5", "ERR 1235"},
        {"SET PERSIST max_connections = 5", "ERR 1235"},
        {"SET @@global.max_connections = 5", "ERR 1235"},
        {"SET sql_log_bin = 0", "ERR 1235"},
        {"SET sql_select_limit = 5", "ERR 1235"},
        {"SET autocommit = 7", "ERR 1231"},
        {"SET NAMES klingon", "ERR 1115 42000 Unknown character set: 'klingon'"},
        {"SET NAMES latin1 COLLATE utf8mb4_bin",
         "ERR 1253 42000 COLLATION 'utf8mb4_bin' is not valid for CHARACTER SET 'latin1'"},
        {"SET NAMES latin1 COLLATE klingon_ci", "ERR 1273 HY000 Unknown collation: 'klingon_ci'"},
        {"SET PASSWORD = 'x'", "ERR 1235"},
        {"SET ROLE x", "ERR 1235"},
        {"SET sql_mode = 'ANSI', GLOBAL max_connections = 5", "ERR 1235"},
        {"SET sql_mode = 'ANSI', autocommit = 7", "ERR 1231"},
        {"SET autocommit = 0, NAMES klingon", "ERR "},
    };
    struct fb wrong = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        const char *r = fk_query(c, cases[i][0]);
        if (strncmp(r, cases[i][1], strlen(cases[i][1])) != 0) fb_f(&wrong, "%s -> %s\n", cases[i][0], r);
        if (strcmp(setting(c, "sql_mode"), "DEFAULT") != 0)
            fb_f(&wrong, "%s: a part of it was done\n", cases[i][0]);
        if (!(session_at(c)->f.status & WIRE_STATUS_AUTOCOMMIT))
            fb_f(&wrong, "%s: autocommit is off\n", cases[i][0]);
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
    assert_text(fb_text(&wrong), "");
    fb_free(&wrong);
}

/* A value that the server refuses: its own words, and the session is as before, autocommit too. */
static void the_server_refuses(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "SET time_zone = '+01:00'"), "OK 0");
    fk_on(w, -1, "Mars", "ERR 1298 HY000 Unknown or incorrect time zone: 'Mars'", -1);
    assert_text(fk_query(c, "SET sql_mode = 'ANSI', time_zone = 'Mars', autocommit = 0"),
                "ERR 1298 HY000 Unknown or incorrect time zone: 'Mars'");
    assert_text(setting(c, "time_zone"), "'+01:00'");
    assert_text(setting(c, "sql_mode"), "DEFAULT");
    assert_text(setting(c, "autocommit"), "DEFAULT");
    assert_false(session_at(c)->f.opt.ansi_quotes);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* In a transaction a refused SET changes nothing, and the transaction goes on. */
static void refused_in_a_transaction(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "Mars", "ERR 1298 HY000 Unknown or incorrect time zone: 'Mars'", -1);
    fk_query(c, "BEGIN");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "OK 1 T");
    assert_has(fk_query(c, "SET time_zone = 'Mars'"), "ERR 1298");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "OK 1 T");
    assert_text(fk_query(c, "COMMIT"), "OK 0");
    assert_int_equal(w->src[0].committed, 2);
    fk_leave(c);
    fk_free(w);
}

/* A set value reaches a held connection too. */
static void set_in_a_transaction(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "BEGIN");
    fk_query(c, "SELECT v FROM orders WHERE id = 2");
    assert_text(fk_query(c, "SET sql_mode = 'ANSI'"), "OK 0 T");
    fk_seen(w);
    assert_text(fk_query(c, "SELECT v FROM orders WHERE id = 2"), "ROWS v|1 END T");
    assert_has(fk_seen(w), "QUERY SET sql_mode='ANSI'\n");
    fk_query(c, "COMMIT");
    fk_leave(c);
    fk_free(w);
}

static void computed_values(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_on(w, -1, "QUERY SELECT (CONCAT", "ROWS x|ANSI", -1);
    assert_text(fk_query(c, "SET sql_mode = CONCAT('AN', 'SI')"), "OK 0");
    assert_text(setting(c, "sql_mode"), "'ANSI'");
    fk_on(w, -1, "QUERY SELECT (@@", "ROWS x:3|5", -1);
    assert_text(fk_query(c, "SET lock_wait_timeout = @@lock_wait_timeout + 1"), "OK 0");
    assert_text(setting(c, "lock_wait_timeout"), "5");
    fk_on(w, -1, "FROM notes", "ERR 1242 21000 Subquery returns more than 1 row", -1);
    assert_text(fk_query(c, "SET sql_mode = (SELECT t FROM notes)"),
                "ERR 1242 21000 Subquery returns more than 1 row");
    assert_text(setting(c, "sql_mode"), "'ANSI'");
    assert_has(fk_query(c, "SET sql_mode = (SELECT MAX(t) FROM orders)"), "ERR 1235");
    fk_leave(c);
    fk_free(w);
}

/* Each type of user variable comes back as a literal of the same type, value and collation. */
static void user_variables(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"ROWS @a:8,h,c,n,x:8,y:8|7,7,binary,a,0,0", "7", "an integer"},
        {"ROWS @a:246,h,c,n,x:8,y:8|1.50,312E3530,binary,a,0,0", "CAST('1.50' AS DECIMAL(65,2))",
         "a decimal"},
        {"ROWS @a:5,h,c,n,x:8,y:8|1.5,312E35,binary,a,0,0", "1.5e0", "a double"},
        {"ROWS @a:5,h,c,n,x:8,y:8|1e100,31,binary,a,0,0", "1e100", "a large double"},
        {"ROWS @a,h,c,n,x:8,y:8|abc,616263,utf8mb4_general_ci,a,0,0",
         "_utf8mb4 0x616263 COLLATE utf8mb4_general_ci", "a string"},
        {"ROWS @a,h,c,n,x:8,y:8|,,utf8mb4_general_ci,a,0,0", "_utf8mb4'' COLLATE utf8mb4_general_ci",
         "an empty string"},
        {"ROWS @a,h,c,n,x:8,y:8|abc,616263,binary,a,0,0", "_binary 0x616263", "bytes"},
        {"ROWS @a,h,c,n,x:8,y:8|NULL,NULL,binary,a,0,0", "NULL", "NULL"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_on(w, -1, "HEX(@`a`)", cases[i][0], -1);
        assert_text(fk_query(c, "SET @a = 1"), "OK 0");
        fk_seen(w);
        fk_query(c, "SELECT v FROM orders WHERE id = 2 AND v = @A");
        char want[128];
        snprintf(want, sizeof want, "QUERY SET @`A`=%s\n", cases[i][1]);
        assert_has(fk_seen(w), want);
        fk_leave(c);
        fk_free(w);
    }
}

/* A variable is of one session: the next one on the same connection does not see it. */
static void variables_are_not_handed_on(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *d = fk_client(w);
    fk_on(w, -1, "HEX(@`a`)", "ROWS @a:8,h,c,n,x:8,y:8|7,7,binary,a,0,0", 1);
    fk_query(c, "SET @a = 7");
    fk_seen(w);
    fk_query(d, "SELECT @a");
    assert_has(fk_seen(w), "QUERY SET @`a`=NULL\n");
    fk_leave(c);
    fk_leave(d);
    fk_free(w);
}

/* A session cannot fill the proxy's memory by values: there is a bound, and an error that says so. */
static void a_bound_for_user_variables(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    bool refused = false;
    size_t kib = 0;
    char hex[8001], answer[12200], text[64], match[32];
    memset(hex, '6', sizeof hex - 1);
    hex[sizeof hex - 1] = 0;
    for (int i = 0; !refused && kib < 64 << 10; i++, kib += 4) {
        snprintf(match, sizeof match, "HEX(@`a%d`)", i);
        snprintf(answer, sizeof answer, "ROWS @a,h,c,n,x:8,y:8|%.4000s,%s,binary,a%d,0,0", hex, hex, i);
        w->nrules = 0;
        fk_on(w, -1, match, answer, -1);
        snprintf(text, sizeof text, "SET @a%d = REPEAT('f', 4000)", i);
        refused = strncmp(fk_query(c, text), "ERR", 3) == 0;
        fb_clear(&w->log);
    }
    assert_true(refused);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

/* SET character_set_connection gives collation_connection the default of that character set. */
static void connection_character_set_alone(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "SET character_set_connection = latin1"), "OK 0");
    assert_lacks(setting(c, "collation_connection"), "utf8mb4");
    fk_query(c, "SET NAMES utf8mb4");
    assert_text(fk_query(c, "SET collation_connection = latin1_bin"), "OK 0");
    fk_seen(w);
    fk_query(c, "SELECT * FROM notes");
    const char *seen = fk_seen(w), *cs = strstr(seen, "character_set_connection='utf8mb4'"),
               *coll = strstr(seen, "collation_connection='latin1_bin'");
    assert_non_null(coll);
    assert_true(!cs || cs < coll);
    fk_leave(c);
    fk_free(w);
}

static void no_memory_for_autocommit(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 30; n++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_query(c, "SELECT v FROM orders WHERE id = 0");
        fk_fail_at(w, n);
        const char *r = fk_query(c, "SET autocommit = 0");
        fk_fail_at(w, 0);
        if (!c->l->closed) {
            bool off = strcmp(r, "OK 0 A-") == 0;
            assert_true(off || strncmp(r, "ERR", 3) == 0);
            fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0");
            assert_int_equal(w->src[0].committed, off ? 0 : 1);
        }
        fk_leave(c);
        fk_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refused),
        cmocka_unit_test(the_server_refuses),
        cmocka_unit_test(refused_in_a_transaction),
        cmocka_unit_test(set_in_a_transaction),
        cmocka_unit_test(computed_values),
        cmocka_unit_test(user_variables),
        cmocka_unit_test(variables_are_not_handed_on),
        cmocka_unit_test(a_bound_for_user_variables),
        cmocka_unit_test(connection_character_set_alone),
        cmocka_unit_test(no_memory_for_autocommit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
