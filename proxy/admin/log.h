/*
 * log.h - one line an event, to stderr or a file: time, level, text; or the same as a JSON object. Thread-safe: one write a line.
 *
 * A line that cannot be written (disk full) is dropped and counted; the process goes on.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include "conf/conf.h"

/* Opens the rules' log file (append). False: errno. Called again at reload, so that logrotate works. */
bool log_open(const struct conf_weir *w);
void log_line(enum conf_log_level level, const char *text);
void log_printf(enum conf_log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
uint64_t log_dropped(void);

#endif
