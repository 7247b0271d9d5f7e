/*
 * conn.c - the life of a server connection (see conn.h for the state diagram).
 *
 * Login as a client: greeting -> [request for TLS, TLS from there on] -> HandshakeResponse41 by mysql_native_password, caching_sha2_password or
 * client_ed25519 -> [other method, as often as the server likes] -> OK -> [compression from there on]. The password itself is given over TLS and
 * Unix sockets only (caching_sha2's full path), or RSA-encrypted; and to a server that asks for it without any method (mysql_clear_password) only
 * when its certificate was checked. Everything until IDLE is decoded packet by packet; afterwards the bytes go to the borrower untouched.
 */
#include "proxy/backend/conn.h"
#include "proxy/backend/pool.h"

enum { DRAIN_MAX = 1 << 20, GATHER_KEEP = 64 << 10, ER_CONNECT_SOURCE = 1429, ER_QUERY_SOURCE = 1430 };

static const struct link_handler server_handler;

void conn_set_state(struct conn *c, enum conn_state state)
{
    struct pool *p = &c->realm->pools[c->source];
    switch (c->state) {
    case CONN_CONNECTING:
    case CONN_GREETING:
    case CONN_LOGIN: p->nopening--; break;
    case CONN_IDLE:
        p->nidle--;
        list_remove(&c->node);
        break;
    case CONN_BUSY:
    case CONN_DRAINING: p->nbusy--; break;
    case CONN_DEAD: break;
    }
    c->state = state;
    c->since_ms = c->realm->engine->now_ms;
    switch (state) {
    case CONN_CONNECTING:
    case CONN_GREETING:
    case CONN_LOGIN: p->nopening++; break;
    case CONN_IDLE:
        p->nidle++;
        list_prepend(&p->idle[c->cls], &c->node);
        break;
    case CONN_BUSY:
    case CONN_DRAINING: p->nbusy++; break;
    case CONN_DEAD: break;
    }
}

struct str conn_where(const struct realm *r, uint32_t source, struct arena *a)
{
    const struct conf_source *s = &r->conf->sources[source];
    if (s->primary.path.len) return arena_printf(a, "source %.*s (unix:%.*s)", STR_ARG(s->name), STR_ARG(s->primary.path));
    return arena_printf(a, "source %.*s (%.*s:%u)", STR_ARG(s->name), STR_ARG(s->primary.host), s->primary.port);
}

struct conn *conn_open(struct realm *r, uint32_t source, uint8_t cls)
{
    struct engine *e = r->engine;
    struct conn *c = mem_zalloc(sizeof *c);
    if (!c) return NULL;
    c->realm = r;
    c->source = source;
    c->cls = cls;
    c->state = CONN_DEAD;
    c->applied = settings_ref(e->no_settings);
    c->gather.check_seq = true;
    c->gather.max = 1 << 20;
    list_init(&c->node);
    list_init(&c->cursors);
    c->link = e->ops->connect(e, &r->conf->sources[source].primary, &server_handler, c);
    if (!c->link) {
        settings_unref(e, c->applied);
        mem_free(c);
        return NULL;
    }
    realm_ref(r);
    atomic_fetch_add(&r->snap->source_conns[source], 1);
    conn_set_state(c, CONN_CONNECTING);
    list_append(&e->opening, &c->node);
    COUNT(e, server_connects);
    return c;
}

/* Frees c; its link's memory goes after the event. */
static void conn_free(struct conn *c)
{
    struct realm *r = c->realm;
    if (c->state != CONN_IDLE) list_remove(&c->node);
    conn_set_state(c, CONN_DEAD);
    atomic_fetch_sub(&r->snap->source_conns[c->source], 1);
    if (c->link) {
        c->link->owner = NULL;
        link_close(c->link, false);
    }
    while (!list_empty(&c->cursors)) list_remove(c->cursors.next); /* the legs see that they are off their list */
    conn_stmts_release(c);
    settings_unref(r->engine, c->applied);
    wire_gather_release(&c->gather);
    pool_closed(c);
    mem_free(c);
    realm_unref(r);
}

static void open_failed(struct conn *c, const char *why)
{
    struct engine *e = c->realm->engine;
    struct fault f;
    struct arena *a = &e->arena;
    struct str where = conn_where(c->realm, c->source, a);
    fault_set(&f, a, ER_CONNECT_SOURCE, "HY000", "Weir: %.*s cannot be used: %s", STR_ARG(where), why);
    engine_log(e, CONF_LOG_WARN, "%.*s: login or connect failed: %s", STR_ARG(where), why);
    COUNT(e, server_connect_errors);
    pool_open_failed(c, &f);
    conn_free(c);
}

void conn_discard(struct conn *c)
{
    conn_free(c);
}

/* ---- login ---- */

static const struct conf_source *source_of(const struct conn *c)
{
    return &c->realm->conf->sources[c->source];
}

/* Nobody between us and the server can read along. */
static bool is_secure(const struct conn *c)
{
    return c->link->tls || source_of(c)->primary.path.len > 0;
}

static bool is_verified(const struct conn *c)
{
    const struct conf_source *src = source_of(c);
    return src->primary.path.len > 0 || (c->link->tls && (src->tls.mode == CONF_TLS_VERIFY_CA || src->tls.mode == CONF_TLS_VERIFY_IDENTITY));
}

/* What that method answers to the server's data. NULL, or why not. */
static const char *auth_answer(struct conn *c, struct str plugin, struct str data, struct buf *out)
{
    static const char short_data[] = "malformed request to switch the authentication method";
    struct str password = source_of(c)->password;
    uint8_t hash[WIRE_ED25519_SIGNATURE];
    if (plugin.len == 0) plugin = STR("mysql_native_password");
    bool native = str_eq(plugin, STR("mysql_native_password")), sha2 = str_eq(plugin, STR("caching_sha2_password"));
    if (native || sha2) {
        if (data.len < WIRE_NONCE) return short_data;
        memcpy(c->nonce, data.ptr, WIRE_NONCE);
        c->plugin = native ? STR("mysql_native_password") : STR("caching_sha2_password");
        if (password.len == 0) return NULL;
        if (native) wire_native_scramble(password, c->nonce, hash);
        else wire_sha2_scramble(password, c->nonce, hash);
        buf_put(out, hash, native ? 20 : 32);
        return NULL;
    }
    if (str_eq(plugin, STR("client_ed25519"))) {
        if (data.len < WIRE_ED25519_NONCE) return short_data;
        c->plugin = STR("client_ed25519");
        if (!wire_ed25519_sign(password, (const uint8_t *)data.ptr, hash)) return "client_ed25519: the answer cannot be computed";
        buf_put(out, hash, WIRE_ED25519_SIGNATURE);
        return NULL;
    }
    if (str_eq(plugin, STR("mysql_clear_password"))) {
        if (!is_verified(c))
            return "it asks for the password in clear (mysql_clear_password), which is given only over TLS with a server that was verified: tls.mode "
                   "verify_ca or verify_identity of the source";
        c->plugin = STR("mysql_clear_password");
        buf_put_str(out, password);
        buf_put_u8(out, 0);
        return NULL;
    }
    return "it asks for an authentication method other than mysql_native_password, caching_sha2_password, client_ed25519 and mysql_clear_password";
}

static uint32_t wanted(const struct conn *c, uint32_t offered)
{
    uint32_t want = WIRE_CAP_LONG_PASSWORD | WIRE_CAP_LONG_FLAG | WIRE_CAP_PROTOCOL_41 | WIRE_CAP_TRANSACTIONS |
                    WIRE_CAP_SECURE_CONNECTION | WIRE_CAP_PLUGIN_AUTH | WIRE_CAP_LOCAL_FILES | WIRE_CAP_MULTI_RESULTS |
                    (c->cls & CONN_FOUND_ROWS ? (uint32_t)WIRE_CAP_FOUND_ROWS : 0u) |
                    (c->cls & CONN_PS_OUT ? (uint32_t)WIRE_CAP_PS_MULTI_RESULTS : 0u) |
                    (c->cls & CONN_DEPRECATE_EOF ? (uint32_t)WIRE_CAP_DEPRECATE_EOF : 0u);
    if (source_of(c)->tls.mode != CONF_TLS_OFF) want |= WIRE_CAP_SSL;
    bool zstd = source_of(c)->compression == LINK_ZSTD && (offered & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM);
    if (zstd) want |= WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM;
    else if (source_of(c)->compression) want |= WIRE_CAP_COMPRESS;
    return want & offered;
}

/* Asks for TLS; what is sent from then on waits for the handshake. False: failed, c is gone. */
static bool start_tls(struct conn *c, const struct wire_login *l)
{
    const struct conf_source *src = source_of(c);
    struct tls_context **all = c->realm->snap->source_tls, *ctx = all ? all[c->source] : NULL;
    struct buf packet = {0};
    const char *why = NULL;
    wire_put_ssl_request(&packet, &c->seq, l);
    struct str host = arena_str(&c->realm->engine->arena, src->primary.host); /* with a NUL */
    if (packet.failed || !host.ptr) {
        why = "out of memory";
    } else if (!ctx) {
        why = "TLS is asked for (tls of the source), but its files could not be read";
    } else {
        link_send(c->link, packet.data, packet.len);
        if (!link_start_tls(c->link, ctx, false, host.len ? host.ptr : NULL, NULL, 0)) why = "TLS could not be begun";
    }
    buf_release(&packet);
    if (why) open_failed(c, why);
    return !why;
}

static void send_login(struct conn *c, const struct wire_greeting *g)
{
    const struct conf_source *src = source_of(c);
    struct buf auth = {0}, packet = {0};
    if (src->tls.mode != CONF_TLS_OFF && !(g->capabilities & WIRE_CAP_SSL)) {
        open_failed(c, "it offers no TLS, which the rules ask for (tls of the source); give the server a certificate, or set tls: off");
        return;
    }
    c->capabilities = wanted(c, g->capabilities);
    c->mariadb = str_find(g->server_version, STR("MariaDB"), 0) != SIZE_MAX;
    c->thread_id = g->thread_id;
    c->compression = c->capabilities & WIRE_CAP_COMPRESS ? LINK_ZLIB : c->capabilities & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM ? LINK_ZSTD : 0;
    struct str nonce = str_make(g->nonce, WIRE_NONCE);
    struct wire_login l = {.capabilities = c->capabilities, .max_packet = 1u << 30, .collation = 45, .user = src->user, .zstd_level = 3};
    if (src->tls.mode != CONF_TLS_OFF && !start_tls(c, &l)) return;
    /* The greeting's method when its nonce serves for it, else native: the server then asks to switch. */
    bool sha2 = str_eq(g->auth_plugin, STR("caching_sha2_password"));
    const char *why = auth_answer(c, sha2 ? g->auth_plugin : STR("mysql_native_password"), nonce, &auth);
    l.auth = buf_str(&auth);
    l.auth_plugin = c->plugin;
    if (!why) wire_put_login(&packet, &c->seq, &l);
    if (why || packet.failed || auth.failed) {
        open_failed(c, why ? why : "out of memory");
    } else {
        conn_set_state(c, CONN_LOGIN);
        c->gather.seq = c->seq;
        link_send(c->link, packet.data, packet.len);
    }
    buf_release(&packet);
    buf_release(&auth);
}

static void send_auth(struct conn *c, const void *p, size_t n)
{
    struct buf packet = {0};
    wire_put_packet(&packet, &c->seq, p, n);
    c->gather.seq = c->seq;
    if (!packet.failed) link_send(c->link, packet.data, packet.len);
    buf_release(&packet);
}

static void on_sha2_more(struct conn *c, struct str data)
{
    struct str password = c->realm->conf->sources[c->source].password;
    if (c->wants_key) { /* the server's public key */
        struct buf cipher = {0};
        c->wants_key = false;
        if (wire_rsa_encrypt(data, password, c->nonce, &cipher)) send_auth(c, cipher.data, cipher.len);
        else open_failed(c, "the server's public key for caching_sha2_password cannot be used");
        buf_release(&cipher);
        return;
    }
    if (data.len == 1 && data.ptr[0] == 3) return; /* fast path: OK follows */
    if (data.len == 1 && data.ptr[0] == 4 && is_secure(c)) {
        struct buf clear = {0};
        buf_put_str(&clear, password);
        buf_put_u8(&clear, 0);
        if (clear.failed) open_failed(c, "out of memory");
        else send_auth(c, clear.data, clear.len);
        if (clear.data) explicit_bzero(clear.data, clear.len);
        buf_release(&clear);
        return;
    }
    if (data.len == 1 && data.ptr[0] == 4) {
        c->wants_key = true;
        send_auth(c, "\x02", 1);
        return;
    }
    open_failed(c, "unexpected step in caching_sha2_password");
}

static void on_login_packet(struct conn *c, struct str p)
{
    struct engine *e = c->realm->engine;
    c->seq = c->gather.seq;
    if (wire_is_err(p)) {
        struct wire_err err;
        struct str msg = wire_get_err(p, &err) == WIRE_OK ? err.message : STR("malformed error packet");
        struct str z = arena_str(&e->arena, msg);
        open_failed(c, z.ptr ? z.ptr : "the server refused the login");
        return;
    }
    if (c->state == CONN_GREETING) {
        struct wire_greeting g;
        if (wire_get_greeting(p, &g) != WIRE_OK) open_failed(c, "its greeting is not of the MySQL protocol, version 10");
        else if (!(g.capabilities & WIRE_CAP_PROTOCOL_41)) open_failed(c, "it does not speak protocol 4.1");
        else send_login(c, &g);
        return;
    }
    switch (p.len ? (unsigned char)p.ptr[0] : 0x100u) {
    case 0x00:
        if (c->compression && !link_start_compression(c->link, (enum link_compression)c->compression, 0)) {
            open_failed(c, "compression (of the source) could not be begun");
            return;
        }
        conn_set_state(c, CONN_BUSY);
        list_remove(&c->node);
        pool_opened(c);
        return;
    case 0x01:
        if (str_eq(c->plugin, STR("caching_sha2_password"))) on_sha2_more(c, str_make(p.ptr + 1, p.len - 1));
        else open_failed(c, "unexpected packet during login");
        return;
    case 0xfe: {
        struct str plugin, data;
        struct buf auth = {0};
        c->wants_key = false;
        bool good = wire_get_auth_switch(p, &plugin, &data) == WIRE_OK;
        const char *why = good ? auth_answer(c, plugin, data, &auth) : "malformed request to switch the authentication method";
        if (!why && auth.failed) why = "out of memory";
        if (why) open_failed(c, why);
        else send_auth(c, auth.data, auth.len);
        if (auth.data) explicit_bzero(auth.data, auth.len);
        buf_release(&auth);
        return;
    }
    default: open_failed(c, "unexpected packet during login"); return;
    }
}

static bool opening(const struct conn *c)
{
    return c->state == CONN_CONNECTING || c->state == CONN_GREETING || c->state == CONN_LOGIN;
}

/* ---- link events ---- */

static void drain_bytes(struct conn *c, const char *p, size_t n)
{
    size_t used = wire_follow_feed(&c->follow, p, n);
    c->drained += used;
    if (c->follow.state == WIRE_F_DONE && used == n) {
        list_remove(&c->node);
        if (c->in_trans || (c->follow.status & WIRE_STATUS_IN_TRANS)) conn_discard(c); /* closing rolls back */
        else pool_return(c);
    } else if (c->follow.state == WIRE_F_DONE || c->follow.state == WIRE_F_BAD || c->drained > DRAIN_MAX) {
        control_kill(c->realm->snap->control, c->source, c->thread_id, true);
        COUNT(c->realm->engine, kills_sent);
        conn_discard(c);
    }
}

static void on_bytes(struct link *l, const char *p, size_t n)
{
    struct conn *c = l->owner;
    if (!c) return;
    COUNT_ADD(c->realm->engine, bytes_from_servers, n);
    if (LIKELY(c->state == CONN_BUSY)) {
        c->user->bytes(c->ctx, c, p, n);
        return;
    }
    if (c->state == CONN_DRAINING) {
        drain_bytes(c, p, n);
        return;
    }
    if (!opening(c)) { /* idle: an unasked packet is the server's good-bye (time-out, shutdown) */
        conn_discard(c);
        return;
    }
    if (c->state == CONN_CONNECTING) conn_set_state(c, CONN_GREETING);
    while (n) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, n, &used, &payload);
        p += used;
        n -= used;
        if (st == WIRE_MORE) return;
        if (st == WIRE_MALFORMED) {
            open_failed(c, "malformed packet during login");
            return;
        }
        on_login_packet(c, payload);
        if (!l->owner || !opening(c)) return; /* freed, or handed over */
    }
}

static void on_connected(struct link *l)
{
    struct conn *c = l->owner;
    if (c && c->state == CONN_CONNECTING) conn_set_state(c, CONN_GREETING);
}

static void on_closed(struct link *l, int error)
{
    struct conn *c = l->owner;
    if (!c) return;
    switch (c->state) {
    case CONN_CONNECTING:
    case CONN_GREETING:
    case CONN_LOGIN: open_failed(c, l->why ? l->why : error ? strerror(error) : "the server closed the connection during login"); return;
    case CONN_BUSY: {
        const struct conn_user *u = c->user;
        void *ctx = c->ctx;
        COUNT(c->realm->engine, server_lost);
        c->user = NULL;
        if (u) u->lost(ctx, c, error);
        conn_free(c);
        return;
    }
    case CONN_IDLE:
    case CONN_DRAINING:
    case CONN_DEAD: conn_free(c); return;
    }
}

static void on_drained(struct link *l)
{
    struct conn *c = l->owner; /* a statement is sent whole; the file of a LOAD DATA is not */
    if (c && c->state == CONN_BUSY && c->user && c->user->drained) c->user->drained(c->ctx, c);
}

static const struct link_handler server_handler = {on_bytes, on_drained, on_closed, on_connected};

/* ---- commands ---- */

void conn_send(struct conn *c, const void *packet, size_t n, enum wire_follow_kind kind)
{
    wire_follow_init(&c->follow, kind, c->capabilities);
    c->follow.seq = c->gather.seq = (uint8_t)((n - 1) / (WIRE_MAX_PAYLOAD + WIRE_HEADER) + 1); /* the reply counts on from the command's last packet */
    c->gather.max = 0;
    c->gather.taken = c->gather.joining = c->gather.in_packet = c->gather.last_full = false;
    c->gather.nhead = 0; /* the reply before may have been dropped in the middle of a packet */
    c->gather.left = 0;
    if (c->gather.store.cap > GATHER_KEEP) buf_release(&c->gather.store);
    else buf_reset(&c->gather.store);
    link_resume(c->link); /* a merge may have paused it with its last rows read */
    COUNT_ADD(c->realm->engine, bytes_to_servers, n);
    link_new_command(c->link);
    link_send(c->link, packet, n);
}

bool conn_command(struct conn *c, uint8_t command, struct str text)
{
    struct buf *out = &c->realm->engine->out;
    buf_reset(out);
    uint8_t seq = 0;
    size_t at = wire_begin(out);
    buf_put_u8(out, command);
    buf_put_str(out, text);
    wire_end(out, at, &seq);
    if (out->failed) return false;
    conn_send(c, out->data, out->len, command == WIRE_COM_QUERY ? WIRE_FOLLOW_QUERY : WIRE_FOLLOW_OK);
    return true;
}

void conn_abandon(struct conn *c)
{
    c->user = NULL;
    if (c->follow.state == WIRE_F_BAD || c->follow.state == WIRE_F_LOCAL_INFILE || c->must_close) {
        conn_discard(c);
        return;
    }
    if (c->follow.state == WIRE_F_DONE) {
        pool_return(c);
        return;
    }
    c->drained = 0;
    conn_set_state(c, CONN_DRAINING);
    list_append(&c->realm->engine->draining, &c->node);
    link_resume(c->link);
}
