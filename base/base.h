/*
 * base.h - the ground floor: text views, growable buffers, arenas, hashing, counted allocation.
 *
 * Knows nothing of MySQL. Everything here is single-threaded unless it says otherwise: an object belongs to
 * the thread that made it. Four lifetimes exist in Weir (process, session, statement, packet view); an arena
 * serves the statement, a buf the session, mem_* the process.
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define LIKELY(x)         __builtin_expect(!!(x), 1)
#define UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define COUNT_OF(a)       (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, T, member) ((T *)(void *)((char *)(p)-offsetof(T, member)))

/* ---- str: a view of bytes; never owns, never NUL-terminated ---------------------------------------- */

struct str {
    const char *ptr;
    size_t len;
};

#define STR(lit)    ((struct str){(lit), sizeof(lit) - 1})
#define STR_NULL    ((struct str){NULL, 0})
#define STR_FMT     "%.*s"
#define STR_ARG(s)  (int)(s).len, (s).ptr

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}
static inline struct str str_make(const void *p, size_t n)
{
    return (struct str){(const char *)p, n};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* ASCII case folding only; bytes >= 0x80 compare as they are. */
bool str_eq_nocase(struct str a, struct str b);
/* <0, 0, >0 by bytes, the shorter first. */
int str_cmp(struct str a, struct str b);
bool str_starts_nocase(struct str s, struct str prefix);
/* Position of `needle` at or after `from`, or SIZE_MAX. */
size_t str_find(struct str hay, struct str needle, size_t from);
struct str str_trim(struct str s); /* ASCII blanks off both ends */
/* Whole of `s` as a decimal number; false when it is not one or does not fit. */
bool str_to_u64(struct str s, uint64_t *out) MUST_CHECK;
bool str_to_i64(struct str s, int64_t *out) MUST_CHECK;
static inline char ascii_lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

/* ---- mem: malloc with a count and a fault injector -------------------------------------------------- */

/* NULL on failure; every caller handles it. Counted for the thread, so that a test can assert "none". */
void *mem_alloc(size_t n) MUST_CHECK;
void *mem_zalloc(size_t n) MUST_CHECK;
void *mem_realloc(void *p, size_t n) MUST_CHECK;
void mem_free(void *p);
/* Allocations (alloc, zalloc, realloc) that this thread made so far. */
uint64_t mem_count(void);
/* The n-th allocation from now on fails, and all after it until called with 0 (never). Thread-local. For tests. */
void mem_fail_at(uint64_t n);

/* ---- buf: growable bytes ------------------------------------------------------------------------------ */

/*
 * {0} is a valid empty buffer. `max` (0: SIZE_MAX) caps the length. A failed put leaves the content as it was and
 * sets `failed`, which sticks until buf_reset: a writer may put many and check once. Owner calls buf_release.
 */
struct buf {
    char *data;
    size_t len, cap, max;
    bool failed;
};

bool buf_reserve(struct buf *b, size_t more); /* room for `more` bytes past len; false: sets failed */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_str(struct buf *b, struct str s);
void buf_putz(struct buf *b, const char *z);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v); /* little-endian, as the MySQL protocol */
void buf_put_u24(struct buf *b, uint32_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_dec(struct buf *b, uint64_t v); /* decimal digits */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
/* len = 0, failed = false; keeps the memory. */
void buf_reset(struct buf *b);
void buf_release(struct buf *b);
static inline struct str buf_str(const struct buf *b) { return (struct str){b->data, b->len}; }

/* ---- arena: allocate, never free, reset once ----------------------------------------------------------- */

/*
 * Memory of one statement (or one snapshot). `cap` bounds the bytes held (0: no bound). After arena_reset the largest
 * chunk (up to 32 KiB) is kept, so that a steady state allocates nothing. Memory is aligned to 16 and NOT zeroed by arena_alloc.
 */
struct arena_chunk;
struct arena {
    struct arena_chunk *head;
    char *at, *end;
    size_t cap, held;    /* bytes in chunks */
    size_t used;         /* bytes handed out since reset */
};

void arena_init(struct arena *a, size_t cap);
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK; /* NULL: out of memory or beyond the cap */
void *arena_zalloc(struct arena *a, size_t n) MUST_CHECK;
/* Copies; the copy is NUL-terminated for convenience. ptr is NULL on failure. */
struct str arena_str(struct arena *a, struct str s) MUST_CHECK;
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void arena_reset(struct arena *a);
void arena_release(struct arena *a);
#define arena_new(a, T)      ((T *)arena_zalloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_zalloc((a), sizeof(T) * (size_t)(n)))

/* ---- vec: arena-backed growing arrays -------------------------------------------------------------------- */

/* VEC(struct x *) v = {0};  struct x **slot = vec_push(&v, arena);  NULL on failure. Old storage stays in the arena. */
#define VEC(T)                                                                                                         \
    struct {                                                                                                           \
        T *at;                                                                                                         \
        uint32_t len, cap;                                                                                             \
    }
#define vec_push(v, a)                                                                                                 \
    ((__typeof__((v)->at))vec_grow_((void **)(void *)&(v)->at, &(v)->len, &(v)->cap, sizeof(*(v)->at), (a)))
/* Returns the new zeroed slot. */
void *vec_grow_(void **at, uint32_t *len, uint32_t *cap, size_t size, struct arena *a);

/* ---- hash and map -------------------------------------------------------------------------------------------- */

/* Fast 64-bit hash for tables in memory (not stable between versions; the shard hash is router/hash.h). */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

/*
 * str -> void* map with open addressing. Keys are not copied: they must outlive the map. `nocase` folds ASCII case.
 * Values must not be NULL.
 */
struct map_slot {
    struct str key;
    void *value;
    uint64_t hash;
};
struct map {
    struct map_slot *slots;
    uint32_t cap, len;
    bool nocase;
};
void map_init(struct map *m, bool nocase);
void *map_get(const struct map *m, struct str key);
bool map_put(struct map *m, struct str key, void *value) MUST_CHECK; /* replaces; false: out of memory */
void *map_del(struct map *m, struct str key);                        /* the old value or NULL */
void map_release(struct map *m);
/* for (struct map_slot *s = NULL; (s = map_next(m, s));) */
struct map_slot *map_next(const struct map *m, struct map_slot *prev);

/* ---- list: intrusive, doubly linked, circular ------------------------------------------------------------------ */

struct list {
    struct list *prev, *next;
};
static inline void list_init(struct list *l) { l->prev = l->next = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_append(struct list *head, struct list *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}
static inline void list_prepend(struct list *head, struct list *n) { list_append(head->next, n); }
static inline void list_remove(struct list *n) /* leaves n as an empty list */
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

/* ---- diag: faults with position, cause and hint ------------------------------------------------------------------ */

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_item {
    enum diag_level level;
    struct str file; /* empty when none */
    uint32_t line, column; /* from 1; 0: none */
    struct str cause, hint; /* hint may be empty */
};

/* Collects faults; the lower floors fill it, proxy and tools print it. Owns its texts. {0} then diag_init. */
struct diag {
    struct arena arena;
    VEC(struct diag_item) items;
    uint32_t errors, warnings;
    bool lost; /* a fault could not be stored for lack of memory */
};
void diag_init(struct diag *d);
void diag_release(struct diag *d);
/* `cause` by format; `hint` may be NULL. */
void diag_add(struct diag *d, enum diag_level level, struct str file, uint32_t line, uint32_t column, const char *hint,
              const char *fmt, ...) PRINTF_LIKE(7, 8);
/* "file:line:column: error: cause\n    hint: ...\n" for each item, sorted by position. */
void diag_print(const struct diag *d, struct buf *out);

/*
 * The one fault that ends a statement: what goes into a MySQL ERR packet. `message` lives in the arena that the callee was
 * given (or is static).
 */
struct fault {
    uint16_t code;    /* MySQL error number, 0: none */
    char state[6];    /* SQLSTATE, NUL-terminated */
    struct str message;
};
void fault_set(struct fault *f, struct arena *a, uint16_t code, const char *state, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

#endif
