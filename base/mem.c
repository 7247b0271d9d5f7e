/*
 * mem.c - counted allocation, buffers and arenas.
 *
 *   arena:  head chunk -> older chunk -> ... -> first chunk
 *           at..end is the free part of the head chunk
 *
 * mem_fail_at() makes the n-th allocation of this thread fail, so that tests can walk every out-of-memory path.
 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local uint64_t counted, fail_at;

static bool injected(void)
{
    counted++;
    if (UNLIKELY(fail_at)) {
        if (fail_at == 1) return true;
        fail_at--;
    }
    return false;
}

void *mem_alloc(size_t n)
{
    return injected() ? NULL : malloc(n ? n : 1);
}

void *mem_zalloc(size_t n)
{
    return injected() ? NULL : calloc(1, n ? n : 1);
}

void *mem_realloc(void *p, size_t n)
{
    return injected() ? NULL : realloc(p, n ? n : 1);
}

void mem_free(void *p)
{
    free(p);
}

uint64_t mem_count(void)
{
    return counted;
}

void mem_fail_at(uint64_t n)
{
    fail_at = n;
}

/* ---- buf ---- */

bool buf_reserve(struct buf *b, size_t more)
{
    size_t max = b->max ? b->max : SIZE_MAX / 2;
    if (b->len > max || more > max - b->len) {
        b->failed = true;
        return false;
    }
    if (LIKELY(b->cap - b->len >= more)) return true;
    size_t need = b->len + more;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap *= 2;
    if (cap > max && need <= max) cap = max;
    char *p = mem_realloc(b->data, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->data = p;
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || b->failed || !buf_reserve(b, n)) return;
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

void buf_put_str(struct buf *b, struct str s)
{
    buf_put(b, s.ptr, s.len);
}

void buf_putz(struct buf *b, const char *z)
{
    buf_put(b, z, strlen(z));
}

static void put_le(struct buf *b, uint64_t v, size_t n)
{
    char c[8];
    for (size_t i = 0; i < n; i++) c[i] = (char)(v >> (8 * i));
    buf_put(b, c, n);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    put_le(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    put_le(b, v, 2);
}

void buf_put_u24(struct buf *b, uint32_t v)
{
    put_le(b, v, 3);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_le(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void buf_put_dec(struct buf *b, uint64_t v)
{
    char c[20];
    size_t n = sizeof c;
    do c[--n] = (char)('0' + v % 10);
    while (v /= 10);
    buf_put(b, c + n, sizeof c - n);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && !b->failed && buf_reserve(b, (size_t)n + 1)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

void buf_release(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}

/* ---- arena ---- */

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of the whole chunk, header included */
};

enum { FIRST_CHUNK = 4096, KEEP_CHUNK = 32 << 10, MAX_STEP = 1 << 20, ALIGN = 16, HEADER = 16 };
_Static_assert(sizeof(struct arena_chunk) <= HEADER, "chunk header");

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
}

static bool add_chunk(struct arena *a, size_t need)
{
    size_t size = a->held == 0 ? FIRST_CHUNK : a->held * 2;
    if (size > MAX_STEP) size = MAX_STEP;
    if (need > SIZE_MAX - HEADER) return false;
    if (size < need + HEADER) size = need + HEADER;
    if (a->cap && (a->held > a->cap || size > a->cap - a->held)) {
        size = need + HEADER; /* the doubling would break the cap: just what is asked */
        if (a->held > a->cap || size > a->cap - a->held) return false;
    }
    struct arena_chunk *c = mem_alloc(size);
    if (!c) return false;
    *c = (struct arena_chunk){a->head, size};
    a->head = c;
    a->held += size;
    a->at = (char *)c + HEADER;
    a->end = (char *)c + size;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN) return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (UNLIKELY(!a->at || (size_t)(a->end - a->at) < n) && !add_chunk(a, n)) return NULL;
    void *p = a->at;
    a->at += n;
    a->used += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    if (p) memset(p, 0, n);
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (!p) return STR_NULL;
    if (s.len) memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return str_make(p, s.len);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    struct str s = STR_NULL;
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        s = str_make(p, (size_t)n);
    }
    va_end(again);
    return s;
}

/* The newest chunk is the largest: it is kept unless it is huge, so that a statement like the last one allocates nothing. */
void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = NULL;
    while (a->head) {
        struct arena_chunk *c = a->head;
        a->head = c->older;
        if (!keep && c->size <= KEEP_CHUNK) keep = c;
        else mem_free(c);
    }
    *a = (struct arena){.cap = a->cap};
    if (!keep) return;
    keep->older = NULL;
    a->head = keep;
    a->held = keep->size;
    a->at = (char *)keep + HEADER;
    a->end = (char *)keep + keep->size;
}

void arena_release(struct arena *a)
{
    while (a->head) {
        struct arena_chunk *c = a->head;
        a->head = c->older;
        mem_free(c);
    }
    *a = (struct arena){.cap = a->cap};
}

/* ---- vec ---- */

void *vec_grow_(void **at, uint32_t *len, uint32_t *cap, size_t size, struct arena *a)
{
    if (*len == *cap) {
        if (*cap > UINT32_MAX / 2) return NULL;
        uint32_t more = *cap ? *cap * 2 : 4;
        void *p = arena_alloc(a, size * more);
        if (!p) return NULL;
        if (*len) memcpy(p, *at, size * *len);
        *at = p;
        *cap = more;
    }
    void *slot = (char *)*at + size * *len;
    memset(slot, 0, size);
    ++*len;
    return slot;
}
