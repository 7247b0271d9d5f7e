/*
 * conf.h - the rule file: YAML -> one immutable, validated model in which every value knows its place.
 *
 *   file --conf_load--> struct conf (one arena) + diag (every fault, with line, column, cause and hint)
 *
 * conf describes; router/ compiles. The model never changes after conf_load; a reload makes a new one. Knows no SQL and opens
 * no socket. All texts live in conf->arena. The keys are one X-list (conf/keys.h) shared by the reader, `weir check`, the docs
 * and --help. conf/examples/ holds a sample for each kind of rule.
 */
#ifndef WEIR_CONF_H
#define WEIR_CONF_H

#include "base/base.h"

struct conf_pos {
    uint32_t line, column; /* from 1; 0: a default, not in the file */
};
struct conf_text {
    struct str value;
    struct conf_pos pos;
};

struct conf_address { /* "host:port", "[::1]:port" or "unix:/path" */
    struct conf_pos pos;
    struct str host; /* empty for a Unix socket */
    uint16_t port;
    struct str path; /* Unix socket */
};

struct conf_network { /* "10.0.0.0/8", "::1", "unix" */
    struct conf_pos pos;
    uint8_t address[16]; /* IPv4 as v4-mapped IPv6 */
    uint8_t bits;        /* of 128 */
    bool is_unix;        /* the word unix: Unix sockets */
};
enum conf_tls_version { CONF_TLS_1_2, CONF_TLS_1_3 };
enum conf_tls_mode { CONF_TLS_OFF, CONF_TLS_ON /* encrypted, not checked */, CONF_TLS_VERIFY_CA, CONF_TLS_VERIFY_IDENTITY };
struct conf_tls { /* paths are relative to the rule file; the files are read by proxy/net at start and reload */
    struct conf_pos pos;
    struct conf_text certificate, key, ca; /* empty: none */
    enum conf_tls_version min_version;
    enum conf_tls_mode mode;  /* sources only */
    struct conf_text name;    /* sources: host name that the certificate must carry; default the address' host */
};

/* ---- process ---- */

enum conf_log_level { CONF_LOG_DEBUG, CONF_LOG_INFO, CONF_LOG_WARN, CONF_LOG_ERROR };
enum conf_transactions {
    CONF_TXN_SINGLE,     /* a transaction that writes on a second server is refused */
    CONF_TXN_BEST_EFFORT /* it commits server by server */
};
struct conf_weir {
    struct conf_address *listen;
    uint32_t nlisten;
    uint32_t workers;            /* 0: one a core */
    struct conf_text server_version; /* empty: what the default source of the first schema says */
    uint64_t max_connections;    /* clients of the process */
    uint64_t max_packet;         /* bytes of one command (max_allowed_packet) */
    uint64_t max_statement_memory; /* bytes that a statement may hold in a merge */
    uint64_t max_plans;          /* entries of a worker's plan cache */
    uint64_t login_timeout_ms, connect_timeout_ms, wait_timeout_ms, statement_timeout_ms /* 0: none */, pool_wait_ms, drain_timeout_ms;
    uint64_t slow_statement_ms;  /* 0: none logged */
    enum conf_log_level log_level;
    bool log_json;
    struct conf_text log_file;   /* empty: stderr */
    bool allow_scatter;          /* false: a statement that would go to several shards is refused */
    enum conf_transactions transactions;
    /* where clients come from, and how */
    struct conf_tls tls;               /* weir.tls: our certificate toward clients; certificate empty: no TLS is offered */
    struct conf_network *proxy_from;   /* proxy_protocol: networks whose connections must begin with a PROXY header (v1 or v2) */
    uint32_t nproxy_from;
    bool compress_zlib, compress_zstd; /* compression: offered to clients (both by default) */
    uint64_t failed_logins;            /* this many failed logins of a host in a row, then each further answer waits failed_login_delay; 0: off */
    uint64_t failed_login_delay_ms;
    uint64_t max_prepared;             /* max_prepared_statements of the process (16382): ER_MAX_PREPARED_STMT_COUNT_REACHED beyond */
    uint64_t max_session_prepared;     /* ... and of one session (4096) */
    uint64_t max_server_prepared;      /* statements kept prepared on one server connection (100), least recently used go */
    uint64_t interactive_timeout_ms;   /* wait_timeout of clients that log in with INTERACTIVE, as the mysql program does */
};

/* ---- users ---- */

enum conf_require_tls { CONF_REQUIRE_NOTHING, CONF_REQUIRE_TLS, CONF_REQUIRE_CERTIFICATE /* one that weir.tls.ca signed */ };
enum conf_secret {
    CONF_SECRET_PLAIN,
    CONF_SECRET_NATIVE, /* '*' + 40 hex = SHA1(SHA1(pw)) */
    CONF_SECRET_SHA2,   /* '$A$005$' + salt + digest, as mysql.user holds it */
    CONF_SECRET_ED25519 /* 43 characters of base64: the public key, as MariaDB's mysql.user holds it (key client_ed25519) */
};
struct conf_user {
    struct conf_pos pos;
    struct str name;
    enum conf_secret secret_kind;
    struct str secret;  /* the password, or the hash as written; a password_file's first line is read at load */
    struct conf_text *schemas; /* allowed ones; nschemas == 0: all */
    uint32_t nschemas;
    uint64_t max_connections;  /* 0: no bound of its own */
    enum conf_require_tls require_tls; /* require_tls: no | yes | certificate */
    struct conf_network *allow, *deny; /* allow: only from these (none given: from anywhere); deny goes first */
    uint32_t nallow, ndeny;
};
/* May this user log in from there? address: 16 bytes, IPv4 v4-mapped; NULL: a Unix socket. */
bool conf_user_may_come(const struct conf_user *u, const uint8_t *address);
/* A network written as IPv6 holds no IPv4 address: ::/0 is all of IPv6, 0.0.0.0/0 all of IPv4. */
bool conf_network_has(const struct conf_network *n, const uint8_t *address);

/* ---- sources ---- */

struct conf_source {
    struct conf_pos pos;
    struct str name;
    uint32_t index;  /* in conf->sources */
    struct conf_address primary;
    struct conf_address *replicas; /* read and checked, not used yet */
    uint32_t nreplicas;
    struct str user, password;
    uint64_t max_connections, min_idle; /* of the whole process */
    uint64_t idle_timeout_ms;
    struct conf_tls tls;  /* mode off by default; certificate and key: ours toward the server */
    uint8_t compression;  /* 0 none, 1 zlib, 2 zstd (MySQL servers only; zlib elsewhere) */
};

/* ---- algorithms ---- */

enum conf_algorithm_type { CONF_ALG_MOD, CONF_ALG_HASH, CONF_ALG_RANGE, CONF_ALG_DATE, CONF_ALG_LIST };
enum conf_key_type { CONF_KEY_INTEGER, CONF_KEY_STRING, CONF_KEY_DATE /* DATE and DATETIME */, CONF_KEY_BINARY, CONF_KEY_DECIMAL };
enum conf_date_unit { CONF_DATE_YEAR, CONF_DATE_MONTH, CONF_DATE_DAY };
struct conf_range { /* [low, high), sorted by low, never overlapping; `shard` is always filled in */
    struct conf_pos pos;
    bool low_open, high_open; /* no bound on that side (written as null, min or max) */
    struct str low, high;     /* as written, checked against the key type */
    int64_t low_int, high_int; /* integer keys, INT64_MAX for what is above it; date keys: days since 1970-01-01 */
    uint32_t shard;
};
struct conf_list_entry {
    struct conf_pos pos;
    struct str *values; /* as written */
    uint32_t nvalues;
    uint32_t shard;
};
struct conf_algorithm {
    struct conf_pos pos;
    struct str name; /* of algorithms:, or empty when written inline */
    enum conf_algorithm_type type;
    enum conf_key_type key; /* how values of the shard column compare: given, or integer for mod, any for hash */
    bool key_given;
    uint64_t divisor;  /* mod: table count by default */
    struct conf_range *ranges;
    uint32_t nranges;
    enum conf_date_unit unit;
    struct str from, to; /* date: first day of the first shard, end (exclusive); YYYY-MM-DD */
    int32_t from_ordinal; /* first unit as a count: year, year*12+month-1, or days since 1970-01-01 */
    uint32_t units;       /* how many units the nodes cover */
    uint32_t units_a_shard; /* interval length, from 1 */
    struct conf_list_entry *lists;
    uint32_t nlists;
    bool case_sensitive; /* string keys: compare bytes exactly; default false: as a _ci collation would not split 'a' and 'A' */
};

/* ---- schemas ---- */

struct conf_node { /* one physical table */
    struct conf_pos pos;
    uint32_t source; /* index in conf->sources */
    struct str database, table;
};
struct conf_generated { /* a column filled from a sequence */
    struct conf_pos pos;
    struct str column;
    uint32_t sequence; /* index in conf->sequences */
};
enum conf_table_kind { CONF_TABLE_SINGLE, CONF_TABLE_BROADCAST, CONF_TABLE_SHARDED };
struct conf_table {
    struct conf_pos pos;
    struct str name;   /* logical */
    enum conf_table_kind kind;
    struct conf_node *nodes; /* SINGLE: 1; BROADCAST: one a source; SHARDED: shard index = position */
    uint32_t nnodes;
    struct str nodes_text; /* as written */
    struct conf_text *shard_columns;
    uint32_t nshard_columns;
    const struct conf_algorithm *algorithm; /* SHARDED: this table's own copy, divisor, to and units filled in for its nodes;
                                               conf->algorithms holds them as written */
    uint32_t group;    /* co-location group in the schema, from 1; 0: none. Same group: same nnodes, same source and database
                          at each position, equal algorithm. */
    struct conf_generated *generated; /* NULL: none */
};
struct conf_group {
    struct conf_pos pos;
    struct conf_text *tables;
    uint32_t ntables;
};
struct conf_schema {
    struct conf_pos pos;
    struct str name;
    uint32_t index;
    uint32_t default_source;
    struct str *databases; /* physical database of this schema on each source (by source index); default: the schema's name */
    struct conf_table *tables;
    uint32_t ntables;
    struct conf_group *groups;
    uint32_t ngroups;
};
struct conf_sequence { /* ids in segments, from a table on a source */
    struct conf_pos pos;
    struct str name;
    uint32_t index;
    uint32_t source;
    struct str database, table; /* default weir.weir_segments: row (name, max_id, step, description, update_time) */
    uint64_t step;
    uint64_t wait_ms; /* id_wait */
};

struct conf {
    struct arena arena;
    struct str file;
    uint64_t fingerprint; /* of what decides where rows live: nodes, algorithms, shard columns */
    struct conf_weir weir;
    struct conf_user *users;
    uint32_t nusers;
    struct conf_source *sources;
    uint32_t nsources;
    struct conf_algorithm *algorithms;
    uint32_t nalgorithms;
    struct conf_sequence *sequences;
    uint32_t nsequences;
    struct conf_schema *schemas;
    uint32_t nschemas;
};

/*
 * Reads and validates `path`. Every fault goes to `d` (initialised by the caller). NULL when there is an error (d->errors > 0);
 * warnings alone still give a model. The caller frees with conf_free.
 */
struct conf *conf_load(const char *path, struct diag *d) MUST_CHECK;
/* The same from memory; `name` stands for the file in faults. password_file paths are relative to the working directory
 * here, to the directory of the rule file in conf_load. */
struct conf *conf_load_text(struct str text, struct str name, struct diag *d) MUST_CHECK;
void conf_free(struct conf *c);
/* The effective model, defaults filled in, as YAML that conf_load reads back; secrets are shown as '***'. */
void conf_print(const struct conf *c, struct buf *out);
/* Reference of every key: name, type, default, meaning. For `weir help rules` and the docs. */
void conf_help(struct buf *out);

const struct conf_schema *conf_schema(const struct conf *c, struct str name); /* NULL when absent; case-sensitive as on Linux */
const struct conf_table *conf_table(const struct conf_schema *s, struct str name);
const struct conf_user *conf_user(const struct conf *c, struct str name);

/*
 * <0, 0, >0: the order of two boundaries or list values as ranges were checked by it; the router's keys have the same order.
 * Strings: by bytes without the spaces at the end, ASCII letters folded to lower case unless case_sensitive. Integers (-2^63 to
 * 2^64-1) and decimals by value, dates (YYYY-MM-DD) by bytes.
 */
int conf_key_compare(enum conf_key_type key, bool case_sensitive, struct str a, struct str b);

#endif
