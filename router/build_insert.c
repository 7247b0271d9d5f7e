/*
 * build_insert.c - INSERT and REPLACE: which value of a row is the shard column, which one the generated id.
 *
 *   INSERT INTO orders (customer_id, total) VALUES (7, 10), (8, 20)
 *   s0: INSERT INTO orders_3 (customer_id, total, `id`) VALUES (7, 10, 1001)
 *   s1: INSERT INTO orders_0 (customer_id, total, `id`) VALUES (8, 20, 1002)
 *
 * INSERT ... SELECT into a sharded table is pushed down when each row is made in the shard where it belongs:
 * the shard column is fed by that of a co-located table, or by a constant.
 */
#include "router/build.h"

struct ins {
    struct build *b;
    const struct sql_insert *in;
    struct tinfo *t;
    struct plan_insert *pi;
    uint32_t width; /* values a row must have; UINT32_MAX: not known */
};

/* ---- columns ---- */

/* Which value of a row belongs to the column; UINT32_MAX: none. False: not known. */
static bool column_at(struct ins *x, struct str name, uint32_t *at)
{
    *at = UINT32_MAX;
    if (x->in->has_columns) {
        for (uint32_t i = 0; i < x->in->ncolumns; i++)
            if (str_eq_nocase(x->in->columns[i]->name->name, name)) *at = i;
        return true;
    }
    if (!x->t->cat) return false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->t->cat->ncolumns; i++) {
        const struct cat_column *c = &x->t->cat->columns[i];
        if (c->invisible) continue;
        if (str_eq_nocase(c->name, name)) *at = n;
        n++;
    }
    return true;
}

static bool columns_unknown(struct ins *x)
{
    x->b->p->info.flags |= PLAN_NEEDS_CATALOG;
    return refuse(x->b,
                  "INSERT without a column list into " STR_FMT
                  ", whose columns are not known (yet); name the columns",
                  STR_ARG(x->t->t->name.name));
}

static void find_width(struct ins *x)
{
    x->width = UINT32_MAX;
    if (x->in->has_columns) {
        x->width = x->in->ncolumns;
    } else if (x->t->cat) {
        x->width = 0;
        for (uint32_t i = 0; i < x->t->cat->ncolumns; i++) x->width += !x->t->cat->columns[i].invisible;
    }
}

static bool check_rows(struct ins *x)
{
    for (uint32_t i = 0; i < x->in->nrows; i++) {
        uint32_t n = x->in->rows[i].n;
        bool defaults = n == 0 && (!x->in->has_columns || x->in->ncolumns == 0);
        if (x->width == UINT32_MAX || n == x->width || defaults) continue;
        return fail(x->b, 1136, "21S01", "Column count doesn't match value count at row %u", i + 1);
    }
    return true;
}

/* The generated column: where its value stands, or that it is to be added. */
static bool find_generated(struct ins *x)
{
    const struct conf_table *ct = x->t->rt->conf;
    struct build *b = x->b;
    if (!ct->generated) return true;
    b->p->info.sequence = ct->generated->sequence;
    x->pi->generated = true;
    x->pi->zero_is_id = !b->env->no_auto_value_on_zero;
    struct buf t = {0};
    sql_put_name(&t, ct->generated->column, true);
    x->pi->id_name = t.failed ? STR_NULL : arena_str(b->a, buf_str(&t));
    buf_release(&t);
    b_check(b, (void *)(uintptr_t)x->pi->id_name.ptr);
    bool all_defaults = !x->in->has_columns && x->in->nrows && x->in->rows[0].n == 0;
    if (all_defaults) {
        x->pi->id_at = UINT32_MAX;
        add_text(b, &b->p->single, x->in->columns_span.first, x->in->columns_span.first,
                 b_printf(b, "(" STR_FMT ")", STR_ARG(x->pi->id_name)));
        return true;
    }
    if (!column_at(x, ct->generated->column, &x->pi->id_at)) return columns_unknown(x);
    if (x->pi->id_at != UINT32_MAX || x->pi->set_form) return true;
    if (!x->in->has_columns)
        return refuse(b, "table " STR_FMT " has no column " STR_FMT ", which the rules generate",
                      STR_ARG(ct->name), STR_ARG(ct->generated->column));
    uint32_t close = x->in->columns_span.end - 1;
    add_text(b, &b->p->single, close, close,
             b_printf(b, "%s" STR_FMT, x->in->ncolumns ? ", " : "", STR_ARG(x->pi->id_name)));
    return true;
}

static bool find_keys(struct ins *x)
{
    const struct conf_table *ct = x->t->rt->conf;
    struct build *b = x->b;
    struct keycol *keys = b_array(b, struct keycol, ct->nshard_columns);
    x->pi->key_at = b_array(b, uint32_t, ct->nshard_columns);
    x->pi->keys = keys;
    if (!x->t->cat) b->p->info.flags |= PLAN_NEEDS_CATALOG;
    for (uint32_t i = 0; i < ct->nshard_columns; i++) {
        struct str name = ct->shard_columns[i].value;
        keycol_init(&keys[i], ct, i, x->t->cat, b->env->foreign_charset);
        bool is_id = ct->generated && str_eq_nocase(ct->generated->column, name);
        if (is_id) {
            x->pi->key_at[i] = x->pi->id_at;
            continue;
        }
        if (!column_at(x, name, &x->pi->key_at[i])) return columns_unknown(x);
        if (x->pi->key_at[i] == UINT32_MAX)
            return refuse(b,
                          "INSERT into " STR_FMT " without its shard column " STR_FMT
                          " cannot be placed; name the column and its value",
                          STR_ARG(ct->name), STR_ARG(name));
    }
    return true;
}

/* ---- ON DUPLICATE KEY UPDATE ---- */

static bool is_shard_column(const struct conf_table *ct, struct str name)
{
    for (uint32_t i = 0; i < ct->nshard_columns; i++)
        if (str_eq_nocase(ct->shard_columns[i].value, name)) return true;
    return false;
}

/* VALUES(k), or new.k under VALUES ... AS new: what the row brought, so that it stays where it is. */
static bool keeps_value(const struct ins *x, const struct sql_assign *as)
{
    const struct sql_expr *v = bare(as->value);
    struct str name = as->column->name->name;
    if (v->kind == SQL_E_VALUES && v->nargs && v->args[0]->kind == SQL_E_COLUMN)
        return str_eq_nocase(v->args[0]->name->name, name);
    if (v->kind != SQL_E_COLUMN || !str_eq_nocase(v->name->name, name)) return false;
    return !v->name->table.len || str_eq(v->name->table, x->t->t->name.name) ||
           (x->in->row_alias.len && str_eq(v->name->table, x->in->row_alias));
}

static bool check_update(struct ins *x)
{
    for (uint32_t i = 0; i < x->in->nupdate; i++) {
        const struct sql_assign *as = &x->in->update[i];
        if (!is_shard_column(x->t->rt->conf, as->column->name->name) || keeps_value(x, as)) continue;
        return refuse(x->b,
                      "ON DUPLICATE KEY UPDATE of shard column " STR_FMT
                      " is not supported yet, the row would have to move; leave the column out",
                      STR_ARG(as->column->name->name));
    }
    return true;
}

/* ---- rows ---- */

static bool refuse_subquery(struct ins *x)
{
    const struct build *b = x->b;
    struct str name = b->shard_refs.len ? b->shard_refs.at[0].table->conf->name : x->t->t->name.name;
    return refuse(x->b, "a subquery on sharded table " STR_FMT " in INSERT ... VALUES is not supported yet; read the value first", STR_ARG(name));
}

static bool insert_rows(struct ins *x)
{
    struct build *b = x->b;
    struct plan *p = b->p;
    p->insert = x->pi;
    x->pi->table = x->t->rt;
    x->pi->rows = x->in->rows;
    x->pi->nrows = x->in->nrows;
    x->pi->rows_span = x->in->rows_span;
    if (!check_rows(x) || !find_generated(x)) return false;
    if (x->t->at == AT_BROADCAST) return write_everywhere(b, x->t->rt, "INSERT into");
    if (x->t->at != AT_SHARDED) return any_sharded(b) ? refuse_subquery(x) : route_one_source(b);
    if (!find_keys(x) || !check_update(x) || !finish_blocks(b)) return false;
    if (b->shard_refs.len) return refuse_subquery(x);
    if (!route_shards(b)) return false;
    p->layout = x->t->rt;
    p->route = ROUTE_INSERT;
    p->merge = b_new(b, struct merge_spec);
    p->merge->add_counts = true;
    return true;
}

/* ---- INSERT ... SELECT ---- */

static bool plain_literal(const struct build *b, const struct sql_expr *e, enum conf_key_type type)
{
    e = bare(e);
    if (e->kind == SQL_E_PARAM) return true; /* its value is looked at when it is stored */
    bool neg = e->kind == SQL_E_UNARY && e->op == SQL_OP_NEG;
    if (neg) e = bare(e->args[0]);
    if (e->kind != SQL_E_LITERAL) return false;
    enum sql_tok_kind k = b->scan->toks[e->tok].kind;
    return k == SQL_T_INT ? type == CONF_KEY_INTEGER
                          : k == SQL_T_STRING && !neg && (type == CONF_KEY_STRING || type == CONF_KEY_DATE);
}

/* The select's shard columns feed the target's: rows are born where they belong. */
static bool fed_by_shard(struct ins *x, struct block *bl)
{
    const struct conf_table *ct = x->t->rt->conf;
    if (!bl->sharded || !bl->colocated) return false;
    for (struct bref *r = bl->refs; r; r = r->next) {
        if (!r->key_terms || r->nullable || !same_layout(r->t->rt, x->t->rt)) continue;
        bool all = true;
        for (uint32_t j = 0; j < ct->nshard_columns && all; j++) {
            uint32_t at = x->pi->key_at[j];
            struct term *t = at < bl->q->nitems ? term_of(x->b, bl, bl->q->items[at].expr) : NULL;
            all = t && same_class(x->b, bl->env, t, r->key_terms[j]) &&
                  keycol_agree(&r->keys[j], &x->pi->keys[j]);
        }
        if (all) return true;
    }
    return false;
}

/* All shard columns are constants: the target is one more reference with a condition. */
static bool fed_by_constant(struct ins *x, struct block *bl)
{
    struct build *b = x->b;
    const struct conf_table *ct = x->t->rt->conf;
    struct cond *c = b_new(b, struct cond);
    c->kind = COND_POINTS;
    c->n = 1;
    c->values = b_array(b, const struct sql_expr *, ct->nshard_columns);
    for (uint32_t j = 0; j < ct->nshard_columns; j++) {
        uint32_t at = x->pi->key_at[j];
        if (at >= bl->q->nitems || !plain_literal(b, bl->q->items[at].expr, x->pi->keys[j].type))
            return false;
        c->values[j] = bl->q->items[at].expr;
    }
    struct plan_ref *r = b_push(b, &b->shard_refs);
    *r = (struct plan_ref){.table = x->t->rt, .keys = x->pi->keys, .cond = c, .free = true, .stores = true};
    return true;
}

static bool insert_select_sharded(struct ins *x, struct block *bl)
{
    struct build *b = x->b;
    struct str name = x->t->rt->conf->name;
    x->pi->table = x->t->rt;
    x->pi->select = true;
    b->p->insert = x->pi;
    if (x->t->rt->conf->generated) {
        x->pi->generated = false;
        if (!column_at(x, x->t->rt->conf->generated->column, &x->pi->id_at)) return columns_unknown(x);
        if (x->pi->id_at == UINT32_MAX)
            return refuse(b,
                          "INSERT ... SELECT into " STR_FMT " needs generated ids for " STR_FMT
                          ", which is not supported yet; select that column too",
                          STR_ARG(name), STR_ARG(x->t->rt->conf->generated->column));
    }
    bool plain = bl->q->kind == SQL_Q_SELECT;
    for (uint32_t i = 0; plain && i < bl->q->nitems; i++) plain = bl->q->items[i].expr->kind != SQL_E_STAR;
    if (!plain)
        return refuse(
            b,
            "INSERT ... SELECT into sharded table " STR_FMT
            " from this form of query is not supported yet; write a plain SELECT that names its columns",
            STR_ARG(name));
    if (!find_keys(x) || !check_update(x) || !finish_blocks(b)) return false;
    if (!fed_by_shard(x, bl)) {
        no_scatter(b, "INSERT ... SELECT of a constant shard column from other shards",
                   "read the rows first and insert them");
        if (!fed_by_constant(x, bl))
            return refuse(b,
                          "INSERT ... SELECT into " STR_FMT
                          " is not supported yet where its shard column is not fed by that of a co-located "
                          "table or by a constant; read the rows first and insert them",
                          STR_ARG(name));
    }
    bool grouped = bl->q->group || bl->q->limit;
    for (uint32_t i = 0; i < bl->q->nitems; i++)
        grouped |= (bl->q->items[i].expr->flags &
                    (SQL_EF_HAS_AGGREGATE | SQL_EF_AGGREGATE | SQL_EF_HAS_WINDOW)) != 0;
    if (grouped) no_scatter(b, "INSERT ... SELECT with GROUP BY, aggregates or LIMIT", NULL);
    if (!route_shards(b)) return false;
    if (x->in->nreturning) no_scatter(b, "INSERT ... SELECT ... RETURNING", NULL);
    b->p->merge = b_new(b, struct merge_spec);
    b->p->merge->add_counts = true;
    return true;
}

static bool insert_select(struct ins *x, struct block *bl)
{
    struct build *b = x->b;
    if (x->t->at == AT_SHARDED) return insert_select_sharded(x, bl);
    if (x->t->rt && x->t->rt->conf->generated) {
        if (!column_at(x, x->t->rt->conf->generated->column, &x->pi->id_at)) return columns_unknown(x);
        if (x->pi->id_at == UINT32_MAX)
            return refuse(b,
                          "INSERT ... SELECT into " STR_FMT
                          " needs generated ids, which is not supported yet; select that column too",
                          STR_ARG(x->t->rt->conf->name));
    }
    if (x->t->at == AT_BROADCAST) {
        if (bl->q->limit && x->t->rt->conf->nnodes > 1)
            return refuse(b,
                          "INSERT ... SELECT with LIMIT into broadcast table " STR_FMT
                          " may choose other rows on each node; name the rows",
                          STR_ARG(x->t->rt->conf->name));
        return write_everywhere(b, x->t->rt, "INSERT into");
    }
    if (!any_sharded(b)) return route_one_source(b);
    no_scatter(b, "INSERT ... SELECT into a table that is not sharded from one that is",
               "read the rows first and insert them");
    return finish_blocks(b) && route_shards(b);
}

/* Each leg returns a row for each of its VALUES, in their order, so that those of several legs can be told in the order of all VALUES.
 * Names in it are those of the target alone, also beside a SELECT. */
static void note_returning(struct build *b, const struct sql_insert *in)
{
    if (!in->nreturning) return;
    struct block *own = block_from(b, NULL, NULL, NULL);
    if (!in->query) b->p->info.flags |= PLAN_RETURNING;
    if (in->flags & SQL_D_IGNORE)
        no_scatter(b, "INSERT IGNORE ... RETURNING (a row that is skipped returns nothing, so that rows and VALUES could not be told together)",
                   "insert the rows one by one");
    for (uint32_t i = 0; i < in->nreturning; i++) {
        if (in->returning[i].expr->flags & SQL_EF_HAS_ASSIGN)
            no_scatter(b, "RETURNING with an assignment to a user variable", "insert the rows one by one");
        blocks_of_expr(b, own, in->returning[i].expr, own->env);
    }
}

bool build_insert(struct build *b, const struct sql_insert *in)
{
    struct plan *p = b->p;
    struct tinfo *t = &b->tables[in->table->id];
    struct ins x = {.b = b, .in = in, .t = t, .pi = b_new(b, struct plan_insert)};
    struct block *bl =
        in->query ? block_query(b, in->query, NULL, BLOCK_MAIN, NULL) : block_from(b, NULL, NULL, NULL);
    p->info.cls = PLAN_WRITE;
    if (in->flags & SQL_D_IGNORE) p->info.flags |= PLAN_IGNORE;
    x.pi->set_form = in->flags & SQL_D_SET_FORM;
    x.pi->id_at = UINT32_MAX;
    find_width(&x);
    for (uint32_t i = 0; i < in->nrows; i++)
        for (uint32_t j = 0; j < in->rows[i].n; j++)
            if (in->rows[i].values[j]->flags & SQL_EF_HAS_SUBQUERY)
                blocks_of_expr(b, bl, in->rows[i].values[j], bl->env);
    for (uint32_t i = 0; i < in->nupdate; i++)
        if (in->update[i].value->flags & SQL_EF_HAS_SUBQUERY)
            blocks_of_expr(b, bl, in->update[i].value, bl->env);
    note_returning(b, in);
    if (!edit_tables(b, in->table->id) || !splice_facts(b)) return false;
    edit_qualifiers(b, t);
    keep_item_names(b, in->returning, in->nreturning);
    if (in->query) return insert_select(&x, bl);
    if (t->rt) return insert_rows(&x);
    if (!any_sharded(b)) return route_one_source(b);
    if (!finish_blocks(b) || !route_shards(b)) return false;
    no_scatter(b, "INSERT with a subquery on a sharded table", NULL);
    return true;
}
