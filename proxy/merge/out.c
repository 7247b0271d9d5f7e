/*
 * out.c - the way out of a merge: column definitions in logical names, rows, the end; for cursors so many
 * rows at a time.
 *
 * The head of the result is written as late as it can be (with the first row, or the end): until then an
 * error of any leg can still be the statement's only answer. Concatenation writes it at once, because its
 * rows do not wait for the slowest leg either.
 *
 *   a binary row with hidden columns:
 *
 *     00 | NULL bits of all columns | visible values | hidden values
 *     00 | ... of visible ones |      visible values                   the client's
 */
#include "proxy/merge/room.h"

static void put_head(struct merge *m, struct buf *out, uint8_t *seq)
{
    uint32_t capabilities = m->o.client_capabilities;
    bool bare = m->o.bare && capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA;
    wire_put_column_count(out, seq, capabilities, m->nvisible, !bare);
    for (uint32_t i = 0; !bare && i < m->nvisible; i++) {
        struct wire_column c = m->columns[i];
        if (m->o.rename) m->o.rename(m->o.rename_ctx, m->reference, &c);
        wire_put_column(out, seq, &c);
    }
    /* A cursor's definitions have one end only, whatever the client's capabilities. */
    if (!m->o.cursor && !(capabilities & WIRE_CAP_DEPRECATE_EOF)) wire_put_eof(out, seq, m->status, 0);
    m->started = true;
}

/* Room for a packet of n bytes, its header written: NULL when there is none, or when n needs several packets.
 */
static inline char *one_packet(struct buf *out, uint8_t *seq, size_t n)
{
    if (UNLIKELY(n >= WIRE_MAX_PAYLOAD) || UNLIKELY(!buf_reserve(out, n + WIRE_HEADER))) return NULL;
    char *p = out->data + out->len;
    uint32_t head = (uint32_t)n | (uint32_t)*seq << 24;
    p[0] = (char)head;
    p[1] = (char)(head >> 8);
    p[2] = (char)(head >> 16);
    p[3] = (char)(head >> 24);
    ++*seq;
    out->len += n + WIRE_HEADER;
    return p + WIRE_HEADER;
}

static bool put_whole(struct merge *m, struct buf *out, uint8_t *seq, const char *row, size_t n)
{
    char *p = one_packet(out, seq, n);
    if (LIKELY(p)) {
        memcpy(p, row, n);
        return true;
    }
    if (!out->failed) wire_put_packet(out, seq, row, n);
    return !out->failed || merge_no_memory(m);
}

/* Hidden columns end; so do their NULL bits, the last byte's spare ones included. */
static bool put_cut(struct merge *m, struct buf *out, uint8_t *seq, const char *row, size_t visible)
{
    size_t bits = row_bits_end(m->nvisible), values = row_bits_end(m->ncols), before = out->len;
    unsigned last = (m->nvisible + 2) % 8;
    char *p = one_packet(out, seq, bits + visible - values);
    if (LIKELY(p)) {
        memcpy(p, row, bits);
        memcpy(p + bits, row + values, visible - values);
    } else if (!out->failed) {
        (void)wire_begin(out);
        buf_put(out, row, bits);
        buf_put(out, row + values, visible - values);
        wire_end(out, before, seq);
    }
    if (out->failed) return merge_no_memory(m);
    p = out->data + before + WIRE_HEADER + bits - 1;
    if (last) *p = (char)(*p & ((1 << last) - 1));
    return true;
}

bool merge_deliver(struct merge *m, struct buf *out, uint8_t *seq, const char *row, size_t visible)
{
    if (m->o.has_limit && m->skipped < m->o.offset) {
        m->skipped++;
        return true;
    }
    if (UNLIKELY(!m->started)) put_head(m, out, seq);
    if (UNLIKELY(!(m->cut ? put_cut : put_whole)(m, out, seq, row, visible))) return false;
    m->rows_out++;
    if (m->o.has_limit && m->rows_out >= m->o.limit) m->enough = true;
    return true;
}

static uint16_t count16(uint64_t n)
{
    return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static enum merge_state over(const struct merge *m)
{
    return m->nended == m->o.nlegs ? MERGE_DONE : MERGE_ENOUGH;
}

/* MERGE_DONE: no row is left. */
static enum merge_state rows(struct merge *m, struct buf *out, uint8_t *seq, size_t until)
{
    if (m->o.has_limit && m->o.limit == 0) m->enough = true;
    enum merge_state st = m->enough ? MERGE_DONE : way_run(m, out, seq, until);
    if (st == MERGE_FULL && m->enough) st = MERGE_DONE;
    if (out->failed && !m->failed) merge_no_memory(m);
    return m->failed ? MERGE_FAULT : st;
}

static enum merge_state run(struct merge *m, struct buf *out, uint8_t *seq, size_t budget)
{
    if (m->failed) return MERGE_FAULT;
    if (m->ended) return over(m);
    if (!m->defined) return MERGE_NEED;
    if (!m->ordered && !m->started) put_head(m, out, seq);
    enum merge_state st = rows(m, out, seq, budget < SIZE_MAX - out->len ? out->len + budget : SIZE_MAX);
    if (st != MERGE_DONE) return st;
    if (!m->started) put_head(m, out, seq);
    wire_put_end(out, seq, m->o.client_capabilities, m->status, count16(m->warnings));
    m->ended = true;
    if (!out->failed) return over(m);
    merge_no_memory(m);
    return MERGE_FAULT;
}

enum merge_state merge_run(struct merge *m, struct buf *out, uint8_t *seq, size_t budget, struct arena *a,
                           struct fault *f)
{
    enum merge_state st = run(m, out, seq, budget);
    if (st == MERGE_FAULT) merge_give_fault(m, a, f);
    return st;
}

/* ---- cursors ---- */

/* An error of any leg's EXECUTE is the whole answer to the client's: all must have said what they send. */
static bool all_defined(const struct merge *m)
{
    for (uint32_t i = 0; i < m->o.nlegs; i++)
        if (m->legs[i].state <= LEG_COLUMNS) return false;
    return m->defined;
}

/* Warnings are counted since the end before. */
static bool put_cursor_end(struct merge *m, struct buf *out, uint8_t *seq, uint16_t flag)
{
    wire_put_end(out, seq, m->o.client_capabilities, (uint16_t)(m->status | flag),
                 count16(m->warnings - m->warnings_told));
    m->warnings_told = m->warnings;
    return !out->failed || merge_no_memory(m);
}

static enum merge_state run_rows(struct merge *m, struct buf *out, uint8_t *seq, uint64_t n)
{
    if (m->failed) return MERGE_FAULT;
    if (m->ended) return over(m);
    if (!m->started) {
        if (!all_defined(m)) return MERGE_NEED;
        put_head(m, out, seq);
        return put_cursor_end(m, out, seq, WIRE_STATUS_CURSOR_EXISTS) ? MERGE_FULL : MERGE_FAULT;
    }
    m->stop_at = n < UINT64_MAX - m->rows_out ? m->rows_out + n : UINT64_MAX;
    enum merge_state st = rows(m, out, seq, SIZE_MAX);
    if (st == MERGE_FAULT || (st == MERGE_NEED && m->rows_out < m->stop_at)) return st;
    m->ended = st == MERGE_DONE;
    if (!put_cursor_end(m, out, seq, m->ended ? WIRE_STATUS_LAST_ROW_SENT : WIRE_STATUS_CURSOR_EXISTS))
        return MERGE_FAULT;
    return m->ended ? over(m) : MERGE_FULL;
}

enum merge_state merge_run_rows(struct merge *m, struct buf *out, uint8_t *seq, uint64_t n, struct arena *a,
                                struct fault *f)
{
    enum merge_state st = run_rows(m, out, seq, n);
    if (st == MERGE_FAULT) merge_give_fault(m, a, f);
    return st;
}
