"""The tools that administrators use, unchanged: mariadb-dump, mariadb-import, mysqlslap, sysbench, mycli, mariadb-check, mariadb-show,
mariadb-admin, the mariadb client as a person uses it; and what the GUI tools ask (corpus/gui_*.sql, beside a plain server)."""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import unittest

import same
import test_differential
import world
from test_differential import Both, read_corpus
from wire import Err, Rows


def program(*names):
    """The first of the names that is there; the test is skipped when none is."""
    found = next((n for n in names if shutil.which(n)), None)
    if found is None:
        raise unittest.SkipTest(f'{names[0]} is not installed')
    return found


class Tools(world.Case):
    @classmethod
    def setUpClass(cls):
        test_differential.fill()

    def port(self):
        return world.shared().port

    def run_tool(self, names, *options, stdin='', code=0, port=None, credentials=True, environment=None, timeout=120):
        names = [names] if isinstance(names, str) else names
        login = ['--no-defaults', '-h127.0.0.1', f'-P{port or self.port()}', '-uapp', '-papp', '--protocol=tcp'] if credentials else []
        found, out = world.run([program(*names), *login, *options], stdin, timeout, env=dict(os.environ, **(environment or {})))
        self.assertEqual(found, code, out[-3000:])
        return out

    def mariadb(self, *options, **more):
        return self.run_tool('mariadb', *options, **more)

    def loose(self):
        """A Weir whose transactions may write on several servers, for programs that keep one open."""
        return world.shared().port if world.STAND_IN else self.weir(name='tools', weir='transactions: best_effort').port

    def sums(self, port, tables, schema='shop'):
        """{table: (rows, checksum over all rows in any order)} of what a client sees."""
        out = {}
        with world.Client(port, 'app', 'app', schema) as c:
            for table in tables:
                rows = c.rows(f'SELECT * FROM {table}')
                lines = sorted(repr(row) for row in rows)
                out[table] = (len(rows), hashlib.sha256('\n'.join(lines).encode()).hexdigest())
        return out


class Dump(Tools):
    """The whole database out, and in again into empty servers."""

    def setUp(self):
        super().setUp()
        if test_differential.filled != world.generation:
            test_differential.fill()
        self.own = self.loose()

    def tearDown(self):
        test_differential.filled = None                    # whoever comes next makes the tables anew
        super().tearDown()

    def port(self):
        return self.own

    def everything(self):
        with world.Client(self.port(), 'app', 'app', 'shop') as c:
            return sorted(t for t, in c.rows('SHOW TABLES'))

    def dump(self, *options, **more):
        return self.run_tool(['mariadb-dump', 'mysqldump'], '--skip-dump-date', *options, **more)

    def in_again(self, text):
        """Drops every table, loads the dump, and everything is as before."""
        tables = self.everything()
        before = self.sums(self.port(), tables)
        with world.Client(self.port(), 'app', 'app', 'shop') as c:
            for table in tables:
                c.one(f'DROP TABLE {table}')
            self.assertEqual(c.rows('SHOW TABLES'), [])
        self.mariadb('shop', stdin=text)
        self.assertEqual(self.everything(), tables)
        self.assertEqual(self.sums(self.port(), tables), before)

    def test_all_with_the_usual_options(self):
        text = self.dump('--single-transaction', '--routines', '--triggers', '--events', 'shop')
        made = re.findall(r'CREATE TABLE `(\w+)`', text)
        self.assertEqual(sorted(made), self.everything())
        self.assertEqual([t for t in made if re.search(r'_\d+$', t)], [])
        self.in_again(text)

    def test_all_row_by_row_in_hexadecimal(self):
        self.in_again(self.dump('--single-transaction', '--skip-extended-insert', '--complete-insert', '--hex-blob', 'shop'))

    def test_all_with_locks(self):
        self.in_again(self.dump('--lock-tables', '--add-locks', '--disable-keys', 'shop'))

    def test_databases(self):
        text = self.dump('--databases', 'shop', 'other', '--single-transaction')
        self.assertEqual(re.findall(r'USE `(\w+)`', text), ['shop', 'other'])
        self.assertEqual(len(re.findall(r'CREATE TABLE `customers`', text)), 1)

    def test_all_databases(self):
        text = self.dump('--all-databases', '--single-transaction', '--no-data', '--ignore-database=mysql')
        self.assertIn('USE `shop`', text)
        self.assertNotRegex(text, r'shop_\d')

    def test_into_a_plain_server_and_back(self):
        tables = self.everything()
        text = self.dump('--single-transaction', 'shop')
        plain = self.direct('plain')
        plain.one('CREATE OR REPLACE DATABASE copy')
        try:
            self.mariadb('copy', stdin=text, port=world.reference.port)
            self.assertEqual(self.sums(world.reference.port, tables, 'copy'), self.sums(self.port(), tables))
            self.in_again(self.dump('--single-transaction', 'copy', port=world.reference.port))
        finally:
            plain.one('DROP DATABASE copy')

    def test_another_proxy_sees_what_came_in(self):
        """Any number of proxies run side by side: tables that went and came through one are known to the other."""
        text = self.dump('--single-transaction', 'shop', 'customers', 'words')
        with world.Client(self.port(), 'app', 'app', 'shop') as c, world.Client(world.shared().port, 'app', 'app', 'shop') as other:
            before = other.rows('SELECT * FROM customers ORDER BY customer_id LIMIT 100')
            other.one('DROP TABLE customers')
            c.one('DROP TABLE words')
            self.assertEqual(c.error('SELECT * FROM customers').code, 1146)
            self.assertEqual(other.error('SELECT * FROM words').code, 1146)
            self.mariadb('shop', stdin=text)
            world.wait_until(lambda: other.rows('SELECT * FROM customers ORDER BY customer_id LIMIT 100') == before, 20, 'rows through the other proxy')
            self.assertTrue({('customers',), ('words',)} <= set(other.rows('SHOW TABLES')))

    def test_xml(self):
        text = self.dump('--xml', 'shop', 'customers')
        self.assertEqual(text.count('<row>'), self.sums(self.port(), ['customers'])['customers'][0])


class Import(Tools):
    """mariadb-import reads files of the client by LOAD DATA LOCAL."""

    def load(self, table, rows, *options, code=0):
        directory = os.path.join(world.home, 'import')
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, f'{table}.txt')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(rows)
        return self.run_tool(['mariadb-import', 'mysqlimport'], '--local', *options, 'shop', path, code=code, port=self.loose())

    def test_a_sharded_table(self):
        with world.Client(self.port(), 'app', 'app', 'shop') as c:
            c.one('DROP TABLE IF EXISTS scratch')
            c.one('CREATE TABLE scratch (id INT NOT NULL PRIMARY KEY, v VARCHAR(40))')
            try:
                rows = ''.join(f'{i}\tword {i} ✓\n' for i in range(2000))
                out = self.load('scratch', rows)
                self.assertIn('Records: 2000  Deleted: 0  Skipped: 0  Warnings: 0', out)
                self.assertEqual(c.rows('SELECT COUNT(*), MIN(id), MAX(id) FROM scratch'), [('2000', '0', '1999')])
                self.assertEqual(c.value('SELECT v FROM scratch WHERE id = 1234'), 'word 1234 ✓')
                out = self.load('scratch', rows, '--replace')
                self.assertIn('Records: 2000', out)
                out = self.load('scratch', '1,"new, one"\n2,\\N\n', '--delete', '--fields-terminated-by=,', '--fields-optionally-enclosed-by="')
                self.assertEqual(c.rows('SELECT * FROM scratch ORDER BY id'), [('1', 'new, one'), ('2', None)])
                out = self.load('scratch', '1\tagain\n3\tthree\n', '--ignore')
                self.assertIn('Skipped: 1', out)
            finally:
                c.one('DROP TABLE scratch')

    def test_a_generated_key(self):
        with world.Client(self.port(), 'app', 'app', 'shop') as c:
            before = int(c.value('SELECT COUNT(*) FROM tickets'))
            self.load('tickets', ''.join(f'imported {i}\n' for i in range(500)), '--columns=title')
            self.assertEqual(int(c.value('SELECT COUNT(*) FROM tickets')), before + 500)
            self.assertEqual(len(set(c.rows("SELECT ticket_id FROM tickets WHERE title LIKE 'imported %'"))), 500)
            c.one("DELETE FROM tickets WHERE title LIKE 'imported %'")

    def test_an_unsharded_table(self):
        with world.Client(self.port(), 'app', 'app', 'shop') as c:
            c.one('CREATE TABLE temp_import (id INT PRIMARY KEY, v VARCHAR(20))')
            try:
                self.load('temp_import', '1\tone\n2\ttwo\n')
                self.assertEqual(c.rows('SELECT * FROM temp_import ORDER BY id'), [('1', 'one'), ('2', 'two')])
            finally:
                c.one('DROP TABLE temp_import')


class Administration(Tools):
    ADMIN = ['mariadb-admin', 'mysqladmin']

    def test_ping_status_version_and_variables(self):
        self.assertEqual(self.run_tool(self.ADMIN, 'ping').strip(), 'mysqld is alive')
        self.assertRegex(self.run_tool(self.ADMIN, 'status'), r'Uptime: \d+ +Threads: \d+')
        self.assertRegex(self.run_tool(self.ADMIN, 'version'), r'Server version\s+\d+\.\d+')
        self.assertRegex(self.run_tool(self.ADMIN, 'variables'), r'\| sql_mode +\|')
        self.assertRegex(self.run_tool(self.ADMIN, 'extended-status'), r'\| Uptime +\| \d+')

    def test_processlist_and_kill(self):
        victim = self.client()
        ident = victim.value('SELECT CONNECTION_ID()')
        self.assertRegex(self.run_tool(self.ADMIN, 'processlist'), rf'\| {ident} +\| app ')
        self.run_tool(self.ADMIN, 'kill', ident)
        with self.assertRaises((world.Gone, world.ServerError, OSError)):
            victim.value('SELECT 1')
        # one that is not there: the server's error
        out = self.run_tool(self.ADMIN, 'kill', '99999999', code=1)
        self.assertIn('Unknown thread id', out)

    @unittest.skipIf(world.STAND_IN, 'a plain server would stop')
    def test_what_is_not_for_clients(self):
        """Weir and its servers are not stopped, flushed or dropped into by a client's tool."""
        out = self.run_tool(self.ADMIN, 'shutdown', code=1)
        self.assertIn('shutdown failed', out.lower())
        self.assertEqual(self.run_tool(self.ADMIN, 'ping').strip(), 'mysqld is alive')

    def test_create_and_drop_are_answered(self):
        found, out = world.run([program(*self.ADMIN), '--no-defaults', '-h127.0.0.1', f'-P{self.port()}', '-uapp', '-papp', 'create', 'never_named'])
        self.assertTrue(found == 1 and 'CREATE DATABASE failed' in out or world.STAND_IN, out)

    def test_show(self):
        show = ['mariadb-show', 'mysqlshow']
        self.assertRegex(self.run_tool(show), r'\| shop +\|')
        out = self.run_tool(show, 'shop')
        self.assertRegex(out, r'\| customers +\|')
        self.assertNotRegex(out, r'customers_\d')
        self.assertRegex(self.run_tool(show, '--count', 'shop', 'cust%'), r'\| customers +\|')
        self.assertRegex(self.run_tool(show, '--keys', 'shop', 'customers'), r'\| customer_id +\|')
        self.assertRegex(self.run_tool(show, '--status', 'shop', 'customers'), r'\| customers +\| InnoDB')
        self.assertRegex(self.run_tool(show, 'shop', 'customers', 'name'), r'\| name +\|')

    def test_check_analyze_and_optimize(self):
        check = ['mariadb-check', 'mysqlcheck']
        tables = sorted(t for t, in self.client().rows('SHOW TABLES'))
        for options in (['--check'], ['--analyze'], ['--check', '--extended']):
            out = self.run_tool(check, *options, 'shop')
            said = dict(re.findall(r'^shop\.(\w+) +(\w.*)$', out, re.M))
            self.assertEqual(sorted(said), tables, out)
            self.assertEqual(set(said.values()) - {'OK', 'Table is already up to date'}, set(), out)
        out = self.run_tool(check, '--optimize', 'shop', 'customers')
        self.assertRegex(out, r'shop\.customers')
        self.assertRegex(out, r'status +: OK|OK$')


class Load(Tools):
    def test_mysqlslap(self):
        out = self.run_tool(['mariadb-slap', 'mysqlslap'], '--concurrency=4', '--iterations=2', '--number-of-queries=400', '--create-schema=shop',
                            '--no-drop', '--delimiter=;', '--query=SELECT name FROM customers WHERE customer_id = 3; SELECT COUNT(*) FROM orders')
        self.assertRegex(out, r'Average number of seconds to run all queries: [\d.]+ seconds')

    def sysbench(self, script, action, *options):
        return self.run_tool('sysbench', script, '--db-driver=mysql', '--mysql-host=127.0.0.1', f'--mysql-port={self.bench}', '--mysql-user=app',
                             '--mysql-password=app', '--mysql-db=sbtest', '--tables=2', '--table-size=2000', '--threads=4', *options, action,
                             credentials=False)

    def test_sysbench_with_prepared_statements(self):
        self.bench = self.loose()
        self.sysbench('oltp_read_write', 'cleanup')
        self.sysbench('oltp_read_write', 'prepare')
        try:
            with world.Client(self.bench, 'app', 'app', 'sbtest') as c:
                # Ids go on over DROP and CREATE here (the sequence stays): sysbench counts on 1 to 2000.
                dense = c.rows('SELECT MIN(id), MAX(id) FROM sbtest1') == [('1', '2000')]
                for script in ('oltp_point_select', 'oltp_read_write', 'oltp_read_only', 'oltp_update_index', 'oltp_insert', 'oltp_delete'):
                    with self.subTest(script=script):
                        before = int(c.value('SELECT COUNT(*) FROM sbtest1'))
                        out = self.sysbench(script, 'run', '--db-ps-mode=auto', '--time=2')
                        self.assertGreater(int(re.search(r'transactions:\s+(\d+)', out)[1]), 20, out)
                        self.assertNotIn('FATAL', out)
                        self.assertEqual(int(re.search(r'reconnects:\s+(\d+)', out)[1]), 0, out)
                        after = int(c.value('SELECT COUNT(*) FROM sbtest1'))
                        if script == 'oltp_read_write' and not dense:
                            self.assertGreaterEqual(after, before)
                        elif script in ('oltp_point_select', 'oltp_read_write', 'oltp_read_only', 'oltp_update_index'):
                            self.assertEqual(after, before)
                        elif script == 'oltp_insert':
                            self.assertGreater(after, before)
        finally:
            self.sysbench('oltp_read_write', 'cleanup')


class Interactive(Tools):
    """The client as a person uses it: at a terminal, with completion of names."""

    def typed(self, *lines, options=()):
        """What the client shows for lines typed at a terminal."""
        script = program('script')
        command = f'mariadb --no-defaults -h127.0.0.1 -P{self.port()} -uapp -papp {" ".join(options)} shop'
        done = subprocess.run([script, '-qec', command, '/dev/null'], input='\n'.join([*lines, 'quit', '']), text=True, errors='replace',
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, env=dict(os.environ, TERM='dumb'))
        if 'failed to create pseudo-terminal' in done.stdout:
            self.skipTest('this machine gives no terminal (devpts is not mounted)')
        return done.stdout.replace('\r', '')

    def test_commands(self):
        out = self.typed('SELECT COUNT(*) FROM customers;', 'status', 'use other', 'SELECT DATABASE();', 'connect shop', 'warnings', 'SELEC;')
        self.assertRegex(out, r'\|\s+20 \|')
        self.assertRegex(out, r'Current database:\s+shop')
        self.assertIn('Database changed', out)
        self.assertRegex(out, r'\| other +\|')
        self.assertRegex(out, r'Connection id: +\d+')
        self.assertIn('ERROR 1064 (42000)', out)

    def test_completion(self):
        out = self.typed('rehash', 'SELECT customers.cred\t FROM customers WHERE customer_id = 5;', options=['--auto-rehash'])
        self.assertIn('1000.00', out)

    def test_a_killed_session_comes_back(self):
        out = self.typed('KILL CONNECTION_ID();', 'SELECT DATABASE();', 'SELECT COUNT(*) FROM customers;')
        self.assertRegex(out, r'\|\s+20 \|')

    def test_mycli(self):
        home = os.path.join(world.home, 'mycli')
        os.makedirs(home, exist_ok=True)
        environment = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, LC_ALL='C.UTF-8', LANG='C.UTF-8')

        def mycli(*words):
            found, out = world.run([program('mycli'), '-h', '127.0.0.1', '-P', str(self.port()), '-u', 'app', '-p', 'app', '-D', 'shop', *words],
                                   env=environment)
            self.assertEqual(found, 0, out)
            return out
        self.assertIn('Ada', mycli('--csv', '-e', 'SELECT name FROM customers WHERE customer_id = 1'))
        self.assertIn('customers', mycli('-e', '\\dt'))
        self.assertIn('shop', mycli('-e', '\\l'))

    def test_mycli_completion(self):
        """What its completer asks for: databases, tables, columns, functions, users, procedures, the help topics."""
        program('mycli')
        questions = '''
            SHOW DATABASES; SHOW TABLES;
            select TABLE_NAME, COLUMN_NAME from information_schema.columns where table_schema = 'shop' order by table_name, ordinal_position;
            SELECT ROUTINE_NAME FROM INFORMATION_SCHEMA.ROUTINES WHERE ROUTINE_TYPE="FUNCTION" AND ROUTINE_SCHEMA = "shop";
            SELECT CONCAT("'", user, "'@'", host, "'") FROM mysql.user LIMIT 0; SELECT name from mysql.help_topic LIMIT 1;
            SELECT VERSION(); SELECT @@VERSION; SELECT @@VERSION_COMMENT; SHOW VARIABLES LIKE 'version';'''
        client = self.client()
        for sql in (s.strip() for s in questions.split(';') if s.strip()):
            replies = client.query(sql)
            if 'mysql.' in sql and isinstance(replies[-1], Err):
                self.assertIn(replies[-1].code, (1142, 1044, 1146), sql)      # as to a user without rights there
            else:
                self.assertIsInstance(replies[-1], Rows, f'{sql}: {replies[-1]}')


# ---- the GUI tools -------------------------------------------------------------------------------------------------

def without_cardinality(replies):
    """SHOW INDEX without its estimate of the number of values, which differs from server to server."""
    for reply in replies:
        if isinstance(reply, Rows):
            at = [c.name for c in reply.columns].index('Cardinality')
            reply.rows = [row[:at] + (None,) + row[at + 1:] for row in reply.rows]
    return replies


class Gui(world.Case):
    def setUp(self):
        super().setUp()
        world.shared()
        if test_differential.filled != world.generation:
            test_differential.fill()

    def play(self, steps):
        both, wrong = Both(), []
        self.addCleanup(both.close)
        for marks, _, sql in steps:
            got, want = both.weir.query(sql), both.plain.query(sql)
            found = []
            if 'more' in marks and isinstance(want[-1], Err):
                continue                                      # the plain server does not know it, Weir may
            if re.match(r'\s*show\s+(index|indexes|keys)\b', sql, re.I):
                want, got = without_cardinality(want), without_cardinality(got)
            if marks & {'answers', 'columns'} and isinstance(want[-1], Rows):
                if not isinstance(got[-1], Rows):
                    found = [f'expected: {want[-1]}', f'got:      {got[-1]}']
                elif [c.name for c in got[-1].columns] != [c.name for c in want[-1].columns]:
                    found = [f'columns: expected {[c.name for c in want[-1].columns]}, got {[c.name for c in got[-1].columns]}']
                elif 'answers' in marks and bool(got[-1].rows) != bool(want[-1].rows):
                    found = [f'{len(want[-1].rows)} rows on the plain server, {len(got[-1].rows)} came']
            elif marks & {'columns'} and isinstance(want[-1], Err):
                found = [] if isinstance(got[-1], Err) else [f'expected: {want[-1]}', f'got:      {got[-1]}']
            else:
                ordered = test_differential.is_ordered(sql, marks) and not sql.lower().startswith('show')
                found = same.differences(want, got, ordered, loosely=True)
            if found:
                wrong.append(f'{sql}\n' + '\n'.join('  ' + line for line in found))
            text = '\n'.join(str(row) for reply in got if isinstance(reply, Rows) for row in reply.rows)
            if re.search(r'\b(customers|orders|order_items|tickets|words)_\d\b|\bshop_\d\b', text):
                wrong.append(f'{sql}\n  a physical name in the answer')
        if wrong:
            self.fail(f'{len(wrong)} of {len(steps)} statements differ:\n' + '\n'.join(wrong))


for _path in sorted(glob.glob(os.path.join(test_differential.HERE, 'corpus/gui_*.sql'))):
    _members = {}
    for _number, (_name, _steps) in enumerate(read_corpus(_path), 1):
        _members[f'test_{_number}_{re.sub("[^a-z0-9]+", "_", _name.lower())}'] = lambda self, steps=_steps: self.play(steps)
    _word = 'Gui_' + os.path.basename(_path).removeprefix('gui_').removesuffix('.sql')
    globals()[_word] = type(_word, (Gui,), {'__module__': __name__, **_members})
del Gui, Tools
