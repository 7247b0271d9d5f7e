/*
 * login.c - the packets from the first byte of a connection to the OK that ends the login, for both sides.
 *
 *   server                                           client
 *   greeting (version, thread id, nonce)  ------->
 *                                         <-------   [SSL request, then TLS]   login (user, answer to the
 * nonce, schema) [auth switch: other plugin, new nonce ------->]
 *                                         <-------   [answer]
 *   [auth more: what the plugin says      ------->]  ...
 *   OK or ERR                             ------->
 *
 * The greeting carries capabilities in two halves and the nonce in two parts (8 + 12 bytes and a NUL) because
 * the packet of 1998 had only the first of each. Which fields a login has follows from the client's
 * capabilities, not from its length. Where servers forgive clients we do too: a plugin name that runs to the
 * packet's end without its NUL, and connection attributes that were announced but left out.
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

enum {
    PROTOCOL_VERSION = 10,
    NONCE_FIRST = 8,
    NONCE_SECOND = WIRE_NONCE - NONCE_FIRST,
    GREETING_FILLER = 10, /* MariaDB keeps its extended capabilities in the last 4; we offer and read none */
    LOGIN_FIXED = 32,     /* capabilities, max packet, collation, filler: all that an SSL request has */
    LOGIN_FILLER = 23
};

/* ---- greeting ---- */

void wire_put_greeting(struct buf *out, uint8_t *seq, const struct wire_greeting *g)
{
    size_t at = wire_begin(out);
    buf_put_u8(out, PROTOCOL_VERSION);
    wire_put_z(out, g->server_version);
    buf_put_u32(out, g->thread_id);
    buf_put(out, g->nonce, NONCE_FIRST);
    buf_put_u8(out, 0);
    buf_put_u16(out, (uint16_t)(g->capabilities & 0xffff));
    buf_put_u8(out, g->collation);
    buf_put_u16(out, g->status);
    buf_put_u16(out, (uint16_t)(g->capabilities >> 16));
    buf_put_u8(out, g->capabilities & WIRE_CAP_PLUGIN_AUTH ? WIRE_NONCE + 1 : 0);
    wire_put_zeros(out, GREETING_FILLER);
    if (g->capabilities & WIRE_CAP_SECURE_CONNECTION) {
        buf_put(out, g->nonce + NONCE_FIRST, NONCE_SECOND);
        buf_put_u8(out, 0);
    }
    if (g->capabilities & WIRE_CAP_PLUGIN_AUTH) wire_put_z(out, g->auth_plugin);
    wire_end(out, at, seq);
}

/* A NUL-terminated name that may also run to the end. */
static struct str get_name(struct wire_reader *r)
{
    size_t left = wire_left(r);
    if (left && memchr(r->p, 0, left)) return wire_get_z(r);
    return wire_get_rest(r);
}

enum wire_status wire_get_greeting(struct str payload, struct wire_greeting *g)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *g = (struct wire_greeting){.server_version = STR(""), .auth_plugin = STR("")};
    if (wire_get_uint(&r, 1) != PROTOCOL_VERSION) return WIRE_MALFORMED;
    g->server_version = wire_get_z(&r);
    g->thread_id = (uint32_t)wire_get_uint(&r, 4);
    struct str nonce = wire_get_bytes(&r, NONCE_FIRST);
    wire_get_bytes(&r, 1);
    g->capabilities = (uint32_t)wire_get_uint(&r, 2);
    if (r.bad) return WIRE_MALFORMED;
    memcpy(g->nonce, nonce.ptr, NONCE_FIRST);
    if (wire_left(&r) == 0) return WIRE_OK; /* the greeting of 1998 */

    g->collation = (uint8_t)wire_get_uint(&r, 1);
    g->status = (uint16_t)wire_get_uint(&r, 2);
    g->capabilities |= (uint32_t)wire_get_uint(&r, 2) << 16;
    size_t announced = (size_t)wire_get_uint(&r, 1);
    wire_get_bytes(&r, GREETING_FILLER);
    if (g->capabilities & WIRE_CAP_SECURE_CONNECTION) {
        size_t second =
            announced > NONCE_FIRST + NONCE_SECOND + 1 ? announced - NONCE_FIRST : NONCE_SECOND + 1;
        if (wire_left(&r) == NONCE_SECOND) second = NONCE_SECOND; /* nothing follows, not even the NUL */
        nonce = wire_get_bytes(&r, second);
        if (r.bad) return WIRE_MALFORMED;
        memcpy(g->nonce + NONCE_FIRST, nonce.ptr, NONCE_SECOND);
    }
    if (g->capabilities & WIRE_CAP_PLUGIN_AUTH) g->auth_plugin = get_name(&r);
    return wire_verdict(&r);
}

/* ---- login ---- */

void wire_put_login(struct buf *out, uint8_t *seq, const struct wire_login *l)
{
    size_t at = wire_begin(out);
    buf_put_u32(out, l->capabilities);
    buf_put_u32(out, l->max_packet);
    buf_put_u8(out, l->collation);
    wire_put_zeros(out, LOGIN_FILLER);
    if (!l->ssl_request) {
        wire_put_z(out, l->user);
        if (l->capabilities & WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA)
            wire_put_lenstr(out, l->auth);
        else if (l->capabilities & WIRE_CAP_SECURE_CONNECTION) {
            if (l->auth.len > 0xff) out->failed = true;
            buf_put_u8(out, (uint8_t)(l->auth.len & 0xff));
            buf_put_str(out, l->auth);
        } else
            wire_put_z(out, l->auth);
        if (l->capabilities & WIRE_CAP_CONNECT_WITH_DB) wire_put_z(out, l->schema);
        if (l->capabilities & WIRE_CAP_PLUGIN_AUTH) wire_put_z(out, l->auth_plugin);
        if (l->capabilities & WIRE_CAP_CONNECT_ATTRS) wire_put_lenstr(out, l->attributes);
        if (l->capabilities & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM) buf_put_u8(out, l->zstd_level);
    }
    wire_end(out, at, seq);
}

enum wire_status wire_get_login(struct str payload, struct wire_login *l)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    struct str none = STR("");
    *l = (struct wire_login){
        .user = none, .auth = none, .schema = none, .auth_plugin = none, .attributes = none};
    l->capabilities = (uint32_t)wire_get_uint(&r, 4);
    if (r.bad || !(l->capabilities & WIRE_CAP_PROTOCOL_41)) return WIRE_MALFORMED;
    l->max_packet = (uint32_t)wire_get_uint(&r, 4);
    l->collation = (uint8_t)wire_get_uint(&r, 1);
    wire_get_bytes(&r, LOGIN_FILLER);
    if (!r.bad && payload.len == LOGIN_FIXED && l->capabilities & WIRE_CAP_SSL) {
        l->ssl_request = true;
        return WIRE_OK;
    }
    l->user = wire_get_z(&r);
    if (l->capabilities & WIRE_CAP_PLUGIN_AUTH_LENENC_CLIENT_DATA)
        l->auth = wire_get_lenstr(&r);
    else if (l->capabilities & WIRE_CAP_SECURE_CONNECTION)
        l->auth = wire_get_bytes(&r, (size_t)wire_get_uint(&r, 1));
    else
        l->auth = wire_get_z(&r);
    if (l->capabilities & WIRE_CAP_CONNECT_WITH_DB) {
        l->schema = wire_get_z(&r);
        l->has_schema = l->schema.len > 0; /* servers take an empty name as none */
    }
    if (l->capabilities & WIRE_CAP_PLUGIN_AUTH) l->auth_plugin = get_name(&r);
    if (l->capabilities & WIRE_CAP_CONNECT_ATTRS && wire_left(&r)) l->attributes = wire_get_lenstr(&r);
    if (l->capabilities & WIRE_CAP_ZSTD_COMPRESSION_ALGORITHM && wire_left(&r))
        l->zstd_level = (uint8_t)wire_get_uint(&r, 1);
    return wire_verdict(&r);
}

bool wire_next_attribute(struct wire_reader *r, struct str *name, struct str *value)
{
    *name = *value = STR("");
    if (wire_left(r) == 0) return false;
    *name = wire_get_lenstr(r);
    *value = wire_get_lenstr(r);
    return !r->bad;
}

void wire_put_ssl_request(struct buf *out, uint8_t *seq, const struct wire_login *l)
{
    struct wire_login head = {.capabilities = l->capabilities | WIRE_CAP_SSL, .max_packet = l->max_packet, .collation = l->collation};
    head.ssl_request = true;
    wire_put_login(out, seq, &head);
}

enum wire_status wire_get_change_user(struct str payload, uint32_t capabilities, struct wire_change_user *c)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    struct str none = STR("");
    *c = (struct wire_change_user){none, none, none, none, none, 0};
    c->user = wire_get_z(&r);
    /* One length byte here even under PLUGIN_AUTH_LENENC_CLIENT_DATA. */
    if (capabilities & WIRE_CAP_SECURE_CONNECTION)
        c->auth = wire_get_bytes(&r, (size_t)wire_get_uint(&r, 1));
    else
        c->auth = wire_get_z(&r);
    c->schema = wire_get_z(&r);
    if (r.bad || wire_left(&r) == 0) return wire_verdict(&r);
    c->collation = (uint16_t)wire_get_uint(&r, 2);
    if (capabilities & WIRE_CAP_PLUGIN_AUTH) c->auth_plugin = get_name(&r);
    if (capabilities & WIRE_CAP_CONNECT_ATTRS && wire_left(&r)) c->attributes = wire_get_lenstr(&r);
    return wire_verdict(&r);
}

/* ---- the plugins' conversation ---- */

void wire_put_auth_switch_data(struct buf *out, uint8_t *seq, struct str plugin, struct str data)
{
    size_t at = wire_begin(out);
    buf_put_u8(out, 0xfe);
    wire_put_z(out, plugin);
    buf_put_str(out, data);
    wire_end(out, at, seq);
}

void wire_put_auth_switch(struct buf *out, uint8_t *seq, struct str plugin, const uint8_t nonce[WIRE_NONCE])
{
    char data[WIRE_NONCE + 1] = {0};
    memcpy(data, nonce, WIRE_NONCE);
    wire_put_auth_switch_data(out, seq, plugin, str_make(data, sizeof data));
}

enum wire_status wire_get_auth_switch(struct str payload, struct str *plugin, struct str *data)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *plugin = *data = STR("");
    if (wire_get_uint(&r, 1) != 0xfe) return WIRE_MALFORMED;
    if (wire_left(&r) == 0) { /* the bare byte of old servers */
        *plugin = STR("mysql_old_password");
        return WIRE_OK;
    }
    *plugin = wire_get_z(&r);
    *data = wire_get_rest(&r);
    return wire_verdict(&r);
}

void wire_put_auth_more(struct buf *out, uint8_t *seq, struct str data)
{
    size_t at = wire_begin(out);
    buf_put_u8(out, 0x01);
    buf_put_str(out, data);
    wire_end(out, at, seq);
}
