/*
 * auth.c - the passwords of mysql_native_password and caching_sha2_password.
 *
 *   native:  answer = SHA1(p) xor SHA1(nonce + SHA1(SHA1(p)))           the server keeps SHA1(SHA1(p))
 *   sha2:    answer = SHA256(p) xor SHA256(SHA256(SHA256(p)) + nonce)   the server keeps SHA256(SHA256(p)) in
 * memory (fast path), and
 *            '$A$005$' + salt + digest in mysql.user (full path: the clear password, by TLS or RSA)
 *
 * The digest of the full path is sha256-crypt as Ulrich Drepper specified it
 * (https://akkadia.org/drepper/SHA-crypt.txt), with a salt of 20 bytes instead of 16, and rounds of a
 * thousand in three hex digits.
 *
 * A scramble cannot fail towards its caller: when the crypto library does, the answer is zeros, which no
 * server accepts. Comparisons take the same time for every input; what was derived from a password is wiped.
 */
#include "proxy/wire/wire.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { SHA1_LEN = 20, SHA256_LEN = 32, PASSWORD_MAX = 256 /* the servers' own bound on the full path */ };

/* md(a + b) */
static bool digest(const EVP_MD *md, struct str a, struct str b, uint8_t *out)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestInit_ex2(c, md, NULL) == 1 && EVP_DigestUpdate(c, a.ptr, a.len) == 1 &&
              EVP_DigestUpdate(c, b.ptr, b.len) == 1 && EVP_DigestFinal_ex(c, out, NULL) == 1;
    EVP_MD_CTX_free(c);
    if (!ok) memset(out, 0, (size_t)EVP_MD_get_size(md));
    return ok;
}

static bool twice(const EVP_MD *md, struct str password, uint8_t *once, uint8_t *out)
{
    size_t n = (size_t)EVP_MD_get_size(md);
    return digest(md, password, STR_NULL, once) && digest(md, str_make(once, n), STR_NULL, out);
}

static void xor_into(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] ^= from[i];
}

/* The key that hides the hash on the wire: native has the nonce first, sha2 has it last. */
static bool mask(const EVP_MD *md, const uint8_t *nonce, const uint8_t *stored, uint8_t *out)
{
    struct str n = str_make(nonce, WIRE_NONCE), s = str_make(stored, (size_t)EVP_MD_get_size(md));
    return EVP_MD_get_size(md) == SHA1_LEN ? digest(md, n, s, out) : digest(md, s, n, out);
}

static void scramble(const EVP_MD *md, struct str password, const uint8_t *nonce, uint8_t *out)
{
    uint8_t once[SHA256_LEN], stored[SHA256_LEN];
    size_t n = (size_t)EVP_MD_get_size(md);
    if (twice(md, password, once, stored) && mask(md, nonce, stored, out))
        xor_into(out, once, n);
    else
        memset(out, 0, n);
    OPENSSL_cleanse(once, sizeof once);
    OPENSSL_cleanse(stored, sizeof stored);
}

static bool check(const EVP_MD *md, struct str response, const uint8_t *nonce, const uint8_t *stored)
{
    uint8_t once[SHA256_LEN], again[SHA256_LEN];
    size_t n = (size_t)EVP_MD_get_size(md);
    if (response.len != n || !mask(md, nonce, stored, once)) return false;
    xor_into(once, (const uint8_t *)response.ptr, n);
    bool ok = digest(md, str_make(once, n), STR_NULL, again) && CRYPTO_memcmp(again, stored, n) == 0;
    OPENSSL_cleanse(once, sizeof once);
    return ok;
}

static void hash_twice(const EVP_MD *md, struct str password, uint8_t *stored)
{
    uint8_t once[SHA256_LEN];
    if (!twice(md, password, once, stored)) memset(stored, 0, (size_t)EVP_MD_get_size(md));
    OPENSSL_cleanse(once, sizeof once);
}

void wire_native_scramble(struct str password, const uint8_t nonce[WIRE_NONCE], uint8_t out[20])
{
    scramble(EVP_sha1(), password, nonce, out);
}

bool wire_native_check(struct str response, const uint8_t nonce[WIRE_NONCE], const uint8_t stored[20])
{
    return check(EVP_sha1(), response, nonce, stored);
}

void wire_native_hash(struct str password, uint8_t stored[20])
{
    hash_twice(EVP_sha1(), password, stored);
}

void wire_sha2_scramble(struct str password, const uint8_t nonce[WIRE_NONCE], uint8_t out[32])
{
    scramble(EVP_sha256(), password, nonce, out);
}

bool wire_sha2_check(struct str response, const uint8_t nonce[WIRE_NONCE], const uint8_t stored[32])
{
    return check(EVP_sha256(), response, nonce, stored);
}

void wire_sha2_fast_hash(struct str password, uint8_t stored[32])
{
    hash_twice(EVP_sha256(), password, stored);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool wire_native_parse(struct str hex, uint8_t stored[20])
{
    if (hex.len != 1 + 2 * SHA1_LEN || hex.ptr[0] != '*') return false;
    for (size_t i = 0; i < SHA1_LEN; i++) {
        int high = hex_digit(hex.ptr[1 + 2 * i]), low = hex_digit(hex.ptr[2 + 2 * i]);
        if (high < 0 || low < 0) return false;
        stored[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool wire_nonce_bytes(uint8_t *out, size_t size)
{
    uint8_t pool[4 * WIRE_NONCE];
    size_t n = 0;
    while (n < size) {
        if (RAND_bytes(pool, sizeof pool) != 1) return false;
        for (size_t i = 0; i < sizeof pool && n < size; i++) {
            uint8_t v = pool[i] & 0x7f;
            if (v != 0 && v != '$')
                out[n++] = v; /* dropped, not mapped: all that remain are equally likely */
        }
    }
    return true;
}

bool wire_nonce(uint8_t out[WIRE_NONCE])
{
    return wire_nonce_bytes(out, WIRE_NONCE);
}

/* ---- sha256-crypt ---- */

enum { PREFIX = 7 /* $A$005$ */, SALT = 20, ENCODED = 43, SHA2_STRING = PREFIX + SALT + ENCODED };

struct crypt { /* a failure of the library sticks */
    EVP_MD_CTX *ctx;
    bool bad;
};

static void start(struct crypt *c)
{
    if (EVP_DigestInit_ex2(c->ctx, c->bad ? NULL : EVP_sha256(), NULL) != 1) c->bad = true;
}

static void add(struct crypt *c, const void *p, size_t n)
{
    if (n && EVP_DigestUpdate(c->ctx, p, n) != 1) c->bad = true;
}

/* The first n bytes of p repeated for ever. */
static void add_repeated(struct crypt *c, const uint8_t p[SHA256_LEN], size_t n)
{
    for (; n > SHA256_LEN; n -= SHA256_LEN) add(c, p, SHA256_LEN);
    add(c, p, n);
}

static void finish(struct crypt *c, uint8_t out[SHA256_LEN])
{
    if (EVP_DigestFinal_ex(c->ctx, out, NULL) != 1) c->bad = true;
}

/* The steps' numbers are those of the specification. */
static bool sha256_crypt(struct str password, const char salt[SALT], uint32_t rounds, uint8_t a[SHA256_LEN])
{
    uint8_t b[SHA256_LEN], dp[SHA256_LEN], ds[SHA256_LEN];
    struct crypt c = {EVP_MD_CTX_new(), false};
    if (!c.ctx) return false;
    start(&c); /* 4-8 */
    add(&c, password.ptr, password.len);
    add(&c, salt, SALT);
    add(&c, password.ptr, password.len);
    finish(&c, b);
    start(&c); /* 1-3, 9-12 */
    add(&c, password.ptr, password.len);
    add(&c, salt, SALT);
    add_repeated(&c, b, password.len);
    for (size_t n = password.len; n; n >>= 1) {
        if (n & 1)
            add(&c, b, SHA256_LEN);
        else
            add(&c, password.ptr, password.len);
    }
    finish(&c, a);
    start(&c); /* 13-15: P is the digest dp repeated to the password's length */
    for (size_t i = 0; i < password.len; i++) add(&c, password.ptr, password.len);
    finish(&c, dp);
    start(&c); /* 17-19: S likewise, of the salt's length */
    for (size_t i = 0; i < 16u + a[0]; i++) add(&c, salt, SALT);
    finish(&c, ds);
    for (uint32_t i = 0; i < rounds && !c.bad; i++) { /* 21 */
        start(&c);
        if (i & 1)
            add_repeated(&c, dp, password.len);
        else
            add(&c, a, SHA256_LEN);
        if (i % 3) add(&c, ds, SALT);
        if (i % 7) add_repeated(&c, dp, password.len);
        if (i & 1)
            add(&c, a, SHA256_LEN);
        else
            add_repeated(&c, dp, password.len);
        finish(&c, a);
    }
    EVP_MD_CTX_free(c.ctx);
    OPENSSL_cleanse(b, sizeof b);
    OPENSSL_cleanse(dp, sizeof dp);
    return !c.bad;
}

/* 22: groups of three bytes, the lowest six bits first; each group's bytes are ten places apart and rotate.
 */
static void encode(const uint8_t d[SHA256_LEN], char out[ENCODED])
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned at[3] = {0, 10, 20};
    size_t n = 0;
    for (unsigned group = 0; group < 10; group++) {
        uint32_t v = (uint32_t)d[at[0]] << 16 | (uint32_t)d[at[1]] << 8 | d[at[2]];
        for (unsigned i = 0; i < 4; i++, v >>= 6) out[n++] = digits[v & 63];
        unsigned first = at[0];
        at[0] = at[2] + 1;
        at[2] = at[1] + 1;
        at[1] = first + 1;
    }
    uint32_t v = (uint32_t)d[31] << 8 | d[30];
    for (unsigned i = 0; i < 3; i++, v >>= 6) out[n++] = digits[v & 63];
}

bool wire_sha2_verify(struct str password, struct str s)
{
    uint8_t result[SHA256_LEN];
    char encoded[ENCODED];
    if (s.len != SHA2_STRING || memcmp(s.ptr, "$A$", 3) != 0 || s.ptr[6] != '$') return false;
    if (password.len > PASSWORD_MAX) return false;
    int high = hex_digit(s.ptr[3]), middle = hex_digit(s.ptr[4]), low = hex_digit(s.ptr[5]);
    if (high < 0 || middle < 0 || low < 0) return false;
    uint32_t rounds = (uint32_t)(high << 8 | middle << 4 | low) * 1000;
    if (rounds == 0 || !sha256_crypt(password, s.ptr + PREFIX, rounds, result)) return false;
    encode(result, encoded);
    bool ok = CRYPTO_memcmp(encoded, s.ptr + PREFIX + SALT, ENCODED) == 0;
    OPENSSL_cleanse(result, sizeof result);
    return ok;
}
