/*
 * bind.c - a plan and a statement's literals -> legs.
 *
 * The hot path of a cached point select is: one literal to a key, one key to a shard, one leg in the arena.
 * Everything else here is for statements whose shards are a set, and for INSERT, whose rows are dealt out to
 * the shards.
 */
#include "router/plan.h"

static enum sql_status out_of_memory(struct fault *f, struct arena *a)
{
    plan_oom(f, a);
    return SQL_NOMEM;
}

static struct str shown(const struct value *v, struct arena *a)
{
    struct buf b = {0};
    value_show(v, &b);
    struct str s = b.failed ? STR("?") : arena_str(a, buf_str(&b));
    buf_release(&b);
    return s.ptr ? s : STR("?");
}

static struct str source_name(const struct plan *p, uint32_t source)
{
    return p->router->conf->sources[source].name;
}

/* ---- by conditions ---- */

/* Every table that is not sharded must be where the leg goes. */
static bool leg_complete(const struct plan *p, uint32_t source, struct arena *a, struct fault *f)
{
    if (p->must_source != UINT32_MAX && p->must_source != source) {
        plan_refuse(f, a,
                    "table " STR_FMT " is on source " STR_FMT ", the rows of " STR_FMT
                    " are on source " STR_FMT "; joining them is not supported yet, read them one by one",
                    STR_ARG(p->must_name), STR_ARG(source_name(p, p->must_source)),
                    STR_ARG(p->layout->conf->name), STR_ARG(source_name(p, source)));
        return false;
    }
    for (uint32_t i = 0; i < p->ncopies; i++)
        if (p->copies[i]->by_source[source] == UINT32_MAX) {
            plan_refuse(f, a,
                        "broadcast table " STR_FMT " has no copy on source " STR_FMT
                        "; add that source to its rule",
                        STR_ARG(p->copies[i]->conf->name), STR_ARG(source_name(p, source)));
            return false;
        }
    return true;
}

static bool leg_meets(const struct plan *p, uint32_t shard, struct arena *a, struct fault *f)
{
    const struct conf_node *n = &p->layout->conf->nodes[shard];
    for (uint32_t i = 0; i < p->nrefs; i++) {
        const struct rt_table *t = p->shard_refs[i].table;
        if (t == p->layout || t->conf->nodes[shard].source == n->source) continue;
        plan_refuse(f, a, "tables " STR_FMT " and " STR_FMT " are not on one server; read them one by one",
                    STR_ARG(p->layout->conf->name), STR_ARG(t->conf->name));
        return false;
    }
    return (p->must_source == UINT32_MAX && !p->ncopies) || leg_complete(p, n->source, a, f);
}

static enum sql_status one_leg(const struct plan *p, uint32_t shard, struct arena *a, struct bound *out,
                               struct fault *f)
{
    struct plan_leg *l = arena_alloc(a, sizeof *l);
    if (!l) return out_of_memory(f, a);
    *l = (struct plan_leg){.source = p->layout->conf->nodes[shard].source, .shard = shard};
    out->legs = l;
    out->nlegs = 1;
    return leg_meets(p, shard, a, f) ? SQL_OK : SQL_ERROR;
}

/* No shard can hold a matching row: any complete leg answers. */
static enum sql_status any_leg(const struct plan *p, struct arena *a, struct bound *out, struct fault *f)
{
    struct fault first = {0};
    out->empty = true;
    for (uint32_t i = 0; i < p->layout->conf->nnodes; i++) {
        struct fault g = {0};
        enum sql_status st = one_leg(p, i, a, out, &g);
        if (st != SQL_ERROR) {
            *f = g;
            return st;
        }
        if (!first.code) first = g;
    }
    *f = first;
    return SQL_ERROR;
}

/* `column = literal` on one shard column: the shard without making a set. -1: take the long way. */
static int64_t quick_shard(const struct plan *p, const struct given *g, struct arena *a)
{
    const struct plan_ref *r = &p->shard_refs[0];
    bool oom = false;
    struct key key;
    if (p->nrefs != 1 || r->stores || !r->cond || r->cond->kind != COND_POINTS || r->cond->n != 1 ||
        r->table->conf->nshard_columns != 1)
        return -1;
    struct value v = const_value(r->cond->values[0], g, a, &oom);
    if (oom || key_equal(&r->keys[0], &v, a, &key) != KEY_IS) return -1;
    return rule_point(&r->table->rule, &key, &r->keys[0].type, 1);
}

static enum sql_status refuse_scatter(const struct plan *p, uint32_t n, struct arena *a, struct fault *f)
{
    const struct conf_table *t = p->layout->conf;
    struct str way = p->way_out;
    if (!way.len) {
        way = arena_printf(a, "add a condition on " STR_FMT " so that one shard answers",
                           STR_ARG(t->shard_columns[0].value));
        if (!way.ptr) return out_of_memory(f, a);
    }
    plan_refuse(f, a, STR_FMT " over %u shards of " STR_FMT " is not supported yet; " STR_FMT,
                STR_ARG(p->why), n, STR_ARG(t->name), STR_ARG(way));
    return SQL_ERROR;
}

static bool limit_value(const struct sql_expr *e, const struct given *g, struct arena *a, uint64_t *out)
{
    bool oom = false;
    *out = 0;
    if (!e) return true;
    struct value v = const_value(e, g, a, &oom);
    int64_t n;
    if (v.kind == VALUE_UINT)
        *out = v.u;
    else if (value_whole(&v, &n) && n >= 0)
        *out = (uint64_t)n;
    else if (v.kind != VALUE_NULL) /* a parameter that is NULL is 0 */
        return false;
    return true;
}

static enum sql_status many_legs(const struct plan *p, const struct shards *set, uint32_t n,
                                 const struct given *g, struct arena *a, struct bound *out, struct fault *f)
{
    if (p->one_leg) return one_leg(p, shards_next(set, 0), a, out, f);
    if (p->no_scatter) return refuse_scatter(p, n, a, f);
    if (!p->router->conf->weir.allow_scatter) {
        plan_refuse(f, a,
                    "the statement would go to %u shards of " STR_FMT
                    " and the rules say scatter: deny; add a condition on " STR_FMT,
                    n, STR_ARG(p->layout->conf->name), STR_ARG(p->layout->conf->shard_columns[0].value));
        return SQL_ERROR;
    }
    out->legs = arena_array(a, struct plan_leg, n);
    if (!out->legs) return out_of_memory(f, a);
    for (uint32_t i = shards_next(set, 0); i < set->n; i = shards_next(set, i + 1)) {
        if (!leg_meets(p, i, a, f)) return SQL_ERROR;
        out->legs[out->nlegs++] = (struct plan_leg){.source = p->layout->conf->nodes[i].source, .shard = i};
    }
    out->merged = true;
    if (p->limit && p->merge && p->merge->has_limit) {
        out->has_limit = true;
        if (!limit_value(p->limit->offset, g, a, &out->offset) ||
            !limit_value(p->limit->count, g, a, &out->limit)) {
            plan_refuse(
                f, a,
                "a LIMIT that is no whole number is not supported over several shards; give whole numbers");
            return SQL_ERROR;
        }
    }
    return SQL_OK;
}

static enum sql_status bind_shards(const struct plan *p, const struct given *g, struct arena *a,
                                   struct bound *out, struct fault *f)
{
    int64_t quick = quick_shard(p, g, a);
    if (LIKELY(quick >= 0)) return one_leg(p, (uint32_t)quick, a, out, f);
    uint32_t nshards = p->layout->conf->nnodes, n;
    bool has_free = false;
    struct shards all, tied, loose, s;
    if (!shards_init(&tied, nshards, true, a) || !shards_init(&loose, nshards, false, a))
        return out_of_memory(f, a);
    for (uint32_t i = 0; i < p->nrefs; i++) {
        const struct plan_ref *r = &p->shard_refs[i];
        has_free |= r->free;
        if (!r->free && r->nullable) continue;
        if (!cond_eval(r, r->cond, g, a, &s)) return out_of_memory(f, a);
        if (r->free)
            shards_or(&loose, &s);
        else
            shards_and(&tied, &s);
    }
    if (!shards_init(&all, nshards, false, a)) return out_of_memory(f, a);
    if (p->tied) shards_or(&all, &tied);
    if (has_free) shards_or(&all, &loose);
    n = shards_count(&all);
    if (n == 0 && p->insert && p->insert->table) { /* INSERT ... SELECT of a constant shard column */
        fault_set(f, a, 1526, "HY000",
                  "Table has no partition for value (Weir: no shard of table " STR_FMT " takes the rows)",
                  STR_ARG(p->insert->table->conf->name));
        return SQL_ERROR;
    }
    if (n == 0) return any_leg(p, a, out, f);
    if (n == 1) return one_leg(p, shards_next(&all, 0), a, out, f);
    return many_legs(p, &all, n, g, a, out, f);
}

/* ---- INSERT: rows to shards ---- */

enum id_want { ID_NO, ID_YES, ID_UNCERTAIN };

/* Does this row ask for an id? A given one comes in *given. */
static enum id_want wants_id(const struct plan_insert *in, const struct sql_row *row, const struct given *g,
                             struct arena *a, uint64_t *given)
{
    bool oom = false;
    *given = 0;
    if (in->id_at == UINT32_MAX || in->id_at >= row->n) return ID_YES;
    const struct sql_expr *e = row->values[in->id_at];
    if (e->kind == SQL_E_DEFAULT) return ID_YES;
    struct value v = const_value(e, g, a, &oom);
    int64_t n;
    if (v.kind == VALUE_NULL) return ID_YES;
    if (value_whole(&v, &n)) v = value_int(n);
    if (v.kind == VALUE_INT) {
        if (v.i == 0) return in->zero_is_id ? ID_YES : ID_NO;
        if (v.i > 0) *given = (uint64_t)v.i;
        return ID_NO;
    }
    if (v.kind == VALUE_UINT) *given = v.u;
    return v.kind == VALUE_UINT ? ID_NO : ID_UNCERTAIN;
}

static enum sql_status refuse_id(const struct plan *p, uint32_t row, struct arena *a, struct fault *f)
{
    plan_refuse(f, a,
                "the generated column " STR_FMT " of " STR_FMT
                " is given by an expression in row %u; give an integer, or leave it out",
                STR_ARG(p->insert->id_name), STR_ARG(p->insert->table->conf->name), row + 1);
    return SQL_ERROR;
}

enum sql_status plan_count_ids(const struct plan *p, const struct sql_scan *scan, struct arena *a,
                               uint64_t *n, struct fault *f)
{
    return plan_count_ids_with(p, scan, NULL, a, n, f);
}

enum sql_status plan_count_ids_with(const struct plan *p, const struct sql_scan *scan,
                                    const struct plan_facts *facts, struct arena *a, uint64_t *n,
                                    struct fault *f)
{
    const struct plan_insert *in = p->insert;
    const struct given g = {scan, facts};
    *n = 0;
    if (!in || !in->generated) return SQL_OK;
    for (uint32_t i = 0; i < in->nrows; i++) {
        uint64_t given;
        enum id_want w = wants_id(in, &in->rows[i], &g, a, &given);
        if (w == ID_UNCERTAIN) return refuse_id(p, i, a, f);
        *n += w == ID_YES;
    }
    return SQL_OK;
}

static enum sql_status deal_ids(const struct plan *p, const struct given *g, uint64_t first_id,
                                struct arena *a, struct bound *out, struct fault *f)
{
    const struct plan_insert *in = p->insert;
    uint64_t *ids = arena_array(a, uint64_t, in->nrows + 1), given;
    if (!ids) return out_of_memory(f, a);
    for (uint32_t i = 0; i < in->nrows; i++) {
        switch (wants_id(in, &in->rows[i], g, a, &given)) {
        case ID_UNCERTAIN: return refuse_id(p, i, a, f);
        case ID_YES: ids[i] = first_id + out->nids++; break;
        case ID_NO:
            if (given > out->max_explicit_id) out->max_explicit_id = given;
            break;
        }
    }
    if (out->nids && !first_id) {
        plan_refuse(f, a, "no id was given for the generated column of " STR_FMT,
                    STR_ARG(in->table->conf->name));
        return SQL_ERROR;
    }
    if (out->nids) out->first_id = first_id;
    out->row_ids = out->nids ? ids : NULL;
    return SQL_OK;
}

static struct value row_value(const struct plan_insert *in, const struct bound *b, uint32_t row,
                              uint32_t column, const struct given *g, struct arena *a, bool *oom)
{
    uint32_t at = in->key_at[column];
    bool is_id = in->generated && (at == in->id_at || at == UINT32_MAX);
    if (is_id && b->row_ids && b->row_ids[row])
        return b->row_ids[row] <= INT64_MAX ? value_int((int64_t)b->row_ids[row])
                                            : (struct value){.kind = VALUE_UINT, .u = b->row_ids[row]};
    if (at >= in->rows[row].n) return (struct value){.kind = VALUE_UNKNOWN};
    return const_value(in->rows[row].values[at], g, a, oom);
}

static enum sql_status row_shard(const struct plan *p, const struct bound *b, uint32_t row,
                                 const struct given *g, struct arena *a, uint32_t *shard, struct fault *f)
{
    const struct plan_insert *in = p->insert;
    const struct conf_table *t = in->table->conf;
    struct key keys[MAX_SHARD_COLUMNS];
    enum conf_key_type types[MAX_SHARD_COLUMNS];
    struct value v[MAX_SHARD_COLUMNS];
    const char *why;
    bool oom = false;
    for (uint32_t j = 0; j < t->nshard_columns; j++) {
        v[j] = row_value(in, b, row, j, g, a, &oom);
        types[j] = in->keys[j].type;
        switch (oom ? KEY_NOMEM : key_store(&in->keys[j], &v[j], a, &keys[j], &why)) {
        case KEY_IS: break;
        case KEY_NOMEM: return out_of_memory(f, a);
        case KEY_NONE:
            fault_set(f, a, 1048, "23000", "Column '" STR_FMT "' cannot be null", STR_ARG(in->keys[j].name));
            return SQL_ERROR;
        case KEY_ANY:
            if (v[j].kind == VALUE_UNKNOWN)
                plan_refuse(f, a,
                            "shard column " STR_FMT " of " STR_FMT
                            " is given by an expression in row %u; give it as a constant",
                            STR_ARG(in->keys[j].name), STR_ARG(t->name), row + 1);
            else
                plan_refuse(f, a,
                            "value " STR_FMT " of shard column " STR_FMT " of " STR_FMT
                            " in row %u cannot be placed: %s",
                            STR_ARG(shown(&v[j], a)), STR_ARG(in->keys[j].name), STR_ARG(t->name), row + 1,
                            why);
            return SQL_ERROR;
        }
    }
    int64_t s = rule_point(&in->table->rule, keys, types, t->nshard_columns);
    if (s >= 0) {
        *shard = (uint32_t)s;
        return SQL_OK;
    }
    fault_set(f, a, 1526, "HY000",
              "Table has no partition for value " STR_FMT " (Weir: no shard of table " STR_FMT
              " takes it, column " STR_FMT ")",
              STR_ARG(shown(&v[0], a)), STR_ARG(t->name), STR_ARG(in->keys[0].name));
    return SQL_ERROR;
}

/* shard_of[row] -> legs with their rows, by counting. */
static enum sql_status deal_rows(const struct plan *p, const uint32_t *shard_of, struct arena *a,
                                 struct bound *out, struct fault *f)
{
    const struct plan_insert *in = p->insert;
    uint32_t n = p->layout->conf->nnodes, at = 0;
    uint32_t *start = arena_array(a, uint32_t, n + 1), *rows = arena_array(a, uint32_t, in->nrows);
    if (!start || !rows) return out_of_memory(f, a);
    for (uint32_t i = 0; i < in->nrows; i++) start[shard_of[i]]++;
    for (uint32_t s = 0; s < n; s++) out->nlegs += start[s] > 0;
    out->legs = arena_array(a, struct plan_leg, out->nlegs);
    if (!out->legs) return out_of_memory(f, a);
    uint32_t leg = 0;
    for (uint32_t s = 0; s < n; s++) {
        uint32_t count = start[s];
        start[s] = at;
        if (count) {
            if (!leg_meets(p, s, a, f)) return SQL_ERROR;
            out->legs[leg++] = (struct plan_leg){
                .source = p->layout->conf->nodes[s].source, .shard = s, .rows = rows + at, .nrows = count};
        }
        at += count;
    }
    for (uint32_t i = 0; i < in->nrows; i++) rows[start[shard_of[i]]++] = i;
    if (out->nlegs == 1) out->legs[0].rows = NULL, out->legs[0].nrows = 0;
    if (p->one_leg) out->nlegs = 1;
    out->merged = out->nlegs > 1;
    if (out->merged && p->no_scatter) return refuse_scatter(p, out->nlegs, a, f);
    return SQL_OK;
}

static enum sql_status bind_insert(const struct plan *p, const struct given *g, struct arena *a,
                                   struct bound *out, struct fault *f)
{
    const struct plan_insert *in = p->insert;
    uint32_t one = 0, *shard_of = in->nrows > 1 ? arena_array(a, uint32_t, in->nrows) : &one;
    if (!shard_of) return out_of_memory(f, a);
    for (uint32_t i = 0; i < in->nrows; i++) {
        enum sql_status st = row_shard(p, out, i, g, a, &shard_of[i], f);
        if (st != SQL_OK) return st;
    }
    if (in->nrows == 1) return one_leg(p, shard_of[0], a, out, f);
    return deal_rows(p, shard_of, a, out, f);
}

/* ---- the door ---- */

enum sql_status plan_bind(const struct plan *p, const struct sql_scan *scan, uint64_t first_id,
                          struct arena *a, struct bound *out, struct fault *f)
{
    return plan_bind_with(p, scan, NULL, first_id, a, out, f);
}

enum sql_status plan_bind_with(const struct plan *p, const struct sql_scan *scan,
                               const struct plan_facts *facts, uint64_t first_id, struct arena *a,
                               struct bound *out, struct fault *f)
{
    const struct given g = {scan, facts};
    *out = (struct bound){.plan = p};
    if (p->info.kind == PLAN_REFUSED) {
        *f = p->fault;
        return SQL_ERROR;
    }
    if (p->insert && p->insert->generated && !p->insert->select) {
        enum sql_status st = deal_ids(p, &g, first_id, a, out, f);
        if (st != SQL_OK) return st;
    }
    switch (p->route) {
    case ROUTE_SHARDS: return bind_shards(p, &g, a, out, f);
    case ROUTE_INSERT: return bind_insert(p, &g, a, out, f);
    case ROUTE_FIXED:
        out->legs = p->legs;
        out->nlegs = p->one_leg ? 1 : p->nlegs;
        out->merged = out->nlegs > 1;
        return SQL_OK;
    }
    return SQL_ERROR;
}

/* ---- prepared statements: a leg before the values are known ---- */

static enum sql_status probe_ids(const struct plan *p, struct arena *a, struct bound *out, struct fault *f)
{
    const struct plan_insert *in = p->insert;
    const struct given g = {&p->scan, NULL};
    uint64_t *ids = arena_array(a, uint64_t, in->nrows + 1), given;
    if (!ids) return out_of_memory(f, a);
    for (uint32_t i = 0; i < in->nrows; i++) ids[i] = wants_id(in, &in->rows[i], &g, a, &given) == ID_YES;
    out->row_ids = ids;
    return SQL_OK;
}

enum sql_status plan_probe(const struct plan *p, struct arena *a, struct bound *out, struct fault *f)
{
    *out = (struct bound){.plan = p};
    switch (p->info.kind) {
    case PLAN_REFUSED: *f = p->fault; return SQL_ERROR;
    case PLAN_SESSION:
        fault_set(f, a, 1295, "HY000", "This command is not supported in the prepared statement protocol yet");
        return SQL_ERROR;
    case PLAN_ROUTED: break;
    }
    if (p->insert && p->insert->generated && !p->insert->select) {
        enum sql_status st = probe_ids(p, a, out, f);
        if (st != SQL_OK) return st;
    }
    if (p->route != ROUTE_FIXED) {
        enum sql_status st = any_leg(p, a, out, f);
        out->empty = false;
        return st;
    }
    out->legs = p->legs;
    out->nlegs = 1;
    return SQL_OK;
}

static bool has_param(const struct sql_expr *e)
{
    return e && (e->flags & SQL_EF_HAS_PARAM);
}

static bool cond_asks(const struct cond *c, uint32_t ncols)
{
    bool asks = false;
    if (!c) return false;
    switch (c->kind) {
    case COND_ALL:
    case COND_NONE: break;
    case COND_AND:
    case COND_OR:
        for (uint32_t i = 0; i < c->n; i++) asks |= cond_asks(c->kids[i], ncols);
        break;
    case COND_CONST:
    case COND_PART:
        for (uint32_t i = 0; i < c->n; i++) asks |= has_param(c->values[i]);
        break;
    case COND_POINTS:
        for (uint32_t i = 0; i < c->n * ncols; i++) asks |= has_param(c->values[i]);
        break;
    case COND_BOUNDS:
        for (uint32_t i = 0; i < c->n; i++) asks |= has_param(c->bounds[i].value);
        break;
    }
    return asks;
}

bool plan_asks_params(const struct plan *p)
{
    bool merged_limit = p->limit && p->merge && p->merge->has_limit;
    for (uint32_t i = 0; i < p->single.len; i++)
        if (p->single.at[i].by_param) return true;
    return plan_routes_by_params(p) || (merged_limit && (has_param(p->limit->count) || has_param(p->limit->offset)));
}

bool plan_routes_by_params(const struct plan *p)
{
    const struct plan_insert *in = p->insert;
    bool asks = false;
    for (uint32_t i = 0; i < p->nrefs; i++)
        asks |= cond_asks(p->shard_refs[i].cond, p->shard_refs[i].table->conf->nshard_columns);
    for (uint32_t i = 0; in && !in->select && i < in->nrows; i++) {
        for (uint32_t j = 0; p->route == ROUTE_INSERT && j < in->table->conf->nshard_columns; j++)
            asks |= in->key_at[j] < in->rows[i].n && has_param(in->rows[i].values[in->key_at[j]]);
        asks |= in->generated && in->id_at < in->rows[i].n && has_param(in->rows[i].values[in->id_at]);
    }
    return asks;
}
