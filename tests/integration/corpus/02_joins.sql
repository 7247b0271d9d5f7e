-- Joins that stay inside a shard, joins with a broadcast table, and their refusals.

--- co-located tables with a key
SELECT c.name, o.order_id, o.total FROM customers c JOIN orders o ON o.customer_id = c.customer_id WHERE c.customer_id = 1 ORDER BY o.order_id;
SELECT c.name, o.order_id FROM customers c JOIN orders o ON o.customer_id = c.customer_id WHERE o.customer_id = 2 ORDER BY o.order_id;
SELECT c.name, o.order_id FROM customers c, orders o WHERE o.customer_id = c.customer_id AND c.customer_id = 3 ORDER BY o.order_id;
SELECT c.name, o.order_id FROM customers c JOIN orders o USING (customer_id) WHERE customer_id = 3 ORDER BY o.order_id;
SELECT * FROM customers c JOIN orders o USING (customer_id) WHERE c.customer_id = 3 ORDER BY o.order_id;
SELECT * FROM customers JOIN orders ON customers.customer_id = orders.customer_id WHERE customers.customer_id = 5 ORDER BY order_id;
SELECT c.name, o.order_id FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE c.customer_id = 19;
SELECT c.name, o.order_id, i.line_no FROM customers c JOIN orders o ON o.customer_id = c.customer_id JOIN order_items i ON i.customer_id = o.customer_id AND i.order_id = o.order_id WHERE c.customer_id = 1 ORDER BY 2, 3;
SELECT a.name, b.name FROM customers a JOIN customers b ON a.customer_id = b.customer_id WHERE a.customer_id = 4;

--- co-located tables over all shards
SELECT c.name, o.order_id, o.total FROM customers c JOIN orders o ON o.customer_id = c.customer_id ORDER BY o.order_id;
SELECT c.name, o.order_id FROM customers c, orders o WHERE o.customer_id = c.customer_id ORDER BY o.order_id DESC LIMIT 4;
SELECT c.customer_id, c.name, o.order_id FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id ORDER BY c.customer_id, o.order_id;
SELECT c.customer_id, COUNT(o.order_id), SUM(o.total) FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id GROUP BY c.customer_id ORDER BY c.customer_id;
SELECT o.status, SUM(i.quantity * i.price) FROM orders o JOIN order_items i ON i.customer_id = o.customer_id AND i.order_id = o.order_id GROUP BY o.status ORDER BY o.status;
SELECT c.name, o.order_id FROM orders o RIGHT JOIN customers c ON o.customer_id = c.customer_id ORDER BY c.customer_id, o.order_id;
SELECT c.name, o.order_id FROM customers c JOIN orders o USING (customer_id) WHERE c.country = 'de' ORDER BY o.order_id;
SELECT customer_id, name, order_id FROM customers JOIN orders USING (customer_id) ORDER BY order_id LIMIT 7;
SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.customer_id AND o.total > 500 ORDER BY o.order_id;
SELECT c.name, o.order_id FROM customers c STRAIGHT_JOIN orders o ON o.customer_id = c.customer_id ORDER BY o.order_id LIMIT 2;
SELECT COUNT(*) FROM customers c JOIN orders o ON o.customer_id = c.customer_id;
SELECT c.name, o.order_id FROM customers c JOIN orders o ON o.customer_id = c.customer_id WHERE c.customer_id IN (1, 2, 7) ORDER BY o.order_id;

--- broadcast tables
SELECT c.name, n.name FROM customers c JOIN countries n ON n.code = c.country WHERE c.customer_id = 1;
SELECT c.name, n.name FROM customers c JOIN countries n ON n.code = c.country ORDER BY c.customer_id;
SELECT n.region, COUNT(*) FROM customers c JOIN countries n ON n.code = c.country GROUP BY n.region ORDER BY n.region;
SELECT c.name, n.name, o.order_id FROM customers c JOIN countries n ON n.code = c.country JOIN orders o ON o.customer_id = c.customer_id WHERE n.region = 'Asia' ORDER BY o.order_id;
SELECT c.name, n.name FROM customers c LEFT JOIN countries n ON n.code = c.country AND n.region = 'Asia' ORDER BY c.customer_id;
SELECT n.name, p.name FROM countries n JOIN products p ON p.product_id = LENGTH(n.name) - 4 ORDER BY 1, 2;
SELECT a.name, b.name FROM countries a JOIN countries b ON a.region = b.region AND a.code < b.code ORDER BY 1, 2;
SELECT n.name, t.txt FROM countries n JOIN notes t ON t.id = 1 ORDER BY 1;
SELECT (SELECT name FROM countries WHERE code = c.country) AS land, c.name FROM customers c WHERE c.customer_id = 5;
SELECT c.name FROM customers c WHERE c.customer_id = 5 AND c.country IN (SELECT code FROM countries WHERE region = 'Asia');
--! may refuse
SELECT c.name FROM customers c WHERE c.country IN (SELECT code FROM countries WHERE region = 'Asia') ORDER BY c.customer_id;
--! may refuse
SELECT n.name, c.name FROM countries n LEFT JOIN customers c ON n.code = c.country AND c.credit > 90 ORDER BY n.code, c.customer_id;

--- joins that leave the shard
--! may refuse
SELECT c.name, t.txt FROM customers c JOIN notes t ON t.id = c.customer_id ORDER BY 1;
--! may refuse
SELECT c.name, t.txt FROM customers c JOIN notes t ON t.id = c.customer_id WHERE c.customer_id = 1;
--! may refuse
SELECT a.name, b.name FROM customers a JOIN customers b ON a.country = b.country AND a.customer_id < b.customer_id ORDER BY a.customer_id, b.customer_id;
--! may refuse
SELECT a.name, b.name FROM customers a JOIN customers b WHERE a.customer_id = 1 AND b.customer_id = 2;
--! may refuse
SELECT c.name, w.word FROM customers c JOIN words w ON w.word = c.name ORDER BY 1;
--! may refuse
SELECT c.name, o.order_id FROM customers c JOIN orders o ON o.order_id = c.customer_id ORDER BY 2;
--! may refuse
SELECT c.name, o.order_id FROM customers c JOIN orders o ON o.customer_id = c.customer_id OR o.order_id = 1 ORDER BY 1, 2;
--! may refuse
SELECT COUNT(*) FROM customers, orders;
--! may refuse
SELECT c.customer_id, x.n FROM customers c JOIN (SELECT customer_id, COUNT(*) n FROM orders GROUP BY customer_id) x ON x.customer_id = c.customer_id ORDER BY 1;
--! may refuse
SELECT c.name, o.order_id FROM customers c NATURAL JOIN orders o ORDER BY o.order_id;
--! may refuse
SELECT c.name, o.order_id FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id AND o.customer_id = 1 ORDER BY c.customer_id, o.order_id;
--! may refuse
SELECT c.customer_id FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id AND c.customer_id = 1 WHERE o.order_id IS NULL ORDER BY 1;
