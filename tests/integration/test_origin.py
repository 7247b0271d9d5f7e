"""Where clients come from: PROXY headers of load balancers, Unix sockets, allow and deny lists; and listening addresses that change at reload."""
import os
import shutil
import socket
import struct
import subprocess
import time
import unittest

import servers
import test_tls
import world
from wire import Client, Gone, ServerError
from world import wait_until

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'


def v1(source, family='TCP4', target='10.9.9.9', port=40000):
    return f'PROXY {family} {source} {target} {port} 3306\r\n'.encode()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def v2(source=None, command=1, tlvs=b'', checksum=False):
    if source is None:
        family, body = 0, b''
    elif ':' in source:
        family, body = 0x21, socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, '::1') + struct.pack('>HH', 40000, 3306)
    else:
        family, body = 0x11, socket.inet_aton(source) + socket.inet_aton('10.9.9.9') + struct.pack('>HH', 40000, 3306)
    body += tlvs
    if checksum:
        body += b'\x03\x00\x04'
        head = SIGNATURE + bytes([0x20 | command, family]) + struct.pack('>H', len(body) + 4)
        return head + body + struct.pack('>I', crc32c(head + body + b'\0\0\0\0'))
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack('>H', len(body)) + body


class Behind(Client):
    """A client behind a balancer: the header goes first. `apart`: its bytes one at a time."""
    def __init__(self, port, header, *args, apart=False, path=None, **options):
        self.header, self.apart, self.path = header, apart, path
        super().__init__(port, *args, **options)

    def login(self, database):
        if self.path:
            self.socket.close()
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(self.timeout)
            self.socket.connect(self.path)
        if self.apart:
            for byte in self.header:
                self.socket.sendall(bytes([byte]))
                time.sleep(0.001)                          # so that they arrive apart
        elif self.header:
            self.socket.sendall(self.header)
        super().login(database)

    def host(self):
        return self.value('SELECT USER()').split('@')[1]


@unittest.skipIf(world.STAND_IN, "Weir's own rules")
class ProxyHeaders(world.Case):
    USERS = '''
        office: {password: office, allow: [192.0.2.0/24, '2001:db8::/32']}
        guest: {password: guest, deny: 192.0.2.66}'''

    @classmethod
    def setUpClass(cls):
        world.shared()
        cls.proxy = world.make(name='header', weir='proxy_protocol: 127.0.0.1\nlogin_timeout: 2s', users=cls.USERS)
        cls.proxy.start()

    @classmethod
    def tearDownClass(cls):
        world.end(cls.proxy)

    def behind(self, header, user='app', **options):
        c = Behind(self.proxy.port, header, user, user, 'shop', **options)
        self.clients.append(c)
        return c

    def test_the_address_is_the_headers(self):
        for header, host in ((v1('192.0.2.7'), '192.0.2.7'), (v1('2001:db8::7', 'TCP6', '::1'), '2001:db8::7'), (v1('::ffff:192.0.2.8', 'TCP6', '::1'), '192.0.2.8'),
                             (v2('192.0.2.7'), '192.0.2.7'), (v2('2001:db8::7'), '2001:db8::7'), (v2('192.0.2.7', checksum=True), '192.0.2.7'),
                             (v2('192.0.2.7', tlvs=b'\x04\x00\x00\x01\x00\x02h2\x20\x00\x05abcde'), '192.0.2.7'), (v1('127.0.0.1'), 'localhost')):
            for apart in (False, True):
                c = self.behind(header, apart=apart)
                self.assertEqual(c.host(), host, header)
                self.assertTrue(any(r[2].startswith(host) for r in c.rows('SHOW PROCESSLIST')), host)

    def test_tls_behind_the_header(self):
        weir = self.weir(name='header-tls', weir=f'proxy_protocol: 127.0.0.1\n{test_tls.rules_lines()}', users='safe: {password: safe, require_tls: yes, allow: 192.0.2.0/24}')

        class BehindTls(test_tls.TlsClient):
            def login(self, database):
                self.socket.sendall(v2('192.0.2.7'))
                super().login(database)
        c = BehindTls(weir.port, 'safe', 'safe', 'shop')
        self.clients.append(c)
        self.assertEqual(c.value('SELECT USER()'), 'safe@192.0.2.7')

    def test_the_balancers_own_connections(self):
        for header in (b'PROXY UNKNOWN\r\n', b'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', v2(command=0), v2('192.0.2.7', command=0), v2(None)):
            self.assertEqual(self.behind(header).host(), 'localhost', header)

    def test_allow_and_deny_go_by_it(self):
        self.assertEqual(self.behind(v1('192.0.2.7'), 'office').value('SELECT 1'), '1')
        self.assertEqual(self.behind(v2('2001:db8:1::9'), 'office').value('SELECT 1'), '1')
        self.assertEqual(self.behind(v1('192.0.2.65'), 'guest').value('SELECT 1'), '1')
        for header, user in ((v1('192.0.3.7'), 'office'), (v2('2001:db9::1'), 'office'), (v1('192.0.2.66'), 'guest'), (v2(None), 'office')):
            with self.assertRaises(ServerError, msg=(header, user)) as e:
                self.behind(header, user)
            self.assertIn(e.exception.code, (1045, 1130))

    def ends(self, data, words, more=None):
        """The connection ends without a greeting, and the log says why."""
        said = self.proxy.output().count(words)
        s = socket.create_connection(('127.0.0.1', self.proxy.port), 10)
        try:
            s.sendall(data)
            got = s.recv(100)
        except ConnectionError:
            got = b''
        s.close()
        self.assertEqual(got, b'', data)
        return said

    def test_what_is_no_header_is_refused(self):
        for data, words in ((b'\x20\x00\x00\x01hello', 'does not begin with a PROXY header'), (b'PROXY TCP4 1.2.3.4 5.6.7.8 9\r\n', 'two addresses and two ports'),
                            (b'PROXY TCP4 1.2.3.444 5.6.7.8 9 10\r\n', 'address in it is malformed'), (SIGNATURE + b'\x11\x11\0\0', 'version is not 2'),
                            (v2('192.0.2.7', checksum=True)[:-1] + b'?', 'checksum is wrong'), (b'PROXY ' + b'x' * 200, 'longer than 107 bytes')):
            time.sleep(1.05)                               # one word a second in the log
            said = self.ends(data, words)
            wait_until(lambda: self.proxy.output().count(words) > said, 5, f'"{words}" in the log')
        self.assertIn('weir.proxy_protocol', self.proxy.output())

    def test_log_is_not_flooded(self):
        before = len(self.proxy.output())
        for _ in range(200):
            self.ends(b'nonsense', 'PROXY')
        self.assertLess(len(self.proxy.output()) - before, 3000)

    def test_silence_and_half_a_header_are_bounded_in_time(self):
        for data in (b'', v1('192.0.2.7')[:20], v2('192.0.2.7')[:-1]):
            s = socket.create_connection(('127.0.0.1', self.proxy.port), 10)
            if data:
                s.sendall(data)
            began = time.monotonic()
            self.assertEqual(s.recv(100), b'', 'no greeting before the header')
            self.assertLess(time.monotonic() - began, 5)
            self.assertGreater(time.monotonic() - began, 1)
            s.close()

    def test_a_balancer_that_only_looks_leaves_no_trace(self):
        before = len(self.proxy.output())
        for _ in range(20):
            socket.create_connection(('127.0.0.1', self.proxy.port), 10).close()
        self.assertEqual(self.behind(v1('192.0.2.7')).value('SELECT 1'), '1')
        self.assertEqual(len(self.proxy.output()), before)

    def test_login_right_behind_the_header(self):
        """Nothing is lost of what comes in one segment with the header."""
        s = socket.create_connection(('127.0.0.1', self.proxy.port), 10)
        s.sendall(v2('192.0.2.7') + b'\x01\x00\x00\x01\x00')   # no login, but a packet: it is answered as one
        got = b''
        while True:
            try:
                more = s.recv(65536)
            except ConnectionError:
                break
            if not more:
                break
            got += more
        self.assertIn(b'mysql_native_password', got)
        self.assertIn(b'Bad handshake', got)
        s.close()

    def test_those_that_wait_count_as_clients_and_end_with_it(self):
        weir = world.make(name='header-end', weir='proxy_protocol: 127.0.0.1\nmax_connections: 3')
        self.addCleanup(world.end, weir)
        weir.start()
        wait_until(lambda: weir.clients() == 0, 5, 'the end of the look at the port')
        time.sleep(0.5)                                    # the workers count five times a second
        waiting = [socket.create_connection(('127.0.0.1', weir.port), 10) for _ in range(3)]
        wait_until(lambda: weir.clients() >= 3, 5, 'three connections')
        time.sleep(0.4)                                    # the workers count five times a second
        s = socket.create_connection(('127.0.0.1', weir.port), 10)
        self.assertIn(b'Too many connections', s.recv(200))
        weir.terminate()
        for w in waiting:
            self.assertEqual(w.recv(10), b'')
            w.close()
        self.assertEqual(weir.await_exit(20), 0)


@unittest.skipIf(world.STAND_IN, "Weir's own rules")
class Elsewhere(world.Case):
    def test_a_header_from_elsewhere_is_no_header(self):
        weir = self.weir(name='elsewhere', weir='proxy_protocol: 10.0.0.0/8')
        self.assertEqual(self.client(port=weir.port).value('SELECT USER()'), 'app@localhost')
        with self.assertRaises((ServerError, Gone)):
            Behind(weir.port, v1('192.0.2.7'), 'app', 'app')

    def test_unix_sockets(self):
        path = os.path.join(world.home, 'w.sock')
        weir = world.make(name='unix', users='''
            local: {password: local, allow: unix}
            net: {password: net, deny: unix}''', replace={'listen: 127.0.0.1:': f'listen: [unix:{path}, 127.0.0.1:', '\n  workers': ']\n  workers'})
        self.addCleanup(world.end, weir)
        weir.start()
        c = Behind(weir.port, b'', 'local', 'local', 'shop', path=path)
        self.clients.append(c)
        self.assertEqual(c.value('SELECT USER()'), 'local@localhost')
        self.assertEqual(self.client('net', 'net', port=weir.port).value('SELECT 1'), '1')
        for user, where in (('local', None), ('net', path)):
            with self.assertRaises(ServerError) as e:
                Behind(weir.port, b'', user, user, path=where)
            self.assertIn(e.exception.code, (1045, 1130))
        code, out = world.run(['mariadb', '--no-defaults', '-S', path, '-u', 'app', '-papp', '-N', '-e', 'SELECT 7*6'])
        self.assertEqual((code, out), (0, '42\n'))

    def test_unix_sockets_of_a_balancer(self):
        path = os.path.join(world.home, 'p.sock')
        weir = world.make(name='unix-header', weir='proxy_protocol: unix', users='office: {password: office, allow: 192.0.2.0/24}',
                          replace={'listen: 127.0.0.1:': f'listen: [unix:{path}, 127.0.0.1:', '\n  workers': ']\n  workers'})
        self.addCleanup(world.end, weir)
        weir.start()
        c = Behind(weir.port, v2('192.0.2.9'), 'office', 'office', 'shop', path=path)
        self.clients.append(c)
        self.assertEqual(c.host(), '192.0.2.9')
        self.assertEqual(self.client(port=weir.port).value('SELECT 1'), '1', 'over TCP none is expected')

    def test_clear_password_over_a_unix_socket_is_as_safe_as_tls(self):
        path = os.path.join(world.home, 'c.sock')
        weir = world.make(name='unix-clear', replace={'listen: 127.0.0.1:': f'listen: [unix:{path}, 127.0.0.1:', '\n  workers': ']\n  workers'})
        self.addCleanup(world.end, weir)
        weir.start()
        c = Behind(weir.port, b'', 'app', 'app', 'shop', path=path, plugin='caching_sha2_password')
        self.clients.append(c)
        self.assertEqual(c.value('SELECT 1'), '1')


@unittest.skipIf(world.STAND_IN, "Weir's own rules")
class Listening(world.Case):
    def change(self, weir, text):
        with open(weir.rules, 'w') as f:
            f.write(text)
        before = weir.output().count('rules reloaded') + weir.output().count('reload failed')
        weir.hangup()
        wait_until(lambda: weir.output().count('rules reloaded') + weir.output().count('reload failed') > before, 10, 'the reload')

    def test_addresses_come_and_go_at_reload(self):
        weir = self.weir(name='listen')
        text = open(weir.rules).read()
        old, second = f'listen: 127.0.0.1:{weir.port}', world.free_ports(1)[0]
        path = os.path.join(world.home, 'l.sock')
        stays = self.client(port=weir.port)
        self.change(weir, text.replace(old, f'listen: [127.0.0.1:{weir.port}, 127.0.0.1:{second}, unix:{path}]'))
        self.assertEqual(self.client(port=second).value('SELECT 1'), '1')
        self.assertTrue(os.path.exists(path))
        self.assertEqual(self.client(port=weir.port).value('SELECT 1'), '1')
        self.change(weir, text.replace(old, f'listen: 127.0.0.1:{second}'))
        self.assertFalse(servers.port_answers(weir.port))
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.client(port=second).value('SELECT 1'), '1')
        self.assertEqual(stays.value('SELECT 2'), '2', 'a session outlives its listener')

    def test_an_address_that_is_taken_refuses_the_reload(self):
        weir = self.weir(name='listen-taken')
        text = open(weir.rules).read()
        old, second = f'listen: 127.0.0.1:{weir.port}', world.free_ports(1)[0]
        taken = world.reference.port
        self.change(weir, text.replace(old, f'listen: [127.0.0.1:{second}, 127.0.0.1:{taken}]'))
        self.assertIn(f'cannot listen on 127.0.0.1:{taken}', weir.output())
        self.assertIn('reload failed', weir.output())
        self.assertFalse(servers.port_answers(second), 'nothing has changed')
        self.assertEqual(self.client(port=weir.port).value('SELECT 1'), '1')
        self.change(weir, text)
        self.assertIn('rules reloaded', weir.output())
        self.assertEqual(self.client(port=weir.port).value('SELECT 1'), '1')


@unittest.skipIf(world.STAND_IN, "Weir's own rules")
@unittest.skipUnless(shutil.which('haproxy'), 'haproxy is not installed')
class Haproxy(world.Case):
    """A real balancer in front: what it sends is understood, and its health checks leave no trace."""
    def through(self, option, backend):
        port = world.free_ports(1)[0]
        path = os.path.join(world.home, f'haproxy{port}.cfg')
        with open(path, 'w') as f:
            f.write(f'''defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen mysql
    bind 127.0.0.1:{port}
    source 127.0.0.2
    server w 127.0.0.1:{backend} {option}
''')
        process = subprocess.Popen(['haproxy', '-f', path, '-db'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            process.terminate()
            process.wait()
        self.addCleanup(end)
        wait_until(lambda: servers.port_answers(port), 10, 'haproxy')
        return port

    def test_both_versions(self):
        weir = self.weir(name='haproxy', weir='proxy_protocol: 127.0.0.2', users='guest: {password: guest, deny: 127.0.0.2}')
        for option in ('send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id', 'send-proxy-v2 check inter 100ms check-send-proxy'):
            port = self.through(option, weir.port)
            c = self.client('guest', 'guest', port=port)
            self.assertEqual(c.value('SELECT USER()'), 'guest@localhost', option)
            self.assertEqual(len(c.value("SELECT REPEAT('x', 1000000)")), 1000000)
        time.sleep(1)                                      # several health checks
        self.assertNotIn('refused', weir.output())

    def test_without_the_header_it_is_told(self):
        weir = self.weir(name='haproxy-none', weir='proxy_protocol: 127.0.0.2\nlogin_timeout: 1s')
        port = self.through('', weir.port)
        with self.assertRaises((Gone, ServerError)):
            self.client(port=port)
        wait_until(lambda: 'send-proxy-v2' in weir.output(), 5, 'a word about what to do')
        self.assertIn('127.0.0.2', weir.output())
