/*
 * session.h - one client: login, commands, and the statements that Weir answers itself.
 *
 *   GREETED --login packet--> [AUTH_SWITCH | SHA2_FULL | SHA2_CIPHER] --> [DELAYED] --OK--> READY <--> BUSY --> CLOSED
 *
 * READY takes the next command; BUSY while a statement runs (exec/) or an answer is being made; what the client sends meanwhile waits in `in`,
 * and its link is paused when that grows. An idle session holds this struct and no buffers.
 */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H

#include "proxy/exec/cursor.h"
#include "proxy/exec/exec.h"

enum session_state { SESSION_GREETED, SESSION_AUTH_SWITCH, SESSION_SHA2_FULL, SESSION_SHA2_CIPHER, SESSION_DELAYED, SESSION_READY, SESSION_BUSY, SESSION_CLOSED };

struct limits {           /* seconds, of SET wait_timeout and its kin; 0: as the rules say */
    uint32_t wait_s, interactive_s, write_s;
    uint64_t stuck_at;        /* bytes that the client had taken at the last look */
    uint64_t stuck_since_ms;
};

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
    struct stmts *stmts;       /* prepared statements (stmt.c); NULL: none */
    struct login_memo *login;  /* during login: names from the client */
    char host[64];
    uint8_t address[16];       /* where the client comes from (a PROXY header counts); IPv4 as v4-mapped IPv6 */
    bool has_address;          /* false: a Unix socket */
    bool killed;               /* KILL CONNECTION: it closes when what runs has stopped */
    bool lists_full;           /* SHOW FULL PROCESSLIST */
    struct view_job *listing;  /* waits for the clients' rows for information_schema.PROCESSLIST */
    struct metadata *metadata; /* OPTIONAL_RESULTSET_METADATA; metadata.c */
    struct limits limits;
    struct statement_scope *scope; /* SET STATEMENT: what is put back; limits.c */
    struct track *track;       /* what the client wants tracked, where it is not the default; track.c */
    bool schema_told;          /* the last OK that could tell the schema did */
    char program[32];          /* what the client calls itself (program_name of its attributes); empty: nothing */
};

/* For a link just accepted; sends the greeting. address: 16 bytes, NULL for a Unix socket. NULL: out of memory (the caller closes the link). */
struct session *session_new(struct engine *e, struct link *l, uint32_t id, const char *host, const uint8_t *address);
extern const struct link_handler session_handler; /* link->owner is the session */

/* session.c */
void session_set_state(struct session *s, enum session_state st);
void session_close(struct session *s, bool flush);
void session_pump(struct session *s);
void session_done(struct session *s); /* the command was answered */
void session_query(struct session *s, struct str text);
void session_tick(struct engine *e);
void session_kill(struct session *s, bool connection);
enum kill_answer { KILL_NO_SUCH, KILL_DONE, KILL_DENIED };
void session_killed(struct session *s, uint32_t id, enum kill_answer answer); /* to its own KILL */
/* Appends this worker's sessions of that account as rows: u32 length, then the row's payload: SESSION_LIST_COLUMNS texts. */
enum { SESSION_LIST_COLUMNS = 9 /* Id User Host db Command Time State Info, time in ms */ };
void session_list(struct engine *e, struct str account, uint32_t asker, struct buf *rows);
void session_listed(struct session *s, const struct buf *rows);
bool session_list_next(const struct buf *rows, size_t *at, struct str fields[SESSION_LIST_COLUMNS]); /* false: no more */
void session_drain(struct engine *e, bool now); /* shutdown: idle ones close, busy ones after their statement or transaction */
void session_reset(struct session *s);          /* COM_RESET_CONNECTION */
static inline struct session *session_of(struct front *f) { return CONTAINER_OF(f, struct session, f); }
/* The source that speaks where no table says which: of the schema in use, else of the first one. */
static inline uint32_t session_home(const struct session *s)
{
    const struct conf *c = s->f.realm->conf;
    return s->f.schema ? s->f.schema->default_source : c->nschemas ? c->schemas[0].default_source : 0;
}
static inline struct str session_schema(const struct session *s) { return s->f.schema ? s->f.schema->name : s->f.system_schema; } /* in use; or empty */

/* One statement of our own making, alone (EXECUTE of a prepared one): not part of the client's list of statements. */
void session_run(struct session *s, struct str text);

/* stmt.c: prepared statements. Data: behind the command byte. */
void stmt_prepare(struct session *s, struct str text);
void stmt_execute(struct session *s, struct str data);
void stmt_long_data(struct session *s, struct str data);
void stmt_reset(struct session *s, struct str data);
void stmt_close(struct session *s, struct str data);
void stmt_fetch(struct session *s, struct str data);
void stmt_drop_all(struct session *s);   /* COM_RESET_CONNECTION, COM_CHANGE_USER, the end */
void stmt_renew_all(struct session *s);  /* other rules are in force */
void stmt_local_done(struct session *s); /* a statement that the session answers in text is over */
void stmt_sql(struct session *s, struct plan *p); /* PREPARE, EXECUTE, DEALLOCATE in SQL */

/* login.c */
void login_greet(struct session *s);
void login_packet(struct session *s, struct str payload, uint8_t seq);
void login_change_user(struct session *s, struct str payload);
bool login_is_due(const struct session *s); /* DELAYED, and has waited long enough */
void login_resume(struct session *s);       /* ... the answer goes out */
void login_release(struct session *s);      /* what a login under way holds */
uint32_t login_count(struct session *s, int by); /* joins (+1) or leaves (-1) the user's sessions; how many there are now */
bool login_may_run(struct front *f, struct plan *p);   /* every schema that it names; else the error is sent */
bool login_may_use(const struct session *s, struct str schema);

/* limits.c: the variables that are Weir's business, names in lower case, values as literals (ptr NULL: the default) */
enum limit_kind { LIMIT_NOT, LIMIT_OWN, LIMIT_SERVERS_TOO };
enum limit_kind limits_own(struct str name);
bool limits_check(struct session *s, struct str name, struct str literal, struct fault *f); /* may it be set? */
void limits_set(struct session *s, struct str name, struct str literal);
struct str limits_shown(const struct session *s, struct str name);   /* as SHOW VARIABLES has it */
uint64_t limits_wait_s(const struct session *s, bool global);
uint64_t limits_interactive_s(const struct session *s, bool global);
void limits_reset(struct session *s);
void limits_tick(struct session *s, uint64_t now_ms);                /* may close it */
bool limits_is_set_statement(const struct sql_scan *scan);           /* SET STATEMENT ... FOR */
void limits_set_statement(struct session *s);                        /* the one in engine->scan */
void limits_scope_end(struct session *s);

/* metadata.c: OPTIONAL_RESULTSET_METADATA */
void metadata_begin(struct session *s, uint8_t command);       /* a command came in */
void metadata_feed(struct front *f, const void *p, size_t n);  /* front_ops.filter */
void metadata_free(struct session *s);

/* sysvars.c */
/* The statement in engine->scan with the system variables that Weir answers itself in place. False: as it is. */
bool sysvars_rewrite(struct session *s, struct buf *out);
bool sysvars_rewrite_text(struct session *s, struct str text, struct buf *out); /* the same of a text not scanned yet */
void sysvars_show(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh, struct buf *text); /* SHOW VARIABLES as a SELECT */
struct str sysvars_status(const struct session *s, struct str name); /* SHOW STATUS: of the client's connection; ptr NULL: the server's word stands */
/* information_schema's SESSION_VARIABLES and its like: the SELECT that stands for it. False: another table. */
bool sysvars_table(struct session *s, struct str name, struct buf *text);
/* The server version that clients see. Of the greeting: MariaDB's with the prefix 5.5.5- that its clients take off. */
struct str session_version(const struct session *s, bool greeting);
bool session_shows_mysql(const struct session *s);

/* track.c: SESSION_TRACK */
bool track_wants(const struct session *s, struct str name);          /* that system variable (lower case) */
void track_variable(struct session *s, struct str name, struct str value);
void track_state(struct session *s);                                 /* something of the session changed */
void track_begin(struct session *s);                                 /* a transaction begins */
/* session_track_*; literal.ptr NULL: the default. track_check: may it be set? False: f says why. */
bool track_check(const struct session *s, struct str name, struct str literal, struct fault *f);
void track_set(struct session *s, struct str name, struct str literal);
void track_update(struct front *f, const struct plan_info *info, bool rows, bool in_trans); /* front_ops.track */
void track_refresh(struct session *s);                               /* front->packetwise */
void track_free(struct session *s);                                  /* back to the defaults */

/* command.c */
void command_dispatch(struct session *s, struct str payload);

/* local.c, set.c, show.c: the plan's statement; each ends with session_done (now or later). */
void local_statement(struct session *s, struct plan *p, struct str text);
void local_set_plan(struct session *s, struct plan *p);
void local_login_settings(struct session *s); /* before front_refresh_options, when the capabilities are known */
void local_set_for(struct session *s, struct plan *p, struct str then); /* SET STATEMENT: then runs when all is set */
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
