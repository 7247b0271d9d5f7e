/*
 * test_scan.c - the token pass: kinds, places, keys, facts, literals, dialects.
 *
 * A token is written as kind letter and text: W word, K keyword, Q quoted, I int, D decimal, F float, S
 * string, N nstring, H hex, B bin, C charset, P param, U uservar, V @@, O operator, X bad; a leading + means
 * inside a versioned comment.
 */
#include "parser/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const struct sql_options maria = {.mariadb = true};
static const struct sql_options mysql = {.version = 80400};

static struct sql_scan scan_of(const char *text, const struct sql_options *opt)
{
    struct sql_scan s = {0};
    assert_int_equal(sql_scan(&s, text, strlen(text), 0, opt), SQL_OK);
    return s;
}

static void describe(const struct sql_scan *s, struct buf *out)
{
    static const char letters[] = "EWQIDFSNHBCPUVOX";
    for (uint32_t i = 0; i < s->ntoks; i++) {
        const struct sql_tok *t = &s->toks[i];
        if (i) buf_put_u8(out, ' ');
        if (t->flags & SQL_TF_VERSIONED) buf_put_u8(out, '+');
        buf_put_u8(out, (uint8_t)(t->kind == SQL_T_WORD && t->word ? 'K' : letters[t->kind]));
        buf_put_u8(out, ':');
        buf_put_str(out, sql_tok_str(s, i));
    }
    buf_put_u8(out, 0);
}

static void check(const char *text, const struct sql_options *opt, const char *wanted)
{
    struct sql_scan s = scan_of(text, opt);
    struct buf b = {0};
    describe(&s, &b);
    if (strcmp(b.data, wanted) != 0) print_error("for: %s\n", text);
    assert_string_equal(b.data, wanted);
    buf_release(&b);
    sql_scan_release(&s);
}

static void test_names_and_numbers(void **state)
{
    (void)state;
    check("SELECT a", &maria, "K:SELECT W:a");
    check("5DIV2", &maria, "W:5DIV2");
    check("4users 0X1F 0x1g 0x1f 0b12 0b10 0x 1e5x", &maria,
          "W:4users W:0X1F W:0x1g H:0x1f W:0b12 B:0b10 W:0x F:1e5 W:x");
    check("1 1.5 .5 1. 1e3 1.e3 .5e-2 1e+2 1e", &maria,
          "I:1 D:1.5 D:.5 D:1. F:1e3 F:1.e3 F:.5e-2 F:1e+2 W:1e");
    check("1.e", &maria, "X:1.e");
    check("t.1abc t.5 t.select select.t", &maria,
          "W:t O:. W:1abc W:t O:. W:5 W:t O:. W:select W:select O:. W:t");
    check("t . select t.*", &maria, "W:t O:. K:select W:t O:. O:*");
    check("a$b _x \xc3\xa4", &maria, "W:a$b W:_x W:\xc3\xa4");
    check("`a``b` `x y`", &maria, "Q:`a``b` Q:`x y`");
    check("\\N", &maria, "K:\\N");
    check("\\N", &mysql, "X:\\ W:N");
}

static void test_strings(void **state)
{
    (void)state;
    check("'a' 'b''c' 'd\\'e' \"f\"", &maria, "S:'a' S:'b''c' S:'d\\'e' S:\"f\"");
    check("N'x' n'y' x'0F' X'' b'01' B'1' nx", &maria, "N:N'x' N:n'y' H:x'0F' H:X'' B:b'01' B:B'1' W:nx");
    check("x'abc' b'2' 'open", &maria, "X:x'abc' X:b'2' X:'open");
    check("_utf8'x' _latin1 /* c */ x'41' _utf8 0x41 _foo 'x'", &maria,
          "C:_utf8 S:'x' C:_latin1 H:x'41' C:_utf8 H:0x41 W:_foo S:'x'");
    struct sql_options ansi = {.mariadb = true, .ansi_quotes = true},
                       plain = {.mariadb = true, .no_backslash_escapes = true};
    check("\"a\"\"b\" 'c'", &ansi, "Q:\"a\"\"b\" S:'c'");
    check("'a\\' 'b'", &plain, "S:'a\\' S:'b'");
}

static void test_variables(void **state)
{
    (void)state;
    check("@a @a.b$c @`x y` @'z' @\"w\" @@a @@global.b @@`c`", &maria,
          "U:@a U:@a.b$c U:@`x y` U:@'z' U:@\"w\" V:@@ W:a V:@@ W:global O:. W:b V:@@ Q:`c`");
    check("@@ a", &maria, "X:@@ W:a");
    check("@@1x", &maria, "V:@@ W:1x");
    check("@ a", &maria, "X:@ W:a");
    check("@ a", &mysql, "U:@ W:a");
    check("? ,?", &maria, "P:? O:, P:?");
}

static void test_operators(void **state)
{
    (void)state;
    check("a<=>b<>c!=d<=e>=f<<g>>h:=i->'$'->>'$'&&j||k!l", &maria,
          "W:a O:<=> W:b O:<> W:c O:!= W:d O:<= W:e O:>= W:f O:<< W:g O:>> W:h O::= W:i O:-> S:'$' O:->> "
          "S:'$' O:&& W:j O:|| W:k O:! W:l");
    check("a--b a-- b", &maria, "W:a O:- O:- W:b W:a");
    check("a--", &maria, "W:a");
    check("a # x\n b -- y\n c /* z */ d", &maria, "W:a W:b W:c W:d");
    check("[", &maria, "X:[");
}

static void test_versioned(void **state)
{
    (void)state;
    check("a /*! b */ c", &maria, "W:a +W:b W:c");
    check("/*!50001 a*/ /*!99999 b */ /*!101100 c */ /*!999999 d */", &maria, "+W:a +W:c");
    check("/*!50700 a */ /*M! b */ /*M!100000 c */ /*M!50700 d */", &maria, "+W:b +W:c +W:d");
    check("/*!50700 a */ /*M! b */ /*!80400 c */ /*!80401 d */ /*!080300 e */", &mysql, "+W:a +W:c +W:e");
    check("/*!999999 a /* nested */ b */ c", &maria, "W:c");
    check("/*! a ", &maria, "+W:a X:");
    check("a /* b", &maria, "W:a X:/* b");
    check("/*+ hint */ a", &maria, "W:a");
    check("/*!1 a */", &maria, "+I:1 +W:a");
}

static void test_trail_bytes(void **state)
{
    (void)state;
    struct sql_options gbk = {.mariadb = true, .trail = SQL_TRAIL_GBK},
                       sjis = {.mariadb = true, .trail = SQL_TRAIL_SJIS};
    struct sql_options big5 = {.mariadb = true, .trail = SQL_TRAIL_BIG5},
                       gb18030 = {.mariadb = true, .trail = SQL_TRAIL_GB18030};
    check("'\xbf\x5c' a", &gbk, "S:'\xbf\x5c' W:a"); /* the second byte is no backslash */
    check("'\xbf\x5c' a'", &maria, "S:'\xbf\x5c' a'");
    check("`\x81\x60` b", &gbk, "Q:`\x81\x60` W:b");
    check("'\x83\x5c' a", &sjis, "S:'\x83\x5c' W:a");
    check("'\xb1\x5c'x'", &sjis, "S:'\xb1\x5c'x'"); /* half-width katakana is one byte */
    check("'\xa5\x5c' a", &big5, "S:'\xa5\x5c' W:a");
    check("'\x81\x30\x81\x30' '\x81\x5c'", &gb18030, "S:'\x81\x30\x81\x30' S:'\x81\x5c'");
}

static void test_statements(void **state)
{
    (void)state;
    const char *text = "select 1; select 2;\n ; ";
    struct sql_scan s = {0};
    assert_int_equal(sql_scan(&s, text, strlen(text), 0, &maria), SQL_OK);
    assert_int_equal(s.len, 8);
    assert_int_equal(s.next, 9);
    assert_true(s.seen & SQL_SEEN_MORE);
    assert_int_equal(sql_scan(&s, text, strlen(text), s.next, &maria), SQL_OK);
    assert_int_equal(s.ntoks, 2);
    assert_memory_equal(s.text + s.toks[1].off, "2", 1);
    assert_int_equal(s.next, strlen(text));
    assert_false(s.seen & SQL_SEEN_MORE);
    sql_scan_release(&s);
}

/* A routine's body has semicolons of its own. */
static void test_routines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t next;
    } cases[] = {
        {"create procedure p() begin select 1; select case a when 1 then 2 end; end; select 3", 0},
        {"create procedure p() select 1; select 2", 30},
        {"create or replace definer=root@localhost function f() returns int begin if a then return 1; end "
         "if; "
         "while b do set c=1; end while; return 2; end; x",
         0},
        {"create procedure p() begin case a when 1 then set b=1; end case; loop set c=1; end loop; end; "
         "select 1",
         0},
        {"create procedure p() if a then select 1; else select 2; end if", UINT32_MAX},
        {"begin not atomic select 1; select 2; end; select 3", 0},
        {"create table t (event int, begin int); select 1", 0}, /* columns, no routine */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sql_scan s = scan_of(cases[i].text, &maria);
        size_t len = strlen(cases[i].text);
        uint32_t want = cases[i].next == UINT32_MAX ? (uint32_t)len
                        : cases[i].next             ? cases[i].next
                                        : (uint32_t)(strrchr(cases[i].text, ';') - cases[i].text) + 1;
        if (s.next != want) print_error("for: %s\n", cases[i].text);
        assert_int_equal(s.next, want);
        sql_scan_release(&s);
    }
}

static bool same_key(const char *a, const char *b, const struct sql_options *opt)
{
    struct sql_scan x = scan_of(a, opt), y = scan_of(b, opt);
    bool same = str_eq(buf_str(&x.key), buf_str(&y.key));
    if (same) {
        assert_true(x.hash == y.hash);
        assert_int_equal(x.ntoks, y.ntoks); /* what was learned by token index must hold */
        for (uint32_t i = 0; i < x.ntoks; i++) assert_int_equal(x.toks[i].kind, y.toks[i].kind);
    }
    sql_scan_release(&x);
    sql_scan_release(&y);
    return same;
}

static void test_key(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"select a from t where id=1", "SELECT  a /* x */ FROM t WHERE id = 25"},
        {"select 'a'", "select 'bcd\\''"},
        {"select x'00', 1.5, 1e5", "select x'ffff', .25, 3e-7"},
        {"select /*+ hint */ a", "select a -- b"},
        {"insert into t values (1,'x')", "insert into t values (2,'yz')"},
        {"select /*! a */ from t", "select a from t"},
        {"select count(*) from t where a in (1)", "select count(*) from t where a in(1)"},
    };
    static const char *const different[][2] = {
        {"select a from t", "select a from T"},
        {"select a", "select `a`"},
        {"select 1", "select '1'"},
        {"select 1", "select 1.0"},
        {"select status", "select STATUS"}, /* a word that may be a name keeps its spelling */
        {"select t.select", "select t.SELECT"},
        {"select count(a)", "select count (a)"},
        {"select a", "select @a"},
        {"select @a", "select @b"},
        {"select 'a' 'b'", "select 'a'"},
        {"select x'61'", "select b'1'"},
        {"select _utf8'a'", "select _latin1'a'"},
        {"select 1 as 'x'", "select 1 as 'y'"},
        {"select a 'x'", "select a 'y'"},
        {"select (1) 'x'", "select (1) 'y'"},
        {"select a,b", "select a b"},
        {"select ab", "select a b"},
        {"select a from t", "select a from t where 1"},
        {"select a&&b", "select a and b"},
        {"select `a` 'x'", "select `a` 'y'"},
        {"select null 'x'", "select null 'y'"},
        {"select +1", "select -1"},
        {"select \"a\" as b", "select \"a\" as c"},
    };
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        if (!same_key(same[i][0], same[i][1], &maria)) print_error("differs: %s\n", same[i][0]);
        assert_true(same_key(same[i][0], same[i][1], &maria));
    }
    for (size_t i = 0; i < COUNT_OF(different); i++) {
        if (same_key(different[i][0], different[i][1], &maria)) print_error("same: %s\n", different[i][0]);
        assert_false(same_key(different[i][0], different[i][1], &maria));
    }
    struct sql_options ansi = {.mariadb = true, .ansi_quotes = true};
    struct sql_scan a = scan_of("select 1", &maria), b = scan_of("select 1", &ansi);
    assert_false(str_eq(buf_str(&a.key), buf_str(&b.key)));
    sql_scan_release(&a);
    sql_scan_release(&b);
}

static void test_facts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t seen;
    } cases[] = {
        {"select a from t where id=1", 0},
        {"insert into t values (1)", 0},
        {"insert ignore into t select 1", 0},
        {"replace into t values (?)", SQL_SEEN_PARAM},
        {"select @x", SQL_SEEN_USERVAR},
        {"set @x = 1", SQL_SEEN_USERVAR | SQL_SEEN_ASSIGN},
        {"select @x := 1", SQL_SEEN_USERVAR | SQL_SEEN_ASSIGN},
        {"select 1 into @x", SQL_SEEN_USERVAR | SQL_SEEN_ASSIGN},
        {"call p(@x)", SQL_SEEN_USERVAR | SQL_SEEN_ASSIGN},
        {"select last_insert_id()", SQL_SEEN_LAST_INSERT_ID},
        {"select `last_insert_id`()", SQL_SEEN_LAST_INSERT_ID},
        {"select @@identity", SQL_SEEN_SYSVAR | SQL_SEEN_LAST_INSERT_ID},
        {"select @@session.last_insert_id", SQL_SEEN_SYSVAR | SQL_SEEN_LAST_INSERT_ID},
        {"select @@`identity`", SQL_SEEN_SYSVAR | SQL_SEEN_LAST_INSERT_ID},
        {"select identity from t", 0},
        {"select found_rows(), row_count()", SQL_SEEN_FOUND_ROWS | SQL_SEEN_ROW_COUNT},
        {"select sql_calc_found_rows a from t", SQL_SEEN_CALC_FOUND_ROWS},
        {"select get_lock('a',1)", SQL_SEEN_LOCKFN},
        {"select a from t for update", SQL_SEEN_LOCKFN},
        {"select a from t lock in share mode", SQL_SEEN_LOCKFN},
        {"update t set a=1", 0},
        {"create temporary table t (a int)", SQL_SEEN_TEMPORARY},
        {"select 'x", SQL_SEEN_BAD},
        {"select 1; select 2", SQL_SEEN_MORE},
        {"select 1;  ", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sql_scan s = scan_of(cases[i].text, &maria);
        if (s.seen != cases[i].seen) print_error("for: %s\n", cases[i].text);
        assert_int_equal(s.seen, cases[i].seen);
        sql_scan_release(&s);
    }
}

static void check_text(const char *text, const struct sql_options *opt, const char *wanted, size_t len)
{
    struct sql_scan s = scan_of(text, opt);
    struct arena a;
    arena_init(&a, 0);
    struct str got = sql_text(&s, 0, &a);
    assert_non_null(got.ptr);
    if (got.len != len || memcmp(got.ptr, wanted, len) != 0) print_error("for: %s\n", text);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.ptr, wanted, len);
    arena_release(&a);
    sql_scan_release(&s);
}
#define TEXT(text, opt, wanted) check_text(text, opt, wanted, sizeof(wanted) - 1)

static void test_text(void **state)
{
    (void)state;
    struct sql_options ansi = {.mariadb = true, .ansi_quotes = true},
                       plain = {.mariadb = true, .no_backslash_escapes = true};
    struct sql_options gbk = {.mariadb = true, .trail = SQL_TRAIL_GBK};
    TEXT("abc", &maria, "abc");
    TEXT("`a``b`", &maria, "a`b");
    TEXT("`a\\nb`", &maria, "a\\nb");
    TEXT("'it''s'", &maria, "it's");
    TEXT("'a\\'b\\\"c\\\\d\\ne\\tf\\0g\\Zh\\bi\\rj\\%k\\_l\\xm'", &maria,
         "a'b\"c\\d\ne\tf\0g\032h\bi\rj\\%k\\_lxm");
    TEXT("'a\\nb'", &plain, "a\\nb");
    TEXT("\"a\"\"b\"", &maria, "a\"b");
    TEXT("\"a\"\"b\"", &ansi, "a\"b");
    TEXT("''", &maria, "");
    TEXT("N'x'", &maria, "x");
    TEXT("x'4142'", &maria, "AB");
    TEXT("0x142", &maria, "\x01\x42");
    TEXT("b'0100000101000010'", &maria, "AB");
    TEXT("0b111", &maria, "\x07");
    TEXT("b''", &maria, "");
    TEXT("@abc", &maria, "abc");
    TEXT("@'a''b'", &maria, "a'b");
    TEXT("@`a``b`", &maria, "a`b");
    TEXT("42", &maria, "42");
    TEXT("'\xbf\x5c\\n'", &gbk, "\xbf\x5c\n");
}

/* Memory is kept from statement to statement, and every failing allocation is reported. */
static void test_memory(void **state)
{
    (void)state;
    struct sql_scan s = {0};
    const char *text = "select a, b, c from t where id = 1 and name = 'abcdefghijklmnopqrstuvwxyz' and x in "
                       "(1,2,3,4,5,6,7,8,9)";
    assert_int_equal(sql_scan(&s, text, strlen(text), 0, &maria), SQL_OK);
    uint64_t before = mem_count();
    for (int i = 0; i < 10; i++) assert_int_equal(sql_scan(&s, text, strlen(text), 0, &maria), SQL_OK);
    assert_true(mem_count() == before);
    sql_scan_release(&s);
    for (uint64_t n = 1; n < 10; n++) {
        struct sql_scan t = {0};
        mem_fail_at(n);
        enum sql_status st = sql_scan(&t, text, strlen(text), 0, &maria);
        mem_fail_at(0);
        assert_true(st == SQL_OK || st == SQL_NOMEM);
        if (n == 1) assert_int_equal(st, SQL_NOMEM);
        sql_scan_release(&t);
    }
}

/* Cut anywhere, a statement is still scanned without a step outside of it: the copy has exactly its size. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    const char *text = "select /*!50000 a*/ 'x\\'y' _utf8'z' @@a.b @'c' x'41' 0x1f 1.5e3 `q` -- c\n # d\n /* "
                       "e */ <=> ->> \xff 'end";
    size_t len = strlen(text);
    struct sql_scan s = {0};
    for (int trail = SQL_TRAIL_NONE; trail <= SQL_TRAIL_GB18030; trail++) {
        struct sql_options opt = {.mariadb = true, .trail = (uint8_t)trail};
        for (size_t from = 0; from <= len; from++) {
            for (size_t n = 0; n <= len - from; n++) {
                char *copy = mem_alloc(n);
                assert_non_null(copy);
                memcpy(copy, text + from, n);
                assert_int_equal(sql_scan(&s, copy, n, 0, &opt), SQL_OK);
                uint32_t end = 0;
                for (uint32_t i = 0; i < s.ntoks; i++) {
                    assert_true(s.toks[i].off >= end);
                    end = s.toks[i].off + s.toks[i].len;
                    assert_true(end <= n);
                }
                mem_free(copy);
            }
        }
    }
    sql_scan_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_versioned),
        cmocka_unit_test(test_trail_bytes),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_routines),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
