/*
 * Packets: length-encoded values, the cursor, splitting at 16 MB, failing memory, and gathering payloads out
 * of chunks.
 */
#include "test_wire.h"

/* ---- length-encoded values ---- */

static void lenenc_round_trips(void **state)
{
    (void)state;
    const uint64_t values[] = {0,     1,     250,      251,       252,        255,        256,
                               65535, 65536, 0xffffff, 0x1000000, UINT32_MAX, 1ull << 63, UINT64_MAX};
    const size_t sizes[] = {1, 1, 1, 3, 3, 3, 3, 3, 4, 4, 9, 9, 9, 9};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct buf b = {0};
        wire_put_lenenc(&b, values[i]);
        assert_int_equal(b.len, sizes[i]);
        struct wire_reader r = wire_read(b.data, b.len);
        assert_true(wire_get_lenenc(&r) == values[i]);
        assert_false(r.bad);
        assert_int_equal(wire_left(&r), 0);
        for (size_t n = 0; n < b.len; n++) { /* truncated */
            struct str cut = exact(b.data, n);
            r = wire_read(cut.ptr, cut.len);
            assert_true(wire_get_lenenc(&r) == 0);
            assert_true(r.bad);
            drop(cut);
        }
        buf_release(&b);
    }
    const char *impossible[] = {"\xfb", "\xff", "\xff\1\1\1\1\1\1\1\1"};
    for (size_t i = 0; i < COUNT_OF(impossible); i++) {
        struct wire_reader r = wire_read(impossible[i], strlen(impossible[i]));
        wire_get_lenenc(&r);
        assert_true(r.bad);
    }
}

static void oversized_strings_are_malformed(void **state)
{
    (void)state;
    const char *cases[] = {"fe 00000000 00000080 61",
                           "fe ffffffff ffffffff 61",
                           "fe ffffffff 00000000 61",
                           "fd 020000 61",
                           "fc 0200 61",
                           "02 61"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str s = unhex(cases[i]);
        struct wire_reader r = wire_read(s.ptr, s.len);
        struct str got = wire_get_lenstr(&r);
        assert_true(r.bad);
        assert_int_equal(got.len, 0);
        assert_int_equal(wire_left(&r), 0);
        drop(s);
    }
}

static void cursor_stays_bad(void **state)
{
    (void)state;
    struct str s = exact("ab\0cd", 5);
    struct wire_reader r = wire_read(s.ptr, s.len);
    assert_str(wire_get_z(&r), "ab");
    assert_int_equal(wire_get_uint(&r, 1), 'c');
    assert_str(wire_get_z(&r), ""); /* no NUL */
    assert_true(r.bad);
    assert_int_equal(wire_get_uint(&r, 1), 0);
    assert_str(wire_get_rest(&r), "");
    assert_true(r.bad);
    r = wire_read(NULL, 0);
    assert_str(wire_get_rest(&r), "");
    assert_false(r.bad);
    assert_int_equal(wire_get_uint(&r, 4), 0);
    assert_true(r.bad);
    drop(s);
}

/* ---- packets ---- */

static void packets_split_at_16_mb(void **state)
{
    (void)state;
    const size_t max = WIRE_MAX_PAYLOAD;
    const size_t sizes[] = {0, 1, 5, max - 1, max, max + 1, 2 * max - 1, 2 * max, 2 * max + 7};
    char *payload = malloc(2 * max + 7);
    for (size_t i = 0; i < 2 * max + 7; i++) payload[i] = (char)(i * 2654435761u >> 24);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf a = {0}, b = {0};
        uint8_t sa = 254, sb = 254; /* wraps */
        size_t n = sizes[i], packets = n / max + 1;
        buf_putz(&a, "before");
        buf_putz(&b, "before");
        wire_put_packet(&a, &sa, payload, n);
        size_t at = wire_begin(&b);
        assert_int_equal(at, 6);
        buf_put(&b, payload, n);
        wire_end(&b, at, &sb);
        assert_false(a.failed || b.failed);
        assert_int_equal(sa, (uint8_t)(254 + packets));
        assert_int_equal(sb, sa);
        assert_int_equal(a.len, 6 + n + packets * WIRE_HEADER);
        assert_int_equal(a.len, b.len);
        assert_true(memcmp(a.data, b.data, a.len) == 0);
        const char *p = a.data + 6;
        for (size_t k = 0; k < packets; k++) {
            size_t want = k + 1 < packets ? max : n % max;
            assert_int_equal(wire_u24(p), want);
            assert_int_equal((uint8_t)p[3], (uint8_t)(254 + k));
            assert_true(memcmp(p + 4, payload + k * max, want) == 0);
            p += 4 + want;
        }
        struct wire_gather g = {.seq = 254, .check_seq = true};
        size_t used;
        struct str got;
        assert_int_equal(wire_gather_next(&g, a.data + 6, a.len - 6, &used, &got), WIRE_OK);
        assert_int_equal(used, a.len - 6);
        assert_true(str_eq(got, str_make(payload, n)));
        wire_gather_release(&g);
        buf_release(&a);
        buf_release(&b);
    }
    free(payload);
}

static void a_failed_packet_leaves_nothing(void **state)
{
    (void)state;
    static char payload[300];
    for (uint64_t nth = 1; nth < 4; nth++) {
        struct buf b = {0};
        uint8_t seq = 3;
        buf_putz(&b, "before");
        mem_fail_at(nth);
        size_t at = wire_begin(&b);
        buf_put(&b, payload, sizeof payload);
        wire_end(&b, at, &seq);
        mem_fail_at(0);
        if (nth == 1) {
            assert_true(b.failed);
            assert_int_equal(seq, 3);
            assert_int_equal(b.len, 6);
        } else
            assert_int_equal(b.len, 6 + 4 + sizeof payload);
        buf_reset(&b);
        seq = 3;
        b.max = 100;
        wire_put_packet(&b, &seq, payload, 97);
        assert_true(b.failed && b.len == 0 && seq == 3);
        buf_reset(&b);
        wire_put_packet(&b, &seq, payload, 96);
        assert_true(!b.failed && b.len == 100 && seq == 4);
        buf_release(&b);
    }
    /* No room for the second header. */
    struct buf b = {.max = WIRE_MAX_PAYLOAD + 6};
    uint8_t seq = 0;
    size_t at = wire_begin(&b);
    assert_true(buf_reserve(&b, WIRE_MAX_PAYLOAD));
    memset(b.data + b.len, 'x', WIRE_MAX_PAYLOAD);
    b.len += WIRE_MAX_PAYLOAD;
    wire_end(&b, at, &seq);
    assert_true(b.failed && b.len == 0 && seq == 0);
    buf_release(&b);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(wire_command_name(WIRE_COM_QUERY), "Query");
    assert_string_equal(wire_command_name(WIRE_COM_RESET_CONNECTION), "Reset connection");
    assert_string_equal(wire_command_name(0x20), "Unknown");
    assert_string_equal(wire_command_name(0xff), "Unknown");
    assert_string_equal(wire_error_state(1045), "28000");
    assert_string_equal(wire_error_state(9999), "HY000");
}

/* ---- gathering ---- */

/* Three packets and an empty one. */
static const char stream[] = "\3\0\0\0abc\0\0\0\1\5\0\0\2hello\1\0\0\3z";
enum { STREAM = sizeof stream - 1 };

/* Feeds the stream in chunks that next() gives; returns the payloads joined with '|'. */
static void gather_in_chunks(size_t size, uint64_t seed, char out[64])
{
    struct wire_gather g = {.check_seq = true};
    size_t n = 0, at = 0;
    while (at < STREAM) {
        size_t chunk = size ? size : 1 + rnd(&seed) % 9;
        if (chunk > STREAM - at) chunk = STREAM - at;
        struct str c = exact(stream + at, chunk);
        size_t done = 0;
        while (done < chunk) {
            size_t used;
            struct str payload;
            enum wire_status st = wire_gather_next(&g, c.ptr + done, chunk - done, &used, &payload);
            assert_true(used <= chunk - done);
            done += used;
            if (st == WIRE_MORE) {
                assert_int_equal(done, chunk);
                break;
            }
            assert_int_equal(st, WIRE_OK);
            assert_non_null(payload.ptr);
            memcpy(out + n, payload.ptr, payload.len);
            n += payload.len;
            out[n++] = '|';
        }
        at += chunk;
        drop(c);
    }
    assert_int_equal(g.seq, 4);
    out[n] = 0;
    wire_gather_release(&g);
}

static void gathers_any_chunks(void **state)
{
    (void)state;
    char out[64];
    for (size_t size = 1; size <= STREAM; size++) {
        gather_in_chunks(size, 0, out);
        assert_string_equal(out, "abc||hello|z|");
    }
    for (uint64_t seed = 0; seed < 500; seed++) {
        gather_in_chunks(0, seed, out);
        assert_string_equal(out, "abc||hello|z|");
    }
}

static void gather_whole_is_a_view(void **state)
{
    (void)state;
    struct wire_gather g = {0};
    size_t used;
    struct str payload;
    uint64_t before = mem_count();
    assert_int_equal(wire_gather_next(&g, stream, STREAM, &used, &payload), WIRE_OK);
    assert_ptr_equal(payload.ptr, stream + 4);
    assert_int_equal(used, 7);
    assert_int_equal(mem_count(), before);
    assert_int_equal(wire_gather_next(&g, "\0\0\0\x63", 4, &used, &payload),
                     WIRE_OK); /* not checked: taken over */
    assert_int_equal(g.seq, 0x64);
    assert_true(payload.ptr && payload.len == 0);
    assert_int_equal(wire_gather_next(&g, NULL, 0, &used, &payload), WIRE_MORE);
    assert_int_equal(used, 0);
}

static void gather_refuses(void **state)
{
    (void)state;
    size_t used;
    struct str payload;
    struct wire_gather g = {.seq = 1, .check_seq = true};
    assert_int_equal(wire_gather_next(&g, stream, STREAM, &used, &payload), WIRE_MALFORMED);
    assert_false(g.too_large);
    g = (struct wire_gather){.max = 4};
    assert_int_equal(wire_gather_next(&g, stream, STREAM, &used, &payload), WIRE_OK);
    assert_int_equal(wire_gather_next(&g, "\4\0\0\0abcd", 8, &used, &payload), WIRE_OK);
    assert_int_equal(wire_gather_next(&g, "\5\0\0\0", 4, &used, &payload), WIRE_MALFORMED);
    assert_true(g.too_large);
    wire_gather_release(&g);
    assert_false(g.too_large);
    assert_int_equal(g.max, 4);

    /* A bound over joined packets: the header of the second one is enough. */
    size_t n = WIRE_HEADER + WIRE_MAX_PAYLOAD + WIRE_HEADER;
    char *big = calloc(1, n);
    memset(big, 0xff, 3);
    big[n - 4] = 2;
    big[n - 1] = 1;
    g = (struct wire_gather){.max = WIRE_MAX_PAYLOAD + 1, .check_seq = true};
    assert_int_equal(wire_gather_next(&g, big, n, &used, &payload), WIRE_MALFORMED);
    assert_true(g.too_large);
    wire_gather_release(&g);
    free(big);

    /* Announcing much allocates little. */
    g = (struct wire_gather){0};
    assert_int_equal(wire_gather_next(&g, "\0\0\xf0\0x", 5, &used, &payload), WIRE_MORE);
    assert_true(g.store.cap <= 64);
    wire_gather_release(&g);

    g = (struct wire_gather){0};
    mem_fail_at(1);
    assert_int_equal(wire_gather_next(&g, "\5\0\0\0abc", 7, &used, &payload), WIRE_MALFORMED);
    mem_fail_at(0);
    assert_true(g.store.failed && !g.too_large);
    wire_gather_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lenenc_round_trips),
        cmocka_unit_test(oversized_strings_are_malformed),
        cmocka_unit_test(cursor_stays_bad),
        cmocka_unit_test(packets_split_at_16_mb),
        cmocka_unit_test(a_failed_packet_leaves_nothing),
        cmocka_unit_test(names),
        cmocka_unit_test(gathers_any_chunks),
        cmocka_unit_test(gather_whole_is_a_view),
        cmocka_unit_test(gather_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
