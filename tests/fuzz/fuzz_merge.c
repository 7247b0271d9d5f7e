/*
 * What servers send into a merge: two or three legs' definitions and rows of any types and any bytes, in
 * either protocol, concatenated, ordered, distinct, grouped, through a cursor. It must end in rows or in a
 * fault; the client's packets are whole, numbered without a gap and as wide as was announced, and the bytes
 * held are within the cap.
 *
 * Input: way (1 byte), legs and limit (1 byte), columns (1 byte), then for each column type and flags; then
 * pieces: leg and kind (1 byte), length (1 byte), payload. A piece may also be the leg's next definition, a
 * wrong one, or an end.
 */
#include "proxy/merge/merge.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPS = WIRE_CAP_DEPRECATE_EOF | WIRE_CAP_PROTOCOL_41, MAX_MEMORY = 200000, COLUMNS = 6 };

static void require(bool ok)
{
    if (!ok) abort();
}

struct input {
    const uint8_t *p, *end;
};
static uint8_t take(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static uint8_t known_type(uint8_t b)
{
    static const uint8_t types[] = {
        WIRE_TYPE_TINY,  WIRE_TYPE_SHORT,  WIRE_TYPE_LONG,       WIRE_TYPE_LONGLONG,
        WIRE_TYPE_FLOAT, WIRE_TYPE_DOUBLE, WIRE_TYPE_NULL,       WIRE_TYPE_TIMESTAMP,
        WIRE_TYPE_DATE,  WIRE_TYPE_TIME,   WIRE_TYPE_NEWDECIMAL, WIRE_TYPE_DATETIME,
        WIRE_TYPE_YEAR,  WIRE_TYPE_BIT,    WIRE_TYPE_VAR_STRING, WIRE_TYPE_BLOB};
    return types[b % COUNT_OF(types)];
}

static struct wire_column column_of(uint8_t type, uint8_t flags)
{
    return (struct wire_column){.catalog = STR("def"),
                                .name = STR("c"),
                                .type = flags & 128 ? type : known_type(type),
                                .flags = flags & 1 ? WIRE_COLUMN_UNSIGNED : 0,
                                .collation = flags & 2 ? 45 : 63,
                                .decimals = flags >> 2 & 31};
}

struct bench {
    struct merge *m;
    struct arena arena;
    struct fault fault;
    struct buf out;
    struct wire_column columns[COLUMNS];
    uint32_t ncolumns, nlegs, sent[3];
    uint8_t seq;
    bool cursor, failed;
};

static void feed(struct bench *b, uint32_t leg, struct str payload)
{
    if (b->failed) return;
    b->failed = !merge_put(b->m, leg, payload, CAPS, &b->arena, &b->fault);
}

static void feed_packet(struct bench *b, uint32_t leg, struct buf *packet)
{
    feed(b, leg, str_make(packet->data + WIRE_HEADER, packet->len - WIRE_HEADER));
    buf_release(packet);
}

/* The next payload of the leg's definitions; afterwards an end of rows. */
static void feed_next(struct bench *b, uint32_t leg, bool wrong, uint8_t status)
{
    struct buf p = {0};
    uint8_t seq = 0;
    uint32_t n = b->sent[leg]++;
    if (n == 0) {
        char count = (char)b->ncolumns;
        wire_put_packet(&p, &seq, &count, 1);
    } else if (n <= b->ncolumns) {
        struct wire_column c = b->columns[n - 1];
        if (wrong) c.type = known_type(status), c.flags ^= status & WIRE_COLUMN_UNSIGNED;
        wire_put_column(&p, &seq, &c);
    } else {
        wire_put_end(&p, &seq, CAPS, status, status);
    }
    feed_packet(b, leg, &p);
}

static void run(struct bench *b, uint8_t n)
{
    if (b->failed) return;
    enum merge_state st = b->cursor ? merge_run_rows(b->m, &b->out, &b->seq, n, &b->arena, &b->fault)
                                    : merge_run(b->m, &b->out, &b->seq, n, &b->arena, &b->fault);
    b->failed = st == MERGE_FAULT;
    if (st == MERGE_NEED) { /* somebody must be waited for */
        bool any = false;
        for (uint32_t i = 0; i < b->nlegs; i++) any |= merge_wants(b->m, i);
        require(any);
    }
}

static void check_packets(const struct bench *b, uint32_t visible)
{
    uint8_t seq = 1;
    uint32_t left = 1 + visible;
    for (size_t at = 0; at < b->out.len;) {
        require(b->out.len - at >= WIRE_HEADER);
        size_t n = wire_u24(b->out.data + at);
        require((uint8_t)b->out.data[at + 3] == seq++);
        at += WIRE_HEADER;
        require(b->out.len - at >= n && n > 0);
        if (left == 1 + visible) require((uint8_t)b->out.data[at] == visible);
        if (left) left--;
        at += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    uint8_t way = take(&in), shape = take(&in);
    struct bench b = {
        .ncolumns = 2 + take(&in) % (COLUMNS - 1), .nlegs = 1 + shape % 3, .seq = 1, .cursor = way >> 3 & 1};
    for (uint32_t i = 0; i < b.ncolumns; i++) {
        uint8_t type = take(&in);
        b.columns[i] = column_of(type, take(&in));
    }
    uint32_t hidden = way >> 5 & 1, visible = b.ncolumns - hidden;
    struct merge_column last = {hidden ? MERGE_HIDDEN : MERGE_VISIBLE, hidden ? 0 : visible - 1};
    struct merge_key keys[] = {
        {.value = {MERGE_VISIBLE, 0},
         .desc = way >> 4 & 1,
         .has_weight = true,
         .weight = last,
         .collation = STR("latin1_bin")},
        {.value = last, .has_weight = true, .weight = last, .collation = STR("utf8mb4_general_ci")}};
    struct merge_output outputs[COLUMNS];
    for (uint32_t i = 0; i < visible; i++)
        outputs[i] = (struct merge_output){.fn = (enum merge_fn)((b.columns[i].decimals + i) % 6),
                                           .sum = last,
                                           .count = {MERGE_VISIBLE, 0},
                                           .has_weight = true,
                                           .weight = last,
                                           .collation = STR("latin1_bin")};
    struct merge_spec specs[] = {
        {0},
        {.order = keys, .norder = 2},
        {.order = keys, .norder = 2, .distinct = true},
        {.grouped = true, .group = keys, .ngroup = 1, .outputs = outputs, .noutputs = visible},
        {.grouped = true, .outputs = outputs, .noutputs = visible},
        {.grouped = true,
         .group = keys,
         .ngroup = 1,
         .outputs = outputs,
         .noutputs = visible,
         .final_order = keys + 1,
         .nfinal_order = 1}};
    struct merge_spec spec = specs[(way & 7) % COUNT_OF(specs)];
    spec.nhidden = hidden;
    struct merge_options o = {.spec = &spec,
                              .nlegs = b.nlegs,
                              .has_limit = shape >> 2 & 1,
                              .limit = shape >> 4,
                              .offset = shape >> 3 & 1,
                              .client_capabilities = way >> 7 ? CAPS : WIRE_CAP_PROTOCOL_41,
                              .window = 4096,
                              .max_memory = MAX_MEMORY,
                              .binary = way >> 6 & 1,
                              .cursor = b.cursor};
    arena_init(&b.arena, 0);
    b.m = merge_new(&o);
    if (!b.m) return 0;
    while (in.p < in.end && !b.failed) {
        uint8_t kind = take(&in), n = take(&in);
        uint32_t leg = kind % b.nlegs;
        switch (kind >> 5) {
        case 0: run(&b, n); break;
        case 1: feed_next(&b, leg, false, n); break;
        case 2: feed_next(&b, leg, kind & 16, n); break;
        case 3:
            while (b.sent[leg] <= b.ncolumns && !b.failed) feed_next(&b, leg, false, 0);
            break;
        case 4: merge_leg_goes_on(b.m, leg); break;
        default:
            if (n > in.end - in.p) n = (uint8_t)(in.end - in.p);
            feed(&b, leg, str_make(in.p, n));
            in.p += n;
        }
        require(b.failed || merge_held(b.m) <= MAX_MEMORY + 4096); /* a fault ends the merge: its text may take a chunk more */
    }
    while (!b.failed) { /* to the end */
        uint64_t before = merge_rows_out(b.m);
        for (uint32_t leg = 0; leg < b.nlegs && !b.failed; leg++)
            while (!merge_leg_ended(b.m, leg) && !b.failed) feed_next(&b, leg, false, 0);
        run(&b, 200);
        if (merge_rows_out(b.m) == before) break;
    }
    check_packets(&b, visible);
    merge_free(b.m);
    buf_release(&b.out);
    arena_release(&b.arena);
    return 0;
}
