/*
 * cond.c - conditions to shard sets: compiled once from the tree, evaluated for each statement with its own
 * literals.
 *
 *   WHERE cust IN (3, 5) AND (cust > 4 OR total > 10)   ->   AND(POINTS(3, 5), OR(BOUNDS(> 4), ALL)) ->
 * POINTS(3, 5)
 *
 * Soundness: a node's set holds every shard on which the condition can be TRUE for a row of the reference.
 * AND intersects, OR unites, NOT is pushed down to the comparisons (three-valued logic allows that), and what
 * is not understood is ALL. Bounds on one column in a conjunction become one interval, for with MOD neither
 * end alone says anything.
 */
#include "router/build.h"

/* ---- compiling ---- */

struct cc {
    struct build *b;
    struct bref *r;
    struct env *env;
    struct block *block; /* of the conjunct at hand */
    uint32_t ncols;
};

static struct cond cond_all = {.kind = COND_ALL};
static struct cond cond_none = {.kind = COND_NONE};

static struct cond *new_cond(struct cc *c, enum cond_kind kind, uint32_t nvalues)
{
    struct cond *o = b_new(c->b, struct cond);
    o->kind = kind;
    o->n = nvalues;
    if (kind == COND_PART || kind == COND_CONST) o->values = b_array(c->b, const struct sql_expr *, nvalues);
    if (kind == COND_AND || kind == COND_OR) o->kids = b_array(c->b, struct cond *, nvalues);
    if (kind == COND_BOUNDS) o->bounds = b_array(c->b, struct cond_bound, nvalues);
    return o;
}

/* Which shard column does e stand for, by itself or by an equality? -1: none. `own`: it is that very column.
 */
static int key_of(struct cc *c, const struct sql_expr *e, bool *own)
{
    struct term *t = term_of(c->b, c->block, e);
    if (!t) return -1;
    for (uint32_t i = 0; i < c->ncols; i++) {
        *own = t == c->r->key_terms[i];
        if (*own || same_class(c->b, c->env, t, c->r->key_terms[i])) return (int)i;
    }
    return -1;
}

static bool constant_like(const struct sql_expr *e)
{
    return !(e->flags & (SQL_EF_HAS_COLUMN | SQL_EF_HAS_SUBQUERY)) && e->kind != SQL_E_COLUMN &&
           e->kind != SQL_E_SUBQUERY;
}

static struct cond *part(struct cc *c, int column, const struct sql_expr *const *values, uint32_t n)
{
    struct cond *o = new_cond(c, COND_PART, n);
    o->column = (uint32_t)column;
    for (uint32_t i = 0; i < n; i++) o->values[i] = values[i];
    return o;
}

static struct cond *bound(struct cc *c, int column, const struct sql_expr *value, bool lower, bool strict)
{
    struct cond *o = new_cond(c, COND_BOUNDS, 1);
    o->column = (uint32_t)column;
    o->bounds[0] = (struct cond_bound){value, lower, strict};
    return o;
}

static struct cond *join2(struct cc *c, enum cond_kind kind, struct cond **kids, uint32_t n);
static struct cond *compile(struct cc *c, const struct sql_expr *e, bool neg);

/* (a, b) = (1, 2) */
static struct cond *compile_rows(struct cc *c, const struct sql_expr *l, const struct sql_expr *r)
{
    struct cond **kids = b_array(c->b, struct cond *, l->nargs);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->nargs && l->nargs == r->nargs; i++) {
        bool own;
        int col = key_of(c, l->args[i], &own);
        const struct sql_expr *value = r->args[i];
        if (col < 0) {
            col = key_of(c, r->args[i], &own);
            value = l->args[i];
        }
        if (col >= 0 && constant_like(value)) kids[n++] = part(c, col, &value, 1);
    }
    return join2(c, COND_AND, kids, n);
}

static struct cond *compile_compare(struct cc *c, const struct sql_expr *e, bool neg)
{
    enum sql_op op = (enum sql_op)e->op;
    const struct sql_expr *l = bare(e->args[0]), *r = bare(e->args[1]);
    bool own = false;
    if (l->kind == SQL_E_ROW && r->kind == SQL_E_ROW)
        return op == SQL_OP_EQ && !neg ? compile_rows(c, l, r) : &cond_all;
    int col = key_of(c, l, &own);
    if (col < 0) {
        col = key_of(c, r, &own);
        r = l;
        if (op == SQL_OP_LT)
            op = SQL_OP_GT;
        else if (op == SQL_OP_GT)
            op = SQL_OP_LT;
        else if (op == SQL_OP_LE)
            op = SQL_OP_GE;
        else if (op == SQL_OP_GE)
            op = SQL_OP_LE;
    }
    if (col < 0 || !constant_like(r)) return &cond_all;
    if (op == SQL_OP_EQ) return neg ? &cond_all : part(c, col, &r, 1);
    if (op == SQL_OP_NSEQ) return neg || c->r->nullable || !own ? &cond_all : part(c, col, &r, 1);
    if (op == SQL_OP_NE) return neg ? part(c, col, &r, 1) : &cond_all;
    bool lower = op == SQL_OP_GT || op == SQL_OP_GE, strict = op == SQL_OP_GT || op == SQL_OP_LT;
    return neg ? bound(c, col, r, !lower, !strict) : bound(c, col, r, lower, strict);
}

static struct cond *compile_in_rows(struct cc *c, const struct sql_expr *l, const struct sql_expr *e)
{
    uint32_t *at = b_array(c->b, uint32_t, c->ncols);
    for (uint32_t j = 0; j < c->ncols; j++) {
        at[j] = UINT32_MAX;
        for (uint32_t i = 0; i < l->nargs; i++) {
            bool own;
            if (key_of(c, l->args[i], &own) == (int)j) at[j] = i;
        }
        if (at[j] == UINT32_MAX) return &cond_all;
    }
    struct cond *o = new_cond(c, COND_POINTS, e->nargs - 1);
    o->values = b_array(c->b, const struct sql_expr *, (size_t)o->n * c->ncols);
    for (uint32_t i = 1; i < e->nargs; i++) {
        const struct sql_expr *row = bare(e->args[i]);
        if (row->kind != SQL_E_ROW || row->nargs != l->nargs) return &cond_all;
        for (uint32_t j = 0; j < c->ncols; j++) {
            if (!constant_like(row->args[at[j]])) return &cond_all;
            o->values[(size_t)(i - 1) * c->ncols + j] = row->args[at[j]];
        }
    }
    return o;
}

static struct cond *compile_in(struct cc *c, const struct sql_expr *e, bool neg)
{
    bool own;
    const struct sql_expr *l = bare(e->args[0]);
    if (e->flags & SQL_EF_NOT) neg = !neg;
    if (neg || e->query || e->nargs < 2) return &cond_all;
    if (l->kind == SQL_E_ROW) return compile_in_rows(c, l, e);
    int col = key_of(c, l, &own);
    if (col < 0) return &cond_all;
    for (uint32_t i = 1; i < e->nargs; i++)
        if (!constant_like(e->args[i])) return &cond_all;
    return part(c, col, (const struct sql_expr *const *)(void *)&e->args[1], e->nargs - 1);
}

static struct cond *compile_between(struct cc *c, const struct sql_expr *e, bool neg)
{
    bool own;
    int col = key_of(c, e->args[0], &own);
    if (e->flags & SQL_EF_NOT) neg = !neg;
    if (col < 0 || !constant_like(e->args[1]) || !constant_like(e->args[2])) return &cond_all;
    struct cond *two[2] = {bound(c, col, e->args[1], !neg, neg), bound(c, col, e->args[2], neg, neg)};
    return join2(c, neg ? COND_OR : COND_AND, two, 2);
}

static struct cond *compile_is(struct cc *c, const struct sql_expr *e, bool neg)
{
    bool own = false;
    if (e->flags & SQL_EF_NOT) neg = !neg;
    if (e->op == SQL_OP_IS_TRUE && !neg) return compile(c, e->args[0], false);
    if (e->op != SQL_OP_IS_NULL || neg) return &cond_all;
    int col = key_of(c, e->args[0], &own);
    if (col < 0 || !own || c->r->nullable) return &cond_all;
    const struct term *t = c->r->key_terms[col];
    /* `id IS NULL` may ask for the last insert id (sql_auto_is_null), `d IS NULL` for 0000-00-00. */
    bool odd = c->r->keys[col].type == CONF_KEY_DATE || (t->cat && t->cat->auto_increment) ||
               c->r->t->rt->conf->generated;
    return odd ? &cond_all : &cond_none;
}

static void flatten(struct cc *c, const struct sql_expr *e, bool neg, enum sql_op op, struct cond **kids,
                    uint32_t *n)
{
    e = bare(e);
    if (e->kind == SQL_E_BINARY && e->op == op) {
        for (uint32_t i = 0; i < e->nargs; i++) flatten(c, e->args[i], neg, op, kids, n);
        return;
    }
    kids[(*n)++] = compile(c, e, neg);
}

static uint32_t count_terms(const struct sql_expr *e, enum sql_op op)
{
    e = bare(e);
    if (e->kind != SQL_E_BINARY || e->op != op) return 1;
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->nargs; i++) n += count_terms(e->args[i], op);
    return n;
}

static struct cond *compile(struct cc *c, const struct sql_expr *e, bool neg)
{
    e = bare(e);
    if (e->kind == SQL_E_UNARY && e->op == SQL_OP_NOT) return compile(c, e->args[0], !neg);
    if (e->kind == SQL_E_BINARY && (e->op == SQL_OP_AND || e->op == SQL_OP_OR)) {
        uint32_t n = 0;
        struct cond **kids = b_array(c->b, struct cond *, count_terms(e, (enum sql_op)e->op));
        flatten(c, e, neg, (enum sql_op)e->op, kids, &n);
        return join2(c, (e->op == SQL_OP_AND) != neg ? COND_AND : COND_OR, kids, n);
    }
    if (constant_like(e) && !neg) {
        struct cond *o = new_cond(c, COND_CONST, 1);
        o->values[0] = e;
        return o;
    }
    if (e->kind == SQL_E_BINARY && e->nargs == 2 && e->op >= SQL_OP_EQ && e->op <= SQL_OP_GE)
        return compile_compare(c, e, neg);
    if (e->kind == SQL_E_IN) return compile_in(c, e, neg);
    if (e->kind == SQL_E_BETWEEN) return compile_between(c, e, neg);
    if (e->kind == SQL_E_IS) return compile_is(c, e, neg);
    return &cond_all;
}

/* ---- joining ---- */

/* The parts of all shard columns together are points: every combination of their values. NULL: a column is
 * missing, or there are too many. */
static struct cond *points_of(struct cc *c, struct cond **parts)
{
    uint64_t n = 1;
    for (uint32_t j = 0; j < c->ncols; j++) {
        if (!parts[j]) return NULL;
        n *= parts[j]->n;
        if (c->ncols > 1 && n > 10000) return NULL;
    }
    struct cond *o = new_cond(c, COND_POINTS, (uint32_t)n);
    if (c->ncols == 1) {
        o->values = parts[0]->values;
        return o;
    }
    o->values = b_array(c->b, const struct sql_expr *, n * c->ncols);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t rest = i;
        for (uint32_t j = 0; j < c->ncols; j++) {
            o->values[i * c->ncols + j] = parts[j]->values[rest % parts[j]->n];
            rest /= parts[j]->n;
        }
    }
    return o;
}

static struct cond *merge_bounds(struct cc *c, struct cond **kids, uint32_t n)
{
    uint32_t total = 0, at = 0;
    for (uint32_t i = 0; i < n; i++)
        if (kids[i]->kind == COND_BOUNDS) total += kids[i]->n;
    if (!total) return NULL;
    struct cond *o = new_cond(c, COND_BOUNDS, total);
    for (uint32_t i = 0; i < n; i++)
        if (kids[i]->kind == COND_BOUNDS)
            for (uint32_t j = 0; j < kids[i]->n; j++) o->bounds[at++] = kids[i]->bounds[j];
    return o;
}

/* Spreads nested ANDs, so that parts and bounds meet. */
static uint32_t spread(struct cond **kids, uint32_t n, struct cond **out)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (kids[i]->kind != COND_AND) {
            if (out) out[m] = kids[i];
            m++;
        } else {
            m += spread(kids[i]->kids, kids[i]->n, out ? out + m : NULL);
        }
    }
    return m;
}

static struct cond *join_and(struct cc *c, struct cond **given, uint32_t ngiven)
{
    uint32_t n = spread(given, ngiven, NULL), m = 0;
    struct cond **kids = b_array(c->b, struct cond *, n), **parts = b_array(c->b, struct cond *, c->ncols);
    (void)spread(given, ngiven, kids);
    struct cond *o = new_cond(c, COND_AND, n + 2);
    struct cond *bounds = c->ncols == 1 ? merge_bounds(c, kids, n) : NULL;
    if (bounds) o->kids[m++] = bounds;
    for (uint32_t i = 0; i < n; i++) {
        struct cond *k = kids[i];
        if (k->kind == COND_NONE) return &cond_none;
        if (k->kind == COND_ALL || k->kind == COND_BOUNDS) continue;
        if (k->kind == COND_PART) {
            if (c->ncols == 1)
                o->kids[m++] = k; /* made points at the end, so that an AND around still sees it */
            else if (!parts[k->column] || k->n < parts[k->column]->n)
                parts[k->column] = k;
            continue;
        }
        o->kids[m++] = k;
    }
    for (uint32_t j = 0; c->ncols > 1 && j < c->ncols; j++)
        if (parts[j]) o->kids[m++] = parts[j];
    o->n = m;
    if (!m) return &cond_all;
    return m == 1 ? o->kids[0] : o;
}

/* Parts that stayed alone: points when they cover all shard columns, else nothing known. */
static struct cond *settle_cond(struct cc *c, struct cond *k)
{
    struct cond **parts = b_array(c->b, struct cond *, c->ncols);
    if (k->kind == COND_PART) {
        parts[k->column] = k;
        struct cond *p = points_of(c, parts);
        return p ? p : &cond_all;
    }
    if (k->kind == COND_BOUNDS && c->ncols > 1) return &cond_all;
    if (k->kind != COND_AND) return k;
    struct cond *o = new_cond(c, COND_AND, k->n + 1);
    o->n = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (c->ncols > 1 && k->kids[i]->kind == COND_PART) {
            parts[k->kids[i]->column] = k->kids[i];
            continue;
        }
        struct cond *s = settle_cond(c, k->kids[i]);
        if (s->kind != COND_ALL) o->kids[o->n++] = s;
    }
    struct cond *p = c->ncols > 1 ? points_of(c, parts) : NULL;
    if (p) o->kids[o->n++] = p;
    if (!o->n) return &cond_all;
    return o->n == 1 ? o->kids[0] : o;
}

static struct cond *join_or(struct cc *c, struct cond **kids, uint32_t n)
{
    struct cond *o = new_cond(c, COND_OR, n);
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct cond *k = settle_cond(c, kids[i]);
        if (k->kind == COND_ALL) return &cond_all;
        if (k->kind != COND_NONE) o->kids[m++] = k;
    }
    o->n = m;
    if (!m) return &cond_none;
    return m == 1 ? o->kids[0] : o;
}

static struct cond *join2(struct cc *c, enum cond_kind kind, struct cond **kids, uint32_t n)
{
    return kind == COND_AND ? join_and(c, kids, n) : join_or(c, kids, n);
}

struct cond *cond_compile(struct build *b, struct bref *r)
{
    struct cc c = {.b = b, .r = r, .env = r->env, .ncols = r->t->rt->conf->nshard_columns};
    uint32_t n = 0, m = 0;
    for (struct env *v = r->env; v; v = v->up) n += v->conj.len;
    struct cond **kids = b_array(b, struct cond *, n);
    for (struct env *v = r->env; v; v = v->up)
        for (uint32_t i = 0; i < v->conj.len; i++) {
            c.block = v->conj.at[i].block;
            kids[m++] = compile(&c, v->conj.at[i].e, false);
        }
    return settle_cond(&c, join_and(&c, kids, m));
}

/* ---- evaluating ---- */

struct ev {
    const struct plan_ref *ref;
    const struct given *g;
    struct arena *a;
    bool oom;
};

static void eval(struct ev *v, const struct cond *c, struct shards *out);

/* Adds the shard of one tuple; false: any shard. */
static bool eval_point(struct ev *v, const struct sql_expr *const *values, struct shards *out)
{
    const struct conf_table *t = v->ref->table->conf;
    struct key keys[MAX_SHARD_COLUMNS];
    enum conf_key_type types[MAX_SHARD_COLUMNS];
    for (uint32_t j = 0; j < t->nshard_columns; j++) {
        struct value x = const_value(values[j], v->g, v->a, &v->oom);
        types[j] = v->ref->keys[j].type;
        const char *why;
        enum key_answer r = v->ref->stores ? key_store(&v->ref->keys[j], &x, v->a, &keys[j], &why)
                                           : key_equal(&v->ref->keys[j], &x, v->a, &keys[j]);
        switch (r) {
        case KEY_IS: break;
        case KEY_NONE: return true;
        case KEY_ANY: return false;
        case KEY_NOMEM: v->oom = true; return false;
        }
    }
    int64_t s = rule_point(&v->ref->table->rule, keys, types, t->nshard_columns);
    if (s >= 0) shards_add(out, (uint32_t)s);
    return true;
}

static void eval_bounds(struct ev *v, const struct cond *c, struct shards *out)
{
    struct key low, high;
    bool has_low = false, has_high = false;
    const struct keycol *k = &v->ref->keys[0];
    for (uint32_t i = 0; i < c->n; i++) {
        struct key at;
        const struct cond_bound *bd = &c->bounds[i];
        struct value x = const_value(bd->value, v->g, v->a, &v->oom);
        switch (key_bound(k, &x, bd->lower, bd->strict, v->a, &at)) {
        case KEY_IS: break;
        case KEY_NONE: return; /* comparison with NULL */
        case KEY_ANY: continue;
        case KEY_NOMEM: v->oom = true; continue;
        }
        if (bd->lower) {
            if (!has_low || key_cmp(k->type, &at, &low) > 0) low = at;
            has_low = true;
        } else {
            if (!has_high || key_cmp(k->type, &at, &high) < 0) high = at;
            has_high = true;
        }
    }
    if (!has_low && !has_high)
        shards_fill(out, true);
    else
        rule_interval(&v->ref->table->rule, k->type, has_low ? &low : NULL, has_high ? &high : NULL, out);
}

static void eval_kids(struct ev *v, const struct cond *c, struct shards *out)
{
    bool all = c->kind == COND_AND;
    shards_fill(out, all);
    for (uint32_t i = 0; i < c->n; i++) {
        struct shards kid;
        if (!shards_init(&kid, out->n, false, v->a)) {
            v->oom = true;
            return;
        }
        eval(v, c->kids[i], &kid);
        if (all)
            shards_and(out, &kid);
        else
            shards_or(out, &kid);
    }
}

/* `out` comes empty. */
static void eval(struct ev *v, const struct cond *c, struct shards *out)
{
    uint32_t ncols = v->ref->table->conf->nshard_columns;
    switch (c->kind) {
    case COND_ALL:
    case COND_PART: shards_fill(out, true); break;
    case COND_NONE: break;
    case COND_CONST:
        if (const_truth(c->values[0], v->g, v->a, &v->oom) != 0) shards_fill(out, true);
        break;
    case COND_AND:
    case COND_OR: eval_kids(v, c, out); break;
    case COND_POINTS:
        for (uint32_t i = 0; i < c->n; i++)
            if (!eval_point(v, &c->values[(size_t)i * ncols], out)) {
                shards_fill(out, true);
                break;
            }
        break;
    case COND_BOUNDS: eval_bounds(v, c, out); break;
    }
}

bool cond_eval(const struct plan_ref *ref, const struct cond *c, const struct given *g, struct arena *a,
               struct shards *out)
{
    struct ev v = {ref, g, a, false};
    if (!shards_init(out, ref->table->conf->nnodes, false, a)) return false;
    if (ref->table->conf->nshard_columns > MAX_SHARD_COLUMNS)
        shards_fill(out, true);
    else
        eval(&v, c ? c : &cond_all, out);
    return !v.oom;
}
