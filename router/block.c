/*
 * block.c - query blocks: whose column is this, which equalities hold for which rows, do these tables meet
 * inside a shard.
 *
 *   SELECT .. FROM orders o JOIN items i ON i.order_id = o.id LEFT JOIN notes n ON n.cust = o.cust
 *   WHERE o.cust = i.cust AND i.cust = 7 AND EXISTS (SELECT 1 FROM pays p WHERE p.cust = o.cust)
 *
 *   env of the block {WHERE, inner ON}  <-up- env of notes {its ON}
 *                                       <-up- env of the subquery {its WHERE}
 *
 * An env holds what is true of every row combination that can reach the result, and so may narrow. The ON of
 * an outer join is true only of rows of its optional side, so these have an env of their own. An outer join
 * whose optional side is rejected when NULL by what stands around it is an inner join. Equalities of columns
 * make classes (union-find) when their types compare alike through and through; a class that holds a shard
 * column hands its constants on, and tables whose shard columns are in one class meet inside a shard.
 */
#include "router/build.h"

static struct term no_term;

const struct sql_expr *bare(const struct sql_expr *e)
{
    while (e && e->kind == SQL_E_PAREN) e = e->args[0];
    return e;
}

bool same_layout(const struct rt_table *x, const struct rt_table *y)
{
    return x == y || (x->schema == y->schema && x->conf->group && x->conf->group == y->conf->group);
}

/* ---- references and columns ---- */

struct term *term_get(struct build *b, struct bref *r, struct str name)
{
    struct term *t;
    for (t = r->terms; t; t = t->next)
        if (str_eq_nocase(t->name, name)) return t;
    t = b_new(b, struct term);
    *t = (struct term){.next = r->terms, .ref = r, .name = name, .id = b->nterms++};
    if (r->t && r->t->cat) t->cat = cat_column(r->t->cat, name, NULL);
    const struct dcol *made = derived_column(r, name);
    if (made) {
        t->cat = made->cat;
        t->expr = made->expr;
    }
    if (r->key_terms)
        for (uint32_t i = 0; i < r->t->rt->conf->nshard_columns; i++)
            if (str_eq_nocase(r->keys[i].name, name)) {
                t->key = &r->keys[i];
                t->key_index = i;
            }
    r->terms = t;
    return t;
}

struct bref *add_bref(struct build *b, struct block *bl, const struct sql_ref *ref, struct tinfo *t,
                      struct str alias)
{
    struct bref *r = b_new(b, struct bref), **at = &bl->refs;
    while (*at) at = &(*at)->next;
    *at = r;
    *r = (struct bref){
        .block = bl, .ref = ref, .t = t, .alias = alias, .env = bl->env, .shard_ref = UINT32_MAX};
    if (t && t->at == AT_NOWHERE) r->t = NULL;
    r->columns_known = r->t && r->t->cat;
    if (!r->t || r->t->at != AT_SHARDED) return r;
    const struct conf_table *ct = t->rt->conf;
    bl->sharded = true;
    if (!t->cat) b->p->info.flags |= PLAN_NEEDS_CATALOG;
    r->keys = b_array(b, struct keycol, ct->nshard_columns);
    r->key_terms = b_array(b, struct term *, ct->nshard_columns);
    for (uint32_t i = 0; i < ct->nshard_columns; i++)
        keycol_init(&r->keys[i], ct, i, t->cat, b->env->foreign_charset);
    for (uint32_t i = 0; i < ct->nshard_columns; i++) r->key_terms[i] = term_get(b, r, r->keys[i].name);
    r->shard_ref = b->shard_refs.len;
    struct plan_ref *pr = b_push(b, &b->shard_refs);
    *pr = (struct plan_ref){.table = t->rt, .keys = r->keys, .free = true};
    *b_push(b, &b->shard_brefs) = r;
    return r;
}

static bool has_column(const struct bref *r, struct str name)
{
    if (!r->t) return derived_column(r, name) != NULL;
    if (r->columns_known) return cat_column(r->t->cat, name, NULL) != NULL;
    for (uint32_t i = 0; r->keys && i < r->t->rt->conf->nshard_columns; i++)
        if (str_eq_nocase(r->keys[i].name, name)) return true; /* the rule file says that it has */
    return false;
}

static bool is_coalesced(const struct bref *r, struct str name)
{
    for (uint32_t i = 0; i < r->ncoalesced; i++)
        if (str_eq_nocase(r->coalesced[i], name)) return true;
    return false;
}

/* An unqualified name belongs to the innermost block that has it. A shard column is known to be there even
 * when the other tables' columns are not: had they one of that name too, the server would call it ambiguous.
 */
static struct term *find_unqualified(struct build *b, struct block *bl, struct str name)
{
    for (; bl; bl = bl->parent) {
        struct bref *hit = NULL;
        bool open = false;
        for (struct bref *r = bl->refs; r; r = r->next) {
            open |= !r->columns_known;
            if (!has_column(r, name)) continue;
            if (r->merged || is_coalesced(r, name))
                return NULL; /* USING under an outer join: either side's */
            if (!hit) hit = r;
        }
        if (hit) return term_get(b, hit, name);
        if (open) return NULL;
    }
    return NULL;
}

static struct term *find_qualified(struct build *b, struct block *bl, const struct sql_name *n)
{
    for (; bl; bl = bl->parent)
        for (struct bref *r = bl->refs; r; r = r->next) {
            if (!str_eq(r->alias, n->table)) continue;
            if (n->schema.len && !(r->t && r->t->schema && str_eq(r->t->schema->conf->name, n->schema)))
                continue;
            return r->t || derived_column(r, n->name) ? term_get(b, r, n->name) : NULL;
        }
    return NULL;
}

struct term *term_of(struct build *b, struct block *bl, const struct sql_expr *e)
{
    e = bare(e);
    if (!e || e->kind != SQL_E_COLUMN) return NULL;
    struct term **memo = &b->col_terms[e->id];
    if (!*memo) {
        if (b->expr_block[e->id]) bl = b->expr_block[e->id];
        struct term *t =
            e->name->table.len ? find_qualified(b, bl, e->name) : find_unqualified(b, bl, e->name->name);
        *memo = t ? t : &no_term;
    }
    return *memo == &no_term ? NULL : *memo;
}

/* ---- equalities ---- */

/* Do x = y and y = constant imply x = constant, whatever the constant? */
static bool compare_alike(const struct term *x, const struct term *y)
{
    if (x->key && y->key) return keycol_agree(x->key, y->key);
    if (!x->cat || !y->cat) return false;
    enum cat_class c = x->cat->cls, d = y->cat->cls;
    if ((c == CAT_INT || c == CAT_UINT) && (d == CAT_INT || d == CAT_UINT)) return true;
    if (c != d) return false;
    return c == CAT_TEXT ? str_eq(x->cat->collation, y->cat->collation)
                         : c == CAT_BINARY || c == CAT_DATE || c == CAT_DATETIME || c == CAT_DECIMAL;
}

static void add_pair(struct build *b, struct env *env, struct term *x, struct term *y)
{
    if (!x || !y || x == y || !compare_alike(x, y)) return;
    struct pair *p = b_push(b, &env->pairs);
    *p = (struct pair){x, y};
}

/* The conjuncts of e, into env; column = column becomes a pair. */
static void add_conjuncts(struct build *b, struct env *env, struct block *bl, const struct sql_expr *e)
{
    e = bare(e);
    if (!e) return;
    if (e->kind == SQL_E_BINARY && e->op == SQL_OP_AND) {
        for (uint32_t i = 0; i < e->nargs; i++) add_conjuncts(b, env, bl, e->args[i]);
        return;
    }
    struct conj *c = b_push(b, &env->conj);
    *c = (struct conj){e, bl};
    if (e->kind != SQL_E_BINARY || e->op != SQL_OP_EQ) return;
    const struct sql_expr *l = bare(e->args[0]), *r = bare(e->args[1]);
    if (l->kind == SQL_E_ROW && r->kind == SQL_E_ROW && l->nargs == r->nargs)
        for (uint32_t i = 0; i < l->nargs; i++)
            add_pair(b, env, term_of(b, bl, l->args[i]), term_of(b, bl, r->args[i]));
    else
        add_pair(b, env, term_of(b, bl, l), term_of(b, bl, r));
}

static uint32_t root_of(uint32_t *roots, uint32_t i)
{
    while (roots[i] != i) i = roots[i] = roots[roots[i]];
    return i;
}

static uint32_t class_of(struct build *b, struct env *env, const struct term *t)
{
    if (!env->roots || t->id >= env->nroots) { /* terms come up as names are resolved */
        env->nroots = b->nterms + 16;
        env->roots = b_array(b, uint32_t, env->nroots);
        for (uint32_t i = 0; i < env->nroots; i++) env->roots[i] = i;
        for (struct env *v = env; v; v = v->up)
            for (uint32_t i = 0; i < v->pairs.len; i++) {
                const struct pair *p = &v->pairs.at[i];
                env->roots[root_of(env->roots, p->a->id)] = root_of(env->roots, p->b->id);
            }
    }
    return root_of(env->roots, t->id);
}

bool same_class(struct build *b, struct env *env, const struct term *x, const struct term *y)
{
    return x == y || class_of(b, env, x) == class_of(b, env, y);
}

/* Do the shard columns of x and y hold equal values in every row combination of env? */
static bool meet(struct build *b, struct env *env, const struct bref *x, const struct bref *y)
{
    if (!x->key_terms || !y->key_terms || !same_layout(x->t->rt, y->t->rt)) return false;
    for (uint32_t i = 0; i < x->t->rt->conf->nshard_columns; i++)
        if (!same_class(b, env, x->key_terms[i], y->key_terms[i]) || !keycol_agree(&x->keys[i], &y->keys[i]))
            return false;
    return true;
}

/* ---- joins ---- */

static bool ref_within(const struct sql_ref *tree, const struct sql_ref *leaf)
{
    return leaf && leaf->span.first >= tree->span.first && leaf->span.end <= tree->span.end;
}

/* Is e never true when all columns of the tables in `tree` are NULL? Only plain comparisons are looked at. */
static bool rejects_null(struct build *b, struct block *bl, const struct sql_expr *e,
                         const struct sql_ref *tree)
{
    e = bare(e);
    const struct sql_expr *sides[2] = {0};
    if (e->kind == SQL_E_BINARY && e->nargs == 2 &&
        ((e->op >= SQL_OP_EQ && e->op <= SQL_OP_GE && e->op != SQL_OP_NSEQ) || e->op == SQL_OP_LIKE)) {
        sides[0] = e->args[0];
        sides[1] = e->args[1];
    } else if (e->kind == SQL_E_BETWEEN || e->kind == SQL_E_IN ||
               (e->kind == SQL_E_IS && e->op == SQL_OP_IS_NULL && (e->flags & SQL_EF_NOT))) {
        if (e->kind == SQL_E_IN && (e->flags & SQL_EF_NOT) && e->query)
            return false; /* NOT IN of no rows is true */
        sides[0] = e->args[0];
    }
    for (int i = 0; i < 2; i++) {
        struct term *t = sides[i] ? term_of(b, bl, sides[i]) : NULL;
        if (t && t->ref->block == bl && ref_within(tree, t->ref->ref)) return true;
    }
    return false;
}

static bool rejected(struct build *b, struct env *env, struct block *bl, const struct sql_ref *tree)
{
    for (; env; env = env->up)
        for (uint32_t i = 0; i < env->conj.len; i++)
            if (env->conj.at[i].block == bl && rejects_null(b, bl, env->conj.at[i].e, tree)) return true;
    return false;
}

struct join { /* one inner or outer join of the block, seen with the outer ones simplified */
    const struct sql_ref *preserved, *optional; /* optional NULL: inner */
    struct env *env;                            /* of the optional side */
};

static enum sql_join join_kind(struct build *b, struct block *bl, const struct sql_ref *j, struct env *env)
{
    if (j->join == SQL_JOIN_LEFT && rejected(b, env, bl, j->right)) return SQL_JOIN_INNER;
    if (j->join == SQL_JOIN_RIGHT && rejected(b, env, bl, j->left)) return SQL_JOIN_INNER;
    return j->join;
}

static struct bref *bref_of(struct block *bl, const struct sql_ref *ref)
{
    for (struct bref *r = bl->refs; r; r = r->next)
        if (r->ref == ref) return r;
    return NULL;
}

/* The column that USING means in `tree`: where joins below it have merged several, the kept side's. */
static struct term *column_in(struct build *b, struct block *bl, const struct sql_ref *tree, struct str name)
{
    if (tree->kind != SQL_J_JOIN) {
        struct bref *r = bref_of(bl, tree);
        return r && r->t && has_column(r, name) ? term_get(b, r, name) : NULL;
    }
    bool right_first = tree->join == SQL_JOIN_RIGHT;
    struct term *t = column_in(b, bl, right_first ? tree->right : tree->left, name);
    return t ? t : column_in(b, bl, right_first ? tree->left : tree->right, name);
}

static void add_using(struct build *b, struct env *env, struct block *bl, const struct sql_ref *j)
{
    for (uint32_t i = 0; i < j->nusing; i++)
        add_pair(b, env, column_in(b, bl, j->left, j->using_cols[i]),
                 column_in(b, bl, j->right, j->using_cols[i]));
    if (!j->natural) return;
    for (struct bref *r = bl->refs; r; r = r->next)
        if (!r->columns_known || !r->t) return; /* which columns are common is not known */
    for (struct bref *r = bl->refs; r; r = r->next) {
        if (!ref_within(j->left, r->ref)) continue;
        for (uint32_t i = 0; i < r->t->cat->ncolumns; i++) {
            struct term *y = column_in(b, bl, j->right, r->t->cat->columns[i].name);
            if (y) add_pair(b, env, term_get(b, r, r->t->cat->columns[i].name), y);
        }
    }
}

/* ON conditions of the inner joins that can be reached without entering an optional side, into env; until
 * nothing is new, since an ON may turn an outer join into an inner one. */
static void collect_inner(struct build *b, struct env *env, struct block *bl, const struct sql_ref *j)
{
    if (j->kind != SQL_J_JOIN) return;
    if (j->join == SQL_JOIN_INNER) {
        add_conjuncts(b, env, bl, j->on);
        add_using(b, env, bl, j);
    }
    if (j->join != SQL_JOIN_RIGHT) collect_inner(b, env, bl, j->left);
    if (j->join != SQL_JOIN_LEFT) collect_inner(b, env, bl, j->right);
}

static void collect_simplified(struct build *b, struct env *env, struct block *bl, const struct sql_ref *j)
{
    if (j->kind != SQL_J_JOIN) return;
    enum sql_join kind = join_kind(b, bl, j, env);
    if (kind == SQL_JOIN_INNER && j->join != SQL_JOIN_INNER) {
        add_conjuncts(b, env, bl, j->on);
        add_using(b, env, bl, j);
        collect_inner(b, env, bl, j->join == SQL_JOIN_LEFT ? j->right : j->left);
    }
    if (kind != SQL_JOIN_RIGHT) collect_simplified(b, env, bl, j->left);
    if (kind != SQL_JOIN_LEFT) collect_simplified(b, env, bl, j->right);
}

/* What the co-location check found below a join. */
struct side {
    bool sharded; /* has a sharded table */
    bool ok;      /* they meet in one shard, and joining shard by shard gives the whole */
};

static bool connected(struct build *b, struct env *env, struct block *bl, const struct sql_ref *x,
                      const struct sql_ref *y)
{
    for (struct bref *r = bl->refs; r; r = r->next) {
        if (!r->key_terms || !ref_within(x, r->ref)) continue;
        for (struct bref *s = bl->refs; s; s = s->next)
            if (s->key_terms && ref_within(y, s->ref) && meet(b, env, r, s)) return true;
    }
    return false;
}

static struct side settle_joins(struct build *b, struct block *bl, const struct sql_ref *j, struct env *env,
                                bool nullable);

static struct side settle_outer(struct build *b, struct block *bl, const struct sql_ref *j,
                                const struct sql_ref *kept, const struct sql_ref *optional, struct env *env,
                                bool nullable)
{
    struct env *inner = b_new(b, struct env);
    inner->up = env;
    add_conjuncts(b, inner, bl, j->on);
    add_using(b, inner, bl, j);
    collect_inner(b, inner, bl, optional);
    collect_simplified(b, inner, bl, optional);
    struct side k = settle_joins(b, bl, kept, env, nullable), o = settle_joins(b, bl, optional, inner, true);
    struct side s = {k.sharded || o.sharded, k.ok && o.ok};
    if (!o.sharded) return s;
    if (!k.sharded) { /* each shard would add its own row without a match */
        s.ok = false;
        bl->optional_first = true;
    } else {
        s.ok &= connected(b, inner, bl, kept, optional);
    }
    return s;
}

/* Gives each reference its env, and says whether the tree may be joined shard by shard. */
static struct side settle_joins(struct build *b, struct block *bl, const struct sql_ref *j, struct env *env,
                                bool nullable)
{
    if (j->kind != SQL_J_JOIN) {
        struct bref *r = bref_of(bl, j);
        if (!r) return (struct side){false, true};
        r->env = env;
        r->nullable = nullable;
        return (struct side){r->key_terms != NULL, true};
    }
    switch (join_kind(b, bl, j, env)) {
    case SQL_JOIN_LEFT: return settle_outer(b, bl, j, j->left, j->right, env, nullable);
    case SQL_JOIN_RIGHT: return settle_outer(b, bl, j, j->right, j->left, env, nullable);
    case SQL_JOIN_INNER: break;
    }
    struct side x = settle_joins(b, bl, j->left, env, nullable),
                y = settle_joins(b, bl, j->right, env, nullable);
    bool ok = x.ok && y.ok && (!x.sharded || !y.sharded || connected(b, env, bl, j->left, j->right));
    return (struct side){x.sharded || y.sharded, ok};
}

/* ---- making blocks ---- */

static struct block *new_block(struct build *b, struct block *parent, enum block_role role,
                               const struct sql_query *q, struct env *outer)
{
    struct block *bl = b_new(b, struct block);
    *bl = (struct block){.parent = parent, .role = role, .q = q, .colocated = true};
    bl->env = b_new(b, struct env);
    bl->env->up = outer;
    *b->blocks_end = bl;
    b->blocks_end = &bl->next;
    return bl;
}

static struct tinfo *info_of(struct build *b, const struct sql_table *t)
{
    return &b->tables[t->id];
}

/* Under an outer join with USING or NATURAL an unqualified name is the kept side's, or both; left alone. */
static void mark_coalesced(struct block *bl, const struct sql_ref *j)
{
    if (j->join == SQL_JOIN_INNER || (!j->nusing && !j->natural)) return;
    for (struct bref *r = bl->refs; r; r = r->next) {
        if (!ref_within(j, r->ref)) continue;
        r->merged |= j->natural;
        if (j->natural) continue;
        r->coalesced = j->using_cols;
        r->ncoalesced = j->nusing;
    }
}

static void add_leaves(struct build *b, struct block *bl, const struct sql_ref *j)
{
    switch (j->kind) {
    case SQL_J_TABLE: {
        struct tinfo *t = info_of(b, j->table);
        struct bref *r = add_bref(b, bl, j, t, j->table->has_alias ? j->table->alias : j->table->name.name);
        struct block *in = j->table->cte ? cte_block(b, j->table->name.name) : NULL;
        if (in) derived_columns(b, r, in, in->cte->cols, in->cte->ncols);
        break;
    }
    case SQL_J_DERIVED: {
        struct bref *r = add_bref(b, bl, j, NULL, j->alias);
        if (!j->lateral) derived_columns(b, r, block_query(b, j->query, bl->parent, BLOCK_DERIVED, bl->env->up), j->cols, j->ncols);
        break;
    }
    case SQL_J_FUNCTION: (void)add_bref(b, bl, j, NULL, j->alias); break;
    case SQL_J_JOIN:
        add_leaves(b, bl, j->left);
        add_leaves(b, bl, j->right);
        mark_coalesced(bl, j);
        break;
    }
}

static void blocks_of_ref(struct build *b, struct block *bl, const struct sql_ref *j)
{
    switch (j->kind) {
    case SQL_J_TABLE:
    case SQL_J_FUNCTION: break;
    case SQL_J_DERIVED:
        if (j->lateral) (void)block_query(b, j->query, bl, BLOCK_DERIVED, bl->env); /* the others: with the leaves */
        break;
    case SQL_J_JOIN:
        blocks_of_ref(b, bl, j->left);
        blocks_of_ref(b, bl, j->right);
        if (j->on) blocks_of_expr(b, bl, j->on, bl->env);
        break;
    }
}

/* Which block an expression's names belong to; before anything is resolved. */
static void own_exprs(struct build *b, struct block *bl, const struct sql_expr *e)
{
    if (!e) return;
    b->expr_block[e->id] = bl;
    for (uint32_t i = 0; i < e->nargs; i++) own_exprs(b, bl, e->args[i]);
    if (e->kind == SQL_E_CALL && e->call->order)
        for (uint32_t i = 0; i < e->call->order->n; i++) own_exprs(b, bl, e->call->order->items[i].expr);
}

static void own_ref(struct build *b, struct block *bl, const struct sql_ref *j)
{
    if (j->kind != SQL_J_JOIN) return;
    own_exprs(b, bl, j->on);
    own_ref(b, bl, j->left);
    own_ref(b, bl, j->right);
}

/* x [NOT] IN (SELECT y ...): only inner rows with y = x decide, unless x or y can be NULL; shard columns
 * cannot, but for the optional side of an outer join. Not so when the rows are chosen or made otherwise:
 * groups, LIMIT, set operations. */
static void tie_in(struct build *b, struct block *outer, const struct sql_expr *e, struct block *inner)
{
    const struct sql_query *q = inner->q;
    const struct sql_expr *l = bare(e->args[0]);
    uint32_t n = l->kind == SQL_E_ROW ? l->nargs : 1;
    if (q->kind != SQL_Q_SELECT || q->group || q->having || q->limit || q->nitems != n) return;
    for (uint32_t i = 0; i < n; i++)
        if (q->items[i].expr->flags & (SQL_EF_HAS_AGGREGATE | SQL_EF_AGGREGATE | SQL_EF_HAS_WINDOW)) return;
    for (uint32_t i = 0; i < n; i++) {
        struct term *x = term_of(b, outer, l->kind == SQL_E_ROW ? l->args[i] : l),
                    *y = term_of(b, inner, q->items[i].expr);
        bool never_null = x && y && x->key && y->key && !x->ref->nullable && !y->ref->nullable;
        if (never_null && y->ref->block == inner) add_pair(b, inner->env, x, y);
    }
    inner->env->roots = NULL; /* classes are made anew */
}

void blocks_of_expr(struct build *b, struct block *in, const struct sql_expr *e, struct env *env)
{
    if (!e) return;
    b->expr_block[e->id] = in;
    bool has_query = e->kind == SQL_E_SUBQUERY || e->kind == SQL_E_EXISTS || e->kind == SQL_E_QUANT ||
                     (e->kind == SQL_E_IN && e->query);
    if (has_query && e->query) {
        struct block *inner = block_query(b, e->query, in, BLOCK_SUBQUERY, env);
        if (e->kind == SQL_E_IN || (e->kind == SQL_E_QUANT && e->op == SQL_OP_EQ && e->word == SQL_W_ANY))
            tie_in(b, in, e, inner);
    }
    for (uint32_t i = 0; i < e->nargs; i++) blocks_of_expr(b, in, e->args[i], env);
    if (e->kind != SQL_E_CALL) return;
    if (e->call->order)
        for (uint32_t i = 0; i < e->call->order->n; i++)
            blocks_of_expr(b, in, e->call->order->items[i].expr, env);
    if (!e->call->over) return;
    for (uint32_t i = 0; i < e->call->over->npartition; i++)
        blocks_of_expr(b, in, e->call->over->partition[i], env);
    if (e->call->over->order)
        for (uint32_t i = 0; i < e->call->over->order->n; i++)
            blocks_of_expr(b, in, e->call->over->order->items[i].expr, env);
}

void blocks_of_ctes(struct build *b, struct block *in, const struct sql_cte *ctes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        block_query(b, ctes[i].query, in ? in->parent : NULL, BLOCK_CTE, in ? in->env->up : NULL)->cte = &ctes[i];
}

static void settle_from(struct build *b, struct block *bl)
{
    own_exprs(b, bl, bl->where);
    if (bl->from) own_ref(b, bl, bl->from);
    add_conjuncts(b, bl->env, bl, bl->where);
    if (!bl->from) return;
    collect_inner(b, bl->env, bl, bl->from);
    collect_simplified(b, bl->env, bl, bl->from);
    bl->colocated = settle_joins(b, bl, bl->from, bl->env, false).ok;
}

static void blocks_of_order(struct build *b, struct block *bl, const struct sql_order *o)
{
    for (uint32_t i = 0; o && i < o->n; i++) blocks_of_expr(b, bl, o->items[i].expr, bl->env);
}

struct block *block_query(struct build *b, const struct sql_query *q, struct block *parent,
                          enum block_role role, struct env *outer)
{
    struct block *bl = new_block(b, parent, role, q, outer);
    blocks_of_ctes(b, bl, q->ctes, q->nctes);
    switch (q->kind) {
    case SQL_Q_SETOP:
        (void)block_query(b, q->left, parent, role == BLOCK_MAIN ? BLOCK_ARM : role, outer);
        (void)block_query(b, q->right, parent, role == BLOCK_MAIN ? BLOCK_ARM : role, outer);
        break;
    case SQL_Q_VALUES:
        for (uint32_t i = 0; i < q->nrows; i++) blocks_of_expr(b, bl, q->rows[i], bl->env);
        break;
    case SQL_Q_TABLE:
        if (q->table) (void)add_bref(b, bl, NULL, info_of(b, q->table), q->table->name.name);
        break;
    case SQL_Q_SELECT:
        bl->from = q->from;
        bl->where = q->where;
        if (q->from) add_leaves(b, bl, q->from);
        settle_from(b, bl);
        for (uint32_t i = 0; i < q->nitems; i++) blocks_of_expr(b, bl, q->items[i].expr, bl->env);
        if (q->from) blocks_of_ref(b, bl, q->from);
        blocks_of_expr(b, bl, q->where, bl->env);
        blocks_of_expr(b, bl, q->having, bl->env);
        blocks_of_order(b, bl, q->group);
        break;
    }
    blocks_of_order(b, bl, q->order);
    return bl;
}

struct block *block_from(struct build *b, const struct sql_ref *from, const struct sql_expr *where,
                         struct bref *target)
{
    struct block *bl = new_block(b, NULL, BLOCK_MAIN, NULL, NULL);
    (void)target;
    bl->from = from;
    bl->where = where;
    if (from) add_leaves(b, bl, from);
    settle_from(b, bl);
    if (from) blocks_of_ref(b, bl, from);
    blocks_of_expr(b, bl, where, bl->env);
    return bl;
}

/* ---- the verdict ---- */

/* A subquery is answered shard by shard when each of its sharded tables meets one of the block around it. */
static bool tied_to_parent(struct build *b, struct block *bl)
{
    if (bl->role != BLOCK_SUBQUERY || !bl->parent || !bl->colocated) return false;
    for (struct bref *r = bl->refs; r; r = r->next) {
        bool met = !r->key_terms;
        if (r->nullable && r->key_terms) continue; /* meets the others of its block */
        for (struct bref *o = bl->parent->refs; o && !met; o = o->next)
            met = o->key_terms && meet(b, r->env, r, o);
        if (!met) return false;
    }
    return true;
}

bool finish_blocks(struct build *b)
{
    carry_derived(b);
    for (struct block *bl = b->blocks; bl; bl = bl->next) {
        if (!bl->sharded) continue;
        bool around = bl->role == BLOCK_MAIN || (bl->parent && bl->parent->tied);
        bl->tied = bl->role == BLOCK_MAIN ? bl->colocated : bl->carried || (around && tied_to_parent(b, bl));
        for (struct bref *r = bl->refs; r; r = r->next) {
            if (r->shard_ref == UINT32_MAX) continue;
            struct plan_ref *pr = &b->shard_refs.at[r->shard_ref];
            pr->free = !bl->tied;
            pr->nullable = r->nullable || (bl->role != BLOCK_MAIN && !bl->carried && bl->tied);
            pr->cond = cond_compile(b, r);
        }
        if (bl->tied) continue;
        switch (bl->role) {
        case BLOCK_MAIN:
            if (bl->optional_first)
                no_scatter(b, "an outer join whose kept side is not sharded", NULL);
            else
                no_scatter(
                    b, "a join that is not on the shard columns",
                    "join the tables on their shard columns, or add a condition so that one shard answers");
            break;
        case BLOCK_ARM: no_scatter(b, "UNION, INTERSECT or EXCEPT", NULL); break;
        case BLOCK_SUBQUERY:
            no_scatter(b, "a subquery that is not tied to its query by the shard column", NULL);
            break;
        case BLOCK_DERIVED:
        case BLOCK_CTE: refuse_derived(b, bl); break;
        }
    }
    return true;
}
