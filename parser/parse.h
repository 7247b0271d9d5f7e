/*
 * parse.h - what the files of the parser share; not for other folders.
 *
 *   parse.c        entry, faults, names, lists       parse_query.c  SELECT, set operations, WITH
 *   parse_expr.c   operators (Pratt)                 parse_from.c   table references
 *   parse_prim.c   operands                          parse_dml.c    INSERT ... LOAD
 *   parse_call.c   functions, windows, types         parse_ddl.c    CREATE TABLE ... RENAME
 *   parse_admin.c  SET, SHOW, EXPLAIN                parse_misc.c   transactions, locks, the rest
 *
 * A parser walks the token array with one index. A fault leaves by longjmp to sql_parse: all memory is the caller's
 * arena, so that there is nothing to undo, and no function below needs a second path for failure.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include "parser/words.h"

#include <setjmp.h>

enum {
    SQL_MAX_CHAIN = 1000,  /* height of a tree of operators that is not made of nesting: a+a+a... (AND and OR
                              are balanced) */
    SQL_MAX_JOINS = 256,   /* in one FROM; servers stop at 61 */
    SQL_MAX_SETOPS = 1000, /* UNION chains */
};

/* Binding powers, low to high, as the manual's operator precedence has them. */
enum sql_bp {
    BP_EXPR = 0,
    BP_OR = 10,
    BP_XOR = 20,
    BP_AND = 30,
    BP_NOT = 40,
    BP_COMPARE = 50,   /* = <> < <=> IS */
    BP_PREDICATE = 60, /* LIKE IN BETWEEN REGEXP */
    BP_PIPE = 70,
    BP_AMP = 80,
    BP_SHIFT = 90,
    BP_ADD = 100,
    BP_MUL = 110,
    BP_CARET = 120,
    BP_CONCAT = 130,
    BP_UNARY = 140,
    BP_BANG = 150,
    BP_COLLATE = 160,
    BP_PRIMARY = 170,
};

/* Common table expressions in scope, innermost first. */
struct cte_scope {
    struct str name;
    struct cte_scope *outer;
};

struct parser {
    const struct sql_scan *s;
    const struct sql_tok *t; /* the current token */
    uint32_t at;             /* its index */
    uint32_t depth;
    struct arena *a;
    struct fault *f;
    enum sql_status status; /* set where a fault leaves */
    bool mariadb;
    bool values_fn; /* in ON DUPLICATE KEY UPDATE: VALUES(col) is a function there, not a query */
    uint32_t nexprs, nqueries, nparams;
    struct sql_query *query; /* being read: the block of table names and the parent of queries met */
    struct cte_scope *ctes;
    VEC(struct sql_table *) tables;
    VEC(void *) stack; /* lists under construction, nested ones on top of each other */
    void *first_stack[64];
    jmp_buf out;
};

/* ---- faults: none returns ---- */
_Noreturn void ps_syntax(struct parser *p); /* at the current token */
_Noreturn void ps_syntax_at(struct parser *p, uint32_t tok);
_Noreturn void ps_refuse(struct parser *p, const char *what); /* ER_NOT_SUPPORTED_YET */
_Noreturn void ps_no_alias(struct parser *p);                 /* a derived table without one */
_Noreturn void ps_nomem(struct parser *p);

/* ---- memory ---- */
void *ps_alloc(struct parser *p, size_t n); /* zeroed, never NULL */
#define PS_NEW(p, T) ((T *)ps_alloc((p), sizeof(T)))

/* A list: mark = ps_mark(p); ps_push(p, x)...; array = ps_take(p, mark, &n). */
static inline uint32_t ps_mark(const struct parser *p)
{
    return p->stack.len;
}
void ps_push(struct parser *p, void *x);
void *ps_take(struct parser *p, uint32_t mark, uint32_t *n); /* array of pointers, NULL when empty */
/* The same for small structs by value (a multiple of a pointer's size). */
void ps_push_value(struct parser *p, const void *x, size_t size);
void *ps_take_values(struct parser *p, uint32_t mark, size_t size, uint32_t *n);

/* ---- tokens ---- */
static inline void ps_next(struct parser *p)
{
    p->t++;
    p->at++;
}
static inline bool tok_is_word(const struct sql_tok *t, uint16_t w)
{
    return t->kind == SQL_T_WORD && t->word == w;
}
static inline bool tok_is_op(const struct sql_tok *t, uint16_t op)
{
    return t->kind == SQL_T_OP && t->word == op;
}
static inline bool at_word(const struct parser *p, uint16_t w)
{
    return tok_is_word(p->t, w);
}
static inline bool at_op(const struct parser *p, uint16_t op)
{
    return tok_is_op(p->t, op);
}
/* The token i places ahead (0: the current), the end token beyond the end. */
static inline const struct sql_tok *ps_peek(const struct parser *p, uint32_t i)
{
    uint32_t k = p->at + i;
    return &p->s->toks[k < p->s->ntoks ? k : p->s->ntoks];
}
static inline bool ahead_word(const struct parser *p, uint32_t i, uint16_t w)
{
    return tok_is_word(ps_peek(p, i), w);
}
static inline bool ahead_op(const struct parser *p, uint32_t i, uint16_t op)
{
    return tok_is_op(ps_peek(p, i), op);
}
static inline bool try_word(struct parser *p, uint16_t w)
{
    if (!at_word(p, w)) return false;
    ps_next(p);
    return true;
}
static inline bool try_op(struct parser *p, uint16_t op)
{
    if (!at_op(p, op)) return false;
    ps_next(p);
    return true;
}
static inline void want_word(struct parser *p, uint16_t w)
{
    if (!try_word(p, w)) ps_syntax(p);
}
static inline void want_op(struct parser *p, uint16_t op)
{
    if (!try_op(p, op)) ps_syntax(p);
}
/* Two words in a row, as ORDER BY: both or none. */
static inline bool try_words(struct parser *p, uint16_t a, uint16_t b)
{
    if (!at_word(p, a) || !ahead_word(p, 1, b)) return false;
    ps_next(p);
    ps_next(p);
    return true;
}
static inline uint16_t cur_word(const struct parser *p)
{
    return p->t->kind == SQL_T_WORD ? p->t->word : (uint16_t)SQL_W_NONE;
}
static inline bool at_end(const struct parser *p)
{
    return p->t->kind == SQL_T_END;
}
static inline struct sql_span span_from(const struct parser *p, uint32_t first)
{
    return (struct sql_span){first, p->at};
}
static inline struct sql_span span_here(const struct parser *p)
{
    return (struct sql_span){p->at, p->at};
}
bool ps_equals(const struct parser *p, uint32_t i,
               const char *word); /* the token ahead spells this, any case */

/* ---- names ---- */
bool ps_at_ident(const struct parser *p, uint32_t ahead); /* may this token be a name? */
struct str ps_ident(struct parser *p);                    /* one name, consumed */
struct str ps_ident_any(struct parser *p);                /* after '.': any word */
struct str ps_ident_or_text(struct parser *p);            /* name or string */
struct str ps_tok_text(struct parser *p, uint32_t tok);
bool ps_implicit_alias(const struct parser *p, bool string_too);
/* [AS] alias; false when there is none. */
bool ps_alias(struct parser *p, bool string_too, struct str *alias);
/* schema.name; columns: schema.table.name */
void ps_name(struct parser *p, struct sql_name *n, uint32_t max_parts);
/* A table name, put on the list. `role` as of struct sql_table. */
struct sql_table *ps_table(struct parser *p, enum sql_table_role role);
struct str *ps_name_list(struct parser *p, uint32_t *n); /* '(' a, b ')' */
/* Everything up to the ')' that closes what is open, or a ',' outside parentheses, or the end. */
void ps_skip_to_comma(struct parser *p);
void ps_skip_parens(struct parser *p); /* at '(' */
void ps_skip_all(struct parser *p);    /* to the end of the statement */

void ps_enter(struct parser *p); /* one level deeper, checked */
static inline void ps_leave(struct parser *p)
{
    p->depth--;
}

/* ---- expressions ---- */
struct sql_expr *ps_expr(struct parser *p, int min);
static inline struct sql_expr *ps_full(struct parser *p)
{
    return ps_expr(p, BP_EXPR);
}
struct sql_expr *ps_infix(struct parser *p, struct sql_expr *lhs, int min);
struct sql_expr *ps_prefix(struct parser *p, int min);
/* A node of nargs arguments; span from `first` to the current token. ps_seal takes flags and height over from
 * the arguments. */
struct sql_expr *ps_node(struct parser *p, enum sql_expr_kind kind, uint32_t first, uint32_t nargs);
struct sql_expr *ps_seal(struct parser *p, struct sql_expr *e);
struct sql_expr *ps_node_list(struct parser *p, enum sql_expr_kind kind, uint32_t first, uint32_t mark);
struct sql_expr *ps_call(struct parser *p, uint32_t first, const struct sql_name *name, uint16_t word,
                         bool adjacent);
struct sql_expr *
ps_keyword_call(struct parser *p); /* words with a grammar of their own; NULL when this is not one */
struct sql_expr *ps_value(struct parser *p);  /* of a row or an assignment: expression or DEFAULT */
struct sql_expr *ps_column(struct parser *p); /* a plain column name */
struct sql_expr *ps_paren(struct parser *p);  /* at '(' */
struct sql_expr *ps_subquery(struct parser *p, uint32_t first, struct sql_query *q);
struct sql_expr *ps_interval(struct parser *p, bool sum);
struct sql_expr *ps_sysvar(struct parser *p);
struct sql_span ps_type(struct parser *p); /* type of CAST and of columns */
const struct sql_window *ps_window_spec(struct parser *p);
bool ps_is_unit(uint16_t word);

/* ---- queries ---- */
bool ps_at_query(const struct parser *p); /* SELECT, WITH, VALUES, TABLE */
struct sql_query *ps_query(struct parser *p);
struct sql_query *ps_query_rest(struct parser *p, struct sql_query *left, uint32_t first);
void ps_with(struct parser *p, uint32_t *nctes,
             struct sql_cte **ctes);   /* leaves the names in scope: p->ctes */
void ps_file_format(struct parser *p, struct sql_file_format *f); /* FIELDS ... LINES ... */
bool ps_at_setop(const struct parser *p);
bool ps_at_query_tail(
    const struct parser *p); /* ORDER, LIMIT, FOR, LOCK, INTO... behind a query in parentheses */
struct sql_order *ps_order(struct parser *p, uint32_t first); /* behind ORDER BY or GROUP BY */
const struct sql_limit *ps_limit(struct parser *p);           /* NULL: none */
struct sql_item *ps_items(struct parser *p, uint32_t *n);
struct sql_ref *ps_refs(struct parser *p, enum sql_table_role role);
struct sql_ref *ps_single_ref(struct parser *p, struct sql_table *t);
void ps_partitions(struct parser *p);                /* PARTITION (p0, ...), when there */
struct sql_expr *ps_row_of_values(struct parser *p); /* '(' values with DEFAULT ')' as ROW */

/* ---- statements: the current token is the verb ---- */
void ps_insert(struct parser *p, struct sql_stmt *st);
void ps_update(struct parser *p, struct sql_stmt *st, struct sql_cte *ctes, uint32_t nctes);
void ps_delete(struct parser *p, struct sql_stmt *st, struct sql_cte *ctes, uint32_t nctes);
void ps_load(struct parser *p, struct sql_stmt *st);
struct sql_assign *ps_assignments(struct parser *p, uint32_t *n);
void ps_create(struct parser *p, struct sql_stmt *st);
void ps_alter(struct parser *p, struct sql_stmt *st);
void ps_drop(struct parser *p, struct sql_stmt *st);
void ps_truncate(struct parser *p, struct sql_stmt *st);
void ps_rename(struct parser *p, struct sql_stmt *st);
void ps_set(struct parser *p, struct sql_stmt *st);
void ps_show(struct parser *p, struct sql_stmt *st);
void ps_describe(struct parser *p, struct sql_stmt *st);
/* Everything else; false: a verb without a grammar here. */
bool ps_admin(struct parser *p, struct sql_stmt *st);
void ps_statement(struct parser *p, struct sql_stmt *st);

#endif
