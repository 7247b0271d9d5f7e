/*
 * fake_stmt.h - the fake servers' side of prepared statements: COM_STMT_PREPARE, EXECUTE, FETCH, CLOSE, RESET,
 * binary rows, cursors.
 *
 * In the log they look like this, so that rules (fk_on) fit them as they fit a query:
 *
 *   s0#1 PREPARE SELECT v FROM notes WHERE id = ?
 *   s0#1 EXECUTE SELECT v FROM notes WHERE id = ? [5]       EXECUTE+C: a cursor is asked for
 *   s0#1 FETCH 64 SELECT v FROM notes WHERE id = ?
 *   s0#1 CLOSE SELECT v FROM notes WHERE id = ?             nothing is answered, so no rule applies
 *
 * The answer to PREPARE takes its columns from "ROWS a:3,b|..." (the rows are left out); "PREPARED 2 3" claims 2
 * parameters and 3 columns and describes them, "PREPARED 2 3 0" describes none of them. Anything else is an answer as for
 * a query. A cursor's rows are kept until they are fetched; FETCH answers "EMPTY" as a server that forgets to say
 * that it was the last row, "FLOOD" with a thousand rows more than were asked for.
 *
 * A command for a statement that is not there fails the test: Weir must know what each server has. fk_run() checks
 * at its end that an idle connection has just those statements that Weir keeps a note of.
 */
#ifndef WEIR_TESTS_FAKE_STMT_H
#define WEIR_TESTS_FAKE_STMT_H

#include "fake.h"

static inline struct fk_stmt *fk_stmt_by_id(struct fk_link *k, uint32_t id)
{
    for (uint32_t i = 0; i < k->nstmts; i++) {
        if (k->stmts[i]->id == id) return k->stmts[i];
    }
    return NULL;
}

static inline struct fk_stmt *fk_stmt_add(struct fk_link *k, const char *text, size_t n)
{
    struct fk_stmt *st = calloc(1, sizeof *st);
    struct fk_stmt **all = realloc(k->stmts, sizeof(struct fk_stmt *) * (k->nstmts + 1));
    if (!st || !all) abort();
    k->stmts = all;
    st->id = ++k->next_stmt;
    fb_put(&st->text, text, n);
    char quote = 0;
    for (size_t i = 0; i < n; i++) {
        if (quote) quote = text[i] == quote ? 0 : quote;
        else if (text[i] == '\'' || text[i] == '"' || text[i] == '`') quote = text[i];
        else if (text[i] == '?') st->nparams++;
    }
    k->stmts[k->nstmts++] = st;
    return st;
}

static inline void fk_stmt_free(struct fk_stmt *st)
{
    fb_free(&st->text);
    fb_free(&st->rows);
    free(st);
}

static inline void fk_stmt_drop(struct fk_link *k, struct fk_stmt *st)
{
    for (uint32_t i = 0; i < k->nstmts; i++) {
        if (k->stmts[i] != st) continue;
        k->stmts[i] = k->stmts[--k->nstmts];
        fk_stmt_free(st);
        return;
    }
}

/* ---- values ---- */

static inline unsigned fk_width(int type)
{
    switch (type) {
    case WIRE_TYPE_TINY: return 1;
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_YEAR: return 2;
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_FLOAT: return 4;
    case WIRE_TYPE_LONGLONG:
    case WIRE_TYPE_DOUBLE: return 8;
    default: return 0;
    }
}

/* "1,x,NULL" as a binary row of those types. */
static inline void fk_binary_row(struct fb *out, const int *types, unsigned ntypes, const char *row, size_t n)
{
    uint8_t bits[64] = {0};
    struct fb values = {0};
    const char *end = row + n;
    unsigned i = 0;
    for (const char *at = row; at <= end; i++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma ? comma : end) - at);
        int type = i < ntypes ? types[i] : WIRE_TYPE_VAR_STRING;
        if (len == 4 && memcmp(at, "NULL", 4) == 0) {
            bits[(i + 2) / 8] |= (uint8_t)(1 << (i + 2) % 8);
        } else if (type == WIRE_TYPE_DOUBLE) {
            double d = strtod(at, NULL);
            fb_put(&values, &d, sizeof d);
        } else if (fk_width(type)) {
            fb_le(&values, (uint64_t)strtoll(at, NULL, 10), fk_width(type));
        } else {
            fb_lenstr(&values, at, len);
        }
        at += len + 1;
    }
    fb_le(out, 0, 1);
    fb_put(out, bits, (i + 9) / 8);
    fb_put(out, values.p, values.n);
    fb_free(&values);
}

/* The row of the result under way: now, or kept for FETCH. */
static inline void fk_stmt_row(struct fk_link *k, struct fb *out, uint8_t *seq, const void *p, size_t n)
{
    if (!k->running || !k->opens_cursor) {
        fb_packet(out, seq, p, n);
        return;
    }
    fb_le(&k->running->rows, n, 4);
    fb_put(&k->running->rows, p, n);
}

/* The parameters of COM_STMT_EXECUTE as text, for the log; checks that they are well-formed. */
static inline void fk_log_params(struct fk *w, struct fk_stmt *st, struct wire_reader *r, struct fb *line)
{
    if (w->hostile) return;
    if (!st->nparams) {
        FK_CHECK(wire_left(r) == 0, "EXECUTE without parameters has %zu bytes more", wire_left(r));
        return;
    }
    struct str nulls = wire_get_bytes(r, (size_t)(st->nparams + 7) / 8);
    if (wire_get_uint(r, 1)) {
        for (unsigned i = 0; i < st->nparams; i++) {
            uint16_t type = (uint16_t)wire_get_uint(r, 2);
            if (i < COUNT_OF(st->types)) st->types[i] = type;
        }
        st->bound = true;
    }
    FK_CHECK(!r->bad && st->bound, "EXECUTE without types: %s", st->text.p);
    for (unsigned i = 0; i < st->nparams && i < COUNT_OF(st->types); i++) {
        unsigned width = fk_width(st->types[i] & 0xff);
        fb_z(line, i ? "," : " [");
        if ((unsigned char)nulls.ptr[i / 8] >> i % 8 & 1) {
            fb_z(line, "NULL");
        } else if ((st->types[i] & 0xff) == WIRE_TYPE_DOUBLE) {
            double d;
            uint64_t u = wire_get_uint(r, 8);
            memcpy(&d, &u, sizeof d);
            fb_f(line, "%g", d);
        } else if (width) {
            uint64_t u = wire_get_uint(r, width);
            int64_t v = (int64_t)(u << (64 - 8 * width)) >> (64 - 8 * width);
            if (st->types[i] & WIRE_PARAM_UNSIGNED) fb_f(line, "%lluu", (unsigned long long)u);
            else fb_f(line, "%lld", (long long)v);
        } else {
            struct str s = wire_get_lenstr(r);
            fb_put(line, s.ptr, s.len < 200 ? s.len : 200);
            if (s.len >= 200) fb_f(line, "...%zu", s.len);
        }
    }
    fb_z(line, "]");
    FK_CHECK(!r->bad && wire_left(r) == 0, "malformed EXECUTE of %s: %s", st->text.p, line->p);
}

/* ---- commands ---- */

static inline bool fk_is_stmt(uint8_t command)
{
    return command >= WIRE_COM_STMT_PREPARE && command <= WIRE_COM_STMT_FETCH && command != WIRE_COM_SET_OPTION;
}

/* Behind "s0#1 ": what the command is. The statement, for all but PREPARE. */
static inline struct fk_stmt *fk_stmt_line(struct fk_link *k, const struct fb *payload, struct fb *line)
{
    struct wire_reader r = wire_read(payload->p + 1, payload->n - 1);
    uint8_t cmd = (uint8_t)payload->p[0];
    if (cmd == WIRE_COM_STMT_PREPARE) {
        fb_z(line, "PREPARE ");
        fb_put(line, payload->p + 1, payload->n - 1);
        return NULL;
    }
    uint32_t id = (uint32_t)wire_get_uint(&r, 4);
    struct fk_stmt *st = fk_stmt_by_id(k, id);
    FK_CHECK(st || k->w->hostile, "s%u#%u has no statement %u (command %u):\n%s", k->source, k->number, id, cmd, fb_text(&k->w->log));
    if (!st) {
        fb_z(line, "?");
        return NULL;
    }
    if (cmd == WIRE_COM_STMT_EXECUTE) {
        uint8_t flags = (uint8_t)wire_get_uint(&r, 1);
        FK_CHECK(wire_get_uint(&r, 4) == 1, "EXECUTE with iterations");
        k->opens_cursor = flags & WIRE_CURSOR_READ_ONLY;
        fb_f(line, "EXECUTE%s ", k->opens_cursor ? "+C" : "");
        fb_put(line, st->text.p, st->text.n);
        fk_log_params(k->w, st, &r, line);
    } else if (cmd == WIRE_COM_STMT_FETCH) {
        st->wanted = (uint32_t)wire_get_uint(&r, 4);
        fb_f(line, "FETCH %u ", st->wanted);
        fb_put(line, st->text.p, st->text.n);
    } else {
        fb_z(line, cmd == WIRE_COM_STMT_CLOSE ? "CLOSE " : cmd == WIRE_COM_STMT_RESET ? "RESET " : "LONG_DATA ");
        fb_put(line, st->text.p, st->text.n);
    }
    FK_CHECK(!r.bad, "a command that is too short: %s", line->p);
    return st;
}

static inline uint16_t fk_status(const struct fk_link *k);
static inline void fk_put_eof(struct fb *out, uint8_t *seq, uint32_t caps, uint16_t status, uint64_t warn);
static inline void fk_put_column(struct fb *out, uint8_t *seq, const char *table, const char *name, size_t len,
                                 int type);
static inline uint64_t fk_put_defs(struct fb *out, uint8_t *seq, const char *spec, size_t n, int *types,
                                   const char **rows);

static inline void fk_prepare_ok(struct fk_link *k, const char *text, size_t n, const char *spec)
{
    struct fk_stmt *st = fk_stmt_add(k, text, n);
    struct fb p = {0}, defs = {0};
    uint8_t seq = k->reply_seq, unused = 0;
    unsigned params = st->nparams, columns = 0, described = 1;
    if (strncmp(spec, "ROWS", 4) == 0) columns = (unsigned)fk_put_defs(&defs, &unused, spec, strlen(spec), NULL, NULL);
    else if (strncmp(spec, "MANY", 4) == 0) columns = 1;
    else if (strncmp(spec, "PREPARED", 8) == 0) (void)sscanf(spec, "PREPARED %u %u %u", &params, &columns, &described);
    fb_le(&p, 0, 1);
    fb_le(&p, st->id, 4);
    fb_le(&p, columns, 2);
    fb_le(&p, params, 2);
    fb_le(&p, 0, 3);
    fb_packet(&k->out, &seq, p.p, p.n);
    for (unsigned i = 0; described && i < params; i++) fk_put_column(&k->out, &seq, "", "?", 1, WIRE_TYPE_VAR_STRING);
    bool eof = !(k->caps & WIRE_CAP_DEPRECATE_EOF);
    if (described && params && eof) fk_put_eof(&k->out, &seq, 0, fk_status(k), 0);
    if (strncmp(spec, "ROWS", 4) == 0) {
        fb_clear(&defs);
        fk_put_defs(&k->out, &seq, spec, strlen(spec), NULL, NULL);
    } else {
        for (unsigned i = 0; described && i < columns; i++) fk_put_column(&k->out, &seq, "", "v", 1, WIRE_TYPE_LONG);
    }
    if (described && columns && eof) fk_put_eof(&k->out, &seq, 0, fk_status(k), 0);
    fb_free(&p);
    fb_free(&defs);
}

static inline void fk_fetch_rows(struct fk_link *k, struct fk_stmt *st, const char *spec)
{
    uint8_t seq = k->reply_seq;
    bool empty = spec && strcmp(spec, "EMPTY") == 0;
    uint32_t wanted = st->wanted + (spec && strcmp(spec, "FLOOD") == 0 ? 1000 : 0), sent = 0;
    FK_CHECK(st->cursor || k->w->hostile, "s%u#%u has no cursor of %s:\n%s", k->source, k->number, st->text.p, fb_text(&k->w->log));
    while (!empty && sent < wanted && st->at < st->rows.n) {
        uint32_t n;
        memcpy(&n, st->rows.p + st->at, 4);
        fb_packet(&k->out, &seq, st->rows.p + st->at + 4, n);
        st->at += 4 + n;
        sent++;
    }
    bool last = !empty && sent < wanted;
    if (last) st->cursor = false;
    fk_put_eof(&k->out, &seq, k->caps,
               (uint16_t)(fk_status(k) | (last ? WIRE_STATUS_LAST_ROW_SENT : WIRE_STATUS_CURSOR_EXISTS)), 0);
}

/* ---- what must hold when all is quiet ---- */

static inline void fk_check_stmts(struct fk *w)
{
    for (struct list *i = w->links.next; i != &w->links; i = i->next) {
        struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
        if (!k->server || k->closed || k->phase != 9 || k->read < k->got.n) continue;
        const struct conn *c = k->link.owner;
        if (!c || c->state != CONN_IDLE || w->hostile) continue;
        FK_CHECK(k->nstmts == c->stmts.n, "s%u#%u has %u statements, Weir knows of %u:\n%s", k->source, k->number, k->nstmts,
                 c->stmts.n, fb_text(&w->log));
        FK_CHECK(list_empty(&c->cursors), "an idle connection has cursors");
        for (uint32_t n = 0; n < c->stmts.n; n++) {
            const struct server_stmt *x = c->stmts.at[n];
            struct fk_stmt *st = fk_stmt_by_id(k, x->id);
            FK_CHECK(st && str_eq(x->text, str_make(st->text.p, st->text.n)), "s%u#%u: statement %u is another", k->source,
                     k->number, x->id);
            FK_CHECK(!st->cursor, "s%u#%u: an idle connection has a cursor of %s", k->source, k->number, st->text.p);
        }
    }
}

#endif
