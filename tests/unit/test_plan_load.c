/*
 * test_plan_load.c - what a LOAD DATA LOCAL plan says to the one who splits the file: the format with MySQL's defaults, which field gives which
 * shard column and the id, and the leg of a row. The texts of the legs are in tests/golden/plan/load.plan.
 */
#include "tests/unit/test_plan_kit.h"

struct loaded {
    struct world w;
    struct arena a;
    struct sql_scan s;
    struct plan *p;
    const struct plan_load *l;
    struct sql_options opt;
    bool foreign, keep_zero;
};

static void load(struct loaded *x, const char *sql)
{
    struct fault f = {0};
    struct plan_env env = {.router = x->w.router, .catalog = x->w.catalog, .schema = STR("shop"), .foreign_charset = x->foreign,
                           .no_auto_value_on_zero = x->keep_zero};
    plan_unref(x->p);
    assert_int_equal(sql_scan(&x->s, sql, strlen(sql), 0, &x->opt), SQL_OK);
    assert_int_equal(plan_build(&env, &x->s, &x->a, &x->p, &f), SQL_OK);
    const struct plan_info *info = plan_info(x->p);
    if (info->kind == PLAN_REFUSED) fail_msg("%s: %.*s", sql, STR_ARG(info->fault->message));
    assert_int_equal(info->cls, PLAN_WRITE);
    assert_true(info->flags & PLAN_LOAD_LOCAL);
    x->l = plan_load(x->p);
    assert_int_equal(x->l != NULL, (info->flags & PLAN_LOAD_SPLIT) != 0);
}

static int set_up(void **state)
{
    static struct loaded x;
    x = (struct loaded){.opt = {.mariadb = true}};
    arena_init(&x.a, 0);
    open_world(&x.w, &x.a);
    *state = &x;
    return 0;
}
static int tear_down(void **state)
{
    struct loaded *x = *state;
    plan_unref(x->p);
    sql_scan_release(&x->s);
    close_world(&x->w);
    arena_release(&x->a);
    return 0;
}

static void is(struct str s, const char *wanted)
{
    struct str w = str_of(wanted);
    if (!str_eq(s, w)) fail_msg("wanted '%s', got '%.*s'", wanted, STR_ARG(s));
}

static void format(void **state)
{
    struct loaded *x = *state;
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items (id, customer_id)");
    is(x->l->fields_terminated, "\t");
    is(x->l->fields_enclosed, "");
    is(x->l->fields_escaped, "\\");
    is(x->l->lines_starting, "");
    is(x->l->lines_terminated, "\n");
    is(x->l->charset, "");
    assert_int_equal(x->l->ignore_lines, 0);
    assert_false(x->l->ignore || x->l->replace || x->l->has_id);
    load(x, "LOAD DATA LOCAL INFILE 'f' REPLACE INTO TABLE items CHARACTER SET latin1 FIELDS TERMINATED BY 0x2c OPTIONALLY ENCLOSED BY '\\'' ESCAPED BY '' "
            "LINES STARTING BY 'xx' TERMINATED BY '\\r\\n' IGNORE 12 LINES (id, customer_id)");
    is(x->l->fields_terminated, ",");
    is(x->l->fields_enclosed, "'");
    assert_true(x->l->fields_optionally);
    is(x->l->fields_escaped, "");
    is(x->l->lines_starting, "xx");
    is(x->l->lines_terminated, "\r\n");
    is(x->l->charset, "latin1");
    assert_int_equal(x->l->ignore_lines, 12);
    assert_true(x->l->replace);
    x->opt.no_backslash_escapes = true; /* no default escape then; one that is written counts */
    load(x, "LOAD DATA LOCAL INFILE 'f' IGNORE INTO TABLE items (id, customer_id)");
    is(x->l->fields_escaped, "");
    assert_true(x->l->ignore);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items FIELDS ESCAPED BY '\\' (id, customer_id)");
    is(x->l->fields_escaped, "\\");
}

static void columns(void **state)
{
    struct loaded *x = *state;
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items");
    assert_int_equal(x->l->ncolumns, 6);
    is(x->l->columns[2], "customer_id");
    assert_int_equal(x->l->nkeys, 1);
    assert_int_equal(x->l->keys[0].from, PLAN_LOAD_FIELD);
    assert_int_equal(x->l->keys[0].field, 2);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items (id, @C, @d, @c) SET customer_id = @c"); /* the last one counts */
    is(x->l->columns[1], "@C");
    assert_int_equal(x->l->keys[0].field, 3);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items (customer_id) SET customer_id = 5"); /* over what was read */
    assert_int_equal(x->l->keys[0].from, PLAN_LOAD_VALUE);
    assert_int_equal(x->l->keys[0].value.i, 5);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE countries (code)");
    assert_int_equal(x->l->nkeys, 0);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE plain (id)");
    assert_null(x->l);
}

static void ids(void **state)
{
    struct loaded *x = *state;
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders (customer_id)");
    assert_true(x->l->has_id && x->l->id_zero);
    assert_int_equal(x->l->id.from, PLAN_LOAD_IDS);
    assert_int_equal(plan_info(x->p)->sequence, 0);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders (total, id, customer_id)");
    assert_int_equal(x->l->id.from, PLAN_LOAD_FIELD);
    assert_int_equal(x->l->id.field, 1);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders (customer_id) SET id = '9'");
    assert_int_equal(x->l->id.from, PLAN_LOAD_VALUE);
    x->keep_zero = true;
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders (customer_id) SET id = 0");
    assert_int_equal(x->l->id.from, PLAN_LOAD_VALUE);
    assert_false(x->l->id_zero);
}

static void legs(void **state)
{
    struct loaded *x = *state;
    struct bound b;
    struct fault f = {0};
    struct buf with = {0}, without = {0};
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders (customer_id)");
    assert_int_equal(plan_bind(x->p, &x->s, 0, &x->a, &b, &f), SQL_OK);
    assert_int_equal(b.nlegs, 4);
    for (uint32_t i = 0; i < b.nlegs; i++) assert_int_equal(b.legs[i].shard, i);
    plan_render_load(x->p, &x->s, &b.legs[1], NULL, true, &with);
    plan_render_load(x->p, &x->s, &b.legs[1], NULL, false, &without);
    is(buf_str(&with), "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders_1 (`id`, `customer_id`)");
    is(buf_str(&without), "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders_1 (`customer_id`)");
    buf_release(&with);
    buf_release(&without);
}

static int64_t shard_of(struct loaded *x, const char *text, struct fault *f)
{
    struct value v = {.kind = text ? VALUE_STRING : VALUE_NULL, .s = str_of(text)};
    *f = (struct fault){0};
    return plan_load_shard(x->p, &v, &x->a, f);
}

static void rows(void **state)
{
    struct loaded *x = *state;
    struct fault f;
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items (id, customer_id)");
    const struct conf_table *t = x->l->table;
    for (int64_t i = -9; i < 50; i++) {
        char text[8];
        struct value v = {.kind = VALUE_INT, .i = i};
        (void)snprintf(text, sizeof text, "%d", (int)i);
        assert_int_equal(shard_of(x, text, &f), router_shard_of(x->w.router, t, NULL, &v, 1, &x->a, &f));
    }
    assert_int_equal(shard_of(x, "7 ", &f), 3);
    static const struct {
        const char *text;
        uint16_t code;
    } bad[] = {{NULL, 1048}, {"", 1235}, {"7x", 1235}, {"7\r", 1235}, {"99999999999", 1235}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(shard_of(x, bad[i].text, &f), -1);
        assert_int_equal(f.code, bad[i].code);
    }
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE ranged (n)");
    assert_int_equal(shard_of(x, "150", &f), 1);
    assert_int_equal(shard_of(x, "300", &f), -1);
    assert_int_equal(f.code, 1526);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE visits (seen_at)");
    assert_int_equal(shard_of(x, "2024-03-31 23:59:59", &f), 2);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE items (id) SET customer_id = 6"); /* what is given does not matter */
    assert_int_equal(shard_of(x, "1", &f), 2);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE pairs (thread, room)");
    struct value two[2] = {{.kind = VALUE_STRING, .s = STR("5")}, {.kind = VALUE_STRING, .s = STR("x")}};
    struct value same[2] = {{.kind = VALUE_INT, .i = 5}, two[1]};
    struct cat_table *meta = (struct cat_table *)(uintptr_t)catalog_table(x->w.catalog, STR("shop"), STR("pairs"));
    assert_int_equal(plan_load_shard(x->p, two, &x->a, &f), router_shard_of(x->w.router, x->l->table, meta, same, 2, &x->a, &f));
}

/* The text of a file that does not say its character set is known only as far as it is ASCII. */
static void character_sets(void **state)
{
    struct loaded *x = *state;
    struct fault f;
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE tokens (token)");
    assert_true(shard_of(x, "abc", &f) >= 0);
    assert_int_equal(shard_of(x, "Zo\xc3\xab", &f), -1);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE tokens CHARACTER SET 'utf8mb4' (token)");
    assert_true(shard_of(x, "Zo\xc3\xab", &f) >= 0);
    x->foreign = true; /* the client's character set is that of constants, not of the file */
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE tokens CHARACTER SET utf8mb4 (token)");
    assert_true(shard_of(x, "Zo\xc3\xab", &f) >= 0);
    load(x, "LOAD DATA LOCAL INFILE 'f' INTO TABLE tokens CHARACTER SET utf8mb4 (owner) SET token = 'Zo\xc3\xab'");
    assert_int_equal(shard_of(x, "", &f), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(format, set_up, tear_down),  cmocka_unit_test_setup_teardown(columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids, set_up, tear_down),     cmocka_unit_test_setup_teardown(legs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows, set_up, tear_down),    cmocka_unit_test_setup_teardown(character_sets, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
