/*
 * merge.c - legs' payloads in, one result set out. See merge.h for the contract and room.h for the rooms.
 *
 * A leg: COUNT -> COLUMNS -> (COLUMNS_EOF) -> ROWS -> ENDED, one payload a step. The leg that sends its first
 * definition first is the reference: its definitions go to the client; the others must have as many columns
 * and, where a value is compared or added, the same class of type.
 *
 * The head of the result is written as late as it can be (with the first row, or the end): until then an
 * error of any leg can still be the statement's only answer. Concatenation writes it at once, because its
 * rows do not wait for the slowest leg either.
 */
#include "proxy/merge/room.h"

#include <stdio.h>

enum { MIN_WINDOW = 4096, MIN_LEG_BUFFER = 1024, ROW_PREFIX = 4 };

/* ---- faults and memory ---- */

bool merge_fail(struct merge *m, uint16_t code, const char *fmt, ...)
{
    if (m->failed) return false;
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    m->failed = true;
    fault_set(&m->fault, &m->arena, code, wire_error_state(code), "%s", text);
    return false;
}

bool merge_no_memory(struct merge *m)
{
    return merge_fail(m, WIRE_ER_OUT_OF_RESOURCES, "out of memory while merging the shards' rows");
}

bool merge_step_back(struct merge *m)
{
    return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET,
                      "a shard sorts the rows otherwise than they can be merged (column %u)",
                      m->keys.keys[0].value + 1);
}

bool merge_hold(struct merge *m, size_t n)
{
    if (n > m->o.max_memory || m->held > m->o.max_memory - n)
        return merge_fail(m, WIRE_ER_OUT_OF_RESOURCES,
                          "merging the shards' rows needs more than max_statement_memory (%zu bytes): add a "
                          "LIMIT or a condition, or raise it",
                          m->o.max_memory);
    m->held += n;
    return true;
}

void merge_unhold(struct merge *m, size_t n)
{
    m->held -= n;
}

bool merge_keep_more(struct merge *m, struct buf *b, size_t n)
{
    if (b->cap - b->len >= n) return true;
    size_t before = b->cap;
    /* Counted before it is taken: a cap on memory that is noticed afterwards is none. buf at most doubles. */
    size_t most = (b->len + n) * 2 + 64;
    if (!merge_hold(m, most)) return false;
    bool ok = buf_reserve(b, n);
    merge_unhold(m, most - (ok ? b->cap - before : 0));
    if (!ok) b->failed = false;
    return ok || merge_no_memory(m);
}

bool merge_keep(struct merge *m, struct buf *b, const char *p, size_t n)
{
    b->len = 0;
    if (!merge_keep_more(m, b, n)) return false;
    buf_put(b, p, n);
    return true;
}

/* ---- making and ending ---- */

struct merge *merge_new(const struct merge_options *o)
{
    struct merge *m = mem_zalloc(sizeof *m);
    if (!m) return NULL;
    m->o = *o;
    m->spec = o->spec;
    if (!m->o.max_memory) m->o.max_memory = SIZE_MAX / 2;
    m->status = o->status;
    m->reference = UINT32_MAX;
    m->ordered = o->spec->norder || o->spec->grouped || o->spec->distinct;
    arena_init(&m->arena, 0);
    /* All windows together hold at most half of max_memory; the rest is for groups and sorting. */
    m->window = o->window < MIN_WINDOW ? MIN_WINDOW : o->window;
    size_t share = m->o.max_memory / 2 / (o->nlegs ? o->nlegs : 1);
    if (m->window > share) m->window = share < MIN_WINDOW ? MIN_WINDOW : share;
    m->legs = arena_array(&m->arena, struct leg, o->nlegs + 1);
    m->order = arena_array(&m->arena, uint32_t, o->nlegs + 1);
    m->missing = arena_array(&m->arena, uint32_t, o->nlegs + 1);
    if (!m->legs || !m->order || !m->missing) {
        merge_free(m);
        return NULL;
    }
    for (uint32_t i = 0; i < o->nlegs; i++) m->missing[i] = i;
    m->nmissing = o->nlegs;
    return m;
}

void merge_free(struct merge *m)
{
    if (!m) return;
    for (uint32_t i = 0; m->legs && i < m->o.nlegs; i++) mem_free(m->legs[i].data);
    group_release(m);
    sort_release(m);
    buf_release(&m->kept);
    buf_release(&m->row);
    arena_release(&m->arena);
    mem_free(m);
}

/* ---- a leg's window ---- */

static bool window_room(struct merge *m, struct leg *l, size_t n)
{
    if (l->cap - l->tail >= n) return true;
    if (l->head) {
        memmove(l->data, l->data + l->head, l->tail - l->head);
        l->tail -= l->head;
        l->head = 0;
        if (l->cap - l->tail >= n) return true;
    }
    size_t need = l->tail + n, cap = l->cap ? l->cap * 2 : MIN_LEG_BUFFER;
    if (cap < need || cap > m->window * 2) cap = need > l->cap ? need : cap;
    if (!merge_hold(m, cap - l->cap)) return false;
    char *p = mem_realloc(l->data, cap);
    if (!p) {
        merge_unhold(m, cap - l->cap);
        return merge_no_memory(m);
    }
    l->data = p;
    l->cap = cap;
    return true;
}

static bool window_put(struct merge *m, struct leg *l, struct str row)
{
    if (row.len > UINT32_MAX - ROW_PREFIX)
        return merge_fail(m, WIRE_ER_OUT_OF_RESOURCES, "a row of %zu bytes is too long", row.len);
    if (l->head == l->tail && !l->has_head) {
        l->head = l->tail = 0;
        if (l->cap > m->window * 2 &&
            row.len + ROW_PREFIX < m->window) { /* a huge row went through: do not keep its room */
            merge_unhold(m, l->cap);
            mem_free(l->data);
            l->data = NULL;
            l->cap = 0;
        }
    }
    if (!window_room(m, l, row.len + ROW_PREFIX)) return false;
    uint32_t n = (uint32_t)row.len;
    memcpy(l->data + l->tail, &n, ROW_PREFIX);
    if (n) memcpy(l->data + l->tail + ROW_PREFIX, row.ptr, n);
    l->tail += ROW_PREFIX + n;
    return true;
}

/* ---- definitions ---- */

bool merge_column_index(struct merge *m, struct merge_column c, uint32_t *out)
{
    bool hidden = c.from == MERGE_HIDDEN;
    if (c.index >= (hidden ? m->spec->nhidden : m->nvisible))
        return merge_fail(m, WIRE_ER_UNKNOWN_ERROR,
                          "the merge needs %s column %u of a result with %u visible and %u hidden ones",
                          hidden ? "hidden" : "visible", c.index, m->nvisible, m->spec->nhidden);
    *out = hidden ? m->nvisible + c.index : c.index;
    return true;
}

static bool refuse_collation(struct merge *m, uint32_t column, struct str collation)
{
    return merge_fail(
        m, WIRE_ER_NOT_SUPPORTED_YET,
        "the shards' rows cannot be merged in the order of column %u: weights of its collation '" STR_FMT
        "' do not compare. Use COLLATE with another collation, or a condition so that one shard answers",
        column + 1, STR_ARG(collation));
}

static bool compile_key(struct merge *m, struct keyset *set, uint32_t i, const struct merge_key *from)
{
    struct key *k = &set->keys[i];
    k->desc = from->desc;
    if (!merge_column_index(m, from->value, &k->value)) return false;
    k->field = k->value;
    k->cls = (enum key_class)m->classes[k->value];
    m->matters[k->value] = true;
    if (k->cls == KEY_REFUSED)
        return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET,
                          "the shards' rows cannot be merged in the order of column %u, which is %s",
                          k->value + 1, key_class_name(k->cls));
    if (k->cls != KEY_TEXT) return true;
    if (!from->has_weight)
        return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET,
                          "the shards' rows cannot be merged in the order of column %u: it is text without "
                          "its WEIGHT_STRING",
                          k->value + 1);
    if (!merge_column_index(m, from->weight, &k->field)) return false;
    if (m->classes[k->field] != KEY_BYTES)
        return merge_fail(m, WIRE_ER_UNKNOWN_ERROR, "the weight of column %u is not binary", k->value + 1);
    m->matters[k->field] = true;
    if (from->has_collation_column)
        return merge_column_index(m, from->collation_column, &set->collation_fields[i]);
    set->collations[i] = from->collation;
    return weights_pad(from->collation, &k->pad) || refuse_collation(m, k->value, from->collation);
}

bool keyset_compile(struct merge *m, struct keyset *set, const struct merge_key *from, uint32_t n)
{
    set->n = n;
    set->keys = arena_array(&m->arena, struct key, n + 1);
    set->collation_fields = arena_array(&m->arena, uint32_t, n + 1);
    set->collations = arena_array(&m->arena, struct str, n + 1);
    if (!set->keys || !set->collation_fields || !set->collations) return merge_no_memory(m);
    for (uint32_t i = 0; i < n; i++) {
        set->collation_fields[i] = UINT32_MAX;
        if (!compile_key(m, set, i, &from[i])) return false;
    }
    return true;
}

bool keyset_collations(struct merge *m, struct keyset *set, const char *row, const struct cell *cells)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->collation_fields[i] == UINT32_MAX) continue;
        struct str name = cell_str(row, cells[set->collation_fields[i]]);
        if (set->collations[i].ptr) {
            if (!str_eq(name, set->collations[i]))
                return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET,
                                  "the shards disagree about the collation of column %u: '" STR_FMT
                                  "' and '" STR_FMT "'",
                                  set->keys[i].value + 1, STR_ARG(set->collations[i]), STR_ARG(name));
            continue;
        }
        if (!weights_pad(name, &set->keys[i].pad)) return refuse_collation(m, set->keys[i].value, name);
        set->collations[i] = arena_str(&m->arena, name);
        if (!set->collations[i].ptr) return merge_no_memory(m);
    }
    return true;
}

bool merge_heads(struct merge *m, const struct keyset *set, const char *row, const struct cell *cells,
                 struct head *out)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (!key_head(&set->keys[i], row, cells, &out[i])) {
            uint32_t column = set->keys[i].value;
            if (cells[set->keys[i].field].len == CELL_NULL)
                return merge_fail(
                    m, WIRE_ER_NOT_SUPPORTED_YET,
                    "the weight of a value in column %u is longer than the server's max_allowed_packet",
                    column + 1);
            return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a value in column %u that is not %s",
                              column + 1, key_class_name(set->keys[i].cls));
        }
    return true;
}

/* Keys and aggregates, when the reference leg's definitions are whole. */
static bool compile(struct merge *m)
{
    const struct merge_spec *s = m->spec;
    bool ok = s->grouped ? keyset_compile(m, &m->keys, s->group, s->ngroup)
                         : keyset_compile(m, &m->keys, s->order, s->norder);
    if (ok && s->grouped) ok = group_compile(m);
    if (ok && s->nfinal_order) ok = keyset_compile(m, &m->final, s->final_order, s->nfinal_order);
    if (!ok) return false;
    /* Which fields must be found: all when hidden ones are cut off or values are added, else up to the last
     * key. */
    m->ncells = s->nhidden || s->grouped ? m->ncols : 0;
    for (uint32_t i = 0; i < m->keys.n && m->ncells < m->ncols; i++)
        if (m->keys.keys[i].field >= m->ncells) m->ncells = m->keys.keys[i].field + 1;
    for (uint32_t i = 0; m->ordered && i < m->o.nlegs; i++) {
        m->legs[i].heads = arena_array(&m->arena, struct head, m->keys.n + 1);
        m->legs[i].prev = arena_array(&m->arena, struct head, m->keys.n + 1);
        if (!m->legs[i].heads || !m->legs[i].prev) return merge_no_memory(m);
    }
    m->kept_heads = arena_array(&m->arena, struct head, m->keys.n + 1);
    if (!m->kept_heads) return merge_no_memory(m);
    m->defined = true;
    return true;
}

static bool put_count(struct merge *m, struct leg *l, struct str payload)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    uint64_t n = wire_get_lenenc(&r);
    if (r.bad || wire_left(&r) || n == 0 || n > 65535)
        return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent no result set");
    if (m->ncols == 0) {
        if (n <= m->spec->nhidden)
            return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent %u columns, more were asked for",
                              (unsigned)n);
        m->ncols = (uint32_t)n;
        m->nvisible = m->ncols - m->spec->nhidden;
        m->columns = arena_array(&m->arena, struct wire_column, n);
        m->classes = arena_array(&m->arena, uint8_t, n);
        m->matters = arena_array(&m->arena, bool, n);
        m->cells = arena_array(&m->arena, struct cell, n);
        if (!m->columns || !m->classes || !m->matters || !m->cells) return merge_no_memory(m);
    }
    if (n != m->ncols)
        return merge_fail(m, WIRE_ER_UNKNOWN_ERROR,
                          "the shards sent different numbers of columns (%u and %u): their tables differ",
                          m->ncols, (unsigned)n);
    l->columns_left = m->ncols;
    l->state = LEG_COLUMNS;
    return true;
}

/* Do a leg's columns fit the reference leg's, wherever the merge looks at values? Concatenation passes on
 * what the shards say. */
static bool check_classes(struct merge *m, const struct leg *l)
{
    for (uint32_t i = 0; l->classes && i < m->ncols; i++)
        if (m->matters[i] && l->classes[i] != m->classes[i])
            return merge_fail(m, WIRE_ER_UNKNOWN_ERROR,
                              "the shards disagree about column %u: %s and %s. Their tables differ", i + 1,
                              key_class_name((enum key_class)m->classes[i]),
                              key_class_name((enum key_class)l->classes[i]));
    return true;
}

/* The reference leg's definitions are whole: compile, then look at the legs that were faster. */
static bool reference_ready(struct merge *m)
{
    if (!compile(m)) return false;
    for (uint32_t i = 0; i < m->o.nlegs; i++)
        if (m->legs[i].state > LEG_COLUMNS && !check_classes(m, &m->legs[i])) return false;
    return true;
}

static bool put_column(struct merge *m, uint32_t leg, struct leg *l, struct str payload,
                       uint32_t capabilities)
{
    struct wire_column c;
    if (wire_get_column(payload, &c) != WIRE_OK)
        return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a malformed column definition");
    uint32_t i = m->ncols - l->columns_left;
    if (m->reference == UINT32_MAX) m->reference = leg;
    if (m->reference == leg) {
        struct str copy = arena_str(&m->arena, payload);
        if (!copy.ptr || wire_get_column(copy, &m->columns[i]) != WIRE_OK) return merge_no_memory(m);
        m->classes[i] = (uint8_t)key_class_of(&c);
    } else if (m->ordered) {
        if (!l->classes) l->classes = arena_array(&m->arena, uint8_t, m->ncols);
        if (!l->classes) return merge_no_memory(m);
        l->classes[i] = (uint8_t)key_class_of(&c);
    }
    if (--l->columns_left) return true;
    l->state = capabilities & WIRE_CAP_DEPRECATE_EOF ? LEG_ROWS : LEG_COLUMNS_EOF;
    if (m->reference == leg) return reference_ready(m);
    return !m->defined || check_classes(m, l);
}

static bool put_end(struct merge *m, struct leg *l, struct str payload, uint32_t capabilities)
{
    uint16_t status = 0, warnings = 0;
    bool ok;
    if (capabilities & WIRE_CAP_DEPRECATE_EOF) {
        struct wire_ok end;
        ok = wire_get_ok(payload, capabilities, &end) == WIRE_OK;
        if (ok) warnings = end.warnings;
    } else {
        ok = wire_get_eof(payload, &status, &warnings) == WIRE_OK;
    }
    if (!ok) return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a malformed end of rows");
    m->warnings += warnings;
    l->state = LEG_ENDED;
    m->nended++;
    return true;
}

static bool is_end(struct str payload, uint32_t capabilities)
{
    if (payload.len == 0 || (unsigned char)payload.ptr[0] != 0xfe) return false;
    return capabilities & WIRE_CAP_DEPRECATE_EOF ? payload.len < WIRE_MAX_PAYLOAD : payload.len < 9;
}

static bool put(struct merge *m, uint32_t leg, struct str payload, uint32_t capabilities)
{
    struct leg *l = &m->legs[leg];
    switch (l->state) {
    case LEG_COUNT: return put_count(m, l, payload);
    case LEG_COLUMNS: return put_column(m, leg, l, payload, capabilities);
    case LEG_COLUMNS_EOF:
        if (!wire_is_eof(payload))
            return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent no end of column definitions");
        l->state = LEG_ROWS;
        return true;
    case LEG_ROWS:
        if (is_end(payload, capabilities)) return put_end(m, l, payload, capabilities);
        m->rows_in++;
        if (m->ended || m->enough) return true; /* drained, nobody needs it */
        return window_put(m, l, payload);
    case LEG_ENDED: return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent more than its result");
    }
    return false;
}

static bool give_fault(struct merge *m, struct arena *a, struct fault *f)
{
    fault_set(f, a, m->fault.code, m->fault.state, STR_FMT, STR_ARG(m->fault.message));
    return false;
}

bool merge_put(struct merge *m, uint32_t leg, struct str payload, uint32_t leg_capabilities, struct arena *a,
               struct fault *f)
{
    if (LIKELY(!m->failed && leg < m->o.nlegs && put(m, leg, payload, leg_capabilities))) return true;
    if (!m->failed) merge_fail(m, WIRE_ER_UNKNOWN_ERROR, "no leg %u in this merge", leg);
    return give_fault(m, a, f);
}

/* ---- out ---- */

static void put_head(struct merge *m, struct buf *out, uint8_t *seq)
{
    size_t at = wire_begin(out);
    wire_put_lenenc(out, m->nvisible);
    wire_end(out, at, seq);
    for (uint32_t i = 0; i < m->nvisible; i++) {
        struct wire_column c = m->columns[i];
        if (m->o.rename) m->o.rename(m->o.rename_ctx, m->reference, &c);
        wire_put_column(out, seq, &c);
    }
    if (!(m->o.client_capabilities & WIRE_CAP_DEPRECATE_EOF)) wire_put_eof(out, seq, m->status, 0);
    m->started = true;
}

bool merge_deliver(struct merge *m, struct buf *out, uint8_t *seq, const char *row, size_t visible)
{
    if (m->o.has_limit && m->skipped < m->o.offset) {
        m->skipped++;
        return true;
    }
    if (UNLIKELY(!m->started)) put_head(m, out, seq);
    if (LIKELY(visible < WIRE_MAX_PAYLOAD)) {
        if (UNLIKELY(!buf_reserve(out, visible + WIRE_HEADER))) return merge_no_memory(m);
        char *p = out->data + out->len;
        p[0] = (char)visible;
        p[1] = (char)(visible >> 8);
        p[2] = (char)(visible >> 16);
        p[3] = (char)(*seq)++;
        memcpy(p + WIRE_HEADER, row, visible);
        out->len += visible + WIRE_HEADER;
    } else {
        wire_put_packet(out, seq, row, visible);
        if (out->failed) return merge_no_memory(m);
    }
    m->rows_out++;
    if (m->o.has_limit && m->rows_out >= m->o.limit) m->enough = true;
    return true;
}

static void put_end_packet(struct merge *m, struct buf *out, uint8_t *seq)
{
    if (!m->started) put_head(m, out, seq);
    wire_put_end(out, seq, m->o.client_capabilities, m->status,
                 m->warnings > UINT16_MAX ? UINT16_MAX : (uint16_t)m->warnings);
    m->ended = true;
}

static enum merge_state run(struct merge *m, struct buf *out, uint8_t *seq, size_t budget)
{
    if (m->failed) return MERGE_FAULT;
    if (!m->ended) {
        if (!m->defined) return MERGE_NEED;
        if (m->o.has_limit && m->o.limit == 0) m->enough = true;
        if (!m->ordered && !m->started) put_head(m, out, seq);
        size_t until = budget < SIZE_MAX - out->len ? out->len + budget : SIZE_MAX;
        enum merge_state st = m->enough ? MERGE_DONE : way_run(m, out, seq, until);
        if (st == MERGE_FULL && m->enough) st = MERGE_DONE;
        if (out->failed && !m->failed) merge_no_memory(m);
        if (m->failed) return MERGE_FAULT;
        if (st != MERGE_DONE) return st;
        put_end_packet(m, out, seq);
        if (out->failed) {
            merge_no_memory(m);
            return MERGE_FAULT;
        }
    }
    return m->nended == m->o.nlegs ? MERGE_DONE : MERGE_ENOUGH;
}

enum merge_state merge_run(struct merge *m, struct buf *out, uint8_t *seq, size_t budget, struct arena *a,
                           struct fault *f)
{
    enum merge_state st = run(m, out, seq, budget);
    if (st == MERGE_FAULT) give_fault(m, a, f);
    return st;
}

/* ---- questions ---- */

bool merge_leg_ended(const struct merge *m, uint32_t leg)
{
    return leg < m->o.nlegs && m->legs[leg].state == LEG_ENDED;
}

bool merge_wants(const struct merge *m, uint32_t leg)
{
    if (leg >= m->o.nlegs || m->failed || m->ended || m->enough) return false;
    const struct leg *l = &m->legs[leg];
    return l->state != LEG_ENDED && l->tail - l->head < m->window;
}

void merge_set_status(struct merge *m, uint16_t status)
{
    m->status = status;
}

bool merge_started(const struct merge *m)
{
    return m->started;
}

uint64_t merge_rows_in(const struct merge *m)
{
    return m->rows_in;
}

uint64_t merge_rows_out(const struct merge *m)
{
    return m->rows_out;
}

uint64_t merge_warnings(const struct merge *m)
{
    return m->warnings;
}

size_t merge_held(const struct merge *m)
{
    return m->held;
}
