-- Derived tables and WITH over several shards.

--- counting a query
SELECT COUNT(*) FROM (SELECT customer_id, name FROM customers WHERE credit > 1) AS anon_1;
SELECT COUNT(*) AS count_1 FROM (SELECT o.order_id AS a, o.customer_id AS b FROM orders o ORDER BY o.order_id) AS anon_1;
SELECT COUNT(*) FROM (SELECT * FROM customers) x;
SELECT COUNT(*) FROM (SELECT * FROM customers WHERE customer_id = 7) x;
SELECT COUNT(*) FROM (SELECT * FROM customers WHERE customer_id IN (1, 7, 9)) x WHERE x.name > 'b';
SELECT COUNT(*) FROM (SELECT c.customer_id, o.order_id FROM customers c JOIN orders o ON o.customer_id = c.customer_id) x;
SELECT COUNT(*), COUNT(order_id) FROM (SELECT c.customer_id, o.order_id FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id) x;
SELECT COUNT(*) FROM (SELECT c.customer_id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id)) x;
SELECT COUNT(*) FROM (SELECT c.customer_id FROM customers c WHERE c.customer_id NOT IN (SELECT customer_id FROM orders)) x;
SELECT COUNT(*) FROM (SELECT customer_id FROM (SELECT customer_id, credit FROM customers) y WHERE credit > 2) x;
SELECT COUNT(*) FROM (SELECT DISTINCT customer_id FROM orders) x;
SELECT COUNT(*), SUM(n), MIN(n), MAX(n), AVG(n) FROM (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) x;
SELECT COUNT(*) FROM (SELECT customer_id AS c FROM orders GROUP BY c HAVING COUNT(*) > 1) x;
SELECT COUNT(*) FROM (SELECT customer_id FROM orders GROUP BY 1 HAVING COUNT(*) > 1) x;
SELECT n, COUNT(*) FROM (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) x GROUP BY n ORDER BY n;
SELECT COUNT(*) FROM (SELECT customer_id FROM customers WHERE 1 = 0) x;
SELECT SUM(customer_id) FROM (SELECT customer_id FROM customers WHERE 1 = 0) x;

--- rows and their order
SELECT x.id, x.w FROM (SELECT customer_id AS id, name AS w FROM customers) x ORDER BY x.w, x.id;
SELECT * FROM (SELECT customer_id AS id, name AS w FROM customers) x ORDER BY w DESC, id LIMIT 3, 5;
SELECT * FROM (SELECT customer_id AS id, name AS w FROM customers) x ORDER BY 2, 1;
SELECT id FROM (SELECT customer_id AS id, UPPER(name) AS w FROM customers) x ORDER BY w, id;
SELECT x.a FROM (SELECT customer_id, credit FROM customers) x (a, b) ORDER BY a;
SELECT DISTINCT w FROM (SELECT country AS w FROM customers) x;
SELECT DISTINCT w FROM (SELECT CONCAT(country, '!') AS w FROM customers) x ORDER BY w;
SELECT w, COUNT(*), MAX(id), AVG(id) FROM (SELECT country AS w, customer_id AS id FROM customers) x GROUP BY w;
SELECT w, COUNT(*), MIN(n) FROM (SELECT CONCAT(country, '!') AS w, name AS n FROM customers) x GROUP BY w ORDER BY w;
SELECT LOWER(w), COUNT(*) FROM (SELECT country AS w FROM customers) x GROUP BY LOWER(w) ORDER BY 2 DESC, 1;
SELECT MIN(n), MAX(n) FROM (SELECT name AS n FROM customers) x;
SELECT x.id FROM (SELECT customer_id AS id FROM customers) x WHERE x.id = 7;
SELECT x.id FROM (SELECT customer_id AS id FROM customers) x WHERE x.id IN (1, 7, 9) ORDER BY id;
SELECT x.id FROM (SELECT customer_id AS id FROM customers) x WHERE x.id BETWEEN 3 AND 9 ORDER BY id;
SELECT x.id, c.name FROM (SELECT customer_id AS id, country FROM customers) x JOIN countries c ON c.code = x.country WHERE x.id > 3;
SELECT x.id, c.name FROM (SELECT customer_id AS id, country FROM customers) x LEFT JOIN countries c ON c.code = x.country AND c.name > 'B' ORDER BY x.id;
SELECT c.code, x.id FROM countries c JOIN (SELECT customer_id AS id, country FROM customers) x ON c.code = x.country WHERE x.id > 3 ORDER BY c.code, x.id;
SELECT c.code, x.id FROM countries c LEFT JOIN (SELECT customer_id AS id, country FROM customers) x ON c.code = x.country WHERE x.id > 3 ORDER BY c.code, x.id;

--- of every type
SELECT vc, id FROM (SELECT id, vc FROM types_a) x ORDER BY vc, id;
SELECT vu, id FROM (SELECT id, vu FROM types_a) x ORDER BY vu, id;
SELECT e, id FROM (SELECT id, e FROM types_a) x ORDER BY e, id;
SELECT s, id FROM (SELECT id, s FROM types_a) x ORDER BY s, id;
SELECT f, id FROM (SELECT id, f FROM types_a) x ORDER BY f, id;
SELECT tm, id FROM (SELECT id, tm FROM types_a) x ORDER BY tm, id;
SELECT bu, id FROM (SELECT id, bu FROM types_a) x ORDER BY bu DESC, id;
SELECT bin, id FROM (SELECT id, bin FROM types_a) x ORDER BY bin, id;
SELECT de, id FROM (SELECT DISTINCT id, de FROM types_a) x ORDER BY de, id;
--! may refuse
SELECT m, id FROM (SELECT id, MAX(e) AS m FROM types_a GROUP BY id) x ORDER BY m, id;
SELECT m, id FROM (SELECT id, IFNULL(vc, vu) AS m FROM types_a) x ORDER BY m, id;
SELECT m, id FROM (SELECT id, f * 2 AS m FROM types_a) x ORDER BY m, id;
SELECT m, id FROM (SELECT id, CASE WHEN ti > 0 THEN dt ELSE NULL END AS m FROM types_a) x ORDER BY m, id;
SELECT e, COUNT(*) FROM (SELECT e FROM types_a) x GROUP BY e ORDER BY e;
SELECT s, COUNT(*) FROM (SELECT s FROM types_a) x GROUP BY s ORDER BY s;
SELECT COUNT(*), MIN(e), MAX(e), MIN(vc), MAX(vu), SUM(de), AVG(d), MIN(tm) FROM (SELECT * FROM types_a) x;
SELECT f, COUNT(*) FROM (SELECT f FROM types_a) x GROUP BY f ORDER BY f;
SELECT de, COUNT(*) FROM (SELECT de FROM types_a) x GROUP BY de ORDER BY de;
SELECT UPPER(vl), COUNT(*) FROM (SELECT vl FROM types_a WHERE vl > 'f') x GROUP BY vl ORDER BY vl;

--- WITH used once
WITH t AS (SELECT customer_id, name FROM customers) SELECT COUNT(*) FROM t;
WITH t (a, b) AS (SELECT customer_id, name FROM customers) SELECT a FROM t WHERE b > 'c' ORDER BY b, a LIMIT 3;
WITH t AS (SELECT customer_id, credit FROM customers), u AS (SELECT customer_id FROM t WHERE credit > 2) SELECT COUNT(*) FROM u;
WITH t AS (SELECT customer_id, country FROM customers) SELECT t.customer_id, c.name FROM t JOIN countries c ON c.code = t.country;

--- not the union of the shards
--! refused
SELECT COUNT(*) FROM (SELECT customer_id FROM customers LIMIT 5) x;
--! refused
SELECT COUNT(*) FROM (SELECT country, COUNT(*) FROM customers GROUP BY country) x;
--! refused
SELECT c.code, x.id FROM countries c LEFT JOIN (SELECT customer_id AS id, country FROM customers) x ON c.code = x.country;
--! refused
WITH t AS (SELECT customer_id FROM customers) SELECT COUNT(*) FROM t WHERE customer_id IN (SELECT customer_id + 1 FROM t);

--- writes that give rows back
INSERT INTO orders (customer_id, total) VALUES (1, 10), (7, 20), (3, 30), (9, 40), (1, 50) RETURNING customer_id, total, orders.total + 1, shop.orders.customer_id AS c;
REPLACE INTO types_b (id, k, v) VALUES (3, 1, 'a'), (200, 2, 'b'), (1, 3, 'c'), (201, 4, 'd') RETURNING id, v;
INSERT INTO types_b (id, k, v) VALUES (3, 1, 'a'), (202, 2, 'b'), (1, 3, 'c'), (203, 4, 'd') ON DUPLICATE KEY UPDATE k = 77, v = VALUES(v) RETURNING types_b.id, k, v;
INSERT INTO types_b (id, k, v) VALUES (3, 1, 'a'), (202, 2, 'b'), (1, 3, 'c') ON DUPLICATE KEY UPDATE v = v RETURNING id, k;
--! refused
INSERT IGNORE INTO types_b (id, k, v) VALUES (3, 1, 'a'), (1, 2, 'b'), (2, 4, 'x') RETURNING id;
--! ties
DELETE FROM types_b WHERE id > 190 RETURNING id, k, types_b.k + 1;
INSERT INTO countries (code, name) VALUES ('yy', 'Y'), ('zz', 'Z') RETURNING code, countries.name;
DELETE FROM countries WHERE code IN ('yy') RETURNING code;
DELETE FROM countries WHERE code = 'zz';

--- dropping tables of many places
CREATE TABLE scratch (id INT PRIMARY KEY);
CREATE TABLE temp_ddl (id INT PRIMARY KEY);
DROP TABLE scratch, temp_ddl;
SHOW TABLES LIKE 'scratch';
CREATE TABLE scratch (id INT PRIMARY KEY);
DROP TABLE IF EXISTS temp_ddl, scratch;
SHOW TABLES LIKE 'scratch';
