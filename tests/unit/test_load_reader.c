/*
 * test_load_reader.c - the text format of LOAD DATA: what a record is, where its fields are, what they hold. Each case is fed whole and one byte at
 * a time; both must agree. What MariaDB itself makes of such files is compared in tests/integration/test_load.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/load/load.h"

enum { FIELDS = 4 };
static const uint32_t all[FIELDS] = {0, 1, 2, 3};

static struct load_format format(const char *fields, const char *lines, const char *starting, int enclosed, int escaped, uint32_t n)
{
    return (struct load_format){.fields_terminated = str_of(fields), .lines_terminated = str_of(lines), .lines_starting = str_of(starting),
                                .enclosed = enclosed, .escaped = escaped, .charset = LOAD_CS_UTF8, .nfields = n};
}

static void show(struct load_reader *r, const struct load_record *rec, uint32_t n, struct buf *out)
{
    struct arena a;
    arena_init(&a, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct str v;
        if (i) buf_putz(out, "|");
        switch (load_value(r, rec, i, &a, &v)) {
        case LOAD_TEXT: buf_put_str(out, v); break;
        case LOAD_NULL: buf_putz(out, "<null>"); break;
        case LOAD_MISSING: buf_putz(out, "<missing>"); break;
        case LOAD_VALUE_NOMEM: fail();
        }
    }
    buf_putz(out, rec->terminated ? ";" : ".");
    arena_release(&a);
}

static void read_all(const struct load_format *f, struct str file, size_t piece, struct buf *out, struct buf *raw)
{
    struct load_reader *r = load_reader_new(f, all, f->nfields);
    struct load_record rec;
    size_t at = 0;
    assert_non_null(r);
    for (;;) {
        switch (load_next(r, &rec)) {
        case LOAD_RECORD:
            show(r, &rec, f->nfields, out);
            if (raw) buf_put_str(raw, rec.raw);
            continue;
        case LOAD_MORE:
            if (at == file.len) {
                load_feed_end(r);
            } else {
                size_t n = piece && piece < file.len - at ? piece : file.len - at;
                char *copy = malloc(n); /* its end is guarded */
                memcpy(copy, file.ptr + at, n);
                load_feed(r, copy, n);
                free(copy);
                at += n;
            }
            continue;
        case LOAD_END: buf_putz(out, "end"); break;
        case LOAD_TOO_LONG: buf_printf(out, "too long at %llu", (unsigned long long)load_number(r)); break;
        case LOAD_BROKEN: buf_printf(out, "broken at %llu", (unsigned long long)load_number(r)); break;
        case LOAD_NOMEM: buf_putz(out, "no memory"); break;
        }
        break;
    }
    load_reader_free(r);
}

static void check(const struct load_format *f, struct str file, const char *want)
{
    assert_null(load_format_check(f));
    for (size_t piece = 0; piece < 4; piece++) {
        struct buf out = {0};
        read_all(f, file, piece, &out, NULL);
        buf_put_u8(&out, 0);
        assert_string_equal(out.data, want);
        buf_release(&out);
    }
}
#define CHECK(f, file, want) check(&(f), STR(file), want)

static void plain(void **state)
{
    (void)state;
    struct load_format f = format("\t", "\n", "", -1, '\\', 2);
    CHECK(f, "", "end");
    CHECK(f, "a\tb\n", "a|b;end");
    CHECK(f, "a\tb\nc\td", "a|b;c|d.end");
    CHECK(f, "a\tb\tmore\tand more\nc\td\n", "a|b;c|d;end");
    CHECK(f, "a\n\nc\td\n", "a|<missing>;|<missing>;c|d;end");
    CHECK(f, "a\t", "a|<missing>.end");
    CHECK(f, "a\t\n", "a|;end");
    CHECK(f, "a\tb\r\n", "a|b\r;end");
}

static void escapes(void **state)
{
    (void)state;
    struct load_format f = format("\t", "\n", "", -1, '\\', 2);
    CHECK(f, "a\\\tb\tc\\\nd\n", "a\tb|c\nd;end");
    CHECK(f, "\\N\t\\Nx\n", "<null>|Nx;end");
    CHECK(f, "\\n\\t\\r\\b\\Z\\q\t\\\\N\n", "\n\t\r\b\032q|\\N;end");
    CHECK(f, "a\tb\\", "a|b\\.end");
    CHECK(f, "a\tb\tc\\\nd\nx\ty\n", "a|b;x|y;end"); /* also behind the last field */
    CHECK(f, "NULL\t\n", "NULL|;end");
    struct load_format none = format(",", "\n", "", -1, -1, 2);
    CHECK(none, "a\\,b\n", "a\\|b;end");
}

static void enclosures(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "", '"', '\\', 2);
    CHECK(f, "\"a,b\",\"c\nd\"\n", "a,b|c\nd;end");
    CHECK(f, "\"a\"\"b\",\"c\\\"d\"\n", "a\"b|c\"d;end");
    CHECK(f, "\"a\"x,b\n\"y\",z\n", "a\"x,b\n\"y|z;end"); /* an enclosure ends a field only before a terminator */
    CHECK(f, "a\"b\",c\n", "a\"b\"|c;end");
    CHECK(f, "\"never,closed\nx", "\"never,closed\nx|<missing>.end");
    CHECK(f, "NULL,\"NULL\"\n", "<null>|NULL;end");
    CHECK(f, "a,b,\"c\nd\"\ne,f\n", "a|b;d\"|<missing>;e|f;end"); /* behind the last field they mean nothing */
    CHECK(f, "\"\",\"\"", "|.end");
    struct load_format doubled = format(",", "\n", "", '"', '"', 2);
    CHECK(doubled, "\"a\"\"b\",\"\\n\"\n", "a\"b|\\n;end");
    CHECK(doubled, "a,\"b\"", "a|\"b\".end"); /* at the end of the file the enclosure is taken for an escape, and stays */
}

static void terminators(void **state)
{
    (void)state;
    struct load_format f = format("||", "|\n", "", -1, '\\', 2);
    CHECK(f, "a|b||c|\nd||e|\n", "a|b|c;d|e;end");
    CHECK(f, "a|||b|\n", "a||b;end");
    struct load_format aab = format("aab", "EOL", "", -1, '\\', 2);
    CHECK(aab, "xaaabyEOEOL", "xa|yEO;end");
    struct load_format wide = format("\xc2\xa7", "\xef\xbc\x9b", "", -1, '\\', 2);
    CHECK(wide, "\xc2\xa6\xc2\xa7\xef\xbc\x8c\xef\xbc\x9b", "\xc2\xa6|\xef\xbc\x8c;end");
    struct load_format crlf = format(",", "\r\n", "", '"', '\\', 2);
    CHECK(crlf, "a,b\r\nc\n,d\r\r\n", "a|b;c\n|d\r;end");
}

static void starting(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "xxx", -1, '\\', 2);
    CHECK(f, "xxxabc,1\nsomething xxxdef,2\n\"ghi\",3\n", "abc|1;def|2;end");
    CHECK(f, "xxxxa,1\nxxx", "xa|1;end");
    CHECK(f, "nothing\n", "end");
    struct buf out = {0}, raw = {0};
    read_all(&f, STR("junk xxxa,1\nmore\njunk xxxb,2,rest\n"), 1, &out, &raw);
    assert_true(str_eq(buf_str(&raw), STR("xxxa,1\nxxxb,2,rest\n"))); /* what stands before the start is not handed on */
    buf_release(&out);
    buf_release(&raw);
}

static void ignored_lines(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "", '"', '\\', 2);
    f.ignore_lines = 1;
    CHECK(f, "h1,\"h\n2\"\na,b\n", "2\"|<missing>;a|b;end"); /* enclosures mean nothing there */
    CHECK(f, "h1,h\\\n2\na,b\n", "a|b;end");
    CHECK(f, "h1,h2", "end");
    f.ignore_lines = 9;
    CHECK(f, "a,b\na,b\n", "end");
}

static void nul_bytes(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "", -1, '\\', 2);
    struct buf out = {0}, raw = {0};
    read_all(&f, STR("a\0b,\\0\n"), 1, &out, &raw);
    assert_true(str_eq(buf_str(&out), STR("a\0b|\0;end")));
    assert_true(str_eq(buf_str(&raw), STR("a\0b,\\0\n")));
    buf_release(&out);
    buf_release(&raw);
}

static void broken_characters(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "", -1, '\\', 2);
    CHECK(f, "a,b\n\xe4,x\n", "a|b;broken at 2");
    CHECK(f, "\xe4xy,b\n", "\xe4xy|b;end"); /* nothing near it that could be misread */
    CHECK(f, "\xff,b\n", "\xff|b;end");
    f.charset = LOAD_CS_SINGLE;
    CHECK(f, "\xe4,x\n", "\xe4|x;end");
    f.charset = LOAD_CS_EUC;
    CHECK(f, "\xa1\xa1,\xb0\n", "broken at 1");
}

static void too_long(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "", '"', '\\', 2);
    f.max_record = 8;
    CHECK(f, "a,b\nc,dddddddddddddddd\n", "a|b;too long at 2");
}

static void refused(void **state)
{
    (void)state;
    struct load_format f = format("", "\n", "", -1, '\\', 2);
    assert_non_null(strstr(load_format_check(&f), "fixed-size"));
    f = format(",", "", "", -1, '\\', 2);
    assert_non_null(strstr(load_format_check(&f), "LINES TERMINATED BY ''"));
    f = format(",", ",", "", -1, '\\', 2);
    assert_non_null(load_format_check(&f));
    f = format(",", "\n", "", -1, '\\', 2);
    f.charset = load_charset_of(STR("GBK"));
    assert_non_null(strstr(load_format_check(&f), "character set"));
    f = format(",", "\xc3", "", -1, '\\', 2);
    assert_non_null(load_format_check(&f));
}

/* Records put together in another order are the same records: that is what a split relies on. */
static void records_stand_alone(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", ">", '"', '\\', 2);
    static const char file[] = "x>a,b\n>\"c\nd\",e,more\n junk>f\n>g,\"h\"\"i\"";
    struct load_reader *r = load_reader_new(&f, all, 2);
    struct load_record rec;
    struct buf out = {0};
    load_feed(r, file, sizeof file - 1);
    load_feed_end(r);
    while (load_next(r, &rec) == LOAD_RECORD) {
        struct buf again = {0};
        read_all(&f, rec.raw, 1, &again, NULL);
        buf_put(&out, again.data, again.len - 3);
        buf_release(&again);
    }
    load_reader_free(r);
    assert_true(str_eq(buf_str(&out), STR("a|b;c\nd|e;f|<missing>;g|h\"i.")));
    buf_release(&out);
}

static void field_places(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", ">", '"', '\\', 3);
    static const uint32_t second = 1;
    struct load_reader *r = load_reader_new(&f, &second, 1);
    struct load_record rec;
    struct load_field fl;
    load_feed(r, ">a,\"b\",c\n>x\n>mor", 16);
    assert_int_equal(load_next(r, &rec), LOAD_RECORD);
    assert_int_equal(rec.body, 1);
    assert_int_equal(rec.number, 1);
    assert_true(load_field(r, 0, &fl));
    assert_true(str_eq(str_make(rec.raw.ptr + fl.begin, fl.end - fl.begin), STR("\"b\"")));
    assert_int_equal(load_next(r, &rec), LOAD_RECORD);
    assert_int_equal(rec.nfields, 1);
    assert_false(load_field(r, 0, &fl));
    load_feed(r, "e\n", 2); /* the record given last moves, and is still there */
    load_refresh(r, &rec);
    assert_true(str_eq(rec.raw, STR(">x\n")));
    load_reader_free(r);
}

static void memory_fails(void **state)
{
    (void)state;
    struct load_format f = format(",", "\n", "", '"', '\\', 2);
    for (uint64_t n = 1; n < 3; n++) {
        mem_fail_at(n);
        struct load_reader *r = load_reader_new(&f, all, 2);
        if (r) {
            struct load_record rec;
            load_feed(r, "a,b\n", 4);
            assert_int_equal(load_next(r, &rec), LOAD_NOMEM);
            assert_int_equal(load_next(r, &rec), LOAD_NOMEM);
        }
        mem_fail_at(0);
        load_reader_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain),        cmocka_unit_test(escapes),    cmocka_unit_test(enclosures), cmocka_unit_test(terminators),
                                       cmocka_unit_test(starting),     cmocka_unit_test(ignored_lines), cmocka_unit_test(nul_bytes),
                                       cmocka_unit_test(broken_characters), cmocka_unit_test(too_long), cmocka_unit_test(refused),
                                       cmocka_unit_test(records_stand_alone), cmocka_unit_test(field_places), cmocka_unit_test(memory_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
