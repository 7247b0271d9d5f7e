/*
 * tree.c - YAML text to a tree in which every value knows its place.
 *
 *   libyaml events --node()--> ynode tree; anchors are remembered by name, an alias is the same node again,
 * `<<` copies the pairs that are not there.
 *
 * A rule file comes from a person, but also from a template or a broken disk: size, depth and number of
 * values are capped, and aliases count as what they stand for, so that nobody can fold a billion values into
 * a page.
 *
 * libyaml counts columns in characters; so do we.
 */
#include "conf/read.h"

#include <stdio.h>
#include <yaml.h>

struct tree {
    struct reader *r;
    yaml_parser_t parser;
    struct map anchors;
    uint64_t made; /* nodes so far */
    bool failed;   /* reported; stop */
};

static struct conf_pos pos_of(const yaml_mark_t *m)
{
    return (struct conf_pos){(uint32_t)m->line + 1, (uint32_t)m->column + 1};
}

static void stop(struct tree *t)
{
    t->failed = true;
}

/* Place of a byte offset: for faults that libyaml's reader finds before it has marks. */
static struct conf_pos pos_of_offset(struct str text, size_t offset)
{
    struct conf_pos p = {1, 1};
    if (offset > text.len) offset = text.len;
    for (size_t i = 0; i < offset; i++) {
        if (text.ptr[i] == '\n') {
            p.line++;
            p.column = 1;
        } else if (((unsigned char)text.ptr[i] & 0xC0) != 0x80) {
            p.column++;
        }
    }
    return p;
}

static bool line_has_tab_indent(struct str text, uint32_t line)
{
    size_t at = 0;
    for (uint32_t i = 1; i < line; i++) {
        const char *nl = memchr(text.ptr + at, '\n', text.len - at);
        if (!nl) return false;
        at = (size_t)(nl - text.ptr) + 1;
    }
    while (at < text.len && text.ptr[at] == ' ') at++;
    return at < text.len && text.ptr[at] == '\t';
}

static void report_parser(struct tree *t, struct str text)
{
    const yaml_parser_t *p = &t->parser;
    stop(t);
    const char *problem = p->problem ? p->problem : "unknown problem";
    if (p->error == YAML_MEMORY_ERROR) {
        t->r->oom = true;
    } else if (p->error == YAML_READER_ERROR) {
        struct conf_pos pos = pos_of_offset(text, p->problem_offset);
        fault(t->r, pos, "a rule file is YAML in UTF-8; is this the right file?",
              "not text: %s (byte %zu, value 0x%02X)", problem, p->problem_offset,
              p->problem_value >= 0 ? (unsigned)p->problem_value : 0);
    } else {
        struct conf_pos pos = pos_of(&p->problem_mark);
        bool tab = line_has_tab_indent(text, pos.line);
        const char *hint = tab ? "the line is indented with a tab; YAML wants spaces" : NULL;
        if (!hint && strstr(problem, "did not find expected ',' or"))
            hint = "a closing bracket or brace is missing; or a value with braces, such as ${0..3} inside "
                   "{...}, needs quotes";
        if (!hint && strstr(problem, "did not find expected key"))
            hint = "check the indentation of this line and of those above it";
        if (!hint && strstr(problem, "mapping values are not allowed"))
            hint = "check the indentation; a text that contains ': ' needs quotes";
        if (!hint && strstr(problem, "cannot start any token"))
            hint = "a text that begins with this character needs quotes";
        if (p->context && p->context_mark.line != p->problem_mark.line)
            fault(t->r, pos, hint, "not valid YAML: %s, %s that began at line %zu", problem, p->context,
                  p->context_mark.line + 1);
        else if (p->context)
            fault(t->r, pos, hint, "not valid YAML: %s, %s", problem, p->context);
        else
            fault(t->r, pos, hint, "not valid YAML: %s", problem);
    }
}

bool ynode_is_null(const struct ynode *n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (n->kind != Y_SCALAR || n->quoted) return false;
    for (size_t i = 0; i < COUNT_OF(nulls); i++) {
        if (str_eq(n->text, str_of(nulls[i]))) return true;
    }
    return false;
}

struct ynode *tree_get(const struct ynode *mapping, struct str key)
{
    for (uint32_t i = 0; i < mapping->npairs; i++) {
        if (str_eq(mapping->pairs[i].key->text, key)) return mapping->pairs[i].value;
    }
    return NULL;
}

static struct ynode *new_node(struct tree *t, enum ykind kind, const yaml_mark_t *at)
{
    struct ynode *n = arena_new(&t->r->scratch, struct ynode);
    if (!n) {
        t->r->oom = true;
        stop(t);
        return NULL;
    }
    n->kind = kind;
    n->pos = pos_of(at);
    n->weight = 1;
    return n;
}

static bool weigh(struct tree *t, struct ynode *n, const struct ynode *child)
{
    n->weight += child->weight;
    if (n->weight <= MAX_YNODES) return true;
    if (!t->failed)
        fault(t->r, n->pos, "split the rules or use fewer aliases", "more than %d values in one file",
              (int)MAX_YNODES);
    stop(t);
    return false;
}

/* Tags say what we decide by the key anyway; only `!!str` changes anything: it makes null and max plain text.
 */
static void check_tag(struct tree *t, struct ynode *n, const yaml_char_t *tag)
{
    static const char *const fine[] = {"str", "int", "float", "bool", "null", "map", "seq", "timestamp"};
    if (!tag) return;
    const char *z = (const char *)tag;
    static const char prefix[] = "tag:yaml.org,2002:";
    if (strncmp(z, prefix, sizeof prefix - 1) == 0) {
        z += sizeof prefix - 1;
        if (strcmp(z, "str") == 0) n->quoted = true;
        for (size_t i = 0; i < COUNT_OF(fine); i++) {
            if (strcmp(z, fine[i]) == 0) return;
        }
    } else if (strcmp(z, "!") == 0) {
        n->quoted = true;
        return;
    }
    fault(t->r, n->pos, "remove the tag", "unknown YAML tag '%.60s'", (const char *)tag);
}

static bool remember(struct tree *t, const yaml_char_t *anchor, struct ynode *n)
{
    if (!anchor) return true;
    struct str name = arena_str(&t->r->scratch, str_of((const char *)anchor));
    if (name.ptr && map_put(&t->anchors, name, n)) return true;
    t->r->oom = true;
    stop(t);
    return false;
}

static struct ynode *node(struct tree *t, const yaml_event_t *event, uint32_t depth);

static bool next(struct tree *t, yaml_event_t *e)
{
    if (t->failed || t->r->oom) return false;
    if (!yaml_parser_parse(&t->parser, e)) {
        stop(t);
        return false;
    }
    return true;
}

/* Adds a pair unless the key is there; a map of the keys makes it linear for large mappings. */
static bool add_pair(struct tree *t, struct map *keys, struct ynode *m, uint32_t *cap, struct ypair p)
{
    struct ypair *slot = vec_grow_((void **)(void *)&m->pairs, &m->npairs, cap, sizeof *slot, &t->r->scratch);
    if (!slot || !map_put(keys, p.key->text, p.key)) {
        t->r->oom = true;
        stop(t);
        return false;
    }
    *slot = p;
    return true;
}

static void merge(struct tree *t, struct map *keys, struct ynode *m, uint32_t *cap, const struct ynode *from,
                  struct conf_pos at)
{
    if (from->kind == Y_SEQUENCE) {
        for (uint32_t i = 0; i < from->nitems && !t->failed; i++) {
            if (from->items[i]->kind == Y_MAPPING)
                merge(t, keys, m, cap, from->items[i], at);
            else
                fault(t->r, from->items[i]->pos, NULL, "'<<' takes mappings, for instance <<: [*one, *two]");
        }
        return;
    }
    if (from->kind != Y_MAPPING) {
        fault(t->r, at, "write <<: *anchor", "'<<' takes a mapping");
        m->broken = true;
        return;
    }
    for (uint32_t i = 0; i < from->npairs && !t->failed; i++) {
        if (map_get(keys, from->pairs[i].key->text)) continue;
        if (!add_pair(t, keys, m, cap, from->pairs[i]) || !weigh(t, m, from->pairs[i].value)) return;
    }
}

static struct ynode *mapping(struct tree *t, const yaml_event_t *event, uint32_t depth)
{
    struct ynode *m = new_node(t, Y_MAPPING, &event->start_mark);
    if (!m) return NULL;
    check_tag(t, m, event->data.mapping_start.tag);
    uint32_t cap = 0;
    struct map keys;
    map_init(&keys, false);
    VEC(struct ypair) merges = {0};
    for (yaml_event_t e; next(t, &e);) {
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&e);
            break;
        }
        struct ynode *k = node(t, &e, depth + 1);
        yaml_event_delete(&e);
        if (!k || !next(t, &e)) break;
        struct ynode *v = node(t, &e, depth + 1);
        yaml_event_delete(&e);
        if (!v || !weigh(t, m, k) || !weigh(t, m, v)) break;
        const struct ynode *first = k->kind == Y_SCALAR ? map_get(&keys, k->text) : NULL;
        if (k->kind != Y_SCALAR) {
            fault(t->r, k->pos, NULL, "a key is a plain word, not a %s",
                  k->kind == Y_MAPPING ? "mapping" : "list");
        } else if (!k->quoted && str_eq(k->text, STR("<<"))) {
            struct ypair *p = vec_push(&merges, &t->r->scratch);
            if (!p)
                t->r->oom = true;
            else
                *p = (struct ypair){k, v};
        } else if (first) {
            fault(t->r, k->pos, "remove one of the two",
                  "key '" STR_FMT "' is here twice; the first is at line %u", STR_ARG(k->text),
                  first->pos.line);
        } else {
            add_pair(t, &keys, m, &cap, (struct ypair){k, v});
        }
    }
    for (uint32_t i = 0; i < merges.len && !t->failed; i++)
        merge(t, &keys, m, &cap, merges.at[i].value, merges.at[i].key->pos);
    map_release(&keys);
    return t->failed || t->r->oom ? NULL : m;
}

static struct ynode *sequence(struct tree *t, const yaml_event_t *event, uint32_t depth)
{
    struct ynode *s = new_node(t, Y_SEQUENCE, &event->start_mark);
    if (!s) return NULL;
    check_tag(t, s, event->data.sequence_start.tag);
    uint32_t cap = 0;
    for (yaml_event_t e; next(t, &e);) {
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            break;
        }
        struct ynode *item = node(t, &e, depth + 1);
        yaml_event_delete(&e);
        if (!item || !weigh(t, s, item)) break;
        struct ynode **slot =
            vec_grow_((void **)(void *)&s->items, &s->nitems, &cap, sizeof *slot, &t->r->scratch);
        if (!slot) {
            t->r->oom = true;
            break;
        }
        *slot = item;
    }
    return t->failed || t->r->oom ? NULL : s;
}

static struct ynode *scalar(struct tree *t, const yaml_event_t *event)
{
    struct ynode *n = new_node(t, Y_SCALAR, &event->start_mark);
    if (!n) return NULL;
    n->text = arena_str(t->r->a, str_make(event->data.scalar.value, event->data.scalar.length));
    n->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!n->text.ptr) {
        t->r->oom = true;
        stop(t);
        return NULL;
    }
    check_tag(t, n, event->data.scalar.tag);
    return n;
}

static struct ynode *alias(struct tree *t, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct ynode *n = map_get(&t->anchors, str_of(name));
    if (n) return n;
    fault(t->r, pos_of(&event->start_mark),
          "an anchor &name must stand before its alias *name; a text that begins with * needs quotes",
          "alias '*%.60s' has no anchor before it", name);
    n = new_node(t, Y_SCALAR, &event->start_mark);
    if (n) {
        n->broken = true;
        n->text = STR("");
    }
    return n;
}

static struct ynode *node(struct tree *t, const yaml_event_t *event, uint32_t depth)
{
    if (depth > MAX_DEPTH) {
        fault(t->r, pos_of(&event->start_mark), NULL, "nested deeper than %d levels", (int)MAX_DEPTH);
        stop(t);
        return NULL;
    }
    if (++t->made > MAX_YNODES) {
        fault(t->r, pos_of(&event->start_mark), "split the rules", "more than %d values in one file",
              (int)MAX_YNODES);
        stop(t);
        return NULL;
    }
    struct ynode *n = NULL;
    const yaml_char_t *anchor = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        n = scalar(t, event);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        n = sequence(t, event, depth);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        n = mapping(t, event, depth);
    } else if (event->type == YAML_ALIAS_EVENT) {
        return alias(t, event);
    } else {
        stop(t); /* libyaml gives no other event inside a document */
    }
    /* After its end, so that an alias inside cannot make a loop. */
    return n && remember(t, anchor, n) ? n : NULL;
}

/* libyaml compares each %TAG line with all before it: a file of nothing else would take hours. */
static bool directives_are_few(struct tree *t, struct str text)
{
    uint32_t lines = 1, found = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' && (i == 0 || text.ptr[i - 1] == '\n' || text.ptr[i - 1] == '\r') &&
            ++found > 16) {
            fault(t->r, (struct conf_pos){lines, 1}, "remove them", "too many lines begin with '%%'");
            return false;
        }
        if (text.ptr[i] == '\n') lines++;
    }
    return true;
}

static struct ynode *document(struct tree *t)
{
    struct ynode *root = NULL;
    bool done = false;
    for (yaml_event_t e; !done && next(t, &e);) {
        switch (e.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_NO_EVENT: break;
        case YAML_DOCUMENT_START_EVENT:
            if (root) {
                fault(t->r, pos_of(&e.start_mark), "one file holds one set of rules",
                      "a second YAML document begins here");
                done = true;
            }
            break;
        case YAML_STREAM_END_EVENT: done = true; break;
        case YAML_ALIAS_EVENT:
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_START_EVENT:
        case YAML_MAPPING_END_EVENT:
            root = node(t, &e, 1);
            if (!root) done = true;
            break;
        }
        yaml_event_delete(&e);
    }
    return root;
}

struct ynode *tree_read(struct reader *r, struct str text)
{
    struct tree t = {.r = r};
    if (text.len > MAX_FILE) {
        fault(r, (struct conf_pos){0}, NULL, "the file is too large: a rule file has at most %d bytes",
              (int)MAX_FILE);
        return NULL;
    }
    if (!directives_are_few(&t, text)) return NULL;
    if (!yaml_parser_initialize(&t.parser)) {
        r->oom = true;
        return NULL;
    }
    map_init(&t.anchors, false);
    yaml_parser_set_input_string(&t.parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
    struct ynode *root = document(&t);
    if (t.parser.error != YAML_NO_ERROR) {
        report_parser(&t, text);
        root = NULL;
    } else if (!root && !t.failed && !r->oom) {
        fault(r, (struct conf_pos){1, 1}, "conf/examples/shop.yaml is a start", "the file is empty");
    }
    map_release(&t.anchors);
    yaml_parser_delete(&t.parser);
    return t.failed || r->oom ? NULL : root;
}
