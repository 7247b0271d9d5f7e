/*
 * load.c - from a file to a model or to a list of faults.
 *
 *   conf_load -> conf_load_text -> tree_read -> weir, sources, algorithms, sequences, schemas, users ->
 * fingerprint
 *
 * The order follows who names whom: tables name sources, algorithms and sequences; users name schemas. A
 * section that does not load leaves what it could read, so that those after it find most names and report no
 * echoes.
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MODEL_MAX = 512 << 20,
    SCRATCH_MAX = 512 << 20
}; /* bytes; far above what the caps on counts let through */

/* An alias is read at each place it is used; its faults are told once. */
static bool said_before(struct reader *r, struct conf_pos pos)
{
    struct str key =
        arena_printf(&r->scratch, "%u:%u:" STR_FMT, pos.line, pos.column, STR_ARG(buf_str(&r->text)));
    if (!key.ptr) {
        r->oom = true;
        return false;
    }
    if (map_get(&r->said, key)) return true;
    if (!map_put(&r->said, key, r)) r->oom = true;
    return false;
}

static void PRINTF_LIKE(5, 0) report(struct reader *r, enum diag_level level, struct conf_pos pos,
                                     const char *hint, const char *fmt, va_list ap)
{
    if (r->d->lost) { /* the list is full: count, do not format */
        if (level == DIAG_ERROR) r->d->errors++;
        return;
    }
    buf_reset(&r->text);
    buf_vprintf(&r->text, fmt, ap);
    if (r->text.failed) {
        r->oom = true;
        buf_reset(&r->text);
        buf_putz(&r->text, "a fault that could not be told for lack of memory");
    }
    for (size_t i = 0; i < r->text.len; i++) { /* what the file says must not move the cursor of a terminal */
        if ((unsigned char)r->text.data[i] < 0x20 || r->text.data[i] == 0x7f) r->text.data[i] = '?';
    }
    if (said_before(r, pos)) return;
    diag_add(r->d, level, r->file, pos.line, pos.column, hint && *hint ? hint : NULL, STR_FMT,
             STR_ARG(buf_str(&r->text)));
}

void fault(struct reader *r, struct conf_pos pos, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(r, DIAG_ERROR, pos, hint, fmt, ap);
    va_end(ap);
}

void warning(struct reader *r, struct conf_pos pos, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(r, DIAG_WARNING, pos, hint, fmt, ap);
    va_end(ap);
}

const char *hintf(struct reader *r, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : arena_alloc(&r->scratch, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    else
        r->oom = true;
    va_end(again);
    va_end(ap);
    return p ? p : "";
}

static void read_all(struct reader *r, const struct ynode *root)
{
    if (!keys_check(r, root, SEC_TOP, "the rule file")) return;
    read_weir(r, key_get(r, root, KEY_TOP_WEIR));
    read_sources(r, key_get(r, root, KEY_TOP_SOURCES));
    read_algorithms(r, key_get(r, root, KEY_TOP_ALGORITHMS));
    read_sequences(r, key_get(r, root, KEY_TOP_SEQUENCES));
    read_schemas(r, key_get(r, root, KEY_TOP_SCHEMAS));
    read_users(r, key_get(r, root, KEY_TOP_USERS));
}

static struct conf *load(struct str text, struct str name, struct str folder, struct diag *d)
{
    struct reader r = {.d = d, .file = name, .folder = folder};
    uint32_t before = d->errors;
    arena_init(&r.scratch, SCRATCH_MAX);
    map_init(&r.said, false);
    map_init(&r.sources, false);
    map_init(&r.algorithms, false);
    map_init(&r.sequences, false);
    map_init(&r.physical, false);
    struct conf *c = mem_zalloc(sizeof *c);
    if (c) {
        arena_init(&c->arena, MODEL_MAX);
        r.c = c;
        r.a = &c->arena;
        c->file = arena_str(r.a, name);
        const struct ynode *root = c->file.ptr ? tree_read(&r, text) : NULL;
        if (root) read_all(&r, root);
        if (root && !r.oom && d->errors == before && !fingerprint(c, &c->fingerprint)) r.oom = true;
        if (!c->file.ptr) r.oom = true;
        if (!root && !r.oom && d->errors == before) d->errors++; /* cannot be: tree_read reports */
    }
    if (!c || r.oom) diag_add(d, DIAG_ERROR, name, 0, 0, NULL, "out of memory while the rules were read");
    arena_release(&r.scratch);
    map_release(&r.said);
    map_release(&r.sources);
    map_release(&r.algorithms);
    map_release(&r.sequences);
    map_release(&r.physical);
    buf_release(&r.text);
    if (d->errors == before) return c;
    conf_free(c);
    return NULL;
}

struct conf *conf_load_text(struct str text, struct str name, struct diag *d)
{
    return load(text, name, STR(""), d);
}

/* Whole of a regular file; false when it was reported. */
static bool slurp(const char *path, struct buf *out, struct diag *d)
{
    struct stat st;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* non-blocking: a FIFO must not hang us */
    if (fd < 0 || fstat(fd, &st) != 0) {
        diag_add(d, DIAG_ERROR, str_of(path), 0, 0, NULL, "cannot read the rule file: %s", strerror(errno));
        goto out;
    }
    if (S_ISDIR(st.st_mode)) {
        diag_add(d, DIAG_ERROR, str_of(path), 0, 0, NULL, "cannot read the rule file: it is a directory");
        goto out;
    }
    for (;;) {
        if (!buf_reserve(out, 65536)) {
            diag_add(d, DIAG_ERROR, str_of(path), 0, 0, NULL, "out of memory while the rules were read");
            break;
        }
        ssize_t n = read(fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            diag_add(d, DIAG_ERROR, str_of(path), 0, 0, NULL, "cannot read the rule file: %s",
                     strerror(errno));
            break;
        }
        out->len += (size_t)n;
        ok = n == 0 || out->len > MAX_FILE; /* what is too long is reported by tree_read */
        if (ok) break;
    }
out:
    if (fd >= 0) close(fd);
    return ok;
}

struct conf *conf_load(const char *path, struct diag *d)
{
    struct buf text = {0};
    struct conf *c = NULL;
    const char *slash = strrchr(path, '/');
    struct str folder = slash ? str_make(path, (size_t)(slash - path) + 1) : STR("");
    if (slurp(path, &text, d)) c = load(buf_str(&text), str_of(path), folder, d);
    buf_release(&text);
    return c;
}

void conf_free(struct conf *c)
{
    if (!c) return;
    arena_release(&c->arena);
    mem_free(c);
}

const struct conf_schema *conf_schema(const struct conf *c, struct str name)
{
    for (uint32_t i = 0; i < c->nschemas; i++) {
        if (str_eq(c->schemas[i].name, name)) return &c->schemas[i];
    }
    return NULL;
}

const struct conf_table *conf_table(const struct conf_schema *s, struct str name)
{
    for (uint32_t i = 0; i < s->ntables; i++) {
        if (str_eq(s->tables[i].name, name)) return &s->tables[i];
    }
    return NULL;
}

const struct conf_user *conf_user(const struct conf *c, struct str name)
{
    for (uint32_t i = 0; i < c->nusers; i++) {
        if (str_eq(c->users[i].name, name)) return &c->users[i];
    }
    return NULL;
}
