/*
 * render.c - a bound plan and one of its legs -> the text for the server: the statement's own bytes with the
 * plan's edits. Comments and blanks that no edit covers stay as they are.
 */
#include "router/plan.h"

struct rx {
    const struct bound *b;
    const struct plan *p;
    const struct sql_scan *s;
    const struct plan_leg *leg;
    const struct plan_facts *facts;
    struct buf *out;
    bool edited; /* the last bytes are an edit's */
    struct plan_slots *slots; /* a text with `?`: what each is bound to; NULL: a plain text */
    struct arena *a;
};

static void push_slot(struct rx *x, struct plan_slot slot)
{
    struct plan_slots *s = x->slots;
    struct plan_slot *at = vec_grow_((void **)(void *)&s->at, &s->n, &s->cap, sizeof *s->at, x->a);
    if (at)
        *at = slot;
    else
        x->out->failed = true;
}

/* A `?` of ours. */
static void put_slot(struct rx *x, struct plan_slot slot)
{
    buf_put_u8(x->out, '?');
    push_slot(x, slot);
}
static void put_number_slot(struct rx *x, uint64_t n)
{
    put_slot(x, (struct plan_slot){.kind = PLAN_SLOT_NUMBER, .number = n});
}

/* The client's own in bytes [from, to), which are being copied. */
static void note_params(struct rx *x, uint32_t from, uint32_t to)
{
    uint32_t lo = 0, hi = x->p->info.nparams;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (x->s->toks[x->p->param_toks[mid]].off < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < x->p->info.nparams && x->s->toks[x->p->param_toks[lo]].off < to; lo++)
        push_slot(x, (struct plan_slot){.kind = PLAN_SLOT_PARAM, .param = lo});
}

static uint32_t end_of(const struct sql_scan *s, uint32_t tok)
{
    return s->toks[tok].off + s->toks[tok].len;
}

/* Bytes that may be read as one token with their neighbours. */
static bool sticky(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c == '`' || c == '\'' || c == '"' || c == '@' || c == '?' || (c & 0x80);
}
static bool sticky_op(char c)
{
    return c == '-' || c == '+' || c == '*' || c == '/' || c == '<' || c == '>' || c == '=' || c == '!' ||
           c == '|' || c == '&' || c == ':' || c == '#';
}

static void space(struct rx *x, char next)
{
    const struct buf *o = x->out;
    if (!o->len) return;
    char last = o->data[o->len - 1];
    if ((sticky(last) && sticky(next)) || (sticky_op(last) && sticky_op(next)) ||
        (last == ')' && sticky(next)) || (last == ',' && sticky(next)))
        buf_put_u8(x->out, ' ');
}

static void copy(struct rx *x, uint32_t from, uint32_t to)
{
    if (from >= to) return;
    if (x->edited) space(x, x->s->text[from]);
    buf_put(x->out, x->s->text + from, to - from);
    if (x->slots) note_params(x, from, to);
    x->edited = false;
}

static void put_range(struct rx *x, struct sql_span r, const struct edits *edits, const struct edit *extra);
static void put_id(struct rx *x, const struct plan_insert *in, uint32_t i);

/* ---- what edits write ---- */

static const struct rt_node *node_of(const struct rx *x, const struct rt_table *t)
{
    if (t->conf->kind == CONF_TABLE_SHARDED)
        return &t->nodes[x->leg->shard < t->conf->nnodes ? x->leg->shard : 0];
    uint32_t i = t->by_source[x->leg->source];
    return &t->nodes[i == UINT32_MAX ? 0 : i];
}

static void put_table(struct rx *x, const struct rt_table *t)
{
    const struct rt_node *n = node_of(x, t);
    const struct conf_node *c = &t->conf->nodes[n - t->nodes];
    bool home = x->p->current && str_eq(x->p->current->conf->databases[c->source], c->database);
    buf_put_str(x->out, home ? n->table : n->qualified);
}

static void put_limit(struct rx *x)
{
    uint64_t n;
    if (__builtin_add_overflow(x->b->offset, x->b->limit, &n)) n = UINT64_MAX;
    buf_putz(x->out, "LIMIT ");
    if (x->slots)
        put_number_slot(x, n);
    else
        buf_put_dec(x->out, n);
}

static void put_string(struct rx *x, struct str s)
{
    sql_put_string(x->out, s, x->facts && x->facts->opt ? x->facts->opt : &x->p->opt);
}

/* CAST(? AS UNSIGNED): the type is told before the value is. */
static void put_fact_slot(struct rx *x, bool is_signed, uint64_t n)
{
    buf_putz(x->out, "CAST(");
    put_slot(x, (struct plan_slot){.kind = is_signed ? PLAN_SLOT_SIGNED : PLAN_SLOT_NUMBER, .number = n});
    buf_putz(x->out, is_signed ? " AS SIGNED)" : " AS UNSIGNED)");
}

/* In a prepared text session values are `?`, but for the current database, which the plan was made for. */
static bool put_prepared_fact(struct rx *x, const struct plan_facts *f, enum fact fact)
{
    switch (fact) {
    case FACT_LAST_INSERT_ID: put_fact_slot(x, false, f->last_insert_id); break;
    case FACT_FOUND_ROWS: put_fact_slot(x, true, f->found_rows); break;
    case FACT_ROW_COUNT: put_fact_slot(x, true, (uint64_t)f->row_count); break;
    case FACT_CONNECTION_ID: put_fact_slot(x, false, f->connection_id); break;
    case FACT_WARNING_COUNT: put_fact_slot(x, false, f->warning_count); break;
    case FACT_ERROR_COUNT: put_fact_slot(x, false, f->error_count); break;
    case FACT_DATABASE: return false;
    case FACT_USER: put_slot(x, (struct plan_slot){.kind = PLAN_SLOT_TEXT, .text = f->user}); break;
    case FACT_CURRENT_USER:
        put_slot(x, (struct plan_slot){.kind = PLAN_SLOT_TEXT, .text = f->current_user});
        break;
    }
    return true;
}

static void put_fact(struct rx *x, enum fact fact)
{
    static const struct plan_facts none;
    const struct plan_facts *f = x->facts ? x->facts : &none;
    if (x->slots && put_prepared_fact(x, f, fact)) return;
    switch (fact) { /* n|0 is a BIGINT whatever n is; CAST keeps the sign that the function has */
    case FACT_LAST_INSERT_ID:
        buf_printf(x->out, "CAST(%llu|0 AS UNSIGNED)", (unsigned long long)f->last_insert_id);
        break;
    case FACT_FOUND_ROWS:
        buf_printf(x->out, "CAST(%llu|0 AS SIGNED)", (unsigned long long)f->found_rows);
        break;
    case FACT_ROW_COUNT: buf_printf(x->out, "CAST(%lld|0 AS SIGNED)", (long long)f->row_count); break;
    case FACT_CONNECTION_ID: buf_printf(x->out, "CAST(%u AS UNSIGNED)", f->connection_id); break;
    case FACT_WARNING_COUNT: buf_printf(x->out, "CAST(%u|0 AS UNSIGNED)", f->warning_count); break;
    case FACT_ERROR_COUNT: buf_printf(x->out, "CAST(%u|0 AS UNSIGNED)", f->error_count); break;
    case FACT_DATABASE:
        if (x->p->schema.len)
            put_string(x, x->p->schema);
        else
            buf_putz(x->out, "NULL");
        break;
    case FACT_USER: put_string(x, f->user); break;
    case FACT_CURRENT_USER: put_string(x, f->current_user); break;
    }
}

static void put_shard(struct rx *x, const struct edit *e)
{
    const struct given g = {x->s, x->facts};
    struct arena a;
    struct key keys[MAX_SHARD_COLUMNS];
    enum conf_key_type types[MAX_SHARD_COLUMNS];
    const char *why;
    uint32_t n = e->call->nargs - 1;
    bool oom = false, known = n <= MAX_SHARD_COLUMNS;
    arena_init(&a, 1 << 20);
    for (uint32_t i = 0; i < n && known; i++) {
        struct value v = const_value(e->call->args[i + 1], &g, &a, &oom);
        types[i] = e->keys[i].type;
        known = key_store(&e->keys[i], &v, &a, &keys[i], &why) == KEY_IS;
    }
    int64_t s = known ? rule_point(&e->table->rule, keys, types, n) : -1;
    if (x->slots && e->by_param) { /* the text must not depend on the value */
        buf_putz(x->out, "NULLIF(CAST(");
        put_slot(x, (struct plan_slot){.kind = PLAN_SLOT_SIGNED, .number = (uint64_t)s});
        buf_putz(x->out, " AS SIGNED), -1)");
    } else if (s < 0)
        buf_putz(x->out, "NULL");
    else
        buf_put_dec(x->out, (uint64_t)s);
    arena_release(&a);
}

static void put_edit(struct rx *x, const struct edit *e)
{
    size_t before = x->out->len;
    char first = 'x';
    if (e->kind == EDIT_ID) first = e->nsegs ? ',' : '1';
    if (e->kind == EDIT_TEXT) first = e->nsegs && e->segs[0].text.len ? e->segs[0].text.ptr[0] : 'x';
    if (e->kind != EDIT_TEXT || e->nsegs) space(x, first);
    switch ((enum edit_kind)e->kind) {
    case EDIT_TEXT:
        for (uint32_t i = 0; i < e->nsegs; i++) {
            const struct seg *g = &e->segs[i];
            if (g->range.end > g->range.first)
                put_range(x, g->range, &x->p->single, NULL);
            else
                buf_put_str(x->out, g->text);
        }
        break;
    case EDIT_TABLE: put_table(x, e->table); break;
    case EDIT_QUALIFIER:
        buf_put_str(x->out, node_of(x, e->table)->table);
        buf_put_u8(x->out, '.');
        break;
    case EDIT_FACT: put_fact(x, (enum fact)e->fact); break;
    case EDIT_ID:
        if (e->nsegs) buf_put_str(x->out, e->segs[0].text);
        put_id(x, x->p->insert, e->row);
        break;
    case EDIT_LIMIT: put_limit(x); break;
    case EDIT_SHARD: put_shard(x, e); break;
    case EDIT_SUFFIX: {
        const struct rt_node *n = node_of(x, e->table);
        struct buf t = {0};
        if (e->nsegs) buf_put_str(&t, e->segs[0].text);
        buf_put_u8(&t, '_');
        buf_put_str(&t, e->table->conf->nodes[n - e->table->nodes].table);
        sql_put_name(x->out, buf_str(&t), true);
        if (t.failed) x->out->failed = true;
        buf_release(&t);
        break;
    }
    }
    if (x->out->len > before) x->edited = true;
}

/* ---- splicing ---- */

static uint32_t first_edit(const struct edits *e, uint32_t tok)
{
    uint32_t lo = 0, hi = e->len;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (e->at[mid].span.first < tok)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* One edit: what lies before it, then its text; returns where copying goes on. An edit that takes one end of
 * a versioned comment away completes the other. */
static uint32_t put_one(struct rx *x, uint32_t at, uint32_t limit, const struct edit *e)
{
    const struct sql_scan *s = x->s;
    if (e->span.first == e->span.end) {
        uint32_t to = e->span.first >= limit && limit > 0 ? end_of(s, limit - 1) : s->toks[e->span.first].off;
        /* right behind the token before it: blanks and comments stay behind the insertion */
        if (e->span.first > 0 && end_of(s, e->span.first - 1) >= at && end_of(s, e->span.first - 1) < to)
            to = end_of(s, e->span.first - 1);
        copy(x, at, to);
        put_edit(x, e);
        return to > at ? to : at;
    }
    copy(x, at, s->toks[e->span.first].off);
    put_edit(x, e);
    bool in = s->toks[e->span.first].flags & SQL_TF_VERSIONED,
         out = s->toks[e->span.end - 1].flags & SQL_TF_VERSIONED;
    if (in && !out) buf_putz(x->out, " */ ");
    if (!in && out) buf_putz(x->out, " /*! ");
    return end_of(s, e->span.end - 1);
}

/* Bytes [at, to) with the edits of tokens [first, end). */
static void splice(struct rx *x, uint32_t at, uint32_t to, uint32_t first, uint32_t end,
                   const struct edits *edits, const struct edit *extra)
{
    uint32_t replaced = 0; /* edits before this token are inside what `extra` replaced */
    for (uint32_t i = first_edit(edits, first); i < edits->len; i++) {
        const struct edit *e = &edits->at[i];
        if (e->span.end > end || e->span.first > end) break;
        if (e->span.first == e->span.end &&
            first != end) { /* what stands at the borders of a part belongs to its neighbours */
            if (e->span.first == first && first > 0) continue;
            if (e->span.first == end && end != x->s->ntoks) break;
        }
        if (extra && extra->span.first <= e->span.first) {
            at = put_one(x, at, end, extra);
            replaced = extra->span.end;
            extra = NULL;
        }
        if (e->span.first < replaced) continue;
        at = put_one(x, at, end, e);
    }
    if (extra) at = put_one(x, at, end, extra);
    copy(x, at, to);
}

static void put_range(struct rx *x, struct sql_span r, const struct edits *edits, const struct edit *extra)
{
    bool in = x->s->toks[r.first].flags & SQL_TF_VERSIONED,
         out = x->s->toks[r.end - 1].flags & SQL_TF_VERSIONED;
    if (in && !out) buf_putz(x->out, "/*! ");
    splice(x, x->s->toks[r.first].off, end_of(x->s, r.end - 1), r.first, r.end, edits, extra);
    if (out && !in) buf_putz(x->out, " */");
}

/* ---- INSERT ---- */

/* An explicit id whose text would differ from one execute to the next: LAST_INSERT_ID() + 1 may be 0 and then
 * asks for an id. In a prepared text its value is a `?`. */
static bool varying_id(const struct sql_expr *e)
{
    switch ((enum sql_expr_kind)e->kind) {
    case SQL_E_PARAM: /* stays, or is ours: a `?` either way */
    case SQL_E_NULL:
    case SQL_E_TRUE:
    case SQL_E_FALSE:
    case SQL_E_LITERAL:
    case SQL_E_DEFAULT: return false;
    case SQL_E_TEMPORAL:
    case SQL_E_COLUMN:
    case SQL_E_STAR:
    case SQL_E_USERVAR:
    case SQL_E_SYSVAR:
    case SQL_E_UNARY:
    case SQL_E_BINARY:
    case SQL_E_IS:
    case SQL_E_BETWEEN:
    case SQL_E_IN:
    case SQL_E_ROW:
    case SQL_E_PAREN:
    case SQL_E_CALL:
    case SQL_E_CASE:
    case SQL_E_SUBQUERY:
    case SQL_E_EXISTS:
    case SQL_E_QUANT:
    case SQL_E_INTERVAL:
    case SQL_E_ASSIGN:
    case SQL_E_VALUES:
    case SQL_E_MATCH:
    case SQL_E_NEXTVAL: return true;
    }
    return true;
}

static void put_id(struct rx *x, const struct plan_insert *in, uint32_t i)
{
    uint64_t id = x->b->row_ids ? x->b->row_ids[i] : 0;
    if (!x->slots) {
        buf_put_dec(x->out, id);
        return;
    }
    struct plan_slot slot = {.kind = PLAN_SLOT_NUMBER, .number = id};
    if (!id) {
        const struct given g = {x->s, x->facts};
        bool oom = false;
        int64_t n = 0;
        struct value v = const_value(in->rows[i].values[in->id_at], &g, x->a, &oom);
        if (v.kind == VALUE_UINT)
            slot.number = v.u;
        else if (value_whole(&v, &n))
            slot = (struct plan_slot){.kind = PLAN_SLOT_SIGNED, .number = (uint64_t)n};
    }
    put_slot(x, slot);
}

/* One row, with the id that it was given: in the place of its value, or appended. */
static void put_row(struct rx *x, const struct plan_insert *in, uint32_t i)
{
    const struct sql_row *row = &in->rows[i];
    bool inside = in->generated && in->id_at < row->n, ours = x->b->row_ids && x->b->row_ids[i];
    if (x->slots && inside && varying_id(row->values[in->id_at])) ours = true;
    if (!ours) {
        put_range(x, row->span, &x->p->single, NULL);
        return;
    }
    struct seg comma = {.text = STR(", ")};
    struct edit e = {.kind = EDIT_ID, .row = i, .segs = &comma, .nsegs = row->n > 0};
    e.span = (struct sql_span){row->span.end - 1, row->span.end - 1};
    if (inside) {
        e.span = row->values[in->id_at]->span;
        e.nsegs = 0;
    } else if (in->set_form) {
        put_range(x, row->span, &x->p->single, NULL);
        buf_putz(x->out, ", ");
        buf_put_str(x->out, in->id_name);
        buf_putz(x->out, " = ");
        put_id(x, in, i);
        x->edited = true;
        return;
    }
    put_range(x, row->span, &x->p->single, &e);
}

static void put_insert(struct rx *x, const struct plan_insert *in, const struct edits *edits)
{
    const struct sql_scan *s = x->s;
    struct sql_span r = in->rows_span;
    splice(x, 0, s->toks[r.first].off, 0, r.first, edits, NULL);
    uint32_t n = x->leg->rows ? x->leg->nrows : in->nrows;
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_put(x->out, ", ", 2);
        x->edited = false;
        put_row(x, in, x->leg->rows ? x->leg->rows[i] : i);
    }
    splice(x, end_of(s, r.end - 1), s->len, r.end, s->ntoks, edits, NULL);
}

/* ---- LOAD DATA for one leg ---- */

static void put_load(struct rx *x, bool with_ids)
{
    const struct plan *p = x->p;
    const struct sql_stmt *st = p->info.stmt;
    const struct plan_load *l = &p->load->load;
    uint32_t head = st->load.ignore_span.first;
    splice(x, 0, end_of(x->s, head - 1), 0, head, &p->single, NULL);
    if (x->s->toks[head - 1].flags & SQL_TF_VERSIONED) buf_putz(x->out, " */");
    buf_putz(x->out, " (");
    bool first = true;
    if (with_ids && l->has_id && l->id.from == PLAN_LOAD_IDS) {
        sql_put_name(x->out, l->table->generated->column, true);
        first = false;
    }
    for (uint32_t i = 0; i < l->ncolumns; i++) {
        if (!first) buf_putz(x->out, ", ");
        first = false;
        if (l->columns[i].ptr[0] == '@')
            buf_put_str(x->out, sql_span_str(x->s, st->load.columns[i]->span));
        else
            sql_put_name(x->out, l->columns[i], true);
    }
    buf_put_u8(x->out, ')');
    bool any = false;
    for (uint32_t i = 0; i < st->load.nset; i++) {
        if (i == p->load->dropped) continue;
        buf_putz(x->out, any ? ", " : " SET ");
        any = true;
        x->edited = false;
        put_range(x, st->load.set[i].span, &p->single, NULL);
    }
}

void plan_render_load(const struct plan *p, const struct sql_scan *scan, const struct plan_leg *leg,
                      const struct plan_facts *facts, bool with_ids, struct buf *out)
{
    const struct bound b = {.plan = p};
    struct rx x = {.b = &b, .p = p, .s = scan, .leg = leg, .facts = facts, .out = out};
    put_load(&x, with_ids);
}

/* DROP TABLE of tables placed differently: the names of this leg. */
static void put_drop(struct rx *x, const struct sql_ddl *d)
{
    uint32_t first = d->tables[0]->name.span.first, end = d->tables[d->ntables - 1]->name.span.end;
    splice(x, 0, x->s->toks[first].off, 0, first, &x->p->single, NULL);
    for (uint32_t i = 0; i < x->leg->nrows; i++) {
        if (i) buf_putz(x->out, ", ");
        x->edited = false;
        put_range(x, d->tables[x->leg->rows[i]]->name.span, &x->p->single, NULL);
    }
    splice(x, end_of(x->s, end - 1), x->s->len, end, x->s->ntoks, &x->p->single, NULL);
}

static void put_all(struct rx *x)
{
    const struct plan *p = x->p;
    if (p->drop) {
        put_drop(x, p->drop);
        return;
    }
    if (p->load) {
        put_load(x, true);
        return;
    }
    const struct edits *edits = x->b->merged ? &p->scatter : &p->single;
    const struct plan_insert *in = p->insert;
    if (in && !in->select && (x->leg->rows || x->b->row_ids || (x->slots && in->generated)))
        put_insert(x, in, edits);
    else
        splice(x, 0, x->s->len, 0, x->s->ntoks, edits, NULL);
}

void plan_render(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *leg,
                 const struct plan_facts *facts, struct buf *out)
{
    struct rx x = {.b = b, .p = b->plan, .s = scan, .leg = leg, .facts = facts, .out = out};
    put_all(&x);
}

void plan_render_prepared(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *leg,
                          const struct plan_facts *facts, struct arena *a, struct plan_slots *slots,
                          struct buf *out)
{
    struct rx x = {
        .b = b, .p = b->plan, .s = scan, .leg = leg, .facts = facts, .out = out, .slots = slots, .a = a};
    put_all(&x);
}
