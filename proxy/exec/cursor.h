/*
 * cursor.h - open cursors of a session (COM_STMT_EXECUTE with CURSOR_TYPE_READ_ONLY, then COM_STMT_FETCH).
 *
 *   EXECUTE  each leg opens a cursor of its own on its server; the client gets the definitions (exec.c, merge.h's cursor form)
 *   FETCH n  the merge gives n rows and says which leg it waits for; that one is asked for a batch
 *
 * Weir holds no more than about a window of each leg. The statement under a leg's cursor is prepared for it alone. A connection with open cursors
 * stays out of the pool (conn->cursors, pool_return); inside a transaction it is the held one, and other statements run on it between two fetches.
 * Legs of one source share a connection. A leg whose connection is gone is off its list: the next FETCH says so.
 */
#ifndef WEIR_CURSOR_H
#define WEIR_CURSOR_H

#include "proxy/exec/front.h"
#include "proxy/merge/merge.h"

struct cursor;

/* ---- while EXECUTE runs ---- */
struct cursor *cursor_new(struct front *f, struct plan *p, uint32_t statement, uint32_t nlegs);
/* The server has opened its cursor: statement `id` on c. */
void cursor_add_leg(struct cursor *cur, uint32_t leg, struct conn *c, uint32_t id);
/* The definitions are out: the merge is the cursor's now, and the client may fetch. */
void cursor_open(struct cursor *cur, struct merge *m);
void cursor_free(struct cursor *cur); /* not opened after all */

/* ---- afterwards ---- */
/* Closes the cursor of that client's statement, if it has one. */
void cursor_close(struct front *f, uint32_t statement);
void cursor_close_all(struct front *f);
/* COM_STMT_FETCH: false when no cursor is open; else f->ops->done follows when the rows are sent. */
bool cursor_fetch(struct front *f, uint32_t statement, uint32_t rows) MUST_CHECK;
/* The fetch under way: the client has taken what it was sent; KILL or a time-out. */
void cursor_drained(struct front *f);
void cursor_interrupt(struct front *f, uint16_t code, const char *state, const char *message);
uint64_t cursor_since_us(const struct front *f); /* 0: no fetch is under way */

#endif
