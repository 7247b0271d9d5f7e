/*
 * derived.c - derived tables, and WITH used once, whose rows are those of the shards put together.
 *
 *   SELECT COUNT(*) FROM (SELECT id, total FROM orders WHERE total > 5) x JOIN countries c ON ..
 *                        '-- each row lies in one shard -------------------'
 *
 * When the query inside only chooses and computes rows (or makes groups that lie in one shard each), what it gives over all shards is the union of
 * what it gives in each. The query around it may then be merged like one over a sharded table, if that derived table is the only thing in it that
 * is sharded and no row of it stands for "no match". Such a block is *carried* by the one around it; the same holds one level further in. Whatever
 * else stands in parentheses needs one shard.
 *
 * For the merge a carried table has columns: those of its select list, with the type and collation of the column they come from.
 */
#include "router/build.h"

/* ---- columns ---- */

static void add_column(struct build *b, struct bref *d, uint32_t *cap, struct dcol c)
{
    VEC(struct dcol) v = {d->cols, d->ncols, *cap};
    *b_push(b, &v) = c;
    d->cols = v.at;
    d->ncols = v.len;
    *cap = v.cap;
}

bool ref_has_using(const struct sql_ref *j)
{
    return j && j->kind == SQL_J_JOIN && (j->natural || j->nusing || ref_has_using(j->left) || ref_has_using(j->right));
}

/* False: not all of them are known. */
static bool add_star(struct build *b, struct bref *d, uint32_t *cap, const struct block *in, const struct sql_expr *star)
{
    bool qualified = star->name && star->name->table.len, any = false;
    if (!qualified && ref_has_using(in->from)) return false;
    for (struct bref *r = in->refs; r; r = r->next) {
        if (qualified && !str_eq(star->name->table, r->alias)) continue;
        if (!r->columns_known) return false;
        any = true;
        for (uint32_t i = 0; !r->t && i < r->ncols; i++) add_column(b, d, cap, r->cols[i]);
        for (uint32_t i = 0; r->t && i < r->t->cat->ncolumns; i++) {
            const struct cat_column *c = &r->t->cat->columns[i];
            if (!c->invisible) add_column(b, d, cap, (struct dcol){.name = c->name, .cat = c});
        }
    }
    return any;
}

/* Where a name is not given the server makes one of the text; such a column is there, but no name leads to it. */
static bool add_item(struct build *b, struct bref *d, uint32_t *cap, struct block *in, const struct sql_item *it)
{
    const struct sql_expr *e = bare(it->expr);
    const struct term *t = term_of(b, in, e);
    struct dcol c = {.name = it->has_alias ? it->alias : STR("")};
    if (!it->has_alias && it->expr->kind == SQL_E_COLUMN) c.name = it->expr->name->name;
    c.cat = t ? t->cat : NULL;
    if (!c.cat) c.expr = t ? t->expr : e->kind == SQL_E_COLUMN ? NULL : e;
    add_column(b, d, cap, c);
    return c.name.len > 0;
}

void derived_columns(struct build *b, struct bref *d, struct block *in, const struct str *names, uint32_t nnames)
{
    const struct sql_query *q = in->q;
    bool known = true;
    uint32_t cap = 0;
    d->inner = in;
    if (!q || q->kind != SQL_Q_SELECT) return;
    for (uint32_t i = 0; i < q->nitems; i++)
        known = (q->items[i].expr->kind == SQL_E_STAR ? add_star(b, d, &cap, in, q->items[i].expr) : add_item(b, d, &cap, in, &q->items[i])) && known;
    if (nnames && (!known || nnames != d->ncols)) d->ncols = 0, known = false;
    for (uint32_t i = 0; i < nnames && known; i++) d->cols[i].name = names[i];
    d->columns_known = known;
}

const struct dcol *derived_column(const struct bref *d, struct str name)
{
    for (uint32_t i = 0; !d->t && i < d->ncols; i++)
        if (str_eq_nocase(d->cols[i].name, name)) return &d->cols[i];
    return NULL;
}

/* The block of the WITH query that a reference means; NULL: none, or not told by its name alone. */
struct block *cte_block(struct build *b, struct str name)
{
    struct block *hit = NULL;
    for (struct block *bl = b->blocks; bl; bl = bl->next) {
        if (!bl->cte || !str_eq_nocase(bl->cte->name, name)) continue;
        if (hit) return NULL;
        hit = bl;
    }
    return hit;
}

/* ---- may it be carried? ---- */

bool query_groups(const struct sql_query *q)
{
    const uint32_t aggregates = SQL_EF_HAS_AGGREGATE | SQL_EF_AGGREGATE;
    if (q->group && q->group->n) return true;
    if (q->having && (q->having->flags & SQL_EF_HAS_AGGREGATE)) return true;
    for (uint32_t i = 0; i < q->nitems; i++)
        if (q->items[i].expr->flags & aggregates) return true;
    for (uint32_t i = 0; q->order && i < q->order->n; i++)
        if (q->order->items[i].expr->flags & aggregates) return true;
    return false;
}

bool holds_shard_key(struct build *b, const struct block *bl, struct term *const *terms, uint32_t n)
{
    for (struct bref *r = bl->refs; r; r = r->next) {
        if (!r->key_terms || r->nullable) continue;
        bool all = true;
        for (uint32_t j = 0; j < r->t->rt->conf->nshard_columns && all; j++) {
            bool hit = false;
            for (uint32_t i = 0; i < n && !hit; i++) hit = terms[i] && same_class(b, bl->env, terms[i], r->key_terms[j]);
            all = hit && keycol_agree(&r->keys[j], &r->keys[j]);
        }
        if (all) return true;
    }
    return false;
}

/* The column that a GROUP BY item means: a column, else an alias when no table can have such a column, or a position. */
static struct term *group_term(struct build *b, struct block *bl, const struct sql_expr *e)
{
    const struct sql_query *q = bl->q;
    uint64_t n = 0;
    e = bare(e);
    if (e->kind == SQL_E_LITERAL && b->scan->toks[e->tok].kind == SQL_T_INT) {
        add_guard(b, e->tok);
        if (!str_to_u64(sql_tok_str(b->scan, e->tok), &n) || n < 1 || n > q->nitems) return NULL;
        for (uint32_t i = 0; i < n; i++)
            if (q->items[i].expr->kind == SQL_E_STAR) return NULL;
        return term_of(b, bl, q->items[n - 1].expr);
    }
    struct term *t = term_of(b, bl, e);
    if (t || e->kind != SQL_E_COLUMN || e->name->table.len) return t;
    for (const struct bref *r = bl->refs; r; r = r->next)
        if (!r->columns_known) return NULL;
    for (uint32_t i = 0; i < q->nitems; i++)
        if (q->items[i].has_alias && str_eq_nocase(q->items[i].alias, e->name->name)) return term_of(b, bl, q->items[i].expr);
    return NULL;
}

static bool groups_in_shard(struct build *b, struct block *bl)
{
    const struct sql_order *o = bl->q->group;
    uint32_t n = o ? o->n : 0;
    struct term **terms = b_array(b, struct term *, n);
    for (uint32_t i = 0; i < n; i++) terms[i] = group_term(b, bl, o->items[i].expr);
    return holds_shard_key(b, bl, terms, n);
}

static bool rows_differ_by_key(struct build *b, struct block *bl)
{
    VEC(struct term *) terms = {0};
    for (uint32_t i = 0; i < bl->q->nitems; i++) {
        const struct sql_expr *e = bl->q->items[i].expr;
        if (e->kind != SQL_E_STAR) {
            *b_push(b, &terms) = term_of(b, bl, e);
            continue;
        }
        for (struct bref *r = bl->refs; r; r = r->next) /* a star has the shard columns, whatever else it has */
            for (uint32_t j = 0; r->key_terms && j < r->t->rt->conf->nshard_columns; j++)
                if (!e->name || !e->name->table.len || str_eq(e->name->table, r->alias)) *b_push(b, &terms) = r->key_terms[j];
    }
    return holds_shard_key(b, bl, terms.at, terms.len);
}

/* A value that is not the same when it is read twice: the merge may read a column for its order too. */
static bool varies(struct build *b, const struct sql_query *q)
{
    const char *what = NULL;
    for (uint32_t i = 0; i < q->nitems; i++) {
        const struct sql_expr *e = q->items[i].expr;
        if (expr_differs(e, false, &what) || ((e->flags & SQL_EF_HAS_SUBQUERY) && statement_differs(b, &what))) return true;
    }
    return false;
}

static bool has_window(const struct sql_query *q)
{
    for (uint32_t i = 0; i < q->nitems; i++)
        if (q->items[i].expr->flags & SQL_EF_HAS_WINDOW) return true;
    for (uint32_t i = 0; q->order && i < q->order->n; i++)
        if (q->order->items[i].expr->flags & SQL_EF_HAS_WINDOW) return true;
    return false;
}

static bool used_once(const struct build *b, const struct sql_cte *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->stmt->ntables; i++) n += b->stmt->tables[i]->cte && str_eq_nocase(b->stmt->tables[i]->name.name, c->name);
    return n == 1;
}

static const char *hindrance(struct build *b, const struct bref *d, struct block *in)
{
    const struct sql_query *q = in->q;
    if (!q || q->kind != SQL_Q_SELECT) return "that is no plain SELECT";
    if (d->nullable) return "on the optional side of an outer join";
    if (in->cte && in->cte->recursive) return "that is recursive";
    if (in->cte && !used_once(b, in->cte)) return "used more than once";
    if (q->limit) return "with LIMIT";
    if (q->flags & SQL_S_ROLLUP) return "WITH ROLLUP";
    if (q->flags & (SQL_S_CALC_FOUND_ROWS | SQL_S_INTO_VARS | SQL_S_INTO_FILE | SQL_S_PROCEDURE)) return "with INTO, PROCEDURE or SQL_CALC_FOUND_ROWS";
    if (has_window(q)) return "with a window function";
    if (in->sharded && !in->colocated) return "whose tables are not joined on their shard columns";
    if (query_groups(q) && !groups_in_shard(b, in)) return "with aggregates, unless it groups by the shard column,";
    if ((q->flags & SQL_S_DISTINCT) && !rows_differ_by_key(b, in)) return "with DISTINCT, unless it selects the shard column,";
    return varies(b, q) ? "with RAND() or UUID()" : NULL;
}

/* ---- carrying ---- */

static bool over_shards(const struct block *bl)
{
    if (bl->sharded) return true;
    for (const struct bref *r = bl->refs; r; r = r->next)
        if (r->inner && over_shards(r->inner)) return true;
    return false;
}

/* What the query around says of the table's shard columns narrows the query inside. */
static void hand_in(struct build *b, struct bref *d, struct block *in)
{
    in->env->up = d->env;
    in->env->roots = NULL; /* classes are made anew */
    for (uint32_t i = 0, at = 0; i < in->q->nitems; i++, at++) {
        const struct sql_expr *e = in->q->items[i].expr;
        if (e->kind == SQL_E_STAR) return; /* places are not known behind it */
        struct term *t = term_of(b, in, e);
        if (!t || !t->key || t->ref->block != in || at >= d->ncols || !d->cols[at].name.len) continue;
        struct pair *p = b_push(b, &in->env->pairs);
        *p = (struct pair){term_get(b, d, d->cols[at].name), t};
    }
}

static void blame(const struct block *around, const char *why)
{
    for (const struct bref *r = around->refs; r; r = r->next) {
        if (!r->inner) continue;
        r->inner->why = why;
        blame(r->inner, why);
    }
}

static void carry(struct build *b, struct block *around)
{
    struct bref *d = NULL;
    bool alone = !around->sharded;
    for (struct bref *r = around->refs; r; r = r->next) {
        if (!r->inner || !over_shards(r->inner)) continue;
        alone &= !d;
        d = r;
    }
    if (!d) return;
    const char *why = alone ? hindrance(b, d, d->inner) : "beside another sharded table";
    if (why) {
        blame(around, why);
        return;
    }
    d->inner->carried = true;
    if (!query_groups(d->inner->q)) hand_in(b, d, d->inner);
    carry(b, d->inner);
}

void carry_derived(struct build *b)
{
    struct block *main = b->blocks;
    bool sorts = false;
    if (!main || main->role != BLOCK_MAIN || b->what->kind != SQL_SELECT || !main->q || main->q->kind != SQL_Q_SELECT) return;
    carry(b, main);
    for (const struct block *bl = main->next; bl; bl = bl->next) sorts |= bl->carried && bl->q->order;
    if (!sorts || main->q->order || query_groups(main->q) || (main->q->flags & SQL_S_DISTINCT)) return;
    /* MySQL hands such an order on to the query around it */
    no_scatter(b, "ORDER BY inside a derived table", "put ORDER BY at the end of the statement");
}

void refuse_derived(struct build *b, const struct block *bl)
{
    const char *what = bl->role == BLOCK_CTE ? "WITH" : "a derived table";
    no_scatter(b, bl->why ? b_printf(b, "%s %s", bl->role == BLOCK_CTE ? "a WITH query" : what, bl->why).ptr : what, NULL);
}
