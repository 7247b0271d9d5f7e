/*
 * Prepared statements: PREPARE_OK, EXECUTE with parameters of every type (bytes as libmariadb and MySQL 9 send them), query attributes,
 * reuse of types, data sent in pieces; truncated at every length, mutated, out of memory.
 */
#include "test_wire.h"

#include <stdio.h>

enum { ATTRIBUTES = WIRE_CAP_QUERY_ATTRIBUTES, OPTIONAL = WIRE_CAP_OPTIONAL_RESULTSET_METADATA, MANY = 300 };

static void prepare_ok(void **state)
{
    (void)state;
    struct wire_prepared p = {0x01020304, 3, 2, 7}, q;
    const struct {
        uint32_t capabilities;
        bool with_metadata;
        size_t n;
    } forms[] = {{0, true, 12}, {0, false, 12}, {OPTIONAL, true, 13}, {OPTIONAL, false, 13}};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct buf b = {0};
        uint8_t seq = 1;
        wire_put_prepare_ok_optional(&b, &seq, forms[i].capabilities, &p, forms[i].with_metadata);
        assert_int_equal(b.len, forms[i].n + 4);
        assert_memory_equal(b.data + 1, "\0\0\1\0\4\3\2\1\3\0\2\0\0\7\0", 15);
        if (forms[i].n == 13) assert_int_equal(b.data[16], forms[i].with_metadata);
        for (size_t n = 0; n <= forms[i].n; n++) {
            struct str s = exact(b.data + 4, n);
            assert_int_equal(wire_get_prepare_ok(s, &q), n < 12 ? WIRE_MALFORMED : WIRE_OK);
            drop(s);
        }
        assert_true(q.id == p.id && q.columns == 3 && q.params == 2 && q.warnings == 7);
        buf_release(&b);
    }
    struct buf b = {0};
    uint8_t seq = 1;
    wire_put_prepare_ok(&b, &seq, &p);
    assert_int_equal(b.len, 16);
    buf_release(&b);
    assert_int_equal(wire_get_prepare_ok(STR("\1\1\1\1\1\1\1\1\1\1\1\1"), &q), WIRE_MALFORMED);
}

static void column_count(void **state)
{
    (void)state;
    const uint64_t counts[] = {0, 1, 250, 251, 4096, 65535};
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        for (int k = 0; k < 4; k++) {
            uint32_t caps = k & 1 ? (uint32_t)OPTIONAL : 0;
            struct buf b = {0};
            uint8_t seq = 1;
            uint64_t n;
            bool with;
            wire_put_column_count(&b, &seq, caps, counts[i], k & 2);
            struct str s = exact(b.data + 4, b.len - 4);
            assert_int_equal(wire_get_column_count(s, caps, &n, &with), WIRE_OK);
            assert_int_equal(n, counts[i]);
            assert_int_equal(with, !(k & 1) || k & 2);
            if (k & 1) assert_int_equal(wire_get_column_count(s, 0, &n, &with), WIRE_MALFORMED);
            drop(s);
            buf_release(&b);
        }
    uint64_t n;
    bool with;
    assert_int_equal(wire_get_column_count(STR("\1\2"), OPTIONAL, &n, &with), WIRE_MALFORMED);
    assert_int_equal(wire_get_column_count(STR("\1\1\1"), OPTIONAL, &n, &with), WIRE_MALFORMED);
    assert_int_equal(wire_get_column_count(STR("\xfb"), 0, &n, &with), WIRE_MALFORMED);
    assert_int_equal(wire_get_column_count(STR_NULL, 0, &n, &with), WIRE_MALFORMED);
}

/* ---- EXECUTE ---- */

static const struct execute {
    const char *name, *hex;
    uint32_t capabilities;
    uint16_t nparams, type; /* type of the last parameter, known before when `known` */
    bool known, fine, null;
    const char *value; /* of the last one, in hex */
} executes[] = {
    {"none", "05000000 00 01000000", 0, 0, 0, false, true, false, NULL},
    {"none, bytes behind", "05000000 00 01000000 00", 0, 0, 0, false, true, false, NULL},
    {"LONG", "05000000 00 01000000 00 01 0300 05000000", 0, 1, WIRE_TYPE_LONG, false, true, false, "05000000"},
    {"LONG unsigned", "05000000 01 01000000 00 01 0380 05000000", 0, 1, WIRE_TYPE_LONG | WIRE_PARAM_UNSIGNED, false, true, false,
     "05000000"},
    {"types of before", "05000000 00 01000000 00 00 05000000", 0, 1, WIRE_TYPE_LONG, true, true, false, "05000000"},
    {"types never bound", "05000000 00 01000000 00 00 05000000", 0, 1, 0, false, false, false, NULL},
    {"bound is 2", "05000000 00 01000000 00 02 0300 05000000", 0, 1, 0, false, false, false, NULL},
    {"NULL by its bit", "05000000 00 01000000 01 01 0300", 0, 1, WIRE_TYPE_LONG, false, true, true, NULL},
    {"NULL by its type", "05000000 00 01000000 00 01 0600", 0, 1, WIRE_TYPE_NULL, false, true, true, NULL},
    {"TINY", "05000000 00 01000000 00 01 0100 ff", 0, 1, WIRE_TYPE_TINY, false, true, false, "ff"},
    {"SHORT", "05000000 00 01000000 00 01 0200 ff00", 0, 1, WIRE_TYPE_SHORT, false, true, false, "ff00"},
    {"YEAR", "05000000 00 01000000 00 01 0d00 ff00", 0, 1, WIRE_TYPE_YEAR, false, true, false, "ff00"},
    {"INT24", "05000000 00 01000000 00 01 0900 ff000000", 0, 1, WIRE_TYPE_INT24, false, true, false, "ff000000"},
    {"FLOAT", "05000000 00 01000000 00 01 0400 0000803f", 0, 1, WIRE_TYPE_FLOAT, false, true, false, "0000803f"},
    {"DOUBLE", "05000000 00 01000000 00 01 0500 000000000000f03f", 0, 1, WIRE_TYPE_DOUBLE, false, true, false, "000000000000f03f"},
    {"LONGLONG", "05000000 00 01000000 00 01 0800 0100000000000080", 0, 1, WIRE_TYPE_LONGLONG, false, true, false, "0100000000000080"},
    {"DATE", "05000000 00 01000000 00 01 0a00 04 e8070101", 0, 1, WIRE_TYPE_DATE, false, true, false, "e8070101"},
    {"DATE of zeros", "05000000 00 01000000 00 01 0a00 00", 0, 1, WIRE_TYPE_DATE, false, true, false, ""},
    {"DATETIME", "05000000 00 01000000 00 01 0c00 07 e8070101010203", 0, 1, WIRE_TYPE_DATETIME, false, true, false, "e8070101010203"},
    {"TIMESTAMP(6)", "05000000 00 01000000 00 01 0700 0b e807010101020304000000", 0, 1, WIRE_TYPE_TIMESTAMP, false, true, false,
     "e807010101020304000000"},
    {"TIME", "05000000 00 01000000 00 01 0b00 08 0101000000020304", 0, 1, WIRE_TYPE_TIME, false, true, false, "0101000000020304"},
    {"TIME(6)", "05000000 00 01000000 00 01 0b00 0c 010100000002030405000000", 0, 1, WIRE_TYPE_TIME, false, true, false,
     "010100000002030405000000"},
    {"DATE of 5 bytes", "05000000 00 01000000 00 01 0a00 05 e807010101", 0, 1, 0, false, false, false, NULL},
    {"DATE of 8 bytes", "05000000 00 01000000 00 01 0a00 08 e807010101010101", 0, 1, 0, false, false, false, NULL},
    {"TIME of 7 bytes", "05000000 00 01000000 00 01 0b00 07 e8070101010203", 0, 1, 0, false, false, false, NULL},
    {"DATE of 251 bytes", "05000000 00 01000000 00 01 0a00 fb", 0, 1, 0, false, false, false, NULL},
    {"DATE of a long length", "05000000 00 01000000 00 01 0a00 fc0400 e8070101", 0, 1, 0, false, false, false, NULL},
    {"STRING", "05000000 00 01000000 00 01 fe00 03616263", 0, 1, WIRE_TYPE_STRING, false, true, false, "616263"},
    {"empty STRING", "05000000 00 01000000 00 01 fe00 00", 0, 1, WIRE_TYPE_STRING, false, true, false, ""},
    {"STRING of a long length", "05000000 00 01000000 00 01 fe00 fc0300616263", 0, 1, WIRE_TYPE_STRING, false, true, false, "616263"},
    {"STRING of 8 bytes' length", "05000000 00 01000000 00 01 fe00 fe0300000000000000616263", 0, 1, WIRE_TYPE_STRING, false, true, false,
     "616263"},
    {"STRING of 8 bytes' length, rubbish above", "05000000 00 01000000 00 01 fe00 fe0300000003000000616263", 0, 1, WIRE_TYPE_STRING, false,
     true, false, "616263"},
    {"STRING of 8 bytes' length, too long", "05000000 00 01000000 00 01 fe00 fe0400000000000000616263", 0, 1, 0, false, false, false, NULL},
    {"STRING of length NULL", "05000000 00 01000000 00 01 fe00 fb", 0, 1, 0, false, false, false, NULL},
    {"BIT", "05000000 00 01000000 00 01 1000 0205ff", 0, 1, WIRE_TYPE_BIT, false, true, false, "05ff"},
    {"GEOMETRY", "05000000 00 01000000 00 01 ff00 0205ff", 0, 1, WIRE_TYPE_GEOMETRY, false, true, false, "05ff"},
    {"JSON", "05000000 00 01000000 00 01 f500 027b7d", 0, 1, WIRE_TYPE_JSON, false, true, false, "7b7d"},
    {"NEWDECIMAL", "05000000 00 01000000 00 01 f600 03312e35", 0, 1, WIRE_TYPE_NEWDECIMAL, false, true, false, "312e35"},
    {"LONG_BLOB", "05000000 00 01000000 00 01 fb00 020001", 0, 1, WIRE_TYPE_LONG_BLOB, false, true, false, "0001"},
    {"ENUM", "05000000 00 01000000 00 01 f700 0161", 0, 1, WIRE_TYPE_ENUM, false, true, false, "61"},
    {"type 17", "05000000 00 01000000 00 01 1100 0161", 0, 1, 0, false, false, false, NULL},
    {"type 14", "05000000 00 01000000 00 01 0e00 0161", 0, 1, 0, false, false, false, NULL},
    {"flag 1 of a type", "05000000 00 01000000 00 01 fe01 0161", 0, 1, 0, false, false, false, NULL},
    {"9 parameters, the eighth NULL", "05000000 00 01000000 8000 01 010001000100010001000100010001000100 01020304050607 09", 0, 9,
     WIRE_TYPE_TINY, false, true, false, "09"},
    {"9 parameters, the ninth NULL", "05000000 00 01000000 0001 01 010001000100010001000100010001000100 0102030405060708", 0, 9,
     WIRE_TYPE_TINY, false, true, true, NULL},
    /* MySQL 9 with QUERY_ATTRIBUTES */
    {"count without the flag", "05000000 00 01000000 01 00 01 0300 00 05000000", ATTRIBUTES, 1, WIRE_TYPE_LONG, false, true, false,
     "05000000"},
    {"count and name", "05000000 08 01000000 01 00 01 0300 00 05000000", ATTRIBUTES, 1, WIRE_TYPE_LONG, false, true, false, "05000000"},
    {"count, types of before", "05000000 08 01000000 01 00 00 05000000", ATTRIBUTES, 1, WIRE_TYPE_LONG, true, true, false, "05000000"},
    {"an attribute", "05000000 08 01000000 02 00 01 0300 00 fd00 026e6d 05000000 03616263", ATTRIBUTES, 1, WIRE_TYPE_LONG, false, true,
     false, "05000000"},
    {"an attribute of NULL", "05000000 08 01000000 02 02 01 0300 00 fd00 026e6d 05000000", ATTRIBUTES, 1, WIRE_TYPE_LONG, false, true,
     false, "05000000"},
    {"an attribute, not bound", "05000000 08 01000000 02 00 00 05000000 03616263", ATTRIBUTES, 1, WIRE_TYPE_LONG, true, false, false, NULL},
    {"an attribute without a value", "05000000 08 01000000 02 00 01 0300 00 fd00 026e6d 05000000", ATTRIBUTES, 1, WIRE_TYPE_LONG, false,
     false, false, NULL},
    {"an attribute of an impossible type", "05000000 08 01000000 02 00 01 0300 00 6300 026e6d 05000000 01", ATTRIBUTES, 1, 0, false, false,
     false, NULL},
    {"count too small", "05000000 08 01000000 00", ATTRIBUTES, 1, 0, false, false, false, NULL},
    {"count far too large", "05000000 08 01000000 feffffffffffffffff 00 01 0300 00 05000000", ATTRIBUTES, 1, 0, false, false, false, NULL},
    {"count NULL", "05000000 08 01000000 fb 00 01 0300 00 05000000", ATTRIBUTES, 1, 0, false, false, false, NULL},
    {"no parameter, no flag", "05000000 00 01000000", ATTRIBUTES, 0, 0, false, true, false, NULL},
    {"no parameter, count 0", "05000000 08 01000000 00", ATTRIBUTES, 0, 0, false, true, false, NULL},
    {"no parameter, no count", "05000000 08 01000000", ATTRIBUTES, 0, 0, false, false, false, NULL},
    {"no parameter, an attribute", "05000000 08 01000000 01 00 01 fd00 026e6d 03616263", ATTRIBUTES, 0, 0, false, true, false, NULL},
    {"no parameter, an attribute not bound", "05000000 08 01000000 01 00 00 03616263", ATTRIBUTES, 0, 0, false, false, false, NULL},
    {"flag 8 without the capability", "05000000 08 01000000 00 01 0300 05000000", 0, 1, WIRE_TYPE_LONG, false, true, false, "05000000"},
};

static void every_execute(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(executes); i++) {
        const struct execute *e = &executes[i];
        struct str s = unhex(e->hex);
        for (size_t n = 0; n <= s.len; n++) { /* cut short: never fine but for what the server would not look at */
            struct str cut = exact(s.ptr, n);
            struct wire_execute x;
            struct wire_param params[9];
            uint16_t types[9];
            bool known = e->known;
            memset(params, 0, sizeof params);
            for (size_t k = 0; k < COUNT_OF(types); k++) types[k] = e->type;
            enum wire_status st = wire_get_execute(cut, e->capabilities, e->nparams, types, &known, &x, params);
            bool fine = e->fine && (n == s.len || (e->nparams == 0 && n >= 9 && !e->capabilities));
            if (st != (fine ? WIRE_OK : WIRE_MALFORMED) && !(e->nparams == 0 && n == 9)) fail_msg("%s: %zu bytes: %d", e->name, n, st);
            if (n >= 9) assert_true(x.id == 5 && x.iterations == 1);
            drop(cut);
            if (st != WIRE_OK || e->nparams == 0) continue;
            struct wire_param *last = &params[e->nparams - 1];
            assert_true(known);
            assert_int_equal(last->type, e->type);
            assert_int_equal(types[e->nparams - 1], e->type);
            assert_int_equal(last->null, e->null);
            if (e->null) assert_null(last->value.ptr);
            if (!e->value) continue;
            struct str want = unhex(e->value);
            assert_int_equal(last->value.len, want.len);
            /* the cut copy is gone: read the value again from the whole one */
            assert_int_equal(wire_get_execute(s, e->capabilities, e->nparams, types, &known, &x, params), WIRE_OK);
            assert_memory_equal(last->value.ptr, want.ptr, want.len);
            drop(want);
        }
        drop(s);
    }
    uint32_t id;
    assert_int_equal(wire_get_execute_id(STR("\1\2\3"), &id), WIRE_MALFORMED);
    assert_int_equal(wire_get_execute_id(STR_NULL, &id), WIRE_MALFORMED);
    assert_int_equal(wire_get_execute_id(STR("\1\2\3\4\5"), &id), WIRE_OK);
    assert_int_equal(id, 0x04030201);
}

/* Types stay known from one execute to the next, and a refused packet does not change them halfway. */
static void types_are_kept(void **state)
{
    (void)state;
    uint16_t types[2] = {0};
    bool known = false;
    struct wire_execute x;
    struct wire_param p[2] = {0};
    struct str first = unhex("05000000 00 01000000 00 01 01000200 07 0800"), again = unhex("05000000 00 01000000 00 00 09 0a00");
    struct str bad = unhex("05000000 00 01000000 00 01 03006300 07000000 08");
    assert_int_equal(wire_get_execute(again, 0, 2, types, &known, &x, p), WIRE_MALFORMED);
    assert_false(known);
    assert_int_equal(wire_get_execute(first, 0, 2, types, &known, &x, p), WIRE_OK);
    assert_true(known && types[0] == WIRE_TYPE_TINY && types[1] == WIRE_TYPE_SHORT);
    assert_int_equal(wire_get_execute(bad, 0, 2, types, &known, &x, p), WIRE_MALFORMED);
    assert_true(known && types[0] == WIRE_TYPE_TINY && types[1] == WIRE_TYPE_SHORT);
    assert_int_equal(wire_get_execute(again, 0, 2, types, &known, &x, p), WIRE_OK);
    assert_true(p[0].value.len == 1 && *p[0].value.ptr == 9 && p[1].value.len == 2 && *p[1].value.ptr == 10);
    drop(first);
    drop(again);
    drop(bad);
}

/* What came by COM_STMT_SEND_LONG_DATA has no bytes in the packet, and goes to the server as a string. */
static void long_data(void **state)
{
    (void)state;
    struct str s = unhex("05000000 00 01000000 02 01 0300fc000300 07000000 08000000");
    uint16_t types[3] = {0};
    bool known = false;
    struct wire_execute x;
    struct wire_param p[3] = {{.null = true}, {.long_data = true, .value = STR("pieces")}, {.null = true}};
    assert_int_equal(wire_get_execute(s, 0, 3, types, &known, &x, p), WIRE_OK); /* its NULL bit does not count, as in the servers */
    assert_true(!p[0].null && !p[1].null && !p[2].null);
    assert_true(*p[0].value.ptr == 7 && *p[2].value.ptr == 8);
    assert_str(p[1].value, "pieces");
    assert_int_equal(p[1].type, WIRE_TYPE_BLOB);
    struct buf b = {0};
    uint8_t seq = 0;
    wire_put_execute(&b, &seq, 9, 0, p, 3);
    struct str want = unhex("21000000 17 09000000 00 01000000 00 01 0300fc000300 07000000 06706965636573 08000000");
    assert_int_equal(b.len, want.len);
    assert_memory_equal(b.data, want.ptr, want.len);
    drop(want);
    buf_reset(&b);
    const uint16_t others[] = {WIRE_TYPE_LONG, WIRE_TYPE_NULL, WIRE_TYPE_DATE};
    for (size_t i = 0; i < COUNT_OF(others); i++) { /* of a type with a fixed size: as a string */
        p[1].type = others[i];
        seq = 0;
        buf_reset(&b);
        wire_put_execute(&b, &seq, 9, 0, p + 1, 1);
        want = unhex("15000000 17 09000000 00 01000000 00 01 fd00 06706965636573");
        assert_int_equal(b.len, want.len);
        assert_memory_equal(b.data, want.ptr, want.len);
        drop(want);
    }
    buf_release(&b);
    drop(s);
}

static const uint8_t some_types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 0, 242, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255};

/* A random value of a type, in `room`. */
static struct str random_value(uint8_t type, char room[400], uint64_t *seed)
{
    static const uint8_t dates[] = {0, 4, 7, 11}, times[] = {0, 8, 12};
    size_t n = 0;
    switch (type) {
    case WIRE_TYPE_TINY: n = 1; break;
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_YEAR: n = 2; break;
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_FLOAT: n = 4; break;
    case WIRE_TYPE_LONGLONG:
    case WIRE_TYPE_DOUBLE: n = 8; break;
    case WIRE_TYPE_DATE:
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP: n = dates[rnd(seed) % 4]; break;
    case WIRE_TYPE_TIME: n = times[rnd(seed) % 3]; break;
    default: n = rnd(seed) % 2 ? rnd(seed) % 10 : 245 + rnd(seed) % 12; break;
    }
    for (size_t i = 0; i < n; i++) room[i] = (char)rnd(seed);
    return str_make(room, n);
}

static void execute_round_trips(void **state)
{
    (void)state;
    static char rooms[MANY][400];
    static struct wire_param in[MANY], out[MANY];
    uint16_t types[MANY];
    uint64_t seed = 3;
    for (int round = 0; round < 400; round++) {
        uint16_t n = round < 40 ? (uint16_t)round : (uint16_t)(rnd(&seed) % MANY);
        memset(in, 0, sizeof in);
        memset(out, 0, sizeof out);
        for (uint16_t i = 0; i < n; i++) {
            in[i].type = some_types[rnd(&seed) % COUNT_OF(some_types)];
            if (rnd(&seed) % 2) in[i].type |= WIRE_PARAM_UNSIGNED;
            in[i].null = rnd(&seed) % 4 == 0 || (uint8_t)in[i].type == WIRE_TYPE_NULL;
            if (!in[i].null) in[i].value = random_value((uint8_t)in[i].type, rooms[i], &seed);
        }
        struct buf b = {0};
        uint8_t seq = 0;
        wire_put_execute(&b, &seq, (uint32_t)round, WIRE_CURSOR_READ_ONLY | WIRE_PARAMETER_COUNT_AVAILABLE, in, n);
        assert_false(b.failed);
        assert_int_equal(b.data[4], WIRE_COM_STMT_EXECUTE);
        struct str s = exact(b.data + 5, b.len - 5);
        struct wire_execute x;
        bool known = false;
        assert_int_equal(wire_get_execute(s, 0, n, types, &known, &x, out), WIRE_OK);
        assert_true(x.id == (uint32_t)round && x.flags == WIRE_CURSOR_READ_ONLY && x.iterations == 1 && known == (n > 0));
        for (uint16_t i = 0; i < n; i++) {
            assert_true(types[i] == in[i].type && out[i].type == in[i].type && out[i].null == in[i].null);
            assert_true(in[i].null || str_eq(in[i].value, out[i].value));
        }
        for (size_t cut = 0; n && round < 60 && cut < s.len; cut++) {
            struct str c = exact(s.ptr, cut);
            known = false;
            assert_int_equal(wire_get_execute(c, 0, n, types, &known, &x, out), WIRE_MALFORMED);
            drop(c);
        }
        drop(s);
        buf_release(&b);
    }
}

/* Whatever the bytes are: views stay inside, and what is taken can be sent on and read again. */
static void mutated(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (size_t i = 0; i < COUNT_OF(executes); i++) {
        struct str s = unhex(executes[i].hex);
        for (int round = 0; round < 2000; round++) {
            struct str bad = exact(s.ptr, s.len);
            char *p = (char *)(uintptr_t)bad.ptr;
            for (uint32_t k = 1 + rnd(&seed) % 4; k; k--) p[rnd(&seed) % bad.len] = (char)(rnd(&seed) % 2 ? rnd(&seed) : rnd(&seed) % 4);
            uint16_t types[9] = {3, 8, 254, 10, 11, 12, 1, 2, 5}, again[9];
            struct wire_param params[9] = {0}, back[9] = {0};
            struct wire_execute x, y;
            bool known = rnd(&seed) % 2, yes = false;
            uint32_t caps = rnd(&seed) % 2 ? (uint32_t)ATTRIBUTES : 0;
            uint16_t n = (uint16_t)(rnd(&seed) % 10);
            struct str text;
            if (wire_get_query(bad, caps, &text) == WIRE_OK && text.len) assert_true(text.ptr >= bad.ptr && text.ptr + text.len <= bad.ptr + bad.len);
            if (wire_get_execute(bad, caps, n, types, &known, &x, params) == WIRE_OK) {
                struct buf b = {0};
                uint8_t seq = 0;
                wire_put_execute(&b, &seq, x.id, x.flags, params, n);
                assert_false(b.failed);
                assert_int_equal(wire_get_execute(str_make(b.data + 5, b.len - 5), 0, n, again, &yes, &y, back), WIRE_OK);
                for (uint16_t k = 0; k < n; k++) assert_true(params[k].null == back[k].null && str_eq(params[k].value, back[k].value));
                buf_release(&b);
            }
            drop(bad);
        }
        drop(s);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct buf b = {0};
    uint8_t seq = 4;
    const struct wire_param bad[] = {{.type = WIRE_TYPE_LONG, .value = STR("123")},       {.type = WIRE_TYPE_DATE, .value = STR("12345")},
                                     {.type = WIRE_TYPE_TIME, .value = STR("1234")},      {.type = 17, .value = STR("x")},
                                     {.type = WIRE_TYPE_LONGLONG, .value = STR("")}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        buf_reset(&b);
        buf_putz(&b, "before");
        wire_put_execute(&b, &seq, 1, 0, &bad[i], 1);
        assert_true(b.failed && b.len == 6 && seq == 4);
    }
    buf_release(&b);
    struct wire_param p = {.type = WIRE_TYPE_STRING, .value = STR("a longer string, to need more than the first 64 bytes of a buffer there")};
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct buf c = {0};
        mem_fail_at(nth);
        buf_putz(&c, "x");
        wire_put_execute(&c, &seq, 1, 0, &p, 1);
        mem_fail_at(0);
        failed = c.failed;
        assert_int_equal(seq, failed ? 4 : 5);
        if (failed) assert_true(c.len <= 1);
        buf_release(&c);
    }
}

/* 16 MB and more: split, joined, read. */
static void huge_parameter(void **state)
{
    (void)state;
    size_t n = (1u << 24) + 5;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, 'b', n);
    struct wire_param p = {.type = WIRE_TYPE_LONG_BLOB, .value = str_make(big, n)}, q = {0};
    struct buf b = {0};
    uint8_t seq = 0;
    wire_put_execute(&b, &seq, 1, 0, &p, 1);
    assert_int_equal(seq, 2);
    struct wire_gather g = {0};
    struct str payload;
    size_t used;
    assert_int_equal(wire_gather_next(&g, b.data, b.len, &used, &payload), WIRE_OK);
    uint16_t type;
    bool known = false;
    struct wire_execute x;
    assert_int_equal(wire_get_execute(str_make(payload.ptr + 1, payload.len - 1), 0, 1, &type, &known, &x, &q), WIRE_OK);
    assert_true(str_eq(p.value, q.value));
    wire_gather_release(&g);
    buf_release(&b);
    free(big);
}

/* ---- COM_QUERY with attributes ---- */

static void query_attributes(void **state)
{
    (void)state;
    const struct {
        const char *hex;
        bool fine;
    } cases[] = {
        {"00 01 53514c", true},
        {"00 01", true},
        {"01 01 00 01 fd00 026e6d 0376616c 53514c", true},
        {"01 01 01 01 fd00 026e6d 53514c", true},
        {"01 01 00 01 0380 026e6d 01000000 53514c", true},
        {"02 01 00 01 0380 026e6d 0a00 016f 01000000 04e8070101 53514c", true},
        {"00 00 53514c", false},
        {"00 02 53514c", false},
        {"01 01 00 00 53514c", false},
        {"01 01 00 01 6300 026e6d 01000000 53514c", false},
        {"feffffffffffffffff 01 00 01", false},
        {"fb 01 00 01", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str s = unhex(cases[i].hex), text;
        size_t want = cases[i].fine && s.len > 2 ? 3 : 0;
        for (size_t n = 0; n <= s.len; n++) {
            struct str cut = exact(s.ptr, n);
            enum wire_status st = wire_get_query(cut, ATTRIBUTES, &text);
            assert_int_equal(st, cases[i].fine && n + want >= s.len ? WIRE_OK : WIRE_MALFORMED);
            if (st == WIRE_OK && n == s.len && want) assert_str(text, "SQL");
            assert_int_equal(wire_get_query(cut, 0, &text), WIRE_OK);
            assert_true(text.ptr == cut.ptr && text.len == n);
            drop(cut);
        }
        drop(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepare_ok),     cmocka_unit_test(column_count),
        cmocka_unit_test(every_execute),  cmocka_unit_test(types_are_kept),
        cmocka_unit_test(long_data),      cmocka_unit_test(execute_round_trips),
        cmocka_unit_test(mutated),        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(huge_parameter), cmocka_unit_test(query_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
