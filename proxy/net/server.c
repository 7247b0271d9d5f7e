/*
 * server.c - the process: listeners, signals, reload, drain.
 *
 *   SIGHUP          read the rules again: a valid file becomes a new snapshot for every worker, an invalid one changes nothing
 *   SIGTERM, SIGINT stop accepting; idle sessions close, busy ones after their statement or transaction, all after drain_timeout; again: now
 */
#include "proxy/net/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proxy/admin/log.h"
#include "proxy/net/tls.h"

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- snapshots ---- */

static void post_all(struct server *srv, const struct mail *m)
{
    for (uint32_t i = 0; i < srv->nworkers; i++) {
        if (m->snap) snapshot_ref(m->snap);
        struct mail copy = *m;
        if (m->catalog) copy.catalog = catalog_ref(m->catalog);
        worker_post(&srv->workers[i], &copy);
    }
}

static void on_catalog(void *ctx, struct catalog *c)
{
    struct net_snapshot *ns = ctx;
    pthread_mutex_lock(&ns->server->lock);
    bool running = ns->server->nworkers > 0 && ns->server->snap == ns;
    if (!running) {
        catalog_unref(ns->server->first_catalog);
        ns->server->first_catalog = c;
    }
    pthread_mutex_unlock(&ns->server->lock);
    if (!running) return;
    struct mail m = {.kind = MAIL_CATALOG, .catalog = c, .snap = &ns->s};
    post_all(ns->server, &m);
    catalog_unref(c);
}

static void on_ids(void *ctx)
{
    struct net_snapshot *ns = ctx;
    struct mail m = {.kind = MAIL_IDS};
    post_all(ns->server, &m);
}

static void on_control_log(void *ctx, enum control_log_level level, const char *text)
{
    static const enum conf_log_level levels[] = {CONF_LOG_DEBUG, CONF_LOG_INFO, CONF_LOG_WARN, CONF_LOG_ERROR};
    (void)ctx;
    log_line(levels[level], text);
}

static void on_retire(struct snapshot *s)
{
    struct net_snapshot *ns = CONTAINER_OF(s, struct net_snapshot, s);
    struct server *srv = ns->server;
    pthread_mutex_lock(&srv->lock);
    ns->next_retired = srv->retired;
    srv->retired = ns;
    pthread_mutex_unlock(&srv->lock);
    ev_async_send(srv->loop, &srv->wake);
}

static void snapshot_free(struct net_snapshot *ns)
{
    if (ns->s.control) control_stop(ns->s.control);
    if (ns->s.router) router_free(ns->s.router);
    tls_context_unref(ns->s.client_tls);
    for (uint32_t i = 0; ns->s.source_tls && i < ns->s.conf->nsources; i++) tls_context_unref(ns->s.source_tls[i]);
    mem_free(ns->s.source_tls);
    if (ns->s.conf) conf_free(ns->s.conf);
    mem_free(ns->s.source_conns);
    mem_free(ns->s.user_conns);
    mem_free(ns->addresses);
    mem_free(ns->address_lengths);
    mem_free(ns);
}

static void free_retired(struct server *srv)
{
    pthread_mutex_lock(&srv->lock);
    struct net_snapshot *ns = srv->retired;
    srv->retired = NULL;
    pthread_mutex_unlock(&srv->lock);
    while (ns) {
        struct net_snapshot *next = ns->next_retired;
        snapshot_free(ns);
        ns = next;
    }
}

static bool resolve(struct net_snapshot *ns, uint32_t i)
{
    const struct conf_source *src = &ns->s.conf->sources[i];
    if (src->primary.path.len) {
        struct sockaddr_un *un = (struct sockaddr_un *)&ns->addresses[i];
        if (src->primary.path.len >= sizeof un->sun_path) return false;
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, src->primary.path.ptr, src->primary.path.len);
        ns->address_lengths[i] = sizeof *un;
        return true;
    }
    char host[256], port[8];
    snprintf(host, sizeof host, "%.*s", STR_ARG(src->primary.host));
    snprintf(port, sizeof port, "%u", src->primary.port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        log_printf(CONF_LOG_ERROR, "source %.*s: the host name '%s' cannot be resolved: %s; its statements fail until the next reload", STR_ARG(src->name), host,
                   gai_strerror(rc));
        return false;
    }
    memcpy(&ns->addresses[i], found->ai_addr, found->ai_addrlen);
    ns->address_lengths[i] = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static void log_diag(const struct diag *d)
{
    struct buf text = {0};
    diag_print(d, &text);
    for (size_t at = 0; at < text.len;) {
        size_t nl = str_find(buf_str(&text), STR("\n"), at);
        if (nl == SIZE_MAX) nl = text.len;
        log_printf(d->errors ? CONF_LOG_ERROR : CONF_LOG_WARN, "%.*s", (int)(nl - at), text.data + at);
        at = nl + 1;
    }
    buf_release(&text);
}

/* Certificates and keys, of clients' connections and of those to the sources. */
static bool make_tls(struct net_snapshot *ns, struct diag *d)
{
    const struct conf *c = ns->s.conf;
    bool ok = true;
    if (tls_of_clients(c)) {
        ns->s.client_tls = tls_context_clients(c, d);
        ok = ns->s.client_tls != NULL;
    }
    for (uint32_t i = 0; i < c->nsources; i++) {
        if (c->sources[i].tls.mode == CONF_TLS_OFF) continue;
        ns->s.source_tls[i] = tls_context_source(c, &c->sources[i], d);
        ok = ok && ns->s.source_tls[i];
    }
    return ok;
}

/* Everything of the rules that can be wrong is found here; NULL leaves all as it was. */
static struct net_snapshot *make_snapshot(struct server *srv)
{
    struct diag d;
    struct net_snapshot *ns = mem_zalloc(sizeof *ns);
    diag_init(&d);
    if (!ns) return NULL;
    ns->server = srv;
    ns->s.refs = 1;
    ns->s.retire = on_retire;
    ns->s.conf = conf_load(srv->rules, &d);
    if (ns->s.conf) {
        uint32_t n = ns->s.conf->nsources + 1;
        ns->addresses = mem_zalloc(sizeof *ns->addresses * n);
        ns->address_lengths = mem_zalloc(sizeof *ns->address_lengths * n);
        ns->s.source_conns = mem_zalloc(sizeof *ns->s.source_conns * n);
        ns->s.user_conns = mem_zalloc(sizeof *ns->s.user_conns * (ns->s.conf->nusers + 1));
        ns->s.source_tls = mem_zalloc(sizeof(struct tls_context *) * n);
        ns->s.router = router_new(ns->s.conf, &d);
    }
    bool ok = ns->s.router && ns->addresses && ns->address_lengths && ns->s.source_conns && ns->s.user_conns && ns->s.source_tls && make_tls(ns, &d);
    for (uint32_t i = 0; ok && i < ns->s.conf->nsources; i++) (void)resolve(ns, i);
    if (ok) {
        struct control_callbacks cb = {ns, on_catalog, on_ids, on_control_log};
        ns->s.control = control_start(ns->s.router, &cb, &d);
        ok = ns->s.control != NULL;
    }
    if (d.errors || d.warnings) log_diag(&d);
    diag_release(&d);
    if (ok) return ns;
    snapshot_free(ns);
    return NULL;
}

static void reload(struct server *srv)
{
    log_printf(CONF_LOG_INFO, "reloading the rules from %s", srv->rules);
    struct net_snapshot *ns = make_snapshot(srv), *old = srv->snap;
    if (!ns) {
        log_line(CONF_LOG_ERROR, "reload failed: the rules in force stay as they are");
        return;
    }
    if (!srv->stopping && !listeners_open(srv, &ns->s.conf->weir)) {
        log_line(CONF_LOG_ERROR, "reload failed: the rules in force stay as they are");
        snapshot_free(ns);
        pthread_mutex_lock(&srv->lock);
        catalog_unref(srv->first_catalog);
        srv->first_catalog = NULL;
        pthread_mutex_unlock(&srv->lock);
        return;
    }
    if (!log_open(&ns->s.conf->weir)) log_printf(CONF_LOG_ERROR, "log file: %s; logging goes on as before", strerror(errno));
    pthread_mutex_lock(&srv->lock);
    struct catalog *c = srv->first_catalog;
    srv->first_catalog = NULL;
    srv->snap = ns;
    pthread_mutex_unlock(&srv->lock);
    struct mail m = {.kind = MAIL_SNAPSHOT, .snap = &ns->s, .catalog = c};
    post_all(srv, &m);
    catalog_unref(c);
    snapshot_unref(&old->s);
    log_printf(CONF_LOG_INFO, "rules reloaded (fingerprint %016llx)", (unsigned long long)ns->s.conf->fingerprint);
}

/* ---- signals ---- */

static uint32_t clients(const struct server *srv)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < srv->nworkers; i++) n += atomic_load(&srv->workers[i].clients);
    return n;
}

static void on_drain_tick(struct ev_loop *loop, ev_timer *t, int events)
{
    struct server *srv = CONTAINER_OF(t, struct server, drain);
    (void)events;
    if (clients(srv) && srv->stopping < 2 && now_ms() < srv->drain_until_ms) return;
    if (clients(srv)) log_printf(CONF_LOG_WARN, "drain time is over: closing %u sessions", clients(srv));
    ev_break(loop, EVBREAK_ALL);
}

static void stop(struct server *srv)
{
    if (srv->stopping++) return;
    log_printf(CONF_LOG_INFO, "stopping: %u sessions to drain", clients(srv));
    listeners_close(srv);
    srv->drain_until_ms = now_ms() + srv->snap->s.conf->weir.drain_timeout_ms;
    struct mail m = {.kind = MAIL_DRAIN};
    post_all(srv, &m);
    ev_timer_start(srv->loop, &srv->drain);
}

static void on_signal(struct ev_loop *loop, ev_signal *sig, int events)
{
    struct server *srv = ev_userdata(loop);
    (void)events;
    if (sig->signum == SIGHUP) reload(srv);
    else stop(srv);
}

static void on_wake(struct ev_loop *loop, ev_async *a, int events)
{
    struct server *srv = CONTAINER_OF(a, struct server, wake);
    (void)loop, (void)events;
    free_retired(srv);
    pthread_mutex_lock(&srv->lock);
    bool asked = srv->reload_asked;
    srv->reload_asked = false;
    pthread_mutex_unlock(&srv->lock);
    if (asked) reload(srv);
}

static void init_loop(struct server *srv)
{
    srv->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    ev_set_userdata(srv->loop, srv);
    signal(SIGPIPE, SIG_IGN);
    ev_signal_init(&srv->sigterm, on_signal, SIGTERM);
    ev_signal_init(&srv->sigint, on_signal, SIGINT);
    ev_signal_init(&srv->sighup, on_signal, SIGHUP);
    ev_signal_start(srv->loop, &srv->sigterm);
    ev_signal_start(srv->loop, &srv->sigint);
    ev_signal_start(srv->loop, &srv->sighup);
    ev_async_init(&srv->wake, on_wake);
    ev_async_start(srv->loop, &srv->wake);
    ev_timer_init(&srv->drain, on_drain_tick, 0.05, 0.05);
}

static bool start_workers(struct server *srv)
{
    uint32_t n = srv->snap->s.conf->weir.workers;
    if (n == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        n = cores > 0 ? (uint32_t)cores : 1;
    }
    srv->workers = mem_zalloc(sizeof *srv->workers * n);
    if (!srv->workers) return false;
    srv->nworkers = n;
    sigset_t all, before; /* signals go to the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) ok = worker_start(&srv->workers[i], srv, i);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static void stop_workers(struct server *srv)
{
    struct mail m = {.kind = MAIL_STOP};
    post_all(srv, &m);
    for (uint32_t i = 0; i < srv->nworkers; i++) pthread_join(srv->workers[i].thread, NULL);
    for (uint32_t i = 0; i < srv->nworkers; i++) {
        struct worker *w = &srv->workers[i];
        while (w->mail) {
            struct mail *next = w->mail->next;
            if (w->mail->kind == MAIL_CLIENT) close(w->mail->fd);
            if (w->mail->catalog) catalog_unref(w->mail->catalog);
            if (w->mail->snap) snapshot_unref(w->mail->snap);
            if (w->mail->rows) {
                buf_release(w->mail->rows);
                mem_free(w->mail->rows);
            }
            mem_free(w->mail);
            w->mail = next;
        }
        ev_loop_destroy(w->loop);
        mem_free(w->scratch);
    }
}

int server_run(const char *rules)
{
    struct server srv = {.rules = rules, .started_ms = now_ms()};
    pthread_mutex_init(&srv.lock, NULL);
    init_loop(&srv);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* the control thread inherits: signals are the main thread's */
    srv.snap = make_snapshot(&srv);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!srv.snap) {
        log_printf(CONF_LOG_ERROR, "not started: see 'weir check %s'", rules);
        return 1;
    }
    if (!log_open(&srv.snap->s.conf->weir)) {
        log_printf(CONF_LOG_ERROR, "not started: log file %.*s: %s", STR_ARG(srv.snap->s.conf->weir.log_file.value), strerror(errno));
        snapshot_free(srv.snap);
        catalog_unref(srv.first_catalog);
        ev_loop_destroy(srv.loop);
        return 1;
    }
    if (!listeners_open(&srv, &srv.snap->s.conf->weir)) {
        snapshot_free(srv.snap);
        catalog_unref(srv.first_catalog);
        ev_loop_destroy(srv.loop);
        return 1;
    }
    if (!start_workers(&srv)) {
        log_line(CONF_LOG_ERROR, "not started: out of memory or threads");
        return 1;
    }
    log_printf(CONF_LOG_INFO, "weir %s ready: %u workers, %u sources, rules %s (fingerprint %016llx)", WEIR_VERSION, srv.nworkers, srv.snap->s.conf->nsources,
               rules, (unsigned long long)srv.snap->s.conf->fingerprint);
    ev_run(srv.loop, 0);
    stop_workers(&srv);
    catalog_unref(srv.first_catalog);
    snapshot_unref(&srv.snap->s);
    free_retired(&srv);
    mem_free(srv.workers);
    ev_loop_destroy(srv.loop);
    log_line(CONF_LOG_INFO, "stopped");
    return 0;
}
