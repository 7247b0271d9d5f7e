/*
 * tls_context.c - certificates, keys and options of one side, read from the rules (see tls.h).
 *
 * Every fault of a file is told at its key in the rule file: a file that is missing or not readable, that is no PEM, a key that does not belong to
 * the certificate or asks for a pass phrase. Sessions are resumed by tickets: as a server we keep no list of them, as a client the last
 * ticket of each source, so that a burst of new connections costs one full handshake.
 */
#include "proxy/net/tls_room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Authenticated encryption with forward secrecy only; TLS 1.3 has nothing else. Ordered by OpenSSL's own view of strength and speed. */
static const char server_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20";
/* Servers may be older than we are; their certificate is the rules' choice, the cipher theirs. */
static const char source_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:AESGCM:ECDHE+AES:DHE+AES:AES";
enum { TICKET_LIFE_S = 3600 };

struct maker {
    const struct conf *c;
    struct diag *d;
    const char *where; /* "weir", or "source NAME" */
    struct tls_context *x;
    bool ok;
};

PRINTF_LIKE(4, 5) static void fault_at(struct maker *m, struct conf_pos pos, const char *hint, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    m->ok = false;
    diag_add(m->d, DIAG_ERROR, m->c->file, pos.line, pos.column, hint, "%s: %s", m->where, text);
}

/* What OpenSSL has against it, in a few words. */
static const char *reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    return text ? text : "unknown reason";
}

/* Paths are relative to the rule file. False: reported. */
static bool path_of(struct maker *m, const char *key, const struct conf_text *t, char *out, size_t room)
{
    struct str v = t->value, dir = m->c->file;
    while (dir.len && dir.ptr[dir.len - 1] != '/') dir.len--;
    if (v.ptr[0] == '/') dir.len = 0;
    if (memchr(v.ptr, 0, v.len) || dir.len + v.len >= room) {
        fault_at(m, t->pos, NULL, "%s is no path", key);
        return false;
    }
    memcpy(out, dir.ptr, dir.len);
    memcpy(out + dir.len, v.ptr, v.len);
    out[dir.len + v.len] = 0;
    if (access(out, R_OK) == 0) return true;
    const char *hint = errno == EACCES ? "let the user that runs Weir read it" : "the path is relative to the rule file";
    fault_at(m, t->pos, hint, "%s '%.200s': %s", key, out, strerror(errno));
    return false;
}

static int no_pass_phrase(char *to, int n, int writing, void *ctx)
{
    (void)to, (void)n, (void)writing;
    *(bool *)ctx = true;
    return 0;
}

static void warn_expiry(struct maker *m, struct conf_pos pos, X509 *cert)
{
    if (cert && X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        diag_add(m->d, DIAG_WARNING, m->c->file, pos.line, pos.column, "replace it, then reload", "%s: the certificate has expired", m->where);
}

static void use_certificate(struct maker *m, const struct conf_tls *t)
{
    char cert[1024], key[1024];
    bool asked = false;
    if (t->certificate.value.len == 0 && t->key.value.len == 0) return;
    if (t->certificate.value.len == 0 || t->key.value.len == 0) {
        fault_at(m, t->pos, "give both tls.certificate and tls.key", "tls: a certificate needs its key, and a key its certificate");
        return;
    }
    if (!path_of(m, "tls.certificate", &t->certificate, cert, sizeof cert) || !path_of(m, "tls.key", &t->key, key, sizeof key)) return;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(m->x->ssl, cert) != 1) {
        fault_at(m, t->certificate.pos, "it must be PEM: the certificate first, then the CAs between it and the root",
                 "tls.certificate '%.200s' cannot be used: %s", cert, reason());
        return;
    }
    SSL_CTX_set_default_passwd_cb(m->x->ssl, no_pass_phrase);
    SSL_CTX_set_default_passwd_cb_userdata(m->x->ssl, &asked);
    ERR_clear_error();
    int rc = SSL_CTX_use_PrivateKey_file(m->x->ssl, key, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(m->x->ssl, NULL);
    SSL_CTX_set_default_passwd_cb(m->x->ssl, NULL);
    bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH || ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
    if (rc != 1 && asked)
        fault_at(m, t->key.pos, "take the pass phrase off: openssl pkey -in KEY -out NEW", "tls.key '%.200s' asks for a pass phrase", key);
    else if ((rc != 1 && other) || (rc == 1 && SSL_CTX_check_private_key(m->x->ssl) != 1))
        fault_at(m, t->key.pos, "give the key that the certificate was made for", "tls.key '%.200s' does not belong to tls.certificate", key);
    else if (rc != 1) fault_at(m, t->key.pos, "it must be PEM and hold a private key", "tls.key '%.200s' cannot be used: %s", key, reason());
    else warn_expiry(m, t->certificate.pos, SSL_CTX_get0_certificate(m->x->ssl));
}

static void use_ca(struct maker *m, const struct conf_tls *t)
{
    char path[1024];
    if (!path_of(m, "tls.ca", &t->ca, path, sizeof path)) return;
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(m->x->ssl, path) != 1)
        fault_at(m, t->ca.pos, "it must be PEM: one or more CA certificates", "tls.ca '%.200s' cannot be used: %s", path, reason());
    else m->x->verifies = true;
}

static bool begin(struct maker *m, const SSL_METHOD *method, const struct conf_tls *t, const char *ciphers)
{
    m->ok = true;
    m->x = mem_zalloc(sizeof *m->x);
    if (!m->x) goto out_of_memory;
    atomic_init(&m->x->refs, 1);
    pthread_mutex_init(&m->x->lock, NULL);
    m->x->ssl = SSL_CTX_new(method);
    if (!m->x->ssl) goto out_of_memory;
    SSL_CTX_set_min_proto_version(m->x->ssl, t->min_version == CONF_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(m->x->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(m->x->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_timeout(m->x->ssl, TICKET_LIFE_S);
    if (SSL_CTX_set_cipher_list(m->x->ssl, ciphers) != 1) goto out_of_memory;
    return true;
out_of_memory:
    fault_at(m, t->pos, NULL, "tls: OpenSSL cannot make a context: %s", reason());
    return false;
}

static struct tls_context *end(struct maker *m)
{
    ERR_clear_error();
    if (m->ok) return m->x;
    tls_context_unref(m->x);
    return NULL;
}

struct tls_context *tls_context_clients(const struct conf *c, struct diag *d)
{
    const struct conf_tls *t = &c->weir.tls;
    struct maker m = {.c = c, .d = d, .where = "weir"};
    if (!begin(&m, TLS_server_method(), t, server_ciphers)) return end(&m);
    static const unsigned char id[] = "weir";
    SSL_CTX_set_session_id_context(m.x->ssl, id, sizeof id - 1);
    SSL_CTX_set_session_cache_mode(m.x->ssl, SSL_SESS_CACHE_OFF); /* tickets carry their session themselves */
    SSL_CTX_set_num_tickets(m.x->ssl, 1);
    SSL_CTX_set_dh_auto(m.x->ssl, 1);
    use_certificate(&m, t);
    if (t->certificate.value.len == 0 && t->key.value.len == 0)
        fault_at(&m, t->pos, "give tls.certificate and tls.key too: they are what clients see", "tls.ca alone makes no TLS");
    if (t->ca.value.len) {
        use_ca(&m, t);
        char path[1024];
        if (m.ok && path_of(&m, "tls.ca", &t->ca, path, sizeof path)) {
            SSL_CTX_set_client_CA_list(m.x->ssl, SSL_load_client_CA_file(path));
            SSL_CTX_set_verify(m.x->ssl, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL); /* a certificate may be missing: login decides */
        }
    }
    return end(&m);
}

/* ---- toward servers ---- */

/* Of one connection, for the next one to the same server. A copy: OpenSSL changes a session while its connection lives. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *x = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION *copy = SSL_SESSION_dup(session), *old;
    if (!copy) return 0;
    pthread_mutex_lock(&x->lock);
    old = x->last;
    x->last = copy;
    pthread_mutex_unlock(&x->lock);
    SSL_SESSION_free(old);
    return 0; /* the caller keeps its own */
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
    int error = X509_STORE_CTX_get_error(store);
    if (!ok && (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH))
        tls_wrong_name(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()), X509_STORE_CTX_get0_cert(store));
    return ok;
}

struct tls_context *tls_context_source(const struct conf *c, const struct conf_source *s, struct diag *d)
{
    const struct conf_tls *t = &s->tls;
    char where[160];
    snprintf(where, sizeof where, "source %.*s", STR_ARG(s->name));
    struct maker m = {.c = c, .d = d, .where = where};
    if (!begin(&m, TLS_client_method(), t, source_ciphers)) return end(&m);
    SSL_CTX_set_app_data(m.x->ssl, m.x);
    SSL_CTX_set_session_cache_mode(m.x->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(m.x->ssl, keep_session);
    use_certificate(&m, t);
    if (t->name.value.len) {
        m.x->name = mem_zalloc(t->name.value.len + 1);
        if (m.x->name) memcpy(m.x->name, t->name.value.ptr, t->name.value.len);
        else fault_at(&m, t->pos, NULL, "out of memory");
    }
    if (t->mode == CONF_TLS_VERIFY_CA || t->mode == CONF_TLS_VERIFY_IDENTITY) {
        if (t->ca.value.len) use_ca(&m, t);
        else m.x->verifies = SSL_CTX_set_default_verify_paths(m.x->ssl) == 1; /* the machine's list of CAs */
        m.x->identity = t->mode == CONF_TLS_VERIFY_IDENTITY;
        SSL_CTX_set_verify(m.x->ssl, SSL_VERIFY_PEER, on_verify);
    } else {
        SSL_CTX_set_verify(m.x->ssl, SSL_VERIFY_NONE, NULL);
    }
    return end(&m);
}

static bool is_address(const char *name)
{
    uint8_t a[16];
    return inet_pton(AF_INET, name, a) == 1 || inet_pton(AF_INET6, name, a) == 1;
}

bool tls_context_expect(struct tls_context *x, SSL *ssl, const char *name)
{
    if (x->name) name = x->name;
    bool named = name && name[0];
    if (named && !is_address(name)) SSL_set_tlsext_host_name(ssl, name);
    if (x->identity) {
        X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
        if (!named) return false;
        X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if ((is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(p, name) : X509_VERIFY_PARAM_set1_host(p, name, 0)) != 1) return false;
    }
    pthread_mutex_lock(&x->lock);
    SSL_SESSION *session = x->last ? SSL_SESSION_dup(x->last) : NULL;
    pthread_mutex_unlock(&x->lock);
    if (session) SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
    return true;
}

void tls_certificate_names(X509 *cert, char *out, size_t n)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    BIO *b = BIO_new(BIO_s_mem());
    int count = b && names ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < count; i++) {
        if (i) BIO_puts(b, ", ");
        GENERAL_NAME_print(b, sk_GENERAL_NAME_value(names, i));
    }
    if (b && count == 0) X509_NAME_print_ex(b, X509_get_subject_name(cert), 0, XN_FLAG_ONELINE);
    int got = b ? BIO_read(b, out, (int)n - 1) : 0;
    out[got > 0 ? got : 0] = 0;
    BIO_free(b);
    GENERAL_NAMES_free(names);
}

/* ---- life ---- */

struct tls_context *tls_context_ref(struct tls_context *x)
{
    atomic_fetch_add(&x->refs, 1);
    return x;
}

void tls_context_unref(struct tls_context *x)
{
    if (!x || atomic_fetch_sub(&x->refs, 1) != 1) return;
    SSL_SESSION_free(x->last);
    SSL_CTX_free(x->ssl);
    pthread_mutex_destroy(&x->lock);
    mem_free(x->name);
    mem_free(x);
}

bool tls_check(const struct conf *c, struct diag *d)
{
    bool ok = true;
    if (tls_of_clients(c)) {
        struct tls_context *x = tls_context_clients(c, d);
        ok = x != NULL;
        tls_context_unref(x);
    }
    for (uint32_t i = 0; i < c->nsources; i++) {
        if (c->sources[i].tls.mode == CONF_TLS_OFF) continue;
        struct tls_context *x = tls_context_source(c, &c->sources[i], d);
        if (!x) ok = false;
        tls_context_unref(x);
    }
    return ok;
}
