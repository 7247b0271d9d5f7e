-- INSERT, REPLACE, UPDATE and DELETE in their forms. After each test the tables are compared row by row.

--- insert
INSERT INTO customers (customer_id, name, country) VALUES (101, 'Test', 'de');
INSERT INTO customers (customer_id, name, country) VALUES (102, 'a', 'de'), (103, 'b', 'at'), (104, 'c', 'us'), (105, 'd', 'us'), (106, 'e', 'us');
INSERT INTO customers SET customer_id = 107, name = 'set', country = 'jp';
INSERT INTO customers VALUES (108, 'all', 'all@x', 'ca', 1.5, '2024-01-01');
INSERT INTO customers VALUES (109, 'all', 'all@x', 'ca', DEFAULT, NULL), (110, UPPER('x'), CONCAT('a', 'b'), 'ca', 1 + 1, CURDATE() - INTERVAL DATEDIFF(CURDATE(), '2024-02-02') DAY);
INSERT customers (customer_id, name, country) VALUE (111, 'into-less', 'at');
INSERT INTO shop.customers (customer_id, name, country) VALUES (112, 'qualified', 'at');
INSERT INTO customers (name, country, customer_id) VALUES ('order', 'at', 113), ('order2', 'at', 114);
--! may refuse
INSERT INTO customers (`customer_id`, `name`, `country`) VALUES ('115', 'text key', 'at'), (116.0, 'decimal key', 'at'), (0x75, 'hex key', 'at');
SELECT * FROM customers WHERE customer_id > 100 ORDER BY customer_id;
INSERT LOW_PRIORITY INTO orders (order_id, customer_id, placed) VALUES (201, 101, '2024-05-05'), (202, 102, '2024-05-06 01:02:03');
INSERT INTO orders (order_id, customer_id, status, placed) VALUES (203, 103, 2, '2024-05-07');
SELECT * FROM orders WHERE order_id > 200 ORDER BY order_id;
INSERT INTO words VALUES ('Eta', 'new'), ('theta', 'it''s'), ('iota', "a \"b\" \\ c"), ('kappa', 'x\ny\0z');
INSERT INTO words (word, meaning) VALUES ('lambda', _latin1'\xe9'), ('mu', x'4142'), ('nu', N'national');
SELECT word, HEX(meaning) FROM words ORDER BY word;
INSERT INTO visits VALUES ('2024-04-01', 'april', 1), ('2024-05-31 23:59:59', 'may', 2);
INSERT INTO parcels VALUES (10, 'ca', 3.5), (11, 'jp', 4), (12, 'at', 5);
INSERT INTO ledger VALUES (50, 1, 'x'), (150, 2, 'y'), (250, 3, 'z');
INSERT INTO countries VALUES ('fr', 'France', 'Europe'), ('br', 'Brazil', 'America');
INSERT INTO products (name, category, price) VALUES ('Drum', 'music', 55), ('Horn', 'music', 66);
INSERT INTO notes VALUES (4, 'four');
INSERT INTO notes SELECT id + 10, txt FROM notes;
SELECT * FROM notes ORDER BY id;
INSERT INTO customers (customer_id, name, country) VALUES (118, 'trailing', 'at')  ;

--- insert ignore and duplicates
INSERT INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at');
INSERT INTO customers (customer_id, name, country) VALUES (130, 'new', 'at'), (1, 'dup', 'at'), (131, 'new', 'at');
SELECT customer_id FROM customers WHERE customer_id IN (130, 131) ORDER BY 1;
INSERT IGNORE INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at');
INSERT IGNORE INTO customers (customer_id, name, country) VALUES (132, 'new', 'at'), (1, 'dup', 'at'), (133, 'new', 'at');
INSERT INTO orders (order_id, customer_id, placed) VALUES (1, 1, NOW());
INSERT INTO countries VALUES ('at', 'again', 'x');
INSERT INTO countries VALUES ('xx', 'half', 'x'), ('at', 'again', 'x');
SELECT COUNT(*) FROM countries WHERE code = 'xx';
INSERT INTO products (product_id, name, price) VALUES (1, 'dup', 1);

--- on duplicate key update
INSERT INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at') ON DUPLICATE KEY UPDATE credit = credit + 1;
INSERT INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at'), (2, 'dup', 'at'), (140, 'fresh', 'at') ON DUPLICATE KEY UPDATE name = VALUES(name), credit = credit + 5;
INSERT INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at') ON DUPLICATE KEY UPDATE name = name;
INSERT INTO customers (customer_id, name, country) VALUES (141, 'n', 'at') ON DUPLICATE KEY UPDATE name = 'no';
SELECT customer_id, name, credit FROM customers WHERE customer_id IN (1, 2, 140, 141) ORDER BY customer_id;
INSERT INTO words VALUES ('ALPHA', 'again') ON DUPLICATE KEY UPDATE meaning = CONCAT(meaning, '!');
SELECT * FROM words WHERE word = 'alpha';
INSERT INTO notes VALUES (1, 'x'), (50, 'y') ON DUPLICATE KEY UPDATE txt = 'updated';
--! refused
INSERT INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at') ON DUPLICATE KEY UPDATE customer_id = 5;

--- replace
REPLACE INTO customers (customer_id, name, country) VALUES (3, 'replaced', 'us');
REPLACE INTO customers (customer_id, name, country) VALUES (4, 'replaced', 'us'), (5, 'replaced', 'us'), (150, 'fresh', 'us');
REPLACE customers SET customer_id = 6, name = 'set', country = 'at';
SELECT * FROM customers WHERE customer_id IN (3, 4, 5, 6, 150) ORDER BY customer_id;
REPLACE INTO words VALUES ('BETA', 'replaced');
SELECT * FROM words WHERE word = 'beta';
REPLACE INTO notes VALUES (1, 'replaced'), (60, 'fresh');
REPLACE INTO countries VALUES ('at', 'Osterreich', 'Europe');

--- update
UPDATE customers SET credit = 5 WHERE customer_id = 1;
UPDATE customers SET credit = 5 WHERE customer_id = 1;
UPDATE customers SET credit = credit + 1, name = 'Ada L.' WHERE customer_id = 1;
UPDATE customers SET credit = credit + 1 WHERE customer_id IN (1, 2, 3);
UPDATE customers SET credit = credit * 2 WHERE country = 'at';
UPDATE customers SET credit = 0;
UPDATE customers SET name = 'nobody' WHERE customer_id = 999;
UPDATE customers AS c SET c.name = 'alias' WHERE c.customer_id = 7;
UPDATE shop.customers SET shop.customers.name = 'full' WHERE shop.customers.customer_id = 8;
UPDATE customers SET email = DEFAULT WHERE customer_id = 8;
UPDATE customers SET name = 'one' WHERE customer_id = 9 LIMIT 1;
UPDATE orders SET total = total + 1 WHERE customer_id = 1 ORDER BY order_id DESC LIMIT 1;
UPDATE orders SET status = 'sent', note = NULL WHERE status = 'paid';
UPDATE orders SET note = CONCAT(IFNULL(note, ''), '.') WHERE order_id BETWEEN 5 AND 9;
UPDATE IGNORE customers SET credit = 1 WHERE customer_id = 10;
UPDATE words SET meaning = 'm' WHERE word = 'GAMMA';
UPDATE visits SET n = n + 1 WHERE seen_at >= '2024-02-01' AND seen_at < '2024-04-01';
UPDATE ledger SET amount = amount + 1 WHERE entry_id BETWEEN 50 AND 150;
UPDATE products SET price = price + 1;
UPDATE products SET price = price + 1 ORDER BY product_id LIMIT 2;
UPDATE countries SET region = 'Old World' WHERE region = 'Europe';
SELECT * FROM countries ORDER BY code;
UPDATE notes SET id = id + 1000 WHERE id = 1;
UPDATE customers c JOIN countries n ON n.code = c.country SET c.credit = 3 WHERE c.customer_id = 12 AND n.region = 'Asia';
SELECT * FROM customers ORDER BY customer_id;
SELECT * FROM orders ORDER BY order_id;
--! refused
UPDATE customers SET customer_id = 500 WHERE customer_id = 1;
--! refused
UPDATE orders SET customer_id = customer_id + 1;
--! refused
UPDATE customers SET credit = 1 ORDER BY customer_id LIMIT 3;
--! refused
UPDATE customers SET credit = 1 LIMIT 3;
--! may refuse
UPDATE customers c JOIN orders o ON o.customer_id = c.customer_id SET c.credit = c.credit + 1, o.note = 'joined' WHERE o.status = 'new';
--! may refuse
UPDATE customers SET credit = (SELECT MAX(price) FROM products) WHERE customer_id = 1;

--- delete
DELETE FROM customers WHERE customer_id = 101;
DELETE FROM customers WHERE customer_id = 101;
DELETE FROM customers WHERE customer_id IN (102, 103, 104);
DELETE FROM customers WHERE name = 'all';
DELETE FROM customers WHERE customer_id > 140;
DELETE c FROM customers AS c WHERE c.customer_id = 107;
DELETE FROM shop.customers WHERE shop.customers.customer_id = 112;
DELETE FROM orders WHERE customer_id = 5 ORDER BY order_id LIMIT 1;
DELETE FROM orders WHERE customer_id = 999;
DELETE FROM words WHERE word = 'ZETA';
DELETE FROM visits WHERE seen_at < '2024-02-01';
DELETE FROM ledger WHERE entry_id = 99 OR entry_id = 200;
DELETE FROM parcels WHERE region = 'de';
DELETE FROM countries WHERE code IN ('fr', 'br');
DELETE FROM products WHERE product_id > 6;
DELETE FROM notes;
DELETE QUICK FROM order_items WHERE customer_id = 1 AND order_id = 2;
SELECT * FROM customers ORDER BY customer_id;
--! refused
DELETE FROM customers LIMIT 1;
--! refused
DELETE FROM customers ORDER BY credit LIMIT 2;
--! may refuse
DELETE o, i FROM orders o JOIN order_items i ON i.customer_id = o.customer_id AND i.order_id = o.order_id WHERE o.customer_id = 2;
--! may refuse
DELETE FROM customers WHERE customer_id IN (SELECT customer_id FROM orders WHERE status = 'returned');
--! may refuse
INSERT INTO customers (customer_id, name, country) SELECT product_id + 700, name, 'at' FROM products;
--! may refuse
INSERT INTO notes SELECT customer_id, name FROM customers WHERE customer_id = 1;
DELETE FROM orders;
DELETE FROM order_items WHERE 1;

--- generated ids
INSERT INTO tickets (title) VALUES ('a');
SELECT LAST_INSERT_ID();
INSERT INTO tickets (title) VALUES ('b'), ('c'), ('d');
SELECT LAST_INSERT_ID();
SELECT * FROM tickets ORDER BY ticket_id;
INSERT INTO tickets VALUES (NULL, 'e', 1);
INSERT INTO tickets VALUES (0, 'f', 1), (NULL, 'g', 2), (DEFAULT, 'h', 3);
INSERT INTO tickets SET title = 'i';
INSERT INTO tickets (ticket_id, title) VALUES (DEFAULT, 'j');
SELECT LAST_INSERT_ID(), ROW_COUNT();
SELECT * FROM tickets WHERE ticket_id = LAST_INSERT_ID();
UPDATE tickets SET points = points + 1 WHERE ticket_id = LAST_INSERT_ID();
SELECT LAST_INSERT_ID(42);
SELECT LAST_INSERT_ID();
INSERT INTO tickets (title) VALUES ('k');
SELECT COUNT(*), MIN(ticket_id), MAX(ticket_id) FROM tickets;
SELECT @@last_insert_id;
INSERT INTO tickets (title) VALUES ('l'), (NULL);
INSERT INTO tickets () VALUES ();
