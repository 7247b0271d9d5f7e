"""The process: start, stop, reload, log, and what `weir` says on the command line."""
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import unittest

import servers
import world
from wire import Client, Err, Gone, ServerError

BASE = '''weir:
  listen: 127.0.0.1:4406
users:
  app: {password: app}
sources:
  s0: {address: '127.0.0.1:4411', user: weir, password: weir}
  s1: {address: '127.0.0.1:4412', user: weir, password: weir}
schemas:
  shop:
    default_source: s0
    tables:
      a: {nodes: 's${0..1}.shop.a_${0..1}', shard_by: id, algorithm: {type: mod}}
      b: {nodes: 's${0..1}.shop.b_${0..1}', shard_by: id, algorithm: {type: mod}}
      c: {source: s1}
    groups:
      - [a, b]
'''


def weir(*arguments, **options):
    return world.run([world.BINARY, *arguments], **options)


@unittest.skipIf(world.STAND_IN, "Weir's own")
class CommandLine(world.Case):
    def rules(self, text, name='rules.yaml'):
        directory = os.path.join(world.home, 'command-line')
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, name)
        with open(path, 'w') as f:
            f.write(text)
        return path

    def test_version_and_help(self):
        code, out = weir('--version')
        self.assertEqual(code, 0)
        self.assertRegex(out, r'^weir \d+\.\d+\.\d+')
        for arguments in (['help'], ['--help']):
            code, out = weir(*arguments)
            self.assertEqual(code, 0, out)
            for word in ('serve', 'check', 'explain'):
                self.assertIn(word, out)

    def test_wrong_arguments(self):
        for arguments in ([], ['nonsense'], ['serve'], ['check'], ['explain'], ['serve', 'a', 'b', 'c'], ['--nonsense'], ['explain', self.rules(BASE)]):
            code, out = weir(*arguments)
            self.assertNotEqual(code, 0, arguments)
            self.assertIn('weir', out)
        for arguments in (['serve', '/nothing.yaml'], ['check', '/nothing.yaml'], ['check', '/'], ['explain', '/nothing.yaml', 'SELECT 1']):
            code, out = weir(*arguments)
            self.assertNotEqual(code, 0, arguments)
            self.assertIn(arguments[1], out)

    def test_check_prints_the_effective_model(self):
        code, out = weir('check', self.rules(BASE))
        self.assertEqual(code, 0, out)
        for word in ('max_packet', 'drain_timeout', 's0', 'shop', 'mod'):
            self.assertIn(word, out)
        self.assertNotIn('password: weir', out)

    def test_the_examples_pass(self):
        folder = os.path.join(world.home, 'examples')
        shutil.copytree(os.path.join(world.ROOT, 'conf/examples'), folder)
        code, out = world.run([os.path.join(world.ROOT, 'tools/testca'), os.path.join(folder, 'tls')])   # what tls.yaml names
        self.assertEqual(code, 0, out)
        paths = sorted(glob.glob(os.path.join(folder, '*.yaml')))
        self.assertGreater(len(paths), 5)
        for path in paths:
            with self.subTest(path=os.path.basename(path)):
                code, out = weir('check', path, cwd=world.ROOT)
                self.assertEqual(code, 0, out)

    def test_every_kind_of_fault(self):
        """(what is changed, into what, words of the message); each names file:line:column."""
        faults = [
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:99999', ['99999']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  nonsense: 1', ['nonsense']),
            ('  listen: 127.0.0.1:4406', '  workers: 2', ['listen']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  max_packet: many', ['max_packet', 'many']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  workers: 5000', ['workers']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  workers: -1', ['workers']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  transactions: xa', ['transactions', 'single', 'best_effort']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  wait_timeout: 5 parsecs', ['wait_timeout']),
            ('  listen: 127.0.0.1:4406', '  listen: 127.0.0.1:4406\n  listen: 127.0.0.1:4407', ['listen']),
            ('{password: app}', '{pasword: app}', ['pasword', 'password']),
            ('{password: app}', '{password: app, schemas: [nothing]}', ['nothing']),
            ('{password: app}', "{mysql_native_password: 'plain'}", ['mysql_native_password']),
            ('{password: app}', "{caching_sha2_password: 'plain'}", ['caching_sha2_password']),
            ('{password: app}', '{password_file: /nothing/at/all}', ['/nothing/at/all']),
            ("address: '127.0.0.1:4411', ", '', ['address']),
            ("'127.0.0.1:4411'", "'127.0.0.1:port'", ['port']),
            ('default_source: s0', 'default_source: s9', ['s9']),
            ("nodes: 's${0..1}.shop.a_${0..1}'", "nodes: 's${0..2}.shop.a_${0..1}'", ['s2']),
            ("nodes: 's${0..1}.shop.a_${0..1}'", "nodes: 's${1..0}.shop.a_${0..1}'", ['1..0']),
            ("nodes: 's${0..1}.shop.a_${0..1}'", "nodes: 's${0..1.shop.a'", ['${']),
            ("nodes: 's${0..1}.shop.a_${0..1}'", "nodes: ['s0.shop.a_0', 's0.shop.a_0', 's1.shop.a_0', 's1.shop.a_1']", ['a_0']),
            ("nodes: 's${0..1}.shop.b_${0..1}'", "nodes: 's${0..1}.shop.a_${0..1}'", ['a_0']),
            ("nodes: 's${0..1}.shop.b_${0..1}'", "nodes: 's${0..1}.shop.b_${0..2}'", ['b']),
            ("b: {nodes: 's${0..1}.shop.b_${0..1}', shard_by: id, algorithm: {type: mod}}", "b: {nodes: 's${0..1}.shop.b_${0..1}', shard_by: id, algorithm: {type: hash}}", ['b']),
            ('c: {source: s1}', 'c: {source: s9}', ['s9']),
            ('c: {source: s1}', 'c: {broadcast: [s0, s9]}', ['s9']),
            ('c: {source: s1}', 'c: {source: s1, broadcast: all}', ['broadcast']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}'}", ['shard_by']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id}", ['algorithm']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: nothing}", ['nothing']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: magic}}", ['magic', 'mod']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: mod, divisor: 3}}", ['3']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: range, boundaries: [0, 10]}}", ['boundaries']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: range, boundaries: [0, 10, 5]}}", ['5']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: range, ranges: [{from: 0, to: 10}, {from: 5, to: 20}]}}", ['overlap']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: range, ranges: [{from: 0, to: 10}, {from: 15, to: 20}]}}", ['gap']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: date, unit: week, from: 2024-01-01}}", ['week']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: date, unit: month, from: 2024-02-30}}", ['2024-02-30']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: list, shards: {0: [1], 1: [1]}}}", ['1']),
            ('c: {source: s1}', "c: {nodes: 's0.shop.c_${0..1}', shard_by: id, algorithm: {type: list, shards: {0: [1], 5: [2]}}}", ['5']),
            ('c: {source: s1}', 'c: {source: s1, generated: {column: id, sequence: nothing}}', ['nothing']),
            ('- [a, b]', '- [a, nothing]', ['nothing']),
            ('- [a, b]', '- [a, c]', ['c']),
            ('schemas:\n  shop:', 'schemas:\n  shop: [', ['rules.yaml']),
            ('default_source: s0', 'default_source: {s0: 1}', ['default_source']),
            ('    default_source: s0', '\tdefault_source: s0', ['rules.yaml']),
        ]
        for old, new, words in faults:
            with self.subTest(new=new):
                self.assertIn(old, BASE)
                path = self.rules(BASE.replace(old, new, 1))
                code, out = weir('check', path)
                self.assertEqual(code, 1, f'{new}\n{out}')
                self.assertRegex(out, re.escape(path) + r':\d+:\d+', new)
                for word in words:
                    self.assertIn(word.lower(), out.lower(), new)

    def test_all_faults_at_once(self):
        text = BASE.replace('default_source: s0', 'default_source: s9').replace('{password: app}', '{pasword: app}').replace('c: {source: s1}', 'c: {source: s8}')
        code, out = weir('check', self.rules(text))
        self.assertEqual(code, 1)
        for word in ('s9', 'pasword', 's8'):
            self.assertIn(word, out)

    def test_hostile_files(self):
        for name, text in (('empty', ''), ('list', '- 1\n- 2\n'), ('text', 'hello'), ('deep', '[' * 5000), ('bomb', 'a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nweir: *c\n'),
                           ('nul', 'weir:\0'), ('latin', 'weir: {listen: "\udce9"}'), ('nodes', BASE.replace("'s${0..1}.shop.a_${0..1}'", "'s${0..1}.shop.a_${0..999999999}'"))):
            with self.subTest(name=name):
                path = os.path.join(world.home, f'{name}.yaml')
                with open(path, 'wb') as f:
                    f.write(text.encode('utf-8', 'surrogateescape'))
                code, out = weir('check', path, timeout=30)
                self.assertEqual(code, 1, out[:500])
                self.assertIn(path, out)

    def test_explain(self):
        path = self.rules(BASE)
        code, out = weir('explain', path, 'SELECT * FROM a WHERE id = 5')
        self.assertEqual(code, 0, out)
        self.assertIn('a_1', out)
        self.assertIn('s0', out)
        code, out = weir('explain', path, 'SELECT * FROM a WHERE id IN (1, 2)', '--json')
        self.assertEqual(code, 0, out)
        self.assertIn('a_1', json.dumps(json.loads(out)))
        code, out = weir('explain', path, 'UPDATE a SET id = 1')
        self.assertIn('id', out)
        code, out = weir('explain', path, 'SELECT FROM a WHERE')
        self.assertNotEqual(code, 0)
        self.assertIn('1064', out)

    def test_serve_with_a_broken_file(self):
        path = self.rules(BASE.replace('default_source: s0', 'default_source: s9'))
        code, out = weir('serve', path, timeout=20)
        self.assertNotEqual(code, 0)
        self.assertIn('s9', out)
        self.assertRegex(out, re.escape(path) + r':\d+:\d+')


@unittest.skipIf(world.STAND_IN, "Weir's own")
class StartAndStop(world.Case):
    @classmethod
    def setUpClass(cls):
        with Client(world.shared().port, database='shop') as c:
            c.one('DROP TABLE IF EXISTS types_a')
            c.one('CREATE TABLE types_a (id INT PRIMARY KEY, v VARCHAR(40))')

    def setUp(self):
        super().setUp()
        c = self.client()
        c.one('DELETE FROM types_a')
        c.one("INSERT INTO types_a VALUES (0,'a'),(1,'b'),(2,'c')")

    def test_port_in_use(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            port = s.getsockname()[1]
            own = world.make(name='port', port=port)
            process = subprocess.run([own.binary, 'serve', own.rules], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                                     cwd=own.directory)
            world._weirs.remove(own)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(str(port), process.stdout)
        self.assertIn('in use', process.stdout)
        self.assertFalse(any(w in process.stdout for w in servers.SANITIZER_WORDS), process.stdout)

    def test_unix_socket_and_two_listeners(self):
        path = os.path.join(world.home, 'w.sock')
        own = self.weir(name='unix', replace={'listen: 127.0.0.1:': f'listen: ["unix:{path}", "[::1]:{world.free_ports(1)[0]}", "127.0.0.1:', '\n  workers: 2': '"]\n  workers: 2'})
        code, out = world.run(['mariadb', '--no-defaults', f'--socket={path}', '-uapp', '-papp', '-BN', '-e', 'SELECT 5'])
        self.assertEqual((code, out.strip()), (0, '5'))
        world.end(own)
        self.assertFalse(os.path.exists(path), 'the socket file goes with the process')

    def test_drain_lets_a_transaction_finish(self):
        own = self.weir(name='drain', weir='drain_timeout: 20s')
        idle, busy = self.client(port=own.port, database='shop', timeout=15), self.client(port=own.port, database='shop')
        busy.one('BEGIN')
        busy.one("UPDATE types_a SET v = 'drained' WHERE id = 0")
        own.terminate()
        try:
            while True:
                idle.read_bytes(1)                         # ends, perhaps after an error packet
        except Gone:
            pass
        world.wait_until(lambda: not servers.port_answers(own.port), 10, 'the end of listening')
        self.assertTrue(own.alive())
        busy.one("UPDATE types_a SET v = 'drained too' WHERE id = 1")
        busy.one('COMMIT')
        self.assertEqual(own.await_exit(15), 0)
        self.assertEqual(self.client().rows('SELECT v FROM types_a WHERE id IN (0, 1) ORDER BY id'), [('drained',), ('drained too',)])

    def test_drain_lets_a_statement_finish(self):
        own = self.weir(name='drain-statement', weir='drain_timeout: 20s')
        c = self.client(port=own.port, database='shop')
        c.send("SELECT SLEEP(2), 'drainme', v FROM types_a WHERE id = 0")
        world.wait_until(lambda: 'drainme' in world.shards['s0'].sql("SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'"), 10, 'the statement')
        own.terminate()
        self.assertEqual(c.reply().rows, [(b'0', b'drainme', b'a')])
        self.assertEqual(own.await_exit(15), 0)

    def test_drain_has_an_end(self):
        own = self.weir(name='drain-end', weir='drain_timeout: 300ms')
        c = self.client(port=own.port, database='shop')
        c.one('BEGIN')
        c.one("UPDATE types_a SET v = 'lost' WHERE id = 0")
        own.terminate()
        self.assertEqual(own.await_exit(15), 0)
        with self.assertRaises((Gone, ServerError)):
            c.value('SELECT 1')
        other = self.client()
        other.one('SET innodb_lock_wait_timeout = 10')
        other.one("UPDATE types_a SET v = CONCAT(v, '!') WHERE id = 0")
        self.assertEqual(other.value('SELECT v FROM types_a WHERE id = 0'), 'a!')

    def test_two_signals_end_at_once(self):
        own = self.weir(name='two-signals', weir='drain_timeout: 60s')
        c = self.client(port=own.port, database='shop')
        c.one('BEGIN')
        c.one("UPDATE types_a SET v = 'lost' WHERE id = 0")
        own.terminate()
        world.wait_until(lambda: not servers.port_answers(own.port), 10, 'the end of listening')
        own.terminate()
        own.await_exit(15)

    def reload(self, own, text):
        """Writes the file, sends SIGHUP, gives what the log says of it."""
        with open(own.rules, 'w') as f:
            f.write(text)
        before = len(own.output())
        own.hangup()
        return lambda: own.output()[before:]

    def test_reload(self):
        own = self.weir(name='reload')
        text = open(own.rules).read()
        c = self.client(port=own.port, database='shop')
        c.one('BEGIN')
        c.one("UPDATE types_a SET v = 'over the reload' WHERE id = 0")
        self.reload(own, text.replace('users:\n', 'users:\n  late: {password: late}\n'))

        def late():
            try:
                return Client(own.port, 'late', 'late', 'shop')
            except ServerError:
                return None
        new = world.wait_until(late, 15, 'the new user')
        self.assertEqual(new.value('SELECT COUNT(*) FROM types_a'), '3')
        new.close()
        c.one('COMMIT')
        self.assertEqual(c.value('SELECT v FROM types_a WHERE id = 0'), 'over the reload')

    def test_reload_of_tables(self):
        own = self.weir(name='reload-tables')
        text = open(own.rules).read()
        c = self.client(port=own.port, database='shop')
        self.assertEqual(c.error('SELECT * FROM types_c').code, 1146)
        self.reload(own, text.replace('      countries:', "      types_c: {nodes: 's${0..2}.shop.types_a_${0..1}', shard_by: id, algorithm: {type: mod}}\n      countries:")
                    .replace("      types_a: {nodes", "      types_z: {nodes").replace("shop.types_a_${0..1}', shard_by: id, algorithm: {type: mod}}\n      types_b", "shop.types_z_${0..1}', shard_by: id, algorithm: {type: mod}}\n      types_b")
                    .replace('[types_a, types_b]', '[types_z, types_b]'))
        world.wait_until(lambda: not isinstance(self.client(port=own.port, database='shop').query('SELECT * FROM types_c')[-1], Err), 15, 'the new table')
        self.assertEqual(self.client(port=own.port, database='shop').value('SELECT COUNT(*) FROM types_c'), '3')

    def test_reload_of_a_broken_file(self):
        own = self.weir(name='reload-broken')
        text = open(own.rules).read()
        c = self.client(port=own.port, database='shop')
        for broken, word in ((text.replace('default_source: s0', 'default_source: s9'), 's9'), ('nonsense: [', 'rules.yaml'), ('', 'rules.yaml')):
            said = self.reload(own, broken)
            world.wait_until(lambda: word in said(), 15, 'a word about the fault')
            self.assertEqual(c.value('SELECT COUNT(*) FROM types_a'), '3')
            self.client(port=own.port).value('SELECT 1')

    def test_many_reloads_under_load(self):
        own = self.weir(name='reloads')
        c = self.client(port=own.port, database='shop')
        for i in range(30):
            own.hangup()
            self.assertEqual(c.value('SELECT COUNT(*) FROM types_a'), '3')
            self.assertEqual(c.value('SELECT v FROM types_a WHERE id = 1'), 'b')


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Log(world.Case):
    def test_disk_full(self):
        own = self.weir(name='full', weir='log: {file: /dev/full, level: debug}')
        c = self.client(port=own.port)
        for _ in range(50):
            self.assertEqual(c.value('SELECT 1'), '1')

    def test_a_file_that_cannot_be_opened(self):
        own = world.make(name='log', weir='log: {file: /nothing/at/all.log}')
        world._weirs.remove(own)
        done = subprocess.run([own.binary, 'serve', own.rules], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, cwd=own.directory)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('/nothing/at/all.log', done.stdout)

    def test_lines(self):
        path = os.path.join(world.home, 'lines.log')
        own = self.weir(name='lines', weir=f'log: {{file: {path}}}\nslow_statement: 100ms')
        c = self.client(port=own.port)
        c.one('SELECT SLEEP(0.2) AS slow')
        world.wait_until(lambda: 'SLEEP' in open(path).read(), 10, 'the slow statement')
        line = next(line for line in open(path) if 'SLEEP' in line)
        self.assertIn(str(c.connection_id), line, 'the session is named')

    def test_json(self):
        path = os.path.join(world.home, 'json.log')
        own = self.weir(name='json', weir=f'log: {{file: {path}, format: json, level: debug}}\nslow_statement: 100ms')
        c = self.client(port=own.port)
        c.one('SELECT SLEEP(0.2) AS "a \\"quoted\\" \\n name"'.replace('"a', "'a").replace('name"', "name'"))
        try:
            Client(own.port, 'someone "odd" \\', 'x')
        except ServerError:
            pass
        world.wait_until(lambda: 'SLEEP' in open(path).read(), 10, 'the slow statement')
        for line in open(path):
            json.loads(line)

    def test_reopened_at_sighup(self):
        """So that logrotate can move it."""
        path = os.path.join(world.home, 'rotate.log')
        own = self.weir(name='rotate', weir=f'log: {{file: {path}}}')
        world.wait_until(lambda: os.path.exists(path), 10, 'the log')
        os.rename(path, path + '.1')
        own.hangup()
        world.wait_until(lambda: os.path.exists(path), 10, 'the new log')


@unittest.skipIf(world.STAND_IN, "Weir's own")
class Administration(world.Case):
    @classmethod
    def setUpClass(cls):
        with Client(world.shared().port, database='shop') as c:
            c.one('DROP TABLE IF EXISTS types_a')
            c.one('CREATE TABLE types_a (id INT PRIMARY KEY, v VARCHAR(40))')

    def test_explain_route(self):
        c = self.client()
        one = '\n'.join(' '.join(filter(None, row)) for row in c.rows('EXPLAIN ROUTE SELECT * FROM types_a WHERE id = 3'))
        self.assertIn('types_a_1', one)
        self.assertIn('s1', one)
        self.assertNotIn('types_a_0', one)
        every = '\n'.join(' '.join(filter(None, row)) for row in c.rows('EXPLAIN ROUTE SELECT * FROM types_a ORDER BY v LIMIT 5'))
        for source in ('s0', 's1', 's2'):
            self.assertIn(source, every)
        refused = '\n'.join(' '.join(filter(None, row)) for row in c.rows('EXPLAIN ROUTE UPDATE types_a SET id = 2'))
        self.assertIn('id', refused)
        self.assertEqual(c.value('SELECT COUNT(*) FROM types_a'), '0', 'nothing is run')
        c.one("EXPLAIN ROUTE INSERT INTO types_a VALUES (1, 'x')")
        self.assertEqual(c.value('SELECT COUNT(*) FROM types_a'), '0', 'nothing is run')

    def test_show_weir_status_and_sources(self):
        c = self.client()
        before = dict((r[0], r[1]) for r in c.rows('SHOW WEIR STATUS'))
        self.assertGreater(len(before), 10)
        sources = c.one('SHOW WEIR SOURCES')
        self.assertEqual([row[0].decode() for row in sources.rows], ['s0', 's1', 's2'])
        self.assertTrue(all(any('127.0.0.1' in (v or b'').decode() for v in row) for row in sources.rows))

    def test_scatter_denied(self):
        own = self.weir(name='deny', weir='scatter: deny')
        c = self.client(port=own.port, database='shop')
        for sql in ('SELECT * FROM types_a', 'SELECT COUNT(*) FROM types_a', "UPDATE types_a SET v = 'x'", 'DELETE FROM types_a'):
            self.assert_error(c, sql, 1235, 'scatter')
        self.assertEqual(c.rows('SELECT * FROM types_a WHERE id = 1'), [])
