/*
 * login.c - who is it, and may they? The server side of the handshake.
 *
 * The greeting names mysql_native_password, which every client knows; a client that answers by caching_sha2_password (MySQL 8 and 9) is checked by
 * that, or asked to switch when the user's secret is of the other kind.
 *
 *   secret in the rules        native answer              caching_sha2 answer
 *   plain text                 check                      fast check
 *   mysql_native_password hash check                      switch to native
 *   caching_sha2 hash          switch to caching_sha2     fast check when the process has seen the password, else full: RSA
 *
 * Every failure has the same words and is told only after the whole exchange, so that names cannot be guessed by it.
 */
#include "proxy/session/session.h"

#include <pthread.h>
#include <stdio.h>

struct login_memo {
    char user[97];
    char schema[193];
    bool has_schema, empty_auth, sha2;
};

static struct wire_rsa *rsa_key(void)
{
    static _Atomic(struct wire_rsa *) key; /* made once, by whoever needs it first; lives as long as the process */
    struct wire_rsa *k = atomic_load(&key);
    if (k) return k;
    if (!(k = wire_rsa_new())) return NULL;
    struct wire_rsa *none = NULL;
    if (atomic_compare_exchange_strong(&key, &none, k)) return k;
    wire_rsa_free(k);
    return none;
}

static const uint32_t offered = WIRE_CAP_LONG_PASSWORD | WIRE_CAP_FOUND_ROWS | WIRE_CAP_LONG_FLAG | WIRE_CAP_CONNECT_WITH_DB |
                                WIRE_CAP_IGNORE_SPACE | WIRE_CAP_PROTOCOL_41 | WIRE_CAP_INTERACTIVE | WIRE_CAP_IGNORE_SIGPIPE |
                                WIRE_CAP_TRANSACTIONS | WIRE_CAP_RESERVED | WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_MULTI_STATEMENTS |
                                WIRE_CAP_MULTI_RESULTS | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_CONNECT_ATTRS |
                                WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA | WIRE_CAP_DEPRECATE_EOF;

static struct str shown_version(struct session *s)
{
    const struct conf *c = s->f.realm->conf;
    struct arena *a = &s->f.engine->arena;
    if (c->weir.server_version.value.len) return c->weir.server_version.value;
    struct control_source st = {0};
    if (c->nschemas) control_source_state(s->f.realm->snap->control, c->schemas[0].default_source, &st);
    struct str v = arena_printf(a, "%s-weir", st.version_text[0] ? st.version_text : "10.11.0-MariaDB");
    if (str_find(v, STR("MariaDB"), 0) != SIZE_MAX && !str_starts_nocase(v, STR("5.5.5-"))) v = arena_printf(a, "5.5.5-%.*s", STR_ARG(v));
    return v.ptr ? v : STR("8.0.0-weir");
}

void login_greet(struct session *s)
{
    struct buf out = {0};
    struct wire_greeting g = {.server_version = shown_version(s), .thread_id = s->f.id, .capabilities = offered, .collation = 45,
                              .status = WIRE_STATUS_AUTOCOMMIT, .auth_plugin = STR("mysql_native_password")};
    if (!wire_nonce(s->nonce)) {
        s->f.broken = true;
        return;
    }
    memcpy(g.nonce, s->nonce, WIRE_NONCE);
    s->f.seq = 0;
    wire_put_greeting(&out, &s->f.seq, &g);
    s->f.broken |= out.failed;
    front_send(&s->f, out.data, out.len);
    buf_release(&out);
}

static void denied(struct session *s)
{
    struct front *f = &s->f;
    COUNT(f->engine, logins_failed);
    struct str m = arena_printf(&f->engine->arena, "Access denied for user '%s'@'%s' (using password: %s)", s->login->user, s->host,
                                s->login->empty_auth ? "NO" : "YES");
    engine_log(f->engine, CONF_LOG_WARN, "session %u: login refused for user '%s' from %s", f->id, s->login->user, s->host);
    front_err(f, WIRE_ER_ACCESS_DENIED_ERROR, "28000", m);
    session_close(s, true);
}

bool login_may_use(const struct session *s, struct str schema)
{
    if (s->user->nschemas == 0) return true;
    for (uint32_t i = 0; i < s->user->nschemas; i++) {
        if (str_eq(s->user->schemas[i].value, schema) || str_eq(s->user->schemas[i].value, STR("*"))) return true;
    }
    return false;
}

static bool is_server_schema(struct str n)
{
    return str_eq_nocase(n, STR("mysql")) || str_eq_nocase(n, STR("sys")) || str_eq_nocase(n, STR("performance_schema"));
}

/* A database that a user with a `schemas` list must not name: any but those of the list and information_schema. */
static bool forbidden(const struct session *s, struct str schema)
{
    if (!s->f.restricted || !schema.len || str_eq_nocase(schema, STR("information_schema"))) return false;
    return !conf_schema(s->f.realm->conf, schema) || !login_may_use(s, schema);
}

/* Of statements whose grammar is not read: a closed schema's name in front of a dot. (Other names there may be aliases.) */
static struct str forbidden_token(const struct session *s, const struct sql_scan *scan)
{
    for (uint32_t i = 0; i + 1 < scan->ntoks; i++) {
        const struct sql_tok *t = &scan->toks[i];
        if ((t->kind != SQL_T_WORD && t->kind != SQL_T_QUOTED) || scan->toks[i + 1].kind != SQL_T_OP || scan->toks[i + 1].word != SQL_OP_DOT) continue;
        struct str name = sql_text(scan, i, &s->f.engine->arena);
        if (forbidden(s, name) && (conf_schema(s->f.realm->conf, name) || is_server_schema(name))) return name;
    }
    return STR_NULL;
}

struct call_walk {
    const struct session *s;
    struct str bad;
};

/* Stored functions: SELECT other.f(1). */
static bool check_call(void *ctx, struct sql_expr *e)
{
    struct call_walk *w = ctx;
    if (e->kind == SQL_E_CALL && forbidden(w->s, e->call->name.schema)) w->bad = e->call->name.schema;
    return !w->bad.ptr;
}

static struct str forbidden_name(const struct session *s, const struct plan_info *info)
{
    const struct sql_stmt *st = info->stmt;
    struct call_walk w = {s, STR_NULL};
    for (uint32_t i = 0; st && i < st->ntables; i++) {
        struct str schema = st->tables[i]->name.schema;
        if (forbidden(s, schema)) return schema;
        if (is_server_schema(schema) && info->cls != PLAN_READ) return schema; /* the servers' own tables: nobody writes them through Weir */
    }
    if (!s->f.restricted) return STR_NULL;
    bool shows = st && (st->kind == SQL_SHOW || st->kind == SQL_DESCRIBE) && forbidden(s, st->show->schema);
    if (shows && (conf_schema(s->f.realm->conf, st->show->schema) || is_server_schema(st->show->schema))) return st->show->schema;
    if (st && st->kind == SQL_CALL && forbidden(s, st->call.name.schema)) return st->call.name.schema;
    if (st) (void)sql_walk(st, check_call, &w);
    bool known = st && (st->kind <= SQL_DELETE || st->kind == SQL_SET || st->kind == SQL_SHOW || st->kind == SQL_DESCRIBE || st->kind == SQL_DO ||
                        st->kind == SQL_EXPLAIN || st->kind == SQL_WEIR);
    if (!w.bad.ptr && !known && info->scan) w.bad = forbidden_token(s, info->scan);
    return w.bad;
}

bool login_may_run(struct front *f, struct plan *p)
{
    const struct session *s = session_of(f);
    struct str bad = forbidden_name(s, plan_info(p));
    if (!bad.ptr) return true;
    front_err(f, WIRE_ER_DBACCESS_DENIED_ERROR, "42000",
              arena_printf(&f->engine->arena, "Access denied for user '%.*s'@'%s' to database '%.*s'", STR_ARG(f->account), s->host, STR_ARG(bad)));
    return false;
}

static bool set_user_text(struct session *s)
{
    size_t n = strlen(s->login->user) + strlen(s->host) + 2;
    char *p = mem_alloc(n);
    if (!p) return false;
    snprintf(p, n, "%s@%s", s->login->user, s->host);
    mem_free((void *)(uintptr_t)s->f.user_text.ptr);
    s->f.user_text = str_make(p, n - 1);
    s->f.account = str_make(p, strlen(s->login->user));
    return true;
}

uint32_t login_count(struct session *s, int by)
{
    if (!s->user || s->counted == (by > 0)) return 0;
    _Atomic uint32_t *n = &s->f.realm->snap->user_conns[s->user - s->f.realm->conf->users];
    s->counted = by > 0;
    return by > 0 ? atomic_fetch_add(n, 1) + 1 : atomic_fetch_sub(n, 1) - 1;
}

static void accepted(struct session *s)
{
    struct front *f = &s->f;
    struct login_memo *m = s->login;
    struct arena *a = &f->engine->arena;
    if (!set_user_text(s)) {
        session_close(s, false);
        return;
    }
    if (login_count(s, 1) > s->user->max_connections && s->user->max_connections) {
        front_err(f, WIRE_ER_TOO_MANY_USER_CONNECTIONS, "42000", arena_printf(a, "User %s already has more than 'max_user_connections' active connections", m->user));
        session_close(s, true);
        return;
    }
    if (m->has_schema && m->schema[0]) {
        const struct conf_schema *schema = conf_schema(f->realm->conf, str_of(m->schema));
        bool may = login_may_use(s, str_of(m->schema));
        if (!may || !schema) {
            struct str text = may ? arena_printf(a, "Unknown database '%s'", m->schema)
                                  : arena_printf(a, "Access denied for user '%s'@'%s' to database '%s'", m->user, s->host, m->schema);
            front_err(f, may ? WIRE_ER_BAD_DB_ERROR : WIRE_ER_DBACCESS_DENIED_ERROR, "42000", text);
            session_close(s, true);
            return;
        }
        f->schema = schema;
    }
    f->restricted = s->user->nschemas > 0;
    mem_free(s->login);
    s->login = NULL;
    s->changing_user = false;
    session_set_state(s, SESSION_READY);
    f->warnings = 0;
    front_ok(f, 0, 0, STR_NULL);
}

static void switch_to(struct session *s, struct str plugin)
{
    struct buf out = {0};
    s->login->sha2 = str_eq(plugin, STR("caching_sha2_password"));
    wire_put_auth_switch(&out, &s->f.seq, plugin, s->nonce);
    session_set_state(s, SESSION_AUTH_SWITCH);
    s->f.broken |= out.failed;
    front_send(&s->f, out.data, out.len);
    buf_release(&out);
}

static void more(struct session *s, struct str data, enum session_state next)
{
    struct buf out = {0};
    wire_put_auth_more(&out, &s->f.seq, data);
    session_set_state(s, next);
    s->f.broken |= out.failed;
    front_send(&s->f, out.data, out.len);
    buf_release(&out);
}

/* ---- the process's memory of passwords that fitted a caching_sha2 hash: secret -> SHA256(SHA256(password)) ---- */

enum { FAST_MAX = 256 };
static struct { uint64_t secret; uint8_t hash[32]; } fast[FAST_MAX];
static pthread_mutex_t fast_lock = PTHREAD_MUTEX_INITIALIZER; /* logins only */

static size_t fast_slot(struct str secret, uint64_t *h)
{
    *h = hash_bytes(secret.ptr, secret.len, 77) | 1;
    return *h % FAST_MAX;
}

static void check_sha2(struct session *s, struct str response)
{
    const struct conf_user *u = s->user;
    uint8_t stored[32];
    if (u->secret_kind == CONF_SECRET_PLAIN) {
        wire_sha2_fast_hash(u->secret, stored);
        bool ok = u->secret.len == 0 ? response.len == 0 : wire_sha2_check(response, s->nonce, stored);
        if (ok && u->secret.len) more(s, STR("\x03"), SESSION_SHA2_FULL);
        if (ok) accepted(s);
        else denied(s);
        return;
    }
    uint64_t h;
    size_t slot = fast_slot(u->secret, &h);
    pthread_mutex_lock(&fast_lock);
    bool known = fast[slot].secret == h;
    memcpy(stored, fast[slot].hash, sizeof stored);
    pthread_mutex_unlock(&fast_lock);
    if (response.len == 32 && known && wire_sha2_check(response, s->nonce, stored)) {
        more(s, STR("\x03"), SESSION_SHA2_FULL);
        accepted(s);
        return;
    }
    if (response.len == 0) {
        denied(s);
        return;
    }
    more(s, STR("\x04"), SESSION_SHA2_FULL);
}

static void check_native(struct session *s, struct str response)
{
    const struct conf_user *u = s->user;
    uint8_t stored[20];
    bool ok;
    if (u->secret_kind == CONF_SECRET_PLAIN) {
        wire_native_hash(u->secret, stored);
        ok = u->secret.len == 0 ? response.len == 0 : wire_native_check(response, s->nonce, stored);
    } else {
        ok = wire_native_parse(u->secret, stored) && wire_native_check(response, s->nonce, stored);
    }
    if (ok) accepted(s);
    else denied(s);
}

static void check(struct session *s, struct str plugin, struct str response, bool may_switch)
{
    bool sha2 = str_eq(plugin, STR("caching_sha2_password")), native = plugin.len == 0 || str_eq(plugin, STR("mysql_native_password"));
    if (sha2 && response.len == 1 && response.ptr[0] == 0) response.len = 0; /* that plugin's way to say "no password" */
    s->login->empty_auth = response.len == 0;
    s->login->sha2 = sha2;
    if (s->user && sha2 && response.len == 0 && may_switch && s->user->secret.len && s->user->secret_kind != CONF_SECRET_NATIVE) {
        switch_to(s, STR("caching_sha2_password")); /* libmysqlclient 8 and 9: the greeting's nonce was another plugin's, it wants one */
        return;
    }
    if (!s->user) {
        denied(s);
        return;
    }
    bool wants_sha2 = s->user->secret_kind == CONF_SECRET_SHA2, wants_native = s->user->secret_kind == CONF_SECRET_NATIVE;
    if ((wants_sha2 && !sha2) || (wants_native && !native) || (!sha2 && !native)) {
        if (may_switch) switch_to(s, wants_sha2 ? STR("caching_sha2_password") : STR("mysql_native_password"));
        else denied(s);
        return;
    }
    if (sha2) check_sha2(s, response);
    else check_native(s, response);
}

static void full_auth(struct session *s, struct str cipher)
{
    struct wire_rsa *key = rsa_key();
    struct buf password = {0};
    bool ok = key && wire_rsa_decrypt(key, cipher, s->nonce, &password) && wire_sha2_verify(buf_str(&password), s->user->secret);
    if (ok) {
        uint64_t h;
        size_t slot = fast_slot(s->user->secret, &h);
        pthread_mutex_lock(&fast_lock);
        fast[slot].secret = h;
        wire_sha2_fast_hash(buf_str(&password), fast[slot].hash);
        pthread_mutex_unlock(&fast_lock);
    }
    if (password.data) explicit_bzero(password.data, password.len);
    buf_release(&password);
    if (ok) accepted(s);
    else denied(s);
}

static void set_collation(struct session *s, uint16_t id)
{
    const struct wire_charset *cs = wire_charset_by_id(id);
    struct front *f = &s->f;
    char quoted[80], coll[80];
    if (!cs) return;
    snprintf(quoted, sizeof quoted, "'%s'", cs->charset);
    snprintf(coll, sizeof coll, "'%s'", cs->collation);
    const char *names[] = {"character_set_client", "character_set_results", "character_set_connection", "collation_connection"};
    for (int i = 0; i < 4; i++) {
        struct settings *next = settings_with(f->engine, f->settings, str_of(names[i]), str_of(i == 3 ? coll : quoted));
        if (!next) return;
        settings_unref(f->engine, f->settings);
        f->settings = next;
    }
}

static void refuse_login(struct session *s, uint16_t code, const char *state, struct str message)
{
    COUNT(s->f.engine, logins_failed);
    front_err(&s->f, code, state, message);
    session_close(s, true);
}

static bool remember(struct session *s, struct str user, struct str schema, bool has_schema)
{
    mem_free(s->login);
    s->login = mem_zalloc(sizeof *s->login);
    if (!s->login || user.len >= sizeof s->login->user || schema.len >= sizeof s->login->schema) return false;
    memcpy(s->login->user, user.ptr, user.len);
    if (schema.len) memcpy(s->login->schema, schema.ptr, schema.len);
    s->login->has_schema = has_schema;
    login_count(s, -1);
    s->user = conf_user(s->f.realm->conf, user);
    return true;
}

static void first_packet(struct session *s, struct str payload)
{
    struct wire_login l;
    struct front *f = &s->f;
    if (wire_get_login(payload, &l) != WIRE_OK) {
        refuse_login(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Bad handshake"));
        return;
    }
    if (l.ssl_request) {
        refuse_login(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Weir: TLS is not supported yet; connect without it (--skip-ssl)"));
        return;
    }
    f->capabilities = l.capabilities & offered;
    s->multi_statements = f->capabilities & WIRE_CAP_MULTI_STATEMENTS;
    set_collation(s, l.collation);
    front_refresh_options(f);
    if (!remember(s, l.user, l.schema, l.has_schema)) {
        refuse_login(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Bad handshake: user or schema name too long"));
        return;
    }
    check(s, l.auth_plugin, l.auth, f->capabilities & WIRE_CAP_PLUGIN_AUTH);
}

void login_packet(struct session *s, struct str payload, uint8_t seq)
{
    if (seq != s->f.seq) {
        s->f.seq = (uint8_t)(seq + 1);
        refuse_login(s, 1156 /* ER_NET_PACKETS_OUT_OF_ORDER */, "08S01", STR("Got packets out of order"));
        return;
    }
    s->f.seq = (uint8_t)(seq + 1);
    switch ((enum session_state)s->state) {
    case SESSION_GREETED: first_packet(s, payload); return;
    case SESSION_AUTH_SWITCH:
        check(s, s->login->sha2 ? STR("caching_sha2_password") : STR("mysql_native_password"), payload, false);
        return;
    case SESSION_SHA2_FULL: {
        struct wire_rsa *key = rsa_key();
        if (payload.len == 1 && payload.ptr[0] == 2 && key) more(s, wire_rsa_public_pem(key), SESSION_SHA2_CIPHER);
        else denied(s); /* the password in clear needs TLS */
        return;
    }
    case SESSION_SHA2_CIPHER: full_auth(s, payload); return;
    case SESSION_READY:
    case SESSION_BUSY:
    case SESSION_CLOSED: return;
    }
}

void login_change_user(struct session *s, struct str payload)
{
    struct wire_change_user c;
    if (wire_get_change_user(payload, s->f.capabilities, &c) != WIRE_OK) {
        front_err(&s->f, WIRE_ER_MALFORMED_PACKET, "HY000", STR("Malformed communication packet: COM_CHANGE_USER"));
        session_close(s, true);
        return;
    }
    session_reset(s);
    s->changing_user = true;
    s->f.schema = NULL;
    set_collation(s, c.collation);
    front_refresh_options(&s->f);
    if (!remember(s, c.user, c.schema, c.schema.len > 0)) {
        refuse_login(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Bad handshake: user or schema name too long"));
        return;
    }
    session_set_state(s, SESSION_GREETED);
    check(s, c.auth_plugin, c.auth, s->f.capabilities & WIRE_CAP_PLUGIN_AUTH);
}
