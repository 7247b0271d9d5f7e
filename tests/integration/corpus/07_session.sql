-- What belongs to the session: variables, the functions that look back, character sets, sql_mode.

--- variables
SET @a = 5;
SELECT @a;
SET @a = @a + 1, @b = 'text';
SELECT @a, @b, @c;
SELECT @a := 10;
SELECT @a;
SELECT name FROM customers WHERE customer_id = @a;
SET @who = 3;
SELECT customer_id, name FROM customers WHERE customer_id = @who;
SELECT name INTO @n FROM customers WHERE customer_id = 2;
SELECT @n;
SET @`odd name` = 1;
SELECT @`odd name`, @'odd name';
SET @d = 1.50, @e = 1e3, @f = NULL, @g = x'41';
SELECT @d, @e, @f, @g;
SET @a := 'q';
SELECT @a;
SELECT COUNT(*) INTO @cnt FROM products;
SELECT @cnt;
INSERT INTO notes VALUES (900, @b);
SELECT txt FROM notes WHERE id = 900;

--- functions that look back
SELECT ROW_COUNT();
UPDATE customers SET credit = credit + 1 WHERE customer_id IN (1, 2, 3);
SELECT ROW_COUNT();
SELECT ROW_COUNT();
DELETE FROM customers WHERE customer_id = 12345;
SELECT ROW_COUNT();
SELECT customer_id FROM customers WHERE country = 'de';
SELECT FOUND_ROWS();
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 3;
SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS product_id FROM products ORDER BY product_id LIMIT 2;
SELECT FOUND_ROWS();
SELECT FOUND_ROWS();
SELECT DATABASE();
SELECT USER() LIKE 'app@%', SESSION_USER() = USER(), SYSTEM_USER() = USER(), CURRENT_USER() LIKE 'app@%';
SELECT LAST_INSERT_ID();
INSERT INTO products (name, price) VALUES ('x', 1);
SELECT LAST_INSERT_ID() - MAX(product_id) FROM products;
SELECT CONNECTION_ID() = CONNECTION_ID(), CONNECTION_ID() > 0;
DO 1;
SELECT ROW_COUNT();
SET @x = 1;
SELECT ROW_COUNT();
SELECT LAST_INSERT_ID(7);
SELECT LAST_INSERT_ID();
UPDATE notes SET id = LAST_INSERT_ID(id + 1) WHERE id = 3;
SELECT LAST_INSERT_ID();

--- settings
SET SESSION sql_mode = 'ANSI_QUOTES';
SELECT @@sql_mode;
SELECT "name" FROM "customers" WHERE "customer_id" = 1;
SELECT @@session.sql_mode, @@SESSION.sql_mode;
SET sql_mode = '';
INSERT INTO notes VALUES (901, REPEAT('x', 100));
SHOW WARNINGS;
SELECT LENGTH(txt) FROM notes WHERE id = 901;
SET sql_mode = DEFAULT;
INSERT INTO notes VALUES (902, REPEAT('x', 100));
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
SELECT 'a\b', 'c\\d';
SELECT name FROM customers WHERE customer_id = 1 AND name <> 'a\';
SET sql_mode = 'PIPES_AS_CONCAT';
SELECT 'a' || 'b';
SELECT name || '!' FROM customers WHERE customer_id = 4;
SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES');
SELECT @@sql_mode;
SET sql_mode = 'NONSENSE';
SET sql_mode = DEFAULT;
SELECT 'a' || 'b';
SET time_zone = '+05:00';
SELECT @@time_zone, FROM_UNIXTIME(0);
SET time_zone = 'Nowhere/Land';
SET time_zone = SYSTEM;
SET NAMES latin1;
SELECT @@character_set_client, @@character_set_results, @@collation_connection;
SELECT name, HEX(name) FROM customers WHERE customer_id = 20;
SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SELECT @@collation_connection, 'a' = 'A';
SELECT customer_id FROM customers WHERE name = 'ADA' ORDER BY 1;
SET NAMES nonsense;
SET NAMES utf8mb4;
SET CHARACTER SET latin1;
SELECT @@character_set_client, @@character_set_results, @@character_set_connection;
SET NAMES DEFAULT;
SET character_set_results = NULL;
SELECT HEX(name) FROM customers WHERE customer_id = 20;
SET NAMES utf8mb4;
SET autocommit = 0;
SELECT @@autocommit;
COMMIT;
SET autocommit = 1;
SELECT @@autocommit, @@session.autocommit;
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT @@tx_isolation;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SELECT @@tx_isolation;
SET tx_isolation = 'REPEATABLE-READ';
SELECT @@tx_isolation;
SET @old = @@sql_mode, SESSION sql_mode = 'ANSI';
SELECT @@sql_mode, @old <> @@sql_mode;
SET sql_mode = @old;
SET group_concat_max_len = 5;
SELECT GROUP_CONCAT(name) FROM products WHERE product_id < 4;
SET group_concat_max_len = DEFAULT;
SET SESSION wait_timeout = 1000, SESSION net_write_timeout = 100;
SELECT @@wait_timeout;
SET nonsense = 1;
SET SESSION nonsense = 1;
SELECT @@nonsense;
SET foreign_key_checks = 0, unique_checks = 0;
SELECT @@foreign_key_checks, @@unique_checks;
SET foreign_key_checks = 1, unique_checks = 1;
SET sql_safe_updates = 1;
UPDATE products SET price = 1;
SET sql_safe_updates = 0;
SET SQL_QUOTE_SHOW_CREATE = 1;
--! may refuse
SET sql_select_limit = 2;
SELECT product_id FROM products ORDER BY product_id;
--! may refuse
SELECT customer_id FROM customers ORDER BY customer_id;
SET sql_select_limit = DEFAULT;
SET lc_time_names = 'de_DE';
SELECT DATE_FORMAT('2024-03-01', '%M');
SELECT DATE_FORMAT(placed, '%M') m FROM orders WHERE order_id = 12;
SET lc_time_names = 'en_US';
SET timestamp = 1700000000;
SELECT UNIX_TIMESTAMP(), NOW() = FROM_UNIXTIME(1700000000);
SET timestamp = DEFAULT;
SET insert_id = 7777;
SET insert_id = DEFAULT;

--- a session for each
SET @mine = 'a';
USE other;
--! session b
SELECT @mine IS NULL, DATABASE();
SET @mine = 'b', sql_mode = 'ANSI_QUOTES';
--! session a
SELECT @mine, DATABASE(), @@sql_mode LIKE '%ANSI_QUOTES%';
--! session b
SELECT @mine, DATABASE(), @@sql_mode LIKE '%ANSI_QUOTES%';
SELECT "customer_id" FROM customers WHERE "customer_id" = 1;

--- prepared in SQL text
--! may refuse
PREPARE p FROM 'SELECT name FROM products WHERE product_id = ?';
--! may refuse
EXECUTE p USING @nothing;

--- temporary tables and locks
CREATE TEMPORARY TABLE mine (id INT, v VARCHAR(10));
INSERT INTO mine VALUES (1, 'x'), (2, 'y');
SELECT * FROM mine ORDER BY id;
--! session b
SELECT * FROM mine;
--! session a
SELECT COUNT(*) FROM mine;
DROP TEMPORARY TABLE mine;
SELECT * FROM mine;
SELECT GET_LOCK('corpus', 1);
SELECT IS_USED_LOCK('corpus') IS NOT NULL, IS_FREE_LOCK('corpus');
--! session b
SELECT GET_LOCK('corpus', 0);
--! session a
SELECT RELEASE_LOCK('corpus');
--! session b
SELECT GET_LOCK('corpus', 0);
SELECT RELEASE_LOCK('corpus');
