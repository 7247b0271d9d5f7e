/*
 * libmariadb.c - the C library: the binary protocol with every parameter type, cursors, long data, resets. It is the driver that
 * reaches the most commands, and the one below mysqlclient, DBD::mysql, DBD::MariaDB and Ruby's mysql2.
 *
 * A case is a function that gets a connection of its own and returns NULL or a reason; see ../test_drivers.py for the lines.
 */
#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *host, *user, *password, *schema, *ca, *only;
static unsigned port;
static bool sharded, tls;

/* A reason; the text stays until the next one. */
__attribute__((format(printf, 1, 2))) static const char *because(const char *format, ...)
{
    static char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

#define TRY(c, condition)                                                                                       \
    do {                                                                                                        \
        if (!(condition))                                                                                       \
            return because("line %d: %s: %u %s", __LINE__, #condition, mysql_errno(c), mysql_error(c));         \
    } while (0)
#define TRYS(s, condition)                                                                                      \
    do {                                                                                                        \
        if (!(condition))                                                                                       \
            return because("line %d: %s: %u %s", __LINE__, #condition, mysql_stmt_errno(s), mysql_stmt_error(s)); \
    } while (0)
#define PASS(call)                                                                                              \
    do {                                                                                                        \
        const char *why_ = (call);                                                                              \
        if (why_) return why_;                                                                                  \
    } while (0)

static MYSQL *open_with(unsigned long flags, bool compress)
{
    MYSQL *c = mysql_init(NULL);
    mysql_options(c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    unsigned seconds = 60;
    mysql_options(c, MYSQL_OPT_READ_TIMEOUT, &seconds);
    if (compress) mysql_options(c, MYSQL_OPT_COMPRESS, NULL);
    if (tls) {
        my_bool yes = 1;
        mysql_ssl_set(c, NULL, NULL, ca, NULL, NULL);
        mysql_options(c, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    }
    if (!mysql_real_connect(c, host, user, password, schema, port, NULL, flags)) {
        fprintf(stderr, "connect: %u %s\n", mysql_errno(c), mysql_error(c));
        mysql_close(c);
        return NULL;
    }
    return c;
}

static void run(const char *name, const char *(*function)(MYSQL *))
{
    if (only && *only) {
        char list[512], *save, *word;
        snprintf(list, sizeof list, "%s", only);
        for (word = strtok_r(list, ",", &save); word && strncmp(name, word, strlen(word)) != 0; word = strtok_r(NULL, ",", &save)) continue;
        if (!word) return;
    }
    MYSQL *c = open_with(strcmp(name, "multi_statements") == 0 ? CLIENT_MULTI_STATEMENTS : 0, strcmp(name, "compression") == 0);
    const char *why = c ? function(c) : "no connection";
    if (why)
        printf("not ok %s: %s\n", name, why);
    else
        printf("ok %s\n", name);
    fflush(stdout);
    if (c) mysql_close(c);
}

/* ---- helpers ---- */

static const char *do_sql(MYSQL *c, const char *sql)
{
    if (mysql_query(c, sql)) return because("%.80s: %u %s", sql, mysql_errno(c), mysql_error(c));
    return NULL;
}

/* The first column of the first row must read `want`; NULL for SQL's NULL, "" also for no row. */
static const char *value_is(MYSQL *c, const char *sql, const char *want)
{
    PASS(do_sql(c, sql));
    MYSQL_RES *r = mysql_store_result(c);
    TRY(c, r);
    MYSQL_ROW row = mysql_fetch_row(r);
    const char *got = row ? row[0] : "";
    const char *why = NULL;
    if (!want ? got != NULL : !got || strcmp(got, want) != 0)
        why = because("%.100s: %s expected, %s came", sql, want ? want : "NULL", got ? got : "NULL");
    mysql_free_result(r);
    return why;
}

static const char *error_is(MYSQL *c, unsigned code, const char *state)
{
    if (mysql_errno(c) != code || strcmp(mysql_sqlstate(c), state) != 0)
        return because("error %u (%s) expected, %u (%s) came: %s", code, state, mysql_errno(c), mysql_sqlstate(c), mysql_error(c));
    return NULL;
}

static const char *fails(MYSQL *c, const char *sql, unsigned code, const char *state)
{
    mysql_query(c, sql);
    return error_is(c, code, state);
}

static MYSQL_STMT *prepared(MYSQL *c, const char *sql)
{
    MYSQL_STMT *s = mysql_stmt_init(c);
    if (mysql_stmt_prepare(s, sql, strlen(sql)) == 0) return s;
    fprintf(stderr, "%s: %u %s\n", sql, mysql_stmt_errno(s), mysql_stmt_error(s));
    mysql_stmt_close(s);
    return NULL;
}

static MYSQL_BIND bind_int(int *value) { return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONG, .buffer = value}; }
static MYSQL_BIND bind_long(long long *value) { return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = value}; }

static MYSQL_BIND bind_text(const void *text, size_t length, enum enum_field_types type)
{
    return (MYSQL_BIND){.buffer_type = type, .buffer = (void *)text, .buffer_length = length, .length_value = length};
}

/* ---- cases ---- */

static const char *connects(MYSQL *c)
{
    char text[32];
    PASS(value_is(c, "SELECT DATABASE()", schema));
    snprintf(text, sizeof text, "%lu", mysql_thread_id(c));
    PASS(value_is(c, "SELECT CONNECTION_ID()", text));
    TRY(c, mysql_ping(c) == 0);
    TRY(c, mysql_stat(c) && strstr(mysql_stat(c), "Uptime"));
    TRY(c, mysql_select_db(c, schema) == 0);
    return mysql_select_db(c, "not_there") && mysql_errno(c) ? NULL : "a database that is not there was selected";
}

static const char *over_tls(MYSQL *c)
{
    if (!mysql_get_ssl_cipher(c)) return "no cipher";
    return value_is(c, "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'", mysql_get_ssl_cipher(c));
}

static const char *ddl(MYSQL *c)
{
    static char text[8192], *at = text;
    FILE *f = fopen("tables.sql", "r");
    if (!f) return "tables.sql is not there";
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    at = strchr(text, '\n') + 1;
    for (char *end; (end = strstr(at, ";\n")); at = end + 2) {
        *end = 0;
        PASS(do_sql(c, at));
    }
    PASS(do_sql(c, "ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL"));
    PASS(do_sql(c, "ALTER TABLE items DROP COLUMN note"));
    MYSQL_RES *r = mysql_list_tables(c, NULL);
    TRY(c, r);
    unsigned long long n = mysql_num_rows(r);
    mysql_free_result(r);
    return n == 4 ? NULL : because("%llu tables, not 4", n);
}

static const char *generated_id(MYSQL *c)
{
    char sql[128], text[32];
    PASS(do_sql(c, "INSERT INTO items (title) VALUES ('one')"));
    unsigned long long id = mysql_insert_id(c);
    snprintf(text, sizeof text, "%llu", id);
    PASS(value_is(c, "SELECT LAST_INSERT_ID()", text));
    PASS(do_sql(c, "INSERT INTO items (title) VALUES ('a'), ('b'), ('c')"));
    TRY(c, mysql_affected_rows(c) == 3 && mysql_insert_id(c) > id);
    snprintf(sql, sizeof sql, "SELECT title FROM items WHERE id = %llu", mysql_insert_id(c) + 2);
    PASS(value_is(c, sql, "c"));

    MYSQL_STMT *s = prepared(c, "INSERT INTO items (title) VALUES (?)");
    if (!s) return "INSERT cannot be prepared";
    MYSQL_BIND b = bind_text("prepared", 8, MYSQL_TYPE_STRING);
    TRYS(s, !mysql_stmt_bind_param(s, &b) && !mysql_stmt_execute(s));
    unsigned long long first = mysql_stmt_insert_id(s);
    TRYS(s, !mysql_stmt_execute(s));
    TRYS(s, mysql_stmt_insert_id(s) > first && mysql_stmt_affected_rows(s) == 1);
    mysql_stmt_close(s);
    return NULL;
}

static const char *crud_text(MYSQL *c)
{
    char sql[128];
    PASS(do_sql(c, "INSERT INTO items (title, points) VALUES ('it''s', 5)"));
    unsigned long long id = mysql_insert_id(c);
    snprintf(sql, sizeof sql, "UPDATE items SET points = points + 2 WHERE id = %llu", id);
    PASS(do_sql(c, sql));
    TRY(c, mysql_affected_rows(c) == 1 && mysql_info(c) && strstr(mysql_info(c), "Rows matched: 1"));
    snprintf(sql, sizeof sql, "SELECT points FROM items WHERE id = %llu", id);
    PASS(value_is(c, sql, "7"));
    snprintf(sql, sizeof sql, "DELETE FROM items WHERE id = %llu", id);
    PASS(do_sql(c, sql));
    TRY(c, mysql_affected_rows(c) == 1);
    return NULL;
}

static const char *crud_prepared(MYSQL *c)
{
    long long id, many = 20;
    int points = 5, got = 0;
    MYSQL_STMT *insert = prepared(c, "INSERT INTO items (title, points) VALUES (?, ?)");
    MYSQL_STMT *update = prepared(c, "UPDATE items SET points = points + ? WHERE id = ?");
    MYSQL_STMT *select = prepared(c, "SELECT points, title FROM items WHERE id = ?");
    MYSQL_STMT *count = prepared(c, "SELECT id FROM items WHERE points >= ? ORDER BY id LIMIT ?");
    if (!insert || !update || !select || !count) return "not all statements can be prepared";
    if (mysql_stmt_param_count(update) != 2 || mysql_stmt_field_count(select) != 2) return "wrong counts at prepare";
    MYSQL_RES *meta = mysql_stmt_result_metadata(select);
    if (!meta || strcmp(mysql_fetch_field_direct(meta, 1)->name, "title") != 0 || mysql_fetch_field_direct(meta, 0)->type != MYSQL_TYPE_LONG)
        return "wrong metadata at prepare";
    mysql_free_result(meta);

    for (int round = 0; round < 12; round++) {        /* new rows are on other shards */
        MYSQL_BIND in[2] = {bind_text("it's \\ 100%", 11, MYSQL_TYPE_STRING), bind_int(&points)};
        TRYS(insert, !mysql_stmt_bind_param(insert, in) && !mysql_stmt_execute(insert));
        id = (long long)mysql_stmt_insert_id(insert);
        int more = round;
        MYSQL_BIND up[2] = {bind_int(&more), bind_long(&id)};
        TRYS(update, !mysql_stmt_bind_param(update, up) && !mysql_stmt_execute(update));
        TRYS(update, mysql_stmt_affected_rows(update) == (round ? 1u : 0u));
        MYSQL_BIND key = bind_long(&id);
        char title[40] = "";
        unsigned long length;
        MYSQL_BIND out[2] = {bind_int(&got), {.buffer_type = MYSQL_TYPE_STRING, .buffer = title, .buffer_length = sizeof title, .length = &length}};
        TRYS(select, !mysql_stmt_bind_param(select, &key) && !mysql_stmt_execute(select) && !mysql_stmt_bind_result(select, out));
        TRYS(select, mysql_stmt_fetch(select) == 0);
        if (got != points + round || length != 11 || memcmp(title, "it's \\ 100%", 11) != 0)
            return because("round %d: %d and '%.*s'", round, got, (int)length, title);
        TRYS(select, mysql_stmt_fetch(select) == MYSQL_NO_DATA);
    }
    /* LIMIT by parameter over all shards, the second time without new types */
    MYSQL_BIND in[2] = {bind_int(&points), bind_long(&many)};
    TRYS(count, !mysql_stmt_bind_param(count, in));
    for (many = 4; many <= 8; many += 4) {
        long long last = 0, this = 0;
        MYSQL_BIND out = bind_long(&this);
        TRYS(count, !mysql_stmt_execute(count) && !mysql_stmt_bind_result(count, &out) && !mysql_stmt_store_result(count));
        TRYS(count, mysql_stmt_num_rows(count) == (unsigned long long)many);
        while (mysql_stmt_fetch(count) == 0) {
            if (this <= last) return because("%lld after %lld", this, last);
            last = this;
        }
        mysql_stmt_free_result(count);
    }
    mysql_stmt_close(insert);
    mysql_stmt_close(update);
    mysql_stmt_close(select);
    mysql_stmt_close(count);
    return NULL;
}

static const char *transaction(MYSQL *c)
{
    MYSQL *other = open_with(0, false);
    if (!other) return "no second connection";
    PASS(do_sql(c, "DELETE FROM items"));
    MYSQL_STMT *s = prepared(c, "INSERT INTO items (title, points) VALUES ('t', ?)");
    if (!s) return "INSERT cannot be prepared";
    for (int round = 0; round < 2; round++) {
        TRY(c, mysql_autocommit(c, 0) == 0);
        for (int i = 0; i < 4; i++) {
            MYSQL_BIND b = bind_int(&i);
            TRYS(s, !mysql_stmt_bind_param(s, &b) && !mysql_stmt_execute(s));
        }
        PASS(value_is(c, "SELECT COUNT(*) FROM items", "4"));
        PASS(value_is(other, "SELECT COUNT(*) FROM items", "0"));
        TRY(c, (round ? mysql_commit(c) : mysql_rollback(c)) == 0);
        PASS(value_is(other, "SELECT COUNT(*) FROM items", round ? "4" : "0"));
        TRY(c, mysql_autocommit(c, 1) == 0);
    }
    mysql_stmt_close(s);
    mysql_close(other);
    return NULL;
}

#define EMOJI "\xf0\x9f\x98\x80 na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac ' \" \\ %"
#define DOCUMENT "{\"a\": [1, null, \"\xc3\xbc\"], \"b\": {}}"
#define AMOUNT "12345678901234567890123456789012345.123456789012345678901234567890"
#define COLUMNS                                                                                                              \
    "id, bytes, amount, moment, biggest, lowest, tiny, smallest, ratio, fraction, document, bits, words, nothing, missing"

static const char *types_prepared(MYSQL *c)
{
    unsigned char bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (unsigned char)i;
    int id = 0, lowest = -2147483647 - 1, got_id, got_lowest;
    signed char tiny = -128, got_tiny;
    unsigned long long biggest = 18446744073709551615ULL, bits = 0xaaa, got_biggest;
    long long smallest = -9223372036854775807LL - 1, got_smallest;
    double ratio = 0.1 + 0.2, got_ratio;
    float fraction = -0.15625f, got_fraction;
    my_bool null = 1, nulls[15];
    MYSQL_TIME moment = {.year = 2024, .month = 2, .day = 29, .hour = 23, .minute = 59, .second = 59, .second_part = 123456,
                         .time_type = MYSQL_TIMESTAMP_DATETIME}, got_moment;
    PASS(do_sql(c, "DELETE FROM things"));
    MYSQL_STMT *insert = prepared(c, "INSERT INTO things (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    if (!insert) return "INSERT cannot be prepared";
    MYSQL_BIND in[15] = {
        bind_int(&id), bind_text(bytes, 256, MYSQL_TYPE_BLOB), bind_text(AMOUNT, strlen(AMOUNT), MYSQL_TYPE_NEWDECIMAL),
        {.buffer_type = MYSQL_TYPE_DATETIME, .buffer = &moment},
        {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &biggest, .is_unsigned = 1}, bind_int(&lowest),
        {.buffer_type = MYSQL_TYPE_TINY, .buffer = &tiny}, bind_long(&smallest), {.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &ratio},
        {.buffer_type = MYSQL_TYPE_FLOAT, .buffer = &fraction}, bind_text(DOCUMENT, strlen(DOCUMENT), MYSQL_TYPE_STRING),
        {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &bits, .is_unsigned = 1}, bind_text(EMOJI, strlen(EMOJI), MYSQL_TYPE_VAR_STRING),
        bind_text("", 0, MYSQL_TYPE_STRING), {.buffer_type = MYSQL_TYPE_NULL, .is_null = &null}};
    for (id = 0; id < 8; id++) TRYS(insert, !mysql_stmt_bind_param(insert, in) && !mysql_stmt_execute(insert));
    for (int i = 1; i < 15; i++) in[i].is_null = &null;
    TRYS(insert, !mysql_stmt_bind_param(insert, in) && !mysql_stmt_execute(insert)); /* id 8: all NULL */
    mysql_stmt_close(insert);

    static const char *const reads[] = {"SELECT " COLUMNS " FROM things WHERE id = ?", "SELECT " COLUMNS " FROM things WHERE id >= ? ORDER BY id"};
    for (int way = 0; way < 2; way++) {
        MYSQL_STMT *s = prepared(c, reads[way]);
        if (!s) return "SELECT cannot be prepared";
        unsigned char got_bytes[300], got_bits[8];
        char amount[80], document[80], words[80], nothing[8], missing[8];
        unsigned long lengths[15];
        MYSQL_BIND out[15] = {
            bind_int(&got_id), {.buffer_type = MYSQL_TYPE_BLOB, .buffer = got_bytes, .buffer_length = sizeof got_bytes},
            {.buffer_type = MYSQL_TYPE_STRING, .buffer = amount, .buffer_length = sizeof amount},
            {.buffer_type = MYSQL_TYPE_DATETIME, .buffer = &got_moment, .buffer_length = sizeof got_moment},
            {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &got_biggest, .is_unsigned = 1}, bind_int(&got_lowest),
            {.buffer_type = MYSQL_TYPE_TINY, .buffer = &got_tiny}, bind_long(&got_smallest),
            {.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &got_ratio}, {.buffer_type = MYSQL_TYPE_FLOAT, .buffer = &got_fraction},
            {.buffer_type = MYSQL_TYPE_STRING, .buffer = document, .buffer_length = sizeof document},
            {.buffer_type = MYSQL_TYPE_BIT, .buffer = got_bits, .buffer_length = sizeof got_bits},
            {.buffer_type = MYSQL_TYPE_STRING, .buffer = words, .buffer_length = sizeof words},
            {.buffer_type = MYSQL_TYPE_STRING, .buffer = nothing, .buffer_length = sizeof nothing},
            {.buffer_type = MYSQL_TYPE_STRING, .buffer = missing, .buffer_length = sizeof missing}};
        for (int i = 0; i < 15; i++) {
            out[i].length = &lengths[i];
            out[i].is_null = &nulls[i];
        }
        int key = way ? 0 : 5, rows = 0;
        MYSQL_BIND by = bind_int(&key);
        TRYS(s, !mysql_stmt_bind_param(s, &by) && !mysql_stmt_execute(s) && !mysql_stmt_bind_result(s, out));
        while (mysql_stmt_fetch(s) == 0) {
            if (got_id != key + rows) return because("id %d, not %d", got_id, key + rows);
            rows++;
            if (got_id == 8) {
                for (int i = 1; i < 15; i++)
                    if (!nulls[i]) return because("column %d of the row of NULLs is not NULL", i);
                continue;
            }
            const char *bad = lengths[1] != 256 || memcmp(bytes, got_bytes, 256) != 0             ? "bytes"
                              : lengths[2] != strlen(AMOUNT) || memcmp(amount, AMOUNT, lengths[2]) != 0 ? "amount"
                              : got_moment.year != 2024 || got_moment.month != 2 || got_moment.day != 29 || got_moment.second != 59 ||
                                      got_moment.second_part != 123456
                                  ? "moment"
                              : got_biggest != biggest                                                    ? "biggest"
                              : got_lowest != lowest                                                      ? "lowest"
                              : got_tiny != tiny                                                          ? "tiny"
                              : got_smallest != smallest                                                  ? "smallest"
                              : memcmp(&got_ratio, &ratio, 8) != 0                                        ? "ratio"
                              : got_fraction != fraction                                                  ? "fraction"
                              : lengths[10] != strlen(DOCUMENT) || memcmp(document, DOCUMENT, lengths[10]) ? "document"
                              : lengths[11] != 2 || got_bits[0] != 0xa || got_bits[1] != 0xaa              ? "bits"
                              : lengths[12] != strlen(EMOJI) || memcmp(words, EMOJI, lengths[12]) != 0     ? "words"
                              : lengths[13] != 0 || nulls[13]                                              ? "nothing"
                              : !nulls[14]                                                                 ? "missing"
                                                                                                           : NULL;
            if (bad) return because("column %s of row %d", bad, got_id);
        }
        if (rows != (way ? 9 : 1)) return because("%d rows", rows);
        mysql_stmt_close(s);
    }
    return NULL;
}

static const char *parameter_types(MYSQL *c)
{
    /* The same statement with the parameter sent by every type: the same row must be found. */
    signed char tiny = 3;
    short small = 3;
    int number = 3;
    long long large = 3;
    float single = 3;
    double real = 3;
    my_bool null = 1;
    PASS(do_sql(c, "DELETE FROM things"));
    PASS(do_sql(c, "INSERT INTO things (id, lowest) VALUES (0, 0), (1, 10), (2, 20), (3, 30), (4, 40), (5, 50)"));
    MYSQL_STMT *s = prepared(c, "SELECT lowest FROM things WHERE id = ?");
    if (!s) return "SELECT cannot be prepared";
    MYSQL_BIND ways[] = {{.buffer_type = MYSQL_TYPE_TINY, .buffer = &tiny}, {.buffer_type = MYSQL_TYPE_SHORT, .buffer = &small},
                         {.buffer_type = MYSQL_TYPE_LONG, .buffer = &number},
                         {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &large}, {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &large, .is_unsigned = 1},
                         {.buffer_type = MYSQL_TYPE_TINY, .buffer = &tiny, .is_unsigned = 1}, {.buffer_type = MYSQL_TYPE_FLOAT, .buffer = &single},
                         {.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &real}, bind_text("3", 1, MYSQL_TYPE_STRING), bind_text("3", 1, MYSQL_TYPE_VAR_STRING),
                         bind_text("3.0", 3, MYSQL_TYPE_NEWDECIMAL), bind_text("3", 1, MYSQL_TYPE_BLOB),
                         {.buffer_type = MYSQL_TYPE_NULL}, {.buffer_type = MYSQL_TYPE_LONG, .buffer = &number, .is_null = &null}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int got = -1;
        MYSQL_BIND out = bind_int(&got);
        TRYS(s, !mysql_stmt_bind_param(s, &ways[i]) && !mysql_stmt_execute(s) && !mysql_stmt_bind_result(s, &out));
        int code = mysql_stmt_fetch(s);
        bool none = ways[i].buffer_type == MYSQL_TYPE_NULL || ways[i].is_null == &null;
        if (none ? code != MYSQL_NO_DATA : code != 0 || got != 30) return because("way %zu (type %d): code %d, value %d", i, (int)ways[i].buffer_type, code, got);
        mysql_stmt_free_result(s);
    }
    mysql_stmt_close(s);
    return NULL;
}

static const char *error_text(MYSQL *c)
{
    PASS(do_sql(c, "INSERT INTO things (id) VALUES (77) ON DUPLICATE KEY UPDATE id = id"));
    PASS(fails(c, "INSERT INTO things (id) VALUES (77)", ER_DUP_ENTRY, "23000"));
    PASS(fails(c, "SELECT * FROM not_there", ER_NO_SUCH_TABLE, "42S02"));
    PASS(fails(c, "SELEC 1", ER_PARSE_ERROR, "42000"));
    PASS(fails(c, "SELECT nix FROM things", ER_BAD_FIELD_ERROR, "42S22"));
    return value_is(c, "SELECT 1", "1");
}

static const char *error_prepared(MYSQL *c)
{
    static const struct { const char *sql; unsigned code; const char *state; } wrong[] = {
        {"SELECT * FROM not_there WHERE id = ?", ER_NO_SUCH_TABLE, "42S02"}, {"SELEC ?", ER_PARSE_ERROR, "42000"},
        {"SELECT nix FROM things WHERE id = ?", ER_BAD_FIELD_ERROR, "42S22"}, {"", ER_EMPTY_QUERY, "42000"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        MYSQL_STMT *s = mysql_stmt_init(c);
        mysql_stmt_prepare(s, wrong[i].sql, strlen(wrong[i].sql));
        if (mysql_stmt_errno(s) != wrong[i].code || strcmp(mysql_stmt_sqlstate(s), wrong[i].state) != 0)
            return because("'%s': error %u expected, %u %s came", wrong[i].sql, wrong[i].code, mysql_stmt_errno(s), mysql_stmt_error(s));
        mysql_stmt_close(s);
    }
    int id = 78;
    PASS(do_sql(c, "REPLACE INTO things (id) VALUES (78)"));
    MYSQL_STMT *s = prepared(c, "INSERT INTO things (id) VALUES (?)");
    if (!s) return "INSERT cannot be prepared";
    MYSQL_BIND b = bind_int(&id);
    TRYS(s, !mysql_stmt_bind_param(s, &b));
    mysql_stmt_execute(s);
    if (mysql_stmt_errno(s) != ER_DUP_ENTRY) return because("1062 expected, %u %s came", mysql_stmt_errno(s), mysql_stmt_error(s));
    id = 79;
    PASS(do_sql(c, "DELETE FROM things WHERE id = 79"));
    TRYS(s, mysql_stmt_execute(s) == 0);              /* the statement is as good as before */
    mysql_stmt_close(s);
    return NULL;
}

static const char *big_of(MYSQL *c, size_t size)
{
    unsigned char *body = malloc(size), *got = malloc(size);
    char text[64];
    for (size_t i = 0; i < size; i++) body[i] = (unsigned char)(i ^ i >> 8);
    int id = (int)(size >> 20);
    PASS(do_sql(c, "DELETE FROM big"));
    MYSQL_STMT *s = prepared(c, "INSERT INTO big (id, body) VALUES (?, ?)");
    if (!s) return "INSERT cannot be prepared";
    MYSQL_BIND in[2] = {bind_int(&id), bind_text(body, size, MYSQL_TYPE_BLOB)};
    TRYS(s, !mysql_stmt_bind_param(s, in) && !mysql_stmt_execute(s));
    mysql_stmt_close(s);
    snprintf(text, sizeof text, "%zu", size);
    PASS(value_is(c, "SELECT LENGTH(body) FROM big", text));
    for (int way = 0; way < 2; way++) {
        s = prepared(c, way ? "SELECT body FROM big WHERE id = ?" : "SELECT body FROM big WHERE id >= ? ORDER BY id");
        if (!s) return "SELECT cannot be prepared";
        unsigned long length = 0;
        memset(got, 0, size);
        MYSQL_BIND out = {.buffer_type = MYSQL_TYPE_BLOB, .buffer = got, .buffer_length = size, .length = &length};
        TRYS(s, !mysql_stmt_bind_param(s, in) && !mysql_stmt_execute(s) && !mysql_stmt_bind_result(s, &out));
        TRYS(s, mysql_stmt_fetch(s) == 0);
        if (length != size || memcmp(got, body, size) != 0) return because("%lu of %zu bytes, or others", length, size);
        mysql_stmt_close(s);
    }
    free(body);
    free(got);
    return NULL;
}

static const char *big_1m(MYSQL *c) { return big_of(c, 1 << 20); }
static const char *big_20m(MYSQL *c) { return big_of(c, 20 << 20); }
static const char *compression(MYSQL *c) { return big_of(c, 3 << 20); }

static const char *long_data(MYSQL *c)
{
    enum { PIECES = 300, PIECE = 10000 };
    char *piece = malloc(PIECE), text[64];
    int id = 5;
    PASS(do_sql(c, "DELETE FROM big"));
    MYSQL_STMT *s = prepared(c, "INSERT INTO big (id, body) VALUES (?, ?)");
    if (!s) return "INSERT cannot be prepared";
    MYSQL_BIND in[2] = {bind_int(&id), {.buffer_type = MYSQL_TYPE_BLOB}};
    for (int round = 0; round < 2; round++, id++) {
        TRYS(s, !mysql_stmt_bind_param(s, in));
        for (int i = 0; i < PIECES; i++) {
            memset(piece, 'a' + i % 26, PIECE);
            TRYS(s, !mysql_stmt_send_long_data(s, 1, piece, PIECE));
        }
        TRYS(s, !mysql_stmt_execute(s));
    }
    snprintf(text, sizeof text, "%d", PIECES * PIECE);
    PASS(value_is(c, "SELECT LENGTH(body) FROM big WHERE id = 5", text));
    PASS(value_is(c, "SELECT MID(body, 29999, 4) FROM big WHERE id = 6", "ccdd"));
    /* what was sent is forgotten by a reset */
    id = 9;
    TRYS(s, !mysql_stmt_send_long_data(s, 1, piece, PIECE));
    TRYS(s, !mysql_stmt_reset(s));
    in[1] = bind_text("short", 5, MYSQL_TYPE_STRING);
    TRYS(s, !mysql_stmt_bind_param(s, in) && !mysql_stmt_execute(s));
    mysql_stmt_close(s);
    free(piece);
    return value_is(c, "SELECT body FROM big WHERE id = 9", "short");
}

static const char *stream(MYSQL *c)
{
    char *sql = malloc(1 << 16);
    PASS(do_sql(c, "DELETE FROM many"));
    for (int start = 0; start < 10000; start += 1000) {
        char *at = sql + sprintf(sql, "INSERT INTO many VALUES ");
        for (int i = start; i < start + 1000; i++) at += sprintf(at, "%s(%d, 'word %d')", i == start ? "" : ", ", i, i);
        PASS(do_sql(c, sql));
        TRY(c, mysql_affected_rows(c) == 1000);
    }
    free(sql);
    PASS(do_sql(c, "SELECT id, word FROM many ORDER BY id"));
    MYSQL_RES *r = mysql_use_result(c);
    TRY(c, r);
    int n = 0;
    for (MYSQL_ROW row; (row = mysql_fetch_row(r)); n++) {
        char word[20];
        snprintf(word, sizeof word, "word %d", n);
        if (atoi(row[0]) != n || strcmp(row[1], word) != 0) return because("row %d is %s, %s", n, row[0], row[1]);
    }
    mysql_free_result(r);
    return n == 10000 ? NULL : because("%d rows: %s", n, mysql_error(c));
}

/* Rows by COM_STMT_FETCH, some at a time; two cursors at once, one closed before its end. */
static const char *cursor(MYSQL *c)
{
    unsigned long kind = CURSOR_TYPE_READ_ONLY, ahead = 100;
    MYSQL_STMT *s[2];
    int id[2], low = 0;
    PASS(stream(c));
    for (int i = 0; i < 2; i++) {
        s[i] = prepared(c, "SELECT id FROM many WHERE id >= ? ORDER BY id");
        if (!s[i]) return "SELECT cannot be prepared";
        mysql_stmt_attr_set(s[i], STMT_ATTR_CURSOR_TYPE, &kind);
        mysql_stmt_attr_set(s[i], STMT_ATTR_PREFETCH_ROWS, &ahead);
        MYSQL_BIND in = bind_int(&low), out = bind_int(&id[i]);
        TRYS(s[i], !mysql_stmt_bind_param(s[i], &in) && !mysql_stmt_execute(s[i]) && !mysql_stmt_bind_result(s[i], &out));
        low = 50;
    }
    for (int n = 0; n < 5000; n++) {
        TRYS(s[0], mysql_stmt_fetch(s[0]) == 0);
        TRYS(s[1], mysql_stmt_fetch(s[1]) == 0);
        if (id[0] != n || id[1] != n + 50) return because("row %d: %d and %d", n, id[0], id[1]);
        if (n == 1000) PASS(value_is(c, "SELECT 'between'", "between"));
    }
    mysql_stmt_close(s[1]);
    for (int n = 5000; n < 10000; n++) {
        TRYS(s[0], mysql_stmt_fetch(s[0]) == 0);
        if (id[0] != n) return because("row %d: %d", n, id[0]);
    }
    TRYS(s[0], mysql_stmt_fetch(s[0]) == MYSQL_NO_DATA);
    low = 9990;
    MYSQL_BIND in = bind_int(&low);
    TRYS(s[0], !mysql_stmt_bind_param(s[0], &in) && !mysql_stmt_execute(s[0]) && mysql_stmt_fetch(s[0]) == 0);
    if (id[0] != 9990) return because("executed again: %d", id[0]);
    mysql_stmt_close(s[0]);
    return value_is(c, "SELECT COUNT(*) FROM many", "10000");
}

static const char *multi_statements(MYSQL *c)
{
    PASS(do_sql(c, "SELECT 1; DELETE FROM items WHERE id = -1; SELECT COUNT(*) FROM things; SELECT 'end'"));
    int n = 0, code;
    char last[20] = "";
    do {
        n++;
        MYSQL_RES *r = mysql_store_result(c);
        if (r) snprintf(last, sizeof last, "%s", mysql_fetch_row(r)[0]);
        mysql_free_result(r);
        code = mysql_next_result(c);
    } while (code == 0);
    TRY(c, code == -1);
    if (n != 4 || strcmp(last, "end") != 0) return because("%d results, the last is '%s'", n, last);
    PASS(do_sql(c, "SELECT 1; SELECT * FROM not_there; SELECT 3"));
    mysql_free_result(mysql_store_result(c));
    TRY(c, mysql_next_result(c) > 0);
    PASS(error_is(c, ER_NO_SUCH_TABLE, "42S02"));
    TRY(c, mysql_set_server_option(c, MYSQL_OPTION_MULTI_STATEMENTS_OFF) == 0);
    PASS(fails(c, "SELECT 1; SELECT 2", ER_PARSE_ERROR, "42000"));
    return value_is(c, "SELECT 1", "1");
}

static const char *procedure(MYSQL *c)
{
    PASS(do_sql(c, "DROP PROCEDURE IF EXISTS two"));
    PASS(do_sql(c, "CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END"));
    MYSQL_STMT *s = prepared(c, "CALL two(?)");
    if (!s) return "CALL cannot be prepared";
    for (int round = 0; round < 2; round++) {
        int n = 5 + round, want = n;
        MYSQL_BIND in = bind_int(&n);
        TRYS(s, !mysql_stmt_bind_param(s, &in) && !mysql_stmt_execute(s));
        int results = 0, rows = 0, code;
        do {
            results++;
            if (mysql_stmt_field_count(s) > 0) {
                long long got;
                MYSQL_BIND out = bind_long(&got);
                TRYS(s, !mysql_stmt_bind_result(s, &out));
                for (; mysql_stmt_fetch(s) == 0; rows++, want++)
                    if (got != want) return because("row %d: %lld, not %d", rows, got, want);
                mysql_stmt_free_result(s);
            }
            code = mysql_stmt_next_result(s);
        } while (code == 0);
        TRYS(s, code == -1);
        if (results != 3 || rows != 3) return because("%d results, %d rows", results, rows);
    }
    mysql_stmt_close(s);
    return NULL;
}

static const char *reset_connection(MYSQL *c)
{
    char before[32];
    snprintf(before, sizeof before, "%lu", mysql_thread_id(c));
    MYSQL_STMT *s = prepared(c, "SELECT 1 FROM items WHERE id = ?");
    if (!s) return "SELECT cannot be prepared";
    PASS(do_sql(c, "SET @mine = 5, sql_mode = 'ANSI_QUOTES'"));
    PASS(do_sql(c, "BEGIN"));
    PASS(do_sql(c, "INSERT INTO items (title) VALUES ('lost')"));
    TRY(c, mysql_reset_connection(c) == 0);
    PASS(value_is(c, "SELECT @mine", NULL));
    PASS(value_is(c, "SELECT COUNT(*) FROM items WHERE title = 'lost'", "0"));
    PASS(value_is(c, "SELECT @@sql_mode LIKE '%ANSI_QUOTES%'", "0"));
    PASS(value_is(c, "SELECT CONNECTION_ID()", before));
    PASS(value_is(c, "SELECT DATABASE()", schema));
    mysql_stmt_execute(s);
    if (mysql_stmt_errno(s) == 0) return "a prepared statement lives on after the reset";
    mysql_stmt_close(s);
    s = prepared(c, "SELECT 1 FROM items WHERE id = ?");
    if (!s) return "nothing can be prepared after the reset";
    mysql_stmt_close(s);
    return NULL;
}

static const char *change_user(MYSQL *c)
{
    PASS(do_sql(c, "SET @mine = 5"));
    TRY(c, mysql_change_user(c, user, password, "information_schema") == 0);
    PASS(value_is(c, "SELECT @mine", NULL));
    PASS(value_is(c, "SELECT DATABASE()", "information_schema"));
    TRY(c, mysql_change_user(c, user, password, schema) == 0);
    PASS(value_is(c, "SELECT COUNT(*) FROM items WHERE id = -1", "0"));
    mysql_change_user(c, user, "wrong", schema);
    return error_is(c, ER_ACCESS_DENIED_ERROR, "28000");
}

static const char *reconnect(MYSQL *c)
{
    my_bool yes = 1;
    unsigned long before = mysql_thread_id(c);
    MYSQL *other = open_with(0, false);
    if (!other) return "no second connection";
    mysql_options(c, MYSQL_OPT_RECONNECT, &yes);
    TRY(other, mysql_kill(other, before) == 0);
    mysql_close(other);
    for (int i = 0; i < 2 && mysql_ping(c); i++) continue;
    PASS(value_is(c, "SELECT DATABASE()", schema));
    return mysql_thread_id(c) != before ? NULL : "the connection was not killed";
}

int main(void)
{
    host = getenv("DRIVER_HOST");
    port = (unsigned)atoi(getenv("DRIVER_PORT"));
    user = getenv("DRIVER_USER");
    password = getenv("DRIVER_PASSWORD");
    schema = getenv("DRIVER_SCHEMA");
    ca = getenv("DRIVER_CA");
    only = getenv("DRIVER_CASES");
    tls = strcmp(getenv("DRIVER_TLS"), "1") == 0;
    sharded = strcmp(getenv("DRIVER_KIND"), "sharded") == 0;
    run("connect", connects);
    if (tls) run("tls", over_tls);
    run("ddl", ddl);
    run("generated_id", generated_id);
    run("crud_text", crud_text);
    run("crud_prepared", crud_prepared);
    run("transaction", transaction);
    run("types_prepared", types_prepared);
    run("parameter_types", parameter_types);
    run("error_text", error_text);
    run("error_prepared", error_prepared);
    run("big_1m", big_1m);
    run("big_20m", big_20m);
    run("compression", compression);
    run("long_data", long_data);
    run("stream", stream);
    run("cursor", cursor);
    run("multi_statements", multi_statements);
    if (!sharded) run("procedure", procedure);
    run("reset_connection", reset_connection);
    run("change_user", change_user);
    run("reconnect", reconnect);
    puts("done");
    return 0;
}
