/*
 * access.c - where clients come from and how: TLS on both sides, networks, compression.
 *
 * The files that `tls` names are read by proxy/net, at the start and at each reload; here only their place in the rules is
 * checked. A network is kept as 16 bytes and a number of bits: IPv4 as v4-mapped IPv6 (RFC 4291, 2.5.5.2), so that one
 * comparison serves both. Host names are refused: an answer of the name service is no ground to let somebody in.
 */
#include "conf/read.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { MAX_NETWORKS = 1024, V4_BITS = 96 };

/* ---- networks ---- */

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const uint8_t *address)
{
    return memcmp(address, v4_prefix, sizeof v4_prefix) == 0;
}

bool conf_network_has(const struct conf_network *n, const uint8_t *address)
{
    if (!address || n->is_unix) return !address && n->is_unix;
    if (is_v4(address) && n->bits < V4_BITS) return false;
    size_t whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->address, address, whole) != 0) return false;
    return rest == 0 || (uint8_t)((n->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool conf_user_may_come(const struct conf_user *u, const uint8_t *address)
{
    for (uint32_t i = 0; i < u->ndeny; i++) {
        if (conf_network_has(&u->deny[i], address)) return false;
    }
    for (uint32_t i = 0; i < u->nallow; i++) {
        if (conf_network_has(&u->allow[i], address)) return true;
    }
    return u->nallow == 0;
}

void network_print(struct buf *out, const struct conf_network *n)
{
    char text[INET6_ADDRSTRLEN];
    if (n->is_unix) {
        buf_putz(out, "unix");
        return;
    }
    bool v4 = is_v4(n->address) && n->bits >= V4_BITS;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, n->address + (v4 ? 12 : 0), text, sizeof text)) out->failed = true;
    else buf_printf(out, "%s/%d", text, n->bits - (v4 ? V4_BITS : 0));
}

/* Clears the bits behind the mask; true when there were any. */
static bool clear_host(struct conf_network *n)
{
    bool any = false;
    for (unsigned i = n->bits; i < 128; i++) {
        uint8_t bit = (uint8_t)(0x80 >> (i % 8));
        any |= n->address[i / 8] & bit;
        n->address[i / 8] &= (uint8_t)~bit;
    }
    return any;
}

static bool parse_address(struct str s, struct conf_network *out, unsigned *most)
{
    char text[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, 0, s.len)) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    memcpy(out->address, v4_prefix, sizeof v4_prefix);
    *most = 32;
    if (inet_pton(AF_INET, text, out->address + 12) == 1) return true;
    *most = 128;
    return inet_pton(AF_INET6, text, out->address) == 1;
}

static bool read_network(struct reader *r, const struct ynode *n, const char *what, struct conf_network *out)
{
    static const char form[] = "write 10.0.0.0/8, 192.168.1.7, 2001:db8::/32, or unix for Unix sockets; names are not looked up";
    if (!want_scalar(r, n, what)) return false;
    struct str s = n->text, bits = STR_NULL;
    int shown = (int)(s.len < 80 ? s.len : 80);
    unsigned most = 0;
    uint64_t number = 0;
    *out = (struct conf_network){.pos = n->pos};
    if (str_eq_nocase(s, STR("unix"))) {
        out->is_unix = true;
        return true;
    }
    const char *slash = memchr(s.ptr, '/', s.len);
    if (slash) {
        bits = str_make(slash + 1, s.len - (size_t)(slash - s.ptr) - 1);
        s.len = (size_t)(slash - s.ptr);
    }
    if (!parse_address(s, out, &most)) {
        bool any = str_eq(n->text, STR("%")) || str_eq(n->text, STR("*")) || str_eq_nocase(n->text, STR("all"));
        fault(r, n->pos, any ? "write 0.0.0.0/0 for all of IPv4, '::/0' for all of IPv6" : form, "%s: '%.*s' is not a network", what, shown,
              n->text.ptr);
        return false;
    }
    number = most;
    if (slash && (!str_to_u64(bits, &number) || number > most)) {
        fault(r, n->pos, hintf(r, "the number of leading bits that count, 0 to %u", most), "%s: '%.*s' has no good length behind the slash",
              what, shown, n->text.ptr);
        return false;
    }
    out->bits = (uint8_t)(number + (most == 32 ? V4_BITS : 0));
    struct conf_network written = *out;
    if (clear_host(out)) {
        buf_reset(&r->text);
        network_print(&r->text, out);
        const char *clean = hintf(r, STR_FMT, STR_ARG(buf_str(&r->text)));
        buf_reset(&r->text);
        written.bits = 128;
        network_print(&r->text, &written);
        const char *one = hintf(r, STR_FMT, STR_ARG(buf_str(&r->text)));
        fault(r, n->pos, hintf(r, "write %s for the network, %s for the one address", clean, one),
              "%s: '%.*s' has bits set behind its length", what, shown, n->text.ptr);
        return false;
    }
    return true;
}

struct conf_network *read_networks(struct reader *r, const struct ynode *n, const char *what, uint32_t *count)
{
    *count = 0;
    if (!n) return NULL;
    uint32_t most = n->kind == Y_SEQUENCE ? n->nitems : 1;
    if (n->kind == Y_SEQUENCE && most == 0) {
        fault(r, n->pos, "remove the key, or list networks", "%s: the list is empty", what);
        return NULL;
    }
    if (most > MAX_NETWORKS) {
        fault(r, n->pos, NULL, "%s: more than %d networks", what, (int)MAX_NETWORKS);
        return NULL;
    }
    struct conf_network *list = arena_array(r->a, struct conf_network, most);
    if (!list) r->oom = true;
    for (uint32_t i = 0; list && i < most; i++) {
        if (read_network(r, n->kind == Y_SEQUENCE ? n->items[i] : n, what, &list[*count])) ++*count;
    }
    return list;
}

/* ---- TLS ---- */

static void clear_tls(struct conf_tls *t)
{
    *t = (struct conf_tls){.certificate = {.value = STR("")}, .key = {.value = STR("")}, .ca = {.value = STR("")}, .name = {.value = STR("")}};
}

void read_client_tls(struct reader *r, const struct ynode *n, struct conf_tls *out)
{
    clear_tls(out);
    if (!n) return;
    out->pos = n->pos;
    if (n->kind == Y_SCALAR && !ynode_is_null(n)) {
        fault(r, n->pos, "write tls: {certificate: ..., key: ...}; without the key `tls` none is offered", "weir.tls must be a mapping, not a single value");
        return;
    }
    if (!keys_check(r, n, SEC_TLS, "weir.tls")) return;
    out->certificate = read_text(r, n, KEY_TLS_CERTIFICATE);
    out->key = read_text(r, n, KEY_TLS_KEY);
    if (out->certificate.pos.line && !out->certificate.value.len)
        fault(r, out->certificate.pos, "remove weir.tls when no TLS is to be offered", "'certificate' of weir.tls is empty");
    if (out->key.pos.line && !out->key.value.len) fault(r, out->key.pos, NULL, "'key' of weir.tls is empty");
    out->ca = read_text(r, n, KEY_TLS_CA);
    out->min_version = (enum conf_tls_version)read_word(r, n, KEY_TLS_MIN_VERSION);
}

static void check_server_tls(struct reader *r, const char *what, const struct conf_source *s)
{
    const struct conf_tls *t = &s->tls;
    bool certificate = t->certificate.value.len > 0, key = t->key.value.len > 0;
    if (certificate != key)
        fault(r, certificate ? t->certificate.pos : t->key.pos, "the certificate and its private key go together", "%s: tls has a %s without a %s", what,
              certificate ? "certificate" : "key", certificate ? "key" : "certificate");
    if (t->mode == CONF_TLS_VERIFY_IDENTITY && s->primary.path.len && !t->name.value.len)
        fault(r, t->pos, "give the name that the certificate carries: tls: {name: ...}", "%s: a Unix socket has no host name to verify", what);
}

void read_server_tls(struct reader *r, const struct ynode *n, const char *what, struct conf_source *s)
{
    struct conf_tls *t = &s->tls;
    static const char modes[] = "off|on|verify_ca|verify_identity";
    clear_tls(t);
    if (!n) return;
    t->pos = n->pos;
    if (n->kind == Y_SCALAR && !ynode_is_null(n)) {
        int mode = word_index(modes, n->text);
        if (mode < 0 && word_index("true|yes", n->text) >= 0) mode = CONF_TLS_ON;
        if (mode < 0 && word_index("false|no", n->text) >= 0) mode = CONF_TLS_OFF;
        if (mode < 0) fault(r, n->pos, "off, on, or a mapping {mode: ..., ca: ...}", "%s: unknown tls '%.60s'", what, n->text.ptr);
        else t->mode = (enum conf_tls_mode)mode;
    } else {
        if (!keys_check(r, n, SEC_SERVER_TLS, hintf(r, "tls of %s", what))) return;
        t->ca = read_text(r, n, KEY_SERVER_TLS_CA);
        t->certificate = read_text(r, n, KEY_SERVER_TLS_CERTIFICATE);
        t->key = read_text(r, n, KEY_SERVER_TLS_KEY);
        t->name = read_text(r, n, KEY_SERVER_TLS_NAME);
        t->min_version = (enum conf_tls_version)read_word(r, n, KEY_SERVER_TLS_MIN_VERSION);
        int mode = read_word(r, n, KEY_SERVER_TLS_MODE);
        t->mode = mode >= 0 ? (enum conf_tls_mode)mode : t->ca.value.len ? CONF_TLS_VERIFY_IDENTITY : CONF_TLS_ON;
    }
    check_server_tls(r, what, s);
}

/* ---- the rest of weir, and users ---- */

void read_compression(struct reader *r, const struct ynode *mapping, struct conf_weir *w)
{
    const struct ynode *n = key_get(r, mapping, KEY_WEIR_COMPRESSION);
    const char *words = key_table[KEY_WEIR_COMPRESSION].words;
    w->compress_zlib = w->compress_zstd = !n;
    if (!n) return;
    uint32_t many = n->kind == Y_SEQUENCE ? n->nitems : 1;
    bool none = false;
    if (many == 0) fault(r, n->pos, "write none", "'compression': the list is empty");
    for (uint32_t i = 0; i < many; i++) {
        const struct ynode *item = n->kind == Y_SEQUENCE ? n->items[i] : n;
        if (!want_scalar(r, item, "'compression'")) continue;
        int word = word_index(words, item->text);
        if (word < 0 && word_index("off|no|false", item->text) >= 0) word = 2;
        switch (word) {
        case 0: w->compress_zlib = true; break;
        case 1: w->compress_zstd = true; break;
        case 2: none = true; break;
        default: fault(r, item->pos, "zlib, zstd, a list of both, or none", "unknown compression '%.60s'", item->text.ptr);
        }
        if (none && many > 1) {
            fault(r, item->pos, "write none alone", "'compression' has none and others");
            break;
        }
    }
}

static enum conf_require_tls read_require(struct reader *r, const struct ynode *mapping)
{
    const struct ynode *n = key_get(r, mapping, KEY_USER_REQUIRE_TLS);
    if (n && n->kind == Y_SCALAR && word_index("on|true", n->text) >= 0) return CONF_REQUIRE_TLS;
    if (n && n->kind == Y_SCALAR && word_index("off|false", n->text) >= 0) return CONF_REQUIRE_NOTHING;
    return (enum conf_require_tls)read_word(r, mapping, KEY_USER_REQUIRE_TLS);
}

void read_user_access(struct reader *r, const struct ynode *mapping, const char *what, struct conf_user *u)
{
    const struct conf_tls *tls = &r->c->weir.tls;
    u->require_tls = read_require(r, mapping);
    u->allow = read_networks(r, key_get(r, mapping, KEY_USER_ALLOW), hintf(r, "%s: allow", what), &u->nallow);
    u->deny = read_networks(r, key_get(r, mapping, KEY_USER_DENY), hintf(r, "%s: deny", what), &u->ndeny);
    const struct ynode *n = key_get(r, mapping, KEY_USER_REQUIRE_TLS);
    if (!n || u->require_tls == CONF_REQUIRE_NOTHING) return;
    if (!tls->pos.line)
        fault(r, n->pos, "give Weir a certificate: weir: {tls: {certificate: ..., key: ...}}", "%s must use TLS, but weir.tls is not there to offer it", what);
    else if (u->require_tls == CONF_REQUIRE_CERTIFICATE && !tls->ca.value.len && tls->certificate.value.len)
        fault(r, n->pos, "name the file of the authority that signs clients' certificates: weir: {tls: {ca: ...}}",
              "%s must show a certificate, but weir.tls has no 'ca' to check it by", what);
}
