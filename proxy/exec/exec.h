/*
 * exec.h - runs a statement: from a plan (or given texts) to lanes of server connections, and their replies back to the client.
 *
 *   legs (shard, text)  -> lanes (one server connection each, legs in turn)
 *   lane: WAIT -> DB -> SET -> BEGIN -> VARS -> LEG ... LEG -> POST -> DONE
 *
 *   RELAY    one leg: the reply's bytes go to the client as they come
 *   PACKETS  one leg, packet by packet: other numbers, names, flags or end packets
 *   MERGE    several result sets become one (merge.h)
 *   COUNT    OK packets add up; one OK or the error goes to the client
 *   CAPTURE  the (small) result set is kept for the caller; nothing goes to the client
 *
 * In a transaction (or autocommit = 0) a source has one lane, the held connection. Otherwise each leg gets a connection of its own where the
 * pool has room, else the legs of a source take turns on one. A write over several legs outside a transaction is wrapped into one on each
 * server and committed only when all succeeded.
 */
#ifndef WEIR_EXEC_H
#define WEIR_EXEC_H

#include "proxy/exec/front.h"
#include "proxy/merge/merge.h"

enum exec_mode { EXEC_RELAY, EXEC_PACKETS, EXEC_MERGE, EXEC_COUNT, EXEC_CAPTURE };

/* What the router must know of the session. */
struct plan_env front_env(const struct front *f);

/* The statement in engine->scan, whose text is `text`: in a plan of kind ROUTED. text_stable: its bytes stay until done (else copied when needed). */
enum exec_start { EXEC_STARTED /* f->exec runs, or is already over: front_ops.done was or will be called */, EXEC_SESSION /* the session's own: plan given */ };
enum exec_start exec_statement(struct front *f, struct str text, bool text_stable, struct plan **session_plan);
/* Runs a plan that plan_build or the cache gave (same text in engine->scan). Takes a reference of its own. */
void exec_plan(struct front *f, struct plan *p, struct str text, bool text_stable);

struct exec_text { /* one given text for a source */
    uint32_t source;
    struct str text; /* copied */
};
struct exec_capture {
    uint32_t ncolumns;
    struct wire_column *columns;
    struct str *fields; /* nrows * ncolumns; ptr NULL: SQL NULL */
    uint32_t nrows;
};
enum exec_text_flag {
    EXEC_NO_DB = 1,       /* do not select the home database first */
    EXEC_PINNED_ONLY = 2, /* on held connections only; sources without one are skipped */
    EXEC_PIN = 4,         /* hold the connections afterwards (LOCK TABLES, temporary tables) */
    EXEC_QUIET = 8,       /* nothing is sent to the client; `then` does */
    EXEC_KEEP_GOING = 16, /* run every text even after a failure */
    EXEC_NO_SETTINGS = 32,
    EXEC_NO_BEGIN = 64,   /* COMMIT, ROLLBACK, SAVEPOINT...: do not open a transaction for it */
    EXEC_RAW_ERRORS = 256,/* an error in taking over the settings is told in the server's own words */
    EXEC_COMMIT = 512,    /* not stopped half way by KILL, a time-out or a client that goes */
    EXEC_RENAME = 128     /* PACKETS: physical names in rows and messages become logical */
};
struct exec_result {
    bool failed;
    struct fault fault;
    struct exec_capture capture; /* CAPTURE, of the first text */
    uint64_t affected;
    uint32_t nfailed;
};
/* `then` runs when all is over, before front_ops.done; it may send the reply, and may start another exec (f->exec is NULL then): in that case it returns
 * true and done is left to that one. May be NULL. */
typedef bool exec_then(struct front *f, void *ctx, const struct exec_result *r);
void exec_texts(struct front *f, const struct exec_text *texts, uint32_t n, enum exec_mode mode, uint32_t flags, exec_then *then, void *ctx);

/* A statement of our own (SELECT ...) through the router: its plan, its text in engine->scan. The result is captured for `then`; nothing goes to the client. */
void exec_plan_quiet(struct front *f, struct plan *p, struct str text, exec_then *then, void *ctx);

/* Events. */
void exec_client_drained(struct exec *e);
void exec_client_gone(struct front *f);  /* the client closed: the running work is killed, its connections closed or drained */
/* KILL QUERY, time-out: the transaction lives on where it can. */
void exec_interrupt(struct front *f, uint16_t code, const char *state, const char *message);
/* KILL CONNECTION: at once; a commit under way ends first. False: it waits for the client (a file that is being sent). */
bool exec_stop(struct front *f, uint16_t code, const char *state, const char *message);
void exec_wake_ids(struct engine *e);
void exec_wake_catalog(struct engine *e, uint64_t ticket);
void exec_tick(struct engine *e); /* id deadlines, statement time-outs */
/* For SHOW PROCESSLIST: the text that runs, or empty; and since when. */
struct str exec_text_of(const struct exec *e);
void exec_where(const struct exec *e, struct buf *out); /* "on s1, s2", "waiting for a connection to s1", ... */
uint64_t exec_since_ms(const struct exec *e);
void exec_free_all(struct engine *e);

#endif
