/*
 * parse_prim.c - operands: literals, names, variables, parentheses, and the operators that stand before an
 * operand.
 */
#include "parser/parse.h"

static struct sql_expr *leaf(struct parser *p, enum sql_expr_kind kind)
{
    struct sql_expr *e = ps_node(p, kind, p->at, 0);
    e->height = 1;
    ps_next(p);
    e->span.end = p->at;
    return e;
}

static struct sql_expr *unary(struct parser *p, enum sql_op op, int operand, uint16_t flags)
{
    uint32_t first = p->at;
    ps_next(p);
    struct sql_expr *x = ps_expr(p, operand);
    struct sql_expr *e = ps_node(p, SQL_E_UNARY, first, 1);
    e->op = (uint8_t)op;
    e->flags = flags;
    e->args[0] = x;
    return ps_seal(p, e);
}

/* ---- literals ---- */

/* Adjacent strings are one: 'a' 'b'. A character set may stand before the first. */
static struct sql_expr *string_literal(struct parser *p, uint32_t first)
{
    struct sql_expr *e = leaf(p, SQL_E_LITERAL);
    e->span.first = first;
    while (p->t->kind == SQL_T_STRING) ps_next(p);
    e->span.end = p->at;
    return e;
}

static struct sql_expr *introduced(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    if (p->t->kind == SQL_T_STRING) return string_literal(p, first);
    if (p->t->kind != SQL_T_HEX && p->t->kind != SQL_T_BIN) ps_syntax(p);
    struct sql_expr *e = leaf(p, SQL_E_LITERAL);
    e->span.first = first;
    return e;
}

/* DATE '2020-01-01'; also {d '...'} with `first` at the brace. */
static struct sql_expr *temporal(struct parser *p, uint32_t first, uint16_t word)
{
    ps_next(p);
    struct sql_expr *e = leaf(p, SQL_E_TEMPORAL);
    e->word = word;
    e->span.first = first;
    return e;
}

/* {d '..'} {t '..'} {ts '..'} are literals; {fn f(x)} and any other word: what stands in it. */
static struct sql_expr *odbc(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    uint16_t word = ps_equals(p, 0, "d")    ? SQL_W_DATE
                    : ps_equals(p, 0, "t")  ? SQL_W_TIME
                    : ps_equals(p, 0, "ts") ? SQL_W_TIMESTAMP
                                            : 0;
    struct sql_expr *e;
    if (word && ps_peek(p, 1)->kind == SQL_T_STRING && ahead_op(p, 2, SQL_OP_RBRACE)) {
        e = temporal(p, first, word);
        want_op(p, SQL_OP_RBRACE);
        e->span.end = p->at;
        return e;
    }
    ps_ident(p);
    struct sql_expr *x = ps_full(p);
    want_op(p, SQL_OP_RBRACE);
    e = ps_node(p, SQL_E_PAREN, first, 1);
    e->args[0] = x;
    return ps_seal(p, e);
}

/* ---- variables ---- */

static struct sql_expr *uservar(struct parser *p)
{
    uint32_t first = p->at;
    struct sql_name *n = PS_NEW(p, struct sql_name);
    n->tok = first;
    n->name = ps_tok_text(p, first);
    n->span = (struct sql_span){first, first + 1};
    struct sql_expr *v = leaf(p, SQL_E_USERVAR);
    v->name = n;
    if (!try_op(p, SQL_OP_ASSIGN)) return v;
    struct sql_expr *x = ps_full(p);
    struct sql_expr *e = ps_node(p, SQL_E_ASSIGN, first, 2);
    e->flags = SQL_EF_HAS_ASSIGN;
    e->args[0] = v;
    e->args[1] = x;
    return ps_seal(p, e);
}

struct sql_expr *ps_sysvar(struct parser *p)
{
    uint32_t first = p->at;
    struct sql_name *n = PS_NEW(p, struct sql_name);
    ps_next(p);
    if (p->t->kind != SQL_T_WORD && p->t->kind != SQL_T_QUOTED) ps_syntax(p);
    n->tok = p->at;
    n->name = ps_tok_text(p, p->at);
    ps_next(p);
    if (try_op(p, SQL_OP_DOT)) {
        static const char *const scopes[] = {"global", "session", "local", "persist", "persist_only"};
        bool scope = false;
        for (size_t i = 0; i < COUNT_OF(scopes); i++) scope |= str_eq_nocase(n->name, str_of(scopes[i]));
        *(scope ? &n->table : &n->schema) = n->name;
        n->tok = p->at;
        n->name = ps_ident_any(p);
        if (scope && try_op(p, SQL_OP_DOT)) { /* @@global.hot_cache.key_buffer_size */
            n->schema = n->name;
            n->tok = p->at;
            n->name = ps_ident_any(p);
        }
    }
    n->span = span_from(p, first);
    struct sql_expr *e = ps_node(p, SQL_E_SYSVAR, first, 0);
    e->height = 1;
    e->name = n;
    return e;
}

/* ---- names ---- */

struct sql_expr *ps_column(struct parser *p)
{
    struct sql_expr *e = ps_node(p, SQL_E_COLUMN, p->at, 0);
    struct sql_name *n = PS_NEW(p, struct sql_name);
    ps_name(p, n, 3);
    e->name = n;
    e->height = 1;
    e->flags = SQL_EF_HAS_COLUMN;
    e->span.end = p->at;
    return e;
}

/* .table.column of MariaDB: the current database's. */
static struct sql_expr *dotted_column(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    if (!ahead_op(p, 1, SQL_OP_DOT)) ps_syntax_at(p, p->at + 1);
    struct sql_expr *e = ps_node(p, SQL_E_COLUMN, first, 0);
    struct sql_name *n = PS_NEW(p, struct sql_name);
    ps_name(p, n, 3);
    if (n->schema.len) ps_syntax_at(p, p->at - 2);
    n->span.first = first;
    e->name = n;
    e->height = 1;
    e->flags = SQL_EF_HAS_COLUMN;
    e->span.end = p->at;
    return e;
}

/* A name: column, function call, or column -> '$.path'. */
static struct sql_expr *name_or_call(struct parser *p)
{
    uint32_t first = p->at;
    const struct sql_tok *word = p->t;
    if (tok_is_op(word + 1, SQL_OP_LPAREN)) {
        struct sql_name n = {.tok = first, .span = {first, first + 1}};
        n.name = ps_ident(p);
        return ps_call(p, first, &n, word->kind == SQL_T_WORD ? word->word : sql_word_of(n.name),
                       !(p->t->flags & SQL_TF_SPACE_BEFORE));
    }
    struct sql_expr *e = ps_column(p);
    if (at_op(p, SQL_OP_LPAREN)) { /* schema.function(...) */
        struct sql_name n = *e->name;
        n.schema = n.table;
        n.table = (struct str){0};
        p->nexprs--; /* the column was none; its id is the last one given */
        return ps_call(p, first, &n, SQL_W_NONE, !(p->t->flags & SQL_TF_SPACE_BEFORE));
    }
    if (at_op(p, SQL_OP_ARROW) || at_op(p, SQL_OP_ARROW2)) {
        uint8_t op = (uint8_t)p->t->word;
        ps_next(p);
        if (p->t->kind != SQL_T_STRING) ps_syntax(p);
        struct sql_expr *path = string_literal(p, p->at);
        struct sql_expr *r = ps_node(p, SQL_E_BINARY, first, 2);
        r->op = op;
        r->args[0] = e;
        r->args[1] = path;
        return ps_seal(p, r);
    }
    return e;
}

/* ---- parentheses ---- */

struct sql_expr *ps_subquery(struct parser *p, uint32_t first, struct sql_query *q)
{
    struct sql_expr *e = ps_node(p, SQL_E_SUBQUERY, first, 0);
    e->query = q;
    e->height = 1;
    e->flags = SQL_EF_HAS_SUBQUERY;
    return e;
}

/* (expr), (a, b), (SELECT ...), ((SELECT ...) UNION ...): what it is shows only behind the first operand. */
struct sql_expr *ps_paren(struct parser *p)
{
    uint32_t first = p->at;
    want_op(p, SQL_OP_LPAREN);
    if (ps_at_query(p)) {
        struct sql_query *q = ps_query(p);
        want_op(p, SQL_OP_RPAREN);
        return ps_subquery(p, first, q);
    }
    struct sql_expr *x = ps_full(p);
    if (x->kind == SQL_E_SUBQUERY && (ps_at_setop(p) || ps_at_query_tail(p))) {
        struct sql_query *q = ps_query_rest(p, x->query, x->span.first);
        want_op(p, SQL_OP_RPAREN);
        x->span = span_from(p, first);
        x->query = q;
        return x;
    }
    if (at_op(p, SQL_OP_COMMA)) {
        uint32_t mark = ps_mark(p);
        ps_push(p, x);
        while (try_op(p, SQL_OP_COMMA)) ps_push(p, ps_full(p));
        want_op(p, SQL_OP_RPAREN);
        return ps_node_list(p, SQL_E_ROW, first, mark);
    }
    want_op(p, SQL_OP_RPAREN);
    struct sql_expr *e = ps_node(p, SQL_E_PAREN, first, 1);
    e->args[0] = x;
    return ps_seal(p, e);
}

/* ---- INTERVAL ---- */

static const uint16_t units[] = {
    SQL_W_MICROSECOND,
    SQL_W_SECOND,
    SQL_W_MINUTE,
    SQL_W_HOUR,
    SQL_W_DAY,
    SQL_W_WEEK,
    SQL_W_MONTH,
    SQL_W_QUARTER,
    SQL_W_YEAR,
    SQL_W_SECOND_MICROSECOND,
    SQL_W_MINUTE_MICROSECOND,
    SQL_W_MINUTE_SECOND,
    SQL_W_HOUR_MICROSECOND,
    SQL_W_HOUR_SECOND,
    SQL_W_HOUR_MINUTE,
    SQL_W_DAY_MICROSECOND,
    SQL_W_DAY_SECOND,
    SQL_W_DAY_MINUTE,
    SQL_W_DAY_HOUR,
    SQL_W_YEAR_MONTH,
    SQL_W_SQL_TSI_MICROSECOND,
    SQL_W_SQL_TSI_SECOND,
    SQL_W_SQL_TSI_MINUTE,
    SQL_W_SQL_TSI_HOUR,
    SQL_W_SQL_TSI_DAY,
    SQL_W_SQL_TSI_WEEK,
    SQL_W_SQL_TSI_MONTH,
    SQL_W_SQL_TSI_QUARTER,
    SQL_W_SQL_TSI_YEAR,
};

bool ps_is_unit(uint16_t word)
{
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (units[i] == word) return true;
    return false;
}

/* INTERVAL x unit, with `sum` perhaps followed by + date (all of it up to AND, OR: that is how the grammars
 * have it); or the function INTERVAL(n, a, b...), known by its list of more than one. */
struct sql_expr *ps_interval(struct parser *p, bool sum)
{
    uint32_t first = p->at;
    ps_next(p);
    struct sql_expr *x;
    if (at_op(p, SQL_OP_LPAREN)) {
        struct sql_expr *in = ps_paren(p);
        if (in->kind == SQL_E_ROW) {
            struct sql_call *c = PS_NEW(p, struct sql_call);
            c->name.name = sql_tok_str(p->s, first);
            c->name.tok = first;
            c->name.span = (struct sql_span){first, first + 1};
            c->native = true;
            in->kind = SQL_E_CALL;
            in->word = SQL_W_INTERVAL;
            in->call = c;
            in->span.first = first;
            return in;
        }
        x = ps_infix(p, in, BP_EXPR);
    } else {
        x = ps_full(p);
    }
    uint16_t unit = cur_word(p);
    if (!ps_is_unit(unit)) ps_syntax(p);
    ps_next(p);
    struct sql_expr *e = ps_node(p, SQL_E_INTERVAL, first, 1);
    e->word = unit;
    e->args[0] = x;
    ps_seal(p, e);
    if (!sum || !at_op(p, SQL_OP_PLUS)) return e;
    ps_next(p);
    struct sql_expr *date = ps_expr(p, BP_COMPARE);
    struct sql_expr *whole = ps_node(p, SQL_E_BINARY, first, 2);
    whole->op = SQL_OP_INTERVAL_ADD;
    whole->args[0] = e;
    whole->args[1] = date;
    return ps_seal(p, whole);
}

/* ---- words that open an operand ---- */

/* -INTERVAL 1 DAY + d is d - INTERVAL 1 DAY for MariaDB; a sign before the function INTERVAL() is a sign. At
 * the sign. */
static struct sql_expr *signed_interval(struct parser *p, enum sql_op sign)
{
    uint32_t first = p->at;
    ps_next(p);
    struct sql_expr *x = ps_interval(p, false), *e;
    if (x->kind == SQL_E_INTERVAL) {
        want_op(p, SQL_OP_PLUS);
        struct sql_expr *date = ps_expr(p, BP_COMPARE);
        e = ps_node(p, SQL_E_BINARY, first, 2);
        e->op = sign == SQL_OP_NEG ? SQL_OP_INTERVAL_SUB : SQL_OP_INTERVAL_ADD;
        e->args[1] = date;
    } else {
        x = ps_infix(p, x, BP_UNARY);
        e = ps_node(p, SQL_E_UNARY, first, 1);
        e->op = (uint8_t)sign;
    }
    e->args[0] = x;
    return ps_seal(p, e);
}

static struct sql_expr *sign(struct parser *p, enum sql_op op)
{
    return p->mariadb && ahead_word(p, 1, SQL_W_INTERVAL) ? signed_interval(p, op)
                                                          : unary(p, op, BP_UNARY, 0);
}

static struct sql_expr *exists(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    struct sql_expr *q = ps_paren(p);
    uint32_t end = p->at;
    while (q->kind == SQL_E_PAREN) q = q->args[0];
    if (q->kind != SQL_E_SUBQUERY) ps_syntax_at(p, q->span.first);
    struct sql_expr *e = ps_node(p, SQL_E_EXISTS, first, 0);
    e->query = q->query;
    e->height = 1;
    e->flags = SQL_EF_HAS_SUBQUERY;
    e->span.end = end;
    return e;
}

static struct sql_expr *case_expr(struct parser *p)
{
    uint32_t first = p->at, mark = ps_mark(p);
    uint16_t flags = 0;
    ps_next(p);
    if (!at_word(p, SQL_W_WHEN)) {
        flags |= SQL_EF_OPERAND;
        ps_push(p, ps_full(p));
    }
    if (!at_word(p, SQL_W_WHEN)) ps_syntax(p);
    while (try_word(p, SQL_W_WHEN)) {
        ps_push(p, ps_full(p));
        want_word(p, SQL_W_THEN);
        ps_push(p, ps_full(p));
    }
    if (try_word(p, SQL_W_ELSE)) {
        flags |= SQL_EF_ELSE;
        ps_push(p, ps_full(p));
    }
    want_word(p, SQL_W_END);
    struct sql_expr *e = ps_node_list(p, SQL_E_CASE, first, mark);
    e->flags |= flags;
    return e;
}

/* DEFAULT(col); the bare word is a value of its own, never an operand: ps_value. */
static struct sql_expr *default_of(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    want_op(p, SQL_OP_LPAREN);
    struct sql_expr *col = ps_column(p);
    want_op(p, SQL_OP_RPAREN);
    struct sql_expr *e = ps_node(p, SQL_E_DEFAULT, first, 1);
    e->args[0] = col;
    return ps_seal(p, e);
}

struct sql_expr *ps_value(struct parser *p)
{
    if (at_word(p, SQL_W_DEFAULT) && !ahead_op(p, 1, SQL_OP_LPAREN)) return leaf(p, SQL_E_DEFAULT);
    return ps_full(p);
}

static struct sql_expr *constant(struct parser *p, enum sql_expr_kind kind)
{
    return leaf(p, kind);
}

static struct sql_expr *word_operand(struct parser *p, int min)
{
    uint16_t w = p->t->word;
    switch (w) {
    case SQL_W_NULL: return constant(p, SQL_E_NULL);
    case SQL_W_TRUE: return constant(p, SQL_E_TRUE);
    case SQL_W_FALSE: return constant(p, SQL_E_FALSE);
    case SQL_W_NOT:
        if (p->s->opt.high_not_precedence) return unary(p, SQL_OP_NOT, BP_BANG, 0);
        if (min > BP_NOT) ps_syntax(p);
        return unary(p, SQL_OP_NOT, BP_NOT, 0);
    case SQL_W_BINARY: return unary(p, SQL_OP_BINARY, BP_COLLATE, 0);
    case SQL_W_EXISTS: return exists(p);
    case SQL_W_CASE: return case_expr(p);
    case SQL_W_INTERVAL: {
        uint32_t first = p->at;
        struct sql_expr *i = ps_interval(p, true);
        if (p->mariadb && min > BP_CONCAT && i->kind != SQL_E_CALL)
            ps_syntax_at(p, first + 1); /* no operand of signs, ! and || there */
        return i;
    }
    case SQL_W_DEFAULT: return default_of(p);
    case SQL_W_DATE:
    case SQL_W_TIME:
    case SQL_W_TIMESTAMP:
        if (ps_peek(p, 1)->kind == SQL_T_STRING) return temporal(p, p->at, w);
        break;
    case SQL_W_ROW:
        if (ahead_op(p, 1, SQL_OP_LPAREN)) {
            uint32_t first = p->at;
            ps_next(p);
            struct sql_expr *r = ps_paren(p);
            if (r->kind != SQL_E_ROW) ps_syntax_at(p, p->at - 1);
            r->span.first = first;
            return r;
        }
        break;
    default: break;
    }
    struct sql_expr *e = ps_keyword_call(p);
    if (e) return e;
    if (sql_words[w].reserved == SQL_RESERVED) ps_syntax(p);
    return name_or_call(p);
}

struct sql_expr *ps_prefix(struct parser *p, int min)
{
    switch ((enum sql_tok_kind)p->t->kind) {
    case SQL_T_WORD:
        if (p->t->word != SQL_W_NONE) return word_operand(p, min);
        return name_or_call(p);
    case SQL_T_QUOTED: return name_or_call(p);
    case SQL_T_INT:
    case SQL_T_DECIMAL:
    case SQL_T_FLOAT:
    case SQL_T_HEX:
    case SQL_T_BIN: return leaf(p, SQL_E_LITERAL);
    case SQL_T_STRING:
    case SQL_T_NSTRING: return string_literal(p, p->at);
    case SQL_T_CHARSET: return introduced(p);
    case SQL_T_PARAM: {
        struct sql_expr *e = leaf(p, SQL_E_PARAM);
        e->index = p->nparams++;
        e->flags = SQL_EF_HAS_PARAM;
        return e;
    }
    case SQL_T_USERVAR: return uservar(p);
    case SQL_T_SYSVAR: return ps_sysvar(p);
    case SQL_T_OP:
        if (at_op(p, SQL_OP_LPAREN)) return ps_paren(p);
        if (at_op(p, SQL_OP_MINUS)) return sign(p, SQL_OP_NEG);
        if (at_op(p, SQL_OP_PLUS)) return sign(p, SQL_OP_POS);
        if (at_op(p, SQL_OP_TILDE)) return unary(p, SQL_OP_TILDE, BP_UNARY, 0);
        if (at_op(p, SQL_OP_BANG)) return unary(p, SQL_OP_NOT, BP_BANG, SQL_EF_BANG);
        if (at_op(p, SQL_OP_LBRACE)) return odbc(p);
        if (at_op(p, SQL_OP_DOT) && p->mariadb && ps_at_ident(p, 1)) return dotted_column(p);
        ps_syntax(p);
    case SQL_T_END:
    case SQL_T_BAD: ps_syntax(p);
    }
    ps_syntax(p);
}
