/*
 * track.c - SESSION_TRACK: what changed in the session, told in the OK packets of clients that asked for it.
 *
 * Server connections do not ask: they are shared, and what changes on them is mostly our own doing. So Weir makes the entries itself, of what it
 * knows anyway: the schema (USE, COM_INIT_DB, login), variables that SET names, user variables and temporary tables (session_track_state_change), and the
 * transaction (session_track_transaction_info). By default only SET and USE have something to tell, and every other reply is relayed as it comes; the
 * last two make replies go packet by packet (front->packetwise), for each may end or begin a transaction.
 *
 *   SET, USE, BEGIN ... -> track_* -> front->track -> front_ok | front_put_end
 *
 * The transaction's state is eight letters (MySQL manual, session_track_transaction_info): T or I, then r R w W s S L. Weir does not know the engines of
 * tables and takes them all as transactional (R, W); "unsafe statement" (s) is never said. Servers leave the difference to the reader too: a state that claims
 * more than is so keeps a balancer from moving the session, no worse.
 */
#include "proxy/session/session.h"

enum transaction_info { TRACK_OFF, TRACK_STATE, TRACK_CHARACTERISTICS };
enum { LETTERS = 8 };
enum letter { AT_TXN, AT_READ_OTHER, AT_READ, AT_WRITE_OTHER, AT_WRITE, AT_UNSAFE, AT_SENT, AT_LOCKED };

struct track {
    bool no_schema;       /* session_track_schema = OFF */
    bool state_change;
    uint8_t transaction;  /* enum transaction_info */
    bool own_variables;   /* `variables` counts, not the default list */
    bool changed;         /* to be told as a state change */
    bool again;           /* a chained transaction: characteristics are told even when they are the same */
    bool fresh;           /* ... or when they are empty: just switched on */
    char letters[LETTERS], told[LETTERS];
    struct buf variables; /* names, lower case, comma-separated without blanks; or '*' */
    struct buf characteristics; /* as told */
};

static const char nothing[] = "________";
static const char usual[] = "autocommit,character_set_client,character_set_connection,character_set_results,time_zone";

static bool asked_for(const struct session *s)
{
    return s->f.capabilities & WIRE_CAP_SESSION_TRACK;
}

static struct track *own(struct session *s)
{
    if (!s->track && (s->track = mem_zalloc(sizeof *s->track))) {
        memcpy(s->track->letters, nothing, LETTERS);
        memcpy(s->track->told, nothing, LETTERS);
    }
    return s->track;
}

void track_free(struct session *s)
{
    struct track *t = s->track;
    s->track = NULL;
    s->schema_told = false;
    buf_release(&s->f.track);
    track_refresh(s);
    if (!t) return;
    buf_release(&t->variables);
    buf_release(&t->characteristics);
    mem_free(t);
}

void track_refresh(struct session *s)
{
    s->f.packetwise = s->f.filtered || (asked_for(s) && s->track && (s->track->state_change || s->track->transaction));
}

/* ---- variables ---- */

static bool list_has(struct str list, struct str name)
{
    if (str_eq(list, STR("*"))) return true;
    for (size_t at = 0; at < list.len;) {
        size_t end = str_find(list, STR(","), at);
        if (end == SIZE_MAX) end = list.len;
        if (str_eq(str_make(list.ptr + at, end - at), name)) return true;
        at = end + 1;
    }
    return false;
}

bool track_wants(const struct session *s, struct str name)
{
    if (!asked_for(s)) return false;
    return list_has(s->track && s->track->own_variables ? buf_str(&s->track->variables) : STR(usual), name);
}

void track_variable(struct session *s, struct str name, struct str value)
{
    wire_put_track_variable(&s->f.track, name, value);
}

void track_state(struct session *s)
{
    if (asked_for(s) && s->track && s->track->state_change) s->track->changed = true;
}

/* ---- session_track_* ---- */

static struct str bare(struct str literal)
{
    return literal.len >= 2 && literal.ptr[0] == '\'' ? str_make(literal.ptr + 1, literal.len - 2) : literal;
}

static int boolean(struct str literal)
{
    static const char *const words[][3] = {{"0", "off", "false"}, {"1", "on", "true"}};
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) {
            if (str_eq_nocase(bare(literal), str_of(words[i][k]))) return i;
        }
    }
    return -1;
}

static int info_of(struct str literal)
{
    static const char *const words[][2] = {{"0", "off"}, {"1", "state"}, {"2", "characteristics"}};
    for (int i = 0; i < 3; i++) {
        if (str_eq_nocase(bare(literal), str_of(words[i][0])) || str_eq_nocase(bare(literal), str_of(words[i][1]))) return i;
    }
    return -1;
}

static void keep_names(struct track *t, struct str literal)
{
    struct str list = bare(literal);
    buf_reset(&t->variables);
    t->own_variables = true;
    if (str_eq_nocase(literal, STR("NULL"))) list = STR("");
    for (size_t i = 0; i < list.len; i++) {
        char c = ascii_lower(list.ptr[i]);
        if (c != ' ' && c != '\t') buf_put_u8(&t->variables, (uint8_t)c);
    }
}

bool track_check(const struct session *s, struct str name, struct str literal, struct fault *f)
{
    bool ok = true;
    if (!literal.ptr || str_eq(name, STR("session_track_system_variables"))) return true;
    if (str_eq(name, STR("session_track_gtids")) && boolean(literal) != 0) {
        fault_set(f, &s->f.engine->arena, WIRE_ER_NOT_SUPPORTED_YET, "42000",
                  "Weir: session_track_gtids is not supported: a session writes on several servers, each with GTIDs of its own; leave it OFF");
        return false;
    }
    if (str_eq(name, STR("session_track_schema")) || str_eq(name, STR("session_track_state_change"))) ok = boolean(literal) >= 0;
    if (str_eq(name, STR("session_track_transaction_info"))) ok = info_of(literal) >= 0;
    if (ok) return true;
    fault_set(f, &s->f.engine->arena, WIRE_ER_WRONG_VALUE_FOR_VAR, "42000", "Variable '%.*s' can't be set to the value of '%.*s'", STR_ARG(name),
              STR_ARG(bare(literal)));
    return false;
}

void track_set(struct session *s, struct str name, struct str literal)
{
    struct track *t = own(s);
    if (!t) {
        s->f.broken = true;
        return;
    }
    t->changed |= t->state_change;
    if (str_eq(name, STR("session_track_schema"))) t->no_schema = literal.ptr && boolean(literal) == 0;
    if (str_eq(name, STR("session_track_state_change"))) t->state_change = literal.ptr && boolean(literal) == 1;
    if (str_eq(name, STR("session_track_transaction_info"))) {
        t->transaction = (uint8_t)(literal.ptr ? info_of(literal) : TRACK_OFF);
        t->fresh = t->transaction == TRACK_CHARACTERISTICS;
        if (t->transaction && !session_shows_mysql(s)) t->told[0] = 0; /* MariaDB tells the state at once */
    }
    if (str_eq(name, STR("session_track_system_variables"))) {
        if (literal.ptr) keep_names(t, literal);
        else t->own_variables = false;
    }
    s->f.broken |= t->variables.failed;
    track_refresh(s);
}

/* ---- the transaction ---- */

void track_begin(struct session *s)
{
    struct track *t = s->track;
    if (!t) return;
    memcpy(t->letters, nothing, LETTERS);
    t->again = true;
}

/* What a statement did to the open transaction. */
static void note_statement(struct track *t, const struct plan_info *info, bool rows)
{
    const struct sql_stmt *st = info->stmt;
    if (rows) t->letters[AT_SENT] = 'S';
    switch (info->cls) {
    case PLAN_READ:
        if (st ? st->ntables > 0 : info->table != NULL) t->letters[AT_READ] = 'R';
        return;
    case PLAN_LOCKING: t->letters[AT_WRITE] = 'W'; return;
    case PLAN_WRITE:
        t->letters[AT_WRITE] = 'W';
        for (uint32_t i = 0; st && i < st->ntables; i++) {
            if (st->tables[i]->role == SQL_R_READ && !st->tables[i]->cte) t->letters[AT_READ] = 'R';
        }
        return;
    case PLAN_DDL:
    case PLAN_OTHER: return;
    }
}

static void put_characteristics(const struct front *f, struct buf *out)
{
    static const char *const levels[] = {"", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    const struct front_txn *t = f->txn;
    if (!t) return;
    if (t->isolation && t->isolation < COUNT_OF(levels)) buf_printf(out, "SET TRANSACTION ISOLATION LEVEL %s;", levels[t->isolation]);
    if (!t->begun && !t->access) return;
    if (out->len) buf_put_u8(out, ' ');
    const char *access = t->begun ? (t->read_only ? " READ ONLY" : t->read_write || t->access == 2 ? " READ WRITE" : "") : t->access == 1 ? " READ ONLY" : " READ WRITE";
    if (t->begun)
        buf_printf(out, "START TRANSACTION%s%s%s;", t->snapshot ? " WITH CONSISTENT SNAPSHOT" : "", t->snapshot && access[0] ? "," : "", access);
    else
        buf_printf(out, "SET TRANSACTION%s;", access);
}

static void tell_transaction(struct session *s, struct track *t)
{
    struct front *f = &s->f;
    if (memcmp(t->letters, t->told, LETTERS) != 0) {
        wire_put_track_text(&f->track, WIRE_TRACK_TRANSACTION_STATE, str_make(t->letters, LETTERS));
        memcpy(t->told, t->letters, LETTERS);
    }
    if (t->transaction != TRACK_CHARACTERISTICS) return;
    struct buf now = {0};
    put_characteristics(f, &now);
    if (!str_eq(buf_str(&now), buf_str(&t->characteristics)) || (t->again && now.len) || t->fresh) {
        wire_put_track_text(&f->track, WIRE_TRACK_TRANSACTION_CHARACTERISTICS, buf_str(&now));
        buf_reset(&t->characteristics);
        buf_put_str(&t->characteristics, buf_str(&now));
    }
    f->track.failed |= now.failed;
    buf_release(&now);
    t->again = t->fresh = false;
}

/* ---- before each OK and each end of rows ---- */

void track_update(struct front *f, const struct plan_info *info, bool rows, bool in_trans)
{
    struct session *s = session_of(f);
    struct track *t = s->track;
    bool tells = !rows || (f->capabilities & WIRE_CAP_DEPRECATE_EOF); /* an EOF packet has no room */
    struct str schema = f->schema ? f->schema->name : f->system_schema;
    if (!s->schema_told && tells && s->state >= SESSION_READY) {
        if (schema.len && !(t && t->no_schema)) wire_put_track_text(&f->track, WIRE_TRACK_SCHEMA, schema);
        s->schema_told = true;
    }
    if (LIKELY(!t)) return;
    if (info && (info->flags & PLAN_TEMPORARY) && t->state_change) t->changed = true;
    if (t->changed && tells) wire_put_track_text(&f->track, WIRE_TRACK_STATE_CHANGE, STR("1"));
    if (tells) t->changed = false;
    if (!t->transaction) return;
    bool begun = f->txn && f->txn->begun;
    if (!in_trans) memcpy(t->letters, nothing, LETTERS);
    else if (info) note_statement(t, info, rows);
    t->letters[AT_TXN] = begun ? 'T' : in_trans ? 'I' : '_';
    if (begun && f->txn->snapshot) t->letters[AT_READ] = 'R';
    t->letters[AT_LOCKED] = f->txn && (f->txn->locked || f->txn->nheld) ? 'L' : '_';
    if (tells) tell_transaction(s, t);
}
