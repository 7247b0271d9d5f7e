/*
 * engine.h - what one worker's lower floors share: scratch memory, settings, the realm (the worker's view of one configuration
 * snapshot: pools and plan cache), counters, and the few things that only net/ can do.
 *
 *   snapshot (process, atomic refs): conf, router, control
 *        \__ realm (worker, plain refs): pools[source], plan cache, catalog
 *                 \__ session holds one realm; it moves to the newest when it holds no server connection
 */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <stdatomic.h>

#include "conf/conf.h"
#include "parser/sql.h"
#include "proxy/backend/link.h"
#include "proxy/control/control.h"
#include "proxy/wire/wire.h"
#include "router/router.h"

struct pool;
struct settings;
struct exec;

/* ---- configuration snapshot ---- */

struct snapshot {
    struct conf *conf;
    struct router *router;
    struct control *control;
    _Atomic int refs;
    _Atomic uint32_t *user_conns;   /* sessions by user, over all workers */
    _Atomic uint32_t *source_conns; /* open server connections by source, over all workers */
    struct tls_context *client_tls;  /* we are the server; NULL: no TLS offered */
    struct tls_context **source_tls; /* by source; NULL: not asked for */
    void (*retire)(struct snapshot *s); /* the last reference went: hand it to the main thread */
};
static inline void snapshot_ref(struct snapshot *s) { atomic_fetch_add(&s->refs, 1); }
static inline void snapshot_unref(struct snapshot *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1) s->retire(s);
}

struct realm {
    struct engine *engine;
    struct snapshot *snap;
    const struct conf *conf;
    struct catalog *catalog;
    struct plan_cache *cache;
    struct pool *pools; /* by source index */
    int refs;
    bool retired;       /* a newer one is in force: connections close when they come back */
};
void realm_ref(struct realm *r);
void realm_unref(struct realm *r);
struct realm *realm_new(struct engine *e, struct snapshot *s, struct catalog *c); /* takes a reference of s and c */
void realm_retire(struct realm *r); /* closes idle connections; drops the engine's reference */

/* ---- counters: X-list with their documentation ---- */

#define ENGINE_COUNTERS(X)                                                                                             \
    X(clients_accepted, "client connections accepted")                                                                 \
    X(clients_refused, "client connections refused (max_connections, or failed logins)")                               \
    X(logins_failed, "logins refused: wrong name, password or schema")                                                 \
    X(logins_delayed, "logins whose answer was held back after failed ones from the same address")                     \
    X(statements, "statements received")                                                                               \
    X(statements_single, "statements relayed to one server")                                                           \
    X(statements_scatter, "statements run on several shards")                                                          \
    X(statements_local, "statements answered by Weir itself")                                                          \
    X(statements_refused, "statements refused by the router")                                                          \
    X(statements_failed, "statements that ended in an error")                                                          \
    X(statements_slow, "statements slower than slow_statement")                                                        \
    X(rows_relayed, "rows sent to clients unmerged")                                                                   \
    X(rows_merged_in, "rows taken from shards by merges")                                                              \
    X(rows_merged_out, "rows given to clients by merges")                                                              \
    X(bytes_from_clients, "bytes received from clients")                                                               \
    X(bytes_to_clients, "bytes sent to clients")                                                                       \
    X(bytes_from_servers, "bytes received from servers")                                                               \
    X(bytes_to_servers, "bytes sent to servers")                                                                       \
    X(server_connects, "server connections opened")                                                                    \
    X(server_connect_errors, "server connections that failed to open")                                                 \
    X(server_lost, "server connections lost in use")                                                                   \
    X(server_syncs, "times that session settings had to be applied to a server connection")                            \
    X(pool_waits, "times that a statement waited for a server connection")                                             \
    X(pool_timeouts, "statements that gave up waiting for a server connection")                                        \
    X(transactions_committed, "transactions committed through Weir")                                                   \
    X(transactions_rolled_back, "transactions rolled back through Weir")                                               \
    X(ids_generated, "generated key values")                                                                           \
    X(statements_prepared, "COM_STMT_PREPARE received")                                                                \
    X(statements_executed, "COM_STMT_EXECUTE received")                                                                \
    X(server_prepares, "COM_STMT_PREPARE sent to servers")                                                             \
    X(kills_sent, "KILL sent to a server for a client that went away or a statement that ended early")

/* Written by the owning worker only, read by any: relaxed atomics compile to plain moves. */
struct engine_counters {
#define X(name, doc) _Atomic uint64_t name;
    ENGINE_COUNTERS(X)
#undef X
};
#define COUNT_ADD(e, name, n)                                                                                          \
    atomic_store_explicit(&(e)->count.name, atomic_load_explicit(&(e)->count.name, memory_order_relaxed) + (n),      \
                          memory_order_relaxed)
#define COUNT(e, name) COUNT_ADD(e, name, 1)

/* ---- what only net/ can do ---- */

struct engine_ops {
    /* A new outgoing link: later handler->connected or handler->closed. NULL: no memory or no socket. */
    struct link *(*connect)(struct engine *e, const struct conf_address *to, const struct link_handler *h, void *owner);
    void (*log)(struct engine *e, enum conf_log_level level, const char *text);
    /* Another worker holds idle connections to this source while we wait at the cap: ask them to give one up. */
    void (*ask_idle)(struct engine *e, uint32_t source);
    /* All connections of the process, for SHOW PROCESSLIST, and KILL by id. */
    void (*kill)(struct engine *e, uint32_t session, bool connection, uint32_t asker);
    /* Rows of SHOW PROCESSLIST from every worker, of one account: session_listed is called with them, later. */
    void (*list)(struct engine *e, uint32_t asker, struct str account);
    /* Totals over all workers. */
    void (*totals)(struct engine *e, struct engine_counters *sum, uint32_t *clients, uint64_t *uptime_s);
    /* Reload the rules as SIGHUP does. */
    void (*reload)(struct engine *e);
    /* Wake this engine (engine_wake) from the control thread when a catalog reload that was asked for is published. */
    void (*reload_catalog)(struct engine *e, struct snapshot *s);
};

struct engine {
    const struct engine_ops *ops;
    void *net;            /* the worker */
    uint32_t index;
    uint64_t now_ms, now_us; /* monotonic, of the current event */
    struct realm *realm;  /* the newest */
    struct sql_scan scan; /* scratch of the statement being looked at: not kept over events */
    struct arena arena;   /* scratch of the current event */
    struct buf out;       /* scratch for texts and replies */
    struct map settings;  /* canonical text -> struct settings */
    struct settings *no_settings;
    struct list free_execs;
    uint32_t nfree_execs;
    struct list sessions; /* struct front.node */
    struct list id_waiters, catalog_waiters; /* struct exec.wait_node */
    struct list pool_waiters;                /* struct pool_request.node, over all pools, oldest first */
    struct list opening, draining; /* struct conn.node while it connects; while its reply is dropped */
    uint64_t catalog_asked, catalog_seen;    /* reload tickets */
    uint64_t catalog_missed_ms;              /* when a statement last asked for a reload because it did not know a table's columns */
    struct merge_pool *merge_pool; /* proxy/merge/merge.h; made when first needed */
    struct map prepared;       /* key -> struct prepared (proxy/exec/prepared.h) */
    struct list prepared_idle; /* those that no client has prepared now, most recently used first */
    uint32_t nprepared_idle;
    uint32_t nsessions;
    struct engine_counters count;
};

void engine_init(struct engine *e, const struct engine_ops *ops, void *net, uint32_t index);
void engine_release(struct engine *e);
/* Time-outs: connecting servers, waiting requests, statements, idle clients and servers. Call about 5 times a second. */
void engine_log(struct engine *e, enum conf_log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
