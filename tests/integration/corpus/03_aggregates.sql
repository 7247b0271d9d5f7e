-- Aggregates with and without groups, over one shard and over all.

--- without groups
SELECT COUNT(*) FROM customers;
SELECT COUNT(*), COUNT(email), COUNT(joined) FROM customers;
SELECT SUM(credit), MIN(credit), MAX(credit), AVG(credit) FROM customers;
SELECT SUM(customer_id), AVG(customer_id), MIN(customer_id), MAX(customer_id) FROM customers;
SELECT MIN(name), MAX(name) FROM customers;
SELECT MIN(joined), MAX(joined) FROM customers;
SELECT MIN(status), MAX(status) FROM orders;
SELECT MIN(placed), MAX(placed) FROM orders;
SELECT SUM(amount), AVG(amount), MIN(amount), MAX(amount) FROM ledger;
SELECT SUM(weight), AVG(weight), MIN(weight), MAX(weight) FROM parcels;
SELECT COUNT(*) FROM customers WHERE country = 'de';
SELECT COUNT(*), SUM(credit), AVG(credit), MIN(credit), MAX(credit) FROM customers WHERE country = 'xx';
SELECT COUNT(*) AS n, MAX(total) AS most FROM orders WHERE status = 'sent';
SELECT COUNT(1), COUNT(NULL), COUNT(0) FROM orders;
SELECT SUM(1), MAX(1), MIN('a') FROM orders;
SELECT SUM(quantity * price) FROM order_items;
SELECT AVG(total) FROM orders WHERE customer_id IN (1, 2);
SELECT AVG(quantity), AVG(quantity + 0.5), AVG(quantity * 1e0) FROM order_items;
SELECT SUM(note) FROM orders;
SELECT COUNT(*) FROM customers WHERE customer_id = 1;
SELECT SUM(DISTINCT credit) FROM customers WHERE customer_id = 1;
SELECT count(*), Sum(total) FROM orders;
SELECT MAX(name) FROM customers WHERE customer_id IN (1, 6, 20);
SELECT MIN(email), MAX(email) FROM customers WHERE country = 'us';
SELECT COUNT(*) FROM orders WHERE total > 40 AND total < 50;

--- in groups
SELECT country, COUNT(*) FROM customers GROUP BY country ORDER BY country;
SELECT country, COUNT(*) FROM customers GROUP BY country;
SELECT COUNT(*), country FROM customers GROUP BY country ORDER BY country DESC;
SELECT country, SUM(credit), AVG(credit), MIN(credit), MAX(credit), COUNT(email) FROM customers GROUP BY country ORDER BY country;
SELECT status, COUNT(*) FROM orders GROUP BY status ORDER BY status;
SELECT status, COUNT(*) FROM orders GROUP BY status ORDER BY status DESC;
SELECT note, COUNT(*) FROM orders GROUP BY note ORDER BY note;
SELECT customer_id, COUNT(*), SUM(total) FROM orders GROUP BY customer_id ORDER BY customer_id;
SELECT customer_id, status, COUNT(*) FROM orders GROUP BY customer_id, status ORDER BY customer_id, status;
SELECT country, COUNT(*) AS n FROM customers GROUP BY country ORDER BY n DESC, country;
SELECT country, COUNT(*) FROM customers GROUP BY country ORDER BY COUNT(*) DESC, country LIMIT 2;
SELECT country, SUM(credit) s FROM customers GROUP BY country ORDER BY s, country;
SELECT country, AVG(credit) s FROM customers GROUP BY country ORDER BY s, country LIMIT 1, 3;
SELECT country FROM customers GROUP BY country ORDER BY country;
SELECT country FROM customers GROUP BY country ORDER BY country LIMIT 2, 2;
SELECT country AS land, COUNT(*) FROM customers GROUP BY land ORDER BY land;
SELECT country, COUNT(*) FROM customers GROUP BY 1 ORDER BY 1;
SELECT YEAR(joined) AS y, COUNT(*) FROM customers GROUP BY YEAR(joined) ORDER BY y;
SELECT DATE_FORMAT(placed, '%Y-%m') AS month, SUM(total) FROM orders GROUP BY month ORDER BY month;
SELECT quantity, COUNT(*) FROM order_items GROUP BY quantity ORDER BY quantity;
SELECT price, COUNT(*) FROM order_items GROUP BY price ORDER BY price;
SELECT customer_id % 3 AS r, COUNT(*) FROM customers GROUP BY r ORDER BY r;
SELECT country, COUNT(*) FROM customers WHERE customer_id IN (1, 2, 3, 4) GROUP BY country ORDER BY country;
SELECT country, COUNT(*) FROM customers WHERE customer_id = 2 GROUP BY country;
SELECT country, MIN(name), MAX(name) FROM customers GROUP BY country ORDER BY country;
SELECT joined IS NULL, COUNT(*) FROM customers GROUP BY joined IS NULL ORDER BY 1;
SELECT status, MIN(placed), MAX(placed) FROM orders GROUP BY status ORDER BY status;
SELECT COUNT(*), SUM(credit) FROM customers GROUP BY country ORDER BY country;
SELECT SUM(credit) FROM customers GROUP BY country ORDER BY SUM(credit), country;
SELECT page, SUM(n), AVG(n) FROM visits GROUP BY page ORDER BY page;
SELECT label, SUM(amount) FROM ledger GROUP BY label ORDER BY label;
SELECT country, COUNT(*) FROM customers WHERE country = 'xx' GROUP BY country;
SELECT name, COUNT(*) FROM customers GROUP BY name ORDER BY name;
SELECT country, status, COUNT(*), SUM(total) FROM customers JOIN orders USING (customer_id) GROUP BY country, status ORDER BY country, status;

--- having and expressions of aggregates
SELECT customer_id, COUNT(*) n FROM orders WHERE customer_id = 1 GROUP BY customer_id HAVING n > 1;
SELECT COUNT(*) + 1 FROM customers WHERE customer_id = 1;
--! may refuse
SELECT country, COUNT(*) n FROM customers GROUP BY country HAVING n > 4 ORDER BY country;
--! may refuse
SELECT country, COUNT(*) FROM customers GROUP BY country HAVING SUM(credit) > 50 ORDER BY country;
--! may refuse
SELECT customer_id, COUNT(*) n FROM orders GROUP BY customer_id HAVING COUNT(*) > 1 ORDER BY customer_id;
--! may refuse
SELECT COUNT(*) + 1 FROM customers;
--! may refuse
SELECT SUM(credit) / COUNT(*) FROM customers;
--! may refuse
SELECT ROUND(AVG(credit), 1) FROM customers;
--! may refuse
SELECT MAX(credit) - MIN(credit) FROM customers;
--! may refuse
SELECT country, COUNT(DISTINCT credit) FROM customers GROUP BY country ORDER BY country;
--! may refuse
SELECT customer_id, COUNT(DISTINCT status) FROM orders GROUP BY customer_id ORDER BY customer_id;
--! may refuse
SELECT COUNT(DISTINCT customer_id) FROM orders;
--! may refuse
SELECT BIT_OR(customer_id), BIT_AND(customer_id), BIT_XOR(customer_id) FROM customers;
--! may refuse
SELECT VAR_POP(total), STD(total) FROM orders;
--! may refuse
SELECT country, name, COUNT(*) FROM customers GROUP BY country HAVING country = 'xx';
--! may refuse
SELECT DISTINCT COUNT(*) FROM customers GROUP BY country ORDER BY 1;
--! may refuse
SELECT country FROM customers GROUP BY country ORDER BY MAX(credit), country;
--! may refuse
SELECT IF(COUNT(*) > 3, 'many', 'few') FROM customers;
--! may refuse
SELECT COUNT(*) c, (SELECT COUNT(*) FROM countries) FROM customers;
