/*
 * net.h - where bytes meet the kernel: libev loops, sockets, threads, signals.
 *
 *   main thread: listeners, signals, reload, retirement of old configurations
 *      | mail (fd, catalog, ids, reload, drain ...)
 *      v
 *   worker thread x N: ev_loop { streams, sessions, pools }   no lock on the way of a statement
 *
 * A stream is a link (backend/link.h) over a non-blocking socket: reads land in the worker's scratch buffer and are handed up at once;
 * writes go out at once and only what the socket does not take is kept.
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
    bool connecting, over, lingering, choked; /* over: closed by its owner; choked: pending went over LINK_HIGH */
};

enum mail_kind { MAIL_CLIENT, MAIL_CATALOG, MAIL_TICKET, MAIL_IDS, MAIL_SNAPSHOT, MAIL_ASK_IDLE, MAIL_KILL, MAIL_KILLED, MAIL_LIST, MAIL_DRAIN, MAIL_STOP };
struct mail {
    struct mail *next;
    enum mail_kind kind;
    int fd;
    char host[128]; /* of the client; MAIL_LIST: the account */
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
    struct list dead, lingering;
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

struct listener {
    ev_io io;
    struct server *server;
    struct str path; /* Unix socket to unlink */
};

struct server {
    struct ev_loop *loop;
    const char *rules;
    struct worker *workers;
    uint32_t nworkers;
    struct listener *listeners;
    uint32_t nlisteners;
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

/* worker.c */
bool worker_start(struct worker *w, struct server *srv, uint32_t index);
void worker_post(struct worker *w, const struct mail *m); /* copies; any thread */
void worker_now(struct worker *w);

/* server.c: runs until it is told to stop; the exit status. */
int server_run(const char *rules);

#endif
