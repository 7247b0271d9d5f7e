/*
 * test_views.c - information_schema in logical names, by golden files: tests/golden/views/ holds the rules,
 * some columns of each table, and statements with what is asked of which server.
 *
 *   > SELECT table_name FROM information_schema.TABLES WHERE table_schema = 'shop'
 *   SELECT table_name FROM (..) AS `TABLES` WHERE ...        the statement; for each reference then:
 *     s0: SELECT .. UNION ALL SELECT ..                      in place of the two dots
 *     s1 is asked: SELECT ..                                 its rows go there too, as literals
 *     s1 is asked for sizes: SELECT ..
 *
 * @schema none and @only blog switch the current schema and what the user may see. With WEIR_GOLDEN_WRITE=1
 * in the environment the files are written anew. Every text is parsed again.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proxy/session/views.h"

#define FOLDER "tests/golden/views"

struct world {
    struct arena arena;
    struct conf *conf;
    struct map columns; /* name of the table -> struct view_columns */
    struct str schema;
    bool allowed[8], all_system;
};

static struct str read_all(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf b = {0};
    char block[4096];
    size_t n;
    assert_non_null(f);
    while ((n = fread(block, 1, sizeof block, f)) > 0) buf_put(&b, block, n);
    fclose(f);
    struct str s = arena_str(a, buf_str(&b));
    buf_release(&b);
    return s;
}

static struct str until(struct str *rest, char end)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != end) n++;
    struct str part = {rest->ptr, n};
    size_t used = n < rest->len ? n + 1 : n;
    rest->ptr += used;
    rest->len -= used;
    return part;
}

static void read_columns(struct world *w)
{
    struct str text = read_all(&w->arena, FOLDER "/columns.txt");
    map_init(&w->columns, true);
    while (text.len) {
        struct str line = until(&text, '\n'), name = until(&line, ' ');
        VEC(struct view_column) v = {0};
        struct view_columns *c = arena_new(&w->arena, struct view_columns);
        while (line.len) {
            struct str type = until(&line, ' '), column = until(&type, ':');
            enum view_class cls = str_eq(type, STR("unsigned")) ? VIEW_UNSIGNED
                                  : str_eq(type, STR("time"))   ? VIEW_TIME
                                                                : VIEW_TEXT;
            *vec_push(&v, &w->arena) = (struct view_column){column, cls};
        }
        *c = (struct view_columns){v.at, v.len};
        assert_true(map_put(&w->columns, name, c));
    }
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct diag d;
    diag_init(&d);
    arena_init(&w->arena, 0);
    w->conf = conf_load(FOLDER "/rules.yaml", &d);
    struct buf faults = {0};
    diag_print(&d, &faults);
    if (!w->conf) fail_msg("%.*s", (int)faults.len, faults.data);
    buf_release(&faults);
    diag_release(&d);
    read_columns(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    map_release(&w->columns);
    conf_free(w->conf);
    arena_release(&w->arena);
    free(w);
    return 0;
}

static void must_parse(struct str sql, struct arena *a)
{
    struct sql_scan s = {0};
    struct sql_options opt = {.mariadb = true};
    struct sql_stmt *st;
    struct fault f = {0};
    assert_int_equal(sql_scan(&s, sql.ptr, sql.len, 0, &opt), SQL_OK);
    if (sql_parse(&s, a, &st, &f) != SQL_OK) fail_msg("%.*s: %.*s", STR_ARG(sql), STR_ARG(f.message));
    sql_scan_release(&s);
}

/* What the servers are asked for one reference. False: out of memory. */
static bool put_asked(const struct world *w, const struct view_ask *q, bool sums, struct arena *a,
                      struct buf *out)
{
    bool ok = true;
    for (uint32_t s = 0; s < w->conf->nsources; s++) {
        struct buf t = {0}, t2 = {0};
        bool home = s == q->home;
        uint32_t n = home || view_needs(q, s) ? view_put_branches(q, s, q->columns, !home, &t) : 0;
        if (n)
            buf_printf(out, "  %.*s%s: %.*s\n", STR_ARG(w->conf->sources[s].name), home ? "" : " is asked",
                       (int)t.len, t.data);
        if (n && !t.failed && a) must_parse(buf_str(&t), a);
        if (sums && view_put_sums(q, s, &t2)) {
            buf_printf(out, "  %.*s is asked for sizes: %.*s\n", STR_ARG(w->conf->sources[s].name),
                       (int)t2.len, t2.data);
            if (!t2.failed && a) must_parse(buf_str(&t2), a);
        }
        ok &= !t.failed && !t2.failed;
        buf_release(&t);
        buf_release(&t2);
    }
    return ok;
}

static bool answer(const struct world *w, struct arena *a, struct str sql, bool check, struct buf *out)
{
    struct sql_scan s = {0};
    struct sql_options opt = {.mariadb = true};
    struct sql_stmt *st = NULL;
    struct fault f = {0};
    struct view_place places[8];
    struct view_filter filters[8];
    struct buf asked = {0}, text = {0};
    uint32_t n = 0;
    bool ok = sql_scan(&s, sql.ptr, sql.len, 0, &opt) == SQL_OK && sql_parse(&s, a, &st, &f) == SQL_OK;
    if (!ok && check) fail_msg("%.*s: %.*s", STR_ARG(sql), STR_ARG(f.message));
    for (uint32_t i = 0; ok && i < st->ntables; i++) {
        const struct sql_table *t = st->tables[i];
        const struct view_def *d =
            str_eq_nocase(t->name.schema, STR("information_schema")) ? view_def(t->name.name) : NULL;
        if (d && (d->clients || d->values)) d = NULL; /* no derived table of a server's rows */
        if (!d) continue;
        struct view_ask q = {.conf = w->conf,
                             .def = d,
                             .columns = map_get(&w->columns, str_of(d->name)),
                             .filter = &filters[n],
                             .allowed = w->allowed,
                             .all_system = w->all_system,
                             .opt = &opt};
        ok = view_filter_read(&s, t, d, w->schema, a, &filters[n]) &&
             put_asked(w, &q, str_eq(str_of(d->name), STR("TABLES")) && view_wants_sums(&s), check ? a : NULL,
                       &asked);
        places[n++] = (struct view_place){t, STR(".."), q.columns};
    }
    ok = ok && view_render(&s, st, places, n, a, &text);
    buf_printf(out, "%.*s\n%.*s", (int)text.len, text.data, (int)asked.len, asked.data ? asked.data : "");
    ok &= !out->failed && !asked.failed;
    sql_scan_release(&s);
    buf_release(&asked);
    buf_release(&text);
    return ok;
}

static void allow(struct world *w, struct str only)
{
    w->all_system = str_eq(only, STR("all"));
    for (uint32_t i = 0; i < w->conf->nschemas; i++)
        w->allowed[i] = w->all_system || str_eq(w->conf->schemas[i].name, only);
}

/* Each statement runs out of memory once at every allocation; it says so and leaves nothing behind. */
static void without_memory(const struct world *w, struct str sql)
{
    for (uint64_t n = 1;; n += 1 + n / 8) {
        struct arena a;
        struct buf out = {0};
        arena_init(&a, 0);
        buf_reserve(&out, 1 << 16);
        mem_fail_at(n);
        bool ok = answer(w, &a, sql, false, &out);
        mem_fail_at(0);
        arena_release(&a);
        buf_release(&out);
        if (ok) return;
    }
}

static void check_file(struct world *w, const char *name)
{
    char path[512];
    struct buf out = {0};
    bool skipping = false;
    (void)snprintf(path, sizeof path, FOLDER "/%s", name);
    struct str text = read_all(&w->arena, path), rest = text;
    w->schema = STR("shop");
    allow(w, STR("all"));
    while (rest.len) {
        struct str line = until(&rest, '\n');
        bool plain = !line.len || line.ptr[0] == '#' || line.ptr[0] == '@' || line.ptr[0] == '>';
        if (!plain && skipping) continue;
        skipping = false;
        buf_printf(&out, "%.*s\n", STR_ARG(line));
        struct str value = line, what = until(&value, ' ');
        if (str_eq(what, STR("@schema"))) w->schema = str_eq(value, STR("none")) ? STR_NULL : value;
        if (str_eq(what, STR("@only"))) allow(w, value);
        if (!str_eq(what, STR(">"))) continue;
        struct arena a;
        arena_init(&a, 0);
        assert_true(answer(w, &a, value, true, &out));
        arena_release(&a);
        without_memory(w, value);
        skipping = true;
    }
    if (getenv("WEIR_GOLDEN_WRITE")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(out.data, 1, out.len, f), out.len);
        fclose(f);
    } else {
        struct str want = text, got = buf_str(&out);
        while (want.len || got.len) {
            struct str x = until(&want, '\n'), y = until(&got, '\n');
            if (!str_eq(x, y)) fail_msg("%s:\nwanted: %.*s\n   got: %.*s", path, STR_ARG(x), STR_ARG(y));
        }
    }
    buf_release(&out);
}

static void golden_files(void **state)
{
    DIR *d = opendir(FOLDER);
    uint32_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".views") != 0) continue;
        check_file(*state, e->d_name);
        n++;
    }
    closedir(d);
    assert_true(n > 0);
}

/* Captured values become literals that mean the same in every character set and sql_mode. */
static void rows_as_literals(void **state)
{
    (void)state;
    struct view_column c[] = {
        {STR("n"), VIEW_NUMBER}, {STR("u"), VIEW_UNSIGNED}, {STR("t"), VIEW_TIME}, {STR("s"), VIEW_TEXT}};
    struct view_columns columns = {c, 4};
    struct sql_options opt = {0};
    struct str fields[] = {STR("-7"),
                           STR("18446744073709551615"),
                           STR("2024-02-29 10:00:00"),
                           STR("it's"),
                           STR_NULL,
                           STR_NULL,
                           STR_NULL,
                           STR_NULL,
                           STR("0"),
                           STR("0"),
                           STR("2024-02-29 10:00:00.50"),
                           STR("caf\xc3\xa9"),
                           STR("1"),
                           STR("1"),
                           STR_NULL,
                           STR("a\\b")};
    struct buf out = {0};
    view_put_rows(&columns, fields, 4, true, &opt, &out);
    buf_put_u8(&out, 0);
    assert_string_equal(
        out.data, "VALUES (-7,CAST(18446744073709551615 AS UNSIGNED),TIMESTAMP'2024-02-29 10:00:00','it''s'),"
                  "(NULL,CAST(NULL AS UNSIGNED),NULL,NULL),"
                  "(0,CAST(0 AS UNSIGNED),TIMESTAMP'2024-02-29 10:00:00.50',_utf8mb4 x'636166c3a9'),"
                  "(1,CAST(1 AS UNSIGNED),NULL,_utf8mb4 x'615c62')");
    buf_reset(&out);
    view_put_rows(&columns, fields, 1, false, &opt, &out);
    assert_true(str_starts_nocase(buf_str(&out), STR("VALUES ROW(-7,")));
    buf_release(&out);
}

static void sizes_are_asked_only_when_seen(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        bool wanted;
    } cases[] = {{"SELECT * FROM t", true},
                 {"SELECT t.* FROM t", true},
                 {"SELECT `data_length` FROM t", true},
                 {"SELECT COUNT(*) FROM t", false},
                 {"SELECT table_name FROM t", false},
                 {"SELECT SUM(Table_Rows) FROM t", true},
                 {"SELECT 'TABLE_ROWS' FROM t", false},
                 {"SELECT 1 FROM t ORDER BY index_length", true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sql_scan s = {0};
        struct sql_options opt = {0};
        assert_int_equal(sql_scan(&s, cases[i].sql, strlen(cases[i].sql), 0, &opt), SQL_OK);
        assert_int_equal(view_wants_sums(&s), cases[i].wanted);
        sql_scan_release(&s);
    }
}

static void sums_replace_what_one_node_says(void **state)
{
    struct world *w = *state;
    struct sql_options opt = {0};
    struct view_filter any = {.schema = {.any = true},
                              .table = {.exact = true, .at = &(struct str){"orders", 6}, .n = 1}};
    struct view_sums sums = {.table = conf_table(conf_schema(w->conf, STR("shop")), STR("orders")),
                             .rows = 12345};
    struct view_ask q = {.conf = w->conf,
                         .def = view_def(STR("tables")),
                         .columns = map_get(&w->columns, STR("TABLES")),
                         .filter = &any,
                         .allowed = w->allowed,
                         .opt = &opt,
                         .sums = &sums,
                         .nsums = 1};
    struct buf out = {0};
    allow(w, STR("shop"));
    assert_int_equal(view_put_branches(&q, 0, q.columns, false, &out),
                     2); /* the system schemas' too: no schema is said */
    assert_true(str_find(buf_str(&out),
                         STR("CASE CAST(TABLE_NAME AS BINARY) WHEN 'orders_0' THEN CAST(12345 AS UNSIGNED) "
                             "ELSE `TABLE_ROWS` END"),
                         0) != SIZE_MAX);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(golden_files, set_up, tear_down),
        cmocka_unit_test(rows_as_literals),
        cmocka_unit_test(sizes_are_asked_only_when_seen),
        cmocka_unit_test_setup_teardown(sums_replace_what_one_node_says, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
