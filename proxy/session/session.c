/*
 * session.c - the life of a client: bytes to packets to commands, one command at a time.
 *
 *   on_bytes -> session_pump: { packet complete and READY? -> login_packet | command_dispatch } until nothing is left or BUSY
 *   front done -> session_done -> READY -> session_pump (unless the pump is already on the stack: it loops)
 *
 * What cannot be used yet stays in `in`, which is freed when it is empty, so that an idle session costs little.
 */
#include "proxy/exec/load.h"
#include "proxy/session/session.h"
#include "proxy/session/views.h"

#include <errno.h>

enum { IN_SLACK = 64 << 10 };

void session_set_state(struct session *s, enum session_state st)
{
    s->state = (uint8_t)st;
    s->since_ms = s->f.engine->now_ms;
}

static void front_done(struct front *f)
{
    session_done(session_of(f));
}

static const struct front_ops ops = {front_done, login_may_run, local_commit_first, track_update, metadata_feed};

static void session_free(struct session *s)
{
    struct engine *e = s->f.engine;
    list_remove(&s->f.node);
    e->nsessions--;
    if (s->f.realm) login_count(s, -1);
    stmt_drop_all(s);
    if (s->scope) limits_scope_end(s);
    if (s->listing) views_listed(s, NULL);
    front_release(&s->f);
    buf_release(&s->in);
    buf_release(&s->many);
    login_release(s);
    track_free(s);
    metadata_free(s);
    mem_free((void *)(uintptr_t)s->f.user_text.ptr);
    mem_free(s);
}

struct session *session_new(struct engine *e, struct link *l, uint32_t id, const char *host, const uint8_t *address)
{
    struct session *s = mem_zalloc(sizeof *s);
    if (!s) return NULL;
    s->f.ops = &ops;
    s->f.engine = e;
    s->f.realm = e->realm;
    realm_ref(e->realm);
    s->f.link = l;
    s->f.id = id;
    s->f.status = WIRE_STATUS_AUTOCOMMIT;
    s->f.settings = settings_ref(e->no_settings);
    size_t n = strlen(host);
    memcpy(s->host, host, n < sizeof s->host ? n : sizeof s->host - 1);
    s->has_address = address != NULL;
    if (address) memcpy(s->address, address, sizeof s->address);
    list_append(&e->sessions, &s->f.node);
    e->nsessions++;
    l->owner = s;
    l->handler = &session_handler;
    session_set_state(s, SESSION_GREETED);
    s->pumping = true; /* a failure in the greeting must not free it under our feet */
    login_greet(s);
    s->pumping = false;
    if (s->state != SESSION_CLOSED && !s->f.broken) return s;
    s->f.link = NULL; /* the caller's again */
    l->owner = NULL;
    session_free(s);
    return NULL;
}

/* The link goes now; the rest goes when the running statement has been stopped. */
void session_close(struct session *s, bool flush)
{
    struct link *l = s->f.link;
    if (l) {
        l->owner = NULL;
        s->f.link = NULL;
        link_close(l, flush);
    }
    session_set_state(s, SESSION_CLOSED);
    if (s->f.exec) {
        exec_client_gone(&s->f); /* ends in session_done */
        return;
    }
    if (!s->pumping) session_free(s);
}

void session_done(struct session *s)
{
    if (UNLIKELY(s->f.transcode)) stmt_local_done(s);
    if (UNLIKELY(s->scope != NULL)) limits_scope_end(s);
    if (s->state == SESSION_CLOSED) {
        if (!s->pumping) session_free(s);
        return;
    }
    session_set_state(s, SESSION_READY);
    if (UNLIKELY(s->killed)) session_close(s, true);
    else if (UNLIKELY(s->f.broken)) session_close(s, false);
    else if (!s->pumping) session_pump(s);
}

/* ---- packets ---- */

/* The next whole packet of `cur`, joined when it was split at 16 MB. 1: there; 0: not yet; -1: answered with an error and closing. */
static int next_packet(struct session *s, struct str *payload, uint8_t *seq)
{
    uint64_t max = s->f.realm->conf->weir.max_packet;
    size_t at = 0, total = 0;
    uint32_t parts = 0;
    for (;;) {
        if (s->ncur - at < WIRE_HEADER) return 0;
        uint32_t n = wire_u24(s->cur + at);
        *seq = (uint8_t)s->cur[at + 3];
        if (UNLIKELY(s->state == SESSION_READY && *seq != (uint8_t)parts)) {
            s->f.seq = (uint8_t)(*seq + 1);
            front_err(&s->f, 1156 /* ER_NET_PACKETS_OUT_OF_ORDER */, "08S01", STR("Got packets out of order"));
            session_close(s, true);
            return -1;
        }
        total += n;
        parts++;
        if (total > max || (s->state < SESSION_READY && total > 1 << 20)) {
            s->f.seq = (uint8_t)(*seq + 1);
            front_err(&s->f, WIRE_ER_NET_PACKET_TOO_LARGE, "08S01", STR("Got a packet bigger than 'max_allowed_packet' bytes (max_packet in Weir's rules)"));
            session_close(s, true);
            return -1;
        }
        if (s->ncur - at - WIRE_HEADER < n) return 0;
        at += WIRE_HEADER + n;
        if (n < WIRE_MAX_PAYLOAD) break;
    }
    if (parts == 1) {
        *payload = str_make(s->cur + WIRE_HEADER, total);
    } else { /* only of our own buffer: such a packet never fits a chunk */
        char *to = (char *)(uintptr_t)s->cur + WIRE_HEADER;
        const char *from = to;
        size_t left = total;
        while (left) {
            size_t n = left < WIRE_MAX_PAYLOAD ? left : WIRE_MAX_PAYLOAD;
            memmove(to, from, n);
            to += n;
            from += n + WIRE_HEADER;
            left -= n;
        }
        *payload = str_make(s->cur + WIRE_HEADER, total);
    }
    s->cur += at;
    s->ncur -= at;
    return 1;
}

static void run_next_of_many(struct session *s)
{
    struct str rest = str_make(s->many.data + s->many_at, s->many.len - s->many_at);
    session_set_state(s, SESSION_BUSY);
    session_query(s, rest);
}

/* A session that holds nothing of an older configuration moves to the newest. */
static void move_realm(struct session *s)
{
    struct front *f = &s->f;
    struct realm *now = f->engine->realm;
    if (f->txn && f->txn->npinned) return;
    const struct conf_user *u = conf_user(now->conf, f->account);
    const struct conf_schema *schema = f->schema ? conf_schema(now->conf, f->schema->name) : NULL;
    if (!u || (f->schema && !schema)) {
        front_err(f, u ? WIRE_ER_BAD_DB_ERROR : WIRE_ER_ACCESS_DENIED_ERROR, u ? "42000" : "28000",
                  STR("Weir: the rules were reloaded and this session's user or schema is no longer in them"));
        session_close(s, true);
        return;
    }
    login_count(s, -1);
    realm_ref(now);
    realm_unref(f->realm);
    f->realm = now;
    f->schema = schema;
    s->user = u;
    login_count(s, 1);
    stmt_renew_all(s);
}

/* One step; false: nothing can be done now. */
static bool pump_once(struct session *s)
{
    struct str payload;
    uint8_t seq;
    if (s->state == SESSION_BUSY || s->state == SESSION_CLOSED) return false;
    if (UNLIKELY(s->state == SESSION_DELAYED)) {
        if (!login_is_due(s)) return false;
        login_resume(s);
        if (s->f.broken && s->state != SESSION_CLOSED) session_close(s, false);
        return true;
    }
    if (s->state == SESSION_READY && s->many.len) {
        if (s->f.more_results) {
            run_next_of_many(s);
            return true;
        }
        buf_release(&s->many);
    }
    if (s->closing && s->state == SESSION_READY && !front_in_txn(&s->f)) {
        session_close(s, true);
        return false;
    }
    int got = next_packet(s, &payload, &seq);
    if (got <= 0) return false;
    if (s->state != SESSION_READY) {
        login_packet(s, payload, seq);
        if (s->f.broken && s->state != SESSION_CLOSED) session_close(s, false);
        return true;
    }
    s->f.seq = (uint8_t)(seq + 1);
    if (UNLIKELY(s->f.realm != s->f.engine->realm)) {
        move_realm(s);
        if (s->state == SESSION_CLOSED) return false;
    }
    session_set_state(s, SESSION_BUSY);
    link_new_command(s->f.link);
    command_dispatch(s, payload);
    return true;
}

static void keep_rest(struct session *s, bool from_in)
{
    if (from_in) {
        size_t used = (size_t)(s->cur - s->in.data);
        if (s->ncur == 0) buf_release(&s->in);
        else if (used) buf_consume(&s->in, used);
    } else if (s->ncur) {
        buf_put(&s->in, s->cur, s->ncur);
    }
    s->cur = NULL;
    s->ncur = 0;
}

static void pump(struct session *s, bool from_in)
{
    s->pumping = true;
    while (pump_once(s)) {}
    s->pumping = false;
    if (s->state == SESSION_CLOSED) {
        if (!s->f.exec) session_free(s);
        return;
    }
    keep_rest(s, from_in);
    if (s->in.failed) {
        session_close(s, false);
        return;
    }
    if (s->f.link && (s->state == SESSION_BUSY || s->state == SESSION_DELAYED) && s->in.len > IN_SLACK) link_pause(s->f.link);
    else if (s->f.link) link_resume(s->f.link);
}

void session_pump(struct session *s)
{
    s->cur = s->in.data;
    s->ncur = s->in.len;
    pump(s, true);
}

/* A file that LOAD DATA LOCAL asked for. */
static void file_bytes(struct session *s, const char *p, size_t n)
{
    s->pumping = true; /* the statement may end, and must not free the session under our feet */
    size_t used = load_client_bytes(&s->f, p, n);
    s->pumping = false;
    if (used == SIZE_MAX) {
        front_err(&s->f, 1156 /* ER_NET_PACKETS_OUT_OF_ORDER */, "08S01", STR("Got packets out of order"));
        session_close(s, true);
        return;
    }
    buf_put(&s->in, p + used, n - used);
    if (s->state != SESSION_BUSY) session_pump(s);
}

static void on_bytes(struct link *l, const char *p, size_t n)
{
    struct session *s = l->owner;
    if (!s) return;
    COUNT_ADD(s->f.engine, bytes_from_clients, n);
    if (UNLIKELY(s->f.load) && load_wants(&s->f)) {
        file_bytes(s, p, n);
        return;
    }
    if (LIKELY(s->in.len == 0 && s->state != SESSION_BUSY)) {
        s->cur = p;
        s->ncur = n;
        if (UNLIKELY(n >= WIRE_HEADER && wire_u24(p) == WIRE_MAX_PAYLOAD)) { /* will be joined in place: needs our own buffer */
            buf_put(&s->in, p, n);
            session_pump(s);
            return;
        }
        pump(s, false);
        return;
    }
    if (s->in.len == 0) s->in.max = s->f.realm->conf->weir.max_packet + (1 << 20);
    buf_put(&s->in, p, n);
    if (s->state != SESSION_BUSY) session_pump(s);
    else if (s->in.len > IN_SLACK) link_pause(l);
}

static void on_drained(struct link *l)
{
    struct session *s = l->owner;
    if (s && s->f.exec) exec_client_drained(s->f.exec);
    else if (s && s->f.cursors) cursor_drained(&s->f);
}

static void on_closed(struct link *l, int error)
{
    struct session *s = l->owner;
    if (!s) return;
    if (error == EPROTO && l->why) engine_log(s->f.engine, CONF_LOG_WARN, "session %u: client %s: %s", s->f.id, s->host, l->why);
    session_close(s, false);
}

const struct link_handler session_handler = {on_bytes, on_drained, on_closed, NULL};

/* ---- statements ---- */

/* The statement in engine->scan. */
static void run_scanned(struct session *s, struct str text)
{
    struct plan *p = NULL;
    struct sql_scan *scan = &s->f.engine->scan;
    struct buf own = {0};
    if (UNLIKELY(limits_is_set_statement(scan))) {
        limits_set_statement(s);
        return;
    }
    if (UNLIKELY(sysvars_rewrite(s, &own)) && sql_scan(scan, own.data, own.len, 0, &s->f.opt) == SQL_OK) text = buf_str(&own);
    if (exec_statement(&s->f, text, false, &p) != EXEC_STARTED) {
        COUNT(s->f.engine, statements_local);
        local_statement(s, p, text);
        plan_unref(p);
    }
    buf_release(&own);
}

/* One statement of `text` (the rest, when there are several, is kept). */
void session_query(struct session *s, struct str text)
{
    struct front *f = &s->f;
    struct engine *e = f->engine;
    struct sql_scan *scan = &e->scan;
    bool many = s->many.len > 0;
    COUNT(e, statements);
    if (sql_scan(scan, text.ptr, text.len, 0, &f->opt) != SQL_OK) {
        front_err(f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: the statement has too many tokens, or memory is out"));
        session_done(s);
        return;
    }
    bool more = scan->seen & SQL_SEEN_MORE;
    if (UNLIKELY(more && !s->multi_statements)) {
        struct str rest = str_trim(str_make(text.ptr + scan->next, text.len - scan->next));
        struct str msg = arena_printf(&e->arena, "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the "
                                      "right syntax to use near '%.*s' at line 1", (int)(rest.len > 80 ? 80 : rest.len), rest.ptr);
        front_err(f, WIRE_ER_PARSE_ERROR, "42000", msg);
        session_done(s);
        return;
    }
    if (UNLIKELY(more && !many)) {
        buf_put(&s->many, text.ptr, text.len);
        s->many_at = 0;
        if (s->many.failed) {
            front_err(f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
            session_done(s);
            return;
        }
        text.ptr = scan->text = s->many.data;
        many = true;
    }
    if (many) s->many_at = (size_t)(text.ptr - s->many.data) + scan->next;
    f->more_results = more;
    text.len = scan->len;
    if (LIKELY(!f->messages && !f->warnings)) {
    } else if (!(scan->ntoks && scan->toks[0].word == SQL_W_SHOW) && !(scan->seen & SQL_SEEN_SYSVAR)) {
        front_clear_messages(f); /* each statement starts a new list; SHOW WARNINGS and @@warning_count read the old one */
    }
    run_scanned(s, text);
}

void session_run(struct session *s, struct str text)
{
    struct front *f = &s->f;
    if (sql_scan(&f->engine->scan, text.ptr, text.len, 0, &f->opt) == SQL_OK) {
        run_scanned(s, text);
        return;
    }
    front_err(f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: the statement has too many tokens, or memory is out"));
    session_done(s);
}

/* ---- time and shutdown ---- */

void session_tick(struct engine *e)
{
    for (struct list *n = e->sessions.next, *next; n != &e->sessions; n = next) {
        struct session *s = session_of(CONTAINER_OF(n, struct front, node));
        next = n->next;
        if (s->state == SESSION_DELAYED) {
            if (login_is_due(s)) session_pump(s);
            continue;
        }
        limits_tick(s, e->now_ms);
    }
}

void session_kill(struct session *s, bool connection)
{
    if (connection && s->f.exec) { /* the error first, then the end */
        s->killed = true;
        if (!exec_stop(&s->f, WIRE_ER_QUERY_INTERRUPTED, "70100", "Query execution was interrupted")) session_close(s, false);
    } else if (connection) session_close(s, true);
    else if (!s->f.exec && s->f.cursors) cursor_interrupt(&s->f, WIRE_ER_QUERY_INTERRUPTED, "70100", "Query execution was interrupted");
    else if (s->f.exec) exec_interrupt(&s->f, WIRE_ER_QUERY_INTERRUPTED, "70100", "Query execution was interrupted");
}

void session_killed(struct session *s, uint32_t id, enum kill_answer answer)
{
    if (!s->waits_kill) return;
    s->waits_kill = false;
    s->f.warnings = 0;
    if (answer == KILL_DONE) front_ok(&s->f, 0, 0, STR_NULL);
    else if (answer == KILL_DENIED) front_err(&s->f, 1095, "HY000", arena_printf(&s->f.engine->arena, "You are not owner of thread %u", id));
    else front_err(&s->f, WIRE_ER_NO_SUCH_THREAD, "HY000", arena_printf(&s->f.engine->arena, "Unknown thread id: %u", id));
    session_done(s);
}

void session_drain(struct engine *e, bool now)
{
    for (struct list *n = e->sessions.next, *next; n != &e->sessions; n = next) {
        struct session *s = session_of(CONTAINER_OF(n, struct front, node));
        next = n->next;
        s->closing = true;
        bool idle = s->state < SESSION_READY || (s->state == SESSION_READY && !front_in_txn(&s->f));
        if (!now && !idle) continue;
        if (now && s->f.link && s->state >= SESSION_READY) {
            s->f.seq = s->f.exec ? s->f.seq : 0;
            if (!s->f.exec) front_err(&s->f, WIRE_ER_SERVER_SHUTDOWN, "08S01", STR("Server shutdown in progress"));
        }
        session_close(s, true);
    }
}

void session_reset(struct session *s)
{
    struct front *f = &s->f;
    stmt_drop_all(s);
    front_txn_drop(f);
    front_clear_messages(f);
    front_drop_vars(f);
    limits_reset(s);
    track_free(s);
    settings_unref(f->engine, f->settings);
    f->settings = settings_ref(f->engine->no_settings);
    f->status = WIRE_STATUS_AUTOCOMMIT;
    f->last_insert_id = f->found_rows = 0;
    f->row_count = 0;
    front_refresh_options(f);
}
