/*
 * build_ddl.c - statements on tables themselves, SHOW, EXPLAIN, and what the session answers.
 *
 * DDL on a sharded or broadcast table is one leg a node, each with its physical names. Rule files say which
 * tables exist under which name, so that renaming one of theirs is refused. CREATE VIEW, TRIGGER, PROCEDURE
 * and unknown statements are forwarded whole when no table of a rule is named in them.
 */
#include "router/build.h"

bool build_session(struct build *b)
{
    b->p->info.kind = PLAN_SESSION;
    b->p->info.cls = PLAN_OTHER;
    return true;
}

static bool ruled(const struct tinfo *t)
{
    return t->rt != NULL;
}
static bool spread_out(const struct tinfo *t)
{
    return t->at == AT_SHARDED || t->at == AT_BROADCAST;
}
static struct tinfo *info(struct build *b, const struct sql_table *t)
{
    return &b->tables[t->id];
}

/* ---- tables named beside the target ---- */

/* REFERENCES, LIKE: must stand beside every node of the target. */
static bool check_reference(struct build *b, const struct tinfo *target, const struct tinfo *r)
{
    const struct conf_table *ct = target->rt->conf;
    bool ok = true;
    switch (r->at) {
    case AT_NOWHERE:
    case AT_SYSTEM: return true;
    case AT_SHARDED: ok = target->at == AT_SHARDED && same_layout(target->rt, r->rt); break;
    case AT_BROADCAST:
        for (uint32_t i = 0; i < ct->nnodes; i++) ok &= r->rt->by_source[ct->nodes[i].source] != UINT32_MAX;
        break;
    case AT_DEFAULT:
    case AT_SINGLE:
        for (uint32_t i = 0; i < ct->nnodes; i++) ok &= ct->nodes[i].source == r->source;
        break;
    }
    return ok || refuse(b,
                        "table " STR_FMT " is not beside every node of " STR_FMT
                        "; put both in one co-location group, or make it a broadcast table",
                        STR_ARG(r->t->name.name), STR_ARG(ct->name));
}

static bool check_fixed_reference(struct build *b, const struct tinfo *r)
{
    return r->at != AT_SHARDED || refuse(b,
                                         "table " STR_FMT " is sharded and cannot be named here; " STR_FMT
                                         " has no one table to point to",
                                         STR_ARG(r->t->name.name), STR_ARG(r->t->name.name));
}

/* ---- columns ---- */

static bool is_key(const struct conf_table *ct, struct str name)
{
    for (uint32_t i = 0; i < ct->nshard_columns; i++)
        if (str_eq_nocase(ct->shard_columns[i].value, name)) return true;
    return false;
}

static bool check_columns(struct build *b, const struct tinfo *t, const struct sql_ddl *d)
{
    const struct conf_table *ct = t->rt->conf;
    if (t->at != AT_SHARDED) return true;
    if (b->stmt->kind == SQL_CREATE_TABLE) {
        for (uint32_t i = 0; d->ncolumns && i < ct->nshard_columns; i++) {
            bool hit = false;
            for (uint32_t j = 0; j < d->ncolumns; j++)
                hit |= str_eq_nocase(d->columns[j].name, ct->shard_columns[i].value);
            if (!hit)
                return refuse(b,
                              "CREATE TABLE " STR_FMT " lacks " STR_FMT
                              ", its shard column in the rule file; add the column",
                              STR_ARG(ct->name), STR_ARG(ct->shard_columns[i].value));
        }
        return true;
    }
    for (uint32_t i = 0; i < d->ncolumns; i++) {
        const struct sql_column_def *c = &d->columns[i];
        if (c->action == SQL_W_ADD) continue;
        if (is_key(ct, c->old_name.len ? c->old_name : c->name))
            return refuse(b,
                          "ALTER of shard column " STR_FMT
                          " is not supported yet, its rows might belong elsewhere; load a new table",
                          STR_ARG(c->old_name.len ? c->old_name : c->name));
    }
    return true;
}

/* Foreign key names are unique in a database: where several nodes share one, each gets its table's name
 * behind it. */
static void suffix_constraints(struct build *b, const struct rt_table *t)
{
    const struct sql_scan *s = b->scan;
    const struct conf_table *ct = t->conf;
    bool shared = false;
    for (uint32_t i = 0; i < ct->nnodes && !shared; i++)
        for (uint32_t j = 0; j < i && !shared; j++)
            shared = ct->nodes[i].source == ct->nodes[j].source &&
                     str_eq(ct->nodes[i].database, ct->nodes[j].database);
    for (uint32_t i = 0; shared && i + 3 < s->ntoks; i++) {
        const struct sql_tok *k = &s->toks[i];
        uint32_t at = 0;
        if (k[0].kind == SQL_T_WORD && k[0].word == SQL_W_CONSTRAINT && k[2].kind == SQL_T_WORD &&
            k[2].word == SQL_W_FOREIGN)
            at = i + 1;
        if (k[0].kind == SQL_T_WORD && k[0].word == SQL_W_DROP && k[1].word == SQL_W_FOREIGN &&
            k[2].word == SQL_W_KEY)
            at = i + 3;
        if (!at || (s->toks[at].kind != SQL_T_WORD && s->toks[at].kind != SQL_T_QUOTED)) continue;
        struct edit *e = add_edit(b, &b->p->single, EDIT_SUFFIX, at, at + 1);
        e->table = t;
        e->segs = b_new(b, struct seg);
        e->segs[0] = seg_text(sql_text(s, at, b->a));
        b_check(b, (void *)(uintptr_t)e->segs[0].text.ptr);
        e->nsegs = 1;
    }
}

/* ---- tables ---- */

/* Does each node of t have one of o with it? */
static bool beside(const struct tinfo *t, const struct tinfo *o)
{
    bool alike = t->at == o->at;
    if (alike && t->at == AT_SHARDED) alike = same_layout(t->rt, o->rt);
    if (alike && t->at == AT_BROADCAST) {
        alike = t->rt->conf->nnodes == o->rt->conf->nnodes;
        for (uint32_t j = 0; alike && j < t->rt->conf->nnodes; j++) alike = o->rt->by_source[t->rt->conf->nodes[j].source] != UINT32_MAX;
    }
    return alike;
}

static bool check_targets(struct build *b, struct sql_table *const *tables, uint32_t n)
{
    struct tinfo *t = info(b, tables[0]);
    for (uint32_t i = 1; i < n; i++) {
        const struct tinfo *o = info(b, tables[i]);
        if ((spread_out(t) || spread_out(o)) && !beside(t, o))
            return refuse(b,
                          "tables " STR_FMT " and " STR_FMT
                          " in one statement are placed differently; name them one by one",
                          STR_ARG(t->t->name.name), STR_ARG(o->t->name.name));
    }
    return true;
}

/* DROP TABLE a, b of tables that are not beside each other: legs for each, in the order of the names. */
static bool drop_one_by_one(struct build *b, const struct sql_ddl *d)
{
    struct plan *p = b->p;
    bool alike = true;
    const struct tinfo *t = info(b, d->tables[0]);
    uint32_t *names = b_array(b, uint32_t, d->ntables);
    if (b->stmt->kind != SQL_DROP_TABLE || d->temporary) return false;
    for (uint32_t i = 0; i < d->ntables; i++) {
        const struct tinfo *o = info(b, d->tables[i]);
        if (o->at == AT_SYSTEM || o->at == AT_NOWHERE) return false;
        alike &= spread_out(t) || spread_out(o) ? beside(t, o) : t->source == o->source;
        names[i] = i;
    }
    for (uint32_t i = 0; i < b->scan->ntoks; i++)
        if (b->scan->toks[i].flags & SQL_TF_VERSIONED) return false; /* names may stand in another comment than the verb */
    if (alike) return false;
    for (uint32_t i = 0; i < d->ntables; i++) {
        const struct tinfo *o = info(b, d->tables[i]);
        uint32_t from = p->nlegs;
        if (spread_out(o)) (void)route_every_node(b, o->rt);
        else route_leg(b, o->source, UINT32_MAX);
        for (uint32_t j = from; j < p->nlegs; j++) {
            p->legs[j].rows = &names[i];
            p->legs[j].nrows = 1;
        }
    }
    p->drop = d;
    if (!p->merge) p->merge = b_new(b, struct merge_spec);
    p->merge->add_counts = true;
    p->info.table = NULL; /* a leg's shard counts in its own table */
    return true;
}

static bool ddl_on_nodes(struct build *b, const struct sql_ddl *d)
{
    struct tinfo *t = info(b, d->tables[0]);
    if (d->as)
        return refuse(b,
                      "CREATE TABLE ... SELECT into " STR_FMT
                      ", which has several nodes, is not supported yet; create it and insert",
                      STR_ARG(t->rt->conf->name));
    for (uint32_t i = 0; i < b->stmt->ntables; i++)
        if (b->stmt->tables[i]->role == SQL_R_REFERENCES && !check_reference(b, t, &b->tables[i]))
            return false;
    if (!check_columns(b, t, d)) return false;
    if (t->at == AT_SHARDED) suffix_constraints(b, t->rt);
    (void)route_every_node(b, t->rt);
    b->p->layout = t->at == AT_SHARDED ? t->rt : NULL;
    return true;
}

static bool ddl_fixed(struct build *b, const struct sql_ddl *d)
{
    for (uint32_t i = 0; i < b->stmt->ntables; i++)
        if (b->stmt->tables[i]->role == SQL_R_REFERENCES && !check_fixed_reference(b, &b->tables[i]))
            return false;
    if (!any_sharded(b)) return route_one_source(b);
    no_scatter(b, "CREATE TABLE ... SELECT", NULL);
    return d->as && finish_blocks(b) && route_shards(b);
}

bool build_ddl(struct build *b)
{
    const struct sql_ddl *d = b->stmt->ddl;
    struct plan *p = b->p;
    if (!d->ntables) return refuse(b, "this statement is not supported yet");
    bool renames = b->stmt->kind == SQL_RENAME_TABLE || d->renames;
    p->info.cls = PLAN_DDL;
    if (d->temporary) {
        p->info.flags |= PLAN_TEMPORARY;
        for (uint32_t i = 0; i < d->ntables; i++)
            if (ruled(info(b, d->tables[i])))
                return refuse(b,
                              "a temporary table with the name of table " STR_FMT
                              " of the rules is not supported; choose another name",
                              STR_ARG(d->tables[i]->name.name));
    } else if (b->stmt->kind != SQL_TRUNCATE) {
        p->info.flags |= PLAN_CHANGES_SCHEMA;
    }
    for (uint32_t i = 0; renames && i < d->ntables; i++)
        if (ruled(info(b, d->tables[i])))
            return refuse(b,
                          "renaming from or to " STR_FMT
                          " is not supported, the rule file names that table; change the rules first",
                          STR_ARG(d->tables[i]->name.name));
    if (d->as) (void)block_query(b, d->as, NULL, BLOCK_DERIVED, NULL);
    if (!edit_tables(b, UINT32_MAX)) return false;
    if (drop_one_by_one(b, d)) return true;
    if (!check_targets(b, d->tables, d->ntables)) return false;
    return spread_out(info(b, d->tables[0])) ? ddl_on_nodes(b, d) : ddl_fixed(b, d);
}

/* ANALYZE, CHECK, OPTIMIZE, REPAIR, CHECKSUM TABLE: rows of each node, one after the other. */
bool build_admin(struct build *b)
{
    b->p->info.cls = PLAN_OTHER;
    if (!b->stmt->ntables) return refuse(b, "this statement is not supported yet");
    if (!edit_tables(b, UINT32_MAX) || !check_targets(b, b->stmt->tables, b->stmt->ntables)) return false;
    struct tinfo *t = &b->tables[0];
    if (!spread_out(t)) return route_one_source(b);
    (void)route_every_node(b, t->rt);
    b->p->merge->add_counts = false;
    return true;
}

static bool whole_statement(struct build *b, const char *what)
{
    struct str name;
    if (names_special_table(b, 0, b->scan->ntoks, &name))
        return refuse(b,
                      "%s naming " STR_FMT
                      ", which the rules place, is not supported yet: Weir does not read its grammar",
                      what, STR_ARG(name));
    route_leg(b, default_source(b), UINT32_MAX);
    return true;
}

bool build_database(struct build *b)
{
    const struct sql_ddl *d = b->stmt->ddl;
    bool exists = rt_schema(b->p->router, d->database) != NULL;
    if (b->stmt->kind == SQL_DROP_DATABASE)
        return refuse(
            b, "DROP DATABASE is not supported, schemas come from the rule file; drop the tables one by one");
    if (exists && d->if_not_exists) return build_session(b);
    if (exists)
        return fail(b, 1007, "HY000", "Can't create database '" STR_FMT "'; database exists",
                    STR_ARG(d->database));
    return refuse(b,
                  "CREATE DATABASE is not supported, schemas come from the rule file; add " STR_FMT " there",
                  STR_ARG(d->database));
}

/* Views, triggers, routines, events, sequences... */
bool build_create_other(struct build *b)
{
    b->p->info.cls = PLAN_DDL;
    if (b->stmt->word == SQL_W_USER || b->stmt->word == SQL_W_ROLE)
        return refuse(b, "accounts and roles live in the rule file, not in the servers; change them there");
    for (uint32_t i = 0; i < b->scan->ntoks; i++) { /* its rows are made logical when a client reads them */
        const struct sql_tok *t = &b->scan->toks[i];
        if ((t->kind == SQL_T_WORD || t->kind == SQL_T_QUOTED) && t[1].word == SQL_OP_DOT &&
            t[1].kind == SQL_T_OP && str_eq_nocase(sql_text(b->scan, i, b->a), STR("information_schema")))
            return refuse(b, "views, routines and triggers that read information_schema would see physical "
                             "names; read it directly");
    }
    b->p->info.flags |= PLAN_CHANGES_SCHEMA | PLAN_NO_CACHE;
    return whole_statement(b, "this statement");
}

/* ---- SHOW, DESCRIBE, EXPLAIN ---- */

static bool show_table(struct build *b, const struct sql_show_stmt *s)
{
    struct tinfo *t = info(b, s->table);
    if (!edit_tables(b, UINT32_MAX)) return false;
    if (t->edited && s->schema_span.end > s->schema_span.first)
        add_text(b, &b->p->single, s->schema_span.first, s->schema_span.end, STR(""));
    if (t->at != AT_SHARDED) return route_one_source(b);
    b->p->layout = t->rt;
    route_leg(b, t->rt->conf->nodes[0].source, 0);
    return true;
}

/* SHOW TRIGGERS FROM shop and its like: the physical database. */
static bool show_schema(struct build *b, const struct sql_show_stmt *s)
{
    uint32_t source = default_source(b);
    if (s->schema.len) {
        const struct rt_schema *rs = rt_schema(b->p->router, s->schema);
        if (rs) {
            source = rs->conf->default_source;
            if (!str_eq(rs->conf->databases[source], s->schema)) {
                add_text(b, &b->p->single, s->schema_span.end - 1, s->schema_span.end, rs->databases[source]);
                b->p->info.flags |= PLAN_SHARDED;
            }
        }
    }
    if (!splice_facts(b)) return false;
    route_leg(b, source, UINT32_MAX);
    return true;
}

bool build_explain(struct build *b)
{
    const struct sql_stmt *in = b->stmt->explain.inner;
    if (!in)
        return refuse(b, "EXPLAIN FOR CONNECTION is not supported yet, connections of servers are not those "
                         "of clients; explain the statement");
    bool analyze = false;
    for (uint32_t i = 0; i < in->span.first && i < b->scan->ntoks; i++)
        analyze |= b->scan->toks[i].kind == SQL_T_WORD && b->scan->toks[i].word == SQL_W_ANALYZE;
    b->what = in;
    b->p->info.cls = PLAN_READ;
    b->p->one_leg = true;
    if (!build_statement(b, in)) return false;
    if (b->p->info.kind == PLAN_SESSION) return refuse(b, "EXPLAIN of this statement is not supported");
    b->p->info.cls = analyze && b->p->info.cls != PLAN_READ ? PLAN_OTHER : PLAN_READ;
    b->p->info.flags &= ~(uint32_t)(PLAN_IGNORE | PLAN_CHANGES_SCHEMA);
    return true;
}

bool build_show(struct build *b)
{
    b->p->info.cls = PLAN_READ;
    const struct sql_show_stmt *s = b->stmt->show;
    if (s->table) return show_table(b, s);
    switch (s->what) {
    case SQL_SHOW_TABLES:
    case SQL_SHOW_TABLE_STATUS:
    case SQL_SHOW_TRIGGERS:
    case SQL_SHOW_EVENTS:
    case SQL_SHOW_FUNCTION_STATUS:
    case SQL_SHOW_PROCEDURE_STATUS:
    case SQL_SHOW_CREATE_DATABASE:
    case SQL_SHOW_DATABASES:
    case SQL_SHOW_WARNINGS:
    case SQL_SHOW_ERRORS:
    case SQL_SHOW_COUNT_WARNINGS:
    case SQL_SHOW_COUNT_ERRORS:
    case SQL_SHOW_PROCESSLIST:
    case SQL_SHOW_GRANTS:
    case SQL_SHOW_OPEN_TABLES:
    case SQL_SHOW_VARIABLES:
    case SQL_SHOW_STATUS:
    case SQL_SHOW_WEIR: return build_session(b);
    case SQL_SHOW_COLUMNS:
    case SQL_SHOW_INDEX:
    case SQL_SHOW_CREATE_TABLE:
    case SQL_SHOW_CREATE_VIEW:
    case SQL_SHOW_OTHER:
    case SQL_SHOW_ENGINES:
    case SQL_SHOW_COLLATION:
    case SQL_SHOW_CHARSET:
    case SQL_SHOW_PRIVILEGES:
    case SQL_SHOW_PLUGINS: return show_schema(b, s);
    }
    return build_session(b);
}

/* ---- the rest ---- */

bool build_call(struct build *b)
{
    const struct sql_name *n = &b->stmt->call.name;
    uint32_t source = default_source(b);
    b->p->info.cls = PLAN_OTHER;
    struct block *bl = block_from(b, NULL, NULL, NULL);
    for (uint32_t i = 0; i < b->stmt->call.nargs; i++) blocks_of_expr(b, bl, b->stmt->call.args[i], bl->env);
    if (n->schema.len) {
        const struct rt_schema *rs = rt_schema(b->p->router, n->schema);
        if (!rs) return fail(b, 1049, "42000", "Unknown database '" STR_FMT "'", STR_ARG(n->schema));
        source = rs->conf->default_source;
        if (!str_eq(rs->conf->databases[source], n->schema))
            add_text(b, &b->p->single, n->span.first, n->span.first + 1, rs->databases[source]);
    }
    if (b->stmt->ntables) return refuse(b, "CALL with a subquery is not supported yet; read the value first");
    if (!splice_facts(b)) return false;
    b->p->info.flags |= PLAN_MAY_REPLY_MANY;
    for (uint32_t i = 0; i < b->stmt->call.nargs; i++) /* OUT and INOUT arguments */
        if (bare(b->stmt->call.args[i])->kind == SQL_E_USERVAR) b->p->info.flags |= PLAN_WRITES_USERVARS;
    route_leg(b, source, UINT32_MAX);
    return true;
}

bool build_do(struct build *b)
{
    struct block *bl = block_from(b, NULL, NULL, NULL);
    for (uint32_t i = 0; i < b->stmt->exprs.n; i++) blocks_of_expr(b, bl, b->stmt->exprs.exprs[i], bl->env);
    if (any_sharded(b))
        return refuse(b, "DO with a subquery on a sharded table is not supported yet; use SELECT");
    return edit_tables(b, UINT32_MAX) && splice_facts(b) && route_one_source(b);
}

bool build_handler(struct build *b)
{
    b->p->info.cls = PLAN_OTHER;
    b->p->info.flags |= PLAN_SERVER_LOCK;
    if (any_sharded(b)) return refuse(b, "HANDLER on a sharded table is not supported; use SELECT");
    return edit_tables(b, UINT32_MAX) && route_one_source(b);
}

/* FLUSH, and statements whose grammar we do not read. */
bool build_unread(struct build *b)
{
    b->p->info.cls = PLAN_OTHER;
    b->p->info.flags |= PLAN_NO_CACHE | (b->stmt->kind == SQL_FLUSH ? PLAN_SERVER_LOCK : 0u);
    return whole_statement(b, b->stmt->kind == SQL_FLUSH ? "FLUSH" : "this statement");
}

bool build_grant(struct build *b)
{
    return refuse(b, "GRANT and REVOKE are not supported, accounts live in the rule file; change them there");
}
