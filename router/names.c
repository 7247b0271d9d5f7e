/*
 * names.c - physical names in what servers say, back to logical ones.
 *
 *   Table 'shop_0.orders_3' doesn't exist            ->  Table 'shop.orders' doesn't exist
 *   Duplicate entry '7' for key 'orders_3.PRIMARY'   ->  ... for key 'orders.PRIMARY'
 *
 * A message is read as text with dotted names in it, each part bare or in backticks. Only names that the
 * rules know are replaced; the user's own value in "Duplicate entry '..'" is passed over.
 */
#include "router/rules.h"

enum { PARTS = 3 };

static const struct rt_place *place_of(const struct rt_source *src, struct str database, struct str table)
{
    char key[520];
    if (database.len + table.len + 1 > sizeof key) return NULL;
    if (database.len) memcpy(key, database.ptr, database.len);
    key[database.len] = 0;
    if (table.len) memcpy(key + database.len + 1, table.ptr, table.len);
    return map_get(&src->places, str_make(key, database.len + table.len + 1));
}

bool router_logical(const struct router *r, uint32_t source, struct str database, struct str table,
                    struct str *schema, struct str *name)
{
    if (source >= r->conf->nsources) return false;
    const struct rt_source *src = &r->sources[source];
    const struct rt_place *p = table.len ? place_of(src, database, table) : NULL;
    if (!p && table.len && !database.len && (p = map_get(&src->tables, table)) != NULL) {
        *schema = database; /* a column that has been through a temporary table: the server tells no database */
        *name = p->table->conf->name;
        return true;
    }
    const struct rt_schema *s = p ? p->table->schema : map_get(&src->databases, database);
    if (!s) return false;
    *schema = s->conf->name;
    *name = p ? p->table->conf->name : table;
    return true;
}

bool router_is_node(const struct router *r, uint32_t source, struct str database, struct str table)
{
    if (source >= r->conf->nsources) return false;
    const struct rt_place *p = place_of(&r->sources[source], database, table);
    return p && p->table->nodes[p->node].renamed;
}

static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* One part of a dotted name at `at`; 0: none. */
static size_t take_part(struct str m, size_t at, struct str *part)
{
    size_t i = at;
    if (i < m.len && m.ptr[i] == '`') {
        size_t e = str_find(m, STR("`"), i + 1);
        if (e == SIZE_MAX) return 0;
        *part = str_make(m.ptr + i + 1, e - i - 1);
        return e + 1 - at;
    }
    while (i < m.len && name_byte(m.ptr[i])) i++;
    *part = str_make(m.ptr + at, i - at);
    return i - at;
}

static void put_part(struct buf *out, struct str message, struct str part, struct str name)
{
    const char *after = part.ptr + part.len;
    bool ticks =
        part.ptr > message.ptr && part.ptr[-1] == '`' && after < message.ptr + message.len && *after == '`';
    if (ticks) buf_put_u8(out, '`');
    buf_put_str(out, name);
    if (ticks) buf_put_u8(out, '`');
}

/* Writes parts[0..n) with what is known replaced. */
static void put_dotted(const struct rt_source *src, struct str m, const struct str *parts, uint32_t n,
                       struct buf *out)
{
    struct str names[PARTS];
    for (uint32_t i = 0; i < n; i++) names[i] = parts[i];
    const struct rt_place *p = n >= 2 ? place_of(src, parts[0], parts[1]) : NULL;
    const struct rt_schema *s = map_get(&src->databases, parts[0]);
    const struct rt_place *t = map_get(&src->tables, parts[0]);
    if (p) {
        names[0] = p->table->schema->conf->name;
        names[1] = p->table->conf->name;
    } else if (t) {
        names[0] = t->table->conf->name;
    } else if (s) {
        names[0] = s->conf->name;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_put_u8(out, '.');
        put_part(out, m, parts[i], names[i]);
    }
}

void router_logical_text(const struct router *r, uint32_t source, struct str m, struct buf *out)
{
    size_t i = 0;
    if (source >= r->conf->nsources) {
        buf_put_str(out, m);
        return;
    }
    if (str_starts_nocase(m, STR("Duplicate entry '"))) {
        size_t e = SIZE_MAX; /* the last one: the value may hold anything */
        for (size_t p = 0; (p = str_find(m, STR("' for key "), p)) != SIZE_MAX; p++) e = p;
        if (e != SIZE_MAX) {
            buf_put(out, m.ptr, e);
            i = e;
        }
    }
    while (i < m.len) {
        struct str parts[PARTS];
        uint32_t n = 0;
        size_t at = i;
        for (; n < PARTS; n++) {
            size_t p = n ? at + 1 : at;
            if (n && (at >= m.len || m.ptr[at] != '.')) break;
            size_t len = take_part(m, p, &parts[n]);
            if (!len) break;
            at = p + len;
        }
        if (!n) {
            buf_put_u8(out, (uint8_t)m.ptr[i++]);
            continue;
        }
        put_dotted(&r->sources[source], m, parts, n, out);
        i = at;
    }
}
