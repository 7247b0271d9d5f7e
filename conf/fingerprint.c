/*
 * fingerprint.c - one number for "where rows live".
 *
 * The rules are written down in one canonical form - names sorted, defaults filled in, values in one spelling
 * - and hashed with SHA-256. Formatting, order of keys, users, caps and addresses do not count (a server may
 * move); sources count by name, and so do nodes, databases, shard columns and algorithms.
 */
#include "conf/read.h"

#include <openssl/sha.h>
#include <stdlib.h>

/* Length-prefixed: no two lists of texts look the same. */
static void put_text(struct buf *out, struct str s)
{
    buf_printf(out, "%zu:", s.len);
    buf_put_str(out, s);
}

static void put_value(struct buf *out, const struct conf_algorithm *a, struct str value)
{
    struct buf one = {0};
    value_canonical(&one, a->key, a->case_sensitive, value);
    put_text(out, buf_str(&one));
    if (one.failed) out->failed = true;
    buf_release(&one);
}

struct list_value {
    struct str text;
    uint32_t shard;
};

static int by_text(const void *a, const void *b)
{
    return str_cmp(((const struct list_value *)a)->text, ((const struct list_value *)b)->text);
}

/* Values sorted: the order in which a list was written does not matter. */
static void put_lists(struct buf *out, const struct conf_algorithm *a)
{
    size_t n = 0, k = 0;
    for (uint32_t i = 0; i < a->nlists; i++) n += a->lists[i].nvalues;
    struct list_value *all = mem_zalloc(sizeof *all * (n + 1));
    struct arena texts;
    arena_init(&texts, 0);
    struct buf one = {0};
    for (uint32_t i = 0; all && i < a->nlists; i++) {
        for (uint32_t v = 0; v < a->lists[i].nvalues; v++) {
            buf_reset(&one);
            value_canonical(&one, a->key, a->case_sensitive, a->lists[i].values[v]);
            all[k] = (struct list_value){arena_str(&texts, buf_str(&one)), a->lists[i].shard};
            if (one.failed || !all[k++].text.ptr) out->failed = true;
        }
    }
    if (!all)
        out->failed = true;
    else
        qsort(all, k, sizeof *all, by_text);
    for (size_t i = 0; i < k; i++) {
        put_text(out, all[i].text);
        buf_printf(out, ">%u ", all[i].shard);
    }
    buf_release(&one);
    arena_release(&texts);
    mem_free(all);
}

void algorithm_text(struct buf *out, const struct conf_algorithm *a)
{
    bool any_key = a->type == CONF_ALG_HASH && !a->key_given;
    buf_printf(out, "%s key %d case %d ", algorithm_type_name(a), any_key ? -1 : (int)a->key,
               (any_key || a->key == CONF_KEY_STRING) && a->case_sensitive);
    switch (a->type) {
    case CONF_ALG_MOD: buf_printf(out, "divisor %llu ", (unsigned long long)a->divisor); break;
    case CONF_ALG_HASH: break;
    case CONF_ALG_RANGE:
        for (uint32_t i = 0; i < a->nranges; i++) {
            const struct conf_range *g = &a->ranges[i];
            buf_putz(out, "[");
            if (!g->low_open) put_value(out, a, g->low);
            buf_putz(out, ",");
            if (!g->high_open) put_value(out, a, g->high);
            buf_printf(out, ")>%u ", g->shard);
        }
        break;
    case CONF_ALG_DATE:
        buf_printf(out, "unit %d from %d units %u every %u ", (int)a->unit, a->from_ordinal, a->units,
                   a->units_a_shard);
        break;
    case CONF_ALG_LIST: put_lists(out, a); break;
    }
}

static void put_table(struct buf *out, const struct conf *c, const struct conf_table *t)
{
    static const char *const kinds[] = {"single", "broadcast", "sharded"};
    put_text(out, t->name);
    buf_printf(out, " %s nodes ", kinds[t->kind]);
    for (uint32_t i = 0; i < t->nnodes; i++) {
        put_text(out, c->sources[t->nodes[i].source].name);
        put_text(out, t->nodes[i].database);
        put_text(out, t->nodes[i].table);
    }
    if (t->kind != CONF_TABLE_SHARDED) return;
    buf_putz(out, " by ");
    for (uint32_t i = 0; i < t->nshard_columns; i++) { /* column names are caseless in MySQL */
        struct str s = t->shard_columns[i].value;
        buf_printf(out, "%zu:", s.len);
        for (size_t k = 0; k < s.len; k++) buf_put_u8(out, (uint8_t)ascii_lower(s.ptr[k]));
    }
    algorithm_text(out, t->algorithm);
}

static int table_by_name(const void *a, const void *b)
{
    return str_cmp((*(const struct conf_table *const *)a)->name,
                   (*(const struct conf_table *const *)b)->name);
}

static int node_by_source(const void *a, const void *b, void *c)
{
    const struct conf *conf = c;
    return str_cmp(conf->sources[((const struct conf_node *)a)->source].name,
                   conf->sources[((const struct conf_node *)b)->source].name);
}

static int schema_by_name(const void *a, const void *b)
{
    return str_cmp((*(const struct conf_schema *const *)a)->name,
                   (*(const struct conf_schema *const *)b)->name);
}

/* The order of a broadcast table's sources says nothing. */
static void put_broadcast(struct buf *out, const struct conf *c, const struct conf_table *t)
{
    struct conf_table copy = *t;
    copy.nodes = mem_alloc(sizeof *copy.nodes * (t->nnodes + 1u));
    if (!copy.nodes) {
        out->failed = true;
        return;
    }
    if (t->nnodes) memcpy(copy.nodes, t->nodes, sizeof *copy.nodes * t->nnodes);
    qsort_r(copy.nodes, copy.nnodes, sizeof *copy.nodes, node_by_source, (void *)(uintptr_t)c);
    put_table(out, c, &copy);
    mem_free(copy.nodes);
}

static void put_schema(struct buf *out, const struct conf *c, const struct conf_schema *s)
{
    const struct conf_table **order = mem_alloc(sizeof *order * (s->ntables + 1u));
    if (!order) {
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < s->ntables; i++) order[i] = &s->tables[i];
    qsort(order, s->ntables, sizeof *order, table_by_name);
    buf_putz(out, "\nschema ");
    put_text(out, s->name);
    put_text(out, c->sources[s->default_source].name);
    put_text(out, s->databases[s->default_source]);
    for (uint32_t i = 0; i < s->ntables; i++) {
        buf_putz(out, "\ntable ");
        if (order[i]->kind == CONF_TABLE_BROADCAST)
            put_broadcast(out, c, order[i]);
        else
            put_table(out, c, order[i]);
    }
    mem_free(order);
}

bool fingerprint(const struct conf *c, uint64_t *out)
{
    struct buf text = {0};
    const struct conf_schema **order = mem_alloc(sizeof *order * (c->nschemas + 1u));
    bool ok = order != NULL;
    for (uint32_t i = 0; ok && i < c->nschemas; i++) order[i] = &c->schemas[i];
    if (ok) qsort(order, c->nschemas, sizeof *order, schema_by_name);
    for (uint32_t i = 0; ok && i < c->nschemas; i++) put_schema(&text, c, order[i]);
    ok = ok && !text.failed;
    if (ok) {
        unsigned char digest[SHA256_DIGEST_LENGTH];
        SHA256((const unsigned char *)(text.len ? text.data : ""), text.len, digest);
        *out = 0;
        for (int i = 0; i < 8; i++) *out = *out << 8 | digest[i];
    }
    mem_free(order);
    buf_release(&text);
    return ok;
}
