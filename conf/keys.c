/* keys.c - the table made of keys.h: unknown keys and what was meant by them, and the reference that `weir
 * help rules` prints. */
#include "conf/read.h"

const struct key_info key_table[KEY_COUNT] = {
#define K(sec, id, name_, kind_, low_, high_, words_, fallback_, meaning_)                                   \
    [KEY_##sec##_##id] = {SEC_##sec, name_, kind_, low_, high_, words_, fallback_, meaning_},
    CONF_KEYS(K)
#undef K
};

static const struct {
    const char *path, *essay;
} sections[SEC_COUNT] = {
#define S(id, path_, essay_) [SEC_##id] = {path_, essay_},
    CONF_SECTIONS(S)
#undef S
};

static const struct {
    enum conf_section section;
    const char *theirs, *ours;
} foreign[] = {
#define F(sec, theirs_, ours_) {SEC_##sec, theirs_, ours_},
    CONF_FOREIGN(F)
#undef F
};

/* ---- nearest names ---- */

/* Lower case without '_' and '-': maxConnections and max_connections are one word. */
static struct str fold_name(struct str s, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len && n < room; i++) {
        if (s.ptr[i] != '_' && s.ptr[i] != '-') out[n++] = ascii_lower(s.ptr[i]);
    }
    return str_make(out, n);
}

enum { NEAR_MAX = 48 };

/* Edit distance with swaps of neighbours (optimal string alignment) over at most NEAR_MAX bytes. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][NEAR_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *here = rows[2];
    for (size_t j = 0; j <= b.len; j++) above[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        here[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = a.ptr[i - 1] == b.ptr[j - 1];
            size_t best = above[j - 1] + (same ? 0 : 1);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (here[j - 1] + 1 < best) best = here[j - 1] + 1;
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            here[j] = best;
        }
        size_t *oldest = before;
        before = above;
        above = here;
        here = oldest;
    }
    return above[b.len];
}

void near_try(struct near *n, struct str candidate)
{
    char x[NEAR_MAX], y[NEAR_MAX];
    if (n->wrong.len > NEAR_MAX) return;
    struct str a = fold_name(n->wrong, x, sizeof x), b = fold_name(candidate, y, sizeof y);
    size_t d = distance(a, b);
    size_t allowed = a.len <= 3 ? 1 : a.len <= 6 ? 2 : 3;
    if (a.len == 0 || d > allowed || d * 2 >= a.len) return; /* half of a short name is no likeness */
    if (!n->best.ptr || d < n->distance) {
        n->best = candidate;
        n->distance = d;
    }
}

const char *near_hint(struct reader *r, const struct near *n, const char *otherwise)
{
    return n->best.ptr ? hintf(r, "did you mean '" STR_FMT "'?", STR_ARG(n->best)) : otherwise;
}

int word_index(const char *words, struct str word)
{
    for (int i = 0;; i++) {
        struct str w = word_at(words, i);
        if (!w.ptr) return -1;
        if (str_eq_nocase(w, word)) return i;
    }
}

struct str word_at(const char *words, int index)
{
    const char *p = words;
    for (; index > 0 && p; index--) {
        p = strchr(p, '|');
        if (p) p++;
    }
    if (!p || !*p) return STR_NULL;
    const char *end = strchr(p, '|');
    return str_make(p, end ? (size_t)(end - p) : strlen(p));
}

/* ---- keys of a section ---- */

static bool same_word(struct str a, struct str b)
{
    char x[NEAR_MAX], y[NEAR_MAX];
    return a.len <= NEAR_MAX && str_eq(fold_name(a, x, sizeof x), fold_name(b, y, sizeof y));
}

static const char *unknown_hint(struct reader *r, enum conf_section section, struct str key)
{
    struct near n = {.wrong = key};
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        if (foreign[i].section == section && same_word(key, str_of(foreign[i].theirs)))
            return hintf(r, "did you mean %s?", foreign[i].ours);
    }
    for (int k = 0; k < KEY_COUNT; k++) {
        if (key_table[k].section == section) near_try(&n, str_of(key_table[k].name));
    }
    if (n.best.ptr) return near_hint(r, &n, NULL);
    for (int k = 0; k < KEY_COUNT; k++) {
        const char *path = sections[key_table[k].section].path;
        if (str_eq(key, str_of(key_table[k].name)))
            return *path ? hintf(r, "it belongs under %s", path) : "it belongs at the top of the file";
    }
    buf_reset(&r->text);
    for (int k = 0; k < KEY_COUNT; k++) {
        if (key_table[k].section != section) continue;
        buf_printf(&r->text, "%s%s", r->text.len ? ", " : "known here: ", key_table[k].name);
    }
    return hintf(r, STR_FMT, STR_ARG(buf_str(&r->text)));
}

bool keys_check(struct reader *r, const struct ynode *n, enum conf_section section, const char *what)
{
    if (n->kind != Y_MAPPING) {
        if (n->broken) return false;
        fault(r, n->pos, ynode_is_null(n) ? "is the block below it indented?" : NULL,
              "%s must be a mapping (key: value), not %s", what,
              ynode_is_null(n)      ? "empty"
              : n->kind == Y_SCALAR ? "a single value"
                                    : "a list");
        return false;
    }
    for (uint32_t i = 0; i < n->npairs && !r->d->lost; i++) {
        struct str key = n->pairs[i].key->text;
        bool known =
            section == SEC_TOP && key.len > 2 && memcmp(key.ptr, "x-", 2) == 0; /* a place for anchors */
        for (int k = 0; k < KEY_COUNT && !known; k++)
            known = key_table[k].section == section && str_eq(key, str_of(key_table[k].name));
        if (!known)
            fault(r, n->pairs[i].key->pos, unknown_hint(r, section, key), "unknown key '%.*s' in %s",
                  (int)(key.len < 80 ? key.len : 80), key.ptr, what);
    }
    return true;
}

struct ynode *key_get(struct reader *r, const struct ynode *mapping, enum conf_key key)
{
    if (!mapping || mapping->kind != Y_MAPPING) return NULL;
    struct ynode *n = tree_get(mapping, str_of(key_table[key].name));
    if (!n && strcmp(key_table[key].fallback, REQUIRED) == 0)
        fault(r, mapping->pos, hintf(r, "%s: %s", key_table[key].name, key_table[key].meaning),
              "'%s' is missing", key_table[key].name);
    return n;
}

/* ---- the reference ---- */

static void put_kind(struct buf *out, const struct key_info *k)
{
    static const char *const names[] = {
        [K_SECTION] = "mapping",
        [K_SECTIONS] = "mapping of names",
        [K_TEXT] = "text",
        [K_SECRET] = "text",
        [K_NAME] = "name",
        [K_NAMES] = "name or list of names",
        [K_ADDRESS] = "address",
        [K_ADDRESSES] = "address or list",
        [K_NETWORKS] = "network or list",
        [K_COUNT] = "number",
        [K_SIZE] = "size",
        [K_DURATION] = "duration",
        [K_BOOL] = "true or false",
        [K_WORD] = "one of",
        [K_WORDS] = "one or a list of",
        [K_TLS] = "a mapping, or one of",
        [K_DATE] = "date",
        [K_VALUE] = "value",
        [K_LIST] = "list",
        [K_LISTS] = "list of lists",
        [K_MAP] = "mapping",
        [K_PATTERNS] = "pattern or list",
        [K_ALGORITHM] = "name or mapping",
        [K_GENERATED] = "name or mapping",
    };
    buf_putz(out, names[k->kind]);
    bool is_words = k->kind == K_WORD || k->kind == K_WORDS || k->kind == K_TLS;
    for (int i = 0; is_words && word_at(k->words, i).ptr; i++)
        buf_printf(out, "%s " STR_FMT, i ? "," : "", STR_ARG(word_at(k->words, i)));
    if (k->kind == K_COUNT || k->kind == K_SIZE || k->kind == K_DURATION) {
        buf_putz(out, " from ");
        number_print(out, k->kind, k->low);
        buf_putz(out, " to ");
        number_print(out, k->kind, k->high);
        for (int i = 0; word_at(k->words, i).ptr; i++)
            buf_printf(out, " or " STR_FMT, STR_ARG(word_at(k->words, i)));
    }
}

void conf_help(struct buf *out)
{
    buf_putz(out,
             "# Rule files\n\n"
             "A rule file is YAML. `weir check FILE` reads it, reports every fault with its place, or prints "
             "the model it means.\n"
             "Samples for each kind of rule are in conf/examples/. Anchors, aliases and merge keys (`<<`) "
             "may be used.\n\n"
             "- A **size** is a number of bytes, or with K, M, G or T (1024 each): `64M`.\n"
             "- A **duration** has units ms, s, m, h or d: `500ms`, `1h30m`.\n"
             "- A **name** is a database, table or column name as MySQL has them, without backticks; letter "
             "case counts.\n"
             "- A **date** is YYYY-MM-DD; where a month or a year is counted, YYYY-MM or YYYY will do.\n");
    for (int s = 0; s < SEC_COUNT; s++) {
        buf_printf(out, "\n## %s\n\n%s\n\n", *sections[s].path ? sections[s].path : "The top",
                   sections[s].essay);
        for (int k = 0; k < KEY_COUNT; k++) {
            const struct key_info *key = &key_table[k];
            if ((int)key->section != s) continue;
            buf_printf(out, "- `%s` (", key->name);
            put_kind(out, key);
            if (strcmp(key->fallback, REQUIRED) == 0)
                buf_putz(out, "; required");
            else if (*key->fallback)
                buf_printf(out, "; default %s", key->fallback);
            buf_printf(out, "): %s.\n", key->meaning);
        }
    }
}
