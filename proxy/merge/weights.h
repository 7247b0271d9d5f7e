/*
 * weights.h - how WEIGHT_STRING bytes of a collation compare.
 *
 * Found by asking MariaDB 10.11 and MySQL 9 for the weights of tricky strings under every collation and
 * comparing with the servers' own order and equality (tests/integration/control_check does it again):
 *
 *   NO PAD (binary, .._nopad_.., .._0900_..)    bytes, the shorter first
 *   PAD SPACE                                   as if the shorter key went on with the weight of a space for
 * ever: 8-bit and East Asian character sets, all collations         20 utf8mb3, utf8mb4, ucs2, utf16,
 * utf16le, utf32:
 *           .._general_.., .._tolower_ci, utf8mb3_bin, ucs2_bin     00 20
 *           .._bin of the others                                    00 00 20
 *           .._520_.., .._myanmar_ci                                02 0a
 *           any other                                               02 09
 *   refused: .._thai_520_w2, tis620_thai_*, .._czech_cs, latin7_*, big5_chinese_*, gb18030_* but _bin, and
 * uca1400 with several levels (.._as_ci, .._ai_cs, .._as_cs): their weights do not compare as bytes do, or
 * not as the server sorts.
 *
 * One flaw is the server's: ORDER BY under MariaDB's 8-bit NO PAD collations takes 'a' and 'a\0' for ties.
 * Where equal rows must come together (groups, DISTINCT) the merge notices a step back and refuses.
 *
 * The collation's name is what counts: an id in a column definition is the client's character set, not the
 * column's.
 */
#ifndef WEIR_MERGE_WEIGHTS_H
#define WEIR_MERGE_WEIGHTS_H

#include "base/base.h"

struct weight_pad {
    uint8_t len; /* 0: NO PAD */
    uint8_t bytes[3];
};
/* False: weights of this collation cannot be compared (or it is unknown). */
bool weights_pad(struct str collation, struct weight_pad *out) MUST_CHECK;
int weights_compare(const unsigned char *a, size_t na, const unsigned char *b, size_t nb,
                    const struct weight_pad *pad);
/* The first eight bytes as a number, padded as the rule says: orders as weights_compare wherever two differ.
 */
uint64_t weights_prefix(const unsigned char *p, size_t n, const struct weight_pad *pad);

#endif
