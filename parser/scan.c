/*
 * scan.c - the token pass: text -> tokens, plan key and facts, in one go over the bytes.
 *
 *      SELECT c FROM t WHERE id = 42 -- x
 *      [WORD][W][WORD][W][WORD][W][OP][INT]          tokens: kind and place
 *      \3sel \1c\0 \3fro \1t\0 \3whe \1id\0 = INT    key: what the statement is, whatever its literals are
 *
 * The rules are the servers' own (language-structure.html; tried on MariaDB 10.11 and MySQL 9.7), with
 * their quirks: a word right before or after a '.' is no keyword, `4users` is a name, `1e5x` a number and a
 * name, `--` opens a comment only before a blank, `5DIV2` is a name. Runs for every statement of every
 * client: a switch on the byte, no calls in the common cases, memory kept from statement to statement.
 *
 * Key: each token is one byte of kind and, where its meaning is its text, that text with an end or a length,
 * so that no two different token sequences have one key. Words that can only be keywords are their number.
 * Words that may serve as names keep their spelling (names of tables can differ in case). A string that
 * stands where only an alias can stand keeps its text, for an alias is a name.
 */
#include "parser/scan.h"

enum {
    KEY_SLACK =
        64, /* room kept free at the end of the key: fixed parts of a token, and block copies of words */
    COPY_BLOCK = 32, /* words are copied by blocks of this size where both sides have room */
};
enum key_kind {
    KEY_WORD = 1,
    KEY_QUOTED,
    KEY_KEYWORD,
    KEY_TEXT,
    KEY_KIND = 0x10,
    KEY_CALL_SPACE = 0x20,
    KEY_OP = 0x40
};

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

/* ---- key and introducers ---- */

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
    if (k->kind == SQL_T_WORD && *p == '_' && sql_is_charset(str_make(p + 1, k->len - 1u)))
        k->kind = SQL_T_CHARSET;
}

/* @name, @'name': NULL when it does not end, p itself when it has no name and must have one. */
static const char *scan_uservar(struct pass *t, const char *p, uint8_t *flags)
{
    struct sql_scan *s = t->s;
    const char *q = p + 1;
    uint16_t verb = t->n && s->toks[0].kind == SQL_T_WORD ? s->toks[0].word : (uint16_t)SQL_W_NONE;
    s->seen |= SQL_SEEN_USERVAR;
    if (verb == SQL_W_SET || verb == SQL_W_CALL || verb == SQL_W_LOAD || verb == SQL_W_GET ||
        verb == SQL_W_EXECUTE)
        s->seen |= SQL_SEEN_ASSIGN;
    if (q < t->end && (*q == '\'' || *q == '"' || *q == '`'))
        return scan_quoted(t, q + 1, *q, *q != '`' && !s->opt.no_backslash_escapes, flags);
    while (q < t->end && (IS(*q, CT_IDENT) || *q == '.')) q++;
    return q == p + 1 && t->mariadb ? p : q; /* for MySQL a variable without a name */
}

/* ---- operators ---- */

/* Operators of one sign; others are told apart by what follows. */
static const uint8_t signs[128] = {
    [')'] = SQL_OP_RPAREN, [','] = SQL_OP_COMMA,   ['{'] = SQL_OP_LBRACE, ['}'] = SQL_OP_RBRACE,
    ['+'] = SQL_OP_PLUS,   ['%'] = SQL_OP_PERCENT, ['^'] = SQL_OP_CARET,  ['~'] = SQL_OP_TILDE,
    ['='] = SQL_OP_EQ,     ['<'] = SQL_OP_LT,      ['>'] = SQL_OP_GT,     ['!'] = SQL_OP_BANG,
    ['&'] = SQL_OP_AMP,    ['|'] = SQL_OP_PIPE,    [':'] = SQL_OP_COLON,
};
/* Operators of two: first sign, second sign. */
static const struct {
    char a, b;
    uint8_t op;
} pairs[] = {
    {'<', '=', SQL_OP_LE},        {'<', '>', SQL_OP_NE},   {'<', '<', SQL_OP_SHL},
    {'>', '=', SQL_OP_GE},        {'>', '>', SQL_OP_SHR},  {'!', '=', SQL_OP_NE},
    {'&', '&', SQL_OP_ANDAND},    {'|', '|', SQL_OP_OROR}, {':', '=', SQL_OP_ASSIGN},
    {'=', '>', SQL_OP_ARROW_FAT},
};

static inline const char *scan_operator(const char *p, const char *end, bool concat, uint16_t *word)
{
    *word = signs[(unsigned char)*p & 127];
    if (LIKELY(end - p < 2 || !signs[(unsigned char)p[1] & 127] || p[1] == ')' || p[1] == '+')) return p + 1;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (pairs[i].a != p[0] || pairs[i].b != p[1]) continue;
        *word = pairs[i].op;
        if (*word == SQL_OP_OROR && concat) *word = SQL_OP_CONCAT;
        if (*word == SQL_OP_LE && end - p > 2 && p[2] == '>') {
            *word = SQL_OP_NSEQ;
            return p + 3;
        }
        return p + 2;
    }
    return p + 1;
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
        uint8_t flags =
            (uint8_t)((p != last_end ? SQL_TF_SPACE_BEFORE : 0) | (t->versioned ? SQL_TF_VERSIONED : 0));
        uint16_t word = SQL_OP_NONE;
        const char *q = p + 1;
#define AT(i, ch) (end - p > (i) && p[i] == (ch))

        if (name_next && IS(c, CT_IDENT)) {
            q = scan_ident(t, p);
            name_next = false;
            kind = SQL_T_WORD;
            if (UNLIKELY(s->seen & SQL_SEEN_SYSVAR)) {
                uint16_t w = sql_word_find(p, (size_t)(q - p), (size_t)(end - p));
                if (w == SQL_W_LAST_INSERT_ID || w == SQL_W_IDENTITY) scan_note_word(t, w);
            }
            goto word_key;
        }
        name_next = false;

        switch ((unsigned char)c) {
        case 'x':
        case 'X':
        case 'b':
        case 'B':
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
        case 'n':
        case 'N':
            if (UNLIKELY(AT(1, '\''))) {
                kind = SQL_T_NSTRING;
                q = scan_quoted(t, p + 2, '\'', !s->opt.no_backslash_escapes, &flags);
                goto string;
            }
            goto ident;
        case 'a':
        case 'c' ... 'm':
        case 'o' ... 'w':
        case 'y':
        case 'z':
        case 'A':
        case 'C' ... 'M':
        case 'O' ... 'W':
        case 'Y':
        case 'Z':
        case '_':
        case '$':
        case 0x80 ... 0xff:
        ident : {
            kind = SQL_T_WORD;
            if (LIKELY(s->opt.trail == SQL_TRAIL_NONE))
                while (q < end && IS(*q, CT_IDENT)) q++;
            else
                q = scan_ident(t, p);
            size_t n = (size_t)(q - p);
            bool dotted = q < end && *q == '.' && end - q > 1 && IS(q[1], CT_IDENT);
            if (UNLIKELY(dotted)) {
                word = SQL_W_NONE;
            } else {
                word = sql_word_find(p, n, (size_t)(end - p));
                const struct sql_word_info *w = &sql_words[word];
                if (UNLIKELY(w->noted)) scan_note_word(t, word);
                if (UNLIKELY(t->compound) && scan_word_back(t, 1) == SQL_W_END) scan_reopen_block(t, word);
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
            if (UNLIKELY(scan_alias_place(t))) {
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
                s->toks[t->n] =
                    (struct sql_tok){.off = (uint32_t)(p - text), .len = (uint32_t)(q - p), .kind = kind};
                scan_note_quoted(t, t->n);
            }
            break;
        case '@':
            if (AT(1, '@')) {
                kind = SQL_T_SYSVAR;
                s->seen |= SQL_SEEN_SYSVAR;
                q = p + 2;
                if (q >= end || !(IS(*q, CT_IDENT) || *q == '`' || (*q == '"' && s->opt.ansi_quotes)))
                    kind = SQL_T_BAD;
                name_next = kind == SQL_T_SYSVAR; /* @@1x is a name, too */
                goto emit_kind;
            }
            kind = SQL_T_USERVAR;
            q = scan_uservar(t, p, &flags);
            if (UNLIKELY(!q)) goto unterminated;
            if (UNLIKELY(q == p)) {
                q = p + 1;
                goto bad;
            }
            if (!key_text(t, KEY_KIND + SQL_T_USERVAR, p, (size_t)(q - p))) return SQL_NOMEM;
            break;
        case '?':
            kind = SQL_T_PARAM;
            s->seen |= SQL_SEEN_PARAM;
            s->nparams++;
            goto emit_kind;
        case '.': {
            bool after_name =
                t->n && last_end == p &&
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
                const char *r = scan_comment(t, p);
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
        case '#': t->p = scan_line(t, p); continue;
        case '-':
            if (AT(1, '-') && (end - p == 2 || (unsigned char)p[2] <= ' ' || p[2] == 0x7f)) {
                t->p = scan_line(t, p);
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
            if (UNLIKELY(t->n && s->toks[t->n - 1].kind == SQL_T_QUOTED)) scan_note_quoted(t, t->n - 1);
            goto emit_op;
        case ')':
        case ',':
        case '{':
        case '}':
        case '+':
        case '%':
        case '^':
        case '~':
        case '=':
        case '<':
        case '>':
        case '!':
        case '&':
        case '|':
        case ':':
            q = scan_operator(p, end, s->opt.pipes_as_concat, &word);
            if (UNLIKELY(word == SQL_OP_ASSIGN)) s->seen |= SQL_SEEN_ASSIGN;
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
        default:
            goto bad;
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
        emit_op:
            *t->k++ = (char)(KEY_OP + word);
            break;
        }

        s->toks[t->n++] = (struct sql_tok){.off = (uint32_t)(p - text),
                                           .len = (uint32_t)(q - p),
                                           .kind = kind,
                                           .flags = flags,
                                           .word = word};
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

enum sql_status sql_scan(struct sql_scan *s, const char *text, size_t len, size_t from,
                         const struct sql_options *opt)
{
    if (len > INT32_MAX || from > len) return SQL_ERROR;
    if (!text) text = "";  /* a packet without a statement */
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
    *t.k++ = (char)(0x80 | o->ansi_quotes | o->no_backslash_escapes << 1 | o->pipes_as_concat << 2 |
                    o->ignore_space << 3 | o->high_not_precedence << 4);
    *t.k++ = (char)o->trail;
    return pass_run(&t);
}

void sql_scan_release(struct sql_scan *s)
{
    mem_free(s->toks);
    buf_release(&s->key);
    *s = (struct sql_scan){0};
}
