/* test_session_many.c - several statements in one command: one stream of packets whose numbers go on, with
 * MORE_RESULTS in all results but the last. */
#include "fake_client.h"

static const struct {
    const char *text, *reply;
} cases[] = {
    {"SELECT 1; SELECT 2", "ROWS v|1 END M ;; ROWS v|1 END"},
    {"SELECT 1;", "ROWS v|1 END"},
    {"SELECT 1; ", "ROWS v|1 END"},
    {"SELECT 1; -- the end", "ROWS v|1 END"},
    {"SELECT 1; UPDATE orders SET v = 1; SELECT v FROM orders; SELECT 2",
     "ROWS v|1 END M ;; OK 4 M ;; ROWS v|1|1|1|1 END M ;; ROWS v|1 END"},
    {"UPDATE orders SET v = 1 WHERE id = 1; UPDATE orders SET v = 1 WHERE id = 2", "OK 1 M ;; OK 1"},
    {"BEGIN; UPDATE orders SET v = 1 WHERE id = 1; COMMIT; SELECT v FROM orders WHERE id = 1",
     "OK 0 T M ;; OK 1 T M ;; OK 0 M ;; ROWS v|1 END"},
    {"SET @a = 1; SET sql_mode = 'ANSI'; USE other; USE shop; SELECT 1",
     "OK 0 M ;; OK 0 M ;; OK 0 M ;; OK 0 M ;; ROWS v|1 END"},
    {"SHOW WARNINGS; SELECT 1", "ROWS Level,Code,Message END M ;; ROWS v|1 END"},
    {"SELECT 1; SHOW TABLES; SHOW WARNINGS",
     "ROWS v|1 END M ;; ROWS v|1 END M ;; ROWS Level,Code,Message END"},
    {"INSERT INTO tickets (v) VALUES (1); INSERT INTO tickets (v) VALUES (1)",
     "OK 1 id=1000 M ;; OK 1 id=1001"},
    {"ALTER TABLE orders ADD x INT; SELECT 1", "OK 0 M ;; ROWS v|1 END"},
    {"SELECT 1; SELECT bad FROM notes; SELECT 2", "ROWS v|1 END M ;; ERR 1054 42S22 Unknown column 'bad'"},
    {"SELECT 1; SELECT FROM orders WHERE; SELECT 2", "ROWS v|1 END M ;; ERR 1064 42000 "},
    {"USE nosuch; SELECT 2", "ERR 1049 42000 Unknown database 'nosuch'"},
    {"UPDATE orders SET bad = 1; SELECT 2", "ERR 1054 42S22 Unknown column 'bad'"},
    {"SELECT ';' ; SELECT '\\';'", "ROWS v|1 END M ;; ROWS v|1 END"},
};

static void results_in_a_row(void **state)
{
    (void)state;
    static const size_t chunks[] = {0, 1, 3, 11};
    for (size_t k = 0; k < COUNT_OF(chunks); k++) {
        for (int old = 0; old < 2; old++) {
            for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct fk *w = fk_new(NULL);
                struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
                w->chunk = chunks[k];
                fk_on(w, -1, "bad", "ERR 1054 42S22 Unknown column 'bad'", -1);
                const char *r = fk_query(c, cases[i].text);
                if (strncmp(r, cases[i].reply, strlen(cases[i].reply)) != 0)
                    FK_FAIL("%s (old %d, chunk %zu)\n  got  %s\n  want %s", cases[i].text, old, chunks[k], r,
                            cases[i].reply);
                assert_text(fk_query(c, "SELECT 3"), "ROWS v|1 END"); /* nothing of it is left */
                fk_leave(c);
                fk_free(w);
            }
        }
    }
}

static void only_when_agreed(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_caps(w, FK_CAPS & ~(unsigned)WIRE_CAP_MULTI_STATEMENTS);
    assert_has(fk_query(c, "SELECT 1; SELECT 2"), "ERR 1064 42000 You have an error in your SQL syntax;");
    assert_text(fk_query(c, "SELECT 1;"), "ROWS v|1 END");
    assert_text(fk_do(c, WIRE_COM_SET_OPTION, "\0\0", 2), " END");
    assert_text(fk_query(c, "SELECT 1; SELECT 2"), "ROWS v|1 END M ;; ROWS v|1 END");
    assert_text(fk_do(c, WIRE_COM_SET_OPTION, "\1\0", 2), " END");
    assert_has(fk_query(c, "SELECT 1; SELECT 2"), "ERR 1064");
    fk_leave(c);
    fk_free(w);
}

/* Two thousand of them, answered at once or later, do not use up the stack. */
static void a_long_row(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    struct fb text = {0};
    for (int i = 0; i < 2000; i++) fb_z(&text, "BEGIN;COMMIT;");
    for (int i = 0; i < 500; i++) fb_z(&text, "SELECT 1;");
    const char *r = fk_do(c, WIRE_COM_QUERY, text.p, text.n);
    assert_lacks(r, "BAD");
    size_t results = 1;
    for (const char *p = r; (p = strstr(p, " ;; ")); p++) results++;
    assert_int_equal(results, 4500);
    fb_free(&text);
    fk_leave(c);
    fk_free(w);
}

/* A server's own several results (CALL): passed through, alone and among others. */
static void results_of_a_call(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        fk_on(w, -1, "CALL", "ROWS a:3|1|2 ;; ROWS b:3|3 ;; OK 0", -1);
        w->chunk = chunk;
        assert_text(fk_query(c, "CALL p()"), "ROWS a|1|2 END M ;; ROWS b|3 END M ;; OK 0");
        assert_text(fk_query(c, "SELECT 1; CALL p(); SELECT 2"),
                    "ROWS v|1 END M ;; ROWS a|1|2 END M ;; ROWS b|3 END M ;; OK 0 M ;; ROWS v|1 END");
        fk_on(w, -1, "CALL", "ROWS a:3|1|2 ;; ERR 1644 45000 no", -1);
        assert_text(fk_query(c, "CALL p()"), "ROWS a|1|2 END M ;; ERR 1644 45000 no");
        assert_text(fk_query(c, "CALL p(); SELECT 2"), "ROWS a|1|2 END M ;; ERR 1644 45000 no");
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
}

static void the_client_vanishes_between_two(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    fk_query(c, "SELECT 1");
    w->src[1].hold = true;
    fk_query(c, "SELECT 1; SELECT * FROM notes; UPDATE orders SET v = 1");
    fk_leave(c);
    w->src[1].hold = false;
    fk_run(w);
    assert_int_equal(w->src[0].committed + w->src[1].committed, 0);
    fk_free(w);
}

/* Sixteen million results are numbered modulo 256; three hundred show it. */
static void numbers_wrap(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
        fk_on(w, -1, "notes", "MANY 300 3", -1);
        const char *r = fk_query(c, "SELECT * FROM notes; SELECT v FROM orders; SELECT * FROM notes");
        assert_lacks(r, "BAD");
        size_t rows = 0;
        for (const char *p = r; (p = strstr(p, "|xxx")); p++) rows++;
        assert_int_equal(rows, 600);
        fk_leave(c);
        fk_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_in_a_row),
        cmocka_unit_test(only_when_agreed),
        cmocka_unit_test(a_long_row),
        cmocka_unit_test(results_of_a_call),
        cmocka_unit_test(the_client_vanishes_between_two),
        cmocka_unit_test(numbers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
