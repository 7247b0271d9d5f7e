/*
 * test_router.c - rules: constants to keys, keys to shards, intervals to shard sets; and physical names back
 * to logical ones.
 */
#include "router/hash.h"
#include "router/rules.h"
#include "tests/unit/test_plan_kit.h"

/* ---- constants beside columns ---- */

static struct value text(const char *s)
{
    return (struct value){.kind = VALUE_STRING, .s = str_of(s)};
}
static struct value integer(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .i = i};
}
static struct value dec(const char *s)
{
    return (struct value){.kind = VALUE_DECIMAL, .s = str_of(s)};
}
static struct value flt(const char *s)
{
    return (struct value){.kind = VALUE_FLOAT, .s = str_of(s)};
}

enum ask { EQUAL, LOWER, LOWER_STRICT, UPPER, UPPER_STRICT, STORE };

static enum key_answer ask(const struct keycol *k, enum ask what, struct value v, struct arena *a,
                           struct key *out)
{
    const char *why;
    switch (what) {
    case EQUAL: return key_equal(k, &v, a, out);
    case LOWER: return key_bound(k, &v, true, false, a, out);
    case LOWER_STRICT: return key_bound(k, &v, true, true, a, out);
    case UPPER: return key_bound(k, &v, false, false, a, out);
    case UPPER_STRICT: return key_bound(k, &v, false, true, a, out);
    case STORE: return key_store(k, &v, a, out, &why);
    }
    return KEY_NOMEM;
}

static void integer_keys(void **state)
{
    struct arena a;
    struct key k;
    const struct keycol col = {
        .known = true, .type = CONF_KEY_INTEGER, .typed = true, .cls = CAT_INT, .precision = 4};
    const struct {
        enum ask what;
        struct value v;
        enum key_answer want;
        int64_t key;
    } cases[] = {{EQUAL, integer(7), KEY_IS, 7},
                 {EQUAL, text("7"), KEY_IS, 7},
                 {EQUAL, text(" 7"), KEY_IS, 7},
                 {EQUAL, text("7abc"), KEY_IS, 7},
                 {EQUAL, text("7.0"), KEY_IS, 7},
                 {EQUAL, text("7.5"), KEY_NONE, 0},
                 {EQUAL, text(""), KEY_IS, 0},
                 {EQUAL, text("abc"), KEY_IS, 0},
                 {EQUAL, text("0x10"), KEY_IS, 0},
                 {EQUAL, text("inf"), KEY_IS, 0},
                 {EQUAL, text("-7"), KEY_IS, -7},
                 {EQUAL, text("7e2"), KEY_IS, 700},
                 {EQUAL, text("1e400"), KEY_ANY, 0},
                 {EQUAL, dec("7.0"), KEY_IS, 7},
                 {EQUAL, dec("7.5"), KEY_NONE, 0},
                 {EQUAL, dec("-7.00"), KEY_IS, -7},
                 {EQUAL, flt("7e0"), KEY_IS, 7},
                 {EQUAL, flt("1e300"), KEY_ANY, 0},
                 {EQUAL, text("9007199254740993"), KEY_IS, 9007199254740993},
                 {EQUAL, text("9007199254740993x"), KEY_ANY, 0},
                 {EQUAL, {.kind = VALUE_NULL}, KEY_NONE, 0},
                 {EQUAL, {.kind = VALUE_UNKNOWN}, KEY_ANY, 0},
                 {EQUAL, {.kind = VALUE_BYTES, .i = 1, .u = 65, .s = STR("A")}, KEY_IS, 65},
                 {EQUAL, {.kind = VALUE_BYTES, .s = STR("A")}, KEY_ANY, 0},
                 {LOWER, integer(7), KEY_IS, 7},
                 {LOWER_STRICT, integer(7), KEY_IS, 8},
                 {LOWER, dec("7.5"), KEY_IS, 8},
                 {LOWER_STRICT, dec("7.5"), KEY_IS, 8},
                 {LOWER, dec("-7.5"), KEY_IS, -7},
                 {UPPER, integer(7), KEY_IS, 7},
                 {UPPER_STRICT, integer(7), KEY_IS, 6},
                 {UPPER, dec("7.5"), KEY_IS, 7},
                 {UPPER_STRICT, dec("7.5"), KEY_IS, 7},
                 {UPPER, dec("-7.5"), KEY_IS, -8},
                 {UPPER, text("7.5"), KEY_IS, 7},
                 {LOWER, {.kind = VALUE_NULL}, KEY_NONE, 0},
                 {STORE, integer(7), KEY_IS, 7},
                 {STORE, text("7"), KEY_IS, 7},
                 {STORE, text(" 7 "), KEY_IS, 7},
                 {STORE, text("7abc"), KEY_ANY, 0},
                 {STORE, text(""), KEY_ANY, 0},
                 {STORE, dec("7.5"), KEY_IS, 8},
                 {STORE, dec("7.4"), KEY_IS, 7},
                 {STORE, dec("-7.5"), KEY_IS, -8},
                 {STORE, dec("-7.4"), KEY_IS, -7},
                 {STORE, flt("7.5e0"), KEY_ANY, 0},
                 {STORE, flt("70e-1"), KEY_IS, 7},
                 {STORE, integer(2147483647), KEY_IS, 2147483647},
                 {STORE, integer(2147483648), KEY_ANY, 0},
                 {STORE, integer(-2147483648), KEY_IS, -2147483648},
                 {STORE, {.kind = VALUE_NULL}, KEY_NONE, 0}};
    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum key_answer got = ask(&col, cases[i].what, cases[i].v, &a, &k);
        if (got != cases[i].want || (got == KEY_IS && k.num != cases[i].key))
            fail_msg("case %zu: answer %d, key %lld", i, (int)got, (long long)k.num);
    }
    arena_release(&a);
}

/* An integer rule over a text column: compared as doubles with numbers, as text with text; hex literals are
 * text. */
static void integer_keys_of_text(void **state)
{
    struct arena a;
    struct key k;
    const struct keycol col = {.known = true,
                               .type = CONF_KEY_INTEGER,
                               .typed = true,
                               .cls = CAT_TEXT,
                               .collation = COLL_ASCII_CI,
                               .precision = 12};
    const struct {
        enum ask what;
        struct value v;
        enum key_answer want;
        int64_t key;
    } cases[] = {{EQUAL, integer(7), KEY_IS, 7},
                 {EQUAL, text("7"), KEY_IS, 7},
                 {EQUAL, text("07"), KEY_ANY, 0},
                 {EQUAL, dec("7.0"), KEY_IS, 7},
                 {EQUAL, dec("7.00000000000000000000001"), KEY_IS, 7},
                 {EQUAL, {.kind = VALUE_BYTES, .i = 1, .u = 0x37, .s = STR("7")}, KEY_ANY, 0},
                 {LOWER, text("7"), KEY_ANY, 0},
                 {STORE, integer(7), KEY_IS, 7},
                 {STORE, text("7"), KEY_IS, 7},
                 {STORE, text("7.0"), KEY_ANY, 0},
                 {STORE, dec("7.0"), KEY_ANY, 0},
                 {STORE, {.kind = VALUE_BYTES, .i = 1, .u = 0x37, .s = STR("7")}, KEY_ANY, 0}};
    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum key_answer got = ask(&col, cases[i].what, cases[i].v, &a, &k);
        if (got != cases[i].want || (got == KEY_IS && k.num != cases[i].key))
            fail_msg("case %zu: answer %d, key %lld", i, (int)got, (long long)k.num);
    }
    arena_release(&a);
}

static void text_keys(void **state)
{
    struct arena a;
    struct key k;
    const struct keycol ci = {.known = true,
                              .type = CONF_KEY_STRING,
                              .typed = true,
                              .cls = CAT_TEXT,
                              .collation = COLL_ASCII_CI,
                              .precision = 10};
    const struct keycol bin = {.known = true,
                               .type = CONF_KEY_STRING,
                               .typed = true,
                               .cls = CAT_TEXT,
                               .collation = COLL_BIN,
                               .case_sensitive = true};
    const struct keycol other = {
        .known = true, .type = CONF_KEY_STRING, .typed = true, .cls = CAT_TEXT, .collation = COLL_OTHER};
    const struct keycol strict_ci = {.known = true,
                                     .type = CONF_KEY_STRING,
                                     .typed = true,
                                     .cls = CAT_TEXT,
                                     .collation = COLL_ASCII_CI,
                                     .case_sensitive = true};
    const struct keycol latin = {.known = true,
                                 .type = CONF_KEY_STRING,
                                 .typed = true,
                                 .cls = CAT_TEXT,
                                 .collation = COLL_BIN,
                                 .case_sensitive = true,
                                 .foreign = true};
    const struct {
        const struct keycol *col;
        enum ask what;
        struct value v;
        enum key_answer want;
        const char *key;
    } cases[] = {
        {&ci, EQUAL, text("Ann "), KEY_IS, "ann"},
        {&ci, EQUAL, text("Zo\xc3\xab"), KEY_ANY, ""},
        {&ci, EQUAL, text("a\tb"), KEY_ANY, ""},
        {&ci, EQUAL, integer(7), KEY_ANY, ""},
        {&ci, STORE, integer(7), KEY_IS, "7"},
        {&ci, STORE, text("Zo\xc3\xab"), KEY_ANY, ""},
        {&ci, STORE, text("12345678901"), KEY_ANY, ""},
        {&ci, STORE, text("1234567890  "), KEY_IS, "1234567890"},
        {&ci, UPPER, text("m"), KEY_ANY, ""},
        {&bin, EQUAL, text("Ann "), KEY_IS, "Ann"},
        {&bin, EQUAL, text("Zo\xc3\xab"), KEY_IS, "Zo\xc3\xab"},
        {&bin, UPPER, text("m"), KEY_IS, "m "},
        {&bin, LOWER_STRICT, text("m\tx"), KEY_IS, "m"},
        {&other, EQUAL, text("a"), KEY_ANY, ""},
        {&other, STORE, text("a"), KEY_IS, "a"},
        {&strict_ci, EQUAL, text("a"), KEY_ANY, ""},
        {&strict_ci, STORE, text("A"), KEY_IS, "A"},
        {&latin, EQUAL, text("\xeb"), KEY_ANY, ""},
        {&latin, STORE, text("\xeb"), KEY_ANY, ""},
        {&latin, EQUAL, text("e"), KEY_IS, "e"},
        {&ci, EQUAL, {.kind = VALUE_STRING, .i = VALUE_IS_TEMPORAL, .s = STR("2024-01-01")}, KEY_ANY, ""}};
    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum key_answer got = ask(cases[i].col, cases[i].what, cases[i].v, &a, &k);
        if (got != cases[i].want || (got == KEY_IS && !str_eq(k.text, str_of(cases[i].key))))
            fail_msg("case %zu: answer %d, key '%.*s'", i, (int)got, STR_ARG(k.text));
    }
    arena_release(&a);
}

/* A parameter that is no plain integer: a server may convert it to the column's type first, so that nothing is sure. */
static void parameter_keys(void **state)
{
    struct arena a;
    struct key k;
    const struct keycol col = {.known = true, .type = CONF_KEY_INTEGER, .typed = true, .cls = CAT_INT, .precision = 4};
    const struct keycol name = {.known = true, .type = CONF_KEY_STRING, .typed = true, .cls = CAT_TEXT, .collation = COLL_ASCII_CI, .precision = 20};
    const struct {
        enum ask what;
        struct value v;
        enum key_answer literal, param;
    } cases[] = {{EQUAL, text("7"), KEY_IS, KEY_IS},      {EQUAL, text("7.0"), KEY_IS, KEY_IS},     {EQUAL, text("7.5"), KEY_NONE, KEY_ANY},
                 {EQUAL, text("7abc"), KEY_IS, KEY_ANY},  {EQUAL, flt("7e0"), KEY_IS, KEY_IS},      {EQUAL, flt("7.5"), KEY_NONE, KEY_ANY},
                 {EQUAL, dec("7.00"), KEY_IS, KEY_IS},    {EQUAL, dec("7.01"), KEY_NONE, KEY_ANY},  {UPPER, dec("7.5"), KEY_IS, KEY_ANY},
                 {LOWER, text("x"), KEY_IS, KEY_ANY},     {UPPER, text("7"), KEY_IS, KEY_IS},       {STORE, dec("7.5"), KEY_IS, KEY_IS},
                 {STORE, text("7x"), KEY_ANY, KEY_ANY}};
    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value v = cases[i].v;
        if (ask(&col, cases[i].what, v, &a, &k) != cases[i].literal) fail_msg("case %zu as a literal", i);
        v.i = VALUE_IS_PARAM;
        if (ask(&col, cases[i].what, v, &a, &k) != cases[i].param) fail_msg("case %zu as a parameter", i);
    }
    struct value when = text("2024-01-02");
    assert_int_equal(ask(&name, EQUAL, when, &a, &k), KEY_IS);
    when.i = VALUE_IS_PARAM | VALUE_IS_TEMPORAL;
    assert_int_equal(ask(&name, EQUAL, when, &a, &k), KEY_ANY);
    assert_int_equal(ask(&name, STORE, flt("12"), &a, &k), KEY_IS);
    assert_true(str_eq(k.text, STR("12")));
    assert_int_equal(ask(&name, STORE, flt("1e300"), &a, &k), KEY_ANY);
    const struct {
        struct value v;
        bool whole;
        int64_t n;
    } wholes[] = {{integer(-3), true, -3},      {text(" 12 "), true, 12}, {text("1x"), false, 0},    {text(""), false, 0},   {flt("5.0"), true, 5},
                  {flt("5.5"), false, 0},       {flt("1e300"), false, 0}, {flt("nan"), false, 0},    {dec("5.00"), true, 5}, {dec("5.01"), false, 0},
                  {dec("-7"), true, -7},        {dec(".0"), false, 0},    {(struct value){.kind = VALUE_UINT, .u = UINT64_MAX}, false, 0},
                  {(struct value){.kind = VALUE_NULL}, false, 0}};
    for (size_t i = 0; i < COUNT_OF(wholes); i++) {
        int64_t n = 0;
        assert_int_equal(value_whole(&wholes[i].v, &n), wholes[i].whole);
        if (wholes[i].whole) assert_int_equal(n, wholes[i].n);
    }
    arena_release(&a);
}

static void other_keys(void **state)
{
    struct arena a;
    struct key k;
    int64_t day, next;
    const struct keycol date = {.known = true, .type = CONF_KEY_DATE, .typed = true, .cls = CAT_DATETIME};
    const struct keycol decimal = {.known = true,
                                   .type = CONF_KEY_DECIMAL,
                                   .typed = true,
                                   .cls = CAT_DECIMAL,
                                   .precision = 8,
                                   .scale = 2};
    const struct keycol bytes = {
        .known = true, .type = CONF_KEY_BINARY, .typed = true, .cls = CAT_BINARY, .precision = 16};
    (void)state;
    arena_init(&a, 0);
    assert_true(date_days(2024, 3, 15, &day) && date_days(2024, 3, 16, &next) && next == day + 1);
    assert_false(date_days(2023, 2, 29, &next));
    static const char *const same_day[] = {
        "2024-03-15",     "2024-3-15", "20240315", "2024-03-15 10:20:30", "2024-03-15T10:20:30.5",
        "20240315102030", "2024/03/15"};
    for (size_t i = 0; i < COUNT_OF(same_day); i++) {
        assert_int_equal(ask(&date, EQUAL, text(same_day[i]), &a, &k), KEY_IS);
        assert_true(k.num == day);
    }
    static const char *const unclear[] = {
        "24-03-15", "2024-02-30",           "0000-00-00", "2024-03-15 25:00:00", "2024-03-15 10:00:00+02:00",
        "tomorrow", "2024-03-15 23:59:59.9"};
    for (size_t i = 0; i < COUNT_OF(unclear); i++)
        assert_int_equal(ask(&date, EQUAL, text(unclear[i]), &a, &k), KEY_ANY);
    struct keycol fine = date; /* with as many decimals as the constant has, nothing is rounded */
    fine.scale = 3;
    assert_int_equal(ask(&fine, STORE, text("2024-03-15 23:59:59.999000"), &a, &k), KEY_IS);
    assert_true(k.num == day);
    assert_int_equal(ask(&fine, STORE, text("2024-03-15 23:59:59.9995"), &a, &k), KEY_ANY);
    fine.cls = CAT_DATE;
    assert_int_equal(ask(&fine, STORE, text("2024-03-15 23:59:59.5"), &a, &k), KEY_ANY);
    assert_int_equal(ask(&date, UPPER_STRICT, text("2024-03-15"), &a, &k), KEY_IS);
    assert_true(k.num == day - 1);
    assert_int_equal(ask(&date, UPPER_STRICT, text("2024-03-15 00:00:01"), &a, &k), KEY_IS);
    assert_true(k.num == day);
    assert_int_equal(ask(&date, LOWER_STRICT, text("2024-03-15"), &a, &k), KEY_IS);
    assert_true(k.num == day); /* the rest of that day is later */
    assert_int_equal(ask(&decimal, EQUAL, dec("007.50"), &a, &k), KEY_IS);
    assert_true(str_eq(k.text, STR("7.5")));
    assert_int_equal(ask(&decimal, EQUAL, text("-0.0"), &a, &k), KEY_IS);
    assert_true(str_eq(k.text, STR("0")));
    assert_int_equal(ask(&decimal, EQUAL, text("1234567890123456.5"), &a, &k), KEY_ANY);
    assert_int_equal(ask(&decimal, STORE, dec("1.005"), &a, &k), KEY_ANY);
    assert_int_equal(ask(&decimal, STORE, dec("1.50"), &a, &k), KEY_IS);
    assert_int_equal(ask(&decimal, STORE, dec("1234567"), &a, &k), KEY_ANY);
    assert_int_equal(ask(&bytes, EQUAL, (struct value){.kind = VALUE_BYTES, .s = {"a\0b\0\0", 5}}, &a, &k),
                     KEY_IS);
    assert_true(str_eq(k.text, (struct str){"a\0b", 3}));
    assert_int_equal(ask(&bytes, EQUAL, integer(5), &a, &k), KEY_ANY);
    arena_release(&a);
}

static void order_of_decimals(void **state)
{
    static const char *const sorted[] = {"-100", "-20.5", "-20", "-0.5",  "0",  "0.05",
                                         "0.5",  "3",     "20",  "20.01", "100"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sorted); i++)
        for (size_t j = 0; j < COUNT_OF(sorted); j++) {
            struct key x = {.text = str_of(sorted[i])}, y = {.text = str_of(sorted[j])};
            int c = key_cmp(CONF_KEY_DECIMAL, &x, &y);
            assert_int_equal(c < 0 ? -1 : c > 0, i < j ? -1 : i > j);
        }
}

/* ---- rules ---- */

static int64_t shard_of(const struct world *w, const char *table, struct value v, struct fault *f,
                        struct arena *a)
{
    const struct conf_table *t = conf_table(conf_schema(w->conf, STR("shop")), str_of(table));
    return router_shard_of(w->router, t, catalog_table(w->catalog, STR("shop"), str_of(table)), &v, 1, a, f);
}

static void points(void **state)
{
    struct world w;
    struct arena a;
    struct fault f;
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    assert_int_equal(shard_of(&w, "orders", integer(7), &f, &a), 3);
    assert_int_equal(shard_of(&w, "orders", text("7"), &f, &a), 3);
    assert_int_equal(shard_of(&w, "orders", integer(-7), &f, &a), 1); /* never a negative remainder */
    assert_int_equal(shard_of(&w, "orders", integer(-8), &f, &a), 0);
    assert_int_equal(shard_of(&w, "customers", (struct value){.kind = VALUE_NULL}, &f, &a), -1);
    assert_int_equal(f.code, 1048);
    assert_int_equal(shard_of(&w, "ranged", integer(-5000), &f, &a), 0);
    assert_int_equal(shard_of(&w, "ranged", integer(99), &f, &a), 0);
    assert_int_equal(shard_of(&w, "ranged", integer(100), &f, &a), 1);
    assert_int_equal(shard_of(&w, "ranged", integer(299), &f, &a), 2);
    assert_int_equal(shard_of(&w, "ranged", integer(300), &f, &a), -1);
    assert_int_equal(f.code, 1526);
    assert_true(str_find(f.message, STR("300"), 0) != SIZE_MAX &&
                str_find(f.message, STR("ranged"), 0) != SIZE_MAX);
    assert_int_equal(shard_of(&w, "visits", text("2024-06-30 23:59:59"), &f, &a), 5);
    assert_int_equal(shard_of(&w, "visits", text("2024-07-01"), &f, &a), -1);
    assert_int_equal(shard_of(&w, "visits", text("2023-12-31"), &f, &a), -1);
    assert_int_equal(shard_of(&w, "clients", text("CH "), &f, &a), 0);
    assert_int_equal(shard_of(&w, "clients", text("us"), &f, &a), 1);
    assert_int_equal(shard_of(&w, "clients", text("fr"), &f, &a), -1);
    assert_int_equal(shard_of(&w, "people", text("Ann"), &f, &a), (int64_t)(shard_hash_bytes("ann", 3) % 4));
    assert_int_equal(shard_of(&w, "tokens", text("Ann"), &f, &a), (int64_t)(shard_hash_bytes("Ann", 3) % 4));
    assert_int_equal(shard_of(&w, "countries", text("de"), &f, &a), -1); /* not sharded */
    close_world(&w);
    arena_release(&a);
}

/* Unsigned beyond 2^63 counts as what it is, not as a negative number. */
static void big_numbers(void **state)
{
    struct rule r = {.type = CONF_ALG_MOD, .n = 7, .divisor = 7};
    enum conf_key_type type = CONF_KEY_INTEGER;
    (void)state;
    struct key k = {.num = (int128)UINT64_MAX};
    assert_int_equal(rule_point(&r, &k, &type, 1), (int64_t)(UINT64_MAX % 7));
    k.num = INT64_MIN;
    assert_int_equal(rule_point(&r, &k, &type, 1),
                     6); /* -2^63 = -2 (mod 7)... 9223372036854775808 mod 7 = 1 */
}

static void intervals(void **state)
{
    struct arena a;
    struct shards s;
    struct rule mod = {.type = CONF_ALG_MOD, .n = 16, .divisor = 16},
                hash = {.type = CONF_ALG_HASH, .n = 100};
    struct key low = {.num = 3}, high = {.num = 7};
    (void)state;
    arena_init(&a, 0);
    assert_true(shards_init(&s, 16, false, &a));
    rule_interval(&mod, CONF_KEY_INTEGER, &low, &high, &s);
    assert_int_equal(shards_count(&s), 5);
    for (uint32_t i = 0; i < 16; i++) assert_int_equal(shards_has(&s, i), i >= 3 && i <= 7);
    shards_fill(&s, false);
    low.num = -2;
    high.num = 1;
    rule_interval(&mod, CONF_KEY_INTEGER, &low, &high, &s);
    for (uint32_t i = 0; i < 16; i++) assert_int_equal(shards_has(&s, i), i <= 1 || i >= 14);
    shards_fill(&s, false);
    rule_interval(&mod, CONF_KEY_INTEGER, &low, NULL, &s);
    assert_int_equal(shards_count(&s), 16);
    shards_fill(&s, false);
    rule_interval(&mod, CONF_KEY_INTEGER, &high, &low, &s); /* nothing lies between */
    assert_int_equal(shards_count(&s), 0);
    assert_true(shards_init(&s, 100, false, &a)); /* more than one word */
    rule_interval(&hash, CONF_KEY_INTEGER, &low, &high, &s);
    assert_in_range(shards_count(&s), 1, 4);
    uint32_t n = 0;
    for (uint32_t i = shards_next(&s, 0); i < 100; i = shards_next(&s, i + 1)) n++;
    assert_int_equal(n, shards_count(&s));
    high.num = 100000;
    rule_interval(&hash, CONF_KEY_INTEGER, &low, &high, &s);
    assert_int_equal(shards_count(&s), 100);
    arena_release(&a);
}

/* ---- names ---- */

static void names_back(void **state)
{
    struct world w;
    struct arena a;
    struct str schema, name;
    static const struct {
        uint32_t source;
        const char *says, *means;
    } texts[] = {
        {0, "Table 'shop.orders_1' doesn't exist", "Table 'shop.orders' doesn't exist"},
        {1, "Table 'shop_b.orders_3' doesn't exist", "Table 'shop.orders' doesn't exist"},
        {0, "Table 'shop_1.people' doesn't exist", "Table 'shop.people' doesn't exist"},
        {1, "Table 'shop_b.plain' doesn't exist", "Table 'shop.plain' doesn't exist"},
        {1, "Unknown database 'shop_b'", "Unknown database 'shop'"},
        {0, "Duplicate entry '7' for key 'orders_0.PRIMARY'", "Duplicate entry '7' for key 'orders.PRIMARY'"},
        {0, "Duplicate entry 'orders_0' for key 'PRIMARY'", "Duplicate entry 'orders_0' for key 'PRIMARY'"},
        {0, "Duplicate entry 'x' for key 'orders_0' for key 'orders_0.k'",
         "Duplicate entry 'x' for key 'orders_0' for key 'orders.k'"},
        {1, "Cannot add (`shop_b`.`items_2`, CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `orders_2` (`id`))",
         "Cannot add (`shop`.`items`, CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `orders` (`id`))"},
        {0, "Unknown column 'shop.orders_0.x' in 'field list'",
         "Unknown column 'shop.orders.x' in 'field list'"},
        {0, "You have an error near 'ordersx_0' at line 1", "You have an error near 'ordersx_0' at line 1"},
        {0, "", ""},
        {0, "a `half open name", "a `half open name"},
        {9, "orders_0", "orders_0"}};
    (void)state;
    arena_init(&a, 0);
    open_world(&w, &a);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct buf out = {0};
        router_logical_text(w.router, texts[i].source, str_of(texts[i].says), &out);
        if (!str_eq(buf_str(&out), str_of(texts[i].means)))
            fail_msg("%s -> %.*s", texts[i].says, (int)out.len, out.data);
        buf_release(&out);
    }
    assert_true(router_logical(w.router, 1, STR("shop_b"), STR("orders_2"), &schema, &name));
    assert_true(str_eq(schema, STR("shop")) && str_eq(name, STR("orders")));
    assert_true(router_logical(w.router, 1, STR("shop_b"), STR(""), &schema, &name) &&
                str_eq(schema, STR("shop")));
    assert_false(router_logical(w.router, 1, STR("nowhere"), STR("t"), &schema, &name));
    assert_true(router_logical(w.router, 1, STR(""), STR("orders_2"), &schema, &name) && schema.len == 0 && str_eq(name, STR("orders")));
    assert_false(router_logical(w.router, 1, STR(""), STR("orders_0"), &schema, &name)); /* of another source */
    assert_false(router_logical(w.router, 0, STR(""), STR("x"), &schema, &name));
    assert_true(router_is_node(w.router, 0, STR("shop"), STR("orders_0")));
    assert_false(router_is_node(w.router, 0, STR("shop_0"), STR("people"))); /* same name: shown as it is */
    assert_false(router_is_node(w.router, 0, STR("shop"), STR("plain")));
    close_world(&w);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_keys),      cmocka_unit_test(integer_keys_of_text),
        cmocka_unit_test(text_keys),         cmocka_unit_test(other_keys),
        cmocka_unit_test(order_of_decimals), cmocka_unit_test(points),
        cmocka_unit_test(big_numbers),       cmocka_unit_test(intervals),
        cmocka_unit_test(names_back),        cmocka_unit_test(parameter_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
