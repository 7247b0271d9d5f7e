/* number.c - decimals and doubles in text; see number.h. */
#include "proxy/merge/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A DECIMAL column has up to 65 digits, the servers compute with 81 (nine words of nine). */
enum { MAX_DIGITS = 65, MAX_COMPUTED = 81, MAX_SCALE = 38, MAX_TEXT = 400 };

/* ---- decimals ---- */

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    return true;
}

bool decimal_parse(struct str s, struct decimal *d)
{
    d->negative = false;
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        d->negative = s.ptr[0] == '-';
        s = str_make(s.ptr + 1, s.len - 1);
    }
    const char *dot = s.len ? memchr(s.ptr, '.', s.len) : NULL;
    d->whole = dot ? str_make(s.ptr, (size_t)(dot - s.ptr)) : s;
    d->fraction = dot ? str_make(dot + 1, s.len - d->whole.len - 1) : str_make(s.ptr + s.len, 0);
    if (d->whole.len + d->fraction.len == 0 || !all_digits(d->whole) || !all_digits(d->fraction))
        return false;
    d->scale = (uint32_t)d->fraction.len;
    while (d->whole.len && d->whole.ptr[0] == '0') d->whole.ptr++, d->whole.len--;
    while (d->fraction.len && d->fraction.ptr[d->fraction.len - 1] == '0') d->fraction.len--;
    if (d->whole.len + d->fraction.len == 0) d->negative = false;
    return true;
}

static int compare_magnitude(const struct decimal *a, const struct decimal *b)
{
    if (a->whole.len != b->whole.len) return a->whole.len < b->whole.len ? -1 : 1;
    int c = a->whole.len ? memcmp(a->whole.ptr, b->whole.ptr, a->whole.len) : 0;
    return c ? c : str_cmp(a->fraction, b->fraction);
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    int c = compare_magnitude(a, b);
    return a->negative ? -c : c;
}

int64_t decimal_prefix(const struct decimal *d)
{
    int64_t v = 0;
    if (d->whole.len > 14) {
        v = INT64_MAX;
    } else {
        for (size_t i = 0; i < d->whole.len; i++) v = v * 10 + (d->whole.ptr[i] - '0');
        for (size_t i = 0; i < 4; i++) v = v * 10 + (i < d->fraction.len ? d->fraction.ptr[i] - '0' : 0);
    }
    return d->negative ? -v : v;
}

void decimal_sum_init(struct decimal_sum *s)
{
    mpz_init(s->value);
    s->scale = 0;
}

void decimal_sum_release(struct decimal_sum *s)
{
    mpz_clear(s->value);
}

static void scale_up(mpz_t v, uint32_t digits)
{
    if (!digits) return;
    mpz_t ten;
    mpz_init(ten);
    mpz_ui_pow_ui(ten, 10, digits);
    mpz_mul(v, v, ten);
    mpz_clear(ten);
}

bool decimal_sum_add(struct decimal_sum *s, struct str number)
{
    struct decimal d;
    char digits[2 * MAX_DIGITS + 2];
    if (!decimal_parse(number, &d)) return false;
    uint32_t scale = d.scale < s->scale ? s->scale : d.scale;
    if (scale > MAX_SCALE || d.whole.len + scale > sizeof digits - 1) return false;
    scale_up(s->value, scale - s->scale);
    s->scale = scale;
    size_t n = 0;
    memcpy(digits, d.whole.ptr, d.whole.len);
    n += d.whole.len;
    memcpy(digits + n, d.fraction.ptr, d.fraction.len);
    n += d.fraction.len;
    memset(digits + n, '0', scale - d.fraction.len);
    n += scale - d.fraction.len;
    if (n <= 18) {
        unsigned long v = 0;
        for (size_t i = 0; i < n; i++) v = v * 10 + (unsigned long)(digits[i] - '0');
        if (d.negative)
            mpz_sub_ui(s->value, s->value, v);
        else
            mpz_add_ui(s->value, s->value, v);
        return true;
    }
    digits[n] = 0;
    mpz_t v;
    mpz_init_set_str(v, digits, 10);
    if (d.negative)
        mpz_sub(s->value, s->value, v);
    else
        mpz_add(s->value, s->value, v);
    mpz_clear(v);
    return true;
}

static bool put_scaled(const mpz_t value, uint32_t scale, struct buf *out)
{
    size_t n = mpz_sizeinbase(value, 10);
    char text[MAX_TEXT];
    if (n + 2 > sizeof text) return false;
    mpz_get_str(text, 10, value);
    const char *p = text;
    if (*p == '-') {
        buf_put_u8(out, '-');
        p++;
    }
    n = strlen(p);
    if (n > MAX_COMPUTED) return false;
    size_t whole = n > scale ? n - scale : 0;
    if (whole)
        buf_put(out, p, whole);
    else
        buf_put_u8(out, '0');
    if (!scale) return true;
    buf_put_u8(out, '.');
    for (size_t i = n - whole; i < scale; i++) buf_put_u8(out, '0');
    buf_put(out, p + whole, n - whole);
    return true;
}

bool decimal_sum_put(const struct decimal_sum *s, uint32_t scale, struct buf *out)
{
    if (scale <= s->scale) return put_scaled(s->value, s->scale, out);
    if (scale > MAX_SCALE) return false;
    mpz_t v;
    mpz_init_set(v, s->value);
    scale_up(v, scale - s->scale);
    bool ok = put_scaled(v, scale, out);
    mpz_clear(v);
    return ok;
}

/* Digits behind the point that the servers' division computes before it rounds (decimal.c, do_div_mod). */
static uint32_t quotient_digits(uint32_t scale, uint32_t result_scale)
{
    uint32_t words = (scale + 8) / 9, spare = words * 9 - scale;
    uint32_t increment = result_scale > scale ? result_scale - scale : 0;
    increment = increment > spare ? increment - spare : 0;
    return (words * 9 + increment + 8) / 9 * 9;
}

bool decimal_average_put(const struct decimal_sum *s, uint64_t count, uint32_t scale, struct buf *out)
{
    if (scale > MAX_SCALE || count == 0) return false;
    uint32_t digits = quotient_digits(s->scale, scale);
    mpz_t q, half;
    mpz_init_set(q, s->value);
    mpz_init(half);
    scale_up(q, digits > s->scale ? digits - s->scale : 0);
    if (digits < s->scale) digits = s->scale;
    mpz_tdiv_q_ui(q, q, count);
    if (digits > scale) { /* half away from zero */
        mpz_ui_pow_ui(half, 10, digits - scale);
        mpz_t unit;
        mpz_init_set(unit, half);
        mpz_tdiv_q_ui(half, half, 2);
        if (mpz_sgn(q) < 0)
            mpz_sub(q, q, half);
        else
            mpz_add(q, q, half);
        mpz_tdiv_q(q, q, unit);
        mpz_clear(unit);
    } else {
        scale_up(q, scale - digits);
    }
    bool ok = put_scaled(q, scale, out);
    mpz_clear(half);
    mpz_clear(q);
    return ok;
}

/* ---- doubles ---- */

bool double_parse(struct str s, double *out)
{
    char text[MAX_TEXT];
    if (s.len == 0 || s.len >= sizeof text) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    /* strtod would also take blanks, hexadecimal, inf and nan. */
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789+-.eE", text[i])) return false;
    char *end;
    *out = strtod(text, &end);
    return end == text + s.len && isfinite(*out);
}

/* The shortest digits that read back as v: "d.ddde[+-]xx". */
static void shortest(double v, char text[40])
{
    for (int digits = fabs(v) < 1e-300 ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, 40, "%.*e", digits - 1, v);
        if (strtod(text, NULL) == v) return;
    }
}

/* Digits and where the point stands among them, of the shortest form; trailing zeros are dropped. */
static int shortest_digits(double v, char digits[24], int *point)
{
    char text[40];
    shortest(v, text);
    int n = 0;
    for (const char *p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0') n--;
    *point = atoi(strchr(text, 'e') + 1) + 1;
    return n;
}

/* ddd.ddd with at least `decimals` behind the point */
static void put_plain(struct buf *out, const char *digits, int n, int point, int decimals)
{
    if (point <= 0) buf_put_u8(out, '0');
    for (int i = 0; i < point; i++) buf_put_u8(out, (uint8_t)(i < n ? digits[i] : '0'));
    int behind = n > point ? n - point : 0;
    if (behind < decimals) behind = decimals;
    if (!behind) return;
    buf_put_u8(out, '.');
    for (int i = point; i < point + behind; i++)
        buf_put_u8(out, (uint8_t)(i >= 0 && i < n ? digits[i] : '0'));
}

void double_put(double v, uint32_t decimals, struct buf *out)
{
    char text[MAX_TEXT], digits[24] = "0";
    if (v == 0) v = 0; /* the servers show no -0 */
    int point = 1, n = v == 0 ? 0 : shortest_digits(v, digits, &point);
    bool fixed = decimals < DOUBLE_NOT_FIXED;
    if (fixed && n - point > (int)decimals) { /* more digits than are shown: rounded */
        int len = snprintf(text, sizeof text, "%.*f", (int)decimals, v);
        buf_put(out, text, (size_t)len);
        return;
    }
    if (v < 0) buf_put_u8(out, '-');
    /* With digits behind the point the plain form reaches one further than 15 digits. */
    if (fixed || (point >= -14 && (point <= 15 || n > point))) {
        put_plain(out, digits, n, point, fixed ? (int)decimals : 0);
        return;
    }
    buf_put(out, digits, 1);
    if (n > 1) {
        buf_put_u8(out, '.');
        buf_put(out, digits + 1, (size_t)(n - 1));
    }
    buf_printf(out, "e%d", point - 1);
}

uint64_t double_prefix(double v)
{
    if (v == 0) v = 0; /* -0 */
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (v == 0) bits = 0;
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}
