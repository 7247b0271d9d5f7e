/*
 * test_plan_cache.c - the plan cache: found only when everything agrees, guards, last use, caps; a hit
 * allocates nothing; and what happens when memory runs out at any point of building, binding and rendering.
 */
#include "tests/unit/test_plan_kit.h"

static struct sql_options options = {.mariadb = true};

static void scan_text(struct sql_scan *s, const char *sql)
{
    assert_int_equal(sql_scan(s, sql, strlen(sql), 0, &options), SQL_OK);
}

static struct plan *build(struct world *w, const struct plan_env *env, const struct sql_scan *s,
                          struct arena *a)
{
    struct plan *p = NULL;
    struct fault f = {0};
    (void)w;
    if (plan_build(env, s, a, &p, &f) != SQL_OK) fail_msg("%.*s", STR_ARG(f.message));
    return p;
}

static void check_text(const struct plan *p, const struct sql_scan *s, struct arena *a, uint32_t leg,
                       const char *want)
{
    struct bound b;
    struct fault f = {0};
    struct plan_facts facts = {0};
    struct buf out = {0};
    assert_int_equal(plan_bind(p, s, 0, a, &b, &f), SQL_OK);
    assert_true(leg < b.nlegs);
    plan_render(&b, s, &b.legs[leg], &facts, &out);
    if (!str_eq(buf_str(&out), str_of(want))) fail_msg("wanted %s, got %.*s", want, (int)out.len, out.data);
    buf_release(&out);
}

static void other_literals(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    scan_text(&s, "SELECT id FROM orders WHERE customer_id = 7 /* x */ LIMIT 3");
    struct plan *p = build(&w, &env, &s, &a);
    assert_null(plan_cache_get(w.cache, &env, &s));
    plan_cache_put(w.cache, &env, &s, p);
    plan_unref(p);
    scan_text(&s, "select id FROM orders  WHERE customer_id = 105 limit  9");
    p = plan_cache_get(w.cache, &env, &s);
    if (!p) { /* keywords count by number: found; the key is the parser's business, so only the text is
                 checked when not */
        p = build(&w, &env, &s, &a);
        plan_cache_put(w.cache, &env, &s, p);
        plan_unref(p);
        p = plan_cache_get(w.cache, &env, &s);
    }
    check_text(p, &s, &a, 0, "select id FROM orders_1 AS orders  WHERE customer_id = 105 limit  9");
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

/* The shard, the limit and the hidden expression all follow the literals of the statement at hand. */
static void one_plan_many_statements(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    scan_text(&s, "SELECT v FROM ranged WHERE n < 200 ORDER BY n * 2 LIMIT 5, 10");
    struct plan *p = build(&w, &env, &s, &a);
    check_text(p, &s, &a, 1, "SELECT v, n * 2 FROM ranged_1 AS ranged WHERE n < 200 ORDER BY n * 2 LIMIT 15");
    scan_text(&s, "SELECT v FROM ranged WHERE n < 101 ORDER BY n * 30 LIMIT 1, 2");
    check_text(p, &s, &a, 1,
               "SELECT v, n * 30 FROM ranged_1 AS ranged WHERE n < 101 ORDER BY n * 30 LIMIT 3");
    scan_text(&s,
              "SELECT v FROM ranged WHERE n < 100 ORDER BY n * 30 LIMIT 1, 2"); /* one shard: its own text */
    check_text(p, &s, &a, 0, "SELECT v FROM ranged_0 AS ranged WHERE n < 100 ORDER BY n * 30 LIMIT 1, 2");
    plan_unref(p);
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

static void guards(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    scan_text(&s, "SELECT v, n FROM ranged ORDER BY 2");
    struct plan *two = build(&w, &env, &s, &a);
    plan_cache_put(w.cache, &env, &s, two);
    assert_true(plan_accepts(two, &s));
    scan_text(&s, "SELECT v, n FROM ranged ORDER BY 1");
    assert_false(plan_accepts(two, &s));
    assert_null(plan_cache_get(w.cache, &env, &s)); /* column 1 is another plan */
    struct plan *one = build(&w, &env, &s, &a);
    plan_cache_put(w.cache, &env, &s, one);
    assert_ptr_equal(plan_cache_get(w.cache, &env, &s), one);
    assert_true(plan_info(one)->merge->order[0].value.index == 0 &&
                plan_info(two)->merge->order[0].value.index == 1);
    scan_text(&s, "SELECT v, n FROM ranged ORDER BY 2");
    assert_ptr_equal(plan_cache_get(w.cache, &env, &s), two); /* both are kept */
    plan_unref(one);
    plan_unref(two);
    /* Literals that make an expression a group key, or not: a refusal of one must not hit the other. */
    scan_text(&s, "SELECT n * 2, COUNT(*) FROM ranged GROUP BY n * 3");
    two = build(&w, &env, &s, &a);
    assert_int_equal(plan_bind(two, &s, 0, &a, &(struct bound){0}, &(struct fault){0}), SQL_ERROR);
    plan_cache_put(w.cache, &env, &s, two);
    plan_unref(two);
    scan_text(&s, "SELECT n * 2, COUNT(*) FROM ranged GROUP BY n * 2");
    assert_null(plan_cache_get(w.cache, &env, &s));
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

static void nothing_else_agrees(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")}, e2 = env;
    scan_text(&s, "SELECT 1 FROM shop.plain");
    struct plan *p = build(&w, &env, &s, &a);
    plan_cache_put(w.cache, &env, &s, p);
    plan_unref(p);
    assert_non_null(plan_cache_get(w.cache, &env, &s));
    e2.schema = STR("other");
    assert_null(plan_cache_get(w.cache, &e2, &s));
    e2 = env;
    e2.catalog = NULL;
    assert_null(plan_cache_get(w.cache, &e2, &s));
    e2 = env;
    e2.no_auto_value_on_zero = true;
    assert_null(plan_cache_get(w.cache, &e2, &s));
    s.opt.ansi_quotes = true;
    assert_null(plan_cache_get(w.cache, &env, &s));
    s.opt.ansi_quotes = false;
    assert_non_null(plan_cache_get(w.cache, &env, &s));
    scan_text(&s, "BEGIN"); /* the session's own are not kept */
    p = build(&w, &env, &s, &a);
    plan_cache_put(w.cache, &env, &s, p);
    assert_null(plan_cache_get(w.cache, &env, &s));
    plan_unref(p);
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

static void caps(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    struct plan_cache_stats st;
    char sql[64];
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    struct plan_cache *c = plan_cache_new(3, 0);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT c%d FROM plain", i);
        scan_text(&s, sql);
        struct plan *p = build(&w, &env, &s, &a);
        plan_cache_put(c, &env, &s, p);
        plan_unref(p);
        scan_text(&s, "SELECT c0 FROM plain"); /* used again and again: it stays */
        assert_non_null(plan_cache_get(c, &env, &s));
    }
    plan_cache_stats(c, &st);
    assert_int_equal(st.entries, 3);
    assert_int_equal(st.evictions, 7);
    assert_int_equal(st.hits, 10);
    scan_text(&s, "SELECT c3 FROM plain");
    assert_null(plan_cache_get(c, &env, &s));
    plan_cache_clear(c);
    plan_cache_stats(c, &st);
    assert_true(st.entries == 0 && st.bytes == 0);
    plan_cache_free(c);
    c = plan_cache_new(1000, 20000); /* by bytes */
    for (int i = 0; i < 20; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT c%d FROM plain", i);
        scan_text(&s, sql);
        struct plan *p = build(&w, &env, &s, &a);
        plan_cache_put(c, &env, &s, p);
        plan_unref(p);
        plan_cache_stats(c, &st);
        assert_true(st.bytes <= 20000);
    }
    assert_true(st.evictions > 0);
    plan_cache_free(c);
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

static void no_allocation_on_a_hit(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    struct buf out = {0};
    struct plan_facts facts = {0};
    static const char *const texts[] = {
        "SELECT name FROM customers WHERE id = 12", "UPDATE orders SET total = 5 WHERE customer_id = 9",
        "SELECT id FROM plain WHERE id = 4", "INSERT INTO items (id, customer_id) VALUES (1, 2)"};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        scan_text(&s, texts[i]);
        struct plan *p = build(&w, &env, &s, &a);
        plan_cache_put(w.cache, &env, &s, p);
        plan_unref(p);
        for (int round = 0; round < 3; round++) {
            uint64_t before = mem_count();
            struct bound b;
            struct fault f;
            scan_text(&s, texts[i]);
            p = plan_cache_get(w.cache, &env, &s);
            assert_non_null(p);
            assert_int_equal(plan_bind(p, &s, 0, &a, &b, &f), SQL_OK);
            buf_reset(&out);
            plan_render(&b, &s, &b.legs[0], &facts, &out);
            arena_reset(&a);
            if (round) assert_int_equal(mem_count() - before, 0);
        }
    }
    buf_release(&out);
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

/* An execute of a prepared statement: one kept plan, values from the packet, the text and its slots. */
static void no_allocation_in_an_execute(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    struct buf out = {0};
    static const char *const texts[] = {"SELECT name FROM customers WHERE id = ?", "UPDATE orders SET total = 5 WHERE customer_id = ?",
                                        "SELECT id FROM plain WHERE id = ?", "INSERT INTO items (customer_id) VALUES (?)",
                                        "SELECT id FROM orders WHERE customer_id IN (1, ?) ORDER BY id LIMIT 5"};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        scan_text(&s, texts[i]);
        struct plan *p = build(&w, &env, &s, &a);
        const struct plan_info *info = plan_info(p);
        for (int64_t round = 0; round < 8; round++) {
            uint64_t before = mem_count();
            struct bound b;
            struct fault f;
            struct value v = {.kind = VALUE_INT, .i = round};
            struct plan_facts facts = {.params = &v, .nparams = 1};
            assert_int_equal(plan_bind_with(p, info->scan, &facts, 0, &a, &b, &f), SQL_OK);
            for (uint32_t j = 0; j < b.nlegs; j++) {
                struct plan_slots slots = {0};
                buf_reset(&out);
                plan_render_prepared(&b, info->scan, &b.legs[j], &facts, &a, &slots, &out);
                assert_true(slots.n >= 1);
                assert_int_equal(slots.at[0].kind, PLAN_SLOT_PARAM);
            }
            arena_reset(&a);
            if (round) assert_int_equal(mem_count() - before, 0);
        }
        plan_unref(p);
    }
    buf_release(&out);
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

static void out_of_memory(void **state)
{
    struct world w;
    struct arena a;
    struct sql_scan s = {0};
    static const char *const texts[] = {
        "SELECT v, COUNT(*) c, MAX(v), AVG(n) FROM ranged WHERE n IN (1, 150, 260) GROUP BY v ORDER BY c "
        "DESC LIMIT 5",
        "INSERT INTO orders (customer_id, total) VALUES (1, 2), (2, 3), (3, LAST_INSERT_ID())",
        "SELECT o.id FROM orders o LEFT JOIN items i ON i.customer_id = o.customer_id WHERE o.customer_id "
        "BETWEEN 1 AND 2 OR o.customer_id = '9' ORDER BY o.note",
        "CREATE TABLE items (customer_id INT, CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES orders "
        "(customer_id))",
        "SELECT id FROM orders WHERE customer_id IN (?, ?) AND note = USER() ORDER BY CONCAT(note, ?) LIMIT ?",
        "INSERT INTO orders (id, customer_id) VALUES (NULL, ?), (? + 1, ?)",
        "LOAD DATA LOCAL INFILE 'x' INTO TABLE orders (total, @c) SET customer_id = @c, note = USER()"};
    const struct value values[4] = {{.kind = VALUE_INT, .i = 1}, {.kind = VALUE_INT, .i = 2}, {.kind = VALUE_STRING, .s = STR("3")}, {.kind = VALUE_INT, .i = 9}};
    const struct plan_facts facts = {.params = values, .nparams = 4};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    struct plan_env env = {.router = w.router, .catalog = w.catalog, .schema = STR("shop")};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        bool done = false;
        scan_text(&s, texts[i]);
        for (uint64_t n = 1; !done && n < 2000; n++) {
            struct arena scratch;
            struct plan *p = NULL;
            struct fault f = {0};
            struct bound b;
            struct buf out = {0};
            uint64_t ids = 0;
            arena_init(&scratch, 0);
            mem_fail_at(n);
            enum sql_status st = plan_build(&env, &s, &scratch, &p, &f);
            if (st == SQL_OK) st = plan_count_ids_with(p, &s, &facts, &scratch, &ids, &f);
            if (st == SQL_OK) st = plan_bind_with(p, &s, &facts, ids ? 100 : 0, &scratch, &b, &f);
            if (st == SQL_OK) {
                struct plan_slots slots = {0};
                for (uint32_t j = 0; j < b.nlegs; j++) {
                    plan_render(&b, &s, &b.legs[j], NULL, &out);
                    plan_render_prepared(&b, &s, &b.legs[j], &facts, &scratch, &slots, &out);
                }
                done = !out.failed;
            }
            if (st == SQL_OK) {
                struct bound probe;
                st = plan_probe(p, &scratch, &probe, &f);
                done &= st == SQL_OK;
            }
            if (st == SQL_OK && plan_load(p)) {
                int64_t shard = plan_load_shard(p, values, &scratch, &f);
                if (shard < 0) st = SQL_NOMEM;
                done &= shard >= 0;
            }
            mem_fail_at(0);
            if (st != SQL_OK) {
                assert_int_equal(st, SQL_NOMEM);
                assert_int_equal(f.code, 1037);
            }
            plan_unref(p);
            buf_release(&out);
            arena_release(&scratch);
        }
        assert_true(done);
    }
    close_world(&w);
    sql_scan_release(&s);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_literals), cmocka_unit_test(one_plan_many_statements),
        cmocka_unit_test(guards),         cmocka_unit_test(nothing_else_agrees),
        cmocka_unit_test(caps),           cmocka_unit_test(no_allocation_on_a_hit),
        cmocka_unit_test(no_allocation_in_an_execute),
        cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
