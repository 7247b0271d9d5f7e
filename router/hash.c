/*
 * hash.c - the shard hash. Rows lie where these functions said when they were written: never change a
 * constant.
 */
#include "router/hash.h"

/* splitmix64's finaliser (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

uint64_t shard_hash_int(uint64_t bits)
{
    return mix64(bits);
}

uint64_t shard_hash_bytes(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3ull;
    return mix64(h);
}

uint64_t shard_hash_join(uint64_t h, uint64_t column)
{
    return mix64(h + 0x9e3779b97f4a7c15ull + column);
}
