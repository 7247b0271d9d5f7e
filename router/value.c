/*
 * value.c - constant expressions to values: literals, signs, small integer arithmetic, CASTs that are sure.
 *
 * The tree is the plan's, the literals are those of the statement at hand (same key, same token numbers).
 * Whatever is not folded with certainty is VALUE_UNKNOWN, which reads as "any value".
 */
#include "router/rules.h"

#include <stdlib.h>

static const struct value unknown = {.kind = VALUE_UNKNOWN};

bool value_whole(const struct value *v, int64_t *out)
{
    char text[64];
    switch (v->kind) {
    case VALUE_INT: *out = v->i; return true;
    case VALUE_UINT: *out = (int64_t)v->u; return v->u <= INT64_MAX;
    case VALUE_STRING: return !(v->i & VALUE_IS_TEMPORAL) && str_to_i64(str_trim(v->s), out);
    case VALUE_FLOAT: {
        if (!v->s.len || v->s.len >= sizeof text) return false;
        memcpy(text, v->s.ptr, v->s.len);
        text[v->s.len] = 0;
        char *end;
        double d = strtod(text, &end);
        if (*end || !(d > -9007199254740992.0 && d < 9007199254740992.0)) return false;
        *out = (int64_t)d;
        return (double)*out == d;
    }
    case VALUE_DECIMAL: {
        size_t dot = str_find(v->s, STR("."), 0);
        for (size_t i = dot == SIZE_MAX ? v->s.len : dot + 1; i < v->s.len; i++)
            if (v->s.ptr[i] != '0') return false;
        return str_to_i64(str_make(v->s.ptr, dot == SIZE_MAX ? v->s.len : dot), out);
    }
    case VALUE_NULL:
    case VALUE_BYTES:
    case VALUE_UNKNOWN: return false;
    }
    return false;
}

static struct value int128_value(int128 n)
{
    if (n >= INT64_MIN && n <= INT64_MAX) return value_int((int64_t)n);
    if (n > 0 && n <= (int128)UINT64_MAX) return (struct value){.kind = VALUE_UINT, .u = (uint64_t)n};
    return unknown;
}

static bool value_int128(const struct value *v, int128 *out)
{
    if (v->kind == VALUE_INT)
        *out = v->i;
    else if (v->kind == VALUE_UINT)
        *out = (int128)v->u;
    else
        return false;
    return true;
}

static struct value bytes_value(const struct sql_scan *s, uint32_t tok, struct arena *a, bool *oom)
{
    struct value v = {.kind = VALUE_BYTES, .s = sql_text(s, tok, a)};
    struct str raw = sql_tok_str(s, tok);
    if (!v.s.ptr) {
        *oom = true;
        return unknown;
    }
    /* MariaDB reads x'..' as text even beside numbers; 0x.. and both bit forms are numbers there, in both
     * servers. */
    bool number = v.s.len <= 8 && raw.len && (raw.ptr[0] == '0' || raw.ptr[0] == 'b' || raw.ptr[0] == 'B');
    if (number) {
        v.i = 1;
        for (size_t i = 0; i < v.s.len; i++) v.u = v.u << 8 | (unsigned char)v.s.ptr[i];
    }
    return v;
}

static bool seven_bit(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] > 0x7f) return false;
    return true;
}

/* 'a' 'b' is 'ab'. An introducer or N'..' changes the character set: fine for ASCII under charsets that
 * extend ASCII. */
static struct value string_value(const struct sql_expr *e, const struct sql_scan *s, struct arena *a,
                                 bool *oom)
{
    struct value v = {.kind = VALUE_STRING, .s = STR("")};
    bool other_charset = false;
    for (uint32_t t = e->span.first; t < e->span.end; t++) {
        enum sql_tok_kind kind = s->toks[t].kind;
        if (kind == SQL_T_CHARSET) {
            struct str cs = sql_tok_str(s, t);
            if (str_starts_nocase(cs, STR("_ucs2")) || str_starts_nocase(cs, STR("_utf16")) ||
                str_starts_nocase(cs, STR("_utf32")))
                return unknown;
            other_charset = true;
            continue;
        }
        if (kind == SQL_T_NSTRING)
            other_charset = true;
        else if (kind != SQL_T_STRING)
            return unknown;
        struct str part = sql_text(s, t, a);
        if (!part.ptr) {
            *oom = true;
            return unknown;
        }
        if (!v.s.len) {
            v.s = part;
            continue;
        }
        char *p = arena_alloc(a, v.s.len + part.len);
        if (!p) {
            *oom = true;
            return unknown;
        }
        memcpy(p, v.s.ptr, v.s.len);
        if (part.len) memcpy(p + v.s.len, part.ptr, part.len);
        v.s = str_make(p, v.s.len + part.len);
    }
    return other_charset && !seven_bit(v.s) ? unknown : v;
}

static struct value literal_value(const struct sql_expr *e, const struct sql_scan *s, struct arena *a,
                                  bool *oom)
{
    struct value v = {0};
    switch ((enum sql_tok_kind)s->toks[e->tok].kind) {
    case SQL_T_INT:
        if (str_to_i64(sql_tok_str(s, e->tok), &v.i))
            v.kind = VALUE_INT;
        else if (str_to_u64(sql_tok_str(s, e->tok), &v.u))
            v.kind = VALUE_UINT;
        else
            v = (struct value){.kind = VALUE_DECIMAL, .s = sql_tok_str(s, e->tok)};
        return v;
    case SQL_T_DECIMAL: return (struct value){.kind = VALUE_DECIMAL, .s = sql_tok_str(s, e->tok)};
    case SQL_T_FLOAT: return (struct value){.kind = VALUE_FLOAT, .s = sql_tok_str(s, e->tok)};
    case SQL_T_STRING:
    case SQL_T_NSTRING: return string_value(e, s, a, oom);
    case SQL_T_HEX:
    case SQL_T_BIN:
        return s->toks[e->span.first].kind == SQL_T_CHARSET ? unknown : bytes_value(s, e->tok, a, oom);
    case SQL_T_END:
    case SQL_T_WORD:
    case SQL_T_QUOTED:
    case SQL_T_CHARSET:
    case SQL_T_PARAM:
    case SQL_T_USERVAR:
    case SQL_T_SYSVAR:
    case SQL_T_OP:
    case SQL_T_BAD: return unknown;
    }
    return unknown;
}

static struct value negate(struct value v, struct arena *a, bool *oom)
{
    int128 n;
    if (v.kind == VALUE_NULL) return v;
    if (value_int128(&v, &n)) return int128_value(-n);
    if (v.kind != VALUE_DECIMAL && v.kind != VALUE_FLOAT) return unknown;
    if (v.s.len && v.s.ptr[0] == '-') {
        v.s.ptr++;
        v.s.len--;
        return v;
    }
    struct str t = arena_printf(a, "-" STR_FMT, STR_ARG(v.s));
    if (!t.ptr) {
        *oom = true;
        return unknown;
    }
    v.s = t;
    return v;
}

/* + - * of integers. MySQL computes in 64 bits, unsigned when an operand is; what would overflow there is an
 * error, so unknown. */
static struct value arithmetic(enum sql_op op, struct value l, struct value r)
{
    int128 x, y, z;
    if (l.kind == VALUE_NULL || r.kind == VALUE_NULL) return (struct value){.kind = VALUE_NULL};
    if (!value_int128(&l, &x) || !value_int128(&r, &y)) return unknown;
    if (op == SQL_OP_PLUS)
        z = x + y;
    else if (op == SQL_OP_MINUS)
        z = x - y;
    else if (op == SQL_OP_STAR && x >= -(int128)UINT64_MAX && y >= -(int128)UINT64_MAX &&
             l.kind == VALUE_INT && r.kind == VALUE_INT)
        z = x * y;
    else
        return unknown;
    bool is_unsigned = l.kind == VALUE_UINT || r.kind == VALUE_UINT;
    if (!is_unsigned && !(z >= INT64_MIN && z <= INT64_MAX)) return unknown;
    if (is_unsigned && z < 0) return unknown;
    return int128_value(z);
}

/* LAST_INSERT_ID() as a constant: only when the session says what it is. */
static struct value last_insert_id(const struct given *g)
{
    return g->facts ? int128_value((int128)g->facts->last_insert_id) : unknown;
}

/* The value that a `?` is bound to. */
static struct value param_value(uint32_t index, const struct given *g)
{
    if (!g->facts || !g->facts->params || index >= g->facts->nparams) return unknown;
    struct value v = g->facts->params[index];
    switch (v.kind) {
    case VALUE_NULL:
    case VALUE_INT:
    case VALUE_UNKNOWN: return v;
    case VALUE_UINT: return int128_value((int128)v.u);
    case VALUE_DECIMAL:
    case VALUE_FLOAT:
    case VALUE_STRING: v.i = (v.kind == VALUE_STRING ? v.i & VALUE_IS_TEMPORAL : 0) | VALUE_IS_PARAM; break;
    case VALUE_BYTES: v.i = 0; break;
    }
    if (!v.s.ptr) v.s = STR("");
    return v;
}

/* Of a parameter the server may compute in another type (DOUBLE, DECIMAL); small integers are the same in all.
 */
static struct value of_param(const struct sql_expr *e, struct value v)
{
    if (!(e->flags & SQL_EF_HAS_PARAM) || v.kind == VALUE_NULL) return v;
    bool small = v.kind == VALUE_INT && v.i > -((int64_t)1 << 53) && v.i < (int64_t)1 << 53;
    return small ? v : unknown;
}

static struct value cast_value(const struct sql_expr *e, const struct given *g, struct arena *a, bool *oom)
{
    struct sql_span type = e->call->type;
    if (e->nargs != 1 || type.end <= type.first) return unknown;
    struct value v = const_value(e->args[0], g, a, oom);
    uint16_t word = g->scan->toks[type.first].word;
    if (v.kind == VALUE_NULL) return v;
    if (word == SQL_W_SIGNED || word == SQL_W_UNSIGNED) {
        int64_t n;
        if (v.kind == VALUE_STRING && str_to_i64(v.s, &n)) v = value_int(n);
        if (v.kind == VALUE_INT && (word == SQL_W_SIGNED || v.i >= 0)) return v;
        if (v.kind == VALUE_UINT && word == SQL_W_UNSIGNED) return v;
    } else if (word == SQL_W_DATE && v.kind == VALUE_STRING && v.s.len == 10) {
        v.i = VALUE_IS_TEMPORAL;
        return v;
    }
    return unknown;
}

struct value const_value(const struct sql_expr *e, const struct given *g, struct arena *a, bool *oom)
{
    switch ((enum sql_expr_kind)e->kind) {
    case SQL_E_NULL: return (struct value){.kind = VALUE_NULL};
    case SQL_E_TRUE: return value_int(1);
    case SQL_E_FALSE: return value_int(0);
    case SQL_E_LITERAL: return literal_value(e, g->scan, a, oom);
    case SQL_E_PAREN: return const_value(e->args[0], g, a, oom);
    case SQL_E_TEMPORAL: {
        struct value v = {.kind = VALUE_STRING, .s = STR_NULL};
        if (e->word == SQL_W_TIME) return unknown;
        v.s = sql_text(g->scan, e->tok, a);
        if (!v.s.ptr) *oom = true;
        v.i = VALUE_IS_TEMPORAL;
        return v.s.ptr ? v : unknown;
    }
    case SQL_E_UNARY:
        if (e->op == SQL_OP_NEG) return of_param(e, negate(const_value(e->args[0], g, a, oom), a, oom));
        if (e->op == SQL_OP_POS) return const_value(e->args[0], g, a, oom);
        return unknown;
    case SQL_E_BINARY:
        if (e->nargs == 2 && (e->op == SQL_OP_PLUS || e->op == SQL_OP_MINUS || e->op == SQL_OP_STAR))
            return of_param(e, arithmetic((enum sql_op)e->op, const_value(e->args[0], g, a, oom),
                                          const_value(e->args[1], g, a, oom)));
        return unknown;
    case SQL_E_CALL:
        if (e->call->fn == SQL_FN_LAST_INSERT_ID && !e->nargs) return last_insert_id(g);
        return e->call->fn == SQL_FN_CAST ? cast_value(e, g, a, oom) : unknown;
    case SQL_E_PARAM: return param_value(e->index, g);
    case SQL_E_COLUMN:
    case SQL_E_STAR:
    case SQL_E_USERVAR:
    case SQL_E_SYSVAR:
    case SQL_E_IS:
    case SQL_E_BETWEEN:
    case SQL_E_IN:
    case SQL_E_ROW:
    case SQL_E_CASE:
    case SQL_E_SUBQUERY:
    case SQL_E_EXISTS:
    case SQL_E_QUANT:
    case SQL_E_INTERVAL:
    case SQL_E_ASSIGN:
    case SQL_E_DEFAULT:
    case SQL_E_VALUES:
    case SQL_E_MATCH:
    case SQL_E_NEXTVAL: return unknown;
    }
    return unknown;
}

int const_truth(const struct sql_expr *e, const struct given *g, struct arena *a, bool *oom)
{
    int128 x, y;
    if (e->kind == SQL_E_PAREN) return const_truth(e->args[0], g, a, oom);
    if (e->kind == SQL_E_BINARY && e->nargs == 2 && e->op >= SQL_OP_EQ && e->op <= SQL_OP_GE &&
        e->op != SQL_OP_NSEQ) {
        struct value l = const_value(e->args[0], g, a, oom), r = const_value(e->args[1], g, a, oom);
        if (l.kind == VALUE_NULL || r.kind == VALUE_NULL) return 0;
        if (!value_int128(&l, &x) || !value_int128(&r, &y)) return -1;
        /* two parameters may be compared as texts: 10 < 9 then */
        bool as_texts = (e->args[0]->flags & e->args[1]->flags & SQL_EF_HAS_PARAM) != 0;
        if (as_texts && e->op != SQL_OP_EQ && e->op != SQL_OP_NE) return -1;
        switch (e->op) {
        case SQL_OP_EQ: return x == y;
        case SQL_OP_NE: return x != y;
        case SQL_OP_LT: return x < y;
        case SQL_OP_LE: return x <= y;
        case SQL_OP_GT: return x > y;
        case SQL_OP_GE: return x >= y;
        default: return -1;
        }
    }
    if (e->kind == SQL_E_IS && e->op == SQL_OP_IS_NULL) {
        struct value x0 = const_value(e->args[0], g, a, oom);
        if (x0.kind == VALUE_UNKNOWN) return -1;
        return (x0.kind == VALUE_NULL) != ((e->flags & SQL_EF_NOT) != 0);
    }
    struct value v = const_value(e, g, a, oom);
    if (v.kind == VALUE_NULL) return 0;
    return value_int128(&v, &x) ? x != 0 : -1;
}

void value_show(const struct value *v, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    switch (v->kind) {
    case VALUE_NULL: buf_putz(out, "NULL"); break;
    case VALUE_INT: buf_printf(out, "%lld", (long long)v->i); break;
    case VALUE_UINT: buf_put_dec(out, v->u); break;
    case VALUE_DECIMAL:
    case VALUE_FLOAT: buf_put_str(out, v->s); break;
    case VALUE_STRING: {
        struct str s = v->s;
        if (s.len > 64) s.len = 64;
        static const struct sql_options plain = {0};
        sql_put_string(out, s, &plain);
        break;
    }
    case VALUE_BYTES:
        buf_putz(out, "x'");
        for (size_t i = 0; i < v->s.len && i < 32; i++) {
            buf_put_u8(out, (uint8_t)hex[(unsigned char)v->s.ptr[i] >> 4]);
            buf_put_u8(out, (uint8_t)hex[v->s.ptr[i] & 15]);
        }
        buf_put_u8(out, '\'');
        break;
    case VALUE_UNKNOWN: buf_putz(out, "an expression"); break;
    }
}
