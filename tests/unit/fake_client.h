/*
 * fake_client.h - clients on fake links. A reply is read strictly (numbers without a gap, known forms,
 * nothing left over) and shown as text:
 *
 *   OK 1 id=7 warn=2 T M info:...         T: in a transaction, M: more results, A-: autocommit is off
 *   ERR 1064 42000 message
 *   ROWS a,b|1,x|2,NULL                   END flags as for OK; C: a cursor is open, L: the last row was sent
 *   PREPARED 1 params:?,? columns:a,b     the id, the names of parameters and columns
 *   several results of one command are joined by " ;; "
 *
 * "" means no reply (yet), "CLOSED" that Weir closed the connection without one, "... CLOSED" after one,
 * "PART" that a reply has begun.
 */
#ifndef WEIR_TESTS_FAKE_CLIENT_H
#define WEIR_TESTS_FAKE_CLIENT_H

#include "fake_server.h"

#include "proxy/exec/prepared.h"

struct fk_client {
    struct fk *w;
    struct fk_link *l;
    uint32_t caps, offered, id;
    uint8_t nonce[WIRE_NONCE];
    char plugin[32];      /* that the greeting names */
    uint8_t switched[32]; /* data of the last request to switch */
    uint8_t collation; /* of the login; 0: utf8mb4_general_ci */
    uint8_t seq;       /* of the next packet of a login */
    uint8_t command;   /* whose reply is awaited */
    uint8_t reply_seq; /* number of its first packet */
    struct fb attributes; /* of a login with CONNECT_ATTRS */
    bool tables;       /* show a column as schema.table.name */
    uint8_t types[64]; /* of the last result's columns, for binary rows */
    uint64_t columns;
    uint32_t prepared; /* id that the last PREPARE gave */
    struct fb text;
};

enum {
    FK_CAPS_OLD = WIRE_CAP_LONG_PASSWORD | WIRE_CAP_LONG_FLAG | WIRE_CAP_PROTOCOL_41 | WIRE_CAP_TRANSACTIONS |
                  WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_MULTI_RESULTS |
                  WIRE_CAP_MULTI_STATEMENTS | WIRE_CAP_CONNECT_WITH_DB,
    FK_CAPS = FK_CAPS_OLD | WIRE_CAP_DEPRECATE_EOF
};

/* ---- reading replies ---- */

struct fk_reader {
    struct fk_client *c;
    size_t at;
    uint8_t seq;
    bool bad;
    struct fb payload;
};

/* 1: a packet; 0: not there yet; -1: malformed. */
static inline int fk_packet(struct fk_reader *r)
{
    uint8_t first = 0, last = 0;
    if (!fb_next(&r->c->l->got, &r->at, &first, &last, &r->payload)) return 0;
    if (first != r->seq) {
        fb_f(&r->c->text, "BAD sequence %u, not %u", first, r->seq);
        r->bad = true;
        return -1;
    }
    r->seq = (uint8_t)(last + 1);
    return 1;
}

static inline void fk_flags(struct fb *t, uint16_t status)
{
    if (status & WIRE_STATUS_IN_TRANS) fb_z(t, " T");
    if (status & WIRE_STATUS_MORE_RESULTS_EXISTS) fb_z(t, " M");
    if (!(status & WIRE_STATUS_AUTOCOMMIT)) fb_z(t, " A-");
    if (status & WIRE_STATUS_CURSOR_EXISTS) fb_z(t, " C");
    if (status & WIRE_STATUS_LAST_ROW_SENT) fb_z(t, " L");
}

static inline int fk_bad(struct fk_reader *r, const char *what)
{
    fb_f(&r->c->text, "BAD %s", what);
    r->bad = true;
    return -1;
}

static inline int fk_read_ok(struct fk_reader *r, bool *more)
{
    struct wire_reader w = wire_read(r->payload.p + 1, r->payload.n - 1);
    uint64_t affected = wire_get_lenenc(&w), id = wire_get_lenenc(&w), status = wire_get_uint(&w, 2),
             warn = wire_get_uint(&w, 2);
    struct str info = wire_left(&w) ? wire_get_lenstr(&w) : STR_NULL;
    struct fb *t = &r->c->text;
    if (w.bad || wire_left(&w)) return fk_bad(r, "OK packet");
    if (r->payload.p[0] == 0) fb_f(t, "OK %llu", (unsigned long long)affected);
    if (id) fb_f(t, " id=%llu", (unsigned long long)id);
    if (warn) fb_f(t, " warn=%u", (unsigned)warn);
    fk_flags(t, (uint16_t)status);
    if (info.len) fb_f(t, " info:%.*s", STR_ARG(info));
    *more = status & WIRE_STATUS_MORE_RESULTS_EXISTS;
    return 1;
}

static inline int fk_read_err(struct fk_reader *r)
{
    const char *p = r->payload.p;
    if (r->payload.n < 9 || p[3] != '#') return fk_bad(r, "ERR packet");
    fb_f(&r->c->text, "ERR %u %.5s ", (unsigned)((unsigned char)p[1] | (unsigned)(unsigned char)p[2] << 8),
         p + 4);
    fb_put(&r->c->text, p + 9, r->payload.n - 9);
    return 1;
}

static inline int fk_read_column(struct fk_reader *r, uint64_t number)
{
    bool first = number == 0;
    struct wire_reader w = wire_read(r->payload.p, r->payload.n);
    struct str f[6];
    for (int i = 0; i < 6; i++) f[i] = wire_get_lenstr(&w);
    if (w.bad || wire_left(&w) != 13 || *w.p != 0x0c) return fk_bad(r, "column definition");
    if (number < sizeof r->c->types) r->c->types[number] = w.p[7];
    fb_z(&r->c->text, first ? "" : ",");
    if (r->c->tables && f[3].len)
        fb_f(&r->c->text, "%.*s.%.*s.%.*s.", STR_ARG(f[1]), STR_ARG(f[2]), STR_ARG(f[3]));
    fb_put(&r->c->text, f[4].ptr, f[4].len);
    return 1;
}

static inline bool fk_is_binary(const struct fk_client *c)
{
    return c->command == WIRE_COM_STMT_EXECUTE || c->command == WIRE_COM_STMT_FETCH;
}

static inline int fk_read_binary_row(struct fk_reader *r, uint64_t columns)
{
    struct wire_reader w = wire_read(r->payload.p, r->payload.n);
    bool good = wire_get_uint(&w, 1) == 0;
    struct str nulls = wire_get_bytes(&w, (size_t)(columns + 9) / 8);
    for (uint64_t i = 0; good && !w.bad && i < columns; i++) {
        unsigned type = i < sizeof r->c->types ? r->c->types[i] : WIRE_TYPE_VAR_STRING, width = fk_width((int)type);
        fb_z(&r->c->text, i ? "," : "|");
        if ((unsigned char)nulls.ptr[(i + 2) / 8] >> (i + 2) % 8 & 1) {
            fb_z(&r->c->text, "NULL");
        } else if (type == WIRE_TYPE_DOUBLE) {
            double d;
            uint64_t u = wire_get_uint(&w, 8);
            memcpy(&d, &u, sizeof d);
            fb_f(&r->c->text, "%g", d);
        } else if (width) {
            uint64_t u = wire_get_uint(&w, width);
            fb_f(&r->c->text, "%lld", (long long)((int64_t)(u << (64 - 8 * width)) >> (64 - 8 * width)));
        } else {
            struct str v = wire_get_lenstr(&w);
            fb_put(&r->c->text, v.ptr, v.len);
        }
    }
    return !good || w.bad || wire_left(&w) ? fk_bad(r, "binary row") : 1;
}

static inline int fk_read_row(struct fk_reader *r, uint64_t columns)
{
    if (fk_is_binary(r->c)) return fk_read_binary_row(r, columns);
    struct wire_reader w = wire_read(r->payload.p, r->payload.n);
    for (uint64_t i = 0; i < columns; i++) {
        fb_z(&r->c->text, i ? "," : "|");
        if (wire_left(&w) && *w.p == 0xfb) {
            wire_get_uint(&w, 1);
            fb_z(&r->c->text, "NULL");
            continue;
        }
        struct str v = wire_get_lenstr(&w);
        fb_put(&r->c->text, v.ptr, v.len);
    }
    return w.bad || wire_left(&w) ? fk_bad(r, "row") : 1;
}

/* The end of column definitions or rows in the form that was agreed. */
static inline int fk_read_end(struct fk_reader *r, bool *more, bool show)
{
    const unsigned char *p = (const unsigned char *)r->payload.p;
    if (r->c->caps & WIRE_CAP_DEPRECATE_EOF) {
        if (r->payload.n < 7) return fk_bad(r, "end of rows: an EOF packet under DEPRECATE_EOF");
        fb_z(&r->c->text, " END");
        return fk_read_ok(r, more);
    }
    if (r->payload.n != 5) return fk_bad(r, "EOF packet");
    uint16_t status = (uint16_t)(p[3] | p[4] << 8), warn = (uint16_t)(p[1] | p[2] << 8);
    *more = status & WIRE_STATUS_MORE_RESULTS_EXISTS;
    if (!show) return 1;
    fb_z(&r->c->text, " END");
    if (warn) fb_f(&r->c->text, " warn=%u", warn);
    fk_flags(&r->c->text, status);
    return 1;
}

#define FK_NEXT(r)                                                                                           \
    do {                                                                                                     \
        int got_ = fk_packet(r);                                                                             \
        if (got_ <= 0) return got_;                                                                          \
    } while (0)

/* Rows up to their end; of a FETCH nothing comes before them. */
static inline int fk_read_rows_only(struct fk_reader *r, bool *more)
{
    for (;;) {
        unsigned char first = (unsigned char)r->payload.p[0];
        if (r->payload.n && first == 0xff) {
            fb_z(&r->c->text, " ");
            return fk_read_err(r);
        }
        if (r->payload.n && first == 0xfe && r->payload.n < 0xffffff) return fk_read_end(r, more, true);
        if (fk_read_row(r, r->c->columns) < 0) return -1;
        FK_NEXT(r);
    }
}

/* Definitions, and the EOF behind them where there is one: then *eof tells its status. */
static inline int fk_read_columns(struct fk_reader *r, uint64_t columns, bool *more, uint16_t *eof)
{
    for (uint64_t i = 0; i < columns; i++) {
        FK_NEXT(r);
        if ((unsigned char)r->payload.p[0] == 0xff) return fk_read_err(r);
        if (fk_read_column(r, i) < 0) return -1;
    }
    if (!(r->c->caps & WIRE_CAP_DEPRECATE_EOF) && columns) {
        FK_NEXT(r);
        if ((unsigned char)r->payload.p[0] == 0xff) return fk_read_err(r);
        if ((unsigned char)r->payload.p[0] != 0xfe) return fk_bad(r, "no EOF behind the column definitions");
        if (fk_read_end(r, more, false) < 0) return -1;
        *eof = (uint16_t)((unsigned char)r->payload.p[3] | (unsigned char)r->payload.p[4] << 8);
    }
    return 2;
}

static inline int fk_read_rows(struct fk_reader *r, bool *more)
{
    struct wire_reader w = wire_read(r->payload.p, r->payload.n);
    uint64_t columns = wire_get_lenenc(&w);
    uint16_t eof = 0;
    if (w.bad || wire_left(&w) || columns == 0 || columns > 4096) return fk_bad(r, "column count");
    fb_z(&r->c->text, "ROWS ");
    r->c->columns = columns;
    int got = fk_read_columns(r, columns, more, &eof);
    if (got != 2) return got;
    if (eof & WIRE_STATUS_CURSOR_EXISTS && r->c->command == WIRE_COM_STMT_EXECUTE) {
        fb_z(&r->c->text, " END");
        fk_flags(&r->c->text, eof);
        return 1;
    }
    FK_NEXT(r);
    return fk_read_rows_only(r, more);
}

static inline int fk_read_prepared(struct fk_reader *r, bool *more)
{
    struct wire_reader w = wire_read(r->payload.p + 1, r->payload.n - 1);
    uint32_t id = (uint32_t)wire_get_uint(&w, 4), columns = (uint32_t)wire_get_uint(&w, 2), params = (uint32_t)wire_get_uint(&w, 2);
    uint16_t eof;
    if (r->payload.n != 12 || w.bad || !id) return fk_bad(r, "OK of a PREPARE");
    r->c->prepared = id;
    fb_f(&r->c->text, "PREPARED %u params:", id);
    int got = fk_read_columns(r, params, more, &eof);
    if (got != 2) return got;
    fb_z(&r->c->text, " columns:");
    got = fk_read_columns(r, columns, more, &eof);
    return got == 2 ? 1 : got;
}

static inline int fk_read_result(struct fk_reader *r, bool *more)
{
    *more = false;
    FK_NEXT(r);
    if (r->payload.n == 0) return fk_bad(r, "empty packet");
    unsigned char first = (unsigned char)r->payload.p[0];
    if (r->c->command == WIRE_COM_STATISTICS) {
        fb_put(&r->c->text, r->payload.p, r->payload.n);
        return 1;
    }
    if (first == 0xff) return fk_read_err(r);
    if (r->c->command == WIRE_COM_STMT_PREPARE) return fk_read_prepared(r, more);
    if (r->c->command == WIRE_COM_STMT_FETCH) return fk_read_rows_only(r, more);
    if (r->c->command == WIRE_COM_FIELD_LIST) {
        for (bool one = true; (unsigned char)r->payload.p[0] != 0xfe; one = false) {
            struct wire_column c;
            if (wire_get_column(str_make(r->payload.p, r->payload.n), &c) != WIRE_OK)
                return fk_bad(r, "field");
            fb_f(&r->c->text, "%s%.*s.%.*s", one ? "FIELDS " : ",", STR_ARG(c.table), STR_ARG(c.name));
            FK_NEXT(r);
        }
        return fk_read_end(r, more, true);
    }
    if (first == 0x00) return fk_read_ok(r, more);
    if (first == 0xfe) return fk_read_end(r, more, true); /* COM_SET_OPTION */
    return fk_read_rows(r, more);
}

/* The whole reply of the last command, taken out of what the client has. */
static inline const char *fk_reply(struct fk_client *c)
{
    struct fk_reader r = {.c = c, .at = c->l->read, .seq = c->reply_seq};
    bool more = true;
    fb_clear(&c->text);
    bool begun = c->l->got.n > c->l->read;
    while (more) {
        size_t mark = c->text.n;
        if (mark) fb_z(&c->text, " ;; ");
        int got = fk_read_result(&r, &more);
        if (got > 0) continue;
        if (got < 0) break;
        fb_free(&r.payload);
        if (!c->l->closed) {
            fb_clear(&c->text);
            fb_z(&c->text, begun ? "PART" : "");
        } else { /* cut off */
            fb_z(&c->text, begun ? " CLOSED" : "CLOSED");
        }
        return fb_text(&c->text);
    }
    if (!r.bad) c->l->read = r.at;
    if (!r.bad && c->l->got.n > r.at) fb_f(&c->text, " BAD: %zu bytes more", c->l->got.n - r.at);
    if (c->l->closed) fb_z(&c->text, " CLOSED");
    fb_free(&r.payload);
    return fb_text(&c->text);
}

/* Everything that was received since, and is of no interest. */
static inline void fk_forget(struct fk_client *c)
{
    c->l->read = c->l->got.n;
}

/* ---- sending ---- */

static inline void fk_raw(struct fk_client *c, const void *p, size_t n)
{
    fb_put(&c->l->out, p, n);
}

static inline void fk_command_bytes(struct fk_client *c, uint8_t command, const void *p, size_t n)
{
    struct fb payload = {0};
    uint8_t seq = 0;
    fb_le(&payload, command, 1);
    fb_put(&payload, p, n);
    fb_packet(&c->l->out, &seq, payload.p, payload.n);
    fb_free(&payload);
    c->command = command;
    c->reply_seq = seq;
}

static inline const char *fk_do(struct fk_client *c, uint8_t command, const void *p, size_t n)
{
    fk_command_bytes(c, command, p, n);
    fk_run(c->w);
    return fk_reply(c);
}

static inline void fk_ask(struct fk_client *c, const char *sql)
{
    fk_command_bytes(c, WIRE_COM_QUERY, sql, strlen(sql));
}
static inline const char *fk_query(struct fk_client *c, const char *sql)
{
    return fk_do(c, WIRE_COM_QUERY, sql, strlen(sql));
}

/* ---- prepared statements ---- */

/* The reply: "PREPARED 1 params:?,? columns:a,b"; c->prepared is the id. */
static inline const char *fk_prepare(struct fk_client *c, const char *sql)
{
    c->prepared = 0;
    return fk_do(c, WIRE_COM_STMT_PREPARE, sql, strlen(sql));
}

/* Values: "i:5,u:7,d:1.5,s:text,N,L" - integers (8 bytes), a double, text, NULL, long data sent before. NULL: none. */
static inline void fk_put_params(struct fb *p, const char *values, bool bind)
{
    struct fb types = {0}, bytes = {0};
    uint8_t bits[32] = {0};
    unsigned n = 0;
    for (const char *at = values; at && *at; n++) {
        size_t len = strcspn(at, ",");
        uint16_t type = WIRE_TYPE_VAR_STRING;
        if (*at == 'N') {
            bits[n / 8] |= (uint8_t)(1 << n % 8);
        } else if (*at == 'i' || *at == 'u') {
            type = (uint16_t)(WIRE_TYPE_LONGLONG | (*at == 'u' ? WIRE_PARAM_UNSIGNED : 0));
            fb_le(&bytes, *at == 'i' ? (uint64_t)strtoll(at + 2, NULL, 10) : strtoull(at + 2, NULL, 10), 8);
        } else if (*at == 'd') {
            double d = strtod(at + 2, NULL);
            type = WIRE_TYPE_DOUBLE;
            fb_put(&bytes, &d, sizeof d);
        } else if (*at == 's') {
            fb_lenstr(&bytes, at + 2, len - 2);
        }
        fb_le(&types, type, 2);
        at += len + (at[len] == ',');
    }
    if (n) {
        fb_put(p, bits, (n + 7) / 8);
        fb_le(p, bind, 1);
        if (bind) fb_put(p, types.p, types.n);
        fb_put(p, bytes.p, bytes.n);
    }
    fb_free(&types);
    fb_free(&bytes);
}

static inline void fk_ask_execute(struct fk_client *c, uint32_t id, uint8_t flags, const char *values)
{
    struct fb p = {0};
    fb_le(&p, id, 4);
    fb_le(&p, flags, 1);
    fb_le(&p, 1, 4);
    fk_put_params(&p, values, true);
    fk_command_bytes(c, WIRE_COM_STMT_EXECUTE, p.p, p.n);
    fb_free(&p);
}
static inline const char *fk_execute(struct fk_client *c, uint32_t id, const char *values)
{
    fk_ask_execute(c, id, 0, values);
    fk_run(c->w);
    return fk_reply(c);
}
static inline const char *fk_open(struct fk_client *c, uint32_t id, const char *values)
{
    fk_ask_execute(c, id, WIRE_CURSOR_READ_ONLY, values);
    fk_run(c->w);
    return fk_reply(c);
}
static inline void fk_ask_fetch(struct fk_client *c, uint32_t id, uint32_t rows)
{
    struct fb p = {0};
    fb_le(&p, id, 4);
    fb_le(&p, rows, 4);
    fk_command_bytes(c, WIRE_COM_STMT_FETCH, p.p, p.n);
    fb_free(&p);
}
static inline const char *fk_fetch(struct fk_client *c, uint32_t id, uint32_t rows)
{
    fk_ask_fetch(c, id, rows);
    fk_run(c->w);
    return fk_reply(c);
}
/* COM_STMT_RESET; COM_STMT_CLOSE and SEND_LONG_DATA, which have no reply. */
static inline const char *fk_reset_stmt(struct fk_client *c, uint32_t id)
{
    struct fb p = {0};
    fb_le(&p, id, 4);
    const char *r = fk_do(c, WIRE_COM_STMT_RESET, p.p, p.n);
    fb_free(&p);
    return r;
}
static inline void fk_close_stmt(struct fk_client *c, uint32_t id)
{
    struct fb p = {0};
    fb_le(&p, id, 4);
    fk_command_bytes(c, WIRE_COM_STMT_CLOSE, p.p, p.n);
    fb_free(&p);
    fk_run(c->w);
}
static inline void fk_long_data(struct fk_client *c, uint32_t id, uint16_t param, const void *bytes, size_t n)
{
    struct fb p = {0};
    fb_le(&p, id, 4);
    fb_le(&p, param, 2);
    fb_put(&p, bytes, n);
    fk_command_bytes(c, WIRE_COM_STMT_SEND_LONG_DATA, p.p, p.n);
    fb_free(&p);
    fk_run(c->w);
}

/* ---- coming and going ---- */

/* address: 16 bytes; NULL: a Unix socket. */
static inline struct fk_client *fk_client_from(struct fk *w, uint32_t caps, const char *host, const uint8_t *address)
{
    struct fk_client *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->w = w;
    c->caps = caps;
    c->l = fk_link_new(w, false);
    c->l->link.is_unix = !address;
    c->id = ++w->next_client;
    c->reply_seq = 1;
    if (!session_new(&w->e, &c->l->link, c->id, host, address) && !c->l->closed) link_close(&c->l->link, false);
    fk_run(w);
    struct fb p = {0};
    uint8_t seq = 0, last = 0;
    struct wire_greeting g;
    if (fb_next(&c->l->got, &c->l->read, &seq, &last, &p) &&
        wire_get_greeting(str_make(p.p, p.n), &g) == WIRE_OK) {
        memcpy(c->nonce, g.nonce, WIRE_NONCE);
        c->offered = g.capabilities;
        snprintf(c->plugin, sizeof c->plugin, "%.*s", STR_ARG(g.auth_plugin));
        c->caps &= g.capabilities;
        c->seq = 1;
    }
    fb_free(&p);
    return c;
}

static inline struct fk_client *fk_client_new(struct fk *w, uint32_t caps)
{
    static const uint8_t from[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9};
    return fk_client_from(w, caps, "10.0.0.9", from);
}

/* A login packet with any answer to the nonce. */
static inline void fk_login_bytes(struct fk_client *c, const char *user, const void *auth, size_t n,
                                  const char *schema, const char *plugin)
{
    struct fb p = {0};
    fb_le(&p, c->caps, 4);
    fb_le(&p, 1 << 24, 4);
    fb_le(&p, c->collation ? c->collation : 45, 1);
    for (int i = 0; i < 23; i++) fb_le(&p, 0, 1);
    fb_put(&p, user, strlen(user) + 1);
    fb_lenstr(&p, auth, n);
    if (c->caps & WIRE_CAP_CONNECT_WITH_DB) fb_put(&p, schema, strlen(schema) + 1);
    if (c->caps & WIRE_CAP_PLUGIN_AUTH) fb_put(&p, plugin, strlen(plugin) + 1);
    if (c->caps & WIRE_CAP_CONNECT_ATTRS) fb_lenstr(&p, c->attributes.p, c->attributes.n);
    if (c->caps & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM) fb_le(&p, 11, 1);
    fb_packet(&c->l->out, &c->seq, p.p, p.n);
    fb_free(&p);
    c->command = WIRE_COM_SLEEP;
}

/* The reply to a login's packet: its number goes on from ours. */
static inline const char *fk_login_reply(struct fk_client *c)
{
    struct fk_reader r = {.c = c, .at = c->l->read, .seq = c->seq};
    fb_clear(&c->text);
    while (fk_packet(&r) > 0) {
        unsigned char first = (unsigned char)r.payload.p[0];
        bool more;
        if (c->text.n) fb_z(&c->text, ", ");
        if (first == 0xff)
            fk_read_err(&r);
        else if (first == 0x00)
            fk_read_ok(&r, &more);
        else if (first == 0xfe) {
            size_t at = strlen(r.payload.p + 1) + 2, n = r.payload.n > at ? r.payload.n - at : 0;
            memcpy(c->switched, r.payload.p + at, n < 32 ? n : 32);
            fb_f(&c->text, "SWITCH %s", r.payload.p + 1);
        }
        else if (first == 0x01 && r.payload.n == 2)
            fb_f(&c->text, "MORE %d", r.payload.p[1]);
        else if (first == 0x01)
            fb_f(&c->text, "MORE data");
        else
            fk_bad(&r, "packet of a login");
    }
    c->seq = r.seq;
    c->l->read = r.at;
    fb_free(&r.payload);
    if (c->l->closed) fb_z(&c->text, c->text.n ? " CLOSED" : "CLOSED");
    return fb_text(&c->text);
}

static inline const char *fk_login_by(struct fk_client *c, const char *user, const char *password,
                                      const char *schema, const char *plugin)
{
    uint8_t auth[32];
    bool sha2 = strcmp(plugin, "caching_sha2_password") == 0;
    if (sha2)
        wire_sha2_scramble(str_of(password), c->nonce, auth);
    else
        wire_native_scramble(str_of(password), c->nonce, auth);
    fk_login_bytes(c, user, auth, !password[0] ? 0 : sha2 ? 32 : 20, schema, plugin);
    fk_run(c->w);
    return fk_login_reply(c);
}

static inline const char *fk_login(struct fk_client *c, const char *user, const char *password,
                                   const char *schema)
{
    return fk_login_by(c, user, password, schema, "mysql_native_password");
}

/* A client that is logged in to `shop`. */
static inline struct fk_client *fk_client_caps(struct fk *w, uint32_t caps)
{
    struct fk_client *c = fk_client_new(w, caps);
    const char *r = fk_login(c, "app", "secret", "shop");
    FK_CHECK(strcmp(r, "OK 0") == 0, "login: %s", r);
    return c;
}
static inline struct fk_client *fk_client(struct fk *w)
{
    return fk_client_caps(w, FK_CAPS);
}

static inline void fk_leave(struct fk_client *c)
{
    fk_hang_up(c->l, 0);
    fk_run(c->w);
    FK_CHECK(c->l->closed, "the session did not close its link");
    fk_link_free(c->l);
    fb_free(&c->text);
    fb_free(&c->attributes);
    free(c);
}

/* Commands that servers received since the last call; the caller frees nothing. */
static inline const char *fk_seen(struct fk *w)
{
    static struct fb last;
    fb_clear(&last);
    fb_put(&last, w->log.p, w->log.n);
    fb_clear(&w->log);
    return fb_text(&last);
}

/* The end of the world: clients were left before. Nothing may be left over. */
static inline void fk_free(struct fk *w)
{
    w->fault = FK_F_NONE;
    for (int i = 0; i < FK_SOURCES; i++) {
        w->src[i].hold = false;
        w->src[i].up = FK_UP;
    }
    w->hold_catalog = false;
    fk_run(w);
    FK_CHECK(list_empty(&w->e.sessions) && w->e.nsessions == 0, "%u sessions are left", w->e.nsessions);
    FK_CHECK(list_empty(&w->e.pool_waiters) && list_empty(&w->e.id_waiters) &&
                 list_empty(&w->e.catalog_waiters),
             "somebody waits still");
    struct realm *r = w->e.realm;
    for (uint32_t i = 0; i < r->conf->nsources; i++) {
        FK_CHECK(r->pools[i].nbusy == 0 && r->pools[i].nopening == 0 && r->pools[i].nwaiting == 0,
                 "source %u: %u busy, %u opening, %u waiting", i, r->pools[i].nbusy, r->pools[i].nopening,
                 r->pools[i].nwaiting);
    }
    w->e.realm = NULL;
    realm_retire(r);
    prepared_tick(&w->e); /* those that no client has any more */
    FK_CHECK(w->retired == w->snaps, "%u of %u configurations were given back", w->retired, w->snaps);
    exec_free_all(&w->e);
    FK_CHECK(w->e.settings.len == 1, "%u sets of settings are left", w->e.settings.len);
    engine_release(&w->e);
    fk_reap(w);
    FK_CHECK(fk_live(w, true) == 0, "%u server links are open", fk_live(w, true));
    fb_free(&w->log);
    fb_free(&w->lines);
    fb_free(&w->kills);
    fk_world = NULL;
    free(w);
}

#define assert_text(got, want)                                                                               \
    do {                                                                                                     \
        const char *got_ = (got), *want_ = (want);                                                           \
        if (strcmp(got_, want_) != 0) FK_FAIL("%s:\n  got  %s\n  want %s", #got, got_, want_);               \
    } while (0)
#define assert_has(got, part)                                                                                \
    do {                                                                                                     \
        const char *got_ = (got), *part_ = (part);                                                           \
        if (!strstr(got_, part_)) FK_FAIL("%s:\n  got  %s\n  without %s", #got, got_, part_);                \
    } while (0)
#define assert_lacks(got, part)                                                                              \
    do {                                                                                                     \
        const char *got_ = (got), *part_ = (part);                                                           \
        if (strstr(got_, part_)) FK_FAIL("%s:\n  got  %s\n  with %s", #got, got_, part_);                    \
    } while (0)

#endif
