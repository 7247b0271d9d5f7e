/* result.c - result sets that Weir makes itself: columns are utf8mb3 text, as SHOW gives them, or numbers (BIGINT UNSIGNED) where `numbers` has
 * their bit. */
#include "proxy/session/session.h"

void result_begin(struct result *r, struct front *f, const char *const *names, uint32_t n)
{
    result_begin_typed(r, f, names, n, 0);
}

void result_begin_typed(struct result *r, struct front *f, const char *const *names, uint32_t n, uint64_t numbers)
{
    *r = (struct result){.f = f, .ncolumns = n};
    size_t at = wire_begin(&r->out);
    wire_put_lenenc(&r->out, n);
    wire_end(&r->out, at, &f->seq);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_column c = {.catalog = STR("def"), .name = str_of(names[i]), .collation = 33, .length = 1024, .type = WIRE_TYPE_VAR_STRING};
        if (numbers >> i & 1) {
            c.collation = 63;
            c.length = 21;
            c.type = WIRE_TYPE_LONGLONG;
            c.flags = WIRE_COLUMN_UNSIGNED | WIRE_COLUMN_BINARY | WIRE_COLUMN_NOT_NULL;
        }
        wire_put_column(&r->out, &f->seq, &c);
    }
    if (!(f->capabilities & WIRE_CAP_DEPRECATE_EOF)) wire_put_eof(&r->out, &f->seq, front_status(f), 0);
    r->row = SIZE_MAX;
}

static void close_row(struct result *r)
{
    if (r->row != SIZE_MAX) wire_end(&r->out, r->row, &r->f->seq);
    r->row = SIZE_MAX;
}

void result_row(struct result *r)
{
    close_row(r);
    r->row = wire_begin(&r->out);
}

void result_text(struct result *r, struct str v)
{
    wire_put_text_field(&r->out, v);
}

void result_z(struct result *r, const char *z)
{
    result_text(r, str_of(z));
}

void result_u64(struct result *r, uint64_t v)
{
    struct buf t = {0};
    buf_put_dec(&t, v);
    result_text(r, buf_str(&t));
    buf_release(&t);
}

void result_end(struct result *r)
{
    close_row(r);
    if (UNLIKELY(r->f->capabilities & WIRE_CAP_SESSION_TRACK)) r->f->ops->track(r->f, NULL, true, front_txn_open(r->f));
    front_put_end(r->f, &r->out, front_status(r->f), 0);
    if (r->out.failed) front_err(r->f, WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory"));
    else front_send(r->f, r->out.data, r->out.len);
    buf_release(&r->out);
}
