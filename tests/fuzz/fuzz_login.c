/*
 * fuzz_login.c - both logins: a client that says anything to Weir, and a server that says anything while Weir logs in there. The input is a script:
 *
 *   first byte   1: TLS is offered, 2: a Unix socket, 4: servers ask for TLS, 8: compression toward servers, 16: byte by byte, 32: links refuse it
 *   then         operation, length, data: a packet of the client, a packet of the server, raw bytes of either, time, a right answer
 *
 * Nothing may crash or leak; and nobody is logged in who has not shown the password: the fuzzer cannot compute an answer by chance.
 */
#include <stdio.h>
#include <stdlib.h>

#define FK_FAIL(...)                                                                                         \
    do {                                                                                                     \
        fprintf(stderr, __VA_ARGS__);                                                                        \
        fputc('\n', stderr);                                                                                 \
        abort();                                                                                             \
    } while (0)
#include "proxy/session/login.h"
#include "tests/unit/fake_login.h"

enum op { OP_CLIENT_PACKET, OP_SERVER_PACKET, OP_CLIENT_BYTES, OP_SERVER_BYTES, OP_TICK, OP_LOGIN, OP_CHANGE_USER, OP_TLS, OPS };

static const char *const yaml[4] = {
#define YAML(more)                                                                                           \
    "weir: {listen: 127.0.0.1:4406, failed_logins: 2, failed_login_delay: 1s, pool_wait: 2s, connect_timeout: 1s, tls: {certificate: c, key: k, ca: a}}\n" \
    "users:\n  app: {password: secret}\n  native: {mysql_native_password: " HASH_NATIVE "}\n"              \
    "  sha: {caching_sha2_password: " HASH_SHA2 "}\n  ed: {client_ed25519: " HASH_ED "}\n  safe: {password: secret, require_tls: certificate}\n" \
    "sources: {s0: {address: 127.0.0.1:4411, user: weir, password: weir" more "}}\nschemas: {shop: {default_source: s0}}\n"
    YAML(""), YAML(", tls: {mode: verify_ca}"), YAML(", compression: zstd"), YAML(", tls: on, compression: zlib")};

struct play {
    struct fk *w;
    struct fk_client *c;
    bool knows; /* a right answer was made: somebody may be in */
};

static struct fk_link *server_of(struct fk *w)
{
    for (struct list *i = w->links.next; i != &w->links; i = i->next) {
        struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
        if (k->server && !k->closed) return k;
    }
    return NULL;
}

/* Weir has not logged in there yet: what comes is the script's, not the fake server's. */
static void server_says(struct play *p, const uint8_t *data, size_t n, bool packet)
{
    struct fk_link *k = server_of(p->w);
    struct fb bytes = {0};
    if (!k || k->phase == 9) return;
    uint8_t seq = n ? (uint8_t)(data[0] & 7) : 0;
    if (packet && n) fb_packet(&bytes, &seq, data + 1, n - 1);
    else fb_put(&bytes, data, n);
    char *exact = malloc(bytes.n + 1); /* a read beyond it is seen */
    if (!exact) abort();
    memcpy(exact, bytes.p ? bytes.p : "", bytes.n);
    if (bytes.n) k->link.handler->bytes(&k->link, exact, bytes.n);
    free(exact);
    fb_free(&bytes);
}

static void client_says(struct play *p, const uint8_t *data, size_t n, bool packet)
{
    if (p->c->l->closed) return;
    if (packet) fb_packet(&p->c->l->out, &p->c->seq, data, n);
    else fk_raw(p->c, data, n);
    if (p->c->l->out.n && memmem(p->c->l->out.p, p->c->l->out.n, "secret", 6)) p->knows = true; /* in clear */
    fk_run(p->w);
    (void)fk_login_reply(p->c);
}

static void log_in(struct play *p, unsigned how)
{
    static const char *const users[] = {"app", "native", "sha", "ed", "safe", "nobody"};
    static const char *const methods[] = {NATIVE, SHA2, ED, CLEAR};
    if (p->c->l->closed) return;
    bool right = how & 64;
    p->knows |= right;
    (void)fk_login_to_end(p->c, users[how % COUNT_OF(users)], right ? "secret" : "wrong", "shop", methods[how / 8 % 4]);
    fk_ask(p->c, "SELECT 1");
    fk_run(p->w);
    fk_forget(p->c);
}

static void step(struct play *p, enum op op, const uint8_t *data, size_t n)
{
    switch (op) {
    case OP_CLIENT_PACKET: client_says(p, data, n, true); return;
    case OP_SERVER_PACKET: server_says(p, data, n, true); return;
    case OP_CLIENT_BYTES: client_says(p, data, n, false); return;
    case OP_SERVER_BYTES: server_says(p, data, n, false); return;
    case OP_TICK: fk_tick(p->w, n ? data[0] * 20u : 100); return;
    case OP_LOGIN: log_in(p, n ? data[0] : 0); return;
    case OP_CHANGE_USER:
        if (p->c->l->closed) return;
        fk_command_bytes(p->c, WIRE_COM_CHANGE_USER, data, n);
        p->c->seq = 1;
        fk_run(p->w);
        (void)fk_login_reply(p->c);
        return;
    case OP_TLS:
        if (!p->c->l->closed) fk_ask_tls(p->c);
        return;
    case OPS: return;
    }
}

/* Who is in must have shown the password once. */
static void check_who(const struct play *p)
{
    const struct session *s = fk_session(p->w, p->c->id);
    if (!s || p->knows || s->state < SESSION_READY) return;
    FK_FAIL("somebody is logged in as '%.*s' who never knew the password", STR_ARG(s->f.account));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t how = size ? data[0] : 0;
    struct play p = {0};
    throttle_clear();
    p.w = fk_new(yaml[how >> 2 & 3]);
    p.w->chunk = how & 16 ? 1 : 0;
    p.w->no_compression = p.w->no_tls = how & 32;
    struct tls_context *contexts[1] = {FK_TLS};
    p.w->snap->s.source_tls = contexts;
    p.w->snap->s.client_tls = how & 1 ? FK_TLS : NULL;
    p.w->src[0] = (struct fk_source){.mute = true, .plugin = NATIVE, .auth = FK_AUTH_HANG};
    static const uint8_t from[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};
    p.c = fk_client_from(p.w, ~0u & ~(uint32_t)(WIRE_CAP_SSL | WIRE_CAP_CONNECT_ATTRS), "h", how & 2 ? NULL : from);
    for (size_t at = 1; at + 2 <= size;) {
        size_t n = data[at + 1], left = size - at - 2;
        if (n > left) n = left;
        step(&p, (enum op)(data[at] % OPS), data + at + 2, n);
        check_who(&p);
        at += 2 + n;
    }
    p.w->src[0].up = FK_REFUSE;
    fk_leave(p.c);
    for (int i = 0; i < 12; i++) fk_tick(p.w, 500);
    p.w->snap->s.client_tls = NULL;
    fk_free(p.w);
    return 0;
}
