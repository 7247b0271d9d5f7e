/*
 * test_plan_random.c - is a shard set ever too narrow, is a pushed-down join ever wrong? Random statements
 * against brute force.
 *
 * Small tables are dealt to shards by the router's own rule. A random FROM and WHERE (inner and outer joins,
 * AND, OR, NOT, IN, BETWEEN, NULLs, constants in odd spellings, EXISTS, IN (SELECT ..), derived tables) is evaluated here by
 * nested loops, once over all rows and once for each leg over the rows that leg has. What the legs give
 * together must be the whole. Half of the statements have their constants as parameters of some type: the
 * same text with the literals in must not find shards that they do not. Refused statements prove nothing; enough must be accepted, and enough narrowed,
 * for the test to mean something.
 */
#include "tests/unit/test_plan_kit.h"

static const char rules[] = "weir: {listen: 127.0.0.1:4406}\n"
                            "users: {app: {password: app}}\n"
                            "sources:\n  s0: {address: 127.0.0.1:4411, user: w, password: w}\n"
                            "algorithms:\n"
                            "  m: {type: mod}\n  h: {type: hash, key: integer}\n"
                            "  r: {type: range, boundaries: [min, 1, 2, 4, max]}\n"
                            "  l: {type: list, shards: [[-1, 0, 3], [1, 4], [2, 5, 6], [7, 8, 9, 10]]}\n"
                            "schemas:\n  d:\n    default_source: s0\n    tables:\n"
                            "      m0: {nodes: 's0.d.m0_${0..3}', shard_by: k, algorithm: m}\n      m1: "
                            "{nodes: 's0.d.m1_${0..3}', shard_by: k, algorithm: m}\n"
                            "      h0: {nodes: 's0.d.h0_${0..3}', shard_by: k, algorithm: h}\n      h1: "
                            "{nodes: 's0.d.h1_${0..3}', shard_by: k, algorithm: h}\n"
                            "      r0: {nodes: 's0.d.r0_${0..3}', shard_by: k, algorithm: r}\n      r1: "
                            "{nodes: 's0.d.r1_${0..3}', shard_by: k, algorithm: r}\n"
                            "      l0: {nodes: 's0.d.l0_${0..3}', shard_by: k, algorithm: l}\n      l1: "
                            "{nodes: 's0.d.l1_${0..3}', shard_by: k, algorithm: l}\n"
                            "      p0: {nodes: 's0.d.p0_${0..3}', shard_by: [k, x], algorithm: h}\n      p1: "
                            "{nodes: 's0.d.p1_${0..3}', shard_by: [k, x], "
                            "algorithm: h}\n"
                            "      b: {broadcast: all}\n"
                            "    groups: [[m0, m1], [h0, h1], [r0, r1], [l0, l1], [p0, p1]]\n";

enum { SHARDS = 4, MAX_REFS = 5, MAX_PARAMS = 64, ROWS = 6, NULL_VALUE = 1000, MAX_RESULT = 2000 };
static const char letters[] = "mhrlp"; /* p: sharded by k and x together */

struct row {
    int k, x; /* x may be NULL_VALUE */
    int shard;
};
struct table {
    char name[4];
    bool sharded;
    struct row rows[ROWS];
};
enum kind { AND, OR, NOT, COMPARE, IS_NULL, BETWEEN, IN, ROW_IN, EXISTS, IN_QUERY };
enum { EQ, NE, LT, LE, GT, GE, NSEQ };
struct operand {
    int ref; /* -1: constant */
    bool is_x;
    int value;
};
struct ex {
    enum kind kind;
    int op;
    bool negated;
    struct ex *kids[2];
    struct operand a, b, c;
    int ref; /* EXISTS, IN_QUERY: the subquery's own reference */
};
enum wrap { BARE, DERIVED, SWAPPED /* SELECT k AS x, x AS k */, TWICE };
struct node {  /* FROM */
    int ref;   /* leaf */
    enum wrap wrap;
    struct ex *filter; /* of a derived table; its names are those inside */
    char join; /* I L R; 0: leaf */
    struct node *left, *right;
    struct ex *on;
    bool using_k; /* USING (k) in place of ON */
};
struct gen {
    uint64_t seed;
    struct arena a;
    struct table tables[3]; /* x0, x1, b */
    int ref_table[MAX_REFS + 8];
    int nrefs, nfrom;
    bool swapped[MAX_REFS + 8]; /* a derived table gives k as x and x as k */
    uint32_t nderived;
    struct buf sql;
    bool params; /* constants are `?` */
    struct value values[MAX_PARAMS];
    struct str literals[MAX_PARAMS];
    uint32_t nvalues;
};

static uint32_t rnd(struct gen *g, uint32_t n)
{
    g->seed = g->seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(g->seed >> 33) % n;
}

/* ---- making ---- */

static struct operand column(struct gen *g, int lo, int hi)
{
    return (struct operand){.ref = lo + (int)rnd(g, (uint32_t)(hi - lo)), .is_x = rnd(g, 3) == 0};
}

static struct operand constant(struct gen *g)
{
    return (struct operand){.ref = -1, .value = rnd(g, 12) == 0 ? NULL_VALUE : (int)rnd(g, 7) - 1};
}

/* A condition over references [lo, hi). */
static struct ex *make(struct gen *g, int depth, int lo, int hi, bool subqueries)
{
    struct ex *e = arena_new(&g->a, struct ex);
    uint32_t r = rnd(g, depth > 0 ? 14 : 8);
    if (r >= 13 && subqueries && g->nrefs < MAX_REFS + 3) {
        e->kind = EXISTS;
        e->negated = rnd(g, 3) == 0;
        e->ref = g->nrefs++;
        g->ref_table[e->ref] = (int)rnd(g, 3);
        /* the inner condition sees the outer references and its own */
        struct ex *tie = arena_new(&g->a, struct ex);
        *tie = (struct ex){.kind = COMPARE,
                           .op = EQ,
                           .a = {.ref = e->ref, .is_x = rnd(g, 5) == 0},
                           .b = rnd(g, 5) ? column(g, lo, hi) : constant(g)};
        if (tie->b.ref >= 0 && rnd(g, 3)) tie->b.is_x = false;
        e->kids[0] = tie;
        if (rnd(g, 2)) return e;
        e->kind = IN_QUERY; /* t0.k IN (SELECT t3.k FROM ... WHERE t3.x = 1) */
        e->a = column(g, lo, hi);
        e->b = (struct operand){.ref = e->ref, .is_x = rnd(g, 4) == 0};
        if (rnd(g, 4)) e->a.is_x = false;
        if (rnd(g, 2)) tie->b = constant(g);
        return e;
    }
    if (r >= 8) {
        e->kind = r < 11 ? AND : r < 13 ? OR : NOT;
        e->kids[0] = make(g, depth - 1, lo, hi, subqueries);
        e->kids[1] = e->kind == NOT ? NULL : make(g, depth - 1, lo, hi, subqueries);
        return e;
    }
    e->a = column(g, lo, hi);
    if (r == 0) {
        e->kind = IS_NULL;
        e->negated = rnd(g, 2);
    } else if (r == 1) {
        e->kind = BETWEEN;
        e->negated = rnd(g, 4) == 0;
        e->b = constant(g);
        e->c = constant(g);
    } else if (r == 2) {
        e->kind = rnd(g, 3) ? IN : ROW_IN; /* (t0.k, t0.x) IN ((b, c), (b + 1, c)) */
        e->negated = rnd(g, 4) == 0;
        e->b = constant(g);
        e->c = constant(g);
        if (e->kind == ROW_IN) e->a.is_x = false;
    } else {
        e->kind = COMPARE;
        e->op = rnd(g, 3) ? EQ : (int)rnd(g, 7);
        e->b = rnd(g, 2) ? constant(g) : column(g, lo, hi);
        if (rnd(g, 3) == 0) {
            struct operand t = e->a;
            e->a = e->b;
            e->b = t;
        }
    }
    return e;
}

static struct node *make_from(struct gen *g, int lo, int hi)
{
    struct node *n = arena_new(&g->a, struct node);
    if (hi - lo == 1) {
        n->ref = lo;
        if (rnd(g, 4)) return n;
        n->wrap = DERIVED + rnd(g, 3);
        if (rnd(g, 3)) n->filter = make(g, 1, lo, hi, false);
        g->swapped[lo] = n->wrap == SWAPPED;
        g->nderived++;
        return n;
    }
    int mid = lo + 1 + (int)rnd(g, (uint32_t)(hi - lo - 1));
    n->left = make_from(g, lo, mid);
    n->right = make_from(g, mid, hi);
    n->join = "IILR"[rnd(g, 4)];
    n->on = arena_new(&g->a, struct ex);
    *n->on = (struct ex){.kind = COMPARE, .op = EQ, .a = column(g, lo, mid), .b = column(g, mid, hi)};
    if (rnd(g, 4)) n->on->a.is_x = n->on->b.is_x = false;
    if (hi - lo == 2 && !n->on->a.is_x && !n->on->b.is_x && rnd(g, 4) == 0) {
        n->using_k = true;
        return n;
    }
    if (rnd(g, 3) == 0) {
        struct ex *and_x = arena_new(&g->a, struct ex), *x = arena_new(&g->a, struct ex);
        *x = *n->on; /* ... AND l.x = r.x */
        x->a.is_x = x->b.is_x = true;
        *and_x = (struct ex){.kind = AND, .kids = {n->on, x}};
        n->on = and_x;
    }
    if (rnd(g, 3) == 0) {
        struct ex *both = arena_new(&g->a, struct ex);
        *both = (struct ex){.kind = rnd(g, 6) ? AND : OR, .kids = {n->on, make(g, 1, lo, hi, false)}};
        n->on = both;
    }
    return n;
}

static void make_tables(struct gen *g, const struct router *r, const struct conf_schema *schema, char letter)
{
    for (int t = 0; t < 3; t++) {
        struct table *tab = &g->tables[t];
        tab->sharded = t < 2;
        (void)snprintf(tab->name, sizeof tab->name, t < 2 ? "%c%d" : "b", letter, t);
        for (int i = 0; i < ROWS; i++) {
            struct row *row = &tab->rows[i];
            *row = (struct row){.k = (int)rnd(g, 7) - 1, .x = rnd(g, 4) ? (int)rnd(g, 6) : NULL_VALUE};
            if (!tab->sharded) continue;
            if (letter == 'p' && row->x == NULL_VALUE) row->x = 0;
            struct value v[2] = {{.kind = VALUE_INT, .i = row->k}, {.kind = VALUE_INT, .i = row->x}};
            struct fault f;
            int64_t s = router_shard_of(r, conf_table(schema, str_of(tab->name)), NULL, v,
                                        letter == 'p' ? 2 : 1, &g->a, &f);
            assert_true(s >= 0);
            row->shard = (int)s;
        }
    }
}

/* ---- writing ---- */

/* A `?` whose value has one of the types that a client may bind. */
static void put_param(struct gen *g, int value)
{
    struct value *v = &g->values[g->nvalues];
    struct str *l = &g->literals[g->nvalues++], plain = arena_printf(&g->a, "%d", value);
    *v = (struct value){.kind = VALUE_INT, .i = value};
    *l = plain;
    buf_put_u8(&g->sql, '?');
    if (value == NULL_VALUE) {
        *v = (struct value){.kind = VALUE_NULL};
        *l = STR("NULL");
        return;
    }
    switch (rnd(g, 8)) {
    case 0:
        *v = (struct value){.kind = VALUE_STRING, .s = plain};
        *l = arena_printf(&g->a, "'%d'", value);
        break;
    case 1:
        *l = arena_printf(&g->a, "%d.0", value);
        *v = (struct value){.kind = VALUE_DECIMAL, .s = *l};
        break;
    case 2:
        *v = (struct value){.kind = VALUE_FLOAT, .s = plain};
        *l = arena_printf(&g->a, "%de0", value);
        break;
    case 3:
        if (value >= 0) *v = (struct value){.kind = VALUE_UINT, .u = (uint64_t)value};
        break;
    default: break;
    }
}

static void put_operand(struct gen *g, const struct operand *o)
{
    if (o->ref < 0 && g->params && g->nvalues < MAX_PARAMS && rnd(g, 4)) {
        put_param(g, o->value);
        return;
    }
    if (o->ref >= 0)
        buf_printf(&g->sql, "t%d.%s", o->ref, o->is_x ? "x" : "k");
    else if (o->value == NULL_VALUE)
        buf_putz(&g->sql, "NULL");
    else
        switch (rnd(g, 6)) {
        case 0: buf_printf(&g->sql, "'%d'", o->value); break;
        case 1: buf_printf(&g->sql, "%d.0", o->value); break;
        case 2: buf_printf(&g->sql, "(%d + 1)", o->value - 1); break;
        default: buf_printf(&g->sql, "%d", o->value); break;
        }
}

static void put_ex(struct gen *g, const struct ex *e)
{
    static const char *const ops[] = {" = ", " <> ", " < ", " <= ", " > ", " >= ", " <=> "};
    switch (e->kind) {
    case AND:
    case OR:
        buf_putz(&g->sql, "(");
        put_ex(g, e->kids[0]);
        buf_putz(&g->sql, e->kind == AND ? " AND " : " OR ");
        put_ex(g, e->kids[1]);
        buf_putz(&g->sql, ")");
        break;
    case NOT:
        buf_putz(&g->sql, "NOT (");
        put_ex(g, e->kids[0]);
        buf_putz(&g->sql, ")");
        break;
    case COMPARE:
        put_operand(g, &e->a);
        buf_putz(&g->sql, ops[e->op]);
        put_operand(g, &e->b);
        break;
    case IS_NULL:
        put_operand(g, &e->a);
        buf_putz(&g->sql, e->negated ? " IS NOT NULL" : " IS NULL");
        break;
    case BETWEEN:
        put_operand(g, &e->a);
        buf_putz(&g->sql, e->negated ? " NOT BETWEEN " : " BETWEEN ");
        put_operand(g, &e->b);
        buf_putz(&g->sql, " AND ");
        put_operand(g, &e->c);
        break;
    case IN:
        put_operand(g, &e->a);
        buf_putz(&g->sql, e->negated ? " NOT IN (" : " IN (");
        put_operand(g, &e->b);
        buf_putz(&g->sql, ", ");
        put_operand(g, &e->c);
        buf_putz(&g->sql, ")");
        break;
    case ROW_IN:
        buf_printf(&g->sql, "(t%d.k, t%d.x) %sIN ((", e->a.ref, e->a.ref, e->negated ? "NOT " : "");
        put_operand(g, &e->b);
        buf_putz(&g->sql, ", ");
        put_operand(g, &e->c);
        buf_putz(&g->sql, "), (2, ");
        put_operand(g, &e->c);
        buf_putz(&g->sql, "))");
        break;
    case EXISTS:
        buf_printf(&g->sql, "%sEXISTS (SELECT 1 FROM %s t%d WHERE ", e->negated ? "NOT " : "",
                   g->tables[g->ref_table[e->ref]].name, e->ref);
        put_ex(g, e->kids[0]);
        buf_putz(&g->sql, ")");
        break;
    case IN_QUERY:
        put_operand(g, &e->a);
        buf_putz(&g->sql, e->negated ? " NOT IN (SELECT " : " IN (SELECT ");
        put_operand(g, &e->b);
        buf_printf(&g->sql, " FROM %s t%d WHERE ", g->tables[g->ref_table[e->ref]].name, e->ref);
        put_ex(g, e->kids[0]);
        buf_putz(&g->sql, ")");
        break;
    }
}

static void put_derived(struct gen *g, const struct node *n)
{
    static const char *const heads[] = {[BARE] = "", [DERIVED] = "(SELECT k, t%d.x FROM %s t%d", [SWAPPED] = "(SELECT k AS x, t%d.x AS k FROM %s t%d",
                                        [TWICE] = "(SELECT x, k FROM (SELECT k, t%d.x FROM %s t%d"};
    const char *name = g->tables[g->ref_table[n->ref]].name;
    for (const char *p = heads[n->wrap]; *p; p++) {
        if (p[0] != '%') buf_put_u8(&g->sql, (uint8_t)*p);
        else if (*++p == 'd') buf_printf(&g->sql, "%d", n->ref);
        else buf_putz(&g->sql, name);
    }
    if (n->filter) {
        buf_putz(&g->sql, " WHERE ");
        put_ex(g, n->filter);
    }
    buf_printf(&g->sql, n->wrap == TWICE ? ") s) t%d" : ") t%d", n->ref);
}

static void put_from(struct gen *g, const struct node *n)
{
    if (!n->join && n->wrap != BARE) {
        put_derived(g, n);
        return;
    }
    if (!n->join) {
        buf_printf(&g->sql, "%s t%d", g->tables[g->ref_table[n->ref]].name, n->ref);
        return;
    }
    buf_putz(&g->sql, "(");
    put_from(g, n->left);
    buf_putz(&g->sql, n->join == 'I' ? " JOIN " : n->join == 'L' ? " LEFT JOIN " : " RIGHT JOIN ");
    put_from(g, n->right);
    if (n->using_k) {
        buf_putz(&g->sql, " USING (k))");
        return;
    }
    buf_putz(&g->sql, " ON ");
    put_ex(g, n->on);
    buf_putz(&g->sql, ")");
}

/* ---- evaluating: 1 true, 0 false, -1 NULL ---- */

struct tuple {
    int8_t at[MAX_REFS + 8]; /* row of each reference, -1: NULL row */
};

static int value_of(const struct gen *g, const struct tuple *t, const struct operand *o)
{
    if (o->ref < 0) return o->value;
    if (t->at[o->ref] < 0) return NULL_VALUE;
    const struct row *r = &g->tables[g->ref_table[o->ref]].rows[t->at[o->ref]];
    return o->is_x != g->swapped[o->ref] ? r->x : r->k;
}

static int compare(int op, int a, int b)
{
    if (op == NSEQ) return a == b;
    if (a == NULL_VALUE || b == NULL_VALUE) return -1;
    switch (op) {
    case EQ: return a == b;
    case NE: return a != b;
    case LT: return a < b;
    case LE: return a <= b;
    case GT: return a > b;
    default: return a >= b;
    }
}
static int and3(int a, int b)
{
    return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1;
}
static int or3(int a, int b)
{
    return a == 1 || b == 1 ? 1 : a < 0 || b < 0 ? -1 : 0;
}
static int not3(int a)
{
    return a < 0 ? -1 : !a;
}

/* shard < 0: all rows. */
static bool visible(const struct gen *g, int ref, int row, int shard)
{
    const struct table *t = &g->tables[g->ref_table[ref]];
    return shard < 0 || !t->sharded || t->rows[row].shard == shard;
}

static int truth(const struct gen *g, const struct tuple *t, const struct ex *e, int shard)
{
    int r = 0, a;
    switch (e->kind) {
    case AND: return and3(truth(g, t, e->kids[0], shard), truth(g, t, e->kids[1], shard));
    case OR: return or3(truth(g, t, e->kids[0], shard), truth(g, t, e->kids[1], shard));
    case NOT: return not3(truth(g, t, e->kids[0], shard));
    case COMPARE: return compare(e->op, value_of(g, t, &e->a), value_of(g, t, &e->b));
    case IS_NULL: return (value_of(g, t, &e->a) == NULL_VALUE) != e->negated;
    case BETWEEN:
        a = value_of(g, t, &e->a);
        r = and3(compare(GE, a, value_of(g, t, &e->b)), compare(LE, a, value_of(g, t, &e->c)));
        return e->negated ? not3(r) : r;
    case IN:
        a = value_of(g, t, &e->a);
        r = or3(compare(EQ, a, value_of(g, t, &e->b)), compare(EQ, a, value_of(g, t, &e->c)));
        return e->negated ? not3(r) : r;
    case ROW_IN: {
        const struct operand x = {.ref = e->a.ref, .is_x = true};
        int same_x = compare(EQ, value_of(g, t, &x), value_of(g, t, &e->c));
        a = value_of(g, t, &e->a);
        r = or3(and3(compare(EQ, a, value_of(g, t, &e->b)), same_x), and3(compare(EQ, a, 2), same_x));
        return e->negated ? not3(r) : r;
    }
    case EXISTS: {
        struct tuple in = *t;
        for (int i = 0; i < ROWS && !r; i++) {
            if (!visible(g, e->ref, i, shard)) continue;
            in.at[e->ref] = (int8_t)i;
            r = truth(g, &in, e->kids[0], shard) == 1;
        }
        return r != e->negated;
    }
    case IN_QUERY: {
        struct tuple in = *t;
        a = value_of(g, t, &e->a);
        for (int i = 0; i < ROWS; i++) {
            if (!visible(g, e->ref, i, shard)) continue;
            in.at[e->ref] = (int8_t)i;
            if (truth(g, &in, e->kids[0], shard) == 1) r = or3(r, compare(EQ, a, value_of(g, &in, &e->b)));
        }
        return e->negated ? not3(r) : r;
    }
    }
    return 0;
}

struct result {
    struct tuple *rows;
    uint32_t n;
};

static struct result eval_from(struct gen *g, const struct node *n, int shard, struct arena *a)
{
    struct result out = {arena_alloc(a, MAX_RESULT * sizeof(struct tuple)), 0};
    struct tuple none;
    memset(&none, -1, sizeof none);
    if (!n->join) {
        for (int i = 0; i < ROWS; i++) {
            if (!visible(g, n->ref, i, shard)) continue;
            out.rows[out.n] = none;
            out.rows[out.n].at[n->ref] = (int8_t)i;
            bool outside = g->swapped[n->ref];
            g->swapped[n->ref] = false;
            if (!n->filter || truth(g, &out.rows[out.n], n->filter, shard) == 1) out.n++;
            g->swapped[n->ref] = outside;
        }
        return out;
    }
    struct result l = eval_from(g, n->left, shard, a), r = eval_from(g, n->right, shard, a);
    struct result *kept = n->join == 'R' ? &r : &l, *other = n->join == 'R' ? &l : &r;
    for (uint32_t i = 0; i < kept->n; i++) {
        bool hit = false;
        for (uint32_t j = 0; j < other->n; j++) {
            struct tuple t = kept->rows[i];
            for (int k = 0; k < g->nfrom; k++)
                if (other->rows[j].at[k] >= 0) t.at[k] = other->rows[j].at[k];
            if (truth(g, &t, n->on, shard) != 1) continue;
            hit = true;
            assert_true(out.n < MAX_RESULT);
            out.rows[out.n++] = t;
        }
        if (!hit && n->join != 'I') out.rows[out.n++] = kept->rows[i];
    }
    return out;
}

static int by_tuple(const void *x, const void *y)
{
    return memcmp(x, y, sizeof(struct tuple));
}

static void add_result(struct gen *g, const struct node *from, const struct ex *where, int shard,
                       struct arena *a, struct result *out)
{
    struct result r = eval_from(g, from, shard, a);
    for (uint32_t i = 0; i < r.n; i++)
        if (truth(g, &r.rows[i], where, shard) == 1) {
            assert_true(out->n < MAX_RESULT);
            out->rows[out->n++] = r.rows[i];
        }
}

/* ---- one case ---- */

struct tally {
    uint32_t accepted, narrowed, scattered, joins, with_params, same_legs, derived, derived_narrowed;
};

/* The statement with its literals in: its legs are among those of the parameters. */
static void check_literals(struct gen *g, const struct plan_env *env, const struct sql_scan *params, const struct bound *b, bool refused,
                           struct arena *a, struct tally *tally)
{
    struct buf text = {0};
    struct sql_scan s = {0};
    struct plan *p = NULL;
    struct bound lit;
    struct fault f = {0};
    assert_int_equal(sql_bind_params(params, g->literals, g->nvalues, &text), SQL_OK);
    assert_int_equal(sql_scan(&s, text.data, text.len, 0, &params->opt), SQL_OK);
    assert_int_equal(plan_build(env, &s, a, &p, &f), SQL_OK);
    tally->with_params++;
    if (plan_bind(p, &s, 0, a, &lit, &f) != SQL_OK) {
        tally->same_legs += refused;
    } else if (!refused) {
        uint32_t at = 0;
        for (uint32_t i = 0; i < lit.nlegs && !lit.empty; i++) {
            while (at < b->nlegs && b->legs[at].shard != lit.legs[i].shard) at++;
            if (at == b->nlegs) fail_msg("shard %u is missing with parameters: %.*s", lit.legs[i].shard, STR_ARG(buf_str(&text)));
        }
        tally->same_legs += lit.nlegs == b->nlegs;
    }
    plan_unref(p);
    sql_scan_release(&s);
    buf_release(&text);
}

static void check_case(const struct router *r, const struct catalog *cat, const struct conf_schema *schema,
                       uint64_t seed, struct tally *tally)
{
    struct gen g = {.seed = seed * 7919 + 1};
    struct arena a;
    arena_init(&g.a, 0);
    arena_init(&a, 0);
    for (int i = 0; i < 5; i++) (void)rnd(&g, 2);
    make_tables(&g, r, schema, letters[rnd(&g, 5)]);
    g.nrefs = g.nfrom = 1 + (int)rnd(&g, 3);
    for (int i = 0; i < g.nrefs; i++) g.ref_table[i] = rnd(&g, 5) ? (int)rnd(&g, 2) : 2;
    g.params = rnd(&g, 2);
    struct node *from = make_from(&g, 0, g.nfrom);
    struct ex *where = make(&g, 3, 0, g.nfrom, true);
    buf_putz(&g.sql, "SELECT * FROM ");
    put_from(&g, from);
    buf_putz(&g.sql, " WHERE ");
    put_ex(&g, where);

    struct plan_env env = {.router = r, .catalog = cat, .schema = STR("d")};
    struct sql_scan s = {0};
    struct sql_options opt = {0};
    struct plan *p = NULL;
    struct bound b;
    struct fault f = {0};
    assert_int_equal(sql_scan(&s, g.sql.data, g.sql.len, 0, &opt), SQL_OK);
    if (plan_build(&env, &s, &a, &p, &f) != SQL_OK)
        fail_msg("%.*s: %.*s", (int)g.sql.len, g.sql.data, STR_ARG(f.message));
    struct plan_facts facts = {.params = g.values, .nparams = g.nvalues};
    assert_int_equal(plan_info(p)->nparams, g.nvalues);
    bool bound = plan_bind_with(p, &s, &facts, 0, &a, &b, &f) == SQL_OK;
    if (g.nvalues) check_literals(&g, &env, &s, &b, !bound, &a, tally);
    if (bound) {
        struct result whole = {arena_alloc(&a, MAX_RESULT * sizeof(struct tuple)), 0},
                      parts = {arena_alloc(&a, MAX_RESULT * sizeof(struct tuple)), 0};
        add_result(&g, from, where, -1, &a, &whole);
        for (uint32_t i = 0; i < b.nlegs; i++)
            add_result(&g, from, where, b.legs[i].shard == UINT32_MAX ? -1 : (int)b.legs[i].shard, &a,
                       &parts);
        qsort(whole.rows, whole.n, sizeof *whole.rows, by_tuple);
        qsort(parts.rows, parts.n, sizeof *parts.rows, by_tuple);
        if (whole.n != parts.n || memcmp(whole.rows, parts.rows, whole.n * sizeof *whole.rows) != 0)
            fail_msg("seed %llu: %.*s\n%u legs (first shard %d) give %u rows, the whole has %u",
                     (unsigned long long)seed, (int)g.sql.len, g.sql.data, b.nlegs, (int)b.legs[0].shard,
                     parts.n, whole.n);
        tally->accepted++;
        if (b.legs[0].shard != UINT32_MAX) {
            tally->narrowed += b.nlegs < SHARDS;
            tally->scattered += b.nlegs == SHARDS;
            tally->joins += g.nfrom > 1;
            tally->derived += g.nderived && b.nlegs == SHARDS;
            tally->derived_narrowed += g.nderived && b.nlegs < SHARDS;
        }
    } else {
        assert_int_equal(f.code, 1235);
    }
    plan_unref(p);
    sql_scan_release(&s);
    buf_release(&g.sql);
    arena_release(&g.a);
    arena_release(&a);
}

static void random_statements(void **state)
{
    struct diag d;
    struct tally tally = {0};
    const char *cases = getenv("WEIR_RANDOM_CASES"), *first = getenv("WEIR_RANDOM_SEED");
    uint64_t n = cases ? strtoull(cases, NULL, 10) : 20000, seed = first ? strtoull(first, NULL, 10) : 1;
    (void)state;
    diag_init(&d);
    struct conf *c = conf_load_text(STR(rules), STR("rules"), &d);
    if (!c) {
        struct buf out = {0};
        diag_print(&d, &out);
        fail_msg("%.*s", (int)out.len, out.data);
    }
    struct router *r = router_new(c, &d);
    struct catalog *cat = catalog_new(1);
    struct cat_column cols[2] = {
        {.name = STR("k"), .type = STR("int(11)"), .cls = CAT_INT},
        {.name = STR("x"), .type = STR("int(11)"), .cls = CAT_INT, .nullable = true}};
    static const char *const names[] = {"m0", "m1", "h0", "h1", "r0", "r1", "l0", "l1", "p0", "p1", "b"};
    assert_non_null(r);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct cat_table t = {.schema = STR("d"), .name = str_of(names[i]), .columns = cols, .ncolumns = 2};
        assert_true(catalog_add(cat, &t));
    }
    for (uint64_t i = 0; i < n; i++) check_case(r, cat, conf_schema(c, STR("d")), seed + i, &tally);
    if (!first) {
        assert_true(tally.accepted > n / 4);
        assert_true(tally.narrowed > n / 10);
        assert_true(tally.scattered > n / 20);
        assert_true(tally.joins > n / 10);
        assert_true(tally.with_params > n / 4);
        assert_true(tally.derived > n / 50);
        assert_true(tally.derived_narrowed > n / 50);
        assert_true(tally.same_legs > tally.with_params / 100 * 97);
    }
    printf("%llu statements: %u accepted, %u narrowed, %u on all shards, %u joins, %u with parameters, %u of them as with literals, %u + %u derived\n",
           (unsigned long long)n, tally.accepted, tally.narrowed, tally.scattered, tally.joins, tally.with_params, tally.same_legs,
           tally.derived, tally.derived_narrowed);
    catalog_unref(cat);
    router_free(r);
    conf_free(c);
    diag_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_statements)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
