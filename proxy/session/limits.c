/*
 * limits.c - the session variables that are Weir's business: how long a client may be idle, not read, or run a statement.
 *
 *   wait_timeout, interactive_timeout     never given to server connections, which would die of them while they are idle in the pool
 *   net_write_timeout                     both: here for a client that takes nothing, there for a server whose reading we hold up meanwhile
 *   max_execution_time                    kept by Weir's clock (exec/stop.c); MySQL servers are told as well
 *   max_statement_time                    the same; MariaDB servers are told as well
 *   resultset_metadata                    MySQL's: column definitions left out
 *
 *   SET STATEMENT a = 1, b = 2 FOR SELECT ...     SET a = 1, b = 2;  SELECT ...;  and everything as before
 */
#include "proxy/session/session.h"

enum { YEAR_S = 31536000, DEFAULT_WRITE_S = 60 };

static const struct own_variable {
    const char *name;
    bool servers_too;
} own[] = {
    {"wait_timeout", false},       {"interactive_timeout", false}, {"net_write_timeout", true}, {"max_execution_time", true},
    {"max_statement_time", true},  {"resultset_metadata", false},
};

enum limit_kind limits_own(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (str_eq(name, str_of(own[i].name))) return own[i].servers_too ? LIMIT_SERVERS_TOO : LIMIT_OWN;
    }
    return LIMIT_NOT;
}

/* ---- values ---- */

/* A number of millionths; false: it is none. Below zero is zero, as the servers cut it. */
static bool number(struct str lit, bool whole, uint64_t *millionths)
{
    size_t i = 0;
    uint64_t v = 0, scale = 1000000;
    bool negative = lit.len && lit.ptr[0] == '-', fraction = false;
    for (i = negative; i < lit.len; i++) {
        char c = lit.ptr[i];
        if (c == '.' && !fraction && !whole) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9') return false;
        if (fraction) scale /= 10;
        if (scale == 0) continue;
        if (!fraction) v = v > UINT64_MAX / 20 ? v : v * 10 + (uint64_t)(c - '0') * 1000000;
        else v += (uint64_t)(c - '0') * scale;
    }
    *millionths = negative ? 0 : v;
    return lit.len > negative;
}

static bool is_none(struct str lit, bool *none)
{
    static const char *const words[] = {"'none'", "0", "'full'", "1"};
    for (int i = 0; i < 4; i++) {
        if (!str_eq_nocase(lit, str_of(words[i]))) continue;
        *none = i < 2;
        return true;
    }
    return false;
}

bool limits_check(struct session *s, struct str name, struct str lit, struct fault *f)
{
    uint64_t v;
    bool none;
    if (!lit.ptr) return true;
    if (str_eq(name, STR("resultset_metadata"))) {
        bool known = is_none(lit, &none);
        if (known && none && !s->f.filtered) {
            fault_set(f, &s->f.engine->arena, 3640, "HY000", "The client doesn't support optional metadata transfer");
            return false;
        }
        if (known) return true;
        fault_set(f, &s->f.engine->arena, WIRE_ER_WRONG_VALUE_FOR_VAR, "42000", "Variable 'resultset_metadata' can't be set to the value of '%.*s'", STR_ARG(lit));
        return false;
    }
    if (number(lit, !str_eq(name, STR("max_statement_time")), &v)) return true;
    fault_set(f, &s->f.engine->arena, 1232, "42000", "Incorrect argument type to variable '%.*s'", STR_ARG(name));
    return false;
}

static uint32_t seconds(struct session *s, struct str name, struct str lit, uint64_t millionths)
{
    uint64_t v = millionths / 1000000;
    if (!lit.ptr) return 0;
    uint32_t cut = v < 1 ? 1 : v > YEAR_S ? YEAR_S : (uint32_t)v;
    if (cut == v && lit.ptr[0] != '-') return cut;
    front_add_message(&s->f, 1, 1292, arena_printf(&s->f.engine->arena, "Truncated incorrect %.*s value: '%.*s'", STR_ARG(name), STR_ARG(lit)));
    s->f.warnings++;
    return cut;
}

void limits_set(struct session *s, struct str name, struct str lit)
{
    uint64_t v = 0;
    bool none = false;
    if (str_eq(name, STR("resultset_metadata"))) {
        s->f.no_metadata = lit.ptr && is_none(lit, &none) && none;
        return;
    }
    if (lit.ptr && !number(lit, false, &v)) return;
    if (str_eq(name, STR("wait_timeout"))) s->limits.wait_s = seconds(s, name, lit, v);
    else if (str_eq(name, STR("interactive_timeout"))) s->limits.interactive_s = seconds(s, name, lit, v);
    else if (str_eq(name, STR("net_write_timeout"))) s->limits.write_s = seconds(s, name, lit, v);
    else if (str_eq(name, STR("max_execution_time"))) s->f.max_execution_ms = v / 1000000 > UINT32_MAX ? UINT32_MAX : v / 1000000;
    else if (str_eq(name, STR("max_statement_time"))) s->f.max_statement_us = v > (uint64_t)YEAR_S * 1000000 ? (uint64_t)YEAR_S * 1000000 : v;
}

struct str limits_shown(const struct session *s, struct str name)
{
    struct arena *a = &s->f.engine->arena;
    uint64_t us = s->f.max_statement_us;
    if (str_eq(name, STR("wait_timeout"))) return arena_printf(a, "%llu", (unsigned long long)limits_wait_s(s, false));
    if (str_eq(name, STR("interactive_timeout"))) return arena_printf(a, "%llu", (unsigned long long)limits_interactive_s(s, false));
    if (str_eq(name, STR("net_write_timeout"))) return arena_printf(a, "%u", s->limits.write_s ? s->limits.write_s : DEFAULT_WRITE_S);
    if (str_eq(name, STR("max_execution_time"))) return arena_printf(a, "%llu", (unsigned long long)s->f.max_execution_ms);
    if (str_eq(name, STR("resultset_metadata"))) return s->f.no_metadata ? STR("NONE") : STR("FULL");
    return arena_printf(a, "%llu.%06llu", (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
}

uint64_t limits_interactive_s(const struct session *s, bool global)
{
    if (!global && s->limits.interactive_s) return s->limits.interactive_s;
    return s->f.realm->conf->weir.interactive_timeout_ms / 1000;
}

uint64_t limits_wait_s(const struct session *s, bool global)
{
    if (!global && s->limits.wait_s) return s->limits.wait_s;
    if (!global && (s->f.capabilities & WIRE_CAP_INTERACTIVE)) return limits_interactive_s(s, true);
    return s->f.realm->conf->weir.wait_timeout_ms / 1000;
}

void limits_reset(struct session *s)
{
    s->limits = (struct limits){0};
    s->f.max_execution_ms = s->f.max_statement_us = 0;
    s->f.no_metadata = false;
}

/* ---- time ---- */

/* The client has taken nothing of what waits for it. */
static bool takes_nothing(struct session *s, uint64_t now_ms)
{
    struct limits *l = &s->limits;
    const struct link *link = s->f.link;
    if (!link || link->pending == 0 || link->taken != l->stuck_at) {
        l->stuck_at = link ? link->taken : 0;
        l->stuck_since_ms = now_ms;
        return false;
    }
    return now_ms - l->stuck_since_ms > (l->write_s ? l->write_s : DEFAULT_WRITE_S) * 1000ull;
}

void limits_tick(struct session *s, uint64_t now_ms)
{
    const struct conf_weir *w = &s->f.realm->conf->weir;
    uint64_t idle = now_ms - s->since_ms;
    if (takes_nothing(s, now_ms)) {
        engine_log(s->f.engine, CONF_LOG_WARN, "session %u: client %s took nothing of its answer for %u s (net_write_timeout); closed", s->f.id, s->host,
                   s->limits.write_s ? s->limits.write_s : DEFAULT_WRITE_S);
        session_close(s, false);
        return;
    }
    if (s->state < SESSION_READY) {
        if (idle > w->login_timeout_ms) session_close(s, false);
        return;
    }
    if (s->state != SESSION_READY || idle <= limits_wait_s(s, false) * 1000) return;
    if (session_shows_mysql(s)) { /* MySQL tells since 8.0.24; to MariaDB's clients it would be an answer to the next command */
        arena_reset(&s->f.engine->arena);
        s->f.seq = 0;
        front_err(&s->f, 4031, "HY000", STR("The client was disconnected by the server because of inactivity. See wait_timeout and interactive_timeout for "
                                           "configuring this behavior."));
    }
    session_close(s, true);
}

/* ---- SET STATEMENT ---- */

struct statement_scope { /* what is put back when the statement is over */
    struct settings *settings;
    struct limits limits;
    uint64_t max_execution_ms, max_statement_us;
    bool no_metadata;
};

void limits_scope_end(struct session *s)
{
    struct statement_scope *sc = s->scope;
    struct front *f = &s->f;
    s->scope = NULL;
    settings_unref(f->engine, f->settings);
    f->settings = sc->settings;
    f->max_execution_ms = sc->max_execution_ms;
    f->max_statement_us = sc->max_statement_us;
    f->no_metadata = sc->no_metadata;
    s->limits = sc->limits;
    front_refresh_options(f);
    track_refresh(s);
    mem_free(sc);
}

static bool scope_begin(struct session *s)
{
    const struct front *f = &s->f;
    struct statement_scope *sc = mem_alloc(sizeof *sc);
    if (!sc) return false;
    *sc = (struct statement_scope){settings_ref(f->settings), s->limits, f->max_execution_ms, f->max_statement_us, f->no_metadata};
    s->scope = sc;
    return true;
}

bool limits_is_set_statement(const struct sql_scan *scan)
{
    if (scan->ntoks < 6 || scan->toks[0].word != SQL_W_SET || scan->toks[1].kind != SQL_T_WORD || scan->toks[1].word != SQL_W_STATEMENT) return false;
    return !(scan->toks[2].kind == SQL_T_OP && (scan->toks[2].word == SQL_OP_EQ || scan->toks[2].word == SQL_OP_ASSIGN));
}

static void refuse_syntax(struct session *s)
{
    front_err(&s->f, WIRE_ER_PARSE_ERROR, "42000", STR("You have an error in your SQL syntax: SET STATEMENT variable = value [, ...] FOR statement"));
    session_done(s);
}

void limits_set_statement(struct session *s)
{
    struct front *f = &s->f;
    struct engine *en = f->engine;
    const struct sql_scan *scan = &en->scan;
    uint32_t at = 2, depth = 0;
    for (; at < scan->ntoks && !(depth == 0 && scan->toks[at].kind == SQL_T_WORD && scan->toks[at].word == SQL_W_FOR); at++) {
        if (scan->toks[at].kind != SQL_T_OP) continue;
        if (scan->toks[at].word == SQL_OP_LPAREN) depth++;
        if (scan->toks[at].word == SQL_OP_RPAREN && depth) depth--;
    }
    if (at + 1 >= scan->ntoks) {
        refuse_syntax(s);
        return;
    }
    const struct sql_tok *first = &scan->toks[at + 1];
    bool sets = first->kind == SQL_T_WORD && (first->word == SQL_W_SET || first->word == SQL_W_USE || first->word == SQL_W_CALL);
    struct str inner = arena_str(&en->arena, str_make(scan->text + first->off, scan->len - first->off));
    struct buf set = {0};
    buf_putz(&set, "SET ");
    buf_put_str(&set, sql_span_str(scan, (struct sql_span){2, at}));
    struct plan_env env = front_env(f);
    struct plan *p = NULL;
    struct fault fault = {WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
    if (sets) {
        local_refuse(s, "Weir: SET STATEMENT ... FOR %.*s is not supported: its changes would outlive the statement or be lost with it", (int)first->len,
                     scan->text + first->off);
    } else if (!inner.ptr || set.failed || !scope_begin(s) || sql_scan(&en->scan, set.data, set.len, 0, &f->opt) != SQL_OK ||
               plan_build(&env, &en->scan, &en->arena, &p, &fault) != SQL_OK) {
        front_fault(f, &fault);
        session_done(s);
    } else {
        local_set_for(s, p, inner);
        plan_unref(p);
    }
    buf_release(&set);
}
