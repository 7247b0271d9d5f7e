/*
 * test_hash.c - the shard hash never changes: rows lie where these numbers said. A difference here is a data
 * loss, not a test to be mended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "router/hash.h"

static void integers(void **state)
{
    (void)state;
    assert_int_equal(shard_hash_int(0), 0);
    assert_true(shard_hash_int(1) == 0x5692161d100b05e5ull);
    assert_true(shard_hash_int(7) == 0x12ae30237b17df14ull);
    assert_true(shard_hash_int(UINT64_MAX) == 0xb4d055fcf2cbbd7bull);
}

/* FNV-1a's own vectors (draft-eastlake-fnv), then mixed. */
static void texts(void **state)
{
    (void)state;
    assert_true(shard_hash_bytes("", 0) == shard_hash_int(0xcbf29ce484222325ull));
    assert_true(shard_hash_bytes("a", 1) == shard_hash_int(0xaf63dc4c8601ec8cull));
    assert_true(shard_hash_bytes("foobar", 6) == shard_hash_int(0x85944171f73967e8ull));
}

static void several_columns(void **state)
{
    (void)state;
    uint64_t ab = shard_hash_join(shard_hash_join(0, shard_hash_int(1)), shard_hash_int(2));
    uint64_t ba = shard_hash_join(shard_hash_join(0, shard_hash_int(2)), shard_hash_int(1));
    assert_true(ab != ba);
    assert_true(shard_hash_join(0, 0) == shard_hash_int(0x9e3779b97f4a7c15ull));
}

/* 100,000 consecutive ids over 16 shards: each within 5 % of its part. */
static void even_spread(void **state)
{
    uint32_t count[16] = {0};
    (void)state;
    for (uint64_t i = 1; i <= 100000; i++) count[shard_hash_int(i) % 16]++;
    for (int i = 0; i < 16; i++) assert_in_range(count[i], 5937, 6562);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(integers), cmocka_unit_test(texts),
                                       cmocka_unit_test(several_columns), cmocka_unit_test(even_spread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
