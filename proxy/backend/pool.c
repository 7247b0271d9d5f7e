/*
 * pool.c - borrowing and giving back.
 *
 *   pool_get: idle, set up alike  ->  idle  ->  open one (cap over all workers)  ->  wait
 *   pool_return: to the oldest waiter for that source and class, else idle (most recent first, so that unused ones grow old together)
 */
#include "proxy/backend/pool.h"

enum { ER_CONNECT_SOURCE = 1429 };

void pool_init(struct pool *p, struct realm *r, uint32_t source)
{
    *p = (struct pool){.realm = r, .source = source};
    for (int i = 0; i < CONN_CLASSES; i++) list_init(&p->idle[i]);
}

static struct conn *conn_of(struct list *n)
{
    return CONTAINER_OF(n, struct conn, node);
}

static void lend(struct conn *c)
{
    conn_set_state(c, CONN_BUSY);
}

enum { LOOK_FOR_SAME = 8 }; /* idle connections looked at for one that is set up alike */

struct conn *pool_take(struct pool *p, uint8_t cls, const struct settings *prefer)
{
    struct list *head = &p->idle[cls];
    if (list_empty(head)) return NULL;
    struct conn *pick = conn_of(head->next);
    int looked = 0;
    for (struct list *n = head->next; n != head && looked < LOOK_FOR_SAME; n = n->next, looked++) {
        if (conn_of(n)->applied == prefer) {
            pick = conn_of(n);
            break;
        }
    }
    lend(pick);
    return pick;
}

static uint64_t cap_of(const struct pool *p)
{
    return p->realm->conf->sources[p->source].max_connections;
}

static bool below_cap(const struct pool *p)
{
    return atomic_load(&p->realm->snap->source_conns[p->source]) < cap_of(p);
}

bool pool_has_room(const struct pool *p, uint8_t cls)
{
    return !list_empty(&p->idle[cls]) || (p->nwaiting == 0 && below_cap(p));
}

/* At the cap, an idle connection of another class is no use: it goes. */
static bool close_other_class(struct pool *p, uint8_t cls)
{
    for (int i = 0; i < CONN_CLASSES; i++) {
        if (i == cls || list_empty(&p->idle[i])) continue;
        conn_discard(conn_of(p->idle[i].prev));
        return true;
    }
    return false;
}

struct conn *pool_get(struct pool *p, struct pool_request *r)
{
    struct engine *e = p->realm->engine;
    struct conn *c = p->nwaiting ? NULL : pool_take(p, r->cls, r->prefer); /* those who wait already come first */
    if (c) return c;
    r->realm = p->realm;
    r->source = p->source;
    r->waiting = true;
    r->deadline_ms = e->now_ms + p->realm->conf->weir.pool_wait_ms;
    list_append(&e->pool_waiters, &r->node);
    p->nwaiting++;
    if (below_cap(p) || close_other_class(p, r->cls)) {
        if (p->nopening < p->nwaiting && !conn_open(p->realm, p->source, r->cls)) r->deadline_ms = e->now_ms;
    } else {
        COUNT(e, pool_waits);
        e->ops->ask_idle(e, p->source);
    }
    return NULL;
}

static void unlink_request(struct pool_request *r)
{
    list_remove(&r->node);
    r->waiting = false;
    r->realm->pools[r->source].nwaiting--;
}

void pool_cancel(struct pool_request *r)
{
    if (r->waiting) unlink_request(r);
}

static struct pool_request *oldest(const struct pool *p, int cls)
{
    struct engine *e = p->realm->engine;
    for (struct list *n = e->pool_waiters.next; n != &e->pool_waiters; n = n->next) {
        struct pool_request *r = CONTAINER_OF(n, struct pool_request, node);
        if (r->realm == p->realm && r->source == p->source && (cls < 0 || r->cls == cls)) return r;
    }
    return NULL;
}

/* c is BUSY and nobody's: to a waiter, or idle. */
static void offer(struct conn *c)
{
    struct pool *p = &c->realm->pools[c->source];
    struct pool_request *r = p->nwaiting ? oldest(p, c->cls) : NULL;
    if (r) {
        unlink_request(r);
        r->done(r, c, NULL);
        return;
    }
    if (c->realm->retired || c->must_close || (p->nwaiting && !below_cap(p))) {
        conn_discard(c); /* someone waits for another class: make room */
        return;
    }
    conn_set_state(c, CONN_IDLE);
}

/* Between two fetches from its cursors: an unasked packet is the server's good-bye. */
static void parked_bytes(void *ctx, struct conn *c, const char *p, size_t n)
{
    (void)ctx, (void)p, (void)n;
    conn_discard(c);
}

static void parked_lost(void *ctx, struct conn *c, int error)
{
    (void)ctx, (void)c, (void)error; /* conn_free takes the cursors off their list */
}

static const struct conn_user parked_user = {.bytes = parked_bytes, .lost = parked_lost};

void pool_return(struct conn *c)
{
    if (UNLIKELY(!list_empty(&c->cursors))) {
        c->user = &parked_user;
        c->ctx = NULL;
        if (c->state != CONN_BUSY) conn_set_state(c, CONN_BUSY);
        return;
    }
    c->user = NULL;
    c->ctx = NULL;
    c->reused = true;
    if (c->link->paused) link_resume(c->link);
    if (UNLIKELY(c->must_close)) {
        conn_discard(c);
        return;
    }
    if (c->state != CONN_BUSY) conn_set_state(c, CONN_BUSY);
    offer(c);
}

void pool_opened(struct conn *c)
{
    offer(c);
}

/* The waiter that this connection was opened for gets the fault, or all: when nothing is open, waiting is of no use. */
void pool_open_failed(struct conn *c, const struct fault *f)
{
    struct pool *p = &c->realm->pools[c->source];
    bool hopeless = p->nbusy == 0 && p->nidle == 0 && p->nopening <= 1;
    struct pool_request *r;
    while ((r = oldest(p, hopeless ? -1 : c->cls))) {
        unlink_request(r);
        r->done(r, NULL, f);
        if (!hopeless) break;
    }
}

/* A place under the cap came free: open for whoever waits. */
void pool_closed(struct conn *c)
{
    struct pool *p = &c->realm->pools[c->source];
    if (!p->nwaiting || p->nopening >= p->nwaiting || !below_cap(p)) return;
    struct pool_request *r = oldest(p, -1);
    if (r) (void)!conn_open(p->realm, p->source, r->cls);
}

void pool_give_up_idle(struct engine *e, uint32_t source)
{
    struct realm *r = e->realm;
    if (!r || source >= r->conf->nsources || r->pools[source].nwaiting) return;
    for (int i = 0; i < CONN_CLASSES; i++) {
        struct list *head = &r->pools[source].idle[i];
        if (!list_empty(head)) {
            conn_discard(conn_of(head->prev));
            return;
        }
    }
}

void pool_close_idle(struct pool *p)
{
    for (int i = 0; i < CONN_CLASSES; i++) {
        while (!list_empty(&p->idle[i])) conn_discard(conn_of(p->idle[i].next));
    }
}

static void expire_waiters(struct engine *e)
{
    for (;;) {
        struct pool_request *late = NULL;
        for (struct list *n = e->pool_waiters.next; n != &e->pool_waiters && !late; n = n->next) {
            struct pool_request *r = CONTAINER_OF(n, struct pool_request, node);
            if (r->deadline_ms <= e->now_ms) late = r;
        }
        if (!late) return;
        struct pool *p = &late->realm->pools[late->source];
        struct fault f;
        struct str where = conn_where(late->realm, late->source, &e->arena);
        fault_set(&f, &e->arena, ER_CONNECT_SOURCE, "HY000",
                  "Weir: no connection to %.*s came free within pool_wait (%llu ms); %u of max_connections %llu are open", STR_ARG(where),
                  (unsigned long long)late->realm->conf->weir.pool_wait_ms,
                  atomic_load(&late->realm->snap->source_conns[late->source]), (unsigned long long)cap_of(p));
        COUNT(e, pool_timeouts);
        unlink_request(late);
        late->done(late, NULL, &f);
    }
}

/* Waiters whose worker has nothing open and who were at the cap of all workers: try again, places may have come free elsewhere. */
static void retry_waiters(struct realm *r)
{
    for (uint32_t i = 0; i < r->conf->nsources; i++) {
        struct pool *p = &r->pools[i];
        struct pool_request *q;
        if (p->nwaiting <= p->nopening || !(q = oldest(p, -1))) continue;
        if (below_cap(p)) (void)!conn_open(r, i, q->cls);
        else r->engine->ops->ask_idle(r->engine, i);
    }
}

void pool_end(struct engine *e)
{
    while (!list_empty(&e->draining)) {
        struct conn *c = conn_of(e->draining.next);
        control_kill(c->realm->snap->control, c->source, c->thread_id, true);
        COUNT(e, kills_sent);
        conn_discard(c);
    }
}

void pool_tick(struct engine *e)
{
    expire_waiters(e);
    for (struct list *n = e->opening.next, *next; n != &e->opening; n = next) {
        struct conn *c = conn_of(n);
        next = n->next;
        if (e->now_ms - c->since_ms < c->realm->conf->weir.connect_timeout_ms) continue;
        c->link->handler->closed(c->link, 110 /* ETIMEDOUT */);
        next = e->opening.next; /* call-backs may have changed the list */
    }
    for (struct list *n = e->draining.next, *next; n != &e->draining; n = next) {
        struct conn *c = conn_of(n);
        next = n->next;
        if (e->now_ms - c->since_ms < c->realm->conf->weir.connect_timeout_ms) continue;
        control_kill(c->realm->snap->control, c->source, c->thread_id, true); /* it hangs: nobody waits for its answer */
        COUNT(e, kills_sent);
        conn_discard(c);
        next = e->draining.next;
    }
    struct realm *r = e->realm;
    if (!r) return;
    retry_waiters(r);
    for (uint32_t i = 0; i < r->conf->nsources; i++) {
        const struct conf_source *s = &r->conf->sources[i];
        for (int k = 0; k < CONN_CLASSES; k++) {
            struct list *head = &r->pools[i].idle[k];
            while (!list_empty(head) && s->idle_timeout_ms && r->pools[i].nidle > s->min_idle &&
                   e->now_ms - conn_of(head->prev)->since_ms > s->idle_timeout_ms) {
                conn_discard(conn_of(head->prev));
            }
        }
    }
}
