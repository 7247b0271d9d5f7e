/*
 * set.c - SET: the session's variables as settings that follow the client from server connection to server connection.
 *
 *   1. evaluate   what is no literal (and each user variable): one "SELECT @a := (expr), (expr)" through the router; a server computes it
 *   2. apply      to a new set of settings, to user variables, to the transaction to come
 *   3. validate   bring a server connection to the new settings ("DO 0" on the default source): a wrong name or value is the server's own error
 *
 * Only step 2 touches the session, and it is undone when step 3 fails.
 */
#include "proxy/session/session.h"
#include "proxy/session/views.h"

struct set_job {
    struct plan *plan;
    struct settings *before, *next;
    bool validate;
    int autocommit; /* -1: not named */
    struct str then; /* SET STATEMENT: what runs when all is set (malloc); ptr NULL: the reply is OK */
    struct buf shown; /* SESSION_TRACK: entries of variables whose new values a server has told */
    struct buf own;   /* variables that are the session's business, set when all is well: name, literal (lenenc; an empty one: the default) */
};

static void job_free(struct front *f, struct set_job *j)
{
    plan_unref(j->plan);
    if (j->before) settings_unref(f->engine, j->before);
    if (j->next) settings_unref(f->engine, j->next);
    buf_release(&j->shown);
    buf_release(&j->own);
    mem_free((void *)(uintptr_t)j->then.ptr);
    mem_free(j);
}

static void reply_ok(struct front *f)
{
    f->row_count = 0;
    front_ok(f, 0, 0, STR_NULL);
}

/* ---- names ---- */

static const char *const same_variable[][2] = {{"tx_isolation", "transaction_isolation"}, {"tx_read_only", "transaction_read_only"}};

static struct str canonical(struct arena *a, struct str name)
{
    struct str low = arena_str(a, name);
    for (size_t i = 0; i < low.len; i++) ((char *)(uintptr_t)low.ptr)[i] = ascii_lower(low.ptr[i]);
    for (size_t i = 0; i < COUNT_OF(same_variable); i++) {
        if (str_eq(low, str_of(same_variable[i][0]))) return str_of(same_variable[i][1]);
    }
    return low;
}

static bool is_one_of(struct str name, const char *const *list)
{
    for (; *list; list++) {
        if (str_eq(name, str_of(*list))) return true;
    }
    return false;
}

/* ---- 1. evaluate ---- */

/* A value that needs no server: its literal text; ptr NULL when it must be computed. */
static struct str literal_of(const struct sql_scan *scan, const struct sql_expr *e, struct arena *a, const struct sql_options *opt)
{
    struct buf t = {0};
    struct str v = STR_NULL;
    switch ((int)e->kind) { /* every other kind is computed by a server */
    case SQL_E_NULL: return STR("NULL");
    case SQL_E_TRUE: return STR("1");
    case SQL_E_FALSE: return STR("0");
    case SQL_E_PAREN: return literal_of(scan, e->args[0], a, opt);
    case SQL_E_UNARY: {
        if (e->op != SQL_OP_NEG) return STR_NULL;
        struct str inner = literal_of(scan, e->args[0], a, opt);
        return inner.ptr && inner.ptr[0] != '\'' ? arena_printf(a, "-%.*s", STR_ARG(inner)) : STR_NULL;
    }
    case SQL_E_COLUMN: /* SET x = ON, SET sql_mode = ANSI: a bare word is a string */
        if (e->name->table.len || e->name->schema.len) return STR_NULL;
        sql_put_string(&t, e->name->name, opt);
        break;
    case SQL_E_LITERAL: {
        uint8_t kind = scan->toks[e->tok].kind;
        if (kind == SQL_T_INT || kind == SQL_T_DECIMAL || kind == SQL_T_FLOAT) return arena_str(a, sql_tok_str(scan, e->tok));
        if (kind != SQL_T_STRING || e->span.end != e->span.first + 1) return STR_NULL;
        sql_put_string(&t, sql_text(scan, e->tok, a), opt);
        break;
    }
    default: return STR_NULL;
    }
    if (!t.failed) v = arena_str(a, buf_str(&t));
    buf_release(&t);
    return v;
}

static bool needs_server(const struct sql_scan *scan, const struct sql_set_item *it, struct arena *a, const struct sql_options *opt)
{
    if (it->kind == SQL_SET_USERVAR) return true;
    if (it->kind != SQL_SET_VARIABLE || it->value_default || !it->value) return false;
    return !literal_of(scan, it->value, a, opt).ptr;
}

static void put_evaluation(struct buf *t, const struct sql_scan *scan, const struct sql_stmt *st, struct arena *a, const struct sql_options *opt)
{
    for (uint32_t i = 0; i < st->set.n; i++) {
        const struct sql_set_item *it = &st->set.items[i];
        if (!needs_server(scan, it, a, opt)) continue;
        buf_putz(t, t->len ? ", " : "SELECT ");
        if (it->kind == SQL_SET_USERVAR) {
            buf_putz(t, "@");
            sql_put_name(t, it->name, true);
            buf_putz(t, ":=");
        }
        buf_putz(t, "(");
        buf_put_str(t, sql_span_str(scan, it->value->span));
        buf_putz(t, ")");
    }
}

/* ---- 2. apply ---- */

static bool put_setting(struct front *f, struct set_job *j, struct str name, struct str value)
{
    struct settings *next = settings_with(f->engine, j->next, name, value);
    if (!next) return false;
    settings_unref(f->engine, j->next);
    j->next = next;
    return true;
}

static bool put_quoted(struct front *f, struct set_job *j, const char *name, struct str value)
{
    struct str q = arena_printf(&f->engine->arena, "'%.*s'", STR_ARG(value));
    return q.ptr && put_setting(f, j, str_of(name), q);
}

static void fault_unknown(struct front *f, struct fault *fault, uint16_t code, const char *state, const char *fmt, struct str what)
{
    struct buf m = {0};
    buf_putz(&m, fmt);
    buf_putz(&m, ": '");
    buf_put_str(&m, what);
    buf_putz(&m, "'");
    fault_set(fault, &f->engine->arena, code, state, "%.*s", STR_ARG(buf_str(&m)));
    buf_release(&m);
}

static bool server_is_mariadb(struct front *f)
{
    struct control_source st = {0};
    control_source_state(f->realm->snap->control, session_home(session_of(f)), &st);
    return st.mariadb || !st.version;
}

static bool apply_names(struct front *f, struct set_job *j, const struct sql_set_item *it, struct fault *fault)
{
    struct str cs_name = str_eq_nocase(it->name, STR("default")) || !it->name.len ? STR("utf8mb4") : it->name;
    struct str low = canonical(&f->engine->arena, cs_name);
    if (str_eq(low, STR("utf8"))) low = STR("utf8mb3");
    const struct wire_charset *cs = wire_charset_default(low);
    const struct wire_charset *coll = it->collation.len ? wire_charset_by_collation(canonical(&f->engine->arena, it->collation)) : cs;
    if (!cs) {
        fault_unknown(f, fault, 1115, "42000", "Unknown character set", cs_name);
        return false;
    }
    if (!coll) {
        fault_unknown(f, fault, 1273, "HY000", "Unknown collation", it->collation);
        return false;
    }
    if (strcmp(coll->charset, cs->charset) != 0) {
        fault_set(fault, &f->engine->arena, 1253, "42000", "COLLATION '%s' is not valid for CHARACTER SET '%s'", coll->collation, cs->charset);
        return false;
    }
    struct str collation = str_of(coll->collation);
    if (!it->collation.len && strcmp(cs->charset, "utf8mb4") == 0) {
        collation = server_is_mariadb(f) ? STR("utf8mb4_general_ci") : STR("utf8mb4_0900_ai_ci");
    }
    struct str name = str_of(cs->charset);
    bool ok = put_quoted(f, j, "character_set_client", name) && put_quoted(f, j, "character_set_results", name);
    if (ok && it->kind == SQL_SET_NAMES) ok = put_quoted(f, j, "character_set_connection", name) && put_quoted(f, j, "collation_connection", collation);
    j->validate = true;
    return ok;
}

/* The server gives collation_connection the default of a new character_set_connection; so do we, or the old one would be put back. */
static bool put_connection_collation(struct front *f, struct set_job *j, struct str charset)
{
    struct str name = charset.len > 2 ? str_make(charset.ptr + 1, charset.len - 2) : STR("");
    const struct wire_charset *cs = wire_charset_default(name);
    if (!cs) return put_setting(f, j, STR("collation_connection"), STR_NULL);
    bool mysql8 = str_eq(name, STR("utf8mb4")) && !server_is_mariadb(f);
    return put_quoted(f, j, "collation_connection", mysql8 ? STR("utf8mb4_0900_ai_ci") : str_of(cs->collation));
}

static int truth(struct str lit)
{
    static const char *const on[] = {"1", "'1'", "'on'", "'true'", NULL}, *const off[] = {"0", "'0'", "'off'", "'false'", NULL};
    for (int i = 0; on[i]; i++) {
        if (str_eq_nocase(lit, str_of(on[i]))) return 1;
        if (str_eq_nocase(lit, str_of(off[i]))) return 0;
    }
    return -1;
}

static bool apply_transaction(struct front *f, struct set_job *j, const struct sql_set_item *it, struct fault *fault)
{
    static const char *const iso[] = {"", "'READ-UNCOMMITTED'", "'READ-COMMITTED'", "'REPEATABLE-READ'", "'SERIALIZABLE'"};
    if (it->scope == SQL_SCOPE_NONE || it->scope == SQL_SCOPE_AT) { /* the next transaction only */
        if (f->txn && (f->txn->begun || (f->status & WIRE_STATUS_IN_TRANS))) {
            fault_set(fault, &f->engine->arena, 1568, "25001", "Transaction characteristics can't be changed while a transaction is in progress");
            return false;
        }
        struct front_txn *t = front_txn(f);
        if (!t) return false;
        if (it->isolation) t->isolation = it->isolation;
        if (it->access) t->access = it->access;
        return true;
    }
    bool ok = true;
    if (it->isolation) ok = put_setting(f, j, STR("transaction_isolation"), str_of(iso[it->isolation]));
    if (ok && it->access) ok = put_setting(f, j, STR("transaction_read_only"), it->access == 1 ? STR("1") : STR("0"));
    j->validate = true;
    return ok;
}

static void put_own(struct set_job *j, struct str name, struct str literal)
{
    wire_put_lenstr(&j->own, name);
    wire_put_lenstr(&j->own, literal);
}

static bool apply_variable(struct front *f, struct set_job *j, const struct sql_set_item *it, struct str lit, struct fault *fault)
{
    static const char *const never[] = {"sql_log_bin", "gtid_next", "server_id", NULL};
    struct arena *a = &f->engine->arena;
    struct str name = canonical(a, it->name);
    uint64_t n;
    if (str_eq(name, STR("autocommit"))) {
        j->autocommit = it->value_default ? 1 : truth(lit);
        if (j->autocommit >= 0) return true;
        fault_set(fault, a, WIRE_ER_WRONG_VALUE_FOR_VAR, "42000", "Variable 'autocommit' can't be set to the value of '%.*s'", STR_ARG(lit));
        return false;
    }
    if (str_eq(name, STR("last_insert_id")) || str_eq(name, STR("identity"))) {
        if (!str_to_u64(lit, &n)) {
            fault_set(fault, a, 1232, "42000", "Incorrect argument type to variable '%.*s'", STR_ARG(name));
            return false;
        }
        f->last_insert_id = n;
        return true;
    }
    if (str_eq(name, STR("sql_select_limit")) && !it->value_default && !str_eq(lit, STR("18446744073709551615")) && !str_eq_nocase(lit, STR("'default'"))) {
        fault_set(fault, a, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: sql_select_limit would cut each shard's rows by itself; use LIMIT in the statement");
        return false;
    }
    if (str_eq(name, STR("collation_connection")) && lit.len > 2 && lit.ptr[0] == '\'') { /* brings its character set along */
        const struct wire_charset *cs = wire_charset_by_collation(str_make(lit.ptr + 1, lit.len - 2));
        if (cs && !put_quoted(f, j, "character_set_connection", str_of(cs->charset))) return false;
    }
    if (is_one_of(name, never)) {
        fault_set(fault, a, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: SET %.*s is not supported through the proxy; set it on the servers", STR_ARG(name));
        return false;
    }
    if (str_eq(name, STR("character_set_client")) || str_eq(name, STR("character_set_connection")) || str_eq(name, STR("character_set_results"))) {
        if (str_eq_nocase(lit, STR("'utf8'"))) lit = STR("'utf8mb3'");
        if (lit.len && lit.ptr[0] == '\'') lit = canonical(a, lit);
        if (str_eq(name, STR("character_set_connection")) && !put_connection_collation(f, j, lit)) return false;
    }
    enum limit_kind limit = limits_own(name);
    if (limit != LIMIT_NOT) {
        if (!limits_check(session_of(f), name, it->value_default ? STR_NULL : lit, fault)) return false;
        put_own(j, name, it->value_default ? STR("") : lit);
        if (limit == LIMIT_OWN) return true;
        if (str_eq(name, STR("net_write_timeout")) && lit.len < 3 && !it->value_default) return put_setting(f, j, name, STR_NULL); /* a server must wait longer than we do */
    }
    if (str_starts_nocase(name, STR("session_track_"))) {
        if (!track_check(session_of(f), name, it->value_default ? STR_NULL : lit, fault)) return false;
        put_own(j, name, it->value_default ? STR("") : lit);
        if (str_eq(name, STR("session_track_gtids"))) return true; /* MySQL's only, and off */
    }
    j->validate = true;
    return put_setting(f, j, name, it->value_default ? STR_NULL : lit);
}

/* The value that a server computed, as a literal. */
static struct str computed(struct front *f, const struct exec_capture *c, uint32_t col)
{
    struct arena *a = &f->engine->arena;
    struct buf t = {0};
    if (col >= c->ncolumns || c->nrows < 1) return STR_NULL;
    struct str v = c->fields[col];
    if (!v.ptr) return STR("NULL");
    switch (c->columns[col].type) {
    case WIRE_TYPE_TINY: case WIRE_TYPE_SHORT: case WIRE_TYPE_INT24: case WIRE_TYPE_LONG: case WIRE_TYPE_LONGLONG: case WIRE_TYPE_DECIMAL:
    case WIRE_TYPE_NEWDECIMAL: case WIRE_TYPE_FLOAT: case WIRE_TYPE_DOUBLE: return arena_str(a, v);
    default: break;
    }
    sql_put_string(&t, v, &f->opt);
    struct str lit = arena_str(a, buf_str(&t));
    buf_release(&t);
    return lit;
}

static bool apply_item(struct front *f, struct set_job *j, const struct sql_set_item *it, const struct exec_capture *cap, uint32_t *col,
                       struct fault *fault)
{
    const struct sql_scan *scan = plan_info(j->plan)->scan;
    struct arena *a = &f->engine->arena;
    if (it->scope == SQL_SCOPE_GLOBAL || it->scope == SQL_SCOPE_PERSIST) {
        fault_set(fault, a, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: SET GLOBAL and PERSIST are not done through the proxy; set '%.*s' on each server", STR_ARG(it->name));
        return false;
    }
    switch (it->kind) {
    case SQL_SET_NAMES:
    case SQL_SET_CHARSET: return apply_names(f, j, it, fault);
    case SQL_SET_TRANSACTION: return apply_transaction(f, j, it, fault);
    case SQL_SET_USERVAR: (*col)++; return true; /* the evaluation has set and read it back */
    case SQL_SET_OTHER:
        fault_set(fault, a, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: this form of SET (PASSWORD, ROLE, ...) is not supported through the proxy; run it on the servers");
        return false;
    case SQL_SET_VARIABLE: break;
    }
    struct str lit = STR_NULL;
    if (!it->value_default && it->value) {
        lit = literal_of(scan, it->value, a, &f->opt);
        if (!lit.ptr) lit = computed(f, cap, (*col)++);
    }
    return apply_variable(f, j, it, lit, fault);
}

/* ---- 3. validate, and the end ---- */

/* ---- SESSION_TRACK ---- */

static const char *const charset_vars[] = {"character_set_client", "character_set_connection", "character_set_results"};

/* Is the value known here as the server shows it? `*value` then. Others are asked for. */
static bool shows_as(const struct front *f, const struct set_job *j, struct str name, struct str *value)
{
    if (limits_own(name) != LIMIT_NOT) {
        *value = limits_shown(CONTAINER_OF(f, struct session, f), name);
        return value->ptr != NULL;
    }
    if (str_eq(name, STR("autocommit"))) {
        *value = j->autocommit ? STR("ON") : STR("OFF");
        return true;
    }
    struct str lit = settings_get(j->next, name);
    if (str_eq(name, STR("session_track_system_variables")) && lit.len >= 2 && lit.ptr[0] == '\'') {
        *value = str_make(lit.ptr + 1, lit.len - 2);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(charset_vars); i++) {
        if (!str_eq(name, str_of(charset_vars[i]))) continue;
        *value = str_eq(lit, STR("NULL")) ? STR("") : lit.len >= 2 && lit.ptr[0] == '\'' ? str_make(lit.ptr + 1, lit.len - 2) : STR_NULL;
        return value->ptr != NULL;
    }
    return false;
}

/* Each tracked variable that the statement names, once, to `one`. */
static void each_tracked(struct front *f, struct set_job *j, struct buf *out, void (*one)(struct front *, struct set_job *, struct str, struct buf *))
{
    const struct sql_stmt *st = plan_info(j->plan)->stmt;
    const struct session *s = session_of(f);
    for (uint32_t i = 0; i < st->set.n; i++) {
        const struct sql_set_item *it = &st->set.items[i];
        if (it->kind == SQL_SET_VARIABLE) {
            struct str name = canonical(&f->engine->arena, it->name);
            if (track_wants(s, name)) one(f, j, name, out);
        }
        for (size_t k = 0; (it->kind == SQL_SET_NAMES || it->kind == SQL_SET_CHARSET) && k < COUNT_OF(charset_vars); k++) {
            if (track_wants(s, str_of(charset_vars[k]))) one(f, j, str_of(charset_vars[k]), out);
        }
    }
}

static void put_asked(struct front *f, struct set_job *j, struct str name, struct buf *out)
{
    struct str value;
    if (shows_as(f, j, name, &value) || str_eq(name, STR("session_track_system_variables"))) return;
    buf_putz(out, out->len ? "," : "SHOW VARIABLES WHERE Variable_name IN (");
    sql_put_string(out, name, NULL);
    for (size_t i = 0; i < COUNT_OF(same_variable); i++) { /* under the name that the server knows */
        if (!str_eq(name, str_of(same_variable[i][1]))) continue;
        buf_putz(out, ",");
        sql_put_string(out, str_of(same_variable[i][0]), NULL);
    }
}

static void put_known(struct front *f, struct set_job *j, struct str name, struct buf *out)
{
    struct str value;
    (void)out;
    if (shows_as(f, j, name, &value)) track_variable(session_of(f), name, value);
}

static void keep_shown(struct set_job *j, const struct exec_capture *c)
{
    for (uint32_t i = 0; c->ncolumns == 2 && i < c->nrows; i++) {
        struct str value = c->fields[2 * i + 1];
        wire_put_track_variable(&j->shown, c->fields[2 * i], value.ptr ? value : STR(""));
    }
}

static void tell_changes(struct front *f, struct set_job *j)
{
    struct session *s = session_of(f);
    each_tracked(f, j, NULL, put_known);
    if (j->shown.len) buf_put_str(&f->track, buf_str(&j->shown));
    f->track.failed |= j->shown.failed;
    track_state(s);
}

static void set_own(struct session *s, const struct set_job *j)
{
    struct wire_reader r = wire_read(j->own.data, j->own.len);
    while (wire_left(&r) && !r.bad) {
        struct str name = wire_get_lenstr(&r), literal = wire_get_lenstr(&r);
        if (limits_own(name) != LIMIT_NOT) limits_set(s, name, literal.len ? literal : STR_NULL);
        else track_set(s, name, literal.len ? literal : STR_NULL);
    }
    track_refresh(s);
    s->f.broken |= j->own.failed;
}

/* True: the statement of SET STATEMENT has begun. */
static bool finish(struct front *f, struct set_job *j)
{
    struct session *s = session_of(f);
    struct str then = j->then;
    j->then = STR_NULL;
    f->warnings = 0;
    if (j->own.len) set_own(s, j);
    if (!then.ptr && (f->capabilities & WIRE_CAP_SESSION_TRACK)) tell_changes(f, j);
    job_free(f, j);
    if (!then.ptr) {
        reply_ok(f);
        return false;
    }
    session_run(s, then);
    mem_free((void *)(uintptr_t)then.ptr);
    return true;
}

static bool turned_on(struct front *f, void *ctx, const struct exec_result *r)
{
    if (r->failed) {
        job_free(f, ctx);
        front_fault(f, &r->fault);
        return false;
    }
    return finish(f, ctx);
}

/* SET autocommit = 1 in a transaction commits it. True: an exec was started. */
static bool apply_autocommit(struct front *f, struct set_job *j)
{
    bool was = f->status & WIRE_STATUS_AUTOCOMMIT, now = j->autocommit == 1;
    if (j->autocommit < 0 || was == now) return false;
    struct settings *s = settings_with(f->engine, f->settings, STR("autocommit"), now ? STR_NULL : STR("0"));
    if (!s) {
        f->broken = true; /* the servers could not be told */
        return false;
    }
    settings_unref(f->engine, f->settings);
    f->settings = s;
    f->status = (uint16_t)(now ? f->status | WIRE_STATUS_AUTOCOMMIT : f->status & ~WIRE_STATUS_AUTOCOMMIT);
    if (!now || !f->txn) return false;
    local_commit(session_of(f), true, turned_on, j);
    return true;
}

static bool validated(struct front *f, void *ctx, const struct exec_result *r)
{
    struct set_job *j = ctx;
    if (r->failed) {
        settings_unref(f->engine, f->settings);
        f->settings = settings_ref(j->before);
        front_refresh_options(f);
        job_free(f, j);
        front_fault(f, &r->fault);
        return false;
    }
    keep_shown(j, &r->capture);
    if (apply_autocommit(f, j)) return true;
    return finish(f, j);
}

/* True: something was started that ends the command later; false: it is answered. */
static bool apply(struct front *f, struct set_job *j, const struct exec_capture *cap)
{
    const struct sql_stmt *st = plan_info(j->plan)->stmt;
    struct fault fault = {WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
    uint32_t col = 0;
    j->before = settings_ref(f->settings);
    j->next = settings_ref(f->settings);
    j->autocommit = -1;
    for (uint32_t i = 0; i < st->set.n; i++) {
        if (apply_item(f, j, &st->set.items[i], cap, &col, &fault)) continue;
        job_free(f, j);
        front_fault(f, &fault);
        return false;
    }
    bool changed = j->next != f->settings;
    settings_unref(f->engine, f->settings);
    f->settings = settings_ref(j->next);
    front_refresh_options(f);
    struct buf ask = {0};
    if (f->capabilities & WIRE_CAP_SESSION_TRACK) each_tracked(f, j, &ask, put_asked);
    if (ask.len) buf_putz(&ask, ")");
    bool asks = ask.len && !ask.failed, runs = asks || (changed && j->validate);
    if (runs) {
        struct exec_text x = {session_home(session_of(f)), asks ? buf_str(&ask) : STR("DO 0")};
        exec_texts(f, &x, 1, asks ? EXEC_CAPTURE : EXEC_COUNT, EXEC_QUIET | EXEC_NO_DB | EXEC_NO_BEGIN | EXEC_RAW_ERRORS, validated, j);
    }
    buf_release(&ask);
    if (runs) return true;
    if (apply_autocommit(f, j)) return true;
    return finish(f, j);
}

static bool evaluated(struct front *f, void *ctx, const struct exec_result *r)
{
    struct set_job *j = ctx;
    if (r->failed) {
        job_free(f, j);
        front_fault(f, &r->fault);
        return false;
    }
    return apply(f, j, &r->capture);
}

/* What a login's flags set: IGNORE_SPACE is a mode on top of the servers' own. */
void local_login_settings(struct session *s)
{
    struct front *f = &s->f;
    if (LIKELY(!(f->capabilities & WIRE_CAP_IGNORE_SPACE))) return;
    struct settings *next = settings_with(f->engine, f->settings, STR("sql_mode"), STR("CONCAT(@@global.sql_mode,',IGNORE_SPACE')"));
    if (!next) return;
    settings_unref(f->engine, f->settings);
    f->settings = next;
}

void local_set_plan(struct session *s, struct plan *p)
{
    local_set_for(s, p, STR_NULL);
}

void local_set_for(struct session *s, struct plan *p, struct str then)
{
    struct front *f = &s->f;
    const struct plan_info *info = plan_info(p);
    struct set_job *j = mem_zalloc(sizeof *j);
    if (!j) {
        session_close(s, false);
        return;
    }
    j->plan = plan_ref(p);
    if (then.ptr) {
        char *copy = mem_alloc(then.len + 1);
        if (!copy) {
            job_free(f, j);
            session_close(s, false);
            return;
        }
        memcpy(copy, then.ptr, then.len);
        j->then = str_make(copy, then.len);
    }
    struct buf t = {0};
    put_evaluation(&t, info->scan, info->stmt, &f->engine->arena, &f->opt);
    struct buf own = {0};
    if (t.len) {
        views_value(s, sysvars_rewrite_text(s, buf_str(&t), &own) ? buf_str(&own) : buf_str(&t), evaluated, j);
        buf_release(&own);
    } else {
        struct exec_capture none = {0};
        if (!apply(f, j, &none)) session_done(s);
    }
    buf_release(&t);
}
