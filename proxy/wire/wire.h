/*
 * wire.h - the MySQL client/server protocol as a codec: bytes <-> packets <-> fields, for both sides. No I/O, no state beyond
 * what a caller holds. Source: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
 * https://mariadb.com/kb/en/clientserver-protocol/.
 *
 *   packet:  | length u24 LE | sequence u8 | payload ... |     a payload of 0xffffff bytes is continued in the next packet
 *
 * Decoders return WIRE_OK, or WIRE_MALFORMED when a field overruns its packet or has an impossible value; results are views into the
 * caller's bytes. "payload" means the bytes after the header (of a continued packet: joined by the caller). Encoders named
 * wire_put_X append a whole packet (header and payload, split at 16 MB) to a buf and advance *seq; when the buf fails they leave its
 * length and *seq as they were. A NUL inside a NUL-terminated field (a user, a schema, a plugin) counts as such a failure.
 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include "base/base.h"
#include "proxy/wire/wire_lists.h"

enum wire_status { WIRE_OK, WIRE_MORE /* not all bytes are here yet */, WIRE_MALFORMED };
enum { WIRE_HEADER = 4, WIRE_MAX_PAYLOAD = 0xffffff };

#define X(id, value, name) WIRE_COM_##id = value,
enum wire_command { WIRE_COMMANDS(X) WIRE_COM_COUNT };
#undef X
#define X(id, value) WIRE_CAP_##id = (int)(value),
enum wire_capability { WIRE_CAPABILITIES(X) WIRE_CAP_NONE = 0 };
#undef X
#define X(id, value) WIRE_STATUS_##id = (int)(value),
enum wire_status_flag { WIRE_STATUS_FLAGS(X) WIRE_STATUS_NONE = 0 };
#undef X
#define X(id, value) WIRE_TYPE_##id = value,
enum wire_type { WIRE_TYPES(X) };
#undef X
#define X(id, value) WIRE_COLUMN_##id = value,
enum wire_column_flag { WIRE_COLUMN_FLAGS(X) };
#undef X
#define X(id, value, state) WIRE_ER_##id = value,
enum wire_error { WIRE_ERRORS(X) };
#undef X

const char *wire_command_name(uint8_t command); /* "Query", or "Unknown" */
const char *wire_error_state(uint16_t code);    /* SQLSTATE of WIRE_ERRORS, else "HY000" */

/* ---- framing --------------------------------------------------------------------------------------------- */

static inline uint32_t wire_u24(const void *p)
{
    const unsigned char *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

/* Appends payload as one or more packets (an exact multiple of 16 MB - 1 is closed by an empty one). */
void wire_put_packet(struct buf *out, uint8_t *seq, const void *payload, size_t n);
/* In place: wire_begin reserves a header and returns its offset; wire_end fills it in (splitting when the payload is too long). */
size_t wire_begin(struct buf *out);
void wire_end(struct buf *out, size_t begin, uint8_t *seq);

/* Length-encoded integers and strings. */
void wire_put_lenenc(struct buf *out, uint64_t v);
void wire_put_lenstr(struct buf *out, struct str s);
/* A cursor over one payload; `bad` sticks. Reads past the end set bad and give 0 / empty. */
struct wire_reader {
    const unsigned char *p, *end;
    bool bad;
};
static inline struct wire_reader wire_read(const void *p, size_t n)
{
    const unsigned char *b = p ? (const unsigned char *)p : (const unsigned char *)"";
    return (struct wire_reader){b, b + n, false};
}
static inline size_t wire_left(const struct wire_reader *r) { return (size_t)(r->end - r->p); }
uint64_t wire_get_uint(struct wire_reader *r, unsigned bytes);
uint64_t wire_get_lenenc(struct wire_reader *r);          /* 0xfb (NULL) sets bad */
struct str wire_get_lenstr(struct wire_reader *r);
struct str wire_get_bytes(struct wire_reader *r, size_t n);
struct str wire_get_z(struct wire_reader *r);             /* up to NUL, which is eaten; no NUL: bad */
struct str wire_get_rest(struct wire_reader *r);

/* ---- handshake and authentication --------------------------------------------------------------------------- */

enum { WIRE_NONCE = 20 };

struct wire_greeting { /* server -> client, protocol version 10 */
    struct str server_version;
    uint32_t thread_id;
    uint8_t nonce[WIRE_NONCE];
    uint32_t capabilities;
    uint8_t collation;
    uint16_t status;
    struct str auth_plugin; /* empty when the server has none */
};
void wire_put_greeting(struct buf *out, uint8_t *seq, const struct wire_greeting *g);
/* Also accepts an ERR packet in its place: see wire_is_err. */
enum wire_status wire_get_greeting(struct str payload, struct wire_greeting *g) MUST_CHECK;

struct wire_login { /* client -> server, HandshakeResponse41 */
    uint32_t capabilities;
    uint32_t max_packet;
    uint8_t collation;
    struct str user, auth, schema, auth_plugin; /* schema, auth_plugin may be empty */
    bool has_schema;
    struct str attributes; /* raw key/value list */
    uint8_t zstd_level;
    bool ssl_request;      /* the short packet that asks for TLS */
};
void wire_put_login(struct buf *out, uint8_t *seq, const struct wire_login *l);
/* Old clients (no PROTOCOL_41) give WIRE_MALFORMED. */
enum wire_status wire_get_login(struct str payload, struct wire_login *l) MUST_CHECK;

/* One pair of login.attributes or change_user.attributes: struct wire_reader r = wire_read(ptr, len). False at the end, or on what cannot
 * be (r.bad). */
bool wire_next_attribute(struct wire_reader *r, struct str *name, struct str *value) MUST_CHECK;

struct wire_change_user { /* COM_CHANGE_USER without its command byte */
    struct str user, auth, schema, auth_plugin, attributes;
    uint16_t collation;
};
enum wire_status wire_get_change_user(struct str payload, uint32_t capabilities, struct wire_change_user *c) MUST_CHECK;

void wire_put_auth_switch(struct buf *out, uint8_t *seq, struct str plugin, const uint8_t nonce[WIRE_NONCE]);
enum wire_status wire_get_auth_switch(struct str payload, struct str *plugin, struct str *data) MUST_CHECK; /* payload starts with 0xfe */
void wire_put_auth_more(struct buf *out, uint8_t *seq, struct str data); /* 0x01 + data */

/* Passwords. out sizes: native 20 bytes, sha2 32 bytes. An empty password answers with an empty auth response. */
void wire_native_scramble(struct str password, const uint8_t nonce[WIRE_NONCE], uint8_t out[20]);
/* stored: SHA1(SHA1(password)), 20 bytes. */
bool wire_native_check(struct str response, const uint8_t nonce[WIRE_NONCE], const uint8_t stored[20]);
bool wire_native_parse(struct str hex, uint8_t stored[20]); /* '*' + 40 hex digits */
void wire_native_hash(struct str password, uint8_t stored[20]);
void wire_sha2_scramble(struct str password, const uint8_t nonce[WIRE_NONCE], uint8_t out[32]);
/* fast path: stored = SHA256(SHA256(password)). */
bool wire_sha2_check(struct str response, const uint8_t nonce[WIRE_NONCE], const uint8_t stored[32]);
void wire_sha2_fast_hash(struct str password, uint8_t stored[32]);
/* Does the clear password fit a '$A$005$...' string of mysql.user (sha256-crypt, 5 * 1000 rounds)? */
bool wire_sha2_verify(struct str password, struct str authentication_string);
/* Random bytes from 1 to 127 without '$': a nonce. False: the generator failed. */
bool wire_nonce(uint8_t out[WIRE_NONCE]) MUST_CHECK;
/* RSA exchange of caching_sha2_password without TLS: the password, NUL-terminated, xored with the nonce, OAEP. */
struct wire_rsa; /* a 2048-bit key pair */
struct wire_rsa *wire_rsa_new(void);
void wire_rsa_free(struct wire_rsa *k);
struct str wire_rsa_public_pem(const struct wire_rsa *k);
bool wire_rsa_decrypt(const struct wire_rsa *k, struct str cipher, const uint8_t nonce[WIRE_NONCE], struct buf *password) MUST_CHECK;
bool wire_rsa_encrypt(struct str public_pem, struct str password, const uint8_t nonce[WIRE_NONCE], struct buf *cipher) MUST_CHECK;

/* client_ed25519 of MariaDB: the nonce has 32 bytes, the response 64 (a signature), the public key 32 (43 characters of base64 in mysql.user). */
enum { WIRE_ED25519_NONCE = 32, WIRE_ED25519_SIGNATURE = 64, WIRE_ED25519_KEY = 32 };
bool wire_ed25519_sign(struct str password, const uint8_t nonce[WIRE_ED25519_NONCE], uint8_t signature[WIRE_ED25519_SIGNATURE]) MUST_CHECK;
bool wire_ed25519_public(struct str password, uint8_t key[WIRE_ED25519_KEY]) MUST_CHECK;
bool wire_ed25519_parse(struct str base64, uint8_t key[WIRE_ED25519_KEY]) MUST_CHECK; /* 43 characters, without '=' */
bool wire_ed25519_check(struct str response, const uint8_t nonce[WIRE_ED25519_NONCE], const uint8_t key[WIRE_ED25519_KEY]) MUST_CHECK;
bool wire_nonce_bytes(uint8_t *out, size_t n) MUST_CHECK; /* as wire_nonce, any length */
/* Auth switch with data of any length (ed25519: 32 bytes and no NUL behind; mysql_clear_password: none). */
void wire_put_auth_switch_data(struct buf *out, uint8_t *seq, struct str plugin, struct str data);
/* The 32-byte packet that asks for TLS, before the login of the same capabilities. */
void wire_put_ssl_request(struct buf *out, uint8_t *seq, const struct wire_login *l);

/* ---- replies --------------------------------------------------------------------------------------------------- */

static inline bool wire_is_err(struct str payload) { return payload.len && (unsigned char)payload.ptr[0] == 0xff; }
/* 0x00 at the start, or, with DEPRECATE_EOF, 0xfe in a packet shorter than 16 MB - 1 at the end of rows. */
static inline bool wire_is_eof(struct str payload) { return payload.len > 0 && payload.len < 9 && (unsigned char)payload.ptr[0] == 0xfe; }

struct wire_ok {
    uint64_t affected, insert_id;
    uint16_t status, warnings;
    struct str info; /* human text, as "Rows matched: 1  Changed: 1  Warnings: 0" */
    struct str track; /* put: entries of wire_put_track_*, sent (with SESSION_STATE_CHANGED) when not empty and SESSION_TRACK is in force;
                         get: the entries, raw */
};
void wire_put_ok(struct buf *out, uint8_t *seq, uint32_t capabilities, const struct wire_ok *ok); /* header 0x00 */
/* The end of rows: OK with header 0xfe under DEPRECATE_EOF, else EOF. */
void wire_put_end(struct buf *out, uint8_t *seq, uint32_t capabilities, uint16_t status, uint16_t warnings);
void wire_put_eof(struct buf *out, uint8_t *seq, uint16_t status, uint16_t warnings);
/* wire_put_end with all that an OK can say (track, info); without DEPRECATE_EOF only status and warnings are sent. */
void wire_put_end_ok(struct buf *out, uint8_t *seq, uint32_t capabilities, const struct wire_ok *ok);
enum wire_status wire_get_ok(struct str payload, uint32_t capabilities, struct wire_ok *ok) MUST_CHECK; /* 0x00 and 0xfe headers */
enum wire_status wire_get_eof(struct str payload, uint16_t *status, uint16_t *warnings) MUST_CHECK;

struct wire_err {
    uint16_t code;
    char state[6];
    struct str message;
};
void wire_put_err(struct buf *out, uint8_t *seq, uint16_t code, const char *state, struct str message);
enum wire_status wire_get_err(struct str payload, struct wire_err *e) MUST_CHECK;

struct wire_column { /* ColumnDefinition41 */
    struct str catalog, schema, table, org_table, name, org_name;
    uint16_t collation;
    uint32_t length;
    uint8_t type;
    uint16_t flags;
    uint8_t decimals;
    struct str defaults; /* COM_FIELD_LIST only */
    bool has_defaults;
};
void wire_put_column(struct buf *out, uint8_t *seq, const struct wire_column *c);
enum wire_status wire_get_column(struct str payload, struct wire_column *c) MUST_CHECK;

/*
 * The packet before the definitions. Under OPTIONAL_RESULTSET_METADATA a byte behind the count says whether they follow; without that
 * capability they always do. Where they do not (SET resultset_metadata=NONE) the EOF behind them is still sent unless DEPRECATE_EOF is in force.
 */
void wire_put_column_count(struct buf *out, uint8_t *seq, uint32_t capabilities, uint64_t n, bool with_metadata);
enum wire_status wire_get_column_count(struct str payload, uint32_t capabilities, uint64_t *n, bool *with_metadata) MUST_CHECK;

/* Text rows: lenenc strings, 0xfb for NULL. Gives n views; ptr NULL means SQL NULL. Fields past `n` are an error, so are missing ones. */
enum wire_status wire_get_text_row(struct str payload, struct str *fields, uint32_t n) MUST_CHECK;
void wire_put_text_field(struct buf *out, struct str value); /* ptr NULL: SQL NULL; into an open wire_begin */

/* ---- prepared statements: the binary protocol ------------------------------------------------------------------------- */

struct wire_prepared { /* COM_STMT_PREPARE_OK */
    uint32_t id;
    uint16_t columns, params, warnings;
};
void wire_put_prepare_ok(struct buf *out, uint8_t *seq, const struct wire_prepared *p);
/* The same toward a client with OPTIONAL_RESULTSET_METADATA in force (a byte more; as wire_put_column_count). */
void wire_put_prepare_ok_optional(struct buf *out, uint8_t *seq, uint32_t capabilities, const struct wire_prepared *p, bool with_metadata);
enum wire_status wire_get_prepare_ok(struct str payload, struct wire_prepared *p) MUST_CHECK;

enum wire_cursor { WIRE_CURSOR_NONE = 0, WIRE_CURSOR_READ_ONLY = 1, WIRE_CURSOR_FOR_UPDATE = 2, WIRE_CURSOR_SCROLLABLE = 4,
                   WIRE_PARAMETER_COUNT_AVAILABLE = 8 };
enum { WIRE_PARAM_UNSIGNED = 0x8000 }; /* in a parameter's type, as on the wire */

struct wire_param {
    uint16_t type;    /* enum wire_type, with WIRE_PARAM_UNSIGNED */
    bool null;
    bool long_data;   /* its value came by COM_STMT_SEND_LONG_DATA: `value` is the caller's to fill */
    struct str value; /* bytes as on the wire, without the length before strings and dates */
};
struct wire_execute { /* COM_STMT_EXECUTE without its command byte */
    uint32_t id;
    uint8_t flags; /* enum wire_cursor */
    uint32_t iterations;
};
enum wire_status wire_get_execute_id(struct str payload, uint32_t *id) MUST_CHECK;
/*
 * `types`: one a parameter, kept by the caller between executes; *types_known says whether they were ever bound, and becomes true when the packet
 * brings them. A parameter whose long_data is set on entry has no bytes in the packet (params[i].long_data is the only field read). Query attributes
 * (QUERY_ATTRIBUTES in force) are read over and dropped. Types that are not known and needed, or an impossible type: WIRE_MALFORMED.
 */
enum wire_status wire_get_execute(struct str payload, uint32_t capabilities, uint16_t nparams, uint16_t *types, bool *types_known,
                                  struct wire_execute *x, struct wire_param *params) MUST_CHECK;
/* Always binds the types; never uses query attributes. */
void wire_put_execute(struct buf *out, uint8_t *seq, uint32_t id, uint8_t flags, const struct wire_param *params, uint16_t n);
/* COM_QUERY's payload behind the command byte, under QUERY_ATTRIBUTES: the attributes are read over, the text remains. */
enum wire_status wire_get_query(struct str payload, uint32_t capabilities, struct str *text) MUST_CHECK;

/* Binary rows: 0x00, NULL bitmap (offset 2), values. Gives n views of the values without length prefixes; ptr NULL: SQL NULL. types: enum wire_type. */
enum wire_status wire_get_binary_row(struct str payload, const uint8_t *types, struct str *fields, uint32_t n) MUST_CHECK;
/* One value behind its place in the packet (into an open wire_begin): fixed size as it is, others with their length. */
void wire_put_binary_value(struct buf *out, uint8_t type, struct str value);
/* A whole binary row from such views (one packet). */
void wire_put_binary_row(struct buf *out, uint8_t *seq, const uint8_t *types, const struct str *fields, uint32_t n);
/* Text of a binary value exactly as the text protocol of a server prints it, for every type (DOUBLE and FLOAT as MySQL prints them; dates with
 * `decimals` digits of fraction, 31 or more: as many as the value has). */
void wire_binary_to_text(uint8_t type, bool is_unsigned, uint8_t decimals, struct str value, struct buf *out);
/* The same by a column's definition, ZEROFILL included. */
void wire_column_to_text(const struct wire_column *c, struct str value, struct buf *out);
/* The other way: value bytes (without length prefix) appended to out. False: the text is not of that type. */
bool wire_text_to_binary(uint8_t type, bool is_unsigned, struct str text, struct buf *out) MUST_CHECK;
/* Text result set -> binary one: a row's packet from a text row's payload by its columns' definitions. False: nothing was appended. The
 * arena is not used. */
bool wire_text_row_to_binary(struct str payload, const struct wire_column *columns, uint32_t n, struct arena *a, struct buf *out, uint8_t *seq) MUST_CHECK;

/* ---- session state in OK packets (SESSION_TRACK) -------------------------------------------------------------------------- */

enum wire_track_kind { WIRE_TRACK_SYSTEM_VARIABLES = 0, WIRE_TRACK_SCHEMA = 1, WIRE_TRACK_STATE_CHANGE = 2, WIRE_TRACK_GTIDS = 3,
                       WIRE_TRACK_TRANSACTION_CHARACTERISTICS = 4, WIRE_TRACK_TRANSACTION_STATE = 5 };
/* Appends one entry to the list that goes into struct wire_ok.track. */
void wire_put_track_variable(struct buf *out, struct str name, struct str value);
void wire_put_track_text(struct buf *out, enum wire_track_kind kind, struct str text); /* schema name, "1", transaction state or characteristics */
/*
 * Walks such a list: struct wire_reader r = wire_read(ok.track.ptr, ok.track.len); struct wire_track t = {0}; while (wire_next_track(&r, &t)) ...
 * One call a change (an entry of several variables gives as many). False at the end, or on what cannot be (r.bad).
 */
struct wire_track {
    uint8_t kind;      /* enum wire_track_kind, or one that we do not know */
    struct str name;   /* of a variable, else empty */
    struct str value;  /* of a variable, or the text; of an unknown kind: the raw data */
    struct wire_reader pairs; /* the walk's own */
};
bool wire_next_track(struct wire_reader *r, struct wire_track *t) MUST_CHECK;

/* ---- following a reply without decoding it ------------------------------------------------------------------------- */

/*
 * Relays need to know where a server's reply ends, nothing more: wire_follow walks packet headers over chunks of any size and stops
 * right behind the last byte of the reply. Column definitions and rows are skipped by length; only the first byte(s) of each
 * packet are looked at. After done: what the terminal packet said.
 *
 * Hot path: keep it small and inline what pays. Payloads of OK/EOF/ERR packets that straddle chunks are collected in `tail` (at most 512 bytes of
 * them are kept; longer messages are cut for our use, the relay is not). When `failed`, tail[0..ntail) is the ERR payload wherever it lay.
 *
 * init expects the reply of a one-packet command: after a command of n packets (16 MB and more) set seq = n. After LOCAL_INFILE the
 * caller relays the client's file, then sets state = WIRE_F_FIRST and seq to that of the server's answer. A packet of ours may be
 * put between the server's only when !in_payload, !continued and nhead == 0.
 */
enum wire_follow_kind { WIRE_FOLLOW_QUERY /* COM_QUERY */, WIRE_FOLLOW_OK /* one OK/ERR/EOF packet */, WIRE_FOLLOW_FIELDS /* COM_FIELD_LIST */,
                        WIRE_FOLLOW_TEXT /* COM_STATISTICS: one packet of any kind */,
                        WIRE_FOLLOW_PREPARE /* COM_STMT_PREPARE: OK with counts, parameter and column definitions with their EOFs */,
                        WIRE_FOLLOW_FETCH /* COM_STMT_FETCH: rows and an end */,
                        WIRE_FOLLOW_EXECUTE /* COM_STMT_EXECUTE that asks for a cursor: as QUERY; a result whose EOF or OK behind the definitions
                                               says CURSOR_EXISTS (and not MORE_RESULTS_EXISTS) has no rows. One that asks for none: QUERY */ };
enum wire_follow_state { WIRE_F_FIRST, WIRE_F_COLUMNS, WIRE_F_COLUMNS_EOF, WIRE_F_ROWS, WIRE_F_DONE, WIRE_F_BAD,
                         WIRE_F_LOCAL_INFILE /* server asks for a file */ };
struct wire_follow {
    uint32_t capabilities;     /* in force on that connection */
    uint8_t kind, state;
    uint8_t seq;               /* expected next; a mismatch is WIRE_F_BAD */
    bool in_payload, continued; /* inside a packet; the packet so far was full (16 MB - 1) */
    uint32_t left;             /* payload bytes still to come */
    uint64_t columns_left;
    uint64_t columns, rows;    /* seen in this result set */
    uint32_t results;          /* result sets finished (with MORE_RESULTS_EXISTS) */
    bool failed;               /* the reply ended in an ERR packet */
    bool is_resultset;         /* the last one had columns */
    uint16_t status, warnings; /* of the last OK or EOF */
    uint8_t lists;             /* PREPARE: lists of definitions begun or passed over (0 to 2) */
    bool bare;                 /* this result set, or this PREPARE's reply, is one without definitions (resultset_metadata=NONE) */
    uint64_t affected, insert_id;
    uint16_t error;
    uint8_t head[4];           /* a header that straddles chunks */
    uint8_t nhead;
    uint8_t part;              /* of a packet that straddles chunks: what happens to the rest of it (follow.c) */
    uint16_t ntail;
    uint8_t tail[512];         /* from here on init leaves all as it is */
    struct wire_prepared prepared; /* PREPARE, when done and not failed */
};
void wire_follow_init(struct wire_follow *f, enum wire_follow_kind kind, uint32_t capabilities);
/* Consumes up to n bytes; returns how many belong to the reply (n unless state became DONE, BAD or LOCAL_INFILE). */
size_t wire_follow_feed(struct wire_follow *f, const void *p, size_t n);

/*
 * Gathers whole packets out of chunks, for those who must look inside (logins, merges). Returns WIRE_OK and a payload view (into the chunk
 * when it lies whole in it, into `store` when it was joined), WIRE_MORE when the chunk is used up, WIRE_MALFORMED on a bad sequence number
 * (only when check_seq), a packet over `max` (too_large) or when memory ran out (store.failed). *used bytes of the chunk were consumed.
 *
 * {0} is ready; set max, seq, check_seq. The store keeps what the largest joined payload needed until it is released: an idle
 * connection calls wire_gather_release, which keeps max, seq and check_seq.
 */
struct wire_gather {
    struct buf store;
    uint64_t max;       /* bytes of a joined payload; 0: no bound */
    uint8_t seq;        /* of the last packet seen, +1 */
    bool check_seq;
    bool too_large;     /* set when max was the reason */
    bool taken;         /* store holds a payload already given out: dropped at the next call */
    bool joining;       /* store holds a payload in progress */
    bool in_packet;     /* the header of a packet is read, `left` bytes of it are to come */
    bool last_full;     /* ... and it is a full one (16 MB - 1): the payload goes on in the next packet */
    uint8_t nhead, head[4];
    uint32_t left;
};
enum wire_status wire_gather_next(struct wire_gather *g, const void *p, size_t n, size_t *used, struct str *payload) MUST_CHECK;
void wire_gather_release(struct wire_gather *g);

/* ---- character sets ---------------------------------------------------------------------------------------------------- */

struct wire_charset { /* one collation */
    uint16_t id;
    const char *collation, *charset;
    uint8_t max_bytes;  /* of one character */
    bool is_default;    /* of its character set */
};
const struct wire_charset *wire_charset_by_id(uint16_t id); /* NULL: unknown */
const struct wire_charset *wire_charset_by_collation(struct str name);
const struct wire_charset *wire_charset_default(struct str charset);

#endif
