/*
 * hash.h - the shard hash: stable for ever, documented in docs/rules.md, the same on every machine and
 * version.
 *
 * A value is first brought to a canonical form, so that all spellings that MySQL compares equal to the
 * column's value hash alike (7, '7', 7.0, 0x07 on an integer column), then hashed: integer keys: the 64-bit
 * two's complement value (unsigned beyond 2^63 as its 64 bits) -> mix64 (the finaliser of splitmix64); string
 * keys: canonical text (ASCII-lower-cased unless case_sensitive, trailing spaces dropped) -> FNV-1a 64 then
 * mix64; binary keys: the bytes, trailing 0x00 dropped (BINARY(n) pads with them); date keys: "YYYY-MM-DD" of
 * the date part; decimal keys: canonical text without leading and trailing zeros ("-0.5", "12", "0"). Shard =
 * hash mod number of nodes. Several shard columns: h = 0, then for each h = mix64(h + 0x9e3779b97f4a7c15 +
 * hash of the column).
 *
 * Which collations this is exact for. Under an accent-insensitive collation 'é' equals 'e' and no byte
 * folding brings all equal texts to one form. So that no row is ever lost:
 *   - _bin and binary collations, or no collation known and case_sensitive: bytes decide, any character is
 * fine;
 *   - other collations: only ASCII keys are accepted by INSERT (others are refused with a hint), and only
 * when the collation is one whose ASCII characters equal each other by letter case alone (general_ci,
 * unicode_ci, 0900, uca1400, latin1_swedish_ci... see key.c). Control characters, which the Unicode
 * collations ignore, are refused as well. A comparison with a constant that is not plain ASCII goes to all
 * shards;
 *   - a collation outside that list, or one that folds case under `case_sensitive: true`, never narrows: all
 * shards.
 */
#ifndef WEIR_HASH_H
#define WEIR_HASH_H

#include "base/base.h"

uint64_t shard_hash_int(uint64_t bits);
uint64_t shard_hash_bytes(const void *p, size_t n);
/* Folds the hash of one more shard column into h (start with 0). Only for rules with several columns. */
uint64_t shard_hash_join(uint64_t h, uint64_t column);

#endif
