/* wire_room.h - what the files of this folder share and nobody else needs. */
#ifndef WEIR_WIRE_ROOM_H
#define WEIR_WIRE_ROOM_H

#include "proxy/wire/wire.h"

/* A NUL-terminated field. A NUL inside of it would move all fields behind it: sets out->failed. */
void wire_put_z(struct buf *out, struct str s);
/* n <= 32 zero bytes. */
void wire_put_zeros(struct buf *out, size_t n);

static inline enum wire_status wire_verdict(const struct wire_reader *r)
{
    return r->bad ? WIRE_MALFORMED : WIRE_OK;
}

#endif
