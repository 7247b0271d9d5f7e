/*
 * views_stmt.c - the statement's side of information_schema: what it says of schemas and tables, and its text
 * with derived tables in place of its references.
 *
 * Conditions count only where they hold for every row that can matter: AND parts of the WHERE of the
 * reference's own block. They all reject NULL, so that a reference on the optional side of an outer join may
 * be narrowed too.
 */
#include "proxy/session/views.h"

/* ---- conditions ---- */

struct reading {
    const struct sql_scan *scan;
    const struct sql_table *t;
    const struct view_def *def;
    struct str current;
    struct arena *a;
    bool alone; /* the only table of its block: unqualified columns are its own */
    struct view_filter *out;
    bool oom;
};

static const struct sql_expr *bare(const struct sql_expr *e)
{
    while (e && e->kind == SQL_E_PAREN) e = e->args[0];
    return e;
}

/* The names that `e` is compared with, when it is the schema's or table's column of this reference. */
static struct view_names *names_of(const struct reading *r, const struct sql_expr *e)
{
    e = bare(e);
    if (!e || e->kind != SQL_E_COLUMN) return NULL;
    struct str alias = r->t->has_alias ? r->t->alias : r->t->name.name;
    if (e->name->table.len ? !str_eq(e->name->table, alias) : !r->alone) return NULL;
    if (str_eq_nocase(e->name->name, str_of(r->def->schema))) return &r->out->schema;
    if (r->def->table && str_eq_nocase(e->name->name, str_of(r->def->table))) return &r->out->table;
    return NULL;
}

/* A constant that can be compared here: 1; NULL: 0; any other: -1. */
static int constant(struct reading *r, const struct sql_expr *e, struct str *out)
{
    e = bare(e);
    if (!e) return -1;
    if (e->kind == SQL_E_NULL) return 0;
    if (e->kind == SQL_E_CALL && e->call->fn == SQL_FN_DATABASE) {
        *out = r->current;
        return r->current.len ? 1 : 0;
    }
    if (e->kind != SQL_E_LITERAL || r->scan->toks[e->span.first].kind != SQL_T_STRING) return -1;
    *out = sql_literal_text(r->scan, e, r->a);
    if (!out->ptr) r->oom = true;
    return view_is_ascii(*out) ? 1 : -1;
}

static void take(struct reading *r, struct view_names *names, struct sql_expr *const *values, uint32_t n,
                 bool exact, bool null_too)
{
    if (!names->any) return; /* one condition is enough: the statement keeps them all */
    struct str *at = arena_array(r->a, struct str, n + 1);
    uint32_t found = 0;
    if (!at) {
        r->oom = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        int got = constant(r, values[i], &at[found]);
        if (got < 0 || (got == 0 && null_too) || r->oom) return;
        found += (uint32_t)got;
    }
    *names = (struct view_names){.exact = exact, .at = at, .n = found};
}

static bool has_wildcard(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '%' || s.ptr[i] == '_' || s.ptr[i] == '\\') return true;
    return false;
}

static void read_condition(struct reading *r, const struct sql_expr *e)
{
    struct view_names *names;
    struct str text;
    e = bare(e);
    if (!e || r->oom) return;
    if (e->kind == SQL_E_IN) {
        if (!(e->flags & SQL_EF_NOT) && !e->query && e->nargs > 1 && (names = names_of(r, e->args[0])))
            take(r, names, e->args + 1, e->nargs - 1, false, false);
        return;
    }
    if (e->kind != SQL_E_BINARY || (e->flags & SQL_EF_NOT)) return;
    if (e->op == SQL_OP_AND) {
        read_condition(r, e->args[0]);
        read_condition(r, e->args[1]);
    } else if (e->op == SQL_OP_EQ || e->op == SQL_OP_NSEQ) {
        if ((names = names_of(r, e->args[0])))
            take(r, names, &e->args[1], 1, true, e->op == SQL_OP_NSEQ);
        else if ((names = names_of(r, e->args[1])))
            take(r, names, &e->args[0], 1, true, e->op == SQL_OP_NSEQ);
    } else if (e->op == SQL_OP_LIKE && e->nargs == 2 && (names = names_of(r, e->args[0])) &&
               constant(r, e->args[1], &text) == 1 && !has_wildcard(text)) {
        take(r, names, &e->args[1], 1, false, false);
    }
}

bool view_filter_read(const struct sql_scan *scan, const struct sql_table *t, const struct view_def *def,
                      struct str current, struct arena *a, struct view_filter *out)
{
    struct reading r = {.scan = scan, .t = t, .def = def, .current = current, .a = a, .out = out};
    *out = (struct view_filter){.schema = {.any = true}, .table = {.any = true}};
    if (!t->query || t->query->kind != SQL_Q_SELECT || !t->query->where) return true;
    r.alone = t->query->from && t->query->from->kind == SQL_J_TABLE && t->query->from->table == t;
    read_condition(&r, t->query->where);
    return !r.oom;
}

bool view_may_be(const struct view_names *names, struct str name)
{
    if (names->any) return true;
    if (!names->exact && !view_is_ascii(name))
        return true; /* by a collation 'e' may be equal to e with an accent */
    for (uint32_t i = 0; i < names->n; i++) {
        struct str given = names->at[i];
        if (names->exact ? str_eq(given, name) : str_eq_nocase(str_trim(given), name)) return true;
    }
    return false;
}

/* ---- sizes ---- */

static const char *const sizes[] = {VIEW_SIZES};

bool view_wants_sums(const struct sql_scan *scan)
{
    for (uint32_t i = 0; i < scan->ntoks; i++) {
        const struct sql_tok *t = &scan->toks[i];
        if (t->kind == SQL_T_OP && t->word == SQL_OP_STAR && i &&
            (scan->toks[i - 1].kind != SQL_T_OP || scan->toks[i - 1].word != SQL_OP_LPAREN))
            return true;
        if (t->kind != SQL_T_WORD && t->kind != SQL_T_QUOTED) continue;
        struct str w = sql_tok_str(scan, i);
        if (t->kind == SQL_T_QUOTED && w.len > 2) w = str_make(w.ptr + 1, w.len - 2);
        for (size_t k = 0; k < COUNT_OF(sizes); k++)
            if (str_eq_nocase(w, str_of(sizes[k]))) return true;
    }
    return false;
}

/* ---- the statement ---- */

struct cut {
    const struct view_place *places;
    uint32_t n;
    struct arena *a;
    VEC(struct sql_edit) edits;
    bool oom;
};

static void cut_edit(struct cut *c, struct sql_span span, struct str text)
{
    struct sql_edit *e = vec_push(&c->edits, c->a);
    if (e)
        *e = (struct sql_edit){span, text};
    else
        c->oom = true;
}

/* information_schema.TABLES.TABLE_NAME: a derived table has no schema. */
static bool cut_schema(void *ctx, struct sql_expr *e)
{
    struct cut *c = ctx;
    if ((e->kind != SQL_E_COLUMN && e->kind != SQL_E_STAR) || !e->name || !e->name->schema.len) return true;
    if (!str_eq_nocase(e->name->schema, STR("information_schema"))) return true;
    for (uint32_t i = 0; i < c->n; i++) {
        if (!str_eq_nocase(c->places[i].table->name.name, e->name->table)) continue;
        cut_edit(c, (struct sql_span){e->name->span.first, e->name->span.first + 2}, STR(""));
        break;
    }
    return true;
}

/* Does the name stand for a column of an own reference of this block, which spells it in another way? */
static bool spelled_otherwise(const struct cut *c, const struct sql_query *q, struct str name)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct view_columns *v = c->places[i].table->query == q ? c->places[i].columns : NULL;
        for (uint32_t k = 0; v && k < v->n; k++)
            if (str_eq_nocase(v->at[k].name, name)) return !str_eq(v->at[k].name, name);
    }
    return false;
}

/* MariaDB heads a column as the statement writes it, but that of a derived table as the table names it. */
static void keep_headings(struct cut *c, const struct sql_scan *scan, const struct sql_query *q)
{
    while (q && q->kind == SQL_Q_SETOP) q = q->left;
    for (uint32_t i = 0; q && i < q->nitems; i++) {
        const struct sql_item *it = &q->items[i];
        if (it->has_alias || it->expr->kind != SQL_E_COLUMN || !spelled_otherwise(c, q, it->expr->name->name))
            continue;
        struct buf text = {0};
        buf_putz(&text, "AS ");
        sql_put_name(&text, sql_text(scan, it->expr->name->tok, c->a), true);
        struct str s = text.failed ? STR_NULL : arena_str(c->a, buf_str(&text));
        buf_release(&text);
        c->oom |= !s.ptr;
        cut_edit(c, (struct sql_span){it->span.end, it->span.end}, s);
    }
}

static struct str derived(struct cut *c, const struct view_place *p)
{
    const struct sql_table *t = p->table;
    struct buf text = {0};
    bool bare_table = t->query && t->query->kind == SQL_Q_TABLE; /* TABLE information_schema.TABLES */
    buf_putz(&text, bare_table ? "SELECT * FROM (" : "(");
    buf_put_str(&text, p->text);
    buf_putz(&text, ")");
    if (!t->has_alias) {
        buf_putz(&text, " AS ");
        sql_put_name(&text, t->name.name, true);
    }
    struct str s = text.failed ? STR_NULL : arena_str(c->a, buf_str(&text));
    buf_release(&text);
    c->oom |= !s.ptr;
    return s;
}

static void sort_edits(struct sql_edit *at, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct sql_edit e = at[i];
        uint32_t j = i;
        for (; j > 0 && at[j - 1].span.first > e.span.first; j--) at[j] = at[j - 1];
        at[j] = e;
    }
}

bool view_render(const struct sql_scan *scan, const struct sql_stmt *st, const struct view_place *places,
                 uint32_t n, struct arena *a, struct buf *out)
{
    struct cut c = {.places = places, .n = n, .a = a};
    for (uint32_t i = 0; i < n; i++) {
        const struct sql_table *t = places[i].table;
        struct sql_span at = t->name.span;
        if (t->query && t->query->kind == SQL_Q_TABLE) at.first--;
        cut_edit(&c, at, derived(&c, &places[i]));
    }
    (void)sql_walk(st, cut_schema, &c);
    keep_headings(&c, scan,
                  st->kind == SQL_SELECT         ? st->query
                  : st->kind == SQL_CREATE_TABLE ? st->ddl->as
                                                 : NULL);
    if (c.oom) return false;
    sort_edits(c.edits.at, c.edits.len);
    sql_render(scan, c.edits.at, c.edits.len, out);
    return !out->failed;
}
