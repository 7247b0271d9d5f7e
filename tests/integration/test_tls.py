"""TLS on both sides: who is let in, what is checked, what is told when it fails, and certificates replaced under running sessions."""
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest

import pymysql

import servers
import wire
import world
from wire import Client, Gone, ServerError
from world import wait_until

CA = None      # folder with the test certificates, made once


def certificates():
    global CA
    if CA is None:
        folder = os.path.join(world.home, 'ca')
        done = subprocess.run([os.path.join(world.ROOT, 'tools/testca'), folder], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        CA = folder
    return CA


def pem(name):
    return os.path.join(certificates(), name)


def serial(der):
    done = subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', '-serial'], input=der, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip()


def serial_of(name):
    return serial(ssl.PEM_cert_to_DER_cert(open(pem(name)).read()))


def context(certificate=None, version=None, ca='ca.pem', check=True):
    x = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    x.check_hostname = check
    x.verify_mode = ssl.CERT_REQUIRED if check else ssl.CERT_NONE
    if check:
        x.load_verify_locations(pem(ca))
    if certificate:
        x.load_cert_chain(pem(certificate), pem(certificate.replace('.pem', '.key')))
    if version:
        x.minimum_version = x.maximum_version = version
    return x


class TlsClient(Client):
    """The test client over TLS. `tear`: every byte of the handshake travels alone."""
    def __init__(self, port, *args, tls=None, session=None, tear=False, name='localhost', **options):
        self.tls, self.session, self.tear, self.name = tls or context(), session, tear, name
        super().__init__(port, *args, **options)

    def login(self, database):
        self.greeting()
        assert self.server_capabilities & wire.SSL, 'TLS is not offered'
        self.capabilities |= wire.SSL
        caps = self.capabilities & (self.server_capabilities | wire.CONNECT_WITH_DB)
        if database is not None:
            caps |= wire.CONNECT_WITH_DB
        request = struct.pack('<IIB23x', caps, 1 << 30, self.charset)
        first = len(request).to_bytes(3, 'little') + bytes([self.sequence]) + request
        self.sequence += 1
        if self.tear:
            self.torn_handshake(first)
        else:
            self.send_raw(first)
            self.socket = self.tls.wrap_socket(self.socket, server_hostname=self.name, session=self.session)
        self.write(self.response(database))
        self.finish_auth()

    def torn_handshake(self, first):
        """The hello comes in one segment with the request for TLS; everything after it byte by byte."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = self.tls.wrap_bio(incoming, outgoing, server_hostname=self.name)
        raw, together = self.socket, first
        while True:
            try:
                engine.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            data = outgoing.read()
            if together:
                raw.sendall(together + data)
                together = b''
            else:
                for i in range(len(data)):
                    raw.sendall(data[i:i + 1])
            if done:
                break
            incoming.write(raw.recv(65536))
        self.socket = Torn(raw, engine, incoming, outgoing)


class Torn:
    """A socket over a TLS engine whose ciphertext travels byte by byte."""
    def __init__(self, raw, engine, incoming, outgoing):
        self.raw, self.engine, self.incoming, self.outgoing = raw, engine, incoming, outgoing

    def sendall(self, data):
        self.engine.write(data)
        for byte in self.outgoing.read():
            self.raw.sendall(bytes([byte]))

    def recv(self, n):
        while True:
            try:
                return self.engine.read(n)
            except ssl.SSLWantReadError:
                more = self.raw.recv(1)
                if not more:
                    return b''
                self.incoming.write(more)

    def settimeout(self, t):
        self.raw.settimeout(t)

    def close(self):
        self.raw.close()


def rules_lines(certificate='server.pem', ca=True):
    lines = f'tls: {{certificate: {pem(certificate)}, key: {pem(certificate.replace(".pem", ".key"))}'
    return lines + (f', ca: {pem("ca.pem")}' if ca else '') + '}'


USERS = '''
    secure: {password: secure, require_tls: yes}
    known: {password: known, require_tls: certificate}'''


@unittest.skipIf(world.STAND_IN, "Weir's own TLS")
class Clients(world.Case):
    @classmethod
    def setUpClass(cls):
        world.shared()
        cls.proxy = world.make(name='tls', weir=rules_lines(), users=USERS)
        cls.proxy.start()

    @classmethod
    def tearDownClass(cls):
        world.end(cls.proxy)

    def tls(self, user='app', password='app', database='shop', **options):
        c = TlsClient(self.proxy.port, user, password, database, **options)
        self.clients.append(c)
        return c

    def test_versions_and_ciphers(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            c = self.tls(tls=context(version=version))
            self.assertEqual(c.socket.version(), {ssl.TLSVersion.TLSv1_2: 'TLSv1.2', ssl.TLSVersion.TLSv1_3: 'TLSv1.3'}[version])
            self.assertEqual(c.value('SELECT DATABASE()'), 'shop')
            self.assertRegex(c.socket.cipher()[0], 'GCM|CHACHA20')

    def test_old_versions_are_refused(self):
        done = world.run(['openssl', 's_client', '-starttls', 'mysql', '-connect', f'127.0.0.1:{self.proxy.port}', '-tls1_1',
                          '-cipher', 'ALL:@SECLEVEL=0'])
        self.assertNotEqual(done[0], 0)
        wait_until(lambda: 'TLS 1.2 and 1.3' in self.proxy.output(), 5, 'a word in the log about the version')

    def test_openssl_client_trusts_the_certificate(self):
        code, out = world.run(['openssl', 's_client', '-starttls', 'mysql', '-connect', f'127.0.0.1:{self.proxy.port}', '-CAfile', pem('ca.pem'),
                               '-verify_return_error', '-verify_hostname', 'weir.test'])
        self.assertIn('Verify return code: 0 (ok)', out)
        self.assertIn('Weir test CA', out)                 # the list of authorities for client certificates
        self.assertEqual(code, 0)

    def test_both_plugins(self):
        for plugin in ('mysql_native_password', 'caching_sha2_password'):
            c = self.tls(plugin=plugin)
            self.assertEqual(c.value('SELECT 1'), '1')

    def test_statements_and_long_values(self):
        c = self.tls()
        c.one('DROP TABLE IF EXISTS tls_big')
        c.one('CREATE TABLE tls_big (id INT PRIMARY KEY, v LONGBLOB)')
        text = bytes(range(97, 123)) * 400000                # 10 MB
        for i in range(3):
            c.one(b'INSERT INTO tls_big VALUES (%d, \'%s\')' % (i, text[:(i + 1) * 3000000]))
        self.assertEqual([r[0] for r in c.rows('SELECT LENGTH(v) FROM tls_big ORDER BY id')], ['3000000', '6000000', '9000000'])
        got = c.rows('SELECT id, v FROM tls_big ORDER BY id')
        self.assertEqual([len(r[1]) for r in got], [3000000, 6000000, 9000000])
        self.assertEqual(got[2][1].encode() if isinstance(got[2][1], str) else got[2][1], text[:9000000])
        c.one('DROP TABLE tls_big')

    def test_forty_megabytes_each_way(self):
        c = self.tls(timeout=120)
        c.one('SET @v = 1')
        text = b'x' * 40_000_000
        self.assertEqual(c.value(b"SELECT LENGTH('%s')" % text), '40000000')
        value = c.value("SELECT REPEAT('y', 40000000)")
        self.assertEqual((len(value), set(value)), (40_000_000, {'y'}))

    def test_torn_into_bytes(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            c = self.tls(tls=context(version=version), tear=True)
            self.assertEqual(c.value('SELECT 1 + 1'), '2')

    def test_sessions_are_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            x = context('client.pem', version=version)
            first = self.tls('known', 'known', tls=x)
            first.value('SELECT 1')
            again = self.tls('known', 'known', tls=x, session=first.socket.session)
            self.assertTrue(again.socket.session_reused)
            self.assertEqual(again.value('SELECT 2'), '2', 'the certificate counts in a resumed session too')

    def test_require_tls(self):
        self.assertEqual(self.tls('secure', 'secure').value('SELECT 1'), '1')
        with self.assertRaises(ServerError) as e:
            self.client('secure', 'secure', port=self.proxy.port)
        self.assertEqual(e.exception.code, 1045)
        self.assertEqual(self.client('app', 'app', port=self.proxy.port).value('SELECT 1'), '1', 'others may come without')

    def test_require_certificate(self):
        for name in ('client.pem', 'client-ec.pem'):
            self.assertEqual(self.tls('known', 'known', tls=context(name)).value('SELECT 1'), '1')
        for options in ({}, {'tls': context(check=False)}):
            with self.assertRaises(ServerError) as e:
                self.tls('known', 'known', **options)
            self.assertEqual(e.exception.code, 1045)

    def test_bad_client_certificates_end_the_handshake(self):
        for name, words in (('client-foreign.pem', 'unable to get local issuer certificate'), ('client-expired.pem', 'certificate has expired')):
            with self.assertRaises((ssl.SSLError, Gone, ConnectionError, OSError)):
                self.tls('known', 'known', tls=context(name))
            wait_until(lambda: words in self.proxy.output(), 5, f'"{words}" in the log')

    def test_pymysql(self):
        c = pymysql.connect(host='127.0.0.1', port=self.proxy.port, user='known', password='known', database='shop',
                            ssl={'ca': pem('ca.pem'), 'cert': pem('client.pem'), 'key': pem('client.key'), 'check_hostname': True})
        with c, c.cursor() as cur:
            cur.execute('SELECT %s, %s', ('ä', 7))
            self.assertEqual(cur.fetchall(), (('ä', 7),))
        with self.assertRaises(pymysql.err.OperationalError):
            pymysql.connect(host='127.0.0.1', port=self.proxy.port, user='app', password='app', ssl={'ca': pem('other-ca.pem')})

    def mariadb(self, *options, sql='SELECT 7*6', user='app'):
        return world.run(['mariadb', '--no-defaults', '-h', '127.0.0.1', '-P', str(self.proxy.port), '-u', user, f'-p{user}', '-N', '-e', sql, *options])

    def test_mariadb_program(self):
        self.assertEqual(self.mariadb('--ssl'), (0, '42\n'))
        self.assertEqual(self.mariadb(f'--ssl-ca={pem("ca.pem")}', '--ssl-verify-server-cert'), (0, '42\n'))
        self.assertEqual(self.mariadb(f'--ssl-ca={pem("ca.pem")}', f'--ssl-cert={pem("client.pem")}', f'--ssl-key={pem("client.key")}', user='known'), (0, '42\n'))
        code, out = self.mariadb(f'--ssl-ca={pem("other-ca.pem")}', '--ssl-verify-server-cert')
        self.assertNotEqual(code, 0)
        self.assertIn('self-signed certificate in certificate chain', out)
        wait_until(lambda: 'refused our certificate' in self.proxy.output(), 5, 'a word in the log about the refused certificate')
        code, out = self.mariadb('--skip-ssl', user='secure')
        self.assertNotEqual(code, 0)

    def test_status_tells_the_cipher(self):
        c = self.tls(tls=context(version=ssl.TLSVersion.TLSv1_3))
        shown = dict(c.rows("SHOW STATUS LIKE 'Ssl_%'"))
        self.assertEqual(shown.get('Ssl_version'), 'TLSv1.3')
        self.assertEqual(shown.get('Ssl_cipher'), c.socket.cipher()[0])

    def raw(self):
        """A socket with the greeting read and the request for TLS sent."""
        c = Client(self.proxy.port, login=False)
        self.clients.append(c)
        c.greeting()
        request = struct.pack('<IIB23x', wire.USUAL | wire.SSL, 1 << 30, 45)
        c.send_raw(len(request).to_bytes(3, 'little') + b'\x01' + request)
        return c

    def ends(self, c):
        c.socket.settimeout(10)
        try:
            while c.socket.recv(65536):
                pass
        except ConnectionError:
            pass

    def test_what_is_no_tls_ends_the_connection(self):
        for data in (b'\x05\x00\x00\x02hello', b'GET / HTTP/1.0\r\n\r\n', b'\x16\x03\x01\xff\xff' + b'\0' * 70000, os.urandom(500)):
            c = self.raw()
            c.send_raw(data)
            self.ends(c)
        self.assertEqual(self.tls().value('SELECT 1'), '1')

    def test_login_in_clear_behind_the_request_is_not_read(self):
        """Bytes behind the request are TLS or nothing: nobody can slip in a login that is taken for an encrypted one (CVE-2021-23222)."""
        c = self.raw()
        out = struct.pack('<IIB23x', wire.USUAL | wire.SSL, 1 << 30, 45) + b'app\0' + b'\x14' + wire.native_answer('app', c.salt) + b'mysql_native_password\0'
        c.send_raw(len(out).to_bytes(3, 'little') + b'\x02' + out)
        self.ends(c)

    def test_clients_that_leave_in_the_middle(self):
        for cut in (1, 5, 50, 300):
            c = self.raw()
            x, incoming, outgoing = context(), ssl.MemoryBIO(), ssl.MemoryBIO()
            engine = x.wrap_bio(incoming, outgoing, server_hostname='localhost')
            with self.assertRaises(ssl.SSLWantReadError):
                engine.do_handshake()
            c.send_raw(outgoing.read()[:cut])
            c.close()
        wait_until(lambda: self.proxy.clients() == 0 or self.tls().value('SELECT 1') == '1', 10, 'the proxy answers')

    def test_slow_reader_does_not_fill_memory(self):
        c = self.tls(timeout=120, receive_buffer=65536)
        before = self.proxy.rss_kib()
        c.sequence = 0
        c.write(b"\x03SELECT REPEAT('z', 1000000) FROM (" + b' UNION ALL '.join([b'SELECT 1'] * 150) + b') t')
        time.sleep(1.5)                                    # what is watched for is that nothing happens
        self.assertLess(self.proxy.rss_kib() - before, 30000)
        c.read()                                           # the number of columns
        total = 0
        while total < 150_000_000:
            total += len(c.read())
        self.clients.remove(c)
        c.socket.close()

    def test_two_hundred_at_once(self):
        failures = []

        def one(i):
            try:
                c = TlsClient(self.proxy.port, 'app', 'app', 'shop', tls=x)
                for k in range(5):
                    if c.value(f'SELECT {i * k}') != str(i * k):
                        failures.append('wrong answer')
                c.close()
            except Exception as e:
                failures.append(repr(e))
        x = context()
        threads = [threading.Thread(target=one, args=(i,)) for i in range(200)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])


@unittest.skipIf(world.STAND_IN, "Weir's own TLS")
class Reload(world.Case):
    def setUp(self):
        super().setUp()
        world.shared()
        self.place = os.path.join(world.home, f'certs{time.monotonic_ns()}')
        os.makedirs(self.place)
        self.use('server.pem')
        self.proxy = self.weir(name='tls-reload', weir=f'tls: {{certificate: {self.place}/now.pem, key: {self.place}/now.key}}')

    def use(self, name, key=None):
        shutil.copy(pem(name), f'{self.place}/now.pem')
        shutil.copy(pem(key or name.replace('.pem', '.key')), f'{self.place}/now.key')

    def seen(self):
        c = TlsClient(self.proxy.port, 'app', 'app', 'shop', tls=context(check=False))
        self.clients.append(c)
        return c, serial(c.socket.getpeercert(True))

    def reload(self, words):
        before = self.proxy.output().count(words)
        self.proxy.hangup()
        wait_until(lambda: self.proxy.output().count(words) > before, 10, f'"{words}" in the log')

    def test_certificates_are_replaced_under_sessions(self):
        old, number = self.seen()
        self.assertEqual(number, serial_of('server.pem'))
        self.use('server-new.pem')
        self.reload('rules reloaded')
        wait_until(lambda: self.seen()[1] == serial_of('server-new.pem'), 5, 'the new certificate')
        for _ in range(3):
            self.assertEqual(old.value('SELECT 40 + 2'), '42')
        new, _ = self.seen()
        self.assertEqual(new.value('SELECT 1'), '1')

    def test_a_bad_file_refuses_the_reload(self):
        old, number = self.seen()
        for name, key, words in (('server-new.pem', 'client.key', 'does not belong to tls.certificate'), ('server-new.key', None, 'cannot be used'),
                                 ('server.pem', 'locked.key', 'asks for a pass phrase')):
            self.use(name, key or name)
            self.reload('reload failed')
            self.assertIn(words, self.proxy.output())
            self.assertEqual(self.seen()[1], number)
        os.remove(f'{self.place}/now.key')
        self.reload('reload failed')
        self.assertIn('No such file', self.proxy.output())
        self.assertEqual(old.value('SELECT 3'), '3')
        code, out = world.run([world.BINARY, 'check', self.proxy.rules])
        self.assertEqual(code, 1, out)
        self.assertRegex(out, r'rules\.yaml:\d+:\d+: error: weir: tls\.key .*No such file')
        self.use('server-new.pem')
        code, out = world.run([world.BINARY, 'check', self.proxy.rules])
        self.assertEqual(code, 0, out)

    def test_not_started_with_a_bad_file(self):
        weir = world.make(name='tls-bad', weir=rules_lines('server.pem').replace('server.key', 'client.key'))
        with self.assertRaises(world.Trouble):
            weir.start()
        self.assertIn('does not belong to tls.certificate', weir.output())
        world.discard(weir)

    def test_tls_can_come_and_go(self):
        text = open(self.proxy.rules).read()
        with open(self.proxy.rules, 'w') as f:
            f.write('\n'.join(line for line in text.splitlines() if 'tls:' not in line))
        old, _ = self.seen()
        self.reload('rules reloaded')
        wait_until(lambda: not self.client(port=self.proxy.port).server_capabilities & wire.SSL, 5, 'TLS is no longer offered')
        self.assertEqual(old.value('SELECT 1'), '1')


def source_rules(port, server, tls, more=''):
    return f'''
weir:
  listen: 127.0.0.1:@port@
  workers: 1
users:
  app: {{password: app}}
sources:
  s0: {{address: '127.0.0.1:{server}', user: weir, password: weir, tls: {tls}{more}}}
schemas:
  d: {{default_source: s0}}
'''


@unittest.skipIf(world.STAND_IN, "Weir's own TLS")
class Sources(world.Case):
    @classmethod
    def setUpClass(cls):
        world.shared()
        cls.boxes = {}

    @classmethod
    def tearDownClass(cls):
        for box in cls.boxes.values():
            box.stop()

    def box(self, certificate='server.pem'):
        """A MariaDB that takes no connection without TLS."""
        if certificate not in self.boxes:
            box = servers.Mariadb(os.path.join(world.home, f'tls-{certificate}'), world.free_ports(1)[0],
                                  [f'--ssl-cert={pem(certificate)}', f'--ssl-key={pem(certificate.replace(".pem", ".key"))}',
                                   f'--ssl-ca={pem("ca.pem")}', '--require-secure-transport=ON'])
            first = next(iter(self.boxes.values()), None)
            if first:
                first.stop()
                box.create(template=first.data)
                first.start()
            box.start()
            box.sql("CREATE DATABASE IF NOT EXISTS d; CREATE TABLE IF NOT EXISTS d.t (id INT PRIMARY KEY, v LONGTEXT)")
            self.boxes[certificate] = box
        return self.boxes[certificate]

    def through(self, tls, certificate='server.pem', more=''):
        weir = world.make(text=source_rules(None, self.box(certificate).port, tls, more), name='tls-source')
        self.addCleanup(world.end, weir)
        weir.start()
        return weir, self.client(database='d', port=weir.port)

    def test_modes_that_work(self):
        ca = pem('ca.pem')
        for tls in ('on', '{mode: on, min_version: 1.3}', f'{{mode: verify_ca, ca: {ca}}}', f'{{mode: verify_identity, ca: {ca}}}',
                    f'{{ca: {ca}, name: weir.test}}'):
            weir, c = self.through(tls)
            cipher = dict(c.rows("SHOW STATUS LIKE 'Ssl_cipher'"))
            self.assertEqual(c.value('SELECT COUNT(*) FROM t'), '0', tls)
            self.assertTrue(self.box().sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER='weir'").strip() > '0')

    def test_what_is_refused(self):
        ca, other = pem('ca.pem'), pem('other-ca.pem')
        for tls, certificate, words in (
                (f'{{mode: verify_ca, ca: {other}}}', 'server.pem', "set the source's tls.ca"),
                ('verify_ca', 'server.pem', 'certificate verify failed'),
                (f'{{mode: verify_identity, ca: {ca}, name: other.test}}', 'server.pem', "set the source's tls.name"),
                (f'{{mode: verify_identity, ca: {ca}}}', 'wrong-name.pem', 'it is for DNS:elsewhere.test'),
                (f'{{mode: verify_ca, ca: {ca}}}', 'expired.pem', 'certificate has expired')):
            weir, c = self.through(tls, certificate)
            err = c.error('SELECT COUNT(*) FROM t')
            self.assertEqual(err.code, 1429, err)
            self.assertIn('source s0', err.message)
            self.assertIn(words, err.message)
            self.assertIn(words, weir.output())

    def test_mode_on_takes_any_certificate(self):
        for certificate in ('wrong-name.pem', 'expired.pem'):
            weir, c = self.through('on', certificate)
            self.assertEqual(c.value('SELECT COUNT(*) FROM t'), '0')

    def test_off_toward_a_server_that_demands_tls(self):
        weir, c = self.through('off')
        err = c.error('SELECT COUNT(*) FROM t')
        self.assertEqual(err.code, 1429)
        self.assertRegex(err.message, 'insecure transport|Access denied')   # the server's own words

    def test_server_without_tls(self):
        """The usual shards of the tests have none."""
        weir = world.make(text=source_rules(None, world.shards['s0'].port, 'on'), name='tls-none')
        self.addCleanup(world.end, weir)
        weir.start()
        err = self.client(database='d', port=weir.port).error('SELECT COUNT(*) FROM t')
        self.assertEqual(err.code, 1429)
        self.assertRegex(err.message, '(?i)tls')

    def test_client_certificate_toward_the_server(self):
        box = self.box()
        box.sql("CREATE USER IF NOT EXISTS certified@'%' IDENTIFIED BY 'weir' REQUIRE SUBJECT '/O=Weir tests/CN=alice'; GRANT ALL ON *.* TO certified@'%'")
        text = source_rules(None, box.port, f'{{mode: verify_ca, ca: {pem("ca.pem")}, certificate: {pem("client.pem")}, key: {pem("client.key")}}}')
        for rules, works in ((text, True), (re.sub(', certificate: .*?key}', '}', text.replace('client.key', 'key')), False)):
            weir = world.make(text=rules.replace('user: weir', 'user: certified'), name='tls-certified')
            self.addCleanup(world.end, weir)
            weir.start()
            c = self.client(database='d', port=weir.port)
            if works:
                self.assertEqual(c.value('SELECT COUNT(*) FROM t'), '0')
            else:
                self.assertIn('Access denied', c.error('SELECT COUNT(*) FROM t').message)

    def test_long_values_and_many_connections(self):
        weir, c = self.through(f'{{mode: verify_ca, ca: {pem("ca.pem")}}}')
        text = 'ab' * 10_000_000
        c.one(f"REPLACE INTO t VALUES (1, '{text}')")
        self.assertEqual(c.value('SELECT v FROM t WHERE id = 1'), text)
        c.one('DELETE FROM t')
        others = [self.client(database='d', port=weir.port) for _ in range(20)]
        for o in others:
            o.one('BEGIN')
            self.assertEqual(o.value('SELECT COUNT(*) FROM t'), '0')
        resumed = [o.rows("SHOW SESSION STATUS LIKE 'Ssl_session_reused'") for o in others]
        self.assertTrue(all(r is not None for r in resumed))

    def test_both_sides(self):
        weir = world.make(text=source_rules(None, self.box().port, f'{{ca: {pem("ca.pem")}}}').replace(
            '  workers: 1', f'  workers: 1\n  {rules_lines()}'), name='tls-both')
        self.addCleanup(world.end, weir)
        weir.start()
        c = TlsClient(weir.port, 'app', 'app', 'd')
        self.clients.append(c)
        self.assertEqual(len(c.value("SELECT REPEAT('q', 3000000)")), 3000000)

    def test_what_weir_asks_for_itself_goes_over_tls_too(self):
        """Columns, ids and health: the server takes nothing without TLS."""
        box = self.box()
        box.sql('CREATE DATABASE IF NOT EXISTS d0; CREATE DATABASE IF NOT EXISTS d1')
        for tls in (f'{{ca: {pem("ca.pem")}}}', 'on', f'{{mode: verify_ca, ca: {pem("ca.pem")}, certificate: {pem("client.pem")}, key: {pem("client.key")}}}'):
            text = source_rules(None, box.port, tls).replace('d: {default_source: s0}', '''d:
    default_source: s0
    tables:
      things: {nodes: 's0.d${0..1}.things', shard_by: id, algorithm: {type: mod}, generated: id}''')
            weir = world.make(text=text, name='tls-sharded')
            self.addCleanup(world.end, weir)
            weir.start()
            c = self.client(database='d', port=weir.port)
            c.one('CREATE TABLE IF NOT EXISTS things (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))')
            first = c.one("INSERT INTO things (name) VALUES ('a'), ('b'), ('c')").insert_id
            self.assertEqual(c.rows(f'SELECT id, name FROM things WHERE id >= {first} ORDER BY name DESC'),
                             [(str(first + 2), 'c'), (str(first + 1), 'b'), (str(first), 'a')])
            self.assertNotIn('source s0 is down', weir.output())

    def test_server_that_ends_and_comes_back(self):
        weir, c = self.through(f'{{mode: verify_ca, ca: {pem("ca.pem")}}}')
        self.assertEqual(c.value('SELECT COUNT(*) FROM t'), '0')
        box = self.box()
        box.stop()
        c.query('SELECT COUNT(*) FROM t')
        box.start()
        self.assertEqual(c.value('SELECT COUNT(*) FROM t'), '0')
