/*
 * fuzz_plan.c - any statement through the router: nothing may crash, and what is sent to a server must parse
 * as the statement did. With parameters, two sets of values are bound: the prepared text of a leg must be the same for both, and have as many `?`
 * as slots.
 *
 * The first byte picks reading options and whether the columns are known. Statements that the parser refuses
 * end there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "router/router.h"

static const char rules[] = "weir: {listen: 127.0.0.1:4406}\n"
                            "users: {app: {password: app}}\n"
                            "sources:\n  s0: {address: 127.0.0.1:4411, user: w, password: w}\n  s1: "
                            "{address: 127.0.0.1:4412, user: w, password: w}\n"
                            "algorithms:\n  m: {type: mod}\n  h: {type: hash, key: string}\n  r: {type: "
                            "range, boundaries: [min, 1, 2, max]}\n"
                            "sequences: {ids: {source: s0}}\n"
                            "schemas:\n  d:\n    default_source: s0\n    databases: {s1: d_b}\n    tables:\n"
                            "      t: {nodes: 's${0..1}.d.t_${0..1}', shard_by: a, algorithm: m, generated: "
                            "{column: id, sequence: ids}}\n"
                            "      u: {nodes: 's${0..1}.d.u_${0..1}', shard_by: a, algorithm: m}\n"
                            "      h: {nodes: 's${0..1}.d.h', shard_by: b, algorithm: h}\n"
                            "      r: {nodes: 's0.d.r_${0..2}', shard_by: a, algorithm: r}\n"
                            "      c: {broadcast: all}\n      w: {source: s1}\n"
                            "    groups: [[t, u]]\n";

static struct conf *conf;
static struct router *router;
static struct catalog *catalog;

static void set_up(void)
{
    static struct cat_column cols[4];
    static const char *const tables[] = {"t", "u", "h", "r", "c", "w", "p"};
    struct diag d;
    diag_init(&d);
    conf = conf_load_text(STR(rules), STR("rules"), &d);
    if (conf) router = router_new(conf, &d);
    catalog = catalog_new(1);
    if (!router || !catalog) abort();
    cols[0] = (struct cat_column){.name = STR("id"), .type = STR("bigint(20)"), .cls = CAT_INT};
    cols[1] = (struct cat_column){.name = STR("a"), .type = STR("int(11)"), .cls = CAT_INT};
    cols[2] = (struct cat_column){.name = STR("b"),
                                  .type = STR("varchar(20)"),
                                  .collation = STR("utf8mb4_general_ci"),
                                  .cls = CAT_TEXT};
    cols[3] = (struct cat_column){.name = STR("e"), .type = STR("enum('x','y')"), .cls = CAT_ENUM};
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        struct cat_table t = {.schema = STR("d"), .name = str_of(tables[i]), .columns = cols, .ncolumns = 4};
        if (!catalog_add(catalog, &t)) abort();
    }
}

/* ---- parameters ---- */

enum { MAX_VALUES = 64 };

static void make_values(struct value *v, uint32_t seed)
{
    static const struct value kinds[] = {{.kind = VALUE_INT, .i = 1},
                                         {.kind = VALUE_NULL},
                                         {.kind = VALUE_INT, .i = 0},
                                         {.kind = VALUE_STRING, .s = {"1", 1}},
                                         {.kind = VALUE_INT, .i = -7},
                                         {.kind = VALUE_STRING, .s = {"x", 1}},
                                         {.kind = VALUE_FLOAT, .s = {"2e0", 3}},
                                         {.kind = VALUE_UINT, .u = UINT64_MAX},
                                         {.kind = VALUE_DECIMAL, .s = {"1.50", 4}},
                                         {.kind = VALUE_STRING, .i = VALUE_IS_TEMPORAL, .s = {"2024-01-02", 10}},
                                         {.kind = VALUE_BYTES, .s = {"\1\2", 2}},
                                         {.kind = VALUE_STRING, .s = {NULL, 0}},
                                         {.kind = VALUE_UNKNOWN}};
    for (uint32_t i = 0; i < MAX_VALUES; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = kinds[(seed >> 16) % COUNT_OF(kinds)];
    }
}

/* Parses, and has a slot for each `?`. */
static void check_prepared(const struct plan *p, const struct buf *out, const struct plan_slots *slots, struct arena *a)
{
    struct sql_scan s = {0};
    struct sql_stmt *stmt;
    struct fault f = {0};
    if (out->failed || sql_scan(&s, out->data, out->len, 0, &plan_info(p)->scan->opt) != SQL_OK) abort();
    if (sql_parse(&s, a, &stmt, &f) == SQL_ERROR && f.code == 1064) {
        fprintf(stderr, "does not parse: %.*s\n%.*s\n", (int)out->len, out->data, STR_ARG(f.message));
        abort();
    }
    if (s.nparams != slots->n) {
        fprintf(stderr, "%u slots: %.*s\n", slots->n, (int)out->len, out->data);
        abort();
    }
    for (uint32_t i = 0; i < slots->n; i++)
        if (slots->at[i].kind == PLAN_SLOT_PARAM && slots->at[i].param >= plan_info(p)->nparams) abort();
    sql_scan_release(&s);
}

static bool bind_values(const struct plan *p, const struct plan_facts *facts, struct arena *a, struct bound *b)
{
    struct fault f = {0};
    uint64_t ids = 0;
    const struct sql_scan *scan = plan_info(p)->scan;
    return plan_count_ids_with(p, scan, facts, a, &ids, &f) == SQL_OK && plan_bind_with(p, scan, facts, ids ? 7 : 0, a, b, &f) == SQL_OK;
}

static bool same_leg(const struct plan_leg *x, const struct plan_leg *y)
{
    if (x->source != y->source || x->shard != y->shard || x->nrows != y->nrows || !x->rows != !y->rows) return false;
    return !x->rows || memcmp(x->rows, y->rows, x->nrows * sizeof *x->rows) == 0;
}

static void check_params(const struct plan *p, uint32_t seed, struct arena *a)
{
    struct value v[2][MAX_VALUES];
    struct bound b[2];
    bool bound[2];
    struct plan_facts facts[2];
    const struct sql_scan *scan = plan_info(p)->scan;
    for (uint32_t i = 0; i < 2; i++) {
        make_values(v[i], seed + i * 77);
        facts[i] = (struct plan_facts){.user = STR("u"), .current_user = STR("u"), .opt = &scan->opt, .params = v[i], .nparams = MAX_VALUES, .last_insert_id = i};
        bound[i] = bind_values(p, &facts[i], a, &b[i]);
        for (uint32_t j = 0; bound[i] && j < b[i].nlegs; j++) {
            struct plan_slots slots = {0};
            struct buf out = {0};
            plan_render_prepared(&b[i], scan, &b[i].legs[j], &facts[i], a, &slots, &out);
            check_prepared(p, &out, &slots, a);
            buf_release(&out);
        }
    }
    struct fault f = {0};
    struct bound probe;
    if (plan_probe(p, a, &probe, &f) == SQL_OK) {
        struct plan_slots slots = {0};
        struct buf out = {0};
        if (probe.nlegs != 1) abort();
        plan_render_prepared(&probe, scan, &probe.legs[0], &facts[0], a, &slots, &out);
        check_prepared(p, &out, &slots, a);
        buf_release(&out);
    } else if (bound[0] || bound[1]) {
        abort(); /* a leg was complete */
    }
    if (!bound[0] || !bound[1] || b[0].merged != b[1].merged) return;
    for (uint32_t i = 0; i < b[0].nlegs; i++)
        for (uint32_t j = 0; j < b[1].nlegs; j++) {
            if (!same_leg(&b[0].legs[i], &b[1].legs[j])) continue;
            struct plan_slots slots[2] = {{0}, {0}};
            struct buf out[2] = {{0}, {0}};
            plan_render_prepared(&b[0], scan, &b[0].legs[i], &facts[0], a, &slots[0], &out[0]);
            plan_render_prepared(&b[1], scan, &b[1].legs[j], &facts[1], a, &slots[1], &out[1]);
            if (!str_eq(buf_str(&out[0]), buf_str(&out[1]))) {
                fprintf(stderr, "the text depends on values: %.*s\n%.*s\n", (int)out[0].len, out[0].data, (int)out[1].len, out[1].data);
                abort();
            }
            buf_release(&out[0]);
            buf_release(&out[1]);
        }
}

static void check_load(const struct plan *p, uint32_t seed, struct arena *a)
{
    const struct plan_load *l = plan_load(p);
    struct value v[MAX_VALUES];
    struct fault f = {0};
    if (!l || !l->nkeys) return;
    make_values(v, seed);
    int64_t s = plan_load_shard(p, v, a, &f);
    if (s >= (int64_t)l->table->nnodes || (s < 0 && !f.code)) abort();
}

static void check_legs(const struct plan *p, const struct sql_scan *scan, struct arena *a)
{
    struct bound b;
    struct fault f = {0};
    uint64_t ids = 0;
    struct plan_facts facts = {.user = STR("u'\\"), .current_user = STR("u"), .opt = &scan->opt};
    if (plan_count_ids(p, scan, a, &ids, &f) != SQL_OK) return;
    if (plan_bind_with(p, scan, &facts, ids ? 7 : 0, a, &b, &f) != SQL_OK) return;
    if (!b.nlegs) abort();
    for (uint32_t i = 0; i < b.nlegs; i++) {
        struct buf out = {0};
        struct sql_scan s = {0};
        struct sql_stmt *stmt;
        plan_render(&b, scan, &b.legs[i], &facts, &out);
        if (out.failed) abort();
        if (sql_scan(&s, out.data, out.len, 0, &scan->opt) != SQL_OK) abort();
        if (sql_parse(&s, a, &stmt, &f) == SQL_ERROR && f.code == 1064) {
            fprintf(stderr, "does not parse: %.*s\n%.*s\n", (int)out.len, out.data, STR_ARG(f.message));
            abort();
        }
        sql_scan_release(&s);
        buf_release(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct sql_scan s = {0};
    struct plan *p = NULL;
    struct fault f = {0};
    struct buf out = {0};
    if (!conf) set_up();
    if (size < 2 || size > 4096) return 0;
    struct sql_options opt = {.ansi_quotes = data[0] & 1,
                              .no_backslash_escapes = data[0] & 2,
                              .pipes_as_concat = data[0] & 4,
                              .mariadb = data[0] & 8};
    struct plan_env env = {.router = router,
                           .catalog = data[0] & 16 ? NULL : catalog,
                           .schema = data[0] & 32 ? STR("") : STR("d")};
    arena_init(&a, 64 << 20);
    if (sql_scan(&s, (const char *)data + 1, size - 1, 0, &opt) == SQL_OK &&
        plan_build(&env, &s, &a, &p, &f) == SQL_OK) {
        plan_explain(p, &s, &a, data[0] & 64, &out);
        if (plan_info(p)->kind == PLAN_ROUTED) {
            check_legs(p, &s, &a);
            check_params(p, (uint32_t)size * 31 + data[size - 1], &a);
            check_load(p, (uint32_t)size * 17 + data[size / 2], &a);
        }
        plan_unref(p);
    }
    sql_scan_release(&s);
    buf_release(&out);
    arena_release(&a);
    return 0;
}
