/*
 * test_exec_random.c - the fuzz target's scripts without a fuzzer: its corpus, and some hundred walks by
 * fixed seeds in which two clients, the servers' answers, faults, kills, time and reloads come in any order.
 * What must hold is in fake.h and in fuzz_session.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static char current[128]; /* which script runs */

#define FK_FAIL(...)                                                                                         \
    do {                                                                                                     \
        print_error("%s: ", current);                                                                        \
        fail_msg(__VA_ARGS__);                                                                               \
    } while (0)
#include "tests/fuzz/fuzz_session.c"

#include <dirent.h>

static void the_corpus(void **state)
{
    (void)state;
    static const char folder[] = "tests/fuzz/corpus/session";
    DIR *d = opendir(folder);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        char path[sizeof folder + 256 + 2];
        uint8_t bytes[4096];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        size_t len = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        snprintf(current, sizeof current, "%.100s", e->d_name);
        LLVMFuzzerTestOneInput(bytes, len);
        n++;
    }
    closedir(d);
    assert_true(n >= 10);
}

/* ---- walks ---- */

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
} ways[] = {{OP_STATEMENT, 42},    {OP_RUN, 22},    {OP_ANSWER, 8},      {OP_HOLD, 5}, {OP_TAKE, 4},
            {OP_SERVER_CLOSES, 3}, {OP_KILL, 3},    {OP_TICK, 4},        {OP_IDS, 3},  {OP_COMMAND, 2},
            {OP_RELOAD, 2},        {OP_HANG_UP, 1}, {OP_CLIENT_BYTES, 1}};

static size_t one_step(uint8_t *out)
{
    static const uint8_t commands[] = {WIRE_COM_PING, WIRE_COM_RESET_CONNECTION, WIRE_COM_STATISTICS,
                                       WIRE_COM_INIT_DB};
    unsigned at = below(100), k = 0;
    while (k + 1 < COUNT_OF(ways) && at >= ways[k].weight) at -= ways[k++].weight;
    uint8_t first = (uint8_t)below(256);
    if (ways[k].op == OP_COMMAND) first = commands[first % COUNT_OF(commands)];
    if (ways[k].op == OP_KILL && below(4)) first = 0; /* mostly the statement only */
    if (ways[k].op == OP_ANSWER)
        first = (uint8_t)(first % COUNT_OF(answers) + (below(2) ? 12 : 0) + 64 * (1 + below(2)));
    out[0] = (uint8_t)(ways[k].op | below(8) << 4 | (below(2) ? 0x80 : 0));
    out[1] = 1;
    out[2] = first;
    return 3;
}

static void walks(void **state)
{
    (void)state;
    static const uint8_t starts[] = {0x00, 0x01, 0x04, 0x05, 0x11, 0x34, 0x75};
    for (unsigned i = 0; i < 400; i++) {
        uint8_t script[512];
        seed = i * 7919u + 1;
        snprintf(current, sizeof current, "walk %u", i);
        script[0] = starts[below(COUNT_OF(starts))];
        script[1] = OP_SECOND_CLIENT;
        script[2] = 0;
        size_t n = 3;
        for (unsigned steps = 10 + below(60); steps; steps--) n += one_step(script + n);
        LLVMFuzzerTestOneInput(script, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus),
        cmocka_unit_test(walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
