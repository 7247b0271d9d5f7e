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
enum { VALUE_IS_TEMPORAL = 2 }; /* i of a VALUE_STRING: a date or time, not a text. A DATE, DATETIME, TIMESTAMP or TIME parameter must say so: beside a text
                                   column it is compared as a date, so that the text of it finds no shard */

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
    const struct value *params;    /* values of the statement's `?`, by number, in a prepared statement's execute; NULL: none are bound */
    uint32_t nparams;
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
    PLAN_IGNORE = 2048,            /* INSERT/UPDATE IGNORE */
    PLAN_LOAD_LOCAL = 4096,        /* LOAD DATA LOCAL INFILE: the server asks for the file, the client sends it */
    PLAN_LOAD_SPLIT = 8192,        /* and its rows are dealt out by us: plan_load() */
    PLAN_READS_PARAMS = 16384,     /* bind looks at values of the `?` (shards, ids, LIMIT of a merge); without it plan_facts.params may stay NULL */
    PLAN_RETURNING = 32768         /* INSERT, REPLACE or DELETE ... RETURNING: rows come back; of several legs in the order of VALUES */
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
    uint32_t nparams;               /* number of `?` */
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
    const uint32_t *rows; /* INSERT over several shards: the rows of this leg; NULL: all. DROP TABLE of tables placed differently: its names */
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
/* The same with the values of the `?`. */
enum sql_status plan_count_ids_with(const struct plan *p, const struct sql_scan *scan, const struct plan_facts *facts, struct arena *a, uint64_t *n,
                                    struct fault *f) MUST_CHECK;

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

/*
 * Prepared statements. The text for a server's COM_STMT_PREPARE: every `?` of the client stays one, and what differs from one execute to the next
 * (LAST_INSERT_ID() and the other session values, generated ids, LIMIT offset + count of a merge) is a `?` as well, so that the text depends on plan,
 * leg, form (single or scatter) and rows alone. slots[i] says what the i-th `?` of that text is bound to.
 */
enum plan_slot_kind { PLAN_SLOT_PARAM /* the client's */, PLAN_SLOT_NUMBER /* unsigned BIGINT */, PLAN_SLOT_SIGNED, PLAN_SLOT_TEXT };
struct plan_slot {
    uint8_t kind;
    uint32_t param;
    uint64_t number; /* SIGNED: as int64_t */
    struct str text; /* lives as long as `facts` */
};
struct plan_slots { /* in the arena; {0} is ready */
    struct plan_slot *at;
    uint32_t n, cap;
};
/* out->failed tells of memory, for the slots too. */
void plan_render_prepared(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *leg, const struct plan_facts *facts, struct arena *a,
                          struct plan_slots *slots, struct buf *out);
/* A leg that can describe the statement before its parameters are known (PREPARE's metadata): any complete one, single form, all rows. */
enum sql_status plan_probe(const struct plan *p, struct arena *a, struct bound *out, struct fault *f) MUST_CHECK;

/* ---- LOAD DATA LOCAL into a table of several nodes ------------------------------------------------------------- */

/*
 * A plan with PLAN_LOAD_SPLIT (PLAN_ROUTED, PLAN_WRITE): the client's file is read by us. plan_bind gives a leg for each node, in the order of the
 * nodes (leg[i].shard == i on a sharded table), each an own LOAD DATA LOCAL of plan_render_load's text; a row goes to leg plan_load_shard(), or to
 * every leg where the table is not sharded (broadcast; a single table is here only because its ids are ours). The format below is the one the legs'
 * statements have too, so that a line can be handed on as it came, behind lines_starting and its id.
 *
 * PLAN_WRITES_USERVARS is set where the list names user variables: the session's are then those of the leg with the file's last row.
 *
 * Fixed-row format (no terminators), LINES TERMINATED BY '' or by the same as FIELDS, LOAD XML and character sets whose trail bytes may look like a
 * terminator are refused at build: so both terminators are there and differ.
 */
enum plan_load_from {
    PLAN_LOAD_FIELD,  /* the input field `field` of the row, unescaped: a VALUE_STRING, or VALUE_NULL for \N (and, where fields are enclosed, NULL) */
    PLAN_LOAD_VALUE,  /* the same for every row: `value` (SET column = constant) */
    PLAN_LOAD_IDS     /* generated by us for every row */
};
struct plan_load_key {
    enum plan_load_from from;
    uint32_t field; /* FIELD: from 0 */
    struct value value;
};
struct plan_load {
    const struct conf_table *table;
    struct str fields_terminated, fields_enclosed /* one byte or empty */, fields_escaped /* one byte or empty */;
    bool fields_optionally; /* OPTIONALLY ENCLOSED; reading is the same */
    struct str lines_starting /* or empty */, lines_terminated;
    uint64_t ignore_lines;  /* IGNORE n LINES: dropped by us, the legs' statements have none */
    struct str charset;     /* of CHARACTER SET, or empty */
    bool ignore, replace;
    const struct str *columns; /* one an input field: the column, or "@name" for a user variable */
    uint32_t ncolumns;
    struct plan_load_key *keys; /* one a shard column; none when the table is not sharded */
    uint32_t nkeys;
    bool has_id;                /* the table has a generated column: */
    struct plan_load_key id;    /* IDS: each row gets one, written before its first field (id, fields_terminated, line). FIELD: rows in which it is NULL
                                   or 0 (0: only id_zero) get one in its place, others raise the mark. VALUE: an explicit id */
    bool id_zero;               /* 0 asks for an id too */
};
/* NULL: not a PLAN_LOAD_SPLIT. Lives as long as the plan. */
const struct plan_load *plan_load(const struct plan *p);
/* The leg of a row: v[i] is the value of shard column i, as keys[i] says (those of PLAN_LOAD_VALUE are filled in here and need not be given; an id of
 * ours is a VALUE_UINT). Not for tables that are not sharded. < 0: none, with the fault (out of memory: 1037). */
int64_t plan_load_shard(const struct plan *p, const struct value *v, struct arena *a, struct fault *f) MUST_CHECK;
/* LOAD DATA LOCAL for one leg: physical table, the columns written out, no IGNORE n LINES; with_ids: the generated column stands first in the list (only
 * where id.from is PLAN_LOAD_IDS). */
void plan_render_load(const struct plan *p, const struct sql_scan *scan, const struct plan_leg *leg, const struct plan_facts *facts, bool with_ids,
                      struct buf *out);

/* ---- names back to logical ------------------------------------------------------------------------------------ */

/* physical (source, database, table) -> logical schema and table; table may be empty (schema only); of a column without a database the table is
 * found by its name alone and the schema stays empty. False: no such node. */
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
