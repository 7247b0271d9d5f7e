"""run_tests.py - runs the unit programs and the integration tests and adds them up.

Unit and golden tests are cmocka programs that ctest knows. They are run with CMOCKA_MESSAGE_OUTPUT=TAP, so that test
cases are counted and not programs; a program that ends badly without naming a failed case counts as one failure.
Integration tests are Python's unittest, in tests/integration.
"""
import os
import re
import subprocess
import sys
import time
import traceback
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INTEGRATION = os.path.join(ROOT, 'tests/integration')
sys.path[:0] = [os.path.join(ROOT, 'tools'), INTEGRATION]


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.failures = []

    def add(self, outcome, name, seconds=None, why=''):
        setattr(self, outcome, getattr(self, outcome) + 1)
        word = {'passed': 'ok  ', 'failed': 'FAIL', 'skipped': 'skip'}[outcome]
        took = '' if seconds is None else f'  ({seconds:.1f} s)'
        print(f'{word}  {name}{took}{"  " + why if why else ""}', flush=True)
        if outcome == 'failed':
            self.failures.append(name)


# ---- unit and golden -----------------------------------------------------------------------------------------------

def run_unit(tally, words):
    build = os.path.join(ROOT, 'build/asan')
    command = ['ctest', '-V', '-j2', '--timeout', '300', '--no-tests=error']
    if words:
        command += ['-R', '|'.join(map(re.escape, words))]
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP')
    ctest = subprocess.Popen(command, cwd=build, env=environment, text=True, errors='replace',
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    names, output, named_failures = {}, {}, {}
    for line in ctest.stdout:
        line = line.rstrip('\n')
        match = re.match(r'(?: *)(\d+): (.*)', line)
        if match:
            number, text = match[1], match[2]
            output.setdefault(number, []).append(text)
            case = re.match(r'(not )?ok \d+ (?:- )?(.*)', text)
            if case:
                name = f'{names.get(number, number)}: {case[2].replace("# SKIP ", "")}'
                if '# SKIP' in case[2]:
                    tally.add('skipped', name)
                elif case[1]:
                    named_failures[number] = True
                    tally.add('failed', name)
                else:
                    tally.add('passed', name)
            continue
        match = re.match(r'test +(\d+)$', line)
        if match:
            continue
        match = re.match(r' *Start +(\d+): (\S+)', line)
        if match:
            names[match[1]] = match[2]
            continue
        match = re.match(r' *\d+/\d+ Test +#(\d+): (\S+) \.*(.*)', line)
        if match and 'Passed' not in match[3]:
            if not named_failures.get(match[1]):
                tally.add('failed', match[2], why=' '.join(match[3].replace('*', ' ').split()))
            print('\n'.join('      ' + text for text in output.get(match[1], [])[-60:]), flush=True)
        elif match and not any(re.match(r'(not )?ok ', text) for text in output.get(match[1], [])):
            tally.add('passed', match[2])           # a program that does not speak TAP
    if ctest.wait() != 0 and not tally.failed:
        tally.add('failed', 'ctest', why=f'ended with code {ctest.returncode}')


# ---- integration ---------------------------------------------------------------------------------------------------

def short_name(test):
    """test_faults.Login.test_wrong_password -> faults: wrong password (Login)"""
    words = test.id().split('.')
    if len(words) < 3 or not isinstance(test, unittest.TestCase) or test.id().startswith('unittest'):
        return re.sub(r'[()]', ' ', test.id()).strip()
    return f'{words[0].removeprefix("test_")}.{words[1]}.{words[2].removeprefix("test_")}'


class Result(unittest.TestResult):
    """One line a test as soon as it ends; the whole story of a failure right below."""

    def __init__(self, tally):
        super().__init__()
        self.tally = tally

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.sub_failures = []

    def lines(self, test):
        """A test that runs a program whose every line is a case has them in `told`. True when they tell all there is to tell."""
        for outcome, case, why in getattr(test, 'told', ()):
            self.tally.add(outcome, f'{short_name(test)}: {case}', None, why)
        return any(outcome == 'failed' for outcome, _, _ in getattr(test, 'told', ()))

    def took(self):
        return time.monotonic() - self.began if hasattr(self, 'began') else 0.0

    def addSuccess(self, test):
        self.lines(test)
        if not self.sub_failures and not getattr(test, 'told', ()):
            self.tally.add('passed', short_name(test), self.took())

    def addSkip(self, test, reason):
        self.tally.add('skipped', short_name(test), why=reason)

    def addFailure(self, test, err):
        if not self.lines(test) or not issubclass(err[0], AssertionError) or 'come to its end' in str(err[1]):
            self.tally.add('failed', short_name(test), self.took())
            self.tell(err)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            first = not self.sub_failures
            self.sub_failures.append(subtest)
            if first:
                self.tally.add('failed', short_name(test), self.took())
            self.tell(err)

    @staticmethod
    def tell(err):
        kind, value, trace = err
        if issubclass(kind, AssertionError) or kind.__name__ in ('Trouble',):
            frames = [f for f in traceback.extract_tb(trace) if INTEGRATION in f.filename]
            place = f'{os.path.basename(frames[0].filename)}:{frames[0].lineno}: ' if frames else ''
            text = f'{place}{value}'
        else:
            text = ''.join(traceback.format_exception(kind, value, trace)[-8:])
        print('\n'.join('      ' + line for line in text.rstrip().splitlines()[:80]), flush=True)


def each(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from each(item)
        else:
            yield item


def chosen(words):
    """The tests whose name contains one of the words, grouped by class as unittest needs it for class fixtures."""
    found = unittest.defaultTestLoader.discover(INTEGRATION, pattern='test_*.py', top_level_dir=INTEGRATION)
    tests = [t for t in each(found) if not words or any(word in t.id() or word in short_name(t) for word in words)]
    return unittest.TestSuite(tests)


def run_lines(tally, prefix, command, environment=None):
    """A program that prints a line a case, `ok ...` or `FAIL...`/`FAILED ...`, and fails when one did."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, text=True, errors='replace', stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300, env=environment)
    cases = 0
    for line in done.stdout.splitlines():
        word, _, name = line.strip().partition(' ')
        if word in ('ok', 'FAIL', 'FAILED'):
            cases += 1
            tally.add('passed' if word == 'ok' else 'failed', f'{prefix}: {name.strip()}')
    if done.returncode != 0 or not cases:
        tally.add('failed', prefix, time.monotonic() - began, f'ended with code {done.returncode}')
        print('\n'.join('      ' + line for line in done.stdout.splitlines()[-30:]))


def run_programs(tally, world):
    """What needs real servers but no Weir: the control thread, the merge's weights; and the bench's own instruments."""
    box = world.shards['s0']
    for name in ('control_check', 'merge_check'):
        program = os.path.join(ROOT, 'build', 'asan', 'tests', name)
        if os.access(program, os.X_OK):
            run_lines(tally, name, [program, '127.0.0.1', str(box.port), 'app', 'app'])
        else:
            tally.add('skipped', name, why='not built')
    run_lines(tally, 'bench/selftest', [os.path.join(ROOT, 'tests', 'bench', 'selftest')])


def run_integration(tally, words):
    import world
    suite = chosen(words)
    if not suite.countTestCases():
        print(f'No integration test has {" or ".join(words)} in its name.')
        tally.add('failed', 'integration', why='no test chosen')
        return
    world.chosen_ids = frozenset(test.id() for test in each(suite))
    try:
        world.start()
        if not words:
            run_programs(tally, world)
        suite.run(Result(tally))
    finally:
        for report in world.stop():
            tally.add('failed', report.split('\n')[0])
            print('\n'.join('      ' + line for line in report.splitlines()[1:60]))


def main():
    what, words = (sys.argv[1] if len(sys.argv) > 1 else 'all'), sys.argv[2:]
    if what == 'list':
        for test in chosen(words):
            print(short_name(test))
        return 0
    tally, began = Tally(), time.monotonic()
    try:
        if what in ('all', 'unit') and not (what == 'all' and os.environ.get('WEIR_BINARY')):
            run_unit(tally, words if what == 'unit' else [])
        if what in ('all', 'integration'):
            run_integration(tally, words if what == 'integration' else [])
    except KeyboardInterrupt:
        tally.add('failed', 'interrupted')
    except Exception as e:                             # the servers could not start, or the like
        tally.add('failed', 'the test run itself', why=f'{type(e).__name__}: {e}')
        if type(e).__name__ != 'Trouble':
            traceback.print_exc()
    if tally.failures:
        print('\nFailed:\n' + '\n'.join('  ' + name for name in tally.failures))
    print(f'\n{time.monotonic() - began:.0f} s')
    print(f'{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped', flush=True)
    return 1 if tally.failed or not tally.passed else 0


if __name__ == '__main__':
    sys.exit(main())
