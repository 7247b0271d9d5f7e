/*
 * test_plan.c - plans by golden files: tests/golden/plan/ holds the rules, the columns, and for each topic
 * statements with what the router makes of them.
 *
 *   # words for the reader
 *   > SELECT * FROM orders WHERE customer_id = 7
 *   single read, ...
 *     s1 #3: SELECT * FROM orders_3 AS orders WHERE customer_id = 7
 *
 * A statement of several lines goes on with '>>'. Lines with '@' switch: @schema other, @catalog off, @json
 * on, @bind 7, 'x', NULL (the values of `?`: then the prepared text of each leg is shown and what its `?` are bound to; u7 unsigned, d7.5 decimal,
 * f7 double, t'2024-01-02' temporal), @bind off. With WEIR_GOLDEN_WRITE=1 in the environment the files are written anew; read the difference before you
 * believe it. Besides, every statement is planned, cached, found again and bound by the found plan with the
 * same text, and the text of each leg is parsed again.
 */
#include <dirent.h>

#include "tests/unit/test_plan_kit.h"

/* ---- one statement ---- */

/* What goes to a server must parse. */
static void parse_legs(const struct plan *p, const struct sql_scan *scan, struct arena *a)
{
    struct bound b;
    struct fault f = {0};
    uint64_t ids = 0;
    struct plan_facts facts = {.user = STR("u"), .current_user = STR("u")};
    if (plan_info(p)->kind != PLAN_ROUTED || plan_count_ids(p, scan, a, &ids, &f) != SQL_OK) return;
    if (plan_bind_with(p, scan, &facts, ids ? 5 : 0, a, &b, &f) != SQL_OK) return;
    for (uint32_t i = 0; i < b.nlegs; i++) {
        struct buf out = {0};
        struct sql_scan s = {0};
        struct sql_stmt *stmt;
        plan_render(&b, scan, &b.legs[i], &facts, &out);
        assert_false(out.failed);
        assert_int_equal(sql_scan(&s, out.data, out.len, 0, &scan->opt), SQL_OK);
        if (sql_parse(&s, a, &stmt, &f) != SQL_OK)
            fail_msg("%.*s: %.*s", (int)out.len, out.data, STR_ARG(f.message));
        sql_scan_release(&s);
        buf_release(&out);
    }
}

static void put_prepared(const struct plan *p, struct arena *a, struct buf *out);
static bool binding;

static void explain(const struct world *w, struct arena *a, struct str sql, struct buf *out)
{
    struct plan_env env = {
        .router = w->router, .catalog = w->with_catalog ? w->catalog : NULL, .schema = w->schema};
    struct sql_scan s = {0};
    struct sql_options opt = {.mariadb = true};
    struct plan *p = NULL;
    struct fault f = {0};
    assert_int_equal(sql_scan(&s, sql.ptr, sql.len, 0, &opt), SQL_OK);
    if (plan_build(&env, &s, a, &p, &f) != SQL_OK) {
        buf_printf(out, "error %u (%s): %.*s\n", f.code, f.state, STR_ARG(f.message));
    } else if (binding) {
        put_prepared(p, a, out);
        plan_unref(p);
    } else {
        plan_explain(p, &s, a, w->json, out);
        parse_legs(p, &s, a);
        plan_cache_put(w->cache, &env, &s, p);
        struct plan *found = plan_cache_get(w->cache, &env, &s);
        assert_true(found == p || !found); /* NULL: not to be kept */
        plan_unref(p);
        if (found) {
            struct buf again = {0};
            plan_explain(found, &s, a, w->json, &again);
            size_t n = again.len < out->len ? again.len : out->len;
            if (again.len > out->len || memcmp(out->data + out->len - n, again.data, n) != 0)
                fail_msg("the cached plan differs: %.*s", STR_ARG(sql));
            buf_release(&again);
        }
    }
    sql_scan_release(&s);
}

/* ---- values for `?` ---- */

enum { MAX_BOUND = 16 };
static struct value bound_values[MAX_BOUND];
static uint32_t nbound;

static struct str unquoted(struct str s)
{
    assert_true(s.len >= 2 && s.ptr[0] == '\'' && s.ptr[s.len - 1] == '\'');
    return (struct str){s.ptr + 1, s.len - 2};
}

static struct value read_value(struct str s)
{
    struct value v = {.kind = VALUE_STRING};
    struct str rest = {s.ptr + 1, s.len - 1};
    switch (s.ptr[0]) {
    case '\'': v.s = unquoted(s); return v;
    case 't': return (struct value){.kind = VALUE_STRING, .i = VALUE_IS_TEMPORAL, .s = unquoted(rest)};
    case 'x': return (struct value){.kind = VALUE_BYTES, .s = unquoted(rest)};
    case 'd': return (struct value){.kind = VALUE_DECIMAL, .s = rest};
    case 'f': return (struct value){.kind = VALUE_FLOAT, .s = rest};
    case 'N': return (struct value){.kind = VALUE_NULL};
    case 'u':
        v.kind = VALUE_UINT;
        assert_true(str_to_u64(rest, &v.u));
        return v;
    default:
        v.kind = VALUE_INT;
        assert_true(str_to_i64(s, &v.i));
        return v;
    }
}

static void read_bind(struct str rest)
{
    binding = !str_eq(str_trim(rest), STR("off"));
    nbound = 0;
    while (binding && rest.len) {
        size_t i = 0;
        bool quoted = false;
        for (; i < rest.len && (quoted || rest.ptr[i] != ','); i++) quoted ^= rest.ptr[i] == '\'';
        assert_true(nbound < MAX_BOUND);
        bound_values[nbound++] = read_value(str_trim((struct str){rest.ptr, i}));
        rest.ptr += i < rest.len ? i + 1 : i;
        rest.len -= i < rest.len ? i + 1 : i;
    }
}

static void put_slots(const struct plan_slots *s, struct buf *out)
{
    buf_putz(out, "     ");
    for (uint32_t i = 0; i < s->n; i++) {
        const struct plan_slot *x = &s->at[i];
        buf_putz(out, i ? ", " : "");
        switch ((enum plan_slot_kind)x->kind) {
        case PLAN_SLOT_PARAM: buf_printf(out, "?%u", x->param + 1); break;
        case PLAN_SLOT_NUMBER: buf_put_dec(out, x->number); break;
        case PLAN_SLOT_SIGNED: buf_printf(out, "signed %lld", (long long)x->number); break;
        case PLAN_SLOT_TEXT: buf_printf(out, "'%.*s'", STR_ARG(x->text)); break;
        }
    }
    buf_putz(out, s->n ? "\n" : "none\n");
}

static uint32_t count_params(struct str text, const struct sql_options *opt)
{
    struct sql_scan s = {0};
    assert_int_equal(sql_scan(&s, text.ptr, text.len, 0, opt), SQL_OK);
    uint32_t n = s.nparams;
    sql_scan_release(&s);
    return n;
}

/* Each leg's text to prepare, and its slots. The text must not depend on the values. */
static void put_prepared(const struct plan *p, struct arena *a, struct buf *out)
{
    struct plan_facts facts = {.last_insert_id = 42, .row_count = -1, .user = STR("me@here"), .current_user = STR("me@%"), .params = bound_values,
                               .nparams = nbound};
    const struct plan_info *info = plan_info(p);
    struct bound b, probe;
    struct fault f = {0};
    uint64_t ids = 0;
    assert_int_equal(info->nparams, info->scan->nparams);
    if (info->kind != PLAN_ROUTED) {
        plan_explain(p, info->scan, a, false, out);
        return;
    }
    if (nbound != info->nparams) fail_msg("%u values for %u parameters: %.*s", nbound, info->nparams, (int)info->scan->len, info->scan->text);
    if (plan_probe(p, a, &probe, &f) == SQL_OK) {
        struct plan_slots slots = {0};
        struct buf text = {0};
        assert_int_equal(probe.nlegs, 1);
        plan_render_prepared(&probe, info->scan, &probe.legs[0], &facts, a, &slots, &text);
        assert_false(text.failed);
        assert_int_equal(count_params(buf_str(&text), &info->scan->opt), slots.n);
        buf_release(&text);
    }
    if (plan_count_ids_with(p, info->scan, &facts, a, &ids, &f) != SQL_OK ||
        plan_bind_with(p, info->scan, &facts, ids ? 1001 : 0, a, &b, &f) != SQL_OK) {
        buf_printf(out, "refused %u (%s): %.*s\n", f.code, f.state, STR_ARG(f.message));
        return;
    }
    plan_summary(&b, out);
    buf_put_u8(out, '\n');
    for (uint32_t i = 0; i < b.nlegs; i++) {
        struct plan_slots slots = {0};
        struct buf text = {0};
        plan_render_prepared(&b, info->scan, &b.legs[i], &facts, a, &slots, &text);
        assert_false(text.failed);
        assert_int_equal(count_params(buf_str(&text), &info->scan->opt), slots.n);
        buf_printf(out, "  #%d: %.*s\n", (int)b.legs[i].shard, STR_ARG(buf_str(&text)));
        put_slots(&slots, out);
        buf_release(&text);
    }
}

static void directive(struct world *w, struct str line)
{
    if (str_starts_nocase(line, STR("@bind "))) {
        read_bind((struct str){line.ptr + 6, line.len - 6});
        return;
    }
    struct str rest = {line.ptr + 1, line.len - 1}, what = word(&rest), value = word(&rest);
    if (str_eq(what, STR("schema")))
        w->schema = str_eq(value, STR("none")) ? STR("") : value;
    else if (str_eq(what, STR("catalog")))
        w->with_catalog = str_eq(value, STR("on"));
    else if (str_eq(what, STR("json")))
        w->json = str_eq(value, STR("on"));
    else
        fail_msg("unknown directive %.*s", STR_ARG(line));
}

/* The file as it would be written now. */
static void replay(struct world *w, struct arena *a, struct str text, struct buf *out)
{
    bool skipping = false;
    w->schema = STR("shop");
    w->with_catalog = true;
    w->json = binding = false;
    while (text.len) {
        struct str line = next_line(&text);
        bool plain = !line.len || line.ptr[0] == '#' || line.ptr[0] == '@' || line.ptr[0] == '>';
        if (!plain && skipping) continue;
        skipping = false;
        buf_put_str(out, line);
        buf_put_u8(out, '\n');
        if (line.len && line.ptr[0] == '@') directive(w, line);
        if (!line.len || line.ptr[0] != '>') continue;
        struct str sql = {line.ptr + 2, line.len - 2};
        while (text.len > 1 && text.ptr[0] == '>' && text.ptr[1] == '>') { /* a statement of several lines */
            struct str more = next_line(&text);
            buf_put_str(out, more);
            buf_put_u8(out, '\n');
            sql.len = (size_t)(more.ptr + more.len - sql.ptr);
        }
        struct buf clean = {0};
        for (size_t i = 0; i < sql.len; i++) {
            buf_put_u8(&clean, (uint8_t)sql.ptr[i]);
            if (sql.ptr[i] == '\n') i += 3; /* ">> " */
        }
        struct arena scratch;
        arena_init(&scratch, 0);
        explain(w, &scratch, buf_str(&clean), out);
        arena_release(&scratch);
        buf_release(&clean);
        skipping = true;
    }
    (void)a;
}

static void check_file(struct world *w, const char *name)
{
    char path[512];
    struct arena a;
    struct buf out = {0};
    arena_init(&a, 0);
    (void)snprintf(path, sizeof path, DIR_NAME "/%s", name);
    struct str text = read_all(&a, path);
    replay(w, &a, text, &out);
    if (getenv("WEIR_GOLDEN_WRITE")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(out.data, 1, out.len, f), out.len);
        fclose(f);
    } else if (!str_eq(text, buf_str(&out))) {
        struct str want = text, got = buf_str(&out);
        while (want.len || got.len) {
            struct str x = next_line(&want), y = next_line(&got);
            if (!str_eq(x, y)) fail_msg("%s:\nwanted: %.*s\n   got: %.*s", path, STR_ARG(x), STR_ARG(y));
        }
    }
    buf_release(&out);
    arena_release(&a);
}

static void golden_files(void **state)
{
    struct world w;
    struct arena a;
    uint32_t n = 0;
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    DIR *dir = opendir(DIR_NAME);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        struct str name = str_of(e->d_name);
        if (name.len < 6 || memcmp(name.ptr + name.len - 5, ".plan", 5) != 0) continue;
        check_file(&w, e->d_name);
        n++;
    }
    closedir(dir);
    assert_true(n >= 1);
    close_world(&w);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
