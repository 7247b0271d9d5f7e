/*
 * login.c - who is it, and may they? The server side of the handshake.
 *
 *   greeting ->
 *            <- [request for TLS, the TLS handshake, and inside it]
 *            <- login: name, answer by some method, schema, capabilities
 *   [steps of the method: auth.c]
 *   [the answer waits: throttle.c]
 *   OK ->   (behind it the agreed compression)        or ERR -> and the end
 *
 * Every failure has the same words and is told only after the whole exchange, so that names cannot be guessed by it: a name that is not in the
 * rules is treated like one that is. The log says which it was. COM_CHANGE_USER is the same from the login packet on; when it fails the connection
 * ends, as with MySQL.
 */
#include "proxy/session/login.h"

#include <stdio.h>

/* ---- what is offered ---- */

static const uint32_t always_offered = WIRE_CAP_LONG_PASSWORD | WIRE_CAP_FOUND_ROWS | WIRE_CAP_LONG_FLAG | WIRE_CAP_CONNECT_WITH_DB |
                                       WIRE_CAP_IGNORE_SPACE | WIRE_CAP_PROTOCOL_41 | WIRE_CAP_INTERACTIVE | WIRE_CAP_IGNORE_SIGPIPE |
                                       WIRE_CAP_TRANSACTIONS | WIRE_CAP_RESERVED | WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_MULTI_STATEMENTS |
                                       WIRE_CAP_MULTI_RESULTS | WIRE_CAP_PS_MULTI_RESULTS | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_CONNECT_ATTRS |
                                       WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA | WIRE_CAP_CAN_HANDLE_EXPIRED_PASSWORDS | WIRE_CAP_DEPRECATE_EOF;

/* Each is offered once the commands and replies behind it are there: whoever builds them sets `on`. */
static const struct {
    uint32_t capability;
    bool on;
} parts[] = {
    {WIRE_CAP_SESSION_TRACK, true},
    {WIRE_CAP_QUERY_ATTRIBUTES, true},
    {WIRE_CAP_OPTIONAL_RESULTSET_METADATA, true},
    {WIRE_CAP_LOCAL_FILES, true},
};

static uint32_t offered(const struct session *s)
{
    const struct conf_weir *w = &s->f.realm->conf->weir;
    uint32_t caps = always_offered;
    for (size_t i = 0; i < COUNT_OF(parts); i++) caps |= parts[i].on ? parts[i].capability : 0;
    if (s->f.realm->snap->client_tls) caps |= WIRE_CAP_SSL;
    if (w->compress_zlib) caps |= WIRE_CAP_COMPRESS;
    if (w->compress_zstd) caps |= WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM;
    return caps;
}

void login_greet(struct session *s)
{
    struct buf out = {0};
    struct wire_greeting g = {.server_version = session_version(s, true), .thread_id = s->f.id, .capabilities = offered(s), .collation = 45,
                              .status = WIRE_STATUS_AUTOCOMMIT, .auth_plugin = auth_greeting_plugin(s->f.realm->conf)};
    if (!wire_nonce(s->nonce)) {
        s->f.broken = true;
        return;
    }
    memcpy(g.nonce, s->nonce, WIRE_NONCE);
    s->f.seq = 0;
    wire_put_greeting(&out, &s->f.seq, &g);
    login_send(s, &out, SESSION_GREETED);
}

void login_send(struct session *s, struct buf *out, enum session_state next)
{
    session_set_state(s, next);
    s->f.broken |= out->failed;
    if (!out->failed) front_send(&s->f, out->data, out->len);
    buf_release(out);
}

void login_refuse(struct session *s, uint16_t code, const char *state, struct str message)
{
    COUNT(s->f.engine, logins_failed);
    front_err(&s->f, code, state, message);
    session_close(s, true);
}

/* ---- the verdict ---- */

static void denied(struct session *s)
{
    const struct login_memo *m = s->login;
    login_refuse(s, WIRE_ER_ACCESS_DENIED_ERROR, "28000",
                 arena_printf(&s->f.engine->arena, "Access denied for user '%s'@'%s' (using password: %s)", m->user, s->host, m->empty_auth ? "NO" : "YES"));
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

/* The schema named at login. False: refused. */
static bool enter_schema(struct session *s)
{
    struct front *f = &s->f;
    const struct login_memo *m = s->login;
    f->schema = NULL;
    f->system_schema = STR_NULL;
    if (!m->has_schema || !m->schema[0]) return true;
    const struct conf_schema *schema = conf_schema(f->realm->conf, str_of(m->schema));
    struct str system = schema ? STR_NULL : front_system_schema(str_of(m->schema));
    bool may = system.len ? s->user->nschemas == 0 || str_eq(system, STR("information_schema")) : login_may_use(s, str_of(m->schema));
    if (may && (schema || system.len)) {
        f->schema = schema;
        f->system_schema = system;
        return true;
    }
    struct arena *a = &f->engine->arena;
    struct str text = may ? arena_printf(a, "Unknown database '%s'", m->schema)
                          : arena_printf(a, "Access denied for user '%s'@'%s' to database '%s'", m->user, s->host, m->schema);
    front_err(f, may ? WIRE_ER_BAD_DB_ERROR : WIRE_ER_DBACCESS_DENIED_ERROR, "42000", text);
    session_close(s, true);
    return false;
}

static void say_fast(struct session *s)
{
    struct buf out = {0};
    wire_put_auth_more(&out, &s->f.seq, STR("\x03"));
    login_send(s, &out, (enum session_state)s->state);
}

static void accepted(struct session *s)
{
    struct front *f = &s->f;
    struct login_memo *m = s->login;
    s->user = m->like;
    if (!set_user_text(s)) {
        session_close(s, false);
        return;
    }
    if (m->say_fast) say_fast(s);
    if (login_count(s, 1) > s->user->max_connections && s->user->max_connections) {
        front_err(f, WIRE_ER_TOO_MANY_USER_CONNECTIONS, "42000",
                  arena_printf(&f->engine->arena, "User %s already has more than 'max_user_connections' active connections", m->user));
        session_close(s, true);
        return;
    }
    if (!enter_schema(s)) return;
    f->restricted = s->user->nschemas > 0;
    enum link_compression how = (enum link_compression)m->compression;
    int level = m->level;
    login_release(s);
    s->changing_user = false;
    session_set_state(s, SESSION_READY);
    f->warnings = 0;
    front_ok(f, 0, 0, STR_NULL);
    if (how && !link_start_compression(f->link, how, level)) f->broken = true; /* what was agreed cannot be done */
}

static void finish(struct session *s)
{
    if (s->login->good) accepted(s);
    else denied(s);
}

void login_verdict(struct session *s, bool good, const char *why)
{
    struct login_memo *m = s->login;
    struct front *f = &s->f;
    struct engine *e = f->engine;
    const struct conf_weir *w = &f->realm->conf->weir;
    m->good = good && !m->hopeless;
    if (!m->good)
        engine_log(e, CONF_LOG_WARN, "session %u: login refused for user '%s' from %s: %s", f->id, m->user, s->host, m->hopeless ? m->hopeless : why);
    switch (throttle_judge(session_address(s), m->good, e->now_ms, w->failed_logins, &m->ticket)) {
    case THROTTLE_GO: finish(s); return;
    case THROTTLE_HOLD:
        COUNT(e, logins_delayed);
        m->held = true;
        m->until_ms = e->now_ms + w->failed_login_delay_ms;
        session_set_state(s, SESSION_DELAYED);
        return;
    case THROTTLE_FULL:
        engine_log(e, CONF_LOG_WARN, "session %u: login refused for user '%s' from %s: too many logins from there wait already (failed_logins)", f->id,
                   m->user, s->host);
        login_refuse(s, 1129 /* ER_HOST_IS_BLOCKED */, "HY000",
                     arena_printf(&e->arena, "Host '%s' is blocked because of many failed logins; wait and try again", s->host));
        return;
    }
}

bool login_is_due(const struct session *s)
{
    return s->state == SESSION_DELAYED && s->f.engine->now_ms >= s->login->until_ms;
}

void login_resume(struct session *s)
{
    throttle_leave(s->login->ticket);
    s->login->held = false;
    finish(s);
}

void login_release(struct session *s)
{
    if (s->login && s->login->held) throttle_leave(s->login->ticket);
    mem_free(s->login);
    s->login = NULL;
}

/* ---- packets ---- */

static void set_collation(struct session *s, uint16_t id)
{
    const struct wire_charset *cs = wire_charset_by_id(id);
    struct front *f = &s->f;
    char quoted[80], coll[80];
    if (!cs) return;
    /* One that the home server does not have: its default, as it would take itself. Every client of MySQL 8 and 9 asks for utf8mb4_0900_ai_ci. */
    bool mysql = session_shows_mysql(s);
    if (strstr(cs->collation, mysql ? "_uca1400_" : "_0900_")) cs = wire_charset_by_id(mysql ? 255 : 45);
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

static bool remember(struct session *s, struct str user, struct str schema, bool has_schema)
{
    login_release(s);
    struct login_memo *m = s->login = mem_zalloc(sizeof *s->login);
    if (!m || user.len >= sizeof m->user || schema.len >= sizeof m->schema) return false;
    if (user.len) memcpy(m->user, user.ptr, user.len);
    if (schema.len) memcpy(m->schema, schema.ptr, schema.len);
    m->has_schema = has_schema;
    login_count(s, -1);
    s->user = NULL;
    m->like = auth_decoy(s->f.realm->conf, user);
    if (!m->like || !str_eq(m->like->name, user)) m->hopeless = "there is no such user";
    else if (m->like->require_tls != CONF_REQUIRE_NOTHING && !s->f.link->tls) m->hopeless = "the user must use TLS (require_tls)";
    else if (m->like->require_tls == CONF_REQUIRE_CERTIFICATE && !s->f.link->certificate)
        m->hopeless = "the user must show a certificate that weir.tls.ca signed (require_tls: certificate)";
    return true;
}

/* Of key/value pairs; what is malformed is left. */
static struct str attribute(struct str list, struct str name)
{
    struct wire_reader r = wire_read(list.ptr, list.len);
    while (wire_left(&r)) {
        struct str key = wire_get_lenstr(&r), value = wire_get_lenstr(&r);
        if (r.bad) break;
        if (str_eq(key, name)) return value;
    }
    return STR("");
}

static void read_attributes(struct session *s, struct str list)
{
    struct str program = attribute(list, STR("program_name")), version = attribute(list, STR("_client_version"));
    size_t n = program.len < sizeof s->program - 1 ? program.len : sizeof s->program - 1;
    while (n && n < program.len && ((unsigned char)program.ptr[n] & 0xC0) == 0x80) n--; /* not in the middle of a character */
    memset(s->program, 0, sizeof s->program);
    for (size_t i = 0; i < n; i++) s->program[i] = (unsigned char)program.ptr[i] < 0x20 || program.ptr[i] == 0x7f ? '?' : program.ptr[i];
    uint64_t major = 0;
    const char *dot = version.len ? memchr(version.ptr, '.', version.len) : NULL;
    s->login->no_ed25519 = str_eq(attribute(list, STR("_client_name")), STR("libmysql"));
    s->login->no_native = s->login->no_ed25519 && dot && str_to_u64(str_make(version.ptr, (size_t)(dot - version.ptr)), &major) && major >= 9;
}

/* May that user come from there? Asked before the method's steps, of an unknown name for the user it is treated like. */
static bool may_come(struct session *s)
{
    const struct conf_user *u = s->login->like;
    if (!u || conf_user_may_come(u, session_address(s))) return true;
    engine_log(s->f.engine, CONF_LOG_WARN, "session %u: login refused for user '%s' from %s: %s", s->f.id, s->login->user, s->host,
               str_eq(u->name, str_of(s->login->user)) ? "not from there (allow, deny)" : s->login->hopeless);
    login_refuse(s, 1130 /* ER_HOST_NOT_PRIVILEGED */, "HY000",
                 arena_printf(&s->f.engine->arena, "Host '%s' is not allowed to connect to this MySQL server", s->host));
    return false;
}

/* The rest of what arrived is TLS already. */
static void start_tls(struct session *s)
{
    struct tls_context *ctx = s->f.realm->snap->client_tls;
    struct str rest = str_make(s->cur, s->ncur);
    if (!ctx || s->f.link->tls) {
        login_refuse(s, WIRE_ER_HANDSHAKE_ERROR, "08S01",
                     ctx ? STR("Bad handshake: TLS was asked for twice") : STR("Weir: TLS is not offered here (the rules have no weir.tls); connect without it"));
        return;
    }
    s->cur += s->ncur;
    s->ncur = 0;
    session_set_state(s, SESSION_GREETED);
    if (!link_start_tls(s->f.link, ctx, true, NULL, rest.ptr, rest.len)) session_close(s, false);
}

static void first_packet(struct session *s, struct str payload)
{
    struct wire_login l;
    struct front *f = &s->f;
    if (wire_get_login(payload, &l) != WIRE_OK) {
        login_refuse(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Bad handshake"));
        return;
    }
    if (l.ssl_request) {
        start_tls(s);
        return;
    }
    f->capabilities = l.capabilities & offered(s);
    s->multi_statements = f->capabilities & WIRE_CAP_MULTI_STATEMENTS;
    set_collation(s, l.collation);
    local_login_settings(s);
    front_refresh_options(f);
    if (!remember(s, l.user, l.schema, l.has_schema)) {
        login_refuse(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Bad handshake: user or schema name too long"));
        return;
    }
    /* Both: zlib goes first, as with MySQL, on both sides. */
    if (f->capabilities & WIRE_CAP_COMPRESS) s->login->compression = LINK_ZLIB;
    else if (f->capabilities & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM) s->login->compression = LINK_ZSTD;
    s->login->level = l.zstd_level;
    read_attributes(s, l.attributes);
    if (may_come(s)) auth_first(s, l.auth_plugin, l.auth, f->capabilities & WIRE_CAP_PLUGIN_AUTH);
}

void login_packet(struct session *s, struct str payload, uint8_t seq)
{
    if (seq != s->f.seq) {
        s->f.seq = (uint8_t)(seq + 1);
        login_refuse(s, 1156 /* ER_NET_PACKETS_OUT_OF_ORDER */, "08S01", STR("Got packets out of order"));
        return;
    }
    s->f.seq = (uint8_t)(seq + 1);
    switch ((enum session_state)s->state) {
    case SESSION_GREETED: first_packet(s, payload); return;
    case SESSION_AUTH_SWITCH: auth_switched(s, payload); return;
    case SESSION_SHA2_FULL: auth_full(s, payload); return;
    case SESSION_SHA2_CIPHER: auth_cipher(s, payload); return;
    case SESSION_DELAYED:
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
    s->f.system_schema = STR_NULL;
    set_collation(s, c.collation);
    local_login_settings(s);
    front_refresh_options(&s->f);
    if (!remember(s, c.user, c.schema, c.schema.len > 0)) {
        login_refuse(s, WIRE_ER_HANDSHAKE_ERROR, "08S01", STR("Bad handshake: user or schema name too long"));
        return;
    }
    read_attributes(s, c.attributes);
    session_set_state(s, SESSION_GREETED);
    if (may_come(s)) auth_first(s, c.auth_plugin, c.auth, s->f.capabilities & WIRE_CAP_PLUGIN_AUTH);
}
