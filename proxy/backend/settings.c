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

/* Limits that only one kind of server knows; the other's statements are kept within them by Weir's own clock. */
static bool is_foreign(struct str name, bool mariadb)
{
    return str_eq(name, mariadb ? STR("max_execution_time") : STR("max_statement_time"));
}

/* MySQL 8 renamed tx_isolation and tx_read_only; MariaDB 10.11 has only the old names. */
static struct str server_name(struct str name, bool mariadb)
{
    if (mariadb && str_eq(name, STR("transaction_isolation"))) return STR("tx_isolation");
    if (mariadb && str_eq(name, STR("transaction_read_only"))) return STR("tx_read_only");
    return name;
}

/*
 * Collations that only the other kind of server has. Every MySQL 8 and 9 client asks for utf8mb4_0900_ai_ci when it logs in; a MariaDB server takes its
 * default instead, and so do we. (A statement that names such a collation itself is judged by the session's home server.)
 */
static struct str server_collation(struct str value, bool mariadb)
{
    if (mariadb && str_find(value, STR("_0900_"), 0) != SIZE_MAX) return STR("'utf8mb4_general_ci'");
    if (!mariadb && str_starts_nocase(value, STR("'utf8mb4_uca1400_"))) return STR("'utf8mb4_0900_ai_ci'");
    return value;
}

/* sql_mode with the words that MySQL 8 dropped, and that change nothing of what it does, left out. */
static void put_modes(struct buf *out, struct str value)
{
    static const char *const dropped[] = {"NO_AUTO_CREATE_USER", "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS"};
    bool any = false;
    buf_put_u8(out, '\'');
    for (size_t at = 1; at + 1 < value.len;) {
        size_t end = str_find(value, STR(","), at);
        if (end == SIZE_MAX) end = value.len - 1;
        struct str word = str_make(value.ptr + at, end - at);
        bool skip = false;
        for (size_t i = 0; i < COUNT_OF(dropped); i++) skip |= str_eq_nocase(word, str_of(dropped[i]));
        if (!skip) {
            if (any) buf_put_u8(out, ',');
            buf_put_str(out, word);
            any = true;
        }
        at = end + 1;
    }
    buf_put_u8(out, '\'');
}

static void put_one(struct buf *out, bool *any, struct str name, struct str value, bool mariadb)
{
    buf_putz(out, *any ? "," : "SET ");
    buf_put_str(out, server_name(name, mariadb));
    buf_put_u8(out, '=');
    if (!mariadb && str_eq(name, STR("sql_mode")) && value.len > 2 && value.ptr[0] == '\'') put_modes(out, value);
    else if (str_eq(name, STR("collation_connection"))) buf_put_str(out, server_collation(value, mariadb));
    else buf_put_str(out, value);
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

static bool put_names(const struct settings *from, const struct settings *to, bool mariadb, struct buf *out)
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
    if (differ) buf_printf(out, "SET NAMES %.*s COLLATE %.*s", STR_ARG(v[0]), STR_ARG(server_collation(v[3], mariadb)));
    return true;
}

void settings_diff(const struct settings *from, const struct settings *to, bool mariadb, struct buf *out)
{
    bool names = put_names(from, to, mariadb, out), any = out->len > 0;
    for (uint32_t i = 0; i < from->n; i++) {
        if (settings_get(to, from->items[i].name).ptr || is_foreign(from->items[i].name, mariadb)) continue;
        put_one(out, &any, from->items[i].name, STR("DEFAULT"), mariadb);
    }
    /* In the order of names character_set_connection comes before collation_connection, which it would reset: so a change of the
     * former repeats the latter. */
    bool charset_changed = false;
    for (uint32_t i = 0; i < to->n; i++) {
        struct str name = to->items[i].name, have = settings_get(from, name);
        if ((names && is_names_var(name)) || is_foreign(name, mariadb)) continue;
        bool differs = !have.ptr || !str_eq(have, to->items[i].value);
        if (str_eq(name, STR("character_set_connection")) && differs) charset_changed = true;
        if (str_eq(name, STR("collation_connection")) && charset_changed) differs = true;
        if (differs) put_one(out, &any, name, to->items[i].value, mariadb);
    }
}
