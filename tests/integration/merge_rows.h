/*
 * merge_rows.h - merge_check's last part: rows of a real server, in both protocols and through cursors,
 * merged and compared byte by byte with what the server answers from one table.
 *
 *   leg0 leg1 leg2   rows of every type, dealt at random     --merge-->  rows  \
 *   whole            all of them                             ------------------> must be the same bytes
 *
 * It speaks the protocol itself (the client library would show values, not rows). Doubles are multiples of
 * 1/8 so that their sums do not depend on the order of addition.
 */
#ifndef WEIR_TEST_MERGE_ROWS_H
#define WEIR_TEST_MERGE_ROWS_H

#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/merge/merge.h"

/* ---- a connection ---- */

struct line {
    int fd;
    uint32_t caps;
    uint8_t seq;
    struct buf in;
};

static void line_dies(const char *why)
{
    fprintf(stderr, "merge_check: %s\n", why);
    exit(2);
}

static void line_bytes(struct line *l, void *to, size_t n)
{
    for (size_t have = 0; have < n;) {
        ssize_t got = read(l->fd, (char *)to + have, n - have);
        if (got <= 0) line_dies("the server closed the connection");
        have += (size_t)got;
    }
}

/* One payload; a view until the next. */
static struct str line_read(struct line *l)
{
    unsigned char head[WIRE_HEADER];
    line_bytes(l, head, sizeof head);
    size_t n = wire_u24(head);
    if (n == WIRE_MAX_PAYLOAD) line_dies("a row is too long for this test");
    l->seq = (uint8_t)(head[3] + 1);
    buf_reset(&l->in);
    if (!buf_reserve(&l->in, n + 1)) line_dies("no memory");
    line_bytes(l, l->in.data, n);
    return str_make(l->in.data, n);
}

static void line_send(struct line *l, struct buf *b)
{
    for (size_t sent = 0; sent < b->len;) {
        ssize_t n = write(l->fd, b->data + sent, b->len - sent);
        if (n <= 0) line_dies("the server does not listen");
        sent += (size_t)n;
    }
    buf_release(b);
}

static void line_command(struct line *l, uint8_t command, struct str rest)
{
    struct buf b = {0};
    uint8_t seq = 0;
    size_t at = wire_begin(&b);
    buf_put_u8(&b, command);
    buf_put_str(&b, rest);
    wire_end(&b, at, &seq);
    line_send(l, &b);
}

static int line_connect(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    bool local = host[0] == '/';
    if (!local && getaddrinfo(host, port, &hints, &a)) return -1;
    int fd = socket(local ? AF_UNIX : a->ai_family, SOCK_STREAM, 0);
    snprintf(un.sun_path, sizeof un.sun_path, "%s", host);
    int one = 1; /* commands follow one another without an answer between */
    if (!local) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int bad = local ? connect(fd, (struct sockaddr *)&un, sizeof un) : connect(fd, a->ai_addr, a->ai_addrlen);
    if (!local) freeaddrinfo(a);
    return bad ? -1 : fd;
}

/* mysql_native_password, or caching_sha2_password by the server's public key. */
static void line_authenticate(struct line *l, struct str password, struct wire_greeting *g)
{
    struct str plugin, data;
    for (;;) {
        struct str p = line_read(l);
        struct buf b = {0}, clear = {0};
        uint8_t scramble[32];
        if (p.len && p.ptr[0] == 0) return;
        if (wire_is_err(p)) line_dies("the server refuses the login");
        if (p.len && (unsigned char)p.ptr[0] == 0xfe && wire_get_auth_switch(p, &plugin, &data) == WIRE_OK) {
            bool native = str_eq(plugin, STR("mysql_native_password"));
            if (data.len < WIRE_NONCE) line_dies("a short nonce");
            memcpy(g->nonce, data.ptr, WIRE_NONCE);
            if (native)
                wire_native_scramble(password, g->nonce, scramble);
            else
                wire_sha2_scramble(password, g->nonce, scramble);
            wire_put_packet(&b, &l->seq, scramble, native ? 20 : 32);
        } else if (p.len == 2 && p.ptr[0] == 1 && p.ptr[1] == 3) {
            continue; /* the fast way was good */
        } else if (p.len == 2 && p.ptr[0] == 1) {
            wire_put_packet(&b, &l->seq, "\2", 1);
        } else if (p.len && p.ptr[0] == 1) {
            if (!wire_rsa_encrypt(str_make(p.ptr + 1, p.len - 1), password, g->nonce, &clear))
                line_dies("no public key");
            wire_put_packet(&b, &l->seq, clear.data, clear.len);
            buf_release(&clear);
        } else {
            line_dies("the server asks for an authentication unknown here");
        }
        line_send(l, &b);
    }
}

static void line_open(struct line *l, const char *host, const char *port, const char *user,
                      const char *password, bool deprecate_eof)
{
    struct wire_greeting g;
    struct buf b = {0};
    uint8_t scramble[32];
    *l = (struct line){.fd = line_connect(host, port)};
    if (l->fd < 0 || wire_get_greeting(line_read(l), &g) != WIRE_OK) line_dies("no server there");
    uint32_t want = WIRE_CAP_LONG_PASSWORD | WIRE_CAP_LONG_FLAG | WIRE_CAP_CONNECT_WITH_DB |
                    WIRE_CAP_PROTOCOL_41 | WIRE_CAP_TRANSACTIONS | WIRE_CAP_SECURE_CONNECTION |
                    WIRE_CAP_PLUGIN_AUTH | (deprecate_eof ? WIRE_CAP_DEPRECATE_EOF : 0);
    l->caps = want & g.capabilities;
    wire_native_scramble(str_of(password), g.nonce, scramble);
    struct wire_login login = {.capabilities = l->caps,
                               .max_packet = 1 << 24,
                               .collation = 45,
                               .user = str_of(user),
                               .auth = str_make(scramble, 20),
                               .schema = STR("weir_check"),
                               .has_schema = true,
                               .auth_plugin = STR("mysql_native_password")};
    wire_put_login(&b, &l->seq, &login);
    line_send(l, &b);
    line_authenticate(l, str_of(password), &g);
}

/* ---- an answer: its payloads ---- */

struct answer {
    struct buf bytes;
    size_t at[4096];
    uint32_t n, first_row, columns;
};

static void answer_add(struct answer *r, struct str p)
{
    if (r->n + 2 > COUNT_OF(r->at)) line_dies("too many rows for this test");
    r->at[r->n++] = r->bytes.len;
    buf_put_str(&r->bytes, p);
    r->at[r->n] = r->bytes.len;
}

static struct str answer_get(const struct answer *r, uint32_t i)
{
    return str_make(r->bytes.data + r->at[i], r->at[i + 1] - r->at[i]);
}

static void answer_clear(struct answer *r)
{
    buf_reset(&r->bytes);
    r->n = 0;
}

/* Reads on to the end of rows (or of a cursor's definitions). */
static void answer_read(struct line *l, struct answer *r, const char *sql)
{
    struct str p = line_read(l);
    if (wire_is_err(p) || p.ptr[0] == 0) {
        fprintf(stderr, "merge_check: no rows for: %s\n" STR_FMT "\n", sql, (int)p.len - 9, p.ptr + 9);
        exit(2);
    }
    r->columns = (unsigned char)p.ptr[0];
    answer_add(r, p);
    for (uint32_t i = 0; i < r->columns; i++) answer_add(r, line_read(l));
    bool eof = !(l->caps & WIRE_CAP_DEPRECATE_EOF);
    uint16_t status = 0, warnings;
    r->first_row = r->n;
    for (bool rows = !eof;; rows = true) {
        p = line_read(l);
        if (wire_is_err(p)) line_dies("an error in mid-result");
        answer_add(r, p);
        if ((unsigned char)p.ptr[0] != 0xfe) continue;
        if (!rows) r->first_row = r->n;
        if (rows || wire_get_eof(p, &status, &warnings) != WIRE_OK || status & WIRE_STATUS_CURSOR_EXISTS)
            return;
    }
}

static uint32_t prepare(struct line *l, const char *sql)
{
    struct wire_prepared ok;
    line_command(l, WIRE_COM_STMT_PREPARE, str_of(sql));
    if (wire_get_prepare_ok(line_read(l), &ok) != WIRE_OK) {
        fprintf(stderr, "merge_check: not prepared: %s\n", sql);
        exit(2);
    }
    uint32_t eof = l->caps & WIRE_CAP_DEPRECATE_EOF ? 0 : 1;
    for (uint32_t i = 0; ok.columns && i < ok.columns + eof; i++) (void)line_read(l);
    return ok.id;
}

static void execute(struct line *l, uint32_t id, uint8_t flags)
{
    struct buf b = {0};
    buf_put_u32(&b, id);
    buf_put_u8(&b, flags);
    buf_put_u32(&b, 1);
    line_command(l, WIRE_COM_STMT_EXECUTE, buf_str(&b));
    buf_release(&b);
}

static void close_statement(struct line *l, uint32_t id)
{
    struct buf b = {0};
    buf_put_u32(&b, id);
    line_command(l, WIRE_COM_STMT_CLOSE, buf_str(&b));
    buf_release(&b);
}

static void answer_to(struct line *l, bool binary, const char *sql, struct answer *r)
{
    answer_clear(r);
    if (!binary) {
        line_command(l, WIRE_COM_QUERY, str_of(sql));
        answer_read(l, r, sql);
        return;
    }
    uint32_t id = prepare(l, sql);
    execute(l, id, WIRE_CURSOR_NONE);
    answer_read(l, r, sql);
    close_statement(l, id);
}

/* ---- merging ---- */

enum { LEGS = 3 };
static struct answer rows_of[LEGS], whole, merged;
static unsigned rows_checked;

/* Packets for the client -> answer. */
static void take_apart(struct answer *r, struct str out)
{
    for (size_t at = 0; at < out.len;) {
        size_t n = wire_u24(out.ptr + at);
        answer_add(r, str_make(out.ptr + at + WIRE_HEADER, n));
        at += WIRE_HEADER + n;
    }
}

static void complain(const struct fault *f, const char *sql)
{
    differ("  %u " STR_FMT ": %s", f->code, STR_ARG(f->message), sql);
}

static void merge_answers(const struct merge_options *o, uint32_t caps, const char *sql)
{
    struct merge *m = merge_new(o);
    struct buf out = {0};
    struct arena a;
    struct fault f;
    uint32_t next[LEGS] = {0};
    uint8_t seq = 1;
    arena_init(&a, 0);
    answer_clear(&merged);
    for (;;) {
        enum merge_state st = merge_run(m, &out, &seq, 2000, &a, &f);
        if (st == MERGE_FAULT) complain(&f, sql);
        if (st != MERGE_FULL && st != MERGE_NEED) break;
        for (uint32_t leg = 0; st == MERGE_NEED && leg < LEGS; leg++)
            while (merge_wants(m, leg) && next[leg] < rows_of[leg].n)
                if (!merge_put(m, leg, answer_get(&rows_of[leg], next[leg]++), caps, &a, &f))
                    complain(&f, sql), next[leg] = UINT32_MAX;
    }
    take_apart(&merged, buf_str(&out));
    buf_release(&out);
    arena_release(&a);
    merge_free(m);
}

/* The rows of both, byte by byte. `skip` packets before the first one here. */
static void same_rows(uint32_t skip, const char *sql)
{
    uint32_t want = whole.n - 1 - whole.first_row, got = merged.n > skip ? merged.n - skip - 1 : 0;
    rows_checked += want;
    if (want != got) differ("  %u rows, the server has %u: %s", got, want, sql);
    for (uint32_t i = 0; i < want && i < got; i++) {
        struct str a = answer_get(&merged, skip + i), b = answer_get(&whole, whole.first_row + i);
        if (str_eq(a, b)) continue;
        char x[2][130] = {"", ""};
        for (size_t k = 0; k < 64 && (k < a.len || k < b.len); k++) {
            if (k < a.len) snprintf(x[0] + 2 * k, 3, "%02x", (unsigned char)a.ptr[k]);
            if (k < b.len) snprintf(x[1] + 2 * k, 3, "%02x", (unsigned char)b.ptr[k]);
        }
        differ("  row %u: %s\n    merged %s\n    server %s", i, sql, x[0], x[1]);
        return;
    }
}

/* The legs are asked for hidden columns besides; the whole table for the page. */
static void compare(struct line *l, bool binary, const struct merge_spec *spec, const char *select,
                    const char *hidden, const char *rest, uint64_t offset, uint64_t limit)
{
    char sql[1200], tail[80] = "";
    struct merge_options o = {.spec = spec,
                              .nlegs = LEGS,
                              .client_capabilities = WIRE_CAP_PROTOCOL_41 | WIRE_CAP_DEPRECATE_EOF,
                              .has_limit = limit != 0,
                              .offset = offset,
                              .limit = limit,
                              .window = 4096,
                              .max_memory = 10 << 20,
                              .binary = binary};
    for (int leg = 0; leg < LEGS; leg++) {
        snprintf(sql, sizeof sql, "SELECT %s%s FROM leg%d %s", select, hidden, leg, rest);
        answer_to(l, binary, sql, &rows_of[leg]);
    }
    if (limit)
        snprintf(tail, sizeof tail, " LIMIT %llu OFFSET %llu", (unsigned long long)limit,
                 (unsigned long long)offset);
    snprintf(sql, sizeof sql, "SELECT %s FROM whole %s%s", select, rest, tail);
    answer_to(l, binary, sql, &whole);
    merge_answers(&o, l->caps, sql);
    same_rows(1 + whole.columns, sql);
}

/* ---- cursors ---- */

/* The legs' cursors are asked for seven rows at a time, the client asks for five. */
static void compare_cursor(struct line *l, const struct merge_spec *spec, const char *select,
                           const char *hidden, const char *rest)
{
    char sql[1200];
    struct merge_options o = {.spec = spec,
                              .nlegs = LEGS,
                              .client_capabilities = WIRE_CAP_PROTOCOL_41 | WIRE_CAP_DEPRECATE_EOF,
                              .window = 4096,
                              .max_memory = 10 << 20,
                              .binary = true,
                              .cursor = true};
    snprintf(sql, sizeof sql, "SELECT %s FROM whole %s", select, rest);
    answer_to(l, true, sql, &whole);
    struct merge *m = merge_new(&o);
    struct buf out = {0};
    struct arena a;
    struct fault f = {0};
    uint32_t ids[LEGS];
    uint8_t seq = 1;
    bool good = true;
    arena_init(&a, 0);
    answer_clear(&merged);
    for (uint32_t leg = 0; leg < LEGS; leg++) {
        snprintf(sql, sizeof sql, "SELECT %s%s FROM leg%u %s", select, hidden, leg, rest);
        ids[leg] = prepare(l, sql);
        execute(l, ids[leg], WIRE_CURSOR_READ_ONLY);
        answer_clear(&rows_of[leg]);
        answer_read(l, &rows_of[leg], sql);
        for (uint32_t i = 0; good && i < rows_of[leg].n; i++)
            good = merge_put(m, leg, answer_get(&rows_of[leg], i), l->caps, &a, &f);
        if (good && !merge_leg_ended(m, leg)) differ("  no cursor: %s", sql);
        merge_leg_goes_on(m, leg);
    }
    enum merge_state st = good ? merge_run_rows(m, &out, &seq, 0, &a, &f) : MERGE_FAULT;
    out.len = 0;
    for (uint64_t left = 5; st == MERGE_FULL || st == MERGE_NEED;) {
        uint64_t before = merge_rows_out(m);
        if (st == MERGE_FULL) left = 5;
        st = merge_run_rows(m, &out, &seq, left, &a, &f);
        left -= merge_rows_out(m) - before;
        if (st != MERGE_NEED && out.len) out.len -= WIRE_HEADER + 7; /* the end: OK with 0xfe */
        for (uint32_t leg = 0; leg < LEGS && st == MERGE_NEED; leg++) {
            if (!merge_needs(m, leg)) continue;
            struct buf b = {0};
            uint16_t status = 0;
            buf_put_u32(&b, ids[leg]);
            buf_put_u32(&b, 7);
            line_command(l, WIRE_COM_STMT_FETCH, buf_str(&b));
            buf_release(&b);
            for (bool end = false; !end;) {
                struct str p = line_read(l);
                struct wire_ok ok;
                uint16_t warnings;
                if (wire_is_err(p)) line_dies("an error in place of a cursor's rows");
                end = (unsigned char)p.ptr[0] == 0xfe;
                if (end && l->caps & WIRE_CAP_DEPRECATE_EOF)
                    status = wire_get_ok(p, l->caps, &ok) == WIRE_OK ? ok.status : 0;
                else if (end && wire_get_eof(p, &status, &warnings) != WIRE_OK)
                    status = 0;
                if (!merge_put(m, leg, p, l->caps, &a, &f)) st = MERGE_FAULT;
            }
            if (!(status & WIRE_STATUS_LAST_ROW_SENT)) merge_leg_goes_on(m, leg);
        }
    }
    if (st == MERGE_FAULT) complain(&f, sql);
    take_apart(&merged, buf_str(&out));
    answer_add(&merged, STR("end"));
    same_rows(0, sql);
    for (uint32_t leg = 0; leg < LEGS; leg++) close_statement(l, ids[leg]);
    buf_release(&out);
    arena_release(&a);
    merge_free(m);
}

/* ---- what is compared ---- */

static const struct {
    const char *name, *type;
    bool is_text, binary_only; /* FLOAT: its text does not tell its value */
    const char *values[6];
} kinds[] = {
    {"c_tiny", "TINYINT", 0, 0, {"-128", "-1", "0", "1", "100", "127"}},
    {"c_utiny", "TINYINT UNSIGNED ZEROFILL", 0, 0, {"0", "1", "9", "127", "128", "255"}},
    {"c_small", "SMALLINT", 0, 0, {"-32768", "-1", "0", "255", "256", "32767"}},
    {"c_int24", "MEDIUMINT", 0, 0, {"-8388608", "-1", "0", "65535", "65536", "8388607"}},
    {"c_int", "INT", 0, 0, {"-2147483648", "-1", "0", "1", "70000", "2147483647"}},
    {"c_uint", "INT UNSIGNED", 0, 0, {"0", "1", "70000", "2147483647", "2147483648", "4294967295"}},
    {"c_big", "BIGINT", 0, 0, {"-9223372036854775808", "-1", "0", "1", "4294967296", "9223372036854775807"}},
    {"c_ubig",
     "BIGINT UNSIGNED",
     0,
     0,
     {"0", "1", "9223372036854775807", "9223372036854775808", "9223372036854775809", "18446744073709551615"}},
    {"c_float", "FLOAT", 0, 1, {"-3.4e38", "-0.1", "0", "0.1", "16777215", "16777216"}},
    {"c_double",
     "DOUBLE",
     0,
     0,
     {"-1.7976931348623157e308", "-0.1", "0", "2.2250738585072014e-308", "0.1", "1e15"}},
    {"c_fixed", "DOUBLE(20,3)", 0, 0, {"-1000000.125", "-0.125", "0", "0.125", "2.5", "1000000.875"}},
    {"c_dec",
     "DECIMAL(40,10)",
     0,
     0,
     {"-999999999999999999999999999999.0000000001", "-0.0000000001", "0", "0.0000000001", "1.5",
      "123456789012345678901234567890.1"}},
    {"c_date",
     "DATE",
     0,
     0,
     {"'0000-00-00'", "'1000-01-01'", "'1999-00-00'", "'2000-02-29'", "'2024-02-29'", "'9999-12-31'"}},
    {"c_datetime",
     "DATETIME(6)",
     0,
     0,
     {"'0000-00-00'", "'2024-02-29'", "'2024-02-29 00:00:00.000001'", "'2024-02-29 00:00:01'",
      "'2024-02-29 10:11:12.5'", "'9999-12-31 23:59:59.999999'"}},
    {"c_datetime0",
     "DATETIME",
     0,
     0,
     {"'0000-00-00'", "'1999-12-31 23:59:59'", "'2000-01-01'", "'2000-01-01 00:00:01'", "'2024-02-29'",
      "'9999-12-31 23:59:59'"}},
    {"c_stamp",
     "TIMESTAMP(3) NULL",
     0,
     0,
     {"'0000-00-00'", "'1971-01-01'", "'2001-01-01 00:00:00.5'", "'2001-01-01 00:00:00.501'", "'2024-02-29'",
      "'2037-01-01'"}},
    {"c_time",
     "TIME(6)",
     0,
     0,
     {"'-838:59:59'", "'-00:00:00.000001'", "'00:00:00'", "'23:59:59.999999'", "'24:00:00'", "'838:59:59'"}},
    {"c_year", "YEAR", 0, 0, {"0", "1901", "1999", "2000", "2024", "2155"}},
    {"c_bit", "BIT(20)", 0, 0, {"0", "1", "255", "256", "65536", "1048575"}},
    {"c_char",
     "VARCHAR(30) COLLATE utf8mb4_general_ci",
     1,
     0,
     {"''", "'a'", "'ab '", "'b'", "'Z'", "'\u00e4'"}},
    {"c_text",
     "TEXT COLLATE utf8mb4_unicode_ci",
     1,
     0,
     {"''", "'a'", "'\\t'", "'b'", "'\u00df'", "'\u65e5\u672c'"}},
    {"c_bin", "VARBINARY(300)", 0, 0, {"''", "'a'", "'a '", "REPEAT('x', 251)", "REPEAT('x', 250)", "x'ff'"}},
    {"c_blob", "BLOB", 0, 0, {"''", "'12345678a'", "'12345678b'", "REPEAT('y', 3000)", "x'00'", "x'fb'"}},
};

/* Leaves the database to the caller. */
static void rows_fill(void)
{
    char make[4000] = "CREATE TABLE whole (id INT PRIMARY KEY, g INT";
    unsigned seed = 77;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t n = strlen(make);
        snprintf(make + n, sizeof make - n, ", %s %s", kinds[i].name, kinds[i].type);
    }
    strcat(make, ") CHARACTER SET utf8mb4");
    run(make);
    for (int leg = 0; leg < LEGS; leg++) {
        snprintf(make, sizeof make, "CREATE TABLE leg%d LIKE whole", leg);
        run(make);
    }
    for (int id = 0; id < 200; id++) {
        snprintf(make, sizeof make, "INSERT INTO whole VALUES (%d, %d", id, rand_r(&seed) % 9);
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            size_t n = strlen(make);
            bool null = rand_r(&seed) % 8 == 0;
            snprintf(make + n, sizeof make - n, ", %s", null ? "NULL" : kinds[i].values[rand_r(&seed) % 6]);
        }
        strcat(make, ")");
        run(make);
        snprintf(make, sizeof make, "INSERT INTO leg%d SELECT * FROM whole WHERE id = %d",
                 rand_r(&seed) % LEGS, id);
        run(make);
    }
}

#define AT(where, i) ((struct merge_column){where, i})

static void check_order(struct line *l, size_t i, bool binary)
{
    char select[300], hidden[100], rest[200];
    const char *c = kinds[i].name;
    for (int desc = 0; desc < 2; desc++) {
        /* The key in a hidden column: its weight, or a copy; descending and not text: the visible one. */
        bool hides = kinds[i].is_text || !desc;
        struct merge_key keys[] = {{.value = AT(kinds[i].is_text || desc ? MERGE_VISIBLE : MERGE_HIDDEN,
                                                desc || kinds[i].is_text ? 1 : 0),
                                    .desc = desc},
                                   {.value = AT(MERGE_VISIBLE, 0)}};
        if (kinds[i].is_text) {
            keys[0].has_weight = true;
            keys[0].weight = AT(MERGE_HIDDEN, 0);
            keys[0].collation = str_of(strstr(kinds[i].type, "utf8mb4_"));
        }
        struct merge_spec spec = {.order = keys, .norder = 2, .nhidden = hides};
        snprintf(select, sizeof select, "id, %s, g, %s, %s", c, kinds[(i + 5) % COUNT_OF(kinds)].name,
                 kinds[(i + 11) % COUNT_OF(kinds)].name);
        hidden[0] = 0;
        if (hides) snprintf(hidden, sizeof hidden, kinds[i].is_text ? ", WEIGHT_STRING(%s)" : ", %s AS h", c);
        snprintf(rest, sizeof rest, "ORDER BY %s %s, id", c, desc ? "DESC" : "");
        compare(l, binary, &spec, select, hidden, rest, 0, 0);
        compare(l, binary, &spec, select, hidden, rest, 7, 50);
        if (binary) compare_cursor(l, &spec, select, hidden, rest);
        if (kinds[i].is_text || desc) continue;
        struct merge_key one[] = {{.value = AT(MERGE_VISIBLE, 0)}};
        struct merge_spec distinct = {.order = one, .norder = 1, .distinct = true};
        snprintf(rest, sizeof rest, "ORDER BY %s", c);
        snprintf(select, sizeof select, "DISTINCT %s", c);
        compare(l, binary, &distinct, select, "", rest, 0, 0);
    }
}

/* Groups by g: counts, sums, averages, the least and the largest of the type. */
static void check_groups(struct line *l, size_t i, bool binary)
{
    char select[500], hidden[300];
    const char *c = kinds[i].name;
    struct merge_key by[] = {{.value = AT(MERGE_VISIBLE, 0)}},
                     final[] = {{.value = AT(MERGE_VISIBLE, 2), .desc = true},
                                {.value = AT(MERGE_VISIBLE, 0)}};
    struct merge_output out[] = {{.fn = MERGE_FIRST},
                                 {.fn = MERGE_COUNT},
                                 {.fn = MERGE_COUNT},
                                 {.fn = MERGE_MIN},
                                 {.fn = MERGE_MAX},
                                 {.fn = MERGE_SUM},
                                 {.fn = MERGE_SUM},
                                 {.fn = MERGE_SUM},
                                 {.fn = MERGE_AVG, .sum = AT(MERGE_HIDDEN, 2), .count = AT(MERGE_HIDDEN, 3)},
                                 {.fn = MERGE_AVG, .sum = AT(MERGE_HIDDEN, 4), .count = AT(MERGE_HIDDEN, 5)},
                                 {.fn = MERGE_AVG, .sum = AT(MERGE_HIDDEN, 6), .count = AT(MERGE_HIDDEN, 7)}};
    struct merge_spec spec = {
        .nhidden = 8, .grouped = true, .group = by, .ngroup = 1, .outputs = out, .noutputs = COUNT_OF(out)};
    for (int k = 3; k < 5 && kinds[i].is_text; k++) {
        out[k].has_weight = true;
        out[k].weight = AT(MERGE_HIDDEN, (uint32_t)k - 3);
        out[k].collation = str_of(strstr(kinds[i].type, "utf8mb4_"));
    }
    snprintf(select, sizeof select,
             "g, COUNT(*), COUNT(%s), MIN(%s), MAX(%s), SUM(c_dec), SUM(c_int), SUM(c_fixed), AVG(c_dec), "
             "AVG(c_ubig), AVG(c_fixed)",
             c, c, c);
    snprintf(hidden, sizeof hidden,
             ", %s(%s)%s, %s(%s)%s, SUM(c_dec), COUNT(c_dec), SUM(c_ubig), COUNT(c_ubig), SUM(c_fixed), "
             "COUNT(c_fixed)",
             kinds[i].is_text ? "WEIGHT_STRING(MIN" : "MIN", c, kinds[i].is_text ? ")" : "",
             kinds[i].is_text ? "WEIGHT_STRING(MAX" : "MAX", c, kinds[i].is_text ? ")" : "");
    compare(l, binary, &spec, select, hidden, "GROUP BY g ORDER BY g", 0, 0);
    compare(l, binary, &spec, select, hidden, "GROUP BY g ORDER BY g", 2, 3);
    if (binary) compare_cursor(l, &spec, select, hidden, "GROUP BY g ORDER BY g");
    if (!kinds[i].is_text) {
        struct merge_key other[] = {{.value = AT(MERGE_VISIBLE, 0)}};
        struct merge_output few[] = {
            {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_SUM}, {.fn = MERGE_MAX}};
        struct merge_spec mine = {
            .grouped = true, .group = other, .ngroup = 1, .outputs = few, .noutputs = 4};
        char rest[100];
        snprintf(select, sizeof select, "%s, COUNT(*), SUM(c_ubig), MAX(c_time)", c);
        snprintf(rest, sizeof rest, "GROUP BY %s ORDER BY %s", c, c);
        compare(l, binary, &mine, select, "", rest, 0, 0);
    }
    /* Sorted by a merged value: the whole's ORDER BY is another than the legs'. */
    spec.final_order = final;
    spec.nfinal_order = 2;
    char sql[1200];
    for (int leg = 0; leg < LEGS; leg++) {
        snprintf(sql, sizeof sql, "SELECT g, COUNT(*), COUNT(%s)%s FROM leg%d GROUP BY g ORDER BY g", c,
                 ", 1", leg);
        answer_to(l, binary, sql, &rows_of[leg]);
    }
    struct merge_spec sorted = {.nhidden = 1,
                                .grouped = true,
                                .group = by,
                                .ngroup = 1,
                                .outputs = out,
                                .noutputs = 3,
                                .final_order = final,
                                .nfinal_order = 2};
    struct merge_options o = {.spec = &sorted,
                              .nlegs = LEGS,
                              .client_capabilities = WIRE_CAP_PROTOCOL_41 | WIRE_CAP_DEPRECATE_EOF,
                              .window = 4096,
                              .max_memory = 10 << 20,
                              .binary = binary};
    snprintf(sql, sizeof sql, "SELECT g, COUNT(*), COUNT(%s) FROM whole GROUP BY g ORDER BY 3 DESC, 1", c);
    answer_to(l, binary, sql, &whole);
    merge_answers(&o, l->caps, sql);
    same_rows(1 + whole.columns, sql);
}

static void check_rows(const char *host, const char *port, const char *user, const char *password)
{
    unsigned before = wrong;
    rows_fill();
    for (int eof = 0; eof < 2; eof++) {
        struct line l;
        line_open(&l, host, port, user, password, eof);
        line_command(&l, WIRE_COM_QUERY, STR("SET SESSION sql_mode=''"));
        (void)line_read(&l);
        for (int binary = 0; binary < 2; binary++)
            for (size_t i = 0; i < COUNT_OF(kinds); i++) {
                if (!kinds[i].binary_only || binary) check_order(&l, i, binary);
                if (!kinds[i].binary_only || binary) check_groups(&l, i, binary);
            }
        line_command(&l, WIRE_COM_QUIT, STR(""));
        close(l.fd);
        buf_release(&l.in);
    }
    for (int leg = 0; leg < LEGS; leg++) buf_release(&rows_of[leg].bytes);
    buf_release(&whole.bytes);
    buf_release(&merged.bytes);
    printf("%s rows: %u merged in text, in binary and through cursors, %u differences\n",
           wrong == before ? "ok" : "FAILED", rows_checked, wrong - before);
}

#endif
