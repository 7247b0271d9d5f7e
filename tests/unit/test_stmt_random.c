/*
 * test_stmt_random.c - walks by fixed seeds through prepared statements, with the fuzz target's steps: two clients prepare, execute, open cursors and fetch in
 * any order while servers answer oddly, late or not at all, go, are killed, and rules change. What must hold is in fake.h, fake_stmt.h and fuzz_session.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static char current[64]; /* which walk runs */

#define FK_FAIL(...)                                                                                         \
    do {                                                                                                     \
        print_error("%s: ", current);                                                                        \
        fail_msg(__VA_ARGS__);                                                                               \
    } while (0)
#include "tests/fuzz/fuzz_session.c"

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* How often each operation comes, of 100. */
static const struct {
    enum op op;
    unsigned weight;
} ways[] = {{OP_COMMAND, 46}, {OP_RUN, 22}, {OP_ANSWER, 8}, {OP_HOLD, 4}, {OP_TAKE, 3}, {OP_SERVER_CLOSES, 2}, {OP_KILL, 2}, {OP_TICK, 3}, {OP_STATEMENT, 7},
            {OP_RELOAD, 2},   {OP_HANG_UP, 1}};

static size_t one_step(uint8_t *out)
{
    unsigned at = below(100), k = 0;
    while (k + 1 < COUNT_OF(ways) && at >= ways[k].weight) at -= ways[k++].weight;
    out[0] = (uint8_t)(ways[k].op | below(8) << 4 | (below(3) ? 0 : 0x80));
    out[1] = 1;
    out[2] = (uint8_t)below(256);
    if (ways[k].op == OP_KILL && below(4)) out[2] = 0; /* mostly the statement only */
    if (ways[k].op == OP_STATEMENT && below(2)) out[2] = (uint8_t)(7 + below(6)); /* transactions */
    if (ways[k].op == OP_ANSWER) {
        out[1] = 2;
        out[2] = (uint8_t)below(COUNT_OF(answers));
        out[3] = (uint8_t)(below(8) | below(4) << 4 | (1 + below(2)) << 6);
    }
    if (ways[k].op == OP_COMMAND) {
        static const uint8_t often[] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 6};
        uint8_t which = often[below(COUNT_OF(often))];
        out[1] = 3;
        out[2] = (uint8_t)(0xf0 + which);
        out[3] = (uint8_t)(which == 0 ? below(256) : below(20) ? 1 + below(4) : 255);
        out[4] = (uint8_t)(which == 3 ? below(2) ? 3 : below(200) : below(128));
    }
    return 2u + out[1];
}

static void walks(void **state)
{
    (void)state;
    static const uint8_t starts[] = {0x00, 0x01, 0x04, 0x05, 0x11, 0x34, 0x75};
    const char *from = getenv("WALK"), *many = getenv("WALKS");
    unsigned first = from ? (unsigned)atoi(from) : 0, end = first + (many ? (unsigned)atoi(many) : from ? 1 : 600);
    for (unsigned i = first; i < end; i++) {
        uint8_t script[1024];
        seed = i * 7919u + 1;
        snprintf(current, sizeof current, "walk %u", i);
        script[0] = starts[below(COUNT_OF(starts))];
        script[1] = OP_SECOND_CLIENT;
        script[2] = 0;
        size_t n = 3;
        for (unsigned steps = 10 + below(90); steps; steps--) n += one_step(script + n);
        LLVMFuzzerTestOneInput(script, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
