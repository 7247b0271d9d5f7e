-- Rows of one and of several shards. In every file: `--- name` begins a test; `--! ties` before a statement says that its
-- ORDER BY leaves rows equal, so the order of those is free; `--! refused` that Weir must refuse it (error 1235, nothing
-- done); `--! may refuse` that it may; `--! session x` goes on in another connection. A statement ends with ; at a line's end.

--- point select
SELECT * FROM customers WHERE customer_id = 1;
SELECT customer_id, name FROM customers WHERE customer_id = 5;
SELECT name AS who FROM customers AS k WHERE k.customer_id = 3;
SELECT customers.name FROM customers WHERE customers.customer_id = 6;
SELECT shop.customers.name FROM shop.customers WHERE shop.customers.customer_id = 20;
SELECT c.* FROM customers c WHERE customer_id = 1;
SELECT * FROM customers WHERE customer_id = 999;
SELECT * FROM customers WHERE customer_id IS NULL;
SELECT `name` FROM `customers` WHERE `customer_id` = 4;
select NAME, Credit from customers where CUSTOMER_ID = 4;
SELECT /* a comment */ name -- another
FROM customers # and one more
WHERE customer_id = 4;
SELECT 1 AS one, 'two' AS `2`, name FROM customers WHERE customer_id = 2;
SELECT UPPER(name), LENGTH(email), credit * 2, credit + 1.5, joined + INTERVAL 1 DAY FROM customers WHERE customer_id = 7;
SELECT COUNT(*) FROM customers WHERE customer_id = 7;
SELECT name FROM customers WHERE 7 = customer_id;
SELECT name FROM customers WHERE (customer_id) = (7);
SELECT name FROM customers WHERE customer_id = 7 AND country = 'de' AND credit > 1;
SELECT name FROM customers WHERE customer_id = 7 AND country = 'xx';
SELECT name FROM customers WHERE customer_id <=> 8;
SELECT name FROM customers WHERE customer_id <=> NULL;

--- every spelling of one key
SELECT name FROM customers WHERE customer_id = '7';
SELECT name FROM customers WHERE customer_id = ' 7';
SELECT name FROM customers WHERE customer_id = 7.0;
SELECT name FROM customers WHERE customer_id = 7e0;
SELECT name FROM customers WHERE customer_id = 0x07;
SELECT name FROM customers WHERE customer_id = b'111';
SELECT name FROM customers WHERE customer_id = +7;
SELECT name FROM customers WHERE customer_id = 3+4;
SELECT name FROM customers WHERE customer_id = -(-7);
SELECT name FROM customers WHERE customer_id = 007;
SELECT name FROM customers WHERE customer_id = '7.0';
SELECT name FROM customers WHERE customer_id = '7e0';
SELECT name FROM customers WHERE customer_id = '7abc';
SELECT name FROM customers WHERE customer_id = 'abc';
SELECT name FROM customers WHERE customer_id = 7.5;
SELECT name FROM customers WHERE customer_id = '7.5';
SELECT name FROM customers WHERE customer_id = TRUE;
SELECT name FROM customers WHERE customer_id = CAST('7' AS UNSIGNED);
SELECT name FROM customers WHERE customer_id = 18446744073709551615;
SELECT name FROM customers WHERE customer_id = -1;
SELECT name FROM customers WHERE customer_id = 99999999999999999999999;
SELECT name FROM customers WHERE customer_id + 0 = 7;
SELECT name FROM customers WHERE customer_id = (7);

--- lists and ranges
SELECT customer_id, name FROM customers WHERE customer_id IN (1, 2, 3);
SELECT customer_id, name FROM customers WHERE customer_id IN (1, 2, 3) ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id IN (5, 5, 5);
SELECT customer_id, name FROM customers WHERE customer_id IN ('5', 6, 7.0);
SELECT customer_id, name FROM customers WHERE customer_id IN (5, NULL);
SELECT customer_id, name FROM customers WHERE customer_id IN (NULL);
SELECT customer_id, name FROM customers WHERE customer_id NOT IN (1, 2, 3) ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id NOT IN (1, NULL) ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id BETWEEN 3 AND 6 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id BETWEEN 6 AND 3 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id NOT BETWEEN 3 AND 18 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id > 15 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id >= 15 AND customer_id < 17 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id <> 1 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id = 1 OR customer_id = 2 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id = 1 OR country = 'jp' ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE customer_id = 1 AND customer_id = 2;
SELECT customer_id, name FROM customers WHERE NOT (customer_id <> 4) ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE NOT customer_id > 3 ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE (customer_id, country) IN ((1,'at'), (2,'xx'), (3,'us')) ORDER BY customer_id;
SELECT customer_id, name FROM customers WHERE (customer_id, country) = (1, 'at');
SELECT customer_id, name FROM customers WHERE country = 'de' ORDER BY customer_id;
SELECT customer_id FROM customers WHERE customer_id = 1 OR 1 = 1 ORDER BY customer_id;
SELECT customer_id FROM customers WHERE customer_id IN (1,2) OR customer_id IN (3,4) ORDER BY customer_id;
SELECT customer_id FROM customers WHERE (customer_id = 1 OR customer_id = 2) AND country = 'de';
SELECT customer_id FROM customers WHERE customer_id = 1 XOR customer_id = 2 ORDER BY customer_id;
SELECT customer_id FROM customers WHERE name LIKE '%a' ORDER BY customer_id;
SELECT customer_id FROM customers WHERE email IS NULL ORDER BY customer_id;
SELECT customer_id FROM customers WHERE IF(customer_id = 1, 1, 0) ORDER BY customer_id;
SELECT customer_id FROM customers WHERE CASE customer_id WHEN 3 THEN 1 ELSE 0 END ORDER BY customer_id;

--- all rows
SELECT * FROM customers;
SELECT * FROM customers ORDER BY customer_id;
SELECT * FROM orders ORDER BY order_id;
SELECT * FROM order_items ORDER BY order_id, line_no;
SELECT customers.*, 1 FROM customers ORDER BY customer_id;
SELECT name n, credit c FROM customers ORDER BY customer_id;
SELECT NULL FROM customers;
SELECT 1 FROM customers;
SELECT customer_id c, c2.* FROM customers c2 ORDER BY c2.customer_id;

--- string keys
SELECT * FROM words WHERE word = 'alpha';
SELECT * FROM words WHERE word = 'ALPHA';
SELECT * FROM words WHERE word = 'gamma';
SELECT * FROM words WHERE word = 'Gamma ';
SELECT * FROM words WHERE word IN ('beta', 'DELTA', 'nothing') ORDER BY word;
SELECT * FROM words WHERE word = "zeta";
SELECT * FROM words WHERE word = _utf8mb4'zeta';
SELECT * FROM words WHERE word = 0x7a657461;
SELECT * FROM words WHERE word > 'c' ORDER BY word;
SELECT * FROM words WHERE word = 0 ORDER BY word;
SELECT * FROM words WHERE word = 'al' 'pha';
SELECT * FROM words WHERE BINARY word = 'Gamma';
SELECT * FROM words WHERE word = 'Gamma' COLLATE utf8mb4_bin;

--- date keys
SELECT * FROM visits WHERE seen_at = '2024-01-01';
SELECT * FROM visits WHERE seen_at = '2024-01-31 23:59:59';
SELECT * FROM visits WHERE seen_at >= '2024-02-01' AND seen_at < '2024-03-01' ORDER BY seen_at;
SELECT * FROM visits WHERE seen_at BETWEEN '2024-01-31' AND '2024-02-29 12:00:00' ORDER BY seen_at;
SELECT * FROM visits WHERE seen_at >= DATE '2024-03-01' ORDER BY seen_at;
SELECT * FROM visits WHERE seen_at = TIMESTAMP '2024-02-29 12:00:00';
SELECT * FROM visits WHERE seen_at = 20240201;
SELECT * FROM visits WHERE seen_at = '20240201';
SELECT * FROM visits WHERE MONTH(seen_at) = 1 ORDER BY seen_at;
SELECT * FROM visits ORDER BY seen_at;
SELECT page, SUM(n) FROM visits WHERE seen_at < '2024-03-01' GROUP BY page ORDER BY page;

--- lists of values and ranges of numbers
SELECT * FROM parcels WHERE region = 'de' ORDER BY parcel_id;
SELECT * FROM parcels WHERE region = 'DE' ORDER BY parcel_id;
SELECT * FROM parcels WHERE region IN ('us','jp') ORDER BY parcel_id;
SELECT * FROM parcels WHERE region > 'b' ORDER BY parcel_id;
SELECT * FROM parcels ORDER BY weight;
SELECT * FROM ledger WHERE entry_id = 99;
SELECT * FROM ledger WHERE entry_id = 100;
SELECT * FROM ledger WHERE entry_id BETWEEN 99 AND 200 ORDER BY entry_id;
SELECT * FROM ledger WHERE entry_id < 100 ORDER BY entry_id;
SELECT * FROM ledger WHERE entry_id >= 200 ORDER BY entry_id;
SELECT * FROM ledger WHERE amount > 0 ORDER BY amount;

--- whole tables
SELECT * FROM products ORDER BY product_id;
SELECT category, COUNT(DISTINCT price) FROM products GROUP BY category ORDER BY category;
SELECT * FROM notes;
SELECT * FROM countries ORDER BY code;
SELECT p.name, RANK() OVER (ORDER BY price DESC) AS place FROM products p ORDER BY place;
WITH cheap AS (SELECT * FROM products WHERE price < 20) SELECT COUNT(*) FROM cheap;
SELECT * FROM products WHERE price > (SELECT AVG(price) FROM products) ORDER BY product_id;
SELECT name FROM products WHERE category = 'garden' UNION SELECT name FROM products WHERE price > 100 ORDER BY name;
SELECT GROUP_CONCAT(name ORDER BY name SEPARATOR '/') FROM products;
SELECT x.category FROM (SELECT category, MAX(price) m FROM products GROUP BY category) x WHERE x.m > 20 ORDER BY 1;
SELECT EXISTS (SELECT 1 FROM products WHERE price > 100);
SELECT 1;
SELECT 1 + 1 AS two, NULL AS n, 'x' AS s;
SELECT 1 FROM DUAL;
SELECT VALUES_ FROM (SELECT 5 AS VALUES_) t;

--- distinct
SELECT DISTINCT country FROM customers ORDER BY country;
SELECT DISTINCT country FROM customers;
SELECT DISTINCT status FROM orders ORDER BY status;
SELECT DISTINCT country, credit FROM customers ORDER BY country, credit;
SELECT DISTINCT customer_id FROM orders ORDER BY customer_id;
SELECT DISTINCT country FROM customers WHERE customer_id = 1;
SELECT DISTINCT name FROM customers ORDER BY name LIMIT 3;
SELECT DISTINCT note FROM orders ORDER BY note;

--- limits
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 3;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 0;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 5, 3;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 3 OFFSET 5;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 18, 100;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 100, 10;
SELECT customer_id FROM customers ORDER BY customer_id DESC LIMIT 2;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 18446744073709551615;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 2, 18446744073709551615;
SELECT customer_id FROM customers WHERE customer_id = 3 LIMIT 1;
SELECT customer_id FROM customers WHERE customer_id = 3 LIMIT 1, 1;
SELECT customer_id FROM customers WHERE customer_id IN (3, 4, 5, 6) ORDER BY customer_id LIMIT 1, 2;
SELECT COUNT(*) FROM customers LIMIT 1;
SELECT COUNT(*) FROM customers LIMIT 0;
SELECT COUNT(*) FROM customers LIMIT 1, 1;
(SELECT customer_id FROM customers ORDER BY customer_id LIMIT 2);

--- locking reads
SELECT name FROM customers WHERE customer_id = 1 FOR UPDATE;
SELECT name FROM customers WHERE customer_id = 1 LOCK IN SHARE MODE;

--- what may be refused but must not be wrong
--! may refuse
SELECT customer_id FROM customers WHERE credit > (SELECT AVG(credit) FROM customers) ORDER BY customer_id;
--! may refuse
SELECT * FROM (SELECT customer_id FROM customers ORDER BY customer_id LIMIT 3) t ORDER BY 1;
--! may refuse
SELECT COUNT(*) FROM (SELECT country, COUNT(*) FROM customers GROUP BY country) t;
--! may refuse
SELECT customer_id FROM customers UNION SELECT customer_id FROM orders ORDER BY 1;
--! may refuse
SELECT customer_id FROM customers WHERE customer_id < 3 UNION ALL SELECT order_id FROM orders WHERE order_id < 3 ORDER BY 1;
--! may refuse
SELECT COUNT(DISTINCT country) FROM customers;
--! may refuse
SELECT name, ROW_NUMBER() OVER (ORDER BY customer_id) FROM customers ORDER BY customer_id;
--! may refuse
SELECT GROUP_CONCAT(country ORDER BY country) FROM customers;
--! may refuse
SELECT STDDEV(credit) FROM customers;
--! may refuse
SELECT * FROM customers WHERE customer_id = (SELECT MAX(customer_id) FROM customers);
--! may refuse
SELECT c.name, p.name FROM customers c JOIN products p ON p.product_id = c.customer_id ORDER BY 1;
--! may refuse
SELECT a.order_id, b.order_id FROM orders a JOIN orders b ON a.total = b.total ORDER BY 1, 2;
--! may refuse
SELECT customer_id FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE orders.customer_id = customers.customer_id) ORDER BY 1;
--! may refuse
SELECT customer_id FROM customers WHERE customer_id IN (SELECT customer_id FROM orders WHERE total > 900) ORDER BY 1;
--! may refuse
SELECT SQL_CALC_FOUND_ROWS customer_id FROM customers ORDER BY customer_id LIMIT 2;
--! may refuse
WITH x AS (SELECT country, COUNT(*) n FROM customers GROUP BY country) SELECT * FROM x ORDER BY country;
--! may refuse
SELECT country, COUNT(*) FROM customers GROUP BY country WITH ROLLUP;
--! may refuse
SELECT customer_id FROM customers ORDER BY RAND(1) LIMIT 20;
--! may refuse
SELECT @n := @n + 1, customer_id FROM customers ORDER BY customer_id;
--! may refuse
SELECT customer_id FROM customers ORDER BY customer_id FOR UPDATE;
--! may refuse
SELECT (SELECT COUNT(*) FROM orders o WHERE o.customer_id = c.customer_id) FROM customers c WHERE c.customer_id = 1;
--! may refuse
(SELECT customer_id FROM customers ORDER BY credit DESC LIMIT 1) UNION ALL (SELECT customer_id FROM customers ORDER BY credit LIMIT 1);
--! may refuse
SELECT customer_id FROM customers PROCEDURE ANALYSE();
--! may refuse
SELECT JSON_ARRAYAGG(country) FROM customers WHERE customer_id < 3;
