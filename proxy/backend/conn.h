/*
 * conn.h - one connection to a server: login, then commands, one at a time, on behalf of whoever borrowed it.
 *
 *   CONNECTING --connected--> GREETING --greeting--> LOGIN --OK--> IDLE <--> BUSY      DRAINING --end of reply--> IDLE
 *        \_____________________\______________________\__ fault _____________\____________________________\____--> DEAD
 *
 * IDLE: in its pool's list. BUSY: `user` gets every byte and must give it back with pool_return (clean, no reply outstanding) or conn_discard. DRAINING: its
 * reply is read and dropped. conn_set_state is the only place that changes the state.
 */
#ifndef WEIR_CONN_H
#define WEIR_CONN_H

#include "proxy/backend/stmts.h"

enum conn_state { CONN_CONNECTING, CONN_GREETING, CONN_LOGIN, CONN_IDLE, CONN_BUSY, CONN_DRAINING, CONN_DEAD };

/* Connections differ by what was agreed at login; a client gets one of its own class, so that replies can be relayed as they are. */
enum conn_class { CONN_FOUND_ROWS = 1, CONN_DEPRECATE_EOF = 2, CONN_PS_OUT = 4 /* OUT parameters of a prepared CALL come as a result set */, CONN_CLASSES = 8 };

struct conn;
struct conn_user {
    void (*bytes)(void *ctx, struct conn *c, const char *p, size_t n);
    void (*lost)(void *ctx, struct conn *c, int error); /* the connection died; it is no longer the user's */
    void (*drained)(void *ctx, struct conn *c);        /* what was sent went out, after link->pending had been over LINK_HIGH; may be NULL */
};

struct conn {
    struct list node; /* pool->idle[cls], engine->opening, or alone */
    struct link *link;
    struct realm *realm;
    uint32_t source;
    uint8_t cls;
    enum conn_state state;
    bool mariadb, must_close; /* must_close: state on the server that cannot be undone (temporary table, lock): not to be shared again */
    bool in_trans;            /* a transaction is open on the server, as its last reply said */
    bool reused;              /* has answered a statement before: a loss right after sending may be an old time-out */
    uint32_t capabilities, thread_id;
    struct settings *applied;
    struct str db;            /* current database; view into the configuration of its realm */
    struct str no_db;         /* a database that this server does not have, as far as we know */
    uint64_t since_ms;        /* of the last change of state */
    const struct conn_user *user;
    void *ctx;
    /* login */
    uint8_t nonce[WIRE_NONCE];
    uint8_t seq;
    bool wants_key;
    uint8_t compression; /* enum link_compression, from the login's OK on; 0: none */
    struct str plugin; /* of a static list */
    /* the reply under way */
    struct wire_follow follow;
    struct wire_gather gather;
    size_t drained;
    struct server_stmts stmts; /* prepared here */
    struct list cursors;       /* struct cursor_leg.node: open on this connection, which pool_return leaves to them */
};

/* Starts connecting for the pool. NULL: out of memory, sockets. */
struct conn *conn_open(struct realm *r, uint32_t source, uint8_t cls);
/* One command packet (payload with its command byte at out->data[4..]; header space reserved): see conn_command. */
void conn_send(struct conn *c, const void *packet, size_t n, enum wire_follow_kind kind);
/* Builds and sends a command: byte + text, split at 16 MB. False: out of memory. */
bool conn_command(struct conn *c, uint8_t command, struct str text) MUST_CHECK;
/* Closes at once; the borrower gives it up. */
void conn_discard(struct conn *c);
/* The rest of the reply under way is not wanted: read and drop it up to a bound, or KILL and close. The borrower gives it up. */
void conn_abandon(struct conn *c);
void conn_set_state(struct conn *c, enum conn_state state);
/* "source s1 (127.0.0.1:4412)" */
struct str conn_where(const struct realm *r, uint32_t source, struct arena *a);

#endif
