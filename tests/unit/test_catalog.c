/*
 * test_catalog.c - the columns' snapshot: deep copies, replacement, look-up, and an end by the last
 * reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "router/catalog.h"

static struct cat_column columns[2];
static uint32_t primary[1] = {0};

static struct cat_table table(const char *name, uint32_t n)
{
    columns[0] =
        (struct cat_column){.name = STR("Id"), .type = STR("int(11)"), .cls = CAT_INT, .primary = true};
    columns[1] = (struct cat_column){.name = STR("name"),
                                     .type = STR("varchar(20)"),
                                     .collation = STR("utf8mb4_bin"),
                                     .cls = CAT_TEXT,
                                     .nullable = true};
    return (struct cat_table){.schema = STR("shop"),
                              .name = str_of(name),
                              .columns = columns,
                              .ncolumns = n,
                              .primary = primary,
                              .nprimary = 1};
}

static void found_again(void **state)
{
    struct catalog *c = catalog_new(7);
    char name[] = "orders";
    (void)state;
    assert_non_null(c);
    struct cat_table t = table(name, 2);
    assert_true(catalog_add(c, &t));
    name[0] = 'X'; /* it has its own copy */
    columns[0].name = STR("gone");
    const struct cat_table *got = catalog_table(c, STR("shop"), STR("orders"));
    assert_non_null(got);
    assert_int_equal(got->ncolumns, 2);
    assert_null(catalog_table(c, STR("shop"), STR("Orders")));
    assert_null(catalog_table(c, STR("shopo"), STR("rders")));
    assert_null(catalog_table(NULL, STR("shop"), STR("orders")));
    uint32_t i = 9;
    assert_non_null(cat_column(got, STR("NAME"), &i)); /* columns in any letter case */
    assert_int_equal(i, 1);
    assert_non_null(cat_column(got, STR("id"), NULL));
    assert_null(cat_column(got, STR("nosuch"), &i));
    assert_null(cat_column(NULL, STR("id"), NULL));
    assert_true(str_eq(got->columns[1].collation, STR("utf8mb4_bin")));
    catalog_unref(c);
}

static void replaced(void **state)
{
    struct catalog *c = catalog_new(1);
    (void)state;
    struct cat_table t = table("orders", 2);
    assert_true(catalog_add(c, &t));
    t.ncolumns = 1;
    assert_true(catalog_add(c, &t));
    assert_int_equal(catalog_table(c, STR("shop"), STR("orders"))->ncolumns, 1);
    assert_ptr_equal(catalog_ref(c), c);
    catalog_unref(c);
    assert_non_null(catalog_table(c, STR("shop"), STR("orders")));
    catalog_unref(c);
    catalog_unref(NULL);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        mem_fail_at(n);
        struct catalog *c = catalog_new(1);
        struct cat_table t = table("orders", 2);
        if (c) (void)!catalog_add(c, &t);
        mem_fail_at(0);
        catalog_unref(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_again), cmocka_unit_test(replaced),
                                       cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
