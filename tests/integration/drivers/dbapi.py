"""dbapi.py - the cases of PyMySQL and mysqlclient, which share Python's DB-API.

Both speak the text protocol only: parameters are put into the text by the driver. PREPARE and EXECUTE in SQL stand for prepared
statements. The program gives connect(**options), its unbuffered cursor class and the flag for multi statements.
"""
from common import *

make = None            # the program's connect()


def with_connection(function, **options):
    def run():
        c = make(**options)
        try:
            function(c)
        finally:
            if c.open:
                c.close()
    return run


def one(c, sql, *args):
    with c.cursor() as cursor:
        cursor.execute(sql, args or None)
        return cursor.fetchone()


def do(c, sql, *args):
    with c.cursor() as cursor:
        cursor.execute(sql, args or None)
        return cursor.rowcount, cursor.lastrowid


def basic(c):
    same(one(c, 'SELECT DATABASE(), 1 + 1'), (SCHEMA, 2))
    same(one(c, 'SELECT CONNECTION_ID()')[0], c.thread_id())
    c.ping()


def tls(c):
    name, cipher = one(c, "SHOW STATUS LIKE 'Ssl_cipher'")
    if not cipher:
        raise AssertionError('no cipher')


def ddl(c):
    for sql in statements():
        do(c, sql)
    do(c, 'ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL')
    with c.cursor() as cursor:
        cursor.execute('SHOW COLUMNS FROM items')
        same([r[0] for r in cursor.fetchall()], ['id', 'title', 'points', 'note'])
    do(c, 'ALTER TABLE items DROP COLUMN note')
    with c.cursor() as cursor:
        cursor.execute('SHOW TABLES')
        same(sorted(r[0] for r in cursor.fetchall()), ['big', 'items', 'many', 'things'])


def generated_id(c):
    _, first = do(c, 'INSERT INTO items (title) VALUES (%s)', 'one')
    same(one(c, 'SELECT LAST_INSERT_ID()')[0], first)
    affected, three = do(c, 'INSERT INTO items (title, points) VALUES (%s, 1), (%s, 2), (%s, 3)', 'a', 'b', 'c')
    same(affected, 3)
    same([one(c, 'SELECT title FROM items WHERE id = %s', three + i) for i in range(3)], [('a',), ('b',), ('c',)])
    if three <= first:
        raise AssertionError('the ids do not grow')


def crud(c):
    _, key = do(c, 'INSERT INTO items (title, points) VALUES (%s, %s)', "it's \\ 100%", 5)
    same(one(c, 'SELECT id, title, points FROM items WHERE id = %s', key), (key, "it's \\ 100%", 5))
    same(do(c, 'UPDATE items SET points = points + %s WHERE id = %s', 2, key)[0], 1)
    same(one(c, 'SELECT points FROM items WHERE id = %s', key), (7,))
    same(do(c, 'DELETE FROM items WHERE id = %s', key)[0], 1)
    same(one(c, 'SELECT points FROM items WHERE id = %s', key), None)
    with c.cursor() as cursor:
        same(cursor.executemany('INSERT INTO items (title, points) VALUES (%s, %s)', [(f'row {i}', i) for i in range(50)]), 50)
        cursor.execute('SELECT COUNT(*), SUM(points) FROM items WHERE title LIKE %s', ('row %',))
        same(cursor.fetchone(), (50, decimal.Decimal(1225)))


def sql_prepared(c):
    do(c, "PREPARE ins FROM 'INSERT INTO items (title, points) VALUES (?, ?)'")
    do(c, "SET @t = 'prepared', @p = 11")
    affected, key = do(c, 'EXECUTE ins USING @t, @p')
    same(affected, 1)
    do(c, "PREPARE sel FROM 'SELECT title, points FROM items WHERE id = ?'")
    do(c, 'SET @k = %s', key)
    same(one(c, 'EXECUTE sel USING @k'), ('prepared', 11))
    do(c, 'DEALLOCATE PREPARE sel')
    raises(1243, None, lambda: do(c, 'EXECUTE sel USING @k'), read)


def transaction(c):
    other = make()
    try:
        do(c, 'DELETE FROM items')
        for end, left in (('rollback', 0), ('commit', 4)):
            do(c, 'BEGIN')
            for i in range(4):
                do(c, 'INSERT INTO items (title, points) VALUES (%s, %s)', f't{i}', i)
            same(one(c, 'SELECT COUNT(*) FROM items')[0], 4)
            same(one(other, 'SELECT COUNT(*) FROM items')[0], 0)
            getattr(c, end)()
            same(one(other, 'SELECT COUNT(*) FROM items')[0], left)
        c.autocommit(False)
        do(c, 'DELETE FROM items')
        c.rollback()
        same(one(other, 'SELECT COUNT(*) FROM items')[0], 4)
    finally:
        other.close()


def types(c):
    names = ', '.join(n for n, _ in VALUES)
    do(c, 'DELETE FROM things')
    written = [v for _, v in VALUES]
    for key in range(8):
        do(c, f'INSERT INTO things (id, {names}) VALUES (%s{", %s" * len(VALUES)})', key, *written)
    do(c, 'INSERT INTO things (id) VALUES (8)')
    row = one(c, f'SELECT {names} FROM things WHERE id = 5')
    for (name, want), got in zip(VALUES, row):
        case(f'types_{name}', lambda: same(int.from_bytes(got, 'big') if name == 'bits' else got, want))
    with c.cursor() as cursor:
        cursor.execute(f'SELECT {names} FROM things WHERE id < 8 ORDER BY id')
        rows = cursor.fetchall()
    case('types_merged', lambda: same(rows, (row,) * 8))
    case('types_nulls', lambda: same(one(c, f'SELECT {names} FROM things WHERE id = 8'), (None,) * len(VALUES)))


def read(e):
    return e.args[0], None


def errors(c):
    _, key = do(c, "INSERT INTO items (title) VALUES ('first')")
    case('error_duplicate', lambda: raises(1062, None, lambda: do(c, "INSERT INTO items (id, title) VALUES (%s, 'again')", key), read))
    case('error_no_table', lambda: raises(1146, None, lambda: do(c, 'SELECT * FROM not_there'), read))
    case('error_syntax', lambda: raises(1064, None, lambda: do(c, 'SELEC 1'), read))
    case('error_and_on', lambda: same(one(c, 'SELECT 1'), (1,)))


def big(size):
    def run(c):
        body = (BYTES * (size // 256 + 1))[:size]
        do(c, 'REPLACE INTO big (id, body) VALUES (1, %s)', body)
        same(one(c, 'SELECT LENGTH(body), MD5(body) FROM big WHERE id = 1')[0], size)
        got, = one(c, 'SELECT body FROM big WHERE id = 1')
        if got != body:
            raise AssertionError('the bytes differ')
    return run


def stream(unbuffered):
    def run(c):
        fill(c)
        stream_rows(c, unbuffered)
    return run


def fill(c):
    with c.cursor() as cursor:
        for start in range(0, 10000, 1000):
            cursor.execute('INSERT INTO many VALUES ' + ', '.join(f"({i}, 'word {i}')" for i in range(start, start + 1000)))


def stream_rows(c, unbuffered):
    with c.cursor(unbuffered) as cursor:
        cursor.execute('SELECT id, word FROM many ORDER BY id')
        n = 0
        for row in cursor:
            if row != (n, f'word {n}'):
                raise AssertionError(f'row {n} is {row}')
            n += 1
        same(n, 10000)
    with c.cursor(unbuffered) as cursor:       # left half read: the driver reads the rest itself
        cursor.execute('SELECT id FROM many')
        cursor.fetchmany(10)
    same(one(c, 'SELECT COUNT(*) FROM many')[0], 10000)


def multi(c):
    with c.cursor() as cursor:
        cursor.execute("SELECT 1; DELETE FROM items WHERE title = 'no such'; SELECT COUNT(*) FROM many; SELECT 'end'")
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
    same([f for f in found if f][0], ((1,),))
    same(len(found), 4)
    same(found[-1], (('end',),))


def procedure(c):
    do(c, 'DROP PROCEDURE IF EXISTS two')
    do(c, 'CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END')
    with c.cursor() as cursor:
        cursor.callproc('two', (5,))
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
    same(found, [((5,),), ((6,), (7,)), ()])


def run(connect, unbuffered, multi_flag):
    global make
    make = connect
    case('connect', with_connection(basic))
    if TLS:
        case('tls', with_connection(tls))
    case('ddl', with_connection(ddl))
    case('generated_id', with_connection(generated_id))
    case('crud', with_connection(crud))
    case('sql_prepared', with_connection(sql_prepared))
    case('transaction', with_connection(transaction))
    case('types', with_connection(types))
    case('error', with_connection(errors))
    case('big_1m', with_connection(big(1 << 20)))
    case('big_20m', with_connection(big(20 << 20)))
    case('stream', with_connection(stream(unbuffered)))
    case('multi_statements', with_connection(multi, client_flag=multi_flag))
    if not SHARDED:
        case('procedure', with_connection(procedure))
