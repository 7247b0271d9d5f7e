"""world.py - the servers of a test run: three shards, a plain reference server, and the Weir processes in front.

Started once for the run on free ports of loopback; everything lives in one temporary directory, which goes when the run
ends (WEIR_TEST_KEEP=1 leaves it). The plain server holds the same logical tables unsharded: what it answers is right.

Every weir process that a test starts is ended by SIGTERM and must end with code 0 and without a word from a sanitizer.

WEIR_STAND_IN=1 puts a second plain MariaDB in Weir's place: so the tests themselves are tested, since between two equal
servers no difference may appear.
"""
import os
import shutil
import subprocess
import tempfile
import unittest

import servers
from servers import Mariadb, Trouble, Weir, free_ports, wait_until
from wire import Client, Err, Gone, Ok, Rows, ServerError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get('WEIR_BINARY') or os.path.join(ROOT, 'build/asan/weir')
STAND_IN = bool(os.environ.get('WEIR_STAND_IN'))

home = None          # the temporary directory
shards = {}          # 's0', 's1', 's2' -> Mariadb
reference = None     # the plain server
generation = 0       # how often the shared Weir was started: tables are gone when it grows
_shared = None       # the Weir with the usual rules
_weirs = []          # every Weir started and not ended by its test
_reports = []
_count = 0
chosen_ids = frozenset()   # the ids of the tests of this run: what can be begun ahead of its turn is

APP = "CREATE USER app@'%' IDENTIFIED BY 'app'; GRANT ALL PRIVILEGES ON *.* TO app@'%' WITH GRANT OPTION"
PHYSICAL = ('shop', 'shop_0', 'shop_1', 'other', 'sbtest', 'weir')


def start():
    """Four servers, each a copy of one fresh data directory."""
    global home, reference
    if not os.access(BINARY, os.X_OK):
        raise Trouble(f'{BINARY} is not there: build it first (tools/test does)')
    home = tempfile.mkdtemp(prefix='weir-test-')
    os.chmod(home, 0o755)
    ports = free_ports(5)
    boxes = [Mariadb(os.path.join(home, name), port) for name, port in zip(('plain', 's0', 's1', 's2'), ports)]
    plain, rest = boxes[0], boxes[1:]
    plain.start()
    plain.sql(APP)
    plain.stop()
    for box in rest:
        box.create(template=plain.data)
    for box in boxes:
        box.start(wait=False)
    for box in boxes:
        box.wait()
    reference = boxes[0]
    shards.update(zip(('s0', 's1', 's2'), boxes[1:]))


def stop():
    """Ends everything; what a sanitizer said of a Weir comes back as a list of texts."""
    global _shared
    for weir in list(_weirs):
        try:
            end(weir)
        except AssertionError as e:
            _reports.append(f'weir.{os.path.basename(weir.directory)} ends cleanly\n{e}')
    _shared = None
    for box in [*shards.values(), *([reference] if reference else [])]:
        box.stop()
    if home and not os.environ.get('WEIR_TEST_KEEP'):
        shutil.rmtree(home, ignore_errors=True)
    elif home:
        print(f'Kept: {home}')
    return _reports


# ---- Weir ----------------------------------------------------------------------------------------------------------

def rules_text(port, weir='', users='', pool=40, sources=None, **replacements):
    """The usual rule file. `weir`: further lines of that section; `replacements`: old text -> new text."""
    with open(os.path.join(ROOT, 'tests/integration/rules.yaml')) as f:
        text = f.read()
    values = {name: box.port for name, box in shards.items()}
    values.update(sources or {})
    values.update(port=port, pool=pool, weir=''.join(f'  {line.strip()}\n' for line in weir.splitlines() if line.strip()),
                  users=''.join(f'  {line.strip()}\n' for line in users.splitlines() if line.strip()))
    for name, value in values.items():
        text = text.replace(f'@{name}@', str(value))
    for old, new in replacements.get('replace', {}).items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def make(text=None, name=None, port=None, **options):
    """A Weir of its own, not started: rules from rules_text(**options) unless `text` is given ('@port@' is filled in)."""
    global _count
    _count += 1
    port = port or free_ports(1)[0]
    directory = os.path.join(home, f'weir{_count}{"-" + name if name else ""}')
    os.makedirs(directory)
    path = os.path.join(directory, 'rules.yaml')
    with open(path, 'w') as f:
        f.write(rules_text(port, **options) if text is None else text.replace('@port@', str(port)))
    weir = Weir(BINARY, directory, path, port)
    _weirs.append(weir)
    return weir


def end(weir, code=0):
    """SIGTERM; fails unless it ends with `code` and no sanitizer spoke."""
    if weir in _weirs:
        _weirs.remove(weir)
    if weir.process is None:
        return
    died = None if weir.told_to_stop else weir.process.poll()
    try:
        found = weir.stop()
    except Trouble as e:
        raise AssertionError(f'{e}\n{servers.tail(weir.log, 30)}') from None
    report = weir.sanitizer_report()
    if report:
        raise AssertionError(f'a sanitizer spoke:\n{report}')
    if died is not None:
        raise AssertionError(f'weir had ended by itself with code {died}:\n{servers.tail(weir.log, 30)}')
    if found != code:
        raise AssertionError(f'weir ended with code {found}, not {code}:\n{servers.tail(weir.log, 30)}')


def report_death(weir, name):
    """A Weir that ended by itself: told at the end of the run, with its last words."""
    try:
        end(weir)
    except AssertionError as e:
        _reports.append(f'{name}\n{e}')


def discard(weir):
    """Forgets a Weir that could not start, where a test expects just that."""
    if weir in _weirs:
        _weirs.remove(weir)


def check_servers():
    """A server that ended by itself is told of, once, with its last words, and started again: the other tests still count."""
    for box in [reference, *shards.values()]:
        if box.process.poll() is not None:
            _reports.append(f'MariaDB of {os.path.basename(box.directory)} stays up\nended with code {box.process.returncode}:\n'
                            f'{servers.tail(box.log, 40)}')
            box.start()


class StandIn:
    """A plain MariaDB in Weir's place."""
    def __init__(self):
        self.box = Mariadb(os.path.join(home, 'stand-in'), free_ports(1)[0])
        self.port = self.box.port
        self.box.start()
        self.box.sql(APP)
        shards['stand-in'] = self.box

    @staticmethod
    def alive():
        return True


def shared():
    """The Weir with the usual rules that most tests use; started when first asked for, and again if it died."""
    global _shared, generation
    check_servers()
    if _shared is None and STAND_IN:
        _shared = StandIn()
        reset_stand_in()
    if _shared is not None and not STAND_IN and not servers.port_answers(_shared.port):
        # A process that a sanitizer ends still writes its report.
        wait_until(lambda: not _shared.alive(), 20, 'end of a Weir that does not listen')
    if _shared is not None and not _shared.alive():
        report_death(_shared, 'weir.shared stays up')
        _shared = None
    if _shared is None:
        clear_servers()
        generation += 1
        _shared = make(name='shared')
        _shared.start()
        with Client(_shared.port) as c:
            for schema in ('shop', 'other', 'sbtest'):
                c.one(f'CREATE DATABASE IF NOT EXISTS {schema}')
    return _shared


def clear_servers():
    """Drops every database that the rules name, on the servers themselves."""
    for box in shards.values():
        box.sql(''.join(f'DROP DATABASE IF EXISTS {d};' for d in PHYSICAL))
    reference.sql(''.join(f'DROP DATABASE IF EXISTS {d}; CREATE DATABASE {d};' for d in ('shop', 'other', 'sbtest')))


def reset_stand_in():
    for box in (_shared.box, reference):
        box.sql(''.join(f'DROP DATABASE IF EXISTS {d}; CREATE DATABASE {d};' for d in ('shop', 'other', 'sbtest')))


class Case(unittest.TestCase):
    """A test with the shared Weir: clients are closed at its end, and a Weir that died in it is told with its last words."""
    maxDiff = 4000

    def setUp(self):
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        weir = _shared
        if weir is not None and not STAND_IN and weir.sanitizer_report():
            weir.await_exit(20)
        if weir is not None and not weir.alive():
            self.fail(f'weir died with code {weir.process.returncode}:\n'
                      f'{weir.sanitizer_report() or servers.tail(weir.log, 30)}')

    def client(self, user='app', password='app', database='shop', port=None, **options):
        c = Client(port or shared().port, user, password, database, **options)
        self.clients.append(c)
        return c

    def direct(self, where='plain', database=None):
        """A client of a server itself: 'plain', 's0', 's1' or 's2'."""
        box = reference if where == 'plain' else shards[where]
        c = Client(box.port, 'weir' if where != 'plain' else 'app', 'weir' if where != 'plain' else 'app', database)
        self.clients.append(c)
        return c

    def weir(self, **options):
        """A started Weir of the test's own, ended and checked after it."""
        weir = make(**options)
        self.addCleanup(end, weir)
        weir.start()
        return weir

    def assert_error(self, client, sql, code, words=''):
        err = client.error(sql)
        self.assertEqual(err.code, code, f'{sql[:200]}: {err}')
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word.lower(), err.message.lower(), f'{sql[:200]}: {err}')
        return err


def run(command, stdin='', timeout=120, **options):
    """A program's (exit code, output with its errors)."""
    done = subprocess.run(command, input=stdin, text=True, errors='surrogateescape', stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, **options)
    return done.returncode, done.stdout


__all__ = ['Case', 'Client', 'Err', 'Gone', 'Ok', 'Rows', 'ServerError', 'Trouble', 'end', 'free_ports', 'make', 'reference',
           'rules_text', 'run', 'shared', 'shards', 'wait_until']
