/*
 * parse_misc.c - the many small statements: transactions, XA, locks, KILL, CALL, DO, HANDLER, PREPARE,
 * maintenance.
 */
#include "parser/parse.h"

/* ---- transactions ---- */

/* [WORK] [AND [NO] CHAIN] [[NO] RELEASE] */
static void chain_release(struct parser *p, struct sql_txn *t)
{
    try_word(p, SQL_W_WORK);
    if (try_word(p, SQL_W_AND)) {
        *(at_word(p, SQL_W_NO) ? &t->no_chain : &t->chain) = true;
        try_word(p, SQL_W_NO);
        want_word(p, SQL_W_CHAIN);
    }
    if (at_word(p, SQL_W_NO) || (at_word(p, SQL_W_RELEASE) && !t->chain)) {
        *(at_word(p, SQL_W_NO) ? &t->no_release : &t->release) = true;
        try_word(p, SQL_W_NO);
        want_word(p, SQL_W_RELEASE);
    }
}

static void start(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    want_word(p, SQL_W_TRANSACTION);
    if (at_end(p)) return;
    do {
        if (try_word(p, SQL_W_WITH)) {
            want_word(p, SQL_W_CONSISTENT);
            want_word(p, SQL_W_SNAPSHOT);
            st->txn->consistent_snapshot = true;
        } else {
            want_word(p, SQL_W_READ);
            *(at_word(p, SQL_W_ONLY) ? &st->txn->read_only : &st->txn->read_write) = true;
            if (!try_word(p, SQL_W_ONLY)) want_word(p, SQL_W_WRITE);
        }
    } while (try_op(p, SQL_OP_COMMA));
    if (st->txn->read_only && st->txn->read_write) ps_syntax(p);
}

static bool transaction(struct parser *p, struct sql_stmt *st)
{
    st->txn = PS_NEW(p, struct sql_txn);
    switch (cur_word(p)) {
    case SQL_W_BEGIN:
        st->kind = SQL_BEGIN;
        ps_next(p);
        if (at_end(p) || try_word(p, SQL_W_WORK)) return true;
        if (!p->mariadb || !ahead_word(p, 1, SQL_W_ATOMIC))
            ps_syntax(p); /* BEGIN NOT ATOMIC ... END: a compound statement */
        st->kind = SQL_OTHER;
        ps_skip_all(p);
        return true;
    case SQL_W_START:
        st->kind = SQL_BEGIN;
        if (!ahead_word(p, 1, SQL_W_TRANSACTION)) return false; /* START REPLICA and the like */
        start(p, st);
        return true;
    case SQL_W_COMMIT:
        st->kind = SQL_COMMIT;
        ps_next(p);
        chain_release(p, st->txn);
        return true;
    case SQL_W_ROLLBACK:
        st->kind = SQL_ROLLBACK;
        ps_next(p);
        if (at_word(p, SQL_W_TO) || (at_word(p, SQL_W_WORK) && ahead_word(p, 1, SQL_W_TO))) {
            st->kind = SQL_ROLLBACK_TO;
            try_word(p, SQL_W_WORK);
            ps_next(p);
            if (at_word(p, SQL_W_SAVEPOINT) && ps_peek(p, 1)->kind != SQL_T_END) ps_next(p);
            st->txn->name = ps_ident(p);
            return true;
        }
        chain_release(p, st->txn);
        return true;
    case SQL_W_SAVEPOINT:
        st->kind = SQL_SAVEPOINT;
        ps_next(p);
        st->txn->name = ps_ident(p);
        return true;
    case SQL_W_RELEASE:
        st->kind = SQL_RELEASE_SAVEPOINT;
        ps_next(p);
        want_word(p, SQL_W_SAVEPOINT);
        st->txn->name = ps_ident(p);
        return true;
    default: return false;
    }
}

/* ---- locks ---- */

static void lock_tables(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    if (!at_word(p, SQL_W_TABLES) && !at_word(p, SQL_W_TABLE)) { /* LOCK INSTANCE FOR BACKUP, BACKUP LOCK */
        if (!ps_equals(p, 0, "INSTANCE")) ps_syntax(p);
        st->kind = SQL_OTHER;
        ps_skip_all(p);
        return;
    }
    st->kind = SQL_LOCK_TABLES;
    ps_next(p);
    do {
        struct sql_table *t = ps_table(p, SQL_R_OTHER);
        t->alias_span = span_here(p);
        if (!at_word(p, SQL_W_READ) && !at_word(p, SQL_W_WRITE) && !at_word(p, SQL_W_LOW_PRIORITY))
            t->has_alias = ps_alias(p, false, &t->alias);
        t->alias_span.end = p->at;
        if (try_word(p, SQL_W_READ)) {
            try_word(p, SQL_W_LOCAL);
            t->lock = SQL_W_READ;
        } else {
            if (!try_word(p, SQL_W_LOW_PRIORITY) && at_word(p, SQL_W_CONCURRENT)) ps_next(p);
            want_word(p, SQL_W_WRITE);
            t->lock = SQL_W_WRITE;
        }
    } while (try_op(p, SQL_OP_COMMA));
    if (p->mariadb && !try_word(p, SQL_W_NOWAIT) && try_word(p, SQL_W_WAIT)) ps_expr(p, BP_PRIMARY);
}

static void unlock_tables(struct parser *p, struct sql_stmt *st)
{
    ps_next(p);
    st->kind = SQL_UNLOCK_TABLES;
    if (try_word(p, SQL_W_TABLES) || try_word(p, SQL_W_TABLE)) return;
    if (!ps_equals(p, 0, "INSTANCE")) ps_syntax(p);
    st->kind = SQL_OTHER;
    ps_skip_all(p);
}

/* ---- KILL, CALL, DO ---- */

static void kill(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_KILL;
    ps_next(p);
    if (p->mariadb && (ps_equals(p, 0, "HARD") || ps_equals(p, 0, "SOFT")) &&
        ps_peek(p, 1)->kind != SQL_T_END)
        ps_next(p);
    if (at_word(p, SQL_W_CONNECTION) && ps_peek(p, 1)->kind != SQL_T_END) {
        st->kill.connection = true;
        ps_next(p);
    } else if (at_word(p, SQL_W_QUERY) && ps_peek(p, 1)->kind != SQL_T_END) {
        st->kill.query = true;
        ps_next(p);
        if (p->mariadb && ps_equals(p, 0, "ID") && ps_peek(p, 1)->kind != SQL_T_END) {
            st->kill.query_id = true;
            ps_next(p);
        }
    }
    if (p->mariadb && at_word(p, SQL_W_USER) && ps_peek(p, 1)->kind != SQL_T_END) ps_refuse(p, "KILL USER");
    st->kill.id = ps_full(p);
}

static void call(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_CALL;
    ps_next(p);
    ps_name(p, &st->call.name, 3);
    if (st->call.name.table.len && !st->call.name.schema.len) { /* two parts: the first is the database */
        st->call.name.schema = st->call.name.table;
        st->call.name.table = (struct str){0};
    }
    if (!try_op(p, SQL_OP_LPAREN)) return;
    uint32_t mark = ps_mark(p);
    if (!at_op(p, SQL_OP_RPAREN)) {
        do ps_push(p, ps_full(p));
        while (try_op(p, SQL_OP_COMMA));
    }
    want_op(p, SQL_OP_RPAREN);
    st->call.args = ps_take(p, mark, &st->call.nargs);
}

static void do_stmt(struct parser *p, struct sql_stmt *st)
{
    uint32_t mark = ps_mark(p);
    st->kind = SQL_DO;
    ps_next(p);
    do {
        struct str alias;
        ps_push(p, ps_full(p));
        ps_alias(p, true, &alias);
    } while (try_op(p, SQL_OP_COMMA));
    st->exprs.exprs = ps_take(p, mark, &st->exprs.n);
}

/* ---- PREPARE, EXECUTE ---- */

static void prepare(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_PREPARE;
    ps_next(p);
    st->prepare.name = ps_ident(p);
    want_word(p, SQL_W_FROM);
    st->prepare.from = ps_full(p);
}

static void execute(struct parser *p, struct sql_stmt *st)
{
    uint32_t mark = ps_mark(p);
    st->kind = SQL_EXECUTE;
    ps_next(p);
    if (try_word(p, SQL_W_IMMEDIATE))
        st->prepare.from = ps_full(p);
    else
        st->prepare.name = ps_ident(p);
    if (try_word(p, SQL_W_USING)) {
        do ps_push(p, ps_full(p));
        while (try_op(p, SQL_OP_COMMA));
    }
    st->prepare.args = ps_take(p, mark, &st->prepare.nargs);
}

static void deallocate(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_DEALLOCATE;
    ps_next(p);
    want_word(p, SQL_W_PREPARE);
    st->prepare.name = ps_ident(p);
}

/* ---- maintenance of tables ---- */

static void table_admin(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_TABLE_ADMIN;
    ps_next(p);
    if (!try_word(p, SQL_W_NO_WRITE_TO_BINLOG)) try_word(p, SQL_W_LOCAL);
    if (!try_word(p, SQL_W_TABLE)) want_word(p, SQL_W_TABLES);
    do {
        ps_table(p, SQL_R_OTHER);
        if (at_end(p) || at_op(p, SQL_OP_COMMA)) continue;
        ps_skip_to_comma(p); /* options: QUICK, EXTENDED, FOR UPGRADE, PERSISTENT FOR ALL... */
        if (at_op(p, SQL_OP_COMMA) && st->word == SQL_W_ANALYZE)
            ps_skip_all(p); /* UPDATE HISTOGRAM ON a, b */
    } while (try_op(p, SQL_OP_COMMA));
}

static void flush(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_FLUSH;
    ps_next(p);
    if (!try_word(p, SQL_W_NO_WRITE_TO_BINLOG)) try_word(p, SQL_W_LOCAL);
    if ((at_word(p, SQL_W_TABLES) || at_word(p, SQL_W_TABLE)) && ps_at_ident(p, 1)) {
        ps_next(p);
        do ps_table(p, SQL_R_OTHER);
        while (try_op(p, SQL_OP_COMMA));
    }
    ps_skip_all(p);
}

static void handler(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_HANDLER;
    ps_next(p);
    ps_table(p, SQL_R_OTHER);
    ps_skip_all(p);
}

static void grant(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_GRANT;
    ps_skip_all(p);
}

static void use(struct parser *p, struct sql_stmt *st)
{
    st->kind = SQL_USE;
    ps_next(p);
    st->use.schema = ps_ident(p);
}

bool ps_admin(struct parser *p, struct sql_stmt *st)
{
    switch (cur_word(p)) {
    case SQL_W_BEGIN:
    case SQL_W_START:
    case SQL_W_COMMIT:
    case SQL_W_ROLLBACK:
    case SQL_W_SAVEPOINT:
    case SQL_W_RELEASE: return transaction(p, st);
    case SQL_W_XA:
        st->kind = SQL_XA;
        ps_skip_all(p);
        return true;
    case SQL_W_USE: use(p, st); return true;
    case SQL_W_LOCK: lock_tables(p, st); return true;
    case SQL_W_UNLOCK: unlock_tables(p, st); return true;
    case SQL_W_KILL: kill(p, st); return true;
    case SQL_W_CALL: call(p, st); return true;
    case SQL_W_DO: do_stmt(p, st); return true;
    case SQL_W_PREPARE: prepare(p, st); return true;
    case SQL_W_EXECUTE: execute(p, st); return true;
    case SQL_W_DEALLOCATE: deallocate(p, st); return true;
    case SQL_W_ANALYZE:
        if (ahead_word(p, 1, SQL_W_TABLE) || ahead_word(p, 1, SQL_W_TABLES) ||
            ahead_word(p, 1, SQL_W_LOCAL) || ahead_word(p, 1, SQL_W_NO_WRITE_TO_BINLOG))
            table_admin(p, st);
        else
            ps_describe(p, st);
        return true;
    case SQL_W_CHECK:
    case SQL_W_OPTIMIZE:
    case SQL_W_REPAIR:
    case SQL_W_CHECKSUM:
        if (!ahead_word(p, 1, SQL_W_TABLE) && !ahead_word(p, 1, SQL_W_TABLES) &&
            !ahead_word(p, 1, SQL_W_LOCAL) && !ahead_word(p, 1, SQL_W_NO_WRITE_TO_BINLOG))
            return false; /* CHECK VIEW, REPAIR VIEW */
        table_admin(p, st);
        return true;
    case SQL_W_FLUSH: flush(p, st); return true;
    case SQL_W_HANDLER: handler(p, st); return true;
    case SQL_W_GRANT:
    case SQL_W_REVOKE: grant(p, st); return true;
    case SQL_W_DESCRIBE:
    case SQL_W_DESC:
    case SQL_W_EXPLAIN: ps_describe(p, st); return true;
    default: return false;
    }
}
