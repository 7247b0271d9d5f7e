/*
 * process.c - the sections that need no other: weir, sources, users, sequences.
 *
 * Secrets: `weir check` prints them as '***'. A printed file loads again, but '***' must not become a
 * password that the whole world knows, so it stands for one that nobody knows: random bytes in the form the
 * key asks for, and a warning.
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 256, ED25519_TEXT = 43 /* characters of base64 for 32 bytes, without '=' */ };

/* Walks the entries of a `name -> mapping` section. False: nothing to walk (reported when wrong). */
static bool entries(struct reader *r, const struct ynode *n, const char *what)
{
    if (!n || ynode_is_null(n)) return false;
    if (n->kind == Y_MAPPING) return true;
    if (!n->broken)
        fault(r, n->pos, hintf(r, "write %s: {name: {...}}", what), "'%s' must be a mapping of names", what);
    return false;
}

/* ---- weir ---- */

/* One address or a list of them. */
static struct conf_address *read_addresses(struct reader *r, const struct ynode *n, const char *what,
                                           uint16_t port, uint32_t *count)
{
    uint32_t most = n->kind == Y_SEQUENCE ? n->nitems : 1;
    *count = 0;
    struct conf_address *list = arena_array(r->a, struct conf_address, most);
    if (!list) r->oom = true;
    if (most > 256) {
        fault(r, n->pos, NULL, "%s: more than 256 addresses", what);
        return list;
    }
    for (uint32_t i = 0; list && i < most; i++) {
        struct conf_address *a = &list[*count];
        if (!read_address(r, n->kind == Y_SEQUENCE ? n->items[i] : n, what, port, a)) continue;
        bool twice = false;
        for (uint32_t k = 0; k < *count && !twice; k++) twice = address_same(&list[k], a);
        if (twice)
            fault(r, a->pos, "remove one of the two", "%s: the same address twice", what);
        else
            ++*count;
    }
    return list;
}

void read_weir(struct reader *r, const struct ynode *n)
{
    struct conf_weir *w = &r->c->weir;
    if (n && !keys_check(r, n, SEC_WEIR, "weir")) return;
    if (n) {
        const struct ynode *listen = key_get(r, n, KEY_WEIR_LISTEN);
        if (listen && listen->kind == Y_SEQUENCE && listen->nitems == 0)
            fault(r, listen->pos, "for instance listen: 127.0.0.1:4406", "no listener: the list is empty");
        else if (listen)
            w->listen = read_addresses(r, listen, "listen", 0, &w->nlisten);
    }
    w->workers = (uint32_t)read_number(r, n, KEY_WEIR_WORKERS);
    w->server_version = read_text(r, n, KEY_WEIR_SERVER_VERSION);
    struct str v = w->server_version.value;
    if (v.len && (v.ptr[0] < '0' || v.ptr[0] > '9' || !memchr(v.ptr, '.', v.len)))
        fault(r, w->server_version.pos, "for instance 8.4.0-weir: drivers read the number",
              "server_version '%.80s' does not begin with a version number", v.ptr);
    w->max_connections = read_number(r, n, KEY_WEIR_MAX_CONNECTIONS);
    w->max_packet = read_number(r, n, KEY_WEIR_MAX_PACKET);
    w->max_statement_memory = read_number(r, n, KEY_WEIR_MAX_STATEMENT_MEMORY);
    w->max_plans = read_number(r, n, KEY_WEIR_MAX_PLANS);
    w->login_timeout_ms = read_number(r, n, KEY_WEIR_LOGIN_TIMEOUT);
    w->connect_timeout_ms = read_number(r, n, KEY_WEIR_CONNECT_TIMEOUT);
    w->wait_timeout_ms = read_number(r, n, KEY_WEIR_WAIT_TIMEOUT);
    w->statement_timeout_ms = read_number(r, n, KEY_WEIR_STATEMENT_TIMEOUT);
    w->pool_wait_ms = read_number(r, n, KEY_WEIR_POOL_WAIT);
    w->drain_timeout_ms = read_number(r, n, KEY_WEIR_DRAIN_TIMEOUT);
    w->slow_statement_ms = read_number(r, n, KEY_WEIR_SLOW_STATEMENT);
    w->allow_scatter = read_word(r, n, KEY_WEIR_SCATTER) == 0;
    w->transactions = (enum conf_transactions)read_word(r, n, KEY_WEIR_TRANSACTIONS);
    w->interactive_timeout_ms = read_number(r, n, KEY_WEIR_INTERACTIVE_TIMEOUT);
    read_client_tls(r, key_get(r, n, KEY_WEIR_TLS), &w->tls);
    w->proxy_from = read_networks(r, key_get(r, n, KEY_WEIR_PROXY_PROTOCOL), "proxy_protocol", &w->nproxy_from);
    read_compression(r, n, w);
    w->failed_logins = read_number(r, n, KEY_WEIR_FAILED_LOGINS);
    w->failed_login_delay_ms = read_number(r, n, KEY_WEIR_FAILED_LOGIN_DELAY);
    w->max_prepared = read_number(r, n, KEY_WEIR_MAX_PREPARED);
    w->max_session_prepared = read_number(r, n, KEY_WEIR_MAX_SESSION_PREPARED);
    w->max_server_prepared = read_number(r, n, KEY_WEIR_MAX_SERVER_PREPARED);
    const struct ynode *log = key_get(r, n, KEY_WEIR_LOG);
    if (log && !keys_check(r, log, SEC_LOG, "log")) log = NULL;
    w->log_level = (enum conf_log_level)read_word(r, log, KEY_LOG_LEVEL);
    w->log_json = read_word(r, log, KEY_LOG_FORMAT) == 1;
    w->log_file = read_text(r, log, KEY_LOG_FILE);
}

/* ---- secrets ---- */

/* First line of a password file. False: reported. */
static bool read_password_file(struct reader *r, const struct ynode *n, struct str *out)
{
    char line[SECRET_MAX + 2];
    struct stat st;
    if (!want_scalar(r, n, "password_file")) return false;
    if (n->text.len == 0 || memchr(n->text.ptr, 0, n->text.len)) {
        fault(r, n->pos, NULL, "password_file is no path");
        return false;
    }
    bool absolute = n->text.ptr[0] == '/';
    struct str path =
        arena_printf(&r->scratch, STR_FMT STR_FMT, STR_ARG(absolute ? STR("") : r->folder), STR_ARG(n->text));
    if (!path.ptr) {
        r->oom = true;
        return false;
    }
    int fd = open(path.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fault(r, n->pos, errno == ENOENT ? "a relative path starts at the rule file's directory" : NULL,
              "password_file '%.200s': %s", path.ptr, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    ssize_t got = S_ISREG(st.st_mode) ? read(fd, line, sizeof line) : -1;
    close(fd);
    if (got < 0) {
        fault(r, n->pos, NULL, "password_file '%.200s' is not a readable file", path.ptr);
        return false;
    }
    if (st.st_mode & 07)
        warning(r, n->pos, hintf(r, "chmod 600 %s", path.ptr),
                "password_file '%.200s' can be read or changed by everyone (mode %03o)", path.ptr,
                (unsigned)(st.st_mode & 0777));
    const char *end = memchr(line, '\n', (size_t)got);
    size_t len = end ? (size_t)(end - line) : (size_t)got;
    if (len && line[len - 1] == '\r') len--;
    if (len > SECRET_MAX || memchr(line, 0, len)) {
        fault(r, n->pos, NULL, "the first line of password_file '%.200s' is no password: %s", path.ptr,
              len > SECRET_MAX ? "too long" : "it holds a zero byte");
        return false;
    }
    if (len == 0) warning(r, n->pos, NULL, "password_file '%.200s' is empty: no password", path.ptr);
    *out = arena_str(r->a, str_make(line, len));
    if (!out->ptr) r->oom = true;
    return out->ptr != NULL;
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    }
    return true;
}

/* A secret of the right form that nobody knows, for '***'. */
static struct str unknown_secret(struct reader *r, enum conf_secret kind)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char noise[63];
    size_t got = 0;
    while (got < sizeof noise) {
        ssize_t n = getrandom(noise + got, sizeof noise - got, 0);
        if (n <= 0) break;
        got += (size_t)n;
    }
    struct buf b = {0};
    if (kind == CONF_SECRET_NATIVE) buf_putz(&b, "*");
    if (kind == CONF_SECRET_SHA2) buf_putz(&b, "$A$005$");
    /* salt and digest; a key; or 40 hex digits */
    size_t length = kind == CONF_SECRET_SHA2 ? 63 : kind == CONF_SECRET_ED25519 ? ED25519_TEXT : 40;
    for (size_t i = 0; i < length; i++) buf_put(&b, &hex[noise[i] & 15], 1);
    if (kind == CONF_SECRET_ED25519 && b.len) b.data[b.len - 1] = 'A'; /* its last two bits are 0 */
    struct str s = b.failed || got < sizeof noise ? STR_NULL : arena_str(r->a, buf_str(&b));
    buf_release(&b);
    if (!s.ptr) {
        r->oom = true;
        return STR("");
    }
    return s;
}

static bool is_hidden(struct reader *r, const struct ynode *n, const char *what)
{
    if (!str_eq(n->text, STR("***"))) return false;
    warning(r, n->pos, "write the real secret",
            "%s: '***' stands for a secret that was not printed; nobody can log in with it", what);
    return true;
}

/* The plain password of a user or a source: `password` or `password_file`. */
static struct str read_plain(struct reader *r, const struct ynode *n, const char *what)
{
    if (ynode_is_null(n)) return STR("");
    if (!want_scalar(r, n, "'password'")) return STR("");
    if (is_hidden(r, n, what)) return unknown_secret(r, CONF_SECRET_PLAIN);
    if (n->text.len <= SECRET_MAX && !memchr(n->text.ptr, 0, n->text.len)) return n->text;
    fault(r, n->pos, NULL, "%s: a password has at most %d bytes and no zero byte", what, (int)SECRET_MAX);
    return STR("");
}

/* 32 bytes in base64: the last character carries four bits and two zeros. */
static bool is_ed25519(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/') return false;
    }
    return s.len == ED25519_TEXT && strchr("AEIMQUYcgkosw048", s.ptr[s.len - 1]);
}

static void read_hash(struct reader *r, const struct ynode *n, enum conf_key key, const char *what,
                      struct conf_user *u)
{
    u->secret_kind = key == KEY_USER_NATIVE ? CONF_SECRET_NATIVE
                     : key == KEY_USER_SHA2 ? CONF_SECRET_SHA2
                                            : CONF_SECRET_ED25519;
    if (!want_scalar(r, n, hintf(r, "'%s'", key_table[key].name))) return;
    struct str s = n->text;
    if (is_hidden(r, n, what)) s = unknown_secret(r, u->secret_kind);
    if (key == KEY_USER_NATIVE && (s.len != 41 || s.ptr[0] != '*' || !is_hex(str_make(s.ptr + 1, 40))))
        fault(r, n->pos,
              "'*' and 40 hex digits, in quotes, as SELECT PASSWORD('...') of MariaDB shows it; a plain "
              "password goes under 'password'",
              "%s: not a mysql_native_password hash", what);
    else if (key == KEY_USER_SHA2 && (s.len != 70 || memcmp(s.ptr, "$A$", 3) != 0 ||
                                      !is_hex(str_make(s.ptr + 3, 3)) || s.ptr[6] != '$'))
        fault(r, n->pos,
              "'$A$005$', 20 bytes of salt and 43 of digest, as mysql.user of MySQL 8 holds it; with "
              "unprintable salt write it in double quotes with \\x.. for each such byte",
              "%s: not a caching_sha2_password hash", what);
    else if (key == KEY_USER_ED25519 && !is_ed25519(s))
        fault(r, n->pos,
              "43 characters of base64 without '=', as authentication_string of mysql.user in MariaDB holds it; a plain "
              "password goes under 'password'",
              "%s: not a public key of client_ed25519", what);
    else
        u->secret = s;
}

/* ---- users ---- */

static void read_user_schemas(struct reader *r, const struct ynode *n, struct conf_user *u)
{
    if (n->kind == Y_SCALAR && !n->quoted && str_eq(n->text, STR("all"))) return;
    (void)!read_names(r, n, "schema", false, &u->schemas, &u->nschemas);
    for (uint32_t i = 0; i < u->nschemas; i++) {
        if (conf_schema(r->c, u->schemas[i].value)) continue;
        struct near near = {.wrong = u->schemas[i].value};
        for (uint32_t k = 0; k < r->c->nschemas; k++) near_try(&near, r->c->schemas[k].name);
        fault(r, u->schemas[i].pos, near_hint(r, &near, "list it under schemas:"),
              "user '" STR_FMT "': there is no schema '" STR_FMT "'", STR_ARG(u->name),
              STR_ARG(u->schemas[i].value));
    }
}

static void read_user(struct reader *r, const struct ynode *n, struct conf_user *u)
{
    static const enum conf_key ways[] = {KEY_USER_PASSWORD, KEY_USER_NATIVE, KEY_USER_SHA2, KEY_USER_ED25519, KEY_USER_FILE};
    const char *what = hintf(r, "user '%.80s'", u->name.ptr);
    u->secret = STR("");
    if (n->kind == Y_SCALAR && !ynode_is_null(n)) {
        fault(r, n->pos, hintf(r, "write %.80s: {password: ...}", u->name.ptr),
              "%s must be a mapping, not a single value", what);
        return;
    }
    if (!keys_check(r, n, SEC_USER, what)) return;
    enum conf_key chosen = KEY_COUNT;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const struct ynode *v = key_get(r, n, ways[i]);
        if (!v) continue;
        if (chosen != KEY_COUNT) {
            fault(r, v->pos, "keep one of them", "%s has both '%s' and '%s'", what, key_table[chosen].name,
                  key_table[ways[i]].name);
            continue;
        }
        chosen = ways[i];
        if (chosen == KEY_USER_PASSWORD)
            u->secret = read_plain(r, v, what);
        else if (chosen == KEY_USER_FILE)
            (void)!read_password_file(r, v, &u->secret);
        else
            read_hash(r, v, chosen, what, u);
    }
    if (chosen == KEY_COUNT || (chosen == KEY_USER_PASSWORD && u->secret.len == 0))
        warning(r, u->pos,
                "anybody who reaches the port can log in; give a password, a hash or a password_file",
                "%s has no password", what);
    u->max_connections = read_number(r, n, KEY_USER_MAX_CONNECTIONS);
    const struct ynode *schemas = key_get(r, n, KEY_USER_SCHEMAS);
    if (schemas) read_user_schemas(r, schemas, u);
    read_user_access(r, n, what, u);
}

void read_users(struct reader *r, const struct ynode *n)
{
    bool any = entries(r, n, "users") && n->npairs > 0;
    if (!any && (!n || ynode_is_null(n) || n->kind == Y_MAPPING))
        warning(r, n ? n->pos : (struct conf_pos){0}, "for instance users: {app: {password: ...}}",
                "no users: nobody can log in");
    if (!any) return;
    r->c->users = arena_array(r->a, struct conf_user, n->npairs);
    if (!r->c->users) {
        r->oom = true;
        return;
    }
    for (uint32_t i = 0; i < n->npairs && !r->oom; i++) {
        struct conf_user *u = &r->c->users[r->c->nusers++];
        const struct ynode *key = n->pairs[i].key;
        *u = (struct conf_user){.pos = key->pos, .name = key->text};
        if (u->name.len > 80 || memchr(u->name.ptr, 0, u->name.len)) /* 80 in MariaDB, 32 in MySQL */
            fault(r, u->pos, NULL, "a user name has at most 80 bytes and no zero byte");
        else if (u->name.len == 0)
            fault(r, u->pos, "anonymous users are not supported", "the user name is empty");
        else if (memchr(u->name.ptr, '@', u->name.len))
            fault(r, u->pos, "write only the part before the @; Weir does not tell hosts apart",
                  "user name '%.80s' holds an @", u->name.ptr);
        else
            read_user(r, n->pairs[i].value, u);
    }
}

/* ---- sources ---- */

static bool check_source_name(struct reader *r, const struct ynode *key, const char *what)
{
    for (size_t i = 0; i < key->text.len; i++) {
        char c = ascii_lower(key->text.ptr[i]);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-') continue;
        fault(r, key->pos, "letters, digits, '_' and '-'", "'%.80s' cannot be the name of a %s",
              key->text.ptr, what);
        return false;
    }
    if (key->text.len > 0 && key->text.len <= MAX_NAME) return true;
    fault(r, key->pos, NULL, "the name of a %s has 1 to %d characters", what, (int)MAX_NAME);
    return false;
}

static void read_source(struct reader *r, const struct ynode *n, struct conf_source *s)
{
    const char *what = hintf(r, "source '%.80s'", s->name.ptr);
    s->user = s->password = s->primary.host = s->primary.path = STR("");
    s->tls.certificate.value = s->tls.key.value = s->tls.ca.value = s->tls.name.value = STR("");
    if (n->kind == Y_SCALAR && !ynode_is_null(n)) {
        fault(r, n->pos, hintf(r, "write %.80s: {address: ..., user: ..., password: ...}", s->name.ptr),
              "%s must be a mapping, not a single value", what);
        return;
    }
    if (!keys_check(r, n, SEC_SOURCE, what)) return;
    const struct ynode *v = key_get(r, n, KEY_SOURCE_ADDRESS);
    if (v) (void)!read_address(r, v, "address", 3306, &s->primary);
    v = key_get(r, n, KEY_SOURCE_REPLICAS);
    if (v && !ynode_is_null(v)) s->replicas = read_addresses(r, v, "replicas", 3306, &s->nreplicas);
    for (uint32_t i = 0; i < s->nreplicas; i++) {
        if (address_same(&s->replicas[i], &s->primary))
            fault(r, s->replicas[i].pos, NULL, "%s: a replica has the address of the primary", what);
    }
    s->user = read_text(r, n, KEY_SOURCE_USER).value;
    const struct ynode *password = key_get(r, n, KEY_SOURCE_PASSWORD), *file = key_get(r, n, KEY_SOURCE_FILE);
    if (password && file)
        fault(r, file->pos, "keep one of them", "%s has both 'password' and 'password_file'", what);
    else if (file)
        (void)!read_password_file(r, file, &s->password);
    else if (password)
        s->password = read_plain(r, password, what);
    if (!file && s->password.len == 0)
        warning(r, s->pos, "give its account one: password or password_file", "%s has no password", what);
    s->max_connections = read_number(r, n, KEY_SOURCE_MAX_CONNECTIONS);
    s->min_idle = read_number(r, n, KEY_SOURCE_MIN_IDLE);
    s->idle_timeout_ms = read_number(r, n, KEY_SOURCE_IDLE_TIMEOUT);
    s->compression = (uint8_t)read_word(r, n, KEY_SOURCE_COMPRESSION);
    read_server_tls(r, key_get(r, n, KEY_SOURCE_TLS), what, s);
    v = key_get(r, n, KEY_SOURCE_MIN_IDLE);
    if (v && s->min_idle > s->max_connections)
        fault(r, v->pos, NULL, "%s: min_idle %llu is more than max_connections %llu", what,
              (unsigned long long)s->min_idle, (unsigned long long)s->max_connections);
}

void read_sources(struct reader *r, const struct ynode *n)
{
    if (!n) return;
    if (ynode_is_null(n) || (n->kind == Y_MAPPING && n->npairs == 0))
        fault(r, n->pos, "for instance sources: {s0: {address: 127.0.0.1:3306, user: weir, password: ...}}",
              "no sources");
    if (!entries(r, n, "sources")) return;
    if (n->npairs > 4096) {
        fault(r, n->pos, NULL, "more than 4096 sources");
        return;
    }
    r->c->sources = arena_array(r->a, struct conf_source, n->npairs);
    r->places = arena_array(&r->scratch, uint32_t, n->npairs);
    if (!r->c->sources || !r->places) {
        r->oom = true;
        return;
    }
    for (uint32_t i = 0; i < n->npairs && !r->oom; i++) {
        struct conf_source *s = &r->c->sources[i];
        const struct ynode *key = n->pairs[i].key;
        *s = (struct conf_source){.pos = key->pos, .name = key->text, .index = i};
        r->c->nsources = i + 1;
        if (!map_put(&r->sources, s->name, (void *)(uintptr_t)(i + 1))) r->oom = true;
        (void)!check_source_name(r, key, "source");
        read_source(r, n->pairs[i].value, s);
        r->places[i] = i;
        for (uint32_t k = 0; k < i && s->primary.pos.line && r->places[i] == i; k++) {
            const struct conf_source *o = &r->c->sources[k];
            if (!address_same(&o->primary, &s->primary)) continue;
            r->places[i] = k;
            warning(r, s->primary.pos,
                    "one source for both, with several databases, needs half the connections",
                    "sources '" STR_FMT "' and '" STR_FMT "' are the same server", STR_ARG(o->name),
                    STR_ARG(s->name));
        }
    }
}

/* ---- sequences ---- */

static void read_sequence(struct reader *r, const struct ynode *n, struct conf_sequence *s)
{
    const char *what = hintf(r, "sequence '%.80s'", s->name.ptr);
    if (!ynode_is_null(n) && !keys_check(r, n, SEC_SEQUENCE, what)) return;
    s->step = read_number(r, n, KEY_SEQUENCE_STEP);
    s->wait_ms = read_number(r, n, KEY_SEQUENCE_ID_WAIT);
    const struct ynode *source = key_get(r, n, KEY_SEQUENCE_SOURCE),
                       *table = key_get(r, n, KEY_SEQUENCE_TABLE);
    if (source) {
        if (want_scalar(r, source, "'source'")) (void)!find_source(r, source->pos, source->text, &s->source);
    } else if (r->c->nsources > 1) {
        fault(r, s->pos, hintf(r, "for instance source: %.80s", r->c->sources[0].name.ptr),
              "%s does not say on which source", what);
    }
    struct str full = str_of(key_table[KEY_SEQUENCE_TABLE].fallback);
    struct conf_pos pos = s->pos;
    if (table) {
        if (!want_scalar(r, table, "'table'")) return;
        full = table->text;
        pos = table->pos;
    }
    const char *dot = memchr(full.ptr, '.', full.len);
    if (!dot) {
        fault(r, pos, hintf(r, "write weir.%.80s", full.ptr), "%s: the table needs its database", what);
        return;
    }
    s->database = str_make(full.ptr, (size_t)(dot - full.ptr));
    s->table = str_make(dot + 1, full.len - s->database.len - 1);
    (void)!(check_name(r, pos, s->database, "database") && check_name(r, pos, s->table, "table"));
}

void read_sequences(struct reader *r, const struct ynode *n)
{
    if (!entries(r, n, "sequences")) return;
    r->c->sequences = arena_array(r->a, struct conf_sequence, n->npairs);
    if (!r->c->sequences) {
        r->oom = true;
        return;
    }
    r->sequence_room = n->npairs;
    for (uint32_t i = 0; i < n->npairs && !r->oom; i++) {
        struct conf_sequence *s = &r->c->sequences[i];
        const struct ynode *key = n->pairs[i].key;
        *s = (struct conf_sequence){.pos = key->pos,
                                    .name = key->text,
                                    .index = i,
                                    .database = STR("weir"),
                                    .table = STR("weir_segments")};
        r->c->nsequences = i + 1;
        if (!map_put(&r->sequences, s->name, (void *)(uintptr_t)(i + 1))) r->oom = true;
        if (s->name.len == 0 || s->name.len > 128)
            fault(r, key->pos, NULL, "the name of a sequence has 1 to 128 bytes");
        read_sequence(r, n->pairs[i].value, s);
    }
}
