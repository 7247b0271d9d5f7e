/*
 * scripted_server.c - a MySQL server that misbehaves on command, for the tests of "a server that hangs in the
 * handshake, closes within a packet, fails at each point".
 *
 *   script file -> sections -> [one thread a connection] blocking sends and receives, one log line an event
 * on stdout
 *
 * The n-th connection follows the n-th section (a line `connection`); the last section serves all that come
 * later. Lines before the first `connection` are a section too. What a well-behaved server would do between
 * the mischief comes from a real one: with --upstream, `relay-until TEXT` passes everything through (the
 * login too) until the client sends a command that contains TEXT; that command is held back and the script
 * goes on. So a script does not depend on the settings, health checks and metadata questions that a proxy
 * sends first. Without an upstream `serve` and `serve-until` answer by themselves.
 *
 * Run with --help for the lines a script may have. Each event is logged as `NUMBER event`, NUMBER counting
 * connections.
 */
#include "mini.h"

#include <ctype.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <strings.h>

enum { MAX_LINES = 4096, MAX_SECTIONS = 256, MAX_PACKET = 80 << 20 };

struct line {
    unsigned number;
    char *verb, *rest;
    atomic_bool taken; /* `once`: somebody was here */
};

static struct line lines[MAX_LINES];
static unsigned nlines, sections[MAX_SECTIONS + 1], nsections;
static const char *script_path, *version = "8.0.36", *plugin = "mysql_native_password", *upstream;
static atomic_uint signals;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

struct peer {
    unsigned number;
    int fd, up; /* up: the upstream server, -1 none */
    uint32_t caps;
    uint8_t seq; /* of the next packet that is sent */
    unsigned status;
    struct mb held;  /* the last command, whole packets */
    uint32_t drop_caps; /* taken out of the greeting that is passed on */
    long claim, cut; /* for the next packet: a false length, how many bytes of it are sent; -1: none */
    long trickle_us; /* each byte by itself, with this pause; -1: no */
    bool over;
};

__attribute__((format(printf, 2, 3))) static void say(const struct peer *c, const char *format, ...)
{
    va_list ap;
    pthread_mutex_lock(&log_lock);
    printf("%u ", c->number);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    pthread_mutex_unlock(&log_lock);
}

static void over(struct peer *c, const char *why)
{
    if (!c->over) say(c, "%s", why);
    c->over = true;
}

/* ---- bytes out ---- */

static void send_raw(struct peer *c, const uint8_t *p, size_t n)
{
    while (n && !c->over) {
        ssize_t k = send(c->fd, p, c->trickle_us >= 0 ? 1 : n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            over(c, "gone");
            return;
        }
        p += k;
        n -= (size_t)k;
        if (c->trickle_us > 0) usleep((useconds_t)c->trickle_us);
    }
}

/* Sends packets; `claim` and `cut` befall the first of them. */
static void send_packets(struct peer *c, struct mb *b)
{
    if (b->n >= 4 && c->claim >= 0)
        for (int i = 0; i < 3; i++) b->p[i] = (uint8_t)(c->claim >> (8 * i));
    size_t n = c->cut >= 0 && (size_t)c->cut < b->n ? (size_t)c->cut : b->n;
    send_raw(c, b->p, n);
    c->claim = c->cut = -1;
    free(b->p);
}

/* ---- packets in ---- */

static bool recv_all(struct peer *c, int fd, uint8_t *p, size_t n)
{
    while (n) {
        ssize_t k = recv(fd, p, n, 0);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            over(c, fd == c->fd ? "closed by the client" : "closed by the upstream");
            return false;
        }
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* One command (or login) with all its packets into c->held. */
static bool recv_command(struct peer *c)
{
    size_t len;
    c->held.n = 0;
    do {
        size_t at = c->held.n;
        mb_zero(&c->held, 4);
        if (!recv_all(c, c->fd, c->held.p + at, 4)) return false;
        len = mini_packet_len(c->held.p + at);
        c->seq = (uint8_t)(c->held.p[at + 3] + 1);
        if (c->held.n + len > MAX_PACKET) {
            over(c, "a command that is too long");
            return false;
        }
        (void)mb_room(&c->held, len);
        if (!recv_all(c, c->fd, c->held.p + c->held.n, len)) return false;
        c->held.n += len;
    } while (len == 0xffffff);
    return true;
}

/* "#23": any command of that number. */
static bool held_has(const struct peer *c, const char *text)
{
    if (text[0] == '#') return c->held.n > 4 && c->held.p[4] == atoi(text + 1);
    return c->held.n > 4 && memmem(c->held.p + 4, c->held.n - 4, text, strlen(text)) != NULL;
}

static void say_command(const struct peer *c)
{
    if (c->held.n < 5) {
        say(c, "command empty");
        return;
    }
    size_t n = c->held.n - 5 < 400 ? c->held.n - 5 : 400;
    char text[401];
    for (size_t i = 0; i < n; i++) {
        uint8_t b = c->held.p[5 + i];
        text[i] = b < 32 || b > 126 ? '?' : (char)b;
    }
    text[n] = 0;
    say(c, "command %u %s", c->held.p[4], text);
}

/* ---- the lines ---- */

static void do_greeting(struct peer *c, const char *rest)
{
    static const uint8_t salt[20] = "scripted-scripted-sc";
    struct mb b = {0};
    char v[64];
    snprintf(v, sizeof v, "%s", *rest ? rest : version);
    mini_greeting(&b, v, 1000 + c->number, salt, plugin, 0);
    c->seq = 1;
    send_packets(c, &b);
}

static void do_expect_login(struct peer *c)
{
    if (!recv_command(c)) return;
    if (c->held.n >= 8) c->caps = (uint32_t)mini_le(c->held.p + 4, 4);
    say(c, "login %s", c->held.n > 36 ? (const char *)c->held.p + 36 : "");
}

static void do_expect(struct peer *c, const char *text)
{
    if (!recv_command(c)) return;
    say_command(c);
    if (!held_has(c, text)) over(c, "UNEXPECTED");
}

static void do_ok(struct peer *c, const char *rest)
{
    struct mb b = {0};
    unsigned long affected = 0, id = 0;
    (void)sscanf(rest, "%lu %lu", &affected, &id);
    mini_ok(&b, &c->seq, 0, affected, id, c->status, NULL);
    send_packets(c, &b);
}

static void do_err(struct peer *c, const char *rest)
{
    struct mb b = {0};
    unsigned code = 0;
    char state[6] = "HY000";
    int at = 0;
    (void)sscanf(rest, "%u %5s %n", &code, state, &at);
    mini_err(&b, &c->seq, code, strcmp(state, "-") == 0 ? NULL : state, rest + at);
    send_packets(c, &b);
}

static void do_end(struct peer *c, bool always_eof)
{
    struct mb b = {0};
    if (!always_eof && c->caps & CAP_DEPRECATE_EOF)
        mini_ok(&b, &c->seq, 0xfe, 0, 0, c->status, NULL);
    else
        mini_eof(&b, &c->seq, c->status);
    send_packets(c, &b);
}

/* columns id:int name:char ... */
static void do_columns(struct peer *c, const char *rest)
{
    struct mb b = {0};
    char copy[1024], *save = NULL;
    unsigned n = 0;
    snprintf(copy, sizeof copy, "%s", rest);
    for (const char *p = rest; *p; p++) n += *p == ':';
    size_t at = mb_begin(&b);
    mb_lenenc(&b, n);
    mb_end(&b, at, &c->seq);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *type = strchr(w, ':');
        if (!type) continue;
        *type++ = 0;
        bool is_int = strcmp(type, "int") == 0;
        mini_column(&b, &c->seq, "t", w, is_int ? 3 : 253, is_int ? 63 : 45, is_int ? 11 : 400, 0);
    }
    if (!(c->caps & CAP_DEPRECATE_EOF)) mini_eof(&b, &c->seq, c->status);
    send_packets(c, &b);
}

static void do_row(struct peer *c, const char *rest)
{
    struct mb b = {0};
    char *copy = strdup(rest), *save = NULL;
    if (!copy) mini_die("out of memory");
    size_t at = mb_begin(&b);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (strcmp(w, "NULL") == 0)
            mb_le(&b, 0xfb, 1);
        else
            mb_lenz(&b, w);
    }
    mb_end(&b, at, &c->seq);
    free(copy);
    send_packets(c, &b);
}

/* rows COUNT WIDTH: an ascending integer and, when WIDTH is not 0, a text of so many bytes. */
static void do_rows(struct peer *c, const char *rest)
{
    unsigned long count = 0, width = 0;
    (void)sscanf(rest, "%lu %lu", &count, &width);
    for (unsigned long r = 0; r < count && !c->over;) {
        struct mb b = {0};
        do {
            char text[24];
            size_t at = mb_begin(&b);
            snprintf(text, sizeof text, "%lu", r);
            mb_lenz(&b, text);
            if (width) {
                mb_lenenc(&b, width);
                memset(mb_room(&b, width), 'x', width);
                b.n += width;
            }
            mb_end(&b, at, &c->seq);
        } while (++r < count && b.n < 60000);
        send_packets(c, &b);
    }
}

static void do_hex(struct peer *c, const char *rest, bool framed)
{
    struct mb b = {0};
    size_t at = framed ? mb_begin(&b) : 0;
    for (const char *p = rest; *p; p++) {
        unsigned v;
        if (isspace((unsigned char)*p)) continue;
        if (sscanf(p, "%2x", &v) != 1 || !isxdigit((unsigned char)p[1])) {
            over(c, "SCRIPT: not hexadecimal");
            break;
        }
        mb_le(&b, v, 1);
        p++;
    }
    if (framed) mb_end(&b, at, &c->seq);
    send_packets(c, &b);
}

/* Waits until the client has gone; what it sends meanwhile is thrown away. */
static void do_hang(struct peer *c)
{
    uint8_t b[4096];
    say(c, "hangs");
    while (recv(c->fd, b, sizeof b, 0) > 0) {
    }
    over(c, "closed by the client");
}

static void do_wait_signal(struct peer *c)
{
    unsigned before = atomic_load(&signals);
    say(c, "waits for SIGUSR1");
    while (atomic_load(&signals) == before) {
        struct pollfd pf = {.fd = c->fd, .events = POLLRDHUP};
        (void)poll(&pf, 1, 10);
        if (pf.revents & (POLLHUP | POLLERR | POLLRDHUP)) {
            over(c, "closed by the client");
            return;
        }
    }
    say(c, "goes on");
}

/* Answers by itself until a command contains `text` (NULL: to the end). */
static void do_serve(struct peer *c, const char *text)
{
    while (!c->over && recv_command(c)) {
        say_command(c);
        if (c->held.n < 5 || c->held.p[4] == COM_QUIT) {
            over(c, "quit");
            return;
        }
        if (text && held_has(c, text)) return;
        if (c->held.p[4] == COM_QUERY && c->held.n > 11 &&
            strncasecmp((const char *)c->held.p + 5, "SELECT", 6) == 0) {
            do_columns(c, "1:int");
            do_row(c, "1");
            do_end(c, false);
        } else {
            do_ok(c, "1");
        }
    }
}

static bool need_upstream(struct peer *c)
{
    if (c->up >= 0) return true;
    if (!upstream) {
        over(c, "SCRIPT: needs --upstream");
        return false;
    }
    struct sockaddr_in a = mini_address(upstream);
    c->up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->up < 0 || connect(c->up, (struct sockaddr *)&a, sizeof a) < 0) {
        over(c, "no upstream");
        return false;
    }
    mini_nodelay(c->up);
    return true;
}

static bool forward_held(struct peer *c)
{
    const uint8_t *p = c->held.p;
    for (size_t n = c->held.n; n;) {
        ssize_t k = send(c->up, p, n, MSG_NOSIGNAL);
        if (k <= 0) {
            over(c, "closed by the upstream");
            return false;
        }
        p += k;
        n -= (size_t)k;
    }
    c->held.n = 0;
    return true;
}

/* The greeting, as from a server that cannot do so much. */
static void drop_capabilities(const struct peer *c, uint8_t *p, size_t n)
{
    const uint8_t *end = n > 5 ? memchr(p + 5, 0, n - 5) : NULL;
    if (!c->drop_caps || !end || (size_t)(end - p) + 1 + 4 + 9 + 7 > n) return;
    uint8_t *low = p + (end - p) + 1 + 4 + 9, *high = low + 5;
    for (int i = 0; i < 2; i++) {
        low[i] &= (uint8_t)~(c->drop_caps >> (8 * i));
        high[i] &= (uint8_t)~(c->drop_caps >> (16 + 8 * i));
    }
}

/* Passes through until a command of the client contains `text` (NULL: to the end), or `budget` bytes came
 * from the server. */
static void do_relay(struct peer *c, const char *text, long budget)
{
    uint8_t b[65536];
    while (!c->over && budget != 0) {
        struct pollfd pf[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->up, .events = POLLIN}};
        if (poll(pf, 2, -1) < 0) continue;
        if (pf[1].revents) {
            ssize_t n = recv(c->up, b, budget > 0 && budget < (long)sizeof b ? (size_t)budget : sizeof b, 0);
            if (n <= 0) {
                over(c, "closed by the upstream");
                return;
            }
            if (!c->caps) drop_capabilities(c, b, (size_t)n);
            if (budget > 0) budget -= n;
            send_raw(c, b, (size_t)n);
        }
        if (pf[0].revents) {
            if (!recv_command(c)) return;
            if (!c->caps && c->held.n > 36) { /* the login */
                c->caps = (uint32_t)mini_le(c->held.p + 4, 4);
                say(c, "login %s", (const char *)c->held.p + 36);
            } else {
                say_command(c);
                if (text && c->held.n > 5 && c->held.p[3] == 0 && held_has(c, text)) return;
            }
            if (!forward_held(c)) return;
        }
    }
}

/* prepare-ok ID PARAMS COLUMNS: the first packet of the answer to COM_STMT_PREPARE, and no definitions. */
static void do_prepare_ok(struct peer *c, const char *rest)
{
    struct mb b = {0};
    unsigned long id = 1, params = 0, columns = 0;
    (void)sscanf(rest, "%lu %lu %lu", &id, &params, &columns);
    size_t at = mb_begin(&b);
    mb_le(&b, 0, 1);
    mb_le(&b, id, 4);
    mb_le(&b, columns, 2);
    mb_le(&b, params, 2);
    mb_le(&b, 0, 3);
    mb_end(&b, at, &c->seq);
    send_packets(c, &b);
}

static void do_reset(struct peer *c)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    over(c, "resets");
}

static void step(struct peer *c, struct line *l)
{
    const char *v = l->verb, *r = l->rest;
    if (strcmp(v, "greeting") == 0)
        do_greeting(c, r);
    else if (strcmp(v, "greeting-partial") == 0)
        c->cut = atol(r), do_greeting(c, "");
    else if (strcmp(v, "expect-login") == 0)
        do_expect_login(c);
    else if (strcmp(v, "login") == 0)
        do_greeting(c, r), do_expect_login(c), c->over ? (void)0 : do_ok(c, "");
    else if (strcmp(v, "expect-query") == 0 || strcmp(v, "expect-command") == 0)
        do_expect(c, r);
    else if (strcmp(v, "ok") == 0)
        do_ok(c, r);
    else if (strcmp(v, "err") == 0)
        do_err(c, r);
    else if (strcmp(v, "eof") == 0)
        do_end(c, true);
    else if (strcmp(v, "end") == 0)
        do_end(c, false);
    else if (strcmp(v, "columns") == 0)
        do_columns(c, r);
    else if (strcmp(v, "row") == 0)
        do_row(c, r);
    else if (strcmp(v, "rows") == 0)
        do_rows(c, r);
    else if (strcmp(v, "send") == 0)
        do_hex(c, r, false);
    else if (strcmp(v, "packet") == 0)
        do_hex(c, r, true);
    else if (strcmp(v, "seq") == 0)
        c->seq = (uint8_t)atoi(r);
    else if (strcmp(v, "length") == 0)
        c->claim = atol(r);
    else if (strcmp(v, "cut") == 0)
        c->cut = atol(r);
    else if (strcmp(v, "status") == 0)
        c->status = (unsigned)strtoul(r, NULL, 0);
    else if (strcmp(v, "trickle") == 0)
        c->trickle_us = strcmp(r, "off") == 0 ? -1 : atol(r);
    else if (strcmp(v, "delay") == 0)
        usleep((useconds_t)(1000 * atol(r)));
    else if (strcmp(v, "delay-until-signal") == 0)
        do_wait_signal(c);
    else if (strcmp(v, "hang") == 0)
        do_hang(c);
    else if (strcmp(v, "reset") == 0)
        do_reset(c);
    else if (strcmp(v, "close") == 0)
        over(c, "closes");
    else if (strcmp(v, "serve") == 0)
        do_serve(c, NULL);
    else if (strcmp(v, "serve-until") == 0)
        do_serve(c, r);
    else if (strcmp(v, "relay") == 0)
        need_upstream(c) ? do_relay(c, NULL, -1) : (void)0;
    else if (strcmp(v, "relay-until") == 0)
        need_upstream(c) ? do_relay(c, r, -1) : (void)0;
    else if (strcmp(v, "relay-bytes") == 0 && need_upstream(c) && forward_held(c))
        do_relay(c, NULL, atol(r));
    else if (strcmp(v, "without") == 0)
        c->drop_caps = (uint32_t)strtoul(r, NULL, 0);
    else if (strcmp(v, "prepare-ok") == 0)
        do_prepare_ok(c, r);
    else if (strcmp(v, "forward") == 0 && need_upstream(c))
        (void)forward_held(c);
}

/* ---- connections ---- */

static void *serve(void *arg)
{
    struct peer *c = arg;
    unsigned s = c->number - 1 < nsections ? c->number - 1 : nsections - 1;
    say(c, "accepted");
    for (unsigned i = sections[s]; i < sections[s + 1] && !c->over; i++) {
        struct line *l = &lines[i];
        if (strcmp(l->verb, "once") == 0) {
            if (!atomic_exchange(&l->taken, true)) continue;
            if (!upstream && c->held.n) do_ok(c, "1");
            if (!upstream)
                do_serve(c, NULL);
            else if (need_upstream(c) && forward_held(c))
                do_relay(c, NULL, -1);
            break;
        }
        if (strcmp(l->verb, "again") == 0) {
            i = sections[s] - 1;
            if (*l->rest)
                while (i + 1 < sections[s + 1] &&
                       (strcmp(lines[i + 1].verb, "label") != 0 || strcmp(lines[i + 1].rest, l->rest) != 0))
                    i++;
            continue;
        }
        step(c, l);
    }
    if (!c->over) say(c, "script ended");
    close(c->fd);
    if (c->up >= 0) close(c->up);
    free(c->held.p);
    free(c);
    return NULL;
}

/* ---- the script ---- */

static const char *const verbs[] = {"connection",   "label",
                                    "again",        "once",
                                    "greeting",     "greeting-partial",
                                    "expect-login", "login",
                                    "expect-query", "expect-command",
                                    "ok",           "err",
                                    "eof",          "end",
                                    "columns",      "row",
                                    "rows",         "send",
                                    "packet",       "seq",
                                    "length",       "cut",
                                    "status",       "trickle",
                                    "delay",        "delay-until-signal",
                                    "hang",         "reset",
                                    "close",        "serve",
                                    "serve-until",  "relay",
                                    "relay-until",  "relay-bytes",
                                    "forward",      "without",
                                    "prepare-ok"};

static void add_line(unsigned number, char *text)
{
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) *--end = 0;
    while (isspace((unsigned char)*text)) text++;
    if (!*text || *text == '#') return;
    char *rest = text;
    while (*rest && !isspace((unsigned char)*rest)) rest++;
    if (*rest) *rest++ = 0;
    while (isspace((unsigned char)*rest)) rest++;
    bool known = false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) known |= strcmp(verbs[i], text) == 0;
    if (!known) mini_die("%s:%u: unknown line '%s'", script_path, number, text);
    if (strcmp(text, "connection") == 0) {
        if (nlines == 0) return;
        if (nsections == MAX_SECTIONS)
            mini_die("%s:%u: more than %d sections", script_path, number, MAX_SECTIONS);
        sections[nsections++] = nlines;
        return;
    }
    if (nlines == MAX_LINES) mini_die("%s:%u: more than %d lines", script_path, number, MAX_LINES);
    struct line *l = &lines[nlines++];
    l->number = number;
    l->verb = strdup(text);
    l->rest = strdup(rest);
    if (!l->verb || !l->rest) mini_die("out of memory");
}

static void read_script(void)
{
    FILE *f = strcmp(script_path, "-") == 0 ? stdin : fopen(script_path, "r");
    if (!f) mini_die("%s: %s", script_path, strerror(errno));
    char *text = NULL;
    size_t cap = 0;
    nsections = 1;
    for (unsigned number = 1; getline(&text, &cap, f) >= 0; number++) add_line(number, text);
    free(text);
    if (f != stdin) fclose(f);
    if (!nlines) mini_die("%s: an empty script", script_path);
    sections[nsections] = nlines;
}

static void on_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&signals, 1);
}

static const char usage[] =
    "scripted_server [--listen [HOST:]PORT] [--upstream [HOST:]PORT] [--version TEXT] [--auth PLUGIN] "
    "SCRIPT\n"
    "Prints 'listening PORT', then a line for each event. SCRIPT is a file, or - for standard input. Its "
    "lines:\n"
    "  connection              begins the section of the next connection; the last section serves all later "
    "ones\n"
    "  greeting [VERSION]      the handshake packet; greeting-partial N: only its first N bytes\n"
    "  expect-login            read the login; login: greeting, expect-login, ok\n"
    "  expect-query [TEXT]     read a command, which must contain TEXT (else UNEXPECTED is logged and the "
    "connection closed)\n"
    "  ok [AFFECTED [ID]]      err CODE STATE TEXT (STATE - : without one)      eof      end (EOF or OK, as "
    "the client asked)\n"
    "  columns NAME:int NAME:char ...      row VALUE NULL ...      rows COUNT WIDTH\n"
    "  send HEX                raw bytes; packet HEX: as the payload of a packet\n"
    "  seq N                   the sequence number of the next packet\n"
    "  length N                the next packet claims this length; cut N: only its first N bytes are sent\n"
    "  status N                status flags from now on; trickle US|off: byte by byte from now on\n"
    "  delay MS                delay-until-signal: until SIGUSR1      hang: until the client closes\n"
    "  close                   reset: close with RST\n"
    "  serve                   answer everything with OK or one row; serve-until TEXT: until a command "
    "contains TEXT\n"
    "  relay                   pass everything to and from --upstream; relay-until TEXT: until a command "
    "contains TEXT,\n"
    "                          which is held back; TEXT of #23: until a command of that number\n"
    "  without MASK            take these capabilities out of the greeting that is passed on\n"
    "  prepare-ok ID P C       the answer to PREPARE: P parameters, C columns; no definitions\n"
    "  forward                 send the held command on; relay-bytes N: the same, and pass only N bytes of "
    "its reply\n"
    "  once                    only the first connection that comes here goes on; others relay (or serve) to "
    "the end\n"
    "  label NAME, again [NAME]   go back to the label, or to the start of the section\n";

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"listen", 1, NULL, 'l'},  {"upstream", 1, NULL, 'u'},
                                          {"version", 1, NULL, 'v'}, {"auth", 1, NULL, 'a'},
                                          {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
    const char *address = "127.0.0.1:0";
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'l': address = optarg; break;
        case 'u': upstream = optarg; break;
        case 'v': version = optarg; break;
        case 'a': plugin = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind + 1 != argc) mini_die("one script is needed\n%s", usage);
    script_path = argv[optind];
    read_script();
    signal(SIGUSR1, on_signal);
    int lfd = mini_listen(address);
    for (unsigned number = 1;;) {
        int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        mini_nodelay(fd);
        struct peer *c = mini_alloc(sizeof *c);
        *c = (struct peer){.number = number++,
                           .fd = fd,
                           .up = -1,
                           .status = STATUS_AUTOCOMMIT,
                           .claim = -1,
                           .cut = -1,
                           .trickle_us = -1};
        pthread_t t;
        if (pthread_create(&t, NULL, serve, c) != 0) mini_die("cannot start a thread");
        pthread_detach(t);
    }
}
