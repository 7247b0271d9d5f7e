/*
 * scan.h - what the files of the token pass share; not for other folders.
 *
 *   scan.c        the loop, the key, the ends of statements
 *   scan_body.c   bodies of tokens, comments, multi-byte characters
 *   scan_facts.c  what a session wants to know of a statement, routines with ';' inside
 */
#ifndef WEIR_SCAN_H
#define WEIR_SCAN_H

#include "parser/words.h"

/* Classes of bytes: identifier (digits, letters, $, _, everything above 0x7f), digit, blank, hexadecimal
 * digit. */
enum { CT_IDENT = 1, CT_DIGIT = 2, CT_BLANK = 4, CT_HEX = 8 };
extern const uint8_t scan_ctype[256];
#define IS(c, bits) (scan_ctype[(unsigned char)(c)] & (bits))

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

/* Bodies: each returns the byte after the token. */
const char *scan_ident(const struct pass *t, const char *p);
/* p: after the opening quote. NULL when it does not end. Backslashes count in strings, never in names. */
const char *scan_quoted(const struct pass *t, const char *p, char quote, bool backslash, uint8_t *flags);
/* x'..' and b'..': p at the letter. Returns the byte after, or NULL when malformed (then the token is bad up
 * to *stop). */
const char *scan_bytes_literal(const struct pass *t, const char *p, const char **stop);
/* The fraction and exponent, p at the digit after '.', or at whatever follows. */
const char *scan_fraction(const struct pass *t, const char *p, uint8_t *kind);
/* p at a digit that starts a token: number, or a name that starts with digits. */
const char *scan_number(const struct pass *t, const char *p, uint8_t *kind);
/*
 * p at the opening of a comment. Returns where to go on, NULL when it does not end. A versioned comment that
 * counts for this server is entered: its tokens are tokens.
 */
const char *scan_comment(struct pass *t, const char *p);
const char *scan_line(const struct pass *t, const char *p); /* to the line's end */

/* Facts. A word that they depend on, before it is in toks; a quoted name that may be such a word; the word
 * behind END. */
void scan_note_word(struct pass *t, uint16_t word);
void scan_note_quoted(struct pass *t, uint32_t tok);
void scan_reopen_block(struct pass *t, uint16_t word);
uint16_t scan_word_back(const struct pass *t,
                        uint32_t back); /* the word of the token `back` places before, or none */
/* Can a string that follows the last token only be an alias? Then it is a name and the key holds it. */
bool scan_alias_place(const struct pass *t);

#endif
