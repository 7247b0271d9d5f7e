/*
 * front.h - the client-visible state of a session: what "one MySQL connection" remembers. session/ owns it and speaks to the client;
 * exec/ runs statements on its behalf and keeps it up to date.
 *
 *   status           AUTOCOMMIT and IN_TRANS as the client sees them
 *   txn              present while a transaction is begun or server connections are held (transaction, lock, temporary table)
 *   settings         session variables, interned; a server connection is brought to them before it is used
 *   vars             user variables, read back from the server that computed them, as SQL literals
 */
#ifndef WEIR_FRONT_H
#define WEIR_FRONT_H

#include "proxy/backend/pool.h"

struct front;
struct front_ops {
    /* The statement (exec_*) is over: its reply is sent, f->exec is NULL. */
    void (*done)(struct front *f);
    /* May this session run it? False: the error is sent. Not asked for reads of unrestricted sessions. */
    bool (*may_run)(struct front *f, struct plan *p);
    /* Commits the open transaction, then runs the plan with exec_plan. */
    void (*commit_first)(struct front *f, struct plan *p, struct str text);
    /* An OK or the end of rows is about to be made (info: of the statement that a server answered, NULL: the session's own): brings f->track up to
     * date. in_trans: what the servers will say. Only called under SESSION_TRACK. */
    void (*track)(struct front *f, const struct plan_info *info, bool rows, bool in_trans);
    /* front->filtered: what goes to the client passes here last. */
    void (*filter)(struct front *f, const void *p, size_t n);
};

struct front_txn {
    bool begun;            /* BEGIN was said: each server joins with START TRANSACTION when it is first used */
    bool read_only, snapshot, read_write;
    bool lost;             /* a held connection died: the transaction cannot be committed */
    bool locked;           /* LOCK TABLES */
    bool pinned_for_ever;  /* temporary tables or named locks: held until the session ends */
    uint16_t isolation;    /* SET TRANSACTION ISOLATION LEVEL for this one (enum sql_isolation), 0: none */
    uint16_t access;
    uint32_t writer;       /* source that was written to; UINT32_MAX: none */
    uint32_t npinned, cap, nheld;
    struct conn **held;    /* nheld connections that hold LOCK TABLES ... READ; no statement runs on them */
    struct conn **pinned;  /* at most one a source */
    struct buf savepoints; /* names, NUL-terminated, oldest first */
    char lost_why[128];
};

struct front_message { /* one line of SHOW WARNINGS */
    uint8_t level;    /* 0 Note, 1 Warning, 2 Error */
    uint16_t code;
    struct str text;  /* owned by the list's arena */
};
struct front_messages {
    struct arena arena;
    VEC(struct front_message) list;
};

struct front {
    struct list node; /* engine->sessions */
    const struct front_ops *ops;
    struct engine *engine;
    struct realm *realm;
    struct link *link;
    uint32_t id;
    uint32_t capabilities;
    const struct conf_schema *schema; /* of realm->conf; NULL: none */
    struct settings *settings;
    struct sql_options opt;
    bool broken;             /* a reply could not be made: the link is closed when the command ends */
    bool restricted;         /* the user may use some schemas only */
    bool foreign_charset, no_auto_value_on_zero; /* see struct plan_env */
    uint8_t seq;             /* number of the next packet to the client */
    bool more_results;       /* another statement of the same command follows */
    uint16_t status;
    uint16_t warnings, errors; /* of the last statement */
    uint64_t last_insert_id, found_rows;
    int64_t row_count;
    struct front_txn *txn;
    struct map *vars;        /* name -> struct front_var (malloc), NULL: none */
    size_t var_bytes;        /* of their names and literals; at most FRONT_VAR_BYTES */
    struct front_messages *messages;
    struct exec *exec;       /* the running statement */
    struct str user_text;    /* name@host */
    struct str account;      /* user name */
    struct cursor *cursors;  /* open ones (cursor.h), a list; NULL: none */
    struct transcode *transcode; /* what is sent passes it: a text result becomes a binary one (transcode.h); NULL: as it is */
    struct str system_schema; /* information_schema and its like as the default schema (static text; `schema` is NULL then) */
    struct buf track;         /* SESSION_TRACK: entries (wire_put_track_*) that the next OK carries */
    bool packetwise;          /* something in each reply must be rewritten: nothing is relayed as it comes */
    uint64_t max_execution_ms, max_statement_us; /* the session's limits of a SELECT, of any statement; 0: none */
    bool filtered;            /* front_ops.filter has the last word on what is sent */
    bool no_metadata;         /* resultset_metadata = NONE: column definitions are left out */
    struct load *load;        /* LOAD DATA LOCAL under way (load.h) */
};
struct front_var {
    struct str name, literal; /* both in the same allocation */
};

static inline bool front_in_txn(const struct front *f)
{
    return (f->txn && (f->txn->begun || f->txn->npinned)) || !(f->status & WIRE_STATUS_AUTOCOMMIT);
}
/* Was BEGIN said, or is a transaction open on a held connection? (front_in_txn counts locks and autocommit = 0 as well.) */
bool front_txn_open(const struct front *f);
/* The session's transaction object, made when missing. NULL: out of memory. */
struct front_txn *front_txn(struct front *f) MUST_CHECK;
struct conn *front_pinned(const struct front *f, uint32_t source);
bool front_pin(struct front *f, struct conn *c) MUST_CHECK;
void front_unpin(struct front *f, struct conn *c); /* out of the list; the caller disposes of it */
/* Gives back what can be given back and forgets the transaction (after COMMIT or ROLLBACK was done on all). */
void front_txn_end(struct front *f);
/* Closes every held connection (the servers roll back). */
void front_txn_drop(struct front *f);
/* Home database on that source, or empty. */
struct str front_home(const struct front *f, uint32_t source);
uint8_t front_class(const struct front *f);
/* Options for the parser, from sql_mode and the client character set. */
void front_refresh_options(struct front *f);

/* "information_schema" and its like, as static text; else STR_NULL. */
struct str front_system_schema(struct str name);

/* Replies by Weir itself. */
void front_ok(struct front *f, uint64_t affected, uint64_t insert_id, struct str info);
void front_err(struct front *f, uint16_t code, const char *state, struct str message);
void front_fault(struct front *f, const struct fault *fault);
void front_send(struct front *f, const void *p, size_t n);
void front_send_raw(struct front *f, const void *p, size_t n); /* past f->transcode */
uint16_t front_status(const struct front *f); /* with MORE_RESULTS_EXISTS when due */
/* The end of rows, with what SESSION_TRACK has to tell. */
void front_put_end(struct front *f, struct buf *out, uint16_t status, uint16_t warnings);

/* SHOW WARNINGS' list. */
void front_clear_messages(struct front *f);
void front_add_message(struct front *f, uint8_t level, uint16_t code, struct str text);
enum { FRONT_VAR_BYTES = 4 << 20 };
/* False: out of memory, or more than FRONT_VAR_BYTES; the variable keeps its value. */
bool front_set_var(struct front *f, struct str name, struct str literal) MUST_CHECK; /* literal.ptr NULL: back to NULL */
void front_drop_vars(struct front *f);
void front_facts(const struct front *f, struct plan_facts *out);
void front_release(struct front *f);

#endif
