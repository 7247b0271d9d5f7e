/*
 * test_merge.c - concatenation and the ordered merge: every key type, NULLs, ties, desc, limits, windows,
 * budgets, malformed input, memory.
 */
#include "test_merge_kit.h"

/* ---- concatenation ---- */

static void test_concat_one_leg(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), TEXT_COL("b")};
    static const struct kit_row rows[] = {{{"1", "x"}}, {{NULL, ""}}, {{"3", NULL}}};
    struct kit k = {.columns = cols, .ncolumns = 2, .nlegs = 1, .legs = {LEG(rows)}};
    kit_expect(&k, "1|x\nNULL|\n3|NULL\n");
}

static void test_concat_counts(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a")};
    static const struct kit_row r0[] = {{{"1"}}, {{"2"}}, {{"3"}}}, r2[] = {{{"4"}}};
    for (uint64_t limit = 0; limit <= 5; limit++)
        for (uint64_t offset = 0; offset <= 5; offset++) {
            struct kit k = {.columns = cols,
                            .ncolumns = 1,
                            .nlegs = 3,
                            .legs = {LEG(r0), {NULL, 0}, LEG(r2)},
                            .has_limit = true,
                            .limit = limit,
                            .offset = offset,
                            .seed = (unsigned)(limit * 7 + offset)};
            assert_true(kit_run(&k));
            uint64_t left = offset < 4 ? 4 - offset : 0;
            assert_int_equal(k.out_rows, left < limit ? left : limit);
            kit_done(&k);
        }
}

static void test_concat_goes_out_at_once(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), INT_COL("h")};
    static const struct kit_row rows[] = {{{"1", "9"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {LEG(rows), {NULL, 0}},
                    .spec = {.nhidden = 1},
                    .leg_caps = CAPS};
    struct kit_reply r;
    arena_init(&k.arena, 0);
    kit_make_reply(&k, 0, &r);
    struct merge_options o = {
        .spec = &k.spec, .nlegs = 2, .client_capabilities = CAPS, .window = 1, .max_memory = 100000};
    struct merge *m = merge_new(&o);
    struct buf out = {0};
    uint8_t seq = 1;
    for (uint32_t i = 0; i + 1 < r.n; i++)
        assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault));
    assert_int_equal(merge_run(m, &out, &seq, 1000, &k.arena, &k.fault), MERGE_NEED);
    assert_int_equal(merge_rows_out(m), 1); /* though leg 1 has said nothing */
    assert_true(merge_started(m));
    k.client_caps = CAPS;
    kit_read(&k, buf_str(&out));
    assert_string_equal(kit_text(&k), "1\n");
    merge_free(m);
    buf_release(&out);
    buf_release(&r.bytes);
    kit_done(&k);
}

/* ---- ordered ---- */

static void test_order_basic(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {TEXT_COL("name"), INT_COL("k")};
    static const struct kit_row r0[] = {{{"n", NULL}}, {{"a", "-5"}}, {{"b", "7"}}, {{"c", "7"}}},
                                r1[] = {{{"d", "-9223372036854775808"}},
                                        {{"e", "7"}},
                                        {{"f", "9223372036854775807"}}},
                                r2[] = {{{"g", NULL}}};
    static struct merge_key key[] = {KEY_VIS(1)};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 4,
                    .legs = {LEG(r0), LEG(r1), {NULL, 0}, LEG(r2)},
                    .spec = {.order = key, .norder = 1}};
    kit_expect(&k, "n|NULL\ng|NULL\nd|-9223372036854775808\na|-5\nb|7\nc|7\ne|7\nf|9223372036854775807\n");
    k.has_limit = true;
    k.offset = 2;
    k.limit = 3;
    kit_expect(&k, "d|-9223372036854775808\na|-5\nb|7\n");
    k.offset = 100;
    kit_expect(&k, "");
    k.offset = UINT64_MAX;
    k.limit = UINT64_MAX;
    kit_expect(&k, "");
    k.offset = 0;
    k.limit = 0;
    kit_expect(&k, "");
}

static void test_order_desc_and_mixed(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), UINT_COL("b"), INT_COL("h")};
    /* order by a desc, hidden */
    static const struct kit_row
        r0[] = {{{"3", "1", "1"}}, {{"3", "2", "5"}}, {{"1", "3", NULL}}, {{NULL, "4", "1"}}},
        r1[] = {{{"3", "5", NULL}}, {{"3", "6", "1"}}, {{"2", "7", "1"}}, {{NULL, "8", "0"}}};
    static struct merge_key key[] = {KEY_VIS_DESC(0), {.value = HID(0)}};
    struct kit k = {.columns = cols,
                    .ncolumns = 3,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.order = key, .norder = 2, .nhidden = 1}};
    kit_expect(&k, "3|5\n3|1\n3|6\n3|2\n2|7\n1|3\nNULL|8\nNULL|4\n");
}

/* Each type: values in ascending order, all in one list; dealt to legs, they must come back in this order,
 * and reversed when desc. */
static void order_of(const struct kit_column *col, const char *const *values, uint32_t n)
{
    struct kit_column cols[2] = {INT_COL("i"), *col};
    static struct kit_row rows[4][64];
    static char index[64][16];
    for (int desc = 0; desc < 2; desc++) {
        uint32_t count[4] = {0};
        unsigned seed = 99;
        char want[2048] = "";
        for (uint32_t i = 0; i < n; i++) {
            uint32_t v = desc ? n - 1 - i : i;
            uint32_t leg = (uint32_t)rand_r(&seed) % 4;
            snprintf(index[v], sizeof index[v], "%u", v);
            rows[leg][count[leg]++] = (struct kit_row){{index[v], values[v]}};
            size_t at = strlen(want);
            snprintf(want + at, sizeof want - at, "%u|%s\n", v, values[v] ? values[v] : "NULL");
        }
        struct merge_key key[] = {{.value = VIS(1), .desc = desc}};
        struct kit k = {.columns = cols, .ncolumns = 2, .nlegs = 4, .spec = {.order = key, .norder = 1}};
        for (uint32_t i = 0; i < 4; i++) k.legs[i] = (struct kit_leg){rows[i], count[i]};
        kit_expect(&k, want);
    }
}
#define ORDER_OF(type, flags, ...)                                                                           \
    do {                                                                                                     \
        static const char *const v[] = {__VA_ARGS__};                                                        \
        order_of(&(struct kit_column){"k", type, flags, 0, 63}, v, COUNT_OF(v));                             \
    } while (0)

static void test_order_types(void **state)
{
    (void)state;
    ORDER_OF(WIRE_TYPE_TINY, 0, NULL, "-128", "-1", "0", "1", "127");
    ORDER_OF(WIRE_TYPE_LONG, WIRE_COLUMN_UNSIGNED | WIRE_COLUMN_ZEROFILL, NULL, "0000000000", "0000000009",
             "0000000010", "4294967295");
    ORDER_OF(WIRE_TYPE_LONGLONG, WIRE_COLUMN_UNSIGNED, "0", "9223372036854775807", "9223372036854775808",
             "18446744073709551615");
    ORDER_OF(WIRE_TYPE_NEWDECIMAL, 0, NULL,
             "-99999999999999999999999999999999999999999999999999999999999999999", "-100000000000000.0002",
             "-100000000000000.0001", "-10.01", "-10.0", "-9.99999", "-0.00002", "-0.00001", "0.000",
             "0.00001", "0.00002", "0.1", "1", "1.00001", "1.000010001", "9", "10", "99999999999999.9999",
             "100000000000000", "100000000000001", "12345678901234567890123456789012345.1",
             "12345678901234567890123456789012345.10000000000000000000000000001");
    ORDER_OF(WIRE_TYPE_DOUBLE, 0, NULL, "-1.7976931348623157e308", "-1e20", "-2.5", "-1e-300", "0", "5e-324",
             "1e-15", "0.5", "1", "1.0000000000000002", "1e15", "1.7976931348623157e308");
    ORDER_OF(WIRE_TYPE_FLOAT, 0, "-1.1", "0", "0.1", "3.40282e38");
    ORDER_OF(WIRE_TYPE_DATE, 0, NULL, "0000-00-00", "0001-01-01", "1999-00-00", "1999-12-31", "2000-01-01",
             "9999-12-31");
    ORDER_OF(WIRE_TYPE_DATETIME, 0, NULL, "0000-00-00 00:00:00.000000", "1999-12-31 23:59:59",
             "1999-12-31 23:59:59.000001", "2000-01-01 00:00:00", "9999-12-31 23:59:59.999999");
    ORDER_OF(WIRE_TYPE_TIMESTAMP, 0, "1970-01-01 00:00:01.5", "1970-01-01 00:00:01.51",
             "2038-01-19 03:14:07");
    ORDER_OF(WIRE_TYPE_TIME, 0, NULL, "-838:59:59.000000", "-100:00:00", "-99:00:00", "-00:00:00.000001",
             "00:00:00", "00:00:00.1", "01:00:00", "99:59:59", "100:00:00", "838:59:59");
    ORDER_OF(WIRE_TYPE_YEAR, WIRE_COLUMN_UNSIGNED | WIRE_COLUMN_ZEROFILL, NULL, "0000", "1901", "2155");
    ORDER_OF(WIRE_TYPE_BIT, WIRE_COLUMN_UNSIGNED, NULL, "\x01\x02", "\x01\xff", "\x02\x01", "\xff\xff");
    ORDER_OF(WIRE_TYPE_VAR_STRING, WIRE_COLUMN_BINARY, NULL, "", " ", "a", "a ", "aaaaaaaa", "aaaaaaaaa",
             "aaaaaaaab", "ab", "\xff");
    ORDER_OF(WIRE_TYPE_BLOB, WIRE_COLUMN_BLOB | WIRE_COLUMN_BINARY, NULL, "", "A", "Z", "a", "\xc3");
    ORDER_OF(WIRE_TYPE_NULL, 0, NULL, NULL, NULL);
}

/* -0 and 0, 1.0 and 1.00: equal, so the order of the legs decides. */
static void test_order_equal_forms(void **state)
{
    (void)state;
    static const struct kit_column dec[] = {DEC_COL("k", 2), INT_COL("i")},
                                   dbl[] = {DOUBLE_COL("k"), INT_COL("i")};
    static const struct kit_row d0[] = {{{"-0.00", "0"}}, {{"1.0", "1"}}, {{"1.00", "2"}}},
                                d1[] = {{{"0", "3"}}, {{"0000.000", "4"}}, {{"1", "5"}}};
    static const struct kit_row f0[] = {{{"-0", "0"}}, {{"1", "1"}}}, f1[] = {{{"0", "3"}}, {{"1e0", "5"}}};
    static struct merge_key key[] = {KEY_VIS(0), {.value = VIS(1), .desc = true}};
    struct kit k = {.columns = dec,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {{d0, 1}, LEG(d1)},
                    .spec = {.order = key, .norder = 1}};
    kit_expect(&k, "-0.00|0\n0|3\n0000.000|4\n1|5\n");
    struct kit f = {.columns = dbl,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {LEG(f0), LEG(f1)},
                    .spec = {.order = key, .norder = 1}};
    kit_expect(&f, "-0|0\n0|3\n1|1\n1e0|5\n");
}

/* Text by hidden weights; the collation by name or as a hidden column. */
static void test_order_text(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {TEXT_COL("s"), BIN_COL("w"), TEXT_COL("c")};
    /* latin1_swedish_ci: one byte a character; "a\t" is before "a" because a tab is before the space that
     * pads. */
    static const struct kit_row r0[] = {{{NULL, NULL, "latin1_swedish_ci"}},
                                        {{"a\t", "A\t", "latin1_swedish_ci"}},
                                        {{"a", "A", "latin1_swedish_ci"}},
                                        {{"b ", "B ", "latin1_swedish_ci"}}},
                                r1[] = {{{"", "", "latin1_swedish_ci"}},
                                        {{"A ", "A ", "latin1_swedish_ci"}},
                                        {{"a!", "A!", "latin1_swedish_ci"}},
                                        {{"B", "B", "latin1_swedish_ci"}}};
    const char *want = "NULL\n\na\t\na\nA \na!\nb \nB\n";
    struct merge_key named[] = {
        {.value = VIS(0), .has_weight = true, .weight = HID(0), .collation = STR("latin1_swedish_ci")}};
    struct merge_key asked[] = {{.value = VIS(0),
                                 .has_weight = true,
                                 .weight = HID(0),
                                 .has_collation_column = true,
                                 .collation_column = HID(1)}};
    struct kit k = {.columns = cols,
                    .ncolumns = 3,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.order = named, .norder = 1, .nhidden = 2}};
    kit_expect(&k, want);
    k.spec.order = asked;
    kit_expect(&k, want);
    /* Without collation, without weight, by an unsafe collation: refused. */
    named[0].collation = STR_NULL;
    k.spec.order = named;
    kit_expect_fault(&k, 1235, "collation");
    named[0].collation = STR("latin7_general_ci");
    kit_expect_fault(&k, 1235, "latin7_general_ci");
    named[0].has_weight = false;
    kit_expect_fault(&k, 1235, "WEIGHT_STRING");
}

static void test_collations_differ(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {TEXT_COL("s"), BIN_COL("w"), TEXT_COL("c")};
    static const struct kit_row r0[] = {{{"a", "A", "latin1_swedish_ci"}}},
                                r1[] = {{{"a", "A", "latin1_bin"}}};
    static struct merge_key key[] = {{.value = VIS(0),
                                      .has_weight = true,
                                      .weight = HID(0),
                                      .has_collation_column = true,
                                      .collation_column = HID(1)}};
    struct kit k = {.columns = cols,
                    .ncolumns = 3,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.order = key, .norder = 1, .nhidden = 2}};
    kit_expect_fault(&k, 1235, "disagree");
}

static void test_distinct(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), INT_COL("b")};
    static const struct kit_row r0[] = {{{NULL, "1"}}, {{"1", "1"}}, {{"1", "2"}}, {{"2", "1"}}},
                                r1[] = {{{NULL, "1"}}, {{"1", "1"}}, {{"1", "3"}}, {{"3", "1"}}},
                                r2[] = {{{"1", "1"}}};
    static struct merge_key key[] = {KEY_VIS(0), KEY_VIS(1)};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 3,
                    .legs = {LEG(r0), LEG(r1), LEG(r2)},
                    .spec = {.order = key, .norder = 2, .distinct = true}};
    kit_expect(&k, "NULL|1\n1|1\n1|2\n1|3\n2|1\n3|1\n");
    k.has_limit = true;
    k.offset = 1;
    k.limit = 2;
    kit_expect(&k, "1|1\n1|2\n");
}

/* ---- faults ---- */

static void test_out_of_order_leg(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a")};
    static const struct kit_row r0[] = {{{"2"}}, {{"1"}}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {
        .columns = cols, .ncolumns = 1, .nlegs = 1, .legs = {LEG(r0)}, .spec = {.order = key, .norder = 1}};
    kit_expect_fault(&k, 1235, "otherwise");
    /* Equal prefixes hide it from a plain merge, which is no worse than the leg; rows that must come together
     * are compared whole. */
    static const struct kit_column bin[] = {BIN_COL("a")};
    static const struct kit_row b0[] = {{{"12345678b"}}, {{"12345678a"}}}, b1[] = {{{"12345678a"}}};
    struct kit d = {.columns = bin,
                    .ncolumns = 1,
                    .nlegs = 2,
                    .legs = {LEG(b0), LEG(b1)},
                    .spec = {.order = key, .norder = 1, .distinct = true}};
    kit_expect_fault(&d, 1235, "otherwise");
}

static void test_bad_values(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *value;
    } bad[] = {{WIRE_TYPE_LONG, "x"},
               {WIRE_TYPE_LONG, ""},
               {WIRE_TYPE_LONG, "99999999999999999999"},
               {WIRE_TYPE_NEWDECIMAL, "1.2.3"},
               {WIRE_TYPE_NEWDECIMAL, "."},
               {WIRE_TYPE_NEWDECIMAL, "-"},
               {WIRE_TYPE_DOUBLE, "nan"},
               {WIRE_TYPE_DOUBLE, "1e999"},
               {WIRE_TYPE_DOUBLE, "1 "},
               {WIRE_TYPE_DATE, "2000-13-01"},
               {WIRE_TYPE_DATE, "2000-1-1"},
               {WIRE_TYPE_DATETIME, "2000-01-01 10:00"},
               {WIRE_TYPE_TIME, "10:00"},
               {WIRE_TYPE_TIME, "10:60:00"},
               {WIRE_TYPE_TIME, ":00:00"},
               {WIRE_TYPE_NULL, "1"}};
    static struct merge_key key[] = {KEY_VIS(0)};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct kit_column cols[] = {{"a", bad[i].type, 0, 0, 63}};
        struct kit_row rows[] = {{{bad[i].value}}};
        struct kit k = {.columns = cols,
                        .ncolumns = 1,
                        .nlegs = 1,
                        .legs = {LEG(rows)},
                        .text_only = true,
                        .spec = {.order = key, .norder = 1}};
        kit_expect_fault(&k, 1835, "column 1");
    }
    static const struct {
        uint8_t type;
        uint16_t flags;
    } refused[] = {{WIRE_TYPE_STRING, WIRE_COLUMN_ENUM},
                   {WIRE_TYPE_STRING, WIRE_COLUMN_SET},
                   {WIRE_TYPE_STRING, WIRE_COLUMN_UNSIGNED} /* UUID */,
                   {WIRE_TYPE_JSON, 0},
                   {WIRE_TYPE_GEOMETRY, 0},
                   {WIRE_TYPE_VECTOR, 0},
                   {200, 0}};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct kit_column cols[] = {{"a", refused[i].type, refused[i].flags, 0, 63}};
        struct kit_row rows[] = {{{"1"}}};
        struct kit k = {.columns = cols,
                        .ncolumns = 1,
                        .nlegs = 1,
                        .legs = {LEG(rows)},
                        .spec = {.order = key, .norder = 1}};
        kit_expect_fault(&k, 1235, "cannot be merged in the order");
    }
}

/* OPTIONAL_RESULTSET_METADATA: a byte behind the count, and the definitions when the client wants them. */
static void test_optional_definitions(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a")};
    static const struct kit_row rows[] = {{{"7"}}};
    const uint32_t optional = CAPS | WIRE_CAP_OPTIONAL_RESULTSET_METADATA;
    struct kit k = {.columns = cols, .ncolumns = 1, .nlegs = 1, .legs = {LEG(rows)}, .leg_caps = CAPS};
    struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    arena_init(&k.arena, 0);
    for (int bare = 0; bare < 2; bare++)
        for (int able = 0; able < 2; able++) {
            struct merge_options o = {.spec = &k.spec,
                                      .nlegs = 1,
                                      .client_capabilities = able ? optional : CAPS,
                                      .max_memory = 100000,
                                      .bare = bare};
            struct merge *m = merge_new(&o);
            struct buf out = {0};
            uint8_t seq = 1;
            assert_true(merge_put(m, 0, STR("\x01\x01"), optional, &k.arena, &k.fault));
            for (uint32_t i = 1; i < r.n; i++)
                assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault));
            assert_int_equal(merge_run(m, &out, &seq, 1000, &k.arena, &k.fault), MERGE_DONE);
            assert_int_equal(out.data[0], able ? 2 : 1);
            if (able) assert_int_equal(out.data[5], !bare);
            assert_int_equal(seq, bare && able ? 4 : 5); /* count, (definition), row, end */
            merge_free(m);
            buf_release(&out);
        }
    /* A server that leaves them out: its rows cannot be read. */
    struct merge_options o = {.spec = &k.spec, .nlegs = 1, .client_capabilities = CAPS, .max_memory = 100000};
    struct merge *m = merge_new(&o);
    assert_false(merge_put(m, 0, STR("\x01\x00"), optional, &k.arena, &k.fault));
    assert_int_equal(k.fault.code, 1835);
    merge_free(m);
    buf_release(&r.bytes);
    kit_done(&k);
}

/* Replies whose legs differ or that are cut short: faults, never a crash. */
static void malformed_replies(bool binary)
{
    static const struct kit_column cols[] = {INT_COL("a"), INT_COL("b")};
    static const struct kit_row rows[] = {{{"1", "2"}}, {{"2", "3"}}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 1,
                    .legs = {LEG(rows)},
                    .leg_caps = CAPS,
                    .binary = binary,
                    .spec = {.order = key, .norder = 1, .nhidden = 1}};
    struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    struct merge_options o = {.spec = &k.spec,
                              .nlegs = 1,
                              .client_capabilities = CAPS,
                              .window = 4096,
                              .max_memory = 100000,
                              .binary = binary};
    arena_init(&k.arena, 0);
    for (uint32_t victim = 0; victim < r.n; victim++)
        for (size_t cut = 0; cut < kit_payload(&r, victim).len; cut++) {
            struct merge *m = merge_new(&o);
            struct buf out = {0};
            uint8_t seq = 0;
            bool ok = true;
            for (uint32_t i = 0; i < r.n && ok; i++) {
                struct str p = kit_payload(&r, i);
                char *copy = malloc(p.len + 1);
                memcpy(copy, p.ptr, p.len);
                ok = merge_put(m, 0, str_make(copy, i == victim ? cut : p.len), CAPS, &k.arena, &k.fault);
                free(copy);
            }
            bool faulted = !ok || merge_run(m, &out, &seq, 100000, &k.arena, &k.fault) == MERGE_FAULT;
            /* An end packet may be shorter by its optional tail, and its type byte alone looks like a row's.
             */
            if (!faulted) assert_true(victim == r.n - 1);
            if (faulted) assert_int_not_equal(k.fault.code, 0);
            if (faulted) assert_int_equal(merge_run(m, &out, &seq, 1000, &k.arena, &k.fault), MERGE_FAULT);
            merge_free(m);
            buf_release(&out);
        }
    buf_release(&r.bytes);
    kit_done(&k);
}

/* The second leg's definitions, of which only the fixed part is read. */
static void test_malformed_definitions(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a")};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {
        .columns = cols, .ncolumns = 1, .nlegs = 2, .leg_caps = CAPS, .spec = {.order = key, .norder = 1}};
    struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    struct merge_options o = {
        .spec = &k.spec, .nlegs = 2, .client_capabilities = CAPS, .window = 4096, .max_memory = 100000};
    arena_init(&k.arena, 0);
    struct str whole = kit_payload(&r, 1);
    for (size_t cut = 0; cut <= whole.len; cut++) {
        struct merge *m = merge_new(&o);
        char *copy = malloc(cut + 1);
        memcpy(copy, whole.ptr, cut);
        for (uint32_t leg = 0; leg < 2; leg++)
            assert_true(merge_put(m, leg, kit_payload(&r, 0), CAPS, &k.arena, &k.fault));
        assert_true(merge_put(m, 0, whole, CAPS, &k.arena, &k.fault));
        assert_int_equal(merge_put(m, 1, str_make(copy, cut), CAPS, &k.arena, &k.fault), cut == whole.len);
        free(copy);
        merge_free(m);
    }
    buf_release(&r.bytes);
    kit_done(&k);
}

static void test_malformed_replies(void **state)
{
    (void)state;
    malformed_replies(false);
    malformed_replies(true);
}

/* Any bytes in any payload: a fault or rows, never more. */
static void test_random_bytes(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), TEXT_COL("b"), BIN_COL("w")};
    static const struct kit_row rows[] = {{{"1", "x", "X"}}, {{"2", NULL, NULL}}, {{"3", "y", "Y"}}};
    static struct merge_key key[] = {
        KEY_VIS(0), {.value = VIS(1), .has_weight = true, .weight = HID(0), .collation = STR("latin1_bin")}};
    static struct merge_output outputs[] = {
        {.fn = MERGE_SUM},
        {.fn = MERGE_MAX, .has_weight = true, .weight = HID(0), .collation = STR("latin1_bin")}};
    unsigned seed = 17, faults = 0, rounds = 6000;
    for (unsigned round = 0; round < rounds; round++) {
        struct kit k = {.columns = cols,
                        .ncolumns = 3,
                        .nlegs = 1,
                        .legs = {LEG(rows)},
                        .leg_caps = CAPS,
                        .binary = round / 3 % 2};
        k.spec = round % 3 == 0 ? (struct merge_spec){.nhidden = 1}
                 : round % 3 == 1
                     ? (struct merge_spec){.order = key, .norder = 2, .nhidden = 1, .distinct = true}
                     : (struct merge_spec){.grouped = true, .outputs = outputs, .noutputs = 2, .nhidden = 1};
        static struct kit_reply r;
        kit_make_reply(&k, 0, &r);
        struct merge_options o = {.spec = &k.spec,
                                  .nlegs = 2,
                                  .client_capabilities = CAPS,
                                  .window = 4096,
                                  .max_memory = 100000,
                                  .binary = k.binary};
        struct merge *m = merge_new(&o);
        struct buf out = {0};
        uint8_t seq = 0;
        bool ok = true;
        arena_init(&k.arena, 0);
        uint32_t victim = (uint32_t)rand_r(&seed) % r.n;
        for (uint32_t i = 0; i < r.n && ok; i++)
            for (uint32_t leg = 0; leg < 2 && ok; leg++) {
                struct str p = kit_payload(&r, i);
                size_t n = p.len;
                char *copy = malloc(n + 8);
                memcpy(copy, p.ptr, n);
                if (i == victim)
                    for (int hits = rand_r(&seed) % 3; hits >= 0; hits--) {
                        if (n) copy[(size_t)rand_r(&seed) % n] = (char)rand_r(&seed);
                        if (rand_r(&seed) % 4 == 0) n = (size_t)rand_r(&seed) % (n + 1);
                    }
                char *exact = realloc(copy, n ? n : 1);
                ok = merge_put(m, leg, str_make(exact, n), CAPS, &k.arena, &k.fault);
                free(exact);
            }
        if (!ok || merge_run(m, &out, &seq, 100000, &k.arena, &k.fault) == MERGE_FAULT) faults++;
        merge_free(m);
        buf_release(&out);
        buf_release(&r.bytes);
        kit_done(&k);
    }
    assert_true(faults > rounds / 10 && faults < rounds);
}

static void test_legs_differ(void **state)
{
    (void)state;
    static const struct kit_column one[] = {INT_COL("a")}, two[] = {INT_COL("a"), INT_COL("b")},
                                   other[] = {DEC_COL("a", 2)};
    static struct merge_key key[] = {KEY_VIS(0)};
    for (int test = 0; test < 3; test++) {
        struct kit a = {.columns = one, .ncolumns = 1, .leg_caps = CAPS},
                   b = {.columns = test == 1 ? two : other, .ncolumns = test == 1 ? 2 : 1, .leg_caps = CAPS};
        static struct kit_reply ra, rb;
        kit_make_reply(&a, 0, &ra);
        kit_make_reply(&b, 0, &rb);
        struct merge_spec spec = {.order = key, .norder = test == 0 ? 0 : 1};
        struct merge_options o = {
            .spec = &spec, .nlegs = 2, .client_capabilities = CAPS, .window = 4096, .max_memory = 100000};
        for (int first = 0; first < 2; first++) {
            struct merge *m = merge_new(&o);
            arena_init(&a.arena, 0);
            bool ok = true;
            /* Interleaved: the reference leg is not whole when the other's column comes. */
            for (uint32_t i = 0; i < 4 && ok; i++)
                for (int leg = first; ok && leg >= 0 && leg < 2; leg += first ? -1 : 1) {
                    struct kit_reply *r = leg ? &rb : &ra;
                    if (i < r->n)
                        ok = merge_put(m, (uint32_t)leg, kit_payload(r, i), CAPS, &a.arena, &a.fault);
                }
            assert_int_equal(ok, test == 0);
            if (!ok) assert_int_equal(a.fault.code, 1105);
            merge_free(m);
            kit_done(&a);
        }
        buf_release(&ra.bytes);
        buf_release(&rb.bytes);
    }
}

static void test_memory_cap(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), TEXT_COL("b")};
    static char big[60000];
    memset(big, 'x', sizeof big - 1);
    static const struct kit_row rows[] = {{{"1", big}}, {{"2", big}}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {LEG(rows), LEG(rows)},
                    .spec = {.order = key, .norder = 1},
                    .max_memory = 50000};
    kit_expect_fault(&k, 1041, "max_statement_memory");
    k.max_memory = 300000;
    assert_true(kit_run(&k));
    assert_true(k.most_held <= 300000);
    assert_int_equal(k.out_rows, 4);
    kit_done(&k);
}

/* Back-pressure: a leg that is ahead is not wanted beyond its window. */
static void test_window(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a")};
    static struct kit_row rows[4000];
    static char text[4000][16];
    for (int i = 0; i < 4000; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        rows[i].v[0] = text[i];
    }
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {.columns = cols,
                    .ncolumns = 1,
                    .nlegs = 2,
                    .legs = {LEG(rows), {NULL, 0}},
                    .spec = {.order = key, .norder = 1},
                    .leg_caps = CAPS};
    static struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    struct merge_options o = {
        .spec = &k.spec, .nlegs = 2, .client_capabilities = CAPS, .window = 4096, .max_memory = 100000};
    struct merge *m = merge_new(&o);
    arena_init(&k.arena, 0);
    struct buf out = {0};
    uint8_t seq = 1;
    uint32_t i = 0;
    for (; i < r.n && merge_wants(m, 0); i++)
        assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault));
    assert_true(i < 1000);
    assert_true(merge_held(m) <= (3 + 2 + 2) * 4096); /* arena, window, which doubles */
    assert_int_equal(merge_run(m, &out, &seq, 1000, &k.arena, &k.fault), MERGE_NEED);
    assert_false(merge_started(m));
    assert_true(merge_wants(m, 1));
    merge_free(m);
    buf_release(&out);
    buf_release(&r.bytes);
    kit_done(&k);
}

static void test_enough(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a")};
    static const struct kit_row rows[] = {{{"1"}}, {{"2"}}, {{"3"}}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {.columns = cols,
                    .ncolumns = 1,
                    .nlegs = 1,
                    .legs = {LEG(rows)},
                    .spec = {.order = key, .norder = 1},
                    .leg_caps = CAPS,
                    .client_caps = CAPS};
    static struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    struct merge_options o = {.spec = &k.spec,
                              .nlegs = 1,
                              .client_capabilities = CAPS,
                              .window = 4096,
                              .max_memory = 100000,
                              .has_limit = true,
                              .limit = 1};
    struct merge *m = merge_new(&o);
    arena_init(&k.arena, 0);
    struct buf out = {0};
    uint8_t seq = 1;
    for (uint32_t i = 0; i < 4; i++)
        assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault));
    assert_int_equal(merge_run(m, &out, &seq, 1000, &k.arena, &k.fault), MERGE_ENOUGH);
    assert_false(merge_wants(m, 0));
    size_t before = out.len;
    for (uint32_t i = 4; i < r.n; i++)
        assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault)); /* drained */
    assert_true(merge_leg_ended(m, 0));
    assert_int_equal(merge_run(m, &out, &seq, 1000, &k.arena, &k.fault), MERGE_DONE);
    assert_int_equal(out.len, before);
    kit_read(&k, buf_str(&out));
    assert_string_equal(kit_text(&k), "1\n");
    merge_free(m);
    buf_release(&out);
    buf_release(&r.bytes);
    kit_done(&k);
}

/* A row of 16 MB and more: split on the way out. */
static void test_huge_row(void **state)
{
    (void)state;
    const size_t n = (16u << 20) + 10;
    struct merge_spec spec = {0};
    static struct merge_key key[] = {{.value = HID(0)}};
    for (int ordered = 0; ordered < 2; ordered++) {
        struct merge_options o = {
            .spec = &spec, .nlegs = 1, .client_capabilities = CAPS, .window = 4096, .max_memory = 100u << 20};
        spec = (struct merge_spec){.nhidden = 1, .order = key, .norder = (uint32_t)ordered};
        static const struct kit_column cols[] = {BIN_COL("a"), INT_COL("h")};
        struct kit k = {.columns = cols, .ncolumns = 2, .leg_caps = CAPS};
        static struct kit_reply r;
        kit_make_reply(&k, 0, &r);
        struct merge *m = merge_new(&o);
        arena_init(&k.arena, 0);
        struct buf row = {0}, out = {0};
        char *big = calloc(1, n);
        wire_put_text_field(&row, str_make(big, n));
        wire_put_text_field(&row, STR("1"));
        uint8_t seq = 1;
        for (uint32_t i = 0; i < 3; i++)
            assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault));
        assert_true(merge_put(m, 0, buf_str(&row), CAPS, &k.arena, &k.fault));
        assert_true(merge_put(m, 0, kit_payload(&r, 3), CAPS, &k.arena, &k.fault));
        assert_int_equal(merge_run(m, &out, &seq, SIZE_MAX, &k.arena, &k.fault), MERGE_DONE);
        assert_int_equal(merge_rows_out(m), 1);
        assert_true(out.len > n + 9 && out.len < n + 200); /* two packets: the hidden column is gone */
        merge_free(m);
        free(big);
        buf_release(&row);
        buf_release(&out);
        buf_release(&r.bytes);
        kit_done(&k);
    }
}

static void test_failing_allocations(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), TEXT_COL("b")};
    static const struct kit_row r0[] = {{{"1", "x"}}, {{"3", "x"}}}, r1[] = {{{"2", "y"}}, {{"3", "y"}}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .leg_caps = CAPS,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.order = key, .norder = 1, .distinct = true}};
    static struct kit_reply r[2];
    kit_make_reply(&k, 0, &r[0]);
    kit_make_reply(&k, 1, &r[1]);
    bool finished = false;
    for (uint64_t n = 1; n < 200 && !finished; n++) {
        struct merge_options o = {
            .spec = &k.spec, .nlegs = 2, .client_capabilities = CAPS, .window = 4096, .max_memory = 100000};
        struct buf out = {0};
        uint8_t seq = 1;
        bool ok = true;
        arena_init(&k.arena, 0);
        mem_fail_at(n);
        struct merge *m = merge_new(&o);
        for (uint32_t i = 0; m && ok && i < r[0].n; i++)
            for (uint32_t leg = 0; leg < 2 && ok; leg++)
                ok = merge_put(m, leg, kit_payload(&r[leg], i), CAPS, &k.arena, &k.fault);
        enum merge_state st = m && ok ? merge_run(m, &out, &seq, 100000, &k.arena, &k.fault) : MERGE_FAULT;
        mem_fail_at(0);
        if (m && st == MERGE_FAULT) assert_int_equal(k.fault.code, 1041);
        finished = st == MERGE_DONE;
        merge_free(m);
        buf_release(&out);
        kit_done(&k);
    }
    assert_true(finished);
    buf_release(&r[0].bytes);
    buf_release(&r[1].bytes);
}

/* Random rows against a plain sort. */
struct naive {
    int64_t a, b; /* INT64_MIN: NULL */
    uint32_t leg, n;
};
static int naive_value(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y;
}
static int naive_cmp(const void *p, const void *q)
{
    const struct naive *x = p, *y = q;
    int c = naive_value(x->a, y->a);
    if (!c) c = -naive_value(x->b, y->b);
    if (!c) c = naive_value(x->leg, y->leg);
    return c ? c : naive_value(x->n, y->n);
}

static void test_random(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("id"), INT_COL("a"), INT_COL("h")};
    static struct merge_key key[] = {KEY_VIS(1), {.value = HID(0), .desc = true}};
    static struct naive all[1600];
    static struct kit_row rows[16][100];
    static char text[1600][3][24];
    unsigned seed = 7;
    for (int round = 0; round < 60; round++) {
        uint32_t nlegs = 1 + (uint32_t)rand_r(&seed) % 16, total = 0;
        int range = 1 + rand_r(&seed) % 50;
        struct kit k = {.columns = cols,
                        .ncolumns = 3,
                        .nlegs = nlegs,
                        .spec = {.order = key, .norder = 2, .nhidden = 1},
                        .seed = seed,
                        .budget = 1 + (size_t)rand_r(&seed) % 3000};
        for (uint32_t leg = 0; leg < nlegs; leg++) {
            uint32_t n = (uint32_t)rand_r(&seed) % 100;
            for (uint32_t i = 0; i < n; i++) {
                int64_t a = rand_r(&seed) % range - range / 2, b = rand_r(&seed) % range;
                all[total + i] = (struct naive){rand_r(&seed) % 9 ? a : INT64_MIN,
                                                rand_r(&seed) % 9 ? b : INT64_MIN, leg, 0};
            }
            qsort(all + total, n, sizeof *all, naive_cmp);
            for (uint32_t i = 0; i < n; i++, total++) {
                all[total].n = total;
                snprintf(text[total][0], 24, "%u", total);
                snprintf(text[total][1], 24, "%lld", (long long)all[total].a);
                snprintf(text[total][2], 24, "%lld", (long long)all[total].b);
                rows[leg][i] =
                    (struct kit_row){{text[total][0], all[total].a == INT64_MIN ? NULL : text[total][1],
                                      all[total].b == INT64_MIN ? NULL : text[total][2]}};
            }
            k.legs[leg] = (struct kit_leg){rows[leg], n};
        }
        qsort(all, total, sizeof *all, naive_cmp);
        uint64_t from = 0, to = total;
        if (rand_r(&seed) % 2) {
            k.has_limit = true;
            k.offset = (uint64_t)rand_r(&seed) % 200;
            k.limit = (uint64_t)rand_r(&seed) % 200;
            from = k.offset < total ? k.offset : total;
            to = from + k.limit < total ? from + k.limit : total;
        }
        assert_true(kit_run(&k));
        assert_int_equal(k.out_rows, to - from);
        for (uint64_t i = from; i < to; i++) {
            uint64_t id;
            assert_true(str_to_u64(k.cells[(i - from) * 2], &id));
            assert_int_equal(id, all[i].n);
        }
        kit_done(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concat_one_leg),
        cmocka_unit_test(test_concat_counts),
        cmocka_unit_test(test_concat_goes_out_at_once),
        cmocka_unit_test(test_order_basic),
        cmocka_unit_test(test_order_desc_and_mixed),
        cmocka_unit_test(test_order_types),
        cmocka_unit_test(test_order_equal_forms),
        cmocka_unit_test(test_order_text),
        cmocka_unit_test(test_collations_differ),
        cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_out_of_order_leg),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_malformed_replies),
        cmocka_unit_test(test_malformed_definitions),
        cmocka_unit_test(test_optional_definitions),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_legs_differ),
        cmocka_unit_test(test_memory_cap),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_enough),
        cmocka_unit_test(test_huge_row),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
