/*
 * explain.c - a plan for people and for programs: what would be done with the statement, without doing it.
 *
 *   scatter read: 2 of 4 shards of orders
 *     merge: order by column 1 desc, hidden 0 (weight hidden 1); limit 10 offset 5
 *     s0 #0: SELECT ... FROM orders_0 AS orders ... LIMIT 15
 *     s1 #2: SELECT ... FROM orders_2 AS orders ... LIMIT 15
 *
 * Where the values of `?` choose the shards, both forms are shown: for one shard, and for several.
 */
#include "router/plan.h"

static const char *const class_names[] = {[PLAN_READ] = "read",
                                          [PLAN_LOCKING] = "locking read",
                                          [PLAN_WRITE] = "write",
                                          [PLAN_DDL] = "ddl",
                                          [PLAN_OTHER] = "other"};
static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {{PLAN_READS_USERVARS, "reads user variables"},
                  {PLAN_WRITES_USERVARS, "writes user variables"},
                  {PLAN_SETS_LAST_INSERT_ID, "sets last insert id"},
                  {PLAN_CALC_FOUND_ROWS, "counts found rows"},
                  {PLAN_TEMPORARY, "temporary table"},
                  {PLAN_SERVER_LOCK, "server lock"},
                  {PLAN_NEEDS_CATALOG, "columns not known yet"},
                  {PLAN_MAY_REPLY_MANY, "several results"},
                  {PLAN_CHANGES_SCHEMA, "changes tables"},
                  {PLAN_IGNORE, "ignore"},
                  {PLAN_LOAD_LOCAL, "the client's file"},
                  {PLAN_LOAD_SPLIT, "split by row"},
                  {PLAN_RETURNING, "returns rows"}};

/* ---- merge ---- */

static void put_column(const struct merge_column *c, struct buf *out)
{
    if (c->from == MERGE_VISIBLE)
        buf_printf(out, "column %u", c->index + 1);
    else
        buf_printf(out, "hidden %u", c->index + 1);
}

static void put_keys(const char *head, const struct merge_key *k, uint32_t n, struct buf *out)
{
    if (!n) return;
    buf_putz(out, head);
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_putz(out, ", ");
        put_column(&k[i].value, out);
        if (k[i].has_weight) {
            buf_putz(out, " (text by ");
            put_column(&k[i].weight, out);
            buf_putz(out, ")");
        }
        if (k[i].desc) buf_putz(out, " desc");
    }
}

static void put_outputs(const struct merge_spec *m, struct buf *out)
{
    static const char *const fn[] = {[MERGE_FIRST] = "first", [MERGE_COUNT] = "count", [MERGE_SUM] = "sum",
                                     [MERGE_MIN] = "min",     [MERGE_MAX] = "max",     [MERGE_AVG] = "avg"};
    buf_putz(out, m->ngroup ? "; " : "one row; ");
    for (uint32_t i = 0; i < m->noutputs; i++) {
        const struct merge_output *o = &m->outputs[i];
        if (i) buf_putz(out, ", ");
        buf_putz(out, fn[o->fn]);
        if (o->fn == MERGE_AVG) {
            buf_putz(out, " (");
            put_column(&o->sum, out);
            buf_putz(out, " / ");
            put_column(&o->count, out);
            buf_putz(out, ")");
        }
        if (o->has_weight) {
            buf_putz(out, " (text by ");
            put_column(&o->weight, out);
            buf_putz(out, ")");
        }
    }
}

static void put_bound(const char *head, const struct sql_expr *e, uint64_t n, struct buf *out)
{
    buf_putz(out, head);
    if (e && e->kind == SQL_E_PARAM)
        buf_put_u8(out, '?');
    else
        buf_put_dec(out, n);
}

static void put_merge(const struct bound *b, struct buf *out)
{
    const struct merge_spec *m = b->plan->merge;
    size_t start = out->len;
    if (!m) return;
    if (m->add_counts) buf_putz(out, "add counts");
    put_keys(m->distinct ? "distinct by " : "order by ", m->order, m->norder, out);
    put_keys("group by ", m->group, m->ngroup, out);
    if (m->grouped) put_outputs(m, out);
    put_keys("; then sort by ", m->final_order, m->nfinal_order, out);
    if (out->len == start)
        buf_putz(out,
                 b->plan->info.cls == PLAN_WRITE ? "the same on every node, counted once" : "concatenate");
    if (b->has_limit) {
        const struct sql_limit *l = b->plan->limit;
        put_bound("; limit ", l->count, b->limit, out);
        if (b->offset || (l->offset && l->offset->kind == SQL_E_PARAM)) put_bound(" offset ", l->offset, b->offset, out);
    }
    if (m->nhidden) buf_printf(out, "; %u hidden", m->nhidden);
}

/* ---- text ---- */

static void put_flags(uint32_t flags, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(flag_names); i++)
        if (flags & flag_names[i].flag) buf_printf(out, ", %s", flag_names[i].name);
}

static void put_head(const struct bound *b, struct buf *out)
{
    const struct plan *p = b->plan;
    const char *what = b->nlegs > 1 ? (p->route == ROUTE_FIXED ? "every node" : "scatter") : "single";
    buf_printf(out, "%s %s", b->empty ? "empty" : what, class_names[p->info.cls]);
    if (b->nlegs > 1) {
        buf_printf(out, ": %u", b->nlegs);
        if (p->layout)
            buf_printf(out, " of %u shards of " STR_FMT, p->layout->conf->nnodes,
                       STR_ARG(p->layout->conf->name));
        else
            buf_putz(out, " tables");
    }
}

void plan_summary(const struct bound *b, struct buf *out)
{
    const struct plan *p = b->plan;
    put_head(b, out);
    if (b->nlegs == 1) {
        const struct plan_leg *l = &b->legs[0];
        buf_printf(out, " " STR_FMT, STR_ARG(p->router->conf->sources[l->source].name));
        if (l->shard != UINT32_MAX && p->layout)
            buf_printf(out, " " STR_FMT "." STR_FMT, STR_ARG(p->layout->conf->nodes[l->shard].database),
                       STR_ARG(p->layout->conf->nodes[l->shard].table));
        return;
    }
    const struct merge_spec *m = b->merged ? p->merge : NULL;
    if (!m) return;
    if (m->norder) buf_putz(out, m->distinct ? " distinct" : " order");
    if (m->grouped) buf_putz(out, " group");
    if (b->has_limit) buf_putz(out, " limit");
}

static void put_leg_name(const struct bound *b, const struct plan_leg *l, struct buf *out)
{
    buf_put_str(out, b->plan->router->conf->sources[l->source].name);
    if (l->shard != UINT32_MAX) buf_printf(out, " #%u", l->shard);
}

static void put_fault_text(const struct fault *f, struct buf *out)
{
    buf_printf(out, "refused %u (%s): " STR_FMT "\n", f->code, f->state, STR_ARG(f->message));
}

static const char *session_word(const struct plan *p)
{
    return p->info.kind == PLAN_SESSION ? "session" : "refused";
}

/* The leg's text: as it would be prepared when the statement has parameters. */
static void put_leg(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *l, const struct plan_facts *facts, struct arena *a,
                    struct buf *out)
{
    struct plan_slots slots = {0};
    if (scan->nparams)
        plan_render_prepared(b, scan, l, facts, a, &slots, out);
    else
        plan_render(b, scan, l, facts, out);
}

static void explain_text(const struct bound *b, const struct sql_scan *scan, const struct plan_facts *facts,
                         struct arena *a, struct buf *out)
{
    const struct plan *p = b->plan;
    put_head(b, out);
    put_flags(p->info.flags, out);
    buf_put_u8(out, '\n');
    if (b->merged) {
        buf_putz(out, "  merge: ");
        put_merge(b, out);
        buf_put_u8(out, '\n');
    }
    if (b->nids) buf_printf(out, "  ids: %llu\n", (unsigned long long)b->nids);
    if (b->max_explicit_id)
        buf_printf(out, "  largest id given: %llu\n", (unsigned long long)b->max_explicit_id);
    for (uint32_t i = 0; i < b->nlegs; i++) {
        buf_putz(out, "  ");
        put_leg_name(b, &b->legs[i], out);
        buf_putz(out, ": ");
        put_leg(b, scan, &b->legs[i], facts, a, out);
        buf_put_u8(out, '\n');
    }
}

/* ---- JSON ---- */

static void put_json(struct buf *out, struct str s)
{
    buf_put_u8(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            buf_put_u8(out, '\\');
            buf_put_u8(out, c);
        } else if (c < 0x20) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_put_u8(out, c);
        }
    }
    buf_put_u8(out, '"');
}

static void put_json_flags(uint32_t flags, struct buf *out)
{
    bool first = true;
    buf_putz(out, "\"flags\": [");
    for (size_t i = 0; i < COUNT_OF(flag_names); i++)
        if (flags & flag_names[i].flag) {
            buf_printf(out, "%s\"%s\"", first ? "" : ", ", flag_names[i].name);
            first = false;
        }
    buf_put_u8(out, ']');
}

static void put_json_leg(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *l, const struct plan_facts *facts, struct arena *a,
                         struct buf *out)
{
    struct buf t = {0};
    buf_putz(out, "{\"source\": ");
    put_json(out, b->plan->router->conf->sources[l->source].name);
    if (l->shard != UINT32_MAX) buf_printf(out, ", \"shard\": %u", l->shard);
    buf_putz(out, ", \"sql\": ");
    put_leg(b, scan, l, facts, a, &t);
    put_json(out, buf_str(&t));
    buf_put_u8(out, '}');
    if (t.failed) out->failed = true;
    buf_release(&t);
}

static void explain_json(const struct bound *b, const struct sql_scan *scan, const struct plan_facts *facts,
                         struct arena *a, struct buf *out)
{
    const struct plan *p = b->plan;
    struct buf t = {0};
    buf_printf(out, "{\"kind\": \"%s\", \"class\": \"%s\", \"empty\": %s, ", b->nlegs > 1 ? "scatter" : "single", class_names[p->info.cls],
               b->empty ? "true" : "false");
    put_json_flags(p->info.flags, out);
    buf_putz(out, ", \"merge\": ");
    if (b->merged) {
        put_merge(b, &t);
        put_json(out, buf_str(&t));
    } else {
        buf_putz(out, "null");
    }
    buf_printf(out, ", \"ids\": %llu, \"legs\": [", (unsigned long long)b->nids);
    for (uint32_t i = 0; i < b->nlegs; i++) {
        if (i) buf_putz(out, ", ");
        put_json_leg(b, scan, &b->legs[i], facts, a, out);
    }
    buf_putz(out, "]}\n");
    if (t.failed) out->failed = true;
    buf_release(&t);
}

static void explain_fault(const char *kind, const struct fault *f, bool json, struct buf *out)
{
    if (!json) {
        put_fault_text(f, out);
        return;
    }
    buf_printf(out, "{\"kind\": \"%s\", \"code\": %u, \"state\": \"%s\", \"message\": ", kind, f->code,
               f->state);
    put_json(out, f->message);
    buf_putz(out, "}\n");
}

/* ---- decided at execute ---- */

/* Values of which nothing is known, but for those of LIMIT, which choose no shard. */
static bool unknown_params(const struct plan *p, struct arena *a, struct plan_facts *facts)
{
    uint32_t n = p->info.nparams;
    struct value *v = arena_array(a, struct value, n + 1);
    if (!v) return false;
    for (uint32_t i = 0; i < n; i++) v[i].kind = VALUE_UNKNOWN;
    const struct sql_expr *of_limit[2] = {p->limit ? p->limit->count : NULL, p->limit ? p->limit->offset : NULL};
    for (int i = 0; i < 2; i++)
        if (of_limit[i] && of_limit[i]->kind == SQL_E_PARAM && of_limit[i]->index < n) v[of_limit[i]->index].kind = VALUE_INT;
    facts->params = v;
    facts->nparams = n;
    return true;
}

static void decided_text(const struct plan *p, const struct bound *one, const struct bound *many, const struct fault *refused,
                         const struct plan_facts *facts, struct arena *a, struct buf *out)
{
    buf_printf(out, "decided at execute %s", class_names[p->info.cls]);
    if (p->layout) buf_printf(out, ": of %u shards of " STR_FMT, p->layout->conf->nnodes, STR_ARG(p->layout->conf->name));
    put_flags(p->info.flags, out);
    buf_putz(out, "\n  one shard, as ");
    put_leg_name(one, &one->legs[0], out);
    buf_putz(out, ": ");
    put_leg(one, &p->scan, &one->legs[0], facts, a, out);
    buf_put_u8(out, '\n');
    if (refused) {
        buf_putz(out, "  several shards: ");
        put_fault_text(refused, out);
    } else if (many) {
        buf_putz(out, "  several shards, as ");
        put_leg_name(many, &many->legs[0], out);
        buf_putz(out, ": ");
        put_leg(many, &p->scan, &many->legs[0], facts, a, out);
        buf_putz(out, "\n    merge: ");
        put_merge(many, out);
        buf_put_u8(out, '\n');
    }
}

static void decided_json(const struct plan *p, const struct bound *one, const struct bound *many, const struct fault *refused,
                         const struct plan_facts *facts, struct arena *a, struct buf *out)
{
    struct buf t = {0};
    buf_printf(out, "{\"kind\": \"decided at execute\", \"class\": \"%s\", ", class_names[p->info.cls]);
    put_json_flags(p->info.flags, out);
    if (p->layout) buf_printf(out, ", \"shards\": %u", p->layout->conf->nnodes);
    buf_putz(out, ", \"one\": ");
    put_json_leg(one, &p->scan, &one->legs[0], facts, a, out);
    if (refused) {
        buf_printf(out, ", \"several\": {\"code\": %u, \"state\": \"%s\", \"message\": ", refused->code, refused->state);
        put_json(out, refused->message);
        buf_put_u8(out, '}');
    } else if (many) {
        put_merge(many, &t);
        buf_putz(out, ", \"several\": {\"merge\": ");
        put_json(out, buf_str(&t));
        buf_putz(out, ", \"leg\": ");
        put_json_leg(many, &p->scan, &many->legs[0], facts, a, out);
        buf_put_u8(out, '}');
    }
    buf_putz(out, "}\n");
    if (t.failed) out->failed = true;
    buf_release(&t);
}

/* The values of `?` choose the shards. */
static void explain_decided(const struct plan *p, const struct plan_facts *facts, struct arena *a, bool json, struct buf *out)
{
    struct bound one, many;
    struct fault f = {0};
    bool rows = p->route == ROUTE_INSERT; /* each row has one shard: no other form */
    if (plan_probe(p, a, &one, &f) != SQL_OK) {
        explain_fault("refused", &f, json, out);
        return;
    }
    bool ok = rows || p->one_leg || plan_bind_with(p, &p->scan, facts, 1, a, &many, &f) == SQL_OK;
    bool several = ok && !rows && !p->one_leg && many.merged;
    (json ? decided_json : decided_text)(p, &one, several ? &many : NULL, ok ? NULL : &f, facts, a, out);
}

/* ---- the door ---- */

void plan_explain(const struct plan *p, const struct sql_scan *scan, struct arena *a, bool json,
                  struct buf *out)
{
    struct plan_facts facts = {.user = STR("user@host"), .current_user = STR("user@%"), .opt = &scan->opt};
    struct bound b;
    struct fault f = {0};
    uint64_t ids = 0;
    switch (p->info.kind) {
    case PLAN_SESSION:
        if (json)
            buf_printf(out, "{\"kind\": \"%s\"}\n", session_word(p));
        else
            buf_putz(out, "session\n");
        return;
    case PLAN_REFUSED: explain_fault("refused", &p->fault, json, out); return;
    case PLAN_ROUTED: break;
    }
    if (p->info.nparams && !unknown_params(p, a, &facts)) {
        plan_oom(&f, a);
        explain_fault("refused", &f, json, out);
        return;
    }
    if (p->info.nparams && plan_routes_by_params(p)) {
        explain_decided(p, &facts, a, json, out);
        return;
    }
    /* ids are not taken for an explanation: 1 stands for the first */
    if (plan_count_ids_with(p, scan, &facts, a, &ids, &f) != SQL_OK ||
        plan_bind_with(p, scan, &facts, ids ? 1 : 0, a, &b, &f) != SQL_OK) {
        explain_fault("refused", &f, json, out);
        return;
    }
    if (json)
        explain_json(&b, scan, &facts, a, out);
    else
        explain_text(&b, scan, &facts, a, out);
}
