/*
 * parser_bench.c - what reading SQL costs: nanoseconds for the token pass (the whole cost of a plan-cache
 * hit) and for tokens plus tree (a miss), and bytes of arena that the tree takes.
 *
 *   text -> sql_scan (reused) -> ns/scan        text -> sql_scan + sql_parse (arena reset each time) ->
 * ns/parse, arena bytes
 *
 * Each figure is the best of several short runs: the least disturbed one. Allocations after the first pass
 * must be 0.
 */
#include "base/base.h"
#include "parser/sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct {
    const char *name, *text;
} cases[] = {
    {"point select", "SELECT c FROM sbtest1 WHERE id=50123"},
    {"70-token statement", "SELECT o.id, o.customer_id, c.name, SUM(i.quantity * i.price) AS total, COUNT(*) "
                           "FROM orders o JOIN customers c "
                           "ON c.id = o.customer_id WHERE o.customer_id = 4711 AND o.state IN ('new', "
                           "'paid') AND o.created >= '2024-01-01' "
                           "GROUP BY o.id HAVING total > 10 ORDER BY total DESC LIMIT 20"},
    {"insert of 10 rows",
     "INSERT INTO orders (customer_id, state, total) VALUES "
     "(1,'new',9.5),(2,'new',9.5),(3,'new',9.5),(4,'new',9.5),"
     "(5,'new',9.5),(6,'new',9.5),(7,'new',9.5),(8,'new',9.5),(9,'new',9.5),(10,'new',9.5)"},
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double run(struct sql_scan *s, struct arena *a, struct str text, bool parse, unsigned rounds)
{
    const struct sql_options opt = {0};
    uint64_t best = UINT64_MAX;
    for (int lap = 0; lap < 15; lap++) {
        uint64_t start = now_ns();
        for (unsigned i = 0; i < rounds; i++) {
            struct sql_stmt *st;
            struct fault f = {0};
            if (sql_scan(s, text.ptr, text.len, 0, &opt) != SQL_OK) exit(2);
            if (!parse) continue;
            arena_reset(a);
            if (sql_parse(s, a, &st, &f) != SQL_OK) {
                fprintf(stderr, "does not parse: %.*s\n", STR_ARG(text));
                exit(2);
            }
        }
        uint64_t ns = now_ns() - start;
        if (ns < best) best = ns;
    }
    return (double)best / rounds;
}

int main(void)
{
    struct sql_scan s = {0};
    struct arena a;
    int status = 0;
    arena_init(&a, 0);
    printf("%-22s %7s %9s %9s %13s %13s %12s %7s\n", "statement", "tokens", "ns/scan", "ns/parse", "scans/s",
           "parses/s", "arena bytes", "allocs");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str text = str_of(cases[i].text);
        (void)run(&s, &a, text, true, 10);
        uint64_t before = mem_count();
        double scan = run(&s, &a, text, false, 5000);
        double parse = run(&s, &a, text, true, 5000);
        uint64_t allocations = mem_count() - before;
        printf("%-22s %7u %9.0f %9.0f %13.0f %13.0f %12zu %7" PRIu64 "\n", cases[i].name, s.ntoks, scan,
               parse, 1e9 / scan, 1e9 / parse, a.used, allocations);
        if (allocations) status = 1;
    }
    arena_release(&a);
    sql_scan_release(&s);
    return status;
}
