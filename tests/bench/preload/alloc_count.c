/*
 * alloc_count.c - counts what a program asks of the allocator; preloaded (LD_PRELOAD) by the bench, never
 * linked.
 *
 *   malloc, calloc, realloc, aligned ones --count--> shared counters in the file $WEIR_ALLOC_COUNT --pread-->
 * bench
 *
 * The file holds three 64-bit counters: allocations, bytes asked for, frees. The bench reads it before and
 * after a run of statements. glibc's own entry points (__libc_malloc and its kin) do the work, so nothing has
 * to be looked up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t m);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

void *aligned_alloc(size_t align, size_t n);
int posix_memalign(void **out, size_t align, size_t n);

static _Atomic uint64_t nowhere[3], *counters = nowhere;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("WEIR_ALLOC_COUNT");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) return;
    void *p = ftruncate(fd, sizeof nowhere) == 0
                  ? mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                  : MAP_FAILED;
    close(fd);
    if (p != MAP_FAILED) counters = p;
}

static void count(size_t n)
{
    atomic_fetch_add_explicit(&counters[0], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters[1], n, memory_order_relaxed);
}

void *malloc(size_t n)
{
    count(n);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t m)
{
    count(n * m);
    return __libc_calloc(n, m);
}

void *realloc(void *p, size_t n)
{
    count(n);
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    count(n);
    return __libc_memalign(align, n);
}

int posix_memalign(void **out, size_t align, size_t n)
{
    count(n);
    void *p = __libc_memalign(align, n);
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}

void free(void *p)
{
    if (p) atomic_fetch_add_explicit(&counters[2], 1, memory_order_relaxed);
    __libc_free(p);
}
