/*
 * merge_check.c - does a merge compare and print as the server does? Asks a real one. An integration script
 * runs it against a private server:
 *
 *   merge_check HOST PORT USER PASSWORD [all]      (HOST may be a socket's path)
 *
 *   weights   under every collation ("all"; else a dozen), all pairs of tricky strings: weights_compare
 *             against the server's < and =
 *   doubles   the text of random doubles
 *   sums      SUM and AVG of random decimals over three shards against the whole table's
 *   rows      rows of all types merged in both protocols, and through cursors: see merge_rows.h
 *
 * Uses the database weir_check, which it makes and drops. One line for each part, exit code 1 when anything
 * differs.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/merge/number.h"
#include "proxy/merge/weights.h"

static MYSQL *my;
static unsigned wrong;

static void die(const char *sql)
{
    fprintf(stderr, "merge_check: %s: %.200s\n", mysql_error(my), sql);
    exit(2);
}

static void run(const char *sql)
{
    if (mysql_query(my, sql)) die(sql);
}

static MYSQL_RES *ask(const char *sql)
{
    run(sql);
    MYSQL_RES *r = mysql_store_result(my);
    if (!r) die(sql);
    return r;
}

static void differ(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void differ(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (wrong++ < 40) {
        vprintf(fmt, ap);
        putchar('\n');
    }
    va_end(ap);
}

/* ---- weights ---- */

/* In utf8mb4; what a character set lacks becomes '?', which does no harm. */
static const char *const tricky[] = {"",
                                     " ",
                                     "  ",
                                     "a",
                                     "A",
                                     "a ",
                                     "a  ",
                                     " a",
                                     "a\\t",
                                     "a\\t ",
                                     "a\\n",
                                     "a\\0",
                                     "a\\Z",
                                     "\\0",
                                     "\\t",
                                     "a \\t",
                                     "a\\tb",
                                     "a b",
                                     "a  b",
                                     "ab",
                                     "aB",
                                     "Ab ",
                                     "a-b",
                                     "a_b",
                                     "a!",
                                     "a~",
                                     "b",
                                     "b ",
                                     "aa",
                                     "aaa",
                                     "ba",
                                     "B",
                                     "z",
                                     "Z",
                                     "zz",
                                     "0",
                                     "00",
                                     "1",
                                     "10",
                                     "9",
                                     "09",
                                     "!",
                                     "~",
                                     "-",
                                     "_",
                                     "'\\'",
                                     "ä",
                                     "Ä",
                                     "ae",
                                     "AE",
                                     "a\u0308",
                                     "å",
                                     "aa ",
                                     "ß",
                                     "ss",
                                     "SS",
                                     "s",
                                     "ö",
                                     "oe",
                                     "o",
                                     "ü",
                                     "ue",
                                     "u",
                                     "y",
                                     "é",
                                     "e",
                                     "E",
                                     "è",
                                     "e\u0301",
                                     "ñ",
                                     "n",
                                     "n\u0303",
                                     "ll",
                                     "lz",
                                     "ch",
                                     "cz",
                                     "c",
                                     "č",
                                     "ç",
                                     "đ",
                                     "d",
                                     "dž",
                                     "ǆ",
                                     "ð",
                                     "þ",
                                     "th",
                                     "æ",
                                     "ø",
                                     "ő",
                                     "œ",
                                     "ı",
                                     "i",
                                     "I",
                                     "İ",
                                     "ĳ",
                                     "ij",
                                     "ł",
                                     "l",
                                     "ř",
                                     "š",
                                     "ž",
                                     "я",
                                     "ё",
                                     "е",
                                     "й",
                                     "и",
                                     "Я",
                                     "ъ",
                                     "α",
                                     "ά",
                                     "Ω",
                                     "ω",
                                     "ς",
                                     "σ",
                                     "א",
                                     "ב",
                                     "ا",
                                     "ب",
                                     "ก",
                                     "เก",
                                     "แก",
                                     "ไ",
                                     "あ",
                                     "ア",
                                     "ｱ",
                                     "ガ",
                                     "か",
                                     "が",
                                     "一",
                                     "丁",
                                     "中",
                                     "文",
                                     "가",
                                     "나",
                                     "한",
                                     "日本",
                                     "\u00a0",
                                     "a\u00a0",
                                     "\u00ad",
                                     "a\u00adb",
                                     "\u200b",
                                     "a\u200bb",
                                     "\ufeff",
                                     "ﬁ",
                                     "fi",
                                     "Å",
                                     "Å",
                                     "½",
                                     "²",
                                     "2",
                                     "…",
                                     "\u3000",
                                     "a\u3000",
                                     "😀",
                                     "😁",
                                     "a😀",
                                     "𐍈",
                                     "\u0301",
                                     "a\001",
                                     "\001",
                                     "a\177",
                                     "aaaaaaaaaaaaaaaaaaaaaaaaa",
                                     "aaaaaaaaaaaaaaaaaaaaaaaa ",
                                     "aaaaaaaaaaaaaaaaaaaaaaaab"};
enum { STRINGS = sizeof tricky / sizeof *tricky };

static void check_collation(const char *collation, const char *charset)
{
    static struct {
        unsigned char *p;
        size_t n;
    } w[STRINGS];
    char sql[512];
    struct weight_pad pad;
    if (!weights_pad(str_of(collation), &pad)) return;
    run("DROP TABLE IF EXISTS w");
    snprintf(sql, sizeof sql, "CREATE TABLE w (i INT PRIMARY KEY, s VARCHAR(40) CHARACTER SET %s COLLATE %s)",
             charset, collation);
    if (strcmp(charset, "binary") == 0)
        snprintf(sql, sizeof sql, "CREATE TABLE w (i INT PRIMARY KEY, s VARBINARY(200))");
    run(sql);
    run("INSERT IGNORE INTO w SELECT i, s FROM tricky");
    MYSQL_RES *r = ask("SELECT i, WEIGHT_STRING(s) FROM w");
    for (MYSQL_ROW row; (row = mysql_fetch_row(r));) {
        unsigned long *len = mysql_fetch_lengths(r);
        int i = atoi(row[0]);
        free(w[i].p);
        w[i].n = len[1];
        w[i].p = malloc(len[1] + 1);
        if (!w[i].p || !row[1]) die("weights");
        memcpy(w[i].p, row[1], len[1]);
    }
    mysql_free_result(r);
    r = ask("SELECT a.i, b.i, (a.s > b.s) - (a.s < b.s), a.s = b.s FROM w a JOIN w b ON a.i < b.i");
    unsigned before = wrong, pairs = 0, bad = 0;
    for (MYSQL_ROW row; (row = mysql_fetch_row(r));) {
        int a = atoi(row[0]), b = atoi(row[1]), want = atoi(row[2]), equal = atoi(row[3]);
        int c = weights_compare(w[a].p, w[a].n, w[b].p, w[b].n, &pad);
        uint64_t x = weights_prefix(w[a].p, w[a].n, &pad), y = weights_prefix(w[b].p, w[b].n, &pad);
        c = (c > 0) - (c < 0);
        pairs++;
        if (c != want || (c == 0) != equal) bad++;
        if ((c != want || (c == 0) != equal) && wrong++ - before < 3)
            printf("  %s: '%s' and '%s': server %d, weights %d\n", collation, tricky[a], tricky[b], want, c);
        if (x != y && (x < y) != (c < 0))
            differ("  %s: prefixes of '%s' and '%s' contradict", collation, tricky[a], tricky[b]);
    }
    mysql_free_result(r);
    if (bad) printf("  %s: %u of %u pairs differ\n", collation, bad, pairs);
    /* The server's ORDER BY, which is what legs deliver; see weights.h for what ends in NUL. */
    r = ask("SELECT i FROM w ORDER BY s");
    int last = -1;
    for (MYSQL_ROW row; (row = mysql_fetch_row(r));) {
        int i = atoi(row[0]);
        size_t n = strlen(tricky[i]);
        if (n >= 2 && strcmp(tricky[i] + n - 2, "\\0") == 0) continue;
        if (last >= 0 && weights_compare(w[last].p, w[last].n, w[i].p, w[i].n, &pad) > 0)
            differ("  %s: ORDER BY has '%s' before '%s'", collation, tricky[last], tricky[i]);
        last = i;
    }
    mysql_free_result(r);
}

static void check_weights(bool all)
{
    static const char *const some[] = {"utf8mb4_general_ci",
                                       "utf8mb4_unicode_ci",
                                       "utf8mb4_unicode_520_ci",
                                       "utf8mb4_bin",
                                       "utf8mb4_nopad_bin",
                                       "utf8mb4_uca1400_ai_ci",
                                       "utf8mb4_uca1400_nopad_ai_ci",
                                       "utf8mb4_0900_ai_ci",
                                       "utf8mb4_0900_as_cs",
                                       "utf8mb3_general_ci",
                                       "latin1_swedish_ci",
                                       "latin1_bin",
                                       "ascii_general_ci",
                                       "gbk_chinese_ci",
                                       "binary"};
    run("CREATE TABLE tricky (i INT PRIMARY KEY, s VARCHAR(40) CHARACTER SET utf8mb4)");
    for (size_t i = 0; i < STRINGS; i++) {
        char sql[256];
        /* "'\\'" above stands for itself: only this one holds a quote. */
        if (strchr(tricky[i], '\''))
            snprintf(sql, sizeof sql, "INSERT INTO tricky VALUES (%zu, '\\'\\\\\\'')", i);
        else
            snprintf(sql, sizeof sql, "INSERT INTO tricky VALUES (%zu, '%s')", i, tricky[i]);
        run(sql);
    }
    /* MariaDB 10.10 and later name some collations without their character set; the whole names are in the
     * other table. */
    const char *full = "SELECT FULL_COLLATION_NAME, CHARACTER_SET_NAME FROM "
                       "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY ORDER BY 1";
    const char *plain =
        "SELECT COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS ORDER BY 1";
    if (mysql_query(my, full)) run(plain);
    MYSQL_RES *r = mysql_store_result(my);
    unsigned checked = 0, refused = 0, before = wrong;
    for (MYSQL_ROW row; (row = mysql_fetch_row(r));) {
        bool wanted = all;
        for (size_t i = 0; i < COUNT_OF(some); i++) wanted |= strcmp(some[i], row[0]) == 0;
        struct weight_pad pad;
        if (!wanted) continue;
        if (!weights_pad(str_of(row[0]), &pad)) {
            refused++;
            continue;
        }
        check_collation(row[0], row[1]);
        checked++;
    }
    mysql_free_result(r);
    printf("%s weights: %u collations, %u refused, %u differences\n", wrong == before ? "ok" : "FAILED",
           checked, refused, wrong - before);
}

/* ---- numbers ---- */

static void check_doubles(void)
{
    unsigned before = wrong, seed = 11;
    run("CREATE TABLE d (i INT PRIMARY KEY, v DOUBLE, f DOUBLE(20,3))");
    static double v[600];
    for (int i = 0; i < 600; i++) {
        char sql[200];
        uint64_t bits =
            (uint64_t)rand_r(&seed) << 42 ^ (uint64_t)rand_r(&seed) << 21 ^ (uint64_t)rand_r(&seed);
        int kind = i % 4;
        memcpy(&v[i], &bits, 8);
        if (kind == 1) v[i] = (double)(bits >> 20) / 1024;
        if (kind == 2) v[i] = (double)bits / 3e18;
        if (kind == 3) v[i] = (double)(bits % 1000000) / 100 * (i % 8 == 3 ? 1e-12 : 1e12);
        if (v[i] != v[i] || v[i] - v[i] != 0) v[i] = 0;
        snprintf(sql, sizeof sql, "INSERT INTO d VALUES (%d, %.17e, %.17e)", i, v[i],
                 v[i] > 1e15 || v[i] < -1e15 ? 1.5 : v[i]);
        run(sql);
    }
    MYSQL_RES *r = ask("SELECT i, v, f FROM d");
    for (MYSQL_ROW row; (row = mysql_fetch_row(r));) {
        for (int k = 1; k <= 2; k++) {
            struct buf b = {0};
            double x;
            if (!double_parse(str_of(row[k]), &x)) differ("  double '%s' is not read", row[k]);
            double_put(x, k == 1 ? 31 : 3, &b);
            if (k == 1 && x != v[atoi(row[0])]) differ("  double '%s' is not %.17g", row[k], v[atoi(row[0])]);
            if (!str_eq(buf_str(&b), str_of(row[k])))
                differ("  double '%s' is printed as '" STR_FMT "'", row[k], STR_ARG(buf_str(&b)));
            buf_release(&b);
        }
    }
    mysql_free_result(r);
    printf("%s doubles: %u differences\n", wrong == before ? "ok" : "FAILED", wrong - before);
}

static void check_sums(void)
{
    unsigned before = wrong, seed = 5, checked = 0;
    for (unsigned scale = 0; scale <= 30; scale++) {
        char sql[400];
        run("DROP TABLE IF EXISTS m");
        snprintf(sql, sizeof sql, "CREATE TABLE m (g INT, leg INT, v DECIMAL(%u,%u))", scale + 12, scale);
        run(sql);
        for (int i = 0; i < 120; i++) {
            char digits[64] = "0.";
            for (unsigned k = 0; k < scale; k++) digits[2 + k] = (char)('0' + rand_r(&seed) % 10);
            if (scale == 0) digits[0] = 0;
            snprintf(sql, sizeof sql, "INSERT INTO m VALUES (%d, %d, %s%d%s)", i % 13, rand_r(&seed) % 3,
                     rand_r(&seed) % 2 ? "-" : "", rand_r(&seed) % 1000000, scale ? digits + 1 : "");
            run(sql);
        }
        MYSQL_RES *whole = ask("SELECT g, SUM(v), AVG(v) FROM m GROUP BY g ORDER BY g");
        uint32_t sum_scale = mysql_fetch_field_direct(whole, 1)->decimals,
                 avg_scale = mysql_fetch_field_direct(whole, 2)->decimals;
        for (MYSQL_ROW row; (row = mysql_fetch_row(whole));) {
            snprintf(sql, sizeof sql, "SELECT SUM(v), COUNT(v) FROM m WHERE g = %s GROUP BY leg", row[0]);
            MYSQL_RES *legs = ask(sql);
            struct decimal_sum s;
            struct buf sum = {0}, avg = {0};
            uint64_t count = 0;
            decimal_sum_init(&s);
            for (MYSQL_ROW leg; (leg = mysql_fetch_row(legs));) {
                if (!decimal_sum_add(&s, str_of(leg[0]))) differ("  sum '%s' is not read", leg[0]);
                count += strtoull(leg[1], NULL, 10);
            }
            mysql_free_result(legs);
            if (!decimal_sum_put(&s, sum_scale, &sum) || !str_eq(buf_str(&sum), str_of(row[1])))
                differ("  scale %u: SUM '%s', merged '" STR_FMT "'", scale, row[1], STR_ARG(buf_str(&sum)));
            if (!decimal_average_put(&s, count, avg_scale, &avg) || !str_eq(buf_str(&avg), str_of(row[2])))
                differ("  scale %u: AVG '%s', merged '" STR_FMT "'", scale, row[2], STR_ARG(buf_str(&avg)));
            decimal_sum_release(&s);
            buf_release(&sum);
            buf_release(&avg);
            checked++;
        }
        mysql_free_result(whole);
    }
    printf("%s sums: %u groups, %u differences\n", wrong == before ? "ok" : "FAILED", checked,
           wrong - before);
}

#include "merge_rows.h"

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: merge_check HOST PORT USER PASSWORD [all]\n");
        return 2;
    }
    bool local = argv[1][0] == '/';
    my = mysql_init(NULL);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(my, local ? NULL : argv[1], argv[3], argv[4], NULL, (unsigned)atoi(argv[2]),
                            local ? argv[1] : NULL, 0))
        die("connect");
    run("SET SESSION sql_mode=''");
    run("DROP DATABASE IF EXISTS weir_check");
    run("CREATE DATABASE weir_check");
    run("USE weir_check");
    check_weights(argc > 5 && strcmp(argv[5], "all") == 0);
    check_doubles();
    check_sums();
    check_rows(argv[1], argv[2], argv[3], argv[4]);
    run("DROP DATABASE weir_check");
    mysql_close(my);
    return wrong != 0;
}
