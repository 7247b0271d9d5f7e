/*
 * mini.h - the small common ground of the instruments (null server, scripted server, relay, load generator).
 *
 * Deliberately not the proxy's own wire/ and base/: an instrument that shares code with what it measures
 * shares its defects too, and would call both sides of a mistake correct. Everything is static inline, so
 * that each program is one file that `cc -O2 x.c` builds. Failures of memory or set-up end the program with a
 * message: nobody measures beyond that point.
 *
 * Sources: "MySQL Client/Server Protocol" of the MySQL internals documentation (packets, handshake v10,
 * column definition 41, OK/EOF/ERR), and for the two scrambles the pages of mysql_native_password and
 * caching_sha2_password.
 */
#ifndef WEIR_TESTS_MINI_H
#define WEIR_TESTS_MINI_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* Capability bits. */
enum {
    CAP_LONG_PASSWORD = 1,
    CAP_FOUND_ROWS = 2,
    CAP_LONG_FLAG = 4,
    CAP_CONNECT_WITH_DB = 8,
    CAP_PROTOCOL_41 = 0x200,
    CAP_TRANSACTIONS = 0x2000,
    CAP_SECURE_CONNECTION = 0x8000,
    CAP_MULTI_STATEMENTS = 0x10000,
    CAP_MULTI_RESULTS = 0x20000,
    CAP_PLUGIN_AUTH = 0x80000,
    CAP_CONNECT_ATTRS = 0x100000,
    CAP_PLUGIN_AUTH_LENENC = 0x200000,
    CAP_DEPRECATE_EOF = 0x1000000
};
enum { STATUS_IN_TRANS = 1, STATUS_AUTOCOMMIT = 2, STATUS_MORE_RESULTS = 8 };
enum {
    COM_QUIT = 1,
    COM_INIT_DB = 2,
    COM_QUERY = 3,
    COM_FIELD_LIST = 4,
    COM_STATISTICS = 9,
    COM_PROCESS_KILL = 12,
    COM_PING = 14,
    COM_CHANGE_USER = 17,
    COM_SET_OPTION = 27,
    COM_RESET_CONNECTION = 31
};

/* ---- ending with a message ---- */

__attribute__((format(printf, 1, 2), noreturn)) static inline void mini_die(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(2);
}

static inline void *mini_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) mini_die("out of memory for %zu bytes", n);
    return p;
}

/* A decimal option value within [low, high]; anything else ends the program. */
static inline long mini_number(const char *option, const char *text, long low, long high)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < low || v > high)
        mini_die("%s takes a number from %ld to %ld, not '%s'", option, low, high, text);
    return v;
}

/* ---- a growable byte buffer, and MySQL's encodings into it ---- */

struct mb {
    uint8_t *p;
    size_t n, cap;
};

static inline uint8_t *mb_room(struct mb *b, size_t n)
{
    if (b->cap - b->n < n) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap - b->n < n) cap *= 2;
        uint8_t *p = realloc(b->p, cap);
        if (!p) mini_die("out of memory for %zu bytes", cap);
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

static inline void mb_put(struct mb *b, const void *p, size_t n)
{
    if (!n) return;
    memcpy(mb_room(b, n), p, n);
    b->n += n;
}

/* The low `bytes` bytes of v, least significant first. */
static inline void mb_le(struct mb *b, uint64_t v, int bytes)
{
    uint8_t *p = mb_room(b, 8);
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
    b->n += (size_t)bytes;
}

static inline void mb_zero(struct mb *b, size_t n)
{
    memset(mb_room(b, n), 0, n);
    b->n += n;
}

static inline void mb_lenenc(struct mb *b, uint64_t v)
{
    if (v < 251) {
        mb_le(b, v, 1);
    } else if (v < 65536) {
        mb_le(b, 0xfc, 1);
        mb_le(b, v, 2);
    } else if (v < 16777216) {
        mb_le(b, 0xfd, 1);
        mb_le(b, v, 3);
    } else {
        mb_le(b, 0xfe, 1);
        mb_le(b, v, 8);
    }
}

static inline void mb_lenstr(struct mb *b, const void *p, size_t n)
{
    mb_lenenc(b, n);
    mb_put(b, p, n);
}

static inline void mb_lenz(struct mb *b, const char *z)
{
    mb_lenstr(b, z, strlen(z));
}
static inline void mb_z(struct mb *b, const char *z)
{
    mb_put(b, z, strlen(z) + 1);
}

/* A packet: begin keeps four bytes free, end fills them and steps the sequence number. */
static inline size_t mb_begin(struct mb *b)
{
    size_t at = b->n;
    mb_zero(b, 4);
    return at;
}

static inline void mb_end(struct mb *b, size_t at, uint8_t *seq)
{
    size_t len = b->n - at - 4;
    if (len >= 0xffffff) mini_die("the instruments build no packet of 16 MB");
    b->p[at] = (uint8_t)len;
    b->p[at + 1] = (uint8_t)(len >> 8);
    b->p[at + 2] = (uint8_t)(len >> 16);
    b->p[at + 3] = (*seq)++;
}

static inline uint64_t mini_le(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline size_t mini_packet_len(const uint8_t *p)
{
    return (size_t)mini_le(p, 3);
}

/* A length-encoded integer at *at; false when it does not fit into n bytes or is NULL (0xfb). */
static inline bool mini_lenenc(const uint8_t *p, size_t n, size_t *at, uint64_t *v)
{
    if (*at >= n) return false;
    uint8_t c = p[*at];
    int w = c == 0xfc ? 2 : c == 0xfd ? 3 : c == 0xfe ? 8 : 0;
    if (c == 0xfb || c == 0xff || n - *at < (size_t)w + 1) return false;
    *v = w ? mini_le(p + *at + 1, w) : c;
    *at += (size_t)w + 1;
    return true;
}

/* ---- whole packets that a server sends ---- */

static inline void mini_ok(struct mb *b, uint8_t *seq, uint8_t header, uint64_t affected, uint64_t id,
                           unsigned status, const char *info)
{
    size_t at = mb_begin(b);
    mb_le(b, header, 1);
    mb_lenenc(b, affected);
    mb_lenenc(b, id);
    mb_le(b, status, 2);
    mb_le(b, 0, 2);
    if (info) mb_lenz(b, info);
    mb_end(b, at, seq);
}

static inline void mini_eof(struct mb *b, uint8_t *seq, unsigned status)
{
    size_t at = mb_begin(b);
    mb_le(b, 0xfe, 1);
    mb_le(b, 0, 2);
    mb_le(b, status, 2);
    mb_end(b, at, seq);
}

static inline void mini_err(struct mb *b, uint8_t *seq, unsigned code, const char *state, const char *text)
{
    size_t at = mb_begin(b);
    mb_le(b, 0xff, 1);
    mb_le(b, code, 2);
    if (state) {
        mb_put(b, "#", 1);
        mb_put(b, state, 5);
    }
    mb_put(b, text, strlen(text));
    mb_end(b, at, seq);
}

static inline void mini_column(struct mb *b, uint8_t *seq, const char *table, const char *name, uint8_t type,
                               unsigned charset, unsigned length, unsigned flags)
{
    size_t at = mb_begin(b);
    mb_lenz(b, "def");
    mb_lenz(b, *table ? "bench" : "");
    mb_lenz(b, table);
    mb_lenz(b, table);
    mb_lenz(b, name);
    mb_lenz(b, *table ? name : "");
    mb_le(b, 0x0c, 1);
    mb_le(b, charset, 2);
    mb_le(b, length, 4);
    mb_le(b, type, 1);
    mb_le(b, flags, 2);
    mb_le(b, 0, 1);
    mb_le(b, 0, 2);
    mb_end(b, at, seq);
}

/* Handshake v10. MariaDB announces itself behind the prefix 5.5.5- and without the bit LONG_PASSWORD
 * ("CLIENT_MYSQL"). */
static inline void mini_greeting(struct mb *b, const char *version, uint32_t thread_id,
                                 const uint8_t salt[20], const char *plugin, uint32_t drop_caps)
{
    bool maria = strstr(version, "MariaDB") != NULL;
    uint32_t caps = CAP_LONG_PASSWORD | CAP_FOUND_ROWS | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB |
                    CAP_PROTOCOL_41 | CAP_TRANSACTIONS | CAP_SECURE_CONNECTION | CAP_MULTI_STATEMENTS |
                    CAP_MULTI_RESULTS | CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC |
                    CAP_DEPRECATE_EOF;
    if (maria) caps &= ~(uint32_t)CAP_LONG_PASSWORD;
    caps &= ~drop_caps;
    uint8_t seq = 0;
    size_t at = mb_begin(b);
    mb_le(b, 10, 1);
    if (maria && strncmp(version, "5.5.5-", 6) != 0) mb_put(b, "5.5.5-", 6);
    mb_z(b, version);
    mb_le(b, thread_id, 4);
    mb_put(b, salt, 8);
    mb_le(b, 0, 1);
    mb_le(b, caps & 0xffff, 2);
    mb_le(b, maria ? 45 : 255, 1); /* utf8mb4_general_ci, utf8mb4_0900_ai_ci */
    mb_le(b, STATUS_AUTOCOMMIT, 2);
    mb_le(b, caps >> 16, 2);
    mb_le(b, 21, 1);
    mb_zero(b, 10);
    mb_put(b, salt + 8, 12);
    mb_le(b, 0, 1);
    mb_z(b, plugin);
    mb_end(b, at, &seq);
}

/* ---- sockets ---- */

static inline void mini_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) mini_die("fcntl: %s", strerror(errno));
}

static inline void mini_nodelay(int fd)
{
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* "host:port" or "port" into an IPv4 address; the instruments stay on numeric addresses. */
static inline struct sockaddr_in mini_address(const char *text)
{
    char host[64] = "127.0.0.1";
    const char *colon = strrchr(text, ':');
    if (colon) {
        size_t n = (size_t)(colon - text);
        if (n >= sizeof host) mini_die("address '%s' is too long", text);
        memcpy(host, text, n);
        host[n] = 0;
    }
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_port = htons((uint16_t)mini_number("a port", colon ? colon + 1 : text, 0, 65535));
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) mini_die("'%s' is not a numeric IPv4 address", host);
    return a;
}

/* Listens, and says on standard output at which port (asked for port 0, the kernel chooses). */
static inline int mini_listen(const char *address)
{
    struct sockaddr_in a = mini_address(address);
    socklen_t len = sizeof a;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) mini_die("socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
        mini_die("cannot bind %s: %s", address, strerror(errno));
    if (listen(fd, 4096) < 0) mini_die("listen: %s", strerror(errno));
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0) mini_die("getsockname: %s", strerror(errno));
    printf("listening %d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static inline uint64_t mini_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void mini_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        mini_die("cannot pin to core %d: %s", cpu, strerror(errno));
}

/* As many descriptors as the hard limit allows. */
static inline void mini_many_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* ---- digests (FIPS 180-4), for the scrambles only ---- */

static inline uint32_t mini_rol(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}
static inline uint32_t mini_ror(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* Appends the padding and hands block after block to `step`; the state is 5 or 8 words, most significant byte
 * first. */
static inline void mini_sha_run(const void *data, size_t n, uint32_t *h, int words,
                                void (*step)(uint32_t *h, const uint32_t *w), uint8_t *out)
{
    struct mb b = {0};
    mb_put(&b, data, n);
    mb_le(&b, 0x80, 1);
    mb_zero(&b, (119 - n % 64) % 64);
    for (int i = 7; i >= 0; i--) mb_le(&b, (uint64_t)n * 8 >> (8 * i), 1);
    for (size_t at = 0; at < b.n; at += 64) {
        uint32_t w[16];
        for (int i = 0; i < 16; i++) {
            const uint8_t *p = b.p + at + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        step(h, w);
    }
    for (int i = 0; i < 4 * words; i++) out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    free(b.p);
}

static inline void mini_sha1_step(uint32_t *h, const uint32_t *block)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++)
        w[i] = i < 16 ? block[i] : mini_rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t t = mini_rol(a, 5) + f + e + w[i];
        e = d;
        d = c;
        c = mini_rol(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static inline void mini_sha1(const void *data, size_t n, uint8_t out[20])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    mini_sha_run(data, n, h, 5, mini_sha1_step, out);
}

static inline void mini_sha256_step(uint32_t *h, const uint32_t *block)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64], v[8];
    for (int i = 0; i < 64; i++) {
        if (i < 16) {
            w[i] = block[i];
            continue;
        }
        uint32_t s0 = mini_ror(w[i - 15], 7) ^ mini_ror(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = mini_ror(w[i - 2], 17) ^ mini_ror(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = mini_ror(v[4], 6) ^ mini_ror(v[4], 11) ^ mini_ror(v[4], 25);
        uint32_t s0 = mini_ror(v[0], 2) ^ mini_ror(v[0], 13) ^ mini_ror(v[0], 22);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

static inline void mini_sha256(const void *data, size_t n, uint8_t out[32])
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    mini_sha_run(data, n, h, 8, mini_sha256_step, out);
}

/* mysql_native_password: SHA1(pw) XOR SHA1(salt, SHA1(SHA1(pw))). Returns the length, 0 for an empty
 * password. */
static inline size_t mini_native(const char *password, const uint8_t salt[20], uint8_t out[20])
{
    uint8_t one[20], both[40], mix[20];
    if (!*password) return 0;
    mini_sha1(password, strlen(password), one);
    memcpy(both, salt, 20);
    mini_sha1(one, 20, both + 20);
    mini_sha1(both, 40, mix);
    for (int i = 0; i < 20; i++) out[i] = one[i] ^ mix[i];
    return 20;
}

/* caching_sha2_password, fast path: SHA256(pw) XOR SHA256(SHA256(SHA256(pw)), salt), the comma a
 * concatenation. */
static inline size_t mini_sha2(const char *password, const uint8_t salt[20], uint8_t out[32])
{
    uint8_t one[32], two[32], both[52], mix[32];
    if (!*password) return 0;
    mini_sha256(password, strlen(password), one);
    mini_sha256(one, 32, two);
    memcpy(both, two, 32);
    memcpy(both + 32, salt, 20);
    mini_sha256(both, 52, mix);
    for (int i = 0; i < 32; i++) out[i] = one[i] ^ mix[i];
    return 32;
}

#endif
