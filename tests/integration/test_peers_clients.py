"""What users of other sharding proxies hit with their clients, and with memory, speed and stopping: one test for each complaint. Each is told in
depth elsewhere (test_prepared, test_tls, test_auth, test_limits, test_load, test_tools); here it is the complaint itself."""
import threading
import unittest

import test_differential
import world
from binary import Statement
from test_load import Loader
from wire import Client, Err, Ok, ServerError


class Shop(world.Case):
    @classmethod
    def setUpClass(cls):
        test_differential.fill()


@unittest.skipIf(world.STAND_IN, 'a proxy of its own')
class Stopping(Shop):
    """Memory, speed, stopping."""

    def many_rows(self, n=40000):
        for shard in range(6):
            world.shards[f's{shard // 2}'].sql(f"DELETE FROM shop.types_b_{shard % 2} WHERE v = 'peer'; INSERT INTO shop.types_b_{shard % 2} (id, k, v) "
                                               f"SELECT seq * 6 + {shard} + 600000, seq, 'peer' FROM seq_1_to_{n}", 'shop')
        self.addCleanup(lambda: self.client(database='shop').one("DELETE FROM types_b WHERE v = 'peer'"))

    def test_a_deep_offset_does_not_fetch_everything_into_memory(self):
        self.many_rows()
        own = self.weir(name='deep', weir='max_statement_memory: 4M')
        with Client(own.port, database='shop') as c:
            c.rows('SELECT id FROM types_b ORDER BY id LIMIT 10')
            before = own.rss_kib()
            self.assertEqual(c.rows("SELECT id FROM types_b WHERE v = 'peer' ORDER BY id LIMIT 230000, 3"), [(str(600006 + 230000 + i),) for i in range(3)])
            self.assertLess(own.rss_kib() - before, 24 * 1024)

    def test_a_slow_client_with_a_large_result_does_not_exhaust_the_proxy(self):
        self.many_rows()
        own = self.weir(name='slow')
        with Client(own.port, database='shop', receive_buffer=4096) as slow, Client(own.port, database='shop') as other:
            other.rows('SELECT 1')
            before = own.rss_kib()
            slow.send("SELECT id, k, v, REPEAT('x', 300) FROM types_b WHERE v = 'peer' ORDER BY id")
            for _ in range(50):
                self.assertEqual(other.value('SELECT 1'), '1')
            self.assertLess(own.rss_kib() - before, 48 * 1024)
            self.assertEqual(len(next(slow.replies()).rows), 240000)

    def test_unique_prepared_texts_do_not_grow(self):
        own = self.weir(name='unique')
        with Client(own.port, database='shop') as c:
            def some(start, n):
                for i in range(start, start + n):
                    Statement(c, f'SELECT {i} + ?, name FROM customers WHERE customer_id = ?').close()
            some(0, 1500)
            before = own.rss_kib()
            some(1500, 3000)
            self.assertLess(own.rss_kib() - before, 8 * 1024)

    def test_kill_stops_the_work_on_every_shard(self):
        marker = 'peer_killed'
        c, killer = self.client(database='shop'), self.client(database='shop')
        got = []
        t = threading.Thread(target=lambda: got.append(c.query(f'SELECT /* {marker} */ SLEEP(30), id FROM types_a')[-1]))
        t.start()

        def running():
            return sum(int(self.direct(s).value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'weir' AND INFO LIKE '%SLEEP(30)%'"
                                                " AND INFO NOT LIKE '%PROCESSLIST%'")) for s in ('s0', 's1', 's2'))
        world.wait_until(lambda: running() > 0, 20, 'the statement on the shards')
        killer.one(f'KILL QUERY {c.connection_id}')
        t.join(20)
        self.assertIsInstance(got[0], Err)
        self.assertEqual(got[0].code, 1317)
        world.wait_until(lambda: running() == 0, 20, 'the end of the work on the shards')

    def test_scatter_can_be_forbidden(self):
        own = self.weir(name='scatter', weir='scatter: deny')
        with Client(own.port, database='shop') as c:
            self.assertEqual(c.error('SELECT COUNT(*) FROM types_a').code, 1235)
            self.assertIsInstance(Statement(c, 'SELECT COUNT(*) FROM types_a').execute(), Err)
            c.rows('SELECT COUNT(*) FROM types_a WHERE id = 1')


class Clients(Shop):
    """Clients and tools."""

    def test_caching_sha2_and_clear_words_about_tls(self):
        with Client(world.shared().port, plugin='caching_sha2_password', database='shop') as c:
            self.assertEqual(c.value('SELECT 1'), '1')

    def test_server_cursors(self):
        weir, direct = self.client(database='shop'), self.direct('plain', 'shop')
        for sql in ('SELECT id FROM types_a ORDER BY id', 'SELECT id FROM types_a WHERE id = 3'):
            s, plain = Statement(weir, sql), Statement(direct, sql)
            s.execute(cursor=True)
            plain.execute(cursor=True)
            self.assertEqual(s.fetch(2).rows, plain.fetch(2).rows)

    def test_load_data_local_into_a_sharded_table(self):
        c = Loader(world.shared().port, database='shop')
        self.clients.append(c)
        c.one("DELETE FROM types_b WHERE id >= 700000")
        reply = c.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE types_b (id, k, v)", ''.join(f'{700000 + i}\t{i}\tloaded\n' for i in range(100)))[-1]
        self.assertIsInstance(reply, Ok, str(reply))
        self.assertEqual(reply.affected, 100)
        self.assertEqual(c.value("SELECT COUNT(*) FROM types_b WHERE v = 'loaded'"), '100')
        c.one("DELETE FROM types_b WHERE v = 'loaded'")

    def test_change_user(self):
        c = self.client(database='shop')
        c.one('SET @a = 1')
        c.change_user('shopper', 'shopper', 'shop')
        self.assertEqual(c.rows('SELECT @a, CURRENT_USER()')[0][0], None)
        with self.assertRaises(ServerError):
            c.change_user('shopper', 'wrong', 'shop')

    def test_create_table_on_a_sharded_table(self):
        c = self.client(database='shop')
        c.one('DROP TABLE IF EXISTS scratch')
        c.one('CREATE TABLE scratch (id INT NOT NULL PRIMARY KEY, v INT)')
        self.assertEqual(c.rows("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME LIKE 'scratch%'"), [('1',)])
        for s in ('s0', 's1', 's2'):
            self.assertEqual(len(self.direct(s).rows("SHOW TABLES FROM shop LIKE 'scratch%'")), 2)
        c.one('DROP TABLE scratch')


if __name__ == '__main__':
    unittest.main()
