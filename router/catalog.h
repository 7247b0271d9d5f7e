/*
 * catalog.h - what the router must know of the tables: their columns, as the servers describe them.
 *
 * An immutable, reference-counted snapshot that the control thread builds (from information_schema.COLUMNS of each table's first node) and
 * workers read without a lock. A table that could not be loaded is absent: the router then refuses what it cannot decide
 * without the columns and says so. `version` grows with each snapshot and is part of the plan cache's key.
 */
#ifndef WEIR_CATALOG_H
#define WEIR_CATALOG_H

#include "base/base.h"

enum cat_class { /* what a type is to a merge and to the routing of constants */
    CAT_INT, CAT_UINT, CAT_DECIMAL, CAT_FLOAT /* FLOAT, DOUBLE */, CAT_BIT, CAT_YEAR, CAT_DATE, CAT_TIME, CAT_DATETIME, CAT_TIMESTAMP,
    CAT_ENUM, CAT_SET, CAT_TEXT /* char, varchar, text: with a collation */, CAT_BINARY /* binary, varbinary, blob */, CAT_JSON, CAT_GEOMETRY, CAT_OTHER
};
struct cat_column {
    struct str name;
    struct str type;       /* COLUMN_TYPE as the server writes it: "varchar(20)", "int(10) unsigned" */
    struct str collation;  /* or empty */
    enum cat_class cls;
    uint32_t precision, scale; /* DECIMAL: digits; temporal: scale = fractional digits */
    bool nullable, auto_increment, generated, invisible, has_default, primary;
};
struct cat_table {
    struct str schema, name; /* logical */
    struct cat_column *columns;
    uint32_t ncolumns;
    uint32_t *primary; /* column indices of the primary key, or of the first unique key without NULLs */
    uint32_t nprimary;
    bool view;
};
struct catalog {
    struct arena arena;
    int refs; /* atomic */
    uint64_t version;
    struct map tables; /* "schema\0name" -> struct cat_table */
};

struct catalog *catalog_new(uint64_t version);          /* one reference; NULL: out of memory */
bool catalog_add(struct catalog *c, const struct cat_table *t) MUST_CHECK; /* deep copy; replaces */
const struct cat_table *catalog_table(const struct catalog *c, struct str schema, struct str name); /* NULL catalog gives NULL */
const struct cat_column *cat_column(const struct cat_table *t, struct str name, uint32_t *index); /* ASCII case-insensitive; index may be NULL */
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);

#endif
