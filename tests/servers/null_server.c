/*
 * null_server.c - a MySQL server that computes nothing, for benches: what is left to measure is the proxy.
 *
 *   recv -> whole packets -> look at the text -> a ready array of bytes -> send
 *
 * One thread, level-triggered epoll, one recv and one send a statement. Any login is accepted. A SELECT is
 * answered from its own text: the columns are those of its select list (so that columns that a proxy adds
 * come back too), the number of rows follows from the name of the first table after FROM:
 *
 *   ...rows100, ...rows25k     that many rows (a number right after "rows", k for thousands)
 *   ...order...                as many as the LIMIT asks for, 20 without one
 *   any other                  1 row
 *   no FROM                    1 row; @@version, VERSION(), @@sql_mode and their like get a fitting value
 *   information_schema         the columns below, for every table whose name the statement mentions
 *
 * and LIMIT lowers it. Every table is sbtest's: id int, k int, c char(120), pad char(60). The integer of row
 * r is offset + r * stride; one process may be several servers on ports of their own (--servers n), whose
 * offsets are 0..n-1 and stride n: so they hold interleaved rows, a merge of them is the sequence 0, 1, 2...
 * and a load generator can check it. (In one process, because n processes on one core would cost the proxy n
 * wake-ups instead of one.) Everything else that is SQL gets OK with one row affected.
 *
 * Prepared statements are answered in the same way, with binary rows of the same values; their parameters are not read (so a LIMIT ? is
 * taken for no LIMIT).
 *
 * A reply is built once per (select list, rows, flags) and kept; a reply larger than the socket buffer is
 * sent as the client takes it, and nothing more is read from that client meanwhile.
 */
#include "mini.h"
#include "null_text.h"

#include <getopt.h>
#include <sys/epoll.h>

enum {
    READ_SIZE = 65536,
    MAX_INPUT = 80 << 20, /* a 64 MB statement fits */
    REPLIES = 1024,
    MAX_COLUMNS = 64
};

struct reply { /* kept for the life of the process */
    char *list;
    uint32_t list_len, hash;
    uint32_t rows, flags;
    struct mb bytes;
};

struct stmt { /* prepared; text NULL: the number is free */
    char *text;
    size_t len;
    const struct reply *reply; /* what it was answered last */
    uint32_t flags;            /* ... under these */
};

struct conn {
    int fd;
    uint32_t caps, thread_id;
    uint16_t status;
    uint8_t server;     /* which of --servers */
    bool listens;       /* no connection but a listener */
    bool greeted;       /* logged in: commands follow */
    const uint8_t *out; /* what is still to be sent */
    size_t out_len;
    uint8_t *owned; /* the array behind `out` when no reply of the table is */
    struct mb in;   /* an incomplete packet, or commands that came while a reply was being sent */
    struct stmt *stmts; /* by number - 1 */
    uint32_t nstmts;
};

static struct {
    const char *version, *address, *tables;
    long offset, stride, servers;
    bool cap_deprecate;
} opt = {"8.0.36", "127.0.0.1:0", "sbtest1", 0, 0, 1, true};

enum { STMT_PREPARE = 0x16, STMT_EXECUTE = 0x17, STMT_SEND_LONG_DATA = 0x18, STMT_CLOSE = 0x19, STMT_RESET = 0x1a };

static struct reply *replies[REPLIES];
static const struct reply *last_reply; /* the kept one that was sent just now, NULL when it was built for itself */
static unsigned nreplies;
static uint64_t nqueries, nconnections;
static int ep;
static uint8_t shared[READ_SIZE];
static struct mb scratch; /* small replies that are built anew */

/* ---- columns and values ---- */

enum kind { K_INT, K_COUNT, K_C, K_PAD, K_WEIGHT, K_TEXT };
struct column {
    char name[128];
    char source[64]; /* the first word of the item: what an alias stands for */
    enum kind kind;
    const char *fixed; /* a value that all rows share, or NULL */
};

/* What a select item is called: the alias, or the item itself without its table and backticks. */
static void column_name(struct text item, char *name, size_t cap)
{
    while (item.end > item.p && isspace((unsigned char)item.end[-1])) item.end--;
    const char *p = item.end;
    if (p > item.p && p[-1] == '`') {
        p--;
        while (p > item.p && p[-1] != '`') p--;
        item.end--;
    } else {
        while (p > item.p && is_word(p[-1])) p--;
        if (p == item.end)
            p = item.p; /* ends in a bracket: an expression */
        else if (p > item.p && p[-1] != '.' && !isspace((unsigned char)p[-1]))
            p = item.p; /* 1+id */
    }
    size_t n = (size_t)(item.end - p);
    if (n >= cap) n = cap - 1;
    memcpy(name, p, n);
    name[n] = 0;
}

static const char *system_value(struct text item)
{
    static const struct {
        const char *part, *value;
    } known[] = {{"version_comment", "Weir null server"},
                 {"version", NULL},
                 {"sql_mode",
                  "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_"
                  "BY_ZERO,NO_ENGINE_SUBSTITUTION"},
                 {"character_set", "utf8mb4"},
                 {"collation", "utf8mb4_general_ci"},
                 {"time_zone", "SYSTEM"},
                 {"isolation", "REPEATABLE-READ"},
                 {"max_allowed_packet", "67108864"},
                 {"lower_case_table_names", "0"},
                 {"autocommit", "1"},
                 {"timeout", "28800"},
                 {"database()", "bench"},
                 {"schema()", "bench"},
                 {"user", "bench@localhost"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (contains(item, known[i].part)) return known[i].value ? known[i].value : opt.version;
    return "1";
}

static void column_of(struct text item, bool has_table, struct column *col)
{
    skip_space(&item);
    column_name(item, col->name, sizeof col->name);
    size_t n = 0;
    while (n + 1 < sizeof col->source && item.p + n < item.end && is_word(item.p[n])) n++;
    memcpy(col->source, item.p, n);
    col->source[n] = 0;
    if (contains(item, " IS NOT NULL")) strcpy(col->source, "0");
    col->fixed = NULL;
    if (contains(item, "weight_string"))
        col->kind = K_WEIGHT;
    else if (starts(item, "count(") || starts(item, "sum(") || starts(item, "max(") || starts(item, "min("))
        col->kind = K_COUNT;
    else if (strcasecmp(col->name, "c") == 0)
        col->kind = K_C;
    else if (strcasecmp(col->name, "pad") == 0)
        col->kind = K_PAD;
    else if (has_table)
        col->kind = K_INT;
    else {
        col->kind = K_TEXT;
        col->fixed = system_value(item);
    }
}

/* Splits the select list at its outer commas; `*` is the four columns of the table. */
static unsigned columns_of(struct text list, bool has_table, struct column *cols)
{
    unsigned n = 0;
    int depth = 0;
    const char *from = list.p;
    skip_space(&list);
    if (starts(list, "*")) list = (struct text){"id,k,c,pad", NULL}, list.end = list.p + 10, from = list.p;
    for (const char *p = list.p;; p++) {
        if (p == list.end || (*p == ',' && depth == 0)) {
            column_of((struct text){from, p}, has_table, &cols[n++]);
            if (p == list.end || n == MAX_COLUMNS) return n;
            from = p + 1;
        } else if (*p == '(') {
            depth++;
        } else if (*p == ')') {
            depth--;
        } else if (*p == '\'' || *p == '"' || *p == '`') {
            const char *close = memchr(p + 1, *p, (size_t)(list.end - p - 1));
            if (close) p = close;
        }
    }
}

static const char c_value[] =
    "68487932199-96439406143-93774651418-41631865787-96406072701-20604855487-25459966574-"
    "28203206787-41238978918-19503783441";
static const char pad_value[] = "22195207048-70116052123-74140395089-76317954521-98694025897.";

/* Flags of a reply: the status bits it carries, whether the client does without EOF, and the server it asked.
 */
enum { FLAG_DEPRECATE = 0x10000, FLAG_BINARY = 0x20000, FLAG_SERVER = 20 /* from this bit on: which of --servers */ };

static void put_value(struct mb *b, const struct column *col, long key)
{
    char text[32];
    int n;
    if (col->fixed) {
        mb_lenz(b, col->fixed);
        return;
    }
    switch (col->kind) {
    case K_INT:
    case K_COUNT:
        n = snprintf(text, sizeof text, "%ld", key);
        mb_lenstr(b, text, (size_t)n);
        return;
    case K_WEIGHT: /* ascends with the key in any binary order */
        n = snprintf(text, sizeof text, "%016ld", key);
        mb_lenstr(b, text, (size_t)n);
        return;
    case K_C: mb_lenstr(b, c_value, sizeof c_value - 1); return;
    case K_PAD: mb_lenstr(b, pad_value, sizeof pad_value - 1); return;
    case K_TEXT: mb_lenz(b, "1"); return;
    }
}

/* A binary row: a null byte, a bitmap of NULLs (there are none), the values. */
static void put_binary(struct mb *b, const struct column *cols, unsigned n, long key)
{
    mb_zero(b, 1 + (n + 9) / 8);
    for (unsigned i = 0; i < n; i++) {
        if (!cols[i].fixed && (cols[i].kind == K_INT || cols[i].kind == K_COUNT)) mb_le(b, (uint64_t)key, cols[i].kind == K_INT ? 4 : 8);
        else put_value(b, &cols[i], key);
    }
}

static void put_columns(struct mb *b, uint8_t *seq, const struct column *cols, unsigned n, bool has_table)
{
    const char *table = has_table ? "sbtest1" : "";
    unsigned utf8 = strstr(opt.version, "MariaDB") ? 45 : 255;
    for (unsigned i = 0; i < n; i++) {
        switch (cols[i].kind) {
        case K_INT:
            mini_column(b, seq, table, cols[i].name, 3, 63, 11, strcmp(cols[i].name, "id") == 0 ? 3 : 1);
            break;
        case K_COUNT: mini_column(b, seq, "", cols[i].name, 8, 63, 21, 1); break;
        case K_C: mini_column(b, seq, table, cols[i].name, 254, utf8, 480, 1); break;
        case K_PAD: mini_column(b, seq, table, cols[i].name, 254, utf8, 240, 1); break;
        case K_WEIGHT: mini_column(b, seq, "", cols[i].name, 253, 63, 480, 128); break;
        case K_TEXT: mini_column(b, seq, "", cols[i].name, 253, utf8, 1024, 0); break;
        }
    }
}

static void put_header(struct mb *b, uint8_t *seq, const struct column *cols, unsigned n, bool has_table,
                       uint32_t flags)
{
    size_t at = mb_begin(b);
    mb_lenenc(b, n);
    mb_end(b, at, seq);
    put_columns(b, seq, cols, n, has_table);
    if (!(flags & FLAG_DEPRECATE)) mini_eof(b, seq, flags & 0xffff);
}

static void put_end(struct mb *b, uint8_t *seq, uint32_t flags)
{
    if (flags & FLAG_DEPRECATE)
        mini_ok(b, seq, 0xfe, 0, 0, flags & 0xffff, NULL);
    else
        mini_eof(b, seq, flags & 0xffff);
}

static void build_rows(struct mb *b, struct text list, bool has_table, uint32_t rows, uint32_t flags)
{
    struct column cols[MAX_COLUMNS];
    unsigned n = columns_of(list, has_table, cols);
    uint8_t seq = 1;
    put_header(b, &seq, cols, n, has_table, flags);
    long key = opt.offset + (long)(flags >> FLAG_SERVER);
    for (uint32_t r = 0; r < rows; r++, key += opt.stride) {
        size_t at = mb_begin(b);
        if (flags & FLAG_BINARY) put_binary(b, cols, n, key);
        else for (unsigned i = 0; i < n; i++) put_value(b, &cols[i], key);
        mb_end(b, at, &seq);
    }
    put_end(b, &seq, flags);
}

/* ---- information_schema, as far as a proxy asks for columns and keys of tables ---- */

static const struct {
    const char *name, *data_type, *column_type, *key, *chars, *bytes, *digits, *collation, *charset;
} table_columns[] = {{"id", "int", "int(11)", "PRI", NULL, NULL, "10", NULL, NULL},
                     {"k", "int", "int(11)", "MUL", NULL, NULL, "10", NULL, NULL},
                     {"c", "char", "char(120)", "", "120", "480", NULL, "utf8mb4_general_ci", "utf8mb4"},
                     {"pad", "char", "char(60)", "", "60", "240", NULL, "utf8mb4_general_ci", "utf8mb4"}};

/* The quoted words of a statement, in their order. */
static unsigned quoted_words(struct text t, char words[][80], unsigned cap)
{
    unsigned n = 0;
    for (const char *p = t.p; p < t.end && n < cap; p++) {
        if (*p != '\'' && *p != '"') continue;
        const char *close = memchr(p + 1, *p, (size_t)(t.end - p - 1));
        if (!close) break;
        size_t len = (size_t)(close - p - 1);
        if (len >= 80) len = 79;
        memcpy(words[n], p + 1, len);
        words[n++][len] = 0;
        p = close;
    }
    return n;
}

static const char *schema_value(const char *name, const char *schema, const char *table, unsigned i,
                                char *number)
{
    if (strcasecmp(name, "TABLE_SCHEMA") == 0 || strcasecmp(name, "SCHEMA_NAME") == 0) return schema;
    if (strcasecmp(name, "TABLE_NAME") == 0) return table;
    if (strcasecmp(name, "COLUMN_NAME") == 0) return table_columns[i].name;
    if (strcasecmp(name, "DATA_TYPE") == 0) return table_columns[i].data_type;
    if (strcasecmp(name, "COLUMN_TYPE") == 0) return table_columns[i].column_type;
    if (strcasecmp(name, "COLUMN_KEY") == 0) return table_columns[i].key;
    if (strcasecmp(name, "COLLATION_NAME") == 0) return table_columns[i].collation;
    if (strcasecmp(name, "CHARACTER_SET_NAME") == 0) return table_columns[i].charset;
    if (strcasecmp(name, "CHARACTER_MAXIMUM_LENGTH") == 0) return table_columns[i].chars;
    if (strcasecmp(name, "CHARACTER_OCTET_LENGTH") == 0) return table_columns[i].bytes;
    if (strcasecmp(name, "NUMERIC_PRECISION") == 0) return table_columns[i].digits;
    if (strcasecmp(name, "NUMERIC_SCALE") == 0) return table_columns[i].digits ? "0" : NULL;
    if (strcasecmp(name, "DATETIME_PRECISION") == 0 || strcasecmp(name, "COLUMN_DEFAULT") == 0) return NULL;
    if (strcasecmp(name, "IS_NULLABLE") == 0) return "NO";
    if (strcasecmp(name, "TABLE_TYPE") == 0) return "BASE TABLE";
    if (strcasecmp(name, "INDEX_NAME") == 0 || strcasecmp(name, "CONSTRAINT_NAME") == 0) return "PRIMARY";
    if (strcasecmp(name, "NON_UNIQUE") == 0 || strcmp(name, "0") == 0)
        return "0"; /* x IS NOT NULL: no column has a default */
    if (strcasecmp(name, "SEQ_IN_INDEX") == 0) return "1";
    if (strcasecmp(name, "EXTRA") == 0 || strcasecmp(name, "COLUMN_COMMENT") == 0 ||
        strcasecmp(name, "GENERATION_EXPRESSION") == 0)
        return "";
    snprintf(number, 16, "%u", i + 1); /* ORDINAL_POSITION and expressions */
    return number;
}

static void build_information_schema(struct mb *b, struct text t, struct text list, const char *view,
                                     uint32_t flags)
{
    static char words[4096][80];
    struct column cols[MAX_COLUMNS];
    unsigned n = columns_of(list, false, cols), per_table = 0;
    const char *order = find_word(t, "ORDER");
    if (order) t.end = order;
    bool whole_schema = false;
    unsigned nwords = quoted_words(t, words, sizeof words / sizeof *words);
    if (strncasecmp(view, "COLUMNS", 7) == 0)
        per_table = 4;
    else if (strncasecmp(view, "STATISTICS", 10) == 0 || strncasecmp(view, "TABLES", 6) == 0 ||
             strncasecmp(view, "KEY_COLUMN", 10) == 0)
        per_table = 1;
    for (unsigned i = 0; i < n; i++) cols[i].fixed = NULL, cols[i].kind = K_TEXT;
    uint8_t seq = 1;
    put_header(b, &seq, cols, n, false, flags);
    /* Pairs of words are (schema, table); a single schema has the tables of --tables. */
    if (nwords < 2) {
        if (!nwords) snprintf(words[0], sizeof words[0], "bench");
        nwords = 1;
        for (const char *p = opt.tables; *p && nwords < sizeof words / sizeof *words;) {
            size_t len = strcspn(p, ",");
            snprintf(words[nwords++], sizeof *words, "%.*s", (int)len, p);
            p += len + (p[len] == ',');
        }
        whole_schema = true;
    }
    const char *by_name = find_word(t, "TABLE_NAME");
    bool pairs = !whole_schema && ((by_name && contains((struct text){by_name, t.end}, "TABLE_SCHEMA")) ||
                                   contains(t, "((") || nwords == 2);
    for (unsigned w = 1; w < nwords; w += pairs ? 2 : 1) {
        for (unsigned i = 0; i < per_table; i++) {
            size_t at = mb_begin(b);
            for (unsigned c = 0; c < n; c++) {
                char number[16];
                const char *v = schema_value(cols[c].source, words[pairs ? w - 1 : 0], words[w], i, number);
                if (v)
                    mb_lenz(b, v);
                else
                    mb_le(b, 0xfb, 1);
            }
            mb_end(b, at, &seq);
        }
    }
    put_end(b, &seq, flags);
}

/* ---- sending ---- */

static void forget_statements(struct conn *c)
{
    for (uint32_t i = 0; i < c->nstmts; i++) free(c->stmts[i].text);
    free(c->stmts);
    c->stmts = NULL;
    c->nstmts = 0;
}

static void conn_close(struct conn *c)
{
    close(c->fd);
    free(c->owned);
    free(c->in.p);
    forget_statements(c);
    free(c);
}

static void want(struct conn *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e) < 0) mini_die("epoll_ctl: %s", strerror(errno));
}

/* Sends what the socket takes; false: the connection is broken. */
static bool flush(struct conn *c)
{
    while (c->out_len) {
        ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        c->out += n;
        c->out_len -= (size_t)n;
    }
    free(c->owned);
    c->owned = NULL;
    return true;
}

/* `p` must live as long as the process; what lies in `scratch` is copied when the socket does not take it
 * whole. */
static bool answer(struct conn *c, const uint8_t *p, size_t n)
{
    c->out = p;
    c->out_len = n;
    if (!flush(c)) return false;
    if (c->out_len && p == scratch.p) {
        c->owned = mini_alloc(c->out_len);
        memcpy(c->owned, c->out, c->out_len);
        c->out = c->owned;
    }
    return true;
}

static bool answer_scratch(struct conn *c)
{
    return answer(c, scratch.p, scratch.n);
}

static bool answer_ok(struct conn *c, uint64_t affected, const char *info)
{
    uint8_t seq = 1;
    scratch.n = 0;
    mini_ok(&scratch, &seq, 0, affected, 0, c->status, info);
    return answer_scratch(c);
}

/* ---- statements ---- */

static uint32_t flags_of(const struct conn *c)
{
    uint32_t eof = c->caps & CAP_DEPRECATE_EOF ? FLAG_DEPRECATE : 0;
    return c->status | eof | (uint32_t)c->server << FLAG_SERVER;
}

static bool answer_select(struct conn *c, struct text t, uint32_t more_flags)
{
    uint32_t flags = flags_of(c) | more_flags;
    last_reply = NULL;
    struct text list = {t.p + 6, t.end};
    const char *from = find_word(list, "FROM");
    uint32_t rows = 1;
    if (from) {
        list.end = from;
        struct text name = {from + 4, t.end};
        skip_space(&name);
        const char *p = name.p;
        while (p < name.end && (is_word(*p) || *p == '.' || *p == '`')) p++;
        name.end = p;
        if (starts(name, "information_schema.") || starts(name, "`information_schema`.")) {
            const char *view = memchr(name.p, '.', (size_t)(name.end - name.p)) + 1;
            scratch.n = 0;
            build_information_schema(&scratch, (struct text){p, t.end}, list, view + (*view == '`'), flags);
            return answer_scratch(c);
        }
        uint32_t named = rows_of_name(name.p, (size_t)(name.end - name.p));
        bool endless = !named && memmem(name.p, (size_t)(name.end - name.p), "order", 5);
        rows = apply_limit((struct text){p, t.end}, named ? named : endless ? 20 : 1, endless);
    } else {
        const char *limit = find_word(list, "LIMIT");
        if (limit) list.end = limit;
    }
    uint32_t hash = 2166136261u ^ rows ^ flags << 12;
    for (const char *p = list.p; p < list.end; p++) hash = (hash ^ (uint8_t)*p) * 16777619u;
    size_t len = (size_t)(list.end - list.p);
    for (uint32_t i = hash;; i++) {
        struct reply **slot = &replies[i % REPLIES];
        struct reply *r = *slot;
        if (r && r->hash == hash && r->rows == rows && r->flags == flags && r->list_len == len &&
            memcmp(r->list, list.p, len) == 0) {
            last_reply = r;
            return answer(c, r->bytes.p, r->bytes.n);
        }
        if (r) continue;
        if (nreplies >= REPLIES / 2 || len > 65536) { /* enough kept: this one is built for itself */
            scratch.n = 0;
            build_rows(&scratch, list, from != NULL, rows, flags);
            return answer_scratch(c);
        }
        r = *slot = mini_alloc(sizeof *r);
        nreplies++;
        r->list = mini_alloc(len);
        memcpy(r->list, list.p, len);
        r->list_len = (uint32_t)len;
        r->hash = hash;
        r->rows = rows;
        r->flags = flags;
        build_rows(&r->bytes, list, from != NULL, rows, flags);
        last_reply = r;
        return answer(c, r->bytes.p, r->bytes.n);
    }
}

/* SHOW gives an empty result of the columns that clients expect. */
static bool answer_show(struct conn *c, struct text t)
{
    uint32_t flags = flags_of(c);
    struct column cols[3] = {
        {"Level", "", K_TEXT, NULL}, {"Code", "", K_COUNT, NULL}, {"Message", "", K_TEXT, NULL}};
    bool warnings = contains(t, "WARNINGS") || contains(t, "ERRORS");
    if (!warnings) {
        snprintf(cols[0].name, sizeof cols[0].name, "Variable_name");
        snprintf(cols[1].name, sizeof cols[1].name, "Value");
        cols[1].kind = K_TEXT;
    }
    uint8_t seq = 1;
    scratch.n = 0;
    put_header(&scratch, &seq, cols, warnings ? 3 : 2, false, flags);
    put_end(&scratch, &seq, flags);
    return answer_scratch(c);
}

static bool query(struct conn *c, struct text t)
{
    nqueries++;
    skip_space(&t);
    if (starts(t, "SELECT")) return answer_select(c, t, 0);
    if (starts(t, "SHOW")) return answer_show(c, t);
    if (starts(t, "BEGIN") || starts(t, "START TRANSACTION")) {
        c->status |= STATUS_IN_TRANS;
        return answer_ok(c, 0, NULL);
    }
    if (starts(t, "COMMIT") || (starts(t, "ROLLBACK") && !starts(t, "ROLLBACK TO"))) {
        c->status &= (uint16_t)~STATUS_IN_TRANS;
        return answer_ok(c, 0, NULL);
    }
    if (starts(t, "SET")) {
        if (contains(t, "autocommit=0") || contains(t, "autocommit = 0"))
            c->status &= (uint16_t)~STATUS_AUTOCOMMIT;
        if (contains(t, "autocommit=1") || contains(t, "autocommit = 1")) c->status |= STATUS_AUTOCOMMIT;
        return answer_ok(c, 0, NULL);
    }
    if (starts(t, "UPDATE")) return answer_ok(c, 1, "Rows matched: 1  Changed: 1  Warnings: 0");
    return answer_ok(c, starts(t, "USE") || starts(t, "SAVEPOINT") ? 0 : 1, NULL);
}

/* ---- prepared statements ---- */

static bool prepare(struct conn *c, struct text t)
{
    static const struct column param = {"?", "", K_TEXT, NULL};
    struct column cols[MAX_COLUMNS];
    unsigned ncols = 0, nparams = count_params(t);
    uint32_t id = 0;
    bool has_table = false, eof = !(c->caps & CAP_DEPRECATE_EOF);
    skip_space(&t);
    while (id < c->nstmts && c->stmts[id].text) id++;
    if (id == c->nstmts) {
        c->stmts = realloc(c->stmts, (c->nstmts + 1) * sizeof *c->stmts);
        if (!c->stmts) mini_die("out of memory");
        c->nstmts++;
    }
    size_t len = (size_t)(t.end - t.p);
    c->stmts[id] = (struct stmt){.text = mini_alloc(len + 1), .len = len};
    memcpy(c->stmts[id].text, t.p, len);
    if (starts(t, "SELECT")) {
        struct text list = {t.p + 6, t.end};
        const char *from = find_word(list, "FROM"), *limit = find_word(list, "LIMIT");
        has_table = from != NULL;
        if (from) list.end = from;
        else if (limit) list.end = limit;
        ncols = columns_of(list, has_table, cols);
    }
    uint8_t seq = 1;
    scratch.n = 0;
    size_t at = mb_begin(&scratch);
    mb_le(&scratch, 0, 1);
    mb_le(&scratch, id + 1, 4);
    mb_le(&scratch, ncols, 2);
    mb_le(&scratch, nparams, 2);
    mb_zero(&scratch, 3);
    mb_end(&scratch, at, &seq);
    for (unsigned i = 0; i < nparams; i++) put_columns(&scratch, &seq, &param, 1, false);
    if (nparams && eof) mini_eof(&scratch, &seq, c->status);
    put_columns(&scratch, &seq, cols, ncols, has_table);
    if (ncols && eof) mini_eof(&scratch, &seq, c->status);
    return answer_scratch(c);
}

static bool execute(struct conn *c, struct stmt *s)
{
    struct text t = {s->text, s->text + s->len};
    uint32_t flags = flags_of(c);
    nqueries++;
    if (s->reply && s->flags == flags) return answer(c, s->reply->bytes.p, s->reply->bytes.n);
    if (!starts(t, "SELECT")) return query(c, t);
    bool ok = answer_select(c, t, FLAG_BINARY);
    s->reply = last_reply;
    s->flags = flags;
    return ok;
}

static bool statement(struct conn *c, uint8_t what, const uint8_t *p, size_t n)
{
    uint64_t id = n >= 4 ? mini_le(p, 4) : 0;
    uint8_t seq = 1;
    if (id == 0 || id > c->nstmts || !c->stmts[id - 1].text) {
        if (what == STMT_CLOSE || what == STMT_SEND_LONG_DATA) return true;
        mini_err(&scratch, &seq, 1243, "HY000", "Unknown prepared statement handler");
        return answer_scratch(c);
    }
    switch (what) {
    case STMT_EXECUTE: return execute(c, &c->stmts[id - 1]);
    case STMT_CLOSE:
        free(c->stmts[id - 1].text);
        c->stmts[id - 1] = (struct stmt){0};
        return true;
    case STMT_SEND_LONG_DATA: return true;
    default: return answer_ok(c, 0, NULL);
    }
}

static bool command(struct conn *c, const uint8_t *p, size_t n)
{
    uint8_t seq = 1;
    scratch.n = 0;
    if (n == 0) return false;
    switch (p[0]) {
    case COM_QUERY: return query(c, (struct text){(const char *)p + 1, (const char *)p + n});
    case STMT_PREPARE: return prepare(c, (struct text){(const char *)p + 1, (const char *)p + n});
    case STMT_EXECUTE:
    case STMT_SEND_LONG_DATA:
    case STMT_CLOSE:
    case STMT_RESET: return statement(c, p[0], p + 1, n - 1);
    case COM_QUIT: return false;
    case COM_PING:
    case COM_INIT_DB: return answer_ok(c, 0, NULL);
    case COM_CHANGE_USER:
    case COM_RESET_CONNECTION:
        forget_statements(c);
        c->status = STATUS_AUTOCOMMIT;
        return answer_ok(c, 0, NULL);
    case COM_SET_OPTION: mini_eof(&scratch, &seq, c->status); return answer_scratch(c);
    case COM_STATISTICS: {
        char text[128];
        int len = snprintf(text, sizeof text, "Queries: %llu  Connections: %llu",
                           (unsigned long long)nqueries, (unsigned long long)nconnections);
        size_t at = mb_begin(&scratch);
        mb_put(&scratch, text, (size_t)len);
        mb_end(&scratch, at, &seq);
        return answer_scratch(c);
    }
    case COM_FIELD_LIST:
        for (unsigned i = 0; i < 4; i++) {
            const char *name = table_columns[i].name;
            mini_column(&scratch, &seq, "sbtest1", name, i < 2 ? 3 : 254, i < 2 ? 63 : 45, i < 2 ? 11 : 240,
                        1);
        }
        mini_eof(&scratch, &seq, c->status);
        return answer_scratch(c);
    default: mini_err(&scratch, &seq, 1047, "08S01", "Unknown command"); return answer_scratch(c);
    }
}

/* Takes whole packets while no reply waits to be sent; gives the bytes used, or -1: end the connection. */
static ssize_t take(struct conn *c, const uint8_t *p, size_t n)
{
    size_t at = 0;
    while (!c->out_len && n - at >= 4) {
        size_t len = mini_packet_len(p + at);
        if (n - at - 4 < len) break;
        if (len == 0xffffff) { /* a command in several packets: only its end matters, any answer will do */
            size_t end = at;
            do {
                if (n - end < 4) return (ssize_t)at;
                len = mini_packet_len(p + end);
                if (n - end - 4 < len) return (ssize_t)at;
                end += 4 + len;
            } while (len == 0xffffff);
            uint8_t seq = (uint8_t)(p[end - len - 1] + 1);
            scratch.n = 0;
            mini_ok(&scratch, &seq, 0, 1, 0, c->status, NULL);
            if (!answer_scratch(c)) return -1;
            at = end;
            continue;
        }
        const uint8_t *body = p + at + 4;
        at += 4 + len;
        if (c->greeted) {
            if (!command(c, body, len)) return -1;
            continue;
        }
        if (len < 32) return -1; /* also ends an SSLRequest, which was not offered */
        c->caps = (uint32_t)mini_le(body, 4);
        c->greeted = true;
        uint8_t seq = (uint8_t)(p[at - len - 1] + 1);
        scratch.n = 0;
        mini_ok(&scratch, &seq, 0, 0, 0, c->status, NULL);
        if (!answer_scratch(c)) return -1;
    }
    return (ssize_t)at;
}

/* Keeps what was not used, or works off what was kept. */
static bool take_kept(struct conn *c)
{
    ssize_t used = take(c, c->in.p, c->in.n);
    if (used < 0) return false;
    if (used == 0) return true;
    c->in.n -= (size_t)used;
    memmove(c->in.p, c->in.p + used, c->in.n);
    if (c->in.n == 0) {
        free(c->in.p);
        c->in = (struct mb){0};
    }
    return true;
}

static bool readable(struct conn *c)
{
    ssize_t n = recv(c->fd, shared, sizeof shared, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    if (c->in.n) {
        if (c->in.n + (size_t)n > MAX_INPUT) return false;
        mb_put(&c->in, shared, (size_t)n);
        /* A long command: wait until it is whole before looking again. */
        if (!take_kept(c)) return false;
    } else {
        ssize_t used = take(c, shared, (size_t)n);
        if (used < 0) return false;
        if (used < n) mb_put(&c->in, shared + used, (size_t)(n - used));
    }
    if (c->out_len) want(c, EPOLLOUT);
    return true;
}

static bool writable(struct conn *c)
{
    if (!flush(c)) return false;
    while (!c->out_len && c->in.n >= 4) {
        size_t before = c->in.n;
        if (!take_kept(c)) return false;
        if (c->in.n == before) break;
    }
    if (!c->out_len) want(c, EPOLLIN);
    return true;
}

static void accept_one(const struct conn *listener)
{
    static const uint8_t salt[20] = "nullnullnullnullnull";
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EMFILE && errno != ENFILE) return;
        mini_die("out of file descriptors");
    }
    mini_nodelay(fd);
    struct conn *c = mini_alloc(sizeof *c);
    c->fd = fd;
    c->server = listener->server;
    c->status = STATUS_AUTOCOMMIT;
    c->thread_id = (uint32_t)++nconnections;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0) mini_die("epoll_ctl: %s", strerror(errno));
    scratch.n = 0;
    mini_greeting(&scratch, opt.version, c->thread_id, salt, "mysql_native_password",
                  opt.cap_deprecate ? 0 : CAP_DEPRECATE_EOF);
    if (!answer_scratch(c)) conn_close(c);
}

static const char usage[] =
    "null_server: a MySQL server that computes nothing, for benches.\n"
    "  --listen [HOST:]PORT    default 127.0.0.1:0 (the port is printed: 'listening PORT'); --port N is the "
    "same\n"
    "  --version TEXT          default 8.0.36; e.g. 10.11.6-MariaDB\n"
    "  --servers N             N servers in one process, each on a port of its own (then use port 0); "
    "default 1\n"
    "  --offset N --stride N   the integer of row r of server i is offset + i + r * stride; defaults 0 and "
    "--servers\n"
    "  --tables NAME           the table that information_schema lists when the question names none; default "
    "sbtest1\n"
    "  --no-deprecate-eof      do not offer CLIENT_DEPRECATE_EOF\n"
    "  --cpu N                 run on this core\n";

static void options(int argc, char **argv)
{
    static const struct option longs[] = {{"listen", 1, NULL, 'l'},
                                          {"port", 1, NULL, 'l'},
                                          {"version", 1, NULL, 'v'},
                                          {"offset", 1, NULL, 'o'},
                                          {"stride", 1, NULL, 's'},
                                          {"tables", 1, NULL, 't'},
                                          {"no-deprecate-eof", 0, NULL, 'E'},
                                          {"servers", 1, NULL, 'n'},
                                          {"cpu", 1, NULL, 'c'},
                                          {"help", 0, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'l': opt.address = optarg; break;
        case 'v': opt.version = optarg; break;
        case 'o': opt.offset = mini_number("--offset", optarg, 0, 1000000); break;
        case 's': opt.stride = mini_number("--stride", optarg, 1, 1000000); break;
        case 'n': opt.servers = mini_number("--servers", optarg, 1, 64); break;
        case 't': opt.tables = optarg; break;
        case 'E': opt.cap_deprecate = false; break;
        case 'c': mini_pin((int)mini_number("--cpu", optarg, 0, 1023)); break;
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (!opt.stride) opt.stride = opt.servers;
}

int main(int argc, char **argv)
{
    options(argc, argv);
    mini_many_files();
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (ep < 0) mini_die("epoll: %s", strerror(errno));
    for (long i = 0; i < opt.servers; i++) {
        struct conn *l = mini_alloc(sizeof *l);
        *l = (struct conn){.fd = mini_listen(opt.address), .listens = true, .server = (uint8_t)i};
        mini_nonblock(l->fd);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
        if (epoll_ctl(ep, EPOLL_CTL_ADD, l->fd, &e) < 0) mini_die("epoll_ctl: %s", strerror(errno));
    }
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(ep, events, 256, -1);
        if (n < 0 && errno != EINTR) mini_die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->listens)
                accept_one(c);
            else if (!(events[i].events & EPOLLOUT ? writable(c) : readable(c)))
                conn_close(c);
        }
    }
}
