/*
 * parse_admin.c - statements about the session: SET, SHOW, DESCRIBE and EXPLAIN.
 */
#include "parser/parse.h"

/* ---- SET ---- */

static enum sql_scope scope_word(struct parser *p)
{
    uint16_t w = cur_word(p);
    /* A scope only where a name follows: SET global = 1 would set a variable of that name. */
    if (!ps_at_ident(p, 1) && !(ps_peek(p, 1)->kind == SQL_T_WORD && ps_peek(p, 1)->word != SQL_W_NONE))
        return SQL_SCOPE_NONE;
    switch (w) {
    case SQL_W_GLOBAL: ps_next(p); return SQL_SCOPE_GLOBAL;
    case SQL_W_SESSION:
    case SQL_W_LOCAL: ps_next(p); return SQL_SCOPE_SESSION;
    case SQL_W_PERSIST:
    case SQL_W_PERSIST_ONLY: ps_next(p); return SQL_SCOPE_PERSIST;
    default: return SQL_SCOPE_NONE;
    }
}

static enum sql_scope scope_name(struct str s)
{
    if (str_eq_nocase(s, STR("global"))) return SQL_SCOPE_GLOBAL;
    if (str_eq_nocase(s, STR("session")) || str_eq_nocase(s, STR("local"))) return SQL_SCOPE_SESSION;
    if (str_eq_nocase(s, STR("persist")) || str_eq_nocase(s, STR("persist_only"))) return SQL_SCOPE_PERSIST;
    return SQL_SCOPE_AT;
}

/* The value: an expression, DEFAULT, or a word that names a value (ON, ALL, BINARY, a character set...). */
static void set_value(struct parser *p, struct sql_set_item *it)
{
    if (!try_op(p, SQL_OP_EQ)) want_op(p, SQL_OP_ASSIGN);
    if (at_word(p, SQL_W_DEFAULT) && !ahead_op(p, 1, SQL_OP_LPAREN)) {
        ps_next(p);
        it->value_default = true;
        return;
    }
    if (at_word(p, SQL_W_ON) || at_word(p, SQL_W_ALL) || at_word(p, SQL_W_BINARY) || at_word(p, SQL_W_ROW) ||
        at_word(p, SQL_W_SYSTEM)) {
        const struct sql_tok *after = ps_peek(p, 1);
        if (after->kind == SQL_T_END || tok_is_op(after, SQL_OP_COMMA)) { /* the word itself, as a name */
            struct sql_name *n = PS_NEW(p, struct sql_name);
            n->name = sql_tok_str(p->s, p->at);
            n->tok = p->at;
            n->span = (struct sql_span){p->at, p->at + 1};
            it->value = ps_node(p, SQL_E_COLUMN, p->at, 0);
            ps_next(p);
            it->value->span.end = p->at;
            it->value->height = 1;
            it->value->name = n;
            return;
        }
    }
    it->value = ps_full(p);
}

static void charset(struct parser *p, struct sql_set_item *it, bool names)
{
    if (at_word(p, SQL_W_DEFAULT)) {
        ps_next(p);
        it->name = STR("default");
    } else if (at_word(p, SQL_W_BINARY)) {
        it->name = sql_tok_str(p->s, p->at);
        ps_next(p);
    } else {
        it->name = ps_ident_or_text(p);
    }
    if (!names || !try_word(p, SQL_W_COLLATE)) return;
    if (at_word(p, SQL_W_BINARY) || at_word(p, SQL_W_DEFAULT)) {
        it->collation = sql_tok_str(p->s, p->at);
        ps_next(p);
    } else {
        it->collation = ps_ident_or_text(p);
    }
}

static void transaction(struct parser *p, struct sql_set_item *it)
{
    it->kind = SQL_SET_TRANSACTION;
    ps_next(p);
    do {
        if (try_word(p, SQL_W_ISOLATION)) {
            if (it->isolation) ps_syntax(p);
            want_word(p, SQL_W_LEVEL);
            if (try_word(p, SQL_W_READ)) {
                it->isolation =
                    at_word(p, SQL_W_COMMITTED) ? SQL_ISO_READ_COMMITTED : SQL_ISO_READ_UNCOMMITTED;
                if (!try_word(p, SQL_W_COMMITTED)) want_word(p, SQL_W_UNCOMMITTED);
            } else if (try_word(p, SQL_W_REPEATABLE)) {
                want_word(p, SQL_W_READ);
                it->isolation = SQL_ISO_REPEATABLE_READ;
            } else {
                want_word(p, SQL_W_SERIALIZABLE);
                it->isolation = SQL_ISO_SERIALIZABLE;
            }
        } else {
            want_word(p, SQL_W_READ);
            if (it->access) ps_syntax(p);
            it->access = at_word(p, SQL_W_ONLY) ? 1 : 2;
            if (!try_word(p, SQL_W_ONLY)) want_word(p, SQL_W_WRITE);
        }
    } while (try_op(p, SQL_OP_COMMA));
}

static void set_item(struct parser *p, struct sql_set_item *it)
{
    uint32_t first = p->at;
    if (p->t->kind == SQL_T_USERVAR) {
        it->kind = SQL_SET_USERVAR;
        it->name = ps_tok_text(p, p->at);
        ps_next(p);
        if (!try_op(p, SQL_OP_EQ)) want_op(p, SQL_OP_ASSIGN);
        it->value = ps_full(p);
    } else if (p->t->kind == SQL_T_SYSVAR) {
        struct sql_expr *v = ps_sysvar(p);
        it->kind = SQL_SET_VARIABLE;
        it->scope = v->name->table.len ? scope_name(v->name->table) : SQL_SCOPE_AT;
        it->name = v->name->name;
        it->component = v->name->schema;
        p->nexprs--; /* a target, not an expression; its id was the last */
        set_value(p, it);
    } else if (at_word(p, SQL_W_NAMES) && !ahead_op(p, 1, SQL_OP_EQ) && !ahead_op(p, 1, SQL_OP_ASSIGN)) {
        ps_next(p);
        it->kind = SQL_SET_NAMES;
        charset(p, it, true);
    } else if ((at_word(p, SQL_W_CHARACTER) && ahead_word(p, 1, SQL_W_SET)) ||
               (at_word(p, SQL_W_CHARSET) && !ahead_op(p, 1, SQL_OP_EQ)) ||
               (at_word(p, SQL_W_CHAR) && ahead_word(p, 1, SQL_W_SET))) {
        if (!at_word(p, SQL_W_CHARSET)) ps_next(p);
        ps_next(p);
        it->kind = SQL_SET_CHARSET;
        charset(p, it, false);
    } else {
        it->scope = scope_word(p);
        if (at_word(p, SQL_W_TRANSACTION) && !ahead_op(p, 1, SQL_OP_EQ)) {
            transaction(p, it);
        } else {
            it->kind = SQL_SET_VARIABLE;
            it->name = ps_ident(p);
            if (try_op(p, SQL_OP_DOT)) {
                it->component = it->name;
                it->name = ps_ident_any(p);
            }
            set_value(p, it);
        }
    }
    it->span = span_from(p, first);
}

static bool set_other(const struct parser *p)
{
    switch (cur_word(p)) {
    case SQL_W_PASSWORD: return !ahead_op(p, 1, SQL_OP_DOT);
    case SQL_W_ROLE: return !ahead_op(p, 1, SQL_OP_EQ);
    case SQL_W_DEFAULT: return true;
    case SQL_W_STATEMENT: return !ahead_op(p, 1, SQL_OP_EQ);
    case SQL_W_RESOURCE: return ahead_word(p, 1, SQL_W_GROUP);
    default: return false;
    }
}

void ps_set(struct parser *p, struct sql_stmt *st)
{
    VEC(struct sql_set_item) list = {0};
    st->kind = SQL_SET;
    ps_next(p);
    do {
        struct sql_set_item *it = vec_push(&list, p->a);
        if (!it) ps_nomem(p);
        if (set_other(p)) {
            if (at_word(p, SQL_W_STATEMENT)) ps_refuse(p, "SET STATEMENT ... FOR");
            it->kind = SQL_SET_OTHER;
            it->name = sql_tok_str(p->s, p->at);
            it->span.first = p->at;
            ps_skip_all(p);
            it->span.end = p->at;
            break;
        }
        set_item(p, it);
    } while (try_op(p, SQL_OP_COMMA));
    st->set.items = list.at;
    st->set.n = list.len;
}

/* ---- SHOW ---- */

static void show_schema(struct parser *p, struct sql_show_stmt *s)
{
    uint32_t first = p->at;
    if (!try_word(p, SQL_W_FROM) && !try_word(p, SQL_W_IN)) return;
    s->schema = ps_ident(p);
    s->schema_span = span_from(p, first);
}

static void show_filter(struct parser *p, struct sql_show_stmt *s)
{
    if (try_word(p, SQL_W_LIKE)) {
        if (p->t->kind != SQL_T_STRING && p->t->kind != SQL_T_CHARSET && p->t->kind != SQL_T_PARAM)
            ps_syntax(p);
        s->like = ps_expr(p, BP_PRIMARY);
    } else if (try_word(p, SQL_W_WHERE)) {
        s->where = ps_full(p);
    }
}

static void show_table(struct parser *p, struct sql_show_stmt *s)
{
    if (!try_word(p, SQL_W_FROM)) want_word(p, SQL_W_IN);
    s->table = ps_table(p, SQL_R_OTHER);
    show_schema(p, s);
}

static void show_create(struct parser *p, struct sql_show_stmt *s)
{
    ps_next(p);
    if (try_word(p, SQL_W_TABLE)) {
        s->what = SQL_SHOW_CREATE_TABLE;
        s->table = ps_table(p, SQL_R_OTHER);
    } else if (try_word(p, SQL_W_VIEW)) {
        s->what = SQL_SHOW_CREATE_VIEW;
        s->table = ps_table(p, SQL_R_OTHER);
    } else if (try_word(p, SQL_W_DATABASE) || try_word(p, SQL_W_SCHEMA)) {
        s->what = SQL_SHOW_CREATE_DATABASE;
        if (at_word(p, SQL_W_IF)) {
            ps_next(p);
            want_word(p, SQL_W_NOT);
            want_word(p, SQL_W_EXISTS);
        }
        uint32_t first = p->at;
        s->schema = ps_ident(p);
        s->schema_span = span_from(p, first);
    } else {
        ps_skip_all(p);
    }
}

/* SHOW COUNT(*) WARNINGS */
static bool show_count(struct parser *p, struct sql_show_stmt *s)
{
    if (!at_word(p, SQL_W_COUNT_) || !ahead_op(p, 1, SQL_OP_LPAREN)) return false;
    ps_next(p);
    ps_next(p);
    want_op(p, SQL_OP_STAR);
    want_op(p, SQL_OP_RPAREN);
    s->what = at_word(p, SQL_W_WARNINGS) ? SQL_SHOW_COUNT_WARNINGS : SQL_SHOW_COUNT_ERRORS;
    if (!try_word(p, SQL_W_WARNINGS)) want_word(p, SQL_W_ERRORS);
    return true;
}

/* What one or two words name; what follows is read by the shape. */
enum shape { SHAPE_NONE, SHAPE_FILTER, SHAPE_SCHEMA, SHAPE_TABLE, SHAPE_LIMIT, SHAPE_REST };
static const struct {
    uint16_t word, second;
    uint8_t what, shape;
} shows[] = {
    {SQL_W_TABLES, 0, SQL_SHOW_TABLES, SHAPE_SCHEMA},
    {SQL_W_TABLE, SQL_W_STATUS, SQL_SHOW_TABLE_STATUS, SHAPE_SCHEMA},
    {SQL_W_OPEN, SQL_W_TABLES, SQL_SHOW_OPEN_TABLES, SHAPE_SCHEMA},
    {SQL_W_COLUMNS, 0, SQL_SHOW_COLUMNS, SHAPE_TABLE},
    {SQL_W_FIELDS, 0, SQL_SHOW_COLUMNS, SHAPE_TABLE},
    {SQL_W_INDEX, 0, SQL_SHOW_INDEX, SHAPE_TABLE},
    {SQL_W_INDEXES, 0, SQL_SHOW_INDEX, SHAPE_TABLE},
    {SQL_W_KEYS, 0, SQL_SHOW_INDEX, SHAPE_TABLE},
    {SQL_W_DATABASES, 0, SQL_SHOW_DATABASES, SHAPE_FILTER},
    {SQL_W_SCHEMAS, 0, SQL_SHOW_DATABASES, SHAPE_FILTER},
    {SQL_W_VARIABLES, 0, SQL_SHOW_VARIABLES, SHAPE_FILTER},
    {SQL_W_STATUS, 0, SQL_SHOW_STATUS, SHAPE_FILTER},
    {SQL_W_WARNINGS, 0, SQL_SHOW_WARNINGS, SHAPE_LIMIT},
    {SQL_W_ERRORS, 0, SQL_SHOW_ERRORS, SHAPE_LIMIT},
    {SQL_W_PROCESSLIST, 0, SQL_SHOW_PROCESSLIST, SHAPE_NONE},
    {SQL_W_ENGINES, 0, SQL_SHOW_ENGINES, SHAPE_NONE},
    {SQL_W_STORAGE, SQL_W_ENGINES, SQL_SHOW_ENGINES, SHAPE_NONE},
    {SQL_W_COLLATION, 0, SQL_SHOW_COLLATION, SHAPE_FILTER},
    {SQL_W_CHARSET, 0, SQL_SHOW_CHARSET, SHAPE_FILTER},
    {SQL_W_CHARACTER, SQL_W_SET, SQL_SHOW_CHARSET, SHAPE_FILTER},
    {SQL_W_GRANTS, 0, SQL_SHOW_GRANTS, SHAPE_REST},
    {SQL_W_PRIVILEGES, 0, SQL_SHOW_PRIVILEGES, SHAPE_NONE},
    {SQL_W_PLUGINS, 0, SQL_SHOW_PLUGINS, SHAPE_REST},
    {SQL_W_TRIGGERS, 0, SQL_SHOW_TRIGGERS, SHAPE_SCHEMA},
    {SQL_W_EVENTS, 0, SQL_SHOW_EVENTS, SHAPE_SCHEMA},
    {SQL_W_FUNCTION, SQL_W_STATUS, SQL_SHOW_FUNCTION_STATUS, SHAPE_FILTER},
    {SQL_W_PROCEDURE, SQL_W_STATUS, SQL_SHOW_PROCEDURE_STATUS, SHAPE_FILTER},
};

static void show_weir(struct parser *p, struct sql_show_stmt *s)
{
    ps_next(p);
    s->what = SQL_SHOW_WEIR;
    s->topic = ps_ident_any(p);
    show_filter(p, s);
    s->limit = ps_limit(p);
}

static void show_by_table(struct parser *p, struct sql_show_stmt *s)
{
    for (size_t i = 0; i < COUNT_OF(shows); i++) {
        if (!at_word(p, shows[i].word) || (shows[i].second && !ahead_word(p, 1, shows[i].second))) continue;
        s->what = (enum sql_show)shows[i].what;
        ps_next(p);
        if (shows[i].second) ps_next(p);
        switch ((enum shape)shows[i].shape) {
        case SHAPE_NONE: return;
        case SHAPE_FILTER: show_filter(p, s); return;
        case SHAPE_SCHEMA:
            show_schema(p, s);
            show_filter(p, s);
            return;
        case SHAPE_TABLE:
            show_table(p, s);
            show_filter(p, s);
            return;
        case SHAPE_LIMIT: s->limit = ps_limit(p); return;
        case SHAPE_REST: ps_skip_all(p); return;
        }
    }
    if (p->t->kind != SQL_T_WORD) ps_syntax(p);
    ps_skip_all(p); /* SHOW BINARY LOGS, SHOW ENGINE x STATUS, SHOW REPLICA STATUS... */
}

void ps_show(struct parser *p, struct sql_stmt *st)
{
    struct sql_show_stmt *s = PS_NEW(p, struct sql_show_stmt);
    st->kind = SQL_SHOW;
    st->show = s;
    ps_next(p);
    if (at_word(p, SQL_W_CREATE)) {
        show_create(p, s);
        return;
    }
    if (at_word(p, SQL_W_WEIR)) {
        show_weir(p, s);
        return;
    }
    if (show_count(p, s)) return;
    for (;;) {
        if (at_word(p, SQL_W_FULL))
            s->full = true;
        else if (at_word(p, SQL_W_EXTENDED))
            s->extended = true;
        else if (at_word(p, SQL_W_GLOBAL))
            s->global = true;
        else if (!at_word(p, SQL_W_SESSION) && !at_word(p, SQL_W_LOCAL))
            break;
        ps_next(p);
    }
    show_by_table(p, s);
}

/* ---- DESCRIBE, EXPLAIN ---- */

static bool explainable(const struct parser *p)
{
    if (at_op(p, SQL_OP_LPAREN)) return true;
    switch (cur_word(p)) {
    case SQL_W_SELECT:
    case SQL_W_WITH:
    case SQL_W_VALUES:
    case SQL_W_TABLE:
    case SQL_W_INSERT:
    case SQL_W_REPLACE:
    case SQL_W_UPDATE:
    case SQL_W_DELETE: return true;
    default: return false;
    }
}

static void inner(struct parser *p, struct sql_stmt *st, uint32_t options)
{
    st->explain.options = span_from(p, options);
    struct sql_stmt *in = PS_NEW(p, struct sql_stmt);
    ps_statement(p, in);
    st->explain.inner = in;
}

/* EXPLAIN ROUTE statement: Weir's own. */
static void route(struct parser *p, struct sql_stmt *st)
{
    uint32_t first = p->at;
    st->kind = SQL_WEIR;
    st->word = SQL_W_ROUTE;
    ps_next(p);
    if (at_word(p, SQL_W_FORMAT) && ahead_op(p, 1, SQL_OP_EQ)) {
        ps_next(p);
        ps_next(p);
        ps_ident_or_text(p);
    }
    if (at_end(p)) ps_syntax(p);
    inner(p, st, first);
}

/* EXTENDED, PARTITIONS, ANALYZE, FORMAT = x, FOR SCHEMA s, INTO @v */
static bool explain_options(struct parser *p)
{
    bool any = false;
    for (;; any = true) {
        if (at_word(p, SQL_W_FORMAT) && ahead_op(p, 1, SQL_OP_EQ)) {
            ps_next(p);
            ps_next(p);
            ps_ident_or_text(p);
            if (try_word(p, SQL_W_INTO)) {
                if (p->t->kind != SQL_T_USERVAR) ps_syntax(p);
                ps_next(p);
            }
        } else if (try_words(p, SQL_W_FOR, SQL_W_SCHEMA) || try_words(p, SQL_W_FOR, SQL_W_DATABASE)) {
            ps_ident(p);
        } else if (at_word(p, SQL_W_ANALYZE)) {
            ps_next(p);
        } else if (p->mariadb && (at_word(p, SQL_W_EXTENDED) || at_word(p, SQL_W_PARTITIONS)) &&
                   (ps_peek(p, 1)->kind == SQL_T_WORD || ahead_op(p, 1, SQL_OP_LPAREN))) {
            ps_next(p);
        } else {
            return any;
        }
    }
}

/* DESCRIBE, DESC, EXPLAIN, and MariaDB's ANALYZE statement. */
void ps_describe(struct parser *p, struct sql_stmt *st)
{
    bool analyze = at_word(p, SQL_W_ANALYZE);
    ps_next(p);
    uint32_t options = p->at;
    if (at_word(p, SQL_W_ROUTE) && !at_end(p) && ps_peek(p, 1)->kind != SQL_T_END &&
        !ahead_op(p, 1, SQL_OP_DOT)) {
        route(p, st);
        return;
    }
    bool any = explain_options(p);
    st->kind = SQL_EXPLAIN;
    if (explainable(p)) {
        inner(p, st, options);
        return;
    }
    if (try_words(p, SQL_W_FOR, SQL_W_CONNECTION)) {
        if (p->t->kind != SQL_T_INT) ps_syntax(p);
        ps_next(p);
        st->explain.options = span_from(p, options);
        return;
    }
    if (any || analyze) ps_syntax(p);
    struct sql_show_stmt *s = PS_NEW(p, struct sql_show_stmt);
    st->kind = SQL_DESCRIBE;
    st->show = s;
    s->what = SQL_SHOW_COLUMNS;
    s->table = ps_table(p, SQL_R_OTHER);
    if (!at_end(p)) s->topic = ps_ident_or_text(p);
}
