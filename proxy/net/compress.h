/*
 * compress.h - the MySQL compressed protocol, without a socket: packets in, frames out, and back.
 *
 *   frame:  | u24 bytes on the wire | u8 number | u24 bytes when unpacked, 0: not compressed | ... |
 *
 * The packets are one stream of bytes; frames cut it anywhere. Frames are numbered on their own, from 0 at each command, on through both
 * directions. Both real sides check that number, and neither looks at the numbers of the packets inside: after a command of several frames
 * a server goes on with the number of the frame. Above this file the packets must count as without compression, so compress_read
 * renumbers those that arrive.
 *
 * Unpacking is streamed: whatever a frame announces (at most 16 MB, by its header), it is given out piece by piece into the caller's room and nothing
 * is held but the decoder, which belongs to the link only while it is in the middle of a frame.
 *
 * Source: MySQL's "Compression" page of the client/server protocol; MariaDB's "0-packet".
 */
#ifndef WEIR_NET_COMPRESS_H
#define WEIR_NET_COMPRESS_H

#include "proxy/backend/link.h"

struct compress_shop; /* a thread's encoders, and decoders to be lent */
struct compress;      /* one link's */

struct compress_shop *compress_shop_new(void) MUST_CHECK;
void compress_shop_free(struct compress_shop *shop); /* after all its links' */

/* server: we answer commands, else we send them. level 0: the default (zlib 6, zstd 3). */
struct compress *compress_new(struct compress_shop *shop, enum link_compression how, int level, bool server) MUST_CHECK;
void compress_free(struct compress *z);

/*
 * The client side: what is written next is a new command. The server side: the answers that follow belong to the next command that was read
 * (commands may come before the one before is answered).
 */
void compress_new_command(struct compress *z);
/* Frames of p, n appended to out. False: out of memory. */
bool compress_write(struct compress *z, const char *p, size_t n, struct buf *out) MUST_CHECK;

enum compress_status { COMPRESS_MORE /* all input is used up */, COMPRESS_BYTES /* *got bytes; call again */, COMPRESS_BAD /* compress_why */ };
/* Takes from *p, *n (advanced) and writes packets to room. */
enum compress_status compress_read(struct compress *z, const char **p, size_t *n, char *to, size_t room, size_t *got) MUST_CHECK;
const char *compress_why(const struct compress *z); /* static text */

#endif
