/*
 * merge.c - legs' payloads in. See merge.h for the contract and room.h for the rooms; the way out is out.c.
 *
 * A leg: COUNT -> COLUMNS -> (COLUMNS_EOF) -> ROWS -> ENDED, one payload a step. The leg that sends its first
 * definition first is the reference: its definitions go to the client; the others must have as many columns
 * and, where a value is compared or added, the same class of type.
 * Binary rows say nothing of their types: a leg whose columns are laid out otherwise has its rows rewritten.
 *
 * A cursor's leg may go on: ENDED -> ROWS, when its next FETCH was sent.
 *
 * All memory is counted, the arena's too. A small merge lives in the arena and a pool's merge brings its
 * arena along, so that it allocates nothing.
 */
#include "proxy/merge/room.h"

#include <stdio.h>

enum {
    MIN_WINDOW = 4096,
    MIN_LEG_BUFFER = 1024,
    FIRST_WINDOW = 4096, /* of the arena, when there are FEW_LEGS or fewer */
    FEW_LEGS = 8,
    ROW_PREFIX = 4,
    POOL_MAX = 8,
    POOL_BUFFER = 16 << 10 /* bytes of a buffer that an idle merge may keep */
};

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

bool merge_malformed(struct merge *m)
{
    return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a malformed row");
}

bool merge_step_back(struct merge *m)
{
    return merge_fail(m, WIRE_ER_NOT_SUPPORTED_YET,
                      "a shard sorts the rows otherwise than they can be merged (column %u)",
                      m->keys.keys[0].value + 1);
}

static bool too_much(struct merge *m)
{
    return merge_fail(m, WIRE_ER_OUT_OF_RESOURCES,
                      "merging the shards' rows needs more than max_statement_memory (%zu bytes): add a "
                      "LIMIT or a condition, or raise it",
                      m->o.max_memory);
}

bool merge_hold(struct merge *m, size_t n)
{
    size_t held = merge_held(m);
    if (n > m->o.max_memory || held > m->o.max_memory - n) return too_much(m);
    m->held += n;
    return true;
}

static void *from_arena(struct merge *m, size_t n)
{
    /* The cap is set for this allocation alone: the text of a fault must still find room. */
    size_t cap = m->o.max_memory > m->held ? m->o.max_memory - m->held : 1;
    m->arena.cap = cap;
    void *p = arena_alloc(&m->arena, n);
    m->arena.cap = 0;
    if (p) return p;
    if (m->arena.held >= cap || n >= cap - m->arena.held)
        too_much(m);
    else
        merge_no_memory(m);
    return NULL;
}

void *merge_alloc(struct merge *m, size_t n)
{
    void *p = from_arena(m, n);
    if (p) memset(p, 0, n);
    return p;
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

/* A merge with nothing in it: one that was used before, with the memory it kept, or a new one. */
static struct merge *bare(struct merge_pool *pool)
{
    struct merge *m = pool ? pool->idle : NULL;
    if (!m) {
        m = mem_zalloc(sizeof *m);
        if (m) arena_init(&m->arena, 0);
        return m;
    }
    pool->idle = m->next;
    pool->n--;
    *m = (struct merge){.arena = m->arena, .kept = m->kept, .row = m->row, .held = m->kept.cap + m->row.cap};
    return m;
}

struct merge *merge_new(const struct merge_options *o)
{
    struct merge *m = bare(o->pool);
    if (!m) return NULL;
    m->o = *o;
    m->spec = o->spec;
    if (!m->o.max_memory) m->o.max_memory = SIZE_MAX / 2;
    m->status = o->status;
    m->reference = UINT32_MAX;
    m->stop_at = UINT64_MAX;
    m->ordered = o->spec->norder || o->spec->grouped || o->spec->distinct;
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
    for (uint32_t i = 0; i < o->nlegs; i++) {
        m->missing[i] = i;
        m->legs[i].is_missing = true;
    }
    m->nmissing = o->nlegs;
    return m;
}

static void end_bare(struct merge *m)
{
    buf_release(&m->kept);
    buf_release(&m->row);
    arena_release(&m->arena);
    mem_free(m);
}

static void make_small(struct buf *b)
{
    buf_reset(b);
    if (b->cap > POOL_BUFFER) buf_release(b);
}

void merge_free(struct merge *m)
{
    if (!m) return;
    for (uint32_t i = 0; m->legs && i < m->o.nlegs; i++)
        if (!m->legs[i].in_arena) mem_free(m->legs[i].data);
    group_release(m);
    sort_release(m);
    struct merge_pool *pool = m->o.pool;
    if (!pool || pool->n >= POOL_MAX) {
        end_bare(m);
        return;
    }
    arena_reset(&m->arena);
    make_small(&m->kept);
    make_small(&m->row);
    m->next = pool->idle;
    pool->idle = m;
    pool->n++;
}

void merge_pool_release(struct merge_pool *pool)
{
    while (pool->idle) {
        struct merge *m = pool->idle;
        pool->idle = m->next;
        end_bare(m);
    }
    pool->n = 0;
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
    if (!l->first_used && need <= FIRST_WINDOW && m->o.nlegs <= FEW_LEGS) {
        l->data = from_arena(m, FIRST_WINDOW);
        if (!l->data) return false;
        l->cap = FIRST_WINDOW;
        l->in_arena = l->first_used = true;
        return true;
    }
    if (cap < need || cap > m->window * 2) cap = need > l->cap ? need : cap;
    size_t before = l->in_arena ? 0 : l->cap;
    if (!merge_hold(m, cap - before)) return false;
    char *p = mem_realloc(l->in_arena ? NULL : l->data, cap);
    if (!p) {
        merge_unhold(m, cap - before);
        return merge_no_memory(m);
    }
    if (l->in_arena && l->tail) memcpy(p, l->data, l->tail);
    l->in_arena = false;
    l->first_used = true;
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
    k->binary = m->o.binary;
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
    set->keys = merge_array(m, struct key, n + 1);
    set->collation_fields = merge_array(m, uint32_t, n + 1);
    set->collations = merge_array(m, struct str, n + 1);
    if (!set->keys || !set->collation_fields || !set->collations) return false;
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
        m->legs[i].heads = merge_array(m, struct head, m->keys.n + 1);
        m->legs[i].prev = merge_array(m, struct head, m->keys.n + 1);
        if (!m->legs[i].heads || !m->legs[i].prev) return false;
    }
    m->kept_heads = merge_array(m, struct head, m->keys.n + 1);
    if (!m->kept_heads) return false;
    m->defined = true;
    return true;
}

static bool make_form(struct merge *m)
{
    m->form = (struct row_form){.binary = m->o.binary, .ncols = m->ncols};
    m->cut = m->o.binary && m->spec->nhidden;
    if (!m->o.binary) return true;
    uint8_t *widths = merge_array(m, uint8_t, m->ncols);
    if (!widths) return false;
    for (uint32_t i = 0; i < m->ncols; i++) widths[i] = row_width(m->columns[i].type);
    m->form.widths = widths;
    return true;
}

static bool put_count(struct merge *m, struct leg *l, struct str payload, uint32_t capabilities)
{
    uint64_t n;
    bool defined;
    if (wire_get_column_count(payload, capabilities, &n, &defined) != WIRE_OK || n == 0 || n > 65535)
        return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent no result set");
    if (!defined)
        return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a result set without its columns");
    if (m->ncols == 0) {
        if (n <= m->spec->nhidden)
            return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent %u columns, more were asked for",
                              (unsigned)n);
        m->ncols = (uint32_t)n;
        m->nvisible = m->ncols - m->spec->nhidden;
        m->least_row = m->o.binary ? row_bits_end(m->ncols) : m->ncols;
        m->columns = merge_array(m, struct wire_column, n);
        m->classes = merge_array(m, uint8_t, n);
        m->matters = merge_array(m, bool, n);
        m->cells = merge_array(m, struct cell, n);
        if (!m->columns || !m->classes || !m->matters || !m->cells) return false;
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
static bool check_classes(struct merge *m, struct leg *l)
{
    for (uint32_t i = 0; l->classes && i < m->ncols; i++)
        if (m->matters[i] && l->classes[i] != m->classes[i])
            return merge_fail(m, WIRE_ER_UNKNOWN_ERROR,
                              "the shards disagree about column %u: %s and %s. Their tables differ", i + 1,
                              key_class_name((enum key_class)m->classes[i]),
                              key_class_name((enum key_class)l->classes[i]));
    return !l->shapes || translate_check(m, l);
}

/* Rows that came before the reference leg's definitions lie in the window as they were sent. */
static bool translate_window(struct merge *m, struct leg *l)
{
    struct leg old = *l;
    if (!l->translated || l->head == l->tail) return true;
    l->data = NULL;
    l->cap = l->head = l->tail = 0;
    l->in_arena = false;
    bool ok = true;
    for (size_t at = old.head; ok && at < old.tail;) {
        uint32_t n;
        struct str row;
        memcpy(&n, old.data + at, ROW_PREFIX);
        ok = translate_row(m, l, str_make(old.data + at + ROW_PREFIX, n), &row) && window_put(m, l, row);
        at += ROW_PREFIX + n;
    }
    if (!old.in_arena) {
        merge_unhold(m, old.cap);
        mem_free(old.data);
    }
    return ok;
}

/* The reference leg's definitions are whole: compile, then look at the legs that were faster. */
static bool reference_ready(struct merge *m)
{
    if (!make_form(m) || !compile(m)) return false;
    for (uint32_t i = 0; i < m->o.nlegs; i++) {
        struct leg *l = &m->legs[i];
        if (l->state > LEG_COLUMNS && (!check_classes(m, l) || !translate_window(m, l))) return false;
    }
    return true;
}

/* What is asked of a column that is not the reference leg's: how its values are read. */
static bool note_column(struct merge *m, struct leg *l, uint32_t i, const struct wire_column *c)
{
    if (m->ordered) {
        if (!l->classes) l->classes = merge_array(m, uint8_t, m->ncols);
        if (!l->classes) return false;
        l->classes[i] = (uint8_t)key_class_of(c);
    }
    if (m->o.binary) {
        if (!l->shapes) l->shapes = merge_array(m, struct shape, m->ncols);
        if (!l->shapes) return false;
        l->shapes[i] = (struct shape){c->type, c->decimals, c->flags & WIRE_COLUMN_UNSIGNED};
    }
    return true;
}

/*
 * The names of a column that is not the reference leg's are nobody's business: its fixed part alone, which
 * ends the packet: 0c, collation, length u32, type, flags, decimals, two zeros.
 */
static bool get_fixed_part(struct str payload, struct wire_column *c)
{
    enum { FIXED = 13 };
    if (payload.len < 6 + FIXED) return false;
    const unsigned char *p = (const unsigned char *)payload.ptr + payload.len - FIXED;
    if (p[0] != 0x0c || p[11] || p[12]) return false;
    *c = (struct wire_column){.collation = (uint16_t)(p[1] | p[2] << 8),
                              .type = p[7],
                              .flags = (uint16_t)(p[8] | p[9] << 8),
                              .decimals = p[10]};
    return true;
}

static bool put_column(struct merge *m, uint32_t leg, struct leg *l, struct str payload,
                       uint32_t capabilities)
{
    uint32_t i = m->ncols - l->columns_left;
    if (m->reference == UINT32_MAX) m->reference = leg;
    bool good, mine = m->reference == leg;
    if (mine) {
        char *copy = from_arena(m, payload.len);
        if (!copy) return false;
        if (payload.len) memcpy(copy, payload.ptr, payload.len);
        good = wire_get_column(str_make(copy, payload.len), &m->columns[i]) == WIRE_OK;
        if (good) m->classes[i] = (uint8_t)key_class_of(&m->columns[i]);
    } else {
        struct wire_column c;
        good = get_fixed_part(payload, &c) || wire_get_column(payload, &c) == WIRE_OK;
        if (good && !note_column(m, l, i, &c)) return false;
    }
    if (!good) return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent a malformed column definition");
    if (--l->columns_left) return true;
    l->state = capabilities & WIRE_CAP_DEPRECATE_EOF ? LEG_ROWS : LEG_COLUMNS_EOF;
    if (mine) return reference_ready(m);
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
    case LEG_COUNT: return put_count(m, l, payload, capabilities);
    case LEG_COLUMNS: return put_column(m, leg, l, payload, capabilities);
    case LEG_COLUMNS_EOF: {
        uint16_t status, warnings;
        if (!wire_is_eof(payload) || wire_get_eof(payload, &status, &warnings) != WIRE_OK)
            return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent no end of column definitions");
        l->state = LEG_ROWS;
        /* With a cursor's definitions its EXECUTE is over, as under DEPRECATE_EOF. */
        if (m->o.cursor && status & WIRE_STATUS_CURSOR_EXISTS) return put_end(m, l, payload, capabilities);
        return true;
    }
    case LEG_ROWS:
        if (is_end(payload, capabilities)) return put_end(m, l, payload, capabilities);
        m->rows_in++;
        if (m->ended || m->enough) return true; /* drained, nobody needs it */
        if (UNLIKELY(payload.len < m->least_row || (m->o.binary && payload.ptr[0] != 0)))
            return merge_malformed(m);
        if (UNLIKELY(l->translated) && !translate_row(m, l, payload, &payload)) return false;
        return window_put(m, l, payload);
    case LEG_ENDED: return merge_fail(m, WIRE_ER_MALFORMED_PACKET, "a shard sent more than its result");
    }
    return false;
}

bool merge_give_fault(struct merge *m, struct arena *a, struct fault *f)
{
    fault_set(f, a, m->fault.code, m->fault.state, STR_FMT, STR_ARG(m->fault.message));
    return false;
}

bool merge_put(struct merge *m, uint32_t leg, struct str payload, uint32_t leg_capabilities, struct arena *a,
               struct fault *f)
{
    if (LIKELY(!m->failed && leg < m->o.nlegs && put(m, leg, payload, leg_capabilities))) return true;
    if (!m->failed) merge_fail(m, WIRE_ER_UNKNOWN_ERROR, "no leg %u in this merge", leg);
    return merge_give_fault(m, a, f);
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

bool merge_needs(const struct merge *m, uint32_t leg)
{
    if (leg >= m->o.nlegs || m->failed || m->ended || m->enough) return false;
    const struct leg *l = &m->legs[leg];
    return l->state != LEG_ENDED && l->head == l->tail;
}

void merge_leg_goes_on(struct merge *m, uint32_t leg)
{
    if (leg >= m->o.nlegs || m->legs[leg].state != LEG_ENDED) return;
    m->legs[leg].state = LEG_ROWS;
    m->nended--;
    if (m->ordered) way_misses(m, leg);
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
    return m->held + m->arena.held;
}
