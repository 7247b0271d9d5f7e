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
};

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
    x->edited = false;
}

static void put_range(struct rx *x, struct sql_span r, const struct edits *edits, const struct edit *extra);

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
    buf_put_dec(x->out, n);
}

static void put_string(struct rx *x, struct str s)
{
    sql_put_string(x->out, s, x->facts && x->facts->opt ? x->facts->opt : &x->p->opt);
}

static void put_fact(struct rx *x, enum fact fact)
{
    static const struct plan_facts none;
    const struct plan_facts *f = x->facts ? x->facts : &none;
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
    if (s < 0)
        buf_putz(x->out, "NULL");
    else
        buf_put_dec(x->out, (uint64_t)s);
    arena_release(&a);
}

static void put_edit(struct rx *x, const struct edit *e)
{
    size_t before = x->out->len;
    char first = 'x';
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
            if (e->span.first < extra->span.end) {
                extra = NULL;
                continue;
            }
            extra = NULL;
        }
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

/* One row, with the id that it was given: in the place of its value, or appended. */
static void put_row(struct rx *x, const struct plan_insert *in, uint32_t i)
{
    const struct sql_row *row = &in->rows[i];
    uint64_t id = x->b->row_ids ? x->b->row_ids[i] : 0;
    char text[24];
    if (!id) {
        put_range(x, row->span, &x->p->single, NULL);
        return;
    }
    size_t n = sizeof text;
    do text[--n] = (char)('0' + id % 10);
    while (id /= 10);
    struct seg seg[2] = {{.text = row->n ? STR(", ") : STR("")},
                         {.text = str_make(text + n, sizeof text - n)}};
    struct edit e = {
        .kind = EDIT_TEXT, .segs = seg, .nsegs = 2, .span = {row->span.end - 1, row->span.end - 1}};
    if (in->id_at < row->n) {
        e.span = row->values[in->id_at]->span;
        e.segs = &seg[1];
        e.nsegs = 1;
    } else if (in->set_form) {
        put_range(x, row->span, &x->p->single, NULL);
        buf_putz(x->out, ", ");
        buf_put_str(x->out, in->id_name);
        buf_putz(x->out, " = ");
        buf_put_str(x->out, seg[1].text);
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

void plan_render(const struct bound *b, const struct sql_scan *scan, const struct plan_leg *leg,
                 const struct plan_facts *facts, struct buf *out)
{
    const struct plan *p = b->plan;
    const struct edits *edits = b->merged ? &p->scatter : &p->single;
    struct rx x = {b, p, scan, leg, facts, out, false};
    const struct plan_insert *in = p->insert;
    if (in && !in->select && (leg->rows || b->row_ids))
        put_insert(&x, in, edits);
    else
        splice(&x, 0, scan->len, 0, scan->ntoks, edits, NULL);
}
