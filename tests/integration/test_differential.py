"""The same statements on a plain MariaDB and on Weir: no difference may be seen.

corpus/*.sql hold the statements, one test for each `---` section; 01_select.sql explains the marks. A section begins with
fresh connections; the tables are made anew for each file. After each section all tables are compared row by row.

The random part joins two co-located tables in ways that nobody would write; its seed is fixed (WEIR_SEED=n takes another).
A statement that differs is made smaller for as long as it still differs, and then told.
"""
import glob
import os
import random
import re
import unittest

import same
import world
from wire import DEPRECATE_EOF, FOUND_ROWS, MULTI_STATEMENTS, PLUGIN_AUTH, USUAL, Err

HERE = os.path.dirname(os.path.abspath(__file__))
refusals = {}          # reason -> number of statements


def split(text):
    """Statements of a text: each ends with ';' at the end of a line. A text on one line may hold several."""
    out, lines = [], []
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if line.rstrip().endswith(';'):
            statement = ''.join(lines).rstrip()
            # The last ';' ends the statement in the file; others, in front, belong to the text.
            out.append(statement[:-1])
            lines = []
    rest = ''.join(lines).strip()
    assert not rest, f'no ; at the end of: {rest}'
    return out


def read_corpus(path):
    """[(name, [(marks, session, statement)])] of a file."""
    sections = []
    with open(path, encoding='utf-8') as f:
        text = f.read()
    for part in re.split(r'^--- *', text, flags=re.M)[1:]:
        name, _, body = part.partition('\n')
        session, steps = 'a', []
        for piece in re.split(r'(?m)^(?=--! )', body):
            marks = set()
            if piece.startswith('--! '):
                mark, _, piece = piece[4:].partition('\n')
                if mark.startswith('session '):
                    session = mark.split()[1]
                else:
                    marks = {mark.strip()}
            statements = split(piece.strip('\n') + '\n') if piece.strip() else []
            for i, statement in enumerate(statements):
                steps.append((marks if i == 0 else set(), session, statement))
        sections.append((name.strip(), steps))
    return sections


def is_ordered(sql, marks):
    """Does the answer have an order? One that ORDER BY gives, or a SHOW, or a single row."""
    return 'ties' not in marks and bool(re.search(r'\border\s+by\b(?!\s+null)', sql, re.I)
                                        or re.match(r'\s*(show|desc|explain)', sql, re.I))


def told_by_weir(sql):
    """SHOW and its like: Weir may put the answer together itself, so that only names and values of its columns count."""
    return bool(re.match(r'\s*(show|desc|describe|explain)\b', sql, re.I)) or 'information_schema' in sql.lower()


TYPE_COLUMNS = '''
 id INT NOT NULL PRIMARY KEY, ti TINYINT, tu TINYINT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, bt BIT(9), y YEAR, f FLOAT, d DOUBLE,
 de DECIMAL(30,6), dt DATE, tm TIME, dtm DATETIME(3), ts TIMESTAMP NULL DEFAULT NULL, ch CHAR(10), vc VARCHAR(40), vb VARCHAR(40) COLLATE utf8mb4_bin,
 vu VARCHAR(40) COLLATE utf8mb4_unicode_ci, vl VARCHAR(40) CHARACTER SET latin1, tx TEXT, bin VARBINARY(20), bl BLOB,
 e ENUM('zebra','apple','Mango'), s SET('x','a','m')'''

VALUES = {
    'ti': ['NULL', '-128', '-1', '0', '1', '5', '5', '127'], 'tu': ['NULL', '0', '1', '127', '128', '255'],
    'bi': ['NULL', '-9223372036854775808', '-1', '0', '10', '9', '9223372036854775807'],
    'bu': ['NULL', '0', '1', '9223372036854775807', '9223372036854775808', '18446744073709551615'],
    'bt': ['NULL', "b'0'", "b'1'", "b'10'", "b'100000000'", "b'111111111'"], 'y': ['NULL', '1901', '2000', '2155', '0'],
    'f': ['NULL', '-1.5', '0', '1e-10', '3.14', '1e30', '-1e30'], 'd': ['NULL', '-2.5', '0', '1e-300', '2.718281828', '1e300', '-1e300', '10', '9'],
    'de': ['NULL', '0', '-0.000001', '0.000001', '123456789012345678901234.567890', '-99999.5', '10', '9.5', '10.000000'],
    'dt': ['NULL', "'1000-01-01'", "'2024-02-29'", "'9999-12-31'", "'2024-03-01'"],
    'tm': ['NULL', "'-838:59:59'", "'-00:00:01'", "'00:00:00'", "'09:59:59'", "'100:00:00'", "'838:59:59'"],
    'dtm': ['NULL', "'2024-01-01 00:00:00.001'", "'2024-01-01 00:00:00.010'", "'1000-01-01'", "'9999-12-31 23:59:59.999'"],
    'ts': ['NULL', "'2001-02-03 04:05:06'", "'2037-12-31 00:00:00'", "'1971-01-01 00:00:01'"],
    'ch': ['NULL', "''", "'a'", "'A'", "'b '", "'ab'", "'Z'"],
    'vc': ['NULL', "''", "'a'", "'A '", "'ä'", "'b'", "'B'", "'ab'", "'a b'", "'ß'", "'ss'", "'zebra'", "'Ω'", "'😀'", "'_x'", "'10'", "'9'"],
    'vb': ['NULL', "''", "'a'", "'A'", "'a '", "'ä'", "'B'", "'b'", "'a\\t'"],
    'vu': ['NULL', "''", "'cote'", "'côte'", "'Cote'", "'coté'", "'ss'", "'ß'", "'z'", "'æ'", "'ae'", "'日本'"],
    'vl': ['NULL', "''", "'é'", "'e'", "'E'", "'f'", "'ÿ'"], 'tx': ['NULL', "''", "'long'", "REPEAT('q', 300)", "'Long2'", "'a'"],
    'bin': ['NULL', "''", "x'00'", "x'0000'", "'a'", "'A'", "x'ff'", "'a '"], 'bl': ['NULL', "''", "x'00ff'", "'b'", "REPEAT('z', 200)"],
    'e': ['NULL', "'zebra'", "'apple'", "'Mango'"], 's': ['NULL', "''", "'x'", "'a'", "'x,a'", "'m'", "'x,a,m'"]}


def type_rows():
    """The same tricky rows each time: 48 of types_a, 40 of types_b (some without partner)."""
    r = random.Random(7)
    names = ['ti', 'tu', 'bi', 'bu', 'bt', 'y', 'f', 'd', 'de', 'dt', 'tm', 'dtm', 'ts', 'ch', 'vc', 'vb', 'vu', 'vl', 'tx', 'bin', 'bl', 'e', 's']
    a = [f'({i},' + ','.join(VALUES[n][(i - 1) % len(VALUES[n])] if i <= 17 else r.choice(VALUES[n]) for n in names) + ')'
         for i in range(1, 49)]
    b = [f"({i},{r.choice(['NULL', '1', '2', '3', '10'])},{r.choice(VALUES['vc'])},{r.choice(VALUES['de'])})"
         for i in [*range(1, 36), *range(60, 65)]]
    return [f'CREATE TABLE types_a ({TYPE_COLUMNS})',
            'CREATE TABLE types_b (id INT NOT NULL PRIMARY KEY, k INT, v VARCHAR(40), n DECIMAL(30,6))',
            'INSERT INTO types_a VALUES ' + ','.join(a), 'INSERT INTO types_b VALUES ' + ','.join(b)]


TABLES = ['countries', 'products', 'customers', 'orders', 'order_items', 'notes', 'words', 'visits', 'parcels', 'ledger',
          'tickets', 'types_a', 'types_b']


class Both:
    """A connection to the plain server and one to Weir, for the same statements."""

    def __init__(self, database='shop', capabilities=USUAL):
        self.weir = world.Client(world.shared().port, 'app', 'app', database, timeout=20, capabilities=capabilities)
        self.plain = world.Client(world.reference.port, 'app', 'app', database, capabilities=capabilities)

    def close(self):
        self.plain.close()
        self.weir.close()


filled = 0             # the generation of the shared Weir for which the tables were made


def fill():
    """Makes the corpus's tables on both sides; fails when the two do not take it alike."""
    global filled
    both = Both()
    filled = world.generation
    try:
        drop = ['DROP TABLE IF EXISTS ' + name for name in [*TABLES, 'scratch', 'temp_ddl', 'temp_multi', 'temp_notes', 'temp_notes2',
                                                           'temp_copy', 'bad', 'big', 'kept', 'counted']]
        with open(os.path.join(HERE, 'corpus/setup.sql'), encoding='utf-8') as f:
            setup = [s for s in split(f.read())]
        for sql in [*drop, 'DROP VIEW IF EXISTS temp_view', *setup, *type_rows()]:
            for client in (both.plain, both.weir):
                replies = client.query(sql)
                if isinstance(replies[-1], Err):
                    raise AssertionError(f'setup {"on the plain server" if client is both.plain else "through Weir"}: '
                                         f'{replies[-1]}\n{sql.strip()[:300]}')
        # A sequence goes on where an earlier test left it; the plain server is told to go on from there as well.
        last = both.weir.one("INSERT INTO tickets (title) VALUES ('x')").insert_id
        both.weir.one('DELETE FROM tickets')
        both.plain.one(f'ALTER TABLE tickets AUTO_INCREMENT = {last + 1}')
    finally:
        both.close()


def key_of(reason):
    """A refusal without the names in it, for counting."""
    return re.sub(r"['`\"][^'`\"]*['`\"]", "'..'", reason)[:110]


class Corpus(world.Case):
    capabilities = USUAL

    def setUp(self):
        super().setUp()
        world.shared()
        if filled != world.generation:                     # Weir died in an earlier test: that one says why
            fill()

    def play(self, steps):
        sessions, wrong, count = {}, [], 0
        self.addCleanup(lambda: [s.close() for s in sessions.values()])
        for marks, name, sql in steps:
            if name not in sessions:
                sessions[name] = Both(capabilities=self.capabilities)
            both = sessions[name]
            count += 1
            got = both.weir.query(sql)
            reason = same.refused(got)
            if 'refused' in marks and not world.STAND_IN:
                if not reason:
                    wrong.append(f'{sql}\n  must be refused, but: {got[-1]}')
                continue
            if reason:
                refusals[key_of(reason)] = refusals.get(key_of(reason), 0) + 1
                if 'may refuse' in marks:
                    continue
            want = both.plain.query(sql)
            found = same.differences(want, got, is_ordered(sql, marks), told_by_weir(sql))
            if found:
                wrong.append(f'{sql}\n' + '\n'.join('  ' + line for line in found))
        for session in sessions.values():
            session.close()
        sessions.clear()
        wrong += compare_tables()
        if wrong:
            self.fail(f'{len(wrong)} of {count} statements differ:\n' + '\n'.join(wrong))


def compare_tables():
    both, out = Both(), []
    try:
        for table in TABLES:
            sql = f'SELECT * FROM {table}'
            found = same.differences(both.plain.query(sql), both.weir.query(sql), False)
            if found:
                out.append(f'afterwards: {sql}\n' + '\n'.join('  ' + line for line in found))
    finally:
        both.close()
    return out


def corpus_class(path, word, capabilities=USUAL):
    """A test case for a file, a test for each section of it, in the file's order."""
    number = 0
    members = {'setUpClass': classmethod(lambda cls: fill()), 'capabilities': capabilities}
    for name, steps in read_corpus(path):
        number += 1

        def test(self, steps=steps):
            self.play(steps)
        members[f'test_{number:02}_{re.sub("[^a-z0-9]+", "_", name.lower())}'] = test
    return type(word, (Corpus,), members)


for _path in sorted(glob.glob(os.path.join(HERE, 'corpus/[0-9]*.sql'))):
    _word = 'Corpus_' + re.sub(r'^\d+_', '', os.path.basename(_path).removesuffix('.sql'))
    globals()[_word] = corpus_class(_path, _word)
# Clients that ask for other forms: results that end in EOF packets, no multi-statements and no plugins, affected rows that count the matched ones.
for _word, _file, _capabilities in (('Old_results', '04_order', USUAL & ~DEPRECATE_EOF), ('Old_aggregates', '03_aggregates', USUAL & ~DEPRECATE_EOF),
                                    ('Old_many', '10_multi', USUAL & ~DEPRECATE_EOF), ('Old_login', '01_select', USUAL & ~(DEPRECATE_EOF | MULTI_STATEMENTS | PLUGIN_AUTH)),
                                    ('Found_rows', '05_writes', USUAL | FOUND_ROWS)):
    globals()[_word] = corpus_class(os.path.join(HERE, f'corpus/{_file}.sql'), _word, _capabilities)


# ---- random statements ---------------------------------------------------------------------------------------------

class Maker:
    """Random SELECTs over types_a a and types_b b, as parts that can be taken away one by one."""

    NUMBERS = ['a.ti', 'a.tu', 'a.bi', 'a.bu', 'a.de', 'b.k', 'b.n', 'a.id']
    TEXTS = ['a.vc', 'a.vb', 'a.ch', 'a.vu', 'b.v', 'a.e', 'a.s']
    TIMES = ['a.dt', 'a.tm', 'a.dtm', 'a.ts', 'a.y']
    BYTES = ['a.bin', 'a.bl']

    def __init__(self, seed):
        self.r = random.Random(seed)

    def column(self, joined):
        while True:
            c = self.r.choice(self.NUMBERS * 2 + self.TEXTS + self.TIMES + self.BYTES)
            if joined or c.startswith('a.'):
                return c

    def condition(self, joined, depth=0):
        r = self.r
        if depth < 2 and r.random() < 0.3:
            return f'({self.condition(joined, depth + 1)} {r.choice(["AND", "OR"])} {self.condition(joined, depth + 1)})'
        kind = r.randrange(10)
        key = 'a.id' if not joined or r.random() < 0.7 else 'b.id'
        n = r.randint(0, 50)
        if kind == 0:
            return f'{key} = {n}'
        if kind == 1:
            return f'{key} IN ({", ".join(str(r.randint(0, 50)) for _ in range(r.randint(1, 5)))})'
        if kind == 2:
            return f'{key} BETWEEN {n} AND {n + r.randint(-2, 20)}'
        if kind == 3:
            return f'{key} {r.choice(["<", "<=", ">", ">=", "<>", "<=>"])} {n}'
        if kind == 4:
            return f"{key} = '{n}'"
        if kind == 5:
            return f'{self.column(joined)} IS {r.choice(["", "NOT "])}NULL'
        if kind == 6:
            name = r.choice([c for c in self.NUMBERS if joined or c.startswith('a.')])
            return f'{name} {r.choice(["=", "<", ">", "<>", "<=>"])} {r.choice(["0", "1", "5", "10", "-1", "9.5", "NULL"])}'
        if kind == 7:
            name = r.choice([c for c in self.TEXTS if joined or c.startswith('a.')])
            word = r.choice(["''", "'a'", "'B'", "'%b%'", "'apple'", "'ss'"])
            return f'{name} {r.choice(["=", "<", ">", "LIKE"])} {word}'
        if kind == 8:
            return f'NOT ({self.condition(joined, depth + 1)})'
        return f'{key} % {r.randint(2, 5)} = {r.randint(0, 2)}'

    def statement(self):
        r = self.r
        joined = r.random() < 0.6
        parts = {'joined': joined, 'join': r.choice(['JOIN', 'JOIN', 'LEFT JOIN']) if joined else '', 'where': [], 'group': [],
                 'order': [], 'limit': '', 'distinct': False, 'select': []}
        for _ in range(r.choice((0, 1, 1, 2))):
            parts['where'].append(self.condition(joined))
        shape = r.random()
        if shape < 0.45:                                                     # rows
            parts['select'] = ['a.id', *(self.column(joined) for _ in range(r.randint(0, 3)))]
            parts['order'] = [self.column(joined) + r.choice(['', ' DESC']) for _ in range(r.randint(0, 2))]
            if parts['order'] or r.random() < 0.5:
                parts['order'].append('a.id' + r.choice(['', ' DESC']))
                if r.random() < 0.6:
                    parts['limit'] = r.choice(['LIMIT 5', 'LIMIT 0', 'LIMIT 3, 7', 'LIMIT 10 OFFSET 2', 'LIMIT 1000'])
        elif shape < 0.6:                                                    # distinct
            chosen = r.sample([c for c in self.NUMBERS + ['a.e', 'a.bin', 'a.dt'] if joined or c.startswith('a.')], r.randint(1, 2))
            parts.update(distinct=True, select=chosen, order=list(chosen))
            if r.random() < 0.4:
                parts['limit'] = 'LIMIT 4'
        else:
            names = [c for c in self.NUMBERS if joined or c.startswith('a.')]
            exact = [c for c in names]
            parts['select'] = [self.aggregate(exact) for _ in range(r.randint(1, 4))]
            if shape > 0.75:                                                 # groups
                keys = r.sample([c for c in ['a.ti', 'a.e', 'a.y', 'a.bin', 'a.id', 'b.k', 'a.dt', 'a.de'] if joined or c.startswith('a.')],
                                r.randint(1, 2))
                parts['group'] = keys
                parts['select'] = keys + parts['select']
                parts['order'] = [k + r.choice(['', ' DESC']) for k in keys]
                if r.random() < 0.3:
                    parts['limit'] = r.choice(['LIMIT 3', 'LIMIT 2, 2'])
        return parts

    def aggregate(self, names):
        r = self.r
        kind = r.choice(['COUNT(*)', 'COUNT', 'SUM', 'MIN', 'MAX', 'AVG'])
        if kind == 'COUNT(*)':
            return kind
        if kind in ('MIN', 'MAX', 'COUNT') and r.random() < 0.3:
            return f'{kind}({r.choice(self.TIMES + ["a.bin"])})'
        return f'{kind}({r.choice(names)})'


def render(p):
    out = 'SELECT ' + ('DISTINCT ' if p['distinct'] else '') + ', '.join(p['select']) + ' FROM types_a a'
    if p['joined']:
        out += f' {p["join"]} types_b b ON a.id = b.id'
    if p['where']:
        out += ' WHERE ' + ' AND '.join(p['where'])
    if p['group']:
        out += ' GROUP BY ' + ', '.join(p['group'])
    if p['order']:
        out += ' ORDER BY ' + ', '.join(p['order'])
    return out + (f' {p["limit"]}' if p['limit'] else '')


def decided(p):
    """Does ORDER BY decide the order fully? (a.id is unique; so are groups and distinct rows by all of their columns.)"""
    plain = [o.removesuffix(' DESC') for o in p['order']]
    if p['distinct']:
        return set(plain) >= set(p['select'])
    if p['group']:
        return set(plain) >= set(p['group'])
    return 'a.id' in plain


class Random(world.Case):
    COUNT = int(os.environ.get('WEIR_RANDOM', '600'))

    @classmethod
    def setUpClass(cls):
        fill()

    def compare(self, both, p):
        sql = render(p)
        got = both.weir.query(sql)
        reason = same.refused(got)
        if reason:
            return [], reason
        return same.differences(both.plain.query(sql), got, decided(p)), ''

    def smaller(self, both, p):
        """Takes parts away for as long as the statement still differs."""
        going = True
        while going:
            going = False
            for change in self.changes(p):
                if p['limit'] and not decided(change) or not change['select']:
                    continue
                try:
                    if self.compare(both, change)[0]:
                        p, going = change, True
                        break
                except world.Gone:
                    both.close()
                    both.__init__()
        return p

    @staticmethod
    def changes(p):
        for name in ('limit', 'distinct'):
            if p[name]:
                yield {**p, name: type(p[name])()}
        for name in ('where', 'order', 'select', 'group'):
            for i in range(len(p[name])):
                rest = p[name][:i] + p[name][i + 1:]
                change = {**p, name: rest}
                if name == 'group':
                    gone = p[name][i]
                    change['select'] = [s for s in p['select'] if s != gone]
                    change['order'] = [o for o in p['order'] if o.removesuffix(' DESC') != gone]
                yield change

    def test_random_selects(self):
        maker, both = Maker(int(os.environ.get('WEIR_SEED', '20240601'))), Both()
        self.addCleanup(both.close)
        answered, refused, wrong, seen = 0, {}, [], set()
        for _ in range(self.COUNT):
            p = maker.statement()
            found, reason = self.compare(both, p)
            if reason:
                refused[key_of(reason)] = refused.get(key_of(reason), 0) + 1
                continue
            answered += 1
            if found and len(wrong) < 8:
                small = self.smaller(both, p)
                found = self.compare(both, small)[0] or found
                shape = re.sub(r'\d+', '0', render(small))
                if shape not in seen:
                    seen.add(shape)
                    wrong.append(f'{render(small)}\n' + '\n'.join('  ' + line for line in found))
        for reason, n in sorted(refused.items(), key=lambda item: -item[1]):
            print(f'      {n:4} refused: {reason}')
        if wrong:
            self.fail('different:\n' + '\n'.join(wrong))
        self.assertGreater(answered, self.COUNT * 3 // 4, 'too many statements were refused')


    def test_random_writes(self):
        """INSERT in its forms, UPDATE and DELETE over types_b: the same replies, and at the end the same rows."""
        r, both, wrong = random.Random(int(os.environ.get('WEIR_SEED', '20240602'))), Both(), []
        self.addCleanup(both.close)
        for _ in range(self.COUNT // 2):
            sql = self.write(r)
            got = both.weir.query(sql)
            if same.refused(got):
                self.fail(f'refused: {sql}: {got[-1]}')
            want = both.plain.query(sql)
            # Of several duplicates one server names the first in the statement, several name that of the shard that said so first.
            if isinstance(want[-1], Err) and isinstance(got[-1], Err) and want[-1].code == got[-1].code == 1062:
                continue
            found = same.differences(want, got)
            if found:
                wrong.append(f'{sql}\n' + '\n'.join('  ' + line for line in found))
        wrong += compare_tables()
        self.assertFalse(wrong, '\n'.join(wrong[:8]))

    @staticmethod
    def write(r):
        def row():
            return f"({r.randint(1, 90)}, {r.choice(['NULL', '1', '2', '10'])}, {r.choice(VALUES['vc'])}, {r.choice(['NULL', '0', '1.5', '-7'])})"
        # A row is written once in a statement: which of two wins would be right either way, but is one server's own affair.
        rows = {}
        for text in (row() for _ in range(r.choice((1, 1, 2, 5, 12)))):
            rows[text.split(',')[0]] = text
        rows = ', '.join(rows.values())
        where = r.choice((f'id = {r.randint(1, 90)}', f'id IN ({r.randint(1, 90)}, {r.randint(1, 90)}, {r.randint(1, 90)})',
                          f'id BETWEEN {r.randint(1, 90)} AND {r.randint(1, 90)}', 'k = 2', 'k IS NULL AND id > 40', f'n < {r.randint(-5, 5)}',
                          f'id = {r.randint(1, 90)} OR v = \'a\''))
        return r.choice((f'INSERT INTO types_b VALUES {rows}', f'INSERT IGNORE INTO types_b VALUES {rows}', f'REPLACE INTO types_b VALUES {rows}',
                         f'INSERT INTO types_b VALUES {rows} ON DUPLICATE KEY UPDATE k = 5, n = IFNULL(n, 0) + 1',
                         f'INSERT INTO types_b (n, id) VALUES (1, {r.randint(1, 90)}), (2, {r.randint(91, 180)})',
                         f"UPDATE types_b SET v = 'set', k = k + 1 WHERE {where}", f'UPDATE types_b SET n = {r.randint(-3, 3)} WHERE {where}', f'DELETE FROM types_b WHERE {where}'))


class Told(unittest.TestCase):
    """Runs last in this file: what was refused, by reason."""

    def test_zz_refusals(self):
        for reason, n in sorted(refusals.items(), key=lambda item: -item[1]):
            print(f'      {n:4} refused: {reason}')


del Corpus  # only the classes made above are tests
