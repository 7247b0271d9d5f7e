/*
 * load.h - LOAD DATA LOCAL INFILE: the one statement in which the client, once asked, sends data.
 *
 *   client: COM_QUERY            file file file ''                 <- OK "Records: 7  Deleted: 0  Skipped: 0  Warnings: 0"
 *   Weir:            0xFB name                     (reply)
 *
 * Two ways, by the plan:
 *
 *   relayed  one server has the table: it asks, its question goes to the client, the client's packets go to it. The slower of both sides sets the pace.
 *   split    Weir asks at once, cuts the file into records (proxy/load), gives each the shard and the id it gets (router), and collects them by shard. A
 *            batch that is full is sent as a LOAD DATA LOCAL of its own on its source's connection, all inside one transaction (or under a savepoint in the
 *            session's): all rows or none.
 *
 * Nothing is sent to the client while it sends: a statement that fails in the middle rolls back at once, reads the rest of the file, drops it, and only
 * then tells the error, as servers do.
 *
 * Memory of a split: two batches a shard (the one that fills, the one that its server has), at most a quarter of max_statement_memory
 * in all, and the record under way. A client that is faster than the servers is not read from.
 */
#ifndef WEIR_EXEC_LOAD_H
#define WEIR_EXEC_LOAD_H

#include "proxy/exec/exec.h"

struct load;
struct lane;

/* A plan with PLAN_LOAD_LOCAL is about to run. True: taken (it runs, or was refused); false: relayed, to be bound and run as any other. */
bool load_begin(struct exec *e);
void load_free(struct load *l);

/* Does the client owe us (the rest of) a file? Then its bytes come here: how many of them belonged to it; SIZE_MAX: its packets are out of order, and the
 * session must end (front->seq is that of the error). The statement may be over when it returns. */
bool load_wants(const struct front *f);
size_t load_client_bytes(struct front *f, const char *p, size_t n);
void load_ids_ready(struct exec *e);
void load_no_id(struct exec *e, const struct fault *f); /* the deadline for one passed */
bool load_stop(struct exec *e, const struct fault *fault, uint64_t patience_ms); /* KILL QUERY, time limits; false: only the hard way is left */
bool load_tick(struct front *f); /* true: the client was silent for too long, and is gone */

/* For lane.c and reply.c. */
bool load_parks(struct lane *l);                     /* before a leg: true when there is none to send now */
bool load_put_leg(struct lane *l, struct buf *out);  /* true: the leg's text was its to write */
void load_leg_done(struct lane *l, bool failed);
bool load_posts(const struct lane *l);               /* is it this lane that had the last record? */
bool load_server_bytes(struct lane *l, const char *p, size_t n); /* before a reply is looked at; false: nothing was asked, the lane failed */
void load_asked(struct lane *l);                     /* the server wants the file */
void load_server_drained(struct lane *l);
void load_add_info(struct lane *l, const struct wire_ok *ok, bool counts);
void load_error_text(struct lane *l, uint16_t code, struct buf *text); /* "at row 3" of a batch becomes that of the file */
void load_message(struct lane *l, uint8_t level, uint16_t code, struct str text);
void load_put_info(struct exec *e, struct buf *out); /* and the list for SHOW WARNINGS */
void load_settle(struct exec *e);                    /* after a failure: lanes that wait for work end */
bool load_runs(const struct exec *e);                /* work may still come for the lanes */
bool load_drained(const struct exec *e);             /* nothing more is expected of the client */

#endif
