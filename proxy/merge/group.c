/*
 * group.c - rows with equal group keys become one. Rows arrive in the order of the group's keys, equal ones
 * by leg, so one open group is all the state there is.
 *
 *   COUNT  sum of counts
 *   SUM    of what is not NULL; decimals exactly, doubles as doubles (their sum depends on the order, as it
 * does on one server) MIN, MAX  by the value's type, text by its weight; of equal ones the first stays AVG
 * hidden SUM / hidden COUNT, rounded as the servers do FIRST  the group's first row's value
 *
 * A group with one row passes its texts through untouched; numbers are read only when a second one comes.
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
    acc->decimals = m->columns[column].decimals;
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

bool group_compile(struct merge *m)
{
    if (m->spec->noutputs != m->nvisible)
        return merge_fail(m, WIRE_ER_UNKNOWN_ERROR, "the shards sent %u columns for %u of the statement",
                          m->nvisible, m->spec->noutputs);
    m->accs = arena_array(&m->arena, struct acc, m->nvisible);
    if (!m->accs) return merge_no_memory(m);
    for (; m->naccs < m->nvisible; m->naccs++) decimal_sum_init(&m->accs[m->naccs].sum);
    for (uint32_t i = 0; i < m->nvisible; i++)
        if (!compile_acc(m, &m->accs[i], i, &m->spec->outputs[i])) return false;
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
    if (!s.ptr || !str_to_u64(s, &n) || acc->count + n < n) return bad_number(m, acc->count_field);
    acc->count += n;
    return true;
}

static bool add_number(struct merge *m, struct acc *acc, struct str s)
{
    if (acc->cls == KEY_DOUBLE) {
        double v;
        if (!double_parse(s, &v)) return bad_number(m, acc->sum_field);
        acc->real += v;
        return true;
    }
    return decimal_sum_add(&acc->sum, s) || bad_number(m, acc->sum_field);
}

/* The first value stays text; `shown` is what would be shown if no other came. */
static bool add_sum(struct merge *m, struct acc *acc, struct str s, struct str shown)
{
    if (!s.ptr) return true;
    if (acc->n++ == 0)
        return merge_keep(m, &acc->only, s.ptr, s.len) &&
               (acc->fn == MERGE_SUM || !shown.ptr || merge_keep(m, &acc->text, shown.ptr, shown.len));
    if (!acc->adding) {
        acc->adding = true;
        if (!add_number(m, acc, buf_str(&acc->only))) return false;
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
    const char *best = weighed ? acc->weight.data : acc->text.data;
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

/* value[] is scratch behind `text`: the sum or average of an acc. */
static bool put_total(struct merge *m, struct acc *acc, uint32_t column, struct buf *text)
{
    if (acc->cls == KEY_DOUBLE) {
        double v = acc->fn == MERGE_AVG ? acc->real / (double)acc->count : acc->real;
        if (!isfinite(v)) return out_of_range(m, column, "DOUBLE");
        double_put(v, acc->decimals, text);
        return true;
    }
    /* A result of integer class (which MySQL's SUM never is) has no scale. */
    uint32_t scale = m->classes[column] == KEY_DECIMAL ? acc->decimals : 0;
    bool ok = acc->fn == MERGE_AVG ? decimal_average_put(&acc->sum, acc->count, scale, text)
                                   : decimal_sum_put(&acc->sum, scale, text);
    return ok || out_of_range(m, column, "DECIMAL");
}

static bool put_output(struct merge *m, uint32_t i, const struct cell *first)
{
    struct acc *acc = &m->accs[i];
    struct buf *row = &m->row;
    switch (acc->fn) {
    case MERGE_FIRST: wire_put_text_field(row, cell_str(m->kept.data, first[i])); return true;
    case MERGE_COUNT: {
        char text[24];
        struct buf b = {.data = text, .cap = sizeof text, .max = sizeof text};
        buf_put_dec(&b, acc->count);
        wire_put_text_field(row, buf_str(&b));
        return true;
    }
    case MERGE_MIN:
    case MERGE_MAX:
        wire_put_text_field(row, acc->n ? str_make(acc->text.data ? acc->text.data : "", acc->text.len)
                                        : STR_NULL);
        return true;
    case MERGE_SUM:
    case MERGE_AVG: {
        if (!acc->n || (acc->fn == MERGE_AVG && !acc->count)) {
            wire_put_text_field(row, STR_NULL);
            return true;
        }
        if (!acc->adding) {
            wire_put_text_field(row, buf_str(acc->fn == MERGE_SUM ? &acc->only : &acc->text));
            return true;
        }
        char text[512];
        struct buf b = {.data = text, .cap = sizeof text, .max = sizeof text};
        if (!put_total(m, acc, i, &b)) return false;
        wire_put_text_field(row, buf_str(&b));
        return true;
    }
    }
    return false;
}

/* A hidden column of the merged row: see the essay. */
static bool put_hidden(struct merge *m, uint32_t column, const struct cell *first)
{
    struct buf *row = &m->row;
    for (uint32_t i = 0; i < m->nvisible; i++) {
        struct acc *acc = &m->accs[i];
        char text[512];
        struct buf b = {.data = text, .cap = sizeof text, .max = sizeof text};
        if ((acc->fn == MERGE_MIN || acc->fn == MERGE_MAX) && acc->key.keys[0].field == column &&
            acc->key.keys[0].value != column) {
            wire_put_text_field(
                row, acc->n ? str_make(acc->weight.data ? acc->weight.data : "", acc->weight.len) : STR_NULL);
            return true;
        }
        if (acc->fn == MERGE_AVG && acc->count_field == column) {
            buf_put_dec(&b, acc->count);
            wire_put_text_field(row, buf_str(&b));
            return true;
        }
        if (acc->fn == MERGE_AVG && acc->sum_field == column) {
            if (!acc->n || !acc->adding) {
                wire_put_text_field(row, acc->n ? buf_str(&acc->only) : STR_NULL);
                return true;
            }
            if (acc->cls == KEY_DOUBLE)
                double_put(acc->real, m->columns[column].decimals, &b);
            else if (!decimal_sum_put(&acc->sum, m->columns[column].decimals, &b))
                return out_of_range(m, column, "DECIMAL");
            wire_put_text_field(row, buf_str(&b));
            return true;
        }
    }
    wire_put_text_field(row, cell_str(m->kept.data, first[column]));
    return true;
}

static bool is_cells(struct merge *m, const char *row, size_t len, size_t *used)
{
    return row_cells(row, len, m->cells, m->ncols, true, used) ||
           merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a malformed row");
}

bool group_flush(struct merge *m, struct buf *out, uint8_t *seq)
{
    size_t used, visible;
    if (!m->has_kept) return true;
    if (!is_cells(m, m->kept.data, m->kept.len, &used)) return false;
    size_t most = m->kept.len + 512 * (size_t)m->ncols;
    for (uint32_t i = 0; i < m->nvisible; i++) most += m->accs[i].text.len + m->accs[i].weight.len + 18;
    m->row.len = 0;
    if (!merge_keep_more(m, &m->row, most)) return false;
    for (uint32_t i = 0; i < m->nvisible; i++)
        if (!put_output(m, i, m->cells)) return false;
    visible = m->row.len;
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
    size_t used;
    int c = m->has_kept ? keys_compare(m->keys.keys, m->keys.n, m->kept_heads, m->kept.data, heads, row) : -1;
    if (c > 0) return merge_step_back(m);
    if (c) {
        if (!group_flush(m, out, seq)) return false;
        if (!merge_keep(m, &m->kept, row, len)) return false;
        memcpy(m->kept_heads, heads, sizeof *heads * m->keys.n);
        m->has_kept = true;
    }
    return is_cells(m, row, len, &used) && add_row(m, row, m->cells);
}
