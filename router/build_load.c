/*
 * build_load.c - LOAD DATA LOCAL INFILE: relayed where one server has the whole table, else made ready for being split.
 *
 *   LOAD DATA LOCAL INFILE 'o.csv' INTO TABLE orders FIELDS TERMINATED BY ',' IGNORE 1 LINES (customer_id, total)
 *   s0: LOAD DATA LOCAL INFILE 'o.csv' INTO TABLE orders_0 FIELDS TERMINATED BY ',' (`id`, `customer_id`, `total`)
 *
 * Each leg is sent its own rows in the client's own format, so that a server reads every field as it would have read it in one table. What must
 * be known here is which input field (or constant of SET) gives the shard columns and the generated one; where that is more than a copy, the
 * statement is refused. A file that lies on a server is refused: nobody can say on which.
 */
#include "router/build.h"

struct ld {
    struct build *b;
    const struct sql_stmt *st;
    struct tinfo *t;
    struct load_inside *in;
};

/* ---- format ---- */

static struct str text_of(struct ld *x, uint32_t tok, struct str otherwise)
{
    if (!tok) return otherwise;
    struct str s = sql_text(x->b->scan, tok, x->b->a);
    b_check(x->b, (void *)(uintptr_t)s.ptr);
    return s;
}

/* Character sets in which a byte that looks like a terminator or a backslash may be half of a character. */
static bool hides_ascii(struct str charset)
{
    static const char *const names[] = {"gbk",   "big5", "sjis",    "cp932", "gb18030",
                                        "euckr", "ucs2", "utf16le", "utf16", "utf32"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str n = str_of(names[i]);
        if (str_starts_nocase(charset, n) && (charset.len == n.len || charset.ptr[n.len] == '_')) return true;
    }
    return false;
}

static bool is_utf8(struct str charset)
{
    return str_eq_nocase(charset, STR("utf8")) || str_eq_nocase(charset, STR("utf8mb3")) ||
           str_eq_nocase(charset, STR("utf8mb4")) || str_eq_nocase(charset, STR("ascii"));
}

static bool check_charset(struct ld *x)
{
    struct plan_load *l = &x->in->load;
    bool hides = hides_ascii(l->charset);
    /* none given: it is the database's, which its tables mostly have */
    for (uint32_t i = 0; !l->charset.len && x->t->cat && i < x->t->cat->ncolumns && !hides; i++)
        hides = hides_ascii(x->t->cat->columns[i].collation);
    return !hides ||
           refuse(x->b,
                  "LOAD DATA into " STR_FMT " from a file whose characters may hold bytes that look like terminators (gbk, big5, sjis, utf16...) is "
                  "not supported yet; convert the file to utf8mb4 and say CHARACTER SET utf8mb4",
                  STR_ARG(x->t->rt->conf->name));
}

static bool read_format(struct ld *x)
{
    const struct sql_file_format *f = &x->st->load.format;
    struct plan_load *l = &x->in->load;
    l->fields_terminated = text_of(x, f->fields_terminated, STR("\t"));
    l->fields_enclosed = text_of(x, f->fields_enclosed, STR(""));
    /* the default is off under NO_BACKSLASH_ESCAPES, a backslash that is written counts */
    l->fields_escaped = text_of(x, f->fields_escaped, x->b->scan->opt.no_backslash_escapes ? STR("") : STR("\\"));
    l->fields_optionally = f->optionally;
    l->lines_starting = text_of(x, f->lines_starting, STR(""));
    l->lines_terminated = text_of(x, f->lines_terminated, STR("\n"));
    l->charset = text_of(x, f->charset, STR(""));
    if (l->fields_enclosed.len > 1 || l->fields_escaped.len > 1)
        return fail(x->b, 1083, "42000", "Field separator argument is not what is expected; check the manual");
    if (x->st->load.ignore_tok && !str_to_u64(sql_tok_str(x->b->scan, x->st->load.ignore_tok), &l->ignore_lines))
        return refuse(x->b, "IGNORE of that many lines is not supported");
    if (!l->fields_terminated.len || !l->lines_terminated.len || str_eq(l->fields_terminated, l->lines_terminated))
        return refuse(x->b,
                      "LOAD DATA into " STR_FMT " of fixed-size rows, or without a LINES terminator of their own, is not supported yet; give FIELDS "
                      "TERMINATED BY and LINES TERMINATED BY",
                      STR_ARG(x->t->rt->conf->name));
    return check_charset(x);
}

/* ---- columns ---- */

static bool columns_of_catalog(struct ld *x)
{
    const struct cat_table *cat = x->t->cat;
    struct plan_load *l = &x->in->load;
    if (!cat) {
        x->b->p->info.flags |= PLAN_NEEDS_CATALOG;
        return refuse(x->b, "LOAD DATA without a column list into " STR_FMT ", whose columns are not known (yet); name the columns",
                      STR_ARG(x->t->t->name.name));
    }
    struct str *names = b_array(x->b, struct str, cat->ncolumns);
    for (uint32_t i = 0; i < cat->ncolumns; i++) {
        const struct cat_column *c = &cat->columns[i];
        if (c->invisible) continue;
        if (c->generated)
            return refuse(x->b, "LOAD DATA without a column list into " STR_FMT ", whose column " STR_FMT " is computed; name the columns of the file",
                          STR_ARG(x->t->t->name.name), STR_ARG(c->name));
        names[l->ncolumns++] = b_printf(x->b, STR_FMT, STR_ARG(c->name));
    }
    l->columns = names;
    return true;
}

static bool read_columns(struct ld *x)
{
    struct plan_load *l = &x->in->load;
    if (!x->st->load.ncolumns) return columns_of_catalog(x);
    struct str *names = b_array(x->b, struct str, x->st->load.ncolumns);
    for (uint32_t i = 0; i < x->st->load.ncolumns; i++) {
        const struct sql_expr *c = x->st->load.columns[i];
        names[i] = c->kind == SQL_E_USERVAR ? b_printf(x->b, "@" STR_FMT, STR_ARG(c->name->name)) : c->name->name;
    }
    l->columns = names;
    l->ncolumns = x->st->load.ncolumns;
    return true;
}

/* ---- what gives a column ---- */

/* The field of that name; a user variable may be named twice, the last one counts. */
static bool field_of(struct ld *x, struct str name, uint32_t *at)
{
    const struct plan_load *l = &x->in->load;
    bool variable = name.len && name.ptr[0] == '@';
    *at = UINT32_MAX;
    for (uint32_t i = 0; i < l->ncolumns; i++) {
        if (!str_eq_nocase(l->columns[i], name)) continue;
        if (*at != UINT32_MAX && !variable)
            return fail(x->b, 1110, "42000", "Column '" STR_FMT "' specified twice", STR_ARG(name));
        *at = i;
    }
    return true;
}

static bool by_expression(struct ld *x, struct str name)
{
    const struct conf_generated *g = x->t->rt->conf->generated;
    bool id = g && str_eq_nocase(g->column, name);
    return refuse(x->b,
                  "LOAD DATA into " STR_FMT " where SET computes " STR_FMT ", %s, is not supported yet; load it from a field of the file, or %s",
                  STR_ARG(x->t->rt->conf->name), STR_ARG(name), id ? "which the rules generate" : "which decides where the row belongs",
                  id ? "leave it out" : "set it to a constant");
}

static bool from_set(struct ld *x, struct str name, const struct sql_expr *e, struct plan_load_key *k)
{
    const struct given g = {x->b->scan, NULL};
    bool oom = false;
    e = bare(e);
    if (e->kind == SQL_E_USERVAR) {
        struct str var = b_printf(x->b, "@" STR_FMT, STR_ARG(e->name->name));
        for (uint32_t i = 0; i < x->st->load.nset; i++)
            if (x->st->load.set[i].value->flags & SQL_EF_HAS_ASSIGN) return by_expression(x, name);
        if (!field_of(x, var, &k->field)) return false;
        if (k->field == UINT32_MAX) return by_expression(x, name);
        k->from = PLAN_LOAD_FIELD;
        return true;
    }
    k->from = PLAN_LOAD_VALUE;
    k->value = const_value(e, &g, x->b->a, &oom);
    if (oom) b_check(x->b, NULL);
    return k->value.kind != VALUE_UNKNOWN || by_expression(x, name);
}

/* The assignment to that column; -1: none. */
static bool assignment_of(struct ld *x, struct str name, int64_t *at)
{
    *at = -1;
    for (uint32_t i = 0; i < x->st->load.nset; i++) {
        if (!str_eq_nocase(x->st->load.set[i].column->name->name, name)) continue;
        if (*at >= 0) return by_expression(x, name);
        *at = i;
    }
    return true;
}

static bool find_key(struct ld *x, uint32_t i)
{
    const struct conf_table *ct = x->t->rt->conf;
    struct plan_load_key *k = &x->in->load.keys[i];
    struct str name = ct->shard_columns[i].value;
    int64_t at;
    bool ours = x->b->env->foreign_charset;
    if (x->in->load.has_id && str_eq_nocase(ct->generated->column, name)) {
        *k = x->in->load.id;
    } else if (!assignment_of(x, name, &at)) {
        return false;
    } else if (at >= 0) {
        if (!from_set(x, name, x->st->load.set[at].value, k)) return false;
    } else {
        if (!field_of(x, name, &k->field)) return false;
        if (k->field == UINT32_MAX)
            return refuse(x->b, "LOAD DATA into " STR_FMT " without its shard column " STR_FMT " cannot be placed; name the column in the list or SET it",
                          STR_ARG(ct->name), STR_ARG(name));
    }
    /* text of the file is in the file's character set, constants in the client's */
    if (k->from == PLAN_LOAD_FIELD) ours = !is_utf8(x->in->load.charset);
    keycol_init(&x->in->keys[i], ct, i, x->t->cat, ours);
    if (!x->t->cat) x->b->p->info.flags |= PLAN_NEEDS_CATALOG;
    return true;
}

static bool find_id(struct ld *x)
{
    const struct conf_table *ct = x->t->rt->conf;
    struct plan_load *l = &x->in->load;
    int64_t at, n = 0;
    if (!ct->generated) return true;
    struct str name = ct->generated->column;
    l->has_id = true;
    l->id_zero = !x->b->env->no_auto_value_on_zero;
    l->id.from = PLAN_LOAD_IDS;
    x->b->p->info.sequence = ct->generated->sequence;
    if (!assignment_of(x, name, &at)) return false;
    if (at < 0) {
        if (!field_of(x, name, &l->id.field)) return false;
        if (l->id.field != UINT32_MAX) l->id.from = PLAN_LOAD_FIELD;
        return true;
    }
    const struct sql_expr *e = bare(x->st->load.set[at].value);
    if (e->kind != SQL_E_DEFAULT && !from_set(x, name, e, &l->id)) return false;
    bool asks = e->kind == SQL_E_DEFAULT;
    if (!asks && l->id.from == PLAN_LOAD_VALUE) {
        bool whole = value_whole(&l->id.value, &n);
        if (!whole && l->id.value.kind != VALUE_NULL && l->id.value.kind != VALUE_UINT) return by_expression(x, name);
        asks = l->id.value.kind == VALUE_NULL || (whole && n == 0 && l->id_zero);
    } else if (!asks) { /* SET id = @v: the id would have to be put into the field, and others may read @v */
        return by_expression(x, name);
    }
    if (!asks) return true;
    uint32_t field;
    if (!field_of(x, name, &field)) return false;
    if (field != UINT32_MAX) return by_expression(x, name); /* read, and set to NULL over it */
    l->id = (struct plan_load_key){.from = PLAN_LOAD_IDS};
    x->in->dropped = (uint32_t)at; /* the ids come as a field of their own */
    return true;
}

/* ---- the whole ---- */

static bool split(struct ld *x)
{
    struct build *b = x->b;
    const struct conf_table *ct = x->t->rt->conf;
    struct plan_load *l = &x->in->load;
    if (x->st->load.xml)
        return refuse(b, "LOAD XML into " STR_FMT ", which is on several servers or has generated ids, is not supported yet; use LOAD DATA",
                      STR_ARG(ct->name));
    if (b->stmt->ntables > 1)
        return refuse(b, "LOAD DATA into " STR_FMT " with a subquery in SET is not supported yet; load the plain fields first", STR_ARG(ct->name));
    l->table = ct;
    l->ignore = x->st->load.ignore;
    l->replace = x->st->load.replace;
    x->in->dropped = UINT32_MAX;
    if (!read_format(x) || !read_columns(x) || !find_id(x)) return false;
    if (x->t->at == AT_SHARDED) {
        if (ct->nshard_columns > MAX_SHARD_COLUMNS) return refuse(b, "more than %d shard columns are not supported", MAX_SHARD_COLUMNS);
        l->nkeys = ct->nshard_columns;
        l->keys = b_array(b, struct plan_load_key, l->nkeys);
        x->in->keys = b_array(b, struct keycol, l->nkeys);
        for (uint32_t i = 0; i < l->nkeys; i++)
            if (!find_key(x, i)) return false;
    }
    b->p->load = x->in;
    b->p->layout = x->t->at == AT_SHARDED ? x->t->rt : NULL;
    b->p->info.flags |= PLAN_LOAD_SPLIT | PLAN_NO_CACHE; /* terminators are literals */
    if (x->t->at == AT_BROADCAST) return write_everywhere(b, x->t->rt, "LOAD DATA into");
    return route_every_node(b, x->t->rt);
}

bool build_load(struct build *b)
{
    const struct sql_stmt *st = b->stmt;
    struct tinfo *t = &b->tables[st->load.table->id];
    struct ld x = {.b = b, .st = st, .t = t, .in = b_new(b, struct load_inside)};
    b->p->info.cls = PLAN_WRITE;
    if (st->load.ignore) b->p->info.flags |= PLAN_IGNORE;
    if (!st->load.local)
        return refuse(b, "LOAD DATA INFILE reads a file on the server, and a client of Weir cannot say on which; use LOAD DATA LOCAL INFILE, which "
                         "reads the client's");
    b->p->info.flags |= PLAN_LOAD_LOCAL;
    struct block *bl = block_from(b, NULL, NULL, NULL);
    for (uint32_t i = 0; i < st->load.nset; i++) blocks_of_expr(b, bl, st->load.set[i].value, bl->env);
    if (!edit_tables(b, t->t->id) || !splice_facts(b)) return false;
    edit_qualifiers(b, t);
    bool spread = t->at == AT_SHARDED || (t->at == AT_BROADCAST && t->rt->conf->nnodes > 1) || (t->rt && t->rt->conf->generated);
    if (spread) return split(&x);
    if (any_sharded(b)) return refuse(b, "LOAD DATA with a subquery on a sharded table in SET is not supported yet; load the plain fields first");
    return route_one_source(b);
}

/* ---- rows ---- */

const struct plan_load *plan_load(const struct plan *p)
{
    return p->load ? &p->load->load : NULL;
}

static int64_t misplaced(const struct plan *p, uint32_t column, const struct value *v, const char *why, struct arena *a, struct fault *f)
{
    struct buf shown = {0};
    value_show(v, &shown);
    plan_refuse(f, a, "value " STR_FMT " of shard column " STR_FMT " of " STR_FMT " cannot be placed: %s", STR_ARG(buf_str(&shown)),
                STR_ARG(p->load->keys[column].name), STR_ARG(p->load->load.table->name), why);
    buf_release(&shown);
    return -1;
}

int64_t plan_load_shard(const struct plan *p, const struct value *v, struct arena *a, struct fault *f)
{
    const struct load_inside *in = p->load;
    struct key keys[MAX_SHARD_COLUMNS];
    enum conf_key_type types[MAX_SHARD_COLUMNS];
    struct value first = {0};
    for (uint32_t i = 0; i < in->load.nkeys; i++) {
        const char *why;
        struct value x = in->load.keys[i].from == PLAN_LOAD_VALUE ? in->load.keys[i].value : v[i];
        if (x.kind == VALUE_UINT && x.u <= INT64_MAX) x = value_int((int64_t)x.u);
        if (!x.s.ptr) x.s = STR("");
        if (!i) first = x;
        types[i] = in->keys[i].type;
        switch (key_store(&in->keys[i], &x, a, &keys[i], &why)) {
        case KEY_IS: break;
        case KEY_NOMEM: plan_oom(f, a); return -1;
        case KEY_NONE: fault_set(f, a, 1048, "23000", "Column '" STR_FMT "' cannot be null", STR_ARG(in->keys[i].name)); return -1;
        case KEY_ANY: return misplaced(p, i, &x, why, a, f);
        }
    }
    int64_t s = rule_point(&p->layout->rule, keys, types, in->load.nkeys);
    if (s >= 0) return s;
    struct buf shown = {0};
    value_show(&first, &shown);
    fault_set(f, a, 1526, "HY000", "Table has no partition for value " STR_FMT " (Weir: no shard of table " STR_FMT " takes it, column " STR_FMT ")",
              STR_ARG(buf_str(&shown)), STR_ARG(in->load.table->name), STR_ARG(in->keys[0].name));
    buf_release(&shown);
    return -1;
}
