/*
 * cache.c - plans by statement key: one hash table and one list by last use a worker.
 *
 * Found means equal: key bytes, schema, reading options, catalog version, rules; a hash alone is never
 * believed. A plan with guards (ORDER BY 2) shares its key with others: they stand in one chain, each
 * accepting its own literals.
 */
#include "router/plan.h"

enum { MAX_KEY = 8192, MIN_BUCKETS = 64 };

struct entry {
    struct list lru; /* first: last used */
    struct entry *next;
    struct plan *plan;
    uint64_t hash, options, catalog;
    const struct router *router;
    size_t bytes;
};
struct plan_cache {
    struct entry **buckets;
    uint32_t nbuckets; /* power of two */
    uint64_t max_plans, max_bytes;
    struct list lru;
    struct plan_cache_stats stats;
};

static uint64_t options_of(const struct plan_env *env, const struct sql_scan *s)
{
    const struct sql_options *o = &s->opt;
    uint64_t bits = (uint64_t)o->ansi_quotes | (uint64_t)o->no_backslash_escapes << 1 |
                    (uint64_t)o->pipes_as_concat << 2 | (uint64_t)o->ignore_space << 3 |
                    (uint64_t)o->high_not_precedence << 4 | (uint64_t)o->mariadb << 5 |
                    (uint64_t)env->foreign_charset << 6 | (uint64_t)env->no_auto_value_on_zero << 7;
    return bits | (uint64_t)o->trail << 8 | (uint64_t)o->version << 32;
}

static uint64_t catalog_version(const struct plan_env *env)
{
    return env->catalog ? env->catalog->version : 0;
}

struct plan_cache *plan_cache_new(uint64_t max_plans, uint64_t max_bytes)
{
    struct plan_cache *c = mem_zalloc(sizeof *c);
    if (!c) return NULL;
    list_init(&c->lru);
    c->max_plans = max_plans ? max_plans : 1;
    c->max_bytes = max_bytes;
    c->nbuckets = MIN_BUCKETS;
    while (c->nbuckets < c->max_plans && c->nbuckets < 1u << 20) c->nbuckets *= 2;
    c->buckets = mem_zalloc(c->nbuckets * sizeof *c->buckets);
    if (c->buckets) return c;
    mem_free(c);
    return NULL;
}

static void drop(struct plan_cache *c, struct entry *e)
{
    struct entry **at = &c->buckets[e->hash & (c->nbuckets - 1)];
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    list_remove(&e->lru);
    c->stats.entries--;
    c->stats.bytes -= e->bytes;
    plan_unref(e->plan);
    mem_free(e);
}

void plan_cache_clear(struct plan_cache *c)
{
    while (!list_empty(&c->lru)) drop(c, CONTAINER_OF(c->lru.next, struct entry, lru));
}

void plan_cache_free(struct plan_cache *c)
{
    if (!c) return;
    plan_cache_clear(c);
    mem_free(c->buckets);
    mem_free(c);
}

static bool same(const struct entry *e, const struct plan_env *env, const struct sql_scan *scan,
                 uint64_t options)
{
    const struct buf *key = &e->plan->scan.key;
    return e->hash == scan->hash && key->len == scan->key.len && e->options == options &&
           e->router == env->router && e->catalog == catalog_version(env) &&
           memcmp(key->data, scan->key.data, key->len) == 0 && str_eq(e->plan->schema, env->schema) &&
           e->plan->scan.ntoks == scan->ntoks && plan_accepts(e->plan, scan);
}

struct plan *plan_cache_get(struct plan_cache *c, const struct plan_env *env, const struct sql_scan *scan)
{
    uint64_t options = options_of(env, scan);
    for (struct entry *e = c->buckets[scan->hash & (c->nbuckets - 1)]; e; e = e->next) {
        if (!same(e, env, scan, options)) continue;
        c->stats.hits++;
        if (c->lru.next != &e->lru) {
            list_remove(&e->lru);
            list_prepend(&c->lru, &e->lru);
        }
        return e->plan;
    }
    c->stats.misses++;
    return NULL;
}

void plan_cache_put(struct plan_cache *c, const struct plan_env *env, const struct sql_scan *scan,
                    struct plan *p)
{
    size_t bytes = plan_bytes(p) + sizeof(struct entry);
    uint64_t options = options_of(env, scan);
    if ((p->info.flags & PLAN_NO_CACHE) || scan->key.len > MAX_KEY || (c->max_bytes && bytes > c->max_bytes))
        return;
    for (struct entry *e = c->buckets[scan->hash & (c->nbuckets - 1)]; e; e = e->next)
        if (same(e, env, scan, options)) {
            drop(c, e);
            break;
        }
    struct entry *e = mem_zalloc(sizeof *e);
    if (!e) return; /* the statement has its plan all the same */
    e->plan = plan_ref(p);
    e->hash = scan->hash;
    e->options = options;
    e->catalog = catalog_version(env);
    e->router = env->router;
    e->bytes = bytes;
    e->next = c->buckets[e->hash & (c->nbuckets - 1)];
    c->buckets[e->hash & (c->nbuckets - 1)] = e;
    list_prepend(&c->lru, &e->lru);
    c->stats.entries++;
    c->stats.bytes += bytes;
    while (c->stats.entries > c->max_plans || (c->max_bytes && c->stats.bytes > c->max_bytes)) {
        drop(c, CONTAINER_OF(c->lru.prev, struct entry, lru));
        c->stats.evictions++;
    }
}

void plan_cache_stats(const struct plan_cache *c, struct plan_cache_stats *out)
{
    *out = c->stats;
}
