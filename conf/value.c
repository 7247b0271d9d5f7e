/*
 * value.c - single values: numbers with units, words, texts, names, addresses, days, decimals.
 *
 * YAML would like `1_000`, `0x10`, `yes` and `1e3` to be what it thinks they are. Here a scalar is the text
 * that stands in the file, and the key decides how it is read; so a password of 0123 keeps its zero.
 */
#include "conf/read.h"

#include <stdio.h>

bool want_scalar(struct reader *r, const struct ynode *n, const char *what)
{
    if (n->kind == Y_SCALAR && !ynode_is_null(n)) return true;
    if (n->broken) return false;
    if (n->kind == Y_SCALAR)
        fault(r, n->pos, "give a value or remove the key", "%s has no value", what);
    else
        fault(r, n->pos, NULL, "%s must be a single value, not a %s", what,
              n->kind == Y_MAPPING ? "mapping" : "list");
    return false;
}

/* ---- numbers ---- */

struct unit {
    const char *name;
    uint64_t factor;
};
/* The first name of each factor is the one printed. */
static const struct unit sizes[] = {
    {"T", 1099511627776},  {"G", 1073741824},  {"M", 1048576},  {"K", 1024},  {"B", 1},
    {"TB", 1099511627776}, {"GB", 1073741824}, {"MB", 1048576}, {"KB", 1024}, {"TiB", 1099511627776},
    {"GiB", 1073741824},   {"MiB", 1048576},   {"KiB", 1024}};
static const struct unit durations[] = {
    {"d", 86400000},    {"h", 3600000},    {"m", 60000},       {"s", 1000},        {"ms", 1},
    {"min", 60000},     {"sec", 1000},     {"day", 86400000},  {"days", 86400000}, {"hour", 3600000},
    {"hours", 3600000}, {"minute", 60000}, {"minutes", 60000}, {"second", 1000},   {"seconds", 1000}};

static bool with_units(struct str s, const struct unit *units, size_t nunits, uint64_t *out)
{
    uint64_t total = 0;
    size_t i = 0;
    if (s.len == 0) return false;
    while (i < s.len) {
        size_t digits = i;
        while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') i++;
        uint64_t v;
        if (!str_to_u64(str_make(s.ptr + digits, i - digits), &v)) return false;
        while (i < s.len && s.ptr[i] == ' ') i++;
        size_t word = i;
        while (i < s.len && (s.ptr[i] < '0' || s.ptr[i] > '9')) i++;
        struct str w = str_trim(str_make(s.ptr + word, i - word));
        const struct unit *u = NULL;
        for (size_t k = 0; k < nunits && !u; k++) {
            if (str_eq_nocase(w, str_of(units[k].name))) u = &units[k];
        }
        if (!u || __builtin_mul_overflow(v, u->factor, &v) || __builtin_add_overflow(total, v, &total))
            return false;
    }
    *out = total;
    return true;
}

bool number_parse(enum conf_kind kind, struct str s, uint64_t *out)
{
    if (str_to_u64(s, out)) return kind != K_DURATION || *out == 0;
    if (kind == K_SIZE) return with_units(s, sizes, COUNT_OF(sizes), out);
    if (kind == K_DURATION) return with_units(s, durations, COUNT_OF(durations), out);
    return false;
}

void number_print(struct buf *out, enum conf_kind kind, uint64_t v)
{
    const struct unit *u = kind == K_SIZE ? sizes : durations;
    size_t n = kind == K_SIZE ? 4 : 5;
    for (size_t i = 0; kind != K_COUNT && v > 0 && i < n; i++) {
        if (v % u[i].factor) continue;
        buf_put_dec(out, v / u[i].factor);
        buf_putz(out, u[i].name);
        return;
    }
    buf_put_dec(out, v);
}

static void report_number(struct reader *r, const struct ynode *n, const struct key_info *k)
{
    uint64_t plain;
    struct str s = n->text;
    int shown = (int)(s.len < 60 ? s.len : 60);
    if (k->kind == K_DURATION && str_to_u64(s, &plain)) {
        fault(r, n->pos, hintf(r, "%.*ss is seconds, %.*sms milliseconds", shown, s.ptr, shown, s.ptr),
              "'%s' needs a unit: %.*s of what?", k->name, shown, s.ptr);
        return;
    }
    const char *hint = k->kind == K_SIZE       ? "bytes, or K, M, G: for instance 64M"
                       : k->kind == K_DURATION ? "for instance 500ms, 10s, 5m or 8h"
                                               : NULL;
    buf_reset(&r->text);
    for (int i = 0; word_at(k->words, i).ptr; i++)
        buf_printf(&r->text, " or " STR_FMT, STR_ARG(word_at(k->words, i)));
    const char *words = hintf(r, STR_FMT, STR_ARG(buf_str(&r->text)));
    fault(r, n->pos, hint, "'%s' must be a %s%s, not '%.*s'", k->name,
          k->kind == K_COUNT  ? "whole number"
          : k->kind == K_SIZE ? "size"
                              : "duration",
          words ? words : "", shown, s.ptr);
}

uint64_t read_number(struct reader *r, const struct ynode *mapping, enum conf_key key)
{
    const struct key_info *k = &key_table[key];
    uint64_t fallback = 0, v;
    if (!number_parse(k->kind, str_of(k->fallback), &fallback)) fallback = 0;
    const struct ynode *n = key_get(r, mapping, key);
    if (!n || !want_scalar(r, n, hintf(r, "'%s'", k->name))) return fallback;
    if (word_index(k->words, n->text) >= 0) return 0;
    if (!number_parse(k->kind, n->text, &v)) {
        report_number(r, n, k);
        return fallback;
    }
    if (v == 0 && *k->words) return 0;
    if (v >= k->low && v <= k->high) return v;
    buf_reset(&r->text);
    number_print(&r->text, k->kind, k->low);
    buf_putz(&r->text, " to ");
    number_print(&r->text, k->kind, k->high);
    fault(r, n->pos, hintf(r, "allowed: " STR_FMT, STR_ARG(buf_str(&r->text))),
          "'%s' is %.40s, which is too %s", k->name, n->text.ptr, v < k->low ? "small" : "large");
    return fallback;
}

/* ---- words and texts ---- */

int read_word(struct reader *r, const struct ynode *mapping, enum conf_key key)
{
    const struct key_info *k = &key_table[key];
    int fallback = word_index(k->words, str_of(k->fallback));
    const struct ynode *n = key_get(r, mapping, key);
    if (!n || !want_scalar(r, n, hintf(r, "'%s'", k->name))) return fallback;
    int i = word_index(k->words, n->text);
    if (i >= 0) return i;
    struct near near = {.wrong = n->text};
    buf_reset(&r->text);
    for (int w = 0; word_at(k->words, w).ptr; w++) {
        near_try(&near, word_at(k->words, w));
        buf_printf(&r->text, "%s" STR_FMT, w ? ", " : "one of ", STR_ARG(word_at(k->words, w)));
    }
    const char *all = hintf(r, STR_FMT, STR_ARG(buf_str(&r->text)));
    fault(r, n->pos, near_hint(r, &near, all), "unknown %s '%.60s'", k->name, n->text.ptr);
    return fallback;
}

bool read_bool(struct reader *r, const struct ynode *mapping, enum conf_key key)
{
    static const char yes[] = "true|yes|on", no[] = "false|no|off";
    const struct key_info *k = &key_table[key];
    bool fallback = word_index(yes, str_of(k->fallback)) >= 0;
    const struct ynode *n = key_get(r, mapping, key);
    if (!n || !want_scalar(r, n, hintf(r, "'%s'", k->name))) return fallback;
    if (word_index(yes, n->text) >= 0) return true;
    if (word_index(no, n->text) >= 0) return false;
    fault(r, n->pos, "write true or false", "'%s' must be true or false, not '%.60s'", k->name, n->text.ptr);
    return fallback;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f) return true;
    }
    return false;
}

struct conf_text read_text(struct reader *r, const struct ynode *mapping, enum conf_key key)
{
    const struct ynode *n = key_get(r, mapping, key);
    const char *what = hintf(r, "'%s'", key_table[key].name);
    if (!n || !want_scalar(r, n, what)) return (struct conf_text){STR(""), {0}};
    if (has_control(n->text))
        fault(r, n->pos, NULL, "%s holds a control character", what);
    else if (n->text.len > 1024)
        fault(r, n->pos, NULL, "%s is longer than 1024 bytes", what);
    else
        return (struct conf_text){n->text, n->pos};
    return (struct conf_text){STR(""), n->pos};
}

/* ---- names ---- */

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

bool check_name(struct reader *r, struct conf_pos pos, struct str name, const char *what)
{
    int shown = (int)(name.len < 80 ? name.len : 80);
    if (name.len == 0) {
        fault(r, pos, NULL, "the %s is empty", what);
    } else if (memchr(name.ptr, '`', name.len)) {
        fault(r, pos, "write the bare name", "%s '%.*s' holds a backtick", what, shown, name.ptr);
    } else if (has_control(name) || memchr(name.ptr, '/', name.len) || memchr(name.ptr, '\\', name.len) ||
               memchr(name.ptr, '.', name.len)) {
        fault(r, pos, "a name has no dot, slash, backslash or control character",
              "%s '%.*s' cannot be a name", what, shown, name.ptr);
    } else if (name.ptr[name.len - 1] == ' ') {
        fault(r, pos, NULL, "%s '%.*s' ends with a space, which MySQL does not allow", what, shown, name.ptr);
    } else if (characters(name) > MAX_NAME) {
        fault(r, pos, NULL, "%s '%.*s...' is longer than %d characters", what, shown, name.ptr,
              (int)MAX_NAME);
    } else {
        return true;
    }
    return false;
}

bool read_names(struct reader *r, const struct ynode *n, const char *what, bool nocase,
                struct conf_text **out, uint32_t *nout)
{
    uint32_t count = n->kind == Y_SEQUENCE ? n->nitems : 1;
    bool ok = true;
    *out = NULL;
    *nout = 0;
    if (n->kind == Y_SEQUENCE && count == 0) {
        fault(r, n->pos, NULL, "the list of %ss is empty", what);
        return false;
    }
    struct conf_text *list = arena_array(r->a, struct conf_text, count);
    struct map seen;
    map_init(&seen, nocase);
    for (uint32_t i = 0; i < count && list; i++) {
        const struct ynode *item = n->kind == Y_SEQUENCE ? n->items[i] : n;
        if (!want_scalar(r, item, what) || !check_name(r, item->pos, item->text, what)) {
            ok = false;
            continue;
        }
        if (map_get(&seen, item->text)) {
            fault(r, item->pos, "remove it", "%s '" STR_FMT "' is in the list twice", what,
                  STR_ARG(item->text));
            ok = false;
            continue;
        }
        if (!map_put(&seen, item->text, &list[i])) r->oom = true;
        list[(*nout)++] = (struct conf_text){item->text, item->pos};
    }
    map_release(&seen);
    if (!list) r->oom = true;
    *out = list;
    return ok && list && !r->oom;
}

bool find_source(struct reader *r, struct conf_pos pos, struct str name, uint32_t *out)
{
    const void *at = map_get(&r->sources, name);
    if (at) {
        *out = (uint32_t)((uintptr_t)at - 1);
        return true;
    }
    if (r->c->nsources == 0) return false; /* the section itself was reported */
    struct near near = {.wrong = name};
    for (uint32_t i = 0; i < r->c->nsources; i++) near_try(&near, r->c->sources[i].name);
    buf_reset(&r->text);
    for (uint32_t i = 0; i < r->c->nsources && i < 8; i++)
        buf_printf(&r->text, "%s" STR_FMT, i ? ", " : "", STR_ARG(r->c->sources[i].name));
    const char *all = hintf(r, "list it under sources: (known: " STR_FMT "%s)", STR_ARG(buf_str(&r->text)),
                            r->c->nsources > 8 ? ", ..." : "");
    fault(r, pos, near_hint(r, &near, all), "there is no source '%.*s'", (int)(name.len < 80 ? name.len : 80),
          name.ptr);
    return false;
}

/* ---- addresses ---- */

static bool host_is_fine(struct str h, bool v6)
{
    for (size_t i = 0; i < h.len; i++) {
        char c = ascii_lower(h.ptr[i]);
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (v6 ? !hex && c != ':' && c != '.' && c != '%' && !(c >= 'a' && c <= 'z')
               : !hex && !(c >= 'g' && c <= 'z') && c != '.' && c != '-' && c != '_')
            return false;
    }
    return h.len > 0 && h.len < 256;
}

bool read_address(struct reader *r, const struct ynode *n, const char *what, uint16_t default_port,
                  struct conf_address *out)
{
    static const char form[] = "write host:port, [::1]:port or unix:/path";
    if (!want_scalar(r, n, what)) return false;
    struct str s = n->text, port = STR_NULL;
    int shown = (int)(s.len < 120 ? s.len : 120);
    *out = (struct conf_address){.pos = n->pos, .host = STR(""), .path = STR(""), .port = default_port};
    if (s.len >= 5 && memcmp(s.ptr, "unix:", 5) == 0) {
        struct str path = str_make(s.ptr + 5, s.len - 5);
        if (path.len < 2 || path.ptr[0] != '/' || has_control(path)) {
            fault(r, n->pos, "write unix:/path", "%s '%.*s' is not the absolute path of a socket", what,
                  shown, s.ptr);
            return false;
        }
        if (path.len > 107) { /* sun_path of unix(7) */
            fault(r, n->pos, "use a shorter directory",
                  "%s: a socket path has at most 107 bytes, this one %zu", what, path.len);
            return false;
        }
        out->path = path;
        out->port = 0;
        return true;
    }
    if (s.len && s.ptr[0] == '/') {
        fault(r, n->pos, hintf(r, "write unix:%.*s", shown, s.ptr), "%s '%.*s' is a path", what, shown,
              s.ptr);
        return false;
    }
    if (str_find(s, STR("://"), 0) != SIZE_MAX) {
        fault(r, n->pos, form, "%s '%.*s' is a URL", what, shown, s.ptr);
        return false;
    }
    bool v6 = s.len && s.ptr[0] == '[';
    if (v6) {
        const char *end = memchr(s.ptr, ']', s.len);
        out->host = end ? str_make(s.ptr + 1, (size_t)(end - s.ptr) - 1) : STR("");
        struct str rest = end ? str_make(end + 1, s.len - (size_t)(end - s.ptr) - 1) : STR("?");
        if (rest.len && rest.ptr[0] == ':')
            port = str_make(rest.ptr + 1, rest.len - 1);
        else if (rest.len)
            out->host = STR("");
    } else {
        const char *colon = memchr(s.ptr, ':', s.len);
        out->host = str_make(s.ptr, colon ? (size_t)(colon - s.ptr) : s.len);
        if (colon) port = str_make(colon + 1, s.len - out->host.len - 1);
        if (colon && memchr(port.ptr, ':', port.len)) {
            const char *last = memrchr(s.ptr, ':', s.len);
            fault(r, n->pos,
                  hintf(r, "an IPv6 address needs brackets: '[%.*s]:%.*s'",
                        (int)(last - s.ptr < 100 ? last - s.ptr : 100), s.ptr,
                        (int)(s.ptr + s.len - last - 1 < 100 ? s.ptr + s.len - last - 1 : 100), last + 1),
                  "%s '%.*s' has several colons", what, shown, s.ptr);
            return false;
        }
    }
    uint64_t number = 0;
    if (!port.ptr && str_to_u64(s, &number)) {
        fault(r, n->pos,
              hintf(r, "write 0.0.0.0:%.*s, or 127.0.0.1:%.*s for this machine only", shown, s.ptr, shown,
                    s.ptr),
              "%s '%.*s' has no host", what, shown, s.ptr);
        return false;
    }
    if (str_eq(out->host, STR("*"))) {
        fault(r, n->pos, "write 0.0.0.0 or [::]", "%s '%.*s': no such host", what, shown, s.ptr);
        return false;
    }
    if (!host_is_fine(out->host, v6)) {
        fault(r, n->pos, form, "%s '%.*s' is not an address", what, shown, s.ptr);
        return false;
    }
    if (!port.ptr && default_port) return true;
    if (!port.ptr || port.len == 0) {
        fault(r, n->pos, form, "%s '%.*s' has no port", what, shown, s.ptr);
        return false;
    }
    if (!str_to_u64(port, &number) || number < 1 || number > 65535) {
        fault(r, n->pos, "a port is a number from 1 to 65535", "%s '%.*s': bad port", what, shown, s.ptr);
        return false;
    }
    out->port = (uint16_t)number;
    return true;
}

bool address_same(const struct conf_address *a, const struct conf_address *b)
{
    return a->port == b->port && str_eq_nocase(a->host, b->host) && str_eq(a->path, b->path);
}

/* ---- days and decimals ---- */

static bool digits(struct str s, size_t at, size_t n, int32_t *out)
{
    if (at + n > s.len) return false;
    int32_t v = 0;
    for (size_t i = at; i < at + n; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
        v = v * 10 + (s.ptr[i] - '0');
    }
    *out = v;
    return true;
}

static bool is_leap(int32_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

bool day_parse(struct str s, struct day *out)
{
    static const int32_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-') return false;
    if (!digits(s, 0, 4, &out->year) || !digits(s, 5, 2, &out->month) || !digits(s, 8, 2, &out->day))
        return false;
    if (out->year < 1 || out->month < 1 || out->month > 12 || out->day < 1) return false;
    return out->day <= lengths[out->month - 1] + (out->month == 2 && is_leap(out->year) ? 1 : 0);
}

/* Counting from March, the leap day ends the year: days_from_civil of Howard Hinnant's chrono algorithms. */
int64_t day_number(struct day d)
{
    int64_t y = d.month <= 2 ? d.year - 1 : d.year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct day day_of(int64_t number)
{
    int64_t z = number + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int32_t month = (int32_t)(mp < 10 ? mp + 3 : mp - 9);
    return (struct day){(int32_t)(yoe + era * 400 + (month <= 2)), month,
                        (int32_t)(doy - (153 * mp + 2) / 5 + 1)};
}

bool decimal_is(struct str s)
{
    size_t i = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0, whole = 0, part = 0;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) whole++;
    if (i < s.len && s.ptr[i] == '.') {
        for (i++; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) part++;
    }
    return i == s.len && whole + part > 0 && whole <= 65 &&
           part <= 30; /* DECIMAL(65,30) is MySQL's largest */
}
