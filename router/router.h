/*
 * router.h - rules + tree + session facts -> plan; plan + literals -> work {source, text}. Pure functions: no socket, no clock, no
 * log, no global state.
 *
 *   scan --(plan cache by key)--> plan --plan_bind(literals)--> bound {legs} --plan_render(leg)--> text
 *             miss: sql_parse, plan_build
 *
 * A plan is built once a key and serves every statement with that key: it refers to tokens by index and to literals by their
 * token, never to their values, except for those it lists as guards (ORDER BY 2 is not ORDER BY 1). A bound lives in the statement's arena.
 *
 * Both forms are kept in a plan: the *single* text (one leg: names replaced, nothing else touched, the reply relayed as it
 * is) and the *scatter* text (hidden columns, pushed-down limit, and a merge), because the same statement may reach one shard today
 * and two tomorrow. If the scatter form is not exact, binding to more than one leg is refused with the plan's scatter fault.
 */
#ifndef WEIR_ROUTER_H
#define WEIR_ROUTER_H

#include "base/base.h"
#include "conf/conf.h"
#include "parser/sql.h"
#include "router/catalog.h"

/* ---- compiled rules -------------------------------------------------------------------------------------- */

struct router; /* immutable; lives as long as its conf */

struct router *router_new(const struct conf *c, struct diag *d) MUST_CHECK; /* NULL: fault in d */
void router_free(struct router *r);
const struct conf *router_conf(const struct router *r);

/* A constant that a shard key is compared with. */
enum value_kind { VALUE_NULL, VALUE_INT, VALUE_UINT, VALUE_DECIMAL /* text */, VALUE_FLOAT /* text */, VALUE_STRING /* bytes */, VALUE_BYTES /* hex/bin literal */,
                  VALUE_UNKNOWN /* no constant: any shard */ };
struct value {
    enum value_kind kind;
    int64_t i;
    uint64_t u;
    struct str s;
};

/* Which shard of t holds rows whose shard columns equal v[0..n). < 0: none: then *f says why (ER 1526 'Table has no partition for value ..'
 * naming value and table). For INSERT, WEIR_SHARD_OF, migration. */
int64_t router_shard_of(const struct router *r, const struct conf_table *t, const struct cat_table *meta, const struct value *v, uint32_t n,
                        struct arena *a, struct fault *f);

/* ---- plans ------------------------------------------------------------------------------------------------- */

/* What the session knows at build time; part of the cache key (schema by name, options, catalog version). */
struct plan_env {
    const struct router *router;
    const struct catalog *catalog; /* may be NULL */
    struct str schema;             /* current logical database, empty: none */
    bool foreign_charset;          /* the client's character set is none of utf8, utf8mb3, utf8mb4, ascii: text keys beyond ASCII are then
                                      not comparable with stored ones (reads go to all shards, INSERT is refused) */
    bool no_auto_value_on_zero;    /* that sql_mode: 0 is stored in a generated column as it is */
    bool system_as_is;             /* information_schema has been made logical already (proxy/session/views.h): forward it */
};

/* Session values that are spliced in as literals at render time. */
struct plan_facts {
    uint64_t last_insert_id;
    uint64_t found_rows;
    int64_t row_count;
    uint32_t connection_id;
    uint32_t warning_count, error_count;
    struct str user;         /* name@host as USER() shows */
    struct str current_user; /* the account */
    const struct sql_options *opt; /* for quoting; NULL: defaults */
};

enum plan_kind {
    PLAN_ROUTED,  /* legs are found by plan_bind */
    PLAN_SESSION, /* the session itself answers or orchestrates: SET, USE, BEGIN, SHOW ... (stmt->kind tells); never cached */
    PLAN_REFUSED  /* fault */
};
enum plan_class { /* what exec must take care of */
    PLAN_READ,    /* SELECT without locks */
    PLAN_LOCKING, /* SELECT ... FOR UPDATE / SHARE: reads, but holds locks */
    PLAN_WRITE,   /* INSERT UPDATE DELETE REPLACE LOAD: affected rows add up */
    PLAN_DDL,     /* implicit commit; every node, each failure reported */
    PLAN_OTHER    /* forwarded, unknown effect: may change anything on that connection */
};
enum plan_flag {
    PLAN_READS_USERVARS = 1, PLAN_WRITES_USERVARS = 2, /* @x mentioned; @x := or INTO @x */
    PLAN_SETS_LAST_INSERT_ID = 4,  /* LAST_INSERT_ID(expr): ask the server afterwards */
    PLAN_CALC_FOUND_ROWS = 8,
    PLAN_TEMPORARY = 16,           /* CREATE/DROP TEMPORARY TABLE: pins the connection */
    PLAN_SERVER_LOCK = 32,         /* GET_LOCK, LOCK TABLES...: pins */
    PLAN_NEEDS_CATALOG = 64,       /* built without a table's columns; a catalog that knows them has another version, so the cache misses then */
    PLAN_SHARDED = 128,            /* names in the reply must be made logical */
    PLAN_NO_CACHE = 256,
    PLAN_MAY_REPLY_MANY = 512,     /* CALL: several result sets */
    PLAN_CHANGES_SCHEMA = 1024,    /* the catalog must be loaded again */
    PLAN_IGNORE = 2048             /* INSERT/UPDATE IGNORE */
};

/* How the rows of several legs become one result. Column numbers count in the legs' own result: 0..visible-1 are the client's,
 * then come nhidden hidden ones (cut off). `visible` is not known at plan time with `*`: hidden ones are counted from the end. */
enum merge_column_from { MERGE_VISIBLE, MERGE_HIDDEN };
struct merge_column {
    enum merge_column_from from;
    uint32_t index; /* VISIBLE: 0.. ; HIDDEN: 0.. within the hidden ones */
};
struct merge_key {
    struct merge_column value;  /* the key itself: compared by the type of its column definition */
    bool has_weight;            /* then, when the value's definition says text, compare this WEIGHT_STRING column instead */
    struct merge_column weight;
    bool desc;
    /* Text needs its collation too (the weight of a space, PAD or NO PAD): a column definition carries the client's character set, not
     * the column's collation. Either its name, where the catalog knows it, or a hidden column COLLATION(x). Text with neither is refused by the merge. */
    struct str collation;
    bool has_collation_column;
    struct merge_column collation_column;
};
enum merge_fn { MERGE_FIRST /* any row's value: group key or function of it */, MERGE_COUNT, MERGE_SUM, MERGE_MIN, MERGE_MAX, MERGE_AVG /* from hidden sum and count */ };
struct merge_output { /* one visible column of a grouped result */
    enum merge_fn fn;
    struct merge_column sum, count; /* AVG: SUM(x) and COUNT(x) */
    bool has_weight;                /* MIN/MAX of text: WEIGHT_STRING of the value */
    struct merge_column weight;
    struct str collation;           /* and its collation, as in merge_key */
    bool has_collation_column;
    struct merge_column collation_column;
};
struct merge_spec {
    uint32_t nhidden;
    struct merge_key *order;  /* each leg delivers in this order; empty: concatenation */
    uint32_t norder;
    bool grouped;             /* aggregates: rows with equal group keys become one; legs deliver in the order of `group` */
    struct merge_key *group;  /* empty and grouped: one row over all */
    uint32_t ngroup;
    struct merge_output *outputs; /* grouped: one per visible column, in order; no '*' then */
    uint32_t noutputs;
    struct merge_key *final_order; /* grouped and ORDER BY differs from the group's order: sort the merged rows */
    uint32_t nfinal_order;
    bool distinct;            /* legs deliver sorted by `order`; rows with equal order keys are dropped (SELECT DISTINCT: order covers every column) */
    bool has_limit;           /* take offset.. from the bound */
    bool add_counts;          /* no rows: OK packets add up (writes) */
};

struct plan; /* owns its arena; shared within a worker by reference count */

struct plan_info { /* the parts that exec reads on the hot path */
    enum plan_kind kind;
    enum plan_class cls;
    uint32_t flags;
    const struct merge_spec *merge; /* used when bound to several legs */
    uint32_t sequence;              /* of the generated column; UINT32_MAX: none */
    const struct sql_stmt *stmt;    /* the tree; refers to the plan's own copy of the text. For PLAN_SESSION. */
    const struct sql_scan *scan;    /* the plan's own copy of the scan that stmt refers to */
    const struct fault *fault;      /* REFUSED */
    struct str schema;              /* logical schema of the tables (for messages) */
    const struct conf_table *table; /* the first configured table it touches, or NULL */
};

/*
 * Builds a plan for the statement in `scan` (copies what it needs; the plan is independent of it). Returns SQL_OK also for a refused
 * plan. SQL_ERROR: syntax fault or unknown schema in `f`. The plan has one reference. `a` is scratch.
 */
enum sql_status plan_build(const struct plan_env *env, const struct sql_scan *scan, struct arena *a, struct plan **out, struct fault *f) MUST_CHECK;
const struct plan_info *plan_info(const struct plan *p);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p);
size_t plan_bytes(const struct plan *p); /* memory it holds, for the cache's cap */

/* Do this statement's literals agree with those that the plan was built on (guards)? False: build anew, do not cache over it. */
bool plan_accepts(const struct plan *p, const struct sql_scan *scan);

/* ---- binding ------------------------------------------------------------------------------------------------ */

struct plan_leg {
    uint32_t source; /* in conf->sources */
    uint32_t shard;  /* node position of the sharded tables; UINT32_MAX when none takes part */
    const uint32_t *rows; /* INSERT over several shards: the rows of this leg; NULL: all */
    uint32_t nrows;
};
struct bound {
    const struct plan *plan;
    struct plan_leg *legs; /* sorted by shard; never empty on SQL_OK unless `empty` */
    uint32_t nlegs;
    bool empty;            /* no row can match (id = NULL): one leg is given all the same so that a server makes the metadata */
    bool merged;           /* several legs: use the scatter text and info->merge */
    bool has_limit;
    uint64_t offset, limit; /* the client's own; the legs are asked for offset + limit */
    uint64_t first_id;     /* ids were filled from here; 0: none */
    uint64_t nids;
    uint64_t max_explicit_id; /* largest value given for a generated column; 0: none */
    const uint64_t *row_ids;  /* router's own: the id given to each row of an INSERT, 0: none; NULL: no row gets one */
};

/* How many generated ids the statement needs (0: none). SQL_ERROR: fault. */
enum sql_status plan_count_ids(const struct plan *p, const struct sql_scan *scan, struct arena *a, uint64_t *n, struct fault *f) MUST_CHECK;

/*
 * Finds the legs. `ids`: first of plan_count_ids() consecutive ids (consecutive from first_id), 0 when none are needed. On a cached point select
 * this allocates nothing beyond the arena. SQL_ERROR: fault (no shard for a value, scatter refused...).
 */
enum sql_status plan_bind(const struct plan *p, const struct sql_scan *scan, uint64_t first_id, struct arena *a, struct bound *out,
                          struct fault *f) MUST_CHECK;

/* The same with the session's values at hand: LAST_INSERT_ID() is then a constant that finds a shard. */
enum sql_status plan_bind_with(const struct plan *p, const struct sql_scan *scan, const struct plan_facts *facts, uint64_t first_id, struct arena *a,
                               struct bound *out, struct fault *f) MUST_CHECK;

/* Appends the statement for one leg to `out`. out->failed tells of memory. */
void plan_render(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *leg, const struct plan_facts *facts, struct buf *out);

/* ---- names back to logical ------------------------------------------------------------------------------------ */

/* physical (source, database, table) -> logical schema and table; table may be empty (schema only). False: no such node. */
bool router_logical(const struct router *r, uint32_t source, struct str database, struct str table, struct str *schema, struct str *name);
/* Rewrites physical names inside a server's message ("Table 'shop_0.orders_3' doesn't exist", "for key 'orders_3.PRIMARY'") into logical ones. */
void router_logical_text(const struct router *r, uint32_t source, struct str message, struct buf *out);
/* Is `table` in `database` of `source` a node of some rule under another name? Then SHOW TABLES must hide it. */
bool router_is_node(const struct router *r, uint32_t source, struct str database, struct str table);

/* ---- plan cache (one a worker) ----------------------------------------------------------------------------------- */

struct plan_cache;
struct plan_cache *plan_cache_new(uint64_t max_plans, uint64_t max_bytes);
void plan_cache_free(struct plan_cache *c);
/* NULL: not there (or its guards do not hold). A reference is NOT added: valid until the next put or clear; plan_ref to keep. */
struct plan *plan_cache_get(struct plan_cache *c, const struct plan_env *env, const struct sql_scan *scan);
/* Takes a reference of its own; least recently used ones go. Plans with PLAN_NO_CACHE or a key over 8 KiB are not kept. */
void plan_cache_put(struct plan_cache *c, const struct plan_env *env, const struct sql_scan *scan, struct plan *p);
void plan_cache_clear(struct plan_cache *c);
struct plan_cache_stats { uint64_t hits, misses, entries, bytes, evictions; };
void plan_cache_stats(const struct plan_cache *c, struct plan_cache_stats *out);

/* ---- explain --------------------------------------------------------------------------------------------------------- */

/* What would be done with the statement: kind, shards, text for each, merge, or the refusal. For people, or JSON. */
void plan_explain(const struct plan *p, const struct sql_scan *scan, struct arena *a, bool json, struct buf *out);
/* One line for logs: "scatter 4 shards order+limit", "single s0 shop_0.orders_3". */
void plan_summary(const struct bound *b, struct buf *out);

#endif
