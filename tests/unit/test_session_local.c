/*
 * test_session_local.c - what the session answers or decides itself: which schemas a user may touch,
 * databases that a server does not have, CREATE DATABASE, locks, SHOW, and what is refused.
 */
#include "fake_client.h"

static struct fk_client *few(struct fk *w)
{
    struct fk_client *c = fk_client_new(w, FK_CAPS);
    assert_text(fk_login(c, "few", "secret", "shop"), "OK 0");
    return c;
}

/* User `few` may use `shop` only: nothing that names another schema reaches a server, whatever the form. */
static void other_schemas_are_closed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT * FROM other.t",
        "SELECT * FROM `other`.`t`",
        "SELECT * FROM other . t",
        "SELECT other.t.id FROM other.t",
        "SELECT (SELECT 1 FROM other.t)",
        "SELECT * FROM notes WHERE id IN (SELECT id FROM other.t)",
        "SELECT * FROM notes JOIN other.t ON notes.id = t.id",
        "SELECT * FROM (SELECT * FROM other.t) x",
        "WITH x AS (SELECT * FROM other.t) SELECT * FROM x",
        "SELECT 1 UNION SELECT id FROM other.t",
        "INSERT INTO other.t (id) VALUES (1)",
        "INSERT INTO notes SELECT * FROM other.t",
        "REPLACE INTO other.t (id) VALUES (1)",
        "UPDATE other.t SET id = 1",
        "UPDATE notes, other.t SET notes.v = t.v WHERE notes.id = t.id",
        "DELETE FROM other.t",
        "DELETE notes FROM notes JOIN other.t ON notes.id = t.id",
        "TRUNCATE TABLE other.t",
        "CREATE TABLE other.t (id INT)",
        "CREATE TABLE plain2 LIKE other.t",
        "CREATE TABLE plain2 SELECT * FROM other.t",
        "CREATE VIEW v AS SELECT * FROM other.t",
        "CREATE VIEW other.v AS SELECT 1",
        "CREATE TRIGGER g BEFORE INSERT ON plain FOR EACH ROW INSERT INTO other.t VALUES (1)",
        "ALTER TABLE other.t ADD x INT",
        "DROP TABLE other.t",
        "DROP TABLE plain, other.t",
        "RENAME TABLE plain TO other.plain",
        "CREATE INDEX i ON other.t (id)",
        "DROP INDEX i ON other.t",
        "SHOW TABLES FROM other",
        "SHOW TABLES IN other",
        "SHOW COLUMNS FROM other.t",
        "SHOW COLUMNS FROM t FROM other",
        "SHOW INDEX FROM other.t",
        "SHOW INDEX FROM t FROM other",
        "SHOW CREATE TABLE other.t",
        "SHOW CREATE DATABASE other",
        "SHOW TABLE STATUS FROM other",
        "DESCRIBE other.t",
        "EXPLAIN SELECT * FROM other.t",
        "EXPLAIN other.t",
        "LOCK TABLES other.t READ",
        "CHECK TABLE other.t",
        "ANALYZE TABLE other.t",
        "OPTIMIZE TABLE other.t",
        "HANDLER other.t OPEN",
        "CALL other.p()",
        "SELECT other.f(1)",
        "DO other.f(1)",
        "SET @a = (SELECT 1 FROM other.t)",
        "SET sql_mode = (SELECT v FROM other.t)",
        "USE other",
        "CREATE DATABASE other",
        "DROP DATABASE other",
        "TABLE other.t",
        "LOAD DATA INFILE 'x' INTO TABLE other.t",
        "GRANT ALL ON other.* TO x",
        "EXPLAIN ROUTE SELECT * FROM other.t",
    };
    struct fb wrong = {0};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = few(w);
        const char *r = fk_query(c, texts[i]);
        const char *seen = fk_seen(w);
        if (strncmp(r, "ERR ", 4) != 0) fb_f(&wrong, "%s -> %.100s\n", texts[i], r);
        if (strstr(seen, "other"))
            fb_f(&wrong, "%s reaches a server: %.200s\n", texts[i], strstr(seen, "other"));
        fk_leave(c);
        fk_free(w);
    }
    assert_text(fb_text(&wrong), "");
    fb_free(&wrong);
}

/* The servers' own databases belong to no schema of the rules: an account of Weir is none of a server. */
static void system_databases_are_closed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT * FROM mysql.user",
        "UPDATE mysql.user SET v = 1",
        "SELECT * FROM elsewhere.t",
        "DROP DATABASE mysql",
        "SHOW TABLES FROM mysql",
        "CALL mysql.p()",
        "SELECT * FROM notes WHERE v IN (SELECT v FROM mysql.user)",
    };
    struct fb wrong = {0};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = few(w);
        const char *r = fk_query(c, texts[i]);
        if (strncmp(r, "ERR ", 4) != 0) fb_f(&wrong, "%s -> %.100s\n   %s", texts[i], r, fk_seen(w));
        fk_leave(c);
        fk_free(w);
    }
    assert_text(fb_text(&wrong), "");
    fb_free(&wrong);
}

static void the_own_schema_is_open(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT * FROM shop.notes", "SELECT * FROM notes other",   "SELECT other.v FROM notes AS other",
        "SELECT 'other.t'",         "UPDATE shop.notes SET v = 1", "SELECT v AS other FROM notes",
        "SHOW TABLES FROM shop",    "DESCRIBE shop.notes",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = few(w);
        const char *r = fk_query(c, texts[i]);
        if (strncmp(r, "ERR", 3) == 0) FK_FAIL("%s -> %s", texts[i], r);
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- databases that a server does not have ---- */

static void no_such_database_there(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w), *d = fk_client(w);
    fk_on(w, 0, "INIT_DB other", "ERR 1049 42000 Unknown database 'other'", -1);
    fk_query(d, "USE other");
    assert_text(fk_query(d, "SELECT v FROM shop.orders WHERE id = 0"),
                "ROWS v|1 END"); /* names are qualified: none is needed */
    const char *seen = fk_seen(w);
    assert_has(seen, "s0#1 INIT_DB other");
    assert_has(seen, "shop.orders_0");
    assert_text(fk_query(d, "SELECT v FROM shop.orders WHERE id = 0"), "ROWS v|1 END");
    assert_lacks(fk_seen(w), "INIT_DB"); /* known by now */
    assert_text(fk_query(c, "SELECT v FROM orders WHERE id = 0"), "ROWS v|1 END");
    assert_has(fk_seen(w), "INIT_DB shop");
    assert_text(fk_query(d, "SELECT v FROM shop.orders WHERE id = 0"),
                "ROWS v|1 END"); /* never with `shop` as its database */
    seen = fk_seen(w);
    assert_has(seen, "s0#2 ");
    assert_int_equal(w->src[0].connects, 2);
    assert_text(fk_query(d, "SELECT v FROM shop.orders"), "ROWS v|1|1|1|1 END");
    fk_leave(c);
    fk_leave(d);
    fk_free(w);
}

static void create_database(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "CREATE DATABASE IF NOT EXISTS shop"), "OK 1");
    const char *seen = fk_seen(w);
    assert_has(seen, "s0#1 QUERY CREATE DATABASE IF NOT EXISTS `shop`\n");
    assert_has(seen, "s1#2 QUERY CREATE DATABASE IF NOT EXISTS `shop`\n");
    assert_has(fk_query(c, "CREATE DATABASE mine"), "ERR 1235 42000 Weir: ");
    fk_on(w, 1, "CREATE DATABASE", "ERR 1044 42000 Access denied", -1);
    assert_has(fk_query(c, "CREATE DATABASE IF NOT EXISTS shop"), "ERR 1044 42000 Access denied");
    fk_leave(c);
    fk_free(w);
}

/* ---- locks ---- */

static void read_locks(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "LOCK TABLES orders READ, notes READ"), "OK 0");
    assert_text(fk_query(c, "SELECT v FROM orders WHERE id = 0"), "ROWS v|1 END");
    assert_has(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "ERR 1099 HY000 Table");
    assert_int_equal(w->src[0].committed, 0);
    assert_text(fk_query(c, "UNLOCK TABLES"), "OK 0");
    assert_text(fk_query(c, "UPDATE orders SET v = 1 WHERE id = 0"), "OK 1");
    assert_text(fk_query(c, "LOCK TABLES notes AS n READ"), "OK 0");
    fk_leave(c);
    assert_int_equal(w->e.realm->pools[0].nbusy + w->e.realm->pools[1].nbusy, 0);
    fk_free(w);
}

/* A held lock dies with its connection: the session learns of it. */
static void a_lost_lock(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        assert_text(fk_query(c, how ? "LOCK TABLES notes READ" : "LOCK TABLES notes WRITE"), "OK 0");
        for (struct list *n = w->links.next; n != &w->links; n = n->next) {
            struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
            if (k->server && k->source == 1) k->close_after = ECONNRESET;
        }
        fk_run(w);
        assert_has(fk_query(c, "SELECT * FROM notes"), "ERR ");
        assert_text(fk_query(c, "SELECT * FROM notes"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- answers of its own ---- */

static void refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "EXECUTE s",
        "DEALLOCATE PREPARE s",
        "XA START 'x'",
        "LOAD DATA INFILE 'x' INTO TABLE notes",
        "DROP DATABASE shop",
        "SHOW WEIR nothing",
        "KILL nobody",
    };
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *r = fk_query(c, texts[i]);
        if (strncmp(r, "ERR ", 4) != 0) FK_FAIL("%s -> %s", texts[i], r);
    }
    assert_int_equal(w->src[0].connects + w->src[1].connects, 0);
    assert_true(w->e.count.statements_refused >= 5);
    fk_leave(c);
    fk_free(w);
}

static void shows(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"SHOW WEIR STATUS", "|statements,"},
        {"SHOW WEIR SOURCES", "|s0,"},
        {"SHOW WEIR SEQUENCES", "|tickets,"},
        {"SHOW WEIR RULES", "orders"},
        {"EXPLAIN ROUTE SELECT v FROM orders WHERE id = 2", "s1"},
        {"EXPLAIN ROUTE SELECT v FROM orders", "scatter"},
        {"EXPLAIN ROUTE UPDATE orders SET v = 1", "orders_0"},
        {"SHOW GRANTS", "GRANT"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (int old = 0; old < 2; old++) {
            struct fk *w = fk_new(NULL);
            struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
            const char *r = fk_query(c, texts[i][0]);
            if (strncmp(r, "ROWS ", 5) != 0 || !strstr(r, texts[i][1])) FK_FAIL("%s -> %s", texts[i][0], r);
            assert_int_equal(w->src[0].connects + w->src[1].connects, 0);
            fk_leave(c);
            fk_free(w);
        }
    }
}

/* Lists go through a server, so that LIKE and WHERE mean what they mean there; and only of what the user may
 * see. */
static void lists(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = few(w);
    assert_text(fk_query(c, "SHOW DATABASES LIKE 's%'"), "ROWS v|1 END");
    const char *seen = fk_seen(w);
    assert_has(seen, "'shop'");
    assert_has(seen, "LIKE 's%'");
    assert_lacks(seen, "'other'");
    assert_has(fk_query(c, "SHOW TABLES FROM nosuch"), "ERR 1049 42000 Unknown database 'nosuch'");
    fk_query(c, "SHOW TABLES LIKE 'o%'");
    seen = fk_seen(w);
    assert_has(seen, "'orders'");
    assert_has(seen, "LIKE 'o%'");
    fk_leave(c);
    fk_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_schemas_are_closed),
        cmocka_unit_test(system_databases_are_closed),
        cmocka_unit_test(the_own_schema_is_open),
        cmocka_unit_test(no_such_database_there),
        cmocka_unit_test(create_database),
        cmocka_unit_test(read_locks),
        cmocka_unit_test(a_lost_lock),
        cmocka_unit_test(refused),
        cmocka_unit_test(shows),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
