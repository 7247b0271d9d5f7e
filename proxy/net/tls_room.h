/*
 * tls_room.h - what tls.c (one connection) and tls_context.c (certificates and options) share.
 */
#ifndef WEIR_NET_TLS_ROOM_H
#define WEIR_NET_TLS_ROOM_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "proxy/net/tls.h"

struct tls_context {
    _Atomic int refs;
    SSL_CTX *ssl;
    bool verifies;         /* a peer's certificate is checked against a CA */
    bool identity;         /* ... and against its name */
    char *name;            /* the rules' name for that server; NULL: the address' */
    pthread_mutex_t lock;  /* of `last` */
    SSL_SESSION *last;     /* of this server, to be resumed; a copy that no connection shares */
};

/* Says which server we want to meet: SNI, the name to check, a session to resume. False: identity is wanted, but there is no name. */
bool tls_context_expect(struct tls_context *x, SSL *ssl, const char *name) MUST_CHECK;
/* The server's certificate is not for the name that was expected: its names are for the message. */
void tls_wrong_name(SSL *ssl, X509 *cert);
/* "DNS:a, DNS:b, IP Address:1.2.3.4" or the common name. */
void tls_certificate_names(X509 *cert, char *out, size_t n);

#endif
