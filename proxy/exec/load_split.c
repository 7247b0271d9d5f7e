/*
 * load_split.c - LOAD DATA LOCAL into a table of several nodes: records to shards, with their ids, in batches (see load.h and load_room.h).
 *
 *   reader -> record -> id (taken, or the one it brings) -> shard columns' values -> leg -> batch[leg].fill
 *
 * A record that finds no room, or no id yet, stays `pending` and the client is not read from until there is. Values of generated ids that a record brings
 * raise the sequence's mark before its batch is sent.
 */
#include "proxy/exec/load_room.h"

enum { ER_TOO_BIG = 1153, ER_BROKEN_TEXT = 1300, ER_TRUNCATED_WRONG = 1366, ER_TOO_FEW_RECORDS = 1261, DIGITS = 20 };
enum placed { PLACED, BLOCKED, FAILED };

static void out_of_memory(struct fault *f)
{
    *f = (struct fault){WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory, or LOAD DATA is over max_statement_memory")};
}

/* ---- begin ---- */

static int one_byte(struct str s)
{
    return s.len ? (unsigned char)s.ptr[0] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static uint32_t want_field(struct load *l, uint32_t field)
{
    uint32_t i = 0;
    while (i < l->nwanted && l->wanted[i] != field) i++;
    if (i == l->nwanted) l->wanted[l->nwanted++] = field;
    return field;
}

static uint32_t place_of(const struct load *l, uint32_t field)
{
    for (uint32_t i = 0; i < l->nwanted; i++) {
        if (l->wanted[i] == field) return i;
    }
    return UINT32_MAX;
}

/* Which fields must be looked at, ascending, and where among them the keys and the id are. */
static bool choose_fields(struct load *l)
{
    const struct plan_load *pl = l->pl;
    struct arena *a = &l->e->arena;
    l->wanted = arena_array(a, uint32_t, pl->nkeys + 2);
    l->key_field = arena_array(a, uint32_t, pl->nkeys + 1);
    l->values = arena_array(a, struct value, pl->nkeys + 1);
    if (!l->wanted || !l->key_field || !l->values) return false;
    for (uint32_t i = 0; i < pl->nkeys; i++) {
        if (pl->keys[i].from == PLAN_LOAD_FIELD) want_field(l, pl->keys[i].field);
    }
    if (pl->has_id && pl->id.from == PLAN_LOAD_FIELD) want_field(l, pl->id.field);
    for (uint32_t i = 1; i < l->nwanted; i++) {
        for (uint32_t k = i; k && l->wanted[k - 1] > l->wanted[k]; k--) {
            uint32_t t = l->wanted[k];
            l->wanted[k] = l->wanted[k - 1];
            l->wanted[k - 1] = t;
        }
    }
    for (uint32_t i = 0; i < pl->nkeys; i++) l->key_field[i] = pl->keys[i].from == PLAN_LOAD_FIELD ? place_of(l, pl->keys[i].field) : UINT32_MAX;
    l->id_field = pl->has_id && pl->id.from == PLAN_LOAD_FIELD ? place_of(l, pl->id.field) : UINT32_MAX;
    return true;
}

static bool make_reader(struct load *l, struct fault *f)
{
    const struct plan_load *pl = l->pl;
    struct arena *a = &l->e->arena;
    struct load_format fmt = {.fields_terminated = pl->fields_terminated,
                              .lines_terminated = pl->lines_terminated,
                              .lines_starting = pl->lines_starting,
                              .enclosed = one_byte(pl->fields_enclosed),
                              .escaped = one_byte(pl->fields_escaped),
                              .charset = pl->charset.len ? load_charset_of(pl->charset) : LOAD_CS_UTF8,
                              .nfields = pl->ncolumns,
                              .ignore_lines = pl->ignore_lines,
                              .max_record = a->cap / 4};
    const char *why = load_format_check(&fmt);
    bool digits = is_digit(one_byte(pl->fields_terminated)) || is_digit(one_byte(pl->lines_terminated)) || is_digit(fmt.enclosed) || is_digit(fmt.escaped);
    if (!why && digits && pl->has_id && pl->id.from != PLAN_LOAD_VALUE) why = "digits as terminators, where ids are generated";
    if (why) {
        fault_set(f, a, WIRE_ER_NOT_SUPPORTED_YET, "42000", "Weir: LOAD DATA into %.*s with %s is not supported yet; write the file in another format",
                  STR_ARG(pl->table->name), why);
        return false;
    }
    l->reader = load_reader_new(&fmt, l->wanted, l->nwanted);
    return l->reader != NULL;
}

bool split_begin(struct load *l, struct fault *f)
{
    struct exec *e = l->e;
    struct plan_facts facts;
    exec_facts(e, &facts);
    if (plan_bind_with(e->plan, exec_scan(e), &facts, 0, &e->arena, &e->bound, f) != SQL_OK) return false;
    out_of_memory(f);
    if (!choose_fields(l) || !make_reader(l, f)) return false;
    e->nlegs = e->bound.nlegs;
    e->mode = EXEC_COUNT;
    e->is_write = e->wrap = true;
    e->wrap_savepoint = (e->f->txn && e->f->txn->begun) || !(e->f->status & WIRE_STATUS_AUTOCOMMIT);
    COUNT(e->f->engine, statements_scatter);
    if (!exec_make_lanes(e)) return false;
    l->batches = arena_array(&e->arena, struct batch, e->nlegs);
    l->lanes = arena_array(&e->arena, struct load_lane, e->nlanes);
    l->lane_of_leg = arena_array(&e->arena, uint32_t, e->nlegs);
    if (!l->batches || !l->lanes || !l->lane_of_leg) return false;
    for (uint32_t i = 0; i < e->nlanes; i++) {
        e->lanes[i].phase = LANE_DONE; /* until there is work for it */
        l->lanes[i].leg = UINT32_MAX;
        for (uint32_t k = 0; k < e->lanes[i].n; k++) l->lane_of_leg[e->order[e->lanes[i].first + k]] = i;
    }
    size_t share = e->arena.cap ? e->arena.cap / 8 / e->nlegs : BATCH_MAX;
    l->batch_max = share > BATCH_MAX ? BATCH_MAX : share < BATCH_MIN ? BATCH_MIN : share;
    return true;
}

static void batch_release(struct batch *b)
{
    buf_release(&b->fill);
    buf_release(&b->out);
    mem_free(b->fill_rows.at);
    mem_free(b->out_rows.at);
}

void split_release(struct load *l)
{
    load_reader_free(l->reader);
    for (uint32_t i = 0; l->batches && i < l->e->nlegs; i++) batch_release(&l->batches[i]);
}

/* ---- batches ---- */

static bool note_row(struct rows *r, uint64_t row)
{
    if (r->n == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 256;
        uint32_t *at = mem_realloc(r->at, cap * sizeof *at);
        if (!at) return false;
        r->at = at;
        r->cap = cap;
    }
    if (r->n == 0) r->base = row;
    r->at[r->n++] = row - r->base > UINT32_MAX ? UINT32_MAX : (uint32_t)(row - r->base);
    return true;
}

uint64_t split_row(const struct load *l, uint32_t leg, uint64_t row)
{
    if (leg == UINT32_MAX) return 0;
    const struct rows *r = &l->batches[leg].out_rows;
    return row && row <= r->n ? r->base + r->at[row - 1] : 0;
}

static bool is_full(const struct load *l, const struct batch *b)
{
    return b->fill.len >= l->batch_max || b->fill_rows.n >= BATCH_ROWS;
}

static uint32_t lane_of(const struct load *l, uint32_t leg)
{
    return l->lane_of_leg[leg];
}

/* Notes what is waited for: the mark to be raised, or ids; called back by split_ids_ready, or after a deadline. */
static void wait_for_ids(struct load *l, bool *what, bool wait)
{
    struct exec *e = l->e;
    uint32_t seq = plan_info(e->plan)->sequence;
    *what = wait;
    if (!l->waits_raise && !l->waits_id) {
        list_remove(&e->wait_node);
        e->id_deadline_ms = 0;
        return;
    }
    if (!e->id_deadline_ms) e->id_deadline_ms = e->f->engine->now_ms + e->realm->conf->sequences[seq].wait_ms;
    if (list_empty(&e->wait_node)) list_append(&e->f->engine->id_waiters, &e->wait_node);
}

static void kick_queued(struct load *l)
{
    const struct exec *e = l->e;
    for (uint32_t i = 0; i < e->nlegs && !e->failed; i++) {
        if (l->batches[i].state == OUT_QUEUED) load_kick(l, lane_of(l, i));
    }
}

/* The explicit ids of what is queued must be below the mark before they are written. False: not yet, or failed. */
static bool raise_mark(struct load *l)
{
    struct exec *e = l->e;
    struct fault f;
    uint32_t seq = plan_info(e->plan)->sequence;
    if (l->max_explicit <= l->raised || seq == UINT32_MAX) return true;
    switch (ids_raise(e->realm->snap->control, seq, l->max_explicit, &e->arena, &f)) {
    case IDS_OK: break;
    case IDS_FAILED: exec_fail(e, &f); return false;
    case IDS_WAIT: wait_for_ids(l, &l->waits_raise, true); return false;
    }
    l->raised = l->max_explicit;
    if (!l->waits_raise) return true;
    wait_for_ids(l, &l->waits_raise, false);
    kick_queued(l); /* those that had to wait */
    return true;
}

/* fill -> out, when out is free. */
static bool queue(struct load *l, uint32_t leg)
{
    struct batch *b = &l->batches[leg];
    if (b->state != OUT_FREE) return false;
    struct buf t = b->out;
    struct rows r = b->out_rows;
    b->out = b->fill;
    b->out_rows = b->fill_rows;
    b->fill = t;
    b->fill_rows = r;
    buf_reset(&b->fill);
    b->fill_rows.n = 0;
    b->state = OUT_QUEUED;
    return true;
}

static void queue_and_kick(struct load *l, uint32_t leg)
{
    if (queue(l, leg) && raise_mark(l)) load_kick(l, lane_of(l, leg));
}

void split_leg_over(struct load *l, struct lane *lane)
{
    uint32_t leg = l->lanes[lane - l->e->lanes].leg;
    if (leg == UINT32_MAX || l->batches[leg].state != OUT_RUNNING) return;
    struct batch *b = &l->batches[leg];
    b->state = OUT_FREE;
    b->out_rows.n = 0;
    buf_reset(&b->out);
    bool rest = l->ended && b->fill_rows.n; /* the last ones, that had to wait for room */
    if (is_full(l, b) || rest) {
        if (queue(l, leg)) (void)raise_mark(l);
    }
    split_pump(l);
}

/* ---- one record ---- */

static void fail_at(struct load *l, uint16_t code, const char *state, const char *what)
{
    struct fault f;
    uint64_t row = load_number(l->reader) - l->given;
    fault_set(&f, &l->e->arena, code, state, "Weir: row %llu of the file: %s; nothing of it was loaded", (unsigned long long)row, what);
    exec_fail(l->e, &f);
}

/* ids come in growing numbers, as servers reserve them for a load whose rows they cannot count. */
static enum placed take_id(struct load *l)
{
    struct exec *e = l->e;
    struct fault f;
    uint64_t n = l->taken * 2, first;
    uint32_t seq = plan_info(e->plan)->sequence;
    if (l->next_id < l->end_id) return PLACED;
    n = n < 1 ? 1 : n > IDS_AT_ONCE ? IDS_AT_ONCE : n;
    switch (ids_take(e->realm->snap->control, seq, n, &first, &e->arena, &f)) {
    case IDS_OK:
        l->next_id = first;
        l->end_id = first + n;
        l->taken = n;
        wait_for_ids(l, &l->waits_id, false);
        return PLACED;
    case IDS_FAILED: exec_fail(e, &f); return FAILED;
    case IDS_WAIT: break;
    }
    wait_for_ids(l, &l->waits_id, true);
    return BLOCKED;
}

struct id_of_row {
    bool ours, in_place, warn; /* we give it; instead of what stands in its field; which was no number ('') */
    uint64_t given;      /* the explicit one; 0: none that raises a mark */
};

/* A number as a server reads it out of a field, for the plain cases: blanks, a sign, digits. */
static bool whole_number(struct str s, bool *negative, uint64_t *v)
{
    s = str_trim(s);
    *negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) s = str_make(s.ptr + 1, s.len - 1);
    return s.len && str_to_u64(s, v);
}

static enum placed find_id(struct load *l, struct id_of_row *id)
{
    const struct plan_load *pl = l->pl;
    struct str text;
    bool negative;
    uint64_t v = 0;
    *id = (struct id_of_row){0};
    if (!pl->has_id) return PLACED;
    if (pl->id.from == PLAN_LOAD_IDS) {
        id->ours = true;
        return take_id(l);
    }
    if (pl->id.from == PLAN_LOAD_VALUE) {
        id->given = pl->id.value.kind == VALUE_UINT ? pl->id.value.u : pl->id.value.kind == VALUE_INT && pl->id.value.i > 0 ? (uint64_t)pl->id.value.i : 0;
        return PLACED;
    }
    switch (load_value(l->reader, &l->rec, l->id_field, &l->scratch, &text)) {
    case LOAD_NULL: id->ours = id->in_place = true; return take_id(l);
    case LOAD_TEXT: break;
    case LOAD_MISSING:
        fail_at(l, ER_TOO_FEW_RECORDS, "01000", "it is too short to have a value for the generated column");
        return FAILED;
    case LOAD_VALUE_NOMEM: fail_at(l, WIRE_ER_OUT_OF_RESOURCES, "HY000", "out of memory"); return FAILED;
    }
    bool empty = str_trim(text).len == 0;
    if (!empty && !whole_number(text, &negative, &v)) {
        fail_at(l, ER_TRUNCATED_WRONG, "HY000", "the value of the generated column is not a whole number");
        return FAILED;
    }
    if (v == 0 && pl->id_zero) {
        id->ours = id->in_place = true;
        id->warn = empty;
        return take_id(l);
    }
    if (empty) {
        fail_at(l, ER_TRUNCATED_WRONG, "HY000", "the value of the generated column is empty, which NO_AUTO_VALUE_ON_ZERO would store as 0");
        return FAILED;
    }
    if (!negative) id->given = v;
    return PLACED;
}

/* The shard columns' values -> the leg. */
static bool find_leg(struct load *l, const struct id_of_row *id, int64_t *leg)
{
    const struct plan_load *pl = l->pl;
    struct fault f;
    for (uint32_t i = 0; i < pl->nkeys; i++) {
        struct value *v = &l->values[i];
        struct str text;
        bool is_id = pl->keys[i].from == PLAN_LOAD_IDS || (id->in_place && l->key_field[i] == l->id_field);
        *v = (struct value){.kind = VALUE_UINT, .u = l->next_id};
        if (is_id || pl->keys[i].from == PLAN_LOAD_VALUE) continue;
        switch (load_value(l->reader, &l->rec, l->key_field[i], &l->scratch, &text)) {
        case LOAD_NULL: *v = (struct value){.kind = VALUE_NULL}; break;
        case LOAD_TEXT: *v = (struct value){.kind = VALUE_STRING, .s = text}; break;
        case LOAD_MISSING: fail_at(l, ER_TOO_FEW_RECORDS, "01000", "it is too short to have a value for the shard column"); return false;
        case LOAD_VALUE_NOMEM: fail_at(l, WIRE_ER_OUT_OF_RESOURCES, "HY000", "out of memory"); return false;
        }
    }
    *leg = plan_load_shard(l->e->plan, l->values, &l->scratch, &f);
    if (*leg >= 0) return true;
    struct fault longer;
    fault_set(&longer, &l->e->arena, f.code, f.state, "%.*s at row %llu", STR_ARG(f.message), (unsigned long long)l->rec.number);
    exec_fail(l->e, &longer);
    return false;
}

static void put_record(struct load *l, struct batch *b, const struct id_of_row *id)
{
    struct str raw = l->rec.raw;
    struct load_field fl;
    if (!id->ours) {
        buf_put_str(&b->fill, raw);
    } else if (!id->in_place) {
        buf_put(&b->fill, raw.ptr, l->rec.body);
        buf_put_dec(&b->fill, l->next_id);
        buf_put_str(&b->fill, l->pl->fields_terminated);
        buf_put(&b->fill, raw.ptr + l->rec.body, raw.len - l->rec.body);
    } else if (load_field(l->reader, l->id_field, &fl)) {
        buf_put(&b->fill, raw.ptr, fl.begin);
        buf_put_dec(&b->fill, l->next_id);
        buf_put(&b->fill, raw.ptr + fl.end, raw.len - fl.end);
    }
}

/* The server sees the id in place of '', and does not say what it would have said of ''. */
static void warn_of_empty(struct load *l)
{
    struct exec *e = l->e;
    const struct conf_table *t = l->pl->table;
    struct str text = arena_printf(&l->scratch, "Incorrect integer value: '' for column `%.*s`.`%.*s`.`%.*s` at row %llu", STR_ARG(plan_info(e->plan)->schema),
                                   STR_ARG(t->name), STR_ARG(t->generated->column), (unsigned long long)l->rec.number);
    e->warnings++;
    if (text.ptr) split_note_warning(l, l->rec.number, 1, ER_TRUNCATED_WRONG, text);
}

static bool has_room(struct load *l, uint32_t leg, size_t need)
{
    struct batch *b = &l->batches[leg];
    if (!b->fill.len || (b->fill.len + need <= l->batch_max && b->fill_rows.n < BATCH_ROWS)) return true;
    queue_and_kick(l, leg);
    return b->fill.len == 0;
}

static enum placed place(struct load *l)
{
    struct exec *e = l->e;
    struct id_of_row id;
    int64_t leg = 0;
    arena_reset(&l->scratch);
    l->given = 1;
    enum placed p = find_id(l, &id);
    if (p != PLACED) return p;
    bool to_all = l->pl->nkeys == 0; /* every copy of a broadcast table, or the one that there is */
    if (!to_all && !find_leg(l, &id, &leg)) return FAILED;
    uint32_t first = to_all ? 0 : (uint32_t)leg, last = to_all ? e->nlegs - 1 : (uint32_t)leg;
    size_t need = l->rec.raw.len + DIGITS + l->pl->fields_terminated.len;
    for (uint32_t i = first; i <= last; i++) {
        if (!has_room(l, i, need)) return e->failed ? FAILED : BLOCKED;
    }
    if (id.given > l->max_explicit) l->max_explicit = id.given;
    for (uint32_t i = first; i <= last; i++) {
        struct batch *b = &l->batches[i];
        put_record(l, b, &id);
        if (b->fill.failed || !note_row(&b->fill_rows, l->rec.number)) {
            struct fault f;
            out_of_memory(&f);
            exec_fail(e, &f);
            return FAILED;
        }
    }
    l->last_leg = first;
    if (id.warn) warn_of_empty(l);
    if (id.ours) {
        if (!e->first_id) e->first_id = l->next_id;
        l->next_id++;
        COUNT(e->f->engine, ids_generated);
    }
    for (uint32_t i = first; i <= last && !e->failed; i++) {
        if (is_full(l, &l->batches[i])) queue_and_kick(l, i);
    }
    return e->failed ? FAILED : PLACED;
}

/* ---- the file ---- */

/* Nothing more will come: lanes that wait for it may end. */
static void kick_parked(struct load *l)
{
    const struct exec *e = l->e;
    for (uint32_t i = 0; i < e->nlanes && !e->failed; i++) {
        if (l->lanes[i].parked) load_kick(l, i);
    }
}

/* No record is left: what is in the batches goes, and lanes that wait for more may end. An empty file is shown to one server, which checks the statement. */
static void end(struct load *l)
{
    struct exec *e = l->e;
    bool any = false;
    l->ended = true;
    for (uint32_t i = 0; i < e->nlegs; i++) {
        if (l->batches[i].fill_rows.n) queue(l, i);
        any |= l->batches[i].state != OUT_FREE || l->batches[i].fill_rows.n;
    }
    for (uint32_t i = 0; i < e->nlanes; i++) any |= l->lanes[i].started;
    if (!any) queue(l, 0);
    if (!raise_mark(l)) return;
    kick_queued(l);
    kick_parked(l);
}

void split_pump(struct load *l)
{
    struct exec *e = l->e;
    while (!e->failed && !l->ended && !l->dropping) {
        if (!l->pending) {
            l->given = 0;
            enum load_status st = load_next(l->reader, &l->rec);
            switch (st) {
            case LOAD_RECORD: break;
            case LOAD_MORE: load_pause(l, false); return;
            case LOAD_END: end(l); return;
            case LOAD_TOO_LONG:
                fail_at(l, ER_TOO_BIG, "08S01", "it is longer than a quarter of max_statement_memory");
                return;
            case LOAD_BROKEN:
                fail_at(l, ER_BROKEN_TEXT, "HY000",
                        l->pl->charset.len ? "it has bytes that are no characters of the file's character set just before a terminator; servers differ there"
                                           : "it has bytes that are no characters of utf8mb4 just before a terminator; say which CHARACTER SET the file is in");
                return;
            case LOAD_NOMEM: fail_at(l, WIRE_ER_OUT_OF_RESOURCES, "HY000", "out of memory"); return;
            }
        } else {
            load_refresh(l->reader, &l->rec);
        }
        l->pending = place(l) == BLOCKED;
        if (!l->pending) continue;
        if (!l->over) load_pause(l, true);
        return;
    }
}

void split_ids_ready(struct load *l)
{
    struct exec *e = l->e;
    if (l->waits_raise && raise_mark(l) && l->ended) kick_parked(l);
    if (!e->failed) wait_for_ids(l, &l->waits_id, false);
    split_pump(l); /* asks again */
}

/* ---- warnings ---- */

/* The first ones of the file are kept, in its order, whichever server tells first. */
void split_note_warning(struct load *l, uint64_t row, uint8_t level, uint16_t code, struct str text)
{
    uint32_t at = l->nnotes;
    while (at && l->notes[at - 1].row > row) at--;
    if (at == MESSAGES_MAX) return;
    char *copy = mem_alloc(text.len + 1);
    if (!copy) return;
    memcpy(copy, text.ptr, text.len);
    if (l->nnotes == MESSAGES_MAX) mem_free((void *)(uintptr_t)l->notes[--l->nnotes].text.ptr);
    memmove(&l->notes[at + 1], &l->notes[at], sizeof l->notes[0] * (l->nnotes - at));
    l->notes[at] = (struct load_note){row, level, code, str_make(copy, text.len)};
    l->nnotes++;
}
