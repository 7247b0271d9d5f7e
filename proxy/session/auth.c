/*
 * auth.c - does the client know the secret? The methods, the server's side.
 *
 *   secret in the rules         native   caching_sha2                 client_ed25519   mysql_clear_password
 *   plain text                  check    fast                         check            over TLS or a Unix socket
 *   mysql_native_password hash  check    full, or switch to native    -                "
 *   caching_sha2_password hash  -        fast, else full              -                "
 *   client_ed25519 key          -        full                         check            "
 *
 *   "-": the client is asked to switch. Full: the client gives the password itself, over TLS or a Unix socket in clear, else encrypted by our RSA
 *   key; what it proves, this process remembers, and the next login takes the fast path. With that, clients of MySQL 9, which have no native
 *   method, log in whatever the secret is.
 *
 * One nonce serves native and caching_sha2 for the whole connection, as clients expect of COM_CHANGE_USER; client_ed25519 has its own. A name
 * that does not exist is treated like one that does (auth_decoy), by the same steps and with the same work; login_verdict refuses it at the end.
 */
#include "proxy/session/login.h"

#include <openssl/crypto.h>
#include <pthread.h>

static const struct str method_names[] = {
    [AUTH_NATIVE] = {"mysql_native_password", 21},
    [AUTH_SHA2] = {"caching_sha2_password", 21},
    [AUTH_ED25519] = {"client_ed25519", 14},
    [AUTH_CLEAR] = {"mysql_clear_password", 20},
};

static enum auth_method method_of(struct str name)
{
    if (name.len == 0) return AUTH_NATIVE;
    for (size_t i = 0; i < COUNT_OF(method_names); i++) {
        if (str_eq(name, method_names[i])) return (enum auth_method)i;
    }
    return AUTH_OTHER;
}

/* Clients begin with what the greeting names, old ones know native only; but when no user has a secret that it can check, it is a step for nothing. */
struct str auth_greeting_plugin(const struct conf *c)
{
    bool all_sha2 = c->nusers > 0;
    for (uint32_t i = 0; i < c->nusers; i++) all_sha2 &= c->users[i].secret_kind == CONF_SECRET_SHA2;
    return method_names[all_sha2 ? AUTH_SHA2 : AUTH_NATIVE];
}

const struct conf_user *auth_decoy(const struct conf *c, struct str name)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t seed; /* of the process: who is imitated must not be known from outside */
    const struct conf_user *u = conf_user(c, name);
    if (u || c->nusers == 0) return u;
    pthread_mutex_lock(&lock);
    if (!seed && !wire_nonce_bytes((uint8_t *)&seed, sizeof seed)) seed = 1;
    uint64_t h = hash_bytes(name.ptr, name.len, seed);
    pthread_mutex_unlock(&lock);
    return &c->users[h % c->nusers];
}

/* ---- RSA ---- */

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

/* ---- the process's memory of passwords that fitted: secret -> SHA256(SHA256(password)) ---- */

enum { FAST_MAX = 256 };
static struct { uint64_t secret; uint8_t hash[32]; } fast[FAST_MAX];
static pthread_mutex_t fast_lock = PTHREAD_MUTEX_INITIALIZER; /* logins only */

static uint64_t fast_key(const struct conf_user *u)
{
    return hash_bytes(u->secret.ptr, u->secret.len, 77 + (uint64_t)u->secret_kind) | 1;
}

static void fast_remember(const struct conf_user *u, struct str password)
{
    uint64_t h = fast_key(u);
    uint8_t hash[32];
    wire_sha2_fast_hash(password, hash);
    pthread_mutex_lock(&fast_lock);
    fast[h % FAST_MAX].secret = h;
    memcpy(fast[h % FAST_MAX].hash, hash, sizeof hash);
    pthread_mutex_unlock(&fast_lock);
    OPENSSL_cleanse(hash, sizeof hash);
}

static bool fast_known(const struct conf_user *u, uint8_t hash[32])
{
    uint64_t h = fast_key(u);
    pthread_mutex_lock(&fast_lock);
    bool known = fast[h % FAST_MAX].secret == h;
    memcpy(hash, fast[h % FAST_MAX].hash, 32);
    pthread_mutex_unlock(&fast_lock);
    return known;
}

/* ---- secrets ---- */

static const char wrong[] = "wrong password";

static bool is_secure(const struct session *s)
{
    return s->f.link && (s->f.link->tls || s->f.link->is_unix);
}

static bool native_fits(const struct conf_user *u, struct str answer, const uint8_t *nonce)
{
    uint8_t stored[20];
    if (u->secret_kind == CONF_SECRET_PLAIN) {
        if (u->secret.len == 0) return answer.len == 0;
        wire_native_hash(u->secret, stored);
        return wire_native_check(answer, nonce, stored);
    }
    return wire_native_parse(u->secret, stored) && wire_native_check(answer, nonce, stored);
}

static bool ed25519_fits(const struct conf_user *u, struct str answer, const uint8_t *nonce)
{
    uint8_t key[WIRE_ED25519_KEY];
    bool known = u->secret_kind == CONF_SECRET_PLAIN ? wire_ed25519_public(u->secret, key) : wire_ed25519_parse(u->secret, key);
    return known && wire_ed25519_check(answer, nonce, key);
}

/* Is that the password itself? */
static bool clear_fits(const struct conf_user *u, struct str password)
{
    uint8_t stored[32], got[32];
    switch (u->secret_kind) {
    case CONF_SECRET_PLAIN: /* by their hashes: the time does not tell how much of it is right */
        wire_sha2_fast_hash(u->secret, stored);
        wire_sha2_fast_hash(password, got);
        return CRYPTO_memcmp(stored, got, 32) == 0;
    case CONF_SECRET_NATIVE:
        wire_native_hash(password, got);
        return password.len && wire_native_parse(u->secret, stored) && CRYPTO_memcmp(stored, got, 20) == 0;
    case CONF_SECRET_SHA2: return wire_sha2_verify(password, u->secret);
    case CONF_SECRET_ED25519:
        return wire_ed25519_public(password, got) && wire_ed25519_parse(u->secret, stored) && CRYPTO_memcmp(stored, got, WIRE_ED25519_KEY) == 0;
    }
    return false;
}

/* ---- the exchange ---- */

static void more(struct session *s, struct str data, enum session_state next)
{
    struct buf out = {0};
    wire_put_auth_more(&out, &s->f.seq, data);
    login_send(s, &out, next);
}

static void switch_to(struct session *s, enum auth_method method)
{
    struct buf out = {0};
    struct login_memo *m = s->login;
    m->method = method;
    if (method == AUTH_ED25519) {
        out.failed = !wire_nonce_bytes(m->nonce, sizeof m->nonce);
        wire_put_auth_switch_data(&out, &s->f.seq, method_names[method], str_make(m->nonce, sizeof m->nonce));
    } else {
        wire_put_auth_switch(&out, &s->f.seq, method_names[method], s->nonce);
    }
    login_send(s, &out, SESSION_AUTH_SWITCH);
}

static bool suits(const struct session *s, enum auth_method method)
{
    enum conf_secret kind = s->login->like->secret_kind;
    switch (method) {
    case AUTH_NATIVE: return kind == CONF_SECRET_PLAIN || kind == CONF_SECRET_NATIVE;
    case AUTH_SHA2:
        return kind == CONF_SECRET_PLAIN || kind == CONF_SECRET_SHA2 || is_secure(s) || s->login->no_native ||
               (kind == CONF_SECRET_ED25519 && s->login->no_ed25519);
    case AUTH_ED25519: return kind == CONF_SECRET_PLAIN || kind == CONF_SECRET_ED25519;
    case AUTH_CLEAR: return is_secure(s);
    case AUTH_OTHER: return false;
    }
    return false;
}

static enum auth_method preferred(const struct session *s)
{
    switch (s->login->like->secret_kind) {
    case CONF_SECRET_PLAIN:
    case CONF_SECRET_NATIVE: return s->login->no_native ? AUTH_SHA2 : AUTH_NATIVE;
    case CONF_SECRET_SHA2: return AUTH_SHA2;
    case CONF_SECRET_ED25519: return s->login->no_ed25519 ? AUTH_SHA2 : AUTH_ED25519;
    }
    return AUTH_NATIVE;
}

static void check_sha2(struct session *s, struct str answer)
{
    struct login_memo *m = s->login;
    const struct conf_user *u = m->like;
    uint8_t stored[32];
    m->empty_auth = answer.len == 0;
    if (u->secret_kind == CONF_SECRET_PLAIN) {
        wire_sha2_fast_hash(u->secret, stored);
        bool good = u->secret.len == 0 ? answer.len == 0 : wire_sha2_check(answer, s->nonce, stored);
        m->say_fast = u->secret.len > 0;
        login_verdict(s, good, wrong);
        return;
    }
    if (answer.len == 0) {
        login_verdict(s, false, wrong);
        return;
    }
    /* A host that waits for its verdicts gets no quicker one by the steps that lead to it. */
    bool slow = throttle_is_slow(session_address(s), s->f.engine->now_ms, s->f.realm->conf->weir.failed_logins);
    bool fits = fast_known(u, stored) && wire_sha2_check(answer, s->nonce, stored);
    if (fits && !slow && !m->hopeless) {
        m->say_fast = true;
        login_verdict(s, true, wrong);
        return;
    }
    more(s, STR("\x04"), SESSION_SHA2_FULL);
}

static struct str without_end(struct str password)
{
    if (password.len && password.ptr[password.len - 1] == 0) password.len--;
    return password;
}

static void check(struct session *s, struct str answer)
{
    struct login_memo *m = s->login;
    m->empty_auth = answer.len == 0;
    switch (m->method) {
    case AUTH_NATIVE: login_verdict(s, native_fits(m->like, answer, s->nonce), wrong); return;
    case AUTH_SHA2:
        /* one zero byte is that plugin's way to say "no password" */
        check_sha2(s, answer.len == 1 && answer.ptr[0] == 0 ? STR_NULL : answer);
        return;
    case AUTH_ED25519: login_verdict(s, ed25519_fits(m->like, answer, m->nonce), wrong); return;
    case AUTH_CLEAR:
        answer = without_end(answer);
        m->empty_auth = answer.len == 0;
        login_verdict(s, clear_fits(m->like, answer), wrong);
        return;
    case AUTH_OTHER: break;
    }
    login_verdict(s, false, "its method of authentication is not known");
}

void auth_first(struct session *s, struct str plugin, struct str answer, bool may_switch)
{
    struct login_memo *m = s->login;
    m->method = method_of(plugin);
    if (!m->like) {
        m->empty_auth = answer.len == 0;
        login_verdict(s, false, "the rules have no users");
        return;
    }
    bool fits = suits(s, m->method);
    enum auth_method use = fits ? m->method : preferred(s);
    bool nothing_yet = answer.len == 0 || (answer.len == 1 && answer.ptr[0] == 0);
    /* Clients' libraries that begin with caching_sha2 when the greeting's nonce was another method's send nothing, and wait for one. */
    bool wants_nonce = use == AUTH_ED25519 || (use == AUTH_SHA2 && nothing_yet && (answer.len == 0 || m->like->secret.len));
    if (fits && (!wants_nonce || !may_switch)) {
        check(s, answer);
    } else if (may_switch) {
        switch_to(s, use);
    } else {
        login_refuse(s, 1251 /* ER_NOT_SUPPORTED_AUTH_MODE */, "08004",
                     STR("Client does not support authentication protocol requested by server; consider upgrading MySQL client"));
    }
}

void auth_switched(struct session *s, struct str answer)
{
    check(s, answer);
}

static void full_verdict(struct session *s, struct str password)
{
    const struct conf_user *u = s->login->like;
    bool good = clear_fits(u, password);
    if (good && !s->login->hopeless) fast_remember(u, password);
    login_verdict(s, good, wrong);
}

void auth_full(struct session *s, struct str answer)
{
    if (answer.len == 1 && answer.ptr[0] == 2) {
        struct wire_rsa *key = rsa_key();
        if (key) more(s, wire_rsa_public_pem(key), SESSION_SHA2_CIPHER);
        else login_refuse(s, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: no key pair could be made for caching_sha2_password"));
    } else if (is_secure(s)) {
        full_verdict(s, without_end(answer));
    } else {
        login_verdict(s, false, "it sent the password in clear without TLS");
    }
}

void auth_cipher(struct session *s, struct str cipher)
{
    struct wire_rsa *key = rsa_key();
    struct buf password = {0};
    if (key && wire_rsa_decrypt(key, cipher, s->nonce, &password)) full_verdict(s, buf_str(&password));
    else login_verdict(s, false, "its password was not encrypted by our key");
    if (password.data) OPENSSL_cleanse(password.data, password.len);
    buf_release(&password);
}
