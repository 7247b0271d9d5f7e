/*
 * build_write.c - UPDATE and DELETE, of one table or of joins.
 *
 * Rows of a sharded table are changed where the conditions say; a broadcast table on every node, so that what
 * is written must not depend on the node. Moving a row to another shard (assigning its shard column) is
 * refused.
 */
#include "router/build.h"

/* ---- broadcast targets ---- */

bool write_everywhere(struct build *b, const struct rt_table *t, const char *verb)
{
    const char *what = NULL;
    for (uint32_t i = 0; i < b->stmt->ntables; i++) {
        enum table_at at = b->tables[i].at;
        if (at == AT_BROADCAST || at == AT_NOWHERE || t->conf->nnodes == 1) continue;
        return refuse(b,
                      "%s broadcast table " STR_FMT " from table " STR_FMT
                      ", which is not on every node, is not supported yet; give the values as literals",
                      verb, STR_ARG(t->conf->name), STR_ARG(b->tables[i].t->name.name));
    }
    if (t->conf->nnodes > 1 && statement_differs(b, &what))
        return refuse(b,
                      "%s in a write to broadcast table " STR_FMT
                      " would differ from node to node; give the value as a literal",
                      what, STR_ARG(t->conf->name));
    (void)route_every_node(b, t);
    b->p->merge->add_counts = false; /* every node says the same: one of them counts */
    return true;
}

struct differs_walk {
    const char *what;
};
static bool see_differing(void *ctx, struct sql_expr *e)
{
    struct differs_walk *w = ctx;
    if (e->kind != SQL_E_CALL && e->kind != SQL_E_NEXTVAL) return true;
    struct sql_expr alone = *e;
    alone.nargs = 0;
    return !expr_differs(&alone, true, &w->what);
}
bool statement_differs(struct build *b, const char **what)
{
    struct differs_walk w = {NULL};
    (void)sql_walk(b->stmt, see_differing, &w);
    *what = w.what;
    return w.what != NULL;
}

/* ---- what is written ---- */

struct targets {
    bool sharded, broadcast, whole; /* tables of each kind are written */
    const struct rt_table *copy;    /* a broadcast one */
};

static void add_target(struct targets *w, const struct tinfo *t)
{
    if (!t) return;
    switch (t->at) {
    case AT_SHARDED: w->sharded = true; break;
    case AT_BROADCAST:
        w->broadcast = true;
        w->copy = t->rt;
        break;
    case AT_DEFAULT:
    case AT_SINGLE:
    case AT_SYSTEM: w->whole = true; break;
    case AT_NOWHERE: break;
    }
}

/* After the targets are known: the route. */
static bool route_write(struct build *b, const struct targets *w, const char *verb)
{
    if (w->broadcast) {
        if (w->sharded || w->whole || any_sharded(b))
            return refuse(b,
                          "%s of broadcast table " STR_FMT
                          " together with other tables is not supported yet; write it alone",
                          verb, STR_ARG(w->copy->conf->name));
        return write_everywhere(b, w->copy, verb);
    }
    if (!any_sharded(b)) return route_one_source(b);
    if (!finish_blocks(b) || !route_shards(b)) return false;
    if (w->whole || !w->sharded)
        no_scatter(b, "writing a table that is not sharded by a join with one that is", NULL);
    b->p->merge = b_new(b, struct merge_spec);
    b->p->merge->add_counts = true;
    return true;
}

/* ---- UPDATE ---- */

static bool assigns_key(struct build *b, struct block *bl, const struct sql_expr *column)
{
    struct term *t = term_of(b, bl, column);
    if (t) return t->key != NULL;
    for (struct bref *r = bl->refs; r; r = r->next) {
        if (column->name->table.len && !str_eq(column->name->table, r->alias)) continue;
        for (uint32_t i = 0; r->keys && i < r->t->rt->conf->nshard_columns; i++)
            if (str_eq_nocase(r->keys[i].name, column->name->name)) return true;
    }
    return false;
}

static bool update_targets(struct build *b, struct block *bl, const struct sql_update *u, struct targets *w)
{
    for (uint32_t i = 0; i < u->nset; i++) {
        const struct sql_expr *c = u->set[i].column;
        if (assigns_key(b, bl, c))
            return refuse(
                b,
                "UPDATE of shard column " STR_FMT
                " is not supported yet, the row would have to move; delete the row and insert it anew",
                STR_ARG(c->name->name));
        struct term *t = term_of(b, bl, c);
        if (t) {
            add_target(w, t->ref->t);
            continue;
        }
        /* not known whose column: any table that it may belong to */
        for (struct bref *r = bl->refs; r; r = r->next)
            if (!c->name->table.len || str_eq(c->name->table, r->alias)) add_target(w, r->t);
    }
    return true;
}

bool build_update(struct build *b, const struct sql_update *u)
{
    struct plan *p = b->p;
    struct targets w = {0};
    p->info.cls = PLAN_WRITE;
    if (u->flags & SQL_D_IGNORE) p->info.flags |= PLAN_IGNORE;
    struct block *bl = block_from(b, u->from, u->where, NULL);
    blocks_of_ctes(b, bl, u->ctes, u->nctes);
    for (uint32_t i = 0; i < u->nset; i++) {
        blocks_of_expr(b, bl, u->set[i].column, bl->env);
        blocks_of_expr(b, bl, u->set[i].value, bl->env);
    }
    for (uint32_t i = 0; u->order && i < u->order->n; i++)
        blocks_of_expr(b, bl, u->order->items[i].expr, bl->env);
    if (!edit_tables(b, UINT32_MAX) || !splice_facts(b) || !update_targets(b, bl, u, &w)) return false;
    if (w.broadcast && u->limit)
        return refuse(
            b, "UPDATE with LIMIT of a broadcast table may choose other rows on each node; name the rows");
    if (u->order || u->limit) no_scatter(b, u->limit ? "UPDATE with LIMIT" : "UPDATE with ORDER BY", NULL);
    return route_write(b, &w, "UPDATE");
}

/* ---- DELETE ---- */

static void delete_targets(struct build *b, struct block *bl, const struct sql_delete *d, struct targets *w)
{
    bool multi = d->flags & SQL_D_MULTI;
    for (struct bref *r = bl->refs; r; r = r->next) {
        bool hit = !multi;
        for (uint32_t i = 0; i < d->ntargets && !hit; i++) hit = str_eq(d->targets[i]->name.name, r->alias);
        if (hit) add_target(w, r->t);
    }
    (void)b;
}

bool build_delete(struct build *b, const struct sql_delete *d)
{
    struct plan *p = b->p;
    struct targets w = {0};
    bool multi = d->flags & SQL_D_MULTI;
    p->info.cls = PLAN_WRITE;
    if (d->flags & SQL_D_IGNORE) p->info.flags |= PLAN_IGNORE;
    struct block *bl = block_from(b, d->from, d->where, NULL);
    blocks_of_ctes(b, bl, d->ctes, d->nctes);
    for (uint32_t i = 0; d->order && i < d->order->n; i++)
        blocks_of_expr(b, bl, d->order->items[i].expr, bl->env);
    for (uint32_t i = 0; i < d->nreturning; i++) blocks_of_expr(b, bl, d->returning[i].expr, bl->env);
    /* MariaDB 10.11 knows no alias in the single-table form. */
    struct tinfo *alone = !multi && d->from && d->from->kind == SQL_J_TABLE && !d->from->table->has_alias
                              ? &b->tables[d->from->table->id]
                              : NULL;
    if (!edit_tables(b, alone ? alone->t->id : UINT32_MAX) || !splice_facts(b)) return false;
    if (alone) edit_qualifiers(b, alone);
    keep_item_names(b, d->returning, d->nreturning);
    delete_targets(b, bl, d, &w);
    if (w.broadcast && d->limit)
        return refuse(
            b, "DELETE with LIMIT of a broadcast table may choose other rows on each node; name the rows");
    if (d->order || d->limit) no_scatter(b, d->limit ? "DELETE with LIMIT" : "DELETE with ORDER BY", NULL);
    if (d->nreturning) p->info.flags |= PLAN_RETURNING;
    for (uint32_t i = 0; i < d->nreturning; i++)
        if (d->returning[i].expr->flags & SQL_EF_HAS_ASSIGN)
            no_scatter(b, "RETURNING with an assignment to a user variable", NULL);
    return route_write(b, &w, "DELETE");
}
