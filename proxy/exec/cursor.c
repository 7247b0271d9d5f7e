/* cursor.c - see cursor.h. */
#include "proxy/exec/cursor.h"

/* Rows asked for at once: few until their size is known, for all of a batch lies in memory. */
enum { FIRST_BATCH = 4, BATCH_GROWS = 8, MAX_BATCH = 4096, BATCH_BYTES = 256 << 10 };

/* The client has its answer, and a leg that was asked in vain has not answered yet: the next command waits for it. */
enum fetch_end { FETCH_ON, FETCH_ENDS, FETCH_ENDS_CURSOR };

struct cursor_leg {
    struct list node; /* conn->cursors while the server's cursor is open */
    struct cursor *cur;
    struct conn *c;
    uint32_t leg, id, batch;
    bool opened, busy, ended;
    uint64_t bytes;   /* of the reply under way */
};
struct cursor {
    struct cursor *next;
    struct front *f;
    struct realm *realm;
    struct plan *plan; /* holds what the merge refers to */
    struct merge *merge;
    struct arena arena;
    uint32_t statement, nlegs;
    bool fetching, listed;
    uint8_t ending; /* enum fetch_end */
    uint64_t left, since_us;
    struct cursor_leg legs[];
};

static const struct conn_user fetch_user;

struct cursor *cursor_new(struct front *f, struct plan *p, uint32_t statement, uint32_t nlegs)
{
    struct cursor *cur = mem_zalloc(sizeof *cur + sizeof(struct cursor_leg) * nlegs);
    if (!cur) return NULL;
    cur->f = f;
    cur->realm = f->realm;
    realm_ref(cur->realm);
    cur->plan = plan_ref(p);
    cur->statement = statement;
    cur->nlegs = nlegs;
    for (uint32_t i = 0; i < nlegs; i++) {
        list_init(&cur->legs[i].node);
        cur->legs[i].cur = cur;
        cur->legs[i].leg = i;
        cur->legs[i].batch = FIRST_BATCH;
        cur->legs[i].ended = true;
    }
    return cur;
}

void cursor_add_leg(struct cursor *cur, uint32_t leg, struct conn *c, uint32_t id)
{
    struct cursor_leg *l = &cur->legs[leg];
    l->c = c;
    l->id = id;
    l->opened = true;
    l->ended = false;
    list_append(&c->cursors, &l->node);
}

void cursor_open(struct cursor *cur, struct merge *m)
{
    cur->merge = m;
    cur->listed = true;
    cur->next = cur->f->cursors;
    cur->f->cursors = cur;
}

static bool is_lost(const struct cursor_leg *l)
{
    return l->opened && list_empty(&l->node);
}

/* The connection is its holder's again: the transaction's, or the pool's when no cursor is left on it. */
static void release_conn(struct front *f, struct conn *c)
{
    if (front_pinned(f, c->source) == c) {
        if (!front_pin(f, c)) conn_discard(c);
        return;
    }
    if (UNLIKELY(c->in_trans && list_empty(&c->cursors))) conn_discard(c); /* one that the session does not know of: closing rolls it back */
    else pool_return(c); /* parks it while cursors are open */
}

/* From the connection's side this leg is no more. */
static void close_leg(struct cursor *cur, struct cursor_leg *l)
{
    struct conn *c = l->c;
    if (!l->opened || is_lost(l)) return;
    list_remove(&l->node);
    l->opened = false;
    if (l->busy) { /* its answer is under way: nothing else can be said on that connection */
        l->busy = false;
        if (front_pinned(cur->f, c->source) == c) {
            front_unpin(cur->f, c);
            cur->f->txn->lost = true;
            memcpy(cur->f->txn->lost_why, "a fetch from its cursor was ended", 34);
        }
        control_kill(c->realm->snap->control, c->source, c->thread_id, false);
        COUNT(cur->f->engine, kills_sent);
        c->user = NULL;
        conn_discard(c);
        return;
    }
    conn_stmt_close(c, l->id);
    if (list_empty(&c->cursors)) release_conn(cur->f, c);
}

void cursor_free(struct cursor *cur)
{
    struct realm *r = cur->realm;
    for (uint32_t i = 0; i < cur->nlegs; i++) close_leg(cur, &cur->legs[i]);
    if (cur->merge) merge_free(cur->merge);
    arena_release(&cur->arena);
    plan_unref(cur->plan);
    mem_free(cur);
    realm_unref(r);
}

static struct cursor *find(struct front *f, uint32_t statement)
{
    struct cursor *c = f->cursors;
    while (c && c->statement != statement) c = c->next;
    return c;
}

static void unlist(struct cursor *cur)
{
    struct cursor **at = &cur->f->cursors;
    while (*at != cur) at = &(*at)->next;
    *at = cur->next;
    cur->listed = false;
}

void cursor_close(struct front *f, uint32_t statement)
{
    struct cursor *cur = statement ? find(f, statement) : NULL;
    if (!cur) return;
    unlist(cur);
    cursor_free(cur);
}

void cursor_close_all(struct front *f)
{
    while (f->cursors) cursor_close(f, f->cursors->statement);
}

/* ---- FETCH ---- */

static struct cursor *fetching(const struct front *f)
{
    struct cursor *c = f->cursors;
    while (c && !c->fetching) c = c->next;
    return c;
}

uint64_t cursor_since_us(const struct front *f)
{
    const struct cursor *c = fetching(f);
    return c ? c->since_us : 0;
}

static bool any_busy(const struct cursor *cur)
{
    bool busy = false;
    for (uint32_t i = 0; i < cur->nlegs; i++) busy |= cur->legs[i].busy;
    return busy;
}

static void end_fetch(struct cursor *cur, bool close)
{
    struct front *f = cur->f;
    cur->fetching = false;
    cur->ending = FETCH_ON;
    arena_reset(&cur->arena);
    if (close) {
        unlist(cur);
        cursor_free(cur);
    }
    f->ops->done(f);
}

/* The reply is written. No other command may find a connection in the middle of an answer. */
static void answered(struct cursor *cur, bool close)
{
    if (LIKELY(!any_busy(cur))) end_fetch(cur, close);
    else cur->ending = close ? FETCH_ENDS_CURSOR : FETCH_ENDS;
}

static void fail(struct cursor *cur, const struct fault *fault)
{
    if (cur->f->link && !cur->ending) front_fault(cur->f, fault);
    end_fetch(cur, true);
}

static void fail_lost(struct cursor *cur)
{
    struct fault f;
    struct arena *a = &cur->f->engine->arena;
    fault_set(&f, a, 1430, "HY000", "Weir: the connection under this cursor is gone (the server closed it, or its transaction was ended); execute the statement again");
    fail(cur, &f);
}

static void ask(struct cursor *cur, struct cursor_leg *l)
{
    struct conn *c = l->c;
    uint64_t n = l->batch;
    if (cur->nlegs == 1 && cur->left < n) n = cur->left; /* alone: no more than the client wants */
    if (n == 0) n = 1;
    uint32_t values[2] = {l->id, (uint32_t)n};
    char packet[WIRE_HEADER + 9] = {9, 0, 0, 0, WIRE_COM_STMT_FETCH};
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < 4; i++) packet[WIRE_HEADER + 1 + v * 4 + i] = (char)(values[v] >> (8 * i) & 0xff);
    }
    l->busy = true;
    l->bytes = 0;
    c->user = &fetch_user;
    c->ctx = l;
    conn_send(c, packet, sizeof packet, WIRE_FOLLOW_FETCH);
}

static bool conn_is_busy(const struct cursor *cur, const struct conn *c)
{
    for (uint32_t i = 0; i < cur->nlegs; i++) {
        if (cur->legs[i].busy && cur->legs[i].c == c) return true;
    }
    return false;
}

/* Asks every leg that the merge waits for. False: one of them is lost. */
static bool ask_needed(struct cursor *cur)
{
    for (uint32_t i = 0; i < cur->nlegs; i++) {
        struct cursor_leg *l = &cur->legs[i];
        if (l->busy || l->ended || !merge_needs(cur->merge, i)) continue;
        if (is_lost(l)) {
            fail_lost(cur);
            return false;
        }
        if (!conn_is_busy(cur, l->c)) ask(cur, l);
    }
    return true;
}

static void pump(struct cursor *cur)
{
    struct front *f = cur->f;
    struct buf *out = &f->engine->out;
    struct fault fault;
    if (cur->ending) {
        if (!any_busy(cur)) end_fetch(cur, cur->ending == FETCH_ENDS_CURSOR);
        return;
    }
    if (f->link && f->link->pending > LINK_HIGH) return; /* goes on when the client has taken it */
    buf_reset(out);
    uint64_t before = merge_rows_out(cur->merge);
    merge_set_status(cur->merge, front_status(f));
    enum merge_state st = merge_run_rows(cur->merge, out, &f->seq, cur->left, &cur->arena, &fault);
    uint64_t rows = merge_rows_out(cur->merge) - before;
    cur->left -= rows < cur->left ? rows : cur->left;
    if (out->len) front_send(f, out->data, out->len);
    switch (st) {
    case MERGE_NEED: (void)ask_needed(cur); return;
    case MERGE_FULL: answered(cur, false); return;
    case MERGE_ENOUGH:
    case MERGE_DONE: answered(cur, true); return;
    case MERGE_FAULT: fail(cur, &fault); return;
    }
}

bool cursor_fetch(struct front *f, uint32_t statement, uint32_t rows)
{
    struct cursor *cur = find(f, statement);
    if (!cur) return false;
    cur->fetching = true;
    cur->left = rows;
    cur->since_us = f->engine->now_us;
    cur->arena.cap = cur->realm->conf->weir.max_statement_memory;
    pump(cur);
    return true;
}

void cursor_drained(struct front *f)
{
    struct cursor *cur = fetching(f);
    if (cur) pump(cur);
}

void cursor_interrupt(struct front *f, uint16_t code, const char *state, const char *message)
{
    struct cursor *cur = fetching(f);
    struct fault fault = {.code = code, .message = str_of(message)};
    memcpy(fault.state, state, 5);
    if (cur) fail(cur, &fault);
}

/* ---- the leg as its connection's user while it is asked ---- */

static void fail_malformed(struct cursor *cur)
{
    struct fault fault = {WIRE_ER_MALFORMED_PACKET, "HY000", STR("Weir: a server sent a malformed reply to a cursor's fetch")};
    fail(cur, &fault);
}

static void reply_done(struct cursor_leg *l)
{
    struct cursor *cur = l->cur;
    struct conn *c = l->c;
    uint64_t rows = c->follow.rows;
    l->busy = false;
    if (rows) {
        uint64_t fit = BATCH_BYTES / (l->bytes / rows + 1);
        uint64_t most = (uint64_t)l->batch * BATCH_GROWS < MAX_BATCH ? (uint64_t)l->batch * BATCH_GROWS : MAX_BATCH;
        l->batch = fit < 1 ? 1 : (uint32_t)(fit > most ? most : fit);
    }
    l->ended = c->follow.status & WIRE_STATUS_LAST_ROW_SENT;
    if (UNLIKELY(!l->ended && rows == 0)) { /* it would be asked for ever */
        l->busy = true;
        fail_malformed(cur);
        return;
    }
    c->in_trans = c->follow.status & WIRE_STATUS_IN_TRANS;
    if (!l->ended) merge_leg_goes_on(cur->merge, l->leg);
    release_conn(cur->f, c);
    pump(cur);
}

static void fetch_bytes(void *ctx, struct conn *c, const char *p, size_t n)
{
    struct cursor_leg *l = ctx;
    struct cursor *cur = l->cur;
    struct fault fault;
    size_t total = wire_follow_feed(&c->follow, p, n);
    l->bytes += total;
    while (total) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, total, &used, &payload);
        p += used;
        total -= used;
        if (st == WIRE_MORE) break;
        bool ok = st == WIRE_OK;
        if (!ok) fault = (struct fault){WIRE_ER_MALFORMED_PACKET, "HY000", STR("Weir: a server sent a malformed reply to a cursor's fetch")};
        else if (wire_is_err(payload) && c->follow.failed && c->follow.state == WIRE_F_DONE && total == 0) {
            struct wire_err e;
            ok = false;
            if (wire_get_err(payload, &e) != WIRE_OK) e = (struct wire_err){.code = WIRE_ER_MALFORMED_PACKET, .state = "HY000"};
            fault.code = e.code;
            memcpy(fault.state, e.state, sizeof fault.state);
            fault.message = arena_str(&cur->f->engine->arena, e.message);
            l->busy = false;
            release_conn(cur->f, c);
        } else {
            ok = merge_put(cur->merge, l->leg, payload, c->capabilities, &cur->arena, &fault);
        }
        if (!ok) {
            fail(cur, &fault);
            return;
        }
    }
    if (c->follow.state == WIRE_F_DONE) {
        reply_done(l);
    } else if (c->follow.state > WIRE_F_DONE) {
        fail_malformed(cur);
    }
}

static void fetch_lost(void *ctx, struct conn *c, int error)
{
    struct cursor_leg *l = ctx;
    struct cursor *cur = l->cur;
    struct front *f = cur->f;
    (void)error;
    l->busy = false;
    if (front_pinned(f, c->source) == c) {
        front_unpin(f, c);
        if (c->in_trans || f->txn->locked) {
            f->txn->lost = true;
            memcpy(f->txn->lost_why, "its connection was lost", 24);
        }
    }
    while (!list_empty(&c->cursors)) list_remove(c->cursors.next); /* every cursor on it is lost */
    if (cur->ending) pump(cur); /* the next FETCH tells */
    else fail_lost(cur);
}

static const struct conn_user fetch_user = {.bytes = fetch_bytes, .lost = fetch_lost};
