/*
 * Passwords. The vectors were computed with Python's hashlib; the first sha256-crypt string is the published
 * example of hashcat's mode 7401 (MySQL $A$), made by a real server.
 */
#include "test_wire.h"

static const uint8_t nonce[WIRE_NONCE] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                          11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

static const struct vector {
    const char *password, *native, *native_stored, *sha2, *sha2_stored;
} vectors[] = {
    {"app", "12328035ee495da7a700c0f172e911706641abc5", "5bcb3e6ac345b435c7c2e6b7949a04ce6f6563d3",
     "589cc07410973684546efd93ae82848ddc37b9eb72956fe2ff78156d25251073",
     "3bfc3d7ca254b2d951bd6aa00bbeb14ff3c0d8d703941aa643f506fee788ff55"},
    {"", "60252de9f0fbe9f1526ec3ec3968223e50a072f8", "be1bdec0aa74b4dcb079943e70528096cca985f8",
     "953da8adf9f072cd4042ca3a629b192a5975c453eeebefa4f774dfd370e1e0c5",
     "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"},
    {"correct horse battery staple", "beb278d014e64ec3a8d8c4551e040e341b8cb61f",
     "f4af2e5d85456a908e0f552f0366375b06267295",
     "7b0eaad434a2838ac2855f7920e2397eca360521086082989a7a43feb01cfd22",
     "b867db875479bcc0287352cdaa4a1755689b8338777d0915e9acd9f6edbc96cb"},
    {"\xd0\xbf\xd0\xb0\xd1\x80", "db221c4aae615b4e1e0533cc2169873923d26f87",
     "20f57a3e95d638001ac794d490d683393158e2b7",
     "60b23096fafba4b52645259216f27a87dc065721deb0191bd21f92824f1f4615",
     "acc6815e8e4c14a8a6ed336480191fcb52dc3c761542b2b836395b826034ef31"},
};

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct str password = str_of(v->password);
        struct str native = unhex(v->native), stored = unhex(v->native_stored);
        struct str sha2 = unhex(v->sha2), fast = unhex(v->sha2_stored);
        uint8_t out[32];
        wire_native_scramble(password, nonce, out);
        assert_memory_equal(out, native.ptr, 20);
        wire_native_hash(password, out);
        assert_memory_equal(out, stored.ptr, 20);
        assert_true(wire_native_check(native, nonce, (const uint8_t *)stored.ptr));
        wire_sha2_scramble(password, nonce, out);
        assert_memory_equal(out, sha2.ptr, 32);
        wire_sha2_fast_hash(password, out);
        assert_memory_equal(out, fast.ptr, 32);
        assert_true(wire_sha2_check(sha2, nonce, (const uint8_t *)fast.ptr));
        drop(native);
        drop(stored);
        drop(sha2);
        drop(fast);
    }
}

static void wrong_answers(void **state)
{
    (void)state;
    uint8_t stored[32], answer[32], other[WIRE_NONCE];
    memcpy(other, nonce, sizeof other);
    other[19] ^= 1;
    wire_native_hash(STR("app"), stored);
    wire_native_scramble(STR("app"), nonce, answer);
    for (size_t bit = 0; bit < 160; bit++) {
        answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(wire_native_check(str_make(answer, 20), nonce, stored));
        answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(wire_native_check(str_make(answer, 20), nonce, stored));
    assert_false(wire_native_check(str_make(answer, 20), other, stored));
    assert_false(wire_native_check(str_make(answer, 19), nonce, stored));
    assert_false(wire_native_check(str_make(answer, 32), nonce, stored));
    assert_false(wire_native_check(STR_NULL, nonce, stored));
    wire_native_scramble(STR("apq"), nonce, answer);
    assert_false(wire_native_check(str_make(answer, 20), nonce, stored));

    wire_sha2_fast_hash(STR("app"), stored);
    wire_sha2_scramble(STR("app"), nonce, answer);
    for (size_t bit = 0; bit < 256; bit++) {
        answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(wire_sha2_check(str_make(answer, 32), nonce, stored));
        answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(wire_sha2_check(str_make(answer, 32), nonce, stored));
    assert_false(wire_sha2_check(str_make(answer, 32), other, stored));
    assert_false(wire_sha2_check(str_make(answer, 20), nonce, stored));
    assert_false(wire_sha2_check(STR_NULL, nonce, stored));
}

static void native_hash_text(void **state)
{
    (void)state;
    uint8_t got[20], want[20];
    wire_native_hash(STR("app"), want);
    assert_true(wire_native_parse(STR("*5BCB3E6AC345B435C7C2E6B7949A04CE6F6563D3"), got));
    assert_memory_equal(got, want, 20);
    assert_true(wire_native_parse(STR("*5bcb3e6ac345b435c7c2e6b7949a04ce6f6563d3"), got));
    assert_memory_equal(got, want, 20);
    assert_false(wire_native_parse(STR("5BCB3E6AC345B435C7C2E6B7949A04CE6F6563D3"), got));
    assert_false(wire_native_parse(STR("*5BCB3E6AC345B435C7C2E6B7949A04CE6F6563D"), got));
    assert_false(wire_native_parse(STR("*5BCB3E6AC345B435C7C2E6B7949A04CE6F6563D33"), got));
    assert_false(wire_native_parse(STR("*5BCB3E6AC345B435C7C2E6B7949A04CE6F6563DG"), got));
    assert_false(wire_native_parse(STR_NULL, got));
}

#define HASHCAT                                                                                              \
    "$A$005$\xF9\xCC\x98\xCE\x08\x89\x29\x24\xF5\x0A\x21\x3B\x6B\xC5\x71\xA2\xC1\x17\x78\xC5"                \
    "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/"
#define SALT "aB3/.q\x01\x7fzY`~!@#%^&*("

static void sha256_crypt(void **state)
{
    (void)state;
    char p70[70], p257[257];
    memset(p70, 'p', sizeof p70);
    memset(p257, 'x', sizeof p257);
    struct str real = STR(HASHCAT);
    assert_int_equal(real.len, 70);
    assert_true(wire_sha2_verify(STR("hashcat"), real));
    assert_false(wire_sha2_verify(STR("hashcaT"), real));
    assert_false(wire_sha2_verify(STR(""), real));
    assert_true(
        wire_sha2_verify(STR("app"), STR("$A$005$" SALT "8ajR5LPc9SuWWx91jzI366cRIEgB22FSbb/9OAqXm.6")));
    assert_true(wire_sha2_verify(STR(""), STR("$A$005$" SALT "RtDsepl7trY9.DD0zz98hydwVjRwPO0UWLjYJ6Vc3AC")));
    assert_true(wire_sha2_verify(str_make(p70, 70),
                                 STR("$A$005$" SALT "xwHw/Ju2hgCrcj6JnAoxwAyBQZ5ZK9pLAfMm5SnZVF6")));
    assert_true(wire_sha2_verify(str_make(p257, 256),
                                 STR("$A$005$" SALT "xSq8SdqqaIghcSEE15Y.24Q1jOoM6QHbaxP1EGYr6S2")));
    /* Right, but longer than the servers take. */
    assert_false(wire_sha2_verify(str_make(p257, 257),
                                  STR("$A$005$" SALT "En6/yfYnnPB0Z8v1FYM66BhkvYgjmOcuHMTnBJXYFk/")));
    /* The rounds are hexadecimal thousands: 17,000 here. */
    assert_true(
        wire_sha2_verify(STR("app"), STR("$A$011$" SALT "KhPqYPWwXN.Dg18u7bBlMdklxOlyroLYNzHJX37Ebo6")));
    assert_false(
        wire_sha2_verify(STR("app"), STR("$A$005$" SALT "KhPqYPWwXN.Dg18u7bBlMdklxOlyroLYNzHJX37Ebo6")));
    /* Not such a string. */
    assert_false(
        wire_sha2_verify(STR("app"), STR("$A$000$" SALT "8ajR5LPc9SuWWx91jzI366cRIEgB22FSbb/9OAqXm.6")));
    assert_false(
        wire_sha2_verify(STR("app"), STR("$A$0g5$" SALT "8ajR5LPc9SuWWx91jzI366cRIEgB22FSbb/9OAqXm.6")));
    assert_false(
        wire_sha2_verify(STR("app"), STR("$B$005$" SALT "8ajR5LPc9SuWWx91jzI366cRIEgB22FSbb/9OAqXm.6")));
    assert_false(
        wire_sha2_verify(STR("app"), STR("$A$005-" SALT "8ajR5LPc9SuWWx91jzI366cRIEgB22FSbb/9OAqXm.6")));
    for (size_t n = 0; n < real.len; n++) {
        struct str cut = exact(real.ptr, n);
        assert_false(wire_sha2_verify(STR("hashcat"), cut));
        drop(cut);
    }
    assert_false(wire_sha2_verify(STR("app"), STR_NULL));
}

static void nonces(void **state)
{
    (void)state;
    bool seen[128] = {false};
    uint8_t a[WIRE_NONCE], last[WIRE_NONCE] = {0};
    for (int round = 0; round < 500; round++) {
        assert_true(wire_nonce(a));
        assert_true(memcmp(a, last, sizeof a) != 0);
        memcpy(last, a, sizeof a);
        for (size_t i = 0; i < sizeof a; i++) {
            assert_in_range(a[i], 1, 127);
            assert_int_not_equal(a[i], '$');
            seen[a[i]] = true;
        }
    }
    for (int v = 1; v < 128; v++) assert_int_equal(seen[v], v != '$');
}

static void rsa_exchange(void **state)
{
    (void)state;
    struct wire_rsa *k = wire_rsa_new();
    assert_non_null(k);
    struct str pem = wire_rsa_public_pem(k);
    assert_true(str_starts_nocase(pem, STR("-----BEGIN PUBLIC KEY-----\n")));
    char longest[214];
    memset(longest, 'l', sizeof longest);
    struct str passwords[] = {STR("app"), STR(""), STR("a password of more than twenty bytes"),
                              str_make(longest, 213)};
    for (size_t i = 0; i < COUNT_OF(passwords); i++) {
        struct buf cipher = {0}, plain = {0};
        assert_true(wire_rsa_encrypt(pem, passwords[i], nonce, &cipher));
        assert_int_equal(cipher.len, 256);
        assert_true(wire_rsa_decrypt(k, buf_str(&cipher), nonce, &plain));
        assert_true(str_eq(buf_str(&plain), passwords[i]));
        buf_reset(&plain);
        uint8_t other[WIRE_NONCE];
        memcpy(other, nonce, sizeof other);
        other[passwords[i].len % WIRE_NONCE] ^= 0x80; /* the NUL no longer is one */
        assert_false(wire_rsa_decrypt(k, buf_str(&cipher), other, &plain));
        cipher.data[100] ^= 1;
        assert_false(wire_rsa_decrypt(k, buf_str(&cipher), nonce, &plain));
        assert_false(wire_rsa_decrypt(k, str_make(cipher.data, 255), nonce, &plain));
        assert_false(wire_rsa_decrypt(k, STR_NULL, nonce, &plain));
        buf_release(&cipher);
        buf_release(&plain);
    }
    struct buf cipher = {0};
    assert_false(wire_rsa_encrypt(pem, str_make(longest, 214), nonce, &cipher)); /* no room in 2048 bits */
    assert_false(wire_rsa_encrypt(STR("no key"), STR("app"), nonce, &cipher));
    assert_false(wire_rsa_encrypt(STR_NULL, STR("app"), nonce, &cipher));
    /* A key of another kind (P-256). */
    assert_false(wire_rsa_encrypt(STR("-----BEGIN PUBLIC KEY-----\n"
                                      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtJH1jL+u5ndsq3aL/6CVxYzuAkve\n"
                                      "W0tQ1JjPEtCSFRQnPIfRmNlXJQtPc7/LhRg/hpsTpZS2DgvLu2mDpFOXIA==\n"
                                      "-----END PUBLIC KEY-----\n"),
                                  STR("app"), nonce, &cipher));
    assert_int_equal(cipher.len, 0);
    buf_release(&cipher);
    wire_rsa_free(k);
    wire_rsa_free(NULL);
    for (uint64_t nth = 1; nth <= 2; nth++) { /* our own allocations; the library's are its own */
        mem_fail_at(nth);
        assert_null(wire_rsa_new());
        mem_fail_at(0);
    }
}

/* Public keys as MariaDB 10.11 stores them, and a signature as libmariadb's plugin makes it. */
static void ed25519(void **state)
{
    (void)state;
    static char long_password[300];
    memset(long_password, 'p', sizeof long_password);
    const struct {
        struct str password;
        const char *stored;
    } users[] = {{STR("secret"), "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"},
                 {STR("a"), "GvRmi9ungFjJD9sKjaq/T3CL1LmO2CLpz5I42gnB7Eg"},
                 {STR("foo bar"), "Y5fV74JAVRMOK2cdnUsYS+WW9sXaaL/o+6WGKOgqnzc"},
                 {STR("\xc3\xbcn\xc3\xaf" "code p\xc3\xa4ssword"), "1EwFQEph6WubChLDUme3kmSIRUV+4psWyfOdVdVGNCI"},
                 {str_make(long_password, 300), "CYENGIqCZ0e6XE/6Z8RT1drdvqGHZvNgt5aYJ0XbbxU"}};
    struct str n = unhex("fbec03132942d54c3515a202f6620eab9e1cbbad589593bbc7ecc20591240800");
    struct str want = unhex("56ca4859dd0c3b8ee9d2335c81485fa589c642d189e1de4c4d5bc2c9ac66a798"
                            "81db776ff75d74cbdeb8435082ca719ecbc17a95f874a97ce28ba30626cffe0c");
    const uint8_t *given = (const uint8_t *)n.ptr;
    uint8_t key[WIRE_ED25519_KEY], parsed[WIRE_ED25519_KEY], signature[WIRE_ED25519_SIGNATURE], other[WIRE_ED25519_NONCE] = {1};
    assert_true(wire_ed25519_sign(STR("secret"), given, signature));
    assert_memory_equal(signature, want.ptr, sizeof signature);
    for (size_t i = 0; i < COUNT_OF(users); i++) {
        assert_true(wire_ed25519_public(users[i].password, key));
        assert_true(wire_ed25519_parse(str_of(users[i].stored), parsed));
        assert_memory_equal(key, parsed, sizeof key);
        assert_true(wire_ed25519_sign(users[i].password, given, signature));
        struct str response = exact(signature, sizeof signature);
        assert_true(wire_ed25519_check(response, given, key));
        assert_false(wire_ed25519_check(response, other, key));
        for (size_t cut = 0; cut < sizeof signature; cut++) {
            assert_false(wire_ed25519_check(str_make(response.ptr, cut), given, key));
            ((char *)(uintptr_t)response.ptr)[cut] ^= 1;
            assert_false(wire_ed25519_check(response, given, key));
            ((char *)(uintptr_t)response.ptr)[cut] ^= 1;
        }
        key[3] ^= 4;
        assert_false(wire_ed25519_check(response, given, key));
        drop(response);
    }
    assert_false(wire_ed25519_check(STR(""), given, key));
    const char *const bad[] = {"", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJ", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY=",
                               "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4Y!Y", "ZIgUREUg5PVgQ6LskhXmO-eZLS0nC8be6HPjYWR4YJY",
                               "ZIgUREUg5PVgQ6LskhXmO eZLS0nC8be6HPjYWR4YJY"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct str s = exact(bad[i], strlen(bad[i]));
        assert_false(wire_ed25519_parse(s, parsed));
        drop(s);
    }
    drop(n);
    drop(want);
    uint8_t many[1000];
    assert_true(wire_nonce_bytes(many, sizeof many));
    for (size_t i = 0; i < sizeof many; i++) assert_true(many[i] > 0 && many[i] < 128 && many[i] != '$');
    assert_true(wire_nonce_bytes(many, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(wrong_answers), cmocka_unit_test(native_hash_text),
        cmocka_unit_test(sha256_crypt),  cmocka_unit_test(nonces),        cmocka_unit_test(rsa_exchange),
        cmocka_unit_test(ed25519),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
