/*
 * build.c - from a scan to a plan: copy, parse, classify the tables, dispatch by statement, finish.
 *
 * A plan owns everything in its arena, the tree and a copy of the text included, and can so be kept for every
 * later statement with the same key.
 */
#include "router/build.h"

#include <stdlib.h>

/* ---- memory and faults ---- */

void *b_check(struct build *b, void *p)
{
    if (UNLIKELY(!p)) longjmp(b->oom, 1);
    return p;
}

void *b_alloc(struct build *b, size_t n)
{
    return b_check(b, arena_zalloc(b->a, n ? n : 1));
}

struct str b_printf(struct build *b, const char *fmt, ...)
{
    struct buf t = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&t, fmt, ap);
    va_end(ap);
    struct str s = t.failed ? STR_NULL : arena_str(b->a, buf_str(&t));
    buf_release(&t);
    b_check(b, (void *)(uintptr_t)s.ptr);
    return s;
}

static void fault_text(struct fault *f, struct arena *a, uint16_t code, const char *state, const char *head,
                       const char *fmt, va_list ap) PRINTF_LIKE(6, 0);
static void fault_text(struct fault *f, struct arena *a, uint16_t code, const char *state, const char *head,
                       const char *fmt, va_list ap)
{
    struct buf t = {0};
    buf_putz(&t, head);
    buf_vprintf(&t, fmt, ap);
    fault_set(f, a, code, state, STR_FMT, STR_ARG(buf_str(&t)));
    buf_release(&t);
}

void plan_refuse(struct fault *f, struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fault_text(f, a, 1235, "42000", "Weir: ", fmt, ap);
    va_end(ap);
}

void plan_oom(struct fault *f, struct arena *a)
{
    fault_set(f, a, 1037, "HY001", "Weir: out of memory while routing the statement");
}

bool refuse(struct build *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fault_text(&b->p->fault, b->a, 1235, "42000", "Weir: ", fmt, ap);
    va_end(ap);
    return false;
}

bool fail(struct build *b, uint16_t code, const char *state, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fault_text(b->f, b->fa, code, state, "", fmt, ap);
    va_end(ap);
    b->hard = true;
    return false;
}

void no_scatter(struct build *b, const char *why, const char *way_out)
{
    if (b->p->no_scatter) return;
    b->p->no_scatter = true;
    b->p->why = b_printf(b, "%s", why);
    b->p->way_out = way_out ? b_printf(b, "%s", way_out) : STR("");
}

/* ---- edits ---- */

struct edit *add_edit(struct build *b, struct edits *to, enum edit_kind kind, uint32_t first, uint32_t end)
{
    VEC(struct edit) v = {to->at, to->len, to->cap};
    struct edit *e = b_push(b, &v);
    to->at = v.at;
    to->len = v.len;
    to->cap = v.cap;
    *e = (struct edit){
        .span = {first, end}, .kind = (uint8_t)kind, .order = (uint16_t)(to->len < 65535 ? to->len : 65535)};
    return e;
}

void add_segs(struct build *b, struct edits *to, uint32_t first, uint32_t end, const struct seg *segs,
              uint32_t n)
{
    struct edit *e = add_edit(b, to, EDIT_TEXT, first, end);
    e->segs = b_array(b, struct seg, n);
    e->nsegs = n;
    if (n) memcpy(e->segs, segs, n * sizeof *segs);
}

void add_text(struct build *b, struct edits *to, uint32_t first, uint32_t end, struct str text)
{
    struct seg s = seg_text(text);
    add_segs(b, to, first, end, &s, text.len ? 1 : 0);
}

/* Only tokens whose value the key does not hold need one. */
void add_guard(struct build *b, uint32_t tok)
{
    switch ((enum sql_tok_kind)b->scan->toks[tok].kind) {
    case SQL_T_INT:
    case SQL_T_DECIMAL:
    case SQL_T_FLOAT:
    case SQL_T_STRING:
    case SQL_T_NSTRING:
    case SQL_T_HEX:
    case SQL_T_BIN: break;
    case SQL_T_END:
    case SQL_T_WORD:
    case SQL_T_QUOTED:
    case SQL_T_CHARSET:
    case SQL_T_PARAM:
    case SQL_T_USERVAR:
    case SQL_T_SYSVAR:
    case SQL_T_OP:
    case SQL_T_BAD: return;
    }
    for (uint32_t i = 0; i < b->guards.len; i++)
        if (b->guards.at[i].tok == tok) return;
    struct guard *g = b_push(b, &b->guards);
    *g = (struct guard){tok, sql_tok_str(b->scan, tok)};
}

/* Of a heading every letter counts, while the key folds the case of words. */
void add_heading_guard(struct build *b, uint32_t tok)
{
    enum sql_tok_kind kind = (enum sql_tok_kind)b->scan->toks[tok].kind;
    if (kind != SQL_T_WORD && kind != SQL_T_SYSVAR) {
        add_guard(b, tok);
        return;
    }
    struct guard *g = b_push(b, &b->guards);
    *g = (struct guard){tok, sql_tok_str(b->scan, tok)};
}

static int by_place(const void *x, const void *y)
{
    const struct edit *a = x, *b = y;
    if (a->span.first != b->span.first) return a->span.first < b->span.first ? -1 : 1;
    bool ia = a->span.end == a->span.first, ib = b->span.end == b->span.first;
    if (ia != ib) return ia ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Sorts; drops edits that were taken back (0, 0) and those inside an earlier one. */
static void settle(struct edits *e)
{
    uint32_t n = 0;
    if (e->len) qsort(e->at, e->len, sizeof *e->at, by_place);
    for (uint32_t i = 0; i < e->len; i++) {
        const struct edit *x = &e->at[i];
        if (x->kind == EDIT_TEXT && !x->nsegs && x->span.first == x->span.end) continue;
        if (n && x->span.first < e->at[n - 1].span.end) continue;
        e->at[n++] = *x;
    }
    e->len = n;
}

/* The scatter text has the single edits too, except inside what it replaces. */
static void settle_all(struct build *b)
{
    struct plan *p = b->p;
    struct edits mine = p->scatter;
    settle(&p->single);
    p->scatter = (struct edits){0};
    settle(&mine);
    for (uint32_t i = 0; i < mine.len; i++) *add_edit(b, &p->scatter, EDIT_TEXT, 0, 0) = mine.at[i];
    for (uint32_t i = 0; i < p->single.len; i++) {
        const struct edit *x = &p->single.at[i];
        bool covered = false;
        for (uint32_t j = 0; j < mine.len && !covered; j++) {
            struct sql_span m = mine.at[j].span;
            bool insertion = x->span.first == x->span.end;
            covered = m.first != m.end && (insertion ? x->span.first > m.first : x->span.first >= m.first) &&
                      x->span.end <= m.end && !(insertion && x->span.first == m.end);
        }
        if (!covered) *add_edit(b, &p->scatter, EDIT_TEXT, 0, 0) = *x;
    }
    for (uint32_t i = 0; i < p->scatter.len; i++) p->scatter.at[i].order = (uint16_t)(i < 65535 ? i : 65535);
    if (mine.len) {
        /* insertions of the single text first (an alias belongs to its table), then those of the merge */
        for (uint32_t i = 0; i < mine.len; i++)
            p->scatter.at[i].order = (uint16_t)(p->scatter.len + i < 65535 ? p->scatter.len + i : 65535);
    }
    settle(&p->scatter);
}

/* ---- routes ---- */

void route_leg(struct build *b, uint32_t source, uint32_t shard)
{
    struct plan *p = b->p;
    VEC(struct plan_leg) v = {p->legs, p->nlegs, p->nlegs};
    struct plan_leg *l = b_push(b, &v);
    *l = (struct plan_leg){.source = source, .shard = shard};
    p->legs = v.at;
    p->nlegs = v.len;
    p->route = ROUTE_FIXED;
}

bool route_every_node(struct build *b, const struct rt_table *t)
{
    for (uint32_t i = 0; i < t->conf->nnodes; i++)
        route_leg(b, t->conf->nodes[i].source, t->conf->kind == CONF_TABLE_SHARDED ? i : UINT32_MAX);
    b->p->merge = b_new(b, struct merge_spec);
    b->p->merge->add_counts = true;
    return true;
}

static void note_copies(struct build *b)
{
    for (uint32_t i = 0; i < b->stmt->ntables; i++) {
        const struct tinfo *ti = &b->tables[i];
        bool seen = ti->at != AT_BROADCAST;
        for (uint32_t j = 0; j < b->copies.len && !seen; j++) seen = b->copies.at[j] == ti->rt;
        if (!seen) *b_push(b, &b->copies) = ti->rt;
    }
    b->p->copies = b->copies.at;
    b->p->ncopies = b->copies.len;
}

static const char *source_name(const struct build *b, uint32_t source)
{
    return b->p->router->conf->sources[source].name.ptr; /* arena texts end with NUL */
}

/* The one source of the whole tables; UINT32_MAX: there are none. */
static bool whole_source(struct build *b, uint32_t *out, struct str *name)
{
    *out = UINT32_MAX;
    for (uint32_t i = 0; i < b->stmt->ntables; i++) {
        const struct tinfo *ti = &b->tables[i];
        if (ti->at != AT_DEFAULT && ti->at != AT_SINGLE && ti->at != AT_SYSTEM) continue;
        if (*out == UINT32_MAX) {
            *out = ti->source;
            *name = ti->t->name.name;
        } else if (*out != ti->source) {
            return refuse(b,
                          "tables of two servers in one statement (" STR_FMT " on %s, " STR_FMT
                          " on %s) are not supported yet; read them one by one",
                          STR_ARG(*name), source_name(b, *out), STR_ARG(ti->t->name.name),
                          source_name(b, ti->source));
        }
    }
    return true;
}

bool route_one_source(struct build *b)
{
    uint32_t source;
    struct str name = STR_NULL;
    if (!whole_source(b, &source, &name)) return false;
    note_copies(b);
    if (source == UINT32_MAX && b->copies.len) {
        uint32_t home = default_source(b);
        const struct conf_table *first = b->copies.at[0]->conf;
        for (uint32_t i = 0; i <= first->nnodes && source == UINT32_MAX; i++) {
            uint32_t s = i ? first->nodes[i - 1].source : home;
            bool all = true;
            for (uint32_t j = 0; j < b->copies.len; j++) all &= b->copies.at[j]->by_source[s] != UINT32_MAX;
            if (all) source = s;
        }
        if (source == UINT32_MAX)
            return refuse(
                b,
                "no source holds all of these broadcast tables; give them the same sources in the rule file");
    }
    if (source == UINT32_MAX) source = default_source(b);
    for (uint32_t j = 0; j < b->copies.len; j++)
        if (b->copies.at[j]->by_source[source] == UINT32_MAX)
            return refuse(b,
                          "broadcast table " STR_FMT " has no copy on source %s, where " STR_FMT
                          " is; add that source to its rule",
                          STR_ARG(b->copies.at[j]->conf->name), source_name(b, source), STR_ARG(name));
    route_leg(b, source, UINT32_MAX);
    return true;
}

bool route_shards(struct build *b)
{
    struct plan *p = b->p;
    if (!whole_source(b, &p->must_source, &p->must_name)) return false;
    note_copies(b);
    p->route = ROUTE_SHARDS;
    p->shard_refs = b->shard_refs.at;
    p->nrefs = b->shard_refs.len;
    p->layout = p->nrefs ? p->shard_refs[0].table : NULL;
    for (uint32_t i = 0; i < p->nrefs; i++) {
        p->tied |= !p->shard_refs[i].free;
        if (same_layout(p->layout, p->shard_refs[i].table)) continue;
        if (p->shard_refs[i].table->conf->nnodes != p->layout->conf->nnodes)
            return refuse(
                b,
                "sharded tables " STR_FMT " and " STR_FMT
                " in one statement are not supported yet: they are split differently; read them one by one",
                STR_ARG(p->layout->conf->name), STR_ARG(p->shard_refs[i].table->conf->name));
    }
    return true;
}

/* ---- statements ---- */

/* Rows of information_schema are physical: the session runs what reads them, over logical ones. */
static bool reads_system(const struct build *b, const struct sql_stmt *s)
{
    bool may = s->kind == SQL_SELECT || s->kind == SQL_INSERT || s->kind == SQL_REPLACE ||
               s->kind == SQL_UPDATE || s->kind == SQL_DELETE || s->kind == SQL_CREATE_TABLE;
    for (uint32_t i = 0; may && i < s->ntables; i++) {
        const struct sql_table *t = s->tables[i];
        struct str schema = t->name.schema.len ? t->name.schema : b->env->schema;
        if (b->tables[i].at == AT_SYSTEM && t->role == SQL_R_READ &&
            str_eq_nocase(schema, STR("information_schema")))
            return true;
    }
    return false;
}

bool build_statement(struct build *b, const struct sql_stmt *s)
{
    if (UNLIKELY(!b->env->system_as_is && s == b->stmt && reads_system(b, s))) return build_session(b);
    switch (s->kind) {
    case SQL_SELECT: return build_select(b, s->query);
    case SQL_INSERT:
    case SQL_REPLACE: return build_insert(b, s->insert);
    case SQL_UPDATE: return build_update(b, s->update);
    case SQL_DELETE: return build_delete(b, s->del);
    case SQL_CREATE_TABLE:
    case SQL_ALTER_TABLE:
    case SQL_DROP_TABLE:
    case SQL_TRUNCATE:
    case SQL_RENAME_TABLE:
    case SQL_CREATE_INDEX:
    case SQL_DROP_INDEX: return build_ddl(b);
    case SQL_TABLE_ADMIN: return build_admin(b);
    case SQL_CREATE_DATABASE:
    case SQL_DROP_DATABASE: return build_database(b);
    case SQL_CREATE_OTHER: return build_create_other(b);
    case SQL_SHOW:
    case SQL_DESCRIBE: return build_show(b);
    case SQL_EXPLAIN: return build_explain(b);
    case SQL_CALL: return build_call(b);
    case SQL_DO: return build_do(b);
    case SQL_HANDLER: return build_handler(b);
    case SQL_GRANT: return build_grant(b);
    case SQL_FLUSH:
    case SQL_OTHER: return build_unread(b);
    case SQL_SET:
    case SQL_USE:
    case SQL_BEGIN:
    case SQL_COMMIT:
    case SQL_ROLLBACK:
    case SQL_SAVEPOINT:
    case SQL_ROLLBACK_TO:
    case SQL_RELEASE_SAVEPOINT:
    case SQL_XA:
    case SQL_LOCK_TABLES:
    case SQL_UNLOCK_TABLES:
    case SQL_KILL:
    case SQL_PREPARE:
    case SQL_EXECUTE:
    case SQL_DEALLOCATE:
    case SQL_WEIR:
    case SQL_EMPTY: return build_session(b);
    case SQL_LOAD: return build_load(b);
    }
    return refuse(b, "this statement is not supported yet");
}

static bool copy_scan(struct plan *p, const struct sql_scan *from)
{
    struct sql_scan *s = &p->scan;
    *s = *from;
    s->key = (struct buf){0};
    struct str text = arena_str(&p->arena, str_make(from->text, from->len));
    s->toks = arena_alloc(&p->arena, (from->ntoks + 1) * sizeof *s->toks);
    struct str key = arena_str(&p->arena, str_make(from->key.data ? from->key.data : "", from->key.len));
    if (!text.ptr || !s->toks || !key.ptr) return false;
    memcpy(s->toks, from->toks, (from->ntoks + 1) * sizeof *s->toks);
    p->param_toks = arena_alloc(&p->arena, (from->nparams + 1) * sizeof *p->param_toks);
    if (!p->param_toks) return false;
    for (uint32_t i = 0; from->nparams && i < from->ntoks && p->info.nparams < from->nparams; i++)
        if (from->toks[i].kind == SQL_T_PARAM) p->param_toks[p->info.nparams++] = i;
    s->text = text.ptr;
    s->len = s->next = (uint32_t)text.len;
    s->cap = from->ntoks + 1;
    s->key.data = (char *)(uintptr_t)key.ptr;
    s->key.len = key.len;
    return true;
}

static void note_scan(struct plan *p)
{
    uint32_t seen = p->scan.seen, *flags = &p->info.flags;
    if (seen & SQL_SEEN_USERVAR) *flags |= PLAN_READS_USERVARS;
    if ((seen & SQL_SEEN_USERVAR) && (seen & SQL_SEEN_ASSIGN)) *flags |= PLAN_WRITES_USERVARS;
    if (seen & SQL_SEEN_CALC_FOUND_ROWS) *flags |= PLAN_CALC_FOUND_ROWS;
}

/* Everything that may leave by longjmp. */
static enum sql_status build_all(struct build *b, struct sql_stmt *stmt)
{
    struct plan *p = b->p;
    b->stmt = b->what = stmt;
    if ((stmt->kind == SQL_SHOW || stmt->kind == SQL_DESCRIBE) && stmt->show->table && stmt->show->schema.len)
        stmt->show->table->name.schema = stmt->show->schema; /* SHOW COLUMNS FROM t FROM shop */
    b->expr_block = b_array(b, struct block *, stmt->nexprs);
    b->col_terms = b_array(b, struct term *, stmt->nexprs);
    b->blocks_end = &b->blocks;
    note_scan(p);
    bool ok = classify_tables(b) && build_statement(b, stmt);
    if (b->hard) return SQL_ERROR;
    if (!ok) {
        p->info.kind = PLAN_REFUSED;
        p->info.fault = &p->fault;
    }
    if (p->info.kind == PLAN_SESSION) p->info.flags |= PLAN_NO_CACHE;
    settle_all(b);
    p->guards = b->guards.at;
    p->nguards = b->guards.len;
    p->info.merge = p->merge;
    if (p->info.nparams && plan_asks_params(p)) p->info.flags |= PLAN_READS_PARAMS;
    return SQL_OK;
}

static enum sql_status build_guarded(struct build *b, struct sql_stmt *stmt)
{
    if (setjmp(b->oom)) {
        plan_oom(b->f, b->fa);
        return SQL_NOMEM;
    }
    return build_all(b, stmt);
}

enum sql_status plan_build(const struct plan_env *env, const struct sql_scan *scan, struct arena *a,
                           struct plan **out, struct fault *f)
{
    struct plan *p = mem_zalloc(sizeof *p);
    struct sql_stmt *stmt = NULL;
    *out = NULL;
    if (!p) {
        plan_oom(f, a);
        return SQL_NOMEM;
    }
    arena_init(&p->arena, 0);
    p->refs = 1;
    p->router = env->router;
    p->must_source = UINT32_MAX;
    p->info.sequence = UINT32_MAX;
    p->info.scan = &p->scan;
    p->opt = scan->opt;
    enum sql_status st = SQL_NOMEM;
    p->schema = env->schema.len ? arena_str(&p->arena, env->schema) : STR("");
    if (!p->schema.ptr || !copy_scan(p, scan)) {
        plan_oom(f, a);
        goto out;
    }
    p->current = rt_schema(env->router, p->schema);
    struct fault pf = {0};
    st = sql_parse(&p->scan, &p->arena, &stmt, &pf);
    if (st != SQL_OK) {
        fault_set(f, a, pf.code, pf.state, STR_FMT, STR_ARG(pf.message));
        goto out;
    }
    p->info.stmt = stmt;
    struct build b = {
        .p = p, .env = env, .scan = &p->scan, .a = &p->arena, .f = f, .fa = a, .current = p->current};
    st = build_guarded(&b, stmt);
out:
    if (st == SQL_OK)
        *out = p;
    else
        plan_unref(p);
    return st;
}

const struct plan_info *plan_info(const struct plan *p)
{
    return &p->info;
}

struct plan *plan_ref(struct plan *p)
{
    p->refs++;
    return p;
}

void plan_unref(struct plan *p)
{
    if (!p || --p->refs > 0) return;
    arena_release(&p->arena);
    mem_free(p);
}

size_t plan_bytes(const struct plan *p)
{
    return sizeof *p + p->arena.held;
}

bool plan_accepts(const struct plan *p, const struct sql_scan *scan)
{
    for (uint32_t i = 0; i < p->nguards; i++)
        if (!str_eq(sql_tok_str(scan, p->guards[i].tok), p->guards[i].text)) return false;
    return true;
}
