/*
 * reply.c - what servers answer: OK, EOF, ERR, column definitions, text rows.
 *
 *   OK      00 affected insert_id status warnings [info]      fe in place of 00 when it ends rows under
 * DEPRECATE_EOF EOF     fe warnings status                                5 bytes ERR     ff code # state
 * message                           without "#state" when sent before the login column  catalog schema table
 * org_table name org_name 0c collation length type flags decimals 00 00 [default] row     a length-encoded
 * string for each column, fb for NULL
 *
 * The documentation has the info of an OK run to the packet's end unless SESSION_TRACK is on; the servers
 * (and the clients that read it) always give it a length. We write a length and read both.
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

enum { NULL_FIELD = 0xfb, COLUMN_FIXED = 12, EOF_LENGTH = 5 };

/* ---- OK and EOF ---- */

static void put_ok(struct buf *out, uint8_t *seq, uint32_t capabilities, uint8_t header,
                   const struct wire_ok *ok)
{
    uint16_t status = ok->status;
    if (ok->track.len && capabilities & WIRE_CAP_SESSION_TRACK) status |= WIRE_STATUS_SESSION_STATE_CHANGED;
    bool tracks = capabilities & WIRE_CAP_SESSION_TRACK && status & WIRE_STATUS_SESSION_STATE_CHANGED;
    size_t at = wire_begin(out);
    buf_put_u8(out, header);
    wire_put_lenenc(out, ok->affected);
    wire_put_lenenc(out, ok->insert_id);
    buf_put_u16(out, status);
    buf_put_u16(out, ok->warnings);
    if (ok->info.len || tracks) wire_put_lenstr(out, ok->info);
    if (tracks) wire_put_lenstr(out, ok->track); /* announced by the status: a list of changes, which may be empty */
    wire_end(out, at, seq);
}

void wire_put_ok(struct buf *out, uint8_t *seq, uint32_t capabilities, const struct wire_ok *ok)
{
    put_ok(out, seq, capabilities, 0x00, ok);
}

void wire_put_end_ok(struct buf *out, uint8_t *seq, uint32_t capabilities, const struct wire_ok *ok)
{
    if (capabilities & WIRE_CAP_DEPRECATE_EOF)
        put_ok(out, seq, capabilities, 0xfe, ok);
    else
        wire_put_eof(out, seq, ok->status, ok->warnings);
}

void wire_put_end(struct buf *out, uint8_t *seq, uint32_t capabilities, uint16_t status, uint16_t warnings)
{
    if (capabilities & WIRE_CAP_DEPRECATE_EOF)
        put_ok(out, seq, capabilities, 0xfe, &(struct wire_ok){.status = status, .warnings = warnings});
    else
        wire_put_eof(out, seq, status, warnings);
}

void wire_put_eof(struct buf *out, uint8_t *seq, uint16_t status, uint16_t warnings)
{
    size_t at = wire_begin(out);
    buf_put_u8(out, 0xfe);
    buf_put_u16(out, warnings);
    buf_put_u16(out, status);
    wire_end(out, at, seq);
}

enum wire_status wire_get_ok(struct str payload, uint32_t capabilities, struct wire_ok *ok)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *ok = (struct wire_ok){.info = STR(""), .track = STR("")};
    uint64_t header = wire_get_uint(&r, 1);
    if (r.bad || (header != 0x00 && header != 0xfe)) return WIRE_MALFORMED;
    if (header == 0xfe && (!(capabilities & WIRE_CAP_DEPRECATE_EOF) || payload.len == EOF_LENGTH))
        return wire_get_eof(payload, &ok->status, &ok->warnings);
    ok->affected = wire_get_lenenc(&r);
    ok->insert_id = wire_get_lenenc(&r);
    ok->status = (uint16_t)wire_get_uint(&r, 2);
    ok->warnings = (uint16_t)wire_get_uint(&r, 2);
    if (r.bad || wire_left(&r) == 0) return wire_verdict(&r);
    if (capabilities & WIRE_CAP_SESSION_TRACK) {
        ok->info = wire_get_lenstr(&r);
        if (ok->status & WIRE_STATUS_SESSION_STATE_CHANGED && wire_left(&r)) ok->track = wire_get_lenstr(&r);
        return wire_verdict(&r);
    }
    struct wire_reader sized = r;
    struct str info = wire_get_lenstr(&sized);
    ok->info = !sized.bad && wire_left(&sized) == 0 ? info : wire_get_rest(&r);
    return WIRE_OK;
}

enum wire_status wire_get_eof(struct str payload, uint16_t *status, uint16_t *warnings)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *status = *warnings = 0;
    if (payload.len >= 9 || wire_get_uint(&r, 1) != 0xfe) return WIRE_MALFORMED;
    *warnings = (uint16_t)wire_get_uint(&r, 2);
    *status = (uint16_t)wire_get_uint(&r, 2);
    return wire_verdict(&r);
}

/* ---- ERR ---- */

void wire_put_err(struct buf *out, uint8_t *seq, uint16_t code, const char *state, struct str message)
{
    if (!state || strlen(state) != 5) state = wire_error_state(code);
    size_t at = wire_begin(out);
    buf_put_u8(out, 0xff);
    buf_put_u16(out, code);
    buf_put_u8(out, '#');
    buf_put(out, state, 5);
    buf_put_str(out, message);
    wire_end(out, at, seq);
}

enum wire_status wire_get_err(struct str payload, struct wire_err *e)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *e = (struct wire_err){.message = STR("")};
    if (wire_get_uint(&r, 1) != 0xff) return WIRE_MALFORMED;
    e->code = (uint16_t)wire_get_uint(&r, 2);
    if (r.bad) return WIRE_MALFORMED;
    memcpy(e->state, wire_error_state(e->code), 6);
    if (wire_left(&r) >= 6 && *r.p == '#') {
        wire_get_bytes(&r, 1);
        memcpy(e->state, wire_get_bytes(&r, 5).ptr, 5);
    }
    e->message = wire_get_rest(&r);
    return WIRE_OK;
}

/* ---- columns ---- */

void wire_put_column_count(struct buf *out, uint8_t *seq, uint32_t capabilities, uint64_t n, bool with_metadata)
{
    size_t at = wire_begin(out);
    wire_put_lenenc(out, n);
    if (capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA) buf_put_u8(out, with_metadata);
    wire_end(out, at, seq);
}

enum wire_status wire_get_column_count(struct str payload, uint32_t capabilities, uint64_t *n, bool *with_metadata)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *n = wire_get_lenenc(&r);
    *with_metadata = true;
    if (capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA && wire_left(&r)) {
        uint64_t flag = wire_get_uint(&r, 1);
        if (flag > 1) r.bad = true;
        *with_metadata = flag == 1;
    }
    if (wire_left(&r)) r.bad = true;
    return wire_verdict(&r);
}

void wire_put_column(struct buf *out, uint8_t *seq, const struct wire_column *c)
{
    size_t at = wire_begin(out);
    wire_put_lenstr(out, c->catalog);
    wire_put_lenstr(out, c->schema);
    wire_put_lenstr(out, c->table);
    wire_put_lenstr(out, c->org_table);
    wire_put_lenstr(out, c->name);
    wire_put_lenstr(out, c->org_name);
    buf_put_u8(out, COLUMN_FIXED);
    buf_put_u16(out, c->collation);
    buf_put_u32(out, c->length);
    buf_put_u8(out, c->type);
    buf_put_u16(out, c->flags);
    buf_put_u8(out, c->decimals);
    buf_put_u16(out, 0);
    if (c->has_defaults) wire_put_text_field(out, c->defaults);
    wire_end(out, at, seq);
}

enum wire_status wire_get_column(struct str payload, struct wire_column *c)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *c = (struct wire_column){.defaults = STR_NULL};
    c->catalog = wire_get_lenstr(&r);
    c->schema = wire_get_lenstr(&r);
    c->table = wire_get_lenstr(&r);
    c->org_table = wire_get_lenstr(&r);
    c->name = wire_get_lenstr(&r);
    c->org_name = wire_get_lenstr(&r);
    struct str fixed = wire_get_lenstr(&r);
    if (r.bad || fixed.len < COLUMN_FIXED) return WIRE_MALFORMED;
    struct wire_reader f = wire_read(fixed.ptr, fixed.len);
    c->collation = (uint16_t)wire_get_uint(&f, 2);
    c->length = (uint32_t)wire_get_uint(&f, 4);
    c->type = (uint8_t)wire_get_uint(&f, 1);
    c->flags = (uint16_t)wire_get_uint(&f, 2);
    c->decimals = (uint8_t)wire_get_uint(&f, 1);
    if (wire_left(&r) == 0) return WIRE_OK;
    c->has_defaults = true;
    if (*r.p == NULL_FIELD)
        wire_get_bytes(&r, 1);
    else
        c->defaults = wire_get_lenstr(&r);
    if (wire_left(&r)) r.bad = true;
    return wire_verdict(&r);
}

/* ---- text rows ---- */

enum wire_status wire_get_text_row(struct str payload, struct str *fields, uint32_t n)
{
    if (payload.len == 0) return n ? WIRE_MALFORMED : WIRE_OK;
    const unsigned char *p = (const unsigned char *)payload.ptr, *end = p + payload.len;
    for (uint32_t i = 0; i < n; i++) {
        if (UNLIKELY(p == end)) return WIRE_MALFORMED;
        size_t len = *p;
        if (LIKELY(len < NULL_FIELD))
            p++; /* nearly every field */
        else if (len == NULL_FIELD) {
            fields[i] = STR_NULL;
            p++;
            continue;
        } else {
            struct wire_reader r = wire_read(p, (size_t)(end - p));
            uint64_t big = wire_get_lenenc(&r);
            if (r.bad || big > wire_left(&r)) return WIRE_MALFORMED;
            len = (size_t)big;
            p = r.p;
        }
        if (UNLIKELY(len > (size_t)(end - p))) return WIRE_MALFORMED;
        fields[i] = str_make(p, len);
        p += len;
    }
    return p == end ? WIRE_OK : WIRE_MALFORMED;
}

void wire_put_text_field(struct buf *out, struct str value)
{
    if (value.ptr)
        wire_put_lenstr(out, value);
    else
        buf_put_u8(out, NULL_FIELD);
}
