/*
 * control_check.c - the control threads against a real server. An integration script runs it with a private
 * one:
 *
 *   control_check HOST PORT USER PASSWORD          (the account may create databases and kill)
 *
 * Sources: s0 and s1 are that server; s2 is a door of our own to it, shut at first, so that a source can come
 * and go. Databases cc_main, cc_a, cc_b, cc_ids are made and dropped. One line for each part, exit code 1
 * when anything differs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <mysql.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy/control/control.h"

static const char *host, *user, *password;
static unsigned port;
static unsigned failed;

#define CHECK(x, ...)                                                                                        \
    do {                                                                                                     \
        if (!(x)) {                                                                                          \
            failed++;                                                                                        \
            printf("  line %d: %s: ", __LINE__, #x);                                                         \
            printf(__VA_ARGS__);                                                                             \
            putchar('\n');                                                                                   \
        }                                                                                                    \
    } while (0)

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void nap(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* ---- the server, directly ---- */

static MYSQL *connect_server(void)
{
    MYSQL *my = mysql_init(NULL);
    if (!my || !mysql_real_connect(my, host, user, password, NULL, port, NULL, 0)) {
        fprintf(stderr, "control_check: %s\n", my ? mysql_error(my) : "memory");
        exit(2);
    }
    return my;
}

static void run(MYSQL *my, const char *sql)
{
    if (mysql_query(my, sql)) {
        fprintf(stderr, "control_check: %s: %s\n", mysql_error(my), sql);
        exit(2);
    }
    MYSQL_RES *r = mysql_store_result(my);
    if (r) mysql_free_result(r);
}

static uint64_t ask_number(MYSQL *my, const char *sql)
{
    if (mysql_query(my, sql)) return UINT64_MAX;
    MYSQL_RES *r = mysql_store_result(my);
    MYSQL_ROW row = r ? mysql_fetch_row(r) : NULL;
    uint64_t n = row && row[0] ? strtoull(row[0], NULL, 10) : UINT64_MAX;
    if (r) mysql_free_result(r);
    return n;
}

/* ---- the door: forwards to the server while it is open ---- */

static struct door {
    int listener;
    unsigned port;
    _Atomic bool open, quit;
    pthread_t thread;
} door;

static void *forward(void *arg)
{
    int a = (int)(intptr_t)arg, b = -1;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai = NULL;
    if (getaddrinfo(host, service, &hints, &ai) == 0) {
        b = socket(ai->ai_family, SOCK_STREAM, 0);
        if (connect(b, ai->ai_addr, ai->ai_addrlen)) {
            close(b);
            b = -1;
        }
        freeaddrinfo(ai);
    }
    while (b >= 0 && atomic_load(&door.open)) {
        struct pollfd p[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
        poll(p, 2, 50);
        char bytes[8192];
        bool over = false;
        for (int i = 0; i < 2; i++) {
            if (!p[i].revents) continue;
            ssize_t n = read(p[i].fd, bytes, sizeof bytes);
            over |= n <= 0 || write(p[1 - i].fd, bytes, (size_t)n) != n;
        }
        if (over) break;
    }
    if (b >= 0) close(b);
    close(a);
    return NULL;
}

static void *door_main(void *arg)
{
    (void)arg;
    while (!atomic_load(&door.quit)) {
        struct pollfd p = {.fd = door.listener, .events = POLLIN};
        if (poll(&p, 1, 50) <= 0) continue;
        int fd = accept(door.listener, NULL, NULL);
        pthread_t t;
        if (fd < 0) continue;
        if (!atomic_load(&door.open) || pthread_create(&t, NULL, forward, (void *)(intptr_t)fd))
            close(fd);
        else
            pthread_detach(t);
    }
    return NULL;
}

static void door_init(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof in;
    door.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(door.listener, (struct sockaddr *)&in, n) || listen(door.listener, 16) ||
        getsockname(door.listener, (struct sockaddr *)&in, &n)) {
        perror("control_check");
        exit(2);
    }
    door.port = ntohs(in.sin_port);
    pthread_create(&door.thread, NULL, door_main, NULL);
}

/* ---- rules ---- */

static struct conf *conf;
static struct router *router;

static void load_rules(void)
{
    char text[4000];
    snprintf(text, sizeof text,
             "weir: {listen: '127.0.0.1:1', connect_timeout: 2s}\n"
             "users: {app: {password: app}}\n"
             "sources:\n"
             "  s0: {address: '%s:%u', user: %s, password: '%s'}\n"
             "  s1: {address: '%s:%u', user: %s, password: '%s'}\n"
             "  s2: {address: '127.0.0.1:%u', user: %s, password: '%s'}\n"
             "sequences:\n"
             "  ids: {source: s0, table: cc_ids.segments, step: 100}\n"
             "  far: {source: s2, table: cc_ids.segments, step: 10}\n"
             "schemas:\n"
             "  cc_main:\n"
             "    default_source: s0\n"
             "    tables:\n"
             "      orders:\n"
             "        nodes: [\"s0.cc_a.orders_${0..1}\", \"s1.cc_b.orders_${0..1}\"]\n"
             "        shard_by: customer_id\n"
             "        algorithm: {type: hash}\n"
             "      whole: {source: s1, database: cc_b, table: whole_1}\n"
             "      far: {source: s2, database: cc_b, table: far}\n",
             host, port, user, password, host, port, user, password, door.port, user, password);
    struct diag d;
    struct buf b = {0};
    memset(&d, 0, sizeof d);
    diag_init(&d);
    conf = conf_load_text(str_of(text), STR("control_check"), &d);
    router = conf ? router_new(conf, &d) : NULL;
    diag_print(&d, &b);
    if (!router) {
        fprintf(stderr, STR_FMT, STR_ARG(buf_str(&b)));
        exit(2);
    }
    buf_release(&b);
    diag_release(&d);
}

static void make_tables(MYSQL *my)
{
    static const char *const sql[] = {
        "DROP DATABASE IF EXISTS cc_main",
        "DROP DATABASE IF EXISTS cc_a",
        "DROP DATABASE IF EXISTS cc_b",
        "DROP DATABASE IF EXISTS cc_ids",
        "CREATE DATABASE cc_main",
        "CREATE DATABASE cc_a",
        "CREATE DATABASE cc_b",
        "CREATE TABLE cc_a.orders_0 (order_id BIGINT UNSIGNED NOT NULL PRIMARY KEY, customer_id INT NOT "
        "NULL, total DECIMAL(12,3) NOT NULL DEFAULT 0,"
        " state ENUM('new','paid') NOT NULL, note VARCHAR(20) CHARACTER SET utf8mb4 COLLATE "
        "utf8mb4_unicode_ci, at DATETIME(3), raw VARBINARY(8), tax DECIMAL(12,3) AS (total * 2) STORED)",
        "CREATE TABLE cc_a.orders_1 LIKE cc_a.orders_0",
        "CREATE TABLE cc_b.orders_0 LIKE cc_a.orders_0",
        "CREATE TABLE cc_b.orders_1 LIKE cc_a.orders_0",
        ("CREATE TABLE cc_b.whole_1 (a INT, b INT NOT NULL, c INT NOT NULL, UNIQUE KEY a_first (a),"
         " UNIQUE KEY bc (b, c))"),
        "CREATE TABLE cc_b.far (a INT AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE cc_main.plain (i INT, t TEXT)",
        "CREATE VIEW cc_main.seen AS SELECT i FROM cc_main.plain",
        "CREATE TABLE cc_main.far (hidden INT)"};
    for (size_t i = 0; i < COUNT_OF(sql); i++) run(my, sql[i]);
}

/* ---- callbacks ---- */

static struct {
    pthread_mutex_t lock;
    struct catalog *kept[256]; /* all that came: readers need no reference */
    unsigned catalogs, ids, logs;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_catalog(void *ctx, struct catalog *c)
{
    (void)ctx;
    pthread_mutex_lock(&seen.lock);
    if (seen.catalogs < COUNT_OF(seen.kept))
        seen.kept[seen.catalogs++] = c;
    else
        catalog_unref(c);
    pthread_mutex_unlock(&seen.lock);
}
static void on_ids(void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&seen.lock);
    seen.ids++;
    pthread_mutex_unlock(&seen.lock);
}
static void on_log(void *ctx, enum control_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    if (getenv("VERBOSE")) printf("  log: %s\n", text);
    __atomic_add_fetch(&seen.logs, 1, __ATOMIC_RELAXED);
}
static const struct control_callbacks callbacks = {.catalog = on_catalog, .ids = on_ids, .log = on_log};

static struct control *start(void)
{
    struct diag d;
    memset(&d, 0, sizeof d);
    diag_init(&d);
    struct control *c = control_start(router, &callbacks, &d);
    diag_release(&d);
    if (!c) {
        fprintf(stderr, "control_check: not started\n");
        exit(2);
    }
    return c;
}

static struct catalog *newest(unsigned *n)
{
    pthread_mutex_lock(&seen.lock);
    struct catalog *c = seen.catalogs ? seen.kept[seen.catalogs - 1] : NULL;
    if (n) *n = seen.catalogs;
    pthread_mutex_unlock(&seen.lock);
    return c;
}

static const struct cat_table *table(const char *name)
{
    return catalog_table(newest(NULL), STR("cc_main"), str_of(name));
}

static void report(const char *part, unsigned before)
{
    printf("%s %s\n", failed == before ? "ok" : "FAILED", part);
}

/* ---- parts ---- */

static void check_column(const struct cat_table *t, const char *name, enum cat_class cls, uint32_t scale,
                         bool nullable)
{
    const struct cat_column *c = cat_column(t, str_of(name), NULL);
    CHECK(c != NULL, "%s", name);
    if (c)
        CHECK(c->cls == cls && c->scale == scale && c->nullable == nullable,
              "%s: class %d scale %u nullable %d", name, c->cls, c->scale, c->nullable);
}

static void check_catalog(void)
{
    unsigned before = failed;
    const struct cat_table *t = table("orders");
    CHECK(newest(NULL) && newest(NULL)->version == 1, "no first catalog");
    CHECK(t && t->ncolumns == 8, "orders");
    if (t) {
        check_column(t, "order_id", CAT_UINT, 0, false);
        check_column(t, "customer_id", CAT_INT, 0, false);
        check_column(t, "total", CAT_DECIMAL, 3, false);
        check_column(t, "state", CAT_ENUM, 0, false);
        check_column(t, "note", CAT_TEXT, 0, true);
        check_column(t, "at", CAT_DATETIME, 3, true);
        check_column(t, "raw", CAT_BINARY, 0, true);
        const struct cat_column *c = cat_column(t, STR("note"), NULL), *tax = cat_column(t, STR("tax"), NULL),
                                *id = cat_column(t, STR("order_id"), NULL),
                                *total = cat_column(t, STR("total"), NULL);
        CHECK(c && str_eq(c->collation, STR("utf8mb4_unicode_ci")), "collation");
        CHECK(tax && tax->generated && !tax->primary, "generated");
        CHECK(id && id->primary && !id->has_default && total && total->has_default, "primary, default");
        CHECK(t->nprimary == 1 && t->primary[0] == 0, "primary key");
    }
    t = table("whole");
    CHECK(t && t->nprimary == 2, "the unique key without NULLs counts: %u", t ? t->nprimary : 0);
    t = table("plain");
    CHECK(t && !t->view && t->ncolumns == 2, "plain");
    t = table("seen");
    CHECK(t && t->view, "view");
    CHECK(!table("orders_0") && !table("whole_1"), "nodes are not tables");
    CHECK(!table("far"), "its source is down, and a table of that name on another is not it");
    report("catalog", before);
}

static void set_flag(void *ctx)
{
    atomic_store((_Atomic bool *)ctx, true);
}

static bool wait_flag(_Atomic bool *flag)
{
    for (int i = 0; i < 500 && !atomic_load(flag); i++) nap(10);
    return atomic_load(flag);
}

static void check_reload(struct control *c, MYSQL *my)
{
    unsigned before = failed, published, now;
    newest(&published);
    _Atomic bool done = false;
    control_reload_catalog_then(c, set_flag, &done);
    CHECK(wait_flag(&done), "not called back");
    newest(&now);
    CHECK(now > published, "published though nothing changed");
    CHECK(newest(NULL)->version == 1, "version %llu", (unsigned long long)newest(NULL)->version);
    run(my, "ALTER TABLE cc_a.orders_0 ADD extra INT");
    done = false;
    control_reload_catalog(c);
    control_reload_catalog_then(c, set_flag, &done);
    CHECK(wait_flag(&done), "not called back");
    CHECK(newest(NULL)->version == 2, "version %llu", (unsigned long long)newest(NULL)->version);
    CHECK(table("orders") && cat_column(table("orders"), STR("extra"), NULL), "the new column");
    report("reload", before);
}

static bool wait_up(struct control *c, uint32_t source, bool up, unsigned ms)
{
    struct control_source s;
    for (uint64_t end = now_ms() + ms; now_ms() < end; nap(20)) {
        control_source_state(c, source, &s);
        if (s.up == up) return true;
    }
    return false;
}

static void check_health(struct control *c)
{
    unsigned before = failed;
    struct control_source s;
    control_source_state(c, 0, &s);
    CHECK(s.up && s.checks && s.version > 50000 && s.version_text[0], "s0: %u", s.version);
    control_source_state(c, 2, &s);
    CHECK(!s.up && s.failures && s.error[0], "s2 is shut");
    atomic_store(&door.open, true);
    CHECK(wait_up(c, 2, true, 5000), "s2 came up");
    for (int i = 0; i < 300 && !table("far"); i++) nap(10);
    CHECK(table("far") && cat_column(table("far"), STR("a"), NULL), "its table is loaded when it comes up");
    atomic_store(&door.open, false);
    CHECK(wait_up(c, 2, false, 5000), "s2 went down");
    control_source_state(c, 2, &s);
    CHECK(s.error[0] && now_ms() - s.since_ms < 5000, "since");
    _Atomic bool done = false;
    control_reload_catalog_then(c, set_flag, &done);
    CHECK(wait_flag(&done) && table("far"), "tables of a source that is down are kept");
    control_source_state(c, 99, &s);
    report("health", before);
}

static void *sleeper(void *arg)
{
    MYSQL *my = arg;
    if (mysql_query(my, "SELECT SLEEP(20)") == 0) {
        MYSQL_RES *r = mysql_store_result(my);
        if (r) mysql_free_result(r);
    }
    return NULL;
}

static void check_kill(struct control *c)
{
    unsigned before = failed;
    for (int connection = 0; connection < 2; connection++) {
        MYSQL *my = connect_server();
        pthread_t t;
        uint64_t began = now_ms();
        pthread_create(&t, NULL, sleeper, my);
        nap(300);
        control_kill(c, 0, mysql_thread_id(my), connection);
        pthread_join(t, NULL);
        CHECK(now_ms() - began < 5000, "not killed");
        CHECK((mysql_query(my, "DO 1") != 0) == connection,
              "KILL QUERY leaves the connection, KILL CONNECTION does not");
        mysql_close(my);
    }
    control_kill(c, 0, 1999999999, false); /* no such thread: nothing happens */
    control_kill(c, 99, 1, false);
    report("kill", before);
}

static enum ids_status take(struct control *c, uint32_t sequence, uint64_t n, uint64_t *first,
                            struct str *message)
{
    static struct arena a;
    struct fault f = {0};
    if (!a.cap) arena_init(&a, 1 << 20);
    arena_reset(&a);
    for (int i = 0; i < 1000; i++) {
        enum ids_status st = ids_take(c, sequence, n, first, &a, &f);
        if (message) *message = f.message;
        if (st != IDS_WAIT) return st;
        nap(5);
    }
    return IDS_WAIT;
}

struct take_job {
    struct control *c;
    uint64_t first[2000];
};
static void *take_main(void *arg)
{
    struct take_job *j = arg;
    struct arena a;
    struct fault f;
    arena_init(&a, 0);
    for (unsigned i = 0; i < COUNT_OF(j->first);) {
        if (ids_take(j->c, 0, 3, &j->first[i], &a, &f) == IDS_OK)
            i++;
        else
            nap(1);
        arena_reset(&a);
    }
    arena_release(&a);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void check_ids(struct control *c, MYSQL *my)
{
    static struct take_job jobs[4];
    static uint64_t all[4 * COUNT_OF(jobs[0].first)];
    unsigned before = failed;
    uint64_t first = 0;
    struct str message;
    CHECK(take(c, 0, 1, &first, NULL) == IDS_OK && first == 1, "first id %llu", (unsigned long long)first);
    CHECK(ask_number(my, "SELECT max_id FROM cc_ids.segments WHERE name = 'ids'") == 100, "row");
    /* Two proxies, two threads each. */
    struct control *other = start();
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        jobs[i].c = i & 1 ? other : c;
        pthread_create(&threads[i], NULL, take_main, &jobs[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        memcpy(all + i * COUNT_OF(jobs[i].first), jobs[i].first, sizeof jobs[i].first);
    }
    qsort(all, COUNT_OF(all), sizeof *all, by_value);
    for (unsigned i = 1; i < COUNT_OF(all); i++)
        CHECK(all[i] >= all[i - 1] + 3, "ids %llu and %llu overlap", (unsigned long long)all[i - 1],
              (unsigned long long)all[i]);
    control_stop(other);
    /* An explicit value raises both the mark here and the row. */
    struct arena a;
    struct fault f;
    arena_init(&a, 0);
    enum ids_status st = IDS_WAIT;
    for (int i = 0; i < 500 && st == IDS_WAIT; i++, nap(5)) st = ids_raise(c, 0, 5000000, &a, &f);
    CHECK(st == IDS_OK && take(c, 0, 1, &first, NULL) == IDS_OK && first == 5000001, "raised: %llu",
          (unsigned long long)first);
    CHECK(ask_number(my, "SELECT max_id FROM cc_ids.segments WHERE name = 'ids'") > 5000000, "raised row");
    arena_release(&a);
    /* A source that is down says so, and serves when it is back. */
    CHECK(take(c, 1, 1, &first, &message) == IDS_FAILED, "s2 is shut");
    CHECK(str_find(message, STR("far"), 0) != SIZE_MAX && str_find(message, STR("s2"), 0) != SIZE_MAX,
          STR_FMT, STR_ARG(message));
    atomic_store(&door.open, true);
    for (int i = 0; i < 500 && take(c, 1, 1, &first, NULL) != IDS_OK; i++) nap(10);
    CHECK(first == 1, "far: %llu", (unsigned long long)first);
    /* The connection is cut between two refills: nothing is felt but a pause. */
    atomic_store(&door.open, false);
    nap(200);
    atomic_store(&door.open, true);
    uint64_t last = first;
    for (int i = 0; i < 40; i++) {
        st = IDS_FAILED;
        for (int k = 0; k < 500 && st != IDS_OK; k++) {
            st = take(c, 1, 1, &first, NULL);
            if (st != IDS_OK) nap(10);
        }
        CHECK(st == IDS_OK && first > last, "far: %llu after %llu", (unsigned long long)first,
              (unsigned long long)last);
        last = first;
    }
    struct ids_stats stats;
    ids_stats(c, 0, &stats);
    CHECK(stats.taken > 4 * 2000 / 2 && stats.refills > 2 && stats.next == 5000002, "stats");
    report("ids", before);
}

/* What was not used goes back: nothing is lost over a restart. */
static void check_give_back(MYSQL *my)
{
    unsigned before = failed;
    uint64_t first;
    run(my, "DELETE FROM cc_ids.segments");
    for (unsigned i = 0; i < 5; i++) {
        struct control *c = start();
        CHECK(take(c, 0, 30, &first, NULL) == IDS_OK && first == 1 + 30 * (uint64_t)i, "round %u: %llu", i,
              (unsigned long long)first);
        control_stop(c);
        CHECK(ask_number(my, "SELECT max_id FROM cc_ids.segments WHERE name = 'ids'") ==
                  30 * ((uint64_t)i + 1),
              "given back");
    }
    report("give back", before);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: control_check HOST PORT USER PASSWORD\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    host = argv[1];
    port = (unsigned)atoi(argv[2]);
    user = argv[3];
    password = argv[4];
    MYSQL *my = connect_server();
    door_init();
    make_tables(my);
    load_rules();

    uint64_t began = now_ms();
    struct control *c = start();
    if (now_ms() - began > 6000) printf("  start took %llu ms\n", (unsigned long long)(now_ms() - began));
    check_catalog();
    check_reload(c, my);
    check_health(c);
    check_kill(c);
    check_ids(c, my);
    control_stop(c);
    check_give_back(my);

    atomic_store(&door.open, false);
    atomic_store(&door.quit, true);
    pthread_join(door.thread, NULL);
    nap(200);
    close(door.listener);
    static const char *const sql[] = {"DROP DATABASE cc_main", "DROP DATABASE cc_a", "DROP DATABASE cc_b",
                                      "DROP DATABASE cc_ids"};
    for (size_t i = 0; i < COUNT_OF(sql); i++) run(my, sql[i]);
    mysql_close(my);
    for (unsigned i = 0; i < seen.catalogs; i++) catalog_unref(seen.kept[i]);
    router_free(router);
    conf_free(conf);
    mysql_library_end();
    return failed != 0;
}
