/*
 * edit.c - splicing: the statement's own bytes with some tokens replaced.
 *
 *   SELECT a /x/ FROM t  WHERE ...
 *   ......         ~~~~~            [0, 5) copied, tokens of the edit replaced, the rest copied
 *
 * Comments and blanks between tokens that no edit covers are copied as they are. A blank is added only where
 * an edit's text would grow together with its neighbour. Where an edit removes one end of a versioned
 * comment, the other end is completed.
 */
#include "parser/sql.h"

static uint32_t end_of(const struct sql_scan *s, uint32_t tok)
{
    return s->toks[tok].off + s->toks[tok].len;
}

/* Would these two characters be read as one token (or open a comment)? */
static bool wordy(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c == '`' || c == '\'' || c == '"' || c == '?' || (c & 0x80);
}

/* Behind '@' the name must follow at once: only @@ ends in it. */
static bool grow_together(char a, char b)
{
    static const char joins[] = "-+*/<>=!|&:#";
    if (wordy(a) && (wordy(b) || b == '@')) return true;
    return a && b && strchr(joins, a) && strchr(joins, b);
}

struct splice {
    const struct sql_scan *s;
    struct buf *out;
    bool edited; /* the last bytes written are an edit's */
};

static void put(struct splice *r, const char *p, size_t n, bool edit)
{
    if (n == 0) return;
    struct buf *out = r->out;
    if ((edit || r->edited) && out->len && grow_together(out->data[out->len - 1], p[0])) buf_put_u8(out, ' ');
    buf_put(out, p, n);
    r->edited = edit;
}

static void copy(struct splice *r, uint32_t from, uint32_t to)
{
    if (to > from) put(r, r->s->text + from, to - from, false);
}

/* Copies the bytes [from, to) with the edits applied; `last`: the token after the last one that may be
 * edited. */
static void splice(struct splice *r, uint32_t from, uint32_t to, uint32_t last, const struct sql_edit *edits,
                   uint32_t n)
{
    const struct sql_scan *s = r->s;
    uint32_t at = from;
    for (uint32_t i = 0; i < n; i++) {
        const struct sql_edit *e = &edits[i];
        if (e->span.first == e->span.end) {
            uint32_t before =
                e->span.first >= last && last > 0 ? end_of(s, last - 1) : s->toks[e->span.first].off;
            if (before > at) {
                copy(r, at, before);
                at = before;
            }
            put(r, e->text.ptr, e->text.len, true);
            continue;
        }
        copy(r, at, s->toks[e->span.first].off);
        put(r, e->text.ptr, e->text.len, true);
        bool in = s->toks[e->span.first].flags & SQL_TF_VERSIONED,
             out = s->toks[e->span.end - 1].flags & SQL_TF_VERSIONED;
        if (in && !out) put(r, " */", 3, true);
        if (!in && out) put(r, " /*! ", 5, true);
        at = end_of(s, e->span.end - 1);
    }
    copy(r, at, to);
}

void sql_render(const struct sql_scan *s, const struct sql_edit *edits, uint32_t n, struct buf *out)
{
    struct splice r = {.s = s, .out = out};
    splice(&r, 0, s->len, s->ntoks, edits, n);
}

void sql_render_range(const struct sql_scan *s, struct sql_span range, const struct sql_edit *edits,
                      uint32_t n, struct buf *out)
{
    if (range.first >= range.end) {
        struct splice r = {.s = s, .out = out};
        for (uint32_t i = 0; i < n; i++) put(&r, edits[i].text.ptr, edits[i].text.len, true);
        return;
    }
    struct splice r = {.s = s, .out = out};
    /* A range that starts or ends inside a versioned comment is given the missing end. */
    if (s->toks[range.first].flags & SQL_TF_VERSIONED) put(&r, "/*! ", 4, true);
    splice(&r, s->toks[range.first].off, end_of(s, range.end - 1), range.end, edits, n);
    if (s->toks[range.end - 1].flags & SQL_TF_VERSIONED) put(&r, " */", 3, true);
}

enum sql_status sql_bind_params(const struct sql_scan *s, const struct str *literals, uint32_t n,
                                struct buf *out)
{
    struct splice r = {.s = s, .out = out};
    uint32_t at = 0, k = 0;
    if (n != s->nparams) return SQL_ERROR;
    for (uint32_t i = 0; i < s->ntoks && k < n; i++) {
        if (s->toks[i].kind != SQL_T_PARAM) continue;
        copy(&r, at, s->toks[i].off);
        put(&r, literals[k].ptr, literals[k].len, true);
        at = end_of(s, i);
        k++;
    }
    copy(&r, at, s->len);
    return out->failed ? SQL_NOMEM : SQL_OK;
}
