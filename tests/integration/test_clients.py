"""Stock clients, unchanged: mariadb, mysqldump, sysbench, PyMySQL."""
import os
import re
import shutil

import pymysql

import test_differential
import world


def program(*names):
    return next((n for n in names if shutil.which(n)), names[0])


class Stock(world.Case):
    @classmethod
    def setUpClass(cls):
        test_differential.fill()

    def loose(self):
        """The port of a Weir whose transactions may write on several servers. A driver with autocommit off and a dump that says
        `set autocommit=0` need that."""
        return world.shared().port if world.STAND_IN else self.weir(name='best-effort', weir='transactions: best_effort').port

    def mariadb(self, *options, sql='', database='shop', code=0, port=None):
        found, out = world.run(['mariadb', '--no-defaults', '-h127.0.0.1', f'-P{port or world.shared().port}', '-uapp', '-papp', *options,
                                *([database] if database else [])], sql)
        self.assertEqual(found, code, out)
        return out


class MariadbClient(Stock):
    def test_batch(self):
        out = self.mariadb('--batch', sql='SELECT customer_id, name FROM customers WHERE customer_id IN (1, 2) ORDER BY 1;\n'
                                          'SELECT COUNT(*) FROM orders;\n')
        self.assertEqual(out, 'customer_id\tname\n1\tAda\n2\tben\nCOUNT(*)\n26\n')

    def test_table_output(self):
        out = self.mariadb('-t', sql='SELECT customer_id, name FROM customers WHERE customer_id = 6')
        self.assertEqual(out, '+-------------+--------+\n| customer_id | name   |\n+-------------+--------+\n'
                              '|           6 | Émile  |\n+-------------+--------+\n')

    def test_verbose_output(self):
        out = self.mariadb('-t', '-vv', sql="UPDATE customers SET credit = credit WHERE customer_id = 1;\nDELETE FROM customers WHERE customer_id = -5;\n")
        self.assertIn('Rows matched: 1  Changed: 0  Warnings: 0', out)
        self.assertIn('Query OK, 0 rows affected', out)

    def test_status(self):
        out = self.mariadb(sql='\\s\n')
        self.assertRegex(out, r'Connection id:\s+\d+')
        self.assertRegex(out, r'Current database:\s+shop')
        self.assertRegex(out, r'Current user:\s+app@')
        self.assertRegex(out, r'Server version:\s+\d+\.\d+')
        self.assertRegex(out, r'Protocol version:\s+10')
        self.assertRegex(out, r'Server characterset:\s+utf8mb4')

    def test_use(self):
        out = self.mariadb('-BN', sql='USE other\nSELECT DATABASE();\nUSE shop\nSELECT DATABASE();\n', database='')
        self.assertEqual(out.split(), ['other', 'shop'])
        out = self.mariadb('-BN', sql='USE nothing\n', code=1)
        self.assertIn("ERROR 1049 (42000)", out)
        self.assertIn("Unknown database 'nothing'", out)

    def test_auto_rehash(self):
        """With --auto-rehash the client asks for the tables, and for the columns of each by COM_FIELD_LIST."""
        out = self.mariadb('--auto-rehash', '-BN', sql='SELECT 1;\nrehash\nSELECT 2;\n')
        self.assertEqual(out.split(), ['1', '2'])
        c, plain = self.client(), self.direct('plain', 'shop')
        for table in ('customers', 'countries', 'notes'):
            want = [(f.name, f.org_name, f.table, f.org_table, f.db, f.type, f.flags, f.length, f.decimals) for f in plain.field_list(table)]
            got = [(f.name, f.org_name, f.table, f.org_table, f.db, f.type, f.flags, f.length, f.decimals) for f in c.field_list(table)]
            self.assertEqual(got, want)
        self.assertEqual([f.name for f in c.field_list('customers', 'c%')], [f.name for f in plain.field_list('customers', 'c%')])
        self.assertEqual(c.field_list('nothing').code, 1146)

    def test_errors_as_the_client_shows_them(self):
        out = self.mariadb('-BN', sql='SELECT * FROM nothing;\n', code=1)
        self.assertEqual(out.splitlines()[-1], "ERROR 1146 (42S02) at line 1: Table 'shop.nothing' doesn't exist")
        out = self.mariadb('-BN', '--force', sql='SELEC;\nSELECT 5;\n')
        self.assertIn('ERROR 1064 (42000) at line 1', out)
        self.assertTrue(out.rstrip().endswith('5'), out)

    def test_warnings_as_the_client_shows_them(self):
        out = self.mariadb('-t', '--show-warnings', sql="SELECT CAST('x' AS SIGNED);\n")
        self.assertIn("Warning (Code 1292): Truncated incorrect INTEGER value: 'x'", out)

    def test_vertical_and_html_and_xml(self):
        self.assertIn('name: Ada', self.mariadb('-E', sql='SELECT name FROM customers WHERE customer_id = 1'))
        self.assertIn('<TD>Ada</TD>', self.mariadb('-H', sql='SELECT name FROM customers WHERE customer_id = 1'))
        self.assertIn('<field name="name">Ada</field>', self.mariadb('-X', sql='SELECT name FROM customers WHERE customer_id = 1'))

    def test_source_a_file(self):
        path = os.path.join(world.home, 'script.sql')
        with open(path, 'w') as f:
            f.write('DELIMITER //\nSELECT 1; SELECT 2//\nDELIMITER ;\nSELECT 3;\n')
        self.assertEqual(self.mariadb('-BN', sql=f'source {path}\n').split(), ['1', '2', '3'])

    def test_ping_and_processlist_by_mysqladmin(self):
        admin = program('mariadb-admin', 'mysqladmin')
        base = [admin, '--no-defaults', '-h127.0.0.1', f'-P{world.shared().port}', '-uapp', '-papp']
        code, out = world.run([*base, 'ping'])
        self.assertEqual((code, out.strip()), (0, 'mysqld is alive'))
        code, out = world.run([*base, 'status'])
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r'Uptime: \d+')


class Dump(Stock):
    def dump(self, *what):
        code, out = world.run([program('mariadb-dump', 'mysqldump'), '--no-defaults', '-h127.0.0.1', f'-P{world.shared().port}', '-uapp',
                               '-papp', '--skip-dump-date', *what])
        self.assertEqual(code, 0, '\n'.join(line for line in out.splitlines() if 'rror' in line))
        return out

    def everything(self, tables):
        c = self.client()
        return {t: sorted(c.rows(f'SELECT * FROM {t}'), key=repr) for t in tables}

    def test_a_table_out_and_back(self):
        before, port = self.everything(['customers']), self.loose()
        for options in ([], ['--single-transaction'], ['--skip-opt', '--add-drop-table', '--create-options'], ['--complete-insert', '--skip-extended-insert'],
                        ['--skip-lock-tables', '--quick'], ['--where=1=1', '--hex-blob', '--order-by-primary']):
            with self.subTest(options=options):
                text = self.dump(*options, 'shop', 'customers')
                self.assertIn('CREATE TABLE `customers`', text)
                self.assertNotRegex(text, r'customers_\d')
                self.assertEqual(text.count("'Ada'"), 1)
                self.client().one('DELETE FROM customers')
                self.mariadb(sql=text, port=port)
                self.assertEqual(self.everything(['customers']), before)

    def test_the_whole_database_out_and_back(self):
        tables = sorted(t for t, in self.client().rows('SHOW TABLES'))
        for expected in ('customers', 'orders', 'countries', 'products', 'notes', 'types_a'):
            self.assertIn(expected, tables)
        before = self.everything(tables)
        text = self.dump('--single-transaction', 'shop')
        self.assertEqual(sorted(set(re.findall(r'CREATE TABLE `(\w+)`', text))), tables)
        c = self.client()
        for table in tables:
            c.one(f'DROP TABLE {table}')
        self.assertEqual(c.rows('SHOW TABLES'), [])
        self.mariadb(sql=text, port=self.loose())
        self.assertEqual(self.everything(tables), before)

    def test_loaded_into_a_plain_server(self):
        text = self.dump('--single-transaction', 'shop', 'customers', 'orders')
        plain = self.direct('plain')
        plain.one('CREATE OR REPLACE DATABASE copy')
        code, out = world.run(['mariadb', '--no-defaults', '-h127.0.0.1', f'-P{world.reference.port}', '-uapp', '-papp', 'copy'], text)
        self.assertEqual(code, 0, out)
        self.assertEqual(plain.value('SELECT COUNT(*) FROM copy.customers'), self.client().value('SELECT COUNT(*) FROM customers'))
        plain.one('DROP DATABASE copy')

    def test_no_data_and_databases(self):
        text = self.dump('--no-data', 'shop', 'orders')
        self.assertNotIn('INSERT', text)
        text = self.dump('--databases', 'shop', '--no-data', '--single-transaction')
        self.assertIn('USE `shop`', text)


class Sysbench(world.Case):
    TABLES, ROWS = 2, 2000

    def sysbench(self, script, action, *options):
        code, out = world.run(['sysbench', script, '--db-driver=mysql', '--mysql-host=127.0.0.1', f'--mysql-port={world.shared().port}',
                               '--mysql-user=app', '--mysql-password=app', '--mysql-db=sbtest', f'--tables={self.TABLES}',
                               f'--table-size={self.ROWS}', '--db-ps-mode=disable', '--threads=4', *options, action])
        self.assertEqual(code, 0, out[-3000:])
        return out

    def test_point_select_and_read_write(self):
        self.sysbench('oltp_read_write', 'cleanup')
        self.sysbench('oltp_read_write', 'prepare')
        try:
            c = self.client(database='sbtest')
            self.assertEqual(c.rows('SELECT COUNT(*), MIN(id), MAX(id) FROM sbtest1')[0][0], str(self.ROWS))
            out = self.sysbench('oltp_point_select', 'run', '--time=3')
            self.assertGreater(int(re.search(r'transactions:\s+(\d+)', out)[1]), 100, out)
            self.assertRegex(out, r'ignored errors:\s+0 ')
            # Its transactions write rows by random id: on one server only where the table is, so best_effort is wanted.
            weir = self.port_for_writes()
            out = self.sysbench('oltp_read_write', 'run', '--time=4', f'--mysql-port={weir}')
            self.assertGreater(int(re.search(r'transactions:\s+(\d+)', out)[1]), 10, out)
            self.assertEqual(c.value('SELECT COUNT(*) FROM sbtest1'), str(self.ROWS))
            self.assertEqual(c.value('SELECT COUNT(*) FROM sbtest2'), str(self.ROWS))
        finally:
            self.sysbench('oltp_read_write', 'cleanup')
        self.assertEqual(c.rows("SHOW TABLES LIKE 'sbtest%'"), [])

    def port_for_writes(self):
        if world.STAND_IN:
            return world.shared().port
        return self.weir(name='sysbench', weir='transactions: best_effort').port


class PyMysql(Stock):
    """A script as an application would have it, which knows nothing of shards."""

    def connect(self, port=None, **options):
        c = pymysql.connect(host='127.0.0.1', port=port or world.shared().port, user='app', password='app', database='shop', charset='utf8mb4', **options)
        self.addCleanup(lambda: c.open and c.close())
        return c

    def test_script(self):
        db = self.connect(port=self.loose(), autocommit=False)
        with db.cursor() as cursor:
            cursor.execute('DELETE FROM tickets')
            db.commit()
            cursor.execute('INSERT INTO tickets (title) VALUES (%s)', ("it's \"quoted\" \\ ✓",))
            first = cursor.lastrowid
            self.assertGreater(first, 0)
            db.commit()
            cursor.executemany('INSERT INTO tickets (title, points) VALUES (%s, %s)', [(f'title {i}', i) for i in range(20)])
            self.assertEqual(cursor.rowcount, 20)
            db.commit()
            cursor.execute('SELECT title FROM tickets WHERE ticket_id = %s', (first,))
            self.assertEqual(cursor.fetchone(), ("it's \"quoted\" \\ ✓",))
            cursor.execute('SELECT COUNT(*), SUM(points), AVG(points) FROM tickets WHERE points < %s', (10,))
            count, total, average = cursor.fetchone()
            self.assertEqual((count, int(total), float(average)), (11, 52, round(52 / 11, 4)))
            cursor.execute('UPDATE tickets SET points = points + 1 WHERE ticket_id = %s', (first,))
            self.assertEqual(cursor.rowcount, 1)
            db.rollback()
            cursor.execute('SELECT points FROM tickets WHERE ticket_id = %s', (first,))
            self.assertEqual(cursor.fetchone(), (7,))
            with self.assertRaises(pymysql.err.IntegrityError) as caught:
                cursor.execute('INSERT INTO tickets (ticket_id, title) VALUES (%s, %s)', (first, 'again'))
            self.assertEqual(caught.exception.args[0], 1062)
            with self.assertRaises(pymysql.err.ProgrammingError):
                cursor.execute('SELECT * FROM nothing')
        db.ping()
        db.select_db('other')
        with db.cursor() as cursor:
            cursor.execute('SELECT DATABASE()')
            self.assertEqual(cursor.fetchone(), ('other',))

    def test_cursors(self):
        db = self.connect(cursorclass=pymysql.cursors.DictCursor)
        with db.cursor() as cursor:
            cursor.execute('SELECT c.name, n.name FROM customers c JOIN countries n ON n.code = c.country WHERE c.customer_id = 1')
            self.assertEqual(cursor.fetchall(), [{'name': 'Ada', 'n.name': 'Austria'}])
        db = self.connect(cursorclass=pymysql.cursors.SSCursor)
        with db.cursor() as cursor:
            cursor.execute('SELECT order_id FROM orders ORDER BY order_id')
            self.assertEqual(cursor.fetchmany(3), [(1,), (2,), (3,)])
            self.assertEqual(len(cursor.fetchall()), 23)

    def test_types(self):
        with self.connect().cursor() as cursor:
            cursor.execute('SELECT customer_id, credit, joined, email FROM customers WHERE customer_id IN (3, 5) ORDER BY customer_id')
            import datetime
            import decimal
            self.assertEqual(cursor.fetchall(), ((3, decimal.Decimal('99.99'), datetime.date(2023, 2, 12), None),
                                                 (5, decimal.Decimal('1000.00'), datetime.date(2022, 12, 31), 'eva@example.com')))

    def test_multi_statements(self):
        db = self.connect(client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        with db.cursor() as cursor:
            cursor.execute('SELECT 1; SELECT COUNT(*) FROM customers; SELECT 3')
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
            self.assertEqual(found, [((1,),), ((20,),), ((3,),)])

    def test_warnings(self):
        db = self.connect()
        with db.cursor() as cursor:
            cursor.execute("SELECT CAST('x' AS SIGNED)")
            self.assertEqual(db.show_warnings()[0][1], 1292)


del Stock
