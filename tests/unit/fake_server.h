/*
 * fake_server.h - the servers behind the fake links: greeting, login, commands answered by script; and
 * fk_run(), which moves the bytes.
 *
 * What a server received is in fk->log, a line a command: "s0#1 QUERY SELECT 1" is connection 1, of source 0.
 * Answers (fk_on) are written as
 *
 *   OK 2 id=7 warn=1 info=Rows matched: 2  Changed: 2  Warnings: 1
 *   ERR 1213 40001 Deadlock found
 *   ROWS id:3,v|1,x|2,NULL            types after the colon; ROWS@orders_0 names the table in the definitions
 *   MANY 1000 200                     rows of one column of 200 bytes
 *   SILENT   CLOSE   BADSEQ   INFILE   HANG (silent until KILL QUERY)
 *   FILE                              asks for a file; what comes is in the log as "s0#1 FILE ...", and is answered as a command is
 *   <answer> ;; <answer>              several results
 *
 * Prepared statements: fake_stmt.h.
 *
 * Without a rule a server behaves as MySQL does, as far as transactions matter: it knows whether one is open,
 * and counts in fk_source.committed the writes that became durable.
 */
#ifndef WEIR_TESTS_FAKE_SERVER_H
#define WEIR_TESTS_FAKE_SERVER_H

#include "fake_stmt.h"

static inline uint16_t fk_status(const struct fk_link *k)
{
    return (uint16_t)((k->in_trans ? WIRE_STATUS_IN_TRANS : 0) |
                      (k->no_autocommit ? 0 : WIRE_STATUS_AUTOCOMMIT));
}

static inline void fk_put_ok(struct fb *out, uint8_t *seq, uint8_t head, uint64_t affected, uint64_t id,
                             uint16_t status, uint64_t warn, const char *info)
{
    struct fb p = {0};
    fb_le(&p, head, 1);
    fb_lenenc(&p, affected);
    fb_lenenc(&p, id);
    fb_le(&p, status, 2);
    fb_le(&p, warn, 2);
    if (info[0])
        fb_lenstr(&p, info, strlen(info)); /* with its length, as servers do whatever the manual says */
    fb_packet(out, seq, p.p, p.n);
    fb_free(&p);
}

static inline void fk_put_err(struct fb *out, uint8_t *seq, unsigned code, const char *state,
                              const char *message)
{
    struct fb p = {0};
    fb_le(&p, 0xff, 1);
    fb_le(&p, code, 2);
    fb_f(&p, "#%.5s%s", state, message);
    fb_packet(out, seq, p.p, p.n);
    fb_free(&p);
}

static inline void fk_put_eof(struct fb *out, uint8_t *seq, uint32_t caps, uint16_t status, uint64_t warn)
{
    struct fb p = {0};
    if (caps & WIRE_CAP_DEPRECATE_EOF) {
        fk_put_ok(out, seq, 0xfe, 0, 0, status, warn, "");
        return;
    }
    fb_le(&p, 0xfe, 1);
    fb_le(&p, warn, 2);
    fb_le(&p, status, 2);
    fb_packet(out, seq, p.p, p.n);
    fb_free(&p);
}

static inline void fk_put_column(struct fb *out, uint8_t *seq, const char *table, const char *name,
                                 size_t len, int type)
{
    struct fb p = {0};
    fb_lenstr(&p, "def", 3);
    fb_lenstr(&p, table[0] ? "shop" : "", table[0] ? 4 : 0);
    fb_lenstr(&p, table, strlen(table));
    fb_lenstr(&p, table, strlen(table));
    fb_lenstr(&p, name, len);
    fb_lenstr(&p, name, len);
    fb_le(&p, 0x0c, 1);
    fb_le(&p, type == WIRE_TYPE_VAR_STRING ? 45 : 63, 2);
    fb_le(&p, 1024, 4);
    fb_le(&p, (uint64_t)type, 1);
    fb_le(&p, 0, 5);
    fb_packet(out, seq, p.p, p.n);
    fb_free(&p);
}

static inline void fk_put_row(struct fb *out, uint8_t *seq, const char *row, size_t n)
{
    struct fb p = {0};
    const char *end = row + n;
    for (const char *at = row; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma ? comma : end) - at);
        if (len == 4 && memcmp(at, "NULL", 4) == 0)
            fb_le(&p, 0xfb, 1);
        else
            fb_lenstr(&p, at, len);
        at += len + 1;
    }
    fb_packet(out, seq, p.p, p.n);
    fb_free(&p);
}

/* "ROWS[@table] a:3,b|..." -> definitions. How many; where the rows begin, NULL: there are none. */
static inline uint64_t fk_put_defs(struct fb *out, uint8_t *seq, const char *spec, size_t n, int *types,
                                   const char **rows)
{
    char table[64] = "";
    const char *end = spec + n, *at = spec + 4;
    if (*at == '@') {
        size_t len = strcspn(++at, " ");
        snprintf(table, sizeof table, "%.*s", (int)len, at);
        at += len;
    }
    at++;
    const char *bar = memchr(at, '|', (size_t)(end - at));
    const char *names_end = bar ? bar : end;
    uint64_t columns = 0;
    for (const char *c = at; c <= names_end; columns++) {
        const char *comma = memchr(c, ',', (size_t)(names_end - c)), *stop = comma ? comma : names_end;
        const char *colon = memchr(c, ':', (size_t)(stop - c));
        int type = colon ? atoi(colon + 1) : WIRE_TYPE_VAR_STRING;
        fk_put_column(out, seq, table, c, (size_t)((colon ? colon : stop) - c), type);
        if (types && columns < 64) types[columns] = type;
        c = stop + 1;
    }
    if (rows) *rows = bar;
    return columns;
}

/* Behind the definitions: an EOF, or the end of an EXECUTE that opens a cursor. */
static inline uint16_t fk_put_defs_end(struct fb *out, uint8_t *seq, struct fk_link *k, uint16_t status)
{
    if (k->running && k->opens_cursor) {
        k->running->cursor = true;
        k->running->at = 0;
        fb_clear(&k->running->rows);
        status = (uint16_t)(status | WIRE_STATUS_CURSOR_EXISTS);
        fk_put_eof(out, seq, k->caps, status, 0);
    } else if (!(k->caps & WIRE_CAP_DEPRECATE_EOF)) {
        fk_put_eof(out, seq, 0, status, 0);
    }
    return status;
}

static inline void fk_put_rows(struct fb *out, uint8_t *seq, struct fk_link *k, const char *spec, size_t n,
                               uint16_t status)
{
    struct fb head = {0}, defs = {0};
    int types[64];
    const char *bar, *end = spec + n;
    uint8_t def_seq = (uint8_t)(*seq + 1);
    uint64_t columns = fk_put_defs(&defs, &def_seq, spec, n, types, &bar);
    fb_lenenc(&head, columns);
    fb_packet(out, seq, head.p, head.n);
    fb_put(out, defs.p, defs.n);
    *seq = def_seq;
    fb_free(&head);
    fb_free(&defs);
    fk_put_defs_end(out, seq, k, status);
    while (bar) {
        const char *row = bar + 1;
        bar = memchr(row, '|', (size_t)(end - row));
        size_t len = (size_t)((bar ? bar : end) - row);
        if (!k->running) {
            fk_put_row(out, seq, row, len);
            continue;
        }
        struct fb p = {0};
        fk_binary_row(&p, types, (unsigned)(columns < 64 ? columns : 64), row, len);
        fk_stmt_row(k, out, seq, p.p, p.n);
        fb_free(&p);
    }
    if (!k->running || !k->opens_cursor) fk_put_eof(out, seq, k->caps, status, 0);
}

static inline void fk_put_many(struct fb *out, uint8_t *seq, struct fk_link *k, unsigned rows, unsigned size,
                               uint16_t status)
{
    uint8_t one = 1;
    struct fb p = {0};
    fb_packet(out, seq, &one, 1);
    fk_put_column(out, seq, "", "v", 1, WIRE_TYPE_VAR_STRING);
    fk_put_defs_end(out, seq, k, status);
    if (k->running) fb_le(&p, 0, 2);
    fb_lenenc(&p, size);
    for (unsigned i = 0; i < size; i++) fb_put(&p, "x", 1);
    for (unsigned i = 0; i < rows; i++) fk_stmt_row(k, out, seq, p.p, p.n);
    fb_free(&p);
    if (!k->running || !k->opens_cursor) fk_put_eof(out, seq, k->caps, status, 0);
}

static inline uint64_t fk_option(const char *spec, size_t n, const char *key)
{
    struct str s = {spec, n};
    size_t at = str_find(s, str_of(key), 0);
    return at == SIZE_MAX ? 0 : strtoull(spec + at + strlen(key), NULL, 10);
}

/* One answer; false: the connection closes, or stays silent. */
static inline bool fk_answer_one(struct fk_link *k, struct fb *out, uint8_t *seq, const char *spec, size_t n,
                                 bool more)
{
    uint16_t status = (uint16_t)(fk_status(k) | (more ? WIRE_STATUS_MORE_RESULTS_EXISTS : 0));
    if (strncmp(spec, "OK", 2) == 0) {
        struct str s = {spec, n};
        size_t info = str_find(s, STR("info="), 0);
        char text[256] = "";
        if (info != SIZE_MAX) snprintf(text, sizeof text, "%.*s", (int)(n - info - 5), spec + info + 5);
        fk_put_ok(out, seq, 0, n > 3 ? strtoull(spec + 3, NULL, 10) : 0, fk_option(spec, n, "id="), status,
                  fk_option(spec, n, "warn="), text);
    } else if (strncmp(spec, "ERR", 3) == 0) {
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)(n - 14), spec + 14);
        fk_put_err(out, seq, (unsigned)atoi(spec + 4), spec + 9, n > 14 ? text + (text[0] == ' ') : "");
        if (atoi(spec + 4) == 1213) {
            k->in_trans = false;
            k->open_writes = 0;
        }
    } else if (strncmp(spec, "ROWS", 4) == 0) {
        fk_put_rows(out, seq, k, spec, n, status);
    } else if (strncmp(spec, "MANY", 4) == 0) {
        unsigned rows = 0, size = 0;
        FK_CHECK(sscanf(spec, "MANY %u %u", &rows, &size) == 2, "bad answer '%s'", spec);
        fk_put_many(out, seq, k, rows, size, status);
    } else if (strncmp(spec, "BADSEQ", 6) == 0) {
        *seq = (uint8_t)(*seq + 7);
        fk_put_ok(out, seq, 0, 0, 0, status, 0, "");
    } else if (strncmp(spec, "INFILE", 6) == 0) {
        fb_packet(out, seq, "\xfb/etc/passwd", 12);
    } else if (strncmp(spec, "FILE", 4) == 0) {
        fb_packet(out, seq, "\xfbname", 5);
        k->wants_file = true;
        k->file_seq = *seq;
        fb_clear(&k->file);
        fb_z(&k->file, "");
    } else if (strncmp(spec, "CLOSE", 5) == 0) {
        k->close_after = 0;
        return false;
    } else if (strncmp(spec, "HANG", 4) == 0) {
        k->hangs = true;
        return false;
    } else {
        FK_CHECK(strncmp(spec, "SILENT", 6) == 0, "no such answer: '%s'", spec);
        return false;
    }
    return true;
}

static inline void fk_answer(struct fk_link *k, const char *spec)
{
    uint8_t seq = k->reply_seq;
    for (;;) {
        const char *sep = strstr(spec, " ;; ");
        size_t n = sep ? (size_t)(sep - spec) : strlen(spec);
        if (!fk_answer_one(k, &k->out, &seq, spec, n, sep != NULL) || !sep) return;
        spec = sep + 4;
    }
}

static void fk_interrupt(struct fk *w, uint32_t source, uint64_t thread)
{
    for (struct list *n = w->links.next; n != &w->links; n = n->next) {
        struct fk_link *k = CONTAINER_OF(n, struct fk_link, node);
        if (!k->server || k->source != source || 700 + k->number != thread || !k->hangs || k->closed) continue;
        k->hangs = false;
        fk_answer(k, "ERR 1317 70100 Query execution was interrupted");
    }
}

static inline bool fk_starts(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

static inline void fk_end_trans(struct fk_link *k, bool commit)
{
    if (commit) k->w->src[k->source].committed += k->open_writes;
    k->open_writes = 0;
    k->in_trans = false;
}

/* What MySQL would do with it. */
static inline const char *fk_default(struct fk_link *k, const char *sql)
{
    while (*sql == ' ') sql++;
    if (fk_starts(sql, "SET ")) {
        if (strstr(sql, "autocommit=0")) k->no_autocommit = true;
        if (strstr(sql, "autocommit=1") || strstr(sql, "autocommit=DEFAULT")) k->no_autocommit = false;
        return "OK 0";
    }
    if (fk_starts(sql, "START TRANSACTION") || fk_starts(sql, "BEGIN")) {
        fk_end_trans(k, true);
        k->in_trans = true;
        return "OK 0";
    }
    if (fk_starts(sql, "COMMIT")) {
        fk_end_trans(k, true);
        return "OK 0";
    }
    if (fk_starts(sql, "ROLLBACK") && !strstr(sql, " TO ")) {
        fk_end_trans(k, false);
        return "OK 0";
    }
    if (fk_starts(sql, "SAVEPOINT")) k->saved_writes = k->open_writes;
    if (fk_starts(sql, "ROLLBACK TO")) k->open_writes = k->saved_writes;
    if (fk_starts(sql, "CREATE ") || fk_starts(sql, "ALTER ") || fk_starts(sql, "DROP ") ||
        fk_starts(sql, "TRUNCATE")) {
        fk_end_trans(k, true);
        return "OK 0";
    }
    if (fk_starts(sql, "SHOW WARNINGS")) return "ROWS Level,Code:3,Message|Warning,1265,Data truncated";
    if (fk_starts(sql, "LOAD DATA LOCAL")) return "FILE";
    bool reads = fk_starts(sql, "SELECT") || fk_starts(sql, "SHOW"),
         writes = fk_starts(sql, "INSERT") || fk_starts(sql, "UPDATE") || fk_starts(sql, "DELETE") ||
                  fk_starts(sql, "REPLACE");
    if (k->no_autocommit && (reads || writes)) k->in_trans = true;
    if (writes) {
        if (k->in_trans)
            k->open_writes++;
        else
            k->w->src[k->source].committed++;
        return "OK 1";
    }
    return reads ? "ROWS v:3|1" : "OK 0";
}

static inline const char *fk_rule_for(struct fk_link *k, const char *line)
{
    for (uint32_t i = k->w->nrules; i-- > 0;) {
        struct fk_rule *r = &k->w->rules[i];
        if (r->times == 0 || (r->source >= 0 && (uint32_t)r->source != k->source) || !strstr(line, r->match))
            continue;
        if (r->times > 0) r->times--;
        return r->reply;
    }
    return NULL;
}

/* The injected fault takes the place of the answer, or follows it. False: no answer any more. */
static inline bool fk_break(struct fk_link *k)
{
    k->w->faulted = true;
    switch (k->w->fault) {
    case FK_F_NONE:
    case FK_F_HALF:
    case FK_F_AFTER: return true;
    case FK_F_ERR: fk_answer(k, "ERR 1205 HY000 Lock wait timeout exceeded"); return false;
    case FK_F_DEADLOCK: fk_answer(k, "ERR 1213 40001 Deadlock found"); return false;
    case FK_F_CLOSE: fk_answer(k, "CLOSE"); return false;
    case FK_F_GARBAGE: fk_answer(k, "BADSEQ"); return false;
    case FK_FAULTS: break;
    }
    return true;
}

/* The whole file is here: a line is a row. */
static inline const char *fk_file_answer(struct fk_link *k)
{
    static char text[128];
    unsigned rows = 0;
    for (size_t i = 0; i < k->file.n; i++) rows += k->file.p[i] == '\n';
    if (k->in_trans || k->no_autocommit) {
        k->in_trans = true;
        k->open_writes++;
    } else {
        k->w->src[k->source].committed++;
    }
    snprintf(text, sizeof text, "OK %u info=Records: %u  Deleted: 0  Skipped: 0  Warnings: 0", rows, rows);
    return text;
}

static inline void fk_stmt_answer(struct fk_link *k, struct fk_stmt *st, uint8_t cmd, const struct fb *payload,
                                  const char *spec)
{
    static const char *const as_such[] = {"OK", "ERR", "SILENT", "CLOSE", "BADSEQ", "INFILE", "HANG", "FILE"};
    bool plain = false;
    if (!st && cmd != WIRE_COM_STMT_PREPARE) spec = "ERR 1243 HY000 Unknown prepared statement handler";
    for (size_t i = 0; spec && i < COUNT_OF(as_such); i++) plain |= fk_starts(spec, as_such[i]);
    if (cmd == WIRE_COM_STMT_PREPARE && !plain) {
        const char *text = payload->p + 1;
        if (!spec) spec = fk_starts(text, "SELECT") || fk_starts(text, "SHOW") ? "ROWS v:3" : "";
        fk_prepare_ok(k, text, payload->n - 1, spec);
    } else if (cmd == WIRE_COM_STMT_FETCH && !plain) {
        fk_fetch_rows(k, st, spec);
    } else {
        fk_answer(k, spec ? spec : cmd == WIRE_COM_STMT_EXECUTE ? fk_default(k, st->text.p) : "OK 0");
    }
}

static inline void fk_command(struct fk_link *k, const struct fb *payload)
{
    struct fk *w = k->w;
    bool is_file = k->wants_file;
    k->wants_file = false;
    static const char *const names[] = {
        [WIRE_COM_QUIT] = "QUIT", [WIRE_COM_INIT_DB] = "INIT_DB", [WIRE_COM_QUERY] = "QUERY"};
    uint8_t cmd = payload->n ? (uint8_t)payload->p[0] : WIRE_COM_SLEEP;
    struct fb line = {0};
    struct fk_stmt *st = NULL;
    bool of_stmt = !is_file && fk_is_stmt(cmd);
    if (of_stmt) {
        fb_f(&line, "s%u#%u ", k->source, k->number);
        st = fk_stmt_line(k, payload, &line);
    } else if (is_file) {
        fb_f(&line, "s%u#%u FILE ", k->source, k->number);
        for (size_t i = 0; i < payload->n && i < 1000; i++) fb_put(&line, payload->p[i] == '\n' ? "|" : payload->p + i, 1);
    } else {
        fb_f(&line, "s%u#%u %s ", k->source, k->number, cmd < COUNT_OF(names) && names[cmd] ? names[cmd] : "?");
        fb_put(&line, payload->p + 1, payload->n - 1);
    }
    fb_put(&w->log, line.p, line.n);
    fb_z(&w->log, "\n");
    w->src[k->source].commands++;
    if (of_stmt && cmd == WIRE_COM_STMT_CLOSE) {
        if (st) fk_stmt_drop(k, st);
        fb_free(&line);
        return;
    }
    k->running = of_stmt && cmd == WIRE_COM_STMT_EXECUTE ? st : NULL;
    bool here = w->fault != FK_F_NONE && ++w->fault_seen == w->fault_at;
    size_t at = k->out.n;
    if (!here || fk_break(k)) {
        const char *spec = fk_rule_for(k, line.p);
        bool of_prepare = spec && fk_starts(spec, "PREPARED"), of_fetch = spec && (strcmp(spec, "EMPTY") == 0 || strcmp(spec, "FLOOD") == 0);
        if ((of_prepare && cmd != WIRE_COM_STMT_PREPARE) || (of_fetch && cmd != WIRE_COM_STMT_FETCH)) spec = NULL;
        if (of_stmt) fk_stmt_answer(k, st, cmd, payload, spec);
        else fk_answer(k, spec ? spec : is_file ? fk_file_answer(k) : cmd == WIRE_COM_QUERY ? fk_default(k, payload->p + 1) : "OK 0");
        if (here && w->fault == FK_F_HALF) k->out.n = at + (k->out.n - at) / 2;
        if (here && w->fault != FK_F_NONE) k->close_after = 0;
    }
    fb_free(&line);
}

/* ---- login ---- */

static inline void fk_greet(struct fk_link *k)
{
    struct fk_source *s = &k->w->src[k->source];
    uint8_t seq = 0;
    struct fb p = {0};
    k->phase = 1;
    k->caps = s->has | (~s->lacks &
              (WIRE_CAP_LONG_PASSWORD | WIRE_CAP_FOUND_ROWS | WIRE_CAP_LONG_FLAG | WIRE_CAP_CONNECT_WITH_DB |
               WIRE_CAP_PROTOCOL_41 | WIRE_CAP_TRANSACTIONS | WIRE_CAP_SECURE_CONNECTION |
               WIRE_CAP_MULTI_RESULTS | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_DEPRECATE_EOF));
    if (s->mute) return;
    if (s->greeting_err) {
        fk_put_err(&k->out, &seq, 1040, "08004", s->greeting_err);
        k->close_after = 0;
        return;
    }
    for (int i = 0; i < WIRE_NONCE; i++) k->nonce[i] = (uint8_t)(33 + i + (int)k->number % 50);
    fb_le(&p, s->bad_greeting ? 9 : 10, 1);
    fb_put(&p, s->version ? s->version : "5.5.5-10.11.19-MariaDB",
           strlen(s->version ? s->version : "5.5.5-10.11.19-MariaDB") + 1);
    fb_le(&p, 700 + k->number, 4);
    fb_put(&p, k->nonce, 8);
    fb_le(&p, 0, 1);
    fb_le(&p, k->caps & 0xffff, 2);
    fb_le(&p, 45, 1);
    fb_le(&p, 2, 2);
    fb_le(&p, k->caps >> 16, 2);
    fb_le(&p, 21, 1);
    fb_put(&p, "\0\0\0\0\0\0\0\0\0\0", 10);
    fb_put(&p, k->nonce + 8, 12);
    fb_le(&p, 0, 1);
    fb_put(&p, s->plugin, strlen(s->plugin) + 1);
    k->plugin = s->plugin;
    fb_packet(&k->out, &seq, p.p, p.n);
    fb_free(&p);
}

static inline bool fk_password_fits(const struct fk_link *k, struct str auth)
{
    uint8_t want[64];
    size_t n = 20;
    if (strcmp(k->plugin, "mysql_clear_password") == 0) return str_eq(auth, (struct str){"weir", 5});
    if (strcmp(k->plugin, "client_ed25519") == 0) {
        uint8_t nonce[32], key[32];
        memset(nonce, 'n', sizeof nonce);
        return wire_ed25519_public(STR("weir"), key) && wire_ed25519_check(auth, nonce, key);
    }
    if (strcmp(k->plugin, "mysql_native_password") == 0)
        wire_native_scramble(STR("weir"), k->nonce, want);
    else
        wire_sha2_scramble(STR("weir"), k->nonce, want), n = 32;
    return auth.len == n && memcmp(auth.ptr, want, n) == 0;
}

static inline void fk_ask_switch(struct fk_link *k, const char *plugin, uint8_t seq)
{
    struct fb q = {0};
    k->plugin = plugin;
    for (int i = 0; i < WIRE_NONCE; i++) k->nonce[i] = (uint8_t)(90 - i);
    fb_le(&q, 0xfe, 1);
    fb_put(&q, plugin, strlen(plugin) + 1);
    if (strcmp(plugin, "client_ed25519") == 0) {
        for (int i = 0; i < 32; i++) fb_le(&q, 'n', 1);
    } else if (strcmp(plugin, "mysql_clear_password") != 0) {
        fb_put(&q, k->nonce, WIRE_NONCE);
        fb_le(&q, 0, 1);
    }
    fb_packet(&k->out, &seq, q.p, q.n);
    fb_free(&q);
    k->phase = 2;
}

static struct wire_rsa *fk_rsa; /* made by the first server that needs it */

static inline void fk_logged_in(struct fk_link *k, uint8_t seq, bool fits)
{
    struct fk_source *s = &k->w->src[k->source];
    k->phase = 9;
    if (s->login_err || !fits) {
        fk_put_err(&k->out, &seq, 1045, "28000",
                   s->login_err ? s->login_err : "Access denied for user 'weir'");
        k->close_after = 0;
    } else {
        fk_put_ok(&k->out, &seq, 0, 0, 0, fk_status(k), 0, "");
    }
    k->login_end = k->out.n;
}

static inline void fk_check_auth(struct fk_link *k, struct str auth, uint8_t seq)
{
    struct fk_source *s = &k->w->src[k->source];
    if (k->phase == 2 && k->chained < 4 && s->then[k->chained]) {
        fk_ask_switch(k, s->then[k->chained++], seq);
        return;
    }
    bool sha2 = strcmp(k->plugin, "caching_sha2_password") == 0;
    if (sha2 && s->auth == FK_AUTH_FULL && fk_password_fits(k, auth)) {
        fb_packet(&k->out, &seq, "\x01\x04", 2);
        k->phase = 3;
        return;
    }
    if (sha2 && fk_password_fits(k, auth)) fb_packet(&k->out, &seq, "\x01\x03", 2);
    fk_logged_in(k, seq, fk_password_fits(k, auth));
}

static inline void fk_login_packet(struct fk_link *k, const struct fb *p, uint8_t seq)
{
    struct fk_source *s = &k->w->src[k->source];
    seq++;
    if (s->auth == FK_AUTH_HANG) return;
    if (s->auth == FK_AUTH_CLOSE) {
        k->close_after = 0;
        return;
    }
    if (k->phase == 1) {
        struct wire_login l;
        FK_CHECK(wire_get_login(str_make(p->p, p->n), &l) == WIRE_OK, "Weir sent a malformed login");
        if (l.ssl_request) {
            FK_CHECK(k->caps & WIRE_CAP_SSL && !k->asked_tls, "TLS asked for where none is offered, or twice");
            k->asked_tls = true;
            return;
        }
        FK_CHECK(k->asked_tls == k->link.tls, "asked for TLS, and did not begin it");
        FK_CHECK(!(l.capabilities & WIRE_CAP_SSL) == !k->link.tls, "the login's capabilities tell of TLS otherwise");
        FK_CHECK(str_eq(l.user, STR("weir")), "user '%.*s'", STR_ARG(l.user));
        FK_CHECK(!(l.capabilities & ~k->caps), "Weir claims capabilities that the server lacks: %x",
                 l.capabilities & ~k->caps);
        k->caps = l.capabilities;
        if (s->switch_to) {
            fk_ask_switch(k, s->switch_to, seq);
            return;
        }
        FK_CHECK(!(k->caps & WIRE_CAP_PLUGIN_AUTH) || str_eq(l.auth_plugin, str_of(k->plugin)), "answered by '%.*s'", STR_ARG(l.auth_plugin));
        fk_check_auth(k, l.auth, seq);
        return;
    }
    if (k->phase == 2) {
        fk_check_auth(k, str_make(p->p, p->n), seq);
        return;
    }
    if (k->phase == 3 && k->link.tls) { /* inside TLS the password itself comes */
        fk_logged_in(k, seq, str_eq(str_make(p->p, p->n), (struct str){"weir", 5}));
        return;
    }
    if (k->phase == 3) {
        if (!fk_rsa) fk_rsa = wire_rsa_new();
        struct str pem = wire_rsa_public_pem(fk_rsa);
        struct fb q = {0};
        FK_CHECK(p->n == 1 && p->p[0] == 2, "asked for the key by %zu bytes", p->n);
        fb_le(&q, 1, 1);
        fb_put(&q, pem.ptr, pem.len);
        fb_packet(&k->out, &seq, q.p, q.n);
        fb_free(&q);
        k->phase = 4;
        return;
    }
    struct buf clear = {0};
    bool ok = wire_rsa_decrypt(fk_rsa, str_make(p->p, p->n), k->nonce, &clear) &&
              str_eq(buf_str(&clear), STR("weir"));
    buf_release(&clear);
    fk_logged_in(k, seq, ok);
}

/* ---- events ---- */

/* The server reads what has come. */
static inline bool fk_serve(struct fk_link *k)
{
    struct fk_source *s = &k->w->src[k->source];
    if (k->phase == 0) {
        if (s->up == FK_HANG) return false;
        if (s->up == FK_REFUSE) {
            fk_hang_up(k, ECONNREFUSED);
            return true;
        }
        k->link.handler->connected(&k->link);
        if (!k->closed) fk_greet(k);
        return true;
    }
    struct fb payload = {0};
    uint8_t seq = 0, last = 0;
    bool any = false;
    while (!k->closed && k->close_after < 0 && fb_next(&k->got, &k->read, &seq, &last, &payload)) {
        any = true;
        if (k->wants_file) {
            FK_CHECK(seq == k->file_seq, "a packet of a file with sequence number %u, not %u", seq, k->file_seq);
            k->file_seq = k->reply_seq = (uint8_t)(last + 1);
            if (payload.n) fb_put(&k->file, payload.p, payload.n);
            else fk_command(k, &k->file);
        } else if (k->phase == 9) {
            FK_CHECK(seq == 0, "a command with sequence number %u", seq);
            k->reply_seq = (uint8_t)(last + 1);
            fk_command(k, &payload);
        } else {
            fk_login_packet(k, &payload, last);
        }
    }
    fb_free(&payload);
    return any;
}

/* A chunk of `out` goes to Weir as one event. */
static inline bool fk_deliver(struct fk_link *k)
{
    size_t left = k->out.n - k->given;
    if (k->closed || k->link.paused) return false;
    if (k->server && k->phase == 9 && k->given >= k->login_end && k->w->src[k->source].hold) return false;
    if (left == 0) {
        if (k->close_after < 0 || !k->link.owner) return false;
        fk_hang_up(k, k->close_after);
        return true;
    }
    size_t n = k->w->chunk && k->w->chunk < left ? k->w->chunk : left;
    if (n > NET_CHUNK) n = NET_CHUNK;
    char *exact = malloc(n);
    if (!exact) abort();
    memcpy(exact, k->out.p + k->given, n);
    k->given += n;
    k->link.handler->bytes(&k->link, exact, n);
    free(exact);
    return true;
}

static inline struct session *fk_session(struct fk *w, uint32_t id)
{
    for (struct list *n = w->e.sessions.next; n != &w->e.sessions; n = n->next) {
        struct front *f = CONTAINER_OF(n, struct front, node);
        if (f->id == id) return session_of(f);
    }
    return NULL;
}

/* KILL goes from worker to worker and back. */
static inline bool fk_mail(struct fk *w)
{
    if (!w->nop_kills) return false;
    w->nop_kills--;
    uint32_t id = w->op_kills[w->nop_kills].id, asker = w->op_kills[w->nop_kills].asker;
    struct session *s = fk_session(w, id);
    if (s) session_kill(s, w->op_kills[w->nop_kills].connection);
    struct session *a = fk_session(w, asker);
    if (a) session_killed(a, id, s != NULL);
    return true;
}

static inline void fk_run(struct fk *w)
{
    bool moved = true;
    uint64_t events = 0;
    while (moved) {
        moved = false;
        for (struct list *i = w->links.next; i != &w->links; i = i->next) {
            struct fk_link *k = CONTAINER_OF(i, struct fk_link, node);
            if (k->closed) continue;
            if (k->server) moved |= fk_serve(k);
            if (!k->closed && fk_deliver(k)) moved = true;
            if (w->fail_count && mem_count() >= w->fail_count) fk_fail_at(w, 0);
            FK_CHECK(++events < 5000000, "it never ends");
        }
        if (!w->hold_catalog && !list_empty(&w->e.catalog_waiters)) {
            exec_wake_catalog(&w->e, w->e.catalog_asked);
            moved = true;
        }
        moved |= fk_mail(w);
        fk_check(w);
        fk_reap(w);
    }
    fk_check_stmts(w);
}

/* Time passes, and the worker's tick comes. */
static inline void fk_tick(struct fk *w, uint64_t ms)
{
    w->e.now_ms += ms;
    w->e.now_us += ms * 1000;
    arena_reset(&w->e.arena);
    pool_tick(&w->e);
    exec_tick(&w->e);
    session_tick(&w->e);
    fk_check(w);
    fk_run(w);
}

#endif
