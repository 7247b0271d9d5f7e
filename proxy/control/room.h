/*
 * room.h - what the files of control/ share. Not for others.
 *
 *   control.c   threads, queues, health, kill, the public functions
 *   link.c      one connection to a server, with time-outs
 *   verify.c    is it the server that the rules mean?
 *   columns.c   information_schema -> catalog
 *   segments.c  the rows behind id sequences
 *   ids.c       ids in memory (ids.h)
 */
#ifndef WEIR_CONTROL_ROOM_H
#define WEIR_CONTROL_ROOM_H

#include <mysql.h>

#include "proxy/control/control.h"
#include "proxy/control/ids.h"

enum { LINK_ERROR = IDS_ERROR, LINK_PATH = 4096 };

/* A connection to one source, opened on demand. Belongs to one thread at a time. */
struct link {
    const struct conf *conf;
    const struct conf_source *source;
    uint64_t connect_ms, read_ms;
    char print[48]; /* SHA-1 of the certificate that was verified, in hex; empty: not known (yet) */
    MYSQL *my;     /* NULL: closed */
    unsigned code; /* of the last failure; 0: none */
    char error[LINK_ERROR];
};
void link_init(struct link *l, const struct conf *conf, const struct conf_source *source, uint64_t connect_ms, uint64_t read_ms);
bool link_open(struct link *l) MUST_CHECK; /* true also when it is open already */
void link_close(struct link *l);
/* Runs one statement. A lost connection is closed; when it had been idle since before this call it is opened
 * again and the statement sent once more
 * (`again`), so only statements that may run twice ask for that. */
bool link_query(struct link *l, struct str sql, bool again) MUST_CHECK;
MYSQL_RES *link_result(struct link *l) MUST_CHECK; /* of the last link_query; NULL: failed */
/* 'text' quoted for this connection (sql_mode is cleared at connect), `name` quoted. */
void put_quoted(struct buf *b, struct str text);
void put_name(struct buf *b, struct str name);

/* ---- verify.c ---- */
/* Connects, checks the server's certificate by the rules and sets print. False: error says why. */
bool link_verify(struct link *l) MUST_CHECK;
/* Paths of the rules are relative to the rule file. */
bool link_path(const struct link *l, struct str path, char out[LINK_PATH]) MUST_CHECK;

/* ---- columns.c ---- */

/*
 * The tables of all sources. `answers`, when given (by source index), tells which sources answered; tables of
 * one that did not are taken from `old` (may be NULL), as are those of a source for which ask(ctx, source) is
 * false. NULL: out of memory. Equal contents give `old` again (with one more reference).
 */
struct columns_job {
    const struct router *router;
    struct catalog *old;
    struct link *links;                      /* one a source */
    bool (*ask)(void *ctx, uint32_t source); /* NULL: all */
    void (*failed)(void *ctx, uint32_t source, const char *error);
    void *ctx;
    bool *answers;
};
struct catalog *columns_load(const struct columns_job *job) MUST_CHECK;

/* ---- segments.c ---- */

/* UPDATE of the row; database, table and row are made when they are missing. See idseq_hooks.fetch. */
bool segment_fetch(struct link *l, const struct conf_sequence *q, uint64_t floor, uint64_t n, uint64_t *last,
                   char error[IDS_ERROR]) MUST_CHECK;
/* max_id from `last` back to `keep` unless somebody took more. */
bool segment_return(struct link *l, const struct conf_sequence *q, uint64_t keep, uint64_t last) MUST_CHECK;

#endif
