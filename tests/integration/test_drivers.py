"""Every driver and ORM, unchanged, as an application uses it.

drivers/ holds one program for each. Its environment says where to connect (DRIVER_HOST, DRIVER_PORT, DRIVER_USER,
DRIVER_PASSWORD, DRIVER_SCHEMA, DRIVER_KIND, DRIVER_TLS, DRIVER_CA, DRIVER_CASES); its output is a line a case: `ok NAME`,
`not ok NAME: why`, `skip NAME: why`, and `done` as the last word, without which it counts as failed. Here each line becomes a
test case. A program runs against

    plain      a MariaDB server itself: what fails here is the program's fault, not Weir's
    sharded    Weir, with items, things, big and many split over three servers by their id, the ids generated
    unsharded  Weir, with the schema on one source
    tls        Weir sharded again, over TLS (the cases in TLS_CASES only)
    sha2       Weir, as an account with caching_sha2_password without TLS: the password goes encrypted by Weir's RSA key the first time
               (case connect) and not at all the second time (connect_fast)
    sha2_tls   the same over TLS, as another account

Each program has schemas of its own (d_NAME and u_NAME), so that two run at once. Programs of C, Go and Java are compiled, and the
Node modules are installed, under build/drivers; a driver that is not there is skipped by name.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import threading
import unittest

import servers
import world
from test_auth import SALT, sha2_hash

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drivers')
BUILD = os.path.join(world.ROOT, 'build/drivers')
AT_ONCE = 2
TIMEOUT = 240
TLS_CASES = 'connect,tls,ddl,generated_id,crud,transaction,big_1m,error'
TARGETS = ('plain', 'sharded', 'unsharded', 'tls', 'sha2', 'sha2_tls')
NATIVE_ONLY = ('node_mysql',)            # drivers older than caching_sha2_password
JAR = '/usr/share/java/mariadb-java-client.jar'
GO_DRIVER = '/usr/share/gocode/src/github.com/go-sql-driver/mysql'


class Absent(Exception):
    """The driver is not on this machine."""


def need(program):
    found = shutil.which(program)
    if not found:
        raise Absent(f'{program} is not installed')
    return found


def succeeds(command, what):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HERE, timeout=120)
    if done.returncode != 0:
        raise Absent(f'{what} is not installed')


def newer(target, *sources):
    """Is `target` made, and after all of its sources?"""
    return os.path.exists(target) and all(os.path.getmtime(s) <= os.path.getmtime(target) for s in sources)


def make(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f'{" ".join(command[:4])} failed:\n{done.stdout[-3000:]}')


# ---- how each is made ready: gives the command --------------------------------------------------------------------

def c():
    if not shutil.which('mariadb_config'):
        raise Absent('libmariadb-dev is not installed')
    source, program = os.path.join(HERE, 'libmariadb.c'), os.path.join(BUILD, 'libmariadb')
    if not newer(program, source):
        flags = subprocess.run(['mariadb_config', '--cflags', '--libs'], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        make([need('gcc'), '-std=gnu17', '-O1', '-g', '-Wall', '-Wextra', '-o', program, source, *flags, '-lcrypto'])
    return [program]


def python(script, module):
    def ready():
        succeeds(['/usr/bin/python3', '-c', f'import {module}'], f"Python's {module}")
        return ['/usr/bin/python3', '-B', os.path.join(HERE, script)]
    return ready


def node(script, *words):
    def ready():
        need('node')
        need('npm')
        home, package = os.path.join(BUILD, 'node'), os.path.join(HERE, 'node/package.json')
        mark = os.path.join(home, 'installed')
        os.makedirs(home, exist_ok=True)
        if not newer(mark, package):
            for name in ('package.json', 'package-lock.json'):
                shutil.copy(os.path.join(HERE, 'node', name), home)
            done = subprocess.run(['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'], cwd=home, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=300)
            if done.returncode != 0:
                raise Absent(f'npm cannot install the modules: {done.stdout.strip()[-200:]}')
            open(mark, 'w').close()
        # Modules are looked for beside a program, so that is where the programs go.
        for path in glob.glob(os.path.join(HERE, 'node/*.js')):
            if not newer(os.path.join(home, os.path.basename(path)), path):
                shutil.copy(path, home)
        return ['node', os.path.join(home, script), *words]
    return ready


def php(script, extension, *words):
    def ready():
        need('php')
        done = subprocess.run(['php', '-m'], stdout=subprocess.PIPE, text=True)
        if extension not in done.stdout.split():
            raise Absent(f"PHP's {extension} is not installed")
        return ['php', '-d', 'memory_limit=512M', '-d', 'display_errors=stderr', os.path.join(HERE, script), *words]
    return ready


def perl(module):
    def ready():
        succeeds([need('perl'), f'-MDBD::{module}', '-e', '1'], f'DBD::{module}')
        return ['perl', os.path.join(HERE, 'dbd.pl'), module]
    return ready


def ruby():
    succeeds([need('ruby'), '-e', 'require "mysql2"'], "Ruby's mysql2")
    return ['ruby', os.path.join(HERE, 'mysql2_driver.rb')]


def go():
    need('go')
    if not os.path.isdir(GO_DRIVER):
        raise Absent('golang-github-go-sql-driver-mysql-dev is not installed')
    source, program = os.path.join(HERE, 'go/main.go'), os.path.join(BUILD, 'go-sql-driver')
    if not newer(program, source):
        make(['go', 'build', '-o', program, source],
             env=dict(os.environ, GO111MODULE='off', GOPATH='/usr/share/gocode', GOCACHE=os.path.join(BUILD, 'go-cache'), GOFLAGS=''))
    return [program]


def java():
    need('java')
    need('javac')
    if not os.path.exists(JAR):
        raise Absent('libmariadb-java is not installed')
    source, home = os.path.join(HERE, 'java/Driver.java'), os.path.join(BUILD, 'java')
    if not newer(os.path.join(home, 'Driver.class'), source):
        os.makedirs(home, exist_ok=True)
        make(['javac', '-cp', JAR, '-d', home, source])
    return ['java', '-XX:TieredStopAtLevel=1', '-Xmx512m', '-cp', f'{home}:{JAR}', 'Driver']


DRIVERS = {
    'libmariadb': c,
    'pymysql': python('pymysql_driver.py', 'pymysql'),
    'mysqlclient': python('mysqlclient_driver.py', 'MySQLdb'),
    'node_mysql2': node('mysql2_driver.js'),
    'node_mysql': node('mysql_driver.js'),
    'node_mariadb': node('mariadb_driver.js'),
    'php_mysqli': php('mysqli.php', 'mysqli'),
    'php_pdo_native': php('pdo.php', 'pdo_mysql', 'native'),
    'php_pdo_emulated': php('pdo.php', 'pdo_mysql', 'emulated'),
    'perl_mysql': perl('mysql'),
    'perl_mariadb': perl('MariaDB'),
    'ruby_mysql2': ruby,
    'go_sql_driver': go,
    'java_connector': java,
    'sqlalchemy': python('sqlalchemy_orm.py', 'sqlalchemy'),
    'django': python('django_orm.py', 'django'),
    'sequelize': node('sequelize_orm.js'),
    'knex_objection': node('knex_orm.js'),
}

# ---- the servers ---------------------------------------------------------------------------------------------------

TABLES = {'items': ', generated: {column: id, sequence: d_@name@_items}', 'things': '', 'big': '', 'many': ''}
RULES = """# The rules of the driver tests: for each program a sharded schema d_NAME and an unsharded one u_NAME.
weir:
  listen: 127.0.0.1:@port@
  workers: 2
  transactions: best_effort
@tls@users:
  app: {password: app}
@users@sources:
@sources@sequences:
@sequences@schemas:
@schemas@"""


def account(name, target):
    """Each has an account of its own, which Weir sees for the first time: only then the whole password is asked for."""
    return f'{name}_{target}' if target.startswith('sha2') else 'app'


def rules(with_tls):
    schemas = ''
    sequences = ''.join(f'  d_{name}_items: {{source: s0, step: 100}}\n' for name in DRIVERS)
    for name in DRIVERS:
        schemas += f'  d_{name}:\n    default_source: s0\n    tables:\n'
        for table, more in TABLES.items():
            schemas += f"      {table}: {{nodes: 's${{0..2}}.d_{name}.{table}_${{0..1}}', shard_by: id, algorithm: {{type: mod}}" \
                       f'{more.replace("@name@", name)}}}\n'
        schemas += f'  u_{name}:\n    default_source: s1\n'
    sources = ''.join(f"  {name}: {{address: '127.0.0.1:{world.shards[name].port}', user: weir, password: weir, max_connections: 40}}\n"
                      for name in ('s0', 's1', 's2'))
    secret = sha2_hash('app', SALT)
    users = ''.join(f"  {account(name, target)}: {{caching_sha2_password: '{secret}'}}\n" for name in DRIVERS for target in ('sha2', 'sha2_tls'))
    tls = f'  tls: {{certificate: {CERTS.path("server.pem")}, key: {CERTS.path("server.key")}}}\n' if with_tls else ''
    text = RULES
    for name, value in (('tls', tls), ('users', users), ('sources', sources), ('sequences', sequences), ('schemas', schemas)):
        text = text.replace(f'@{name}@', value)
    return text


class Certificates:
    """A test CA and a certificate for localhost and 127.0.0.1, by openssl."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        self.run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=Weir driver tests CA',
                 '-keyout', 'ca.key', '-out', 'ca.pem')
        self.run('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
        with open(self.path('names'), 'w') as f:
            f.write('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
        self.run('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
                 '-extfile', 'names', '-out', 'server.pem')

    def run(self, *words):
        make(['openssl', *words], cwd=self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)


CERTS = None
rig = None             # the one Rig of the run


class Rig:
    """The plain server with TLS, the Weir, and the programs under way: two at once, begun in the order of the tests."""

    def __init__(self):
        global CERTS
        os.makedirs(BUILD, exist_ok=True)
        CERTS = Certificates(os.path.join(world.home, 'certificates'))
        self.plain = servers.Mariadb(os.path.join(world.home, 'drivers-plain'), world.free_ports(1)[0], options=(
            f'--ssl-ca={CERTS.path("ca.pem")}', f'--ssl-cert={CERTS.path("server.pem")}', f'--ssl-key={CERTS.path("server.key")}'))
        self.plain.start()
        self.plain.sql(world.APP)
        self.weir, self.has_tls = None, False
        self.lock = threading.Lock()
        self.made = {}
        self.jobs = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)

    def weir_port(self):
        """Started when first needed, and again on the same port when it died; without TLS where this build does not know the key."""
        with self.lock:
            if self.weir is not None and not self.weir.alive():
                world.report_death(self.weir, 'weir.drivers stays up')
                self.weir = world.make(text=rules(self.has_tls), name='drivers', port=self.weir.port).start()
            elif self.weir is None:
                for with_tls in (True, False):
                    self.weir = world.make(text=rules(with_tls), name='drivers')
                    try:
                        self.weir.start()
                        self.has_tls = with_tls
                        break
                    except world.Trouble:
                        world.discard(self.weir)
                        if not with_tls:
                            raise
                with world.Client(self.weir.port) as c:
                    for name in DRIVERS:
                        for schema in (f'd_{name}', f'u_{name}'):
                            c.one(f'CREATE DATABASE IF NOT EXISTS {schema}')
            return self.weir.port

    def command(self, name):
        if name not in self.made:
            try:
                self.made[name] = DRIVERS[name]()
            except (Absent, AssertionError) as e:
                self.made[name] = e
        return self.made[name]

    def environment(self, name, target):
        schema = f'{"u" if target == "unsharded" else "d"}_{name}'
        port = self.plain.port
        if target == 'plain':
            self.plain.sql(f'CREATE DATABASE IF NOT EXISTS {schema}')
        else:
            port = self.weir_port()
        kind = target if target in ('plain', 'unsharded') else 'sharded'
        cases = {'tls': TLS_CASES, 'sha2': 'connect', 'sha2_tls': 'connect'}.get(target, '')
        return dict(os.environ, DRIVER_HOST='127.0.0.1', DRIVER_PORT=str(port), DRIVER_USER=account(name, target), DRIVER_PASSWORD='app',
                    DRIVER_SCHEMA=schema, DRIVER_KIND=kind, DRIVER_TLS='1' if target.endswith('tls') else '0', DRIVER_CA=CERTS.path('ca.pem'),
                    DRIVER_CASES=os.environ.get('DRIVER_CASES', cases))

    def begin(self, wanted):
        """Puts the programs of all the wanted tests in the queue. Those of one driver share their schemas and follow each other;
        making them ready takes no turn."""
        for name in dict.fromkeys(name for name, _ in wanted):
            command, chain = self.command(name), []
            for target in (t for n, t in wanted if n == name and (n, t) not in self.jobs):
                if isinstance(command, Exception):
                    continue
                environment = self.environment(name, target)
                if target.endswith('tls') and not self.has_tls or target.startswith('sha2') and name in NATIVE_ONLY:
                    continue
                self.jobs[name, target] = concurrent.futures.Future()
                chain.append((command, environment, target, self.jobs[name, target]))
            if chain:
                self.pool.submit(self.run_chain, chain)

    def run_chain(self, chain):
        for command, environment, target, future in chain:
            try:
                output = self.run(command, environment, target)
                if target.startswith('sha2'):
                    output += self.run(command, environment, target).replace('ok connect', 'ok connect_fast')
                future.set_result(output)
            except Exception as e:                             # told by the test that waits for it
                future.set_exception(e)

    def run(self, command, environment, target):
        if target != 'plain':
            self.weir_port()
        process = subprocess.Popen(command, env=environment, cwd=HERE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors='backslashreplace')
        try:
            return process.communicate(timeout=TIMEOUT)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0] + f'\nnot ended within {TIMEOUT} s\n'

    def stop(self):
        self.pool.shutdown(cancel_futures=True)
        self.plain.stop()
        if self.weir is not None:
            world.end(self.weir)


def lines_of(output):
    """[(outcome, case, why)] of a program's output, and the rest of it."""
    found, rest = [], []
    for line in output.splitlines():
        match = re.match(r'(ok|not ok|skip) ([\w./-]+)(?:: (.*))?$', line)
        if match:
            found.append(({'ok': 'passed', 'not ok': 'failed', 'skip': 'skipped'}[match[1]], match[2], match[3] or ''))
        elif line.strip():
            rest.append(line)
    return found, rest


def setUpModule():
    global rig
    rig = Rig()
    rig.begin(wanted())


def tearDownModule():
    rig.stop()


class Driver(unittest.TestCase):
    """A test for each target of a driver; its lines are told one by one (Result of run_tests.py reads `told`)."""
    name = None

    def check(self, target):
        self.told = []
        command = rig.command(self.name)
        if isinstance(command, Absent):
            self.skipTest(str(command))
        if isinstance(command, Exception):
            raise command
        if (self.name, target) not in rig.jobs:
            rig.begin([(self.name, target)])
        if (self.name, target) not in rig.jobs:
            self.skipTest('the driver does not know caching_sha2_password' if target.startswith('sha2') else 'this Weir has no TLS')
        output = rig.jobs[self.name, target].result()
        lines, rest = lines_of(output)
        self.told = lines
        if 'done' not in rest:
            self.fail('the program did not come to its end:\n' + '\n'.join(output.splitlines()[-20:]))
        failed = [f'{case}: {why}' for outcome, case, why in lines if outcome == 'failed']
        if failed:
            self.fail('\n'.join(failed))
        self.assertGreater(len(lines), 1, output)


def wanted():
    """(driver, target) of the chosen tests, in their order."""
    return [(name, target) for name in sorted(DRIVERS) for target in sorted(TARGETS)
            if f'test_drivers.{class_name(name)}.test_{target}' in world.chosen_ids]


def class_name(name):
    return ''.join(word.capitalize() for word in name.split('_'))


def test_of(target):
    def test(self):
        self.check(target)
    return test


for _name in sorted(DRIVERS):
    globals()[class_name(_name)] = type(class_name(_name), (Driver,), {
        'name': _name, '__module__': __name__, '__qualname__': class_name(_name), **{f'test_{t}': test_of(t) for t in TARGETS}})
del Driver
