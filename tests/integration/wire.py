"""wire.py - a MySQL client that hides nothing.

Drivers throw away half of what a server says: sqlstate, status flags, warning counts, the column definitions' flags. The
differential test compares all of that, and the fault tests must send packets that no driver would send. So this is a
small client of our own: text protocol, both forms of the end of a result, native and caching_sha2 passwords, and raw
packets on request.

    c = Client(port=4406, user='app', password='app', database='shop')
    for reply in c.query('SELECT 1; SELECT 2'):        # replies: Ok, Rows or Err, one for each statement
        ...
"""
import hashlib
import os
import socket
import struct
from dataclasses import dataclass, field

LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB = 1, 2, 4, 8
LOCAL_FILES, PROTOCOL_41, INTERACTIVE, SSL, TRANSACTIONS = 128, 512, 1024, 2048, 8192
SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS = 1 << 15, 1 << 16, 1 << 17
PLUGIN_AUTH, CONNECT_ATTRS, LENENC_AUTH, DEPRECATE_EOF = 1 << 19, 1 << 20, 1 << 21, 1 << 24
USUAL = (LONG_PASSWORD | LONG_FLAG | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | MULTI_STATEMENTS | MULTI_RESULTS
         | PLUGIN_AUTH | DEPRECATE_EOF)

STATUS_IN_TRANS, STATUS_AUTOCOMMIT, STATUS_MORE = 1, 2, 8
QUIT, INIT_DB, QUERY, FIELD_LIST, STATISTICS, PING, CHANGE_USER, PREPARE, SET_OPTION, RESET = \
    1, 2, 3, 4, 9, 14, 17, 22, 27, 31
MAX_PAYLOAD = 0xFFFFFF


class Gone(Exception):
    """The server closed the connection (or said something that is no packet)."""


@dataclass
class Err:
    code: int
    state: str
    message: str

    def __str__(self):
        return f'ERROR {self.code} ({self.state}): {self.message}'


@dataclass
class Ok:
    affected: int
    insert_id: int
    status: int
    warnings: int
    info: str

    def __str__(self):
        return (f'OK affected={self.affected} insert_id={self.insert_id} status={self.status} '
                f'warnings={self.warnings} info={self.info!r}')


@dataclass
class Column:
    db: str
    table: str
    org_table: str
    name: str
    org_name: str
    charset: int
    length: int
    type: int
    flags: int
    decimals: int


@dataclass
class Rows:
    columns: list
    rows: list = field(default_factory=list)
    status: int = 0
    warnings: int = 0

    def __str__(self):
        names = ', '.join(c.name for c in self.columns)
        return f'{len(self.rows)} rows ({names}) status={self.status} warnings={self.warnings}'


def lenenc(data, at):
    """Length-encoded integer at `at`: (value or None for NULL, next position)."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    if first == 0xFB:
        return None, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first)
    if size is None:
        raise Gone(f'bad length byte {first:#x}')
    return int.from_bytes(data[at + 1:at + 1 + size], 'little'), at + 1 + size


def lenenc_text(data, at):
    size, at = lenenc(data, at)
    if size is None:
        return None, at
    if at + size > len(data):
        raise Gone('text reaches beyond its packet')
    return bytes(data[at:at + size]), at + size


def put_lenenc(n):
    if n < 0xFB:
        return bytes([n])
    if n < 1 << 16:
        return b'\xfc' + n.to_bytes(2, 'little')
    if n < 1 << 24:
        return b'\xfd' + n.to_bytes(3, 'little')
    return b'\xfe' + n.to_bytes(8, 'little')


# ---- passwords -----------------------------------------------------------------------------------------------------

def native_answer(password, salt):
    """SHA1(password) XOR SHA1(salt + SHA1(SHA1(password)))"""
    if not password:
        return b''
    one = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(salt + hashlib.sha1(one).digest()).digest()
    return bytes(a ^ b for a, b in zip(one, mask))


def sha2_answer(password, salt):
    """SHA256(password) XOR SHA256(SHA256(SHA256(password)) + salt)"""
    if not password:
        return b''
    one = hashlib.sha256(password.encode()).digest()
    mask = hashlib.sha256(hashlib.sha256(one).digest() + salt).digest()
    return bytes(a ^ b for a, b in zip(one, mask))


def xor_cycle(text, key):
    return bytes(b ^ key[i % len(key)] for i, b in enumerate(text))


def _der(data, at):
    """One DER element: (tag, content start, content end)."""
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        n = size & 0x7F
        size = int.from_bytes(data[at:at + n], 'big')
        at += n
    return tag, at, at + size


def rsa_key(pem):
    """(modulus, exponent) of a public key in PEM, as SubjectPublicKeyInfo."""
    import base64
    body = ''.join(line for line in pem.decode().splitlines() if line and not line.startswith('-----'))
    der = base64.b64decode(body)
    _, at, _ = _der(der, 0)            # SEQUENCE
    _, _, end = _der(der, at)          # algorithm
    _, at, _ = _der(der, end)          # BIT STRING
    _, at, _ = _der(der, at + 1)       # SEQUENCE of the two numbers
    _, low, high = _der(der, at)
    modulus = int.from_bytes(der[low:high], 'big')
    _, low, high = _der(der, high)
    return modulus, int.from_bytes(der[low:high], 'big')


def rsa_oaep(message, pem):
    """RSAES-OAEP with SHA-1 (RFC 8017, 7.1.1), which is what the servers decrypt with."""
    modulus, exponent = rsa_key(pem)
    size = (modulus.bit_length() + 7) // 8

    def mgf(seed, n):
        out = b''
        for i in range((n + 19) // 20):
            out += hashlib.sha1(seed + i.to_bytes(4, 'big')).digest()
        return out[:n]

    block = hashlib.sha1(b'').digest() + b'\0' * (size - len(message) - 42) + b'\1' + message
    seed = os.urandom(20)
    masked = bytes(a ^ b for a, b in zip(block, mgf(seed, len(block))))
    masked_seed = bytes(a ^ b for a, b in zip(seed, mgf(masked, 20)))
    number = int.from_bytes(b'\0' + masked_seed + masked, 'big')
    return pow(number, exponent, modulus).to_bytes(size, 'big')


# ---- the client ----------------------------------------------------------------------------------------------------

class Client:
    def __init__(self, port, user='app', password='app', database=None, host='127.0.0.1', capabilities=USUAL,
                 charset=45, timeout=60, login=True, plugin=None, receive_buffer=None):
        self.timeout, self.user, self.password, self.capabilities = timeout, user, password, capabilities
        self.charset, self.plugin_wanted = charset, plugin
        self.used_plugin, self.full_exchange = None, False
        self.sequence = 0
        self.buffered = b''
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if login:
            try:
                self.login(database)
            except BaseException:
                self.socket.close()
                raise

    # -- packets

    def read_bytes(self, n):
        while len(self.buffered) < n:
            try:
                more = self.socket.recv(max(65536, n - len(self.buffered)))
            except ConnectionError as e:
                raise Gone(str(e)) from e
            if not more:
                raise Gone('connection closed')
            self.buffered += more
        out, self.buffered = self.buffered[:n], self.buffered[n:]
        return out

    def read(self):
        """One payload, put together when it came in several packets."""
        parts = []
        while True:
            head = self.read_bytes(4)
            size = int.from_bytes(head[:3], 'little')
            if head[3] != self.sequence:
                raise Gone(f'packet number {head[3]}, expected {self.sequence}')
            self.sequence = (self.sequence + 1) & 255
            parts.append(self.read_bytes(size))
            if size < MAX_PAYLOAD:
                return b''.join(parts)

    def write(self, payload):
        out, at = [], 0
        while True:
            piece = payload[at:at + MAX_PAYLOAD]
            out.append(len(piece).to_bytes(3, 'little') + bytes([self.sequence]) + piece)
            self.sequence = (self.sequence + 1) & 255
            at += len(piece)
            if len(piece) < MAX_PAYLOAD:
                break
        self.send_raw(b''.join(out))

    def send_raw(self, data):
        try:
            self.socket.sendall(data)
        except ConnectionError as e:
            raise Gone(str(e)) from e

    # -- log in

    def greeting(self):
        self.sequence = 0
        data = self.read()
        if data[0] == 0xFF:
            raise ServerError(parse_err(data))
        if data[0] != 10:
            raise Gone(f'protocol {data[0]}')
        end = data.index(0, 1)
        self.server_version = data[1:end].decode()
        at = end + 1
        self.connection_id = struct.unpack_from('<I', data, at)[0]
        salt = data[at + 4:at + 12]
        at += 13
        low, self.server_charset, self.status, high = struct.unpack_from('<HBHH', data, at)
        self.server_capabilities = low | high << 16
        at += 7 + 1 + 10
        rest = data[at:]
        self.salt = salt + rest[:12]
        self.server_plugin = rest[13:].split(b'\0')[0].decode() if self.server_capabilities & PLUGIN_AUTH else \
            'mysql_native_password'

    def answer(self, plugin):
        if plugin == 'mysql_native_password':
            return native_answer(self.password, self.salt)
        if plugin == 'caching_sha2_password':
            return sha2_answer(self.password, self.salt)
        if plugin == 'mysql_clear_password':
            return self.password.encode() + b'\0'
        raise Gone(f'no such plugin {plugin}')

    def response(self, database):
        caps = self.capabilities & (self.server_capabilities | CONNECT_WITH_DB)
        if database is not None:
            caps |= CONNECT_WITH_DB
        else:
            caps &= ~CONNECT_WITH_DB
        self.active = caps
        plugin = self.plugin_wanted or self.server_plugin
        self.used_plugin = plugin
        answer = self.answer(plugin)
        out = struct.pack('<IIB23x', caps, 1 << 30, self.charset) + self.user.encode() + b'\0'
        out += bytes([len(answer)]) + answer
        if database is not None:
            out += database.encode() + b'\0'
        if caps & PLUGIN_AUTH:
            out += plugin.encode() + b'\0'
        return out

    def login(self, database):
        self.greeting()
        self.write(self.response(database))
        self.finish_auth()

    def finish_auth(self):
        while True:
            data = self.read()
            if data[:1] == b'\0':
                self.status = struct.unpack_from('<H', data, lenenc(data, lenenc(data, 1)[1])[1])[0]
                return
            if data[:1] == b'\xff':
                raise ServerError(parse_err(data))
            if data[:1] == b'\xfe':
                end = data.index(0, 1)
                self.used_plugin = data[1:end].decode()
                self.salt = data[end + 1:end + 21]
                self.write(self.answer(self.used_plugin))
            elif data[:2] == b'\x01\x03':
                pass                                    # fast path: the OK packet follows
            elif data[:2] == b'\x01\x04':               # full exchange: ask for the public key
                self.full_exchange = True
                self.write(b'\x02')
                key = self.read()
                if key[:1] != b'\x01':
                    raise ServerError(parse_err(key))
                secret = xor_cycle(self.password.encode() + b'\0', self.salt)
                self.write(rsa_oaep(secret, key[1:]))
            else:
                raise Gone(f'unexpected packet in the log-in: {data[:20]!r}')

    # -- commands

    def command(self, code, argument=b''):
        self.sequence = 0
        self.write(bytes([code]) + argument)

    def query(self, sql):
        """All replies of the text: a list of Ok, Rows and Err."""
        self.send(sql)
        return list(self.replies())

    def send(self, sql):
        self.command(QUERY, sql if isinstance(sql, bytes) else sql.encode('utf-8'))

    def one(self, sql):
        """The only reply; raises ServerError for an error."""
        replies = self.query(sql)
        if isinstance(replies[-1], Err):
            raise ServerError(replies[-1])
        assert len(replies) == 1, f'{len(replies)} replies to {sql}'
        return replies[0]

    def rows(self, sql):
        """The rows of the only reply, as tuples of text (None for NULL)."""
        reply = self.one(sql)
        return [tuple(None if v is None else v.decode('utf-8', 'backslashreplace') for v in row) for row in reply.rows]

    def value(self, sql):
        return self.rows(sql)[0][0]

    def error(self, sql):
        """The error that the statement is expected to give."""
        last = self.query(sql)[-1]
        assert isinstance(last, Err), f'no error but {last} from: {sql[:200]}'
        return last

    def replies(self):
        while True:
            reply = self.reply()
            yield reply
            if isinstance(reply, Err) or not reply.status & STATUS_MORE:
                return

    def reply(self):
        data = self.read()
        if data[0] == 0:
            return self.parse_ok(data)
        if data[0] == 0xFF:
            return parse_err(data)
        if data[0] == 0xFB:
            raise Gone('the server asks for a local file')
        out = Rows(self.columns(data))
        while True:
            data = self.read()
            if self.ends(data):
                self.finish(out, data)
                return out
            if data[0] == 0xFF:
                return parse_err(data)
            row, at = [], 0
            for _ in out.columns:
                value, at = lenenc_text(data, at)
                row.append(value)
            if at != len(data):
                raise Gone('bytes left over in a row')
            out.rows.append(tuple(row))

    def columns(self, first):
        count, at = lenenc(first, 0)
        if at != len(first):
            raise Gone('bytes left over in the column count')
        out = []
        for _ in range(count):
            out.append(parse_column(self.read()))
        if not self.active & DEPRECATE_EOF:
            end = self.read()
            if not (end[0] == 0xFE and len(end) == 5):
                raise Gone('no EOF after the column definitions')
        return out

    def ends(self, data):
        return data[0] == 0xFE and len(data) < (MAX_PAYLOAD if self.active & DEPRECATE_EOF else 9)

    def finish(self, out, data):
        if self.active & DEPRECATE_EOF:
            ok = self.parse_ok(data)
            out.status, out.warnings = ok.status, ok.warnings
        else:
            out.warnings, out.status = struct.unpack_from('<HH', data, 1)

    def parse_ok(self, data):
        affected, at = lenenc(data, 1)
        insert_id, at = lenenc(data, at)
        status, warnings = struct.unpack_from('<HH', data, at)
        # The text is a length-encoded string where session tracking is agreed; else it takes the rest of the packet,
        # with a length byte in front where the server is MariaDB.
        info = data[at + 4:]
        if info and info[0] == len(info) - 1:
            info = info[1:]
        self.status = status
        return Ok(affected, insert_id, status, warnings, info.decode('utf-8', 'backslashreplace'))

    def ping(self):
        self.command(PING)
        return self.reply()

    def use(self, database):
        self.command(INIT_DB, database.encode())
        return self.reply()

    def reset(self):
        self.command(RESET)
        return self.reply()

    def change_user(self, user, password, database=''):
        self.user, self.password = user, password
        answer = self.answer(self.used_plugin)
        self.command(CHANGE_USER, user.encode() + b'\0' + bytes([len(answer)]) + answer + database.encode() + b'\0'
                     + struct.pack('<H', self.charset) + self.used_plugin.encode() + b'\0')
        self.finish_auth()

    def field_list(self, table, wild=''):
        self.command(FIELD_LIST, table.encode() + b'\0' + wild.encode())
        out = []
        while True:
            data = self.read()
            if data[0] == 0xFF:
                return parse_err(data)
            if data[0] == 0xFE and len(data) < 9:
                return out
            out.append(parse_column(data))

    def statistics(self):
        self.command(STATISTICS)
        return self.read().decode()

    def set_option(self, option):
        self.command(SET_OPTION, struct.pack('<H', option))
        return self.read()

    def quit(self):
        try:
            self.command(QUIT)
        except Gone:
            pass
        self.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class ServerError(Exception):
    def __init__(self, err):
        super().__init__(str(err))
        self.code, self.state, self.message = err.code, err.state, err.message


def parse_err(data):
    if data[:1] != b'\xff':
        raise Gone(f'no error packet: {data[:30]!r}')
    code = struct.unpack_from('<H', data, 1)[0]
    if data[3:4] == b'#':
        return Err(code, data[4:9].decode(), data[9:].decode('utf-8', 'backslashreplace'))
    return Err(code, '', data[3:].decode('utf-8', 'backslashreplace'))


def parse_column(data):
    texts, at = [], 0
    for _ in range(6):
        text, at = lenenc_text(data, at)
        texts.append(text.decode('utf-8', 'backslashreplace'))
    if texts[0] != 'def':
        raise Gone(f'catalog {texts[0]!r}')
    size, at = lenenc(data, at)
    if size != 12:
        raise Gone(f'fixed part of {size} bytes')
    charset, length, kind, flags, decimals = struct.unpack_from('<HIBHB', data, at)
    return Column(*texts[1:], charset, length, kind, flags, decimals)
