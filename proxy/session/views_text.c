/*
 * views_text.c - the derived tables that stand for information_schema's: rules, facts and the statement's
 * conditions in, text out.
 *
 *   a database of a source            rows shown
 *   home of a schema                  its unlisted tables: NOT IN (nodes, and names that the rules give to
 * others) any with a representative node    those, renamed by CASE system                            all, as
 * they are
 *
 * Each of these is a SELECT of its own with TABLE_SCHEMA = '..': then servers list one database only, and
 * open one table only where the table is named too. Names are compared as binary strings, for
 * information_schema itself ignores letter case while tables do not.
 */
#include "proxy/session/views.h"

/* ---- the tables ---- */

static const struct view_def defs[] = {
    {"TABLES", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"COLUMNS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"STATISTICS", "TABLE_SCHEMA", "TABLE_NAME", "INDEX_SCHEMA", NULL, NULL, false, false},
    {"SCHEMATA", "SCHEMA_NAME", NULL, NULL, NULL, NULL, false, false},
    {"KEY_COLUMN_USAGE", "TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_SCHEMA", "REFERENCED_TABLE_SCHEMA",
     "REFERENCED_TABLE_NAME", false, false},
    {"TABLE_CONSTRAINTS", "TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_SCHEMA", NULL, NULL, false, false},
    {"REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA", "TABLE_NAME", NULL, "UNIQUE_CONSTRAINT_SCHEMA",
     "REFERENCED_TABLE_NAME", false, false},
    {"CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"VIEWS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"TRIGGERS", "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", "TRIGGER_SCHEMA", NULL, NULL, false, false},
    {"PARTITIONS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"ROUTINES", "ROUTINE_SCHEMA", NULL, NULL, NULL, NULL, false, false},
    {"PARAMETERS", "SPECIFIC_SCHEMA", NULL, NULL, NULL, NULL, false, false},
    {"EVENTS", "EVENT_SCHEMA", NULL, NULL, NULL, NULL, false, false},
    {"TABLE_PRIVILEGES", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"COLUMN_PRIVILEGES", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"SCHEMA_PRIVILEGES", "TABLE_SCHEMA", NULL, NULL, NULL, NULL, false, false},
    {.name = "PROCESSLIST", .clients = true},
    {.name = "SESSION_VARIABLES", .values = true},
    {.name = "GLOBAL_VARIABLES", .values = true},
    {.name = "SESSION_STATUS", .values = true},
    {.name = "GLOBAL_STATUS", .values = true},
    /* MariaDB */
    {"TABLE_STATISTICS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"INDEX_STATISTICS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"GEOMETRY_COLUMNS", "F_TABLE_SCHEMA", "F_TABLE_NAME", NULL, "G_TABLE_SCHEMA", "G_TABLE_NAME", false, false},
    /* MySQL */
    {"TABLES_EXTENSIONS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"COLUMNS_EXTENSIONS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"SCHEMATA_EXTENSIONS", "SCHEMA_NAME", NULL, NULL, NULL, NULL, false, false},
    {"TABLE_CONSTRAINTS_EXTENSIONS", "CONSTRAINT_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"COLUMN_STATISTICS", "SCHEMA_NAME", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"ST_GEOMETRY_COLUMNS", "TABLE_SCHEMA", "TABLE_NAME", NULL, NULL, NULL, false, false},
    {"VIEW_TABLE_USAGE", "VIEW_SCHEMA", "VIEW_NAME", NULL, "TABLE_SCHEMA", "TABLE_NAME", false, false},
};
static const char *const system_schemas[] = {"information_schema", "mysql", "performance_schema", "sys"};

const struct view_def *view_def(struct str table)
{
    for (size_t i = 0; i < COUNT_OF(defs); i++)
        if (str_eq_nocase(table, str_of(defs[i].name))) return &defs[i];
    return NULL;
}

/* ---- literals ---- */

/* In any character set of the connection: ASCII as it is, the rest (utf8) by its bytes. */
static void put_literal(struct buf *b, struct str s, const struct sql_options *opt)
{
    bool plain = view_is_ascii(s);
    for (size_t i = 0; i < s.len && plain; i++) plain = s.ptr[i] != '\\' && s.ptr[i] != 0;
    if (plain) {
        sql_put_string(b, s, opt);
        return;
    }
    static const char digits[] = "0123456789abcdef";
    buf_putz(b, "_utf8mb4 x'");
    for (size_t i = 0; i < s.len; i++) {
        buf_put_u8(b, (uint8_t)digits[(unsigned char)s.ptr[i] >> 4]);
        buf_put_u8(b, (uint8_t)digits[s.ptr[i] & 15]);
    }
    buf_put_u8(b, '\'');
}

struct literals { /* 'a','b' */
    struct buf text;
    uint32_t n;
};

static void list_add(struct literals *l, struct str s, const struct sql_options *opt)
{
    if (l->n++) buf_put_u8(&l->text, ',');
    put_literal(&l->text, s, opt);
}

/* ---- representatives ---- */

/* The node that stands for the table. */
static const struct conf_node *representative(const struct view_ask *q, const struct conf_table *t)
{
    for (uint32_t i = 0; i < t->nnodes; i++)
        if (t->nodes[i].source == q->home) return &t->nodes[i];
    return t->nnodes ? &t->nodes[0] : NULL;
}

static bool shown(const struct view_ask *q, const struct conf_schema *s)
{
    return q->allowed[s->index] && view_may_be(&q->filter->schema, s->name);
}

static bool is_rep(const struct view_ask *q, const struct conf_table *t, uint32_t source, struct str database)
{
    const struct conf_node *n = representative(q, t);
    return n && n->source == source && str_eq(n->database, database) &&
           view_may_be(&q->filter->table, t->name);
}

static bool none_left(const struct view_names *n)
{
    return !n->any && n->n == 0;
}

bool view_needs(const struct view_ask *q, uint32_t source)
{
    if (none_left(&q->filter->schema) || none_left(&q->filter->table)) return false;
    for (uint32_t i = 0; i < q->conf->nschemas; i++) {
        const struct conf_schema *s = &q->conf->schemas[i];
        if (!shown(q, s)) continue;
        /* A name that the rules know is no unlisted table's. */
        bool only_ruled = q->def->table && q->filter->table.exact && q->filter->table.n == 1 &&
                          conf_table(s, q->filter->table.at[0]);
        if (s->default_source == source && !only_ruled) return true;
        for (uint32_t j = 0; q->def->table && j < s->ntables; j++) {
            const struct conf_node *n = representative(q, &s->tables[j]);
            if (n && n->source == source && view_may_be(&q->filter->table, s->tables[j].name)) return true;
        }
    }
    return false;
}

/* ---- columns of a branch ---- */

struct branch {
    const struct view_ask *q;
    uint32_t source;
    const struct view_columns *theirs;
    bool bytes, named;
    const struct conf_schema *schema; /* NULL: a system schema, nothing is renamed */
    struct str database;
    bool reps; /* representatives; else the unlisted tables */
    struct buf *out;
};

static const struct view_column *column_of(const struct view_columns *c, struct str name)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (str_eq_nocase(c->at[i].name, name)) return &c->at[i];
    return NULL;
}

static bool is_column(const char *which, struct str name)
{
    return which && str_eq_nocase(name, str_of(which));
}

static void put_when(const struct branch *b, struct str from, struct str to)
{
    buf_putz(b->out, " WHEN ");
    put_literal(b->out, from, b->q->opt);
    buf_putz(b->out, " THEN ");
    put_literal(b->out, to, b->q->opt);
}

/* The logical name of the row's table. */
static void put_table(const struct branch *b)
{
    const struct conf_schema *s = b->schema;
    bool begun = false;
    for (uint32_t i = 0; b->reps && i < s->ntables; i++) {
        if (!is_rep(b->q, &s->tables[i], b->source, b->database)) continue;
        const struct conf_node *n = representative(b->q, &s->tables[i]);
        if (str_eq(n->table, s->tables[i].name)) continue;
        if (!begun) buf_printf(b->out, "CASE CAST(%s AS BINARY)", b->q->def->table);
        begun = true;
        put_when(b, n->table, s->tables[i].name);
    }
    buf_printf(b->out, begun ? " ELSE %s END" : "%s", b->q->def->table);
}

/* The database that a row refers to: any of the source's that belong to a schema. */
static void put_ref_schema(const struct branch *b, const char *column)
{
    const struct conf *c = b->q->conf;
    struct map seen;
    map_init(&seen, false);
    buf_printf(b->out, "CASE CAST(%s AS BINARY)", column);
    put_when(b, b->database, b->schema->name);
    b->out->failed |= !map_put(&seen, b->database, b->out);
    for (uint32_t i = 0; i < c->nschemas; i++) {
        const struct conf_schema *s = &c->schemas[i];
        struct str home = s->databases[b->source];
        if (home.len && !map_get(&seen, home)) {
            put_when(b, home, s->name);
            b->out->failed |= !map_put(&seen, home, b->out);
        }
        for (uint32_t j = 0; j < s->ntables; j++) {
            for (uint32_t k = 0; k < s->tables[j].nnodes; k++) {
                const struct conf_node *n = &s->tables[j].nodes[k];
                if (n->source != b->source || map_get(&seen, n->database)) continue;
                put_when(b, n->database, s->name);
                b->out->failed |= !map_put(&seen, n->database, b->out);
            }
        }
    }
    map_release(&seen);
    buf_printf(b->out, " ELSE %s END", column);
}

/* The table that a row refers to: a node that lies where this one does, by its name. */
static void put_ref_table(const struct branch *b, const char *column)
{
    const struct conf_schema *s = b->schema;
    struct map seen;
    map_init(&seen, false);
    bool begun = false;
    for (uint32_t pass = 0; pass < 2; pass++) { /* first those of the same database */
        for (uint32_t j = 0; j < s->ntables; j++) {
            for (uint32_t k = 0; k < s->tables[j].nnodes; k++) {
                const struct conf_node *n = &s->tables[j].nodes[k];
                if (n->source != b->source || (pass == 0) != str_eq(n->database, b->database) ||
                    str_eq(n->table, s->tables[j].name) || map_get(&seen, n->table))
                    continue;
                if (!begun) buf_printf(b->out, "CASE CAST(%s AS BINARY)", column);
                begun = true;
                put_when(b, n->table, s->tables[j].name);
                b->out->failed |= !map_put(&seen, n->table, b->out);
            }
        }
    }
    map_release(&seen);
    buf_printf(b->out, begun ? " ELSE %s END" : "%s", column);
}

/* Names that servers make out of the table's: orders_3_ibfk_1, orders_3_chk_1. */
static void put_constraint(const struct branch *b)
{
    const char *t = b->q->def->table;
    buf_printf(b->out,
               "IF(LEFT(CONSTRAINT_NAME,CHAR_LENGTH(%s)+6)=CONCAT(%s,'_ibfk_') OR "
               "LEFT(CONSTRAINT_NAME,CHAR_LENGTH(%s)+5)=CONCAT(%s,'_chk_'),CONCAT(",
               t, t, t, t);
    put_table(b);
    buf_printf(b->out, ",SUBSTR(CONSTRAINT_NAME,CHAR_LENGTH(%s)+1)),CONSTRAINT_NAME)", t);
}

static const struct view_sums *sums_of(const struct view_ask *q, const struct conf_table *t)
{
    for (uint32_t i = 0; i < q->nsums; i++)
        if (q->sums[i].table == t) return &q->sums[i];
    return NULL;
}

static const char *const summed[] = {VIEW_SIZES};

static bool sum_value(const struct view_sums *s, struct str column, uint64_t *v)
{
    if (is_column("TABLE_ROWS", column))
        *v = s->rows;
    else if (is_column("DATA_LENGTH", column))
        *v = s->data;
    else if (is_column("INDEX_LENGTH", column))
        *v = s->index;
    else if (is_column("DATA_FREE", column))
        *v = s->free;
    else if (is_column("AVG_ROW_LENGTH", column))
        *v = s->rows ? s->data / s->rows : 0;
    else
        return false;
    return true;
}

/* What a sharded table's representative cannot say for the whole. */
static void put_size(const struct branch *b, struct str column)
{
    const struct conf_schema *s = b->schema;
    bool next_id = is_column("AUTO_INCREMENT", column), begun = false;
    for (uint32_t i = 0; i < s->ntables; i++) {
        const struct conf_table *t = &s->tables[i];
        const struct view_sums *sum = sums_of(b->q, t);
        uint64_t v = 0;
        if (t->kind != CONF_TABLE_SHARDED || !is_rep(b->q, t, b->source, b->database) ||
            (!next_id && (!sum || !sum_value(sum, column, &v))))
            continue;
        if (!begun) buf_printf(b->out, "CASE CAST(%s AS BINARY)", b->q->def->table);
        begun = true;
        buf_putz(b->out, " WHEN ");
        put_literal(b->out, representative(b->q, t)->table, b->q->opt);
        buf_putz(b->out, " THEN ");
        buf_putz(b->out, "CAST("); /* a plain number is signed, and the two together make a DECIMAL */
        if (next_id)
            buf_putz(b->out, "NULL");
        else
            buf_put_dec(b->out, v);
        buf_putz(b->out, " AS UNSIGNED)");
    }
    if (begun) buf_putz(b->out, " ELSE ");
    sql_put_name(b->out, column, true);
    if (begun) buf_putz(b->out, " END");
}

static bool is_size(const struct view_def *def, struct str column)
{
    if (!is_column("TABLES", str_of(def->name))) return false;
    for (size_t i = 0; i < COUNT_OF(summed); i++)
        if (is_column(summed[i], column)) return true;
    return is_column("AUTO_INCREMENT", column);
}

/* With the column's type and collation, which a literal alone would not have. */
static void put_schema_name(const struct branch *b, struct str column)
{
    if (!b->bytes) buf_putz(b->out, "IF(1,");
    put_literal(b->out, b->schema->name, b->q->opt);
    if (b->bytes) return;
    buf_putz(b->out, ",");
    sql_put_name(b->out, column, true);
    buf_putz(b->out, ")");
}

static void put_value(const struct branch *b, struct str name)
{
    const struct view_def *d = b->q->def;
    bool moved = b->schema && !str_eq(b->database, b->schema->name);
    if (!b->schema) {
        sql_put_name(b->out, name, true);
    } else if (is_column(d->schema, name) || is_column(d->also, name)) {
        if (!moved)
            sql_put_name(b->out, name, true);
        else
            put_schema_name(b, name);
    } else if (is_column(d->table, name)) {
        put_table(b);
    } else if (is_column(d->ref_schema, name)) {
        put_ref_schema(b, d->ref_schema);
    } else if (is_column(d->ref_table, name)) {
        put_ref_table(b, d->ref_table);
    } else if (b->reps && d->table && is_column("CONSTRAINT_NAME", name)) {
        put_constraint(b);
    } else if (b->reps && is_size(d, name)) {
        put_size(b, name);
    } else if (moved && is_column("VIEW_DEFINITION", name)) { /* names its tables with their database */
        struct buf from = {0}, to = {0};
        sql_put_name(&from, b->database, true);
        sql_put_name(&to, b->schema->name, true);
        buf_putz(&from, ".");
        buf_putz(&to, ".");
        buf_putz(b->out, "REPLACE(VIEW_DEFINITION,");
        put_literal(b->out, buf_str(&from), b->q->opt);
        buf_putz(b->out, ",");
        put_literal(b->out, buf_str(&to), b->q->opt);
        buf_putz(b->out, ")");
        buf_release(&from);
        buf_release(&to);
    } else {
        sql_put_name(b->out, name, true);
    }
}

static void put_select(const struct branch *b)
{
    const struct view_columns *c = b->q->columns;
    buf_putz(b->out, "SELECT ");
    for (uint32_t i = 0; i < c->n; i++) {
        if (i) buf_putz(b->out, ",");
        if (b->theirs != c && !column_of(b->theirs, c->at[i].name)) {
            buf_putz(b->out, "NULL");
            continue;
        }
        bool cast = b->bytes && c->at[i].cls == VIEW_TEXT;
        if (cast) buf_putz(b->out, "CAST(");
        put_value(b, c->at[i].name);
        if (cast) buf_putz(b->out, " AS BINARY)");
        if (b->named) {
            buf_putz(b->out, " AS ");
            sql_put_name(b->out, c->at[i].name, true);
        }
    }
    buf_printf(b->out, " FROM information_schema.%s", b->q->def->name);
}

/* ---- rows of a branch ---- */

/* " WHERE TABLE_SCHEMA='db'", which binds the question to one database. */
static void put_where(const struct branch *b)
{
    buf_printf(b->out, " WHERE %s=", b->q->def->schema);
    put_literal(b->out, b->database, b->q->opt);
}

static void put_in(const struct branch *b, const char *column, struct literals *l, bool also_binary)
{
    buf_printf(b->out, l->n == 1 ? " AND %s=" STR_FMT : " AND %s IN (" STR_FMT ")", column,
               STR_ARG(buf_str(&l->text)));
    if (also_binary)
        buf_printf(b->out,
                   l->n == 1 ? " AND CAST(%s AS BINARY)=" STR_FMT
                             : " AND CAST(%s AS BINARY) IN (" STR_FMT ")",
                   column, STR_ARG(buf_str(&l->text)));
    b->out->failed |= l->text.failed;
}

static void put_not_in(const struct branch *b, struct literals *l)
{
    if (l->n)
        buf_printf(b->out, " AND CAST(%s AS BINARY) NOT IN (" STR_FMT ")", b->q->def->table,
                   STR_ARG(buf_str(&l->text)));
    b->out->failed |= l->text.failed;
}

static void hide(const struct branch *b, struct map *seen, struct literals *l, struct str name)
{
    if (map_get(seen, name) || !view_may_be(&b->q->filter->table, name)) return;
    b->out->failed |= !map_put(seen, name, l);
    list_add(l, name, b->q->opt);
}

/* Nodes of any rule in this database, and what the rules of this schema call a table. */
static void put_hidden(const struct branch *b)
{
    const struct conf *c = b->q->conf;
    struct literals l = {0};
    struct map seen;
    map_init(&seen, false);
    for (uint32_t i = 0; i < c->nschemas; i++) {
        for (uint32_t j = 0; j < c->schemas[i].ntables; j++) {
            const struct conf_table *t = &c->schemas[i].tables[j];
            for (uint32_t k = 0; k < t->nnodes; k++)
                if (t->nodes[k].source == b->source && str_eq(t->nodes[k].database, b->database))
                    hide(b, &seen, &l, t->nodes[k].table);
        }
    }
    for (uint32_t j = 0; j < b->schema->ntables; j++) hide(b, &seen, &l, b->schema->tables[j].name);
    put_not_in(b, &l);
    map_release(&seen);
    buf_release(&l.text);
}

static void put_named(const struct branch *b, const char *column, const struct view_names *names)
{
    struct literals l = {0};
    if (names->any) return;
    for (uint32_t i = 0; i < names->n; i++) list_add(&l, names->at[i], b->q->opt);
    put_in(b, column, &l, false);
    buf_release(&l.text);
}

static void begin_branch(struct branch *b, uint32_t *n)
{
    b->named = *n == 0 && !b->bytes; /* the first SELECT names the columns of all */
    if ((*n)++) buf_putz(b->out, " UNION ALL ");
    put_select(b);
}

static void put_unlisted(struct branch *b, uint32_t *n)
{
    const struct view_def *d = b->q->def;
    const struct view_names *named = &b->q->filter->table;
    if (d->table && named->exact && named->n == 1 && conf_table(b->schema, named->at[0])) return;
    b->reps = false;
    begin_branch(b, n);
    put_where(b);
    if (!d->table || !column_of(b->theirs, str_of(d->table)))
        return; /* MySQL's CHECK_CONSTRAINTS does not name the table */
    put_named(b, d->table, named);
    put_hidden(b);
}

static void put_reps(struct branch *b, uint32_t *n)
{
    const struct conf_schema *s = b->schema;
    struct literals l = {0};
    for (uint32_t i = 0; i < s->ntables; i++)
        if (is_rep(b->q, &s->tables[i], b->source, b->database))
            list_add(&l, representative(b->q, &s->tables[i])->table, b->q->opt);
    b->reps = true;
    if (l.n && column_of(b->theirs, str_of(b->q->def->table))) {
        begin_branch(b, n);
        put_where(b);
        put_in(b, b->q->def->table, &l, true);
    }
    buf_release(&l.text);
}

static void put_system(struct branch *b, uint32_t *n)
{
    const struct view_names *named = &b->q->filter->schema;
    struct literals l = {0};
    bool schemata = !b->q->def->table && is_column("SCHEMATA", str_of(b->q->def->name));
    uint32_t last = b->q->all_system && !schemata ? COUNT_OF(system_schemas)
                                                  : 1; /* SCHEMATA and SHOW DATABASES say the same */
    for (uint32_t i = 0; i < last; i++)
        if (view_may_be(named, str_of(system_schemas[i]))) list_add(&l, str_of(system_schemas[i]), b->q->opt);
    b->schema = NULL;
    if (l.n) {
        begin_branch(b, n);
        buf_printf(b->out, l.n == 1 ? " WHERE %s=" STR_FMT : " WHERE %s IN (" STR_FMT ")", b->q->def->schema,
                   STR_ARG(buf_str(&l.text)));
        if (b->q->def->table) put_named(b, b->q->def->table, &b->q->filter->table);
    }
    buf_release(&l.text);
}

/* The databases of one schema on the source: its home, then those of its representatives. */
static void put_schema(struct branch *b, uint32_t *n)
{
    const struct conf_schema *s = b->schema;
    struct map seen;
    if (s->default_source == b->source) {
        b->database = s->databases[b->source];
        put_unlisted(b, n);
    }
    map_init(&seen, false);
    for (uint32_t i = 0; b->q->def->table && i < s->ntables; i++) {
        const struct conf_node *node = representative(b->q, &s->tables[i]);
        if (!node || node->source != b->source || map_get(&seen, node->database)) continue;
        b->out->failed |= !map_put(&seen, node->database, b->out);
        b->database = node->database;
        put_reps(b, n);
    }
    map_release(&seen);
}

uint32_t view_put_branches(const struct view_ask *q, uint32_t source, const struct view_columns *theirs,
                           bool bytes, struct buf *out)
{
    struct branch b = {.q = q, .source = source, .theirs = theirs, .bytes = bytes, .out = out};
    uint32_t n = 0;
    if (none_left(&q->filter->schema) || (q->def->table && none_left(&q->filter->table))) return 0;
    for (uint32_t i = 0; i < q->conf->nschemas; i++) {
        b.schema = &q->conf->schemas[i];
        if (shown(q, b.schema)) put_schema(&b, &n);
    }
    if (source == q->home) put_system(&b, &n);
    return n;
}

void view_put_none(const struct view_ask *q, struct buf *out)
{
    buf_putz(out, "SELECT ");
    for (uint32_t i = 0; i < q->columns->n; i++) {
        if (i) buf_putz(out, ",");
        sql_put_name(out, q->columns->at[i].name, true);
    }
    buf_printf(out, " FROM information_schema.%s WHERE 0", q->def->name);
}

/* ---- sizes of all nodes ---- */

static bool in_question(const struct view_ask *q, const struct conf_schema *s, const struct conf_table *t)
{
    return t->kind == CONF_TABLE_SHARDED && shown(q, s) && view_may_be(&q->filter->table, t->name);
}

/* One SELECT a database, with the nodes in it. */
static void put_sum_database(const struct view_ask *q, uint32_t source, struct str database, uint32_t *n,
                             struct buf *out)
{
    struct branch b = {.q = q, .source = source, .database = database, .out = out};
    struct literals l = {0};
    for (uint32_t i = 0; i < q->conf->nschemas; i++) {
        const struct conf_schema *s = &q->conf->schemas[i];
        for (uint32_t j = 0; j < s->ntables; j++) {
            const struct conf_table *t = &s->tables[j];
            for (uint32_t k = 0; in_question(q, s, t) && k < t->nnodes; k++)
                if (t->nodes[k].source == source && str_eq(t->nodes[k].database, database))
                    list_add(&l, t->nodes[k].table, q->opt);
        }
    }
    if ((*n)++) buf_putz(out, " UNION ALL ");
    buf_putz(out, "SELECT CAST(TABLE_SCHEMA AS BINARY),CAST(TABLE_NAME AS "
                  "BINARY),TABLE_ROWS,DATA_LENGTH,INDEX_LENGTH,DATA_FREE FROM information_schema.TABLES");
    put_where(&b);
    put_in(&b, "TABLE_NAME", &l, false);
    buf_release(&l.text);
}

uint32_t view_put_sums(const struct view_ask *q, uint32_t source, struct buf *out)
{
    struct map seen;
    uint32_t n = 0;
    map_init(&seen, false);
    for (uint32_t i = 0; i < q->conf->nschemas; i++) {
        const struct conf_schema *s = &q->conf->schemas[i];
        for (uint32_t j = 0; j < s->ntables; j++) {
            const struct conf_table *t = &s->tables[j];
            for (uint32_t k = 0; in_question(q, s, t) && k < t->nnodes; k++) {
                if (t->nodes[k].source != source || map_get(&seen, t->nodes[k].database)) continue;
                out->failed |= !map_put(&seen, t->nodes[k].database, out);
                put_sum_database(q, source, t->nodes[k].database, &n, out);
            }
        }
    }
    map_release(&seen);
    return n;
}

/* ---- captured rows ---- */

static void put_field(enum view_class cls, struct str v, const struct sql_options *opt, struct buf *out)
{
    if (!v.ptr) {
        buf_putz(out, cls == VIEW_UNSIGNED ? "CAST(NULL AS UNSIGNED)"
                                           : "NULL"); /* or the column becomes a DECIMAL */
        return;
    }
    switch (cls) {
    case VIEW_NUMBER: buf_put_str(out, v); return;
    case VIEW_UNSIGNED: buf_printf(out, "CAST(" STR_FMT " AS UNSIGNED)", STR_ARG(v)); return;
    case VIEW_TIME:
        buf_putz(out, "TIMESTAMP");
        sql_put_string(out, v, opt);
        return;
    case VIEW_TEXT: put_literal(out, v, opt); return;
    }
}

void view_put_rows(const struct view_columns *columns, const struct str *fields, uint32_t nrows, bool mariadb,
                   const struct sql_options *opt, struct buf *out)
{
    buf_putz(out, "VALUES ");
    for (uint32_t i = 0; i < nrows; i++) {
        buf_putz(out, i ? "," : "");
        buf_putz(out, mariadb ? "(" : "ROW(");
        for (uint32_t j = 0; j < columns->n; j++) {
            if (j) buf_putz(out, ",");
            put_field(columns->at[j].cls, fields[(size_t)i * columns->n + j], opt, out);
        }
        buf_putz(out, ")");
    }
}
