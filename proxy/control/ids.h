/*
 * ids.h - one sequence's ids in memory: two segments, a refill machine, and a lock-free take. Knows no
 * server: a hook fetches.
 *
 *   row in MySQL:  max_id --(+n by one UPDATE)--> [from, to)
 *
 *        current                          ahead
 *   [from ....next....end)          [from ........ to)          fetched when 15 % of the current one is used
 *             ^ CAS by any thread     moved up under the mutex
 *
 * Why no id is given twice. `next` only ever grows: a take moves it from x to x + n by compare-and-swap,
 * moving up or raising stores a larger value. So the intervals of successful takes are disjoint. Why each
 * interval lies in one segment: the mover stores `next` first and then `end` with release; a taker loads
 * `end` with acquire and then `next`. A taker that sees the new end sees next >= the new from; one that sees
 * the old end with a new next finds next >= old end and takes nothing. Nothing is ever freed, so there is
 * nothing to reclaim. Segments of one row grow; a row that was set back by hand is refused by `floor`: every
 * fetch asks for ids above the highest that this process has seen.
 *
 * Refill machine (under the mutex; one function, idseq_move, changes it):
 *
 *   IDLE --take or raise finds too little, or prefetch--> WANTED --source's thread begins--> RUNNING
 * --fetched or failed--> IDLE
 *
 * After a failure takers get the server's error until retry_at (back-off 100 ms to 2 s), then the next one
 * asks again. Not promised: that an explicit value which lies in a segment another proxy holds now is never
 * generated there. That proxy gets the server's duplicate-key error, as MySQL's own AUTO_INCREMENT would not.
 * Within one proxy it cannot happen.
 *
 * Adjacent segments (nobody else took any in between) are joined, so that one proxy alone gives ids without
 * gaps.
 */
#ifndef WEIR_CONTROL_IDS_H
#define WEIR_CONTROL_IDS_H

#include <pthread.h>
#include <stdatomic.h>

#include "proxy/control/control.h"

enum {
    IDS_ERROR = 160,
    IDS_MAX_STEP = 1000000,   /* bound of the adaptive step; a larger step of the rules stands */
    IDS_MAX_TAKE = 10000000,  /* ids in one take */
    IDS_FAST_MS = 15000,      /* a segment that lasted less doubles the step */
    IDS_SLOW_MS = 30 * 60000, /* one that lasted more halves it */
    IDS_BACKOFF_MS = 100,
    IDS_BACKOFF_MAX_MS = 2000
};
/* Ids end here, far enough below 2^64 that no sum overflows. */
#define IDS_LIMIT (UINT64_MAX - ((uint64_t)1 << 33))

struct idseq_hooks {
    void *ctx;
    /* A refill is wanted: call idseq_refill soon, on a thread that may block. Called under the sequence's
     * mutex: must not call back. */
    void (*wanted)(void *ctx, uint32_t sequence);
    /* Reserves n ids above both the row's max_id and `floor`; *last is the highest. n = 0: raises the row to
     * floor. May block. */
    bool (*fetch)(void *ctx, uint32_t sequence, uint64_t floor, uint64_t n, uint64_t *last,
                  char error[IDS_ERROR]);
    uint64_t (*now_ms)(void *ctx);
};

enum idseq_refill { IDSEQ_IDLE, IDSEQ_WANTED, IDSEQ_RUNNING };

struct idseq {
    _Atomic uint64_t next, end, prefetch_at;
    const struct conf_sequence *conf;
    const char *source; /* its name, for messages; NUL-terminated */
    struct idseq_hooks hooks;

    pthread_mutex_t lock; /* all below */
    enum idseq_refill refill;
    bool closed, exhausted;
    uint64_t base;     /* where the current segment's taken ids begin */
    uint64_t from, to; /* ahead; from == to: none */
    uint64_t want;     /* ids that a waiter needs at once */
    uint64_t floor;    /* explicit values were written up to here */
    uint64_t high;     /* highest id ever fetched */
    uint64_t step;
    uint64_t fetched_ms; /* of the last fetch; 0: none yet */
    uint64_t retry_at;   /* no new attempt before; 0: the last one succeeded */
    uint64_t backoff;
    uint64_t taken, refills, waits, failures;
    char error[IDS_ERROR];
};

bool idseq_init(struct idseq *s, const struct conf_sequence *conf, const char *source,
                const struct idseq_hooks *hooks) MUST_CHECK;
void idseq_release(struct idseq *s);

/* As ids_take and ids_raise of control.h. Any thread. */
enum ids_status idseq_take(struct idseq *s, uint64_t n, uint64_t *first, struct arena *a,
                           struct fault *f) MUST_CHECK;
enum ids_status idseq_raise(struct idseq *s, uint64_t value, struct arena *a, struct fault *f) MUST_CHECK;
void idseq_stats(struct idseq *s, struct ids_stats *out);

/* On the thread that may block: does a wanted refill. True when there was one (waiters are to be woken). */
bool idseq_refill(struct idseq *s);
/* A failed refill whose back-off is over becomes wanted again. True while one is outstanding: call again in
 * IDS_BACKOFF_MS. */
bool idseq_tick(struct idseq *s);

/* Ends it: later takes fail. Gives what may be handed back: the row may go from max_id `last` to `keep`.
 * False: nothing. */
bool idseq_close(struct idseq *s, uint64_t *keep, uint64_t *last) MUST_CHECK;

#endif
