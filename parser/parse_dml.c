/*
 * parse_dml.c - statements that write rows: INSERT, REPLACE, UPDATE, DELETE, LOAD DATA.
 */
#include "parser/parse.h"

/* ---- shared pieces ---- */

struct sql_assign *ps_assignments(struct parser *p, uint32_t *n)
{
    uint32_t mark = ps_mark(p);
    do {
        uint32_t first = p->at;
        struct sql_assign a = {.column = ps_column(p)};
        if (!try_op(p, SQL_OP_EQ)) want_op(p, SQL_OP_ASSIGN);
        a.value = ps_value(p);
        a.span = span_from(p, first);
        ps_push_value(p, &a, sizeof a);
    } while (try_op(p, SQL_OP_COMMA));
    return ps_take_values(p, mark, sizeof(struct sql_assign), n);
}

static uint32_t dml_flags(struct parser *p)
{
    uint32_t flags = 0;
    for (;;) {
        switch (cur_word(p)) {
        case SQL_W_LOW_PRIORITY: flags |= SQL_D_LOW_PRIORITY; break;
        case SQL_W_DELAYED: flags |= SQL_D_DELAYED; break;
        case SQL_W_HIGH_PRIORITY: flags |= SQL_D_HIGH_PRIORITY; break;
        case SQL_W_IGNORE: flags |= SQL_D_IGNORE; break;
        default: return flags;
        }
        ps_next(p);
    }
}

static void order_limit(struct parser *p, const struct sql_order **order, const struct sql_limit **limit)
{
    uint32_t first = p->at;
    if (try_word(p, SQL_W_ORDER)) {
        want_word(p, SQL_W_BY);
        *order = ps_order(p, first);
    }
    *limit = ps_limit(p);
}

/* ---- INSERT, REPLACE ---- */

static void columns(struct parser *p, struct sql_insert *in)
{
    uint32_t first = p->at, mark = ps_mark(p);
    want_op(p, SQL_OP_LPAREN);
    if (!at_op(p, SQL_OP_RPAREN)) {
        do ps_push(p, ps_column(p));
        while (try_op(p, SQL_OP_COMMA));
    }
    want_op(p, SQL_OP_RPAREN);
    in->columns = ps_take(p, mark, &in->ncolumns);
    in->has_columns = true;
    in->columns_span = span_from(p, first);
}

static void rows(struct parser *p, struct sql_insert *in)
{
    VEC(struct sql_row) list = {0};
    uint32_t first = p->at;
    do {
        struct sql_row *row = vec_push(&list, p->a);
        if (!row) ps_nomem(p);
        row->span.first = p->at;
        try_word(p, SQL_W_ROW);
        uint32_t mark = ps_mark(p);
        want_op(p, SQL_OP_LPAREN);
        if (!at_op(p, SQL_OP_RPAREN)) {
            do ps_push(p, ps_value(p));
            while (try_op(p, SQL_OP_COMMA));
        }
        want_op(p, SQL_OP_RPAREN);
        row->values = ps_take(p, mark, &row->n);
        row->span.end = p->at;
    } while (try_op(p, SQL_OP_COMMA));
    in->rows = list.at;
    in->nrows = list.len;
    in->rows_span = span_from(p, first);
}

static void set_form(struct parser *p, struct sql_insert *in)
{
    uint32_t first = p->at, n;
    struct sql_assign *set = ps_assignments(p, &n);
    in->flags |= SQL_D_SET_FORM;
    in->has_columns = true;
    in->ncolumns = n;
    in->columns = ps_alloc(p, n * sizeof *in->columns);
    in->rows = PS_NEW(p, struct sql_row);
    in->nrows = 1;
    in->rows->n = n;
    in->rows->values = ps_alloc(p, n * sizeof *in->rows->values);
    for (uint32_t i = 0; i < n; i++) {
        in->columns[i] = set[i].column;
        in->rows->values[i] = set[i].value;
    }
    in->rows->span = in->rows_span = span_from(p, first);
}

static void row_alias(struct parser *p, struct sql_insert *in)
{
    if (!try_word(p, SQL_W_AS)) return;
    in->row_alias = ps_ident(p);
    if (at_op(p, SQL_OP_LPAREN)) in->row_alias_cols = ps_name_list(p, &in->nrow_alias_cols);
}

static void on_duplicate(struct parser *p, struct sql_insert *in)
{
    uint32_t first = p->at;
    if (!try_word(p, SQL_W_ON)) return;
    want_word(p, SQL_W_DUPLICATE);
    want_word(p, SQL_W_KEY);
    want_word(p, SQL_W_UPDATE);
    p->values_fn = true;
    in->update = ps_assignments(p, &in->nupdate);
    p->values_fn = false;
    in->update_span = span_from(p, first);
}

void ps_insert(struct parser *p, struct sql_stmt *st)
{
    struct sql_insert *in = PS_NEW(p, struct sql_insert);
    st->kind = at_word(p, SQL_W_INSERT) ? SQL_INSERT : SQL_REPLACE;
    st->insert = in;
    ps_next(p);
    in->flags = dml_flags(p);
    try_word(p, SQL_W_INTO);
    in->table = ps_table(p, SQL_R_WRITE);
    ps_partitions(p);
    in->table->alias_span = span_here(p);
    in->columns_span = span_here(p);
    bool query_next =
        at_op(p, SQL_OP_LPAREN) &&
        (ahead_word(p, 1, SQL_W_SELECT) || ahead_word(p, 1, SQL_W_WITH) || ahead_word(p, 1, SQL_W_VALUES) ||
         ahead_word(p, 1, SQL_W_TABLE) || ahead_op(p, 1, SQL_OP_LPAREN));
    if (at_op(p, SQL_OP_LPAREN) && !query_next) {
        columns(p, in);
        query_next = at_op(p, SQL_OP_LPAREN);
    }
    if (!in->has_columns && try_word(p, SQL_W_SET)) {
        set_form(p, in);
        row_alias(p, in);
    } else if (!query_next && (try_word(p, SQL_W_VALUES) || try_word(p, SQL_W_VALUE))) {
        rows(p, in);
        row_alias(p, in);
    } else {
        if (!query_next && !ps_at_query(p)) ps_syntax(p);
        in->query = ps_query(p);
    }
    if (st->kind == SQL_INSERT) on_duplicate(p, in);
    uint32_t first = p->at;
    if (p->mariadb && try_word(p, SQL_W_RETURNING)) {
        in->flags |= SQL_D_RETURNING;
        in->returning = ps_items(p, &in->nreturning);
        in->returning_span = span_from(p, first);
    }
}

/* ---- UPDATE, DELETE ---- */

static bool names_ref(const struct sql_name *target, const struct sql_table *t)
{
    if (target->schema.len)
        return !t->has_alias && str_eq(target->schema, t->name.schema) && str_eq(target->name, t->name.name);
    return str_eq_nocase(target->name, t->has_alias ? t->alias : t->name.name);
}

/* Tables of the join that no assignment names are only read. An unqualified column may belong to any: then
 * all are written. */
static void update_roles(struct parser *p, const struct sql_update *up, uint32_t from)
{
    for (uint32_t i = 0; i < up->nset; i++)
        if (up->set[i].column->name->table.len == 0) return;
    for (uint32_t t = from; t < p->tables.len; t++) {
        struct sql_table *tab = p->tables.at[t];
        if (tab->role != SQL_R_WRITE) continue;
        bool written = false;
        for (uint32_t i = 0; i < up->nset; i++) {
            const struct sql_name *c = up->set[i].column->name;
            struct sql_name owner = {.schema = c->schema, .name = c->table};
            written |= names_ref(&owner, tab);
        }
        if (!written) tab->role = SQL_R_READ;
    }
}

/* UPDATE and DELETE read common table expressions as tables, too. */
static void mark_ctes(struct parser *p, uint32_t from)
{
    for (uint32_t i = from; i < p->tables.len; i++) {
        struct sql_table *t = p->tables.at[i];
        if (t->role != SQL_R_READ || t->name.schema.len || t->query) continue;
        for (const struct cte_scope *c = p->ctes; c; c = c->outer)
            if (str_eq_nocase(c->name, t->name.name)) t->cte = true;
    }
}

void ps_update(struct parser *p, struct sql_stmt *st, struct sql_cte *ctes, uint32_t nctes)
{
    struct sql_update *up = PS_NEW(p, struct sql_update);
    st->kind = SQL_UPDATE;
    st->update = up;
    up->ctes = ctes;
    up->nctes = nctes;
    ps_next(p);
    up->flags = dml_flags(p);
    uint32_t from = p->tables.len;
    up->from = ps_refs(p, SQL_R_WRITE);
    uint32_t to = p->tables.len;
    want_word(p, SQL_W_SET);
    up->set = ps_assignments(p, &up->nset);
    if (try_word(p, SQL_W_WHERE)) up->where = ps_full(p);
    order_limit(p, &up->order, &up->limit);
    if (up->from->kind != SQL_J_TABLE) {
        up->flags |= SQL_D_MULTI;
        uint32_t all = p->tables.len;
        p->tables.len = to; /* the tables of subqueries are none of the join's */
        update_roles(p, up, from);
        mark_ctes(p, from);
        p->tables.len = all;
    }
}

/* t1, db.t2.*, ... */
static void targets(struct parser *p, struct sql_delete *d)
{
    uint32_t mark = ps_mark(p);
    do {
        struct sql_table *t = ps_table(p, SQL_R_WRITE);
        if (try_op(p, SQL_OP_DOT)) want_op(p, SQL_OP_STAR);
        t->alias_span = span_here(p);
        t->delete_name = true;
        ps_push(p, t);
    } while (try_op(p, SQL_OP_COMMA));
    d->targets = ps_take(p, mark, &d->ntargets);
    d->flags |= SQL_D_MULTI;
}

static void delete_roles(struct parser *p, const struct sql_delete *d, uint32_t from)
{
    for (uint32_t t = from; t < p->tables.len; t++) {
        struct sql_table *tab = p->tables.at[t];
        if (tab->query) continue;
        for (uint32_t i = 0; i < d->ntargets; i++)
            if (names_ref(&d->targets[i]->name, tab)) tab->role = SQL_R_WRITE;
    }
    mark_ctes(p, from);
}

/* DELETE HISTORY FROM t [BEFORE SYSTEM_TIME x]: MariaDB's versioned tables. */
static void history(struct parser *p)
{
    if (!try_word(p, SQL_W_BEFORE)) return;
    want_word(p, SQL_W_SYSTEM_TIME);
    if (at_word(p, SQL_W_TRANSACTION) || (at_word(p, SQL_W_TIMESTAMP) && ps_peek(p, 1)->kind != SQL_T_STRING))
        ps_next(p);
    ps_full(p);
}

static void single_delete(struct parser *p, struct sql_delete *d, bool old_rows)
{
    d->from = ps_refs(p, SQL_R_WRITE);
    if (d->from->kind != SQL_J_TABLE) ps_syntax(p);
    d->targets = ps_alloc(p, sizeof *d->targets);
    d->targets[0] = d->from->table;
    d->ntargets = 1;
    if (old_rows) {
        history(p);
        return;
    }
    if (try_word(p, SQL_W_WHERE)) d->where = ps_full(p);
    order_limit(p, &d->order, &d->limit);
    if (p->mariadb && try_word(p, SQL_W_RETURNING)) {
        d->flags |= SQL_D_RETURNING;
        d->returning = ps_items(p, &d->nreturning);
    }
}

void ps_delete(struct parser *p, struct sql_stmt *st, struct sql_cte *ctes, uint32_t nctes)
{
    struct sql_delete *d = PS_NEW(p, struct sql_delete);
    st->kind = SQL_DELETE;
    st->del = d;
    d->ctes = ctes;
    d->nctes = nctes;
    ps_next(p);
    for (;;) {
        if (try_word(p, SQL_W_LOW_PRIORITY))
            d->flags |= SQL_D_LOW_PRIORITY;
        else if (try_word(p, SQL_W_IGNORE))
            d->flags |= SQL_D_IGNORE;
        else if (at_word(p, SQL_W_QUICK) && !ahead_op(p, 1, SQL_OP_COMMA) && !ahead_op(p, 1, SQL_OP_DOT)) {
            ps_next(p);
            d->flags |= SQL_D_QUICK;
        } else
            break;
    }
    bool old_rows = at_word(p, SQL_W_HISTORY) && ahead_word(p, 1, SQL_W_FROM) && p->mariadb;
    if (old_rows) ps_next(p);
    if (!try_word(p, SQL_W_FROM)) {
        targets(p, d);
        want_word(p, SQL_W_FROM);
    } else {
        /* FROM t1, t2 USING ...: seen behind the first name. */
        uint32_t i = ahead_op(p, 1, SQL_OP_DOT) && !ahead_op(p, 2, SQL_OP_STAR) ? 3 : 1;
        if (!(ahead_op(p, i, SQL_OP_DOT) || ahead_op(p, i, SQL_OP_COMMA) || ahead_word(p, i, SQL_W_USING))) {
            single_delete(p, d, old_rows);
            return;
        }
        targets(p, d);
        want_word(p, SQL_W_USING);
    }
    uint32_t from = p->tables.len;
    d->from = ps_refs(p, SQL_R_READ);
    delete_roles(p, d, from);
    if (try_word(p, SQL_W_WHERE)) d->where = ps_full(p);
}

/* ---- LOAD DATA, LOAD XML ---- */

static void load_columns(struct parser *p, struct sql_stmt *st)
{
    uint32_t mark = ps_mark(p), first = p->at;
    st->load.columns_span = span_here(p);
    if (!try_op(p, SQL_OP_LPAREN)) return;
    st->load.has_columns = true;
    if (!at_op(p, SQL_OP_RPAREN)) {
        do ps_push(p, p->t->kind == SQL_T_USERVAR ? ps_expr(p, BP_PRIMARY) : ps_column(p));
        while (try_op(p, SQL_OP_COMMA));
    }
    want_op(p, SQL_OP_RPAREN);
    st->load.columns = ps_take(p, mark, &st->load.ncolumns);
    st->load.columns_span = span_from(p, first);
}

void ps_load(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    bool xml = ps_equals(p, 0, "XML");
    if (!xml && !at_word(p, SQL_W_DATA)) { /* LOAD INDEX INTO CACHE and the like */
        st->kind = SQL_OTHER;
        ps_skip_all(p);
        return;
    }
    st->kind = SQL_LOAD;
    st->load.xml = xml;
    ps_next(p);
    if (!try_word(p, SQL_W_LOW_PRIORITY)) try_word(p, SQL_W_CONCURRENT);
    st->load.local = try_word(p, SQL_W_LOCAL);
    want_word(p, SQL_W_INFILE);
    if (p->t->kind != SQL_T_STRING) ps_syntax(p);
    ps_next(p);
    st->load.replace = try_word(p, SQL_W_REPLACE);
    st->load.ignore = try_word(p, SQL_W_IGNORE);
    want_word(p, SQL_W_INTO);
    want_word(p, SQL_W_TABLE);
    st->load.table = ps_table(p, SQL_R_WRITE);
    ps_partitions(p);
    ps_file_format(p, &st->load.format);
    if (xml && try_word(p, SQL_W_ROWS)) {
        want_word(p, SQL_W_IDENTIFIED);
        want_word(p, SQL_W_BY);
        if (p->t->kind != SQL_T_STRING) ps_syntax(p);
        ps_next(p);
    }
    uint32_t first = p->at;
    if (try_word(p, SQL_W_IGNORE)) {
        if (p->t->kind != SQL_T_INT) ps_syntax(p);
        st->load.ignore_tok = p->at;
        ps_next(p);
        if (!try_word(p, SQL_W_LINES)) want_word(p, SQL_W_ROWS);
    }
    st->load.ignore_span = span_from(p, first);
    load_columns(p, st);
    first = p->at;
    if (try_word(p, SQL_W_SET)) st->load.set = ps_assignments(p, &st->load.nset);
    st->load.set_span = span_from(p, first);
}
