"""What goes wrong: bad packets, bad SQL, too much of everything, servers and clients that die. After each fault another client is
served as if nothing had happened; that is checked after every test."""
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import world
from binary import Statement
from servers import Mariadb
from wire import (CHANGE_USER, FIELD_LIST, INIT_DB, MAX_PAYLOAD, PREPARE, QUERY, SET_OPTION, Client, Err, Gone, ServerError,
                  parse_err)

NEEDS_WEIR = unittest.skipIf(world.STAND_IN, "Weir's own")


class Faults(world.Case):
    def setUp(self):
        super().setUp()
        self.port = world.shared().port

    def tearDown(self):
        with Client(self.port, database='shop') as c:
            self.assertEqual(c.value('SELECT 1'), '1', 'another client is served')
        super().tearDown()

    def raw(self):
        """A connection that has read the greeting and said nothing."""
        c = self.client(login=False, timeout=20, port=self.port)
        c.greeting()
        return c

    def ended(self, c):
        """Reads until the end: the error packet that came, or None. Fails when the connection stays open."""
        err = None
        try:
            while True:
                data = c.read()
                if data[:1] == b'\xff':
                    err = parse_err(data)
        except Gone:
            return err
        except TimeoutError:
            self.fail('neither an error nor the end of the connection')

    def answered(self, c, what=''):
        """The next packet as an error, or None when the connection ended instead."""
        try:
            data = c.read()
        except Gone:
            return None
        except TimeoutError:
            self.fail(f'no answer {what}')
        self.assertEqual(data[:1], b'\xff', data[:40])
        return parse_err(data)


class LoginPackets(Faults):
    def test_every_truncation_of_the_response(self):
        for plugin in ('mysql_native_password', 'caching_sha2_password'):
            whole = self.response(plugin)
            for size in range(len(whole) - 1):
                c = self.raw()
                c.plugin_wanted = plugin
                c.write(self.response(plugin, c)[:size])
                # Some prefixes are a log-in without a plugin's name or with another database: an answer is due all the same.
                try:
                    data = c.read()
                    self.assertIn(data[0], (0xFF, 0xFE, 0, 1), f'{plugin}, {size} bytes: {data[:30]!r}')
                    if data[0] == 0xFF:
                        self.assertIn(parse_err(data).code, (1043, 1045, 1044, 1049, 1047, 1835, 1251, 3159), parse_err(data))
                except Gone:
                    pass
                c.close()
                self.clients.remove(c)

    def response(self, plugin, c=None):
        c = c or self.raw()
        c.plugin_wanted = plugin
        return c.response('shop')

    def test_lengths_beyond_the_packet(self):
        for length in (1, 19, 21, 100, 250, 251, 252, 253, 254, 255):
            c = self.raw()
            caps = struct.pack('<IIB23x', c.server_capabilities & ~(1 << 21), 1 << 30, 45)
            c.write(caps + b'app\0' + bytes([length]) + b'x' * 5)
            self.ended_or_denied(c)

    def ended_or_denied(self, c):
        try:
            data = c.read()
        except Gone:
            return
        except TimeoutError:
            self.fail('no answer')
        if data[0] == 0xFE:                                # asked for another plugin: give nonsense
            c.write(b'?' * 7)
            self.assertIsNotNone(self.ended(c))
        elif data[:2] == b'\x01\x04':
            c.write(b'\x09')
            self.ended(c)
        else:
            self.assertEqual(data[0], 0xFF, data[:30])

    def test_names_that_never_end(self):
        for body in (b'a' * 5000, b'a' * 100 + b'\0' + b'\x14' + b'x' * 20 + b'd' * 5000, b''):
            c = self.raw()
            c.write(struct.pack('<IIB23x', 0x00aff68d, 1 << 30, 45) + body)
            self.ended_or_denied(c)

    def test_odd_capabilities_and_character_sets(self):
        for caps in (0, 0xFFFFFFFF, 1 << 9, 0x00aff68d & ~(1 << 15), 1 << 11):
            for charset in (0, 1, 45, 255):
                c = self.raw()
                c.write(struct.pack('<IIB23x', caps, 0xFFFFFFFF, charset) + b'app\0\0')
                try:
                    c.socket.settimeout(3)
                    c.read()
                except (Gone, TimeoutError):               # with CLIENT_SSL a server waits for TLS
                    pass
                c.close()

    def test_wrong_packet_number(self):
        c = self.raw()
        c.sequence = 7
        c.write(self.response('mysql_native_password', c))
        c.sequence = 1
        err = self.ended_quietly(c)
        if err is not None:
            self.assertIn(err.code, (1043, 1156), err)

    def ended_quietly(self, c):
        try:
            return self.ended(c)
        except IndexError:
            return None

    def test_other_protocols(self):
        for noise in (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\0' * 508, b'\0' * 100, b'\xff' * 100,
                      b'\x00\x00\x00\x01', b'\x01\x00\x00\x01', b'SSH-2.0-x\r\n'):
            c = self.raw()
            try:
                c.send_raw(noise)
                c.socket.shutdown(socket.SHUT_WR)
                self.ended_quietly(c)
            except (Gone, OSError):
                pass

    def test_a_huge_first_packet(self):
        """Before the log-in nobody may send megabytes: the connection ends long before they are taken."""
        c = self.raw()
        sent = 0
        try:
            c.send_raw(b'\xff\xff\xff\x01')
            for _ in range(256):
                c.send_raw(b'a' * 65536)
                sent += 65536
            err = self.ended_quietly(c)
            if err is not None:
                self.assertIn(err.code, (1043, 1153), err)
        except (Gone, TimeoutError):
            pass

    def test_a_client_that_says_nothing(self):
        weir = self.weir(name='login-timeout', weir='login_timeout: 300ms') if not world.STAND_IN else None
        if weir is None:
            self.skipTest("Weir's own time-out")
        c = Client(weir.port, login=False, timeout=20)
        c.greeting()
        self.ended_quietly(c)
        half = Client(weir.port, login=False, timeout=20)
        half.greeting()
        half.send_raw(b'\x50\x00\x00\x01abc')
        self.ended_quietly(half)
        with Client(weir.port) as other:
            self.assertEqual(other.value('SELECT 1'), '1')

    def test_a_scan_of_connections(self):
        for _ in range(50):
            socket.create_connection(('127.0.0.1', self.port)).close()
        with socket.create_connection(('127.0.0.1', self.port)) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))     # reset


class CommandPackets(Faults):
    def test_unknown_commands(self):
        known = {1, 2, 3, 4, 9, 14, 17, 27, 31}            # QUIT INIT_DB QUERY FIELD_LIST STATISTICS PING CHANGE_USER SET_OPTION RESET
        for code in range(256):
            if code in known or world.STAND_IN and code in (5, 6, 7, 8, 10, 11, 12, 13, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 250, 251, 252, 253, 254):
                continue
            c = self.client(database='shop', timeout=10)
            c.command(code, b'abc')
            # To SEND_LONG_DATA and STMT_CLOSE the protocol has no reply.
            err = None if code in (24, 25) else self.answered(c, f'to command {code}')
            if code in (24, 25):
                self.assertEqual(c.value('SELECT 1'), '1', f'after command {code}')
            if err is not None:
                self.assertIn(err.code, (1047, 1064, 1235, 1227, 1210, 1243, 1295, 1835), f'command {code}: {err}')
                self.assertEqual(c.value('SELECT 1'), '1', f'after command {code}')
            c.close()

    @NEEDS_WEIR
    def test_an_empty_packet(self):
        c = self.client()
        c.sequence = 0
        c.write(b'')
        err = self.answered(c)
        if err is not None:
            self.assertIn(err.code, (1047, 1835), err)

    def test_truncated_arguments(self):
        c = self.client(database='shop')
        for code, argument in ((SET_OPTION, b''), (SET_OPTION, b'\0'), (SET_OPTION, b'\x09\0'), (FIELD_LIST, b''), (FIELD_LIST, b'no_end'), (INIT_DB, b''),
                               (INIT_DB, b'a' * 1000), (INIT_DB, b'\xff\xfe'), (QUERY, b''), (QUERY, b'\0'), (QUERY, b' ')):
            c.command(code, argument)
            try:
                data = c.read()
            except Gone:
                c = self.client(database='shop')
                continue
            while data[0] not in (0xFF, 0xFE, 0):          # FIELD_LIST may answer with columns
                data = c.read()
            if data[0] == 0xFF:
                self.assertTrue(parse_err(data).message)
            self.assertEqual(c.value('SELECT 1'), '1', (code, argument))

    def test_every_truncation_of_change_user(self):
        whole = b'app\0' + b'\x14' + b'x' * 20 + b'shop\0' + b'\x2d\0' + b'mysql_native_password\0'
        for size in range(len(whole)):
            c = self.client()
            c.command(CHANGE_USER, whole[:size])
            try:
                data = c.read()
                if data[0] == 0xFE:                        # a switch of the plugin
                    c.write(b'nonsense')
                    data = c.read()
                self.assertIn(data[0], (0xFF, 10) if world.STAND_IN else (0xFF,), f'{size} bytes: {data[:30]!r}')
            except Gone:
                pass
            c.close()
            self.clients.remove(c)

    def test_wrong_packet_number(self):
        c = self.client()
        c.send_raw(b'\x09\0\0\x05\x03SELECT 1')
        err = self.ended_or_first(c)
        if err is not None:
            self.assertEqual(err.code, 1156, err)

    @staticmethod
    def ended_or_first(c):
        """Our own counter does not fit here: look for an error packet by hand."""
        try:
            head = c.read_bytes(4)
            data = c.read_bytes(int.from_bytes(head[:3], 'little'))
        except Gone:
            return None
        return parse_err(data) if data[:1] == b'\xff' else None

    def test_the_connection_ends_inside_a_packet(self):
        for data in (b'\x10', b'\x10\0\0', b'\x10\0\0\0', b'\x10\0\0\0\x03SEL', b'\xff\xff\xff\0' + b'a' * 1000):
            c = self.client()
            c.send_raw(data)
            c.close()

    def test_byte_by_byte(self):
        c = self.client(database='shop')
        for byte in b'\x0e\0\0\0\x03SELECT 1 + 41':
            c.send_raw(bytes([byte]))
        c.sequence = 1
        self.assertEqual(c.reply().rows, [(b'42',)])

    def test_pipelined_commands(self):
        """Two commands in one write: answered one after the other."""
        c = self.client(database='shop')
        c.send_raw(b'\x09\0\0\0\x03SELECT 1' + b'\x09\0\0\0\x03SELECT 2' + b'\x01\0\0\0\x0e')
        for want in (b'1', b'2'):
            c.sequence = 1
            self.assertEqual(c.reply().rows, [(want,)])
        c.sequence = 1
        c.reply()

    def test_random_packets(self):
        r = random.Random(5)
        for _ in range(300):
            c = self.client(timeout=20)
            body = bytes(r.randrange(256) for _ in range(r.randrange(1, 60)))
            if body[0] in (1, 8, 10, 11, 12, 13, 18, 21, 30) and world.STAND_IN:
                continue
            c.command(body[0], body[1:])
            c.socket.shutdown(socket.SHUT_WR)
            try:
                while True:
                    c.read_bytes(1)
            except (Gone, ConnectionError):
                pass
            c.close()
            self.clients.remove(c)


class Sql(Faults):
    @classmethod
    def setUpClass(cls):
        with Client(world.shared().port, database='shop') as c:
            c.one('DROP TABLE IF EXISTS types_a')
            c.one('DROP TABLE IF EXISTS big')
            c.one('CREATE TABLE types_a (id INT PRIMARY KEY, v VARCHAR(40), t LONGTEXT)')
            c.one('CREATE TABLE big (id INT PRIMARY KEY, t LONGTEXT)')
            c.one('INSERT INTO types_a (id, v) VALUES ' + ', '.join(f"({i}, 'v{i}')" for i in range(60)))

    def test_nonsense(self):
        c, plain = self.client(database='shop'), self.direct('plain', 'shop')
        for sql in ('SELEC 1', 'SELECT', 'SELECT * FROM', "SELECT 'open", 'SELECT `open', 'SELECT "open', 'SELECT /* open', ')', '(', '1', "'", '\\', '@', '@@', ':=', '--', '#',
                    'SELECT 1 FROM types_a WHERE', 'SELECT * FROM types_a WHERE id = = 1', 'INSERT INTO types_a VALUES (', 'UPDATE types_a SET', 'DELETE types_a',
                    'SELECT * FROM types_a WHERE id IN ()', 'SELECT 1 1', 'SELECT 0x', "SELECT x'0", "SELECT b'2'", 'CREATE', 'DROP', 'ALTER TABLE', 'SET', 'USE',
                    'BEGIN BEGIN', 'SELECT ' + '\x01\x02', 'SELECT \u2018a\u2019', '\ufeffSELECT 1'):
            got, want = c.query(sql)[-1], plain.query(sql)[-1]
            self.assertEqual(type(got), type(want), f'{sql}: {got}, expected {want}')
            if isinstance(want, Err):
                self.assertEqual((got.code, got.state), (want.code, want.state), f'{sql}: {got}')

    def test_bytes_that_are_no_text(self):
        c = self.client(database='shop')
        for sql in (b"SELECT '\xff\xfe'", b'SELECT \xff', b"SELECT id FROM types_a WHERE v = '\xc3'", b"SELECT id FROM types_a WHERE id = '\xe2\x82'", b'\xff\xff\xff', b'SELECT 1\0', b'\0SELECT 1'):
            c.query(sql)
            self.assertEqual(c.value('SELECT 1'), '1')

    def test_random_tokens(self):
        r, c = random.Random(3), self.client(database='shop')
        words = ('SELECT FROM WHERE types_a id v = < > ( ) , . * + - / 1 2.5 \'x\' "y" `id` @a @@b AND OR NOT IN BETWEEN LIKE NULL ORDER BY GROUP HAVING LIMIT UNION ALL '
                 'JOIN ON AS a b INSERT INTO VALUES UPDATE SET DELETE CASE WHEN THEN END EXISTS DISTINCT COUNT SUM /* */ -- # ; 0x1f INTERVAL DAY IF').split()
        for _ in range(1500):
            sql = ' '.join(r.choice(words) for _ in range(r.randrange(1, 25)))
            if 'DELETE' in sql or 'UPDATE' in sql or 'INSERT' in sql:
                sql = 'SELECT ' + sql
            c.query(sql)
        self.assertEqual(c.value('SELECT 1'), '1')

    def test_a_statement_of_60_megabytes(self):
        c = self.client(database='shop', timeout=120)
        n = 60 << 20
        self.assertEqual(c.value(f"SELECT LENGTH('{'x' * n}')"), str(n))
        self.assertEqual(c.value('SELECT 1'), '1')

    @NEEDS_WEIR
    def test_a_statement_over_max_packet(self):
        c = self.client(database='shop', timeout=120)
        try:
            err = c.error(f"SELECT LENGTH('{'x' * (64 << 20)}')")
            self.assertEqual((err.code, err.state), (1153, '08S01'), err)
        except (Gone, ConnectionError, TimeoutError):
            self.fail('the client must be told 1153 before the end')

    @NEEDS_WEIR
    def test_a_small_max_packet(self):
        weir = self.weir(name='max-packet', weir='max_packet: 1M')
        with Client(weir.port, database='shop') as c:
            self.assertEqual(c.value(f"SELECT LENGTH('{'x' * 1000000}')"), '1000000')
            err = c.error(f"SELECT LENGTH('{'x' * 1100000}')")
            self.assertEqual(err.code, 1153, err)

    def test_rows_over_16_megabytes(self):
        """Both ways in several packets: written to one shard of two, read back by key and by merge."""
        c = self.client(database='shop', timeout=120)
        text = 'abcdefgh' * (20 << 17)                     # 20 MiB
        for i in (101, 102):
            c.one(f"INSERT INTO types_a VALUES ({i}, 'big', '{text}')")
        self.assertEqual(c.rows('SELECT id, t FROM types_a WHERE id = 101'), [('101', text)])
        found = c.rows('SELECT id, t FROM types_a WHERE id > 100 ORDER BY id')
        self.assertEqual([(i, t == text) for i, t in found], [('101', True), ('102', True)])
        exact = 'x' * (MAX_PAYLOAD - 4)                    # its packet is exactly full: an empty one follows
        c.one(f"INSERT INTO big VALUES (1, '{exact}')")
        self.assertEqual(c.one('SELECT t FROM big').rows, [(exact.encode(),)])
        c.one('DELETE FROM types_a WHERE id > 100')

    def test_10000_elements(self):
        c = self.client(database='shop', timeout=60)
        ids = ', '.join(str(i) for i in range(10000))
        self.assertEqual(len(c.rows(f'SELECT id FROM types_a WHERE id IN ({ids}) ORDER BY id')), 60)
        self.assertEqual(c.value(f'SELECT COUNT(*) FROM types_a WHERE id NOT IN ({ids})'), '0')
        texts = ', '.join(f"'{i}'" for i in range(10000))
        self.assertEqual(c.value(f'SELECT COUNT(*) FROM types_a WHERE id IN ({texts})'), '60')
        ors = ' OR '.join(f'id = {i}' for i in range(2000))
        self.assertEqual(c.value(f'SELECT COUNT(*) FROM types_a WHERE {ors}'), '60')
        rows = ', '.join(f"({i}, 'many')" for i in range(10000, 20000))
        self.assertEqual(c.one(f'INSERT INTO types_a (id, v) VALUES {rows}').affected, 10000)
        self.assertEqual(c.one("DELETE FROM types_a WHERE v = 'many'").affected, 10000)

    def test_nesting(self):
        """As one server, or a clear error; never a crash. 1,000 levels work where the server takes them."""
        c, plain = self.client(database='shop', timeout=60), self.direct('plain', 'shop')
        deep = '(' * 1000 + '1' + ')' * 1000
        want = plain.query(f'SELECT {deep}')[-1]
        got = c.query(f'SELECT {deep}')[-1]
        if not isinstance(got, Err) or got.code != 1235:
            self.assertEqual(type(got), type(want), f'{got}, expected {want}')
        got = c.query(f'SELECT id FROM types_a WHERE id = {deep}')[-1]
        if isinstance(got, Err):
            self.assertIn(got.code, (1235, 1064, 1436), got)
        else:
            self.assertEqual(got.rows, [(b'1',)])
        for sql in (f'SELECT {"(" * 100000}1{")" * 100000}', 'SELECT ' + '(' * 100000, 'SELECT id FROM types_a WHERE ' + 'NOT ' * 50000 + 'id = 1',
                    'SELECT id FROM types_a WHERE id = ' + '-' * 50001 + '1', 'SELECT id FROM types_a WHERE ' + '(' * 50000, 'SELECT ' + 'CASE WHEN 1 THEN ' * 20000,
                    'SELECT * FROM ' + '(SELECT * FROM ' * 5000 + 'types_a' + ') t' * 5000, 'SELECT id FROM types_a WHERE id = ' + '+'.join(['1'] * 30000),
                    'SELECT id FROM types_a WHERE ' + ' AND '.join(['id = 1'] * 20000)):
            try:
                c.query(sql)
                self.assertEqual(c.value('SELECT 1'), '1', sql[:60])
            except Gone:
                self.fail(f'the connection ended at {sql[:60]}')

    def test_many_columns_and_names(self):
        c = self.client(database='shop', timeout=60)
        self.assertEqual(len(c.one('SELECT ' + ', '.join(f'{i} AS c{i}' for i in range(4000))).columns), 4000)
        self.assertEqual(len(c.one('SELECT ' + ', '.join('id' for i in range(1000)) + ' FROM types_a ORDER BY id').columns), 1000)
        err = c.error(f'SELECT * FROM {"t" * 1000}')
        self.assertIn(err.code, (1059, 1146, 1103), err)
        self.assertEqual(c.error(f'USE {"d" * 300}').code in (1049, 1059, 1102), True)


@NEEDS_WEIR
class Servers(Faults):
    """s2 is a server of the test's own, which it may kill; s0 and s1 are the run's."""

    def own(self, start=True, **options):
        box = Mariadb(f'{world.home}/own{len(world._weirs)}-{time.monotonic_ns()}', world.free_ports(1)[0],
                      options=['--innodb-flush-log-at-trx-commit=1'])          # what was committed outlives a crash
        box.create()
        if start:
            box.start()
        self.addCleanup(box.stop)
        return box, lambda: self.weir(sources={'s2': box.port}, name='own', **options)

    def prepare(self, weir):
        with Client(weir.port) as c:
            c.one('CREATE DATABASE IF NOT EXISTS shop')
            c.use('shop')
            c.one('DROP TABLE IF EXISTS types_a')
            c.one('CREATE TABLE types_a (id INT PRIMARY KEY, v VARCHAR(40))')
            c.one("INSERT INTO types_a VALUES (0,'a'),(1,'b'),(2,'c'),(3,'d'),(4,'e'),(5,'f')")

    def names(self, err, source):
        self.assertIn(source, err.message, err)

    def test_down_at_start_and_up_later(self):
        box, go = self.own(start=False, weir='connect_timeout: 1s')
        weir = go()
        c = self.client(port=weir.port)
        c.one('CREATE DATABASE IF NOT EXISTS other')       # lives on s1
        self.names(c.error('CREATE DATABASE IF NOT EXISTS shop'), 's2')
        box.start()
        world.wait_until(lambda: not isinstance(c.query('CREATE DATABASE IF NOT EXISTS shop')[-1], Err), 30, 'the source that came up')
        self.prepare(weir)
        self.assertEqual(self.client(port=weir.port, database='shop').value('SELECT COUNT(*) FROM types_a'), '6')

    def test_killed_and_restarted(self):
        box, go = self.own(weir='connect_timeout: 1s')
        weir = go()
        self.prepare(weir)
        c, other = self.client(port=weir.port, database='shop'), self.client(port=weir.port, database='shop')
        self.assertEqual(c.value('SELECT v FROM types_a WHERE id = 4'), 'e')
        box.kill()
        for sql in ('SELECT v FROM types_a WHERE id = 4', 'SELECT COUNT(*) FROM types_a', "UPDATE types_a SET v = 'x'"):
            self.names(c.error(sql), 's2')
        # The others go on, in the same connection and in others.
        self.assertEqual(c.value('SELECT v FROM types_a WHERE id = 0'), 'a')
        self.assertEqual(other.rows('SELECT v FROM types_a WHERE id IN (2, 3) ORDER BY id'), [('c',), ('d',)])
        box.start()
        world.wait_until(lambda: not isinstance(c.query('SELECT v FROM types_a WHERE id = 4')[-1], Err), 30, 'the source that came back')
        self.assertEqual(c.rows('SELECT id, v FROM types_a ORDER BY id'), [('0', 'a'), ('1', 'b'), ('2', 'c'), ('3', 'd'), ('4', 'e'), ('5', 'f')])

    def test_killed_inside_a_transaction(self):
        box, go = self.own(weir='connect_timeout: 1s')
        weir = go()
        self.prepare(weir)
        c = self.client(port=weir.port, database='shop')
        c.one('BEGIN')
        c.one("UPDATE types_a SET v = 'lost' WHERE id = 4")
        box.kill()
        err = c.error("UPDATE types_a SET v = 'lost' WHERE id = 5")
        self.names(err, 's2')
        # What was written is gone, and the client must not believe in a commit.
        last = c.query('COMMIT')[-1]
        box.start()
        world.wait_until(lambda: not isinstance(self.probe(weir, 'SELECT 1 FROM types_a WHERE id = 4'), Err), 30, 'the source that came back')
        with Client(weir.port, database='shop') as after:
            self.assertEqual(after.value('SELECT v FROM types_a WHERE id = 4'), 'e')
        self.assertTrue(isinstance(last, Err) or 'rolled back' in err.message, (err, last))

    @staticmethod
    def probe(weir, sql):
        with Client(weir.port, database='shop') as c:
            return c.query(sql)[-1]

    def test_killed_in_mid_result(self):
        box, go = self.own()
        weir = go()
        self.prepare(weir)
        box.sql("INSERT INTO shop.types_a_0 SELECT 4 + 6 * seq, 'row' FROM seq_1_to_100000", 'shop')
        c = self.client(port=weir.port, database='shop', receive_buffer=4096)
        for sql in ('SELECT a.id, a.v, b.v, REPEAT(a.v, 100) FROM types_a a JOIN types_a b USING (id) WHERE a.id % 6 = 4',
                    'SELECT id, v, REPEAT(v, 100) FROM types_a ORDER BY id'):
            c.send(sql)
            c.read()                                       # the column count: the result has begun
            box.kill()
            err = None
            try:
                while True:
                    data = c.read()
                    if data[:1] == b'\xff':
                        err = parse_err(data)
                        break
                    if c.ends(data):
                        self.fail('a broken result looks whole')
            except Gone:
                pass
            if err is not None:
                self.names(err, 's2')
            box.start()
            world.wait_until(lambda: not isinstance(self.probe(weir, 'SELECT 1 FROM types_a WHERE id = 4'), Err), 30, 'the source that came back')
            c = self.client(port=weir.port, database='shop', receive_buffer=4096)

    def listener(self, greet):
        """A TCP server that is no MySQL: greet(socket) speaks, then it stays silent."""
        server = socket.create_server(('127.0.0.1', 0))
        kept, stop = [], threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    s, _ = server.accept()
                except OSError:
                    return
                kept.append(s)
                try:
                    greet(s)
                except OSError:
                    pass
        threading.Thread(target=serve, daemon=True).start()

        def close():
            stop.set()
            server.close()
            for s in kept:
                s.close()
        self.addCleanup(close)
        return server.getsockname()[1]

    def unusable(self, greet, words=()):
        port = self.listener(greet)
        weir = self.weir(sources={'s2': port}, weir='connect_timeout: 500ms', name='unusable')
        c = self.client(port=weir.port, timeout=15)
        began = time.monotonic()
        err = c.error('SELECT * FROM shop.tickets WHERE ticket_id = 5')
        err2 = c.error('SELECT * FROM shop.tickets WHERE ticket_id = 4')
        self.assertLess(time.monotonic() - began, 10)
        self.names(err, 's2')
        for e in (err, err2):
            for word in words:
                self.assertIn(word, e.message.lower())
        c.one('CREATE DATABASE IF NOT EXISTS other')
        self.assertEqual(c.value('SELECT 1'), '1')

    def test_hangs_in_the_handshake(self):
        self.unusable(lambda s: None)

    def test_hangs_after_the_greeting(self):
        self.unusable(lambda s: s.sendall(b'\x4a\0\0\0\x0a5.5.5-10.11.0\0\x01\0\0\0' + b'12345678\0' + b'\xfe\xf7\x2d\x02\0\xff\x81\x15' + b'\0' * 10 + b'123456789012\0' + b'mysql_native_password\0'))

    def test_speaks_another_protocol(self):
        self.unusable(lambda s: s.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n'))

    def test_closes_at_once(self):
        self.unusable(lambda s: s.close())

    def test_has_too_many_connections(self):
        self.unusable(lambda s: (s.sendall(b'\x17\0\0\0\xff\x10\x04Too many connections'), s.close()))

    def test_wrong_account_on_a_server(self):
        weir = self.weir(name='wrong-account', replace={'password: weir, max_connections: 40}\n  s1': 'password: wrong, max_connections: 40}\n  s1'})
        c = self.client(port=weir.port)
        self.names(c.error('SELECT * FROM shop.notes'), 's0')
        self.assertEqual(c.rows("SELECT COUNT(*) FROM shop.products")[0][0].isdigit(), True) if self.has_products() else None

    def has_products(self):
        return world.shards['s1'].sql("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'products'").strip() == '1'


@NEEDS_WEIR
class Statements(Faults):
    """COM_STMT_PREPARE, EXECUTE and FETCH with a server that misbehaves once, at each point of each exchange. s2 is the run's, behind scripted_server."""
    ANSWER = 4                                             # types_a: id % 6 in (4, 5) lies on s2

    POINTS = {'prepare': ('relay-until {word}', 'once'),
              'execute': ('relay-until {word}', 'once', 'forward', 'relay-until #23'),
              'fetch': ('relay-until {word}', 'once', 'forward', 'relay-until #28')}

    def setUp(self):
        super().setUp()
        with self.client(database='shop') as c:
            c.one('DROP TABLE IF EXISTS types_a')
            c.one('CREATE TABLE types_a (id INT PRIMARY KEY, v VARCHAR(40))')
            c.one('INSERT INTO types_a VALUES ' + ', '.join(f"({i},'{'abcdef'[i % 6]}')" for i in range(60)))
        self.number = 0

    def scripted(self, lines):
        """The port of a server in front of s2 that follows the script."""
        binary = os.path.join(os.path.dirname(world.BINARY), 'tests', 'scripted_server')
        if not os.access(binary, os.X_OK):
            self.skipTest('scripted_server is not built')
        p = subprocess.Popen([binary, '--upstream', f'127.0.0.1:{world.shards["s2"].port}', '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        p.stdin.write('\n'.join(lines) + '\n')
        p.stdin.close()
        port = int(re.match(r'listening .*?(\d+)$', p.stdout.readline().strip()).group(1))
        threading.Thread(target=p.stdout.read, daemon=True).start()

        def end():
            p.send_signal(signal.SIGTERM)
            p.wait(10)
        self.addCleanup(end)
        return port

    def word(self):
        self.number += 1
        return f'mark{self.number}x'

    def statement(self, c, word, where='id = ?'):
        return Statement(c, f"SELECT id, v, '{word}' FROM types_a WHERE {where} ORDER BY id")

    def run_one(self, c, point, word):
        """What the client gets, up to the point: rows or an error."""
        try:
            if point != 'fetch':
                return self.statement(c, word).execute([self.ANSWER])
            s = self.statement(c, word, 'id >= ?')
            got = s.execute([0], cursor=True)
            if isinstance(got, Err):
                return got
            rows = s.fetch(7)
            rows.rows += s.fetch(100).rows
            return rows
        except (ServerError, Gone) as e:
            return e

    def befall(self, point, mischief, check, weir=''):
        word = self.word()
        lines = [x.format(word=word) for x in self.POINTS[point]] + list(mischief)
        port = self.scripted(lines)
        proxy = self.weir(sources={'s2': port}, weir=weir, name=f'stmt{self.number}')
        c = self.client(port=proxy.port, timeout=30)
        got = self.run_one(c, point, word)
        with self.subTest(point=point, mischief=mischief):
            check(got)
            if isinstance(got, Gone):
                c = self.client(port=proxy.port, timeout=30)
            # The session goes on, and others are served, on the same server.
            again = self.run_one(c, point, word + 'again')
            self.assertEqual(len(getattr(again, 'rows', ())), 60 if point == 'fetch' else 1, again)
            self.assertEqual(c.one('BEGIN').status & 1, 1)
            self.assertEqual(self.statement(c, word + 't').execute([self.ANSWER]).rows[0][0], self.ANSWER)
            c.one('COMMIT')
            with self.client(port=proxy.port) as other:
                self.assertEqual(other.value('SELECT COUNT(*) FROM types_a'), '60')
        c.close()

    def error(self, *codes, words=''):
        def check(got):
            self.assertFalse(hasattr(got, 'rows'), got)
            self.assertIn(getattr(got, 'code', None), codes, got)
            self.assertIn(words, str(got))
        return check

    def fine(self, point):
        def check(got):
            self.assertEqual(len(getattr(got, 'rows', ())), 60 if point == 'fetch' else 1, got)
        return check

    def test_errors(self):
        for point in self.POINTS:
            self.befall(point, ('err 1105 HY000 boom', 'relay'), self.error(1105, words='boom'))

    def test_closes(self):
        """Before anything was seen of the answer the statement may be run again; inside a packet nothing can be said."""
        for point in self.POINTS:
            for mischief in (('close',), ('reset',), ('relay-bytes 6', 'close'), ('relay-bytes 13', 'close')):
                def check(got):
                    if isinstance(got, Gone):
                        self.assertEqual((point, mischief[0][:5]), ('execute', 'relay'))
                    elif hasattr(got, 'rows'):
                        self.assertNotEqual(point, 'fetch')
                        self.fine(point)(got)
                    else:
                        self.error(1430)(got)
                self.befall(point, mischief, check)

    def test_late(self):
        for point in self.POINTS:
            self.befall(point, ('delay 300', 'trickle 500', 'forward', 'relay'), self.fine(point))

    def test_wrong_numbers(self):
        for point in self.POINTS:
            self.befall(point, ('seq 9', 'ok', 'hang'), self.error(1835, 1430))

    def test_silence(self):
        for point in self.POINTS:
            self.befall(point, ('hang',), self.error(3024, 1969), weir='statement_timeout: 1s')

    def test_impossible_counts(self):
        for counts in ('1 0 3', '1 2 3', '1 65535 1', '1 1 65535', '0 1 3'):
            self.befall('prepare', (f'prepare-ok {counts}', 'hang'), self.error(1835, 3024), weir='statement_timeout: 1s')

    def test_odd_capabilities(self):
        """Servers without DEPRECATE_EOF, PLUGIN_AUTH, PS_MULTI_RESULTS, SESSION_TRACK."""
        for mask in (1 << 24, 1 << 19, 1 << 18, 1 << 23, 1 << 24 | 1 << 19 | 1 << 18 | 1 << 23):
            for point in self.POINTS:
                word = self.word()
                port = self.scripted([f'without {mask:#x}', 'relay'])
                proxy = self.weir(sources={'s2': port}, name=f'odd{self.number}')
                c = self.client(port=proxy.port, timeout=30)
                with self.subTest(mask=hex(mask), point=point):
                    self.fine(point)(self.run_one(c, point, word))


class Clients(Faults):
    def running(self, box, words):
        return box.sql(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%{words}%' AND INFO NOT LIKE '%PROCESSLIST%' "
                       "AND COMMAND = 'Query'").strip() != '0'

    @NEEDS_WEIR
    def test_vanishes_in_mid_query(self):
        """The query does not go on on the server."""
        for name, sql in (('s1', "SELECT SLEEP(100), 'vanish1' FROM products"), ('s0', "SELECT SLEEP(100), 'vanish1' FROM types_a"),
                          ('s2', "UPDATE types_a SET v = IF(SLEEP(100), 'vanish1', 'x')")):
            with self.subTest(sql=sql):
                self.tables()
                c = self.client(database='shop')
                c.send(sql)
                box = world.shards[name]
                world.wait_until(lambda: self.running(box, 'vanish1'), 10, 'the query on the server')
                c.close()
                world.wait_until(lambda: not self.running(box, 'vanish1'), 10, f'end of the query on {name}')

    def tables(self):
        c = self.client(database='shop')
        c.one('DROP TABLE IF EXISTS types_a')
        c.one('DROP TABLE IF EXISTS products')
        c.one('CREATE TABLE types_a (id INT PRIMARY KEY, v VARCHAR(40))')
        c.one("INSERT INTO types_a VALUES (0,'a'),(1,'b'),(2,'c'),(3,'d'),(4,'e'),(5,'f')")
        c.one('CREATE TABLE products (product_id INT PRIMARY KEY)')
        c.one('INSERT INTO products VALUES (1)')

    def test_kill_query_from_another_connection(self):
        self.tables()
        c, other = self.client(database='shop'), self.client(database='shop')
        me = c.value('SELECT CONNECTION_ID()')
        c.send("SELECT SLEEP(100), 'killme' FROM types_a")
        boxes = [b for b in world.shards.values()]
        world.wait_until(lambda: any(self.running(b, 'killme') for b in boxes), 10, 'the query on a server')
        other.one(f'KILL QUERY {me}')
        last = list(c.replies())[-1]
        self.assertEqual(getattr(last, 'code', 0), 1317, last)
        world.wait_until(lambda: not any(self.running(b, 'killme') for b in boxes), 10, 'the end on the servers')
        self.assertEqual(c.value('SELECT 1'), '1')
        other.one(f'KILL {me}')
        with self.assertRaises((Gone, ServerError)):
            c.value('SELECT 1')
            c.value('SELECT 1')
        self.assertEqual(other.error('KILL QUERY 999999').code, 1094)

    @NEEDS_WEIR
    def test_slow_client_of_a_huge_result(self):
        """200 MB for a client that does not read: Weir holds little of it, and everyone else goes on."""
        c = self.client(database='shop')
        c.one('DROP TABLE IF EXISTS types_a')
        c.one('DROP TABLE IF EXISTS big')
        c.one('CREATE TABLE types_a (id INT PRIMARY KEY, t TEXT)')
        c.one('CREATE TABLE big (id INT PRIMARY KEY, t TEXT)')
        for node, name in enumerate(n for s in ('s0', 's1', 's2') for n in (f'{s}.0', f'{s}.1')):
            source, number = name.split('.')
            world.shards[source].sql(f"INSERT INTO shop.types_a_{number} SELECT seq * 6 + {node}, REPEAT('x', 10000) FROM seq_1_to_3500", 'shop')
        world.shards['s0'].sql("INSERT INTO shop.big SELECT seq, REPEAT('x', 10000) FROM seq_1_to_21000", 'shop')
        weir = world.shared()
        for sql in ('SELECT * FROM big', 'SELECT * FROM types_a', 'SELECT * FROM types_a ORDER BY id'):
            with self.subTest(sql=sql):
                before = weir.rss_kib()
                slow = self.client(database='shop', receive_buffer=8192, timeout=120)
                slow.send(sql)
                first = slow.read_bytes(1)
                # Until the servers can write no more, because nobody takes it.
                world.wait_until(lambda: world.shards['s0'].sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query' AND "
                                                                "STATE IN ('Writing to net', 'Sending data') AND INFO LIKE 'SELECT%' AND INFO NOT LIKE '%PROCESSLIST%'").strip() != '0',
                                 20, 'the servers to wait')
                peak, end = 0, time.monotonic() + 1.5
                while time.monotonic() < end:
                    peak = max(peak, weir.rss_kib())
                    self.assertEqual(c.value('SELECT COUNT(*) FROM types_a'), '21000')
                self.assertLess(peak - before, 64 * 1024, f'{sql}: grew by {(peak - before) // 1024} MiB')
                if 'ORDER BY' in sql:                      # and when it reads at last, all is there
                    slow.buffered = first + slow.buffered
                    self.assertEqual([int(row[0]) for row in slow.reply().rows], list(range(6, 21006)))
                slow.close()
        c.one('DROP TABLE types_a')
        c.one('DROP TABLE big')

    @NEEDS_WEIR
    def test_too_many_connections(self):
        weir = self.weir(name='few', weir='max_connections: 3')
        world.wait_until(lambda: weir.clients() == 0, 10, 'the end of the connection that asked whether it listens')
        three = [self.client(port=weir.port) for _ in range(3)]
        with self.assertRaises(ServerError) as caught:
            Client(weir.port)
        self.assertEqual((caught.exception.code, caught.exception.message), (1040, 'Too many connections'))
        for c in three:
            self.assertEqual(c.value('SELECT 1'), '1')
        three.pop().quit()

        def again():
            try:
                return Client(weir.port)
            except (ServerError, Gone):
                return None
        world.wait_until(again, 10, 'a free place').close()

    @NEEDS_WEIR
    def test_many_connections(self):
        weir = self.weir(name='many')
        clients = [self.client(port=weir.port) for _ in range(400)]
        for c in clients[::20]:
            self.assertEqual(c.value('SELECT 1'), '1')
        before = weir.rss_kib()
        for c in clients:
            c.close()
        self.clients.clear()
        world.wait_until(lambda: weir.clients() == 0, 15, 'the end of the connections')
        self.assertLess(weir.rss_kib(), before + 20 * 1024)

    @NEEDS_WEIR
    def test_idle_clients_are_ended(self):
        weir = self.weir(name='idle', weir='wait_timeout: 1s')
        c = self.client(port=weir.port, timeout=20)
        with self.assertRaises(Gone):
            while True:
                c.read_bytes(1)                            # an error packet may come before the end

    @NEEDS_WEIR
    def test_statement_timeout(self):
        weir = self.weir(name='timeout', weir='statement_timeout: 500ms')
        c = self.client(port=weir.port)
        began = time.monotonic()
        err = c.error('SELECT SLEEP(30)')
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn(err.code, (1969, 3024, 1317), err)
        self.assertEqual(c.value('SELECT 1'), '1')


del Faults
