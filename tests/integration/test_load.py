"""LOAD DATA LOCAL INFILE: into sharded, broadcast and plain tables, beside a plain server that loads the same file.

What is compared: the reply with its counts, SHOW WARNINGS with the row numbers, and the rows. The client is one of our own, so that it can stop in
the middle, say nonsense, or go away; the stock clients have their turn at the end.
"""
import os
import random
import threading
import time
import unittest

import pymysql

import same
import world
from wire import LOCAL_FILES, PREPARE, USUAL, Client, Err, Gone, Ok, parse_err
from world import Case, wait_until


class Loader(Client):
    """Answers the question for a file with `file` (bytes), in packets of `piece` bytes."""
    file = b''
    piece = 8192
    asked_for = None

    def __init__(self, *args, **options):
        super().__init__(*args, capabilities=USUAL | LOCAL_FILES, **options)

    def reply(self):
        data = self.peek()
        if data[:1] == b'\xfb':
            self.asked_for = data[1:].decode()
            self.send_file()
        return super().reply()

    def peek(self):
        head = self.read_bytes(4)
        size = int.from_bytes(head[:3], 'little')
        body = self.read_bytes(size)
        if body[:1] == b'\xfb':
            self.sequence = head[3] + 1 & 255
        else:
            self.buffered = head + body + self.buffered
        return body

    def send_file(self):
        for at in range(0, len(self.file), self.piece):
            self.write(self.file[at:at + self.piece])
        self.write(b'')

    def load(self, sql, file=b'', piece=8192):
        self.file, self.piece, self.asked_for = file, piece, None
        if isinstance(self.file, str):
            self.file = self.file.encode()
        return self.query(sql)


class LoadCase(Case):
    TABLES = {
        'types_a': 'id BIGINT PRIMARY KEY, a VARCHAR(60), b VARCHAR(60), n INT',
        'words': 'word VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, note TEXT',
        'tickets': 'ticket_id BIGINT {auto} PRIMARY KEY, title VARCHAR(40) NOT NULL, points INT UNIQUE',
        'orders': 'order_id BIGINT {auto}, customer_id BIGINT, total DECIMAL(10,2), note VARCHAR(40), PRIMARY KEY (order_id)',
        'ledger': 'entry_id INT PRIMARY KEY, amount INT NOT NULL',
        'countries': 'code CHAR(2) PRIMARY KEY, name VARCHAR(40)',
        'products': 'id INT PRIMARY KEY, name VARCHAR(40)',
    }

    def setUp(self):
        super().setUp()
        world.shared()                      # which makes the databases

    def loader(self, port=None, user='app', password='app', **options):
        c = Loader(port or world.shared().port, user, password, 'shop', **options)
        self.clients.append(c)
        return c

    def plain(self):
        return self.loader(world.reference.port)

    def tables(self, *names, port=None):
        """The table anew on both sides; the clients of both."""
        w, p = self.loader(port), self.plain()
        for name in names:
            for c, auto in ((w, ''), (p, 'AUTO_INCREMENT')):
                c.one(f'DROP TABLE IF EXISTS {name}')
                c.one(f'CREATE TABLE {name} ({self.TABLES[name].format(auto=auto)})')
        return w, p

    def same_load(self, w, p, sql, file, table, order='1', piece=8192, ids=False):
        want, got = p.load(sql, file), w.load(sql, file, piece)
        self.assertEqual(w.asked_for, p.asked_for)
        self.assertEqual(same.differences(want, got), [], f'{sql}\n{file[:500]!r}')
        self.assertEqual([str(r) for r in p.query('SHOW WARNINGS')[0].rows], [str(r) for r in w.query('SHOW WARNINGS')[0].rows], sql)
        self.assertEqual(p.rows(f'SELECT * FROM {table} ORDER BY {order}'), w.rows(f'SELECT * FROM {table} ORDER BY {order}'), f'{sql}\n{file[:500]!r}')
        return got[-1]


class Sharded(LoadCase):
    def test_plain_format(self):
        w, p = self.tables('types_a')
        file = b''.join(b'%d\ta%d\tb\\t%d\t%d\n' % (i, i, i, i * 7) for i in range(1000))
        reply = self.same_load(w, p, "LOAD DATA LOCAL INFILE '/tmp/x.txt' INTO TABLE types_a", file, 'types_a', 'id')
        self.assertEqual(reply.info, 'Records: 1000  Deleted: 0  Skipped: 0  Warnings: 0')
        self.assertEqual(reply.affected, 1000)
        spread = sum(1 for box in world.shards.values() for t in '01' if int(box.sql(f'SELECT COUNT(*) FROM shop.types_a_{t}')) > 0)
        self.assertEqual(spread, 6)

    def test_csv_with_columns_and_set(self):
        w, p = self.tables('types_a')
        file = 'id,n,a\r\n1,"7","x, y"\r\n2,,"quo""ted"\r\n3,5,NULL\r\n4,\\N,"line\r\nbreak"\r\n'
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' "
                       "LINES TERMINATED BY '\\r\\n' IGNORE 1 LINES (id, @n, a) SET n = @n * 2, b = CONCAT('<', a, '>')", file, 'types_a', 'id')

    def test_a_byte_at_a_time(self):
        w, p = self.tables('types_a')
        file = ''.join(f'>>{i}||é{i}||x|\n junk' for i in range(40)).encode()
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a CHARACTER SET utf8mb4 FIELDS TERMINATED BY '||' LINES STARTING BY '>>' "
                       "TERMINATED BY '|\\n' (id, a, b)", file, 'types_a', 'id', piece=1)

    def test_warnings_have_the_rows_of_the_file(self):
        w, p = self.tables('types_a')
        lines = []
        for i in range(1, 200):
            lines.append(f'{i}\ta\tb\t{"many" if i % 17 == 0 else i}' + ('\textra' if i % 23 == 0 else '') if i % 31 else f'{i}\ta')
        reply = self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", '\n'.join(lines), 'types_a', 'id')
        self.assertGreater(reply.warnings, 20)

    def test_duplicates(self):
        w, p = self.tables('types_a')
        first = ''.join(f'{i}\tfirst\tb\t1\n' for i in range(50))
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", first, 'types_a', 'id')
        again = ''.join(f'{i}\tsecond\tb\t2\n' for i in range(40, 60))
        sql = "LOAD DATA LOCAL INFILE 'x' {} INTO TABLE types_a"
        replies = [w.load(sql.format(word), again)[0] for word in ('', 'IGNORE')] + [p.load(sql.format(word), again)[0] for word in ('', 'IGNORE')]
        self.assertEqual(replies[0].info, replies[2].info)
        self.assertEqual(replies[1].info, replies[3].info)
        self.same_load(w, p, sql.format('REPLACE'), again, 'types_a', 'id')

    def test_text_keys(self):
        w, p = self.tables('words')
        file = ''.join(f'{word}\tnote of {word}\n' for word in ('eins', 'zwei', 'größe', 'ßß', '日本', '🙂', 'mit\\tTab', 'NULL', ' '))
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE words CHARACTER SET utf8mb4", file, 'words', 'word')
        refused = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE words", 'grün\tx\n')[0]
        self.assertIsInstance(refused, Err)

    def test_empty_file(self):
        w, p = self.tables('types_a')
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", b'', 'types_a')
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a IGNORE 5 LINES", b'1\t2\n', 'types_a')

    def test_broadcast(self):
        w, p = self.tables('countries')
        self.same_load(w, p, "LOAD DATA LOCAL INFILE 'x' INTO TABLE countries FIELDS TERMINATED BY ','", 'de,Germany\nat,Austria\nus\n', 'countries', 'code')
        for box in world.shards.values():
            self.assertEqual(box.sql('SELECT COUNT(*) FROM shop.countries').strip(), '3')

    def test_errors_leave_nothing(self):
        w, p = self.tables('types_a', 'ledger')
        many = ''.join(f'{i}\t{i}\n' for i in range(300))
        w.one("INSERT INTO ledger VALUES (5, 5)")
        err = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE ledger", many + '999\t1\n' + many)[0]
        self.assertIsInstance(err, Err)
        self.assertIn('row 301', err.message)
        self.assertEqual(w.value('SELECT COUNT(*) FROM ledger'), '1')
        err = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a (id, nothing)", '1\t2\n' * 100000)[0]
        self.assertEqual((err.code, err.message), (1054, p.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a (id, nothing)", '1\t2\n')[0].message))
        self.assertEqual(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE ledger", b'\\N\t1\n')[0].code, 1048)
        self.assertEqual(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE ledger (amount, entry_id)", b'1\n')[0].code, 1261)
        self.assertEqual(w.value('SELECT COUNT(*) FROM ledger'), '1')
        self.assertEqual(w.rows('SELECT 1'), [('1',)])

    def test_user_variable_of_the_last_row(self):
        w, p = self.tables('types_a')
        sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a (id, @last) SET a = @last"
        self.same_load(w, p, sql, ''.join(f'{i}\tv{i}\n' for i in range(77)), 'types_a', 'id')
        self.assertEqual(w.value('SELECT @last'), p.value('SELECT @last'))

    def test_many_statements(self):
        w, p = self.tables('types_a')
        got = w.load("SELECT 1; LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a; SELECT COUNT(*) FROM types_a", b'1\t\t\t1\n2\t\t\t2\n')
        self.assertEqual([type(r).__name__ for r in got], ['Rows', 'Ok', 'Rows'])
        self.assertEqual(got[2].rows, [(b'2',)])


class Ids(LoadCase):
    def test_generated(self):
        w, p = self.tables('orders', 'tickets')
        file = ''.join(f'{i % 7},{i}.50,n{i}\n' for i in range(500))
        reply = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE orders FIELDS TERMINATED BY ',' (customer_id, total, note)", file)[0]
        want = p.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE orders FIELDS TERMINATED BY ',' (customer_id, total, note)", file)[0]
        self.assertEqual((reply.affected, reply.info, reply.warnings, reply.insert_id), (want.affected, want.info, want.warnings, want.insert_id))
        ids = [int(r[0]) for r in w.rows('SELECT order_id FROM orders ORDER BY order_id')]
        self.assertEqual(w.value('SELECT LAST_INSERT_ID()'), str(ids[0]))
        self.assertEqual(p.value('SELECT LAST_INSERT_ID()'), '1')
        self.assertEqual(ids, list(range(ids[0], ids[0] + 500)))
        self.assertEqual([r[0] for r in w.rows('SELECT note FROM orders ORDER BY order_id')], [f'n{i}' for i in range(500)])

    def test_by_the_id_itself(self):
        w, p = self.tables('tickets')
        file = ''.join(f't{i}\t{i}\n' for i in range(100))
        self.assertIsInstance(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets (title, points)", file)[0], Ok)
        first = int(w.value('SELECT MIN(ticket_id) FROM tickets'))
        self.assertEqual(w.rows('SELECT ticket_id - %d, title FROM tickets ORDER BY points' % first), [(str(i), f't{i}') for i in range(100)])

    def test_some_given_some_not(self):
        w, p = self.tables('tickets')
        file = '"1000000",a,1\n\\N,b,2\n0,c,3\n"",d,4\n+1000005,e,5\nNULL,f,6\n'
        sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'"
        got, want = w.load(sql, file)[0], p.load(sql, file)[0]
        self.assertEqual((got.info, got.affected, got.insert_id), (want.info, want.affected, want.insert_id))
        self.assertEqual(w.query('SHOW WARNINGS')[0].rows, p.query('SHOW WARNINGS')[0].rows)
        rows = dict(w.rows('SELECT title, ticket_id FROM tickets'))
        self.assertEqual((rows['a'], rows['e'], len(set(rows.values()))), ('1000000', '1000005', 6))
        self.assertIsInstance(w.one("INSERT INTO tickets (title, points) VALUES ('later', 7)"), Ok)
        self.assertGreater(int(w.value("SELECT ticket_id FROM tickets WHERE title = 'later'")), 1000005)
        self.assertEqual(w.load(sql, 'seven,x,8\n')[0].code, 1366)

    def test_many_small_batches(self):
        weir = self.weir(name='loadids', weir='max_statement_memory: 1M')
        w, p = self.tables('tickets', port=weir.port)
        rnd = random.Random(5)
        given = rnd.sample(range(10 ** 9, 2 * 10 ** 9), 60000)
        lines = [f'{given[i] if i % 3 else rnd.choice(["0", chr(92) + "N"])}\ttitle {i}\t{i}\n' for i in range(60000)]
        self.assertEqual(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets", ''.join(lines), 3000)[0].affected, 60000)
        rows = {int(points): (int(i), title) for i, title, points in w.rows('SELECT ticket_id, title, points FROM tickets')}
        self.assertEqual(len({i for i, _ in rows.values()}), 60000)
        for i in range(60000):
            self.assertEqual(rows[i][1], f'title {i}')
            if i % 3:
                self.assertEqual(rows[i][0], given[i])

    def test_a_failed_load_keeps_last_insert_id(self):
        w, p = self.tables('tickets')
        w.one("INSERT INTO tickets (title, points) VALUES ('one', 1)")
        before = w.value('SELECT LAST_INSERT_ID()')
        self.assertIsInstance(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE tickets (nothing)", 'x\n')[0], Err)
        self.assertEqual(w.value('SELECT LAST_INSERT_ID()'), before)


class Transactions(LoadCase):
    FILE = ''.join(f'{i}\ta\tb\t{i}\n' for i in range(2000))
    SQL = "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a"

    def test_rollback_and_commit(self):
        weir = self.weir(name='load', weir='transactions: best_effort')
        w, p = self.tables('types_a', port=weir.port)
        other = self.loader(weir.port)
        w.one('BEGIN')
        self.assertIsInstance(w.load(self.SQL, self.FILE)[0], Ok)
        self.assertEqual((w.value('SELECT COUNT(*) FROM types_a'), other.value('SELECT COUNT(*) FROM types_a')), ('2000', '0'))
        w.one('ROLLBACK')
        self.assertEqual(w.value('SELECT COUNT(*) FROM types_a'), '0')
        w.one('SET autocommit = 0')
        self.assertIsInstance(w.load(self.SQL, self.FILE)[0], Ok)
        self.assertEqual(other.value('SELECT COUNT(*) FROM types_a'), '0')
        w.one('COMMIT')
        self.assertEqual(other.value('SELECT COUNT(*) FROM types_a'), '2000')

    def test_a_failed_statement_leaves_the_rest_of_the_transaction(self):
        weir = self.weir(name='load2', weir='transactions: best_effort')
        w, p = self.tables('types_a', 'ledger', port=weir.port)
        w.one('BEGIN')
        w.one("INSERT INTO ledger VALUES (1, 1), (101, 1), (201, 1)")
        err = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE ledger", ''.join(f'{i}\t1\n' for i in range(2, 300)) + '1000\t1\n')[0]
        self.assertIsInstance(err, Err)
        self.assertEqual(w.value('SELECT COUNT(*) FROM ledger'), '3')
        w.one('COMMIT')
        self.assertEqual(w.value('SELECT COUNT(*) FROM ledger'), '3')

    def test_one_server_only_where_commits_must_be_atomic(self):
        w, p = self.tables('ledger')
        w.one('BEGIN')
        self.assertIsInstance(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE ledger", '1\t1\n2\t2\n')[0], Ok)
        err = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE ledger", '3\t1\n101\t2\n' * 1000)[0]
        self.assertIn('best_effort', err.message)
        self.assertEqual(w.value('SELECT COUNT(*) FROM ledger'), '2')
        w.one('COMMIT')
        self.assertEqual(w.value('SELECT COUNT(*) FROM ledger'), '2')


class Relayed(LoadCase):
    SQL = "LOAD DATA LOCAL INFILE '/data/p.csv' INTO TABLE products FIELDS TERMINATED BY ','"

    def test_one_server_has_the_table(self):
        w, p = self.tables('products')
        file = ''.join(f'{i},name {i}\n' for i in range(20000)) + '5,again\nx,y,z\n'
        self.same_load(w, p, self.SQL, file, 'products', 'id', piece=60000)
        self.same_load(w, p, self.SQL, file, 'products', 'id')
        self.same_load(w, p, self.SQL, b'', 'products', 'id')

    def test_errors(self):
        w, p = self.tables('products')
        for sql in ("LOAD DATA LOCAL INFILE 'x' INTO TABLE products (nothing)", "LOAD DATA LOCAL INFILE 'x' INTO TABLE no_such_table"):
            want, got = p.load(sql, b'1,2\n')[0], w.load(sql, b'1,2\n')[0]
            self.assertEqual((got.code, got.message), (want.code, want.message))
            self.assertEqual(w.asked_for, p.asked_for)
        self.assertEqual(w.rows('SELECT 1'), [('1',)])

    def test_behind_another_statement(self):
        w, p = self.tables('products')
        got = w.load(f'SELECT 1; {self.SQL}; SELECT COUNT(*) FROM products', b'1,x\n2,y\n', piece=3)
        self.assertEqual([type(r).__name__ for r in got], ['Rows', 'Ok', 'Rows'])
        self.assertEqual(got[2].rows, [(b'2',)])

    def test_slow_server(self):
        # The server waits for a lock: what the client sends meanwhile must not pile up in Weir.
        w, p = self.tables('products')
        holder = self.direct('s1', 'shop')
        holder.one('LOCK TABLES products WRITE')
        w.send(self.SQL)
        time.sleep(0.2)
        holder.one('UNLOCK TABLES')
        w.file = ''.join(f'{i},{"x" * 30}\n' for i in range(100000)).encode()
        w.piece = 1 << 20
        self.assertEqual(w.reply().affected, 100000)


class Refused(LoadCase):
    def test_a_client_that_does_not_allow_it(self):
        self.tables('types_a', 'products')
        c = self.client()
        for table in ('types_a', 'products'):
            self.assert_error(c, f"LOAD DATA LOCAL INFILE 'x' INTO TABLE {table}", 1148, 'not allowed')
        self.assertEqual(c.rows('SELECT 1'), [('1',)])

    def test_a_server_that_does_not_allow_it(self):
        w, p = self.tables('types_a', 'products')
        for box in world.shards.values():
            box.sql('SET GLOBAL local_infile = OFF')
            self.addCleanup(box.sql, 'SET GLOBAL local_infile = ON')
        for table in ('types_a', 'products'):
            err = w.load(f"LOAD DATA LOCAL INFILE 'x' INTO TABLE {table}", '1\ta\n')[0]
            self.assertIn('local_infile', err.message)
            self.assertRegex(err.message, 'source s[0-2]')

    def test_formats(self):
        w, p = self.tables('types_a')
        for tail in ("FIELDS TERMINATED BY '' ENCLOSED BY ''", "LINES TERMINATED BY ''", "FIELDS TERMINATED BY ',' LINES TERMINATED BY ','",
                     "CHARACTER SET gbk", "CHARACTER SET latin1 LINES TERMINATED BY '\xa7'".encode('latin1').decode('latin1')):
            err = w.load(f"LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a {tail}", b'1\t2\n')[0]
            self.assertEqual(err.code, 1235, tail)

    def test_files_of_the_server(self):
        w, p = self.tables('types_a')
        self.assertEqual(w.load("LOAD DATA INFILE '/etc/passwd' INTO TABLE types_a")[0].code, 1235)
        self.assertEqual(w.load("SELECT 1 INTO OUTFILE '/tmp/no'")[0].code, 1235)

    def test_prepared(self):
        w, p = self.tables('types_a', 'products')
        for table in ('types_a', 'products'):
            w.command(PREPARE, f"LOAD DATA LOCAL INFILE 'x' INTO TABLE {table}".encode())
            self.assertEqual(parse_err(w.read()).code, 1295)
            self.assertEqual(w.error(f'PREPARE s FROM "LOAD DATA LOCAL INFILE \'x\' INTO TABLE {table}"').code, 1295)
        self.assertEqual(w.rows('SELECT 1'), [('1',)])

    def test_broken_characters(self):
        w, p = self.tables('types_a')
        err = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", b'1\tgood\n2\tbad \xe4\t\n')[0]
        self.assertIn('CHARACTER SET', err.message)
        self.assertIn('row 2', err.message)
        self.assertIsInstance(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a CHARACTER SET latin1", b'2\tgood \xe4\t\n')[0], Ok)
        self.assertEqual(w.rows('SELECT a FROM types_a'), [('good ä',)])

    def test_a_line_too_long(self):
        weir = self.weir(name='loadmem', weir='max_statement_memory: 4M')
        w, p = self.tables('types_a', port=weir.port)
        err = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", b'1\ta\n2\t' + b'x' * 3000000 + b'\n3\tb\n', piece=100000)[0]
        self.assertEqual(err.code, 1153)
        self.assertIn('max_statement_memory', err.message)
        self.assertEqual(w.value('SELECT COUNT(*) FROM types_a'), '0')


class Faults(LoadCase):
    SQL = "LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a"
    LINES = [f'{i}\t{"a" * 50}\tb\t{i}\n' for i in range(200000)]

    def begin(self, c, sql=None):
        """The statement up to the question for the file."""
        c.send(sql or self.SQL)
        self.assertEqual(c.peek()[:1], b'\xfb')

    def send_lines(self, c, first, last):
        text = ''.join(self.LINES[first:last]).encode()
        for at in range(0, len(text), 50000):
            c.write(text[at:at + 50000])

    def end(self, c):
        c.write(b'')
        return Client.reply(c)

    def in_the_middle(self, port=None):
        """A load whose batches have reached the servers."""
        w, p = self.tables('types_a', port=port)
        self.begin(w)
        self.send_lines(w, 0, 150000)
        def rows():
            box = world.shards['s0']
            return int(box.sql("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0"))
        wait_until(lambda: rows() > 0, 30, 'a batch on s0')
        return w

    def left(self, port=None):
        return self.loader(port).value('SELECT COUNT(*) FROM types_a')

    def no_transaction_left(self):
        for name, box in world.shards.items():
            wait_until(lambda: box.sql('SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0').strip() == '0', 30,
                       f'end of the transactions on {name}')

    def test_kill_query(self):
        w = self.in_the_middle()
        self.loader().one(f'KILL QUERY {w.connection_id}')
        self.no_transaction_left()          # before the client has sent the rest
        self.send_lines(w, 150000, 200000)
        self.assertEqual(self.end(w).code, 1317)
        self.assertEqual(self.left(), '0')
        self.assertIsInstance(w.load(self.SQL, b'1\ta\n')[0], Ok)
        self.assertEqual(self.left(), '1')

    def test_kill_query_in_a_transaction(self):
        weir = self.weir(name='loadkill', weir='transactions: best_effort')
        w, p = self.tables('types_a', port=weir.port)
        w.one('BEGIN')
        w.one("INSERT INTO types_a VALUES (1000001, 'before', '', 0), (1000002, 'before', '', 0)")
        self.begin(w)
        self.send_lines(w, 0, 150000)
        self.loader(weir.port).one(f'KILL QUERY {w.connection_id}')
        self.send_lines(w, 150000, 160000)
        self.assertEqual(self.end(w).code, 1317)
        self.assertEqual(w.value('SELECT COUNT(*) FROM types_a'), '2')
        w.one('COMMIT')
        self.assertEqual(self.left(weir.port), '2')

    def test_kill_connection(self):
        w = self.in_the_middle()
        self.loader().one(f'KILL {w.connection_id}')
        try: # the error may still come through, or the end of the connection be first
            self.send_lines(w, 150000, 200000)
            self.assertIsInstance(self.end(w), Err)
        except Gone:
            pass
        self.no_transaction_left()
        self.assertEqual(self.left(), '0')

    def test_client_goes(self):
        w = self.in_the_middle()
        w.close()
        self.no_transaction_left()
        self.assertEqual(self.left(), '0')

    def test_client_goes_in_a_relay(self):
        w, p = self.tables('products')
        self.begin(w, "LOAD DATA LOCAL INFILE 'x' INTO TABLE products")
        w.write(b'1\ta\n')
        w.close()
        time.sleep(0.1)
        self.assertEqual(self.loader().value('SELECT COUNT(*) FROM products'), '0')

    def test_kill_in_a_relay(self):
        w, p = self.tables('products')
        self.begin(w, "LOAD DATA LOCAL INFILE 'x' INTO TABLE products")
        w.write(b'1\ta\n')
        self.loader().one(f'KILL QUERY {w.connection_id}')
        w.write(b'2\tb\n')
        self.assertEqual(self.end(w).code, 1317)
        self.assertEqual(w.value('SELECT COUNT(*) FROM products'), '0')

    def test_server_dies(self):
        w = self.in_the_middle()
        box = world.shards['s1']
        box.kill()
        try:
            self.send_lines(w, 150000, 200000)
            err = self.end(w)
        finally:
            box.start()
        self.assertIsInstance(err, Err)
        self.assertIn('s1', err.message)
        self.no_transaction_left()
        wait_until(lambda: self.answers(w), 30, 's1 back')
        self.assertEqual(self.left(), '0')

    def test_server_dies_in_a_relay(self):
        w, p = self.tables('products')
        self.begin(w, "LOAD DATA LOCAL INFILE 'x' INTO TABLE products")
        self.send_lines(w, 0, 50000)
        box = world.shards['s1']
        box.kill()
        try:
            self.send_lines(w, 50000, 150000)
            err = self.end(w)
        finally:
            box.start()
        self.assertIsInstance(err, Err)
        self.assertIn('s1', err.message)
        wait_until(lambda: self.answers(w), 30, 's1 back')
        self.assertEqual(w.value('SELECT COUNT(*) FROM products'), '0')

    @staticmethod
    def answers(c):
        return isinstance(c.query('SELECT COUNT(*) FROM types_a, products')[0], Err) is False or isinstance(c.query('SELECT COUNT(*) FROM types_a')[0], Err) is False

    def test_wrong_packet_number(self):
        w, p = self.tables('types_a')
        self.begin(w)
        w.write(b'1\ta\n')
        w.sequence += 3
        w.write(b'2\tb\n')
        data = b''
        try:
            while True:
                data += w.read_bytes(1)
        except Gone:
            pass
        self.assertIn(b'out of order', data)
        self.assertEqual(self.left(), '0')

    def test_deadlines(self):
        weir = self.weir(name='loadtime', weir='statement_timeout: 1s')
        w, p = self.tables('types_a', port=weir.port)
        self.begin(w)
        self.send_lines(w, 0, 10)
        time.sleep(1.6)
        self.assertEqual(self.end(w).code, 3024)
        self.assertEqual(self.left(weir.port), '0')


class Random(LoadCase):
    """Files of all kinds: Weir with six shards and a plain server must make the same rows of them, and the same warnings."""
    FIELDS = [',', '\\t', ';', '||', '|', 'aab', '§']
    LINES = ['\\n', '\\r\\n', '|\\n', 'EOL', '；', '\\n\\n']
    STARTS = ['', '', '', '>', 'xx']
    ENCLOSED = ['', '', '"', '"', "\\'", '|']
    ESCAPED = ['\\\\', '\\\\', '', '"']

    @staticmethod
    def raw(text):
        return text.replace('\\n', '\n').replace('\\r', '\r').replace('\\t', '\t').replace("\\'", "'").replace('\\\\', '\\')

    def one_file(self, rnd):
        pick = rnd.choice
        sql = [pick(self.FIELDS), pick(self.ENCLOSED), pick(self.ESCAPED), pick(self.STARTS), pick(self.LINES)]
        fields, enclosed, escaped, start, line = (self.raw(x) for x in sql)
        words = [fields, line, enclosed, escaped, 'N', '\\N', 'NULL', 'a', 'é', '，', '', ' ', 'n', '0', '\n', '\r\n', enclosed * 2, escaped * 2, fields[:1], line[:1]]
        out = []
        for i in range(rnd.randint(0, 60)):
            key = str(rnd.randint(0, 40))
            row = [key if rnd.random() < 0.7 else enclosed + key + enclosed]
            for _ in range(pick([2, 2, 2, 2, 1, 3])):
                value = ''.join(pick(words) for _ in range(rnd.randint(0, 3)))
                row.append(enclosed + value + enclosed if rnd.random() < 0.5 else value)
            row.insert(3, str(rnd.randint(0, 99)))
            out.append(pick(['', '', 'junk']) + start + fields.join(row) if start else fields.join(row))
        text = line.join(out) + pick([line, line, ''])
        word = pick(['', 'IGNORE', 'REPLACE', 'REPLACE'])
        return (f"LOAD DATA LOCAL INFILE 'x' {word} INTO TABLE types_a CHARACTER SET utf8mb4 FIELDS TERMINATED BY '{sql[0]}' ENCLOSED BY '{sql[1]}' "
                f"ESCAPED BY '{sql[2]}' LINES STARTING BY '{sql[3]}' TERMINATED BY '{sql[4]}' IGNORE {pick([0, 0, 1])} LINES (id, a, b, n)"), text

    def test_files(self):
        seed = int(os.environ.get('WEIR_TEST_SEED', '7'))
        rnd = random.Random(seed)
        w, p = self.tables('types_a')
        loaded = 0
        for i in range(int(os.environ.get('WEIR_TEST_FILES', '300'))):
            sql, text = self.one_file(rnd)
            for c in (w, p):
                c.one('DELETE FROM types_a')
            want, got = p.load(sql, text)[0], w.load(sql, text, rnd.choice([1, 7, 100, 8192]))[0]
            told = f'seed {seed} file {i}\n{sql}\n{text!r}'
            if isinstance(want, Err):
                self.assertIsInstance(got, Err, told)
                continue
            if isinstance(got, Err):
                # No shard for a key that is no number, a line that ends before it, characters cut in two: refused, never guessed.
                self.assertRegex(got.message, 'Weir: |cannot be null', told)
                self.assertEqual(w.value('SELECT COUNT(*) FROM types_a'), '0')
                continue
            loaded += 1
            self.assertEqual((got.affected, got.info, got.warnings), (want.affected, want.info, want.warnings), told)
            self.assertEqual(w.rows('SELECT * FROM types_a ORDER BY id'), p.rows('SELECT * FROM types_a ORDER BY id'), told)
        self.assertGreater(loaded, 20)


class Stock(LoadCase):
    def arguments(self, tool):
        return [tool, '--no-defaults', '-h127.0.0.1', f'-P{world.shared().port}', '-uapp', '-papp']

    def path(self, name, text):
        path = os.path.join(world.home, name)
        with open(path, 'w') as f:
            f.write(text)
        return path

    def test_mariadb(self):
        w, p = self.tables('types_a')
        path = self.path('m.csv', ''.join(f'{i},a{i}\n' for i in range(3000)))
        code, out = world.run([*self.arguments('mariadb'), '--local-infile=1', '-vv', 'shop', '-e',
                               f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE types_a FIELDS TERMINATED BY ',' (id, a)"])
        self.assertEqual(code, 0, out)
        self.assertIn('Records: 3000  Deleted: 0  Skipped: 0  Warnings: 0', out)
        for options in (['--compress'], ['--quick', '-t'], ['--connect-expired-password']):
            code, out = world.run([*self.arguments('mariadb'), '--local-infile=1', *options, '-vv', 'shop', '-e',
                                   f"LOAD DATA LOCAL INFILE '{path}' REPLACE INTO TABLE types_a FIELDS TERMINATED BY ',' (id, a); SELECT COUNT(*) FROM types_a"])
            self.assertEqual(code, 0, out)
            self.assertIn('Records: 3000  Deleted: 0', out)
        code, out = world.run([*self.arguments('mariadb'), '--local-infile=1', 'shop', '-e', "LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE types_a; "])
        self.assertEqual(code, 1)
        self.assertIn('/no/such/file', out)

    def test_compressed_servers(self):
        weir = self.weir(name='loadzip', replace={'password: weir, max_connections: 40}': 'password: weir, max_connections: 40, compression: zlib}'})
        w, p = self.tables('types_a', 'products', port=weir.port)
        file = b''.join(b'%d\tsome text of %d\tmore text\t%d\n' % (i, i, i % 1000) for i in range(100000))
        self.assertEqual(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", file, 50000)[0].affected, 100000)
        self.assertEqual(w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE products", file, 50000)[0].affected, 100000)
        self.assertEqual(w.value('SELECT COUNT(*) FROM types_a'), '100000')

    def test_mariadb_import(self):
        w, p = self.tables('types_a', 'products')
        for table in ('types_a', 'products'):
            path = self.path(f'{table}.csv', 'id;name\n' + ''.join(f'{i};"n{i}"\n' for i in range(500)))
            code, out = world.run([*self.arguments('mariadb-import'), '--local', '--ignore-lines=1', '--fields-terminated-by=;', '--fields-enclosed-by="',
                                   '--columns=id,' + ('a' if table == 'types_a' else 'name'), 'shop', path])
            self.assertEqual(code, 0, out)
            self.assertIn(f'shop.{table}: Records: 500  Deleted: 0  Skipped: 0  Warnings: 0', out)
            self.assertEqual(w.value(f'SELECT COUNT(*) FROM {table}'), '500')

    def test_pymysql(self):
        self.tables('tickets')
        path = self.path('t.txt', ''.join(f'title {i}\t{i}\n' for i in range(5000)))
        db = pymysql.connect(host='127.0.0.1', port=world.shared().port, user='app', password='app', database='shop', local_infile=True, autocommit=True)
        with db.cursor() as cursor:
            cursor.execute(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE tickets (title, points)")
            self.assertEqual(cursor.rowcount, 5000)
            cursor.execute('SELECT COUNT(*), SUM(points) FROM tickets')
            self.assertEqual([int(v) for v in cursor.fetchone()], [5000, 5000 * 4999 // 2])
            with self.assertRaises(pymysql.err.MySQLError):
                cursor.execute(f"LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE tickets (title, points)")
        db.close()


class Big(LoadCase):
    def test_a_million_rows_in_bounded_memory(self):
        weir = self.weir(name='loadbig', weir='max_statement_memory: 16M')
        w, p = self.tables('types_a', port=weir.port)
        self.assertEqual(w.value('SELECT 1'), '1')

        def resident():
            with open(f'/proc/{weir.process.pid}/statm') as f:
                return int(f.read().split()[1]) * 4096
        before, most, done = resident(), 0, threading.Event()

        def watch():
            nonlocal most
            while not done.wait(0.02):
                most = max(most, resident())
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            reply = w.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE types_a", b''.join(b'%d\tsome text of %d\tmore text\t%d\n' % (i, i, i % 1000) for i in range(1000000)),
                           piece=65536)[0]
        finally:
            done.set()
            watcher.join()
        self.assertEqual(str(getattr(reply, 'info', reply)), 'Records: 1000000  Deleted: 0  Skipped: 0  Warnings: 0')
        self.assertEqual(w.value('SELECT COUNT(*) FROM types_a'), '1000000')
        # A sanitizer keeps freed memory for a while (256 MiB by default), so the bound is generous there.
        with open(world.BINARY, 'rb') as f:
            sanitized = b'__asan_init' in f.read()
        self.assertLess(most - before, (400 if sanitized else 32) << 20)


if __name__ == '__main__':
    unittest.main()
