/*
 * columns.c - information_schema -> catalog: the columns of every table that the rules or their default
 * databases know.
 *
 *   for each source: which databases matter, and of each either all tables (it is a schema's own database on
 * its default source) or only first nodes of configured tables
 *        -> TABLES, COLUMNS, STATISTICS of that database -> physical tables in scratch
 *   then logical names: configured table <- its first node; any other table of the default database <-
 * itself, unless it is a node
 *
 * The questions are the same for MariaDB 10.11 and MySQL 8/9: columns are aliased, because their case
 * differs, and read by position. One question a database with TABLE_SCHEMA = '..' alone or with names: both
 * servers then open only that database's tables.
 */
#include "proxy/control/room.h"

#include <stdio.h>
#include <stdlib.h>

struct physical {       /* a table as a server describes it */
    struct cat_table t; /* t.name: physical */
    VEC(struct cat_column) columns;
    struct str unique; /* name of the unique index in t.primary */
    bool partial;      /* ... which does not identify every row */
};
struct wanted { /* a database of one source */
    struct str name;
    bool all;
    VEC(struct str) names;
    struct map found; /* physical name -> struct physical */
};
struct load {
    const struct columns_job *job;
    const struct conf *conf;
    struct arena arena;
    struct catalog *out;
    VEC(struct wanted *) wanted; /* of the source at hand */
    bool memory;                 /* ran out of it */
};

/* ---- types ---- */

static enum cat_class class_of(struct str data_type, struct str column_type)
{
    static const struct {
        const char *name;
        enum cat_class cls;
    } table[] = {
        {"decimal", CAT_DECIMAL},
        {"numeric", CAT_DECIMAL},
        {"float", CAT_FLOAT},
        {"double", CAT_FLOAT},
        {"bit", CAT_BIT},
        {"year", CAT_YEAR},
        {"date", CAT_DATE},
        {"time", CAT_TIME},
        {"datetime", CAT_DATETIME},
        {"timestamp", CAT_TIMESTAMP},
        {"enum", CAT_ENUM},
        {"set", CAT_SET},
        {"char", CAT_TEXT},
        {"varchar", CAT_TEXT},
        {"tinytext", CAT_TEXT},
        {"text", CAT_TEXT},
        {"mediumtext", CAT_TEXT},
        {"longtext", CAT_TEXT},
        {"binary", CAT_BINARY},
        {"varbinary", CAT_BINARY},
        {"tinyblob", CAT_BINARY},
        {"blob", CAT_BINARY},
        {"mediumblob", CAT_BINARY},
        {"longblob", CAT_BINARY},
        {"json", CAT_JSON},
        {"geometry", CAT_GEOMETRY},
        {"point", CAT_GEOMETRY},
        {"linestring", CAT_GEOMETRY},
        {"polygon", CAT_GEOMETRY},
        {"multipoint", CAT_GEOMETRY},
        {"multilinestring", CAT_GEOMETRY},
        {"multipolygon", CAT_GEOMETRY},
        {"geometrycollection", CAT_GEOMETRY},
        {"geomcollection", CAT_GEOMETRY},
    };
    static const char *const integers[] = {"tinyint", "smallint", "mediumint", "int", "integer", "bigint"};
    for (size_t i = 0; i < COUNT_OF(integers); i++)
        if (str_eq_nocase(data_type, str_of(integers[i])))
            return str_find(column_type, STR("unsigned"), 0) != SIZE_MAX ? CAT_UINT : CAT_INT;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (str_eq_nocase(data_type, str_of(table[i].name))) return table[i].cls;
    return CAT_OTHER;
}

/* ---- asking one database ---- */

static struct str field(MYSQL_ROW row, const unsigned long *len, int i)
{
    return row[i] ? str_make(row[i], len[i]) : STR_NULL;
}

static uint32_t number(struct str s)
{
    uint64_t v;
    return s.ptr && str_to_u64(s, &v) && v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* " WHERE TABLE_SCHEMA = 'db' [AND TABLE_NAME IN (...)]" */
static void put_where(struct buf *b, const struct wanted *w)
{
    buf_putz(b, " WHERE TABLE_SCHEMA = ");
    put_quoted(b, w->name);
    if (w->all) return;
    buf_putz(b, " AND TABLE_NAME IN (");
    for (uint32_t i = 0; i < w->names.len; i++) {
        if (i) buf_putz(b, ", ");
        put_quoted(b, w->names.at[i]);
    }
    buf_putz(b, ")");
}

/* One question; `row` is called for each row. False: the source failed (link->error) or memory (L->memory).
 */
static bool ask(struct load *L, struct link *l, struct wanted *w, const char *head, const char *more,
                const char *order,
                void row(struct load *L, struct wanted *w, MYSQL_ROW r, const unsigned long *len))
{
    struct buf b = {0};
    buf_putz(&b, head);
    put_where(&b, w);
    buf_putz(&b, more);
    buf_putz(&b, order);
    MYSQL_RES *res = NULL;
    bool ok = false;
    if (b.failed)
        L->memory = true;
    else if (link_query(l, buf_str(&b), true))
        res = link_result(l);
    if (res) {
        for (MYSQL_ROW r; !L->memory && (r = mysql_fetch_row(res));) row(L, w, r, mysql_fetch_lengths(res));
        ok = !L->memory;
        mysql_free_result(res);
    }
    buf_release(&b);
    return ok;
}

static void on_table(struct load *L, struct wanted *w, MYSQL_ROW r, const unsigned long *len)
{
    struct physical *p = arena_new(&L->arena, struct physical);
    struct str name = arena_str(&L->arena, field(r, len, 0));
    if (!p || !name.ptr) {
        L->memory = true;
        return;
    }
    p->t.name = name;
    p->t.view = str_find(field(r, len, 1), STR("VIEW"), 0) != SIZE_MAX;
    if (!map_put(&w->found, name, p)) L->memory = true;
}

/* 0 table, 1 column, 2 COLUMN_TYPE, 3 DATA_TYPE, 4 collation, 5 precision, 6 scale, 7 fraction, 8 nullable, 9
 * EXTRA, 10 has default, 11 key */
static void on_column(struct load *L, struct wanted *w, MYSQL_ROW r, const unsigned long *len)
{
    struct physical *p = map_get(&w->found, field(r, len, 0));
    if (!p) return; /* made between the two questions: the next load has it */
    struct cat_column *c = vec_push(&p->columns, &L->arena);
    if (!c) {
        L->memory = true;
        return;
    }
    c->name = arena_str(&L->arena, field(r, len, 1));
    c->type = arena_str(&L->arena, field(r, len, 2));
    c->collation = arena_str(&L->arena, field(r, len, 4));
    if (!c->name.ptr || !c->type.ptr || !c->collation.ptr) L->memory = true;
    c->cls = class_of(field(r, len, 3), c->type);
    bool temporal = c->cls == CAT_TIME || c->cls == CAT_DATETIME || c->cls == CAT_TIMESTAMP;
    c->precision = number(field(r, len, 5));
    c->scale = number(field(r, len, temporal ? 7 : 6));
    c->nullable = str_eq(field(r, len, 8), STR("YES"));
    struct str extra = field(r, len, 9);
    c->auto_increment = str_find(extra, STR("auto_increment"), 0) != SIZE_MAX;
    c->invisible = str_find(extra, STR("INVISIBLE"), 0) != SIZE_MAX;
    /* MySQL's DEFAULT_GENERATED marks an expression default, which is no generated column. */
    c->generated = str_find(extra, STR("VIRTUAL GENERATED"), 0) != SIZE_MAX ||
                   str_find(extra, STR("STORED GENERATED"), 0) != SIZE_MAX;
    c->has_default = c->nullable || str_eq(field(r, len, 10), STR("1"));
    c->primary = str_eq(field(r, len, 11), STR("PRI"));
}

/* Parts of unique indexes, PRIMARY's first; the rows of one index come together. The first index that
 * identifies every row stays. */
static void on_index(struct load *L, struct wanted *w, MYSQL_ROW r, const unsigned long *len)
{
    struct physical *p = map_get(&w->found, field(r, len, 0));
    struct str index = field(r, len, 1), column = field(r, len, 2);
    if (!p) return;
    if (str_eq(field(r, len, 3), STR("1")) && (!p->unique.len || p->partial)) {
        p->unique = arena_str(&L->arena, index);
        p->t.primary = arena_array(&L->arena, uint32_t, p->columns.len + 1);
        p->t.nprimary = 0;
        p->partial = false;
        if (!p->unique.ptr || !p->t.primary) L->memory = true;
    }
    if (L->memory || !str_eq(index, p->unique)) return;
    uint32_t i = 0;
    while (i < p->columns.len && !str_eq(p->columns.at[i].name, column)) i++;
    if (i < p->columns.len && !p->columns.at[i].nullable && p->t.nprimary < p->columns.len)
        p->t.primary[p->t.nprimary++] = i;
    else
        p->partial = true; /* a nullable column or an expression: does not identify a row */
}

static bool load_database(struct load *L, struct link *l, struct wanted *w)
{
    return ask(L, l, w, "SELECT TABLE_NAME AS a, TABLE_TYPE AS b FROM information_schema.TABLES", "", "",
               on_table) &&
           ask(L, l, w,
               "SELECT TABLE_NAME AS a, COLUMN_NAME AS b, COLUMN_TYPE AS c, DATA_TYPE AS d, COLLATION_NAME "
               "AS e, NUMERIC_PRECISION AS f,"
               " NUMERIC_SCALE AS g, DATETIME_PRECISION AS h, IS_NULLABLE AS i, EXTRA AS j, COLUMN_DEFAULT "
               "IS NOT NULL AS k,"
               " COLUMN_KEY AS l FROM information_schema.COLUMNS",
               "", " ORDER BY TABLE_NAME, ORDINAL_POSITION", on_column) &&
           ask(L, l, w,
               "SELECT TABLE_NAME AS a, INDEX_NAME AS b, COLUMN_NAME AS c, SEQ_IN_INDEX AS d FROM "
               "information_schema.STATISTICS",
               " AND NON_UNIQUE = 0",
               " ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX", on_index);
}

/* ---- what is wanted of a source ---- */

static struct wanted *want(struct load *L, struct str database)
{
    for (uint32_t i = 0; i < L->wanted.len; i++)
        if (str_eq(L->wanted.at[i]->name, database)) return L->wanted.at[i];
    struct wanted *w = arena_new(&L->arena, struct wanted);
    struct wanted **slot = w ? vec_push(&L->wanted, &L->arena) : NULL;
    if (!slot) {
        L->memory = true;
        return NULL;
    }
    w->name = database;
    map_init(&w->found, false);
    *slot = w;
    return w;
}

static void collect_wanted(struct load *L, uint32_t source)
{
    L->wanted.len = 0;
    for (uint32_t i = 0; i < L->conf->nschemas && !L->memory; i++) {
        const struct conf_schema *s = &L->conf->schemas[i];
        if (s->default_source == source) {
            struct wanted *w = want(L, s->databases[source]);
            if (w) w->all = true;
        }
        for (uint32_t j = 0; j < s->ntables && !L->memory; j++) {
            const struct conf_node *n = s->tables[j].nnodes ? &s->tables[j].nodes[0] : NULL;
            if (!n || n->source != source) continue;
            struct wanted *w = want(L, n->database);
            struct str *name = w ? vec_push(&w->names, &L->arena) : NULL;
            if (name)
                *name = n->table;
            else
                L->memory = true;
        }
    }
}

/* ---- logical names ---- */

static void add(struct load *L, struct str schema, struct str name, const struct physical *p)
{
    struct cat_table t = p->t;
    t.schema = schema;
    t.name = name;
    t.columns = p->columns.at;
    t.ncolumns = p->columns.len;
    if (p->partial) t.nprimary = 0;
    if (t.ncolumns && !catalog_add(L->out, &t)) L->memory = true;
}

static void publish_source(struct load *L, uint32_t source)
{
    for (uint32_t i = 0; i < L->conf->nschemas; i++) {
        const struct conf_schema *s = &L->conf->schemas[i];
        for (uint32_t j = 0; j < s->ntables; j++) {
            const struct conf_node *n = s->tables[j].nnodes ? &s->tables[j].nodes[0] : NULL;
            if (!n || n->source != source) continue;
            struct wanted *w = want(L, n->database);
            const struct physical *p = w ? map_get(&w->found, n->table) : NULL;
            if (p) add(L, s->name, s->tables[j].name, p);
        }
        if (s->default_source != source) continue;
        struct wanted *w = want(L, s->databases[source]);
        for (struct map_slot *slot = NULL; w && (slot = map_next(&w->found, slot));) {
            struct str name = slot->key;
            if (conf_table(s, name) || router_is_node(L->job->router, source, w->name, name)) continue;
            add(L, s->name, name, slot->value);
        }
    }
}

/* The source that a logical table's columns come from; UINT32_MAX when the rules no longer know. */
static uint32_t source_of(const struct conf *c, const struct cat_table *t)
{
    const struct conf_schema *s = conf_schema(c, t->schema);
    if (!s) return UINT32_MAX;
    const struct conf_table *ct = conf_table(s, t->name);
    return ct && ct->nnodes ? ct->nodes[0].source : s->default_source;
}

static void keep_old(struct load *L, uint32_t source)
{
    if (!L->job->old) return;
    for (struct map_slot *slot = NULL; (slot = map_next(&L->job->old->tables, slot));) {
        const struct cat_table *t = slot->value;
        if (source_of(L->conf, t) == source && !catalog_add(L->out, t)) L->memory = true;
    }
}

/* ---- comparing snapshots ---- */

static bool same_table(const struct cat_table *a, const struct cat_table *b)
{
    if (!b || a->ncolumns != b->ncolumns || a->nprimary != b->nprimary || a->view != b->view) return false;
    for (uint32_t i = 0; i < a->nprimary; i++)
        if (a->primary[i] != b->primary[i]) return false;
    for (uint32_t i = 0; i < a->ncolumns; i++) {
        const struct cat_column *x = &a->columns[i], *y = &b->columns[i];
        if (!str_eq(x->name, y->name) || !str_eq(x->type, y->type) || !str_eq(x->collation, y->collation) ||
            x->cls != y->cls || x->precision != y->precision || x->scale != y->scale ||
            x->nullable != y->nullable || x->auto_increment != y->auto_increment ||
            x->generated != y->generated || x->invisible != y->invisible ||
            x->has_default != y->has_default || x->primary != y->primary)
            return false;
    }
    return true;
}

static bool same_catalog(const struct catalog *a, const struct catalog *b)
{
    if (a->tables.len != b->tables.len) return false;
    for (struct map_slot *slot = NULL; (slot = map_next(&a->tables, slot));) {
        const struct cat_table *t = slot->value;
        if (!same_table(t, catalog_table(b, t->schema, t->name))) return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool load_source(struct load *L, uint32_t source)
{
    struct link *l = &L->job->links[source];
    collect_wanted(L, source);
    bool ok = link_open(l); /* also when nothing is wanted: the caller learns whether it is up */
    for (uint32_t i = 0; i < L->wanted.len && ok && !L->memory; i++)
        ok = load_database(L, l, L->wanted.at[i]);
    if (ok && !L->memory) publish_source(L, source);
    for (uint32_t i = 0; i < L->wanted.len; i++) map_release(&L->wanted.at[i]->found);
    return ok;
}

struct catalog *columns_load(const struct columns_job *job)
{
    struct load L = {.job = job, .conf = router_conf(job->router)};
    arena_init(&L.arena, 0);
    L.out = catalog_new(job->old ? job->old->version + 1 : 1);
    if (!L.out) return NULL;
    for (uint32_t i = 0; i < L.conf->nsources && !L.memory; i++) {
        bool asked = !job->ask || job->ask(job->ctx, i), answered = asked && load_source(&L, i);
        if (job->answers) job->answers[i] = answered;
        if (answered) continue;
        if (asked && job->failed && !L.memory) job->failed(job->ctx, i, job->links[i].error);
        keep_old(&L, i);
    }
    arena_release(&L.arena);
    if (L.memory) {
        catalog_unref(L.out);
        return NULL;
    }
    if (job->old && same_catalog(L.out, job->old)) {
        catalog_unref(L.out);
        return catalog_ref(job->old);
    }
    return L.out;
}
