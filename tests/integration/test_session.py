"""As if to one MySQL: what belongs to a client follows it over shared server connections, and transactions keep their word."""
import random
import threading
import unittest

import world
from wire import Gone, ServerError


def quietly(client, sql):
    """The error's code, or 0."""
    try:
        client.one(sql)
        return 0
    except ServerError as e:
        return e.code


class WithTables(world.Case):
    """pairs: sharded by id over s0, s1, s2 (id mod 6: two tables on each). kept: whole, on s0."""
    options = {}

    @classmethod
    def setUpClass(cls):
        world.shared()
        if world.STAND_IN:
            cls.proxy = world.shared()
        else:
            cls.proxy = world.make(**cls.options)
            cls.proxy.start()
        with world.Client(cls.proxy.port, database='shop') as c:
            for table in ('types_a', 'types_b', 'kept'):
                c.one(f'DROP TABLE IF EXISTS {table}')
                c.one(f'CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, v VARCHAR(40), n TINYINT, UNIQUE KEY u (id, v))')

    @classmethod
    def tearDownClass(cls):
        if not world.STAND_IN:
            world.end(cls.proxy)

    def setUp(self):
        super().setUp()
        c = self.connect()
        for table in ('types_a', 'types_b', 'kept'):
            c.one(f'DELETE FROM {table}')
            c.one(f"INSERT INTO {table} VALUES (0,'zero',0),(1,'one',1),(2,'two',2),(3,'three',3),(4,'four',4),(5,'five',5)")
        c.quit()

    def connect(self, database='shop', **options):
        return self.client(database=database, port=self.proxy.port, **options)

    def all(self, table='types_a'):
        return self.connect().rows(f'SELECT id, v, n FROM {table} ORDER BY id')


class Shared(WithTables):
    """Two server connections a source for many clients."""
    options = {'pool': 2, 'name': 'shared-pool'}

    def test_settings_follow_the_client(self):
        modes = ['', 'ANSI_QUOTES', 'PIPES_AS_CONCAT', 'NO_BACKSLASH_ESCAPES', 'STRICT_ALL_TABLES']
        zones = ['+00:00', '+05:30', '-08:00']
        levels = ['READ-COMMITTED', 'REPEATABLE-READ', 'SERIALIZABLE', 'READ-UNCOMMITTED']
        names = [('utf8mb4', 'utf8mb4_bin'), ('latin1', 'latin1_swedish_ci'), ('utf8mb3', 'utf8mb3_general_ci'), ('cp1251', 'cp1251_general_ci')]
        databases = ['shop', 'other', None]
        r, expected = random.Random(11), []
        for i in range(14):
            want = {'mode': r.choice(modes), 'zone': r.choice(zones), 'level': r.choice(levels), 'names': r.choice(names),
                    'database': r.choice(databases), 'v': f'value {i}', 'length': 1000 + i}
            c = self.connect(want['database'])
            c.one(f"SET sql_mode = '{want['mode']}', time_zone = '{want['zone']}', group_concat_max_len = {want['length']}, @v = '{want['v']}'")
            c.one(f"SET SESSION TRANSACTION ISOLATION LEVEL {want['level'].replace('-', ' ')}")
            c.one(f"SET NAMES {want['names'][0]} COLLATE {want['names'][1]}")
            expected.append((c, want))
        for round_number in range(6):
            r.shuffle(expected)
            for c, want in expected:
                sql = ('SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@character_set_client, @@collation_connection, '
                       '@@group_concat_max_len, @v, DATABASE()')
                row = (want['mode'], want['zone'], want['level'], want['names'][0], want['names'][1], str(want['length']),
                       want['v'], want['database'])
                # On each of the three servers, and wherever a statement without a table goes.
                for tail in ('', *(f' FROM shop.types_a WHERE id = {k}' for k in (0, 2, 4))):
                    self.assertEqual(c.rows(sql + tail), [row], sql + tail)
                if round_number % 2:
                    want['v'] += '.'
                    c.one(f"SET @v = '{want['v']}'")

    def test_what_a_setting_does_follows_too(self):
        a, b = self.connect(), self.connect()
        a.one("SET sql_mode = 'PIPES_AS_CONCAT', time_zone = '+01:00'")
        b.one("SET sql_mode = '', time_zone = '-01:00'")
        for _ in range(4):
            self.assertEqual(a.rows("SELECT 'x' || v, FROM_UNIXTIME(0) FROM types_a WHERE id = 3"), [('xthree', '1970-01-01 01:00:00')])
            self.assertEqual(b.rows("SELECT '0' || n, FROM_UNIXTIME(0) FROM types_a WHERE id = 3"), [('1', '1969-12-31 23:00:00')])

    def test_character_sets_follow_the_client(self):
        c = self.connect()
        c.one("UPDATE types_a SET v = 'Zoë' WHERE id = 1")
        latin = self.connect()
        latin.one('SET NAMES latin1')
        for _ in range(3):
            self.assertEqual(c.one('SELECT v FROM types_a WHERE id = 1').rows, [('Zoë'.encode(),)])
            self.assertEqual(latin.one('SELECT v FROM types_a WHERE id = 1').rows, [('Zoë'.encode('latin1'),)])
            self.assertEqual(latin.one('SELECT id FROM types_a WHERE id = 1 AND v = '.encode() + b"'Zo\xeb'").rows, [(b'1',)])

    def test_log_in_with_a_character_set(self):
        latin = self.connect(charset=8)
        self.assertEqual(latin.rows('SELECT @@character_set_client, @@character_set_results, @@collation_connection '
                                    'FROM types_a WHERE id = 1'), [('latin1', 'latin1', 'latin1_swedish_ci')])

    def test_default_settings_are_those_of_a_fresh_connection(self):
        a = self.connect()
        fresh = self.connect().rows('SELECT @@sql_mode, @@group_concat_max_len, @x FROM types_a WHERE id = 0')
        a.one("SET sql_mode = 'ANSI', group_concat_max_len = 77, @x = 5")
        for k in range(6):
            a.one(f'SELECT * FROM types_a WHERE id = {k}')
        a.quit()
        for k in range(6):
            self.assertEqual(self.connect().rows(f'SELECT @@sql_mode, @@group_concat_max_len, @x FROM types_a WHERE id = {k}'), fresh)

    def test_many_clients_few_server_connections(self):
        """More clients than server connections, all at once; each sees its own answers."""
        wrong = []

        def work(i):
            try:
                with world.Client(self.proxy.port, database='shop') as c:
                    c.one(f'SET @me = {i}')
                    for k in range(25):
                        row = c.rows(f'SELECT @me, id, v FROM types_a WHERE id = {(i + k) % 6}')
                        if row[0][:2] != (str(i), str((i + k) % 6)):
                            wrong.append((i, k, row))
                        if len(c.rows('SELECT id FROM types_a ORDER BY v')) != 6:
                            wrong.append((i, k, 'scatter'))
            except Exception as e:
                wrong.append((i, repr(e)))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(24)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertEqual(wrong[:5], [])

    @unittest.skipIf(world.STAND_IN, "Weir's pool")
    def test_server_connections_stay_within_the_cap(self):
        clients = [self.connect() for _ in range(10)]
        for c in clients:
            c.one('SELECT COUNT(*) FROM types_a')
        for name, box in world.shards.items():
            # Two for the clients, and at most two of the control thread, which has its own.
            self.assertLessEqual(self.proxy.connections_to(box.port), 2 + 2, name)

    def test_a_temporary_table_stays_with_its_client(self):
        a, b = self.connect(), self.connect()
        a.one('CREATE TEMPORARY TABLE mine (id INT)')
        for i in range(5):
            a.one(f'INSERT INTO mine VALUES ({i})')
            self.assertEqual(b.error('SELECT * FROM mine').code, 1146)
            self.assertEqual(b.value('SELECT COUNT(*) FROM kept'), '6')
        self.assertEqual(a.value('SELECT COUNT(*) FROM mine'), '5')
        a.quit()
        for _ in range(4):
            self.assertEqual(self.connect().error('SELECT * FROM mine').code, 1146)

    def test_a_named_lock_stays_with_its_client(self):
        a, b = self.connect(), self.connect()
        self.assertEqual(a.value("SELECT GET_LOCK('session', 1)"), '1')
        for _ in range(3):
            self.assertEqual(b.value("SELECT GET_LOCK('session', 0)"), '0')
            self.assertEqual(a.value('SELECT COUNT(*) FROM kept'), '6')
        a.quit()
        world.wait_until(lambda: b.value("SELECT GET_LOCK('session', 0)") == '1', 10, 'the lock of a client that left')
        b.one("SELECT RELEASE_LOCK('session')")

    def test_last_insert_id_follows_the_client(self):
        a, b = self.connect(), self.connect()
        a.one('DROP TABLE IF EXISTS counted')
        a.one('CREATE TABLE counted (id INT AUTO_INCREMENT PRIMARY KEY, v INT)')
        for i in range(4):
            first = a.one(f'INSERT INTO counted (v) VALUES ({i})').insert_id
            second = b.one(f'INSERT INTO counted (v) VALUES ({i})').insert_id
            self.assertEqual(a.value('SELECT LAST_INSERT_ID()'), str(first))
            self.assertEqual(b.value('SELECT LAST_INSERT_ID()'), str(second))
            self.assertEqual(a.value(f'SELECT id FROM counted WHERE id = LAST_INSERT_ID() AND {i} = {i}'), str(first))
        self.assertEqual(self.connect().value('SELECT LAST_INSERT_ID()'), '0')
        a.one('DROP TABLE counted')

    def test_reset_connection(self):
        c = self.connect()
        c.one("SET @a = 1, sql_mode = 'ANSI', autocommit = 0")
        c.one("UPDATE types_a SET v = 'lost' WHERE id = 1")
        c.reset()
        self.assertEqual(c.rows("SELECT @a, @@autocommit, @@sql_mode LIKE '%ANSI%', v FROM types_a WHERE id = 1"),
                         [(None, '1', '0', 'one')])

    def test_tables_locked_by_one_client(self):
        a, b = self.connect(), self.connect()
        code = quietly(a, 'LOCK TABLES kept WRITE')
        if code:
            self.assertEqual(code, 1235)
            return
        b.one('SET lock_wait_timeout = 1')
        self.assertEqual(b.error("UPDATE kept SET v = 'b' WHERE id = 1").code, 1205)
        a.one("UPDATE kept SET v = 'a' WHERE id = 1")
        a.one('UNLOCK TABLES')
        b.one("UPDATE kept SET v = 'b' WHERE id = 1")


class Transactions(WithTables):
    """`transactions: single`: one server. id mod 6 in (0, 1) lives on s0, (2, 3) on s1, (4, 5) on s2."""
    options = {'name': 'transactions', 'weir': 'pool_wait: 2s'}

    def test_one_server(self):
        a, b = self.connect(), self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'x' WHERE id = 0")
        a.one("UPDATE types_b SET v = 'x' WHERE id = 1")
        self.assertEqual(b.rows('SELECT v FROM types_a WHERE id = 0'), [('zero',)])
        a.one('COMMIT')
        self.assertEqual(b.rows('SELECT a.v, b.v FROM types_a a, types_b b WHERE a.id = 0 AND b.id = 0'), [('x', 'zero')])
        self.assertEqual(b.rows('SELECT v FROM types_b WHERE id = 1'), [('x',)])

    @unittest.skipIf(world.STAND_IN, 'one server has no second')
    def test_a_write_on_a_second_server_is_refused(self):
        a = self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'first' WHERE id = 0")
        for sql in ("UPDATE types_a SET v = 'second' WHERE id = 2", "INSERT INTO types_a VALUES (8, 'eight', 8)",
                    "UPDATE types_a SET v = 'all'", "DELETE FROM types_a WHERE id IN (0, 4)",
                    "INSERT INTO types_a VALUES (6, 'six', 6), (8, 'eight', 8)"):
            err = a.error(sql)
            self.assertEqual(err.code, 1235, f'{sql}: {err}')
            self.assertIn('best_effort', err.message, 'the way out is named')
        # The transaction is still open and whole.
        self.assertEqual(a.value('SELECT v FROM types_a WHERE id = 0'), 'first')
        a.one('COMMIT')
        self.assertEqual(self.all(), [('0', 'first', '0'), ('1', 'one', '1'), ('2', 'two', '2'), ('3', 'three', '3'),
                                      ('4', 'four', '4'), ('5', 'five', '5')])

    def test_reads_on_other_servers_inside_a_transaction(self):
        a = self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'mine' WHERE id = 0")
        self.assertEqual(a.rows('SELECT id, v FROM types_a WHERE id IN (0, 2, 4) ORDER BY id'),
                         [('0', 'mine'), ('2', 'two'), ('4', 'four')])
        self.assertEqual(a.value('SELECT COUNT(*) FROM types_a'), '6')
        self.assertEqual(a.value("SELECT COUNT(*) FROM types_a WHERE v = 'mine'"), '1')
        a.one('ROLLBACK')
        self.assertEqual(a.value("SELECT COUNT(*) FROM types_a WHERE v = 'mine'"), '0')

    def test_repeatable_read_over_servers(self):
        a, b = self.connect(), self.connect()
        a.one('START TRANSACTION')
        before = a.rows('SELECT id, v FROM types_a ORDER BY id')
        b.one("UPDATE types_a SET v = 'later'")
        self.assertEqual(a.rows('SELECT id, v FROM types_a ORDER BY id'), before)
        a.one('COMMIT')
        self.assertEqual({v for _, v in a.rows('SELECT id, v FROM types_a ORDER BY id')}, {'later'})

    def test_savepoints(self):
        a = self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = '1' WHERE id = 2")
        a.one('SAVEPOINT s')
        a.one("UPDATE types_a SET v = '2' WHERE id = 3")
        a.one('ROLLBACK TO s')
        a.one('COMMIT')
        self.assertEqual(self.all()[2:4], [('2', '1', '2'), ('3', 'three', '3')])

    def test_a_savepoint_before_any_write(self):
        a = self.connect()
        a.one('BEGIN')
        a.one('SAVEPOINT early')
        a.one("UPDATE types_a SET v = 'gone' WHERE id = 4")
        a.one('ROLLBACK TO SAVEPOINT early')
        self.assertEqual(a.value('SELECT v FROM types_a WHERE id = 4'), 'four')
        a.one("UPDATE types_a SET v = 'kept' WHERE id = 4")
        a.one('COMMIT')
        self.assertEqual(self.all()[4], ('4', 'kept', '4'))

    def test_a_client_that_leaves_in_a_transaction(self):
        for leave in (lambda c: c.quit(), lambda c: c.close()):
            a, b = self.connect(), self.connect()
            a.one('BEGIN')
            a.one("UPDATE types_a SET v = 'lost' WHERE id = 1")
            leave(a)
            b.one('SET innodb_lock_wait_timeout = 10')
            b.one("UPDATE types_a SET n = n + 1 WHERE id = 1")          # waits for the row lock, at most
            self.assertEqual(b.value('SELECT v FROM types_a WHERE id = 1'), 'one')

    def test_a_deadlock_rolls_back_one(self):
        a, b = self.connect(), self.connect()
        a.one('BEGIN')
        b.one('BEGIN')
        a.one('UPDATE types_a SET n = 10 WHERE id = 0')
        b.one('UPDATE types_b SET n = 10 WHERE id = 0')
        results = []
        t = threading.Thread(target=lambda: results.append(quietly(a, 'UPDATE types_b SET n = 11 WHERE id = 0')))
        t.start()
        world.wait_until(lambda: 'UPDATE' in world.shards['stand-in' if world.STAND_IN else 's0'].sql(
            "SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE%types_b%'"), 10, 'the lock wait')
        results.append(quietly(b, 'UPDATE types_a SET n = 11 WHERE id = 0'))
        t.join(60)
        self.assertEqual(sorted(results), [0, 1213])
        for c in (a, b):
            c.one('ROLLBACK')

    def test_autocommit_off(self):
        a, b = self.connect(), self.connect()
        a.one('SET autocommit = 0')
        self.assertEqual(a.value('SELECT COUNT(*) FROM types_a'), '6')   # reads on all servers, then
        a.one('COMMIT')
        a.one("UPDATE types_a SET v = 'held' WHERE id = 5")
        self.assertEqual(b.value('SELECT v FROM types_a WHERE id = 5'), 'five')
        a.one('COMMIT')
        self.assertEqual(b.value('SELECT v FROM types_a WHERE id = 5'), 'held')
        a.one("UPDATE types_a SET v = 'one server' WHERE id = 0")
        a.one('ROLLBACK')
        a.one("UPDATE types_a SET v = 'another' WHERE id = 2")           # a new transaction, on another server
        a.one('SET autocommit = 1')                                      # commits
        self.assertEqual(b.value('SELECT v FROM types_a WHERE id = 2'), 'another')
        self.assertEqual(b.value('SELECT v FROM types_a WHERE id = 0'), 'zero')

    def test_an_error_keeps_the_transaction(self):
        a = self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'kept' WHERE id = 0")
        self.assertEqual(a.error("INSERT INTO types_a VALUES (0, 'dup', 0)").code, 1062)
        self.assertEqual(a.error('SELECT nothing FROM types_a WHERE id = 0').code, 1054)
        self.assertEqual(a.error('SELEC').code, 1064)
        a.one('COMMIT')
        self.assertEqual(self.all()[0], ('0', 'kept', '0'))


class AllOrNothing(WithTables):
    """An autocommit write over several servers commits everywhere or nowhere."""
    options = {'name': 'all-or-nothing'}

    def unchanged(self, sql, code):
        before = self.all()
        err = self.connect().error(sql)
        self.assertEqual(err.code, code, f'{sql}: {err}')
        self.assertEqual(self.all(), before, sql)
        return err

    def test_duplicate_key_on_one_shard(self):
        for dup in range(6):
            rows = ', '.join(f"({i}, 'new', 1)" for i in [*range(6, 12), dup])
            err = self.unchanged(f'INSERT INTO types_a VALUES {rows}', 1062)
            self.assertIn(f"Duplicate entry '{dup}' for key 'PRIMARY'", err.message)
        self.unchanged("INSERT INTO types_a VALUES (6, 'new', 1), (0, 'dup', 1)", 1062)   # both on s0, in one table
        self.unchanged("INSERT INTO types_a VALUES (7, 'new', 1), (0, 'dup', 1)", 1062)   # both on s0, in two tables

    def test_update_that_fails_on_one_shard(self):
        self.connect().one('UPDATE types_a SET n = 127 WHERE id = 4')
        self.unchanged('UPDATE types_a SET n = n + 1', 1264)
        self.unchanged("UPDATE types_a SET v = IF(id = 3, REPEAT('x', 100), 'y')", 1406)

    def test_delete_that_fails_on_one_shard(self):
        self.unchanged("DELETE FROM types_a WHERE IF(id = 2, (SELECT 1 UNION SELECT 2), 1)", 1242)

    def test_success_everywhere(self):
        c = self.connect()
        self.assertEqual(c.one("INSERT INTO types_a VALUES " + ', '.join(f"({i}, 'new', 1)" for i in range(6, 30))).affected, 24)
        self.assertEqual(c.one("UPDATE types_a SET v = 'all'").affected, 30)
        self.assertEqual(c.one('DELETE FROM types_a WHERE id >= 6').affected, 24)
        self.assertEqual([v for _, v, _ in self.all()], ['all'] * 6)

    @unittest.skipIf(world.STAND_IN, 'needs several servers')
    def test_a_row_locked_on_one_shard(self):
        holder = self.direct('s1', 'shop')
        holder.one('BEGIN')
        holder.one('UPDATE types_a_0 SET n = n')                          # id 2 mod 6: node 2 is s1.types_a_0
        c = self.connect()
        c.one('SET innodb_lock_wait_timeout = 1')
        self.assertEqual(c.error("UPDATE types_a SET v = 'all'").code, 1205)
        holder.one('ROLLBACK')
        self.assertEqual([v for _, v, _ in self.all()], ['zero', 'one', 'two', 'three', 'four', 'five'])
        c.one("UPDATE types_a SET v = 'all'")


@unittest.skipIf(world.STAND_IN, 'a mode of Weir')
class BestEffort(WithTables):
    """`transactions: best_effort`: a transaction may write on several servers."""
    options = {'name': 'best-effort', 'weir': 'transactions: best_effort'}

    def test_commit_on_all(self):
        a = self.connect()
        a.one('BEGIN')
        for i in range(6):
            a.one(f"UPDATE types_a SET v = 'w{i}' WHERE id = {i}")
        a.one("INSERT INTO types_a VALUES (6, 'six', 6), (8, 'eight', 8), (10, 'ten', 10)")
        self.assertEqual(len(self.all()), 6)
        a.one('COMMIT')
        self.assertEqual([v for _, v, _ in self.all()], ['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'six', 'eight', 'ten'])

    def test_rollback_on_all(self):
        a = self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'lost'")
        a.one('DELETE FROM types_b')
        a.one('ROLLBACK')
        self.assertEqual([v for _, v, _ in self.all()], ['zero', 'one', 'two', 'three', 'four', 'five'])
        self.assertEqual(len(self.all('types_b')), 6)

    def test_a_statement_that_fails_on_one_shard(self):
        """Its part on the other shards is undone; what the transaction did before stays."""
        a = self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'before' WHERE id = 0")
        self.assertEqual(a.error("INSERT INTO types_a VALUES (6, 'six', 6), (8, 'eight', 8), (4, 'dup', 4)").code, 1062)
        a.one('COMMIT')
        rows = self.all()
        self.assertEqual([v for _, v, _ in rows], ['before', 'one', 'two', 'three', 'four', 'five'])


@unittest.skipIf(world.STAND_IN, "Weir's pool")
class OneConnection(WithTables):
    """One server connection a source: a transaction holds it, others wait, with an end to their waiting."""
    options = {'pool': 1, 'name': 'one-connection', 'weir': 'pool_wait: 700ms'}

    def test_waiting_for_the_pool(self):
        a, b = self.connect(), self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'held' WHERE id = 0")
        err = b.error('SELECT * FROM types_a WHERE id = 1')
        self.assertIn('s0', err.message)
        self.assertEqual(b.value('SELECT v FROM types_a WHERE id = 2'), 'two', 'other sources are not concerned')
        results = []
        t = threading.Thread(target=lambda: results.append(b.value('SELECT v FROM types_a WHERE id = 1')))
        t.start()
        a.one('COMMIT')
        t.join(30)
        self.assertEqual(results, ['one'])

    def test_a_client_that_leaves_while_it_waits(self):
        a, b, c = self.connect(), self.connect(), self.connect()
        a.one('BEGIN')
        a.one("UPDATE types_a SET v = 'held' WHERE id = 0")
        b.send('SELECT * FROM types_a WHERE id = 1')
        b.close()
        a.one('COMMIT')
        self.assertEqual(c.value('SELECT v FROM types_a WHERE id = 1'), 'one')

    def test_scatters_do_not_starve_each_other(self):
        """Each needs a connection of every source; taken in different orders they could wait for each other for ever."""
        wrong = []

        def work():
            try:
                with world.Client(self.proxy.port, database='shop') as c:
                    for _ in range(15):
                        try:
                            if len(c.rows('SELECT id FROM types_a ORDER BY id DESC')) != 6:
                                wrong.append('rows')
                        except ServerError as e:
                            if 's0' not in e.message and 's1' not in e.message and 's2' not in e.message:
                                wrong.append(str(e))
            except Gone as e:
                wrong.append(str(e))
        threads = [threading.Thread(target=work) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(90)
            self.assertFalse(t.is_alive(), 'a client waits for ever')
        self.assertEqual(wrong[:3], [])


del WithTables
