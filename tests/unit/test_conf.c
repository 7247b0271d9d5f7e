/*
 * test_conf.c - the model that a rule file becomes: samples, values, nodes, fingerprint, the printed form,
 * memory faults. What is refused, and with which words, is in tests/golden/conf (test_conf_golden.c).
 */
#include "conf/conf.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define HEAD                                                                                                 \
    "weir: {listen: 127.0.0.1:4406}\n"                                                                       \
    "users: {app: {password: app}}\n"                                                                        \
    "sources:\n"                                                                                             \
    "  s0: {address: 127.0.0.1:4411, user: weir, password: weir}\n"                                          \
    "  s1: {address: 127.0.0.1:4412, user: weir, password: weir}\n"
#define SHOP(tables) HEAD "schemas:\n  shop:\n    default_source: s0\n    tables:\n" tables

static struct conf *try_load(const char *text, uint32_t *warnings)
{
    struct diag d;
    struct buf out = {0};
    diag_init(&d);
    struct conf *c = conf_load_text(str_of(text), STR("rules.yaml"), &d);
    diag_print(&d, &out);
    if (!c) print_message("%s" STR_FMT, text, STR_ARG(buf_str(&out)));
    if (warnings) *warnings = d.warnings;
    buf_release(&out);
    diag_release(&d);
    return c;
}

static struct conf *load(const char *text)
{
    uint32_t warnings;
    struct conf *c = try_load(text, &warnings);
    assert_non_null(c);
    assert_int_equal(warnings, 0);
    return c;
}

static struct conf *load_file(const char *path)
{
    struct diag d;
    struct buf out = {0};
    diag_init(&d);
    struct conf *c = conf_load(path, &d);
    diag_print(&d, &out);
    if (!c || d.warnings) print_error("%s: " STR_FMT, path, STR_ARG(buf_str(&out)));
    assert_non_null(c);
    assert_int_equal(d.warnings, 0);
    buf_release(&out);
    diag_release(&d);
    return c;
}

static void slurp(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char block[4096];
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) buf_put(out, block, n);
    fclose(f);
}

static void assert_str(struct str s, const char *want)
{
    if (!str_eq(s, str_of(want))) fail_msg("got '" STR_FMT "', expected '%s'", STR_ARG(s), want);
}

/* "s0.shop_0.t, s0.shop_1.t, ..." */
static void assert_nodes(const struct conf *c, const char *table, const char *want)
{
    const struct conf_table *t = conf_table(&c->schemas[0], str_of(table));
    struct buf out = {0};
    assert_non_null(t);
    for (uint32_t i = 0; i < t->nnodes; i++) {
        const struct conf_node *n = &t->nodes[i];
        buf_printf(&out, "%s" STR_FMT "." STR_FMT "." STR_FMT, i ? ", " : "",
                   STR_ARG(c->sources[n->source].name), STR_ARG(n->database), STR_ARG(n->table));
    }
    assert_str(buf_str(&out), want);
    buf_release(&out);
}

static const struct conf_table *table_of(const struct conf *c, const char *name)
{
    const struct conf_table *t = conf_table(&c->schemas[0], str_of(name));
    assert_non_null(t);
    return t;
}

/* ---- samples ---- */

static void test_shop(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/shop.yaml");
    assert_int_equal(c->weir.nlisten, 1);
    assert_str(c->weir.listen[0].host, "127.0.0.1");
    assert_int_equal(c->weir.listen[0].port, 4406);
    assert_int_equal(c->weir.listen[0].pos.line, 9);
    assert_int_equal(c->weir.listen[0].pos.column, 11);
    const struct conf_user *u = conf_user(c, STR("app"));
    assert_non_null(u);
    assert_str(u->secret, "app");
    assert_int_equal(u->nschemas, 1);
    assert_null(conf_user(c, STR("APP")));
    assert_int_equal(c->nsources, 3);
    assert_str(c->sources[2].password, "weir");
    assert_int_equal(c->sources[2].primary.port, 4413);
    const struct conf_schema *s = conf_schema(c, STR("shop"));
    assert_non_null(s);
    assert_null(conf_schema(c, STR("Shop")));
    assert_int_equal(s->default_source, 0);
    assert_str(s->databases[1], "shop");
    assert_nodes(c, "orders",
                 "s0.shop_0.orders_0, s0.shop_0.orders_1, s0.shop_1.orders_0, s0.shop_1.orders_1, "
                 "s1.shop_0.orders_0, s1.shop_0.orders_1, s1.shop_1.orders_0, s1.shop_1.orders_1");
    const struct conf_table *orders = table_of(c, "orders"), *items = table_of(c, "order_items");
    assert_int_equal(orders->kind, CONF_TABLE_SHARDED);
    assert_int_equal(orders->group, 1);
    assert_int_equal(items->group, 1);
    assert_int_equal(orders->algorithm->type, CONF_ALG_HASH);
    assert_false(orders->algorithm->key_given);
    assert_str(orders->shard_columns[0].value, "customer_id");
    assert_str(items->generated->column, "item_id");
    const struct conf_sequence *q = &c->sequences[items->generated->sequence];
    assert_str(q->name, "order_items");
    assert_int_equal(q->source, 0);
    assert_str(q->database, "weir");
    assert_str(q->table, "weir_segments");
    assert_int_equal(q->step, 1000);
    assert_nodes(c, "countries", "s0.shop.countries, s1.shop.countries, s2.shop.countries");
    assert_nodes(c, "products", "s2.shop.products");
    assert_null(conf_table(s, STR("unlisted")));
    conf_free(c);
}

static void print_again(const struct conf *c)
{
    struct buf first = {0}, second = {0};
    struct diag d;
    diag_init(&d);
    conf_print(c, &first);
    assert_false(first.failed);
    struct conf *again = conf_load_text(buf_str(&first), c->file, &d);
    if (!again) {
        diag_print(&d, &second);
        fail_msg(STR_FMT STR_FMT, STR_ARG(buf_str(&first)), STR_ARG(buf_str(&second)));
    }
    conf_print(again, &second);
    assert_str(buf_str(&second), ((void)buf_put(&first, "", 1), first.data));
    assert_int_equal(c->fingerprint, again->fingerprint);
    conf_free(again);
    buf_release(&first);
    buf_release(&second);
    diag_release(&d);
}

static void test_samples(void **state)
{
    (void)state;
    struct dirent **names;
    int n = scandir("conf/examples", &names, NULL, alphasort), seen = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[512];
        if (strstr(names[i]->d_name, ".yaml")) {
            snprintf(path, sizeof path, "conf/examples/%s", names[i]->d_name);
            struct conf *c = load_file(path);
            print_again(c);
            conf_free(c);
            seen++;
        }
        free(names[i]);
    }
    free(names);
    assert_true(seen >= 13);
}

static void test_print_again(void **state)
{
    (void)state;
    struct buf text = {0};
    struct diag d;
    diag_init(&d);
    slurp("tests/golden/conf/good.yaml", &text);
    struct conf *c = conf_load_text(buf_str(&text), STR("good.yaml"), &d);
    assert_non_null(c);
    print_again(c);
    conf_free(c);
    buf_release(&text);
    diag_release(&d);
}

/* The reference in docs/ is what the program says. WEIR_GOLDEN=update writes it. */
static void test_reference(void **state)
{
    (void)state;
    struct buf want = {0}, got = {0};
    const char *mode = getenv("WEIR_GOLDEN");
    conf_help(&got);
    assert_false(got.failed);
    if (mode && strcmp(mode, "update") == 0) {
        FILE *f = fopen("docs/rules.md", "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got.data, 1, got.len, f), got.len);
        assert_int_equal(fclose(f), 0);
    }
    slurp("docs/rules.md", &want);
    assert_true(str_eq(buf_str(&want), buf_str(&got)));
    buf_release(&want);
    buf_release(&got);
}

/* ---- values ---- */

static void test_defaults(void **state)
{
    (void)state;
    struct conf *c = load(HEAD);
    const struct conf_weir *w = &c->weir;
    assert_int_equal(w->workers, 0);
    assert_int_equal(w->server_version.value.len, 0);
    assert_int_equal(w->max_connections, 10000);
    assert_int_equal(w->max_packet, 64 << 20);
    assert_int_equal(w->max_statement_memory, 64 << 20);
    assert_int_equal(w->login_timeout_ms, 10000);
    assert_int_equal(w->wait_timeout_ms, 8 * 3600 * 1000);
    assert_int_equal(w->statement_timeout_ms, 0);
    assert_int_equal(w->slow_statement_ms, 1000);
    assert_int_equal(w->log_level, CONF_LOG_INFO);
    assert_false(w->log_json);
    assert_true(w->allow_scatter);
    assert_int_equal(w->transactions, CONF_TXN_SINGLE);
    assert_int_equal(w->interactive_timeout_ms, 8 * 3600 * 1000);
    assert_int_equal(w->tls.certificate.value.len, 0);
    assert_int_equal(w->nproxy_from, 0);
    assert_true(w->compress_zlib && w->compress_zstd);
    assert_int_equal(w->failed_logins, 10);
    assert_int_equal(w->failed_login_delay_ms, 1000);
    assert_int_equal(w->max_prepared, 16382);
    assert_int_equal(w->max_session_prepared, 4096);
    assert_int_equal(w->max_server_prepared, 100);
    assert_int_equal(c->users[0].require_tls, CONF_REQUIRE_NOTHING);
    assert_int_equal(c->users[0].nallow + c->users[0].ndeny, 0);
    assert_int_equal(c->sources[0].tls.mode, CONF_TLS_OFF);
    assert_int_equal(c->sources[0].compression, 0);
    assert_int_equal(c->sources[0].max_connections, 100);
    assert_int_equal(c->sources[0].idle_timeout_ms, 600000);
    assert_int_equal(c->users[0].max_connections, 0);
    assert_int_equal(c->users[0].nschemas, 0);
    assert_int_equal(c->nschemas, 0);
    conf_free(c);
}

static void test_secrets(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/users.yaml");
    assert_int_equal(c->users[1].secret_kind, CONF_SECRET_NATIVE);
    assert_str(c->users[1].secret, "*286469FBE614EA4190ECDFE1AAE6A2FBCE1EEB1F");
    assert_int_equal(c->users[2].secret_kind, CONF_SECRET_SHA2);
    assert_int_equal(c->users[2].secret.len, 70);
    struct buf out = {0};
    conf_print(c, &out);
    assert_true(str_find(buf_str(&out), STR("2864"), 0) == SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("password: weir"), 0) == SIZE_MAX);
    buf_release(&out);
    conf_free(c);
}

static struct conf *load_user(const char *keys)
{
    char text[512];
    snprintf(text, sizeof text, "weir: {listen: 127.0.0.1:4406}\nusers: {a: {password: x%s}}\nsources: {s0: {address: a, user: u, password: p}}\n", keys);
    return load(text);
}

static void address_of(const char *text, uint8_t *out)
{
    memset(out, 0, 16);
    if (inet_pton(AF_INET6, text, out) == 1) return;
    out[10] = out[11] = 0xff;
    assert_int_equal(inet_pton(AF_INET, text, out + 12), 1);
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *address; /* NULL: a Unix socket */
        bool may;
    } cases[] = {
        {"", "10.1.2.3", true},
        {"", NULL, true},
        {", allow: 10.0.0.0/8", "10.255.255.255", true},
        {", allow: 10.0.0.0/8", "11.0.0.0", false},
        {", allow: 10.0.0.0/8", NULL, false},
        {", allow: [10.0.0.0/8, unix]", NULL, true},
        {", allow: unix", "127.0.0.1", false},
        {", deny: unix", NULL, false},
        {", deny: unix", "127.0.0.1", true},
        {", allow: 10.0.0.0/8, deny: 10.0.0.66", "10.0.0.66", false},
        {", allow: 10.0.0.0/8, deny: 10.0.0.66", "10.0.0.67", true},
        {", allow: 10.0.0.66, deny: 10.0.0.0/8", "10.0.0.66", false},
        {", allow: 192.168.1.128/25", "192.168.1.127", false},
        {", allow: 192.168.1.128/25", "192.168.1.128", true},
        {", allow: 192.168.1.128/25", "192.168.1.255", true},
        {", allow: 10.0.0.5", "10.0.0.5", true},
        {", allow: 10.0.0.5", "10.0.0.4", false},
        {", allow: 0.0.0.0/0", "1.2.3.4", true},
        {", allow: 0.0.0.0/0", "::1", false},
        {", allow: '::/0'", "2001:db8::1", true},
        {", allow: '::/0'", "1.2.3.4", false}, /* v4-mapped, but an IPv4 address */
        {", allow: '2001:db8::/32'", "2001:db8:ffff::1", true},
        {", allow: '2001:db8::/32'", "2001:db9::1", false},
        {", allow: '::1'", "::1", true},
        {", allow: '::1'", "::2", false},
        {", allow: '::ffff:10.0.0.0/104'", "10.9.9.9", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t address[16];
        struct conf *c = load_user(cases[i].keys);
        if (cases[i].address) address_of(cases[i].address, address);
        if (conf_user_may_come(&c->users[0], cases[i].address ? address : NULL) != cases[i].may)
            fail_msg("%s from %s", cases[i].keys, cases[i].address ? cases[i].address : "unix");
        conf_free(c);
    }
}

static void test_tls(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/tls.yaml");
    assert_str(c->weir.tls.certificate.value, "tls/server.pem");
    assert_str(c->weir.tls.key.value, "tls/server.key");
    assert_str(c->weir.tls.ca.value, "tls/ca.pem");
    assert_int_equal(c->weir.tls.min_version, CONF_TLS_1_2);
    assert_int_equal(c->weir.nproxy_from, 2);
    assert_int_equal(c->weir.failed_login_delay_ms, 2000);
    assert_int_equal(c->users[0].require_tls, CONF_REQUIRE_TLS);
    assert_int_equal(c->users[1].require_tls, CONF_REQUIRE_CERTIFICATE);
    assert_int_equal(c->users[1].secret_kind, CONF_SECRET_ED25519);
    assert_int_equal(c->users[1].secret.len, 43);
    assert_true(c->users[2].allow[0].is_unix);
    assert_int_equal(c->sources[0].tls.mode, CONF_TLS_VERIFY_IDENTITY);
    assert_int_equal(c->sources[0].compression, 2);
    assert_str(c->sources[1].tls.name.value, "db1.example.com");
    assert_int_equal(c->sources[1].tls.min_version, CONF_TLS_1_3);
    assert_int_equal(c->sources[2].tls.mode, CONF_TLS_ON);
    conf_free(c);
    struct conf *bare = load(HEAD);
    struct conf *more = load("weir: {listen: 127.0.0.1:4406, tls: {certificate: c, key: k}, compression: none, proxy_protocol: unix}\n"
                             "users: {app: {password: app, require_tls: yes, allow: 10.0.0.0/8}}\nsources:\n"
                             "  s0: {address: 127.0.0.1:4411, user: weir, password: weir, tls: {ca: x}, compression: zlib}\n"
                             "  s1: {address: 127.0.0.1:4412, user: weir, password: weir, tls: on}\n");
    assert_int_equal(more->sources[0].tls.mode, CONF_TLS_VERIFY_IDENTITY);
    assert_false(more->weir.compress_zlib || more->weir.compress_zstd);
    assert_int_equal(bare->fingerprint, more->fingerprint); /* nothing of this moves a row */
    conf_free(bare);
    conf_free(more);
}

/* A printed file must not make '***' a password that works. */
static void test_hidden_secret(void **state)
{
    (void)state;
    uint32_t warnings;
    static const char text[] = "weir: {listen: 127.0.0.1:4406}\n"
                               "users: {a: {password: '***'}, b: {mysql_native_password: '***'}, c: "
                               "{caching_sha2_password: '***'}, d: {client_ed25519: '***'}}\n"
                               "sources: {s0: {address: a, user: weir, password: '***'}}\n";
    struct conf *c = try_load(text, &warnings), *d = try_load(text, NULL);
    assert_non_null(c);
    assert_non_null(d);
    assert_int_equal(warnings, 5);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(c->users[i].secret.len >= 40);
        assert_false(str_eq(c->users[i].secret, d->users[i].secret));
    }
    assert_int_equal(c->users[1].secret.len, 41);
    assert_int_equal(c->users[2].secret.len, 70);
    assert_true(c->sources[0].password.len >= 40);
    conf_free(c);
    conf_free(d);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_password_file(void **state)
{
    (void)state;
    char folder[] = P_tmpdir "/weir-test-XXXXXX", rules[64], secret[64];
    assert_non_null(mkdtemp(folder));
    snprintf(rules, sizeof rules, "%s/rules.yaml", folder);
    snprintf(secret, sizeof secret, "%s/app.pw", folder);
    write_text(rules,
               "weir: {listen: 127.0.0.1:4406}\nusers: {app: {password_file: app.pw}}\n"
               "sources: {s0: {address: a, user: weir, password_file: app.pw}}\n",
               0600);
    write_text(secret, "s3cret \r\nsecond line\n", 0600);
    struct conf *c = load_file(rules); /* the path is relative to the rule file */
    assert_str(c->users[0].secret, "s3cret ");
    assert_str(c->sources[0].password, "s3cret ");
    conf_free(c);

    struct diag d;
    diag_init(&d);
    assert_int_equal(chmod(secret, 0644), 0);
    c = conf_load(rules, &d);
    assert_non_null(c);
    assert_int_equal(d.warnings, 2); /* one at each place that names it */
    conf_free(c);
    assert_int_equal(unlink(secret), 0);
    c = conf_load(rules, &d);
    assert_null(c);
    assert_int_equal(d.errors, 2);
    assert_int_equal(mkfifo(secret, 0600), 0); /* must not wait for a writer */
    assert_null(conf_load(rules, &d));
    diag_release(&d);
    unlink(secret);
    unlink(rules);
    rmdir(folder);
}

static void assert_refused(struct str text, const char *cause)
{
    struct diag d;
    diag_init(&d);
    assert_null(conf_load_text(text, STR("x"), &d));
    assert_int_equal(d.errors, 1);
    if (str_find(d.items.at[0].cause, str_of(cause), 0) == SIZE_MAX)
        fail_msg("got: " STR_FMT, STR_ARG(d.items.at[0].cause));
    diag_release(&d);
}

static void test_caps(void **state)
{
    (void)state;
    size_t size = (16 << 20) + 1;
    char *huge = malloc(size);
    assert_non_null(huge);
    memset(huge, '#', size);
    assert_refused(str_make(huge, size), "too large");
    memset(huge, '[', 1 << 20);
    assert_refused(str_make(huge, 1 << 20), "nested deeper");
    for (size_t i = 0; i < 1 << 20; i += 2) memcpy(huge + i, "- ", 2);
    assert_refused(str_make(huge, 1 << 20), "nested deeper");
    for (size_t i = 0; i < size - 4; i += 4) memcpy(huge + i, "- a\n", 4);
    assert_refused(str_make(huge, size - 1), "more than 1048576 values");
    for (size_t i = 0; i < size - 8; i += 8) memcpy(huge + i, "%TAG ! !", 8);
    assert_refused(str_make(huge, size - 1), "not valid YAML");
    free(huge);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct diag d;
    diag_init(&d);
    assert_null(conf_load("no/such/rules.yaml", &d));
    assert_null(conf_load("conf/examples", &d));
    assert_int_equal(d.errors, 2);
    diag_release(&d);
}

/* ---- tables ---- */

static void test_patterns(void **state)
{
    (void)state;
    struct conf *c = load(SHOP(
        "      a: {nodes: 's${0..1}.d_${08..10}.a', shard_by: id, algorithm: {type: mod}}\n"
        "      b: {nodes: 's0.d.${[x,y]}_${1..2}', shard_by: id, algorithm: {type: mod}}\n"
        "      c: {nodes: ['s1.d.c_${0..0}', s0.d.c], shard_by: id, algorithm: {type: mod}}\n"
        "      d: {nodes: 's1.d${1..2}', shard_by: id, algorithm: {type: mod}}\n"
        "      e: {nodes: 's$->{0..1}.x.e, s0.x.e_${[p, ''q'']}', shard_by: id, algorithm: {type: mod}}\n"
        "      f: {nodes: 's0.${[q]}${1..2}r.f', shard_by: id, algorithm: {type: mod}}\n"));
    assert_nodes(c, "a", "s0.d_08.a, s0.d_09.a, s0.d_10.a, s1.d_08.a, s1.d_09.a, s1.d_10.a");
    assert_nodes(c, "b", "s0.d.x_1, s0.d.x_2, s0.d.y_1, s0.d.y_2");
    assert_nodes(c, "c", "s1.d.c_0, s0.d.c");
    assert_nodes(c, "d", "s1.shop.d1, s1.shop.d2"); /* two parts: the schema's database on that source */
    assert_nodes(c, "e", "s0.x.e, s1.x.e, s0.x.e_p, s0.x.e_q");
    assert_nodes(c, "f", "s0.q1r.f, s0.q2r.f");
    assert_int_equal(table_of(c, "a")->algorithm->divisor, 6);
    assert_int_equal(table_of(c, "b")->algorithm->divisor, 4);
    conf_free(c);
    c = load(SHOP("      a: {nodes: 's0.d_${0..255}.t_${0..255}', shard_by: id, algorithm: {type: mod}}\n"));
    assert_int_equal(table_of(c, "a")->nnodes, 65536);
    assert_str(table_of(c, "a")->nodes[65535].table, "t_255");
    conf_free(c);
}

static void test_whole_tables(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/vertical.yaml");
    assert_nodes(c, "audit_log", "logs.office_logs.audit_log");
    assert_nodes(c, "search_terms", "logs.search.terms_v2");
    conf_free(c);
    c = load_file("conf/examples/broadcast.yaml");
    assert_nodes(c, "countries", "s0.shop.countries, s1.shop.countries, s2.shop_ro.countries");
    assert_nodes(c, "currencies", "s0.shop.currencies, s1.shop.currencies");
    assert_nodes(c, "settings", "s0.common.shop_settings, s1.common.shop_settings, s2.common.shop_settings");
    assert_int_equal(table_of(c, "settings")->kind, CONF_TABLE_BROADCAST);
    conf_free(c);
}

static void test_ranges(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/range.yaml");
    const struct conf_algorithm *a = table_of(c, "bookings")->algorithm;
    assert_int_equal(a->nranges, 3);
    assert_int_equal(a->ranges[1].low_int, 1000000);
    assert_int_equal(a->ranges[1].high_int, 2000000);
    assert_false(a->ranges[0].low_open);
    assert_true(a->ranges[2].high_open);
    assert_int_equal(a->ranges[2].shard, 2);
    a = table_of(c, "visits")->algorithm;
    assert_int_equal(a->key, CONF_KEY_DATE);
    assert_int_equal(a->ranges[0].high_int, 19358); /* 2023-01-01 */
    assert_int_equal(a->ranges[2].shard, 0);
    conf_free(c);
    /* Sorted whatever the order in the file; shards are positions as written. */
    c = load(SHOP("      t: {nodes: 's${0..1}.d.t', shard_by: id, algorithm: {type: range, ranges: [{from: "
                  "5, to: 9}, {to: 5}]}}\n"));
    a = table_of(c, "t")->algorithm;
    assert_true(a->ranges[0].low_open);
    assert_int_equal(a->ranges[0].shard, 1);
    assert_int_equal(a->ranges[1].shard, 0);
    conf_free(c);
}

static void test_dates(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/date.yaml");
    const struct conf_algorithm *a = table_of(c, "visits")->algorithm;
    assert_str(a->from, "2024-01-01");
    assert_str(a->to, "2025-01-01");
    assert_int_equal(a->from_ordinal, 2024 * 12);
    assert_int_equal(a->units, 12);
    a = table_of(c, "reports")->algorithm;
    assert_int_equal(a->units, 24);
    assert_int_equal(a->units_a_shard, 3);
    a = table_of(c, "samples")->algorithm;
    assert_int_equal(a->units, 366);
    assert_int_equal(a->from_ordinal, 19723);
    a = table_of(c, "archive")->algorithm;
    assert_int_equal(a->from_ordinal, 2015);
    assert_str(a->to, "2024-01-01");
    conf_free(c);
    /* Where the nodes end, over leap years and centuries. */
    static const struct {
        const char *from, *to;
        int nodes;
    } ends[] = {{"1999-12-31", "2000-03-01", 61},
                {"1900-02-01", "1900-03-01", 28},
                {"2000-02-01", "2000-03-01", 29},
                {"2100-01-01", "2101-01-01", 365},
                {"0001-01-01", "0001-12-31", 364}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 SHOP("      t: {nodes: 's0.d.t_${1..%d}', shard_by: d, algorithm: {type: date, unit: day, "
                      "from: %s}}\n"),
                 ends[i].nodes, ends[i].from);
        c = load(text);
        assert_str(table_of(c, "t")->algorithm->to, ends[i].to);
        conf_free(c);
    }
    /* The last node may be short: five months at two a node are three nodes. */
    c = load(SHOP("      t: {nodes: 's0.d.t_${1..3}', shard_by: d, algorithm: {type: date, every: 2, from: "
                  "2024-01, to: 2024-06}}\n"));
    assert_int_equal(table_of(c, "t")->algorithm->units, 5);
    conf_free(c);
}

static void test_lists(void **state)
{
    (void)state;
    struct conf *c = load_file("conf/examples/list.yaml");
    const struct conf_algorithm *a = table_of(c, "clients")->algorithm;
    assert_int_equal(a->nlists, 2);
    assert_int_equal(a->lists[1].nvalues, 3);
    assert_str(a->lists[1].values[2], "no");
    assert_int_equal(a->lists[1].shard, 1);
    assert_false(a->case_sensitive);
    a = table_of(c, "stock")->algorithm;
    assert_int_equal(a->key, CONF_KEY_INTEGER);
    assert_str(a->lists[1].values[2], "100");
    conf_free(c);
}

static void test_compare(void **state)
{
    (void)state;
    static const struct {
        enum conf_key_type key;
        bool exact;
        const char *a, *b;
        int want;
    } cases[] = {
        {CONF_KEY_INTEGER, false, "9", "10", -1},
        {CONF_KEY_INTEGER, false, "-9", "-10", 1},
        {CONF_KEY_INTEGER, false, "007", "7", 0},
        {CONF_KEY_INTEGER, false, "-9223372036854775808", "18446744073709551615", -1},
        {CONF_KEY_INTEGER, false, "9223372036854775808", "9223372036854775807", 1},
        {CONF_KEY_DECIMAL, false, "1.10", "1.1", 0},
        {CONF_KEY_DECIMAL, false, "-0.0", "0", 0},
        {CONF_KEY_DECIMAL, false, "-1.5", "-1.25", -1},
        {CONF_KEY_DECIMAL, false, "10", "9.999", 1},
        {CONF_KEY_DECIMAL, false, ".5", "0.25", 1},
        {CONF_KEY_DECIMAL, false, "12345678901234567890123", "12345678901234567890124", -1},
        {CONF_KEY_STRING, false, "a", "A", 0},
        {CONF_KEY_STRING, false, "a", "a  ", 0},
        {CONF_KEY_STRING, false, "a\t", "a", 1},
        {CONF_KEY_STRING, false, "Z", "_", 1},
        {CONF_KEY_STRING, false, "z", "_", 1},
        {CONF_KEY_STRING, true, "a", "A", 1},
        {CONF_KEY_STRING, true, "a", "a ", 0},
        {CONF_KEY_DATE, false, "1999-12-31", "2000-01-01", -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str a = str_of(cases[i].a), b = str_of(cases[i].b);
        int forth = conf_key_compare(cases[i].key, cases[i].exact, a, b),
            back = conf_key_compare(cases[i].key, cases[i].exact, b, a);
        if (forth != cases[i].want || back != -cases[i].want)
            fail_msg("%s %s: %d %d", cases[i].a, cases[i].b, forth, back);
    }
}

/* ---- fingerprint ---- */

static uint64_t print_of(const char *text)
{
    struct conf *c = try_load(text, NULL);
    assert_non_null(c);
    uint64_t f = c->fingerprint;
    conf_free(c);
    return f;
}

static const char base[] = SHOP(
    "      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: mod}}\n"
    "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: [3]}}}\n"
    "      c: {broadcast: [s0, s1]}\n");

static void test_fingerprint_same(void **state)
{
    (void)state;
    static const char *const same[] = {
        /* other order, formatting, names for algorithms, spelling, defaults written out, users, addresses,
           caps */
        "sources:\n  s1: {address: 10.0.0.1, user: x, password: y, max_connections: 5}\n  s0: {password: y, "
        "user: x, address: 10.0.0.2}\n"
        "algorithms: {m: {type: mod, key: integer, divisor: 2}, l: {type: list, shards: {1: 3, 0: ['02', "
        "1]}}}\n"
        "schemas: {shop: {databases: {s0: shop, s1: other}, tables: {c: {broadcast: all, database: shop},\n"
        "  b: {algorithm: l, shard_by: [ID], nodes: [s0.d.b, s1.d.b]}, a: {nodes: 's${[0,1]}.d.a', shard_by: "
        "Id, algorithm: m}}, default_source: s0}}\n"
        "weir: {listen: 127.0.0.1:1, scatter: deny}\n",
    };
    for (size_t i = 0; i < COUNT_OF(same); i++) assert_int_equal(print_of(base), print_of(same[i]));
}

static void test_fingerprint_differs(void **state)
{
    (void)state;
    static const char *const other[] = {
        SHOP("      a: {nodes: [s1.d.a, s0.d.a], shard_by: id, algorithm: {type: mod}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"
             "      c: {broadcast: [s0, s1]}\n"),
        SHOP("      a: {nodes: 's${0..1}.d.a', shard_by: other, algorithm: {type: mod}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"
             "      c: {broadcast: [s0, s1]}\n"),
        SHOP("      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: hash}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"
             "      c: {broadcast: [s0, s1]}\n"),
        SHOP("      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: hash, key: integer}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"
             "      c: {broadcast: [s0, s1]}\n"),
        SHOP("      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: mod}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1], 1: [3, "
             "2]}}}\n"
             "      c: {broadcast: [s0, s1]}\n"),
        SHOP("      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: mod}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"
             "      c: {broadcast: [s0]}\n"),
        SHOP("      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: mod}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"),
        HEAD "schemas:\n  shop:\n    default_source: s1\n    tables:\n"
             "      a: {nodes: 's${0..1}.d.a', shard_by: id, algorithm: {type: mod}}\n"
             "      b: {nodes: 's${0..1}.d.b', shard_by: id, algorithm: {type: list, shards: {0: [1, 2], 1: "
             "[3]}}}\n"
             "      c: {broadcast: [s0, s1]}\n",
    };
    uint64_t seen[COUNT_OF(other) + 1] = {print_of(base)};
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        seen[i + 1] = print_of(other[i]);
        for (size_t k = 0; k <= i; k++) {
            if (seen[k] == seen[i + 1]) fail_msg("%zu and %zu have one fingerprint", k, i + 1);
        }
    }
}

/* ---- memory ---- */

/* Every allocation fails once: no crash, no leak, and never a model that is not the whole one. */
static void fail_each(struct str text, struct str name, const char *want)
{
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct diag d;
        struct buf out = {0};
        diag_init(&d);
        mem_fail_at(n);
        struct conf *c = conf_load_text(text, name, &d);
        uint64_t before = mem_count();
        mem_fail_at(0);
        void *probe = mem_alloc(1); /* the injector is off again */
        assert_non_null(probe);
        mem_free(probe);
        assert_int_equal(mem_count(), before + 1);
        assert_true((c == NULL) == (d.errors > 0));
        if (c) {
            conf_print(c, &out);
            buf_put(&out, "", 1);
            assert_string_equal(out.data, want);
            done = !d.lost && d.warnings == 0;
        }
        assert_true(n < 100000);
        conf_free(c);
        buf_release(&out);
        diag_release(&d);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char *const files[] = {"conf/examples/shop.yaml", "conf/examples/groups.yaml",
                                        "conf/examples/list.yaml",  "conf/examples/tls.yaml", "conf/examples/range.yaml",
                                        "conf/examples/date.yaml", "conf/examples/users.yaml"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct buf text = {0}, want = {0};
        slurp(files[i], &text);
        struct conf *c = load_file(files[i]);
        conf_print(c, &want);
        buf_put(&want, "", 1);
        conf_free(c);
        fail_each(buf_str(&text), str_of(files[i]), want.data);
        buf_release(&text);
        buf_release(&want);
    }
}

/* The same over files with faults: they stay refused. */
static void test_out_of_memory_faults(void **state)
{
    (void)state;
    static const char *const files[] = {"unknown_keys", "types",  "nodes",   "tables",    "algorithms",
                                        "fit",          "groups", "aliases", "duplicates"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[128];
        struct buf text = {0};
        uint64_t total = 0;
        snprintf(path, sizeof path, "tests/golden/conf/%s.yaml", files[i]);
        slurp(path, &text);
        for (uint64_t n = 1; n == 1 || n <= total; n++) {
            struct diag d;
            diag_init(&d);
            uint64_t before = mem_count();
            mem_fail_at(n == 1 ? 0 : n - 1);
            struct conf *c = conf_load_text(buf_str(&text), STR("x"), &d);
            mem_fail_at(0);
            if (n == 1) total = mem_count() - before + 1;
            assert_null(c);
            assert_true(d.errors > 0);
            diag_release(&d);
        }
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shop),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_print_again),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_hidden_secret),
        cmocka_unit_test(test_password_file),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_whole_tables),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_fingerprint_same),
        cmocka_unit_test(test_fingerprint_differs),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_out_of_memory_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
