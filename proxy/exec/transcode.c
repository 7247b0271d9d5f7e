/* transcode.c - see transcode.h. */
#include "proxy/exec/transcode.h"

enum { DEFINITIONS_MAX = 4 << 20 };

bool transcode_begin(struct front *f, bool describing)
{
    struct transcode *t = mem_zalloc(sizeof *t);
    if (!t) return false;
    arena_init(&t->arena, DEFINITIONS_MAX);
    t->describing = describing;
    f->transcode = t;
    return true;
}

void transcode_end(struct front *f)
{
    struct transcode *t = f->transcode;
    if (!t) return;
    f->transcode = NULL;
    wire_gather_release(&t->gather);
    arena_release(&t->arena);
    buf_release(&t->definitions);
    mem_free(t);
}

static void give_up(struct front *f)
{
    f->transcode->over = true;
    f->broken = true; /* the client cannot be told in the middle of a packet sequence that is not its own */
}

static bool take_column(struct transcode *t, struct str p)
{
    struct str copy = arena_str(&t->arena, p);
    if (!copy.ptr || t->have >= t->ncolumns || wire_get_column(copy, &t->columns[t->have]) != WIRE_OK) return false;
    t->have++;
    if (t->describing) {
        buf_put_u32(&t->definitions, (uint32_t)p.len);
        buf_put_str(&t->definitions, p);
    }
    return !t->definitions.failed;
}

/* One packet of the reply. Gives whether it goes on as it is. False with *bad: it cannot. */
static bool take(struct front *f, struct str p, struct buf *out, uint8_t seq, bool *bad)
{
    struct transcode *t = f->transcode;
    bool deprecate = f->capabilities & WIRE_CAP_DEPRECATE_EOF;
    unsigned char first = p.len ? (unsigned char)p.ptr[0] : 0;
    if (first == 0xff) {
        struct wire_err e;
        t->failed = true;
        if (wire_get_err(p, &e) == WIRE_OK && t->describing) {
            t->fault.code = e.code;
            memcpy(t->fault.state, e.state, sizeof t->fault.state);
            t->fault.message = arena_str(&t->arena, e.message);
        }
        t->state = 0;
        return true;
    }
    switch (t->state) {
    case 0:
        if (first == 0x00 || (first == 0xfe && p.len < 9)) return true;
        {
            struct wire_reader r = wire_read(p.ptr, p.len);
            uint64_t n = wire_get_lenenc(&r);
            bool possible = !r.bad && n >= 1 && n <= 4096;
            t->ncolumns = possible ? (uint32_t)n : 0;
            t->have = 0;
            t->columns = possible ? arena_array(&t->arena, struct wire_column, n) : NULL;
            *bad = !t->columns;
            t->state = 1;
        }
        return true;
    case 1:
        *bad = !take_column(t, p);
        if (t->have == t->ncolumns) t->state = deprecate ? 3 : 2;
        return true;
    case 2: t->state = 3; return true;
    default:
        if (first == 0xfe && (deprecate ? p.len < WIRE_MAX_PAYLOAD : p.len < 9)) {
            t->state = 0;
            return true;
        }
        if (!t->describing) *bad = !wire_text_row_to_binary(p, t->columns, t->ncolumns, &f->engine->arena, out, &seq);
        return false;
    }
}

void transcode_feed(struct front *f, const void *data, size_t n)
{
    struct transcode *t = f->transcode;
    const char *p = data;
    struct buf out = {0};
    while (n && !t->over) {
        size_t used = 0;
        struct str payload;
        enum wire_status st = wire_gather_next(&t->gather, p, n, &used, &payload);
        p += used;
        n -= used;
        if (st == WIRE_MORE) break;
        bool bad = st == WIRE_MALFORMED;
        uint8_t seq = (uint8_t)(t->gather.seq - 1);
        if (!bad && take(f, payload, &out, seq, &bad) && !t->describing) wire_put_packet(&out, &seq, payload.ptr, payload.len);
        if (bad || out.failed) give_up(f);
    }
    if (out.len) front_send_raw(f, out.data, out.len);
    buf_release(&out);
}
