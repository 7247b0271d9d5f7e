/* weights.c - see weights.h for the rules and where they come from. */
#include "proxy/merge/weights.h"

static bool has(struct str s, const char *part)
{
    return str_find(s, str_of(part), 0) != SIZE_MAX;
}

static bool ends(struct str s, const char *tail)
{
    size_t n = strlen(tail);
    return s.len >= n && memcmp(s.ptr + s.len - n, tail, n) == 0;
}

static bool is_refused(struct str c)
{
    if (ends(c, "_thai_520_w2") || ends(c, "_czech_cs") || has(c, "tis620_thai_") ||
        has(c, "big5_chinese_") || str_starts_nocase(c, STR("gb18030_chinese")) ||
        str_starts_nocase(c, STR("gb18030_unicode")))
        return true;
    if (str_starts_nocase(c, STR("latin7_"))) return true;
    return has(c, "uca1400") && !ends(c, "_ai_ci"); /* several levels */
}

/* Character sets whose weights are Unicode's; the others have a byte or two of their own with 0x20 for a
 * space. */
static bool is_unicode(struct str c)
{
    static const char *const sets[] = {"utf8_",  "utf8mb3_", "utf8mb4_", "ucs2_",
                                       "utf16_", "utf16le_", "utf32_"};
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        if (str_starts_nocase(c, str_of(sets[i]))) return true;
    return false;
}

static bool is_known_set(struct str c)
{
    static const char *const sets[] = {
        "armscii8_", "ascii_",   "cp1250_", "cp1251_", "cp1256_",  "cp1257_",   "cp850_",
        "cp852_",    "cp866_",   "cp932_",  "dec8_",   "eucjpms_", "euckr_",    "gb2312_",
        "gbk_",      "geostd8_", "greek_",  "hebrew_", "hp8_",     "keybcs2_",  "koi8r_",
        "koi8u_",    "latin1_",  "latin2_", "latin5_", "macce_",   "macroman_", "sjis_",
        "swe7_",     "tis620_",  "ujis_",   "big5_",   "gb18030_"};
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        if (str_starts_nocase(c, str_of(sets[i]))) return true;
    return false;
}

bool weights_pad(struct str c, struct weight_pad *out)
{
    *out = (struct weight_pad){0};
    if (str_eq(c, STR("binary"))) return true;
    bool unicode = is_unicode(c);
    bool padded = !has(c, "_nopad_") && !has(c, "_0900_");
    if ((!unicode && !is_known_set(c)) || is_refused(c)) return false;
    if (!padded) return true;
    if (!unicode) {
        *out = (struct weight_pad){1, {0x20}};
    } else if (ends(c, "_bin")) {
        bool two = str_starts_nocase(c, STR("utf8_")) || str_starts_nocase(c, STR("utf8mb3_")) ||
                   str_starts_nocase(c, STR("ucs2_"));
        *out = two ? (struct weight_pad){2, {0, 0x20}} : (struct weight_pad){3, {0, 0, 0x20}};
    } else if (has(c, "_general_") || ends(c, "_tolower_ci")) {
        *out = (struct weight_pad){2, {0, 0x20}};
    } else if (has(c, "_520_") || ends(c, "_myanmar_ci")) {
        *out = (struct weight_pad){2, {0x02, 0x0a}};
    } else {
        *out = (struct weight_pad){2, {0x02, 0x09}};
    }
    return true;
}

int weights_compare(const unsigned char *a, size_t na, const unsigned char *b, size_t nb,
                    const struct weight_pad *pad)
{
    size_t n = na < nb ? na : nb;
    int c = n ? memcmp(a, b, n) : 0;
    if (c || na == nb) return c;
    if (pad->len == 0) return na < nb ? -1 : 1;
    const unsigned char *rest = na < nb ? b : a;
    size_t longer = na < nb ? nb : na;
    int sign = na < nb ? -1 : 1; /* when the rest is above the padding */
    for (size_t i = n, k = 0; i < longer; i++, k = k + 1 == pad->len ? 0 : k + 1)
        if (rest[i] != pad->bytes[k]) return rest[i] > pad->bytes[k] ? sign : -sign;
    return 0;
}

uint64_t weights_prefix(const unsigned char *p, size_t n, const struct weight_pad *pad)
{
    uint64_t v = 0;
    size_t have = n < 8 ? n : 8;
    for (size_t i = 0; i < have; i++) v = v << 8 | p[i];
    for (size_t i = have, k = 0; i < 8; i++) {
        v = v << 8 | (pad->len ? pad->bytes[k] : 0);
        if (pad->len) k = k + 1 == pad->len ? 0 : k + 1;
    }
    return v;
}
