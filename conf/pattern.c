/*
 * pattern.c - nodes written short, and the check that no physical table is used twice.
 *
 *   s${0..1}.shop_${00..03}.orders      pattern: up to three parts, split at dots outside ${}
 *   '-' piece: literal "s"   '-' piece: 0..1          part: pieces; piece: a text, a range or a list
 *
 * The pieces turn like an odometer, the rightmost fastest, so that position = shard index reads from left to
 * right. Several patterns (a list, or one text with commas) follow one another.
 */
#include "conf/read.h"

#include <stdio.h>

enum { MAX_PIECES = 64 };

struct piece {
    uint32_t part;     /* 0: first of the written parts */
    struct str text;   /* literal */
    struct str *items; /* list: its items */
    uint32_t nitems;   /* 0: not a list */
    bool range;
    uint32_t low, count, width;
};
struct pattern {
    struct str text;
    struct conf_pos pos;
    struct piece pieces[MAX_PIECES];
    uint32_t npieces, parts;
    uint64_t total;
};

static bool add_piece(struct reader *r, struct pattern *p, struct piece piece)
{
    piece.part = p->parts - 1;
    if (p->npieces == MAX_PIECES) {
        fault(r, p->pos, NULL, "nodes: more than %d pieces in one pattern", (int)MAX_PIECES);
        return false;
    }
    p->pieces[p->npieces++] = piece;
    return true;
}

/* ${[x,y,z]} */
static bool parse_list(struct reader *r, struct pattern *p, struct str in)
{
    VEC(struct str) items = {0};
    for (size_t at = 1; at < in.len;) {
        size_t end = at;
        while (end < in.len - 1 && in.ptr[end] != ',') end++;
        struct str item = str_trim(str_make(in.ptr + at, end - at));
        if (item.len >= 2 && (item.ptr[0] == '\'' || item.ptr[0] == '"') &&
            item.ptr[item.len - 1] == item.ptr[0])
            item = str_make(item.ptr + 1, item.len - 2);
        if (item.len == 0) {
            fault(r, p->pos, NULL, "nodes: empty item in '${" STR_FMT "}'", STR_ARG(in));
            return false;
        }
        struct str *slot = vec_push(&items, &r->scratch);
        if (!slot) {
            r->oom = true;
            return false;
        }
        *slot = item;
        at = end + 1;
    }
    return add_piece(r, p, (struct piece){.items = items.at, .nitems = items.len});
}

/* ${a..b} */
static bool parse_range(struct reader *r, struct pattern *p, struct str in, size_t dots)
{
    struct str low = str_trim(str_make(in.ptr, dots)),
               high = str_trim(str_make(in.ptr + dots + 2, in.len - dots - 2));
    uint64_t a, b;
    if (!str_to_u64(low, &a) || !str_to_u64(high, &b) || a > UINT32_MAX || b > UINT32_MAX) {
        fault(r, p->pos, "for instance ${0..3}, ${00..15} or ${[a,b]}",
              "nodes: '${" STR_FMT "}' is not a range of whole numbers", STR_ARG(in));
        return false;
    }
    if (b < a) {
        fault(r, p->pos, hintf(r, "write ${" STR_FMT ".." STR_FMT "}", STR_ARG(high), STR_ARG(low)),
              "nodes: the range '${" STR_FMT "}' runs backwards", STR_ARG(in));
        return false;
    }
    if (b - a >= MAX_NODES) {
        fault(r, p->pos, NULL, "nodes: '${" STR_FMT "}' makes more than %d tables", STR_ARG(in),
              (int)MAX_NODES);
        return false;
    }
    uint32_t width = low.len > 1 && low.ptr[0] == '0' ? (uint32_t)(low.len < 20 ? low.len : 20) : 0;
    return add_piece(
        r, p,
        (struct piece){.range = true, .low = (uint32_t)a, .count = (uint32_t)(b - a + 1), .width = width});
}

/* What stands at `at` if it opens an expression: ${ or ShardingSphere's $->{ ; 0: none. */
static size_t opening(struct str s, size_t at)
{
    if (s.len - at >= 2 && memcmp(s.ptr + at, "${", 2) == 0) return 2;
    if (s.len - at >= 4 && memcmp(s.ptr + at, "$->{", 4) == 0) return 4;
    return 0;
}

static bool parse_expression(struct reader *r, struct pattern *p, struct str in)
{
    struct str s = str_trim(in);
    size_t dots = str_find(s, STR(".."), 0);
    if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']') return parse_list(r, p, s);
    if (dots != SIZE_MAX) return parse_range(r, p, s, dots);
    fault(r, p->pos, "for instance ${0..3}, ${00..15} or ${[a,b]}",
          "nodes: '${%.*s}' is neither a range nor a list", (int)(s.len < 80 ? s.len : 80), s.ptr);
    return false;
}

static bool parse_pattern(struct reader *r, struct pattern *p)
{
    struct str s = p->text;
    size_t start = 0;
    p->parts = 1;
    for (size_t i = 0; i <= s.len; i++) {
        size_t open = i < s.len ? opening(s, i) : 0;
        bool ends = i == s.len || s.ptr[i] == '.';
        if (!ends && !open) continue;
        if (i > start && !add_piece(r, p, (struct piece){.text = str_make(s.ptr + start, i - start)}))
            return false;
        start = i + 1;
        if (open) {
            const char *close = memchr(s.ptr + i, '}', s.len - i);
            if (!close) {
                fault(r, p->pos, NULL, "nodes: '${' without '}' in '" STR_FMT "'", STR_ARG(s));
                return false;
            }
            size_t from = i + open, to = (size_t)(close - s.ptr);
            if (!parse_expression(r, p, str_make(s.ptr + from, to - from))) return false;
            i = to;
            start = to + 1;
        } else if (i < s.len) {
            p->parts++;
        }
    }
    if (p->parts != 2 && p->parts != 3) {
        fault(r, p->pos, "write source.database.table, or source.table", "nodes: '" STR_FMT "' has %u part%s",
              STR_ARG(s), p->parts, p->parts == 1 ? "" : "s");
        return false;
    }
    p->total = 1;
    for (uint32_t i = 0; i < p->npieces; i++) {
        const struct piece *q = &p->pieces[i];
        p->total *= q->range ? q->count : q->nitems ? q->nitems : 1;
        if (p->total > MAX_NODES) {
            fault(r, p->pos, NULL, "nodes: '" STR_FMT "' makes more than %d tables", STR_ARG(s),
                  (int)MAX_NODES);
            return false;
        }
    }
    return true;
}

/* Keeps `last` when the text is the same: the database of a thousand nodes is stored once. */
static struct str keep(struct reader *r, const struct buf *b, struct str last)
{
    if (last.ptr && str_eq(buf_str(b), last)) return last;
    struct str s = b->failed ? STR_NULL : arena_str(r->a, buf_str(b));
    if (!s.ptr) r->oom = true;
    return s;
}

static void write_parts(const struct pattern *p, uint64_t index, struct buf parts[3])
{
    uint32_t at[MAX_PIECES] = {0};
    for (uint32_t i = p->npieces; i-- > 0;) {
        const struct piece *q = &p->pieces[i];
        uint64_t n = q->range ? q->count : q->nitems ? q->nitems : 1;
        at[i] = (uint32_t)(index % n);
        index /= n;
    }
    for (uint32_t i = 0; i < 3; i++) buf_reset(&parts[i]);
    for (uint32_t i = 0; i < p->npieces; i++) {
        const struct piece *q = &p->pieces[i];
        struct buf *b = &parts[q->part];
        if (q->range)
            buf_printf(b, "%0*u", (int)q->width, q->low + at[i]);
        else
            buf_put_str(b, q->nitems ? q->items[at[i]] : q->text);
    }
}

/* False: reported. */
static bool expand(struct reader *r, const struct conf_schema *s, struct conf_table *t,
                   const struct pattern *p, struct buf parts[3])
{
    bool ok = true;
    struct str database = STR_NULL;
    for (uint64_t i = 0; i < p->total && !r->oom; i++) {
        struct conf_node *n = &t->nodes[t->nnodes++];
        write_parts(p, i, parts);
        n->pos = p->pos;
        if (parts[0].failed || parts[1].failed || parts[2].failed) r->oom = true;
        bool found = !r->oom && find_source(r, p->pos, buf_str(&parts[0]), &n->source);
        if (p->parts == 3)
            n->database = database = keep(r, &parts[1], database);
        else
            n->database = s->databases[n->source];
        n->table = keep(r, &parts[p->parts - 1], STR_NULL);
        ok = !r->oom && found && check_name(r, p->pos, n->database, "database") &&
             check_name(r, p->pos, n->table, "table") && ok;
    }
    return ok;
}

static bool add_pattern(struct reader *r, const struct conf_schema *s, struct conf_table *t, struct str text,
                        struct conf_pos pos, uint32_t *room)
{
    struct pattern *p = arena_new(&r->scratch, struct pattern);
    struct buf parts[3] = {{0}};
    if (!p) {
        r->oom = true;
        return false;
    }
    p->text = str_trim(text);
    p->pos = pos;
    if (p->text.len == 0 || p->text.len > 4096) {
        fault(r, pos, NULL, "nodes: %s pattern", p->text.len ? "too long a" : "empty");
        return false;
    }
    if (!parse_pattern(r, p)) return false;
    if (t->nnodes + p->total > MAX_NODES) {
        fault(r, pos, NULL, "nodes: more than %d tables", (int)MAX_NODES);
        return false;
    }
    r->all_nodes += p->total;
    if (r->all_nodes > MAX_ALL_NODES) {
        fault(r, pos, NULL, "nodes: more than %d physical tables in the file", (int)MAX_ALL_NODES);
        return false;
    }
    if (t->nnodes + p->total > *room) {
        uint32_t want = (uint32_t)(t->nnodes + p->total);
        *room = want > *room * 2 ? want : *room * 2;
        struct conf_node *more = arena_array(r->a, struct conf_node, *room);
        if (!more) {
            r->oom = true;
            return false;
        }
        if (t->nnodes) memcpy(more, t->nodes, sizeof *more * t->nnodes);
        t->nodes = more;
    }
    bool ok = expand(r, s, t, p, parts);
    for (uint32_t i = 0; i < 3; i++) buf_release(&parts[i]);
    return ok;
}

/* Patterns in one text, split at commas outside ${}. */
static bool add_text(struct reader *r, const struct conf_schema *s, struct conf_table *t,
                     const struct ynode *n, uint32_t *room)
{
    if (!want_scalar(r, n, "a pattern of 'nodes'")) return false;
    bool ok = true;
    size_t start = 0;
    uint32_t depth = 0;
    for (size_t i = 0; i <= n->text.len && !r->oom; i++) {
        char c = i < n->text.len ? n->text.ptr[i] : ',';
        if (c == '{') depth++;
        if (c == '}' && depth) depth--;
        if (c != ',' || (depth && i < n->text.len)) continue;
        ok = add_pattern(r, s, t, str_make(n->text.ptr + start, i - start), n->pos, room) && ok;
        start = i + 1;
    }
    return ok;
}

bool read_nodes(struct reader *r, const struct conf_schema *s, struct conf_table *t, const struct ynode *n)
{
    uint32_t count = n->kind == Y_SEQUENCE ? n->nitems : 1, room = 0;
    bool ok = true;
    if (n->kind == Y_SEQUENCE && count == 0) {
        fault(r, n->pos, NULL, "nodes: the list is empty");
        return false;
    }
    struct buf written = {0};
    for (uint32_t i = 0; i < count && !r->oom; i++) {
        const struct ynode *item = n->kind == Y_SEQUENCE ? n->items[i] : n;
        ok = add_text(r, s, t, item, &room) && ok;
        if (i) buf_putz(&written, ", ");
        if (item->kind == Y_SCALAR) buf_put_str(&written, item->text);
    }
    t->nodes_text = written.failed ? STR_NULL : arena_str(r->a, buf_str(&written));
    if (!t->nodes_text.ptr) r->oom = true;
    buf_release(&written);
    return ok && !r->oom;
}

/* ---- one physical table, one owner ---- */

struct owner {
    const struct conf_schema *schema;
    const struct conf_table *table;
    uint32_t position;
};

static void report_clash(struct reader *r, const struct conf_schema *s, const struct conf_table *t,
                         uint32_t i, const struct owner *o, uint32_t count)
{
    const struct conf_node *n = &t->nodes[i];
    struct str source = r->c->sources[n->source].name;
    struct str more = STR("");
    if (count > 1) more = arena_printf(&r->scratch, " (and %u more)", count - 1);
    if (o->table == t) {
        fault(r, n->pos, "each physical table belongs to one position",
              "table '" STR_FMT "': nodes %u and %u are both " STR_FMT "." STR_FMT "." STR_FMT "" STR_FMT,
              STR_ARG(t->name), o->position, i, STR_ARG(source), STR_ARG(n->database), STR_ARG(n->table),
              STR_ARG(more));
        return;
    }
    bool sharded = o->table->kind == CONF_TABLE_SHARDED || t->kind == CONF_TABLE_SHARDED;
    if (s == o->schema && sharded)
        fault(r, n->pos, "two tables cannot share rows",
              STR_FMT "." STR_FMT "." STR_FMT " of table '" STR_FMT "' belongs to table '" STR_FMT
                      "' already" STR_FMT,
              STR_ARG(source), STR_ARG(n->database), STR_ARG(n->table), STR_ARG(t->name),
              STR_ARG(o->table->name), STR_ARG(more));
    else if (s == o->schema || sharded)
        warning(r, n->pos, NULL,
                STR_FMT "." STR_FMT "." STR_FMT " is both " STR_FMT "." STR_FMT " and " STR_FMT
                        "." STR_FMT STR_FMT,
                STR_ARG(source), STR_ARG(n->database), STR_ARG(n->table), STR_ARG(o->schema->name),
                STR_ARG(o->table->name), STR_ARG(s->name), STR_ARG(t->name), STR_ARG(more));
}

bool claim_nodes(struct reader *r, const struct conf_schema *s, const struct conf_table *t)
{
    uint32_t before = r->d->errors, clashes = 0, at = 0;
    const struct owner *with = NULL;
    for (uint32_t i = 0; i < t->nnodes && !r->oom; i++) {
        const struct conf_node *n = &t->nodes[i];
        struct str key = arena_printf(&r->scratch, "%u.", r->places[n->source]);
        key = key.ptr ? arena_printf(&r->scratch, STR_FMT STR_FMT "." STR_FMT, STR_ARG(key),
                                     STR_ARG(n->database), STR_ARG(n->table))
                      : key;
        struct owner *o = key.ptr ? map_get(&r->physical, key) : NULL;
        if (o) {
            if (clashes++ == 0) {
                at = i;
                with = o;
            }
            continue;
        }
        o = key.ptr ? arena_new(&r->scratch, struct owner) : NULL;
        if (o) *o = (struct owner){s, t, i};
        if (!o || !map_put(&r->physical, key, o)) r->oom = true;
    }
    if (clashes) report_clash(r, s, t, at, with, clashes);
    return r->d->errors == before && !r->oom;
}
