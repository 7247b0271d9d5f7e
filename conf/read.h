/*
 * read.h - what the files of this room share.
 *
 *   text --tree.c--> ynode tree (scratch arena, aliases and merge keys resolved, every node with its place)
 *        --process.c, algorithm.c, schema.c--> struct conf (its own arena)
 *
 * A reading function reports what it finds through fault() and goes on with a harmless value, so that one run
 * shows every fault; conf_load throws the model away when there was one. Memory: `oom` is set by whoever
 * meets NULL, and load.c reports it once.
 */
#ifndef WEIR_CONF_READ_H
#define WEIR_CONF_READ_H

#include "conf/conf.h"
#include "conf/keys.h"

enum {
    MAX_FILE = 16 << 20,     /* bytes of a rule file */
    MAX_DEPTH = 32,          /* of YAML nesting */
    MAX_YNODES = 1 << 20,    /* values in a file, every alias counted as what it stands for */
    MAX_NODES = 65536,       /* physical tables of one table */
    MAX_ALL_NODES = 1 << 20, /* and of the whole file */
    MAX_NAME = 64            /* characters of a database, table or column name: MySQL's own bound */
};

enum ykind { Y_SCALAR, Y_MAPPING, Y_SEQUENCE };
struct ynode {
    enum ykind kind;
    bool quoted; /* a scalar in quotes or a block scalar: never null, min, max */
    bool broken; /* a fault was reported inside: do not report what follows from it */
    struct conf_pos pos;
    struct str text; /* scalar; lives in the model's arena */
    struct ypair *pairs;
    uint32_t npairs;
    struct ynode **items;
    uint32_t nitems;
    uint64_t weight; /* nodes in it, aliases counted as what they stand for */
};
struct ypair {
    struct ynode *key, *value;
};

struct reader {
    struct conf *c;
    struct arena *a;      /* the model's */
    struct arena scratch; /* ends with the reading */
    struct diag *d;
    struct str file;
    struct str folder; /* of the rule file, for relative paths; empty: working directory */
    struct buf text;   /* of a fault while it is formatted */
    struct map said;   /* faults reported: an alias read twice must not report twice */
    struct map sources, algorithms, sequences; /* name -> index + 1 as a pointer */
    uint32_t *places;    /* for each source the first one with the same address: two names for one server */
    struct map physical; /* "place.database.table" -> struct owner */
    bool *algorithm_ok;  /* by index: read without a fault */
    uint32_t sequence_room;    /* of conf->sequences */
    uint32_t listed_sequences; /* those of the file; the others were made for tables */
    uint64_t all_nodes;
    bool oom;
};

/* ---- load.c ---- */
void fault(struct reader *r, struct conf_pos pos, const char *hint, const char *fmt, ...) PRINTF_LIKE(4, 5);
void warning(struct reader *r, struct conf_pos pos, const char *hint, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A hint made by format; lives in scratch. */
const char *hintf(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- tree.c ---- */
/* NULL: not YAML (reported), or out of memory. */
struct ynode *tree_read(struct reader *r, struct str text);
struct ynode *tree_get(const struct ynode *mapping, struct str key);
bool ynode_is_null(const struct ynode *n);

/* ---- keys.c ---- */
/* Reports that `n` is no mapping (false), and each key of it that the section does not know. */
bool keys_check(struct reader *r, const struct ynode *n, enum conf_section section, const char *what);
/* The value of a key or NULL; reports a missing REQUIRED one. */
struct ynode *key_get(struct reader *r, const struct ynode *mapping, enum conf_key key);
/* The name in `names` nearest to `wrong` as "did you mean 'x'?", or NULL when none is near. */
struct near {
    struct str wrong, best;
    size_t distance;
};
void near_try(struct near *n, struct str candidate);
const char *near_hint(struct reader *r, const struct near *n, const char *otherwise);
/* Position of `word` in "a|b|c", or -1. */
int word_index(const char *words, struct str word);
struct str word_at(const char *words, int index);

/* ---- value.c ---- */
/* A scalar that is not null; otherwise reports with `what` ("user 'app': password"). */
bool want_scalar(struct reader *r, const struct ynode *n, const char *what);
uint64_t read_number(struct reader *r, const struct ynode *mapping,
                     enum conf_key key); /* count, size, duration */
bool number_parse(enum conf_kind kind, struct str s, uint64_t *out);
void number_print(struct buf *out, enum conf_kind kind, uint64_t v);
int read_word(struct reader *r, const struct ynode *mapping, enum conf_key key);
bool read_bool(struct reader *r, const struct ynode *mapping, enum conf_key key);
struct conf_text read_text(struct reader *r, const struct ynode *mapping, enum conf_key key);
bool read_address(struct reader *r, const struct ynode *n, const char *what, uint16_t default_port,
                  struct conf_address *out);
bool address_same(const struct conf_address *a, const struct conf_address *b);
/* An identifier as MySQL has them; `what` as in "table name". */
bool check_name(struct reader *r, struct conf_pos pos, struct str name, const char *what);
/* One name or a list of names; false when a fault was reported. Names are checked and unique (`nocase` for
 * columns). */
bool read_names(struct reader *r, const struct ynode *n, const char *what, bool nocase,
                struct conf_text **out, uint32_t *nout);
/* Index of a source by name; reports a missing one. */
bool find_source(struct reader *r, struct conf_pos pos, struct str name, uint32_t *out);

struct day {
    int32_t year, month, day;
};
bool day_parse(struct str s, struct day *out); /* YYYY-MM-DD, a day that exists, year 1 to 9999 */
int64_t day_number(struct day d);              /* since 1970-01-01 */
struct day day_of(int64_t number);
bool decimal_is(struct str s);

/* ---- pattern.c ---- */
/* Expands `nodes:`; false when a fault was reported. */
bool read_nodes(struct reader *r, const struct conf_schema *s, struct conf_table *t, const struct ynode *n);
/* Reports physical tables that `t` names twice or that another table has; false when there was an error. */
bool claim_nodes(struct reader *r, const struct conf_schema *s, const struct conf_table *t);

/* ---- algorithm.c ---- */
void read_algorithms(struct reader *r, const struct ynode *n);
bool read_algorithm(struct reader *r, const struct ynode *n, struct str name, struct conf_algorithm *out);
/* A copy of `base` with what depends on the node count filled in; NULL when it does not fit (reported at
 * `pos`). */
const struct conf_algorithm *algorithm_fit(struct reader *r, const struct conf_algorithm *base,
                                           const struct conf_table *t, struct conf_pos pos);
const char *algorithm_type_name(const struct conf_algorithm *a);
const char *algorithm_shape(struct reader *r, const struct conf_algorithm *a); /* "hash of any key" */

/* ---- access.c ---- */
void read_client_tls(struct reader *r, const struct ynode *n, struct conf_tls *out);
void read_server_tls(struct reader *r, const struct ynode *n, const char *what, struct conf_source *s);
/* One network or a list of them; NULL when there is none. */
struct conf_network *read_networks(struct reader *r, const struct ynode *n, const char *what, uint32_t *count);
void read_compression(struct reader *r, const struct ynode *mapping, struct conf_weir *w);
void read_user_access(struct reader *r, const struct ynode *mapping, const char *what, struct conf_user *u);
void network_print(struct buf *out, const struct conf_network *n);

/* ---- process.c, schema.c ---- */
void read_weir(struct reader *r, const struct ynode *n);
void read_sources(struct reader *r, const struct ynode *n);
void read_users(struct reader *r, const struct ynode *n); /* after the schemas, whose names they may use */
void read_sequences(struct reader *r, const struct ynode *n);
void read_schemas(struct reader *r, const struct ynode *n);

/* ---- fingerprint.c ---- */
bool fingerprint(const struct conf *c, uint64_t *out); /* false: out of memory */
/* What the algorithm does, in one form: equal texts place equal values at equal positions. */
void algorithm_text(struct buf *out, const struct conf_algorithm *a);
/* One form for all values that compare equal: '7' for 007, 'a' for 'A ' unless case counts. */
void value_canonical(struct buf *out, enum conf_key_type key, bool case_sensitive, struct str value);

#endif
