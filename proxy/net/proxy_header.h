/*
 * proxy_header.h - the PROXY protocol, versions 1 and 2: who really connected to the load balancer in front of us. Only bytes here, no socket.
 *
 *   v1:  PROXY TCP4 192.0.2.1 192.0.2.2 56324 3306\r\n          TCP4, TCP6, UNKNOWN; at most 107 bytes
 *   v2:  12 bytes of signature | version and command | family | u16 length | addresses | TLVs
 *
 * Source: HAProxy's doc/proxy-protocol.txt.
 */
#ifndef WEIR_NET_PROXY_HEADER_H
#define WEIR_NET_PROXY_HEADER_H

#include "base/base.h"

struct proxy_header {
    bool has_source;     /* false: LOCAL, UNKNOWN or a Unix socket of the balancer: the connection's own address counts */
    uint8_t address[16]; /* of the client; IPv4 as v4-mapped IPv6 */
    uint16_t port;
};
enum proxy_header_status { PROXY_HEADER_MORE, PROXY_HEADER_OK, PROXY_HEADER_BAD };

/*
 * Reads the header at p. OK: *used bytes of it, h filled. MORE: it is right so far. BAD: *why (static text). Told as soon as the bytes show
 * it: what does not begin like a header is BAD at the first wrong byte.
 */
enum proxy_header_status proxy_header_parse(const char *p, size_t n, struct proxy_header *h, size_t *used, const char **why) MUST_CHECK;

#endif
