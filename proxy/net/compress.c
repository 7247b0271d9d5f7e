/*
 * compress.c - frames of the compressed protocol (see compress.h).
 *
 *   compress_read:   HEAD (7 bytes) -> BODY, plain or through a decoder -> HEAD ...      each piece goes through renumber()
 *
 * Numbers. `next` is the number of the next frame, whoever sends it. As a server we accept the expected number, or 0 where a new packet begins: a
 * new command. Its frames' last number goes into `asked`; compress_new_command takes it from there when the session begins the command, so
 * that the answer counts on from its own command, even when others were sent behind it. As a client we accept what the server counts from
 * our command's last frame, or less: a server that gives up in the middle of a long command counts only what it read.
 */
#include "proxy/net/compress.h"

#include <zlib.h>
#include <zstd.h>

enum {
    FRAME_HEAD = 7,
    FRAME_MIN = 50,           /* shorter ones are sent as they are, as real clients and servers do */
    FRAME_MAX = 256 << 10,    /* bytes of ours in one frame: a client must hold a whole one */
    ZSTD_WINDOW_LOG = 24,     /* 16 MB: no frame holds more */
    DECODER_KEEP = 512 << 10, /* a larger one is not kept for the next frame */
    PACKET_HEAD = 4,
    PACKET_FULL = 0xffffff,
};

struct decoder {
    struct decoder *next;
    enum link_compression how;
    z_stream z;
    ZSTD_DCtx *d;
};

struct compress_shop {
    z_stream deflate;
    int deflate_level; /* 0: not made yet */
    ZSTD_CCtx *zstd;
    struct decoder *idle[LINK_ZSTD + 1];
};

/* Where we are in the packets inside the frames. */
struct walk {
    uint8_t head[PACKET_HEAD], nhead;
    bool goes_on;  /* the packet before was full: this one continues it */
    uint32_t left; /* bytes of the packet to come */
};

struct compress {
    struct compress_shop *shop;
    struct decoder *decoder; /* in the middle of a frame */
    const char *why;
    struct buf asked;        /* server: last frame numbers of the commands that were read and not begun yet */
    size_t first_asked;
    struct walk rx, tx;
    uint32_t packed_left, clear_left; /* of the frame being read */
    uint8_t head[FRAME_HEAD], nhead;
    uint8_t how, level;
    uint8_t next;            /* number of the next frame, of either side */
    uint8_t packet;          /* number of the next packet */
    bool server, plain, in_frame, bad;
    bool wrote;              /* frames were written since one was read */
};

/* ---- life ---- */

struct compress_shop *compress_shop_new(void)
{
    return mem_zalloc(sizeof(struct compress_shop));
}

static void decoder_free(struct decoder *d)
{
    if (d->how == LINK_ZLIB) inflateEnd(&d->z);
    ZSTD_freeDCtx(d->d);
    mem_free(d);
}

void compress_shop_free(struct compress_shop *shop)
{
    if (!shop) return;
    for (uint32_t i = 0; i < COUNT_OF(shop->idle); i++) {
        for (struct decoder *d = shop->idle[i], *next; d; d = next) {
            next = d->next;
            decoder_free(d);
        }
    }
    if (shop->deflate_level) deflateEnd(&shop->deflate);
    ZSTD_freeCCtx(shop->zstd);
    mem_free(shop);
}

struct compress *compress_new(struct compress_shop *shop, enum link_compression how, int level, bool server)
{
    struct compress *z = mem_zalloc(sizeof *z);
    if (!z) return NULL;
    z->shop = shop;
    z->how = (uint8_t)how;
    if (level < 0) level = 0;
    z->level = (uint8_t)(how == LINK_ZLIB ? (level == 0 ? 6 : level > 9 ? 9 : level) : level == 0 ? 3 : level > 22 ? 22 : level);
    z->server = server;
    return z;
}

static void give_back(struct compress *z)
{
    struct decoder *d = z->decoder;
    z->decoder = NULL;
    if (!d) return;
    bool keep = d->how == LINK_ZLIB ? inflateReset(&d->z) == Z_OK : ZSTD_sizeof_DCtx(d->d) <= DECODER_KEEP;
    if (!keep) {
        decoder_free(d);
        return;
    }
    d->next = z->shop->idle[d->how];
    z->shop->idle[d->how] = d;
}

void compress_free(struct compress *z)
{
    if (!z) return;
    give_back(z);
    buf_release(&z->asked);
    mem_free(z);
}

static bool borrow(struct compress *z)
{
    struct decoder *d = z->shop->idle[z->how];
    if (d) {
        z->shop->idle[z->how] = d->next;
    } else {
        d = mem_zalloc(sizeof *d);
        if (!d) return false;
        d->how = z->how;
        if (z->how == LINK_ZSTD) d->d = ZSTD_createDCtx();
        if (z->how == LINK_ZSTD ? !d->d : inflateInit(&d->z) != Z_OK) {
            mem_free(d);
            return false;
        }
    }
    if (z->how == LINK_ZSTD) {
        ZSTD_DCtx_reset(d->d, ZSTD_reset_session_only);
        ZSTD_DCtx_setParameter(d->d, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    }
    z->decoder = d;
    return true;
}

/* ---- the packets inside ---- */

static bool at_packet_start(const struct walk *w)
{
    return w->left == 0 && w->nhead == 0 && !w->goes_on;
}

static void open_packet(struct walk *w)
{
    w->left = (uint32_t)w->head[0] | (uint32_t)w->head[1] << 8 | (uint32_t)w->head[2] << 16;
    w->goes_on = w->left == PACKET_FULL;
    w->nhead = 0;
}

/* Packets that arrived: numbered as if there were no frames. */
static void renumber(struct compress *z, char *p, size_t n)
{
    struct walk *w = &z->rx;
    while (n) {
        if (w->left) {
            size_t k = n < w->left ? n : w->left;
            w->left -= (uint32_t)k;
            p += k;
            n -= k;
            continue;
        }
        if (w->nhead == PACKET_HEAD - 1) *p = (char)z->packet++;
        w->head[w->nhead++] = (uint8_t)*p++;
        n--;
        if (w->nhead == PACKET_HEAD) open_packet(w);
    }
}

/* Packets that we send: the peer's count on from them. */
static void count_packets(struct compress *z, const char *p, size_t n)
{
    struct walk *w = &z->tx;
    while (n) {
        if (w->left) {
            size_t k = n < w->left ? n : w->left;
            w->left -= (uint32_t)k;
            p += k;
            n -= k;
            continue;
        }
        w->head[w->nhead++] = (uint8_t)*p++;
        n--;
        if (w->nhead < PACKET_HEAD) continue;
        z->packet = (uint8_t)(w->head[3] + 1);
        open_packet(w);
    }
}

/* ---- numbers ---- */

/* Server: the answers that follow are those of the first command that was read and not begun. */
static void begin_asked(struct compress *z)
{
    if (z->first_asked == z->asked.len) return;
    z->next = (uint8_t)(z->asked.data[z->first_asked++] + 1);
    if (z->first_asked < z->asked.len) return;
    z->first_asked = 0;
    if (z->asked.cap > 256) buf_release(&z->asked);
    else buf_reset(&z->asked);
}

void compress_new_command(struct compress *z)
{
    if (!z->server) {
        z->next = 0;
        z->packet = 0;
        z->wrote = false;
        memset(&z->tx, 0, sizeof z->tx);
        memset(&z->rx, 0, sizeof z->rx); /* the reply before may have been left in the middle */
        return;
    }
    begin_asked(z);
}

static bool accept_server(struct compress *z, uint8_t number)
{
    if (number == 0 && at_packet_start(&z->rx)) { /* a new command */
        z->packet = 0;
        buf_put_u8(&z->asked, 0);
        return !z->asked.failed;
    }
    if (z->asked.len > z->first_asked) { /* goes on with a command that is not begun yet */
        char *last = &z->asked.data[z->asked.len - 1];
        if (number != (uint8_t)(*last + 1)) return false;
        *last = (char)number;
        return true;
    }
    if (number != z->next) return false; /* a file that we asked for */
    z->next++;
    return true;
}

static bool accept_client(struct compress *z, uint8_t number)
{
    bool early = z->wrote && number != 0 && number < z->next;
    if (number != z->next && !early) return false;
    z->next = (uint8_t)(number + 1);
    return true;
}

/* ---- reading ---- */

static enum compress_status bad(struct compress *z, const char *why)
{
    z->bad = true;
    z->why = why;
    give_back(z);
    return COMPRESS_BAD;
}

static enum compress_status open_frame(struct compress *z)
{
    const uint8_t *h = z->head;
    z->nhead = 0;
    z->packed_left = (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16;
    z->clear_left = (uint32_t)h[4] | (uint32_t)h[5] << 8 | (uint32_t)h[6] << 16;
    z->plain = z->clear_left == 0;
    if (!(z->server ? accept_server(z, h[3]) : accept_client(z, h[3]))) return bad(z, "a frame of the compressed protocol is out of order");
    z->wrote = false;
    if (z->plain) {
        z->in_frame = z->packed_left != 0;
        return COMPRESS_MORE;
    }
    if (z->packed_left == 0) return bad(z, "a frame of the compressed protocol announces bytes and has none");
    if (!borrow(z)) return bad(z, "out of memory for a frame of the compressed protocol");
    z->in_frame = true;
    return COMPRESS_MORE;
}

static void read_plain(struct compress *z, const char **p, size_t *n, char *to, size_t room, size_t *got)
{
    size_t k = *n < room ? *n : room;
    if (k > z->packed_left) k = z->packed_left;
    memcpy(to, *p, k);
    *p += k;
    *n -= k;
    z->packed_left -= (uint32_t)k;
    *got = k;
    if (z->packed_left == 0) z->in_frame = false;
}

/* One step of the decoder: how much it took and gave. -1: not its format; 1: the end of what was packed; 0: goes on. */
static int unpack(struct decoder *d, const char *p, size_t n, char *to, size_t room, size_t *took, size_t *gave)
{
    if (d->how == LINK_ZLIB) {
        d->z.next_in = (Bytef *)(uintptr_t)p;
        d->z.avail_in = (uInt)n;
        d->z.next_out = (Bytef *)to;
        d->z.avail_out = (uInt)room;
        int rc = inflate(&d->z, Z_NO_FLUSH);
        *took = n - d->z.avail_in;
        *gave = room - d->z.avail_out;
        return rc == Z_STREAM_END ? 1 : rc == Z_OK || rc == Z_BUF_ERROR ? 0 : -1;
    }
    ZSTD_inBuffer in = {p, n, 0};
    ZSTD_outBuffer out = {to, room, 0};
    size_t rc = ZSTD_decompressStream(d->d, &out, &in);
    *took = in.pos;
    *gave = out.pos;
    return ZSTD_isError(rc) ? -1 : rc == 0 ? 1 : 0;
}

/*
 * A byte of room more than is announced is offered at the end, so that a frame that holds more is noticed. The end of the packed data, of the
 * wire's bytes and of the announced bytes must be one.
 */
static enum compress_status read_packed(struct compress *z, const char **p, size_t *n, char *to, size_t room, size_t *got)
{
    size_t bytes = *n < z->packed_left ? *n : z->packed_left, took = 0, gave = 0;
    bool tail = z->clear_left < room;
    int rc = unpack(z->decoder, *p, bytes, to, tail ? (size_t)z->clear_left + 1 : room, &took, &gave);
    if (rc < 0) return bad(z, "a frame of the compressed protocol cannot be unpacked");
    *p += took;
    *n -= took;
    z->packed_left -= (uint32_t)took;
    if (gave > z->clear_left) return bad(z, "a frame of the compressed protocol holds more than it announces");
    z->clear_left -= (uint32_t)gave;
    *got = gave;
    if (rc == 1) {
        if (z->clear_left || z->packed_left) return bad(z, "a frame of the compressed protocol holds less than it announces");
        z->in_frame = false;
        give_back(z);
        return COMPRESS_MORE;
    }
    if (z->packed_left == 0 && gave == 0) return bad(z, "a frame of the compressed protocol ends too early");
    return COMPRESS_MORE;
}

enum compress_status compress_read(struct compress *z, const char **p, size_t *n, char *to, size_t room, size_t *got)
{
    *got = 0;
    if (z->bad) return COMPRESS_BAD;
    for (;;) {
        if (!z->in_frame) {
            while (*n && z->nhead < FRAME_HEAD) {
                z->head[z->nhead++] = (uint8_t) * (*p)++;
                --*n;
            }
            if (z->nhead < FRAME_HEAD) return COMPRESS_MORE;
            if (open_frame(z) == COMPRESS_BAD) return COMPRESS_BAD;
            continue;
        }
        size_t before = *n;
        if (z->plain) {
            if (*n == 0) return COMPRESS_MORE;
            read_plain(z, p, n, to, room, got);
        } else {
            if (read_packed(z, p, n, to, room, got) == COMPRESS_BAD) return COMPRESS_BAD;
        }
        if (*got) {
            renumber(z, to, *got);
            return COMPRESS_BYTES;
        }
        if (z->in_frame && before == *n) return COMPRESS_MORE; /* no progress: it needs more */
    }
}

/* ---- writing ---- */

static size_t pack_zlib(struct compress *z, const char *p, size_t n, char *to, size_t room)
{
    struct compress_shop *shop = z->shop;
    if (shop->deflate_level == 0) {
        if (deflateInit(&shop->deflate, z->level) != Z_OK) return 0;
    } else {
        if (deflateReset(&shop->deflate) != Z_OK) return 0;
        if (shop->deflate_level != z->level && deflateParams(&shop->deflate, z->level, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    }
    shop->deflate_level = z->level;
    shop->deflate.next_in = (Bytef *)(uintptr_t)p;
    shop->deflate.avail_in = (uInt)n;
    shop->deflate.next_out = (Bytef *)to;
    shop->deflate.avail_out = (uInt)room;
    return deflate(&shop->deflate, Z_FINISH) == Z_STREAM_END ? room - shop->deflate.avail_out : 0;
}

static size_t pack_zstd(struct compress *z, const char *p, size_t n, char *to, size_t room)
{
    if (!z->shop->zstd) z->shop->zstd = ZSTD_createCCtx();
    if (!z->shop->zstd) return 0;
    size_t rc = ZSTD_compressCCtx(z->shop->zstd, to, room, p, n, z->level);
    return ZSTD_isError(rc) ? 0 : rc;
}

/* Packed bytes, or 0 when it would not get shorter. */
static size_t pack(struct compress *z, const char *p, size_t n, char *to, size_t room)
{
    return z->how == LINK_ZLIB ? pack_zlib(z, p, n, to, room) : pack_zstd(z, p, n, to, room);
}

static bool put_frame(struct compress *z, const char *p, size_t n, struct buf *out)
{
    if (!buf_reserve(out, FRAME_HEAD + n)) return false;
    size_t packed = n < FRAME_MIN ? 0 : pack(z, p, n, out->data + out->len + FRAME_HEAD, n - 1);
    buf_put_u24(out, (uint32_t)(packed ? packed : n));
    buf_put_u8(out, z->next++);
    buf_put_u24(out, packed ? (uint32_t)n : 0);
    if (packed) out->len += packed;
    else buf_put(out, p, n);
    return !out->failed;
}

bool compress_write(struct compress *z, const char *p, size_t n, struct buf *out)
{
    z->wrote = true;
    count_packets(z, p, n);
    while (n) {
        size_t part = n < FRAME_MAX ? n : FRAME_MAX;
        if (!put_frame(z, p, part, out)) return false;
        p += part;
        n -= part;
    }
    return true;
}

const char *compress_why(const struct compress *z)
{
    return z->why;
}
