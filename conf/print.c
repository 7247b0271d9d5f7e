/*
 * print.c - the effective model as YAML: what `weir check` shows when there is no fault. It loads again to
 * the same model; only secrets are hidden.
 */
#include "conf/read.h"

/* ---- scalars ---- */

/* Words that YAML or a key would take for something else than text. */
static bool is_special(struct str s)
{
    static const char words[] = "null|true|false|yes|no|on|off|min|max|minvalue|maxvalue|all|none|auto|y|n";
    return word_index(words, s) >= 0;
}

/* The code point at s[*i]; the text is UTF-8, since libyaml read it. */
static uint32_t code_point(struct str s, size_t *i)
{
    unsigned char c = (unsigned char)s.ptr[(*i)++];
    size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    uint32_t v = more == 3 ? c & 7 : more == 2 ? c & 15 : more == 1 ? c & 31 : c;
    while (more-- && *i < s.len) v = v << 6 | ((unsigned char)s.ptr[(*i)++] & 63);
    return v;
}

/* Must be escaped: controls, line and paragraph separators, the byte order mark, non-characters. */
static bool is_odd(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
           (c & 0xFFFE) == 0xFFFE;
}

static void put_escaped(struct buf *out, struct str s)
{
    buf_putz(out, "\"");
    for (size_t i = 0; i < s.len;) {
        size_t at = i;
        uint32_t c = code_point(s, &i);
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (!is_odd(c))
            buf_put(out, s.ptr + at, i - at);
        else if (c < 0x100)
            buf_printf(out, "\\x%02X", c);
        else if (c < 0x10000)
            buf_printf(out, "\\u%04X", c);
        else
            buf_printf(out, "\\U%08X", c);
    }
    buf_putz(out, "\"");
}

static void put_scalar(struct buf *out, struct str s)
{
    bool plain = s.len > 0 && !is_special(s), odd = false;
    for (size_t i = 0; i < s.len;) {
        size_t at = i;
        uint32_t c = code_point(s, &i);
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '/';
        bool inner = at > 0 && i < s.len && (c == '.' || c == '-');
        if (!word && !inner) plain = false;
        if (is_odd(c)) odd = true;
    }
    if (odd) {
        put_escaped(out, s);
    } else if (plain) {
        buf_put_str(out, s);
    } else {
        buf_putz(out, "'");
        for (size_t i = 0; i < s.len; i++) {
            if (s.ptr[i] == '\'') buf_putz(out, "'");
            buf_put(out, s.ptr + i, 1);
        }
        buf_putz(out, "'");
    }
}

static void put_key(struct buf *out, int indent, enum conf_key key)
{
    buf_printf(out, "%*s%s: ", indent, "", key_table[key].name);
}

static void put_heading(struct buf *out, int indent, enum conf_key key)
{
    buf_printf(out, "%*s%s:\n", indent, "", key_table[key].name);
}

static void put_text(struct buf *out, int indent, enum conf_key key, struct str s)
{
    put_key(out, indent, key);
    put_scalar(out, s);
    buf_putz(out, "\n");
}

/* A number, or the word that stands for 0. */
static void put_number(struct buf *out, int indent, enum conf_key key, uint64_t v)
{
    struct str word = word_at(key_table[key].words, 0);
    put_key(out, indent, key);
    if (v == 0 && word.ptr)
        buf_put_str(out, word);
    else
        number_print(out, key_table[key].kind, v);
    buf_putz(out, "\n");
}

static void put_word(struct buf *out, int indent, enum conf_key key, int index)
{
    struct str word = word_at(key_table[key].words, index);
    put_key(out, indent, key);
    buf_put_str(out, word);
    buf_putz(out, "\n");
}

static void put_secret(struct buf *out, int indent, enum conf_key key, struct str secret)
{
    put_key(out, indent, key);
    buf_putz(out, secret.len ? "'***'\n" : "''\n");
}

static void put_names(struct buf *out, const struct conf_text *names, uint32_t n)
{
    buf_putz(out, "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_putz(out, ", ");
        put_scalar(out, names[i].value);
    }
    buf_putz(out, "]");
}

static void put_address(struct buf *out, const struct conf_address *a)
{
    buf_putz(out, "'");
    if (a->path.len) {
        buf_putz(out, "unix:");
        for (size_t i = 0; i < a->path.len; i++) {
            if (a->path.ptr[i] == '\'') buf_putz(out, "'");
            buf_put(out, a->path.ptr + i, 1);
        }
    } else {
        bool v6 = a->host.len && memchr(a->host.ptr, ':', a->host.len);
        buf_printf(out, "%s" STR_FMT "%s:%u", v6 ? "[" : "", STR_ARG(a->host), v6 ? "]" : "", a->port);
    }
    buf_putz(out, "'");
}

static void put_addresses(struct buf *out, int indent, enum conf_key key, const struct conf_address *list,
                          uint32_t n)
{
    put_key(out, indent, key);
    buf_putz(out, "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_putz(out, ", ");
        put_address(out, &list[i]);
    }
    buf_putz(out, "]\n");
}

static void put_networks(struct buf *out, int indent, enum conf_key key, const struct conf_network *list, uint32_t n)
{
    if (n == 0) return;
    put_key(out, indent, key);
    buf_putz(out, "[");
    for (uint32_t i = 0; i < n; i++) {
        buf_putz(out, i ? ", '" : "'");
        network_print(out, &list[i]);
        buf_putz(out, "'");
    }
    buf_putz(out, "]\n");
}

/* "  name:" of an entry. */
static void put_entry(struct buf *out, int indent, struct str name)
{
    buf_printf(out, "%*s", indent, "");
    put_scalar(out, name);
    buf_putz(out, ":\n");
}

/* ---- sections ---- */

static void put_client_tls(struct buf *out, const struct conf_tls *t)
{
    if (!t->certificate.value.len) return;
    put_heading(out, 2, KEY_WEIR_TLS);
    put_text(out, 4, KEY_TLS_CERTIFICATE, t->certificate.value);
    put_text(out, 4, KEY_TLS_KEY, t->key.value);
    if (t->ca.value.len) put_text(out, 4, KEY_TLS_CA, t->ca.value);
    put_word(out, 4, KEY_TLS_MIN_VERSION, (int)t->min_version);
}

static void put_server_tls(struct buf *out, const struct conf_tls *t)
{
    bool bare = t->mode == CONF_TLS_OFF && !t->ca.value.len && !t->certificate.value.len && !t->name.value.len;
    if (bare) {
        put_word(out, 4, KEY_SOURCE_TLS, 0);
        return;
    }
    put_heading(out, 4, KEY_SOURCE_TLS);
    put_word(out, 6, KEY_SERVER_TLS_MODE, (int)t->mode);
    if (t->ca.value.len) put_text(out, 6, KEY_SERVER_TLS_CA, t->ca.value);
    if (t->certificate.value.len) put_text(out, 6, KEY_SERVER_TLS_CERTIFICATE, t->certificate.value);
    if (t->key.value.len) put_text(out, 6, KEY_SERVER_TLS_KEY, t->key.value);
    if (t->name.value.len) put_text(out, 6, KEY_SERVER_TLS_NAME, t->name.value);
    put_word(out, 6, KEY_SERVER_TLS_MIN_VERSION, (int)t->min_version);
}

static void put_access(struct buf *out, const struct conf_weir *w)
{
    put_number(out, 2, KEY_WEIR_INTERACTIVE_TIMEOUT, w->interactive_timeout_ms);
    put_client_tls(out, &w->tls);
    put_networks(out, 2, KEY_WEIR_PROXY_PROTOCOL, w->proxy_from, w->nproxy_from);
    put_key(out, 2, KEY_WEIR_COMPRESSION);
    buf_putz(out, w->compress_zlib && w->compress_zstd ? "[zlib, zstd]\n" : w->compress_zlib ? "zlib\n" : w->compress_zstd ? "zstd\n" : "none\n");
    put_number(out, 2, KEY_WEIR_FAILED_LOGINS, w->failed_logins);
    put_number(out, 2, KEY_WEIR_FAILED_LOGIN_DELAY, w->failed_login_delay_ms);
    put_number(out, 2, KEY_WEIR_MAX_PREPARED, w->max_prepared);
    put_number(out, 2, KEY_WEIR_MAX_SESSION_PREPARED, w->max_session_prepared);
    put_number(out, 2, KEY_WEIR_MAX_SERVER_PREPARED, w->max_server_prepared);
}

static void put_weir(struct buf *out, const struct conf_weir *w)
{
    put_heading(out, 0, KEY_TOP_WEIR);
    put_addresses(out, 2, KEY_WEIR_LISTEN, w->listen, w->nlisten);
    put_number(out, 2, KEY_WEIR_WORKERS, w->workers);
    if (w->server_version.value.len) put_text(out, 2, KEY_WEIR_SERVER_VERSION, w->server_version.value);
    put_number(out, 2, KEY_WEIR_MAX_CONNECTIONS, w->max_connections);
    put_number(out, 2, KEY_WEIR_MAX_PACKET, w->max_packet);
    put_number(out, 2, KEY_WEIR_MAX_STATEMENT_MEMORY, w->max_statement_memory);
    put_number(out, 2, KEY_WEIR_MAX_PLANS, w->max_plans);
    put_number(out, 2, KEY_WEIR_LOGIN_TIMEOUT, w->login_timeout_ms);
    put_number(out, 2, KEY_WEIR_CONNECT_TIMEOUT, w->connect_timeout_ms);
    put_number(out, 2, KEY_WEIR_WAIT_TIMEOUT, w->wait_timeout_ms);
    put_number(out, 2, KEY_WEIR_STATEMENT_TIMEOUT, w->statement_timeout_ms);
    put_number(out, 2, KEY_WEIR_POOL_WAIT, w->pool_wait_ms);
    put_number(out, 2, KEY_WEIR_DRAIN_TIMEOUT, w->drain_timeout_ms);
    put_number(out, 2, KEY_WEIR_SLOW_STATEMENT, w->slow_statement_ms);
    put_word(out, 2, KEY_WEIR_SCATTER, w->allow_scatter ? 0 : 1);
    put_word(out, 2, KEY_WEIR_TRANSACTIONS, (int)w->transactions);
    put_access(out, w);
    put_heading(out, 2, KEY_WEIR_LOG);
    put_word(out, 4, KEY_LOG_LEVEL, (int)w->log_level);
    put_word(out, 4, KEY_LOG_FORMAT, w->log_json ? 1 : 0);
    if (w->log_file.value.len) put_text(out, 4, KEY_LOG_FILE, w->log_file.value);
}

static void put_user(struct buf *out, const struct conf_user *u)
{
    static const enum conf_key keys[] = {[CONF_SECRET_PLAIN] = KEY_USER_PASSWORD,
                                         [CONF_SECRET_NATIVE] = KEY_USER_NATIVE,
                                         [CONF_SECRET_SHA2] = KEY_USER_SHA2,
                                         [CONF_SECRET_ED25519] = KEY_USER_ED25519};
    put_entry(out, 2, u->name);
    put_secret(out, 4, keys[u->secret_kind], u->secret);
    put_key(out, 4, KEY_USER_SCHEMAS);
    if (u->nschemas)
        put_names(out, u->schemas, u->nschemas);
    else
        buf_putz(out, "all");
    buf_putz(out, "\n");
    put_number(out, 4, KEY_USER_MAX_CONNECTIONS, u->max_connections);
    put_word(out, 4, KEY_USER_REQUIRE_TLS, (int)u->require_tls);
    put_networks(out, 4, KEY_USER_ALLOW, u->allow, u->nallow);
    put_networks(out, 4, KEY_USER_DENY, u->deny, u->ndeny);
}

static void put_source(struct buf *out, const struct conf_source *s)
{
    put_entry(out, 2, s->name);
    put_key(out, 4, KEY_SOURCE_ADDRESS);
    put_address(out, &s->primary);
    buf_putz(out, "\n");
    if (s->nreplicas) put_addresses(out, 4, KEY_SOURCE_REPLICAS, s->replicas, s->nreplicas);
    put_text(out, 4, KEY_SOURCE_USER, s->user);
    put_secret(out, 4, KEY_SOURCE_PASSWORD, s->password);
    put_number(out, 4, KEY_SOURCE_MAX_CONNECTIONS, s->max_connections);
    put_number(out, 4, KEY_SOURCE_MIN_IDLE, s->min_idle);
    put_number(out, 4, KEY_SOURCE_IDLE_TIMEOUT, s->idle_timeout_ms);
    put_server_tls(out, &s->tls);
    put_word(out, 4, KEY_SOURCE_COMPRESSION, s->compression);
}

static void put_bound(struct buf *out, bool open, const char *word, struct str value)
{
    if (open)
        buf_putz(out, word);
    else
        put_scalar(out, value);
}

static void put_ranges(struct buf *out, int indent, const struct conf_algorithm *a)
{
    bool gaps = false;
    put_heading(out, indent, KEY_ALGORITHM_RANGES);
    for (uint32_t i = 0; i < a->nranges; i++) {
        const struct conf_range *g = &a->ranges[i];
        buf_printf(out, "%*s- {from: ", indent + 2, "");
        put_bound(out, g->low_open, "min", g->low);
        buf_putz(out, ", to: ");
        put_bound(out, g->high_open, "max", g->high);
        buf_printf(out, ", shard: %u}\n", g->shard);
        if (i && conf_key_compare(a->key, a->case_sensitive, a->ranges[i - 1].high, g->low) != 0) gaps = true;
    }
    put_word(out, indent, KEY_ALGORITHM_GAPS, gaps ? 1 : 0);
}

static void put_algorithm(struct buf *out, int indent, const struct conf_algorithm *a)
{
    put_word(out, indent, KEY_ALGORITHM_TYPE, (int)a->type);
    if (a->type != CONF_ALG_HASH || a->key_given) put_word(out, indent, KEY_ALGORITHM_KEY, (int)a->key);
    if (a->case_sensitive)
        buf_printf(out, "%*s%s: true\n", indent, "", key_table[KEY_ALGORITHM_CASE_SENSITIVE].name);
    switch (a->type) {
    case CONF_ALG_MOD:
        if (a->divisor) put_number(out, indent, KEY_ALGORITHM_DIVISOR, a->divisor);
        break;
    case CONF_ALG_HASH: break;
    case CONF_ALG_RANGE: put_ranges(out, indent, a); break;
    case CONF_ALG_DATE:
        put_word(out, indent, KEY_ALGORITHM_UNIT, (int)a->unit);
        put_text(out, indent, KEY_ALGORITHM_FROM, a->from);
        if (a->to.len) put_text(out, indent, KEY_ALGORITHM_TO, a->to);
        put_number(out, indent, KEY_ALGORITHM_EVERY, a->units_a_shard);
        break;
    case CONF_ALG_LIST:
        put_heading(out, indent, KEY_ALGORITHM_SHARDS);
        for (uint32_t i = 0; i < a->nlists; i++) {
            const struct conf_list_entry *e = &a->lists[i];
            buf_printf(out, "%*s%u: [", indent + 2, "", e->shard);
            for (uint32_t v = 0; v < e->nvalues; v++) {
                if (v) buf_putz(out, ", ");
                put_scalar(out, e->values[v]);
            }
            buf_putz(out, "]\n");
        }
        break;
    }
}

static void put_whole(struct buf *out, const struct conf *c, const struct conf_schema *s,
                      const struct conf_table *t)
{
    if (t->nnodes == 0) return;
    if (t->kind == CONF_TABLE_SINGLE) {
        put_text(out, 8, KEY_TABLE_SOURCE, c->sources[t->nodes[0].source].name);
    } else {
        put_key(out, 8, KEY_TABLE_BROADCAST);
        for (uint32_t i = 0; i < t->nnodes; i++) {
            buf_putz(out, i ? ", " : "[");
            put_scalar(out, c->sources[t->nodes[i].source].name);
        }
        buf_putz(out, "]\n");
    }
    for (uint32_t i = 0; i < t->nnodes; i++) {
        if (str_eq(t->nodes[i].database, s->databases[t->nodes[i].source])) continue;
        put_text(out, 8, KEY_TABLE_DATABASE, t->nodes[0].database);
        break;
    }
    if (!str_eq(t->nodes[0].table, t->name)) put_text(out, 8, KEY_TABLE_TABLE, t->nodes[0].table);
}

static void put_sharded(struct buf *out, const struct conf_table *t)
{
    buf_printf(out, "        # %u nodes\n", t->nnodes);
    put_text(out, 8, KEY_TABLE_NODES, t->nodes_text);
    put_key(out, 8, KEY_TABLE_SHARD_BY);
    put_names(out, t->shard_columns, t->nshard_columns);
    buf_putz(out, "\n");
    if (t->algorithm->name.len) {
        put_text(out, 8, KEY_TABLE_ALGORITHM, t->algorithm->name);
    } else {
        put_heading(out, 8, KEY_TABLE_ALGORITHM);
        put_algorithm(out, 10, t->algorithm);
    }
}

static void put_table(struct buf *out, const struct conf *c, const struct conf_schema *s,
                      const struct conf_table *t)
{
    put_entry(out, 6, t->name);
    if (t->kind == CONF_TABLE_SHARDED)
        put_sharded(out, t);
    else
        put_whole(out, c, s, t);
    if (!t->generated) return;
    put_heading(out, 8, KEY_TABLE_GENERATED);
    put_text(out, 10, KEY_GENERATED_COLUMN, t->generated->column);
    put_text(out, 10, KEY_GENERATED_SEQUENCE, c->sequences[t->generated->sequence].name);
}

static void put_schema(struct buf *out, const struct conf *c, const struct conf_schema *s)
{
    put_entry(out, 2, s->name);
    put_text(out, 4, KEY_SCHEMA_DEFAULT_SOURCE, c->sources[s->default_source].name);
    put_heading(out, 4, KEY_SCHEMA_DATABASES);
    for (uint32_t i = 0; i < c->nsources; i++) {
        buf_putz(out, "      ");
        put_scalar(out, c->sources[i].name);
        buf_putz(out, ": ");
        put_scalar(out, s->databases[i]);
        buf_putz(out, "\n");
    }
    if (s->ntables) put_heading(out, 4, KEY_SCHEMA_TABLES);
    for (uint32_t i = 0; i < s->ntables; i++) put_table(out, c, s, &s->tables[i]);
    if (s->ngroups) put_heading(out, 4, KEY_SCHEMA_GROUPS);
    for (uint32_t i = 0; i < s->ngroups; i++) {
        buf_putz(out, "      - ");
        put_names(out, s->groups[i].tables, s->groups[i].ntables);
        buf_putz(out, "\n");
    }
}

static void put_sequence(struct buf *out, const struct conf *c, const struct conf_sequence *q)
{
    put_entry(out, 2, q->name);
    put_text(out, 4, KEY_SEQUENCE_SOURCE, c->sources[q->source].name);
    buf_printf(out, "    %s: ", key_table[KEY_SEQUENCE_TABLE].name);
    struct buf full = {0};
    buf_printf(&full, STR_FMT "." STR_FMT, STR_ARG(q->database), STR_ARG(q->table));
    if (full.failed) out->failed = true;
    put_scalar(out, buf_str(&full));
    buf_release(&full);
    buf_putz(out, "\n");
    put_number(out, 4, KEY_SEQUENCE_STEP, q->step);
    put_number(out, 4, KEY_SEQUENCE_ID_WAIT, q->wait_ms);
}

void conf_print(const struct conf *c, struct buf *out)
{
    buf_printf(out, "# rules of " STR_FMT ", fingerprint %016llx\n", STR_ARG(c->file),
               (unsigned long long)c->fingerprint);
    put_weir(out, &c->weir);
    if (c->nusers) put_heading(out, 0, KEY_TOP_USERS);
    for (uint32_t i = 0; i < c->nusers; i++) put_user(out, &c->users[i]);
    put_heading(out, 0, KEY_TOP_SOURCES);
    for (uint32_t i = 0; i < c->nsources; i++) put_source(out, &c->sources[i]);
    if (c->nalgorithms) put_heading(out, 0, KEY_TOP_ALGORITHMS);
    for (uint32_t i = 0; i < c->nalgorithms; i++) {
        put_entry(out, 2, c->algorithms[i].name);
        put_algorithm(out, 4, &c->algorithms[i]);
    }
    if (c->nsequences) put_heading(out, 0, KEY_TOP_SEQUENCES);
    for (uint32_t i = 0; i < c->nsequences; i++) put_sequence(out, c, &c->sequences[i]);
    if (c->nschemas) put_heading(out, 0, KEY_TOP_SCHEMAS);
    for (uint32_t i = 0; i < c->nschemas; i++) put_schema(out, c, &c->schemas[i]);
}
