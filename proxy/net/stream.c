/*
 * stream.c - links over sockets.
 *
 * One ev_io a socket, level-triggered, registered for reading all the time: the common statement costs no epoll_ctl. Writing is watched
 * only while something is left over. A stream that was closed stays until the end of the event (worker->dead), a flushing one at most
 * NET_LINGER_MS (worker->lingering).
 */
#include "proxy/net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

void stream_watch(struct stream *s)
{
    int want = 0;
    if (!s->over) want = (s->link.paused ? 0 : EV_READ);
    else if (s->lingering) want = EV_READ;
    if (s->connecting || s->out.len) want |= EV_WRITE;
    if ((s->io.events & (EV_READ | EV_WRITE)) == want && ev_is_active(&s->io) == (want != 0)) return;
    ev_io_stop(s->w->loop, &s->io);
    if (!want) return;
    ev_io_modify(&s->io, want);
    ev_io_start(s->w->loop, &s->io);
    if (s->layers && (want & EV_READ) && !s->over && layer_holds_input(s)) ev_feed_event(s->w->loop, &s->io, EV_READ);
}

static void bury(struct stream *s)
{
    ev_io_stop(s->w->loop, &s->io);
    list_remove(&s->node);
    list_append(&s->w->dead, &s->node);
}

static void push(struct stream *s)
{
    while (s->out.len) {
        ssize_t n = send(s->io.fd, s->out.data, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) {
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) s->out.len = 0; /* the reader will see the end */
            break;
        }
        buf_consume(&s->out, (size_t)n);
        s->link.taken += (size_t)n;
    }
    s->link.pending = s->out.len + layer_pending(s);
    if (s->out.len == 0) buf_release(&s->out);
}

void stream_put(struct stream *s, const void *p, size_t n)
{
    struct link *l = &s->link;
    if (s->over) return;
    if (LIKELY(s->out.len == 0 && !s->connecting)) {
        ssize_t done = send(s->io.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (LIKELY(done > 0)) l->taken += (size_t)done;
        if (LIKELY(done == (ssize_t)n)) return;
        if (done < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            ev_feed_event(s->w->loop, &s->io, EV_READ); /* reading tells the owner, later */
            return;
        }
        if (done > 0) {
            p = (const char *)p + done;
            n -= (size_t)done;
        }
    }
    buf_put(&s->out, p, n);
    if (s->out.failed) {
        shutdown(s->io.fd, SHUT_RDWR);
        return;
    }
    l->pending = s->out.len + layer_pending(s);
    if (l->pending > LINK_HIGH) s->choked = true;
    stream_watch(s);
}

static void stream_send(struct link *l, const void *p, size_t n)
{
    stream_put(stream_of(l), p, n);
}

void stream_set_paused(struct link *l, bool paused)
{
    l->paused = paused;
    stream_watch(stream_of(l));
}

static void stream_pause(struct link *l)
{
    stream_set_paused(l, true);
}

static void stream_resume(struct link *l)
{
    stream_set_paused(l, false);
}

void stream_shut(struct stream *s, bool flush)
{
    if (s->over) return;
    s->over = true;
    s->link.owner = NULL;
    if (flush) { /* unread input would make the kernel reset the connection, and the last answer would be lost */
        s->lingering = true;
        if (s->out.len == 0) shutdown(s->io.fd, SHUT_WR);
        s->close_at_ms = s->w->engine.now_ms + NET_LINGER_MS;
        list_remove(&s->node);
        list_append(&s->w->lingering, &s->node);
        stream_watch(s);
        return;
    }
    bury(s);
}

static void stream_close(struct link *l, bool flush)
{
    stream_shut(stream_of(l), flush);
}

static const struct link_ops ops = {stream_send, stream_pause, stream_resume, stream_close, layer_start_tls, layer_start_compression, NULL};

void stream_closed(struct stream *s, int error)
{
    if (s->over) bury(s);
    else if (s->link.owner) s->link.handler->closed(&s->link, error);
    else stream_shut(s, false);
}

static void on_connected(struct stream *s)
{
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &error, &n);
    s->connecting = false;
    if (error) {
        stream_closed(s, error);
        return;
    }
    push(s);
    stream_watch(s);
    if (s->link.handler->connected) s->link.handler->connected(&s->link);
}

static void on_writable(struct stream *s)
{
    push(s);
    if (s->lingering && s->out.len == 0) shutdown(s->io.fd, SHUT_WR);
    stream_watch(s);
    if (s->choked && s->link.pending < LINK_LOW) {
        s->choked = false;
        if (!s->over && s->link.handler->drained) s->link.handler->drained(&s->link);
    }
}

/* Until the peer has closed too, or the time is over. */
static void discard_input(struct stream *s)
{
    ssize_t n = recv(s->io.fd, s->w->scratch, NET_SCRATCH, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) bury(s);
}

void stream_events(struct stream *s, int events)
{
    if (events & EV_WRITE) on_writable(s);
    if (s->lingering) discard_input(s);
}

static void on_event(struct ev_loop *loop, ev_io *io, int events)
{
    struct stream *s = CONTAINER_OF(io, struct stream, io);
    struct worker *w = s->w;
    (void)loop;
    worker_now(w);
    if (UNLIKELY(s->connecting)) {
        on_connected(s);
    } else {
        if (UNLIKELY(events & EV_WRITE)) on_writable(s);
        if (UNLIKELY(s->lingering)) discard_input(s);
        if (LIKELY(events & EV_READ) && !s->over && !s->link.paused) {
            ssize_t n = recv(s->io.fd, w->scratch, NET_SCRATCH, MSG_DONTWAIT);
            if (LIKELY(n > 0)) s->link.handler->bytes(&s->link, w->scratch, (size_t)n);
            else if (n == 0) stream_closed(s, 0);
            else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) stream_closed(s, errno);
        }
    }
    if (UNLIKELY(!list_empty(&w->dead))) stream_reap(w);
}

static bool is_unix(int fd)
{
    int domain = 0;
    socklen_t n = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX;
}

struct stream *stream_new(struct worker *w, int fd, bool connecting)
{
    struct stream *s = mem_zalloc(sizeof *s);
    if (!s) return NULL;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    s->link.ops = &ops;
    s->w = w;
    s->connecting = s->outgoing = connecting;
    s->out.max = (size_t)1 << 31;
    s->link.is_unix = is_unix(fd);
    list_init(&s->node);
    ev_io_init(&s->io, on_event, fd, connecting ? EV_WRITE : EV_READ);
    ev_io_start(w->loop, &s->io);
    return s;
}

struct link *stream_connect(struct engine *e, const struct conf_address *to, const struct link_handler *h, void *owner)
{
    struct worker *w = e->net;
    struct net_snapshot *ns = CONTAINER_OF(e->realm->snap, struct net_snapshot, s);
    const struct conf_source *src = CONTAINER_OF(to, struct conf_source, primary);
    const struct sockaddr_storage *a = &ns->addresses[src->index];
    if (ns->s.conf->sources + src->index != src) return NULL; /* of a configuration that is gone */
    if (!ns->address_lengths[src->index]) return NULL;
    int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return NULL;
    int rc = connect(fd, (const struct sockaddr *)a, ns->address_lengths[src->index]);
    int error = rc < 0 ? errno : 0;
    struct stream *s = stream_new(w, fd, true);
    if (!s) {
        close(fd);
        return NULL;
    }
    s->link.handler = h;
    s->link.owner = owner;
    if (error && error != EINPROGRESS) ev_feed_event(w->loop, &s->io, EV_WRITE); /* told from the loop, never from in here */
    return &s->link;
}

static void stream_free(struct stream *s)
{
    list_remove(&s->node);
    ev_io_stop(s->w->loop, &s->io);
    close(s->io.fd);
    buf_release(&s->out);
    layer_free(s);
    mem_free(s);
}

void stream_reap(struct worker *w)
{
    while (!list_empty(&w->dead)) stream_free(CONTAINER_OF(w->dead.next, struct stream, node));
    for (struct list *n = w->lingering.next, *next; n != &w->lingering; n = next) {
        struct stream *s = CONTAINER_OF(n, struct stream, node);
        next = n->next;
        if (s->close_at_ms <= w->engine.now_ms) stream_free(s);
    }
}

void stream_kill_all(struct worker *w)
{
    while (!list_empty(&w->dead)) stream_free(CONTAINER_OF(w->dead.next, struct stream, node));
    while (!list_empty(&w->lingering)) stream_free(CONTAINER_OF(w->lingering.next, struct stream, node));
}
