/*
 * ed25519.c - client_ed25519, MariaDB's plugin: the password signs the server's nonce.
 *
 *   secret a      the lower half of SHA512(password), clamped; the upper half is the prefix of the signature's own nonce
 *   public A      a * B, kept by the server as 43 characters of base64 (mysql.user, "PASSWORD('...')")
 *   signature     R = r * B with r = SHA512(prefix + nonce), S = r + SHA512(R + A + nonce) * a, as in RFC 8032
 *
 * It is Ed25519 but for the seed: a password of any length in place of 32 random bytes. So verifying is the library's own, while signing is
 * put together here from its arithmetic (all of it modulo the group's order, in constant time). What comes from a password is wiped.
 */
#include "proxy/wire/wire.h"

#include <sodium.h>

enum { SCALAR = crypto_core_ed25519_SCALARBYTES, HASH = crypto_hash_sha512_BYTES, BASE64 = 43 };

_Static_assert(WIRE_ED25519_KEY == crypto_sign_PUBLICKEYBYTES && WIRE_ED25519_SIGNATURE == crypto_sign_BYTES, "sizes of Ed25519");

struct key { /* the seed's two halves, and what follows from the first */
    uint8_t seed[HASH];
    uint8_t scalar[SCALAR]; /* the clamped half, modulo the group's order */
    uint8_t pub[WIRE_ED25519_KEY];
};

/* SHA512(a + b + c), as a number modulo the group's order. */
static void hash_scalar(struct str a, struct str b, struct str c, uint8_t out[SCALAR])
{
    crypto_hash_sha512_state s;
    uint8_t h[HASH];
    crypto_hash_sha512_init(&s);
    crypto_hash_sha512_update(&s, (const uint8_t *)a.ptr, a.len);
    crypto_hash_sha512_update(&s, (const uint8_t *)b.ptr, b.len);
    crypto_hash_sha512_update(&s, (const uint8_t *)c.ptr, c.len);
    crypto_hash_sha512_final(&s, h);
    crypto_core_ed25519_scalar_reduce(out, h);
    sodium_memzero(&s, sizeof s);
    sodium_memzero(h, sizeof h);
}

static bool derive(struct str password, struct key *k)
{
    uint8_t wide[HASH] = {0};
    if (sodium_init() < 0) return false;
    crypto_hash_sha512(k->seed, (const uint8_t *)(password.len ? password.ptr : ""), password.len);
    k->seed[0] &= 248;
    k->seed[SCALAR - 1] = (uint8_t)((k->seed[SCALAR - 1] & 63) | 64);
    memcpy(wide, k->seed, SCALAR);
    crypto_core_ed25519_scalar_reduce(k->scalar, wide);
    sodium_memzero(wide, sizeof wide);
    return crypto_scalarmult_ed25519_base_noclamp(k->pub, k->seed) == 0;
}

bool wire_ed25519_sign(struct str password, const uint8_t nonce[WIRE_ED25519_NONCE], uint8_t signature[WIRE_ED25519_SIGNATURE])
{
    struct key k;
    uint8_t r[SCALAR], h[SCALAR];
    struct str n = str_make(nonce, WIRE_ED25519_NONCE);
    bool ok = derive(password, &k);
    if (ok) {
        hash_scalar(str_make(k.seed + SCALAR, SCALAR), n, STR(""), r);
        ok = crypto_scalarmult_ed25519_base_noclamp(signature, r) == 0;
        hash_scalar(str_make(signature, SCALAR), str_make(k.pub, sizeof k.pub), n, h);
        crypto_core_ed25519_scalar_mul(h, h, k.scalar);
        crypto_core_ed25519_scalar_add(signature + SCALAR, r, h);
    }
    if (!ok) memset(signature, 0, WIRE_ED25519_SIGNATURE);
    sodium_memzero(&k, sizeof k);
    sodium_memzero(r, sizeof r);
    sodium_memzero(h, sizeof h);
    return ok;
}

bool wire_ed25519_public(struct str password, uint8_t key[WIRE_ED25519_KEY])
{
    struct key k;
    bool ok = derive(password, &k);
    if (ok)
        memcpy(key, k.pub, WIRE_ED25519_KEY);
    else
        memset(key, 0, WIRE_ED25519_KEY);
    sodium_memzero(&k, sizeof k);
    return ok;
}

bool wire_ed25519_parse(struct str base64, uint8_t key[WIRE_ED25519_KEY])
{
    size_t n = 0;
    if (base64.len != BASE64) return false;
    return sodium_base642bin(key, WIRE_ED25519_KEY, base64.ptr, base64.len, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           n == WIRE_ED25519_KEY;
}

bool wire_ed25519_check(struct str response, const uint8_t nonce[WIRE_ED25519_NONCE], const uint8_t key[WIRE_ED25519_KEY])
{
    if (response.len != WIRE_ED25519_SIGNATURE || sodium_init() < 0) return false;
    return crypto_sign_verify_detached((const uint8_t *)response.ptr, nonce, WIRE_ED25519_NONCE, key) == 0;
}
