/*
 * relay.c - the yardstick: the least that any proxy in user space can do, and nothing else.
 *
 *   client --recv--> [one buffer] --send--> server       a statement: two recv, two send,
 *   client <--send-- [one buffer] <--recv-- server       and the epoll_wait that wakes for them
 *
 * One thread, level-triggered epoll, no splice, no look inside, one server connection for each client. A
 * receive is done only when epoll says that there is something, one for each event. What a slow peer does not
 * take waits in memory (at most one buffer for each direction) while the other side is not read. CPU of a
 * proxy divided by CPU of this program under the same load is a figure that moves from machine to machine far
 * less than microseconds do.
 */
#include "../servers/mini.h"

#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>

enum { BUFFER = 65536 };

struct end {
    struct end *peer;
    int fd;
    uint32_t events; /* what epoll watches for */
    uint8_t *held;   /* bytes for this end that its socket did not take */
    uint32_t held_at, held_len;
    bool connecting, dead;
};

static int ep;
static uint8_t buffer[BUFFER];
static struct end *
    *graves; /* closed in this round of events; freed after it, for later events may name them */
static size_t ngraves, graves_cap;

static void watch(struct end *e, uint32_t events)
{
    if (e->events == events) return;
    struct epoll_event ev = {.events = events, .data.ptr = e};
    if (epoll_ctl(ep, e->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, e->fd, &ev) < 0)
        mini_die("epoll_ctl: %s", strerror(errno));
    e->events = events;
}

static void bury(struct end *e)
{
    if (e->dead) return;
    e->dead = true;
    close(e->fd);
    free(e->held);
    if (ngraves == graves_cap) {
        graves_cap = graves_cap ? graves_cap * 2 : 64;
        graves = realloc(graves, graves_cap * sizeof *graves);
        if (!graves) mini_die("out of memory");
    }
    graves[ngraves++] = e;
}

static void end_both(struct end *e)
{
    struct end *peer = e->peer;
    bury(e);
    if (peer) bury(peer);
}

/* Which events each end must have now: read only while the other takes, write only while bytes are held. */
static void rewatch(struct end *e)
{
    uint32_t events = e->connecting || e->held_len ? (uint32_t)EPOLLOUT : 0u;
    if (!e->connecting && !e->peer->held_len && !e->peer->connecting) events |= EPOLLIN;
    watch(e, events ? events : (uint32_t)EPOLLRDHUP);
}

static void readable(struct end *e)
{
    struct end *to = e->peer;
    ssize_t n = recv(e->fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) end_both(e);
        return;
    }
    ssize_t sent = send(to->fd, buffer, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            end_both(e);
            return;
        }
        sent = 0;
    }
    if (sent == n) return;
    if (!to->held) to->held = mini_alloc(BUFFER);
    to->held_at = 0;
    to->held_len = (uint32_t)(n - sent);
    memcpy(to->held, buffer + sent, to->held_len);
    rewatch(e);
    rewatch(to);
}

static void writable(struct end *e)
{
    if (e->connecting) {
        int error = 0;
        socklen_t len = sizeof error;
        if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
            end_both(e);
            return;
        }
        e->connecting = false;
    }
    if (e->held_len) {
        ssize_t n = send(e->fd, e->held + e->held_at, e->held_len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            end_both(e);
            return;
        }
        if (n > 0) {
            e->held_at += (uint32_t)n;
            e->held_len -= (uint32_t)n;
        }
        if (!e->held_len) {
            free(e->held);
            e->held = NULL;
        }
    }
    rewatch(e);
    rewatch(e->peer);
}

static void accept_one(int lfd, const struct sockaddr_in *target)
{
    int a = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (a < 0) return;
    int b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (b < 0 || (connect(b, (const struct sockaddr *)target, sizeof *target) < 0 && errno != EINPROGRESS)) {
        fprintf(stderr, "relay: cannot connect: %s\n", strerror(errno));
        close(a);
        if (b >= 0) close(b);
        return;
    }
    mini_nodelay(a);
    mini_nodelay(b);
    struct end *client = mini_alloc(sizeof *client), *server = mini_alloc(sizeof *server);
    *client = (struct end){.peer = server, .fd = a};
    *server = (struct end){.peer = client, .fd = b, .connecting = true};
    rewatch(client);
    rewatch(server);
}

static const char usage[] =
    "relay: a bare epoll TCP relay, the yardstick of the bench.\n"
    "  --listen [HOST:]PORT   default 127.0.0.1:0 (the port is printed: 'listening PORT')\n"
    "  --target [HOST:]PORT   where to connect for each client; needed\n"
    "  --cpu N                run on this core\n";

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"listen", 1, NULL, 'l'},
                                          {"target", 1, NULL, 't'},
                                          {"cpu", 1, NULL, 'c'},
                                          {"help", 0, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *address = "127.0.0.1:0", *to = NULL;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'l': address = optarg; break;
        case 't': to = optarg; break;
        case 'c': mini_pin((int)mini_number("--cpu", optarg, 0, 1023)); break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (!to) mini_die("--target is needed\n%s", usage);
    struct sockaddr_in target = mini_address(to);
    mini_many_files();
    int lfd = mini_listen(address);
    mini_nonblock(lfd);
    ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &e) < 0) mini_die("epoll: %s", strerror(errno));
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(ep, events, 256, -1);
        if (n < 0 && errno != EINTR) mini_die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct end *x = events[i].data.ptr;
            if (!x) {
                accept_one(lfd, &target);
                continue;
            }
            if (!x->dead && events[i].events & EPOLLOUT) writable(x);
            if (!x->dead && events[i].events & EPOLLIN) readable(x);
            if (!x->dead && !(events[i].events & (EPOLLIN | EPOLLOUT))) end_both(x);
        }
        for (size_t i = 0; i < ngraves; i++) free(graves[i]);
        ngraves = 0;
    }
}
