-- DDL over all physical tables, and SHOW in logical names.

--- show
SHOW TABLES;
SHOW TABLES LIKE 'order%';
SHOW TABLES FROM shop;
SHOW FULL TABLES;
SHOW TABLES WHERE Tables_in_shop LIKE 'c%';
SHOW COLUMNS FROM customers;
SHOW FULL COLUMNS FROM customers;
SHOW COLUMNS FROM customers LIKE 'c%';
SHOW FIELDS FROM orders IN shop;
DESCRIBE customers;
DESC orders;
DESC orders status;
EXPLAIN customers;
SHOW COLUMNS FROM products;
SHOW COLUMNS FROM countries;
SHOW CREATE TABLE customers;
SHOW CREATE TABLE shop.orders;
SHOW CREATE TABLE order_items;
SHOW CREATE TABLE notes;
SHOW CREATE TABLE countries;
SHOW INDEX FROM notes;
SHOW DATABASES LIKE 'shop';
SHOW SCHEMAS LIKE 'oth%';
SHOW VARIABLES LIKE 'sql_mode';
SHOW SESSION VARIABLES LIKE 'character_set_client';
SHOW GLOBAL VARIABLES LIKE 'lower_case_table_names';
SHOW COLLATION LIKE 'utf8mb4_bin';
SHOW CHARACTER SET LIKE 'utf8mb4';
SHOW WARNINGS;
SHOW COUNT(*) WARNINGS;
SHOW ERRORS;
SHOW CREATE TABLE nothing;
SHOW COLUMNS FROM nothing;
SHOW TABLES FROM nothing;

--- information_schema
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME;
SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'customers';
SELECT COLUMN_NAME, DATA_TYPE, IS_NULLABLE, COLUMN_KEY FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers' ORDER BY ORDINAL_POSITION;
SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop';
SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers';

--- tables
CREATE TABLE scratch (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
SHOW CREATE TABLE scratch;
CREATE TABLE scratch (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
CREATE TABLE IF NOT EXISTS scratch (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
INSERT INTO scratch VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g');
ALTER TABLE scratch ADD COLUMN n INT NOT NULL DEFAULT 5 AFTER id;
SELECT * FROM scratch ORDER BY id;
SHOW CREATE TABLE scratch;
ALTER TABLE scratch ADD KEY by_n (n), MODIFY v VARCHAR(30);
SHOW CREATE TABLE scratch;
CREATE INDEX by_v ON scratch (v);
CREATE UNIQUE INDEX by_both ON scratch (id, n);
SHOW CREATE TABLE scratch;
DROP INDEX by_v ON scratch;
ALTER TABLE scratch DROP KEY by_n, DROP KEY by_both, DROP COLUMN n;
SHOW CREATE TABLE scratch;
ALTER TABLE scratch DROP COLUMN nothing;
INSERT INTO scratch VALUES (8, 'h');
SELECT * FROM scratch ORDER BY id;
TRUNCATE TABLE scratch;
SELECT COUNT(*) FROM scratch;
TRUNCATE scratch;
DROP TABLE scratch;
SELECT * FROM scratch;
DROP TABLE scratch;
DROP TABLE IF EXISTS scratch;
SHOW WARNINGS;
--! may refuse
CREATE TABLE scratch LIKE types_a;
DROP TABLE IF EXISTS scratch;
CREATE TABLE scratch (id INT NOT NULL PRIMARY KEY, v VARCHAR(20)) ENGINE=InnoDB COMMENT='a comment; with `quotes`';
SHOW CREATE TABLE scratch;
--! may refuse
DROP TABLE scratch, nothing;
DROP TABLE IF EXISTS scratch;

--- whole tables
CREATE TABLE temp_notes (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT);
INSERT INTO temp_notes (v) VALUES ('a'), ('b');
SELECT LAST_INSERT_ID();
ALTER TABLE temp_notes ADD w INT;
RENAME TABLE temp_notes TO temp_notes2;
SELECT * FROM temp_notes2 ORDER BY id;
CREATE TABLE temp_copy AS SELECT * FROM temp_notes2;
SELECT * FROM temp_copy ORDER BY id;
CREATE VIEW temp_view AS SELECT id FROM temp_copy;
SELECT * FROM temp_view ORDER BY id;
DROP VIEW temp_view;
DROP TABLE temp_copy, temp_notes2;
CREATE TABLE bad (id INT, id INT);
CREATE TABLE bad (id NOTYPE);

--- databases
USE other;
CREATE TABLE things (id INT PRIMARY KEY, v INT);
INSERT INTO things VALUES (1, 2);
SELECT * FROM things;
SELECT DATABASE();
SELECT COUNT(*) FROM shop.customers;
SELECT name FROM shop.customers WHERE customer_id = 1;
SELECT c.name FROM shop.customers c WHERE c.customer_id = 1;
SHOW TABLES;
SHOW TABLES FROM shop LIKE 'cust%';
USE shop;
SELECT * FROM other.things;
SELECT DATABASE(), SCHEMA();
DROP TABLE other.things;
USE nothing;

--- maintenance
ANALYZE TABLE notes;
CHECK TABLE notes;
OPTIMIZE TABLE nothing;
