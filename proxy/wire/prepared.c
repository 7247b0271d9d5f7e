/*
 * prepared.c - prepared statements: the reply to a PREPARE, and EXECUTE with its parameters; also the text of a COM_QUERY that has
 * query attributes before it, since those lie there as an execute's parameters do.
 *
 *   PREPARE_OK   00 id(4) columns(2) params(2) 00 warnings(2) [definitions follow(1), under OPTIONAL_RESULTSET_METADATA]
 *   EXECUTE      id(4) flags(1) iterations(4) [count] [NULL bits, bound(1), types, values]
 *   QUERY        [count, sets = 1 [NULL bits, 1, types, values]] text
 *
 *   types        when bound is 1: type(2) of each, [its name]; else those of the execute before
 *   count, names only under QUERY_ATTRIBUTES: the statement's parameters come first (without names), then the attributes
 *
 * Nothing is allocated: attributes are read over in a second walk along the types. What the packet has behind the last value is
 * not looked at, as the servers do not.
 */
#include "proxy/wire/wire.h"

#include "proxy/wire/wire_room.h"

enum { EXECUTE_FIXED = 9, OK_HEADER = 0x00, BOUND = 1 };

static inline uint16_t u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t u32(const unsigned char *p)
{
    return (uint32_t)u16(p) | (uint32_t)u16(p + 2) << 16;
}

/* ---- PREPARE ---- */

void wire_put_prepare_ok_optional(struct buf *out, uint8_t *seq, uint32_t capabilities, const struct wire_prepared *s, bool with_metadata)
{
    size_t at = wire_begin(out);
    buf_put_u8(out, OK_HEADER);
    buf_put_u32(out, s->id);
    buf_put_u16(out, s->columns);
    buf_put_u16(out, s->params);
    buf_put_u8(out, 0);
    buf_put_u16(out, s->warnings);
    if (capabilities & WIRE_CAP_OPTIONAL_RESULTSET_METADATA) buf_put_u8(out, with_metadata);
    wire_end(out, at, seq);
}

void wire_put_prepare_ok(struct buf *out, uint8_t *seq, const struct wire_prepared *s)
{
    wire_put_prepare_ok_optional(out, seq, 0, s, true);
}

enum wire_status wire_get_prepare_ok(struct str payload, struct wire_prepared *s)
{
    struct wire_reader r = wire_read(payload.ptr, payload.len);
    *s = (struct wire_prepared){0};
    if (wire_get_uint(&r, 1) != OK_HEADER) return WIRE_MALFORMED;
    s->id = (uint32_t)wire_get_uint(&r, 4);
    s->columns = (uint16_t)wire_get_uint(&r, 2);
    s->params = (uint16_t)wire_get_uint(&r, 2);
    wire_get_uint(&r, 1);
    s->warnings = (uint16_t)wire_get_uint(&r, 2);
    return wire_verdict(&r);
}

/* ---- what execute and query attributes have in common ---- */

static inline bool type_fits(uint16_t type)
{
    return (type & 0x7f00) == 0 && wire_layouts[type & 0xff] != WIRE_LAYOUT_BAD;
}

static inline bool bit_at(const unsigned char *bits, uint64_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* One entry of the list of types. */
static inline bool take_type(const unsigned char **p, const unsigned char *end, bool names, uint16_t *type)
{
    if (UNLIKELY(end - *p < 2)) return false;
    *type = u16(*p);
    *p += 2;
    if (UNLIKELY(!type_fits(*type))) return false;
    struct str name;
    return LIKELY(!names) || wire_take_value(p, end, WIRE_TYPE_STRING, &name);
}

/* Of a length in 8 bytes the servers read the lower 4, and a driver is around that writes rubbish into the upper ones. */
static bool take_big(const unsigned char **p, const unsigned char *end, struct str *value)
{
    if (end - *p < 9) return false;
    size_t n = u32(*p + 1);
    *p += 9;
    if (n > (size_t)(end - *p)) return false;
    *value = str_make(*p, n);
    *p += n;
    return true;
}

static inline bool take_parameter(const unsigned char **p, const unsigned char *end, uint8_t type, struct str *value)
{
    if (UNLIKELY(wire_layouts[type] == WIRE_LAYOUT_TEXT && *p < end && **p == 0xfe)) return take_big(p, end, value);
    return wire_take_value(p, end, type, value);
}

/* Reads over the values from the `first` on of `count`, whose types begin at `types`. */
static bool skip_attributes(const unsigned char **p, const unsigned char *end, const unsigned char *types, const unsigned char *bits,
                            uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint16_t type;
        struct str value;
        if (!take_type(&types, end, true, &type)) return false;
        if (i < first || bit_at(bits, i)) continue;
        if (!take_parameter(p, end, (uint8_t)type, &value)) return false;
    }
    return true;
}

static bool take_count(const unsigned char **p, const unsigned char *end, uint64_t *count)
{
    struct wire_reader r = wire_read(*p, (size_t)(end - *p));
    *count = wire_get_lenenc(&r);
    *p = r.p;
    return !r.bad;
}

/* ---- EXECUTE ---- */

enum wire_status wire_get_execute_id(struct str payload, uint32_t *id)
{
    *id = 0;
    if (payload.len < 4) return WIRE_MALFORMED;
    *id = u32((const unsigned char *)payload.ptr);
    return WIRE_OK;
}

enum wire_status wire_get_execute(struct str payload, uint32_t capabilities, uint16_t nparams, uint16_t *types, bool *types_known,
                                  struct wire_execute *x, struct wire_param *params)
{
    *x = (struct wire_execute){0};
    if (payload.len < EXECUTE_FIXED) return WIRE_MALFORMED;
    const unsigned char *p = (const unsigned char *)payload.ptr, *end = p + payload.len;
    x->id = u32(p);
    x->flags = p[4];
    x->iterations = u32(p + 5);
    p += EXECUTE_FIXED;

    bool attributes = capabilities & WIRE_CAP_QUERY_ATTRIBUTES;
    uint64_t count = nparams;
    if (nparams == 0 && !(attributes && x->flags & WIRE_PARAMETER_COUNT_AVAILABLE)) return WIRE_OK;
    if (attributes && (!take_count(&p, end, &count) || count < nparams)) return WIRE_MALFORMED;
    if (count == 0) return WIRE_OK;
    if (UNLIKELY(count / 8 > (uint64_t)(end - p) || (count + 7) / 8 >= (uint64_t)(end - p))) return WIRE_MALFORMED;
    const unsigned char *bits = p;
    p += (count + 7) / 8;

    uint8_t bound = *p++;
    const unsigned char *list = p;
    if (bound == BOUND) {
        uint16_t type;
        for (uint64_t i = 0; i < count; i++)
            if (!take_type(&p, end, attributes, &type)) return WIRE_MALFORMED;
        p = list;
        for (uint64_t i = 0; i < count; i++) { /* all are good: from here on they are the statement's */
            if (!take_type(&p, end, attributes, &type)) return WIRE_MALFORMED;
            if (i < nparams) types[i] = type;
        }
        if (nparams) *types_known = true;
    } else if (bound || !*types_known || count > nparams)
        return WIRE_MALFORMED;

    for (uint16_t i = 0; i < nparams; i++) {
        struct wire_param *v = &params[i];
        v->type = types[i];
        v->null = false;
        if (UNLIKELY(v->long_data)) continue; /* not in the packet, whatever its NULL bit says */
        if (bit_at(bits, i) || (uint8_t)types[i] == WIRE_TYPE_NULL) {
            v->null = true;
            v->value = STR_NULL;
        } else if (UNLIKELY(!take_parameter(&p, end, (uint8_t)types[i], &v->value)))
            return WIRE_MALFORMED;
    }
    return LIKELY(count == nparams) || skip_attributes(&p, end, list, bits, nparams, count) ? WIRE_OK : WIRE_MALFORMED;
}

/* Data that came in pieces are a string of bytes: a parameter of another type is sent as one. */
static inline uint16_t sent_type(const struct wire_param *v)
{
    return UNLIKELY(v->long_data) && wire_layouts[v->type & 0xff] != WIRE_LAYOUT_TEXT ? (uint16_t)WIRE_TYPE_VAR_STRING : v->type;
}

static inline bool sent_null(const struct wire_param *v)
{
    return v->null || (!v->long_data && (uint8_t)v->type == WIRE_TYPE_NULL);
}

static inline unsigned char *store(unsigned char *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) *p++ = (unsigned char)(v >> (8 * i));
    return p;
}

void wire_put_execute(struct buf *out, uint8_t *seq, uint32_t id, uint8_t flags, const struct wire_param *params, uint16_t n)
{
    size_t bytes = ((size_t)n + 7) / 8, size = WIRE_HEADER + 1 + EXECUTE_FIXED;
    if (n) size += bytes + 1 + 2 * (size_t)n;
    for (uint16_t i = 0; i < n; i++) {
        if (sent_null(&params[i])) continue;
        size_t v = wire_value_size((uint8_t)sent_type(&params[i]), params[i].value);
        if (UNLIKELY(v == 0)) {
            out->failed = true;
            return;
        }
        size += v;
    }
    if (!buf_reserve(out, size)) return;
    size_t at = wire_begin(out);
    unsigned char *p = (unsigned char *)out->data + out->len;
    *p++ = WIRE_COM_STMT_EXECUTE;
    p = store(p, id, 4);
    *p++ = (unsigned char)(flags & ~WIRE_PARAMETER_COUNT_AVAILABLE);
    p = store(p, 1, 4);
    if (n) {
        unsigned char *bits = p;
        memset(bits, 0, bytes);
        p += bytes;
        *p++ = BOUND;
        for (uint16_t i = 0; i < n; i++) p = store(p, sent_type(&params[i]), 2);
        for (uint16_t i = 0; i < n; i++) {
            if (sent_null(&params[i]))
                bits[i / 8] = (unsigned char)(bits[i / 8] | 1u << (i % 8));
            else
                p = wire_store_value(p, (uint8_t)sent_type(&params[i]), params[i].value);
        }
    }
    out->len = (size_t)(p - (unsigned char *)out->data);
    wire_end(out, at, seq);
}

/* ---- QUERY ---- */

enum wire_status wire_get_query(struct str payload, uint32_t capabilities, struct str *text)
{
    *text = payload;
    if (LIKELY(!(capabilities & WIRE_CAP_QUERY_ATTRIBUTES))) return WIRE_OK;
    if (payload.len == 0) return WIRE_MALFORMED;
    const unsigned char *p = (const unsigned char *)payload.ptr, *end = p + payload.len, *list;
    uint64_t count, sets;
    if (!take_count(&p, end, &count) || !take_count(&p, end, &sets) || sets != 1) return WIRE_MALFORMED;
    if (count) {
        if (count / 8 > (uint64_t)(end - p) || (count + 7) / 8 >= (uint64_t)(end - p)) return WIRE_MALFORMED;
        const unsigned char *bits = p;
        uint16_t type;
        p += (count + 7) / 8;
        if (*p++ != BOUND) return WIRE_MALFORMED;
        list = p;
        for (uint64_t i = 0; i < count; i++)
            if (!take_type(&p, end, true, &type)) return WIRE_MALFORMED;
        if (!skip_attributes(&p, end, list, bits, 0, count)) return WIRE_MALFORMED;
    }
    *text = str_make(p, (size_t)(end - p));
    return WIRE_OK;
}
