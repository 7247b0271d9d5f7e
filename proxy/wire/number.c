/*
 * number.c - FLOAT and DOUBLE as the servers write them.
 *
 *   decimals < 31   FLOAT(m,d), DOUBLE(m,d), and expressions of known scale: always so many digits behind the point, none more of the others
 *                   than tell the number from its neighbours: ROUND(1e20, 3) of a number just below is 99999999999999980000.000
 *   else            the fewest digits that read back as the same DOUBLE; for FLOAT, six digits at most (so a FLOAT's text may be another number)
 *                   0.000000000000001 to 999999999999999 without an exponent, and so 2700338135257174.5, which has digits behind the point;
 *                   else d.ddde-16, without plus sign or leading zeros
 *
 * The fewest digits: fifteen always survive being read back when they came from text, so that the work is one try for most numbers; a
 * subnormal has fewer. The neighbours of a power of two are not equally far: there the next decimal up may read back where the nearest
 * one does not (each length is tried both ways).
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_DIGITS = 17, FLOAT_DIGITS = 6, PLAIN_MIN = -14, PLAIN_MAX = 15 /* of `point`, for numbers without an exponent */ };

struct digits { /* 0.d1d2d3... * 10^point, without trailing zeros */
    char d[MOST_DIGITS + 1];
    int n, point;
};

/* The nearest decimal of so many digits. */
static void nearest(double v, int n, struct digits *out)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", n - 1, v);
    out->d[0] = text[0];
    if (n > 1) memcpy(out->d + 1, text + 2, (size_t)n - 1);
    out->n = n;
    out->point = atoi(strchr(text, 'e') + 1) + 1;
    while (out->n > 1 && out->d[out->n - 1] == '0') out->n--;
}

static bool reads_back(const struct digits *x, double v)
{
    char text[40];
    snprintf(text, sizeof text, "0.%.*se%d", x->n, x->d, x->point);
    return strtod(text, NULL) == v;
}

/* The decimal after x, at n digits. */
static void next_up(struct digits *x, int n)
{
    while (x->n < n) x->d[x->n++] = '0';
    int i = n - 1;
    while (i >= 0 && x->d[i] == '9') i--;
    if (i < 0) {
        x->d[0] = '1';
        x->n = 1;
        x->point++;
        return;
    }
    x->d[i]++;
    x->n = i + 1;
}

static void fewest(double v, struct digits *out)
{
    for (int n = v < DBL_MIN ? 1 : DBL_DIG; n < MOST_DIGITS; n++) {
        nearest(v, n, out);
        if (reads_back(out, v)) return;
        next_up(out, n);
        if (reads_back(out, v)) return;
    }
    nearest(v, MOST_DIGITS, out);
}

static void put_zeros(struct buf *out, int n)
{
    static const char zeros[] = "00000000000000000000000000000000";
    for (int part; n > 0; n -= part) {
        part = n < (int)sizeof zeros - 1 ? n : (int)sizeof zeros - 1;
        buf_put(out, zeros, (size_t)part);
    }
}

static void put_plain(const struct digits *x, struct buf *out)
{
    int whole = x->point < x->n ? x->point : x->n;
    if (whole > 0) {
        buf_put(out, x->d, (size_t)whole);
        put_zeros(out, x->point - x->n);
    } else
        buf_put_u8(out, '0');
    if (x->n > whole || x->point < 0) {
        int from = whole > 0 ? whole : 0;
        if (from == x->n) return;
        buf_put_u8(out, '.');
        put_zeros(out, -x->point);
        buf_put(out, x->d + from, (size_t)(x->n - from));
    }
}

static void put_exponent(const struct digits *x, struct buf *out)
{
    int e = x->point - 1;
    buf_put(out, x->d, 1);
    if (x->n > 1) {
        buf_put_u8(out, '.');
        buf_put(out, x->d + 1, (size_t)x->n - 1);
    }
    buf_putz(out, e < 0 ? "e-" : "e");
    buf_put_dec(out, (uint64_t)(e < 0 ? -e : e));
}

static void put_fixed(double v, int decimals, struct buf *out)
{
    struct digits x;
    fewest(v, &x);
    int behind = x.n - x.point; /* digits behind the point */
    if (behind > decimals) { /* too many: rounded from the exact value */
        char text[DBL_MAX_10_EXP + 40];
        int n = snprintf(text, sizeof text, "%.*f", decimals, v);
        buf_put(out, text, (size_t)n);
        return;
    }
    put_plain(&x, out);
    if (decimals == 0) return;
    if (behind <= 0) {
        buf_put_u8(out, '.');
        behind = 0;
    }
    put_zeros(out, decimals - behind);
}

void wire_put_real(struct buf *out, double v, bool is_float, uint8_t decimals)
{
    struct digits x;
    if (signbit(v)) {
        buf_put_u8(out, '-');
        v = -v;
    }
    if (!isfinite(v)) { /* no server sends one */
        out->failed = true;
        return;
    }
    if (decimals < WIRE_NOT_FIXED && v == 0) {
        buf_put_u8(out, '0');
        if (decimals) buf_put_u8(out, '.');
        put_zeros(out, decimals);
        return;
    }
    if (decimals < WIRE_NOT_FIXED) {
        put_fixed(v, decimals, out);
        return;
    }
    if (v == 0) {
        buf_put_u8(out, '0');
        return;
    }
    if (is_float)
        nearest(v, FLOAT_DIGITS, &x);
    else
        fewest(v, &x);
    bool fraction = x.point > 0 && x.point < x.n; /* digits behind the point: even with 16 before it */
    if (fraction || (x.point >= PLAIN_MIN && x.point <= PLAIN_MAX))
        put_plain(&x, out);
    else
        put_exponent(&x, out);
}

bool wire_parse_real(struct str text, double *v, float *f)
{
    char z[DBL_MAX_10_EXP + 60], *end;
    if (text.len == 0 || text.len >= sizeof z) return false;
    for (size_t i = 0; i < text.len; i++) { /* strtod reads more than numbers of SQL: blanks, hexadecimals, infinity */
        char c = text.ptr[i];
        if (!(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E') return false;
    }
    memcpy(z, text.ptr, text.len);
    z[text.len] = 0;
    if (f) *f = strtof(z, &end);
    if (f && !isfinite(*f)) return false;
    *v = strtod(z, &end);
    return *end == 0 && isfinite(*v);
}
