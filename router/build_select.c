/*
 * build_select.c - SELECT: whole and broadcast tables to one source, sharded ones by their conditions; the
 * scatter form is build_merge.c's.
 */
#include "router/build.h"

struct lock_walk {
    bool locks, into_vars, into_file;
};

/* FOR UPDATE and INTO anywhere in the query. */
static void look(struct build *b, struct lock_walk *w)
{
    for (const struct block *bl = b->blocks; bl; bl = bl->next) {
        if (!bl->q) continue;
        w->locks |= (bl->q->flags & (SQL_S_FOR_UPDATE | SQL_S_FOR_SHARE)) ||
                    bl->q->lock_span.end > bl->q->lock_span.first;
        w->into_vars |= (bl->q->flags & SQL_S_INTO_VARS) != 0;
        w->into_file |= (bl->q->flags & SQL_S_INTO_FILE) != 0;
    }
}

bool expr_differs(const struct sql_expr *e, bool clock_too, const char **what)
{
    if (!e) return false;
    if (e->kind == SQL_E_NEXTVAL) {
        *what = "NEXTVAL";
        return true;
    }
    if (e->kind == SQL_E_CALL) {
        bool hit = e->call->fn == SQL_FN_RAND || e->call->fn == SQL_FN_UUID ||
                   (clock_too && e->call->fn == SQL_FN_NOW);
        if (hit) {
            *what = e->call->fn == SQL_FN_RAND   ? "RAND()"
                    : e->call->fn == SQL_FN_UUID ? "UUID()"
                                                 : "the current time";
            return true;
        }
    }
    for (uint32_t i = 0; i < e->nargs; i++)
        if (expr_differs(e->args[i], clock_too, what)) return true;
    return false;
}

/* LIMIT without ORDER BY in a derived table of copied rows: each shard might see others. */
static void refuse_arbitrary_rows(struct build *b)
{
    for (const struct block *bl = b->blocks; bl; bl = bl->next)
        if (bl->q && bl->q->limit && !bl->q->order && (bl->role == BLOCK_DERIVED || bl->role == BLOCK_CTE))
            no_scatter(b, "LIMIT without ORDER BY in a derived table", NULL);
}

bool build_select(struct build *b, const struct sql_query *q)
{
    struct plan *p = b->p;
    struct lock_walk w = {0};
    struct block *main = block_query(b, q, NULL, BLOCK_MAIN, NULL);
    look(b, &w);
    p->info.cls = w.locks ? PLAN_LOCKING : PLAN_READ;
    if (w.into_file)
        return refuse(b, "SELECT ... INTO OUTFILE or DUMPFILE would write a file on one of several servers, where a "
                         "client of Weir does not find it; SELECT the rows and write the file in the client");
    if (w.into_vars) p->info.flags |= PLAN_WRITES_USERVARS;
    if (!edit_tables(b, UINT32_MAX) || !splice_facts(b)) return false;
    if (!any_sharded(b)) return route_one_source(b);
    if (!finish_blocks(b) || !route_shards(b)) return false;
    refuse_arbitrary_rows(b);
    p->limit = q->limit;
    if (!p->no_scatter) build_merge(b, main);
    return true;
}
