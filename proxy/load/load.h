/*
 * load.h - the text format of LOAD DATA, read as a stream: bytes of any size in, records out. No I/O, no SQL, no shards.
 *
 *   load_feed(bytes) -> load_next: LOAD_RECORD ... LOAD_RECORD, LOAD_MORE -> load_feed ... load_feed_end -> LOAD_RECORD ... LOAD_END
 *
 * A record's boundaries are those that a server finds (sql_load.cc of MariaDB 10.11 and MySQL 8: class READ_INFO), and they depend on how
 * many fields the statement names: once the last one is read the server looks for the end of the line without regard to
 * enclosures. So a record can be handed on byte for byte to a server that runs the same statement. Nothing is decoded but what
 * load_value is asked for.
 *
 * What servers disagree about is not guessed: bytes that are no characters of the file's character set, with a terminator, an enclosure or
 * an escape so near that one server would take it for part of the broken character, are LOAD_BROKEN.
 *
 * Not read: the fixed-size format (FIELDS TERMINATED BY '' ENCLOSED BY ''), LINES TERMINATED BY '' or by the same as FIELDS, which say
 * nothing about where a record ends; character sets in which an ASCII byte may be the second half of a character
 * (gbk, big5, sjis, cp932, gb18030), and those of two or four bytes (ucs2, utf16, utf32). load_format_check names the reason.
 */
#ifndef WEIR_LOAD_LOAD_H
#define WEIR_LOAD_LOAD_H

#include "base/base.h"

enum load_charset {
    LOAD_CS_SINGLE, /* one byte a character, and binary */
    LOAD_CS_UTF8,
    LOAD_CS_EUC,    /* ujis, eucjpms, euckr, gb2312: all bytes of longer characters are beyond ASCII */
    LOAD_CS_OTHER   /* refused */
};
/* By a character set's name, as CHARACTER SET says it. OTHER: refused. */
enum load_charset load_charset_of(struct str name);

struct load_format {
    struct str fields_terminated, lines_terminated, lines_starting; /* may have several bytes; starting may be empty */
    int enclosed, escaped;                                          /* a byte, -1: none */
    enum load_charset charset;
    uint32_t nfields;      /* names in the statement's column list: at least 1 */
    uint64_t ignore_lines;
    uint64_t max_record;   /* bytes of one record; 0: no bound */
};
/* NULL, or why it cannot be read ("LINES TERMINATED BY '' ..."). Static text. */
const char *load_format_check(const struct load_format *f);

struct load_field { /* offsets in the record's raw bytes */
    size_t begin, end;     /* with its enclosures */
    bool quoted;           /* begins with the enclosure */
    bool closed;           /* and ends with it: both are not part of the value */
};

struct load_record {
    struct str raw;        /* LINES STARTING BY's text, the fields, and the terminator of the line when it has one; what stood before the start is dropped.
                              Valid until the next load_feed or load_next. */
    uint64_t number;       /* from 1, as "at row N" counts: ignored lines do not */
    uint32_t nfields;      /* fields that are there; fewer than the format's: the line is short */
    size_t body;           /* where the first field begins */
    size_t line_end;       /* where its terminator begins; raw.len when it has none */
    bool terminated;       /* false only for the file's last one */
};

enum load_status {
    LOAD_RECORD,
    LOAD_MORE,      /* all that was fed is used up */
    LOAD_END,
    LOAD_TOO_LONG,  /* a record over max_record; the reader stays there */
    LOAD_BROKEN,    /* invalid characters, see above; the reader stays there */
    LOAD_NOMEM
};

struct load_reader;
/* Keeps a copy of the format's texts. `wanted`: fields whose places load_field tells, ascending. NULL: out of memory. */
struct load_reader *load_reader_new(const struct load_format *f, const uint32_t *wanted, uint32_t nwanted) MUST_CHECK;
void load_reader_free(struct load_reader *r);
/* Copies. The record given last stays, but may move: load_refresh. */
void load_feed(struct load_reader *r, const void *p, size_t n);
void load_feed_end(struct load_reader *r);
/* The record given last lies elsewhere after load_feed: puts it right. */
void load_refresh(const struct load_reader *r, struct load_record *rec);
enum load_status load_next(struct load_reader *r, struct load_record *out) MUST_CHECK;
/* Number of the record under way, for messages about TOO_LONG and BROKEN. */
uint64_t load_number(const struct load_reader *r);

/* Of the record just given: the i-th wanted field. false: the line is too short to have it. */
bool load_field(const struct load_reader *r, uint32_t i, struct load_field *out);
enum load_value { LOAD_MISSING, LOAD_NULL, LOAD_TEXT, LOAD_VALUE_NOMEM };
/* Its value: a view into the record where nothing had to be unescaped, else in `a`. */
enum load_value load_value(const struct load_reader *r, const struct load_record *rec, uint32_t i, struct arena *a, struct str *out) MUST_CHECK;

#endif
