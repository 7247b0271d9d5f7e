/*
 * parse_ddl.c - CREATE, ALTER, DROP, TRUNCATE, RENAME.
 *
 * Tables, indexes and databases are read as far as their names, columns and keys matter: what a column
 * definition or a table option says beyond that is kept as tokens (balanced, up to the next comma) and left
 * to the server. Everything else that CREATE, ALTER and DROP can name (views, routines, users...) is
 * SQL_CREATE_OTHER with the object's keyword.
 */
#include "parser/parse.h"

static struct sql_ddl *new_ddl(struct parser *p, struct sql_stmt *st, enum sql_stmt_kind kind)
{
    struct sql_ddl *d = PS_NEW(p, struct sql_ddl);
    st->kind = kind;
    st->ddl = d;
    return d;
}

static bool if_exists(struct parser *p)
{
    return try_words(p, SQL_W_IF, SQL_W_EXISTS);
}

static bool if_not_exists(struct parser *p)
{
    if (!at_word(p, SQL_W_IF) || !ahead_word(p, 1, SQL_W_NOT)) return false;
    ps_next(p);
    ps_next(p);
    want_word(p, SQL_W_EXISTS);
    return true;
}

static void other(struct parser *p, struct sql_stmt *st, uint16_t word)
{
    st->kind = SQL_CREATE_OTHER;
    st->word = word;
    ps_skip_all(p);
}

static void lock_wait(struct parser *p)
{
    if (!p->mariadb || try_word(p, SQL_W_NOWAIT)) return;
    if (at_word(p, SQL_W_WAIT) && ps_peek(p, 1)->kind == SQL_T_INT) {
        ps_next(p);
        ps_next(p);
    }
}

static void take_tables(struct parser *p, struct sql_ddl *d, uint32_t mark)
{
    d->tables = ps_take(p, mark, &d->ntables);
}

/* ---- columns and keys ---- */

struct defs {
    VEC(struct sql_column_def) columns;
    struct sql_ddl *d;
};

static struct sql_column_def *new_column(struct parser *p, struct defs *defs, uint16_t action)
{
    struct sql_column_def *c = vec_push(&defs->columns, p->a);
    if (!c) ps_nomem(p);
    c->span.first = p->at;
    c->action = action;
    return c;
}

/* REFERENCES t (cols) [MATCH ...] [ON DELETE ...], at REFERENCES. */
static void references(struct parser *p)
{
    ps_next(p);
    ps_table(p, SQL_R_REFERENCES);
    if (at_op(p, SQL_OP_LPAREN)) ps_skip_parens(p);
}

/* Attributes behind a column's type, up to the comma or parenthesis that ends it. */
static void attributes(struct parser *p, struct sql_column_def *c)
{
    for (;;) {
        if (at_end(p) || at_op(p, SQL_OP_COMMA) || at_op(p, SQL_OP_RPAREN)) return;
        if (p->t->kind == SQL_T_BAD) ps_syntax(p);
        uint32_t here = p->at;
        switch (cur_word(p)) {
        case SQL_W_NOT:
            ps_next(p);
            if (try_word(p, SQL_W_NULL)) c->not_null = true;
            continue;
        case SQL_W_AUTO_INCREMENT:
            ps_next(p);
            c->auto_increment = span_from(p, here);
            continue;
        case SQL_W_PRIMARY:
            ps_next(p);
            try_word(p, SQL_W_KEY);
            c->primary = true;
            continue;
        case SQL_W_KEY: /* alone: PRIMARY KEY */
            ps_next(p);
            c->primary = true;
            continue;
        case SQL_W_UNIQUE:
            ps_next(p);
            try_word(p, SQL_W_KEY);
            c->unique = true;
            continue;
        case SQL_W_REFERENCES: references(p); continue;
        case SQL_W_DEFAULT: /* the value: one operand */
            ps_next(p);
            ps_expr(p, BP_UNARY);
            continue;
        case SQL_W_COMMENT:
            ps_next(p);
            if (p->t->kind != SQL_T_STRING) ps_syntax(p);
            ps_next(p);
            continue;
        default: break;
        }
        if (at_op(p, SQL_OP_LPAREN)) {
            ps_skip_parens(p);
            continue;
        }
        if (p->t->kind == SQL_T_PARAM) ps_syntax(p);
        ps_next(p);
    }
}

static void column_def(struct parser *p, struct defs *defs, struct sql_column_def *c)
{
    bool serial = at_word(p, SQL_W_SERIAL);
    c->type = ps_type(p);
    if (serial) { /* BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE */
        c->not_null = c->unique = true;
        c->auto_increment = c->type;
    }
    attributes(p, c);
    c->span.end = p->at;
    if (c->primary && defs->d->nprimary == 0) {
        defs->d->primary_key = PS_NEW(p, struct str);
        *defs->d->primary_key = c->name;
        defs->d->nprimary = 1;
    }
}

/* (a, b(10) DESC, (expr)): the plain names; NULL when a part is an expression. */
static struct str *key_parts(struct parser *p, uint32_t *n)
{
    uint32_t mark = ps_mark(p);
    bool plain = true;
    want_op(p, SQL_OP_LPAREN);
    do {
        if (at_op(p, SQL_OP_LPAREN)) {
            ps_skip_parens(p);
            plain = false;
        } else {
            struct str s = ps_ident(p);
            ps_push_value(p, &s, sizeof s);
            if (at_op(p, SQL_OP_LPAREN)) ps_skip_parens(p);
        }
        ps_skip_to_comma(p); /* ASC, DESC, WITHOUT OVERLAPS */
    } while (try_op(p, SQL_OP_COMMA));
    want_op(p, SQL_OP_RPAREN);
    struct str *out = ps_take_values(p, mark, sizeof *out, n);
    if (!plain) *n = 0;
    return plain ? out : NULL;
}

/* Index, key, constraint, period: a definition that is no column. False: it is one. */
static bool key_def(struct parser *p, struct defs *defs)
{
    uint16_t w = cur_word(p);
    switch (w) {
    case SQL_W_CONSTRAINT:
    case SQL_W_PRIMARY:
    case SQL_W_FOREIGN:
    case SQL_W_UNIQUE:
    case SQL_W_INDEX:
    case SQL_W_KEY:
    case SQL_W_FULLTEXT:
    case SQL_W_SPATIAL:
    case SQL_W_CHECK: break;
    case SQL_W_PERIOD:
        if (!ahead_word(p, 1, SQL_W_FOR)) return false;
        break;
    default: return false;
    }
    if (try_word(p, SQL_W_CONSTRAINT)) {
        if (!at_word(p, SQL_W_PRIMARY) && !at_word(p, SQL_W_UNIQUE) && !at_word(p, SQL_W_FOREIGN) &&
            !at_word(p, SQL_W_CHECK)) {
            if_not_exists(p);
            ps_ident(p);
        }
    }
    w = cur_word(p);
    if (w == SQL_W_PRIMARY) {
        ps_next(p);
        want_word(p, SQL_W_KEY);
        while (!at_op(p, SQL_OP_LPAREN)) { /* name, USING BTREE */
            if (p->t->kind != SQL_T_WORD && p->t->kind != SQL_T_QUOTED) ps_syntax(p);
            ps_next(p);
        }
        defs->d->primary_key = key_parts(p, &defs->d->nprimary);
    }
    while (!at_end(p) && !at_op(p, SQL_OP_COMMA) && !at_op(p, SQL_OP_RPAREN)) {
        if (p->t->kind == SQL_T_BAD || p->t->kind == SQL_T_PARAM) ps_syntax(p);
        if (at_word(p, SQL_W_REFERENCES))
            references(p);
        else if (at_op(p, SQL_OP_LPAREN))
            ps_skip_parens(p);
        else
            ps_next(p);
    }
    return true;
}

static void definitions(struct parser *p, struct defs *defs)
{
    want_op(p, SQL_OP_LPAREN);
    do {
        if (key_def(p, defs)) continue;
        struct sql_column_def *c = new_column(p, defs, SQL_W_NONE);
        c->name = ps_ident(p);
        if (try_op(p, SQL_OP_DOT)) c->name = ps_ident_any(p);
        column_def(p, defs, c);
    } while (try_op(p, SQL_OP_COMMA));
    want_op(p, SQL_OP_RPAREN);
}

/* ---- CREATE TABLE ---- */

static bool at_create_query(const struct parser *p)
{
    switch (cur_word(p)) {
    case SQL_W_AS:
    case SQL_W_SELECT:
    case SQL_W_VALUES:
    case SQL_W_TABLE: return true;
    case SQL_W_WITH: return !ahead_word(p, 1, SQL_W_SYSTEM);
    case SQL_W_IGNORE:
    case SQL_W_REPLACE: return true;
    default: break;
    }
    return at_op(p, SQL_OP_LPAREN) &&
           (ahead_word(p, 1, SQL_W_SELECT) || ahead_word(p, 1, SQL_W_WITH) ||
            ahead_word(p, 1, SQL_W_VALUES) || ahead_word(p, 1, SQL_W_TABLE) || ahead_op(p, 1, SQL_OP_LPAREN));
}

/* ENGINE=InnoDB ... PARTITION BY ...: to the query, if there is one. UNION=(t1, t2) names tables. */
static void table_options(struct parser *p)
{
    bool partition = false;
    while (!at_end(p) && !at_create_query(p)) {
        if (p->t->kind == SQL_T_BAD || p->t->kind == SQL_T_PARAM || at_op(p, SQL_OP_RPAREN)) ps_syntax(p);
        if (at_word(p, SQL_W_PARTITION)) partition = true;
        if (!partition && at_word(p, SQL_W_UNION)) {
            ps_next(p);
            try_op(p, SQL_OP_EQ);
            want_op(p, SQL_OP_LPAREN);
            if (!at_op(p, SQL_OP_RPAREN)) {
                do ps_table(p, SQL_R_REFERENCES);
                while (try_op(p, SQL_OP_COMMA));
            }
            want_op(p, SQL_OP_RPAREN);
        } else if (at_op(p, SQL_OP_LPAREN)) {
            ps_skip_parens(p);
        } else if (at_op(p, SQL_OP_COMMA) || at_op(p, SQL_OP_EQ) || p->t->kind != SQL_T_OP || partition) {
            ps_next(p);
        } else {
            ps_syntax(p);
        }
    }
}

static void create_table(struct parser *p, struct sql_stmt *st, bool replace, bool temporary)
{
    struct sql_ddl *d = new_ddl(p, st, SQL_CREATE_TABLE);
    struct defs defs = {.d = d};
    uint32_t mark = ps_mark(p);
    ps_next(p);
    d->or_replace = replace;
    d->temporary = temporary;
    d->if_not_exists = if_not_exists(p);
    ps_push(p, ps_table(p, SQL_R_DDL));
    take_tables(p, d, mark);
    bool like_parens = at_op(p, SQL_OP_LPAREN) && ahead_word(p, 1, SQL_W_LIKE);
    if (like_parens) ps_next(p);
    if (try_word(p, SQL_W_LIKE)) {
        d->like = true;
        d->like_table = ps_table(p, SQL_R_REFERENCES);
        if (like_parens) want_op(p, SQL_OP_RPAREN);
        return;
    }
    if (at_op(p, SQL_OP_LPAREN) && !at_create_query(p)) definitions(p, &defs);
    d->columns = defs.columns.at;
    d->ncolumns = defs.columns.len;
    table_options(p);
    if (at_end(p)) return;
    if (!try_word(p, SQL_W_IGNORE)) try_word(p, SQL_W_REPLACE);
    try_word(p, SQL_W_AS);
    d->as = ps_query(p);
}

/* ---- CREATE INDEX, CREATE DATABASE ---- */

static void index_rest(struct parser *p, struct sql_ddl *d)
{
    if (at_word(p, SQL_W_USING) || at_word(p, SQL_W_TYPE)) {
        ps_next(p);
        ps_ident(p);
    }
    want_word(p, SQL_W_ON);
    uint32_t mark = ps_mark(p);
    ps_push(p, ps_table(p, SQL_R_DDL));
    take_tables(p, d, mark);
}

static void create_index(struct parser *p, struct sql_stmt *st, bool replace)
{
    struct sql_ddl *d = new_ddl(p, st, SQL_CREATE_INDEX);
    d->or_replace = replace;
    want_word(p, SQL_W_INDEX);
    d->if_not_exists = if_not_exists(p);
    d->index = ps_ident(p);
    index_rest(p, d);
    uint32_t n;
    key_parts(p, &n);
    while (!at_end(p)) { /* options: words, =, literals */
        if (p->t->kind == SQL_T_BAD || p->t->kind == SQL_T_PARAM ||
            (p->t->kind == SQL_T_OP && !at_op(p, SQL_OP_EQ)))
            ps_syntax(p);
        ps_next(p);
    }
}

static void create_database(struct parser *p, struct sql_stmt *st, bool replace)
{
    struct sql_ddl *d = new_ddl(p, st, SQL_CREATE_DATABASE);
    d->or_replace = replace;
    ps_next(p);
    d->if_not_exists = if_not_exists(p);
    d->database = ps_ident(p);
    while (!at_end(p)) {
        if (p->t->kind == SQL_T_BAD || p->t->kind == SQL_T_PARAM ||
            (p->t->kind == SQL_T_OP && !at_op(p, SQL_OP_EQ)))
            ps_syntax(p);
        ps_next(p);
    }
}

/* The word that says what a CREATE OTHER makes, behind DEFINER = user, ALGORITHM = x, SQL SECURITY x,
 * AGGREGATE. */
static uint16_t object_word(const struct parser *p)
{
    for (uint32_t i = 0;; i++) {
        const struct sql_tok *t = ps_peek(p, i);
        if (t->kind == SQL_T_END) return cur_word(p);
        if (t->kind != SQL_T_WORD) continue;
        switch (t->word) {
        case SQL_W_VIEW:
        case SQL_W_TRIGGER:
        case SQL_W_PROCEDURE:
        case SQL_W_FUNCTION:
        case SQL_W_EVENT:
        case SQL_W_PACKAGE: return t->word;
        default: break;
        }
    }
}

void ps_create(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    bool replace = try_words(p, SQL_W_OR, SQL_W_REPLACE);
    bool temporary =
        at_word(p, SQL_W_TEMPORARY) && !ahead_word(p, 1, SQL_W_SEQUENCE) && try_word(p, SQL_W_TEMPORARY);
    if (at_word(p, SQL_W_SPATIAL) &&
        ahead_word(p, 1, SQL_W_REFERENCE)) { /* CREATE SPATIAL REFERENCE SYSTEM */
        other(p, st, SQL_W_SPATIAL);
        return;
    }
    switch (cur_word(p)) {
    case SQL_W_TABLE: create_table(p, st, replace, temporary); return;
    case SQL_W_DATABASE:
    case SQL_W_SCHEMA: create_database(p, st, replace); return;
    case SQL_W_UNIQUE:
    case SQL_W_FULLTEXT:
    case SQL_W_SPATIAL:
        ps_next(p);
        create_index(p, st, replace);
        return;
    case SQL_W_INDEX: create_index(p, st, replace); return;
    case SQL_W_ONLINE:
    case SQL_W_DEFINER:
    case SQL_W_ALGORITHM:
    case SQL_W_SQL:
    case SQL_W_AGGREGATE: other(p, st, object_word(p)); return;
    case SQL_W_NONE: ps_syntax(p);
    default: other(p, st, cur_word(p)); return;
    }
}

/* ---- ALTER TABLE ---- */

static void skip_position(struct parser *p)
{
    ps_skip_to_comma(p); /* FIRST, AFTER c were consumed with the attributes; nothing else can be left */
}

static void alter_add(struct parser *p, struct defs *defs)
{
    bool column = try_word(p, SQL_W_COLUMN);
    if (!column) {
        if (key_def(p, defs)) return;
        if ((at_word(p, SQL_W_PARTITION) || at_word(p, SQL_W_SYSTEM)) &&
            (ahead_word(p, 1, SQL_W_VERSIONING) || at_word(p, SQL_W_PARTITION))) {
            ps_skip_to_comma(p);
            return;
        }
    }
    if_not_exists(p);
    if (try_op(p, SQL_OP_LPAREN)) {
        do {
            if (key_def(p, defs)) continue;
            struct sql_column_def *c = new_column(p, defs, SQL_W_ADD);
            c->name = ps_ident(p);
            column_def(p, defs, c);
        } while (try_op(p, SQL_OP_COMMA));
        want_op(p, SQL_OP_RPAREN);
        return;
    }
    struct sql_column_def *c = new_column(p, defs, SQL_W_ADD);
    c->name = ps_ident(p);
    column_def(p, defs, c);
}

static void alter_change(struct parser *p, struct defs *defs, uint16_t action)
{
    ps_next(p);
    try_word(p, SQL_W_COLUMN);
    if_exists(p);
    struct sql_column_def *c = new_column(p, defs, action);
    if (action == SQL_W_CHANGE) c->old_name = ps_ident(p);
    c->name = ps_ident(p);
    column_def(p, defs, c);
}

static void alter_drop(struct parser *p, struct defs *defs)
{
    ps_next(p);
    switch (cur_word(p)) {
    case SQL_W_INDEX:
    case SQL_W_KEY:
    case SQL_W_PRIMARY:
    case SQL_W_FOREIGN:
    case SQL_W_CONSTRAINT:
    case SQL_W_CHECK: ps_skip_to_comma(p); return;
    case SQL_W_PARTITION: /* p0, p1: partitions are not dropped together with other things */
        do ps_skip_to_comma(p);
        while (try_op(p, SQL_OP_COMMA));
        return;
    case SQL_W_SYSTEM:
        if (ahead_word(p, 1, SQL_W_VERSIONING)) {
            ps_skip_to_comma(p);
            return;
        }
        break;
    case SQL_W_PERIOD:
        if (ahead_word(p, 1, SQL_W_FOR)) {
            ps_skip_to_comma(p);
            return;
        }
        break;
    default: break;
    }
    try_word(p, SQL_W_COLUMN);
    if_exists(p);
    struct sql_column_def *c = new_column(p, defs, SQL_W_DROP);
    c->name = ps_ident(p);
    if (!try_word(p, SQL_W_RESTRICT)) try_word(p, SQL_W_CASCADE);
    c->span.end = p->at;
}

static void alter_rename(struct parser *p, struct defs *defs)
{
    ps_next(p);
    if (at_word(p, SQL_W_COLUMN) || at_word(p, SQL_W_INDEX) || at_word(p, SQL_W_KEY)) {
        bool column = at_word(p, SQL_W_COLUMN);
        ps_next(p);
        if_exists(p);
        uint32_t first = p->at;
        struct str old = ps_ident(p);
        want_word(p, SQL_W_TO);
        struct str now = ps_ident(p);
        if (!column) return;
        struct sql_column_def *c = new_column(p, defs, SQL_W_CHANGE);
        c->old_name = old;
        c->name = now;
        c->span = span_from(p, first);
        c->type = span_here(p);
        return;
    }
    if (!try_word(p, SQL_W_TO) && !try_word(p, SQL_W_AS)) try_op(p, SQL_OP_EQ);
    defs->d->renames = true;
    ps_push(p, ps_table(p, SQL_R_DDL_NEW));
}

/* EXCHANGE PARTITION p WITH TABLE t, CONVERT TABLE t TO PARTITION p, UNION=(t...): a name of a table inside a
 * clause we do not read. */
static void alter_generic(struct parser *p)
{
    bool maintenance = at_word(p, SQL_W_EXCHANGE) || at_word(p, SQL_W_CONVERT);
    bool partitioning =
        at_word(p, SQL_W_PARTITION) || at_word(p, SQL_W_REORGANIZE) || at_word(p, SQL_W_ORDER);
    if (at_end(p) || at_op(p, SQL_OP_COMMA)) ps_syntax(p);
    while (!at_end(p) && (partitioning || !at_op(p, SQL_OP_COMMA))) {
        if (p->t->kind == SQL_T_BAD || p->t->kind == SQL_T_PARAM || at_op(p, SQL_OP_RPAREN)) ps_syntax(p);
        if (maintenance && at_word(p, SQL_W_TABLE)) {
            ps_next(p);
            ps_table(p, SQL_R_REFERENCES);
        } else if (at_word(p, SQL_W_UNION) && (ahead_op(p, 1, SQL_OP_LPAREN) || ahead_op(p, 1, SQL_OP_EQ))) {
            ps_next(p);
            try_op(p, SQL_OP_EQ);
            want_op(p, SQL_OP_LPAREN);
            do ps_table(p, SQL_R_REFERENCES);
            while (try_op(p, SQL_OP_COMMA));
            want_op(p, SQL_OP_RPAREN);
        } else if (at_op(p, SQL_OP_LPAREN)) {
            ps_skip_parens(p);
        } else {
            ps_next(p);
        }
    }
}

static void alter_action(struct parser *p, struct defs *defs)
{
    switch (cur_word(p)) {
    case SQL_W_ADD:
        ps_next(p);
        alter_add(p, defs);
        skip_position(p);
        return;
    case SQL_W_CHANGE: alter_change(p, defs, SQL_W_CHANGE); return;
    case SQL_W_MODIFY: alter_change(p, defs, SQL_W_MODIFY); return;
    case SQL_W_DROP: alter_drop(p, defs); return;
    case SQL_W_RENAME: alter_rename(p, defs); return;
    default: alter_generic(p); return;
    }
}

static void alter_table(struct parser *p, struct sql_stmt *st)
{
    struct sql_ddl *d = new_ddl(p, st, SQL_ALTER_TABLE);
    struct defs defs = {.d = d};
    uint32_t mark = ps_mark(p);
    ps_next(p);
    d->if_exists = if_exists(p);
    ps_push(p, ps_table(p, SQL_R_DDL));
    lock_wait(p);
    if (!at_end(p)) {
        do alter_action(p, &defs);
        while (try_op(p, SQL_OP_COMMA) || (!at_end(p) && !at_op(p, SQL_OP_RPAREN)));
    }
    take_tables(p, d, mark);
    d->columns = defs.columns.at;
    d->ncolumns = defs.columns.len;
}

void ps_alter(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    if (at_word(p, SQL_W_ONLINE) || at_word(p, SQL_W_IGNORE)) {
        ps_next(p);
        try_word(p, SQL_W_IGNORE);
    }
    if (at_word(p, SQL_W_TABLE)) {
        alter_table(p, st);
        return;
    }
    if (p->t->kind != SQL_T_WORD) ps_syntax(p);
    uint16_t w = cur_word(p);
    other(p, st, w == SQL_W_DEFINER || w == SQL_W_ALGORITHM || w == SQL_W_SQL ? object_word(p) : w);
}

/* ---- DROP, TRUNCATE, RENAME ---- */

static void table_list(struct parser *p, struct sql_ddl *d)
{
    uint32_t mark = ps_mark(p);
    do ps_push(p, ps_table(p, SQL_R_DDL));
    while (try_op(p, SQL_OP_COMMA));
    take_tables(p, d, mark);
}

static void drop_index(struct parser *p, struct sql_stmt *st)
{
    struct sql_ddl *d = new_ddl(p, st, SQL_DROP_INDEX);
    ps_next(p);
    d->if_exists = if_exists(p);
    if (at_word(p, SQL_W_PRIMARY)) {
        d->index = sql_tok_str(p->s, p->at);
        ps_next(p);
    } else {
        d->index = ps_ident(p);
    }
    want_word(p, SQL_W_ON);
    uint32_t mark = ps_mark(p);
    ps_push(p, ps_table(p, SQL_R_DDL));
    take_tables(p, d, mark);
    lock_wait(p);
    while (at_word(p, SQL_W_ALGORITHM) || at_word(p, SQL_W_LOCK)) {
        ps_next(p);
        try_op(p, SQL_OP_EQ);
        if (!try_word(p, SQL_W_DEFAULT)) ps_ident(p);
    }
}

void ps_drop(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    bool temporary =
        at_word(p, SQL_W_TEMPORARY) && !ahead_word(p, 1, SQL_W_SEQUENCE) && try_word(p, SQL_W_TEMPORARY);
    switch (cur_word(p)) {
    case SQL_W_TABLE:
    case SQL_W_TABLES: {
        struct sql_ddl *d = new_ddl(p, st, SQL_DROP_TABLE);
        ps_next(p);
        d->temporary = temporary;
        d->if_exists = if_exists(p);
        table_list(p, d);
        lock_wait(p);
        if (!try_word(p, SQL_W_RESTRICT)) try_word(p, SQL_W_CASCADE);
        return;
    }
    case SQL_W_DATABASE:
    case SQL_W_SCHEMA: {
        struct sql_ddl *d = new_ddl(p, st, SQL_DROP_DATABASE);
        ps_next(p);
        d->if_exists = if_exists(p);
        d->database = ps_ident(p);
        return;
    }
    case SQL_W_INDEX: drop_index(p, st); return;
    case SQL_W_PREPARE: /* DROP PREPARE s = DEALLOCATE PREPARE s */
        ps_next(p);
        st->kind = SQL_DEALLOCATE;
        st->prepare.name = ps_ident(p);
        return;
    default:
        if (p->t->kind != SQL_T_WORD) ps_syntax(p);
        other(p, st, cur_word(p));
    }
}

void ps_truncate(struct parser *p, struct sql_stmt *st)
{
    struct sql_ddl *d = new_ddl(p, st, SQL_TRUNCATE);
    ps_next(p);
    try_word(p, SQL_W_TABLE);
    uint32_t mark = ps_mark(p);
    ps_push(p, ps_table(p, SQL_R_WRITE));
    take_tables(p, d, mark);
    lock_wait(p);
}

void ps_rename(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    if (!at_word(p, SQL_W_TABLE) && !at_word(p, SQL_W_TABLES)) {
        if (p->t->kind != SQL_T_WORD) ps_syntax(p);
        other(p, st, cur_word(p)); /* RENAME USER */
        return;
    }
    struct sql_ddl *d = new_ddl(p, st, SQL_RENAME_TABLE);
    ps_next(p);
    d->if_exists = if_exists(p);
    uint32_t mark = ps_mark(p);
    do {
        ps_push(p, ps_table(p, SQL_R_DDL));
        lock_wait(p);
        want_word(p, SQL_W_TO);
        ps_push(p, ps_table(p, SQL_R_DDL_NEW));
    } while (try_op(p, SQL_OP_COMMA));
    take_tables(p, d, mark);
}
