/* front.c - bookkeeping of the client-visible session state, and the replies that Weir makes itself. */
#include "proxy/exec/front.h"
#include "proxy/exec/transcode.h"

struct front_txn *front_txn(struct front *f)
{
    if (!f->txn && (f->txn = mem_zalloc(sizeof *f->txn))) f->txn->writer = UINT32_MAX;
    return f->txn;
}

bool front_txn_open(const struct front *f)
{
    bool open = f->txn && f->txn->begun;
    for (uint32_t i = 0; f->txn && i < f->txn->npinned; i++) open |= f->txn->pinned[i]->in_trans;
    return open;
}

struct conn *front_pinned(const struct front *f, uint32_t source)
{
    for (uint32_t i = 0; f->txn && i < f->txn->npinned; i++) {
        if (f->txn->pinned[i]->source == source) return f->txn->pinned[i];
    }
    return NULL;
}

/* A held connection that dies between statements takes the transaction with it. */
static void pinned_lost(void *ctx, struct conn *c, int error)
{
    struct front *f = ctx;
    struct str where = conn_where(c->realm, c->source, &f->engine->arena);
    (void)error;
    front_unpin(f, c);
    if (!f->txn) return;
    f->txn->lost = true;
    size_t n = where.len < sizeof f->txn->lost_why - 1 ? where.len : sizeof f->txn->lost_why - 1;
    memcpy(f->txn->lost_why, where.ptr, n);
    f->txn->lost_why[n] = 0;
}

static void pinned_bytes(void *ctx, struct conn *c, const char *p, size_t n)
{
    (void)p, (void)n; /* the server says good-bye (time-out, shutdown, kill) */
    pinned_lost(ctx, c, 0);
    conn_discard(c);
}

static const struct conn_user pinned_user = {.bytes = pinned_bytes, .lost = pinned_lost};

bool front_pin(struct front *f, struct conn *c)
{
    struct front_txn *t = front_txn(f);
    if (!t) return false;
    c->user = &pinned_user;
    c->ctx = f;
    if (front_pinned(f, c->source) == c) return true;
    if (t->npinned == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 4;
        struct conn **p = mem_realloc(t->pinned, sizeof(struct conn *) * cap);
        if (!p) return false;
        t->pinned = p;
        t->cap = cap;
    }
    t->pinned[t->npinned++] = c;
    return true;
}

void front_unpin(struct front *f, struct conn *c)
{
    struct front_txn *t = f->txn;
    for (uint32_t i = 0; t && i < t->nheld; i++) {
        if (t->held[i] == c) t->held[i] = t->held[--t->nheld];
    }
    for (uint32_t i = 0; t && i < t->npinned; i++) {
        if (t->pinned[i] != c) continue;
        t->pinned[i] = t->pinned[--t->npinned];
        return;
    }
}

static void txn_free(struct front *f)
{
    mem_free(f->txn->pinned);
    mem_free(f->txn->held);
    buf_release(&f->txn->savepoints);
    mem_free(f->txn);
    f->txn = NULL;
}

void front_txn_end(struct front *f)
{
    struct front_txn *t = f->txn;
    f->status &= (uint16_t)~(WIRE_STATUS_IN_TRANS | WIRE_STATUS_IN_TRANS_READONLY);
    if (!t) return;
    t->begun = t->read_only = t->snapshot = t->read_write = t->lost = false;
    t->isolation = t->access = 0;
    t->writer = UINT32_MAX;
    buf_reset(&t->savepoints);
    if (t->locked || t->pinned_for_ever || t->nheld) return;
    while (t->npinned) {
        struct conn *c = t->pinned[--t->npinned];
        if (c->in_trans) conn_discard(c); /* still in a transaction: closing rolls back */
        else pool_return(c);
    }
    txn_free(f);
}

void front_txn_drop(struct front *f)
{
    if (!f->txn) return;
    while (f->txn->npinned) {
        struct conn *c = f->txn->pinned[--f->txn->npinned];
        c->user = NULL;
        conn_discard(c);
    }
    while (f->txn->nheld) {
        struct conn *c = f->txn->held[--f->txn->nheld];
        c->user = NULL;
        conn_discard(c);
    }
    txn_free(f);
    f->status &= (uint16_t)~(WIRE_STATUS_IN_TRANS | WIRE_STATUS_IN_TRANS_READONLY);
}

struct str front_home(const struct front *f, uint32_t source)
{
    return f->schema ? f->schema->databases[source] : f->system_schema;
}

struct str front_system_schema(struct str name)
{
    static const char *const names[] = {"information_schema", "performance_schema", "mysql", "sys"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq_nocase(name, str_of(names[i]))) return str_of(names[i]);
    }
    return STR_NULL;
}

uint8_t front_class(const struct front *f)
{
    return (uint8_t)((f->capabilities & WIRE_CAP_FOUND_ROWS ? CONN_FOUND_ROWS : 0) |
                     (f->capabilities & WIRE_CAP_DEPRECATE_EOF ? CONN_DEPRECATE_EOF : 0) |
                     (f->capabilities & WIRE_CAP_PS_MULTI_RESULTS ? CONN_PS_OUT : 0));
}

static bool mode_has(struct str modes, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; (at = str_find(modes, str_make(word, n), at)) != SIZE_MAX; at += n) {
        bool left = at == 0 || modes.ptr[at - 1] == ',' || modes.ptr[at - 1] == '\'';
        bool right = at + n == modes.len || modes.ptr[at + n] == ',' || modes.ptr[at + n] == '\'';
        if (left && right) return true;
    }
    return false;
}

void front_refresh_options(struct front *f)
{
    struct str mode = settings_get(f->settings, STR("sql_mode"));
    struct str cs = settings_get(f->settings, STR("character_set_client"));
    f->opt = (struct sql_options){
        .ansi_quotes = mode_has(mode, "ANSI_QUOTES") || mode_has(mode, "ANSI"),
        .no_backslash_escapes = mode_has(mode, "NO_BACKSLASH_ESCAPES"),
        .pipes_as_concat = mode_has(mode, "PIPES_AS_CONCAT") || mode_has(mode, "ANSI"),
        .ignore_space = mode_has(mode, "IGNORE_SPACE") || mode_has(mode, "ANSI") || (f->capabilities & WIRE_CAP_IGNORE_SPACE),
        .high_not_precedence = mode_has(mode, "HIGH_NOT_PRECEDENCE"),
        .mariadb = true,
    };
    static const struct { const char *name; uint8_t trail; } trails[] = {
        {"'gbk'", SQL_TRAIL_GBK}, {"'big5'", SQL_TRAIL_BIG5}, {"'sjis'", SQL_TRAIL_SJIS}, {"'cp932'", SQL_TRAIL_SJIS},
        {"'gb18030'", SQL_TRAIL_GB18030}};
    for (size_t i = 0; i < COUNT_OF(trails); i++) {
        if (str_eq(cs, str_of(trails[i].name))) f->opt.trail = trails[i].trail;
    }
    static const char *const plain[] = {"'utf8mb4'", "'utf8mb3'", "'utf8'", "'ascii'", NULL};
    f->foreign_charset = cs.ptr != NULL;
    for (int i = 0; plain[i]; i++) f->foreign_charset &= !str_eq_nocase(cs, str_of(plain[i]));
    f->no_auto_value_on_zero = mode_has(mode, "NO_AUTO_VALUE_ON_ZERO");
    f->status = (uint16_t)((f->status & ~WIRE_STATUS_NO_BACKSLASH_ESCAPES) |
                           (f->opt.no_backslash_escapes ? WIRE_STATUS_NO_BACKSLASH_ESCAPES : 0));
}

/* ---- replies ---- */

void front_send(struct front *f, const void *p, size_t n)
{
    if (UNLIKELY(f->transcode)) {
        transcode_feed(f, p, n);
        return;
    }
    front_send_raw(f, p, n);
}

void front_send_raw(struct front *f, const void *p, size_t n)
{
    COUNT_ADD(f->engine, bytes_to_clients, n);
    if (UNLIKELY(f->filtered)) f->ops->filter(f, p, n);
    else if (f->link && n && !f->broken) link_send(f->link, p, n);
}

uint16_t front_status(const struct front *f)
{
    return (uint16_t)(f->status | (f->more_results ? WIRE_STATUS_MORE_RESULTS_EXISTS : 0));
}

void front_ok(struct front *f, uint64_t affected, uint64_t insert_id, struct str info)
{
    bool tracks = f->capabilities & WIRE_CAP_SESSION_TRACK;
    if (tracks) f->ops->track(f, NULL, false, front_txn_open(f));
    struct wire_ok ok = {affected, insert_id, front_status(f), f->warnings, info, buf_str(&f->track)};
    struct buf out = {0};
    wire_put_ok(&out, &f->seq, f->capabilities, &ok);
    f->broken |= out.failed || f->track.failed;
    front_send(f, out.data, out.len);
    buf_release(&out);
    if (tracks) buf_release(&f->track);
}

void front_put_end(struct front *f, struct buf *out, uint16_t status, uint16_t warnings)
{
    if (LIKELY(!f->track.len) || !(f->capabilities & WIRE_CAP_DEPRECATE_EOF)) {
        wire_put_end(out, &f->seq, f->capabilities, status, warnings);
        return;
    }
    struct wire_ok ok = {.status = status, .warnings = warnings, .info = STR(""), .track = buf_str(&f->track)};
    size_t at = out->len;
    wire_put_ok(out, &f->seq, f->capabilities, &ok);
    if (!out->failed) out->data[at + WIRE_HEADER] = (char)0xfe;
    buf_release(&f->track);
}

void front_err(struct front *f, uint16_t code, const char *state, struct str message)
{
    struct buf out = {0};
    COUNT(f->engine, statements_failed);
    wire_put_err(&out, &f->seq, code, state, message);
    f->more_results = false;
    f->broken |= out.failed;
    front_send(f, out.data, out.len);
    buf_release(&out);
    front_clear_messages(f);
    front_add_message(f, 2, code, message);
    f->warnings = f->errors = 1;
    f->row_count = -1;
}

void front_fault(struct front *f, const struct fault *fault)
{
    front_err(f, fault->code ? fault->code : WIRE_ER_UNKNOWN_ERROR, fault->state[0] ? fault->state : "HY000", fault->message);
}

/* ---- warnings ---- */

enum { MESSAGES_MAX = 64, MESSAGES_BYTES = 256 << 10 }; /* MySQL's max_error_count is 64 (MariaDB) or 1024 */

void front_clear_messages(struct front *f)
{
    f->warnings = f->errors = 0;
    if (!f->messages) return;
    arena_release(&f->messages->arena);
    mem_free(f->messages);
    f->messages = NULL;
}

void front_add_message(struct front *f, uint8_t level, uint16_t code, struct str text)
{
    if (!f->messages) {
        if (!(f->messages = mem_zalloc(sizeof *f->messages))) return;
        arena_init(&f->messages->arena, MESSAGES_BYTES);
    }
    if (f->messages->list.len >= MESSAGES_MAX) return;
    struct front_message *m = vec_push(&f->messages->list, &f->messages->arena);
    if (m) *m = (struct front_message){level, code, arena_str(&f->messages->arena, text)};
}

/* ---- user variables ---- */

bool front_set_var(struct front *f, struct str name, struct str literal)
{
    if (!f->vars) {
        if (!literal.ptr) return true;
        if (!(f->vars = mem_zalloc(sizeof *f->vars))) return false;
        map_init(f->vars, true);
    }
    struct front_var *old = map_get(f->vars, name), *v = NULL;
    size_t before = old ? old->name.len + old->literal.len : 0, now = literal.ptr ? name.len + literal.len : 0;
    if (now > before && f->var_bytes + (now - before) > FRONT_VAR_BYTES) return false;
    if (literal.ptr) {
        if (!(v = mem_alloc(sizeof *v + name.len + literal.len))) return false;
        char *p = (char *)(v + 1);
        memcpy(p, name.ptr, name.len);
        memcpy(p + name.len, literal.ptr, literal.len);
        *v = (struct front_var){str_make(p, name.len), str_make(p + name.len, literal.len)};
        if (!map_put(f->vars, v->name, v)) {
            mem_free(v);
            return false;
        }
    } else if (old) {
        map_del(f->vars, name);
    }
    mem_free(old);
    f->var_bytes += now - before;
    return true;
}

void front_drop_vars(struct front *f)
{
    if (!f->vars) return;
    for (struct map_slot *s = NULL; (s = map_next(f->vars, s));) mem_free(s->value);
    map_release(f->vars);
    mem_free(f->vars);
    f->vars = NULL;
    f->var_bytes = 0;
}

void front_facts(const struct front *f, struct plan_facts *out)
{
    *out = (struct plan_facts){.last_insert_id = f->last_insert_id,
                               .found_rows = f->found_rows,
                               .row_count = f->row_count,
                               .connection_id = f->id,
                               .warning_count = f->warnings,
                               .error_count = f->errors,
                               .user = f->user_text,
                               .current_user = f->user_text,
                               .opt = &f->opt};
}

void front_release(struct front *f)
{
    front_txn_drop(f);
    front_clear_messages(f);
    front_drop_vars(f);
    buf_release(&f->track);
    settings_unref(f->engine, f->settings);
    if (f->realm) realm_unref(f->realm);
    if (f->transcode) transcode_end(f);
    f->settings = NULL;
    f->realm = NULL;
}
