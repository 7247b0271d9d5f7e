/*
 * lane.c - a lane: one server connection that takes the statement's legs in turn.
 *
 *   WAIT     for a connection (held by the session, idle, new, or in the queue)
 *   DB       COM_INIT_DB when its database is not the session's home there
 *   SET      session variables that differ
 *   BEGIN    START TRANSACTION when the session is in one that this server has not joined, then its savepoints; or for a wrapped write
 *   VARS     user variables that the statement reads
 *   LEG      the statement; the reply goes to reply.c
 *   WARNINGS their texts, when the reply counted any
 *   POST     what the statement may have changed: user variables, LAST_INSERT_ID(expr), FOUND_ROWS
 *   HOLD/END of a wrapped write: commit or roll back when all lanes are there
 *
 * The steps before LEG are tried in order and cost a comparison each when there is nothing to do, which is the common case.
 */
#include "proxy/exec/lane.h"

enum { ER_QUERY_SOURCE = 1430, ER_LOCK_DEADLOCK = 1213 };

static void lane_advance(struct lane *l);
static void lane_start(struct lane *l);

static struct engine *engine_of(const struct lane *l)
{
    return l->e->f->engine;
}

static void nomem(struct lane *l)
{
    struct fault f;
    fault_set(&f, &l->e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000", "Weir: out of memory");
    lane_fail(l, &f);
}

/* Sends a command of the lane's own; its reply comes to the phase's handler in lane_reply_done. */
static bool command(struct lane *l, uint8_t cmd, struct str text)
{
    l->rd = (struct reader){0};
    l->cap = (struct exec_capture){0};
    l->cap_rows = 0;
    if (!text.ptr || !conn_command(l->conn, cmd, text)) nomem(l);
    return true;
}

/* ---- steps: true when a command went out (or the lane failed) ---- */

static bool step_db(struct lane *l)
{
    struct str want = front_home(l->e->f, l->source);
    if (want.len == 0 || (l->e->flags & EXEC_NO_DB)) return false;
    if (LIKELY(l->conn->db.ptr == want.ptr) || str_eq(l->conn->db, want)) return false;
    if (l->conn->db.len == 0 && l->conn->no_db.len && str_eq(l->conn->no_db, want)) return false; /* it has none by that name */
    return command(l, WIRE_COM_INIT_DB, want);
}

static bool step_set(struct lane *l)
{
    struct front *f = l->e->f;
    if (LIKELY(l->conn->applied == f->settings) || (l->e->flags & EXEC_NO_SETTINGS)) return false;
    struct buf text = {0};
    settings_diff(l->conn->applied, f->settings, l->conn->mariadb, &text);
    COUNT(engine_of(l), server_syncs);
    bool sent = text.len > 0 || text.failed;
    if (text.failed) nomem(l);
    else if (sent) command(l, WIRE_COM_QUERY, buf_str(&text));
    else {
        settings_unref(f->engine, l->conn->applied);
        l->conn->applied = settings_ref(f->settings);
    }
    buf_release(&text);
    return sent;
}

static bool must_join(const struct lane *l)
{
    const struct front *f = l->e->f;
    if (l->conn->in_trans || (l->e->flags & EXEC_NO_BEGIN)) return false;
    return (l->e->wrap && !l->e->wrap_savepoint) || (f->txn && f->txn->begun);
}

static bool step_isolation(struct lane *l)
{
    static const char *const names[] = {"", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    const struct front_txn *t = l->e->f->txn;
    if (LIKELY(!t || !t->isolation) || l->conn->in_trans || (l->e->flags & EXEC_NO_BEGIN)) return false; /* also before a lone statement */
    struct str text = arena_printf(&l->e->arena, "SET TRANSACTION ISOLATION LEVEL %s", names[t->isolation]);
    return command(l, WIRE_COM_QUERY, text);
}

static bool step_begin(struct lane *l)
{
    const struct front_txn *t = l->e->f->txn;
    if (!must_join(l)) return false;
    if (UNLIKELY(t && t->locked)) {
        l->autocommit_off = true;
        return command(l, WIRE_COM_QUERY, STR("SET autocommit=0"));
    }
    bool plain = !t || !t->begun;
    struct str text = plain ? STR("START TRANSACTION")
                            : arena_printf(&l->e->arena, "START TRANSACTION%s%s%s", t->snapshot ? " WITH CONSISTENT SNAPSHOT" : "",
                                           t->snapshot && (t->read_only || t->read_write) ? "," : "",
                                           t->read_only ? " READ ONLY" : t->read_write ? " READ WRITE" : "");
    l->saved = 0;
    return command(l, WIRE_COM_QUERY, text);
}

/* A server that joins late learns the savepoints that were set before, so that ROLLBACK TO finds them everywhere. */
static bool step_savepoints(struct lane *l)
{
    const struct front_txn *t = l->e->f->txn;
    bool replayed = !t || !t->begun || l->pinned || l->saved >= t->savepoints.len;
    if (UNLIKELY(l->e->wrap_savepoint && replayed && !l->savepoint)) {
        l->savepoint = true;
        return command(l, WIRE_COM_QUERY, STR("SAVEPOINT weir_statement"));
    }
    if (!t || !t->begun || l->pinned || (l->e->flags & EXEC_NO_BEGIN) || l->saved >= t->savepoints.len) return false;
    struct str name = str_of(t->savepoints.data + l->saved);
    struct buf text = {0};
    l->saved += (uint32_t)name.len + 1;
    buf_putz(&text, "SAVEPOINT ");
    sql_put_name(&text, name, true);
    if (text.failed) nomem(l);
    else command(l, WIRE_COM_QUERY, buf_str(&text));
    buf_release(&text);
    return true;
}

/* Appends each distinct @name of the statement through `one`. */
static void each_var(struct lane *l, struct buf *out, void (*one)(struct lane *, struct buf *, struct str name))
{
    struct exec *e = l->e;
    if (!exec_rescan(e)) {
        out->failed = true;
        return;
    }
    const struct sql_scan *s = &e->f->engine->scan;
    struct map seen;
    map_init(&seen, true);
    for (uint32_t i = 0; i < s->ntoks; i++) {
        if (s->toks[i].kind != SQL_T_USERVAR) continue;
        struct str name = sql_text(s, i, &e->arena);
        if (!name.ptr || map_get(&seen, name)) continue;
        struct str copy = arena_str(&e->arena, name);
        if (!copy.ptr || !map_put(&seen, copy, e)) {
            out->failed = true;
            break;
        }
        one(l, out, copy);
    }
    map_release(&seen);
}

static void put_var_set(struct lane *l, struct buf *out, struct str name)
{
    const struct front_var *v = l->e->f->vars ? map_get(l->e->f->vars, name) : NULL;
    buf_putz(out, out->len ? ",@" : "SET @");
    sql_put_name(out, name, true);
    buf_putz(out, "=");
    buf_put_str(out, v ? v->literal : STR("NULL"));
}

static uint32_t plan_flags(const struct lane *l)
{
    return l->e->plan ? plan_info(l->e->plan)->flags : 0;
}

static bool step_vars(struct lane *l)
{
    if (LIKELY(!(plan_flags(l) & (PLAN_READS_USERVARS | PLAN_WRITES_USERVARS)))) return false;
    struct buf text = {0};
    each_var(l, &text, put_var_set);
    bool any = text.len > 0 || text.failed;
    if (text.failed) nomem(l);
    else if (any) command(l, WIRE_COM_QUERY, buf_str(&text));
    buf_release(&text);
    return any;
}

static bool step_leg(struct lane *l)
{
    struct exec *e = l->e;
    if (l->at >= l->n || (e->failed && !(e->flags & EXEC_KEEP_GOING) && !l->sent)) return false;
    struct buf *out = &e->f->engine->out;
    buf_reset(out);
    uint8_t seq = 0;
    size_t at = wire_begin(out);
    buf_put_u8(out, WIRE_COM_QUERY);
    lane_put_leg(l, out);
    wire_end(out, at, &seq);
    if (out->failed) {
        nomem(l);
        return true;
    }
    l->rd = (struct reader){0};
    l->cap = (struct exec_capture){0};
    l->cap_rows = 0;
    l->sent = true;
    bool same_end = !((l->conn->capabilities ^ e->f->capabilities) & WIRE_CAP_DEPRECATE_EOF);
    if (UNLIKELY(!same_end && e->mode == EXEC_RELAY)) e->mode = EXEC_PACKETS; /* an old server: EOF packets must be left out or made */
    conn_send(l->conn, out->data, out->len, WIRE_FOLLOW_QUERY);
    return true;
}

void lane_put_leg(struct lane *l, struct buf *out)
{
    struct exec *e = l->e;
    uint32_t leg = e->order ? e->order[l->first + l->at] : 0;
    if (e->texts) {
        buf_put_str(out, e->texts[leg].text);
        return;
    }
    struct plan_facts facts;
    front_facts(e->f, &facts);
    if (!exec_rescan(e)) out->failed = true;
    else plan_render(&e->bound, &e->f->engine->scan, &e->bound.legs[leg], &facts, out);
}

static bool step_warnings(struct lane *l)
{
    if (LIKELY(l->leg_warnings == 0) || l->e->mode == EXEC_CAPTURE || l->failed) return false;
    l->leg_warnings = 0;
    return command(l, WIRE_COM_QUERY, STR("SHOW WARNINGS"));
}

static void put_var_read(struct lane *l, struct buf *out, struct str name)
{
    (void)l;
    struct buf n = {0};
    sql_put_name(&n, name, true);
    buf_printf(out, "%s@%.*s,HEX(@%.*s),COLLATION(@%.*s),", out->len ? "" : "SELECT ", STR_ARG(buf_str(&n)), STR_ARG(buf_str(&n)),
               STR_ARG(buf_str(&n)));
    sql_put_string(out, name, NULL);
    buf_putz(out, ",");
    buf_release(&n);
}

static bool step_post(struct lane *l)
{
    uint32_t flags = plan_flags(l);
    if (LIKELY(!(flags & (PLAN_WRITES_USERVARS | PLAN_SETS_LAST_INSERT_ID | PLAN_CALC_FOUND_ROWS))) || l->failed) return false;
    struct buf text = {0};
    if (flags & PLAN_WRITES_USERVARS) each_var(l, &text, put_var_read);
    if (!text.len) buf_putz(&text, "SELECT ");
    buf_putz(&text, flags & PLAN_CALC_FOUND_ROWS ? "FOUND_ROWS()," : "0,");
    buf_putz(&text, flags & PLAN_SETS_LAST_INSERT_ID ? "LAST_INSERT_ID()" : "0");
    if (text.failed) nomem(l);
    else command(l, WIRE_COM_QUERY, buf_str(&text));
    buf_release(&text);
    return true;
}

static bool step_end(struct lane *l)
{
    if (l->e->wrap_savepoint)
        return command(l, WIRE_COM_QUERY, l->e->wrap_commit ? STR("RELEASE SAVEPOINT weir_statement") : STR("ROLLBACK TO SAVEPOINT weir_statement"));
    return command(l, WIRE_COM_QUERY, l->e->wrap_commit ? STR("COMMIT") : STR("ROLLBACK"));
}

/* ---- the order of steps ---- */

/* Legs are through: what becomes of the connection. */
static void give_back(struct lane *l, struct conn *c)
{
    struct exec *e = l->e;
    struct front *f = e->f;
    uint32_t flags = plan_flags(l);
    bool hold = c->in_trans || (e->flags & EXEC_PIN);
    if (UNLIKELY(flags & (PLAN_TEMPORARY | PLAN_SERVER_LOCK)) && !l->failed) {
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
        case LANE_LEG:
            if (step_leg(l)) return;
            break;
        case LANE_WARNINGS:
            if (step_warnings(l)) return;
            if (l->at < l->n && !(e->failed && !(e->flags & EXEC_KEEP_GOING))) {
                l->phase = LANE_LEG;
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

static bool cell(const struct exec_capture *c, uint32_t row, uint32_t col, struct str *out)
{
    if (row >= c->nrows || col >= c->ncolumns) return false;
    *out = c->fields[(size_t)row * c->ncolumns + col];
    return true;
}

static void take_warnings(struct lane *l)
{
    struct front *f = l->e->f;
    for (uint32_t i = 0; i < l->cap.nrows; i++) {
        struct str level, code, text;
        uint64_t n = 0;
        if (!cell(&l->cap, i, 0, &level) || !cell(&l->cap, i, 1, &code) || !cell(&l->cap, i, 2, &text) || !str_to_u64(code, &n)) continue;
        struct buf logical = {0};
        router_logical_text(l->e->realm->snap->router, l->source, text, &logical);
        uint8_t lv = str_eq(level, STR("Error")) ? 2 : str_eq(level, STR("Warning")) ? 1 : 0;
        front_add_message(f, lv, (uint16_t)n, buf_str(&logical));
        buf_release(&logical);
    }
}

/* A user variable as a literal that gives the same type, value and collation on any server. */
static struct str var_literal(struct arena *a, const struct wire_column *def, struct str value, struct str hex, struct str collation)
{
    if (!value.ptr) return STR_NULL;
    switch (def->type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_LONGLONG:
        return def->flags & WIRE_COLUMN_UNSIGNED ? arena_printf(a, "CAST(%.*s AS UNSIGNED)", STR_ARG(value)) : arena_str(a, value);
    case WIRE_TYPE_DECIMAL:
    case WIRE_TYPE_NEWDECIMAL: {
        size_t dot = str_find(value, STR("."), 0); /* the definition of a user variable does not tell the scale */
        unsigned scale = dot == SIZE_MAX ? 0 : (unsigned)(value.len - dot - 1);
        return arena_printf(a, "CAST('%.*s' AS DECIMAL(65,%u))", STR_ARG(value), scale > 30 ? 30u : scale);
    }
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE: return arena_printf(a, str_find(value, STR("e"), 0) != SIZE_MAX ? "%.*s" : "%.*se0", STR_ARG(value));
    default: break;
    }
    const struct wire_charset *cs = wire_charset_by_collation(collation);
    if (!cs || str_eq(collation, STR("binary"))) return arena_printf(a, hex.len ? "_binary 0x%.*s" : "_binary''", STR_ARG(hex));
    return arena_printf(a, hex.len ? "_%s 0x%.*s COLLATE %.*s" : "_%s''%.*s COLLATE %.*s", cs->charset, STR_ARG(hex), STR_ARG(collation));
}

static void take_post(struct lane *l)
{
    struct front *f = l->e->f;
    uint32_t flags = plan_flags(l), n = l->cap.ncolumns;
    struct str v;
    for (uint32_t i = 0; i + 4 <= n - 2 && n > 2; i += 4) {
        struct str value, hex, coll, name;
        if (!cell(&l->cap, 0, i, &value) || !cell(&l->cap, 0, i + 1, &hex) || !cell(&l->cap, 0, i + 2, &coll) || !cell(&l->cap, 0, i + 3, &name)) return;
        struct str lit = var_literal(&l->e->arena, &l->cap.columns[i], value, hex, coll);
        if (front_set_var(f, name, lit)) continue;
        struct fault fault;
        fault_set(&fault, &l->e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000",
                  "Weir: user variable @%.*s cannot be kept: a session's variables may hold 4 MiB in all; it keeps its old value", STR_ARG(name));
        exec_fail(l->e, &fault);
    }
    if ((flags & PLAN_CALC_FOUND_ROWS) && n >= 2 && cell(&l->cap, 0, n - 2, &v)) (void)!str_to_u64(v, &f->found_rows);
    if ((flags & PLAN_SETS_LAST_INSERT_ID) && n >= 1 && cell(&l->cap, 0, n - 1, &v)) (void)!str_to_u64(v, &f->last_insert_id);
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

static void leg_done(struct lane *l, bool failed)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    uint32_t leg = e->order[l->first + l->at];
    l->sent = false;
    l->at++;
    l->leg_warnings = failed ? 0 : c->follow.warnings;
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
                  infile ? "Weir: LOAD DATA LOCAL is not supported yet; use INSERT" : "Weir: %.*s sent a malformed reply",
                  STR_ARG(conn_where(e->realm, l->source, &e->arena)));
        lane_fail(l, &f);
        return;
    }
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
        c->no_db = front_home(l->e->f, l->source);
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

void lane_reply_done(struct lane *l, bool failed)
{
    struct exec *e = l->e;
    struct front *f = e->f;
    struct conn *c = l->conn;
    note_status(c, failed);
    if (LIKELY(l->phase == LANE_LEG)) {
        if (failed && !(f->status & WIRE_STATUS_AUTOCOMMIT) && c->follow.error != ER_LOCK_DEADLOCK) c->in_trans = true; /* cannot tell: keep it */
        leg_done(l, failed);
        return;
    }
    if (failed && l->phase != LANE_WARNINGS && l->phase != LANE_POST) {
        step_failed(l);
        return;
    }
    switch ((enum lane_phase)l->phase) {
    case LANE_DB: c->db = front_home(f, l->source); break;
    case LANE_SET:
        settings_unref(f->engine, c->applied);
        c->applied = settings_ref(f->settings);
        break;
    case LANE_BEGIN: c->in_trans = true; break;
    case LANE_SAVEPOINTS: lane_advance(l); return; /* the next one */
    case LANE_WARNINGS:
        if (!failed) take_warnings(l);
        lane_advance(l);
        return;
    case LANE_POST:
        if (!failed) take_post(l);
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
            command(l, WIRE_COM_QUERY, STR("SET autocommit=1"));
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
        control_kill(c->realm->snap->control, c->source, c->thread_id, false);
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
        conn_abandon(l->conn);
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
    else if (!exec_keep_text(l->e)) nomem(l);
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
    /* A merge may still hold rows for a client that is slow: it goes on when the client has taken what it was sent. */
    return e->mode != EXEC_MERGE || !e->merge || e->merging_over || e->failed || !e->f->link;
}

void exec_lane_finished(struct exec *e)
{
    if (!all_over(e)) return;
    uint32_t held = 0;
    for (uint32_t i = 0; i < e->nlanes; i++) held += e->lanes[i].phase == LANE_HOLD;
    if (held == 0) {
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
