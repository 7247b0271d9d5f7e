"""Who may log in, by which plugin, and what the others are told."""
import hashlib
import os
import re
import time
import unittest

import pymysql

import world
from wire import Client, Gone, ServerError


def native_hash(password):
    return '*' + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def sha2_hash(password, salt, rounds=5000):
    """authentication_string of caching_sha2_password: SHA-crypt (Drepper, 2007) with a salt of 20 bytes."""
    pw, n = password.encode(), len(password.encode())
    b = hashlib.sha256(pw + salt + pw).digest()
    a = hashlib.sha256(pw + salt)
    a.update((b * (n // 32 + 1))[:n])
    bits = n
    while bits:
        a.update(b if bits & 1 else pw)
        bits >>= 1
    a = a.digest()
    p = (hashlib.sha256(pw * n).digest() * (n // 32 + 1))[:n]
    s = (hashlib.sha256(salt * (16 + a[0])).digest() * (len(salt) // 32 + 1))[:len(salt)]
    for i in range(rounds):
        c = hashlib.sha256(p if i & 1 else a)
        if i % 3:
            c.update(s)
        if i % 7:
            c.update(p)
        c.update(a if i & 1 else p)
        a = c.digest()
    letters = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    out = ''
    for x, y, z in ((0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17),
                    (18, 28, 8), (9, 19, 29)):
        w = a[x] << 16 | a[y] << 8 | a[z]
        for _ in range(4):
            out += letters[w & 63]
            w >>= 6
    w = a[31] << 8 | a[30]
    for _ in range(3):
        out += letters[w & 63]
        w >>= 6
    return f'$A$005${salt.decode()}{out}'


SALT = b'k7Qp2XwZ9aLm4RtY6bNc'


@unittest.skipIf(world.STAND_IN, "accounts of Weir's own")
class Accounts(world.Case):
    @classmethod
    def setUpClass(cls):
        world.shared()                                  # makes the databases
        os.makedirs(os.path.join(world.home, 'secrets'), exist_ok=True)
        path = os.path.join(world.home, 'secrets/file.pw')
        with open(path, 'w') as f:
            f.write('from a file\n')
        os.chmod(path, 0o600)
        cls.proxy = world.make(name='auth', users=f'''
            hashed: {{mysql_native_password: '{native_hash("old secret")}'}}
            modern: {{caching_sha2_password: '{sha2_hash("new secret", SALT)}'}}
            modern2: {{caching_sha2_password: '{sha2_hash("new secret", SALT[::-1])}'}}
            filed: {{password_file: {path}}}
            few: {{password: few, max_connections: 2}}
            'näme': {{password: 'pässwörd ✓'}}''')
        cls.proxy.start()

    @classmethod
    def tearDownClass(cls):
        world.end(cls.proxy)

    def login(self, user, password, database=None, **options):
        return self.client(user, password, database, port=self.proxy.port, **options)

    def denied(self, user, password, code, words, database=None, **options):
        with self.assertRaises(ServerError) as caught:
            self.login(user, password, database, **options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        self.assertIn(words, caught.exception.message)
        return caught.exception

    def test_plain_password_by_both_plugins(self):
        for plugin in ('mysql_native_password', 'caching_sha2_password'):
            c = self.login('app', 'app', 'shop', plugin=plugin)
            self.assertEqual(c.value('SELECT DATABASE()'), 'shop')

    def test_native_hash(self):
        for plugin in (None, 'mysql_native_password', 'caching_sha2_password'):
            c = self.login('hashed', 'old secret', plugin=plugin)
            self.assertEqual(c.used_plugin, 'mysql_native_password')
            self.assertEqual(c.value('SELECT 1'), '1')

    def test_sha2_hash_full_exchange_then_fast_path(self):
        first = self.login('modern2', 'new secret', plugin='caching_sha2_password')
        self.assertTrue(first.full_exchange, 'the first log-in needs the RSA exchange')
        second = self.login('modern2', 'new secret', plugin='caching_sha2_password')
        self.assertFalse(second.full_exchange, 'the second log-in is answered from the cache')
        switched = self.login('modern2', 'new secret', plugin='mysql_native_password')
        self.assertEqual(switched.used_plugin, 'caching_sha2_password')
        for c in (first, second, switched):
            self.assertEqual(c.value('SELECT 1'), '1')

    def test_sha2_wrong_password_after_a_right_one(self):
        self.login('modern', 'new secret', plugin='caching_sha2_password')
        self.denied('modern', 'new secre', 1045, "Access denied for user 'modern'@", plugin='caching_sha2_password')
        self.denied('modern', '', 1045, '(using password: NO)', plugin='caching_sha2_password')

    def test_password_file(self):
        self.assertEqual(self.login('filed', 'from a file').value('SELECT 1'), '1')
        self.denied('filed', 'from a file\n', 1045, 'Access denied')

    def test_no_password(self):
        self.assertEqual(self.login('nobody', '').value('SELECT 1'), '1')
        self.denied('nobody', 'x', 1045, '(using password: YES)')

    def test_names_and_passwords_beyond_ascii(self):
        self.assertEqual(self.login('näme', 'pässwörd ✓').value('SELECT 1'), '1')

    def test_wrong_password(self):
        for plugin in ('mysql_native_password', 'caching_sha2_password'):
            e = self.denied('app', 'wrong', 1045, "Access denied for user 'app'@", plugin=plugin)
            self.assertEqual(e.state, '28000')
            self.assertIn('(using password: YES)', e.message)
            self.denied('app', '', 1045, '(using password: NO)', plugin=plugin)

    def test_unknown_user_is_told_the_same(self):
        for plugin in ('mysql_native_password', 'caching_sha2_password'):
            e = self.denied('stranger', 'x', 1045, "Access denied for user 'stranger'@", plugin=plugin)
            self.assertEqual(e.state, '28000')
        self.denied('', '', 1045, "Access denied for user ''@")

    def test_unknown_database(self):
        e = self.denied('app', 'app', 1049, "Unknown database 'nothing'", database='nothing')
        self.assertEqual(e.state, '42000')

    def test_a_schema_that_the_user_may_not_use(self):
        self.denied('shopper', 'shopper', 1044, 'other', database='other')
        c = self.login('shopper', 'shopper', 'shop')
        self.assert_error(c, 'USE other', 1044, 'other')
        self.assertEqual(c.value('SELECT DATABASE()'), 'shop')
        err = c.error('SELECT * FROM other.t')
        self.assertIn(err.code, (1044, 1142), err)
        self.assertNotIn(('other',), c.rows('SHOW DATABASES'))
        self.assertIn(('shop',), c.rows('SHOW DATABASES'))

    def test_connections_of_one_user(self):
        a, b = self.login('few', 'few'), self.login('few', 'few')
        e = self.denied('few', 'few', 1203, 'few')
        self.assertEqual(e.state, '42000')
        self.login('app', 'app')                        # others are not concerned
        a.quit()

        def again():
            try:
                return self.login('few', 'few')
            except ServerError:
                return None
        world.wait_until(again, 10, 'a place for the user')
        self.assertEqual(b.value('SELECT 1'), '1')

    def test_change_user(self):
        c = self.login('app', 'app', 'shop')
        c.one("SET @a = 1, sql_mode = 'ANSI_QUOTES'")
        c.change_user('shopper', 'shopper', 'shop')
        self.assertEqual(c.rows("SELECT @a, USER() LIKE 'shopper@%', @@sql_mode LIKE '%ANSI_QUOTES%', DATABASE()"),
                         [(None, '1', '0', 'shop')])
        with self.assertRaises((ServerError, Gone)) as caught:
            c.change_user('app', 'wrong', 'shop')
        if isinstance(caught.exception, ServerError):
            self.assertEqual(caught.exception.code, 1045)

    def test_change_user_without_a_database(self):
        c = self.login('app', 'app', 'shop')
        c.change_user('app', 'app')
        self.assertIsNone(c.value('SELECT DATABASE()'))

    def test_mariadb_client(self):
        for user, password in (('app', 'app'), ('hashed', 'old secret'), ('modern', 'new secret')):
            # The client's sha2 plugin asks for the key only over TLS or with a key file: the account is warmed first, and
            # its fast path is what the stock client then uses.
            if user == 'modern':
                self.login('modern', 'new secret', plugin='caching_sha2_password')
            code, out = world.run(['mariadb', '--no-defaults', '-h127.0.0.1', f'-P{self.proxy.port}', f'-u{user}',
                                   f'-p{password}', '-BN', '-e', 'SELECT 1'])
            self.assertEqual((code, out.strip()), (0, '1'))
        code, out = world.run(['mariadb', '--no-defaults', '-h127.0.0.1', f'-P{self.proxy.port}', '-uapp', '-pwrong', '-e', 'SELECT 1'])
        self.assertEqual(code, 1)
        self.assertTrue(re.search(r"ERROR 1045 \(28000\): Access denied for user 'app'@'[^']*' \(using password: YES\)", out), out)

    def test_pymysql(self):
        for user, password in (('app', 'app'), ('hashed', 'old secret'), ('modern', 'new secret')):
            c = pymysql.connect(host='127.0.0.1', port=self.proxy.port, user=user, password=password)
            with c.cursor() as cursor:
                cursor.execute('SELECT 1')
                self.assertEqual(cursor.fetchall(), ((1,),))
            c.close()
        with self.assertRaises(pymysql.err.OperationalError) as caught:
            pymysql.connect(host='127.0.0.1', port=self.proxy.port, user='app', password='wrong')
        self.assertEqual(caught.exception.args[0], 1045)

    def test_no_secret_in_the_log(self):
        for plugin in ('mysql_native_password', 'caching_sha2_password'):
            try:
                Client(self.proxy.port, 'app', 'wrong pass word', plugin=plugin)
            except ServerError:
                pass
        text = self.proxy.output()
        for secret in ('old secret', 'new secret', 'from a file', 'wrong pass word', native_hash('old secret')):
            self.assertNotIn(secret, text)


ED25519_SECRET = 'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY'     # the public key of the password `secret`


@unittest.skipIf(world.STAND_IN, "accounts of Weir's own")
class Hosts(world.Case):
    """Where clients come from, and those that guess."""
    @classmethod
    def setUpClass(cls):
        world.shared()
        cls.socket = os.path.join(world.home, 'hosts.sock')
        port = world.free_ports(1)[0]
        cls.proxy = world.make(name='hosts', port=port, weir=f"""
            failed_logins: 3
            failed_login_delay: 700ms""", users=f"""
            ed: {{client_ed25519: {ED25519_SECRET}}}
            sha: {{caching_sha2_password: '{sha2_hash("new secret", SALT)}'}}
            inside: {{password: inside, allow: [127.0.0.0/8, '::1']}}
            outside: {{password: outside, allow: 10.0.0.0/8}}
            banned: {{password: banned, deny: 127.0.0.1}}
            local: {{password: local, allow: unix}}""",
                               replace={f'listen: 127.0.0.1:{port}': f"listen: ['127.0.0.1:{port}', 'unix:{cls.socket}']"})
        cls.proxy.start()

    @classmethod
    def tearDownClass(cls):
        world.end(cls.proxy)

    def setUp(self):
        super().setUp()
        self.login('app', 'app')                        # a good login: nothing is counted any more

    def login(self, user, password, **options):
        return self.client(user, password, None, port=self.proxy.port, **options)

    def mariadb(self, user, password, *options):
        return world.run(['mariadb', '--no-defaults', f'-u{user}', f'-p{password}', '-BN', '-e', 'SELECT 6*7', *options])

    def tcp(self):
        return '-h127.0.0.1', f'-P{self.proxy.port}'

    def delayed(self):
        rows = self.login('app', 'app').rows('SHOW WEIR STATUS')
        return int(next(r[1] for r in rows if r[0] == 'logins_delayed'))

    def test_ed25519(self):
        for options in ((), ('--default-auth=client_ed25519',), ('--default-auth=mysql_native_password',)):
            self.assertEqual(self.mariadb('ed', 'secret', *self.tcp(), *options), (0, '42\n'), options)
            code, out = self.mariadb('ed', 'wrong', *self.tcp(), *options)
            self.assertEqual(code, 1)
            self.assertIn("ERROR 1045 (28000): Access denied for user 'ed'@", out)
        # a user with a plain password may be checked by it too
        self.assertEqual(self.mariadb('app', 'app', *self.tcp(), '--default-auth=client_ed25519'), (0, '42\n'))

    def test_unix_socket(self):
        """As safe as TLS: caching_sha2 sends the password itself, without a key."""
        for user, password in (('app', 'app'), ('sha', 'new secret'), ('ed', 'secret'), ('local', 'local')):
            self.assertEqual(self.mariadb(user, password, f'--socket={self.socket}', '--skip-ssl'), (0, '42\n'), user)

    def test_allow_and_deny(self):
        self.assertEqual(self.login('inside', 'inside').value('SELECT 1'), '1')
        for user in ('outside', 'banned', 'local'):
            for password in (user, 'wrong'):            # the password does not matter, and is not tried
                with self.assertRaises(ServerError) as caught:
                    self.login(user, password)
                self.assertEqual(caught.exception.code, 1130)
                self.assertRegex(caught.exception.message, "^Host '.*' is not allowed to connect to this MySQL server$")
        code, out = self.mariadb('inside', 'inside', f'--socket={self.socket}')
        self.assertEqual(code, 1)
        self.assertIn('ERROR 1130', out)
        self.assertIn('not from there (allow, deny)', self.proxy.output())

    def failed(self, n):
        for _ in range(n):
            with self.assertRaises(ServerError) as caught:
                self.login('app', 'wrong', plugin='mysql_native_password')
            self.assertEqual(caught.exception.code, 1045)

    def test_guessers_wait(self):
        start = time.monotonic()
        self.failed(3)
        self.assertLess(time.monotonic() - start, 0.6)
        for good in (False, True):                      # a good login waits as well, and ends it
            start = time.monotonic()
            if good:
                self.login('app', 'app')
            else:
                self.failed(1)
            self.assertGreaterEqual(time.monotonic() - start, 0.65)
        start = time.monotonic()
        self.login('app', 'app')
        self.failed(2)
        self.assertLess(time.monotonic() - start, 0.6)

    def test_others_go_on_while_guessers_wait(self):
        c = self.login('app', 'app', timeout=5)
        before = self.delayed()
        self.failed(3)
        waiting = [Client(self.proxy.port, 'app', login=False) for _ in range(8)]
        self.clients += waiting
        for w in waiting:
            w.greeting()
            w.password = 'wrong'
            w.write(w.response(None))
        start = time.monotonic()
        for _ in range(20):
            self.assertEqual(c.value('SELECT 1'), '1')
        self.assertLess(time.monotonic() - start, 0.6)  # no worker sleeps
        for w in waiting:
            with self.assertRaises(ServerError) as caught:
                w.finish_auth()
            self.assertEqual(caught.exception.code, 1045)
        self.assertGreaterEqual(self.delayed() - before, 8)

    def test_a_guesser_that_leaves(self):
        self.failed(3)
        for _ in range(40):                             # more than may wait: their places are free again when they go
            c = Client(self.proxy.port, 'app', login=False)
            c.greeting()
            c.password = 'wrong'
            c.write(c.response(None))
            c.close()
        world.wait_until(lambda: self.failed(1) is None, 20, 'an answer')


@unittest.skipIf(world.STAND_IN, "Weir's own log-ins to servers")
class Servers(world.Case):
    """By which methods Weir logs in to a server."""
    def through(self, user):
        rules = f"""
weir: {{listen: '127.0.0.1:@port@'}}
users: {{app: {{password: app}}}}
sources: {{s0: {{address: '127.0.0.1:{world.shards["s0"].port}', user: {user}, password: secret}}}}
schemas: {{other: {{default_source: s0}}}}"""
        weir = world.make(text=rules, name='login')
        self.addCleanup(world.end, weir)
        weir.start()
        return self.client('app', 'app', 'other', port=weir.port), weir

    def test_ed25519_of_a_server(self):
        world.shared()
        box = world.shards['s0']
        box.sql("""INSTALL SONAME 'auth_ed25519';
                   CREATE OR REPLACE USER wed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret');
                   CREATE OR REPLACE USER wnative@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret');
                   GRANT ALL ON *.* TO wed@'%', wnative@'%'""")
        self.addCleanup(box.sql, "DROP USER wed@'%', wnative@'%'; UNINSTALL SONAME 'auth_ed25519'")
        for user in ('wed', 'wnative'):
            c, weir = self.through(user)
            self.assertEqual(c.value('SELECT COUNT(*) FROM information_schema.TABLES WHERE 1 = 0'), '0')
            self.assertNotIn('cannot be read', weir.output())   # the control connections log in as well
            self.assertIn((user,), self.direct('s0').rows(f"SELECT user FROM information_schema.PROCESSLIST WHERE user = '{user}'"))
