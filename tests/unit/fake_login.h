/*
 * fake_login.h - the clients' side of every method of authentication, for tests of logins.
 */
#ifndef WEIR_TESTS_FAKE_LOGIN_H
#define WEIR_TESTS_FAKE_LOGIN_H

#include "fake_client.h"

#define SHA2   "caching_sha2_password"
#define NATIVE "mysql_native_password"
#define ED     "client_ed25519"
#define CLEAR  "mysql_clear_password"

/* The password `secret` in all its forms. */
#define HASH_NATIVE "'*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'"
#define HASH_SHA2   "'$A$005$k7Qp2XwZ9aLm4RtY6bNcpFL3XC/rzQPZOwBK8xCyBJjEXpZJSmPW595aRoHemx.'"
#define HASH_ED     "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"

/* Other users and lines of weir, the usual servers. */
#define LOGIN_YAML(weir, users)                                                                              \
    "weir: {listen: 127.0.0.1:4406" weir "}\n"                                                               \
    "users:\n" users                                                                                         \
    "sources:\n"                                                                                             \
    "  s0: {address: 127.0.0.1:4411, user: weir, password: weir, max_connections: 4}\n"                      \
    "  s1: {address: 127.0.0.1:4412, user: weir, password: weir, max_connections: 4}\n"                      \
    "schemas:\n"                                                                                             \
    "  shop: {default_source: s0}\n"                                                                         \
    "  other: {default_source: s1}\n"

static inline void fk_answer_bytes(struct fk_client *c, const void *p, size_t n)
{
    fb_packet(&c->l->out, &c->seq, p, n);
    fk_run(c->w);
}

/* What that method answers to the nonce at hand. */
static inline void fk_answer_by(struct fk_client *c, const char *method, const char *password)
{
    uint8_t auth[64];
    struct str p = str_of(password);
    if (strcmp(method, SHA2) == 0) {
        wire_sha2_scramble(p, c->nonce, auth);
        fk_answer_bytes(c, auth, p.len ? 32 : 0);
    } else if (strcmp(method, NATIVE) == 0) {
        wire_native_scramble(p, c->nonce, auth);
        fk_answer_bytes(c, auth, p.len ? 20 : 0);
    } else if (strcmp(method, ED) == 0) {
        FK_CHECK(wire_ed25519_sign(p, c->switched, auth), "cannot sign");
        fk_answer_bytes(c, auth, 64);
    } else {
        fk_answer_bytes(c, password, p.len + 1);
    }
}

/* The full exchange by RSA: public key, password encrypted by it. */
static inline const char *fk_full(struct fk_client *c, const char *password)
{
    struct fb pem = {0};
    uint8_t seq = 0, last = 0;
    size_t at = c->l->read;
    fk_answer_bytes(c, "\x02", 1);
    FK_CHECK(fb_next(&c->l->got, &at, &seq, &last, &pem) && pem.p[0] == 1, "no public key");
    c->l->read = at;
    c->seq = (uint8_t)(last + 1);
    struct buf cipher = {0};
    FK_CHECK(wire_rsa_encrypt(str_make(pem.p + 1, pem.n - 1), str_of(password), c->nonce, &cipher),
             "not a key");
    fk_answer_bytes(c, cipher.data, cipher.len);
    buf_release(&cipher);
    fb_free(&pem);
    return fk_login_reply(c);
}

/* Goes on from any reply to the end of the login, as a client that knows every method. */
static inline const char *fk_go_on(struct fk_client *c, const char *reply, const char *password)
{
    for (int steps = 0; steps < 6; steps++) {
        char method[64] = "";
        if (sscanf(reply, "SWITCH %63s", method) == 1) {
            fk_answer_by(c, method, password);
            reply = fk_login_reply(c);
        } else if (strcmp(reply, "MORE 4") == 0) {
            if (!c->l->link.tls && !c->l->link.is_unix) return fk_full(c, password);
            fk_answer_by(c, CLEAR, password);
            reply = fk_login_reply(c);
        } else {
            return reply;
        }
    }
    return "never ends";
}

/* A login by that method to its end. */
static inline const char *fk_login_to_end(struct fk_client *c, const char *user, const char *password,
                                          const char *schema, const char *method)
{
    return fk_go_on(c, fk_login_by(c, user, password, schema, method), password);
}

/* Asks for TLS; the login follows inside. */
static inline void fk_ask_tls(struct fk_client *c)
{
    struct fb p = {0};
    c->caps |= WIRE_CAP_SSL;
    fb_le(&p, c->caps, 4);
    fb_le(&p, 1 << 24, 4);
    fb_le(&p, 45, 1);
    for (int i = 0; i < 23; i++) fb_le(&p, 0, 1);
    fb_packet(&c->l->out, &c->seq, p.p, p.n);
    fb_free(&p);
    fk_run(c->w);
}

/* Any snapshot with it offers TLS; nothing looks inside. */
#define FK_TLS ((struct tls_context *)(void *)fk_world)

#endif
