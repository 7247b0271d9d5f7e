/*
 * parse_expr.c - operators: a Pratt loop over the manual's precedences.
 *
 *   ps_expr(min) = ps_prefix (operand, NOT, -x...) then ps_infix: while the next operator binds at least as
 * tightly as `min`
 *
 * Chains: `a OR b OR c OR ...` comes as a list and is made a balanced tree (AND and OR are associative in
 * SQL's three values), so that a hundred thousand terms are seventeen levels deep and no walker minds. Other
 * chains (a+a+a...) lean to the left as their meaning demands; their height is capped, at about where the
 * servers' own stacks give out.
 */
#include "parser/parse.h"

/* ---- nodes ---- */

enum {
    HAS_BITS = SQL_EF_HAS_AGGREGATE | SQL_EF_HAS_SUBQUERY | SQL_EF_HAS_WINDOW | SQL_EF_HAS_ASSIGN |
               SQL_EF_HAS_COLUMN | SQL_EF_HAS_PARAM
};

struct sql_expr *ps_node(struct parser *p, enum sql_expr_kind kind, uint32_t first, uint32_t nargs)
{
    struct sql_expr *e = arena_alloc(p->a, sizeof *e + nargs * sizeof(struct sql_expr *));
    if (UNLIKELY(!e)) ps_nomem(p);
    memset(e, 0, sizeof *e);
    e->kind = (uint8_t)kind;
    e->id = p->nexprs++;
    e->tok = first;
    e->span.first = first;
    e->span.end = p->at;
    e->nargs = nargs;
    if (nargs) e->args = (struct sql_expr **)(void *)(e + 1);
    return e;
}

struct sql_expr *ps_seal(struct parser *p, struct sql_expr *e)
{
    uint16_t flags = 0, height = 0;
    for (uint32_t i = 0; i < e->nargs; i++) {
        flags |= e->args[i]->flags;
        if (e->args[i]->height > height) height = e->args[i]->height;
    }
    e->flags = (uint16_t)(e->flags | (flags & HAS_BITS));
    e->height = (uint16_t)(height + 1);
    e->span.end = p->at;
    if (UNLIKELY(e->height > SQL_MAX_CHAIN))
        ps_refuse(p, "chains of more than 1000 operators (AND and OR excepted)");
    return e;
}

struct sql_expr *ps_node_list(struct parser *p, enum sql_expr_kind kind, uint32_t first, uint32_t mark)
{
    struct sql_expr *e = ps_node(p, kind, first, 0);
    e->args = ps_take(p, mark, &e->nargs);
    return ps_seal(p, e);
}

static struct sql_expr *binary(struct parser *p, enum sql_op op, struct sql_expr *l, struct sql_expr *r)
{
    struct sql_expr *e = ps_node(p, SQL_E_BINARY, l->span.first, 2);
    e->op = (uint8_t)op;
    e->args[0] = l;
    e->args[1] = r;
    ps_seal(p, e);
    e->span.end = r->span.end;
    return e;
}

static struct sql_expr *balance(struct parser *p, enum sql_op op, struct sql_expr **at, uint32_t n)
{
    if (n == 1) return at[0];
    uint32_t left = n / 2;
    struct sql_expr *l = balance(p, op, at, n - left);
    return binary(p, op, l, balance(p, op, at + (n - left), left));
}

/* ---- infix operators ---- */

struct infix {
    uint8_t bp;
    uint8_t op;
};

/* What the current token is between operands; bp 0: nothing. Word operators that take more than a right
 * operand: op NONE. */
static struct infix infix_of(const struct parser *p)
{
    const struct sql_tok *t = p->t;
    if (t->kind == SQL_T_OP) {
        switch ((enum sql_op)t->word) {
        case SQL_OP_EQ:
        case SQL_OP_NSEQ:
        case SQL_OP_NE:
        case SQL_OP_LT:
        case SQL_OP_LE:
        case SQL_OP_GT:
        case SQL_OP_GE: return (struct infix){BP_COMPARE, (uint8_t)t->word};
        case SQL_OP_PLUS:
        case SQL_OP_MINUS: return (struct infix){BP_ADD, (uint8_t)t->word};
        case SQL_OP_STAR:
        case SQL_OP_SLASH:
        case SQL_OP_PERCENT: return (struct infix){BP_MUL, (uint8_t)t->word};
        case SQL_OP_AMP: return (struct infix){BP_AMP, SQL_OP_AMP};
        case SQL_OP_PIPE: return (struct infix){BP_PIPE, SQL_OP_PIPE};
        case SQL_OP_CARET: return (struct infix){BP_CARET, SQL_OP_CARET};
        case SQL_OP_SHL:
        case SQL_OP_SHR: return (struct infix){BP_SHIFT, (uint8_t)t->word};
        case SQL_OP_ANDAND: return (struct infix){BP_AND, SQL_OP_AND};
        case SQL_OP_OROR: return (struct infix){BP_OR, SQL_OP_OR};
        case SQL_OP_CONCAT: return (struct infix){BP_CONCAT, SQL_OP_CONCAT};
        case SQL_OP_NONE:
        case SQL_OP_LPAREN:
        case SQL_OP_RPAREN:
        case SQL_OP_COMMA:
        case SQL_OP_DOT:
        case SQL_OP_SEMICOLON:
        case SQL_OP_COLON:
        case SQL_OP_LBRACE:
        case SQL_OP_RBRACE:
        case SQL_OP_DIV:
        case SQL_OP_TILDE:
        case SQL_OP_NOT:
        case SQL_OP_AND:
        case SQL_OP_OR:
        case SQL_OP_XOR:
        case SQL_OP_BANG:
        case SQL_OP_ASSIGN:
        case SQL_OP_ARROW:
        case SQL_OP_ARROW2:
        case SQL_OP_ARROW_FAT:
        case SQL_OP_AT:
        case SQL_OP_LIKE:
        case SQL_OP_REGEXP:
        case SQL_OP_SOUNDS_LIKE:
        case SQL_OP_MEMBER_OF:
        case SQL_OP_IS_NULL:
        case SQL_OP_IS_TRUE:
        case SQL_OP_IS_FALSE:
        case SQL_OP_IS_UNKNOWN:
        case SQL_OP_IS_JSON:
        case SQL_OP_NEG:
        case SQL_OP_POS:
        case SQL_OP_BINARY:
        case SQL_OP_COLLATE:
        case SQL_OP_INTERVAL_ADD:
        case SQL_OP_INTERVAL_SUB: break;
        }
        return (struct infix){0, 0};
    }
    if (t->kind != SQL_T_WORD) return (struct infix){0, 0};
    switch (t->word) {
    case SQL_W_AND: return (struct infix){BP_AND, SQL_OP_AND};
    case SQL_W_OR: return (struct infix){BP_OR, SQL_OP_OR};
    case SQL_W_XOR: return (struct infix){BP_XOR, SQL_OP_XOR};
    case SQL_W_DIV: return (struct infix){BP_MUL, SQL_OP_DIV};
    case SQL_W_MOD: return (struct infix){BP_MUL, SQL_OP_PERCENT};
    case SQL_W_COLLATE: return (struct infix){BP_COLLATE, SQL_OP_COLLATE};
    case SQL_W_IS: return (struct infix){BP_COMPARE, SQL_OP_NONE};
    case SQL_W_NOT:
        if (ahead_word(p, 1, SQL_W_IN) || ahead_word(p, 1, SQL_W_LIKE) || ahead_word(p, 1, SQL_W_BETWEEN) ||
            ahead_word(p, 1, SQL_W_REGEXP) || ahead_word(p, 1, SQL_W_RLIKE))
            return (struct infix){BP_PREDICATE, SQL_OP_NONE};
        break;
    case SQL_W_IN:
    case SQL_W_BETWEEN:
    case SQL_W_LIKE:
    case SQL_W_REGEXP:
    case SQL_W_RLIKE: return (struct infix){BP_PREDICATE, SQL_OP_NONE};
    case SQL_W_SOUNDS:
        if (ahead_word(p, 1, SQL_W_LIKE)) return (struct infix){BP_PREDICATE, SQL_OP_NONE};
        break;
    case SQL_W_MEMBER:
        if (ahead_word(p, 1, SQL_W_OF) || ahead_op(p, 1, SQL_OP_LPAREN))
            return (struct infix){BP_PREDICATE, SQL_OP_NONE};
        break;
    default: break;
    }
    return (struct infix){0, 0};
}

static struct sql_expr *is_test(struct parser *p, struct sql_expr *l)
{
    ps_next(p);
    bool negated = try_word(p, SQL_W_NOT);
    enum sql_op op = SQL_OP_NONE;
    switch (cur_word(p)) {
    case SQL_W_NULL: op = SQL_OP_IS_NULL; break;
    case SQL_W_TRUE: op = SQL_OP_IS_TRUE; break;
    case SQL_W_FALSE: op = SQL_OP_IS_FALSE; break;
    case SQL_W_UNKNOWN: op = SQL_OP_IS_UNKNOWN; break;
    case SQL_W_JSON: op = SQL_OP_IS_JSON; break;
    default: ps_syntax(p);
    }
    ps_next(p);
    struct sql_expr *e = ps_node(p, SQL_E_IS, l->span.first, 1);
    e->op = (uint8_t)op;
    e->flags = negated ? SQL_EF_NOT : 0;
    e->args[0] = l;
    return ps_seal(p, e);
}

/* The list or query of IN, at '('. */
static struct sql_expr *in_test(struct parser *p, struct sql_expr *l, bool negated)
{
    ps_next(p);
    if (!at_op(p, SQL_OP_LPAREN)) ps_syntax(p);
    uint32_t mark = ps_mark(p);
    ps_push(p, l);
    ps_next(p);
    struct sql_query *query = NULL;
    if (ps_at_query(p)) {
        query = ps_query(p);
    } else {
        ps_enter(p);
        struct sql_expr *first = ps_full(p);
        if (first->kind == SQL_E_SUBQUERY && at_op(p, SQL_OP_RPAREN)) { /* IN ((SELECT ...)) */
            query = first->query;
        } else if (first->kind == SQL_E_SUBQUERY && (ps_at_setop(p) || ps_at_query_tail(p))) {
            query = ps_query_rest(p, first->query, first->span.first);
        } else {
            ps_push(p, first);
            while (try_op(p, SQL_OP_COMMA)) ps_push(p, ps_full(p));
        }
        ps_leave(p);
    }
    want_op(p, SQL_OP_RPAREN);
    struct sql_expr *e = ps_node_list(p, SQL_E_IN, l->span.first, mark);
    if (negated) e->flags |= SQL_EF_NOT;
    if (query) {
        e->query = query;
        e->flags |= SQL_EF_HAS_SUBQUERY;
    }
    return e;
}

static struct sql_expr *predicate(struct parser *p, struct sql_expr *l);

/* The right side of LIKE, REGEXP...: a NOT behind it belongs to it, in MariaDB: a LIKE (b NOT IN (c)). MySQL
 * knows no such chains. */
static struct sql_expr *pattern_of(struct parser *p)
{
    struct sql_expr *r = ps_expr(p, BP_PIPE);
    if (!at_word(p, SQL_W_NOT)) return r;
    ps_enter(p);
    while (at_word(p, SQL_W_NOT) && infix_of(p).bp == BP_PREDICATE) r = predicate(p, r);
    ps_leave(p);
    return r;
}

static struct sql_expr *predicate(struct parser *p, struct sql_expr *l)
{
    bool negated = try_word(p, SQL_W_NOT);
    uint32_t first = l->span.first;
    struct sql_expr *e;
    switch (cur_word(p)) {
    case SQL_W_IN: return in_test(p, l, negated);
    case SQL_W_BETWEEN: {
        ps_next(p);
        struct sql_expr *low = ps_expr(p, BP_PREDICATE);
        want_word(p, SQL_W_AND);
        struct sql_expr *high = ps_expr(p, BP_PREDICATE);
        e = ps_node(p, SQL_E_BETWEEN, first, 3);
        e->args[0] = l;
        e->args[1] = low;
        e->args[2] = high;
        break;
    }
    case SQL_W_LIKE: {
        ps_next(p);
        struct sql_expr *pattern = pattern_of(p), *escape = NULL;
        if (try_word(p, SQL_W_ESCAPE)) escape = ps_expr(p, BP_PIPE);
        e = ps_node(p, SQL_E_BINARY, first, escape ? 3 : 2);
        e->op = SQL_OP_LIKE;
        e->args[0] = l;
        e->args[1] = pattern;
        if (escape) e->args[2] = escape;
        break;
    }
    case SQL_W_REGEXP:
    case SQL_W_RLIKE: {
        ps_next(p);
        struct sql_expr *r = pattern_of(p);
        e = ps_node(p, SQL_E_BINARY, first, 2);
        e->op = SQL_OP_REGEXP;
        e->args[0] = l;
        e->args[1] = r;
        break;
    }
    case SQL_W_SOUNDS: {
        ps_next(p);
        ps_next(p);
        struct sql_expr *r = pattern_of(p);
        e = ps_node(p, SQL_E_BINARY, first, 2);
        e->op = SQL_OP_SOUNDS_LIKE;
        e->args[0] = l;
        e->args[1] = r;
        break;
    }
    case SQL_W_MEMBER: {
        ps_next(p);
        try_word(p, SQL_W_OF);
        want_op(p, SQL_OP_LPAREN);
        struct sql_expr *r = ps_full(p);
        want_op(p, SQL_OP_RPAREN);
        e = ps_node(p, SQL_E_BINARY, first, 2);
        e->op = SQL_OP_MEMBER_OF;
        e->args[0] = l;
        e->args[1] = r;
        break;
    }
    default: ps_syntax(p);
    }
    if (negated) e->flags |= SQL_EF_NOT;
    return ps_seal(p, e);
}

/* = ANY (SELECT ...): the current token is ALL, ANY or SOME before '('. */
static struct sql_expr *quantified(struct parser *p, struct sql_expr *l, enum sql_op op)
{
    uint16_t word = cur_word(p) == SQL_W_ALL ? SQL_W_ALL : SQL_W_ANY;
    ps_next(p);
    struct sql_expr *r = ps_paren(p);
    while (r->kind == SQL_E_PAREN) r = r->args[0];
    if (r->kind != SQL_E_SUBQUERY) ps_syntax_at(p, r->span.first);
    struct sql_expr *e = ps_node(p, SQL_E_QUANT, l->span.first, 1);
    e->op = (uint8_t)op;
    e->word = word;
    e->args[0] = l;
    e->query = r->query;
    e->flags = SQL_EF_HAS_SUBQUERY;
    return ps_seal(p, e);
}

static bool at_quantifier(const struct parser *p)
{
    uint16_t w = cur_word(p);
    return (w == SQL_W_ALL || w == SQL_W_ANY || w == SQL_W_SOME) && ahead_op(p, 1, SQL_OP_LPAREN);
}

static struct sql_expr *collate(struct parser *p, struct sql_expr *l)
{
    ps_next(p);
    struct sql_expr *c = ps_node(p, SQL_E_COLUMN, p->at, 0);
    struct sql_name *n = PS_NEW(p, struct sql_name);
    n->tok = p->at;
    if (at_word(p, SQL_W_BINARY) || at_word(p, SQL_W_DEFAULT)) {
        n->name = sql_tok_str(p->s, p->at);
        ps_next(p);
    } else {
        n->name = ps_ident_or_text(p);
    }
    n->span = span_from(p, n->tok);
    c->name = n;
    c->height = 1;
    c->span.end = p->at;
    return binary(p, SQL_OP_COLLATE, l, c);
}

/* a AND b AND c ...: the operands as a list, then balanced. */
static struct sql_expr *logic_chain(struct parser *p, struct sql_expr *l, struct infix op)
{
    uint32_t mark = ps_mark(p);
    ps_push(p, l);
    for (;;) {
        ps_next(p);
        ps_push(p, ps_expr(p, op.bp + 1));
        struct infix next = infix_of(p);
        if (next.bp != op.bp || next.op != op.op) break;
    }
    uint32_t n = p->stack.len - mark;
    if (n == 2) {
        struct sql_expr *r = p->stack.at[mark + 1];
        p->stack.len = mark;
        return binary(p, (enum sql_op)op.op, l, r);
    }
    struct sql_expr **at = ps_take(p, mark, &n);
    return balance(p, (enum sql_op)op.op, at, n);
}

struct sql_expr *ps_infix(struct parser *p, struct sql_expr *l, int min)
{
    /* What has become a predicate or a comparison is no operand of tighter operators: a IN (1) + b is an
     * error. */
    bool not_word = l->kind == SQL_E_UNARY && l->op == SQL_OP_NOT && !(l->flags & SQL_EF_BANG) &&
                    !p->s->opt.high_not_precedence;
    int level = not_word ? BP_NOT : BP_PRIMARY;
    for (;;) {
        struct infix in = infix_of(p);
        if (UNLIKELY(in.bp == 0 && at_word(p, SQL_W_NOT) && min <= BP_PREDICATE))
            ps_syntax_at(p, p->at + 1); /* a NOT b */
        if (in.bp == 0 || in.bp < min || in.bp > level) return l;
        level = in.bp;
        switch ((enum sql_bp)in.bp) {
        case BP_OR:
        case BP_AND: l = logic_chain(p, l, in); continue;
        case BP_PREDICATE: l = predicate(p, l); continue;
        case BP_COLLATE: l = collate(p, l); continue;
        case BP_COMPARE:
            if (in.op == SQL_OP_NONE) {
                l = is_test(p, l);
                continue;
            }
            ps_next(p);
            if (at_quantifier(p))
                l = quantified(p, l, (enum sql_op)in.op);
            else
                l = binary(p, (enum sql_op)in.op, l, ps_expr(p, BP_COMPARE + 1));
            continue;
        case BP_ADD: {
            ps_next(p);
            if (!at_word(p, SQL_W_INTERVAL)) {
                l = binary(p, (enum sql_op)in.op, l, ps_expr(p, BP_ADD + 1));
                continue;
            }
            struct sql_expr *r = ps_interval(p, false);
            if (r->kind == SQL_E_INTERVAL) { /* d + INTERVAL 1 DAY is an operand: (d + INTERVAL 1 DAY) * 2
                                                without parentheses */
                in.op = in.op == SQL_OP_PLUS ? SQL_OP_INTERVAL_ADD : SQL_OP_INTERVAL_SUB;
                level = BP_CARET;
            } else {
                r = ps_infix(p, r, BP_ADD + 1);
            }
            l = binary(p, (enum sql_op)in.op, l, r);
            continue;
        }
        case BP_EXPR:
        case BP_XOR:
        case BP_NOT:
        case BP_PIPE:
        case BP_AMP:
        case BP_SHIFT:
        case BP_MUL:
        case BP_CARET:
        case BP_CONCAT:
        case BP_UNARY:
        case BP_BANG:
        case BP_PRIMARY:
            ps_next(p);
            l = binary(p, (enum sql_op)in.op, l, ps_expr(p, in.bp + 1));
            continue;
        }
    }
}

struct sql_expr *ps_expr(struct parser *p, int min)
{
    ps_enter(p);
    struct sql_expr *e = ps_infix(p, ps_prefix(p, min), min);
    ps_leave(p);
    return e;
}
