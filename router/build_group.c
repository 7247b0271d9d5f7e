/*
 * build_group.c - aggregates and GROUP BY over several shards.
 *
 *   SELECT v, COUNT(*) c, AVG(n) FROM t GROUP BY v ORDER BY c DESC LIMIT 10
 *   SELECT v, COUNT(*) c, AVG(n), SUM(n), COUNT(n), WEIGHT_STRING(v) FROM t_3 AS t GROUP BY v ORDER BY v
 *   merge: rows of equal v become one; then sort by c; then the limit
 *
 * Each shard delivers its groups in the order of their keys, so that the parts of one group meet. Where ORDER
 * BY names only group keys, that is the order asked for and the limit is pushed down: the first n groups of
 * all are among the first n of each. A group that holds the shard column lies in one shard whole and needs
 * none of this.
 */
#include "router/build_merge.h"

bool mg_find_group(struct mg *g)
{
    const struct sql_order *o = g->q->group;
    struct term **terms = b_array(g->b, struct term *, o ? o->n : 0);
    uint32_t n = 0;
    g->group = b_array(g->b, struct gkey, o ? o->n : 0);
    for (uint32_t i = 0; o && i < o->n; i++) {
        struct gkey *k = &g->group[g->ngroup];
        *k = (struct gkey){.desc = o->items[i].desc, .text = seg_range(o->items[i].expr->span)};
        enum found f = mg_find_target(g, o->items[i].expr, true, &k->target, &k->visible);
        if (f == FOUND_NOTHING) return false;
        if (f == FOUND_CONSTANT) continue;
        terms[n++] = k->target.term;
        g->ngroup++;
    }
    g->whole_groups = n && holds_shard_key(g->b, g->bl, terms, n);
    return true;
}

static struct gkey *group_key_of(struct mg *g, const struct out *o, int visible)
{
    for (uint32_t i = 0; i < g->ngroup; i++) {
        struct gkey *k = &g->group[i];
        if (visible >= 0 && k->visible == visible) return k;
        if (o->term && o->term == k->target.term) return k;
        if (o->expr && k->target.expr && !o->term && mg_same_expr(g, o->expr, k->target.expr)) return k;
    }
    return NULL;
}

/* Only group keys, constants and functions of them? */
static bool follows_from_group(struct mg *g, const struct sql_expr *e)
{
    e = bare(e);
    if (e->kind == SQL_E_COLUMN) {
        struct out o = {.expr = e, .term = mg_term(g, e)};
        if (o.term) return group_key_of(g, &o, -1) != NULL;
        int i = e->name->table.len ? -1 : mg_item_named(g, e->name->name); /* an alias, in HAVING */
        return i >= 0 && group_key_of(g, &g->outs.at[i], i) != NULL;
    }
    if (e->kind == SQL_E_SUBQUERY || e->kind == SQL_E_EXISTS || e->kind == SQL_E_QUANT ||
        e->kind == SQL_E_ASSIGN || e->kind == SQL_E_STAR)
        return false;
    if (e->kind == SQL_E_IN && e->query) return false;
    if (e->kind == SQL_E_CALL && (e->flags & SQL_EF_AGGREGATE)) return false;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (!follows_from_group(g, e->args[i])) return false;
    return true;
}

static bool refuse_aggregate(struct mg *g, const struct sql_expr *e)
{
    static const struct {
        enum sql_fn fn;
        const char *why;
    } names[] = {{SQL_FN_GROUP_CONCAT, "GROUP_CONCAT"},
                 {SQL_FN_BIT_AND, "BIT_AND"},
                 {SQL_FN_BIT_OR, "BIT_OR"},
                 {SQL_FN_BIT_XOR, "BIT_XOR"},
                 {SQL_FN_STD, "STDDEV"},
                 {SQL_FN_VARIANCE, "VARIANCE"},
                 {SQL_FN_ANY_VALUE, "ANY_VALUE"},
                 {SQL_FN_JSON_ARRAYAGG, "JSON_ARRAYAGG"},
                 {SQL_FN_JSON_OBJECTAGG, "JSON_OBJECTAGG"},
                 {SQL_FN_COUNT, "COUNT(DISTINCT)"},
                 {SQL_FN_SUM, "SUM(DISTINCT)"},
                 {SQL_FN_AVG, "AVG(DISTINCT)"}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].fn == e->call->fn) return mg_not_exact(g, names[i].why);
    return mg_not_exact(g, "this aggregate function");
}

static bool make_aggregate(struct mg *g, const struct sql_expr *e, struct merge_output *o)
{
    enum sql_fn fn = e->call->fn;
    bool extreme = fn == SQL_FN_MIN || fn == SQL_FN_MAX;
    if (e->call->over || (e->call->distinct && !extreme)) return refuse_aggregate(g, e);
    if (fn == SQL_FN_COUNT) {
        o->fn = MERGE_COUNT;
        return true;
    }
    if (fn == SQL_FN_SUM) {
        o->fn = MERGE_SUM;
        return true;
    }
    if (fn != SQL_FN_AVG && !extreme) return refuse_aggregate(g, e);
    if (e->nargs != 1 || !mg_repeatable(g, e, true)) return refuse_aggregate(g, e);
    if (fn == SQL_FN_AVG) {
        o->fn = MERGE_AVG;
        o->sum = mg_add_hidden(g, "SUM(", seg_range(e->args[0]->span), ")");
        o->count = mg_add_hidden(g, "COUNT(", seg_range(e->args[0]->span), ")");
        return true;
    }
    o->fn = fn == SQL_FN_MIN ? MERGE_MIN : MERGE_MAX;
    switch (mg_sorting_of_call(g, e)) {
    case SORT_NONE: return false;
    case SORT_VALUE:
    case SORT_INDEX: return true;
    case SORT_TEXT:
    case SORT_UNKNOWN: break;
    }
    o->has_weight = true;
    o->weight = mg_add_hidden(g, "WEIGHT_STRING(", seg_range(e->span), ")");
    if (mg_known_collation(g, mg_term(g, e->args[0]), &o->collation)) return true;
    o->has_collation_column = true;
    o->collation_column = mg_add_hidden(g, "COLLATION(", seg_range(e->span), ")");
    return true;
}

static bool make_output(struct mg *g, uint32_t i, struct merge_output *o)
{
    const struct out *x = &g->outs.at[i];
    const char *what = NULL;
    *o = (struct merge_output){.fn = MERGE_FIRST};
    if (group_key_of(g, x, (int)i)) return true;
    if (x->expr && bare(x->expr)->kind == SQL_E_CALL && (bare(x->expr)->flags & SQL_EF_AGGREGATE))
        return make_aggregate(g, bare(x->expr), o);
    if (x->expr && !(x->expr->flags & SQL_EF_HAS_AGGREGATE) && !expr_differs(x->expr, true, &what) &&
        follows_from_group(g, x->expr))
        return true;
    if (x->expr && (x->expr->flags & SQL_EF_HAS_AGGREGATE)) {
        no_scatter(g->b, "an expression over aggregates",
                   "select the aggregates themselves, or add a condition so that one shard answers");
        return false;
    }
    no_scatter(g->b, "a selected column that is not in GROUP BY",
               "add the shard column to GROUP BY, or a condition so that one shard answers");
    return false;
}

/* GROUP BY finds columns first, ORDER BY aliases: where they would differ, the column is qualified. */
static bool settle_group_text(struct mg *g, struct gkey *k)
{
    if (!k->target.expr || k->target.item || !k->target.term || k->target.expr->name->table.len) return true;
    int i = mg_item_named(g, k->target.expr->name->name);
    if (i == -1 || (i >= 0 && g->outs.at[i].term == k->target.term)) return true;
    struct out o = {.term = k->target.term};
    k->text = mg_text(g, &o);
    return true;
}

static void put_group_order(struct mg *g)
{
    VEC(struct seg) text = {0};
    for (uint32_t i = 0; i < g->ngroup; i++) {
        *b_push(g->b, &text) = seg_text(i ? STR(", ") : STR("ORDER BY "));
        *b_push(g->b, &text) = g->group[i].text;
        if (g->group[i].desc) *b_push(g->b, &text) = seg_text(STR(" DESC"));
    }
    const struct sql_order *o = g->q->order;
    uint32_t first = o ? o->span.first : mg_order_place(g->q), end = o ? o->span.end : first;
    if (o || text.len) add_segs(g->b, &g->b->p->scatter, first, end, text.at, text.len);
}

/* ORDER BY only of group keys: the groups are asked for in that order. */
static bool order_is_group(struct mg *g, bool *plain)
{
    const struct sql_order *o = g->q->order;
    struct gkey *sorted = b_array(g->b, struct gkey, g->ngroup);
    bool *used = b_array(g->b, bool, g->ngroup);
    uint32_t n = 0;
    *plain = true;
    for (uint32_t i = 0; o && i < o->n; i++) {
        struct out target;
        int visible;
        enum found f = mg_find_target(g, o->items[i].expr, false, &target, &visible);
        if (f == FOUND_NOTHING) return false;
        if (f == FOUND_CONSTANT) continue;
        struct gkey *k = group_key_of(g, &target, visible);
        if (!k) {
            *plain = false;
            return true;
        }
        if (used[k - g->group]) continue;
        used[k - g->group] = true;
        sorted[n] = *k;
        sorted[n++].desc = o->items[i].desc;
    }
    for (uint32_t i = 0; i < g->ngroup; i++)
        if (!used[i]) sorted[n++] = g->group[i];
    g->group = sorted;
    return true;
}

static bool make_final_order(struct mg *g)
{
    const struct sql_order *o = g->q->order;
    VEC(struct merge_key) keys = {0};
    for (uint32_t i = 0; i < o->n; i++) {
        struct out target;
        int visible;
        enum found f = mg_find_target(g, o->items[i].expr, false, &target, &visible);
        if (f == FOUND_NOTHING) return false;
        if (f == FOUND_CONSTANT) continue;
        struct gkey *gk = group_key_of(g, &target, visible);
        struct merge_key k = {.desc = o->items[i].desc};
        if (gk) {
            k = gk->key;
            k.desc = o->items[i].desc;
        } else if (visible >= 0) {
            const struct merge_output *out = &g->m->outputs[visible];
            k.value = (struct merge_column){MERGE_VISIBLE, (uint32_t)visible};
            k.has_weight = out->has_weight;
            k.weight = out->weight;
            k.collation = out->collation;
            k.has_collation_column = out->has_collation_column;
            k.collation_column = out->collation_column;
            if (out->fn == MERGE_FIRST && !mg_make_key(g, &g->outs.at[visible], visible, k.desc, &k))
                return false;
        } else {
            no_scatter(g->b, "ORDER BY of an aggregate that is not selected", "add it to the select list");
            return false;
        }
        *b_push(g->b, &keys) = k;
    }
    g->m->final_order = keys.at;
    g->m->nfinal_order = keys.len;
    return true;
}

bool mg_make_groups(struct mg *g)
{
    struct merge_spec *m = g->m;
    bool plain;
    if (g->q->flags & SQL_S_DISTINCT) return mg_not_exact(g, "DISTINCT with aggregates");
    if (!mg_needs_columns(g)) return false;
    if (g->q->having && (!g->ngroup || (g->q->having->flags & SQL_EF_HAS_AGGREGATE) ||
                         !follows_from_group(g, g->q->having))) {
        no_scatter(g->b, "HAVING on aggregates",
                   "add the shard column to GROUP BY, or a condition so that one shard answers");
        return false;
    }
    m->grouped = g->partial = true;
    m->noutputs = g->outs.len;
    m->outputs = b_array(g->b, struct merge_output, m->noutputs);
    for (uint32_t i = 0; i < m->noutputs; i++)
        if (!make_output(g, i, &m->outputs[i])) return false;
    if (!order_is_group(g, &plain)) return false;
    for (uint32_t i = 0; i < g->ngroup; i++) {
        struct gkey *k = &g->group[i];
        if (!settle_group_text(g, k) || !mg_make_key(g, &k->target, k->visible, k->desc, &k->key))
            return false;
    }
    if (!g->ngroup) plain = true; /* one row needs no order */
    if (!plain && !make_final_order(g)) return false;
    m->group = b_array(g->b, struct merge_key, g->ngroup);
    m->ngroup = g->ngroup;
    for (uint32_t i = 0; i < g->ngroup; i++) m->group[i] = g->group[i].key;
    put_group_order(g);
    /* Without groups each leg must give its one row, whatever the offset. */
    mg_push_limit(g, plain && g->ngroup);
    return true;
}
