/*
 * fake.h - a world without sockets, clock or servers, in which the proxy's core runs as in a worker.
 *
 *   test --fk_query--> client link --bytes--> session/exec --send--> server link --> scripted server
 * (fake_server.h) client link <---send-- session/exec <--bytes-- server link <--      "
 *
 * Nothing happens inside a call-back: what Weir sends is only recorded; fk_run() then lets every server read
 * and answer and delivers bytes, one chunk an event, until nothing moves any more. `chunk` bounds a chunk (1:
 * byte by byte). Each chunk is handed over in a buffer of exactly its size, so that ASan sees a read beyond
 * it, and a kept view into it.
 *
 * The harness allocates by malloc, never by mem_*: mem_count() and mem_fail_at() see Weir's allocations
 * alone. Its encoders are its own, so that a mistake in wire/ is not on both sides.
 *
 * The control thread is replaced by doubles of the functions of control.h: the library's member is then not
 * linked.
 */
#ifndef WEIR_TESTS_FAKE_H
#define WEIR_TESTS_FAKE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/session/session.h"

#ifndef FK_FAIL /* a fuzz target has its own */
#include <cmocka.h>
#define FK_FAIL(...) fail_msg(__VA_ARGS__)
#endif
#define FK_CHECK(cond, ...)                                                                                  \
    do {                                                                                                     \
        if (!(cond)) FK_FAIL(__VA_ARGS__);                                                                   \
    } while (0)

/* ---- bytes ---- */

struct fb {
    char *p;
    size_t n, cap;
};

static inline void fb_put(struct fb *b, const void *p, size_t n)
{
    if (b->n + n + 1 > b->cap) {
        size_t cap = (b->n + n + 1) * 2;
        char *q = realloc(b->p, cap);
        if (!q) abort();
        b->p = q;
        b->cap = cap;
    }
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = 0; /* readable as a C string */
}
static inline void fb_z(struct fb *b, const char *z)
{
    fb_put(b, z, strlen(z));
}
static inline void fb_le(struct fb *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        char c = (char)(v >> (8 * i));
        fb_put(b, &c, 1);
    }
}
static inline void fb_lenenc(struct fb *b, uint64_t v)
{
    if (v < 251) {
        fb_le(b, v, 1);
    } else if (v < 65536) {
        fb_le(b, 0xfc, 1);
        fb_le(b, v, 2);
    } else {
        fb_le(b, 0xfd, 1);
        fb_le(b, v, 3);
    }
}
static inline void fb_lenstr(struct fb *b, const void *p, size_t n)
{
    fb_lenenc(b, n);
    fb_put(b, p, n);
}
static inline void fb_f(struct fb *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void fb_f(struct fb *b, const char *fmt, ...)
{
    char t[8192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t, sizeof t, fmt, ap);
    va_end(ap);
    fb_z(b, t);
}
static inline void fb_clear(struct fb *b)
{
    b->n = 0;
    if (b->p) b->p[0] = 0;
}
static inline void fb_free(struct fb *b)
{
    free(b->p);
    *b = (struct fb){0};
}
static inline const char *fb_text(struct fb *b)
{
    fb_put(b, "", 0);
    return b->p;
}
/* A payload as packets, split at 16 MB - 1. */
static inline void fb_packet(struct fb *b, uint8_t *seq, const void *payload, size_t n)
{
    const char *p = payload;
    for (;;) {
        size_t part = n < 0xffffff ? n : 0xffffff;
        fb_le(b, part, 3);
        fb_le(b, (*seq)++, 1);
        fb_put(b, p, part);
        if (p) p += part;
        n -= part;
        if (part < 0xffffff) return;
    }
}
/* The payload that starts at *at, joined into `out`; false: not all of it is there. */
static inline bool fb_next(const struct fb *b, size_t *at, uint8_t *seq, uint8_t *last_seq, struct fb *out)
{
    size_t i = *at;
    bool first = true;
    fb_clear(out);
    for (;;) {
        if (b->n - i < 4) return false;
        uint32_t n = wire_u24(b->p + i);
        if (b->n - i - 4 < n) return false;
        if (first) *seq = (uint8_t)b->p[i + 3];
        *last_seq = (uint8_t)b->p[i + 3];
        first = false;
        fb_put(out, b->p + i + 4, n);
        i += 4 + n;
        if (n < 0xffffff) break;
    }
    *at = i;
    return true;
}

/* ---- the world ---- */

enum fk_up {
    FK_UP,
    FK_REFUSE /* connect fails */,
    FK_HANG /* no answer to connect */,
    FK_NO_SOCKET /* not even a link */
};
enum fk_auth {
    FK_AUTH_OK,
    FK_AUTH_FULL /* caching_sha2 without its fast path */,
    FK_AUTH_HANG,
    FK_AUTH_CLOSE
};

struct fk_source { /* how the servers of a source behave, and what they did */
    enum fk_up up;
    const char *plugin, *switch_to; /* of the greeting; asked for after the login packet */
    const char *version;
    const char *then[4];                  /* after switch_to: a chain of other methods */
    uint32_t has;                         /* capabilities beside the usual ones: SSL, COMPRESS */
    const char *greeting_err, *login_err; /* in place of the packet */
    bool mute;                            /* accepts, says nothing */
    bool bad_greeting;
    enum fk_auth auth;
    uint32_t lacks; /* capabilities that it does not have */
    bool hold;      /* answers are kept back until it is false again */
    uint32_t connects, commands;
    uint32_t committed; /* writes that a server of this source made durable */
};

/* One scripted answer; the newest rule that fits wins. */
struct fk_rule {
    int source;        /* -1: any */
    const char *match; /* in the command as the log shows it */
    const char *reply; /* see fk_answer */
    int times;         /* -1: for ever */
};

enum fk_fault {
    FK_F_NONE,
    FK_F_ERR,
    FK_F_CLOSE,
    FK_F_HALF,
    FK_F_AFTER,
    FK_F_GARBAGE,
    FK_F_DEADLOCK,
    FK_FAULTS
};
enum { FK_SOURCES = 8, FK_RULES = 32, NET_CHUNK = 128 << 10 /* what a worker reads at once */ };

struct fk_stmt { /* prepared on a server (fake_stmt.h) */
    uint32_t id, wanted;
    struct fb text;
    uint16_t nparams;
    bool bound, cursor; /* types came; open */
    uint16_t types[64];
    struct fb rows;     /* of the cursor: u32 length, payload, each */
    size_t at;          /* fetched up to here */
};

struct fk_link {
    struct link link;
    struct list node; /* fk->links */
    struct fk *w;
    bool server, closed, taking, choked;
    struct fb got; /* from Weir */
    size_t read;   /* of it, by the peer */
    uint32_t sends;
    struct fb out;           /* to Weir */
    size_t given, login_end; /* delivered; where the answers to commands begin */
    uint8_t reply_seq;       /* of the first packet of the answer under way */
    int close_after;         /* when out is delivered: the errno; -1: stays open */
    /* TLS and compression change no byte here; what Weir asked for is noted */
    struct fb tls_rest;
    char tls_name[64]; /* "(none)": NULL */
    bool tls_server;
    int compression, level;
    size_t compressed_at; /* of got */
    uint32_t new_commands;
    /* server side */
    uint32_t source, number;
    int phase; /* 0 connecting, 1 greeted, 2 after the switch, 3 full, 4 cipher, 9 commands */
    uint32_t caps;
    uint8_t nonce[WIRE_NONCE];
    const char *plugin;
    bool asked_tls; /* the request came in */
    int chained;    /* switches sent */
    bool in_trans, no_autocommit;
    uint32_t open_writes, saved_writes; /* at the last SAVEPOINT */
    bool wants_file;                    /* 0xFB was sent: what comes up to an empty packet is the file */
    struct fb file;
    uint8_t file_seq;                   /* of its next packet */
    bool hangs;     /* answers when it is killed */
    struct fk_stmt **stmts, *running; /* running: its EXECUTE is being answered */
    uint32_t nstmts, next_stmt;
    bool opens_cursor;
};

struct fk_snap {
    struct snapshot s;
    struct fk *w;
    _Atomic uint32_t conns[FK_SOURCES], users[FK_SOURCES];
};

struct fk {
    struct engine e;
    struct fk_snap *snap;
    struct list links;
    struct fk_source src[FK_SOURCES];
    struct fk_rule rules[FK_RULES];
    uint32_t nrules;
    struct fb log;     /* commands that servers received, one a line */
    struct fb lines;   /* engine log */
    struct fb kills;   /* control_kill */
    size_t chunk;      /* 0: all that is there */
    bool no_tls, no_compression, certificate; /* links refuse it; the peers show a certificate that is good */
    bool hostile;      /* servers said what no script says: what they are told then is not judged */
    bool hold_catalog; /* a reload of the catalog does not end by itself */
    uint32_t next_client, next_conn, ask_idle, reloads, catalogs;
    uint32_t snaps, retired;
    struct {
        uint32_t id, asker;
        bool connection;
    } op_kills[8]; /* KILL statements under way, as mail between workers */
    uint32_t nop_kills;
    /* ids */
    enum ids_status ids_say;
    uint64_t ids_next, ids_raised;
    uint32_t ids_asked;
    /* fault injection: at the n-th command that any server receives */
    enum fk_fault fault;
    int fault_at, fault_seen;
    bool faulted;
    uint64_t fail_count; /* mem_count() at which memory ends: it is back after the event that meets it */
};

static struct fk *fk_world; /* the doubles find it here */

/* The n-th allocation from now on fails, and those after it in the same event. */
static inline void fk_fail_at(struct fk *w, uint64_t n)
{
    mem_fail_at(n);
    w->fail_count = n ? mem_count() + n : 0;
}

/* ---- links ---- */

static inline struct fk_link *fk_of(struct link *l)
{
    return CONTAINER_OF(l, struct fk_link, link);
}

static inline void fk_op_send(struct link *l, const void *p, size_t n)
{
    struct fk_link *k = fk_of(l);
    FK_CHECK(!k->closed, "send on a link that its owner has closed");
    fb_put(&k->got, p, n);
    k->sends++;
    if (!k->taking) l->pending += n;
    if (l->pending > LINK_HIGH) k->choked = true;
}
static inline void fk_op_pause(struct link *l)
{
    l->paused = true;
}
static inline void fk_op_resume(struct link *l)
{
    l->paused = false;
}
static inline void fk_op_close(struct link *l, bool flush)
{
    struct fk_link *k = fk_of(l);
    (void)flush;
    FK_CHECK(!k->closed, "a link was closed twice");
    k->closed = true;
    l->owner = NULL;
}
static inline bool fk_op_tls(struct link *l, struct tls_context *ctx, bool server, const char *name, const char *rest,
                             size_t n)
{
    struct fk_link *k = fk_of(l);
    FK_CHECK(!k->closed && !l->tls && ctx, "TLS at the wrong time");
    FK_CHECK(server == !k->server, "TLS from the wrong side");
    if (k->w->no_tls) return false;
    l->tls = true;
    l->certificate = k->w->certificate;
    k->tls_server = server;
    snprintf(k->tls_name, sizeof k->tls_name, "%s", name ? name : "(none)");
    fb_put(&k->tls_rest, rest, n);
    return true;
}
static inline bool fk_op_compression(struct link *l, enum link_compression how, int level)
{
    struct fk_link *k = fk_of(l);
    FK_CHECK(!k->closed && !l->compressed, "compression at the wrong time");
    if (k->w->no_compression) return false;
    l->compressed = true;
    k->compression = (int)how;
    k->level = level;
    k->compressed_at = k->got.n;
    return true;
}
static inline void fk_op_new_command(struct link *l)
{
    fk_of(l)->new_commands++;
}
static const struct link_ops fk_link_ops = {
    .send = fk_op_send,
    .pause = fk_op_pause,
    .resume = fk_op_resume,
    .close = fk_op_close,
    .start_tls = fk_op_tls,
    .start_compression = fk_op_compression,
    .new_command = fk_op_new_command,
};

static inline struct fk_link *fk_link_new(struct fk *w, bool server)
{
    struct fk_link *k = calloc(1, sizeof *k);
    if (!k) abort();
    k->link.ops = &fk_link_ops;
    k->w = w;
    k->server = server;
    k->taking = true;
    k->close_after = -1;
    list_append(&w->links, &k->node);
    return k;
}

static inline void fk_link_free(struct fk_link *k)
{
    list_remove(&k->node);
    fb_free(&k->got);
    fb_free(&k->out);
    fb_free(&k->tls_rest);
    fb_free(&k->file);
    for (uint32_t i = 0; i < k->nstmts; i++) {
        fb_free(&k->stmts[i]->text);
        fb_free(&k->stmts[i]->rows);
        free(k->stmts[i]);
    }
    free(k->stmts);
    free(k);
}

/* The socket takes up to n of the pending bytes. */
static inline void fk_take(struct fk_link *k, size_t n)
{
    k->link.pending -= n < k->link.pending ? n : k->link.pending;
    if (!k->choked || k->link.pending >= LINK_LOW) return;
    k->choked = false;
    if (!k->closed) k->link.handler->drained(&k->link);
}

/* The peer goes away. */
static inline void fk_hang_up(struct fk_link *k, int error)
{
    if (!k->closed && k->link.owner) k->link.handler->closed(&k->link, error);
}

/* ---- what net/ does for the engine ---- */

static inline struct link *fk_connect(struct engine *e, const struct conf_address *to,
                                      const struct link_handler *h, void *owner)
{
    struct fk *w = e->net;
    uint32_t source = CONTAINER_OF(to, const struct conf_source, primary)->index;
    w->src[source].connects++;
    if (w->src[source].up == FK_NO_SOCKET) return NULL;
    struct fk_link *k = fk_link_new(w, true);
    k->link.handler = h;
    k->link.owner = owner;
    k->source = source;
    k->number = ++w->next_conn;
    return &k->link;
}
static inline void fk_log(struct engine *e, enum conf_log_level level, const char *text)
{
    struct fk *w = e->net;
    fb_f(&w->lines, "%d %s\n", (int)level, text);
}
static inline void fk_ask_idle(struct engine *e, uint32_t source)
{
    (void)source;
    ((struct fk *)e->net)->ask_idle++;
}
static inline void fk_op_kill(struct engine *e, uint32_t id, bool connection, uint32_t asker)
{
    struct fk *w = e->net;
    FK_CHECK(w->nop_kills < COUNT_OF(w->op_kills), "too many KILLs");
    w->op_kills[w->nop_kills].id = id;
    w->op_kills[w->nop_kills].asker = asker;
    w->op_kills[w->nop_kills++].connection = connection;
}
static inline void fk_op_list(struct engine *e, uint32_t asker, struct str account)
{
    struct buf rows = {0};
    session_list(e, account, asker, &rows);
    for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) {
        struct front *f = CONTAINER_OF(n, struct front, node);
        if (f->id != asker) continue;
        session_listed(session_of(f), &rows);
        break;
    }
    buf_release(&rows);
}
static inline void fk_totals(struct engine *e, struct engine_counters *sum, uint32_t *clients,
                             uint64_t *uptime_s)
{
    memset(sum, 0, sizeof *sum);
#define X(name, doc) sum->name += e->count.name;
    ENGINE_COUNTERS(X)
#undef X
    *clients = e->nsessions;
    *uptime_s = e->now_ms / 1000;
}
static inline void fk_op_reload(struct engine *e)
{
    ((struct fk *)e->net)->reloads++;
}
static inline void fk_reload_catalog(struct engine *e, struct snapshot *s)
{
    (void)s;
    ((struct fk *)e->net)->catalogs++;
}
static const struct engine_ops fk_engine_ops = {fk_connect, fk_log,    fk_ask_idle,  fk_op_kill,
                                                fk_op_list, fk_totals, fk_op_reload, fk_reload_catalog};

/* ---- doubles of the control thread ---- */

struct control *control_start(const struct router *r, const struct control_callbacks *cb, struct diag *d)
{
    (void)r, (void)cb, (void)d;
    return NULL;
}
void control_stop(struct control *c)
{
    (void)c;
}
void control_reload_catalog(struct control *c)
{
    (void)c;
}
void control_reload_catalog_then(struct control *c, void (*done)(void *ctx), void *ctx)
{
    (void)c;
    done(ctx);
}
struct catalog *control_load_catalog(const struct router *r, struct diag *d)
{
    (void)r, (void)d;
    return NULL;
}
void control_source_state(const struct control *c, uint32_t source, struct control_source *out)
{
    (void)c, (void)source;
    *out = (struct control_source){.up = true, .version = 101119, .mariadb = true};
    strcpy(out->version_text, "10.11.19-MariaDB");
}
static void fk_interrupt(struct fk *w, uint32_t source, uint64_t thread); /* fake_server.h */
void control_kill(struct control *c, uint32_t source, uint64_t server_thread, bool connection)
{
    (void)c;
    fb_f(&fk_world->kills, "s%u thread %llu %s\n", source, (unsigned long long)server_thread,
         connection ? "connection" : "query");
    fk_interrupt(fk_world, source, server_thread);
}
enum ids_status ids_take(struct control *c, uint32_t sequence, uint64_t n, uint64_t *first, struct arena *a,
                         struct fault *f)
{
    (void)c, (void)sequence;
    fk_world->ids_asked++;
    if (fk_world->ids_say == IDS_FAILED)
        fault_set(f, a, 1105, "HY000", "Weir: no id from sequence: the test says so");
    if (fk_world->ids_say != IDS_OK) return fk_world->ids_say;
    *first = fk_world->ids_next;
    fk_world->ids_next += n;
    return IDS_OK;
}
enum ids_status ids_raise(struct control *c, uint32_t sequence, uint64_t value, struct arena *a,
                          struct fault *f)
{
    (void)c, (void)sequence;
    if (fk_world->ids_say == IDS_FAILED)
        fault_set(f, a, 1105, "HY000", "Weir: the mark cannot be raised: the test says so");
    if (fk_world->ids_say != IDS_OK) return fk_world->ids_say;
    fk_world->ids_raised = value;
    return IDS_OK;
}
void ids_stats(const struct control *c, uint32_t sequence, struct ids_stats *out)
{
    (void)c, (void)sequence;
    *out = (struct ids_stats){.next = fk_world->ids_next};
}

/* ---- set-up ---- */

/*
 * orders   id % 4: 0 s0.orders_0, 1 s0.orders_1, 2 s1.orders_0, 3 s1.orders_1
 * tickets  id % 2: s0, s1; the id is generated
 * notes    whole on s1        every other table: whole on s0
 */
#define FK_TAIL                                                                                              \
    "users:\n"                                                                                               \
    "  app: {password: secret}\n"                                                                            \
    "  nopass: {password: ''}\n"                                                                             \
    "  native: {mysql_native_password: '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'}\n"                       \
    "  sha: {caching_sha2_password: "                                                                        \
    "'$A$005$k7Qp2XwZ9aLm4RtY6bNcpFL3XC/rzQPZOwBK8xCyBJjEXpZJSmPW595aRoHemx.'}\n"                            \
    "  few: {password: secret, max_connections: 1, schemas: [shop]}\n"                                       \
    "sources:\n"                                                                                             \
    "  s0: {address: 127.0.0.1:4411, user: weir, password: weir, max_connections: 4}\n"                      \
    "  s1: {address: 127.0.0.1:4412, user: weir, password: weir, max_connections: 4}\n"                      \
    "schemas:\n"                                                                                             \
    "  shop:\n"                                                                                              \
    "    default_source: s0\n"                                                                               \
    "    tables:\n"                                                                                          \
    "      orders: {nodes: 's${0..1}.shop.orders_${0..1}', shard_by: id, algorithm: {type: mod}}\n"          \
    "      tickets: {nodes: 's${0..1}.shop.tickets', shard_by: id, algorithm: {type: mod}, generated: id}\n" \
    "      notes: {source: s1}\n"                                                                            \
    "  other:\n"                                                                                             \
    "    default_source: s1\n"
#define FK_YAML(weir) "weir: {listen: 127.0.0.1:4406" weir "}\n" FK_TAIL
#define FK_RULES_TEXT FK_YAML("")
/* One connection a source: the legs of a statement take turns, and so do clients. */
#define FK_NARROW                                                                                            \
    "weir: {listen: 127.0.0.1:4406, transactions: best_effort}\n"                                            \
    "users: {app: {password: secret}}\n"                                                                     \
    "sources:\n"                                                                                             \
    "  s0: {address: 127.0.0.1:4411, user: weir, password: weir, max_connections: 1}\n"                      \
    "  s1: {address: 127.0.0.1:4412, user: weir, password: weir, max_connections: 1}\n"                      \
    "schemas:\n  shop:\n    default_source: s0\n    tables:\n"                                               \
    "      orders: {nodes: 's${0..1}.shop.orders_${0..1}', shard_by: id, algorithm: {type: mod}}\n"          \
    "      tickets: {nodes: 's${0..1}.shop.tickets', shard_by: id, algorithm: {type: mod}, generated: id}\n" \
    "      notes: {source: s1}\n"                                                                            \
    "  other:\n    default_source: s1\n"

static inline bool fk_add_table(struct catalog *c, const char *name)
{
    struct cat_column columns[] = {
        {.name = STR("id"), .type = STR("int(11)"), .cls = CAT_INT, .primary = true},
        {.name = STR("v"), .type = STR("int(11)"), .cls = CAT_INT, .nullable = true},
        {.name = STR("t"),
         .type = STR("varchar(20)"),
         .collation = STR("utf8mb4_general_ci"),
         .cls = CAT_TEXT,
         .nullable = true},
    };
    uint32_t primary = 0;
    struct cat_table t = {.schema = STR("shop"),
                          .name = str_of(name),
                          .columns = columns,
                          .ncolumns = COUNT_OF(columns),
                          .primary = &primary,
                          .nprimary = 1};
    return catalog_add(c, &t);
}

static inline void fk_retire(struct snapshot *s)
{
    struct fk_snap *n = CONTAINER_OF(s, struct fk_snap, s);
    for (int i = 0; i < FK_SOURCES; i++)
        FK_CHECK(n->conns[i] == 0, "source %d still counts %u connections", i, n->conns[i]);
    for (int i = 0; i < FK_SOURCES; i++)
        FK_CHECK(n->users[i] == 0, "user %d still counts %u sessions", i, n->users[i]);
    n->w->retired++;
    router_free(s->router);
    conf_free(s->conf);
    free(n);
}

static inline struct fk_snap *fk_snap_new(struct fk *w, const char *yaml)
{
    struct diag d;
    struct fk_snap *n = calloc(1, sizeof *n);
    if (!n) abort();
    diag_init(&d);
    n->w = w;
    n->s.conf = conf_load_text(str_of(yaml), STR("rules.yaml"), &d);
    if (n->s.conf) n->s.router = router_new(n->s.conf, &d);
    if (!n->s.router) {
        struct buf out = {0};
        diag_print(&d, &out);
        FK_FAIL("rules: %.*s", STR_ARG(buf_str(&out)));
    }
    diag_release(&d);
    n->s.control = (struct control *)(void *)w;
    n->s.source_conns = n->conns;
    n->s.user_conns = n->users;
    n->s.retire = fk_retire;
    n->s.refs = 1;
    w->snaps++;
    return n;
}

/* A realm of these rules becomes the engine's. */
static inline void fk_install(struct fk *w, const char *yaml)
{
    struct realm *old = w->e.realm;
    struct fk_snap *n = fk_snap_new(w, yaml);
    struct catalog *c = catalog_new(w->snaps);
    static const char *const tables[] = {"orders", "tickets", "notes", "plain"};
    for (size_t i = 0; i < COUNT_OF(tables); i++) FK_CHECK(c && fk_add_table(c, tables[i]), "catalog");
    w->e.realm = realm_new(&w->e, &n->s, c);
    FK_CHECK(w->e.realm, "realm");
    catalog_unref(c);
    snapshot_unref(&n->s);
    w->snap = n;
    if (old) realm_retire(old);
}

static inline struct fk *fk_new(const char *yaml)
{
    struct fk *w = calloc(1, sizeof *w);
    if (!w) abort();
    fk_world = w;
    list_init(&w->links);
    engine_init(&w->e, &fk_engine_ops, w, 0);
    w->e.now_ms = 1000000;
    w->e.now_us = w->e.now_ms * 1000;
    w->ids_next = 1000;
    for (int i = 0; i < FK_SOURCES; i++) w->src[i].plugin = "mysql_native_password";
    fk_install(w, yaml ? yaml : FK_RULES_TEXT);
    return w;
}

static inline void fk_on(struct fk *w, int source, const char *match, const char *reply, int times)
{
    FK_CHECK(w->nrules < FK_RULES, "too many rules");
    w->rules[w->nrules++] = (struct fk_rule){source, match, reply, times};
}

/* ---- what must hold between events ---- */

static inline uint32_t fk_live(const struct fk *w, bool server)
{
    uint32_t n = 0;
    for (const struct list *i = w->links.next; i != &w->links; i = i->next) {
        const struct fk_link *k = CONTAINER_OF(i, const struct fk_link, node);
        n += k->server == server && !k->closed;
    }
    return n;
}

static inline void fk_check(struct fk *w)
{
    struct realm *r = w->e.realm;
    if (!r || w->snaps != w->retired + 1) return; /* connections of retired realms are not counted here */
    uint32_t total = 0;
    for (uint32_t i = 0; i < r->conf->nsources; i++) {
        struct pool *p = &r->pools[i];
        uint32_t mine = p->nidle + p->nopening + p->nbusy, idle = 0;
        for (int k = 0; k < CONN_CLASSES; k++) {
            for (struct list *n = p->idle[k].next; n != &p->idle[k]; n = n->next) idle++;
        }
        FK_CHECK(idle == p->nidle, "source %u: %u idle listed, %u counted", i, idle, p->nidle);
        FK_CHECK(mine == w->snap->conns[i], "source %u: %u in the pool, %u under the cap", i, mine,
                 w->snap->conns[i]);
        FK_CHECK(mine <= r->conf->sources[i].max_connections, "source %u: %u connections are over its cap", i,
                 mine);
        total += mine;
    }
    FK_CHECK(total == fk_live(w, true), "%u connections in pools, %u links", total, fk_live(w, true));
    uint32_t waiting = 0, counted = 0;
    for (struct list *n = w->e.pool_waiters.next; n != &w->e.pool_waiters; n = n->next) waiting++;
    for (uint32_t i = 0; i < r->conf->nsources; i++) counted += r->pools[i].nwaiting;
    FK_CHECK(waiting == counted, "%u requests wait, %u are counted", waiting, counted);
}

static inline void fk_reap(struct fk *w)
{
    for (struct list *i = w->links.next, *next; i != &w->links; i = next) {
        struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
        next = i->next;
        if (k->closed && k->server) fk_link_free(k);
    }
}

#endif
