/*
 * plan.h - the inside of a plan. Private to router/: made by build*.c, read by bind.c, render.c, cache.c,
 * explain.c.
 *
 *      text:   SELECT c FROM orders WHERE id = 5 ORDER BY c LIMIT 10
 *      single:               [----]                                     table
 *      scatter:        ^     [----]                         [------]    hidden columns, table, limit
 *
 * The two texts are lists of edits by token number, sorted, not overlapping. An edit's replacement may hold
 * parts of the statement itself (an ORDER BY expression as a hidden column): those are token ranges, copied
 * with the single edits inside them, so that a plan never remembers a literal's value.
 */
#ifndef WEIR_ROUTER_PLAN_H
#define WEIR_ROUTER_PLAN_H

#include "router/rules.h"

/* ---- edits ---- */

struct seg {               /* a piece of replacement text */
    struct str text;       /* written when range is empty */
    struct sql_span range; /* tokens of the statement, with the single edits in it */
};
enum edit_kind {
    EDIT_TEXT,      /* segs; none: removed */
    EDIT_TABLE,     /* the leg's physical name of `table` */
    EDIT_QUALIFIER, /* the same without database, and a dot: `orders_3`. */
    EDIT_FACT,      /* a session value */
    EDIT_ID,        /* the id given to row `row` of an INSERT, behind segs[0]; made while rendering */
    EDIT_LIMIT,     /* LIMIT offset + count */
    EDIT_SUFFIX,    /* the token itself and the leg's physical table name behind it: constraint names */
    EDIT_SHARD      /* WEIR_SHARD_OF('orders', 7): the shard's number, NULL when no shard takes the value */
};
enum fact {
    FACT_LAST_INSERT_ID,
    FACT_FOUND_ROWS,
    FACT_ROW_COUNT,
    FACT_CONNECTION_ID,
    FACT_DATABASE,
    FACT_USER,
    FACT_CURRENT_USER,
    FACT_WARNING_COUNT,
    FACT_ERROR_COUNT
};
struct edit {
    struct sql_span span;
    uint8_t kind, fact;
    uint16_t order; /* keeps insertions at one place in the order of their making */
    uint32_t row;
    const struct rt_table *table;
    const struct sql_expr *call; /* SHARD */
    const struct keycol *keys;
    bool by_param; /* SHARD: of a value that is a parameter */
    struct seg *segs;
    uint32_t nsegs;
};
struct edits {
    struct edit *at;
    uint32_t len, cap;
};

/* ---- conditions ---- */

enum cond_kind {
    COND_ALL,
    COND_NONE,
    COND_CONST, /* a constant condition: none when it is false */
    COND_AND,
    COND_OR,
    COND_POINTS, /* shard columns equal one of the tuples */
    COND_BOUNDS, /* one shard column between bounds */
    COND_PART    /* while compiling: one of several shard columns equals one of the values */
};
struct cond_bound {
    const struct sql_expr *value;
    bool lower, strict;
};
struct cond {
    enum cond_kind kind;
    uint32_t n; /* kids, tuples or bounds */
    struct cond **kids;
    const struct sql_expr **values; /* POINTS: n * ncols, tuple by tuple; PART: n; CONST: 1 */
    struct cond_bound *bounds;
    uint32_t column; /* PART */
};

/* One reference to a sharded table. */
struct plan_ref {
    const struct rt_table *table;
    const struct keycol *keys; /* one a shard column */
    struct cond *cond;
    bool free; /* not tied to the others by the shard key: must stay inside the one shard of the statement */
    bool nullable; /* the optional side of an outer join: its shards do not narrow the statement */
    bool stores;   /* the condition's values are stored, not compared: INSERT ... SELECT of constants */
};

/* ---- INSERT ---- */

struct plan_insert {
    const struct rt_table *table; /* SHARDED, or with a generated column; else NULL */
    const struct keycol *keys;
    uint32_t
        *key_at; /* which value of a row holds shard column i; UINT32_MAX: the generated column, appended */
    const struct sql_row *rows;
    uint32_t nrows;
    struct sql_span rows_span; /* written row by row, not by edits */
    bool set_form;
    struct str id_name; /* of the generated column, quoted */
    uint32_t id_at; /* value of the generated column in a row; UINT32_MAX: appended; only when `generated` */
    bool generated;
    bool zero_is_id; /* 0 asks for an id too */
    bool select;     /* INSERT ... SELECT: legs come from refs */
};

/* ---- LOAD DATA ---- */

struct load_inside {
    struct plan_load load; /* what others see */
    struct keycol *keys;   /* one a shard column */
    uint32_t dropped;      /* SET assignment that the legs do not get: SET id = NULL; UINT32_MAX: none */
};

/* ---- the plan ---- */

enum route {
    ROUTE_FIXED,  /* legs are known */
    ROUTE_SHARDS, /* by the refs' conditions */
    ROUTE_INSERT  /* by the rows' values */
};
struct guard { /* the plan holds only while this token reads so */
    uint32_t tok;
    struct str text;
};
struct plan {
    struct plan_info info;
    int refs;
    struct arena arena;
    const struct router *router;
    struct str schema; /* current one when built */
    const struct rt_schema *current;
    struct sql_scan scan; /* own copy */
    uint32_t *param_toks; /* token of each `?`, info.nparams of them */
    struct sql_options opt;
    struct fault fault;
    struct edits single, scatter;
    struct guard *guards;
    uint32_t nguards;
    enum route route;
    struct plan_leg *legs; /* FIXED */
    uint32_t nlegs;
    const struct rt_table *layout; /* SHARDS: whose nodes the shard numbers count */
    struct plan_ref *shard_refs;
    uint32_t nrefs;
    bool tied;                      /* some refs are not free */
    bool one_leg;                   /* EXPLAIN, DESCRIBE: the first leg answers for all */
    bool no_scatter;                /* binding to several legs is refused, with: */
    struct str why, way_out;        /* "GROUP_CONCAT", "add a condition..." */
    const struct rt_table **copies; /* broadcast tables: must be on each leg's source */
    uint32_t ncopies;
    uint32_t must_source; /* a whole table takes part: each leg must be on its source; UINT32_MAX: none */
    struct str must_name;
    const struct sql_limit *limit;
    struct plan_insert *insert;
    struct load_inside *load; /* LOAD_SPLIT */
    const struct sql_ddl *drop; /* DROP TABLE of tables placed differently: leg->rows says which of the names it has */
    struct merge_spec *merge;
};

/* The set of shards of one reference. False: out of memory. */
bool cond_eval(const struct plan_ref *ref, const struct cond *c, const struct given *g, struct arena *a,
               struct shards *out);

/* Do values of parameters decide which shards there are, or which ids are needed? */
bool plan_routes_by_params(const struct plan *p);
/* Or the LIMIT of a merge? */
bool plan_asks_params(const struct plan *p);
/* 1235 with "Weir: ... is not supported yet; ...". */
void plan_refuse(struct fault *f, struct arena *a, const char *fmt, ...) PRINTF_LIKE(3, 4);
void plan_oom(struct fault *f, struct arena *a);

#endif
