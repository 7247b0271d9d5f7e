/*
 * test_session_access.c - logins beyond the plain one: every method with every kind of secret on every kind of link, TLS, compression, where
 * clients may come from, COM_CHANGE_USER, what clients tell of themselves. (Hosts that must wait: test_session_throttle.c.)
 */
#include "fake_login.h"
#include "proxy/session/login.h"

#define USERS                                                                                                \
    "  plain: {password: secret}\n"                                                                          \
    "  nopass: {password: ''}\n"                                                                             \
    "  native: {mysql_native_password: " HASH_NATIVE "}\n"                                                   \
    "  sha: {caching_sha2_password: " HASH_SHA2 "}\n"                                                        \
    "  ed: {client_ed25519: " HASH_ED "}\n"
#define TLS_YAML LOGIN_YAML(", failed_logins: off, tls: {certificate: c, key: k, ca: a}", USERS                                      \
                            "  safe: {password: secret, require_tls: yes}\n"                                 \
                            "  card: {caching_sha2_password: " HASH_SHA2 ", require_tls: certificate}\n")

enum place { TCP, TLS, UNIX };
enum { CAPS = FK_CAPS | WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA };

static const char *const methods[] = {NATIVE, SHA2, ED, CLEAR};

static struct fk *world(const char *yaml)
{
    throttle_clear();
    struct fk *w = fk_new(yaml);
    w->snap->s.client_tls = FK_TLS;
    return w;
}

static struct fk_client *client_at(struct fk *w, enum place at, uint32_t caps)
{
    struct fk_client *c = at == UNIX ? fk_client_from(w, caps, "localhost", NULL) : fk_client_new(w, caps);
    if (at == TLS) {
        fk_ask_tls(c);
        FK_CHECK(c->l->link.tls && c->l->tls_server, "TLS was not begun");
    }
    return c;
}

/* ---- methods and secrets ---- */

/* Whoever knows the password gets in, by whatever method the client has; nobody else does. */
static void every_method_with_every_secret(void **state)
{
    (void)state;
    static const char *const users[] = {"plain", "native", "sha", "ed"};
    struct fk *w = world(TLS_YAML);
    for (size_t i = 0; i < 4 * 4 * 3 * 2 * 2; i++) {
        const char *user = users[i % 4], *method = methods[i / 4 % 4];
        enum place at = (enum place)(i / 16 % 3);
        bool right = i / 48 % 2;
        struct fk_client *c = client_at(w, at, CAPS);
        const char *r;
        if (i / 96 % 2 && strcmp(method, CLEAR) != 0) { /* nothing in the login packet, as libmysqlclient does without a nonce */
            fk_login_bytes(c, user, "", 0, "shop", method);
            fk_run(w);
            r = fk_go_on(c, fk_login_reply(c), right ? "secret" : "wrong");
            bool native = strcmp(method, NATIVE) == 0 && (!strcmp(user, "plain") || !strcmp(user, "native"));
            if (native) right = false; /* there it means: no password */
        } else if (strcmp(method, CLEAR) == 0) {
            fk_login_bytes(c, user, right ? "secret" : "wrong", right ? 7 : 6, "shop", method);
            fk_run(w);
            r = fk_go_on(c, fk_login_reply(c), right ? "secret" : "wrong");
        } else {
            r = fk_login_to_end(c, user, right ? "secret" : "wrong", "shop", method);
        }
        if (right ? strcmp(r, "OK 0") != 0 && strcmp(r, "MORE 3, OK 0") != 0 : !strstr(r, "ERR 1045 28000"))
            FK_FAIL("%s by %s at %d, %s: %s", user, method, at, right ? "right" : "wrong", r);
        if (right) assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
    }
    assert_lacks(fb_text(&w->lines), "secret");
    fk_free(w);
}

/* The steps, not only the end. */
static void the_steps(void **state)
{
    (void)state;
    static const struct {
        enum place at;
        const char *user, *method, *first;
    } cases[] = {
        {TCP, "plain", ED, "SWITCH " ED},
        {TCP, "plain", CLEAR, "SWITCH " NATIVE},
        {TCP, "native", SHA2, "SWITCH " NATIVE},
        {TLS, "native", SHA2, "MORE 4"},
        {UNIX, "native", SHA2, "MORE 4"},
        {TCP, "ed", SHA2, "SWITCH " ED},
        {TLS, "ed", SHA2, "MORE 4"},
        {TLS, "ed", NATIVE, "SWITCH " ED},
        {TCP, "sha", ED, "SWITCH " SHA2},
        {TCP, "sha", "dialog", "SWITCH " SHA2},
        {TLS, "ed", "", "SWITCH " ED},
        {TCP, "plain", "", "OK 0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = world(LOGIN_YAML(", tls: {certificate: c, key: k}",
                             "  plain: {password: secret}\n  native: {mysql_native_password: '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'}\n"
                             "  sha: {caching_sha2_password: " HASH_SHA2 "}\n  ed: {client_ed25519: 4LH+dBF+G5W2CKTyId8xR3SyDqZoQjUNUVNxx8aWbG4}\n"));
        struct fk_client *c = client_at(w, cases[i].at, CAPS);
        assert_text(fk_login_by(c, cases[i].user, "secret", "shop", cases[i].method), cases[i].first);
        fk_leave(c);
        fk_free(w);
    }
}

/* A process that has seen the password takes the fast path, whatever the secret's kind; with the wrong one it asks. */
static void the_fast_path(void **state)
{
    (void)state;
    static const char *const users[] = {"native", "ed", "sha"};
    struct fk *w = world(TLS_YAML);
    for (size_t i = 0; i < COUNT_OF(users); i++) {
        struct fk_client *c = client_at(w, TLS, CAPS);
        (void)fk_login_to_end(c, users[i], "secret", "shop", SHA2);
        fk_leave(c);
        c = client_at(w, TLS, CAPS);
        assert_text(fk_login_by(c, users[i], "secret", "shop", SHA2), "MORE 3, OK 0");
        fk_leave(c);
        c = client_at(w, TLS, CAPS);
        assert_text(fk_login_by(c, users[i], "wrong", "shop", SHA2), "MORE 4");
        fk_leave(c);
    }
    fk_free(w);
}

/* Inside TLS a client may ask for the key all the same; the password ends with a zero byte or not. */
static void full_path_forms(void **state)
{
    (void)state;
    static const struct {
        enum place at;
        const char *bytes;
        size_t n;
        bool good;
    } cases[] = {{TLS, "secret", 7, true},  {TLS, "secret", 6, true},   {UNIX, "secret", 7, true},  {TCP, "secret", 7, false}, {TLS, "secreT", 7, false},
                 {TLS, "", 0, false},       {TLS, "", 1, false},        {TLS, "secret\0", 8, false}, {UNIX, "\x02\x02", 2, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = world(TLS_YAML);
        struct fk_client *c = client_at(w, cases[i].at, CAPS);
        /* the wrong answer first: the fast path is not taken */
        assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
        fk_answer_bytes(c, cases[i].bytes, cases[i].n);
        const char *r = fk_login_reply(c);
        if (cases[i].good ? strcmp(r, "OK 0") != 0 : !strstr(r, "ERR 1045")) FK_FAIL("case %zu: %s", i, r);
        fk_leave(c);
        c = client_at(w, cases[i].at, CAPS);
        assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
        assert_text(fk_full(c, "secret"), "OK 0");
        fk_leave(c);
        c = client_at(w, cases[i].at, CAPS);
        assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
        assert_has(fk_full(c, "wrong"), "ERR 1045");
        fk_leave(c);
        c = client_at(w, cases[i].at, CAPS);
        assert_text(fk_login_by(c, "sha", "wrong", "shop", SHA2), "MORE 4");
        fk_answer_bytes(c, "\x02", 1);
        assert_text(fk_login_reply(c), "MORE data");
        fk_answer_bytes(c, "not a cipher text", 17);
        assert_has(fk_login_reply(c), "ERR 1045");
        fk_leave(c);
        fk_free(w);
    }
}

/* mysql_clear_password is for encrypted links; and the log has no password. */
static void clear_only_in_safety(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    struct fk_client *c = client_at(w, TCP, CAPS);
    fk_login_bytes(c, "plain", "secret", 7, "shop", CLEAR);
    fk_run(w);
    assert_text(fk_login_reply(c), "SWITCH " NATIVE);
    fk_leave(c);
    c = client_at(w, TLS, CAPS);
    fk_login_bytes(c, "sha", "", 1, "shop", CLEAR);
    fk_run(w);
    assert_has(fk_login_reply(c), "(using password: NO)");
    fk_leave(c);
    fk_free(w);
}

/* A response of another day does not serve: each switch has its own nonce, of 32 bytes. */
static void ed25519_nonces(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    uint8_t old[32] = {0}, signature[64];
    for (int i = 0; i < 2; i++) {
        struct fk_client *c = client_at(w, TCP, CAPS);
        assert_text(fk_login_by(c, "ed", "secret", "shop", ED), "SWITCH " ED);
        assert_int_not_equal(memcmp(old, c->switched, 32), 0);
        if (i == 0) {
            memcpy(old, c->switched, 32);
            assert_true(wire_ed25519_sign(STR("secret"), old, signature));
        }
        fk_answer_bytes(c, signature, i == 0 ? 63 : 64);
        assert_has(fk_login_reply(c), "ERR 1045");
        fk_leave(c);
    }
    fk_free(w);
}

/* Which method the greeting names: what old clients know, unless no user can use it. */
static void the_greetings_method(void **state)
{
    (void)state;
    static const struct {
        const char *users, *method;
    } cases[] = {
        {"  a: {password: x}\n  b: {caching_sha2_password: " HASH_SHA2 "}\n", NATIVE},
        {"  a: {mysql_native_password: " HASH_NATIVE "}\n", NATIVE},
        {"  a: {client_ed25519: " HASH_ED "}\n", NATIVE},
        {"  a: {caching_sha2_password: " HASH_SHA2 "}\n  b: {caching_sha2_password: " HASH_SHA2 "}\n", SHA2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char yaml[2048];
        snprintf(yaml, sizeof yaml, LOGIN_YAML("", "%s"), cases[i].users);
        struct fk *w = world(yaml);
        struct fk_client *c = fk_client_new(w, CAPS);
        assert_text(c->plugin, cases[i].method);
        fk_leave(c);
        fk_free(w);
    }
}

/* MySQL 9's client library has no native method at all: it is asked for the password by caching_sha2, also without TLS. */
static void a_client_without_native(void **state)
{
    (void)state;
    static const struct {
        const char *name, *version, *user, *first;
    } cases[] = {{"libmysql", "9.7.4", "native", "SWITCH " SHA2}, {"libmysql", "10.0.0", "native", "SWITCH " SHA2}, {"libmysql", "8.4.2", "native", "SWITCH " NATIVE},
                 {"libmariadb", "9.1.0", "native", "SWITCH " NATIVE}, {"libmysql", "", "native", "SWITCH " NATIVE}, {"libmysql", "nine.1", "native", "SWITCH " NATIVE},
                 {"libmysql", "8.0.1", "ed", "SWITCH " SHA2}, {"libmariadb", "3.3.1", "ed", "SWITCH " ED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = world(TLS_YAML);
        struct fk_client *c = fk_client_new(w, CAPS | WIRE_CAP_CONNECT_ATTRS);
        fb_lenstr(&c->attributes, "_client_name", 12);
        fb_lenstr(&c->attributes, cases[i].name, strlen(cases[i].name));
        fb_lenstr(&c->attributes, "_client_version", 15);
        fb_lenstr(&c->attributes, cases[i].version, strlen(cases[i].version));
        fk_login_bytes(c, cases[i].user, "", 0, "shop", SHA2);
        fk_run(w);
        const char *r = fk_login_reply(c);
        assert_text(r, cases[i].first);
        r = fk_go_on(c, r, "secret");
        assert_int_equal(strcmp(r + strlen(r) - 4, "OK 0"), 0);
        fk_leave(c);
        fk_free(w);
    }
}

/* A client of the time before methods had names. */
static void without_plugins(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    uint32_t caps = FK_CAPS_OLD & ~(uint32_t)WIRE_CAP_PLUGIN_AUTH;
    struct fk_client *c = fk_client_new(w, caps);
    assert_text(fk_login_by(c, "native", "secret", "shop", NATIVE), "OK 0");
    fk_leave(c);
    c = fk_client_new(w, caps);
    assert_has(fk_login_by(c, "sha", "secret", "shop", NATIVE), "ERR 1251 08004 Client does not support authentication protocol");
    fk_leave(c);
    fk_free(w);
}

/* ---- TLS ---- */

static void tls_offered_by_the_rules(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client_new(w, CAPS);
    assert_int_equal(c->offered & WIRE_CAP_SSL, 0);
    fk_ask_tls(c);
    assert_has(fk_login_reply(c), "ERR 1043 08S01 Weir: TLS is not offered here");
    assert_false(c->l->link.tls);
    fk_leave(c);
    w->snap->s.client_tls = FK_TLS;
    c = fk_client_new(w, CAPS);
    assert_int_equal(c->offered & WIRE_CAP_SSL, WIRE_CAP_SSL);
    fk_leave(c);
    w->snap->s.client_tls = NULL;
    fk_free(w);
}

/* What came behind the request in the same read is the handshake's; a request inside TLS is not answered by a second one. */
static void tls_rest_and_twice(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 50; chunk = chunk ? chunk + 16 : 1) {
        struct fk *w = world(TLS_YAML);
        w->chunk = chunk;
        struct fk_client *c = fk_client_new(w, CAPS);
        struct fb request = {0};
        c->caps |= WIRE_CAP_SSL;
        fb_le(&request, c->caps, 4);
        for (int i = 0; i < 28; i++) fb_le(&request, i == 4 ? 45 : 0, 1);
        fb_packet(&c->l->out, &c->seq, request.p, request.n);
        if (!chunk) fk_raw(c, "HELLO", 5);
        fk_run(w);
        assert_true(c->l->link.tls);
        assert_int_equal(c->l->tls_rest.n, chunk ? 0 : 5);
        if (!chunk) assert_int_equal(memcmp(c->l->tls_rest.p, "HELLO", 5), 0);
        fb_packet(&c->l->out, &c->seq, request.p, request.n);
        fk_run(w);
        assert_has(fk_login_reply(c), "ERR 1043 08S01 Bad handshake: TLS was asked for twice");
        fk_leave(c);
        fb_free(&request);
        fk_free(w);
    }
}

static void tls_that_cannot_begin(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    w->no_tls = true;
    struct fk_client *c = fk_client_new(w, CAPS);
    fk_ask_tls(c);
    assert_true(c->l->closed);
    fk_leave(c);
    fk_free(w);
}

/* The handshake fails: the log says why. */
static void tls_that_fails(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    struct fk_client *c = client_at(w, TLS, CAPS);
    c->l->link.why = "no TLS version in common";
    fk_hang_up(c->l, EPROTO);
    fk_run(w);
    assert_has(fb_text(&w->lines), "client 10.0.0.9: no TLS version in common");
    fk_leave(c);
    fk_free(w);
}

static void users_who_must_use_tls(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        enum place at;
        bool certificate, may;
        const char *log;
    } cases[] = {
        {"safe", TCP, false, false, "the user must use TLS (require_tls)"},
        {"safe", UNIX, false, false, "the user must use TLS (require_tls)"},
        {"safe", TLS, false, true, ""},
        {"card", TCP, false, false, "the user must use TLS (require_tls)"},
        {"card", TLS, false, false, "the user must show a certificate"},
        {"card", TLS, true, true, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases) * 2; i++) {
        bool right = i & 1;
        struct fk *w = world(TLS_YAML);
        w->certificate = cases[i / 2].certificate;
        struct fk_client *c = client_at(w, cases[i / 2].at, CAPS);
        const char *r = fk_login_to_end(c, cases[i / 2].user, right ? "secret" : "wrong", "shop", SHA2);
        if (right && cases[i / 2].may ? !strstr(r, "OK 0") : !strstr(r, "ERR 1045 28000 Access denied for user"))
            FK_FAIL("case %zu: %s", i, r);
        if (!cases[i / 2].may) assert_has(fb_text(&w->lines), cases[i / 2].log);
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
        uint32_t asked;
        int how, level;
    } cases[] = {
        {"", 0, 0, 0},
        {"", WIRE_CAP_COMPRESS, LINK_ZLIB, 0},
        {"", WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, LINK_ZSTD, 11},
        {"", WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, LINK_ZLIB, 11},
        {", compression: none", WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, 0, 0},
        {", compression: zlib", WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, 0, 0},
        {", compression: zstd", WIRE_CAP_COMPRESS | WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM, LINK_ZSTD, 11},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char yaml[2048];
        snprintf(yaml, sizeof yaml, LOGIN_YAML("%s", USERS), cases[i].rule);
        struct fk *w = world(yaml);
        struct fk_client *c = fk_client_new(w, CAPS | cases[i].asked);
        const char *r = fk_login_to_end(c, "sha", "secret", "shop", NATIVE);
        assert_has(r, "OK 0");
        assert_int_equal(c->l->compression, cases[i].how);
        if (cases[i].how == LINK_ZSTD) assert_int_equal(c->l->level, 11);
        if (cases[i].how) assert_int_equal(c->l->compressed_at, c->l->got.n); /* right behind the OK */
        assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
        fk_leave(c);
        /* a login that is refused is not compressed */
        c = fk_client_new(w, CAPS | cases[i].asked);
        assert_has(fk_login_to_end(c, "sha", "wrong", "shop", NATIVE), "ERR 1045");
        assert_int_equal(c->l->compression, 0);
        fk_leave(c);
        fk_free(w);
    }
}

static void compression_that_cannot_begin(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    w->no_compression = true;
    struct fk_client *c = fk_client_new(w, CAPS | WIRE_CAP_COMPRESS);
    assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0 CLOSED");
    fk_leave(c);
    fk_free(w);
}

/* ---- where clients come from ---- */

static void allow_and_deny(void **state)
{
    (void)state;
    static const uint8_t home[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3},
                         away[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 0, 1},
                         bad[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 9, 9};
    static const struct {
        const char *user;
        const uint8_t *from;
        bool may;
    } cases[] = {{"in", home, true}, {"in", away, false}, {"in", bad, false}, {"in", NULL, false},
                 {"local", NULL, true}, {"local", home, false}, {"any", away, true}, {"any", NULL, true}};
    for (size_t i = 0; i < COUNT_OF(cases) * 2; i++) {
        struct fk *w = world(LOGIN_YAML("", "  in: {password: secret, allow: 10.0.0.0/8, deny: 10.9.0.0/16}\n  local: {password: secret, allow: unix}\n"
                                            "  any: {password: secret}\n"));
        struct fk_client *c = fk_client_from(w, CAPS, "somewhere", cases[i / 2].from);
        const char *r = fk_login(c, cases[i / 2].user, i & 1 ? "wrong" : "secret", "shop");
        if (!cases[i / 2].may) assert_text(r, "ERR 1130 HY000 Host 'somewhere' is not allowed to connect to this MySQL server CLOSED");
        else if (i & 1) assert_has(r, "ERR 1045");
        else assert_text(r, "OK 0");
        if (!cases[i / 2].may) assert_has(fb_text(&w->lines), "not from there (allow, deny)");
        fk_leave(c);
        fk_free(w);
    }
}

/* ---- COM_CHANGE_USER ---- */

/* Its packet, with a method's answer; the reply as of a login. */
static const char *change_user(struct fk_client *c, const char *user, const void *auth, size_t n, const char *schema, const char *plugin)
{
    struct fb p = {0};
    fb_z(&p, user);
    fb_le(&p, 0, 1);
    fb_le(&p, n, 1);
    fb_put(&p, auth, n);
    fb_z(&p, schema);
    fb_le(&p, 0, 1);
    fb_le(&p, 45, 2);
    fb_put(&p, plugin, strlen(plugin) + 1);
    fk_command_bytes(c, WIRE_COM_CHANGE_USER, p.p, p.n);
    fb_free(&p);
    fk_run(c->w);
    c->seq = 1;
    c->command = WIRE_COM_SLEEP;
    return fk_login_reply(c);
}

static void change_user_by_every_method(void **state)
{
    (void)state;
    static const char *const users[] = {"plain", "native", "sha", "ed", "nopass"};
    struct fk *w = world(TLS_YAML);
    for (size_t i = 0; i < 5 * 4 * 3 * 2; i++) {
        const char *user = users[i % 5], *method = methods[i / 5 % 4];
        enum place at = (enum place)(i / 20 % 3);
        bool right = i / 60 % 2;
        const char *password = strcmp(user, "nopass") == 0 ? (right ? "" : "x") : right ? "secret" : "wrong";
        struct fk_client *c = client_at(w, at, CAPS);
        assert_has(fk_login_to_end(c, "sha", "secret", "shop", SHA2), "OK 0");
        assert_text(fk_query(c, "SET @a = 1"), "OK 0");
        uint8_t auth[64] = {0};
        size_t n = strlen(password) + 1;
        if (strcmp(method, CLEAR) == 0) memcpy(auth, password, n);
        else if (strcmp(method, NATIVE) == 0) wire_native_scramble(str_of(password), c->nonce, auth), n = *password ? 20 : 0;
        else if (strcmp(method, SHA2) == 0) n = *password ? 0 : 1; /* libmysqlclient has no nonce for it here: nothing, or a zero byte */
        else n = 0;
        const char *r = fk_go_on(c, change_user(c, user, auth, n, "other", method), password);
        if (right ? !strstr(r, "OK 0") : !strstr(r, "ERR 1045 28000 Access denied")) FK_FAIL("%s by %s at %d, %d: %s", user, method, at, right, r);
        assert_int_equal(c->l->closed, !right); /* as MySQL does */
        (void)fk_seen(w);
        if (right) assert_text(fk_query(c, "SELECT 1, @a"), "ROWS v|1 END");
        assert_lacks(fk_seen(w), "@a=1"); /* nothing of the session before is left */
        fk_leave(c);
    }
    fk_free(w);
}

static void change_user_faults(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    uint8_t auth[20];
    struct fk_client *c = fk_client_new(w, CAPS);
    assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0");
    wire_native_scramble(STR("secret"), c->nonce, auth);
    assert_text(change_user(c, "plain", auth, 20, "nosuch", NATIVE), "ERR 1049 42000 Unknown database 'nosuch' CLOSED");
    fk_leave(c);
    c = fk_client_new(w, CAPS);
    assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0");
    wire_native_scramble(STR("secret"), c->nonce, auth);
    assert_has(change_user(c, "safe", auth, 20, "shop", NATIVE), "ERR 1045"); /* require_tls */
    fk_leave(c);
    c = fk_client_new(w, CAPS);
    assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0");
    fk_command_bytes(c, WIRE_COM_CHANGE_USER, "plain", 5);
    fk_run(w);
    assert_has(fk_reply(c), "ERR 1835 HY000 Malformed communication packet");
    assert_true(c->l->closed);
    fk_leave(c);
    fk_free(w);
}

/* Users' connections are counted anew. */
static void change_user_counts(void **state)
{
    (void)state;
    struct fk *w = world(LOGIN_YAML("", "  few: {password: secret, max_connections: 1}\n  app: {password: secret}\n"));
    struct fk_client *a = fk_client_new(w, CAPS), *b = fk_client_new(w, CAPS);
    uint8_t auth[20];
    assert_text(fk_login(a, "few", "secret", "shop"), "OK 0");
    assert_text(fk_login(b, "app", "secret", "shop"), "OK 0");
    wire_native_scramble(STR("secret"), a->nonce, auth);
    assert_text(change_user(a, "app", auth, 20, "shop", NATIVE), "OK 0");
    wire_native_scramble(STR("secret"), b->nonce, auth);
    assert_text(change_user(b, "few", auth, 20, "shop", NATIVE), "OK 0");
    wire_native_scramble(STR("secret"), a->nonce, auth);
    assert_has(change_user(a, "few", auth, 20, "shop", NATIVE), "ERR 1203");
    fk_leave(a);
    fk_leave(b);
    fk_free(w);
}

/* The servers' own schemas may be the default one; a user with a list of schemas has information_schema alone. */
static void system_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *user, *schema, *reply;
    } cases[] = {
        {"app", "information_schema", "OK 0"},
        {"app", "mysql", "OK 0"},
        {"app", "PERFORMANCE_SCHEMA", "OK 0"},
        {"few", "information_schema", "OK 0"},
        {"few", "mysql", "ERR 1044 42000 Access denied for user 'few'@'10.0.0.9' to database 'mysql' CLOSED"},
        {"few", "sys", "ERR 1044 42000 Access denied for user 'few'@'10.0.0.9' to database 'sys' CLOSED"},
        {"app", "sysx", "ERR 1049 42000 Unknown database 'sysx' CLOSED"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = world(LOGIN_YAML("", "  app: {password: secret}\n  few: {password: secret, schemas: shop}\n"));
        struct fk_client *c = fk_client_new(w, CAPS);
        assert_text(fk_login(c, cases[i].user, "secret", cases[i].schema), cases[i].reply);
        if (strcmp(cases[i].schema, "mysql") == 0 && !c->l->closed) {
            assert_has(fk_query(c, "DELETE FROM user"), "ERR 1044"); /* nobody writes there through Weir */
            uint8_t auth[20];
            wire_native_scramble(STR("secret"), c->nonce, auth);
            assert_text(change_user(c, "app", auth, 20, "", NATIVE), "OK 0");
            assert_has(fk_query(c, "SELECT * FROM user"), "ERR 1046"); /* no schema any more */
        }
        fk_leave(c);
        fk_free(w);
    }
}

/* MySQL 8 and 9 clients ask for a collation that MariaDB does not have: they get its default, by name. */
static void foreign_collations(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML); /* its servers are MariaDBs */
    struct fk_client *c = fk_client_new(w, CAPS);
    c->collation = 255;
    assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0");
    (void)fk_seen(w);
    assert_text(fk_query(c, "SELECT 1"), "ROWS v|1 END");
    const char *seen = fk_seen(w);
    assert_lacks(seen, "_0900_");
    assert_has(seen, "utf8mb4_general_ci");
    fk_leave(c);
    fk_free(w);
}

/* ---- what clients tell, and are told ---- */

static void program_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *kept;
    } cases[] = {{"mysql", "mysql"},
                 {"", ""},
                 {"a-program-with-a-very-long-name-of-40-chs", "a-program-with-a-very-long-name"},
                 {"bell\a\n", "bell??"},
                 {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fk *w = world(TLS_YAML);
        struct fk_client *c = fk_client_new(w, CAPS | WIRE_CAP_CONNECT_ATTRS);
        fb_lenstr(&c->attributes, "_pid", 4);
        fb_lenstr(&c->attributes, "17", 2);
        fb_lenstr(&c->attributes, "program_name", 12);
        fb_lenstr(&c->attributes, cases[i].name, strlen(cases[i].name));
        if (i == 4) fb_put(&c->attributes, "\x20odd", 4); /* what is cut off is left */
        assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0");
        assert_text(fk_session(w, c->id)->program, cases[i].kept);
        fk_leave(c);
        fk_free(w);
    }
}

static void capabilities(void **state)
{
    (void)state;
    struct fk *w = world(TLS_YAML);
    struct fk_client *c = fk_client_new(w, ~0u);
    uint32_t must = WIRE_CAP_PS_MULTI_RESULTS | WIRE_CAP_MULTI_RESULTS | WIRE_CAP_MULTI_STATEMENTS | WIRE_CAP_CONNECT_ATTRS | WIRE_CAP_PLUGIN_AUTH |
                    WIRE_CAP_CAN_HANDLE_EXPIRED_PASSWORDS | WIRE_CAP_DEPRECATE_EOF | WIRE_CAP_FOUND_ROWS | WIRE_CAP_COMPRESS |
                    WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM | WIRE_CAP_SSL;
    assert_int_equal(c->offered & must, must);
    fk_leave(c);
    fk_free(w);
}

static void idle_clients(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fk *w = world(LOGIN_YAML(", wait_timeout: 10s, interactive_timeout: 60s", USERS));
        struct fk_client *c = fk_client_new(w, CAPS | (i ? WIRE_CAP_INTERACTIVE : 0));
        assert_text(fk_login(c, "plain", "secret", "shop"), "OK 0");
        fk_tick(w, 11000);
        assert_int_equal(c->l->closed, i == 0);
        fk_tick(w, 50000);
        assert_true(c->l->closed);
        fk_leave(c);
        fk_free(w);
    }
}

/* Every packet of every exchange byte by byte, out of turn, and cut off. */
static void byte_by_byte_and_broken(void **state)
{
    (void)state;
    static const char *const users[] = {"plain", "native", "sha", "ed"};
    for (size_t i = 0; i < 4 * 4 * 3; i++) {
        for (int how = 0; how < 4; how++) {
            struct fk *w = world(TLS_YAML);
            w->chunk = how == 0 ? 1 : 0;
            struct fk_client *c = client_at(w, (enum place)(i / 16), CAPS);
            const char *r = fk_login_by(c, users[i % 4], "secret", "shop", methods[i / 4 % 4]);
            bool done = strstr(r, "OK") || c->l->closed;
            if (how == 0) {
                r = fk_go_on(c, r, "secret");
                assert_true(strstr(r, "OK 0") || strstr(r, "ERR 1045"));
            } else if (!done && how == 1) { /* a number that does not follow */
                c->seq = (uint8_t)(c->seq + 3);
                fk_answer_bytes(c, "x", 1);
                assert_has(fk_login_reply(c), "ERR 1156 08S01 Got packets out of order CLOSED");
            } else if (!done && how == 2) {
                fk_answer_bytes(c, "", 0);
                assert_has(fk_login_reply(c), "ERR 1045");
            } else if (!done) {
                fk_raw(c, "\x20\x00\x00", 3);
                fk_run(w);
            }
            fk_leave(c);
            assert_int_equal(w->e.nsessions, 0);
            fk_free(w);
        }
    }
}

/* An answer or a close, whichever allocation fails. */
static void fail_each_allocation(void **state)
{
    (void)state;
    static const char *const users[] = {"plain", "native", "sha", "ed"};
    for (size_t i = 0; i < 4 * 3; i++) {
        bool fine = false;
        for (uint64_t n = 1; n < 120 && !fine; n++) {
            struct fk *w = world(TLS_YAML);
            struct fk_client *c = client_at(w, i & 1 ? TLS : TCP, CAPS | WIRE_CAP_COMPRESS);
            mem_fail_at(n);
            const char *r = fk_login_by(c, users[i % 4], "secret", "shop", methods[i / 4]);
            mem_fail_at(0);
            r = fk_go_on(c, r, "secret");
            fine = strstr(r, "OK 0") && !c->l->closed;
            if (!fine && !c->l->closed) FK_FAIL("%s, allocation %llu: neither refused nor closed: '%s'", users[i % 4], (unsigned long long)n, r);
            if (strstr(r, "OK 0")) fine = true;
            fk_leave(c);
            fk_free(w);
        }
        assert_true(fine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_with_every_secret),
        cmocka_unit_test(the_steps),
        cmocka_unit_test(the_fast_path),
        cmocka_unit_test(full_path_forms),
        cmocka_unit_test(clear_only_in_safety),
        cmocka_unit_test(ed25519_nonces),
        cmocka_unit_test(the_greetings_method),
        cmocka_unit_test(a_client_without_native),
        cmocka_unit_test(without_plugins),
        cmocka_unit_test(tls_offered_by_the_rules),
        cmocka_unit_test(tls_rest_and_twice),
        cmocka_unit_test(tls_that_cannot_begin),
        cmocka_unit_test(tls_that_fails),
        cmocka_unit_test(users_who_must_use_tls),
        cmocka_unit_test(compression),
        cmocka_unit_test(compression_that_cannot_begin),
        cmocka_unit_test(allow_and_deny),
        cmocka_unit_test(change_user_by_every_method),
        cmocka_unit_test(change_user_faults),
        cmocka_unit_test(change_user_counts),
        cmocka_unit_test(system_schemas),
        cmocka_unit_test(foreign_collations),
        cmocka_unit_test(program_names),
        cmocka_unit_test(capabilities),
        cmocka_unit_test(idle_clients),
        cmocka_unit_test(byte_by_byte_and_broken),
        cmocka_unit_test(fail_each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
