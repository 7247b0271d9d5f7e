/*
 * await.c - where a client comes from, before its session begins.
 *
 *   accepted --from weir.proxy_protocol's networks--> awaiting its PROXY header --> session_new (greeting)
 *            `------------- from elsewhere ------------------------------------------^
 *
 * From the listed networks a header must come, within login_timeout, and its address is the client's; the greeting is sent only then. From
 * elsewhere nothing is looked at: a header there is a malformed login, so that no client can claim an address.
 */
#include "proxy/net/net.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "proxy/admin/log.h"
#include "proxy/net/proxy_header.h"

enum { WARN_EVERY_MS = 1000 };

struct awaiting {
    struct list node;
    struct worker *w;
    struct stream *st;
    uint64_t since_ms;
    struct buf in;
    struct mail m;
};

void net_host_name(const uint8_t *address, char *out, size_t n)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    out[0] = 0;
    if (address && memcmp(address, mapped, sizeof mapped) == 0) inet_ntop(AF_INET, address + sizeof mapped, out, (socklen_t)n);
    else if (address) inet_ntop(AF_INET6, address, out, (socklen_t)n);
    if (!out[0] || strcmp(out, "127.0.0.1") == 0 || strcmp(out, "::1") == 0) snprintf(out, n, "localhost");
}

void await_session(struct worker *w, struct stream *st, const struct mail *m)
{
    struct engine *e = &w->engine;
    uint32_t id = w->next_id;
    w->next_id += w->server->nworkers;
    if (w->next_id < w->server->nworkers) w->next_id = e->index + w->server->nworkers;
    COUNT(e, clients_accepted);
    if (!session_new(e, &st->link, id, m->host, m->has_address ? m->address : NULL)) link_close(&st->link, false);
}

/* The stream is the caller's again. */
static void forget(struct awaiting *a)
{
    list_remove(&a->node);
    a->w->nawaiting--;
    a->st->link.owner = NULL;
    buf_release(&a->in);
    mem_free(a);
}

/* One balancer that is set up wrong must not fill the log. */
static void refuse(struct awaiting *a, const char *why)
{
    struct worker *w = a->w;
    struct stream *st = a->st;
    if (!w->header_warned_ms || w->engine.now_ms - w->header_warned_ms >= WARN_EVERY_MS) {
        log_printf(CONF_LOG_WARN,
                   "connection from %s refused: %s; weir.proxy_protocol says that connections from there begin with a PROXY header "
                   "(version 1 or 2): let the balancer send it (HAProxy: send-proxy-v2), or take its network off",
                   a->m.host, why);
        w->header_warned_ms = w->engine.now_ms;
    }
    forget(a);
    link_close(&st->link, false);
}

static void on_header(struct awaiting *a, const struct proxy_header *h, const char *rest, size_t n)
{
    struct worker *w = a->w;
    struct stream *st = a->st;
    struct mail m = a->m;
    struct buf in = a->in; /* rest may lie in it */
    memset(&a->in, 0, sizeof a->in);
    forget(a);
    if (h->has_source) {
        memcpy(m.address, h->address, sizeof m.address);
        m.has_address = true;
        net_host_name(m.address, m.host, sizeof m.host);
    }
    await_session(w, st, &m);
    if (n && st->link.owner) st->link.handler->bytes(&st->link, rest, n);
    buf_release(&in);
}

static void on_bytes(struct link *l, const char *p, size_t n)
{
    struct awaiting *a = l->owner;
    struct proxy_header h;
    const char *why;
    size_t used;
    if (!a) return;
    if (a->in.len) {
        buf_put(&a->in, p, n);
        p = a->in.data;
        n = a->in.len;
        if (a->in.failed) {
            refuse(a, "out of memory");
            return;
        }
    }
    switch (proxy_header_parse(p, n, &h, &used, &why)) {
    case PROXY_HEADER_OK: on_header(a, &h, p + used, n - used); return;
    case PROXY_HEADER_BAD: refuse(a, why); return;
    case PROXY_HEADER_MORE: break;
    }
    if (a->in.len == 0) buf_put(&a->in, p, n);
    if (a->in.failed) refuse(a, "out of memory");
}

static void on_closed(struct link *l, int error)
{
    struct awaiting *a = l->owner;
    (void)error;
    if (a) forget(a); /* balancers look whether a port is open: nothing to say */
    link_close(l, false);
}

static const struct link_handler handler = {on_bytes, NULL, on_closed, NULL};

bool await_new(struct worker *w, struct stream *st, const struct mail *m)
{
    struct awaiting *a = mem_zalloc(sizeof *a);
    if (!a) return false;
    a->w = w;
    a->st = st;
    a->m = *m;
    a->since_ms = w->engine.now_ms;
    list_append(&w->awaiting, &a->node);
    w->nawaiting++;
    st->link.owner = a;
    st->link.handler = &handler;
    return true;
}

void await_tick(struct worker *w)
{
    uint64_t most = w->engine.realm->conf->weir.login_timeout_ms;
    for (struct list *n = w->awaiting.next, *next; n != &w->awaiting; n = next) {
        struct awaiting *a = CONTAINER_OF(n, struct awaiting, node);
        next = n->next;
        if (w->engine.now_ms - a->since_ms > most) refuse(a, "no PROXY header came within login_timeout");
    }
}

void await_close_all(struct worker *w)
{
    while (!list_empty(&w->awaiting)) {
        struct awaiting *a = CONTAINER_OF(w->awaiting.next, struct awaiting, node);
        struct stream *st = a->st;
        forget(a);
        link_close(&st->link, false);
    }
}
