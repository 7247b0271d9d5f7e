/*
 * text.c - what quoted tokens mean, and names and strings written so that a server reads the same.
 *
 * Escapes as in https://dev.mysql.com/doc/refman/8.4/en/string-literals.html: \% and \_ keep their backslash
 * (LIKE wants it), an unknown escape is the character itself. Under a client character set whose second bytes
 * may be 0x5c, characters are stepped over whole.
 */
#include "parser/words.h"

/* ---- reading ---- */

static char unescape(char c)
{
    switch (c) {
    case '0': return '\0';
    case 'b': return '\b';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'Z': return '\032';
    default: return c;
    }
}

/* The inside of quotes, escapes resolved. */
static struct str unquote(const struct sql_scan *s, struct str in, char quote, bool backslash,
                          struct arena *a)
{
    char *out = arena_alloc(a, in.len + 1);
    if (!out) return STR_NULL;
    const char *p = in.ptr, *end = in.ptr + in.len;
    char *o = out;
    while (p < end) {
        if (*p == '\\' && backslash && end - p >= 2) {
            if (p[1] == '%' || p[1] == '_') *o++ = '\\';
            *o++ = unescape(p[1]);
            p += 2;
        } else if (*p == quote && end - p >= 2 && p[1] == quote) {
            *o++ = quote;
            p += 2;
        } else {
            size_t n = sql_char_len(s->opt.trail, p, end);
            memcpy(o, p, n);
            o += n;
            p += n;
        }
    }
    *o = 0;
    return str_make(out, (size_t)(o - out));
}

static struct str quoted(const struct sql_scan *s, struct str t, bool escaped, struct arena *a)
{
    char quote = t.ptr[0];
    struct str in = {t.ptr + 1, t.len - 2};
    if (!escaped) return in;
    bool name = quote == '`' || (quote == '"' && s->opt.ansi_quotes);
    return unquote(s, in, quote, !name && !s->opt.no_backslash_escapes, a);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : ascii_lower(c) - 'a' + 10);
}

/* Digits of `bits` bits each to bytes, the first byte filled up with zeros. */
static struct str digits(struct str d, unsigned bits, struct arena *a)
{
    size_t per = 8 / bits, n = (d.len + per - 1) / per;
    char *out = arena_zalloc(a, n + 1);
    if (!out) return STR_NULL;
    for (size_t i = 0; i < d.len; i++) {
        size_t from_end = d.len - 1 - i;
        char *b = out + (n - 1 - from_end / per);
        *b = (char)((unsigned char)*b | hex_digit(d.ptr[i]) << (bits * (from_end % per)));
    }
    return str_make(out, n);
}

static struct str bytes_literal(struct str t, unsigned bits, struct arena *a)
{
    struct str d = {t.ptr + 2, t.len - 2};
    if (t.ptr[1] == '\'') d.len--;
    return digits(d, bits, a);
}

struct str sql_text(const struct sql_scan *s, uint32_t tok, struct arena *a)
{
    const struct sql_tok *k = &s->toks[tok];
    struct str t = {s->text + k->off, k->len};
    bool escaped = k->flags & SQL_TF_ESCAPED;
    switch ((enum sql_tok_kind)k->kind) {
    case SQL_T_QUOTED:
    case SQL_T_STRING: return quoted(s, t, escaped, a);
    case SQL_T_NSTRING: return quoted(s, str_make(t.ptr + 1, t.len - 1), escaped, a);
    case SQL_T_HEX: return bytes_literal(t, 4, a);
    case SQL_T_BIN: return bytes_literal(t, 1, a);
    case SQL_T_CHARSET: return str_make(t.ptr + 1, t.len - 1);
    case SQL_T_USERVAR:
        if (t.len > 1 && (t.ptr[1] == '\'' || t.ptr[1] == '"' || t.ptr[1] == '`'))
            return quoted(s, str_make(t.ptr + 1, t.len - 1), escaped, a);
        return str_make(t.ptr + 1, t.len - 1);
    case SQL_T_END:
    case SQL_T_WORD:
    case SQL_T_INT:
    case SQL_T_DECIMAL:
    case SQL_T_FLOAT:
    case SQL_T_PARAM:
    case SQL_T_SYSVAR:
    case SQL_T_OP:
    case SQL_T_BAD: return t;
    }
    return t;
}

struct str sql_literal_text(const struct sql_scan *s, const struct sql_expr *e, struct arena *a)
{
    struct str one = sql_text(s, e->tok, a);
    uint32_t end = e->span.end;
    if (!one.ptr || end <= e->tok + 1 || s->toks[e->tok + 1].kind != SQL_T_STRING) return one;
    struct buf b = {0};
    buf_put_str(&b, one);
    for (uint32_t i = e->tok + 1; i < end && s->toks[i].kind == SQL_T_STRING; i++) {
        struct str more = sql_text(s, i, a);
        if (!more.ptr) b.failed = true;
        buf_put_str(&b, more);
    }
    struct str out = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_release(&b);
    return out;
}

/* ---- writing ---- */

static bool bare(struct str name)
{
    if (name.len == 0 || sql_words[sql_word_of(name)].reserved != SQL_RESERVED_NO) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9')) return false;
    }
    return true;
}

void sql_put_name(struct buf *out, struct str name, bool force)
{
    if (!force && bare(name)) {
        buf_put_str(out, name);
        return;
    }
    buf_put_u8(out, '`');
    const char *p = name.ptr, *end = name.ptr + name.len;
    while (p < end) {
        const char *q = memchr(p, '`', (size_t)(end - p));
        const char *stop = q ? q + 1 : end;
        buf_put(out, p, (size_t)(stop - p));
        if (q) buf_put_u8(out, '`');
        p = stop;
    }
    buf_put_u8(out, '`');
}

void sql_put_string(struct buf *out, struct str text, const struct sql_options *opt)
{
    uint8_t trail = opt ? opt->trail : (uint8_t)SQL_TRAIL_NONE;
    bool backslash = !(opt && opt->no_backslash_escapes);
    const char *p = text.ptr, *end = text.ptr + text.len;
    buf_put_u8(out, '\'');
    while (p < end) {
        const char *q = p;
        while (q < end && *q != '\'' && !(backslash && (*q == '\\' || *q == 0)))
            q += sql_char_len(trail, q, end);
        buf_put(out, p, (size_t)(q - p));
        if (q >= end) break;
        if (*q == '\'')
            buf_put(out, "''", 2);
        else
            buf_put(out, *q ? "\\\\" : "\\0", 2);
        p = q + 1;
    }
    buf_put_u8(out, '\'');
}
