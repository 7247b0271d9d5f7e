/*
 * lane.h - exec's own room: the running statement and its lanes. Not for other folders.
 *
 * Life of an exec: exec_new -> (wait for ids) -> lanes_start -> every lane DONE -> [commit or roll back on all] -> exec_finish. All changes of
 * lane->phase are in lane.c; reply.c only says what a reply was.
 */
#ifndef WEIR_LANE_H
#define WEIR_LANE_H

#include "proxy/exec/exec.h"

enum lane_phase { /* the step whose reply is awaited, or the next to try */
    LANE_WAIT, LANE_DB, LANE_SET, LANE_ISOLATION, LANE_BEGIN, LANE_SAVEPOINTS, LANE_VARS, LANE_LEG,
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
    bool sent;     /* the leg's text went out and nothing has come back */
    uint16_t leg_warnings;
    uint32_t saved; /* savepoints replayed: offset */
    struct reader rd;
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
    uint64_t kill_at_ms;
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

/* reply.c */
extern const struct conn_user lane_user;
void merge_pump(struct exec *e);
void exec_note_error(struct exec *e, struct lane *l, uint16_t code, const char *state, struct str message);

/* exec.c */
bool exec_keep_text(struct exec *e);
bool exec_rescan(struct exec *e); /* engine->scan is of e->text again */
void exec_finish(struct exec *e);
void exec_fail(struct exec *e, const struct fault *f); /* remembers the first fault */

#endif
