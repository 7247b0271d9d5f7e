/*
 * verify.c - is the server the one that the rules mean? For links with tls.mode verify_ca and verify_identity.
 *
 * The client library checks a certificate only together with the name by which it connected, and takes no other name; so the check is our own:
 *
 *   connect, greeting, request for TLS, handshake with the rules' CA and name  -->  fingerprint of the certificate that passed
 *   then the library connects and accepts that one certificate only
 *
 * The fingerprint is kept with the link and looked up again when the library does not find it (the server has a new certificate).
 */
#include "proxy/control/room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/wire/wire.h"

enum { GREETING_MAX = 64 << 10 };

bool link_path(const struct link *l, struct str path, char out[LINK_PATH])
{
    struct str dir = l->conf->file;
    while (dir.len && dir.ptr[dir.len - 1] != '/') dir.len--;
    if (path.len && path.ptr[0] == '/') dir.len = 0;
    if (dir.len + path.len >= LINK_PATH) return false;
    if (dir.len) memcpy(out, dir.ptr, dir.len);
    if (path.len) memcpy(out + dir.len, path.ptr, path.len);
    out[dir.len + path.len] = 0;
    return true;
}

PRINTF_LIKE(2, 3) static bool no(struct link *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->error, sizeof l->error, fmt, ap);
    va_end(ap);
    return false;
}

/* ---- a socket with time-outs ---- */

static bool begin(int fd, const struct sockaddr *a, socklen_t n, uint64_t ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    struct timeval t = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (connect(fd, a, n) < 0) {
        if (errno != EINPROGRESS) return false;
        if (poll(&p, 1, ms > 3600000 ? 3600000 : (int)ms) <= 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return false;
        if (error) {
            errno = error;
            return false;
        }
    }
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0;
}

static int open_unix(struct link *l, struct str path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (path.len >= sizeof a.sun_path) return -1;
    memcpy(a.sun_path, path.ptr, path.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && begin(fd, (const struct sockaddr *)&a, sizeof a, l->connect_ms)) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static int open_tcp(struct link *l, const struct conf_address *at)
{
    char host[256], port[8];
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int fd = -1;
    if (at->host.len >= sizeof host) return -1;
    memcpy(host, at->host.ptr, at->host.len);
    host[at->host.len] = 0;
    snprintf(port, sizeof port, "%u", at->port);
    int rc = getaddrinfo(host, port, &want, &found);
    if (rc) {
        (void)no(l, "%s: %s", host, gai_strerror(rc));
        return -2;
    }
    for (struct addrinfo *i = found; i && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0 || begin(fd, i->ai_addr, i->ai_addrlen, l->connect_ms)) continue;
        int saved = errno;
        close(fd);
        fd = -1;
        errno = saved;
    }
    freeaddrinfo(found);
    return fd;
}

static bool take(int fd, char *p, size_t n)
{
    while (n) {
        ssize_t got = recv(fd, p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* Up to the request for TLS. */
static bool ask(struct link *l, int fd)
{
    char head[WIRE_HEADER], *payload = NULL;
    struct buf packet = {0};
    struct wire_greeting g;
    uint8_t seq = 1;
    bool ok = false;
    if (!take(fd, head, sizeof head)) return no(l, "the server sent no greeting");
    uint32_t n = wire_u24(head);
    if (n > GREETING_MAX || !(payload = mem_alloc(n + 1)) || !take(fd, payload, n)) {
        mem_free(payload);
        return no(l, "the server's greeting cannot be read");
    }
    struct wire_err err;
    if (wire_is_err(str_make(payload, n)) && wire_get_err(str_make(payload, n), &err) == WIRE_OK) {
        (void)no(l, STR_FMT, STR_ARG(err.message));
    } else if (wire_get_greeting(str_make(payload, n), &g) != WIRE_OK) {
        (void)no(l, "the server's greeting is not of the MySQL protocol");
    } else if (!(g.capabilities & WIRE_CAP_SSL)) {
        (void)no(l, "the server offers no TLS, which the rules ask for");
    } else {
        struct wire_login q = {.capabilities = WIRE_CAP_PROTOCOL_41 | WIRE_CAP_SSL | WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_LONG_PASSWORD,
                               .max_packet = 1u << 24,
                               .collation = 45};
        wire_put_ssl_request(&packet, &seq, &q);
        ok = !packet.failed && send(fd, packet.data, packet.len, MSG_NOSIGNAL) == (ssize_t)packet.len;
        if (!ok) (void)no(l, "TLS could not be asked for");
    }
    buf_release(&packet);
    mem_free(payload);
    return ok;
}

/* ---- the handshake ---- */

static bool use_files(const struct link *l, SSL_CTX *x)
{
    const struct conf_tls *t = &l->source->tls;
    char path[LINK_PATH];
    bool ok = t->ca.value.len ? link_path(l, t->ca.value, path) && SSL_CTX_load_verify_file(x, path) == 1 : SSL_CTX_set_default_verify_paths(x) == 1;
    if (t->certificate.value.len) {
        ok = ok && link_path(l, t->certificate.value, path) && SSL_CTX_use_certificate_chain_file(x, path) == 1;
        ok = ok && link_path(l, t->key.value, path) && SSL_CTX_use_PrivateKey_file(x, path, SSL_FILETYPE_PEM) == 1;
    }
    SSL_CTX_set_min_proto_version(x, t->min_version == CONF_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
    return ok;
}

static bool expect(const struct link *l, SSL *ssl)
{
    const struct conf_tls *t = &l->source->tls;
    struct str name = t->name.value.len ? t->name.value : l->source->primary.host;
    char z[256];
    uint8_t raw[16];
    if (name.len >= sizeof z) return false;
    if (name.len) memcpy(z, name.ptr, name.len);
    z[name.len] = 0;
    bool is_address = inet_pton(AF_INET, z, raw) == 1 || inet_pton(AF_INET6, z, raw) == 1;
    if (name.len && !is_address) SSL_set_tlsext_host_name(ssl, z);
    if (t->mode != CONF_TLS_VERIFY_IDENTITY) return true;
    if (!name.len) return false;
    if (is_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), z) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, z) == 1;
}

static bool print_of(struct link *l, SSL *ssl)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!cert || X509_digest(cert, EVP_sha1(), digest, &n) != 1 || n * 2 >= sizeof l->print) return no(l, "the server showed no certificate");
    for (unsigned i = 0; i < n; i++) snprintf(l->print + 2 * i, 3, "%02X", digest[i]);
    return true;
}

static bool handshake(struct link *l, int fd)
{
    SSL_CTX *x = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    bool ok = false;
    ERR_clear_error();
    if (!x || !use_files(l, x)) {
        (void)no(l, "the files of tls cannot be used");
    } else if (!(ssl = SSL_new(x)) || SSL_set_fd(ssl, fd) != 1 || !expect(l, ssl)) {
        (void)no(l, "there is no name to check the server's certificate by: tls.name");
    } else if (SSL_connect(ssl) != 1) {
        long verify = SSL_get_verify_result(ssl);
        unsigned long code = ERR_peek_error();
        const char *text = verify != X509_V_OK ? X509_verify_cert_error_string(verify) : code ? ERR_reason_error_string(code) : NULL;
        (void)no(l, "TLS: %s", text ? text : "the handshake failed");
    } else {
        ok = print_of(l, ssl);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(x);
    return ok;
}

bool link_verify(struct link *l)
{
    const struct conf_address *at = &l->source->primary;
    l->print[0] = 0;
    l->error[0] = 0;
    int fd = at->path.len ? open_unix(l, at->path) : open_tcp(l, at);
    if (fd < 0) return l->error[0] ? false : no(l, "cannot connect: %s", strerror(errno));
    bool ok = ask(l, fd) && handshake(l, fd);
    close(fd);
    return ok;
}
