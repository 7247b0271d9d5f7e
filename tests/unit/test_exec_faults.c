/*
 * test_exec_faults.c - what if, here? Each scenario runs once to count the commands that servers receive;
 * then again for each of these places and each kind of fault: an error, a deadlock, a close before, in the
 * middle of or after the answer, garbage. And once for each allocation that fails.
 *
 * Always: one well-formed reply a statement or a close; nothing stuck, nothing left busy, nothing leaked
 * (ASan); an OK means that it was done on every server, and an error before the commits that it was done on
 * none.
 */
#include "fake_client.h"

#define BEST FK_YAML(", transactions: best_effort")
struct scenario {
    const char *name;
    const char *texts[8];
    bool commits; /* its last statement makes writes durable on both servers, all or none */
    uint32_t writes[2];
};

static const struct scenario scenarios[] = {
    {"point select", {"SELECT v FROM orders WHERE id = 1"}, false, {0, 0}},
    {"relayed whole", {"SELECT v FROM notes"}, false, {0, 0}},
    {"scatter", {"SELECT v FROM orders ORDER BY v"}, false, {0, 0}},
    {"scatter with limit", {"SELECT v FROM orders LIMIT 1"}, false, {0, 0}},
    {"write on one", {"UPDATE orders SET v = 1 WHERE id = 1"}, true, {1, 0}},
    {"write on two", {"INSERT INTO orders (id, v) VALUES (0, 1), (2, 1), (3, 1)"}, true, {1, 2}},
    {"write on all", {"UPDATE orders SET v = 1"}, true, {2, 2}},
    {"generated ids", {"INSERT INTO tickets (v) VALUES (1), (2), (3)"}, true, {1, 1}},
    {"transaction",
     {"BEGIN", "UPDATE orders SET v = 1 WHERE id = 0", "SAVEPOINT a", "SELECT v FROM orders WHERE id = 2",
      "ROLLBACK TO a", "COMMIT"},
     true,
     {1, 0}},
    {"two writers",
     {"BEGIN", "UPDATE orders SET v = 1 WHERE id = 0", "UPDATE orders SET v = 1 WHERE id = 2",
      "SELECT v FROM orders", "COMMIT"},
     false,
     {0, 0}},
    {"autocommit off",
     {"SET autocommit = 0", "UPDATE orders SET v = 1 WHERE id = 0", "SELECT v FROM orders",
      "SET autocommit = 1"},
     true,
     {1, 0}},
    {"variables",
     {"SET @a = 1 + 1", "SET sql_mode = 'ANSI'", "SELECT @a FROM notes",
      "SELECT SQL_CALC_FOUND_ROWS v FROM notes"},
     false,
     {0, 0}},
    {"ddl", {"ALTER TABLE orders ADD x INT", "SHOW TABLES", "SHOW COLUMNS FROM orders"}, false, {0, 0}},
    {"locks",
     {"LOCK TABLES orders WRITE", "UPDATE orders SET v = 1 WHERE id = 2", "UNLOCK TABLES"},
     false,
     {0, 0}},
    {"warnings", {"UPDATE notes SET v = 'x'", "SHOW WARNINGS"}, false, {0, 0}},
    {"several", {"SELECT 1; UPDATE orders SET v = 1; SELECT v FROM orders; SELECT 2"}, false, {0, 0}},
};

static void script(struct fk *w)
{
    fk_on(w, -1, "UPDATE notes", "OK 1 warn=1", -1);
}

/* What was found wrong, a place a line: one test shows all of it. */
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

struct outcome {
    bool closed, last_ok, errors;
    struct fb replies;
};

static bool well_formed(const char *r)
{
    return r[0] && !strstr(r, "BAD") && !strstr(r, "PART");
}

static void run(struct fk *w, struct fk_client *c, const struct scenario *s, struct outcome *o,
                const char *place)
{
    *o = (struct outcome){0};
    for (size_t i = 0; i < COUNT_OF(s->texts) && s->texts[i] && !o->closed; i++) {
        const char *r = fk_query(c, s->texts[i]);
        fb_f(&o->replies, "%s -> %s\n", s->texts[i], r);
        if (!well_formed(r))
            found("%s, %s: %s-> '%s'\nservers:\n%s", s->name, place, s->texts[i], r, fb_text(&w->log));
        o->closed = c->l->closed;
        o->last_ok = !o->closed && !strstr(r, "ERR");
        o->errors |= !o->last_ok;
    }
}

/* All or nothing, as far as the client was told. */
static void judge(struct fk *w, const struct scenario *s, const struct outcome *o, const char *place,
                  bool at_commit)
{
    bool all = w->src[0].committed == s->writes[0] && w->src[1].committed == s->writes[1];
    bool none = w->src[0].committed + w->src[1].committed == 0;
    if (!s->commits) return;
    if ((o->last_ok && !all && !(o->errors && none)) || (!o->last_ok && !at_commit && !none)) {
        found("%s, %s: %u + %u writes are durable:\n%sservers:\n%s", s->name, place, w->src[0].committed,
              w->src[1].committed, o->replies.p, fb_text(&w->log));
    }
}

static const char *const fault_names[] = {"none",        "error",   "close",   "close in the middle",
                                          "close after", "garbage", "deadlock"};

static bool fault_was_at_commit(struct fk *w, int at)
{
    const char *p = fb_text(&w->log);
    for (int i = 1; i < at && p; i++) p = (p = strchr(p, '\n')) ? p + 1 : NULL;
    if (!p) return false;
    const char *end = strchr(p, '\n'), *hit = strstr(p, "COMMIT"), *write = strstr(p, "QUERY UPDATE"),
               *insert = strstr(p, "QUERY INSERT");
    if (hit && end && hit < end) return true;
    /* A write in autocommit is its own commit: with a close its fate is not known. */
    return (write && write < end) || (insert && insert < end);
}

static int one_place(const struct scenario *s, const char *yaml, enum fk_fault fault, int at, size_t chunk)
{
    struct fk *w = fk_new(yaml);
    struct fk_client *c = fk_client(w), *other = fk_client(w);
    struct outcome o;
    char place[96];
    script(w);
    for (int i = 0; i < 2; i++) { /* connections are there: the faults hit statements */
        fk_query(other, "SELECT v FROM orders");
    }
    w->src[0].committed = w->src[1].committed = 0;
    fb_clear(&w->log);
    w->chunk = chunk;
    w->fault = fault;
    w->fault_at = at;
    w->fault_seen = 0;
    snprintf(place, sizeof place, "%s at command %d, chunk %zu%s", fault_names[fault], at, chunk,
             strcmp(yaml, BEST) ? ", one connection a source" : "");
    run(w, c, s, &o, place);
    int commands = 0;
    for (const char *p = fb_text(&w->log); (p = strchr(p, '\n')); p++) commands++;
    bool whole = fault == FK_F_AFTER || fault == FK_F_HALF; /* the server had done it */
    bool may_be_done = fault_was_at_commit(w, at) && (whole || strstr(fb_text(&w->log), "COMMIT"));
    w->fault = FK_F_NONE;
    w->chunk = 0;
    judge(w, s, &o, place, fault == FK_F_NONE ? false : may_be_done);
    if (fault != FK_F_NONE) {
        const char *r = fk_query(other, "SELECT v FROM notes WHERE id = 2");
        if (strcmp(r, "ROWS v|1 END") != 0)
            found("%s, %s: another client then gets '%s'\nservers:\n%s", s->name, place, r, fb_text(&w->log));
    }
    fk_leave(c);
    struct realm *realm = w->e.realm;
    if (realm->pools[0].nbusy + realm->pools[1].nbusy)
        found("%s, %s: a connection stays busy\nservers:\n%s", s->name, place, fb_text(&w->log));
    if (w->e.nsessions != 1)
        found("%s, %s: the session is stuck\nservers:\n%s", s->name, place, fb_text(&w->log));
    fk_leave(other);
    fb_free(&o.replies);
    fk_free(w);
    return commands;
}

static const char *const rules[] = {BEST, FK_NARROW};

static void each_place(enum fk_fault fault)
{
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        for (size_t r = 0; r < COUNT_OF(rules); r++) {
            int n = one_place(&scenarios[i], rules[r], FK_F_NONE, 0, 0);
            assert_true(n > 0);
            for (int at = 1; at <= n + 2; at++) one_place(&scenarios[i], rules[r], fault, at, r * 20);
        }
    }
    none_found();
}

static void without_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        for (size_t r = 0; r < COUNT_OF(rules); r++) {
            int n = one_place(&scenarios[i], rules[r], FK_F_NONE, 0, 0);
            assert_int_equal(one_place(&scenarios[i], rules[r], FK_F_NONE, 0, 1), n);
            assert_int_equal(one_place(&scenarios[i], rules[r], FK_F_NONE, 0, 7), n);
        }
    }
    none_found();
}

static void an_error_at_each_place(void **state)
{
    (void)state, each_place(FK_F_ERR);
}
static void a_deadlock_at_each_place(void **state)
{
    (void)state, each_place(FK_F_DEADLOCK);
}
static void a_close_at_each_place(void **state)
{
    (void)state, each_place(FK_F_CLOSE);
}
static void a_close_in_the_middle_of_each_answer(void **state)
{
    (void)state, each_place(FK_F_HALF);
}
static void a_close_after_each_answer(void **state)
{
    (void)state, each_place(FK_F_AFTER);
}
static void garbage_at_each_place(void **state)
{
    (void)state, each_place(FK_F_GARBAGE);
}

/* ---- the client goes ---- */

/* After any number of events the client is gone; or it is killed. */
static void gone_at_each_event(const struct scenario *s, int how)
{
    for (int events = 0; events < 60; events++) {
        struct fk *w = fk_new(BEST);
        struct fk_client *c = fk_client(w);
        script(w);
        fk_query(c, "SELECT v FROM orders");
        w->src[0].committed = w->src[1].committed = 0;
        for (size_t i = 0; i < COUNT_OF(s->texts) && s->texts[i]; i++) {
            if (how == 2) c->l->taking = false;
            fk_ask(c, s->texts[i]);
        }
        int left = events;
        bool moved = true;
        while (moved && left > 0) {
            moved = false;
            for (struct list *n = w->links.next; n != &w->links && left > 0; n = n->next) {
                struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
                if (k->closed) continue;
                if (k->server) moved |= fk_serve(k);
                if (!k->closed && fk_deliver(k)) moved = true, left--;
            }
            if (!list_empty(&w->e.catalog_waiters) && left > 0) {
                exec_wake_catalog(&w->e, w->e.catalog_asked);
                moved = true;
            }
            fk_reap(w);
        }
        if (how == 1 && c->l->link.owner) session_kill(c->l->link.owner, true);
        if (how == 3 && c->l->link.owner) {
            session_kill(c->l->link.owner, false);
            fk_run(w);
        }
        fk_leave(c);
        fk_run(w);
        if (w->e.nsessions)
            found("%s, gone (%d) after %d events: the session is stuck", s->name, how, events);
        struct realm *r = w->e.realm;
        if (r->pools[0].nbusy + r->pools[1].nbusy)
            found("%s, gone (%d) after %d events: a connection stays busy", s->name, how, events);
        fk_free(w);
        if (!moved) break;
    }
}

static void the_client_goes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) gone_at_each_event(&scenarios[i], 0);
    none_found();
}
static void the_connection_is_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) gone_at_each_event(&scenarios[i], 1);
    none_found();
}
static void a_slow_client_goes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) gone_at_each_event(&scenarios[i], 2);
    none_found();
}
static void the_statement_is_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) gone_at_each_event(&scenarios[i], 3);
    none_found();
}

/* ---- memory ---- */

/* once: only within one event; else from there to the end of the statement. */
static bool one_allocation(const struct scenario *s, uint64_t n, bool once)
{
    struct fk *w = fk_new(BEST);
    struct fk_client *c = fk_client(w);
    struct outcome o = {0};
    char place[64];
    script(w);
    snprintf(place, sizeof place, "allocation %llu%s", (unsigned long long)n, once ? ", once" : "");
    uint64_t before = mem_count();
    if (once)
        fk_fail_at(w, n);
    else
        mem_fail_at(n);
    for (size_t k = 0; k < COUNT_OF(s->texts) && s->texts[k] && !o.closed; k++) {
        const char *r = fk_query(c, s->texts[k]);
        if (mem_count() - before >= n) mem_fail_at(0);
        for (int t = 0; t < 60 && (!r[0] || strcmp(r, "PART") == 0);
             t++) { /* at the latest by time-outs of connecting and waiting */
            fk_tick(w, 1000);
            r = fk_reply(c);
        }
        fb_f(&o.replies, "%s -> %s\n", s->texts[k], r);
        if (!well_formed(r))
            found("%s, %s: %s -> '%s'\nservers:\n%s", s->name, place, s->texts[k], r, fb_text(&w->log));
        o.closed = c->l->closed;
        o.last_ok = !o.closed && !strstr(r, "ERR");
        o.errors |= !o.last_ok;
    }
    bool reached = mem_count() - before >= n;
    mem_fail_at(0);
    if (o.last_ok) judge(w, s, &o, place, true);
    fk_leave(c);
    fb_free(&o.replies);
    fk_free(w);
    return reached;
}

static void fail_each_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        for (uint64_t n = 1; n < 600 && one_allocation(&scenarios[i], n, false); n++) {
        }
    }
    none_found();
}

static void fail_each_allocation_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        for (uint64_t n = 1; n < 600 && one_allocation(&scenarios[i], n, true); n++) {
        }
    }
    none_found();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_fault),
        cmocka_unit_test(an_error_at_each_place),
        cmocka_unit_test(a_deadlock_at_each_place),
        cmocka_unit_test(a_close_at_each_place),
        cmocka_unit_test(a_close_in_the_middle_of_each_answer),
        cmocka_unit_test(a_close_after_each_answer),
        cmocka_unit_test(garbage_at_each_place),
        cmocka_unit_test(the_client_goes),
        cmocka_unit_test(the_connection_is_killed),
        cmocka_unit_test(a_slow_client_goes),
        cmocka_unit_test(the_statement_is_killed),
        cmocka_unit_test(fail_each_allocation),
        cmocka_unit_test(fail_each_allocation_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
