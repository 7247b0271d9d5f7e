/*
 * build.h - the workshop where a plan is made; gone when the plan is. Private to router/build*.c, block.c,
 * cond.c.
 *
 *   build.c         the way through: copy, parse, classify tables, dispatch by statement, splice session values, finish
 *   build_names.c   logical names -> edits
 *   block.c         query blocks, whose column is this, which equalities hold where, are these tables co-located
 *   derived.c       derived tables and WITH that may be answered shard by shard
 *   cond.c          conditions -> programs for plan_bind
 *   build_select.c  SELECT; build_merge.c, build_group.c its scatter form
 *   build_write.c   UPDATE, DELETE; build_insert.c INSERT, REPLACE; build_load.c LOAD DATA
 *   build_ddl.c     DDL, SHOW, and what the session answers
 *
 * A refusal returns false all the way up, with the fault set. Out of memory leaves by longjmp to plan_build:
 * everything is in two arenas that the caller ends, so that nothing is lost, and the rules stay readable.
 */
#ifndef WEIR_ROUTER_BUILD_H
#define WEIR_ROUTER_BUILD_H

#include <setjmp.h>

#include "router/plan.h"

enum table_at {
    AT_NOWHERE, /* a CTE, or a name in DELETE's list */
    AT_DEFAULT, /* no rule: the schema's default source */
    AT_SINGLE,
    AT_BROADCAST,
    AT_SHARDED,
    AT_SYSTEM /* information_schema and its like */
};
struct tinfo { /* one a sql_table, by its id */
    const struct sql_table *t;
    enum table_at at;
    const struct rt_schema *schema;
    const struct rt_table *rt;
    const struct cat_table *cat;
    uint32_t source; /* DEFAULT, SINGLE */
    bool edited;     /* its name changes in the text */
};

struct bref;
struct block;
struct term { /* a column of a reference */
    struct term *next;
    struct bref *ref;
    struct str name;
    const struct cat_column *cat;
    const struct keycol *key; /* it is a shard column */
    uint32_t key_index, id;
    const struct sql_expr *expr; /* of a derived table: what it stands for, where that is no column */
};
struct dcol { /* a column of a derived table */
    struct str name; /* empty: the server makes one */
    const struct cat_column *cat;
    const struct sql_expr *expr; /* without cat; NULL: nothing is known of it */
};
struct bref { /* one leaf of a FROM */
    struct block *block;
    struct bref *next;
    const struct sql_ref *ref; /* NULL: the target of an INSERT */
    struct tinfo *t;           /* NULL: derived table, function, CTE */
    struct str alias;
    struct term *terms;
    struct term **key_terms; /* SHARDED: one a shard column */
    struct keycol *keys;
    struct env *env; /* what holds for its rows */
    bool nullable, columns_known;
    bool merged;           /* under a NATURAL outer join: which columns are common is not told */
    uint32_t shard_ref;    /* in b->shard_refs; UINT32_MAX: not sharded */
    struct str *coalesced; /* USING columns */
    uint32_t ncoalesced;
    struct block *inner; /* derived table, WITH: its query */
    struct dcol *cols;
    uint32_t ncols;
};
struct conj {
    const struct sql_expr *e;
    struct block *block;
};
struct pair {
    struct term *a, *b;
};
struct env { /* conditions that hold for rows that count, and those around it */
    struct env *up;
    VEC(struct conj) conj;
    VEC(struct pair) pairs;
    uint32_t *roots; /* union-find over term ids, made at first use */
    uint32_t nroots;
};
enum block_role { BLOCK_MAIN, BLOCK_ARM /* of a set operation */, BLOCK_SUBQUERY, BLOCK_DERIVED, BLOCK_CTE };
struct block {
    struct block *parent, *next; /* next: list of all */
    enum block_role role;
    const struct sql_query *q; /* NULL: UPDATE, DELETE */
    const struct sql_ref *from;
    const struct sql_expr *where;
    struct bref *refs;
    struct env *env;
    bool sharded;        /* it names a sharded table itself */
    bool colocated;      /* its sharded tables meet on their shard keys */
    bool optional_first; /* a sharded table stands on the optional side of an outer join whose other side is
                            not sharded */
    bool tied;           /* and meet those of the block around it */
    const struct sql_cte *cte;
    bool carried;    /* its rows are those of the shards put together, and so is the block around it answered (derived.c) */
    const char *why; /* not carried */
};

struct build {
    struct plan *p;
    const struct plan_env *env;
    const struct sql_scan *scan; /* &p->scan */
    const struct sql_stmt *stmt;
    const struct sql_stmt *what; /* stmt, or the one that it explains */
    struct arena *a;             /* the plan's */
    struct fault *f;
    struct arena *fa; /* where the caller's fault text goes */
    jmp_buf oom;
    const struct rt_schema *current;
    struct tinfo *tables;
    struct block *blocks, **blocks_end;
    struct block **expr_block; /* by expression id: the block whose names it uses */
    struct term **col_terms;   /* by expression id; &no_term: looked up, none */
    VEC(struct plan_ref) shard_refs;
    VEC(struct bref *) shard_brefs;
    VEC(struct guard) guards;
    VEC(const struct rt_table *) copies;
    uint32_t nterms;
    bool hard; /* the fault is the client's (unknown schema...), not a refusal */
};

/* ---- memory and faults ---- */
void *b_alloc(struct build *b, size_t n); /* zeroed, never NULL */
void *b_check(struct build *b, void *p);  /* leaves when NULL */
#define b_new(b, T)      ((T *)b_alloc((b), sizeof(T)))
#define b_array(b, T, n) ((T *)b_alloc((b), sizeof(T) * ((size_t)(n) + 1)))
#define b_push(b, v)                                                                                         \
    (vec_push((v), (b)->a) ? &(v)->at[(v)->len - 1] : (__typeof__((v)->at))b_check((b), NULL))
struct str b_printf(struct build *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool refuse(struct build *b, const char *fmt, ...) PRINTF_LIKE(2, 3); /* false, 1235 */
bool fail(struct build *b, uint16_t code, const char *state, const char *fmt, ...)
    PRINTF_LIKE(4, 5); /* false */
/* The scatter form is not exact; the first reason given stays. */
void no_scatter(struct build *b, const char *why, const char *way_out);

/* ---- edits ---- */
struct edit *add_edit(struct build *b, struct edits *to, enum edit_kind kind, uint32_t first, uint32_t end);
void add_text(struct build *b, struct edits *to, uint32_t first, uint32_t end, struct str text);
void add_segs(struct build *b, struct edits *to, uint32_t first, uint32_t end, const struct seg *segs,
              uint32_t n);
void add_guard(struct build *b, uint32_t tok);
void add_heading_guard(struct build *b, uint32_t tok); /* words too, letter by letter */
static inline struct seg seg_text(struct str s)
{
    return (struct seg){.text = s};
}
static inline struct seg seg_range(struct sql_span r)
{
    return (struct seg){.range = r};
}

/* ---- names (build_names.c) ---- */
bool classify_tables(struct build *b);
/* Edits of one table's name. no_alias: the grammar allows none there. */
bool edit_table(struct build *b, struct tinfo *t, bool no_alias);
bool edit_tables(struct build *b,
                 uint32_t no_alias_id); /* all of them; one may not get an alias (UINT32_MAX: all may) */
void edit_qualifiers(struct build *b,
                     struct tinfo *target); /* target: names it in columns where it could get no alias */
bool splice_facts(struct build *b);
/* Items without an alias whose text is edited get the name that their own text would have given them. */
void keep_item_names(struct build *b, const struct sql_item *items, uint32_t n);
uint32_t default_source(const struct build *b);
/* Does a token name a table that is not a plain one of the default source? */
bool names_special_table(struct build *b, uint32_t from, uint32_t end, struct str *which);

/* ---- blocks (block.c) ---- */
struct block *block_query(struct build *b, const struct sql_query *q, struct block *parent,
                          enum block_role role, struct env *outer);
struct block *block_from(struct build *b, const struct sql_ref *from, const struct sql_expr *where,
                         struct bref *target);
void blocks_of_expr(struct build *b, struct block *in, const struct sql_expr *e, struct env *env);
void blocks_of_ctes(struct build *b, struct block *in, const struct sql_cte *ctes, uint32_t n);
struct bref *add_bref(struct build *b, struct block *bl, const struct sql_ref *ref, struct tinfo *t,
                      struct str alias);
/* After all blocks are there: co-location, conditions; sets the plan's refs. */
bool finish_blocks(struct build *b);
struct term *term_of(struct build *b, struct block *bl,
                     const struct sql_expr *e); /* NULL: unknown column or none */
bool same_class(struct build *b, struct env *env, const struct term *x, const struct term *y);
struct term *term_get(struct build *b, struct bref *r, struct str name);
const struct sql_expr *bare(const struct sql_expr *e); /* without parentheses */
bool same_layout(const struct rt_table *x, const struct rt_table *y);

/* ---- derived tables (derived.c) ---- */
void derived_columns(struct build *b, struct bref *d, struct block *in, const struct str *names, uint32_t nnames);
const struct dcol *derived_column(const struct bref *d, struct str name);
struct block *cte_block(struct build *b, struct str name);
bool ref_has_using(const struct sql_ref *j);
bool query_groups(const struct sql_query *q); /* it aggregates */
/* Does one of `terms` equal each shard column of one table, whose rows all groups need? Then no group spans shards. */
bool holds_shard_key(struct build *b, const struct block *bl, struct term *const *terms, uint32_t n);
void carry_derived(struct build *b); /* after all blocks are there */
void refuse_derived(struct build *b, const struct block *bl);

/* ---- conditions (cond.c) ---- */
struct cond *cond_compile(struct build *b, struct bref *r);

/* ---- statements ---- */
bool build_select(struct build *b, const struct sql_query *q);
void build_merge(struct build *b,
                 struct block *bl); /* scatter edits and merge of the main block, or no_scatter */
bool build_insert(struct build *b, const struct sql_insert *in);
bool build_load(struct build *b);
bool build_update(struct build *b, const struct sql_update *u);
bool build_delete(struct build *b, const struct sql_delete *d);
bool build_ddl(struct build *b);
bool build_show(struct build *b);
bool build_admin(struct build *b);
bool build_database(struct build *b);
bool build_create_other(struct build *b);
bool build_explain(struct build *b);
bool build_call(struct build *b);
bool build_do(struct build *b);
bool build_handler(struct build *b);
bool build_unread(struct build *b);
bool build_grant(struct build *b);
bool build_session(struct build *b); /* the session answers or orchestrates */
bool build_statement(struct build *b, const struct sql_stmt *s);
/* Only whole and broadcast tables: one leg. */
bool route_one_source(struct build *b);
/* By the refs; also fills copies and must_source. */
bool route_shards(struct build *b);
void route_leg(struct build *b, uint32_t source, uint32_t shard);
bool route_every_node(struct build *b, const struct rt_table *t);
bool any_sharded(const struct build *b);
/* A write to a broadcast table: all nodes, the same on each. */
bool write_everywhere(struct build *b, const struct rt_table *t, const char *verb);
bool statement_differs(struct build *b, const char **what); /* RAND(), UUID(), the clock anywhere */
/* RAND() and its like below e. */
bool expr_differs(const struct sql_expr *e, bool clock_too, const char **what);

#endif
