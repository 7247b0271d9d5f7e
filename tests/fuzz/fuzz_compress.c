/*
 * Frames of the compressed protocol. Byte 0 says how: zlib or zstd, server or client, and which of three things is done with the rest:
 *
 *   raw    the rest is what a peer sends: read in one piece and in small ones, the outcome is the same, and nothing is given out beyond what is announced
 *   inside the rest is packed by us into well-formed frames, so that the decoder's own layers are reached with mutated packed bytes
 *   round  the rest is sent, and must come out at the other end
 */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/net/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 128 << 10 };
static struct compress_shop *shop;

static void check(bool right)
{
    if (!right) abort();
}

/* False: refused. The output is cut at OUT_MAX. */
static bool feed(struct compress *z, const char *p, size_t n, size_t step, size_t room, struct buf *out)
{
    char *to = malloc(room);
    enum compress_status st = COMPRESS_MORE;
    check(to != NULL);
    for (size_t at = 0; at < n && st != COMPRESS_BAD && out->len < OUT_MAX;) {
        size_t part = step < n - at ? step : n - at, left = part, got;
        char *exact = malloc(part);
        check(exact != NULL);
        memcpy(exact, p + at, part);
        const char *q = exact;
        while ((st = compress_read(z, &q, &left, to, room, &got)) == COMPRESS_BYTES && out->len < OUT_MAX) {
            check(got > 0 && got <= room);
            buf_put(out, to, got);
        }
        if (st == COMPRESS_MORE) check(left == 0);
        free(exact);
        at += part;
    }
    free(to);
    if (st == COMPRESS_BAD) check(compress_why(z) != NULL);
    return st != COMPRESS_BAD;
}

static struct compress *open_end(int how, bool server)
{
    struct compress *z = compress_new(shop, how ? LINK_ZSTD : LINK_ZLIB, 1, server);
    check(z != NULL);
    if (!server) { /* a command was sent */
        struct buf sent = {0};
        compress_new_command(z);
        check(compress_write(z, "\x01\x00\x00\x00\x0e", 5, &sent));
        buf_release(&sent);
    }
    return z;
}

static void both_ways(int how, bool server, const char *p, size_t n)
{
    struct compress *a = open_end(how, server), *b = open_end(how, server);
    struct buf x = {0}, y = {0}, answer = {0};
    bool one = feed(a, p, n, n ? n : 1, 70000, &x), two = feed(b, p, n, 3, 311, &y);
    size_t common = x.len < y.len ? x.len : y.len;
    check(common == 0 || memcmp(x.data, y.data, common) == 0);
    if (x.len < OUT_MAX && y.len < OUT_MAX && !how) { /* zstd sees a fault in the middle of a frame earlier or later */
        check(one == two);
        if (one) check(x.len == y.len);
    }
    compress_new_command(a);
    check(compress_write(a, "\x01\x00\x00\x01!", 5, &answer));
    buf_release(&answer);
    buf_release(&x);
    buf_release(&y);
    compress_free(a);
    compress_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!shop) shop = compress_shop_new();
    if (size < 6) return 0;
    int how = data[0] & 1;
    bool server = data[0] & 2;
    const char *p = (const char *)data + 1;
    size_t n = size - 1;
    struct buf wire = {0}, out = {0};
    switch (data[0] >> 2 & 3) {
    case 0: both_ways(how, server, p, n); break;
    case 1: /* u24 announced, then packed bytes */
        buf_put_u24(&wire, (uint32_t)(n - 3));
        buf_put_u8(&wire, server ? 0 : 1);
        buf_put(&wire, p, 3);
        buf_put(&wire, p + 3, n - 3);
        both_ways(how, server, wire.data, wire.len);
        break;
    default: {
        struct compress *a = compress_new(shop, how ? LINK_ZSTD : LINK_ZLIB, 0, false), *b = open_end(how, true);
        compress_new_command(a);
        check(a && compress_write(a, p, n, &wire));
        check(feed(b, wire.data, wire.len, wire.len, 1000, &out));
        check(out.len == n);
        compress_free(a);
        compress_free(b);
        break;
    }
    }
    buf_release(&wire);
    buf_release(&out);
    return 0;
}
