/*
 * loadgen.c - the load generator: N logged-in MySQL connections in a closed loop, from one thread.
 *
 *   log in all -> [ready, wait for a line on stdin: --handshake] -> run -> one line of JSON -> [wait for
 * stdin to close]
 *
 * Each connection sends its statement, follows the packets of the reply to its end, and at once sends the
 * next one. The follower reads headers and the first bytes of a payload, never rows, but it counts them; it
 * can demand that every reply has so many rows (--rows) and that the first column ascends (--ascending), for
 * a proxy that is fast and wrong must fail. %d in the statement is replaced by a pseudo-random number from 1
 * to --range, the same sequence in each run.
 */
#include "../servers/mini.h"

#include <getopt.h>
#include <poll.h>
#include <sys/epoll.h>

enum { PEEK = 32, PEEK_ERROR = 240 /* an error is kept whole */, READ_SIZE = 262144, HISTOGRAM = 64 * 32 };

enum phase { LOGIN, IDLE, HEADER, COLUMNS, COLUMNS_END, ROWS, DEAD };
struct conn {
    int fd;
    enum phase phase;
    uint8_t head[4], have_head; /* the header of the packet that arrives */
    uint8_t seq;
    uint8_t peek[PEEK_ERROR];
    uint32_t have, len; /* of the payload */
    bool continued;     /* the packet before was full: this is more of the same */
    uint64_t columns, rows;
    int64_t last_key;
    uint64_t sent_at;
};

static struct {
    struct sockaddr_in target;
    const char *user, *password, *db, *query, *plugin;
    long connections, count, seconds_ms, rows, range, idle, timeout;
    bool deprecate, ascending, handshake, json, touch;
    uint32_t seed;
} opt = {.user = "bench",
         .password = "bench",
         .db = NULL,
         .query = "SELECT c FROM sbtest1 WHERE id=%d",
         .plugin = "mysql_native_password",
         .connections = 16,
         .rows = -1,
         .range = 100000,
         .timeout = 20,
         .deprecate = true,
         .seed = 1};

static struct conn *conns;
static int ep;
static uint8_t in[READ_SIZE];
static struct mb query_packet;
static size_t query_head_len;  /* of opt.query, up to %d */
static const char *query_tail; /* behind %d */
static bool query_has_number;
static uint64_t done, total_rows, errors, wrong, started, deadline, bytes_in;
static uint64_t histogram[HISTOGRAM]; /* 32 steps for each power of two of microseconds/16 */
static char first_error[400];
static bool stopping;
static long active;

static void complain(uint64_t *counter, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(uint64_t *counter, const char *format, ...)
{
    ++*counter;
    if (first_error[0]) return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(first_error, sizeof first_error, format, ap);
    va_end(ap);
    for (char *p = first_error; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\') *p = '\'';
}

/* ---- latency: log-linear, error below 3 % ---- */

static unsigned bucket_of(uint64_t ns)
{
    uint64_t v = ns >> 6;
    if (v < 32) return (unsigned)v;
    unsigned power = 63u - (unsigned)__builtin_clzll(v);
    unsigned b = (power - 4) * 32 + (unsigned)((v >> (power - 5)) & 31);
    return b < HISTOGRAM ? b : HISTOGRAM - 1;
}

static double bucket_us(unsigned b)
{
    uint64_t v = b < 32 ? b : (uint64_t)(32 + (b & 31)) << (b / 32 - 1);
    return (double)(v << 6) / 1000;
}

static double percentile(double share)
{
    uint64_t sum = 0, all = 0;
    for (unsigned i = 0; i < HISTOGRAM; i++) all += histogram[i];
    for (unsigned i = 0; i < HISTOGRAM; i++) {
        sum += histogram[i];
        if (all && (double)sum >= share * (double)all) return bucket_us(i);
    }
    return 0;
}

/* ---- sending ---- */

static uint32_t random_id(void)
{
    uint32_t x = opt.seed;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    opt.seed = x;
    return x % (uint32_t)opt.range + 1;
}

/* The packet is put together again for each statement: its length follows the number, as with a real client.
 */
static void prepare_query(void)
{
    const char *mark = strstr(opt.query, "%d");
    query_tail = mark ? mark + 2 : "";
    query_head_len = mark ? (size_t)(mark - opt.query) : strlen(opt.query);
    query_has_number = mark != NULL;
}

static void build_query(void)
{
    uint8_t seq = 0;
    query_packet.n = 0;
    size_t at = mb_begin(&query_packet);
    mb_le(&query_packet, COM_QUERY, 1);
    mb_put(&query_packet, opt.query, query_head_len);
    if (query_has_number) {
        char text[16];
        int n = snprintf(text, sizeof text, "%u", random_id());
        mb_put(&query_packet, text, (size_t)n);
        mb_put(&query_packet, query_tail, strlen(query_tail));
    }
    mb_end(&query_packet, at, &seq);
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0 && errno == EAGAIN) {
            struct pollfd pf = {.fd = fd, .events = POLLOUT};
            (void)poll(&pf, 1, 1000);
            continue;
        }
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static void conn_dead(struct conn *c, const char *why)
{
    complain(&errors, "connection %ld: %s", (long)(c - conns), why);
    if (c->phase == HEADER || c->phase == COLUMNS || c->phase == COLUMNS_END || c->phase == ROWS) active--;
    c->phase = DEAD;
    close(c->fd);
    c->fd = -1;
}

static void send_query(struct conn *c)
{
    uint64_t now = mini_now_ns();
    if (stopping || (opt.count && done + (uint64_t)active >= (uint64_t)opt.count) ||
        (deadline && now >= deadline)) {
        stopping = true;
        c->phase = IDLE;
        return;
    }
    build_query();
    c->phase = HEADER;
    c->seq = 1;
    c->rows = 0;
    c->last_key = INT64_MIN;
    c->sent_at = now;
    active++;
    if (!send_all(c->fd, query_packet.p, query_packet.n)) conn_dead(c, "cannot send");
}

/* ---- following a reply ---- */

static void reply_done(struct conn *c, unsigned status, bool failed)
{
    if (status & STATUS_MORE_RESULTS) {
        c->phase = HEADER;
        return;
    }
    uint64_t ns = mini_now_ns() - c->sent_at;
    histogram[bucket_of(ns)]++;
    done++;
    active--;
    total_rows += c->rows;
    if (!failed && opt.rows >= 0 && c->rows != (uint64_t)opt.rows)
        complain(&wrong, "a reply has %llu rows, not %ld", (unsigned long long)c->rows, opt.rows);
    c->phase = IDLE;
    send_query(c);
}

static void check_key(struct conn *c)
{
    size_t at = 0, n = c->have;
    uint64_t len;
    int64_t key = 0;
    if (!mini_lenenc(c->peek, n, &at, &len) || len > 20 || len > n - at) {
        complain(&wrong, "the first column of a row is not an integer");
        return;
    }
    for (size_t i = 0; i < len; i++) key = key * 10 + (c->peek[at + i] - '0');
    if (key < c->last_key)
        complain(&wrong, "row %llu: %lld comes after %lld", (unsigned long long)c->rows, (long long)key,
                 (long long)c->last_key);
    c->last_key = key;
}

static unsigned ok_status(const struct conn *c)
{
    size_t at = 1;
    uint64_t v;
    if (!mini_lenenc(c->peek, c->have, &at, &v) || !mini_lenenc(c->peek, c->have, &at, &v) ||
        c->have < at + 2)
        return 0;
    return (unsigned)mini_le(c->peek + at, 2);
}

/* A packet has ended: its header, its length and the first bytes of its payload are there. */
static void packet(struct conn *c)
{
    uint8_t first = c->have ? c->peek[0] : 0xff;
    size_t at = 0;
    if (first == 0xff && (c->phase == HEADER || c->phase == ROWS)) {
        unsigned code = c->have >= 3 ? (unsigned)mini_le(c->peek + 1, 2) : 0;
        complain(&errors, "error %u: %.*s", code, c->have > 9 ? (int)c->have - 9 : 0,
                 (const char *)c->peek + 9);
        reply_done(c, 0, true);
        return;
    }
    switch (c->phase) {
    case HEADER:
        if (first == 0) {
            reply_done(c, ok_status(c), false);
        } else if (!mini_lenenc(c->peek, c->have, &at, &c->columns) || c->columns > 4096) {
            conn_dead(c, "a reply begins with neither OK, ERR nor a number of columns");
        } else {
            c->phase = COLUMNS;
        }
        return;
    case COLUMNS:
        if (--c->columns == 0) c->phase = opt.deprecate ? ROWS : COLUMNS_END;
        return;
    case COLUMNS_END:
        if (first != 0xfe || c->len > 8)
            conn_dead(c, "no EOF after the columns");
        else
            c->phase = ROWS;
        return;
    case ROWS:
        if (first == 0xfe && (opt.deprecate ? c->len < 0xffffff : c->len < 9)) {
            reply_done(c, opt.deprecate ? ok_status(c) : (unsigned)mini_le(c->peek + 3, 2), false);
            return;
        }
        c->rows++;
        if (opt.ascending) check_key(c);
        return;
    case IDLE: conn_dead(c, "a packet that nobody asked for"); return;
    case LOGIN:
    case DEAD: return;
    }
}

static void follow(struct conn *c, const uint8_t *p, size_t n)
{
    while (n && c->phase != DEAD) {
        if (c->have_head < 4) {
            if (n >= 4 && c->have_head == 0) {
                memcpy(c->head, p, 4);
                c->have_head = 4;
                p += 4;
                n -= 4;
            } else {
                c->head[c->have_head++] = *p++;
                n--;
            }
            if (c->have_head < 4) continue;
            c->len = (uint32_t)mini_packet_len(c->head);
            if (c->head[3] != c->seq++) {
                conn_dead(c, "a wrong sequence number");
                return;
            }
            if (!c->continued) c->have = 0;
        }
        /* len counts down to 0 while `have` keeps the beginning; packet() wants the whole length, so it is
         * read again. */
        size_t take = n < c->len ? n : c->len;
        if (take && (c->have < PEEK || (c->have < PEEK_ERROR && c->peek[0] == 0xff))) {
            uint8_t first = c->have ? c->peek[0] : *p;
            size_t room = (first == 0xff ? PEEK_ERROR : PEEK) - c->have, keep = take < room ? take : room;
            memcpy(c->peek + c->have, p, keep);
            c->have += (uint32_t)keep;
        }
        p += take;
        n -= take;
        c->len -= (uint32_t)take;
        if (c->len) return;
        c->have_head = 0;
        c->len = (uint32_t)mini_packet_len(c->head);
        bool was = c->continued;
        c->continued = c->len == 0xffffff;
        if (c->continued) continue;
        if (was) c->len = 0xffffff;
        packet(c);
    }
}

/* ---- logging in: blocking, one after the other; not a part of what is measured ---- */

static uint8_t *read_packet(int fd, struct mb *b, uint8_t *seq)
{
    uint8_t head[4];
    for (size_t at = 0; at < 4;) {
        ssize_t n = recv(fd, head + at, 4 - at, 0);
        if (n <= 0) mini_die("login: the server closed the connection or was silent");
        at += (size_t)n;
    }
    size_t len = mini_packet_len(head);
    b->n = 0;
    mb_zero(b, len + 1); /* one zero byte more, so that texts end */
    for (size_t at = 0; at < len;) {
        ssize_t n = recv(fd, b->p + at, len - at, 0);
        if (n <= 0) mini_die("login: the server closed the connection within a packet");
        at += (size_t)n;
    }
    b->n = len;
    *seq = (uint8_t)(head[3] + 1);
    if (len == 0) mini_die("login: an empty packet");
    if (b->p[0] == 0xff) {
        bool state = len > 9 && b->p[3] == '#';
        mini_die("login: error %u: %s", len > 2 ? (unsigned)mini_le(b->p + 1, 2) : 0,
                 state     ? (char *)b->p + 9
                 : len > 3 ? (char *)b->p + 3
                           : "");
    }
    return b->p;
}

static size_t scramble(const char *plugin, const uint8_t *salt, uint8_t out[32])
{
    if (strcmp(plugin, "mysql_native_password") == 0) return mini_native(opt.password, salt, out);
    if (strcmp(plugin, "caching_sha2_password") == 0) return mini_sha2(opt.password, salt, out);
    mini_die("login: the server wants the plugin '%s'", plugin);
}

static void send_login(int fd, const uint8_t *salt, uint8_t seq)
{
    struct mb b = {0};
    uint8_t answer[32];
    size_t n = scramble(opt.plugin, salt, answer), at = mb_begin(&b);
    uint32_t caps = CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_PROTOCOL_41 | CAP_TRANSACTIONS |
                    CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS | CAP_PLUGIN_AUTH;
    if (opt.db) caps |= CAP_CONNECT_WITH_DB;
    if (opt.deprecate) caps |= CAP_DEPRECATE_EOF;
    mb_le(&b, caps, 4);
    mb_le(&b, 1 << 24, 4);
    mb_le(&b, 45, 1);
    mb_zero(&b, 23);
    mb_z(&b, opt.user);
    mb_le(&b, n, 1);
    mb_put(&b, answer, n);
    if (opt.db) mb_z(&b, opt.db);
    mb_z(&b, opt.plugin);
    mb_end(&b, at, &seq);
    if (!send_all(fd, b.p, b.n)) mini_die("login: cannot send");
    free(b.p);
}

static int log_in(void)
{
    struct mb b = {0};
    uint8_t seq, salt[20];
    struct timeval patience = {.tv_sec = opt.timeout};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&opt.target, sizeof opt.target) < 0)
        mini_die("cannot connect: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    mini_nodelay(fd);
    uint8_t *p = read_packet(fd, &b, &seq);
    size_t version = strlen((char *)p + 1);
    if (p[0] != 10 || b.n < version + 2 + 4 + 8 + 1 + 18 + 12)
        mini_die("login: not a greeting of version 10");
    p += version + 2 + 4;
    memcpy(salt, p, 8);
    memcpy(salt + 8, p + 8 + 1 + 18, 12);
    if (opt.deprecate && !(mini_le(p + 8 + 1 + 2 + 1 + 2, 2) << 16 & CAP_DEPRECATE_EOF))
        opt.deprecate = false;
    send_login(fd, salt, seq);
    for (;;) {
        p = read_packet(fd, &b, &seq);
        if (p[0] == 0) break;
        if (p[0] == 1 && b.n >= 2 && p[1] == 3) continue; /* caching_sha2: known, OK follows */
        if (p[0] == 1)
            mini_die("login: the server wants the full caching_sha2 exchange, which is not done here");
        size_t name = strlen((char *)p + 1);
        if (p[0] != 0xfe || b.n < name + 2 + 20) mini_die("login: a packet that begins with %u", p[0]);
        uint8_t answer[32];
        struct mb out = {0};
        size_t n = scramble((char *)p + 1, p + 1 + name + 1, answer), at = mb_begin(&out);
        mb_put(&out, answer, n > sizeof answer ? sizeof answer : n);
        mb_end(&out, at, &seq);
        if (!send_all(fd, out.p, out.n)) mini_die("login: cannot send");
        free(out.p);
    }
    free(b.p);
    return fd;
}

/* ---- running ---- */

static void wait_line(void)
{
    char c;
    while (read(0, &c, 1) == 1 && c != '\n') {
    }
}

static void wait_closed(void)
{
    char c[256];
    while (read(0, c, sizeof c) > 0) {
    }
}

static void idle(void)
{
    int *fds = mini_alloc((size_t)opt.idle * sizeof *fds);
    conns = mini_alloc(sizeof *conns);
    opt.count = 1;
    for (long i = 0; i < opt.idle; i++) {
        fds[i] = log_in();
        if (!opt.touch) continue;
        *conns = (struct conn){.fd = fds[i], .phase = IDLE};
        done = 0;
        stopping = false;
        send_query(conns);
        while (active > 0) {
            ssize_t n = recv(fds[i], in, sizeof in, 0);
            if (n <= 0) mini_die("no reply on idle connection %ld", i);
            follow(conns, in, (size_t)n);
        }
        if (errors) mini_die("idle connection %ld: %s", i, first_error);
    }
    printf("ready %ld\n", opt.idle);
    fflush(stdout);
    wait_closed();
    /* Each of them still answers? A proxy that dropped idle connections would look thrifty. */
    long lost = 0;
    for (long i = 0; i < opt.idle; i++) {
        static const uint8_t ping[5] = {1, 0, 0, 0, COM_PING};
        uint8_t answer[64];
        if (!send_all(fds[i], ping, sizeof ping) || recv(fds[i], answer, sizeof answer, 0) < 5 ||
            answer[4] != 0)
            lost++;
    }
    printf("{\"idle\": %ld, \"lost\": %ld}\n", opt.idle, lost);
    exit(lost ? 1 : 0);
}

static void run(void)
{
    started = mini_now_ns();
    if (opt.seconds_ms) deadline = started + (uint64_t)opt.seconds_ms * 1000000;
    uint64_t last = 0, silent = started;
    for (long i = 0; i < opt.connections; i++) send_query(&conns[i]);
    while (active > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(ep, events, 64, 1000);
        if (n < 0 && errno != EINTR) mini_die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->fd < 0) continue;
            ssize_t k = recv(c->fd, in, sizeof in, 0);
            if (k > 0) {
                bytes_in += (uint64_t)k;
                follow(c, in, (size_t)k);
            } else if (k == 0 || (errno != EAGAIN && errno != EINTR)) {
                conn_dead(c, k == 0 ? "closed by the server" : strerror(errno));
            }
        }
        if (bytes_in != last) {
            last = bytes_in;
            silent = mini_now_ns();
        } else if (mini_now_ns() - silent > (uint64_t)opt.timeout * 1000000000u) {
            complain(&errors, "no reply for %ld seconds, %ld statements unanswered", opt.timeout, active);
            break;
        }
    }
}

static void report(void)
{
    double s = (double)(mini_now_ns() - started) / 1e9;
    if (s <= 0) s = 1e-9;
    double p50 = percentile(0.50), p99 = percentile(0.99);
    if (opt.json) {
        printf(
            "{\"statements\": %llu, \"seconds\": %.6f, \"per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": "
            "%.1f, "
            "\"rows\": %llu, \"rows_per_second\": %.1f, \"bytes\": %llu, \"errors\": %llu, \"wrong\": %llu, "
            "\"first_error\": \"%s\"}\n",
            (unsigned long long)done, s, (double)done / s, p50, p99, (unsigned long long)total_rows,
            (double)total_rows / s, (unsigned long long)bytes_in, (unsigned long long)errors,
            (unsigned long long)wrong, first_error);
    } else {
        printf("statements   %llu in %.3f s, %.0f/s\nlatency      p50 %.1f us, p99 %.1f us\nrows         "
               "%llu, %.0f/s\n"
               "errors       %llu\nwrong        %llu\n",
               (unsigned long long)done, s, (double)done / s, p50, p99, (unsigned long long)total_rows,
               (double)total_rows / s, (unsigned long long)errors, (unsigned long long)wrong);
        if (first_error[0]) printf("the first    %s\n", first_error);
    }
    fflush(stdout);
}

static const char usage[] =
    "loadgen: MySQL connections in a closed loop.\n"
    "  --target [HOST:]PORT  needed\n"
    "  --user U --password P --db D   default bench, bench, none\n"
    "  --auth PLUGIN         mysql_native_password (default) or caching_sha2_password (fast path only)\n"
    "  --query TEXT          %d is replaced by a number from 1 to --range N (default 100000)\n"
    "  --connections N       default 16\n"
    "  --seconds S, --ms N or --count N   how long; default 3 seconds\n"
    "  --rows N              every reply must have N rows\n"
    "  --ascending           the first column must be an integer that never falls\n"
    "  --no-deprecate-eof    the older protocol with EOF packets\n"
    "  --timeout S           give up after so many silent seconds, default 20\n"
    "  --handshake           print 'ready', wait for a line on stdin, run, report, wait until stdin closes\n"
    "  --idle N              no statements: open N connections, print 'ready N', wait until stdin closes, "
    "ping each;\n"
    "  --touch               with --idle: each connection first sends the statement once\n"
    "  --json                the report as one line of JSON\n"
    "  --cpu N --seed N\n"
    "Exit status: 0 all well, 1 errors or wrong replies, 2 could not measure.\n";

static void options(int argc, char **argv)
{
    static const struct option longs[] = {{"target", 1, NULL, 't'},    {"user", 1, NULL, 'u'},
                                          {"password", 1, NULL, 'p'},  {"db", 1, NULL, 'd'},
                                          {"auth", 1, NULL, 'a'},      {"query", 1, NULL, 'q'},
                                          {"range", 1, NULL, 'r'},     {"connections", 1, NULL, 'n'},
                                          {"seconds", 1, NULL, 's'},   {"ms", 1, NULL, 'm'},
                                          {"count", 1, NULL, 'c'},     {"rows", 1, NULL, 'R'},
                                          {"ascending", 0, NULL, 'A'}, {"no-deprecate-eof", 0, NULL, 'E'},
                                          {"timeout", 1, NULL, 'T'},   {"handshake", 0, NULL, 'H'},
                                          {"idle", 1, NULL, 'i'},      {"json", 0, NULL, 'j'},
                                          {"cpu", 1, NULL, 'C'},       {"seed", 1, NULL, 'S'},
                                          {"touch", 0, NULL, 'O'},     {"help", 0, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *target = NULL;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 't': target = optarg; break;
        case 'u': opt.user = optarg; break;
        case 'p': opt.password = optarg; break;
        case 'd': opt.db = optarg; break;
        case 'a': opt.plugin = optarg; break;
        case 'q': opt.query = optarg; break;
        case 'r': opt.range = mini_number("--range", optarg, 1, 1000000000); break;
        case 'n': opt.connections = mini_number("--connections", optarg, 1, 100000); break;
        case 's': opt.seconds_ms = 1000 * mini_number("--seconds", optarg, 1, 86400); break;
        case 'm': opt.seconds_ms = mini_number("--ms", optarg, 1, 86400000); break;
        case 'c': opt.count = mini_number("--count", optarg, 1, 1000000000); break;
        case 'R': opt.rows = mini_number("--rows", optarg, 0, 1000000000); break;
        case 'A': opt.ascending = true; break;
        case 'E': opt.deprecate = false; break;
        case 'T': opt.timeout = mini_number("--timeout", optarg, 1, 86400); break;
        case 'H': opt.handshake = true; break;
        case 'O': opt.touch = true; break;
        case 'i': opt.idle = mini_number("--idle", optarg, 1, 100000); break;
        case 'j': opt.json = true; break;
        case 'C': mini_pin((int)mini_number("--cpu", optarg, 0, 1023)); break;
        case 'S': opt.seed = (uint32_t)mini_number("--seed", optarg, 1, 2147483647); break;
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (!target) mini_die("--target is needed\n%s", usage);
    opt.target = mini_address(target);
    if (!opt.seconds_ms && !opt.count) opt.seconds_ms = 3000;
}

int main(int argc, char **argv)
{
    options(argc, argv);
    mini_many_files();
    prepare_query();
    if (opt.idle) idle();
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (ep < 0) mini_die("epoll: %s", strerror(errno));
    conns = mini_alloc((size_t)opt.connections * sizeof *conns);
    for (long i = 0; i < opt.connections; i++) {
        conns[i].fd = log_in();
        conns[i].phase = IDLE;
        mini_nonblock(conns[i].fd);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &conns[i]};
        if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &e) < 0) mini_die("epoll_ctl: %s", strerror(errno));
    }
    if (opt.handshake) {
        printf("ready %ld\n", opt.connections);
        fflush(stdout);
        wait_line();
    }
    run();
    report();
    if (opt.handshake) wait_closed();
    return errors || wrong ? 1 : 0;
}
