/*
 * test_conf_golden.c - rule files and what `weir check` says of them: tests/golden/conf/NAME.yaml and
 * NAME.out.
 *
 * WEIR_GOLDEN=update writes the .out files anew; read the difference before it is kept.
 */
#include "conf/conf.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char folder[] = "tests/golden/conf";

static bool slurp(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) buf_put(out, block, n);
    fclose(f);
    return true;
}

/* As `weir check` prints: the faults, then the model when there is one. */
static void check(struct str text, struct str name, struct buf *out)
{
    struct diag d;
    diag_init(&d);
    struct conf *c = conf_load_text(text, name, &d);
    assert_true((c == NULL) == (d.errors > 0));
    diag_print(&d, out);
    buf_printf(out, "%u errors, %u warnings\n", d.errors, d.warnings);
    if (c) conf_print(c, out);
    conf_free(c);
    diag_release(&d);
}

static void write_file(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
    assert_int_equal(fclose(f), 0);
}

static void test_golden(void **state)
{
    (void)state;
    const char *mode = getenv("WEIR_GOLDEN");
    bool update = mode && strcmp(mode, "update") == 0;
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), seen = 0, wrong = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[512];
        struct str name = str_of(names[i]->d_name);
        if (name.len > 5 && str_eq(str_make(name.ptr + name.len - 5, 5), STR(".yaml"))) {
            struct buf text = {0}, got = {0}, want = {0};
            snprintf(path, sizeof path, "%s/%s", folder, name.ptr);
            assert_true(slurp(path, &text));
            check(buf_str(&text), name, &got);
            snprintf(path, sizeof path, "%s/%.*s.out", folder, (int)name.len - 5, name.ptr);
            if (update) {
                write_file(path, &got);
            } else if (!slurp(path, &want) || !str_eq(buf_str(&got), buf_str(&want))) {
                print_error("%s: expected\n" STR_FMT "\ngot\n" STR_FMT "\n", path, STR_ARG(buf_str(&want)),
                            STR_ARG(buf_str(&got)));
                wrong++;
            }
            seen++;
            buf_release(&text);
            buf_release(&got);
            buf_release(&want);
        }
        free(names[i]);
    }
    free(names);
    assert_true(seen > 20);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
