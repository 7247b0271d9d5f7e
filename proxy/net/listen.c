/*
 * listen.c - where clients knock: the listening sockets, and which worker gets a new client.
 *
 * A reload opens the addresses that are new before anything else changes, so that one that cannot be opened refuses the reload, and closes those
 * that are gone afterwards. Sockets that stay are not touched: no client in their queue is lost.
 */
#include "proxy/net/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/admin/log.h"

struct listener {
    struct listener *next;
    ev_io io;
    struct server *server;
    struct conf_address address; /* its texts lie behind it */
    bool unwanted;               /* by the rules that are being loaded */
};

/* ---- accepting ---- */

static void too_many(int fd)
{
    struct buf out = {0};
    uint8_t seq = 0;
    wire_put_err(&out, &seq, WIRE_ER_CON_COUNT_ERROR, "08004", STR("Too many connections"));
    if (send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) { /* it is told what can be told */ }
    buf_release(&out);
    close(fd);
}

/* Where it comes from, and whether a PROXY header must tell more. */
static void come_from(const struct server *srv, const struct sockaddr_storage *a, struct mail *m)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const struct conf_weir *w = &srv->snap->s.conf->weir;
    if (a->ss_family == AF_INET) {
        memcpy(m->address, mapped, sizeof mapped);
        memcpy(m->address + sizeof mapped, &((const struct sockaddr_in *)a)->sin_addr, 4);
        m->has_address = true;
    } else if (a->ss_family == AF_INET6) {
        memcpy(m->address, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
        m->has_address = true;
    }
    const uint8_t *address = m->has_address ? m->address : NULL;
    for (uint32_t i = 0; i < w->nproxy_from && !m->proxied; i++) m->proxied = conf_network_has(&w->proxy_from[i], address);
    net_host_name(address, m->host, sizeof m->host);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct listener *l = CONTAINER_OF(io, struct listener, io);
    struct server *srv = l->server;
    (void)loop, (void)events;
    for (int burst = 0; burst < 64; burst++) {
        struct sockaddr_storage a = {0};
        socklen_t n = sizeof a;
        int fd = accept4(io->fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) log_line(CONF_LOG_ERROR, "accept: out of file descriptors; raise LimitNOFILE (ulimit -n)");
            return;
        }
        uint32_t total = 0, best = 0;
        for (uint32_t i = 0; i < srv->nworkers; i++) {
            uint32_t c = atomic_load(&srv->workers[i].clients);
            total += c;
            if (c < atomic_load(&srv->workers[best].clients)) best = i;
        }
        if (total >= srv->snap->s.conf->weir.max_connections) {
            too_many(fd);
            continue;
        }
        struct mail m = {.kind = MAIL_CLIENT, .fd = fd};
        come_from(srv, &a, &m);
        atomic_fetch_add(&srv->workers[best].clients, 1);
        worker_post(&srv->workers[best], &m);
    }
}

/* ---- opening and closing ---- */

static int listen_on(const struct conf_address *a, char *why, size_t n)
{
    int fd = -1, one = 1, rc = -1;
    if (a->path.len) {
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        if (a->path.len >= sizeof un.sun_path) {
            snprintf(why, n, "the path is too long");
            return -1;
        }
        memcpy(un.sun_path, a->path.ptr, a->path.len);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof un) == 0) {
            snprintf(why, n, "another process answers there");
            close(fd);
            return -1;
        }
        unlink(un.sun_path); /* left over from a process that is gone */
        if (fd >= 0) rc = bind(fd, (struct sockaddr *)&un, sizeof un);
        if (rc == 0) chmod(un.sun_path, 0777);
    } else {
        char host[256], port[8];
        snprintf(host, sizeof host, "%.*s", STR_ARG(a->host));
        snprintf(port, sizeof port, "%u", a->port);
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
        int gai = getaddrinfo(host, port, &hints, &found);
        if (gai) {
            snprintf(why, n, "%s", gai_strerror(gai));
            return -1;
        }
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
            rc = bind(fd, found->ai_addr, found->ai_addrlen);
        }
        freeaddrinfo(found);
    }
    if (rc == 0) rc = listen(fd, 4096);
    if (fd < 0 || rc != 0) {
        snprintf(why, n, "%s", strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    return fd;
}


static bool same_address(const struct conf_address *a, const struct conf_address *b)
{
    return a->port == b->port && str_eq(a->host, b->host) && str_eq(a->path, b->path);
}

static void say(enum conf_log_level level, const char *before, const struct conf_address *a, const char *after)
{
    if (a->path.len) log_printf(level, "%s unix:%.*s%s", before, STR_ARG(a->path), after);
    else log_printf(level, "%s %.*s:%u%s", before, STR_ARG(a->host), a->port, after);
}

static struct listener *listener_open(struct server *srv, const struct conf_address *a)
{
    char why[160] = "", text[224];
    int fd = listen_on(a, why, sizeof why);
    if (fd < 0) {
        snprintf(text, sizeof text, ": %s%s", why, a->path.len ? "" : "; is another server running there?");
        say(CONF_LOG_ERROR, "cannot listen on", a, text);
        return NULL;
    }
    struct listener *l = mem_zalloc(sizeof *l + a->host.len + a->path.len);
    if (!l) {
        close(fd);
        return NULL;
    }
    char *texts = (char *)(l + 1);
    l->server = srv;
    l->address = *a;
    l->address.host = str_make(memcpy(texts, a->host.ptr ? a->host.ptr : "", a->host.len), a->host.len);
    l->address.path = str_make(memcpy(texts + a->host.len, a->path.ptr ? a->path.ptr : "", a->path.len), a->path.len);
    ev_io_init(&l->io, on_accept, fd, EV_READ);
    return l;
}

static void listener_free(struct listener *l)
{
    ev_io_stop(l->server->loop, &l->io);
    close(l->io.fd);
    if (l->address.path.len) {
        char path[256];
        snprintf(path, sizeof path, "%.*s", STR_ARG(l->address.path));
        unlink(path);
    }
    mem_free(l);
}

bool listeners_open(struct server *srv, const struct conf_weir *w)
{
    struct listener *fresh = NULL;
    for (struct listener *l = srv->listeners; l; l = l->next) l->unwanted = true;
    for (uint32_t i = 0; i < w->nlisten; i++) {
        struct listener *l = srv->listeners;
        while (l && !same_address(&l->address, &w->listen[i])) l = l->next;
        if (l) {
            l->unwanted = false;
            continue;
        }
        l = listener_open(srv, &w->listen[i]);
        if (!l) {
            while ((l = fresh)) {
                fresh = l->next;
                listener_free(l);
            }
            return false;
        }
        l->next = fresh;
        fresh = l;
    }
    while (fresh) {
        struct listener *l = fresh;
        fresh = l->next;
        l->next = srv->listeners;
        srv->listeners = l;
        ev_io_start(srv->loop, &l->io);
        say(CONF_LOG_INFO, "listening on", &l->address, "");
    }
    for (struct listener **at = &srv->listeners; *at;) {
        struct listener *l = *at;
        if (!l->unwanted) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        say(CONF_LOG_INFO, "no longer listening on", &l->address, "");
        listener_free(l);
    }
    return true;
}

void listeners_close(struct server *srv)
{
    while (srv->listeners) {
        struct listener *l = srv->listeners;
        srv->listeners = l->next;
        listener_free(l);
    }
}
