/*
 * sysvars.c - system variables that a server behind Weir would answer wrongly for a client of Weir.
 *
 * Most @@variables are the servers' own business and the settings follow the client, so the servers answer them. These cannot be left to them:
 *
 *   version, version_comment         the rules may say another version than the servers do; the greeting, VERSION() and these agree
 *   wait_timeout and its kin         idle clients are Weir's business; server connections must not die of them
 *   max_execution_time, ...          one of the two server kinds does not know it; Weir's own clock serves both (limits.c)
 *   transaction_isolation, tx_...    MySQL knows the new names, MariaDB 10.11 the old ones
 *   max_allowed_packet               the smaller of the server's and Weir's
 *
 * SELECT: each is replaced in the text, and the column keeps its heading. SHOW VARIABLES becomes a SELECT over the server's own table of variables with
 * these values in place, so that LIKE and WHERE mean what they mean; SHOW STATUS likewise, where TLS and compression are those of the client's connection.
 */
#include "proxy/session/session.h"

/* What a variable is replaced by on this session's home server; ptr NULL: by nothing. `text`: as SHOW VARIABLES has it. */
enum how { OWN_NUMBER, OWN_TEXT, OWN_EXPR };
struct own_value {
    enum how how;
    struct str text;
};

static struct control_source home_state(const struct session *s)
{
    struct control_source st = {0};
    control_source_state(s->f.realm->snap->control, session_home(s), &st);
    if (!st.version) st.mariadb = true;
    return st;
}

struct str session_version(const struct session *s, bool greeting)
{
    const struct conf *c = s->f.realm->conf;
    struct arena *a = &s->f.engine->arena;
    struct control_source st = {0};
    struct str v = c->weir.server_version.value;
    if (!v.len) {
        if (c->nschemas) control_source_state(s->f.realm->snap->control, c->schemas[0].default_source, &st);
        v = arena_str(a, st.version_text[0] ? str_of(st.version_text) : STR("10.11.0-MariaDB"));
    }
    bool has = str_starts_nocase(v, STR("5.5.5-")), maria = str_find(v, STR("MariaDB"), 0) != SIZE_MAX;
    if (greeting && maria && !has) v = arena_printf(a, "5.5.5-%.*s", STR_ARG(v));
    else if (!greeting && maria && has) v = str_make(v.ptr + 6, v.len - 6);
    return v.ptr ? v : STR("8.0.0");
}

bool session_shows_mysql(const struct session *s)
{
    return str_find(session_version(s, false), STR("MariaDB"), 0) == SIZE_MAX;
}

static struct own_value own_text(struct str t)
{
    return (struct own_value){OWN_TEXT, t};
}

static struct own_value own_number(struct arena *a, uint64_t n)
{
    return (struct own_value){OWN_NUMBER, arena_printf(a, "%llu", (unsigned long long)n)};
}

/* Names that only one kind of server has: the other's expression for the same. */
static const struct { const char *name, *mariadb, *mysql; } renamed[] = {
    {"transaction_isolation", "@@%stx_isolation", NULL},
    {"transaction_read_only", "@@%stx_read_only", NULL},
    {"tx_isolation", NULL, "@@%stransaction_isolation"},
    {"tx_read_only", NULL, "@@%stransaction_read_only"},
    {"query_cache_size", NULL, "0"},
    {"query_cache_type", NULL, "'OFF'"},
    {"session_track_gtids", "'OFF'", NULL},
};

static struct own_value own_of(const struct session *s, const struct control_source *home, struct str name, bool global)
{
    struct arena *a = &s->f.engine->arena;
    const struct conf_weir *w = &s->f.realm->conf->weir;
    const struct own_value none = {OWN_TEXT, STR_NULL};
    if (str_eq(name, STR("version"))) {
        struct str v = session_version(s, false);
        return str_eq(v, str_of(home->version_text)) ? none : own_text(v);
    }
    if (str_eq(name, STR("version_comment"))) return w->server_version.value.len ? own_text(STR("Weir")) : none;
    if (str_eq(name, STR("max_allowed_packet"))) {
        return (struct own_value){OWN_EXPR, arena_printf(a, "LEAST(CAST(%%s AS UNSIGNED),CAST(%llu AS UNSIGNED))", (unsigned long long)w->max_packet)};
    }
    if (str_eq(name, STR("wait_timeout"))) return own_number(a, limits_wait_s(s, global));
    if (str_eq(name, STR("interactive_timeout"))) return own_number(a, limits_interactive_s(s, global));
    if (str_eq(name, STR("pseudo_thread_id"))) return own_number(a, s->f.id);
    if (str_eq(name, STR("max_execution_time")) && home->mariadb) return own_number(a, global ? 0 : s->f.max_execution_ms);
    if (str_eq(name, STR("max_statement_time")) && !home->mariadb) {
        uint64_t us = global ? 0 : s->f.max_statement_us;
        return (struct own_value){OWN_NUMBER, arena_printf(a, "%llu.%06llu", (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000))};
    }
    if (str_eq(name, STR("resultset_metadata"))) return own_text(s->f.no_metadata && !global ? STR("NONE") : STR("FULL"));
    for (size_t i = 0; i < COUNT_OF(renamed); i++) {
        const char *as = home->mariadb ? renamed[i].mariadb : renamed[i].mysql;
        if (!as || !str_eq(name, str_of(renamed[i].name))) continue;
        struct buf t = {0};
        for (const char *p = as; *p; p++) {
            if (p[0] == '%' && p[1] == 's') {
                buf_putz(&t, global ? "global." : "");
                p++;
            } else {
                buf_put_u8(&t, (uint8_t)*p);
            }
        }
        struct str e = arena_str(a, buf_str(&t));
        buf_release(&t);
        return (struct own_value){OWN_EXPR, e};
    }
    return none;
}

static struct str lower(struct arena *a, struct str name)
{
    struct str low = arena_str(a, name);
    for (size_t i = 0; i < low.len; i++) ((char *)(uintptr_t)low.ptr)[i] = ascii_lower(low.ptr[i]);
    return low;
}

/* Those that the home server does not list. */
static bool is_missing(const char *name, bool mariadb)
{
    static const char *const on_mariadb[] = {"max_execution_time", "resultset_metadata", "transaction_isolation", "transaction_read_only", "session_track_gtids"};
    static const char *const on_mysql[] = {"max_statement_time", "tx_isolation", "tx_read_only", "query_cache_size", "query_cache_type"};
    const char *const *list = mariadb ? on_mariadb : on_mysql;
    size_t n = mariadb ? COUNT_OF(on_mariadb) : COUNT_OF(on_mysql);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], name) == 0) return true;
    }
    return false;
}

/* ---- SELECT ---- */

struct cutting {
    const struct session *s;
    const struct sql_scan *scan;
    struct control_source home;
    VEC(struct sql_edit) edits;
    bool oom;
};

/* With the type that the variable itself would have: IF(1, value, variable). `like`: a variable of that type that the server has. */
static void put_expr(struct buf *t, struct own_value v, struct str original, const char *like)
{
    size_t at = str_find(v.text, STR("%s"), 0);
    if (v.how == OWN_EXPR && at == SIZE_MAX) {
        buf_put_str(t, v.text);
    } else if (v.how == OWN_EXPR) {
        buf_put(t, v.text.ptr, at);
        buf_put_str(t, original);
        buf_put(t, v.text.ptr + at + 2, v.text.len - at - 2);
    } else {
        bool fraction = str_find(v.text, STR("."), 0) != SIZE_MAX, number = v.how == OWN_NUMBER;
        buf_putz(t, "IF(1,");
        if (!number) sql_put_string(t, v.text, NULL);
        else buf_printf(t, fraction ? "%.*se0" : "CAST(%.*s AS UNSIGNED)", STR_ARG(v.text));
        buf_putz(t, ",");
        if (number && fraction && like) buf_putz(t, "0e0");
        else if (like) buf_putz(t, like);
        else buf_put_str(t, original);
        buf_putz(t, ")");
    }
}

static void cut(struct cutting *c, struct sql_span span, struct buf *text)
{
    struct arena *a = &c->s->f.engine->arena;
    struct sql_edit *e = vec_push(&c->edits, a);
    struct str t = text->failed ? STR_NULL : arena_str(a, buf_str(text));
    if (e) *e = (struct sql_edit){span, t};
    c->oom |= !e || !t.ptr;
    buf_release(text);
}

static bool cut_one(void *ctx, struct sql_expr *e)
{
    struct cutting *c = ctx;
    struct arena *a = &c->s->f.engine->arena;
    struct own_value v = {OWN_TEXT, STR_NULL};
    const char *like = NULL;
    if (e->kind == SQL_E_CALL && e->call->fn == SQL_FN_VERSION && e->nargs == 0) {
        v = own_of(c->s, &c->home, STR("version"), false);
    } else if (e->kind == SQL_E_SYSVAR) {
        struct str name = lower(a, e->name->name);
        v = own_of(c->s, &c->home, name, str_eq_nocase(e->name->table, STR("global")));
        if (name.ptr && v.text.ptr && is_missing(name.ptr, c->home.mariadb)) like = v.how == OWN_NUMBER ? "@@wait_timeout" : "@@sql_mode";
    }
    if (!v.text.ptr) return true;
    struct buf t = {0};
    put_expr(&t, v, sql_span_str(c->scan, e->span), like);
    cut(c, e->span, &t);
    return true;
}

static bool inside(const struct cutting *c, struct sql_span span, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (c->edits.at[i].span.first >= span.first && c->edits.at[i].span.end <= span.end) return true;
    }
    return false;
}

static void keep_headings(struct cutting *c, const struct sql_query *q)
{
    uint32_t n = c->edits.len;
    while (q && q->kind == SQL_Q_SETOP) q = q->left;
    for (uint32_t i = 0; q && i < q->nitems; i++) {
        const struct sql_item *it = &q->items[i];
        if (it->has_alias || !inside(c, it->span, n)) continue;
        struct buf t = {0};
        struct str as = sql_span_str(c->scan, it->span);
        if (as.len > 255) as.len = 255; /* the longest alias */
        buf_putz(&t, "AS ");
        sql_put_name(&t, as, true);
        cut(c, (struct sql_span){it->span.end, it->span.end}, &t);
    }
}

static void sort_edits(struct sql_edit *at, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct sql_edit e = at[i];
        uint32_t j = i;
        for (; j > 0 && at[j - 1].span.first > e.span.first; j--) at[j] = at[j - 1];
        at[j] = e;
    }
}

/* A function call of that name, or a system variable, among the first tokens: is a parse worth it? */
static bool worth_it(const struct sql_scan *scan)
{
    if (scan->seen & SQL_SEEN_SYSVAR) return true;
    for (uint32_t i = 1; i + 2 < scan->ntoks && i < 512; i++) {
        const struct sql_tok *t = &scan->toks[i];
        if (t->len == 7 && t->kind == SQL_T_WORD && scan->toks[i + 1].kind == SQL_T_OP && scan->toks[i + 1].word == SQL_OP_LPAREN &&
            str_eq_nocase(sql_tok_str(scan, i), STR("version"))) return true;
    }
    return false;
}

bool sysvars_rewrite(struct session *s, struct buf *out)
{
    struct engine *en = s->f.engine;
    const struct sql_scan *scan = &en->scan;
    struct sql_stmt *st = NULL;
    struct fault ignored = {0};
    if (LIKELY(!worth_it(scan)) || !scan->ntoks || scan->toks[0].word == SQL_W_SET) return false;
    struct cutting c = {.s = s, .scan = scan, .home = home_state(s)};
    if (sql_parse(scan, &en->arena, &st, &ignored) != SQL_OK) return false; /* the statement's own path tells of it */
    (void)sql_walk(st, cut_one, &c);
    if (!c.edits.len || c.oom) return false;
    if (st->kind == SQL_SELECT) keep_headings(&c, st->query);
    if (c.oom) return false;
    sort_edits(c.edits.at, c.edits.len);
    sql_render(scan, c.edits.at, c.edits.len, out);
    return !out->failed;
}

bool sysvars_rewrite_text(struct session *s, struct str text, struct buf *out)
{
    bool may = str_find(text, STR("@@"), 0) != SIZE_MAX;
    for (size_t i = 0; !may && i + 7 < text.len; i++) may = (text.ptr[i] | 32) == 'v' && str_starts_nocase(str_make(text.ptr + i, text.len - i), STR("version"));
    return may && sql_scan(&s->f.engine->scan, text.ptr, text.len, 0, &s->f.opt) == SQL_OK && sysvars_rewrite(s, out);
}

/* ---- SHOW VARIABLES ---- */

static const char *const shown[] = {
    "version", "version_comment", "max_allowed_packet", "wait_timeout", "interactive_timeout", "pseudo_thread_id", "max_execution_time", "max_statement_time",
    "resultset_metadata", "transaction_isolation", "transaction_read_only", "tx_isolation", "tx_read_only", "query_cache_size", "query_cache_type",
    "session_track_gtids"};
static void put_shown(struct buf *t, const char *name, struct own_value v)
{
    size_t n = strlen(name);
    if (v.how != OWN_EXPR) {
        sql_put_string(t, v.text, NULL);
    } else if (n > 9 && strcmp(name + n - 9, "read_only") == 0) {
        buf_printf(t, "IF(%.*s,'ON','OFF')", STR_ARG(v.text));
    } else {
        put_expr(t, v, STR("VARIABLE_VALUE"), NULL);
    }
}

/* Of the client's own connection. ptr NULL: the server's word stands. */
static struct str own_status(const struct session *s, struct str name)
{
    const struct link *l = s->f.link;
    if (!l) return STR_NULL;
    if (str_eq(name, STR("ssl_cipher"))) return l->tls_cipher ? str_of(l->tls_cipher) : STR("");
    if (str_eq(name, STR("ssl_version"))) return l->tls_version ? str_of(l->tls_version) : STR("");
    if (str_eq(name, STR("compression"))) return l->compressed ? STR("ON") : STR("OFF");
    if (str_eq(name, STR("compression_algorithm")))
        return !l->compressed ? STR("") : s->f.capabilities & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM ? STR("zstd") : STR("zlib");
    return STR_NULL;
}

static const char *const of_connection[] = {"ssl_cipher", "ssl_version", "compression", "compression_algorithm"};

struct str sysvars_status(const struct session *s, struct str name)
{
    for (size_t i = 0; i < COUNT_OF(of_connection); i++) {
        if (str_eq_nocase(name, str_of(of_connection[i]))) return own_status(s, str_of(of_connection[i]));
    }
    return STR_NULL;
}

static void put_table(struct session *s, const struct control_source *home, bool status, bool global, bool lower_names, struct buf *t)
{
    const char *kind = status ? (home->mariadb ? "STATUS" : "status") : home->mariadb ? "VARIABLES" : "variables";
    const char *utf8 = home->mariadb ? "utf8mb3" : "utf8mb4";
    buf_printf(t, "SELECT %s AS VARIABLE_NAME, CASE LOWER(VARIABLE_NAME)", lower_names ? "LOWER(VARIABLE_NAME)" : "VARIABLE_NAME");
    for (size_t i = 0; status && i < COUNT_OF(of_connection); i++) {
        struct str v = own_status(s, str_of(of_connection[i]));
        if (!v.ptr) continue;
        buf_printf(t, " WHEN '%s' THEN ", of_connection[i]);
        sql_put_string(t, v, NULL);
    }
    for (size_t i = 0; !status && i < COUNT_OF(shown); i++) {
        struct own_value v = own_of(s, home, str_of(shown[i]), global);
        if (!v.text.ptr || is_missing(shown[i], home->mariadb)) continue;
        buf_printf(t, " WHEN '%s' THEN ", shown[i]);
        put_shown(t, shown[i], v);
    }
    if (str_eq(str_make(t->data + t->len - 20, 20), STR("LOWER(VARIABLE_NAME)"))) buf_putz(t, " WHEN '' THEN ''"); /* nothing of ours: CASE wants one */
    if (home->mariadb) buf_printf(t, " ELSE VARIABLE_VALUE END AS VARIABLE_VALUE FROM information_schema.%s_%s", global ? "GLOBAL" : "SESSION", kind);
    else buf_printf(t, " ELSE VARIABLE_VALUE END AS VARIABLE_VALUE FROM performance_schema.%s_%s", global ? "global" : "session", kind);
    for (size_t i = 0; !status && i < COUNT_OF(shown); i++) {
        struct own_value v = own_of(s, home, str_of(shown[i]), global);
        if (!v.text.ptr || !is_missing(shown[i], home->mariadb)) continue;
        buf_printf(t, " UNION ALL SELECT CONVERT(%s'%s'%s USING %s), CONVERT(", lower_names ? "" : "UPPER(", shown[i], lower_names ? "" : ")", utf8);
        put_shown(t, shown[i], v);
        buf_printf(t, " USING %s)", utf8);
    }
}

void sysvars_show(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh, struct buf *t)
{
    struct control_source home = home_state(s);
    buf_putz(t, "SELECT Variable_name, Value FROM (SELECT VARIABLE_NAME AS Variable_name, VARIABLE_VALUE AS Value FROM (");
    put_table(s, &home, false, sh->global, true, t);
    buf_putz(t, ") w) v");
    if (sh->like) {
        buf_putz(t, " WHERE Variable_name LIKE ");
        buf_put_str(t, sql_span_str(scan, sh->like->span));
    } else if (sh->where) {
        buf_putz(t, " WHERE ");
        buf_put_str(t, sql_span_str(scan, sh->where->span));
    }
    buf_putz(t, " ORDER BY Variable_name");
}

bool sysvars_table(struct session *s, struct str name, struct buf *t)
{
    static const struct { const char *name; bool status, global; } tables[] = {
        {"SESSION_VARIABLES", false, false}, {"GLOBAL_VARIABLES", false, true}, {"SESSION_STATUS", true, false}, {"GLOBAL_STATUS", true, true}};
    struct control_source home = home_state(s);
    for (size_t i = 0; home.mariadb && i < COUNT_OF(tables); i++) { /* MySQL 8 has them in performance_schema only */
        if (!str_eq_nocase(name, str_of(tables[i].name))) continue;
        put_table(s, &home, tables[i].status, tables[i].global, false, t);
        return true;
    }
    return false;
}
