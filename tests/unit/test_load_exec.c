/*
 * test_load_exec.c - LOAD DATA LOCAL on scripted servers: what each of them gets, what the client is told; then the same with a fault at every command, a
 * client that goes or is killed after every event, and memory that ends at every allocation. Always: one reply or a close, all rows or none, nothing stuck.
 */
#include "fake_client.h"

enum { CAPS = FK_CAPS | WIRE_CAP_LOCAL_FILES };
#define BEST FK_YAML(", transactions: best_effort")

static struct fk_client *loader(struct fk *w)
{
    return fk_client_caps(w, CAPS);
}

/* Was the client asked for its file? Its question is read then. */
static bool asked(struct fk_client *c, uint8_t *seq)
{
    struct fb p = {0};
    size_t at = c->l->read;
    uint8_t last = 0;
    bool yes = fb_next(&c->l->got, &at, seq, &last, &p) && p.n && (unsigned char)p.p[0] == 0xfb;
    if (yes) {
        c->l->read = at;
        *seq = (uint8_t)(last + 1);
    }
    fb_free(&p);
    return yes;
}

static void send_file(struct fk_client *c, uint8_t seq, const char *file, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece) fb_packet(&c->l->out, &seq, file + at, n - at < piece ? n - at : piece);
    fb_packet(&c->l->out, &seq, "", 0);
    c->reply_seq = seq;
}

static const char *load_n(struct fk_client *c, const char *sql, const char *file, size_t n, size_t piece)
{
    uint8_t seq;
    fk_ask(c, sql);
    fk_run(c->w);
    if (asked(c, &seq)) {
        send_file(c, seq, file, n, piece);
        fk_run(c->w);
    }
    return fk_reply(c);
}

static const char *load(struct fk_client *c, const char *sql, const char *file)
{
    return load_n(c, sql, file, strlen(file), 5);
}

#define ORDERS  "LOAD DATA LOCAL INFILE 'x' INTO TABLE orders FIELDS TERMINATED BY ',' (id, v)"
#define TICKETS "LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets FIELDS TERMINATED BY ',' (v)"
#define NOTES   "LOAD DATA LOCAL INFILE 'x' INTO TABLE notes"

static void split_by_shard(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = loader(w);
        w->chunk = chunk;
        assert_text(load(c, ORDERS, "0,a\n2,b\n1,c\n4,d\n6,e"), "OK 4 info:Records: 4  Deleted: 0  Skipped: 0  Warnings: 0"); /* the script counts line ends */
        const char *log = fk_seen(w);
        assert_has(log, "FILE 0,a|4,d|\n");
        assert_has(log, "FILE 1,c|\n");
        assert_has(log, "FILE 2,b|6,e\n");
        assert_has(log, "QUERY LOAD DATA LOCAL INFILE 'x' INTO TABLE orders_1 FIELDS TERMINATED BY ',' (`id`, `v`)");
        assert_has(log, "QUERY COMMIT");
        assert_lacks(log, "ROLLBACK");
        assert_int_equal(w->src[0].committed, 2);
        assert_int_equal(w->src[1].committed, 1);
        assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
}

static void a_server_without_rows_is_left_alone(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    load(c, ORDERS, "0,a\n");
    assert_int_equal(w->src[1].connects, 0);
    assert_text(load(c, ORDERS, ""), "OK 0 info:Records: 0  Deleted: 0  Skipped: 0  Warnings: 0");
    fk_leave(c);
    fk_free(w);
}

static void ids(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    w->ids_next = 100;
    load(c, TICKETS, "a\nb\nc\n");
    const char *log = fk_seen(w);
    assert_has(log, "FILE 100,a|102,c|\n");
    assert_has(log, "FILE 101,b|\n");
    fk_query(c, "SELECT LAST_INSERT_ID()");
    assert_has(fk_seen(w), "100");
    load(c, "LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets FIELDS TERMINATED BY ',' ENCLOSED BY '\"' (v, id)", "a,\"7\"\nb,\\N\nc,\"0\"\n");
    assert_int_equal(w->ids_raised, 7);
    log = fk_seen(w);
    assert_has(log, "a,\"7\"|");
    assert_lacks(log, "\\N");
    assert_lacks(log, "\"0\"");
    fk_leave(c);
    fk_free(w);
}

static void ids_that_are_waited_for(void **state)
{
    (void)state;
    for (int failed = 0; failed < 3; failed++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = loader(w);
        w->ids_say = IDS_WAIT;
        assert_text(load(c, TICKETS, "a\nb\nc\n"), "");
        assert_int_equal(w->src[0].committed + w->src[1].committed, 0);
        if (failed == 2) {
            fk_tick(w, 60000);
        } else {
            w->ids_say = failed ? IDS_FAILED : IDS_OK;
            exec_wake_ids(&w->e);
        }
        fk_run(w);
        if (failed) assert_has(fk_reply(c), "ERR 1105 HY000 Weir: no id");
        else assert_text(fk_reply(c), "OK 3 info:Records: 3  Deleted: 0  Skipped: 0  Warnings: 0");
        assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
        fk_leave(c);
        fk_free(w);
    }
}

/* Values of our own column must be below the mark before they are written. */
static void the_mark_is_raised_first(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    w->ids_say = IDS_WAIT;
    assert_text(load(c, "LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets FIELDS TERMINATED BY ',' (id, v)", "7,a\n8,b\n"), "");
    assert_lacks(fk_seen(w), "LOAD DATA");
    w->ids_say = IDS_OK;
    exec_wake_ids(&w->e);
    fk_run(w);
    assert_text(fk_reply(c), "OK 2 info:Records: 2  Deleted: 0  Skipped: 0  Warnings: 0");
    assert_int_equal(w->ids_raised, 8);
    fk_leave(c);
    fk_free(w);
}

static void relayed(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = loader(w);
        w->chunk = chunk;
        assert_text(load(c, NOTES, "one\ntwo\nthree\n"), "OK 3 info:Records: 3  Deleted: 0  Skipped: 0  Warnings: 0");
        assert_has(fk_seen(w), "FILE one|two|three|\n");
        assert_int_equal(w->src[1].committed, 1);
        fk_on(w, 1, "LOAD DATA", "ERR 1146 42S02 Table 'shop.notes' doesn't exist", 1);
        assert_text(load(c, NOTES, "one\n"), "ERR 1146 42S02 Table 'shop.notes' doesn't exist");
        fk_on(w, 1, "FILE", "ERR 1062 23000 Duplicate entry", 1);
        assert_text(load(c, NOTES, "one\n"), "ERR 1062 23000 Duplicate entry");
        assert_text(load(c, NOTES, "one\n"), "OK 1 info:Records: 1  Deleted: 0  Skipped: 0  Warnings: 0");
        fk_leave(c);
        fk_free(w);
    }
}

/* The server takes nothing: the client is not read from, until it does. */
static void a_slow_server(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    uint8_t seq;
    struct fk_link *server = NULL;
    fk_ask(c, NOTES);
    fk_run(w);
    assert_true(asked(c, &seq));
    for (struct list *n = w->links.next; n != &w->links; n = n->next) {
        struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
        if (k->server && k->source == 1) server = k;
    }
    assert_non_null(server);
    server->taking = false;
    size_t n = 2 << 20;
    char *file = malloc(n);
    memset(file, '\n', n);
    send_file(c, seq, file, n, 30000);
    fk_run(w);
    assert_true(c->l->link.paused);
    assert_in_range(server->link.pending, LINK_HIGH, LINK_HIGH + NET_CHUNK + 100);
    server->taking = true;
    for (int i = 0; i < 20 && c->l->link.paused; i++) {
        fk_take(server, n);
        fk_run(w);
    }
    assert_text(fk_reply(c), "OK 2097152 info:Records: 2097152  Deleted: 0  Skipped: 0  Warnings: 0");
    free(file);
    fk_leave(c);
    fk_free(w);
}

/* A batch after the other; what the client sends beyond two of them has to wait. */
static void batches(void **state)
{
    (void)state;
    struct fk *w = fk_new(FK_YAML(", max_statement_memory: 4M"));
    struct fk_client *c = loader(w);
    struct fb file = {0};
    uint8_t seq;
    for (int i = 0; i < 200000; i++) fb_f(&file, "%d,row\n", i);
    w->src[0].hold = true;
    fk_ask(c, ORDERS);
    fk_run(w);
    assert_true(asked(c, &seq));
    send_file(c, seq, file.p, file.n, 8000);
    fk_run(w);
    assert_true(c->l->link.paused);
    assert_text(fk_reply(c), "");
    w->src[0].hold = false;
    fk_run(w);
    assert_text(fk_reply(c), "OK 200000 info:Records: 200000  Deleted: 0  Skipped: 0  Warnings: 0");
    assert_true(w->src[0].committed > 4 && w->src[1].committed > 4);
    assert_int_equal(w->src[0].connects, 1);
    fb_free(&file);
    fk_leave(c);
    fk_free(w);
}

static void an_error_of_a_server(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    fk_on(w, 1, "FILE 2,b", "ERR 1366 22007 Incorrect integer value: 'x' for column `shop`.`orders_0`.`v` at row 2", 1);
    assert_text(load(c, ORDERS, "0,a\n2,b\n1,c\n6,x\n"), "ERR 1366 22007 Incorrect integer value: 'x' for column `shop`.`orders`.`v` at row 4");
    const char *log = fk_seen(w);
    assert_has(log, "s0#1 QUERY ROLLBACK");
    assert_has(log, "s1#2 QUERY ROLLBACK");
    assert_lacks(log, "COMMIT");
    fk_on(w, 0, "LOAD DATA", "ERR 1148 42000 The used command is not allowed with this MariaDB version", 1);
    assert_has(load(c, ORDERS, "0,a\n"), "SET GLOBAL local_infile = ON");
    assert_int_equal(w->src[0].committed + w->src[1].committed, 0);
    assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

static void warnings(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    fk_on(w, 0, "FILE 0,a", "OK 2 warn=1 info=Records: 2  Deleted: 0  Skipped: 0  Warnings: 1", 1);
    fk_on(w, 0, "SHOW WARNINGS", "ROWS Level,Code:3,Message|Warning,1265,Data truncated for column 'v' at row 2", 1);
    fk_on(w, 1, "FILE 2,b", "OK 2 warn=2 info=Records: 2  Deleted: 0  Skipped: 0  Warnings: 2", 1);
    fk_on(w, 1, "SHOW WARNINGS", "ROWS Level,Code:3,Message|Warning,1261,Row 1 doesn't contain data for all columns|Warning,1265,Data truncated for column 'v' at row 1", 1);
    assert_text(load(c, ORDERS, "0,a\n2,b\n4,c\n6,d\n"), "OK 4 warn=3 info:Records: 4  Deleted: 0  Skipped: 0  Warnings: 3");
    assert_text(fk_query(c, "SHOW WARNINGS"), "ROWS Level,Code,Message|Warning,1261,Row 2 doesn't contain data for all columns|"
                "Warning,1265,Data truncated for column 'v' at row 2|Warning,1265,Data truncated for column 'v' at row 3 END");
    fk_leave(c);
    fk_free(w);
}

static void not_allowed(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    assert_has(load(c, ORDERS, "0,a\n"), "ERR 1148 42000");
    assert_has(load(c, NOTES, "0,a\n"), "ERR 1148 42000");
    assert_text(fk_query(c, "SELECT v FROM notes"), "ROWS v|1 END");
    fk_leave(c);
    fk_free(w);
}

static void out_of_step(void **state)
{
    (void)state;
    static const char *const texts[] = {ORDERS, NOTES};
    for (size_t i = 0; i < 2; i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = loader(w);
        uint8_t seq;
        fk_ask(c, texts[i]);
        fk_run(w);
        assert_true(asked(c, &seq));
        seq = (uint8_t)(seq + 3);
        fb_packet(&c->l->out, &seq, "0,a\n", 4);
        c->reply_seq = seq;
        fk_run(w);
        assert_text(fk_reply(c), "ERR 1156 08S01 Got packets out of order CLOSED");
        fk_run(w);
        assert_int_equal(w->src[0].committed + w->src[1].committed, 0);
        fk_leave(c);
        fk_free(w);
    }
}

static void a_silent_client(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    uint8_t seq;
    fk_ask(c, ORDERS);
    fk_run(w);
    assert_true(asked(c, &seq));
    fb_packet(&c->l->out, &seq, "0,a\n", 4);
    fk_run(w);
    fk_tick(w, 59000);
    assert_false(c->l->closed);
    fk_tick(w, 2000);
    assert_true(c->l->closed);
    fk_leave(c);
    fk_free(w);
}

/* A packet of 16 MB - 1 is continued, if only by an empty one, which is not the end of the file. */
static void full_packets(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = loader(w);
    struct fb file = {0};
    uint8_t seq;
    while (file.n < 0xffffff) fb_z(&file, "line\n");
    file.n = 0xffffff;
    fk_ask(c, NOTES);
    fk_run(w);
    assert_true(asked(c, &seq));
    fb_packet(&c->l->out, &seq, file.p, file.n);
    fk_run(w);
    assert_text(fk_reply(c), "");
    fb_packet(&c->l->out, &seq, "\n", 1);
    fb_packet(&c->l->out, &seq, "", 0);
    c->reply_seq = seq;
    fk_run(w);
    assert_has(fk_reply(c), "OK 33554");
    fb_free(&file);
    fk_leave(c);
    fk_free(w);
}

/* ---- what if, here? ---- */

static struct fb wrong;
static int nwrong;

static void found(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void found(const char *fmt, ...)
{
    char t[4096];
    va_list ap;
    if (++nwrong > 8) return;
    va_start(ap, fmt);
    vsnprintf(t, sizeof t, fmt, ap);
    va_end(ap);
    fb_f(&wrong, "%s\n", t);
}

static void none_found(void)
{
    int n = nwrong;
    struct fb text = wrong;
    nwrong = 0;
    wrong = (struct fb){0};
    if (n) print_error("%d places:\n%s", n, text.p);
    fb_free(&text);
    assert_int_equal(n, 0);
}

struct scenario {
    const char *before, *sql, *file;
    uint32_t writes[2];
};
static const struct scenario scenarios[] = {
    {NULL, ORDERS, "0,a\n2,b\n1,c\n3,d\n4,e\n", {2, 2}},
    {NULL, TICKETS, "a\nb\n", {1, 1}},
    {NULL, NOTES, "a\nb\n", {0, 1}},
    {"BEGIN", ORDERS, "0,a\n2,b\n", {0, 0}},
    {NULL, ORDERS, "0,a\nnone,b\n", {0, 0}},
};

static bool at_commit(struct fk *w, int at)
{
    const char *p = fb_text(&w->log);
    for (int i = 1; i < at && p; i++) p = (p = strchr(p, '\n')) ? p + 1 : NULL;
    if (!p) return false;
    const char *end = strchr(p, '\n'), *commit = strstr(p, "COMMIT"), *file = strstr(p, "FILE");
    return (commit && commit < end) || (file && file < end); /* a relayed file is its own commit */
}

static void settled(struct fk *w, struct fk_client *c, const char *place)
{
    fk_leave(c);
    fk_run(w);
    struct realm *realm = w->e.realm;
    if (realm->pools[0].nbusy + realm->pools[1].nbusy) found("%s: a connection stays busy\n%s", place, fb_text(&w->log));
    if (w->e.nsessions) found("%s: the session is stuck\n%s", place, fb_text(&w->log));
}

static int one_place(const struct scenario *s, enum fk_fault fault, int at, size_t chunk)
{
    struct fk *w = fk_new(BEST);
    struct fk_client *c = loader(w);
    char place[128];
    snprintf(place, sizeof place, "%s, fault %d at command %d, chunk %zu", s->sql, (int)fault, at, chunk);
    fk_query(c, "SELECT v FROM orders");
    if (s->before) fk_query(c, s->before);
    fb_clear(&w->log);
    w->chunk = chunk;
    w->fault = fault;
    w->fault_at = at;
    w->fault_seen = 0;
    const char *r = load(c, s->sql, s->file);
    bool ok = strncmp(r, "OK", 2) == 0;
    if (!r[0] || strstr(r, "BAD") || strstr(r, "PART")) found("%s: '%s'\n%s", place, r, fb_text(&w->log));
    int commands = 0;
    for (const char *p = fb_text(&w->log); (p = strchr(p, '\n')); p++) commands++;
    bool all = w->src[0].committed == s->writes[0] && w->src[1].committed == s->writes[1], none = w->src[0].committed + w->src[1].committed == 0;
    bool unknown = (fault == FK_F_AFTER || fault == FK_F_HALF || strstr(fb_text(&w->log), "COMMIT")) && at_commit(w, at);
    w->fault = FK_F_NONE;
    if ((ok && !all) || (!ok && !none && !unknown)) found("%s: %u + %u writes are durable\n%s\n%s", place, w->src[0].committed, w->src[1].committed, r, fb_text(&w->log));
    settled(w, c, place);
    fk_free(w);
    return commands;
}

static void a_fault_at_each_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        int n = one_place(&scenarios[i], FK_F_NONE, 0, 0);
        assert_true(n > 0 || scenarios[i].writes[0] == 0);
        for (int fault = FK_F_ERR; fault < FK_FAULTS; fault++) {
            for (int at = 1; at <= n + 2; at++) one_place(&scenarios[i], (enum fk_fault)fault, at, at % 3 ? 0 : 7);
        }
    }
    none_found();
}

/* After any number of events the client goes (0), its connection (1) or its statement (2) is killed, or time is over (3). */
static void gone_at_each_event(const struct scenario *s, int how)
{
    for (int events = 0; events < 80; events++) {
        struct fk *w = fk_new(how == 3 ? FK_YAML(", transactions: best_effort, statement_timeout: 1s") : BEST);
        struct fk_client *c = loader(w);
        char place[128];
        int left = events;
        bool moved = true, sent = false;
        uint8_t seq;
        snprintf(place, sizeof place, "%s, gone (%d) after %d events", s->sql, how, events);
        fk_query(c, "SELECT v FROM orders");
        if (s->before) fk_query(c, s->before);
        fk_ask(c, s->sql);
        while (moved && left > 0) {
            moved = false;
            for (struct list *n = w->links.next; n != &w->links && left > 0; n = n->next) {
                struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
                if (k->closed) continue;
                if (k->server) moved |= fk_serve(k);
                if (!k->closed && fk_deliver(k)) moved = true, left--;
            }
            if (!sent && asked(c, &seq)) {
                sent = moved = true;
                send_file(c, seq, s->file, strlen(s->file), 3);
            }
            fk_reap(w);
        }
        if (how == 1 && c->l->link.owner) session_kill(c->l->link.owner, true);
        if (how == 2 && c->l->link.owner) session_kill(c->l->link.owner, false);
        if (how == 3) fk_tick(w, 1100);
        if (how >= 2) {
            fk_run(w);
            if (!sent && asked(c, &seq)) send_file(c, seq, s->file, strlen(s->file), 3);
            fk_run(w);
            const char *r = fk_reply(c);
            for (int t = 0; t < 20 && !r[0]; t++) {
                fk_tick(w, 1000);
                r = fk_reply(c);
            }
            if (!r[0] || strstr(r, "BAD") || strstr(r, "PART")) found("%s: '%s'\n%s", place, r, fb_text(&w->log));
            bool none = w->src[0].committed + w->src[1].committed == 0;
            if (strncmp(r, "ERR", 3) == 0 && !none && s->writes[0]) found("%s: %s, but written\n%s", place, r, fb_text(&w->log));
        }
        settled(w, c, place);
        fk_free(w);
        if (!moved) break;
    }
}

static void gone(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        for (size_t i = 0; i < COUNT_OF(scenarios); i++) gone_at_each_event(&scenarios[i], how);
    }
    none_found();
}

static bool one_allocation(const struct scenario *s, uint64_t n, bool once)
{
    struct fk *w = fk_new(BEST);
    struct fk_client *c = loader(w);
    char place[128];
    uint8_t seq;
    snprintf(place, sizeof place, "%s, allocation %llu%s", s->sql, (unsigned long long)n, once ? ", once" : "");
    fk_query(c, "SELECT v FROM orders");
    if (s->before) fk_query(c, s->before);
    uint64_t before = mem_count();
    if (once) fk_fail_at(w, n);
    else mem_fail_at(n);
    fk_ask(c, s->sql);
    fk_run(w);
    if (asked(c, &seq)) {
        send_file(c, seq, s->file, strlen(s->file), 3);
        fk_run(w);
    }
    bool reached = mem_count() - before >= n;
    mem_fail_at(0);
    w->fail_count = 0;
    const char *r = fk_reply(c);
    for (int t = 0; t < 60 && !r[0]; t++) {
        fk_tick(w, 1000);
        if (asked(c, &seq)) send_file(c, seq, s->file, strlen(s->file), 3);
        fk_run(w);
        r = fk_reply(c);
    }
    if (!r[0] || strstr(r, "BAD") || strstr(r, "PART")) found("%s: '%s'\n%s", place, r, fb_text(&w->log));
    bool all = w->src[0].committed == s->writes[0] && w->src[1].committed == s->writes[1];
    if (strncmp(r, "OK", 2) == 0 && !all) found("%s: %s, but %u + %u\n%s", place, r, w->src[0].committed, w->src[1].committed, fb_text(&w->log));
    settled(w, c, place);
    fk_free(w);
    return reached;
}

static void memory_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        for (int once = 0; once < 2; once++) {
            for (uint64_t n = 1; n < 900 && one_allocation(&scenarios[i], n, once); n++) {
            }
        }
    }
    none_found();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_by_shard), cmocka_unit_test(a_server_without_rows_is_left_alone), cmocka_unit_test(ids),
        cmocka_unit_test(ids_that_are_waited_for), cmocka_unit_test(the_mark_is_raised_first), cmocka_unit_test(relayed),
        cmocka_unit_test(a_slow_server), cmocka_unit_test(batches), cmocka_unit_test(an_error_of_a_server), cmocka_unit_test(warnings),
        cmocka_unit_test(not_allowed), cmocka_unit_test(out_of_step), cmocka_unit_test(a_silent_client), cmocka_unit_test(full_packets),
        cmocka_unit_test(a_fault_at_each_place), cmocka_unit_test(gone), cmocka_unit_test(memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
