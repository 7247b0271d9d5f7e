/*
 * settings.c - interned sets of session variables.
 *
 * Canonical text: name '=' value '\n' ... in the order of names. It is the key in the engine's map, and the items are views into it.
 */
#include "proxy/backend/settings.h"

struct settings *settings_ref(struct settings *s)
{
    s->refs++;
    return s;
}

void settings_unref(struct engine *e, struct settings *s)
{
    if (!s || --s->refs > 0) return;
    map_del(&e->settings, s->canonical);
    mem_free(s);
}

struct str settings_get(const struct settings *s, struct str name)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (str_eq(s->items[i].name, name)) return s->items[i].value;
    }
    return STR_NULL;
}

static struct settings *intern(struct engine *e, const struct setting *items, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) bytes += items[i].name.len + items[i].value.len + 2;
    struct settings *s = mem_zalloc(sizeof *s + sizeof *items * n + bytes + 1);
    if (!s) return NULL;
    char *p = (char *)&s->items[n];
    s->canonical = str_make(p, bytes);
    s->n = n;
    s->refs = 1;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(p, items[i].name.ptr, items[i].name.len);
        s->items[i].name = str_make(p, items[i].name.len);
        p += items[i].name.len;
        *p++ = '=';
        memcpy(p, items[i].value.ptr, items[i].value.len);
        s->items[i].value = str_make(p, items[i].value.len);
        p += items[i].value.len;
        *p++ = '\n';
    }
    struct settings *have = map_get(&e->settings, s->canonical);
    if (have || !map_put(&e->settings, s->canonical, s)) {
        mem_free(s);
        return have ? settings_ref(have) : NULL;
    }
    return s;
}

enum { SETTINGS_MAX = 128 };

struct settings *settings_with(struct engine *e, const struct settings *base, struct str name, struct str value)
{
    struct setting items[SETTINGS_MAX];
    uint32_t n = 0;
    bool placed = !value.ptr;
    if (base && base->n >= SETTINGS_MAX) return NULL;
    for (uint32_t i = 0; base && i < base->n; i++) {
        int c = str_cmp(base->items[i].name, name);
        if (c == 0) continue;
        if (c > 0 && !placed) {
            items[n++] = (struct setting){name, value};
            placed = true;
        }
        items[n++] = base->items[i];
    }
    if (!placed) items[n++] = (struct setting){name, value};
    return intern(e, items, n);
}

/* MySQL 8 renamed tx_isolation and tx_read_only; MariaDB 10.11 has only the old names. */
static struct str server_name(struct str name, bool mariadb)
{
    if (mariadb && str_eq(name, STR("transaction_isolation"))) return STR("tx_isolation");
    if (mariadb && str_eq(name, STR("transaction_read_only"))) return STR("tx_read_only");
    return name;
}

static void put_one(struct buf *out, bool *any, struct str name, struct str value)
{
    buf_putz(out, *any ? "," : "SET ");
    buf_put_str(out, name);
    buf_put_u8(out, '=');
    buf_put_str(out, value);
    *any = true;
}

/* The four variables that SET NAMES sets: with it the results carry the collation too, as on a server that was told so itself. */
static const char *const names_vars[] = {"character_set_client", "character_set_connection", "character_set_results", "collation_connection"};

static bool is_names_var(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(names_vars); i++) {
        if (str_eq(name, str_of(names_vars[i]))) return true;
    }
    return false;
}

static bool put_names(const struct settings *from, const struct settings *to, struct buf *out)
{
    struct str v[4];
    bool differ = false;
    for (size_t i = 0; i < 4; i++) {
        v[i] = settings_get(to, str_of(names_vars[i]));
        if (!v[i].ptr) return false;
        struct str have = settings_get(from, str_of(names_vars[i]));
        differ |= !have.ptr || !str_eq(have, v[i]);
    }
    if (!str_eq(v[0], v[1]) || !str_eq(v[0], v[2]) || v[0].len < 3) return false;
    if (!str_starts_nocase(v[3], str_make(v[0].ptr, v[0].len - 1))) return false; /* a collation of another character set */
    if (differ) buf_printf(out, "SET NAMES %.*s COLLATE %.*s", STR_ARG(v[0]), STR_ARG(v[3]));
    return true;
}

void settings_diff(const struct settings *from, const struct settings *to, bool mariadb, struct buf *out)
{
    bool names = put_names(from, to, out), any = out->len > 0;
    for (uint32_t i = 0; i < from->n; i++) {
        if (settings_get(to, from->items[i].name).ptr) continue;
        put_one(out, &any, server_name(from->items[i].name, mariadb), STR("DEFAULT"));
    }
    /* In the order of names character_set_connection comes before collation_connection, which it would reset: so a change of the
     * former repeats the latter. */
    bool charset_changed = false;
    for (uint32_t i = 0; i < to->n; i++) {
        struct str name = to->items[i].name, have = settings_get(from, name);
        if (names && is_names_var(name)) continue;
        bool differs = !have.ptr || !str_eq(have, to->items[i].value);
        if (str_eq(name, STR("character_set_connection")) && differs) charset_changed = true;
        if (str_eq(name, STR("collation_connection")) && charset_changed) differs = true;
        if (differs) put_one(out, &any, server_name(name, mariadb), to->items[i].value);
    }
}
