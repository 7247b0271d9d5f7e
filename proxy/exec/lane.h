/*
 * lane.h - exec's own room: the running statement and its lanes. Not for other folders.
 *
 * Life of an exec: exec_new -> (wait for ids) -> lanes_start -> every lane DONE -> [commit or roll back on all] -> exec_finish. All changes of
 * lane->phase are in lane.c; reply.c only says what a reply was.
 */
#ifndef WEIR_LANE_H
#define WEIR_LANE_H

#include "proxy/exec/prepared.h"

enum lane_phase { /* the step whose reply is awaited, or the next to try */
    LANE_WAIT, LANE_DB, LANE_SET, LANE_ISOLATION, LANE_BEGIN, LANE_SAVEPOINTS, LANE_VARS,
    LANE_PREPARE /* the leg's text is not prepared on this connection */, LANE_LEG,
    LANE_WARNINGS, LANE_POST /* read back what the statement changed */, LANE_HOLD /* legs done, the others are not */, LANE_END /* COMMIT or ROLLBACK of a wrapped write */,
    LANE_DONE
};

struct reader { /* packet-wise view of one reply */
    uint8_t state; /* 0 first, 1 columns, 2 EOF after them, 3 rows, 4 over */
    uint32_t columns, left;
};

struct lane {
    struct exec *e;
    struct conn *conn;
    struct pool_request req;
    uint32_t source;
    uint32_t first, n, at; /* legs e->order[first + at] */
    uint8_t phase;
    bool pinned;   /* the connection was held by the session before this statement */
    bool failed, discard; /* discard: read the reply and drop it */
    bool autocommit_off; /* under LOCK TABLES, which START TRANSACTION would end */
    bool savepoint; /* the statement's own one is set */
    bool killed;    /* KILL QUERY was sent for it */
    bool joined;    /* START TRANSACTION was sent: savepoints are to be set again */
    bool sent;     /* the leg's text went out and nothing has come back */
    uint16_t leg_warnings;
    uint32_t saved; /* savepoints replayed: offset */
    struct reader rd;
    uint32_t stmt_id;        /* the server's, of the leg about to run */
    uint64_t stmt_hash;
    struct plan_slots slots; /* what its `?` are bound to */
    bool reprepared;         /* the server was full and has been relieved once */
    uint8_t *types;          /* of the reply's columns, where binary rows must be looked into */
    struct exec_capture cap; /* of a step's or a captured reply */
    uint32_t cap_rows;
};

struct exec {
    struct list node;      /* engine->free_execs */
    struct list wait_node; /* engine->id_waiters or catalog_waiters */
    struct front *f;
    struct realm *realm;
    struct plan *plan;
    struct arena arena;
    struct buf text_copy;
    struct str text;
    bool stable, raises, at_boundary, quiet, retried, wrap, wrap_savepoint, wrap_commit, failed, reply_begun, reply_sent, columns_done, merging_over, finishing, waits_catalog, is_write;
    uint32_t flags;        /* EXEC_* of exec_texts */
    enum exec_mode mode;
    struct prepared *prepared;       /* NULL: a text of COM_QUERY or our own */
    const struct wire_param *params; /* views into the client's packet or text_copy */
    uint16_t nparams;
    struct value *values;            /* the same for the router */
    bool describing;                 /* only the definitions are wanted */
    struct buf definitions;          /* describing: as far as they have come (struct prepared has them when they are whole) */
    uint16_t ncolumns;
    uint8_t cursor;                  /* enum wire_cursor that the client asked for */
    uint32_t statement;              /* the client's id of it */
    struct cursor *cur;              /* the cursor that this execute opens */
    bool looked_again, replan;       /* the catalog was asked for columns that it did not know; the statement is planned anew when it comes */
    struct returned *returned;       /* rows of INSERT ... RETURNING over several legs (returning.c) */
    const struct conf_schema *schema; /* whose database is selected */
    const struct exec_text *texts; /* NULL: from the plan */
    struct bound bound;
    uint32_t nlegs;
    uint32_t *order;       /* leg numbers, grouped by lane */
    struct lane *lanes;
    uint32_t nlanes, lanes_left;
    struct lane lane0;
    struct merge *merge;
    uint32_t insert_id_row;
    uint64_t affected, insert_id, info_records, info_duplicates, info_matched, info_changed, rows;
    bool has_info_records, has_info_matched, got_resultset;
    uint32_t nfailed, warnings;
    struct buf failed_nodes; /* DDL: " s1 shop_1.orders_0, ..." */
    struct fault fault;
    uint64_t since_us, id_deadline_ms, ticket;
    uint64_t first_id, nids;
    exec_then *then;
    void *then_ctx;
    struct exec_capture capture;
    uint64_t kill_at_ms;   /* stop.code: when patience with the servers ends */
    struct fault stop;     /* code: the servers were asked to stop (KILL QUERY): their "interrupted" becomes this */
    uint64_t limit_us;     /* how long it may take; 0: any time */
    uint16_t limit_code;   /* and the error then */
    struct load *load;     /* LOAD DATA LOCAL (load.h); NULL: another statement */
};

/* lane.c */
void lanes_start(struct exec *e);
void lane_reply_done(struct lane *l, bool failed);     /* the reply of the current step has ended */
void lane_fail(struct lane *l, const struct fault *f); /* our own fault while the reply may still be under way */
void lane_gone(struct lane *l);                       /* its connection died when it had nothing more to say */
void lane_stop(struct lane *l);                        /* not wanted any more */
void exec_lane_finished(struct exec *e);
bool exec_counts_leg(const struct exec *e, uint32_t leg);
void lane_put_leg(struct lane *l, struct buf *out);
void lane_begin(struct lane *l); /* of those that lanes_start did not start */
void lane_go(struct lane *l);    /* there is a leg for one that had none */

/* steps.c */
bool step_db(struct lane *l);
bool step_set(struct lane *l);
bool step_isolation(struct lane *l);
bool step_begin(struct lane *l);
bool step_savepoints(struct lane *l);
bool step_vars(struct lane *l);
bool step_prepare(struct lane *l);
bool step_leg(struct lane *l);
bool step_warnings(struct lane *l);
bool step_post(struct lane *l);
bool step_end(struct lane *l);
bool step_runs_a_leg(const struct lane *l);
bool step_keep_prepared(struct lane *l); /* COM_STMT_PREPARE was answered: the statement is the connection's. False: no memory */
void step_take_warnings(struct lane *l);
void step_take_post(struct lane *l);
struct str lane_home(const struct lane *l); /* the database to be selected there */
bool lane_command(struct lane *l, uint8_t command, struct str text); /* true */
void lane_no_memory(struct lane *l);
static inline uint32_t lane_plan_flags(const struct lane *l) { return l->e->plan ? plan_info(l->e->plan)->flags : 0; }

/* returning.c */
bool returning_begin(struct exec *e);                                     /* false: no memory */
bool returning_column(struct lane *l, uint32_t leg, struct str payload);  /* false: no memory, or over max_statement_memory */
bool returning_row(struct exec *e, uint32_t leg, struct str payload);
void returning_reply(struct exec *e);                                     /* after the commit */

/* reply.c */
void reply_put_column(struct lane *l, struct buf *out, uint8_t *seq, struct str payload); /* with logical names */
extern const struct conn_user lane_user;
void merge_pump(struct exec *e);
void exec_note_error(struct exec *e, struct lane *l, uint16_t code, const char *state, struct str message);

/* stop.c */
void exec_set_limit(struct exec *e); /* the plan is known */

/* exec.c */
struct exec *exec_new(struct front *f); /* f->exec from now on; NULL: no memory */
void exec_refuse(struct exec *e, const struct fault *f);
void exec_run_plan(struct exec *e);     /* ids, binding, lanes */
void exec_fail_quiet(struct front *f, const struct fault *fault, exec_then *then, void *ctx);
struct fault exec_no_memory(void);
bool exec_keep_text(struct exec *e);
bool exec_make_lanes(struct exec *e);
bool exec_may_write(struct exec *e, struct fault *f);
/* The statement's tokens (after exec_rescan) and the session's values with its parameters. */
static inline const struct sql_scan *exec_scan(const struct exec *e)
{
    return e->prepared ? plan_info(e->plan)->scan : &e->f->engine->scan;
}
void exec_facts(const struct exec *e, struct plan_facts *out);
static inline bool exec_is_binary(const struct exec *e) { return e->prepared != NULL; }
bool exec_rescan(struct exec *e); /* engine->scan is of e->text again */
void exec_finish(struct exec *e);
void exec_fail(struct exec *e, const struct fault *f); /* remembers the first fault */

#endif
