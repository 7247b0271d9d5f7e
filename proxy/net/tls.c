/*
 * tls.c - one TLS connection between two byte buffers (see tls.h).
 *
 * OpenSSL reads and writes through a BIO of our own that has no memory: reading takes from the bytes the caller just brought, writing
 * appends to the buffer the caller just gave. So a record is copied once on each way, nothing is kept for an idle connection, and
 * SSL_write never has to be repeated.
 *
 *   tls_read:  in {p, n} --bio_read--> SSL_read --> clear        bio_write --> out (answers)
 *   tls_write: SSL_write --bio_write--> out
 */
#include "proxy/net/tls_room.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ANSWERS_MAX = 64 << 10, /* bytes that a peer may make us answer (new keys, refused renegotiations) before it sends any data */
};

struct tls {
    SSL *ssl;
    struct tls_context *x;
    const char *in; /* during tls_read only */
    size_t nin;
    struct buf *out; /* during a call only */
    char *why, *subject, *names; /* names: in a certificate that was not the expected one */
    size_t answered; /* bytes answered since data came last */
    bool ready, server, failed, no_identity;
};

/* ---- the BIO ---- */

static int bio_read(BIO *b, char *to, size_t room, size_t *got)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    *got = 0;
    if (t->nin == 0) {
        BIO_set_retry_read(b);
        return 0;
    }
    *got = room < t->nin ? room : t->nin;
    memcpy(to, t->in, *got);
    t->in += *got;
    t->nin -= *got;
    return 1;
}

static int bio_write(BIO *b, const char *p, size_t n, size_t *done)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    *done = 0;
    if (!t->out) return 0;
    buf_put(t->out, p, n);
    if (t->out->failed) return 0;
    *done = n;
    return 1;
}

static long bio_ctrl(BIO *b, int command, long n, void *p)
{
    (void)b, (void)n, (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    if (!method) return;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

/* ---- life ---- */

struct tls *tls_new(struct tls_context *x, bool server, const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    if (!method) return NULL;
    struct tls *t = mem_zalloc(sizeof *t);
    if (!t) return NULL;
    t->x = tls_context_ref(x);
    t->server = server;
    ERR_clear_error();
    t->ssl = SSL_new(x->ssl);
    BIO *b = t->ssl ? BIO_new(method) : NULL;
    if (!b) {
        tls_free(t);
        return NULL;
    }
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    SSL_set_bio(t->ssl, b, b);
    SSL_set_app_data(t->ssl, t);
    if (server) {
        SSL_set_accept_state(t->ssl);
        return t;
    }
    SSL_set_connect_state(t->ssl);
    t->no_identity = !tls_context_expect(x, t->ssl, name);
    return t;
}

void tls_free(struct tls *t)
{
    if (!t) return;
    if (t->ssl) {
        SSL_set_app_data(t->ssl, NULL);
        SSL_free(t->ssl);
    }
    tls_context_unref(t->x);
    mem_free(t->why);
    mem_free(t->subject);
    mem_free(t->names);
    mem_free(t);
}

/* ---- why it failed ---- */

PRINTF_LIKE(2, 3) static void set_why(struct tls *t, const char *fmt, ...)
{
    struct buf text = {.max = 1000};
    va_list ap;
    if (t->why) return; /* the first cause is the one to tell */
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    buf_put_u8(&text, 0);
    if (text.failed) buf_release(&text);
    t->why = text.data;
}

void tls_wrong_name(SSL *ssl, X509 *cert)
{
    struct tls *t = SSL_get_app_data(ssl);
    char names[256];
    if (!t || t->names) return;
    tls_certificate_names(cert, names, sizeof names);
    size_t n = strlen(names) + 1;
    t->names = mem_alloc(n);
    if (t->names) memcpy(t->names, names, n);
}

static void why_certificate(struct tls *t, long verify)
{
    const char *text = X509_verify_cert_error_string(verify);
    if (t->server) {
        set_why(t, "the client's certificate is refused: %s; it must be signed by the CA in weir.tls.ca", text);
        return;
    }
    switch (verify) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        set_why(t, "certificate verify failed: %s (it is for %s); set the source's tls.name to a name in the certificate, or tls.mode to verify_ca", text,
                t->names && t->names[0] ? t->names : "no name at all");
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        set_why(t, "certificate verify failed: %s; give the server a valid certificate (and check the clocks), or set the source's tls.mode to on", text);
        return;
    default:
        set_why(t, "certificate verify failed: %s; set the source's tls.ca to the CA that signed the server's certificate, "
                   "or tls.mode to on (encrypted, not checked)", text);
    }
}

static void why_alert(struct tls *t, int reason)
{
    const char *text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
    const char *peer = t->server ? "client" : "server";
    if (!text) text = "alert";
    if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED || (!t->server && reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE) ||
        (!t->server && reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA))
        set_why(t, "the %s refused our certificate (%s); set the source's tls.certificate and tls.key to ones that it accepts", peer, text);
    else if (reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE || reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN)
        set_why(t, "the %s refused our certificate (%s); give it the CA that signed weir.tls.certificate", peer, text);
    else set_why(t, "the %s ended the TLS handshake: %s", peer, text);
}

/* OpenSSL's error queue in words that say what to do. */
static void find_why(struct tls *t)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
        const char *text = code ? ERR_reason_error_string(code) : NULL;
        set_why(t, "TLS failed: %s", text ? text : "out of memory");
        return;
    }
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: why_certificate(t, SSL_get_verify_result(t->ssl)); return;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
        set_why(t, "no TLS version in common (%s); Weir speaks TLS 1.2 and 1.3, from tls.min_version on", ERR_reason_error_string(code));
        return;
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        set_why(t, "the %s speaks no TLS version that is allowed here: Weir speaks TLS 1.2 and 1.3, from tls.min_version on", t->server ? "client" : "server");
        return;
    case SSL_R_NO_SHARED_CIPHER:
        set_why(t, "no cipher in common with the %s, or none that fits our key", t->server ? "client" : "server");
        return;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
        set_why(t, "the %s does not speak TLS here (%s)", t->server ? "client" : "server", ERR_reason_error_string(code));
        return;
    default: break;
    }
    if (reason > SSL_AD_REASON_OFFSET) why_alert(t, reason);
    else set_why(t, "TLS failed: %s", ERR_reason_error_string(code));
}

static enum tls_status fail(struct tls *t)
{
    if (!t->failed) find_why(t);
    t->failed = true;
    ERR_clear_error();
    return TLS_FAILED;
}

/* ---- reading ---- */

static void learn(struct tls *t)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    t->ready = true;
    t->answered = 0;
    if (!cert || !t->x->verifies || SSL_get_verify_result(t->ssl) != X509_V_OK) return;
    char *name = X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0);
    if (!name) return;
    size_t n = strlen(name) + 1;
    t->subject = mem_alloc(n);
    if (t->subject) memcpy(t->subject, name, n);
    OPENSSL_free(name);
}

static enum tls_status read_status(struct tls *t, int rc)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN: return TLS_END;
    default: return fail(t);
    }
}

enum tls_status tls_read(struct tls *t, const char **p, size_t *n, char *clear, size_t room, size_t *got, struct buf *out)
{
    size_t before = out->len;
    enum tls_status st = TLS_BYTES;
    *got = 0;
    if (t->failed) return TLS_FAILED;
    if (t->no_identity) {
        set_why(t, "the server's name is not known, so its certificate cannot be checked; set the source's tls.name, or tls.mode to verify_ca");
        return fail(t);
    }
    t->in = *p;
    t->nin = *n;
    t->out = out;
    while (room - *got >= TLS_RECORD) {
        size_t one = 0;
        ERR_clear_error();
        int rc = SSL_read_ex(t->ssl, clear + *got, room - *got, &one);
        if (!t->ready && SSL_is_init_finished(t->ssl)) learn(t);
        if (rc == 1) {
            *got += one;
            t->answered = 0;
            before = out->len;
            continue;
        }
        st = read_status(t, rc);
        if (st != TLS_MORE || t->nin == 0) break;
    }
    *p = t->in;
    *n = t->nin;
    t->out = NULL;
    t->answered += out->len - before;
    if (st != TLS_FAILED && t->answered > ANSWERS_MAX) {
        set_why(t, "the peer asks for new keys without end");
        return fail(t);
    }
    return *got ? TLS_BYTES : st; /* an end or a failure comes again at the next call */
}

/* ---- writing ---- */

bool tls_write(struct tls *t, const char *p, size_t n, struct buf *out)
{
    if (t->failed || !t->ready) return false;
    t->out = out;
    while (n) {
        size_t done = 0, part = n > (1u << 30) ? 1u << 30 : n;
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, p, part, &done) != 1) {
            (void)fail(t);
            break;
        }
        p += done;
        n -= done;
    }
    t->out = NULL;
    return n == 0 && !out->failed;
}

void tls_close(struct tls *t, struct buf *out)
{
    if (t->failed || !t->ready) return;
    t->out = out;
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    t->out = NULL;
}

/* ---- facts ---- */

bool tls_ready(const struct tls *t) { return t->ready; }
const char *tls_why(const struct tls *t) { return t->why ? t->why : "TLS failed: out of memory"; }
const char *tls_version(const struct tls *t) { return t->ready ? SSL_get_version(t->ssl) : NULL; }
const char *tls_cipher(const struct tls *t) { return t->ready ? SSL_get_cipher_name(t->ssl) : NULL; }
const char *tls_subject(const struct tls *t) { return t->subject; }
bool tls_resumed(const struct tls *t) { return t->ready && SSL_session_reused(t->ssl); }
