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
 * to --range, the same sequence in each run. With --prepared the statement is prepared once a connection, %d being its
 * parameter, and executed with a bigint. With --tls all of it goes over TLS; --logins measures logins instead of statements.
 */
#include "../servers/mini.h"

#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
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
    bool bound;         /* the prepared statement has its parameter's type */
    uint32_t stmt;      /* its number */
    uint64_t columns, ncolumns, rows;
    int64_t last_key;
    uint64_t sent_at;
};

static struct {
    struct sockaddr_in target;
    const char *user, *password, *db, *query, *plugin;
    long connections, count, seconds_ms, rows, range, idle, timeout;
    bool deprecate, ascending, handshake, json, touch, prepared, logins, resume;
    enum { TLS_NONE, TLS_MYSQL /* asked for after the greeting */, TLS_DIRECT /* before it, for a TLS terminator */ } tls;
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

/* ---- sockets, with or without TLS ---- */

enum { MAX_FDS = 1 << 18, CAP_SSL = 0x800, STMT_PREPARE = 0x16, STMT_EXECUTE = 0x17, TYPE_LONGLONG = 8 };
static SSL_CTX *tls_context;
static SSL **tls_of; /* by file descriptor */
static SSL_SESSION *tls_session;

static ssize_t tls_result(SSL *ssl, int k)
{
    if (k > 0) return k;
    switch (SSL_get_error(ssl, k)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = ECONNRESET; return -1;
    }
}

static ssize_t io_recv(int fd, void *p, size_t n)
{
    SSL *ssl = tls_of ? tls_of[fd] : NULL;
    if (!ssl) return recv(fd, p, n, 0);
    ERR_clear_error();
    return tls_result(ssl, SSL_read(ssl, p, (int)n));
}

static ssize_t io_send(int fd, const void *p, size_t n)
{
    SSL *ssl = tls_of ? tls_of[fd] : NULL;
    if (!ssl) return send(fd, p, n, MSG_NOSIGNAL);
    ERR_clear_error();
    return tls_result(ssl, SSL_write(ssl, p, (int)n));
}

static void io_close(int fd)
{
    if (tls_of && tls_of[fd]) {
        SSL_shutdown(tls_of[fd]);
        SSL_free(tls_of[fd]);
        tls_of[fd] = NULL;
    }
    close(fd);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(tls_session);
    tls_session = session;
    return 1;
}

static void start_tls(int fd)
{
    if (!tls_context) {
        tls_context = SSL_CTX_new(TLS_client_method());
        tls_of = calloc(MAX_FDS, sizeof(SSL *));
        if (!tls_context || !tls_of) mini_die("tls: out of memory");
        SSL_CTX_set_mode(tls_context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        if (opt.resume) SSL_CTX_sess_set_new_cb(tls_context, keep_session);
        signal(SIGPIPE, SIG_IGN);
    }
    if (fd >= MAX_FDS) mini_die("tls: too many connections");
    SSL *ssl = SSL_new(tls_context);
    if (!ssl || !SSL_set_fd(ssl, fd)) mini_die("tls: out of memory");
    if (opt.resume && tls_session) SSL_set_session(ssl, tls_session);
    if (SSL_connect(ssl) != 1) mini_die("tls: the handshake failed: %s", ERR_reason_error_string(ERR_peek_error()));
    tls_of[fd] = ssl;
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t k = io_send(fd, p, n);
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

/* As real clients do: the parameter's type goes with the first execution only. */
static void build_execute(struct conn *c)
{
    uint8_t seq = 0;
    query_packet.n = 0;
    size_t at = mb_begin(&query_packet);
    mb_le(&query_packet, STMT_EXECUTE, 1);
    mb_le(&query_packet, c->stmt, 4);
    mb_le(&query_packet, 0, 1); /* no cursor */
    mb_le(&query_packet, 1, 4);
    if (query_has_number) {
        mb_le(&query_packet, 0, 1); /* no NULLs */
        mb_le(&query_packet, !c->bound, 1);
        if (!c->bound) mb_le(&query_packet, TYPE_LONGLONG, 2);
        mb_le(&query_packet, random_id(), 8);
        c->bound = true;
    }
    mb_end(&query_packet, at, &seq);
}

static void conn_dead(struct conn *c, const char *why)
{
    complain(&errors, "connection %ld: %s", (long)(c - conns), why);
    if (c->phase == HEADER || c->phase == COLUMNS || c->phase == COLUMNS_END || c->phase == ROWS) active--;
    c->phase = DEAD;
    io_close(c->fd);
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
    if (opt.prepared) build_execute(c);
    else build_query();
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
    if (opt.prepared) { /* behind a null byte and the bitmap of NULLs: an int */
        at = 1 + (c->ncolumns + 9) / 8;
        if (n >= at + 4) key = (int32_t)mini_le(c->peek + at, 4);
        else complain(&wrong, "a row is too short for an integer");
    } else if (!mini_lenenc(c->peek, n, &at, &len) || len > 20 || len > n - at) {
        complain(&wrong, "the first column of a row is not an integer");
        return;
    } else for (size_t i = 0; i < len; i++) key = key * 10 + (c->peek[at + i] - '0');
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
            c->ncolumns = c->columns;
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
        ssize_t n = io_recv(fd, head + at, 4 - at);
        if (n <= 0) mini_die("login: the server closed the connection or was silent");
        at += (size_t)n;
    }
    size_t len = mini_packet_len(head);
    b->n = 0;
    mb_zero(b, len + 1); /* one zero byte more, so that texts end */
    for (size_t at = 0; at < len;) {
        ssize_t n = io_recv(fd, b->p + at, len - at);
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
    if (opt.tls == TLS_MYSQL) {
        caps |= CAP_SSL;
        mb_le(&b, caps, 4);
        mb_le(&b, 1 << 24, 4);
        mb_le(&b, 45, 1);
        mb_zero(&b, 23);
        mb_end(&b, at, &seq);
        if (!send_all(fd, b.p, b.n)) mini_die("login: cannot send");
        start_tls(fd);
        b.n = 0;
        at = mb_begin(&b);
    }
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
    if (opt.tls == TLS_DIRECT) start_tls(fd);
    uint8_t *p = read_packet(fd, &b, &seq);
    size_t version = strlen((char *)p + 1);
    if (p[0] != 10 || b.n < version + 2 + 4 + 8 + 1 + 18 + 12)
        mini_die("login: not a greeting of version 10");
    p += version + 2 + 4;
    memcpy(salt, p, 8);
    memcpy(salt + 8, p + 8 + 1 + 18, 12);
    if (opt.deprecate && !(mini_le(p + 8 + 1 + 2 + 1 + 2, 2) << 16 & CAP_DEPRECATE_EOF))
        opt.deprecate = false;
    if (opt.tls == TLS_MYSQL && !(mini_le(p + 8 + 1, 2) & CAP_SSL)) mini_die("login: the server offers no TLS");
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

/* Prepares the statement; blocking, not a part of what is measured. */
static void prepare(struct conn *c)
{
    struct mb b = {0};
    uint8_t seq = 0;
    size_t at = mb_begin(&b);
    mb_le(&b, STMT_PREPARE, 1);
    mb_put(&b, opt.query, query_head_len);
    if (query_has_number) {
        mb_z(&b, "?");
        b.n--; /* no NUL */
        mb_put(&b, query_tail, strlen(query_tail));
    }
    mb_end(&b, at, &seq);
    if (!send_all(c->fd, b.p, b.n)) mini_die("prepare: cannot send");
    uint8_t *p = read_packet(c->fd, &b, &seq);
    if (p[0] != 0 || b.n < 12) mini_die("prepare: the answer begins with %u", p[0]);
    c->stmt = (uint32_t)mini_le(p + 1, 4);
    unsigned columns = (unsigned)mini_le(p + 5, 2), params = (unsigned)mini_le(p + 7, 2);
    if (params != query_has_number) mini_die("prepare: the statement has %u parameters", params);
    for (unsigned left = columns + params + (opt.deprecate ? 0u : (columns > 0) + 0u + (params > 0)); left; left--) (void)read_packet(c->fd, &b, &seq);
    free(b.p);
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
        if (opt.prepared) prepare(conns);
        done = 0;
        stopping = false;
        send_query(conns);
        while (active > 0) {
            ssize_t n = io_recv(fds[i], in, sizeof in);
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
        if (!send_all(fds[i], ping, sizeof ping) || io_recv(fds[i], answer, sizeof answer) < 5 ||
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
            ssize_t k;
            do { /* TLS: record by record */
                k = io_recv(c->fd, in, sizeof in);
                if (k <= 0) break;
                bytes_in += (uint64_t)k;
                follow(c, in, (size_t)k);
            } while (opt.tls && c->fd >= 0);
            if (k > 0) continue;
            if (k == 0 || (errno != EAGAIN && errno != EINTR)) {
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

/* One login after the other, each with all that belongs to it: connect, greeting, TLS, password. */
static void run_logins(void)
{
    started = mini_now_ns();
    deadline = started + (uint64_t)opt.seconds_ms * 1000000;
    while (opt.count ? done < (uint64_t)opt.count : mini_now_ns() < deadline) {
        static const uint8_t quit[5] = {1, 0, 0, 0, COM_QUIT};
        uint64_t begun = mini_now_ns();
        int fd = log_in();
        histogram[bucket_of(mini_now_ns() - begun)]++;
        done++;
        (void)!send_all(fd, quit, sizeof quit);
        io_close(fd);
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
    "  --prepared            prepared once a connection, %d its parameter, then executed\n"
    "  --tls mysql|direct    over TLS: asked for as MySQL does, or from the first byte (for a TLS terminator)\n"
    "  --logins              no statements: logins, one after the other; --resume: TLS sessions are resumed\n"
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
                                          {"prepared", 0, NULL, 'P'},  {"tls", 1, NULL, 'L'},
                                          {"logins", 0, NULL, 'G'},    {"resume", 0, NULL, 'M'},
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
        case 'P': opt.prepared = true; break;
        case 'G': opt.logins = true; break;
        case 'M': opt.resume = true; break;
        case 'L':
            opt.tls = strcmp(optarg, "direct") == 0 ? TLS_DIRECT : TLS_MYSQL;
            if (opt.tls == TLS_MYSQL && strcmp(optarg, "mysql") != 0) mini_die("--tls mysql or --tls direct");
            break;
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
    for (long i = 0; i < opt.connections && !opt.logins; i++) {
        conns[i].fd = log_in();
        conns[i].phase = IDLE;
        if (opt.prepared) prepare(&conns[i]);
        mini_nonblock(conns[i].fd);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &conns[i]};
        if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &e) < 0) mini_die("epoll_ctl: %s", strerror(errno));
    }
    if (opt.handshake) {
        printf("ready %ld\n", opt.connections);
        fflush(stdout);
        wait_line();
    }
    if (opt.logins) run_logins();
    else run();
    report();
    if (opt.handshake) wait_closed();
    return errors || wrong ? 1 : 0;
}
