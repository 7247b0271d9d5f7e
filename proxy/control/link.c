/*
 * link.c - a connection to one source through libmysqlclient, with time-outs on connect, read and write, and
 * the session settings that control's own statements rely on: utf8mb4, autocommit, a clear sql_mode (so that
 * quoting is the plain kind).
 */
#include "proxy/control/room.h"

#include <errmsg.h>
#include <stdio.h>
#include <stdlib.h>

void link_init(struct link *l, const struct conf *conf, const struct conf_source *source, uint64_t connect_ms, uint64_t read_ms)
{
    memset(l, 0, sizeof *l);
    l->conf = conf;
    l->source = source;
    l->connect_ms = connect_ms;
    l->read_ms = read_ms;
}

static unsigned seconds(uint64_t ms)
{
    return ms >= 3600000 ? 3600 : ms < 1000 ? 1 : (unsigned)((ms + 999) / 1000);
}

static void note_error(struct link *l)
{
    l->code = mysql_errno(l->my);
    snprintf(l->error, sizeof l->error, "%s", mysql_error(l->my));
}

/* The rules' TLS toward the server. False: error says why. */
static bool use_tls(struct link *l)
{
    const struct conf_tls *t = &l->source->tls;
    static const struct {
        enum mysql_option option;
        size_t at;
    } files[] = {{MYSQL_OPT_SSL_CERT, offsetof(struct conf_tls, certificate)}, {MYSQL_OPT_SSL_KEY, offsetof(struct conf_tls, key)}};
    my_bool no = 0, yes = 1;
    char path[LINK_PATH];
    mysql_options(l->my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
    if (t->mode == CONF_TLS_OFF) return true;
    mysql_options(l->my, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_options(l->my, MARIADB_OPT_TLS_VERSION, t->min_version == CONF_TLS_1_3 ? "TLSv1.3" : "TLSv1.2,TLSv1.3");
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const struct conf_text *file = (const struct conf_text *)(const void *)((const char *)t + files[i].at);
        if (!file->value.len) continue;
        if (!link_path(l, file->value, path)) {
            snprintf(l->error, sizeof l->error, "a path of tls is too long");
            return false;
        }
        mysql_options(l->my, files[i].option, path);
    }
    if (t->mode == CONF_TLS_ON) return true;
    if (!l->print[0] && !link_verify(l)) return false;
    mysql_options(l->my, MARIADB_OPT_TLS_PEER_FP, l->print);
    return true;
}

static bool open_once(struct link *l)
{
    l->code = 0;
    l->error[0] = 0;
    l->my = mysql_init(NULL);
    const struct conf_address *at = &l->source->primary;
    bool local = at->path.len > 0;
    struct str where = local ? at->path : at->host;
    char *text[3] = {
        strndup(where.ptr ? where.ptr : "", where.len),
        strndup(l->source->user.ptr ? l->source->user.ptr : "", l->source->user.len),
        strndup(l->source->password.ptr ? l->source->password.ptr : "", l->source->password.len)};
    bool ok = false;
    if (!l->my || !text[0] || !text[1] || !text[2]) {
        snprintf(l->error, sizeof l->error, "out of memory");
        l->code = CR_OUT_OF_MEMORY;
        goto out;
    }
    unsigned connect = seconds(l->connect_ms), read = seconds(l->read_ms);
    mysql_options(l->my, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    mysql_options(l->my, MYSQL_OPT_READ_TIMEOUT, &read);
    mysql_options(l->my, MYSQL_OPT_WRITE_TIMEOUT, &read);
    mysql_options(l->my, MYSQL_OPT_LOCAL_INFILE, &(unsigned){0});
    mysql_options(l->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(l->my, MYSQL_INIT_COMMAND, "SET SESSION autocommit=1, sql_mode=''");
    if (!use_tls(l)) {
        l->code = CR_SSL_CONNECTION_ERROR;
        goto out;
    }
    /* FOUND_ROWS: "affected" counts the rows matched, so that an UPDATE without change is not taken for a
     * missing row. */
    ok = mysql_real_connect(l->my, local ? NULL : text[0], text[1], text[2], NULL, at->port,
                            local ? text[0] : NULL, CLIENT_FOUND_ROWS) != NULL;
    if (!ok) note_error(l);
out:
    for (int i = 0; i < 3; i++) free(text[i]);
    if (!ok) link_close(l);
    return ok;
}

bool link_open(struct link *l)
{
    if (l->my) return true;
    bool known = l->print[0];
    if (open_once(l)) return true;
    if (!known || l->code != CR_SSL_CONNECTION_ERROR) return false;
    l->print[0] = 0; /* perhaps it has a new certificate: that is checked in its turn */
    return open_once(l);
}

void link_close(struct link *l)
{
    if (l->my) mysql_close(l->my);
    l->my = NULL;
}

static bool is_lost(unsigned code)
{
    return code >= CR_MIN_ERROR &&
           code < 3000; /* the client library's own numbers: the connection's state is unknown */
}

bool link_query(struct link *l, struct str sql, bool again)
{
    for (int attempt = 0;; attempt++) {
        bool was_open = l->my != NULL;
        if (!link_open(l)) return false;
        if (mysql_real_query(l->my, sql.ptr, (unsigned long)sql.len) == 0) return true;
        note_error(l);
        if (!is_lost(l->code)) return false;
        /* A kept connection that the server has closed meanwhile fails at once; a time-out is not tried
         * twice. */
        bool gone = l->code == CR_SERVER_GONE_ERROR || l->code == CR_SERVER_LOST;
        link_close(l);
        if (!again || !was_open || !gone || attempt) return false;
    }
}

MYSQL_RES *link_result(struct link *l)
{
    MYSQL_RES *res = mysql_store_result(l->my);
    if (!res) {
        note_error(l);
        if (l->code == 0) snprintf(l->error, sizeof l->error, "no result set");
        if (is_lost(l->code)) link_close(l);
    }
    return res;
}

void put_quoted(struct buf *b, struct str text)
{
    buf_put_u8(b, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\') buf_put_u8(b, (uint8_t)'\\');
        buf_put_u8(b, (uint8_t)text.ptr[i]);
    }
    buf_put_u8(b, '\'');
}

void put_name(struct buf *b, struct str name)
{
    buf_put_u8(b, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`') buf_put_u8(b, '`');
        buf_put_u8(b, (uint8_t)name.ptr[i]);
    }
    buf_put_u8(b, '`');
}
