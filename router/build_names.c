/*
 * build_names.c - logical names and session values in the text -> edits.
 *
 * A table's name is replaced only where the physical one reads differently: another table name, or a database
 * that is not the one the server connection has as its own (the current schema's database on that source). A
 * renamed table without an alias gets its logical name as one, so that columns qualified by it and column
 * metadata stay as they are; where the grammar allows no alias the qualified columns are edited instead.
 */
#include "router/build.h"

/* ---- which table is this ---- */

static bool is_system(struct str s)
{
    return str_eq_nocase(s, STR("information_schema")) || str_eq_nocase(s, STR("performance_schema")) ||
           str_eq_nocase(s, STR("mysql")) || str_eq_nocase(s, STR("sys"));
}

uint32_t default_source(const struct build *b)
{
    const struct conf *c = b->p->router->conf;
    if (b->current) return b->current->conf->default_source;
    return c->nschemas ? c->schemas[0].default_source : 0;
}

static bool classify(struct build *b, struct tinfo *ti)
{
    const struct sql_table *t = ti->t;
    if (t->cte || t->delete_name) return true;
    ti->source = default_source(b);
    if (t->name.schema.len && is_system(t->name.schema)) {
        ti->at = AT_SYSTEM;
        return true;
    }
    if (t->name.schema.len) {
        ti->schema = rt_schema(b->p->router, t->name.schema);
        if (!ti->schema)
            return fail(b, 1049, "42000", "Unknown database '" STR_FMT "'", STR_ARG(t->name.schema));
    } else {
        if (!b->env->schema.len) return fail(b, 1046, "3D000", "No database selected");
        if (is_system(b->env->schema)) {
            ti->at = AT_SYSTEM;
            return true;
        }
        ti->schema = b->current;
        if (!ti->schema)
            return fail(b, 1049, "42000", "Unknown database '" STR_FMT "'", STR_ARG(b->env->schema));
    }
    ti->source = ti->schema->conf->default_source;
    ti->rt = rt_table(ti->schema, t->name.name);
    ti->cat = catalog_table(b->env->catalog, ti->schema->conf->name, t->name.name);
    if (!ti->rt) {
        ti->at = AT_DEFAULT;
        return true;
    }
    switch (ti->rt->conf->kind) {
    case CONF_TABLE_SINGLE:
        ti->at = AT_SINGLE;
        ti->source = ti->rt->conf->nodes[0].source;
        break;
    case CONF_TABLE_BROADCAST: ti->at = AT_BROADCAST; break;
    case CONF_TABLE_SHARDED: ti->at = AT_SHARDED; break;
    }
    if (!b->p->info.table) b->p->info.table = ti->rt->conf;
    return true;
}

bool classify_tables(struct build *b)
{
    b->tables = b_array(b, struct tinfo, b->stmt->ntables);
    for (uint32_t i = 0; i < b->stmt->ntables; i++) {
        b->tables[i].t = b->stmt->tables[i];
        if (!classify(b, &b->tables[i])) return false;
        if (b->tables[i].schema && !b->p->info.schema.len)
            b->p->info.schema = b->tables[i].schema->conf->name;
    }
    return true;
}

bool any_sharded(const struct build *b)
{
    for (uint32_t i = 0; i < b->stmt->ntables; i++)
        if (b->tables[i].at == AT_SHARDED) return true;
    return false;
}

bool names_special_table(struct build *b, uint32_t from, uint32_t end, struct str *which)
{
    const struct conf *c = b->p->router->conf;
    for (uint32_t i = from; i < end; i++) {
        if (b->scan->toks[i].kind != SQL_T_WORD && b->scan->toks[i].kind != SQL_T_QUOTED) continue;
        struct str name = sql_text(b->scan, i, b->a);
        b_check(b, (void *)(uintptr_t)name.ptr);
        for (uint32_t s = 0; s < c->nschemas; s++) {
            const struct rt_table *t = rt_table(&b->p->router->schemas[s], name);
            if (!t) continue;
            const struct conf_table *ct = t->conf;
            bool plain = ct->kind == CONF_TABLE_SINGLE &&
                         ct->nodes[0].source == c->schemas[s].default_source && !t->nodes[0].renamed &&
                         str_eq(ct->nodes[0].database, c->schemas[s].databases[ct->nodes[0].source]);
            if (plain) continue;
            *which = name;
            return true;
        }
    }
    return false;
}

/* ---- tables -> edits ---- */

static struct str name_text(struct build *b, struct str database, struct str table)
{
    struct buf t = {0};
    if (database.len) {
        sql_put_name(&t, database, false);
        buf_put_u8(&t, '.');
    }
    sql_put_name(&t, table, false);
    struct str s = t.failed ? STR_NULL : arena_str(b->a, buf_str(&t));
    buf_release(&t);
    b_check(b, (void *)(uintptr_t)s.ptr);
    return s;
}

static void add_alias(struct build *b, const struct sql_table *t, struct str name)
{
    struct str text = b_printf(b, "AS " STR_FMT, STR_ARG(name_text(b, STR_NULL, name)));
    add_text(b, &b->p->single, t->alias_span.first, t->alias_span.first, text);
}

static bool in_multi_delete(const struct build *b)
{
    return b->what->kind == SQL_DELETE && (b->what->del->flags & SQL_D_MULTI);
}

/* Is the physical name of this node another text than what the statement says? */
static bool reads_differently(const struct build *b, const struct sql_table *t, uint32_t source,
                              struct str database, struct str table)
{
    if (!str_eq(table, t->name.name)) return true;
    if (t->name.schema.len) return !str_eq(database, t->name.schema);
    return !b->current || !str_eq(b->current->conf->databases[source], database);
}

static void edit_fixed(struct build *b, struct tinfo *ti, bool no_alias)
{
    const struct sql_table *t = ti->t;
    const struct conf_node *n = ti->rt ? &ti->rt->conf->nodes[0] : NULL;
    struct str database = n ? n->database : ti->schema->conf->databases[ti->source];
    struct str table = n ? n->table : t->name.name;
    if (!str_eq(database, ti->schema->conf->name) || !str_eq(table, t->name.name))
        b->p->info.flags |= PLAN_SHARDED;
    if (!reads_differently(b, t, ti->source, database, table)) return;
    ti->edited = true;
    bool home = b->current && str_eq(b->current->conf->databases[ti->source], database);
    add_text(b, &b->p->single, t->name.span.first, t->name.span.end,
             name_text(b, home ? STR_NULL : database, table));
    if (!no_alias && !t->has_alias && (!str_eq(table, t->name.name) || in_multi_delete(b)))
        add_alias(b, t, t->name.name);
}

bool edit_table(struct build *b, struct tinfo *ti, bool no_alias)
{
    const struct sql_table *t = ti->t;
    bool differs = false, renamed = false;
    if ((t->role != SQL_R_READ && t->role != SQL_R_WRITE) || b->what->kind == SQL_TRUNCATE ||
        (t->query && t->query->kind == SQL_Q_TABLE)) /* TABLE t */
        no_alias = true;
    switch (ti->at) {
    case AT_NOWHERE:
    case AT_SYSTEM: return true;
    case AT_DEFAULT:
    case AT_SINGLE: edit_fixed(b, ti, no_alias); break;
    case AT_BROADCAST:
    case AT_SHARDED:
        for (uint32_t i = 0; i < ti->rt->conf->nnodes; i++) {
            const struct conf_node *n = &ti->rt->conf->nodes[i];
            differs |= reads_differently(b, t, n->source, n->database, n->table);
            renamed |= ti->rt->nodes[i].renamed;
            if (!str_eq(n->database, ti->schema->conf->name) || renamed) b->p->info.flags |= PLAN_SHARDED;
        }
        if (!differs) break;
        ti->edited = true;
        add_edit(b, &b->p->single, EDIT_TABLE, t->name.span.first, t->name.span.end)->table = ti->rt;
        if (!no_alias && !t->has_alias && (renamed || in_multi_delete(b))) add_alias(b, t, t->name.name);
        break;
    }
    return true;
}

struct schema_cut {
    struct build *b;
};

/* shop.orders.id: the schema goes when that table's name was changed. */
static bool cut_schema(void *ctx, struct sql_expr *e)
{
    struct build *b = ((struct schema_cut *)ctx)->b;
    if ((e->kind != SQL_E_COLUMN && e->kind != SQL_E_STAR) || !e->name || !e->name->schema.len) return true;
    for (uint32_t i = 0; i < b->stmt->ntables; i++) {
        const struct tinfo *ti = &b->tables[i];
        if (!ti->edited || !ti->schema || !str_eq(ti->schema->conf->name, e->name->schema) ||
            !str_eq(ti->t->name.name, e->name->table))
            continue;
        add_text(b, &b->p->single, e->span.first, e->span.end - 3, STR(""));
        break;
    }
    return true;
}

bool edit_tables(struct build *b, uint32_t no_alias_id)
{
    for (uint32_t i = 0; i < b->stmt->ntables; i++)
        if (!edit_table(b, &b->tables[i], i == no_alias_id)) return false;
    for (uint32_t i = 0; i < b->stmt->ntables; i++) { /* DELETE shop.orders FROM shop.orders ... */
        const struct sql_table *t = b->stmt->tables[i];
        if (!t->delete_name || !t->name.schema.len) continue;
        for (uint32_t j = 0; j < b->stmt->ntables; j++)
            if (b->tables[j].edited && str_eq(b->tables[j].t->name.name, t->name.name) &&
                !b->tables[j].t->has_alias) {
                add_text(b, &b->p->single, t->name.span.first, t->name.tok, STR(""));
                break;
            }
    }
    struct schema_cut cut = {b};
    (void)sql_walk(b->stmt, cut_schema, &cut);
    return true;
}

/* ---- columns of a target without alias ---- */

struct qualifier_walk {
    struct build *b;
    struct tinfo *target;
};

static bool edit_qualifier(void *ctx, struct sql_expr *e)
{
    struct qualifier_walk *w = ctx;
    struct build *b = w->b;
    if ((e->kind != SQL_E_COLUMN && e->kind != SQL_E_STAR) || !e->name || !e->name->table.len) return true;
    if (!str_eq(e->name->table, w->target->t->name.name)) return true;
    /* A block that has a table of that name itself means its own. */
    for (const struct block *bl = b->expr_block[e->id]; bl; bl = bl->parent)
        for (const struct bref *r = bl->refs; r; r = r->next)
            if (str_eq(r->alias, e->name->table)) {
                if (r->t != w->target) return true;
                goto found;
            }
    if (b->expr_block[e->id] && b->what->kind == SQL_DELETE) return true;
found:;
    uint32_t first = e->span.first, end = e->span.end - 1;
    for (uint32_t i = 0; e->name->schema.len && i < b->p->single.len;
         i++) { /* the cut of its schema is taken back */
        struct edit *ed = &b->p->single.at[i];
        if (ed->kind == EDIT_TEXT && ed->span.first == first && ed->span.end == end - 2)
            ed->span.end = ed->span.first = 0;
    }
    if (w->target->at == AT_SHARDED || w->target->at == AT_BROADCAST)
        add_edit(b, &b->p->single, EDIT_QUALIFIER, first, end)->table = w->target->rt;
    else
        add_text(
            b, &b->p->single, first, end,
            b_printf(b, STR_FMT ".", STR_ARG(name_text(b, STR_NULL, w->target->rt->conf->nodes[0].table))));
    return true;
}

void edit_qualifiers(struct build *b, struct tinfo *target)
{
    struct qualifier_walk w = {b, target};
    if (target->edited && target->rt) (void)sql_walk(b->stmt, edit_qualifier, &w);
}

/* ---- session values ---- */

struct fact_walk {
    struct build *b;
    uint32_t n;
    bool ok;
};

static void add_fact(struct fact_walk *w, const struct sql_expr *e, enum fact fact)
{
    add_edit(w->b, &w->b->p->single, EDIT_FACT, e->span.first, e->span.end)->fact = (uint8_t)fact;
    w->n++;
}

static void fact_of_sysvar(struct fact_walk *w, const struct sql_expr *e)
{
    static const struct {
        const char *name;
        enum fact fact;
    } vars[] = {{"last_insert_id", FACT_LAST_INSERT_ID},
                {"identity", FACT_LAST_INSERT_ID},
                {"warning_count", FACT_WARNING_COUNT},
                {"error_count", FACT_ERROR_COUNT}};
    if (str_eq_nocase(e->name->table, STR("global"))) return;
    for (size_t i = 0; i < COUNT_OF(vars); i++)
        if (str_eq_nocase(e->name->name, str_of(vars[i].name))) add_fact(w, e, vars[i].fact);
}

/* WEIR_SHARD_OF('table', value...): for people who look where a row is. The table's name is a literal and so
 * guarded. */
static bool shard_of_call(struct fact_walk *w, const struct sql_expr *e)
{
    struct build *b = w->b;
    bool oom = false;
    const struct given g = {b->scan, NULL};
    b->p->info.flags |= PLAN_NO_CACHE;
    if (!str_eq_nocase(e->call->name.name, STR("weir_shard_of")))
        w->ok = refuse(b, "there is no function " STR_FMT, STR_ARG(e->call->name.name));
    if (!w->ok) return false;
    struct value name =
        e->nargs ? const_value(e->args[0], &g, b->a, &oom) : (struct value){.kind = VALUE_UNKNOWN};
    const struct rt_table *t = name.kind == VALUE_STRING && b->current ? rt_table(b->current, name.s) : NULL;
    if (!t || t->conf->kind != CONF_TABLE_SHARDED) {
        w->ok = refuse(b, "WEIR_SHARD_OF wants the name of a sharded table of the current database, as a "
                          "text, and a value for each shard column");
        return false;
    }
    for (uint32_t i = 1; i < e->nargs; i++)
        if (bare(e->args[i])->kind != SQL_E_PARAM && const_value(e->args[i], &g, b->a, &oom).kind == VALUE_UNKNOWN)
            w->ok = refuse(b, "WEIR_SHARD_OF of a value that is not a constant is not supported");
    if (e->nargs != t->conf->nshard_columns + 1)
        w->ok = refuse(b, "WEIR_SHARD_OF of " STR_FMT " wants %u values", STR_ARG(t->conf->name),
                       t->conf->nshard_columns);
    if (!w->ok) return false;
    struct edit *ed = add_edit(b, &b->p->single, EDIT_SHARD, e->span.first, e->span.end);
    struct keycol *keys = b_array(b, struct keycol, t->conf->nshard_columns);
    const struct cat_table *cat = catalog_table(b->env->catalog, b->current->conf->name, t->conf->name);
    for (uint32_t i = 0; i < t->conf->nshard_columns; i++)
        keycol_init(&keys[i], t->conf, i, cat, b->env->foreign_charset);
    if (!cat) b->p->info.flags |= PLAN_NEEDS_CATALOG;
    ed->table = t;
    ed->call = e;
    for (uint32_t i = 1; i < e->nargs; i++) ed->by_param |= (e->args[i]->flags & SQL_EF_HAS_PARAM) != 0 || bare(e->args[i])->kind == SQL_E_PARAM;
    ed->keys = keys;
    w->n++;
    return true;
}

static bool find_fact(void *ctx, struct sql_expr *e)
{
    struct fact_walk *w = ctx;
    uint32_t *flags = &w->b->p->info.flags;
    if (e->kind == SQL_E_SYSVAR) fact_of_sysvar(w, e);
    if (e->kind != SQL_E_CALL) return true;
    switch (e->call->fn) {
    case SQL_FN_LAST_INSERT_ID:
        if (e->nargs)
            *flags |= PLAN_SETS_LAST_INSERT_ID;
        else
            add_fact(w, e, FACT_LAST_INSERT_ID);
        break;
    case SQL_FN_FOUND_ROWS: add_fact(w, e, FACT_FOUND_ROWS); break;
    case SQL_FN_ROW_COUNT: add_fact(w, e, FACT_ROW_COUNT); break;
    case SQL_FN_CONNECTION_ID: add_fact(w, e, FACT_CONNECTION_ID); break;
    case SQL_FN_DATABASE: add_fact(w, e, FACT_DATABASE); break;
    case SQL_FN_USER: add_fact(w, e, FACT_USER); break;
    case SQL_FN_CURRENT_USER: add_fact(w, e, FACT_CURRENT_USER); break;
    case SQL_FN_LOCK: *flags |= PLAN_SERVER_LOCK; break;
    case SQL_FN_OTHER:
    case SQL_FN_COUNT:
    case SQL_FN_SUM:
    case SQL_FN_MIN:
    case SQL_FN_MAX:
    case SQL_FN_AVG:
    case SQL_FN_GROUP_CONCAT:
    case SQL_FN_BIT_AND:
    case SQL_FN_BIT_OR:
    case SQL_FN_BIT_XOR:
    case SQL_FN_STD:
    case SQL_FN_VARIANCE:
    case SQL_FN_ANY_VALUE:
    case SQL_FN_JSON_ARRAYAGG:
    case SQL_FN_JSON_OBJECTAGG:
    case SQL_FN_OTHER_AGGREGATE:
    case SQL_FN_VERSION:
    case SQL_FN_RAND:
    case SQL_FN_UUID:
    case SQL_FN_NOW:
    case SQL_FN_SLEEP:
    case SQL_FN_CAST:
    case SQL_FN_CONVERT_USING:
    case SQL_FN_WINDOW: break;
    case SQL_FN_WEIR: return shard_of_call(w, e);
    }
    return true;
}

/* An item whose text is edited (a session value, a table's name in a subquery) keeps the name it would have had: its own text. */
void keep_item_names(struct build *b, const struct sql_item *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct sql_item *it = &items[i];
        bool has = false;
        if (it->has_alias || it->expr->kind == SQL_E_COLUMN || it->expr->kind == SQL_E_STAR) continue; /* named by the column */
        for (uint32_t j = 0; j < b->p->single.len && !has; j++) {
            const struct edit *ed = &b->p->single.at[j];
            has = ed->span.first >= it->span.first && ed->span.end <= it->span.end && ed->span.first < it->span.end;
        }
        if (!has) continue;
        const struct sql_tok *from = &b->scan->toks[it->span.first], *last = &b->scan->toks[it->span.end - 1];
        struct str name = str_make(b->scan->text + from->off, last->off + last->len - from->off);
        if (name.len > 255 || memchr(name.ptr, 0, name.len)) continue; /* no name for a server */
        struct buf t = {0};
        buf_putz(&t, "AS ");
        sql_put_name(&t, name, true);
        struct str text = t.failed ? STR_NULL : arena_str(b->a, buf_str(&t));
        buf_release(&t);
        b_check(b, (void *)(uintptr_t)text.ptr);
        add_text(b, &b->p->single, it->span.end, it->span.end, text);
        for (uint32_t k = it->span.first; k < it->span.end; k++)
            add_heading_guard(b, k); /* its words and literals are part of the name */
    }
}

bool splice_facts(struct build *b)
{
    struct fact_walk w = {b, 0, true};
    (void)sql_walk(b->stmt, find_fact, &w);
    if (!w.ok) return false;
    if (!b->p->single.len) return true;
    for (struct block *bl = b->blocks; bl; bl = bl->next)
        if (bl->q && bl->q->kind == SQL_Q_SELECT) keep_item_names(b, bl->q->items, bl->q->nitems);
    return true;
}
