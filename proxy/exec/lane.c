/*
 * lane.c - a lane: one server connection that takes the statement's legs in turn.
 *
 *   WAIT     for a connection (held by the session, idle, new, or in the queue)
 *   DB       COM_INIT_DB when its database is not the session's home there
 *   SET      session variables that differ
 *   BEGIN    START TRANSACTION when the session is in one that this server has not joined, then its savepoints; or for a wrapped write
 *   VARS     user variables that the statement reads
 *   PREPARE  the leg's text, when it runs by COM_STMT_EXECUTE and this connection does not have it yet
 *   LEG      the statement; the reply goes to reply.c
 *   WARNINGS their texts, when the reply counted any
 *   POST     what the statement may have changed: user variables, LAST_INSERT_ID(expr), FOUND_ROWS
 *   HOLD/END of a wrapped write: commit or roll back when all lanes are there
 *
 * The steps before LEG are tried in order and cost a comparison each when there is nothing to do, which is the common case.
 */
#include "proxy/exec/cursor.h"
#include "proxy/exec/lane.h"
#include "proxy/exec/load.h"

enum { ER_QUERY_SOURCE = 1430, ER_LOCK_DEADLOCK = 1213, ER_MAX_PREPARED_STMT_COUNT_REACHED = 1461 };

static void lane_advance(struct lane *l);
static void lane_start(struct lane *l);

/* ---- the order of steps ---- */

/* Legs are through: what becomes of the connection. */
static void give_back(struct lane *l, struct conn *c)
{
    struct exec *e = l->e;
    struct front *f = e->f;
    uint32_t flags = lane_plan_flags(l);
    bool hold = c->in_trans || (e->flags & EXEC_PIN);
    if (UNLIKELY(l->killed)) c->must_close = true; /* the KILL may come late: it must not hit another's statement */
    if (UNLIKELY(flags & (PLAN_TEMPORARY | PLAN_SERVER_LOCK)) && !l->failed && !e->describing) {
        struct front_txn *t = front_txn(f);
        if (t) t->pinned_for_ever = true;
        c->must_close = true;
        hold = true;
    }
    if (f->txn && (f->txn->locked || f->txn->pinned_for_ever) && l->pinned) hold = true;
    if (hold && front_pin(f, c)) return;
    if (l->pinned) front_unpin(f, c);
    if (hold) {
        conn_discard(c); /* no memory to hold it: its transaction is lost, and the client must not believe in it */
        f->broken = true;
    } else {
        pool_return(c);
    }
}

/* The count goes last: a connection given back may start another lane of the same statement, which must not end it meanwhile. */
static void lane_release(struct lane *l)
{
    struct conn *c = l->conn;
    l->phase = LANE_DONE;
    l->conn = NULL;
    if (c) give_back(l, c);
    l->e->lanes_left--;
}

static void lane_advance(struct lane *l)
{
    struct exec *e = l->e;
    for (;;) {
        switch ((enum lane_phase)l->phase) {
        case LANE_WAIT: return;
        case LANE_DB:
            if (step_db(l)) return;
            break;
        case LANE_SET:
            if (step_set(l)) return;
            break;
        case LANE_ISOLATION:
            if (step_isolation(l)) return;
            break;
        case LANE_BEGIN:
            if (step_begin(l)) return;
            break;
        case LANE_SAVEPOINTS:
            if (step_savepoints(l)) return;
            break;
        case LANE_VARS:
            if (step_vars(l)) return;
            break;
        case LANE_PREPARE:
            if (step_prepare(l)) return;
            break;
        case LANE_LEG:
            if (step_leg(l)) return;
            break;
        case LANE_WARNINGS:
            if (step_warnings(l)) return;
            if (l->at < l->n && !e->describing && !(e->failed && !(e->flags & EXEC_KEEP_GOING))) {
                l->phase = LANE_PREPARE;
                continue;
            }
            break;
        case LANE_POST:
            if (step_post(l)) return;
            if (e->wrap) {
                l->phase = LANE_HOLD;
                e->lanes_left--;
            } else {
                lane_release(l);
            }
            exec_lane_finished(e);
            return;
        case LANE_HOLD: return;
        case LANE_END:
            if (step_end(l)) return;
            break;
        case LANE_DONE: return;
        }
        l->phase++;
    }
}

/* The same write on each copy of a broadcast table, and DDL on each node of a table, is one statement to the client: one leg speaks for all. */
bool exec_counts_leg(const struct exec *e, uint32_t leg)
{
    if (e->nlegs == 1 || !e->plan || leg == 0) return true;
    return plan_info(e->plan)->cls != PLAN_DDL && e->bound.legs[leg].shard != UINT32_MAX;
}

/* Of values given explicitly the OK packet tells that of the last row: of the leg that has it. */
static void note_insert_id(struct exec *e, uint32_t leg, uint64_t id)
{
    const struct plan_leg *x = e->texts || e->nlegs == 1 ? NULL : &e->bound.legs[leg];
    uint32_t last = x && x->rows && x->nrows ? x->rows[x->nrows - 1] : 0;
    if (!id || (e->insert_id && last < e->insert_id_row)) return;
    e->insert_id = id;
    e->insert_id_row = last;
}

/* A leg of a cursor has answered: its rows are to be fetched, or came at once. */
static void note_cursor(struct lane *l, uint32_t leg, bool failed)
{
    struct exec *e = l->e;
    const struct wire_follow *r = &l->conn->follow;
    /* The flag alone may be left over from a cursor inside a stored function. */
    bool opened = !failed && r->is_resultset && r->rows == 0 && (r->status & WIRE_STATUS_CURSOR_EXISTS) && !(r->status & WIRE_STATUS_MORE_RESULTS_EXISTS);
    if (opened) {
        cursor_add_leg(e->cur, leg, l->conn, l->stmt_id);
        merge_leg_goes_on(e->merge, leg);
    } else {
        conn_stmt_close(l->conn, l->stmt_id);
    }
}

static void leg_done(struct lane *l, bool failed)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    uint32_t leg = e->order[l->first + l->at];
    l->sent = false;
    l->at++;
    l->leg_warnings = failed ? 0 : c->follow.warnings;
    if (UNLIKELY(e->stop.code) && l->at < l->n) exec_fail(e, &e->stop); /* stopped between two legs */
    e->rows += c->follow.rows;
    if (!failed && exec_counts_leg(e, leg)) {
        e->warnings += c->follow.warnings;
        e->got_resultset = c->follow.is_resultset;
        if (!c->follow.is_resultset) {
            e->affected += c->follow.affected;
            note_insert_id(e, leg, c->follow.insert_id);
        }
    } else {
        l->leg_warnings = 0;
    }
    if (c->follow.state == WIRE_F_BAD || c->follow.state == WIRE_F_LOCAL_INFILE) {
        struct fault f;
        bool infile = c->follow.state == WIRE_F_LOCAL_INFILE;
        fault_set(&f, &e->arena, infile ? WIRE_ER_NOT_SUPPORTED_YET : WIRE_ER_MALFORMED_PACKET, infile ? "42000" : "HY000",
                  infile ? "Weir: %.*s asked for a file of the client, which only LOAD DATA LOCAL may" : "Weir: %.*s sent a malformed reply",
                  STR_ARG(conn_where(e->realm, l->source, &e->arena)));
        lane_fail(l, &f);
        return;
    }
    if (UNLIKELY(e->cur)) note_cursor(l, leg, failed);
    if (UNLIKELY(e->load)) load_leg_done(l, failed);
    l->phase = LANE_WARNINGS;
    lane_advance(l);
}

static void note_status(struct conn *c, bool failed)
{
    if (!failed) c->in_trans = c->follow.status & WIRE_STATUS_IN_TRANS;
    else if (c->follow.error == ER_LOCK_DEADLOCK) c->in_trans = false; /* the server rolled the whole transaction back */
}

/* The session's schema has no database on this server. Names are qualified, so none needs to be selected; but not another one
 * either: a connection that has one is exchanged for a fresh one. */
static bool missing_home(struct lane *l)
{
    struct conn *c = l->conn;
    if (c->db.len == 0) {
        c->no_db = lane_home(l);
        l->phase++;
        lane_advance(l);
        return true;
    }
    if (l->pinned || c->in_trans) return false;
    l->conn = NULL;
    conn_discard(c);
    lane_start(l);
    return true;
}

/* A step of our own was answered by an error: the statement fails. The connection stays usable where its state is still known. */
static void step_failed(struct lane *l)
{
    static const char *const what[] = {[LANE_DB] = "could not select the session's database", [LANE_SET] = "could not take over the session's variables",
                                       [LANE_ISOLATION] = "could not set the isolation level", [LANE_BEGIN] = "could not start a transaction",
                                       [LANE_SAVEPOINTS] = "could not set a savepoint", [LANE_VARS] = "could not take over the user variables",
                                       [LANE_END] = "could not end its part of the statement's transaction"};
    struct exec *e = l->e;
    struct wire_err err;
    struct fault fault;
    bool known = wire_get_err(str_make(l->conn->follow.tail, l->conn->follow.ntail), &err) == WIRE_OK;
    const char *why = l->phase < COUNT_OF(what) && what[l->phase] ? what[l->phase] : "failed";
    struct str where = conn_where(e->realm, l->source, &e->arena);
    fault_set(&fault, &e->arena, known ? err.code : WIRE_ER_UNKNOWN_ERROR, known ? err.state : "HY000", "Weir: %.*s %s: %.*s", STR_ARG(where),
              why, STR_ARG(known ? err.message : STR("unreadable error")));
    if (known && (e->flags & EXEC_RAW_ERRORS)) {
        fault.message = arena_str(&e->arena, err.message);
        if (!fault.message.ptr) fault.message = STR("out of memory");
    }
    if (l->phase == LANE_DB && known && err.code == WIRE_ER_BAD_DB_ERROR && missing_home(l)) return;
    bool untouched = known && (l->phase == LANE_DB || l->phase == LANE_VARS || l->phase == LANE_SET); /* SET is all or nothing */
    if (!untouched) {
        lane_fail(l, &fault);
        return;
    }
    exec_fail(e, &fault);
    e->nfailed++;
    l->failed = true;
    lane_release(l);
    exec_lane_finished(e);
}

static void prepare_done(struct lane *l)
{
    if (!step_keep_prepared(l)) {
        lane_no_memory(l);
        return;
    }
    if (UNLIKELY(l->e->cur) && !step_runs_a_leg(l)) conn_stmt_close(l->conn, l->stmt_id); /* the cursor's alone, and it is not wanted any more */
    l->phase = LANE_LEG;
    lane_advance(l);
}

/* The server does not take the text: that is the statement's error. */
static void prepare_failed(struct lane *l)
{
    struct wire_err err;
    struct conn *c = l->conn;
    bool known = wire_get_err(str_make(c->follow.tail, c->follow.ntail), &err) == WIRE_OK;
    if (!known) {
        struct fault f;
        fault_set(&f, &l->e->arena, WIRE_ER_MALFORMED_PACKET, "HY000", "Weir: %.*s sent a malformed reply", STR_ARG(conn_where(l->e->realm, l->source, &l->e->arena)));
        lane_fail(l, &f);
        return;
    }
    if (err.code == ER_MAX_PREPARED_STMT_COUNT_REACHED && !l->reprepared && conn_stmt_close_all(c)) {
        l->reprepared = true;
        lane_advance(l);
        return;
    }
    exec_note_error(l->e, l, err.code, err.state, err.message);
    l->at++;
    l->leg_warnings = 0;
    l->phase = LANE_WARNINGS;
    lane_advance(l);
}

void lane_reply_done(struct lane *l, bool failed)
{
    struct exec *e = l->e;
    struct front *f = e->f;
    struct conn *c = l->conn;
    if (LIKELY(l->phase != LANE_PREPARE)) note_status(c, failed); /* PREPARE's reply says nothing of the transaction */
    if (LIKELY(l->phase == LANE_LEG)) {
        if (failed && !(f->status & WIRE_STATUS_AUTOCOMMIT) && c->follow.error != ER_LOCK_DEADLOCK) c->in_trans = true; /* cannot tell: keep it */
        leg_done(l, failed);
        return;
    }
    if (failed && l->phase == LANE_PREPARE) {
        prepare_failed(l);
        return;
    }
    if (failed && l->phase != LANE_WARNINGS && l->phase != LANE_POST) {
        step_failed(l);
        return;
    }
    switch ((enum lane_phase)l->phase) {
    case LANE_DB: c->db = lane_home(l); break;
    case LANE_PREPARE: prepare_done(l); return;
    case LANE_SET:
        settings_unref(f->engine, c->applied);
        c->applied = settings_ref(f->settings);
        break;
    case LANE_BEGIN: c->in_trans = true; break;
    case LANE_SAVEPOINTS: lane_advance(l); return; /* the next one */
    case LANE_WARNINGS:
        if (!failed) step_take_warnings(l);
        lane_advance(l);
        return;
    case LANE_POST:
        if (!failed) step_take_post(l);
        if (e->wrap) {
            l->phase = LANE_HOLD;
            e->lanes_left--;
        } else {
            lane_release(l);
        }
        exec_lane_finished(e);
        return;
    case LANE_END:
        if (UNLIKELY(l->autocommit_off)) {
            l->autocommit_off = false;
            lane_command(l, WIRE_COM_QUERY, STR("SET autocommit=1"));
            return;
        }
        lane_release(l);
        exec_lane_finished(e);
        return;
    case LANE_ISOLATION:
    case LANE_VARS: break;
    case LANE_WAIT:
    case LANE_LEG:
    case LANE_HOLD:
    case LANE_DONE: return;
    }
    l->phase++;
    lane_advance(l);
}

/* The connection's state is unknown or its reply unread: it goes, and with it a transaction it may hold. */
static void drop_conn(struct lane *l)
{
    struct conn *c = l->conn;
    struct front *f = l->e->f;
    l->conn = NULL;
    if (!c) return;
    if (l->pinned) {
        front_unpin(f, c);
        if (f->txn && c->in_trans) {
            f->txn->lost = true;
            memcpy(f->txn->lost_why, "a server connection had to be closed", 37);
        }
    }
    if (c->follow.state != WIRE_F_DONE && c->state == CONN_BUSY && l->sent) {
        control_kill(c->realm->snap->control, c->source, c->thread_id, true);
        COUNT(f->engine, kills_sent);
    }
    conn_discard(c);
}

void lane_fail(struct lane *l, const struct fault *fault)
{
    struct exec *e = l->e;
    exec_fail(e, fault);
    e->nfailed++;
    l->failed = true;
    if (l->phase == LANE_DONE) return;
    if (l->phase == LANE_WAIT) pool_cancel(&l->req);
    drop_conn(l);
    if (l->phase != LANE_HOLD) e->lanes_left--;
    l->phase = LANE_DONE;
    exec_lane_finished(e);
}

void lane_gone(struct lane *l)
{
    lane_release(l);
    exec_lane_finished(l->e);
}

void lane_stop(struct lane *l)
{
    struct exec *e = l->e;
    switch ((enum lane_phase)l->phase) {
    case LANE_DONE:
    case LANE_HOLD: return;
    case LANE_WAIT:
        pool_cancel(&l->req);
        e->lanes_left--;
        l->phase = LANE_DONE;
        return;
    case LANE_LEG:
        if (l->conn->follow.state == WIRE_F_DONE) { /* it is just being told so */
            l->n = l->at + 1;
            return;
        }
        if (l->pinned || l->conn->in_trans) { /* the transaction lives on: its reply must be read to the end */
            l->discard = true;
            l->n = l->at + 1;
            link_resume(l->conn->link);
            return;
        }
        if (UNLIKELY(e->cur)) drop_conn(l); /* a statement and a cursor that nobody would close */
        else conn_abandon(l->conn);
        l->conn = NULL;
        e->lanes_left--;
        l->phase = LANE_DONE;
        return;
    case LANE_DB:
    case LANE_SET:
    case LANE_ISOLATION:
    case LANE_BEGIN:
    case LANE_SAVEPOINTS:
    case LANE_VARS:
    case LANE_PREPARE:
    case LANE_WARNINGS:
    case LANE_POST:
    case LANE_END: l->n = l->at; return; /* short steps: let them end */
    }
}

/* ---- start ---- */

static void got_conn(struct lane *l, struct conn *c)
{
    l->conn = c;
    c->user = &lane_user;
    c->ctx = l;
    l->phase = LANE_DB;
    lane_advance(l);
}

static void request_done(struct pool_request *r, struct conn *c, const struct fault *f)
{
    struct lane *l = CONTAINER_OF(r, struct lane, req);
    if (c) {
        got_conn(l, c);
        return;
    }
    struct fault copy = *f;
    copy.message = arena_str(&l->e->arena, f->message);
    lane_fail(l, &copy);
}

static void lane_start(struct lane *l)
{
    struct front *f = l->e->f;
    struct conn *c = f->txn ? front_pinned(f, l->source) : NULL;
    l->phase = LANE_WAIT;
    if (c) {
        l->pinned = true;
        got_conn(l, c);
        return;
    }
    l->req.cls = front_class(f);
    l->req.prefer = f->settings;
    l->req.done = request_done;
    c = pool_get(&l->e->realm->pools[l->source], &l->req);
    if (c) got_conn(l, c);
    else if (!exec_keep_text(l->e)) lane_no_memory(l);
}

void lane_begin(struct lane *l)
{
    lane_start(l);
}

void lane_go(struct lane *l)
{
    lane_advance(l);
}

void lanes_start(struct exec *e)
{
    e->lanes_left = e->nlanes;
    uint32_t n = e->nlanes;
    if (n > 1 && !exec_keep_text(e)) {
        struct fault f;
        fault_set(&f, &e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000", "Weir: out of memory");
        exec_fail(e, &f);
        e->lanes_left = 0;
        exec_lane_finished(e);
        return;
    }
    e->lanes_left += 1; /* keeps exec_lane_finished from ending the statement while lanes are still being started */
    for (uint32_t i = 0; i < n; i++) {
        if (e->failed && !(e->flags & EXEC_KEEP_GOING)) {
            e->lanes[i].phase = LANE_DONE;
            e->lanes_left--;
        } else {
            lane_start(&e->lanes[i]);
        }
    }
    e->lanes_left -= 1;
    exec_lane_finished(e);
}

static bool all_over(const struct exec *e)
{
    if (e->lanes_left || e->finishing) return false;
    if (UNLIKELY(e->load) && !e->failed && load_runs(e)) return false;
    /* A merge may still hold rows for a client that is slow: it goes on when the client has taken what it was sent. */
    return e->mode != EXEC_MERGE || !e->merge || e->merging_over || e->failed || !e->f->link;
}

void exec_lane_finished(struct exec *e)
{
    if (UNLIKELY(e->load)) load_settle(e);
    if (!all_over(e)) return;
    uint32_t held = 0;
    for (uint32_t i = 0; i < e->nlanes; i++) held += e->lanes[i].phase == LANE_HOLD;
    if (held == 0) {
        if (UNLIKELY(e->load) && !load_drained(e)) return; /* the rest of the client's file comes first */
        e->finishing = true;
        exec_finish(e);
        return;
    }
    e->wrap_commit = !e->failed;
    e->lanes_left = held + 1;
    for (uint32_t i = 0; i < e->nlanes; i++) {
        if (e->lanes[i].phase != LANE_HOLD) continue;
        e->lanes[i].phase = LANE_END;
        lane_advance(&e->lanes[i]);
    }
    e->lanes_left -= 1;
    exec_lane_finished(e);
}
