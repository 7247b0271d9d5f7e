/*
 * link.h - a byte stream as the lower floors see it: something to send on, that calls back. net/ implements it over libev;
 * tests implement it over arrays. No socket here.
 *
 *   net --handler->bytes(p, n)--> session or server connection        link_send(p, n) --> net (writes at once what the socket takes)
 *
 * Reading is on from the start; link_pause stops it (back-pressure), link_resume goes on. After handler->closed the owner must call link_close
 * exactly once; it may also call it at any other time, then no further call-back comes. Memory of the link is net's and goes after the current event.
 */
#ifndef WEIR_LINK_H
#define WEIR_LINK_H

#include "base/base.h"

struct link;

struct link_handler {
    /* All n bytes must be consumed (kept, if they cannot be used yet). p is valid during the call only. */
    void (*bytes)(struct link *l, const char *p, size_t n);
    /* The unsent bytes fell under LINK_LOW after they had been over LINK_HIGH. */
    void (*drained)(struct link *l);
    /* The peer closed, or an error (errno value, 0: clean end). Never called from inside link_send. */
    void (*closed)(struct link *l, int error);
    void (*connected)(struct link *l); /* outgoing links only */
};
enum { LINK_HIGH = 256 << 10, LINK_LOW = 64 << 10 };

struct link_ops {
    void (*send)(struct link *l, const void *p, size_t n);
    void (*pause)(struct link *l);
    void (*resume)(struct link *l);
    void (*close)(struct link *l, bool flush); /* flush: unsent bytes still go out (bounded in time) */
};

struct link {
    const struct link_ops *ops;
    const struct link_handler *handler;
    void *owner;
    size_t pending; /* bytes accepted but not yet taken by the socket */
    bool paused;
};

static inline void link_send(struct link *l, const void *p, size_t n) { l->ops->send(l, p, n); }
static inline void link_pause(struct link *l)
{
    if (!l->paused) l->ops->pause(l);
}
static inline void link_resume(struct link *l)
{
    if (l->paused) l->ops->resume(l);
}
static inline void link_close(struct link *l, bool flush) { l->ops->close(l, flush); }

#endif
