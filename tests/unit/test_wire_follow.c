/*
 * Following replies: transcripts of MariaDB 10.11 (with and without DEPRECATE_EOF) and made ones, each fed
 * whole, byte by byte, in every two pieces and in random chunks, followed by bytes of the next reply;
 * truncated, mutated, out of order.
 */
#include "test_wire.h"

#include <stdio.h>

enum {
    DEP = WIRE_CAP_DEPRECATE_EOF,
    Q = WIRE_FOLLOW_QUERY,
    ONE = WIRE_FOLLOW_OK,
    FIELDS = WIRE_FOLLOW_FIELDS,
    TEXT = WIRE_FOLLOW_TEXT,
    PREPARE = WIRE_FOLLOW_PREPARE,
    FETCH = WIRE_FOLLOW_FETCH,
    EXECUTE = WIRE_FOLLOW_EXECUTE,
    OPTIONAL = WIRE_CAP_OPTIONAL_RESULTSET_METADATA
};

#define WT_ID "03646566056d7973716c0277740277740269640269640c3f000b0000000303500000"
#define WT_C  "03646566056d7973716c027774027774016301630c2d0050000000fe0000000000"
#define QMARK "03646566000000013f000c2d00fcff0000fd00001f0000"
#define P1 "17000002" QMARK
#define Q4 "17000004" QMARK
#define ONEX "036465660000000132000c3f0002000000088100000000"
#define ONE2 "17000002036465660000000131000c3f0002000000088100000000"
#define U2 "1800000203646566000000016101610c3f0002000000080100000000"
#define DEF_A "036465660000000161000c3f0016000000088000000000"
#define DEF_B "036465660000000162000c3f0002000000088100000000"
#define A3 "17000003" DEF_A
#define A4 "17000004" DEF_A
#define B4 "17000004" DEF_B
#define B5 "17000005" DEF_B
#define UPDATE                                                                                               \
    "0000000a00000028526f7773206d6174636865643a203020204368616e6765643a203020205761726e696e67733a2030"
#define CASE_C                                                                                               \
    "036465660000003b63617365207768656e207365713c33207468656e2073657120656c7365202873656c656374203120756e69" \
    "6f6e2073656c65637420322920656e64000c3f0015000000f68000000000"
#define ONLY_ONE "ffda0423323130303053756271756572792072657475726e73206d6f7265207468616e203120726f77"

static const struct reply {
    const char *name, *hex;
    int kind;
    uint32_t capabilities;
    int state;
    uint64_t columns, rows, affected, insert_id;
    uint32_t results;
    uint16_t status, warnings, error;
    bool is_resultset;
} replies[] = {
    {"point select",
     "0100000102 22000002" WT_ID "21000003" WT_C "05000004fe00000200 060000050131036f6e65 05000006fe00000200",
     Q, 0, WIRE_F_DONE, .columns = 2, .rows = 1, .status = 2, .is_resultset = true},
    {"point select, DEPRECATE_EOF",
     "0100000102 22000002" WT_ID "21000003" WT_C "060000040131036f6e65 07000005fe000002000000", Q, DEP,
     WIRE_F_DONE, .columns = 2, .rows = 1, .status = 2, .is_resultset = true},
    {"'one', '', NULL",
     "0100000101 21000002" WT_C
     "05000003fe00002200 04000004036f6e65 0100000500 01000006fb 05000007fe00002200",
     Q, 0, WIRE_F_DONE, .columns = 1, .rows = 3, .status = 0x22, .is_resultset = true},
    {"'one', '', NULL, DEPRECATE_EOF",
     "0100000101 21000002" WT_C "04000003036f6e65 0100000400 01000005fb 07000006fe000022000000", Q, DEP,
     WIRE_F_DONE, .columns = 1, .rows = 3, .status = 0x22, .is_resultset = true},
    {"no rows", "0100000101 21000002" WT_C "05000003fe00002200 05000004fe01002200", Q, 0, WIRE_F_DONE,
     .columns = 1, .status = 0x22, .warnings = 1, .is_resultset = true},
    {"no rows, DEPRECATE_EOF", "0100000101 21000002" WT_C "07000003fe000022000100", Q, DEP, WIRE_F_DONE,
     .columns = 1, .status = 0x22, .warnings = 1, .is_resultset = true},
    {"DEPRECATE_EOF but the end is an EOF", "0100000101 21000002" WT_C "05000003fe01002200", Q, DEP,
     WIRE_F_DONE, .columns = 1, .status = 0x22, .warnings = 1, .is_resultset = true},
    {"DEPRECATE_EOF and a long end",
     "0100000101 21000002" WT_C "10000003fe000002400000 00 07 01 05 0473686f70", Q,
     DEP | WIRE_CAP_SESSION_TRACK, WIRE_F_DONE, .columns = 1, .status = 0x4002, .is_resultset = true},
    {"update",
     "3000000100 02 00 02000000"
     "28526f7773206d6174636865643a203220204368616e6765643a203220205761726e696e67733a2030",
     Q, 0, WIRE_F_DONE, .affected = 2, .status = 2},
    {"insert id", "0f00000100 01 fe0000000000000080 02000500", Q, 0, WIRE_F_DONE, .affected = 1,
     .insert_id = 1ull << 63, .status = 2, .warnings = 5},
    {"change of schema", "110000010000000240000000080106056d7973716c", ONE, DEP | WIRE_CAP_SESSION_TRACK,
     WIRE_F_DONE, .status = 0x4002},
    {"three results",
     "0100000101 17000002036465660000000131000c3f000100000003810000000005000003fe00000a00020000040131 "
     "05000005fe00000a00"
     "30000006" UPDATE "0100000701 21000008" WT_C "05000009fe00000200 0100000afb 0500000bfe00000200",
     Q, 0, WIRE_F_DONE, .columns = 1, .rows = 1, .results = 2, .status = 2, .is_resultset = true},
    {"three results, DEPRECATE_EOF",
     "0100000101 17000002036465660000000131000c3f0001000000038100000000020000030131 07000004fe00000a000000"
     "30000005" UPDATE "0100000601 21000007" WT_C "01000008fb 07000009fe000002000000",
     Q, DEP, WIRE_F_DONE, .columns = 1, .rows = 1, .results = 2, .status = 2, .is_resultset = true},
    {"rows, then an OK (CALL)",
     "0100000101 21000002" WT_C "05000003fe00000a00 01000004fb 05000005fe00000a00 0700000600000002000000", Q,
     0, WIRE_F_DONE, .results = 1, .status = 2},
    {"rows, then an error",
     "0100000101 21000002" WT_C "05000003fe00000a00 01000004fb 05000005fe00000a00 29000006" ONLY_ONE, Q, 0,
     WIRE_F_DONE, .columns = 1, .rows = 1, .results = 1, .status = 10, .error = 1242, .is_resultset = true},
    {"error among rows",
     "0100000101 51000002" CASE_C "05000003fe00002200 020000040131 020000050132 29000006" ONLY_ONE, Q, 0,
     WIRE_F_DONE, .columns = 1, .rows = 2, .status = 0x22, .error = 1242, .is_resultset = true},
    {"error among rows, DEPRECATE_EOF",
     "0100000101 51000002" CASE_C "020000030131 020000040132 29000005" ONLY_ONE, Q, DEP, WIRE_F_DONE,
     .columns = 1, .rows = 2, .error = 1242, .is_resultset = true},
    {"error at once", "09000001ff2804233432303030", Q, 0, WIRE_F_DONE, .error = 1064},
    {"error without a state", "06000001ff2804626164", Q, 0, WIRE_F_DONE, .error = 1064},
    {"error among columns", "0100000102 21000002" WT_C "29000003" ONLY_ONE, Q, 0, WIRE_F_DONE, .columns = 2,
     .error = 1242, .is_resultset = true},
    {"error in place of the columns' EOF", "0100000101 21000002" WT_C "29000003" ONLY_ONE, Q, 0, WIRE_F_DONE,
     .columns = 1, .error = 1242, .is_resultset = true},
    {"local file", "03000001fb2f78", Q, 0, WIRE_F_LOCAL_INFILE, .columns = 0},
    {"ping", "0700000100000002000000", ONE, 0, WIRE_F_DONE, .status = 2},
    {"more results after a command that has one", "070000010000000a000000", ONE, 0, WIRE_F_DONE,
     .status = 10},
    {"set option", "05000001fe00000200", ONE, 0, WIRE_F_DONE, .status = 2},
    {"set option, DEPRECATE_EOF", "07000001fe000002000000", ONE, DEP, WIRE_F_DONE, .status = 2},
    {"refused command", "09000001ff1704233038533031", ONE, DEP, WIRE_F_DONE, .error = 1047},
    {"field list",
     "2500000103646566056d7973716c0277740277740269640269640c3f000b0000000303500000000130"
     "2300000203646566056d7973716c027774027774016301630c2d0050000000fe00000000000178 05000003fe00000200",
     FIELDS, 0, WIRE_F_DONE, .columns = 2, .status = 2},
    {"field list, DEPRECATE_EOF",
     "2500000103646566056d7973716c0277740277740269640269640c3f000b0000000303500000000130"
     "2300000203646566056d7973716c027774027774016301630c2d0050000000fe00000000000178 07000003fe000002000000",
     FIELDS, DEP, WIRE_F_DONE, .columns = 2, .status = 2},
    {"field list of no table", "29000001" ONLY_ONE, FIELDS, 0, WIRE_F_DONE, .error = 1242},
    {"statistics", "0a000001557074696d653a203432", TEXT, 0, WIRE_F_DONE, .columns = 0},
    {"empty statistics", "00000001", TEXT, 0, WIRE_F_DONE, .columns = 0},
    {"statistics refused", "29000001" ONLY_ONE, TEXT, 0, WIRE_F_DONE, .error = 1242},
    {"300 columns' count", "03000001fc2c01 29000002" ONLY_ONE, Q, 0, WIRE_F_DONE, .columns = 300,
     .error = 1242, .is_resultset = true},
    {"count and metadata flag", "020000010101 21000002" WT_C "07000003fe000022000000", Q,
     DEP | WIRE_CAP_OPTIONAL_RESULTSET_METADATA, WIRE_F_DONE, .columns = 1, .status = 0x22,
     .is_resultset = true},

    /* MySQL 9.7 and MariaDB 10.11, which agree in all of these but for types */
    {"prepare, 1 parameter, 2 columns",
     "0c000001 00 01000000 0200 0100 00 0000" P1 "05000003fe00000200" A4 B5 "05000006fe00000200", PREPARE, 0, WIRE_F_DONE,
     .columns = 2, .status = 2, .is_resultset = true},
    {"prepare, 1 parameter, 2 columns, DEPRECATE_EOF", "0c000001 00 01000000 0200 0100 00 0000" P1 A3 B4, PREPARE, DEP, WIRE_F_DONE,
     .columns = 2, .is_resultset = true},
    {"prepare, 1 parameter", "0c000001 00 02000000 0000 0100 00 0000" P1 "05000003fe00000200", PREPARE, 0, WIRE_F_DONE, .status = 2},
    {"prepare, 1 parameter, DEPRECATE_EOF", "0c000001 00 02000000 0000 0100 00 0000" P1, PREPARE, DEP, WIRE_F_DONE, .columns = 0},
    {"prepare, 1 column", "0c000001 00 03000000 0100 0000 00 0300" ONE2 "05000003fe00000200", PREPARE, 0, WIRE_F_DONE, .columns = 1,
     .status = 2, .is_resultset = true},
    {"prepare, 1 column, DEPRECATE_EOF", "0c000001 00 03000000 0100 0000 00 0300" ONE2, PREPARE, DEP, WIRE_F_DONE, .columns = 1,
     .warnings = 3, .is_resultset = true},
    {"prepare, neither", "0c000001 00 04000000 0000 0000 00 0100", PREPARE, 0, WIRE_F_DONE, .warnings = 1},
    {"prepare, neither, DEPRECATE_EOF", "0c000001 00 04000000 0000 0000 00 0100", PREPARE, DEP, WIRE_F_DONE, .warnings = 1},
    {"prepare, error", "09000001ff2804233432303030", PREPARE, DEP, WIRE_F_DONE, .error = 1064},
    {"prepare, error among definitions", "0c000001 00 01000000 0200 0100 00 0000" P1 "29000003" ONLY_ONE, PREPARE, DEP, WIRE_F_DONE,
     .columns = 2, .error = 1242, .is_resultset = true},
    {"prepare with definitions", "0d000001 00 03000000 0100 0100 00 0000 01" P1 "05000003fe00000200" Q4 "05000005fe00000200", PREPARE,
     OPTIONAL, WIRE_F_DONE, .columns = 1, .status = 2, .is_resultset = true},
    {"prepare with definitions, DEPRECATE_EOF", "0d000001 00 03000000 0100 0100 00 0000 01" P1 "17000003" QMARK, PREPARE, OPTIONAL | DEP,
     WIRE_F_DONE, .columns = 1, .is_resultset = true},
    {"prepare without definitions", "0d000001 00 01000000 0100 0100 00 0000 00 05000002fe00000200 05000003fe00000200", PREPARE, OPTIONAL,
     WIRE_F_DONE, .columns = 1, .status = 2, .is_resultset = true},
    {"prepare without definitions, DEPRECATE_EOF", "0d000001 00 01000000 0100 0100 00 0000 00", PREPARE, OPTIONAL | DEP, WIRE_F_DONE,
     .columns = 1, .is_resultset = true},

    {"execute", "0100000101" U2 "05000003fe00002200 0a00000400000100000000000000 0a00000500000200000000000000 05000006fe00002200",
     EXECUTE, 0, WIRE_F_DONE, .columns = 1, .rows = 2, .status = 0x22, .is_resultset = true},
    {"execute, DEPRECATE_EOF", "0100000101" U2 "0a00000300000100000000000000 0a00000400000200000000000000 07000005fe000022000000",
     EXECUTE, DEP, WIRE_F_DONE, .columns = 1, .rows = 2, .status = 0x22, .is_resultset = true},
    {"execute with a cursor", "0100000101" U2 "05000003fe00006200", EXECUTE, 0, WIRE_F_DONE, .columns = 1, .status = 0x62,
     .is_resultset = true},
    {"execute with a cursor, DEPRECATE_EOF", "0100000101" U2 "07000003fe000062000000", EXECUTE, DEP, WIRE_F_DONE, .columns = 1,
     .status = 0x62, .is_resultset = true},
    {"execute with a cursor, no definitions", "020000010100 05000002fe00004200", EXECUTE, OPTIONAL, WIRE_F_DONE, .columns = 1,
     .status = 0x42, .is_resultset = true},
    {"execute with a cursor, no definitions, DEPRECATE_EOF", "020000010100 07000002fe000042000000", EXECUTE, OPTIONAL | DEP,
     WIRE_F_DONE, .columns = 1, .status = 0x42, .is_resultset = true},
    {"execute of no query", "0700000100000002000000", EXECUTE, 0, WIRE_F_DONE, .status = 2},
    {"execute of a procedure with cursors of its own",
     "0100000101" ONE2 "05000003fe00006a00 06000004000001000000 05000005fe00006a00 0100000601 17000007" ONEX
     "05000008fe00006a40 06000009000005000000 0500000afe00006a40 0700000b00000062000000",
     EXECUTE, 0, WIRE_F_DONE, .results = 2, .status = 0x62},
    {"execute of a procedure with cursors of its own, DEPRECATE_EOF",
     "0100000101" ONE2 "06000003000001000000 07000004fe00006a000000 0100000501 17000006" ONEX
     "06000007000005000000 07000008fe00006a000000 0700000900000062000000",
     EXECUTE, DEP, WIRE_F_DONE, .results = 2, .status = 0x62},
    {"fetch", "0a00000100000100000000000000 05000002fe00004200", FETCH, 0, WIRE_F_DONE, .rows = 1, .status = 0x42},
    {"fetch, DEPRECATE_EOF", "0a00000100000100000000000000 07000002fe000042000000", FETCH, DEP, WIRE_F_DONE, .rows = 1, .status = 0x42},
    {"fetch of the last", "05000001fe00008200", FETCH, 0, WIRE_F_DONE, .status = 0x82},
    {"fetch of the last, DEPRECATE_EOF", "07000001fe000082000000", FETCH, DEP, WIRE_F_DONE, .status = 0x82},
    {"fetch without a cursor", "09000001ff8d05234859303030", FETCH, 0, WIRE_F_DONE, .error = 1421},
    {"two results without definitions",
     "020000010100 05000002fe00000a00 020000030137 05000004fe00000a00 020000050100 05000006fe00000200 05000007fe00000200", Q,
     OPTIONAL, WIRE_F_DONE, .columns = 1, .results = 1, .status = 2, .is_resultset = true},
    {"two results without definitions, DEPRECATE_EOF",
     "020000010100 020000020137 07000003fe00000a000000 020000040100 07000005fe000002000000", Q, OPTIONAL | DEP, WIRE_F_DONE,
     .columns = 1, .results = 1, .status = 2, .is_resultset = true},
    {"two results with definitions",
     "020000010101" ONE2 "05000003fe00000a00 020000040137 05000005fe00000a00 020000060101 17000007" ONEX
     "05000008fe00000200 05000009fe00000200",
     Q, OPTIONAL, WIRE_F_DONE, .columns = 1, .results = 1, .status = 2, .is_resultset = true},

    {"prepare cut short", "0b000001 00 04000000 0000 0000 00 01", PREPARE, 0, WIRE_F_BAD, .columns = 0},
    {"prepare, a count", "0100000101", PREPARE, 0, WIRE_F_BAD, .columns = 0},
    {"prepare, an EOF", "05000001fe00000200", PREPARE, 0, WIRE_F_BAD, .columns = 0},
    {"prepare, an EOF too many with DEPRECATE_EOF", "0c000001 00 01000000 0200 0100 00 0000" P1 "05000003fe00000200", PREPARE, DEP,
     WIRE_F_BAD, .columns = 2},
    {"prepare, an EOF too few", "0c000001 00 01000000 0200 0100 00 0000" P1 A3, PREPARE, 0, WIRE_F_BAD, .columns = 2},
    {"prepare, a last definition of 16 MB", "0c000001 00 01000000 0000 0100 00 0000 ffffff0203", PREPARE, DEP, WIRE_F_BAD, .columns = 0},
    {"definitions' flag of 2", "020000010102", Q, OPTIONAL, WIRE_F_BAD, .columns = 1},

    {"wrong sequence at once", "0700000000000002000000", ONE, 0, WIRE_F_BAD, .columns = 0},
    {"wrong sequence later", "0100000101 21000003" WT_C, Q, 0, WIRE_F_BAD, .columns = 1,
     .is_resultset = true},
    {"empty packet first", "00000001", Q, 0, WIRE_F_BAD, .columns = 0},
    {"empty packet as a row", "0100000101 21000002" WT_C "00000003", Q, DEP, WIRE_F_BAD, .columns = 1,
     .is_resultset = true},
    {"empty packet as a column", "0100000101 00000002", Q, DEP, WIRE_F_BAD, .columns = 1,
     .is_resultset = true},
    {"fe of 9 bytes among rows", "0100000101 21000002" WT_C "05000003fe00002200 09000004fe", Q, 0, WIRE_F_BAD,
     .columns = 1, .status = 0x22, .is_resultset = true},
    {"a row in place of the columns' EOF", "0100000101 21000002" WT_C "020000030131", Q, 0, WIRE_F_BAD,
     .columns = 1, .is_resultset = true},
    {"an OK in place of the columns' EOF", "0100000101 21000002" WT_C "0700000300000002000000", Q, 0,
     WIRE_F_BAD, .columns = 1, .is_resultset = true},
    {"an EOF among columns", "0100000102 21000002" WT_C "05000003fe00002200", Q, 0, WIRE_F_BAD, .columns = 2,
     .is_resultset = true},
    {"count of 2^63 columns", "09000001fe0000000000000080", Q, 0, WIRE_F_BAD, .columns = 0},
    {"count of 65536 columns", "04000001fd000001", Q, 0, WIRE_F_BAD, .columns = 0},
    {"count and more", "020000010101", Q, 0, WIRE_F_BAD, .columns = 1, .is_resultset = true},
    {"count cut short", "01000001fc", Q, 0, WIRE_F_BAD, .columns = 0},
    {"EOF in place of a result", "05000001fe00000200", Q, 0, WIRE_F_BAD, .columns = 0},
    {"OK cut short", "06000001000000020000", ONE, 0, WIRE_F_BAD, .columns = 0},
    {"OK with a number beyond its end", "0300000100fe01", Q, 0, WIRE_F_BAD, .columns = 0},
    {"EOF cut short", "04000001fe000002", ONE, 0, WIRE_F_BAD, .columns = 0},
    {"ERR cut short", "02000001ff28", Q, 0, WIRE_F_BAD, .columns = 0},
    {"one packet of another kind", "0200000155ff", ONE, 0, WIRE_F_BAD, .columns = 0},
    {"16 MB at once", "ffffff0100", Q, 0, WIRE_F_BAD, .columns = 0},
};

static void check_end(const struct reply *r, const struct wire_follow *f)
{
    if (f->state != r->state) fail_msg("%s: state %d", r->name, f->state);
    if (r->state == WIRE_F_BAD) return;
    assert_int_equal(f->columns, r->columns);
    assert_int_equal(f->rows, r->rows);
    assert_true(f->affected == r->affected && f->insert_id == r->insert_id);
    assert_int_equal(f->results, r->results);
    assert_int_equal(f->status, r->status);
    assert_int_equal(f->warnings, r->warnings);
    assert_int_equal(f->error, r->error);
    assert_int_equal(f->failed, r->error != 0);
    assert_int_equal(f->is_resultset, r->is_resultset);
    if (r->kind == PREPARE && !f->failed) assert_true(f->prepared.id != 0 && f->prepared.columns == r->columns);
    struct wire_err e;
    if (f->failed) {
        assert_int_equal(wire_get_err(str_make(f->tail, f->ntail), &e), WIRE_OK);
        assert_int_equal(e.code, r->error);
    }
}

static bool over(const struct wire_follow *f)
{
    return f->state == WIRE_F_DONE || f->state == WIRE_F_BAD || f->state == WIRE_F_LOCAL_INFILE;
}

/* Feeds all of s in chunks; the result is how many bytes were taken. */
static size_t feed(struct wire_follow *f, struct str s, size_t first, size_t size, uint64_t *seed)
{
    size_t at = 0;
    while (at < s.len && !over(f)) {
        size_t n = at == 0 && first ? first : seed ? 1 + rnd(seed) % size : size;
        if (n > s.len - at) n = s.len - at;
        struct str c = exact(s.ptr + at, n);
        size_t used = wire_follow_feed(f, c.ptr, n);
        assert_true(used <= n);
        assert_true(used == n || over(f));
        at += used;
        drop(c);
    }
    return at;
}

static void every_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        const struct reply *r = &replies[i];
        struct str s = unhex(r->hex);
        bool whole = r->state != WIRE_F_BAD;
        struct wire_follow f;
        /* whole, and with the next reply behind it */
        wire_follow_init(&f, (enum wire_follow_kind)r->kind, r->capabilities);
        size_t used = wire_follow_feed(&f, s.ptr, s.len);
        check_end(r, &f);
        if (whole) assert_int_equal(used, s.len);
        assert_int_equal(wire_follow_feed(&f, "\7\0\0\1\0\0\0\2\0\0\0", 11), 0);
        struct buf longer = {0};
        buf_put_str(&longer, s);
        buf_put(&longer, "\7\0\0\1\0\0\0\2\0\0\0", 11);
        wire_follow_init(&f, (enum wire_follow_kind)r->kind, r->capabilities);
        used = wire_follow_feed(&f, longer.data, longer.len);
        check_end(r, &f);
        if (whole) assert_int_equal(used, s.len);
        /* in every two pieces, in pieces of every size */
        for (size_t n = 1; n <= s.len; n++) {
            wire_follow_init(&f, (enum wire_follow_kind)r->kind, r->capabilities);
            used = feed(&f, buf_str(&longer), n, SIZE_MAX, NULL);
            check_end(r, &f);
            if (whole) assert_int_equal(used, s.len);
            wire_follow_init(&f, (enum wire_follow_kind)r->kind, r->capabilities);
            used = feed(&f, buf_str(&longer), 0, n, NULL);
            check_end(r, &f);
            if (whole) assert_int_equal(used, s.len);
        }
        for (uint64_t seed = 0; seed < 200; seed++) {
            uint64_t x = seed;
            wire_follow_init(&f, (enum wire_follow_kind)r->kind, r->capabilities);
            used = feed(&f, buf_str(&longer), 0, 12, &x);
            check_end(r, &f);
            if (whole) assert_int_equal(used, s.len);
        }
        /* not over before its end */
        for (size_t n = 0; whole && n < s.len; n++) {
            struct str cut = exact(s.ptr, n);
            wire_follow_init(&f, (enum wire_follow_kind)r->kind, r->capabilities);
            assert_int_equal(wire_follow_feed(&f, cut.ptr, n), n);
            assert_false(over(&f));
            drop(cut);
        }
        buf_release(&longer);
        drop(s);
    }
}

/* Whatever the bytes say, chunks do not change the verdict. */
static void mutated(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        const struct reply *r = &replies[i];
        struct str s = unhex(r->hex);
        for (int round = 0; round < 3000; round++) {
            struct str bad = exact(s.ptr, s.len);
            char *p = (char *)(uintptr_t)bad.ptr;
            for (uint32_t k = 1 + rnd(&seed) % 3; k; k--)
                p[rnd(&seed) % bad.len] = (char)(rnd(&seed) % 2 ? rnd(&seed) : 0xf8 + rnd(&seed) % 8);
            uint32_t caps = rnd(&seed) % 4 ? r->capabilities : r->capabilities ^ DEP;
            struct wire_follow a, b;
            wire_follow_init(&a, (enum wire_follow_kind)r->kind, caps);
            wire_follow_init(&b, (enum wire_follow_kind)r->kind, caps);
            size_t na = wire_follow_feed(&a, bad.ptr, bad.len), nb = feed(&b, bad, 0, 7, &seed);
            assert_int_equal(over(&a), over(&b));
            if (over(&a)) assert_int_equal(a.state, b.state);
            if (a.state != WIRE_F_BAD) assert_int_equal(na, nb);
            if (a.state == WIRE_F_DONE) {
                assert_true(a.rows == b.rows && a.columns == b.columns && a.results == b.results &&
                            a.status == b.status);
                assert_true(a.affected == b.affected && a.insert_id == b.insert_id &&
                            a.warnings == b.warnings);
                assert_true(a.error == b.error && a.failed == b.failed && a.is_resultset == b.is_resultset);
            }
            drop(bad);
        }
        drop(s);
    }
}

/* Rows of 16 MB and more: full packets, whose first byte may be fe, and an empty one at an exact multiple. */
static void huge_rows(void **state)
{
    (void)state;
    const size_t fields[] = {WIRE_MAX_PAYLOAD - 9,
                             WIRE_MAX_PAYLOAD - 10,
                             WIRE_MAX_PAYLOAD + 1,
                             2 * WIRE_MAX_PAYLOAD - 9,
                             0x1000000,
                             0x2000010};
    const size_t chunks[] = {SIZE_MAX, 1 << 16, 1000003, (size_t)WIRE_MAX_PAYLOAD + 4};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        for (int deprecate = 0; deprecate < 2; deprecate++) {
            uint32_t caps = deprecate ? (uint32_t)DEP : 0;
            uint8_t seq = 1;
            struct buf b = {0};
            struct wire_column c = {.catalog = STR("def"), .name = STR("x")};
            wire_put_packet(&b, &seq, "\1", 1);
            wire_put_column(&b, &seq, &c);
            if (!deprecate) wire_put_eof(&b, &seq, 2, 0);
            for (int row = 0; row < 2; row++) {
                size_t at = wire_begin(&b);
                wire_put_lenenc(&b, fields[i]);
                assert_true(buf_reserve(&b, fields[i]));
                memset(b.data + b.len, 0xfe, fields[i]);
                b.len += fields[i];
                wire_end(&b, at, &seq);
            }
            wire_put_end(&b, &seq, caps, 2, 9);
            assert_false(b.failed);
            for (size_t k = 0; k < COUNT_OF(chunks); k++) {
                struct wire_follow f;
                wire_follow_init(&f, WIRE_FOLLOW_QUERY, caps);
                size_t at = 0;
                while (at < b.len) {
                    size_t n = b.len - at < chunks[k] ? b.len - at : chunks[k];
                    assert_int_equal(wire_follow_feed(&f, b.data + at, n), n);
                    at += n;
                    assert_int_equal(f.state == WIRE_F_DONE, at == b.len);
                }
                assert_int_equal(f.rows, 2);
                assert_int_equal(f.warnings, 9);
                assert_int_equal(f.seq, seq);
            }
            buf_release(&b);
        }
}

/* More than 256 packets: the sequence wraps. */
static void many_rows(void **state)
{
    (void)state;
    struct buf b = {0};
    uint8_t seq = 1;
    struct wire_column c = {.catalog = STR("def"), .name = STR("x")};
    wire_put_packet(&b, &seq, "\1", 1);
    wire_put_column(&b, &seq, &c);
    for (int i = 0; i < 1000; i++) wire_put_packet(&b, &seq, "\2ab", 3);
    wire_put_end(&b, &seq, DEP, 2, 0);
    for (size_t chunk = 1; chunk < 40; chunk++) {
        struct wire_follow f;
        wire_follow_init(&f, WIRE_FOLLOW_QUERY, DEP);
        assert_int_equal(feed(&f, buf_str(&b), 0, chunk, NULL), b.len);
        assert_int_equal(f.state, WIRE_F_DONE);
        assert_int_equal(f.rows, 1000);
    }
    buf_release(&b);
}

/* A message longer than the tail: cut for us, the end is found all the same. */
static void long_errors(void **state)
{
    (void)state;
    char message[3000];
    memset(message, 'm', sizeof message);
    struct buf b = {0};
    uint8_t seq = 1;
    wire_put_err(&b, &seq, 1064, NULL, str_make(message, sizeof message));
    for (size_t chunk = 1; chunk <= b.len; chunk += 37) {
        struct wire_follow f;
        struct wire_err e;
        wire_follow_init(&f, WIRE_FOLLOW_QUERY, 0);
        assert_int_equal(feed(&f, buf_str(&b), 0, chunk, NULL), b.len);
        assert_int_equal(f.state, WIRE_F_DONE);
        assert_int_equal(f.ntail, sizeof f.tail);
        assert_int_equal(wire_get_err(str_make(f.tail, f.ntail), &e), WIRE_OK);
        assert_int_equal(e.message.len, sizeof f.tail - 9);
    }
    buf_release(&b);
}

static void local_file_goes_on(void **state)
{
    (void)state;
    struct wire_follow f;
    wire_follow_init(&f, WIRE_FOLLOW_QUERY, 0);
    assert_int_equal(wire_follow_feed(&f, "\3\0\0\1\xfb/x", 7), 7);
    assert_int_equal(f.state, WIRE_F_LOCAL_INFILE);
    f.state = WIRE_F_FIRST; /* two packets of the client's in between: the file and the empty one */
    f.seq = 4;
    assert_int_equal(wire_follow_feed(&f, "\7\0\0\4\0\5\0\2\0\0\0", 11), 11);
    assert_int_equal(f.state, WIRE_F_DONE);
    assert_int_equal(f.affected, 5);
    assert_int_equal(wire_follow_feed(&f, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply), cmocka_unit_test(mutated),     cmocka_unit_test(huge_rows),
        cmocka_unit_test(many_rows),   cmocka_unit_test(long_errors), cmocka_unit_test(local_file_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
