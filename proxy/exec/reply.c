/*
 * reply.c - what comes back from a server, by mode: relayed, rewritten packet by packet, merged, counted or captured.
 *
 * The bytes of every reply pass wire_follow, which knows where it ends; modes that look inside gather packets from the same bytes. RELAY on
 * the common path is: follow the headers, one send to the client, done.
 */
#include "proxy/exec/lane.h"
#include "proxy/exec/load.h"

enum { MERGE_STEP = 128 << 10, CAPTURE_ROWS = 1 << 20 };

static struct front *front_of(const struct lane *l)
{
    return l->e->f;
}

/* ---- errors ---- */

enum { NODES_NAMED = 8 };

/* Which physical table a DDL failed on, for the message. */
static void note_failed_node(struct exec *e, const struct lane *l)
{
    const struct plan_info *info = e->plan ? plan_info(e->plan) : NULL;
    if (!info || info->cls != PLAN_DDL || !info->table || e->nlegs < 2 || e->nfailed > NODES_NAMED) return;
    const struct plan_leg *leg = &e->bound.legs[e->order[l->first + l->at]];
    for (uint32_t i = 0; i < info->table->nnodes; i++) {
        const struct conf_node *n = &info->table->nodes[i];
        if (leg->shard == UINT32_MAX ? n->source != leg->source : i != leg->shard) continue;
        buf_printf(&e->failed_nodes, "%s %.*s %.*s.%.*s", e->failed_nodes.len ? "," : "", STR_ARG(e->realm->conf->sources[n->source].name),
                   STR_ARG(n->database), STR_ARG(n->table));
        return;
    }
}

/* The ERR packet that ended a leg, in logical names; the first one becomes the statement's. */
static bool is_interruption(uint16_t code)
{
    return code == WIRE_ER_QUERY_INTERRUPTED || code == 1969 || code == 3024;
}

void exec_note_error(struct exec *e, struct lane *l, uint16_t code, const char *state, struct str message)
{
    struct buf text = {0};
    if (UNLIKELY(l->killed) && is_interruption(code)) { /* by our own KILL: the reason is the statement's */
        code = e->stop.code;
        state = e->stop.state;
        message = e->stop.message;
        l->killed = false; /* it has done its work: the connection is as good as before */
    }
    if (e->texts && !(e->flags & EXEC_RENAME)) buf_put_str(&text, message);
    else router_logical_text(e->realm->snap->router, l->source, message, &text);
    if (UNLIKELY(e->load)) load_error_text(l, code, &text);
    struct fault f = {.code = code};
    memcpy(f.state, state, 5);
    f.message = arena_str(&e->arena, buf_str(&text));
    if (!f.message.ptr) f.message = STR("out of memory");
    buf_release(&text);
    l->failed = true;
    e->nfailed++;
    note_failed_node(e, l);
    exec_fail(e, &f);
}

static void note_err_payload(struct lane *l, struct str payload)
{
    struct wire_err err;
    if (wire_get_err(payload, &err) == WIRE_OK) exec_note_error(l->e, l, err.code, err.state, err.message);
    else exec_note_error(l->e, l, WIRE_ER_MALFORMED_PACKET, "HY000", STR("Weir: malformed error packet"));
}

/* ---- RELAY ---- */

static bool relay_renames(const struct lane *l)
{
    return !l->e->columns_done && l->e->plan && (plan_info(l->e->plan)->flags & PLAN_SHARDED);
}

/* Column definition with logical names appended to out. */
void reply_put_column(struct lane *l, struct buf *out, uint8_t *seq, struct str payload)
{
    struct wire_column c;
    if (wire_get_column(payload, &c) != WIRE_OK) {
        wire_put_packet(out, seq, payload.ptr, payload.len);
        return;
    }
    struct str schema, table;
    if (c.org_table.len && router_logical(l->e->realm->snap->router, l->source, c.schema, c.org_table, &schema, &table)) {
        if (str_eq(c.table, c.org_table)) c.table = table;
        c.schema = schema;
        c.org_table = table;
    }
    wire_put_column(out, seq, &c);
}

/* Up to the end of the column definitions packets are rewritten; what follows goes on as it is. */
static void relay_first_part(struct lane *l, const char *p, size_t n)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    struct buf *out = &e->f->engine->out;
    buf_reset(out);
    while (n && !e->columns_done) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, n, &used, &payload);
        p += used;
        n -= used;
        if (st != WIRE_OK) break;
        uint8_t seq = (uint8_t)(c->gather.seq - 1);
        if (l->rd.state == 0) {
            struct wire_reader r = wire_read(payload.ptr, payload.len);
            if (wire_is_err(payload)) {
                note_err_payload(l, payload);
                wire_put_err(out, &seq, e->fault.code, e->fault.state, e->fault.message);
                e->columns_done = true;
                continue;
            }
            wire_put_packet(out, &seq, payload.ptr, payload.len);
            l->rd.left = payload.len && payload.ptr[0] != 0 ? (uint32_t)wire_get_lenenc(&r) : 0;
            l->rd.state = 1;
        } else {
            reply_put_column(l, out, &seq, payload);
            l->rd.left--;
        }
        e->columns_done = l->rd.left == 0;
    }
    if (e->columns_done) buf_put(out, p, n);
    if (out->len) front_send(e->f, out->data, out->len);
}

static void relay_bytes(struct lane *l, const char *p, size_t n)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    size_t used = wire_follow_feed(&c->follow, p, n);
    if (UNLIKELY(c->follow.state > WIRE_F_DONE)) { /* malformed, or a request for a file: nothing of it is passed on */
        lane_reply_done(l, true);
        return;
    }
    e->reply_begun = true;
    if (UNLIKELY(l->discard)) { /* the client is gone */
    } else if (UNLIKELY(relay_renames(l))) {
        relay_first_part(l, p, used);
    } else {
        COUNT_ADD(e->f->engine, bytes_to_clients, used);
        if (e->f->link) link_send(e->f->link, p, used);
    }
    if (c->follow.state == WIRE_F_DONE) {
        if (UNLIKELY(c->follow.failed) && !e->failed) note_err_payload(l, str_make(c->follow.tail, c->follow.ntail));
        e->reply_sent = true;
        e->f->seq = c->follow.seq;
        lane_reply_done(l, c->follow.failed);
    } else if (e->f->link && e->f->link->pending > LINK_HIGH) {
        link_pause(c->link);
    }
}

/* ---- packet-wise: PACKETS and CAPTURE, and the lane's own steps ---- */

enum packet_kind { PK_ERR, PK_OK, PK_COUNT, PK_COLUMN, PK_EOF, PK_ROW, PK_END };

static enum packet_kind classify(struct reader *r, struct str p, uint32_t capabilities)
{
    unsigned char first = p.len ? (unsigned char)p.ptr[0] : 0;
    switch (r->state) {
    case 0:
        if (first == 0xff) return PK_ERR;
        if (p.len == 0 || first == 0x00 || (first == 0xfe && p.len < 9)) return PK_OK;
        {
            struct wire_reader w = wire_read(p.ptr, p.len);
            r->columns = r->left = (uint32_t)wire_get_lenenc(&w);
        }
        r->state = 1;
        return PK_COUNT;
    case 1:
        if (r->left > 0) r->left--;
        if (r->left == 0) r->state = capabilities & WIRE_CAP_DEPRECATE_EOF ? 3 : 2;
        return PK_COLUMN;
    case 2: r->state = 3; return PK_EOF;
    default:
        if (first == 0xff) return PK_ERR;
        if (first == 0xfe && (capabilities & WIRE_CAP_DEPRECATE_EOF ? p.len < WIRE_MAX_PAYLOAD : p.len < 9)) {
            r->state = 0;
            return PK_END;
        }
        return PK_ROW;
    }
}

/* Rows of SHOW and the like: every text field in logical names. */
static bool is_text(uint8_t type)
{
    return type == WIRE_TYPE_VARCHAR || type >= WIRE_TYPE_ENUM;
}

static void put_renamed_binary_row(struct lane *l, struct buf *out, uint8_t *seq, struct str p)
{
    struct exec *e = l->e;
    struct str *fields = arena_array(&e->arena, struct str, l->rd.columns + 1);
    if (!fields || !l->types || wire_get_binary_row(p, l->types, fields, l->rd.columns) != WIRE_OK) {
        wire_put_packet(out, seq, p.ptr, p.len);
        return;
    }
    for (uint32_t i = 0; i < l->rd.columns; i++) {
        if (!fields[i].ptr || !is_text(l->types[i])) continue;
        struct buf text = {0};
        router_logical_text(e->realm->snap->router, l->source, fields[i], &text);
        struct str copy = text.failed ? STR_NULL : arena_str(&e->arena, buf_str(&text));
        if (copy.ptr) fields[i] = copy;
        buf_release(&text);
    }
    wire_put_binary_row(out, seq, l->types, fields, l->rd.columns);
}

static void note_type(struct lane *l, struct str p)
{
    struct wire_column c;
    uint32_t at = l->rd.columns - l->rd.left - 1; /* classify has counted it */
    if (!l->types || at == 0) l->types = arena_array(&l->e->arena, uint8_t, l->rd.columns + 1);
    if (l->types && at < l->rd.columns && wire_get_column(p, &c) == WIRE_OK) l->types[at] = c.type;
}

static void put_renamed_row(struct lane *l, struct buf *out, uint8_t *seq, struct str p)
{
    struct exec *e = l->e;
    if (exec_is_binary(e)) {
        put_renamed_binary_row(l, out, seq, p);
        return;
    }
    struct str *fields = arena_array(&e->arena, struct str, l->rd.columns + 1);
    if (!fields || wire_get_text_row(p, fields, l->rd.columns) != WIRE_OK) {
        wire_put_packet(out, seq, p.ptr, p.len);
        return;
    }
    size_t at = wire_begin(out);
    for (uint32_t i = 0; i < l->rd.columns; i++) {
        if (!fields[i].ptr) {
            wire_put_text_field(out, fields[i]);
            continue;
        }
        struct buf text = {0};
        router_logical_text(e->realm->snap->router, l->source, fields[i], &text);
        wire_put_text_field(out, text.failed ? fields[i] : str_make(text.data ? text.data : "", text.len));
        buf_release(&text);
    }
    wire_end(out, at, seq);
}

/* SESSION_TRACK: the OK or end about to be made takes the transaction's state along. */
static void tell_changes(struct lane *l, bool rows, uint16_t status)
{
    struct front *f = l->e->f;
    f->ops->track(f, l->e->plan ? plan_info(l->e->plan) : NULL, rows, (status & WIRE_STATUS_IN_TRANS) || front_txn_open(f));
}

static void emit_packet(struct lane *l, struct buf *out, enum packet_kind kind, struct str p)
{
    struct exec *e = l->e;
    struct front *f = e->f;
    uint32_t caps = l->conn->capabilities;
    bool renames = (e->flags & EXEC_RENAME) || (e->plan && (plan_info(e->plan)->flags & PLAN_SHARDED));
    switch (kind) {
    case PK_ERR:
        note_err_payload(l, p);
        f->more_results = false;
        wire_put_err(out, &f->seq, e->fault.code, e->fault.state, e->fault.message);
        return;
    case PK_OK: {
        struct wire_ok ok;
        if (wire_get_ok(p, caps, &ok) != WIRE_OK) return;
        bool more = ok.status & WIRE_STATUS_MORE_RESULTS_EXISTS;
        ok.status = (uint16_t)(ok.status | (f->more_results || more ? WIRE_STATUS_MORE_RESULTS_EXISTS : 0));
        if (e->first_id) ok.insert_id = e->first_id;
        if (UNLIKELY(f->capabilities & WIRE_CAP_SESSION_TRACK)) tell_changes(l, false, ok.status);
        ok.track = buf_str(&f->track);
        wire_put_ok(out, &f->seq, f->capabilities, &ok);
        buf_release(&f->track);
        return;
    }
    case PK_COLUMN:
        if ((e->flags & EXEC_RENAME) && exec_is_binary(e)) note_type(l, p);
        if (renames) reply_put_column(l, out, &f->seq, p);
        else wire_put_packet(out, &f->seq, p.ptr, p.len);
        if (l->rd.state == 3 && !(f->capabilities & WIRE_CAP_DEPRECATE_EOF)) wire_put_eof(out, &f->seq, front_status(f), 0);
        return;
    case PK_EOF:
        if (!(f->capabilities & WIRE_CAP_DEPRECATE_EOF)) {
            uint16_t status = 0, warnings = 0;
            if (f->more_results && wire_get_eof(p, &status, &warnings) == WIRE_OK) wire_put_eof(out, &f->seq, (uint16_t)(status | WIRE_STATUS_MORE_RESULTS_EXISTS), warnings);
            else wire_put_packet(out, &f->seq, p.ptr, p.len);
        }
        return;
    case PK_ROW:
        if (e->flags & EXEC_RENAME) put_renamed_row(l, out, &f->seq, p);
        else wire_put_packet(out, &f->seq, p.ptr, p.len);
        return;
    case PK_END: {
        uint16_t status = l->conn->follow.status, warnings = l->conn->follow.warnings;
        struct wire_ok ok;
        if (caps & WIRE_CAP_DEPRECATE_EOF) {
            if (wire_get_ok(p, caps, &ok) == WIRE_OK) status = ok.status, warnings = ok.warnings;
        } else if (wire_get_eof(p, &status, &warnings) != WIRE_OK) return;
        status = (uint16_t)(status | (f->more_results ? WIRE_STATUS_MORE_RESULTS_EXISTS : 0));
        if (UNLIKELY(f->capabilities & WIRE_CAP_SESSION_TRACK)) tell_changes(l, true, status);
        front_put_end(f, out, status, warnings);
        return;
    }
    case PK_COUNT: wire_put_packet(out, &f->seq, p.ptr, p.len); return;
    }
}

static bool capture_row(struct lane *l, struct str p)
{
    struct exec *e = l->e;
    struct exec_capture *cap = &l->cap;
    if (cap->nrows >= CAPTURE_ROWS) return false;
    if (cap->nrows == l->cap_rows) {
        uint32_t more = l->cap_rows ? l->cap_rows * 2 : 8;
        struct str *f = arena_array(&e->arena, struct str, (size_t)more * (cap->ncolumns + 1));
        if (!f) return false;
        if (cap->nrows) memcpy(f, cap->fields, sizeof *f * cap->nrows * cap->ncolumns);
        cap->fields = f;
        l->cap_rows = more;
    }
    struct str copy = arena_str(&e->arena, p);
    struct str *row = &cap->fields[(size_t)cap->nrows * cap->ncolumns];
    if (!copy.ptr || wire_get_text_row(copy, row, cap->ncolumns) != WIRE_OK) return false;
    cap->nrows++;
    return true;
}

static bool capture_packet(struct lane *l, enum packet_kind kind, struct str p)
{
    struct exec *e = l->e;
    switch (kind) {
    case PK_COUNT:
        l->cap.columns = arena_array(&e->arena, struct wire_column, l->rd.columns + 1);
        return l->cap.columns != NULL && l->rd.columns <= 4096;
    case PK_COLUMN: {
        struct str copy = arena_str(&e->arena, p);
        return copy.ptr && l->cap.ncolumns < l->rd.columns && wire_get_column(copy, &l->cap.columns[l->cap.ncolumns++]) == WIRE_OK;
    }
    case PK_ROW: return capture_row(l, p);
    case PK_ERR:
    case PK_OK:
    case PK_EOF:
    case PK_END: return true;
    }
    return true;
}

static void malformed(struct lane *l)
{
    struct exec *e = l->e;
    struct fault f;
    fault_set(&f, &e->arena, WIRE_ER_MALFORMED_PACKET, "HY000", "Weir: %.*s sent a malformed reply, or one over max_statement_memory",
              STR_ARG(conn_where(e->realm, l->source, &e->arena)));
    lane_fail(l, &f);
}

/* Packets of the reply under way, each to `take`; then the end, if it was there. */
static void packet_bytes(struct lane *l, const char *p, size_t n, bool to_client)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    size_t total = wire_follow_feed(&c->follow, p, n);
    struct buf *out = &e->f->engine->out;
    buf_reset(out);
    if (UNLIKELY(c->follow.state > WIRE_F_DONE)) {
        lane_reply_done(l, true);
        return;
    }
    bool keep = l->phase != LANE_LEG || e->mode == EXEC_CAPTURE;
    while (total) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, total, &used, &payload);
        p += used;
        total -= used;
        if (st == WIRE_MORE) break;
        if (st == WIRE_MALFORMED) {
            malformed(l);
            return;
        }
        if (l->discard) continue;
        enum packet_kind kind = classify(&l->rd, payload, c->capabilities);
        if (to_client) emit_packet(l, out, kind, payload);
        else if (l->phase == LANE_LEG && kind == PK_ERR) note_err_payload(l, payload);
        if (keep && !capture_packet(l, kind, payload)) {
            malformed(l);
            return;
        }
    }
    if (out->len && to_client) {
        e->reply_begun = true;
        front_send(e->f, out->data, out->len);
    }
    if (c->follow.state == WIRE_F_DONE) {
        if (to_client) e->reply_sent = true;
        if (l->phase == LANE_LEG && e->mode == EXEC_CAPTURE && l == &e->lanes[0]) e->capture = l->cap; /* of the last text */
        lane_reply_done(l, c->follow.failed);
    } else if (to_client && e->f->link && e->f->link->pending > LINK_HIGH) {
        link_pause(c->link);
    }
}

/* ---- COM_STMT_PREPARE ---- */

/* The n-th parameter of the leg's text is the client's or one of ours; only the client's are described to it. */
static void take_param_definition(struct lane *l, uint32_t n, struct str payload)
{
    if (n < l->slots.n && l->slots.at[n].kind == PLAN_SLOT_PARAM) prepared_add_definition(&l->e->definitions, payload);
}

static void take_column_definition(struct lane *l, struct str payload)
{
    struct buf renamed = {0};
    uint8_t seq = 0;
    reply_put_column(l, &renamed, &seq, payload);
    if (renamed.failed) l->e->definitions.failed = true;
    else prepared_add_definition(&l->e->definitions, str_make(renamed.data + WIRE_HEADER, renamed.len - WIRE_HEADER));
    buf_release(&renamed);
}

static bool prepare_payload(struct lane *l, struct str payload)
{
    struct exec *e = l->e;
    struct wire_prepared ok;
    bool eof = !(l->conn->capabilities & WIRE_CAP_DEPRECATE_EOF) && wire_is_eof(payload);
    if (l->rd.state == 0) {
        if (wire_is_err(payload)) return true;
        if (wire_get_prepare_ok(payload, &ok) != WIRE_OK || ok.params != l->slots.n) return false;
        l->stmt_id = ok.id;
        l->rd = (struct reader){.state = 1, .columns = ok.columns, .left = ok.params};
        buf_reset(&e->definitions);
        e->definitions.max = PREPARED_DEFINITIONS_MAX;
        e->ncolumns = ok.columns;
        return true;
    }
    if (eof || !e->describing) return true;
    if (l->rd.left) {
        take_param_definition(l, l->slots.n - l->rd.left, payload);
        l->rd.left--;
    } else {
        take_column_definition(l, payload);
    }
    return !e->definitions.failed;
}

/* Another client's PREPARE of the same text may have been faster. */
static void described(struct exec *e)
{
    struct prepared *p = e->prepared;
    if (p->described) return;
    p->described = true;
    p->nparams = (uint16_t)plan_info(p->plan)->nparams;
    p->ncolumns = e->ncolumns;
    p->definitions = e->definitions;
    e->definitions = (struct buf){0};
}

static void prepare_bytes(struct lane *l, const char *p, size_t n)
{
    struct conn *c = l->conn;
    size_t total = wire_follow_feed(&c->follow, p, n);
    while (total) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, total, &used, &payload);
        p += used;
        total -= used;
        if (st == WIRE_MORE) break;
        if (st == WIRE_MALFORMED || !prepare_payload(l, payload)) {
            malformed(l);
            return;
        }
    }
    if (c->follow.state == WIRE_F_DONE) {
        if (!c->follow.failed && l->e->describing) described(l->e);
        lane_reply_done(l, c->follow.failed);
    } else if (c->follow.state > WIRE_F_DONE) {
        lane_reply_done(l, true);
    }
}

/* ---- COUNT ---- */

static uint64_t number_after(struct str info, struct str label)
{
    size_t at = str_find(info, label, 0);
    uint64_t v = 0;
    if (at == SIZE_MAX) return 0;
    for (at += label.len; at < info.len && (info.ptr[at] == ' ' || info.ptr[at] == ':'); at++) {}
    for (; at < info.len && info.ptr[at] >= '0' && info.ptr[at] <= '9'; at++) v = v * 10 + (uint64_t)(info.ptr[at] - '0');
    return v;
}

/* A leg with one row of a multi-row INSERT has no info: it is made up for, so that the sum is that of one statement. */
static void add_row_info(struct exec *e, uint32_t leg, uint64_t affected)
{
    const struct sql_stmt *st = e->plan ? plan_info(e->plan)->stmt : NULL;
    if (e->nlegs < 2 || !st || (st->kind != SQL_INSERT && st->kind != SQL_REPLACE) || e->bound.legs[leg].nrows != 1) return;
    e->has_info_records = true;
    e->info_records++;
    e->info_duplicates += affected == 0 ? 1 : affected - 1;
}

static void add_info(struct lane *l, uint32_t leg, const struct wire_ok *ok)
{
    struct exec *e = l->e;
    struct str info = ok->info;
    if (UNLIKELY(e->load)) {
        load_add_info(l, ok, exec_counts_leg(e, leg));
        return;
    }
    if (!exec_counts_leg(e, leg)) return;
    if (!info.len) {
        add_row_info(e, leg, ok->affected);
        return;
    }
    if (str_find(info, STR("Records"), 0) != SIZE_MAX) {
        e->has_info_records = true;
        e->info_records += number_after(info, STR("Records"));
        e->info_duplicates += number_after(info, STR("Duplicates"));
    }
    if (str_find(info, STR("Rows matched"), 0) != SIZE_MAX) {
        e->has_info_matched = true;
        e->info_matched += number_after(info, STR("Rows matched"));
        e->info_changed += number_after(info, STR("Changed"));
    }
}

static bool keep_returned(struct lane *l, enum packet_kind kind, struct str payload)
{
    uint32_t leg = l->e->order[l->first + l->at];
    if (plan_info(l->e->plan)->cls == PLAN_WRITE && !exec_counts_leg(l->e, leg)) return true; /* another copy of a broadcast table: the same rows */
    if (kind == PK_COLUMN) return returning_column(l, leg, payload);
    return kind != PK_ROW || returning_row(l->e, leg, payload);
}

static void count_bytes(struct lane *l, const char *p, size_t n)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    if (UNLIKELY(e->load) && !load_server_bytes(l, p, n)) return;
    size_t total = wire_follow_feed(&c->follow, p, n);
    while (total) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, total, &used, &payload);
        p += used;
        total -= used;
        if (st == WIRE_MORE) break;
        if (st == WIRE_MALFORMED) {
            malformed(l);
            return;
        }
        enum packet_kind kind = classify(&l->rd, payload, c->capabilities);
        struct wire_ok ok;
        if (kind == PK_ERR) note_err_payload(l, payload);
        else if (kind == PK_OK && wire_get_ok(payload, c->capabilities, &ok) == WIRE_OK) add_info(l, e->order[l->first + l->at], &ok);
        else if (UNLIKELY(e->returned) && !keep_returned(l, kind, payload)) {
            malformed(l);
            return;
        }
    }
    if (c->follow.state == WIRE_F_DONE) lane_reply_done(l, c->follow.failed);
    else if (c->follow.state == WIRE_F_LOCAL_INFILE && e->load) load_asked(l);
    else if (c->follow.state == WIRE_F_BAD || c->follow.state == WIRE_F_LOCAL_INFILE) lane_reply_done(l, true);
}

/* ---- MERGE ---- */

static void stop_others(struct exec *e)
{
    for (uint32_t i = 0; i < e->nlanes; i++) lane_stop(&e->lanes[i]);
}

/* Reading goes on where rows are wanted. A lane with legs still to come is never stopped by its own window: the merge may need the next one first. */
static void throttle(struct exec *e, bool client_full)
{
    for (uint32_t i = 0; i < e->nlanes; i++) {
        struct lane *l = &e->lanes[i];
        if (l->phase != LANE_LEG || !l->conn || l->discard) continue;
        if (merge_leg_ended(e->merge, e->order[l->first + l->at])) continue;
        bool last = l->at + 1 >= l->n;
        bool wants = merge_wants(e->merge, e->order[l->first + l->at]);
        if (client_full || (!wants && last)) link_pause(l->conn->link);
        else link_resume(l->conn->link);
    }
}

/* SESSION_TRACK: the end of a merged result, written last, is written again with what there is to tell. */
static void tell_at_end(struct exec *e, struct buf *out)
{
    enum { END = WIRE_HEADER + 7 };
    struct front *f = e->f;
    f->ops->track(f, e->plan ? plan_info(e->plan) : NULL, true, front_txn_open(f) || !(f->status & WIRE_STATUS_AUTOCOMMIT));
    if (!f->track.len || out->len < END || !(f->capabilities & WIRE_CAP_DEPRECATE_EOF)) return;
    const char *p = out->data + out->len - END;
    if (wire_u24(p) != END - WIRE_HEADER || (unsigned char)p[WIRE_HEADER] != 0xfe) return;
    uint16_t status = (uint16_t)((unsigned char)p[7] | (unsigned char)p[8] << 8), warnings = (uint16_t)((unsigned char)p[9] | (unsigned char)p[10] << 8);
    out->len -= END;
    f->seq--;
    front_put_end(f, out, status, warnings);
}

void merge_pump(struct exec *e)
{
    struct front *f = e->f;
    struct buf *out = &f->engine->out;
    struct fault fault;
    bool full = f->link && f->link->pending > LINK_HIGH;
    if (e->merging_over || e->failed) return;
    if (full) {
        throttle(e, true);
        return;
    }
    for (;;) {
        buf_reset(out);
        bool opens = !(f->status & WIRE_STATUS_AUTOCOMMIT);
        merge_set_status(e->merge, (uint16_t)(front_status(f) | (opens ? WIRE_STATUS_IN_TRANS : 0)));
        enum merge_state st = merge_run(e->merge, out, &f->seq, MERGE_STEP, &e->arena, &fault);
        if (UNLIKELY(f->capabilities & WIRE_CAP_SESSION_TRACK) && (st == MERGE_ENOUGH || st == MERGE_DONE)) tell_at_end(e, out);
        if (out->len) {
            e->reply_begun = true;
            front_send(f, out->data, out->len);
        }
        switch (st) {
        case MERGE_FULL:
            full = f->link && f->link->pending > LINK_HIGH;
            if (!full) continue;
            break;
        case MERGE_NEED: break;
        case MERGE_ENOUGH:
        case MERGE_DONE:
            e->merging_over = e->reply_sent = true;
            stop_others(e);
            return;
        case MERGE_FAULT:
            exec_fail(e, &fault);
            stop_others(e);
            return;
        }
        break;
    }
    throttle(e, full);
}

/* False: the lane was failed. */
static bool merge_payloads(struct lane *l, const char *p, size_t total)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    uint32_t leg = e->order[l->first + l->at];
    struct fault fault;
    while (total && !l->discard) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&c->gather, p, total, &used, &payload);
        p += used;
        total -= used;
        if (st == WIRE_MORE) break;
        if (st == WIRE_MALFORMED) {
            malformed(l);
            stop_others(e);
            return false;
        }
        if (wire_is_err(payload) && c->follow.failed && c->follow.state == WIRE_F_DONE && total == 0) {
            note_err_payload(l, payload);
            stop_others(e);
        } else if (!merge_put(e->merge, leg, payload, c->capabilities, &e->arena, &fault)) {
            exec_fail(e, &fault);
            stop_others(e);
        }
        if (l->phase == LANE_DONE) return false;
    }
    return true;
}

static void merge_bytes(struct lane *l, const char *p, size_t n)
{
    struct exec *e = l->e;
    struct conn *c = l->conn;
    size_t total = wire_follow_feed(&c->follow, p, n);
    e->lanes_left++; /* the statement must not end under our feet */
    if (merge_payloads(l, p, total)) {
        bool bad = c->follow.state == WIRE_F_BAD || c->follow.state == WIRE_F_LOCAL_INFILE;
        bool done = c->follow.state == WIRE_F_DONE, failed = c->follow.failed;
        if (!l->discard) merge_pump(e);
        if (l->phase == LANE_LEG && (done || bad)) lane_reply_done(l, failed || bad);
    }
    e->lanes_left--;
    exec_lane_finished(e);
}

/* ---- the lane as the connection's user ---- */

static void leg_bytes(struct lane *l, const char *p, size_t n)
{
    switch (l->e->mode) {
    case EXEC_RELAY: relay_bytes(l, p, n); return;
    case EXEC_PACKETS: packet_bytes(l, p, n, !l->discard); return;
    case EXEC_MERGE: merge_bytes(l, p, n); return;
    case EXEC_COUNT: count_bytes(l, p, n); return;
    case EXEC_CAPTURE: packet_bytes(l, p, n, false); return;
    }
}

static void lane_bytes(void *ctx, struct conn *c, const char *p, size_t n)
{
    struct lane *l = ctx;
    (void)c;
    if (LIKELY(l->phase == LANE_LEG)) leg_bytes(l, p, n);
    else if (l->phase == LANE_PREPARE) prepare_bytes(l, p, n);
    else packet_bytes(l, p, n, false);
}

static void lane_lost(void *ctx, struct conn *c, int error)
{
    struct lane *l = ctx;
    struct exec *e = l->e;
    struct front *f = front_of(l);
    struct fault fault;
    l->conn = NULL; /* conn.c frees it */
    while (!list_empty(&c->cursors)) list_remove(c->cursors.next); /* those on it are lost: nobody may give it back */
    if (l->pinned) {
        front_unpin(f, c);
        if (f->txn && (c->in_trans || f->txn->locked)) {
            f->txn->lost = true;
            memcpy(f->txn->lost_why, "its connection was lost", 24);
        }
    }
    if ((l->phase == LANE_WARNINGS || l->phase == LANE_POST) && !l->pinned && !c->in_trans && !e->wrap) {
        lane_gone(l); /* the statement itself was answered */
        return;
    }
    bool may_retry = l->phase <= LANE_LEG && !l->pinned && c->reused && !e->retried && e->plan && (plan_info(e->plan)->cls == PLAN_READ || e->describing || l->phase < LANE_LEG) &&
                     !e->reply_begun && e->nlanes == 1 && c->follow.rows == 0 && !e->wrap &&
                     !(e->mode == EXEC_MERGE && l->phase == LANE_LEG && c->follow.state != WIRE_F_FIRST); /* the merge would get it twice */
    if (may_retry) { /* an idle connection that the server had closed: nothing was seen of this statement's answer */
        e->retried = true;
        e->lanes_left = 0;
        lanes_start(e);
        return;
    }
    e->at_boundary = !c->follow.in_payload && !c->follow.continued && c->follow.nhead == 0;
    if (e->mode == EXEC_RELAY && e->reply_begun) f->seq = c->follow.seq;
    struct str where = conn_where(e->realm, l->source, &e->arena);
    fault_set(&fault, &e->arena, 1430, "HY000", "Weir: %.*s closed the connection while it ran this statement (%s); %s", STR_ARG(where),
              error ? strerror(error) : "end of stream",
              e->is_write ? "whether the write was done is not known" : "run it again when the server is back");
    e->lanes_left++;
    lane_fail(l, &fault);
    if (e->mode == EXEC_MERGE) stop_others(e);
    e->lanes_left--;
    exec_lane_finished(e);
}

static void lane_drained(void *ctx, struct conn *c)
{
    struct lane *l = ctx;
    (void)c;
    if (l->e->load) load_server_drained(l);
}

const struct conn_user lane_user = {lane_bytes, lane_lost, lane_drained};
