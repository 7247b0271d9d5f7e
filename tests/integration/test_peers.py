"""What users of other sharding proxies hit, one test for each complaint. An answer must be that of one server; where Weir does not
answer, it refuses with 1235 and a reason, and nothing was done."""
import threading
import time
import unittest

import same
import test_differential
import world
from wire import Client, Err, Gone, ServerError


class Peers(world.Case):
    @classmethod
    def setUpClass(cls):
        test_differential.fill()

    def setUp(self):
        super().setUp()
        self.weir_side = self.client(database='shop')
        self.plain = self.direct('plain', 'shop')

    def alike(self, *statements, ordered=True, may_refuse=False):
        for sql in statements:
            got = self.weir_side.query(sql)
            reason = same.refused(got)
            if reason and may_refuse:
                self.assertGreater(len(reason), 30, f'a reason and a way out: {reason}')
                continue
            found = same.differences(self.plain.query(sql), got, ordered, test_differential.told_by_weir(sql))
            self.assertFalse(found, f'{sql}\n' + '\n'.join(found))


class WrongAnswers(Peers):
    def test_limit_in_a_derived_table(self):
        self.alike('SELECT * FROM (SELECT customer_id FROM customers ORDER BY customer_id LIMIT 5) t ORDER BY 1',
                   'SELECT COUNT(*) FROM (SELECT customer_id FROM customers ORDER BY customer_id LIMIT 5) t',
                   'SELECT * FROM (SELECT customer_id FROM customers LIMIT 2, 100) t WHERE customer_id < 0', may_refuse=True)

    def test_count_over_a_grouped_derived_table(self):
        self.alike('SELECT COUNT(*) FROM (SELECT country FROM customers GROUP BY country) t',
                   'SELECT COUNT(*), SUM(n) FROM (SELECT country, COUNT(*) n FROM customers GROUP BY country HAVING n > 2) t', may_refuse=True)

    def test_count_distinct(self):
        self.alike('SELECT COUNT(DISTINCT country) FROM customers', 'SELECT COUNT(DISTINCT country) FROM customers LIMIT 1',
                   'SELECT status, COUNT(DISTINCT customer_id) FROM orders GROUP BY status ORDER BY status LIMIT 2',
                   'SELECT COUNT(DISTINCT customer_id) FROM orders', 'SELECT SUM(DISTINCT credit), AVG(DISTINCT credit) FROM customers',
                   'SELECT COUNT(DISTINCT country, credit) FROM customers', may_refuse=True)

    def test_distinct(self):
        self.alike('SELECT DISTINCT country FROM customers ORDER BY country', 'SELECT DISTINCT country, credit FROM customers ORDER BY 1, 2 LIMIT 4, 3')
        self.alike('SELECT DISTINCT country FROM customers', 'SELECT DISTINCT status FROM orders', 'SELECT DISTINCT note FROM orders', ordered=False)
        self.alike('SELECT DISTINCT country FROM customers ORDER BY credit', 'SELECT DISTINCT UPPER(country) u FROM customers ORDER BY u',
                   'SELECT DISTINCT COUNT(*) FROM orders GROUP BY status ORDER BY 1', may_refuse=True)

    def test_limit_where_group_by_and_order_by_differ(self):
        self.alike('SELECT country, COUNT(*) n FROM customers GROUP BY country ORDER BY n DESC, country LIMIT 2',
                   'SELECT country, SUM(credit) s FROM customers GROUP BY country ORDER BY s DESC, country LIMIT 1, 2',
                   'SELECT customer_id, SUM(total) s FROM orders GROUP BY customer_id ORDER BY s DESC, customer_id LIMIT 3',
                   'SELECT country, status, COUNT(*) n FROM customers JOIN orders USING (customer_id) GROUP BY country, status ORDER BY n DESC, country, status LIMIT 5')

    def test_union(self):
        self.alike('SELECT name FROM customers WHERE customer_id = 1 UNION ALL SELECT name FROM customers WHERE customer_id = 2 ORDER BY name',
                   'SELECT customer_id FROM customers UNION SELECT customer_id FROM orders ORDER BY customer_id',
                   'SELECT customer_id FROM customers UNION ALL SELECT customer_id FROM orders ORDER BY customer_id',
                   '(SELECT customer_id FROM customers ORDER BY credit LIMIT 2) UNION (SELECT 999) ORDER BY 1', may_refuse=True)

    def test_min_and_max(self):
        for _ in range(10):
            self.alike('SELECT MIN(credit), MAX(credit), MIN(name), MAX(name), MIN(joined), MAX(joined) FROM customers',
                       'SELECT country, MIN(credit), MAX(name) FROM customers GROUP BY country ORDER BY country')

    def test_a_mistyped_where(self):
        for sql in ('DELETE FROM customers WHER customer_id = 1', 'DELETE FROM customers c WHER customer_id = 1', 'UPDATE customers SET credit = 0 WHER customer_id = 1',
                    'UPDATE customers SET credit = 0 customer_id = 1', 'SELECT * FROM customers WERE customer_id = 1'):
            for c in (self.weir_side, self.plain):
                self.assertEqual(c.error(sql).code, 1064, sql)
        self.alike('SELECT * FROM customers ORDER BY customer_id')

    def test_between_with_a_hash_rule(self):
        for low, high in ((1, 20), (3, 7), (5, 5), (-3, 2), (19, 25), (9, 3)):
            self.alike(f'SELECT customer_id, name FROM customers WHERE customer_id BETWEEN {low} AND {high} ORDER BY customer_id')

    def test_negative_keys_by_every_type(self):
        c = self.weir_side
        spellings = ('-5', "'-5'", '-5.0', "' -5'", '-5e0', '-(5)', '- 5')
        for spelling in spellings:
            c.one(f'INSERT INTO order_items (order_id, line_no, customer_id, product_id, quantity, price) VALUES (1, 99, {spelling}, 1, 1, 1)')
            for other in spellings:
                self.assertEqual(c.value(f'SELECT COUNT(*) FROM order_items WHERE customer_id = {other}'), '1', (spelling, other))
            self.assertEqual(c.one('DELETE FROM order_items WHERE customer_id = -5').affected, 1)
        c.one("INSERT INTO types_b (id, k) VALUES (-1, 1), (-6, 2), (-7, 3)")        # mod, and below zero
        self.assertEqual(c.rows('SELECT id, k FROM types_b WHERE id IN (-1, -6, -7) ORDER BY id'), [('-7', '3'), ('-6', '2'), ('-1', '1')])
        self.assertEqual(c.one('DELETE FROM types_b WHERE id < 0').affected, 3)

    def test_functions_on_the_shard_key(self):
        self.alike('SELECT name FROM customers WHERE ABS(customer_id) = 7', 'SELECT name FROM customers WHERE customer_id + 1 = 8', 'SELECT name FROM customers WHERE customer_id DIV 1 = 7',
                   'SELECT name FROM customers WHERE CAST(customer_id AS CHAR) = 7', 'SELECT name FROM customers WHERE customer_id = ABS(-7)', "SELECT name FROM customers WHERE customer_id = LENGTH('seven77')",
                   'SELECT name FROM customers WHERE customer_id = customer_id AND name = \'Ada\'', 'SELECT * FROM visits WHERE DATE(seen_at) = \'2024-02-01\'',
                   "SELECT * FROM words WHERE CONCAT(word, '') = 'alpha'")

    def test_pages(self):
        seen = []
        for offset in range(0, 30, 3):
            sql = f'SELECT order_id FROM orders ORDER BY total DESC, order_id LIMIT 3 OFFSET {offset}'
            self.alike(sql)
            seen += [r[0] for r in self.weir_side.rows(sql)]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(len(seen), 26)

    @unittest.skipIf(world.STAND_IN, 'rules')
    def test_values_that_no_shard_takes(self):
        c = self.weir_side
        for sql, value, table in (("INSERT INTO ledger VALUES (300, 1, 'x')", '300', 'ledger'), ("INSERT INTO ledger VALUES (-1, 1, 'x')", '-1', 'ledger'),
                                  ("INSERT INTO ledger VALUES (5, 1, 'ok'), (999, 1, 'x')", '999', 'ledger'), ("INSERT INTO parcels VALUES (50, 'fr', 1)", 'fr', 'parcels'),
                                  ("INSERT INTO visits VALUES ('2023-12-31 23:59:59', 'x', 1)", '2023-12-31', 'visits'), ("INSERT INTO visits VALUES ('2024-07-01', 'x', 1)", '2024-07-01', 'visits')):
            err = c.error(sql)
            self.assertEqual(err.code, 1526, f'{sql}: {err}')
            self.assertIn(value, err.message)
            self.assertIn(table, err.message)
        self.assertEqual(c.value("SELECT COUNT(*) FROM ledger WHERE label = 'ok'"), '0')
        self.alike('SELECT * FROM ledger ORDER BY entry_id', 'SELECT * FROM parcels ORDER BY parcel_id', 'SELECT * FROM visits ORDER BY seen_at')
        for sql in ('SELECT * FROM ledger WHERE entry_id = 300', "DELETE FROM ledger WHERE entry_id = 300", "SELECT * FROM parcels WHERE region = 'fr'"):
            last = c.query(sql)[-1]
            if isinstance(last, Err):
                self.assertEqual(last.code, 1526, last)
            else:
                self.assertFalse(getattr(last, 'rows', None))

    def test_subqueries(self):
        self.alike('SELECT name FROM customers WHERE credit = (SELECT MAX(credit) FROM customers)', 'SELECT name FROM customers WHERE customer_id IN (SELECT customer_id FROM orders WHERE total > 50) ORDER BY name',
                   'SELECT name, (SELECT COUNT(*) FROM orders) FROM customers ORDER BY customer_id', 'SELECT name FROM customers WHERE NOT EXISTS (SELECT 1 FROM orders WHERE total > 100) ORDER BY 1',
                   'SELECT name FROM customers c WHERE 2 < (SELECT COUNT(*) FROM orders o WHERE o.customer_id = c.customer_id) ORDER BY name',
                   'SELECT name FROM products WHERE price > (SELECT AVG(total) FROM orders) ORDER BY 1', 'DELETE FROM customers WHERE credit = (SELECT MAX(credit) FROM customers)',
                   'UPDATE customers SET credit = (SELECT MIN(total) FROM orders)', may_refuse=True)
        if not world.STAND_IN:
            self.plain.query('SELECT 1')
        test_differential.fill()

    def test_a_refusal_does_nothing(self):
        c = self.weir_side
        before = c.rows('SELECT * FROM customers ORDER BY customer_id')
        if not world.STAND_IN:
            for sql in ('UPDATE customers SET customer_id = customer_id + 1', 'DELETE FROM customers LIMIT 5', 'UPDATE customers SET credit = 1 ORDER BY credit LIMIT 2'):
                self.assert_error(c, sql, 1235)
        self.assertEqual(c.rows('SELECT * FROM customers ORDER BY customer_id'), before)


class Ids(Peers):
    @staticmethod
    def segment():
        """The sequence's row, for the message of a failure."""
        return '' if world.STAND_IN else world.shards['s0'].sql("SELECT max_id, step FROM weir.weir_segments WHERE name = 'tickets'").strip()

    def fresh(self):
        self.weir_side.one('DELETE FROM tickets')

    def test_last_insert_id(self):
        self.fresh()
        c = self.weir_side
        ok = c.one("INSERT INTO tickets (title) VALUES ('a'), ('b'), ('c')")
        ids = [int(i) for i, in c.rows('SELECT ticket_id FROM tickets ORDER BY ticket_id')]
        self.assertEqual(ids, [ok.insert_id, ok.insert_id + 1, ok.insert_id + 2])
        self.assertEqual(c.value('SELECT LAST_INSERT_ID()'), str(ok.insert_id))
        self.assertEqual(c.value('SELECT title FROM tickets WHERE ticket_id = LAST_INSERT_ID()'), 'a')
        c.one("INSERT INTO notes VALUES (5000, 'no id')")
        self.assertEqual(c.value('SELECT LAST_INSERT_ID()'), str(ok.insert_id), 'kept by a statement that makes none')
        c.one('DELETE FROM notes WHERE id = 5000')

    def test_explicit_ids_do_not_collide_later(self):
        self.fresh()
        c = self.weir_side
        first = c.one("INSERT INTO tickets (title) VALUES ('a')").insert_id
        high = first + 5000
        c.one(f"INSERT INTO tickets (ticket_id, title) VALUES ({high}, 'explicit'), ({high + 3}, 'explicit')")
        for i in range(20):
            self.assertGreater(c.one(f"INSERT INTO tickets (title) VALUES ('later {i}')").insert_id, high + 3, self.segment())
        other = self.client(database='shop')
        self.assertGreater(other.one("INSERT INTO tickets (title) VALUES ('other')").insert_id, high + 3)
        self.assertEqual(c.value('SELECT COUNT(*) FROM tickets'), '24')
        # One that lies within the running segment, just ahead.
        now = c.one("INSERT INTO tickets (title) VALUES ('now')").insert_id
        c.one(f"INSERT INTO tickets (ticket_id, title) VALUES ({now + 2}, 'ahead')")
        for i in range(5):
            self.assertGreater(c.one(f"INSERT INTO tickets (title) VALUES ('after {i}')").insert_id, now)
        self.assertEqual(c.value('SELECT COUNT(*) FROM tickets'), '31')

    def test_mixed_given_and_generated(self):
        self.fresh()
        c = self.weir_side
        base = c.one("INSERT INTO tickets (title) VALUES ('a')").insert_id
        c.one(f"INSERT INTO tickets (ticket_id, title) VALUES (NULL, 'x'), ({base + 9000}, 'given'), (0, 'y'), (DEFAULT, 'z')")
        ids = [int(i) for i, in c.rows('SELECT ticket_id FROM tickets')]
        self.assertEqual(len(set(ids)), 5)
        self.assertIn(base + 9000, ids)

    def test_many_at_once(self):
        """A burst of clients: every id once, none fails for want of a segment."""
        self.fresh()
        wrong = []

        def work(i):
            try:
                with Client(world.shared().port, database='shop') as c:
                    for k in range(40):
                        n = k % 3 + 1
                        c.one('INSERT INTO tickets (title) VALUES ' + ', '.join(f"('{i}')" for _ in range(n)))
            except (ServerError, Gone) as e:
                wrong.append(str(e))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertEqual(wrong[:3], [])
        total = 12 * sum(k % 3 + 1 for k in range(40))
        ids = [int(i) for i, in self.weir_side.rows('SELECT ticket_id FROM tickets')]
        self.assertEqual((len(ids), len(set(ids))), (total, total))

    def test_more_ids_than_a_segment(self):
        self.fresh()
        ok = self.weir_side.one('INSERT INTO tickets (title) VALUES ' + ', '.join("('x')" for _ in range(5000)))
        self.assertEqual(ok.affected, 5000)
        self.assertEqual(self.weir_side.rows('SELECT COUNT(*), MIN(ticket_id), MAX(ticket_id) FROM tickets'),
                         [('5000', str(ok.insert_id), str(ok.insert_id + 4999))])

    @unittest.skipIf(world.STAND_IN, 'two proxies')
    def test_two_proxies_and_a_restart(self):
        self.fresh()
        other = world.make(name='second-proxy')
        self.addCleanup(world.end, other)
        other.start()
        a, b = self.weir_side, Client(other.port, database='shop')
        for i in range(30):
            a.one(f"INSERT INTO tickets (title) VALUES ('a{i}')")
            b.one(f"INSERT INTO tickets (title) VALUES ('b{i}'), ('b{i}')")
        b.close()
        other.process.kill()
        other.process.wait()
        other.process = None
        world._weirs.remove(other)
        third = self.weir(name='third-proxy')
        with Client(third.port, database='shop') as c:
            for i in range(30):
                c.one(f"INSERT INTO tickets (title) VALUES ('c{i}')")
        self.assertEqual(a.value('SELECT COUNT(*) FROM tickets'), '120')

    def test_a_small_column(self):
        """Ids beyond the end of the column's type: an error, as of one server, and never a row under a wrong id."""
        c = self.weir_side
        c.one('DROP TABLE tickets')
        c.one('CREATE TABLE tickets (ticket_id TINYINT NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(40))')
        err = None
        for _ in range(300):
            last = c.query("INSERT INTO tickets (title) VALUES ('small')")[-1]
            if isinstance(last, Err):
                err = last
                break
        found = [int(i) for i, in c.rows('SELECT ticket_id FROM tickets')]
        test_differential.fill()
        self.assertEqual(len(found), len(set(found)))
        self.assertIsNotNone(err)
        self.assertTrue(err.code in (1264, 167, 1467, 1062) or err.code == 1235 and 'out of range' in err.message, err)


class Writes(Peers):
    def test_multi_row_insert_over_shards(self):
        rows = ', '.join(f"({i}, 'bulk', 'at')" for i in range(1000, 1200))
        self.alike(f'INSERT INTO customers (customer_id, name, country) VALUES {rows}', "SELECT COUNT(*) FROM customers WHERE name = 'bulk'",
                   f'REPLACE INTO customers (customer_id, name, country) VALUES {rows}', "DELETE FROM customers WHERE name = 'bulk'")

    def test_limit_in_update_and_delete(self):
        self.alike('UPDATE orders SET note = \'x\' WHERE customer_id = 1 ORDER BY order_id LIMIT 1', 'DELETE FROM orders WHERE customer_id = 2 ORDER BY order_id LIMIT 1')
        self.alike('UPDATE orders SET note = \'x\' ORDER BY order_id LIMIT 3', 'DELETE FROM orders ORDER BY order_id LIMIT 3', 'DELETE FROM orders WHERE customer_id IN (1, 2) ORDER BY order_id LIMIT 1', may_refuse=True)
        if not world.STAND_IN:
            test_differential.fill()

    def test_updating_the_shard_key(self):
        c = self.weir_side
        if world.STAND_IN:
            return
        for sql in ('UPDATE customers SET customer_id = 77 WHERE customer_id = 1', 'UPDATE customers SET name = \'x\', customer_id = customer_id WHERE customer_id = 1',
                    'INSERT INTO customers (customer_id, name, country) VALUES (1, \'x\', \'at\') ON DUPLICATE KEY UPDATE customer_id = 78',
                    'INSERT INTO customers (customer_id, name, country) VALUES (1, \'x\', \'at\') ON DUPLICATE KEY UPDATE customer_id = VALUES(customer_id) + 1',
                    'UPDATE customers c SET c.customer_id = 79 WHERE c.customer_id = 1'):
            last = c.query(sql)[-1]
            if isinstance(last, Err):
                self.assertEqual(last.code, 1235, f'{sql}: {last}')
                self.assertIn('customer_id', last.message)
        self.assertEqual(c.value('SELECT COUNT(*) FROM customers WHERE customer_id = 1'), '1')
        self.assertEqual(c.value('SELECT COUNT(*) FROM customers WHERE customer_id IN (77, 78, 79)'), '0')

    def test_select_with_autocommit_off(self):
        for client in (self.weir_side, self.plain):
            client.one('SET autocommit = 0')
        self.alike('SELECT * FROM customers ORDER BY customer_id', 'SELECT COUNT(*) FROM orders', 'SELECT * FROM products ORDER BY product_id', 'SELECT name FROM customers WHERE customer_id = 1', 'COMMIT')

    def test_ddl_on_sharded_tables(self):
        self.alike('CREATE TABLE scratch (id INT PRIMARY KEY, v VARCHAR(9))', 'ALTER TABLE scratch ADD w INT, ADD KEY by_w (w)', "INSERT INTO scratch VALUES (1,'a',1),(2,'b',2),(3,'c',3),(4,'d',4),(5,'e',5),(6,'f',6)",
                   'SELECT * FROM scratch ORDER BY w DESC', 'SHOW CREATE TABLE scratch', 'TRUNCATE scratch', 'SELECT COUNT(*) FROM scratch', 'DROP TABLE scratch', 'SHOW TABLES')

    @unittest.skipIf(world.STAND_IN, 'several servers')
    def test_ddl_that_fails_on_one_node(self):
        c = self.weir_side
        c.one('CREATE TABLE scratch (id INT PRIMARY KEY, v VARCHAR(9))')
        world.shards['s1'].sql('ALTER TABLE shop.scratch_1 ADD w INT')
        err = c.error('ALTER TABLE scratch ADD w INT')
        self.assertEqual(err.code, 1060, err)
        self.assertIn('s1', err.message, 'the node that failed is named')
        self.assertIn('scratch_1', err.message)
        c.one('DROP TABLE scratch')


class MemoryAndTools(Peers):
    @unittest.skipIf(world.STAND_IN, "Weir's memory")
    def test_unique_texts_do_not_grow_the_plan_cache(self):
        own = self.weir(name='texts', weir='max_plans: 200')
        with Client(own.port, database='shop') as c:
            def some(start, n):
                for i in range(start, start + n):
                    c.one(f'SELECT name AS a{i}, customer_id + {i} FROM customers WHERE customer_id = 1')
            some(0, 2000)
            before = own.rss_kib()
            some(2000, 6000)
            self.assertLess(own.rss_kib() - before, 16 * 1024)

    @unittest.skipIf(world.STAND_IN, "Weir's memory")
    def test_a_merge_beyond_its_memory_is_refused(self):
        own = self.weir(name='memory', weir='max_statement_memory: 256K')
        with Client(own.port, database='shop') as c:
            for n in range(6):
                world.shards[f's{n // 2}'].sql(f"INSERT INTO shop.types_b_{n % 2} (id, k, v) SELECT seq * 6 + {n} + 60000, seq, 'many' FROM seq_1_to_5000", 'shop')
            # Groups in the order of their own count must be kept before they can be sorted.
            got = c.query('SELECT id, COUNT(*) n FROM types_b GROUP BY id ORDER BY n DESC, id LIMIT 3')[-1]
            if isinstance(got, Err):
                self.assertIn(got.code, (1041, 1038, 1235), got)
                self.assertIn('max_statement_memory', got.message)
            # A merge by order streams: it needs no more than its windows.
            self.assertEqual(len(c.rows('SELECT id FROM types_b WHERE v = \'many\' ORDER BY k, id')), 30000)
            self.assertEqual(c.rows("SELECT id FROM types_b WHERE v = 'many' ORDER BY id LIMIT 29990, 3"), [(str(60006 + 29990 + i),) for i in range(3)])
            c.one("DELETE FROM types_b WHERE v = 'many'")

    def test_what_tools_ask_when_they_connect(self):
        """Statements of MySQL Workbench, DBeaver, HeidiSQL, Navicat, Connector/J, PHP, Go's driver: none may fail through Weir."""
        for sql in ('SET NAMES utf8mb4', "SHOW SESSION VARIABLES LIKE 'lower_case_table_names'", "SHOW SESSION VARIABLES LIKE 'sql_mode'", 'SELECT current_user()', 'SET CHARACTER SET utf8', 'SET SQL_SAFE_UPDATES=1',
                    'SELECT CONNECTION_ID()', "SHOW SESSION STATUS LIKE 'Ssl_cipher'", 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'SHOW DATABASES', 'SHOW FULL TABLES FROM shop', 'SHOW TABLE STATUS FROM shop',
                    "SHOW FULL COLUMNS FROM `shop`.`customers`", "SHOW INDEX FROM `shop`.`customers`", 'SHOW ENGINES', 'SHOW CHARSET', 'SHOW COLLATION', 'SHOW PLUGINS', 'SHOW PROCESSLIST', 'SHOW FULL PROCESSLIST', 'SHOW GRANTS', 'SHOW PRIVILEGES',
                    'SHOW VARIABLES', 'SHOW GLOBAL STATUS', 'SHOW STATUS', '/* mysql-connector-java-8.0.30 */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, '
                    '@@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS interactive_timeout, '
                    '@@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, '
                    '@@time_zone AS time_zone, @@tx_isolation AS transaction_isolation, @@wait_timeout AS wait_timeout', 'SET character_set_results = NULL', 'SET sql_mode=\'STRICT_TRANS_TABLES\'', 'SELECT @@session.tx_isolation', 'SELECT DATABASE()', 'SELECT VERSION()', 'SELECT @@version_comment LIMIT 1',
                    'SELECT @@lower_case_table_names', 'SELECT USER()', 'SELECT NOW()', 'SET autocommit=1', 'SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci', 'SELECT @@max_allowed_packet', 'SELECT @@GLOBAL.version', 'SHOW WARNINGS', 'SHOW EVENTS FROM shop', 'SHOW FUNCTION STATUS WHERE Db = \'shop\'',
                    "SHOW PROCEDURE STATUS WHERE `Db`='shop'", 'SHOW TRIGGERS FROM `shop`', 'SHOW CREATE DATABASE `shop`', 'SHOW CREATE TABLE `shop`.`customers`', "SELECT `DEFAULT_COLLATION_NAME` FROM `information_schema`.`SCHEMATA` WHERE `SCHEMA_NAME`='shop'",
                    "SELECT * FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME", "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers' ORDER BY ORDINAL_POSITION",
                    "SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers'", "SELECT * FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers'", "SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'shop'",
                    "SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'shop'", "SELECT * FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'shop'", 'SELECT * FROM information_schema.ENGINES', 'SELECT * FROM information_schema.CHARACTER_SETS',
                    "SHOW VARIABLES LIKE 'aurora\\_version'", "SHOW VARIABLES WHERE Variable_name IN ('version', 'version_comment')", "KILL QUERY 0"):
            want, got = self.plain.query(sql)[-1], self.weir_side.query(sql)[-1]
            if isinstance(want, Err):
                continue
            self.assertFalse(isinstance(got, Err), f'{sql[:150]}: {got}')
            if hasattr(want, 'columns') and 'PROCESSLIST' not in sql:      # (Progress is MariaDB's own)
                self.assertEqual([c.name for c in got.columns], [c.name for c in want.columns], sql[:150])

    def test_names_of_physical_tables_stay_hidden(self):
        if world.STAND_IN:
            return
        c = self.weir_side
        for sql in ('SHOW TABLES', 'SHOW FULL TABLES', 'SHOW TABLE STATUS', "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop'", 'SHOW CREATE TABLE customers', 'SHOW INDEX FROM customers',
                    'SHOW DATABASES', 'SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES', 'EXPLAIN SELECT * FROM customers WHERE customer_id = 1'):
            text = repr(c.rows(sql))
            for name in ('customers_0', 'customers_1', 'types_a_0', 'shop_0', 'shop_1', 'weir_segments'):
                self.assertNotIn(name, text, sql)
        for sql in ("INSERT INTO customers (customer_id, name, country) VALUES (1, 'x', 'at')", "INSERT INTO customers (customer_id, name, country) VALUES (301, 'x', 'too long')", 'SELECT nothing.name FROM customers', 'SELECT customers.nothing FROM customers WHERE customer_id = 1',
                    "UPDATE customers SET credit = 'abc' WHERE customer_id = 1"):
            message = c.error(sql).message
            for name in ('customers_', 'shop_0', 'shop_1'):
                self.assertNotIn(name, message, sql)

    def test_a_long_statement_does_not_hold_up_others(self):
        slow, fast = self.client(database='shop'), self.client(database='shop')
        slow.send('SELECT SLEEP(1.5) FROM products WHERE product_id = 1')
        began = time.monotonic()
        for i in range(50):
            fast.one(f'SELECT name FROM customers WHERE customer_id = {i % 20 + 1}')
        self.assertLess(time.monotonic() - began, 1.4)
        slow.reply()


del Peers
