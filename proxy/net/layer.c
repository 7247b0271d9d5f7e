/*
 * layer.c - TLS and compression on a stream.
 *
 *   reading:  socket --recv--> raw --tls_read--> clear --compress_read--> bytes --> handler
 *   writing:  handler --> compress_write --> packed --tls_write--> cipher --> stream_put --> socket
 *
 * Clear and unpacked bytes pass through buffers of the worker, which every stream uses in turn. A link that is paused while a chunk is being taken apart keeps
 * what was not looked at (`raw`, `clear`), and is called again from the loop when it is resumed, though its socket may have nothing new. What is sent before
 * the handshake is done waits in `early`.
 */
#include "proxy/net/net.h"

#include <errno.h>
#include <unistd.h>

#include "proxy/net/compress.h"
#include "proxy/net/tls.h"

enum {
    CLEAR_ROOM = 64 << 10,
    UNPACKED_ROOM = 64 << 10,
    SEND_PART = 256 << 10,  /* bytes encoded at a time: bounds the worker's buffers */
    ROOM_KEEP = 512 << 10,
    EARLY_MAX = 16 << 20,
};

struct layer_room { /* of a worker */
    char clear[CLEAR_ROOM], unpacked[UNPACKED_ROOM];
    struct buf packed, cipher, answer;
    struct compress_shop *shop;
};

struct layers {
    struct tls *tls;
    struct compress *zip;
    struct buf raw, clear; /* not looked at yet */
    struct buf early;
    bool more;             /* there is something to do without new bytes */
};

static void layer_event(struct ev_loop *loop, ev_io *io, int events);

/* ---- writing ---- */

static void forget(struct buf *b)
{
    if (b->cap > ROOM_KEEP) buf_release(b);
    else buf_reset(b);
}

static void broken(struct stream *s)
{
    shutdown(s->io.fd, SHUT_RDWR); /* the reader will see the end */
}

/* A part that is ready for the socket, but for TLS. */
static void send_clear(struct stream *s, const char *p, size_t n)
{
    struct layers *y = s->layers;
    struct layer_room *room = s->w->room;
    if (!y->tls) {
        stream_put(s, p, n);
        return;
    }
    if (!tls_ready(y->tls)) {
        buf_put(&y->early, p, n);
        if (y->early.failed) broken(s);
        s->link.pending = s->out.len + y->early.len;
        if (s->link.pending > LINK_HIGH) s->choked = true;
        return;
    }
    forget(&room->cipher);
    if (tls_write(y->tls, p, n, &room->cipher)) stream_put(s, room->cipher.data, room->cipher.len);
    else broken(s);
}

static void layer_send(struct link *l, const void *from, size_t n)
{
    struct stream *s = stream_of(l);
    struct layers *y = s->layers;
    struct layer_room *room = s->w->room;
    const char *p = from;
    while (n && !s->over) {
        size_t part = n < SEND_PART ? n : SEND_PART;
        if (y->zip) {
            forget(&room->packed);
            if (compress_write(y->zip, p, part, &room->packed)) send_clear(s, room->packed.data, room->packed.len);
            else broken(s);
        } else {
            send_clear(s, p, part);
        }
        p += part;
        n -= part;
    }
}

static void layer_pause(struct link *l)
{
    stream_set_paused(l, true);
}

static void layer_resume(struct link *l)
{
    stream_set_paused(l, false);
}

static void layer_close(struct link *l, bool flush)
{
    struct stream *s = stream_of(l);
    struct layer_room *room = s->w->room;
    if (s->over) return;
    if (s->layers->tls && (flush || s->out.len == 0)) {
        forget(&room->cipher);
        tls_close(s->layers->tls, &room->cipher);
        if (room->cipher.len) stream_put(s, room->cipher.data, room->cipher.len);
    }
    stream_shut(s, flush);
}

static void layer_new_command(struct link *l)
{
    struct stream *s = stream_of(l);
    if (s->layers->zip) compress_new_command(s->layers->zip);
}

static const struct link_ops layer_ops = {layer_send,      layer_pause,             layer_resume,     layer_close,
                                          layer_start_tls, layer_start_compression, layer_new_command};

/* ---- life ---- */

static bool have_layers(struct stream *s)
{
    struct worker *w = s->w;
    if (!w->room) {
        struct layer_room *room = mem_zalloc(sizeof *room);
        if (room) room->shop = compress_shop_new();
        if (!room || !room->shop) {
            mem_free(room);
            return false;
        }
        w->room = room;
    }
    if (s->layers) return true;
    s->layers = mem_zalloc(sizeof *s->layers);
    if (!s->layers) return false;
    s->layers->early.max = EARLY_MAX;
    s->link.ops = &layer_ops;
    ev_set_cb(&s->io, layer_event);
    return true;
}

/* Goes on from the loop, never from inside the caller. */
static void later(struct stream *s)
{
    s->layers->more = true;
    if (!s->link.paused && ev_is_active(&s->io)) ev_feed_event(s->w->loop, &s->io, EV_READ);
}

bool layer_start_tls(struct link *l, struct tls_context *ctx, bool server, const char *name, const char *rest, size_t n)
{
    struct stream *s = stream_of(l);
    if (!ctx || s->over || (s->layers && (s->layers->tls || s->layers->zip)) || !have_layers(s)) return false;
    struct tls *t = tls_new(ctx, server, name);
    if (!t) return false;
    buf_put(&s->layers->raw, rest, n);
    if (s->layers->raw.failed) {
        tls_free(t);
        return false;
    }
    s->layers->tls = t;
    l->tls = true;
    later(s);
    return true;
}

bool layer_start_compression(struct link *l, enum link_compression how, int level)
{
    struct stream *s = stream_of(l);
    if (s->over || !have_layers(s) || s->layers->zip) return false;
    s->layers->zip = compress_new(s->w->room->shop, how, level, !s->outgoing);
    l->compressed = s->layers->zip != NULL;
    return l->compressed;
}

bool layer_holds_input(const struct stream *s)
{
    return s->layers && s->layers->more;
}

size_t layer_pending(const struct stream *s)
{
    return s->layers ? s->layers->early.len : 0;
}

void layer_free(struct stream *s)
{
    struct layers *y = s->layers;
    if (!y) return;
    tls_free(y->tls);
    compress_free(y->zip);
    buf_release(&y->raw);
    buf_release(&y->clear);
    buf_release(&y->early);
    mem_free(y);
    s->layers = NULL;
}

void layer_room_free(struct worker *w)
{
    struct layer_room *room = w->room;
    if (!room) return;
    compress_shop_free(room->shop);
    buf_release(&room->packed);
    buf_release(&room->cipher);
    buf_release(&room->answer);
    mem_free(room);
    w->room = NULL;
}

/* ---- reading ---- */

enum step { STEP_BYTES, STEP_MORE, STEP_END, STEP_FAILED };

static void handshake_done(struct stream *s)
{
    struct layers *y = s->layers;
    struct link *l = &s->link;
    struct buf early = y->early;
    l->tls_version = tls_version(y->tls);
    l->tls_cipher = tls_cipher(y->tls);
    l->tls_subject = tls_subject(y->tls);
    l->certificate = l->tls_subject != NULL;
    memset(&y->early, 0, sizeof y->early);
    l->pending = s->out.len;
    if (early.len) send_clear(s, early.data, early.len);
    buf_release(&early);
}

static enum step read_clear(struct stream *s, struct str *raw, struct str *clear)
{
    struct layers *y = s->layers;
    struct layer_room *room = s->w->room;
    if (!y->tls) {
        *clear = *raw;
        *raw = STR_NULL;
        return clear->len ? STEP_BYTES : STEP_MORE;
    }
    size_t got = 0;
    bool was_ready = tls_ready(y->tls);
    forget(&room->answer);
    enum tls_status st = tls_read(y->tls, &raw->ptr, &raw->len, room->clear, sizeof room->clear, &got, &room->answer);
    if (room->answer.len) stream_put(s, room->answer.data, room->answer.len);
    if (!was_ready && tls_ready(y->tls)) handshake_done(s);
    *clear = str_make(room->clear, got);
    switch (st) {
    case TLS_BYTES: return STEP_BYTES;
    case TLS_MORE: return STEP_MORE;
    case TLS_END: return STEP_END;
    case TLS_FAILED: s->link.why = tls_why(y->tls); return STEP_FAILED;
    }
    return STEP_FAILED;
}

/* Unpacked bytes, when they are packed. */
static enum step read_bytes(struct stream *s, struct str *raw, struct str *clear, struct str *bytes)
{
    struct layers *y = s->layers;
    struct layer_room *room = s->w->room;
    for (;;) {
        if (y->zip) {
            size_t got = 0;
            enum compress_status st = compress_read(y->zip, &clear->ptr, &clear->len, room->unpacked, sizeof room->unpacked, &got);
            *bytes = str_make(room->unpacked, got);
            if (st == COMPRESS_BYTES) return STEP_BYTES;
            if (st == COMPRESS_BAD) {
                s->link.why = compress_why(y->zip);
                return STEP_FAILED;
            }
        } else if (clear->len) {
            *bytes = *clear;
            *clear = STR_NULL;
            return STEP_BYTES;
        }
        enum step st = read_clear(s, raw, clear);
        if (st != STEP_BYTES) return st;
    }
}

/* What was not looked at stays; v may lie inside b. */
static void keep(struct stream *s, struct buf *b, struct str v)
{
    if (v.len == 0) {
        buf_release(b);
        return;
    }
    if (b->len && v.ptr >= b->data && v.ptr < b->data + b->len) {
        buf_consume(b, (size_t)(v.ptr - b->data));
        return;
    }
    buf_reset(b);
    buf_put(b, v.ptr, v.len);
    if (b->failed) broken(s);
}

static void take(struct stream *s, struct str raw)
{
    struct layers *y = s->layers;
    struct str clear = buf_str(&y->clear), bytes;
    enum step st = STEP_BYTES;
    while (st == STEP_BYTES && !s->over && !s->link.paused) {
        st = read_bytes(s, &raw, &clear, &bytes);
        if (st == STEP_BYTES && s->link.owner) s->link.handler->bytes(&s->link, bytes.ptr, bytes.len);
    }
    if (s->over) return;
    y->more = st == STEP_BYTES; /* paused */
    if (st == STEP_END) stream_closed(s, 0);
    else if (st == STEP_FAILED) stream_closed(s, EPROTO);
    if (s->over) return;
    keep(s, &y->clear, clear);
    keep(s, &y->raw, raw);
}

/* The end without a good-bye. Many clients leave like that; in the middle of a handshake it is a fault. */
static void cut(struct stream *s, int error)
{
    struct layers *y = s->layers;
    if (y->tls && !tls_ready(y->tls)) {
        s->link.why = s->outgoing ? "the server closed the connection in the middle of the TLS handshake"
                                  : "the client left in the middle of the TLS handshake";
        error = EPROTO;
    }
    stream_closed(s, error);
}

static void layer_read(struct stream *s)
{
    struct layers *y = s->layers;
    if (y->more || y->raw.len || y->clear.len) {
        take(s, buf_str(&y->raw));
        return;
    }
    ssize_t n = recv(s->io.fd, s->w->scratch, NET_SCRATCH, MSG_DONTWAIT);
    if (n > 0) take(s, str_make(s->w->scratch, (size_t)n));
    else if (n == 0) cut(s, 0);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) cut(s, errno);
}

static void layer_event(struct ev_loop *loop, ev_io *io, int events)
{
    struct stream *s = CONTAINER_OF(io, struct stream, io);
    struct worker *w = s->w;
    (void)loop;
    worker_now(w);
    if (events & EV_WRITE || s->lingering) stream_events(s, events);
    if ((events & EV_READ) && !s->over && !s->link.paused) layer_read(s);
    if (s->choked && !s->over && s->link.pending < LINK_LOW) { /* `early` went */
        s->choked = false;
        if (s->link.handler->drained) s->link.handler->drained(&s->link);
    }
    if (UNLIKELY(!list_empty(&w->dead))) stream_reap(w);
}
