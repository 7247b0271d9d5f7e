/*
 * tls.h - TLS 1.2 and 1.3 over OpenSSL, without a socket: ciphertext in, clear text out, and back.
 *
 *   rule file --tls_context_*--> struct tls_context (files read and checked; counted; shared by all threads)
 *                                    `-- struct tls: one connection (one thread's)
 *
 *   network bytes --tls_read--> clear text          clear text --tls_write--> network bytes
 *                     `--> answers to the peer (handshake, alerts, key updates), also appended to `out`
 *
 * Nothing is held for an idle connection but the OpenSSL object: its record buffers are released, and what it writes goes straight to
 * the caller's buffer. A new configuration makes new contexts: handshakes begun before keep the old one alive.
 *
 * Sources: RFC 8446, RFC 5246; SSL_CTX_new(3) and the pages that it names, of OpenSSL 3.0.
 */
#ifndef WEIR_NET_TLS_H
#define WEIR_NET_TLS_H

#include "conf/conf.h"

struct tls_context;
struct tls;

/* weir.tls: we are the server. Reads the files; each fault goes to d with its place. NULL: a fault. */
struct tls_context *tls_context_clients(const struct conf *c, struct diag *d) MUST_CHECK;
/* A source's tls, mode not off: we are the client. */
struct tls_context *tls_context_source(const struct conf *c, const struct conf_source *s, struct diag *d) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *x);
void tls_context_unref(struct tls_context *x); /* NULL: nothing */
/* Do the rules ask for TLS toward clients? */
static inline bool tls_of_clients(const struct conf *c)
{
    return c->weir.tls.certificate.value.len || c->weir.tls.key.value.len || c->weir.tls.ca.value.len;
}
/* Reads all that the rules name, keeps nothing: for `weir check`. False: d has the faults. */
bool tls_check(const struct conf *c, struct diag *d);

/* One connection. server: we wait for the peer's hello, else we speak first. name: the host that a server's certificate is checked against. */
struct tls *tls_new(struct tls_context *x, bool server, const char *name) MUST_CHECK;
void tls_free(struct tls *t);

enum tls_status {
    TLS_MORE,   /* all input is used up; more is needed */
    TLS_BYTES,  /* *got bytes of clear text; call again, there may be more */
    TLS_END,    /* the peer said good-bye (close_notify) */
    TLS_FAILED, /* tls_why says why; an alert for the peer may be in out */
};
enum { TLS_RECORD = 16 << 10 }; /* room must be at least this: a record is then never left half-read in here */
/* Takes from *p, *n (advanced), writes clear text to `clear`; bytes for the peer are appended to out. */
enum tls_status tls_read(struct tls *t, const char **p, size_t *n, char *clear, size_t room, size_t *got, struct buf *out) MUST_CHECK;
/* The handshake is done: tls_write may be called. */
bool tls_ready(const struct tls *t);
/* Encrypts all n bytes into out. False: tls_why. */
bool tls_write(struct tls *t, const char *p, size_t n, struct buf *out) MUST_CHECK;
/* The good-bye. Nothing before the handshake is done or after a failure. */
void tls_close(struct tls *t, struct buf *out);

const char *tls_why(const struct tls *t); /* lives as long as t */
/* Facts of a finished handshake; subject: NULL when the peer showed no certificate that was checked. */
const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
const char *tls_subject(const struct tls *t);
bool tls_resumed(const struct tls *t);

#endif
