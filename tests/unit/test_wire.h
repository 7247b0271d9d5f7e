/* test_wire.h - what the tests of the wire codec share: bytes from hex, exact copies, a small random source.
 */
#ifndef WEIR_TEST_WIRE_H
#define WEIR_TEST_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proxy/wire/wire.h"

/* A heap copy of exactly the given bytes, so that the address sanitizer sees a read past the end. Freed by
 * the caller. */
static inline struct str exact(const void *p, size_t n)
{
    char *c = malloc(n ? n : 1);
    assert_non_null(c);
    if (n) memcpy(c, p, n);
    return str_make(c, n);
}

static inline unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : ascii_lower(c) - 'a' + 10);
}

/* Blanks are allowed between bytes. */
static inline struct str unhex(const char *hex)
{
    char *out = malloc(strlen(hex) / 2 + 1);
    size_t n = 0;
    assert_non_null(out);
    for (; *hex; hex++)
        if (*hex != ' ') {
            out[n++] = (char)(hex_value(hex[0]) << 4 | hex_value(hex[1]));
            hex++;
        }
    struct str s = exact(out, n);
    free(out);
    return s;
}

static inline void drop(struct str s)
{
    free((void *)(uintptr_t)s.ptr);
}

static inline uint32_t rnd(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static inline void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

#endif
