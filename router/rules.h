/*
 * rules.h - what the rule file says, compiled: names to tables, keys to shards. Private to router/.
 *
 *   constant --const_value--> struct value --key_equal / key_bound / key_store--> struct key --rule_point /
 * rule_interval--> shards
 *
 * Three questions are kept apart, for MySQL answers them differently: which keys does `column = constant`
 * hold for, where does `column < constant` end, and what does an INSERT of the constant store. Each may
 * answer "cannot tell"; the reader of the answer then takes all shards (conditions) or refuses (INSERT).
 */
#ifndef WEIR_ROUTER_RULES_H
#define WEIR_ROUTER_RULES_H

#include "router/router.h"

__extension__ typedef __int128 int128;

/* ---- keys ---- */

struct key {         /* canonical value of one shard column; which member counts is told by the type */
    int128 num;      /* INTEGER: the value; DATE: days since 1970-01-01 */
    struct str text; /* STRING, BINARY, DECIMAL */
};
/* Like memcmp, by the order of the key type. */
int key_cmp(enum conf_key_type type, const struct key *a, const struct key *b);

enum key_collation {
    COLL_UNKNOWN,
    COLL_BIN /* bytes decide */,
    COLL_ASCII_CI /* among ASCII only letter case is ignored */,
    COLL_ASCII_CS /* among ASCII bytes decide */,
    COLL_OTHER
};

/* What is known of one shard column. */
enum { MAX_SHARD_COLUMNS = 16 };
struct keycol {
    struct str name;
    bool known; /* key type is certain; false: nothing can be decided (the catalog is missing) */
    bool odd;   /* the column's type does not go with the key type: never narrow, refuse INSERT */
    enum conf_key_type type;
    bool typed; /* cls and collation come from the catalog */
    enum cat_class cls;
    enum key_collation collation;
    uint32_t precision, scale;
    bool case_sensitive;
    bool foreign; /* text constants come in a character set whose bytes above 0x7f are not the column's */
};
void keycol_init(struct keycol *k, const struct conf_table *t, uint32_t column, const struct cat_table *meta,
                 bool foreign);
/* Do equal values of these two columns have equal keys? */
bool keycol_agree(const struct keycol *a, const struct keycol *b);

enum key_answer {
    KEY_IS /* exactly that key */,
    KEY_NONE /* no key at all */,
    KEY_ANY /* cannot tell */,
    KEY_NOMEM
};
/* column = v */
enum key_answer key_equal(const struct keycol *k, const struct value *v, struct arena *a, struct key *out);
/* column > v (lower) or column < v, inclusive when !strict: the outermost key that can satisfy it, itself
 * included. */
enum key_answer key_bound(const struct keycol *k, const struct value *v, bool lower, bool strict,
                          struct arena *a, struct key *out);
/* The key of the row that INSERT of v makes. KEY_ANY: cannot be said for sure, `why` tells. KEY_NONE: NULL.
 */
enum key_answer key_store(const struct keycol *k, const struct value *v, struct arena *a, struct key *out,
                          const char **why);
/* A boundary or list value of the rule file. */
bool key_parse(enum conf_key_type type, bool case_sensitive, struct str text, struct arena *a,
               struct key *out);
/* "YYYY-MM-DD..." -> days. 0: no date. Public for tests. */
bool date_days(int64_t y, int64_t m, int64_t d, int64_t *days);
void date_of_days(int64_t days, int64_t *y, int64_t *m, int64_t *d);

/* ---- constants ------------------------------------------------------------------------------------------
 */

/* The value of a constant expression with the literals of the scan given; VALUE_UNKNOWN when it is none that
 * we fold. ptr NULL inside a VALUE_STRING never happens: out of memory gives VALUE_UNKNOWN and sets *oom. */
struct given { /* what constants may mean */
    const struct sql_scan *scan;
    const struct plan_facts *facts; /* NULL: LAST_INSERT_ID() is no constant */
};
struct value const_value(const struct sql_expr *e, const struct given *g, struct arena *a, bool *oom);
/* Truth of a constant condition: 1, 0 (false or NULL), -1 unknown. */
int const_truth(const struct sql_expr *e, const struct given *g, struct arena *a, bool *oom);
void value_show(const struct value *v, struct buf *out); /* for messages: 7, 'abc', x'0F' */
static inline struct value value_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .i = i};
}
/* The integer that v is without doubt: 7, '7', 7e0. False: none. */
bool value_whole(const struct value *v, int64_t *out);
/* VALUE_STRING of DATE '..', TIMESTAMP '..' and CAST(.. AS DATE): i has VALUE_IS_TEMPORAL, for beside text and
 * numbers they are no strings. VALUE_STRING, DECIMAL and FLOAT of a parameter: i has VALUE_IS_PARAM, for a
 * server may convert it to the column's type where it would compare a literal as a double. */
enum { VALUE_IS_PARAM = 4 };
/* VALUE_BYTES from 0x.. and b'..' (not x'..') count as numbers beside numbers: then i is 1 and u the number.
 */

/* ---- shard sets ------------------------------------------------------------------------------------------
 */

struct shards { /* bits 0..n-1 */
    uint32_t n, words;
    uint64_t *w; /* &one when n <= 64: so copy with shards_copy only */
    uint64_t one;
};
bool shards_init(struct shards *s, uint32_t n, bool all, struct arena *a) MUST_CHECK;
static inline void shards_add(struct shards *s, uint32_t i)
{
    s->w[i >> 6] |= 1ull << (i & 63);
}
static inline bool shards_has(const struct shards *s, uint32_t i)
{
    return s->w[i >> 6] >> (i & 63) & 1;
}
void shards_fill(struct shards *s, bool all);
void shards_and(struct shards *s, const struct shards *o);
void shards_or(struct shards *s, const struct shards *o);
uint32_t shards_count(const struct shards *s);
uint32_t shards_next(const struct shards *s, uint32_t from); /* first member >= from, or n */

/* ---- rules ------------------------------------------------------------------------------------------------
 */

struct rule_range {
    bool low_open, high_open;
    struct key low, high; /* [low, high) */
    uint32_t shard;
};
struct rule_entry {
    struct key key;
    uint32_t shard;
};
struct rule {
    enum conf_algorithm_type type;
    uint32_t n; /* shards */
    uint64_t divisor;
    struct rule_range *ranges; /* sorted by low */
    uint32_t nranges;
    struct rule_entry *entries; /* LIST: sorted by key */
    uint32_t nentries;
    enum conf_date_unit unit;
    int64_t from, units, units_a_shard;
    enum conf_key_type key; /* RANGE, LIST: type of the bounds */
};
enum {
    RULE_ENUMERATE = 256
}; /* an interval of at most so many integers or days is looked up value by value */

/* Shard of the key (one for each shard column), or -1: none. types[i]: of keys[i]. */
int64_t rule_point(const struct rule *r, const struct key *keys, const enum conf_key_type *types, uint32_t n);
/* Adds the shards of keys in [low, high] to `out`; NULL: no bound on that side. One-column rules. */
void rule_interval(const struct rule *r, enum conf_key_type type, const struct key *low,
                   const struct key *high, struct shards *out);

/* ---- compiled configuration ---- */

struct rt_node {
    struct str table;     /* `orders_3` quoted where needed */
    struct str qualified; /* shop_0.orders_3 */
    bool renamed;         /* physical name differs from the logical one */
};
struct rt_schema;
struct rt_table {
    const struct conf_table *conf;
    const struct rt_schema *schema;
    struct rt_node *nodes;
    uint32_t *by_source; /* node on that source or UINT32_MAX (BROADCAST and SINGLE) */
    struct rule rule;    /* SHARDED */
};
struct rt_schema {
    const struct conf_schema *conf;
    struct rt_table *tables;
    struct map by_name;    /* -> struct rt_table */
    struct str *databases; /* by source, quoted where needed */
};
struct rt_place { /* a physical table that a rule names */
    const struct rt_table *table;
    uint32_t node;
};
struct rt_source {     /* for names back to logical */
    struct map places; /* "db\0table" -> struct rt_place */
    struct map tables; /* "table" -> struct rt_place, renamed ones only; ambiguous: any of those with the same
                          logical name */
    struct map databases; /* "db" -> struct rt_schema */
};
struct router {
    const struct conf *conf;
    struct arena arena;
    struct rt_schema *schemas;
    struct map by_name; /* -> struct rt_schema */
    struct rt_source *sources;
};
const struct rt_schema *rt_schema(const struct router *r, struct str name);
const struct rt_table *rt_table(const struct rt_schema *s, struct str name);
bool rule_compile(struct rule *out, const struct conf_table *t, struct arena *a, struct diag *d,
                  struct str file);

#endif
