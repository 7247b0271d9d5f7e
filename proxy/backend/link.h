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

enum link_compression { LINK_ZLIB = 1, LINK_ZSTD = 2 };
struct tls_context; /* proxy/net/tls.h: certificates and options of one side */

struct link_ops {
    void (*send)(struct link *l, const void *p, size_t n);
    void (*pause)(struct link *l);
    void (*resume)(struct link *l);
    void (*close)(struct link *l, bool flush); /* flush: unsent bytes still go out (bounded in time) */
    /*
     * From here on everything is TLS. server: we accept the handshake (rest: bytes of it that had come with the request for TLS), else we begin it and check
     * that the certificate is `name`'s when the context says so. What is sent meanwhile waits. A handshake that fails ends in handler->closed with
     * EPROTO and link->why. False: no TLS here, or no memory.
     */
    bool (*start_tls)(struct link *l, struct tls_context *ctx, bool server, const char *name, const char *rest, size_t n);
    /* From here on the MySQL compressed protocol frames both ways (enum link_compression). level: 0 for the default. */
    bool (*start_compression)(struct link *l, enum link_compression how, int level);
    /* The next bytes sent begin a new command: the compressed protocol numbers its frames from 0. May be NULL. */
    void (*new_command)(struct link *l);
};

struct link {
    const struct link_ops *ops;
    const struct link_handler *handler;
    void *owner;
    size_t pending; /* bytes accepted but not yet taken by the socket */
    bool paused;
    bool compressed;  /* new_command must be told */
    bool tls;         /* the handshake was asked for; handler->bytes brings clear text */
    bool is_unix;     /* a Unix socket: as safe as TLS for a password in clear */
    bool certificate; /* the peer showed a certificate that our CA signed */
    const char *why;  /* static text or the link's own: why a handshake failed; NULL: nothing special */
    uint64_t taken; /* bytes that the socket took */
    const char *tls_version, *tls_cipher, *tls_subject; /* once the handshake is done; NULL: none */
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
static inline bool link_start_tls(struct link *l, struct tls_context *ctx, bool server, const char *name, const char *rest, size_t n)
{
    return l->ops->start_tls && l->ops->start_tls(l, ctx, server, name, rest, n);
}
static inline bool link_start_compression(struct link *l, enum link_compression how, int level)
{
    return l->ops->start_compression && l->ops->start_compression(l, how, level);
}
static inline void link_new_command(struct link *l)
{
    if (l->compressed) l->ops->new_command(l);
}

#endif
