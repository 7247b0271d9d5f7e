/*
 * PROXY headers of both versions: read at once and one byte at a time, cut at every length, and what is malformed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/net/proxy_header.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(lit) {(lit), sizeof(lit) - 1}

static const struct good {
    struct str bytes;
    const char *address; /* NULL: the connection's own counts */
    uint16_t port;
} good[] = {
    {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 56324 3306\r\n"), "::ffff:192.0.2.1", 56324},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "::ffff:255.255.255.255", 65535},
    {BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 0 3306\r\n"), "2001:db8::7", 0},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n"), "::ffff:192.0.2.9", 1},
    {BYTES("PROXY UNKNOWN\r\n"), NULL, 0},
    {BYTES("PROXY UNKNOWN ffff:f...f ffff:f...f 65535 65535\r\n"), NULL, 0},
    {BYTES(V2 "\x21\x11\x00\x0c" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea"), "::ffff:192.0.2.1", 56324},
    {BYTES(V2 "\x21\x21\x00\x24" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\x00\x01\x0c\xea"), "2001:db8::7", 1},
    {BYTES(V2 "\x20\x00\x00\x00"), NULL, 0},                                              /* LOCAL */
    {BYTES(V2 "\x20\x11\x00\x0c" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea"), NULL, 0}, /* LOCAL: the addresses do not count */
    {BYTES(V2 "\x20\x77\x00\x03" "abc"), NULL, 0},
    {BYTES(V2 "\x21\x00\x00\x02" "xy"), NULL, 0},                                         /* UNSPEC */
    {BYTES(V2 "\x21\x11\x00\x16" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea" "\x04\x00\x00" "\x01\x00\x04" "h2\0\0"), "::ffff:192.0.2.1", 56324},
};

static void check_good(const struct good *g, const char *p, size_t n)
{
    struct proxy_header h;
    const char *why;
    size_t used;
    uint8_t want[16];
    assert_int_equal(proxy_header_parse(p, n, &h, &used, &why), PROXY_HEADER_OK);
    assert_int_equal(used, g->bytes.len);
    assert_int_equal(h.has_source, g->address != NULL);
    if (!g->address) return;
    assert_int_equal(inet_pton(AF_INET6, g->address, want), 1);
    assert_memory_equal(h.address, want, 16);
    assert_int_equal(h.port, g->port);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        const struct good *g = &good[i];
        struct buf more = {0};
        for (size_t n = 0; n < g->bytes.len; n++) { /* cut at every length: not yet */
            struct proxy_header h;
            const char *why;
            size_t used;
            char *exact = mem_alloc(n + 1);
            memcpy(exact, g->bytes.ptr, n);
            if (proxy_header_parse(exact, n, &h, &used, &why) != PROXY_HEADER_MORE) fail_msg("header %zu cut at %zu: %s", i, n, why ? why : "taken");
            mem_free(exact);
        }
        check_good(g, g->bytes.ptr, g->bytes.len);
        buf_put_str(&more, g->bytes); /* what follows is not the header's */
        buf_putz(&more, "\n\r\nPROXY");
        check_good(g, more.data, more.len);
        buf_release(&more);
    }
}

static void test_unix(void **state)
{
    struct buf b = {0};
    struct proxy_header h;
    const char *why;
    size_t used;
    (void)state;
    buf_put(&b, V2 "\x21\x31\x00\xd8", 16);
    for (int i = 0; i < 216; i++) buf_put_u8(&b, 'x');
    assert_int_equal(proxy_header_parse(b.data, b.len, &h, &used, &why), PROXY_HEADER_OK);
    assert_false(h.has_source);
    b.data[15] = 20;
    assert_int_equal(proxy_header_parse(b.data, b.len, &h, &used, &why), PROXY_HEADER_BAD);
    buf_release(&b);
}

static void test_bad(void **state)
{
    static const struct {
        struct str bytes;
        const char *why;
    } bad[] = {
        {BYTES("G"), "does not begin with"},
        {BYTES("PROXX"), "does not begin with"},
        {BYTES("\r\n\r\n\0\r\nQUIX"), "does not begin with"},
        {BYTES("\x4a\0\0\0\x0a"), "does not begin with"},
        {BYTES("PROXY \r\n"), "names no protocol"},
        {BYTES("PROXY \n"), "CR LF"},
        {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 56324 3306\n"), "CR LF"},
        {BYTES("PROXY TCP5 192.0.2.1 10.0.0.1 56324 3306\r\n"), "none of TCP4"},
        {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 56324\r\n"), "two addresses and two ports"},
        {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 56324 3306 7\r\n"), "two addresses and two ports"},
        {BYTES("PROXY TCP4  192.0.2.1 10.0.0.1 56324 3306\r\n"), "two addresses and two ports"},
        {BYTES("PROXY TCP4 192.0.2.256 10.0.0.1 56324 3306\r\n"), "address in it"},
        {BYTES("PROXY TCP4 192.0.2.1 ::1 56324 3306\r\n"), "address in it"},
        {BYTES("PROXY TCP6 192.0.2.1 ::1 56324 3306\r\n"), "address in it"},
        {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 65536 3306\r\n"), "port in it"},
        {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 -1 3306\r\n"), "port in it"},
        {BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 56324 33O6\r\n"), "port in it"},
        {BYTES("PROXY TCP4 192.0.2.1\0 10.0.0.1 56324 3306\r\n"), "address in it"},
        {BYTES("PROXY UNKNOWN fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"), "107 bytes"},
        {BYTES(V2 "\x11"), "version is not 2"},
        {BYTES(V2 "\x22"), "LOCAL nor PROXY"},
        {BYTES(V2 "\x21\x12\x00\x0c"), "address family"},
        {BYTES(V2 "\x21\x11\x00\x0b"), "too short"},
        {BYTES(V2 "\x21\x21\x00\x0c"), "too short"},
        {BYTES(V2 "\x21\x11\x00\x0e" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea" "\x04\x00"), "cut off"},
        {BYTES(V2 "\x21\x11\x00\x0f" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea" "\x04\x00\x01"), "cut off"},
        {BYTES(V2 "\x21\x11\x00\x13" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea" "\x03\x00\x04" "abcd"), "checksum"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct proxy_header h;
        const char *why = NULL;
        size_t used;
        if (proxy_header_parse(bad[i].bytes.ptr, bad[i].bytes.len, &h, &used, &why) != PROXY_HEADER_BAD) fail_msg("case %zu is taken", i);
        if (!strstr(why, bad[i].why)) fail_msg("case %zu: %s", i, why);
    }
}

/* CRC-32C as RFC 3720, B.4 has it, bit by bit and on its own. */
static uint32_t reference_crc(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n * 8; i++) {
        uint32_t bit = (uint32_t)(p[i / 8] >> (i % 8) & 1) ^ (crc & 1);
        crc = crc >> 1 ^ (bit ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void test_checksum(void **state)
{
    unsigned char b[] = V2 "\x21\x11\x00\x16" "\xc0\x00\x02\x01" "\x0a\x00\x00\x01" "\xdc\x04\x0c\xea" "\x03\x00\x04\0\0\0\0" "\x04\x00\x00";
    const size_t n = sizeof b - 1, at = 16 + 12 + 3;
    struct proxy_header h;
    const char *why;
    size_t used;
    (void)state;
    b[15] = (unsigned char)(n - 16);
    assert_int_equal(reference_crc((const unsigned char *)"123456789", 9), 0xe3069283u); /* the check value of CRC-32C */
    uint32_t crc = reference_crc(b, n);
    for (int i = 0; i < 4; i++) b[at + (size_t)i] = (unsigned char)(crc >> (24 - 8 * i));
    assert_int_equal(proxy_header_parse((char *)b, n, &h, &used, &why), PROXY_HEADER_OK);
    assert_true(h.has_source);
    b[17] ^= 1;
    assert_int_equal(proxy_header_parse((char *)b, n, &h, &used, &why), PROXY_HEADER_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_unix), cmocka_unit_test(test_bad), cmocka_unit_test(test_checksum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
