-- Several statements in one text (all on one line here), and replies of many parts.

--- several statements
SELECT 1; SELECT 2;
SELECT name FROM customers WHERE customer_id = 1; SELECT name FROM customers WHERE customer_id = 2;
SELECT COUNT(*) FROM customers; SELECT COUNT(*) FROM orders; SELECT 3;
UPDATE customers SET credit = 1 WHERE customer_id = 1; SELECT ROW_COUNT(); SELECT credit FROM customers WHERE customer_id = 1;
SET @m = 4; SELECT name FROM customers WHERE customer_id = @m;
BEGIN; UPDATE customers SET credit = 9 WHERE customer_id = 1; ROLLBACK; SELECT credit FROM customers WHERE customer_id = 1;
USE other; SELECT DATABASE(); USE shop; SELECT DATABASE();
SELECT 1; SELEC 2;
SELECT 1; SELECT * FROM nothing; SELECT 3;
INSERT INTO notes VALUES (800, 'a;b'); INSERT INTO notes VALUES (801, "c;d"); DELETE FROM notes WHERE id >= 800;
SELECT ';'; SELECT 'a''; b'; SELECT "x;y"; SELECT `name` FROM customers WHERE customer_id = 3 /* ; */; SELECT 1 -- ;
SELECT 1;;
SELECT 1; ;
SELECT customer_id FROM customers ORDER BY customer_id LIMIT 3; DO 0; SELECT name FROM products ORDER BY product_id LIMIT 1;
CREATE TABLE temp_multi (a INT); INSERT INTO temp_multi VALUES (1); SELECT * FROM temp_multi; DROP TABLE temp_multi;

--- comments and odd white space
/* lead */ SELECT 1;
-- line
SELECT 2;
# hash
SELECT 3;
/*!40101 SET NAMES utf8mb4 */;
/*!50003 SELECT 5 */;
/*!99999 nonsense */;
/*M!100100 SELECT 6 */;
SELECT /*! 7 */ + /* 8 */ 9;
SELECT	1	+	2;
SELECT 1+-1, 1--1, 1-- 2
+ 3;
SELECT 'a' /* between */ 'b';
select!1;
SELECT .5, 5., .5e1, 1e-3, 0xff, x'ff', 0b101, b'11';
SELECT `customers`.`name`FROM`customers`WHERE`customer_id`=1;
SELECT(name)FROM(customers)WHERE(customer_id)=(1);
