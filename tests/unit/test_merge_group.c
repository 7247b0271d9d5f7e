/*
 * test_merge_group.c - aggregates over groups that lie on several legs: COUNT, SUM, MIN, MAX, AVG, FIRST;
 * NULLs and empty legs; final order.
 */
#include "test_merge_kit.h"

/* SELECT COUNT(*), SUM(d), MIN(i), MAX(i), AVG(d)  + hidden SUM(d), COUNT(d) */
static const struct kit_column ungrouped[] = {INT_COL("COUNT(*)"), DEC_COL("SUM(d)", 2), INT_COL("MIN(i)"),
                                              INT_COL("MAX(i)"),   DEC_COL("AVG(d)", 6), DEC_COL("s", 2),
                                              INT_COL("n")};
static struct merge_output ungrouped_out[] = {{.fn = MERGE_COUNT},
                                              {.fn = MERGE_SUM},
                                              {.fn = MERGE_MIN},
                                              {.fn = MERGE_MAX},
                                              {.fn = MERGE_AVG, .sum = HID(0), .count = HID(1)}};
static struct merge_spec ungrouped_spec = {
    .nhidden = 2, .grouped = true, .outputs = ungrouped_out, .noutputs = 5};

static void test_ungrouped(void **state)
{
    (void)state;
    static const struct kit_row r0[] = {{{"3", "10.50", "-2", "7", "5.250000", "10.50", "2"}}},
                                r1[] = {{{"2", "-0.25", "10", "11", "-0.125000", "-0.25", "2"}}},
                                empty[] = {{{"0", NULL, NULL, NULL, NULL, NULL, "0"}}},
                                nulls[] = {{{"5", NULL, NULL, NULL, NULL, NULL, "0"}}};
    struct kit k = {.columns = ungrouped,
                    .ncolumns = 7,
                    .spec = ungrouped_spec,
                    .nlegs = 4,
                    .legs = {LEG(empty), LEG(r0), LEG(nulls), LEG(r1)}};
    kit_expect(&k, "10|10.25|-2|11|2.562500\n");
    k = (struct kit){.columns = ungrouped,
                     .ncolumns = 7,
                     .spec = ungrouped_spec,
                     .nlegs = 3,
                     .legs = {LEG(empty), LEG(empty), LEG(nulls)}};
    kit_expect(&k, "5|NULL|NULL|NULL|NULL\n");
    /* One value only: its own texts. */
    k = (struct kit){.columns = ungrouped,
                     .ncolumns = 7,
                     .spec = ungrouped_spec,
                     .nlegs = 2,
                     .legs = {LEG(empty), LEG(r0)}};
    kit_expect(&k, "3|10.50|-2|7|5.250000\n");
    /* No rows at all (the statement had LIMIT 0, or HAVING said no). */
    k = (struct kit){.columns = ungrouped, .ncolumns = 7, .spec = ungrouped_spec, .nlegs = 2};
    kit_expect(&k, "");
    k = (struct kit){.columns = ungrouped,
                     .ncolumns = 7,
                     .spec = ungrouped_spec,
                     .nlegs = 2,
                     .legs = {LEG(empty), LEG(r0)},
                     .has_limit = true,
                     .limit = 0};
    kit_expect(&k, "");
    k.limit = 1;
    kit_expect(&k, "3|10.50|-2|7|5.250000\n");
}

/* SELECT g, COUNT(*), SUM(x), MIN(x), MAX(x), AVG(x) ... GROUP BY g, x a DOUBLE */
static void test_double(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("g"),     INT_COL("n"),     DOUBLE_COL("s"),
                                             DOUBLE_COL("lo"), DOUBLE_COL("hi"), DOUBLE_COL("a"),
                                             DOUBLE_COL("hs"), INT_COL("hn")};
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_SUM},
        {.fn = MERGE_MIN},   {.fn = MERGE_MAX},   {.fn = MERGE_AVG, .sum = HID(0), .count = HID(1)}};
    static struct merge_key group[] = {KEY_VIS(0)};
    static const struct kit_row r0[] = {{{NULL, "1", "0.1", "0.1", "0.1", "0.1", "0.1", "1"}},
                                        {{"1", "1", "0.1", "0.1", "0.1", "0.1", "0.1", "1"}},
                                        {{"2", "2", "1e308", "1e20", "1e308", "5e307", "1e308", "2"}}},
                                r1[] = {{{NULL, "2", NULL, NULL, NULL, NULL, NULL, "0"}},
                                        {{"1", "2", "0.2", "-1e-20", "0.2", "0.1", "0.2", "2"}},
                                        {{"3", "1", "1.50", "1.5", "1.5", "1.5", "1.5", "1"}}};
    struct kit k = {
        .columns = cols,
        .ncolumns = 8,
        .nlegs = 2,
        .legs = {LEG(r0), LEG(r1)},
        .spec = {.nhidden = 2, .grouped = true, .group = group, .ngroup = 1, .outputs = out, .noutputs = 6}};
    kit_expect(&k, "NULL|3|0.1|0.1|0.1|0.1\n1|3|0.30000000000000004|-1e-20|0.2|0.10000000000000002\n2|2|"
                   "1e308|1e20|1e308|5e307\n3|1|1.50|1.5|1.5|1.5\n");
    /* Beyond the largest double: an error as MySQL's, not inf. */
    static const struct kit_row big[] = {{{"2", "2", "1.7e308", "1e20", "1e308", "5e307", "1e308", "2"}}};
    struct kit o = {.columns = cols, .ncolumns = 8, .nlegs = 2, .legs = {LEG(big), LEG(big)}, .spec = k.spec};
    kit_expect_fault(&o, 1690, "DOUBLE");
}

static void test_groups(void **state)
{
    (void)state;
    /* GROUP BY a desc, b: the legs hold the same and different groups */
    static const struct kit_column cols[] = {
        INT_COL("a"), {"b", WIRE_TYPE_DATE, 0, 0, 63}, INT_COL("n"), DEC_COL("s", 0)};
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST}, {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_SUM}};
    static struct merge_key group[] = {KEY_VIS_DESC(0), KEY_VIS(1)};
    static const struct kit_row r0[] = {{{"9", NULL, "1", "5"}},
                                        {{"9", "2024-01-01", "2", "6"}},
                                        {{"4", "2024-01-01", "1", "7"}},
                                        {{NULL, NULL, "1", "1"}}},
                                r1[] = {{{"9", "2024-01-01", "10", "-6"}},
                                        {{"4", "2023-12-31", "1", "99999999999999999999999999"}},
                                        {{"4", "2024-01-01", "1", "0"}},
                                        {{"1", NULL, "1", NULL}}},
                                r2[] = {{{"4", "2023-12-31", "1", "1"}}, {{NULL, NULL, "3", NULL}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 4,
                    .nlegs = 3,
                    .legs = {LEG(r0), LEG(r1), LEG(r2)},
                    .spec = {.grouped = true, .group = group, .ngroup = 2, .outputs = out, .noutputs = 4}};
    kit_expect(&k, "9|NULL|1|5\n9|2024-01-01|12|0\n4|2023-12-31|2|100000000000000000000000000\n4|2024-01-01|"
                   "2|7\n1|NULL|1|NULL\nNULL|NULL|4|1\n");
    k.has_limit = true;
    k.offset = 1;
    k.limit = 2;
    kit_expect(&k, "9|2024-01-01|12|0\n4|2023-12-31|2|100000000000000000000000000\n");
}

/* Groups of text: equal by weight, though spelt differently; the first leg's spelling stays. MIN and MAX of
 * text by weight. */
static void test_text(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {TEXT_COL("g"),  TEXT_COL("lo"), TEXT_COL("hi"),  BIN_COL("wg"),
                                             BIN_COL("wlo"), BIN_COL("whi"), TEXT_COL("coll")};
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST},
        {.fn = MERGE_MIN, .has_weight = true, .weight = HID(1), .collation = STR("latin1_swedish_ci")},
        {.fn = MERGE_MAX,
         .has_weight = true,
         .weight = HID(2),
         .has_collation_column = true,
         .collation_column = HID(3)}};
    static struct merge_key group[] = {
        {.value = VIS(0), .has_weight = true, .weight = HID(0), .collation = STR("latin1_swedish_ci")}};
#define C "latin1_swedish_ci"
    static const struct kit_row r0[] = {{{"ab ", "b", "c", "AB ", "B", "C", C}},
                                        {{"x", NULL, NULL, "X", NULL, NULL, C}}},
                                r1[] = {{{"AB", "a ", "C ", "AB", "A ", "C ", C}},
                                        {{"b", "", "z", "B", "", "Z", C}},
                                        {{"X  ", "q", "q", "X  ", "Q", "Q", C}}};
    struct kit k = {
        .columns = cols,
        .ncolumns = 7,
        .nlegs = 2,
        .legs = {LEG(r0), LEG(r1)},
        .spec = {.nhidden = 4, .grouped = true, .group = group, .ngroup = 1, .outputs = out, .noutputs = 3}};
    kit_expect(&k, "ab |a |c\nb||z\nx|q|q\n");
    /* ORDER BY the MIN: its weight is the winner's. */
    static struct merge_key final[] = {{.value = VIS(1),
                                        .has_weight = true,
                                        .weight = HID(1),
                                        .collation = STR("latin1_swedish_ci"),
                                        .desc = true}};
    k.spec.final_order = final;
    k.spec.nfinal_order = 1;
    kit_expect(&k, "x|q|q\nab |a |c\nb||z\n");
}

/* The empty string is a value, and the least one; as a decimal it is none. */
static void test_empty(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {BIN_COL("lo"), BIN_COL("hi")}, sums[] = {DEC_COL("s", 0)};
    static struct merge_output out[] = {{.fn = MERGE_MIN}, {.fn = MERGE_MAX}}, sum[] = {{.fn = MERGE_SUM}};
    static const struct kit_row r0[] = {{{"", ""}}}, r1[] = {{{"", "a"}}}, s0[] = {{{""}}}, s1[] = {{{"1"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 3,
                    .legs = {LEG(r0), LEG(r1), LEG(r0)},
                    .spec = {.grouped = true, .outputs = out, .noutputs = 2}};
    kit_expect(&k, "|a\n");
    k.legs[1] = (struct kit_leg)LEG(r0);
    kit_expect(&k, "|\n");
    k = (struct kit){.columns = sums,
                     .ncolumns = 1,
                     .nlegs = 2,
                     .legs = {LEG(s0), LEG(s1)},
                     .spec = {.grouped = true, .outputs = sum, .noutputs = 1}};
    kit_expect_fault(&k, 1835, "no number");
}

static void test_final_order(void **state)
{
    (void)state;
    /* SELECT g, COUNT(*) c, AVG(x) ... GROUP BY g ORDER BY AVG(x) DESC, c */
    static const struct kit_column cols[] = {INT_COL("g"), INT_COL("c"), DEC_COL("a", 4), DEC_COL("hs", 0),
                                             INT_COL("hn")};
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_AVG, .sum = HID(0), .count = HID(1)}};
    static struct merge_key group[] = {KEY_VIS(0)},
                            final[] = {KEY_VIS_DESC(2), KEY_VIS(1), {.value = HID(0)}};
    static const struct kit_row r0[] = {{{"1", "2", "1.5000", "3", "2"}},
                                        {{"2", "1", NULL, NULL, "0"}},
                                        {{"3", "9", "2.0000", "18", "9"}},
                                        {{"5", "2", "2.0000", "4", "2"}}},
                                r1[] = {{{"1", "1", "9.0000", "9", "1"}},
                                        {{"3", "1", "2.0000", "2", "1"}},
                                        {{"4", "1", "2.0000", "2", "1"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 5,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.nhidden = 2,
                             .grouped = true,
                             .group = group,
                             .ngroup = 1,
                             .outputs = out,
                             .noutputs = 3,
                             .final_order = final,
                             .nfinal_order = 3}};
    kit_expect(&k, "1|3|4.0000\n4|1|2.0000\n5|2|2.0000\n3|10|2.0000\n2|1|NULL\n");
    k.has_limit = true;
    for (uint64_t offset = 0; offset < 7; offset++)
        for (uint64_t limit = 0; limit < 7; limit++) {
            static const char *const lines[] = {"1|3|4.0000\n", "4|1|2.0000\n", "5|2|2.0000\n",
                                                "3|10|2.0000\n", "2|1|NULL\n"};
            char want[200] = "";
            for (uint64_t i = offset; i < 5 && i < offset + limit; i++) strcat(want, lines[i]);
            k.offset = offset;
            k.limit = limit;
            kit_expect(&k, want);
        }
}

/* Many groups, sorted by another column with and without a small limit; memory is bounded by the limit, or
 * ends in a fault. */
static void test_final_order_many(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("g"), INT_COL("c")};
    static struct merge_output out[] = {{.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}};
    static struct merge_key group[] = {KEY_VIS(0)}, final[] = {KEY_VIS_DESC(1)};
    static struct kit_row rows[2][3000];
    static char text[3000][2][16];
    for (int i = 0; i < 3000; i++) {
        snprintf(text[i][0], 16, "%d", i);
        snprintf(text[i][1], 16, "%d", (i * 7919) % 3001);
        rows[0][i] = rows[1][i] = (struct kit_row){{text[i][0], text[i][1]}};
    }
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {{rows[0], 3000}, {rows[1], 3000}},
                    .spec = {.grouped = true,
                             .group = group,
                             .ngroup = 1,
                             .outputs = out,
                             .noutputs = 2,
                             .final_order = final,
                             .nfinal_order = 1},
                    .seed = 5,
                    .max_memory = 40000};
    kit_expect_fault(&k, 1041, "max_statement_memory");
    k.max_memory = 1 << 20;
    assert_true(kit_run(&k));
    assert_int_equal(k.out_rows, 3000);
    uint64_t last = UINT64_MAX;
    for (uint32_t i = 0; i < k.out_rows; i++) {
        uint64_t c;
        assert_true(str_to_u64(k.cells[i * 2 + 1], &c));
        assert_true(c <= last && c % 2 == 0);
        last = c;
    }
    kit_done(&k);
    k.max_memory = 40000;
    k.has_limit = true;
    k.limit = 10;
    k.offset = 5;
    assert_true(kit_run(&k));
    assert_int_equal(k.out_rows, 10);
    for (uint32_t i = 0; i < 10; i++) {
        uint64_t c;
        assert_true(str_to_u64(k.cells[i * 2 + 1], &c));
        assert_int_equal(c, 2 * (3000 - 5 - i));
    }
    assert_true(k.most_held <= 40000);
    kit_done(&k);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {{{"1"}}};
    static const struct kit_column text[] = {TEXT_COL("a")}, num[] = {INT_COL("a")};
    static struct merge_output sum[] = {{.fn = MERGE_SUM}}, min[] = {{.fn = MERGE_MIN}},
                               count[] = {{.fn = MERGE_COUNT}},
                               two[] = {{.fn = MERGE_COUNT}, {.fn = MERGE_COUNT}};
    struct kit k = {.columns = text,
                    .ncolumns = 1,
                    .nlegs = 1,
                    .legs = {LEG(rows)},
                    .spec = {.grouped = true, .outputs = sum, .noutputs = 1}};
    kit_expect_fault(&k, 1235, "added up");
    k.spec.outputs = min;
    kit_expect_fault(&k, 1235, "WEIGHT_STRING");
    k.spec.outputs = count;
    kit_expect_fault(&k, 1105, "not a count");
    k.columns = num;
    k.spec.outputs = two;
    k.spec.noutputs = 2;
    kit_expect_fault(&k, 1105, "columns");
    static const struct kit_row null[] = {{{NULL}}}, word[] = {{{"x"}}};
    k.spec.outputs = count;
    k.spec.noutputs = 1;
    k.legs[0] = (struct kit_leg)LEG(null);
    kit_expect_fault(&k, 1835, "no number");
    k.spec.outputs = sum;
    k.nlegs = 2;
    k.text_only = true;
    k.legs[0] = (struct kit_leg)LEG(word);
    k.legs[1] = (struct kit_leg)LEG(rows);
    kit_expect_fault(&k, 1835, "no number");
}

static void test_failing_allocations(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("g"), INT_COL("c"), DEC_COL("a", 4), DEC_COL("hs", 0),
                                             INT_COL("hn")};
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_AVG, .sum = HID(0), .count = HID(1)}};
    static struct merge_key group[] = {KEY_VIS(0)}, final[] = {KEY_VIS_DESC(2), KEY_VIS(1)};
    static const struct kit_row r0[] = {{{"1", "2", "1.5000", "3", "2"}},
                                        {{"2", "1", NULL, NULL, "0"}},
                                        {{"3", "9", "2.0000", "18", "9"}}},
                                r1[] = {{{"1", "1", "9.0000", "9", "1"}}, {{"3", "1", "2.0000", "2", "1"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 5,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .leg_caps = CAPS,
                    .spec = {.nhidden = 2,
                             .grouped = true,
                             .group = group,
                             .ngroup = 1,
                             .outputs = out,
                             .noutputs = 3,
                             .final_order = final,
                             .nfinal_order = 2}};
    static struct kit_reply r[2];
    kit_make_reply(&k, 0, &r[0]);
    kit_make_reply(&k, 1, &r[1]);
    bool finished = false;
    for (uint64_t n = 1; n < 400 && !finished; n++) {
        struct merge_options o = {
            .spec = &k.spec, .nlegs = 2, .client_capabilities = CAPS, .window = 4096, .max_memory = 1000000};
        struct buf bytes = {0};
        uint8_t seq = 1;
        bool ok = true;
        arena_init(&k.arena, 0);
        mem_fail_at(n);
        struct merge *m = merge_new(&o);
        for (uint32_t leg = 0; m && ok && leg < 2; leg++)
            for (uint32_t i = 0; i < r[leg].n && ok; i++)
                ok = merge_put(m, leg, kit_payload(&r[leg], i), CAPS, &k.arena, &k.fault);
        enum merge_state st = m && ok ? merge_run(m, &bytes, &seq, 100000, &k.arena, &k.fault) : MERGE_FAULT;
        mem_fail_at(0);
        if (m && st == MERGE_FAULT) assert_int_equal(k.fault.code, 1041);
        finished = st == MERGE_DONE;
        merge_free(m);
        buf_release(&bytes);
        kit_done(&k);
    }
    assert_true(finished);
    buf_release(&r[0].bytes);
    buf_release(&r[1].bytes);
}

/* Random groups over random legs against plain sums. */
static void test_random(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("g"), INT_COL("n"), DEC_COL("s", 1), INT_COL("lo"),
                                             INT_COL("hi")};
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_SUM}, {.fn = MERGE_MIN}, {.fn = MERGE_MAX}};
    static struct merge_key group[] = {KEY_VIS(0)};
    static struct kit_row rows[16][80];
    static char text[16][80][5][24];
    unsigned seed = 3;
    for (int round = 0; round < 40; round++) {
        struct {
            int64_t n, s, lo, hi;
            bool seen;
        } want[80] = {0};
        struct kit k = {.columns = cols,
                        .ncolumns = 5,
                        .nlegs = 1 + (uint32_t)rand_r(&seed) % 16,
                        .spec = {.grouped = true, .group = group, .ngroup = 1, .outputs = out, .noutputs = 5},
                        .seed = seed,
                        .budget = 50};
        for (uint32_t leg = 0; leg < k.nlegs; leg++) {
            uint32_t n = 0;
            for (int g = 0; g < 80; g++) {
                if (rand_r(&seed) % 3) continue;
                int64_t c = rand_r(&seed) % 100, s = rand_r(&seed) % 2000 - 1000, lo = rand_r(&seed) % 100,
                        hi = lo + rand_r(&seed) % 100;
                snprintf(text[leg][n][0], 24, "%d", g);
                snprintf(text[leg][n][1], 24, "%lld", (long long)c);
                snprintf(text[leg][n][2], 24, "%s%lld.%lld", s < 0 ? "-" : "", llabs(s) / 10, llabs(s) % 10);
                snprintf(text[leg][n][3], 24, "%lld", (long long)lo);
                snprintf(text[leg][n][4], 24, "%lld", (long long)hi);
                for (int j = 0; j < 5; j++) rows[leg][n].v[j] = text[leg][n][j];
                n++;
                if (!want[g].seen || lo < want[g].lo) want[g].lo = lo;
                if (!want[g].seen || hi > want[g].hi) want[g].hi = hi;
                want[g].seen = true;
                want[g].n += c;
                want[g].s += s;
            }
            k.legs[leg] = (struct kit_leg){rows[leg], n};
        }
        char expected[8000] = "";
        size_t at = 0;
        for (int g = 0; g < 80; g++)
            if (want[g].seen)
                at +=
                    (size_t)snprintf(expected + at, sizeof expected - at, "%d|%lld|%s%lld.%lld|%lld|%lld\n",
                                     g, (long long)want[g].n, want[g].s < 0 ? "-" : "", llabs(want[g].s) / 10,
                                     llabs(want[g].s) % 10, (long long)want[g].lo, (long long)want[g].hi);
        assert_true(kit_run(&k));
        assert_string_equal(kit_text(&k), expected);
        kit_done(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ungrouped),
        cmocka_unit_test(test_double),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_final_order),
        cmocka_unit_test(test_final_order_many),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
