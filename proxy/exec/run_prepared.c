/*
 * run_prepared.c - COM_STMT_EXECUTE's way into exec.c: the client's parameters as the router compares them, and the description that PREPARE needs.
 */
#include "proxy/exec/lane.h"

static struct exec *new_prepared(struct front *f, struct prepared *p)
{
    struct exec *e = exec_new(f);
    if (!e) return NULL;
    e->plan = plan_ref(p->plan);
    e->prepared = p;
    p->refs++;
    e->schema = p->schema.len ? conf_schema(e->realm->conf, p->schema) : NULL;
    e->text = p->text;
    e->stable = true;
    return e;
}

void exec_describe(struct front *f, struct prepared *p, exec_then *then, void *ctx)
{
    struct fault fault = exec_no_memory();
    struct exec *e = new_prepared(f, p);
    if (!e) {
        exec_fail_quiet(f, &fault, then, ctx);
        return;
    }
    e->describing = e->quiet = true;
    e->flags = EXEC_NO_BEGIN;
    e->then = then;
    e->then_ctx = ctx;
    e->mode = EXEC_CAPTURE;
    if (f->txn && f->txn->lost) fault_set(&fault, &e->arena, 1402 /* ER_XA_RBROLLBACK */, "XA100", "Weir: the transaction was rolled back: %s; start it again", f->txn->lost_why);
    else if (plan_info(e->plan)->kind == PLAN_REFUSED) fault = *plan_info(e->plan)->fault;
    else if (plan_probe(e->plan, &e->arena, &e->bound, &fault) == SQL_OK) {
        e->nlegs = 1;
        if (exec_make_lanes(e)) {
            lanes_start(e);
            return;
        }
        fault = exec_no_memory();
    }
    exec_refuse(e, &fault);
}

/* A parameter as the router compares it with shard columns. What it cannot be exact about is unknown: any shard. */
static struct value param_value(const struct wire_param *p, bool wanted, struct arena *a, struct buf *text)
{
    struct value v = {.kind = VALUE_UNKNOWN};
    if (p->null) {
        v.kind = VALUE_NULL;
        return v;
    }
    bool is_unsigned = p->type & WIRE_PARAM_UNSIGNED;
    uint64_t u = 0;
    switch ((uint8_t)p->type) {
    case WIRE_TYPE_TINY:
    case WIRE_TYPE_SHORT:
    case WIRE_TYPE_YEAR:
    case WIRE_TYPE_LONG:
    case WIRE_TYPE_INT24:
    case WIRE_TYPE_LONGLONG: {
        size_t n = p->value.len > 8 ? 8 : p->value.len;
        memcpy(&u, p->value.ptr, n);
        unsigned shift = (unsigned)(64 - 8 * n);
        v.kind = is_unsigned ? VALUE_UINT : VALUE_INT;
        v.u = u;
        v.i = n ? (int64_t)(u << shift) >> shift : 0;
        if (is_unsigned && u <= INT64_MAX) {
            v.kind = VALUE_INT;
            v.i = (int64_t)u;
        }
        return v;
    }
    case WIRE_TYPE_NULL: v.kind = VALUE_NULL; return v;
    case WIRE_TYPE_VARCHAR:
    case WIRE_TYPE_VAR_STRING:
    case WIRE_TYPE_STRING:
    case WIRE_TYPE_ENUM:
    case WIRE_TYPE_SET:
        v.kind = VALUE_STRING;
        v.s = p->value;
        return v;
    case WIRE_TYPE_TINY_BLOB: /* drivers send text as BLOB too: compared as it is with binary and, byte for byte, with text columns */
    case WIRE_TYPE_MEDIUM_BLOB:
    case WIRE_TYPE_LONG_BLOB:
    case WIRE_TYPE_BLOB:
        v.kind = VALUE_STRING;
        v.s = p->value;
        return v;
    default: break;
    }
    if (!wanted) return v;
    double d;
    float single;
    buf_reset(text);
    if ((uint8_t)p->type == WIRE_TYPE_FLOAT && p->value.len == sizeof single) { /* servers take it as the DOUBLE that it widens to */
        memcpy(&single, p->value.ptr, sizeof single);
        d = (double)single;
        wire_binary_to_text(WIRE_TYPE_DOUBLE, false, 31, str_make(&d, sizeof d), text);
    } else {
        wire_binary_to_text((uint8_t)p->type, is_unsigned, 31, p->value, text);
    }
    struct str copy = text->failed ? STR_NULL : arena_str(a, buf_str(text));
    if (!copy.ptr) return v;
    v.s = copy;
    switch ((uint8_t)p->type) {
    case WIRE_TYPE_FLOAT:
    case WIRE_TYPE_DOUBLE: v.kind = VALUE_FLOAT; break;
    case WIRE_TYPE_DECIMAL:
    case WIRE_TYPE_NEWDECIMAL: v.kind = VALUE_DECIMAL; break;
    case WIRE_TYPE_DATE:
    case WIRE_TYPE_DATETIME:
    case WIRE_TYPE_TIMESTAMP:
        v.kind = VALUE_STRING;
        v.i = VALUE_IS_TEMPORAL;
        break;
    default: break;
    }
    return v;
}

void exec_prepared(struct front *f, struct prepared *p, const struct wire_param *params, uint16_t nparams, uint8_t cursor, uint32_t statement)
{
    if (UNLIKELY(plan_info(p->plan)->cls == PLAN_DDL)) { /* it has no parameters, and an OK packet is the same in both protocols */
        const struct plan_info *info = plan_info(p->plan);
        struct sql_scan *scan = &f->engine->scan;
        if (sql_scan(scan, info->scan->text, info->scan->len, 0, &p->opt) == SQL_OK) {
            exec_plan(f, p->plan, str_make(scan->text, info->scan->len), false);
            return;
        }
    }
    struct exec *e = new_prepared(f, p);
    struct fault fault = exec_no_memory();
    if (!e) {
        front_fault(f, &fault);
        f->ops->done(f);
        return;
    }
    bool wanted = plan_info(e->plan)->flags & PLAN_READS_PARAMS;
    struct wire_param *copy = nparams ? arena_array(&e->arena, struct wire_param, nparams) : NULL;
    e->values = nparams ? arena_array(&e->arena, struct value, nparams) : NULL;
    if (nparams && (!copy || !e->values)) {
        exec_refuse(e, &fault);
        return;
    }
    for (uint32_t i = 0; i < nparams; i++) {
        copy[i] = params[i];
        e->values[i] = param_value(&params[i], wanted, &e->arena, &f->engine->out);
    }
    e->params = copy;
    e->nparams = nparams;
    e->cursor = cursor;
    e->statement = statement;
    if (!exec_keep_text(e)) {
        exec_refuse(e, &fault);
        return;
    }
    exec_run_plan(e);
}
