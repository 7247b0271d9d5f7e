/* diag.c - faults with their positions: collected by the lower floors, printed by proxy and tools. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIAG_MAX = 1 << 20 }; /* bytes of faults kept: beyond it we only say that some were lost */

void diag_init(struct diag *d)
{
    *d = (struct diag){0};
    arena_init(&d->arena, DIAG_MAX);
}

void diag_release(struct diag *d)
{
    arena_release(&d->arena);
    *d = (struct diag){0};
}

static struct str PRINTF_LIKE(2, 0) vformat(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p ? str_make(p, (size_t)n) : STR_NULL;
}

void diag_add(struct diag *d, enum diag_level level, struct str file, uint32_t line, uint32_t column, const char *hint,
              const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (level == DIAG_ERROR) d->errors++;
    else d->warnings++;
    struct diag_item *item = vec_push(&d->items, &d->arena);
    if (item) {
        *item = (struct diag_item){level, arena_str(&d->arena, file), line, column, vformat(&d->arena, fmt, ap),
                                   hint ? arena_str(&d->arena, str_of(hint)) : STR_NULL};
    }
    if (!item || !item->cause.ptr) d->lost = true;
    va_end(ap);
}

static int by_position(const void *a, const void *b)
{
    const struct diag_item *x = *(const struct diag_item *const *)a, *y = *(const struct diag_item *const *)b;
    int c = str_cmp(x->file, y->file);
    if (c) return c;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return (x > y) - (x < y);
}

void diag_print(const struct diag *d, struct buf *out)
{
    const struct diag_item **order = mem_alloc(sizeof *order * (d->items.len + 1));
    if (order) {
        for (uint32_t i = 0; i < d->items.len; i++) order[i] = &d->items.at[i];
        qsort(order, d->items.len, sizeof *order, by_position);
    }
    for (uint32_t i = 0; i < d->items.len; i++) {
        const struct diag_item *it = order ? order[i] : &d->items.at[i];
        if (it->file.len) buf_printf(out, STR_FMT ":", STR_ARG(it->file));
        if (it->line) buf_printf(out, "%u:%u:", it->line, it->column);
        buf_printf(out, "%s%s: " STR_FMT "\n", it->file.len || it->line ? " " : "",
                   it->level == DIAG_ERROR ? "error" : "warning", STR_ARG(it->cause));
        if (it->hint.len) buf_printf(out, "    hint: " STR_FMT "\n", STR_ARG(it->hint));
    }
    if (d->lost) buf_putz(out, "error: more faults were found than could be kept\n");
    mem_free(order);
}

void fault_set(struct fault *f, struct arena *a, uint16_t code, const char *state, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->code = code;
    memcpy(f->state, state, 5);
    f->state[5] = 0;
    f->message = vformat(a, fmt, ap);
    if (!f->message.ptr) f->message = STR("out of memory while an error was being reported");
    va_end(ap);
}
