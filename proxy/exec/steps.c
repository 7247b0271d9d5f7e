/*
 * steps.c - what a lane says to its server, step by step (see lane.c for their order), and what it reads back of session state.
 *
 * step_X: true when a command went out (its reply comes to lane_reply_done) or the lane failed; false when there was nothing to do.
 */
#include "proxy/exec/cursor.h"
#include "proxy/exec/lane.h"
#include "proxy/exec/load.h"

static struct engine *engine_of(const struct lane *l)
{
    return l->e->f->engine;
}

void lane_no_memory(struct lane *l)
{
    struct fault f;
    fault_set(&f, &l->e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000", "Weir: out of memory");
    lane_fail(l, &f);
}

/* Sends a command of the lane's own; its reply comes to the phase's handler in lane_reply_done. */
bool lane_command(struct lane *l, uint8_t cmd, struct str text)
{
    l->rd = (struct reader){0};
    l->cap = (struct exec_capture){0};
    l->cap_rows = 0;
    if (!text.ptr || !conn_command(l->conn, cmd, text)) lane_no_memory(l);
    return true;
}

/* ---- steps: true when a command went out (or the lane failed) ---- */

/* The database to be selected there: that of the session, or of the prepared statement. */
struct str lane_home(const struct lane *l)
{
    const struct exec *e = l->e;
    if (LIKELY(e->schema != NULL)) return e->schema->databases[l->source];
    return e->prepared ? front_system_schema(e->prepared->schema) : e->f->system_schema;
}

bool step_db(struct lane *l)
{
    struct str want = lane_home(l);
    if (want.len == 0 || (l->e->flags & EXEC_NO_DB)) return false;
    if (LIKELY(l->conn->db.ptr == want.ptr) || str_eq(l->conn->db, want)) return false;
    if (l->conn->db.len == 0 && l->conn->no_db.len && str_eq(l->conn->no_db, want)) return false; /* it has none by that name */
    return lane_command(l, WIRE_COM_INIT_DB, want);
}

bool step_set(struct lane *l)
{
    struct front *f = l->e->f;
    if (LIKELY(l->conn->applied == f->settings) || (l->e->flags & EXEC_NO_SETTINGS)) return false;
    struct buf text = {0};
    settings_diff(l->conn->applied, f->settings, l->conn->mariadb, &text);
    COUNT(engine_of(l), server_syncs);
    bool sent = text.len > 0 || text.failed;
    if (text.failed) lane_no_memory(l);
    else if (sent) lane_command(l, WIRE_COM_QUERY, buf_str(&text));
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

bool step_isolation(struct lane *l)
{
    static const char *const names[] = {"", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    const struct front_txn *t = l->e->f->txn;
    if (LIKELY(!t || !t->isolation) || l->conn->in_trans || (l->e->flags & EXEC_NO_BEGIN)) return false; /* also before a lone statement */
    struct str text = arena_printf(&l->e->arena, "SET TRANSACTION ISOLATION LEVEL %s", names[t->isolation]);
    return lane_command(l, WIRE_COM_QUERY, text);
}

bool step_begin(struct lane *l)
{
    const struct front_txn *t = l->e->f->txn;
    if (!must_join(l)) return false;
    if (UNLIKELY(t && t->locked)) {
        l->autocommit_off = true;
        return lane_command(l, WIRE_COM_QUERY, STR("SET autocommit=0"));
    }
    bool plain = !t || !t->begun;
    struct str text = plain ? STR("START TRANSACTION")
                            : arena_printf(&l->e->arena, "START TRANSACTION%s%s%s", t->snapshot ? " WITH CONSISTENT SNAPSHOT" : "",
                                           t->snapshot && (t->read_only || t->read_write) ? "," : "",
                                           t->read_only ? " READ ONLY" : t->read_write ? " READ WRITE" : "");
    l->saved = 0;
    l->joined = true;
    return lane_command(l, WIRE_COM_QUERY, text);
}

/* A server that joins late learns the savepoints that were set before, so that ROLLBACK TO finds them everywhere. */
bool step_savepoints(struct lane *l)
{
    const struct front_txn *t = l->e->f->txn;
    bool joins = t && (l->joined || (!(l->e->f->status & WIRE_STATUS_AUTOCOMMIT) && !l->conn->in_trans));
    bool replayed = !joins || l->saved >= t->savepoints.len;
    if (UNLIKELY(l->e->wrap_savepoint && replayed && !l->savepoint)) {
        l->savepoint = true;
        return lane_command(l, WIRE_COM_QUERY, STR("SAVEPOINT weir_statement"));
    }
    if (replayed || (l->e->flags & EXEC_NO_BEGIN)) return false;
    struct str name = str_of(t->savepoints.data + l->saved);
    struct buf text = {0};
    l->saved += (uint32_t)name.len + 1;
    buf_putz(&text, "SAVEPOINT ");
    sql_put_name(&text, name, true);
    if (text.failed) lane_no_memory(l);
    else lane_command(l, WIRE_COM_QUERY, buf_str(&text));
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
    const struct sql_scan *s = exec_scan(e);
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

bool step_vars(struct lane *l)
{
    if (LIKELY(!(lane_plan_flags(l) & (PLAN_READS_USERVARS | PLAN_WRITES_USERVARS))) || l->e->describing) return false;
    struct buf text = {0};
    each_var(l, &text, put_var_set);
    bool any = text.len > 0 || text.failed;
    if (text.failed) lane_no_memory(l);
    else if (any) lane_command(l, WIRE_COM_QUERY, buf_str(&text));
    buf_release(&text);
    return any;
}

bool step_runs_a_leg(const struct lane *l)
{
    return l->at < l->n && (!l->e->failed || (l->e->flags & EXEC_KEEP_GOING) || l->sent);
}

/* ---- prepared statements ---- */

static bool send_prepare(struct lane *l)
{
    struct buf *out = &engine_of(l)->out; /* the leg's text, written by step_prepare */
    struct buf packet = {0};
    uint8_t seq = 0;
    size_t at = wire_begin(&packet);
    buf_put_u8(&packet, WIRE_COM_STMT_PREPARE);
    buf_put_str(&packet, buf_str(out));
    wire_end(&packet, at, &seq);
    l->rd = (struct reader){0};
    COUNT(engine_of(l), server_prepares);
    if (packet.failed) lane_no_memory(l);
    else conn_send(l->conn, packet.data, packet.len, WIRE_FOLLOW_PREPARE);
    buf_release(&packet);
    return true;
}

static void put_leg_prepared(struct lane *l, struct buf *out)
{
    struct exec *e = l->e;
    struct plan_facts facts;
    exec_facts(e, &facts);
    l->slots = (struct plan_slots){0};
    plan_render_prepared(&e->bound, exec_scan(e), &e->bound.legs[e->order[l->first + l->at]], &facts, &e->arena, &l->slots, out);
}

bool step_prepare(struct lane *l)
{
    struct exec *e = l->e;
    if (LIKELY(!e->prepared) || !step_runs_a_leg(l)) return false;
    struct buf *out = &e->f->engine->out;
    buf_reset(out);
    put_leg_prepared(l, out);
    if (out->failed) {
        lane_no_memory(l);
        return true;
    }
    l->stmt_hash = conn_stmt_hash(buf_str(out));
    l->stmt_id = conn_stmt_find(l->conn, l->stmt_hash, buf_str(out));
    if (LIKELY(l->stmt_id && !e->describing && !e->cur)) return false;
    return send_prepare(l);
}

/* COM_STMT_PREPARE was answered: the statement is this connection's from now on. */
bool step_keep_prepared(struct lane *l)
{
    struct exec *e = l->e;
    struct buf *out = &e->f->engine->out;
    if (e->cur) return true; /* the cursor's alone */
    buf_reset(out);
    put_leg_prepared(l, out);
    if (out->failed) return false;
    if (conn_stmt_find(l->conn, l->stmt_hash, buf_str(out))) { /* described anew */
        conn_stmt_close(l->conn, l->stmt_id);
        return true;
    }
    return conn_stmt_add(l->conn, l->stmt_hash, buf_str(out), l->stmt_id, (uint32_t)e->realm->conf->weir.max_server_prepared);
}

static struct wire_param slot_number(struct lane *l, uint64_t number, bool is_unsigned)
{
    struct wire_param p = {.type = (uint16_t)(WIRE_TYPE_LONGLONG | (is_unsigned ? WIRE_PARAM_UNSIGNED : 0))};
    uint8_t *bytes = arena_alloc(&l->e->arena, 8);
    for (int i = 0; bytes && i < 8; i++) bytes[i] = (uint8_t)(number >> (8 * i));
    p.value = str_make(bytes, bytes ? 8 : 0);
    return p;
}

/* What the leg's own `?` are bound to. NULL: no memory. */
static const struct wire_param *leg_params(struct lane *l)
{
    struct exec *e = l->e;
    bool same = l->slots.n == e->nparams;
    for (uint32_t i = 0; same && i < l->slots.n; i++) same = l->slots.at[i].kind == PLAN_SLOT_PARAM && l->slots.at[i].param == i;
    if (LIKELY(same)) return e->params;
    struct wire_param *p = arena_array(&e->arena, struct wire_param, l->slots.n + 1);
    for (uint32_t i = 0; p && i < l->slots.n; i++) {
        const struct plan_slot *s = &l->slots.at[i];
        switch ((enum plan_slot_kind)s->kind) {
        case PLAN_SLOT_PARAM: p[i] = e->params[s->param]; break;
        case PLAN_SLOT_NUMBER: p[i] = slot_number(l, s->number, true); break;
        case PLAN_SLOT_SIGNED: p[i] = slot_number(l, s->number, false); break;
        case PLAN_SLOT_TEXT: p[i] = (struct wire_param){.type = WIRE_TYPE_VAR_STRING, .null = !s->text.ptr, .value = s->text}; break;
        }
        if (!p[i].null && !p[i].value.ptr) return NULL;
    }
    return p;
}

static void put_execute(struct lane *l, struct buf *out, uint8_t *seq)
{
    const struct exec *e = l->e;
    const struct wire_param *params = leg_params(l);
    if (l->slots.n && !params) out->failed = true;
    else wire_put_execute(out, seq, l->stmt_id, e->cur ? WIRE_CURSOR_READ_ONLY : WIRE_CURSOR_NONE, params, (uint16_t)l->slots.n);
}

bool step_leg(struct lane *l)
{
    struct exec *e = l->e;
    if (UNLIKELY(e->load) && step_runs_a_leg(l) && load_parks(l)) return true;
    if (!step_runs_a_leg(l)) return false;
    if (e->describing) return false;
    struct buf *out = &e->f->engine->out;
    buf_reset(out);
    uint8_t seq = 0;
    if (e->prepared) {
        put_execute(l, out, &seq);
    } else {
        size_t at = wire_begin(out);
        buf_put_u8(out, WIRE_COM_QUERY);
        lane_put_leg(l, out);
        wire_end(out, at, &seq);
    }
    if (out->failed) {
        lane_no_memory(l);
        return true;
    }
    l->rd = (struct reader){0};
    l->cap = (struct exec_capture){0};
    l->cap_rows = 0;
    l->sent = true;
    bool same_end = !((l->conn->capabilities ^ e->f->capabilities) & WIRE_CAP_DEPRECATE_EOF);
    if (UNLIKELY(!same_end && e->mode == EXEC_RELAY)) e->mode = EXEC_PACKETS; /* an old server: EOF packets must be left out or made */
    conn_send(l->conn, out->data, out->len, e->cur ? WIRE_FOLLOW_EXECUTE : WIRE_FOLLOW_QUERY);
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
    if (UNLIKELY(e->load) && load_put_leg(l, out)) return;
    struct plan_facts facts;
    exec_facts(e, &facts);
    if (!exec_rescan(e)) out->failed = true;
    else plan_render(&e->bound, exec_scan(e), &e->bound.legs[leg], &facts, out);
}

bool step_warnings(struct lane *l)
{
    if (LIKELY(l->leg_warnings == 0) || l->e->describing || l->e->mode == EXEC_CAPTURE || l->failed) return false;
    l->leg_warnings = 0;
    return lane_command(l, WIRE_COM_QUERY, STR("SHOW WARNINGS"));
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

bool step_post(struct lane *l)
{
    uint32_t flags = lane_plan_flags(l);
    if (LIKELY(!(flags & (PLAN_WRITES_USERVARS | PLAN_SETS_LAST_INSERT_ID | PLAN_CALC_FOUND_ROWS))) || l->failed || l->e->describing) return false;
    if (UNLIKELY(l->e->load) && !load_posts(l)) return false;
    struct buf text = {0};
    if (flags & PLAN_WRITES_USERVARS) each_var(l, &text, put_var_read);
    if (!text.len) buf_putz(&text, "SELECT ");
    buf_putz(&text, flags & PLAN_CALC_FOUND_ROWS ? "FOUND_ROWS()," : "0,");
    buf_putz(&text, flags & PLAN_SETS_LAST_INSERT_ID ? "LAST_INSERT_ID()" : "0");
    if (text.failed) lane_no_memory(l);
    else lane_command(l, WIRE_COM_QUERY, buf_str(&text));
    buf_release(&text);
    return true;
}

bool step_end(struct lane *l)
{
    if (l->e->wrap_savepoint)
        return lane_command(l, WIRE_COM_QUERY, l->e->wrap_commit ? STR("RELEASE SAVEPOINT weir_statement") : STR("ROLLBACK TO SAVEPOINT weir_statement"));
    return lane_command(l, WIRE_COM_QUERY, l->e->wrap_commit ? STR("COMMIT") : STR("ROLLBACK"));
}

/* ---- read back ---- */

static bool cell(const struct exec_capture *c, uint32_t row, uint32_t col, struct str *out)
{
    if (row >= c->nrows || col >= c->ncolumns) return false;
    *out = c->fields[(size_t)row * c->ncolumns + col];
    return true;
}

void step_take_warnings(struct lane *l)
{
    struct front *f = l->e->f;
    for (uint32_t i = 0; i < l->cap.nrows; i++) {
        struct str level, code, text;
        uint64_t n = 0;
        if (!cell(&l->cap, i, 0, &level) || !cell(&l->cap, i, 1, &code) || !cell(&l->cap, i, 2, &text) || !str_to_u64(code, &n)) continue;
        struct buf logical = {0};
        router_logical_text(l->e->realm->snap->router, l->source, text, &logical);
        uint8_t lv = str_eq(level, STR("Error")) ? 2 : str_eq(level, STR("Warning")) ? 1 : 0;
        if (UNLIKELY(l->e->load)) load_message(l, lv, (uint16_t)n, buf_str(&logical));
        else front_add_message(f, lv, (uint16_t)n, buf_str(&logical));
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

void step_take_post(struct lane *l)
{
    struct front *f = l->e->f;
    uint32_t flags = lane_plan_flags(l), n = l->cap.ncolumns;
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
