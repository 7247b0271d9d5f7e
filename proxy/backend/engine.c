/* engine.c - the worker's shared parts: set-up, realms, log lines. */
#include "proxy/backend/engine.h"
#include "proxy/backend/pool.h"
#include "proxy/backend/settings.h"

#include <stdio.h>

void engine_init(struct engine *e, const struct engine_ops *ops, void *net, uint32_t index)
{
    memset(e, 0, sizeof *e);
    e->ops = ops;
    e->net = net;
    e->index = index;
    arena_init(&e->arena, 64 << 20);
    map_init(&e->settings, false);
    map_init(&e->prepared, false);
    struct list *lists[] = {&e->free_execs, &e->sessions, &e->id_waiters, &e->catalog_waiters, &e->pool_waiters, &e->opening, &e->draining, &e->prepared_idle};
    for (size_t i = 0; i < COUNT_OF(lists); i++) list_init(lists[i]);
    e->no_settings = settings_with(e, NULL, STR(""), STR_NULL);
}

void engine_release(struct engine *e)
{
    settings_unref(e, e->no_settings);
    map_release(&e->settings);
    map_release(&e->prepared);
    sql_scan_release(&e->scan);
    arena_release(&e->arena);
    buf_release(&e->out);
}

void engine_log(struct engine *e, enum conf_log_level level, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    e->ops->log(e, level, line);
}

struct realm *realm_new(struct engine *e, struct snapshot *s, struct catalog *c)
{
    struct realm *r = mem_zalloc(sizeof *r);
    if (!r) return NULL;
    r->engine = e;
    r->snap = s;
    r->conf = s->conf;
    r->refs = 1;
    r->pools = mem_zalloc(sizeof *r->pools * (s->conf->nsources + 1));
    r->cache = plan_cache_new(s->conf->weir.max_plans, 64 << 20);
    if (!r->pools || !r->cache) {
        mem_free(r->pools);
        plan_cache_free(r->cache);
        mem_free(r);
        return NULL;
    }
    snapshot_ref(s);
    r->catalog = c ? catalog_ref(c) : NULL;
    for (uint32_t i = 0; i < s->conf->nsources; i++) pool_init(&r->pools[i], r, i);
    return r;
}

void realm_ref(struct realm *r)
{
    r->refs++;
}

void realm_unref(struct realm *r)
{
    if (--r->refs > 0) return;
    plan_cache_free(r->cache);
    catalog_unref(r->catalog);
    mem_free(r->pools);
    struct snapshot *s = r->snap;
    mem_free(r);
    snapshot_unref(s);
}

void realm_retire(struct realm *r)
{
    r->retired = true;
    for (uint32_t i = 0; i < r->conf->nsources; i++) pool_close_idle(&r->pools[i]);
    realm_unref(r);
}
