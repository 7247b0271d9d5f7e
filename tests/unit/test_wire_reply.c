/*
 * OK, EOF, ERR, column definitions and text rows: bytes of MariaDB 10.11, round trips, truncation, flipped
 * bytes, failing memory.
 */
#include "test_wire.h"

enum { TRACK = WIRE_CAP_SESSION_TRACK, DEPRECATE = WIRE_CAP_DEPRECATE_EOF };

static void real_ok_packets(void **state)
{
    (void)state;
    struct wire_ok ok;
    struct str s = unhex(
        "0002000200000028526f7773206d6174636865643a203220204368616e6765643a203220205761726e696e67733a2030");
    const uint32_t caps[] = {0, DEPRECATE,
                             TRACK | DEPRECATE}; /* the server gives the info a length in all of them */
    for (size_t i = 0; i < COUNT_OF(caps); i++) {
        assert_int_equal(wire_get_ok(s, caps[i], &ok), WIRE_OK);
        assert_int_equal(ok.affected, 2);
        assert_int_equal(ok.insert_id, 0);
        assert_int_equal(ok.status, WIRE_STATUS_AUTOCOMMIT);
        assert_int_equal(ok.warnings, 0);
        assert_str(ok.info, "Rows matched: 2  Changed: 2  Warnings: 0");
        struct buf b = {0};
        uint8_t seq = 1;
        wire_put_ok(&b, &seq, caps[i], &ok);
        assert_int_equal(b.len, s.len + WIRE_HEADER);
        assert_memory_equal(b.data + WIRE_HEADER, s.ptr, s.len);
        buf_release(&b);
    }
    drop(s);
    s = unhex("0000000240000000080106056d7973716c"); /* USE mysql: a change of schema is announced */
    assert_int_equal(wire_get_ok(s, TRACK, &ok), WIRE_OK);
    assert_int_equal(ok.status, WIRE_STATUS_AUTOCOMMIT | WIRE_STATUS_SESSION_STATE_CHANGED);
    assert_str(ok.info, "");
    for (size_t n = 0; n < s.len; n++) {
        struct str cut = exact(s.ptr, n);
        /* Whole up to the warnings, or with the info: what follows may be missing, not be cut. */
        assert_int_equal(wire_get_ok(cut, TRACK, &ok), n == 7 || n == 8 ? WIRE_OK : WIRE_MALFORMED);
        drop(cut);
    }
    drop(s);
    s = unhex("00000002000000 52617720696e666f"); /* as the documentation has it: without a length */
    assert_int_equal(wire_get_ok(s, 0, &ok), WIRE_OK);
    assert_str(ok.info, "Raw info");
    drop(s);
}

static void ok_round_trips(void **state)
{
    (void)state;
    const uint64_t numbers[] = {0, 1, 250, 251, 65536, 1ull << 24, UINT64_MAX};
    char big[70000];
    memset(big, 'i', sizeof big);
    const struct str infos[] = {STR(""), STR("x"), str_make(big, 251), str_make(big, sizeof big)};
    const uint32_t caps[] = {0, TRACK, DEPRECATE, TRACK | DEPRECATE};
    for (size_t c = 0; c < COUNT_OF(caps); c++)
        for (size_t i = 0; i < COUNT_OF(numbers); i++)
            for (size_t k = 0; k < COUNT_OF(infos); k++) {
                uint16_t status = (uint16_t)(i & 1 ? WIRE_STATUS_SESSION_STATE_CHANGED | 2 : 2);
                struct wire_ok in = {numbers[i], numbers[COUNT_OF(numbers) - 1 - i], status, (uint16_t)i,
                                     infos[k], STR_NULL},
                               out;
                struct buf b = {0};
                uint8_t seq = 0;
                wire_put_ok(&b, &seq, caps[c], &in);
                struct str s = exact(b.data + 4, b.len - 4);
                assert_int_equal(wire_get_ok(s, caps[c], &out), WIRE_OK);
                assert_true(out.affected == in.affected && out.insert_id == in.insert_id);
                assert_true(out.status == status && out.warnings == i);
                assert_true(str_eq(out.info, in.info));
                drop(s);
                buf_release(&b);
            }
    struct wire_ok out, changed = {0, 0, WIRE_STATUS_SESSION_STATE_CHANGED, 0, STR(""), STR_NULL};
    struct buf b = {0};
    uint8_t seq = 0;
    wire_put_ok(&b, &seq, TRACK, &changed); /* an empty info, an empty list of changes */
    assert_int_equal(b.len, 13);
    assert_memory_equal(b.data, "\x09\0\0\0\0\0\0\0\x40\0\0\0\0", 13);
    buf_release(&b);
    assert_int_equal(wire_get_ok(STR("\x01"), 0, &out), WIRE_MALFORMED);
    assert_int_equal(wire_get_ok(STR_NULL, 0, &out), WIRE_MALFORMED);
    struct str huge = unhex("00 fe0000000000000080 fe00000000000000ff 0200 0000");
    assert_int_equal(wire_get_ok(huge, 0, &out), WIRE_OK);
    assert_true(out.affected == 1ull << 63);
    drop(huge);
}

static void ends_of_rows(void **state)
{
    (void)state;
    struct buf b = {0};
    uint8_t seq = 7;
    struct wire_ok ok;
    uint16_t status, warnings;
    wire_put_end(&b, &seq, 0, 0x22, 3);
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.data, "\5\0\0\7\xfe\3\0\x22\0", 9);
    assert_true(wire_is_eof(str_make(b.data + 4, 5)));
    assert_int_equal(wire_get_eof(str_make(b.data + 4, 5), &status, &warnings), WIRE_OK);
    assert_true(status == 0x22 && warnings == 3);
    assert_int_equal(wire_get_ok(str_make(b.data + 4, 5), 0, &ok), WIRE_OK); /* either kind of end */
    assert_true(ok.status == 0x22 && ok.warnings == 3);
    assert_int_equal(wire_get_ok(str_make(b.data + 4, 5), DEPRECATE, &ok), WIRE_OK);
    assert_true(ok.status == 0x22 && ok.warnings == 3);
    buf_reset(&b);
    wire_put_end(&b, &seq, DEPRECATE, 0x22, 3);
    assert_int_equal(b.len, 11);
    assert_memory_equal(b.data, "\7\0\0\x08\xfe\0\0\x22\0\3\0", 11);
    assert_int_equal(wire_get_ok(str_make(b.data + 4, 7), DEPRECATE, &ok), WIRE_OK);
    assert_true(ok.status == 0x22 && ok.warnings == 3);
    for (size_t n = 0; n < 5; n++) {
        struct str cut = exact("\xfe\3\0\x22", n < 4 ? n : 4);
        assert_int_equal(wire_get_eof(cut, &status, &warnings), WIRE_MALFORMED);
        drop(cut);
    }
    assert_int_equal(wire_get_eof(STR("\xfe\0\0\0\0\0\0\0\0"), &status, &warnings), WIRE_MALFORMED);
    assert_int_equal(wire_get_eof(STR("\0\0\0\0\0"), &status, &warnings), WIRE_MALFORMED);
    buf_release(&b);
}

static void errors(void **state)
{
    (void)state;
    struct wire_err e;
    struct str s =
        unhex("ffda0423323130303053756271756572792072657475726e73206d6f7265207468616e203120726f77");
    assert_true(wire_is_err(s));
    assert_int_equal(wire_get_err(s, &e), WIRE_OK);
    assert_int_equal(e.code, 1242);
    assert_string_equal(e.state, "21000");
    assert_str(e.message, "Subquery returns more than 1 row");
    struct buf b = {0};
    uint8_t seq = 0;
    wire_put_err(&b, &seq, e.code, e.state, e.message);
    assert_memory_equal(b.data + 4, s.ptr, s.len);
    drop(s);
    /* Before the login: no state. The known ones are filled in. */
    assert_int_equal(wire_get_err(STR("\xff\x10\x04Too many connections"), &e), WIRE_OK);
    assert_int_equal(e.code, 1040);
    assert_string_equal(e.state, "08004");
    assert_str(e.message, "Too many connections");
    assert_int_equal(wire_get_err(STR("\xff\xff\xff#12"), &e), WIRE_OK);
    assert_string_equal(e.state, "HY000");
    assert_str(e.message, "#12");
    assert_int_equal(wire_get_err(STR("\xff\1"), &e), WIRE_MALFORMED);
    assert_int_equal(wire_get_err(STR("\xfe\1\0"), &e), WIRE_MALFORMED);
    assert_int_equal(wire_get_err(STR_NULL, &e), WIRE_MALFORMED);
    const char *states[] = {NULL, "", "123", "1234567"};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        buf_reset(&b);
        wire_put_err(&b, &seq, 1045, states[i], STR("no"));
        assert_int_equal(wire_get_err(str_make(b.data + 4, b.len - 4), &e), WIRE_OK);
        assert_string_equal(e.state, "28000");
        assert_str(e.message, "no");
    }
    buf_release(&b);
}

/* ---- columns ---- */

static void columns(void **state)
{
    (void)state;
    struct wire_column c, again;
    struct str s = unhex("03646566056d7973716c0277740277740269640269640c3f000b0000000303500000000130");
    assert_int_equal(wire_get_column(s, &c), WIRE_OK);
    assert_str(c.catalog, "def");
    assert_str(c.schema, "mysql");
    assert_str(c.table, "wt");
    assert_str(c.org_table, "wt");
    assert_str(c.name, "id");
    assert_str(c.org_name, "id");
    assert_int_equal(c.collation, 63);
    assert_int_equal(c.length, 11);
    assert_int_equal(c.type, WIRE_TYPE_LONG);
    assert_int_equal(c.flags, 0x5003);
    assert_true(c.has_defaults);
    assert_str(c.defaults, "0");
    struct buf b = {0};
    uint8_t seq = 0;
    wire_put_column(&b, &seq, &c);
    struct str copy = exact(b.data + 4, b.len - 4);
    assert_int_equal(wire_get_column(copy, &again), WIRE_OK);
    assert_true(str_eq(again.name, c.name) && again.flags == c.flags && again.decimals == c.decimals);
    drop(copy);
    for (size_t n = 0; n < s.len; n++) {
        struct str cut = exact(s.ptr, n);
        assert_int_equal(wire_get_column(cut, &c), n == s.len - 2 ? WIRE_OK : WIRE_MALFORMED);
        drop(cut);
    }
    for (size_t i = 0; i < s.len; i++)
        for (unsigned v = 0; v < 256; v++) {
            struct str bad = exact(s.ptr, s.len);
            ((char *)(uintptr_t)bad.ptr)[i] = (char)v;
            if (wire_get_column(bad, &c) == WIRE_OK) {
                assert_true(c.name.ptr >= bad.ptr && c.name.ptr + c.name.len <= bad.ptr + bad.len);
                assert_true(c.org_name.ptr >= bad.ptr &&
                            c.org_name.ptr + c.org_name.len <= bad.ptr + bad.len);
            }
            drop(bad);
        }
    struct buf more = {0};
    buf_put_str(&more, s);
    buf_put_u8(&more, 0);
    assert_int_equal(wire_get_column(buf_str(&more), &c), WIRE_MALFORMED);
    buf_release(&more);
    drop(s);
    struct wire_column full = {STR("def"),  STR("shop"), STR("o"), STR("orders_3"),      STR("n"),
                               STR("name"), 45,          80,       WIRE_TYPE_VAR_STRING, 0x1001,
                               31,          STR_NULL,    true};
    buf_reset(&b);
    wire_put_column(&b, &seq, &full);
    assert_int_equal(wire_get_column(str_make(b.data + 4, b.len - 4), &again), WIRE_OK);
    assert_true(again.has_defaults && !again.defaults.ptr);
    assert_str(again.schema, "shop");
    assert_str(again.table, "o");
    assert_str(again.org_table, "orders_3");
    assert_str(again.name, "n");
    assert_str(again.org_name, "name");
    assert_true(again.collation == 45 && again.length == 80 && again.type == 253 && again.flags == 0x1001 &&
                again.decimals == 31);
    full.has_defaults = false;
    buf_reset(&b);
    wire_put_column(&b, &seq, &full);
    assert_int_equal(wire_get_column(str_make(b.data + 4, b.len - 4), &again), WIRE_OK);
    assert_false(again.has_defaults);
    buf_release(&b);
}

/* ---- rows ---- */

static void text_rows(void **state)
{
    (void)state;
    static char big[70000];
    memset(big, 'b', sizeof big);
    const struct str in[] = {STR("1"),
                             STR_NULL,
                             STR(""),
                             str_make(big, 250),
                             str_make(big, 251),
                             str_make(big, 65535),
                             str_make(big, 70000),
                             STR_NULL};
    enum { N = COUNT_OF(in) };
    struct str out[N + 1];
    struct buf b = {0};
    uint8_t seq = 0;
    size_t at = wire_begin(&b);
    for (size_t i = 0; i < N; i++) wire_put_text_field(&b, in[i]);
    wire_end(&b, at, &seq);
    struct str row = exact(b.data + 4, b.len - 4);
    assert_int_equal(wire_get_text_row(row, out, N), WIRE_OK);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(in[i].ptr == NULL, out[i].ptr == NULL);
        assert_true(str_eq(in[i], out[i]));
    }
    assert_int_equal(wire_get_text_row(row, out, N - 1), WIRE_MALFORMED);
    assert_int_equal(wire_get_text_row(row, out, N + 1), WIRE_MALFORMED);
    for (size_t n = 0; n < row.len; n += n < 1000 ? 1 : 997) {
        struct str cut = exact(row.ptr, n);
        assert_int_equal(wire_get_text_row(cut, out, N), WIRE_MALFORMED);
        drop(cut);
    }
    drop(row);
    buf_release(&b);
    assert_int_equal(wire_get_text_row(STR_NULL, out, 0), WIRE_OK);
    assert_int_equal(wire_get_text_row(STR_NULL, out, 1), WIRE_MALFORMED);
    const char *bad[] = {
        "ff", "fe 0000000000000080 61", "fe ffffffffffffffff", "fd ffffff", "fc 00", "02 61", "fe 00"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct str s = unhex(bad[i]);
        assert_int_equal(wire_get_text_row(s, out, 1), WIRE_MALFORMED);
        drop(s);
    }
}

static void random_rows(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        char bytes[40];
        size_t n = rnd(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(rnd(&seed) % 3 ? rnd(&seed) % 8 : 0xf8 + rnd(&seed) % 8);
        struct str s = exact(bytes, n), fields[8];
        uint32_t count = rnd(&seed) % 8;
        if (wire_get_text_row(s, fields, count) ==
            WIRE_OK) { /* what was read encodes to something that reads the same */
            struct buf b = {0};
            struct str again[8];
            for (uint32_t i = 0; i < count; i++) wire_put_text_field(&b, fields[i]);
            assert_int_equal(wire_get_text_row(buf_str(&b), again, count), WIRE_OK);
            for (uint32_t i = 0; i < count; i++) assert_true(str_eq(fields[i], again[i]));
            buf_release(&b);
        }
        drop(s);
    }
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct wire_column c = {STR("def"),
                            STR("shop"),
                            STR("orders"),
                            STR("orders"),
                            STR("customer_id"),
                            STR("customer_id"),
                            63,
                            20,
                            WIRE_TYPE_LONGLONG,
                            0,
                            0,
                            STR("0"),
                            true};
    struct wire_ok ok = {1, 2, 2, 0,
                         STR("Records: 3  Duplicates: 0  Warnings: 0 and more than 64 bytes of text"), STR_NULL};
    for (int what = 0; what < 4; what++) {
        bool failed = true;
        for (uint64_t nth = 1; failed; nth++) {
            struct buf b = {0};
            uint8_t seq = 9;
            mem_fail_at(nth);
            if (what == 0) wire_put_column(&b, &seq, &c);
            if (what == 1) wire_put_ok(&b, &seq, 0, &ok);
            if (what == 2) wire_put_err(&b, &seq, 1064, NULL, ok.info);
            if (what == 3) wire_put_end(&b, &seq, 0, 2, 0);
            mem_fail_at(0);
            failed = b.failed;
            if (failed) assert_true(b.len == 0 && seq == 9);
            assert_true(nth < 10);
            buf_release(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_ok_packets), cmocka_unit_test(ok_round_trips),  cmocka_unit_test(ends_of_rows),
        cmocka_unit_test(errors),          cmocka_unit_test(columns),         cmocka_unit_test(text_rows),
        cmocka_unit_test(random_rows),     cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
