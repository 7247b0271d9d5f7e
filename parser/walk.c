/*
 * walk.c - visits every expression of a statement, parents before children, into subqueries.
 *
 * Recursion is bounded by what the parser lets through: nesting (SQL_MAX_DEPTH), chains of operators and of
 * set operations.
 */
#include "parser/sql.h"

struct walk {
    sql_visit *fn;
    void *ctx;
};

static bool walk_query(const struct walk *w, const struct sql_query *q);

static bool walk_order(const struct walk *w, const struct sql_order *o);

static bool walk_expr(const struct walk *w, struct sql_expr *e);

static bool walk_window(const struct walk *w, const struct sql_window *win)
{
    if (!win) return true;
    for (uint32_t i = 0; i < win->npartition; i++)
        if (!walk_expr(w, win->partition[i])) return false;
    return walk_order(w, win->order);
}

static bool walk_exprs(const struct walk *w, struct sql_expr **at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!walk_expr(w, at[i])) return false;
    return true;
}

static bool has_query(const struct sql_expr *e)
{
    return e->kind == SQL_E_SUBQUERY || e->kind == SQL_E_EXISTS || e->kind == SQL_E_QUANT ||
           e->kind == SQL_E_IN;
}

static bool walk_expr(const struct walk *w, struct sql_expr *e)
{
    if (!e) return true;
    if (!w->fn(w->ctx, e)) return false;
    if (!walk_exprs(w, e->args, e->nargs)) return false;
    if (e->kind == SQL_E_CALL) return walk_order(w, e->call->order) && walk_window(w, e->call->over);
    return !has_query(e) || walk_query(w, e->query);
}

static bool walk_order(const struct walk *w, const struct sql_order *o)
{
    for (uint32_t i = 0; o && i < o->n; i++)
        if (!walk_expr(w, o->items[i].expr)) return false;
    return true;
}

static bool walk_limit(const struct walk *w, const struct sql_limit *l)
{
    return !l || (walk_expr(w, l->offset) && walk_expr(w, l->count));
}

static bool walk_ref(const struct walk *w, const struct sql_ref *r)
{
    if (!r) return true;
    return walk_ref(w, r->left) && walk_ref(w, r->right) && walk_query(w, r->query) && walk_expr(w, r->arg) &&
           walk_expr(w, r->on);
}

static bool walk_ctes(const struct walk *w, const struct sql_cte *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!walk_query(w, c[i].query)) return false;
    return true;
}

static bool walk_items(const struct walk *w, const struct sql_item *it, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!walk_expr(w, it[i].expr)) return false;
    return true;
}

static bool walk_query(const struct walk *w, const struct sql_query *q)
{
    if (!q) return true;
    if (!walk_ctes(w, q->ctes, q->nctes) || !walk_query(w, q->left) || !walk_query(w, q->right)) return false;
    if (!walk_items(w, q->items, q->nitems) || !walk_ref(w, q->from) || !walk_expr(w, q->where)) return false;
    if (!walk_order(w, q->group) || !walk_expr(w, q->having)) return false;
    for (uint32_t i = 0; i < q->nwindows; i++)
        if (!walk_window(w, q->windows[i])) return false;
    return walk_exprs(w, q->rows, q->nrows) && walk_order(w, q->order) && walk_limit(w, q->limit);
}

static bool walk_assigns(const struct walk *w, const struct sql_assign *a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!walk_expr(w, a[i].column) || !walk_expr(w, a[i].value)) return false;
    return true;
}

static bool walk_insert(const struct walk *w, const struct sql_insert *in)
{
    if (!walk_exprs(w, in->columns, in->ncolumns)) return false;
    for (uint32_t i = 0; i < in->nrows; i++)
        if (!walk_exprs(w, in->rows[i].values, in->rows[i].n)) return false;
    return walk_query(w, in->query) && walk_assigns(w, in->update, in->nupdate) &&
           walk_items(w, in->returning, in->nreturning);
}

static bool walk_update(const struct walk *w, const struct sql_update *u)
{
    return walk_ctes(w, u->ctes, u->nctes) && walk_ref(w, u->from) && walk_assigns(w, u->set, u->nset) &&
           walk_expr(w, u->where) && walk_order(w, u->order) && walk_limit(w, u->limit);
}

static bool walk_delete(const struct walk *w, const struct sql_delete *d)
{
    return walk_ctes(w, d->ctes, d->nctes) && walk_ref(w, d->from) && walk_expr(w, d->where) &&
           walk_order(w, d->order) && walk_limit(w, d->limit) && walk_items(w, d->returning, d->nreturning);
}

static bool walk_set(const struct walk *w, const struct sql_set_item *it, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!walk_expr(w, it[i].value)) return false;
    return true;
}

static bool walk_stmt(const struct walk *w, const struct sql_stmt *st)
{
    switch (st->kind) {
    case SQL_SELECT: return walk_query(w, st->query);
    case SQL_INSERT:
    case SQL_REPLACE: return walk_insert(w, st->insert);
    case SQL_UPDATE: return walk_update(w, st->update);
    case SQL_DELETE: return walk_delete(w, st->del);
    case SQL_LOAD:
        return walk_exprs(w, st->load.columns, st->load.ncolumns) &&
               walk_assigns(w, st->load.set, st->load.nset);
    case SQL_CREATE_TABLE: return walk_query(w, st->ddl->as);
    case SQL_SET: return walk_set(w, st->set.items, st->set.n);
    case SQL_SHOW:
    case SQL_DESCRIBE:
        return walk_expr(w, st->show->like) && walk_expr(w, st->show->where) &&
               walk_limit(w, st->show->limit);
    case SQL_EXPLAIN:
    case SQL_WEIR: return !st->explain.inner || walk_stmt(w, st->explain.inner);
    case SQL_KILL: return walk_expr(w, st->kill.id);
    case SQL_CALL: return walk_exprs(w, st->call.args, st->call.nargs);
    case SQL_DO: return walk_exprs(w, st->exprs.exprs, st->exprs.n);
    case SQL_PREPARE:
    case SQL_EXECUTE:
    case SQL_DEALLOCATE:
        return walk_expr(w, st->prepare.from) && walk_exprs(w, st->prepare.args, st->prepare.nargs);
    case SQL_ALTER_TABLE:
    case SQL_DROP_TABLE:
    case SQL_TRUNCATE:
    case SQL_RENAME_TABLE:
    case SQL_CREATE_INDEX:
    case SQL_DROP_INDEX:
    case SQL_CREATE_DATABASE:
    case SQL_DROP_DATABASE:
    case SQL_TABLE_ADMIN:
    case SQL_CREATE_OTHER:
    case SQL_USE:
    case SQL_BEGIN:
    case SQL_COMMIT:
    case SQL_ROLLBACK:
    case SQL_SAVEPOINT:
    case SQL_ROLLBACK_TO:
    case SQL_RELEASE_SAVEPOINT:
    case SQL_XA:
    case SQL_LOCK_TABLES:
    case SQL_UNLOCK_TABLES:
    case SQL_FLUSH:
    case SQL_HANDLER:
    case SQL_GRANT:
    case SQL_EMPTY:
    case SQL_OTHER: return true;
    }
    return true;
}

bool sql_walk(const struct sql_stmt *st, sql_visit *fn, void *ctx)
{
    struct walk w = {fn, ctx};
    return walk_stmt(&w, st);
}

bool sql_walk_expr(struct sql_expr *e, sql_visit *fn, void *ctx)
{
    struct walk w = {fn, ctx};
    return walk_expr(&w, e);
}
