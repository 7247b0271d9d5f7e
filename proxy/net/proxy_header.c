/*
 * proxy_header.c - parses one PROXY header (see proxy_header.h).
 *
 * TLVs are read over, but for the checksum (CRC-32C over the whole header, its own four bytes taken as zero), which must be right where it is given.
 */
#include "proxy/net/proxy_header.h"

#include <arpa/inet.h>

enum {
    V1_MAX = 107,
    V2_HEAD = 16,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V2_UNIX = 0x31,
    V2_LOCAL = 0,
    V2_PROXY = 1,
    TLV_HEAD = 3,
    TLV_CRC32C = 3,
};

static const char v1_signature[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_header_status bad(const char **why, const char *text)
{
    *why = text;
    return PROXY_HEADER_BAD;
}

/* ---- version 1 ---- */

static bool next_word(struct str *line, struct str *word)
{
    const char *space = line->len ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t n = space ? (size_t)(space - line->ptr) : line->len;
    *word = str_make(line->ptr, n);
    line->ptr += space ? n + 1 : n;
    line->len -= space ? n + 1 : n;
    return n > 0;
}

static bool read_address(struct str word, bool v6, uint8_t out[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN];
    if (word.len >= sizeof text || memchr(word.ptr, 0, word.len)) return false;
    memcpy(text, word.ptr, word.len);
    text[word.len] = 0;
    if (v6) return inet_pton(AF_INET6, text, out) == 1;
    memcpy(out, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, out + sizeof mapped) == 1;
}

static bool read_port(struct str word, uint16_t *port)
{
    uint64_t v;
    if (word.len > 5 || !str_to_u64(word, &v) || v > 65535) return false;
    *port = (uint16_t)v;
    return true;
}

static enum proxy_header_status parse_v1(const char *p, size_t n, struct proxy_header *h, size_t *used, const char **why)
{
    const char *end = memchr(p, '\n', n < V1_MAX ? n : V1_MAX);
    if (!end) return n < V1_MAX ? PROXY_HEADER_MORE : bad(why, "its first line is longer than 107 bytes");
    if (end[-1] != '\r') return bad(why, "its line does not end in CR LF");
    struct str line = str_make(p + sizeof v1_signature - 1, (size_t)(end - 1 - p) - (sizeof v1_signature - 1)), family, from, to, port, to_port;
    uint8_t other[16];
    uint16_t other_port;
    *used = (size_t)(end - p) + 1;
    if (!next_word(&line, &family)) return bad(why, "it names no protocol");
    if (str_eq(family, STR("UNKNOWN"))) return PROXY_HEADER_OK;
    bool v6 = str_eq(family, STR("TCP6"));
    if (!v6 && !str_eq(family, STR("TCP4"))) return bad(why, "its protocol is none of TCP4, TCP6 and UNKNOWN");
    if (!next_word(&line, &from) || !next_word(&line, &to) || !next_word(&line, &port) || !next_word(&line, &to_port) || line.len)
        return bad(why, "it does not have two addresses and two ports");
    if (!read_address(from, v6, h->address) || !read_address(to, v6, other)) return bad(why, "an address in it is malformed");
    if (!read_port(port, &h->port) || !read_port(to_port, &other_port)) return bad(why, "a port in it is malformed");
    h->has_source = true;
    return PROXY_HEADER_OK;
}

/* ---- version 2 ---- */

static uint16_t u16_be(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t crc32c(uint32_t crc, const unsigned char *p, size_t n)
{
    while (n--) {
        crc ^= *p++;
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

static bool checksum_is_right(const unsigned char *p, size_t n, size_t at)
{
    static const unsigned char zero[4];
    uint32_t crc = crc32c(0xffffffffu, p, at);
    crc = crc32c(crc, zero, sizeof zero);
    crc = ~crc32c(crc, p + at + sizeof zero, n - at - sizeof zero);
    uint32_t said = (uint32_t)p[at] << 24 | (uint32_t)p[at + 1] << 16 | (uint32_t)p[at + 2] << 8 | p[at + 3];
    return crc == said;
}

static enum proxy_header_status check_tlvs(const unsigned char *p, size_t n, size_t at, const char **why)
{
    bool checked = false;
    while (at < n) {
        if (n - at < TLV_HEAD) return bad(why, "its extensions are cut off");
        size_t len = u16_be(p + at + 1);
        if (len > n - at - TLV_HEAD) return bad(why, "its extensions are cut off");
        if (p[at] == TLV_CRC32C) { /* once: a header full of checksums must not cost more than one */
            if (checked || len != 4 || !checksum_is_right(p, n, at + TLV_HEAD)) return bad(why, "its checksum is wrong");
            checked = true;
        }
        at += TLV_HEAD + len;
    }
    return PROXY_HEADER_OK;
}

static enum proxy_header_status parse_v2(const unsigned char *p, size_t n, struct proxy_header *h, size_t *used, const char **why)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (n > 12 && p[12] >> 4 != 2) return bad(why, "its version is not 2");
    if (n > 12 && (p[12] & 15) > V2_PROXY) return bad(why, "its command is neither LOCAL nor PROXY");
    if (n < V2_HEAD) return PROXY_HEADER_MORE;
    size_t total = V2_HEAD + (size_t)u16_be(p + 14), addresses;
    bool local = (p[12] & 15) == V2_LOCAL;
    switch (p[13]) {
    case V2_TCP4: addresses = 12; break;
    case V2_TCP6: addresses = 36; break;
    case V2_UNIX: addresses = 216; break;
    case 0: addresses = 0; break;
    default:
        if (!local) return bad(why, "its address family is not TCP over IPv4, IPv6 or Unix sockets");
        addresses = 0;
    }
    if (!local && total < V2_HEAD + addresses) return bad(why, "it is too short for its addresses");
    if (n < total) return PROXY_HEADER_MORE;
    *used = total;
    if (local) return PROXY_HEADER_OK;
    if (p[13] != 0 && check_tlvs(p, total, V2_HEAD + addresses, why) == PROXY_HEADER_BAD) return PROXY_HEADER_BAD;
    if (p[13] == V2_TCP4) {
        memcpy(h->address, mapped, sizeof mapped);
        memcpy(h->address + sizeof mapped, p + V2_HEAD, 4);
        h->port = u16_be(p + V2_HEAD + 8);
        h->has_source = true;
    } else if (p[13] == V2_TCP6) {
        memcpy(h->address, p + V2_HEAD, 16);
        h->port = u16_be(p + V2_HEAD + 32);
        h->has_source = true;
    }
    return PROXY_HEADER_OK;
}

enum proxy_header_status proxy_header_parse(const char *p, size_t n, struct proxy_header *h, size_t *used, const char **why)
{
    const size_t n1 = sizeof v1_signature - 1, n2 = sizeof v2_signature - 1;
    memset(h, 0, sizeof *h);
    *used = 0;
    *why = NULL;
    if (n == 0) return PROXY_HEADER_MORE;
    if (p[0] == v1_signature[0]) {
        if (memcmp(p, v1_signature, n < n1 ? n : n1) != 0) return bad(why, "it does not begin with a PROXY header");
        return n < n1 ? PROXY_HEADER_MORE : parse_v1(p, n, h, used, why);
    }
    if (memcmp(p, v2_signature, n < n2 ? n : n2) != 0) return bad(why, "it does not begin with a PROXY header");
    return n < n2 ? PROXY_HEADER_MORE : parse_v2((const unsigned char *)p, n, h, used, why);
}
