/*
 * key.c - constants to keys: what MySQL would make of `column = constant`, `column < constant` and INSERT of
 * the constant.
 *
 * The rules are those of https://dev.mysql.com/doc/refman/8.4/en/type-conversion.html and the code behind it:
 * an integer column beside a string compares as doubles, unless the string is a constant that the column can
 * hold without loss (then as integers); a text column beside a number compares as doubles, so that '7', '07'
 * and '7abc' all equal 7; a DATE beside a text with a time compares as DATETIME. Where the answer depends on
 * more than we know, it is KEY_ANY.
 */
#include "router/rules.h"

#include <math.h>
#include <stdlib.h>

/* ---- columns ---- */

static bool ends_with(struct str s, const char *suffix)
{
    struct str e = str_of(suffix);
    return s.len >= e.len && memcmp(s.ptr + s.len - e.len, e.ptr, e.len) == 0;
}

static enum key_collation collation_kind(struct str c)
{
    /* Untailored ones, whose ASCII characters equal each other by letter case only. Language collations are
     * left out: 'v' = 'w' in some, 'i' = 'y' in others. */
    static const char *const ascii_ci[] = {
        "_general_ci",          "_general_nopad_ci",    "_general_mysql500_ci", "_general_cs",
        "_unicode_ci",          "_unicode_nopad_ci",    "_unicode_520_ci",      "_unicode_520_nopad_ci",
        "_uca1400_ai_ci",       "_uca1400_ai_cs",       "_uca1400_as_ci",       "_uca1400_as_cs",
        "_uca1400_nopad_ai_ci", "_uca1400_nopad_ai_cs", "_uca1400_nopad_as_ci", "_uca1400_nopad_as_cs"};
    static const char *const whole[] = {"utf8mb4_0900_ai_ci", "utf8mb4_0900_as_ci", "utf8mb4_0900_as_cs",
                                        "latin1_swedish_ci", "latin1_swedish_nopad_ci"};
    if (!c.len) return COLL_UNKNOWN;
    if (ends_with(c, "_bin") || str_eq(c, STR("binary"))) return COLL_BIN;
    if (str_starts_nocase(c, STR("latin7"))) return COLL_OTHER;
    for (size_t i = 0; i < COUNT_OF(ascii_ci); i++)
        if (ends_with(c, ascii_ci[i])) return ends_with(c, "_cs") ? COLL_ASCII_CS : COLL_ASCII_CI;
    for (size_t i = 0; i < COUNT_OF(whole); i++)
        if (str_eq(c, str_of(whole[i]))) return ends_with(c, "_cs") ? COLL_ASCII_CS : COLL_ASCII_CI;
    return COLL_OTHER;
}

/* The natural key type of a column, for rules that give none. */
static bool type_of_class(enum cat_class c, enum conf_key_type *out)
{
    switch (c) {
    case CAT_INT:
    case CAT_UINT:
    case CAT_YEAR: *out = CONF_KEY_INTEGER; return true;
    case CAT_TEXT: *out = CONF_KEY_STRING; return true;
    case CAT_BINARY: *out = CONF_KEY_BINARY; return true;
    case CAT_DATE:
    case CAT_DATETIME: *out = CONF_KEY_DATE; return true;
    case CAT_DECIMAL: *out = CONF_KEY_DECIMAL; return true;
    case CAT_FLOAT:
    case CAT_BIT:
    case CAT_TIME:
    case CAT_TIMESTAMP:
    case CAT_ENUM:
    case CAT_SET:
    case CAT_JSON:
    case CAT_GEOMETRY:
    case CAT_OTHER: return false;
    }
    return false;
}

static bool class_fits(enum conf_key_type t, enum cat_class c)
{
    switch (t) {
    case CONF_KEY_INTEGER:
        return c == CAT_INT || c == CAT_UINT || c == CAT_DECIMAL || c == CAT_YEAR || c == CAT_TEXT;
    case CONF_KEY_STRING: return c == CAT_TEXT || c == CAT_BINARY;
    case CONF_KEY_DATE:
        return c == CAT_DATE || c == CAT_DATETIME; /* TIMESTAMP: the day depends on the reader's time zone */
    case CONF_KEY_BINARY: return c == CAT_BINARY;
    case CONF_KEY_DECIMAL: return c == CAT_DECIMAL || c == CAT_INT || c == CAT_UINT;
    }
    return false;
}

/* N of "varchar(N)", or 0. */
static uint32_t type_length(struct str type)
{
    size_t p = str_find(type, STR("("), 0);
    uint64_t n = 0;
    if (p == SIZE_MAX) return 0;
    for (size_t i = p + 1; i < type.len && type.ptr[i] >= '0' && type.ptr[i] <= '9' && n < 1000000000; i++)
        n = n * 10 + (uint64_t)(type.ptr[i] - '0');
    return (uint32_t)n;
}

void keycol_init(struct keycol *k, const struct conf_table *t, uint32_t column, const struct cat_table *meta,
                 bool foreign)
{
    const struct conf_algorithm *alg = t->algorithm;
    const struct cat_column *c = cat_column(meta, t->shard_columns[column].value, NULL);
    *k = (struct keycol){.name = t->shard_columns[column].value, .known = true, .foreign = foreign};
    k->case_sensitive = alg->case_sensitive;
    k->type = alg->type == CONF_ALG_DATE ? CONF_KEY_DATE : alg->key;
    if (c) {
        k->typed = true;
        k->cls = c->cls;
        k->collation = c->cls == CAT_BINARY ? COLL_BIN : collation_kind(c->collation);
        k->precision = c->cls == CAT_TEXT || c->cls == CAT_BINARY ? type_length(c->type) : c->precision;
        k->scale = c->scale;
        if (c->cls == CAT_INT || c->cls == CAT_UINT) { /* bytes of the integer type, for range checks */
            static const struct {
                const char *name;
                uint32_t bytes;
            } ints[] = {{"tinyint", 1}, {"smallint", 2}, {"mediumint", 3}, {"bigint", 8}, {"int", 4}};
            k->precision = 8;
            for (size_t i = 0; i < COUNT_OF(ints); i++)
                if (str_starts_nocase(c->type, str_of(ints[i].name))) {
                    k->precision = ints[i].bytes;
                    break;
                }
        }
    }
    if (alg->type == CONF_ALG_HASH && !alg->key_given) {
        if (!c)
            k->known = false;
        else if (!type_of_class(c->cls, &k->type))
            k->odd = true;
    } else if (c) {
        k->odd = !class_fits(k->type, c->cls);
    }
}

/* May `column = constant` narrow at all? */
static bool text_narrows(const struct keycol *k)
{
    switch (k->collation) {
    case COLL_BIN:
    case COLL_ASCII_CS: return true;
    case COLL_UNKNOWN: return !k->typed; /* no catalog: the rule file is believed */
    case COLL_ASCII_CI: return !k->case_sensitive;
    case COLL_OTHER: return false;
    }
    return false;
}
static bool ascii_only(const struct keycol *k)
{
    return k->collation == COLL_BIN || (k->collation == COLL_UNKNOWN && k->case_sensitive) ? false : true;
}

bool keycol_agree(const struct keycol *a, const struct keycol *b)
{
    if (!a->known || !b->known || a->odd || b->odd || a->type != b->type) return false;
    bool mixed = a->typed && b->typed && (a->cls == CAT_TEXT) != (b->cls == CAT_TEXT);
    switch (a->type) {
    case CONF_KEY_INTEGER:
    case CONF_KEY_DECIMAL:
        return !mixed && (!a->typed || a->cls != CAT_YEAR) == (!b->typed || b->cls != CAT_YEAR);
    case CONF_KEY_STRING:
        return !mixed && a->case_sensitive == b->case_sensitive && text_narrows(a) && text_narrows(b) &&
               (a->collation == b->collation || !a->typed || !b->typed);
    case CONF_KEY_DATE:
    case CONF_KEY_BINARY: return true;
    }
    return false;
}

/* ---- text ---- */

static bool plain_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || (unsigned char)s.ptr[i] > 0x7e) return false;
    return true;
}
static bool seven_bit(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] > 0x7f) return false;
    return true;
}

static enum key_answer text_key(bool case_sensitive, struct str s, struct arena *a, struct key *out)
{
    while (s.len && s.ptr[s.len - 1] == ' ') s.len--;
    out->text = s;
    if (case_sensitive) return KEY_IS;
    size_t i = 0;
    while (i < s.len && !(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')) i++;
    if (i == s.len) return KEY_IS; /* nothing to fold: the literal itself */
    char *p = arena_alloc(a, s.len);
    if (!p) return KEY_NOMEM;
    for (i = 0; i < s.len; i++) p[i] = ascii_lower(s.ptr[i]);
    out->text = str_make(p, s.len);
    return KEY_IS;
}

static struct str without_zeros(struct str s)
{
    while (s.len && s.ptr[s.len - 1] == 0) s.len--;
    return s;
}

/* ---- numbers ---- */

/* A number in text as digits: [sign] int [.frac] [e exp]. */
struct digits {
    bool neg, has_exp, whole; /* whole: nothing but blanks around it */
    struct str integer, frac;
    struct str all; /* sign to exponent */
};

/* The longest numeric prefix, as MySQL reads a string in a numeric context; no digits: 0. */
static struct digits digits_of(struct str s)
{
    struct digits d = {0};
    size_t i = 0;
    while (i < s.len && (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r'))) i++;
    size_t start = i;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+')) d.neg = s.ptr[i++] == '-';
    size_t b = i;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') i++;
    d.integer = str_make(s.ptr + b, i - b);
    if (i < s.len && s.ptr[i] == '.') {
        b = i + 1;
        size_t j = b;
        while (j < s.len && s.ptr[j] >= '0' && s.ptr[j] <= '9') j++;
        if (j > b || d.integer.len) {
            d.frac = str_make(s.ptr + b, j - b);
            i = j;
        }
    }
    bool any = d.integer.len || d.frac.len;
    if (any && i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        size_t j = i + 1;
        if (j < s.len && (s.ptr[j] == '-' || s.ptr[j] == '+')) j++;
        b = j;
        while (j < s.len && s.ptr[j] >= '0' && s.ptr[j] <= '9') j++;
        if (j > b) {
            d.has_exp = true;
            i = j;
        }
    }
    d.all = str_make(s.ptr + start, i - start);
    while (i < s.len && s.ptr[i] == ' ') i++;
    d.whole = any && i == s.len;
    if (!any) d.all = STR("0");
    while (d.integer.len && d.integer.ptr[0] == '0') d.integer.ptr++, d.integer.len--;
    while (d.frac.len && d.frac.ptr[d.frac.len - 1] == '0') d.frac.len--;
    return d;
}

static bool digits_int(const struct digits *d, int128 *out)
{
    if (d->integer.len > 37) return false;
    int128 v = 0;
    for (size_t i = 0; i < d->integer.len; i++) v = v * 10 + (d->integer.ptr[i] - '0');
    *out = d->neg ? -v : v;
    return true;
}

static const int128 two53 = (int128)1 << 53;

/* A text or a float beside an integer column: as doubles, but for texts that are integers. */
static enum key_answer double_floor(const struct keycol *k, const struct value *v, int128 *floor_out,
                                    bool *exact)
{
    struct digits d = digits_of(v->s);
    bool fits = !k->typed || k->cls == CAT_INT || k->cls == CAT_UINT;
    *exact = true;
    if (v->kind == VALUE_STRING && fits && d.whole && !d.has_exp && !d.frac.len &&
        digits_int(&d, floor_out) && *floor_out >= INT64_MIN && *floor_out <= (int128)UINT64_MAX)
        return KEY_IS; /* the column can hold it: compared as integers */
    char text[64];
    if (d.all.len >= sizeof text) return KEY_ANY;
    memcpy(text, d.all.ptr, d.all.len);
    text[d.all.len] = 0;
    double f = strtod(text, NULL), fl = floor(f);
    if (!(fabs(f) < 9007199254740992.0)) return KEY_ANY; /* several integers are one double */
    *floor_out = (int128)fl;
    *exact = fl == f;
    return KEY_IS;
}

/* Where a number lies among the integers: floor, and whether it is that integer. KEY_ANY: cannot tell. */
static enum key_answer number_floor(const struct keycol *k, const struct value *v, int128 *floor_out,
                                    bool *exact)
{
    struct digits d;
    *exact = true;
    switch (v->kind) {
    case VALUE_NULL: return KEY_NONE;
    case VALUE_INT: *floor_out = v->i; return KEY_IS;
    case VALUE_UINT: *floor_out = (int128)v->u; return KEY_IS;
    case VALUE_BYTES: *floor_out = (int128)v->u; return v->i == 1 ? KEY_IS : KEY_ANY;
    case VALUE_DECIMAL:
        if (k->typed && k->cls == CAT_TEXT)
            return double_floor(k, v, floor_out, exact); /* compared as doubles */
        d = digits_of(v->s);
        if (d.frac.len > 30 || !digits_int(&d, floor_out))
            return KEY_ANY; /* literals are cut at 30 decimals */
        if (d.frac.len) {
            *exact = false;
            if (d.neg) *floor_out -= 1;
        }
        return KEY_IS;
    case VALUE_FLOAT:
    case VALUE_STRING: return double_floor(k, v, floor_out, exact);
    case VALUE_UNKNOWN: return KEY_ANY;
    }
    return KEY_ANY;
}

/* "-?[1-9][0-9]*|0", the one spelling of an integer that a text column may hold as an integer key. */
static bool canonical_int(struct str s, int128 *out)
{
    struct digits d = digits_of(s);
    while (s.len && s.ptr[s.len - 1] == ' ') s.len--;
    if (!d.whole || d.has_exp || d.frac.len || !digits_int(&d, out)) return false;
    if (!d.integer.len) return str_eq(s, STR("0"));
    return s.len == d.integer.len + d.neg && (!d.neg || s.ptr[0] == '-');
}

/* A parameter that is no plain integer: the server may round it to one first. */
static bool may_be_rounded(const struct value *v, bool exact)
{
    bool number = v->kind == VALUE_STRING || v->kind == VALUE_DECIMAL || v->kind == VALUE_FLOAT;
    return number && (v->i & VALUE_IS_PARAM) && (!exact || !digits_of(v->s).whole);
}

static bool year_known(const struct keycol *k, int128 n)
{
    return !(k->typed && k->cls == CAT_YEAR) || (n >= 1901 && n <= 2155); /* two digits mean another year */
}

static enum key_answer int_equal(const struct keycol *k, const struct value *v, struct key *out)
{
    bool exact;
    if (k->typed && k->cls == CAT_TEXT) {
        if (v->kind == VALUE_STRING) return canonical_int(v->s, &out->num) ? KEY_IS : KEY_ANY;
        if (v->kind == VALUE_BYTES) return KEY_ANY; /* 0x37 is the text '7' here */
        enum key_answer r = number_floor(k, v, &out->num, &exact);
        if (r != KEY_IS || !exact) return r == KEY_NONE ? KEY_NONE : KEY_ANY;
        return out->num > -two53 && out->num < two53 ? KEY_IS : KEY_ANY;
    }
    enum key_answer r = number_floor(k, v, &out->num, &exact);
    if (r != KEY_IS) return r;
    if (!year_known(k, out->num) || may_be_rounded(v, exact)) return KEY_ANY;
    return exact ? KEY_IS : KEY_NONE;
}

static enum key_answer int_bound(const struct keycol *k, const struct value *v, bool lower, bool strict,
                                 struct key *out)
{
    bool exact;
    if (k->typed && k->cls == CAT_TEXT && (v->kind == VALUE_STRING || v->kind == VALUE_BYTES)) return KEY_ANY;
    enum key_answer r = number_floor(k, v, &out->num, &exact);
    if (r != KEY_IS) return r;
    if (!year_known(k, out->num) || may_be_rounded(v, exact)) return KEY_ANY;
    if (k->typed && k->cls == CAT_TEXT && !(out->num > -two53 && out->num < two53)) return KEY_ANY;
    if (lower && (!exact || strict)) out->num += 1;
    if (!lower && exact && strict) out->num -= 1;
    return KEY_IS;
}

static bool int_in_range(const struct keycol *k, int128 n)
{
    if (!k->typed || k->cls == CAT_TEXT || k->cls == CAT_DECIMAL)
        return n >= INT64_MIN && n <= (int128)UINT64_MAX;
    if (k->cls == CAT_YEAR) return n >= 1901 && n <= 2155;
    uint32_t bits = k->precision * 8;
    int128 span = (int128)1 << bits;
    return k->cls == CAT_UINT ? n >= 0 && n < span : n >= -(span >> 1) && n < span >> 1;
}

static enum key_answer int_store(const struct keycol *k, const struct value *v, struct key *out,
                                 const char **why)
{
    bool exact = true;
    struct digits d;
    bool text = k->typed && k->cls == CAT_TEXT;
    *why = "its stored value is not certain";
    if (text && v->kind == VALUE_STRING) {
        *why = "the column is text and the rule an integer one; only plain integers can be stored";
        return canonical_int(v->s, &out->num) ? KEY_IS : KEY_ANY;
    }
    if (text && v->kind != VALUE_INT && v->kind != VALUE_UINT)
        return v->kind == VALUE_NULL ? KEY_NONE : KEY_ANY;
    if (v->kind == VALUE_STRING) {
        d = digits_of(v->s);
        *why = "it is not an integer";
        if (!d.whole || d.has_exp || d.frac.len || !digits_int(&d, &out->num)) return KEY_ANY;
    } else {
        enum key_answer r = number_floor(k, v, &out->num, &exact);
        if (r != KEY_IS) return r;
    }
    if (!exact) {
        *why = "it is not an integer";
        if (v->kind != VALUE_DECIMAL || text || (k->typed && k->cls == CAT_DECIMAL)) return KEY_ANY;
        d = digits_of(v->s); /* stored rounded, half away from zero; floor is known */
        bool up = d.frac.ptr[0] >= '5';
        if (d.neg ? !up : up) out->num += 1;
    }
    *why = "it is out of range for the column";
    return int_in_range(k, out->num) ? KEY_IS : KEY_ANY;
}

/* ---- decimals ---- */

static enum key_answer decimal_text(const struct digits *d, struct arena *a, struct key *out)
{
    bool zero = !d->integer.len && !d->frac.len;
    char *p = arena_alloc(a, d->integer.len + d->frac.len + 3);
    size_t n = 0;
    if (!p) return KEY_NOMEM;
    if (d->neg && !zero) p[n++] = '-';
    if (!d->integer.len) p[n++] = '0';
    memcpy(p + n, d->integer.ptr ? d->integer.ptr : "", d->integer.len);
    n += d->integer.len;
    if (d->frac.len) {
        p[n++] = '.';
        memcpy(p + n, d->frac.ptr, d->frac.len);
        n += d->frac.len;
    }
    out->text = str_make(p, n);
    return KEY_IS;
}

static enum key_answer decimal_key(const struct keycol *k, const struct value *v, bool store, struct arena *a,
                                   struct key *out, struct digits *d)
{
    struct str text = v->s;
    switch (v->kind) {
    case VALUE_NULL: return KEY_NONE;
    case VALUE_UNKNOWN: return KEY_ANY;
    case VALUE_INT: text = arena_printf(a, "%lld", (long long)v->i); break;
    case VALUE_BYTES:
        if (v->i != 1) return KEY_ANY;
        text = arena_printf(a, "%llu", (unsigned long long)v->u);
        break;
    case VALUE_UINT: text = arena_printf(a, "%llu", (unsigned long long)v->u); break;
    case VALUE_DECIMAL: break;
    case VALUE_FLOAT:
    case VALUE_STRING: break;
    }
    if (!text.ptr) return KEY_NOMEM;
    *d = digits_of(text);
    if (d->frac.len > 30 || d->integer.len > 65) return KEY_ANY;
    if (v->kind == VALUE_FLOAT || v->kind == VALUE_STRING) {
        if (d->has_exp || (store && !d->whole)) return KEY_ANY;
        /* As doubles; up to 15 digits on both sides a double tells them apart. */
        if (!store &&
            (!k->typed || k->precision > 15 || k->cls != CAT_DECIMAL || d->integer.len + d->frac.len > 15))
            return KEY_ANY;
        if (v->kind == VALUE_FLOAT && store) return KEY_ANY;
    }
    return decimal_text(d, a, out);
}

static enum key_answer decimal_store(const struct keycol *k, const struct value *v, struct arena *a,
                                     struct key *out, const char **why)
{
    struct digits d = {0};
    *why = "it is not a plain decimal number";
    enum key_answer r = decimal_key(k, v, true, a, out, &d);
    if (r != KEY_IS || !k->typed) return r;
    uint32_t scale = k->cls == CAT_DECIMAL ? k->scale : 0;
    *why = "it would be rounded or is out of range for the column";
    if (d.frac.len > scale) return KEY_ANY;
    if (k->cls == CAT_DECIMAL && d.integer.len > k->precision - k->scale) return KEY_ANY;
    if (k->cls != CAT_DECIMAL) {
        int128 n = 0;
        if (!digits_int(&d, &n) || !int_in_range(k, n)) return KEY_ANY;
    }
    return KEY_IS;
}

static int decimal_cmp(struct str a, struct str b)
{
    bool na = a.len && a.ptr[0] == '-', nb = b.len && b.ptr[0] == '-';
    if (na != nb) return na ? -1 : 1;
    struct digits x = digits_of(a), y = digits_of(b);
    int c;
    if (x.integer.len != y.integer.len)
        c = x.integer.len < y.integer.len ? -1 : 1;
    else
        c = str_cmp(x.integer, y.integer);
    if (!c) c = str_cmp(x.frac, y.frac);
    return na ? -c : c;
}

/* ---- dates ---- */

static bool leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Civil date to days, after Howard Hinnant's chrono-compatible algorithms. */
bool date_days(int64_t y, int64_t m, int64_t d, int64_t *days)
{
    static const int8_t len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (y < 0 || y > 9999 || m < 1 || m > 12 || d < 1 || d > len[m - 1] + (m == 2 && leap(y))) return false;
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1, doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    *days = era * 146097 + doe - 719468;
    return true;
}
void date_of_days(int64_t z, int64_t *y, int64_t *m, int64_t *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = yoe + era * 400 + (*m <= 2);
}

struct moment {
    int64_t day;
    bool timed;  /* not midnight */
    bool rounds; /* a column with fewer decimals would store the next day */
    uint32_t decimals; /* of the second, without zeros at the end */
};

static size_t take_digits(struct str s, size_t at, size_t max, int64_t *out)
{
    size_t i = at;
    *out = 0;
    while (i < s.len && i - at < max && s.ptr[i] >= '0' && s.ptr[i] <= '9')
        *out = *out * 10 + (s.ptr[i++] - '0');
    return i - at;
}

/* The forms that are read without doubt: Y-M-D with four digits of year, YYYYMMDD, and a time [ T]h:m:s[.f]
 * behind the first. */
static bool moment_of(struct str s, struct moment *out)
{
    int64_t y, m, d, h = 0, mi = 0, se = 0, fr = 0;
    size_t n = take_digits(s, 0, 15, &y), at;
    *out = (struct moment){0};
    if (n == 8 && n == s.len) return date_days(y / 10000, y / 100 % 100, y % 100, &out->day);
    if (n == 14 && n == s.len) {
        int64_t t = y % 1000000;
        out->timed = t != 0;
        return t / 10000 < 24 && t / 100 % 100 < 60 && t % 100 < 60 &&
               date_days(y / 10000000000, y / 100000000 % 100, y / 1000000 % 100, &out->day);
    }
    if (n != 4 || n >= s.len || (s.ptr[n] != '-' && s.ptr[n] != '/')) return false;
    char sep = s.ptr[n];
    at = n + 1;
    if (!(n = take_digits(s, at, 2, &m))) return false;
    at += n;
    if (at >= s.len || s.ptr[at++] != sep) return false;
    if (!(n = take_digits(s, at, 2, &d))) return false;
    at += n;
    if (!date_days(y, m, d, &out->day)) return false;
    if (at == s.len) return true;
    if (s.ptr[at] != ' ' && s.ptr[at] != 'T') return false;
    at++;
    if (!(n = take_digits(s, at, 2, &h))) return false;
    at += n;
    if (at >= s.len || s.ptr[at++] != ':') return false;
    if (!(n = take_digits(s, at, 2, &mi))) return false;
    at += n;
    if (at < s.len && s.ptr[at] == ':') {
        if (!(n = take_digits(s, ++at, 2, &se))) return false;
        at += n;
        if (at < s.len && s.ptr[at] == '.') {
            n = take_digits(s, ++at, 9, &fr);
            at += n;
            for (size_t i = at; fr && out->decimals == 0 && i > at - n; i--)
                if (s.ptr[i - 1] != '0') out->decimals = (uint32_t)(n - (at - i));
        }
    }
    out->timed = h || mi || se || fr;
    out->rounds = h == 23 && mi == 59 && se == 59 && fr;
    return at == s.len && h < 24 && mi < 60 && se < 60;
}

static enum key_answer moment_value(const struct keycol *k, const struct value *v, struct arena *a, struct moment *out)
{
    if (v->kind == VALUE_NULL) return KEY_NONE;
    struct str s = v->s;
    if (v->kind == VALUE_INT) {
        s = arena_printf(a, "%lld", (long long)v->i);
        if (!s.ptr) return KEY_NOMEM;
    } else if (v->kind != VALUE_STRING) {
        return KEY_ANY;
    }
    if (!moment_of(s, out)) return KEY_ANY;
    if (k->typed && k->cls == CAT_DATETIME && out->decimals <= k->scale) out->rounds = false;
    return KEY_IS;
}

static enum key_answer date_equal(const struct keycol *k, const struct value *v, struct arena *a, struct key *out)
{
    struct moment m;
    enum key_answer r = moment_value(k, v, a, &m);
    if (r != KEY_IS) return r;
    out->num = m.day;
    return m.rounds ? KEY_ANY : KEY_IS;
}

static enum key_answer date_bound(const struct keycol *k, const struct value *v, bool lower, bool strict,
                                  struct arena *a, struct key *out)
{
    struct moment m;
    enum key_answer r = moment_value(k, v, a, &m);
    if (r != KEY_IS) return r;
    out->num = m.day;
    if (lower && strict && !m.timed && k->typed && k->cls == CAT_DATE) out->num += 1;
    if (!lower && strict && !m.timed) out->num -= 1;
    if (!lower && m.rounds) out->num += 1;
    return KEY_IS;
}

static enum key_answer date_store(const struct keycol *k, const struct value *v, struct arena *a, struct key *out, const char **why)
{
    struct moment m;
    *why = "it is not a date written YYYY-MM-DD";
    enum key_answer r = moment_value(k, v, a, &m);
    if (r != KEY_IS) return r;
    *why = "its fraction of a second may be rounded to the next day";
    out->num = m.day;
    return m.rounds ? KEY_ANY : KEY_IS;
}

/* ---- strings and bytes ---- */

static enum key_answer string_equal(const struct keycol *k, const struct value *v, struct arena *a,
                                    struct key *out)
{
    if (v->kind == VALUE_NULL) return KEY_NONE;
    if (v->kind != VALUE_STRING && v->kind != VALUE_BYTES) return KEY_ANY;
    if (!text_narrows(k)) return KEY_ANY;
    if (ascii_only(k) || v->kind == VALUE_BYTES ? !plain_ascii(v->s) : k->foreign && !seven_bit(v->s))
        return KEY_ANY;
    return text_key(k->case_sensitive, v->s, a, out);
}

static enum key_answer string_bound(const struct keycol *k, const struct value *v, bool lower,
                                    struct arena *a, struct key *out)
{
    if (v->kind == VALUE_NULL) return KEY_NONE;
    if (v->kind != VALUE_STRING || !k->case_sensitive || !(k->collation == COLL_BIN || !k->typed) ||
        !seven_bit(v->s))
        return KEY_ANY;
    struct str s = v->s;
    while (s.len && s.ptr[s.len - 1] == ' ') s.len--;
    if (lower) {
        /* Under PAD SPACE 'a' > 'a\t': keys without what follows a control character are above the bound too.
         */
        for (size_t i = 0; i < s.len; i++)
            if ((unsigned char)s.ptr[i] < 0x20) s.len = i;
        out->text = s;
        return KEY_IS;
    }
    char *p = arena_alloc(a, s.len + 1); /* and 'a\t' < 'a' */
    if (!p) return KEY_NOMEM;
    if (s.len) memcpy(p, s.ptr, s.len);
    p[s.len] = 0x20;
    out->text = str_make(p, s.len + 1);
    return KEY_IS;
}

static size_t utf8_chars(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

static enum key_answer string_store(const struct keycol *k, const struct value *v, struct arena *a,
                                    struct key *out, const char **why)
{
    struct str s = v->s;
    int64_t n;
    *why = "its stored text is not certain";
    if (v->kind == VALUE_NULL) return KEY_NONE;
    if (v->kind == VALUE_INT || (v->kind == VALUE_FLOAT && value_whole(v, &n) && n > -1000000000000000 &&
                                 n < 1000000000000000)) /* a double so small is written without exponent */
        s = arena_printf(a, "%lld", (long long)(v->kind == VALUE_INT ? v->i : n));
    else if (v->kind == VALUE_UINT)
        s = arena_printf(a, "%llu", (unsigned long long)v->u);
    else if (v->kind != VALUE_STRING && v->kind != VALUE_BYTES)
        return KEY_ANY;
    if (!s.ptr) return KEY_NOMEM;
    if (ascii_only(k) && text_narrows(k) && !plain_ascii(s)) {
        *why = "under its collation it may equal other spellings; give the shard column a _bin collation or "
               "use ASCII keys";
        return KEY_ANY;
    }
    if ((k->foreign || v->kind == VALUE_BYTES) && !seven_bit(s)) {
        *why = "it is not ASCII and the client's character set is not utf8mb4";
        return KEY_ANY;
    }
    *why = "it is too long for the column";
    while (s.len && s.ptr[s.len - 1] == ' ') s.len--;
    if (k->typed && k->precision && utf8_chars(s) > k->precision) return KEY_ANY;
    return text_key(k->case_sensitive, s, a, out);
}

static enum key_answer bytes_key(const struct keycol *k, const struct value *v, bool store, struct arena *a,
                                 struct key *out, const char **why)
{
    struct str s = v->s;
    *why = "its stored bytes are not certain";
    if (v->kind == VALUE_NULL) return KEY_NONE;
    if (v->kind == VALUE_INT && store)
        s = arena_printf(a, "%lld", (long long)v->i);
    else if (v->kind != VALUE_STRING && v->kind != VALUE_BYTES)
        return KEY_ANY;
    if (!s.ptr) return KEY_NOMEM;
    *why = "it is too long for the column";
    if (store && k->typed && k->precision && s.len > k->precision) return KEY_ANY;
    out->text = without_zeros(s);
    return KEY_IS;
}

/* A temporal constant beside a column that is not: compared as dates, whatever the text. */
static bool misplaced(const struct keycol *k, const struct value *v)
{
    return v->kind == VALUE_STRING && (v->i & VALUE_IS_TEMPORAL) && k->type != CONF_KEY_DATE;
}

/* ---- the three questions ---- */

enum key_answer key_equal(const struct keycol *k, const struct value *v, struct arena *a, struct key *out)
{
    const char *why;
    struct digits d;
    *out = (struct key){0};
    if (v->kind == VALUE_NULL) return KEY_NONE;
    if (!k->known || k->odd || misplaced(k, v)) return KEY_ANY;
    switch (k->type) {
    case CONF_KEY_INTEGER: return int_equal(k, v, out);
    case CONF_KEY_STRING: return string_equal(k, v, a, out);
    case CONF_KEY_DATE: return date_equal(k, v, a, out);
    case CONF_KEY_BINARY: return bytes_key(k, v, false, a, out, &why);
    case CONF_KEY_DECIMAL: return decimal_key(k, v, false, a, out, &d);
    }
    return KEY_ANY;
}

enum key_answer key_bound(const struct keycol *k, const struct value *v, bool lower, bool strict,
                          struct arena *a, struct key *out)
{
    const char *why;
    struct digits d;
    *out = (struct key){0};
    if (v->kind == VALUE_NULL) return KEY_NONE;
    if (!k->known || k->odd || misplaced(k, v)) return KEY_ANY;
    switch (k->type) {
    case CONF_KEY_INTEGER: return int_bound(k, v, lower, strict, out);
    case CONF_KEY_STRING: return string_bound(k, v, lower, a, out);
    case CONF_KEY_DATE: return date_bound(k, v, lower, strict, a, out);
    case CONF_KEY_BINARY: return bytes_key(k, v, false, a, out, &why);
    case CONF_KEY_DECIMAL: return decimal_key(k, v, false, a, out, &d);
    }
    return KEY_ANY;
}

enum key_answer key_store(const struct keycol *k, const struct value *v, struct arena *a, struct key *out,
                          const char **why)
{
    *out = (struct key){0};
    *why = "";
    if (v->kind == VALUE_NULL) return KEY_NONE;
    *why = "it is not a constant";
    if (v->kind == VALUE_UNKNOWN) return KEY_ANY;
    *why = "the type of the column is not known yet";
    if (!k->known) return KEY_ANY;
    *why = "the type of the column does not go with its rule";
    if (k->odd) return KEY_ANY;
    *why = "a temporal constant does not go with its column";
    if (misplaced(k, v)) return KEY_ANY;
    switch (k->type) {
    case CONF_KEY_INTEGER: return int_store(k, v, out, why);
    case CONF_KEY_STRING: return string_store(k, v, a, out, why);
    case CONF_KEY_DATE: return date_store(k, v, a, out, why);
    case CONF_KEY_BINARY: return bytes_key(k, v, true, a, out, why);
    case CONF_KEY_DECIMAL: return decimal_store(k, v, a, out, why);
    }
    return KEY_ANY;
}

bool key_parse(enum conf_key_type type, bool case_sensitive, struct str text, struct arena *a,
               struct key *out)
{
    struct digits d;
    struct moment m;
    *out = (struct key){0};
    switch (type) {
    case CONF_KEY_INTEGER:
        d = digits_of(text);
        return d.whole && !d.has_exp && !d.frac.len && digits_int(&d, &out->num);
    case CONF_KEY_STRING: return text_key(case_sensitive, text, a, out) == KEY_IS;
    case CONF_KEY_BINARY: out->text = without_zeros(text); return true;
    case CONF_KEY_DATE:
        if (!moment_of(text, &m)) return false;
        out->num = m.day;
        return true;
    case CONF_KEY_DECIMAL:
        d = digits_of(text);
        return d.whole && !d.has_exp && decimal_text(&d, a, out) == KEY_IS;
    }
    return false;
}

int key_cmp(enum conf_key_type type, const struct key *a, const struct key *b)
{
    switch (type) {
    case CONF_KEY_INTEGER:
    case CONF_KEY_DATE: return a->num < b->num ? -1 : a->num > b->num;
    case CONF_KEY_STRING:
    case CONF_KEY_BINARY: return str_cmp(a->text, b->text);
    case CONF_KEY_DECIMAL: return decimal_cmp(a->text, b->text);
    }
    return 0;
}
