"""The compressed protocol on both sides, checked more strictly than real clients and servers do."""
import ctypes
import ctypes.util
import os
import shutil
import struct
import time
import unittest
import zlib

import wire
import world
from wire import Client, Err, Gone, ServerError
from world import wait_until

COMPRESS, ZSTD = 1 << 5, 1 << 26
FRAME_MIN = 50


class Zstd:
    """libzstd, which Weir itself is linked with."""
    def __init__(self):
        self.lib = ctypes.CDLL('libzstd.so.1')
        self.lib.ZSTD_compressBound.restype = self.lib.ZSTD_compress.restype = self.lib.ZSTD_decompress.restype = ctypes.c_size_t
        self.lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
        self.lib.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        self.lib.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        self.lib.ZSTD_isError.argtypes = [ctypes.c_size_t]

    def compress(self, data):
        out = ctypes.create_string_buffer(self.lib.ZSTD_compressBound(len(data)))
        n = self.lib.ZSTD_compress(out, len(out), data, len(data), 3)
        assert not self.lib.ZSTD_isError(n)
        return out.raw[:n]

    def decompress(self, data, size):
        out = ctypes.create_string_buffer(size + 1)
        n = self.lib.ZSTD_decompress(out, size + 1, data, len(data))
        assert not self.lib.ZSTD_isError(n), 'no zstd'
        return out.raw[:n]


class Zlib:
    compress = staticmethod(zlib.compress)

    @staticmethod
    def decompress(data, size):
        inflater = zlib.decompressobj()
        out = inflater.decompress(data, size + 1)
        assert inflater.eof and not inflater.unused_data, 'bytes behind the packed ones'
        return out


class Framed:
    """A socket whose bytes go in frames; numbers are checked, and that nothing short is packed and nothing grows."""
    def __init__(self, raw, packer, part=1 << 20):
        self.raw, self.packer, self.part = raw, packer, part
        self.number, self.frames, self.packed, self.longest = 0, 0, 0, 0

    def begin(self):
        self.number = 0

    def frame(self, data, pack=None):
        packed = self.packer.compress(data) if (pack if pack is not None else len(data) >= FRAME_MIN) else data
        plain = packed is data
        out = len(packed).to_bytes(3, 'little') + bytes([self.number]) + (0 if plain else len(data)).to_bytes(3, 'little') + packed
        self.number = (self.number + 1) & 255
        return out

    def sendall(self, data):
        self.raw.sendall(b''.join(self.frame(data[at:at + self.part]) for at in range(0, len(data), self.part)))

    def exactly(self, n):
        out = bytearray()
        while len(out) < n:
            more = self.raw.recv(n - len(out))
            if not more:
                if out:
                    raise Gone('closed in the middle of a frame')
                return b''
            out += more
        return bytes(out)

    def recv(self, n):
        head = self.exactly(7)
        if not head:
            return b''
        size, number, clear = int.from_bytes(head[:3], 'little'), head[3], int.from_bytes(head[4:], 'little')
        if number != self.number:
            raise Gone(f'frame number {number}, expected {self.number}')
        self.number = (self.number + 1) & 255
        data = self.exactly(size)
        if clear:
            if clear < FRAME_MIN or size >= clear:
                raise Gone(f'{clear} bytes were packed to {size}')
            self.packed += 1
            data = self.packer.decompress(data, clear)
            if len(data) != clear:
                raise Gone('the announced length is wrong')
        self.frames += 1
        self.longest = max(self.longest, len(data))
        return data

    def settimeout(self, t):
        self.raw.settimeout(t)

    def close(self):
        self.raw.close()


class CompressedClient(Client):
    def __init__(self, port, *args, how='zlib', part=1 << 20, capabilities_too=0, **options):
        self.how, self.part = how, part
        super().__init__(port, *args, capabilities=wire.USUAL | capabilities_too | (COMPRESS if how == 'zlib' else ZSTD), **options)

    def response(self, database):
        return super().response(database) + (b'\x03' if self.how == 'zstd' and self.active & ZSTD else b'')

    def login(self, database):
        super().login(database)
        if self.active & (COMPRESS | ZSTD):
            assert not self.buffered
            self.socket = Framed(self.socket, Zlib() if self.how == 'zlib' else Zstd(), self.part)

    def command(self, code, argument=b''):
        if isinstance(self.socket, Framed):
            self.socket.begin()
        super().command(code, argument)


@unittest.skipIf(world.STAND_IN, 'the plain server does not know zstd')
class Clients(world.Case):
    def compressed(self, how, part=1 << 20, user='app', port=None, **options):
        c = CompressedClient(port or world.shared().port, user, user, 'shop', how=how, part=part, **options)
        self.clients.append(c)
        self.assertIsInstance(c.socket, Framed, f'{how} was not agreed on')
        return c

    def both(self, **options):
        for how in ('zlib', 'zstd'):
            with self.subTest(how=how):
                yield self.compressed(how, **options)

    def test_statements(self):
        for c in self.both():
            self.assertEqual(c.value('SELECT 1 + 1'), '2')
            self.assertEqual(c.error('SELEKT 1').code, 1064)
            c.one('DROP TABLE IF EXISTS countries')
            c.one('CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(500))')
            c.one('INSERT INTO countries VALUES ' + ', '.join(f"('{chr(97 + i // 26)}{chr(97 + i % 26)}', '{'name ' * 50}{i}')" for i in range(300)))
            self.assertEqual(len(c.rows('SELECT * FROM countries ORDER BY code')), 300)
            self.assertGreater(c.socket.packed, 0)
            self.assertEqual([r.rows for r in c.query('SELECT 1; SELECT 2')], [[(b'1',)], [(b'2',)]])
            self.assertEqual(c.ping().affected, 0)
            self.assertIn('Uptime', c.statistics())
            self.assertEqual(c.use('other').affected, 0)

    def test_sharded_rows_are_merged(self):
        for c in self.both():
            c.one('DROP TABLE IF EXISTS types_a')
            c.one('CREATE TABLE types_a (id BIGINT PRIMARY KEY, v VARCHAR(300))')
            for at in range(0, 3000, 500):
                c.one('INSERT INTO types_a VALUES ' + ', '.join(f"({i}, '{'v' * (i % 300)}')" for i in range(at, at + 500)))
            self.assertEqual([r[0] for r in c.rows('SELECT id, v FROM types_a ORDER BY id')], [str(i) for i in range(3000)])

    def test_long_statements_and_values(self):
        for part in (1 << 20, 0xFFFFFF, 100_003):
            for c in self.both(part=part, timeout=180):
                text = b'0123456789abcdef' * 2_500_000               # 40 MB, in three packets
                self.assertEqual(c.value(b"SELECT LENGTH('%s')" % text), '40000000')
                value = c.value("SELECT REPEAT('0123456789abcdef', 2500000)")
                self.assertEqual(value.encode(), text)
                self.assertLess(c.socket.longest, 2 << 20, 'a client must hold a whole frame')
                self.assertEqual(c.value('SELECT 1'), '1')

    def test_what_does_not_pack(self):
        noise = os.urandom(1_500_000).hex()
        for c in self.both():
            self.assertEqual(c.value(f"SELECT '{noise}'"), noise)

    def test_torn_into_bytes(self):
        for c in self.both():
            raw = c.socket.raw
            c.socket.begin()
            sql = b"SELECT '" + b'a' * 500 + b"'"
            packet = len(sql + b'\x03').to_bytes(3, 'little') + b'\0\x03' + sql
            for at in range(0, len(packet), 60):                      # several frames, in single bytes
                for byte in c.socket.frame(packet[at:at + 60]):
                    raw.sendall(bytes([byte]))
            c.sequence = 1
            self.assertEqual(c.reply().rows, [(b'a' * 500,)])

    def test_commands_behind_each_other(self):
        """The answers count on from their own command, though more commands have come."""
        for c in self.both():
            out = b''
            for k in range(5):
                c.socket.begin()
                sql = b"SELECT %d, '%s'" % (k, b'x' * 100 * k)
                out += c.socket.frame(len(sql + b'\x03').to_bytes(3, 'little') + b'\0\x03' + sql[:20])
                if sql[20:]:
                    out += c.socket.frame(sql[20:])
            c.socket.raw.sendall(out)
            for k in range(5):
                c.socket.number = 1 if k == 0 else 2
                c.sequence = 1
                self.assertEqual(c.reply().rows, [(str(k).encode(), b'x' * 100 * k)])

    def test_change_user_stays_compressed(self):
        for c in self.both():
            c.change_user('shopper', 'shopper', 'shop')
            self.assertEqual(c.value('SELECT CURRENT_USER()').split('@')[0], 'shopper')
            self.assertEqual(len(c.value("SELECT REPEAT('r', 5000)")), 5000)

    def test_reset_stays_compressed(self):
        for c in self.both():
            c.reset()
            self.assertEqual(len(c.value("SELECT REPEAT('r', 5000)")), 5000)

    def test_local_files(self):
        """The file's packets are numbered on in the frames; clients number the packets inside as they like, and no server minds."""
        for how in ('zlib', 'zstd'):
            c = CompressedClient(world.shared().port, 'app', 'app', 'shop', how=how, part=70_001, capabilities_too=wire.LOCAL_FILES)
            self.clients.append(c)
            c.one('DROP TABLE IF EXISTS types_b')
            c.one('CREATE TABLE types_b (id BIGINT PRIMARY KEY, v VARCHAR(200))')
            c.command(wire.QUERY, b"LOAD DATA LOCAL INFILE 'x.csv' INTO TABLE types_b FIELDS TERMINATED BY ','")
            first = c.read()
            self.assertEqual(first[:1], b'\xfb', first)
            lines = ''.join(f'{i},{"v" * (i % 150)}\n' for i in range(20000)).encode()
            pieces = [lines[at:at + 300_000] for at in range(0, len(lines), 300_000)] + [b'']
            c.sequence = 99
            for piece in pieces:
                c.write(piece)
            c.sequence = 2 + len(pieces)
            self.assertEqual(c.reply().affected, 20000)
            self.assertEqual(c.rows('SELECT COUNT(*), SUM(LENGTH(v)) FROM types_b'), [('20000', str(sum(i % 150 for i in range(20000))))])
            c.one('DROP TABLE types_b')

    def test_prepared_statements(self):
        for c in self.both():
            c.command(wire.PREPARE, b"SELECT ?, REPEAT('p', 3000)")
            head = c.read()
            number, columns, params = struct.unpack_from('<IHH', head, 1)
            for _ in range(columns + params):
                c.read()
            for k in range(3):
                c.command(0x17, struct.pack('<IBI', number, 0, 1) + b'\0\1\x08\0' + struct.pack('<q', k))
                self.assertEqual(c.read(), b'\2')
                c.read(), c.read()
                row = c.read()
                self.assertEqual((row[:2], row[-3000:]), (b'\0\0', b'p' * 3000))
                self.assertEqual(c.read()[:1], b'\xfe')
            c.command(0x19, struct.pack('<I', number))           # no answer; the next command's is numbered by itself
            self.assertEqual(c.value('SELECT 5'), '5')

    def refused(self, c, data, words):
        log = world.shared()
        before = log.output().count(words)
        c.socket.raw.sendall(data)
        c.socket.raw.settimeout(10)
        try:
            while c.socket.raw.recv(65536):
                pass
        except ConnectionError:
            pass
        wait_until(lambda: log.output().count(words) > before, 5, f'"{words}" in the log')

    def test_malformed_frames_end_the_connection(self):
        for how in ('zlib', 'zstd'):
            packer = Zlib() if how == 'zlib' else Zstd()
            packed = packer.compress(b'\x65\x00\x00\x00\x03' + b'SELECT 1' + b' ' * 92)
            bomb = packer.compress(b'\xff\xff\xff\0' + b'\0' * 100_000_000)
            head = lambda n, number, clear: n.to_bytes(3, 'little') + bytes([number]) + clear.to_bytes(3, 'little')
            for data, words in (
                    (head(len(packed), 0, 104) + packed, 'holds more than it announces'),
                    (head(len(packed), 0, 106) + packed, 'holds less than it announces'),
                    (head(len(packed) - 1, 0, 105) + packed[:-1] + b'', 'ends too early'),
                    (head(len(packed), 0, 105) + b'\x55' + packed[1:], 'cannot be unpacked'),
                    (head(len(packed), 3, 105) + packed, 'out of order'),
                    (head(0, 0, 105), 'announces bytes and has none'),
                    (head(len(bomb), 0, 0xFFFFFF) + bomb, 'holds more than it announces')):
                self.refused(self.compressed(how), data, words)
        self.assertEqual(self.compressed('zlib').value('SELECT 1'), '1')

    def test_a_bomb_costs_no_memory(self):
        weir = world.shared()
        bomb = Zlib.compress(b'\0' * 0xFFFFFF, 9)
        c = self.compressed('zlib')
        before = weir.rss_kib()
        for k in range(3):                                       # within the announced length, as one statement of zero bytes
            c.socket.raw.sendall(len(bomb).to_bytes(3, 'little') + b'\0' + b'\xff\xff\xff' + bomb)
        time.sleep(0.5)                                          # what is watched for is that nothing happens
        self.assertLess(weir.rss_kib() - before, 100_000)

    def test_slow_reader_does_not_fill_memory(self):
        c = self.compressed('zlib', receive_buffer=65536, timeout=120)
        weir = world.shared()
        before = weir.rss_kib()
        noise = os.urandom(200_000).hex()
        c.one(f"SET @noise = '{noise}'")
        c.send('SELECT @noise FROM (' + ' UNION ALL '.join(['SELECT 1'] * 200) + ') t')
        time.sleep(1)
        self.assertLess(weir.rss_kib() - before, 40_000)
        reply = c.reply()
        self.assertEqual(len(reply.rows), 200)
        self.assertTrue(all(r == (noise.encode(),) for r in reply.rows))

    def test_mariadb_program(self):
        port = world.shared().port
        command = ['mariadb', '--no-defaults', '-h', '127.0.0.1', '-P', str(port), '-u', 'app', '-papp', '-N', '--compress', '--max-allowed-packet=128M']
        self.assertEqual(world.run(command, "SELECT 1; SELECT 'a', REPEAT('b', 5)"), (0, '1\na\tbbbbb\n'))
        code, out = world.run(command, "SELECT LENGTH('%s');SELECT REPEAT('y', 20000000);SELECT 5;\n" % ('x' * 20_000_000))
        self.assertEqual(code, 0, out[:500])
        lines = out.splitlines()
        self.assertEqual((lines[0], len(lines[1]), lines[2]), ('20000000', 20_000_000, '5'))

    def test_offered_as_the_rules_say(self):
        for text, caps in (('none', 0), ('zlib', COMPRESS), ('zstd', ZSTD), ('[zlib, zstd]', COMPRESS | ZSTD)):
            weir = self.weir(name='offer', weir=f'compression: {text}')
            c = self.client(port=weir.port)
            self.assertEqual(c.server_capabilities & (COMPRESS | ZSTD), caps)
            self.assertEqual(c.value('SELECT 1'), '1')


@unittest.skipIf(world.STAND_IN, "Weir's own connections")
class Sources(world.Case):
    @classmethod
    def setUpClass(cls):
        world.shared()
        add = {f"user: weir, password: weir, max_connections: 40}}": f"user: weir, password: weir, max_connections: 40, compression: zlib}}"}
        cls.proxy = world.make(name='packed', replace=add)
        cls.proxy.start()

    @classmethod
    def tearDownClass(cls):
        world.end(cls.proxy)

    def test_is_used(self):
        c = self.client(port=self.proxy.port, database='other')
        c.value('SELECT 1')
        for at in range(3):
            c.one('BEGIN')
            self.assertEqual(self.proxy.alive(), True)
            c.one('COMMIT')
        before = int(world.shards['s1'].sql("SHOW GLOBAL STATUS LIKE 'Bytes_sent'").split()[1])
        value = c.value("SELECT REPEAT('z', 10000000) FROM DUAL")
        self.assertEqual(len(value), 10_000_000)
        sent = int(world.shards['s1'].sql("SHOW GLOBAL STATUS LIKE 'Bytes_sent'").split()[1]) - before
        self.assertLess(sent, 2_000_000, 'ten million equal letters, packed')

    def test_long_values(self):
        c = self.client(port=self.proxy.port, timeout=180)
        text = b'0123456789abcdef' * 2_500_000
        for _ in range(2):
            self.assertEqual(c.value(b"SELECT LENGTH('%s')" % text), '40000000')
            self.assertEqual(c.value("SELECT REPEAT('0123456789abcdef', 2500000)").encode(), text)
        noise = os.urandom(9_000_000).hex().encode()
        self.assertEqual(c.value(b"SELECT '%s'" % noise).encode(), noise)

    def test_too_long_for_the_server_is_told(self):
        """The server gives up in the middle of a statement of many frames: its error counts only those that it read."""
        box = world.shards['s1']
        box.sql('SET GLOBAL max_allowed_packet = 1048576')
        try:
            weir = self.weir(name='packed-small', replace={'user: weir, password: weir, max_connections: 40}': 'user: weir, password: weir, max_connections: 40, compression: zlib}'})
            c = self.client(port=weir.port, database='other')
            reply = c.query(b"SELECT LENGTH('%s')" % (os.urandom(3_000_000).hex().encode()))[-1]
            self.assertIsInstance(reply, Err)
            self.assertIn(reply.code, (1153, 1429, 1430, 2013))
            self.assertEqual(self.client(port=weir.port, database='other').value('SELECT 1'), '1')
        finally:
            box.sql('SET GLOBAL max_allowed_packet = 134217728')

    def test_sharded(self):
        c = self.client(port=self.proxy.port)
        c.one('DROP TABLE IF EXISTS types_b')
        c.one('CREATE TABLE types_b (id BIGINT PRIMARY KEY, v TEXT)')
        for at in range(0, 2000, 500):
            c.one('INSERT INTO types_b VALUES ' + ', '.join(f"({i}, '{'v' * i}')" for i in range(at, at + 500)))
        self.assertEqual(c.rows('SELECT id, LENGTH(v) FROM types_b ORDER BY id'), [(str(i), str(i)) for i in range(2000)])
        self.assertEqual(c.rows('SELECT COUNT(*), SUM(LENGTH(v)) FROM types_b'), [('2000', str(sum(range(2000))))])
        c.one('BEGIN')
        c.one("UPDATE types_b SET v = 'x' WHERE id = 7")
        c.one('ROLLBACK')
        self.assertEqual(c.value("SELECT COUNT(*) FROM types_b WHERE v = 'x'"), '0')
        c.one('DROP TABLE types_b')

    def test_both_sides(self):
        for how in ('zlib', 'zstd'):
            c = CompressedClient(self.proxy.port, 'app', 'app', 'shop', how=how, timeout=180)
            self.clients.append(c)
            text = b'0123456789abcdef' * 1_250_000
            self.assertEqual(c.value(b"SELECT LENGTH('%s')" % text), '20000000')
            self.assertEqual(c.value("SELECT REPEAT('0123456789abcdef', 1250000)").encode(), text)

    def test_zstd_asked_of_mariadb_becomes_zlib(self):
        weir = self.weir(name='zstd', replace={'user: weir, password: weir, max_connections: 40}': 'user: weir, password: weir, max_connections: 40, compression: zstd}'})
        c = self.client(port=weir.port, database='other')
        self.assertEqual(len(c.value("SELECT REPEAT('z', 100000)")), 100_000)
