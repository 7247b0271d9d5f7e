/* prepared.c - the worker's shared prepared statements: see prepared.h. */
#include "proxy/exec/prepared.h"

enum { IDLE_MAX = 512, IDLE_TEXT = 16 << 10, IDLE_DEFINITIONS = 64 << 10 };

struct key_head { /* what makes two equal texts different statements; compared as bytes */
    uint64_t catalog;
    const struct realm *realm;
    uint8_t bits[8];
    uint32_t version, trail;
    uint32_t schema_length, unused;
};

static struct str put_key(struct buf *out, struct realm *r, struct str schema, const struct sql_options *o, bool foreign, bool no_zero, struct str text)
{
    struct key_head h = {.catalog = r->catalog ? r->catalog->version : 0,
                         .realm = r,
                         .bits = {o->ansi_quotes, o->no_backslash_escapes, o->pipes_as_concat, o->ignore_space, o->high_not_precedence, o->mariadb, foreign, no_zero},
                         .version = (uint32_t)o->version,
                         .trail = (uint32_t)o->trail,
                         .schema_length = (uint32_t)schema.len};
    buf_reset(out);
    buf_put(out, &h, sizeof h);
    buf_put_str(out, schema);
    buf_put_str(out, text);
    return buf_str(out);
}

static void destroy(struct prepared *p)
{
    struct realm *r = p->realm;
    list_remove(&p->node);
    (void)map_del(&r->engine->prepared, p->key);
    plan_unref(p->plan);
    buf_release(&p->definitions);
    mem_free(p);
    realm_unref(r);
}

static void take_off_idle(struct engine *e, struct prepared *p)
{
    if (p->refs || list_empty(&p->node)) return;
    list_remove(&p->node);
    e->nprepared_idle--;
}

void prepared_unref(struct prepared *p)
{
    struct engine *e = p->realm->engine;
    if (--p->refs > 0) return;
    if (p->text.len > IDLE_TEXT || p->definitions.cap > IDLE_DEFINITIONS || p->realm->retired) {
        destroy(p);
        return;
    }
    list_prepend(&e->prepared_idle, &p->node);
    if (++e->nprepared_idle <= IDLE_MAX) return;
    struct prepared *oldest = CONTAINER_OF(e->prepared_idle.prev, struct prepared, node);
    e->nprepared_idle--;
    destroy(oldest);
}

void prepared_tick(struct engine *e)
{
    for (struct list *n = e->prepared_idle.next, *next; n != &e->prepared_idle; n = next) {
        struct prepared *p = CONTAINER_OF(n, struct prepared, node);
        next = n->next;
        if (!p->realm->retired) continue;
        e->nprepared_idle--;
        destroy(p);
    }
}

void prepared_free_idle(struct engine *e)
{
    while (!list_empty(&e->prepared_idle)) destroy(CONTAINER_OF(e->prepared_idle.next, struct prepared, node));
    e->nprepared_idle = 0;
}

void prepared_add_definition(struct buf *definitions, struct str payload)
{
    buf_put_u32(definitions, (uint32_t)payload.len);
    buf_put_str(definitions, payload);
}

static void no_memory(struct fault *f)
{
    *f = (struct fault){WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
}

static struct prepared *get(struct front *f, struct str schema, const struct sql_options *opt, bool foreign, bool no_zero, struct str text, struct fault *fault)
{
    struct engine *e = f->engine;
    struct realm *r = f->realm;
    struct buf *scratch = &e->out;
    struct str key = put_key(scratch, r, schema, opt, foreign, no_zero, text);
    if (scratch->failed) {
        no_memory(fault);
        return NULL;
    }
    struct prepared *p = map_get(&e->prepared, key);
    if (p) {
        take_off_idle(e, p);
        p->refs++;
        return p;
    }
    p = mem_zalloc(sizeof *p + key.len);
    if (!p) {
        no_memory(fault);
        return NULL;
    }
    char *copy = (char *)(p + 1);
    memcpy(copy, key.ptr, key.len);
    list_init(&p->node);
    p->key = str_make(copy, key.len);
    p->schema = str_make(copy + sizeof(struct key_head), schema.len);
    p->text = str_make(copy + sizeof(struct key_head) + schema.len, text.len);
    p->opt = *opt;
    p->foreign_charset = foreign;
    p->no_auto_value_on_zero = no_zero;
    p->realm = r;
    p->catalog = r->catalog ? r->catalog->version : 0;
    p->refs = 1;
    struct plan_env env = {.router = r->snap->router, .catalog = r->catalog, .schema = p->schema, .foreign_charset = foreign, .no_auto_value_on_zero = no_zero};
    enum sql_status st = sql_scan(&e->scan, p->text.ptr, p->text.len, 0, opt);
    if (st != SQL_OK) no_memory(fault);
    else if (e->scan.seen & SQL_SEEN_MORE)
        *fault = (struct fault){WIRE_ER_PARSE_ERROR, "42000", STR("You have an error in your SQL syntax: a prepared statement is one statement; prepare each by itself")};
    else if (plan_build(&env, &e->scan, &e->arena, &p->plan, fault) == SQL_OK) {
        realm_ref(r);
        if (map_put(&e->prepared, p->key, p)) return p;
        plan_unref(p->plan);
        realm_unref(r);
        no_memory(fault);
    }
    mem_free(p);
    return NULL;
}

struct prepared *prepared_get(struct front *f, struct str text, struct fault *fault)
{
    return get(f, f->schema ? f->schema->name : f->system_schema, &f->opt, f->foreign_charset, f->no_auto_value_on_zero, text, fault);
}

struct prepared *prepared_renew(struct front *f, struct prepared *p, struct fault *fault)
{
    if (LIKELY(p->realm == f->realm && (!f->realm->catalog || p->catalog == f->realm->catalog->version))) return p;
    struct prepared *now = get(f, p->schema, &p->opt, p->foreign_charset, p->no_auto_value_on_zero, p->text, fault);
    prepared_unref(p);
    return now;
}
