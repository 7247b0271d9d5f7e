/*
 * fuzz_sql.c - any bytes as SQL: no crash, no step outside of the text, a tree or a fault; and of a tree:
 * spans inside the statement, ids of their own, no edits give the same bytes, each token replaced by itself
 * gives the same key and tree.
 *
 * The first byte chooses options, so that every sql_mode and trail-byte character set is met.
 */
#include "parser/sql.h"

#include <stdlib.h>

static struct sql_options options_of(uint8_t b)
{
    struct sql_options o = {.ansi_quotes = b & 1, .no_backslash_escapes = b & 2, .pipes_as_concat = b & 4};
    o.ignore_space = b & 8;
    o.high_not_precedence = b & 16;
    o.mariadb = b & 32;
    o.version = o.mariadb ? 101100 : 80400;
    o.trail = (uint8_t)((b >> 6) + (b == 0xff));
    return o;
}

struct seen {
    const struct sql_scan *s;
    uint8_t *ids;
    uint32_t n;
};

static bool visit(void *ctx, struct sql_expr *e)
{
    struct seen *seen = ctx;
    if (e->id >= seen->n || seen->ids[e->id]++) abort();
    if (e->span.first >= e->span.end || e->span.end > seen->s->ntoks) abort();
    for (uint32_t i = 0; i < e->nargs; i++)
        if (e->args[i]->span.first < e->span.first || e->args[i]->span.end > e->span.end) abort();
    return true;
}

static void check_scan(const struct sql_scan *s)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < s->ntoks; i++) {
        if (s->toks[i].off < end || s->toks[i].off + s->toks[i].len > s->len) abort();
        end = s->toks[i].off + s->toks[i].len;
    }
    if (s->toks[s->ntoks].kind != SQL_T_END) abort();
}

/* The texts of tokens alone: nothing may be read beyond them. */
static void check_texts(const struct sql_scan *s, struct arena *a)
{
    for (uint32_t i = 0; i < s->ntoks; i++)
        if (s->toks[i].kind != SQL_T_BAD && !sql_text(s, i, a).ptr) abort();
}

static void check_edits(const struct sql_scan *s, const struct sql_stmt *st, struct arena *a)
{
    struct buf same = {0}, first = {0}, second = {0}, spliced = {0};
    sql_render(s, NULL, 0, &same);
    if (!str_eq(buf_str(&same), str_make(s->text, s->len))) abort();
    struct sql_edit *edits = arena_array(a, struct sql_edit, s->ntoks + 1);
    if (!edits) abort();
    for (uint32_t i = 0; i < s->ntoks; i++) edits[i] = (struct sql_edit){{i, i + 1}, sql_tok_str(s, i)};
    sql_render(s, edits, s->ntoks, &spliced);
    struct sql_scan again = {0};
    struct sql_stmt *st2;
    struct fault f;
    if (sql_scan(&again, spliced.data, spliced.len, 0, &s->opt) != SQL_OK) abort();
    if (sql_parse(&again, a, &st2, &f) != SQL_OK) abort();
    if (!str_eq(buf_str(&again.key), buf_str(&s->key))) abort();
    sql_dump(s, st, &first);
    sql_dump(&again, st2, &second);
    if (!str_eq(buf_str(&first), buf_str(&second))) abort();
    sql_scan_release(&again);
    buf_release(&same);
    buf_release(&first);
    buf_release(&second);
    buf_release(&spliced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct sql_options opt = options_of(data[0]);
    const char *text = (const char *)data + 1;
    struct sql_scan s = {0};
    for (size_t from = 0; from <= size - 1;) {
        struct arena a;
        struct sql_stmt *st;
        struct fault f;
        struct buf digest = {0};
        arena_init(&a, 0);
        if (sql_scan(&s, text, size - 1, from, &opt) != SQL_OK) abort();
        check_scan(&s);
        check_texts(&s, &a);
        sql_digest(&s, &digest);
        buf_release(&digest);
        enum sql_status got = sql_parse(&s, &a, &st, &f);
        if (got == SQL_OK) {
            struct seen seen = {&s, arena_zalloc(&a, st->nexprs + 1u), st->nexprs};
            if (s.seen & SQL_SEEN_BAD) abort(); /* a bad token is never consumed */
            if (!seen.ids || !sql_walk(st, visit, &seen)) abort();
            if (st->nparams != s.nparams) abort();
            check_edits(&s, st, &a);
        } else if (got != SQL_ERROR || (f.code != 1064 && f.code != 1235 && f.code != 1248)) {
            abort();
        }
        arena_release(&a);
        if (s.next <= from || s.next >= size - 1) break;
        from = s.next;
    }
    sql_scan_release(&s);
    return 0;
}
