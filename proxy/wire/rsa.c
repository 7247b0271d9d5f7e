/*
 * rsa.c - how caching_sha2_password sends a clear password over a plain connection.
 *
 *   client                               server
 *   02 (give me your key)   ---------->
 *                           <----------  01 + public key, PEM
 *   RSA-OAEP(password NUL xor nonce nonce ...)  ---->
 *
 * The xor with the nonce makes a recorded message worthless for the next login. The padding is OAEP with
 * SHA-1, as the servers have it.
 */
#include "proxy/wire/wire.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { KEY_BITS = 2048, CIPHER_MAX = 2048 /* bytes: a key of 16384 bits */ };

struct wire_rsa {
    EVP_PKEY *key;
    struct buf pem;
};

static void xor_nonce(uint8_t *p, size_t n, const uint8_t nonce[WIRE_NONCE])
{
    for (size_t i = 0; i < n; i++) p[i] ^= nonce[i % WIRE_NONCE];
}

struct wire_rsa *wire_rsa_new(void)
{
    struct wire_rsa *k = mem_zalloc(sizeof *k);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (!k || !bio) goto fail;
    k->key = EVP_RSA_gen(KEY_BITS);
    if (!k->key || PEM_write_bio_PUBKEY(bio, k->key) != 1) goto fail;
    long n = BIO_get_mem_data(bio, &text);
    if (n <= 0) goto fail;
    buf_put(&k->pem, text, (size_t)n);
    if (k->pem.failed) goto fail;
    BIO_free(bio);
    return k;
fail:
    ERR_clear_error(); /* here and below: TLS takes a stale entry of the thread's queue for its own */
    BIO_free(bio);
    wire_rsa_free(k);
    return NULL;
}

void wire_rsa_free(struct wire_rsa *k)
{
    if (!k) return;
    EVP_PKEY_free(k->key);
    buf_release(&k->pem);
    mem_free(k);
}

struct str wire_rsa_public_pem(const struct wire_rsa *k)
{
    return buf_str(&k->pem);
}

bool wire_rsa_decrypt(const struct wire_rsa *k, struct str cipher, const uint8_t nonce[WIRE_NONCE],
                      struct buf *password)
{
    uint8_t plain[KEY_BITS / 8];
    size_t n = sizeof plain;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->key, NULL);
    bool ok = cipher.len == KEY_BITS / 8 && c && EVP_PKEY_decrypt_init(c) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
              EVP_PKEY_decrypt(c, plain, &n, (const unsigned char *)cipher.ptr, cipher.len) == 1;
    EVP_PKEY_CTX_free(c);
    if (ok) {
        xor_nonce(plain, n, nonce);
        ok = n > 0 && memchr(plain, 0, n) == plain + n - 1;
    }
    if (ok) {
        buf_put(password, plain, n - 1);
        ok = !password->failed;
    }
    OPENSSL_cleanse(plain, sizeof plain);
    ERR_clear_error();
    return ok;
}

bool wire_rsa_encrypt(struct str public_pem, struct str password, const uint8_t nonce[WIRE_NONCE],
                      struct buf *cipher)
{
    uint8_t plain[CIPHER_MAX], out[CIPHER_MAX];
    size_t n = sizeof out, len = password.len + 1;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = NULL;
    bool ok = false;
    if (public_pem.len == 0 || public_pem.len > INT_MAX || password.len >= sizeof plain) return false;
    BIO *bio = BIO_new_mem_buf(public_pem.ptr, (int)public_pem.len);
    if (!bio) return false;
    key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!key || EVP_PKEY_is_a(key, "RSA") != 1 || EVP_PKEY_get_size(key) > CIPHER_MAX) goto out;
    if (password.len) memcpy(plain, password.ptr, password.len);
    plain[password.len] = 0;
    xor_nonce(plain, len, nonce);
    c = EVP_PKEY_CTX_new(key, NULL);
    ok = c && EVP_PKEY_encrypt_init(c) == 1 && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_encrypt(c, out, &n, plain, len) == 1;
    OPENSSL_cleanse(plain, len);
    if (ok) {
        buf_put(cipher, out, n);
        ok = !cipher->failed;
    }
out:
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}
