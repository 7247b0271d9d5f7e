/*
 * charset.c - look-ups in the table of character sets and collations (charset_list.h, where their numbers are
 * explained).
 *
 * One array in ascending order of the numbers, searched by halves; a second array of the names' lengths keeps
 * the search by name, which passes over all of them, from touching names that cannot match.
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/charset_list.h"

#define X(name, bytes, def) enum { MAX_##name = bytes, DEFAULT_##name = def };
CHARSETS(X)
#undef X

#define ENTRY(id, charset, collation)            {id, collation, #charset, MAX_##charset, (id) == DEFAULT_##charset},
#define UCA_LANGUAGE(c, charset, language, name) UCA1400_FLAVOURS(UCA_ENTRY, c, charset, language, name)
#define UCA_CHARSET(c, charset)                  UCA1400_LANGUAGES(UCA_LANGUAGE, c, charset)

#define UCA_ENTRY ENTRY
static const struct wire_charset table[] = {COLLATIONS_COMMON(ENTRY) COLLATIONS_0900(ENTRY)
                                                COLLATIONS_MARIADB(ENTRY) UCA1400_CHARSETS(UCA_CHARSET)};
#undef UCA_ENTRY

#define LENGTH(id, charset, collation) sizeof(collation) - 1,
#define UCA_ENTRY                      LENGTH
static const uint8_t lengths[] = {COLLATIONS_COMMON(LENGTH) COLLATIONS_0900(LENGTH) COLLATIONS_MARIADB(LENGTH)
                                      UCA1400_CHARSETS(UCA_CHARSET)};
#undef UCA_ENTRY
_Static_assert(COUNT_OF(table) == COUNT_OF(lengths), "one length a name");

const struct wire_charset *wire_charset_by_id(uint16_t id)
{
    size_t low = 0, high = COUNT_OF(table);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (table[mid].id == id) return &table[mid];
        if (table[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static const struct wire_charset *by_name(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (lengths[i] == name.len && str_eq_nocase(name, str_make(table[i].collation, lengths[i])))
            return &table[i];
    return NULL;
}

const struct wire_charset *wire_charset_by_collation(struct str name)
{
    char other[64];
    struct str old = STR("utf8_"), fresh = STR("utf8mb3_"), twin = STR("_mysql561_ci");
    const struct wire_charset *c = by_name(name);
    if (c || name.len > sizeof other - fresh.len) return c;
    if (str_starts_nocase(name, old)) { /* the former name of utf8mb3 */
        memcpy(other, fresh.ptr, fresh.len);
        memcpy(other + fresh.len, name.ptr + old.len, name.len - old.len);
        name = str_make(other, fresh.len + name.len - old.len);
        if ((c = by_name(name))) return c;
    }
    if (name.len <= twin.len) return NULL;
    size_t stem = name.len - twin.len; /* MariaDB's name of MySQL's Croatian */
    if (!str_eq_nocase(str_make(name.ptr + stem, twin.len), twin)) return NULL;
    memmove(other, name.ptr, stem);
    memcpy(other + stem, "_ci", 3);
    return by_name(str_make(other, stem + 3));
}

const struct wire_charset *wire_charset_default(struct str charset)
{
    if (str_eq_nocase(charset, STR("utf8"))) charset = STR("utf8mb3");
#define X(name, bytes, def)                                                                                  \
    if (str_eq_nocase(charset, STR(#name))) return wire_charset_by_id(def);
    CHARSETS(X)
#undef X
    return NULL;
}
