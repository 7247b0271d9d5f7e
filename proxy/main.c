/*
 * main.c - the program: serve, check, explain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/net/net.h"
#include "proxy/net/tls.h"

static const char usage[] =
    "Weir " WEIR_VERSION ": a sharding proxy that speaks the MySQL protocol\n"
    "\n"
    "  weir serve RULES                   run in the foreground; SIGHUP reloads RULES, SIGTERM drains and stops\n"
    "  weir check RULES                   report every fault in the rule file, or print the effective rules\n"
    "  weir explain RULES 'SQL' [--json] [--schema NAME] [--online]\n"
    "                                     show where a statement would go, without running it; --online asks the\n"
    "                                     servers for the tables' columns, as a running Weir does\n"
    "  weir help [rules]                  this text, or every key of the rule file\n"
    "  weir --version\n";

static int fail(const char *message)
{
    fprintf(stderr, "weir: %s\nTry 'weir help'.\n", message);
    return 2;
}

static int write_out(FILE *to, const struct buf *b)
{
    if (b->failed || (b->len && fwrite(b->data, 1, b->len, to) != b->len) || fflush(to) != 0) {
        perror("weir: output");
        return 1;
    }
    return 0;
}

static struct conf *load(const char *path)
{
    struct diag d;
    struct buf text = {0};
    diag_init(&d);
    struct conf *c = conf_load(path, &d);
    diag_print(&d, &text);
    (void)write_out(stderr, &text);
    if (!c) fprintf(stderr, "%s: %u fault%s\n", path, d.errors, d.errors == 1 ? "" : "s");
    buf_release(&text);
    diag_release(&d);
    return c;
}

static int check(const char *path)
{
    struct conf *c = load(path);
    if (!c) return 1;
    struct diag d;
    diag_init(&d);
    bool files = tls_check(c, &d);
    struct router *r = router_new(c, &d);
    struct buf out = {0}, faults = {0};
    int rc = 1;
    diag_print(&d, &faults);
    (void)write_out(stderr, &faults);
    if (r && files) {
        conf_print(c, &out);
        rc = write_out(stdout, &out);
    }
    if (r) router_free(r);
    buf_release(&faults);
    buf_release(&out);
    diag_release(&d);
    conf_free(c);
    return rc;
}

struct explain {
    const char *rules, *sql, *schema;
    bool json, online;
};

static int explain_with(const struct explain *x, const struct conf *c, const struct router *r, struct catalog *cat)
{
    struct sql_scan scan = {0};
    struct sql_options opt = {.mariadb = true};
    struct arena a;
    struct plan *p = NULL;
    struct fault f = {0};
    struct buf out = {0};
    int rc = 1;
    arena_init(&a, 256 << 20);
    struct plan_env env = {.router = r, .catalog = cat, .schema = x->schema ? str_of(x->schema) : c->nschemas ? c->schemas[0].name : STR_NULL};
    if (sql_scan(&scan, x->sql, strlen(x->sql), 0, &opt) != SQL_OK) fprintf(stderr, "weir: out of memory\n");
    else if (plan_build(&env, &scan, &a, &p, &f) != SQL_OK) fprintf(stderr, "ERROR %u (%s): " STR_FMT "\n", f.code, f.state, STR_ARG(f.message));
    else {
        plan_explain(p, &scan, &a, x->json, &out);
        rc = write_out(stdout, &out);
        if (plan_info(p)->kind == PLAN_REFUSED) rc = 1;
        plan_unref(p);
    }
    buf_release(&out);
    arena_release(&a);
    sql_scan_release(&scan);
    return rc;
}

static int explain(const struct explain *x)
{
    struct conf *c = load(x->rules);
    if (!c) return 1;
    struct diag d;
    struct buf text = {0};
    diag_init(&d);
    struct router *r = router_new(c, &d);
    struct catalog *cat = r && x->online ? control_load_catalog(r, &d) : NULL;
    diag_print(&d, &text);
    (void)write_out(stderr, &text);
    int rc = r ? explain_with(x, c, r, cat) : 1;
    catalog_unref(cat);
    if (r) router_free(r);
    buf_release(&text);
    diag_release(&d);
    conf_free(c);
    return rc;
}

static int explain_args(int argc, char **argv)
{
    struct explain x = {0};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) x.json = true;
        else if (strcmp(argv[i], "--online") == 0) x.online = true;
        else if (strcmp(argv[i], "--schema") == 0 && i + 1 < argc) x.schema = argv[++i];
        else if (argv[i][0] == '-' && argv[i][1] == '-') return fail("explain: unknown option");
        else if (!x.rules) x.rules = argv[i];
        else if (!x.sql) x.sql = argv[i];
        else return fail("explain: too many arguments; quote the statement");
    }
    if (!x.sql) return fail("explain: needs a rule file and a statement");
    return explain(&x);
}

static int help(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[2], "rules") == 0) {
        struct buf out = {0};
        conf_help(&out);
        int rc = write_out(stdout, &out);
        buf_release(&out);
        return rc;
    }
    fputs(usage, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return 2;
    }
    const char *verb = argv[1];
    if (strcmp(verb, "--version") == 0 || strcmp(verb, "version") == 0) {
        puts("weir " WEIR_VERSION);
        return 0;
    }
    if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) return help(argc, argv);
    if (strcmp(verb, "explain") == 0) return explain_args(argc, argv);
    if (strcmp(verb, "serve") == 0) return argc == 3 ? server_run(argv[2]) : fail("serve: needs one rule file");
    if (strcmp(verb, "check") == 0) return argc == 3 ? check(argv[2]) : fail("check: needs one rule file");
    return fail("unknown command");
}
