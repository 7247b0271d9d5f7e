/*
 * control.h - the control thread: whatever may block, with libmysqlclient, away from the workers.
 *
 *   workers --control_*() (queue, lock-free or a short mutex)--> control thread --libmysqlclient--> servers
 *           <--callbacks, called on the control thread: they only publish and wake (ev_async)--
 *
 * Jobs: table metadata (catalog), health of the sources, id segments, KILL on a side connection. The thread never holds a lock
 * while it talks to a server; each call has a time-out; one dead server does not delay the others by more than that.
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "base/base.h"
#include "conf/conf.h"
#include "router/catalog.h"
#include "router/router.h"

struct control;

enum control_log_level { CONTROL_DEBUG, CONTROL_INFO, CONTROL_WARN, CONTROL_ERROR };
struct control_callbacks {
    void *ctx;
    /* A new catalog (its reference goes to the callee). */
    void (*catalog)(void *ctx, struct catalog *c);
    /* Ids of some sequence arrived or failed: wake the workers that wait. */
    void (*ids)(void *ctx);
    void (*log)(void *ctx, enum control_log_level level, const char *text);
};

/* Loads the catalog once before it returns (each source for at most connect_timeout; a dead source is not an error: its tables are absent and
 * loaded when it comes back), then starts the thread. router (and its conf) must outlive control_stop. */
struct control *control_start(const struct router *r, const struct control_callbacks *cb, struct diag *d) MUST_CHECK;
/* Ends the thread; gives unused ids back where nobody took a later segment. */
void control_stop(struct control *c);

/* ---- catalog ---- */
void control_reload_catalog(struct control *c); /* soon, coalesced; after DDL. Thread-safe. */
/* The same, and *done is called on the control thread once a catalog that saw all changes before this call is published. */
void control_reload_catalog_then(struct control *c, void (*done)(void *ctx), void *ctx);
/* Synchronous, for tools (`weir explain` with --online) and tests: asks the sources now. */
struct catalog *control_load_catalog(const struct router *r, struct diag *d) MUST_CHECK;

/* ---- health ---- */
struct control_source {
    bool up;
    uint64_t checks, failures;
    uint64_t since_ms;       /* monotonic: when `up` last changed */
    uint32_t latency_us;     /* of the last successful check */
    uint32_t version;        /* 101119 for 10.11.19, 80036 */
    bool mariadb;
    char version_text[64];
    char error[160];         /* of the last failure */
};
void control_source_state(const struct control *c, uint32_t source, struct control_source *out); /* a consistent copy; thread-safe */

/* ---- kill ---- */
/* KILL QUERY (or CONNECTION) of a server-side thread id, on a side connection. Thread-safe, best effort, never blocks the caller. */
void control_kill(struct control *c, uint32_t source, uint64_t server_thread, bool connection);

/* ---- ids ---- */
enum ids_status { IDS_OK, IDS_WAIT /* refill under way: called back through ids() */, IDS_FAILED /* fault: no id can be had */ };
/* n consecutive ids. Thread-safe, lock-free while the segment lasts (one atomic add). IDS_WAIT starts or joins the refill; try again when called back; the caller
 * keeps the deadline (sequence's wait_ms) and then says ER_GET_ERRNO-like 1105 'no id from sequence ...'. n up to 1,000,000 and beyond the step: a range is fetched for it. */
enum ids_status ids_take(struct control *c, uint32_t sequence, uint64_t n, uint64_t *first, struct arena *a, struct fault *f) MUST_CHECK;
/* An explicit value was written: later ids must be greater. Cheap when below the current mark; else raises the row's max_id
 * (IDS_WAIT until it is done). */
enum ids_status ids_raise(struct control *c, uint32_t sequence, uint64_t value, struct arena *a, struct fault *f) MUST_CHECK;
struct ids_stats { uint64_t next, segment_end, taken, refills, waits, failures, step; char error[160]; };
void ids_stats(const struct control *c, uint32_t sequence, struct ids_stats *out);

#endif
