"""Capabilities: what clients agree on with a server, and that Weir keeps its word whatever the servers behind it agree on.

The same statements run on a plain server and through Weir, with the capability flags of clients in real use; every packet's
meaning must be the same: kinds of replies, status, warnings, counts, info, and what SESSION_TRACK tells.

WEIR_MYSQL_PORT names a MySQL 8 or 9 on loopback (accounts app/app and weir/weir with all rights): then each runs on it too,
as the only kind of server, and beside MariaDB behind one Weir.
"""
import os
import struct
import unittest

import world
from wire import (CONNECT_ATTRS, DEPRECATE_EOF, FOUND_ROWS, INTERACTIVE, LENENC_AUTH, LONG_FLAG, LONG_PASSWORD, MAX_PAYLOAD,
                  MULTI_RESULTS, MULTI_STATEMENTS, PLUGIN_AUTH, PREPARE, PROTOCOL_41, QUERY, RESET, SECURE_CONNECTION,
                  TRANSACTIONS, USUAL, Client, Err, Ok, Rows, ServerError, lenenc, lenenc_text, parse_column, parse_err,
                  put_lenenc)

IGNORE_SPACE, PS_MULTI, EXPIRED, TRACK = 1 << 8, 1 << 18, 1 << 22, 1 << 23
METADATA, ATTRIBUTES = 1 << 25, 1 << 27
MYSQL = int(os.environ.get('WEIR_MYSQL_PORT') or 0)
OLD = LONG_PASSWORD | LONG_FLAG | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION
NEW = USUAL | PS_MULTI | CONNECT_ATTRS | LENENC_AUTH | EXPIRED

# What clients in use send, TLS and compression aside (those have tests of their own).
REAL = {
    'mysql 5.1 client': OLD | MULTI_RESULTS,
    'PyMySQL': OLD | MULTI_RESULTS | MULTI_STATEMENTS | PLUGIN_AUTH | LENENC_AUTH | CONNECT_ATTRS | PS_MULTI,
    'mysql2 for Node': OLD | FOUND_ROWS | MULTI_RESULTS | PLUGIN_AUTH | LENENC_AUTH | CONNECT_ATTRS | PS_MULTI | TRACK | IGNORE_SPACE,
    'go-sql-driver': OLD | MULTI_RESULTS | PLUGIN_AUTH | LENENC_AUTH | CONNECT_ATTRS,
    'mysqlnd (PHP)': NEW & ~DEPRECATE_EOF,
    'libmariadb 3.3': NEW | TRACK,
    'the mariadb program': NEW | TRACK | INTERACTIVE,
    'Connector/J (MariaDB)': NEW | FOUND_ROWS | TRACK,
    'Connector/J (MySQL)': NEW | FOUND_ROWS | TRACK | ATTRIBUTES,
    'libmysqlclient 9': NEW | TRACK | ATTRIBUTES,
    'libmysqlclient 9, optional metadata': NEW | TRACK | ATTRIBUTES | METADATA,
    'everything without DEPRECATE_EOF': (NEW | TRACK | ATTRIBUTES | METADATA | FOUND_ROWS) & ~DEPRECATE_EOF,
}


class OnMysqlToo(world.Case):
    """Tells whether the parts of this file for a real MySQL server ran."""

    @unittest.skipUnless(MYSQL, 'WEIR_MYSQL_PORT names no MySQL server')
    def test_a_mysql_server_takes_part(self):
        with world.Client(MYSQL, 'app', 'app', plugin='caching_sha2_password') as c:
            self.assertNotIn('MariaDB', c.server_version)


class Raw(Client):
    """A client that reads what SESSION_TRACK and OPTIONAL_RESULTSET_METADATA add, and sends query attributes where agreed."""
    attributes = ()
    untold = ()             # kinds of changes that are not looked at

    def parse_ok(self, data):
        affected, at = lenenc(data, 1)
        insert_id, at = lenenc(data, at)
        status, warnings = struct.unpack_from('<HH', data, at)
        at += 4
        self.changes, info = [], b''
        if not self.active & TRACK:
            return super().parse_ok(data)
        if at < len(data):
            info, at = lenenc_text(data, at)
        if status & 0x4000:
            block, at = lenenc_text(data, at)
            place = 0
            while place < len(block):
                kind = block[place]
                value, place = lenenc_text(block, place + 1)
                if not value.startswith(b'\x0cstatement_id') and kind not in self.untold:      # MySQL counts its own statements there
                    self.changes.append((kind, value))
        assert at == len(data), f'{len(data) - at} bytes left over in an OK packet'
        self.status = status
        return Ok(affected, insert_id, status, warnings, info.decode('utf-8', 'backslashreplace'))

    def response(self, database):
        out = super().response(database)
        if self.active & CONNECT_ATTRS:
            told = b''.join(put_lenenc(len(t)) + t for t in (b'_client_name', b'raw', b'_pid', b'1'))
            out += put_lenenc(len(told)) + told
        return out

    def finish_auth(self):
        seen = []
        read = self.read
        self.read = lambda: seen.append(read()) or seen[-1]
        try:
            super().finish_auth()
        finally:
            del self.read
        self.parse_ok(seen[-1])

    def send(self, sql):
        text = sql if isinstance(sql, bytes) else sql.encode('utf-8')
        if self.active & ATTRIBUTES:
            head = put_lenenc(len(self.attributes)) + put_lenenc(1)
            if self.attributes:
                head += bytes((len(self.attributes) + 7) // 8) + b'\1'
                head += b''.join(b'\xfe\0' + put_lenenc(len(n)) + n.encode() for n, _ in self.attributes)
                head += b''.join(put_lenenc(len(v)) + v.encode() for _, v in self.attributes)
            text = head + text
        self.changes = []
        self.command(QUERY, text)

    def columns(self, first):
        if not self.active & METADATA:
            return super().columns(first)
        count, at = lenenc(first, 0)
        follows, = first[at:]
        out = [parse_column(self.read()) if follows else None for _ in range(count)]
        if not self.active & DEPRECATE_EOF:
            end = self.read()
            assert end[0] == 0xFE and len(end) == 5, end
        return out

    def told(self, sql):
        """Of each reply what must be the same on every server: (kind, facts..., what changed in the session)."""
        self.send(sql)
        out = []
        for reply in self.replies():
            if isinstance(reply, Err):
                out.append(('ERR', reply.code, reply.state))
            elif isinstance(reply, Ok):
                out.append(('OK', reply.affected, reply.insert_id, self.flags(reply), reply.warnings, reply.info, sorted(self.changes)))
            else:
                changes = sorted(self.changes) if self.active & DEPRECATE_EOF else []
                out.append(('ROWS', len(reply.columns), None in reply.columns, reply.rows, self.flags(reply), reply.warnings, changes))
            self.changes = []
        return out

    @staticmethod
    def flags(reply):
        """Without those about indexes (0x10, 0x20), MariaDB's ANSI_QUOTES (0x8000), and an announcement without content."""
        return reply.status & ~(0x10 | 0x20 | 0x4000 | 0x8000)


TABLES = '''
    DROP TABLE IF EXISTS cap; CREATE TABLE cap (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=InnoDB;
    INSERT INTO cap VALUES (1, 'a'), (2, 'b'), (3, 'c')'''

STATEMENTS = [
    'SELECT 1', 'SELECT id, v FROM cap ORDER BY id', 'SELECT NULL, 1.5, CAST(-1 AS SIGNED)', "UPDATE cap SET v = 'a' WHERE id = 1",
    "UPDATE cap SET v = 'z' WHERE id < 3", "INSERT INTO cap VALUES (4, 'd'), (5, 'e')", 'INSERT INTO cap VALUES (1, NULL)', 'DELETE FROM cap WHERE id > 3',
    'SELECT * FROM cap WHERE id = 99', 'SELECT COUNT (*) FROM cap', 'DO 1', 'SELECT nothing FROM cap', 'SELEC 1',
    'SELECT 1; SELECT 2; DO 3; SELECT 4', 'SELECT 1; SELEC 2; SELECT 3', "SELECT CAST('x' AS SIGNED)", 'SHOW WARNINGS',
    'SET @x = 1', 'SELECT @x', "SET sql_mode = 'ANSI'", 'SET sql_mode = DEFAULT', 'SET autocommit = 0', "UPDATE cap SET v = 'y' WHERE id = 1", 'COMMIT',
    'SET autocommit = 1', 'SET NAMES utf8mb4', 'SET NAMES latin1', 'SET NAMES utf8mb4', 'SET character_set_results = NULL', 'SET character_set_results = utf8mb4',
    "SET time_zone = '+1:00'", "SET time_zone = '+02:00', @y = 2", "SET time_zone = 'SYSTEM'", 'USE other', 'USE shop', 'USE shop', 'USE nothing_there', 'USE shop',
    'BEGIN', 'SELECT v FROM cap WHERE id = 2', "UPDATE cap SET v = 'q' WHERE id = 2", 'SAVEPOINT one', 'ROLLBACK TO one', 'ROLLBACK', 'START TRANSACTION READ ONLY', 'COMMIT',
    'SET nonsense_variable = 1', 'SELECT v FROM cap WHERE id = 2',
]

# With session_track_*; the order of the first lines is that in which a pool or a balancer sets them.
TRACKED = [
    "SET session_track_state_change = 0", "SET session_track_system_variables = 'sql_mode,wait_timeout,time_zone'", "SET sql_mode = 'ANSI', wait_timeout = 300",
    "SET time_zone = '+03:00'", 'SET NAMES latin1', 'SET autocommit = 1', "SET session_track_system_variables = ''", "SET time_zone = '+04:00'",
    "SET session_track_system_variables = '*'", 'SET wait_timeout = 301, @q = 1', 'SET session_track_system_variables = DEFAULT', "SET time_zone = 'SYSTEM'",
    'SET session_track_schema = 0', 'USE other', 'SET session_track_schema = 1', 'USE shop', 'SET session_track_schema = 7',
    "SET session_track_transaction_info = 'nothing'",
    "SET session_track_transaction_info = 'CHARACTERISTICS'", 'SELECT 1', 'BEGIN', 'SELECT 1', 'SELECT v FROM cap WHERE id = 1',
    "UPDATE cap SET v = 'w' WHERE id = 1", 'SELECT v FROM cap WHERE id = 1 FOR UPDATE', 'COMMIT', "UPDATE cap SET v = 'v' WHERE id = 1", 'SET autocommit = 0', 'SELECT v FROM cap WHERE id = 1',
    "INSERT INTO cap SELECT id + 10, v FROM cap", 'ROLLBACK', 'SET autocommit = 1', 'START TRANSACTION WITH CONSISTENT SNAPSHOT', 'COMMIT AND CHAIN', 'ROLLBACK',
    'START TRANSACTION READ ONLY', 'COMMIT AND CHAIN', 'COMMIT', 'START TRANSACTION READ WRITE', 'ROLLBACK', 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY', 'COMMIT',
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED', 'SELECT 1', 'SET TRANSACTION READ ONLY', 'BEGIN', 'SELECT v FROM cap WHERE id = 1', 'COMMIT',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE', 'START TRANSACTION', 'ROLLBACK', 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    'LOCK TABLES cap READ', 'UNLOCK TABLES', 'BEGIN', 'SAVEPOINT s', 'SELECT 1; SELECT v FROM cap WHERE id = 1; ROLLBACK', 'BEGIN', 'CREATE TEMPORARY TABLE tt (a INT)', 'DROP TEMPORARY TABLE tt', 'COMMIT',
]


RULES = """
weir: {listen: '127.0.0.1:@port@', workers: 2}
users: {app: {password: app}}
sources:
  home: {address: '127.0.0.1:HOME', user: weir, password: weir}
  beside: {address: '127.0.0.1:BESIDE', user: weir, password: weir}
schemas:
  shop:
    default_source: home
    databases: weir_shop
    tables: {spread: {nodes: ['home.weir_shop.spread_0', 'beside.weir_shop.spread_1'], shard_by: id, algorithm: {type: mod}}}
  other: {default_source: home, databases: weir_other}
"""


def pairs():
    """(name, port of the plain server, rules of the Weir to be compared with it; None: the shared one)."""
    yield 'MariaDB', world.reference.port, None
    if MYSQL:
        maria = str(world.shards['s1'].port)
        one = RULES.split('  beside')[0] + 'schemas: {shop: {default_source: home, databases: weir_shop}, other: {default_source: home, databases: weir_other}}\n'
        yield 'MySQL', MYSQL, one.replace('HOME', str(MYSQL))
        yield 'MariaDB with a MySQL beside it', world.reference.port, RULES.replace('HOME', maria).replace('BESIDE', str(MYSQL))
        yield 'MySQL with a MariaDB beside it', MYSQL, RULES.replace('HOME', str(MYSQL)).replace('BESIDE', maria)


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Matrix(world.Case):
    def each(self):
        for name, plain, rules in pairs():
            port = self.weir(name='cap', text=rules).port if rules else world.shared().port
            for at in (plain, port):
                with Client(at) as c:
                    for s in ('shop', 'other'):
                        c.query(f'CREATE DATABASE IF NOT EXISTS {s}')
            yield name, plain, port

    def open(self, port, capabilities, **options):
        c = Raw(port, capabilities=capabilities, database='shop', **options)
        self.clients.append(c)
        return c

    def compare(self, plain, weir, statements, what, allowed=()):
        for sql in statements:
            there, here = plain.told(sql), weir.told(sql)
            if (sql, what) not in allowed and sql not in allowed:
                self.assertEqual(there, here, f'{what}: {sql}')

    def fresh(self, *ports):
        for port in ports:
            with Client(port, database='shop') as c:
                for reply in c.query(TABLES):
                    assert not isinstance(reply, Err), reply

    def test_clients_in_use(self):
        for name, plain, port in self.each():
            for client, capabilities in REAL.items():
                if plain == MYSQL and not capabilities & PLUGIN_AUTH:
                    continue                                      # no such client can log in to a MySQL 9
                with self.subTest(servers=name, client=client):
                    self.fresh(plain, port)
                    a, b = self.open(plain, capabilities), self.open(port, capabilities)
                    # What Weir offers depends on no server behind it: a plain MariaDB lacks two of these.
                    lacking = (ATTRIBUTES | METADATA | LONG_PASSWORD) & capabilities & ~a.server_capabilities
                    self.assertEqual(capabilities & ~lacking, a.active & ~8 & capabilities)
                    self.assertEqual(b.active & ~8, capabilities & ~8, 'Weir agrees to all of it')
                    self.assertEqual(sorted(a.changes) if capabilities & TRACK else [], sorted(b.changes) if capabilities & TRACK else [], 'login')
                    if plain == MYSQL:
                        a.untold = b.untold = (5,)      # MySQL 9 tells of BEGIN and COMMIT though session_track_transaction_info is OFF
                    b.attributes = (('traceparent', '00-abc'), ('empty', ''), ('long', 'x' * 300))
                    self.compare(a, b, STATEMENTS, f'{name}, {client}')

    def test_session_track(self):
        for name, plain, port in self.each():
            for client in ('libmariadb 3.3', 'libmysqlclient 9', 'mysql2 for Node'):
                with self.subTest(servers=name, client=client):
                    self.fresh(plain, port)
                    a, b = self.open(plain, REAL[client]), self.open(port, REAL[client])
                    self.compare(a, b, [s for s in TRACKED if 'TEMPORARY' not in s or 'MySQL' not in name], f'{name}, {client}')
                    for c in (a, b):
                        c.query("SET session_track_state_change = 1")
                    self.compare(a, b, ['SET @a = 1', 'USE shop', 'SELECT 1', 'CREATE TEMPORARY TABLE tt (a INT)', 'SELECT * FROM tt',
                                        'DROP TEMPORARY TABLE tt', 'SET nothing_such = 1', 'SELECT 2', 'SET @b = 2, time_zone = DEFAULT'], f'{name}, {client}: state')

    def test_what_is_told_of_scatters(self):
        """A transaction over shards: as one server would tell it."""
        c = self.client()
        c.query('DROP TABLE IF EXISTS scratch')
        c.one('CREATE TABLE scratch (id BIGINT PRIMARY KEY, v INT)')
        c.one('INSERT INTO scratch VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6)')
        for client in ('libmariadb 3.3', 'libmysqlclient 9, optional metadata'):
            raw = self.open(world.shared().port, REAL[client])
            raw.query("SET session_track_transaction_info = 'STATE'")
            self.assertEqual(raw.told('BEGIN')[0][-1], [(5, b'\x08T_______')])
            self.assertEqual(raw.told('SELECT v FROM scratch ORDER BY v LIMIT 4')[0][3:], ([(b'1',), (b'2',), (b'3',), (b'4',)], 3, 0, [(5, b'\x08T_R___S_')]))
            self.assertEqual(raw.told('SELECT COUNT(*) FROM scratch')[0][3:], ([(b'6',)], 3, 0, []))
            self.assertEqual(raw.told('UPDATE scratch SET v = v WHERE id = 1')[0][-1], [(5, b'\x08T_R_W_S_')])
            self.assertEqual(raw.told('ROLLBACK')[0][-1], [(5, b'\x08________')])
            self.assertEqual(raw.told('SELECT SUM(v) FROM scratch')[0][-1], [])

    def test_gtids_are_refused(self):
        raw = self.open(world.shared().port, REAL['libmysqlclient 9'])
        self.assertEqual(raw.told('SET session_track_gtids = OWN_GTID')[0][:2], ('ERR', 1235))
        self.assertEqual(raw.told('SET session_track_gtids = OFF')[0][0], 'OK')

    def test_a_failed_set_changes_nothing_of_it(self):
        raw = self.open(world.shared().port, REAL['libmariadb 3.3'])
        self.assertEqual(raw.told("SET session_track_system_variables = 'sql_mode', nothing_such = 1")[0][0], 'ERR')
        self.assertEqual(raw.told("SET time_zone = '+05:00'")[0][-1], [(0, b'\ttime_zone\x06+05:00')])

    def test_reset_and_change_user(self):
        for name, plain, port in self.each():
            a, b = (self.open(p, REAL['libmariadb 3.3'] & ~CONNECT_ATTRS) for p in (plain, port))
            for c in (a, b):
                # MySQL 9 forgets to reset the second one
                c.query("SET session_track_schema = 0" + (", session_track_transaction_info = 'STATE'" if plain != MYSQL else ''))
            told = []
            for c in (a, b):
                c.changes = []
                c.command(RESET)
                c.reply()
                if plain == MYSQL:
                    c.untold = (5,)
                got = [list(c.changes)]
                got.append(c.told('USE other'))
                got.append(c.told('BEGIN'))
                c.change_user('app', 'app', 'shop')
                got.append(list(c.changes))
                got.append(c.told('BEGIN'))
                told.append(got)
            self.assertEqual(*told, name)

    def test_found_rows(self):
        for name, plain, port in self.each():
            for flag in (0, FOUND_ROWS):
                self.fresh(plain, port)
                replies = [c.told("UPDATE cap SET v = 'a' WHERE id = 1") for c in (self.open(plain, NEW | flag), self.open(port, NEW | flag))]
                self.assertEqual(*replies, name)
                self.assertEqual(replies[1][0][1], 1 if flag else 0)

    def test_ignore_space(self):
        """The flag is sql_mode IGNORE_SPACE of the session."""
        for name, plain, port in self.each():
            for flag in (0, IGNORE_SPACE):
                a, b = self.open(plain, NEW | flag), self.open(port, NEW | flag)
                self.compare(a, b, ['SELECT COUNT (*) FROM cap', "SELECT @@sql_mode LIKE '%IGNORE_SPACE%'", "SELECT CONCAT ('a', 'b')"], f'{name}, {flag}')

    def test_several_statements_only_where_agreed(self):
        for capabilities in (OLD | MULTI_RESULTS, NEW & ~MULTI_STATEMENTS):
            raw = self.open(world.shared().port, capabilities)
            self.assertEqual(raw.told('SELECT 1; SELECT 2')[0][:2], ('ERR', 1064))
            self.assertEqual(raw.told('SELECT 1;')[0][0], 'ROWS')
            raw.set_option(0)
            self.assertEqual([r[0] for r in raw.told('SELECT 1; SELECT 2')], ['ROWS', 'ROWS'])
            raw.set_option(1)
            self.assertEqual(raw.told('SELECT 1; SELECT 2')[0][:2], ('ERR', 1064))


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Attributes(world.Case):
    """COM_QUERY with attributes: read over and dropped."""
    def raw(self):
        c = Raw(world.shared().port, capabilities=NEW | ATTRIBUTES, database='shop')
        self.clients.append(c)
        return c

    def test_many_attributes(self):
        c = self.raw()
        c.attributes = tuple((f'name{i}', 'v' * (i * 7 % 400)) for i in range(100))
        self.assertEqual(c.told("SELECT 'attributes'")[0][3], [(b'attributes',)])

    def test_broken_ones_are_refused_and_the_session_goes_on(self):
        c = self.raw()
        for bad in (b'', b'\0', b'\xff\xff\xff', b'\1\1', b'\1\1\0\1\xfe\0\xfctoo long', b'\xfe' + b'\xff' * 8, b'SELECT 1'):
            c.command(QUERY, bad)
            reply = c.reply()
            self.assertIsInstance(reply, Err, bad)
            self.assertIn(reply.code, (1835, 1065), bad)
        self.assertEqual(c.told('SELECT 1')[0][3], [(b'1',)])

    def test_in_several_statements(self):
        c = self.raw()
        c.attributes = (('a', 'b'),)
        self.assertEqual([r[3] for r in c.told('SELECT 1; SELECT 2')], [[(b'1',)], [(b'2',)]])


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Metadata(world.Case):
    """OPTIONAL_RESULTSET_METADATA: definitions left out on demand, in every kind of reply."""
    def raw(self, flags=METADATA):
        c = Raw(world.shared().port, capabilities=(NEW | flags), database='shop')
        self.clients.append(c)
        return c

    def setUp(self):
        super().setUp()
        c = self.client()
        c.query('DROP TABLE IF EXISTS scratch')
        c.one('CREATE TABLE scratch (id BIGINT PRIMARY KEY, v INT)')
        c.one('INSERT INTO scratch VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6)')

    def test_every_kind_of_reply(self):
        wide = 'SELECT ' + ', '.join(str(i) for i in range(300))
        texts = ('SELECT 1, 2', 'SELECT v FROM scratch WHERE id = 2', 'SELECT v FROM scratch ORDER BY v', 'SELECT COUNT(*), MAX(v) FROM scratch',
                 'SHOW TABLES', 'SHOW PROCESSLIST', 'SHOW WARNINGS', "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME = 'scratch'",
                 "SHOW VARIABLES LIKE 'version'", 'EXPLAIN ROUTE SELECT 1', wide, "SELECT REPEAT('x', 300000)", 'SELECT 1; SELECT v FROM scratch ORDER BY v; SELECT 3')
        for without in (0, DEPRECATE_EOF):
            c = Raw(world.shared().port, capabilities=(NEW | METADATA) & ~without, database='shop')
            self.clients.append(c)
            full = [c.told(t) for t in texts]
            c.one('SET resultset_metadata = NONE')
            none = [c.told(t) for t in texts]
            self.assertEqual(c.value('SELECT @@resultset_metadata'), 'NONE')
            for text, a, b in zip(texts, full, none):
                for x, y in zip(a, b):
                    self.assertFalse(x[2], text[:60])
                    self.assertTrue(y[2], text[:60])
                    if 'PROCESSLIST' not in text:
                        self.assertEqual(x[:2] + x[3:], y[:2] + y[3:], text[:60])
                self.assertEqual(len(a), len(b))
            c.one('SET resultset_metadata = FULL')
            self.assertFalse(c.told('SELECT 1')[0][2])
            c.one('SET resultset_metadata = NONE')
            c.reset()
            self.assertFalse(c.told('SELECT 1')[0][2])

    def test_prepared(self):
        c = self.raw()
        for mode in ('FULL', 'NONE'):
            c.one(f'SET resultset_metadata = {mode}')
            c.command(PREPARE, b'SELECT id, v, ? FROM scratch WHERE id = ?')
            ok = c.read()
            self.assertEqual(ok[0], 0)
            columns, params = struct.unpack_from('<HH', ok, 5)
            self.assertEqual((columns, params, len(ok), ok[-1]), (3, 2, 13, int(mode == 'FULL')))
            for _ in range(5 if mode == 'FULL' else 0):
                self.assertEqual(c.read()[1:4], b'def')
            number = ok[1:5]
            c.command(0x17, number + b'\0\1\0\0\0\0\1\x08\0\x08\0' + struct.pack('<qq', 7, 2))
            first = c.read()
            self.assertEqual(first, b'\3' + bytes([mode == 'FULL']))
            for _ in range(3 if mode == 'FULL' else 0):
                c.read()
            row = c.read()
            self.assertEqual(row, b'\0\0' + struct.pack('<qiq', 2, 2, 7))
            self.assertEqual(c.read()[0], 0xFE)

    def test_only_where_agreed(self):
        c = self.raw(0)
        err = c.error('SET resultset_metadata = NONE')
        self.assertEqual(err.code, 3640)
        self.assertEqual(c.value('SELECT @@resultset_metadata'), 'FULL')
        self.assertEqual(self.raw().error('SET resultset_metadata = 5').code, 1231)


if __name__ == '__main__':
    unittest.main()
