/*
 * null_text.h - the little that the null server understands of a statement's text: words outside quotes and brackets, the number in a
 * table's name, LIMIT, how many parameters.
 */
#ifndef NULL_TEXT_H
#define NULL_TEXT_H

#include "mini.h"

#include <ctype.h>
#include <strings.h>

struct text {
    const char *p, *end;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '@';
}

static void skip_space(struct text *t)
{
    for (;;) {
        while (t->p < t->end && isspace((unsigned char)*t->p)) t->p++;
        if (t->end - t->p < 4 || t->p[0] != '/' || t->p[1] != '*') return;
        const char *close = memmem(t->p + 2, (size_t)(t->end - t->p - 2), "*/", 2);
        if (!close) return;
        t->p = close + 2;
    }
}

static bool starts(struct text t, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(t.end - t.p) >= n && strncasecmp(t.p, word, n) == 0;
}

static bool contains(struct text t, const char *part)
{
    size_t n = strlen(part);
    for (; (size_t)(t.end - t.p) >= n; t.p++)
        if (strncasecmp(t.p, part, n) == 0) return true;
    return false;
}

/* Finds `word` (upper case) outside quotes and parentheses as a whole word; NULL when it is not there. */
static const char *find_word(struct text t, const char *word)
{
    size_t n = strlen(word);
    int depth = 0;
    for (const char *p = t.p; p < t.end; p++) {
        char c = *p;
        if (c == '(') {
            depth++;
        } else if (c == ')') {
            depth--;
        } else if (c == '\'' || c == '"' || c == '`') {
            const char *close = memchr(p + 1, c, (size_t)(t.end - p - 1));
            if (!close) return NULL;
            p = close;
        } else if (depth == 0 && (c & ~0x20) == word[0] && (p == t.p || !is_word(p[-1])) &&
                   (size_t)(t.end - p) >= n && strncasecmp(p, word, n) == 0 &&
                   (p + n == t.end || !is_word(p[n]))) {
            return p;
        }
    }
    return NULL;
}

/* The number right behind "rows" in a table's name: rows100 is 100, rows25k 25000; 0 when there is none. */
static uint32_t rows_of_name(const char *p, size_t n)
{
    for (size_t i = 0; i + 4 < n; i++) {
        if (memcmp(p + i, "rows", 4) != 0) continue;
        uint64_t v = 0;
        size_t j = i + 4;
        while (j < n && isdigit((unsigned char)p[j]) && v < 100000000) v = v * 10 + (uint64_t)(p[j++] - '0');
        if (j < n && p[j] == 'k') v *= 1000;
        if (v > 0) return v > 10000000 ? 10000000 : (uint32_t)v;
    }
    return 0;
}

/* The number at t->p, which is behind it afterwards. */
static uint64_t number(struct text *t)
{
    uint64_t v = 0;
    skip_space(t);
    while (t->p < t->end && isdigit((unsigned char)*t->p) && v < 1000000000000)
        v = v * 10 + (uint64_t)(*t->p++ - '0');
    skip_space(t);
    return v;
}

/* LIMIT n, LIMIT o, n and LIMIT n OFFSET o; how many rows remain of `rows`. The data is endless only for
 * "order" tables. */
static uint32_t apply_limit(struct text t, uint32_t rows, bool endless)
{
    const char *at = find_word(t, "LIMIT");
    if (!at) return rows;
    t.p = at + 5;
    skip_space(&t);
    if (t.p < t.end && *t.p == '?') return rows;
    uint64_t take = number(&t), skip = 0;
    if (t.p < t.end && *t.p == ',') {
        t.p++;
        skip = take;
        take = number(&t);
    } else if (starts(t, "OFFSET")) {
        t.p += 6;
        skip = number(&t);
    }
    if (endless) return take > 10000000 ? 10000000 : (uint32_t)take;
    if (skip >= rows) return 0;
    return take < rows - skip ? (uint32_t)take : (uint32_t)(rows - skip);
}

static inline unsigned count_params(struct text t)
{
    unsigned n = 0;
    for (const char *p = t.p; p < t.end; p++) {
        if (*p == '?') n++;
        if (*p != '\'' && *p != '"' && *p != '`') continue;
        const char *close = memchr(p + 1, *p, (size_t)(t.end - p - 1));
        if (!close) return n;
        p = close;
    }
    return n;
}

#endif
