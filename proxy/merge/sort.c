/*
 * sort.c - final_order: the merged rows are kept and sorted when the last has come. With a limit only the
 * first offset + limit rows are kept, in a heap whose top is the last of them; without one all, within
 * max_memory. Stable: equal rows stay in the order of arrival.
 */
#include "proxy/merge/room.h"

#include <stdlib.h>

static const char *row_of(const struct merge *m, const struct sorted_row *r)
{
    return (const char *)(r->heads + m->final.n);
}

static size_t bytes_of(const struct merge *m, size_t len)
{
    return sizeof(struct sorted_row) + sizeof(struct head) * m->final.n + len;
}

static int compare(const struct merge *m, const struct sorted_row *a, const struct sorted_row *b)
{
    int c = keys_compare(m->final.keys, m->final.n, a->heads, row_of(m, a), b->heads, row_of(m, b));
    return c ? c : a->n < b->n ? -1 : a->n > b->n;
}

static int compare_qsort(const void *a, const void *b, void *m)
{
    return compare(m, *(struct sorted_row *const *)a, *(struct sorted_row *const *)b);
}

/* Rows that can be on the page; UINT64_MAX: all. */
static uint64_t wanted(const struct merge *m)
{
    if (!m->o.has_limit) return UINT64_MAX;
    return m->o.limit > UINT64_MAX - m->o.offset ? UINT64_MAX : m->o.offset + m->o.limit;
}

static void sift_down(struct merge *m, uint32_t i)
{
    struct sorted_row **h = m->sorted;
    for (;;) {
        uint32_t top = i, l = 2 * i + 1, r = l + 1;
        if (l < m->nsorted && compare(m, h[l], h[top]) > 0) top = l;
        if (r < m->nsorted && compare(m, h[r], h[top]) > 0) top = r;
        if (top == i) return;
        struct sorted_row *t = h[i];
        h[i] = h[top];
        h[top] = t;
        i = top;
    }
}

static bool grow(struct merge *m)
{
    if (m->nsorted < m->sorted_cap) return true;
    if (m->sorted_cap > UINT32_MAX / 2) return merge_no_memory(m);
    uint32_t cap = m->sorted_cap ? m->sorted_cap * 2 : 64;
    if (!merge_hold(m, (cap - m->sorted_cap) * sizeof *m->sorted)) return false;
    struct sorted_row **p = mem_realloc(m->sorted, cap * sizeof *p);
    if (!p) return merge_no_memory(m);
    m->sorted = p;
    m->sorted_cap = cap;
    return true;
}

static void forget(struct merge *m, struct sorted_row *r)
{
    merge_unhold(m, bytes_of(m, r->len));
    mem_free(r);
}

bool sort_add(struct merge *m, const char *row, size_t len, size_t visible)
{
    if (!merge_cells(m, row, len, m->ncols)) return false;
    if (!keyset_collations(m, &m->final, row, m->cells)) return false;
    if (!merge_hold(m, bytes_of(m, len))) return false;
    struct sorted_row *r = mem_alloc(bytes_of(m, len));
    if (!r) {
        merge_unhold(m, bytes_of(m, len));
        return merge_no_memory(m);
    }
    r->n = m->arrivals++;
    r->len = (uint32_t)len;
    r->visible = (uint32_t)visible;
    memcpy((char *)(r->heads + m->final.n), row, len);
    uint64_t k = wanted(m);
    if (!merge_heads(m, &m->final, row, m->cells, r->heads)) {
        forget(m, r);
        return false;
    }
    if (m->nsorted < k) {
        if (!grow(m)) {
            forget(m, r);
            return false;
        }
        m->sorted[m->nsorted++] = r;
        if (m->nsorted == k)
            for (uint32_t i = m->nsorted / 2; i-- > 0;) sift_down(m, i);
        return true;
    }
    if (k == 0 || compare(m, r, m->sorted[0]) >= 0) {
        forget(m, r);
        return true;
    }
    forget(m, m->sorted[0]);
    m->sorted[0] = r;
    sift_down(m, 0);
    return true;
}

void sort_finish(struct merge *m)
{
    if (m->nsorted) qsort_r(m->sorted, m->nsorted, sizeof *m->sorted, compare_qsort, m);
    m->sorting_done = true;
}

enum merge_state sort_run(struct merge *m, struct buf *out, uint8_t *seq, size_t until)
{
    for (; m->sorted_at < m->nsorted; m->sorted_at++) {
        if (out->len >= until || m->rows_out >= m->stop_at) return MERGE_FULL;
        struct sorted_row *r = m->sorted[m->sorted_at];
        if (!merge_deliver(m, out, seq, row_of(m, r), r->visible)) return MERGE_FAULT;
        forget(m, r);
        m->sorted[m->sorted_at] = NULL;
        if (m->enough) {
            m->sorted_at++;
            return MERGE_DONE;
        }
    }
    return MERGE_DONE;
}

void sort_release(struct merge *m)
{
    for (uint32_t i = 0; i < m->nsorted; i++) mem_free(m->sorted[i]);
    mem_free(m->sorted);
}
