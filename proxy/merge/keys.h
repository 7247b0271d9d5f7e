/*
 * keys.h - comparing rows of a result set by their sort keys, from values of the text or the binary protocol.
 *
 *   row payload --row_cells--> cells (offset, length) --key_head--> head {rank, prefix, where} one a key
 *
 * Binary numbers and dates become their prefix without a detour through text; decimals, strings and weights
 * are the same bytes in both protocols.
 *
 * A head is made once, when a row becomes the first of its leg, and holds a 64-bit prefix that orders as the
 * value does: integers, doubles and temporal values are their prefix; of decimals, bytes and weights it
 * decides unless equal, and then the bytes do. `desc` is folded into rank and prefix (complemented), so the
 * common comparison is two words.
 */
#ifndef WEIR_MERGE_KEYS_H
#define WEIR_MERGE_KEYS_H

#include "proxy/merge/merge.h"
#include "proxy/merge/weights.h"

enum key_class {
    KEY_INT,
    KEY_UINT, /* also YEAR */
    KEY_DOUBLE,
    KEY_DECIMAL,
    KEY_DATETIME, /* DATE, DATETIME, TIMESTAMP */
    KEY_TIME,
    KEY_BYTES,
    KEY_TEXT,   /* by weight */
    KEY_NULL,   /* a column that is NULL always */
    KEY_REFUSED /* ENUM, SET, JSON, GEOMETRY, ...: not comparable from text */
};
enum key_class key_class_of(const struct wire_column *c);
const char *key_class_name(enum key_class c);

struct key {
    uint32_t value; /* column whose NULL counts */
    uint32_t field; /* column whose bytes are compared: the value, or its weight */
    enum key_class cls;
    bool desc;
    bool binary; /* values are of the binary protocol */
    struct weight_pad pad;
};

/* How the values of a row lie in its payload. */
enum { WIDTH_LONG = 0 /* behind a length */, WIDTH_NEVER = 0xff /* the NULL type: a value is a fault */ };
struct row_form {
    bool binary;
    uint32_t ncols;        /* of the whole row: the NULL bits */
    const uint8_t *widths; /* binary: bytes of each column's value, or one of the above */
};
uint8_t row_width(uint8_t type); /* of an enum wire_type; types yet unknown: WIDTH_LONG */
/* Bytes before the first value of a binary row with n columns: 0x00 and the NULL bits, of which two are
 * spare. */
static inline size_t row_bits_end(uint32_t n)
{
    return 1 + ((size_t)n + 2 + 7) / 8;
}

enum { CELL_NULL = UINT32_MAX };
struct cell {
    uint32_t off, len; /* len == CELL_NULL: NULL */
};
struct head {
    uint64_t prefix;
    uint32_t off, len; /* of the compared bytes in the row */
    uint8_t rank;      /* NULL before values, turned round by desc */
};

static inline struct str cell_str(const char *row, struct cell c)
{
    return c.len == CELL_NULL ? STR_NULL : str_make(row + c.off, c.len);
}

static inline size_t cell_end(struct cell c)
{
    return c.len == CELL_NULL ? c.off : (size_t)c.off + c.len;
}

/* The first n fields of a row. All of them: there must be nothing behind. False: malformed. */
bool row_cells(const struct row_form *form, const char *row, size_t len, struct cell *cells,
               uint32_t n) MUST_CHECK;
/* False: the value is not of the column's type. */
bool key_head(const struct key *k, const char *row, const struct cell *cells, struct head *out) MUST_CHECK;
int key_compare_tied(const struct key *k, const struct head *a, const char *row_a, const struct head *b,
                     const char *row_b);

static inline int keys_compare(const struct key *keys, uint32_t n, const struct head *a, const char *row_a,
                               const struct head *b, const char *row_b)
{
    for (uint32_t i = 0; i < n; i++) {
        if (a[i].rank != b[i].rank) return a[i].rank < b[i].rank ? -1 : 1;
        if (a[i].prefix != b[i].prefix) return a[i].prefix < b[i].prefix ? -1 : 1;
        if (keys[i].cls == KEY_DECIMAL || keys[i].cls == KEY_BYTES || keys[i].cls == KEY_TEXT) {
            int c = key_compare_tied(&keys[i], &a[i], row_a, &b[i], row_b);
            if (c) return c;
        }
    }
    return 0;
}
/* A double, or a float, as its protocol has it. */
bool value_double(bool binary, struct str s, double *out) MUST_CHECK;
/* An integer of either sign that fits into its class (KEY_INT: as int64_t). */
bool value_int(bool binary, enum key_class cls, struct str s, uint64_t *out) MUST_CHECK;
/* The integer, read as `cls`, in a binary column of that width. False: it does not fit. */
bool value_put_int(struct buf *out, enum key_class cls, uint64_t v, uint8_t width,
                   bool is_unsigned) MUST_CHECK;
/* Does b come before a, as far as prefixes tell? For the check that a leg delivers in order. */
bool keys_backwards(const struct key *keys, uint32_t n, const struct head *a, const struct head *b);

#endif
