/*
 * shards.c - sets of shards and the rules that give them: point -> shard, interval -> set.
 */
#include "router/hash.h"
#include "router/rules.h"

#include <stdlib.h>

/* ---- sets ---- */

bool shards_init(struct shards *s, uint32_t n, bool all, struct arena *a)
{
    s->n = n;
    s->words = (n + 63) / 64;
    s->one = 0;
    s->w = &s->one;
    if (s->words > 1) s->w = arena_array(a, uint64_t, s->words);
    if (!s->w) {
        s->w = &s->one;
        return false;
    }
    if (all) shards_fill(s, true);
    return true;
}

void shards_fill(struct shards *s, bool all)
{
    memset(s->w, all ? 0xff : 0, (s->words ? s->words : 1) * sizeof *s->w);
    if (all && s->n % 64) s->w[s->words - 1] = (1ull << (s->n % 64)) - 1;
}

void shards_and(struct shards *s, const struct shards *o)
{
    for (uint32_t i = 0; i < s->words; i++) s->w[i] &= o->w[i];
}

void shards_or(struct shards *s, const struct shards *o)
{
    for (uint32_t i = 0; i < s->words; i++) s->w[i] |= o->w[i];
}

uint32_t shards_count(const struct shards *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->words; i++) n += (uint32_t)__builtin_popcountll(s->w[i]);
    return n;
}

uint32_t shards_next(const struct shards *s, uint32_t from)
{
    for (uint32_t i = from >> 6; i < s->words; i++) {
        uint64_t w = s->w[i];
        if (i == from >> 6) w &= ~0ull << (from & 63);
        if (w) return i * 64 + (uint32_t)__builtin_ctzll(w);
    }
    return s->n;
}

/* ---- point ---- */

static uint64_t key_hash(const struct key *k, enum conf_key_type type)
{
    char text[16];
    int64_t y, m, d;
    switch (type) {
    case CONF_KEY_INTEGER: return shard_hash_int((uint64_t)k->num);
    case CONF_KEY_DATE: {
        date_of_days((int64_t)k->num, &y, &m, &d);
        uint32_t yy = (uint32_t)y, mm = (uint32_t)m, dd = (uint32_t)d;
        const char digits[10] = {(char)('0' + yy / 1000 % 10),
                                 (char)('0' + yy / 100 % 10),
                                 (char)('0' + yy / 10 % 10),
                                 (char)('0' + yy % 10),
                                 '-',
                                 (char)('0' + mm / 10),
                                 (char)('0' + mm % 10),
                                 '-',
                                 (char)('0' + dd / 10),
                                 (char)('0' + dd % 10)};
        memcpy(text, digits, sizeof digits);
        return shard_hash_bytes(text, sizeof digits);
    }
    case CONF_KEY_STRING:
    case CONF_KEY_BINARY:
    case CONF_KEY_DECIMAL: return shard_hash_bytes(k->text.ptr, k->text.len);
    }
    return 0;
}

static uint32_t mod_shard(int128 v, uint64_t n)
{
    int128 m = v % (int128)n;
    return (uint32_t)(m < 0 ? m + (int128)n : m);
}

static int64_t unit_of(const struct rule *r, int64_t days)
{
    int64_t y, m, d;
    if (r->unit == CONF_DATE_DAY) return days;
    date_of_days(days, &y, &m, &d);
    return r->unit == CONF_DATE_YEAR ? y : y * 12 + m - 1;
}

static int64_t date_shard(const struct rule *r, int64_t days)
{
    int64_t u = unit_of(r, days) - r->from;
    return u < 0 || u >= r->units ? -1 : u / r->units_a_shard;
}

/* The last range whose low is at or below k; ranges do not overlap. */
static const struct rule_range *range_of(const struct rule *r, const struct key *k)
{
    uint32_t lo = 0, hi = r->nranges;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const struct rule_range *g = &r->ranges[mid];
        if (g->low_open || key_cmp(r->key, &g->low, k) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo) return NULL;
    const struct rule_range *g = &r->ranges[lo - 1];
    return g->high_open || key_cmp(r->key, k, &g->high) < 0 ? g : NULL;
}

static uint32_t list_lower(const struct rule *r, const struct key *k)
{
    uint32_t lo = 0, hi = r->nentries;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (key_cmp(r->key, &r->entries[mid].key, k) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int64_t rule_point(const struct rule *r, const struct key *keys, const enum conf_key_type *types, uint32_t n)
{
    int64_t s = -1;
    switch (r->type) {
    case CONF_ALG_MOD: s = mod_shard(keys[0].num, r->divisor); break;
    case CONF_ALG_HASH: {
        uint64_t h = 0;
        if (n == 1)
            h = key_hash(&keys[0], types[0]);
        else
            for (uint32_t i = 0; i < n; i++) h = shard_hash_join(h, key_hash(&keys[i], types[i]));
        s = (int64_t)(h % r->n);
        break;
    }
    case CONF_ALG_RANGE: {
        const struct rule_range *g = range_of(r, &keys[0]);
        s = g ? (int64_t)g->shard : -1;
        break;
    }
    case CONF_ALG_DATE: s = date_shard(r, (int64_t)keys[0].num); break;
    case CONF_ALG_LIST: {
        uint32_t i = list_lower(r, &keys[0]);
        s = i < r->nentries && key_cmp(r->key, &r->entries[i].key, &keys[0]) == 0
                ? (int64_t)r->entries[i].shard
                : -1;
        break;
    }
    }
    return s < (int64_t)r->n ? s : -1;
}

/* ---- interval ---- */

/* Value by value when there are few; else all. */
static void enumerate(const struct rule *r, enum conf_key_type type, const struct key *low,
                      const struct key *high, struct shards *out)
{
    bool countable = type == CONF_KEY_INTEGER || type == CONF_KEY_DATE;
    int128 most = r->type == CONF_ALG_MOD && r->divisor < 4096 ? (int128)r->divisor : RULE_ENUMERATE;
    if (!countable || !low || !high || high->num - low->num >= most) {
        shards_fill(out, true);
        return;
    }
    for (struct key k = *low; k.num <= high->num; k.num++) {
        int64_t s = rule_point(r, &k, &type, 1);
        if (s >= 0) shards_add(out, (uint32_t)s);
    }
}

void rule_interval(const struct rule *r, enum conf_key_type type, const struct key *low,
                   const struct key *high, struct shards *out)
{
    if (low && high && key_cmp(type, low, high) > 0) return;
    switch (r->type) {
    case CONF_ALG_MOD:
    case CONF_ALG_HASH: enumerate(r, type, low, high, out); break;
    case CONF_ALG_RANGE:
        for (uint32_t i = 0; i < r->nranges; i++) {
            const struct rule_range *g = &r->ranges[i];
            if (high && !g->low_open && key_cmp(r->key, &g->low, high) > 0) continue;
            if (low && !g->high_open && key_cmp(r->key, &g->high, low) <= 0) continue;
            if (g->shard < r->n) shards_add(out, g->shard);
        }
        break;
    case CONF_ALG_DATE: {
        int64_t a = low ? unit_of(r, (int64_t)low->num) - r->from : 0;
        int64_t b = high ? unit_of(r, (int64_t)high->num) - r->from : r->units - 1;
        if (a < 0) a = 0;
        if (b > r->units - 1) b = r->units - 1;
        if (a > b) break;
        for (int64_t s = a / r->units_a_shard; s <= b / r->units_a_shard && s < (int64_t)r->n; s++)
            shards_add(out, (uint32_t)s);
        break;
    }
    case CONF_ALG_LIST:
        for (uint32_t i = low ? list_lower(r, low) : 0; i < r->nentries; i++) {
            if (high && key_cmp(r->key, &r->entries[i].key, high) > 0) break;
            if (r->entries[i].shard < r->n) shards_add(out, r->entries[i].shard);
        }
        break;
    }
}

/* ---- compiling ---- */

static int by_entry(const void *x, const void *y, void *type)
{
    const struct rule_entry *a = x, *b = y;
    return key_cmp(*(const enum conf_key_type *)type, &a->key, &b->key);
}
static int by_low(const void *x, const void *y, void *type)
{
    const struct rule_range *a = x, *b = y;
    if (a->low_open || b->low_open) return a->low_open ? (b->low_open ? 0 : -1) : 1;
    return key_cmp(*(const enum conf_key_type *)type, &a->low, &b->low);
}

static bool compile_ranges(struct rule *out, const struct conf_algorithm *alg, struct arena *a)
{
    out->nranges = alg->nranges;
    out->ranges = arena_array(a, struct rule_range, alg->nranges + 1);
    if (!out->ranges) return false;
    for (uint32_t i = 0; i < alg->nranges; i++) {
        const struct conf_range *g = &alg->ranges[i];
        struct rule_range *o = &out->ranges[i];
        *o = (struct rule_range){.low_open = g->low_open, .high_open = g->high_open, .shard = g->shard};
        if (!g->low_open && !key_parse(out->key, alg->case_sensitive, g->low, a, &o->low)) return false;
        if (!g->high_open && !key_parse(out->key, alg->case_sensitive, g->high, a, &o->high)) return false;
    }
    qsort_r(out->ranges, out->nranges, sizeof *out->ranges, by_low, &out->key);
    return true;
}

static bool compile_lists(struct rule *out, const struct conf_algorithm *alg, struct arena *a)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < alg->nlists; i++) n += alg->lists[i].nvalues;
    out->entries = arena_array(a, struct rule_entry, n + 1);
    if (!out->entries) return false;
    for (uint32_t i = 0; i < alg->nlists; i++)
        for (uint32_t j = 0; j < alg->lists[i].nvalues; j++) {
            struct rule_entry *o = &out->entries[out->nentries++];
            o->shard = alg->lists[i].shard;
            if (!key_parse(out->key, alg->case_sensitive, alg->lists[i].values[j], a, &o->key)) return false;
        }
    qsort_r(out->entries, out->nentries, sizeof *out->entries, by_entry, &out->key);
    return true;
}

bool rule_compile(struct rule *out, const struct conf_table *t, struct arena *a, struct diag *d,
                  struct str file)
{
    const struct conf_algorithm *alg = t->algorithm;
    bool ok = true;
    *out = (struct rule){.type = alg->type, .n = t->nnodes, .key = alg->key};
    out->divisor = alg->divisor ? alg->divisor : t->nnodes;
    out->unit = alg->unit;
    out->from = alg->from_ordinal;
    out->units = alg->units;
    out->units_a_shard = alg->units_a_shard ? alg->units_a_shard : 1;
    if (alg->type == CONF_ALG_DATE) out->key = CONF_KEY_DATE;
    if (alg->type == CONF_ALG_RANGE) ok = compile_ranges(out, alg, a);
    if (alg->type == CONF_ALG_LIST) ok = compile_lists(out, alg, a);
    if (!ok)
        diag_add(d, DIAG_ERROR, file, alg->pos.line, alg->pos.column, NULL,
                 "a boundary or list value of table %.*s does not suit its key type", STR_ARG(t->name));
    return ok;
}
