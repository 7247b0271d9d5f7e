/*
 * test_edit.c - splicing edits into a statement's own bytes, and writing names and strings.
 */
#include "parser/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const struct sql_options maria = {.mariadb = true};

enum { MAX_EDITS = 4 };
struct edit_case {
    const char *text;
    struct {
        uint32_t first, end;
        const char *text;
    } edits[MAX_EDITS];
    const char *wanted;
};

static const struct edit_case cases[] = {
    {"select a from t where id=1", {{0}}, "select a from t where id=1"},
    {"select a from t where id=1", {{3, 4, "`shop_0`.`t_3`"}}, "select a from `shop_0`.`t_3` where id=1"},
    {"select /* c */ a  from\tt -- x\n where 1 -- y",
     {{3, 4, "u"}},
     "select /* c */ a  from\tu -- x\n where 1 -- y"},
    /* the comment at the end is not written into */
    {"select a from t -- y", {{4, 4, "limit 5"}}, "select a from t limit 5 -- y"},
    {"select a from t", {{2, 2, ", b"}}, "select a , b from t"},
    {"select a from t", {{1, 1, "distinct"}}, "select distinct a from t"},
    {"select'a'from t", {{1, 2, "1"}}, "select 1 from t"},
    {"select a-b", {{3, 4, "-1"}}, "select a- -1"}, /* no comment is made */
    {"select a from t limit 5", {{4, 6, "limit 10"}}, "select a from t limit 10"},
    {"select a from t limit 5", {{4, 6, ""}}, "select a from t "},
    {"insert into t values (1),(2),(3)", {{2, 3, "t0"}, {7, 11, ""}}, "insert into t0 values (1),(3)"},
    {"update t set a=1", {{1, 2, "x"}, {6, 6, "where"}, {6, 6, "id=1"}}, "update x set a=1 where id=1"},
    /* one end of a versioned comment goes, the other is completed */
    {"select a /*!50000 , b */ from t", {{1, 3, "x"}}, "select x /*!  b */ from t"},
    {"select a /*!50000 , b */ from t", {{3, 5, "x"}}, "select a /*!50000 , x */ t"},
    {"select a /*!50000 , b */ from t", {{1, 5, "x from"}}, "select x from t"},
    {"select a /*!50000 , b */ from t", {{3, 4, "c"}}, "select a /*!50000 , c */ from t"},
    {"select /*!50000 a */ from t /*!50000 where 1 */",
     {{6, 6, "limit 1"}},
     "select /*!50000 a */ from t /*!50000 where 1 limit 1 */"},
    {"", {{0, 0, "select 1"}}, "select 1"},
};

static void test_render(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct edit_case *c = &cases[i];
        struct sql_scan s = {0};
        struct sql_edit edits[MAX_EDITS];
        struct buf out = {0};
        uint32_t n = 0;
        assert_int_equal(sql_scan(&s, c->text, strlen(c->text), 0, &maria), SQL_OK);
        for (; n < MAX_EDITS && c->edits[n].text; n++)
            edits[n] = (struct sql_edit){{c->edits[n].first, c->edits[n].end}, str_of(c->edits[n].text)};
        sql_render(&s, edits, n, &out);
        assert_false(out.failed);
        buf_put_u8(&out, 0);
        assert_string_equal(out.data, c->wanted);
        buf_release(&out);
        sql_scan_release(&s);
    }
}

/* The second statement of a text is rendered without the first. */
static void test_second_statement(void **state)
{
    (void)state;
    const char *text = "select 1; select a from t; select 3";
    struct sql_scan s = {0};
    struct buf out = {0};
    assert_int_equal(sql_scan(&s, text, strlen(text), 9, &maria), SQL_OK);
    sql_render(&s, NULL, 0, &out);
    assert_int_equal(out.len, s.len);
    assert_memory_equal(out.data, " select a from t", out.len);
    buf_release(&out);
    sql_scan_release(&s);
}

static void check_range(const char *text, uint32_t first, uint32_t end, const struct sql_edit *e, uint32_t n,
                        const char *wanted)
{
    struct sql_scan s = {0};
    struct buf out = {0};
    assert_int_equal(sql_scan(&s, text, strlen(text), 0, &maria), SQL_OK);
    sql_render_range(&s, (struct sql_span){first, end}, e, n, &out);
    buf_put_u8(&out, 0);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
    sql_scan_release(&s);
}

static void test_range(void **state)
{
    (void)state;
    const char *text = "select a from (select b  /* c */ from t) x";
    check_range(text, 4, 8, NULL, 0, "select b  /* c */ from t");
    struct sql_edit e[] = {{{5, 6}, STR("d")}, {{8, 8}, STR("where 1")}};
    check_range(text, 4, 8, e, 2, "select d  /* c */ from t where 1");
    check_range(text, 4, 4, e, 1, "d");
    /* a range that cuts a versioned comment is made whole */
    check_range("select a /*!50000 , b from */ t", 2, 4, NULL, 0, "/*! , b */");
    check_range("select a /*!50000 , b from */ t", 4, 6, NULL, 0, "/*! from */ t");
}

/* What is written between the tokens survives for each token replaced by itself. */
static void test_identity_of_self_edits(void **state)
{
    (void)state;
    const char *text = "SELECT a,`b c`/*x*/ ,'d' 'e' -- f\n FROM t1 AS u WHERE a-1>=-2 AND @v:=3 /* z */";
    struct sql_scan s = {0};
    assert_int_equal(sql_scan(&s, text, strlen(text), 0, &maria), SQL_OK);
    for (uint32_t i = 0; i < s.ntoks; i++) {
        for (uint32_t j = i + 1; j <= s.ntoks; j++) {
            const struct sql_tok *a = &s.toks[i], *b = &s.toks[j - 1];
            struct sql_edit e = {{i, j}, {s.text + a->off, b->off + b->len - a->off}};
            struct buf out = {0};
            sql_render(&s, &e, 1, &out);
            struct sql_scan again = {0}; /* blanks may have been added, tokens never */
            assert_int_equal(sql_scan(&again, out.data, out.len, 0, &maria), SQL_OK);
            assert_true(str_eq(buf_str(&s.key), buf_str(&again.key)));
            sql_scan_release(&again);
            buf_release(&out);
        }
    }
    sql_scan_release(&s);
}

static void test_put_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool force;
        const char *wanted;
    } names[] = {
        {"abc", false, "abc"},     {"abc", true, "`abc`"},      {"select", false, "`select`"},
        {"rank", false, "`rank`"}, {"a`b", false, "`a``b`"},    {"", false, "``"},
        {"1a", false, "`1a`"},     {"a-b", false, "`a-b`"},     {"\xc3\xa4", false, "`\xc3\xa4`"},
        {"``", true, "``````"},    {"status", false, "status"}, {"a b", false, "`a b`"},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct buf out = {0};
        sql_put_name(&out, str_of(names[i].name), names[i].force);
        buf_put_u8(&out, 0);
        assert_string_equal(out.data, names[i].wanted);
        buf_release(&out);
    }
}

/* What is written reads back as the same bytes, whatever the mode and character set. */
static void test_put_string(void **state)
{
    (void)state;
    static const struct str texts[] = {
        {"abc", 3},  {"it's", 4}, {"a\\b", 3}, {"\\", 1},       {"'", 1},
        {"a\0b", 3}, {"", 0},     {"x\ny", 3}, {"\xbf\x5c", 2}, {"\x83\x5c'", 3},
    };
    for (int trail = SQL_TRAIL_NONE; trail <= SQL_TRAIL_GB18030; trail++) {
        for (int plain = 0; plain < 2; plain++) {
            struct sql_options opt = {
                .mariadb = true, .trail = (uint8_t)trail, .no_backslash_escapes = plain};
            for (size_t i = 0; i < COUNT_OF(texts); i++) {
                struct buf out = {0};
                struct sql_scan s = {0};
                struct arena a;
                arena_init(&a, 0);
                sql_put_string(&out, texts[i], &opt);
                assert_int_equal(sql_scan(&s, out.data, out.len, 0, &opt), SQL_OK);
                assert_int_equal(s.ntoks, 1);
                assert_int_equal(s.toks[0].kind, SQL_T_STRING);
                struct str back = sql_text(&s, 0, &a);
                assert_true(str_eq(back, texts[i]));
                arena_release(&a);
                sql_scan_release(&s);
                buf_release(&out);
            }
        }
    }
}

static void test_digest(void **state)
{
    (void)state;
    static const char *const digests[][2] = {
        {"select * from T where id in (1,2,3) and x='a'", "SELECT * FROM T WHERE id IN (...) AND x = ?"},
        {"insert into t(a,b) values (1,'x'),(2,'y'),(3,null)", "INSERT INTO t(a, b) VALUES (...)"},
        {"insert into t values (1,now()),(2,now())", "INSERT INTO t VALUES (?, now()), (?, now())"},
        {"select a.b , `c` from d.`e` limit 5, 10 -- x", "SELECT a.b, `c` FROM d.`e` LIMIT ?, ?"},
        {"select @@session.x, @y, -1, count(*)", "SELECT @@session.x, @y, - ?, count(*)"},
        {"select x in (-1, +2, _utf8'a')", "SELECT x IN (...)"},
        {"select f()", "SELECT f()"},
        {"select (1)", "SELECT (...)"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(digests); i++) {
        struct sql_scan s = {0};
        struct buf out = {0};
        assert_int_equal(sql_scan(&s, digests[i][0], strlen(digests[i][0]), 0, &maria), SQL_OK);
        sql_digest(&s, &out);
        buf_put_u8(&out, 0);
        assert_string_equal(out.data, digests[i][1]);
        buf_release(&out);
        sql_scan_release(&s);
    }
}

static void test_bind_params(void **state)
{
    (void)state;
    static const struct {
        const char *text, *literals[3], *wanted;
    } binds[] = {
        {"set @a = ?, @b = ?", {"1", "'it\\'s'"}, "set @a = 1, @b = 'it\\'s'"},
        {"select 5-?", {"-1"}, "select 5- -1"},
        {"select 1 from t where a=? and b in(?,?)", {"'x'", "-2", "NULL"}, "select 1 from t where a='x' and b in(-2,NULL)"},
        {"select?from t", {"'x'"}, "select 'x' from t"},
        {"select '?' /* ? */, `?`, ? -- ?", {"7"}, "select '?' /* ? */, `?`, 7 -- ?"},
        {"select 1", {NULL}, "select 1"},
    };
    for (size_t i = 0; i < COUNT_OF(binds); i++) {
        struct sql_scan s = {0};
        struct buf out = {0};
        struct str literals[4];
        uint32_t n = 0;
        for (; n < 3 && binds[i].literals[n]; n++) literals[n] = str_of(binds[i].literals[n]);
        assert_int_equal(sql_scan(&s, binds[i].text, strlen(binds[i].text), 0, &maria), SQL_OK);
        assert_int_equal(sql_bind_params(&s, literals, n, &out), SQL_OK);
        buf_put_u8(&out, 0);
        assert_string_equal(out.data, binds[i].wanted);
        literals[n] = STR("1");
        assert_int_equal(sql_bind_params(&s, literals, n + 1, &out), SQL_ERROR);
        buf_release(&out);
        sql_scan_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),   cmocka_unit_test(test_second_statement),
        cmocka_unit_test(test_range),    cmocka_unit_test(test_identity_of_self_edits),
        cmocka_unit_test(test_put_name), cmocka_unit_test(test_put_string),
        cmocka_unit_test(test_digest),   cmocka_unit_test(test_bind_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
