/*
 * test_merge_cursor.c - rows asked for by number over legs that are cursors themselves; and a pool of merges,
 * which makes small ones allocate nothing.
 */
#include "test_merge_kit.h"

enum { END_CURSOR = WIRE_STATUS_CURSOR_EXISTS, END_LAST = WIRE_STATUS_LAST_ROW_SENT };

/* A server's cursor: definitions and an end, then rows in batches, each with an end. */
struct source {
    struct kit_reply r; /* rows alone count: from first to r.n - 1 */
    uint32_t first;
    uint32_t batch;
    uint32_t fetches;
};

struct bench {
    struct kit *k;
    struct merge *m;
    struct source s[4];
    struct buf out;
    uint8_t seq;
    uint64_t told; /* warnings in the ends that the client got */
};

static void feed(struct bench *b, uint32_t leg, struct str payload)
{
    if (!merge_put(b->m, leg, payload, b->k->leg_caps, &b->k->arena, &b->k->fault))
        fail_msg("fault: " STR_FMT, STR_ARG(b->k->fault.message));
}

static void feed_end(struct bench *b, uint32_t leg, uint16_t flag)
{
    struct buf p = {0};
    uint8_t seq = 0;
    wire_put_end(&p, &seq, b->k->leg_caps, (uint16_t)(2 | flag), (uint16_t)(leg + 1)); /* as many warnings */
    feed(b, leg, str_make(p.data + WIRE_HEADER, p.len - WIRE_HEADER));
    buf_release(&p);
}

/* The answer to a leg's EXECUTE. */
static void execute(struct bench *b, uint32_t leg)
{
    struct kit *k = b->k;
    for (uint32_t i = 0; i < 1 + k->ncolumns; i++) feed(b, leg, kit_payload(&b->s[leg].r, i));
    b->s[leg].r.next = b->s[leg].first = 1 + k->ncolumns + !(k->leg_caps & WIRE_CAP_DEPRECATE_EOF);
    feed_end(b, leg, END_CURSOR);
    assert_true(merge_leg_ended(b->m, leg));
    merge_leg_goes_on(b->m, leg);
    assert_false(merge_leg_ended(b->m, leg));
}

/* The answer to a leg's FETCH: like a server, it says that there is no more only when it comes short. */
static void fetch(struct bench *b, uint32_t leg)
{
    struct source *s = &b->s[leg];
    uint32_t n = 0;
    s->fetches++;
    for (; n < s->batch && s->r.next + 1 < s->r.n; n++) feed(b, leg, kit_payload(&s->r, s->r.next++));
    feed_end(b, leg, n < s->batch ? END_LAST : END_CURSOR);
    if (n == s->batch) merge_leg_goes_on(b->m, leg);
}

static void open_bench(struct bench *b, struct kit *k, uint32_t batch)
{
    *b = (struct bench){.k = k, .seq = 1};
    arena_init(&k->arena, 0);
    struct merge_options o = {.spec = &k->spec,
                              .nlegs = k->nlegs,
                              .has_limit = k->has_limit,
                              .offset = k->offset,
                              .limit = k->limit,
                              .client_capabilities = k->client_caps,
                              .window = 4096,
                              .max_memory = 1 << 20,
                              .status = 2,
                              .binary = true,
                              .cursor = true};
    k->binary = true;
    b->m = merge_new(&o);
    assert_non_null(b->m);
    for (uint32_t i = 0; i < k->nlegs; i++) {
        kit_make_reply(k, i, &b->s[i].r);
        b->s[i].batch = batch + i;
    }
}

static void close_bench(struct bench *b)
{
    for (uint32_t i = 0; i < b->k->nlegs; i++) buf_release(&b->s[i].r.bytes);
    buf_release(&b->out);
    merge_free(b->m);
    kit_done(b->k);
}

/* Packets of one answer to the client: its rows are added to `lines`, its end's flags and warnings returned.
 */
static uint16_t read_answer(struct bench *b, bool definitions, char *lines, uint32_t *rows,
                            uint16_t *warnings)
{
    struct kit *k = b->k;
    uint32_t visible = k->ncolumns - k->spec.nhidden, skip = definitions ? 1 + visible : 0;
    size_t at = 0;
    uint16_t status = 0;
    bool ended = false;
    *rows = 0;
    while (at < b->out.len) {
        size_t n = wire_u24(b->out.data + at);
        struct str p = str_make(b->out.data + at + 4, n);
        at += 4 + n;
        assert_false(ended); /* nothing behind the end */
        if (skip) {
            skip--;
        } else if (p.ptr[0] == 0) {
            struct str f[KIT_MAX_COLUMNS];
            kit_decode_row(k, p, f, visible);
            for (uint32_t i = 0; i < visible; i++)
                if (f[i].ptr) strncat(lines, f[i].ptr, 1); /* one-letter columns */
            strcat(lines, " ");
            ++*rows;
        } else {
            struct wire_ok ok;
            ended = true;
            if (k->client_caps & WIRE_CAP_DEPRECATE_EOF) {
                assert_int_equal(wire_get_ok(p, k->client_caps, &ok), WIRE_OK);
                status = ok.status;
                *warnings = ok.warnings;
            } else {
                assert_int_equal(wire_get_eof(p, &status, warnings), WIRE_OK);
            }
        }
    }
    assert_true(ended);
    b->out.len = 0;
    return status & (END_CURSOR | END_LAST);
}

/* The client's FETCH of n rows. */
static uint16_t client_fetch(struct bench *b, uint64_t n, char *lines, uint32_t *rows)
{
    struct kit *k = b->k;
    uint64_t before = merge_rows_out(b->m);
    uint16_t warnings;
    b->seq = 1;
    for (;;) {
        uint64_t have = merge_rows_out(b->m) - before;
        k->state = merge_run_rows(b->m, &b->out, &b->seq, n - have, &k->arena, &k->fault);
        if (k->state != MERGE_NEED) break;
        uint32_t asked = 0;
        for (uint32_t leg = 0; leg < k->nlegs; leg++)
            if (merge_needs(b->m, leg)) {
                fetch(b, leg);
                asked++;
            }
        assert_true(asked > 0); /* NEED, but nobody is waited for: it would hang */
    }
    uint16_t flags = read_answer(b, false, lines, rows, &warnings);
    b->told += warnings;
    assert_true(*rows <= n);
    if (flags == END_CURSOR) assert_int_equal(*rows, n);
    assert_int_equal(k->state, flags == END_CURSOR      ? MERGE_FULL
                               : k->state == MERGE_DONE ? MERGE_DONE
                                                        : MERGE_ENOUGH);
    return flags;
}

static void run_cursor(struct kit *k, const char *want)
{
    for (uint32_t n = 1; n <= 9; n++)
        for (uint32_t batch = 1; batch <= 5; batch += 2)
            for (int caps = 0; caps < 4; caps++) {
                struct bench b;
                char lines[256] = "";
                uint32_t rows, fetches = 0;
                uint16_t warnings, flags;
                k->leg_caps = caps & 1 ? CAPS : (uint32_t)WIRE_CAP_PROTOCOL_41;
                k->client_caps = caps & 2 ? CAPS : (uint32_t)WIRE_CAP_PROTOCOL_41;
                open_bench(&b, k, batch);
                for (uint32_t leg = 0; leg < k->nlegs; leg++) {
                    /* No definitions before each leg has answered: any of them may fail. */
                    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 0, &k->arena, &k->fault),
                                     MERGE_NEED);
                    assert_int_equal(b.out.len, 0);
                    assert_true(merge_needs(b.m, leg));
                    execute(&b, leg);
                }
                assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 0, &k->arena, &k->fault), MERGE_FULL);
                assert_int_equal(read_answer(&b, true, lines, &rows, &warnings), END_CURSOR);
                assert_int_equal(warnings, k->nlegs * (k->nlegs + 1) / 2);
                b.told = warnings;
                do {
                    flags = client_fetch(&b, n, lines, &rows);
                    assert_true(++fetches < 100);
                } while (flags == END_CURSOR);
                assert_string_equal(lines, want);
                assert_int_equal(b.told, merge_warnings(b.m)); /* each once */
                close_bench(&b);
            }
}

static const struct kit_column cols[] = {{"a", WIRE_TYPE_VAR_STRING, 0, 0, 63}, INT_COL("h")};
static struct merge_key key[] = {{.value = HID(0)}};
static const struct kit_row r0[] = {{{"a", "1"}}, {{"d", "4"}}, {{"e", "5"}}, {{"h", "8"}}},
                            r1[] = {{{"b", "2"}}, {{"c", "3"}}, {{"g", "7"}}}, r2[] = {{{"f", "6"}}};

static void test_ordered(void **state)
{
    (void)state;
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 4,
                    .legs = {LEG(r0), LEG(r1), {NULL, 0}, LEG(r2)},
                    .spec = {.nhidden = 1, .order = key, .norder = 1}};
    run_cursor(&k, "a b c d e f g h ");
    k.has_limit = true;
    k.offset = 2;
    k.limit = 3;
    run_cursor(&k, "c d e ");
    k.limit = 0;
    run_cursor(&k, "");
    k.nlegs = 1;
    k.has_limit = false;
    run_cursor(&k, "a d e h ");
}

static void test_concatenated(void **state)
{
    (void)state;
    static const struct kit_row same[] = {{{"x", "1"}}, {{"x", "1"}}, {{"x", "2"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 3,
                    .legs = {LEG(same), {NULL, 0}, LEG(same)},
                    .spec = {.nhidden = 1}};
    run_cursor(&k, "x x x x x x ");
    k.nlegs = 1;
    k.legs[0] = (struct kit_leg){NULL, 0};
    run_cursor(&k, "");
}

/* Groups and DISTINCT hold a row back until the next one comes; a final sort holds all. */
static void test_grouped(void **state)
{
    (void)state;
    static const struct kit_column two[] = {{"g", WIRE_TYPE_VAR_STRING, 0, 0, 63},
                                            {"m", WIRE_TYPE_VAR_STRING, 0, 0, 63}};
    static const struct kit_row g0[] = {{{"a", "5"}}, {{"b", "1"}}, {{"d", "2"}}},
                                g1[] = {{{"a", "3"}}, {{"c", "9"}}, {{"d", "7"}}};
    static struct merge_key by[] = {KEY_VIS(0)}, final[] = {KEY_VIS_DESC(1)},
                            both[] = {KEY_VIS(0), KEY_VIS(1)};
    static struct merge_output out[] = {{.fn = MERGE_FIRST}, {.fn = MERGE_MIN}};
    struct kit k = {.columns = two,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {LEG(g0), LEG(g1)},
                    .spec = {.grouped = true, .group = by, .ngroup = 1, .outputs = out, .noutputs = 2}};
    run_cursor(&k, "a3 b1 c9 d2 ");
    k.spec.final_order = final;
    k.spec.nfinal_order = 1;
    run_cursor(&k, "c9 a3 d2 b1 ");
    k.spec = (struct merge_spec){.distinct = true, .order = both, .norder = 2};
    k.legs[1] = (struct kit_leg)LEG(g0);
    run_cursor(&k, "a5 b1 d2 ");
}

/* Rows are asked of the legs as the client takes them, and held within the window. */
static void test_streamed(void **state)
{
    (void)state;
    static struct kit_row rows[3000];
    static char text[3000][16];
    for (int i = 0; i < 3000; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        rows[i] = (struct kit_row){{"x", text[i]}};
    }
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {{rows, 3000}, {rows, 3000}},
                    .leg_caps = CAPS,
                    .client_caps = CAPS,
                    .spec = {.nhidden = 1, .order = key, .norder = 1}};
    struct bench b;
    static char lines[20000];
    uint32_t got = 0, rows_now;
    uint16_t warnings;
    open_bench(&b, &k, 10);
    execute(&b, 0);
    execute(&b, 1);
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 0, &k.arena, &k.fault), MERGE_FULL);
    (void)read_answer(&b, true, lines, &rows_now, &warnings);
    while (client_fetch(&b, 100, lines, &rows_now) == END_CURSOR) {
        got += rows_now;
        assert_true(b.s[0].fetches <= got / 20 + 2);
        assert_true(merge_held(b.m) < 40000);
        lines[0] = 0;
    }
    assert_int_equal(got + rows_now, 6000);
    /* Over: nothing more is written, whatever is asked. */
    size_t before = b.out.len;
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 5, &k.arena, &k.fault), MERGE_DONE);
    assert_int_equal(b.out.len, before);
    close_bench(&b);
}

/* A FETCH of no rows is an end; a server that opened no cursor sends its rows at once. */
static void test_without_cursors(void **state)
{
    (void)state;
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .spec = {.nhidden = 1, .order = key, .norder = 1}};
    for (int caps = 0; caps < 2; caps++) {
        struct bench b;
        char lines[256] = "";
        uint32_t rows;
        uint16_t warnings;
        k.leg_caps = k.client_caps = caps ? CAPS : (uint32_t)WIRE_CAP_PROTOCOL_41;
        open_bench(&b, &k, 1);
        for (uint32_t leg = 0; leg < 2; leg++)
            for (uint32_t i = 0; i < b.s[leg].r.n; i++) feed(&b, leg, kit_payload(&b.s[leg].r, i));
        assert_true(merge_leg_ended(b.m, 0));
        assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 0, &k.arena, &k.fault), MERGE_FULL);
        assert_int_equal(read_answer(&b, true, lines, &rows, &warnings), END_CURSOR);
        assert_int_equal(client_fetch(&b, 0, lines, &rows), END_CURSOR);
        assert_int_equal(client_fetch(&b, 5, lines, &rows), END_CURSOR);
        assert_string_equal(lines, "a b c d e ");
        assert_int_equal(client_fetch(&b, 5, lines, &rows), END_LAST);
        assert_string_equal(lines, "a b c d e g h ");
        close_bench(&b);
    }
}

/* The merge may be run between a leg's end and the word that it goes on, while it waits for another leg. */
static void test_goes_on_late(void **state)
{
    (void)state;
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 2,
                    .legs = {LEG(r0), LEG(r1)},
                    .leg_caps = CAPS,
                    .client_caps = CAPS,
                    .spec = {.nhidden = 1, .order = key, .norder = 1}};
    struct bench b;
    char lines[256] = "";
    uint32_t rows;
    uint16_t warnings;
    open_bench(&b, &k, 1);
    execute(&b, 0);
    execute(&b, 1);
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 0, &k.arena, &k.fault), MERGE_FULL);
    (void)read_answer(&b, true, lines, &rows, &warnings);
    feed(&b, 0, kit_payload(&b.s[0].r, b.s[0].r.next++)); /* a */
    feed_end(&b, 0, END_CURSOR);
    feed(&b, 1, kit_payload(&b.s[1].r, b.s[1].r.next++)); /* b */
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 1, &k.arena, &k.fault), MERGE_FULL);
    merge_leg_goes_on(b.m, 0);
    merge_leg_goes_on(b.m, 0); /* twice is once */
    assert_true(merge_needs(b.m, 0) && !merge_needs(b.m, 1));
    /* Now b must not leave before leg 0 has shown its next row. */
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 1, &k.arena, &k.fault), MERGE_NEED);
    feed_end(&b, 0, END_LAST);
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 1, &k.arena, &k.fault), MERGE_FULL);
    assert_int_equal(merge_rows_out(b.m), 2);
    close_bench(&b);
}

/* A leg that is out of order between two fetches is noticed. */
static void test_out_of_order(void **state)
{
    (void)state;
    static const struct kit_row wrong[] = {{{"a", "2"}}, {{"b", "1"}}};
    struct kit k = {.columns = cols,
                    .ncolumns = 2,
                    .nlegs = 1,
                    .legs = {LEG(wrong)},
                    .leg_caps = CAPS,
                    .client_caps = CAPS,
                    .spec = {.nhidden = 1, .order = key, .norder = 1}};
    struct bench b;
    open_bench(&b, &k, 1);
    execute(&b, 0);
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 0, &k.arena, &k.fault), MERGE_FULL);
    fetch(&b, 0);
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 1, &k.arena, &k.fault), MERGE_FULL);
    fetch(&b, 0);
    assert_int_equal(merge_run_rows(b.m, &b.out, &b.seq, 1, &k.arena, &k.fault), MERGE_FAULT);
    assert_int_equal(k.fault.code, 1235);
    assert_false(merge_needs(b.m, 0));
    close_bench(&b);
}

/* ---- memory ---- */

/* Allocations of the second run of a merge, beside its output. */
static uint64_t allocations(struct kit *k, struct merge_pool *pool)
{
    static struct kit_reply r[4];
    uint64_t count = 0;
    for (uint32_t leg = 0; leg < k->nlegs; leg++) kit_make_reply(k, leg, &r[leg]);
    for (int round = 0; round < 4; round++) {
        struct merge_options o = {.spec = &k->spec,
                                  .nlegs = k->nlegs,
                                  .has_limit = true,
                                  .limit = 10,
                                  .client_capabilities = CAPS,
                                  .window = 64 << 10,
                                  .max_memory = 1 << 20,
                                  .binary = k->binary,
                                  .pool = pool};
        struct buf out = {0};
        uint8_t seq = 1;
        assert_true(buf_reserve(&out, 8192));
        arena_init(&k->arena, 0);
        uint64_t before = mem_count();
        struct merge *m = merge_new(&o);
        for (uint32_t leg = 0; leg < k->nlegs; leg++)
            for (uint32_t i = 0; i < r[leg].n; i++)
                assert_true(merge_put(m, leg, kit_payload(&r[leg], i), CAPS, &k->arena, &k->fault));
        enum merge_state st = merge_run(m, &out, &seq, 100000, &k->arena, &k->fault);
        assert_true(st == MERGE_DONE || st == MERGE_ENOUGH);
        merge_free(m);
        count = mem_count() - before;
        buf_release(&out);
        kit_done(k);
    }
    for (uint32_t leg = 0; leg < k->nlegs; leg++) buf_release(&r[leg].bytes);
    return count;
}

static void test_pool(void **state)
{
    (void)state;
    static const struct kit_column many[] = {INT_COL("id"), TEXT_COL("name"), DEC_COL("price", 2),
                                             INT_COL("h")};
    static struct kit_row rows[10];
    static char text[10][16];
    static struct merge_output out[] = {{.fn = MERGE_FIRST}, {.fn = MERGE_FIRST}, {.fn = MERGE_SUM}};
    static struct merge_key by[] = {KEY_VIS(0)};
    for (int i = 0; i < 10; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        rows[i] = (struct kit_row){{text[i], "some name of a thing", "12.50", text[i]}};
    }
    struct merge_pool pool = {0};
    for (int binary = 0; binary < 2; binary++) {
        struct kit k = {.columns = many,
                        .ncolumns = 4,
                        .nlegs = 2,
                        .legs = {{rows, 10}, {rows, 10}},
                        .leg_caps = CAPS,
                        .binary = binary,
                        .spec = {.nhidden = 1, .order = key, .norder = 1}};
        assert_true(allocations(&k, NULL) <= 4);
        assert_int_equal(allocations(&k, &pool), 0);
        /* Groups keep some values aside. */
        k.spec = (struct merge_spec){
            .nhidden = 1, .grouped = true, .group = by, .ngroup = 1, .outputs = out, .noutputs = 3};
        assert_true(allocations(&k, &pool) <= 4);
        k.spec = (struct merge_spec){.nhidden = 1, .order = key, .norder = 1, .distinct = true};
        assert_int_equal(allocations(&k, &pool), 0);
        /* What one merge left must not be seen by the next. */
        k.pool = &pool;
        k.spec = (struct merge_spec){.nhidden = 1};
        k.nlegs = 1;
        kit_expect(
            &k, "0|some name of a thing|12.50\n1|some name of a thing|12.50\n2|some name of a thing|12.50\n"
                "3|some name of a thing|12.50\n4|some name of a thing|12.50\n5|some name of a thing|12.50\n"
                "6|some name of a thing|12.50\n7|some name of a thing|12.50\n8|some name of a thing|12.50\n"
                "9|some name of a thing|12.50\n");
    }
    assert_int_equal(pool.n, 1);
    /* It keeps a few only, and not large ones' memory. */
    struct merge_spec spec = {0};
    struct merge_options o = {.spec = &spec, .nlegs = 1, .pool = &pool};
    struct merge *taken[20];
    for (int i = 0; i < 20; i++) assert_non_null(taken[i] = merge_new(&o));
    assert_int_equal(pool.n, 0);
    for (int i = 0; i < 20; i++) merge_free(taken[i]);
    assert_int_equal(pool.n, 8);
    merge_pool_release(&pool);
    assert_int_equal(pool.n, 0);
    assert_null(pool.idle);
}

/* Definitions are memory too. */
static void test_definitions_count(void **state)
{
    (void)state;
    struct merge_spec spec = {0};
    struct merge_options o = {
        .spec = &spec, .nlegs = 1, .client_capabilities = CAPS, .window = 4096, .max_memory = 64 << 10};
    struct arena a;
    struct fault f;
    struct buf b = {0};
    uint8_t seq = 0;
    arena_init(&a, 0);
    struct merge *m = merge_new(&o);
    wire_put_lenenc(&b, 60000);
    assert_false(merge_put(m, 0, buf_str(&b), CAPS, &a, &f));
    assert_int_equal(f.code, 1041);
    assert_true(str_find(f.message, STR("max_statement_memory"), 0) != SIZE_MAX);
    merge_free(m);
    m = merge_new(&o);
    buf_reset(&b);
    wire_put_lenenc(&b, 100);
    assert_true(merge_put(m, 0, buf_str(&b), CAPS, &a, &f));
    static char name[3000];
    memset(name, 'n', sizeof name);
    struct wire_column c = {
        .catalog = STR("def"), .name = str_make(name, sizeof name), .type = WIRE_TYPE_LONG};
    uint32_t taken = 0;
    for (;; taken++) {
        buf_reset(&b);
        wire_put_column(&b, &seq, &c);
        if (!merge_put(m, 0, str_make(b.data + WIRE_HEADER, b.len - WIRE_HEADER), CAPS, &a, &f)) break;
        assert_true(merge_held(m) <= 64 << 10);
    }
    assert_true(taken >= 8 && taken <= 21);
    assert_int_equal(f.code, 1041);
    merge_free(m);
    buf_release(&b);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordered),           cmocka_unit_test(test_concatenated),
        cmocka_unit_test(test_grouped),           cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_without_cursors),   cmocka_unit_test(test_goes_on_late),
        cmocka_unit_test(test_out_of_order),      cmocka_unit_test(test_pool),
        cmocka_unit_test(test_definitions_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
