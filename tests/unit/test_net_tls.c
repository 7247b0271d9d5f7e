/*
 * TLS between two byte buffers: handshakes of each kind, what is refused and in which words, and what a rule file can have wrong. Certificates come
 * from tools/testca.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/net/tls.h"

static char folder[64];

static int make_certificates(void **state)
{
    char command[128];
    (void)state;
    strcpy(folder, P_tmpdir "/weir-test-ca-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(command, sizeof command, "tools/testca %s", folder);
    return system(command) == 0 ? 0 : 1;
}

static int remove_certificates(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : 1;
}

/* ---- rules ---- */

struct rules {
    struct conf c;
    struct conf_source source;
    struct diag d;
    char file[96], path[8][96];
    unsigned npaths;
};

static struct conf_text text(struct rules *r, const char *name, uint32_t line)
{
    if (!name) return (struct conf_text){0};
    char *p = r->path[r->npaths++];
    snprintf(p, sizeof r->path[0], "%s", name);
    return (struct conf_text){str_of(p), {line, 1}};
}

static void init_rules(struct rules *r, const char *cert, const char *ca)
{
    char key[64];
    memset(r, 0, sizeof *r);
    diag_init(&r->d);
    snprintf(r->file, sizeof r->file, "%s/rules.yaml", folder);
    r->c.file = str_of(r->file);
    r->c.sources = &r->source;
    r->c.nsources = 1;
    r->source.name = STR("s0");
    if (cert) {
        snprintf(key, sizeof key, "%.*s.key", (int)(strlen(cert) - 4), cert);
        r->c.weir.tls.certificate = text(r, cert, 2);
        r->c.weir.tls.key = text(r, key, 3);
    }
    r->c.weir.tls.ca = text(r, ca, 4);
}

static void use_source(struct rules *r, enum conf_tls_mode mode, const char *ca, const char *cert, const char *name)
{
    char key[64];
    r->source.tls.mode = mode;
    r->source.tls.ca = text(r, ca, 11);
    r->source.tls.name = text(r, name, 14);
    if (!cert) return;
    snprintf(key, sizeof key, "%.*s.key", (int)(strlen(cert) - 4), cert);
    r->source.tls.certificate = text(r, cert, 12);
    r->source.tls.key = text(r, key, 13);
}

static void faults(struct rules *r, char *out, size_t n)
{
    struct buf b = {0};
    diag_print(&r->d, &b);
    snprintf(out, n, "%.*s", (int)b.len, b.data ? b.data : "");
    buf_release(&b);
}

/* ---- two ends ---- */

struct end {
    struct tls *t;
    struct buf in, clear, out; /* in: on its way to this end */
    enum tls_status st;
};
struct pair {
    struct rules r;
    struct tls_context *sx, *cx;
    struct end s, c;
    size_t chunk; /* bytes a step; 0: all */
};

static void step(struct pair *p, struct end *e)
{
    static char room[TLS_RECORD + 100];
    struct end *other = e == &p->s ? &p->c : &p->s;
    size_t n = p->chunk && p->chunk < e->in.len ? p->chunk : e->in.len, left = n, got;
    const char *at = e->in.data;
    do {
        e->st = tls_read(e->t, &at, &left, room, sizeof room, &got, &other->in);
        buf_put(&e->clear, room, got);
    } while (e->st == TLS_BYTES);
    if (e->st == TLS_MORE) assert_int_equal(left, 0);
    buf_consume(&e->in, n);
}

static void run(struct pair *p)
{
    for (int i = 0; i < 100000; i++) {
        step(p, &p->c);
        step(p, &p->s);
        if (!p->c.in.len && !p->s.in.len) return;
        if (p->c.st == TLS_FAILED && p->s.st == TLS_FAILED) return;
    }
    fail_msg("it never ends");
}

static void open_pair(struct pair *p, const char *name)
{
    p->sx = tls_context_clients(&p->r.c, &p->r.d);
    p->cx = tls_context_source(&p->r.c, &p->r.source, &p->r.d);
    if (!p->sx || !p->cx) {
        char why[2000];
        faults(&p->r, why, sizeof why);
        fail_msg("%s", why);
    }
    p->s.t = tls_new(p->sx, true, NULL);
    p->c.t = tls_new(p->cx, false, name);
    assert_non_null(p->s.t);
    assert_non_null(p->c.t);
    run(p);
}

static void free_ends(struct pair *p)
{
    for (struct end *e = &p->s;; e = &p->c) {
        tls_free(e->t);
        buf_release(&e->in);
        buf_release(&e->clear);
        buf_release(&e->out);
        memset(e, 0, sizeof *e);
        if (e == &p->c) break;
    }
}

static void close_pair(struct pair *p)
{
    free_ends(p);
    tls_context_unref(p->sx);
    tls_context_unref(p->cx);
    diag_release(&p->r.d);
}

static void talk(struct pair *p)
{
    static char big[200000];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)(i * 7 + i / 251);
    size_t n = p->chunk ? 3000 : sizeof big;
    assert_true(tls_ready(p->s.t) && tls_ready(p->c.t));
    assert_true(tls_write(p->c.t, big, n, &p->s.in));
    assert_true(tls_write(p->s.t, big, n, &p->c.in));
    run(p);
    assert_int_equal(p->s.clear.len, n);
    assert_int_equal(p->c.clear.len, n);
    assert_memory_equal(p->s.clear.data, big, n);
    assert_memory_equal(p->c.clear.data, big, n);
}

/* ---- handshakes ---- */

static void test_handshake(void **state)
{
    static const char *const certs[] = {"server.pem", "server-ec.pem"};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct pair p = {.chunk = i & 1 ? 1 : 0};
        init_rules(&p.r, certs[i >> 1 & 1], NULL);
        use_source(&p.r, CONF_TLS_VERIFY_IDENTITY, "ca.pem", NULL, NULL);
        if (i & 4) p.r.c.weir.tls.min_version = CONF_TLS_1_3;
        open_pair(&p, i & 1 ? "127.0.0.1" : "weir.test");
        talk(&p);
        assert_string_equal(tls_version(p.s.t), "TLSv1.3");
        assert_non_null(tls_cipher(p.c.t));
        assert_string_equal(tls_subject(p.c.t), "/O=Weir tests/CN=localhost");
        assert_null(tls_subject(p.s.t));
        tls_close(p.c.t, &p.s.in);
        run(&p);
        assert_int_equal(p.s.st, TLS_END);
        step(&p, &p.s);
        assert_int_equal(p.s.st, TLS_END);
        close_pair(&p);
    }
}

static void test_resumption(void **state)
{
    struct pair p = {0};
    (void)state;
    init_rules(&p.r, "server.pem", NULL);
    use_source(&p.r, CONF_TLS_VERIFY_IDENTITY, "ca.pem", NULL, NULL);
    open_pair(&p, "weir.test");
    assert_false(tls_resumed(p.c.t));
    talk(&p);
    for (int i = 0; i < 3; i++) {
        free_ends(&p);
        p.s.t = tls_new(p.sx, true, NULL);
        p.c.t = tls_new(p.cx, false, "weir.test");
        run(&p);
        talk(&p);
        assert_true(tls_resumed(p.c.t));
        assert_true(tls_resumed(p.s.t));
        assert_string_equal(tls_subject(p.c.t), "/O=Weir tests/CN=localhost");
    }
    close_pair(&p);
}

static void test_client_certificate(void **state)
{
    static const struct {
        const char *cert, *why;
    } cases[] = {
        {"client.pem", NULL},
        {"client-ec.pem", NULL},
        {NULL, NULL},
        {"client-foreign.pem", "the client's certificate is refused: unable to get local issuer certificate"},
        {"client-expired.pem", "the client's certificate is refused: certificate has expired"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pair p = {0};
        init_rules(&p.r, "server.pem", "ca.pem");
        use_source(&p.r, CONF_TLS_ON, NULL, cases[i].cert, NULL);
        open_pair(&p, "weir.test");
        if (cases[i].why) {
            assert_int_equal(p.s.st, TLS_FAILED);
            assert_non_null(strstr(tls_why(p.s.t), cases[i].why));
            assert_int_equal(p.c.st, TLS_FAILED);
            if (i == 3) assert_non_null(strstr(tls_why(p.c.t), "set the source's tls.certificate and tls.key"));
            assert_null(tls_subject(p.s.t));
        } else {
            talk(&p);
            if (cases[i].cert) assert_string_equal(tls_subject(p.s.t), "/O=Weir tests/CN=alice");
            else assert_null(tls_subject(p.s.t));
            free_ends(&p); /* a resumed session has its certificate too */
            p.s.t = tls_new(p.sx, true, NULL);
            p.c.t = tls_new(p.cx, false, "weir.test");
            run(&p);
            assert_true(tls_resumed(p.s.t));
            if (cases[i].cert) assert_string_equal(tls_subject(p.s.t), "/O=Weir tests/CN=alice");
            else assert_null(tls_subject(p.s.t));
        }
        close_pair(&p);
    }
}

static void test_modes(void **state)
{
    static const struct {
        enum conf_tls_mode mode;
        const char *ca, *server, *name, *tls_name, *why;
    } cases[] = {
        {CONF_TLS_ON, NULL, "foreign.pem", "weir.test", NULL, NULL},
        {CONF_TLS_ON, NULL, "expired.pem", "weir.test", NULL, NULL},
        {CONF_TLS_VERIFY_CA, "ca.pem", "wrong-name.pem", "weir.test", NULL, NULL},
        {CONF_TLS_VERIFY_CA, "ca.pem", "wrong-name.pem", NULL, NULL, NULL},
        {CONF_TLS_VERIFY_CA, "ca.pem", "foreign.pem", "weir.test", NULL, "set the source's tls.ca"},
        {CONF_TLS_VERIFY_CA, NULL, "server.pem", "weir.test", NULL, "certificate verify failed"},
        {CONF_TLS_VERIFY_CA, "ca.pem", "expired.pem", "weir.test", NULL, "certificate has expired; give the server a valid certificate"},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", "weir.test", NULL, NULL},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", "::1", NULL, NULL},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", "127.0.0.2", NULL, "set the source's tls.name"},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", "other.test", NULL, "hostname mismatch (it is for DNS:localhost, DNS:weir.test"},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", "other.test", "weir.test", NULL},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", NULL, NULL, "the server's name is not known"},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "server.pem", NULL, "localhost", NULL},
        {CONF_TLS_VERIFY_IDENTITY, "ca.pem", "wrong-name.pem", "weir.test", NULL, "it is for DNS:elsewhere.test"},
        {CONF_TLS_VERIFY_IDENTITY, "other-ca.pem", "server.pem", "weir.test", NULL, "certificate verify failed"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pair p = {0};
        init_rules(&p.r, cases[i].server, NULL);
        use_source(&p.r, cases[i].mode, cases[i].ca, NULL, cases[i].tls_name);
        open_pair(&p, cases[i].name);
        if (!cases[i].why) {
            talk(&p);
        } else {
            assert_int_equal(p.c.st, TLS_FAILED);
            if (!strstr(tls_why(p.c.t), cases[i].why)) fail_msg("case %zu: %s", i, tls_why(p.c.t));
        }
        close_pair(&p);
    }
}

static void test_versions(void **state)
{
    struct pair p = {0};
    (void)state;
    init_rules(&p.r, "server.pem", NULL);
    use_source(&p.r, CONF_TLS_ON, NULL, NULL, NULL);
    p.r.c.weir.tls.min_version = CONF_TLS_1_3;
    open_pair(&p, "weir.test");
    talk(&p);
    close_pair(&p);
}

/* ---- a peer of our own making: OpenSSL over memory ---- */

struct raw {
    SSL_CTX *x;
    SSL *ssl;
    BIO *in, *out;
    struct tls_context *sx;
    struct rules r;
    struct end s;
};

static void raw_flow(struct raw *w)
{
    char room[TLS_RECORD], *p;
    for (int i = 0; i < 20; i++) {
        long n = BIO_get_mem_data(w->out, &p);
        struct buf answer = {0};
        const char *at = p;
        size_t left = (size_t)n, got;
        while ((w->s.st = tls_read(w->s.t, &at, &left, room, sizeof room, &got, &answer)) == TLS_BYTES) buf_put(&w->s.clear, room, got);
        (void)BIO_reset(w->out);
        if (answer.len) BIO_write(w->in, answer.data, (int)answer.len);
        bool any = n > 0 || answer.len;
        buf_release(&answer);
        if (!SSL_is_init_finished(w->ssl)) SSL_do_handshake(w->ssl);
        if (!any) return;
    }
}

static void raw_open(struct raw *w, int version)
{
    memset(w, 0, sizeof *w);
    init_rules(&w->r, "server.pem", NULL);
    w->sx = tls_context_clients(&w->r.c, &w->r.d);
    w->s.t = tls_new(w->sx, true, NULL);
    w->x = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(w->x, version);
    SSL_CTX_set_max_proto_version(w->x, version);
    if (version < TLS1_2_VERSION) SSL_CTX_set_cipher_list(w->x, "ALL:@SECLEVEL=0");
    w->ssl = SSL_new(w->x);
    w->in = BIO_new(BIO_s_mem());
    w->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(w->in, -1);
    SSL_set_bio(w->ssl, w->in, w->out);
    SSL_set_connect_state(w->ssl);
    SSL_do_handshake(w->ssl);
    raw_flow(w);
}

static void raw_close(struct raw *w)
{
    SSL_free(w->ssl);
    SSL_CTX_free(w->x);
    tls_free(w->s.t);
    tls_context_unref(w->sx);
    buf_release(&w->s.clear);
    diag_release(&w->r.d);
}

static void test_tls12(void **state)
{
    struct raw w;
    (void)state;
    raw_open(&w, TLS1_2_VERSION);
    assert_true(tls_ready(w.s.t));
    assert_string_equal(tls_version(w.s.t), "TLSv1.2");
    SSL_write(w.ssl, "hello", 5);
    raw_flow(&w);
    assert_int_equal(w.s.clear.len, 5);
    SSL_renegotiate(w.ssl); /* answered by an alert that refuses it, or by none: the connection never begins one */
    SSL_do_handshake(w.ssl);
    raw_flow(&w);
    assert_false(SSL_write(w.ssl, "again", 5) == 5 && SSL_num_renegotiations(w.ssl) > 0 && SSL_is_init_finished(w.ssl));
    raw_close(&w);
}

static void test_old_version(void **state)
{
    struct raw w;
    (void)state;
    raw_open(&w, TLS1_1_VERSION);
    assert_false(tls_ready(w.s.t));
    assert_int_equal(w.s.st, TLS_FAILED);
    assert_non_null(strstr(tls_why(w.s.t), "TLS 1.2 and 1.3"));
    raw_close(&w);
}

static void test_key_updates(void **state)
{
    struct raw w;
    (void)state;
    raw_open(&w, TLS1_3_VERSION);
    assert_true(tls_ready(w.s.t));
    for (int i = 0; i < 50; i++) { /* in one chunk with data behind */
        assert_int_equal(SSL_key_update(w.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(w.ssl, "x", 1), 1);
        raw_flow(&w);
        if (w.s.st != TLS_MORE) fail_msg("round %d: %s", i, tls_why(w.s.t));
        assert_int_equal(w.s.clear.len, i + 1);
    }
    struct buf answer = {0};
    enum tls_status st = TLS_MORE;
    for (int i = 0; i < 5000 && st == TLS_MORE; i++) { /* without data: the answers must not pile up without end */
        char room[TLS_RECORD], *p;
        SSL_key_update(w.ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(w.ssl);
        size_t left = (size_t)BIO_get_mem_data(w.out, &p), got;
        const char *at = p;
        st = tls_read(w.s.t, &at, &left, room, sizeof room, &got, &answer);
        if (st == TLS_MORE) assert_int_equal(left, 0);
        (void)BIO_reset(w.out);
    }
    assert_int_equal(st, TLS_FAILED);
    assert_true(answer.len < 70000);
    assert_non_null(strstr(tls_why(w.s.t), "new keys without end"));
    buf_release(&answer);
    raw_close(&w);
}

static void test_garbage(void **state)
{
    static const struct str lines[] = {
        {"GET / HTTP/1.0\r\n\r\n", 18}, {"\x16\x03\x01\x00\x05hello world", 16}, {"", 0}, {"\x16\x03\x01", 3}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct rules r;
        char room[TLS_RECORD];
        struct buf out = {0};
        init_rules(&r, "server.pem", NULL);
        struct tls_context *x = tls_context_clients(&r.c, &r.d);
        struct tls *t = tls_new(x, true, NULL);
        const char *p = lines[i].ptr;
        size_t n = lines[i].len, got;
        enum tls_status st = tls_read(t, &p, &n, room, sizeof room, &got, &out);
        assert_int_equal(st, i < 2 ? TLS_FAILED : TLS_MORE);
        if (i == 0) assert_non_null(strstr(tls_why(t), "does not speak TLS"));
        assert_false(tls_ready(t));
        assert_false(tls_write(t, "x", 1, &out));
        tls_free(t);
        tls_context_unref(x);
        buf_release(&out);
        diag_release(&r.d);
    }
}

/* Each byte of the client's first flight changed: an error or a working handshake, never more. */
static void test_mutated(void **state)
{
    (void)state;
    struct pair p = {0};
    init_rules(&p.r, "server-ec.pem", NULL);
    use_source(&p.r, CONF_TLS_VERIFY_IDENTITY, "ca.pem", NULL, NULL);
    p.sx = tls_context_clients(&p.r.c, &p.r.d);
    p.cx = tls_context_source(&p.r.c, &p.r.source, &p.r.d);
    size_t len = 1;
    for (size_t at = 0; at < len; at += 3) {
        p.s.t = tls_new(p.sx, true, NULL);
        p.c.t = tls_new(p.cx, false, "weir.test");
        step(&p, &p.c);
        len = p.s.in.len;
        if (at < len) p.s.in.data[at] = (char)(p.s.in.data[at] ^ 0x41);
        run(&p);
        if (tls_ready(p.s.t) && tls_ready(p.c.t)) talk(&p);
        free_ends(&p);
    }
    assert_true(len > 100);
    close_pair(&p);
}

/* ---- what the rules can have wrong ---- */

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *key, *ca, *expect;
    } cases[] = {
        {"none.pem", "server.key", NULL, "rules.yaml:2:1: error: weir: tls.certificate '"},
        {"server.pem", "none.key", NULL, "rules.yaml:3:1: error: weir: tls.key '"},
        {"server.pem", "server-ec.key", NULL, "does not belong to tls.certificate"},
        {"server.pem", "client.key", NULL, "does not belong to tls.certificate"},
        {"server.pem", "locked.key", NULL, "asks for a pass phrase"},
        {"server.key", "server.key", NULL, "rules.yaml:2:1: error: weir: tls.certificate '"},
        {"server.pem", "server.pem", NULL, "rules.yaml:3:1: error: weir: tls.key '"},
        {"server.pem", "server.key", "none.pem", "rules.yaml:4:1: error: weir: tls.ca '"},
        {"server.pem", "server.key", "server.key", "it must be PEM"},
        {"server.pem", NULL, NULL, "a certificate needs its key"},
        {NULL, NULL, "ca.pem", "tls.ca alone makes no TLS"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rules r;
        char out[2000];
        init_rules(&r, NULL, cases[i].ca);
        r.c.weir.tls.certificate = text(&r, cases[i].cert, 2);
        r.c.weir.tls.key = text(&r, cases[i].key, 3);
        assert_false(tls_check(&r.c, &r.d));
        assert_int_equal(r.d.errors, 1);
        faults(&r, out, sizeof out);
        if (!strstr(out, cases[i].expect)) fail_msg("case %zu: %s", i, out);
        diag_release(&r.d);
    }
    struct rules r;
    char out[2000];
    init_rules(&r, "expired.pem", NULL);
    use_source(&r, CONF_TLS_VERIFY_CA, "none.pem", NULL, NULL);
    assert_false(tls_check(&r.c, &r.d));
    faults(&r, out, sizeof out);
    assert_non_null(strstr(out, "warning: weir: the certificate has expired"));
    assert_non_null(strstr(out, "rules.yaml:11:1: error: source s0: tls.ca '"));
    diag_release(&r.d);
    init_rules(&r, NULL, NULL); /* nothing asked for, nothing wrong */
    assert_true(tls_check(&r.c, &r.d));
    diag_release(&r.d);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 12; at++) {
        struct pair p = {0};
        init_rules(&p.r, "server-ec.pem", NULL);
        use_source(&p.r, CONF_TLS_ON, NULL, NULL, "weir.test");
        mem_fail_at(at);
        p.sx = tls_context_clients(&p.r.c, &p.r.d);
        p.cx = tls_context_source(&p.r.c, &p.r.source, &p.r.d);
        if (p.sx) p.s.t = tls_new(p.sx, true, NULL);
        if (p.cx) p.c.t = tls_new(p.cx, false, "weir.test");
        if (p.s.t && p.c.t) {
            for (int i = 0; i < 10; i++) {
                step(&p, &p.c);
                step(&p, &p.s);
            }
        }
        mem_fail_at(0);
        close_pair(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),   cmocka_unit_test(test_resumption), cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_modes),       cmocka_unit_test(test_versions),   cmocka_unit_test(test_tls12),
        cmocka_unit_test(test_old_version), cmocka_unit_test(test_key_updates), cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_mutated),     cmocka_unit_test(test_faults),     cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
