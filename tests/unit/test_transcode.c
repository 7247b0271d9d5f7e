/*
 * test_transcode.c - a text reply on its way to a client that executed: rows become binary ones, whatever the pieces are; describing keeps the
 * definitions and lets nothing out; what cannot be turned ends the connection, never in a wrong row.
 */
#include "fake_client.h"

#include "proxy/exec/transcode.h"

static const char spec[] = "ROWS i:3,b:8,d:5,t:253|1,-5,1.5,x|NULL,NULL,NULL,NULL|-7,9223372036854775807,-0.25,";

/* A reply as the session makes it. */
static struct fb reply(const struct fk_client *c, const char *words)
{
    struct fb out = {0};
    struct fk_link k = {.caps = c->caps};
    uint8_t seq = 1;
    if (strncmp(words, "ROWS", 4) == 0) fk_put_rows(&out, &seq, &k, words, strlen(words), WIRE_STATUS_AUTOCOMMIT);
    else if (strncmp(words, "MANY", 4) == 0) fk_put_many(&out, &seq, &k, 40, 500, WIRE_STATUS_AUTOCOMMIT);
    else if (strncmp(words, "OK", 2) == 0) fk_put_ok(&out, &seq, 0, 3, 0, WIRE_STATUS_AUTOCOMMIT, 0, "");
    else fk_put_err(&out, &seq, 1105, "HY000", "no");
    return out;
}

static struct front *front_of(struct fk_client *c)
{
    return &((struct session *)c->l->link.owner)->f;
}

static void in_pieces(void **state)
{
    (void)state;
    static const char *const words[] = {spec, "OK", "ERR", "MANY", "ROWS v:3"};
    static const char *const want[] = {"ROWS i,b,d,t|1,-5,1.5,x|NULL,NULL,NULL,NULL|-7,9223372036854775807,-0.25, END", "OK 3", "ERR 1105 HY000 no", "ROWS v|xx", "ROWS v END"};
    for (int old = 0; old < 2; old++) {
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            for (size_t chunk = 1; chunk < 300; chunk = chunk < 20 ? chunk + 1 : chunk * 3) {
                struct fk *w = fk_new(NULL);
                struct fk_client *c = fk_client_caps(w, old ? FK_CAPS_OLD : FK_CAPS);
                struct fb b = reply(c, words[i]);
                assert_true(transcode_begin(front_of(c), false));
                for (size_t at = 0; at < b.n; at += chunk) {
                    size_t n = b.n - at < chunk ? b.n - at : chunk;
                    char *exact = malloc(n);
                    assert_non_null(exact);
                    memcpy(exact, b.p + at, n);
                    transcode_feed(front_of(c), exact, n);
                    free(exact);
                }
                transcode_end(front_of(c));
                assert_false(front_of(c)->broken);
                c->command = WIRE_COM_STMT_EXECUTE;
                c->reply_seq = 1;
                assert_has(fk_reply(c), want[i]);
                fb_free(&b);
                fk_leave(c);
                fk_free(w);
            }
        }
    }
}

static void describing(void **state)
{
    (void)state;
    struct fk *w = fk_new(NULL);
    struct fk_client *c = fk_client(w);
    struct fb b = reply(c, spec), e = reply(c, "ERR");
    struct front *f = front_of(c);
    assert_true(transcode_begin(f, true));
    transcode_feed(f, b.p, b.n);
    assert_int_equal(f->transcode->ncolumns, 4);
    assert_false(f->transcode->failed);
    struct wire_reader r = wire_read(f->transcode->definitions.data, f->transcode->definitions.len);
    for (int i = 0; i < 4; i++) {
        struct wire_column col;
        assert_int_equal(wire_get_column(wire_get_bytes(&r, (size_t)wire_get_uint(&r, 4)), &col), WIRE_OK);
        assert_int_equal(col.name.ptr[0], "ibdt"[i]);
    }
    assert_int_equal(wire_left(&r), 0);
    transcode_end(f);
    assert_true(transcode_begin(f, true));
    transcode_feed(f, e.p, e.n);
    assert_true(f->transcode->failed);
    assert_int_equal(f->transcode->fault.code, 1105);
    transcode_end(f);
    transcode_end(f); /* again: nothing */
    assert_text(fk_reply(c), "");
    fb_free(&b);
    fb_free(&e);
    fk_leave(c);
    fk_free(w);
}

/* Values that are not of their type, rows that are too short, counts that cannot be. */
static void what_cannot_be_turned(void **state)
{
    (void)state;
    static const char *const bad[] = {"ROWS i:3|x", "ROWS i:3|99999999999", "ROWS a:253,b:253|1", "ROWS a:253|1,2", "ROWS d:12|rubbish"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        struct fb b = reply(c, bad[i]);
        assert_true(transcode_begin(front_of(c), false));
        transcode_feed(front_of(c), b.p, b.n);
        assert_true(front_of(c)->transcode->over);
        assert_true(front_of(c)->broken); /* the connection ends with the command */
        size_t sent = c->l->got.n;
        transcode_feed(front_of(c), b.p, b.n);
        assert_int_equal(c->l->got.n, sent); /* nothing more goes out */
        transcode_end(front_of(c));
        fb_free(&b);
        fk_leave(c);
        fk_free(w);
    }
    static const char counts[][16] = {"\xfe\0\0\0\0\1\0\0\0\0\0\0", "\xfd\xff\xff\xff", "\xfc\1\x20"};
    static const size_t lengths[] = {9, 4, 3};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        struct fb b = {0};
        uint8_t seq = 1;
        fb_packet(&b, &seq, counts[i], lengths[i]);
        assert_true(transcode_begin(front_of(c), false));
        transcode_feed(front_of(c), b.p, b.n);
        assert_true(front_of(c)->broken);
        transcode_end(front_of(c));
        fb_free(&b);
        fk_leave(c);
        fk_free(w);
    }
}

/* Every allocation fails in turn: the whole reply, or a connection that ends. */
static void no_memory(void **state)
{
    (void)state;
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        assert_true(n < 100);
        struct fk *w = fk_new(NULL);
        struct fk_client *c = fk_client(w);
        struct fb b = reply(c, spec);
        mem_fail_at(n);
        bool begun = transcode_begin(front_of(c), false);
        for (size_t at = 0; begun && at < b.n; at += 50) transcode_feed(front_of(c), b.p + at, b.n - at < 50 ? b.n - at : 50);
        mem_fail_at(0);
        transcode_end(front_of(c));
        c->command = WIRE_COM_STMT_EXECUTE;
        c->reply_seq = 1;
        whole = begun && !front_of(c)->broken;
        if (whole) assert_has(fk_reply(c), "-0.25, END");
        fb_free(&b);
        fk_leave(c);
        fk_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(describing),
        cmocka_unit_test(what_cannot_be_turned),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
