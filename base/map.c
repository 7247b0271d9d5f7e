/*
 * map.c - hashing and the str -> pointer map: linear probing over a power of two, at most 3/4 full, deletion by shifting the
 * run back so that there are no tombstones.
 */
#include "base/base.h"

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Multiply-and-fold over 16 bytes a step (the idea of wyhash); only for tables in memory. */
uint64_t hash_bytes(const void *data, size_t n, uint64_t seed)
{
    static const uint64_t k0 = 0xa0761d6478bd642full, k1 = 0xe7037ed1a0b428dbull, k2 = 0x8ebc6af09c88c6e3ull;
    const unsigned char *p = data;
    uint64_t h = seed ^ k0;
    size_t left = n;
    while (left >= 16) {
        h = mix(load64(p) ^ k1, load64(p + 8) ^ h);
        p += 16;
        left -= 16;
    }
    uint64_t a = 0, b = 0;
    if (left >= 8) {
        a = load64(p);
        b = load64(p + left - 8);
    } else {
        for (size_t i = 0; i < left; i++) a |= (uint64_t)p[i] << (8 * i);
    }
    h = mix(a ^ k1, b ^ h);
    return mix(h ^ k2, (uint64_t)n ^ k1);
}

static uint64_t key_hash(const struct map *m, struct str key)
{
    if (!m->nocase) return hash_bytes(key.ptr, key.len, 0);
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < key.len; i++) h = (h ^ (unsigned char)ascii_lower(key.ptr[i])) * 0x100000001b3ull;
    return mix(h, 0x9e3779b97f4a7c15ull);
}

static bool key_eq(const struct map *m, struct str a, struct str b)
{
    return m->nocase ? str_eq_nocase(a, b) : str_eq(a, b);
}

void map_init(struct map *m, bool nocase)
{
    *m = (struct map){.nocase = nocase};
}

static struct map_slot *probe(const struct map *m, struct str key, uint64_t h)
{
    for (uint32_t i = (uint32_t)h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->value || (s->hash == h && key_eq(m, s->key, key))) return s;
    }
}

void *map_get(const struct map *m, struct str key)
{
    return m->len ? probe(m, key, key_hash(m, key))->value : NULL;
}

static bool map_grow(struct map *m)
{
    struct map bigger = {.cap = m->cap ? m->cap * 2 : 8, .len = m->len, .nocase = m->nocase};
    bigger.slots = mem_zalloc(sizeof *bigger.slots * bigger.cap);
    if (!bigger.slots) return false;
    for (uint32_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value) *probe(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    }
    mem_free(m->slots);
    *m = bigger;
    return true;
}

bool map_put(struct map *m, struct str key, void *value)
{
    if ((uint64_t)(m->len + 1) * 4 > (uint64_t)m->cap * 3 && !map_grow(m)) return false;
    uint64_t h = key_hash(m, key);
    struct map_slot *s = probe(m, key, h);
    if (!s->value) m->len++;
    *s = (struct map_slot){key, value, h};
    return true;
}

void *map_del(struct map *m, struct str key)
{
    if (!m->len) return NULL;
    struct map_slot *s = probe(m, key, key_hash(m, key));
    void *old = s->value;
    if (!old) return NULL;
    uint32_t mask = m->cap - 1, hole = (uint32_t)(s - m->slots);
    for (uint32_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) { /* may move back into the hole */
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    m->len--;
    return old;
}

void map_release(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){.nocase = m->nocase};
}

struct map_slot *map_next(const struct map *m, struct map_slot *prev)
{
    for (uint32_t i = prev ? (uint32_t)(prev - m->slots) + 1 : 0; i < m->cap; i++) {
        if (m->slots[i].value) return &m->slots[i];
    }
    return NULL;
}
