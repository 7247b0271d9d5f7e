/*
 * stop.c - what ends a statement before its time: KILL, time limits, a client that goes.
 *
 *   client gone, reads outside a transaction    hard: waiting lanes leave the queue, running ones are killed on their server (a side connection), and
 *                                               their connections are closed
 *   KILL QUERY or a time limit, on writes and   soft: KILL QUERY on each server at work; the replies are awaited, so that what was done is known and the
 *   inside transactions                         transaction lives on, as in one MySQL. A server that does not answer within STOP_MS is torn down
 *
 * A commit under way is never stopped half way. The limits of a statement (max_execution_time and MAX_EXECUTION_TIME(n) of MySQL, max_statement_time of MariaDB) are
 * kept here by the clock, whatever the servers know of them; a server of the right kind has its own clock set by the session's settings and may be first.
 */
#include "proxy/exec/lane.h"
#include "proxy/exec/cursor.h"
#include "proxy/exec/load.h"

enum { STOP_MS = 5000, ER_QUERY_TIMEOUT = 3024, ER_STATEMENT_TIMEOUT = 1969 };

static const char over_execution_time[] = "Query execution was interrupted, maximum statement execution time exceeded";
static const char over_statement_time[] = "Query execution was interrupted (max_statement_time exceeded)";

/* ---- limits ---- */

/* The n of a MAX_EXECUTION_TIME(n) in the comment behind SELECT; 0: none. */
static uint64_t hint_ms(const struct sql_scan *s)
{
    if (s->ntoks < 2 || s->toks[0].word != SQL_W_SELECT) return 0;
    uint32_t from = s->toks[0].off + s->toks[0].len, to = s->toks[1].off;
    if (LIKELY(to - from < 5)) return 0;
    struct str gap = str_make(s->text + from, to - from), word = STR("max_execution_time");
    uint64_t n = 0;
    size_t at = str_find(gap, STR("/*+"), 0);
    if (at == SIZE_MAX || str_trim(str_make(gap.ptr, at)).len) return 0;
    while (at < gap.len && !str_starts_nocase(str_make(gap.ptr + at, gap.len - at), word)) at++;
    for (at += word.len; at < gap.len && (gap.ptr[at] == ' ' || gap.ptr[at] == '('); at++) {}
    for (; at < gap.len && gap.ptr[at] >= '0' && gap.ptr[at] <= '9' && n < UINT32_MAX; at++) n = n * 10 + (uint64_t)(gap.ptr[at] - '0');
    return n;
}

void exec_set_limit(struct exec *e)
{
    const struct front *f = e->f;
    const struct plan_info *info = plan_info(e->plan);
    bool select = info->cls == PLAN_READ || info->cls == PLAN_LOCKING;
    uint64_t hint = select ? hint_ms(exec_scan(e)) : 0, select_us = select ? (hint ? hint : f->max_execution_ms) * 1000 : 0;
    e->limit_us = select_us;
    e->limit_code = ER_QUERY_TIMEOUT;
    if (!f->max_statement_us || (select_us && select_us <= f->max_statement_us)) return;
    e->limit_us = f->max_statement_us;
    e->limit_code = ER_STATEMENT_TIMEOUT;
}

/* ---- events from outside ---- */

void exec_client_drained(struct exec *e)
{
    if (e->cur) return;
    if (e->mode == EXEC_MERGE && e->merge) {
        e->lanes_left++;
        merge_pump(e);
        e->lanes_left--;
        exec_lane_finished(e);
        return;
    }
    for (uint32_t i = 0; i < e->nlanes; i++) {
        if (e->lanes[i].conn) link_resume(e->lanes[i].conn->link);
    }
}

/* Every lane ends: waiting ones are taken out of the queue, running ones are killed on their server and their connection closed. */
static void tear_down(struct exec *e)
{
    struct fault f = e->fault;
    e->lanes_left++;
    for (uint32_t i = 0; i < e->nlanes; i++) {
        struct lane *l = &e->lanes[i];
        if (l->phase == LANE_DONE) continue;
        lane_fail(l, &f);
    }
    e->lanes_left--;
}

static void interrupt(struct front *f, uint16_t code, const char *state, const char *message)
{
    struct exec *e = f->exec;
    struct fault fault = {.code = code, .message = str_of(message)};
    memcpy(fault.state, state, 5);
    exec_fail(e, &fault);
    if (!list_empty(&e->wait_node) && !e->waits_catalog && !e->load) {
        list_remove(&e->wait_node);
        e->finishing = true;
        exec_finish(e);
        return;
    }
    if (e->waits_catalog) return; /* all done on the servers; the reply comes in a moment */
    tear_down(e);
    exec_lane_finished(e);
}

void exec_client_gone(struct front *f)
{
    struct exec *e = f->exec;
    if (!e) return;
    struct fault fault = {WIRE_ER_QUERY_INTERRUPTED, "70100", STR("the client closed its connection")};
    f->link = NULL;
    exec_interrupt(f, fault.code, fault.state, fault.message.ptr);
}

/* A lane whose reply must be known: something was written, or a transaction depends on it. */
static bool is_delicate(const struct exec *e, const struct lane *l)
{
    return l->phase == LANE_LEG && l->conn && l->sent && (l->pinned || l->conn->in_trans || e->is_write || e->wrap);
}

/* True: the servers were asked to stop, and their replies end the statement. */
static bool stop_softly(struct exec *e, const struct fault *fault)
{
    bool any = false;
    if (UNLIKELY(e->load)) return load_stop(e, fault, STOP_MS);
    for (uint32_t i = 0; i < e->nlanes; i++) any |= is_delicate(e, &e->lanes[i]);
    if (!any || !e->f->link) return false;
    if (e->stop.code) return true; /* on its way */
    e->stop = *fault;
    e->kill_at_ms = e->f->engine->now_ms + STOP_MS;
    if (e->mode == EXEC_RELAY && !e->reply_begun) e->mode = EXEC_PACKETS; /* the error is to be ours */
    e->lanes_left++;
    for (uint32_t i = 0; i < e->nlanes; i++) {
        struct lane *l = &e->lanes[i];
        if (is_delicate(e, l)) {
            control_kill(l->conn->realm->snap->control, l->source, l->conn->thread_id, false);
            COUNT(e->f->engine, kills_sent);
            l->killed = true;
            link_resume(l->conn->link);
        } else if (l->phase == LANE_WAIT || l->phase == LANE_LEG) {
            lane_fail(l, fault);
        }
    }
    e->lanes_left--;
    exec_lane_finished(e);
    return true;
}

void exec_interrupt(struct front *f, uint16_t code, const char *state, const char *message)
{
    struct exec *e = f->exec;
    if (!e || e->finishing || e->wrap_commit || (e->flags & EXEC_COMMIT)) return; /* a commit under way is not stopped half way */
    struct fault fault = {.code = code, .message = str_of(message)};
    memcpy(fault.state, state, 5);
    if (!stop_softly(e, &fault)) interrupt(f, code, state, message);
}

bool exec_stop(struct front *f, uint16_t code, const char *state, const char *message)
{
    struct exec *e = f->exec;
    if (!e || e->finishing || e->wrap_commit || (e->flags & EXEC_COMMIT)) return true;
    const struct engine *en = f->engine;
    bool load = e->load != NULL, waits = false;
    interrupt(f, code, state, message); /* may end the session, and f with it */
    for (const struct list *n = en->sessions.next; load && n != &en->sessions; n = n->next) {
        if (n == &f->node) waits = f->exec && f->exec->load;
    }
    return !waits;
}

static void id_deadlines(struct engine *en)
{
    for (struct list *n = en->id_waiters.next, *next; n != &en->id_waiters; n = next) {
        struct exec *e = CONTAINER_OF(n, struct exec, wait_node);
        next = n->next;
        if (e->id_deadline_ms > en->now_ms) continue;
        struct ids_stats st;
        uint32_t seq = plan_info(e->plan)->sequence;
        ids_stats(e->realm->snap->control, seq, &st);
        struct fault f;
        const struct conf_sequence *s = &e->realm->conf->sequences[seq];
        fault_set(&f, &e->arena, WIRE_ER_UNKNOWN_ERROR, "HY000", "Weir: no id from sequence %.*s (source %.*s) within %llu ms: %s", STR_ARG(s->name),
                  STR_ARG(e->realm->conf->sources[s->source].name), (unsigned long long)s->wait_ms, st.error[0] ? st.error : "the refill takes too long");
        list_remove(n);
        if (e->load) load_no_id(e, &f);
        else {
            exec_fail(e, &f);
            exec_finish(e);
        }
        next = en->id_waiters.next;
    }
}

/* The cap of the rules, for every statement and cursor. */
static void statement_timeout(struct engine *en, struct front *f)
{
    static const char message[] = "Query execution was interrupted, maximum statement execution time exceeded (statement_timeout of Weir)";
    uint64_t limit = f->realm ? f->realm->conf->weir.statement_timeout_ms : 0;
    if (!limit) return;
    if (f->cursors && !f->exec && cursor_since_us(f) && (en->now_us - cursor_since_us(f)) / 1000 >= limit) cursor_interrupt(f, ER_QUERY_TIMEOUT, "HY000", message);
    else if (f->exec && (en->now_us - f->exec->since_us) / 1000 >= limit) exec_interrupt(f, ER_QUERY_TIMEOUT, "HY000", message);
}

static void check_time(struct engine *en, struct front *f)
{
    struct exec *e = f->exec;
    if (e && !f->link && en->now_ms - e->since_us / 1000 > f->realm->conf->weir.drain_timeout_ms) {
        interrupt(f, WIRE_ER_QUERY_INTERRUPTED, "70100", "the client is gone and the server does not answer");
    } else if (e && e->stop.code && en->now_ms >= e->kill_at_ms) {
        struct fault stop = e->stop;
        interrupt(f, stop.code, stop.state, stop.message.ptr);
    } else if (e && e->limit_us && en->now_us - e->since_us >= e->limit_us) {
        bool statement = e->limit_code == ER_STATEMENT_TIMEOUT;
        exec_interrupt(f, e->limit_code, statement ? "70100" : "HY000", statement ? over_statement_time : over_execution_time);
    } else {
        statement_timeout(en, f);
    }
}

void exec_tick(struct engine *en)
{
    prepared_tick(en);
    id_deadlines(en);
    for (struct list *n = en->sessions.next, *next; n != &en->sessions; n = next) {
        struct front *f = CONTAINER_OF(n, struct front, node);
        next = n->next;
        if (UNLIKELY(f->load) && load_tick(f)) continue;
        check_time(en, f);
    }
}

/* ---- for SHOW PROCESSLIST ---- */

static void put_sources(const struct exec *e, bool waiting, const char *words, struct buf *out)
{
    bool any = false;
    for (uint32_t i = 0; i < e->nlanes; i++) {
        const struct lane *l = &e->lanes[i];
        bool seen = l->phase == LANE_DONE || (l->phase == LANE_WAIT) != waiting;
        for (uint32_t k = 0; k < i && !seen; k++) {
            const struct lane *o = &e->lanes[k];
            seen = o->source == l->source && o->phase != LANE_DONE && (o->phase == LANE_WAIT) == waiting;
        }
        if (seen) continue;
        if (!any) buf_printf(out, "%s%s", out->len ? "; " : "", words);
        buf_printf(out, "%s%.*s", any ? ", " : " ", STR_ARG(e->realm->conf->sources[l->source].name));
        any = true;
    }
}

void exec_where(const struct exec *e, struct buf *out)
{
    if (!e) return;
    if (e->waits_catalog) buf_putz(out, "waiting for the new columns");
    else if (!list_empty(&e->wait_node)) buf_putz(out, "waiting for ids");
    put_sources(e, false, "on", out);
    put_sources(e, true, "waiting for a connection to", out);
}
