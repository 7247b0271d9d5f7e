/* log.c - log lines. The file is swapped under a mutex that nobody holds for longer than a write. */
#include "proxy/admin/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int fd = STDERR_FILENO;
static bool json;
static _Atomic int least = CONF_LOG_INFO;
static _Atomic uint64_t dropped;

bool log_open(const struct conf_weir *w)
{
    int next = STDERR_FILENO;
    if (w->log_file.value.len) {
        char path[4096];
        snprintf(path, sizeof path, "%.*s", STR_ARG(w->log_file.value));
        next = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (next < 0) return false;
    }
    pthread_mutex_lock(&lock);
    if (fd != STDERR_FILENO) close(fd);
    fd = next;
    json = w->log_json;
    pthread_mutex_unlock(&lock);
    atomic_store(&least, (int)w->log_level);
    return true;
}

static void put_json(struct buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') buf_printf(b, "\\%c", c);
        else if (c < 0x20) buf_printf(b, "\\u%04x", c);
        else buf_put_u8(b, c);
    }
}

void log_line(enum conf_log_level level, const char *text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct timespec ts;
    struct tm tm;
    char when[40];
    struct buf line = {0};
    if ((int)level < atomic_load_explicit(&least, memory_order_relaxed)) return;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(when + n, sizeof when - n, ".%03ldZ", ts.tv_nsec / 1000000);
    pthread_mutex_lock(&lock);
    if (json) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"text\":\"", when, names[level]);
        put_json(&line, text);
        buf_putz(&line, "\"}\n");
    } else {
        buf_printf(&line, "%s %-5s ", when, names[level]);
        for (const char *p = text; *p; p++) buf_put_u8(&line, *p == '\n' ? ' ' : (uint8_t)*p);
        buf_putz(&line, "\n");
    }
    if (line.failed || write(fd, line.data, line.len) != (ssize_t)line.len) atomic_fetch_add(&dropped, 1);
    pthread_mutex_unlock(&lock);
    buf_release(&line);
}

void log_printf(enum conf_log_level level, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_line(level, text);
}

uint64_t log_dropped(void)
{
    return atomic_load(&dropped);
}
