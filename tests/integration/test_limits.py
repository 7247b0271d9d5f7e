"""Time and KILL: what ends a statement, a client or a transaction before its time, and that nothing of it stays behind on any server.

After each end the servers themselves are asked: no statement of Weir's account runs, no transaction of it is open.
"""
import os
import socket
import time
import unittest

import world
from binary import Statement
from wire import INTERACTIVE, LOCAL_FILES, USUAL, Client, Err, Gone, Ok, Rows
from world import wait_until

MYSQL = int(os.environ.get('WEIR_MYSQL_PORT') or 0)
KILLED, NO_TIME, NO_STATEMENT_TIME = 1317, 3024, 1969


class OnMysqlToo(world.Case):
    """Tells whether the parts of this file for a real MySQL server ran."""

    @unittest.skipUnless(MYSQL, 'WEIR_MYSQL_PORT names no MySQL server')
    def test_a_mysql_server_takes_part(self):
        with world.Client(MYSQL, 'app', 'app', plugin='caching_sha2_password') as c:
            self.assertNotIn('MariaDB', c.server_version)


class LimitCase(world.Case):
    def setUp(self):
        super().setUp()
        self.eyes = {name: self.direct(name) for name in ('s0', 's1', 's2')}
        c = self.client()
        c.query('DROP TABLE IF EXISTS scratch')
        c.one('CREATE TABLE scratch (id BIGINT PRIMARY KEY, v INT)')
        c.one('INSERT INTO scratch VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6)')

    def busy(self):
        """What runs for Weir on the servers, and whose transactions are open there."""
        out = []
        for name, eye in self.eyes.items():
            out += [(name, *row) for row in eye.rows(
                "SELECT p.ID, p.INFO, t.trx_state FROM information_schema.PROCESSLIST p LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID "
                "WHERE p.USER = 'weir' AND p.ID <> CONNECTION_ID() AND (p.COMMAND <> 'Sleep' OR t.trx_id IS NOT NULL)")]
        return out

    def await_busy(self, word, least=1):
        return wait_until(lambda: [b for b in self.busy() if word in (b[2] or '')][least - 1:], 20, f'{word} on a server')

    def assert_idle(self):
        try:
            wait_until(lambda: not self.busy(), 10, 'idle servers')
        except world.Trouble:
            self.fail(f'still at work: {self.busy()}')

    def last_reply(self, client, within=15):
        """The last reply of what the client has sent."""
        client.socket.settimeout(within)
        return list(client.replies())[-1]


@unittest.skipIf(world.STAND_IN, "Weir's own")
class StatementTime(LimitCase):
    """max_execution_time and max_statement_time, as variables, as a hint and for one statement."""
    SLOW = {'one server': 'SELECT SLEEP(20)', 'one shard': 'SELECT SLEEP(20), v FROM scratch WHERE id = 3',
            'all shards': 'SELECT SLEEP(20), v FROM scratch ORDER BY v', 'aggregate': 'SELECT COUNT(*), MAX(SLEEP(20)) FROM scratch',
            'information_schema': 'SELECT SLEEP(20) FROM information_schema.SCHEMATA LIMIT 1'}

    def timed(self, client, sql):
        start = time.monotonic()
        reply = client.query(sql)[-1]
        return reply, time.monotonic() - start

    def check(self, client, sql, code):
        reply, seconds = self.timed(client, sql)
        self.assertIsInstance(reply, Err, sql)
        self.assertEqual(reply.code, code, f'{sql}: {reply}')
        self.assertEqual(reply.state, '70100' if code == NO_STATEMENT_TIME else 'HY000')
        self.assertGreater(seconds, 0.25, sql)
        self.assertLess(seconds, 6, sql)

    def test_session_variables(self):
        for variable, code in (('max_execution_time = 300', NO_TIME), ('max_statement_time = 0.3', NO_STATEMENT_TIME)):
            c = self.client()
            c.one(f'SET SESSION {variable}')
            for what, sql in self.SLOW.items():
                with self.subTest(variable=variable, what=what):
                    self.check(c, sql, code)
                    self.assert_idle()
            self.assertEqual(c.value('SELECT v FROM scratch WHERE id = 3'), '3')
            c.one(f'SET {variable.split()[0]} = DEFAULT')
            self.assertEqual(c.value('SELECT SLEEP(0.6)'), '0')

    def test_the_smaller_one_counts(self):
        c = self.client()
        c.one('SET max_execution_time = 300, max_statement_time = 10')
        self.check(c, 'SELECT SLEEP(20)', NO_TIME)
        c.one('SET max_execution_time = 10000, max_statement_time = 0.3')
        self.check(c, 'SELECT SLEEP(20)', NO_STATEMENT_TIME)

    def test_hint_and_one_statement(self):
        c = self.client()
        self.check(c, 'SELECT /*+ MAX_EXECUTION_TIME(300) */ SLEEP(20)', NO_TIME)
        self.check(c, 'SELECT /*+ MAX_EXECUTION_TIME(300) */ SLEEP(20), v FROM scratch', NO_TIME)
        c.one('SET max_execution_time = 300')
        self.assertEqual(c.value('SELECT /*+ MAX_EXECUTION_TIME(5000) */ SLEEP(0.6)'), '0')
        c.one('SET max_execution_time = 0')
        self.check(c, 'SET STATEMENT max_statement_time = 0.3 FOR SELECT SLEEP(20)', NO_STATEMENT_TIME)
        self.check(c, 'SET STATEMENT max_execution_time = 300, sort_buffer_size = 1000000 FOR SELECT SLEEP(20), v FROM scratch', NO_TIME)
        self.assertEqual(c.rows('SELECT @@max_statement_time, @@max_execution_time'), [('0.000000', '0')])
        self.assertEqual(c.value("SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT @@sql_mode"), 'ANSI_QUOTES')
        self.assertNotEqual(c.value('SELECT @@sql_mode'), 'ANSI_QUOTES')
        self.assertEqual(c.error('SET STATEMENT nothing_such = 1 FOR SELECT 1').code, 1193)
        self.assertEqual(c.error('SET STATEMENT max_statement_time = 1 FOR').code, 1064)
        self.assertEqual(c.error("SET STATEMENT max_statement_time = 1 FOR SET @a = 1").code, 1235)
        replies = c.query("SELECT 1; SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT @@sql_mode; SELECT 3")
        self.assertEqual([r.rows for r in replies], [[(b'1',)], [(b'ANSI_QUOTES',)], [(b'3',)]])

    def test_selects_only(self):
        """MySQL's limit is of SELECT; MariaDB's of every statement."""
        c, lock = self.client(), self.client()
        lock.one('BEGIN')
        lock.one('UPDATE scratch SET v = 30 WHERE id = 3')
        c.one('SET innodb_lock_wait_timeout = 1, max_execution_time = 200')
        self.assertEqual(c.error('UPDATE scratch SET v = 31 WHERE id = 3').code, 1205)
        c.one('SET max_statement_time = 0.3, innodb_lock_wait_timeout = 20')
        self.check(c, 'UPDATE scratch SET v = 31 WHERE id = 3', NO_STATEMENT_TIME)
        self.check(c, 'UPDATE scratch SET v = 31', NO_STATEMENT_TIME)
        lock.one('ROLLBACK')
        self.assert_idle()
        self.assertEqual(c.rows('SELECT v FROM scratch ORDER BY v'), [(str(i),) for i in range(1, 7)])

    def test_the_transaction_goes_on(self):
        for variable, code in (('max_execution_time = 300', NO_TIME), ('max_statement_time = 0.3', NO_STATEMENT_TIME)):
            c = self.client()
            c.one(f'SET {variable}')
            c.one('BEGIN')
            c.one('UPDATE scratch SET v = 33 WHERE id = 3')
            self.check(c, 'SELECT SLEEP(20), v FROM scratch WHERE id = 3', code)
            self.check(c, 'SELECT SLEEP(20), v FROM scratch', code)
            self.assertEqual(c.value('SELECT v FROM scratch WHERE id = 3'), '33')
            c.one('COMMIT')
            self.assertEqual(c.value('SELECT v FROM scratch WHERE id = 3'), '33')
            c.one('UPDATE scratch SET v = 3 WHERE id = 3')
            self.assert_idle()

    def test_prepared(self):
        c = self.client()
        c.one('SET max_execution_time = 300')
        for sql in ('SELECT SLEEP(?)', 'SELECT SLEEP(?), v FROM scratch'):
            s = Statement(c, sql)
            reply = s.execute([20])
            self.assertEqual(reply.code, NO_TIME, sql)
            s.close()
        s = Statement(c, 'SELECT /*+ MAX_EXECUTION_TIME(2000) */ SLEEP(?)')
        self.assertEqual(s.execute([0.6]).rows, [(0,)])
        self.assert_idle()

    def test_values(self):
        c = self.client()
        for sql, code in (("SET max_execution_time = 'x'", 1232), ('SET max_execution_time = 1.5', 1232), ('SET wait_timeout = 1.5', 1232), ("SET max_statement_time = 'y'", 1232)):
            self.assertEqual(c.error(sql).code, code, sql)
        reply = c.one('SET wait_timeout = 0')
        self.assertEqual((reply.warnings, c.rows('SHOW WARNINGS')), (1, [('Warning', '1292', "Truncated incorrect wait_timeout value: '0'")]))
        self.assertEqual(c.value('SELECT @@wait_timeout'), '1')
        c.one('SET wait_timeout = DEFAULT, @x = @@max_allowed_packet')
        self.assertEqual(c.value('SELECT @@wait_timeout'), '28800')
        c.one('SET @@session.max_execution_time = 10 * 20')
        self.assertEqual(c.rows("SHOW SESSION VARIABLES LIKE 'max\\_execution%'"), [('max_execution_time', '200')])

    # A killed SLEEP or BENCHMARK is no error to MySQL.
    ENDLESS = ('(WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) '
               'SELECT COUNT(*) FROM n a, n b, n c WHERE a.i + b.i + c.i > 0)')

    def test_each_kind_of_server(self):
        """The same through a Weir over a MySQL, and over both."""
        if not MYSQL:
            return
        rules = """
weir: {listen: '127.0.0.1:@port@', workers: 1}
users: {app: {password: app}}
sources:
  my: {address: '127.0.0.1:%d', user: weir, password: weir}
  maria: {address: '127.0.0.1:%d', user: weir, password: weir}
schemas:
  shop:
    default_source: %s
    databases: weir_limits
    tables: {spread: {nodes: ['my.weir_limits.spread_0', 'maria.weir_limits.spread_1'], shard_by: id, algorithm: {type: mod}}}
"""
        for home in ('my', 'maria'):
            port = self.weir(name='kinds', text=rules % (MYSQL, world.shards['s2'].port, home)).port
            c = self.client(port=port, database=None)
            c.query('CREATE DATABASE IF NOT EXISTS shop')
            c.one('USE shop')
            c.query('DROP TABLE IF EXISTS spread')
            c.one('CREATE TABLE spread (id INT PRIMARY KEY, v INT)')
            c.one('INSERT INTO spread VALUES (0, 0), (1, 1), (2, 2), (3, 3)')
            for variable, code in (('max_execution_time = 300', NO_TIME), ('max_statement_time = 0.3', NO_STATEMENT_TIME)):
                c.one(f'SET {variable}')
                for sql in (f'SELECT {self.ENDLESS}', f'SELECT v FROM spread WHERE {self.ENDLESS} > 0 ORDER BY v',
                            f'SELECT v FROM spread WHERE id = 2 AND {self.ENDLESS} > 0', f'SELECT v FROM spread WHERE id = 1 AND {self.ENDLESS} > 0'):
                    with self.subTest(home=home, variable=variable, sql=sql):
                        self.check(c, sql, code)
                c.one('BEGIN')
                c.one('UPDATE spread SET v = 20 WHERE id = 2')
                self.check(c, f'SELECT v FROM spread WHERE id = 2 AND {self.ENDLESS} > 0', code)
                self.assertEqual(c.value('SELECT v FROM spread WHERE id = 2'), '20')
                c.one('ROLLBACK')
                c.one(f'SET {variable.split()[0]} = DEFAULT')
            c.one('DROP TABLE spread')


@unittest.skipIf(world.STAND_IN, "Weir's own")
class IdleTime(world.Case):
    def gone_after(self, client, seconds=6):
        """What came before the end, and how long that took."""
        client.socket.settimeout(seconds)
        start, came = time.monotonic(), b''
        try:
            while True:
                data = client.socket.recv(4096)
                if not data:
                    return came, time.monotonic() - start
                came += data
        except (socket.timeout, TimeoutError):
            self.fail(f'still connected after {seconds} s')

    def test_wait_timeout_of_the_session(self):
        c, other = self.client(), self.client()
        c.one('SET SESSION wait_timeout = 2')
        came, seconds = self.gone_after(c)
        self.assertEqual(came, b'')                     # as MariaDB: without a word
        self.assertGreater(seconds, 1.5)
        self.assertEqual(other.value('SELECT 1'), '1')

    def test_a_busy_client_is_not_idle(self):
        c = self.client()
        c.one('SET wait_timeout = 1')
        self.assertEqual(c.value('SELECT SLEEP(3)'), '0')

    def test_server_connections_do_not_die_of_it(self):
        c = self.client()
        c.one('SET wait_timeout = 1')
        c.one('SELECT 1')
        c.close()
        time.sleep(1.5)
        d = self.client()
        self.assertEqual(d.value('SELECT @@wait_timeout'), '28800')
        self.assertNotIn('server_lost', [r[0] for r in d.rows('SHOW WEIR STATUS') if r[0] == 'server_lost' and r[1] != '0'])

    def test_an_open_transaction_ends_with_it(self):
        c, d = self.client(), self.client()
        d.query('DROP TABLE IF EXISTS scratch')
        d.one('CREATE TABLE scratch (id BIGINT PRIMARY KEY, v INT)')
        d.one('INSERT INTO scratch VALUES (1, 1)')
        c.one('SET wait_timeout = 1')
        c.one('BEGIN')
        c.one('UPDATE scratch SET v = 2 WHERE id = 1')
        self.gone_after(c)
        d.one('SET innodb_lock_wait_timeout = 5')
        d.one('UPDATE scratch SET v = v + 10 WHERE id = 1')
        self.assertEqual(d.value('SELECT v FROM scratch WHERE id = 1'), '11')

    def test_mysql_clients_are_told(self):
        weir = self.weir(name='idle', weir='server_version: 8.4.3\nwait_timeout: 2s\ninteractive_timeout: 60s')
        c, interactive = (Client(weir.port, capabilities=USUAL | flag) for flag in (0, INTERACTIVE))
        self.clients += [c, interactive]
        self.assertEqual((c.value('SELECT @@wait_timeout'), c.value('SELECT @@interactive_timeout')), ('2', '60'))
        self.assertEqual((interactive.value('SELECT @@wait_timeout'), interactive.value('SELECT @@global.wait_timeout')), ('60', '2'))
        came, _ = self.gone_after(c)
        self.assertEqual((came[4], int.from_bytes(came[5:7], 'little')), (0xFF, 4031))
        self.assertIn(b'because of inactivity', came)
        self.assertEqual(interactive.value('SELECT 1'), '1')

    def test_login_timeout(self):
        weir = self.weir(name='login', weir='login_timeout: 1s')
        c = Client(weir.port, login=False)
        self.clients.append(c)
        c.greeting()
        _, seconds = self.gone_after(c)
        self.assertGreater(seconds, 0.5)
        half = socket.create_connection(('127.0.0.1', weir.port))
        half.sendall(b'\x50\0\0\1')
        half.settimeout(6)
        while half.recv(4096):
            pass
        half.close()


@unittest.skipIf(world.STAND_IN, "Weir's own")
class SlowClient(LimitCase):
    def big(self, c):
        c.send("SELECT REPEAT('x', 1000000) FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) a, "
               "(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8) b")

    def test_a_client_that_takes_nothing(self):
        for relayed in (True, False):
            c = self.client(receive_buffer=4096)
            c.one('SET net_write_timeout = 2')
            if relayed:
                self.big(c)
            else:
                c.send("SELECT v, REPEAT('y', 8000000) FROM scratch ORDER BY v")
            self.await_busy('REPEAT')
            self.assert_idle()
            d = self.client()
            wait_until(lambda: not [r for r in d.rows('SHOW PROCESSLIST') if r[0] == str(c.connection_id)], 5, 'the end of the session')
            c.close()

    def test_a_slow_one_gets_its_rows(self):
        c = self.client(receive_buffer=65536)
        c.one('SET net_write_timeout = 2')
        self.big(c)
        c.socket.settimeout(20)
        first = c.read()
        self.assertEqual(first, b'\1')
        got = 0
        for _ in range(12):                    # for six seconds some bytes now and then
            got += len(c.read_bytes(400000))
            time.sleep(0.5)
        while got < 32000000:
            got += len(c.read_bytes(min(1 << 20, 32000000 - got)))


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Ends(LimitCase):
    """Each kind of work under way x each way to end it."""

    def relay(self, c):
        c.send('SELECT SLEEP(30)')
        self.await_busy('SLEEP(30)')

    def scatter(self, c):
        c.send('SELECT SLEEP(30), v FROM scratch ORDER BY v')
        self.await_busy('SLEEP(30)', 6)

    def aggregate(self, c):
        c.send('SELECT MAX(SLEEP(30)), COUNT(*) FROM scratch')
        self.await_busy('SLEEP(30)', 3)

    def locked(self):
        lock = self.direct('s1')
        lock.one('SET autocommit = 0')
        lock.rows('SELECT * FROM shop.scratch_0 FOR UPDATE')
        lock.rows('SELECT * FROM shop.scratch_1 FOR UPDATE')
        return lock

    def write(self, c):
        self.lock = self.locked()
        c.send('UPDATE scratch SET v = v + 100')
        self.await_busy('UPDATE')

    def transaction(self, c):
        c.one('BEGIN')
        c.one('UPDATE scratch SET v = 60 WHERE id = 6')
        c.send('SELECT SLEEP(30)')
        self.await_busy('SLEEP(30)')

    def prepared(self, c):
        s = Statement(c, 'SELECT SLEEP(?), v FROM scratch')
        s.send([30])
        self.await_busy('SLEEP')

    def load(self, c):
        c.send("LOAD DATA LOCAL INFILE 'x' INTO TABLE scratch")
        data = c.read()
        self.assertEqual(data[:1], b'\xfb')
        c.write(b''.join(b'%d\t%d\n' % (i, i) for i in range(100, 3000)))
        time.sleep(0.3)                        # what arrived may be written or not: the end must undo it

    WORK = {'relay': relay, 'scatter': scatter, 'aggregate': aggregate, 'write': write, 'transaction': transaction, 'load': load, 'prepared': prepared}

    def work(self, name):
        self.lock = None
        c = self.client(capabilities=USUAL | LOCAL_FILES)
        self.WORK[name](self, c)
        return c

    def after(self, name):
        """The servers are at rest; nothing of an unfinished write is there."""
        if self.lock:
            self.lock.one('ROLLBACK')
        self.assert_idle()
        self.assertEqual(self.client().rows('SELECT id, v FROM scratch ORDER BY id'), [(str(i), str(i)) for i in range(1, 7)], name)

    def test_a_client_that_goes(self):
        for name in self.WORK:
            with self.subTest(work=name):
                c = self.work(name)
                c.close()
                self.after(name)

    def test_kill_query(self):
        other = self.client()
        for name in self.WORK:
            with self.subTest(work=name):
                c = self.work(name)
                other.one(f'KILL QUERY {c.connection_id}')
                if name == 'load':              # the file is read to its end first, as servers do
                    c.write(b'')
                reply = self.last_reply(c)
                self.assertIsInstance(reply, Err, f'{name}: {reply}')
                self.assertEqual((reply.code, reply.state), (KILLED, '70100'), f'{name}: {reply}')
                if name == 'transaction':
                    self.assertEqual(c.value('SELECT v FROM scratch WHERE id = 6'), '60')
                    c.one('ROLLBACK')
                self.assertEqual(c.value("SELECT 'alive'"), 'alive', name)
                self.after(name)

    def test_kill_connection(self):
        other = self.client()
        for name in self.WORK:
            for command in ('KILL', 'KILL CONNECTION', 'COM_PROCESS_KILL'):
                with self.subTest(work=name, command=command):
                    c = self.work(name)
                    if command == 'COM_PROCESS_KILL':
                        other.command(12, c.connection_id.to_bytes(4, 'little'))
                        self.assertIsInstance(other.reply(), Ok)
                    else:
                        other.one(f'{command} {c.connection_id}')
                    c.socket.settimeout(15)
                    try:
                        reply = list(c.replies())[-1]
                        self.assertEqual(reply.code, KILLED, f'{name}: {reply}')
                        with self.assertRaises(Gone):
                            c.query('SELECT 1')
                    except Gone:
                        pass
                    self.after(name)

    def test_time(self):
        """statement_timeout of the rules, for all kinds of work."""
        weir = self.weir(name='time', weir='statement_timeout: 1s')
        for name in self.WORK:
            if name == 'load':
                continue
            with self.subTest(work=name):
                self.lock = None
                c = self.client(port=weir.port, capabilities=USUAL | LOCAL_FILES)
                self.WORK[name](self, c)
                reply = self.last_reply(c)
                self.assertEqual(reply.code, NO_TIME, f'{name}: {reply}')
                c.query('ROLLBACK')
                self.after(name)

    def test_while_it_waits_for_a_connection(self):
        weir = self.weir(name='pool', pool=1, weir='pool_wait: 60s')
        holder = self.client(port=weir.port)
        other = self.client(port=weir.port)
        holder.one('BEGIN')
        holder.one('UPDATE scratch SET v = 1 WHERE id = 3')
        for how in ('close', 'KILL QUERY', 'KILL'):
            with self.subTest(how=how):
                c = self.client(port=weir.port)
                c.send('SELECT SUM(v) FROM scratch')
                wait_until(lambda: any('waiting for a connection' in (r[6] or '') for r in other.rows('SHOW PROCESSLIST')), 10, 'a waiting client')
                if how == 'close':
                    c.close()
                else:
                    other.one(f'{how} {c.connection_id}')
                    self.assertEqual(self.last_reply(c).code, KILLED)
                wait_until(lambda: not any('waiting' in (r[6] or '') for r in other.rows('SHOW PROCESSLIST')), 10, 'the end of waiting')
        holder.one('ROLLBACK')
        self.assertEqual(other.value('SELECT COUNT(*) FROM scratch'), '6')
        self.assert_idle()

    def test_while_it_waits_for_ids(self):
        weir = world.shared()
        c, other = self.client(port=weir.port), self.client(port=weir.port)
        other.query('DROP TABLE IF EXISTS tickets')
        other.one('CREATE TABLE tickets (ticket_id BIGINT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(40))')
        other.one("INSERT INTO tickets (title) VALUES ('first')")
        lock = self.direct('s0')
        lock.one('SET autocommit = 0')
        lock.rows('SELECT * FROM weir.weir_segments FOR UPDATE')
        try:
            for how in ('KILL QUERY', 'KILL', 'close'):
                c = self.client(port=weir.port)
                c.send('INSERT INTO tickets (title) VALUES ' + ','.join(['(1)'] * 200000))
                wait_until(lambda: any('waiting for ids' in (r[6] or '') for r in other.rows('SHOW PROCESSLIST')), 10, 'a client that waits for ids')
                if how == 'close':
                    c.close()
                else:
                    other.one(f'{how} {c.connection_id}')
                    self.assertEqual(self.last_reply(c).code, KILLED, how)
                wait_until(lambda: not any('waiting' in (r[6] or '') for r in other.rows('SHOW PROCESSLIST')), 10, 'the end of waiting')
        finally:
            lock.one('ROLLBACK')
        wait_until(lambda: isinstance(other.query("INSERT INTO tickets (title) VALUES ('x')")[-1], Ok), 20, 'ids again')
        self.assertEqual(other.value("SELECT COUNT(*) FROM tickets WHERE title = '1'"), '0')

    def test_a_commit_is_not_stopped(self):
        """A KILL in the moment of the commit leaves all of it or none."""
        for i in range(20):
            c, other = self.client(), self.client()
            c.one('BEGIN')
            c.one('UPDATE scratch SET v = v + 1000 WHERE id = 1')
            c.send('COMMIT')
            other.one(f'KILL {c.connection_id}')
            c.close()
            wait_until(lambda: not self.busy(), 10, 'idle servers')
        v = int(self.client().value('SELECT v FROM scratch WHERE id = 1'))
        self.assertEqual(v % 1000, 1)


@unittest.skipIf(world.STAND_IN, "Weir's own")
class ProcessList(LimitCase):
    def test_rights(self):
        app, shopper = self.client(), self.client('shopper', 'shopper')
        self.assertEqual(shopper.error(f'KILL {app.connection_id}').code, 1095)
        self.assertEqual(shopper.error(f'KILL QUERY {app.connection_id}').code, 1095)
        shopper.command(12, app.connection_id.to_bytes(4, 'little'))
        self.assertEqual(shopper.reply().code, 1095)
        self.assertEqual(app.error('KILL 4000000000').code, 1094)
        self.assertEqual(app.error('KILL USER shopper').code, 1235)
        self.assertEqual(app.value('SELECT 1'), '1')
        self.assertEqual({r[1] for r in shopper.rows('SHOW PROCESSLIST')}, {'shopper'})
        app.one('KILL ' + str(self.client().connection_id))
        self.assertEqual(app.error(f'KILL QUERY {app.connection_id}').code, KILLED)

    def test_who_runs_what_and_where(self):
        c, idle, eye = self.client(), self.client('app', 'app', 'other'), self.client()
        text = 'SELECT SLEEP(3), v, ' + repr('x' * 200) + ' FROM scratch'
        c.send(text)
        self.await_busy('SLEEP(3)')
        rows = {r[0]: r for r in eye.rows('SHOW PROCESSLIST')}
        full = {r[0]: r for r in eye.rows('SHOW FULL PROCESSLIST')}
        mine, his = str(c.connection_id), str(idle.connection_id)
        self.assertEqual((rows[mine][1:5], rows[mine][6]), (('app', 'localhost', 'shop', 'Query'), 'on s0, s1, s2'))
        self.assertEqual((rows[mine][7], full[mine][7]), (text[:100], text))
        self.assertEqual((rows[his][3], rows[his][4], rows[his][7]), ('other', 'Sleep', None))
        ids = eye.rows(f"SELECT ID, USER, HOST, DB, COMMAND, STATE, INFO FROM information_schema.PROCESSLIST WHERE ID IN ({mine}, {his}) ORDER BY ID")
        self.assertEqual(ids, sorted([(mine, 'app', 'localhost', 'shop', 'Query', 'on s0, s1, s2', text), (his, 'app', 'localhost', 'other', 'Sleep', '', None)], key=lambda r: int(r[0])))
        own = eye.rows('select info, state from information_schema.processlist where id = connection_id()')
        self.assertEqual(own, [('select info, state from information_schema.processlist where id = connection_id()', 'starting')])
        self.assertEqual(eye.value(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST p JOIN information_schema.SCHEMATA s ON s.SCHEMA_NAME = p.DB WHERE p.ID = {mine}"), '1')
        plain = self.direct('plain')
        names = [col.name for col in plain.one('SHOW PROCESSLIST').columns]
        self.assertEqual([col.name for col in eye.one('SHOW PROCESSLIST').columns], names)
        names = [col.name for col in plain.one('SELECT * FROM information_schema.PROCESSLIST').columns]
        self.assertEqual([col.name for col in eye.one('SELECT * FROM information_schema.PROCESSLIST').columns], names)
        self.assertIsInstance(self.last_reply(c), Rows)

    def test_a_prepared_one(self):
        eye = self.client()
        s = Statement(eye, 'SELECT ID, INFO FROM information_schema.PROCESSLIST WHERE ID = ?')
        self.assertEqual(len(s.execute([eye.connection_id]).rows), 1)
        s = Statement(eye, 'SHOW FULL PROCESSLIST')
        self.assertGreaterEqual(len(s.execute([]).rows), 1)

    def test_a_client_that_goes_while_it_asks(self):
        for _ in range(30):
            c = Client(world.shared().port, database='shop')
            c.send('SELECT * FROM information_schema.PROCESSLIST; SHOW PROCESSLIST; SELECT 1')
            c.close()
        self.assertEqual(self.client().value('SELECT 1'), '1')


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Version(world.Case):
    def test_of_the_sources(self):
        c = self.client()
        plain = self.direct('s0').value('SELECT VERSION()')
        self.assertEqual(c.server_version, '5.5.5-' + plain)
        self.everywhere(c, plain)

    def test_of_the_rules(self):
        for shown in ('8.4.3', '5.7.44-log', '10.6.18-MariaDB-rules'):
            c = self.client(port=self.weir(name='version', weir=f'server_version: {shown}').port, database=None)
            self.assertEqual(c.server_version, '5.5.5-' + shown if 'MariaDB' in shown else shown)
            self.everywhere(c, shown)
            self.assertEqual(c.value("SELECT COUNT(*) FROM (SELECT VERSION() AS v) t WHERE t.v = '" + shown + "'"), '1')
            self.assertEqual(c.value('SELECT @@version_comment'), 'Weir')

    def everywhere(self, c, version):
        for sql in ('SELECT VERSION()', 'SELECT version ( )', 'SELECT @@version', 'SELECT @@global.version', 'SELECT @@`version`', 'select VERSION() AS v', "SELECT CONCAT(@@version, '')"):
            if sql == 'SELECT version ( )' and 'IGNORE' not in (c.value('SELECT @@sql_mode') or ''):
                c.one("SET sql_mode = 'IGNORE_SPACE'")
            reply = c.one(sql)
            self.assertEqual(reply.rows, [(version.encode(),)], sql)
        self.assertEqual(c.one('SELECT @@version, VERSION(), @@global.version AS g').columns[0].name, '@@version')
        self.assertEqual([k.name for k in c.one('SELECT @@Version, VERSION(), @@global.version AS g').columns], ['@@Version', 'VERSION()', 'g'])
        self.assertEqual(c.rows("SHOW VARIABLES LIKE 'version'"), [('version', version)])
        self.assertEqual(c.rows("SHOW GLOBAL VARIABLES WHERE Variable_name = 'version'"), [('version', version)])
        c.one('SET @v = VERSION()')
        self.assertEqual(c.value('SELECT @v'), version)
        self.assertEqual(Statement(c, 'SELECT VERSION(), @@version').execute([]).rows, [(version.encode(), version.encode())])
        self.assertEqual(c.statistics()[:6], 'Uptime')


if __name__ == '__main__':
    unittest.main()
