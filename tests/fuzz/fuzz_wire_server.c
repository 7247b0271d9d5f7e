/*
 * What a server may send: one payload, read as each kind of packet there is. Input: capabilities (4 bytes),
 * columns of a row (1 byte), payload. What was decoded must lie in the payload, and encode to something that
 * decodes to the same.
 */
#include "proxy/wire/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok) abort();
}

static void inside(struct str all, struct str part)
{
    if (part.len) require(part.ptr >= all.ptr && part.ptr + part.len <= all.ptr + all.len);
}

static struct str payload_of(const struct buf *b)
{
    require(!b->failed && b->len >= WIRE_HEADER);
    return str_make(b->data + WIRE_HEADER, b->len - WIRE_HEADER);
}

static void try_greeting(struct str p, struct buf *out)
{
    struct wire_greeting a, b;
    uint8_t seq = 0;
    if (wire_get_greeting(p, &a) != WIRE_OK) return;
    inside(p, a.server_version);
    inside(p, a.auth_plugin);
    wire_put_greeting(out, &seq, &a);
    require(wire_get_greeting(payload_of(out), &b) == WIRE_OK);
    require(str_eq(a.server_version, b.server_version) && a.thread_id == b.thread_id &&
            a.capabilities == b.capabilities);
    require(memcmp(a.nonce, b.nonce, WIRE_NONCE) == 0 && a.collation == b.collation && a.status == b.status);
    require(str_eq(a.auth_plugin, b.auth_plugin));
}

static void try_ok(struct str p, uint32_t caps, struct buf *out)
{
    struct wire_ok a, b;
    uint8_t seq = 0;
    if (wire_get_ok(p, caps, &a) != WIRE_OK) return;
    inside(p, a.info);
    wire_put_ok(out, &seq, caps, &a);
    require(wire_get_ok(payload_of(out), caps, &b) == WIRE_OK);
    require(a.affected == b.affected && a.insert_id == b.insert_id && a.status == b.status &&
            a.warnings == b.warnings);
    require(str_eq(a.info, b.info) && str_eq(a.track, b.track));
    inside(p, a.track);
    struct wire_reader r = wire_read(a.track.ptr, a.track.len);
    struct wire_track t = {0};
    while (wire_next_track(&r, &t)) {
        inside(a.track, t.name);
        inside(a.track, t.value);
    }
}

static void try_prepared(struct str p, uint32_t caps)
{
    struct wire_prepared s;
    uint64_t n;
    bool with;
    if (wire_get_prepare_ok(p, &s) == WIRE_OK) require(p.len >= 12);
    if (wire_get_column_count(p, caps, &n, &with) == WIRE_OK) require(p.len <= 10);
}

static void try_err(struct str p, struct buf *out)
{
    struct wire_err a, b;
    uint8_t seq = 0;
    if (wire_get_err(p, &a) != WIRE_OK) return;
    inside(p, a.message);
    if (memchr(a.state, 0, 5)) return; /* NULs in the state: not a string to write back */
    wire_put_err(out, &seq, a.code, a.state, a.message);
    require(wire_get_err(payload_of(out), &b) == WIRE_OK);
    require(a.code == b.code && memcmp(a.state, b.state, 6) == 0 && str_eq(a.message, b.message));
}

static void try_column(struct str p, struct buf *out)
{
    struct wire_column a, b;
    uint8_t seq = 0;
    if (wire_get_column(p, &a) != WIRE_OK) return;
    wire_put_column(out, &seq, &a);
    require(wire_get_column(payload_of(out), &b) == WIRE_OK);
    const struct str x[] = {a.catalog, a.schema, a.table, a.org_table, a.name, a.org_name, a.defaults};
    const struct str y[] = {b.catalog, b.schema, b.table, b.org_table, b.name, b.org_name, b.defaults};
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        inside(p, x[i]);
        require(str_eq(x[i], y[i]));
    }
    require(a.collation == b.collation && a.length == b.length && a.type == b.type && a.flags == b.flags);
    require(a.decimals == b.decimals && a.has_defaults == b.has_defaults &&
            !a.defaults.ptr == !b.defaults.ptr);
}

static void try_row(struct str p, uint32_t n, struct buf *out)
{
    struct str a[256], b[256];
    if (wire_get_text_row(p, a, n) != WIRE_OK) return;
    for (uint32_t i = 0; i < n; i++) {
        inside(p, a[i]);
        wire_put_text_field(out, a[i]);
    }
    require(wire_get_text_row(buf_str(out), b, n) == WIRE_OK);
    for (uint32_t i = 0; i < n; i++) require(!a[i].ptr == !b[i].ptr && str_eq(a[i], b[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5) return 0;
    uint32_t caps =
        (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    struct str p = str_make(data + 5, size - 5), plugin, rest;
    struct buf out = {0};
    uint16_t status, warnings;
    try_greeting(p, &out);
    buf_reset(&out);
    try_ok(p, caps, &out);
    buf_reset(&out);
    try_prepared(p, caps);
    try_err(p, &out);
    buf_reset(&out);
    try_column(p, &out);
    buf_reset(&out);
    try_row(p, data[4], &out);
    buf_release(&out);
    if (wire_get_eof(p, &status, &warnings) == WIRE_OK) require(wire_is_eof(p));
    if (wire_get_auth_switch(p, &plugin, &rest) == WIRE_OK && p.len > 1) {
        inside(p, plugin);
        inside(p, rest);
    }
    struct wire_reader r = wire_read(p.ptr, p.len);
    while (!r.bad && wire_left(&r)) inside(p, wire_get_lenstr(&r));
    return 0;
}
