/*
 * translate.c - binary rows of a leg whose columns have other types than the reference leg's.
 *
 * In the text protocol a value is its text, and an INT of one server beside a BIGINT of another does no harm.
 * In the binary protocol the client reads all rows by one leg's definitions, so such a row is rewritten:
 * value by value, where both columns can hold it. What does not fit is a fault that names the column; it is
 * never cut or read as something else. Servers of one version with the same tables do not come here.
 */
#include "proxy/merge/room.h"

enum layout { LAY_INT, LAY_REAL, LAY_DATETIME, LAY_TIME, LAY_LONG, LAY_NULL };

static enum layout layout_of(uint8_t type)
{
    switch (type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_YEAR:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONGLONG: return LAY_INT;
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE: return LAY_REAL;
    case WIRE_TYPE_DATE:
    case WIRE_TYPE_NEWDATE:
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP: return LAY_DATETIME;
    case WIRE_TYPE_TIME: return LAY_TIME;
    case WIRE_TYPE_NULL: return LAY_NULL;
    default: return LAY_LONG;
    }
}

static bool is_date(uint8_t type)
{
    return type == WIRE_TYPE_DATE || type == WIRE_TYPE_NEWDATE;
}

static struct shape shape_of(const struct wire_column *c)
{
    return (struct shape){c->type, c->decimals, c->flags & WIRE_COLUMN_UNSIGNED};
}

/* Can bytes of a value of `from` stand for `to` as they are? */
static bool is_alike(struct shape from, struct shape to)
{
    enum layout a = layout_of(from.type);
    if (a != layout_of(to.type)) return false;
    switch (a) {
    case LAY_INT: return row_width(from.type) == row_width(to.type) && from.is_unsigned == to.is_unsigned;
    case LAY_REAL: return from.type == to.type;
    case LAY_DATETIME: return is_date(from.type) == is_date(to.type);
    case LAY_TIME:
    case LAY_LONG:
    case LAY_NULL: return true;
    }
    return false;
}

bool translate_check(struct merge *m, struct leg *l)
{
    for (uint32_t i = 0; i < m->ncols; i++)
        if (!is_alike(l->shapes[i], shape_of(&m->columns[i]))) l->translated = true;
    if (!l->translated) return true;
    l->widths = merge_array(m, uint8_t, m->ncols);
    if (!l->widths) return false;
    for (uint32_t i = 0; i < m->ncols; i++) l->widths[i] = row_width(l->shapes[i].type);
    return true;
}

/* ---- values ---- */

static bool put_real(struct buf *out, double v, struct shape to)
{
    if (to.type == WIRE_TYPE_DOUBLE) {
        buf_put(out, &v, sizeof v);
        return true;
    }
    float f = (float)v;
    buf_put(out, &f, sizeof f);
    return (double)f == v;
}

/* The value as `to` has it, behind out->len; without a length. */
static bool put_as(struct buf *out, struct str value, struct shape from, struct shape to)
{
    enum layout a = layout_of(from.type), b = layout_of(to.type);
    if (b == LAY_NULL) return false;
    if (a == LAY_INT && b == LAY_INT) {
        uint64_t v;
        enum key_class cls = from.is_unsigned ? KEY_UINT : KEY_INT;
        return value_int(true, cls, value, &v) &&
               value_put_int(out, cls, v, row_width(to.type), to.is_unsigned);
    }
    if (a == LAY_REAL && b == LAY_REAL) {
        double v;
        return value_double(true, value, &v) && put_real(out, v, to);
    }
    if (a == LAY_DATETIME && b == LAY_DATETIME) {
        buf_put_str(out, value);
        return !is_date(to.type) || value.len <= 4;
    }
    size_t at = out->len;
    wire_binary_to_text(from.type, from.is_unsigned, from.decimals, value, out);
    if (b == LAY_LONG || out->failed) return true;
    /* By text: copied aside, since `out` may move while it is written to. */
    char text[128];
    size_t n = out->len - at;
    if (n > sizeof text) return false;
    memcpy(text, out->data + at, n);
    out->len = at;
    return wire_text_to_binary(to.type, to.is_unsigned, str_make(text, n), out);
}

static bool put_value(struct merge *m, struct leg *l, uint32_t i, struct str value)
{
    struct buf *out = &m->row;
    struct shape to = shape_of(&m->columns[i]);
    char room[256];
    struct buf made = {.data = room, .cap = sizeof room, .max = sizeof room};
    bool ok = true;
    if (!is_alike(l->shapes[i], to)) {
        ok = layout_of(l->shapes[i].type) != LAY_LONG || value.len <= sizeof room;
        ok = ok && put_as(&made, value, l->shapes[i], to) && !made.failed;
        value = buf_str(&made);
    }
    if (!ok)
        return merge_fail(
            m, WIRE_ER_UNKNOWN_ERROR,
            "the shards disagree about the type of column %u, and a value of one does not fit into "
            "the other's. Their tables differ",
            i + 1);
    if (!merge_keep_more(m, out, value.len + 9)) return false;
    if (m->form.widths[i] == WIDTH_LONG)
        wire_put_lenstr(out, value);
    else
        buf_put_str(out, value);
    return true;
}

bool translate_row(struct merge *m, struct leg *l, struct str row, struct str *out)
{
    struct row_form form = {.binary = true, .ncols = m->ncols, .widths = l->widths};
    if (!row_cells(&form, row.ptr, row.len, m->cells, m->ncols)) return merge_malformed(m);
    size_t bits = row_bits_end(m->ncols);
    if (!merge_keep(m, &m->row, row.ptr, bits)) return false;
    for (uint32_t i = 0; i < m->ncols; i++)
        if (m->cells[i].len != CELL_NULL && !put_value(m, l, i, cell_str(row.ptr, m->cells[i]))) return false;
    *out = buf_str(&m->row);
    return true;
}
