/*
 * The compressed protocol between two buffers: what goes in comes out, frames are numbered as real peers check them, and what a peer can
 * send wrong is refused without memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "proxy/net/compress.h"

static struct compress_shop *shop;

static int open_shop(void **state)
{
    (void)state;
    shop = compress_shop_new();
    return shop ? 0 : 1;
}

static int close_shop(void **state)
{
    (void)state;
    compress_shop_free(shop);
    return 0;
}

static uint32_t u24(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

/* One packet: header and n bytes, of text that packs (or noise that does not). */
static void put_packet(struct buf *b, size_t n, uint8_t seq, bool noise)
{
    static uint32_t x = 12345;
    size_t left = n;
    do {
        size_t part = left < 0xffffff ? left : 0xffffff;
        buf_put_u24(b, (uint32_t)part);
        buf_put_u8(b, seq++);
        assert_true(buf_reserve(b, part));
        for (size_t i = 0; i < part; i++) {
            x = x * 1664525 + 1013904223;
            b->data[b->len++] = noise ? (char)(x >> 24) : (char)('a' + (i / 7) % 5);
        }
        left -= part;
        if (part < 0xffffff) break;
    } while (true);
}

/* Frames checked by their header: count, numbers from `first` on. */
static uint32_t count_frames(const struct buf *b, uint8_t first)
{
    uint32_t n = 0;
    for (size_t at = 0; at < b->len; n++) {
        assert_true(b->len - at >= 7);
        assert_int_equal((uint8_t)b->data[at + 3], (uint8_t)(first + n));
        at += 7 + u24(b->data + at);
        assert_true(at <= b->len);
    }
    return n;
}

/* All of it read, `step` bytes at a time (0: all at once), into a room of `room` bytes. */
static enum compress_status feed(struct compress *z, const struct buf *in, size_t step, size_t room, struct buf *out)
{
    char *to = malloc(room);
    enum compress_status st = COMPRESS_MORE;
    for (size_t at = 0; at < in->len && st != COMPRESS_BAD;) {
        size_t n = step && step < in->len - at ? step : in->len - at, left = n, got;
        const char *p = in->data + at;
        while ((st = compress_read(z, &p, &left, to, room, &got)) == COMPRESS_BYTES) buf_put(out, to, got);
        if (st == COMPRESS_MORE) assert_int_equal(left, 0);
        at += n;
    }
    free(to);
    return st;
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 45, 46, 47, 300, 70000, 262144, 262145, 3000000, 0xffffff, 40000000};
    (void)state;
    for (int how = LINK_ZLIB; how <= LINK_ZSTD; how++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            for (int noise = 0; noise < 2; noise++) {
                if (sizes[i] > 1000000 && noise && how == LINK_ZLIB) continue;
                struct compress *c = compress_new(shop, (enum link_compression)how, 0, false), *s = compress_new(shop, (enum link_compression)how, 1, true);
                struct buf packets = {0}, wire = {0}, out = {0}, answer = {0}, back = {0};
                put_packet(&packets, sizes[i], 0, noise);
                compress_new_command(c);
                assert_true(compress_write(c, packets.data, packets.len, &wire));
                uint32_t frames = count_frames(&wire, 0);
                if (!noise && sizes[i] > 1000) assert_true(wire.len < packets.len / 10);
                assert_true(wire.len <= packets.len + 7 * frames);
                assert_int_equal(feed(s, &wire, sizes[i] <= 70000 ? 1 : 100003, sizes[i] <= 70000 ? 33 : 65536, &out), COMPRESS_MORE);
                assert_int_equal(out.len, packets.len);
                assert_memory_equal(out.data, packets.data, out.len);
                compress_new_command(s); /* the answer counts on */
                uint8_t seq = (uint8_t)(sizes[i] / 0xffffff + 1);
                put_packet(&answer, 10, seq, false);
                put_packet(&answer, 1000, (uint8_t)(seq + 1), false);
                buf_reset(&wire);
                assert_true(compress_write(s, answer.data, answer.len, &wire));
                assert_int_equal(count_frames(&wire, (uint8_t)frames), 1);
                assert_int_equal(feed(c, &wire, 1, 20, &back), COMPRESS_MORE);
                assert_int_equal(back.len, answer.len);
                assert_memory_equal(back.data, answer.data, back.len);
                buf_release(&packets);
                buf_release(&wire);
                buf_release(&out);
                buf_release(&answer);
                buf_release(&back);
                compress_free(c);
                compress_free(s);
            }
        }
    }
}

/* A server numbers its packets behind a long command by the frames; above us they count by the packets. */
static void test_renumbered(void **state)
{
    (void)state;
    struct compress *c = compress_new(shop, LINK_ZLIB, 0, false);
    struct buf packets = {0}, wire = {0}, out = {0};
    put_packet(&packets, 3000000, 0, false);
    compress_new_command(c);
    assert_true(compress_write(c, packets.data, packets.len, &wire));
    uint32_t frames = count_frames(&wire, 0);
    assert_true(frames > 10);
    buf_reset(&wire);
    buf_put_u24(&wire, 10);
    buf_put_u8(&wire, (uint8_t)frames);
    buf_put_u24(&wire, 0);
    buf_put(&wire, "\x01\x00\x00\x63x\x01\x00\x00\x64y", 10);
    assert_int_equal(feed(c, &wire, 1, 100, &out), COMPRESS_MORE);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, "\x01\x00\x00\x01x\x01\x00\x00\x02y", 10);
    buf_release(&packets);
    buf_release(&wire);
    buf_release(&out);
    compress_free(c);
}

static void put_frame(struct buf *b, uint8_t seq, const char *p, size_t n)
{
    buf_put_u24(b, (uint32_t)n);
    buf_put_u8(b, seq);
    buf_put_u24(b, 0);
    buf_put(b, p, n);
}

static uint8_t answer_number(struct compress *z)
{
    struct buf wire = {0};
    assert_true(compress_write(z, "\x01\x00\x00\x01!", 5, &wire));
    uint8_t n = (uint8_t)wire.data[3];
    buf_release(&wire);
    return n;
}

/* Commands sent behind each other: each answer counts on from its own. */
static void test_pipelined(void **state)
{
    (void)state;
    struct compress *s = compress_new(shop, LINK_ZLIB, 0, true);
    struct buf wire = {0}, out = {0};
    put_frame(&wire, 0, "\x05\x00\x00\x00\x19\x01\x00\x00\x00", 9); /* no answer */
    put_frame(&wire, 0, "\x03\x00\x00\x00\x03", 5);                 /* in two frames */
    put_frame(&wire, 1, "ab", 2);
    put_frame(&wire, 0, "\x01\x00\x00\x00\x0e", 5);
    assert_int_equal(feed(s, &wire, 0, 100, &out), COMPRESS_MORE);
    compress_new_command(s);
    compress_new_command(s);
    assert_int_equal(answer_number(s), 2);
    assert_int_equal(answer_number(s), 3);
    compress_new_command(s);
    assert_int_equal(answer_number(s), 1);
    /* a file that the server asked for counts on from the request */
    buf_reset(&wire);
    buf_reset(&out);
    put_frame(&wire, 2, "\x01\x00\x00\x07x\x00\x00\x00\x08", 9);
    assert_int_equal(feed(s, &wire, 0, 100, &out), COMPRESS_MORE);
    assert_memory_equal(out.data, "\x01\x00\x00\x02x\x00\x00\x00\x03", 9);
    assert_int_equal(answer_number(s), 3);
    buf_release(&wire);
    buf_release(&out);
    compress_free(s);
}

/* ---- what is refused ---- */

static void expect_bad(int how, bool server, const struct buf *wire, const char *why)
{
    for (size_t step = 0; step < 2; step++) {
        struct compress *z = compress_new(shop, (enum link_compression)how, 0, server);
        struct buf out = {0};
        if (!server) {
            struct buf sent = {0};
            compress_new_command(z);
            assert_true(compress_write(z, "\x01\x00\x00\x00\x0e", 5, &sent));
            buf_release(&sent);
        }
        assert_int_equal(feed(z, wire, step, 1000, &out), COMPRESS_BAD);
        if (!strstr(compress_why(z), why)) fail_msg("%s, not %s", compress_why(z), why);
        size_t none = 0, got;
        const char *p = "";
        char room[100];
        assert_int_equal(compress_read(z, &p, &none, room, sizeof room, &got), COMPRESS_BAD);
        assert_true(out.len < 5000000);
        buf_release(&out);
        compress_free(z);
    }
}

static void packed_frame(struct buf *b, int how, uint8_t seq, size_t n, uint32_t announced, int cut)
{
    char *text = calloc(1, n), *to = malloc(n + 1000);
    size_t len = n + 1000;
    if (how == LINK_ZLIB) {
        uLongf m = (uLongf)len;
        assert_int_equal(compress2((Bytef *)to, &m, (Bytef *)text, (uLong)n, 9), Z_OK);
        len = m;
    } else {
        len = ZSTD_compress(to, len, text, n, 3);
    }
    len = (size_t)((long)len - cut);
    buf_put_u24(b, (uint32_t)len);
    buf_put_u8(b, seq);
    buf_put_u24(b, announced);
    buf_put(b, to, len);
    free(text);
    free(to);
}

static void test_bad_frames(void **state)
{
    (void)state;
    struct buf w = {0};
    for (int how = LINK_ZLIB; how <= LINK_ZSTD; how++) {
        buf_reset(&w);
        packed_frame(&w, how, 0, 4000, 3999, 0);
        expect_bad(how, true, &w, "holds more than it announces");
        buf_reset(&w);
        packed_frame(&w, how, 0, 50000000, 1000, 0); /* a bomb */
        expect_bad(how, true, &w, "holds more than it announces");
        buf_reset(&w);
        packed_frame(&w, how, 0, 4000, 4001, 0);
        expect_bad(how, true, &w, "holds less than it announces");
        buf_reset(&w);
        packed_frame(&w, how, 0, 4000, 4000, 3);
        expect_bad(how, true, &w, "ends too early");
        buf_reset(&w);
        packed_frame(&w, how, 0, 4000, 4000, -3); /* bytes behind the packed ones */
        expect_bad(how, true, &w, "holds less than it announces");
        buf_reset(&w);
        packed_frame(&w, how, 0, 4000, 4000, 0);
        w.data[7] ^= 0x55;
        expect_bad(how, true, &w, "cannot be unpacked");
        buf_reset(&w);
        buf_put(&w, "\x00\x00\x00\x00\x10\x00\x00", 7);
        expect_bad(how, true, &w, "announces bytes and has none");
        buf_reset(&w);
        put_frame(&w, 1, "\x01\x00\x00\x00\x0e", 5);
        expect_bad(how, true, &w, "out of order");
        buf_reset(&w);
        put_frame(&w, 0, "\x05\x00\x00\x00\x0e", 5);
        put_frame(&w, 0, "abcd", 4); /* 0 again inside a packet */
        expect_bad(how, true, &w, "out of order");
        buf_reset(&w);
        put_frame(&w, 0, "\x01\x00\x00\x01\x00", 5);
        expect_bad(how, false, &w, "out of order");
        buf_reset(&w);
        put_frame(&w, 2, "\x01\x00\x00\x01\x00", 5);
        expect_bad(how, false, &w, "out of order");
        buf_reset(&w);
        put_frame(&w, 1, "\x01\x00\x00\x01\x00", 5);
        put_frame(&w, 3, "\x01\x00\x00\x02\x00", 5);
        expect_bad(how, false, &w, "out of order");
    }
    buf_release(&w);
}

/* A server that gives up in the middle of a long command. */
static void test_early_answer(void **state)
{
    (void)state;
    struct compress *c = compress_new(shop, LINK_ZSTD, 0, false);
    struct buf packets = {0}, wire = {0}, out = {0};
    put_packet(&packets, 3000000, 0, false);
    compress_new_command(c);
    assert_true(compress_write(c, packets.data, packets.len, &wire));
    buf_reset(&wire);
    put_frame(&wire, 4, "\x01\x00\x00\x04\xff", 5);
    assert_int_equal(feed(c, &wire, 0, 100, &out), COMPRESS_MORE);
    assert_memory_equal(out.data, "\x01\x00\x00\x01\xff", 5);
    buf_release(&packets);
    buf_release(&wire);
    buf_release(&out);
    compress_free(c);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct buf wire = {0};
    packed_frame(&wire, LINK_ZLIB, 0, 4000, 4000, 0);
    for (unsigned at = 1; at < 6; at++) {
        mem_fail_at(at);
        struct compress_shop *own = compress_shop_new();
        struct compress *z = own ? compress_new(own, LINK_ZLIB, 0, true) : NULL;
        if (z) {
            const char *p = wire.data;
            size_t n = wire.len, got;
            char room[5000];
            enum compress_status st = compress_read(z, &p, &n, room, sizeof room, &got);
            struct buf out = {0};
            bool wrote = compress_write(z, room, 100, &out);
            mem_fail_at(0);
            if (at < 5) assert_true(st == COMPRESS_BAD || !wrote);
            buf_release(&out);
        }
        mem_fail_at(0);
        compress_free(z);
        compress_shop_free(own);
    }
    buf_release(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_renumbered),   cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_bad_frames), cmocka_unit_test(test_early_answer), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, open_shop, close_shop);
}
