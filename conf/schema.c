/*
 * schema.c - schemas and their tables: whole, broadcast or sharded; co-located groups; generated columns.
 *
 * Groups are checked after all tables are read, and only among tables that are sound by themselves: one
 * fault, one message.
 */
#include "conf/read.h"

#include <stdio.h>

struct schema_reader {
    struct reader *r;
    struct conf_schema *s;
    struct map tables; /* name -> index + 1 */
    bool *sound;       /* by table index */
};

/* ---- sequences made by default ---- */

static const struct conf_sequence *new_sequence(struct reader *r, struct str name, uint32_t source,
                                                struct conf_pos pos)
{
    struct conf *c = r->c;
    struct conf_sequence *q =
        vec_grow_((void **)(void *)&c->sequences, &c->nsequences, &r->sequence_room, sizeof *q, r->a);
    if (!q || !map_put(&r->sequences, name, (void *)(uintptr_t)c->nsequences)) {
        r->oom = true;
        return NULL;
    }
    *q = (struct conf_sequence){.pos = pos, .name = name, .index = c->nsequences - 1, .source = source};
    struct str full = str_of(key_table[KEY_SEQUENCE_TABLE].fallback);
    size_t dot = str_find(full, STR("."), 0);
    q->database = str_make(full.ptr, dot);
    q->table = str_make(full.ptr + dot + 1, full.len - dot - 1);
    q->step = read_number(r, NULL, KEY_SEQUENCE_STEP);
    q->wait_ms = read_number(r, NULL, KEY_SEQUENCE_ID_WAIT);
    return q;
}

/* The sequence named after the table. Made for one schema's table, it must not serve another's by accident.
 */
static bool table_sequence(struct schema_reader *x, const struct conf_table *t, struct conf_pos pos,
                           uint32_t *out)
{
    struct reader *r = x->r;
    uintptr_t at = (uintptr_t)map_get(&r->sequences, t->name);
    if (at > r->listed_sequences) {
        fault(r, pos,
              hintf(r,
                    "write generated: {column: ..., sequence: " STR_FMT "_" STR_FMT
                    "} and list that sequence",
                    STR_ARG(x->s->name), STR_ARG(t->name)),
              "sequence '" STR_FMT "' was made for a table of that name in another schema, line %u",
              STR_ARG(t->name), r->c->sequences[at - 1].pos.line);
        return false;
    }
    if (at) {
        *out = (uint32_t)(at - 1);
        return true;
    }
    const struct conf_sequence *q = new_sequence(r, t->name, x->s->default_source, pos);
    if (q) *out = q->index;
    return q != NULL;
}

static bool read_generated(struct schema_reader *x, const struct ynode *n, struct conf_table *t)
{
    struct reader *r = x->r;
    const struct ynode *column = n, *sequence = NULL;
    if (n->kind != Y_SCALAR) {
        if (!keys_check(r, n, SEC_GENERATED, "generated")) return false;
        column = key_get(r, n, KEY_GENERATED_COLUMN);
        sequence = key_get(r, n, KEY_GENERATED_SEQUENCE);
        if (!column) return false;
    }
    if (!want_scalar(r, column, "the generated column") ||
        !check_name(r, column->pos, column->text, "column"))
        return false;
    struct conf_generated *g = arena_new(r->a, struct conf_generated);
    if (!g) {
        r->oom = true;
        return false;
    }
    *g = (struct conf_generated){.pos = column->pos, .column = column->text};
    t->generated = g;
    if (!sequence) return table_sequence(x, t, column->pos, &g->sequence);
    if (!want_scalar(r, sequence, "'sequence'")) return false;
    uintptr_t at = (uintptr_t)map_get(&r->sequences, sequence->text);
    if (at) {
        g->sequence = (uint32_t)(at - 1);
        return true;
    }
    struct near near = {.wrong = sequence->text};
    for (uint32_t i = 0; i < r->c->nsequences && i < 4096; i++) near_try(&near, r->c->sequences[i].name);
    fault(r, sequence->pos, near_hint(r, &near, "list it under sequences:"), "there is no sequence '%.80s'",
          sequence->text.ptr);
    return false;
}

/* ---- the three kinds of table ---- */

/* The physical database and table of a whole or broadcast table. */
static bool physical_names(struct schema_reader *x, const struct ynode *n, const struct conf_table *t,
                           struct str *database, struct str *table)
{
    struct reader *r = x->r;
    const struct ynode *d = key_get(r, n, KEY_TABLE_DATABASE), *p = key_get(r, n, KEY_TABLE_TABLE);
    *database = STR_NULL;
    *table = t->name;
    if (d && (!want_scalar(r, d, "'database'") || !check_name(r, d->pos, d->text, "database"))) return false;
    if (p && (!want_scalar(r, p, "'table'") || !check_name(r, p->pos, p->text, "table"))) return false;
    if (d) *database = d->text;
    if (p) *table = p->text;
    return true;
}

static bool add_nodes(struct schema_reader *x, const struct ynode *n, struct conf_table *t,
                      const struct conf_text *names, uint32_t count)
{
    struct reader *r = x->r;
    struct str database, table;
    bool ok = physical_names(x, n, t, &database, &table);
    t->nodes = arena_array(r->a, struct conf_node, count);
    if (!t->nodes) {
        r->oom = true;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct conf_node *o = &t->nodes[t->nnodes++];
        o->source = names ? 0 : i;
        o->pos = names ? names[i].pos : t->pos;
        if (names) ok = find_source(r, names[i].pos, names[i].value, &o->source) && ok;
        o->database = database.ptr ? database : x->s->databases[o->source];
        o->table = table;
    }
    return ok;
}

static bool read_broadcast(struct schema_reader *x, const struct ynode *n, const struct ynode *v,
                           struct conf_table *t)
{
    struct conf_text *names = NULL;
    uint32_t count = x->r->c->nsources;
    bool ok = true;
    t->kind = CONF_TABLE_BROADCAST;
    if (v->kind != Y_SCALAR || v->quoted || !str_eq(v->text, STR("all"))) {
        ok = read_names(x->r, v, "source", false, &names, &count);
        if (!names) return false;
    }
    return add_nodes(x, n, t, names, count) && ok;
}

static bool read_single(struct schema_reader *x, const struct ynode *n, const struct ynode *v,
                        struct conf_table *t)
{
    struct reader *r = x->r;
    struct conf_text name = {r->c->sources[x->s->default_source].name, t->pos};
    t->kind = CONF_TABLE_SINGLE;
    if (v) {
        if (!want_scalar(r, v, "'source'")) return false;
        name = (struct conf_text){v->text, v->pos};
    }
    return add_nodes(x, n, t, &name, 1);
}

static const struct conf_algorithm *find_algorithm(struct reader *r, const struct ynode *n)
{
    uintptr_t at = (uintptr_t)map_get(&r->algorithms, n->text);
    if (at) return r->algorithm_ok[at - 1] ? &r->c->algorithms[at - 1] : NULL; /* a broken one was reported */
    struct near near = {.wrong = n->text};
    for (uint32_t i = 0; i < r->c->nalgorithms && i < 4096; i++) near_try(&near, r->c->algorithms[i].name);
    int type = word_index(key_table[KEY_ALGORITHM_TYPE].words, n->text);
    fault(r, n->pos,
          type >= 0 ? hintf(r, "write algorithm: {type: %s}", n->text.ptr)
                    : near_hint(r, &near, "list it under algorithms:"),
          "there is no algorithm '%.80s'", n->text.ptr);
    return NULL;
}

static bool read_sharded(struct schema_reader *x, const struct ynode *n, const struct ynode *nodes,
                         struct conf_table *t)
{
    struct reader *r = x->r;
    const struct ynode *by = key_get(r, n, KEY_TABLE_SHARD_BY), *how = key_get(r, n, KEY_TABLE_ALGORITHM);
    t->kind = CONF_TABLE_SHARDED;
    bool have_nodes = read_nodes(r, x->s, t, nodes), ok = have_nodes;
    if (!by)
        fault(r, t->pos, "shard_by: the column that decides where a row lives",
              "sharded table '" STR_FMT "' has no 'shard_by'", STR_ARG(t->name));
    if (!by || !read_names(r, by, "column", true, &t->shard_columns, &t->nshard_columns)) ok = false;
    if (t->nshard_columns > 16) {
        fault(r, by->pos, NULL, "more than 16 shard columns");
        ok = false;
    }
    if (!how) {
        fault(r, t->pos, "for instance algorithm: {type: hash}",
              "sharded table '" STR_FMT "' has no 'algorithm'", STR_ARG(t->name));
        return false;
    }
    const struct conf_algorithm *base = NULL;
    if (how->kind == Y_SCALAR) {
        if (want_scalar(r, how, "'algorithm'")) base = find_algorithm(r, how);
    } else {
        struct conf_algorithm *own = arena_new(r->a, struct conf_algorithm);
        if (!own)
            r->oom = true;
        else if (read_algorithm(r, how, STR(""), own))
            base = own;
    }
    if (!base) return false;
    if (t->nshard_columns > 1 && base->type != CONF_ALG_HASH) {
        fault(r, by->pos, "only hash takes several columns", "type %s takes one shard column, not %u",
              algorithm_type_name(base), t->nshard_columns);
        ok = false;
    }
    if (have_nodes && t->nnodes) t->algorithm = algorithm_fit(r, base, t, how->pos);
    return ok && t->algorithm;
}

static void report_misplaced(struct reader *r, const struct ynode *n, const struct conf_table *t,
                             const enum conf_key *keys, size_t nkeys, const char *why)
{
    for (size_t i = 0; i < nkeys; i++) {
        const struct ynode *v = tree_get(n, str_of(key_table[keys[i]].name));
        if (v)
            fault(r, v->pos, why, "'%s' does not fit table '" STR_FMT "'", key_table[keys[i]].name,
                  STR_ARG(t->name));
    }
}

static bool read_table(struct schema_reader *x, const struct ynode *n, struct conf_table *t)
{
    static const enum conf_key of_sharded[] = {KEY_TABLE_SHARD_BY, KEY_TABLE_ALGORITHM};
    static const enum conf_key of_whole[] = {KEY_TABLE_BROADCAST, KEY_TABLE_SOURCE, KEY_TABLE_DATABASE,
                                             KEY_TABLE_TABLE};
    static const enum conf_key place[] = {KEY_TABLE_SOURCE};
    struct reader *r = x->r;
    uint32_t before = r->d->errors;
    bool ok;
    t->nodes_text = STR("");
    if (!check_name(r, t->pos, t->name, "table name")) return false;
    if (ynode_is_null(n)) {
        fault(r, t->pos, "source: where it lives; broadcast: all; or nodes: with shard_by: and algorithm:",
              "nothing is said about table '" STR_FMT "'", STR_ARG(t->name));
        return false;
    }
    if (!keys_check(r, n, SEC_TABLE, hintf(r, "table '%.80s'", t->name.ptr))) return false;
    const struct ynode *nodes = key_get(r, n, KEY_TABLE_NODES),
                       *broadcast = key_get(r, n, KEY_TABLE_BROADCAST);
    const struct ynode *generated = key_get(r, n, KEY_TABLE_GENERATED);
    if (nodes) {
        report_misplaced(r, n, t, of_whole, COUNT_OF(of_whole),
                         "'nodes' says where the table lives: keep one of the two");
        ok = read_sharded(x, n, nodes, t);
    } else {
        report_misplaced(r, n, t, of_sharded, COUNT_OF(of_sharded), "a sharded table needs 'nodes'");
        if (broadcast)
            report_misplaced(r, n, t, place, 1, "a broadcast table lives on the sources of 'broadcast'");
        ok = broadcast ? read_broadcast(x, n, broadcast, t)
                       : read_single(x, n, key_get(r, n, KEY_TABLE_SOURCE), t);
    }
    if (generated && !ynode_is_null(generated)) ok = read_generated(x, generated, t) && ok;
    if (t->nnodes && r->d->errors == before) ok = claim_nodes(r, x->s, t) && ok;
    return ok && r->d->errors == before;
}

/* ---- groups ---- */

/* Tables of a group place equal keys at equal positions. */
static void check_layout(struct schema_reader *x, const struct conf_table *a, const struct conf_table *b,
                         struct conf_pos pos)
{
    struct reader *r = x->r;
    const char *both = hintf(r, "'%.64s' and '%.64s'", a->name.ptr, b->name.ptr);
    static const char how[] = "tables of a group live at the same sources and databases, position by "
                              "position, by the same algorithm";
    if (a->nnodes != b->nnodes) {
        fault(r, pos, how, "tables %s cannot be a group: %u and %u nodes", both, a->nnodes, b->nnodes);
    } else {
        for (uint32_t i = 0; i < a->nnodes; i++) {
            const struct conf_node *p = &a->nodes[i], *q = &b->nodes[i];
            if (p->source == q->source && str_eq(p->database, q->database)) continue;
            fault(r, pos, how,
                  "tables %s cannot be a group: node %u is " STR_FMT "." STR_FMT " for one and " STR_FMT
                  "." STR_FMT " for the other",
                  both, i, STR_ARG(r->c->sources[p->source].name), STR_ARG(p->database),
                  STR_ARG(r->c->sources[q->source].name), STR_ARG(q->database));
            break;
        }
    }
    if (a->nshard_columns != b->nshard_columns)
        fault(r, pos, NULL, "tables %s cannot be a group: %u and %u shard columns", both, a->nshard_columns,
              b->nshard_columns);
    if (a->nnodes != b->nnodes) return; /* the algorithms differ by that alone */
    struct buf s = {0}, t = {0};
    algorithm_text(&s, a->algorithm);
    algorithm_text(&t, b->algorithm);
    if (s.failed || t.failed)
        r->oom = true;
    else if (!str_eq(buf_str(&s), buf_str(&t)))
        fault(r, pos, "name one algorithm and use it for both",
              "tables %s cannot be a group: their algorithms differ (%s and %s)", both,
              algorithm_shape(r, a->algorithm), algorithm_shape(r, b->algorithm));
    buf_release(&s);
    buf_release(&t);
}

static void read_member(struct schema_reader *x, const struct ynode *n, uint32_t number, struct conf_group *g,
                        uint32_t *first)
{
    struct reader *r = x->r;
    if (!want_scalar(r, n, "a table of a group")) return;
    uintptr_t at = (uintptr_t)map_get(&x->tables, n->text);
    if (!at) {
        struct near near = {.wrong = n->text};
        for (uint32_t i = 0; i < x->s->ntables && i < 4096; i++) near_try(&near, x->s->tables[i].name);
        fault(r, n->pos, near_hint(r, &near, "list it under tables:"), "group: there is no table '%.80s'",
              n->text.ptr);
        return;
    }
    struct conf_table *t = &x->s->tables[at - 1];
    g->tables[g->ntables++] = (struct conf_text){n->text, n->pos};
    if (t->group) {
        fault(r, n->pos, "a table is in one group", "table '%.80s' is in %s already", n->text.ptr,
              t->group == number ? "this group" : "another group");
        return;
    }
    t->group = number;
    if (!x->sound[at - 1]) return;
    if (t->kind != CONF_TABLE_SHARDED) {
        fault(r, n->pos, t->kind == CONF_TABLE_BROADCAST ? "a broadcast table joins anywhere" : NULL,
              "group: table '%.80s' is not sharded", n->text.ptr);
        return;
    }
    if (*first == 0)
        *first = (uint32_t)at;
    else
        check_layout(x, &x->s->tables[*first - 1], t, n->pos);
}

static void read_groups(struct schema_reader *x, const struct ynode *n)
{
    struct reader *r = x->r;
    static const char form[] = "for instance groups: [[customers, orders]]";
    if (!n || ynode_is_null(n)) return;
    if (n->kind != Y_SEQUENCE) {
        fault(r, n->pos, form, "'groups' must be a list of lists of tables");
        return;
    }
    x->s->groups = arena_array(r->a, struct conf_group, n->nitems);
    if (!x->s->groups) r->oom = true;
    for (uint32_t i = 0; i < n->nitems && !r->oom; i++) {
        const struct ynode *list = n->items[i];
        struct conf_group *g = &x->s->groups[x->s->ngroups++];
        uint32_t first = 0;
        g->pos = list->pos;
        if (list->kind != Y_SEQUENCE || list->nitems < 2) {
            fault(r, list->pos, form,
                  list->kind == Y_SEQUENCE ? "a group has at least two tables"
                                           : "a group is a list of tables");
            continue;
        }
        g->tables = arena_array(r->a, struct conf_text, list->nitems);
        if (!g->tables) r->oom = true;
        for (uint32_t k = 0; k < list->nitems && !r->oom; k++)
            read_member(x, list->items[k], i + 1, g, &first);
    }
}

/* ---- a schema ---- */

static void read_databases(struct schema_reader *x, const struct ynode *n)
{
    struct reader *r = x->r;
    bool all = n && n->kind == Y_SCALAR && !ynode_is_null(n);
    x->s->databases = arena_array(r->a, struct str, r->c->nsources);
    if (!x->s->databases) {
        r->oom = true;
        return;
    }
    if (all) (void)!check_name(r, n->pos, n->text, "database");
    for (uint32_t i = 0; i < r->c->nsources; i++) x->s->databases[i] = all ? n->text : x->s->name;
    if (!n || all) return;
    if (n->kind != Y_MAPPING) {
        fault(r, n->pos, "for instance databases: {s0: shop}, or one name for all",
              "'databases' must be a mapping of sources to databases");
        return;
    }
    for (uint32_t i = 0; i < n->npairs; i++) {
        const struct ynode *key = n->pairs[i].key, *v = n->pairs[i].value;
        uint32_t source;
        bool known = find_source(r, key->pos, key->text, &source);
        if (want_scalar(r, v, "a database") && check_name(r, v->pos, v->text, "database") && known)
            x->s->databases[source] = v->text;
    }
}

static void read_default_source(struct schema_reader *x, const struct ynode *n)
{
    struct reader *r = x->r;
    if (n) {
        if (want_scalar(r, n, "'default_source'"))
            (void)!find_source(r, n->pos, n->text, &x->s->default_source);
    } else if (r->c->nsources > 1) {
        fault(r, x->s->pos,
              hintf(r, "where tables live that are not listed, for instance default_source: %.80s",
                    r->c->sources[0].name.ptr),
              "schema '%.80s' has no 'default_source'", x->s->name.ptr);
    }
}

static void read_tables(struct schema_reader *x, const struct ynode *n)
{
    struct reader *r = x->r;
    struct conf_schema *s = x->s;
    if (!n || ynode_is_null(n)) return;
    if (n->kind != Y_MAPPING) {
        if (!n->broken)
            fault(r, n->pos, "for instance tables: {countries: {broadcast: all}}",
                  "'tables' must be a mapping of names");
        return;
    }
    s->tables = arena_array(r->a, struct conf_table, n->npairs);
    x->sound = arena_array(&r->scratch, bool, n->npairs);
    if (!s->tables || !x->sound) r->oom = true;
    for (uint32_t i = 0; i < n->npairs && !r->oom; i++) {
        const struct ynode *key = n->pairs[i].key;
        struct conf_table *t = &s->tables[s->ntables++];
        *t = (struct conf_table){.pos = key->pos, .name = key->text};
        x->sound[i] = read_table(x, n->pairs[i].value, t);
        if (!map_put(&x->tables, t->name, (void *)(uintptr_t)(i + 1))) r->oom = true;
    }
}

static void read_schema(struct reader *r, const struct ynode *n, struct conf_schema *s)
{
    static const char system[] = "mysql|information_schema|performance_schema|sys";
    struct schema_reader x = {.r = r, .s = s};
    if (!check_name(r, s->pos, s->name, "schema name")) return;
    if (word_index(system, s->name) >= 0)
        fault(r, s->pos, "choose another name", "'%s' is a system schema of every server", s->name.ptr);
    if (ynode_is_null(n)) n = NULL; /* all tables on the only source */
    if (n && !keys_check(r, n, SEC_SCHEMA, hintf(r, "schema '%.80s'", s->name.ptr))) return;
    read_default_source(&x, key_get(r, n, KEY_SCHEMA_DEFAULT_SOURCE));
    read_databases(&x, key_get(r, n, KEY_SCHEMA_DATABASES));
    if (r->oom || !r->c->nsources) return;
    map_init(&x.tables, false);
    read_tables(&x, key_get(r, n, KEY_SCHEMA_TABLES));
    if (!r->oom) read_groups(&x, key_get(r, n, KEY_SCHEMA_GROUPS));
    map_release(&x.tables);
}

void read_schemas(struct reader *r, const struct ynode *n)
{
    r->listed_sequences = r->c->nsequences;
    if (!n || ynode_is_null(n)) return;
    if (n->kind != Y_MAPPING) {
        if (!n->broken)
            fault(r, n->pos, "for instance schemas: {shop: {default_source: s0}}",
                  "'schemas' must be a mapping of names");
        return;
    }
    r->c->schemas = arena_array(r->a, struct conf_schema, n->npairs);
    if (!r->c->schemas) r->oom = true;
    for (uint32_t i = 0; i < n->npairs && !r->oom; i++) {
        struct conf_schema *s = &r->c->schemas[i];
        const struct ynode *key = n->pairs[i].key;
        *s = (struct conf_schema){.pos = key->pos, .name = key->text, .index = i};
        r->c->nschemas = i + 1;
        read_schema(r, n->pairs[i].value, s);
    }
}
