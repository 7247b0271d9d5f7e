/*
 * exec.c - a statement from its text to its end: plan, ids, binding, mode, lanes; then what the session must remember.
 *
 *   exec_statement: scan -> plan cache (or parse + build) -> ids -> bind -> lanes_start ... exec_finish -> front_ops.done
 *
 * Execs come from a free list and keep their arena's first chunk and their text buffer: the common statement allocates nothing.
 */
#include "proxy/exec/cursor.h"
#include "proxy/exec/lane.h"
#include "proxy/exec/load.h"

enum { FREE_EXECS = 256, KEEP_TEXT = 64 << 10, MERGE_WINDOW = 256 << 10, READ_CHUNK = 128 << 10, LOOK_AGAIN_MS = 1000, ER_TXN_LOST = 1402 /* ER_XA_RBROLLBACK */ };


struct exec *exec_new(struct front *f)
{
    struct engine *en = f->engine;
    struct exec *e;
    if (LIKELY(!list_empty(&en->free_execs))) {
        e = CONTAINER_OF(en->free_execs.next, struct exec, node);
        list_remove(&e->node);
        en->nfree_execs--;
    } else {
        if (!(e = mem_zalloc(sizeof *e))) return NULL;
        list_init(&e->node);
        list_init(&e->wait_node);
    }
    e->f = f;
    e->realm = f->realm;
    e->schema = f->schema;
    realm_ref(e->realm);
    e->arena.cap = f->realm->conf->weir.max_statement_memory;
    e->since_us = en->now_us;
    f->exec = e;
    return e;
}

static void exec_free(struct exec *e)
{
    struct engine *en = e->realm->engine;
    struct arena arena = e->arena;
    struct buf text = e->text_copy;
    struct realm *realm = e->realm;
    if (e->plan) plan_unref(e->plan);
    if (e->prepared) prepared_unref(e->prepared);
    if (e->cur) cursor_free(e->cur);
    if (e->merge) merge_free(e->merge);
    if (e->load) load_free(e->load);
    list_remove(&e->wait_node);
    if (arena.head) arena_reset(&arena);
    buf_reset(&text);
    buf_release(&e->failed_nodes);
    buf_release(&e->definitions);
    if (text.cap > KEEP_TEXT) buf_release(&text);
    if (en->nfree_execs >= FREE_EXECS) {
        arena_release(&arena);
        buf_release(&text);
        mem_free(e);
    } else {
        memset(e, 0, sizeof *e);
        e->arena = arena;
        e->text_copy = text;
        list_init(&e->wait_node);
        list_prepend(&en->free_execs, &e->node);
        en->nfree_execs++;
    }
    realm_unref(realm);
}

void exec_free_all(struct engine *en)
{
    while (!list_empty(&en->free_execs)) {
        struct exec *e = CONTAINER_OF(en->free_execs.next, struct exec, node);
        list_remove(&e->node);
        arena_release(&e->arena);
        buf_release(&e->text_copy);
        mem_free(e);
    }
    en->nfree_execs = 0;
    prepared_free_idle(en);
    if (en->merge_pool) merge_pool_release(en->merge_pool);
    mem_free(en->merge_pool);
    en->merge_pool = NULL;
}

/* The parameters' bytes are the client's packet: copied when the statement has to wait. */
static bool keep_params(struct exec *e)
{
    if (!e->nparams || e->text_copy.len) return true;
    struct wire_param *copy = (struct wire_param *)(uintptr_t)e->params;
    size_t total = 0, at = 0;
    for (uint32_t i = 0; i < e->nparams; i++) total += copy[i].value.len;
    buf_reset(&e->text_copy);
    if (!buf_reserve(&e->text_copy, total + 1)) return false;
    for (uint32_t i = 0; i < e->nparams; i++) {
        struct str v = copy[i].value;
        if (!v.ptr) continue;
        buf_put_str(&e->text_copy, v);
        copy[i].value.ptr = e->text_copy.data + at;
        if (e->values && e->values[i].s.ptr == v.ptr && v.len) e->values[i].s.ptr = copy[i].value.ptr;
        at += v.len;
    }
    buf_put_u8(&e->text_copy, 0); /* a length that is not 0: kept */
    return !e->text_copy.failed;
}

void exec_facts(const struct exec *e, struct plan_facts *out)
{
    front_facts(e->f, out);
    out->params = e->values;
    out->nparams = e->nparams;
    if (e->prepared) out->opt = &e->prepared->opt;
}

bool exec_keep_text(struct exec *e)
{
    if (e->prepared) return keep_params(e);
    if (e->stable || e->texts || e->text.ptr == e->text_copy.data) return true;
    buf_reset(&e->text_copy);
    buf_put_str(&e->text_copy, e->text);
    if (e->text_copy.failed) return false;
    struct sql_scan *s = &e->f->engine->scan;
    if (s->text == e->text.ptr) s->text = e->text_copy.data; /* the same bytes: the scan holds */
    e->text = buf_str(&e->text_copy);
    return true;
}

bool exec_rescan(struct exec *e)
{
    struct sql_scan *s = &e->f->engine->scan;
    if (LIKELY(s->text == e->text.ptr) || e->prepared) return true;
    return sql_scan(s, e->text.ptr, e->text.len, 0, &e->f->opt) == SQL_OK;
}

void exec_fail(struct exec *e, const struct fault *f)
{
    if (e->failed) return;
    e->failed = true;
    e->fault = *f;
}

/* ---- the end ---- */

static void remember(struct exec *e)
{
    struct front *f = e->f;
    if (e->merge) e->got_resultset = true;
    if (e->plan && !e->describing) {
        if (!e->failed && !e->got_resultset) {
            f->row_count = (int64_t)e->affected;
            if (e->first_id) f->last_insert_id = e->first_id;
            else if (e->insert_id && !(plan_info(e->plan)->flags & PLAN_SETS_LAST_INSERT_ID)) f->last_insert_id = e->insert_id;
        } else {
            f->row_count = -1;
            if (e->got_resultset && !(plan_info(e->plan)->flags & PLAN_CALC_FOUND_ROWS)) {
                f->found_rows = e->merge ? merge_rows_out(e->merge) : e->rows;
            }
        }
        if (e->merge) {
            COUNT_ADD(f->engine, rows_merged_in, merge_rows_in(e->merge));
            COUNT_ADD(f->engine, rows_merged_out, merge_rows_out(e->merge));
        } else {
            COUNT_ADD(f->engine, rows_relayed, e->rows);
        }
        if (!e->failed && (e->warnings || !f->messages)) f->warnings = (uint16_t)(e->warnings > UINT16_MAX ? UINT16_MAX : e->warnings);
    }
    bool in_trans = front_txn_open(f);
    f->status = (uint16_t)((f->status & ~WIRE_STATUS_IN_TRANS) | (in_trans ? WIRE_STATUS_IN_TRANS : 0));
}

/* A server that lost its part (dead connection, deadlock victim) ends the transaction on all of them, as one MySQL would. */
static void settle_transaction(struct exec *e)
{
    struct front *f = e->f;
    struct front_txn *t = f->txn;
    if (LIKELY(!t)) return;
    bool uses_tables = e->plan && plan_info(e->plan)->stmt && plan_info(e->plan)->stmt->ntables > 0; /* SELECT 1 begins no transaction */
    if (uses_tables && !e->describing && !t->begun && (f->status & WIRE_STATUS_AUTOCOMMIT)) t->isolation = t->access = 0; /* it was for this statement */
    bool deadlock = e->failed && e->fault.code == 1213;
    if (deadlock && !t->locked) {
        while (t->npinned) { /* closing rolls back where the others still hold locks */
            struct conn *c = t->pinned[--t->npinned];
            if (c->in_trans || t->pinned_for_ever) conn_discard(c);
            else pool_return(c);
        }
        t->pinned_for_ever = false;
        t->begun = false;
        front_txn_end(f);
    } else if (!t->begun && !t->npinned && !t->nheld && !t->lost && !t->isolation && !t->access && !t->savepoints.len) {
        if (!t->locked && !t->pinned_for_ever) front_txn_end(f);
    }
}

static void put_info(struct exec *e, struct buf *info)
{
    if (e->load) load_put_info(e, info);
    else if (e->has_info_matched)
        buf_printf(info, "Rows matched: %llu  Changed: %llu  Warnings: %u", (unsigned long long)e->info_matched,
                   (unsigned long long)e->info_changed, e->warnings);
    else if (e->has_info_records)
        buf_printf(info, "Records: %llu  Duplicates: %llu  Warnings: %u", (unsigned long long)e->info_records,
                   (unsigned long long)e->info_duplicates, e->warnings);
}

static void fail_reply(struct exec *e)
{
    struct front *f = e->f;
    struct str message = e->fault.message;
    if (e->reply_begun && e->mode == EXEC_RELAY && !e->at_boundary) { /* in the middle of a packet nothing can be said any more */
        struct link *l = f->link;
        if (l) l->handler->closed(l, 0);
        return;
    }
    if (e->nlegs > 1 && e->plan && plan_info(e->plan)->cls == PLAN_DDL) {
        struct str longer = arena_printf(&e->arena, "%.*s (failed on %u of %u tables:%.*s; the others were changed)", STR_ARG(message), e->nfailed,
                                         e->nlegs, STR_ARG(buf_str(&e->failed_nodes)));
        if (longer.ptr && e->nfailed < e->nlegs && e->failed_nodes.len) message = longer;
    }
    front_err(f, e->fault.code, e->fault.state, message);
}

/* Every leg's cursor is open: the definitions go out and the rows wait to be fetched. */
static void open_cursor(struct exec *e)
{
    struct front *f = e->f;
    struct buf *out = &f->engine->out;
    struct fault fault;
    buf_reset(out);
    merge_set_status(e->merge, front_status(f));
    if (merge_run_rows(e->merge, out, &f->seq, 0, &e->arena, &fault) == MERGE_FAULT) {
        front_fault(f, &fault);
        return;
    }
    front_send(f, out->data, out->len);
    cursor_open(e->cur, e->merge);
    e->cur = NULL;
    e->merge = NULL;
}

static void write_reply(struct exec *e)
{
    struct front *f = e->f;
    if (e->quiet || e->reply_sent || !f->link) return; /* the client has its answer, or is gone */
    if (e->failed) {
        fail_reply(e);
    } else if (e->cur) {
        open_cursor(e);
    } else if (e->returned) {
        returning_reply(e);
    } else if (e->mode == EXEC_COUNT) {
        struct buf info = {0};
        put_info(e, &info);
        if (UNLIKELY(f->capabilities & WIRE_CAP_SESSION_TRACK) && e->plan) f->ops->track(f, plan_info(e->plan), false, front_txn_open(f));
        f->warnings = (uint16_t)(e->warnings > UINT16_MAX ? UINT16_MAX : e->warnings);
        front_ok(f, e->affected, e->first_id && !e->load ? e->first_id : e->insert_id, buf_str(&info)); /* servers tell no id of a LOAD DATA here */
        buf_release(&info);
    }
}

static void log_slow(struct exec *e)
{
    struct engine *en = e->f->engine;
    uint64_t limit = e->realm->conf->weir.slow_statement_ms;
    uint64_t us = en->now_us - e->since_us;
    if (LIKELY(limit == 0 || us < limit * 1000) || !e->plan || !e->nlegs) return;
    struct buf line = {0};
    COUNT(en, statements_slow);
    buf_printf(&line, "slow statement: %llu ms, session %u, ", (unsigned long long)(us / 1000), e->f->id);
    plan_summary(&e->bound, &line);
    buf_putz(&line, ": ");
    if (exec_rescan(e)) sql_digest(exec_scan(e), &line);
    buf_put_u8(&line, 0);
    if (!line.failed) engine_log(en, CONF_LOG_WARN, "%s", line.data);
    buf_release(&line);
}

static void end_exec(struct exec *e)
{
    struct front *f = e->f;
    exec_then *then = e->then;
    void *ctx = e->then_ctx;
    f->exec = NULL;
    bool taken = false;
    if (then) {
        struct exec_result r = {.failed = e->failed, .fault = e->fault, .capture = e->capture, .affected = e->affected, .nfailed = e->nfailed};
        taken = then(f, ctx, &r);
    }
    exec_free(e);
    if (!taken) f->ops->done(f);
}

void exec_finish(struct exec *e)
{
    struct front *f = e->f;
    const struct plan_info *info = e->plan ? plan_info(e->plan) : NULL;
    settle_transaction(e);
    if (info && (info->flags & PLAN_CHANGES_SCHEMA) && !e->waits_catalog && !e->describing && e->nfailed < (e->nlegs ? e->nlegs : 1)) {
        e->waits_catalog = true; /* the next statement must see the new columns */
        list_append(&f->engine->catalog_waiters, &e->wait_node);
        e->ticket = ++f->engine->catalog_asked;
        f->engine->ops->reload_catalog(f->engine, e->realm->snap);
        return;
    }
    remember(e);
    if (e->failed && e->reply_sent) COUNT(f->engine, statements_failed);
    if (e->failed && e->mode == EXEC_RELAY && e->reply_sent) { /* the ERR packet was relayed */
        front_clear_messages(f);
        front_add_message(f, 2, e->fault.code, e->fault.message);
        f->warnings = f->errors = 1;
        f->more_results = false;
    }
    write_reply(e);
    log_slow(e);
    end_exec(e);
}

/* A statement that is refused for want of a table's columns may only be too early: the table may have come by another Weir, a moment ago. The catalog is
 * loaded again, at most once a second for such a cause, and the statement planned anew. */
static bool look_again(struct exec *e, const struct fault *fault)
{
    struct engine *en = e->f->engine;
    bool recently = en->catalog_missed_ms && en->now_ms - en->catalog_missed_ms < LOOK_AGAIN_MS;
    if (LIKELY(!(plan_info(e->plan)->flags & PLAN_NEEDS_CATALOG)) || fault->code != WIRE_ER_NOT_SUPPORTED_YET || e->looked_again || e->load || recently) return false;
    e->looked_again = e->replan = true;
    en->catalog_missed_ms = en->now_ms;
    list_append(&en->catalog_waiters, &e->wait_node);
    e->ticket = ++en->catalog_asked;
    en->ops->reload_catalog(en, e->realm->snap);
    return true;
}

static void plan_again(struct exec *e)
{
    struct front *f = e->f;
    struct fault fault = exec_no_memory();
    struct plan *p = NULL;
    e->replan = false;
    if (e->prepared) {
        e->prepared = prepared_renew(f, e->prepared, &fault);
        p = e->prepared ? plan_ref(e->prepared->plan) : NULL;
    } else {
        struct plan_env env = front_env(f);
        if (!exec_rescan(e) || plan_build(&env, &f->engine->scan, &e->arena, &p, &fault) != SQL_OK) p = NULL;
        if (p && plan_info(p)->kind == PLAN_SESSION) {
            fault_set(&fault, &e->arena, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: the rules changed while this statement was planned; run it again");
            plan_unref(p);
            p = NULL;
        }
    }
    if (!p) {
        exec_refuse(e, &fault);
        return;
    }
    plan_unref(e->plan);
    e->plan = p;
    e->nids = e->first_id = 0;
    exec_run_plan(e);
}

void exec_wake_catalog(struct engine *en, uint64_t ticket)
{
    struct list ready;
    list_init(&ready);
    en->catalog_seen = ticket;
    for (struct list *n = en->catalog_waiters.next, *next; n != &en->catalog_waiters; n = next) {
        struct exec *e = CONTAINER_OF(n, struct exec, wait_node);
        next = n->next;
        if (e->ticket > ticket) continue;
        list_remove(n);
        list_append(&ready, n);
    }
    while (!list_empty(&ready)) {
        struct exec *e = CONTAINER_OF(ready.next, struct exec, wait_node);
        list_remove(&e->wait_node);
        if (UNLIKELY(e->replan)) plan_again(e);
        else exec_finish(e);
    }
}

/* ---- lanes from legs ---- */

static uint32_t leg_source(const struct exec *e, uint32_t leg)
{
    return e->texts ? e->texts[leg].source : e->bound.legs[leg].source;
}

struct fault exec_no_memory(void)
{
    return (struct fault){WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory, or the statement is over max_statement_memory")};
}

/* One lane a source; outside transactions further ones while the pool has room. Legs of a lane are in the order of legs. */
bool exec_make_lanes(struct exec *e)
{
    uint32_t n = e->nlegs, nsources = e->realm->conf->nsources;
    if (LIKELY(n == 1)) {
        e->lanes = &e->lane0;
        e->nlanes = 1;
        e->lane0.e = e;
        e->lane0.source = leg_source(e, 0);
        e->lane0.n = 1;
        static uint32_t zero = 0;
        e->order = &zero;
        return true;
    }
    bool one_each = e->cur || front_in_txn(e->f) || (e->flags & (EXEC_PINNED_ONLY | EXEC_PIN)) || e->wrap || e->is_write;
    uint32_t *per_source = arena_array(&e->arena, uint32_t, nsources);
    uint32_t *lanes_of = arena_array(&e->arena, uint32_t, nsources);
    e->order = arena_array(&e->arena, uint32_t, n);
    e->lanes = arena_array(&e->arena, struct lane, n);
    if (!per_source || !lanes_of || !e->order || !e->lanes) return false;
    for (uint32_t i = 0; i < n; i++) per_source[leg_source(e, i)]++;
    uint32_t filled = 0;
    for (uint32_t s = 0; s < nsources; s++) {
        if (!per_source[s]) continue;
        struct pool *p = &e->realm->pools[s];
        uint32_t want = one_each ? 1 : per_source[s], have = 1;
        uint32_t open = atomic_load(&e->realm->snap->source_conns[s]);
        uint64_t cap = e->realm->conf->sources[s].max_connections;
        uint64_t room = p->nidle + (cap > open ? cap - open : 0);
        if (p->nwaiting == 0) have = room < want ? (room ? (uint32_t)room : 1) : want;
        lanes_of[s] = have;
        for (uint32_t k = 0; k < have; k++) { /* leg j of the source goes to lane j % have */
            struct lane *l = &e->lanes[e->nlanes++];
            l->e = e;
            l->source = s;
            l->first = filled;
            uint32_t j = 0;
            for (uint32_t i = 0; i < n; i++) {
                if (leg_source(e, i) != s) continue;
                if (j++ % have == k) e->order[filled++] = i;
            }
            l->n = filled - l->first;
        }
    }
    return true;
}

static void rename_column(void *ctx, uint32_t leg, struct wire_column *c)
{
    struct exec *e = ctx;
    struct str schema, table;
    if (!c->org_table.len || !router_logical(e->realm->snap->router, e->bound.legs[leg].source, c->schema, c->org_table, &schema, &table)) return;
    if (str_eq(c->table, c->org_table)) c->table = table;
    c->schema = schema;
    c->org_table = table;
}

static bool start_merge(struct exec *e, const struct merge_spec *spec)
{
    uint64_t mem = e->realm->conf->weir.max_statement_memory;
    size_t window = (size_t)(mem / e->nlegs);
    if (window > MERGE_WINDOW) window = MERGE_WINDOW;
    uint64_t least = (uint64_t)e->nlegs * (window + 2 * READ_CHUNK); /* what arrives in one read must find room beside the window */
    if (mem < least) mem = least;
    struct merge_options o = {.spec = spec,
                              .nlegs = e->nlegs,
                              .has_limit = e->bound.has_limit,
                              .offset = e->bound.offset,
                              .limit = e->bound.limit,
                              .client_capabilities = e->f->capabilities & ~(uint32_t)WIRE_CAP_OPTIONAL_RESULTSET_METADATA, /* the session adds that byte */
                              .window = window < 4096 ? 4096 : window,
                              .max_memory = mem,
                              .status = front_status(e->f),
                              .rename = rename_column,
                              .rename_ctx = e,
                              .binary = exec_is_binary(e),
                              .cursor = e->cur != NULL};
    struct engine *en = e->f->engine;
    if (UNLIKELY(!en->merge_pool)) en->merge_pool = mem_zalloc(sizeof *en->merge_pool);
    o.pool = en->merge_pool; /* NULL: it works without */
    e->merge = merge_new(&o);
    return e->merge != NULL;
}

void exec_refuse(struct exec *e, const struct fault *f)
{
    exec_fail(e, f);
    exec_finish(e);
}

/* In a transaction a second server must not be written to unless the rules allow it. */
bool exec_may_write(struct exec *e, struct fault *f)
{
    struct front *fr = e->f;
    if (UNLIKELY(fr->txn && fr->txn->nheld) && (e->is_write || (e->plan && plan_info(e->plan)->cls == PLAN_DDL))) {
        fault_set(f, &e->arena, 1099, "HY000", "Table was locked with a READ lock and can't be updated");
        return false;
    }
    if (!e->is_write || !front_in_txn(fr) || e->realm->conf->weir.transactions == CONF_TXN_BEST_EFFORT) return true;
    struct front_txn *t = front_txn(fr);
    if (!t) {
        *f = exec_no_memory();
        return false;
    }
    uint32_t writer = t->writer;
    for (uint32_t i = 0; i < e->nlegs; i++) {
        uint32_t s = leg_source(e, i);
        if (writer == UINT32_MAX) writer = s;
        if (writer == s) continue;
        fault_set(f, &e->arena, WIRE_ER_NOT_SUPPORTED_YET, "42000",
                  "Weir: this transaction already writes on source %.*s and would now write on %.*s; a commit over two servers is not atomic yet. "
                  "Commit first, keep the transaction to one shard, or set 'transactions: best_effort' in the rules",
                  STR_ARG(e->realm->conf->sources[writer].name), STR_ARG(e->realm->conf->sources[s].name));
        return false;
    }
    t->writer = writer;
    return true;
}

static bool relays_as_is(const struct exec *e)
{
    const struct front *f = e->f;
    const struct plan_info *info = plan_info(e->plan);
    if (f->seq != 1 || f->more_results || f->transcode || f->packetwise) return false;
    if (info->cls == PLAN_READ && (info->flags & PLAN_SHARDED) && info->stmt &&
        (info->stmt->kind == SQL_SHOW || info->stmt->kind == SQL_DESCRIBE || info->stmt->kind == SQL_EXPLAIN)) return false;
    return true;
}

static void choose_mode(struct exec *e)
{
    const struct plan_info *info = plan_info(e->plan);
    e->is_write = info->cls == PLAN_WRITE;
    if (e->nlegs > 1) {
        bool counts = info->cls == PLAN_DDL || e->is_write || !info->merge || info->merge->add_counts;
        e->mode = counts ? EXEC_COUNT : EXEC_MERGE;
        if (info->cls == PLAN_DDL) e->flags |= EXEC_KEEP_GOING;
        e->wrap = e->is_write; /* all or nothing: a transaction of its own, or a savepoint in the session's */
        e->wrap_savepoint = e->wrap && ((e->f->txn && e->f->txn->begun) || !(e->f->status & WIRE_STATUS_AUTOCOMMIT));
        COUNT(e->f->engine, statements_scatter);
        return;
    }
    COUNT(e->f->engine, statements_single);
    if (e->quiet) {
        e->mode = EXEC_CAPTURE;
        return;
    }
    if (LIKELY(relays_as_is(e))) e->mode = e->nids || info->cls == PLAN_DDL ? EXEC_PACKETS : EXEC_RELAY;
    else e->mode = EXEC_PACKETS;
    if (info->cls == PLAN_DDL || e->load) e->mode = EXEC_COUNT; /* the reply waits for the new catalog, or for the client to have sent its file */
    if (info->stmt && (info->flags & PLAN_SHARDED) &&
        (info->stmt->kind == SQL_SHOW || info->stmt->kind == SQL_DESCRIBE || info->stmt->kind == SQL_TABLE_ADMIN)) {
        e->flags |= EXEC_RENAME;
    }
}

/* Does a cursor make sense for it? Else the rows (or the OK) come at once, as servers do for what is no SELECT. */
static bool opens_cursor(const struct exec *e)
{
    const struct plan_info *info = plan_info(e->plan);
    bool rows = info->stmt && info->stmt->kind == SQL_SELECT && !(info->flags & PLAN_WRITES_USERVARS);
    return rows && (e->mode == EXEC_RELAY || e->mode == EXEC_PACKETS || e->mode == EXEC_MERGE) && !e->f->transcode;
}

static void run_bound(struct exec *e)
{
    struct fault f;
    e->nlegs = e->bound.nlegs;
    choose_mode(e);
    if (UNLIKELY(e->nlegs > 1 && !e->realm->conf->weir.allow_scatter && !e->is_write && plan_info(e->plan)->cls != PLAN_DDL)) {
        fault_set(&f, &e->arena, WIRE_ER_NOT_SUPPORTED_YET, "42000",
                  "Weir: this statement would go to %u shards and the rules say 'scatter: deny'; add a condition on the shard column", e->nlegs);
        exec_refuse(e, &f);
        return;
    }
    if (UNLIKELY(e->quiet && e->nlegs > 1)) { /* SET @x = (SELECT ... over shards) */
        fault_set(&f, &e->arena, WIRE_ER_NOT_SUPPORTED_YET, "42000",
                  "Weir: a value for SET that needs %u shards is not supported yet; read it by a SELECT of its own first", e->nlegs);
        exec_refuse(e, &f);
        return;
    }
    if (UNLIKELY(!exec_may_write(e, &f))) {
        exec_refuse(e, &f);
        return;
    }
    if (UNLIKELY(e->cursor) && opens_cursor(e)) {
        e->cur = cursor_new(e->f, e->plan, e->statement, e->nlegs);
        e->mode = EXEC_MERGE;
        e->merging_over = true; /* nothing is written before every leg has its cursor */
        if (!e->cur) {
            f = exec_no_memory();
            exec_refuse(e, &f);
            return;
        }
    }
    const struct sql_stmt *stmt = plan_info(e->plan)->stmt;
    if (e->nlegs > 1 && stmt && stmt->kind == SQL_TABLE_ADMIN) e->mode = EXEC_COUNT; /* its rows are kept and told under the logical name */
    bool keeps_rows = (plan_info(e->plan)->flags & PLAN_RETURNING) || (stmt && stmt->kind == SQL_TABLE_ADMIN);
    if (UNLIKELY(e->mode == EXEC_COUNT && e->nlegs > 1 && keeps_rows) && !returning_begin(e)) {
        f = exec_no_memory();
        exec_refuse(e, &f);
        return;
    }
    static const struct merge_spec as_it_comes = {0};
    const struct merge_spec *spec = e->nlegs == 1 ? &as_it_comes : plan_info(e->plan)->merge;
    if (!exec_make_lanes(e) || (e->mode == EXEC_MERGE && !start_merge(e, spec))) {
        f = exec_no_memory();
        exec_refuse(e, &f);
        return;
    }
    lanes_start(e);
}

/* ---- ids, then binding ---- */

/* Values given explicitly for a generated column: later ids must be greater, so the mark is raised before they are written. */
static void raise_and_run(struct exec *e)
{
    struct fault f;
    struct engine *en = e->f->engine;
    uint32_t seq = plan_info(e->plan)->sequence;
    e->raises = true;
    switch (ids_raise(e->realm->snap->control, seq, e->bound.max_explicit_id, &e->arena, &f)) {
    case IDS_OK: run_bound(e); return;
    case IDS_FAILED: exec_refuse(e, &f); return;
    case IDS_WAIT: break;
    }
    if (!e->id_deadline_ms) e->id_deadline_ms = en->now_ms + e->realm->conf->sequences[seq].wait_ms;
    list_append(&en->id_waiters, &e->wait_node);
}

static void bind_and_run(struct exec *e)
{
    struct fault f = exec_no_memory();
    struct plan_facts facts;
    exec_facts(e, &facts);
    if (!exec_rescan(e) || plan_bind_with(e->plan, exec_scan(e), &facts, e->first_id, &e->arena, &e->bound, &f) != SQL_OK) {
        if (look_again(e, &f)) return;
        COUNT(e->f->engine, statements_refused);
        exec_refuse(e, &f);
        return;
    }
    if (e->nids) COUNT_ADD(e->f->engine, ids_generated, e->nids);
    if (UNLIKELY(e->bound.max_explicit_id) && plan_info(e->plan)->sequence != UINT32_MAX) raise_and_run(e);
    else run_bound(e);
}

static void take_ids(struct exec *e)
{
    struct fault f;
    struct engine *en = e->f->engine;
    const struct plan_info *info = plan_info(e->plan);
    switch (ids_take(e->realm->snap->control, info->sequence, e->nids, &e->first_id, &e->arena, &f)) {
    case IDS_OK: bind_and_run(e); return;
    case IDS_FAILED: exec_refuse(e, &f); return;
    case IDS_WAIT: break;
    }
    if (!exec_keep_text(e)) {
        f = exec_no_memory();
        exec_refuse(e, &f);
        return;
    }
    if (!e->id_deadline_ms) e->id_deadline_ms = en->now_ms + e->realm->conf->sequences[info->sequence].wait_ms;
    list_append(&en->id_waiters, &e->wait_node);
}

void exec_wake_ids(struct engine *en)
{
    struct list ready;
    list_init(&ready);
    while (!list_empty(&en->id_waiters)) {
        struct list *n = en->id_waiters.next;
        list_remove(n);
        list_append(&ready, n);
    }
    while (!list_empty(&ready)) {
        struct exec *e = CONTAINER_OF(ready.next, struct exec, wait_node);
        list_remove(&e->wait_node);
        if (e->load) load_ids_ready(e);
        else if (e->raises) raise_and_run(e);
        else take_ids(e);
    }
}

void exec_run_plan(struct exec *e)
{
    struct fault f;
    const struct plan_info *info = plan_info(e->plan);
    if (UNLIKELY(info->kind == PLAN_REFUSED)) {
        if (look_again(e, info->fault)) return;
        COUNT(e->f->engine, statements_refused);
        exec_refuse(e, info->fault);
        return;
    }
    exec_set_limit(e);
    if (e->f->txn && UNLIKELY(e->f->txn->lost)) {
        fault_set(&f, &e->arena, ER_TXN_LOST, "XA100", "Weir: the transaction was rolled back: %s; start it again", e->f->txn->lost_why);
        front_txn_drop(e->f);
        exec_refuse(e, &f);
        return;
    }
    if (UNLIKELY(info->flags & PLAN_LOAD_LOCAL) && load_begin(e)) return;
    if (info->sequence != UINT32_MAX) {
        struct plan_facts facts;
        exec_facts(e, &facts);
        if (plan_count_ids_with(e->plan, exec_scan(e), &facts, &e->arena, &e->nids, &f) != SQL_OK) {
            exec_refuse(e, &f);
            return;
        }
        if (e->nids) {
            take_ids(e);
            return;
        }
    }
    bind_and_run(e);
}

static void begin(struct exec *e, struct str text, bool stable)
{
    e->text = text;
    e->stable = stable;
    if (!exec_keep_text(e)) {
        struct fault f = exec_no_memory();
        exec_refuse(e, &f);
        return;
    }
    exec_run_plan(e);
}

void exec_plan(struct front *f, struct plan *p, struct str text, bool stable)
{
    if (UNLIKELY(plan_info(p)->cls == PLAN_DDL && !(plan_info(p)->flags & PLAN_TEMPORARY) && front_txn_open(f))) { /* commits what is open, on every server */
        f->ops->commit_first(f, p, text);
        return;
    }
    struct exec *e = exec_new(f);
    if (!e) {
        front_err(f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
        f->ops->done(f);
        return;
    }
    e->plan = plan_ref(p);
    begin(e, text, stable);
}

void exec_fail_quiet(struct front *f, const struct fault *fault, exec_then *then, void *ctx)
{
    struct exec_result r = {.failed = true, .fault = *fault};
    if (!then(f, ctx, &r)) f->ops->done(f);
}

static void statement_error(struct front *f, const struct fault *fault)
{
    front_fault(f, fault);
    f->ops->done(f);
}

struct plan_env front_env(const struct front *f)
{
    return (struct plan_env){.router = f->realm->snap->router,
                             .catalog = f->realm->catalog,
                             .schema = f->schema ? f->schema->name : f->system_schema,
                             .foreign_charset = f->foreign_charset,
                             .no_auto_value_on_zero = f->no_auto_value_on_zero};
}

static bool may_run(struct front *f, struct plan *p)
{
    if (LIKELY(!f->restricted && plan_info(p)->cls == PLAN_READ) || f->ops->may_run(f, p)) return true;
    plan_unref(p);
    f->ops->done(f);
    return false;
}

enum exec_start exec_statement(struct front *f, struct str text, bool stable, struct plan **session_plan)
{
    struct engine *en = f->engine;
    struct realm *r = f->realm;
    struct plan_env env = front_env(f);
    struct plan *p = plan_cache_get(r->cache, &env, &en->scan);
    if (UNLIKELY(!p)) {
        struct fault fault = {0};
        arena_reset(&en->arena);
        if (plan_build(&env, &en->scan, &en->arena, &p, &fault) != SQL_OK) {
            statement_error(f, &fault);
            return EXEC_STARTED;
        }
        const struct plan_info *info = plan_info(p);
        if (!may_run(f, p)) return EXEC_STARTED;
        if (info->kind == PLAN_SESSION) {
            *session_plan = p;
            return EXEC_SESSION;
        }
        if (!(info->flags & PLAN_NO_CACHE)) plan_cache_put(r->cache, &env, &en->scan, p);
    } else {
        plan_ref(p);
        if (!may_run(f, p)) return EXEC_STARTED;
    }
    exec_plan(f, p, text, stable);
    plan_unref(p);
    return EXEC_STARTED;
}

/* ---- given texts ---- */

void exec_texts(struct front *f, const struct exec_text *texts, uint32_t n, enum exec_mode mode, uint32_t flags, exec_then *then, void *ctx)
{
    struct exec *e = exec_new(f);
    if (!e) {
        struct exec_result r = {.failed = true, .fault = exec_no_memory()};
        if (then && then(f, ctx, &r)) return;
        f->ops->done(f);
        return;
    }
    e->mode = mode;
    e->flags = flags;
    e->quiet = flags & EXEC_QUIET;
    e->then = then;
    e->then_ctx = ctx;
    struct exec_text *copy = arena_array(&e->arena, struct exec_text, n + 1);
    bool ok = copy != NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        if ((flags & EXEC_PINNED_ONLY) && !front_pinned(f, texts[i].source)) continue;
        copy[e->nlegs] = (struct exec_text){texts[i].source, arena_str(&e->arena, texts[i].text)};
        ok = copy[e->nlegs++].text.ptr != NULL;
    }
    e->texts = copy;
    if (ok && e->nlegs == 0) {
        exec_finish(e);
        return;
    }
    if (!ok || !exec_make_lanes(e)) {
        struct fault fault = exec_no_memory();
        exec_refuse(e, &fault);
        return;
    }
    lanes_start(e);
}

void exec_plan_quiet(struct front *f, struct plan *p, struct str text, exec_then *then, void *ctx)
{
    struct fault fault = exec_no_memory();
    if (plan_info(p)->kind == PLAN_SESSION) {
        fault_set(&fault, &f->engine->arena, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: a value for SET out of this statement is not supported yet");
        exec_fail_quiet(f, &fault, then, ctx);
        return;
    }
    struct exec *e = exec_new(f);
    if (!e) {
        exec_fail_quiet(f, &fault, then, ctx);
        return;
    }
    e->plan = plan_ref(p);
    e->quiet = true;
    e->then = then;
    e->then_ctx = ctx;
    begin(e, text, false);
}

struct str exec_text_of(const struct exec *e)
{
    if (!e) return STR_NULL;
    return e->texts ? (e->nlegs ? e->texts[0].text : STR_NULL) : e->text;
}

uint64_t exec_since_ms(const struct exec *e)
{
    return e->since_us / 1000;
}
