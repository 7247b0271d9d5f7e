/*
 * transcode.h - a text reply on its way to the client -> the reply of COM_STMT_EXECUTE, for the statements that the session answers in text (SHOW,
 * information_schema, SET ...). Packets keep their numbers: only rows change.
 *
 *   front_send --> transcode_feed --> count, definitions, EOF, OK, ERR as they are; rows re-encoded --> front_send_raw
 *
 * Describing (what PREPARE must know of such a statement): everything is dropped, the definitions and an error are kept.
 */
#ifndef WEIR_TRANSCODE_H
#define WEIR_TRANSCODE_H

#include "proxy/exec/front.h"

struct transcode {
    struct wire_gather gather;
    struct arena arena;      /* definitions */
    uint8_t state;           /* 0 first, 1 definitions, 2 EOF behind them, 3 rows */
    uint32_t ncolumns, have;
    struct wire_column *columns;
    bool describing, failed;
    bool over;               /* the reply failed in mid-result: nothing more goes out */
    struct buf definitions;  /* describing: u32 length, payload, each */
    struct fault fault;
};

/* From now on. False: no memory. */
bool transcode_begin(struct front *f, bool describing) MUST_CHECK;
void transcode_feed(struct front *f, const void *p, size_t n);
void transcode_end(struct front *f); /* forgets it */

#endif
