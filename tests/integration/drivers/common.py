"""common.py - what the Python drivers and ORMs share: where to connect, the lines they print, the values that must come back.

A driver's program tells one line a case, `ok NAME`, `not ok NAME: why` or `skip NAME: why`, and `done` as its last word.
"""
import datetime
import decimal
import os
import re
import sys
import traceback

HOST = os.environ['DRIVER_HOST']
PORT = int(os.environ['DRIVER_PORT'])
USER = os.environ['DRIVER_USER']
PASSWORD = os.environ['DRIVER_PASSWORD']
SCHEMA = os.environ['DRIVER_SCHEMA']
SHARDED = os.environ.get('DRIVER_KIND') == 'sharded'
TLS = os.environ.get('DRIVER_TLS') == '1'
CA = os.environ.get('DRIVER_CA')
ONLY = [w for w in os.environ.get('DRIVER_CASES', '').split(',') if w]
HERE = os.path.dirname(os.path.abspath(__file__))

BYTES = bytes(range(256))
# (column, the value that is written and must come back)
VALUES = [
    ('bytes', BYTES),
    ('amount', decimal.Decimal('12345678901234567890123456789012345.123456789012345678901234567890')),
    ('moment', datetime.datetime(2024, 2, 29, 23, 59, 59, 123456)),
    ('biggest', 2**64 - 1),
    ('lowest', -2**31),
    ('tiny', -128),
    ('smallest', -2**63),
    ('ratio', 0.30000000000000004),
    ('fraction', -0.15625),
    ('document', '{"a": [1, null, "ü"], "b": {}}'),
    ('bits', 0b101010101010),
    ('words', '😀 naïve 日本 \' " \\ %'),
    ('nothing', ''),
    ('missing', None),
]


class Skip(Exception):
    pass


def statements(name='tables.sql'):
    with open(os.path.join(HERE, name), encoding='utf-8') as f:
        text = re.sub(r'(?m)^--.*\n', '', f.read())
    return [s.strip() for s in text.split(';\n') if s.strip()]


def say(line):
    sys.stdout.write(' '.join(line.split()) + '\n')
    sys.stdout.flush()


def case(name, function):
    """Runs one case; whatever it raises is its `why`."""
    if ONLY and not any(name == w or name.startswith(w + '_') for w in ONLY):
        return
    try:
        function()
    except Skip as e:
        say(f'skip {name}: {e}')
    except Exception as e:
        frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename.startswith(HERE)]
        say(f'not ok {name}: {type(e).__name__} at line {frames[-1].lineno if frames else 0}: {str(e)[:300]}')
    else:
        say(f'ok {name}')


def same(got, want):
    if got != want or type(got) is not type(want):
        raise AssertionError(f'{want!r:.150} expected, {got!r:.150} came')


def raises(code, state, function, read):
    """function() must fail with MySQL's error `code`; read(exception) gives (code, state); a state of None is not known to the driver."""
    try:
        function()
    except Exception as e:
        got = read(e)
        if got[0] != code or (got[1] is not None and got[1] != state):
            raise AssertionError(f'error {code} ({state}) expected, {got} came: {e}') from e
        return
    raise AssertionError(f'error {code} expected, none came')


def done():
    say('done')
