/*
 * words.h - keyword look-up, shared by the scanner and the parser; not for other folders.
 *
 * A word of up to sixteen bytes is two folded 64-bit halves (its first and its last eight bytes, ASCII
 * letters made small), so that a look-up is two loads, one multiplication and one or two compares of a table
 * slot. Longer words compare their bytes as well. The table is made before main() from keywords.h.
 */
#ifndef WEIR_PARSER_WORDS_H
#define WEIR_PARSER_WORDS_H

#include "parser/sql.h"

/* How a keyword is reserved; keywords.h says from where this is known. */
enum sql_reserved { SQL_RESERVED_NO, SQL_RESERVED, SQL_RESERVED_MYSQL, SQL_RESERVED_MARIADB };

struct sql_word_info {
    const char *text;
    uint8_t len;
    uint8_t reserved; /* enum sql_reserved */
    uint8_t noted;    /* the scanner looks closer at this word: sql_scan's facts depend on it */
};
extern struct sql_word_info sql_words[SQL_W_COUNT];

/* The keyword that p[0..len) spells in any letter case, or SQL_W_NONE. `room`: bytes readable from p on. */
uint16_t sql_word_find(const char *p, size_t len, size_t room);
static inline uint16_t sql_word_of(struct str s)
{
    return sql_word_find(s.ptr, s.len, s.len);
}

/* Is this a character set that an introducer can name (without the underscore)? */
bool sql_is_charset(struct str name);

/* Bytes of the character at p under a client character set whose later bytes may look like ASCII (scan.c). */
size_t sql_char_len(uint8_t trail, const char *p, const char *end);

#endif
