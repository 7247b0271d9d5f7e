/*
 * scan.c - the token pass: text -> tokens, plan key and facts, in one go over the bytes.
 *
 *      SELECT c FROM t WHERE id = 42 -- x
 *      [WORD][W][WORD][W][WORD][W][OP][INT]          tokens: kind and place
 *      \3sel \1c\0 \3fro \1t\0 \3whe \1id\0 = INT    key: what the statement is, whatever its literals are
 *
 * The rules of the lexer are those of sql/sql_lex.cc as the manual tells them (language-structure.html), with their
 * quirks: a word right before or after a '.' is no keyword, `4users` is a name, `1e5x` a number and a name, `--` opens a
 * comment only before a blank, `5DIV2` is a name. Runs for every statement of every client: a switch on the byte, no calls
 * in the common cases, memory kept from statement to statement.
 *
 * Key: each token is one byte of kind and, where its meaning is its text, that text with an end or a length, so that no two
 * different token sequences have one key. Words that can only be keywords are their number. Words that may serve as
 * names keep their spelling (names of tables can differ in case). A string that stands where only an alias can stand
 * keeps its text, for an alias is a name.
 */
#include "parser/words.h"

enum {
    KEY_SLACK = 64,  /* room kept free at the end of the key: fixed parts of a token, and block copies of words */
    COPY_BLOCK = 32, /* words are copied by blocks of this size where both sides have room */
};
enum key_kind { KEY_WORD = 1, KEY_QUOTED, KEY_KEYWORD, KEY_TEXT, KEY_KIND = 0x10, KEY_CALL_SPACE = 0x20, KEY_OP = 0x40 };

/* Identifier bytes: digits, letters, $, _, and everything above 0x7f. Bit 1: identifier, bit 2: digit, bit 4: blank, bit 8: hex. */
enum { CT_IDENT = 1, CT_DIGIT = 2, CT_BLANK = 4, CT_HEX = 8 };
static const uint8_t ctype[256] = {
    [' '] = CT_BLANK, ['\t'] = CT_BLANK, ['\n'] = CT_BLANK, ['\v'] = CT_BLANK, ['\f'] = CT_BLANK, ['\r'] = CT_BLANK,
    ['0' ... '9'] = CT_IDENT | CT_DIGIT | CT_HEX,
    ['A' ... 'F'] = CT_IDENT | CT_HEX, ['G' ... 'Z'] = CT_IDENT,
    ['a' ... 'f'] = CT_IDENT | CT_HEX, ['g' ... 'z'] = CT_IDENT,
    ['$'] = CT_IDENT, ['_'] = CT_IDENT, [0x80 ... 0xff] = CT_IDENT,
};
#define IS(c, bits) (ctype[(unsigned char)(c)] & (bits))

/* The pass. p..end: what is left; k: where the key is written. */
struct pass {
    struct sql_scan *s;
    const char *p, *end;
    char *k, *kend;
    size_t base; /* where s->text is in the caller's text */
    uint32_t n;
    bool versioned; /* inside a versioned comment */
    bool mariadb;
    uint32_t version;
    /* Routines and events: text with ';' inside. */
    bool compound, open_ended;
    uint32_t blocks;
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
        return b >= '0' && b <= '9' && end - p >= 4 && (unsigned char)p[2] >= 0x81 && p[2] != '\xff' && p[3] >= '0' &&
                       p[3] <= '9'
                   ? 4
                   : 1;
    }
    return 1;
}

size_t sql_char_len(uint8_t trail, const char *p, const char *end)
{
    return trail == SQL_TRAIL_NONE ? 1 : mb_len(trail, p, end);
}

/* ---- memory ---- */

static bool key_room(struct pass *t, size_t more)
{
    struct buf *key = &t->s->key;
    if (LIKELY((size_t)(t->kend - t->k) >= more + KEY_SLACK)) return true;
    key->len = (size_t)(t->k - key->data);
    if (!key->data) key->len = 0;
    if (!buf_reserve(key, more + KEY_SLACK + 192)) return false;
    t->k = key->data + key->len;
    t->kend = key->data + key->cap;
    return true;
}

static bool tok_room(struct sql_scan *s, uint32_t n)
{
    if (LIKELY(n + 1 < s->cap)) return true;
    uint32_t cap = s->cap ? s->cap * 2 : 64;
    struct sql_tok *p = mem_realloc(s->toks, cap * sizeof *p);
    if (!p) return false;
    s->toks = p;
    s->cap = cap;
    return true;
}

/* ---- scanning of token bodies; each returns the byte after ---- */

static const char *scan_ident(const struct pass *t, const char *p)
{
    if (LIKELY(t->s->opt.trail == SQL_TRAIL_NONE)) {
        while (p < t->end && IS(*p, CT_IDENT)) p++;
        return p;
    }
    while (p < t->end && IS(*p, CT_IDENT)) p += mb_len(t->s->opt.trail, p, t->end);
    return p;
}

/* p: after the opening quote. NULL when it does not end. Backslashes count in strings, never in names. */
static const char *scan_quoted(const struct pass *t, const char *p, char quote, bool backslash, uint8_t *flags)
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

/* x'..' and b'..': p at the letter. Returns the byte after, or NULL when malformed (then the token is bad up to *stop). */
static const char *scan_bytes_literal(const struct pass *t, const char *p, const char **stop)
{
    const char *q = p + 2;
    while (q < t->end && *q != '\'') q++;
    *stop = q < t->end ? q + 1 : q;
    if (q >= t->end) return NULL;
    if (*p == 'x' || *p == 'X') return all_hex(p + 2, q) && (q - p) % 2 == 0 ? q + 1 : NULL;
    return all_bits(p + 2, q) ? q + 1 : NULL;
}

/* The fraction and exponent, p at the digit after '.', or at whatever follows. */
static const char *scan_fraction(const struct pass *t, const char *p, uint8_t *kind)
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

/* p at a digit that starts a token: number, or a name that starts with digits. */
static const char *scan_number(const struct pass *t, const char *p, uint8_t *kind)
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

/*
 * p at the opening of a comment. Returns where to go on, NULL when it does not end. A versioned comment that counts for
 * this server is entered: its tokens are tokens. MariaDB skips MySQL's versions 50700 to 99999.
 */
static const char *open_comment(struct pass *t, const char *p)
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

static const char *skip_line(const struct pass *t, const char *p)
{
    const char *nl = memchr(p, '\n', (size_t)(t->end - p));
    return nl ? nl + 1 : t->end;
}

/* ---- facts ---- */

static uint16_t word_back(const struct pass *t, uint32_t back)
{
    if (t->n < back) return SQL_W_NONE;
    const struct sql_tok *k = &t->s->toks[t->n - back];
    return k->kind == SQL_T_WORD ? k->word : (uint16_t)SQL_W_NONE;
}

/* A word that the facts depend on; it is not yet in toks. */
static void note_word(struct pass *t, uint16_t word)
{
    struct sql_scan *s = t->s;
    uint16_t prev = word_back(t, 1);
    uint16_t verb = t->n ? s->toks[0].word : SQL_W_NONE;
    switch (word) { /* a few of many: the rest is not noted */
    case SQL_W_LAST_INSERT_ID: s->seen |= SQL_SEEN_LAST_INSERT_ID; break;
    case SQL_W_IDENTITY:
        if (t->n && (s->toks[t->n - 1].kind == SQL_T_SYSVAR || (t->n > 2 && s->toks[t->n - 3].kind == SQL_T_SYSVAR)))
            s->seen |= SQL_SEEN_LAST_INSERT_ID;
        break;
    case SQL_W_FOUND_ROWS: s->seen |= SQL_SEEN_FOUND_ROWS; break;
    case SQL_W_SQL_CALC_FOUND_ROWS: s->seen |= SQL_SEEN_CALC_FOUND_ROWS; break;
    case SQL_W_ROW_COUNT: s->seen |= SQL_SEEN_ROW_COUNT; break;
    case SQL_W_TEMPORARY: s->seen |= SQL_SEEN_TEMPORARY; break;
    case SQL_W_INTO: /* INSERT INTO and LOAD ... INTO TABLE set nothing; whatever comes behind them may */
        if (!((verb == SQL_W_INSERT || verb == SQL_W_REPLACE) && t->n <= 4)) s->seen |= SQL_SEEN_ASSIGN;
        break;
    case SQL_W_UPDATE:
        if (prev == SQL_W_FOR) s->seen |= SQL_SEEN_LOCKFN;
        break;
    case SQL_W_SHARE:
    case SQL_W_GET_LOCK:
    case SQL_W_RELEASE_LOCK:
    case SQL_W_RELEASE_ALL_LOCKS:
    case SQL_W_IS_FREE_LOCK:
    case SQL_W_IS_USED_LOCK: s->seen |= SQL_SEEN_LOCKFN; break;
    case SQL_W_PROCEDURE:
    case SQL_W_FUNCTION:
    case SQL_W_TRIGGER:
    case SQL_W_EVENT:
    case SQL_W_PACKAGE: /* of CREATE ... or ALTER EVENT, after at most OR REPLACE DEFINER = user@host AGGREGATE */
        if ((verb == SQL_W_CREATE || verb == SQL_W_ALTER) && t->n <= 12) t->compound = true;
        break;
    case SQL_W_ATOMIC: /* BEGIN NOT ATOMIC ... END, MariaDB's block outside of routines */
        if (verb == SQL_W_BEGIN && t->n == 2) {
            t->compound = true;
            t->blocks = 1;
        }
        break;
    case SQL_W_BEGIN:
    case SQL_W_CASE:
        if (word == SQL_W_CASE && prev == SQL_W_END) break; /* END CASE */
        if (t->compound) t->blocks++;
        break;
    case SQL_W_END:
        if (t->blocks) t->blocks--;
        break;
    case SQL_W_THEN:
    case SQL_W_LOOP:
    case SQL_W_REPEAT:
    case SQL_W_DO:
        /* A body that is one bare IF, LOOP... (END IF below closes no block): its end cannot be told from here. */
        if (prev == SQL_W_END) break;
        if (t->compound && t->blocks == 0 && !(word == SQL_W_DO && prev != SQL_W_NONE)) t->open_ended = true;
        break;
    default: break;
    }
}

/* The words behind END of END IF, END LOOP...: END has closed a block too many. */
static void reopen_block(struct pass *t, uint16_t word)
{
    if (word == SQL_W_IF || word == SQL_W_LOOP || word == SQL_W_REPEAT || word == SQL_W_WHILE || word == SQL_W_FOR) t->blocks++;
}

/* A quoted name in the place of a call or a system variable has the same effect as the bare one. */
static void note_quoted(struct pass *t, uint32_t tok)
{
    const struct sql_tok *k = &t->s->toks[tok];
    if (k->kind != SQL_T_QUOTED || k->len < 3) return;
    uint16_t w = sql_word_find(t->s->text + k->off + 1, k->len - 2u, k->len - 2u);
    if (w != SQL_W_NONE && sql_words[w].noted && !t->compound) note_word(t, w);
}

/* ---- the key of strings ---- */

/* Can a string that follows the last token only be an alias? Then it is a name and the key holds it. */
static bool alias_place(const struct pass *t)
{
    if (t->n == 0) return false;
    const struct sql_tok *k = &t->s->toks[t->n - 1];
    switch ((enum sql_tok_kind)k->kind) {
    case SQL_T_QUOTED:
    case SQL_T_INT:
    case SQL_T_DECIMAL:
    case SQL_T_FLOAT:
    case SQL_T_HEX:
    case SQL_T_BIN:
    case SQL_T_PARAM:
    case SQL_T_USERVAR: return true;
    case SQL_T_OP: return k->word == SQL_OP_RPAREN || k->word == SQL_OP_RBRACE;
    case SQL_T_WORD:
        switch (k->word) {
        case SQL_W_NONE:
        case SQL_W_AS:
        case SQL_W_NULL:
        case SQL_W_TRUE:
        case SQL_W_FALSE:
        case SQL_W_END:
        case SQL_W_CURRENT_DATE:
        case SQL_W_CURRENT_TIME:
        case SQL_W_CURRENT_TIMESTAMP:
        case SQL_W_CURRENT_USER:
        case SQL_W_LOCALTIME:
        case SQL_W_LOCALTIMESTAMP:
        case SQL_W_UTC_DATE:
        case SQL_W_UTC_TIME:
        case SQL_W_UTC_TIMESTAMP: return true;
        case SQL_W_DATE:
        case SQL_W_TIME:
        case SQL_W_TIMESTAMP:
        case SQL_W_ESCAPE: return false;
        default: return sql_words[k->word].reserved != SQL_RESERVED;
        }
    case SQL_T_END:
    case SQL_T_STRING:
    case SQL_T_NSTRING:
    case SQL_T_CHARSET:
    case SQL_T_SYSVAR:
    case SQL_T_BAD: return false;
    }
    return false;
}

static bool key_text(struct pass *t, uint8_t kind, const char *p, size_t len)
{
    if (!key_room(t, len + 8)) return false;
    uint32_t n = (uint32_t)len;
    *t->k++ = (char)kind;
    memcpy(t->k, &n, 4);
    memcpy(t->k + 4, p, len);
    t->k += 4 + len;
    return true;
}

/* A literal behind `_charset` makes that word an introducer. */
static void mark_introducer(struct pass *t)
{
    if (t->n == 0) return;
    struct sql_tok *k = &t->s->toks[t->n - 1];
    const char *p = t->s->text + k->off;
    if (k->kind == SQL_T_WORD && *p == '_' && sql_is_charset(str_make(p + 1, k->len - 1u))) k->kind = SQL_T_CHARSET;
}

/* ---- the end of a statement ---- */

static void finish(struct pass *t, const char *stop)
{
    struct sql_scan *s = t->s;
    const char *limit = t->end;
    s->len = (uint32_t)(stop - s->text);
    const char *p = stop < limit ? stop + 1 : limit;
    const char *rest = p;
    while (rest < limit && (IS(*rest, CT_BLANK) || *rest == ';')) rest++;
    if (rest == limit)
        p = limit; /* the server drops trailing blanks and semicolons, too */
    else
        s->seen |= SQL_SEEN_MORE;
    s->next = (uint32_t)(t->base + (size_t)(p - s->text));
    s->ntoks = t->n;
    s->toks[t->n] = (struct sql_tok){.off = s->len, .kind = SQL_T_END};
    s->key.len = (size_t)(t->k - s->key.data);
    s->hash = hash_bytes(s->key.data, s->key.len, 0);
}

/* ---- the loop ---- */

static enum sql_status pass_run(struct pass *t)
{
    struct sql_scan *s = t->s;
    const char *const text = s->text;
    const char *const end = t->end;
    const char *last_end = NULL; /* of the token before */
    bool name_next = false;      /* right behind '.' stands a name, whatever it looks like */

    for (;;) {
        const char *p = t->p;
        if (p < end && IS(*p, CT_BLANK)) {
            do p++;
            while (p < end && IS(*p, CT_BLANK));
            name_next = false;
        }
        if (p >= end) break;
        if (UNLIKELY(!tok_room(s, t->n) || !key_room(t, 0))) return SQL_NOMEM;
        if (UNLIKELY(t->n >= SQL_MAX_TOKENS)) return SQL_ERROR;

        char c = *p;
        uint8_t kind = SQL_T_OP;
        uint8_t flags = (uint8_t)((p != last_end ? SQL_TF_SPACE_BEFORE : 0) | (t->versioned ? SQL_TF_VERSIONED : 0));
        uint16_t word = SQL_OP_NONE;
        const char *q = p + 1;
#define AT(i, ch) (end - p > (i) && p[i] == (ch))

        if (name_next && IS(c, CT_IDENT)) {
            q = scan_ident(t, p);
            name_next = false;
            kind = SQL_T_WORD;
            if (UNLIKELY(s->seen & SQL_SEEN_SYSVAR)) {
                uint16_t w = sql_word_find(p, (size_t)(q - p), (size_t)(end - p));
                if (w == SQL_W_LAST_INSERT_ID || w == SQL_W_IDENTITY) note_word(t, w);
            }
            goto word_key;
        }
        name_next = false;

        switch ((unsigned char)c) {
        case 'x': case 'X': case 'b': case 'B':
            if (UNLIKELY(AT(1, '\''))) {
                const char *stop;
                q = scan_bytes_literal(t, p, &stop);
                if (!q) {
                    kind = SQL_T_BAD;
                    q = stop;
                    goto emit_kind;
                }
                kind = c == 'x' || c == 'X' ? SQL_T_HEX : SQL_T_BIN;
                mark_introducer(t);
                goto emit_kind;
            }
            goto ident;
        case 'n': case 'N':
            if (UNLIKELY(AT(1, '\''))) {
                kind = SQL_T_NSTRING;
                q = scan_quoted(t, p + 2, '\'', !s->opt.no_backslash_escapes, &flags);
                goto string;
            }
            goto ident;
        case 'a': case 'c' ... 'm': case 'o' ... 'w': case 'y': case 'z':
        case 'A': case 'C' ... 'M': case 'O' ... 'W': case 'Y': case 'Z':
        case '_': case '$': case 0x80 ... 0xff:
        ident: {
            kind = SQL_T_WORD;
            if (LIKELY(s->opt.trail == SQL_TRAIL_NONE))
                while (q < end && IS(*q, CT_IDENT)) q++;
            else
                q = scan_ident(t, p);
            size_t n = (size_t)(q - p);
            bool dotted = q < end && *q == '.' && end - q > 1 && IS(q[1], CT_IDENT);
            if (UNLIKELY(dotted) && !(t->n && s->toks[t->n - 1].kind == SQL_T_SYSVAR)) {
                word = SQL_W_NONE;
            } else {
                word = sql_word_find(p, n, (size_t)(end - p));
                const struct sql_word_info *w = &sql_words[word];
                if (UNLIKELY(w->noted)) note_word(t, word);
                if (UNLIKELY(t->compound) && word_back(t, 1) == SQL_W_END) reopen_block(t, word);
                if (w->reserved == SQL_RESERVED) {
                    t->k[0] = KEY_KEYWORD;
                    t->k[1] = (char)(word & 0xff);
                    t->k[2] = (char)(word >> 8);
                    t->k += 3;
                    break;
                }
            }
        word_key:
            *t->k++ = KEY_WORD;
            size_t wn = (size_t)(q - p);
            if (LIKELY(wn <= COPY_BLOCK && end - p >= COPY_BLOCK)) {
                memcpy(t->k, p, COPY_BLOCK);
            } else {
                if (UNLIKELY(!key_room(t, wn))) return SQL_NOMEM;
                memcpy(t->k, p, wn);
            }
            t->k += wn;
            *t->k++ = 0;
            break;
        }
        case '0' ... '9':
            q = scan_number(t, p, &kind);
            if (kind == SQL_T_WORD) goto word_key;
            if (kind == SQL_T_HEX || kind == SQL_T_BIN) mark_introducer(t);
            goto emit_kind;
        case '\'':
            kind = SQL_T_STRING;
            q = scan_quoted(t, q, '\'', !s->opt.no_backslash_escapes, &flags);
            goto string;
        case '"':
            if (s->opt.ansi_quotes) {
                kind = SQL_T_QUOTED;
                q = scan_quoted(t, q, '"', false, &flags);
                goto quoted;
            }
            kind = SQL_T_STRING;
            q = scan_quoted(t, q, '"', !s->opt.no_backslash_escapes, &flags);
        string:
            if (UNLIKELY(!q)) goto unterminated;
            mark_introducer(t);
            if (UNLIKELY(alias_place(t))) {
                if (!key_text(t, KEY_TEXT, p, (size_t)(q - p))) return SQL_NOMEM;
                break;
            }
            goto emit_kind;
        case '`':
            kind = SQL_T_QUOTED;
            q = scan_quoted(t, q, '`', false, &flags);
        quoted:
            if (UNLIKELY(!q)) goto unterminated;
            if (!key_text(t, KEY_QUOTED, p, (size_t)(q - p))) return SQL_NOMEM;
            if (UNLIKELY(s->seen & SQL_SEEN_SYSVAR)) { /* @@`identity` */
                s->toks[t->n] = (struct sql_tok){.off = (uint32_t)(p - text), .len = (uint32_t)(q - p), .kind = kind};
                note_quoted(t, t->n);
            }
            break;
        case '@':
            if (AT(1, '@')) {
                kind = SQL_T_SYSVAR;
                s->seen |= SQL_SEEN_SYSVAR;
                q = p + 2;
                if (q >= end || !(IS(*q, CT_IDENT) || *q == '`' || (*q == '"' && s->opt.ansi_quotes))) kind = SQL_T_BAD;
                goto emit_kind;
            }
            kind = SQL_T_USERVAR;
            s->seen |= SQL_SEEN_USERVAR;
            if (t->n) {
                uint16_t verb = s->toks[0].kind == SQL_T_WORD ? s->toks[0].word : (uint16_t)SQL_W_NONE;
                if (verb == SQL_W_SET || verb == SQL_W_CALL || verb == SQL_W_LOAD || verb == SQL_W_GET || verb == SQL_W_EXECUTE)
                    s->seen |= SQL_SEEN_ASSIGN;
            }
            if (q < end && (*q == '\'' || *q == '"' || *q == '`')) {
                q = scan_quoted(t, q + 1, *q, *q != '`' && !s->opt.no_backslash_escapes, &flags);
                if (!q) goto unterminated;
            } else {
                while (q < end && (IS(*q, CT_IDENT) || *q == '.')) q++;
            }
            if (!key_text(t, KEY_KIND + SQL_T_USERVAR, p, (size_t)(q - p))) return SQL_NOMEM;
            break;
        case '?':
            kind = SQL_T_PARAM;
            s->seen |= SQL_SEEN_PARAM;
            s->nparams++;
            goto emit_kind;
        case '.': {
            bool after_name = t->n && last_end == p &&
                              (s->toks[t->n - 1].kind == SQL_T_WORD || s->toks[t->n - 1].kind == SQL_T_QUOTED);
            bool ident_next = q < end && IS(*q, CT_IDENT);
            if (ident_next && !after_name && IS(*q, CT_DIGIT)) {
                q = scan_fraction(t, q, &kind);
                goto emit_kind;
            }
            name_next = ident_next;
            word = SQL_OP_DOT;
            goto emit_op;
        }
        case '/':
            if (AT(1, '*')) {
                const char *r = open_comment(t, p);
                if (!r) goto unterminated;
                t->p = r;
                continue;
            }
            word = SQL_OP_SLASH;
            goto emit_op;
        case '*':
            if (t->versioned && AT(1, '/')) {
                t->versioned = false;
                t->p = p + 2;
                continue;
            }
            word = SQL_OP_STAR;
            goto emit_op;
        case '#': t->p = skip_line(t, p); continue;
        case '-':
            if (AT(1, '-') && (end - p == 2 || (unsigned char)p[2] <= ' ' || p[2] == 0x7f)) {
                t->p = skip_line(t, p);
                continue;
            }
            word = SQL_OP_MINUS;
            if (AT(1, '>')) {
                word = SQL_OP_ARROW;
                q++;
                if (AT(2, '>')) {
                    word = SQL_OP_ARROW2;
                    q++;
                }
            }
            goto emit_op;
        case ';':
            if (UNLIKELY(t->versioned)) goto bad;
            if (UNLIKELY(t->compound && (t->blocks || t->open_ended))) {
                word = SQL_OP_SEMICOLON;
                goto emit_op;
            }
            finish(t, p);
            return SQL_OK;
        case '(':
            word = SQL_OP_LPAREN;
            if (t->n && (flags & SQL_TF_SPACE_BEFORE) && s->toks[t->n - 1].kind == SQL_T_WORD &&
                sql_words[s->toks[t->n - 1].word].reserved != SQL_RESERVED)
                *t->k++ = KEY_CALL_SPACE;
            if (UNLIKELY(t->n && s->toks[t->n - 1].kind == SQL_T_QUOTED)) note_quoted(t, t->n - 1);
            goto emit_op;
        case ')': word = SQL_OP_RPAREN; goto emit_op;
        case ',': word = SQL_OP_COMMA; goto emit_op;
        case '{': word = SQL_OP_LBRACE; goto emit_op;
        case '}': word = SQL_OP_RBRACE; goto emit_op;
        case '+': word = SQL_OP_PLUS; goto emit_op;
        case '%': word = SQL_OP_PERCENT; goto emit_op;
        case '^': word = SQL_OP_CARET; goto emit_op;
        case '~': word = SQL_OP_TILDE; goto emit_op;
        case '=':
            word = SQL_OP_EQ;
            if (UNLIKELY(AT(1, '>'))) {
                word = SQL_OP_ARROW_FAT;
                q++;
            }
            goto emit_op;
        case '<':
            word = SQL_OP_LT;
            if (AT(1, '=')) {
                word = AT(2, '>') ? SQL_OP_NSEQ : SQL_OP_LE;
                q = p + (word == SQL_OP_NSEQ ? 3 : 2);
            } else if (AT(1, '>')) {
                word = SQL_OP_NE;
                q = p + 2;
            } else if (AT(1, '<')) {
                word = SQL_OP_SHL;
                q = p + 2;
            }
            goto emit_op;
        case '>':
            word = SQL_OP_GT;
            if (AT(1, '=')) {
                word = SQL_OP_GE;
                q = p + 2;
            } else if (AT(1, '>')) {
                word = SQL_OP_SHR;
                q = p + 2;
            }
            goto emit_op;
        case '!':
            word = SQL_OP_BANG;
            if (AT(1, '=')) {
                word = SQL_OP_NE;
                q = p + 2;
            }
            goto emit_op;
        case '&':
            word = SQL_OP_AMP;
            if (AT(1, '&')) {
                word = SQL_OP_ANDAND;
                q = p + 2;
            }
            goto emit_op;
        case '|':
            word = SQL_OP_PIPE;
            if (AT(1, '|')) {
                word = s->opt.pipes_as_concat ? SQL_OP_CONCAT : SQL_OP_OROR;
                q = p + 2;
            }
            goto emit_op;
        case ':':
            word = SQL_OP_COLON;
            if (AT(1, '=')) {
                word = SQL_OP_ASSIGN;
                s->seen |= SQL_SEEN_ASSIGN;
                q = p + 2;
            }
            goto emit_op;
        case '\\':
            if (t->mariadb && AT(1, 'N')) { /* \N: NULL, which MySQL 8 gave up */
                kind = SQL_T_WORD;
                word = SQL_W_NULL;
                q = p + 2;
                t->k[0] = KEY_KEYWORD;
                t->k[1] = (char)(SQL_W_NULL & 0xff);
                t->k[2] = (char)(SQL_W_NULL >> 8);
                t->k += 3;
                break;
            }
            goto bad;
        default: goto bad;
        bad:
            kind = SQL_T_BAD;
            word = 0;
            goto emit_kind;
        unterminated:
            kind = SQL_T_BAD;
            word = 0;
            q = end;
        emit_kind:
            *t->k++ = (char)(KEY_KIND + kind);
            if (kind == SQL_T_BAD) s->seen |= SQL_SEEN_BAD;
            break;
        emit_op: *t->k++ = (char)(KEY_OP + word); break;
        }

        s->toks[t->n++] = (struct sql_tok){
            .off = (uint32_t)(p - text), .len = (uint32_t)(q - p), .kind = kind, .flags = flags, .word = word};
        last_end = q;
        t->p = q;
    }
    if (UNLIKELY(!tok_room(s, t->n + 1) || !key_room(t, 0))) return SQL_NOMEM;
    if (t->versioned) { /* the comment does not end: the server refuses it, and so does the parser */
        s->seen |= SQL_SEEN_BAD;
        s->toks[t->n++] = (struct sql_tok){.off = (uint32_t)(end - text), .kind = SQL_T_BAD};
        *t->k++ = KEY_KIND + SQL_T_BAD;
    }
    finish(t, end);
    return SQL_OK;
}

enum sql_status sql_scan(struct sql_scan *s, const char *text, size_t len, size_t from, const struct sql_options *opt)
{
    if (len > INT32_MAX || from > len) return SQL_ERROR;
    if (!text) text = ""; /* a packet without a statement */
    s->text = text + from; /* offsets count from where the statement starts */
    s->seen = 0;
    s->nparams = 0;
    s->opt = opt ? *opt : (struct sql_options){0};
    s->ntoks = 0;
    buf_reset(&s->key);
    struct pass t = {.s = s, .p = s->text, .end = text + len, .base = from};
    t.version = s->opt.version ? s->opt.version : 101100;
    t.mariadb = s->opt.mariadb || t.version >= 100000;
    t.k = s->key.data;
    t.kend = s->key.data ? s->key.data + s->key.cap : NULL;
    if (!tok_room(s, 0) || !key_room(&t, 16)) return SQL_NOMEM;
    const struct sql_options *o = &s->opt;
    *t.k++ = (char)(0x80 | o->ansi_quotes | o->no_backslash_escapes << 1 | o->pipes_as_concat << 2 | o->ignore_space << 3 |
                    o->high_not_precedence << 4);
    *t.k++ = (char)o->trail;
    return pass_run(&t);
}

void sql_scan_release(struct sql_scan *s)
{
    mem_free(s->toks);
    buf_release(&s->key);
    *s = (struct sql_scan){0};
}
