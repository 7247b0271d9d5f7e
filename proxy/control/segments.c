/*
 * segments.c - the rows behind id sequences, in the manner of Leaf: (name, max_id, step). One UPDATE reserves
 * a segment; MySQL's row lock is what keeps proxies apart, and LAST_INSERT_ID(expr) brings the value back
 * with the OK packet.
 *
 *   UPDATE t SET max_id = LAST_INSERT_ID(GREATEST(max_id, floor) + n), step = n WHERE name = ?
 *
 * A lost connection in mid-UPDATE is tried again: at worst a segment is skipped.
 */
#include "proxy/control/room.h"

#include <stdio.h>

static void put_table(struct buf *b, const struct conf_sequence *q)
{
    put_name(b, q->database);
    buf_put_u8(b, '.');
    put_name(b, q->table);
}

static bool run(struct link *l, struct buf *b)
{
    if (b->failed) {
        snprintf(l->error, sizeof l->error, "out of memory");
        return false;
    }
    return link_query(l, buf_str(b), true);
}

static bool make_table(struct link *l, const struct conf_sequence *q, struct buf *b)
{
    buf_reset(b);
    buf_putz(b, "CREATE DATABASE IF NOT EXISTS ");
    put_name(b, q->database);
    if (!run(l, b)) {
        /* The account may own the table without the right to create databases: let CREATE TABLE decide. */
        if (l->code != 1044 && l->code != 1045 && l->code != 1227) return false;
    }
    buf_reset(b);
    buf_putz(b, "CREATE TABLE IF NOT EXISTS ");
    put_table(b, q);
    buf_putz(b, " (name VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,"
                " max_id BIGINT UNSIGNED NOT NULL, step INT UNSIGNED NOT NULL, description VARCHAR(256) "
                "CHARACTER SET utf8mb4,"
                " update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP) "
                "ENGINE=InnoDB");
    return run(l, b);
}

static bool make_row(struct link *l, const struct conf_sequence *q, struct buf *b)
{
    buf_reset(b);
    buf_putz(b, "INSERT IGNORE INTO ");
    put_table(b, q);
    buf_putz(b, " (name, max_id, step, description) VALUES (");
    put_quoted(b, q->name);
    buf_putz(b, ", 0, ");
    buf_put_dec(b, q->step > UINT32_MAX ? UINT32_MAX : q->step);
    buf_putz(b, ", 'id segments of Weir: ids up to max_id are given out')");
    return run(l, b);
}

static bool reserve(struct link *l, const struct conf_sequence *q, uint64_t floor, uint64_t n, struct buf *b)
{
    buf_reset(b);
    buf_putz(b, "UPDATE ");
    put_table(b, q);
    buf_putz(b, " SET max_id = LAST_INSERT_ID(GREATEST(max_id, ");
    buf_put_dec(b, floor);
    buf_putz(b, ") + ");
    buf_put_dec(b, n);
    buf_putz(b, ")");
    if (n) {
        buf_putz(b, ", step = ");
        buf_put_dec(b, n > UINT32_MAX ? UINT32_MAX : n);
    }
    buf_putz(b, " WHERE name = ");
    put_quoted(b, q->name);
    return run(l, b);
}

bool segment_fetch(struct link *l, const struct conf_sequence *q, uint64_t floor, uint64_t n, uint64_t *last,
                   char error[IDS_ERROR])
{
    struct buf b = {0};
    bool ok = false;
    for (int attempt = 0; attempt < 3 && !ok; attempt++) {
        if (!reserve(l, q, floor, n, &b)) {
            if (l->code != 1049 && l->code != 1146) break; /* unknown database, no such table */
            if (!make_table(l, q, &b)) break;
        } else if (mysql_affected_rows(l->my) != 1) {
            snprintf(l->error, sizeof l->error, "its row cannot be inserted");
            if (!make_row(l, q, &b)) break;
        } else {
            *last = mysql_insert_id(l->my);
            ok = true;
        }
    }
    if (!ok) snprintf(error, IDS_ERROR, "%s", l->error);
    buf_release(&b);
    return ok;
}

bool segment_return(struct link *l, const struct conf_sequence *q, uint64_t keep, uint64_t last)
{
    struct buf b = {0};
    buf_putz(&b, "UPDATE ");
    put_table(&b, q);
    buf_putz(&b, " SET max_id = ");
    buf_put_dec(&b, keep);
    buf_putz(&b, " WHERE name = ");
    put_quoted(&b, q->name);
    buf_putz(&b, " AND max_id = ");
    buf_put_dec(&b, last);
    bool ok = run(l, &b);
    buf_release(&b);
    return ok;
}
