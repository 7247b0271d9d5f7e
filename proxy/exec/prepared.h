/*
 * prepared.h - a prepared statement as all sessions of a worker share it: text, plan, and what PREPARE tells the client.
 *
 *   client's statement id --session/stmt.c--> struct prepared (by text, schema, reading options, rules, catalog)
 *                                               plan: routed at each execute by the parameters
 *                                               definitions: asked of one server once, in logical names
 *   execute: plan -> legs -> the leg's text -> the connection's own statement (backend/stmts.h), prepared there when first needed
 *
 * Reference-counted, plain; those without a client wait in engine->prepared_idle, capped, so that a million texts hold no memory.
 */
#ifndef WEIR_PREPARED_H
#define WEIR_PREPARED_H

#include "proxy/exec/exec.h"

struct prepared {
    struct list node; /* engine->prepared_idle while refs == 0 */
    int refs;
    struct str key;   /* in engine->prepared; behind the struct */
    struct str text, schema;
    struct sql_options opt;
    bool foreign_charset, no_auto_value_on_zero;
    struct realm *realm;
    uint64_t catalog;     /* version that the plan was built with */
    struct plan *plan;
    bool described;       /* the following are filled in */
    uint16_t nparams, ncolumns;
    struct buf definitions; /* nparams, then ncolumns payloads: u32 length, bytes */
};

/* For that text under the session's schema and variables, from memory or planned now. NULL: fault. The caller holds a reference. */
struct prepared *prepared_get(struct front *f, struct str text, struct fault *fault) MUST_CHECK;
/* The same statement under the rules and the catalog of now; eats the reference of p. NULL: fault (p is gone too). */
struct prepared *prepared_renew(struct front *f, struct prepared *p, struct fault *fault) MUST_CHECK;
void prepared_unref(struct prepared *p);
void prepared_tick(struct engine *e);     /* lets go what belongs to rules that are not in force any more */
void prepared_free_idle(struct engine *e);
enum { PREPARED_DEFINITIONS_MAX = 8 << 20 }; /* 4096 columns with the longest names */
/* Appends one definition. */
void prepared_add_definition(struct buf *definitions, struct str payload);

/* Asks a server for the definitions (p->described is true afterwards); `then` is told how it ended. Nothing goes to the client. */
void exec_describe(struct front *f, struct prepared *p, exec_then *then, void *ctx);
/* Runs it; the reply goes to the client in the binary protocol. params: nparams of them, views into the client's packet or the session. cursor: enum wire_cursor. */
void exec_prepared(struct front *f, struct prepared *p, const struct wire_param *params, uint16_t nparams, uint8_t cursor, uint32_t statement);

#endif
