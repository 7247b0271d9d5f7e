/*
 * parse_from.c - table references: names, derived tables, joins.
 *
 * Joins lean to the left: a JOIN b JOIN c = (a JOIN b) JOIN c. A condition belongs to the nearest join that
 * wants one:
 *
 *   a JOIN b JOIN c ON p ON q:   J2(J1(a, b), c, p), then ON q: turned to J1(a, J2(b, c, p), q)
 *   a LEFT JOIN b JOIN c ON p ON q:  an outer join needs its condition, so that its right side goes on to
 * that ON
 */
#include "parser/parse.h"

static struct sql_ref *joined(struct parser *p, struct sql_ref *left, enum sql_table_role role);
static struct sql_ref *factor(struct parser *p, enum sql_table_role role);

static struct sql_ref *new_ref(struct parser *p, enum sql_ref_kind kind, uint32_t first)
{
    struct sql_ref *r = PS_NEW(p, struct sql_ref);
    r->kind = kind;
    r->span = span_from(p, first);
    return r;
}

struct sql_ref *ps_single_ref(struct parser *p, struct sql_table *t)
{
    struct sql_ref *r = new_ref(p, SQL_J_TABLE, t->name.span.first);
    r->table = t;
    return r;
}

/* ---- a table ---- */

/* USE INDEX (a), FORCE KEY FOR ORDER BY (PRIMARY) ... */
static void index_hints(struct parser *p)
{
    while (at_word(p, SQL_W_USE) || at_word(p, SQL_W_FORCE) ||
           (at_word(p, SQL_W_IGNORE) && !ahead_word(p, 1, SQL_W_NULLS))) {
        if (!ahead_word(p, 1, SQL_W_INDEX) && !ahead_word(p, 1, SQL_W_KEY)) return;
        ps_next(p);
        ps_next(p);
        if (try_word(p, SQL_W_FOR)) {
            if (!try_word(p, SQL_W_JOIN)) {
                if (!try_word(p, SQL_W_ORDER)) want_word(p, SQL_W_GROUP);
                want_word(p, SQL_W_BY);
            }
        }
        want_op(p, SQL_OP_LPAREN);
        if (!at_op(p, SQL_OP_RPAREN)) {
            do {
                if (!try_word(p, SQL_W_PRIMARY)) ps_ident(p);
            } while (try_op(p, SQL_OP_COMMA));
        }
        want_op(p, SQL_OP_RPAREN);
    }
}

/* FOR SYSTEM_TIME AS OF x | BETWEEN x AND y | FROM x TO y | ALL: MariaDB's versioned tables. */
static void system_time(struct parser *p)
{
    if (!at_word(p, SQL_W_FOR) || !ahead_word(p, 1, SQL_W_SYSTEM_TIME)) return;
    ps_next(p);
    ps_next(p);
    if (try_word(p, SQL_W_ALL)) return;
    uint16_t then = SQL_W_NONE;
    if (try_word(p, SQL_W_AS))
        want_word(p, SQL_W_OF);
    else if (try_word(p, SQL_W_BETWEEN))
        then = SQL_W_AND;
    else {
        want_word(p, SQL_W_FROM);
        then = SQL_W_TO;
    }
    for (;;) {
        if (at_word(p, SQL_W_TRANSACTION) ||
            (at_word(p, SQL_W_TIMESTAMP) && ps_peek(p, 1)->kind != SQL_T_STRING))
            ps_next(p);
        ps_expr(p, BP_PREDICATE);
        if (then == SQL_W_NONE) return;
        want_word(p, then);
        then = SQL_W_NONE;
    }
}

/* UPDATE t FOR PORTION OF p FROM x TO y, MariaDB's application-time periods. */
static void portion(struct parser *p)
{
    if (!at_word(p, SQL_W_FOR) || !ahead_word(p, 1, SQL_W_PORTION)) return;
    ps_next(p);
    ps_next(p);
    want_word(p, SQL_W_OF);
    ps_ident(p);
    want_word(p, SQL_W_FROM);
    ps_expr(p, BP_PREDICATE);
    want_word(p, SQL_W_TO);
    ps_expr(p, BP_PREDICATE);
}

void ps_partitions(struct parser *p)
{
    if (!at_word(p, SQL_W_PARTITION)) return;
    ps_next(p);
    uint32_t n;
    ps_name_list(p, &n);
}

static struct sql_ref *table_ref(struct parser *p, enum sql_table_role role)
{
    uint32_t first = p->at;
    struct sql_table *t = ps_table(p, role);
    ps_partitions(p);
    system_time(p);
    if (role == SQL_R_WRITE) portion(p);
    t->alias_span = span_here(p);
    if ((t->has_alias = ps_alias(p, false, &t->alias))) t->alias_span.end = p->at;
    index_hints(p);
    if (!p->mariadb && at_word(p, SQL_W_TABLESAMPLE)) ps_refuse(p, "TABLESAMPLE");
    struct sql_ref *r = new_ref(p, SQL_J_TABLE, first);
    r->table = t;
    return r;
}

/* ---- derived tables and parentheses ---- */

static struct sql_ref *derived(struct parser *p, struct sql_query *q, uint32_t first, bool lateral)
{
    struct sql_ref *r = new_ref(p, SQL_J_DERIVED, first);
    r->query = q;
    r->lateral = lateral;
    if (!ps_alias(p, false, &r->alias)) ps_no_alias(p);
    if (at_op(p, SQL_OP_LPAREN)) r->cols = ps_name_list(p, &r->ncols);
    r->span.end = p->at;
    return r;
}

/* What stood in parentheses: a query, or references. */
struct group {
    struct sql_query *query;
    struct sql_ref *ref;
};

static struct sql_ref *comma_list(struct parser *p, struct sql_ref *left, enum sql_table_role role)
{
    uint32_t n = 0;
    while (try_op(p, SQL_OP_COMMA)) {
        if (++n > SQL_MAX_JOINS) ps_refuse(p, "joins of more than 256 tables");
        struct sql_ref *right = joined(p, factor(p, role), role);
        struct sql_ref *j = new_ref(p, SQL_J_JOIN, left->span.first);
        j->comma = true;
        j->left = left;
        j->right = right;
        left = j;
    }
    return left;
}

static struct group group(struct parser *p, enum sql_table_role role)
{
    struct group g = {0};
    uint32_t first = p->at;
    ps_enter(p);
    want_op(p, SQL_OP_LPAREN);
    if (ps_at_query(p)) {
        g.query = ps_query(p);
    } else if (at_op(p, SQL_OP_LPAREN)) {
        uint32_t inner_first = p->at;
        struct group in = group(p, role);
        if (in.query && (at_op(p, SQL_OP_RPAREN) || ps_at_setop(p) || ps_at_query_tail(p)))
            g.query = ps_query_rest(p, in.query, inner_first);
        else
            g.ref = comma_list(
                p, joined(p, in.query ? derived(p, in.query, inner_first, false) : in.ref, role), role);
    } else {
        g.ref = ps_refs(p, role);
    }
    want_op(p, SQL_OP_RPAREN);
    if (g.ref) {
        g.ref->parens = true;
        g.ref->span = span_from(p, first);
    }
    ps_leave(p);
    return g;
}

/* JSON_TABLE(doc, path COLUMNS (...)) [AS] alias */
static struct sql_ref *json_table(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    want_op(p, SQL_OP_LPAREN);
    struct sql_expr *doc = ps_full(p);
    want_op(p, SQL_OP_COMMA);
    ps_full(p);
    if (!ps_equals(p, 0, "COLUMNS")) ps_syntax(p);
    ps_next(p);
    if (!at_op(p, SQL_OP_LPAREN)) ps_syntax(p);
    ps_skip_parens(p);
    want_op(p, SQL_OP_RPAREN);
    struct sql_ref *r = new_ref(p, SQL_J_FUNCTION, first);
    r->arg = doc;
    if (!ps_alias(p, false, &r->alias)) ps_syntax(p);
    r->span.end = p->at;
    return r;
}

static struct sql_ref *factor(struct parser *p, enum sql_table_role role)
{
    uint32_t first = p->at;
    if (at_op(p, SQL_OP_LPAREN)) {
        struct group g = group(p, role);
        return g.query ? derived(p, g.query, first, false) : g.ref;
    }
    if (at_word(p, SQL_W_LATERAL) && ahead_op(p, 1, SQL_OP_LPAREN)) {
        ps_next(p);
        struct group g = group(p, role);
        if (!g.query) ps_syntax_at(p, first);
        return derived(p, g.query, first, true);
    }
    if (at_word(p, SQL_W_JSON_TABLE) && ahead_op(p, 1, SQL_OP_LPAREN)) return json_table(p);
    if (at_op(p, SQL_OP_LBRACE)) { /* { OJ a LEFT OUTER JOIN b ON ... } */
        ps_next(p);
        ps_ident(p);
        struct sql_ref *r = joined(p, factor(p, role), role);
        want_op(p, SQL_OP_RBRACE);
        r->span = span_from(p, first);
        r->parens = true;
        return r;
    }
    return table_ref(p, role);
}

/* ---- joins ---- */

struct join_op {
    enum sql_join join;
    bool natural, outer;
};

static bool join_op(struct parser *p, struct join_op *op)
{
    *op = (struct join_op){0};
    if (try_word(p, SQL_W_JOIN) || try_word(p, SQL_W_STRAIGHT_JOIN)) return true;
    if (try_word(p, SQL_W_NATURAL)) op->natural = true;
    if (at_word(p, SQL_W_LEFT) || at_word(p, SQL_W_RIGHT)) {
        op->outer = true;
        op->join = at_word(p, SQL_W_LEFT) ? SQL_JOIN_LEFT : SQL_JOIN_RIGHT;
        ps_next(p);
        try_word(p, SQL_W_OUTER);
        want_word(p, SQL_W_JOIN);
        return true;
    }
    if (try_word(p, SQL_W_INNER) || (!op->natural && try_word(p, SQL_W_CROSS))) {
        want_word(p, SQL_W_JOIN);
        return true;
    }
    if (op->natural) want_word(p, SQL_W_JOIN);
    return op->natural;
}

static bool at_condition(const struct parser *p)
{
    return (at_word(p, SQL_W_ON) && !ahead_word(p, 1, SQL_W_DUPLICATE)) ||
           (at_word(p, SQL_W_USING) && ahead_op(p, 1, SQL_OP_LPAREN));
}

static void condition(struct parser *p, struct sql_ref *j)
{
    if (try_word(p, SQL_W_ON)) {
        j->on = ps_full(p);
    } else {
        want_word(p, SQL_W_USING);
        j->using_cols = ps_name_list(p, &j->nusing);
    }
    j->span.end = p->at;
}

static bool wants_condition(const struct sql_ref *r)
{
    return r->kind == SQL_J_JOIN && !r->parens && !r->comma && !r->natural && !r->on && !r->using_cols;
}

static struct sql_ref *joined(struct parser *p, struct sql_ref *left, enum sql_table_role role)
{
    ps_enter(p);
    uint32_t n = 0;
    struct join_op op;
    for (;;) {
        if (at_condition(p) && left->kind == SQL_J_JOIN && !left->parens) {
            if (wants_condition(left)) {
                condition(p, left);
                continue;
            }
            struct sql_ref *j =
                left->left; /* the pending join on the left takes this one as its right side */
            if (!left->comma && wants_condition(j)) {
                left->left = j->right;
                left->span.first = j->right->span.first;
                j->right = left;
                left = j;
                condition(p, left);
                continue;
            }
        }
        if (!join_op(p, &op)) break;
        if (++n > SQL_MAX_JOINS) ps_refuse(p, "joins of more than 256 tables");
        struct sql_ref *right = factor(p, role);
        if (op.outer && !op.natural && !at_condition(p)) right = joined(p, right, role);
        struct sql_ref *j = new_ref(p, SQL_J_JOIN, left->span.first);
        j->join = op.join;
        j->natural = op.natural;
        j->left = left;
        j->right = right;
        if (op.outer && !op.natural) condition(p, j);
        left = j;
    }
    ps_leave(p);
    return left;
}

struct sql_ref *ps_refs(struct parser *p, enum sql_table_role role)
{
    return comma_list(p, joined(p, factor(p, role), role), role);
}
