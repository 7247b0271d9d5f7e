/*
 * scan_facts.c - what the token pass notes besides tokens: calls and variables that bind a session to its
 * connection, routines whose text has semicolons of its own, strings that are names.
 */
#include "parser/scan.h"

uint16_t scan_word_back(const struct pass *t, uint32_t back)
{
    if (t->n < back) return SQL_W_NONE;
    const struct sql_tok *k = &t->s->toks[t->n - back];
    return k->kind == SQL_T_WORD ? k->word : (uint16_t)SQL_W_NONE;
}

/* CREATE TABLE t (event INT): a column, no routine. */
static bool names_table(const struct pass *t)
{
    for (uint32_t i = 1; i < t->n; i++) {
        const struct sql_tok *k = &t->s->toks[i];
        if (k->kind == SQL_T_WORD && (k->word == SQL_W_TABLE || k->word == SQL_W_VIEW || k->word == SQL_W_INDEX)) return true;
    }
    return false;
}

/* A word that the facts depend on; it is not yet in toks. */
void scan_note_word(struct pass *t, uint16_t word)
{
    struct sql_scan *s = t->s;
    uint16_t prev = scan_word_back(t, 1);
    uint16_t verb = t->n ? s->toks[0].word : SQL_W_NONE;
    switch (word) { /* a few of many: the rest is not noted */
    case SQL_W_LAST_INSERT_ID: s->seen |= SQL_SEEN_LAST_INSERT_ID; break;
    case SQL_W_IDENTITY:
        if (t->n &&
            (s->toks[t->n - 1].kind == SQL_T_SYSVAR || (t->n > 2 && s->toks[t->n - 3].kind == SQL_T_SYSVAR)))
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
    case SQL_W_PACKAGE: /* of CREATE ... or ALTER EVENT, after at most OR REPLACE DEFINER = user@host
                           AGGREGATE */
        if ((verb == SQL_W_CREATE || verb == SQL_W_ALTER) && t->n <= 12 && !names_table(t)) t->compound = true;
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
        /* A body that is one bare IF, LOOP... (END IF below closes no block): its end cannot be told from
         * here. */
        if (prev == SQL_W_END) break;
        if (t->compound && t->blocks == 0 && !(word == SQL_W_DO && prev != SQL_W_NONE)) t->open_ended = true;
        break;
    default: break;
    }
}

/* The words behind END of END IF, END LOOP...: END has closed a block too many. */
void scan_reopen_block(struct pass *t, uint16_t word)
{
    if (word == SQL_W_IF || word == SQL_W_LOOP || word == SQL_W_REPEAT || word == SQL_W_WHILE ||
        word == SQL_W_FOR)
        t->blocks++;
}

/* A quoted name in the place of a call or a system variable has the same effect as the bare one. */
void scan_note_quoted(struct pass *t, uint32_t tok)
{
    const struct sql_tok *k = &t->s->toks[tok];
    if (k->kind != SQL_T_QUOTED || k->len < 3) return;
    uint16_t w = sql_word_find(t->s->text + k->off + 1, k->len - 2u, k->len - 2u);
    if (w != SQL_W_NONE && sql_words[w].noted && !t->compound) scan_note_word(t, w);
}

bool scan_alias_place(const struct pass *t)
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
