/*
 * stmts.h - the statements that are prepared on one server connection: found by text, kept up to a cap, the least recently used one is closed.
 *
 * What a server understands by a text depends on the connection's database and session variables (sql_mode, character sets), so both are part of
 * the key. A few dozen entries: hashes lie side by side and are searched in a line.
 */
#ifndef WEIR_STMTS_H
#define WEIR_STMTS_H

#include "proxy/backend/settings.h"

struct conn;

struct server_stmt {
    uint64_t used; /* tick of the last use */
    uint32_t id;   /* the server's */
    struct settings *applied;
    struct str db;   /* a copy */
    struct str text; /* a copy */
};
struct server_stmts {
    uint32_t n, cap;
    uint64_t *hashes;
    struct server_stmt **at;
    uint64_t tick;
};

uint64_t conn_stmt_hash(struct str text);
/* The server's id of that text under the connection's current database and variables; 0: not prepared there. */
uint32_t conn_stmt_find(struct conn *c, uint64_t hash, struct str text);
/* Remembers what COM_STMT_PREPARE gave; above `max` entries the oldest is closed. False: no memory, then the statement is closed and must not be used. */
bool conn_stmt_add(struct conn *c, uint64_t hash, struct str text, uint32_t id, uint32_t max) MUST_CHECK;
/* COM_STMT_CLOSE: no answer comes. Only when no reply is under way. */
void conn_stmt_close(struct conn *c, uint32_t id);
/* Closes all of them: the server is at its max_prepared_stmt_count. How many there were. */
uint32_t conn_stmt_close_all(struct conn *c);
/* Forgets them without a word to the server. */
void conn_stmts_release(struct conn *c);

#endif
