/*
 * build_merge.h - what the two files that make the scatter form of a SELECT share: build_merge.c (rows,
 * order, DISTINCT) and build_group.c (groups and aggregates). Private to them.
 */
#ifndef WEIR_ROUTER_BUILD_MERGE_H
#define WEIR_ROUTER_BUILD_MERGE_H

#include "router/build.h"

enum sorting {
    SORT_VALUE,   /* numbers, temporals, bytes: by the value */
    SORT_TEXT,    /* by WEIGHT_STRING */
    SORT_UNKNOWN, /* value and WEIGHT_STRING; the definition tells at run time */
    SORT_INDEX,   /* ENUM, SET by their number; FLOAT by its full precision: hidden x + 0 */
    SORT_NONE     /* cannot be reproduced */
};

struct out {                     /* one visible column */
    const struct sql_item *item; /* NULL: from a star */
    const struct sql_expr *expr;
    struct term *term; /* it is a plain column */
};
struct gkey { /* one GROUP BY key */
    struct out target;
    int visible;
    bool desc;
    struct seg text; /* for ORDER BY */
    struct merge_key key;
};
struct mg {
    struct build *b;
    struct block *bl;
    const struct sql_query *q;
    struct merge_spec *m;
    VEC(struct out) outs;
    bool expanded; /* outs are all visible columns, in place */
    VEC(struct seg) hidden;
    struct gkey *group;
    uint32_t ngroup;
    bool whole_groups; /* each group lies in one shard */
    bool partial; /* groups are made of parts: hidden columns must be aggregates or group keys themselves */
};

/* ---- expressions ---- */

/* The scatter form is not exact, and why. False. */
bool mg_not_exact(struct mg *g, const char *why);
/* The column that e is, or NULL. */
struct term *mg_term(struct mg *g, const struct sql_expr *e);
enum sorting mg_sorting(struct mg *g, const struct sql_expr *e);
enum sorting mg_sorting_of_column(struct mg *g, const struct cat_column *c);
enum sorting mg_sorting_of_call(struct mg *g, const struct sql_expr *e);
/* The same tokens, or the same column. Where only literals decide, they are guarded. */
bool mg_same_expr(struct mg *g, const struct sql_expr *x, const struct sql_expr *y);
/* May e be written a second time into the statement? aggregated: inside an aggregate function there. */
bool mg_repeatable(struct mg *g, const struct sql_expr *e, bool aggregated);

/* ---- visible and hidden columns ---- */

/* Are all visible columns known by place? */
bool mg_needs_columns(struct mg *g);
struct seg mg_text(struct mg *g, const struct out *o);
bool mg_known_collation(struct mg *g, const struct term *t, struct str *out);
struct merge_column mg_add_hidden(struct mg *g, const char *head, struct seg body, const char *tail);
/* A sort key for o; visible < 0: its place is not known, or it is not selected. */
bool mg_make_key(struct mg *g, const struct out *o, int visible, bool desc, struct merge_key *k);

/* ---- what ORDER BY and GROUP BY name ---- */

enum found { FOUND, FOUND_CONSTANT, FOUND_NOTHING };
/* The select item that an unqualified name means; -1: none, -2: several that differ. */
int mg_item_named(struct mg *g, struct str name);
enum found mg_find_target(struct mg *g, const struct sql_expr *e, bool columns_first, struct out *o,
                          int *visible);

/* ---- the end of the statement ---- */

void mg_push_limit(struct mg *g, bool to_legs);
/* Where an ORDER BY would stand that the statement does not have. */
uint32_t mg_order_place(const struct sql_query *q);

/* ---- groups (build_group.c) ---- */

bool mg_find_group(struct mg *g);
bool mg_make_groups(struct mg *g);

#endif
