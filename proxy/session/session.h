/*
 * session.h - one client: login, commands, and the statements that Weir answers itself.
 *
 *   GREETED --login packet--> [AUTH_SWITCH | SHA2_FULL | SHA2_CIPHER] --OK--> READY <--> BUSY --> CLOSED
 *
 * READY takes the next command; BUSY while a statement runs (exec/) or an answer is being made; what the client sends meanwhile waits in `in`,
 * and its link is paused when that grows. An idle session holds this struct and no buffers.
 */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H

#include "proxy/exec/exec.h"

enum session_state { SESSION_GREETED, SESSION_AUTH_SWITCH, SESSION_SHA2_FULL, SESSION_SHA2_CIPHER, SESSION_READY, SESSION_BUSY, SESSION_CLOSED };

struct session {
    struct front f;
    uint8_t state; /* enum session_state: session_set_state */
    bool pumping, changing_user, closing, multi_statements;
    uint8_t command;           /* of the running one */
    uint8_t nonce[WIRE_NONCE];
    const struct conf_user *user; /* of f.realm->conf */
    bool waits_list;           /* for the rows of SHOW PROCESSLIST */
    bool waits_kill;           /* for the answer of the worker that has the session to be killed */
    bool counted;              /* in the snapshot's user_conns */
    struct buf in;             /* bytes that could not be used yet */
    const char *cur;           /* what is being looked at: into in, or the chunk that arrived */
    size_t ncur;
    struct buf many;           /* text of several statements */
    size_t many_at;
    uint64_t since_ms;         /* of the last change of state: login and wait time-outs */
    struct login_memo *login;  /* during login: names from the client */
    char host[64];
};

/* For a link just accepted; sends the greeting. NULL: out of memory (the caller closes the link). */
struct session *session_new(struct engine *e, struct link *l, uint32_t id, const char *host);
extern const struct link_handler session_handler; /* link->owner is the session */

/* session.c */
void session_set_state(struct session *s, enum session_state st);
void session_close(struct session *s, bool flush);
void session_pump(struct session *s);
void session_done(struct session *s); /* the command was answered */
void session_query(struct session *s, struct str text);
void session_tick(struct engine *e);
void session_kill(struct session *s, bool connection);
void session_killed(struct session *s, uint32_t id, bool found); /* the answer to its own KILL */
/* Appends this worker's sessions of that account as rows: u32 length, then the row's payload. */
void session_list(struct engine *e, struct str account, uint32_t asker, struct buf *rows);
void session_listed(struct session *s, const struct buf *rows);
void session_drain(struct engine *e, bool now); /* shutdown: idle ones close, busy ones after their statement or transaction */
void session_reset(struct session *s);          /* COM_RESET_CONNECTION */
static inline struct session *session_of(struct front *f) { return CONTAINER_OF(f, struct session, f); }

/* login.c */
void login_greet(struct session *s);
void login_packet(struct session *s, struct str payload, uint8_t seq);
void login_change_user(struct session *s, struct str payload);
uint32_t login_count(struct session *s, int by); /* joins (+1) or leaves (-1) the user's sessions; how many there are now */
bool login_may_run(struct front *f, struct plan *p);   /* every schema that it names; else the error is sent */
bool login_may_use(const struct session *s, struct str schema);

/* command.c */
void command_dispatch(struct session *s, struct str payload);

/* local.c, set.c, show.c: the plan's statement; each ends with session_done (now or later). */
void local_statement(struct session *s, struct plan *p, struct str text);
void local_set_plan(struct session *s, struct plan *p);
void local_show(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st);
void local_explain_route(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st);
void local_commit(struct session *s, bool commit, exec_then *then, void *ctx); /* then == NULL: answers OK */
void local_commit_first(struct front *f, struct plan *p, struct str text);
void local_refuse(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void local_use(struct session *s, struct str schema);

/* A result set that Weir makes itself. */
struct result {
    struct front *f;
    struct buf out;
    uint32_t ncolumns;
    size_t row;
};
void result_begin(struct result *r, struct front *f, const char *const *names, uint32_t n);
void result_begin_typed(struct result *r, struct front *f, const char *const *names, uint32_t n, uint64_t numbers);
void result_row(struct result *r);                 /* then n fields */
void result_text(struct result *r, struct str v);  /* ptr NULL: SQL NULL */
void result_z(struct result *r, const char *z);
void result_u64(struct result *r, uint64_t v);
void result_end(struct result *r);                 /* sends and releases */

#endif
