/*
 * worker.c - one thread: its loop, its mail, its engine.
 *
 * Mail is a list under a mutex that is taken for a few instructions; ev_async wakes the loop. Everything else here belongs to the thread.
 */
#include "proxy/net/net.h"

#include <time.h>
#include <unistd.h>

#include "proxy/admin/log.h"

void worker_now(struct worker *w)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    w->engine.now_us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
    w->engine.now_ms = w->engine.now_us / 1000;
}

void worker_post(struct worker *w, const struct mail *m)
{
    struct mail *copy = mem_alloc(sizeof *copy);
    if (!copy) {
        if (m->kind == MAIL_CLIENT) close(m->fd);
        if (m->catalog) catalog_unref(m->catalog);
        if (m->snap) snapshot_unref(m->snap);
        if (m->rows) {
            buf_release(m->rows);
            mem_free(m->rows);
        }
        return;
    }
    *copy = *m;
    copy->next = NULL;
    pthread_mutex_lock(&w->lock);
    *w->mail_end = copy;
    w->mail_end = &copy->next;
    pthread_mutex_unlock(&w->lock);
    ev_async_send(w->loop, &w->wake);
}

/* ---- what the engine asks of net ---- */

static void op_log(struct engine *e, enum conf_log_level level, const char *text)
{
    (void)e;
    log_line(level, text);
}

static void op_ask_idle(struct engine *e, uint32_t source)
{
    struct worker *w = e->net;
    struct mail m = {.kind = MAIL_ASK_IDLE, .number = source};
    for (uint32_t i = 0; i < w->server->nworkers; i++) {
        if (&w->server->workers[i] != w) worker_post(&w->server->workers[i], &m);
    }
}

static void op_kill(struct engine *e, uint32_t id, bool connection, uint32_t asker)
{
    struct worker *w = e->net;
    struct mail m = {.kind = MAIL_KILL, .id = id, .flag = connection, .asker = asker};
    for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) { /* whose KILL is it? */
        const struct front *f = CONTAINER_OF(n, struct front, node);
        if (f->id == asker && f->account.len < sizeof m.host) memcpy(m.host, f->account.ptr, f->account.len);
    }
    worker_post(&w->server->workers[id % w->server->nworkers], &m);
}

static void op_list(struct engine *e, uint32_t asker, struct str account)
{
    struct worker *w = e->net;
    struct mail m = {.kind = MAIL_LIST, .id = asker, .number = w->server->nworkers - 1, .rows = mem_zalloc(sizeof *m.rows)};
    if (!m.rows || account.len >= sizeof m.host) {
        static const struct buf none = {.failed = true};
        mem_free(m.rows);
        for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) {
            struct front *f = CONTAINER_OF(n, struct front, node);
            if (f->id == asker) {
                session_listed(session_of(f), &none);
                return;
            }
        }
        return;
    }
    memcpy(m.host, account.ptr, account.len);
    worker_post(&w->server->workers[(e->index + 1) % w->server->nworkers], &m);
}

static void op_totals(struct engine *e, struct engine_counters *sum, uint32_t *clients, uint64_t *uptime_s)
{
    struct worker *w = e->net;
    memset(sum, 0, sizeof *sum);
    *clients = 0;
    for (uint32_t i = 0; i < w->server->nworkers; i++) {
        struct worker *o = &w->server->workers[i];
        *clients += atomic_load(&o->clients);
#define X(name, doc) sum->name += atomic_load_explicit(&o->engine.count.name, memory_order_relaxed);
        ENGINE_COUNTERS(X)
#undef X
    }
    *uptime_s = (e->now_ms - w->server->started_ms) / 1000;
}

static void op_reload(struct engine *e)
{
    struct worker *w = e->net;
    pthread_mutex_lock(&w->server->lock);
    w->server->reload_asked = true;
    pthread_mutex_unlock(&w->server->lock);
    ev_async_send(w->server->loop, &w->server->wake);
}

struct ticket {
    struct worker *w;
    uint64_t number;
};

/* The ticket goes through every worker's mail, behind the catalog, and home last: then no worker has the old catalog any more. */
static void catalog_published(void *ctx)
{
    struct ticket *t = ctx;
    struct server *srv = t->w->server;
    uint32_t home = t->w->engine.index;
    struct mail m = {.kind = MAIL_TICKET, .number = t->number, .id = home, .asker = srv->nworkers - 1};
    worker_post(&srv->workers[(home + 1) % srv->nworkers], &m);
    mem_free(t);
}

static void pass_ticket(struct worker *w, struct mail *m)
{
    struct server *srv = w->server;
    if (m->asker == 0) {
        exec_wake_catalog(&w->engine, m->number);
        return;
    }
    struct mail next = *m;
    next.asker--;
    next.next = NULL;
    worker_post(&srv->workers[(w->engine.index + 1) % srv->nworkers], &next);
}

static void op_reload_catalog(struct engine *e, struct snapshot *s)
{
    struct ticket *t = mem_alloc(sizeof *t);
    if (!t) {
        struct mail m = {.kind = MAIL_TICKET, .number = e->catalog_asked};
        worker_post(e->net, &m);
        return;
    }
    *t = (struct ticket){e->net, e->catalog_asked};
    control_reload_catalog_then(s->control, catalog_published, t);
}

static const struct engine_ops engine_ops = {stream_connect, op_log, op_ask_idle, op_kill, op_list, op_totals, op_reload, op_reload_catalog};

/* ---- mail ---- */

static void new_client(struct worker *w, const struct mail *m)
{
    struct stream *st = w->draining ? NULL : stream_new(w, m->fd, false);
    if (!st) {
        close(m->fd);
        atomic_fetch_sub(&w->clients, 1);
        return;
    }
    if (!m->proxied) await_session(w, st, m);
    else if (!await_new(w, st, m)) link_close(&st->link, false);
}

static void take_catalog(struct worker *w, struct mail *m)
{
    struct realm *r = w->engine.realm;
    if (r && r->snap == m->snap) {
        catalog_unref(r->catalog);
        r->catalog = m->catalog;
    } else {
        catalog_unref(m->catalog);
    }
    snapshot_unref(m->snap);
}

static void take_snapshot(struct worker *w, struct mail *m)
{
    struct realm *old = w->engine.realm, *r = realm_new(&w->engine, m->snap, m->catalog);
    catalog_unref(m->catalog);
    snapshot_unref(m->snap);
    if (!r) {
        log_line(CONF_LOG_ERROR, "out of memory at reload: this worker keeps the old rules");
        return;
    }
    w->engine.realm = r;
    if (old) realm_retire(old);
}

static void kill_session(struct worker *w, struct mail *m)
{
    struct engine *e = &w->engine;
    enum kill_answer found = KILL_NO_SUCH;
    for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) {
        struct front *f = CONTAINER_OF(n, struct front, node);
        if (f->id != m->id || !f->account.len) continue;
        found = m->asker && !str_eq(f->account, str_of(m->host)) ? KILL_DENIED : KILL_DONE;
        if (found == KILL_DONE) session_kill(session_of(f), m->flag);
        break;
    }
    if (!m->asker) return;
    struct mail answer = {.kind = MAIL_KILLED, .id = m->asker, .number = m->id, .asker = found};
    worker_post(&w->server->workers[m->asker % w->server->nworkers], &answer);
}

static void killed(struct worker *w, struct mail *m)
{
    struct engine *e = &w->engine;
    for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) {
        struct front *f = CONTAINER_OF(n, struct front, node);
        if (f->id != m->id) continue;
        session_killed(session_of(f), (uint32_t)m->number, (enum kill_answer)m->asker);
        return;
    }
}

/* Each worker adds its rows and passes the list on; the asker's is the last. */
static void list_sessions(struct worker *w, struct mail *m)
{
    struct server *srv = w->server;
    struct engine *e = &w->engine;
    session_list(e, str_of(m->host), m->id, m->rows);
    if (m->number > 0) {
        struct mail next = *m;
        next.number--;
        worker_post(&srv->workers[(e->index + 1) % srv->nworkers], &next);
        return;
    }
    for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) {
        struct front *f = CONTAINER_OF(n, struct front, node);
        if (f->id != m->id) continue;
        session_listed(session_of(f), m->rows);
        break;
    }
    buf_release(m->rows);
    mem_free(m->rows);
}

static void open_mail(struct worker *w, struct mail *m)
{
    struct engine *e = &w->engine;
    switch (m->kind) {
    case MAIL_CLIENT: new_client(w, m); return;
    case MAIL_CATALOG: take_catalog(w, m); return;
    case MAIL_TICKET: pass_ticket(w, m); return;
    case MAIL_IDS: exec_wake_ids(e); return;
    case MAIL_SNAPSHOT: take_snapshot(w, m); return;
    case MAIL_ASK_IDLE: pool_give_up_idle(e, (uint32_t)m->number); return;
    case MAIL_KILL: kill_session(w, m); return;
    case MAIL_KILLED: killed(w, m); return;
    case MAIL_LIST: list_sessions(w, m); return;
    case MAIL_DRAIN:
        w->draining = true;
        await_close_all(w);
        session_drain(e, m->flag);
        return;
    case MAIL_STOP: ev_break(w->loop, EVBREAK_ALL); return;
    }
}

static void on_wake(struct ev_loop *loop, ev_async *a, int events)
{
    struct worker *w = CONTAINER_OF(a, struct worker, wake);
    (void)loop, (void)events;
    worker_now(w);
    pthread_mutex_lock(&w->lock);
    struct mail *m = w->mail;
    w->mail = NULL;
    w->mail_end = &w->mail;
    pthread_mutex_unlock(&w->lock);
    while (m) {
        struct mail *next = m->next;
        open_mail(w, m);
        mem_free(m);
        m = next;
    }
    atomic_store(&w->clients, w->engine.nsessions + w->nawaiting);
    stream_reap(w);
}

enum { TICKS_A_SESSION_CHECK = 5 };

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
    struct worker *w = CONTAINER_OF(t, struct worker, tick);
    (void)loop, (void)events;
    worker_now(w);
    arena_reset(&w->engine.arena);
    pool_tick(&w->engine);
    exec_tick(&w->engine);
    if (++w->ticks % TICKS_A_SESSION_CHECK == 0) session_tick(&w->engine);
    if (!list_empty(&w->awaiting)) await_tick(w);
    if (w->draining) session_drain(&w->engine, false);
    atomic_store(&w->clients, w->engine.nsessions + w->nawaiting);
    stream_reap(w);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    ev_run(w->loop, 0);
    await_close_all(w);
    session_drain(&w->engine, true);
    pool_end(&w->engine);
    if (w->engine.realm) {
        struct realm *r = w->engine.realm;
        w->engine.realm = NULL;
        realm_retire(r);
    }
    stream_reap(w);
    stream_kill_all(w);
    layer_room_free(w);
    exec_free_all(&w->engine);
    engine_release(&w->engine);
    return NULL;
}

bool worker_start(struct worker *w, struct server *srv, uint32_t index)
{
    memset(w, 0, sizeof *w);
    engine_init(&w->engine, &engine_ops, w, index);
    w->server = srv;
    w->next_id = index + srv->nworkers;
    w->mail_end = &w->mail;
    pthread_mutex_init(&w->lock, NULL);
    list_init(&w->dead);
    list_init(&w->lingering);
    list_init(&w->awaiting);
    w->scratch = mem_alloc(NET_SCRATCH);
    w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!w->scratch || !w->loop) return false;
    worker_now(w);
    w->engine.realm = realm_new(&w->engine, &srv->snap->s, srv->first_catalog);
    if (!w->engine.realm) return false;
    ev_async_init(&w->wake, on_wake);
    ev_async_start(w->loop, &w->wake);
    ev_timer_init(&w->tick, on_tick, 0.2, 0.2);
    ev_timer_start(w->loop, &w->tick);
    return pthread_create(&w->thread, NULL, run, w) == 0;
}
