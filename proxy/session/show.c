/*
 * show.c - SHOW that speaks of the whole: tables and databases of the rules, warnings, clients, Weir's own state; EXPLAIN ROUTE.
 *
 * Lists of names are made into a SELECT over literals and run by a server, so that LIKE and WHERE mean what they mean in MySQL.
 */
#include "proxy/session/session.h"
#include "proxy/session/views.h"

/* ---- lists through a server ---- */

static void put_filter(struct buf *t, const struct sql_scan *scan, const struct sql_show_stmt *sh, const char *column)
{
    if (sh->like) {
        buf_printf(t, " WHERE `%s` LIKE ", column);
        buf_put_str(t, sql_span_str(scan, sh->like->span));
    } else if (sh->where) {
        buf_putz(t, " WHERE ");
        buf_put_str(t, sql_span_str(scan, sh->where->span));
    }
}

static void put_text(struct buf *t, struct str s)
{
    buf_putz(t, "CONVERT(");
    sql_put_string(t, s, NULL);
    buf_putz(t, " USING utf8mb3)");
}

static void run(struct session *s, struct buf *text, uint32_t source)
{
    struct exec_text x = {source, buf_str(text)};
    if (text->failed) {
        front_err(&s->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
        session_done(s);
    } else {
        exec_texts(&s->f, &x, 1, EXEC_PACKETS, EXEC_NO_DB | EXEC_NO_BEGIN, NULL, NULL);
    }
    buf_release(text);
}

static const struct conf_schema *schema_of(struct session *s, struct str named)
{
    struct front *f = &s->f;
    const struct conf_schema *c = named.len ? conf_schema(f->realm->conf, named) : f->schema;
    if (c && (!named.len || login_may_use(s, named))) return c;
    struct arena *a = &f->engine->arena;
    if (!named.len) front_err(f, WIRE_ER_NO_DB_ERROR, "3D000", STR("No database selected"));
    else front_err(f, WIRE_ER_BAD_DB_ERROR, "42000", arena_printf(a, "Unknown database '%.*s'", STR_ARG(named)));
    session_done(s);
    return NULL;
}

/* Tables of the default source's database that are neither nodes of a rule nor named by one. */
static void put_unlisted(struct session *s, struct buf *t, const struct conf_schema *c, const char *columns)
{
    struct str db = c->databases[c->default_source];
    buf_printf(t, "SELECT %s FROM information_schema.TABLES WHERE TABLE_SCHEMA=", columns);
    sql_put_string(t, db, NULL);
    buf_putz(t, " AND TABLE_NAME NOT IN (''");
    const struct conf *conf = s->f.realm->conf;
    for (uint32_t k = 0; k < conf->nschemas; k++) {
        for (uint32_t i = 0; i < conf->schemas[k].ntables; i++) {
            const struct conf_table *ct = &conf->schemas[k].tables[i];
            for (uint32_t n = 0; n < ct->nnodes; n++) {
                if (ct->nodes[n].source != c->default_source || !str_eq(ct->nodes[n].database, db)) continue;
                buf_putz(t, ",");
                sql_put_string(t, ct->nodes[n].table, NULL);
            }
        }
    }
    for (uint32_t i = 0; i < c->ntables; i++) {
        buf_putz(t, ",");
        sql_put_string(t, c->tables[i].name, NULL);
    }
    buf_putz(t, ")");
}

static void show_system_tables(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh, struct str schema)
{
    struct buf t = {0};
    buf_putz(&t, sh->full ? "SHOW FULL TABLES FROM " : "SHOW TABLES FROM ");
    sql_put_name(&t, schema, true);
    if (sh->like) {
        buf_putz(&t, " LIKE ");
        buf_put_str(&t, sql_span_str(scan, sh->like->span));
    } else if (sh->where) {
        buf_putz(&t, " WHERE ");
        buf_put_str(&t, sql_span_str(scan, sh->where->span));
    }
    run(s, &t, session_home(s));
}

static void show_tables(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh)
{
    struct str system = sh->schema.len ? front_system_schema(sh->schema) : s->f.system_schema;
    if (system.len) {
        show_system_tables(s, scan, sh, system);
        return;
    }
    const struct conf_schema *c = schema_of(s, sh->schema);
    if (!c) return;
    struct buf t = {0}, name = {0};
    buf_putz(&name, "Tables_in_");
    buf_put_str(&name, c->name);
    buf_put_u8(&name, 0);
    buf_putz(&t, "SELECT `Tables` AS ");
    struct buf title = {0};
    buf_put(&title, name.data, name.len - 1);
    if (sh->like) buf_printf(&title, " (%.*s)", STR_ARG(sql_text(scan, sh->like->tok, &s->f.engine->arena)));
    sql_put_name(&t, buf_str(&title), true);
    buf_printf(&t, "%s FROM (SELECT n AS `Tables`, n AS `%s`, k AS `Table_type` FROM (", sh->full ? ", `Table_type`" : "", name.data);
    put_unlisted(s, &t, c, "TABLE_NAME AS n, TABLE_TYPE AS k");
    for (uint32_t i = 0; i < c->ntables; i++) {
        if (!catalog_table(s->f.realm->catalog, c->name, c->tables[i].name)) continue;
        buf_putz(&t, " UNION ALL SELECT ");
        put_text(&t, c->tables[i].name);
        buf_putz(&t, ",'BASE TABLE'");
    }
    buf_putz(&t, ") x) y");
    put_filter(&t, scan, sh, name.data);
    buf_putz(&t, " ORDER BY `Tables` COLLATE utf8mb3_bin");
    buf_release(&name);
    buf_release(&title);
    run(s, &t, c->default_source);
}

static void show_databases(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh)
{
    const struct conf *c = s->f.realm->conf;
    struct buf t = {0};
    buf_putz(&t, "SELECT `Database`");
    if (sh->like) {
        struct str pattern = sql_text(scan, sh->like->tok, &s->f.engine->arena);
        struct str title = arena_printf(&s->f.engine->arena, "Database (%.*s)", STR_ARG(pattern));
        buf_putz(&t, " AS ");
        sql_put_name(&t, title, true);
    }
    buf_putz(&t, " FROM (SELECT CONVERT('information_schema' USING utf8mb3) AS `Database`");
    for (uint32_t i = 0; i < c->nschemas; i++) {
        if (!login_may_use(s, c->schemas[i].name)) continue;
        buf_putz(&t, " UNION ALL SELECT ");
        put_text(&t, c->schemas[i].name);
    }
    buf_putz(&t, ") x");
    put_filter(&t, scan, sh, "Database");
    buf_putz(&t, " ORDER BY `Database` COLLATE utf8mb3_bin");
    run(s, &t, session_home(s));
}

/* What SHOW asks of information_schema: in logical names. */
static void show_view(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh)
{
    bool everywhere = sh->what == SQL_SHOW_FUNCTION_STATUS || sh->what == SQL_SHOW_PROCEDURE_STATUS;
    struct str system = sh->schema.len ? front_system_schema(sh->schema) : s->f.system_schema;
    const struct conf_schema *c = everywhere || system.len ? NULL : schema_of(s, sh->schema);
    if (c || everywhere || system.len) views_show(s, scan, sh, c ? c->name : system);
}

static void show_create_database(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st)
{
    const struct sql_show_stmt *sh = st->show;
    bool if_not_exists = false;
    for (uint32_t i = st->span.first; i < st->span.end; i++) if_not_exists |= scan->toks[i].kind == SQL_T_WORD && scan->toks[i].word == SQL_W_IF;
    const struct conf_schema *c = schema_of(s, sh->schema);
    if (!c) return;
    struct buf t = {0};
    buf_putz(&t, "SELECT ");
    put_text(&t, c->name);
    buf_printf(&t, " AS `Database`, CONCAT('CREATE DATABASE %s', ", if_not_exists ? "/*!32312 IF NOT EXISTS*/ " : "");
    struct buf name = {0};
    sql_put_name(&name, c->name, true);
    put_text(&t, buf_str(&name));
    buf_release(&name);
    buf_putz(&t, ", ' /*!40100 DEFAULT CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME, ' */') AS `Create Database` "
                 "FROM information_schema.SCHEMATA WHERE SCHEMA_NAME=");
    sql_put_string(&t, c->databases[c->default_source], NULL);
    run(s, &t, c->default_source);
}

/* ---- warnings ---- */

static void show_messages(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh)
{
    static const char *const names[] = {"Level", "Code", "Message"}, *const levels[] = {"Note", "Warning", "Error"};
    struct front *f = &s->f;
    struct result r;
    uint64_t offset = 0, count = UINT64_MAX, at = 0;
    if (sh->limit) {
        if (sh->limit->count) (void)!str_to_u64(sql_tok_str(scan, sh->limit->count->tok), &count);
        if (sh->limit->offset) (void)!str_to_u64(sql_tok_str(scan, sh->limit->offset->tok), &offset);
    }
    result_begin_typed(&r, f, names, 3, 1u << 1);
    for (uint32_t i = 0; f->messages && i < f->messages->list.len; i++) {
        const struct front_message *m = &f->messages->list.at[i];
        if (sh->what == SQL_SHOW_ERRORS && m->level != 2) continue;
        if (at++ < offset || count == 0) continue;
        count--;
        result_row(&r);
        result_z(&r, levels[m->level > 2 ? 2 : m->level]);
        result_u64(&r, m->code);
        result_text(&r, m->text);
    }
    result_end(&r);
    session_done(s);
}

static void show_count(struct session *s, bool errors)
{
    const char *name = errors ? "@@session.error_count" : "@@session.warning_count";
    struct result r;
    result_begin_typed(&r, &s->f, &name, 1, 1);
    result_row(&r);
    result_u64(&r, errors ? s->f.errors : s->f.warnings);
    result_end(&r);
    session_done(s);
}

/* ---- Weir's own ---- */

static void show_status(struct session *s)
{
    static const char *const names[] = {"Variable_name", "Value", "Meaning"};
    struct engine *e = s->f.engine;
    struct engine_counters sum;
    uint32_t clients = 0;
    uint64_t uptime = 0;
    struct result r;
    e->ops->totals(e, &sum, &clients, &uptime);
    result_begin(&r, &s->f, names, 3);
    result_row(&r), result_z(&r, "uptime"), result_u64(&r, uptime), result_z(&r, "seconds since start");
    result_row(&r), result_z(&r, "clients"), result_u64(&r, clients), result_z(&r, "client connections open");
#define X(name, doc) result_row(&r), result_z(&r, #name), result_u64(&r, sum.name), result_z(&r, doc);
    ENGINE_COUNTERS(X)
#undef X
    struct plan_cache_stats pc;
    plan_cache_stats(s->f.realm->cache, &pc);
    result_row(&r), result_z(&r, "plan_cache_hits"), result_u64(&r, pc.hits), result_z(&r, "plans found in this worker's cache");
    result_row(&r), result_z(&r, "plan_cache_misses"), result_u64(&r, pc.misses), result_z(&r, "plans not found in this worker's cache");
    result_row(&r), result_z(&r, "plan_cache_entries"), result_u64(&r, pc.entries), result_z(&r, "plans held by this worker");
    result_row(&r), result_z(&r, "plan_cache_bytes"), result_u64(&r, pc.bytes), result_z(&r, "memory of this worker's plans");
    result_end(&r);
    session_done(s);
}

static void show_sources(struct session *s)
{
    static const char *const names[] = {"Source", "Address", "State", "Version", "Latency_us", "Connections", "Max_connections", "Idle_here", "Busy_here", "Waiting_here", "Checks", "Failures", "Error"};
    struct realm *rm = s->f.realm;
    struct result r;
    result_begin(&r, &s->f, names, COUNT_OF(names));
    for (uint32_t i = 0; i < rm->conf->nsources; i++) {
        const struct conf_source *src = &rm->conf->sources[i];
        struct control_source st = {0};
        control_source_state(rm->snap->control, i, &st);
        result_row(&r);
        result_text(&r, src->name);
        struct str addr = src->primary.path.len ? src->primary.path : arena_printf(&s->f.engine->arena, "%.*s:%u", STR_ARG(src->primary.host), src->primary.port);
        result_text(&r, addr);
        result_z(&r, st.up ? "up" : "down");
        result_z(&r, st.version_text);
        result_u64(&r, st.latency_us);
        result_u64(&r, atomic_load(&rm->snap->source_conns[i]));
        result_u64(&r, src->max_connections);
        result_u64(&r, rm->pools[i].nidle);
        result_u64(&r, rm->pools[i].nbusy);
        result_u64(&r, rm->pools[i].nwaiting);
        result_u64(&r, st.checks);
        result_u64(&r, st.failures);
        result_z(&r, st.error);
    }
    result_end(&r);
    session_done(s);
}

static void show_sequences(struct session *s)
{
    static const char *const names[] = {"Sequence", "Source", "Next", "Segment_end", "Step", "Taken", "Refills", "Waits", "Failures", "Error"};
    struct realm *rm = s->f.realm;
    struct result r;
    result_begin(&r, &s->f, names, COUNT_OF(names));
    for (uint32_t i = 0; i < rm->conf->nsequences; i++) {
        struct ids_stats st = {0};
        ids_stats(rm->snap->control, i, &st);
        result_row(&r);
        result_text(&r, rm->conf->sequences[i].name);
        result_text(&r, rm->conf->sources[rm->conf->sequences[i].source].name);
        result_u64(&r, st.next), result_u64(&r, st.segment_end), result_u64(&r, st.step), result_u64(&r, st.taken);
        result_u64(&r, st.refills), result_u64(&r, st.waits), result_u64(&r, st.failures), result_z(&r, st.error);
    }
    result_end(&r);
    session_done(s);
}

static void show_rules(struct session *s)
{
    static const char *const names[] = {"Table", "Kind", "Shard_column", "Shards", "Sources", "Generated"};
    struct result r;
    const struct conf_schema *c = schema_of(s, STR_NULL);
    if (!c) return;
    result_begin(&r, &s->f, names, COUNT_OF(names));
    for (uint32_t i = 0; i < c->ntables; i++) {
        static const char *const kinds[] = {"single", "broadcast", "sharded"};
        const struct conf_table *t = &c->tables[i];
        result_row(&r);
        result_text(&r, t->name);
        result_z(&r, kinds[t->kind]);
        result_text(&r, t->nshard_columns ? t->shard_columns[0].value : STR_NULL);
        result_u64(&r, t->nnodes);
        result_text(&r, t->nodes_text.len ? t->nodes_text : s->f.realm->conf->sources[t->nodes[0].source].name);
        result_text(&r, t->generated ? t->generated->column : STR_NULL);
    }
    result_end(&r);
    session_done(s);
}

static void show_weir(struct session *s, struct str topic)
{
    if (str_eq_nocase(topic, STR("status"))) show_status(s);
    else if (str_eq_nocase(topic, STR("sources"))) show_sources(s);
    else if (str_eq_nocase(topic, STR("sequences"))) show_sequences(s);
    else if (str_eq_nocase(topic, STR("rules")) || str_eq_nocase(topic, STR("tables"))) show_rules(s);
    else local_refuse(s, "Weir: SHOW WEIR knows STATUS, SOURCES, SEQUENCES and RULES, not '%.*s'", STR_ARG(topic));
}

static void put_number(struct buf *row, uint64_t n)
{
    struct buf t = {0};
    buf_put_dec(&t, n);
    wire_put_text_field(row, buf_str(&t));
    buf_release(&t);
}

static void put_session(const struct session *o, uint32_t asker, struct buf *row)
{
    struct engine *e = o->f.engine;
    struct str text = o->f.id == asker ? STR("SHOW PROCESSLIST") : exec_text_of(o->f.exec);
    struct buf where = {0};
    uint64_t ms = e->now_ms - o->since_ms;
    exec_where(o->f.exec, &where);
    put_number(row, o->f.id);
    wire_put_text_field(row, o->f.account);
    wire_put_text_field(row, str_of(o->host));
    wire_put_text_field(row, session_schema(o));
    wire_put_text_field(row, str_of(o->state == SESSION_BUSY ? wire_command_name(o->command) : "Sleep"));
    put_number(row, ms / 1000);
    wire_put_text_field(row, o->f.id == asker ? STR("starting") : where.len ? buf_str(&where) : STR(""));
    wire_put_text_field(row, text.len ? text : STR_NULL);
    put_number(row, ms);
    buf_release(&where);
}

void session_list(struct engine *e, struct str account, uint32_t asker, struct buf *rows)
{
    for (struct list *n = e->sessions.next; n != &e->sessions; n = n->next) {
        const struct session *o = session_of(CONTAINER_OF(n, struct front, node));
        struct buf row = {0};
        if (o->state < SESSION_READY || o->state == SESSION_CLOSED || !str_eq(o->f.account, account)) continue;
        put_session(o, asker, &row);
        buf_put_u32(rows, (uint32_t)row.len);
        buf_put(rows, row.data, row.len);
        rows->failed |= row.failed;
        buf_release(&row);
    }
}

bool session_list_next(const struct buf *rows, size_t *at, struct str fields[SESSION_LIST_COLUMNS])
{
    struct wire_reader w = wire_read(rows->data + *at, rows->len - *at);
    if (rows->len - *at < 4) return false;
    struct str row = wire_get_bytes(&w, (size_t)wire_get_uint(&w, 4));
    *at += 4 + row.len;
    return !w.bad && wire_get_text_row(row, fields, SESSION_LIST_COLUMNS) == WIRE_OK;
}

void session_listed(struct session *s, const struct buf *rows)
{
    static const char *const names[] = {"Id", "User", "Host", "db", "Command", "Time", "State", "Info", "Progress"};
    struct str fields[SESSION_LIST_COLUMNS];
    struct result r;
    size_t at = 0;
    if (s->listing) {
        views_listed(s, rows);
        return;
    }
    if (!s->waits_list) return;
    s->waits_list = false;
    if (rows->failed) {
        front_err(&s->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
        session_done(s);
        return;
    }
    bool progress = !session_shows_mysql(s);
    result_begin_typed(&r, &s->f, names, COUNT_OF(names) - !progress, 1u << 0 | 1u << 5);
    while (session_list_next(rows, &at, fields)) {
        if (!s->lists_full && fields[7].ptr && fields[7].len > 100) fields[7].len = 100;
        result_row(&r);
        for (int i = 0; i < 8; i++) result_text(&r, fields[i]);
        if (progress) result_z(&r, "0.000");
    }
    result_end(&r);
    session_done(s);
}

static void show_processlist(struct session *s, const struct sql_show_stmt *sh)
{
    s->waits_list = true;
    s->lists_full = sh->full;
    s->f.engine->ops->list(s->f.engine, s->f.id, s->f.account);
}

/* What the rules let this user do; the server accounts behind Weir are nobody's business. */
static void show_grants(struct session *s)
{
    struct front *f = &s->f;
    struct arena *a = &f->engine->arena;
    const struct conf *c = f->realm->conf;
    struct str title = arena_printf(a, "Grants for %.*s@%%", STR_ARG(f->account));
    const char *name = title.ptr ? title.ptr : "Grants";
    struct result r;
    result_begin(&r, f, &name, 1);
    result_row(&r);
    result_text(&r, arena_printf(a, "GRANT USAGE ON *.* TO `%.*s`@`%%`", STR_ARG(f->account)));
    for (uint32_t i = 0; i < c->nschemas; i++) {
        if (!login_may_use(s, c->schemas[i].name)) continue;
        result_row(&r);
        result_text(&r, arena_printf(a, "GRANT ALL PRIVILEGES ON `%.*s`.* TO `%.*s`@`%%`", STR_ARG(c->schemas[i].name), STR_ARG(f->account)));
    }
    result_end(&r);
    session_done(s);
}

static bool server_status(struct front *f, void *ctx, const struct exec_result *r)
{
    static const char *const names[] = {"Variable_name", "Value"};
    const struct session *s = session_of(f);
    const struct exec_capture *c = &r->capture;
    struct result out;
    (void)ctx;
    if (r->failed || c->ncolumns != 2) {
        front_fault(f, &r->fault);
        return false;
    }
    result_begin(&out, f, names, 2);
    for (uint32_t i = 0; i < c->nrows; i++) {
        struct str own = sysvars_status(s, c->fields[2 * i]);
        result_row(&out);
        result_text(&out, c->fields[2 * i]);
        result_text(&out, own.ptr ? own : c->fields[2 * i + 1]);
    }
    result_end(&out);
    return false;
}

/* The home server's, but for the connection, which is the client's. */
static void show_server_status(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st)
{
    struct exec_text x = {session_home(s), sql_span_str(scan, st->span)};
    exec_texts(&s->f, &x, 1, EXEC_CAPTURE, EXEC_NO_DB | EXEC_NO_BEGIN | EXEC_QUIET, server_status, NULL);
}

static void show_variables(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh)
{
    struct buf t = {0};
    sysvars_show(s, scan, sh, &t);
    run(s, &t, session_home(s));
}

/* ---- EXPLAIN ROUTE ---- */

void local_explain_route(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st)
{
    static const char *const name = "Route";
    struct front *f = &s->f;
    struct engine *e = f->engine;
    struct plan_env env = front_env(f);
    struct plan *p = NULL;
    struct fault fault = {WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
    struct str inner = sql_span_str(scan, st->explain.inner->span);
    bool json = false;
    for (uint32_t i = 0; i < st->explain.inner->span.first; i++) json |= str_eq_nocase(sql_tok_str(scan, i), STR("JSON"));
    struct str text = arena_str(&e->arena, inner);
    if (!text.ptr || sql_scan(&e->scan, text.ptr, text.len, 0, &f->opt) != SQL_OK || plan_build(&env, &e->scan, &e->arena, &p, &fault) != SQL_OK) {
        front_fault(f, &fault);
        session_done(s);
        return;
    }
    struct buf out = {0};
    struct result r;
    plan_explain(p, &e->scan, &e->arena, json, &out);
    plan_unref(p);
    result_begin(&r, f, &name, 1);
    if (json) {
        result_row(&r);
        result_text(&r, buf_str(&out));
    }
    for (size_t at = 0; !json && at < out.len;) {
        size_t nl = str_find(buf_str(&out), STR("\n"), at);
        if (nl == SIZE_MAX) nl = out.len;
        result_row(&r);
        result_text(&r, str_make(out.data + at, nl - at));
        at = nl + 1;
    }
    result_end(&r);
    buf_release(&out);
    session_done(s);
}

void local_show(struct session *s, const struct sql_scan *scan, const struct sql_stmt *st)
{
    const struct sql_show_stmt *sh = st->show;
    switch (sh->what) {
    case SQL_SHOW_TABLES: show_tables(s, scan, sh); return;
    case SQL_SHOW_DATABASES: show_databases(s, scan, sh); return;
    case SQL_SHOW_TABLE_STATUS:
    case SQL_SHOW_TRIGGERS:
    case SQL_SHOW_EVENTS:
    case SQL_SHOW_FUNCTION_STATUS:
    case SQL_SHOW_PROCEDURE_STATUS: show_view(s, scan, sh); return;
    case SQL_SHOW_CREATE_DATABASE: show_create_database(s, scan, st); return;
    case SQL_SHOW_WARNINGS:
    case SQL_SHOW_ERRORS: show_messages(s, scan, sh); return;
    case SQL_SHOW_COUNT_WARNINGS: show_count(s, false); return;
    case SQL_SHOW_COUNT_ERRORS: show_count(s, true); return;
    case SQL_SHOW_PROCESSLIST: show_processlist(s, sh); return;
    case SQL_SHOW_WEIR: show_weir(s, sh->topic); return;
    case SQL_SHOW_GRANTS: show_grants(s); return;
    case SQL_SHOW_STATUS: show_server_status(s, scan, st); return;
    case SQL_SHOW_VARIABLES: show_variables(s, scan, sh); return;
    case SQL_SHOW_OTHER: case SQL_SHOW_COLUMNS: case SQL_SHOW_INDEX: case SQL_SHOW_CREATE_TABLE: case SQL_SHOW_CREATE_VIEW:
    case SQL_SHOW_ENGINES: case SQL_SHOW_COLLATION: case SQL_SHOW_CHARSET: case SQL_SHOW_PRIVILEGES:
    case SQL_SHOW_PLUGINS:
    case SQL_SHOW_OPEN_TABLES: break;
    }
    /* what is left concerns one server: the default source's */
    struct buf t = {0};
    buf_put_str(&t, sql_span_str(scan, st->span));
    struct exec_text x = {session_home(s), buf_str(&t)};
    exec_texts(&s->f, &x, 1, EXEC_PACKETS, EXEC_NO_BEGIN, NULL, NULL);
    buf_release(&t);
}
