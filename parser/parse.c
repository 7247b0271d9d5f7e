/*
 * parse.c - the door of the parser, and what its rooms share: faults, names, lists.
 *
 *   sql_parse -> ps_statement -> (a verb's file) -> ... -> every token consumed -> the end token
 *
 * A statement is complete only when its grammar has consumed all tokens: what is left over is a syntax error,
 * as for the server. So a mistyped keyword (FROM t WHER id = 1) reads as an alias and fails at the next word,
 * and is never dropped.
 */
#include "parser/parse.h"

/* ---- faults ---- */

static uint32_t line_of(const struct sql_scan *s, uint32_t off)
{
    uint32_t line = 1;
    for (uint32_t i = 0; i < off; i++) line += s->text[i] == '\n';
    return line;
}

/*
 * The rest of the statement from the offending token, as the servers show it: 80 bytes; MariaDB ends a longer
 * one with "..." and starts behind a comma that offends.
 */
static struct str near_text(const struct parser *p, uint32_t off, struct str *dots)
{
    enum { NEAR = 80, DOTS = 3 };
    const struct sql_scan *s = p->s;
    struct str rest = {s->text + off, s->len > off ? s->len - off : 0};
    *dots = STR("");
    if (rest.len <= NEAR) return rest;
    rest.len = p->mariadb ? NEAR - DOTS : NEAR;
    if (p->mariadb) *dots = STR("...");
    while (rest.len > NEAR - 8 && (rest.ptr[rest.len] & 0xc0) == 0x80) rest.len--; /* whole characters */
    return rest;
}

void ps_syntax_at(struct parser *p, uint32_t tok)
{
    const struct sql_tok *t = &p->s->toks[tok < p->s->ntoks ? tok : p->s->ntoks];
    uint32_t off = t->off + (p->mariadb && tok_is_op(t, SQL_OP_COMMA) ? 1 : 0);
    struct str dots, rest = near_text(p, off, &dots);
    fault_set(p->f, p->a, 1064, "42000",
              "You have an error in your SQL syntax; check the manual that corresponds to your %s server "
              "version for the "
              "right syntax to use near '" STR_FMT STR_FMT "' at line %u",
              p->mariadb ? "MariaDB" : "MySQL", STR_ARG(rest), STR_ARG(dots), line_of(p->s, t->off));
    p->status = SQL_ERROR;
    longjmp(p->out, 1);
}

void ps_syntax(struct parser *p)
{
    ps_syntax_at(p, p->at);
}

void ps_no_alias(struct parser *p)
{
    if (p->mariadb) ps_syntax(p); /* as a syntax error there */
    fault_set(p->f, p->a, 1248, "42000", "Every derived table must have its own alias");
    p->status = SQL_ERROR;
    longjmp(p->out, 1);
}

void ps_refuse(struct parser *p, const char *what)
{
    fault_set(p->f, p->a, 1235, "42000", "Weir does not support %s", what);
    p->status = SQL_ERROR;
    longjmp(p->out, 1);
}

void ps_nomem(struct parser *p)
{
    fault_set(p->f, p->a, 1041, "HY000", "Out of memory while the statement was parsed");
    p->status = SQL_NOMEM;
    longjmp(p->out, 1);
}

void ps_enter(struct parser *p)
{
    if (UNLIKELY(++p->depth > SQL_MAX_DEPTH)) {
        fault_set(p->f, p->a, 1235, "42000",
                  "Weir does not support expressions or queries nested deeper than %d levels", SQL_MAX_DEPTH);
        p->status = SQL_ERROR;
        longjmp(p->out, 1);
    }
}

/* ---- memory and lists ---- */

void *ps_alloc(struct parser *p, size_t n)
{
    void *x = arena_zalloc(p->a, n);
    if (UNLIKELY(!x)) ps_nomem(p);
    return x;
}

void ps_push(struct parser *p, void *x)
{
    void **slot = vec_push(&p->stack, p->a);
    if (UNLIKELY(!slot)) ps_nomem(p);
    *slot = x;
}

void *ps_take(struct parser *p, uint32_t mark, uint32_t *n)
{
    *n = p->stack.len - mark;
    p->stack.len = mark;
    if (*n == 0) return NULL;
    void *out = arena_alloc(p->a, *n * sizeof(void *));
    if (UNLIKELY(!out)) ps_nomem(p);
    memcpy(out, p->stack.at + mark, *n * sizeof(void *));
    return out;
}

void ps_push_value(struct parser *p, const void *x, size_t size)
{
    for (size_t i = 0; i < size / sizeof(void *); i++) {
        void *word;
        memcpy(&word, (const char *)x + i * sizeof word, sizeof word);
        ps_push(p, word);
    }
}

void *ps_take_values(struct parser *p, uint32_t mark, size_t size, uint32_t *n)
{
    uint32_t words;
    void *out = ps_take(p, mark, &words);
    *n = words / (uint32_t)(size / sizeof(void *));
    return out;
}

/* ---- names ---- */

bool ps_equals(const struct parser *p, uint32_t i, const char *word)
{
    const struct sql_tok *t = ps_peek(p, i);
    return t->kind == SQL_T_WORD && str_eq_nocase(str_make(p->s->text + t->off, t->len), str_of(word));
}

struct str ps_tok_text(struct parser *p, uint32_t tok)
{
    struct str s = sql_text(p->s, tok, p->a);
    if (UNLIKELY(!s.ptr)) ps_nomem(p);
    return s;
}

bool ps_at_ident(const struct parser *p, uint32_t ahead)
{
    const struct sql_tok *t = ps_peek(p, ahead);
    if (t->kind != SQL_T_WORD) return t->kind == SQL_T_QUOTED;
    const char *text = p->s->text + t->off;
    if (UNLIKELY(*text == '_') && sql_is_charset(str_make(text + 1, t->len - 1u)))
        return false; /* an introducer of nothing */
    return sql_words[t->word].reserved != SQL_RESERVED;
}

struct str ps_ident(struct parser *p)
{
    if (!ps_at_ident(p, 0)) ps_syntax(p);
    struct str s = p->t->kind == SQL_T_WORD ? sql_tok_str(p->s, p->at) : ps_tok_text(p, p->at);
    ps_next(p);
    return s;
}

struct str ps_ident_any(struct parser *p)
{
    if (p->t->kind == SQL_T_WORD) {
        /* Right behind the dot any word is a name (the scanner gave it no keyword); a blank between makes it
         * a keyword again. */
        if (sql_words[p->t->word].reserved == SQL_RESERVED) ps_syntax(p);
        struct str s = sql_tok_str(p->s, p->at);
        ps_next(p);
        return s;
    }
    return ps_ident(p);
}

struct str ps_ident_or_text(struct parser *p)
{
    if (p->t->kind == SQL_T_STRING) {
        struct str s = ps_tok_text(p, p->at);
        ps_next(p);
        return s;
    }
    return ps_ident(p);
}

bool ps_implicit_alias(const struct parser *p, bool string_too)
{
    if (p->t->kind == SQL_T_STRING) return string_too;
    if (p->t->kind == SQL_T_QUOTED) return true;
    if (p->t->kind != SQL_T_WORD) return false;
    switch (p->t->word) { /* words of one dialect that open a clause there */
    case SQL_W_NONE: return true;
    case SQL_W_SOUNDS: return false;
    case SQL_W_WINDOW:
        return string_too && !(ps_at_ident(p, 1) && ahead_word(p, 2, SQL_W_AS)); /* not WINDOW w AS (...) */
    case SQL_W_QUALIFY: return p->mariadb;
    case SQL_W_OFFSET:
    case SQL_W_RETURNING: return !p->mariadb;
    case SQL_W_TABLESAMPLE: return p->mariadb;
    default: return sql_words[p->t->word].reserved != SQL_RESERVED;
    }
}

bool ps_alias(struct parser *p, bool string_too, struct str *alias)
{
    if (try_word(p, SQL_W_AS)) {
        if (!string_too && p->t->kind == SQL_T_STRING) ps_syntax(p);
        *alias = ps_ident_or_text(p);
        return true;
    }
    if (!ps_implicit_alias(p, string_too)) return false;
    *alias = ps_ident_or_text(p);
    return true;
}

void ps_name(struct parser *p, struct sql_name *n, uint32_t max_parts)
{
    uint32_t first = p->at;
    n->tok = p->at;
    n->name = ps_ident(p);
    for (uint32_t parts = 1; parts < max_parts && at_op(p, SQL_OP_DOT) && !tok_is_op(p->t + 1, SQL_OP_STAR);
         parts++) {
        ps_next(p);
        if (parts == 2 || max_parts == 2) n->schema = max_parts == 2 ? n->name : n->table;
        n->table = n->name;
        n->tok = p->at;
        n->name = ps_ident_any(p);
    }
    if (max_parts == 2) n->table = (struct str){0};
    n->span = span_from(p, first);
}

static bool names_cte(const struct parser *p, struct str name)
{
    for (const struct cte_scope *c = p->ctes; c; c = c->outer)
        if (str_eq_nocase(c->name, name)) return true;
    return false;
}

struct sql_table *ps_table(struct parser *p, enum sql_table_role role)
{
    struct sql_table *t = PS_NEW(p, struct sql_table);
    uint32_t first = p->at;
    bool dot = p->mariadb && try_op(p, SQL_OP_DOT); /* .t: t of the current database */
    ps_name(p, &t->name, dot ? 1 : 2);
    t->name.span.first = first;
    t->role = role;
    t->query = p->query;
    t->cte = role == SQL_R_READ && t->name.schema.len == 0 && names_cte(p, t->name.name);
    t->alias_span = span_here(p);
    t->id = p->tables.len;
    struct sql_table **slot = vec_push(&p->tables, p->a);
    if (!slot) ps_nomem(p);
    *slot = t;
    return t;
}

struct str *ps_name_list(struct parser *p, uint32_t *n)
{
    uint32_t mark = ps_mark(p);
    want_op(p, SQL_OP_LPAREN);
    do {
        struct str s = ps_ident(p);
        ps_push_value(p, &s, sizeof s);
    } while (try_op(p, SQL_OP_COMMA));
    want_op(p, SQL_OP_RPAREN);
    return ps_take_values(p, mark, sizeof(struct str), n);
}

/* ---- skipping: clauses whose inside does not matter for routing ---- */

void ps_skip_parens(struct parser *p)
{
    uint32_t open = p->at, depth = 0;
    do {
        if (at_end(p) || p->t->kind == SQL_T_BAD) ps_syntax_at(p, at_end(p) ? p->at : open);
        if (p->t->kind == SQL_T_PARAM) p->nparams++;
        if (at_op(p, SQL_OP_LPAREN)) depth++;
        if (at_op(p, SQL_OP_RPAREN)) depth--;
        ps_next(p);
    } while (depth);
}

void ps_skip_to_comma(struct parser *p)
{
    while (!at_end(p) && !at_op(p, SQL_OP_COMMA) && !at_op(p, SQL_OP_RPAREN)) {
        if (p->t->kind == SQL_T_BAD) ps_syntax(p);
        if (at_op(p, SQL_OP_LPAREN)) {
            ps_skip_parens(p);
            continue;
        }
        if (p->t->kind == SQL_T_PARAM) p->nparams++;
        ps_next(p);
    }
}

void ps_skip_all(struct parser *p)
{
    while (!at_end(p)) {
        if (p->t->kind == SQL_T_BAD) ps_syntax(p);
        if (p->t->kind == SQL_T_PARAM) p->nparams++;
        ps_next(p);
    }
}

/* ---- entry ---- */

static void select_stmt(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_SELECT;
    st->query = ps_query(p);
}

/* WITH ... before UPDATE and DELETE; before a query it belongs to that query. */
static void with_stmt(struct parser *p, struct sql_stmt *st)
{
    uint32_t n;
    struct sql_cte *ctes;
    uint32_t first = p->at;
    struct cte_scope *outer = p->ctes;
    ps_with(p, &n, &ctes);
    if (at_word(p, SQL_W_UPDATE)) {
        ps_update(p, st, ctes, n);
    } else if (at_word(p, SQL_W_DELETE)) {
        ps_delete(p, st, ctes, n);
    } else {
        st->kind = SQL_SELECT;
        st->query = ps_query_rest(p, NULL, first);
        if (st->query->nctes) ps_refuse(p, "WITH around a query in parentheses that has its own WITH");
        st->query->span.first = first;
        st->query->ctes = ctes;
        st->query->nctes = n;
    }
    p->ctes = outer;
}

void ps_statement(struct parser *p, struct sql_stmt *st)
{
    uint32_t first = p->at;
    ps_enter(p);
    if (at_end(p)) {
        st->kind = SQL_EMPTY;
    } else if (at_op(p, SQL_OP_LPAREN)) {
        select_stmt(p, st);
    } else {
        st->word = cur_word(p);
        switch (st->word) {
        case SQL_W_SELECT:
        case SQL_W_VALUES: select_stmt(p, st); break;
        case SQL_W_TABLE: select_stmt(p, st); break;
        case SQL_W_WITH: with_stmt(p, st); break;
        case SQL_W_INSERT:
        case SQL_W_REPLACE: ps_insert(p, st); break;
        case SQL_W_UPDATE: ps_update(p, st, NULL, 0); break;
        case SQL_W_DELETE: ps_delete(p, st, NULL, 0); break;
        case SQL_W_LOAD: ps_load(p, st); break;
        case SQL_W_CREATE: ps_create(p, st); break;
        case SQL_W_ALTER: ps_alter(p, st); break;
        case SQL_W_DROP: ps_drop(p, st); break;
        case SQL_W_TRUNCATE: ps_truncate(p, st); break;
        case SQL_W_RENAME: ps_rename(p, st); break;
        case SQL_W_SET: ps_set(p, st); break;
        case SQL_W_SHOW: ps_show(p, st); break;
        default:
            if (!ps_admin(p, st)) {
                if (p->t->kind != SQL_T_WORD) ps_syntax(p);
                st->kind = SQL_OTHER;
                ps_skip_all(p);
            }
        }
    }
    st->span = span_from(p, first);
    ps_leave(p);
}

enum sql_status sql_parse(const struct sql_scan *s, struct arena *a, struct sql_stmt **out, struct fault *f)
{
    *f = (struct fault){0};
    *out = NULL;
    struct parser p;
    memset(&p, 0, offsetof(struct parser, first_stack)); /* the rest is written before it is read */
    p.s = s;
    p.t = s->toks;
    p.a = a;
    p.f = f;
    p.mariadb = s->opt.mariadb || s->opt.version == 0 || s->opt.version >= 100000;
    p.stack.at = p.first_stack;
    p.stack.cap = COUNT_OF(p.first_stack);
    if (setjmp(p.out)) return p.status;
    struct sql_stmt *st = PS_NEW(&p, struct sql_stmt);
    ps_statement(&p, st);
    if (!at_end(&p)) ps_syntax(&p);
    /* The statement inside EXPLAIN has the same ids and tables as the whole. */
    for (struct sql_stmt *x = st; x;
         x = x->kind == SQL_EXPLAIN || x->kind == SQL_WEIR ? x->explain.inner : NULL) {
        x->nexprs = p.nexprs;
        x->nqueries = p.nqueries;
        x->nparams = p.nparams;
        x->tables = p.tables.at;
        x->ntables = p.tables.len;
    }
    *out = st;
    return SQL_OK;
}
