/*
 * gather.c - whole payloads out of chunks of any size.
 *
 *   chunk:  ... | head | payload | head | pay          a view into the chunk; then MORE, "pay" goes to the
 * store chunk:  load | head | ...                          a view into the store
 *
 * A payload that lies whole in the chunk is never copied. Another one is collected in the store, its pieces
 * joined when it came in several full packets. Memory follows the bytes that arrived, not the length that a
 * header announces.
 */
#include "proxy/wire/wire.h"

enum { STORE_KEEP = 16 * 1024 }; /* a larger store is not kept for the next payload */

static void forget_taken(struct wire_gather *g)
{
    if (!g->taken) return;
    g->taken = false;
    if (g->store.cap > STORE_KEEP)
        buf_release(&g->store);
    else
        buf_reset(&g->store);
}

static bool over_max(struct wire_gather *g, uint64_t n)
{
    if (!g->max || (g->store.len <= g->max && n <= g->max - g->store.len)) return false;
    g->too_large = true;
    return true;
}

static bool open_header(struct wire_gather *g, const unsigned char *h)
{
    g->nhead = 0;
    if (g->check_seq && h[3] != g->seq) return false;
    g->seq = (uint8_t)(h[3] + 1);
    g->left = wire_u24(h);
    g->last_full = g->left == WIRE_MAX_PAYLOAD;
    return !over_max(g, g->left);
}

enum wire_status wire_gather_next(struct wire_gather *g, const void *chunk, size_t n, size_t *used,
                                  struct str *payload)
{
    enum wire_status st = WIRE_MORE;
    *payload = STR_NULL;
    *used = 0;
    forget_taken(g);
    if (n == 0) return st;
    const unsigned char *p = chunk, *start = p, *end = p + n;
    while (p < end) {
        if (!g->in_packet) {
            if (g->nhead == 0 && end - p >= WIRE_HEADER) {
                p += WIRE_HEADER;
                if (!open_header(g, p - WIRE_HEADER)) goto malformed;
            } else {
                g->head[g->nhead++] = *p++;
                if (g->nhead < WIRE_HEADER) continue;
                if (!open_header(g, g->head)) goto malformed;
            }
            if (LIKELY(!g->joining && !g->last_full &&
                       g->left <= (size_t)(end - p))) { /* whole in the chunk */
                *payload = str_make(p, g->left);
                p += g->left;
                st = WIRE_OK;
                break;
            }
            g->in_packet = g->joining = true;
        }
        size_t take = (size_t)(end - p) < g->left ? (size_t)(end - p) : g->left;
        if (take) {
            buf_put(&g->store, p, take);
            if (g->store.failed) goto malformed;
            p += take;
            g->left -= (uint32_t)take;
        }
        if (g->left) break;
        g->in_packet = false;
        if (g->last_full) continue;
        g->joining = false;
        g->taken = true;
        *payload = g->store.len ? buf_str(&g->store) : str_make("", 0);
        st = WIRE_OK;
        break;
    }
    *used = (size_t)(p - start);
    return st;
malformed:
    *used = (size_t)(p - start);
    return WIRE_MALFORMED;
}

void wire_gather_release(struct wire_gather *g)
{
    buf_release(&g->store);
    *g = (struct wire_gather){.store = g->store, .max = g->max, .seq = g->seq, .check_seq = g->check_seq};
}
