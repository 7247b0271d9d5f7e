/*
 * number.h - MySQL's numbers in text: exact decimals of any length, doubles as the servers print them.
 */
#ifndef WEIR_MERGE_NUMBER_H
#define WEIR_MERGE_NUMBER_H

#include <gmp.h>

#include "base/base.h"

/* "-0012.3400" taken apart: whole without leading zeros, fraction without trailing ones; zero is never
 * negative. */
struct decimal {
    bool negative;
    struct str whole, fraction;
    uint32_t scale; /* digits behind the point as written */
};
bool decimal_parse(struct str s, struct decimal *d) MUST_CHECK; /* false: not a decimal number */
int decimal_compare(const struct decimal *a, const struct decimal *b);
/* Orders as decimal_compare wherever two differ: the value times 10000, cut off and held within bounds. */
int64_t decimal_prefix(const struct decimal *d);

/* A sum: mpz * 10^-scale. */
struct decimal_sum {
    mpz_t value;
    uint32_t scale;
};
void decimal_sum_init(struct decimal_sum *s);
void decimal_sum_release(struct decimal_sum *s);
bool decimal_sum_add(struct decimal_sum *s,
                     struct str number) MUST_CHECK; /* false: not a number, or too long */
/* With `scale` digits behind the point, or more when the sum has more. False: beyond the 81 digits that the
 * servers compute with. */
bool decimal_sum_put(const struct decimal_sum *s, uint32_t scale, struct buf *out) MUST_CHECK;
/*
 * sum / count with `scale` digits, as the servers' AVG: they divide word by word (nine digits each), cut the
 * quotient off at a word's end and round half away from zero to `scale` from there. So where `scale` is a
 * multiple of nine the last digit is cut, not rounded.
 */
bool decimal_average_put(const struct decimal_sum *s, uint64_t count, uint32_t scale,
                         struct buf *out) MUST_CHECK;

enum { DOUBLE_NOT_FIXED = 31 }; /* `decimals` of a column without fixed ones */
bool double_parse(struct str s, double *out) MUST_CHECK;
/* The text protocol's form: shortest digits that read back the same, plain from 1e-15 to below 1e15 (or while
 * digits stand behind the point), else 1.5e15; or with fixed decimals. */
void double_put(double v, uint32_t decimals, struct buf *out);
uint64_t double_prefix(double v); /* orders as the values; -0 and 0 are the same */

#endif
