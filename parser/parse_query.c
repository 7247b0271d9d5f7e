/*
 * parse_query.c - queries: SELECT, VALUES, TABLE, set operations by precedence, WITH, and what may follow
 * (ORDER, LIMIT, INTO, locks).
 *
 *   query = [WITH ...] term { UNION | EXCEPT | INTERSECT term } [ORDER BY] [LIMIT] [INTO] [FOR UPDATE]
 *   term  = SELECT ... | VALUES ... | TABLE t | '(' query ')'
 *
 * What follows belongs to the whole: to the SELECT when it is alone, otherwise to the set operation.
 */
#include "parser/parse.h"

bool ps_at_query(const struct parser *p)
{
    switch (cur_word(p)) {
    case SQL_W_SELECT:
    case SQL_W_WITH:
    case SQL_W_TABLE: return true;
    case SQL_W_VALUES: return !p->values_fn;
    default: return false;
    }
}

bool ps_at_setop(const struct parser *p)
{
    uint16_t w = cur_word(p);
    return w == SQL_W_UNION || w == SQL_W_EXCEPT || w == SQL_W_INTERSECT;
}

bool ps_at_query_tail(const struct parser *p)
{
    uint16_t w = cur_word(p);
    return w == SQL_W_ORDER || w == SQL_W_LIMIT || w == SQL_W_FOR || w == SQL_W_LOCK || w == SQL_W_INTO ||
           (w == SQL_W_OFFSET && p->mariadb) || w == SQL_W_FETCH;
}

static struct sql_query *new_query(struct parser *p, enum sql_query_kind kind, uint32_t first)
{
    struct sql_query *q = PS_NEW(p, struct sql_query);
    q->kind = kind;
    q->id = p->nqueries++;
    q->parent = p->query;
    q->span.first = first;
    q->span.end = p->at;
    return q;
}

/* ---- pieces ---- */

struct sql_order *ps_order(struct parser *p, uint32_t first)
{
    struct sql_order *o = PS_NEW(p, struct sql_order);
    uint32_t mark = ps_mark(p);
    do {
        struct sql_order_item it = {.expr = ps_full(p)};
        if (!try_word(p, SQL_W_ASC)) it.desc = try_word(p, SQL_W_DESC);
        ps_push_value(p, &it, sizeof it);
    } while (try_op(p, SQL_OP_COMMA));
    o->items = ps_take_values(p, mark, sizeof *o->items, &o->n);
    o->span = span_from(p, first);
    return o;
}

/* A bound of LIMIT: number, ?, or a variable of a routine. */
static struct sql_expr *bound(struct parser *p)
{
    if (p->t->kind != SQL_T_INT && p->t->kind != SQL_T_PARAM && p->t->kind != SQL_T_HEX &&
        p->t->kind != SQL_T_BIN && !ps_at_ident(p, 0))
        ps_syntax(p);
    return ps_expr(p, BP_PRIMARY);
}

const struct sql_limit *ps_limit(struct parser *p)
{
    uint32_t first = p->at;
    struct sql_limit *l;
    if (try_word(p, SQL_W_LIMIT)) {
        l = PS_NEW(p, struct sql_limit);
        if (p->mariadb && at_word(p, SQL_W_ROWS)) goto examined;
        l->count = bound(p);
        if (try_op(p, SQL_OP_COMMA)) {
            l->offset = l->count;
            l->count = bound(p);
        } else if (try_word(p, SQL_W_OFFSET)) {
            l->offset = bound(p);
        }
    examined:
        if (p->mariadb && try_word(p, SQL_W_ROWS)) {
            want_word(p, SQL_W_EXAMINED);
            bound(p);
        }
    } else if (p->mariadb && (at_word(p, SQL_W_OFFSET) || at_word(p, SQL_W_FETCH))) {
        l = PS_NEW(p, struct sql_limit);
        if (try_word(p, SQL_W_OFFSET)) {
            l->offset = bound(p);
            if (!try_word(p, SQL_W_ROW)) want_word(p, SQL_W_ROWS);
        }
        if (try_word(p, SQL_W_FETCH)) {
            l->fetch = true;
            if (!try_word(p, SQL_W_FIRST)) want_word(p, SQL_W_NEXT);
            if (!at_word(p, SQL_W_ROW) && !at_word(p, SQL_W_ROWS)) l->count = bound(p);
            if (!try_word(p, SQL_W_ROW)) want_word(p, SQL_W_ROWS);
            if (!try_word(p, SQL_W_ONLY)) {
                want_word(p, SQL_W_WITH);
                want_word(p, SQL_W_TIES);
                l->with_ties = true;
            }
        }
    } else {
        return NULL;
    }
    l->span = span_from(p, first);
    return l;
}

static void lock_wait(struct parser *p)
{
    if (try_word(p, SQL_W_NOWAIT)) return;
    if (at_word(p, SQL_W_SKIP) && ahead_word(p, 1, SQL_W_LOCKED)) {
        ps_next(p);
        ps_next(p);
    } else if (try_word(p, SQL_W_WAIT)) {
        bound(p);
    }
}

/* FOR UPDATE [OF t, ...] [NOWAIT ...], FOR SHARE, LOCK IN SHARE MODE; perhaps several. */
static void locks(struct parser *p, struct sql_query *q)
{
    uint32_t first = p->at;
    for (;;) {
        if (at_word(p, SQL_W_FOR)) {
            ps_next(p);
            if (!at_word(p, SQL_W_UPDATE) && (p->mariadb || !at_word(p, SQL_W_SHARE))) ps_syntax(p);
            q->flags |= at_word(p, SQL_W_UPDATE) ? SQL_S_FOR_UPDATE : SQL_S_FOR_SHARE;
            ps_next(p);
            if (try_word(p, SQL_W_OF)) {
                struct sql_name n;
                do {
                    n = (struct sql_name){0};
                    ps_name(p, &n, 2);
                } while (try_op(p, SQL_OP_COMMA));
            }
            lock_wait(p);
        } else if (at_word(p, SQL_W_LOCK)) {
            ps_next(p);
            want_word(p, SQL_W_IN);
            want_word(p, SQL_W_SHARE);
            want_word(p, SQL_W_MODE);
            q->flags |= SQL_S_FOR_SHARE;
            lock_wait(p);
        } else {
            break;
        }
    }
    if (p->at != first) q->lock_span = span_from(p, first);
}

/* FIELDS and LINES of INTO OUTFILE and LOAD DATA. */
static uint32_t terminator(struct parser *p)
{
    want_word(p, SQL_W_BY);
    if (p->t->kind != SQL_T_STRING && p->t->kind != SQL_T_HEX && p->t->kind != SQL_T_BIN) ps_syntax(p);
    ps_next(p);
    return p->at - 1;
}

void ps_file_format(struct parser *p, struct sql_file_format *f)
{
    if (at_word(p, SQL_W_CHARACTER) || at_word(p, SQL_W_CHARSET)) {
        if (try_word(p, SQL_W_CHARACTER))
            want_word(p, SQL_W_SET);
        else
            ps_next(p);
        f->charset = p->at;
        if (!try_word(p, SQL_W_BINARY)) ps_ident_or_text(p);
    }
    bool fields = try_word(p, SQL_W_FIELDS) || try_word(p, SQL_W_COLUMNS);
    for (;;) {
        if (fields && (at_word(p, SQL_W_OPTIONALLY) || at_word(p, SQL_W_ENCLOSED))) {
            f->optionally = try_word(p, SQL_W_OPTIONALLY);
            want_word(p, SQL_W_ENCLOSED);
            f->fields_enclosed = terminator(p);
        } else if (fields && try_word(p, SQL_W_TERMINATED)) {
            f->fields_terminated = terminator(p);
        } else if (fields && try_word(p, SQL_W_ESCAPED)) {
            f->fields_escaped = terminator(p);
        } else {
            break;
        }
    }
    if (!try_word(p, SQL_W_LINES)) return;
    for (;;) {
        if (try_word(p, SQL_W_STARTING))
            f->lines_starting = terminator(p);
        else if (try_word(p, SQL_W_TERMINATED))
            f->lines_terminated = terminator(p);
        else
            break;
    }
}

static void into(struct parser *p, struct sql_query *q)
{
    uint32_t first = p->at;
    if (!try_word(p, SQL_W_INTO)) return;
    if (q->into_span.end) ps_syntax_at(p, first);
    if (try_word(p, SQL_W_OUTFILE) || try_word(p, SQL_W_DUMPFILE)) {
        q->flags |= SQL_S_INTO_FILE;
        if (p->t->kind != SQL_T_STRING) ps_syntax(p);
        ps_next(p);
        struct sql_file_format unused = {0};
        ps_file_format(p, &unused);
    } else {
        q->flags |= SQL_S_INTO_VARS;
        do {
            if (p->t->kind == SQL_T_USERVAR)
                ps_next(p);
            else
                ps_ident(p);
        } while (try_op(p, SQL_OP_COMMA));
    }
    q->into_span = span_from(p, first);
}

/* ---- SELECT ---- */

static struct sql_expr *star_item(struct parser *p)
{
    uint32_t first = p->at;
    struct sql_name *n = PS_NEW(p, struct sql_name);
    n->tok = first;
    if (!at_op(p, SQL_OP_STAR)) {
        n->table = ps_ident(p);
        want_op(p, SQL_OP_DOT);
        if (!at_op(p, SQL_OP_STAR)) {
            n->schema = n->table;
            n->tok = p->at;
            n->table = ps_ident_any(p);
            want_op(p, SQL_OP_DOT);
        }
    }
    want_op(p, SQL_OP_STAR);
    n->span = span_from(p, first);
    struct sql_expr *e = ps_node(p, SQL_E_STAR, first, 0);
    e->height = 1;
    e->flags = SQL_EF_HAS_COLUMN;
    e->name = n;
    return e;
}

static bool at_star(const struct parser *p)
{
    if (at_op(p, SQL_OP_STAR)) return true;
    if (!ahead_op(p, 1, SQL_OP_DOT) || !ps_at_ident(p, 0)) return false;
    return ahead_op(p, 2, SQL_OP_STAR) || (ahead_op(p, 3, SQL_OP_DOT) && ahead_op(p, 4, SQL_OP_STAR));
}

struct sql_item *ps_items(struct parser *p, uint32_t *n)
{
    uint32_t mark = ps_mark(p);
    do {
        struct sql_item it = {0};
        uint32_t first = p->at;
        if (at_star(p) &&
            !(at_op(p, SQL_OP_STAR) && ps_mark(p) != mark)) { /* a bare star comes first or not at all */
            it.expr = star_item(p);
        } else {
            it.expr = ps_full(p);
            it.has_alias = ps_alias(p, true, &it.alias);
        }
        it.span = span_from(p, first);
        ps_push_value(p, &it, sizeof it);
    } while (try_op(p, SQL_OP_COMMA));
    return ps_take_values(p, mark, sizeof(struct sql_item), n);
}

static void select_options(struct parser *p, struct sql_query *q)
{
    for (;;) {
        switch (cur_word(p)) {
        case SQL_W_ALL: break;
        case SQL_W_DISTINCT:
        case SQL_W_DISTINCTROW: q->flags |= SQL_S_DISTINCT; break;
        case SQL_W_SQL_CALC_FOUND_ROWS: q->flags |= SQL_S_CALC_FOUND_ROWS; break;
        case SQL_W_STRAIGHT_JOIN: q->flags |= SQL_S_STRAIGHT_JOIN; break;
        case SQL_W_SQL_NO_CACHE: q->flags |= SQL_S_NO_CACHE; break;
        case SQL_W_HIGH_PRIORITY:
        case SQL_W_SQL_SMALL_RESULT:
        case SQL_W_SQL_BIG_RESULT:
        case SQL_W_SQL_BUFFER_RESULT:
        case SQL_W_SQL_CACHE: break;
        default: return;
        }
        ps_next(p);
    }
}

static void group_by(struct parser *p, struct sql_query *q)
{
    uint32_t first = p->at;
    if (!try_word(p, SQL_W_GROUP)) return;
    want_word(p, SQL_W_BY);
    if (!p->mariadb && at_word(p, SQL_W_GROUPING) && ps_equals(p, 1, "SETS")) ps_refuse(p, "GROUPING SETS");
    bool cube = at_word(p, SQL_W_CUBE) && !p->mariadb;
    if ((cube || at_word(p, SQL_W_ROLLUP)) &&
        ahead_op(p, 1, SQL_OP_LPAREN)) { /* GROUP BY ROLLUP (a, b), CUBE (a, b) */
        ps_next(p);
        ps_next(p);
        q->group = ps_order(p, first);
        want_op(p, SQL_OP_RPAREN);
        q->flags |= SQL_S_ROLLUP;
    } else {
        q->group = ps_order(p, first);
        if (try_words(p, SQL_W_WITH, SQL_W_ROLLUP)) q->flags |= SQL_S_ROLLUP;
    }
    q->group->span = span_from(p, first);
}

static void windows(struct parser *p, struct sql_query *q)
{
    if (!at_word(p, SQL_W_WINDOW)) return;
    ps_next(p);
    uint32_t mark = ps_mark(p);
    do {
        struct str name = ps_ident(p);
        want_word(p, SQL_W_AS);
        struct sql_window *w = PS_NEW(p, struct sql_window);
        *w = *ps_window_spec(p);
        w->base = w->name;
        w->name = name;
        ps_push(p, w);
    } while (try_op(p, SQL_OP_COMMA));
    q->windows = ps_take(p, mark, &q->nwindows);
}

static struct sql_query *select_spec(struct parser *p)
{
    struct sql_query *q = new_query(p, SQL_Q_SELECT, p->at), *outer = p->query;
    p->query = q;
    ps_next(p);
    select_options(p, q);
    uint32_t first = p->at;
    q->items = ps_items(p, &q->nitems);
    q->items_span = span_from(p, first);
    into(p, q);
    if (try_word(p, SQL_W_FROM)) {
        if (!try_word(p, SQL_W_DUAL)) q->from = ps_refs(p, SQL_R_READ);
    }
    if (try_word(p, SQL_W_WHERE)) q->where = ps_full(p);
    group_by(p, q);
    if (try_word(p, SQL_W_HAVING)) q->having = ps_full(p);
    windows(p, q);
    if (at_word(p, SQL_W_QUALIFY) && !p->mariadb) ps_refuse(p, "QUALIFY");
    p->query = outer;
    q->span.end = p->at;
    return q;
}

struct sql_expr *ps_row_of_values(struct parser *p)
{
    uint32_t first = p->at, mark = ps_mark(p);
    want_op(p, SQL_OP_LPAREN);
    if (!at_op(p, SQL_OP_RPAREN)) {
        do ps_push(p, ps_value(p));
        while (try_op(p, SQL_OP_COMMA));
    }
    want_op(p, SQL_OP_RPAREN);
    return ps_node_list(p, SQL_E_ROW, first, mark);
}

static struct sql_query *values_spec(struct parser *p)
{
    struct sql_query *q = new_query(p, SQL_Q_VALUES, p->at), *outer = p->query;
    p->query = q;
    ps_next(p);
    uint32_t mark = ps_mark(p);
    do {
        uint32_t first = p->at;
        try_word(p, SQL_W_ROW);
        struct sql_expr *r = ps_row_of_values(p);
        r->span.first = first;
        ps_push(p, r);
    } while (try_op(p, SQL_OP_COMMA));
    q->rows = ps_take(p, mark, &q->nrows);
    p->query = outer;
    q->span.end = p->at;
    return q;
}

static struct sql_query *table_spec(struct parser *p)
{
    struct sql_query *q = new_query(p, SQL_Q_TABLE, p->at), *outer = p->query;
    p->query = q;
    ps_next(p);
    q->table = ps_table(p, SQL_R_READ);
    p->query = outer;
    q->span.end = p->at;
    return q;
}

static struct sql_query *term(struct parser *p)
{
    switch (cur_word(p)) {
    case SQL_W_SELECT: return select_spec(p);
    case SQL_W_VALUES: return values_spec(p);
    case SQL_W_TABLE: return table_spec(p);
    default: break;
    }
    want_op(p, SQL_OP_LPAREN);
    if (!ps_at_query(p) && !at_op(p, SQL_OP_LPAREN)) ps_syntax(p);
    struct sql_query *q = ps_query(p);
    want_op(p, SQL_OP_RPAREN);
    return q;
}

/* ---- set operations ---- */

static uint8_t setop_power(const struct parser *p)
{
    switch (cur_word(p)) {
    case SQL_W_UNION:
    case SQL_W_EXCEPT: return 1;
    case SQL_W_INTERSECT: return 2;
    default: return 0;
    }
}

static struct sql_query *setops(struct parser *p, struct sql_query *left, uint32_t first, uint8_t min)
{
    uint32_t chain = 0;
    for (uint8_t power; (power = setop_power(p)) >= min && power;) {
        if (++chain > SQL_MAX_SETOPS) ps_refuse(p, "more than 1000 set operations in a row");
        uint16_t w = cur_word(p);
        ps_next(p);
        bool all = try_word(p, SQL_W_ALL);
        if (!all) try_word(p, SQL_W_DISTINCT);
        uint32_t right_first = p->at;
        struct sql_query *right = term(p);
        if (setop_power(p) > power) right = setops(p, right, right_first, (uint8_t)(power + 1));
        struct sql_query *q = new_query(p, SQL_Q_SETOP, first);
        q->setop = w == SQL_W_UNION    ? (all ? SQL_UNION_ALL : SQL_UNION)
                   : w == SQL_W_EXCEPT ? (all ? SQL_EXCEPT_ALL : SQL_EXCEPT)
                                       : (all ? SQL_INTERSECT_ALL : SQL_INTERSECT);
        q->left = left;
        q->right = right;
        left->parent = right->parent = q;
        q->span.end = p->at;
        left = q;
    }
    return left;
}

/*
 * The rest of a query whose first term may be read already (`left`, which stood in parentheses); `first`:
 * where it begins. The caller adds the common table expressions.
 */
struct sql_query *ps_query_rest(struct parser *p, struct sql_query *left, uint32_t first)
{
    ps_enter(p);
    bool parens = left != NULL || at_op(p, SQL_OP_LPAREN);
    uint32_t body = p->at;
    if (!left)
        left = term(p);
    else
        body = first;
    struct sql_query *q = setops(p, left, body, 1);
    parens = parens && q == left;

    uint32_t tail = p->at, order = p->at;
    bool had = q->order || q->limit || q->lock_span.end || q->into_span.end;
    if (try_word(p, SQL_W_ORDER)) {
        want_word(p, SQL_W_BY);
        if (parens && had)
            ps_refuse(p, "ORDER BY around a query in parentheses that has its own ORDER BY or LIMIT");
        q->order = ps_order(p, order);
    }
    const struct sql_limit *limit = ps_limit(p);
    if (limit) {
        if (parens && had)
            ps_refuse(p, "LIMIT around a query in parentheses that has its own ORDER BY or LIMIT");
        q->limit = limit;
    }
    if (at_word(p, SQL_W_PROCEDURE) && q->kind == SQL_Q_SELECT) {
        ps_next(p);
        ps_ident(p);
        ps_skip_parens(p);
        q->flags |= SQL_S_PROCEDURE;
    }
    if (at_word(p, SQL_W_INTO)) into(p, q);
    locks(p, q);
    if (at_word(p, SQL_W_INTO)) into(p, q);
    if (p->at != tail) {
        q->span.end = p->at;
        if (parens) q->span.first = body;
    }
    ps_leave(p);
    return q;
}

/* ---- WITH ---- */

/* MariaDB lets members of WITH RECURSIVE refer to later ones. */
static void mark_later(struct parser *p, uint32_t from, struct str name)
{
    for (uint32_t i = from; i < p->tables.len; i++) {
        struct sql_table *t = p->tables.at[i];
        if (t->role == SQL_R_READ && t->name.schema.len == 0 && str_eq_nocase(t->name.name, name))
            t->cte = true;
    }
}

/* The names stay in scope (p->ctes): the caller puts the scope back. */
void ps_with(struct parser *p, uint32_t *n, struct sql_cte **out)
{
    uint32_t mark = ps_mark(p), tables = p->tables.len;
    want_word(p, SQL_W_WITH);
    bool recursive = try_word(p, SQL_W_RECURSIVE);
    do {
        struct sql_cte c = {.recursive = recursive};
        struct cte_scope *scope = PS_NEW(p, struct cte_scope);
        c.name = ps_ident(p);
        *scope = (struct cte_scope){c.name, p->ctes};
        if (recursive && p->mariadb) mark_later(p, tables, c.name);
        if (at_op(p, SQL_OP_LPAREN)) c.cols = ps_name_list(p, &c.ncols);
        want_word(p, SQL_W_AS);
        if (recursive) p->ctes = scope;
        want_op(p, SQL_OP_LPAREN);
        c.query = ps_query(p);
        want_op(p, SQL_OP_RPAREN);
        if (p->mariadb && try_word(p, SQL_W_CYCLE)) {
            do ps_ident(p);
            while (try_op(p, SQL_OP_COMMA));
            want_word(p, SQL_W_RESTRICT);
        }
        p->ctes = scope;
        ps_push_value(p, &c, sizeof c);
    } while (try_op(p, SQL_OP_COMMA));
    *out = ps_take_values(p, mark, sizeof **out, n);
}

struct sql_query *ps_query(struct parser *p)
{
    if (!at_word(p, SQL_W_WITH)) return ps_query_rest(p, NULL, p->at);
    ps_enter(p);
    uint32_t first = p->at, n;
    struct sql_cte *ctes;
    struct cte_scope *outer = p->ctes;
    ps_with(p, &n, &ctes);
    struct sql_query *q = ps_query_rest(p, NULL, first);
    if (q->nctes) ps_refuse(p, "WITH around a query in parentheses that has its own WITH");
    q->ctes = ctes;
    q->nctes = n;
    q->span.first = first;
    p->ctes = outer;
    ps_leave(p);
    return q;
}
