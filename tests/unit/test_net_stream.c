/*
 * Streams with TLS and compression over socket pairs: back-pressure both ways, bytes that wait while a link is paused, the ways in which a
 * connection ends, and what its owner may do inside a call-back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/net/net.h"
#include "proxy/net/tls.h"

void worker_now(struct worker *w)
{
    w->engine.now_ms += 1;
}

static char folder[64];
static struct tls_context *server_context, *client_context, *doubting_context;

static struct conf_text text(const char *z)
{
    return (struct conf_text){str_of(z), {1, 1}};
}

static int make_contexts(void **state)
{
    static char file[96];
    struct conf c = {0};
    struct conf_source source = {.name = STR("s0"), .tls = {.mode = CONF_TLS_VERIFY_IDENTITY, .ca = text("ca.pem")}};
    struct diag d;
    char command[128];
    (void)state;
    strcpy(folder, P_tmpdir "/weir-test-ca-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(command, sizeof command, "tools/testca %s", folder);
    if (system(command) != 0) return 1;
    snprintf(file, sizeof file, "%s/rules.yaml", folder);
    c.file = str_of(file);
    c.weir.tls.certificate = text("server-ec.pem");
    c.weir.tls.key = text("server-ec.key");
    diag_init(&d);
    server_context = tls_context_clients(&c, &d);
    client_context = tls_context_source(&c, &source, &d);
    source.tls.ca = text("other-ca.pem");
    doubting_context = tls_context_source(&c, &source, &d);
    diag_release(&d);
    return server_context && client_context && doubting_context ? 0 : 1;
}

static int free_contexts(void **state)
{
    char command[128];
    (void)state;
    tls_context_unref(server_context);
    tls_context_unref(client_context);
    tls_context_unref(doubting_context);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : 1;
}

/* ---- two ends in one loop ---- */

struct end {
    struct link *l;
    struct buf got;
    int closed, error, drained;
    char why[300];
    size_t pause_every, since_pause, largest; /* pauses itself after so many bytes */
    bool starts_tls;                          /* with the first bytes as `rest` */
    bool closes_at_bytes, first_only;
};
struct rig {
    struct worker w;
    struct end s, c;
};

static void on_bytes(struct link *l, const char *p, size_t n)
{
    struct end *e = l->owner;
    assert_true(n > 0);
    assert_false(l->paused);
    if (e->starts_tls) {
        e->starts_tls = false;
        assert_true(link_start_tls(l, server_context, true, NULL, p, n));
        return;
    }
    if (n > e->largest) e->largest = n;
    buf_put(&e->got, p, n);
    e->since_pause += n;
    if (e->pause_every && e->since_pause >= e->pause_every) {
        e->since_pause = 0;
        link_pause(l);
    }
    if (e->closes_at_bytes) {
        e->l = NULL;
        link_close(l, false);
    }
}

static void on_drained(struct link *l)
{
    struct end *e = l->owner;
    e->drained++;
}

static void on_closed(struct link *l, int error)
{
    struct end *e = l->owner;
    e->closed++;
    e->error = error;
    snprintf(e->why, sizeof e->why, "%s", l->why ? l->why : "");
    e->l = NULL;
    link_close(l, false);
}

static const struct link_handler handler = {on_bytes, on_drained, on_closed, NULL};

static void open_rig(struct rig *r)
{
    int fd[2], size = 50000;
    memset(r, 0, sizeof *r);
    list_init(&r->w.dead);
    list_init(&r->w.lingering);
    r->w.scratch = mem_alloc(NET_SCRATCH);
    r->w.loop = ev_loop_new(EVBACKEND_EPOLL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    for (int i = 0; i < 2; i++) {
        setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        struct stream *st = stream_new(&r->w, fd[i], false);
        struct end *e = i ? &r->c : &r->s;
        st->outgoing = i;
        st->link.handler = &handler;
        st->link.owner = e;
        e->l = &st->link;
        assert_true(st->link.is_unix);
    }
}

static void turn(struct rig *r)
{
    ev_run(r->w.loop, EVRUN_NOWAIT);
    stream_reap(&r->w);
}

static void turns(struct rig *r, int n)
{
    while (n--) turn(r);
}

static void close_rig(struct rig *r)
{
    if (r->s.l) link_close(r->s.l, false);
    if (r->c.l) link_close(r->c.l, false);
    stream_reap(&r->w);
    stream_kill_all(&r->w);
    layer_room_free(&r->w);
    ev_loop_destroy(r->w.loop);
    mem_free(r->w.scratch);
    buf_release(&r->s.got);
    buf_release(&r->c.got);
}

static void both_tls(struct rig *r)
{
    r->s.starts_tls = true;
    assert_true(link_start_tls(r->c.l, client_context, false, "weir.test", NULL, 0));
    for (int i = 0; i < 1000 && !(r->c.l && r->c.l->tls_version && r->s.l && r->s.l->tls_version); i++) turn(r);
    assert_non_null(r->c.l);
    assert_non_null(r->c.l->tls_version);
    assert_non_null(r->s.l->tls_version);
}

static void both_compressed(struct rig *r, int how)
{
    if (!how) return;
    assert_true(link_start_compression(r->c.l, (enum link_compression)how, 1));
    assert_true(link_start_compression(r->s.l, (enum link_compression)how, 1));
    assert_true(r->c.l->compressed && r->s.l->compressed);
}

/* Packets of several sizes, numbered from *seq; about `total` bytes. */
static void put_packets(struct buf *b, size_t total, uint8_t *seq, uint32_t x)
{
    while (b->len < total) {
        x = x * 1664525 + 1013904223;
        uint32_t n = x >> 8 & 7 ? x >> 24 : x >> 16 & 0xffff;
        buf_put_u24(b, n);
        buf_put_u8(b, (*seq)++);
        for (uint32_t i = 0; i < n; i++) buf_put_u8(b, (uint8_t)(i * i / 97 + x));
    }
}

/* Sends all from one end, in pieces of any size, while the other reads with pauses. */
static void stream_over(struct rig *r, struct end *from, struct end *to, const struct buf *all, size_t pause_every)
{
    size_t at = 0;
    uint32_t x = 7;
    to->pause_every = pause_every;
    to->got.len = 0;
    bool was_choked = false;
    int drained = from->drained;
    for (int i = 0; to->got.len < all->len; i++) {
        if (i > 2000000) fail_msg("it hangs at %zu of %zu, sent %zu, pending %zu", to->got.len, all->len, at, from->l->pending);
        while (at < all->len && from->l->pending < LINK_HIGH) {
            x = x * 1664525 + 1013904223;
            size_t n = (x >> 28) ? x >> 16 : x >> 12;
            if (n > all->len - at) n = all->len - at;
            link_send(from->l, all->data + at, n);
            at += n;
        }
        if (from->l->pending > LINK_HIGH) was_choked = true;
        turn(r);
        if (to->l->paused && i % 3 == 0) link_resume(to->l);
    }
    turns(r, 20);
    assert_int_equal(to->got.len, all->len);
    assert_memory_equal(to->got.data, all->data, all->len);
    assert_int_equal(from->l->pending, 0);
    if (was_choked) assert_true(from->drained > drained);
    to->pause_every = 0;
    if (to->l->paused) link_resume(to->l);
}

static void test_bulk(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        for (int how = 0; how <= LINK_ZSTD; how++) {
            for (int pauses = 0; pauses < 2; pauses++) {
                struct rig r;
                struct buf up = {0}, down = {0};
                uint8_t seq = 0;
                open_rig(&r);
                put_packets(&up, 6000000, &seq, 1);
                put_packets(&down, 6000000, &seq, 2);
                if (tls) both_tls(&r);
                both_compressed(&r, how);
                link_new_command(r.c.l);
                stream_over(&r, &r.c, &r.s, &up, pauses ? 30000 : 0);
                link_new_command(r.s.l);
                stream_over(&r, &r.s, &r.c, &down, pauses ? 1 : 0);
                assert_int_equal(r.s.closed + r.c.closed, 0);
                buf_release(&up);
                buf_release(&down);
                close_rig(&r);
            }
        }
    }
}

static void test_early(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r);
    r.s.starts_tls = true;
    assert_true(link_start_tls(r.c.l, client_context, false, "weir.test", NULL, 0));
    link_send(r.c.l, "login", 5); /* waits for the handshake */
    assert_int_equal(r.c.l->pending, 5);
    turns(&r, 50);
    assert_int_equal(r.s.got.len, 5);
    assert_int_equal(r.c.l->pending, 0);
    assert_string_equal(r.s.l->tls_version, "TLSv1.3");
    assert_string_equal(r.c.l->tls_subject, "/O=Weir tests/CN=localhost");
    assert_true(r.c.l->certificate);
    assert_false(r.s.l->certificate);
    assert_true(r.s.l->tls && r.c.l->tls);
    assert_false(link_start_tls(r.c.l, client_context, false, "weir.test", NULL, 0)); /* not twice */
    close_rig(&r);
}

/* A paused link gets what had arrived when it is resumed, though the socket has nothing new. */
static void test_paused(void **state)
{
    (void)state;
    for (int how = 0; how <= LINK_ZSTD; how++) {
        struct rig r;
        struct buf all = {0};
        uint8_t seq = 0;
        open_rig(&r);
        both_tls(&r);
        both_compressed(&r, how);
        put_packets(&all, 120000, &seq, 3);
        link_new_command(r.c.l);
        r.s.pause_every = 1;
        link_send(r.c.l, all.data, all.len);
        turns(&r, 50);
        assert_true(r.s.l->paused);
        size_t first = r.s.got.len;
        assert_true(first > 0 && first < all.len);
        turns(&r, 50);
        assert_int_equal(r.s.got.len, first);
        link_resume(r.s.l);
        link_pause(r.s.l); /* before the loop came: nothing is lost, nothing is given */
        turns(&r, 50);
        assert_int_equal(r.s.got.len, first);
        r.s.pause_every = 0;
        link_resume(r.s.l);
        if (!how) link_send(r.s.l, "\x01\x00\x00\x09!", 5); /* a call in between */
        turns(&r, 50);
        assert_int_equal(r.s.got.len, all.len);
        assert_memory_equal(r.s.got.data, all.data, all.len);
        buf_release(&all);
        close_rig(&r);
    }
}

static void test_close_flushes(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        for (int how = 0; how <= LINK_ZSTD; how++) {
            struct rig r;
            struct buf all = {0};
            uint8_t seq = 1;
            open_rig(&r);
            if (tls) both_tls(&r);
            both_compressed(&r, how);
            link_new_command(r.c.l);
            link_send(r.c.l, "\x01\x00\x00\x00\x03", 5);
            turns(&r, 10);
            assert_int_equal(r.s.got.len, 5);
            link_new_command(r.s.l);
            put_packets(&all, 3000000, &seq, 4);
            link_send(r.s.l, all.data, all.len);
            if (!how) link_send(r.c.l, "unread", 6); /* must not cost the answer */
            link_close(r.s.l, true);
            r.s.l = NULL;
            for (int i = 0; i < 1500 && !r.c.closed; i++) turn(&r);
            assert_int_equal(r.c.closed, 1);
            assert_int_equal(r.c.error, 0);
            assert_int_equal(r.c.got.len, all.len);
            assert_memory_equal(r.c.got.data, all.data, all.len);
            assert_int_equal(r.s.closed, 0);
            buf_release(&all);
            close_rig(&r);
        }
    }
}

static void cut_wire(struct end *e)
{
    shutdown(CONTAINER_OF(e->l, struct stream, link)->io.fd, SHUT_WR);
}

static void test_truncated(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r); /* before the handshake is over */
    assert_true(link_start_tls(r.s.l, server_context, true, NULL, "\x16\x03", 2));
    cut_wire(&r.c);
    turns(&r, 10);
    assert_int_equal(r.s.closed, 1);
    assert_int_equal(r.s.error, EPROTO);
    assert_string_equal(r.s.why, "the client left in the middle of the TLS handshake");
    close_rig(&r);
    open_rig(&r);
    assert_true(link_start_tls(r.c.l, client_context, false, "weir.test", NULL, 0));
    cut_wire(&r.s);
    turns(&r, 10);
    assert_int_equal(r.c.error, EPROTO);
    assert_string_equal(r.c.why, "the server closed the connection in the middle of the TLS handshake");
    close_rig(&r);
    open_rig(&r); /* after: an end, with or without a good-bye */
    both_tls(&r);
    cut_wire(&r.c);
    turns(&r, 10);
    assert_int_equal(r.s.closed, 1);
    assert_int_equal(r.s.error, 0);
    close_rig(&r);
}

static void test_refused(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r);
    r.s.starts_tls = true;
    assert_true(link_start_tls(r.c.l, doubting_context, false, "weir.test", NULL, 0));
    link_send(r.c.l, "secret", 6);
    turns(&r, 50);
    assert_int_equal(r.c.closed, 1);
    assert_int_equal(r.c.error, EPROTO);
    assert_non_null(strstr(r.c.why, "certificate verify failed"));
    assert_int_equal(r.s.closed, 1);
    assert_int_equal(r.s.error, EPROTO);
    assert_non_null(strstr(r.s.why, "refused our certificate"));
    assert_int_equal(r.s.got.len, 0);
    close_rig(&r);
    open_rig(&r); /* not TLS at all */
    r.s.starts_tls = true;
    link_send(r.c.l, "\x20\x00\x00\x01hello, I am no TLS", 22);
    turns(&r, 50);
    assert_int_equal(r.s.error, EPROTO);
    close_rig(&r);
}

static void test_close_inside(void **state)
{
    (void)state;
    for (int how = 0; how <= LINK_ZSTD; how++) {
        struct rig r;
        struct buf all = {0};
        uint8_t seq = 0;
        open_rig(&r);
        both_tls(&r);
        both_compressed(&r, how);
        put_packets(&all, 100000, &seq, 5);
        link_new_command(r.c.l);
        r.s.closes_at_bytes = true;
        link_send(r.c.l, all.data, all.len);
        turns(&r, 50);
        assert_null(r.s.l);
        assert_int_equal(r.s.closed, 0);
        assert_int_equal(r.c.closed, 1);
        buf_release(&all);
        close_rig(&r);
    }
}

static void test_bad_frame(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct rig r;
        open_rig(&r);
        if (tls) both_tls(&r);
        assert_true(link_start_compression(r.s.l, LINK_ZLIB, 0));
        link_send(r.c.l, "\x05\x00\x00\x00\x10\x00\x00xxxxx", 12);
        turns(&r, 20);
        assert_int_equal(r.s.closed, 1);
        assert_int_equal(r.s.error, EPROTO);
        assert_string_equal(r.s.why, "a frame of the compressed protocol cannot be unpacked");
        close_rig(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bulk),      cmocka_unit_test(test_early),   cmocka_unit_test(test_paused),       cmocka_unit_test(test_close_flushes),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_refused), cmocka_unit_test(test_close_inside), cmocka_unit_test(test_bad_frame),
    };
    return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
