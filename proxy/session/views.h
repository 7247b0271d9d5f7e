/*
 * views.h - information_schema in logical names.
 *
 *   statement reads information_schema.TABLES           (the router gives it to the session: PLAN_SESSION)
 *     -> columns of that table, asked of the server      LEARN
 *     -> rows of tables that live on other sources       GATHER, one question a source
 *     -> every reference becomes a derived table          FROM (SELECT .. UNION ALL SELECT ..) AS `TABLES`
 *     -> the new text runs as a usual statement, so that DATABASE() and its like are spliced by the router
 *
 * The derived table shows each table of the rules as its representative node (its first node on the default
 * source, else its first node) under its logical name, the unlisted tables of a schema under the schema's
 * name, and the system schemas as they are; every other node and database is not in it. Equalities of the
 * statement with the schema's and the table's name are carried into it, so that a question for one table
 * opens one table.
 *
 * One SELECT without UNION stays one: the server merges it into the statement, opens only what is looked at
 * and makes no temporary table.
 *
 * What a representative says stands for all nodes (columns, indexes, engine, comment, times, cardinality),
 * but for a sharded table TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH and DATA_FREE in TABLES are sums over its
 * nodes, AVG_ROW_LENGTH follows from them, and AUTO_INCREMENT is NULL, since ids come from a sequence.
 * SCHEMATA has the schemas of the rules that the user may use and information_schema. PARTITIONS and the
 * INNODB_ tables are not added up; PROCESSLIST has Weir's clients; tables that are not listed in views_text.c
 * (INNODB_*, variables) speak of the default source and are forwarded.
 *
 * The first half is pure: rules and facts in, text out (views_text.c).
 */
#ifndef WEIR_VIEWS_H
#define WEIR_VIEWS_H

#include "conf/conf.h"
#include "parser/sql.h"

struct session;
struct plan;
struct front;
struct exec_result;

/* ---- which tables, and what their columns mean ---- */

struct view_def {
    const char *name;
    const char *schema;     /* column that holds the database */
    const char *table;      /* column that holds the table; NULL: rows of a database */
    const char *also;       /* a second column with the same database, or NULL */
    const char *ref_schema; /* columns that name another table, or NULL */
    const char *ref_table;
    bool clients;           /* PROCESSLIST: the rows are Weir's own */
    bool values;            /* SESSION_VARIABLES and its like: sysvars.c */
};
const struct view_def *view_def(struct str table); /* NULL: shown as the server has it */

enum view_class { VIEW_NUMBER, VIEW_UNSIGNED, VIEW_TIME, VIEW_TEXT };
struct view_column {
    struct str name;
    enum view_class cls;
};
struct view_columns {
    struct view_column *at;
    uint32_t n;
};

/* What the statement says of schema and table by =, IN or LIKE without wildcards. A superset: the statement
 * itself still has its WHERE. */
struct view_names {
    bool any;   /* nothing is said */
    bool exact; /* by =, which servers answer by the exact name; else letter case is ignored */
    struct str *at;
    uint32_t n;
};
struct view_filter {
    struct view_names schema, table;
};
/* `current`: the session's schema, for DATABASE(). False: out of memory. */
bool view_filter_read(const struct sql_scan *scan, const struct sql_table *t, const struct view_def *def,
                      struct str current, struct arena *a, struct view_filter *out) MUST_CHECK;

bool view_may_be(const struct view_names *names, struct str name); /* may that name satisfy the condition? */
static inline bool view_is_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80) return false;
    return true;
}

/* The columns of TABLES that add up. */
#define VIEW_SIZES "TABLE_ROWS", "DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE", "AVG_ROW_LENGTH"
bool view_wants_sums(const struct sql_scan *scan); /* does the statement name one of them, or '*'? */

/* ---- text ---- */

struct view_sums { /* of all nodes of a table, beside what its representative says; see view_put_sums */
    const struct conf_table *table;
    uint64_t rows, data, index, free;
};
struct view_ask {
    const struct conf *conf;
    const struct view_def *def;
    const struct view_columns *columns; /* of the default source: what the derived table has */
    const struct view_filter *filter;
    const bool *allowed;           /* by schema: this user may see it */
    bool all_system;               /* also mysql, performance_schema and sys */
    uint32_t home;                 /* the default source */
    const struct sql_options *opt; /* for literals */
    const struct view_sums *sums;
    uint32_t nsums;
};
bool view_needs(const struct view_ask *q, uint32_t source); /* does that source hold rows of the answer? */
/*
 * The rows of one source, in logical names: "SELECT .. UNION ALL SELECT .."; 0: none. `theirs`: the columns
 * that this source has. `bytes`: text columns as binary strings, so that no character set of the session
 * touches them.
 */
uint32_t view_put_branches(const struct view_ask *q, uint32_t source, const struct view_columns *theirs,
                           bool bytes, struct buf *out);
/* No row, but names and types of all columns. */
void view_put_none(const struct view_ask *q, struct buf *out);
/* A question for the sizes of all nodes of the sharded tables in question on that source: database, table,
 * rows, data, index, free. 0: none. */
uint32_t view_put_sums(const struct view_ask *q, uint32_t source, struct buf *out);
/* Captured rows (fields: nrows * columns->n) as "VALUES (..),(..)". */
void view_put_rows(const struct view_columns *columns, const struct str *fields, uint32_t nrows, bool mariadb,
                   const struct sql_options *opt, struct buf *out);
/* The statement with each text in place of its reference. */
struct view_place {
    const struct sql_table *table;
    struct str text;                    /* of the derived table, without parentheses and alias */
    const struct view_columns *columns; /* for headings: as the statement spells them; NULL: let them be */
};
bool view_render(const struct sql_scan *scan, const struct sql_stmt *st, const struct view_place *places,
                 uint32_t n, struct arena *a, struct buf *out) MUST_CHECK;

/* ---- running (views.c) ---- */

/* Runs the statement of a PLAN_SESSION plan; ends in session_done. */
void views_statement(struct session *s, struct plan *p);
/* SHOW TABLE STATUS, TRIGGERS, EVENTS, FUNCTION STATUS, PROCEDURE STATUS: the same over a SELECT. `schema` is
 * logical, or a system schema. */
void views_show(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh,
                struct str schema);
/* The clients that session->listing waits for: rows as session_list makes them. NULL: the session ends, the job goes. */
void views_listed(struct session *s, const struct buf *rows);
/* A SELECT of our own, its result captured for `then` (exec_plan_quiet), which may read information_schema
 * too. */
void views_value(struct session *s, struct str text,
                 bool (*then)(struct front *f, void *ctx, const struct exec_result *r), void *ctx);

#endif
