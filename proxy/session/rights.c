/*
 * rights.c - which schemas a user may name.
 *
 * A user with a `schemas` list sees those and information_schema; the rest is as if it were not there. Statements that are routed are
 * checked name by name; of those whose grammar is not read, every name in front of a dot counts.
 */
#include "proxy/session/session.h"

bool login_may_use(const struct session *s, struct str schema)
{
    if (s->user->nschemas == 0) return true;
    for (uint32_t i = 0; i < s->user->nschemas; i++) {
        if (str_eq(s->user->schemas[i].value, schema) || str_eq(s->user->schemas[i].value, STR("*"))) return true;
    }
    return false;
}

static bool is_server_schema(struct str n)
{
    return str_eq_nocase(n, STR("mysql")) || str_eq_nocase(n, STR("sys")) || str_eq_nocase(n, STR("performance_schema"));
}

/* A database that a user with a `schemas` list must not name: any but those of the list and information_schema. */
static bool forbidden(const struct session *s, struct str schema)
{
    if (!s->f.restricted || !schema.len || str_eq_nocase(schema, STR("information_schema"))) return false;
    return !conf_schema(s->f.realm->conf, schema) || !login_may_use(s, schema);
}

/* Of statements whose grammar is not read: a closed schema's name in front of a dot. (Other names there may be aliases.) */
static struct str forbidden_token(const struct session *s, const struct sql_scan *scan)
{
    for (uint32_t i = 0; i + 1 < scan->ntoks; i++) {
        const struct sql_tok *t = &scan->toks[i];
        if ((t->kind != SQL_T_WORD && t->kind != SQL_T_QUOTED) || scan->toks[i + 1].kind != SQL_T_OP || scan->toks[i + 1].word != SQL_OP_DOT) continue;
        struct str name = sql_text(scan, i, &s->f.engine->arena);
        if (forbidden(s, name) && (conf_schema(s->f.realm->conf, name) || is_server_schema(name))) return name;
    }
    return STR_NULL;
}

struct call_walk {
    const struct session *s;
    struct str bad;
};

/* Stored functions: SELECT other.f(1). */
static bool check_call(void *ctx, struct sql_expr *e)
{
    struct call_walk *w = ctx;
    if (e->kind == SQL_E_CALL && forbidden(w->s, e->call->name.schema)) w->bad = e->call->name.schema;
    return !w->bad.ptr;
}

static struct str forbidden_name(const struct session *s, const struct plan_info *info)
{
    const struct sql_stmt *st = info->stmt;
    struct call_walk w = {s, STR_NULL};
    for (uint32_t i = 0; st && i < st->ntables; i++) {
        struct str schema = st->tables[i]->name.schema.len ? st->tables[i]->name.schema : s->f.system_schema;
        if (forbidden(s, schema)) return schema;
        bool writes = str_eq_nocase(schema, STR("information_schema")) ? st->tables[i]->role != SQL_R_READ : is_server_schema(schema);
        if (writes && info->cls != PLAN_READ) return schema; /* the servers' own tables: nobody writes them through Weir */
    }
    if (!s->f.restricted) return STR_NULL;
    bool shows = st && (st->kind == SQL_SHOW || st->kind == SQL_DESCRIBE) && forbidden(s, st->show->schema);
    if (shows && (conf_schema(s->f.realm->conf, st->show->schema) || is_server_schema(st->show->schema))) return st->show->schema;
    if (st && st->kind == SQL_CALL && forbidden(s, st->call.name.schema)) return st->call.name.schema;
    if (st) (void)sql_walk(st, check_call, &w);
    bool known = st && (st->kind <= SQL_DELETE || st->kind == SQL_SET || st->kind == SQL_SHOW || st->kind == SQL_DESCRIBE || st->kind == SQL_DO ||
                        st->kind == SQL_EXPLAIN || st->kind == SQL_WEIR);
    if (!w.bad.ptr && !known && info->scan) w.bad = forbidden_token(s, info->scan);
    return w.bad;
}

bool login_may_run(struct front *f, struct plan *p)
{
    const struct session *s = session_of(f);
    struct str bad = forbidden_name(s, plan_info(p));
    if (!bad.ptr) return true;
    front_err(f, WIRE_ER_DBACCESS_DENIED_ERROR, "42000",
              arena_printf(&f->engine->arena, "Access denied for user '%.*s'@'%s' to database '%.*s'", STR_ARG(f->account), s->host, STR_ARG(bad)));
    return false;
}
