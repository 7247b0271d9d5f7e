/*
 * router.c - compiled rules: names to tables, quoted physical names, rules; and the question "which shard
 * holds this row". Made once a configuration, read by all workers, never changed.
 */
#include "router/rules.h"

/* ---- building ---- */

/* `text` with the quotes it needs, in the arena. */
static struct str quoted(struct arena *a, struct str x, struct str y)
{
    struct buf b = {0};
    struct str out = STR_NULL;
    if (x.len) {
        sql_put_name(&b, x, false);
        if (y.len) buf_put_u8(&b, '.');
    }
    if (y.len) sql_put_name(&b, y, false);
    if (!b.failed) out = arena_str(a, buf_str(&b));
    buf_release(&b);
    return out;
}

static struct str place_key(struct arena *a, struct str database, struct str table)
{
    char *p = arena_alloc(a, database.len + table.len + 1);
    if (!p) return STR_NULL;
    if (database.len) memcpy(p, database.ptr, database.len);
    p[database.len] = 0;
    if (table.len) memcpy(p + database.len + 1, table.ptr, table.len);
    return str_make(p, database.len + table.len + 1);
}

static bool put_new(struct map *m, struct str key, void *value)
{
    return map_get(m, key) ? true : map_put(m, key, value);
}

static bool compile_node(struct router *r, struct rt_table *t, uint32_t i)
{
    const struct conf_node *n = &t->conf->nodes[i];
    struct rt_source *src = &r->sources[n->source];
    struct rt_node *o = &t->nodes[i];
    struct rt_place *place = arena_new(&r->arena, struct rt_place);
    struct str key = place_key(&r->arena, n->database, n->table);
    o->table = quoted(&r->arena, STR_NULL, n->table);
    o->qualified = quoted(&r->arena, n->database, n->table);
    o->renamed = !str_eq(n->table, t->conf->name);
    if (!place || !key.ptr || !o->table.ptr || !o->qualified.ptr) return false;
    *place = (struct rt_place){t, i};
    return put_new(&src->places, key, place) && (!o->renamed || put_new(&src->tables, n->table, place)) &&
           put_new(&src->databases, n->database, (void *)(uintptr_t)t->schema);
}

static bool compile_table(struct router *r, struct rt_schema *s, uint32_t i, struct diag *d)
{
    struct rt_table *t = &s->tables[i];
    const struct conf_table *ct = &s->conf->tables[i];
    t->conf = ct;
    t->schema = s;
    t->nodes = arena_array(&r->arena, struct rt_node, ct->nnodes + 1);
    t->by_source = arena_array(&r->arena, uint32_t, r->conf->nsources + 1);
    if (!t->nodes || !t->by_source || !map_put(&s->by_name, ct->name, t)) return false;
    memset(t->by_source, 0xff, r->conf->nsources * sizeof *t->by_source);
    for (uint32_t n = 0; n < ct->nnodes; n++) {
        if (!compile_node(r, t, n)) return false;
        if (t->by_source[ct->nodes[n].source] == UINT32_MAX) t->by_source[ct->nodes[n].source] = n;
    }
    return ct->kind != CONF_TABLE_SHARDED || rule_compile(&t->rule, ct, &r->arena, d, r->conf->file);
}

static bool compile_schema(struct router *r, uint32_t i, struct diag *d)
{
    const struct conf *c = r->conf;
    struct rt_schema *s = &r->schemas[i];
    s->conf = &c->schemas[i];
    map_init(&s->by_name, false);
    s->tables = arena_array(&r->arena, struct rt_table, s->conf->ntables + 1);
    s->databases = arena_array(&r->arena, struct str, c->nsources + 1);
    if (!s->tables || !s->databases || !map_put(&r->by_name, s->conf->name, s)) return false;
    for (uint32_t j = 0; j < c->nsources; j++) {
        s->databases[j] = quoted(&r->arena, s->conf->databases[j], STR_NULL);
        if (!s->databases[j].ptr || !put_new(&r->sources[j].databases, s->conf->databases[j], s))
            return false;
    }
    for (uint32_t j = 0; j < s->conf->ntables; j++)
        if (!compile_table(r, s, j, d)) return false;
    return true;
}

struct router *router_new(const struct conf *c, struct diag *d)
{
    struct router *r = mem_zalloc(sizeof *r);
    if (!r) goto oom;
    r->conf = c;
    arena_init(&r->arena, 0);
    map_init(&r->by_name, false);
    r->schemas = arena_array(&r->arena, struct rt_schema, c->nschemas + 1);
    r->sources = arena_array(&r->arena, struct rt_source, c->nsources + 1);
    if (!r->schemas || !r->sources) goto oom;
    for (uint32_t i = 0; i < c->nsources; i++) {
        map_init(&r->sources[i].places, false);
        map_init(&r->sources[i].tables, false);
        map_init(&r->sources[i].databases, false);
    }
    for (uint32_t i = 0; i < c->nschemas; i++)
        if (!compile_schema(r, i, d)) goto oom;
    return r;
oom:
    router_free(r);
    if (!d->errors) diag_add(d, DIAG_ERROR, c->file, 0, 0, NULL, "out of memory while compiling the rules");
    return NULL;
}

void router_free(struct router *r)
{
    if (!r) return;
    for (uint32_t i = 0; r->sources && i < r->conf->nsources; i++) {
        map_release(&r->sources[i].places);
        map_release(&r->sources[i].tables);
        map_release(&r->sources[i].databases);
    }
    for (uint32_t i = 0; r->schemas && i < r->conf->nschemas; i++) map_release(&r->schemas[i].by_name);
    map_release(&r->by_name);
    arena_release(&r->arena);
    mem_free(r);
}

const struct conf *router_conf(const struct router *r)
{
    return r->conf;
}

const struct rt_schema *rt_schema(const struct router *r, struct str name)
{
    return map_get(&r->by_name, name);
}
const struct rt_table *rt_table(const struct rt_schema *s, struct str name)
{
    return map_get(&s->by_name, name);
}

/* ---- which shard ---- */

static struct str shown(const struct value *v, struct arena *a)
{
    struct buf b = {0};
    value_show(v, &b);
    struct str s = b.failed ? STR("?") : arena_str(a, buf_str(&b));
    buf_release(&b);
    return s.ptr ? s : STR("?");
}

int64_t router_shard_of(const struct router *r, const struct conf_table *t, const struct cat_table *meta,
                        const struct value *v, uint32_t n, struct arena *a, struct fault *f)
{
    const struct rt_table *rt = NULL;
    for (uint32_t i = 0; i < r->conf->nschemas && !rt; i++)
        for (uint32_t j = 0; j < r->schemas[i].conf->ntables; j++)
            if (r->schemas[i].tables[j].conf == t) rt = &r->schemas[i].tables[j];
    if (!rt || t->kind != CONF_TABLE_SHARDED || n != t->nshard_columns) {
        fault_set(f, a, 1105, "HY000", "Weir: table %.*s has %u shard columns, %u values were given",
                  STR_ARG(t->name), t->kind == CONF_TABLE_SHARDED ? t->nshard_columns : 0, n);
        return -1;
    }
    struct key *keys = arena_array(a, struct key, n + 1);
    enum conf_key_type *types = arena_array(a, enum conf_key_type, n + 1);
    const char *why = "";
    for (uint32_t i = 0; i < n; i++) {
        struct keycol k;
        if (!keys || !types) break;
        keycol_init(&k, t, i, meta, false);
        types[i] = k.type;
        switch (key_store(&k, &v[i], a, &keys[i], &why)) {
        case KEY_IS: break;
        case KEY_NONE:
            fault_set(f, a, 1048, "23000", "Column '%.*s' cannot be null", STR_ARG(k.name));
            return -1;
        case KEY_ANY:
            fault_set(f, a, 1235, "42000",
                      "Weir: the value %.*s for shard column %.*s of %.*s cannot be placed: %s",
                      STR_ARG(shown(&v[i], a)), STR_ARG(k.name), STR_ARG(t->name), why);
            return -1;
        case KEY_NOMEM: keys = NULL; break;
        }
    }
    if (!keys || !types) {
        fault_set(f, a, 1037, "HY001", "Weir: out of memory");
        return -1;
    }
    int64_t s = rule_point(&rt->rule, keys, types, n);
    if (s < 0)
        fault_set(f, a, 1526, "HY000",
                  "Table has no partition for value %.*s (Weir: column %.*s of table %.*s)",
                  STR_ARG(shown(&v[0], a)), STR_ARG(t->shard_columns[0].value), STR_ARG(t->name));
    return s;
}
