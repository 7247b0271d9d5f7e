/*
 * stmt.c - the client's prepared statements: COM_STMT_* and PREPARE, EXECUTE, DEALLOCATE in SQL.
 *
 *   PREPARE  text -> struct prepared (shared by the worker) -> described by a server once -> OK, definitions
 *   EXECUTE  parameters -> exec_prepared: routed, run by COM_STMT_EXECUTE on the servers
 *                       \-> what the session answers itself (SHOW, SET, COMMIT, information_schema): the text with its parameters as literals, run as
 *                           COM_QUERY would run it, its rows turned into binary ones on their way out (exec/transcode.h)
 *   SQL      the text is remembered by name; EXECUTE puts the values in and runs it as a statement of its own, in the text protocol
 *
 * A client's statement costs what its texts need beside the shared part: types of the parameters, long data until the next execute.
 */
#include "proxy/exec/cursor.h"
#include "proxy/exec/prepared.h"
#include "proxy/exec/transcode.h"
#include "proxy/session/session.h"
#include "proxy/session/views.h"

#include <stdatomic.h>

enum { ER_UNKNOWN_STMT_HANDLER = 1243, ER_WRONG_ARGUMENTS = 1210, ER_UNSUPPORTED_PS = 1295, ER_MAX_PREPARED_STMT_COUNT_REACHED = 1461, ER_STMT_HAS_NO_OPEN_CURSOR = 1421,
       ER_NEED_REPREPARE = 1615 };

struct stmt {
    uint32_t id;         /* 0: by name */
    uint16_t nparams;
    bool types_known;
    bool too_long;       /* long data beyond max_packet: told at the next execute */
    struct prepared *p;  /* NULL: the rules that are in force now refuse it */
    uint16_t *types;     /* nparams, behind the struct */
    struct buf *longs;   /* nparams of them, NULL: no long data came */
    size_t long_bytes;
    struct str name;     /* by name: a copy, behind the types */
};
struct stmts {
    uint32_t next_id, n, cap;
    uint32_t last;       /* id that the last PREPARE gave; 0: it failed */
    struct stmt **at;    /* by rising id */
    struct map names;    /* of PREPARE in SQL; values are struct stmt */
    struct stmt *describing;
    struct buf text;     /* of the statement that runs as text */
    uint64_t found_rows, last_insert_id; /* of before the description */
    int64_t row_count;
};

static _Atomic int64_t prepared_in_process;

/* ---- the set ---- */

static struct stmts *stmts_of(struct session *s)
{
    if (!s->stmts && (s->stmts = mem_zalloc(sizeof *s->stmts))) map_init(&s->stmts->names, true);
    return s->stmts;
}

static void drop_longs(struct stmt *st)
{
    for (uint32_t i = 0; st->longs && i < st->nparams; i++) buf_release(&st->longs[i]);
    mem_free(st->longs);
    st->longs = NULL;
    st->long_bytes = 0;
    st->too_long = false;
}

static void stmt_free(struct session *s, struct stmt *st)
{
    cursor_close(&s->f, st->id);
    drop_longs(st);
    if (st->p) prepared_unref(st->p);
    mem_free(st);
    atomic_fetch_sub(&prepared_in_process, 1);
}

static uint32_t place_of(const struct stmts *set, uint32_t id)
{
    uint32_t low = 0, high = set ? set->n : 0;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (set->at[mid]->id < id) low = mid + 1;
        else high = mid;
    }
    return low;
}

/* MariaDB: this id is the statement prepared last, so that PREPARE and EXECUTE can be sent together. None when that PREPARE failed. */
#define LAST_PREPARED 0xffffffffu

static struct stmt *find(struct session *s, uint32_t id)
{
    if (UNLIKELY(id == LAST_PREPARED)) id = s->stmts ? s->stmts->last : 0;
    uint32_t i = place_of(s->stmts, id);
    return s->stmts && i < s->stmts->n && s->stmts->at[i]->id == id ? s->stmts->at[i] : NULL;
}

static void drop(struct session *s, struct stmt *st)
{
    struct stmts *set = s->stmts;
    uint32_t i = place_of(set, st->id);
    set->n--;
    memmove(&set->at[i], &set->at[i + 1], sizeof(struct stmt *) * (set->n - i));
    stmt_free(s, st);
}

void stmt_drop_all(struct session *s)
{
    struct stmts *set = s->stmts;
    if (s->f.transcode) transcode_end(&s->f);
    cursor_close_all(&s->f);
    if (!set) return;
    s->stmts = NULL;
    if (set->describing) stmt_free(s, set->describing);
    for (uint32_t i = 0; i < set->n; i++) stmt_free(s, set->at[i]);
    for (struct map_slot *m = NULL; (m = map_next(&set->names, m));) stmt_free(s, m->value);
    map_release(&set->names);
    buf_release(&set->text);
    mem_free(set->at);
    mem_free(set);
}

static void renew(struct session *s, struct stmt *st)
{
    struct fault fault = {0};
    if (st->p) st->p = prepared_renew(&s->f, st->p, &fault);
}

void stmt_renew_all(struct session *s)
{
    for (uint32_t i = 0; s->stmts && i < s->stmts->n; i++) renew(s, s->stmts->at[i]);
    for (struct map_slot *m = NULL; s->stmts && (m = map_next(&s->stmts->names, m));) renew(s, m->value);
}

/* ---- answers ---- */

static void fail(struct session *s, uint16_t code, const char *state, struct str message)
{
    front_err(&s->f, code, state, message);
    session_done(s);
}

static void no_memory(struct session *s)
{
    fail(s, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
}

static void unknown(struct session *s, uint32_t id, const char *command)
{
    fail(s, ER_UNKNOWN_STMT_HANDLER, "HY000",
         arena_printf(&s->f.engine->arena, "Unknown prepared statement handler (%u) given to %s", id, command));
}

static struct str next_definition(const struct buf *all, size_t *at)
{
    struct wire_reader r = wire_read(all->data + *at, all->len - *at);
    struct str payload = wire_get_bytes(&r, (size_t)wire_get_uint(&r, 4));
    *at += 4 + payload.len;
    return payload;
}

static void prepare_ok(struct session *s, uint32_t id, uint16_t nparams, uint16_t ncolumns, const struct buf *definitions, bool has_params)
{
    struct front *f = &s->f;
    struct buf out = {0};
    struct wire_prepared ok = {.id = id, .columns = ncolumns, .params = nparams, .warnings = f->warnings};
    bool eof = !(f->capabilities & WIRE_CAP_DEPRECATE_EOF);
    size_t at = 0;
    wire_put_prepare_ok(&out, &f->seq, &ok);
    for (uint32_t i = 0; i < nparams; i++) {
        struct str payload = has_params ? next_definition(definitions, &at) : STR_NULL;
        struct wire_column c = {.catalog = STR("def"), .name = STR("?"), .type = WIRE_TYPE_NULL, .collation = 63, .flags = WIRE_COLUMN_BINARY};
        if (payload.len) wire_put_packet(&out, &f->seq, payload.ptr, payload.len);
        else wire_put_column(&out, &f->seq, &c);
    }
    if (nparams && eof) wire_put_eof(&out, &f->seq, front_status(f), 0);
    for (uint32_t i = 0; i < ncolumns; i++) {
        struct str payload = next_definition(definitions, &at);
        wire_put_packet(&out, &f->seq, payload.ptr, payload.len);
    }
    if (ncolumns && eof) wire_put_eof(&out, &f->seq, front_status(f), 0);
    f->broken |= out.failed;
    front_send_raw(f, out.data, out.len);
    buf_release(&out);
}

/* ---- PREPARE ---- */

static struct stmt *stmt_new(struct prepared *p, struct str name)
{
    uint16_t n = (uint16_t)plan_info(p->plan)->nparams;
    struct stmt *st = mem_zalloc(sizeof *st + sizeof(uint16_t) * n + name.len);
    if (!st) return NULL;
    st->types = (uint16_t *)(void *)(st + 1);
    st->nparams = n;
    st->p = p;
    char *copy = (char *)(st->types + n);
    if (name.len) memcpy(copy, name.ptr, name.len);
    st->name = str_make(copy, name.len);
    atomic_fetch_add(&prepared_in_process, 1);
    return st;
}

/* Caps, then the plan: NULL, and the error is sent. */
static struct prepared *plan_text(struct session *s, struct str text)
{
    struct front *f = &s->f;
    const struct conf_weir *w = &f->realm->conf->weir;
    struct stmts *set = stmts_of(s);
    struct fault fault = {0};
    uint64_t mine = set ? set->n + set->names.len : 0;
    if (!set) {
        no_memory(s);
        return NULL;
    }
    if (mine >= w->max_session_prepared || atomic_load(&prepared_in_process) >= (int64_t)w->max_prepared) {
        bool session = mine >= w->max_session_prepared;
        fail(s, ER_MAX_PREPARED_STMT_COUNT_REACHED, "42000",
             arena_printf(&f->engine->arena, "Can't create more than max_prepared_stmt_count statements (current value: %llu; %s in Weir's rules); close those that are not needed",
                          (unsigned long long)(session ? w->max_session_prepared : w->max_prepared),
                          session ? "max_session_prepared_statements" : "max_prepared_statements"));
        return NULL;
    }
    struct buf own = {0};
    if (sysvars_rewrite_text(s, text, &own)) text = buf_str(&own);
    struct prepared *p = prepared_get(f, text, &fault);
    buf_release(&own);
    if (!p) {
        front_fault(f, &fault);
        session_done(s);
        return NULL;
    }
    const struct plan_info *info = plan_info(p->plan);
    bool never = info->stmt && (info->stmt->kind == SQL_LOAD || info->stmt->kind == SQL_PREPARE || info->stmt->kind == SQL_EXECUTE || info->stmt->kind == SQL_DEALLOCATE);
    if (info->kind == PLAN_REFUSED) front_fault(f, info->fault);
    else if (never || info->nparams > UINT16_MAX)
        front_err(f, never ? ER_UNSUPPORTED_PS : 1390 /* ER_PS_MANY_PARAM */, "HY000",
                  never ? STR("This command is not supported in the prepared statement protocol yet") : STR("Prepared statement contains too many placeholders"));
    else if ((!f->restricted && info->cls == PLAN_READ) || login_may_run(f, p->plan)) return p;
    prepared_unref(p);
    session_done(s);
    return NULL;
}

static bool add(struct session *s, struct stmt *st)
{
    struct stmts *set = s->stmts;
    if (set->n == set->cap) {
        uint32_t cap = set->cap ? set->cap * 2 : 4;
        struct stmt **at = mem_realloc(set->at, sizeof(struct stmt *) * cap);
        if (!at) return false;
        set->at = at;
        set->cap = cap;
    }
    st->id = set->last = ++set->next_id;
    set->at[set->n++] = st;
    return true;
}

static bool described(struct front *f, void *ctx, const struct exec_result *r)
{
    struct session *s = session_of(f);
    struct stmt *st = ctx;
    if (r->failed || !add(s, st)) {
        struct fault oom = {WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
        front_fault(f, r->failed ? &r->fault : &oom);
        stmt_free(s, st);
        return false;
    }
    prepare_ok(s, st->id, st->nparams, st->p->ncolumns, &st->p->definitions, true);
    return false;
}

/* Does the session's own answer have rows? Those are asked for once, to learn the definitions; it changes nothing. */
static bool answers_rows(const struct plan_info *info)
{
    enum sql_stmt_kind k = info->stmt->kind;
    return k == SQL_SHOW || k == SQL_DESCRIBE || k == SQL_EXPLAIN || k == SQL_SELECT || k == SQL_WEIR;
}

/* A select item keeps the heading that its text with `?` gives it. */
static uint32_t headings(const struct prepared *p, struct sql_edit *edits, struct arena *a)
{
    const struct plan_info *info = plan_info(p->plan);
    if (!info->stmt || info->stmt->kind != SQL_SELECT) return 0;
    const struct sql_query *q = info->stmt->query;
    while (q && q->kind == SQL_Q_SETOP) q = q->left;
    uint32_t n = 0;
    for (uint32_t i = 0; q && q->kind == SQL_Q_SELECT && i < q->nitems; i++) {
        const struct sql_item *it = &q->items[i];
        if (it->alias.len || !it->expr || !(it->expr->flags & SQL_EF_HAS_PARAM)) continue;
        struct buf text = {0};
        buf_putz(&text, " AS ");
        sql_put_name(&text, sql_span_str(info->scan, it->expr->span), true);
        struct str copy = text.failed ? STR_NULL : arena_str(a, buf_str(&text));
        buf_release(&text);
        if (copy.ptr) edits[n++] = (struct sql_edit){{it->expr->span.end, it->expr->span.end}, copy};
    }
    return n;
}

/* The statement's text, its parameters as literals, in set->text. */
static bool write_text(struct session *s, const struct prepared *p, const struct str *literals, uint32_t n)
{
    struct stmts *set = s->stmts;
    struct arena *a = &s->f.engine->arena;
    const struct sql_scan *scan = plan_info(p->plan)->scan;
    uint32_t found = 0, at = 0, nedits = 0;
    buf_reset(&set->text);
    if (n == 0) {
        buf_put(&set->text, scan->text, scan->len);
        return !set->text.failed;
    }
    struct sql_edit *edits = arena_array(a, struct sql_edit, 2 * (size_t)scan->ntoks + 2);
    if (!edits) return false;
    struct sql_edit *names = edits + scan->ntoks + 1;
    uint32_t nnames = headings(p, names, a);
    for (uint32_t i = 0; i <= scan->ntoks; i++) {
        if (at < nnames && names[at].span.first == i) edits[nedits++] = names[at++];
        if (i < scan->ntoks && scan->toks[i].kind == SQL_T_PARAM && found < n) edits[nedits++] = (struct sql_edit){{i, i + 1}, literals[found++]};
    }
    sql_render(scan, edits, nedits, &set->text);
    return found == n && !set->text.failed;
}

static void run_text(struct session *s)
{
    session_run(s, buf_str(&s->stmts->text));
}

/* A parameter whose value is not known yet: a number behind LIMIT and OFFSET, else a string. */
static void blanks(const struct sql_scan *scan, struct str *literals, uint32_t n)
{
    uint32_t at = 0;
    bool limit = false;
    for (uint32_t i = 0; i < scan->ntoks && at < n; i++) {
        const struct sql_tok *t = &scan->toks[i];
        if (t->kind == SQL_T_PARAM) literals[at++] = limit ? STR("1") : STR("''");
        else if (t->kind == SQL_T_WORD) limit = t->word == SQL_W_LIMIT || t->word == SQL_W_OFFSET;
        else if (t->kind == SQL_T_OP && t->word != SQL_OP_COMMA) limit = false;
    }
}

static void describe_local(struct session *s, struct stmt *st)
{
    struct front *f = &s->f;
    struct stmts *set = s->stmts;
    struct str *literals = arena_array(&f->engine->arena, struct str, st->nparams + 1);
    if (literals) blanks(plan_info(st->p->plan)->scan, literals, st->nparams);
    if (!literals || !write_text(s, st->p, literals, st->nparams) || !transcode_begin(f, true)) {
        stmt_free(s, st);
        no_memory(s);
        return;
    }
    set->describing = st;
    set->found_rows = f->found_rows;
    set->last_insert_id = f->last_insert_id;
    set->row_count = f->row_count;
    run_text(s);
}

static void local_described(struct session *s)
{
    struct front *f = &s->f;
    struct stmts *set = s->stmts;
    struct stmt *st = set->describing;
    struct transcode *t = f->transcode;
    set->describing = NULL;
    f->found_rows = set->found_rows;
    f->last_insert_id = set->last_insert_id;
    f->row_count = set->row_count;
    f->seq = 1;
    f->more_results = false;
    bool failed = t->failed || t->over || t->definitions.failed || f->broken;
    struct fault fault = t->fault;
    fault.message = failed && fault.message.ptr ? arena_str(&f->engine->arena, fault.message) : STR("Weir: out of memory");
    uint16_t ncolumns = (uint16_t)t->ncolumns;
    struct buf definitions = t->definitions;
    t->definitions = (struct buf){0};
    transcode_end(f);
    if (failed || !add(s, st)) {
        front_fault(f, &fault);
        stmt_free(s, st);
    } else {
        f->warnings = 0;
        prepare_ok(s, st->id, st->nparams, ncolumns, &definitions, false);
    }
    buf_release(&definitions);
}

/* From session_done: the text that a prepared statement stood for has been answered. */
void stmt_local_done(struct session *s)
{
    if (s->state == SESSION_CLOSED || !s->stmts) {
        if (s->stmts && s->stmts->describing) {
            stmt_free(s, s->stmts->describing);
            s->stmts->describing = NULL;
        }
        transcode_end(&s->f);
        return;
    }
    if (s->stmts->describing) local_described(s);
    else transcode_end(&s->f);
    if (s->stmts->text.cap > 64 << 10) buf_release(&s->stmts->text);
}

void stmt_prepare(struct session *s, struct str text)
{
    struct front *f = &s->f;
    COUNT(f->engine, statements_prepared);
    front_clear_messages(f);
    if (s->stmts) s->stmts->last = 0;
    if (!str_trim(text).len) {
        fail(s, WIRE_ER_EMPTY_QUERY, "42000", STR("Query was empty"));
        return;
    }
    struct prepared *p = plan_text(s, text);
    if (!p) return;
    struct stmt *st = stmt_new(p, STR_NULL);
    if (!st) {
        prepared_unref(p);
        no_memory(s);
        return;
    }
    if (plan_info(p->plan)->kind == PLAN_SESSION) {
        if (answers_rows(plan_info(p->plan))) {
            describe_local(s, st);
            return;
        }
        if (!add(s, st)) {
            stmt_free(s, st);
            no_memory(s);
            return;
        }
        prepare_ok(s, st->id, st->nparams, 0, NULL, false);
        session_done(s);
        return;
    }
    if (!p->described) {
        exec_describe(f, p, described, st);
        return;
    }
    struct exec_result fine = {0};
    described(f, st, &fine);
    session_done(s);
}

/* ---- EXECUTE ---- */

/* The parameter as a literal for the text. */
static struct str literal_of(struct session *s, const struct wire_param *p)
{
    struct arena *a = &s->f.engine->arena;
    struct buf out = {0};
    if (p->null) return STR("NULL");
    switch ((uint8_t)p->type) {
    case WIRE_TYPE_NULL: return STR("NULL");
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_LONGLONG:
    case WIRE_TYPE_YEAR:
    case WIRE_TYPE_DECIMAL:
    case WIRE_TYPE_NEWDECIMAL: wire_binary_to_text((uint8_t)p->type, p->type & WIRE_PARAM_UNSIGNED, 31, p->value, &out); break;
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE: {
        double d = 0;
        float single = 0;
        if (p->value.len == sizeof d) memcpy(&d, p->value.ptr, sizeof d);
        else if (p->value.len == sizeof single) memcpy(&single, p->value.ptr, sizeof single), d = (double)single;
        wire_binary_to_text(WIRE_TYPE_DOUBLE, false, 31, str_make(&d, sizeof d), &out);
        if (str_find(buf_str(&out), STR("e"), 0) == SIZE_MAX) buf_putz(&out, "e0");
        break;
    }
    default: {
        struct buf text = {0};
        wire_binary_to_text((uint8_t)p->type, false, 31, p->value, &text);
        sql_put_string(&out, str_make(text.data ? text.data : "", text.len), &s->f.opt);
        out.failed |= text.failed;
        buf_release(&text);
    }
    }
    struct str copy = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_release(&out);
    return copy;
}

static void execute_local(struct session *s, struct stmt *st, const struct wire_param *params)
{
    struct str *literals = arena_array(&s->f.engine->arena, struct str, st->nparams + 1);
    bool ok = literals != NULL;
    for (uint32_t i = 0; ok && i < st->nparams; i++) {
        literals[i] = literal_of(s, &params[i]);
        ok = literals[i].ptr != NULL;
    }
    if (!ok || !write_text(s, st->p, literals, st->nparams) || !transcode_begin(&s->f, false)) {
        no_memory(s);
        return;
    }
    drop_longs(st);
    run_text(s);
}

/* Fills in what came by COM_STMT_SEND_LONG_DATA. */
static void take_longs(struct stmt *st, struct wire_param *params)
{
    for (uint32_t i = 0; i < st->nparams; i++) {
        if (!params[i].long_data) continue;
        params[i].null = false;
        params[i].value = str_make(st->longs[i].data ? st->longs[i].data : "", st->longs[i].len);
    }
}

void stmt_execute(struct session *s, struct str data)
{
    struct front *f = &s->f;
    struct wire_execute x;
    uint32_t id = 0;
    COUNT(f->engine, statements);
    COUNT(f->engine, statements_executed);
    bool has_id = wire_get_execute_id(data, &id) == WIRE_OK;
    struct stmt *st = has_id ? find(s, id) : NULL;
    if (UNLIKELY(f->messages || f->warnings)) front_clear_messages(f);
    if (UNLIKELY(!st)) {
        unknown(s, id, "mysqld_stmt_execute");
        return;
    }
    struct wire_param *params = arena_array(&f->engine->arena, struct wire_param, st->nparams + 1);
    if (!params) {
        no_memory(s);
        return;
    }
    for (uint32_t i = 0; st->longs && i < st->nparams; i++) params[i].long_data = st->longs[i].cap > 0;
    if (UNLIKELY(wire_get_execute(data, f->capabilities, st->nparams, st->types, &st->types_known, &x, params) != WIRE_OK)) {
        drop_longs(st); /* they were for this execute */
        fail(s, ER_WRONG_ARGUMENTS, "HY000", STR("Incorrect arguments to mysqld_stmt_execute"));
        return;
    }
    if (UNLIKELY(st->longs)) take_longs(st, params);
    if (UNLIKELY(st->too_long)) {
        drop_longs(st);
        fail(s, WIRE_ER_UNKNOWN_ERROR, "HY000",
             STR("Parameter of prepared statement which is set through mysql_send_long_data() is longer than 'max_allowed_packet' bytes (max_packet in Weir's rules)"));
        return;
    }
    if (UNLIKELY(f->cursors)) cursor_close(f, st->id);
    struct fault fault = {ER_NEED_REPREPARE, "HY000", STR("Prepared statement needs to be re-prepared: Weir's rules were changed")};
    if (st->p) st->p = prepared_renew(f, st->p, &fault);
    if (UNLIKELY(!st->p)) {
        front_fault(f, &fault);
        session_done(s);
        return;
    }
    const struct plan_info *info = plan_info(st->p->plan);
    if (UNLIKELY((f->restricted || info->cls != PLAN_READ) && !login_may_run(f, st->p->plan))) {
        session_done(s);
        return;
    }
    if (UNLIKELY(info->kind == PLAN_SESSION)) {
        execute_local(s, st, params);
        return;
    }
    exec_prepared(f, st->p, params, st->nparams, x.flags & WIRE_CURSOR_READ_ONLY, st->id); /* copies the parameters */
    if (UNLIKELY(st->longs)) drop_longs(st);
}

/* ---- the small commands ---- */

void stmt_long_data(struct session *s, struct str data)
{
    struct wire_reader r = wire_read(data.ptr, data.len);
    struct stmt *st = find(s, (uint32_t)wire_get_uint(&r, 4));
    uint16_t n = (uint16_t)wire_get_uint(&r, 2);
    if (!r.bad && st && n < st->nparams && !st->too_long) { /* no answer comes, even for what is wrong */
        if (!st->longs) st->longs = mem_zalloc(sizeof *st->longs * st->nparams);
        struct str bytes = wire_get_rest(&r);
        st->long_bytes += bytes.len;
        st->too_long = !st->longs || st->long_bytes > s->f.realm->conf->weir.max_packet;
        if (!st->too_long) {
            struct buf *b = &st->longs[n];
            buf_reserve(b, bytes.len + 1); /* also for an empty piece: then the value is '' */
            buf_put_str(b, bytes);
            st->too_long = b->failed;
        }
    }
    session_done(s);
}

static void ok(struct session *s)
{
    s->f.warnings = 0;
    front_ok(&s->f, 0, 0, STR_NULL);
    session_done(s);
}

void stmt_reset(struct session *s, struct str data)
{
    uint32_t id = 0;
    struct stmt *st = wire_get_execute_id(data, &id) == WIRE_OK ? find(s, id) : NULL;
    if (!st) {
        unknown(s, id, "mysqld_stmt_reset");
        return;
    }
    drop_longs(st);
    cursor_close(&s->f, st->id);
    ok(s);
}

void stmt_close(struct session *s, struct str data)
{
    uint32_t id = 0;
    struct stmt *st = wire_get_execute_id(data, &id) == WIRE_OK ? find(s, id) : NULL;
    if (st) drop(s, st);
    session_done(s);
}

void stmt_fetch(struct session *s, struct str data)
{
    struct wire_reader r = wire_read(data.ptr, data.len);
    uint32_t id = (uint32_t)wire_get_uint(&r, 4), rows = (uint32_t)wire_get_uint(&r, 4);
    struct stmt *st = r.bad ? NULL : find(s, id);
    if (!st) {
        unknown(s, id, "mysqld_stmt_fetch");
        return;
    }
    if (cursor_fetch(&s->f, st->id, rows)) return;
    fail(s, ER_STMT_HAS_NO_OPEN_CURSOR, "HY000", arena_printf(&s->f.engine->arena, "The statement (%u) has no open cursor.", id));
}

/* ---- in SQL ---- */

static struct stmt *named(struct session *s, struct str name)
{
    return s->stmts ? map_get(&s->stmts->names, name) : NULL;
}

static void forget(struct session *s, struct stmt *st)
{
    (void)map_del(&s->stmts->names, st->name);
    stmt_free(s, st);
}

static void keep_named(struct session *s, struct stmt *st)
{
    struct stmts *set = stmts_of(s);
    if (!set || !map_put(&set->names, st->name, st)) {
        stmt_free(s, st);
        front_err(&s->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
        return;
    }
    s->f.warnings = 0;
    front_ok(&s->f, 0, 0, STR("Statement prepared"));
}

/* A server has looked at the text: it is a statement, or the error is told. */
static bool named_described(struct front *f, void *ctx, const struct exec_result *r)
{
    struct stmt *st = ctx;
    if (!r->failed) {
        keep_named(session_of(f), st);
        return false;
    }
    front_fault(f, &r->fault);
    stmt_free(session_of(f), st);
    return false;
}

static void prepare_named(struct session *s, struct str name, struct str text)
{
    struct stmt *old = named(s, name);
    if (old) forget(s, old); /* as MySQL does, even when the new text is wrong */
    struct prepared *p = plan_text(s, text);
    if (!p) return;
    struct stmt *st = stmt_new(p, name);
    if (!st) {
        prepared_unref(p);
        no_memory(s);
        return;
    }
    if (plan_info(p->plan)->kind == PLAN_ROUTED && !p->described) {
        exec_describe(&s->f, p, named_described, st);
        return;
    }
    keep_named(s, st);
    session_done(s);
}

/* EXECUTE ... USING: values of user variables, and literals. False: the error is sent. */
static bool using_literals(struct session *s, const struct sql_scan *scan, const struct sql_stmt *x, struct str *literals)
{
    for (uint32_t i = 0; i < x->prepare.nargs; i++) {
        const struct sql_expr *e = x->prepare.args[i];
        if (e->kind == SQL_E_USERVAR) {
            const struct front_var *v = s->f.vars ? map_get(s->f.vars, e->name->name) : NULL;
            literals[i] = v ? v->literal : STR("NULL");
        } else if (e->kind == SQL_E_LITERAL || e->kind == SQL_E_NULL || e->kind == SQL_E_TEMPORAL || e->kind == SQL_E_UNARY) {
            literals[i] = sql_span_str(scan, e->span);
        } else {
            local_refuse(s, "Weir: EXECUTE ... USING takes user variables and literals; put the expression into a variable by SET first");
            return false;
        }
    }
    return true;
}

/* CAST(5 AS UNSIGNED) is what keeps a variable's type, but LIMIT takes digits alone. */
static void plain_limits(const struct sql_scan *scan, struct str *literals, uint32_t n)
{
    struct str *limits = literals;
    uint32_t at = 0;
    bool limit = false;
    for (uint32_t i = 0; i < scan->ntoks && at < n; i++) {
        const struct sql_tok *t = &scan->toks[i];
        if (t->kind == SQL_T_PARAM) {
            struct str *l = &limits[at++];
            size_t end = str_find(*l, STR(" AS "), 0);
            if (limit && str_starts_nocase(*l, STR("CAST(")) && end != SIZE_MAX) *l = str_make(l->ptr + 5, end - 5);
        } else if (t->kind == SQL_T_WORD) limit = t->word == SQL_W_LIMIT || t->word == SQL_W_OFFSET;
        else if (t->kind == SQL_T_OP && t->word != SQL_OP_COMMA) limit = false;
    }
}

static void run_named(struct session *s, struct stmt *st, const struct sql_scan *scan, const struct sql_stmt *x)
{
    struct front *f = &s->f;
    uint32_t n = x->prepare.nargs;
    struct str *literals = arena_array(&f->engine->arena, struct str, n + 1);
    if (n != st->nparams) {
        fail(s, ER_WRONG_ARGUMENTS, "HY000", STR("Incorrect arguments to EXECUTE"));
        return;
    }
    renew(s, st);
    if (!st->p) {
        fail(s, ER_NEED_REPREPARE, "HY000", STR("Prepared statement needs to be re-prepared: Weir's rules were changed"));
        return;
    }
    if (!str_eq(st->p->schema, session_schema(s))) {
        local_refuse(s, "Weir: the statement was prepared in schema '%.*s' and the current one is another; USE that schema, or prepare it again", STR_ARG(st->p->schema));
        return;
    }
    if (!literals) {
        no_memory(s);
        return;
    }
    if (!using_literals(s, scan, x, literals)) return;
    plain_limits(plan_info(st->p->plan)->scan, literals, n);
    if (!write_text(s, st->p, literals, n)) {
        no_memory(s);
        return;
    }
    session_run(s, buf_str(&s->stmts->text));
}

struct named_job {
    char name[260];
    size_t length;
};

static bool text_known(struct front *f, void *ctx, const struct exec_result *r)
{
    struct session *s = session_of(f);
    struct named_job job = *(struct named_job *)ctx;
    mem_free(ctx);
    if (r->failed) {
        front_fault(f, &r->fault);
        return false;
    }
    struct str text = r->capture.nrows ? r->capture.fields[0] : STR_NULL;
    text = arena_str(&f->engine->arena, text.ptr ? text : STR("NULL"));
    if (!text.ptr) no_memory(s);
    else prepare_named(s, str_make(job.name, job.length), text);
    return true;
}

/* PREPARE name FROM 'text', or FROM what a server computes. */
static void prepare_sql(struct session *s, const struct sql_scan *scan, const struct sql_stmt *x)
{
    struct engine *en = s->f.engine;
    const struct sql_expr *from = x->prepare.from;
    struct str name = x->prepare.name;
    if (from->kind == SQL_E_LITERAL && from->span.end == from->span.first + 1) {
        struct str text = sql_text(scan, from->tok, &en->arena);
        if (text.ptr) prepare_named(s, name, text);
        else no_memory(s);
        return;
    }
    struct named_job *job = mem_zalloc(sizeof *job);
    struct str ask = arena_printf(&en->arena, "SELECT %.*s", STR_ARG(sql_span_str(scan, from->span)));
    if (!job || !ask.ptr || name.len >= sizeof job->name) {
        mem_free(job);
        no_memory(s);
        return;
    }
    memcpy(job->name, name.ptr, name.len);
    job->length = name.len;
    views_value(s, ask, text_known, job);
}

void stmt_sql(struct session *s, struct plan *p)
{
    const struct plan_info *info = plan_info(p);
    const struct sql_stmt *x = info->stmt;
    if (x->kind == SQL_PREPARE) {
        prepare_sql(s, info->scan, x);
        return;
    }
    if (x->kind == SQL_EXECUTE && x->prepare.from) {
        local_refuse(s, "Weir: EXECUTE IMMEDIATE is not supported yet; send the statement itself, or PREPARE and EXECUTE it");
        return;
    }
    struct stmt *st = named(s, x->prepare.name);
    if (!st) {
        bool execute = x->kind == SQL_EXECUTE;
        fail(s, ER_UNKNOWN_STMT_HANDLER, "HY000",
             arena_printf(&s->f.engine->arena, "Unknown prepared statement handler (%.*s) given to %s", STR_ARG(x->prepare.name), execute ? "EXECUTE" : "DEALLOCATE PREPARE"));
        return;
    }
    if (x->kind == SQL_EXECUTE) {
        run_named(s, st, info->scan, x);
        return;
    }
    forget(s, st);
    ok(s);
}
