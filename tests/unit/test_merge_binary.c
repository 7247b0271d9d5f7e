/*
 * test_merge_binary.c - rows of the binary protocol: NULL bits without the hidden columns, damaged rows,
 * totals in the column's own type, legs whose types differ, packets fed byte by byte; and any table merged in
 * both protocols must give the same rows. Cursors and pools are in test_merge_cursor.c.
 */
#include "test_merge_kit.h"

/* ---- hidden columns ---- */

/* Every number of columns around the bytes' bounds; random NULLs. */
static void test_null_bits(void **state)
{
    (void)state;
    static const struct kit_column all[KIT_MAX_COLUMNS] = {
        INT_COL("a"),  TEXT_COL("b"), {"c", WIRE_TYPE_TINY, 0, 0, 63}, DOUBLE_COL("d"), INT_COL("e"),
        BIN_COL("f"),  INT_COL("g"),  {"h", WIRE_TYPE_DATE, 0, 0, 63}, INT_COL("i"),    DEC_COL("j", 2),
        UINT_COL("k"), INT_COL("l")};
    static const char *const values[KIT_MAX_COLUMNS] = {"-1", "text",       "7", "1.5",  "5", "",
                                                        "6",  "2024-02-29", "7", "1.25", "8", "9"};
    static struct merge_key key[] = {{.value = HID(0)}};
    unsigned seed = 21;
    for (uint32_t n = 2; n <= KIT_MAX_COLUMNS; n++)
        for (uint32_t hidden = 0; hidden < n; hidden++) {
            static struct kit_row rows[2][6];
            char want[2][512] = {"", ""}, both[1024];
            uint32_t visible = n - hidden;
            for (int i = 0; i < 12; i++) {
                struct kit_row *r = &rows[i / 6][i % 6];
                for (uint32_t j = 0; j < n; j++) r->v[j] = rand_r(&seed) % 3 ? values[j] : NULL;
                if (hidden) r->v[visible] = NULL; /* the key: leg after leg */
                for (uint32_t j = 0; j < visible; j++) {
                    strcat(want[i / 6], r->v[j] ? r->v[j] : "NULL");
                    strcat(want[i / 6], j + 1 == visible ? "\n" : "|");
                }
            }
            struct kit k = {.columns = all,
                            .ncolumns = n,
                            .nlegs = 1,
                            .legs = {{rows[0], 6}, {rows[1], 6}},
                            .spec = {.nhidden = hidden, .order = key}};
            kit_expect(&k, want[0]);
            if (!hidden || all[visible].collation != 63) continue; /* text is no key */
            k.nlegs = 2;
            k.spec.norder = 1;
            snprintf(both, sizeof both, "%s%s", want[0], want[1]);
            kit_expect(&k, both);
        }
}

/* A row of 16 MB and more: in several packets, its hidden column gone. */
static void test_huge_row(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {BIN_COL("a"), INT_COL("h")};
    static struct merge_key key[] = {{.value = HID(0)}};
    const size_t n = (16u << 20) + 10;
    struct kit k = {.columns = cols, .ncolumns = 2, .leg_caps = CAPS, .binary = true};
    struct merge_spec spec = {.nhidden = 1, .order = key, .norder = 1};
    struct merge_options o = {.spec = &spec,
                              .nlegs = 1,
                              .client_capabilities = CAPS,
                              .window = 4096,
                              .max_memory = 100u << 20,
                              .binary = true};
    static struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    struct merge *m = merge_new(&o);
    struct buf row = {0}, out = {0};
    char *big = calloc(1, n);
    uint8_t seq = 1;
    arena_init(&k.arena, 0);
    memset(big, 'x', n);
    buf_put(&row, "\0\0", 2);
    wire_put_lenstr(&row, str_make(big, n));
    buf_put_u64(&row, 1);
    for (uint32_t i = 0; i < r.n; i++) {
        if (i + 1 == r.n) assert_true(merge_put(m, 0, buf_str(&row), CAPS, &k.arena, &k.fault));
        assert_true(merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault));
    }
    assert_int_equal(merge_run(m, &out, &seq, SIZE_MAX, &k.arena, &k.fault), MERGE_DONE);
    /* The row's two packets stand behind count and definition, before the end. */
    size_t at = 0;
    for (int i = 0; i < 2; i++) at += WIRE_HEADER + wire_u24(out.data + at);
    assert_int_equal(wire_u24(out.data + at), WIRE_MAX_PAYLOAD);
    at += WIRE_HEADER + WIRE_MAX_PAYLOAD;
    assert_int_equal(wire_u24(out.data + at), row.len - 8 - WIRE_MAX_PAYLOAD);
    at += WIRE_HEADER + row.len - 8 - WIRE_MAX_PAYLOAD;
    assert_int_equal((uint8_t)out.data[at + 3], 5);
    assert_int_equal((uint8_t)out.data[at + WIRE_HEADER], 0xfe);
    assert_int_equal(out.data[at - 1], 'x');
    merge_free(m);
    free(big);
    buf_release(&row);
    buf_release(&out);
    buf_release(&r.bytes);
    kit_done(&k);
}

/* ---- damaged rows ---- */

static bool takes_row(const struct kit_column *cols, uint32_t n, struct str row, struct merge_spec *spec)
{
    struct kit k = {.columns = cols, .ncolumns = n, .leg_caps = CAPS, .binary = true};
    static struct kit_reply r;
    kit_make_reply(&k, 0, &r);
    struct merge_options o = {.spec = spec,
                              .nlegs = 1,
                              .client_capabilities = CAPS,
                              .window = 4096,
                              .max_memory = 100000,
                              .binary = true};
    struct merge *m = merge_new(&o);
    struct buf out = {0};
    uint8_t seq = 0;
    bool ok = true;
    char *exact = malloc(row.len ? row.len : 1); /* so that reading past the end is seen */
    if (row.len) memcpy(exact, row.ptr, row.len);
    arena_init(&k.arena, 0);
    for (uint32_t i = 0; i < r.n && ok; i++) {
        if (i + 1 == r.n) ok = merge_put(m, 0, str_make(exact, row.len), CAPS, &k.arena, &k.fault);
        if (ok) ok = merge_put(m, 0, kit_payload(&r, i), CAPS, &k.arena, &k.fault);
    }
    if (ok) ok = merge_run(m, &out, &seq, 100000, &k.arena, &k.fault) == MERGE_DONE;
    if (!ok) assert_int_equal(k.fault.code, WIRE_ER_MALFORMED_PACKET);
    free(exact);
    merge_free(m);
    buf_release(&out);
    buf_release(&r.bytes);
    kit_done(&k);
    return ok;
}

static void test_damaged_rows(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {INT_COL("a"), TEXT_COL("b"), {"c", WIRE_TYPE_SHORT, 0, 0, 63}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct merge_spec spec = {.order = key, .norder = 1, .nhidden = 1};
    static const struct kit_row row = {{"-5", "text", "3"}};
    struct kit k = {.columns = cols, .ncolumns = 3};
    struct buf b = {0};
    kit_encode_row(&k, &row, &b);
    assert_true(takes_row(cols, 3, buf_str(&b), &spec));
    for (size_t n = 0; n < b.len; n++) assert_false(takes_row(cols, 3, str_make(b.data, n), &spec));
    buf_put_u8(&b, 0);
    assert_false(takes_row(cols, 3, buf_str(&b), &spec)); /* a byte too many */
    b.len--;
    b.data[0] = 1;
    assert_false(takes_row(cols, 3, buf_str(&b), &spec)); /* no row's header */
    b.data[0] = 0;
    b.data[10] = (char)0xfb; /* NULL as the text protocol has it */
    assert_false(takes_row(cols, 3, buf_str(&b), &spec));
    /* Concatenation does not look at values, but a row is a row. */
    struct merge_spec plain = {0};
    assert_false(takes_row(cols, 3, STR("\x00"), &plain));
    assert_false(takes_row(cols, 3, STR("\x01\x00zz"), &plain));
    buf_release(&b);
}

static void test_damaged_values(void **state)
{
    (void)state;
    static struct merge_key key[] = {KEY_VIS(0)};
    struct merge_spec spec = {.order = key, .norder = 1};
    static const struct {
        uint8_t type;
        struct str value; /* with its length */
        bool good;
    } values[] = {
        {WIRE_TYPE_DATETIME, {"\x00", 1}, true},
        {WIRE_TYPE_DATETIME, {"\x04\xe8\x07\x0c\x1f", 5}, true},
        {WIRE_TYPE_DATETIME, {"\x04\xe8\x07\x0d\x1f", 5}, false},
        {WIRE_TYPE_DATETIME, {"\x04\xe8\x07\x0c\x20", 5}, false},
        {WIRE_TYPE_DATETIME, {"\x04\x10\x27\x0c\x1f", 5}, false},
        {WIRE_TYPE_DATETIME, {"\x05\xe8\x07\x0c\x1f\x00", 6}, false},
        {WIRE_TYPE_DATETIME, {"\x07\xe8\x07\x0c\x1f\x17\x3b\x3b", 8}, true},
        {WIRE_TYPE_DATETIME, {"\x07\xe8\x07\x0c\x1f\x18\x3b\x3b", 8}, false},
        {WIRE_TYPE_DATETIME, {"\x0b\xe8\x07\x0c\x1f\x17\x3b\x3b\x3f\x42\x0f\x00", 12}, true},
        {WIRE_TYPE_DATETIME, {"\x0b\xe8\x07\x0c\x1f\x17\x3b\x3b\x40\x42\x0f\x00", 12}, false},
        {WIRE_TYPE_TIME, {"\x00", 1}, true},
        {WIRE_TYPE_TIME, {"\x08\x01\x22\x00\x00\x00\x16\x3b\x3b", 9}, true},
        {WIRE_TYPE_TIME, {"\x08\x02\x22\x00\x00\x00\x16\x3b\x3b", 9}, false},
        {WIRE_TYPE_TIME, {"\x08\x01\xff\xff\xff\xff\x16\x3b\x3b", 9}, false},
        {WIRE_TYPE_TIME, {"\x08\x01\x22\x00\x00\x00\x18\x3b\x3b", 9}, false},
        {WIRE_TYPE_TIME, {"\x04\x01\x22\x00\x00", 5}, false},
        {WIRE_TYPE_DOUBLE, {"\x00\x00\x00\x00\x00\x00\xf0\x3f", 8}, true},
        {WIRE_TYPE_DOUBLE, {"\x00\x00\x00\x00\x00\x00\xf0\x7f", 8}, false}, /* infinite */
        {WIRE_TYPE_FLOAT, {"\x00\x00\xc0\x7f", 4}, false},                  /* not a number */
        {WIRE_TYPE_NEWDECIMAL,
         {"\x03"
          "1.x",
          4},
         false},
        {WIRE_TYPE_NULL, {"\x00", 1}, false},
        {WIRE_TYPE_NULL, {"", 0}, false},
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct kit_column cols[] = {{"a", values[i].type, 0, 0, 63}};
        struct buf b = {0};
        buf_put(&b, "\0\0", 2);
        buf_put_str(&b, values[i].value);
        if (takes_row(cols, 1, buf_str(&b), &spec) != values[i].good) fail_msg("value %zu", i);
        buf_release(&b);
    }
}

/* ---- totals ---- */

/* COUNT in any width, SUM and AVG of doubles bit by bit, of decimals as text. */
static void test_totals(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {{"n", WIRE_TYPE_LONG, 0, 0, 63},
                                             {"u", WIRE_TYPE_SHORT, WIRE_COLUMN_UNSIGNED, 0, 63},
                                             DOUBLE_COL("s"),
                                             DEC_COL("d", 3),
                                             DOUBLE_COL("a"),
                                             {"i", WIRE_TYPE_LONG, 0, 0, 63},
                                             DOUBLE_COL("hs"),
                                             {"hn", WIRE_TYPE_LONG, 0, 0, 63}};
    static struct merge_output out[] = {{.fn = MERGE_COUNT},
                                        {.fn = MERGE_COUNT},
                                        {.fn = MERGE_SUM},
                                        {.fn = MERGE_SUM},
                                        {.fn = MERGE_AVG, .sum = HID(0), .count = HID(1)},
                                        {.fn = MERGE_SUM}};
    static const struct kit_row r0[] = {{{"3", "65000", "0.1", "-0.005", "0.1", "-7", "0.1", "1"}}},
                                r1[] = {{{"4", "35", "0.2", "12345678901234567890.500", "0.1", "2147483647",
                                          "0.2", "2"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 8,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.nhidden = 2, .grouped = true, .outputs = out, .noutputs = 6}};
    kit_expect(&k, "7|65035|0.30000000000000004|12345678901234567890.495|0.10000000000000002|2147483640\n");
    /* What the column cannot hold is a fault, in the binary protocol; as text there is no bound. */
    static const struct kit_row big[] = {{{"3", "65000", "0.1", "1", "0.1", "1", "0.1", "1"}}};
    k.legs[1] = (struct kit_leg)LEG(big);
    k.binary = true;
    assert_false(kit_run(&k));
    assert_int_equal(k.fault.code, 1690);
    kit_done(&k);
    /* A negative count is none. */
    static const struct kit_row negative[] = {{{"-3", "1", "0.1", "1", "0.1", "1", "0.1", "1"}}};
    k.legs[1] = (struct kit_leg)LEG(negative);
    assert_false(kit_run(&k));
    assert_int_equal(k.fault.code, 1835);
    kit_done(&k);
}

/* ---- every type in both protocols ---- */

enum { VALUES = 6 };
static const struct {
    struct kit_column column;
    bool weighed;
    const char *values[VALUES]; /* ascending */
} types[] = {
    {{"tiny", WIRE_TYPE_TINY, 0, 0, 63}, false, {NULL, "-128", "-1", "0", "5", "127"}},
    {{"short", WIRE_TYPE_SHORT, 0, 0, 63}, false, {NULL, "-32768", "-300", "0", "299", "32767"}},
    {{"int24", WIRE_TYPE_INT24, WIRE_COLUMN_UNSIGNED, 0, 63},
     false,
     {NULL, "0", "1", "70000", "70001", "16777215"}},
    {{"long", WIRE_TYPE_LONG, 0, 0, 63}, false, {"-2147483648", "-70000", "-1", "0", "70000", "2147483647"}},
    {{"ulong", WIRE_TYPE_LONGLONG, WIRE_COLUMN_UNSIGNED, 0, 63},
     false,
     {NULL, "0", "9", "9223372036854775807", "9223372036854775808", "18446744073709551615"}},
    {{"float", WIRE_TYPE_FLOAT, 0, 31, 63}, false, {NULL, "-1.5", "0", "1.17549e-38", "0.1", "3.4e38"}},
    {{"double", WIRE_TYPE_DOUBLE, 0, 31, 63},
     false,
     {NULL, "-1.7976931348623157e308", "-0.1", "5e-324", "0.1", "0.30000000000000004"}},
    {{"decimal", WIRE_TYPE_NEWDECIMAL, 0, 4, 63},
     false,
     {NULL, "-99999999999999999999999999.0001", "-0.0001", "0.0000", "99999999999999.0000",
      "99999999999999.0001"}},
    {{"date", WIRE_TYPE_DATE, 0, 0, 63},
     false,
     {NULL, "0000-00-00", "1000-01-01", "1999-00-00", "1999-12-31", "9999-12-31"}},
    {{"datetime", WIRE_TYPE_DATETIME, 0, 6, 63},
     false,
     {NULL, "0000-00-00 00:00:00.000000", "2024-02-29 00:00:00.000000", "2024-02-29 00:00:00.000001",
      "2024-02-29 00:00:01.000000", "2024-02-29 23:59:59.999999"}},
    {{"timestamp", WIRE_TYPE_TIMESTAMP, 0, 0, 63},
     false,
     {NULL, "0000-00-00 00:00:00", "1970-01-01 00:00:01", "2001-09-09 01:46:40", "2024-01-01 00:00:00",
      "2038-01-19 03:14:07"}},
    {{"time", WIRE_TYPE_TIME, 0, 3, 63},
     false,
     {NULL, "-838:59:59.000", "-00:00:00.001", "00:00:00.000", "23:59:59.999", "838:59:59.000"}},
    {{"year", WIRE_TYPE_YEAR, WIRE_COLUMN_UNSIGNED, 0, 63},
     false,
     {NULL, "0000", "1901", "1999", "2024", "2155"}},
    {{"bit", WIRE_TYPE_BIT, WIRE_COLUMN_UNSIGNED, 0, 63},
     false,
     {NULL, "\x01\x01", "\x01\x02", "\x02\x01", "a0", "\xff\xff"}},
    {{"binary", WIRE_TYPE_BLOB, WIRE_COLUMN_BINARY, 0, 63},
     false,
     {NULL, "", "a", "a ", "aaaaaaaab", "aaaaaaaac"}},
    {{"text", WIRE_TYPE_VAR_STRING, 0, 0, 45}, true, {NULL, "", "A", "AB", "B", "Z"}},
};

/* A leg's rows by the rank of their keys. */
static uint32_t rank_of(uint32_t type, const char *v)
{
    for (uint32_t i = 0; i < VALUES; i++)
        if (types[type].values[i] == v) return i;
    return VALUES;
}
static uint32_t sort_types[2];
static int compare_rows(const void *a, const void *b)
{
    const struct kit_row *x = a, *y = b;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t p = rank_of(sort_types[i], x->v[1 + i]), q = rank_of(sort_types[i], y->v[1 + i]);
        if (p != q) return p < q ? -1 : 1;
    }
    return 0;
}

/* Tables with a count, two keys of any types (their weights hidden) in all ways of merging, both protocols.
 */
static void test_both_protocols(void **state)
{
    (void)state;
    unsigned seed = 31;
    for (unsigned round = 0; round < 400; round++) {
        static struct kit_row rows[4][30];
        for (uint32_t i = 0; i < 2; i++)
            sort_types[i] = round < 2 * COUNT_OF(types) && i == round % 2
                                ? round / 2
                                : (uint32_t)rand_r(&seed) % COUNT_OF(types);
        struct kit_column cols[] = {INT_COL("n"), types[sort_types[0]].column, types[sort_types[1]].column,
                                    BIN_COL("w0"), BIN_COL("w1")};
        struct merge_key keys[2];
        struct merge_output outputs[3] = {{.fn = MERGE_COUNT}, {.fn = MERGE_FIRST}, {.fn = MERGE_FIRST}};
        for (uint32_t i = 0; i < 2; i++) {
            keys[i] = (struct merge_key){.value = {MERGE_VISIBLE, 1 + i}};
            if (types[sort_types[i]].weighed) {
                keys[i].has_weight = true;
                keys[i].weight = (struct merge_column){MERGE_HIDDEN, i};
                keys[i].collation = STR("latin1_bin");
            }
        }
        struct kit k = {.columns = cols,
                        .ncolumns = 5,
                        .nlegs = 1 + (uint32_t)rand_r(&seed) % 4,
                        .seed = seed,
                        .budget = 77};
        for (uint32_t leg = 0; leg < k.nlegs; leg++) {
            uint32_t n = (uint32_t)rand_r(&seed) % 30;
            for (uint32_t i = 0; i < n; i++) {
                struct kit_row *r = &rows[leg][i];
                *r = (struct kit_row){{rand_r(&seed) % 2 ? "1" : "23"}};
                for (uint32_t j = 0; j < 2; j++)
                    r->v[1 + j] = r->v[3 + j] = types[sort_types[j]].values[(uint32_t)rand_r(&seed) % VALUES];
            }
            qsort(rows[leg], n, sizeof **rows, compare_rows);
            k.legs[leg] = (struct kit_leg){rows[leg], n};
        }
        k.spec = (struct merge_spec){.nhidden = 2, .order = keys, .norder = 2};
        switch (round / 2 / COUNT_OF(types) % 4) {
        case 0: break;
        case 1: k.spec.distinct = true; break;
        case 3:
            k.spec.final_order = &keys[1];
            k.spec.nfinal_order = 1;
            outputs[2].fn = MERGE_MAX; /* of the second key in groups of the first */
            outputs[2].has_weight = keys[1].has_weight;
            outputs[2].weight = keys[1].weight;
            outputs[2].collation = keys[1].collation;
            /* fall through */
        case 2:
            k.spec.grouped = true;
            k.spec.group = keys;
            k.spec.ngroup = k.spec.nfinal_order ? 1 : 2;
            k.spec.outputs = outputs;
            k.spec.noutputs = 3;
            break;
        }
        k.has_limit = rand_r(&seed) % 3 == 0;
        k.limit = (uint64_t)rand_r(&seed) % 20;
        k.offset = (uint64_t)rand_r(&seed) % 5;
        bool ok = kit_run(&k);
        if (!ok) fail_msg("round %u: " STR_FMT, round, STR_ARG(k.fault.message));
        char *text = strdup(kit_text(&k));
        kit_done(&k);
        k.binary = true;
        ok = kit_run(&k);
        if (!ok) fail_msg("round %u, binary: " STR_FMT, round, STR_ARG(k.fault.message));
        kit_same_binary(&k, text);
        kit_done(&k);
        free(text);
    }
}

/* FLOAT is compared as it is, not as the six digits of its text; its bits come through. */
static void test_float_exact(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {{"f", WIRE_TYPE_FLOAT, 0, 31, 63}};
    static const struct kit_row r0[] = {{{"16777215"}}, {{"16777220"}}},
                                r1[] = {{{"16777216"}}, {{"16777218"}}};
    static struct merge_key key[] = {KEY_VIS(0)};
    struct kit k = {.columns = cols,
                    .ncolumns = 1,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.order = key, .norder = 1}};
    kit_expect(&k, "16777215\n16777216\n16777218\n16777220\n");
}

/* ---- legs whose types differ ---- */

/* One row of each leg, by two definitions; the second leg's is rewritten as the first's. NULL: a fault. */
static void differ(struct kit_column a, const char *va, struct kit_column b, const char *vb, const char *want)
{
    static struct kit_reply ra, rb;
    struct kit_column ca[] = {a, INT_COL("h")}, cb[] = {b, {"h", WIRE_TYPE_LONGLONG, 0, 0, 63}};
    struct kit_row rows_a[] = {{{va, "1"}}}, rows_b[] = {{{vb, NULL}}, {{NULL, "2"}}, {{vb, "3"}}};
    struct merge_spec spec = {.nhidden = 1};
    for (int late = 0; late < 2; late++) {
        struct kit x = {
            .columns = ca, .ncolumns = 2, .legs = {LEG(rows_a)}, .leg_caps = CAPS, .binary = true};
        struct kit y = {
            .columns = cb, .ncolumns = 2, .legs = {LEG(rows_b)}, .leg_caps = CAPS, .binary = true};
        kit_make_reply(&x, 0, &ra);
        kit_make_reply(&y, 0, &rb);
        struct merge_options o = {.spec = &spec,
                                  .nlegs = 2,
                                  .client_capabilities = CAPS,
                                  .window = 4096,
                                  .max_memory = 100000,
                                  .binary = true};
        struct merge *m = merge_new(&o);
        struct buf out = {0};
        uint8_t seq = 1;
        bool ok = true;
        arena_init(&x.arena, 0);
        /* Late: the second leg's rows come while the first, whose definitions count, is not done with them.
         */
        uint32_t first = late ? 2 : ra.n, i = 0;
        for (; ok && i < first; i++) ok = merge_put(m, 0, kit_payload(&ra, i), CAPS, &x.arena, &x.fault);
        for (uint32_t j = 0; ok && j < rb.n; j++)
            ok = merge_put(m, 1, kit_payload(&rb, j), CAPS, &x.arena, &x.fault);
        for (; ok && i < ra.n; i++) ok = merge_put(m, 0, kit_payload(&ra, i), CAPS, &x.arena, &x.fault);
        if (ok) {
            x.state = merge_run(m, &out, &seq, 10000, &x.arena, &x.fault);
            ok = x.state == MERGE_DONE;
        }
        if (ok && !want) fail_msg("%s was taken for %s", vb, va);
        if (!ok && want) fail_msg("%s: " STR_FMT, vb, STR_ARG(x.fault.message));
        if (ok) {
            char lines[300];
            snprintf(lines, sizeof lines, "%s\n%s\nNULL\n%s\n", va ? va : "NULL", want, want);
            x.client_caps = CAPS;
            kit_read(&x, buf_str(&out));
            kit_same_binary(&x, lines);
        } else {
            assert_int_equal(x.fault.code, 1105);
            assert_true(str_find(x.fault.message, STR("column 1"), 0) != SIZE_MAX);
        }
        merge_free(m);
        buf_release(&out);
        buf_release(&ra.bytes);
        buf_release(&rb.bytes);
        kit_done(&x);
    }
}
#define COL(t, f)                                                                                            \
    (struct kit_column)                                                                                      \
    {                                                                                                        \
        "a", t, f, 0, 63                                                                                     \
    }

static void test_types_differ(void **state)
{
    (void)state;
    const struct kit_column big = COL(WIRE_TYPE_LONGLONG, 0),
                            ubig = COL(WIRE_TYPE_LONGLONG, WIRE_COLUMN_UNSIGNED),
                            tiny = COL(WIRE_TYPE_TINY, 0), utiny = COL(WIRE_TYPE_TINY, WIRE_COLUMN_UNSIGNED),
                            dbl = COL(WIRE_TYPE_DOUBLE, 0), flt = COL(WIRE_TYPE_FLOAT, 0),
                            dec = COL(WIRE_TYPE_NEWDECIMAL, 0), chr = COL(WIRE_TYPE_VAR_STRING, 0),
                            blob = COL(WIRE_TYPE_BLOB, 0), date = COL(WIRE_TYPE_DATE, 0),
                            dt = COL(WIRE_TYPE_DATETIME, 0), ts = COL(WIRE_TYPE_TIMESTAMP, 0),
                            tm = COL(WIRE_TYPE_TIME, 0), null = COL(WIRE_TYPE_NULL, 0);
    differ(big, "1", tiny, "-1", "-1");
    differ(big, "1", utiny, "255", "255");
    differ(tiny, "1", big, "-128", "-128");
    differ(tiny, "1", big, "-129", NULL);
    differ(tiny, "1", big, "128", NULL);
    differ(utiny, "1", big, "255", "255");
    differ(utiny, "1", big, "256", NULL);
    differ(ubig, "1", tiny, "-1", NULL);
    differ(ubig, "1", big, "-1", NULL);
    differ(ubig, "1", big, "9223372036854775807", "9223372036854775807");
    differ(big, "1", ubig, "9223372036854775808", NULL);
    differ(dbl, "1", flt, "1.5", "1.5");
    differ(flt, "1", dbl, "1.5", "1.5");
    differ(flt, "1", dbl, "0.1", NULL);
    differ(chr, "x", blob, "y", "y"); /* alike */
    differ(dt, "2024-01-01 10:00:00", ts, "2023-01-01 10:00:00", "2023-01-01 10:00:00");
    differ(dt, "2024-01-01 10:00:00", date, "2023-01-01", "2023-01-01 00:00:00");
    differ(date, "2024-01-01", dt, "2023-01-01 00:00:00", "2023-01-01");
    differ(date, "2024-01-01", dt, "2023-01-01 00:00:01", NULL);
    differ(null, NULL, null, NULL, "NULL");
    differ(null, NULL, big, "1", NULL);
    /* By text. */
    differ(chr, "x", big, "-12", "-12");
    differ(dec, "1.0", big, "-12", "-12");
    differ(big, "1", dec, "12", "12");
    differ(big, "1", chr, "12", "12");
    differ(big, "1", chr, "12x", NULL);
    differ(dbl, "1", dec, "12.25", "12.25");
    differ(chr, "x", dt, "2024-01-01 10:00:00", "2024-01-01 10:00:00");
    differ(tm, "10:00:00", chr, "-11:00:00", "-11:00:00");
    differ(tm, "10:00:00", big, "110000000000000000", NULL);
}

/* ---- byte by byte, and no memory ---- */

/* Packets of both legs gathered one byte at a time, the merge run after each. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {
        INT_COL("a"), TEXT_COL("b"), {"c", WIRE_TYPE_TIME, 0, 0, 63}, INT_COL("h")};
    static const struct kit_row r0[] = {{{"1", "x", "-10:00:00", "1"}}, {{"3", NULL, NULL, "3"}}},
                                r1[] = {{{NULL, "y", "00:00:00", "2"}}, {{"4", "", "838:59:59", "4"}}};
    static struct merge_key key[] = {{.value = HID(0)}};
    for (uint32_t binary = 0; binary < 2; binary++) {
        struct kit k = {.columns = cols,
                        .ncolumns = 4,
                        .nlegs = 2,
                        .legs = {LEG(r0), LEG(r1)},
                        .leg_caps = CAPS,
                        .client_caps = CAPS,
                        .binary = binary,
                        .spec = {.order = key, .norder = 1, .nhidden = 1}};
        struct merge_options o = {.spec = &k.spec,
                                  .nlegs = 2,
                                  .client_capabilities = CAPS,
                                  .window = 4096,
                                  .max_memory = 100000,
                                  .binary = binary};
        struct merge *m = merge_new(&o);
        static struct kit_reply r[2];
        struct buf packets[2] = {{0}, {0}}, out = {0};
        struct wire_gather g[2] = {{.max = 1 << 20}, {.max = 1 << 20}};
        size_t at[2] = {0, 0};
        uint8_t seq = 1;
        arena_init(&k.arena, 0);
        for (uint32_t leg = 0; leg < 2; leg++) {
            uint8_t s = 1;
            kit_make_reply(&k, leg, &r[leg]);
            for (uint32_t i = 0; i < r[leg].n; i++) {
                struct str p = kit_payload(&r[leg], i);
                wire_put_packet(&packets[leg], &s, p.ptr, p.len);
            }
        }
        while (at[0] < packets[0].len || at[1] < packets[1].len)
            for (uint32_t leg = 0; leg < 2; leg++) {
                size_t used;
                struct str payload;
                if (at[leg] == packets[leg].len) continue;
                char byte = packets[leg].data[at[leg]++];
                if (wire_gather_next(&g[leg], &byte, 1, &used, &payload) == WIRE_OK)
                    assert_true(merge_put(m, leg, payload, CAPS, &k.arena, &k.fault));
                k.state = merge_run(m, &out, &seq, 1, &k.arena, &k.fault);
                assert_int_not_equal(k.state, MERGE_FAULT);
            }
        while (k.state == MERGE_FULL) k.state = merge_run(m, &out, &seq, 1, &k.arena, &k.fault);
        assert_int_equal(k.state, MERGE_DONE);
        kit_read(&k, buf_str(&out));
        const char *want = "1|x|-10:00:00\nNULL|y|00:00:00\n3|NULL|NULL\n4||838:59:59\n";
        if (binary)
            kit_same_binary(&k, want);
        else
            assert_string_equal(kit_text(&k), want);
        for (uint32_t leg = 0; leg < 2; leg++) {
            wire_gather_release(&g[leg]);
            buf_release(&packets[leg]);
            buf_release(&r[leg].bytes);
        }
        buf_release(&out);
        merge_free(m);
        kit_done(&k);
    }
}

/* A leg to be rewritten, groups and a final sort, with the n-th allocation failing. */
static void test_failing_allocations(void **state)
{
    (void)state;
    static const struct kit_column cols[] = {TEXT_COL("g"), INT_COL("c"),     DEC_COL("a", 4),
                                             BIN_COL("w"),  DEC_COL("hs", 0), INT_COL("hn")},
                                   other[] = {TEXT_COL("g"),    {"c", WIRE_TYPE_LONG, 0, 0, 63},
                                              DEC_COL("a", 4),  BIN_COL("w"),
                                              DEC_COL("hs", 0), INT_COL("hn")};
    static char big[5000];
    memset(big, 'x', sizeof big - 1);
    static struct merge_output out[] = {
        {.fn = MERGE_FIRST}, {.fn = MERGE_COUNT}, {.fn = MERGE_AVG, .sum = HID(1), .count = HID(2)}};
    static struct merge_key group[] =
        {{.value = VIS(0), .has_weight = true, .weight = HID(0), .collation = STR("latin1_bin")}},
                            final[] = {KEY_VIS_DESC(2)};
    static const struct kit_row r0[] = {{{"1", "2", "1.5000", "1", "3", "2"}},
                                        {{"2", "1", NULL, "2", NULL, "0"}},
                                        {{big, "9", "2.0000", big, "18", "9"}}},
                                r1[] = {{{"1", "1", "9.0000", "1", "9", "1"}},
                                        {{big, "1", "2.0000", big, "2", "1"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 6,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .leg_caps = CAPS,
                    .binary = true,
                    .spec = {.nhidden = 3,
                             .grouped = true,
                             .group = group,
                             .ngroup = 1,
                             .outputs = out,
                             .noutputs = 3,
                             .final_order = final,
                             .nfinal_order = 1}};
    static struct kit_reply r[2];
    kit_make_reply(&k, 0, &r[0]);
    k.columns = other;
    kit_make_reply(&k, 1, &r[1]);
    bool finished = false;
    for (uint64_t n = 1; n < 400 && !finished; n++) {
        struct merge_options o = {.spec = &k.spec,
                                  .nlegs = 2,
                                  .client_capabilities = CAPS,
                                  .window = 4096,
                                  .max_memory = 1000000,
                                  .binary = true};
        struct buf bytes = {0};
        uint8_t seq = 1;
        bool ok = true;
        arena_init(&k.arena, 0);
        mem_fail_at(n);
        struct merge *m = merge_new(&o);
        /* The second leg first, but the first one's first definition before: its rows wait to be rewritten.
         */
        for (uint32_t i = 0; m && ok && i < 2; i++)
            ok = merge_put(m, 0, kit_payload(&r[0], i), CAPS, &k.arena, &k.fault);
        for (uint32_t i = 0; m && ok && i < r[1].n; i++)
            ok = merge_put(m, 1, kit_payload(&r[1], i), CAPS, &k.arena, &k.fault);
        for (uint32_t i = 2; m && ok && i < r[0].n; i++)
            ok = merge_put(m, 0, kit_payload(&r[0], i), CAPS, &k.arena, &k.fault);
        enum merge_state st = m && ok ? merge_run(m, &bytes, &seq, 100000, &k.arena, &k.fault) : MERGE_FAULT;
        mem_fail_at(0);
        if (m && st == MERGE_FAULT) assert_int_equal(k.fault.code, 1041);
        if (st == MERGE_DONE) assert_int_equal(merge_rows_out(m), 3);
        finished = st == MERGE_DONE;
        merge_free(m);
        buf_release(&bytes);
        kit_done(&k);
    }
    assert_true(finished);
    buf_release(&r[0].bytes);
    buf_release(&r[1].bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_huge_row),     cmocka_unit_test(test_null_bits),
        cmocka_unit_test(test_damaged_rows), cmocka_unit_test(test_damaged_values),
        cmocka_unit_test(test_totals),       cmocka_unit_test(test_both_protocols),
        cmocka_unit_test(test_float_exact),  cmocka_unit_test(test_types_differ),
        cmocka_unit_test(test_byte_by_byte), cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
