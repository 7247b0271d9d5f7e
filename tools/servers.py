"""servers.py - private MariaDB servers and Weir processes for quickstart and for the tests.

Each server lives in a directory of its own (data, socket, log, pid file), listens on loopback only and is stopped through
its pid file, after a check that the pid is still that of the server. No system service, no system account and no
configuration file of the machine takes part.

    box = Mariadb('.quickstart/s0', 4411)
    box.start()                    # makes the data directory the first time
    box.sql('CREATE DATABASE d')
    box.stop()
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class Trouble(Exception):
    """Something that the person at the keyboard must know; its text is the whole message."""


def wait_until(condition, seconds, what):
    """Waits for condition() to be true and returns its value; a Trouble with `what` when the time is over."""
    end = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Trouble(f'{what}: not within {seconds} s')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def port_answers(port, host='127.0.0.1'):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((host, port)) == 0


def port_owner(port):
    """'pid (program)' of the process that listens on the port, '' when none does or it is not ours to see."""
    inodes = set()
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        try:
            lines = open(table).read().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[3] == '0A' and int(words[1].split(':')[1], 16) == port:
                inodes.add(f'socket:[{words[9]}]')
    if not inodes:
        return ''
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            for fd in os.listdir(f'/proc/{pid}/fd'):
                if os.readlink(f'/proc/{pid}/fd/{fd}') in inodes:
                    return f'{pid} ({command_of(int(pid)).split(" ")[0]})'
        except OSError:
            continue
    return 'another process'


handed_out = set()


def free_ports(count, start=21000, end=32000):
    """Ports nobody listens on, below the range from which the kernel takes ports for outgoing connections; each is given once."""
    found = []
    port = start + (os.getpid() * 37) % (end - start - 1000)
    while len(found) < count:
        port += 1
        if port >= end:
            raise Trouble('no free port')
        if port in handed_out:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        found.append(port)
        handed_out.add(port)
    return found


def command_of(pid):
    """The command line of a process that runs; '' when there is none (or only its zombie)."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            if f.read().rpartition(')')[2].split()[0] in 'ZX':
                return ''
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read().replace(b'\0', b' ').decode(errors='replace').strip()
    except OSError:
        return ''


def ours(pid_file, mark):
    """The pid in the file, if a process with `mark` in its command line has it; else None."""
    try:
        pid = int(open(pid_file).read().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if mark in command_of(pid) else None


def end_by_pid_file(pid_file, mark, seconds, process=None):
    """SIGTERM, then SIGKILL after `seconds`. True when there was something to end."""
    pid = ours(pid_file, mark)
    if pid is None:
        return False

    def gone():
        if process is not None:
            process.poll()
        return mark not in command_of(pid)

    os.kill(pid, signal.SIGTERM)
    try:
        wait_until(gone, seconds, f'end of pid {pid}')
    except Trouble:
        os.kill(pid, signal.SIGKILL)
        wait_until(gone, 10, f'end of pid {pid} after SIGKILL')
    return True


class Mariadb:
    """One MariaDB server in `directory`, on 127.0.0.1:port, with the account weir/weir for Weir."""

    OPTIONS = (
        '--innodb-buffer-pool-size=48M', '--innodb-log-file-size=16M', '--innodb-flush-log-at-trx-commit=0',
        '--innodb-doublewrite=0', '--key-buffer-size=1M', '--aria-pagecache-buffer-size=1M', '--table-open-cache=400',
        '--performance-schema=OFF', '--skip-log-bin', '--max-connections=300', '--max-allowed-packet=128M',
        '--character-set-server=utf8mb4', '--collation-server=utf8mb4_general_ci', '--skip-name-resolve',
        '--innodb-print-all-deadlocks=OFF')

    def __init__(self, directory, port, options=()):
        self.directory = os.path.abspath(directory)
        self.port = port
        self.options = options
        self.data = os.path.join(self.directory, 'data')
        self.pid_file = os.path.join(self.directory, 'pid')
        self.log = os.path.join(self.directory, 'log')
        # A Unix socket's path has a limit of 107 bytes, which a deep checkout exceeds.
        self.socket = os.path.join(self.directory, 'sock')
        if len(self.socket) > 100:
            self.socket = os.path.join(tempfile.gettempdir(), f'weir-{os.getuid()}-{port}.sock')
        # Internal temporary tables are files named by the server's pid: servers of two pid namespaces must not share /tmp.
        self.tmp = os.path.join(self.directory, 'tmp')
        self.process = None

    def create(self, template=None):
        """Makes the data directory, as a copy of `template`'s where given (that takes a tenth of the time)."""
        if os.path.isdir(os.path.join(self.data, 'mysql')):
            return
        os.makedirs(self.tmp, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        if template:
            shutil.copytree(template, self.data)
            return
        making = self.data + '.new'
        shutil.rmtree(making, ignore_errors=True)
        command = ['mariadb-install-db', '--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db',
                   '--force',                       # a fresh machine may not be able to look up its own name
                   f'--datadir={making}', f'--tmpdir={self.tmp}', *self.user(), *self.OPTIONS]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Trouble(f'mariadb-install-db failed:\n{done.stdout}')
        os.rename(making, self.data)

    @staticmethod
    def user():
        return ['--user=root'] if os.getuid() == 0 else []

    def pid(self):
        return ours(self.pid_file, self.data)

    def start(self, template=None, wait=True):
        if self.pid():
            return
        self.create(template)
        if port_answers(self.port):
            raise Trouble(f'port {self.port} is taken by process {port_owner(self.port)}: stop it, then try again')
        os.makedirs(self.tmp, exist_ok=True)
        command = ['mariadbd', '--no-defaults', *self.user(), f'--datadir={self.data}', f'--tmpdir={self.tmp}', f'--socket={self.socket}',
                   f'--pid-file={self.pid_file}', '--bind-address=127.0.0.1', f'--port={self.port}', *self.OPTIONS,
                   *self.options]
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, cwd=self.directory)
        if wait:
            self.wait()

    def wait(self, seconds=60):
        def up():
            if self.process is not None and self.process.poll() is not None:
                raise Trouble(f'the MariaDB server of {self.directory} ended at start:\n{tail(self.log)}')
            return self.pid() and port_answers(self.port)
        wait_until(up, seconds, f'MariaDB server on port {self.port} (log: {self.log})')
        self.sql("DROP USER IF EXISTS ''@localhost; "
                 "CREATE USER IF NOT EXISTS weir@'%' IDENTIFIED BY 'weir'; "
                 "GRANT ALL PRIVILEGES ON *.* TO weir@'%' WITH GRANT OPTION")

    def sql(self, text, database=''):
        """Runs SQL as root over the Unix socket and gives the output back, tabs between columns."""
        done = subprocess.run(['mariadb', '--no-defaults', '--batch', '--skip-column-names', '-u', 'root',
                               f'--socket={self.socket}', *([database] if database else [])],
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Trouble(f'server on port {self.port}: {done.stderr.strip()}')
        return done.stdout

    def stop(self):
        ended = end_by_pid_file(self.pid_file, self.data, 30, self.process)
        if self.process is not None and self.process.poll() is None:      # a child whose pid file somebody removed
            self.process.terminate()
            self.process.wait(30)
        return ended

    def kill(self):
        """As a crash would: no shutdown, clients see the connection break."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: (self.process is None or self.process.poll() is not None) and not command_of(pid), 10,
                       f'end of MariaDB {pid}')


SANITIZER_WORDS = ('AddressSanitizer', 'LeakSanitizer', 'UndefinedBehaviorSanitizer', 'ThreadSanitizer',
                   'runtime error:')


class Weir:
    """One `weir serve` on 127.0.0.1:port with the rule file `rules`; its output goes to `directory`/weir.out."""

    def __init__(self, binary, directory, rules, port):
        self.binary = os.path.abspath(binary)
        self.directory = os.path.abspath(directory)
        self.rules = os.path.abspath(rules)
        self.port = port
        self.pid_file = os.path.join(self.directory, 'weir.pid')
        self.log = os.path.join(self.directory, 'weir.out')
        self.process = None
        self.told_to_stop = False

    def pid(self):
        return ours(self.pid_file, self.rules)

    def start(self, wait=True, seconds=30):
        if self.pid():
            return self
        if port_answers(self.port):
            raise Trouble(f'port {self.port} is taken by process {port_owner(self.port)}: stop it, then try again')
        os.makedirs(self.directory, exist_ok=True)
        environment = dict(os.environ)
        # A leak or a fault ends in an exit code of its own; freed memory is not kept for long, so that what the process
        # holds can be measured.
        environment.setdefault('ASAN_OPTIONS', 'exitcode=99:detect_leaks=1:quarantine_size_mb=8')
        environment.setdefault('UBSAN_OPTIONS', 'print_stacktrace=1')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([self.binary, 'serve', self.rules], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, cwd=self.directory, env=environment)
        with open(self.pid_file, 'w') as f:
            f.write(f'{self.process.pid}\n')
        if wait:
            self.wait(seconds)
        return self

    def wait(self, seconds=30):
        def up():
            if self.process is not None and self.process.poll() is not None:
                raise Trouble(f'weir ended at start with code {self.process.returncode}:\n{tail(self.log)}')
            return port_answers(self.port)
        wait_until(up, seconds, f'weir on port {self.port} (log: {self.log})')

    def stop(self, seconds=40):
        """SIGTERM and wait. Gives the exit code where the process is a child of this one."""
        if self.process is None:
            return end_by_pid_file(self.pid_file, self.rules, seconds)
        self.terminate()
        return self.await_exit(seconds)

    def terminate(self):
        self.told_to_stop = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def await_exit(self, seconds=30):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Trouble(f'weir did not end within {seconds} s (log: {self.log})') from None

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def output(self):
        try:
            with open(self.log, errors='replace') as f:
                return f.read()
        except OSError:
            return ''

    def rss_kib(self):
        with open(f'/proc/{self.process.pid}/status') as f:
            for line in f:
                if line.startswith('VmRSS'):
                    return int(line.split()[1])
        return 0

    def connections(self, end, port):
        """TCP connections of the process whose local (end=1) or remote (end=2) port is `port`."""
        mine = set()
        for fd in os.listdir(f'/proc/{self.process.pid}/fd'):
            try:
                mine.add(os.readlink(f'/proc/{self.process.pid}/fd/{fd}'))
            except OSError:
                continue
        found = 0
        with open('/proc/net/tcp') as f:
            for line in f.read().splitlines()[1:]:
                words = line.split()
                found += words[3] == '01' and int(words[end].split(':')[1], 16) == port and f'socket:[{words[9]}]' in mine
        return found

    def connections_to(self, port):
        return self.connections(2, port)

    def clients(self):
        return self.connections(1, self.port)

    def sanitizer_report(self):
        """What ASan, LSan or UBSan said, from its first line on; '' when nothing."""
        text = self.output()
        places = [text.find(word) for word in SANITIZER_WORDS if word in text]
        if not places:
            return ''
        start = text.rfind('\n', 0, min(places)) + 1
        return text[start:start + 6000]


def tail(path, lines=15):
    try:
        with open(path, errors='replace') as f:
            return '\n'.join(f.read().splitlines()[-lines:])
    except OSError as e:
        return str(e)
