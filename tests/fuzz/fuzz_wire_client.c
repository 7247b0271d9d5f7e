/*
 * What a client may send: a stream of packets in chunks, decoded as a login, a COM_CHANGE_USER, an auth
 * answer, an EXECUTE and a QUERY with attributes. Input: one byte of options, then the stream. What was decoded must lie in the payload, and encode
 * to something that decodes to the same.
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

static void try_login(struct str p)
{
    struct wire_login a, b;
    if (wire_get_login(p, &a) != WIRE_OK) return;
    const struct str parts[] = {a.user, a.auth, a.schema, a.auth_plugin, a.attributes};
    for (size_t i = 0; i < COUNT_OF(parts); i++) inside(p, parts[i]);
    if (a.auth_plugin.len && memchr(a.auth_plugin.ptr, 0, a.auth_plugin.len)) abort();
    struct buf out = {0};
    uint8_t seq = 0;
    wire_put_login(&out, &seq, &a);
    require(!out.failed);
    require(wire_get_login(str_make(out.data + WIRE_HEADER, out.len - WIRE_HEADER), &b) == WIRE_OK);
    require(a.capabilities == b.capabilities && a.max_packet == b.max_packet && a.collation == b.collation);
    require(a.has_schema == b.has_schema && a.ssl_request == b.ssl_request && a.zstd_level == b.zstd_level);
    require(str_eq(a.user, b.user) && str_eq(a.auth, b.auth) && str_eq(a.schema, b.schema));
    require(str_eq(a.auth_plugin, b.auth_plugin) && str_eq(a.attributes, b.attributes));
    buf_release(&out);
}

static void try_change_user(struct str p, uint32_t capabilities)
{
    struct wire_change_user c;
    if (wire_get_change_user(p, capabilities, &c) != WIRE_OK) return;
    const struct str parts[] = {c.user, c.auth, c.schema, c.auth_plugin, c.attributes};
    for (size_t i = 0; i < COUNT_OF(parts); i++) inside(p, parts[i]);
}

/* Behind the command byte: EXECUTE and QUERY as a client sends them. */
static void try_statement(struct str p, uint32_t capabilities)
{
    struct wire_execute x;
    struct wire_param params[9] = {0};
    uint16_t types[9] = {3, 8, 254, 10, 11, 12, 1, 2, 5};
    bool known = capabilities & WIRE_CAP_SSL;
    struct str text, name, value;
    if (wire_get_query(p, capabilities, &text) == WIRE_OK) inside(p, text);
    uint16_t n = p.len ? (uint16_t)((unsigned char)p.ptr[p.len - 1] % 10) : 0;
    if (wire_get_execute(p, capabilities, n, types, &known, &x, params) == WIRE_OK)
        for (uint16_t i = 0; i < n; i++) inside(p, params[i].value);
    struct wire_reader r = wire_read(p.ptr, p.len);
    while (wire_next_attribute(&r, &name, &value)) {
        inside(p, name);
        inside(p, value);
    }
}

static void try_auth(struct str p)
{
    static const uint8_t nonce[WIRE_NONCE] = {1}, stored[32] = {2};
    uint8_t hash[20], key[WIRE_ED25519_KEY];
    (void)wire_native_check(p, nonce, stored);
    (void)wire_sha2_check(p, nonce, stored);
    (void)wire_native_parse(p, hash);
    (void)wire_ed25519_parse(p, key);
    if (p.len == WIRE_ED25519_SIGNATURE) require(!wire_ed25519_check(p, stored, stored));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    uint8_t options = *data++;
    size--;
    size_t step = 1 + (options & 31); /* bytes a chunk; 32: all of it */
    struct wire_gather g = {.check_seq = options & 32, .max = options & 64 ? 200 : 0};
    size_t at = 0;
    while (at < size) {
        size_t n = step == 32 ? size - at : step < size - at ? step : size - at, used = 0, done = 0;
        while (done < n) {
            struct str p;
            enum wire_status st = wire_gather_next(&g, data + at + done, n - done, &used, &p);
            require(used <= n - done);
            done += used;
            if (st == WIRE_MALFORMED) goto out;
            if (st == WIRE_MORE) {
                require(done == n);
                break;
            }
            require(used > 0 && (!g.max || p.len <= g.max));
            try_login(p);
            try_auth(p);
            if (p.len) {
                uint32_t caps = options & 128 ? 0xffffffff : WIRE_CAP_PROTOCOL_41;
                try_change_user(str_make(p.ptr + 1, p.len - 1), caps);
                try_statement(str_make(p.ptr + 1, p.len - 1), caps);
            }
        }
        at += n;
    }
out:
    wire_gather_release(&g);
    return 0;
}
