/*
 * algorithm.c - how a shard column's value chooses a node: read, checked, and fitted to the number of nodes
 * of a table.
 *
 *   named or inline mapping --read_algorithm--> what was written
 *   for each table          --algorithm_fit---> a copy with divisor, units and end filled in, or a fault that
 * says what the nodes lack
 *
 * Ranges are kept sorted by their low end, each with its shard; so the router can search them.
 */
#include "conf/read.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MOD = 1 << CONF_ALG_MOD,
    HASH = 1 << CONF_ALG_HASH,
    RANGE = 1 << CONF_ALG_RANGE,
    DATE = 1 << CONF_ALG_DATE,
    LIST = 1 << CONF_ALG_LIST
};

static const struct {
    enum conf_key key;
    int types; /* that know it */
} uses[] = {
    {KEY_ALGORITHM_DIVISOR, MOD},  {KEY_ALGORITHM_BOUNDARIES, RANGE},
    {KEY_ALGORITHM_RANGES, RANGE}, {KEY_ALGORITHM_GAPS, RANGE},
    {KEY_ALGORITHM_UNIT, DATE},    {KEY_ALGORITHM_EVERY, DATE},
    {KEY_ALGORITHM_FROM, DATE},    {KEY_ALGORITHM_TO, DATE},
    {KEY_ALGORITHM_SHARDS, LIST},  {KEY_ALGORITHM_CASE_SENSITIVE, HASH | RANGE | LIST},
};
static const int key_types[] = {
    [CONF_KEY_INTEGER] = MOD | HASH | RANGE | LIST, [CONF_KEY_STRING] = HASH | RANGE | LIST,
    [CONF_KEY_DATE] = HASH | RANGE | DATE | LIST,   [CONF_KEY_BINARY] = HASH,
    [CONF_KEY_DECIMAL] = HASH | RANGE | LIST,
};

const char *algorithm_type_name(const struct conf_algorithm *a)
{
    static const char *const names[] = {"mod", "hash", "range", "date", "list"};
    return names[a->type];
}

static const char *key_name(enum conf_key_type k)
{
    static const char *const names[] = {"integer", "string", "date", "binary", "decimal"};
    return names[k];
}

const char *algorithm_shape(struct reader *r, const struct conf_algorithm *a)
{
    bool any = a->type == CONF_ALG_HASH && !a->key_given;
    return hintf(r, "%s of %s keys", algorithm_type_name(a), any ? "any" : key_name(a->key));
}

/* "algorithm 'by_x'", or "the algorithm" when inline. */
static const char *called(struct reader *r, const struct conf_algorithm *a)
{
    return a->name.len ? hintf(r, "algorithm '%.80s'", a->name.ptr) : "the algorithm";
}

/* ---- values ---- */

static int decimal_cmp(struct str a, struct str b);

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

/* From -2^63 to 2^64-1: BIGINT and BIGINT UNSIGNED. */
static bool integer_parse(struct str s, __int128 *out)
{
    uint64_t v;
    bool minus = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) s = str_make(s.ptr + 1, s.len - 1);
    if (!str_to_u64(s, &v) || (minus && v > (uint64_t)INT64_MAX + 1)) return false;
    *out = minus ? -(__int128)v : (__int128)v;
    return true;
}

static struct str without_spaces(struct str s)
{
    while (s.len && s.ptr[s.len - 1] == ' ') s.len--;
    return s;
}

static int text_cmp(struct str a, struct str b, bool case_sensitive)
{
    a = without_spaces(a);
    b = without_spaces(b);
    for (size_t i = 0; !case_sensitive && i < a.len && i < b.len; i++) {
        unsigned char p = (unsigned char)ascii_lower(a.ptr[i]), q = (unsigned char)ascii_lower(b.ptr[i]);
        if (p != q) return p < q ? -1 : 1;
    }
    return case_sensitive ? sign(str_cmp(a, b)) : (a.len > b.len) - (a.len < b.len);
}

int conf_key_compare(enum conf_key_type key, bool case_sensitive, struct str a, struct str b)
{
    __int128 x, y;
    switch (key) {
    case CONF_KEY_INTEGER:
        if (integer_parse(a, &x) && integer_parse(b, &y)) return (x > y) - (x < y);
        break;
    case CONF_KEY_DECIMAL: return decimal_cmp(a, b);
    case CONF_KEY_STRING: return text_cmp(a, b, case_sensitive);
    case CONF_KEY_DATE:
    case CONF_KEY_BINARY: break;
    }
    return sign(str_cmp(a, b));
}

/* Sign, digits before the point without leading zeros, digits after it without trailing ones. */
static bool decimal_split(struct str s, struct str *whole, struct str *part)
{
    bool minus = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) s = str_make(s.ptr + 1, s.len - 1);
    const char *dot = memchr(s.ptr, '.', s.len);
    *whole = dot ? str_make(s.ptr, (size_t)(dot - s.ptr)) : s;
    *part = dot ? str_make(dot + 1, s.len - whole->len - 1) : STR("");
    while (whole->len && whole->ptr[0] == '0') *whole = str_make(whole->ptr + 1, whole->len - 1);
    while (part->len && part->ptr[part->len - 1] == '0') part->len--;
    return minus && whole->len + part->len > 0;
}

static int decimal_cmp(struct str a, struct str b)
{
    struct str aw, ap, bw, bp;
    bool am = decimal_split(a, &aw, &ap), bm = decimal_split(b, &bw, &bp);
    if (am != bm) return am ? -1 : 1;
    int c = aw.len != bw.len ? (aw.len < bw.len ? -1 : 1) : sign(str_cmp(aw, bw));
    if (c == 0) c = sign(str_cmp(ap, bp)); /* no trailing zeros: byte order is numeric order */
    return am ? -c : c;
}

void value_canonical(struct buf *out, enum conf_key_type key, bool case_sensitive, struct str value)
{
    __int128 v;
    struct str whole, part;
    switch (key) {
    case CONF_KEY_INTEGER:
        if (!integer_parse(value, &v)) break;
        buf_printf(out, "%s%llu", v < 0 ? "-" : "", (unsigned long long)(v < 0 ? -v : v));
        return;
    case CONF_KEY_DECIMAL:
        if (decimal_split(value, &whole, &part)) buf_putz(out, "-");
        buf_printf(out, STR_FMT "." STR_FMT, STR_ARG(whole), STR_ARG(part));
        return;
    case CONF_KEY_STRING:
        value = without_spaces(value);
        for (size_t i = 0; i < value.len; i++)
            buf_put_u8(out, (uint8_t)(case_sensitive ? value.ptr[i] : ascii_lower(value.ptr[i])));
        return;
    case CONF_KEY_DATE:
    case CONF_KEY_BINARY: break;
    }
    buf_put_str(out, value);
}

/* Whether the text could be of another key type: for the hint. */
static const char *other_type(struct str s)
{
    struct day d;
    if (day_parse(s, &d)) return "for days say key: date";
    if (decimal_is(s)) return "for fractions say key: decimal";
    return "for texts say key: string";
}

static bool read_value(struct reader *r, const struct ynode *n, const struct conf_algorithm *a,
                       const char *what, struct str *out, int64_t *number)
{
    struct day d;
    __int128 v;
    int shown = (int)(n->text.len < 60 ? n->text.len : 60);
    if (!want_scalar(r, n, what)) return false;
    *out = n->text;
    *number = 0;
    switch (a->key) {
    case CONF_KEY_INTEGER:
        if (integer_parse(n->text, &v)) {
            *number = v > INT64_MAX ? INT64_MAX : (int64_t)v;
            return true;
        }
        if (n->text.len > 18 && decimal_is(n->text) && !memchr(n->text.ptr, '.', n->text.len))
            fault(r, n->pos, "from -9223372036854775808 to 18446744073709551615; max leaves the end open",
                  "%s %.*s fits neither BIGINT nor BIGINT UNSIGNED", what, shown, n->text.ptr);
        else
            fault(r, n->pos, other_type(n->text), "%s '%.*s' is not a whole number", what, shown,
                  n->text.ptr);
        return false;
    case CONF_KEY_DECIMAL:
        if (decimal_is(n->text)) return true;
        fault(r, n->pos, other_type(n->text), "%s '%.*s' is not a decimal number of at most 65 digits", what,
              shown, n->text.ptr);
        return false;
    case CONF_KEY_DATE:
        if (day_parse(n->text, &d)) {
            *number = day_number(d);
            return true;
        }
        fault(r, n->pos, "YYYY-MM-DD", "%s '%.*s' is not a day of the calendar", what, shown, n->text.ptr);
        return false;
    case CONF_KEY_STRING:
    case CONF_KEY_BINARY: break;
    }
    if (n->text.len > 1024 || memchr(n->text.ptr, 0, n->text.len)) {
        fault(r, n->pos, NULL, "%s: a text has at most 1024 bytes and no zero byte", what);
        return false;
    }
    for (size_t i = 0; i < n->text.len && !a->case_sensitive; i++) {
        if ((unsigned char)n->text.ptr[i] < 0x80) continue;
        warning(
            r, n->pos, "if the column's collation is a binary one, say case_sensitive: true",
            "%s '%.*s': letters beyond ASCII are compared by their bytes here, not by the column's collation",
            what, shown, n->text.ptr);
        break;
    }
    return true;
}

/* ---- range ---- */

static bool is_open_word(const struct ynode *n, const char *words)
{
    return ynode_is_null(n) || (n->kind == Y_SCALAR && !n->quoted && word_index(words, n->text) >= 0);
}

static bool read_bound(struct reader *r, const struct ynode *n, const struct conf_algorithm *a, bool low,
                       bool *open, struct str *text, int64_t *number)
{
    const char *mine = low ? "min|minvalue" : "max|maxvalue", *other = low ? "max|maxvalue" : "min|minvalue";
    *text = STR("");
    *open = !n || is_open_word(n, mine);
    if (*open) return true;
    if (n->kind == Y_SCALAR && !n->quoted && word_index(other, n->text) >= 0) {
        fault(r, n->pos, a->key == CONF_KEY_STRING ? "quote it if it is a value" : NULL,
              "'%s' cannot stand at the %s end", n->text.ptr, low ? "low" : "high");
        return false;
    }
    return read_value(r, n, a, "boundary", text, number);
}

static int compare(const struct conf_algorithm *a, struct str x, struct str y)
{
    return conf_key_compare(a->key, a->case_sensitive, x, y);
}

/* The range is not empty. */
static bool check_range(struct reader *r, const struct conf_algorithm *a, const struct conf_range *g,
                        struct conf_pos pos)
{
    if (g->low_open || g->high_open) return true;
    int c = compare(a, g->low, g->high);
    if (c < 0) return true;
    fault(r, pos,
          c == 0 && a->key == CONF_KEY_STRING && text_cmp(g->low, g->high, true) != 0
              ? "they differ in letter case only; case_sensitive: true tells them apart"
              : NULL,
          "boundaries must rise: '%.60s' is not above '%.60s'", g->high.ptr, g->low.ptr);
    return false;
}

static bool read_boundaries(struct reader *r, const struct ynode *n, struct conf_algorithm *a)
{
    bool ok = true;
    if (n->kind != Y_SEQUENCE || n->nitems < 2) {
        fault(r, n->pos, "for instance boundaries: [min, 1000, 2000, max], which is three ranges",
              "boundaries must be a list of at least two values");
        return false;
    }
    if (n->nitems - 1 > MAX_NODES) {
        fault(r, n->pos, NULL, "more than %d ranges", (int)MAX_NODES);
        return false;
    }
    a->nranges = n->nitems - 1;
    a->ranges = arena_array(r->a, struct conf_range, a->nranges);
    if (!a->ranges) {
        r->oom = true;
        return false;
    }
    for (uint32_t i = 0; i < a->nranges; i++) {
        struct conf_range *g = &a->ranges[i];
        *g = (struct conf_range){.pos = n->items[i]->pos, .shard = i, .low = STR(""), .high = STR("")};
        bool low = i == 0 ? read_bound(r, n->items[0], a, true, &g->low_open, &g->low, &g->low_int)
                          : read_value(r, n->items[i], a, "boundary", &g->low, &g->low_int);
        bool last = i + 1 == a->nranges;
        bool high = last ? read_bound(r, n->items[i + 1], a, false, &g->high_open, &g->high, &g->high_int)
                         : read_value(r, n->items[i + 1], a, "boundary", &g->high, &g->high_int);
        ok = low && high && check_range(r, a, g, n->items[i + 1]->pos) && ok;
    }
    return ok;
}

static int by_low(const void *x, const void *y, void *algorithm)
{
    const struct conf_range *p = x, *q = y;
    if (p->low_open || q->low_open) return (int)q->low_open - (int)p->low_open;
    return compare(algorithm, p->low, q->low);
}

static const char *show_range(struct reader *r, const struct conf_range *g)
{
    return hintf(r, "[%.40s, %.40s)", g->low_open ? "min" : g->low.ptr, g->high_open ? "max" : g->high.ptr);
}

/* Sorted ranges: each against the one that reaches furthest so far. */
static bool check_neighbours(struct reader *r, const struct conf_algorithm *a, bool gaps_allowed)
{
    bool ok = true;
    const struct conf_range *far = &a->ranges[0];
    for (uint32_t i = 1; i < a->nranges; i++) {
        const struct conf_range *g = &a->ranges[i];
        int c = far->high_open || g->low_open ? 1 : compare(a, far->high, g->low);
        if (c > 0) {
            const struct conf_range *later = g->pos.line > far->pos.line || (g->pos.line == far->pos.line &&
                                                                             g->pos.column > far->pos.column)
                                                 ? g
                                                 : far;
            const struct conf_range *first = later == g ? far : g;
            fault(r, later->pos, NULL, "range %s overlaps %s of line %u", show_range(r, later),
                  show_range(r, first), first->pos.line);
            ok = false;
        } else if (c < 0 && !gaps_allowed) {
            fault(r, g->pos, "close the gap, or say gaps: allow if such values never come",
                  "values from '%.60s' up to '%.60s' belong to no range", far->high.ptr, g->low.ptr);
            ok = false;
        }
        if (!far->high_open && (g->high_open || compare(a, g->high, far->high) > 0)) far = g;
    }
    return ok;
}

static bool read_ranges(struct reader *r, const struct ynode *n, struct conf_algorithm *a, bool gaps_allowed)
{
    bool ok = true;
    if (n->kind != Y_SEQUENCE || n->nitems == 0) {
        fault(r, n->pos, "for instance ranges: [{from: min, to: 1000}, {from: 1000, to: max}]",
              "ranges must be a list of mappings");
        return false;
    }
    if (n->nitems > MAX_NODES) {
        fault(r, n->pos, NULL, "more than %d ranges", (int)MAX_NODES);
        return false;
    }
    a->ranges = arena_array(r->a, struct conf_range, n->nitems);
    if (!a->ranges) {
        r->oom = true;
        return false;
    }
    for (uint32_t i = 0; i < n->nitems; i++) {
        struct conf_range *g = &a->ranges[a->nranges++];
        const struct ynode *item = n->items[i];
        *g = (struct conf_range){.pos = item->pos, .shard = i, .low = STR(""), .high = STR("")};
        if (!keys_check(r, item, SEC_RANGE, "a range")) {
            ok = false;
            continue;
        }
        const struct ynode *to = key_get(r, item, KEY_RANGE_TO);
        bool low =
            read_bound(r, key_get(r, item, KEY_RANGE_FROM), a, true, &g->low_open, &g->low, &g->low_int);
        bool high = read_bound(r, to, a, false, &g->high_open, &g->high, &g->high_int);
        if (key_get(r, item, KEY_RANGE_SHARD)) g->shard = (uint32_t)read_number(r, item, KEY_RANGE_SHARD);
        ok = low && high && check_range(r, a, g, to ? to->pos : g->pos) && ok;
    }
    if (!ok) return false;
    qsort_r(a->ranges, a->nranges, sizeof *a->ranges, by_low, a);
    return check_neighbours(r, a, gaps_allowed);
}

/* ---- date ---- */

static int32_t ordinal(enum conf_date_unit unit, struct day d)
{
    switch (unit) {
    case CONF_DATE_YEAR: return d.year;
    case CONF_DATE_MONTH: return d.year * 12 + d.month - 1;
    case CONF_DATE_DAY: break;
    }
    return (int32_t)day_number(d);
}

static struct day day_of_ordinal(enum conf_date_unit unit, int64_t o)
{
    switch (unit) {
    case CONF_DATE_YEAR: return (struct day){(int32_t)o, 1, 1};
    case CONF_DATE_MONTH: return (struct day){(int32_t)(o / 12), (int32_t)(o % 12) + 1, 1};
    case CONF_DATE_DAY: break;
    }
    return day_of(o);
}

static const char *unit_name(enum conf_date_unit u)
{
    return u == CONF_DATE_YEAR ? "year" : u == CONF_DATE_MONTH ? "month" : "day";
}

static bool read_day(struct reader *r, const struct ynode *n, const char *what, enum conf_date_unit unit,
                     struct str *out, int32_t *o)
{
    struct day d;
    if (!want_scalar(r, n, hintf(r, "'%s'", what))) return false;
    struct str s = n->text;
    if (unit != CONF_DATE_DAY && s.len == 7)
        s = arena_printf(r->a, STR_FMT "-01", STR_ARG(s));
    else if (unit == CONF_DATE_YEAR && s.len == 4)
        s = arena_printf(r->a, STR_FMT "-01-01", STR_ARG(s));
    if (!s.ptr) {
        r->oom = true;
        return false;
    }
    if (!day_parse(s, &d)) {
        fault(r, n->pos, "YYYY-MM-DD", "'%s' is '%.60s', which is not a day of the calendar", what,
              n->text.ptr);
        return false;
    }
    if ((unit != CONF_DATE_DAY && d.day != 1) || (unit == CONF_DATE_YEAR && d.month != 1)) {
        fault(r, n->pos, "or use unit: day", "'%s' must be the first day of a %s, not %.10s", what,
              unit_name(unit), s.ptr);
        return false;
    }
    *out = s;
    *o = ordinal(unit, d);
    return true;
}

static bool read_date(struct reader *r, const struct ynode *n, struct conf_algorithm *a)
{
    int32_t end = 0;
    a->unit = (enum conf_date_unit)read_word(r, n, KEY_ALGORITHM_UNIT);
    a->units_a_shard = (uint32_t)read_number(r, n, KEY_ALGORITHM_EVERY);
    const struct ynode *from = key_get(r, n, KEY_ALGORITHM_FROM), *to = key_get(r, n, KEY_ALGORITHM_TO);
    a->to = STR("");
    if (!from) {
        fault(r, n->pos, "the first day of the first node, for instance from: 2024-01-01",
              "%s of type date has no 'from'", called(r, a));
        return false;
    }
    bool ok = read_day(r, from, "from", a->unit, &a->from, &a->from_ordinal);
    if (to) ok = read_day(r, to, "to", a->unit, &a->to, &end) && ok;
    if (!ok || !to) return ok;
    if (end <= a->from_ordinal) {
        fault(r, to->pos, "it is the first day that no node takes", "'to' %.10s is not after 'from' %.10s",
              a->to.ptr, a->from.ptr);
        return false;
    }
    a->units = (uint32_t)(end - a->from_ordinal);
    return true;
}

/* ---- list ---- */

static bool read_entry(struct reader *r, const struct ynode *n, struct conf_algorithm *a, struct map *seen,
                       struct conf_list_entry *e)
{
    uint32_t count = n->kind == Y_SEQUENCE ? n->nitems : 1;
    bool ok = true;
    if (count == 0) {
        fault(r, n->pos, NULL, "shard %u has no values", e->shard);
        return false;
    }
    e->values = arena_array(r->a, struct str, count);
    if (!e->values) {
        r->oom = true;
        return false;
    }
    for (uint32_t i = 0; i < count && !r->oom; i++) {
        const struct ynode *v = n->kind == Y_SEQUENCE ? n->items[i] : n;
        int64_t number;
        if (!read_value(r, v, a, "list value", &e->values[e->nvalues], &number)) {
            ok = false;
            continue;
        }
        struct buf b = {0};
        value_canonical(&b, a->key, a->case_sensitive, v->text);
        struct str one = b.failed ? STR_NULL : arena_str(&r->scratch, buf_str(&b));
        buf_release(&b);
        const struct ynode *first = one.ptr ? map_get(seen, one) : NULL;
        if (first) {
            fault(r, v->pos,
                  a->key == CONF_KEY_STRING && text_cmp(first->text, v->text, true) != 0
                      ? "case_sensitive: true tells them apart"
                      : NULL,
                  "list value '%.60s' was given already, at line %u column %u%s", v->text.ptr,
                  first->pos.line, first->pos.column,
                  str_eq(first->text, v->text) ? "" : ", in another spelling");
            ok = false;
        } else if (!one.ptr || !map_put(seen, one, (void *)(uintptr_t)v)) {
            r->oom = true;
        }
        e->nvalues++;
    }
    return ok;
}

static bool read_list(struct reader *r, const struct ynode *n, struct conf_algorithm *a)
{
    const struct ynode *s = key_get(r, n, KEY_ALGORITHM_SHARDS);
    uint32_t count = !s ? 0 : s->kind == Y_MAPPING ? s->npairs : s->kind == Y_SEQUENCE ? s->nitems : 0;
    static const char form[] = "for instance shards: {0: [de, at], 1: [us, ca]}";
    if (count == 0) {
        fault(r, s ? s->pos : n->pos, form,
              s ? "shards must be a mapping: position -> values" : "%s of type list has no 'shards'",
              called(r, a));
        return false;
    }
    if (count > MAX_NODES) {
        fault(r, s->pos, NULL, "more than %d shards", (int)MAX_NODES);
        return false;
    }
    bool ok = true;
    struct map values, shards;
    map_init(&values, false);
    map_init(&shards, false);
    a->lists = arena_array(r->a, struct conf_list_entry, count);
    if (!a->lists) r->oom = true;
    for (uint32_t i = 0; i < count && !r->oom; i++) {
        struct conf_list_entry *e = &a->lists[a->nlists++];
        const struct ynode *v = s->kind == Y_MAPPING ? s->pairs[i].value : s->items[i];
        *e = (struct conf_list_entry){.pos = v->pos, .shard = i};
        if (s->kind == Y_MAPPING) {
            const struct ynode *key = s->pairs[i].key;
            uint64_t shard;
            e->pos = key->pos;
            if (!str_to_u64(key->text, &shard) || shard >= MAX_NODES) {
                fault(r, key->pos, form, "'%.60s' is not the position of a node", key->text.ptr);
                ok = false;
                continue;
            }
            e->shard = (uint32_t)shard;
            struct str one = arena_printf(&r->scratch, "%u", e->shard);
            if (one.ptr && map_get(&shards, one)) {
                fault(r, key->pos, NULL, "shard %u is here twice", e->shard);
                ok = false;
            } else if (!one.ptr || !map_put(&shards, one, e)) {
                r->oom = true;
            }
        }
        ok = read_entry(r, v, a, &values, e) && ok;
    }
    map_release(&values);
    map_release(&shards);
    return ok;
}

/* ---- any ---- */

/* Types of other proxies. */
static const struct {
    const char *theirs, *hint;
} foreign_types[] = {
    {"HASH_MOD", "did you mean hash? its function is another one: rows must be moved"},
    {"xxhash", "did you mean hash? its function is another one: rows must be moved"},
    {"unicode_loose_md5", "did you mean hash? its function is another one: rows must be moved"},
    {"BOUNDARY_RANGE", "did you mean range, with boundaries?"},
    {"VOLUME_RANGE", "did you mean range, with boundaries?"},
    {"AUTO_INTERVAL", "did you mean date?"},
    {"INTERVAL", "did you mean date?"},
    {"date_year", "did you mean date, with unit: year?"},
    {"date_month", "did you mean date, with unit: month?"},
    {"date_day", "did you mean date, with unit: day?"},
    {"INLINE", "expressions are not evaluated; id % n is mod"},
    {"global", "write broadcast: all at the table"},
    {"default", "a table that is not listed lives on the default source"},
};

static bool read_type(struct reader *r, const struct ynode *n, struct conf_algorithm *a)
{
    const struct ynode *type = key_get(r, n, KEY_ALGORITHM_TYPE);
    if (!type) return false;
    for (size_t i = 0; i < COUNT_OF(foreign_types) && type->kind == Y_SCALAR; i++) {
        if (!str_eq_nocase(type->text, str_of(foreign_types[i].theirs))) continue;
        fault(r, type->pos, foreign_types[i].hint, "unknown type '%s'", type->text.ptr);
        return false;
    }
    uint32_t before = r->d->errors;
    a->type = (enum conf_algorithm_type)read_word(r, n, KEY_ALGORITHM_TYPE);
    return r->d->errors == before && word_index(key_table[KEY_ALGORITHM_TYPE].words, type->text) >= 0;
}

static bool read_key_type(struct reader *r, const struct ynode *n, struct conf_algorithm *a)
{
    const struct ynode *key = key_get(r, n, KEY_ALGORITHM_KEY);
    a->key = a->type == CONF_ALG_DATE ? CONF_KEY_DATE : CONF_KEY_INTEGER;
    if (!key) return true;
    int k = read_word(r, n, KEY_ALGORITHM_KEY);
    if (k < 0) return false;
    if (!(key_types[k] & 1 << a->type)) {
        fault(r, key->pos,
              a->type == CONF_ALG_MOD    ? "for other keys use hash"
              : a->type == CONF_ALG_DATE ? "leave it out"
                                         : "only hash takes binary keys",
              "type %s does not take %s keys", algorithm_type_name(a), key_name((enum conf_key_type)k));
        return false;
    }
    a->key = (enum conf_key_type)k;
    a->key_given = true;
    return true;
}

static bool check_uses(struct reader *r, const struct ynode *n, const struct conf_algorithm *a)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(uses); i++) {
        const struct ynode *v = tree_get(n, str_of(key_table[uses[i].key].name));
        bool text_only = uses[i].key == KEY_ALGORITHM_CASE_SENSITIVE;
        if (!v) continue;
        if (!(uses[i].types & 1 << a->type)) {
            fault(r, v->pos, "remove it", "'%s' does not belong to type %s", key_table[uses[i].key].name,
                  algorithm_type_name(a));
            ok = false;
        } else if (text_only && a->key != CONF_KEY_STRING && !(a->type == CONF_ALG_HASH && !a->key_given)) {
            fault(r, v->pos, "remove it", "'case_sensitive' is for string keys; this one is %s",
                  key_name(a->key));
            ok = false;
        }
    }
    return ok;
}

bool read_algorithm(struct reader *r, const struct ynode *n, struct str name, struct conf_algorithm *a)
{
    *a = (struct conf_algorithm){
        .pos = n->pos, .name = name, .from = STR(""), .to = STR(""), .units_a_shard = 1};
    if (!keys_check(r, n, SEC_ALGORITHM, called(r, a)) || !read_type(r, n, a)) return false;
    bool ok = read_key_type(r, n, a);
    ok = check_uses(r, n, a) && ok;
    a->case_sensitive = read_bool(r, n, KEY_ALGORITHM_CASE_SENSITIVE);
    if (!ok) return false;
    const struct ynode *boundaries = key_get(r, n, KEY_ALGORITHM_BOUNDARIES),
                       *ranges = key_get(r, n, KEY_ALGORITHM_RANGES);
    uint32_t before = r->d->errors;
    switch (a->type) {
    case CONF_ALG_MOD:
        if (key_get(r, n, KEY_ALGORITHM_DIVISOR)) a->divisor = read_number(r, n, KEY_ALGORITHM_DIVISOR);
        break;
    case CONF_ALG_HASH: break;
    case CONF_ALG_RANGE:
        if (boundaries && ranges)
            fault(r, ranges->pos, "keep one of them", "%s has both 'boundaries' and 'ranges'", called(r, a));
        else if (!boundaries && !ranges)
            fault(r, n->pos, "for instance boundaries: [min, 1000, 2000, max]",
                  "%s of type range has neither 'boundaries' nor 'ranges'", called(r, a));
        else if (boundaries)
            ok = read_boundaries(r, boundaries, a);
        else
            ok = read_ranges(r, ranges, a, read_word(r, n, KEY_ALGORITHM_GAPS) == 1);
        break;
    case CONF_ALG_DATE: ok = read_date(r, n, a); break;
    case CONF_ALG_LIST: ok = read_list(r, n, a); break;
    }
    return ok && !r->oom && r->d->errors == before;
}

void read_algorithms(struct reader *r, const struct ynode *n)
{
    if (!n || ynode_is_null(n)) return;
    if (n->kind != Y_MAPPING) {
        fault(r, n->pos, "for instance algorithms: {by_id: {type: mod}}",
              "'algorithms' must be a mapping of names");
        return;
    }
    r->c->algorithms = arena_array(r->a, struct conf_algorithm, n->npairs);
    r->algorithm_ok = arena_array(&r->scratch, bool, n->npairs);
    if (!r->c->algorithms || !r->algorithm_ok) {
        r->oom = true;
        return;
    }
    for (uint32_t i = 0; i < n->npairs && !r->oom; i++) {
        const struct ynode *key = n->pairs[i].key;
        struct conf_algorithm *a = &r->c->algorithms[i];
        r->c->nalgorithms = i + 1;
        r->algorithm_ok[i] = read_algorithm(r, n->pairs[i].value, key->text, a);
        a->pos = key->pos;
        if (key->text.len == 0 || key->text.len > 128)
            fault(r, key->pos, NULL, "the name of an algorithm has 1 to 128 bytes");
        if (!map_put(&r->algorithms, key->text, (void *)(uintptr_t)(i + 1))) r->oom = true;
    }
}

/* ---- fit ---- */

/* Every shard that is named exists, and every node is named. */
static bool fit_named(struct reader *r, const struct conf_algorithm *a, const struct conf_table *t,
                      struct conf_pos pos)
{
    bool range = a->type == CONF_ALG_RANGE;
    uint32_t n = range ? a->nranges : a->nlists, missing = 0, at = 0, beyond = 0, worst = 0;
    bool *named = arena_array(&r->scratch, bool, t->nnodes);
    if (!named) {
        r->oom = true;
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t shard = range ? a->ranges[i].shard : a->lists[i].shard;
        if (shard < t->nnodes)
            named[shard] = true;
        else {
            beyond++;
            if (shard > worst) worst = shard;
        }
    }
    for (uint32_t i = t->nnodes; i-- > 0;) {
        if (named[i]) continue;
        missing++;
        at = i;
    }
    if (beyond)
        fault(r, pos, "add nodes, or take out what is too many",
              "table '" STR_FMT "' has %u node%s (positions 0 to %u), but %s gives values to position %u",
              STR_ARG(t->name), t->nnodes, t->nnodes == 1 ? "" : "s", t->nnodes - 1, called(r, a), worst);
    if (missing)
        fault(r, pos,
              range ? "n nodes need n ranges, which is n+1 boundaries"
                    : "give it values, or take the node out",
              "table '" STR_FMT "': %s gives no value to node %u, " STR_FMT "." STR_FMT "." STR_FMT "%s",
              STR_ARG(t->name), called(r, a), at, STR_ARG(r->c->sources[t->nodes[at].source].name),
              STR_ARG(t->nodes[at].database), STR_ARG(t->nodes[at].table),
              missing > 1 ? hintf(r, " (and %u more)", missing - 1) : "");
    return !beyond && !missing;
}

static bool fit_date(struct reader *r, struct conf_algorithm *a, const struct conf_table *t,
                     struct conf_pos pos)
{
    uint64_t every = a->units_a_shard, covered = t->nnodes * every;
    const char *unit = unit_name(a->unit);
    if (a->units) {
        uint64_t want = (a->units + every - 1) / every;
        if (want == t->nnodes) return true;
        fault(r, pos, want < t->nnodes ? "take nodes out, or move 'to'" : "add nodes, or move 'to'",
              "table '" STR_FMT
              "' has %u nodes, but from %.10s to %.10s are %u %ss, which at %llu a node are %llu nodes",
              STR_ARG(t->name), t->nnodes, a->from.ptr, a->to.ptr, a->units, unit, (unsigned long long)every,
              (unsigned long long)want);
        return false;
    }
    int64_t end = a->from_ordinal + (int64_t)covered;
    struct day d = end > 4000000 ? (struct day){10000, 1, 1}
                                 : day_of_ordinal(a->unit, end); /* 4,000,000 days are 10,951 years */
    if (d.year > 9999) {
        fault(r, pos, NULL, "table '" STR_FMT "': %u nodes of %llu %ss reach beyond the year 9999",
              STR_ARG(t->name), t->nnodes, (unsigned long long)every, unit);
        return false;
    }
    a->units = (uint32_t)covered;
    a->to = arena_printf(r->a, "%04d-%02d-%02d", d.year, d.month, d.day);
    if (!a->to.ptr) r->oom = true;
    return true;
}

const struct conf_algorithm *algorithm_fit(struct reader *r, const struct conf_algorithm *base,
                                           const struct conf_table *t, struct conf_pos pos)
{
    struct conf_algorithm *a = arena_new(r->a, struct conf_algorithm);
    bool ok = true;
    if (!a) {
        r->oom = true;
        return NULL;
    }
    *a = *base;
    switch (a->type) {
    case CONF_ALG_MOD:
        if (a->divisor && a->divisor != t->nnodes) {
            fault(r, pos, "leave 'divisor' out: it is the number of nodes",
                  "table '" STR_FMT "' has %u nodes, but the divisor of %s is %llu", STR_ARG(t->name),
                  t->nnodes, called(r, a), (unsigned long long)a->divisor);
            ok = false;
        }
        a->divisor = t->nnodes;
        break;
    case CONF_ALG_HASH: break;
    case CONF_ALG_RANGE:
    case CONF_ALG_LIST: ok = fit_named(r, a, t, pos); break;
    case CONF_ALG_DATE: ok = fit_date(r, a, t, pos); break;
    }
    return ok && !r->oom ? a : NULL;
}
