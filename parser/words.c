/*
 * words.c - the keyword table: open addressing over folded halves of a word, filled once before main().
 *
 *   "Select" -> load, | 0x20 a byte -> 0x74_63_65_6c_65_73 -> multiply, shift -> slot -> compare ->
 * SQL_W_SELECT
 *
 * OR-ing 0x20 into every byte of an identifier folds letters only: digits and '$' have the bit already, '_'
 * becomes DEL, which no identifier holds, and no keyword has bytes above 0x7f.
 */
#include "parser/words.h"

struct sql_word_info sql_words[SQL_W_COUNT] = {
    [SQL_W_NONE] = {"", 0, 0, 0},
#define X(id, text, reserved) [SQL_W_##id] = {text, sizeof(text) - 1, reserved, 0},
#include "parser/keywords.h"
#undef X
};

enum { SLOT_BITS = 12, SLOTS = 1 << SLOT_BITS };
struct slot {
    uint64_t head, tail;
    uint16_t id;
    uint8_t len;
};
static struct slot slots[SLOTS];
_Static_assert(SQL_W_COUNT * 3 < SLOTS, "the word table is to stay sparse");

static const uint64_t fold = 0x2020202020202020ull;

static inline uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* The first eight bytes (zero-filled) and the last eight (for words longer than eight, otherwise 0), folded.
 */
static inline void halves(const char *p, size_t len, size_t room, uint64_t *head, uint64_t *tail)
{
    *tail = 0;
    if (len >= 8) {
        *head = load8(p) | fold;
        if (len > 8) *tail = load8(p + len - 8) | fold;
        return;
    }
    uint64_t v = 0;
    if (LIKELY(room >= 8))
        v = load8(p) & ((1ull << (8 * len)) - 1);
    else
        memcpy(&v, p, len);
    *head = v | (fold & ((1ull << (8 * len)) - 1));
}

static inline uint32_t slot_of(uint64_t head, uint64_t tail, size_t len)
{
    uint64_t h = (head ^ (tail * 0x9e3779b97f4a7c15ull) ^ len) * 0xd6e8feb86659fd93ull;
    return (uint32_t)(h >> (64 - SLOT_BITS));
}

static bool same_nocase(const char *p, const char *upper, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (ascii_lower(p[i]) != ascii_lower(upper[i])) return false;
    return true;
}

uint16_t sql_word_find(const char *p, size_t len, size_t room)
{
    uint64_t head, tail;
    if (len == 0 || len > 32) return SQL_W_NONE;
    halves(p, len, room, &head, &tail);
    for (uint32_t i = slot_of(head, tail, len);; i = (i + 1) & (SLOTS - 1)) {
        const struct slot *s = &slots[i];
        if (s->id == SQL_W_NONE) return SQL_W_NONE;
        if (s->head == head && s->tail == tail && s->len == len &&
            (len <= 16 || same_nocase(p, sql_words[s->id].text, len)))
            return s->id;
    }
}

/* Words on which sql_scan's facts depend. */
static const uint16_t noted[] = {
    SQL_W_LAST_INSERT_ID,
    SQL_W_IDENTITY,
    SQL_W_FOUND_ROWS,
    SQL_W_SQL_CALC_FOUND_ROWS,
    SQL_W_ROW_COUNT,
    SQL_W_INTO,
    SQL_W_GET_LOCK,
    SQL_W_RELEASE_LOCK,
    SQL_W_RELEASE_ALL_LOCKS,
    SQL_W_IS_FREE_LOCK,
    SQL_W_IS_USED_LOCK,
    SQL_W_UPDATE,
    SQL_W_SHARE,
    SQL_W_TEMPORARY,
    SQL_W_PROCEDURE,
    SQL_W_FUNCTION,
    SQL_W_TRIGGER,
    SQL_W_EVENT,
    SQL_W_PACKAGE,
    SQL_W_BEGIN,
    SQL_W_CASE,
    SQL_W_END,
    SQL_W_THEN,
    SQL_W_LOOP,
    SQL_W_REPEAT,
    SQL_W_DO,
    SQL_W_ATOMIC,
};

__attribute__((constructor)) static void words_init(void)
{
    for (uint16_t id = 1; id < SQL_W_COUNT; id++) {
        uint64_t head, tail;
        halves(sql_words[id].text, sql_words[id].len, sql_words[id].len, &head, &tail);
        uint32_t i = slot_of(head, tail, sql_words[id].len);
        while (slots[i].id != SQL_W_NONE) i = (i + 1) & (SLOTS - 1);
        slots[i] = (struct slot){head, tail, id, sql_words[id].len};
    }
    for (size_t i = 0; i < COUNT_OF(noted); i++) sql_words[noted[i]].noted = 1;
}

bool sql_is_charset(struct str name)
{
    static const char *const names[] = {
        "armscii8", "ascii",   "big5",   "binary",   "cp1250",  "cp1251",  "cp1256",  "cp1257", "cp850",
        "cp852",    "cp866",   "cp932",  "dec8",     "eucjpms", "euckr",   "gb18030", "gb2312", "gbk",
        "geostd8",  "greek",   "hebrew", "hp8",      "keybcs2", "koi8r",   "koi8u",   "latin1", "latin2",
        "latin5",   "latin7",  "macce",  "macroman", "sjis",    "swe7",    "tis620",  "ucs2",   "ujis",
        "utf16",    "utf16le", "utf32",  "utf8",     "utf8mb3", "utf8mb4",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_eq_nocase(name, str_of(names[i]))) return true;
    return false;
}
