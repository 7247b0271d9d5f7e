/*
 * metadata.c - OPTIONAL_RESULTSET_METADATA: what goes to a client that has agreed on it.
 *
 *   count packet of a result        count, then a byte: do definitions follow?
 *   answer to PREPARE               the same byte at its end
 *   resultset_metadata = NONE       the byte is 0 and definitions are left out (an EOF behind them stays); later packets count on without a gap
 *
 * (That is what MySQL 9 sends.) Few clients ask for it, so replies are written as for all others and pass through here on their way out, packet by packet; rows are not
 * held, only their headers are renumbered.
 */
#include "proxy/session/session.h"

enum metadata_state { PASS, FIRST, DEFINITIONS, AFTER_DEFINITIONS, ROWS, PREPARED, PREPARED_DEFINITIONS };

struct metadata {
    uint8_t state, nhead, head[4];
    uint8_t shift;      /* packets left out so far in this command */
    bool held, dropped; /* the packet under way is kept whole; is left out */
    bool continued;     /* it goes on a packet of 16 MB - 1 */
    bool looked;        /* its first byte was seen */
    uint32_t left;
    uint64_t definitions;
    struct buf packet;
};

void metadata_begin(struct session *s, uint8_t command)
{
    struct metadata *m = s->metadata;
    if (LIKELY(!(s->f.capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA))) return;
    if (!m && !(m = s->metadata = mem_zalloc(sizeof *m))) {
        s->f.broken = true;
        return;
    }
    s->f.filtered = true;
    track_refresh(s);
    m->shift = 0;
    m->nhead = 0;
    m->left = 0;
    m->continued = false;
    m->state = command == WIRE_COM_QUERY || command == WIRE_COM_STMT_EXECUTE ? FIRST : command == WIRE_COM_STMT_PREPARE ? PREPARED : PASS;
}

void metadata_free(struct session *s)
{
    if (s->metadata) buf_release(&s->metadata->packet);
    mem_free(s->metadata);
    s->metadata = NULL;
    s->f.filtered = false;
}

static void put_head(struct metadata *m, struct buf *out, uint32_t n)
{
    buf_put_u24(out, n);
    buf_put_u8(out, (uint8_t)(m->head[3] - m->shift));
}

/* A packet that was kept whole: the first of a result, or of the answer to PREPARE. */
static void whole_packet(struct session *s, struct metadata *m, struct buf *out)
{
    struct str p = buf_str(&m->packet);
    unsigned char first = p.len ? (unsigned char)p.ptr[0] : 0xff;
    bool adds = m->state == PREPARED ? first == 0 : first != 0 && first < 0xfb;
    if (m->state == FIRST && first >= 0xfc && first != 0xff && p.len > 2 && !(first == 0xfe && p.len < 9)) adds = true; /* more than 250 columns */
    put_head(m, out, (uint32_t)p.len + adds);
    buf_put_str(out, p);
    if (adds) buf_put_u8(out, !s->f.no_metadata);
    if (m->state == PREPARED) {
        m->state = first == 0 ? PREPARED_DEFINITIONS : PASS;
    } else if (adds) {
        struct wire_reader r = wire_read(p.ptr, p.len);
        m->definitions = wire_get_lenenc(&r);
        m->state = DEFINITIONS;
    } else if (first == 0xff) {
        m->state = PASS;
    }
    buf_reset(&m->packet);
}

/* The header is there (and the first byte, where there is one). */
static void begin_packet(struct session *s, struct metadata *m, unsigned char first, struct buf *out)
{
    bool eof = first == 0xfe && m->left < 9;
    m->looked = true;
    m->held = m->dropped = false;
    if (m->continued) {
        put_head(m, out, m->left);
        return;
    }
    switch ((enum metadata_state)m->state) {
    case FIRST:
    case PREPARED: m->held = true; return;
    case DEFINITIONS:
        m->dropped = s->f.no_metadata;
        if (--m->definitions == 0) m->state = s->f.capabilities & WIRE_CAP_DEPRECATE_EOF ? ROWS : AFTER_DEFINITIONS;
        break;
    case AFTER_DEFINITIONS: m->state = ROWS; break;
    case ROWS:
        if (first == 0xff) m->state = PASS;
        else if (first == 0xfe && (s->f.capabilities & WIRE_CAP_DEPRECATE_EOF ? m->left < WIRE_MAX_PAYLOAD : eof)) m->state = FIRST;
        break;
    case PREPARED_DEFINITIONS: m->dropped = s->f.no_metadata && !eof; break;
    case PASS: break;
    }
    if (m->dropped) m->shift++;
    else put_head(m, out, m->left);
}

static void end_packet(struct session *s, struct metadata *m, struct buf *out)
{
    if (m->held) whole_packet(s, m, out);
    m->continued = wire_u24(m->head) == WIRE_MAX_PAYLOAD;
    m->nhead = 0;
}

void metadata_feed(struct front *f, const void *bytes, size_t n)
{
    struct session *s = session_of(f);
    struct metadata *m = s->metadata;
    const char *p = bytes;
    struct buf out = {0};
    while (n) {
        if (m->nhead < WIRE_HEADER) {
            m->head[m->nhead++] = (uint8_t)*p++;
            n--;
            if (m->nhead < WIRE_HEADER) continue;
            m->left = wire_u24(m->head);
            m->looked = false;
            if (m->left == 0) {
                begin_packet(s, m, 0, &out);
                end_packet(s, m, &out);
            }
            continue;
        }
        if (!m->looked) begin_packet(s, m, (unsigned char)*p, &out);
        size_t take = n < m->left ? n : m->left;
        if (m->held) buf_put(&m->packet, p, take);
        else if (!m->dropped) buf_put(&out, p, take);
        p += take;
        n -= take;
        m->left -= (uint32_t)take;
        if (m->left == 0) end_packet(s, m, &out);
    }
    f->broken |= out.failed || m->packet.failed;
    if (f->link && out.len && !f->broken) link_send(f->link, out.data, out.len);
    buf_release(&out);
}
