/*
 * test_parse.c - the tree: golden files, properties that hold for every statement, faults, hostile input.
 *
 * Golden files (tests/golden/parse/NAME.txt): a statement after "> " (more lines: "> " again), below it what
 * sql_dump says, or the fault; an empty line ends it. "@ words" sets the options for the statements below it;
 * "# text" is a remark. WEIR_GOLDEN=update writes them anew; read the difference before it is kept.
 */
#include "parser/sql.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char folder[] = "tests/golden/parse";
static const struct sql_options maria = {.mariadb = true};

/* ---- properties ---- */

struct seen {
    uint8_t *ids;
    uint32_t nexprs, visited;
    const struct sql_scan *s;
};

static bool nested(struct sql_span in, struct sql_span out)
{
    return in.first >= out.first && in.end <= out.end;
}

/* Each expression once, with an id below nexprs of its own, its children inside its span, its flags covering
 * theirs. */
static bool check_expr(void *ctx, struct sql_expr *e)
{
    struct seen *seen = ctx;
    const uint16_t inherited = SQL_EF_HAS_AGGREGATE | SQL_EF_HAS_SUBQUERY | SQL_EF_HAS_WINDOW |
                               SQL_EF_HAS_ASSIGN | SQL_EF_HAS_COLUMN | SQL_EF_HAS_PARAM;
    assert_true(e->id < seen->nexprs);
    assert_int_equal(seen->ids[e->id], 0);
    seen->ids[e->id] = 1;
    seen->visited++;
    assert_true(e->span.first < e->span.end);
    assert_true(e->span.end <= seen->s->ntoks);
    assert_true(e->height >= 1);
    for (uint32_t i = 0; i < e->nargs; i++) {
        assert_true(nested(e->args[i]->span, e->span));
        assert_true(e->height > e->args[i]->height);
        assert_int_equal(e->args[i]->flags & inherited & ~e->flags, 0);
    }
    if (e->kind == SQL_E_SUBQUERY || e->kind == SQL_E_EXISTS || e->kind == SQL_E_QUANT ||
        (e->kind == SQL_E_IN && e->query))
        assert_true(nested(e->query->span, e->span));
    return true;
}

static void check_tables(const struct sql_scan *s, const struct sql_stmt *st)
{
    for (uint32_t i = 0; i < st->ntables; i++) {
        const struct sql_table *t = st->tables[i];
        assert_int_equal(t->id, i);
        assert_true(t->name.span.first < t->name.span.end && t->name.span.end <= s->ntoks);
        assert_true(t->name.tok >= t->name.span.first && t->name.tok < t->name.span.end);
        assert_true(t->alias_span.first <= t->alias_span.end && t->alias_span.end <= s->ntoks);
        assert_int_equal(t->has_alias, t->alias_span.first != t->alias_span.end);
        if (i)
            assert_true(st->tables[i - 1]->name.span.end <=
                        t->name.span.first); /* in the order of the text */
    }
}

static void dump_of(const struct sql_scan *s, const struct sql_stmt *st, struct buf *out)
{
    sql_dump(s, st, out);
    assert_false(out->failed);
}

/* Without edits the bytes are the same; with blanks strewn in between tokens the tree is. */
static void check_round_trip(const struct sql_scan *s, const struct sql_stmt *st)
{
    struct buf same = {0}, first = {0}, second = {0}, loose = {0};
    sql_render(s, NULL, 0, &same);
    assert_true(str_eq(buf_str(&same), str_make(s->text, s->len)));

    for (uint32_t i = 0; i < s->ntoks; i++) {
        if (i && (s->toks[i].flags & SQL_TF_SPACE_BEFORE)) buf_putz(&loose, " /* c */\n\t");
        buf_put_str(&loose, sql_tok_str(s, i));
    }
    struct sql_scan t = {0};
    struct arena a;
    struct sql_stmt *again;
    struct fault f;
    arena_init(&a, 0);
    assert_int_equal(sql_scan(&t, loose.data, loose.len, 0, &s->opt), SQL_OK);
    assert_true(str_eq(buf_str(&t.key), buf_str(&s->key)));
    assert_int_equal(sql_parse(&t, &a, &again, &f), SQL_OK);
    dump_of(s, st, &first);
    dump_of(&t, again, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    arena_release(&a);
    sql_scan_release(&t);
    buf_release(&same);
    buf_release(&first);
    buf_release(&second);
    buf_release(&loose);
}

static void check_properties(const struct sql_scan *s, const struct sql_stmt *st)
{
    struct seen seen = {.nexprs = st->nexprs, .s = s};
    seen.ids = mem_zalloc(st->nexprs);
    assert_non_null(seen.ids);
    assert_true(sql_walk(st, check_expr, &seen));
    mem_free(seen.ids);
    check_tables(s, st);
    assert_int_equal(st->nparams, s->nparams);
    check_round_trip(s, st);
}

/* A failing allocation anywhere ends in SQL_NOMEM and nothing worse. */
static void check_out_of_memory(const struct sql_scan *s)
{
    for (uint64_t n = 1; n < 4; n++) {
        struct arena a;
        struct sql_stmt *st;
        struct fault f;
        arena_init(&a, 0);
        mem_fail_at(n);
        enum sql_status got = sql_parse(s, &a, &st, &f);
        mem_fail_at(0);
        assert_true(got == SQL_OK || got == SQL_NOMEM);
        if (got == SQL_NOMEM) {
            assert_int_equal(f.code, 1041);
            assert_null(st);
        }
        arena_release(&a);
    }
}

/* ---- golden files ---- */

static bool slurp(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) buf_put(out, block, n);
    fclose(f);
    return true;
}

static void run_statement(struct str text, const struct sql_options *opt, struct buf *out)
{
    char *copy = mem_alloc(text.len); /* its exact size: a step beyond is seen */
    assert_non_null(copy);
    memcpy(copy, text.ptr, text.len);
    struct sql_scan s = {0};
    struct arena a;
    struct sql_stmt *st;
    struct fault f;
    arena_init(&a, 0);
    assert_int_equal(sql_scan(&s, copy, text.len, 0, opt), SQL_OK);
    if (sql_parse(&s, &a, &st, &f) == SQL_OK) {
        dump_of(&s, st, out);
        check_properties(&s, st);
        check_out_of_memory(&s);
    } else {
        buf_printf(out, "fault %u %s: " STR_FMT "\n", f.code, f.state, STR_ARG(f.message));
    }
    arena_release(&a);
    sql_scan_release(&s);
    mem_free(copy);
}

static struct sql_options options_of(struct str line)
{
    struct sql_options o = {.mariadb = true};
    static const struct {
        const char *word;
        size_t at;
    } flags[] = {
        {"ansi_quotes", offsetof(struct sql_options, ansi_quotes)},
        {"no_backslash_escapes", offsetof(struct sql_options, no_backslash_escapes)},
        {"pipes_as_concat", offsetof(struct sql_options, pipes_as_concat)},
        {"ignore_space", offsetof(struct sql_options, ignore_space)},
        {"high_not_precedence", offsetof(struct sql_options, high_not_precedence)},
    };
    if (str_find(line, STR("mysql"), 0) != SIZE_MAX) o = (struct sql_options){.version = 80400};
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (str_find(line, str_of(flags[i].word), 0) != SIZE_MAX) *((bool *)&o + flags[i].at) = true;
    if (str_find(line, STR("gbk"), 0) != SIZE_MAX) o.trail = SQL_TRAIL_GBK;
    return o;
}

static struct str next_line(struct str *rest)
{
    size_t n = str_find(*rest, STR("\n"), 0);
    struct str line = {rest->ptr, n == SIZE_MAX ? rest->len : n};
    size_t used = n == SIZE_MAX ? rest->len : n + 1;
    *rest = (struct str){rest->ptr + used, rest->len - used};
    return line;
}

/* The file as it should be: remarks, options and statements kept, results anew. */
static uint32_t rewrite(struct str file, struct buf *out)
{
    struct sql_options opt = maria;
    struct buf sql = {0};
    uint32_t n = 0;
    for (struct str rest = file; rest.len || sql.len;) {
        struct str line = rest.len ? next_line(&rest) : STR_NULL;
        bool more = line.len >= 2 && line.ptr[0] == '>';
        if (more) {
            if (sql.len) buf_put_u8(&sql, '\n');
            buf_put(&sql, line.ptr + 2, line.len - 2);
            buf_put_str(out, line);
            buf_put_u8(out, '\n');
            if (rest.len && rest.ptr[0] == '>') continue;
        }
        if (sql.len) {
            run_statement(buf_str(&sql), &opt, out);
            buf_put_u8(out, '\n');
            buf_reset(&sql);
            n++;
        } else if (line.len && (line.ptr[0] == '#' || line.ptr[0] == '@')) {
            if (line.ptr[0] == '@') opt = options_of(line);
            buf_put_str(out, line);
            buf_put_u8(out, '\n');
            if (rest.len && rest.ptr[0] == '\n') buf_put_u8(out, '\n');
        }
    }
    buf_release(&sql);
    return n;
}

static void test_golden(void **state)
{
    (void)state;
    const char *mode = getenv("WEIR_GOLDEN");
    bool update = mode && strcmp(mode, "update") == 0;
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), wrong = 0;
    uint32_t statements = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        struct buf file = {0}, now = {0};
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (strstr(names[i]->d_name, ".txt") && slurp(path, &file)) {
            statements += rewrite(buf_str(&file), &now);
            bool same = str_eq(buf_str(&file), buf_str(&now));
            if (!same && update) {
                FILE *f = fopen(path, "wb");
                assert_non_null(f);
                assert_int_equal(fwrite(now.data, 1, now.len, f), now.len);
                assert_int_equal(fclose(f), 0);
            } else if (!same) {
                size_t at = 0;
                while (at < file.len && at < now.len && file.data[at] == now.data[at]) at++;
                while (at > 0 && file.data[at - 1] != '\n') at--;
                print_error("%s differs: wanted\n%.*s\ngot\n%.*s\n", path,
                            (int)(file.len - at < 200 ? file.len - at : 200), file.data + at,
                            (int)(now.len - at < 200 ? now.len - at : 200), now.data + at);
                wrong++;
            }
        }
        buf_release(&file);
        buf_release(&now);
        free(names[i]);
    }
    free(names);
    assert_true(statements > 300);
    assert_int_equal(wrong, 0);
}

/* ---- hostile input ---- */

struct outcome {
    enum sql_status status;
    uint16_t code;
    uint32_t nexprs, visited, height;
    size_t arena;
};

static bool count_expr(void *ctx, struct sql_expr *e)
{
    struct outcome *o = ctx;
    o->visited++;
    if (e->height > o->height) o->height = e->height;
    return true;
}

static struct outcome parse_text(struct str text)
{
    struct outcome o = {0};
    struct sql_scan s = {0};
    struct arena a;
    struct sql_stmt *st;
    struct fault f;
    arena_init(&a, 0);
    o.status = sql_scan(&s, text.ptr, text.len, 0, &maria);
    if (o.status == SQL_OK) o.status = sql_parse(&s, &a, &st, &f);
    o.code = f.code;
    if (o.status == SQL_OK) {
        o.nexprs = st->nexprs;
        assert_true(sql_walk(st, count_expr, &o));
        struct buf dump = {0};
        sql_dump(&s, st, &dump); /* its recursion must hold out, too */
        buf_release(&dump);
    }
    o.arena = a.used;
    arena_release(&a);
    sql_scan_release(&s);
    return o;
}

/* head, unit n times with sep between, tail */
static struct outcome parse_chain(const char *head, const char *unit, const char *sep, uint32_t n,
                                  const char *tail)
{
    struct buf b = {0};
    buf_putz(&b, head);
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_putz(&b, sep);
        buf_putz(&b, unit);
    }
    buf_putz(&b, tail);
    assert_false(b.failed);
    struct outcome o = parse_text(buf_str(&b));
    buf_release(&b);
    return o;
}

static void test_deep(void **state)
{
    (void)state;
    static const struct {
        const char *head, *open, *middle, *close;
    } cases[] = {
        {"select ", "(", "1", ")"},
        {"select ", "not ", "1", ""},
        {"select ", "- ", "1", ""},
        {"select ", "(select ", "1", ")"},
        {"select * from ", "(", "t", ")"},
        {"select * from ", "(select * from ", "t", ") x"},
        {"", "(", "select 1", ")"},
        {"select ", "f(", "1", ")"},
        {"select ", "case when ", "1", " then 1 end"},
        {"select 1 where ", "a in (", "1", ")"},
        {"select 1 where ", "exists (select 1 where ", "1", ")"},
        {"", "explain ", "select 1", ""},
        {"select ", "@a := ", "1", ""},
        {"select 1 + ", "interval ", "1", " day"},
        {"with ", "a as (with ", "b as (select 1) select 1", ") select 1"},
        {"select * from a left join ", "b left join ", "c", " on 1"},
        {"select 1 ", "union (select 1 ", "", ")"},
        {"select ", "a between 1 and ", "1", ""},
        {"select ", "a ^ ", "1", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (uint32_t depth = 1000; depth <= 100000; depth *= 100) {
            struct buf b = {0};
            buf_putz(&b, cases[i].head);
            for (uint32_t k = 0; k < depth; k++) buf_putz(&b, cases[i].open);
            buf_putz(&b, cases[i].middle);
            for (uint32_t k = 0; k < depth; k++) buf_putz(&b, cases[i].close);
            struct outcome o = parse_text(buf_str(&b));
            if (o.status == SQL_OK) print_error("parsed at depth %u: %s\n", depth, cases[i].open);
            assert_int_equal(o.status, SQL_ERROR);
            if (o.code != 1235 && o.code != 1064) print_error("%u for %s\n", o.code, cases[i].open);
            assert_true(o.code == 1235 || o.code == 1064);
            buf_release(&b);
        }
    }
    assert_int_equal(
        parse_text(
            STR("select ((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))"))
            .status,
        SQL_OK);
}

static void test_long_chains(void **state)
{
    (void)state;
    /* AND and OR: any length, and flat enough for every walker */
    static const char *const logic[] = {" or ", " and ", " || ", " && "};
    for (size_t i = 0; i < COUNT_OF(logic); i++) {
        struct outcome o = parse_chain("select 1 from t where ", "a = 1", logic[i], 100000, "");
        assert_int_equal(o.status, SQL_OK);
        assert_int_equal(o.visited, 400000);
        assert_true(o.height < 25);
    }
    struct outcome mixed = parse_chain("select 1 from t where ", "a = 1 and b", " or ", 100000, "");
    assert_int_equal(mixed.status, SQL_OK);
    assert_true(mixed.height < 30);

    /* others lean to the left: a clear error, at about where the servers give up */
    static const char *const ops[] = {
        " + ", " * ", " = ", " xor ", " like ", " collate ", " is null is null or 1 + "};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        struct outcome o = parse_chain("select ", "a", ops[i], 900, "");
        assert_int_equal(o.status, SQL_OK);
        o = parse_chain("select ", "a", ops[i], 100000, "");
        if (i < 6) assert_int_equal(o.code, 1235);
    }
    assert_int_equal(parse_chain("select a ", "is null", " ", 100000, "").code, 1235);
    assert_int_equal(parse_chain("select a ", "in (1)", " ", 100000, "").code, 1235);
    assert_int_equal(parse_chain("select a ", "+ interval 1 day", " ", 100000, "").code, 1235);
    assert_int_equal(parse_chain("select a ", "not like b", " ", 100000, "").code, 1235);
    assert_int_equal(parse_chain("", "select 1", " union all ", 900, "").status, SQL_OK);
    assert_int_equal(parse_chain("", "select 1", " union all ", 100000, "").code, 1235);
    assert_int_equal(parse_chain("select * from ", "t", ",", 60, "").status, SQL_OK);
    assert_int_equal(parse_chain("select * from ", "t", ",", 100000, "").code, 1235);
    assert_int_equal(parse_chain("select * from ", "t", " join ", 100000, "").code, 1235);
}

/* Long lists cost their length, no more: the arena's bytes an element stay the same. */
static void test_long_lists(void **state)
{
    (void)state;
    struct outcome small = parse_chain("select 1 from t where a in (", "12345", ",", 10000, ")");
    struct outcome large = parse_chain("select 1 from t where a in (", "12345", ",", 200000, ")");
    assert_int_equal(small.status, SQL_OK);
    assert_int_equal(large.status, SQL_OK);
    assert_int_equal(large.visited, 200003);
    assert_true(large.arena < small.arena * 21);
    assert_int_equal(parse_chain("insert into t values ", "(1,'abc',null)", ",", 100000, "").status, SQL_OK);
    assert_int_equal(parse_chain("select ", "a as b", ",", 100000, " from t").status, SQL_OK);
    assert_int_equal(parse_chain("select 1 order by ", "a", ",", 100000, "").status, SQL_OK);
    assert_int_equal(parse_chain("drop table ", "a.b", ",", 100000, "").status, SQL_OK);
    assert_int_equal(parse_chain("set ", "@a=1", ",", 100000, "").status, SQL_OK);
    assert_int_equal(parse_chain("select ", "'a'", " ", 100000, "").status, SQL_OK);
    assert_int_equal(parse_chain("update t set ", "a=1", ",", 100000, "").status, SQL_OK);
}

static void test_64_megabytes(void **state)
{
    (void)state;
    size_t n = 64u << 20;
    char *text = mem_alloc(n);
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "select '", 8);
    text[n - 1] = '\'';
    assert_int_equal(parse_text(str_make(text, n)).status, SQL_OK);
    text[n - 1] = 'x';
    struct outcome o = parse_text(str_make(text, n));
    assert_int_equal(o.code, 1064);
    memset(text, ' ', n);
    assert_int_equal(parse_text(str_make(text, n)).status, SQL_OK);
    memset(text, '(', n); /* more tokens than the cap: refused by the scan */
    struct sql_scan s = {0};
    assert_int_equal(sql_scan(&s, text, n, 0, &maria), SQL_ERROR);
    sql_scan_release(&s);
    mem_free(text);
}

/* The arena's cap holds: a statement that needs more ends with out of memory, not with a crash. */
static void test_arena_cap(void **state)
{
    (void)state;
    struct sql_scan s = {0};
    const char *text = "select a,b,c,d,e,f,g from t1 join t2 on t1.a=t2.a where a in (1,2,3,4,5,6,7,8,9,10)";
    assert_int_equal(sql_scan(&s, text, strlen(text), 0, &maria), SQL_OK);
    for (size_t cap = 16; cap < 16384; cap += 48) {
        struct arena a;
        struct sql_stmt *st;
        struct fault f;
        arena_init(&a, cap);
        enum sql_status got = sql_parse(&s, &a, &st, &f);
        assert_true(got == SQL_OK || got == SQL_NOMEM);
        assert_true(a.held <= cap);
        arena_release(&a);
    }
    sql_scan_release(&s);
}

/* Every statement cut behind every token, and every token left out: an answer, and never a step outside. */
static void test_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "with recursive c(n) as (select 1 union all select n+1 from c where n<5) select distinct a.x, "
        "count(*) over (partition by b "
        "order by c rows between 1 preceding and current row) as y from t1 a left join (select 1) d on "
        "a.x=d.y, t2 force index (i) "
        "where (a.x,b) in ((1,2),(3,4)) and c between 1 and 2 group by x with rollup having z>1 order by 1 "
        "desc limit 5 offset 2 for update",
        "insert into t partition (p0) (a,b) values (1,default),(2,f(3)) on duplicate key update "
        "a=values(a)+1 returning a as b",
        "delete low_priority t1.*, t2 from t1 join t2 using (a,b) where cast(a as decimal(10,2)) = date "
        "'2020-01-01' + interval 1 day",
        "create table if not exists t (a int not null auto_increment primary key, b varchar(3) default 'x', "
        "key k (b), "
        "foreign key (a) references p(q)) engine=innodb partition by hash(a) as select case a when 1 then 2 "
        "else 3 end from u",
        "alter table t add column a int first, drop key k, change b c text, rename to u, add constraint f "
        "foreign key (a) references p(x)",
        "set global a=1, @@session.b=default, @c:=2, names utf8 collate utf8_bin, transaction isolation "
        "level read committed, read only",
        "load data local infile 'x' replace into table t fields terminated by ',' lines starting by 'y' "
        "ignore 1 lines (a,@b) set c=@b",
        "select {d '2020-01-01'}, trim(both 'a' from b), substring(c from 1 for 2), match(d) against ('e' in "
        "boolean mode), f->'$.g'",
        "lock tables a read local, b as c low_priority write",
        "explain format=json update (select 1 a) x, t set t.b=x.a where not exists (select 1)",
        "call p.q(1, @x)",
        "show full columns from t from d like 'x'",
    };
    struct sql_scan s = {0};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(sql_scan(&s, texts[i], strlen(texts[i]), 0, &maria), SQL_OK);
        assert_int_equal(parse_text(str_of(texts[i])).status, SQL_OK);
        for (uint32_t k = 0; k < s.ntoks; k++) {
            struct buf cut = {0}, without = {0}, twice = {0};
            for (uint32_t j = 0; j < s.ntoks; j++) {
                struct str tok = sql_tok_str(&s, j);
                buf_put_u8(&without, ' ');
                buf_put_u8(&twice, ' ');
                if (j < k) {
                    buf_put_str(&cut, tok);
                    buf_put_u8(&cut, ' ');
                }
                if (j != k) buf_put_str(&without, tok);
                buf_put_str(&twice, tok);
                if (j == k) {
                    buf_put_u8(&twice, ' ');
                    buf_put_str(&twice, tok);
                }
            }
            (void)parse_text(buf_str(&cut));
            (void)parse_text(buf_str(&without));
            (void)parse_text(buf_str(&twice));
            buf_release(&cut);
            buf_release(&without);
            buf_release(&twice);
        }
    }
    sql_scan_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_deep),
        cmocka_unit_test(test_long_chains),  cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_64_megabytes), cmocka_unit_test(test_arena_cap),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
