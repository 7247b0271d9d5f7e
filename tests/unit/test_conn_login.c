/*
 * test_conn_login.c - Weir as a client: how it logs in to servers. Every method, chains of them, TLS by the rules, compression; and servers that
 * say the wrong thing at each step.
 */
#include "fake_login.h"

#define SOURCE_YAML(more)                                                                                    \
    "weir: {listen: 127.0.0.1:4406, connect_timeout: 3s, pool_wait: 5s}\n"                                   \
    "users: {app: {password: secret}}\n"                                                                     \
    "sources:\n"                                                                                             \
    "  s0: {address: 127.0.0.1:4411, user: weir, password: weir, max_connections: 4" more "}\n"              \
    "schemas: {shop: {default_source: s0}}\n"
#define ON     ", tls: on"
#define VERIFY ", tls: {mode: verify_identity, ca: ca.pem}"
#define BY_CA  ", tls: {mode: verify_ca, ca: ca.pem, name: db.example.com}"

static struct tls_context *contexts[1];

static struct fk *world(const char *yaml)
{
    struct fk *w = fk_new(yaml);
    contexts[0] = w->snap->s.conf->sources[0].tls.mode != CONF_TLS_OFF ? FK_TLS : NULL;
    w->snap->s.source_tls = contexts;
    return w;
}

static struct fk_link *server_of(struct fk *w)
{
    for (struct list *i = w->links.next; i != &w->links; i = i->next) {
        struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
        if (k->server && !k->closed) return k;
    }
    return NULL;
}

/* ---- methods ---- */

static void methods_and_chains(void **state)
{
    (void)state;
    static const struct {
        struct fk_source how;
        const char *rules, *says; /* "": it works */
    } cases[] = {
        {{.plugin = NATIVE}, "", ""},
        {{.plugin = SHA2}, "", ""},
        {{.plugin = SHA2, .auth = FK_AUTH_FULL}, "", ""},
        {{.plugin = NATIVE, .switch_to = ED}, "", ""},
        {{.plugin = ED, .switch_to = ED}, "", ""},
        {{.plugin = SHA2, .switch_to = ED}, "", ""},
        {{.plugin = NATIVE, .switch_to = SHA2, .then = {ED, NATIVE, SHA2}}, "", ""},
        {{.plugin = NATIVE, .switch_to = ED, .then = {SHA2}, .auth = FK_AUTH_FULL}, "", ""},
        {{.plugin = NATIVE, .switch_to = CLEAR}, "", "it asks for the password in clear (mysql_clear_password)"},
        {{.plugin = NATIVE, .switch_to = CLEAR, .has = WIRE_CAP_SSL}, ON, "it asks for the password in clear (mysql_clear_password)"},
        {{.plugin = NATIVE, .switch_to = CLEAR, .has = WIRE_CAP_SSL}, VERIFY, ""},
        {{.plugin = NATIVE, .switch_to = CLEAR, .has = WIRE_CAP_SSL}, BY_CA, ""},
        {{.plugin = NATIVE, .switch_to = ED, .then = {CLEAR}, .has = WIRE_CAP_SSL}, VERIFY, ""},
        {{.plugin = NATIVE, .switch_to = "dialog"}, "", "it asks for an authentication method other than"},
        {{.plugin = NATIVE, .switch_to = "mysql_old_password"}, "", "it asks for an authentication method other than"},
        {{.plugin = SHA2, .auth = FK_AUTH_FULL, .has = WIRE_CAP_SSL}, ON, ""}, /* the password itself */
        {{.plugin = SHA2, .auth = FK_AUTH_FULL, .has = WIRE_CAP_SSL}, VERIFY, ""},
        {{.plugin = ED, .switch_to = SHA2, .auth = FK_AUTH_FULL, .has = WIRE_CAP_SSL}, ON, ""},
        {{.plugin = NATIVE}, ON, "it offers no TLS, which the rules ask for"},
        {{.plugin = NATIVE, .has = WIRE_CAP_SSL}, "", ""}, /* not asked for */
        {{.plugin = NATIVE, .has = WIRE_CAP_SSL | WIRE_CAP_COMPRESS}, ON ", compression: zlib", ""},
        {{.plugin = SHA2, .auth = FK_AUTH_CLOSE, .has = WIRE_CAP_SSL}, ON, "the server closed the connection during login"},
        {{.plugin = SHA2, .login_err = "Access denied", .has = WIRE_CAP_SSL}, ON, "cannot be used: Access denied"},
    };
    for (size_t i = 0; i < COUNT_OF(cases) * 2; i++) {
        char yaml[1024];
        snprintf(yaml, sizeof yaml, SOURCE_YAML("%s"), cases[i / 2].rules);
        struct fk *w = world(yaml);
        w->chunk = i & 1;
        w->src[0] = cases[i / 2].how;
        struct fk_client *c = fk_client(w);
        const char *r = fk_query(c, "SELECT 1");
        if (!cases[i / 2].says[0]) {
            if (strcmp(r, "ROWS v|1 END") != 0) FK_FAIL("case %zu: %s", i / 2, r);
            assert_int_equal(server_of(w)->link.tls, cases[i / 2].rules[0] && strstr(cases[i / 2].rules, "tls") != NULL);
        } else {
            assert_has(r, "ERR 1429 HY000 Weir: source s0 (127.0.0.1:4411) cannot be used: ");
            if (!strstr(r, cases[i / 2].says)) FK_FAIL("case %zu: %s", i / 2, r);
        }
        fk_leave(c);
        fk_free(w);
    }
}

/* A Unix socket is as safe as TLS with a server that was verified. */
static void unix_sockets(void **state)
{
    (void)state;
    static const struct fk_source cases[] = {{.plugin = NATIVE, .switch_to = CLEAR}, {.plugin = NATIVE}, {.plugin = ED, .switch_to = ED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = fk_new("weir: {listen: 127.0.0.1:4406}\nusers: {app: {password: secret}}\n"
                              "sources: {s0: {address: 'unix:/run/s.sock', user: weir, password: weir}}\nschemas: {shop: {default_source: s0}}\n");
        w->src[0] = cases[i];
        struct fk_client *c = fk_client(w);
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
}

/* The name goes to the check, the password never into the request for TLS. */
static void what_tls_is_told(void **state)
{
    (void)state;
    struct fk *w = world(SOURCE_YAML(VERIFY));
    w->src[0] = (struct fk_source){.plugin = SHA2, .has = WIRE_CAP_SSL};
    struct fk_client *c = fk_client(w);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    struct fk_link *k = server_of(w);
    assert_text(k->tls_name, "127.0.0.1");
    assert_false(k->tls_server);
    assert_int_equal(k->got.p[3], 1); /* the request, of 32 bytes, is the first packet; the login follows as the second */
    assert_int_equal(wire_u24(k->got.p), 32);
    assert_int_equal(k->got.p[36 + 3], 2);
    fk_leave(c);
    fk_free(w);
}

/* A handshake that fails is told in its own words. */
static void tls_that_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fk *w = world(SOURCE_YAML(VERIFY));
        w->src[0] = (struct fk_source){.plugin = SHA2, .has = WIRE_CAP_SSL, .auth = FK_AUTH_HANG};
        w->no_tls = i == 1;
        if (i == 2) contexts[0] = NULL;
        struct fk_client *c = fk_client(w);
        const char *r = fk_query(c, "SELECT 1");
        if (i == 0) {
            assert_text(r, "");
            server_of(w)->link.why = "certificate verify failed: it is for elsewhere.test";
            fk_hang_up(server_of(w), EPROTO);
            fk_run(w);
            r = fk_reply(c);
            assert_has(r, "cannot be used: certificate verify failed: it is for elsewhere.test");
        } else {
            assert_has(r, i == 1 ? "TLS could not be begun" : "its files could not be read");
        }
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- compression ---- */

static void compression(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint32_t has;
        int how;
    } cases[] = {
        {"", WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, 0},
        {", compression: zlib", WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, LINK_ZLIB},
        {", compression: zstd", WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, LINK_ZSTD},
        {", compression: zstd", WIRE_CAP_COMPRESS, LINK_ZLIB}, /* MariaDB */
        {", compression: zlib", 0, 0},                         /* a server that has none */
        {", compression: zlib", WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char yaml[1024];
        snprintf(yaml, sizeof yaml, SOURCE_YAML("%s"), cases[i].rule);
        struct fk *w = world(yaml);
        w->src[0] = (struct fk_source){.plugin = SHA2, .switch_to = NATIVE, .has = cases[i].has};
        struct fk_client *c = fk_client(w);
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        assert_text(fk_query(c, "SELECT 2"), "ROWS v|1 END");
        struct fk_link *k = server_of(w);
        assert_int_equal(k->compression, cases[i].how);
        uint32_t both = WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM;
        assert_true((k->caps & both) != both); /* a server would choose between them */
        if (cases[i].how) {
            assert_true(k->new_commands >= 2); /* each command's frames count from 0 */
            size_t at = k->compressed_at;      /* between the last answer of the login and the first command */
            assert_int_equal(k->got.p[at + 3], 0);
        }
        fk_leave(c);
        fk_free(w);
    }
    struct fk *w = world(SOURCE_YAML(", compression: zlib"));
    w->src[0] = (struct fk_source){.plugin = NATIVE, .has = WIRE_CAP_COMPRESS};
    w->no_compression = true;
    struct fk_client *c = fk_client(w);
    assert_has(fk_query(c, "SELECT 1"), "compression (of the source) could not be begun");
    fk_leave(c);
    fk_free(w);
}

/* ---- servers that say the wrong thing ---- */

struct script {
    struct fk *w;
    struct fk_client *c;
    struct fk_link *k;
};

/* A server that has greeted as a MySQL server of that method; from here on the test is the server, by hand. */
static struct script script_begin(const char *rules, const char *plugin, uint32_t has)
{
    char yaml[1024];
    struct script s;
    snprintf(yaml, sizeof yaml, SOURCE_YAML("%s"), rules);
    s.w = world(yaml);
    s.w->src[0] = (struct fk_source){.plugin = plugin, .has = has, .auth = FK_AUTH_HANG};
    s.c = fk_client(s.w);
    fk_ask(s.c, "SELECT 1");
    fk_run(s.w);
    s.k = server_of(s.w);
    FK_CHECK(s.k && s.k->got.n, "no login came");
    return s;
}

static const char *say(struct script *s, uint8_t seq, const void *p, size_t n)
{
    struct fb packet = {0};
    fb_packet(&packet, &seq, p, n);
    if (!s->k->closed) s->k->link.handler->bytes(&s->k->link, packet.p, packet.n);
    fb_free(&packet);
    return fk_reply(s->c);
}

static void script_end(struct script *s)
{
    s->w->src[0].up = FK_REFUSE; /* no second try */
    fk_leave(s->c);
    for (int i = 0; i < 30; i++) fk_tick(s->w, 200);
    fk_free(s->w);
}

static void wrong_packets(void **state)
{
    (void)state;
    static const struct {
        const char *plugin, *bytes;
        size_t n;
        const char *says;
    } cases[] = {
        {NATIVE, "\x01\x03", 2, "unexpected packet during login"},
        {NATIVE, "\x01\x04", 2, "unexpected packet during login"},
        {ED, "\x01\x04", 2, "unexpected packet during login"}, /* native was answered */
        {SHA2, "\x01\x05", 2, "unexpected step in caching_sha2_password"},
        {SHA2, "\x01", 1, "unexpected step in caching_sha2_password"},
        {SHA2, "\x01\x04\x04", 3, "unexpected step in caching_sha2_password"},
        {NATIVE, "", 0, "unexpected packet during login"},
        {NATIVE, "\x02", 1, "unexpected packet during login"},
        {NATIVE, "\xfb/etc/passwd", 12, "unexpected packet during login"},
        {NATIVE, "\xfe", 1, "other than mysql_native_password"}, /* mysql_old_password */
        {NATIVE, "\xfemysql_native_password", 22, "malformed request"},
        {NATIVE, "\xfemysql_native_password\0abc", 26, "malformed request"},
        {NATIVE, "\xfe" "caching_sha2_password\0" "0123456789012345678", 42, "malformed request"},
        {NATIVE, "\xfe" "client_ed25519\0" "0123456789012345678901234567890", 47, "malformed request"},
        {NATIVE, "\xff", 1, "malformed error packet"},
        {NATIVE, "\xff\x15\x04#28000No", 11, "cannot be used: No"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct script s = script_begin("", cases[i].plugin, 0);
        const char *r = say(&s, 2, cases[i].bytes, cases[i].n);
        if (!strstr(r, "ERR 1429") || !strstr(r, cases[i].says)) FK_FAIL("case %zu: %s", i, r);
        script_end(&s);
    }
}

static void wrong_numbers_and_cuts(void **state)
{
    (void)state;
    for (int seq = 0; seq < 8; seq++) {
        if (seq == 2) continue;
        struct script s = script_begin("", NATIVE, 0);
        assert_has(say(&s, (uint8_t)seq, "\0\0\0\2\0\0\0", 7), "malformed packet during login");
        script_end(&s);
    }
    /* cut off behind every byte of a chain */
    static const char chain[] = "\x2c\0\0\2\xfe" "mysql_native_password\0" "01234567890123456789\0";
    for (size_t n = 1; n < sizeof chain - 1; n++) {
        struct script s = script_begin("", SHA2, 0);
        size_t before = s.k->got.n;
        s.k->link.handler->bytes(&s.k->link, chain, n);
        assert_int_equal(s.k->got.n, before);
        fk_hang_up(s.k, n & 1 ? ECONNRESET : 0);
        assert_has(fk_reply(s.c), n & 1 ? "Connection reset by peer" : "the server closed the connection during login");
        script_end(&s);
    }
}

/* The public key is asked for only without TLS; what is no key is refused, and a switch in between starts anew. */
static void the_public_key(void **state)
{
    (void)state;
    struct script s = script_begin("", SHA2, 0);
    size_t at = s.k->got.n;
    assert_text(say(&s, 2, "\x01\x04", 2), "");
    assert_int_equal(s.k->got.n - at, 5);
    assert_int_equal(s.k->got.p[at + 4], 2);
    assert_has(say(&s, 4, "\x01no key", 7), "public key for caching_sha2_password cannot be used");
    script_end(&s);

    s = script_begin("", SHA2, 0);
    assert_text(say(&s, 2, "\x01\x04", 2), "");
    assert_text(say(&s, 4, "\xfe" "caching_sha2_password\0" "01234567890123456789\0", 44), "");
    assert_text(say(&s, 6, "\x01\x03", 2), ""); /* the fast path's word, not a key */
    assert_text(say(&s, 7, "\0\0\0\2\0\0\0", 7), "");
    script_end(&s);

    s = script_begin(ON, SHA2, WIRE_CAP_SSL);
    at = s.k->got.n;
    assert_text(say(&s, 3, "\x01\x04", 2), "");
    assert_int_equal(s.k->got.n - at, 4 + 5);
    assert_int_equal(memcmp(s.k->got.p + at + 4, "weir\0", 5), 0);
    assert_int_equal(s.k->got.p[at + 3], 4);
    script_end(&s);
}

/* The time-out counts for the whole login, a server that keeps switching included. */
static void endless_switches(void **state)
{
    (void)state;
    struct script s = script_begin("", NATIVE, 0);
    uint8_t seq = 2;
    for (int i = 0; i < 100; i++) {
        assert_text(say(&s, seq, "\xfe" "mysql_native_password\0" "01234567890123456789\0", 44), "");
        seq = (uint8_t)(seq + 2);
    }
    s.w->src[0].up = FK_REFUSE;
    for (int i = 0; i < 30; i++) fk_tick(s.w, 200);
    assert_has(fk_reply(s.c), "ERR ");
    fk_leave(s.c);
    fk_free(s.w);
}

static void fail_each_allocation(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        struct fk_source how;
    } cases[] = {{ON ", compression: zlib", {.plugin = SHA2, .auth = FK_AUTH_FULL, .has = WIRE_CAP_SSL | WIRE_CAP_COMPRESS}},
                 {"", {.plugin = NATIVE, .switch_to = ED, .then = {SHA2, NATIVE}}}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool fine = false;
        for (uint64_t n = 1; n < 300 && !fine; n++) {
            char yaml[1024];
            snprintf(yaml, sizeof yaml, SOURCE_YAML("%s"), cases[i].rules);
            struct fk *w = world(yaml);
            w->src[0] = cases[i].how;
            struct fk_client *c = fk_client(w);
            fk_ask(c, "SELECT 1");
            fk_fail_at(w, n);
            fk_run(w);
            fine = w->fail_count != 0 && mem_count() < w->fail_count;
            fk_fail_at(w, 0);
            for (int t = 0; t < 40 && !c->l->closed && !fk_reply(c)[0]; t++) fk_tick(w, 200);
            const char *r = c->text.p ? c->text.p : "";
            if (!c->l->closed && !strstr(r, "ROWS v|1") && !strstr(r, "ERR")) FK_FAIL("case %zu, allocation %llu: '%s'", i, (unsigned long long)n, r);
            fk_leave(c);
            fk_free(w);
        }
        assert_true(fine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_and_chains),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(what_tls_is_told),
        cmocka_unit_test(tls_that_fails),
        cmocka_unit_test(compression),
        cmocka_unit_test(wrong_packets),
        cmocka_unit_test(wrong_numbers_and_cuts),
        cmocka_unit_test(the_public_key),
        cmocka_unit_test(endless_switches),
        cmocka_unit_test(fail_each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
