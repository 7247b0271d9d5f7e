/*
 * track.c - the changes of the session's state that an OK packet reports to a client with SESSION_TRACK.
 *
 *   list       entries, in struct wire_ok.track; in the packet with its length before it
 *   entry      kind(1) length data
 *   data       SYSTEM_VARIABLES              name value, each with its length; MariaDB may put several pairs into one entry
 *              STATE_CHANGE                  text, as it is: "1"
 *              SCHEMA, TRANSACTION_*         text with its length
 *              GTIDS                         00 text with its length
 */
#include "proxy/wire/wire.h"

static size_t lenenc_size(uint64_t n)
{
    return n < 0xfb ? 1 : n <= 0xffff ? 3 : n <= 0xffffff ? 4 : 9;
}

static size_t lenstr_size(struct str s)
{
    return lenenc_size(s.len) + s.len;
}

void wire_put_track_variable(struct buf *out, struct str name, struct str value)
{
    size_t begin = out->len;
    buf_put_u8(out, WIRE_TRACK_SYSTEM_VARIABLES);
    wire_put_lenenc(out, lenstr_size(name) + lenstr_size(value));
    wire_put_lenstr(out, name);
    wire_put_lenstr(out, value);
    if (out->failed) out->len = begin;
}

void wire_put_track_text(struct buf *out, enum wire_track_kind kind, struct str text)
{
    size_t begin = out->len;
    bool encoded = kind == WIRE_TRACK_GTIDS; /* a byte says how: 0 as text */
    buf_put_u8(out, (uint8_t)kind);
    if (kind != WIRE_TRACK_STATE_CHANGE) wire_put_lenenc(out, lenstr_size(text) + encoded);
    if (encoded) buf_put_u8(out, 0);
    wire_put_lenstr(out, text);
    if (out->failed) out->len = begin;
}

bool wire_next_track(struct wire_reader *r, struct wire_track *t)
{
    for (;;) {
        if (wire_left(&t->pairs) == 0) { /* the next entry */
            *t = (struct wire_track){.name = STR(""), .value = STR(""), .pairs = wire_read("", 0)};
            if (wire_left(r) == 0) return false;
            t->kind = (uint8_t)wire_get_uint(r, 1);
            struct str data = wire_get_lenstr(r);
            if (r->bad) return false;
            t->pairs = wire_read(data.ptr, data.len);
        }
        if (t->kind == WIRE_TRACK_SYSTEM_VARIABLES) {
            if (wire_left(&t->pairs) == 0) continue; /* an entry without pairs */
            t->name = wire_get_lenstr(&t->pairs);
            t->value = wire_get_lenstr(&t->pairs);
        } else {
            if (t->kind == WIRE_TRACK_GTIDS) wire_get_uint(&t->pairs, 1);
            if (t->kind == WIRE_TRACK_STATE_CHANGE || t->kind > WIRE_TRACK_TRANSACTION_STATE)
                t->value = wire_get_rest(&t->pairs); /* also a kind that we do not know: its data as they are */
            else
                t->value = wire_get_lenstr(&t->pairs);
            if (wire_left(&t->pairs)) t->pairs.bad = true;
        }
        r->bad = t->pairs.bad;
        return !r->bad;
    }
}
