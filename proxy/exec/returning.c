/*
 * returning.c - INSERT, REPLACE and DELETE ... RETURNING over several shards: one result set out of many.
 *
 * Each leg returns its rows in the order of its values. They are kept (in the statement's arena, so max_statement_memory bounds them) until every server has
 * committed, and then told in the order of VALUES, as one server would; those of a DELETE leg by leg.
 *
 * CHECK, ANALYZE, OPTIMIZE and REPAIR TABLE say the same of each physical table: what they say is told once, of the logical one.
 */
#include "proxy/exec/lane.h"

struct leg_rows {
    VEC(struct str) rows;
};
struct returned {
    VEC(struct str) columns; /* definitions, of the leg that answered first */
    uint32_t from;           /* that leg */
    struct leg_rows legs[];
};

bool returning_begin(struct exec *e)
{
    e->returned = arena_zalloc(&e->arena, sizeof *e->returned + sizeof(struct leg_rows) * e->nlegs);
    return e->returned != NULL;
}

bool returning_column(struct lane *l, uint32_t leg, struct str payload)
{
    struct exec *e = l->e;
    struct returned *r = e->returned;
    struct buf renamed = {0};
    uint8_t seq = 0;
    if (r->columns.len == 0) r->from = leg;
    if (r->from != leg || r->columns.len == l->rd.columns) return true;
    struct str *slot = vec_push(&r->columns, &e->arena);
    reply_put_column(l, &renamed, &seq, payload);
    if (slot && !renamed.failed) *slot = arena_str(&e->arena, str_make(renamed.data + WIRE_HEADER, renamed.len - WIRE_HEADER));
    buf_release(&renamed);
    return slot && slot->ptr;
}

bool returning_row(struct exec *e, uint32_t leg, struct str payload)
{
    struct str *slot = vec_push(&e->returned->legs[leg].rows, &e->arena);
    if (slot) *slot = arena_str(&e->arena, payload);
    return slot && slot->ptr;
}

static bool logical_row(struct exec *e, uint32_t leg, struct str *row)
{
    uint32_t n = e->returned->columns.len;
    uint8_t *types = arena_array(&e->arena, uint8_t, n + 1);
    struct str *fields = arena_array(&e->arena, struct str, n + 1);
    if (!types || !fields) return false;
    for (uint32_t i = 0; i < n; i++) types[i] = WIRE_TYPE_VAR_STRING;
    enum wire_status st = exec_is_binary(e) ? wire_get_binary_row(*row, types, fields, n) : wire_get_text_row(*row, fields, n);
    struct buf text = {0}, packet = {0};
    for (uint32_t i = 0; st == WIRE_OK && i < n; i++) {
        if (!fields[i].len) continue;
        buf_reset(&text);
        router_logical_text(e->realm->snap->router, e->bound.legs[leg].source, fields[i], &text);
        fields[i] = arena_str(&e->arena, buf_str(&text));
    }
    uint8_t seq = 0;
    if (exec_is_binary(e)) {
        wire_put_binary_row(&packet, &seq, types, fields, n);
    } else {
        size_t at = wire_begin(&packet);
        for (uint32_t i = 0; i < n; i++) wire_put_text_field(&packet, fields[i]);
        wire_end(&packet, at, &seq);
    }
    bool ok = st == WIRE_OK && !text.failed && !packet.failed;
    if (ok) *row = arena_str(&e->arena, str_make(packet.data + WIRE_HEADER, packet.len - WIRE_HEADER));
    buf_release(&text);
    buf_release(&packet);
    return ok && row->ptr;
}

static void put_once(struct exec *e, struct buf *out)
{
    struct returned *r = e->returned;
    VEC(struct str) said = {0};
    for (uint32_t i = 0; i < e->nlegs; i++) {
        for (uint32_t k = 0; k < r->legs[i].rows.len; k++) {
            struct str row = r->legs[i].rows.at[k];
            if (!logical_row(e, i, &row)) {
                out->failed = true;
                return;
            }
            bool known = false;
            for (uint32_t j = 0; j < said.len && !known; j++) known = str_eq(said.at[j], row);
            struct str *slot = known ? NULL : vec_push(&said, &e->arena);
            if (!slot) continue;
            *slot = row;
            wire_put_packet(out, &e->f->seq, row.ptr, row.len);
        }
    }
}

static void put_rows(struct exec *e, struct buf *out)
{
    if (plan_info(e->plan)->cls != PLAN_WRITE) {
        put_once(e, out);
        return;
    }
    struct front *f = e->f;
    struct returned *r = e->returned;
    uint32_t *next = arena_array(&e->arena, uint32_t, e->nlegs);
    bool dealt = true; /* every leg has one row for each of its values: then their order is known */
    uint32_t total = 0;
    for (uint32_t i = 0; i < e->nlegs; i++) {
        const struct plan_leg *leg = &e->bound.legs[i];
        dealt = dealt && leg->rows && leg->nrows == r->legs[i].rows.len;
        total += leg->nrows;
    }
    uint32_t *leg_of = dealt ? arena_array(&e->arena, uint32_t, total + 1) : NULL;
    if (!next || (dealt && !leg_of)) {
        out->failed = true;
        return;
    }
    if (!dealt) {
        for (uint32_t i = 0; i < e->nlegs; i++) {
            for (uint32_t k = 0; k < r->legs[i].rows.len; k++) wire_put_packet(out, &f->seq, r->legs[i].rows.at[k].ptr, r->legs[i].rows.at[k].len);
        }
        return;
    }
    for (uint32_t i = 0; i < e->nlegs; i++) {
        for (uint32_t k = 0; k < e->bound.legs[i].nrows; k++) leg_of[e->bound.legs[i].rows[k]] = i;
    }
    for (uint32_t k = 0; k < total; k++) {
        struct str row = r->legs[leg_of[k]].rows.at[next[leg_of[k]]++];
        wire_put_packet(out, &f->seq, row.ptr, row.len);
    }
}

void returning_reply(struct exec *e)
{
    struct front *f = e->f;
    struct returned *r = e->returned;
    struct buf out = {0};
    size_t at = wire_begin(&out);
    wire_put_lenenc(&out, r->columns.len);
    wire_end(&out, at, &f->seq);
    for (uint32_t i = 0; i < r->columns.len; i++) wire_put_packet(&out, &f->seq, r->columns.at[i].ptr, r->columns.at[i].len);
    if (!(f->capabilities & WIRE_CAP_DEPRECATE_EOF)) wire_put_eof(&out, &f->seq, front_status(f), 0);
    put_rows(e, &out);
    front_put_end(f, &out, front_status(f), f->warnings);
    f->broken |= out.failed;
    front_send(f, out.data, out.len);
    buf_release(&out);
}
