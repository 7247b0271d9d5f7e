"""binary.py - prepared statements over wire.Client: the binary protocol as it is, nothing converted that a driver would convert.

    s = Statement(client, 'SELECT id, v FROM t WHERE id = ?')
    reply = s.execute([5])          # Rows, Ok or Err; rows are tuples of Python values
    s.execute([5], cursor=True); s.fetch(10)
    s.close()

Parameters: None, int (BIGINT, unsigned above 2^63), float, str, bytes (BLOB), or Param(type, bytes) for what is meant exactly.
"""
import struct
from dataclasses import dataclass

import wire
from wire import DEPRECATE_EOF, Err, Gone, Rows, lenenc, lenenc_text, parse_column, parse_err, put_lenenc

PREPARE, EXECUTE, LONG_DATA, CLOSE, RESET, FETCH = 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C
CURSOR_READ_ONLY = 1
STATUS_CURSOR_EXISTS, STATUS_LAST_ROW_SENT = 0x40, 0x80
DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24, DATE, TIME, DATETIME, YEAR = range(14)
BIT, NEWDECIMAL, BLOB, VAR_STRING, STRING = 16, 246, 252, 253, 254
UNSIGNED = 0x8000
SIZES = {TINY: 1, SHORT: 2, YEAR: 2, LONG: 4, INT24: 4, LONGLONG: 8, FLOAT: 4, DOUBLE: 8}
UNSIGNED_FLAG = 32


@dataclass
class Param:
    type: int
    value: bytes  # as on the wire, without a length


def param(v):
    """(type, bytes of the value with its length where it has one) or (type, None)."""
    if v is None:
        return NULL, None
    if isinstance(v, Param):
        fixed = (v.type & 0xFF) in SIZES
        return v.type, v.value if fixed else put_lenenc(len(v.value)) + v.value
    if isinstance(v, bool) or isinstance(v, int):
        if v >= 1 << 63:
            return LONGLONG | UNSIGNED, struct.pack('<Q', v)
        return LONGLONG, struct.pack('<q', v)
    if isinstance(v, float):
        return DOUBLE, struct.pack('<d', v)
    if isinstance(v, str):
        v = v.encode()
        return VAR_STRING, put_lenenc(len(v)) + v
    return BLOB, put_lenenc(len(v)) + v


def date_param(year, month, day, hour=0, minute=0, second=0, micro=0, kind=DATETIME):
    data = struct.pack('<HBB', year, month, day)
    if kind != DATE:
        data += struct.pack('<BBB', hour, minute, second)
        if micro:
            data += struct.pack('<I', micro)
    return Param(kind, data)


def time_param(negative, days, hour, minute, second, micro=0):
    data = struct.pack('<BIBBB', negative, days, hour, minute, second)
    if micro:
        data += struct.pack('<I', micro)
    return Param(TIME, data)


def value(column, data, at):
    kind = column.type
    if kind in SIZES:
        raw = data[at:at + SIZES[kind]]
        at += SIZES[kind]
        if kind == FLOAT:
            return struct.unpack('<f', raw)[0], at
        if kind == DOUBLE:
            return struct.unpack('<d', raw)[0], at
        return int.from_bytes(raw, 'little', signed=not column.flags & UNSIGNED_FLAG), at
    if kind in (DATE, DATETIME, TIMESTAMP, TIME):
        size = data[at]
        raw = data[at + 1:at + 1 + size]
        return (kind == TIME and 'time' or 'date', tuple(raw)), at + 1 + size
    return lenenc_text(data, at)


def row(columns, data):
    if data[0] != 0:
        raise Gone(f'a binary row begins with {data[0]:#x}')
    size = (len(columns) + 7 + 2) // 8
    bits, at, out = data[1:1 + size], 1 + size, []
    for i, c in enumerate(columns):
        if bits[(i + 2) // 8] >> ((i + 2) % 8) & 1:
            out.append(None)
            continue
        v, at = value(c, data, at)
        out.append(v)
    if at != len(data):
        raise Gone(f'{len(data) - at} bytes left over in a binary row')
    return tuple(out)


class Statement:
    """Raises wire.ServerError when it cannot be prepared."""

    def __init__(self, client, sql):
        self.client = client
        client.command(PREPARE, sql if isinstance(sql, bytes) else sql.encode())
        data = client.read()
        if data[0] == 0xFF:
            raise wire.ServerError(parse_err(data))
        self.id, ncolumns, nparams, _, self.warnings = struct.unpack_from('<IHHBH', data, 1)
        self.params = self._definitions(nparams)
        self.columns = self._definitions(ncolumns)
        self.bound = None

    def _definitions(self, n):
        out = [parse_column(self.client.read()) for _ in range(n)]
        if n and not self.client.active & DEPRECATE_EOF:
            end = self.client.read()
            assert end[0] == 0xFE and len(end) == 5, end
        return out

    def send_long(self, n, piece):
        self.client.command(LONG_DATA, struct.pack('<IH', self.id, n) + piece)

    def packet(self, values, cursor=False, types=True, longs=()):
        out = struct.pack('<IBI', self.id, CURSOR_READ_ONLY if cursor else 0, 1)
        if not self.params and not values:
            return out
        encoded = [param(v) for v in values]
        bits = bytearray((len(values) + 7) // 8)
        for i, (_, data) in enumerate(encoded):
            if data is None and i not in longs:
                bits[i // 8] |= 1 << (i % 8)
        out += bytes(bits) + (b'\1' if types else b'\0')
        if types:
            out += b''.join(struct.pack('<H', BLOB if i in longs else t) for i, (t, _) in enumerate(encoded))
        return out + b''.join(d for i, (_, d) in enumerate(encoded) if d is not None and i not in longs)

    def send(self, values=(), **options):
        self.client.command(EXECUTE, self.packet(values, **options))

    def execute(self, values=(), **options):
        self.send(values, **options)
        return self.reply()

    def execute_all(self, values=()):
        """Every result of a CALL."""
        self.send(values)
        out = []
        while True:
            reply = self.reply()
            out.append(reply)
            if isinstance(reply, Err) or not reply.status & wire.STATUS_MORE:
                return out

    def reply(self):
        c = self.client
        data = c.read()
        if data[0] == 0:
            return c.parse_ok(data)
        if data[0] == 0xFF:
            return parse_err(data)
        count, _ = lenenc(data, 0)
        out = Rows([parse_column(c.read()) for _ in range(count)])
        if not c.active & DEPRECATE_EOF:
            end = c.read()
            out.warnings, out.status = struct.unpack_from('<HH', end, 1)
            if out.status & STATUS_CURSOR_EXISTS:
                self.open = out.columns
                return out
        self._rows(out)
        if out.status & STATUS_CURSOR_EXISTS:
            self.open = out.columns
        return out

    def _rows(self, out):
        c = self.client
        while True:
            data = c.read()
            if c.ends(data):
                c.finish(out, data)
                return
            if data[0] == 0xFF:
                raise wire.ServerError(parse_err(data))
            out.rows.append(row(out.columns, data))

    def fetch(self, n):
        self.client.command(FETCH, struct.pack('<II', self.id, n))
        out = Rows(self.open)
        self._rows(out)
        return out

    def reset(self):
        self.client.command(RESET, struct.pack('<I', self.id))
        return self.client.reply()

    def close(self):
        self.client.command(CLOSE, struct.pack('<I', self.id))
