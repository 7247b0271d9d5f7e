-- Transactions on one server, savepoints, isolation between two sessions.

--- commit and rollback
BEGIN;
UPDATE customers SET credit = 1 WHERE customer_id = 1;
SELECT credit FROM customers WHERE customer_id = 1;
--! session b
SELECT credit FROM customers WHERE customer_id = 1;
--! session a
ROLLBACK;
SELECT credit FROM customers WHERE customer_id = 1;
START TRANSACTION;
UPDATE customers SET credit = 2 WHERE customer_id = 1;
INSERT INTO orders (order_id, customer_id, placed) VALUES (900, 1, '2024-01-01');
COMMIT;
--! session b
SELECT credit FROM customers WHERE customer_id = 1;
SELECT order_id, customer_id FROM orders WHERE customer_id = 1 ORDER BY order_id;
--! session a
BEGIN WORK;
DELETE FROM orders WHERE customer_id = 1 AND order_id = 900;
ROLLBACK WORK;
SELECT COUNT(*) FROM orders WHERE customer_id = 1;
COMMIT;
COMMIT;
ROLLBACK;

--- savepoints
BEGIN;
UPDATE customers SET credit = 10 WHERE customer_id = 2;
SAVEPOINT one;
UPDATE customers SET credit = 20 WHERE customer_id = 2;
SAVEPOINT two;
UPDATE customers SET credit = 30 WHERE customer_id = 2;
ROLLBACK TO two;
SELECT credit FROM customers WHERE customer_id = 2;
ROLLBACK TO SAVEPOINT one;
SELECT credit FROM customers WHERE customer_id = 2;
RELEASE SAVEPOINT one;
ROLLBACK TO one;
COMMIT;
SELECT credit FROM customers WHERE customer_id = 2;
ROLLBACK TO nothing;

--- an error inside leaves the transaction open
BEGIN;
UPDATE customers SET credit = 40 WHERE customer_id = 2;
INSERT INTO customers (customer_id, name, country) VALUES (2, 'dup', 'at');
SELECT credit FROM customers WHERE customer_id = 2;
SELEC 1;
UPDATE nothing SET a = 1;
COMMIT;
SELECT credit FROM customers WHERE customer_id = 2;

--- autocommit off
SET autocommit = 0;
SELECT credit FROM customers WHERE customer_id = 3;
UPDATE customers SET credit = 50 WHERE customer_id = 3;
--! session b
SELECT credit FROM customers WHERE customer_id = 3;
--! session a
COMMIT;
UPDATE customers SET credit = 60 WHERE customer_id = 3;
SET autocommit = 1;
--! session b
SELECT credit FROM customers WHERE customer_id = 3;
--! session a
SELECT credit FROM customers WHERE customer_id = 3;

--- read only and chains
START TRANSACTION READ ONLY;
SELECT name FROM customers WHERE customer_id = 4;
UPDATE customers SET credit = 1 WHERE customer_id = 4;
COMMIT;
START TRANSACTION WITH CONSISTENT SNAPSHOT;
SELECT name FROM customers WHERE customer_id = 4;
COMMIT AND NO CHAIN;
BEGIN;
UPDATE notes SET txt = 'chained' WHERE id = 1;
COMMIT AND CHAIN;
UPDATE notes SET txt = 'undone' WHERE id = 1;
ROLLBACK;
SELECT txt FROM notes WHERE id = 1;

--- a transaction that ends by DDL
BEGIN;
UPDATE notes SET txt = 'kept' WHERE id = 2;
CREATE TABLE temp_ddl (id INT);
ROLLBACK;
SELECT txt FROM notes WHERE id = 2;
DROP TABLE temp_ddl;
BEGIN;
UPDATE notes SET txt = 'kept too' WHERE id = 2;
BEGIN;
ROLLBACK;
SELECT txt FROM notes WHERE id = 2;

--- reads over all shards inside a transaction
BEGIN;
UPDATE customers SET credit = 77 WHERE customer_id = 5;
SELECT customer_id, credit FROM customers WHERE credit = 77 ORDER BY customer_id;
SELECT COUNT(*) FROM customers;
ROLLBACK;
SELECT customer_id, credit FROM customers WHERE credit = 77 ORDER BY customer_id;

--- isolation levels
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
BEGIN;
SELECT txt FROM notes WHERE id = 3;
--! session b
UPDATE notes SET txt = 'seen' WHERE id = 3;
--! session a
SELECT txt FROM notes WHERE id = 3;
COMMIT;
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
BEGIN;
SELECT txt FROM notes WHERE id = 3;
--! session b
UPDATE notes SET txt = 'unseen' WHERE id = 3;
--! session a
SELECT txt FROM notes WHERE id = 3;
COMMIT;
SELECT txt FROM notes WHERE id = 3;

--- locks between sessions
BEGIN;
SELECT credit FROM customers WHERE customer_id = 1 FOR UPDATE;
--! session b
SET innodb_lock_wait_timeout = 1;
UPDATE customers SET credit = 5 WHERE customer_id = 1;
SELECT credit FROM customers WHERE customer_id = 1;
--! session a
COMMIT;
--! session b
UPDATE customers SET credit = 6 WHERE customer_id = 1;
SELECT credit FROM customers WHERE customer_id = 1;
