/*
 * load.c - LOAD DATA LOCAL INFILE: the client's packets, the servers' questions, and the end (see load.h). What becomes of the records is in load_split.c.
 *
 *   load_begin --relayed--> lane runs the statement --0xFB--> load_asked: ask the client   ... packets go on to the server, renumbered
 *        \------split-----> ask the client                                              ... payloads go into the reader -> batches
 *                                                                                            batch -> lane: LOAD DATA LOCAL --0xFB--> load_asked: the batch
 */
#include "proxy/exec/load_room.h"

enum { ER_NOT_ALLOWED_COMMAND = 1148, ER_UNSUPPORTED_PS = 1295, ER_LOCAL_INFILE_DISABLED = 3948, ER_LOCAL_INFILE_DISABLED_MARIADB = 4166 };
enum { CLIENT_SILENT_MS = 60000 };

static bool is_relay(const struct load *l)
{
    return l->pl == NULL;
}

void load_enter(struct load *l)
{
    l->e->lanes_left++; /* the statement must not end under our feet */
}

void load_leave(struct load *l)
{
    struct exec *e = l->e;
    e->lanes_left--;
    exec_lane_finished(e);
}

void load_pause(struct load *l, bool on)
{
    struct front *f = l->e->f;
    if (l->paused == on) return;
    l->paused = on;
    l->heard_ms = f->engine->now_ms;
    if (!f->link) return;
    if (on) link_pause(f->link);
    else link_resume(f->link);
}

/* ---- begin ---- */

/* The name behind INFILE: what a client is asked for is what it named itself, whatever the server asks for. */
static struct str file_name(const struct sql_scan *s, struct arena *a)
{
    for (uint32_t i = 0; i + 1 < s->ntoks; i++) {
        if (s->toks[i].word == SQL_W_INFILE) return sql_text(s, i + 1, a);
    }
    return STR_NULL;
}

static bool ask_client(struct load *l)
{
    struct front *f = l->e->f;
    struct buf out = {0};
    size_t at = wire_begin(&out);
    buf_put_u8(&out, 0xfb);
    buf_put_str(&out, l->file);
    wire_end(&out, at, &f->seq);
    l->asked = !out.failed;
    l->seq = f->seq;
    l->heard_ms = f->engine->now_ms;
    if (l->asked) front_send(f, out.data, out.len);
    buf_release(&out);
    return l->asked;
}

static bool may_load(struct exec *e, struct fault *f)
{
    if (e->prepared) {
        fault_set(f, &e->arena, ER_UNSUPPORTED_PS, "HY000", "This command is not supported in the prepared statement protocol yet");
        return false;
    }
    if (!e->quiet && (e->f->capabilities & WIRE_CAP_LOCAL_FILES)) return true;
    fault_set(f, &e->arena, ER_NOT_ALLOWED_COMMAND, "42000",
              "The used command is not allowed with this MySQL version: the client did not allow LOAD DATA LOCAL when it connected "
              "(local_infile of the driver, --local-infile=1 of the command line client)");
    return false;
}

bool load_begin(struct exec *e)
{
    struct fault f = {WIRE_ER_OUT_OF_RESOURCES, "HY000", STR("Weir: out of memory")};
    struct load *l = NULL;
    if (may_load(e, &f) && exec_rescan(e) && (l = mem_zalloc(sizeof *l))) {
        e->load = e->f->load = l;
        l->e = e;
        l->pl = plan_load(e->plan);
        l->file = file_name(exec_scan(e), &e->arena);
        arena_init(&l->scratch, e->arena.cap);
        if (l->file.ptr && is_relay(l)) return false;
        if (l->file.ptr && split_begin(l, &f) && ask_client(l)) return true;
    }
    COUNT(e->f->engine, statements_refused);
    exec_fail(e, &f);
    exec_finish(e);
    return true;
}

void load_free(struct load *l)
{
    struct front *f = l->e->f;
    f->load = NULL;
    if (l->paused && f->link) link_resume(f->link);
    split_release(l);
    for (uint32_t i = 0; i < l->nnotes; i++) mem_free((void *)(uintptr_t)l->notes[i].text.ptr);
    arena_release(&l->scratch);
    mem_free(l);
}

/* ---- lanes ---- */

/* Work for that lane: it starts, or goes on when it waits. */
void load_kick(struct load *l, uint32_t i)
{
    struct exec *e = l->e;
    struct lane *lane = &e->lanes[i];
    struct load_lane *x = &l->lanes[i];
    if (!x->started) {
        struct plan_leg *all = e->bound.legs;
        uint32_t n = e->nlegs;
        struct fault f;
        e->bound.legs = &all[e->order[lane->first]]; /* a transaction may write to one server only, unless the rules say otherwise */
        e->nlegs = 1;
        bool may = exec_may_write(e, &f);
        e->bound.legs = all;
        e->nlegs = n;
        if (!may) {
            exec_fail(e, &f);
            return;
        }
        x->started = true;
        e->lanes_left++;
        lane_begin(lane);
    } else if (x->parked) {
        x->parked = false;
        if (lane->phase == LANE_LEG) lane_go(lane);
    }
}

void load_settle(struct exec *e)
{
    struct load *l = e->load;
    if (!e->failed || l->dropping) return;
    l->dropping = true;
    list_remove(&e->wait_node);
    load_pause(l, false);
    if (is_relay(l)) return;
    e->lanes_left++;
    for (uint32_t i = 0; i < e->nlanes; i++) {
        if (l->lanes[i].started) load_kick(l, i);
    }
    e->lanes_left--;
}

bool load_runs(const struct exec *e)
{
    return !is_relay(e->load) && (!e->load->ended || e->load->waits_raise);
}

bool load_drained(const struct exec *e)
{
    return !e->load->asked || e->load->over || !e->f->link || e->f->broken;
}

bool load_posts(const struct lane *lane)
{
    const struct load *l = lane->e->load;
    return is_relay(l) || lane == &lane->e->lanes[l->lane_of_leg[l->last_leg]];
}

bool load_parks(struct lane *lane)
{
    struct exec *e = lane->e;
    struct load *l = e->load;
    if (is_relay(l)) return false;
    struct load_lane *x = &l->lanes[lane - e->lanes];
    load_enter(l);
    split_leg_over(l, lane);
    e->lanes_left--; /* this lane counts too: nothing can have ended */
    if (e->failed) return false;
    uint32_t at = UINT32_MAX;
    for (uint32_t i = 0; i < lane->n; i++) { /* in turn, so that no shard waits for ever; that with the last record at last, for its user variables */
        uint32_t k = (lane->at + i) % lane->n, leg = e->order[lane->first + k];
        if (l->batches[leg].state != OUT_QUEUED) continue;
        at = k;
        if (!l->ended || leg != l->last_leg) break;
    }
    if (at != UINT32_MAX && !l->waits_raise) {
        lane->at = at;
        x->leg = e->order[lane->first + at];
        l->batches[x->leg].state = OUT_RUNNING;
        x->noted = l->batches[x->leg].out_rows.base;
        return false;
    }
    if (l->ended && at == UINT32_MAX) {
        lane->at = lane->n;
        return false;
    }
    x->parked = true;
    return true;
}

bool load_put_leg(struct lane *lane, struct buf *out)
{
    struct exec *e = lane->e;
    struct load *l = e->load;
    struct plan_facts facts;
    if (is_relay(l)) return false;
    exec_facts(e, &facts);
    if (!exec_rescan(e)) out->failed = true;
    else plan_render_load(e->plan, exec_scan(e), &e->bound.legs[l->lanes[lane - e->lanes].leg], &facts, l->pl->id.from == PLAN_LOAD_IDS && l->pl->has_id, out);
    return true;
}

void load_leg_done(struct lane *lane, bool failed)
{
    struct load *l = lane->e->load;
    if (is_relay(l)) {
        l->lane = NULL;
        l->answered = true;
        load_pause(l, false);
        return;
    }
    if (!failed) lane->at = lane->at % lane->n; /* load_parks chooses the next */
}

/* ---- the servers ---- */


bool load_server_bytes(struct lane *lane, const char *p, size_t n)
{
    struct load *l = lane->e->load;
    struct conn *c = lane->conn;
    if (!lane->sent) { /* it waits for work, and the server speaks: good-bye */
        struct fault f;
        fault_set(&f, &lane->e->arena, 1430, "HY000", "Weir: %.*s ended the connection in the middle of this LOAD DATA; nothing of it was kept",
                  STR_ARG(conn_where(lane->e->realm, lane->source, &lane->e->arena)));
        lane_fail(lane, &f);
        return false;
    }
    if (c->follow.state == WIRE_F_LOCAL_INFILE) { /* it answers before it has the whole file */
        c->follow.state = WIRE_F_FIRST;
        c->follow.seq = c->gather.seq = n >= WIRE_HEADER ? (uint8_t)p[3] : l->server_seq;
        l->answered = true;
    }
    return true;
}

static void send_batch(struct load *l, struct lane *lane)
{
    struct exec *e = l->e;
    struct conn *c = lane->conn;
    struct batch *b = &l->batches[l->lanes[lane - e->lanes].leg];
    struct buf out = {0};
    uint8_t seq = c->follow.seq;
    bool ok = buf_reserve(&out, b->out.len + b->out.len / FILE_PACKET * WIRE_HEADER + 2 * WIRE_HEADER);
    for (size_t at = 0; ok && at < b->out.len; at += FILE_PACKET) {
        wire_put_packet(&out, &seq, b->out.data + at, b->out.len - at < FILE_PACKET ? b->out.len - at : FILE_PACKET);
    }
    wire_put_packet(&out, &seq, "", 0);
    if (!ok || out.failed) {
        struct fault f;
        fault_set(&f, &e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000", "Weir: out of memory");
        buf_release(&out);
        lane_fail(lane, &f);
        return;
    }
    c->follow.state = WIRE_F_FIRST;
    c->follow.seq = c->gather.seq = seq;
    COUNT_ADD(e->f->engine, bytes_to_servers, out.len);
    link_send(c->link, out.data, out.len);
    buf_release(&out);
    if (b->out.cap > 2 * l->batch_max) buf_release(&b->out); /* a long record: its place is not kept */
    else buf_reset(&b->out);
}

void load_asked(struct lane *lane)
{
    struct load *l = lane->e->load;
    lane->rd = (struct reader){0};
    if (!is_relay(l)) {
        send_batch(l, lane);
        return;
    }
    l->lane = lane;
    l->server_seq = lane->conn->follow.seq;
    if (ask_client(l)) return;
    struct fault f;
    fault_set(&f, &lane->e->arena, WIRE_ER_OUT_OF_RESOURCES, "HY000", "Weir: out of memory");
    lane_fail(lane, &f);
}

void load_server_drained(struct lane *lane)
{
    struct load *l = lane->e->load;
    if (is_relay(l)) load_pause(l, false);
}

/* ---- the client ---- */

bool load_wants(const struct front *f)
{
    return f->load->asked && !f->load->over;
}

/* A piece of a packet goes on to the server. */
static void relay(struct load *l, const void *p, size_t n)
{
    struct lane *lane = l->lane;
    if (l->dropping || l->answered || !lane || !lane->conn || lane->phase != LANE_LEG) return;
    COUNT_ADD(l->e->f->engine, bytes_to_servers, n);
    link_send(lane->conn->link, p, n);
    if (lane->conn->link->pending > LINK_HIGH) load_pause(l, true);
}

static void relay_header(struct load *l, uint32_t n)
{
    uint8_t head[WIRE_HEADER] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), l->server_seq++};
    relay(l, head, sizeof head);
}

static void take_payload(struct load *l, const char *p, size_t n)
{
    if (l->dropping) return;
    if (is_relay(l)) relay(l, p, n);
    else load_feed(l->reader, p, n);
}

static void file_is_over(struct load *l)
{
    struct front *f = l->e->f;
    l->over = true;
    f->seq = l->seq;
    load_pause(l, false);
    if (!is_relay(l)) {
        if (!l->dropping) load_feed_end(l->reader);
        return;
    }
    struct lane *lane = l->lane;
    if (l->answered || !lane || !lane->conn) return;
    lane->conn->follow.state = WIRE_F_FIRST;
    lane->conn->follow.seq = lane->conn->gather.seq = l->server_seq;
}

/* The header is complete. */
static void packet_begins(struct load *l)
{
    struct exec *e = l->e;
    uint32_t n = wire_u24(l->head);
    bool end = n == 0 && !l->full;
    l->nhead = 0;
    if (l->head[3] != l->seq++) { /* where the next packet begins is not known any more */
        e->f->seq = (uint8_t)(l->head[3] + 1);
        l->lost = true;
        return;
    }
    if (is_relay(l)) relay_header(l, n);
    l->full = n == WIRE_MAX_PAYLOAD;
    l->left = n;
    if (end) file_is_over(l);
}

size_t load_client_bytes(struct front *f, const char *p, size_t size)
{
    struct load *l = f->load;
    size_t n = size;
    load_enter(l);
    l->heard_ms = f->engine->now_ms;
    while (n && !l->over && !l->lost) {
        if (!l->left) {
            l->head[l->nhead++] = (uint8_t)*p++;
            n--;
            if (l->nhead == WIRE_HEADER) packet_begins(l);
            continue;
        }
        size_t k = n < l->left ? n : l->left;
        take_payload(l, p, k);
        p += k;
        n -= k;
        l->left -= (uint32_t)k;
    }
    bool lost = l->lost;
    if (!is_relay(l) && !lost) split_pump(l);
    load_leave(l);
    return lost ? SIZE_MAX : size - n;
}

void load_ids_ready(struct exec *e)
{
    load_enter(e->load);
    split_ids_ready(e->load);
    load_leave(e->load);
}

void load_no_id(struct exec *e, const struct fault *f)
{
    load_enter(e->load);
    exec_fail(e, f);
    load_leave(e->load);
}

/* Batches are short: those under way are awaited, then all is rolled back, and a transaction of the session's lives on. */
bool load_stop(struct exec *e, const struct fault *fault, uint64_t patience_ms)
{
    struct load *l = e->load;
    if (is_relay(l) || !e->f->link) return false;
    if (e->stop.code) return true;
    e->stop = *fault;
    e->kill_at_ms = e->f->engine->now_ms + patience_ms;
    load_enter(l);
    exec_fail(e, fault);
    load_leave(l);
    return true;
}

/* A client that says nothing while we wait for its file holds locks on the servers. */
bool load_tick(struct front *f)
{
    struct load *l = f->load;
    if (!l->asked || l->over || l->paused || !f->link || f->engine->now_ms - l->heard_ms < CLIENT_SILENT_MS) return false;
    struct link *link = f->link;
    link->handler->closed(link, 0);
    return true;
}

/* ---- counts, warnings, rows ---- */

static uint64_t number_after(struct str info, struct str label)
{
    size_t at = str_find(info, label, 0);
    uint64_t v = 0;
    if (at == SIZE_MAX) return 0;
    for (at += label.len; at < info.len && info.ptr[at] >= '0' && info.ptr[at] <= '9'; at++) v = v * 10 + (uint64_t)(info.ptr[at] - '0');
    return v;
}

void load_add_info(struct lane *lane, const struct wire_ok *ok, bool counts)
{
    struct exec *e = lane->e;
    struct load *l = e->load;
    if (!counts) return;
    l->records += number_after(ok->info, STR("Records: "));
    l->deleted += number_after(ok->info, STR("Deleted: "));
    l->skipped += number_after(ok->info, STR("Skipped: "));
    uint64_t warnings = number_after(ok->info, STR("Warnings: ")); /* the packet's own field has 16 bits */
    if (warnings > ok->warnings) e->warnings += (uint32_t)(warnings - ok->warnings);
}

/* " at row 17", and "Row 17 doesn't contain data for all columns": where the digits are. */
static bool find_row(struct str text, size_t *from, size_t *to, uint64_t *row)
{
    static const char *const before[] = {" at row ", "Row "};
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        struct str word = str_of(before[i]);
        size_t at = SIZE_MAX;
        if (i == 1) at = text.len > word.len && memcmp(text.ptr, word.ptr, word.len) == 0 ? 0 : SIZE_MAX;
        else for (size_t next = 0; (next = str_find(text, word, next)) != SIZE_MAX; next++) at = next; /* the last: a value may read like that too */
        if (at == SIZE_MAX) continue;
        *from = *to = at + word.len;
        while (*to < text.len && text.ptr[*to] >= '0' && text.ptr[*to] <= '9') ++*to;
        if (*to > *from && str_to_u64(str_make(text.ptr + *from, *to - *from), row)) return true;
    }
    return false;
}

static void logical_rows(struct lane *lane, struct buf *text)
{
    struct load *l = lane->e->load;
    size_t from, to;
    uint64_t row;
    if (is_relay(l) || !find_row(buf_str(text), &from, &to, &row)) return;
    row = split_row(l, l->lanes[lane - lane->e->lanes].leg, row);
    if (!row) return;
    struct buf out = {0};
    buf_put(&out, text->data, from);
    buf_put_dec(&out, row);
    buf_put(&out, text->data + to, text->len - to);
    if (out.failed) {
        buf_release(&out);
        return;
    }
    buf_release(text);
    *text = out;
}

void load_error_text(struct lane *lane, uint16_t code, struct buf *text)
{
    struct exec *e = lane->e;
    if (code != ER_NOT_ALLOWED_COMMAND && code != ER_LOCAL_INFILE_DISABLED && code != ER_LOCAL_INFILE_DISABLED_MARIADB) {
        logical_rows(lane, text);
        return;
    }
    struct str where = conn_where(e->realm, lane->source, &e->arena);
    buf_reset(text);
    buf_printf(text, "Weir: %.*s does not allow LOAD DATA LOCAL; SET GLOBAL local_infile = ON there", STR_ARG(where));
}

/* Warnings about the statement, not about a row: each batch repeats them. */
static bool is_repeated(struct load *l, uint16_t code, struct str text)
{
    static const uint16_t codes[] = {1638 /* non-ASCII separators */, 1287, 3719, 3778 /* deprecated syntax, character set, collation */};
    bool of_statement = false;
    for (size_t i = 0; i < COUNT_OF(codes); i++) of_statement |= codes[i] == code;
    for (uint32_t i = 0; of_statement && i < l->nnotes; i++) {
        if (l->notes[i].code == code && str_eq(l->notes[i].text, text)) return true;
    }
    return false;
}

void load_message(struct lane *lane, uint8_t level, uint16_t code, struct str text)
{
    struct load *l = lane->e->load;
    struct buf mapped = {0};
    size_t from, to;
    uint64_t row, none = 0, *last = is_relay(l) ? &none : &l->lanes[lane - lane->e->lanes].noted;
    if (!is_relay(l) && is_repeated(l, code, text)) {
        if (lane->e->warnings) lane->e->warnings--;
        return;
    }
    buf_put_str(&mapped, text);
    logical_rows(lane, &mapped);
    if (!is_relay(l) && find_row(buf_str(&mapped), &from, &to, &row)) *last = row; /* one that names no row stays behind the one before it */
    if (!mapped.failed) split_note_warning(l, *last, level, code, buf_str(&mapped));
    buf_release(&mapped);
}

void load_put_info(struct exec *e, struct buf *out)
{
    struct load *l = e->load;
    buf_printf(out, "Records: %llu  Deleted: %llu  Skipped: %llu  Warnings: %u", (unsigned long long)l->records, (unsigned long long)l->deleted,
               (unsigned long long)l->skipped, e->warnings);
    for (uint32_t i = 0; i < l->nnotes; i++) front_add_message(e->f, l->notes[i].level, l->notes[i].code, l->notes[i].text);
}
