/*
 * parse_call.c - function calls: the general form, the functions with a grammar of their own, aggregates,
 * windows, types.
 *
 * A native function of the manual's list (COUNT, SUM, NOW, TRIM...) is one only when '(' follows it without a
 * blank, unless IGNORE_SPACE; with a blank the same word names a stored function, and then has only the
 * general form. https://dev.mysql.com/doc/refman/8.4/en/function-resolution.html
 */
#include "parser/parse.h"

enum form {
    F_PLAIN,     /* f(a, b, ...) */
    F_AGGREGATE, /* f([DISTINCT | ALL] a, ...), COUNT(*) */
    F_CONCAT,    /* GROUP_CONCAT, JSON_ARRAYAGG: ORDER BY, SEPARATOR, LIMIT inside */
    F_CAST,
    F_CONVERT,
    F_TRIM,
    F_EXTRACT,
    F_SUBSTRING,
    F_POSITION,
    F_CHAR,
    F_WEIGHT,
    F_UNIT,
    F_FORMAT,
    F_JSON_VALUE,
    F_BARE,  /* CURRENT_DATE and the like: parentheses may be missing */
    F_TYPED, /* COLUMN_GET(x, 'a' AS INT) */
};

struct native {
    uint16_t word;
    uint8_t fn;     /* enum sql_fn */
    uint8_t form;   /* enum form */
    uint8_t sticky; /* '(' must follow at once */
};
static const struct native natives[] = {
    {SQL_W_COUNT_, SQL_FN_COUNT, F_AGGREGATE, 1},
    {SQL_W_SUM, SQL_FN_SUM, F_AGGREGATE, 1},
    {SQL_W_MIN, SQL_FN_MIN, F_AGGREGATE, 1},
    {SQL_W_MAX, SQL_FN_MAX, F_AGGREGATE, 1},
    {SQL_W_AVG, SQL_FN_AVG, F_AGGREGATE, 0},
    {SQL_W_GROUP_CONCAT, SQL_FN_GROUP_CONCAT, F_CONCAT, 1},
    {SQL_W_BIT_AND, SQL_FN_BIT_AND, F_AGGREGATE, 1},
    {SQL_W_BIT_OR, SQL_FN_BIT_OR, F_AGGREGATE, 1},
    {SQL_W_BIT_XOR, SQL_FN_BIT_XOR, F_AGGREGATE, 1},
    {SQL_W_STD, SQL_FN_STD, F_AGGREGATE, 1},
    {SQL_W_STDDEV, SQL_FN_STD, F_AGGREGATE, 1},
    {SQL_W_STDDEV_POP, SQL_FN_STD, F_AGGREGATE, 1},
    {SQL_W_STDDEV_SAMP, SQL_FN_OTHER_AGGREGATE, F_AGGREGATE, 1},
    {SQL_W_VARIANCE, SQL_FN_VARIANCE, F_AGGREGATE, 1},
    {SQL_W_VAR_POP, SQL_FN_VARIANCE, F_AGGREGATE, 1},
    {SQL_W_VAR_SAMP, SQL_FN_OTHER_AGGREGATE, F_AGGREGATE, 1},
    {SQL_W_ANY_VALUE, SQL_FN_ANY_VALUE, F_PLAIN, 0},
    {SQL_W_JSON_ARRAYAGG, SQL_FN_JSON_ARRAYAGG, F_CONCAT, 1},
    {SQL_W_JSON_OBJECTAGG, SQL_FN_JSON_OBJECTAGG, F_AGGREGATE, 1},
    {SQL_W_ST_COLLECT, SQL_FN_OTHER_AGGREGATE, F_AGGREGATE, 0},
    {SQL_W_LAST_INSERT_ID, SQL_FN_LAST_INSERT_ID, F_PLAIN, 0},
    {SQL_W_FOUND_ROWS, SQL_FN_FOUND_ROWS, F_PLAIN, 0},
    {SQL_W_ROW_COUNT, SQL_FN_ROW_COUNT, F_PLAIN, 0},
    {SQL_W_CONNECTION_ID, SQL_FN_CONNECTION_ID, F_PLAIN, 0},
    {SQL_W_DATABASE, SQL_FN_DATABASE, F_PLAIN, 0},
    {SQL_W_SCHEMA, SQL_FN_DATABASE, F_PLAIN, 0},
    {SQL_W_USER, SQL_FN_USER, F_PLAIN, 0},
    {SQL_W_SESSION_USER, SQL_FN_USER, F_PLAIN, 1},
    {SQL_W_SYSTEM_USER, SQL_FN_USER, F_PLAIN, 1},
    {SQL_W_CURRENT_USER, SQL_FN_CURRENT_USER, F_BARE, 0},
    {SQL_W_CURRENT_ROLE, SQL_FN_OTHER, F_BARE, 0},
    {SQL_W_VERSION, SQL_FN_VERSION, F_PLAIN, 0},
    {SQL_W_RAND, SQL_FN_RAND, F_PLAIN, 0},
    {SQL_W_UUID, SQL_FN_UUID, F_PLAIN, 0},
    {SQL_W_UUID_SHORT, SQL_FN_UUID, F_PLAIN, 0},
    {SQL_W_NOW, SQL_FN_NOW, F_PLAIN, 1},
    {SQL_W_SYSDATE, SQL_FN_NOW, F_PLAIN, 1},
    {SQL_W_CURDATE, SQL_FN_NOW, F_PLAIN, 1},
    {SQL_W_CURTIME, SQL_FN_NOW, F_PLAIN, 1},
    {SQL_W_UNIX_TIMESTAMP, SQL_FN_NOW, F_PLAIN, 0},
    {SQL_W_CURRENT_DATE, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_CURRENT_TIME, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_CURRENT_TIMESTAMP, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_LOCALTIME, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_LOCALTIMESTAMP, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_UTC_DATE, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_UTC_TIME, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_UTC_TIMESTAMP, SQL_FN_NOW, F_BARE, 0},
    {SQL_W_SLEEP, SQL_FN_SLEEP, F_PLAIN, 0},
    {SQL_W_GET_LOCK, SQL_FN_LOCK, F_PLAIN, 0},
    {SQL_W_RELEASE_LOCK, SQL_FN_LOCK, F_PLAIN, 0},
    {SQL_W_RELEASE_ALL_LOCKS, SQL_FN_LOCK, F_PLAIN, 0},
    {SQL_W_IS_FREE_LOCK, SQL_FN_LOCK, F_PLAIN, 0},
    {SQL_W_IS_USED_LOCK, SQL_FN_LOCK, F_PLAIN, 0},
    {SQL_W_CAST, SQL_FN_CAST, F_CAST, 1},
    {SQL_W_CONVERT, SQL_FN_CAST, F_CONVERT, 0},
    {SQL_W_TRIM, SQL_FN_OTHER, F_TRIM, 1},
    {SQL_W_EXTRACT, SQL_FN_OTHER, F_EXTRACT, 1},
    {SQL_W_SUBSTRING, SQL_FN_OTHER, F_SUBSTRING, 1},
    {SQL_W_SUBSTR, SQL_FN_OTHER, F_SUBSTRING, 1},
    {SQL_W_MID, SQL_FN_OTHER, F_SUBSTRING, 1},
    {SQL_W_POSITION, SQL_FN_OTHER, F_POSITION, 1},
    {SQL_W_ADDDATE, SQL_FN_OTHER, F_PLAIN, 1},
    {SQL_W_SUBDATE, SQL_FN_OTHER, F_PLAIN, 1},
    {SQL_W_DATE_ADD, SQL_FN_OTHER, F_PLAIN, 1},
    {SQL_W_DATE_SUB, SQL_FN_OTHER, F_PLAIN, 1},
    {SQL_W_CHAR, SQL_FN_OTHER, F_CHAR, 0},
    {SQL_W_WEIGHT_STRING, SQL_FN_OTHER, F_WEIGHT, 0},
    {SQL_W_TIMESTAMPADD, SQL_FN_OTHER, F_UNIT, 0},
    {SQL_W_TIMESTAMPDIFF, SQL_FN_OTHER, F_UNIT, 0},
    {SQL_W_GET_FORMAT, SQL_FN_OTHER, F_FORMAT, 0},
    {SQL_W_JSON_VALUE, SQL_FN_OTHER, F_JSON_VALUE, 0},
    {SQL_W_COLUMN_GET, SQL_FN_OTHER, F_TYPED, 0},
    {SQL_W_COLUMN_CREATE, SQL_FN_OTHER, F_TYPED, 0},
    {SQL_W_COLUMN_ADD, SQL_FN_OTHER, F_TYPED, 0},
    {SQL_W_IF, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_LEFT, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_RIGHT, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_MOD, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_REPEAT, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_REPLACE, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_INSERT, SQL_FN_OTHER, F_PLAIN, 0},
    {SQL_W_ROW_NUMBER, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_RANK, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_DENSE_RANK, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_PERCENT_RANK, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_CUME_DIST, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_NTILE, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_LAG, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_LEAD, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_FIRST_VALUE, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_LAST_VALUE, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_NTH_VALUE, SQL_FN_WINDOW, F_PLAIN, 0},
    {SQL_W_MEDIAN, SQL_FN_WINDOW, F_PLAIN, 1},
    {SQL_W_PERCENTILE_CONT, SQL_FN_WINDOW, F_PLAIN, 1},
    {SQL_W_PERCENTILE_DISC, SQL_FN_WINDOW, F_PLAIN, 1},
};

static uint8_t native_of[SQL_W_COUNT]; /* index in natives + 1 */
_Static_assert(COUNT_OF(natives) < 255, "index of natives is a byte");

__attribute__((constructor)) static void natives_init(void)
{
    for (size_t i = 0; i < COUNT_OF(natives); i++) native_of[natives[i].word] = (uint8_t)(i + 1);
}

static bool is_aggregate(enum sql_fn fn)
{
    return fn >= SQL_FN_COUNT && fn <= SQL_FN_OTHER_AGGREGATE;
}

/* ---- types ---- */

/* A type as CAST and column definitions have it: a word, a length, and what may follow. Its tokens are all
 * that is kept. */
struct sql_span ps_type(struct parser *p)
{
    uint32_t first = p->at;
    if (p->t->kind != SQL_T_WORD && p->t->kind != SQL_T_QUOTED) ps_syntax(p);
    if (try_word(p, SQL_W_NATIONAL)) {
        if (p->t->kind != SQL_T_WORD) ps_syntax(p);
    } else if (at_word(p, SQL_W_LONG) &&
               (ahead_word(p, 1, SQL_W_VARCHAR) || ahead_word(p, 1, SQL_W_VARBINARY))) {
        ps_next(p);
    }
    ps_next(p);
    for (;;) {
        switch (cur_word(p)) {
        case SQL_W_PRECISION:
        case SQL_W_VARYING:
        case SQL_W_UNSIGNED:
        case SQL_W_SIGNED:
        case SQL_W_ZEROFILL:
        case SQL_W_BINARY:
        case SQL_W_ASCII:
        case SQL_W_UNICODE:
        case SQL_W_BYTE:
        case SQL_W_ARRAY:
        case SQL_W_INT:
        case SQL_W_INTEGER: ps_next(p); continue;
        case SQL_W_CHARACTER:
        case SQL_W_CHAR:
            ps_next(p);
            if (try_word(p, SQL_W_SET)) {
                if (!try_word(p, SQL_W_BINARY)) ps_ident_or_text(p);
            }
            continue;
        case SQL_W_CHARSET:
        case SQL_W_COLLATE:
            ps_next(p);
            if (!try_word(p, SQL_W_BINARY) && !try_word(p, SQL_W_DEFAULT)) ps_ident_or_text(p);
            continue;
        default: break;
        }
        if (!at_op(p, SQL_OP_LPAREN)) return span_from(p, first);
        ps_skip_parens(p);
    }
}

/* ---- windows ---- */

static void frame_bound(struct parser *p)
{
    if (try_word(p, SQL_W_CURRENT)) {
        want_word(p, SQL_W_ROW);
        return;
    }
    if (!try_word(p, SQL_W_UNBOUNDED)) ps_expr(p, BP_PIPE);
    if (!try_word(p, SQL_W_PRECEDING)) want_word(p, SQL_W_FOLLOWING);
}

/* At '(' : [name] [PARTITION BY ...] [ORDER BY ...] [ROWS | RANGE | GROUPS ...] */
const struct sql_window *ps_window_spec(struct parser *p)
{
    struct sql_window *w = PS_NEW(p, struct sql_window);
    uint32_t first = p->at, mark = ps_mark(p);
    want_op(p, SQL_OP_LPAREN);
    if (ps_at_ident(p, 0) && !at_word(p, SQL_W_GROUPS)) w->name = ps_ident(p);
    if (try_word(p, SQL_W_PARTITION)) {
        want_word(p, SQL_W_BY);
        do ps_push(p, ps_full(p));
        while (try_op(p, SQL_OP_COMMA));
    }
    w->partition = ps_take(p, mark, &w->npartition);
    uint32_t order = p->at;
    if (try_word(p, SQL_W_ORDER)) {
        want_word(p, SQL_W_BY);
        w->order = ps_order(p, order);
    }
    if (at_word(p, SQL_W_ROWS) || at_word(p, SQL_W_RANGE) || at_word(p, SQL_W_GROUPS)) {
        ps_next(p);
        if (try_word(p, SQL_W_BETWEEN)) {
            frame_bound(p);
            want_word(p, SQL_W_AND);
        }
        frame_bound(p);
        if (try_word(p, SQL_W_EXCLUDE)) {
            if (try_word(p, SQL_W_NO))
                want_word(p, SQL_W_OTHERS);
            else if (try_word(p, SQL_W_CURRENT))
                want_word(p, SQL_W_ROW);
            else if (!try_word(p, SQL_W_GROUP))
                want_word(p, SQL_W_TIES);
        }
    }
    want_op(p, SQL_OP_RPAREN);
    w->span = span_from(p, first);
    return w;
}

/* What may stand behind the ')' of a call: FROM FIRST, RESPECT NULLS, WITHIN GROUP, OVER. */
static void call_suffix(struct parser *p, struct sql_expr *e)
{
    struct sql_call *c = e->call;
    if (try_word(p, SQL_W_WITHIN)) {
        want_word(p, SQL_W_GROUP);
        want_op(p, SQL_OP_LPAREN);
        uint32_t first = p->at;
        want_word(p, SQL_W_ORDER);
        want_word(p, SQL_W_BY);
        c->order = ps_order(p, first);
        want_op(p, SQL_OP_RPAREN);
    }
    if (c->fn == SQL_FN_WINDOW) {
        if (at_word(p, SQL_W_FROM) && (ahead_word(p, 1, SQL_W_FIRST) || ahead_word(p, 1, SQL_W_LAST)) &&
            (ahead_word(p, 2, SQL_W_OVER) || ahead_word(p, 3, SQL_W_NULLS))) {
            ps_next(p);
            ps_next(p);
        }
        if ((at_word(p, SQL_W_RESPECT) || at_word(p, SQL_W_IGNORE)) && ahead_word(p, 1, SQL_W_NULLS)) {
            ps_next(p);
            ps_next(p);
        }
    }
    if (try_word(p, SQL_W_OVER)) {
        if (at_op(p, SQL_OP_LPAREN)) {
            c->over = ps_window_spec(p);
        } else {
            struct sql_window *w = PS_NEW(p, struct sql_window);
            uint32_t first = p->at;
            w->name = ps_ident(p);
            w->span = span_from(p, first);
            c->over = w;
        }
    }
}

/* ---- argument lists, behind '(' and up to, without, ')' ---- */

static void plain_args(struct parser *p)
{
    if (at_op(p, SQL_OP_RPAREN)) return;
    do {
        ps_push(p, ps_full(p));
        if (try_word(p, SQL_W_AS)) ps_ident_or_text(p); /* names of arguments, for loadable functions */
    } while (try_op(p, SQL_OP_COMMA));
}

static void aggregate_args(struct parser *p, struct sql_call *c)
{
    if (c->fn == SQL_FN_COUNT && at_op(p, SQL_OP_STAR)) {
        struct sql_expr *star = ps_node(p, SQL_E_STAR, p->at, 0);
        star->name = PS_NEW(p, struct sql_name);
        star->height = 1;
        ps_next(p);
        star->span.end = p->at;
        c->star = true;
        ps_push(p, star);
        return;
    }
    if (try_word(p, SQL_W_DISTINCT) || try_word(p, SQL_W_DISTINCTROW))
        c->distinct = true;
    else
        try_word(p, SQL_W_ALL);
    if (at_op(p, SQL_OP_RPAREN)) ps_syntax(p);
    do ps_push(p, ps_full(p));
    while (try_op(p, SQL_OP_COMMA));
}

static void concat_args(struct parser *p, struct sql_call *c)
{
    aggregate_args(p, c);
    uint32_t first = p->at;
    if (try_word(p, SQL_W_ORDER)) {
        want_word(p, SQL_W_BY);
        c->order = ps_order(p, first);
    }
    if (try_word(p, SQL_W_SEPARATOR)) {
        if (p->t->kind == SQL_T_CHARSET) ps_next(p);
        if (p->t->kind != SQL_T_STRING && p->t->kind != SQL_T_HEX && p->t->kind != SQL_T_BIN) ps_syntax(p);
        ps_next(p);
    }
    if (at_word(p, SQL_W_LIMIT)) c->limit = ps_limit(p);
}

static void trim_args(struct parser *p)
{
    bool side = try_word(p, SQL_W_BOTH) || try_word(p, SQL_W_LEADING) || try_word(p, SQL_W_TRAILING);
    if (side && try_word(p, SQL_W_FROM)) {
        ps_push(p, ps_full(p));
        return;
    }
    ps_push(p, ps_full(p));
    if (try_word(p, SQL_W_FROM))
        ps_push(p, ps_full(p));
    else if (side)
        ps_syntax(p);
}

static void convert_args(struct parser *p, struct sql_call *c)
{
    ps_push(p, ps_full(p));
    if (try_word(p, SQL_W_USING)) {
        c->fn = SQL_FN_CONVERT_USING;
        uint32_t first = p->at;
        if (!try_word(p, SQL_W_BINARY) && !try_word(p, SQL_W_DEFAULT)) ps_ident_or_text(p);
        c->type = span_from(p, first);
        return;
    }
    want_op(p, SQL_OP_COMMA);
    c->type = ps_type(p);
}

static void cast_args(struct parser *p, struct sql_call *c)
{
    ps_push(p, ps_full(p));
    if (ps_equals(p, 0, "AT")) { /* AT TIME ZONE '+00:00' AS DATETIME */
        ps_next(p);
        want_word(p, SQL_W_TIME);
        if (!ps_equals(p, 0, "ZONE")) ps_syntax(p);
        ps_next(p);
        try_word(p, SQL_W_INTERVAL);
        if (p->t->kind != SQL_T_STRING) ps_syntax(p);
        ps_next(p);
    }
    want_word(p, SQL_W_AS);
    c->type = ps_type(p);
}

/* A unit, or the date type of GET_FORMAT: a word of the grammar, no argument of the tree. */
static void word_arg(struct parser *p, bool unit)
{
    uint16_t w = cur_word(p);
    if (unit ? !ps_is_unit(w)
             : (w != SQL_W_DATE && w != SQL_W_TIME && w != SQL_W_DATETIME && w != SQL_W_TIMESTAMP))
        ps_syntax(p);
    ps_next(p);
}

static void json_value_args(struct parser *p)
{
    ps_push(p, ps_full(p));
    want_op(p, SQL_OP_COMMA);
    ps_push(p, ps_full(p));
    if (try_word(p, SQL_W_RETURNING)) ps_type(p);
    for (int i = 0; i < 2 && (at_word(p, SQL_W_NULL) || at_word(p, SQL_W_ERROR) || at_word(p, SQL_W_DEFAULT));
         i++) {
        if (try_word(p, SQL_W_DEFAULT))
            ps_push(p, ps_full(p));
        else
            ps_next(p);
        want_word(p, SQL_W_ON);
        if (!try_word(p, SQL_W_EMPTY)) want_word(p, SQL_W_ERROR);
    }
}

static void args_of_form(struct parser *p, struct sql_call *c, enum form form)
{
    switch (form) {
    case F_PLAIN:
    case F_BARE: plain_args(p); return;
    case F_AGGREGATE: aggregate_args(p, c); return;
    case F_CONCAT: concat_args(p, c); return;
    case F_CAST: cast_args(p, c); return;
    case F_CONVERT: convert_args(p, c); return;
    case F_TRIM: trim_args(p); return;
    case F_EXTRACT:
        word_arg(p, true);
        want_word(p, SQL_W_FROM);
        ps_push(p, ps_full(p));
        return;
    case F_SUBSTRING:
        ps_push(p, ps_full(p));
        if (try_word(p, SQL_W_FROM)) {
            ps_push(p, ps_full(p));
            if (try_word(p, SQL_W_FOR)) ps_push(p, ps_full(p));
        } else {
            want_op(p, SQL_OP_COMMA);
            plain_args(p);
        }
        return;
    case F_POSITION:
        ps_push(p, ps_expr(p, BP_PIPE));
        want_word(p, SQL_W_IN);
        ps_push(p, ps_full(p));
        return;
    case F_CHAR:
        plain_args(p);
        if (try_word(p, SQL_W_USING)) {
            if (!try_word(p, SQL_W_BINARY) && !try_word(p, SQL_W_DEFAULT)) ps_ident_or_text(p);
        }
        return;
    case F_WEIGHT:
        ps_push(p, ps_full(p));
        if (try_word(p, SQL_W_AS)) c->type = ps_type(p);
        if (try_word(p, SQL_W_LEVEL)) {
            while (!at_op(p, SQL_OP_RPAREN)) {
                if (at_end(p)) ps_syntax(p);
                ps_next(p);
            }
        }
        if (try_op(p, SQL_OP_COMMA)) plain_args(p);
        return;
    case F_UNIT:
        word_arg(p, true);
        want_op(p, SQL_OP_COMMA);
        plain_args(p);
        return;
    case F_FORMAT:
        word_arg(p, false);
        want_op(p, SQL_OP_COMMA);
        plain_args(p);
        return;
    case F_JSON_VALUE: json_value_args(p); return;
    case F_TYPED:
        do {
            ps_push(p, ps_full(p));
            if (try_word(p, SQL_W_AS)) ps_type(p);
        } while (try_op(p, SQL_OP_COMMA));
        return;
    }
}

/* ---- calls ---- */

static bool starts_nocase(struct str s, const char *prefix)
{
    return str_starts_nocase(s, str_of(prefix));
}

/* What the orders and partitions of a call hold, the call holds. */
static uint16_t order_flags(const struct sql_order *o)
{
    uint16_t flags = 0;
    for (uint32_t i = 0; o && i < o->n; i++) flags |= o->items[i].expr->flags;
    return flags;
}

static uint16_t inner_flags(const struct sql_call *c)
{
    uint16_t flags = order_flags(c->order);
    if (c->over) {
        flags |= order_flags(c->over->order);
        for (uint32_t i = 0; i < c->over->npartition; i++) flags |= c->over->partition[i]->flags;
    }
    return flags & (SQL_EF_HAS_AGGREGATE | SQL_EF_HAS_SUBQUERY | SQL_EF_HAS_WINDOW | SQL_EF_HAS_ASSIGN |
                    SQL_EF_HAS_COLUMN | SQL_EF_HAS_PARAM);
}

/* The current token is '(' (or, for a bare word, whatever follows it). `word`: what the name spells,
 * SQL_W_NONE for others. */
struct sql_expr *ps_call(struct parser *p, uint32_t first, const struct sql_name *name, uint16_t word,
                         bool adjacent)
{
    struct sql_call *c = PS_NEW(p, struct sql_call);
    c->name = *name;
    const struct native *native = native_of[word] ? &natives[native_of[word] - 1] : NULL;
    bool quoted = p->s->toks[name->tok].kind == SQL_T_QUOTED;
    adjacent |= p->s->opt.ignore_space;
    if (native && ((native->sticky && (!adjacent || quoted)) || (quoted && native->form != F_PLAIN)))
        native = NULL;
    enum form form = native ? (enum form)native->form : F_PLAIN;
    c->fn = native ? (enum sql_fn)native->fn : SQL_FN_OTHER;
    if (!native && name->schema.len == 0 && starts_nocase(name->name, "weir_")) c->fn = SQL_FN_WEIR;
    c->native = adjacent || (native && !native->sticky);

    ps_enter(p);
    uint32_t mark = ps_mark(p);
    struct sql_expr *e;
    if (form == F_BARE && !at_op(p, SQL_OP_LPAREN)) {
        e = ps_node(p, SQL_E_CALL, first, 0);
        e->height = 1;
    } else {
        want_op(p, SQL_OP_LPAREN);
        if (form == F_PLAIN && !native && at_word(p, SQL_W_DISTINCT)) ps_syntax(p);
        args_of_form(p, c, form);
        want_op(p, SQL_OP_RPAREN);
        e = ps_node_list(p, SQL_E_CALL, first, mark);
    }
    e->call = c;
    e->word = word;
    e->tok = name->tok;
    call_suffix(p, e);
    e->flags |= inner_flags(c);
    if (c->over)
        e->flags |= SQL_EF_HAS_WINDOW;
    else if (is_aggregate(c->fn))
        e->flags |= SQL_EF_AGGREGATE | SQL_EF_HAS_AGGREGATE;
    e->span.end = p->at;
    ps_leave(p);
    return e;
}

/* MATCH (a, b) AGAINST ('words' IN BOOLEAN MODE) */
static struct sql_expr *match(struct parser *p)
{
    uint32_t first = p->at, mark = ps_mark(p);
    ps_next(p);
    bool parens = try_op(p, SQL_OP_LPAREN);
    do ps_push(p, ps_column(p));
    while (try_op(p, SQL_OP_COMMA));
    if (parens) want_op(p, SQL_OP_RPAREN);
    want_word(p, SQL_W_AGAINST);
    want_op(p, SQL_OP_LPAREN);
    ps_push(p, ps_expr(p, BP_PIPE));
    if (try_word(p, SQL_W_IN)) {
        if (ps_equals(p, 0, "BOOLEAN")) {
            ps_next(p);
        } else {
            want_word(p, SQL_W_NATURAL);
            want_word(p, SQL_W_LANGUAGE);
        }
        if (!ps_equals(p, 0, "MODE")) ps_syntax(p);
        ps_next(p);
    }
    if (try_word(p, SQL_W_WITH)) {
        want_word(p, SQL_W_QUERY);
        want_word(p, SQL_W_EXPANSION);
    }
    want_op(p, SQL_OP_RPAREN);
    return ps_node_list(p, SQL_E_MATCH, first, mark);
}

/* NEXT VALUE FOR s, PREVIOUS VALUE FOR s, NEXTVAL(s), LASTVAL(s), SETVAL(s, n...): MariaDB's sequences. */
static struct sql_expr *sequence(struct parser *p, uint32_t words, bool call)
{
    uint32_t first = p->at, mark = ps_mark(p);
    uint16_t word = cur_word(p);
    for (uint32_t i = 0; i < words; i++) ps_next(p);
    if (call) want_op(p, SQL_OP_LPAREN);
    struct sql_query *outer = p->query;
    const struct sql_table *t = ps_table(
        p, word == SQL_W_NEXT || word == SQL_W_NEXTVAL || word == SQL_W_SETVAL ? SQL_R_WRITE : SQL_R_OTHER);
    p->query = outer;
    if (call) {
        while (try_op(p, SQL_OP_COMMA)) ps_push(p, ps_full(p));
        want_op(p, SQL_OP_RPAREN);
    }
    struct sql_expr *e = ps_node_list(p, SQL_E_NEXTVAL, first, mark);
    e->word = word;
    e->name = &t->name;
    return e;
}

/* VALUES(col), and VALUE(col) of MariaDB. */
static struct sql_expr *values_of(struct parser *p)
{
    uint32_t first = p->at;
    ps_next(p);
    want_op(p, SQL_OP_LPAREN);
    struct sql_expr *col = ps_column(p);
    want_op(p, SQL_OP_RPAREN);
    struct sql_expr *e = ps_node(p, SQL_E_VALUES, first, 1);
    e->args[0] = col;
    return ps_seal(p, e);
}

struct sql_expr *ps_keyword_call(struct parser *p)
{
    uint16_t w = p->t->word;
    bool paren = ahead_op(p, 1, SQL_OP_LPAREN);
    switch (w) {
    case SQL_W_MATCH: return match(p);
    case SQL_W_VALUES:
        if (paren) return values_of(p);
        return NULL;
    case SQL_W_VALUE:
        if (paren && p->mariadb) return values_of(p);
        return NULL;
    case SQL_W_NEXT:
    case SQL_W_PREVIOUS:
        if (p->mariadb && ahead_word(p, 1, SQL_W_VALUE) && ahead_word(p, 2, SQL_W_FOR))
            return sequence(p, 3, false);
        return NULL;
    case SQL_W_NEXTVAL:
    case SQL_W_LASTVAL:
    case SQL_W_SETVAL:
        if (p->mariadb && paren && ps_at_ident(p, 2)) return sequence(p, 1, true);
        return NULL;
    default: break;
    }
    const struct native *native = native_of[w] ? &natives[native_of[w] - 1] : NULL;
    if (!native) return NULL;
    if (!paren && (native->form != F_BARE || (sql_words[w].reserved == SQL_RESERVED_MARIADB && !p->mariadb)))
        return NULL;
    if (sql_words[w].reserved != SQL_RESERVED && native->form != F_BARE)
        return NULL; /* read as a name with '(' */
    uint32_t first = p->at;
    struct sql_name name = {.name = sql_tok_str(p->s, first), .span = {first, first + 1}, .tok = first};
    ps_next(p);
    return ps_call(p, first, &name, w, !(p->t->flags & SQL_TF_SPACE_BEFORE));
}
