/* stmts.c - see stmts.h. */
#include "proxy/backend/stmts.h"

#include "proxy/backend/conn.h"

uint64_t conn_stmt_hash(struct str text)
{
    return hash_bytes(text.ptr, text.len, 0x5e1f);
}

uint32_t conn_stmt_find(struct conn *c, uint64_t hash, struct str text)
{
    struct server_stmts *s = &c->stmts;
    for (uint32_t i = 0; i < s->n; i++) {
        if (LIKELY(s->hashes[i] != hash)) continue;
        struct server_stmt *x = s->at[i];
        if (x->applied != c->applied || !str_eq(x->text, text) || !str_eq(x->db, c->db)) continue;
        x->used = ++s->tick;
        return x->id;
    }
    return 0;
}

static void stmt_free(struct conn *c, struct server_stmt *x)
{
    settings_unref(c->realm->engine, x->applied);
    mem_free(x);
}

static void drop(struct conn *c, uint32_t i)
{
    struct server_stmts *s = &c->stmts;
    stmt_free(c, s->at[i]);
    s->n--;
    s->at[i] = s->at[s->n];
    s->hashes[i] = s->hashes[s->n];
}

void conn_stmt_close(struct conn *c, uint32_t id)
{
    char packet[WIRE_HEADER + 5] = {5, 0, 0, 0, WIRE_COM_STMT_CLOSE, (char)(id & 0xff), (char)(id >> 8 & 0xff), (char)(id >> 16 & 0xff), (char)(id >> 24)};
    link_new_command(c->link);
    COUNT_ADD(c->realm->engine, bytes_to_servers, sizeof packet);
    link_send(c->link, packet, sizeof packet);
}

static void close_oldest(struct conn *c)
{
    struct server_stmts *s = &c->stmts;
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < s->n; i++) {
        if (s->at[i]->used < s->at[oldest]->used) oldest = i;
    }
    conn_stmt_close(c, s->at[oldest]->id);
    drop(c, oldest);
}

static bool grow(struct server_stmts *s)
{
    if (s->n < s->cap) return true;
    uint32_t cap = s->cap ? s->cap * 2 : 8;
    uint64_t *hashes = mem_realloc(s->hashes, sizeof *hashes * cap);
    if (!hashes) return false;
    s->hashes = hashes;
    struct server_stmt **at = mem_realloc(s->at, sizeof(struct server_stmt *) * cap);
    if (!at) return false;
    s->at = at;
    s->cap = cap;
    return true;
}

bool conn_stmt_add(struct conn *c, uint64_t hash, struct str text, uint32_t id, uint32_t max)
{
    struct server_stmts *s = &c->stmts;
    while (s->n && s->n >= (max ? max : 1)) close_oldest(c);
    struct server_stmt *x = grow(s) ? mem_alloc(sizeof *x + text.len + c->db.len) : NULL;
    if (!x) {
        conn_stmt_close(c, id);
        return false;
    }
    char *p = (char *)(x + 1);
    memcpy(p, text.ptr, text.len);
    if (c->db.len) memcpy(p + text.len, c->db.ptr, c->db.len);
    *x = (struct server_stmt){.used = ++s->tick, .id = id, .applied = settings_ref(c->applied), .db = str_make(p + text.len, c->db.len), .text = str_make(p, text.len)};
    s->hashes[s->n] = hash;
    s->at[s->n++] = x;
    return true;
}

uint32_t conn_stmt_close_all(struct conn *c)
{
    uint32_t n = c->stmts.n;
    while (c->stmts.n) close_oldest(c);
    return n;
}

void conn_stmts_release(struct conn *c)
{
    struct server_stmts *s = &c->stmts;
    for (uint32_t i = 0; i < s->n; i++) stmt_free(c, s->at[i]);
    mem_free(s->hashes);
    mem_free(s->at);
    *s = (struct server_stmts){0};
}
