/*
 * digest.c - a statement's shape for people and logs: literals as ?, lists of literals folded to (...),
 * keywords in capitals, one blank between tokens where the text needs or likes one.
 *
 *   select * from T where id in (1,2,3) and x='a'   ->   SELECT * FROM T WHERE id IN (...) AND x = ?
 */
#include "parser/words.h"

static bool is_literal(const struct sql_tok *t)
{
    switch ((enum sql_tok_kind)t->kind) {
    case SQL_T_INT:
    case SQL_T_DECIMAL:
    case SQL_T_FLOAT:
    case SQL_T_STRING:
    case SQL_T_NSTRING:
    case SQL_T_HEX:
    case SQL_T_BIN:
    case SQL_T_PARAM: return true;
    case SQL_T_WORD: return t->word == SQL_W_NULL;
    case SQL_T_END:
    case SQL_T_QUOTED:
    case SQL_T_CHARSET:
    case SQL_T_USERVAR:
    case SQL_T_SYSVAR:
    case SQL_T_OP:
    case SQL_T_BAD: return false;
    }
    return false;
}

static bool op_at(const struct sql_scan *s, uint32_t i, uint16_t op)
{
    return i < s->ntoks && s->toks[i].kind == SQL_T_OP && s->toks[i].word == op;
}

/* Skips sign and introducer of a literal; the index after the literal, or i when there is none. */
static uint32_t literal_end(const struct sql_scan *s, uint32_t i)
{
    uint32_t k = i;
    while (op_at(s, k, SQL_OP_MINUS) || op_at(s, k, SQL_OP_PLUS)) k++;
    if (k < s->ntoks && s->toks[k].kind == SQL_T_CHARSET) k++;
    return k < s->ntoks && is_literal(&s->toks[k]) ? k + 1 : i;
}

/* (lit, lit, ...) from the '(' at i: the index after its ')', or i. */
static uint32_t list_end(const struct sql_scan *s, uint32_t i)
{
    if (!op_at(s, i, SQL_OP_LPAREN)) return i;
    for (uint32_t k = i + 1;; k++) {
        uint32_t end = literal_end(s, k);
        if (end == k) return i;
        if (op_at(s, end, SQL_OP_RPAREN)) return end + 1;
        if (!op_at(s, end, SQL_OP_COMMA)) return i;
        k = end;
    }
}

static bool blank_between(const struct sql_scan *s, uint32_t before, uint32_t here)
{
    const struct sql_tok *b = &s->toks[here];
    if (op_at(s, here, SQL_OP_COMMA) || op_at(s, here, SQL_OP_RPAREN) || op_at(s, here, SQL_OP_DOT) ||
        op_at(s, before, SQL_OP_DOT) || op_at(s, before, SQL_OP_LPAREN) ||
        s->toks[before].kind == SQL_T_SYSVAR)
        return false;
    if (op_at(s, here, SQL_OP_LPAREN))
        return (b->flags & SQL_TF_SPACE_BEFORE) || op_at(s, before, SQL_OP_COMMA);
    return true;
}

static void put_token(const struct sql_scan *s, uint32_t i, struct buf *out)
{
    const struct sql_tok *t = &s->toks[i];
    if (is_literal(t))
        buf_put_u8(out, '?');
    else if (t->kind == SQL_T_WORD && sql_words[t->word].reserved == SQL_RESERVED)
        buf_put(out, sql_words[t->word].text, sql_words[t->word].len);
    else
        buf_put_str(out, sql_tok_str(s, i));
}

void sql_digest(const struct sql_scan *s, struct buf *out)
{
    uint32_t prev = UINT32_MAX;
    bool values = false; /* the last thing written is a folded list: further rows are folded into it */
    for (uint32_t i = 0; i < s->ntoks;) {
        uint32_t end = list_end(s, i);
        if (end != i) {
            if (prev != UINT32_MAX && blank_between(s, prev, i)) buf_put_u8(out, ' ');
            buf_putz(out, "(...)");
            values = true;
            i = end;
            while (values && op_at(s, i, SQL_OP_COMMA) && list_end(s, i + 1) != i + 1) i = list_end(s, i + 1);
            prev = i - 1;
            continue;
        }
        if (prev != UINT32_MAX && blank_between(s, prev, i)) buf_put_u8(out, ' ');
        put_token(s, i, out);
        prev = i++;
    }
}
