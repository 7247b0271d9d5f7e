/*
 * room.h - what the files of merge/ share. Not for others.
 *
 *   merge.c    legs: payloads in, windows, definitions; memory
 *   out.c      the way out: names, packets, limit, end; cursors
 *   ways.c     the ways through: concatenation, k-way by keys, distinct
 *   group.c    rows with equal group keys -> one: COUNT, SUM, MIN, MAX, AVG
 *   sort.c     final_order: merged rows kept and sorted
 *   translate.c  binary rows of a leg whose columns have other types than the reference leg's
 *   keys.c, number.c, weights.c   comparing and adding values
 *
 *   leg's window --heads--> order[] (legs sorted by their first row) --first--> plain | distinct | group -->
 * deliver --> out
 *                                                                                                \-> sort -/
 */
#ifndef WEIR_MERGE_ROOM_H
#define WEIR_MERGE_ROOM_H

#include "proxy/merge/keys.h"
#include "proxy/merge/merge.h"
#include "proxy/merge/number.h"

enum leg_state { LEG_COUNT, LEG_COLUMNS, LEG_COLUMNS_EOF, LEG_ROWS, LEG_ENDED };
struct leg {
    enum leg_state state;
    uint32_t columns_left;
    bool has_head;   /* heads describe its first row */
    bool has_prev;   /* prev describes the row before */
    bool is_missing; /* stands in missing[] */
    bool collations_seen;
    bool in_arena;             /* data is the first window, of the merge's arena */
    bool first_used;           /* ... which is had once */
    bool translated;           /* its rows are rewritten as the reference leg's */
    uint8_t *classes;          /* of its columns, where they are compared with the reference leg's */
    struct shape *shapes;      /* binary: its columns' types; NULL: the reference leg */
    uint8_t *widths;           /* of its columns; only when translated */
    uint32_t visible;          /* bytes of the first row that are the client's */
    struct head *heads, *prev; /* one a key of m->keys */
    char *data;                /* rows: u32 length, payload; from `head` to `tail` */
    size_t cap, head, tail;
};

/* What tells how a column's binary values are to be read. */
struct shape {
    uint8_t type, decimals;
    bool is_unsigned;
};

/* Keys of one purpose, with what they are made from. */
struct keyset {
    struct key *keys;
    uint32_t *collation_fields; /* COLLATION(x) of each, UINT32_MAX: none or known */
    struct str *collations;
    uint32_t n;
};

/* One visible column of a grouped result while its group is open. */
struct acc {
    enum merge_fn fn;
    uint32_t sum_field, count_field; /* AVG; SUM: the column itself */
    enum key_class cls;              /* of what is added or compared */
    struct keyset key;               /* MIN, MAX: one key */
    uint64_t n;                      /* values that were not NULL */
    uint64_t count;                  /* COUNT and AVG: rows counted by the servers */
    bool adding;                     /* sum or real holds the total; before: text alone does */
    struct decimal_sum sum;
    double real;
    struct buf text;   /* MIN, MAX: the best; SUM, AVG: the only value so far */
    struct buf weight; /* MIN, MAX of text: the best one's weight */
    struct buf only;   /* AVG: the sum of the only row so far */
    struct head best;
};

struct sorted_row {
    uint64_t n; /* arrival, to keep the sort stable */
    uint32_t len, visible;
    struct head heads[];
};

struct merge {
    struct merge_options o;
    const struct merge_spec *spec;
    struct arena arena; /* definitions, keys, legs' heads, first windows: counts as held */
    struct merge *next; /* in a pool */
    struct leg *legs;
    size_t window, held;
    bool failed;
    struct fault fault;

    /* definitions, of the leg that sent them first */
    uint32_t reference; /* UINT32_MAX: none yet */
    uint32_t ncols, nvisible;
    bool defined; /* whole, keys are compiled */
    struct wire_column *columns;
    uint8_t *classes; /* enum key_class of each column */
    bool *matters;    /* its class must be the same on every leg */
    struct row_form form;
    size_t least_row; /* bytes of a row of NULLs */
    bool cut;         /* binary rows lose their hidden columns: their NULL bits are made anew */
    bool started, ended;
    uint32_t nended;
    uint64_t rows_in, rows_out, skipped, warnings, warnings_told;
    uint64_t stop_at; /* rows_out may become this and no more: a cursor's */
    uint16_t status;
    bool enough;

    /* ways through */
    bool ordered;       /* k-way; else concatenation */
    struct keyset keys; /* spec->order or spec->group */
    uint32_t turn;      /* concatenation: the leg to begin with */
    uint32_t *order;    /* legs with a head, first row first */
    uint32_t norder;
    uint32_t *missing; /* legs without a head that have not ended */
    uint32_t nmissing;
    uint32_t ncells;    /* fields to find in each row */
    struct cell *cells; /* scratch */

    /* distinct and group: the row kept */
    bool has_kept;
    struct buf kept;
    struct head *kept_heads;
    struct acc *accs; /* one a visible column */
    uint32_t naccs;   /* initialised */
    size_t totals;    /* bytes that all sums and counts of a row can take */
    struct buf row;   /* merged row */

    /* final order */
    struct keyset final;
    struct sorted_row **sorted;
    uint32_t nsorted, sorted_cap, sorted_at;
    uint64_t arrivals;
    bool sorting_done;
};

/* Ends the merge: records the fault once. Always false. */
bool merge_fail(struct merge *m, uint16_t code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool merge_no_memory(struct merge *m); /* false: malloc failed */
bool merge_malformed(struct merge *m); /* false: a row is not one */
bool merge_step_back(struct merge *m); /* false: rows did not come in the order they are merged by */
/* Counts n bytes more (or fewer) as held; false: beyond max_memory. */
bool merge_hold(struct merge *m, size_t n) MUST_CHECK;
void merge_unhold(struct merge *m, size_t n);
bool merge_give_fault(struct merge *m, struct arena *a, struct fault *f); /* false */
/* Zeroed, from the arena, counted. NULL: the fault is recorded. */
void *merge_alloc(struct merge *m, size_t n) MUST_CHECK;
#define merge_array(m, T, n) ((T *)merge_alloc((m), sizeof(T) * (size_t)(n)))
/* buf = s, counted. */
bool merge_keep(struct merge *m, struct buf *b, const char *p, size_t n) MUST_CHECK;
bool merge_keep_more(struct merge *m, struct buf *b,
                     size_t n) MUST_CHECK; /* room for n bytes behind len, counted */

bool merge_column_index(struct merge *m, struct merge_column c, uint32_t *out) MUST_CHECK;
bool keyset_compile(struct merge *m, struct keyset *set, const struct merge_key *from, uint32_t n) MUST_CHECK;
/* m->cells of a row; false: malformed. */
static inline bool merge_cells(struct merge *m, const char *row, size_t len, uint32_t n)
{
    return LIKELY(row_cells(&m->form, row, len, m->cells, n)) || merge_malformed(m);
}
/* Collations that come with the rows: taken from the first row, compared on each leg's first row. */
bool keyset_collations(struct merge *m, struct keyset *set, const char *row,
                       const struct cell *cells) MUST_CHECK;
bool merge_heads(struct merge *m, const struct keyset *set, const char *row, const struct cell *cells,
                 struct head *out) MUST_CHECK;

/* out.c */
/* One row for the client: offset and limit, packet. The client's columns end at `visible`. May set m->enough.
 */
bool merge_deliver(struct merge *m, struct buf *out, uint8_t *seq, const char *row,
                   size_t visible) MUST_CHECK;

/* ways.c: MERGE_DONE here means that no more rows will come. */
enum merge_state way_run(struct merge *m, struct buf *out, uint8_t *seq, size_t until);
void way_misses(struct merge *m,
                uint32_t leg); /* no row leaves before this leg shows its next one, or ends */

/* translate.c */
/* Both the leg's definitions and the reference leg's are whole: are its rows laid out alike? */
bool translate_check(struct merge *m, struct leg *l) MUST_CHECK;
/* The row as the reference leg would have sent it, in m->row. */
bool translate_row(struct merge *m, struct leg *l, struct str row, struct str *out) MUST_CHECK;

/* group.c */
bool group_compile(struct merge *m) MUST_CHECK;
/* A row of the open group, or the first of a new one (then the open one is delivered). */
bool group_add(struct merge *m, struct buf *out, uint8_t *seq, const char *row, size_t len,
               const struct head *heads) MUST_CHECK;
bool group_flush(struct merge *m, struct buf *out, uint8_t *seq) MUST_CHECK;
void group_release(struct merge *m);

/* sort.c */
bool sort_add(struct merge *m, const char *row, size_t len, size_t visible) MUST_CHECK;
void sort_finish(struct merge *m);
enum merge_state sort_run(struct merge *m, struct buf *out, uint8_t *seq, size_t until);
void sort_release(struct merge *m);

#endif
