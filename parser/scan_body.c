/*
 * scan_body.c - bodies of tokens: names, quoted text, numbers, comments; and the multi-byte characters in
 * them.
 */
#include "parser/scan.h"

const uint8_t scan_ctype[256] = {
    [' '] = CT_BLANK,
    ['\t'] = CT_BLANK,
    ['\n'] = CT_BLANK,
    ['\v'] = CT_BLANK,
    ['\f'] = CT_BLANK,
    ['\r'] = CT_BLANK,
    ['0' ... '9'] = CT_IDENT | CT_DIGIT | CT_HEX,
    ['A' ... 'F'] = CT_IDENT | CT_HEX,
    ['G' ... 'Z'] = CT_IDENT,
    ['a' ... 'f'] = CT_IDENT | CT_HEX,
    ['g' ... 'z'] = CT_IDENT,
    ['$'] = CT_IDENT,
    ['_'] = CT_IDENT,
    [0x80 ... 0xff] = CT_IDENT,
};

/* ---- multi-byte characters whose later bytes look like ASCII ---- */

static size_t mb_len(uint8_t trail, const char *p, const char *end)
{
    unsigned char a = (unsigned char)p[0];
    if (a < 0x81 || a == 0xff || end - p < 2) return 1;
    unsigned char b = (unsigned char)p[1];
    switch ((enum sql_trail)trail) {
    case SQL_TRAIL_NONE: return 1;
    case SQL_TRAIL_GBK: return (b >= 0x40 && b != 0x7f && b != 0xff) ? 2 : 1;
    case SQL_TRAIL_BIG5:
        return a >= 0xa1 && a <= 0xf9 && ((b >= 0x40 && b <= 0x7e) || (b >= 0xa1 && b <= 0xfe)) ? 2 : 1;
    case SQL_TRAIL_SJIS:
        return ((a <= 0x9f) || (a >= 0xe0 && a <= 0xfc)) && b >= 0x40 && b != 0x7f && b <= 0xfc ? 2 : 1;
    case SQL_TRAIL_GB18030:
        if (b >= 0x40 && b != 0x7f && b != 0xff) return 2;
        return b >= '0' && b <= '9' && end - p >= 4 && (unsigned char)p[2] >= 0x81 && p[2] != '\xff' &&
                       p[3] >= '0' && p[3] <= '9'
                   ? 4
                   : 1;
    }
    return 1;
}

size_t sql_char_len(uint8_t trail, const char *p, const char *end)
{
    return trail == SQL_TRAIL_NONE ? 1 : mb_len(trail, p, end);
}

/* ---- scanning of token bodies; each returns the byte after ---- */

const char *scan_ident(const struct pass *t, const char *p)
{
    if (LIKELY(t->s->opt.trail == SQL_TRAIL_NONE)) {
        while (p < t->end && IS(*p, CT_IDENT)) p++;
        return p;
    }
    while (p < t->end && IS(*p, CT_IDENT)) p += mb_len(t->s->opt.trail, p, t->end);
    return p;
}

const char *scan_quoted(const struct pass *t, const char *p, char quote, bool backslash, uint8_t *flags)
{
    uint8_t trail = t->s->opt.trail;
    while (p < t->end) {
        char c = *p;
        if (c == quote) {
            if (p + 1 < t->end && p[1] == quote) {
                *flags |= SQL_TF_ESCAPED;
                p += 2;
                continue;
            }
            return p + 1;
        }
        if (c == '\\' && backslash) {
            *flags |= SQL_TF_ESCAPED;
            if (t->end - p < 2) return NULL;
            p += 2;
            continue;
        }
        p += trail != SQL_TRAIL_NONE && (unsigned char)c >= 0x81 ? mb_len(trail, p, t->end) : 1;
    }
    return NULL;
}

static bool all_bits(const char *p, const char *end)
{
    for (; p < end; p++)
        if (*p != '0' && *p != '1') return false;
    return true;
}
static bool all_hex(const char *p, const char *end)
{
    for (; p < end; p++)
        if (!IS(*p, CT_HEX)) return false;
    return true;
}

const char *scan_bytes_literal(const struct pass *t, const char *p, const char **stop)
{
    const char *q = p + 2;
    while (q < t->end && *q != '\'') q++;
    *stop = q < t->end ? q + 1 : q;
    if (q >= t->end) return NULL;
    if (*p == 'x' || *p == 'X') return all_hex(p + 2, q) && (q - p) % 2 == 0 ? q + 1 : NULL;
    return all_bits(p + 2, q) ? q + 1 : NULL;
}

const char *scan_fraction(const struct pass *t, const char *p, uint8_t *kind)
{
    while (p < t->end && IS(*p, CT_DIGIT)) p++;
    *kind = SQL_T_DECIMAL;
    if (p < t->end && (*p == 'e' || *p == 'E')) {
        const char *q = p + 1;
        if (q < t->end && (*q == '+' || *q == '-')) q++;
        if (q >= t->end || !IS(*q, CT_DIGIT)) { /* 1.e : the server takes no name here */
            *kind = SQL_T_BAD;
            return q;
        }
        while (q < t->end && IS(*q, CT_DIGIT)) q++;
        *kind = SQL_T_FLOAT;
        return q;
    }
    return p;
}

const char *scan_number(const struct pass *t, const char *p, uint8_t *kind)
{
    const char *q;
    if (*p == '0' && p + 1 < t->end && (p[1] == 'x' || p[1] == 'b')) {
        q = p + 2;
        if (p[1] == 'x')
            while (q < t->end && IS(*q, CT_HEX)) q++;
        else
            while (q < t->end && (*q == '0' || *q == '1')) q++;
        if (q > p + 2 && (q >= t->end || !IS(*q, CT_IDENT))) {
            *kind = p[1] == 'x' ? SQL_T_HEX : SQL_T_BIN;
            return q;
        }
        *kind = SQL_T_WORD;
        return scan_ident(t, p);
    }
    q = p + 1;
    while (q < t->end && IS(*q, CT_DIGIT)) q++;
    if (q >= t->end || !IS(*q, CT_IDENT)) {
        *kind = SQL_T_INT;
        if (q >= t->end || *q != '.') return q;
        return scan_fraction(t, q + 1, kind);
    }
    if (*q == 'e' || *q == 'E') {
        const char *r = q + 1;
        if (r < t->end && (*r == '+' || *r == '-')) r++;
        if (r < t->end && IS(*r, CT_DIGIT)) {
            while (r < t->end && IS(*r, CT_DIGIT)) r++;
            *kind = SQL_T_FLOAT;
            return r;
        }
    }
    *kind = SQL_T_WORD;
    return scan_ident(t, p);
}

/* ---- comments ---- */

/* p after the opening; nested ones count where `nest`. NULL: does not end. */
static const char *skip_long_comment(const struct pass *t, const char *p, bool nest)
{
    uint32_t depth = 1;
    for (; t->end - p >= 2; p++) {
        if (p[0] == '*' && p[1] == '/') {
            if (--depth == 0) return p + 2;
            p++;
        } else if (nest && p[0] == '/' && p[1] == '*') {
            depth++;
            p++;
        }
    }
    return NULL;
}

/* MariaDB skips MySQL's versions 50700 to 99999. */
const char *scan_comment(struct pass *t, const char *p)
{
    const char *q = p + 2;
    bool own = false;
    if (q < t->end && *q == 'M' && q + 1 < t->end && q[1] == '!' && t->mariadb) {
        own = true;
        q++;
    }
    if (q >= t->end || *q != '!') return skip_long_comment(t, p + 2, false);
    q++;
    uint32_t v = 0, digits = 0;
    while (digits < 6 && q + digits < t->end && IS(q[digits], CT_DIGIT)) {
        v = v * 10 + (uint32_t)(q[digits] - '0');
        digits++;
    }
    bool counts = true;
    if (digits >= 5) {
        counts = v <= t->version && !(t->mariadb && !own && v >= 50700 && v <= 99999);
        q += digits;
    }
    if (!counts) return skip_long_comment(t, q, true);
    if (t->versioned) return NULL; /* one inside another: no server agrees with the next */
    t->versioned = true;
    return q;
}

const char *scan_line(const struct pass *t, const char *p)
{
    const char *nl = memchr(p, '\n', (size_t)(t->end - p));
    return nl ? nl + 1 : t->end;
}
