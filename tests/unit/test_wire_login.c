/*
 * Greetings and logins: bytes of real servers and clients, round trips, every truncation, every flipped byte.
 */
#include "test_wire.h"

static struct str payload_of(const char *hex)
{
    struct str all = unhex(hex);
    assert_true(all.len >= WIRE_HEADER && wire_u24(all.ptr) == all.len - WIRE_HEADER);
    struct str s = exact(all.ptr + WIRE_HEADER, wire_u24(all.ptr));
    drop(all);
    return s;
}

/* ---- greetings ---- */

/* MariaDB 10.11 on Debian 12, over its socket. */
#define MARIADB_GREETING                                                                                     \
    "640000000a352e352e352d31302e31312e31392d4d6172696144422d302b6465623132753100030000002848707e47282f5200" \
    "fef7080200ff81150000000000001d00000032423378254a282625273268006d7973716c5f6e61746976655f70617373776f72" \
    "6400"

static void mariadb_greeting(void **state)
{
    (void)state;
    struct str s = payload_of(MARIADB_GREETING);
    struct wire_greeting g;
    assert_int_equal(wire_get_greeting(s, &g), WIRE_OK);
    assert_str(g.server_version, "5.5.5-10.11.19-MariaDB-0+deb12u1");
    assert_int_equal(g.thread_id, 3);
    assert_memory_equal(g.nonce, "(Hp~G(/R2B3x%J(&%'2h", WIRE_NONCE);
    assert_true(g.capabilities == 0x81fff7fe);
    assert_int_equal(g.collation, 8);
    assert_int_equal(g.status, WIRE_STATUS_AUTOCOMMIT);
    assert_str(g.auth_plugin, "mysql_native_password");
    drop(s);
}

/* As MySQL sends it: the fields laid out by hand, so that the encoder does not test itself. */
static struct str mysql_greeting(const char *version, uint32_t capabilities, uint8_t collation,
                                 const char *plugin)
{
    struct buf b = {0};
    buf_put_u8(&b, 10);
    buf_put(&b, version, strlen(version) + 1);
    buf_put_u32(&b, 0x01020304);
    buf_putz(&b, "ABCDEFGH");
    buf_put_u8(&b, 0);
    buf_put_u16(&b, (uint16_t)capabilities);
    buf_put_u8(&b, collation);
    buf_put_u16(&b, 2);
    buf_put_u16(&b, (uint16_t)(capabilities >> 16));
    buf_put_u8(&b, 21);
    buf_put(&b, "\0\0\0\0\0\0\0\0\0", 10);
    buf_put(&b, "IJKLMNOPQRST", 13);
    buf_put(&b, plugin, strlen(plugin) + 1);
    struct str s = exact(b.data, b.len);
    buf_release(&b);
    return s;
}

static void mysql_greetings(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        uint32_t capabilities;
        uint8_t collation;
        const char *plugin;
    } servers[] = {
        {"5.7.44-log", 0x81fff7ff, 8, "mysql_native_password"},
        {"8.0.36", 0xdfffffff, 255, "caching_sha2_password"},
        {"9.7.0", 0xdfffffff, 255, "caching_sha2_password"},
    };
    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        struct str s = mysql_greeting(servers[i].version, servers[i].capabilities, servers[i].collation,
                                      servers[i].plugin);
        struct wire_greeting g;
        assert_int_equal(wire_get_greeting(s, &g), WIRE_OK);
        assert_str(g.server_version, servers[i].version);
        assert_int_equal(g.thread_id, 0x01020304);
        assert_true(g.capabilities == servers[i].capabilities);
        assert_int_equal(g.collation, servers[i].collation);
        assert_memory_equal(g.nonce, "ABCDEFGHIJKLMNOPQRST", WIRE_NONCE);
        assert_str(g.auth_plugin, servers[i].plugin);

        struct buf b = {0}; /* what we would send ourselves is the same, byte for byte */
        uint8_t seq = 0;
        wire_put_greeting(&b, &seq, &g);
        assert_int_equal(seq, 1);
        assert_int_equal(b.len, s.len + WIRE_HEADER);
        assert_memory_equal(b.data + WIRE_HEADER, s.ptr, s.len);
        buf_release(&b);

        struct str open =
            exact(s.ptr, s.len - 1); /* 5.5.7 to 5.5.9 and 5.6.0 to 5.6.1 forgot the name's NUL */
        assert_int_equal(wire_get_greeting(open, &g), WIRE_OK);
        assert_str(g.auth_plugin, servers[i].plugin);
        drop(open);
        drop(s);
    }
}

static void other_greetings(void **state)
{
    (void)state;
    struct wire_greeting g;
    struct str first = exact("\x0a"
                             "4.0.1\0\1\0\0\0ABCDEFGH\0\x2c\0",
                             22); /* all there was in 1998 */
    assert_int_equal(wire_get_greeting(first, &g), WIRE_OK);
    assert_int_equal(g.capabilities, 0x2c);
    assert_memory_equal(g.nonce, "ABCDEFGH\0\0\0\0\0\0\0\0\0\0\0\0", WIRE_NONCE);
    drop(first);
    struct str old = exact("\x09"
                           "3.20\0",
                           6);
    assert_int_equal(wire_get_greeting(old, &g), WIRE_MALFORMED);
    drop(old);
    assert_int_equal(wire_get_greeting(STR("\xff\x10\x04Too many connections"), &g), WIRE_MALFORMED);
    assert_int_equal(wire_get_greeting(STR_NULL, &g), WIRE_MALFORMED);
    struct str s = payload_of(MARIADB_GREETING); /* the nonce without its NUL, and no plugin */
    struct str bare = exact(s.ptr, s.len - sizeof "mysql_native_password" - 1);
    ((char *)(uintptr_t)bare.ptr)[1 + 33 + 4 + 8 + 1 + 2 + 1 + 2] &= (char)0xf7; /* no PLUGIN_AUTH */
    assert_int_equal(wire_get_greeting(bare, &g), WIRE_OK);
    assert_memory_equal(g.nonce, "(Hp~G(/R2B3x%J(&%'2h", WIRE_NONCE);
    assert_str(g.auth_plugin, "");
    drop(bare);
    drop(s);
}

/* ---- logins ---- */

static const struct {
    const char *hex, *user, *schema, *plugin;
    size_t auth, attributes;
    uint32_t capabilities;
    uint8_t collation;
    bool ssl;
} logins[] = {
    /* the mariadb client 10.11 */
    {"d40000018ca2bf000000100021000000000000000000000000000000000000000000000061707000149b7d5872d84e55f2a3c7a"
     "b9d"
     "fc24402d68a5104073686f70006d7973716c5f6e61746976655f70617373776f7264007f035f6f73054c696e75780c5f636c696"
     "56e74"
     "5f6e616d650a6c69626d617269616462045f7069640531393837310f5f636c69656e745f76657273696f6e06332e332e3230095"
     "f706c"
     "6174666f726d067838365f36340c70726f6772616d5f6e616d65056d7973716c0c5f7365727665725f686f7374093132372e302"
     "e302e31",
     "app", "shop", "mysql_native_password", 20, 127, 0x00bfa28c, 33, false},
    /* ... to a server that prefers caching_sha2_password */
    {"e00000018ca2bf00000010002100000000000000000000000000000000000000000000006170700020cc0b57cf8fc973f71933f"
     "c3585"
     "6fe7a0d8117e7ef1d678ae1cc8462c1e56ef9f73686f700063616368696e675f736861325f70617373776f7264007f035f6f730"
     "54c69"
     "6e75780c5f636c69656e745f6e616d650a6c69626d617269616462045f7069640531393837340f5f636c69656e745f766572736"
     "96f6e"
     "06332e332e3230095f706c6174666f726d067838365f36340c70726f6772616d5f6e616d65056d7973716c0c5f7365727665725"
     "f686f"
     "7374093132372e302e302e31",
     "app", "shop", "caching_sha2_password", 32, 127, 0x00bfa28c, 33, false},
    /* PyMySQL 1.0.2 */
    {"8b0000010da23a00ffffff002d000000000000000000000000000000000000000000000061707000149b7d5872d84e55f2a3c7a"
     "b9dfc"
     "24402d68a5104073686f70006d7973716c5f6e61746976655f70617373776f726400360c5f636c69656e745f6e616d650770796"
     "d7973"
     "716c045f7069640531393836390f5f636c69656e745f76657273696f6e05312e302e32",
     "app", "shop", "mysql_native_password", 20, 54, 0x003aa20d, 45, false},
    {"970000010da23a00ffffff002d00000000000000000000000000000000000000000000006170700020cc0b57cf8fc973f71933f"
     "c3585"
     "6fe7a0d8117e7ef1d678ae1cc8462c1e56ef9f73686f700063616368696e675f736861325f70617373776f726400360c5f636c6"
     "9656e"
     "745f6e616d650770796d7973716c045f7069640531393836390f5f636c69656e745f76657273696f6e05312e302e32",
     "app", "shop", "caching_sha2_password", 32, 54, 0x003aa20d, 45, false},
    /* the mariadb client asks for TLS */
    {"200000018caabf0000001000210000000000000000000000000000000000000000000000", "", "", "", 0, 0, 0x00bfaa8c,
     33, true},
};

static void real_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(logins); i++) {
        struct str s = payload_of(logins[i].hex);
        struct wire_login l;
        assert_int_equal(wire_get_login(s, &l), WIRE_OK);
        assert_true(l.capabilities == logins[i].capabilities);
        assert_int_equal(l.collation, logins[i].collation);
        assert_int_equal(l.ssl_request, logins[i].ssl);
        assert_str(l.user, logins[i].user);
        assert_str(l.schema, logins[i].schema);
        assert_int_equal(l.has_schema, l.schema.len > 0);
        assert_str(l.auth_plugin, logins[i].plugin);
        assert_int_equal(l.auth.len, logins[i].auth);
        assert_int_equal(l.attributes.len, logins[i].attributes);
        if (l.auth.len == 20) {
            uint8_t stored[20];
            wire_native_hash(STR("app"), stored);
            assert_true(wire_native_check(l.auth, (const uint8_t *)"abcdefghijklmnopqrst", stored));
        }
        if (l.auth.len == 32) {
            uint8_t stored[32];
            wire_sha2_fast_hash(STR("app"), stored);
            assert_true(wire_sha2_check(l.auth, (const uint8_t *)"abcdefghijklmnopqrst", stored));
        }
        struct buf b = {0};
        uint8_t seq = 1;
        wire_put_login(&b, &seq, &l);
        assert_int_equal(b.len, s.len + WIRE_HEADER);
        assert_memory_equal(b.data + WIRE_HEADER, s.ptr, s.len);
        buf_release(&b);
        drop(s);
    }
}

static void login_forms(void **state)
{
    (void)state;
    const uint32_t base = WIRE_CAP_PROTOCOL_41;
    const uint32_t optional[] = {WIRE_CAP_SECURE_CONNECTION,
                                 WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA,
                                 WIRE_CAP_CONNECT_WITH_DB,
                                 WIRE_CAP_PLUGIN_AUTH,
                                 WIRE_CAP_CONNECT_ATTRS,
                                 WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM,
                                 WIRE_CAP_SSL};
    for (uint32_t mask = 0; mask < 1u << COUNT_OF(optional); mask++) {
        uint32_t caps = base;
        for (size_t i = 0; i < COUNT_OF(optional); i++)
            if (mask & 1u << i) caps |= optional[i];
        struct wire_login in = {.capabilities = caps,
                                .max_packet = 1 << 24,
                                .collation = 45,
                                .user = STR("u"),
                                .auth = STR("secret"),
                                .schema = STR("d"),
                                .auth_plugin = STR("p"),
                                .attributes = STR("\1a\1b"),
                                .zstd_level = 3},
                          out;
        struct buf b = {0};
        uint8_t seq = 0;
        wire_put_login(&b, &seq, &in);
        assert_false(b.failed);
        struct str s = exact(b.data + 4, b.len - 4);
        assert_int_equal(wire_get_login(s, &out), WIRE_OK);
        assert_true(out.capabilities == caps && out.max_packet == 1 << 24 && out.collation == 45 &&
                    !out.ssl_request);
        assert_str(out.user, "u");
        assert_str(out.auth, "secret");
        assert_str(out.schema, caps & WIRE_CAP_CONNECT_WITH_DB ? "d" : "");
        assert_str(out.auth_plugin, caps & WIRE_CAP_PLUGIN_AUTH ? "p" : "");
        assert_str(out.attributes, caps & WIRE_CAP_CONNECT_ATTRS ? "\1a\1b" : "");
        assert_int_equal(out.zstd_level, caps & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM ? 3 : 0);
        drop(s);
        buf_release(&b);
    }
}

static void login_refusals(void **state)
{
    (void)state;
    struct wire_login l = {.capabilities = WIRE_CAP_PROTOCOL_41 | WIRE_CAP_SECURE_CONNECTION,
                           .user = STR("a\0b"),
                           .auth = STR("")};
    struct buf b = {0};
    uint8_t seq = 0;
    wire_put_login(&b, &seq, &l); /* a NUL would move the fields behind it */
    assert_true(b.failed && b.len == 0 && seq == 0);
    buf_reset(&b);
    char long_auth[256] = {0};
    l.user = STR("a");
    l.auth = str_make(long_auth, sizeof long_auth);
    wire_put_login(&b, &seq, &l); /* one length byte */
    assert_true(b.failed && b.len == 0);
    l = (struct wire_login){.capabilities =
                                WIRE_CAP_PROTOCOL_41 | WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_CONNECT_WITH_DB,
                            .user = STR("a"),
                            .auth = STR(""),
                            .schema = STR("")};
    buf_reset(&b);
    wire_put_login(&b, &seq, &l);
    assert_int_equal(wire_get_login(str_make(b.data + 4, b.len - 4), &l), WIRE_OK);
    assert_false(l.has_schema); /* an empty name is no schema */
    buf_release(&b);
    struct str old = exact("\x05\x00\0\0\0app\0pass\0", 14); /* a client from before 4.1 */
    assert_int_equal(wire_get_login(old, &l), WIRE_MALFORMED);
    drop(old);
    assert_int_equal(wire_get_login(STR_NULL, &l), WIRE_MALFORMED);
}

/* Views must lie in the packet. */
static void inside(struct str packet, struct str field)
{
    if (field.len) assert_true(field.ptr >= packet.ptr && field.ptr + field.len <= packet.ptr + packet.len);
}

static void check_login(struct str s)
{
    struct wire_login l;
    if (wire_get_login(s, &l) != WIRE_OK) return;
    inside(s, l.user);
    inside(s, l.auth);
    inside(s, l.schema);
    inside(s, l.auth_plugin);
    inside(s, l.attributes);
}

static void check_greeting(struct str s)
{
    struct wire_greeting g;
    if (wire_get_greeting(s, &g) != WIRE_OK) return;
    inside(s, g.server_version);
    inside(s, g.auth_plugin);
}

static void check_change_user(struct str s)
{
    struct wire_change_user c;
    if (wire_get_change_user(s, 0xffffffff, &c) != WIRE_OK) return;
    inside(s, c.user);
    inside(s, c.auth);
    inside(s, c.schema);
    inside(s, c.auth_plugin);
    inside(s, c.attributes);
}

static void mangle(struct str s, void (*check)(struct str))
{
    for (size_t n = 0; n <= s.len; n++) {
        struct str cut = exact(s.ptr, n);
        check(cut);
        drop(cut);
    }
    for (size_t i = 0; i < s.len; i++)
        for (unsigned v = 0; v < 256; v++) {
            struct str bad = exact(s.ptr, s.len);
            ((char *)(uintptr_t)bad.ptr)[i] = (char)v;
            check(bad);
            drop(bad);
        }
}

static void mangled(void **state)
{
    (void)state;
    struct wire_login l;
    for (size_t i = 0; i < COUNT_OF(logins); i++) {
        struct str s = payload_of(logins[i].hex);
        assert_int_equal(wire_get_login(s, &l), WIRE_OK);
        size_t plugin = l.ssl_request ? s.len : (size_t)(l.auth_plugin.ptr - s.ptr),
               after = plugin + l.auth_plugin.len + 1;
        for (size_t n = 0; n < s.len;
             n++) { /* only in the plugin's name and right behind it may a login end */
            struct str cut = exact(s.ptr, n);
            assert_int_equal(wire_get_login(cut, &l), n < plugin || n > after ? WIRE_MALFORMED : WIRE_OK);
            drop(cut);
        }
        mangle(s, check_login);
        drop(s);
    }
    struct str g = payload_of(MARIADB_GREETING);
    mangle(g, check_greeting);
    drop(g);
}

static void change_user(void **state)
{
    (void)state;
    const uint32_t caps = WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_CONNECT_ATTRS |
                          WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA;
    struct wire_change_user c;
    struct str s = exact("app\0\x03xyzshop\0\xff\0mysql_native_password\0\4\1a\1b", 42);
    assert_int_equal(wire_get_change_user(s, caps, &c), WIRE_OK);
    assert_str(c.user, "app");
    assert_str(c.auth, "xyz");
    assert_str(c.schema, "shop");
    assert_int_equal(c.collation, 255);
    assert_str(c.auth_plugin, "mysql_native_password");
    assert_str(c.attributes, "\1a\1b");
    mangle(s, check_change_user);
    struct str brief = exact(s.ptr, 13); /* up to the schema */
    assert_int_equal(wire_get_change_user(brief, caps, &c), WIRE_OK);
    assert_str(c.schema, "shop");
    assert_int_equal(c.collation, 0);
    drop(brief);
    for (size_t n = 0; n < 13; n++) {
        struct str cut = exact(s.ptr, n);
        assert_int_equal(wire_get_change_user(cut, caps, &c), WIRE_MALFORMED);
        drop(cut);
    }
    assert_int_equal(wire_get_change_user(STR("app\0pw\0shop\0"), 0, &c), WIRE_OK);
    assert_str(c.auth, "pw");
    drop(s);
}

static void auth_packets(void **state)
{
    (void)state;
    struct buf b = {0};
    uint8_t seq = 2;
    struct str plugin, data;
    wire_put_auth_switch(&b, &seq, STR("caching_sha2_password"), (const uint8_t *)"abcdefghijklmnopqrst");
    assert_int_equal(seq, 3);
    struct str s = exact(b.data + 4, b.len - 4);
    assert_int_equal(wire_get_auth_switch(s, &plugin, &data), WIRE_OK);
    assert_str(plugin, "caching_sha2_password");
    assert_int_equal(data.len, 21);
    assert_memory_equal(data.ptr, "abcdefghijklmnopqrst", 21);
    for (size_t n = 2; n < 23; n++)
        assert_int_equal(wire_get_auth_switch(str_make(s.ptr, n), &plugin, &data), WIRE_MALFORMED);
    assert_int_equal(wire_get_auth_switch(STR("\xfe"), &plugin, &data), WIRE_OK);
    assert_str(plugin, "mysql_old_password");
    assert_int_equal(wire_get_auth_switch(STR("\0x"), &plugin, &data), WIRE_MALFORMED);
    assert_int_equal(wire_get_auth_switch(STR_NULL, &plugin, &data), WIRE_MALFORMED);
    drop(s);
    buf_reset(&b);
    wire_put_auth_more(&b, &seq, STR("\4"));
    assert_int_equal(b.len, 6);
    assert_memory_equal(b.data, "\2\0\0\3\1\4", 6);
    buf_release(&b);
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct wire_greeting g = {
        .server_version = STR("9"), .capabilities = 0xffffffff, .auth_plugin = STR("caching_sha2_password")};
    struct wire_login l = {.capabilities = 0xffffffff,
                           .user = STR("a user"),
                           .auth = STR("a"),
                           .schema = STR("d"),
                           .auth_plugin = STR("a plugin with a long name"),
                           .attributes = STR("\1a\1b")};
    for (int what = 0; what < 3; what++) {
        bool failed = true;
        for (uint64_t nth = 1; failed; nth++) {
            struct buf b = {0};
            uint8_t seq = 0;
            mem_fail_at(nth);
            if (what == 0) wire_put_greeting(&b, &seq, &g);
            if (what == 1) wire_put_login(&b, &seq, &l);
            if (what == 2)
                wire_put_auth_switch(&b, &seq, STR("plugin"), (const uint8_t *)"abcdefghijklmnopqrst");
            mem_fail_at(0);
            failed = b.failed;
            if (failed) assert_true(b.len == 0 && seq == 0);
            assert_true(nth < 10);
            buf_release(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mariadb_greeting), cmocka_unit_test(mysql_greetings),
        cmocka_unit_test(other_greetings),  cmocka_unit_test(real_logins),
        cmocka_unit_test(login_forms),      cmocka_unit_test(login_refusals),
        cmocka_unit_test(mangled),          cmocka_unit_test(change_user),
        cmocka_unit_test(auth_packets),     cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
