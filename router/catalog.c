/*
 * catalog.c - the snapshot of the tables' columns. Built by one thread, then only read; the last unref frees
 * it.
 */
#include "router/catalog.h"

/* The map's key for a table: "schema\0name" in `a`. */
static struct str table_key(struct arena *a, struct str schema, struct str name)
{
    char *p = arena_alloc(a, schema.len + name.len + 1);
    if (!p) return STR_NULL;
    if (schema.len) memcpy(p, schema.ptr, schema.len);
    p[schema.len] = 0;
    if (name.len) memcpy(p + schema.len + 1, name.ptr, name.len);
    return str_make(p, schema.len + name.len + 1);
}

struct catalog *catalog_new(uint64_t version)
{
    struct catalog *c = mem_zalloc(sizeof *c);
    if (!c) return NULL;
    arena_init(&c->arena, 0);
    map_init(&c->tables, false);
    c->refs = 1;
    c->version = version;
    return c;
}

static bool copy_str(struct arena *a, struct str *s)
{
    if (!s->len) {
        *s = STR("");
        return true;
    }
    *s = arena_str(a, *s);
    return s->ptr != NULL;
}

static bool copy_columns(struct arena *a, struct cat_table *t)
{
    struct cat_column *columns = arena_array(a, struct cat_column, t->ncolumns + 1);
    uint32_t *primary = arena_array(a, uint32_t, t->nprimary + 1);
    if (!columns || !primary) return false;
    for (uint32_t i = 0; i < t->ncolumns; i++) {
        columns[i] = t->columns[i];
        if (!copy_str(a, &columns[i].name) || !copy_str(a, &columns[i].type) ||
            !copy_str(a, &columns[i].collation))
            return false;
    }
    for (uint32_t i = 0; i < t->nprimary; i++) primary[i] = t->primary[i];
    t->columns = columns;
    t->primary = primary;
    return true;
}

bool catalog_add(struct catalog *c, const struct cat_table *t)
{
    struct cat_table *copy = arena_new(&c->arena, struct cat_table);
    struct str key = table_key(&c->arena, t->schema, t->name);
    if (!copy || !key.ptr) return false;
    *copy = *t;
    return copy_str(&c->arena, &copy->schema) && copy_str(&c->arena, &copy->name) &&
           copy_columns(&c->arena, copy) && map_put(&c->tables, key, copy);
}

const struct cat_table *catalog_table(const struct catalog *c, struct str schema, struct str name)
{
    char key[520];
    if (!c || schema.len + name.len + 1 > sizeof key)
        return NULL; /* names have at most 64 characters of 4 bytes */
    if (schema.len) memcpy(key, schema.ptr, schema.len);
    key[schema.len] = 0;
    if (name.len) memcpy(key + schema.len + 1, name.ptr, name.len);
    return map_get(&c->tables, str_make(key, schema.len + name.len + 1));
}

const struct cat_column *cat_column(const struct cat_table *t, struct str name, uint32_t *index)
{
    if (!t) return NULL;
    for (uint32_t i = 0; i < t->ncolumns; i++) {
        if (!str_eq_nocase(t->columns[i].name, name)) continue;
        if (index) *index = i;
        return &t->columns[i];
    }
    return NULL;
}

struct catalog *catalog_ref(struct catalog *c)
{
    if (c) __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void catalog_unref(struct catalog *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    map_release(&c->tables);
    arena_release(&c->arena);
    mem_free(c);
}
