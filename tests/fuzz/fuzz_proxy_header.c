/*
 * PROXY headers: what arrives in pieces is read as what arrives at once, and a header that is taken is not longer than what came.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header all, h;
    const char *why;
    size_t used_all, used;
    enum proxy_header_status whole = proxy_header_parse((const char *)data, size, &all, &used_all, &why);
    check(whole != PROXY_HEADER_BAD || why);
    check(whole != PROXY_HEADER_OK || (used_all > 0 && used_all <= size));
    if (size > 4096) return 0;
    for (size_t n = 0; n <= size; n++) {
        enum proxy_header_status st = proxy_header_parse((const char *)data, n, &h, &used, &why);
        if (st == PROXY_HEADER_MORE) continue;
        check(st == whole);
        if (st == PROXY_HEADER_BAD) return 0;
        check(used == used_all && n == used && h.has_source == all.has_source && h.port == all.port);
        check(memcmp(h.address, all.address, 16) == 0);
        return 0;
    }
    check(whole == PROXY_HEADER_MORE);
    return 0;
}
