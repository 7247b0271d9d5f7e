/*
 * net.h - where bytes meet the kernel: libev loops, sockets, threads, signals.
 *
 *   main thread: listeners, signals, reload, retirement of old configurations
 *      | mail (fd, catalog, ids, reload, drain ...)
 *      v
 *   worker thread x N: ev_loop { streams, sessions, pools }   no lock on the way of a statement
 *
 * A stream is a link (backend/link.h) over a non-blocking socket: reads land in the worker's scratch buffer and are handed up at once;
 * writes go out at once and only what the socket does not take is kept. TLS and compression are layers (layer.c) that a stream gets when they are
 * asked for: it then has other operations and another call-back, so that a plain stream does not even ask.
 *
 *   socket <-> stream.c <-> [ tls.c ] <-> [ compress.c ] <-> handler
 */
#ifndef WEIR_NET_H
#define WEIR_NET_H

#include <ev.h>
#include <pthread.h>
#include <sys/socket.h>

#include "proxy/session/session.h"

enum { NET_SCRATCH = 128 << 10, NET_LINGER_MS = 2000 };

struct stream {
    struct link link;
    ev_io io;
    struct worker *w;
    struct list node;   /* worker->dead, or worker->lingering */
    struct buf out;
    uint64_t close_at_ms; /* lingering: given up then */
    struct layers *layers; /* NULL: plain */
    bool connecting, over, lingering, choked; /* over: closed by its owner; choked: pending went over LINK_HIGH */
    bool outgoing; /* we connected: the peer is a server */
};

enum mail_kind { MAIL_CLIENT, MAIL_CATALOG, MAIL_TICKET, MAIL_IDS, MAIL_SNAPSHOT, MAIL_ASK_IDLE, MAIL_KILL, MAIL_KILLED, MAIL_LIST, MAIL_DRAIN, MAIL_STOP };
struct mail {
    struct mail *next;
    enum mail_kind kind;
    int fd;
    char host[128]; /* of the client; MAIL_LIST: the account */
    uint8_t address[16]; /* of the client: IPv4 as v4-mapped IPv6 */
    bool has_address;    /* false: a Unix socket */
    bool proxied;        /* it must begin with a PROXY header */
    struct buf *rows; /* MAIL_LIST: travels through every worker and home */
    struct catalog *catalog;
    struct snapshot *snap;
    uint64_t number;
    uint32_t id, asker;
    bool flag;
};

struct server;
struct worker {
    struct engine engine;
    struct server *server;
    struct ev_loop *loop;
    pthread_t thread;
    ev_async wake;
    ev_timer tick;
    pthread_mutex_t lock;
    struct mail *mail, **mail_end;
    char *scratch;
    struct layer_room *room; /* NULL until a stream of this worker has a layer */
    struct list dead, lingering;
    struct list awaiting;    /* clients whose PROXY header has not come yet */
    uint32_t nawaiting;
    uint64_t header_warned_ms;
    _Atomic uint32_t clients; /* for the acceptor's choice */
    uint32_t next_id;
    uint32_t ticks;
    bool draining;
};

/* A snapshot and what net adds to it: the sources' addresses, resolved once. */
struct net_snapshot {
    struct snapshot s;
    struct server *server;
    struct net_snapshot *next_retired;
    struct sockaddr_storage *addresses;
    socklen_t *address_lengths;
};

struct listener; /* listen.c */
struct server {
    struct ev_loop *loop;
    const char *rules;
    struct worker *workers;
    uint32_t nworkers;
    struct listener *listeners;
    struct net_snapshot *snap;
    ev_signal sigterm, sigint, sighup;
    ev_async wake;
    ev_timer drain;
    uint64_t started_ms, drain_until_ms;
    int stopping; /* 0 no, 1 draining, 2 now */
    pthread_mutex_t lock;
    struct net_snapshot *retired;
    struct catalog *first_catalog;
    bool reload_asked;
};

/* stream.c */
struct stream *stream_new(struct worker *w, int fd, bool connecting);
struct link *stream_connect(struct engine *e, const struct conf_address *to, const struct link_handler *h, void *owner);
void stream_reap(struct worker *w); /* frees what was closed; ends lingering ones */
void stream_kill_all(struct worker *w);
/* For layer.c: the socket's side of a stream. */
void stream_put(struct stream *s, const void *p, size_t n);
void stream_shut(struct stream *s, bool flush);
void stream_closed(struct stream *s, int error);
void stream_watch(struct stream *s);
void stream_events(struct stream *s, int events); /* all but reading for the owner */
void stream_set_paused(struct link *l, bool paused);
static inline struct stream *stream_of(struct link *l) { return CONTAINER_OF(l, struct stream, link); }

/* layer.c */
bool layer_start_tls(struct link *l, struct tls_context *ctx, bool server, const char *name, const char *rest, size_t n);
bool layer_start_compression(struct link *l, enum link_compression how, int level);
bool layer_holds_input(const struct stream *s); /* bytes wait for the link to be resumed: the socket need not be readable */
size_t layer_pending(const struct stream *s);   /* sent, and waiting for the handshake */
void layer_free(struct stream *s);
void layer_room_free(struct worker *w);

/* worker.c */
bool worker_start(struct worker *w, struct server *srv, uint32_t index);
void worker_post(struct worker *w, const struct mail *m); /* copies; any thread */
void worker_now(struct worker *w);

/* await.c: clients behind a load balancer, until their PROXY header came; then, and for all others, session_new. */
bool await_new(struct worker *w, struct stream *st, const struct mail *m);
void await_session(struct worker *w, struct stream *st, const struct mail *m);
void await_tick(struct worker *w);
void await_close_all(struct worker *w);
void net_host_name(const uint8_t *address, char *out, size_t n); /* as MySQL shows it: 127.0.0.1, ::1 and Unix sockets (NULL) are localhost */

/* listen.c: opens the addresses of w that are not open, then closes the open ones that w has not. False: reported, nothing has changed. */
bool listeners_open(struct server *srv, const struct conf_weir *w);
void listeners_close(struct server *srv);

/* server.c: runs until it is told to stop; the exit status. */
int server_run(const char *rules);

#endif
