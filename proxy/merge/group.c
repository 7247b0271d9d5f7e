/*
 * group.c - rows with equal group keys become one. Rows arrive in the order of the group's keys, equal ones
 * by leg, so one open group is all the state there is.
 *
 *   COUNT  sum of counts
 *   SUM    of what is not NULL; decimals exactly, doubles as doubles (their sum depends on the order, as it
 * does on one server) MIN, MAX  by the value's type, text by its weight; of equal ones the first stays AVG
 * hidden SUM / hidden COUNT, rounded as the servers do FIRST  the group's first row's value
 *
 * A group with one row passes its values through untouched; numbers are read only when a second one comes.
 * Values are kept as their protocol has them, without length; a binary row in the making has the NULL bits of
 * all columns (merge_deliver cuts the hidden ones off).
 *
 * For final_order the hidden columns are carried along: a weight that belongs to a MIN or MAX is the
 * winner's, sum and count of an AVG are the merged ones, any other is the first row's.
 */
#include "proxy/merge/room.h"

#include <math.h>

/* ---- compiling ---- */

static bool summable(enum key_class c)
{
    return c == KEY_DECIMAL || c == KEY_DOUBLE || c == KEY_INT || c == KEY_UINT || c == KEY_NULL;
}

static bool compile_acc(struct merge *m, struct acc *acc, uint32_t column, const struct merge_output *o)
{
    acc->fn = o->fn;
    acc->cls = (enum key_class)m->classes[column];
    acc->sum_field = acc->count_field = column;
    switch (o->fn) {
    case MERGE_FIRST: return true;
    case MERGE_COUNT:
        m->matters[column] = true;
        if (acc->cls == KEY_INT || acc->cls == KEY_UINT) return true;
        return merge_fail(m, WIRE_ER_UNKNOWN_ERROR, "column %u is %s, not a count", column + 1,
                          key_class_name(acc->cls));
    case MERGE_AVG:
        if (!merge_column_index(m, o->sum, &acc->sum_field) ||
            !merge_column_index(m, o->count, &acc->count_field))
            return false;
        acc->cls = (enum key_class)m->classes[acc->sum_field];
        m->matters[acc->count_field] = true;
        if (acc->cls == KEY_DOUBLE && m->classes[column] != KEY_DOUBLE)
            return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET, "column %u is %s, but its sum is %s", column + 1,
                              key_class_name((enum key_class)m->classes[column]), key_class_name(acc->cls));
        goto sum;
    case MERGE_SUM:
    sum:
        m->matters[acc->sum_field] = true;
        if (summable(acc->cls)) return true;
        return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET, "column %u is %s and cannot be added up", column + 1,
                          key_class_name(acc->cls));
    case MERGE_MIN:
    case MERGE_MAX: {
        struct merge_key key = {.value = {MERGE_VISIBLE, column},
                                .has_weight = o->has_weight,
                                .weight = o->weight,
                                .desc = o->fn == MERGE_MAX, /* so that the better one is always the smaller */
                                .collation = o->collation,
                                .has_collation_column = o->has_collation_column,
                                .collation_column = o->collation_column};
        return keyset_compile(m, &acc->key, &key, 1);
    }
    }
    return false;
}

/* Printed totals are no longer than this; an average has its hidden sum and count besides. */
enum { TOTAL_TEXT = 512 };
static size_t totals_of(enum merge_fn fn)
{
    switch (fn) {
    case MERGE_FIRST:
    case MERGE_MIN:
    case MERGE_MAX: return 0;
    case MERGE_COUNT: return 24;
    case MERGE_SUM: return TOTAL_TEXT;
    case MERGE_AVG: return 2 * TOTAL_TEXT + 24;
    }
    return 0;
}

bool group_compile(struct merge *m)
{
    if (m->spec->noutputs != m->nvisible)
        return merge_fail(m, WIRE_ER_UNKNOWN_ERROR, "the shards sent %u columns for %u of the statement",
                          m->nvisible, m->spec->noutputs);
    m->accs = merge_array(m, struct acc, m->nvisible);
    if (!m->accs) return false;
    for (; m->naccs < m->nvisible; m->naccs++) decimal_sum_init(&m->accs[m->naccs].sum);
    for (uint32_t i = 0; i < m->nvisible; i++) {
        if (!compile_acc(m, &m->accs[i], i, &m->spec->outputs[i])) return false;
        m->totals += totals_of(m->accs[i].fn);
    }
    return true;
}

void group_release(struct merge *m)
{
    for (uint32_t i = 0; i < m->naccs; i++) {
        decimal_sum_release(&m->accs[i].sum);
        buf_release(&m->accs[i].text);
        buf_release(&m->accs[i].weight);
        buf_release(&m->accs[i].only);
    }
}

/* ---- adding a row ---- */

static bool bad_number(struct merge *m, uint32_t column)
{
    return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a value in column %u that is no number",
                      column + 1);
}

static bool add_count(struct merge *m, struct acc *acc, struct str s)
{
    uint64_t n;
    enum key_class cls = (enum key_class)m->classes[acc->count_field];
    if (!s.ptr || !value_int(m->o.binary, cls, s, &n) || (cls == KEY_INT && n >> 63) || acc->count + n < n)
        return bad_number(m, acc->count_field);
    acc->count += n;
    return true;
}

static void print_int(struct buf *b, enum key_class cls, uint64_t v)
{
    bool negative = cls == KEY_INT && v >> 63;
    if (negative) buf_put_u8(b, '-');
    buf_put_dec(b, negative ? 0 - v : v);
}

static bool add_number(struct merge *m, struct acc *acc, struct str s)
{
    if (acc->cls == KEY_DOUBLE) {
        double v;
        if (!value_double(m->o.binary, s, &v)) return bad_number(m, acc->sum_field);
        acc->real += v;
        return true;
    }
    char digits[24];
    struct buf b = {.data = digits, .cap = sizeof digits, .max = sizeof digits};
    if (m->o.binary && (acc->cls == KEY_INT || acc->cls == KEY_UINT)) {
        uint64_t v;
        if (!value_int(true, acc->cls, s, &v)) return bad_number(m, acc->sum_field);
        print_int(&b, acc->cls, v);
        s = buf_str(&b);
    }
    return decimal_sum_add(&acc->sum, s) || bad_number(m, acc->sum_field);
}

/* Not NULL, though it may be empty. */
static struct str kept_str(const struct buf *b)
{
    return str_make(b->data ? b->data : "", b->len);
}

/* The first value stays as it is; `shown` is what would be shown if no other came. */
static bool add_sum(struct merge *m, struct acc *acc, struct str s, struct str shown)
{
    if (!s.ptr) return true;
    if (acc->n++ == 0)
        return merge_keep(m, &acc->only, s.ptr, s.len) &&
               (acc->fn == MERGE_SUM || !shown.ptr || merge_keep(m, &acc->text, shown.ptr, shown.len));
    if (!acc->adding) {
        acc->adding = true;
        if (!add_number(m, acc, kept_str(&acc->only))) return false;
    }
    return add_number(m, acc, s);
}

/* Compared bytes are kept at the beginning of `weight` (text) or `text` (all others). */
static bool add_best(struct merge *m, struct acc *acc, const char *row, const struct cell *cells)
{
    const struct key *k = &acc->key.keys[0];
    if (cells[k->value].len == CELL_NULL) return true;
    struct head h;
    if (!keyset_collations(m, &acc->key, row, cells) || !merge_heads(m, &acc->key, row, cells, &h))
        return false;
    bool weighed = k->field != k->value;
    const char *best = kept_str(weighed ? &acc->weight : &acc->text).ptr;
    if (acc->n++ && keys_compare(k, 1, &h, row, &acc->best, best) >= 0) return true;
    struct str value = cell_str(row, cells[k->value]), weight = cell_str(row, cells[k->field]);
    if (!merge_keep(m, &acc->text, value.ptr, value.len)) return false;
    if (weighed && !merge_keep(m, &acc->weight, weight.ptr, weight.len)) return false;
    acc->best = h;
    acc->best.off = 0;
    return true;
}

static bool add_row(struct merge *m, const char *row, const struct cell *cells)
{
    for (uint32_t i = 0; i < m->nvisible; i++) {
        struct acc *acc = &m->accs[i];
        bool ok = true;
        switch (acc->fn) {
        case MERGE_FIRST: break;
        case MERGE_COUNT: ok = add_count(m, acc, cell_str(row, cells[i])); break;
        case MERGE_SUM: ok = add_sum(m, acc, cell_str(row, cells[i]), STR_NULL); break;
        case MERGE_AVG:
            ok = add_count(m, acc, cell_str(row, cells[acc->count_field])) &&
                 add_sum(m, acc, cell_str(row, cells[acc->sum_field]), cell_str(row, cells[i]));
            break;
        case MERGE_MIN:
        case MERGE_MAX: ok = add_best(m, acc, row, cells); break;
        }
        if (!ok) return false;
    }
    return true;
}

static void clear_accs(struct merge *m)
{
    for (uint32_t i = 0; i < m->nvisible; i++) {
        struct acc *acc = &m->accs[i];
        if (acc->adding) mpz_set_ui(acc->sum.value, 0);
        acc->sum.scale = 0;
        acc->adding = false;
        acc->n = acc->count = 0;
        acc->real = 0;
    }
}

/* ---- the merged row ---- */

static bool out_of_range(struct merge *m, uint32_t column, const char *type)
{
    return merge_fail(m, 1690, "%s value is out of range in column %u", type, column + 1);
}

/* ---- ... its values ---- */

/* Room is there: group_flush reserved it. */
static void put_value(struct merge *m, uint32_t column, struct str v)
{
    struct buf *row = &m->row;
    if (!m->o.binary) {
        wire_put_text_field(row, v);
    } else if (!v.ptr) {
        char *bits = row->data + 1 + (column + 2) / 8;
        *bits = (char)(*bits | 1 << (column + 2) % 8);
    } else if (m->form.widths[column] == WIDTH_LONG) {
        wire_put_lenstr(row, v);
    } else {
        buf_put_str(row, v);
    }
}

static bool put_int(struct merge *m, uint32_t column, enum key_class cls, uint64_t v)
{
    char bytes[24];
    struct buf b = {.data = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    enum key_class to = (enum key_class)m->classes[column];
    if (!m->o.binary)
        print_int(&b, cls, v);
    else if (!value_put_int(&b, cls, v, m->form.widths[column], to == KEY_UINT))
        return out_of_range(m, column, key_class_name(to));
    put_value(m, column, buf_str(&b));
    return true;
}

static bool put_double(struct merge *m, uint32_t column, double v)
{
    char text[TOTAL_TEXT];
    struct buf b = {.data = text, .cap = sizeof text, .max = sizeof text};
    float f = (float)v;
    bool narrow = m->o.binary && m->columns[column].type == WIRE_TYPE_FLOAT;
    if (!isfinite(v) || (narrow && !isfinite(f))) return out_of_range(m, column, narrow ? "FLOAT" : "DOUBLE");
    if (!m->o.binary)
        double_put(v, m->columns[column].decimals, &b);
    else if (narrow)
        buf_put(&b, &f, sizeof f);
    else
        buf_put(&b, &v, sizeof v);
    put_value(m, column, buf_str(&b));
    return true;
}

/* A total that was computed as text, in the column's own type. */
static bool put_number(struct merge *m, uint32_t column, struct str text)
{
    enum key_class cls = (enum key_class)m->classes[column];
    uint64_t n;
    double v;
    if (m->o.binary && (cls == KEY_INT || cls == KEY_UINT))
        return value_int(false, cls, text, &n) ? put_int(m, column, cls, n)
                                               : out_of_range(m, column, key_class_name(cls));
    if (m->o.binary && cls == KEY_DOUBLE)
        return double_parse(text, &v) ? put_double(m, column, v) : out_of_range(m, column, "DOUBLE");
    put_value(m, column, text);
    return true;
}

/* The sum or, as `average`, the average of an acc. */
static bool put_total(struct merge *m, const struct acc *acc, uint32_t column, bool average)
{
    if (acc->cls == KEY_DOUBLE)
        return put_double(m, column, average ? acc->real / (double)acc->count : acc->real);
    char text[TOTAL_TEXT];
    struct buf b = {.data = text, .cap = sizeof text, .max = sizeof text};
    /* A result of integer class (which MySQL's SUM never is) has no scale. */
    uint32_t scale = m->classes[column] == KEY_DECIMAL ? m->columns[column].decimals : 0;
    bool ok = average ? decimal_average_put(&acc->sum, acc->count, scale, &b)
                      : decimal_sum_put(&acc->sum, scale, &b);
    return ok ? put_number(m, column, buf_str(&b)) : out_of_range(m, column, "DECIMAL");
}

static bool put_output(struct merge *m, uint32_t i, const struct cell *first)
{
    const struct acc *acc = &m->accs[i];
    switch (acc->fn) {
    case MERGE_FIRST: put_value(m, i, cell_str(m->kept.data, first[i])); return true;
    case MERGE_COUNT: return put_int(m, i, KEY_UINT, acc->count);
    case MERGE_MIN:
    case MERGE_MAX: put_value(m, i, acc->n ? kept_str(&acc->text) : STR_NULL); return true;
    case MERGE_SUM:
    case MERGE_AVG: {
        bool average = acc->fn == MERGE_AVG;
        if (acc->n && acc->adding && (!average || acc->count)) return put_total(m, acc, i, average);
        bool none = !acc->n || (average && !acc->count);
        put_value(m, i, none ? STR_NULL : kept_str(average ? &acc->text : &acc->only));
        return true;
    }
    }
    return false;
}

/* A hidden column of the merged row: see the essay. */
static bool put_hidden(struct merge *m, uint32_t column, const struct cell *first)
{
    for (uint32_t i = 0; i < m->nvisible; i++) {
        const struct acc *acc = &m->accs[i];
        if ((acc->fn == MERGE_MIN || acc->fn == MERGE_MAX) && acc->key.keys[0].field == column &&
            acc->key.keys[0].value != column) {
            put_value(m, column, acc->n ? kept_str(&acc->weight) : STR_NULL);
            return true;
        }
        if (acc->fn == MERGE_AVG && acc->count_field == column)
            return put_int(m, column, KEY_UINT, acc->count);
        if (acc->fn == MERGE_AVG && acc->sum_field == column) {
            if (acc->n && acc->adding) return put_total(m, acc, column, false);
            put_value(m, column, acc->n ? kept_str(&acc->only) : STR_NULL);
            return true;
        }
    }
    put_value(m, column, cell_str(m->kept.data, first[column]));
    return true;
}

bool group_flush(struct merge *m, struct buf *out, uint8_t *seq)
{
    if (!m->has_kept) return true;
    if (!merge_cells(m, m->kept.data, m->kept.len, m->ncols)) return false;
    size_t most = m->kept.len + m->totals;
    for (uint32_t i = 0; i < m->nvisible; i++)
        most += m->accs[i].text.len + m->accs[i].weight.len + m->accs[i].only.len + 3 * 9;
    m->row.len = 0;
    if (!merge_keep_more(m, &m->row, most)) return false;
    if (m->o.binary) {
        m->row.len = row_bits_end(m->ncols);
        memset(m->row.data, 0, m->row.len);
    }
    for (uint32_t i = 0; i < m->nvisible; i++)
        if (!put_output(m, i, m->cells)) return false;
    size_t visible = m->row.len;
    for (uint32_t i = m->nvisible; m->spec->nfinal_order && i < m->ncols; i++)
        if (!put_hidden(m, i, m->cells)) return false;
    if (m->row.failed) return merge_no_memory(m);
    m->has_kept = false;
    clear_accs(m);
    if (m->spec->nfinal_order) return sort_add(m, m->row.data, m->row.len, visible);
    return merge_deliver(m, out, seq, m->row.data, visible);
}

bool group_add(struct merge *m, struct buf *out, uint8_t *seq, const char *row, size_t len,
               const struct head *heads)
{
    int c = m->has_kept ? keys_compare(m->keys.keys, m->keys.n, m->kept_heads, m->kept.data, heads, row) : -1;
    if (c > 0) return merge_step_back(m);
    if (c) {
        if (!group_flush(m, out, seq)) return false;
        if (!merge_keep(m, &m->kept, row, len)) return false;
        memcpy(m->kept_heads, heads, sizeof *heads * m->keys.n);
        m->has_kept = true;
    }
    return merge_cells(m, row, len, m->ncols) && add_row(m, row, m->cells);
}
