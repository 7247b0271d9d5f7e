/*
 * command.c - the commands of the protocol, one function each; what is not supported gets an error that says so.
 */
#include "proxy/session/session.h"

static void malformed(struct session *s, const char *what)
{
    struct str m = arena_printf(&s->f.engine->arena, "Malformed communication packet: %s", what);
    front_err(&s->f, WIRE_ER_MALFORMED_PACKET, "HY000", m);
    session_done(s);
}

static void ok(struct session *s)
{
    s->f.warnings = 0;
    front_ok(&s->f, 0, 0, STR_NULL);
    session_done(s);
}

static void init_db(struct session *s, struct str name)
{
    local_use(s, name);
}

static void statistics(struct session *s)
{
    struct engine *e = s->f.engine;
    struct engine_counters sum;
    uint32_t clients = 0;
    uint64_t uptime = 0;
    e->ops->totals(e, &sum, &clients, &uptime);
    struct str t = arena_printf(&e->arena, "Uptime: %llu  Threads: %u  Questions: %llu  Slow queries: %llu  Opens: 0  Open tables: 0  Queries per second avg: %.3f",
                                (unsigned long long)uptime, clients, (unsigned long long)sum.statements, (unsigned long long)sum.statements_slow,
                                uptime ? (double)sum.statements / (double)uptime : 0.0);
    struct buf out = {0};
    wire_put_packet(&out, &s->f.seq, t.ptr, t.len);
    s->f.broken |= out.failed;
    front_send(&s->f, out.data, out.len);
    buf_release(&out);
    session_done(s);
}

static void set_option(struct session *s, struct str data)
{
    if (data.len != 2 || (unsigned char)data.ptr[0] > 1 || data.ptr[1]) {
        malformed(s, "COM_SET_OPTION");
        return;
    }
    s->multi_statements = data.ptr[0] == 0;
    struct buf out = {0};
    wire_put_end(&out, &s->f.seq, s->f.capabilities, front_status(&s->f), 0);
    s->f.broken |= out.failed;
    front_send(&s->f, out.data, out.len);
    buf_release(&out);
    session_done(s);
}

/* ---- COM_FIELD_LIST: the definitions of SELECT * ---- */

/* LIKE's pattern over column names: % and _, ASCII letters without case. Linear: on a mismatch only the last % is tried again. */
static bool wild_match(struct str s, struct str w)
{
    size_t i = 0, k = 0, star = SIZE_MAX, from = 0;
    while (i < s.len) {
        if (k < w.len && w.ptr[k] == '%') {
            star = k++;
            from = i;
        } else if (k < w.len && (w.ptr[k] == '_' || ascii_lower(w.ptr[k]) == ascii_lower(s.ptr[i]))) {
            i++;
            k++;
        } else if (star != SIZE_MAX) {
            k = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (k < w.len && w.ptr[k] == '%') k++;
    return k == w.len;
}

static bool field_list_reply(struct front *f, const char *ctx, const struct exec_result *r)
{
    if (r->failed) {
        front_fault(f, &r->fault);
        return false;
    }
    struct buf out = {0};
    struct str wild = str_make(ctx, ctx ? strlen(ctx) : 0);
    for (uint32_t i = 0; i < r->capture.ncolumns; i++) {
        struct wire_column c = r->capture.columns[i];
        if (wild.len && !wild_match(c.name, wild)) continue;
        struct str schema, table;
        if (f->schema && c.org_table.len) {
            const struct conf *conf = f->realm->conf;
            for (uint32_t k = 0; k < conf->nsources; k++) {
                if (!router_logical(f->realm->snap->router, k, c.schema, c.org_table, &schema, &table)) continue;
                c.schema = schema;
                c.table = c.org_table = table;
                break;
            }
        }
        c.has_defaults = true;
        c.defaults = STR_NULL;
        wire_put_column(&out, &f->seq, &c);
    }
    wire_put_end(&out, &f->seq, f->capabilities, front_status(f), 0);
    front_send(f, out.data, out.len);
    buf_release(&out);
    return false;
}

static bool field_list_then(struct front *f, void *ctx, const struct exec_result *r)
{
    bool taken = field_list_reply(f, ctx, r);
    mem_free(ctx);
    return taken;
}

static void field_list(struct session *s, struct str data)
{
    struct wire_reader r = wire_read(data.ptr, data.len);
    struct str table = wire_get_z(&r);
    if (r.bad || !table.len) {
        malformed(s, "COM_FIELD_LIST");
        return;
    }
    const struct conf_table *t = s->f.schema ? conf_table(s->f.schema, table) : NULL;
    struct buf text = {0};
    struct str pattern = wire_get_rest(&r);
    char *wild = pattern.len ? mem_zalloc(pattern.len + 1) : NULL;
    if (wild) memcpy(wild, pattern.ptr, pattern.len);
    buf_putz(&text, "SELECT * FROM ");
    if (t) {
        sql_put_name(&text, t->nodes[0].database, true);
        buf_putz(&text, ".");
        sql_put_name(&text, t->nodes[0].table, true);
    } else {
        sql_put_name(&text, table, true);
    }
    buf_putz(&text, s->f.system_schema.len ? " WHERE 0" : " LIMIT 0");
    struct exec_text x = {t ? t->nodes[0].source : session_home(s), buf_str(&text)};
    exec_texts(&s->f, &x, 1, EXEC_CAPTURE, EXEC_QUIET | EXEC_NO_BEGIN, field_list_then, wild);
    buf_release(&text);
}

static void unsupported(struct session *s, uint8_t command)
{
    struct str m = arena_printf(&s->f.engine->arena, "Weir: command %s (%u) is not supported through the proxy", wire_command_name(command), command);
    front_err(&s->f, WIRE_ER_UNKNOWN_COM_ERROR, "08S01", m);
    session_done(s);
}

/* Query attributes are for plugins of a server; here they have no reader and are dropped. */
static void query(struct session *s, struct str data)
{
    struct str text = data;
    if (UNLIKELY(s->f.capabilities & WIRE_CAP_QUERY_ATTRIBUTES) && wire_get_query(data, s->f.capabilities, &text) != WIRE_OK) {
        malformed(s, "COM_QUERY: query attributes");
        return;
    }
    session_query(s, text);
}

void command_dispatch(struct session *s, struct str payload)
{
    arena_reset(&s->f.engine->arena);
    if (payload.len == 0) {
        malformed(s, "empty command");
        return;
    }
    s->command = (uint8_t)payload.ptr[0];
    metadata_begin(s, s->command);
    struct str data = str_make(payload.ptr + 1, payload.len - 1);
    switch (s->command) {
    case WIRE_COM_QUERY: query(s, data); return;
    case WIRE_COM_STMT_EXECUTE: stmt_execute(s, data); return;
    case WIRE_COM_STMT_PREPARE: stmt_prepare(s, data); return;
    case WIRE_COM_STMT_CLOSE: stmt_close(s, data); return;
    case WIRE_COM_STMT_RESET: stmt_reset(s, data); return;
    case WIRE_COM_STMT_SEND_LONG_DATA: stmt_long_data(s, data); return;
    case WIRE_COM_STMT_FETCH: stmt_fetch(s, data); return;
    case WIRE_COM_PING: ok(s); return;
    case WIRE_COM_QUIT: session_close(s, false); return;
    case WIRE_COM_INIT_DB: init_db(s, data); return;
    case WIRE_COM_STATISTICS: statistics(s); return;
    case WIRE_COM_SET_OPTION: set_option(s, data); return;
    case WIRE_COM_FIELD_LIST: field_list(s, data); return;
    case WIRE_COM_RESET_CONNECTION:
        session_reset(s);
        s->schema_told = true; /* the schema stays, and servers do not tell it then */
        ok(s);
        return;
    case WIRE_COM_CHANGE_USER: login_change_user(s, data); return;
    case WIRE_COM_PROCESS_KILL: {
        struct wire_reader r = wire_read(data.ptr, data.len);
        uint32_t id = (uint32_t)wire_get_uint(&r, 4);
        if (r.bad) {
            malformed(s, "COM_PROCESS_KILL");
            return;
        }
        s->waits_kill = true;
        s->f.engine->ops->kill(s->f.engine, id, true, s->f.id);
        return;
    }
    default: unsupported(s, s->command); return;
    }
}
