/*
 * views.c - runs a statement that reads information_schema: the questions that must be asked first, one after
 * the other, then the statement itself over derived tables (views.h).
 *
 *   for each table read:    LEARN  its columns, of the default source and of every source that rows come from
 *                           GATHER its rows from those sources
 *                           SUMS   sizes of all nodes, when the statement looks at sizes
 *   -> text -> plan -> exec_plan
 *
 * The answers live in the job's arena, which is bounded by max_statement_memory; the text by TEXT_MAX, which
 * any server accepts.
 */
#include "proxy/session/views.h"

#include "proxy/session/session.h"

enum { TEXT_MAX = 12 << 20, FLAGS = EXEC_NO_DB | EXEC_NO_BEGIN | EXEC_QUIET };

struct learned { /* columns of a table on a source */
    uint32_t source;
    const struct view_def *def;
    struct view_columns columns;
};
struct gathered {
    uint32_t source, nrows;
    const struct str *fields;
};
struct place { /* a reference in the statement */
    const struct sql_table *table;
    const struct view_def *def;
    struct view_filter filter;
    VEC(struct gathered) rows;
    VEC(struct view_sums) sums;
};
enum step_kind { STEP_LEARN, STEP_GATHER, STEP_SUMS, STEP_CLIENTS };
struct step {
    enum step_kind kind;
    uint32_t source, place;
};
struct view_job {
    struct session *s;
    struct plan *plan; /* holds tree and text */
    exec_then *then;   /* the result is captured for it; NULL: it goes to the client */
    void *ctx;
    struct arena arena;
    uint32_t home, at;
    bool *allowed;
    struct place *places;
    uint32_t nplaces;
    VEC(struct learned) learned;
    VEC(struct step) steps;
};

static bool step_then(struct front *f, void *ctx, const struct exec_result *r);

static void job_free(struct view_job *j)
{
    if (j->plan) plan_unref(j->plan);
    arena_release(&j->arena);
    mem_free(j);
}

static const struct str too_much = {
    "Weir: out of memory, or the answer from information_schema is over max_statement_memory", 87};

/* Tells of an error (NULL: memory); true: what follows has begun (exec_then). */
static bool tell(struct front *f, const struct fault *fault, exec_then *then, void *ctx)
{
    struct exec_result r = {.failed = true, .fault = {WIRE_ER_OUT_OF_RESOURCES, "HY000", too_much}};
    if (fault) r.fault = *fault;
    if (then) return then(f, ctx, &r);
    front_fault(f, &r.fault);
    return false;
}

static bool job_end(struct view_job *j, const struct fault *fault)
{
    struct front *f = &j->s->f;
    exec_then *then = j->then;
    void *ctx = j->ctx;
    job_free(j);
    return tell(f, fault, then, ctx);
}

static void job_fail(struct view_job *j, const struct fault *fault)
{
    struct session *s = j->s;
    if (!job_end(j, fault)) session_done(s);
}

/* ---- which references ---- */

static bool is_read(const struct front *f, const struct sql_table *t)
{
    struct str schema = t->name.schema.len ? t->name.schema : f->system_schema;
    return !t->cte && t->role == SQL_R_READ && str_eq_nocase(schema, STR("information_schema")) &&
           view_def(t->name.name);
}

static struct view_ask ask_of(const struct view_job *j, uint32_t place, const struct view_columns *columns)
{
    const struct front *f = &j->s->f;
    return (struct view_ask){.conf = f->realm->conf,
                             .def = j->places[place].def,
                             .columns = columns,
                             .filter = &j->places[place].filter,
                             .allowed = j->allowed,
                             .all_system = !f->restricted,
                             .home = j->home,
                             .opt = &f->opt,
                             .sums = j->places[place].sums.at,
                             .nsums = j->places[place].sums.len};
}

static const struct view_columns *columns_on(const struct view_job *j, uint32_t source, const struct view_def *def)
{
    for (uint32_t i = 0; i < j->learned.len; i++)
        if (j->learned.at[i].source == source && j->learned.at[i].def == def)
            return &j->learned.at[i].columns;
    return NULL;
}

/* ---- the plan of questions ---- */

static bool add_step(struct view_job *j, enum step_kind kind, uint32_t source, uint32_t place)
{
    for (uint32_t i = 0; kind == STEP_LEARN && i < j->steps.len; i++) {
        const struct step *x = &j->steps.at[i];
        if (x->kind == kind && x->source == source && j->places[x->place].def == j->places[place].def)
            return true;
    }
    struct step *s = vec_push(&j->steps, &j->arena);
    if (s) *s = (struct step){kind, source, place};
    return s != NULL;
}

static bool plan_place(struct view_job *j, uint32_t i)
{
    const struct conf *c = j->s->f.realm->conf;
    const struct place *p = &j->places[i];
    if (p->def->values) return true;
    bool ok = add_step(j, STEP_LEARN, j->home, i);
    if (p->def->clients) return ok && add_step(j, STEP_CLIENTS, j->home, i);
    for (uint32_t s = 0; s < c->nsources && ok; s++) {
        struct view_ask q = ask_of(j, i, NULL);
        if (s != j->home && view_needs(&q, s))
            ok = add_step(j, STEP_LEARN, s, i) && add_step(j, STEP_GATHER, s, i);
    }
    bool sums = str_eq(str_of(p->def->name), STR("TABLES")) && view_wants_sums(plan_info(j->plan)->scan);
    for (uint32_t s = 0; s < c->nsources && ok && sums; s++) {
        struct view_ask q = ask_of(j, i, NULL);
        struct buf t = {0};
        if (view_put_sums(&q, s, &t)) ok = add_step(j, STEP_SUMS, s, i);
        ok &= !t.failed;
        buf_release(&t);
    }
    return ok;
}

static bool find_places(struct view_job *j)
{
    const struct front *f = &j->s->f;
    const struct plan_info *info = plan_info(j->plan);
    struct str current = session_schema(j->s);
    struct control_source home = {0};
    control_source_state(f->realm->snap->control, j->home, &home);
    j->places = arena_array(&j->arena, struct place, info->stmt->ntables + 1);
    if (!j->places) return false;
    for (uint32_t i = 0; i < info->stmt->ntables; i++) {
        const struct sql_table *t = info->stmt->tables[i];
        if (!is_read(f, t) || (view_def(t->name.name)->values && !home.mariadb)) continue;
        struct place *p = &j->places[j->nplaces++];
        p->table = t;
        p->def = view_def(t->name.name);
        if (!view_filter_read(info->scan, t, p->def, current, &j->arena, &p->filter) ||
            !plan_place(j, j->nplaces - 1))
            return false;
    }
    return true;
}

/* ---- answers ---- */

static enum view_class class_of(const struct wire_column *c)
{
    enum view_class whole = c->flags & WIRE_COLUMN_UNSIGNED ? VIEW_UNSIGNED : VIEW_NUMBER;
    switch (c->type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_LONGLONG:
    case WIRE_TYPE_INT24: return whole;
    case WIRE_TYPE_DECIMAL:
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE:
    case WIRE_TYPE_YEAR:
    case WIRE_TYPE_NEWDECIMAL: return VIEW_NUMBER;
    case WIRE_TYPE_TIMESTAMP:
    case WIRE_TYPE_DATETIME: return VIEW_TIME;
    default: return VIEW_TEXT;
    }
}

static bool keep_columns(struct view_job *j, const struct step *st, const struct exec_capture *c)
{
    struct learned *l = vec_push(&j->learned, &j->arena);
    if (!l) return false;
    l->source = st->source;
    l->def = j->places[st->place].def;
    l->columns.at = arena_array(&j->arena, struct view_column, c->ncolumns + 1);
    if (!l->columns.at) return false;
    for (uint32_t i = 0; i < c->ncolumns; i++) {
        struct str name = arena_str(&j->arena, c->columns[i].name);
        if (!name.ptr) return false;
        l->columns.at[i] = (struct view_column){name, class_of(&c->columns[i])};
    }
    l->columns.n = c->ncolumns;
    return true;
}

static bool keep_rows(struct view_job *j, const struct step *st, const struct exec_capture *c)
{
    struct gathered *g = vec_push(&j->places[st->place].rows, &j->arena);
    size_t n = (size_t)c->nrows * c->ncolumns;
    struct str *fields = arena_array(&j->arena, struct str, n + 1);
    if (!g || !fields) return false;
    for (size_t i = 0; i < n; i++) {
        fields[i] = c->fields[i].ptr ? arena_str(&j->arena, c->fields[i]) : STR_NULL;
        if (c->fields[i].ptr && !fields[i].ptr) return false;
    }
    *g = (struct gathered){st->source, c->nrows, fields};
    return true;
}

static struct view_sums *sums_for(struct view_job *j, struct place *p, const struct conf_table *t)
{
    for (uint32_t i = 0; i < p->sums.len; i++)
        if (p->sums.at[i].table == t) return &p->sums.at[i];
    struct view_sums *s = vec_push(&p->sums, &j->arena);
    if (s) s->table = t;
    return s;
}

static uint64_t number(struct str s)
{
    uint64_t v;
    return s.ptr && str_to_u64(s, &v) ? v : 0;
}

static bool keep_sums(struct view_job *j, const struct step *st, const struct exec_capture *c)
{
    const struct front *f = &j->s->f;
    for (uint32_t i = 0; i < c->nrows; i++) {
        const struct str *row = &c->fields[(size_t)i * c->ncolumns];
        struct str schema, name;
        if (!router_logical(f->realm->snap->router, st->source, row[0], row[1], &schema, &name)) continue;
        const struct conf_schema *s = conf_schema(f->realm->conf, schema);
        const struct conf_table *t = s ? conf_table(s, name) : NULL;
        struct view_sums *sum = t ? sums_for(j, &j->places[st->place], t) : NULL;
        if (!t) continue;
        if (!sum) return false;
        sum->rows += number(row[2]);
        sum->data += number(row[3]);
        sum->index += number(row[4]);
        sum->free += number(row[5]);
    }
    return true;
}

/* ---- the statement itself ---- */

static bool put_place(struct view_job *j, uint32_t i, struct str *out)
{
    const struct place *p = &j->places[i];
    const struct view_columns *columns = columns_on(j, j->home, p->def);
    struct view_ask q = ask_of(j, i, columns);
    struct control_source home = {0};
    struct buf t = {.max = TEXT_MAX};
    control_source_state(j->s->f.realm->snap->control, j->home, &home);
    if (p->def->values) {
        (void)sysvars_table(j->s, str_of(p->def->name), &t);
        *out = t.failed ? STR_NULL : arena_str(&j->arena, buf_str(&t));
        buf_release(&t);
        return out->ptr != NULL;
    }
    if (p->def->clients || !view_put_branches(&q, j->home, columns, false, &t)) view_put_none(&q, &t);
    for (uint32_t k = 0; k < p->rows.len; k++) {
        if (!p->rows.at[k].nrows) continue;
        buf_putz(&t, " UNION ALL ");
        view_put_rows(columns, p->rows.at[k].fields, p->rows.at[k].nrows, home.mariadb, q.opt, &t);
    }
    *out = t.failed ? STR_NULL : arena_str(&j->arena, buf_str(&t));
    buf_release(&t);
    return out->ptr != NULL;
}

static bool render(struct view_job *j, struct buf *out)
{
    const struct plan_info *info = plan_info(j->plan);
    struct view_place *places = arena_array(&j->arena, struct view_place, j->nplaces + 1);
    struct control_source home = {0};
    if (!places) return false;
    control_source_state(j->s->f.realm->snap->control, j->home, &home);
    for (uint32_t i = 0; i < j->nplaces; i++) {
        places[i].table = j->places[i].table;
        if (home.mariadb) places[i].columns = columns_on(j, j->home, j->places[i].def);
        if (!put_place(j, i, &places[i].text)) return false;
    }
    return view_render(info->scan, info->stmt, places, j->nplaces, &j->arena, out);
}

static void run(struct view_job *j)
{
    struct session *s = j->s;
    struct front *f = &s->f;
    struct engine *e = f->engine;
    struct plan_env env = front_env(f);
    struct plan *p = NULL;
    struct fault fault = {0};
    struct buf text = {.max = TEXT_MAX};
    env.system_as_is = true;
    if (!render(j, &text)) {
        fault_set(&fault, &e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000",
                  "Weir: the answer from information_schema is over %u MB or max_statement_memory; say which "
                  "TABLE_SCHEMA and TABLE_NAME",
                  TEXT_MAX >> 20);
        job_fail(j, &fault);
    } else if (sql_scan(&e->scan, text.data, text.len, 0, &f->opt) != SQL_OK) {
        job_fail(j, NULL);
    } else if (plan_build(&env, &e->scan, &e->arena, &p, &fault) != SQL_OK) {
        job_fail(j, &fault);
    } else {
        exec_then *then = j->then;
        void *ctx = j->ctx;
        job_free(j);
        if (then)
            exec_plan_quiet(f, p, buf_str(&text), then, ctx);
        else
            exec_plan(f, p, buf_str(&text), false);
        plan_unref(p);
    }
    buf_release(&text);
}

/* ---- steps ---- */

static void put_step(struct view_job *j, const struct step *st, struct buf *t)
{
    const struct view_def *d = j->places[st->place].def;
    struct view_ask q = ask_of(j, st->place, columns_on(j, j->home, d));
    switch (st->kind) {
    case STEP_LEARN: buf_printf(t, "SELECT * FROM information_schema.%s WHERE 0", d->name); return;
    case STEP_GATHER: (void)view_put_branches(&q, st->source, columns_on(j, st->source, d), true, t); return;
    case STEP_SUMS: (void)view_put_sums(&q, st->source, t); return;
    case STEP_CLIENTS: return;
    }
}

/* ---- PROCESSLIST: the answer comes from the other workers ---- */

static void ask_clients(struct view_job *j)
{
    struct session *s = j->s;
    s->listing = j;
    s->f.engine->ops->list(s->f.engine, s->f.id, s->f.account);
}

static struct str client_field(const struct view_column *c, const struct str *fields)
{
    static const char *const names[SESSION_LIST_COLUMNS] = {"ID", "USER", "HOST", "DB", "COMMAND", "TIME", "STATE", "INFO", "TIME_MS"};
    for (int i = 0; i < SESSION_LIST_COLUMNS; i++) {
        if (str_eq_nocase(c->name, str_of(names[i]))) return fields[i];
    }
    if (str_eq_nocase(c->name, STR("INFO_BINARY"))) return fields[7];
    return c->cls == VIEW_TEXT ? STR_NULL : STR("0");
}

static struct str plan_text(const struct plan *p)
{
    const struct sql_scan *scan = plan_info(p)->scan;
    return str_make(scan->text, scan->len);
}

static bool keep_clients(struct view_job *j, const struct step *st, const struct buf *rows)
{
    const struct view_columns *columns = columns_on(j, j->home, j->places[st->place].def);
    struct str fields[SESSION_LIST_COLUMNS];
    uint32_t n = 0;
    for (size_t at = 0; session_list_next(rows, &at, fields);) n++;
    struct gathered *g = vec_push(&j->places[st->place].rows, &j->arena);
    struct str *all = arena_array(&j->arena, struct str, (size_t)n * columns->n + 1), *to = all;
    if (!g || !all || rows->failed) return false;
    for (size_t at = 0; session_list_next(rows, &at, fields);) {
        uint64_t id = 0;
        if (str_to_u64(fields[0], &id) && id == j->s->f.id) fields[7] = plan_text(j->plan);
        for (uint32_t i = 0; i < columns->n; i++, to++) {
            struct str v = client_field(&columns->at[i], fields);
            *to = v.ptr ? arena_str(&j->arena, v) : STR_NULL;
            if (v.ptr && !to->ptr) return false;
        }
    }
    *g = (struct gathered){st->source, n, all};
    return true;
}

static void advance(struct view_job *j);

void views_listed(struct session *s, const struct buf *rows)
{
    struct view_job *j = s->listing;
    s->listing = NULL;
    if (!rows) job_free(j);
    else if (keep_clients(j, &j->steps.at[j->at++], rows)) advance(j);
    else job_fail(j, NULL);
}

/* The next question, or the statement. */
static void advance(struct view_job *j)
{
    while (j->at < j->steps.len) {
        const struct step *st = &j->steps.at[j->at];
        struct buf t = {.max = TEXT_MAX};
        if (st->kind == STEP_CLIENTS) {
            ask_clients(j);
            return;
        }
        put_step(j, st, &t);
        struct exec_text x = {st->source, buf_str(&t)};
        if (t.failed) {
            buf_release(&t);
            job_fail(j, NULL);
            return;
        }
        exec_texts(&j->s->f, &x, 1, EXEC_CAPTURE, FLAGS, step_then, j);
        buf_release(&t);
        return;
    }
    run(j);
}

static bool step_then(struct front *f, void *ctx, const struct exec_result *r)
{
    struct view_job *j = ctx;
    const struct step *st = &j->steps.at[j->at++];
    const struct exec_capture *c = &r->capture;
    bool ok = !r->failed;
    if (ok) {
        switch (st->kind) {
        case STEP_LEARN: ok = keep_columns(j, st, c); break;
        case STEP_GATHER: ok = keep_rows(j, st, c); break;
        case STEP_SUMS: ok = keep_sums(j, st, c); break;
        case STEP_CLIENTS: break;
        }
    }
    if (ok && f->link) {
        advance(j);
        return true;
    }
    return job_end(j, r->failed ? &r->fault : NULL);
}

static void start(struct session *s, struct plan *p, exec_then *then, void *ctx)
{
    const struct front *f = &s->f;
    const struct conf *c = f->realm->conf;
    struct view_job *j = mem_zalloc(sizeof *j);
    if (!j) {
        if (!tell(&s->f, NULL, then, ctx)) session_done(s);
        return;
    }
    j->s = s;
    j->plan = plan_ref(p);
    j->then = then;
    j->ctx = ctx;
    arena_init(&j->arena, c->weir.max_statement_memory);
    j->home = session_home(s);
    j->allowed = arena_array(&j->arena, bool, c->nschemas + 1);
    for (uint32_t i = 0; j->allowed && i < c->nschemas; i++)
        j->allowed[i] = login_may_use(s, c->schemas[i].name);
    if (!j->allowed || !find_places(j))
        job_fail(j, NULL);
    else
        advance(j);
}

void views_statement(struct session *s, struct plan *p)
{
    start(s, p, NULL, NULL);
}

void views_value(struct session *s, struct str text, exec_then *then, void *ctx)
{
    struct front *f = &s->f;
    struct engine *e = f->engine;
    struct plan_env env = front_env(f);
    struct plan *p = NULL;
    struct fault fault = {WIRE_ER_OUT_OF_RESOURCES, "HY000", too_much};
    if (sql_scan(&e->scan, text.ptr, text.len, 0, &f->opt) != SQL_OK ||
        plan_build(&env, &e->scan, &e->arena, &p, &fault) != SQL_OK) {
        if (!tell(f, &fault, then, ctx)) session_done(s);
        return;
    }
    if (plan_info(p)->kind == PLAN_SESSION)
        start(s, p, then, ctx);
    else
        exec_plan_quiet(f, p, text, then, ctx);
    plan_unref(p);
}

/* ---- SHOW ---- */

#define STATUS_COLUMNS                                                                                       \
    "TABLE_NAME AS Name, ENGINE AS Engine, VERSION AS Version, ROW_FORMAT AS Row_format, TABLE_ROWS AS "     \
    "`Rows`, AVG_ROW_LENGTH AS Avg_row_length, "                                                             \
    "DATA_LENGTH AS Data_length, MAX_DATA_LENGTH AS Max_data_length, INDEX_LENGTH AS Index_length, "         \
    "DATA_FREE AS Data_free, "                                                                               \
    "AUTO_INCREMENT AS Auto_increment, CREATE_TIME AS Create_time, UPDATE_TIME AS Update_time, CHECK_TIME "  \
    "AS Check_time, "                                                                                        \
    "TABLE_COLLATION AS Collation, CHECKSUM AS Checksum, CREATE_OPTIONS AS Create_options, TABLE_COMMENT "   \
    "AS Comment"
#define CODE_COLUMNS                                                                                         \
    "CHARACTER_SET_CLIENT AS character_set_client, COLLATION_CONNECTION AS collation_connection, "           \
    "DATABASE_COLLATION AS `Database Collation`"
#define ROUTINE_COLUMNS                                                                                      \
    "ROUTINE_SCHEMA AS Db, ROUTINE_NAME AS Name, ROUTINE_TYPE AS Type, DEFINER AS Definer, LAST_ALTERED AS " \
    "Modified, CREATED AS Created, "                                                                         \
    "SECURITY_TYPE AS Security_type, ROUTINE_COMMENT AS Comment, " CODE_COLUMNS

static const struct show {
    enum sql_show what;
    const char *columns, *mariadb_columns; /* of the answer */
    const char *from;
    const char *condition; /* on the schema, or the kind */
    bool by_schema;        /* its value is the schema's name */
    const char *like;      /* column that LIKE filters */
    const char *order;
} shows[] = {
    {SQL_SHOW_TABLE_STATUS, STATUS_COLUMNS, ", MAX_INDEX_LENGTH AS Max_index_length, TEMPORARY AS Temporary",
     "TABLES", "TABLE_SCHEMA=", true, "TABLE_NAME", "Name COLLATE utf8mb3_bin"},
    {SQL_SHOW_TRIGGERS,
     "TRIGGER_NAME AS `Trigger`, EVENT_MANIPULATION AS Event, EVENT_OBJECT_TABLE AS `Table`, "
     "ACTION_STATEMENT AS Statement, ACTION_TIMING AS Timing, "
     "CREATED AS Created, SQL_MODE AS sql_mode, DEFINER AS Definer, " CODE_COLUMNS,
     "", "TRIGGERS", "EVENT_OBJECT_SCHEMA=", true, "EVENT_OBJECT_TABLE", "`Table`, Timing, Event, Created"},
    {SQL_SHOW_EVENTS,
     "EVENT_SCHEMA AS Db, EVENT_NAME AS Name, DEFINER AS Definer, TIME_ZONE AS `Time zone`, EVENT_TYPE AS "
     "Type, EXECUTE_AT AS `Execute at`, "
     "INTERVAL_VALUE AS `Interval value`, INTERVAL_FIELD AS `Interval field`, STARTS AS Starts, ENDS AS "
     "Ends, STATUS AS Status, "
     "ORIGINATOR AS Originator, " CODE_COLUMNS,
     "", "EVENTS", "EVENT_SCHEMA=", true, "EVENT_NAME", "Db, Name"},
    {SQL_SHOW_FUNCTION_STATUS, ROUTINE_COLUMNS, "", "ROUTINES", "ROUTINE_TYPE='FUNCTION'", false,
     "ROUTINE_NAME", "Db, Name"},
    {SQL_SHOW_PROCEDURE_STATUS, ROUTINE_COLUMNS, "", "ROUTINES", "ROUTINE_TYPE='PROCEDURE'", false,
     "ROUTINE_NAME", "Db, Name"},
};

static void run_text(struct session *s, struct str text)
{
    struct front *f = &s->f;
    struct engine *e = f->engine;
    struct plan_env env = front_env(f);
    struct plan *p = NULL;
    struct fault fault = {WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
    if (sql_scan(&e->scan, text.ptr, text.len, 0, &f->opt) != SQL_OK ||
        plan_build(&env, &e->scan, &e->arena, &p, &fault) != SQL_OK) {
        front_fault(f, &fault);
        session_done(s);
        return;
    }
    views_statement(s, p);
    plan_unref(p);
}

void views_show(struct session *s, const struct sql_scan *scan, const struct sql_show_stmt *sh,
                struct str schema)
{
    const struct show *w = shows;
    struct buf t = {0};
    struct control_source home = {0};
    while (w->what != sh->what) w++;
    control_source_state(s->f.realm->snap->control, session_home(s), &home);
    buf_printf(&t, "SELECT * FROM (SELECT %s%s FROM information_schema.%s WHERE %s", w->columns,
               home.mariadb ? w->mariadb_columns : "", w->from, w->condition);
    if (w->by_schema) sql_put_string(&t, schema, &s->f.opt);
    if (sh->like) {
        buf_printf(&t, " AND %s LIKE ", w->like);
        buf_put_str(&t, sql_span_str(scan, sh->like->span));
    }
    buf_putz(&t, ") AS x");
    if (sh->where) {
        buf_putz(&t, " WHERE ");
        buf_put_str(&t, sql_span_str(scan, sh->where->span));
    }
    buf_printf(&t, " ORDER BY %s", w->order);
    if (t.failed) {
        front_err(&s->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
        session_done(s);
    } else {
        run_text(s, buf_str(&t));
    }
    buf_release(&t);
}
