/*
 * local.c - statements that the session answers or orchestrates itself: transactions, USE, locks, CREATE DATABASE, KILL. SET is in
 * set.c, SHOW in show.c. Each function ends in session_done, at once or when its exec is over.
 */
#include "proxy/session/session.h"
#include "proxy/session/views.h"

void local_refuse(struct session *s, const char *fmt, ...)
{
    struct buf m = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&m, fmt, ap);
    va_end(ap);
    COUNT(s->f.engine, statements_refused);
    front_err(&s->f, WIRE_ER_NOT_SUPPORTED_YET, "42000", buf_str(&m));
    buf_release(&m);
    session_done(s);
}

/* The state of the servers is no longer what the session believes: it ends, and with it its transaction. */
static void out_of_memory(struct session *s)
{
    front_err(&s->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
    front_txn_drop(&s->f);
    session_done(s);
}

static void ok(struct session *s)
{
    s->f.warnings = 0;
    s->f.row_count = 0;
    front_ok(&s->f, 0, 0, STR_NULL);
    session_done(s);
}

void local_use(struct session *s, struct str schema)
{
    struct front *f = &s->f;
    const struct conf_schema *c = conf_schema(f->realm->conf, schema);
    struct arena *a = &f->engine->arena;
    struct str system = c ? STR_NULL : front_system_schema(schema);
    if (!c && !system.len) {
        front_err(f, WIRE_ER_BAD_DB_ERROR, "42000", arena_printf(a, "Unknown database '%.*s'", STR_ARG(schema)));
        session_done(s);
        return;
    }
    if (c ? !login_may_use(s, schema) : f->restricted && !str_eq(system, STR("information_schema"))) {
        front_err(f, WIRE_ER_DBACCESS_DENIED_ERROR, "42000",
                  arena_printf(a, "Access denied for user '%.*s'@'%s' to database '%.*s'", STR_ARG(f->account), s->host, STR_ARG(schema)));
        session_done(s);
        return;
    }
    f->schema = c;
    f->system_schema = system;
    s->schema_told = false;
    track_state(s);
    ok(s);
}

/* ---- transactions ---- */

struct commit_job {
    bool commit;
    exec_then *then;
    void *ctx;
};

static bool commit_then(struct front *f, void *ctx, const struct exec_result *r)
{
    struct commit_job job = *(struct commit_job *)ctx;
    mem_free(ctx);
    if (!job.commit) COUNT(f->engine, transactions_rolled_back);
    else if (!r->failed) COUNT(f->engine, transactions_committed);
    struct exec_result result = *r;
    if (r->failed) front_txn_drop(f);
    else front_txn_end(f);
    if (job.then) return job.then(f, job.ctx, &result);
    if (r->failed) front_fault(f, &r->fault);
    else {
        f->warnings = 0;
        f->row_count = 0;
        front_ok(f, 0, 0, STR_NULL);
    }
    return false;
}

static void immediately(struct session *s, struct commit_job *job, const struct exec_result *r)
{
    if (!commit_then(&s->f, job, r)) session_done(s);
}

void local_commit(struct session *s, bool commit, exec_then *then, void *ctx)
{
    struct front *f = &s->f;
    struct front_txn *t = f->txn;
    struct commit_job *job = mem_alloc(sizeof *job);
    struct exec_result r = {0};
    if (!job) {
        r.failed = true;
        r.fault = (struct fault){WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
        if (!then) front_fault(f, &r.fault);
        if (!then || !then(f, ctx, &r)) session_done(s);
        return;
    }
    *job = (struct commit_job){commit, then, ctx};
    if (t && t->lost) {
        struct str why = arena_printf(&f->engine->arena, "Weir: the transaction was rolled back: %s", t->lost_why);
        front_txn_drop(f);
        r.failed = commit;
        r.fault = (struct fault){1402, "XA100", why};
        immediately(s, job, &r);
        return;
    }
    uint32_t n = t ? t->npinned : 0;
    struct exec_text *texts = n ? arena_array(&f->engine->arena, struct exec_text, n) : NULL;
    if (!texts) { /* nothing is open on any server; or no memory: then all of it is rolled back, and said so */
        r.failed = n > 0;
        r.fault = (struct fault){WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory; the transaction was rolled back")};
        immediately(s, job, &r);
        return;
    }
    for (uint32_t i = 0; i < n; i++) texts[i] = (struct exec_text){t->pinned[i]->source, commit ? STR("COMMIT") : STR("ROLLBACK")};
    uint32_t flags = EXEC_PINNED_ONLY | EXEC_NO_DB | EXEC_NO_SETTINGS | EXEC_NO_BEGIN | EXEC_KEEP_GOING | EXEC_QUIET;
    exec_texts(f, texts, n, EXEC_COUNT, commit ? flags | EXEC_COMMIT : flags, commit_then, job);
}

/* What is left to do after an implicit commit: the statement that caused it. */
struct after_job {
    struct session *s;
    struct plan *plan;
    struct str text;
    struct sql_txn chained; /* AND CHAIN: what the next transaction takes over */
    uint16_t isolation;
};

/* Read locks go: closing their connections releases them on the servers. */
static void drop_held(struct front *f)
{
    struct front_txn *t = f->txn;
    while (t && t->nheld) {
        struct conn *c = t->held[--t->nheld];
        c->user = NULL;
        conn_discard(c);
    }
}

static void begin_now(struct session *s, const struct sql_txn *txn)
{
    struct front_txn *t = front_txn(&s->f);
    if (!t) {
        front_err(&s->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
        session_done(s);
        return;
    }
    drop_held(&s->f); /* BEGIN unlocks tables */
    t->begun = true;
    t->read_only = txn->read_only || (t->access == 1 && !txn->read_write);
    t->read_write = txn->read_write;
    t->snapshot = txn->consistent_snapshot;
    s->f.status |= (uint16_t)(WIRE_STATUS_IN_TRANS | (t->read_only ? WIRE_STATUS_IN_TRANS_READONLY : 0));
    track_begin(s);
    ok(s);
}

static bool begin_then(struct front *f, void *ctx, const struct exec_result *r)
{
    struct after_job *job = ctx;
    if (r->failed) {
        front_fault(f, &r->fault);
        plan_unref(job->plan);
        mem_free(job);
        return false;
    }
    begin_now(job->s, plan_info(job->plan)->stmt->txn);
    plan_unref(job->plan);
    mem_free(job);
    return true;
}

/* A lost transaction counts until the client has been told. */
static bool transaction_open(const struct front *f)
{
    return front_txn_open(f) || (f->txn && f->txn->lost);
}

static struct after_job *after(struct session *s, struct plan *p)
{
    struct after_job *job = mem_zalloc(sizeof *job);
    if (job) {
        job->s = s;
        job->plan = plan_ref(p);
    }
    return job;
}

static void begin(struct session *s, struct plan *p)
{
    if (!transaction_open(&s->f)) {
        begin_now(s, plan_info(p)->stmt->txn);
        return;
    }
    struct after_job *job = after(s, p);
    if (job) local_commit(s, true, begin_then, job);
    else session_close(s, false);
}

static bool end_then(struct front *f, void *ctx, const struct exec_result *r)
{
    struct after_job *job = ctx;
    struct session *s = job->s;
    struct sql_txn opt = *plan_info(job->plan)->stmt->txn, chained = job->chained;
    uint16_t isolation = job->isolation;
    plan_unref(job->plan);
    mem_free(job);
    if (r->failed) {
        front_fault(f, &r->fault);
        return false;
    }
    if (opt.chain) {
        struct front_txn *t = front_txn(f);
        if (t) t->isolation = isolation;
        begin_now(s, &chained);
        return true;
    }
    f->warnings = 0;
    front_ok(f, 0, 0, STR_NULL);
    if (opt.release) {
        s->closing = true;
    }
    return false;
}

static void end_transaction(struct session *s, struct plan *p, bool commit)
{
    const struct sql_txn *opt = plan_info(p)->stmt->txn;
    if (!opt || (!opt->chain && !opt->release)) {
        local_commit(s, commit, NULL, NULL);
        return;
    }
    struct after_job *job = after(s, p);
    const struct front_txn *t = s->f.txn;
    if (job && t) {
        job->chained = (struct sql_txn){.read_only = t->read_only, .read_write = t->read_write};
        job->isolation = t->isolation;
    }
    if (job) local_commit(s, commit, end_then, job);
    else session_close(s, false);
}

static bool then_plan(struct front *f, void *ctx, const struct exec_result *r)
{
    struct after_job *job = ctx;
    if (r->failed) front_fault(f, &r->fault);
    else exec_plan(f, job->plan, job->text, false);
    plan_unref(job->plan);
    mem_free((void *)(uintptr_t)job->text.ptr);
    mem_free(job);
    return !r->failed;
}

void local_commit_first(struct front *f, struct plan *p, struct str text)
{
    struct session *s = session_of(f);
    struct after_job *job = after(s, p);
    char *copy = mem_alloc(text.len + 1);
    if (!job || !copy) {
        mem_free(copy);
        if (job) plan_unref(job->plan);
        mem_free(job);
        session_close(s, false);
        return;
    }
    memcpy(copy, text.ptr, text.len);
    job->text = str_make(copy, text.len);
    local_commit(s, true, then_plan, job);
}

/* ---- savepoints: a list of names here, the work on every server that joined ---- */

enum { NAME_MAX_BYTES = 64 * 4, SAVEPOINTS_MAX = 64 << 10 };

static size_t find_savepoint(const struct front_txn *t, struct str name)
{
    for (size_t at = 0; t && at < t->savepoints.len;) {
        struct str have = str_of(t->savepoints.data + at);
        if (str_eq_nocase(have, name)) return at;
        at += have.len + 1;
    }
    return SIZE_MAX;
}

static void drop_savepoint(struct front_txn *t, size_t at)
{
    size_t n = strlen(t->savepoints.data + at) + 1;
    memmove(t->savepoints.data + at, t->savepoints.data + at + n, t->savepoints.len - at - n);
    t->savepoints.len -= n;
}

static bool savepoint_then(struct front *f, void *ctx, const struct exec_result *r)
{
    (void)ctx;
    if (r->failed) front_fault(f, &r->fault);
    else {
        f->warnings = 0;
        f->row_count = 0;
        front_ok(f, 0, 0, STR_NULL);
    }
    return false;
}

static void savepoint(struct session *s, const struct sql_stmt *st)
{
    struct front *f = &s->f;
    struct front_txn *t = f->txn;
    struct str name = st->txn->name;
    size_t at = find_savepoint(t, name);
    if (t && t->lost) at = 0; /* told below */
    if (st->kind != SQL_SAVEPOINT && at == SIZE_MAX) {
        front_err(f, 1305, "42000", arena_printf(&f->engine->arena, "SAVEPOINT %.*s does not exist", STR_ARG(name)));
        session_done(s);
        return;
    }
    if (t && t->lost) {
        struct exec_result r = {0};
        struct commit_job *job = mem_zalloc(sizeof *job);
        if (!job) {
            session_close(s, false);
            return;
        }
        r.failed = true;
        fault_set(&r.fault, &f->engine->arena, 1402, "XA100", "Weir: the transaction was rolled back: %s", t->lost_why);
        immediately(s, job, &r);
        return;
    }
    if (!front_in_txn(f)) { /* autocommit: a savepoint lives as long as its statement */
        ok(s);
        return;
    }
    if (!(t = front_txn(f))) {
        session_close(s, false);
        return;
    }
    if (st->kind == SQL_SAVEPOINT && (name.len > NAME_MAX_BYTES || t->savepoints.len > SAVEPOINTS_MAX)) {
        bool name_too_long = name.len > NAME_MAX_BYTES;
        front_err(f, name_too_long ? 1059 : WIRE_ER_OUT_OF_RESOURCES, name_too_long ? "42000" : "HY000",
                  name_too_long ? arena_printf(&f->engine->arena, "Identifier name '%.*s' is too long", 64, name.ptr)
                                : STR("Weir: too many savepoints in one transaction: 64 KiB of names are the most; release some"));
        session_done(s);
        return;
    }
    const char *verb = "SAVEPOINT ";
    if (st->kind == SQL_SAVEPOINT) {
        if (at != SIZE_MAX) drop_savepoint(t, at);
        buf_put_str(&t->savepoints, name);
        buf_put_u8(&t->savepoints, 0);
    } else if (st->kind == SQL_ROLLBACK_TO) {
        verb = "ROLLBACK TO SAVEPOINT ";
        t->savepoints.len = at + name.len + 1; /* later ones are gone */
    } else {
        verb = "RELEASE SAVEPOINT ";
        t->savepoints.len = at;
    }
    struct buf text = {0};
    buf_putz(&text, verb);
    sql_put_name(&text, name, true);
    struct exec_text *x = arena_array(&f->engine->arena, struct exec_text, t->npinned + 1);
    if (!x || text.failed || t->savepoints.failed) {
        buf_release(&text);
        out_of_memory(s);
        return;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->npinned; i++) { /* held for a temporary table only: learns of it when it joins the transaction */
        if (t->pinned[i]->in_trans) x[n++] = (struct exec_text){t->pinned[i]->source, buf_str(&text)};
    }
    exec_texts(f, x, n, EXEC_COUNT, EXEC_PINNED_ONLY | EXEC_NO_DB | EXEC_NO_SETTINGS | EXEC_NO_BEGIN | EXEC_QUIET, savepoint_then, NULL);
    buf_release(&text);
}

/* ---- LOCK TABLES ---- */

static void put_lock(struct buf *out, struct str db, struct str table, struct str alias, bool write)
{
    buf_putz(out, out->len ? "," : "LOCK TABLES ");
    sql_put_name(out, db, true);
    buf_putz(out, ".");
    sql_put_name(out, table, true);
    if (alias.len) {
        buf_putz(out, " AS ");
        sql_put_name(out, alias, true);
    }
    buf_putz(out, write ? " WRITE" : " READ");
}

/*
 * READ locks are taken on connections of their own, under physical names, and kept until UNLOCK TABLES: others cannot write, and this
 * session's reads run as ever (under aliases that LOCK TABLES could not name, since they must be unique in a database).
 * With a WRITE lock the session's statements must run on the locking connection: a table is locked under its own name, and under
 * the logical one, which rewritten statements give it as an alias, where it is the only node in its database.
 */
static const char read_only;

static bool lock_then(struct front *f, void *ctx, const struct exec_result *r)
{
    if (f->txn) f->txn->locked = !r->failed;
    if (!r->failed && ctx == &read_only && f->txn) { /* the locks are kept aside; statements run on other connections */
        f->txn->locked = false;
        f->txn->held = f->txn->pinned;
        f->txn->nheld = f->txn->npinned;
        f->txn->pinned = NULL;
        f->txn->npinned = f->txn->cap = 0;
    }
    if (r->failed) {
        front_txn_drop(f);
        front_fault(f, &r->fault);
    } else {
        f->warnings = 0;
        front_ok(f, 0, 0, STR_NULL);
    }
    return false;
}

static bool alone_in_database(const struct conf_table *t, const struct conf_node *n)
{
    uint32_t same = 0;
    for (uint32_t i = 0; t && i < t->nnodes; i++) same += t->nodes[i].source == n->source && str_eq(t->nodes[i].database, n->database);
    return same <= 1;
}

static void lock_node(struct buf *texts, const struct conf_table *t, const struct conf_node *n, const struct sql_table *as, bool write, bool only_read)
{
    struct buf *out = &texts[n->source];
    put_lock(out, n->database, n->table, STR_NULL, write);
    if (only_read || !alone_in_database(t, n)) return;
    if (as->alias.len) put_lock(out, n->database, n->table, as->alias, write);
    else if (!str_eq(n->table, as->name.name)) put_lock(out, n->database, n->table, as->name.name, write);
}

static bool lock_tables_now(struct front *f, void *ctx, const struct exec_result *r)
{
    struct after_job *job = ctx;
    struct session *s = job->s;
    const struct sql_stmt *st = plan_info(job->plan)->stmt;
    const struct conf *c = f->realm->conf;
    if (r->failed) {
        front_fault(f, &r->fault);
        plan_unref(job->plan);
        mem_free(job);
        return false;
    }
    struct buf *texts = arena_array(&f->engine->arena, struct buf, c->nsources);
    struct exec_text *x = arena_array(&f->engine->arena, struct exec_text, c->nsources);
    uint32_t n = 0;
    bool only_read = true;
    for (uint32_t i = 0; i < st->ntables; i++) only_read &= st->tables[i]->lock != SQL_W_WRITE;
    drop_held(f);
    for (uint32_t i = 0; texts && x && i < st->ntables; i++) {
        const struct sql_table *t = st->tables[i];
        const struct conf_schema *schema = t->name.schema.len ? conf_schema(c, t->name.schema) : f->schema;
        bool write = t->lock == SQL_W_WRITE;
        if (!schema) continue;
        const struct conf_table *ct = conf_table(schema, t->name.name);
        if (!ct) {
            struct conf_node plain = {.source = schema->default_source, .database = schema->databases[schema->default_source], .table = t->name.name};
            lock_node(texts, NULL, &plain, t, write, only_read);
        }
        for (uint32_t k = 0; ct && k < ct->nnodes; k++) lock_node(texts, ct, &ct->nodes[k], t, write, only_read);
    }
    for (uint32_t i = 0; texts && x && i < c->nsources; i++) {
        if (texts[i].len) x[n++] = (struct exec_text){i, buf_str(&texts[i])};
    }
    plan_unref(job->plan);
    mem_free(job);
    (void)s;
    exec_texts(f, x, n, EXEC_COUNT, EXEC_PIN | EXEC_NO_BEGIN | EXEC_QUIET, lock_then, only_read ? (void *)(uintptr_t)&read_only : NULL);
    for (uint32_t i = 0; texts && i < c->nsources; i++) buf_release(&texts[i]);
    return true;
}

static bool unlock_then(struct front *f, void *ctx, const struct exec_result *r)
{
    if (f->txn) {
        f->txn->locked = false;
        if (r->failed && !f->txn->begun) front_txn_drop(f); /* closing unlocks what the statement could not */
        else if (!transaction_open(f)) front_txn_end(f);
    }
    return savepoint_then(f, ctx, r);
}

static void unlock_tables(struct session *s)
{
    struct front *f = &s->f;
    struct front_txn *t = f->txn;
    drop_held(f);
    if (!t || !t->locked) {
        ok(s);
        return;
    }
    struct exec_text *x = arena_array(&f->engine->arena, struct exec_text, t->npinned + 1);
    if (!x) {
        out_of_memory(s);
        return;
    }
    for (uint32_t i = 0; i < t->npinned; i++) x[i] = (struct exec_text){t->pinned[i]->source, STR("UNLOCK TABLES")};
    exec_texts(f, x, t->npinned, EXEC_COUNT, EXEC_PINNED_ONLY | EXEC_NO_DB | EXEC_NO_SETTINGS | EXEC_NO_BEGIN | EXEC_QUIET, unlock_then, NULL);
}

/* ---- CREATE DATABASE: every physical database of a schema in the rules ---- */

static bool uses_source(const struct conf_schema *c, uint32_t source)
{
    bool uses = c->default_source == source;
    for (uint32_t i = 0; i < c->ntables && !uses; i++) {
        for (uint32_t k = 0; k < c->tables[i].nnodes && !uses; k++) uses = c->tables[i].nodes[k].source == source;
    }
    return uses;
}

static bool created_then(struct front *f, void *ctx, const struct exec_result *r)
{
    (void)ctx;
    if (r->failed) front_fault(f, &r->fault);
    else {
        f->warnings = 0;
        f->row_count = 1;
        front_ok(f, 1, 0, STR_NULL);
    }
    return false;
}

static void add_database(struct arena *a, struct map *seen, struct exec_text *x, uint32_t *n, uint32_t max, uint32_t source, struct str db)
{
    struct str key = arena_printf(a, "%u.%.*s", source, STR_ARG(db));
    if (!key.ptr || *n >= max || map_get(seen, key) || !map_put(seen, key, x)) return;
    struct buf t = {0};
    buf_putz(&t, "CREATE DATABASE IF NOT EXISTS ");
    sql_put_name(&t, db, true);
    x[(*n)++] = (struct exec_text){source, arena_str(a, buf_str(&t))};
    buf_release(&t);
}

static void create_database(struct session *s, const struct sql_stmt *st)
{
    struct front *f = &s->f;
    const struct conf_schema *c = conf_schema(f->realm->conf, st->ddl->database);
    if (!c) {
        local_refuse(s, "Weir: schemas come from the rule file: add '%.*s' under 'schemas:' and reload, then CREATE DATABASE IF NOT EXISTS makes its physical databases",
                     STR_ARG(st->ddl->database));
        return;
    }
    struct arena *a = &f->engine->arena;
    uint32_t max = f->realm->conf->nsources, n = 0;
    for (uint32_t i = 0; i < c->ntables; i++) max += c->tables[i].nnodes;
    struct exec_text *x = arena_array(a, struct exec_text, max);
    struct map seen;
    map_init(&seen, false);
    for (uint32_t i = 0; x && i < f->realm->conf->nsources; i++) {
        if (uses_source(c, i)) add_database(a, &seen, x, &n, max, i, c->databases[i]);
    }
    for (uint32_t i = 0; x && i < c->ntables; i++) {
        for (uint32_t k = 0; k < c->tables[i].nnodes; k++) {
            add_database(a, &seen, x, &n, max, c->tables[i].nodes[k].source, c->tables[i].nodes[k].database);
        }
    }
    map_release(&seen);
    exec_texts(f, x, n, EXEC_COUNT, EXEC_NO_DB | EXEC_NO_BEGIN | EXEC_KEEP_GOING | EXEC_QUIET, created_then, NULL);
}

/* ---- KILL ---- */

static void kill_statement(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st)
{
    uint64_t id = 0;
    const struct sql_expr *e = st->kill.id;
    if (!e || e->kind != SQL_E_LITERAL || !str_to_u64(sql_tok_str(scan, e->tok), &id) || id > UINT32_MAX) {
        local_refuse(s, "Weir: KILL takes the number of a connection, as SHOW PROCESSLIST gives it");
        return;
    }
    bool connection = !st->kill.query;
    struct engine *en = s->f.engine;
    if (id == s->f.id) {
        front_err(&s->f, WIRE_ER_QUERY_INTERRUPTED, "70100", STR("Query execution was interrupted"));
        if (connection) session_close(s, true);
        else session_done(s);
        return;
    }
    s->waits_kill = true;
    en->ops->kill(en, (uint32_t)id, connection, s->f.id);
}

/* ---- dispatch ---- */

static void lock_tables(struct session *s, struct plan *p)
{
    struct after_job *job = after(s, p);
    if (job) local_commit(s, true, lock_tables_now, job);
    else session_close(s, false);
}

void local_statement(struct session *s, struct plan *p, struct str text)
{
    const struct plan_info *info = plan_info(p);
    const struct sql_stmt *st = info->stmt;
    switch (st->kind) {
    case SQL_EMPTY:
        if (str_trim(text).len) { /* only comments: nothing to do, and no fault */
            ok(s);
            return;
        }
        front_err(&s->f, WIRE_ER_EMPTY_QUERY, "42000", STR("Query was empty"));
        session_done(s);
        return;
    case SQL_BEGIN: begin(s, p); return;
    case SQL_COMMIT: end_transaction(s, p, true); return;
    case SQL_ROLLBACK: end_transaction(s, p, false); return;
    case SQL_SAVEPOINT:
    case SQL_ROLLBACK_TO:
    case SQL_RELEASE_SAVEPOINT: savepoint(s, st); return;
    case SQL_USE: local_use(s, st->use.schema); return;
    case SQL_SET: local_set_plan(s, p); return;
    case SQL_SHOW:
    case SQL_DESCRIBE: local_show(s, info->scan, st); return;
    case SQL_WEIR: local_explain_route(s, info->scan, st); return;
    case SQL_LOCK_TABLES: lock_tables(s, p); return;
    case SQL_UNLOCK_TABLES: unlock_tables(s); return;
    case SQL_CREATE_DATABASE: create_database(s, st); return;
    case SQL_KILL: kill_statement(s, info->scan, st); return;
    case SQL_PREPARE:
    case SQL_EXECUTE:
    case SQL_DEALLOCATE: stmt_sql(s, p); return;
    case SQL_XA: local_refuse(s, "Weir: XA statements are not supported yet; use BEGIN and COMMIT"); return;
    case SQL_LOAD: local_refuse(s, "Weir: LOAD DATA is not supported yet; use INSERT with many rows"); return;
    case SQL_SELECT: case SQL_INSERT: case SQL_REPLACE: case SQL_UPDATE: case SQL_DELETE:
    case SQL_CREATE_TABLE: views_statement(s, p); return; /* it reads information_schema */
    case SQL_ALTER_TABLE: case SQL_DROP_TABLE: case SQL_TRUNCATE: case SQL_RENAME_TABLE: case SQL_CREATE_INDEX: case SQL_DROP_INDEX: case SQL_DROP_DATABASE:
    case SQL_TABLE_ADMIN: case SQL_CREATE_OTHER: case SQL_EXPLAIN: case SQL_FLUSH: case SQL_CALL: case SQL_DO: case SQL_HANDLER:
    case SQL_GRANT: case SQL_OTHER:
        local_refuse(s, "Weir: this kind of statement is not supported through the proxy; run it on the servers");
        return;
    }
}
