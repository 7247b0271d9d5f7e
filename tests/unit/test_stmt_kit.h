/*
 * test_stmt_kit.h - scenarios of prepared statements, and what befalls them: a fault of a server at each command, a client that goes
 * or is killed after each event, an allocation that fails, each at every place.
 *
 * A scenario is a list of steps:
 *
 *   Q sql        COM_QUERY                        E values     COM_STMT_EXECUTE of the last PREPARE (fk_put_params' words)
 *   P sql        COM_STMT_PREPARE                 O values     the same with a cursor
 *   C            COM_STMT_CLOSE, no reply         F 5          COM_STMT_FETCH of so many rows
 *   L 0 text     COM_STMT_SEND_LONG_DATA          R            COM_STMT_RESET
 *
 * Always: one well-formed reply a step or a close; nothing stuck, nothing left busy, no statement or cursor left over on a server
 * (fk_check_stmts), nothing leaked (ASan), and another client is served afterwards.
 */
#ifndef WEIR_TEST_STMT_KIT_H
#define WEIR_TEST_STMT_KIT_H

#include "fake_client.h"

#define BEST FK_YAML(", transactions: best_effort")

struct scenario {
    const char *name;
    const char *steps[12];
    uint32_t writes[2]; /* durable when every step said OK */
    const char *rules[4][2]; /* fk_on, any source */
};

/* ---- what was found wrong, a place a line ---- */

static struct fb wrong;
static int nwrong;

static void found(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void found(const char *fmt, ...)
{
    char t[6000];
    va_list ap;
    if (++nwrong > 6) return;
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

/* ---- steps ---- */

/* The step's bytes go to the client's link. False: it has no reply. */
static bool ask_step(struct fk_client *c, const char *step)
{
    const char *rest = step[1] ? step + 2 : "";
    struct fb p = {0};
    unsigned param = 0;
    switch (step[0]) {
    case 'Q': fk_ask(c, rest); return true;
    case 'P':
        c->prepared = 0;
        fk_command_bytes(c, WIRE_COM_STMT_PREPARE, rest, strlen(rest));
        return true;
    case 'E': fk_ask_execute(c, c->prepared, 0, rest); return true;
    case 'O': fk_ask_execute(c, c->prepared, WIRE_CURSOR_READ_ONLY, rest); return true;
    case 'F': fk_ask_fetch(c, c->prepared, (uint32_t)atoi(rest)); return true;
    case 'R':
    case 'C':
        fb_le(&p, c->prepared, 4);
        fk_command_bytes(c, step[0] == 'R' ? WIRE_COM_STMT_RESET : WIRE_COM_STMT_CLOSE, p.p, p.n);
        fb_free(&p);
        return step[0] == 'R';
    case 'L':
        param = (unsigned)atoi(rest);
        fb_le(&p, c->prepared, 4);
        fb_le(&p, param, 2);
        fb_z(&p, strchr(rest, ' ') + 1);
        fk_command_bytes(c, WIRE_COM_STMT_SEND_LONG_DATA, p.p, p.n);
        fb_free(&p);
        return false;
    default: FK_FAIL("no such step: %s", step);
    }
    return false;
}

static const char *do_step(struct fk_client *c, const char *step)
{
    bool replies = ask_step(c, step);
    fk_run(c->w);
    return replies ? fk_reply(c) : c->l->closed ? "CLOSED" : "(none)";
}

static bool well_formed(const char *r)
{
    return r[0] && !strstr(r, "BAD") && !strstr(r, "PART");
}

struct outcome {
    bool closed, last_ok, errors;
    struct fb replies;
};

static void take_reply(struct fk_client *c, const struct scenario *s, const char *step, const char *r, const char *place,
                       struct outcome *o)
{
    fb_f(&o->replies, "%s -> %s\n", step, r);
    if (!well_formed(r)) found("%s, %s: %s -> '%s'\n%sservers:\n%s", s->name, place, step, r, o->replies.p, fb_text(&c->w->log));
    o->closed = c->l->closed;
    o->last_ok = !o->closed && !strstr(r, "ERR");
    o->errors |= !o->last_ok;
}

static void set_rules(struct fk *w, const struct scenario *s)
{
    for (size_t i = 0; i < COUNT_OF(s->rules) && s->rules[i][0]; i++) fk_on(w, -1, s->rules[i][0], s->rules[i][1], -1);
}

static void run_steps(struct fk_client *c, const struct scenario *s, const char *place, struct outcome *o)
{
    *o = (struct outcome){0};
    for (size_t i = 0; i < COUNT_OF(s->steps) && s->steps[i] && !o->closed; i++) {
        const char *r = do_step(c, s->steps[i]);
        if (!r[0]) { /* its own open cursor holds the only connection */
            fk_tick(c->w, 60000);
            r = fk_reply(c);
        }
        take_reply(c, s, s->steps[i], r, place, o);
    }
}

/* Some prefix of the writes may be done when there were errors, all of them when there were none, none twice. */
static void judge(struct fk *w, const struct scenario *s, const struct outcome *o, const char *place)
{
    bool all = w->src[0].committed == s->writes[0] && w->src[1].committed == s->writes[1];
    bool more = w->src[0].committed > s->writes[0] || w->src[1].committed > s->writes[1];
    if (more || (!o->errors && !all))
        found("%s, %s: %u + %u writes are durable:\n%sservers:\n%s", s->name, place, w->src[0].committed, w->src[1].committed,
              o->replies.p, fb_text(&w->log));
}

static void check_quiet(struct fk *w, const struct scenario *s, const char *place, uint32_t sessions)
{
    struct realm *r = w->e.realm;
    if (r->pools[0].nbusy + r->pools[1].nbusy)
        found("%s, %s: a connection stays busy\nservers:\n%s", s->name, place, fb_text(&w->log));
    if (w->e.nsessions != sessions) found("%s, %s: the session is stuck\nservers:\n%s", s->name, place, fb_text(&w->log));
}

/* ---- a fault at each command ---- */

static const char *const fault_names[] = {"none", "error", "close", "close in the middle", "close after", "garbage", "deadlock"};

static int one_place(const struct scenario *s, const char *yaml, enum fk_fault fault, int at, size_t chunk)
{
    struct fk *w = fk_new(yaml);
    struct fk_client *c = fk_client(w), *other = fk_client(w);
    struct outcome o;
    char place[96];
    for (int i = 0; i < 2; i++) fk_query(other, "SELECT v FROM orders"); /* connections are there: the faults hit the scenario */
    set_rules(w, s);
    w->src[0].committed = w->src[1].committed = 0;
    fb_clear(&w->log);
    w->chunk = chunk;
    w->fault = fault;
    w->fault_at = at;
    w->fault_seen = 0;
    snprintf(place, sizeof place, "%s at command %d, chunk %zu%s", fault_names[fault], at, chunk,
             strcmp(yaml, BEST) ? ", one connection a source" : "");
    run_steps(c, s, place, &o);
    int commands = w->fault_seen;
    for (const char *p = fb_text(&w->log); fault == FK_F_NONE && (p = strchr(p, '\n')); p++) commands++;
    w->fault = FK_F_NONE;
    w->chunk = 0;
    judge(w, s, &o, place);
    bool open = false;
    for (size_t i = 0; i < COUNT_OF(s->steps) && s->steps[i]; i++) open |= s->steps[i][0] == 'O' || strstr(s->steps[i], "BEGIN");
    if (open && strcmp(yaml, BEST)) { /* an open cursor holds the only connection of its source */
        fk_leave(c);
        c = NULL;
    }
    const char *r = fk_query(other, "SELECT v FROM notes WHERE id = 2");
    if (strcmp(r, "ROWS v|1 END") != 0)
        found("%s, %s: another client then gets '%s'\nservers:\n%s", s->name, place, r, fb_text(&w->log));
    if (c) fk_leave(c);
    check_quiet(w, s, place, 1);
    fk_leave(other);
    fb_free(&o.replies);
    fk_free(w);
    return commands;
}

static void each_place(const struct scenario *all, size_t n, enum fk_fault fault)
{
    static const char *const yamls[] = {BEST, FK_NARROW};
    for (size_t i = 0; i < n; i++) {
        for (size_t y = 0; y < COUNT_OF(yamls); y++) {
            int commands = one_place(&all[i], yamls[y], FK_F_NONE, 0, 0);
            assert_true(commands > 0);
            for (int at = 1; fault && at <= commands + 1; at++) {
                one_place(&all[i], yamls[y], fault, at, 0);
                one_place(&all[i], yamls[y], fault, at, 1);
            }
            one_place(&all[i], yamls[y], FK_F_NONE, 0, 1);
            one_place(&all[i], yamls[y], FK_F_NONE, 0, 7);
        }
    }
    none_found();
}

/* ---- the client goes, or is killed ---- */

enum gone { GONE, GONE_KILLED, GONE_SLOW, GONE_QUERY_KILLED, GONE_SILENT /* the servers say nothing more, then the client goes */, GONE_WAYS };

static int move_events(struct fk *w, int left)
{
    bool moved = true;
    while (moved && left > 0) {
        moved = false;
        for (struct list *n = w->links.next; n != &w->links && left > 0; n = n->next) {
            struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
            if (k->closed) continue;
            if (k->server) moved |= fk_serve(k);
            if (!k->closed && fk_deliver(k)) moved = true, left--;
        }
        fk_check(w);
        fk_reap(w);
    }
    return left;
}

static void gone_at_each_event(const struct scenario *s, enum gone how)
{
    for (int events = 0; events < 120; events++) {
        struct fk *w = fk_new(BEST);
        struct fk_client *c = fk_client(w);
        char place[64];
        snprintf(place, sizeof place, "gone (%d) after %d events", (int)how, events);
        fk_query(c, "SELECT v FROM orders");
        set_rules(w, s);
        fb_clear(&w->log);
        int left = events;
        c->l->taking = how != GONE_SLOW;
        for (size_t i = 0; i < COUNT_OF(s->steps) && s->steps[i] && left > 0; i++) {
            c->prepared = c->prepared ? c->prepared : 1;
            bool replies = ask_step(c, s->steps[i]);
            if (s->steps[i][0] == 'P') c->prepared = 1;
            left = move_events(w, left);
            if (left && replies && c->l->got.n > c->l->read) (void)fk_reply(c);
        }
        if (c->l->link.owner && how == GONE_KILLED) session_kill(c->l->link.owner, true);
        if (c->l->link.owner && how == GONE_QUERY_KILLED) {
            session_kill(c->l->link.owner, false);
            fk_run(w);
            bool idle = !c->l->closed && ((struct session *)c->l->link.owner)->state == SESSION_READY;
            if (!c->l->closed && !idle) found("%s, %s: KILL QUERY left it busy\nservers:\n%s", s->name, place, fb_text(&w->log));
            fk_forget(c);
            if (idle) {
                const char *r = fk_query(c, "SELECT 1");
                if (strncmp(r, "ROWS v|1 END", 12) != 0 && !strstr(r, "rolled back"))
                    found("%s, %s: then SELECT 1 gives '%s'\nservers:\n%s", s->name, place, r, fb_text(&w->log));
            }
        }
        if (how == GONE_SILENT) w->src[0].hold = w->src[1].hold = true;
        fk_leave(c);
        fk_run(w);
        if (how == GONE_SILENT) {
            fk_tick(w, 1000);
            fk_tick(w, 60000);
            fk_tick(w, 60000);
            check_quiet(w, s, place, 0);
            w->src[0].hold = w->src[1].hold = false;
        }
        fk_run(w);
        check_quiet(w, s, place, 0);
        fk_free(w);
        if (left > 0) break;
    }
}

static void each_way_to_go(const struct scenario *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int how = 0; how < GONE_WAYS; how++) gone_at_each_event(&all[i], (enum gone)how);
    }
    none_found();
}

/* ---- memory ---- */

/* once: only within one event; else from there to the end of the step. */
static bool one_allocation(const struct scenario *s, uint64_t n, bool once)
{
    struct fk *w = fk_new(BEST);
    struct fk_client *c = fk_client(w);
    struct outcome o = {0};
    char place[64];
    set_rules(w, s);
    snprintf(place, sizeof place, "allocation %llu%s", (unsigned long long)n, once ? ", once" : "");
    uint64_t before = mem_count();
    if (once) fk_fail_at(w, n);
    else mem_fail_at(n);
    for (size_t k = 0; k < COUNT_OF(s->steps) && s->steps[k] && !o.closed; k++) {
        const char *r = do_step(c, s->steps[k]);
        if (mem_count() - before >= n) mem_fail_at(0);
        for (int t = 0; t < 60 && (!r[0] || strcmp(r, "PART") == 0); t++) { /* at the latest by time-outs of connecting and waiting */
            fk_tick(w, 1000);
            r = fk_reply(c);
        }
        take_reply(c, s, s->steps[k], r, place, &o);
    }
    bool reached = mem_count() - before >= n;
    mem_fail_at(0);
    w->fail_count = 0;
    judge(w, s, &o, place);
    fk_leave(c);
    fk_run(w);
    check_quiet(w, s, place, 0);
    fb_free(&o.replies);
    fk_free(w);
    return reached;
}

static void each_allocation(const struct scenario *all, size_t n, bool once)
{
    for (size_t i = 0; i < n; i++) {
        for (uint64_t at = 1; at < 800 && one_allocation(&all[i], at, once); at++) {
        }
    }
    none_found();
}

#endif
