/*
 * Session state in OK packets, connection attributes, the SSL request, auth switches of any data: bytes of MariaDB 10.11 and MySQL 9.7, round
 * trips, truncation, flipped bytes.
 */
#include "test_wire.h"

enum { TRACK = WIRE_CAP_SESSION_TRACK, DEP = WIRE_CAP_DEPRECATE_EOF };

/* As "kind:name=value" of each change. */
static const struct tracked {
    const char *hex, *changes;
    uint16_t status;
    bool pairs_apart; /* one variable an entry, as we write them */
} packets[] = {
    {"0000000240000000080106056d7973716c", "1:mysql;", 0x4002, true},
    {"00000002400000005f001c146368617261637465725f7365745f636c69656e74066c6174696e310020186368617261637465725f7365745f636f6e6e656374696f6e"
     "066c6174696e31001d156368617261637465725f7365745f726573756c7473066c6174696e31",
     "0:character_set_client=latin1;0:character_set_connection=latin1;0:character_set_results=latin1;", 0x4002, true},
    {"0000000240000000190017156368617261637465725f7365745f726573756c747300", "0:character_set_results=;", 0x4002, true},
    {"000000024000000003020131", "2:1;", 0x4002, true},
    {"0000000240000000110201310509085f5f5f5f5f5f5f5f040100", "2:1;5:________;4:;", 0x4002, true},
    {"00000003600000002a050908545f5f5f5f5f5f5f041d1c5354415254205452414e53414354494f4e2052454144204f4e4c593b",
     "5:T_______;4:START TRANSACTION READ ONLY;;", 0x6003, true},
    {"fe000003600000000b050908545f5f5f5f5f535f", "5:T_____S_;", 0x6003, true},
    {"0001002240000028526f7773206d6174636865643a203120204368616e6765643a203120205761726e696e67733a20301300110c73746174656d656e745f69640337"
     "3638",
     "0:statement_id=768;", 0x4022, true},
    {"0000000240000000" "18" "0012" "0a6175746f636f6d6d6974024f4e" "0161" "0162" "0102" "0161", "0:autocommit=ON;0:a=b;1:a;", 0x4002, false},
    {"0000000240000000" "09" "0307" "00" "05613a312d32", "3:a:1-2;", 0x4002, true},
    {"0000000240000000" "04" "0900" "0000", "9:;", 0x4002, false}, /* a kind of the future, an entry without variables */
    {"00000002000000", "", 2, true},
    {"0000000240000000" "00", "", 0x4002, true},
};

static void describe(struct str track, struct buf *out)
{
    struct wire_reader r = wire_read(track.ptr, track.len);
    struct wire_track t = {0};
    while (wire_next_track(&r, &t)) {
        buf_put_dec(out, t.kind);
        buf_put_u8(out, ':');
        buf_put_str(out, t.name);
        if (t.kind == WIRE_TRACK_SYSTEM_VARIABLES) buf_put_u8(out, '=');
        buf_put_str(out, t.value);
        buf_put_u8(out, ';');
    }
    if (r.bad) buf_putz(out, "bad");
}

static void rebuild(struct str track, struct buf *out)
{
    struct wire_reader r = wire_read(track.ptr, track.len);
    struct wire_track t = {0};
    while (wire_next_track(&r, &t)) {
        if (t.kind == WIRE_TRACK_SYSTEM_VARIABLES)
            wire_put_track_variable(out, t.name, t.value);
        else
            wire_put_track_text(out, (enum wire_track_kind)t.kind, t.value);
    }
}

static void real_packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(packets); i++) {
        struct str s = unhex(packets[i].hex);
        struct wire_ok ok;
        struct buf b = {0}, list = {0};
        assert_int_equal(wire_get_ok(s, TRACK | DEP, &ok), WIRE_OK);
        assert_int_equal(ok.status, packets[i].status);
        describe(ok.track, &b);
        if (!str_eq(buf_str(&b), str_of(packets[i].changes)))
            fail_msg("%zu: " STR_FMT, i, STR_ARG(buf_str(&b)));
        if (packets[i].pairs_apart) { /* put again: the same bytes */
            uint8_t seq = 1;
            rebuild(ok.track, &list);
            assert_true(str_eq(buf_str(&list), ok.track));
            ok.track = buf_str(&list);
            if (ok.track.len) ok.status &= (uint16_t)~WIRE_STATUS_SESSION_STATE_CHANGED; /* set by the list itself */
            buf_reset(&b);
            if (*s.ptr == 0)
                wire_put_ok(&b, &seq, TRACK | DEP, &ok);
            else
                wire_put_end_ok(&b, &seq, TRACK | DEP, &ok);
            assert_int_equal(b.len, s.len + 4);
            assert_memory_equal(b.data + 4, s.ptr, s.len);
            /* nothing of it to a client that did not ask */
            buf_reset(&b);
            wire_put_ok(&b, &seq, DEP, &ok);
            assert_int_equal(wire_get_ok(str_make(b.data + 4, b.len - 4), DEP, &ok), WIRE_OK);
            assert_int_equal(ok.track.len, 0);
        }
        for (size_t n = 0; n < s.len; n++) { /* the lists are cut or not there, never read past their end */
            struct str cut = exact(s.ptr, n);
            buf_reset(&b);
            if (wire_get_ok(cut, TRACK | DEP, &ok) == WIRE_OK) describe(ok.track, &b);
            drop(cut);
        }
        uint64_t seed = i;
        for (int round = 0; round < 3000; round++) {
            struct str bad = exact(s.ptr, s.len);
            for (uint32_t k = 1 + rnd(&seed) % 3; k; k--) ((char *)(uintptr_t)bad.ptr)[rnd(&seed) % bad.len] = (char)rnd(&seed);
            buf_reset(&b);
            if (wire_get_ok(bad, TRACK | DEP, &ok) == WIRE_OK) describe(ok.track, &b);
            drop(bad);
        }
        buf_release(&b);
        buf_release(&list);
        drop(s);
    }
}

static void long_texts(void **state)
{
    (void)state;
    static char big[70000];
    memset(big, 'v', sizeof big);
    const size_t sizes[] = {0, 240, 245, 250, 251, 252, 65530, 65536, sizeof big};
    struct buf b = {0};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        wire_put_track_variable(&b, STR("init_connect"), str_make(big, sizes[i]));
        wire_put_track_text(&b, WIRE_TRACK_GTIDS, str_make(big, sizes[i]));
    }
    struct wire_reader r = wire_read(b.data, b.len);
    struct wire_track t = {0};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_true(wire_next_track(&r, &t));
        assert_str(t.name, "init_connect");
        assert_int_equal(t.value.len, sizes[i]);
        assert_true(wire_next_track(&r, &t));
        assert_int_equal(t.kind, WIRE_TRACK_GTIDS);
        assert_int_equal(t.value.len, sizes[i]);
    }
    assert_false(wire_next_track(&r, &t));
    assert_false(r.bad);
    buf_release(&b);
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct buf c = {0};
        mem_fail_at(nth);
        wire_put_track_variable(&c, STR("character_set_connection"), STR("a value of which there is more than the first 64 bytes hold"));
        size_t before = c.len;
        wire_put_track_text(&c, WIRE_TRACK_SCHEMA, STR("a schema's name which is longer than the 64 bytes that a buffer starts with"));
        mem_fail_at(0);
        failed = c.failed;
        if (failed) assert_int_equal(c.len, before);
        buf_release(&c);
    }
}

static void attributes(void **state)
{
    (void)state;
    struct str s = unhex("045f706964" "03313233" "035f6f73" "05" "4c696e7578" "0161" "00"), name, value; /* _pid=123 _os=Linux a= */
    const char *const want[][2] = {{"_pid", "123"}, {"_os", "Linux"}, {"a", ""}};
    struct wire_reader r = wire_read(s.ptr, s.len);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_true(wire_next_attribute(&r, &name, &value));
        assert_str(name, want[i][0]);
        assert_str(value, want[i][1]);
    }
    assert_false(wire_next_attribute(&r, &name, &value));
    assert_false(r.bad);
    for (size_t n = 1; n < s.len; n++) {
        struct str cut = exact(s.ptr, n);
        r = wire_read(cut.ptr, cut.len);
        while (wire_next_attribute(&r, &name, &value)) {}
        assert_int_equal(r.bad, n != 9 && n != 19);
        drop(cut);
    }
    r = wire_read(NULL, 0);
    assert_false(wire_next_attribute(&r, &name, &value));
    assert_false(r.bad);
    drop(s);
}

/* mysql of MySQL 9.7 with --compression-algorithms=zstd --zstd-compression-level=7: query attributes, connection attributes, a level. */
static void mysql9_login(void **state)
{
    (void)state;
    struct str s = unhex(
        "8da2bf1d00000001ff000000000000000000000000000000000000000000000075001492c85a1c67f76c64d31a281f7e8f23d457ef78bc737973006d7973716c"
        "5f6e61746976655f70617373776f72640072045f706964053235313237095f706c6174666f726d067838365f3634035f6f73054c696e75780c5f636c69656e74"
        "5f6e616d65086c69626d7973716c076f735f7573657204726f6f740f5f636c69656e745f76657273696f6e05392e372e340c70726f6772616d5f6e616d65056d"
        "7973716c07"), name, value;
    struct wire_login l;
    assert_int_equal(wire_get_login(s, &l), WIRE_OK);
    assert_true(l.capabilities & WIRE_CAP_QUERY_ATTRIBUTES && l.capabilities & WIRE_CAP_DEPRECATE_EOF);
    assert_int_equal(l.collation, 255);
    assert_str(l.schema, "sys");
    assert_int_equal(l.zstd_level, 7);
    const char *const want[][2] = {{"_pid", "25127"}, {"_platform", "x86_64"}, {"_os", "Linux"}, {"_client_name", "libmysql"},
                                   {"os_user", "root"}, {"_client_version", "9.7.4"}, {"program_name", "mysql"}};
    struct wire_reader r = wire_read(l.attributes.ptr, l.attributes.len);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_true(wire_next_attribute(&r, &name, &value));
        assert_str(name, want[i][0]);
        assert_str(value, want[i][1]);
    }
    assert_false(wire_next_attribute(&r, &name, &value) || r.bad);
    struct buf b = {0};
    uint8_t seq = 1;
    wire_put_login(&b, &seq, &l);
    assert_int_equal(b.len, s.len + 4);
    assert_memory_equal(b.data + 4, s.ptr, s.len);
    buf_release(&b);
    drop(s);
}

static void ssl_request(void **state)
{
    (void)state;
    struct buf b = {0};
    uint8_t seq = 1;
    struct wire_login l = {.capabilities = WIRE_CAP_PROTOCOL_41 | WIRE_CAP_SECURE_CONNECTION, .max_packet = 1 << 24, .collation = 45,
                           .user = STR("u"), .auth = STR("secret"), .schema = STR(""), .auth_plugin = STR("")},
                      got;
    wire_put_ssl_request(&b, &seq, &l);
    assert_int_equal(b.len, 36);
    assert_int_equal(seq, 2);
    assert_int_equal(wire_get_login(str_make(b.data + 4, 32), &got), WIRE_OK);
    assert_true(got.ssl_request && got.user.len == 0 && got.auth.len == 0);
    assert_int_equal(got.capabilities, l.capabilities | WIRE_CAP_SSL);
    assert_true(got.max_packet == 1 << 24 && got.collation == 45);
    buf_release(&b);
}

static void auth_switch(void **state)
{
    (void)state;
    const struct str datas[] = {STR(""), STR("12345678901234567890\0"), STR("\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\0")};
    const char *const plugins[] = {"mysql_clear_password", "mysql_native_password", "client_ed25519"};
    for (size_t i = 0; i < COUNT_OF(datas); i++) {
        struct buf b = {0};
        uint8_t seq = 2;
        struct str plugin, data;
        wire_put_auth_switch_data(&b, &seq, str_of(plugins[i]), datas[i]);
        assert_int_equal(b.len, 4 + 1 + strlen(plugins[i]) + 1 + datas[i].len);
        assert_int_equal(wire_get_auth_switch(str_make(b.data + 4, b.len - 4), &plugin, &data), WIRE_OK);
        assert_str(plugin, plugins[i]);
        assert_true(str_eq(data, datas[i]));
        buf_reset(&b);
        wire_put_auth_switch_data(&b, &seq, STR("a\0b"), datas[i]);
        assert_true(b.failed && b.len == 0);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_packets), cmocka_unit_test(long_texts),  cmocka_unit_test(attributes),
        cmocka_unit_test(mysql9_login),
        cmocka_unit_test(ssl_request),  cmocka_unit_test(auth_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
