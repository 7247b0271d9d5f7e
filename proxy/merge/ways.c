/*
 * ways.c - the ways rows take through the merge: concatenation (any leg's rows at once, in turn), and the
 * k-way merge by keys, whose rows go out as they are, or only the first of equal ones (distinct), or into
 * groups.
 *
 * K-way: order[] holds the legs that have a first row, sorted; the first one's row is taken, its next row
 * found and the leg moved to its place by binary search (often it stays first). Equal rows come in the order
 * of the legs. No row leaves before every leg that has not ended shows its first one.
 *
 * Each leg must deliver in order: a row that comes before its predecessor is a fault, not a wrong result (a
 * server that sorts otherwise than we compare is thus found at once). By prefix for all rows; groups and
 * DISTINCT, where it matters most, by the whole key.
 */
#include "proxy/merge/room.h"

static inline size_t row_len(const struct leg *l)
{
    uint32_t n;
    memcpy(&n, l->data + l->head, 4);
    return n;
}

static inline const char *row_at(const struct leg *l)
{
    return l->data + l->head + 4;
}

static inline void drop_row(struct leg *l)
{
    l->head += 4 + row_len(l);
}

/* Finds the row's cells as far as they are needed, and where the client's part of it ends. */
static bool find_cells(struct merge *m, const char *row, size_t len, size_t *visible)
{
    *visible = len;
    if (m->ncells == 0) return true;
    if (!merge_cells(m, row, len, m->ncells)) return false;
    /* Hidden columns: all cells are found then, so that a malformed row is noticed. */
    if (m->spec->nhidden) *visible = cell_end(m->cells[m->nvisible - 1]);
    return true;
}

/* ---- concatenation ---- */

static enum merge_state concatenate(struct merge *m, struct buf *out, uint8_t *seq, size_t until)
{
    uint32_t n = m->o.nlegs;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t leg = m->turn;
        struct leg *l = &m->legs[leg];
        while (l->head < l->tail) {
            if (out->len >= until || m->rows_out >= m->stop_at) return MERGE_FULL;
            size_t visible;
            if (!find_cells(m, row_at(l), row_len(l), &visible)) return MERGE_FAULT;
            if (!merge_deliver(m, out, seq, row_at(l), visible)) return MERGE_FAULT;
            drop_row(l);
            if (m->enough) return MERGE_DONE;
        }
        m->turn = leg + 1 == n ? 0 : leg + 1;
    }
    return m->nended == n ? MERGE_DONE : MERGE_NEED;
}

/* ---- by keys ---- */

static int compare_legs(const struct merge *m, uint32_t a, uint32_t b)
{
    const struct leg *x = &m->legs[a], *y = &m->legs[b];
    int c = keys_compare(m->keys.keys, m->keys.n, x->heads, row_at(x), y->heads, row_at(y));
    return c ? c : a < b ? -1 : 1;
}

/* Finds cells and heads of the leg's first row. */
static bool load_head(struct merge *m, uint32_t leg)
{
    struct leg *l = &m->legs[leg];
    const char *row = row_at(l);
    size_t visible;
    if (!find_cells(m, row, row_len(l), &visible)) return false;
    l->visible = (uint32_t)visible;
    if (UNLIKELY(!l->collations_seen)) {
        if (!keyset_collations(m, &m->keys, row, m->cells)) return false;
        l->collations_seen = true;
    }
    struct head *before = l->heads;
    l->heads = l->prev;
    l->prev = before;
    if (!merge_heads(m, &m->keys, row, m->cells, l->heads)) return false;
    if (l->has_prev && keys_backwards(m->keys.keys, m->keys.n, l->prev, l->heads)) return merge_step_back(m);
    l->has_prev = l->has_head = true;
    return true;
}

/* Puts a leg with a fresh head into order[from..): its place by binary search. */
static void place(struct merge *m, uint32_t leg, uint32_t from)
{
    uint32_t low = from, high = m->norder;
    if (low < high && compare_legs(m, leg, m->order[low]) < 0) high = low;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (compare_legs(m, leg, m->order[mid]) < 0)
            high = mid;
        else
            low = mid + 1;
    }
    memmove(m->order + low + 1, m->order + low, (m->norder - low) * sizeof *m->order);
    m->order[low] = leg;
    m->norder++;
}

/* Legs whose first row is not known yet: MERGE_DONE when none is left. */
static enum merge_state fill(struct merge *m)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->nmissing; i++) {
        uint32_t leg = m->missing[i];
        struct leg *l = &m->legs[leg];
        if (l->head < l->tail) {
            if (!load_head(m, leg)) return MERGE_FAULT;
            place(m, leg, 0);
        } else if (l->state != LEG_ENDED) {
            m->missing[kept++] = leg;
            continue;
        }
        l->is_missing = false;
    }
    m->nmissing = kept;
    return kept ? MERGE_NEED : MERGE_DONE;
}

/* The first leg's row was used: on to its next one. */
static bool advance(struct merge *m)
{
    uint32_t leg = m->order[0];
    struct leg *l = &m->legs[leg];
    drop_row(l);
    l->has_head = false;
    if (l->head < l->tail) {
        if (!load_head(m, leg)) return false;
        /* Often it stays first: then nothing moves. */
        if (m->norder == 1 || compare_legs(m, leg, m->order[1]) < 0) return true;
        m->norder--;
        memmove(m->order, m->order + 1, m->norder * sizeof *m->order);
        place(m, leg, 1);
        return true;
    }
    m->norder--;
    memmove(m->order, m->order + 1, m->norder * sizeof *m->order);
    if (l->state != LEG_ENDED) way_misses(m, leg);
    return true;
}

void way_misses(struct merge *m, uint32_t leg)
{
    struct leg *l = &m->legs[leg];
    if (l->is_missing || l->has_head) return;
    l->is_missing = true;
    m->missing[m->nmissing++] = leg;
}

static bool distinct(struct merge *m, struct buf *out, uint8_t *seq, const struct leg *l)
{
    const char *row = row_at(l);
    int c =
        m->has_kept ? keys_compare(m->keys.keys, m->keys.n, m->kept_heads, m->kept.data, l->heads, row) : -1;
    if (c == 0) return true;
    if (c > 0) return merge_step_back(m);
    if (!merge_keep(m, &m->kept, row, row_len(l))) return false;
    memcpy(m->kept_heads, l->heads, sizeof *l->heads * m->keys.n);
    m->has_kept = true;
    return merge_deliver(m, out, seq, row, l->visible);
}

static bool take(struct merge *m, struct buf *out, uint8_t *seq)
{
    const struct leg *l = &m->legs[m->order[0]];
    if (m->spec->grouped) return group_add(m, out, seq, row_at(l), row_len(l), l->heads);
    if (m->spec->distinct) return distinct(m, out, seq, l);
    return merge_deliver(m, out, seq, row_at(l), l->visible);
}

static enum merge_state by_keys(struct merge *m, struct buf *out, uint8_t *seq, size_t until)
{
    for (;;) {
        if (out->len >= until) return MERGE_FULL;
        if (m->nmissing) {
            enum merge_state st = fill(m);
            if (st != MERGE_DONE) return st;
        }
        if (m->norder == 0) return MERGE_DONE;
        if (m->rows_out >= m->stop_at) return MERGE_FULL;
        if (!take(m, out, seq)) return MERGE_FAULT;
        if (m->enough) return MERGE_DONE;
        if (!advance(m)) return MERGE_FAULT;
    }
}

enum merge_state way_run(struct merge *m, struct buf *out, uint8_t *seq, size_t until)
{
    if (!m->ordered) return concatenate(m, out, seq, until);
    if (!m->sorting_done) {
        enum merge_state st = by_keys(m, out, seq, until);
        if (st != MERGE_DONE || m->enough) return st;
        if (m->spec->grouped) {
            if (m->has_kept && !m->spec->nfinal_order && m->rows_out >= m->stop_at) return MERGE_FULL;
            if (!group_flush(m, out, seq)) return MERGE_FAULT;
        }
        if (!m->spec->nfinal_order) return MERGE_DONE;
        sort_finish(m);
    }
    return sort_run(m, out, seq, until);
}
