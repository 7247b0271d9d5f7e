"""Prepared statements in the binary protocol: a plain MariaDB and Weir get the same commands and must answer the same."""
import random
import struct
import unittest

import binary
import world
from binary import Param, Statement, date_param, time_param
from wire import DEPRECATE_EOF, USUAL, Err, Ok, ServerError, parse_err

TABLE = """CREATE TABLE {} (id BIGINT NOT NULL PRIMARY KEY, t TINYINT, tu TINYINT UNSIGNED, s SMALLINT, m MEDIUMINT UNSIGNED, i INT, b BIGINT,
 bu BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(30,10), dt DATE, tm TIME(6), dtm DATETIME(6), ts TIMESTAMP(3) NULL, y YEAR, c CHAR(10),
 v VARCHAR(100), vb VARBINARY(100), bl BLOB, tx TEXT, bt BIT(12), e ENUM('x','y','z'), st SET('p','q','r'), j JSON) CHARACTER SET utf8mb4"""
NAMES = 'id t tu s m i b bu f d n dt tm dtm ts y c v vb bl tx bt e st j'.split()


OPTIMIZER = 0x10 | 0x20 | 0x800  # no (good) index used, slow: what a server says of its own way


def same_column(a, b):
    return (a.db, a.table, a.org_table, a.name, a.org_name, a.charset, a.length, a.type, a.flags, a.decimals) == \
        (b.db, b.table, b.org_table, b.name, b.org_name, b.charset, b.length, b.type, b.flags, b.decimals)


class Pair(world.Case):
    """self.two: the plain server and Weir."""
    capabilities = USUAL

    @classmethod
    def setUpClass(cls):
        world.shared()

    def setUp(self):
        super().setUp()
        if self.made() != world.generation:
            for c in self.connect_both():
                for t in ('types_a', 'types_b', 'plain_types'):
                    c.one(f'DROP TABLE IF EXISTS {t}')
                    c.one(TABLE.format(t))
                c.one('DROP TABLE IF EXISTS tickets')
                c.one('CREATE TABLE tickets (ticket_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))')
                c.close()
            type(self).made = classmethod(lambda cls, g=world.generation: g)
        self.two = self.connect_both()

    @classmethod
    def made(cls):
        return -1

    def connect_both(self, database='shop'):
        plain = world.Client(world.reference.port, 'app', 'app', database, capabilities=self.capabilities)
        self.clients.append(plain)
        return plain, self.client(database=database, capabilities=self.capabilities)

    def check(self, a, b, what, ordered=True):
        self.assertIs(type(a), type(b), f'{what}: {a} <> {b}')
        if isinstance(a, Err):
            self.assertEqual((a.code, a.state), (b.code, b.state), f'{what}: {a} <> {b}')
            return
        if isinstance(a, Ok):
            self.assertEqual((a.affected, a.warnings, a.info, a.status & ~OPTIMIZER), (b.affected, b.warnings, b.info, b.status & ~OPTIMIZER), what)
            return
        for x, y in zip(a.columns, b.columns):
            self.assertTrue(same_column(x, y), f'{what}:\n{x}\n{y}')
        self.assertEqual(len(a.columns), len(b.columns), what)
        rows = (a.rows, b.rows) if ordered else (sorted(a.rows, key=repr), sorted(b.rows, key=repr))
        self.assertEqual(*rows, what)

    def both(self, sql, *runs, ordered=True):
        """Prepares on both, executes each list of values on both, compares; the replies of Weir."""
        out, made = [], []
        for c in self.two:
            try:
                made.append(Statement(c, sql))
            except ServerError as e:
                made.append(e)
        a, b = made
        if isinstance(a, ServerError) or isinstance(b, ServerError):
            self.assertIsInstance(b, ServerError, f'{sql}: {a}')
            self.assertIsInstance(a, ServerError, f'{sql}: {b}')
            self.assertEqual((a.code, a.state), (b.code, b.state), sql)
            return [b]
        self.assertEqual(len(a.params), len(b.params), sql)
        self.assertEqual(len(a.columns), len(b.columns), sql)
        for x, y in zip(a.params + a.columns, b.params + b.columns):
            self.assertTrue(same_column(x, y), f'{sql}:\n{x}\n{y}')
        for values in runs:
            x, y = a.execute(values), b.execute(values)
            self.check(x, y, f'{sql} {values}', ordered)
            out.append(y)
        a.close()
        b.close()
        return out


class Binary(Pair):
    def rows_of(self, r, n):
        out = []
        for i in range(n):
            def maybe(v):
                return None if r.random() < 0.15 else v
            out.append([i, maybe(r.randint(-128, 127)), maybe(r.randint(0, 255)), maybe(r.randint(-32768, 32767)), maybe(r.randint(0, 16777215)),
                        maybe(r.randint(-2**31, 2**31 - 1)), maybe(r.randint(-2**63, 2**63 - 1)), maybe(r.randint(0, 2**64 - 1)),
                        maybe(Param(binary.FLOAT, struct.pack('<f', r.uniform(-1e5, 1e5)))), maybe(r.uniform(-1e200, 1e200)),
                        maybe(Param(binary.NEWDECIMAL, f'{r.randint(-10**18, 10**18)}.{r.randint(0, 10**10 - 1):010}'.encode())),
                        maybe(date_param(r.randint(1, 9999), r.randint(1, 12), r.randint(1, 28), kind=binary.DATE)),
                        maybe(time_param(r.randint(0, 1), r.randint(0, 30), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59), r.choice([0, r.randint(1, 999999)]))),
                        maybe(date_param(r.randint(1000, 9999), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59),
                                         r.choice([0, r.randint(1, 999999)]))),
                        maybe(date_param(r.randint(1980, 2030), r.randint(1, 12), r.randint(1, 28), r.randint(3, 23), 1, 2)),
                        maybe(r.randint(1901, 2155)), maybe(r.choice(['a', 'B', 'ä', 'zz '])), maybe(r.choice(['', 'x' * 90, 'é€', "it's", 'a\\b'])),
                        maybe(bytes(r.randint(0, 255) for _ in range(20))), maybe(bytes(range(256))), maybe('text ' * r.randint(0, 50)),
                        maybe(r.randint(0, 4095)), maybe(r.choice('xyz')), maybe(r.choice(['p', 'p,q', '', 'q,r'])), maybe('{"k": [1, 2, "é"]}')])
        return out

    def test_every_type_both_ways(self):
        r = random.Random(3)
        rows = self.rows_of(r, 60)
        for table in ('types_a', 'plain_types'):
            for c in self.two:
                c.one(f'DELETE FROM {table}')
            self.both(f'INSERT INTO {table} ({", ".join(NAMES)}) VALUES ({", ".join("?" * len(NAMES))})', *rows)
            self.both(f'SELECT * FROM {table} WHERE id = ?', *([i] for i in range(60)), [99], [None])
            self.both(f'SELECT * FROM {table} ORDER BY id', [])
            self.both(f'SELECT * FROM {table} WHERE id IN (?, ?, ?) ORDER BY id DESC', [1, 2, 3], [3, 3, 70], [7, None, 8])
            self.both(f'SELECT * FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id', [5, 20], [20, 5])
            for name in NAMES[1:]:
                if name not in ('j', 'bt'):  # no order of these is reproduced
                    self.both(f'SELECT id, {name} FROM {table} ORDER BY {name}, id', [])
                    self.both(f'SELECT id, {name} FROM {table} ORDER BY {name} DESC, id LIMIT ? OFFSET ?', [7, 11], [0, 0], [100, 55])
                    self.both(f'SELECT DISTINCT {name} FROM {table} ORDER BY {name}', [])
                    self.both(f'SELECT {name}, COUNT(*) FROM {table} GROUP BY {name} ORDER BY {name}', [])
            for name in ('t', 'tu', 's', 'm', 'i', 'n'):
                self.both(f'SELECT SUM({name}), MIN({name}), MAX({name}), AVG({name}), COUNT({name}), COUNT(*) FROM {table} WHERE id > ?', [0], [30], [1000])
            for name in ('dt', 'tm', 'dtm', 'ts', 'y', 'v', 'c', 'vb', 'e', 'd', 'bu'):
                self.both(f'SELECT MIN({name}), MAX({name}), COUNT({name}) FROM {table} WHERE id >= ?', [0], [50], [1000])

    def test_parameters_of_every_form_find_the_shard(self):
        for c in self.two:
            c.one('DELETE FROM types_a')
            c.one("INSERT INTO types_a (id, v) VALUES (1,'one'),(2,'two'),(3,'three'),(4,'four'),(5,'five'),(-7,'minus'),(300,'many')")
        forms = [1, 2, -7, '3', b'4', 5.0, 5.5, Param(binary.TINY, b'\x01'), Param(binary.SHORT, struct.pack('<h', 300)), Param(binary.LONG, struct.pack('<i', -7)),
                 Param(binary.NEWDECIMAL, b'4.0'), Param(binary.FLOAT, struct.pack('<f', 3)), Param(binary.TINY | binary.UNSIGNED, b'\x03'), None,
                 2**63 + 5, date_param(2024, 1, 1), 'no number', '']
        self.both('SELECT id, v FROM types_a WHERE id = ?', *([f] for f in forms))
        self.both('SELECT id, v FROM types_a WHERE id = ? OR id = ? ORDER BY id', *([f, 1] for f in forms))
        self.both('SELECT a.id, b.v FROM types_a a JOIN types_a b ON a.id = b.id WHERE a.id = ? AND b.v <> ?', *([f, 'x'] for f in forms))
        self.both('UPDATE types_a SET v = ? WHERE id = ?', ['neu', 3], ['neu', 3], ['neu', 999], [None, '1'])
        self.both('DELETE FROM types_a WHERE id = ?', [300], [300])
        self.both('SELECT COUNT(*) FROM types_a', [])

    def test_writes(self):
        for c in self.two:
            c.one('DELETE FROM types_a')
        self.both('INSERT INTO types_a (id, v) VALUES (?, ?), (?, ?), (?, ?)', [1, 'a', 2, 'b', 3, 'c'], [4, 'a', 10, 'b', 16, 'c'], [7, None, 8, 'x', 7, 'y'])
        self.both('REPLACE INTO types_a (id, v) VALUES (?, ?), (?, ?)', [1, 'r', 20, 's'])
        self.both('INSERT INTO types_a (id, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = CONCAT(v, ?)', [1, 'z', '+'], [30, 'z', '+'])
        self.both('INSERT IGNORE INTO types_a (id, v) VALUES (?, ?), (?, ?)', [1, 'i', 31, 'i'])
        self.both('UPDATE types_a SET v = ? WHERE v IN (?, ?)', ['w', 'a', 'b'])
        self.both('SELECT id, v FROM types_a ORDER BY id', [])
        self.both('INSERT INTO types_a (id, v) VALUES (?, ?)', [1, 'dup'])
        self.both('DELETE FROM types_a WHERE v = ?', ['w'])
        self.both('SELECT id, v FROM types_a ORDER BY id', [])

    def test_transactions_and_what_a_session_answers(self):
        for sql in ('BEGIN', 'START TRANSACTION', 'COMMIT', 'ROLLBACK', 'SET @a = 5', 'SET autocommit = 0', 'COMMIT', 'SET autocommit = 1', 'DO 1'):
            self.both(sql, [])
        self.both('SET @a = ?', [7], ['x'], [None])
        for sql in ('SELECT @a', 'SELECT 1 + ?'):
            self.both(sql, *([[3]] if '?' in sql else [[]]))
        for sql, runs in (
                ('SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME LIKE ? ORDER BY TABLE_NAME', (['shop', 'types%'], ['shop', 'no'])),
                ("SELECT COLUMN_NAME, ORDINAL_POSITION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION LIMIT ?",
                 (['types_a', 5],))):
            a, b = (Statement(c, sql) for c in self.two)
            self.assertEqual([c.name for c in a.columns], [c.name for c in b.columns])
            for values in runs:
                self.assertEqual(a.execute(values).rows, b.execute(values).rows, sql)
        for c in self.two:
            s = Statement(c, 'SHOW TABLES')
            self.assertIn((b'types_a',), s.execute().rows)
            self.assertEqual(len(s.columns), 1)

    def test_ids_and_facts(self):
        plain, weir = self.two
        for c in self.two:
            c.one('DELETE FROM tickets')
        s = Statement(weir, 'INSERT INTO tickets (v) VALUES (?), (?)')
        first = s.execute(['a', 'b'])
        self.assertEqual(first.affected, 2)
        again = s.execute(['c', 'd'])
        self.assertGreaterEqual(again.insert_id, first.insert_id + 2)
        self.assertEqual(Statement(weir, 'SELECT LAST_INSERT_ID() AS x').execute().rows, [(again.insert_id,)])
        self.assertEqual(weir.value('SELECT LAST_INSERT_ID()'), str(again.insert_id))
        rows = Statement(weir, 'SELECT v FROM tickets WHERE ticket_id = LAST_INSERT_ID()').execute().rows
        self.assertEqual(rows, [(b'c',)])
        explicit = Statement(weir, 'INSERT INTO tickets (ticket_id, v) VALUES (?, ?)')
        self.assertEqual(explicit.execute([None, 'n']).affected, 1)
        self.assertEqual(explicit.execute([10_000_000, 'e']).affected, 1)
        self.assertGreater(s.execute(['x', 'y']).insert_id, 10_000_000)
        self.assertEqual(Statement(weir, 'SELECT ROW_COUNT()').execute().rows[0][0], 2)
        self.both('SELECT v FROM tickets WHERE ticket_id = ?', [-1])
        self.both('SELECT FOUND_ROWS() * ?', [1])

    def test_types_are_kept_between_executes(self):
        for c in self.two:
            s = Statement(c, 'SELECT ? + ?, ?')
            first = s.execute([1, 2, 'x'])
            second = s.execute([5, 6, 'yy'], types=False)
            self.assertEqual(second.rows, [(11, b'yy')], first)

    def test_long_data(self):
        for c in self.two:
            c.one('DELETE FROM types_a')
            s = Statement(c, 'INSERT INTO types_a (id, bl, tx) VALUES (?, ?, ?)')
            s.send_long(1, b'abc')
            s.send_long(1, b'def' * 20000)
            s.send_long(2, b'')
            reply = s.execute([4, None, None], longs=(1, 2))
            self.assertIsInstance(reply, Ok, str(reply))
            self.assertEqual(s.execute([5, b'short', 'text']).affected, 1)
            s.send_long(1, b'dropped')
            self.assertIsInstance(s.reset(), Ok)
            self.assertEqual(s.execute([6, None, None]).affected, 1)
        self.both('SELECT id, bl, tx FROM types_a ORDER BY id', [])

    def test_big_values(self):
        """Beyond 16 MB: in several packets both ways."""
        weir = self.two[1]
        weir.one('DELETE FROM plain_types')
        weir.one('ALTER TABLE plain_types MODIFY bl LONGBLOB')
        data = random.Random(1).randbytes(17_000_000)
        direct = self.direct('s0')
        limit = int(direct.value('SELECT @@global.max_allowed_packet'))
        if limit < 40_000_000:
            direct.one('SET GLOBAL max_allowed_packet = 67108864')
        try:
            with world.Client(world.shared().port, database='shop') as c:
                c.one('SELECT 1')
                s = Statement(c, 'INSERT INTO plain_types (id, bl) VALUES (?, ?)')
                reply = s.execute([1, data])
                self.assertIsInstance(reply, Ok, str(reply))
                self.assertEqual(Statement(c, 'SELECT bl FROM plain_types WHERE id = ?').execute([1]).rows, [(data,)])
        finally:
            direct.one(f'SET GLOBAL max_allowed_packet = {limit}')
            weir.one('DROP TABLE plain_types')
            weir.one(TABLE.format('plain_types'))

    def test_errors(self):
        self.both('SELEC 1')
        self.both('SELECT nothing FROM types_a')
        self.both('SELECT * FROM no_such_table WHERE id = ?')
        self.both('SELECT 1; SELECT 2')
        weir = self.two[1]
        with self.assertRaises(ServerError) as e:
            Statement(weir, 'LOAD DATA LOCAL INFILE "x" INTO TABLE types_a')
        self.assertEqual(e.exception.code, 1295)
        for command, tail in ((binary.EXECUTE, b'\0\1\0\0\0'), (binary.RESET, b''), (binary.FETCH, b'\1\0\0\0')):
            weir.command(command, struct.pack('<I', 4711) + tail)
            self.assertEqual(weir.reply().code, 1243)
        s = Statement(weir, 'SELECT ?')
        weir.command(binary.EXECUTE, struct.pack('<IBI', s.id, 0, 1) + b'\0\0')
        self.assertEqual(weir.reply().code, 1210)
        weir.command(binary.FETCH, struct.pack('<II', s.id, 5))
        self.assertEqual(weir.reply().code, 1421)
        s.close()
        weir.command(binary.EXECUTE, struct.pack('<IBI', s.id, 0, 1))
        self.assertEqual(weir.reply().code, 1243)
        self.assertEqual(weir.value('SELECT 1'), '1')

    def test_ddl_in_between(self):
        for c in self.two:
            c.one('DROP TABLE IF EXISTS scratch')
        self.both('CREATE TABLE scratch (id INT NOT NULL PRIMARY KEY, v INT)', [])
        made = [Statement(c, 'SELECT * FROM scratch WHERE id = ?') for c in self.two]
        for c in self.two:
            c.one('INSERT INTO scratch VALUES (1, 10), (2, 20), (3, 30)')
        for step in ('ALTER TABLE scratch ADD w INT DEFAULT 7', 'ALTER TABLE scratch DROP v', 'DROP TABLE scratch'):
            self.check(made[0].execute([2]), made[1].execute([2]), step)
            for c in self.two:
                c.one(step)
        self.check(made[0].execute([2]), made[1].execute([2]), 'dropped')


class Old(Binary):
    """The same without DEPRECATE_EOF: EOF packets behind definitions and rows."""
    capabilities = USUAL & ~DEPRECATE_EOF


class Named(Pair):
    """PREPARE, EXECUTE, DEALLOCATE in SQL."""

    def run_both(self, statements):
        for sql in statements:
            x, y = (c.query(sql) for c in self.two)
            self.assertEqual(len(x), len(y), sql)
            for a, b in zip(x, y):
                if sql.startswith('EXECUTE q USING'):  # a variable comes as a literal: its value and heading, not its length
                    self.assertEqual((a.rows, [c.name for c in a.columns]), (b.rows, [c.name for c in b.columns]), sql)
                else:
                    self.check(a, b, sql)

    def test_named(self):
        self.run_both([
            'DELETE FROM types_a', "PREPARE ins FROM 'INSERT INTO types_a (id, v, n, d) VALUES (?, ?, ?, ?)'",
            'SET @id = 5, @v = "fünf", @n = 1.25, @d = 2e3', 'EXECUTE ins USING @id, @v, @n, @d', 'SET @id = 6', 'EXECUTE ins USING @id, @v, @nothing, @d',
            'EXECUTE ins USING @id', 'EXECUTE ins USING @id, @v, @n, @d', "SET @t = 'SELECT id, v, n, d FROM types_a WHERE id >= ? ORDER BY id LIMIT ?'",
            'PREPARE sel FROM @t', 'SET @lim = 1, @from = 0', 'EXECUTE sel USING @from, @lim', 'SET @lim = 10', 'EXECUTE sel USING @from, @lim',
            'EXECUTE nothing', 'DEALLOCATE PREPARE sel', 'EXECUTE sel USING @from, @lim', 'DROP PREPARE ins', 'DEALLOCATE PREPARE ins',
            "PREPARE bad FROM 'SELEC 1'", "PREPARE two FROM 'SELECT 1; SELECT 2'", "PREPARE q FROM 'SELECT ''it''''s'', ?'", "SET @x = 'a\\'b'", 'EXECUTE q USING @x',
            "PREPARE q FROM 'SELECT 2'", 'EXECUTE q', 'SELECT 1; EXECUTE q; SELECT 3'])


class Returning(Pair):
    """INSERT, REPLACE, DELETE ... RETURNING over several shards: rows in the order of VALUES."""

    def test_in_the_order_of_values(self):
        for c in self.two:
            c.one('DELETE FROM types_a')
            c.one('DROP TABLE IF EXISTS countries')
            c.one('CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(40))')
        rows = ', '.join(f"({i * 7 % 20}, 'row {i}')" for i in range(20))
        for sql in (f'INSERT INTO types_a (id, v) VALUES {rows} RETURNING id, v, CONCAT(v, id) AS both_',
                    "REPLACE INTO types_a (id, v) VALUES (5, 'a'), (3, 'b'), (4, 'c'), (21, 'd') RETURNING id, v",
                    "INSERT INTO types_a (id, v) VALUES (5, 'x'), (22, 'y') ON DUPLICATE KEY UPDATE v = 'again' RETURNING types_a.id, v",
                    "INSERT INTO types_a (id, v) VALUES (30, 'p'), (5, 'q') RETURNING id", 'SELECT id FROM types_a WHERE id = 30',
                    "INSERT INTO countries VALUES ('de', 'Germany'), ('at', 'Austria') RETURNING name, code",
                    'SELECT COUNT(*) FROM types_a', 'SELECT ROW_COUNT() >= -1'):
            a, b = (c.query(sql)[-1] for c in self.two)
            self.check(a, b, sql)
        a, b = (c.query("DELETE FROM types_a WHERE id < 9 RETURNING id, v")[-1] for c in self.two)
        self.check(a, b, 'DELETE', ordered=False)
        self.both('INSERT INTO types_a (id, v) VALUES (?, ?), (?, ?), (?, ?) RETURNING id, v', [1, 'a', 2, 'b', 3, 'c'], [6, 'a', 4, 'b', 5, None])
        weir = self.two[1]
        weir.one('DELETE FROM tickets')
        ids = [int(r[0]) for r in weir.rows("INSERT INTO tickets (v) VALUES ('a'), ('b'), ('c'), ('d') RETURNING ticket_id")]
        self.assertEqual(ids, list(range(ids[0], ids[0] + 4)))
        self.assert_error(weir, "INSERT IGNORE INTO types_a (id, v) VALUES (100, 'a'), (101, 'b') RETURNING id", 1235, 'ignore')


class Caps(world.Case):
    def test_caps_and_memory(self):
        proxy = self.weir(weir='max_session_prepared_statements: 50\nmax_prepared_statements: 60\nmax_server_prepared_statements: 5', name='caps')
        before = self.prepared_on_s0()
        a, b = self.client(port=proxy.port), self.client(port=proxy.port)
        mine = [Statement(a, f'SELECT {i} + ?') for i in range(50)]
        with self.assertRaises(ServerError) as e:
            Statement(a, 'SELECT 1')
        self.assertEqual(e.exception.code, 1461)
        others = [Statement(b, f'SELECT {i} + ?') for i in range(10)]
        with self.assertRaises(ServerError) as e:
            Statement(b, 'SELECT 1')
        self.assertEqual(e.exception.code, 1461)
        for i, s in enumerate(mine):
            self.assertEqual(s.execute([1]).rows, [(i + 1,)])
        others[3].close()
        Statement(b, 'SELECT 1').execute()
        for _ in range(2):
            for i, s in enumerate(mine):
                self.assertEqual(s.execute([2]).rows, [(i + 2,)])
        self.assertLessEqual(self.prepared_on_s0() - before, 2 * 5)
        a.close()
        world.wait_until(lambda: self.can_prepare(b), 20, 'room for a statement')

    def prepared_on_s0(self):
        return int(self.direct('s0').rows("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0][1])

    @staticmethod
    def can_prepare(c):
        try:
            Statement(c, 'SELECT 5')
            return True
        except ServerError:
            return False

    def test_distinct_texts_do_not_grow(self):
        proxy = self.weir(name='texts')
        c = self.client(port=proxy.port)

        def many(start, n):
            for i in range(start, start + n):
                s = Statement(c, f'SELECT {i}, ?')
                if i % 50 == 0:
                    self.assertEqual(s.execute([1]).rows, [(i, 1)])
                s.close()

        many(0, 3000)
        before = memory(proxy)
        many(3000, 6000)
        self.assertLess(memory(proxy) - before, 6 << 20)

    def test_a_full_server(self):
        """The server's own max_prepared_stmt_count is reached: its oldest ones give way."""
        proxy = self.weir(name='full', pool=1)
        direct = self.direct('s0')
        c = self.client(port=proxy.port)
        limit = direct.value('SELECT @@global.max_prepared_stmt_count')
        for i in range(20):
            Statement(c, f'SELECT {i} + ?').execute([1])
        count = int(direct.rows("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0][1])
        direct.one(f'SET GLOBAL max_prepared_stmt_count = {count}')
        try:
            self.assertEqual(Statement(c, 'SELECT 99 + ?').execute([1]).rows, [(100,)])
        finally:
            direct.one(f'SET GLOBAL max_prepared_stmt_count = {limit}')


def memory(proxy):
    with open(f'/proc/{proxy.process.pid}/statm') as f:
        return int(f.read().split()[1]) * 4096


class Cursors(Pair):
    def fill(self, n):
        for c in self.two:
            c.one('DELETE FROM types_a')
            for at in range(0, n, 500):
                c.one('INSERT INTO types_a (id, v, i) VALUES ' + ','.join(f"({i}, 'row {i}', {i * 7919 % 1000})" for i in range(at, min(n, at + 500))))

    def drain(self, s, n):
        rows = []
        while True:
            part = s.fetch(n)
            self.assertLessEqual(len(part.rows), n)
            rows += part.rows
            if part.status & binary.STATUS_LAST_ROW_SENT:
                return rows
            self.assertTrue(part.status & binary.STATUS_CURSOR_EXISTS)
            self.assertEqual(len(part.rows), n)

    def test_over_shards_and_on_one(self):
        self.fill(1500)
        for sql, values in (('SELECT id, v, i FROM types_a ORDER BY i, id', []), ('SELECT id, v FROM types_a WHERE id = ?', [77]),
                            ('SELECT id, i FROM types_a WHERE i > ? ORDER BY id DESC LIMIT 100', [500]), ('SELECT i, COUNT(*) FROM types_a GROUP BY i ORDER BY i', []),
                            ('SELECT id FROM types_a WHERE id = ?', [-1]), ('SELECT DISTINCT i FROM types_a ORDER BY i', [])):
            for n in (1, 7, 100, 5000):
                if n == 1 and not values:
                    continue
                found = []
                for c in self.two:
                    s = Statement(c, sql)
                    opened = s.execute(values, cursor=True)
                    self.assertTrue(opened.status & binary.STATUS_CURSOR_EXISTS, sql)
                    self.assertEqual(opened.rows, [])
                    found.append(self.drain(s, n))
                    s.close()
                self.assertEqual(found[0], found[1], sql)

    def test_several_at_once_and_statements_between(self):
        self.fill(900)
        weir = self.two[1]
        a, b = Statement(weir, 'SELECT id FROM types_a ORDER BY id'), Statement(weir, 'SELECT id FROM types_a ORDER BY id DESC')
        for begin in (None, 'BEGIN'):
            if begin:
                weir.one(begin)
            a.execute(cursor=True)
            b.execute(cursor=True)
            got_a, got_b = [], []
            for i in range(9):
                got_a += a.fetch(100).rows
                got_b += b.fetch(100).rows
                self.assertEqual(weir.value('SELECT COUNT(*) FROM types_a'), '900')
                if begin:
                    weir.one(f"UPDATE types_a SET v = 'x' WHERE id = {i * 6}")
            self.assertEqual(got_a, [(i,) for i in range(900)])
            self.assertEqual(got_b, [(i,) for i in reversed(range(900))])
            if begin:
                weir.one('COMMIT')
        a.execute(cursor=True)
        a.fetch(3)
        self.assertIsInstance(a.reset(), Ok)
        weir.command(binary.FETCH, struct.pack('<II', a.id, 5))
        self.assertEqual(weir.reply().code, 1421)
        a.execute(cursor=True)
        self.assertEqual(a.fetch(2).rows, [(0,), (1,)])
        self.assertEqual(len(a.execute().rows), 900)

    def test_connections_come_back(self):
        proxy = self.weir(name='cursor-pool', pool=2)
        c = self.client(port=proxy.port)
        for _ in range(10):
            s = Statement(c, 'SELECT id FROM types_a ORDER BY id')
            s.execute(cursor=True)
            s.fetch(2)
            s.close()
        for _ in range(6):
            d = self.client(port=proxy.port)
            s = Statement(d, 'SELECT id FROM types_a ORDER BY id')
            s.execute(cursor=True)
            s.fetch(2)
            d.close()
        self.assertEqual(c.value('SELECT 1'), '1')


class Mixed(world.Case):
    def test_prepare_and_execute_sent_together(self):
        """MariaDB's clients use id -1 for the statement prepared last, without waiting for its answer."""
        c = self.client()
        last = struct.pack('<IBI', 0xFFFFFFFF, 0, 1)
        for text, code in ((b'SELECT 7', 0), (b'SELEC', 1064), (b'', 1065)):
            sent = b''
            for payload in (bytes([binary.PREPARE]) + text, bytes([binary.EXECUTE]) + last):
                sent += len(payload).to_bytes(3, 'little') + b'\0' + payload
            c.send_raw(sent)
            c.sequence = 1
            data = c.read()
            if code:
                self.assertEqual(parse_err(data).code, code)
                c.sequence = 1
                self.assertEqual(parse_err(c.read()).code, 1243)
                continue
            c.read()  # the definition
            s = Statement.__new__(Statement)
            s.client = c
            c.sequence = 1
            self.assertEqual(s.reply().rows, [(7,)])

    def test_out_parameters_of_a_call(self):
        direct = self.direct('s1')
        with world.Client(world.shared().port, database='other') as c:
            c.one('SELECT 1')
        direct.query('DROP PROCEDURE IF EXISTS other.doubled')
        direct.one('CREATE PROCEDURE other.doubled(IN a INT, OUT b INT) BEGIN SELECT a; SET b = a * 2; END')
        for capabilities in (USUAL, USUAL | 1 << 18):
            c = self.client(database='other', capabilities=capabilities)
            replies = Statement(c, 'CALL doubled(?, ?)').execute_all([21, None])
            expected = [[(21,)], [(42,)]] if capabilities >> 18 & 1 else [[(21,)]]
            self.assertEqual([r.rows for r in replies[:-1]], expected)
            self.assertIsInstance(replies[-1], Ok)
            self.assertEqual(c.value('SELECT 1'), '1')
        direct.one('DROP PROCEDURE other.doubled')

    def test_restart_of_a_server(self):
        """The connection that had it prepared is gone: prepared again on another one without the client noticing."""
        proxy = self.weir(name='gone')
        c = self.client(port=proxy.port)
        s = Statement(c, 'SELECT CONCAT(?, 1)')
        self.assertEqual(s.execute(['a']).rows, [(b'a1',)])
        direct = self.direct('s0')
        for row in direct.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'weir' AND COMMAND = 'Sleep'"):
            direct.query(f'KILL {row[0]}')
        self.assertEqual(s.execute(['b']).rows, [(b'b1',)])

    def test_reset_and_change_user_forget(self):
        c = self.client()
        s = Statement(c, 'SELECT ?')
        c.reset()
        self.assertEqual(s.execute([1]).code, 1243)
        s = Statement(c, 'SELECT ?')
        c.change_user('app', 'app', 'shop')
        self.assertEqual(s.execute([1]).code, 1243)


if __name__ == '__main__':
    unittest.main()
