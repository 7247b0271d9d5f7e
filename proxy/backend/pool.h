/*
 * pool.h - server connections of one worker, by source; shared by all its sessions, borrowed for a statement or a transaction.
 *
 * The cap of a source (max_connections) holds over all workers through an atomic counter in the snapshot. Who cannot get one waits in the
 * order of asking, at most pool_wait.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include "proxy/backend/conn.h"

struct pool {
    struct realm *realm;
    uint32_t source;
    struct list idle[CONN_CLASSES]; /* most recently used first */
    uint32_t nidle, nopening, nbusy;
    uint32_t nwaiting;
};

struct pool_request {
    struct list node; /* engine->pool_waiters */
    struct realm *realm;
    uint32_t source;
    uint8_t cls;
    bool waiting;
    uint64_t deadline_ms;
    const struct settings *prefer;
    /* c == NULL: f says why. Called at most once, never from inside pool_get. */
    void (*done)(struct pool_request *r, struct conn *c, const struct fault *f);
};

void pool_init(struct pool *p, struct realm *r, uint32_t source);
/* An idle connection of the class, one set up as `prefer` first; NULL: none. It becomes BUSY and the caller's. */
struct conn *pool_take(struct pool *p, uint8_t cls, const struct settings *prefer);
/* Like pool_take, else a new connection is opened (below the cap) or one waits: then r->done is called later. */
struct conn *pool_get(struct pool *p, struct pool_request *r);
void pool_cancel(struct pool_request *r);
/* Could one be had without waiting (idle or below the cap)? For extra connections of a scatter. */
bool pool_has_room(const struct pool *p, uint8_t cls);
/* The borrower is done: clean, no reply outstanding, no transaction open. With open cursors on it (c->cursors) it stays out of the pool until they are closed. */
void pool_return(struct conn *c);
/* net and conn call these. */
void pool_opened(struct conn *c);                           /* login done: IDLE or given to a waiter */
void pool_open_failed(struct conn *c, const struct fault *f);
void pool_closed(struct conn *c);                           /* leaves the counts */
void pool_tick(struct engine *e);                           /* time-outs of waiters and openings, idle connections that are too old */
void pool_end(struct engine *e);                            /* the process ends: what still runs for nobody is killed */
void pool_give_up_idle(struct engine *e, uint32_t source);  /* another worker waits at the cap */
void pool_close_idle(struct pool *p);

#endif
