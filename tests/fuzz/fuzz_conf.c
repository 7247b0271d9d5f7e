/*
 * fuzz_conf.c - any bytes as a rule file: no crash, a model or an error, and a model that is printed and read again stays
 * the same.
 */
#include "conf/conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag d;
    struct buf first = {0}, second = {0};
    diag_init(&d);
    struct conf *c = conf_load_text(str_make(data, size), STR("fuzz.yaml"), &d);
    if ((c == NULL) != (d.errors > 0)) abort();
    diag_print(&d, &second);
    buf_reset(&second);
    if (c) {
        conf_print(c, &first);
        struct conf *again = conf_load_text(buf_str(&first), STR("fuzz.yaml"), &d);
        if (!again) abort();
        conf_print(again, &second);
        if (!str_eq(buf_str(&first), buf_str(&second)) || c->fingerprint != again->fingerprint) abort();
        conf_free(again);
    }
    conf_free(c);
    buf_release(&first);
    buf_release(&second);
    diag_release(&d);
    return 0;
}
