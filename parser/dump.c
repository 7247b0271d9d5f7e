/*
 * dump.c - a tree for people: one node a line, children indented, names and literals as written. For golden
 * files and debugging.
 */
#include "parser/words.h"

struct dump {
    const struct sql_scan *s;
    struct buf *out;
    uint32_t depth;
};

static const char *const op_text[] = {
    [SQL_OP_NONE] = "?",
    [SQL_OP_EQ] = "=",
    [SQL_OP_NSEQ] = "<=>",
    [SQL_OP_NE] = "<>",
    [SQL_OP_LT] = "<",
    [SQL_OP_LE] = "<=",
    [SQL_OP_GT] = ">",
    [SQL_OP_GE] = ">=",
    [SQL_OP_PLUS] = "+",
    [SQL_OP_MINUS] = "-",
    [SQL_OP_STAR] = "*",
    [SQL_OP_SLASH] = "/",
    [SQL_OP_PERCENT] = "%",
    [SQL_OP_DIV] = "div",
    [SQL_OP_AMP] = "&",
    [SQL_OP_PIPE] = "|",
    [SQL_OP_CARET] = "^",
    [SQL_OP_SHL] = "<<",
    [SQL_OP_SHR] = ">>",
    [SQL_OP_TILDE] = "~",
    [SQL_OP_NOT] = "not",
    [SQL_OP_AND] = "and",
    [SQL_OP_OR] = "or",
    [SQL_OP_XOR] = "xor",
    [SQL_OP_CONCAT] = "||",
    [SQL_OP_ASSIGN] = ":=",
    [SQL_OP_ARROW] = "->",
    [SQL_OP_ARROW2] = "->>",
    [SQL_OP_LIKE] = "like",
    [SQL_OP_REGEXP] = "regexp",
    [SQL_OP_SOUNDS_LIKE] = "sounds like",
    [SQL_OP_MEMBER_OF] = "member of",
    [SQL_OP_IS_NULL] = "is null",
    [SQL_OP_IS_TRUE] = "is true",
    [SQL_OP_IS_FALSE] = "is false",
    [SQL_OP_IS_UNKNOWN] = "is unknown",
    [SQL_OP_IS_JSON] = "is json",
    [SQL_OP_NEG] = "-",
    [SQL_OP_POS] = "+",
    [SQL_OP_BINARY] = "binary",
    [SQL_OP_COLLATE] = "collate",
    [SQL_OP_INTERVAL_ADD] = "+ interval",
    [SQL_OP_INTERVAL_SUB] = "- interval",
};

static const char *const fn_text[] = {
    [SQL_FN_OTHER] = NULL,
    [SQL_FN_COUNT] = "count",
    [SQL_FN_SUM] = "sum",
    [SQL_FN_MIN] = "min",
    [SQL_FN_MAX] = "max",
    [SQL_FN_AVG] = "avg",
    [SQL_FN_GROUP_CONCAT] = "group-concat",
    [SQL_FN_BIT_AND] = "bit-and",
    [SQL_FN_BIT_OR] = "bit-or",
    [SQL_FN_BIT_XOR] = "bit-xor",
    [SQL_FN_STD] = "std",
    [SQL_FN_VARIANCE] = "variance",
    [SQL_FN_ANY_VALUE] = "any-value",
    [SQL_FN_JSON_ARRAYAGG] = "json-arrayagg",
    [SQL_FN_JSON_OBJECTAGG] = "json-objectagg",
    [SQL_FN_OTHER_AGGREGATE] = "other-aggregate",
    [SQL_FN_LAST_INSERT_ID] = "last-insert-id",
    [SQL_FN_FOUND_ROWS] = "found-rows",
    [SQL_FN_ROW_COUNT] = "row-count",
    [SQL_FN_CONNECTION_ID] = "connection-id",
    [SQL_FN_DATABASE] = "database",
    [SQL_FN_USER] = "user",
    [SQL_FN_CURRENT_USER] = "current-user",
    [SQL_FN_VERSION] = "version",
    [SQL_FN_RAND] = "rand",
    [SQL_FN_UUID] = "uuid",
    [SQL_FN_NOW] = "clock",
    [SQL_FN_SLEEP] = "sleep",
    [SQL_FN_LOCK] = "lock",
    [SQL_FN_CAST] = "cast",
    [SQL_FN_CONVERT_USING] = "convert-using",
    [SQL_FN_WINDOW] = "window",
    [SQL_FN_WEIR] = "weir",
};
static const char *const show_text[] = {
    [SQL_SHOW_OTHER] = "other",
    [SQL_SHOW_TABLES] = "tables",
    [SQL_SHOW_TABLE_STATUS] = "table status",
    [SQL_SHOW_COLUMNS] = "columns",
    [SQL_SHOW_INDEX] = "index",
    [SQL_SHOW_CREATE_TABLE] = "create table",
    [SQL_SHOW_CREATE_VIEW] = "create view",
    [SQL_SHOW_CREATE_DATABASE] = "create database",
    [SQL_SHOW_DATABASES] = "databases",
    [SQL_SHOW_VARIABLES] = "variables",
    [SQL_SHOW_STATUS] = "status",
    [SQL_SHOW_WARNINGS] = "warnings",
    [SQL_SHOW_ERRORS] = "errors",
    [SQL_SHOW_COUNT_WARNINGS] = "count warnings",
    [SQL_SHOW_COUNT_ERRORS] = "count errors",
    [SQL_SHOW_PROCESSLIST] = "processlist",
    [SQL_SHOW_ENGINES] = "engines",
    [SQL_SHOW_COLLATION] = "collation",
    [SQL_SHOW_CHARSET] = "charset",
    [SQL_SHOW_GRANTS] = "grants",
    [SQL_SHOW_PRIVILEGES] = "privileges",
    [SQL_SHOW_PLUGINS] = "plugins",
    [SQL_SHOW_TRIGGERS] = "triggers",
    [SQL_SHOW_EVENTS] = "events",
    [SQL_SHOW_FUNCTION_STATUS] = "function status",
    [SQL_SHOW_PROCEDURE_STATUS] = "procedure status",
    [SQL_SHOW_OPEN_TABLES] = "open tables",
    [SQL_SHOW_WEIR] = "weir",
};

static void dump_query(struct dump *d, const struct sql_query *q);
static void dump_expr(struct dump *d, const struct sql_expr *e);
static void dump_stmt(struct dump *d, const struct sql_stmt *st);

/* ---- lines ---- */

PRINTF_LIKE(2, 3) static void line(struct dump *d, const char *fmt, ...)
{
    for (uint32_t i = 0; i < d->depth; i++) buf_put(d->out, "  ", 2);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(d->out, fmt, ap);
    va_end(ap);
    buf_put_u8(d->out, '\n');
}

static bool is_op(const struct dump *d, uint32_t i, uint16_t op)
{
    return d->s->toks[i].kind == SQL_T_OP && d->s->toks[i].word == op;
}

/* The text of a span in one line, blanks by rule and not as written. */
static void put_span(struct dump *d, struct sql_span span)
{
    for (uint32_t i = span.first; i < span.end; i++) {
        bool tight = i == span.first || is_op(d, i, SQL_OP_COMMA) || is_op(d, i, SQL_OP_DOT) ||
                     is_op(d, i, SQL_OP_LPAREN) || is_op(d, i, SQL_OP_RPAREN) ||
                     is_op(d, i - 1, SQL_OP_DOT) || is_op(d, i - 1, SQL_OP_LPAREN);
        if (!tight) buf_put_u8(d->out, ' ');
        buf_put_str(d->out, sql_tok_str(d->s, i));
    }
}

static void put_indent(struct dump *d, const char *word)
{
    for (uint32_t i = 0; i < d->depth; i++) buf_put(d->out, "  ", 2);
    buf_putz(d->out, word);
}

static void end_line(struct dump *d)
{
    buf_put_u8(d->out, '\n');
}

static void span_line(struct dump *d, const char *word, struct sql_span span)
{
    if (span.first == span.end) return;
    put_indent(d, word);
    buf_put_u8(d->out, ' ');
    put_span(d, span);
    end_line(d);
}

static void put_name(struct dump *d, const struct sql_name *n)
{
    if (n->schema.len) buf_printf(d->out, STR_FMT ".", STR_ARG(n->schema));
    if (n->table.len) buf_printf(d->out, STR_FMT ".", STR_ARG(n->table));
    buf_put_str(d->out, n->name);
}

static void put_names(struct dump *d, const struct str *at, uint32_t n)
{
    buf_putz(d->out, " (");
    for (uint32_t i = 0; i < n; i++) buf_printf(d->out, "%s" STR_FMT, i ? ", " : "", STR_ARG(at[i]));
    buf_putz(d->out, ")");
}

static void put_flags(struct dump *d, uint32_t flags, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (flags & (1u << i)) buf_printf(d->out, " %s", names[i]);
}

/* A heading and an expression below it; nothing when there is none. */
static void part(struct dump *d, const char *word, const struct sql_expr *e)
{
    if (!e) return;
    line(d, "%s", word);
    d->depth++;
    dump_expr(d, e);
    d->depth--;
}

static void dump_list(struct dump *d, struct sql_expr *const *at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) dump_expr(d, at[i]);
}

/* ---- expressions ---- */

static void dump_order(struct dump *d, const char *word, const struct sql_order *o)
{
    if (!o) return;
    line(d, "%s", word);
    d->depth++;
    for (uint32_t i = 0; i < o->n; i++) {
        dump_expr(d, o->items[i].expr);
        if (o->items[i].desc) line(d, "desc");
    }
    d->depth--;
}

static void dump_limit(struct dump *d, const struct sql_limit *l)
{
    if (!l) return;
    line(d, "limit%s%s", l->fetch ? " fetch" : "", l->with_ties ? " with ties" : "");
    d->depth++;
    part(d, "offset", l->offset);
    part(d, "count", l->count);
    d->depth--;
}

static void dump_window(struct dump *d, const char *word, const struct sql_window *w)
{
    if (!w) return;
    put_indent(d, word);
    if (w->name.len) buf_printf(d->out, " " STR_FMT, STR_ARG(w->name));
    if (w->base.len) buf_printf(d->out, " of " STR_FMT, STR_ARG(w->base));
    buf_putz(d->out, ": ");
    put_span(d, w->span);
    end_line(d);
    d->depth++;
    if (w->npartition) line(d, "partition");
    d->depth++;
    dump_list(d, w->partition, w->npartition);
    d->depth--;
    dump_order(d, "order", w->order);
    d->depth--;
}

static void dump_call(struct dump *d, const struct sql_expr *e)
{
    const struct sql_call *c = e->call;
    put_indent(d, "call ");
    put_name(d, &c->name);
    if (c->distinct) buf_putz(d->out, " distinct");
    if (e->flags & SQL_EF_AGGREGATE) buf_putz(d->out, " aggregate");
    if (!c->native) buf_putz(d->out, " spaced");
    if (fn_text[c->fn]) buf_printf(d->out, " [%s]", fn_text[c->fn]);
    end_line(d);
    d->depth++;
    dump_list(d, e->args, e->nargs);
    span_line(d, "type", c->type);
    dump_order(d, "order", c->order);
    dump_limit(d, c->limit);
    dump_window(d, "over", c->over);
    d->depth--;
}

static void head(struct dump *d, const struct sql_expr *e, const char *word, const char *detail)
{
    put_indent(d, word);
    if (*detail) buf_printf(d->out, " %s", detail);
    if (e->flags & SQL_EF_NOT) buf_putz(d->out, " negated");
    if (e->flags & SQL_EF_BANG) buf_putz(d->out, " bang");
    if (e->flags & SQL_EF_OPERAND) buf_putz(d->out, " operand");
    if (e->flags & SQL_EF_ELSE) buf_putz(d->out, " else");
    end_line(d);
}

static void named(struct dump *d, const char *word, const struct sql_name *n)
{
    put_indent(d, word);
    buf_put_u8(d->out, ' ');
    put_name(d, n);
    end_line(d);
}

/* The line of a node; its arguments and query follow. */
static void dump_head(struct dump *d, const struct sql_expr *e)
{
    const char *word = sql_words[e->word].text;
    switch ((enum sql_expr_kind)e->kind) {
    case SQL_E_NULL: line(d, "null"); return;
    case SQL_E_TRUE: line(d, "true"); return;
    case SQL_E_FALSE: line(d, "false"); return;
    case SQL_E_LITERAL: span_line(d, "literal", e->span); return;
    case SQL_E_TEMPORAL: span_line(d, "temporal", e->span); return;
    case SQL_E_PARAM: line(d, "param %u", e->index); return;
    case SQL_E_COLUMN: named(d, "column", e->name); return;
    case SQL_E_STAR:
        put_indent(d, "star ");
        put_name(d, e->name);
        end_line(d);
        return;
    case SQL_E_USERVAR: named(d, "uservar", e->name); return;
    case SQL_E_SYSVAR: named(d, "sysvar", e->name); return;
    case SQL_E_UNARY: head(d, e, "unary", op_text[e->op]); return;
    case SQL_E_BINARY: head(d, e, "binary", op_text[e->op]); return;
    case SQL_E_IS: head(d, e, "is", op_text[e->op]); return;
    case SQL_E_BETWEEN: head(d, e, "between", ""); return;
    case SQL_E_IN: head(d, e, "in", ""); return;
    case SQL_E_ROW: line(d, "row"); return;
    case SQL_E_PAREN: line(d, "paren"); return;
    case SQL_E_CALL: dump_call(d, e); return;
    case SQL_E_CASE: head(d, e, "case", ""); return;
    case SQL_E_SUBQUERY: line(d, "subquery"); return;
    case SQL_E_EXISTS: line(d, "exists"); return;
    case SQL_E_QUANT:
        put_indent(d, "quantified ");
        buf_printf(d->out, "%s %s\n", op_text[e->op], word);
        return;
    case SQL_E_INTERVAL: line(d, "interval %s", word); return;
    case SQL_E_ASSIGN: line(d, "assign"); return;
    case SQL_E_DEFAULT: line(d, "default"); return;
    case SQL_E_VALUES: line(d, "values"); return;
    case SQL_E_MATCH: span_line(d, "match", e->span); return;
    case SQL_E_NEXTVAL:
        put_indent(d, "sequence ");
        buf_printf(d->out, "%s ", word);
        put_name(d, e->name);
        end_line(d);
        return;
    }
}

static void dump_expr(struct dump *d, const struct sql_expr *e)
{
    dump_head(d, e);
    if (e->kind == SQL_E_CALL) return;
    d->depth++;
    dump_list(d, e->args, e->nargs);
    if (e->kind == SQL_E_SUBQUERY || e->kind == SQL_E_EXISTS || e->kind == SQL_E_QUANT ||
        (e->kind == SQL_E_IN && e->query))
        dump_query(d, e->query);
    d->depth--;
}

/* ---- tables ---- */

static void dump_table(struct dump *d, const char *word, const struct sql_table *t)
{
    static const char *const roles[] = {"read", "write", "ddl", "ddl-new", "references", "other"};
    if (!t) return;
    put_indent(d, word);
    buf_put_u8(d->out, ' ');
    put_name(d, &t->name);
    if (t->has_alias) buf_printf(d->out, " as " STR_FMT, STR_ARG(t->alias));
    buf_printf(d->out, " [%u %s%s%s]", t->id, roles[t->role], t->cte ? " cte" : "",
               t->delete_name ? " delete-name" : "");
    end_line(d);
}

static void dump_ref(struct dump *d, const struct sql_ref *r)
{
    static const char *const joins[] = {"inner", "left", "right"};
    switch (r->kind) {
    case SQL_J_TABLE: dump_table(d, "table", r->table); return;
    case SQL_J_DERIVED:
        put_indent(d, r->lateral ? "lateral " : "derived ");
        buf_put_str(d->out, r->alias);
        if (r->ncols) put_names(d, r->cols, r->ncols);
        end_line(d);
        d->depth++;
        dump_query(d, r->query);
        d->depth--;
        return;
    case SQL_J_FUNCTION:
        line(d, "table function " STR_FMT, STR_ARG(r->alias));
        d->depth++;
        dump_expr(d, r->arg);
        d->depth--;
        return;
    case SQL_J_JOIN:
        put_indent(d, "join ");
        buf_printf(d->out, "%s%s", joins[r->join], r->natural ? " natural" : "");
        if (r->nusing) {
            buf_putz(d->out, " using");
            put_names(d, r->using_cols, r->nusing);
        }
        end_line(d);
        d->depth++;
        dump_ref(d, r->left);
        dump_ref(d, r->right);
        part(d, "on", r->on);
        d->depth--;
        return;
    }
}

/* ---- queries ---- */

static void dump_items(struct dump *d, const struct sql_item *it, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (it[i].has_alias)
            line(d, "item as " STR_FMT, STR_ARG(it[i].alias));
        else
            line(d, "item");
        d->depth++;
        dump_expr(d, it[i].expr);
        d->depth--;
    }
}

static void dump_ctes(struct dump *d, const struct sql_cte *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        put_indent(d, c[i].recursive ? "with recursive " : "with ");
        buf_put_str(d->out, c[i].name);
        if (c[i].ncols) put_names(d, c[i].cols, c[i].ncols);
        end_line(d);
        d->depth++;
        dump_query(d, c[i].query);
        d->depth--;
    }
}

static void dump_query(struct dump *d, const struct sql_query *q)
{
    static const char *const kinds[] = {"select", "setop", "values", "table"};
    static const char *const ops[] = {"union",         "union all", "intersect",
                                      "intersect all", "except",    "except all"};
    static const char *const flags[] = {"distinct",  "calc-found-rows", "straight-join", "for-update",
                                        "for-share", "rollup",          "into-vars",     "into-file",
                                        "procedure", "no-cache"};
    put_indent(d, kinds[q->kind]);
    if (q->kind == SQL_Q_SETOP) buf_printf(d->out, " %s", ops[q->setop]);
    put_flags(d, q->flags, flags, COUNT_OF(flags));
    if (q->parent) buf_printf(d->out, " [%u in %u]", q->id, q->parent->id);
    end_line(d);
    d->depth++;
    dump_ctes(d, q->ctes, q->nctes);
    if (q->left) dump_query(d, q->left);
    if (q->right) dump_query(d, q->right);
    dump_items(d, q->items, q->nitems);
    if (q->from) {
        line(d, "from");
        d->depth++;
        dump_ref(d, q->from);
        d->depth--;
    }
    part(d, "where", q->where);
    dump_order(d, "group", q->group);
    part(d, "having", q->having);
    for (uint32_t i = 0; i < q->nwindows; i++) dump_window(d, "window", q->windows[i]);
    dump_list(d, q->rows, q->nrows);
    dump_table(d, "table", q->table);
    dump_order(d, "order", q->order);
    dump_limit(d, q->limit);
    span_line(d, "into", q->into_span);
    span_line(d, "lock", q->lock_span);
    d->depth--;
}

/* ---- statements ---- */

static void put_dml_flags(struct dump *d, uint32_t bits)
{
    static const char *const flags[] = {"ignore", "low-priority", "delayed",   "high-priority",
                                        "quick",  "set-form",     "returning", "multi"};
    put_flags(d, bits, flags, COUNT_OF(flags));
    end_line(d);
}

static void dump_assigns(struct dump *d, const char *word, const struct sql_assign *a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        line(d, "%s", word);
        d->depth++;
        dump_expr(d, a[i].column);
        dump_expr(d, a[i].value);
        d->depth--;
    }
}

static void dump_insert(struct dump *d, const struct sql_stmt *st)
{
    const struct sql_insert *in = st->insert;
    put_indent(d, st->kind == SQL_INSERT ? "insert" : "replace");
    put_dml_flags(d, in->flags);
    d->depth++;
    dump_table(d, "into", in->table);
    if (in->has_columns) {
        line(d, "columns");
        d->depth++;
        dump_list(d, in->columns, in->ncolumns);
        d->depth--;
    }
    for (uint32_t i = 0; i < in->nrows; i++) {
        line(d, "row");
        d->depth++;
        dump_list(d, in->rows[i].values, in->rows[i].n);
        d->depth--;
    }
    if (in->query) dump_query(d, in->query);
    if (in->row_alias.len) {
        put_indent(d, "alias ");
        buf_put_str(d->out, in->row_alias);
        if (in->nrow_alias_cols) put_names(d, in->row_alias_cols, in->nrow_alias_cols);
        end_line(d);
    }
    dump_assigns(d, "on duplicate", in->update, in->nupdate);
    if (in->nreturning) line(d, "returning");
    d->depth++;
    dump_items(d, in->returning, in->nreturning);
    d->depth -= 2;
}

static void dump_update(struct dump *d, const struct sql_update *u)
{
    put_indent(d, "update");
    put_dml_flags(d, u->flags);
    d->depth++;
    dump_ctes(d, u->ctes, u->nctes);
    dump_ref(d, u->from);
    dump_assigns(d, "set", u->set, u->nset);
    part(d, "where", u->where);
    dump_order(d, "order", u->order);
    dump_limit(d, u->limit);
    d->depth--;
}

static void dump_delete(struct dump *d, const struct sql_delete *x)
{
    put_indent(d, "delete");
    put_dml_flags(d, x->flags);
    d->depth++;
    dump_ctes(d, x->ctes, x->nctes);
    for (uint32_t i = 0; i < x->ntargets; i++) dump_table(d, "target", x->targets[i]);
    dump_ref(d, x->from);
    part(d, "where", x->where);
    dump_order(d, "order", x->order);
    dump_limit(d, x->limit);
    if (x->nreturning) line(d, "returning");
    d->depth++;
    dump_items(d, x->returning, x->nreturning);
    d->depth -= 2;
}

static void dump_ddl(struct dump *d, const struct sql_stmt *st, const char *verb)
{
    const struct sql_ddl *x = st->ddl;
    line(d, "%s%s%s%s%s", verb, x->temporary ? " temporary" : "", x->or_replace ? " or-replace" : "",
         x->if_exists ? " if-exists" : "", x->if_not_exists ? " if-not-exists" : "");
    d->depth++;
    if (x->database.len) line(d, "database " STR_FMT, STR_ARG(x->database));
    if (x->index.len) line(d, "index " STR_FMT, STR_ARG(x->index));
    for (uint32_t i = 0; i < x->ntables; i++) dump_table(d, "table", x->tables[i]);
    dump_table(d, "like", x->like_table);
    for (uint32_t i = 0; i < x->ncolumns; i++) {
        const struct sql_column_def *c = &x->columns[i];
        put_indent(d, "column ");
        if (c->action) buf_printf(d->out, "%s ", sql_words[c->action].text);
        if (c->old_name.len) buf_printf(d->out, STR_FMT " -> ", STR_ARG(c->old_name));
        buf_put_str(d->out, c->name);
        if (c->type.end > c->type.first) buf_putz(d->out, ": ");
        put_span(d, c->type);
        buf_printf(d->out, "%s%s%s%s", c->not_null ? " not-null" : "", c->primary ? " primary" : "",
                   c->unique ? " unique" : "", c->auto_increment.end ? " auto-increment" : "");
        end_line(d);
    }
    if (x->nprimary) {
        put_indent(d, "primary key");
        put_names(d, x->primary_key, x->nprimary);
        end_line(d);
    }
    if (x->as) dump_query(d, x->as);
    d->depth--;
}

static void dump_set(struct dump *d, const struct sql_stmt *st)
{
    static const char *const kinds[] = {"variable", "uservar", "names", "charset", "transaction", "other"};
    static const char *const scopes[] = {"", " session", " global", " persist", " @@"};
    line(d, "set");
    d->depth++;
    for (uint32_t i = 0; i < st->set.n; i++) {
        const struct sql_set_item *it = &st->set.items[i];
        put_indent(d, kinds[it->kind]);
        buf_printf(d->out, "%s ", scopes[it->scope]);
        if (it->component.len) buf_printf(d->out, STR_FMT ".", STR_ARG(it->component));
        buf_put_str(d->out, it->name);
        if (it->collation.len) buf_printf(d->out, " collate " STR_FMT, STR_ARG(it->collation));
        if (it->value_default) buf_putz(d->out, " default");
        if (it->kind == SQL_SET_TRANSACTION)
            buf_printf(d->out, "isolation=%u access=%u", it->isolation, it->access);
        end_line(d);
        d->depth++;
        if (it->value) dump_expr(d, it->value);
        d->depth--;
    }
    d->depth--;
}

static void dump_show(struct dump *d, const struct sql_stmt *st)
{
    const struct sql_show_stmt *s = st->show;
    line(d, "%s %s%s%s%s", st->kind == SQL_SHOW ? "show" : "describe", show_text[s->what],
         s->full ? " full" : "", s->extended ? " extended" : "", s->global ? " global" : "");
    d->depth++;
    dump_table(d, "table", s->table);
    if (s->schema.len) line(d, "schema " STR_FMT, STR_ARG(s->schema));
    if (s->topic.len) line(d, "topic " STR_FMT, STR_ARG(s->topic));
    part(d, "like", s->like);
    part(d, "where", s->where);
    dump_limit(d, s->limit);
    d->depth--;
}

static void dump_txn(struct dump *d, const struct sql_stmt *st, const char *verb)
{
    const struct sql_txn *t = st->txn;
    line(d, "%s%s%s%s%s%s%s%s" STR_FMT, verb, t->read_only ? " read-only" : "",
         t->read_write ? " read-write" : "", t->consistent_snapshot ? " snapshot" : "",
         t->chain ? " chain" : "", t->no_chain ? " no-chain" : "", t->release ? " release" : "",
         t->no_release ? " no-release "
         : t->name.len ? " "
                       : "",
         STR_ARG(t->name));
}

static void dump_prepare(struct dump *d, const struct sql_stmt *st, const char *verb)
{
    line(d, "%s " STR_FMT, verb, STR_ARG(st->prepare.name));
    d->depth++;
    part(d, "from", st->prepare.from);
    dump_list(d, st->prepare.args, st->prepare.nargs);
    d->depth--;
}

static void dump_format(struct dump *d, const struct sql_file_format *f)
{
    const struct {
        const char *name;
        uint32_t tok;
    } parts[] = {{"charset", f->charset},
                 {"fields terminated", f->fields_terminated},
                 {f->optionally ? "fields optionally enclosed" : "fields enclosed", f->fields_enclosed},
                 {"fields escaped", f->fields_escaped},
                 {"lines starting", f->lines_starting},
                 {"lines terminated", f->lines_terminated}};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].tok) span_line(d, parts[i].name, (struct sql_span){parts[i].tok, parts[i].tok + 1});
}

static void dump_load(struct dump *d, const struct sql_stmt *st)
{
    line(d, "load%s%s%s", st->load.local ? " local" : "", st->load.replace ? " replace" : "",
         st->load.ignore ? " ignore" : "");
    d->depth++;
    dump_table(d, "into", st->load.table);
    dump_format(d, &st->load.format);
    if (st->load.ignore_tok) span_line(d, "ignore lines", st->load.ignore_span);
    dump_list(d, st->load.columns, st->load.ncolumns);
    dump_assigns(d, "set", st->load.set, st->load.nset);
    d->depth--;
}

/* A statement of which only the kind and the tables matter. */
static void plain(struct dump *d, const struct sql_stmt *st, const char *verb)
{
    if (st->word)
        line(d, "%s %s", verb, sql_words[st->word].text);
    else
        line(d, "%s", verb);
}

static void dump_explain(struct dump *d, const struct sql_stmt *st, const char *verb)
{
    line(d, "%s", verb);
    d->depth++;
    span_line(d, "options", st->explain.options);
    if (st->explain.inner) dump_stmt(d, st->explain.inner);
    d->depth--;
}

static void dump_stmt(struct dump *d, const struct sql_stmt *st)
{
    switch (st->kind) {
    case SQL_SELECT: dump_query(d, st->query); return;
    case SQL_INSERT:
    case SQL_REPLACE: dump_insert(d, st); return;
    case SQL_UPDATE: dump_update(d, st->update); return;
    case SQL_DELETE: dump_delete(d, st->del); return;
    case SQL_LOAD: dump_load(d, st); return;
    case SQL_CREATE_TABLE: dump_ddl(d, st, "create table"); return;
    case SQL_ALTER_TABLE: dump_ddl(d, st, st->ddl->renames ? "alter table renames" : "alter table"); return;
    case SQL_DROP_TABLE: dump_ddl(d, st, "drop table"); return;
    case SQL_TRUNCATE: dump_ddl(d, st, "truncate"); return;
    case SQL_RENAME_TABLE: dump_ddl(d, st, "rename table"); return;
    case SQL_CREATE_INDEX: dump_ddl(d, st, "create index"); return;
    case SQL_DROP_INDEX: dump_ddl(d, st, "drop index"); return;
    case SQL_CREATE_DATABASE: dump_ddl(d, st, "create database"); return;
    case SQL_DROP_DATABASE: dump_ddl(d, st, "drop database"); return;
    case SQL_TABLE_ADMIN: plain(d, st, "table admin"); return;
    case SQL_CREATE_OTHER: plain(d, st, "create other"); return;
    case SQL_SET: dump_set(d, st); return;
    case SQL_USE: line(d, "use " STR_FMT, STR_ARG(st->use.schema)); return;
    case SQL_SHOW:
    case SQL_DESCRIBE: dump_show(d, st); return;
    case SQL_EXPLAIN: dump_explain(d, st, "explain"); return;
    case SQL_WEIR: dump_explain(d, st, "weir"); return;
    case SQL_BEGIN: dump_txn(d, st, "begin"); return;
    case SQL_COMMIT: dump_txn(d, st, "commit"); return;
    case SQL_ROLLBACK: dump_txn(d, st, "rollback"); return;
    case SQL_SAVEPOINT: dump_txn(d, st, "savepoint"); return;
    case SQL_ROLLBACK_TO: dump_txn(d, st, "rollback to"); return;
    case SQL_RELEASE_SAVEPOINT: dump_txn(d, st, "release savepoint"); return;
    case SQL_LOCK_TABLES: line(d, "lock tables"); return;
    case SQL_KILL:
        line(d, "kill%s%s%s", st->kill.query ? " query" : "", st->kill.connection ? " connection" : "",
             st->kill.query_id ? " id" : "");
        d->depth++;
        dump_expr(d, st->kill.id);
        d->depth--;
        return;
    case SQL_CALL:
        put_indent(d, "call ");
        put_name(d, &st->call.name);
        end_line(d);
        d->depth++;
        dump_list(d, st->call.args, st->call.nargs);
        d->depth--;
        return;
    case SQL_DO:
        line(d, "do");
        d->depth++;
        dump_list(d, st->exprs.exprs, st->exprs.n);
        d->depth--;
        return;
    case SQL_PREPARE: dump_prepare(d, st, "prepare"); return;
    case SQL_EXECUTE: dump_prepare(d, st, "execute"); return;
    case SQL_DEALLOCATE: dump_prepare(d, st, "deallocate"); return;
    case SQL_XA: plain(d, st, "xa"); return;
    case SQL_UNLOCK_TABLES: line(d, "unlock tables"); return;
    case SQL_FLUSH: line(d, "flush"); return;
    case SQL_HANDLER: line(d, "handler"); return;
    case SQL_GRANT: line(d, "grant"); return;
    case SQL_EMPTY: line(d, "empty"); return;
    case SQL_OTHER: plain(d, st, "other"); return;
    }
}

void sql_dump(const struct sql_scan *s, const struct sql_stmt *st, struct buf *out)
{
    struct dump d = {s, out, 0};
    dump_stmt(&d, st);
    /* Statements whose tree shows no tables: the list is all there is. */
    bool listed = st->kind == SQL_TABLE_ADMIN || st->kind == SQL_LOCK_TABLES || st->kind == SQL_FLUSH ||
                  st->kind == SQL_HANDLER;
    for (uint32_t i = 0; i < st->ntables; i++) {
        const struct sql_table *t = st->tables[i];
        if (!listed && t->role != SQL_R_REFERENCES) continue;
        d.depth = 1;
        dump_table(&d, t->lock ? (t->lock == SQL_W_READ ? "read-lock" : "write-lock") : "names", t);
    }
}
