/*
 * control.c - the threads that may block, and the doors to them.
 *
 *   source thread (one a source, with one connection)          catalog thread (one, with a connection a
 * source while it loads) health: SELECT 1 every 2 s, 0.5 s while down               reload on request
 * (coalesced), when a source that was missed ids:    refills of the sequences on that source comes up, and
 * every minute kill:   KILL QUERY | CONNECTION
 *
 * A thread for each source, so that a hanging server delays nobody but those who need it. Callers only set
 * flags or append to a bounded queue under a short mutex and signal; nobody holds a lock while a server is
 * asked. Lock order: a sequence's, then a source's.
 */
#include "proxy/control/room.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HEALTH_MS = 2000,
    HEALTH_DOWN_MS = 500,
    CATALOG_MS = 60000, /* tables changed behind our back are seen within a minute */
    CATALOG_READ_MS = 10000,
    MAX_KILLS = 1024 /* waiting, a source */
};

struct kill {
    struct kill *next;
    uint64_t thread;
    bool connection;
};
struct room { /* one source */
    struct control *c;
    uint32_t index;
    const struct conf_source *conf;
    char name[65];
    pthread_t thread;
    bool started;
    struct link link;    /* the source thread's */
    uint64_t next_check; /* the source thread's */
    unsigned seed;       /* the source thread's: jitter */
    _Atomic bool missed; /* the last catalog load did not reach it */

    pthread_mutex_t lock; /* all below */
    pthread_cond_t cond;
    bool stop, ids;
    struct kill *kills, **last_kill;
    uint32_t nkills;
    uint64_t kills_dropped;
    struct control_source state;
};
struct done {
    struct done *next;
    void (*call)(void *ctx);
    void *ctx;
};
struct control {
    const struct router *router;
    const struct conf *conf;
    struct control_callbacks cb;
    struct room *rooms;
    struct idseq *seqs;
    uint32_t nrooms, nseqs;  /* initialised */
    struct catalog *catalog; /* the catalog thread's, after start */
    struct link *links;      /* the catalog thread's */
    bool *answers;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t cond;
    bool have_lock;
    bool stop, reload;
    struct done *dones, **last_done;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool sync_init(pthread_mutex_t *m, pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr)) return false;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bool ok = pthread_cond_init(cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    if (ok && pthread_mutex_init(m, NULL)) {
        pthread_cond_destroy(cond);
        ok = false;
    }
    return ok;
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    pthread_cond_timedwait(cond, lock, &t);
}

static void say(struct control *c, enum control_log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(struct control *c, enum control_log_level level, const char *fmt, ...)
{
    if (!c->cb.log) return;
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->cb.log(c->cb.ctx, level, text);
}

/* ---- health ---- */

static void note_version(struct control_source *s, MYSQL *my)
{
    const char *info = mysql_get_server_info(my);
    snprintf(s->version_text, sizeof s->version_text, "%s", info ? info : "");
    s->mariadb = info && strstr(info, "MariaDB");
    s->version = (uint32_t)mysql_get_server_version(my);
}

/* The outcome of a check; the only place where `up` changes. */
static void note_check(struct room *r, struct link *l, bool ok, uint64_t us)
{
    struct control_source *s = &r->state;
    pthread_mutex_lock(&r->lock);
    bool first = s->checks == 0, changed = s->up != ok;
    s->checks++;
    if (changed || first) s->since_ms = now_ms();
    s->up = ok;
    if (ok) {
        s->latency_us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
        note_version(s, l->my);
    } else {
        s->failures++;
        memcpy(s->error, l->error, sizeof s->error);
    }
    pthread_mutex_unlock(&r->lock);
    if (!ok && (changed || first)) say(r->c, CONTROL_WARN, "source %s is down: %s", r->name, l->error);
    if (ok && changed) say(r->c, CONTROL_INFO, "source %s is up (%s)", r->name, s->version_text);
    if (ok && changed && atomic_load(&r->missed)) control_reload_catalog(r->c);
}

static void check(struct room *r)
{
    uint64_t before = now_us();
    bool ok = link_query(&r->link, STR("SELECT 1"), true);
    if (ok) {
        MYSQL_RES *res = link_result(&r->link);
        if (res) mysql_free_result(res);
        ok = res != NULL;
    }
    note_check(r, &r->link, ok, now_us() - before);
    uint64_t period = ok ? HEALTH_MS : HEALTH_DOWN_MS;
    r->next_check = now_ms() + period - period / 10 + (uint64_t)rand_r(&r->seed) % (period / 5);
}

void control_source_state(const struct control *c, uint32_t source, struct control_source *out)
{
    memset(out, 0, sizeof *out);
    if (source >= c->nrooms) return;
    struct room *r = &c->rooms[source];
    pthread_mutex_lock(&r->lock);
    *out = r->state;
    pthread_mutex_unlock(&r->lock);
}

/* ---- kill ---- */

static void do_kill(struct room *r, const struct kill *k)
{
    char sql[64];
    int n = snprintf(sql, sizeof sql, "KILL %s %llu", k->connection ? "CONNECTION" : "QUERY",
                     (unsigned long long)k->thread);
    if (link_query(&r->link, str_make(sql, (size_t)n), true)) return;
    bool gone = r->link.code == 1094; /* no such thread: it ended by itself */
    say(r->c, gone ? CONTROL_DEBUG : CONTROL_WARN, "source %s: %s: %s", r->name, sql, r->link.error);
}

void control_kill(struct control *c, uint32_t source, uint64_t server_thread, bool connection)
{
    if (source >= c->nrooms) return;
    struct room *r = &c->rooms[source];
    struct kill *k = mem_alloc(sizeof *k);
    if (k) *k = (struct kill){NULL, server_thread, connection};
    pthread_mutex_lock(&r->lock);
    bool queued = k && r->nkills < MAX_KILLS && !r->stop;
    if (queued) {
        *r->last_kill = k;
        r->last_kill = &k->next;
        r->nkills++;
        pthread_cond_signal(&r->cond);
    } else {
        r->kills_dropped++;
    }
    pthread_mutex_unlock(&r->lock);
    if (!queued) mem_free(k);
}

/* ---- ids ---- */

static void ids_wanted(void *ctx, uint32_t sequence)
{
    struct control *c = ctx;
    struct room *r = &c->rooms[c->conf->sequences[sequence].source];
    pthread_mutex_lock(&r->lock);
    r->ids = true;
    pthread_cond_signal(&r->cond);
    pthread_mutex_unlock(&r->lock);
}

static bool ids_fetch(void *ctx, uint32_t sequence, uint64_t floor, uint64_t n, uint64_t *last,
                      char error[IDS_ERROR])
{
    struct control *c = ctx;
    const struct conf_sequence *q = &c->conf->sequences[sequence];
    struct room *r = &c->rooms[q->source];
    if (segment_fetch(&r->link, q, floor, n, last, error)) return true;
    say(c, CONTROL_WARN, "sequence " STR_FMT " (source %s): %s", STR_ARG(q->name), r->name, error);
    return false;
}

static uint64_t ids_now(void *ctx)
{
    (void)ctx;
    return now_ms();
}

/* Refills whatever is wanted here. True while a failed refill waits for its next attempt. */
static bool refill_all(struct room *r)
{
    struct control *c = r->c;
    bool pending = false;
    for (uint32_t i = 0; i < c->nseqs; i++) {
        if (c->conf->sequences[i].source != r->index) continue;
        (void)idseq_tick(&c->seqs[i]);
        if (idseq_refill(&c->seqs[i]) && c->cb.ids) c->cb.ids(c->cb.ctx);
        pending |= idseq_tick(&c->seqs[i]);
    }
    return pending;
}

/* At the end. Only over a connection that is open: a dead server's ids are not worth a time-out. */
static void give_back(struct room *r)
{
    struct control *c = r->c;
    for (uint32_t i = 0; i < c->nseqs; i++) {
        uint64_t keep, last;
        if (c->conf->sequences[i].source != r->index || !idseq_close(&c->seqs[i], &keep, &last)) continue;
        if (r->link.my && !segment_return(&r->link, &c->conf->sequences[i], keep, last))
            say(c, CONTROL_WARN, "sequence " STR_FMT ": ids %llu to %llu are lost: %s",
                STR_ARG(c->conf->sequences[i].name), (unsigned long long)keep + 1, (unsigned long long)last,
                r->link.error);
    }
}

enum ids_status ids_take(struct control *c, uint32_t sequence, uint64_t n, uint64_t *first, struct arena *a,
                         struct fault *f)
{
    if (UNLIKELY(sequence >= c->nseqs)) {
        fault_set(f, a, 1105, "HY000", "no sequence number %u in the rules", sequence);
        return IDS_FAILED;
    }
    return idseq_take(&c->seqs[sequence], n, first, a, f);
}

enum ids_status ids_raise(struct control *c, uint32_t sequence, uint64_t value, struct arena *a,
                          struct fault *f)
{
    if (UNLIKELY(sequence >= c->nseqs)) {
        fault_set(f, a, 1105, "HY000", "no sequence number %u in the rules", sequence);
        return IDS_FAILED;
    }
    return idseq_raise(&c->seqs[sequence], value, a, f);
}

void ids_stats(const struct control *c, uint32_t sequence, struct ids_stats *out)
{
    memset(out, 0, sizeof *out);
    if (sequence < c->nseqs) idseq_stats(&c->seqs[sequence], out);
}

/* ---- a source's thread ---- */

static void *source_main(void *arg)
{
    struct room *r = arg;
    mysql_thread_init();
    r->next_check = now_ms();
    uint64_t retry = UINT64_MAX;
    for (;;) {
        pthread_mutex_lock(&r->lock);
        for (;;) {
            uint64_t at = r->next_check < retry ? r->next_check : retry;
            if (r->stop || r->ids || r->kills || now_ms() >= at) break;
            wait_until(&r->cond, &r->lock, at);
        }
        struct kill *kills = r->kills;
        bool stop = r->stop;
        r->kills = NULL;
        r->last_kill = &r->kills;
        r->nkills = 0;
        r->ids = false;
        pthread_mutex_unlock(&r->lock);

        for (struct kill *k = kills, *next; k; k = next) {
            next = k->next;
            do_kill(r, k); /* at the stop too: what runs for nobody must not go on */
            mem_free(k);
        }
        if (stop) break;
        retry = refill_all(r) ? now_ms() + IDS_BACKOFF_MS : UINT64_MAX;
        if (!r->link.my || now_ms() >= r->next_check) {
            /* A connection lost in a kill or refill is news: look at once, but not in a circle. */
            if (now_ms() >= r->next_check || r->state.up) check(r);
        }
    }
    give_back(r);
    link_close(&r->link);
    mysql_thread_end();
    return NULL;
}

/* ---- catalog ---- */

static bool ask_source(void *ctx, uint32_t source)
{
    struct control_source s;
    control_source_state(ctx, source, &s);
    return s.up || s.checks == 0; /* one that is down is not waited for: it is loaded when it comes up */
}

static void catalog_failed(void *ctx, uint32_t source, const char *error)
{
    struct control *c = ctx;
    say(c, CONTROL_WARN, "source %s: its tables cannot be read: %s", c->rooms[source].name, error);
}

/* One load; publishes it when it differs or `always`. */
static void load_catalog(struct control *c, bool always)
{
    struct columns_job job = {.router = c->router,
                              .old = c->catalog,
                              .links = c->links,
                              .ask = ask_source,
                              .failed = catalog_failed,
                              .ctx = c,
                              .answers = c->answers};
    struct catalog *fresh = columns_load(&job);
    for (uint32_t i = 0; i < c->nrooms; i++) {
        atomic_store(&c->rooms[i].missed, !fresh || !c->answers[i]);
        /* Before the threads run, this load is also the first check of each source. */
        if (!c->started) note_check(&c->rooms[i], &c->links[i], c->answers[i] && c->links[i].my, 0);
        link_close(&c->links[i]);
    }
    if (!fresh) {
        say(c, CONTROL_ERROR, "table metadata not loaded: out of memory");
        return;
    }
    bool changed = fresh != c->catalog;
    catalog_unref(c->catalog);
    c->catalog = fresh;
    if ((changed || always) && c->cb.catalog) c->cb.catalog(c->cb.ctx, catalog_ref(fresh));
    if (changed)
        say(c, CONTROL_DEBUG, "table metadata version %llu: %u tables", (unsigned long long)fresh->version,
            fresh->tables.len);
}

/* Sources that came up between the load and the store of `missed` are asked again. */
static bool missed_any(struct control *c)
{
    for (uint32_t i = 0; i < c->nrooms; i++) {
        struct control_source s;
        control_source_state(c, i, &s);
        if (s.up && atomic_load(&c->rooms[i].missed)) return true;
    }
    return false;
}

static void *catalog_main(void *arg)
{
    struct control *c = arg;
    mysql_thread_init();
    for (bool stop = false; !stop;) {
        uint64_t at = now_ms() + CATALOG_MS, soon = now_ms() + HEALTH_MS;
        pthread_mutex_lock(&c->lock);
        while (!c->stop && !c->reload && now_ms() < at) {
            wait_until(&c->cond, &c->lock, at < soon ? at : soon);
            if (now_ms() < soon) continue;
            if (missed_any(c)) break;
            soon = now_ms() + HEALTH_MS;
        }
        bool always = c->reload;
        struct done *dones = c->dones;
        stop = c->stop;
        c->reload = false;
        c->dones = NULL;
        c->last_done = &c->dones;
        pthread_mutex_unlock(&c->lock);

        if (!stop) load_catalog(c, always);
        for (struct done *d = dones, *next; d; d = next) {
            next = d->next;
            d->call(d->ctx);
            mem_free(d);
        }
    }
    mysql_thread_end();
    return NULL;
}

static void wake_catalog(struct control *c, struct done *d)
{
    pthread_mutex_lock(&c->lock);
    c->reload = true;
    if (d) {
        *c->last_done = d;
        c->last_done = &d->next;
    }
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

void control_reload_catalog(struct control *c)
{
    wake_catalog(c, NULL);
}

void control_reload_catalog_then(struct control *c, void (*done)(void *ctx), void *ctx)
{
    struct done *d = mem_alloc(sizeof *d);
    if (d) *d = (struct done){NULL, done, ctx};
    wake_catalog(c, d);
    if (!d) done(ctx); /* rather early than never */
}

static struct link *make_links(const struct conf *conf, uint64_t connect_ms, uint64_t read_ms)
{
    struct link *links = mem_zalloc(sizeof *links * (conf->nsources + 1));
    for (uint32_t i = 0; links && i < conf->nsources; i++)
        link_init(&links[i], conf, &conf->sources[i], connect_ms, read_ms);
    return links;
}

struct load_diag {
    const struct conf *conf;
    struct diag *d;
};

static void diag_failed(void *ctx, uint32_t source, const char *error)
{
    struct load_diag *l = ctx;
    const struct conf_source *s = &l->conf->sources[source];
    diag_add(l->d, DIAG_WARNING, l->conf->file, s->pos.line, s->pos.column, NULL,
             "source '" STR_FMT "' does not answer, its tables are unknown: %s", STR_ARG(s->name), error);
}

struct catalog *control_load_catalog(const struct router *r, struct diag *d)
{
    const struct conf *conf = router_conf(r);
    uint64_t ms = conf->weir.connect_timeout_ms;
    struct link *links = make_links(conf, ms, ms > CATALOG_READ_MS ? ms : CATALOG_READ_MS);
    struct load_diag ctx = {conf, d};
    struct columns_job job = {.router = r, .links = links, .failed = diag_failed, .ctx = &ctx};
    struct catalog *out = links ? columns_load(&job) : NULL;
    if (!out) diag_add(d, DIAG_ERROR, conf->file, 0, 0, NULL, "table metadata not loaded: out of memory");
    for (uint32_t i = 0; links && i < conf->nsources; i++) link_close(&links[i]);
    mem_free(links);
    return out;
}

/* ---- start and stop ---- */

static bool init_rooms(struct control *c)
{
    const struct conf *conf = c->conf;
    uint64_t ms = conf->weir.connect_timeout_ms;
    c->rooms = mem_zalloc(sizeof *c->rooms * (conf->nsources + 1));
    c->answers = mem_zalloc(conf->nsources + 1);
    c->links = make_links(conf, ms, ms > CATALOG_READ_MS ? ms : CATALOG_READ_MS);
    if (!c->rooms || !c->links || !c->answers) return false;
    for (; c->nrooms < conf->nsources; c->nrooms++) {
        struct room *r = &c->rooms[c->nrooms];
        r->c = c;
        r->index = c->nrooms;
        r->conf = &conf->sources[c->nrooms];
        r->seed = c->nrooms * 7919 + (unsigned)now_us();
        r->last_kill = &r->kills;
        snprintf(r->name, sizeof r->name, STR_FMT, STR_ARG(r->conf->name));
        link_init(&r->link, conf, r->conf, ms, ms);
        atomic_init(&r->missed, true);
        if (!sync_init(&r->lock, &r->cond)) return false;
    }
    return true;
}

static bool init_ids(struct control *c)
{
    const struct conf *conf = c->conf;
    struct idseq_hooks hooks = {.ctx = c, .wanted = ids_wanted, .fetch = ids_fetch, .now_ms = ids_now};
    c->seqs = mem_zalloc(sizeof *c->seqs * (conf->nsequences + 1));
    if (!c->seqs) return false;
    for (; c->nseqs < conf->nsequences; c->nseqs++) {
        const struct conf_sequence *q = &conf->sequences[c->nseqs];
        if (!idseq_init(&c->seqs[c->nseqs], q, c->rooms[q->source].name, &hooks)) return false;
    }
    return true;
}

static bool start_threads(struct control *c)
{
    /* Signals are for the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = true;
    for (uint32_t i = 0; i < c->nrooms && ok; i++)
        ok = c->rooms[i].started = pthread_create(&c->rooms[i].thread, NULL, source_main, &c->rooms[i]) == 0;
    if (ok) ok = c->started = pthread_create(&c->thread, NULL, catalog_main, c) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

struct control *control_start(const struct router *r, const struct control_callbacks *cb, struct diag *d)
{
    struct control *c = mysql_library_init(0, NULL, NULL) == 0 ? mem_zalloc(sizeof *c) : NULL;
    if (c) {
        c->router = r;
        c->conf = router_conf(r);
        c->cb = *cb;
        c->last_done = &c->dones;
        c->have_lock = sync_init(&c->lock, &c->cond);
    }
    if (!c || !c->have_lock || !init_rooms(c) || !init_ids(c)) goto failed;
    load_catalog(c, true);
    if (!c->catalog || !start_threads(c)) goto failed;
    return c;
failed:
    diag_add(d, DIAG_ERROR, STR_NULL, 0, 0, NULL,
             "the control threads cannot be started: out of memory or threads");
    if (c) control_stop(c);
    return NULL;
}

void control_stop(struct control *c)
{
    for (uint32_t i = 0; i < c->nrooms; i++) {
        struct room *r = &c->rooms[i];
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        pthread_cond_signal(&r->cond);
        pthread_mutex_unlock(&r->lock);
    }
    if (c->have_lock) {
        pthread_mutex_lock(&c->lock);
        c->stop = true;
        pthread_cond_signal(&c->cond);
        pthread_mutex_unlock(&c->lock);
    }
    if (c->started) pthread_join(c->thread, NULL);
    for (uint32_t i = 0; i < c->nrooms; i++)
        if (c->rooms[i].started) pthread_join(c->rooms[i].thread, NULL);
    for (uint32_t i = 0; i < c->nseqs; i++) idseq_release(&c->seqs[i]);
    for (uint32_t i = 0; i < c->nrooms; i++) {
        pthread_cond_destroy(&c->rooms[i].cond);
        pthread_mutex_destroy(&c->rooms[i].lock);
        link_close(&c->links[i]);
    }
    if (c->have_lock) {
        pthread_cond_destroy(&c->cond);
        pthread_mutex_destroy(&c->lock);
    }
    catalog_unref(c->catalog);
    mem_free(c->links);
    mem_free(c->answers);
    mem_free(c->rooms);
    mem_free(c->seqs);
    mem_free(c);
}
