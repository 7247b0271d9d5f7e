/*
 * settings.h - session variables as immutable, interned sets, so that "is this server connection set up as that session wants it?" is a
 * comparison of two pointers.
 *
 * A setting is a variable name (lower case, as MySQL spells it: transaction_isolation) and its value as a SQL literal. What is absent has the
 * server's default. Owned by the engine, plain reference counts.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "proxy/backend/engine.h"

struct setting {
    struct str name, value;
};
struct settings {
    int refs;
    uint32_t n;
    struct str canonical; /* key in engine->settings */
    struct setting items[];
};

struct settings *settings_ref(struct settings *s);
void settings_unref(struct engine *e, struct settings *s);
/* The set like `base` with name = value (value.ptr NULL: back to the default). A new reference; NULL: out of memory, or more than
 * 127 variables. */
struct settings *settings_with(struct engine *e, const struct settings *base, struct str name, struct str value) MUST_CHECK;
/* The value as a literal, or STR_NULL. */
struct str settings_get(const struct settings *s, struct str name);
/* Appends "SET a=1, b=DEFAULT" that turns `from` into `to`; nothing when they are equal. */
void settings_diff(const struct settings *from, const struct settings *to, bool mariadb, struct buf *out);

#endif
