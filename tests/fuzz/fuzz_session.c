/*
 * fuzz_session.c - what a client and the servers behind it may say, in any order and in any pieces: the whole
 * core (login, commands, statements, transactions, merges) on fake links. The input is a script:
 *
 *   first byte   capabilities of the client, connections a source, size of chunks
 *   then         operation (low 4 bits), length of its data, data
 *
 * Operation COMMAND with data 0xf0 to 0xf6 is one of prepared statements, well-formed as far as its data go: PREPARE one of `prepared`, EXECUTE (with a
 * cursor), FETCH, RESET, CLOSE, long data. The bytes alone find the way there slowly.
 *
 * Nothing may crash, leak, stay busy or be sent to a closed link; counters of pools must agree (fake.h checks
 * them after each event).
 */
#include <stdio.h>
#include <stdlib.h>

#ifndef FK_FAIL /* test_exec_random.c has its own */
#define FK_FAIL(...)                                                                                         \
    do {                                                                                                     \
        fprintf(stderr, __VA_ARGS__);                                                                        \
        fputc('\n', stderr);                                                                                 \
        abort();                                                                                             \
    } while (0)
#endif
#include "tests/unit/fake_client.h"

enum op {
    OP_QUERY,
    OP_COMMAND,
    OP_CLIENT_BYTES,
    OP_SERVER_BYTES,
    OP_RUN,
    OP_TICK,
    OP_HANG_UP,
    OP_SERVER_CLOSES,
    OP_HOLD,
    OP_TAKE,
    OP_KILL,
    OP_ANSWER,
    OP_STATEMENT,
    OP_RELOAD,
    OP_IDS,
    OP_SECOND_CLIENT
};

/* Statements that reach every way through exec/; the fuzzer finds their grammar slowly by itself. */
static const char *const statements[] = {
    "SELECT v FROM orders WHERE id = 1",
    "SELECT v FROM orders",
    "SELECT v FROM orders ORDER BY v LIMIT 2",
    "SELECT COUNT(*) FROM orders",
    "UPDATE orders SET v = 1",
    "INSERT INTO tickets (v) VALUES (1), (2)",
    "INSERT INTO orders (id, v) VALUES (0, 1), (2, 2)",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "ROLLBACK TO a",
    "SET autocommit = 0",
    "SET @a = 1 + 1",
    "SELECT @a FROM notes",
    "SET sql_mode = 'ANSI'",
    "ALTER TABLE orders ADD x INT",
    "LOCK TABLES orders WRITE",
    "UNLOCK TABLES",
    "SHOW TABLES",
    "SHOW WARNINGS",
    "SELECT 1; SELECT v FROM orders; SELECT 2",
    "CREATE TEMPORARY TABLE t (id INT)",
    "SELECT * FROM notes",
    "USE other",
    "SHOW COLUMNS FROM orders",
};
static const char *const prepared[] = {
    "SELECT v FROM orders WHERE id = ?",
    "SELECT v FROM orders ORDER BY v LIMIT ?",
    "SELECT v FROM orders",
    "SELECT v, COUNT(*) FROM orders GROUP BY v",
    "UPDATE orders SET v = ?",
    "UPDATE orders SET v = ?, t = ? WHERE id = ?",
    "INSERT INTO tickets (v) VALUES (?), (?)",
    "INSERT INTO orders (id, v) VALUES (?, ?)",
    "SELECT * FROM notes WHERE id > ?",
    "SHOW TABLES",
    "SET @a = ?",
    "SELECT @a, LAST_INSERT_ID(), ? FROM notes",
    "COMMIT",
    "SHOW PROCESSLIST",
    "ALTER TABLE orders ADD x INT",
    "SELECT 1; SELECT 2",
};
/* Answers of servers, by the words of fake_server.h. */
static const char *const answers[] = {"OK 1",
                                      "OK 1 warn=1",
                                      "ERR 1213 40001 Deadlock",
                                      "ERR 1064 42000 no",
                                      "ROWS v:3|1|2",
                                      "MANY 40 900",
                                      "SILENT",
                                      "CLOSE",
                                      "BADSEQ",
                                      "INFILE",
                                      "ROWS a:3|1 ;; OK 0",
                                      "ROWS v:3|1 ;; ERR 1105 HY000 x",
                                      "ROWS v:3|1|2|3|4|5|6|7|8|9|10|11|12",
                                      "ROWS v:8,t:253|1,x|2,NULL",
                                      "PREPARED 65535 1 0",
                                      "PREPARED 1 65535 0",
                                      "PREPARED 1 2",
                                      "ERR 1461 42000 full",
                                      "EMPTY",
                                      "FLOOD",
                                      "HANG",
                                      "MANY 9 30000"};
/* ... and to which commands. */
static const char *const matches[] = {"", "orders", "PREPARE", "EXECUTE", "EXECUTE+C", "FETCH", "QUERY", "notes"};

static struct fk_link *server_link(struct fk *w, unsigned n)
{
    struct fk_link *pick = NULL;
    for (struct list *i = w->links.next; i != &w->links; i = i->next) {
        struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
        if (!k->server || k->closed) continue;
        pick = k;
        if (n-- == 0) break;
    }
    return pick;
}

static struct fk_client *join(struct fk *w, uint32_t caps)
{
    struct fk_client *c = fk_client_new(w, caps);
    if (!c->l->closed) fk_login(c, "app", "secret", "shop");
    return c;
}

static void leave(struct fk_client *c)
{
    if (c) fk_leave(c);
}

/* A command of prepared statements. */
static void stmt_command(struct fk_client *c, uint8_t which, const uint8_t *p, size_t n)
{
    struct fb b = {0};
    uint32_t id = n ? (p[0] == 255 ? 0xffffffffu : p[0]) : 1;
    switch (which) {
    case 0: {
        const char *text = prepared[n ? p[0] % COUNT_OF(prepared) : 0];
        fk_command_bytes(c, WIRE_COM_STMT_PREPARE, text, strlen(text));
        return;
    }
    case 1:
    case 2:
        fb_le(&b, id, 4);
        fb_le(&b, which == 2, 1);
        fb_le(&b, 1, 4);
        if (n > 1) {
            static const char *const values[] = {"i:1", "i:2,i:3", "s:abc,N,i:5", "d:1.5", "L", "N,N", "s:7,L,i:1", "u:0"};
            fk_put_params(&b, values[p[1] % COUNT_OF(values)], p[1] < 128);
        }
        if (n > 2) fb_put(&b, p + 2, n - 2);
        fk_command_bytes(c, WIRE_COM_STMT_EXECUTE, b.p, b.n);
        break;
    case 3:
        fb_le(&b, id, 4);
        fb_le(&b, n > 1 ? p[1] : 3, 4);
        fk_command_bytes(c, WIRE_COM_STMT_FETCH, b.p, b.n);
        break;
    case 4:
    case 5:
        fb_le(&b, id, 4);
        fk_command_bytes(c, which == 4 ? WIRE_COM_STMT_RESET : WIRE_COM_STMT_CLOSE, b.p, b.n);
        break;
    default:
        fb_le(&b, id, 4);
        fb_le(&b, n > 1 ? p[1] % 4 : 0, 2);
        if (n > 2) fb_put(&b, p + 2, n - 2);
        fk_command_bytes(c, WIRE_COM_STMT_SEND_LONG_DATA, b.p, b.n);
        break;
    }
    fb_free(&b);
}

static void step(struct fk *w, struct fk_client **both, uint8_t op, const uint8_t *p, size_t n)
{
    struct fk_client *c = both[op >> 7 && both[1] ? 1 : 0];
    unsigned first = n ? p[0] : 0;
    struct session *s = c->l->link.owner;
    struct fk_link *k;
    switch ((enum op)(op & 15)) {
    case OP_QUERY: fk_command_bytes(c, WIRE_COM_QUERY, p, n); return;
    case OP_COMMAND:
        if (first >= 0xf0 && first <= 0xf6) {
            stmt_command(c, (uint8_t)(first - 0xf0), p + 1, n - 1);
            return;
        }
        fk_command_bytes(c, (uint8_t)first, n ? p + 1 : p, n ? n - 1 : 0); return;
    case OP_CLIENT_BYTES: fk_raw(c, p, n); return;
    case OP_SERVER_BYTES:
        if ((k = server_link(w, op >> 4 & 7))) fb_put(&k->out, p, n);
        w->hostile = true;
        return;
    case OP_RUN: fk_run(w); return;
    case OP_TICK: fk_tick(w, first * 100u); return;
    case OP_HANG_UP: fk_hang_up(c->l, 0); return;
    case OP_SERVER_CLOSES:
        if ((k = server_link(w, op >> 4 & 7))) k->close_after = (int)first;
        return;
    case OP_HOLD: w->src[first & 1].hold = first & 2; return;
    case OP_TAKE:
        c->l->taking = first & 1;
        fk_take(c->l, first * 4096u);
        return;
    case OP_KILL:
        if (s) session_kill(s, first & 1);
        return;
    case OP_ANSWER:
        if (n > 1) fk_on(w, p[1] & 16 ? (int)(p[1] >> 5 & 1) : -1, matches[p[1] & 7], answers[first % COUNT_OF(answers)], (int)(p[1] >> 6));
        else fk_on(w, -1, first & 16 ? "orders" : "", answers[first % 12], (int)(first >> 6));
        return;
    case OP_STATEMENT: fk_ask(c, statements[first % COUNT_OF(statements)]); return;
    case OP_RELOAD:
        if (w->snaps < 8)
            fk_install(w, first & 1 ? FK_RULES_TEXT
                                    : FK_YAML(", transactions: best_effort, statement_timeout: 3s"));
        return;
    case OP_IDS:
        w->ids_say = (enum ids_status)(first % 3);
        if (first & 4) exec_wake_ids(&w->e);
        return;
    case OP_SECOND_CLIENT:
        if (!both[1]) both[1] = join(w, c->caps);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n < 2) return 0;
    struct fk *w = fk_new(p[0] & 4 ? FK_NARROW : NULL);
    uint32_t caps = p[0] & 1 ? FK_CAPS : FK_CAPS_OLD;
    struct fk_client *both[2] = {p[0] & 2 ? fk_client_new(w, caps) : join(w, caps), NULL};
    w->chunk = p[0] >> 4;
    p++;
    n--;
    for (unsigned ops = 0; n >= 2 && ops < 200; ops++) {
        uint8_t op = p[0];
        size_t len = p[1] < n - 2 ? p[1] : n - 2;
        if (w->nrules == FK_RULES) w->nrules = 0;
        step(w, both, op, p + 2, len);
        p += 2 + len;
        n -= 2 + len;
    }
    fk_run(w);
    leave(both[0]);
    leave(both[1]);
    exec_wake_ids(&w->e);
    fk_tick(w, 600000); /* what is read to its end for nobody has its time too */
    for (struct list *i = w->links.next; w->e.nsessions && i != &w->links; i = i->next) {
        CONTAINER_OF(i, struct fk_link, node)->close_after =
            ECONNRESET; /* a commit may wait for a silent server */
    }
    fk_free(w);
    return 0;
}
