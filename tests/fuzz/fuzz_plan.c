/*
 * fuzz_plan.c - any statement through the router: nothing may crash, and what is sent to a server must parse
 * as the statement did.
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
        if (plan_info(p)->kind == PLAN_ROUTED) check_legs(p, &s, &a);
        plan_unref(p);
    }
    sql_scan_release(&s);
    buf_release(&out);
    arena_release(&a);
    return 0;
}
