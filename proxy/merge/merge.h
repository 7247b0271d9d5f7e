/*
 * merge.h - several shards' result sets -> one, by streaming. Pure: no socket, no loop, no clock; exec feeds it payloads and sends what it
 * writes.
 *
 *   leg 0 packets --merge_put--> [window] \
 *   leg 1 packets --merge_put--> [window]  >-- merge_run --> packets for the client (column definitions, rows, end)
 *   leg 2 packets --merge_put--> [window] /
 *
 * A leg's window holds whole rows up to `window` bytes; above it merge_wants(leg) is false and exec stops reading that server (back-pressure).
 * merge_run stops at `budget` bytes of output, so that a slow client stops everything behind it. All memory is counted against `max_memory`
 * (definitions, windows, one group's state, the rows of a final sort): beyond it ER_OUT_OF_RESOURCES (1041) naming max_statement_memory.
 *
 * Rows of the text or the binary protocol: numbers and dates of the latter are compared as they are, and a leg whose column types differ from the first
 * leg's has its rows rewritten, or is refused where a value does not fit. Comparison of keys by the value's column definition: integers signed/unsigned, DECIMAL exactly at any length, FLOAT/DOUBLE
 * as doubles, temporal types by value (TIME may be negative and over 24 h), YEAR, binary strings as bytes, text by its WEIGHT_STRING column
 * (as bytes; the shorter one padded with the collation's weight of a space where it is PAD SPACE; the servers are asked in such a way that the
 * hidden columns hold what is needed). NULL sorts first (last when desc). Text without a weight column is a fault, never a guess.
 */
#ifndef WEIR_MERGE_H
#define WEIR_MERGE_H

#include "base/base.h"
#include "proxy/wire/wire.h"
#include "router/router.h"

struct merge;

/* Physical names of a column definition -> logical ones, before it goes to the client. May be NULL. Views must live until merge_free. */
typedef void merge_rename(void *ctx, uint32_t leg, struct wire_column *c);

struct merge_options {
    const struct merge_spec *spec; /* outlives the merge */
    uint32_t nlegs;
    bool has_limit;
    uint64_t offset, limit;
    uint32_t client_capabilities; /* DEPRECATE_EOF decides the form of the end */
    size_t window;                /* bytes a leg may hold, from 4 KiB; one row more is always taken */
    size_t max_memory;
    uint16_t status;              /* server status for the end packet, when known early; merge_set_status changes it */
    merge_rename *rename;
    void *rename_ctx;
    bool binary;                  /* the legs' rows, and the client's, are of the binary protocol */
    bool cursor;                  /* rows are asked for by number: see merge_run_rows */
    struct merge_pool *pool;      /* may be NULL */
    bool bare;                    /* the client wants no column definitions: under OPTIONAL_RESULTSET_METADATA only (resultset_metadata = NONE) */
};
/* Ended merges of one thread with the memory they had (some 64 KiB each, eight at most): a small merge then allocates nothing. {0} is ready; outlives its
 * merges. */
struct merge_pool {
    struct merge *idle;
    uint32_t n;
};
void merge_pool_release(struct merge_pool *p);
struct merge *merge_new(const struct merge_options *o) MUST_CHECK; /* NULL: out of memory */
void merge_free(struct merge *m);

/* One payload of a leg's reply, in order: column count, definitions, (EOF when the leg's connection has no DEPRECATE_EOF: `leg_capabilities`), rows, end.
 * The bytes are copied as needed. An ERR payload is the caller's: not fed here. False: fault in f (malformed reply, different column counts, memory). */
bool merge_put(struct merge *m, uint32_t leg, struct str payload, uint32_t leg_capabilities, struct arena *a, struct fault *f) MUST_CHECK;
bool merge_leg_ended(const struct merge *m, uint32_t leg); /* its end packet was seen */
bool merge_wants(const struct merge *m, uint32_t leg);     /* room in its window (and its rows are still needed) */

enum merge_state {
    MERGE_NEED,  /* cannot go on before some leg that it wants delivers */
    MERGE_FULL,  /* budget reached: call again when the client has taken the output */
    MERGE_ENOUGH,/* the end packet is written though some legs have not ended (limit reached): stop or drain them */
    MERGE_DONE,  /* the end packet is written and all legs have ended */
    MERGE_FAULT  /* fault filled; nothing more will be written */
};
/* Writes what can be written. *seq continues the client's packet numbers. */
enum merge_state merge_run(struct merge *m, struct buf *out, uint8_t *seq, size_t budget, struct arena *a, struct fault *f) MUST_CHECK;
/*
 * Cursors (options.cursor). Packets: definitions, then an end with CURSOR_EXISTS, and MERGE_FULL once they are out (first call, rows = 0); not before
 * every leg has sent its definitions, for any of them may fail. Each later call writes at most `rows` rows, then (when `rows` were written, or the merge
 * is over) an end packet: with LAST_ROW_SENT when no row is left (nothing is written after it), else CURSOR_EXISTS. MERGE_NEED: fewer rows so far; call
 * again with what is left (rows_out tells). merge_needs(leg): it is this leg's rows that are waited for. An end's warnings: since the end before.
 */
enum merge_state merge_run_rows(struct merge *m, struct buf *out, uint8_t *seq, uint64_t rows, struct arena *a, struct fault *f) MUST_CHECK;
bool merge_needs(const struct merge *m, uint32_t leg);
/* More rows of a leg will come after its end packet (a cursor's next FETCH): the end just seen was not the last. Rows start again. */
void merge_leg_goes_on(struct merge *m, uint32_t leg);
void merge_set_status(struct merge *m, uint16_t status); /* before the end is written */
bool merge_started(const struct merge *m);               /* column definitions were written: an error now comes in mid-result */
uint64_t merge_rows_in(const struct merge *m);           /* rows taken from the legs */
uint64_t merge_rows_out(const struct merge *m);
uint64_t merge_warnings(const struct merge *m);          /* sum over the legs' end packets */
size_t merge_held(const struct merge *m);                /* bytes held now */

#endif
