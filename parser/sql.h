/*
 * sql.h - the parser's public face: text -> tokens + key -> syntax tree; and edits -> text.
 *
 *   text --sql_scan--> tokens (kind, span), plan key, facts --sql_parse--> tree in an arena
 *                          \--------------- sql_render(edits) -> text for a server
 *
 * No shards, no sockets, no configuration. Spans are *token ranges* [first, end), not byte ranges: two texts with
 * the same plan key have the same tokens, so that what was learned about one (a tree, edits) holds for the other by
 * token index. The byte range of a span is [toks[first].off, toks[end-1].off + toks[end-1].len).
 *
 * Dialects: MySQL 8.4/9 and MariaDB 10.11/11, https://dev.mysql.com/doc/refman/8.4/en/language-structure.html and
 * https://mariadb.com/kb/en/sql-language-structure/.
 */
#ifndef WEIR_SQL_H
#define WEIR_SQL_H

#include "base/base.h"

/* ---- tokens ------------------------------------------------------------------------------------------ */

enum sql_tok_kind {
    SQL_T_END,     /* one after the last token (or at the ';' that ends a statement of several) */
    SQL_T_WORD,    /* bare identifier or keyword; .word: enum sql_word, 0 when it is no keyword */
    SQL_T_QUOTED,  /* `name`, or "name" under ANSI_QUOTES */
    SQL_T_INT,     /* 123 */
    SQL_T_DECIMAL, /* 1.5 */
    SQL_T_FLOAT,   /* 1e5 */
    SQL_T_STRING,  /* 'text' or "text"; adjacent strings stay separate tokens, the parser joins them */
    SQL_T_NSTRING, /* N'text' */
    SQL_T_HEX,     /* x'0f' or 0x0f */
    SQL_T_BIN,     /* b'01' or 0b01 */
    SQL_T_CHARSET, /* introducer: _utf8mb4 right before a string, hex or bin literal */
    SQL_T_PARAM,   /* ? */
    SQL_T_USERVAR, /* @name, @'name', @`name` as one token */
    SQL_T_SYSVAR,  /* the two characters @@ ; the name follows as words and dots */
    SQL_T_OP,      /* punctuation and operators; .word: enum sql_op */
    SQL_T_BAD,     /* unterminated string or comment, or a byte that starts no token */
};

/* Operators and punctuation. Word operators (AND, DIV, LIKE...) are SQL_T_WORD tokens; the tree uses these ids for both. */
enum sql_op {
    SQL_OP_NONE,
    SQL_OP_LPAREN, SQL_OP_RPAREN, SQL_OP_COMMA, SQL_OP_DOT, SQL_OP_SEMICOLON, SQL_OP_COLON, SQL_OP_LBRACE, SQL_OP_RBRACE,
    SQL_OP_EQ, SQL_OP_NSEQ /* <=> */, SQL_OP_NE, SQL_OP_LT, SQL_OP_LE, SQL_OP_GT, SQL_OP_GE,
    SQL_OP_PLUS, SQL_OP_MINUS, SQL_OP_STAR, SQL_OP_SLASH, SQL_OP_PERCENT, SQL_OP_DIV,
    SQL_OP_AMP, SQL_OP_PIPE, SQL_OP_CARET, SQL_OP_SHL, SQL_OP_SHR, SQL_OP_TILDE,
    SQL_OP_NOT /* NOT, and ! (flag SQL_E_BANG) */, SQL_OP_AND /* AND, && */, SQL_OP_OR /* OR, and || by default */, SQL_OP_XOR,
    SQL_OP_CONCAT /* || under PIPES_AS_CONCAT */, SQL_OP_BANG, SQL_OP_ANDAND, SQL_OP_OROR,
    SQL_OP_ASSIGN /* := */, SQL_OP_ARROW /* -> */, SQL_OP_ARROW2 /* ->> */, SQL_OP_ARROW_FAT /* => */, SQL_OP_AT,
    SQL_OP_LIKE, SQL_OP_REGEXP, SQL_OP_SOUNDS_LIKE, SQL_OP_MEMBER_OF,
    SQL_OP_IS_NULL, SQL_OP_IS_TRUE, SQL_OP_IS_FALSE, SQL_OP_IS_UNKNOWN, SQL_OP_IS_JSON,
    SQL_OP_NEG, SQL_OP_POS, SQL_OP_BINARY, SQL_OP_COLLATE, SQL_OP_INTERVAL_ADD, SQL_OP_INTERVAL_SUB,
};

struct sql_tok {
    uint32_t off, len; /* bytes in the text */
    uint8_t kind;      /* enum sql_tok_kind */
    uint8_t flags;     /* SQL_TF_* */
    uint16_t word;     /* enum sql_word for WORD, enum sql_op for OP */
};
enum {
    SQL_TF_SPACE_BEFORE = 1, /* white space or a comment stands before it: a function name needs none before '(' */
    SQL_TF_VERSIONED = 2,    /* inside a versioned comment, executed by servers of that version on */
    SQL_TF_ESCAPED = 4,      /* a quoted token with a backslash or doubled quote inside: needs sql_text() */
};

/* Keywords as an X-list (parser/keywords.h: X(SELECT, "SELECT", reserved)); SQL_W_SELECT and so on. 0: not a keyword. */
enum sql_word {
    SQL_W_NONE,
#define X(id, text, reserved) SQL_W_##id,
#include "parser/keywords.h"
#undef X
    SQL_W_COUNT
};

/* How text is to be read. */
struct sql_options {
    bool ansi_quotes, no_backslash_escapes, pipes_as_concat, ignore_space, high_not_precedence;
    bool mariadb;  /* versioned comments: the M! forms count */
    uint32_t version; /* of the server dialect, as 101100 or 80400: versioned comments up to it are read; 0: 101100 */
    uint8_t trail; /* enum sql_trail: client charsets whose trail bytes may be ASCII */
};
/* Lead/trail byte classes of client character sets (gbk, big5, sjis, cp932, gb18030): a trail byte may be 0x5c or 0x60. */
enum sql_trail { SQL_TRAIL_NONE, SQL_TRAIL_GBK, SQL_TRAIL_BIG5, SQL_TRAIL_SJIS, SQL_TRAIL_GB18030 };

/* What the token pass saw; lets the session decide without a parse. */
enum sql_seen {
    SQL_SEEN_USERVAR = 1 << 0,        /* @x anywhere */
    SQL_SEEN_SYSVAR = 1 << 1,         /* @@x */
    SQL_SEEN_LAST_INSERT_ID = 1 << 2, /* a call of LAST_INSERT_ID, or @@last_insert_id / @@identity */
    SQL_SEEN_FOUND_ROWS = 1 << 3,     /* FOUND_ROWS( */
    SQL_SEEN_CALC_FOUND_ROWS = 1 << 4,
    SQL_SEEN_ROW_COUNT = 1 << 5,
    SQL_SEEN_MORE = 1 << 6,           /* text follows the ';' that ends this statement */
    SQL_SEEN_PARAM = 1 << 7,
    SQL_SEEN_ASSIGN = 1 << 8,         /* := or INTO (user variables may change) */
    SQL_SEEN_LOCKFN = 1 << 9,         /* GET_LOCK, RELEASE_LOCK... or FOR UPDATE, LOCK IN SHARE MODE: see the tree */
    SQL_SEEN_BAD = 1 << 10,           /* a SQL_T_BAD token */
    SQL_SEEN_TEMPORARY = 1 << 11,     /* the word TEMPORARY */
};

/*
 * One scan, reused for statement after statement: keeps its memory, so that a steady state allocates nothing. {0} is
 * valid. toks[ntoks] is SQL_T_END. Bounded: more than SQL_MAX_TOKENS tokens fail.
 */
enum { SQL_MAX_TOKENS = 8 << 20, SQL_MAX_DEPTH = 200 /* nesting of expressions and queries */ };
struct sql_scan {
    const char *text; /* borrowed from the caller: where this statement starts (the caller's text + from) */
    uint32_t len;     /* bytes of this statement (up to, without, the ';') */
    uint32_t next;    /* in the caller's text: where the next statement starts (after the ';'); == its length when none */
    struct sql_tok *toks;
    uint32_t ntoks, cap;
    uint32_t seen; /* SQL_SEEN_* */
    uint32_t nparams;
    struct sql_options opt;
    /* The plan key: tokens with each literal value replaced by its kind; identifiers as spelled, keywords by id. Comments
     * and blanks do not count, the bytes do not depend on literal values. Not printable. */
    struct buf key;
    uint64_t hash; /* of key */
};
enum sql_status { SQL_OK, SQL_ERROR /* fault filled */, SQL_NOMEM /* fault filled: ER_OUT_OF_RESOURCES */ };

/* Tokens of the first statement in text[from..len). Lexical errors become SQL_T_BAD tokens, not failures. */
enum sql_status sql_scan(struct sql_scan *s, const char *text, size_t len, size_t from, const struct sql_options *opt) MUST_CHECK;
void sql_scan_release(struct sql_scan *s);

/* The bytes of a token as written. */
static inline struct str sql_tok_str(const struct sql_scan *s, uint32_t i)
{
    return (struct str){s->text + s->toks[i].off, s->toks[i].len};
}
/* The meaning of a name or string token: quotes off, escapes resolved (into the arena only when there are any). Hex and bin
 * literals give their bytes. Numbers as written. ptr NULL: out of memory. */
struct str sql_text(const struct sql_scan *s, uint32_t tok, struct arena *a);
struct sql_expr;
/* The same for a LITERAL or TEMPORAL node: adjacent strings joined. */
struct str sql_literal_text(const struct sql_scan *s, const struct sql_expr *e, struct arena *a);

/* Digest for people: literals as ?, lists of literals folded to (...), keywords in capitals, one blank between. */
void sql_digest(const struct sql_scan *s, struct buf *out);

/* ---- tree ------------------------------------------------------------------------------------------------ */

struct sql_span {
    uint32_t first, end; /* token indices, end exclusive */
};

/* The bytes of a span as written, comments inside included; empty for an empty span. */
static inline struct str sql_span_str(const struct sql_scan *s, struct sql_span sp)
{
    if (sp.end <= sp.first) return STR_NULL;
    const struct sql_tok *last = &s->toks[sp.end - 1];
    uint32_t from = s->toks[sp.first].off;
    return (struct str){s->text + from, last->off + last->len - from};
}

/* A possibly qualified name. Unquoted text. part counts from the right: name is always there. `tok` is the token of `name`. */
struct sql_name {
    struct str schema; /* or empty */
    struct str table;  /* only for columns: or empty */
    struct str name;
    struct sql_span span; /* of the whole qualified name */
    uint32_t tok;
};

enum sql_expr_kind {
    SQL_E_NULL, SQL_E_TRUE, SQL_E_FALSE,
    SQL_E_LITERAL, /* tok: the (first) literal token: INT DECIMAL FLOAT STRING NSTRING HEX BIN; adjacent strings span several */
    SQL_E_TEMPORAL,/* DATE '..' TIME '..' TIMESTAMP '..': word = SQL_W_DATE..., tok: the string token */
    SQL_E_PARAM,   /* op-less; index: number of the ? from 0 */
    SQL_E_COLUMN,  /* name */
    SQL_E_STAR,    /* * or t.* in a select list or COUNT(*): name.schema/table for a qualified one, name.name empty */
    SQL_E_USERVAR, /* name->name without @ */
    SQL_E_SYSVAR,  /* name->table = scope (global, session, local or empty), name->name */
    SQL_E_UNARY,   /* op: NOT NEG POS TILDE BINARY; args[0] */
    SQL_E_BINARY,  /* op; args[0..1]; comparison, logic, arithmetic, bit, ->, COLLATE (args[1] a COLUMN holding the name), LIKE with ESCAPE has args[2];
                   * INTERVAL_ADD and INTERVAL_SUB: one of the two is the INTERVAL (written before or behind the date) */
    SQL_E_IS,      /* op IS_NULL.. ; flag NOT */
    SQL_E_BETWEEN, /* args[0..2]; flag NOT */
    SQL_E_IN,      /* args[0], then the list, or query; flag NOT */
    SQL_E_ROW,     /* (a, b) or ROW(a, b) */
    SQL_E_PAREN,   /* (expr): args[0] */
    SQL_E_CALL,    /* function call: call */
    SQL_E_CASE,    /* args: [operand if flag SQL_EF_OPERAND] (when, then)* [else if flag SQL_EF_ELSE] */
    SQL_E_SUBQUERY,/* (SELECT ...): query */
    SQL_E_EXISTS,  /* query */
    SQL_E_QUANT,   /* args[0] op ALL/ANY query; word = SQL_W_ALL or SQL_W_ANY */
    SQL_E_INTERVAL,/* INTERVAL args[0] unit; word = unit */
    SQL_E_ASSIGN,  /* @x := args[1]; args[0] the USERVAR */
    SQL_E_DEFAULT, /* DEFAULT, or DEFAULT(col) with args[0] */
    SQL_E_VALUES,  /* VALUES(col) / VALUE(col): args[0] */
    SQL_E_MATCH,   /* MATCH (cols) AGAINST (expr mode): args[0..n-2] the columns, last the expr */
    SQL_E_NEXTVAL, /* NEXT VALUE FOR seq / NEXTVAL(seq), LASTVAL, PREVIOUS VALUE FOR: name; word tells which */
};
enum sql_expr_flag {
    SQL_EF_NOT = 1, SQL_EF_OPERAND = 2, SQL_EF_ELSE = 4, SQL_EF_BANG = 8,
    SQL_EF_AGGREGATE = 16,  /* on a CALL: an aggregate function without OVER */
    SQL_EF_HAS_AGGREGATE = 32, SQL_EF_HAS_SUBQUERY = 64, SQL_EF_HAS_WINDOW = 128, /* it or something below it (not into subqueries) */
    SQL_EF_HAS_ASSIGN = 256, SQL_EF_HAS_COLUMN = 512, SQL_EF_HAS_PARAM = 1024,
};

struct sql_expr {
    uint8_t kind; /* enum sql_expr_kind */
    uint8_t op;   /* enum sql_op */
    uint16_t flags;
    uint16_t word;
    uint16_t height; /* of the tree below, 1 for a leaf; bounded by the parser */
    uint32_t id;  /* from 0, dense over the statement: index for what later stages learn */
    uint32_t tok; /* literal token */
    uint32_t index;
    struct sql_span span;
    uint32_t nargs;
    struct sql_expr **args;
    union {
        const struct sql_name *name;
        struct sql_query *query;
        struct sql_call *call;
    };
};

struct sql_order_item {
    struct sql_expr *expr;
    bool desc;
};
struct sql_order {
    struct sql_order_item *items;
    uint32_t n;
    struct sql_span span; /* from ORDER to the last item */
};

/* Which function a call names, where the router cares. Everything else is OTHER. */
enum sql_fn {
    SQL_FN_OTHER, SQL_FN_COUNT, SQL_FN_SUM, SQL_FN_MIN, SQL_FN_MAX, SQL_FN_AVG, SQL_FN_GROUP_CONCAT, SQL_FN_BIT_AND, SQL_FN_BIT_OR,
    SQL_FN_BIT_XOR, SQL_FN_STD, SQL_FN_VARIANCE, SQL_FN_ANY_VALUE, SQL_FN_JSON_ARRAYAGG, SQL_FN_JSON_OBJECTAGG, SQL_FN_OTHER_AGGREGATE,
    SQL_FN_LAST_INSERT_ID, SQL_FN_FOUND_ROWS, SQL_FN_ROW_COUNT, SQL_FN_CONNECTION_ID, SQL_FN_DATABASE /* DATABASE(), SCHEMA() */,
    SQL_FN_USER /* USER() SESSION_USER() SYSTEM_USER() */, SQL_FN_CURRENT_USER, SQL_FN_VERSION,
    SQL_FN_RAND, SQL_FN_UUID /* UUID, UUID_SHORT */, SQL_FN_NOW /* NOW, SYSDATE, CURDATE...: the clock */, SQL_FN_SLEEP,
    SQL_FN_LOCK /* GET_LOCK, RELEASE_LOCK, RELEASE_ALL_LOCKS, IS_FREE_LOCK, IS_USED_LOCK */,
    SQL_FN_CAST /* CAST(x AS t), CONVERT(x, t) */, SQL_FN_CONVERT_USING, SQL_FN_WINDOW /* ROW_NUMBER, RANK, LAG...: only with OVER */,
    SQL_FN_WEIR /* WEIR_*() */
};
struct sql_call {
    struct sql_name name; /* schema for stored functions */
    enum sql_fn fn;
    bool distinct, star;  /* COUNT(DISTINCT ..), COUNT(*) */
    bool native;          /* written without blank before '(' or a keyword function: not a stored function by syntax alone */
    const struct sql_order *order;   /* GROUP_CONCAT(... ORDER BY ...) */
    const struct sql_window *over;   /* OVER (...) or OVER name */
    struct sql_span type;            /* CAST's type tokens */
    const struct sql_limit *limit;   /* GROUP_CONCAT(... LIMIT n) of MariaDB */
};
struct sql_window {
    struct str name;      /* WINDOW w AS (...) or the referenced one */
    struct sql_expr **partition;
    uint32_t npartition;
    const struct sql_order *order;
    struct sql_span span;
    struct str base;      /* WINDOW w AS (base ...); in OVER (base ...) the base is `name` */
};

/* ---- table references ---- */

enum sql_table_role {
    SQL_R_READ,       /* FROM, JOIN, subqueries */
    SQL_R_WRITE,      /* target of INSERT/REPLACE/UPDATE/DELETE/LOAD/TRUNCATE */
    SQL_R_DDL,        /* target of CREATE/ALTER/DROP/RENAME... (old name) */
    SQL_R_DDL_NEW,    /* RENAME ... TO, ALTER ... RENAME */
    SQL_R_REFERENCES, /* FOREIGN KEY ... REFERENCES, CREATE TABLE ... LIKE */
    SQL_R_OTHER       /* LOCK TABLES, ANALYZE..., SHOW ... FROM, DESCRIBE */
};
/* Every table name of the statement, in the order of the text, common table expressions left out where they hide a table. */
struct sql_table {
    struct sql_name name; /* schema, name; span: the tokens to replace */
    struct str alias;     /* or empty */
    bool has_alias;
    bool cte;             /* names a CTE in scope: no real table (still listed) */
    enum sql_table_role role;
    uint32_t id;          /* index in stmt->tables */
    struct sql_span alias_span; /* [AS] alias, empty when none (first == end: right after the name and PARTITION clause) */
    struct sql_query *query;    /* the query block it belongs to, NULL for UPDATE/DELETE/DDL targets */
    uint32_t lock;        /* LOCK TABLES: SQL_W_READ or SQL_W_WRITE */
    bool delete_name;     /* name in the list of a multi-table DELETE that refers to a reference (perhaps an alias) */
};

enum sql_ref_kind { SQL_J_TABLE, SQL_J_DERIVED, SQL_J_JOIN, SQL_J_FUNCTION /* JSON_TABLE(...) */ };
enum sql_join { SQL_JOIN_INNER /* also CROSS and comma */, SQL_JOIN_LEFT, SQL_JOIN_RIGHT };
struct sql_ref {
    enum sql_ref_kind kind;
    enum sql_join join;          /* JOIN */
    struct sql_span span;
    bool natural;                /* JOIN */
    bool lateral;                /* DERIVED */
    bool comma, parens;          /* JOIN written as a comma; in parentheses (span includes them) */
    uint32_t nusing, ncols;
    struct sql_table *table;     /* TABLE */
    struct sql_query *query;     /* DERIVED */
    struct str alias;            /* DERIVED, FUNCTION */
    struct sql_ref *left, *right;
    struct sql_expr *on;
    struct str *using_cols;
    struct str *cols;            /* DERIVED: alias (a, b) */
    struct sql_expr *arg;        /* FUNCTION: the document of JSON_TABLE */
};

/* ---- queries ---- */

struct sql_item { /* of a select list */
    struct sql_expr *expr;
    struct str alias;
    bool has_alias;
    struct sql_span span; /* expression and alias */
};
struct sql_limit {
    struct sql_expr *offset, *count; /* LITERAL INT, PARAM, or other in MariaDB procedures; offset may be NULL */
    struct sql_span span;            /* LIMIT ... ; also OFFSET .. FETCH (flag fetch) */
    bool fetch, with_ties;
};
struct sql_cte {
    struct str name;
    struct str *cols;
    uint32_t ncols;
    struct sql_query *query;
    bool recursive;
};
enum sql_query_kind { SQL_Q_SELECT, SQL_Q_SETOP, SQL_Q_VALUES /* VALUES (1),(2) */, SQL_Q_TABLE /* TABLE t */ };
enum sql_setop { SQL_UNION, SQL_UNION_ALL, SQL_INTERSECT, SQL_INTERSECT_ALL, SQL_EXCEPT, SQL_EXCEPT_ALL };
enum sql_select_flag {
    SQL_S_DISTINCT = 1, SQL_S_CALC_FOUND_ROWS = 2, SQL_S_STRAIGHT_JOIN = 4, SQL_S_FOR_UPDATE = 8, SQL_S_FOR_SHARE = 16,
    SQL_S_ROLLUP = 32 /* also CUBE */, SQL_S_INTO_VARS = 64, SQL_S_INTO_FILE = 128, SQL_S_PROCEDURE = 256, SQL_S_NO_CACHE = 512
};
struct sql_query {
    enum sql_query_kind kind;
    uint32_t id;           /* dense over the statement */
    struct sql_span span;  /* without enclosing parentheses */
    struct sql_query *parent; /* the query that encloses this one, or NULL */
    struct sql_cte *ctes;
    uint32_t nctes;
    /* SELECT */
    uint32_t flags;        /* SQL_S_* */
    struct sql_item *items;
    uint32_t nitems;
    struct sql_span items_span;
    struct sql_ref *from;  /* NULL: none (or DUAL) */
    struct sql_expr *where, *having;
    struct sql_order *group; /* GROUP BY items (MariaDB allows ASC/DESC there) */
    const struct sql_window *const *windows;
    uint32_t nwindows;
    /* SETOP: left op right, as the tree of precedence gives it */
    enum sql_setop setop;
    struct sql_query *left, *right;
    /* VALUES */
    struct sql_expr **rows; /* SQL_E_ROW each */
    uint32_t nrows;
    /* all */
    const struct sql_order *order;
    const struct sql_limit *limit;
    struct sql_table *table; /* SQL_Q_TABLE */
    struct sql_span lock_span; /* FOR UPDATE ... / LOCK IN SHARE MODE, empty when none */
    struct sql_span into_span; /* INTO ... , empty when none */
};

/* ---- statements ---- */

enum sql_stmt_kind {
    SQL_SELECT,   /* query: also set operations, VALUES, TABLE, WITH */
    SQL_INSERT, SQL_REPLACE, SQL_UPDATE, SQL_DELETE, SQL_LOAD,
    SQL_CREATE_TABLE, SQL_ALTER_TABLE, SQL_DROP_TABLE, SQL_TRUNCATE, SQL_RENAME_TABLE, SQL_CREATE_INDEX, SQL_DROP_INDEX,
    SQL_CREATE_DATABASE, SQL_DROP_DATABASE,
    SQL_TABLE_ADMIN, /* ANALYZE, CHECK, OPTIMIZE, REPAIR, CHECKSUM TABLE: word */
    SQL_CREATE_OTHER, /* view, trigger, procedure, function, event, sequence, user...: word = the object's keyword; CREATE, ALTER and DROP */
    SQL_SET, SQL_USE, SQL_SHOW, SQL_DESCRIBE /* table [column] */, SQL_EXPLAIN /* EXPLAIN / DESC / ANALYZE statement: inner */,
    SQL_BEGIN /* BEGIN, START TRANSACTION */, SQL_COMMIT, SQL_ROLLBACK, SQL_SAVEPOINT, SQL_ROLLBACK_TO, SQL_RELEASE_SAVEPOINT,
    SQL_XA, SQL_LOCK_TABLES, SQL_UNLOCK_TABLES, SQL_FLUSH, SQL_KILL, SQL_CALL, SQL_DO, SQL_HANDLER,
    SQL_PREPARE, SQL_EXECUTE, SQL_DEALLOCATE, SQL_GRANT /* GRANT, REVOKE */,
    SQL_WEIR,     /* EXPLAIN ROUTE stmt (word = SQL_W_ROUTE, inner), SHOW WEIR STATUS/SOURCES/... is SQL_SHOW with SQL_SHOW_WEIR */
    SQL_EMPTY,    /* nothing but blanks and comments */
    SQL_OTHER,    /* a statement whose grammar we do not read: tables are unknown, word = its first keyword */
};

struct sql_assign { /* col = expr */
    struct sql_expr *column; /* SQL_E_COLUMN */
    struct sql_expr *value;
    struct sql_span span;
};
struct sql_row {  /* (v, v, ...) of INSERT ... VALUES */
    struct sql_expr **values; /* may be SQL_E_DEFAULT */
    uint32_t n;
    struct sql_span span;     /* with its parentheses */
};
enum sql_dml_flag {
    SQL_D_IGNORE = 1, SQL_D_LOW_PRIORITY = 2, SQL_D_DELAYED = 4, SQL_D_HIGH_PRIORITY = 8, SQL_D_QUICK = 16,
    SQL_D_SET_FORM = 32 /* INSERT ... SET a=1: one row, columns and values from the assignments; span of the row: the assignments */,
    SQL_D_RETURNING = 64, SQL_D_MULTI = 128 /* several tables updated or deleted from, or a join */
};
struct sql_insert { /* INSERT and REPLACE */
    uint32_t flags;
    struct sql_table *table;
    struct sql_span columns_span; /* '(' .. ')' of the column list; empty when absent: then first == where it would stand */
    bool has_columns;
    struct sql_expr **columns;    /* SQL_E_COLUMN */
    uint32_t ncolumns;
    struct sql_row *rows;
    uint32_t nrows;
    struct sql_span rows_span;    /* from the first row's '(' to the last row's ')' */
    struct sql_query *query;      /* INSERT ... SELECT / TABLE */
    struct str row_alias;         /* VALUES ... AS new(a, b) */
    struct str *row_alias_cols;
    uint32_t nrow_alias_cols;
    struct sql_assign *update;    /* ON DUPLICATE KEY UPDATE */
    uint32_t nupdate;
    struct sql_span update_span;  /* ON ... to its end, empty when absent */
    struct sql_item *returning;
    uint32_t nreturning;
    struct sql_span returning_span;
};
struct sql_update {
    uint32_t flags;
    struct sql_ref *from;
    struct sql_assign *set;
    uint32_t nset;
    struct sql_expr *where;
    const struct sql_order *order;
    const struct sql_limit *limit;
    struct sql_cte *ctes;
    uint32_t nctes;
};
struct sql_delete {
    uint32_t flags;
    struct sql_table **targets; /* multi-table: names in the list (delete_name set); single: the table */
    uint32_t ntargets;
    struct sql_ref *from;       /* the table, or the join */
    struct sql_expr *where;
    const struct sql_order *order;
    const struct sql_limit *limit;
    struct sql_item *returning;
    uint32_t nreturning;
    struct sql_cte *ctes;
    uint32_t nctes;
};
struct sql_column_def { /* of CREATE TABLE and ALTER TABLE ADD/CHANGE/MODIFY */
    struct str name;
    struct str old_name;      /* CHANGE old new */
    struct sql_span span;     /* the whole definition */
    struct sql_span type;     /* its type tokens */
    struct sql_span auto_increment; /* that keyword, empty when absent */
    bool not_null, primary, unique;
    uint16_t action;          /* SQL_W_ADD, SQL_W_CHANGE, SQL_W_MODIFY, SQL_W_DROP, or 0 in CREATE TABLE */
};
struct sql_ddl {
    bool if_exists, if_not_exists, temporary, like, or_replace;
    struct sql_table **tables; /* targets; RENAME: old, new, old, new... */
    uint32_t ntables;
    struct sql_table *like_table;
    struct sql_column_def *columns;
    uint32_t ncolumns;
    struct str *primary_key; /* PRIMARY KEY (a, b) */
    uint32_t nprimary;
    struct sql_query *as;    /* CREATE TABLE ... [AS] SELECT */
    struct str index;        /* CREATE/DROP INDEX name */
    struct str database;     /* CREATE/DROP DATABASE */
    bool renames;            /* ALTER TABLE ... RENAME TO (its table in tables[1], role DDL_NEW) */
};
enum sql_set_kind { SQL_SET_VARIABLE, SQL_SET_USERVAR, SQL_SET_NAMES, SQL_SET_CHARSET, SQL_SET_TRANSACTION, SQL_SET_OTHER /* PASSWORD, ROLE... */ };
enum sql_scope { SQL_SCOPE_NONE, SQL_SCOPE_SESSION /* SESSION, LOCAL, @@session. */, SQL_SCOPE_GLOBAL, SQL_SCOPE_PERSIST, SQL_SCOPE_AT /* @@x without scope */ };
struct sql_set_item {
    enum sql_set_kind kind;
    enum sql_scope scope;
    struct str name;        /* variable without scope; NAMES/CHARSET: the character set ("default" for DEFAULT) */
    struct str collation;   /* NAMES ... COLLATE */
    struct str component;   /* hot_cache of @@global.hot_cache.key_buffer_size */
    struct sql_expr *value; /* NULL for NAMES, CHARSET, TRANSACTION */
    bool value_default;     /* = DEFAULT */
    uint16_t isolation;     /* TRANSACTION: SQL_W_READ_UNCOMMITTED.. as enum sql_isolation, 0 when absent */
    uint16_t access;        /* TRANSACTION: 1 read only, 2 read write, 0 absent */
    struct sql_span span;
};
enum sql_isolation { SQL_ISO_NONE, SQL_ISO_READ_UNCOMMITTED, SQL_ISO_READ_COMMITTED, SQL_ISO_REPEATABLE_READ, SQL_ISO_SERIALIZABLE };
enum sql_show {
    SQL_SHOW_OTHER, SQL_SHOW_TABLES, SQL_SHOW_TABLE_STATUS, SQL_SHOW_COLUMNS, SQL_SHOW_INDEX, SQL_SHOW_CREATE_TABLE, SQL_SHOW_CREATE_VIEW,
    SQL_SHOW_CREATE_DATABASE, SQL_SHOW_DATABASES, SQL_SHOW_VARIABLES, SQL_SHOW_STATUS, SQL_SHOW_WARNINGS, SQL_SHOW_ERRORS,
    SQL_SHOW_COUNT_WARNINGS /* SHOW COUNT(*) WARNINGS */, SQL_SHOW_COUNT_ERRORS, SQL_SHOW_PROCESSLIST, SQL_SHOW_ENGINES,
    SQL_SHOW_COLLATION, SQL_SHOW_CHARSET, SQL_SHOW_GRANTS, SQL_SHOW_PRIVILEGES, SQL_SHOW_PLUGINS, SQL_SHOW_TRIGGERS, SQL_SHOW_EVENTS,
    SQL_SHOW_FUNCTION_STATUS, SQL_SHOW_PROCEDURE_STATUS, SQL_SHOW_OPEN_TABLES, SQL_SHOW_WEIR
};
struct sql_show_stmt {
    enum sql_show what;
    bool full, global, extended;
    struct sql_table *table;  /* COLUMNS/INDEX/CREATE TABLE/DESCRIBE */
    struct str schema;        /* FROM/IN db */
    struct sql_span schema_span; /* FROM db, empty when absent */
    struct sql_expr *like;    /* LIKE 'pattern' */
    struct sql_expr *where;
    const struct sql_limit *limit; /* SHOW WARNINGS LIMIT */
    struct str topic;         /* SHOW WEIR <topic>; DESCRIBE table <column or wild> */
};
struct sql_txn {
    bool read_only, read_write, consistent_snapshot, chain, no_chain, release, no_release;
    struct str name; /* savepoint */
};
struct sql_file_format { /* FIELDS and LINES of LOAD DATA: the literals' tokens, 0 where absent */
    uint32_t charset, fields_terminated, fields_enclosed, fields_escaped, lines_starting, lines_terminated;
    bool optionally;
};
struct sql_stmt {
    enum sql_stmt_kind kind;
    uint16_t word;
    struct sql_span span;
    uint32_t nexprs, nqueries, nparams; /* how many ids were given */
    struct sql_table **tables;          /* every table name anywhere */
    uint32_t ntables;
    union {
        struct sql_query *query;
        struct sql_insert *insert;
        struct sql_update *update;
        struct sql_delete *del;
        struct sql_ddl *ddl;
        struct sql_show_stmt *show; /* SHOW and DESCRIBE */
        struct sql_txn *txn;
        struct { struct sql_set_item *items; uint32_t n; } set;
        struct { struct str schema; } use;
        struct { struct sql_stmt *inner; struct sql_span options; } explain; /* SQL_EXPLAIN, SQL_WEIR */
        struct { struct sql_expr *id; bool query, connection, query_id; } kill;
        struct { struct sql_name name; struct sql_expr **args; uint32_t nargs; } call;
        struct { struct str name; struct sql_expr *from; struct sql_expr **args; uint32_t nargs; } prepare; /* PREPARE, EXECUTE, DEALLOCATE */
        struct { struct sql_expr **exprs; uint32_t n; } exprs; /* DO */
        struct {
            bool local, replace, ignore;
            struct sql_table *table;
            struct sql_expr **columns; /* COLUMN or USERVAR */
            uint32_t ncolumns;
            struct sql_assign *set;
            uint32_t nset;
            bool xml, has_columns;
            struct sql_file_format format;
            uint32_t ignore_tok;          /* the n of IGNORE n LINES, 0: none */
            struct sql_span ignore_span;  /* IGNORE n LINES, or where it would stand */
            struct sql_span columns_span; /* '(' .. ')', or where it would stand */
            struct sql_span set_span;     /* SET ... , or where it would stand */
        } load;
    };
};

/*
 * Parses what was scanned. The tree lives in `a` and refers to the scan's text where names need no unescaping: it is valid while
 * both are. A syntax fault fills `f` with ER_PARSE_ERROR (1064, 42000) in MySQL's wording ("... near 'rest' at line N").
 * MySQL's ER_DERIVED_MUST_HAVE_ALIAS (1248) aside. Predictive, linear, depth capped at SQL_MAX_DEPTH, chains of operators other than AND and
 * OR at 1,000, joins at 256, set operations in a row at 1,000 (then ER_NOT_SUPPORTED_YET, 1235, naming the cap). Statements of unknown grammar
 * give SQL_OTHER, never an error; a known statement with a clause that cannot be read gives the error.
 */
enum sql_status sql_parse(const struct sql_scan *s, struct arena *a, struct sql_stmt **out, struct fault *f) MUST_CHECK;

/* A readable dump of the tree, for golden files and debugging: stable, one node a line, indented. */
void sql_dump(const struct sql_scan *s, const struct sql_stmt *st, struct buf *out);

/* Calls fn for each expression of the statement (or below e), parents before children, into subqueries too; stops when it returns
 * false. Depth is bounded by the parser's cap. */
typedef bool sql_visit(void *ctx, struct sql_expr *e);
bool sql_walk(const struct sql_stmt *st, sql_visit *fn, void *ctx);
bool sql_walk_expr(struct sql_expr *e, sql_visit *fn, void *ctx); /* subqueries included */

/* ---- edits --------------------------------------------------------------------------------------------------- */

/*
 * Splicing: tokens [first, end) are replaced by `text`; first == end inserts before token `first` (with a blank on both sides
 * where needed to keep tokens apart). Edits are sorted by first and do not overlap; several insertions at one place keep their order. Bytes
 * between edited tokens (comments, blanks) are copied as they are. No edits: identical bytes.
 */
struct sql_edit {
    struct sql_span span;
    struct str text;
};
void sql_render(const struct sql_scan *s, const struct sql_edit *edits, uint32_t n, struct buf *out);
/* The same for the part of the text of tokens [range.first, range.end). */
void sql_render_range(const struct sql_scan *s, struct sql_span range, const struct sql_edit *edits, uint32_t n, struct buf *out);

/*
 * The text with its i-th `?` replaced by literals[i] as it stands (quoted and escaped by the caller), a blank around it where two tokens would grow
 * together. For statements that the session answers itself: EXECUTE of what no server is asked. SQL_ERROR: there are not n `?`. SQL_NOMEM: out->failed.
 */
enum sql_status sql_bind_params(const struct sql_scan *s, const struct str *literals, uint32_t n, struct buf *out) MUST_CHECK;

/* Appends `name` with backticks where needed (always when `force`). */
void sql_put_name(struct buf *out, struct str name, bool force);
/* Appends a string literal in single quotes, escaped for the options given. Bytes are written as they are otherwise. */
void sql_put_string(struct buf *out, struct str text, const struct sql_options *opt);

#endif
