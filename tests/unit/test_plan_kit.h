/*
 * test_plan_kit.h - the world that plan tests play in: rules and columns from tests/golden/plan/, read once a
 * test.
 */
#ifndef WEIR_TEST_PLAN_KIT_H
#define WEIR_TEST_PLAN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "router/router.h"

#define DIR_NAME "tests/golden/plan"

struct world {
    struct conf *conf;
    struct router *router;
    struct catalog *catalog;
    struct plan_cache *cache;
    struct str schema;
    bool with_catalog, json;
};

static inline struct str read_all(struct arena *a, const char *path)
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

static inline struct str next_line(struct str *rest)
{
    size_t e = str_find(*rest, STR("\n"), 0);
    struct str line = {rest->ptr, e == SIZE_MAX ? rest->len : e};
    size_t used = e == SIZE_MAX ? rest->len : e + 1;
    rest->ptr += used;
    rest->len -= used;
    return line;
}

static inline struct str word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t depth = 0, i = 0;
    for (; i < rest->len && (depth || rest->ptr[i] != ' '); i++)
        depth += (rest->ptr[i] == '(') - (size_t)(rest->ptr[i] == ')');
    struct str w = {rest->ptr, i};
    rest->ptr += i;
    rest->len -= i;
    return w;
}

static inline enum cat_class class_of(struct str type, bool *is_text)
{
    static const struct {
        const char *name;
        enum cat_class cls;
    } names[] = {{"int", CAT_INT},
                 {"bigint", CAT_INT},
                 {"tinyint", CAT_INT},
                 {"decimal", CAT_DECIMAL},
                 {"float", CAT_FLOAT},
                 {"double", CAT_FLOAT},
                 {"bit", CAT_BIT},
                 {"year", CAT_YEAR},
                 {"datetime", CAT_DATETIME},
                 {"date", CAT_DATE},
                 {"timestamp", CAT_TIMESTAMP},
                 {"time", CAT_TIME},
                 {"enum", CAT_ENUM},
                 {"set", CAT_SET},
                 {"varchar", CAT_TEXT},
                 {"char", CAT_TEXT},
                 {"text", CAT_TEXT},
                 {"varbinary", CAT_BINARY},
                 {"binary", CAT_BINARY},
                 {"json", CAT_JSON}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_starts_nocase(type, str_of(names[i].name))) {
            *is_text = names[i].cls == CAT_TEXT;
            return names[i].cls;
        }
    return CAT_OTHER;
}

static inline void read_column(struct arena *a, struct str def, struct cat_column *c)
{
    bool text;
    c->name = word(&def);
    c->type = word(&def);
    c->cls = class_of(c->type, &text);
    c->nullable = true;
    if (text) c->collation = word(&def);
    for (struct str w = word(&def); w.len; w = word(&def)) {
        if (str_eq(w, STR("unsigned"))) {
            c->cls = CAT_UINT;
            c->type = arena_printf(a, STR_FMT " unsigned", STR_ARG(c->type));
        }
        c->primary |= str_eq(w, STR("pk"));
        c->auto_increment |= str_eq(w, STR("auto"));
        c->invisible |= str_eq(w, STR("invisible"));
    }
    if (c->cls == CAT_DECIMAL) (void)sscanf(c->type.ptr, "decimal(%u,%u", &c->precision, &c->scale);
}

static inline void read_columns(struct world *w, struct arena *a)
{
    struct str rest = read_all(a, DIR_NAME "/columns.txt");
    w->catalog = catalog_new(1);
    assert_non_null(w->catalog);
    while (rest.len) {
        struct str line = next_line(&rest);
        size_t colon = str_find(line, STR(":"), 0), dot = str_find(line, STR("."), 0);
        if (!line.len || line.ptr[0] == '#') continue;
        struct cat_column cols[32];
        uint32_t pk[1] = {0};
        struct cat_table t = {.schema = {line.ptr, dot},
                              .name = {line.ptr + dot + 1, colon - dot - 1},
                              .columns = cols,
                              .primary = pk};
        memset(cols, 0, sizeof cols);
        struct str defs = {line.ptr + colon + 1, line.len - colon - 1};
        while (defs.len) {
            size_t e = str_find(defs, STR(";"), 0);
            struct str def = {defs.ptr, e == SIZE_MAX ? defs.len : e};
            read_column(a, def, &cols[t.ncolumns++]);
            defs.ptr += e == SIZE_MAX ? defs.len : e + 1;
            defs.len -= e == SIZE_MAX ? defs.len : e + 1;
        }
        assert_true(catalog_add(w->catalog, &t));
    }
}

static inline void open_world(struct world *w, struct arena *a)
{
    struct diag d;
    struct buf out = {0};
    diag_init(&d);
    *w = (struct world){.schema = STR("shop"), .with_catalog = true};
    w->conf = conf_load_text(read_all(a, DIR_NAME "/rules.yaml"), STR("rules.yaml"), &d);
    if (w->conf) w->router = router_new(w->conf, &d);
    if (!w->router) {
        diag_print(&d, &out);
        fail_msg("%.*s", (int)out.len, out.data);
    }
    diag_release(&d);
    read_columns(w, a);
    w->cache = plan_cache_new(1000, 64 << 20);
}

static inline void close_world(struct world *w)
{
    plan_cache_free(w->cache);
    catalog_unref(w->catalog);
    router_free(w->router);
    conf_free(w->conf);
}

#endif
