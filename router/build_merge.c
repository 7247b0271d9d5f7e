/*
 * build_merge.c - the scatter form of a SELECT: what each shard is asked for, and how the answers become one.
 *
 *   SELECT name FROM t ORDER BY total DESC LIMIT 5, 10
 *   SELECT name, total FROM t_3 AS t ORDER BY total DESC LIMIT 15      merge: hidden 1 desc, limit 10 offset
 * 5
 *
 * MySQL computes the sort keys: a text key comes with its WEIGHT_STRING, an ENUM as its index. Hidden columns
 * stand behind the client's own. Groups that lie in one shard each (GROUP BY holds the shard column) are left
 * to the shards whole; other groups are asked for in group order and added up. What would not be exact sets
 * no_scatter with its reason: one shard may still answer it.
 */
#include "router/build_merge.h"

/* ---- expressions ---- */

struct term *mg_term(struct mg *g, const struct sql_expr *e)
{
    return term_of(g->b, g->bl, e);
}

/* Collations whose WEIGHT_STRING does not give their order (see the design's measurement). */
static bool unsortable(struct str collation)
{
    static const char *const odd[] = {"_thai_520_w2", "cp1250_czech_cs",    "latin2_czech_cs",
                                      "big5_chinese", "gb18030_chinese_ci", "gb18030_unicode",
                                      "tis620_thai_"};
    bool levels = str_find(collation, STR("uca1400"), 0) != SIZE_MAX &&
                  (str_find(collation, STR("_as_"), 0) != SIZE_MAX ||
                   str_find(collation, STR("_ai_cs"), 0) != SIZE_MAX);
    if (levels) return true;
    for (size_t i = 0; i < COUNT_OF(odd); i++)
        if (str_find(collation, str_of(odd[i]), 0) != SIZE_MAX) return true;
    return str_starts_nocase(collation, STR("latin7_"));
}

static enum sorting cannot(struct mg *g, const char *why)
{
    no_scatter(g->b, why, NULL);
    return SORT_NONE;
}

bool mg_not_exact(struct mg *g, const char *why)
{
    no_scatter(g->b, why, NULL);
    return false;
}

enum sorting mg_sorting_of_column(struct mg *g, const struct cat_column *c)
{
    if (!c) {
        g->b->p->info.flags |= PLAN_NEEDS_CATALOG;
        return cannot(g, "ordering or grouping by a column whose type is not known (yet)");
    }
    switch (c->cls) {
    case CAT_INT:
    case CAT_UINT:
    case CAT_DECIMAL:
    case CAT_YEAR:
    case CAT_DATE:
    case CAT_TIME:
    case CAT_DATETIME:
    case CAT_TIMESTAMP:
    case CAT_BINARY: return SORT_VALUE;
    case CAT_FLOAT: return str_starts_nocase(c->type, STR("float")) ? SORT_INDEX : SORT_VALUE;
    case CAT_ENUM:
    case CAT_SET: return SORT_INDEX;
    case CAT_TEXT:
        return unsortable(c->collation) ? cannot(g, "ordering or grouping by a text of that collation")
                                        : SORT_TEXT;
    case CAT_BIT: return cannot(g, "ordering or grouping by a BIT column");
    case CAT_JSON: return cannot(g, "ordering or grouping by a JSON column");
    case CAT_GEOMETRY: return cannot(g, "ordering or grouping by a GEOMETRY column");
    case CAT_OTHER: return cannot(g, "ordering or grouping by a column of that type");
    }
    return SORT_UNKNOWN;
}

/* A derived table's column may stand for an expression. */
static enum sorting mg_sorting_of_term(struct mg *g, const struct term *t)
{
    if (t && !t->cat && t->expr) return mg_sorting(g, t->expr);
    return mg_sorting_of_column(g, t ? t->cat : NULL);
}

enum sorting mg_sorting_of_call(struct mg *g, const struct sql_expr *e)
{
    const struct sql_expr *arg = e->nargs ? bare(e->args[0]) : NULL;
    if (e->call->fn == SQL_FN_COUNT || e->call->fn == SQL_FN_SUM || e->call->fn == SQL_FN_AVG ||
        e->call->fn == SQL_FN_STD || e->call->fn == SQL_FN_VARIANCE || e->call->fn == SQL_FN_BIT_AND ||
        e->call->fn == SQL_FN_BIT_OR || e->call->fn == SQL_FN_BIT_XOR)
        return SORT_VALUE;
    if (!arg || (e->call->fn != SQL_FN_MIN && e->call->fn != SQL_FN_MAX)) return SORT_UNKNOWN;
    struct term *t = mg_term(g, arg);
    if (t && t->cat && (t->cat->cls == CAT_ENUM || t->cat->cls == CAT_SET))
        return SORT_UNKNOWN; /* MIN of an ENUM is a text */
    enum sorting s = mg_sorting(g, arg);
    return s == SORT_INDEX ? SORT_VALUE : s;
}

enum sorting mg_sorting(struct mg *g, const struct sql_expr *e)
{
    e = bare(e);
    if (e->kind == SQL_E_COLUMN) {
        return mg_sorting_of_term(g, mg_term(g, e));
    }
    if (e->kind == SQL_E_CALL) return mg_sorting_of_call(g, e);
    if (e->kind == SQL_E_LITERAL) {
        enum sql_tok_kind k = g->b->scan->toks[e->tok].kind;
        return k == SQL_T_INT || k == SQL_T_DECIMAL || k == SQL_T_FLOAT ? SORT_VALUE : SORT_UNKNOWN;
    }
    if (e->kind == SQL_E_IS || e->kind == SQL_E_BETWEEN || e->kind == SQL_E_IN || e->kind == SQL_E_EXISTS)
        return SORT_VALUE;
    if (e->kind != SQL_E_BINARY || e->nargs < 2 || bare(e->args[1])->kind == SQL_E_INTERVAL ||
        bare(e->args[0])->kind == SQL_E_INTERVAL)
        return SORT_UNKNOWN;
    if (e->op == SQL_OP_COLLATE && e->args[1]->kind == SQL_E_COLUMN)
        return unsortable(e->args[1]->name->name)
                   ? cannot(g, "ordering or grouping by a text of that collation")
                   : SORT_TEXT;
    if ((e->op >= SQL_OP_EQ && e->op <= SQL_OP_DIV) || e->op == SQL_OP_AND || e->op == SQL_OP_OR ||
        e->op == SQL_OP_XOR)
        return SORT_VALUE;
    return SORT_UNKNOWN;
}

static bool is_literal(const struct sql_tok *t)
{
    return t->kind >= SQL_T_INT && t->kind <= SQL_T_BIN;
}

/* The same tokens, or the same column. Where only literals decide, they are guarded: another statement with
 * this key may have others. */
bool mg_same_expr(struct mg *g, const struct sql_expr *x, const struct sql_expr *y)
{
    x = bare(x);
    y = bare(y);
    if (x->kind == SQL_E_COLUMN && y->kind == SQL_E_COLUMN) {
        struct term *t = mg_term(g, x);
        return t && t == mg_term(g, y);
    }
    const struct sql_scan *s = g->b->scan;
    uint32_t n = x->span.end - x->span.first;
    bool same = true;
    if (x->kind != y->kind || y->span.end - y->span.first != n) return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct sql_tok *a = &s->toks[x->span.first + i], *c = &s->toks[y->span.first + i];
        struct str ta = sql_tok_str(s, x->span.first + i), tc = sql_tok_str(s, y->span.first + i);
        if (a->kind != c->kind || a->kind == SQL_T_PARAM) return false;
        bool equal = a->kind == SQL_T_WORD ? str_eq_nocase(ta, tc) : str_eq(ta, tc);
        if (!equal && !is_literal(a)) return false;
        same &= equal;
    }
    for (uint32_t i = 0; i < n; i++) {
        add_guard(g->b, x->span.first + i);
        add_guard(g->b, y->span.first + i);
    }
    return same;
}

/* May e be written a second time into the statement? A `?` is then bound twice; but a server does not know two of them for the same, so that
 * what it must recognise as a group key has none. */
bool mg_repeatable(struct mg *g, const struct sql_expr *e, bool aggregated)
{
    const char *what = NULL;
    if (e->flags & SQL_EF_HAS_ASSIGN) return mg_not_exact(g, "ordering or grouping by an expression with an assignment");
    if ((e->flags & SQL_EF_HAS_PARAM) && g->partial && !aggregated)
        return mg_not_exact(g, "grouping by an expression with a parameter");
    if (expr_differs(e, false, &what)) return mg_not_exact(g, "ordering or grouping by RAND() or UUID()");
    return true;
}

/* Does e name an alias of the select list that a table column of that name does not stand behind? In a select
 * list it would mean something else. */
static bool names_alias(struct mg *g, const struct sql_expr *e)
{
    if (e->kind == SQL_E_COLUMN && !e->name->table.len)
        for (uint32_t i = 0; i < g->q->nitems; i++) {
            const struct sql_item *it = &g->q->items[i];
            if (!it->has_alias || !str_eq_nocase(it->alias, e->name->name)) continue;
            struct term *t = mg_term(g, e);
            if (!t || t != mg_term(g, it->expr)) return true;
        }
    for (uint32_t i = 0; i < e->nargs; i++)
        if (names_alias(g, e->args[i])) return true;
    return false;
}

/* ---- visible columns ---- */

static bool expand_star(struct mg *g, const struct sql_expr *star)
{
    bool any = false;
    for (struct bref *r = g->bl->refs; r; r = r->next) {
        if (star->name && star->name->table.len && !str_eq(star->name->table, r->alias)) continue;
        any = true;
        if (!r->columns_known) return false;
        for (uint32_t i = 0; !r->t && i < r->ncols; i++) {
            struct out *o = b_push(g->b, &g->outs);
            *o = (struct out){.term = term_get(g->b, r, r->cols[i].name)};
        }
        for (uint32_t i = 0; r->t && i < r->t->cat->ncolumns; i++) {
            if (r->t->cat->columns[i].invisible) continue;
            struct out *o = b_push(g->b, &g->outs);
            *o = (struct out){.term = term_get(g->b, r, r->t->cat->columns[i].name)};
        }
    }
    return any && !((!star->name || !star->name->table.len) && ref_has_using(g->q->from));
}

static void expand(struct mg *g)
{
    g->expanded = true;
    for (uint32_t i = 0; i < g->q->nitems; i++) {
        const struct sql_item *it = &g->q->items[i];
        if (it->expr->kind == SQL_E_STAR) {
            if (!expand_star(g, it->expr)) g->expanded = false;
            continue;
        }
        struct out *o = b_push(g->b, &g->outs);
        *o = (struct out){.item = it, .expr = it->expr, .term = mg_term(g, it->expr)};
    }
}

bool mg_needs_columns(struct mg *g)
{
    if (g->expanded) return true;
    g->b->p->info.flags |= PLAN_NEEDS_CATALOG;
    no_scatter(g->b, "this statement with * and columns that are not known (yet)", "name the columns");
    return false;
}

static int visible_of(struct mg *g, const struct out *o)
{
    return g->expanded ? (int)(o - g->outs.at) : -1;
}

/* ---- hidden columns ---- */

struct seg mg_text(struct mg *g, const struct out *o)
{
    if (o->expr) return seg_range(o->expr->span);
    struct buf t = {0};
    sql_put_name(&t, o->term->ref->alias, false);
    buf_put_u8(&t, '.');
    sql_put_name(&t, o->term->name, false);
    struct str s = t.failed ? STR_NULL : arena_str(g->b->a, buf_str(&t));
    buf_release(&t);
    b_check(g->b, (void *)(uintptr_t)s.ptr);
    return seg_text(s);
}

/* A collation's name for the merge: of the column, where the catalog knows it. */
bool mg_known_collation(struct mg *g, const struct term *t, struct str *out)
{
    if (!t || !t->cat || !t->cat->collation.len) return false;
    *out = b_printf(g->b, STR_FMT, STR_ARG(t->cat->collation));
    return true;
}

struct merge_column mg_add_hidden(struct mg *g, const char *head, struct seg body, const char *tail)
{
    *b_push(g->b, &g->hidden) = seg_text(b_printf(g->b, ", %s", head));
    *b_push(g->b, &g->hidden) = body;
    if (tail[0]) *b_push(g->b, &g->hidden) = seg_text(b_printf(g->b, "%s", tail));
    return (struct merge_column){MERGE_HIDDEN, g->m->nhidden++};
}

/* A sort key for o; visible < 0: its place is not known, or it is not selected. */
bool mg_make_key(struct mg *g, const struct out *o, int visible, bool desc, struct merge_key *k)
{
    enum sorting s = o->expr ? mg_sorting(g, o->expr) : mg_sorting_of_term(g, o->term);
    *k = (struct merge_key){.desc = desc};
    if (s == SORT_NONE) return false;
    bool hides = visible < 0 || s != SORT_VALUE;
    bool value_hides = visible < 0 || s == SORT_INDEX;
    const struct term *t = o->expr ? mg_term(g, o->expr) : o->term;
    bool plain = t && t->cat;
    bool aggregated = g->partial && !value_hides && !plain; /* MIN(..) below */
    if (hides && o->expr && !mg_repeatable(g, o->expr, aggregated)) return false;
    if (s == SORT_INDEX) {
        k->value = mg_add_hidden(g, "(", mg_text(g, o), ") + 0");
        return true;
    }
    k->value = visible >= 0 ? (struct merge_column){MERGE_VISIBLE, (uint32_t)visible}
                            : mg_add_hidden(g, "", mg_text(g, o), "");
    if (s == SORT_VALUE) return true;
    k->has_weight = true;
    /* Of a group key that is an expression: MariaDB knows it in GROUP BY only as it stands there, not inside
     * a function. All values of a group are equal under the collation, so any one's weight will do. */
    bool any = g->partial && !plain;
    k->weight =
        mg_add_hidden(g, any ? "WEIGHT_STRING(MIN(" : "WEIGHT_STRING(", mg_text(g, o), any ? "))" : ")");
    if (s == SORT_TEXT && mg_known_collation(g, t, &k->collation)) return true;
    k->has_collation_column =
        true; /* a definition does not carry the collation of an expression: the server is asked */
    k->collation_column =
        mg_add_hidden(g, any ? "COLLATION(MIN(" : "COLLATION(", mg_text(g, o), any ? "))" : ")");
    return true;
}

/* ---- what ORDER BY and GROUP BY name ---- */

static enum found by_position(struct mg *g, const struct sql_expr *e, struct out *o, int *visible)
{
    uint64_t n = 0;
    add_guard(g->b, e->tok);
    if (!mg_needs_columns(g)) return FOUND_NOTHING;
    if (!str_to_u64(sql_tok_str(g->b->scan, e->tok), &n) || n < 1 || n > g->outs.len) {
        (void)mg_not_exact(g, "a position outside the select list");
        return FOUND_NOTHING;
    }
    *o = g->outs.at[n - 1];
    *visible = (int)n - 1;
    return FOUND;
}

/* The select item that an unqualified name means. Several that differ: -2. */
int mg_item_named(struct mg *g, struct str name)
{
    int hit = -1;
    for (uint32_t i = 0; i < g->outs.len; i++) {
        const struct out *o = &g->outs.at[i];
        if (!o->item || !o->item->has_alias || !str_eq_nocase(o->item->alias, name)) continue;
        if (hit >= 0) return -2;
        hit = (int)i;
    }
    return hit;
}

enum found mg_find_target(struct mg *g, const struct sql_expr *e, bool columns_first, struct out *o,
                          int *visible)
{
    e = bare(e);
    *visible = -1;
    if (e->kind == SQL_E_LITERAL && g->b->scan->toks[e->tok].kind == SQL_T_INT &&
        e->span.end == e->span.first + 1)
        return by_position(g, e, o, visible);
    if (e->kind == SQL_E_PARAM) { /* a constant for MySQL, a position for MariaDB */
        (void)mg_not_exact(g, columns_first ? "GROUP BY ?" : "ORDER BY ?");
        return FOUND_NOTHING;
    }
    if (!(e->flags & (SQL_EF_HAS_COLUMN | SQL_EF_HAS_AGGREGATE | SQL_EF_HAS_SUBQUERY)) &&
        e->kind != SQL_E_COLUMN && e->kind != SQL_E_SUBQUERY &&
        (e->kind == SQL_E_NULL || e->kind == SQL_E_LITERAL))
        return FOUND_CONSTANT;
    *o = (struct out){.expr = e, .term = mg_term(g, e)};
    if (e->kind == SQL_E_COLUMN && !e->name->table.len && !(columns_first && o->term)) {
        int i = mg_item_named(g, e->name->name);
        if (i == -2 || (i >= 0 && columns_first)) {
            /* grouping by an alias: only when no table has such a column, which must be known */
            for (struct bref *r = g->bl->refs; r; r = r->next)
                if (i == -2 || !r->columns_known) {
                    (void)mg_not_exact(g, "a name that may mean a column or an alias");
                    return FOUND_NOTHING;
                }
        }
        if (i >= 0) {
            *o = g->outs.at[i];
            *visible = visible_of(g, &g->outs.at[i]);
            return FOUND;
        }
    }
    if (e->kind != SQL_E_COLUMN && names_alias(g, e)) {
        (void)mg_not_exact(g, "an ORDER BY or GROUP BY expression over a select alias");
        return FOUND_NOTHING;
    }
    for (uint32_t i = 0; i < g->outs.len; i++) {
        const struct out *x = &g->outs.at[i];
        bool same = (x->term && x->term == o->term) || (x->expr && !x->term && mg_same_expr(g, x->expr, e));
        if (!same) continue;
        *visible = visible_of(g, x);
        break;
    }
    return FOUND;
}

/* ---- LIMIT ---- */

void mg_push_limit(struct mg *g, bool to_legs)
{
    const struct sql_limit *l = g->q->limit;
    if (!l) return;
    if (l->with_ties) {
        (void)mg_not_exact(g, "FETCH FIRST ... WITH TIES");
        return;
    }
    g->m->has_limit = true;
    if (to_legs)
        (void)add_edit(g->b, &g->b->p->scatter, EDIT_LIMIT, l->span.first, l->span.end);
    else
        add_text(g->b, &g->b->p->scatter, l->span.first, l->span.end, STR(""));
}

/* Where an ORDER BY would stand that the statement does not have. */
uint32_t mg_order_place(const struct sql_query *q)
{
    if (q->limit) return q->limit->span.first;
    if (q->lock_span.end > q->lock_span.first) return q->lock_span.first;
    return q->span.end;
}

/* ---- plain rows ---- */

static bool make_order(struct mg *g)
{
    const struct sql_order *o = g->q->order;
    VEC(struct merge_key) keys = {0};
    for (uint32_t i = 0; o && i < o->n; i++) {
        struct out target;
        struct merge_key k;
        int visible;
        enum found f = mg_find_target(g, o->items[i].expr, false, &target, &visible);
        if (f == FOUND_NOTHING) return false;
        if (f == FOUND_CONSTANT) continue;
        if (!mg_make_key(g, &target, visible, o->items[i].desc, &k)) return false;
        *b_push(g->b, &keys) = k;
    }
    g->m->order = keys.at;
    g->m->norder = keys.len;
    return true;
}

/* DISTINCT: legs deliver in an order over every column, so that equal rows meet. */
static bool make_distinct(struct mg *g)
{
    const struct sql_order *o = g->q->order;
    if (!mg_needs_columns(g)) return false;
    VEC(struct merge_key) keys = {0};
    VEC(struct seg) text = {0};
    bool *used = b_array(g->b, bool, g->outs.len);
    for (uint32_t i = 0; o && i < o->n; i++) {
        struct out target;
        int visible;
        enum found f = mg_find_target(g, o->items[i].expr, false, &target, &visible);
        if (f == FOUND_NOTHING) return false;
        if (f == FOUND_CONSTANT) continue;
        if (visible < 0) return mg_not_exact(g, "DISTINCT with ORDER BY of what is not selected");
        if (used[visible]) continue;
        used[visible] = true;
        struct merge_key *k = b_push(g->b, &keys);
        if (!mg_make_key(g, &g->outs.at[visible], visible, o->items[i].desc, k)) return false;
    }
    bool first = !o;
    for (uint32_t i = 0; i < g->outs.len; i++) {
        if (used[i]) continue;
        struct merge_key *k = b_push(g->b, &keys);
        if (!mg_make_key(g, &g->outs.at[i], (int)i, false, k)) return false;
        *b_push(g->b, &text) = seg_text(b_printf(g->b, "%s%u", first ? "ORDER BY " : ", ", i + 1));
        first = false;
    }
    uint32_t at = o ? o->span.end : mg_order_place(g->q);
    if (text.len) add_segs(g->b, &g->b->p->scatter, at, at, text.at, text.len);
    g->m->order = keys.at;
    g->m->norder = keys.len;
    g->m->distinct = true;
    return true;
}

/* ---- the whole ---- */

static bool scatter_possible(struct mg *g)
{
    uint32_t f = g->q->flags;
    const char *why = NULL;
    if (g->q->kind != SQL_Q_SELECT) why = "this form of query";
    if (f & SQL_S_ROLLUP) why = "WITH ROLLUP";
    if (f & SQL_S_CALC_FOUND_ROWS) why = "SQL_CALC_FOUND_ROWS";
    if (f & SQL_S_INTO_FILE) why = "INTO OUTFILE";
    if (f & SQL_S_INTO_VARS) why = "SELECT ... INTO variables";
    if (f & SQL_S_PROCEDURE) why = "PROCEDURE";
    if (g->b->p->info.flags & PLAN_WRITES_USERVARS) why = "assigning user variables";
    for (uint32_t i = 0; i < g->q->nitems; i++)
        if (g->q->items[i].expr->flags & SQL_EF_HAS_WINDOW) why = "a window function";
    for (uint32_t i = 0; g->q->order && i < g->q->order->n; i++)
        if (g->q->order->items[i].expr->flags & SQL_EF_HAS_WINDOW) why = "a window function";
    if (why) no_scatter(g->b, why, NULL);
    return !why;
}

static bool distinct_in_shard(struct mg *g)
{
    struct term **terms = b_array(g->b, struct term *, g->outs.len);
    for (uint32_t i = 0; i < g->outs.len; i++) terms[i] = g->outs.at[i].term;
    return holds_shard_key(g->b, g->bl, terms, g->outs.len);
}

static bool make(struct mg *g)
{
    if (!scatter_possible(g)) return false;
    expand(g);
    if (query_groups(g->q)) {
        if (!mg_find_group(g)) return false;
        if (!g->whole_groups) return mg_make_groups(g);
    }
    bool ok = (g->q->flags & SQL_S_DISTINCT) && !distinct_in_shard(g) ? make_distinct(g) : make_order(g);
    if (ok) mg_push_limit(g, true);
    return ok;
}

void build_merge(struct build *b, struct block *bl)
{
    struct mg g = {.b = b, .bl = bl, .q = bl->q, .m = b_new(b, struct merge_spec)};
    if (!make(&g) || b->p->no_scatter) {
        if (!b->p->no_scatter) no_scatter(b, "this statement", NULL);
        b->p->scatter.len = 0;
        return;
    }
    if (g.hidden.len)
        add_segs(b, &b->p->scatter, bl->q->items_span.end, bl->q->items_span.end, g.hidden.at, g.hidden.len);
    b->p->merge = g.m;
}
