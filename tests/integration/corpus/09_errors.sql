-- Errors: the server's own code, sqlstate and words, with logical names.

--- syntax
SELEC 1;
SELECT FROM customers;
SELECT * FROM customers WHER customer_id = 1;
SELECT * FROM customers WHERE customer_id = ;
SELECT 'unfinished;
SELECT * FROM;
INSERT INTO customers VALUES;
UPDATE customers SET;
SELECT * FROM customers ORDER BY;
SELECT (1;
SELECT 1);
;
SELECT * FROM customers LIMIT 'a';
SELECT * FROM customers LIMIT -1;
FOO BAR;
/* nothing */;
SELECT `unfinished;

--- names
SELECT * FROM nothing;
SELECT nothing FROM customers WHERE customer_id = 1;
SELECT nothing FROM customers;
SELECT c.nothing FROM customers c WHERE c.customer_id = 1;
SELECT x.name FROM customers c WHERE c.customer_id = 1;
SELECT name FROM customers WHERE nothing = 1;
SELECT name FROM customers WHERE customer_id = 1 ORDER BY nothing;
INSERT INTO customers (nothing) VALUES (1);
INSERT INTO customers (customer_id, nothing) VALUES (1, 2);
UPDATE customers SET nothing = 1 WHERE customer_id = 1;
UPDATE nothing SET a = 1;
DELETE FROM nothing;
SELECT NOFUNCTION(1);
SELECT NOFUNCTION(name) FROM customers WHERE customer_id = 1;
SELECT customer_id FROM customers c JOIN orders o ON o.customer_id = c.customer_id WHERE c.customer_id = 1;
SELECT name, name FROM customers WHERE customer_id = 1;
--! may refuse
SELECT * FROM customers c, customers c;
SELECT COUNT(*) FROM customers WHERE COUNT(*) > 1;
--! may refuse
SELECT customer_id FROM customers GROUP BY nothing;
DROP TABLE nothing;
ALTER TABLE nothing ADD a INT;
TRUNCATE nothing;

--- values
INSERT INTO customers (customer_id, name, country) VALUES (1, 'dup', 'at');
INSERT INTO customers (customer_id, name) VALUES (300, 'no country');
INSERT INTO customers (customer_id, name, country) VALUES (301, NULL, 'at');
INSERT INTO customers (customer_id, name, country) VALUES (302, 'x', 'too long');
INSERT INTO customers (customer_id, name, country) VALUES (303, 'x');
INSERT INTO customers (customer_id, name, country) VALUES (304, 'x', 'at'), (305, 'x');
INSERT INTO customers VALUES (306);
INSERT INTO orders (order_id, customer_id, status, placed) VALUES (400, 1, 'nonsense', '2024-01-01');
INSERT INTO orders (order_id, customer_id, placed) VALUES (401, 1, 'no date');
INSERT INTO orders (order_id, customer_id, total, placed) VALUES (402, 1, 1e20, '2024-01-01');
INSERT INTO orders (order_id, customer_id, total, placed) VALUES (403, 1, 1.239, '2024-01-01');
SHOW WARNINGS;
UPDATE customers SET credit = 'abc' WHERE customer_id = 1;
UPDATE customers SET credit = 1/0 WHERE customer_id = 1;
UPDATE customers SET country = NULL WHERE customer_id = 1;
UPDATE orders SET order_id = 2 WHERE order_id = 1 AND customer_id = 1;
SELECT 1/0;
SHOW WARNINGS;
SELECT CAST('abc' AS SIGNED);
SHOW WARNINGS;
SELECT CAST('1x' AS SIGNED), name FROM customers WHERE customer_id = 1;
SHOW WARNINGS;
SHOW COUNT(*) WARNINGS;
SELECT @@warning_count, @@error_count;
SELECT (SELECT code FROM countries);
SELECT name FROM customers WHERE customer_id = 1 AND 1 = (SELECT code FROM countries);
SELECT 9223372036854775807 + 1;
SELECT POW(10, 400);
SELECT ST_GeomFromText('nonsense');

--- warnings follow the statement
SELECT CAST('a' AS SIGNED), CAST('b' AS SIGNED);
SELECT name FROM products WHERE product_id = 1;
SHOW WARNINGS;
SELEC;
SHOW WARNINGS;
SHOW ERRORS;
SHOW COUNT(*) ERRORS;
DROP TABLE IF EXISTS nothing1, nothing2;
SHOW WARNINGS LIMIT 1;
