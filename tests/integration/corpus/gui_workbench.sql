-- What MySQL Workbench asks at connect, for its tree, and when a table is opened or edited. In the gui_* files a statement without a mark
-- must answer as the plain server does (column names, kinds, rows); `--! answers`: the values belong to the server, so only the
-- columns' names and that there are rows count; `--! columns`: not even whether there are rows; `--! more`: a variable that the
-- plain server (MariaDB) may not know, and Weir may.

--- connect
SET NAMES utf8mb4;
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET CHARACTER SET utf8;
SET NAMES utf8;
SET SQL_SAFE_UPDATES=1;
--! answers
SELECT CONNECTION_ID();
SHOW SESSION VARIABLES LIKE 'lower_case_table_names';
SHOW SESSION VARIABLES LIKE 'sql_mode';
--! columns
SHOW SESSION STATUS LIKE 'Ssl_cipher';
--! answers
SELECT current_user();
SELECT DATABASE();
--! answers
SHOW VARIABLES;
--! answers
SHOW GLOBAL VARIABLES;
--! answers
SHOW GLOBAL STATUS;
--! answers
SHOW SESSION VARIABLES LIKE 'version_comment';
--! answers
SHOW SESSION VARIABLES LIKE 'version';
SHOW SESSION VARIABLES LIKE 'version_compile_os';
--! answers
SHOW DATABASES;
--! answers
SELECT @@version, @@version_comment;
--! columns
SHOW PLUGINS;
SHOW ENGINES;
SHOW CHARACTER SET;
--! answers
SHOW COLLATION;
SET CHARACTER SET utf8mb4;
SET SQL_SAFE_UPDATES=0;

--- tree of a schema
SHOW DATABASES LIKE 'shop';
SHOW FULL TABLES FROM `shop`;
SHOW FULL COLUMNS FROM `shop`.`customers`;
SHOW FULL TABLES FROM `shop` WHERE Table_type = 'VIEW';
--! columns
SHOW PROCEDURE STATUS WHERE Db='shop';
--! columns
SHOW FUNCTION STATUS WHERE Db='shop';
SHOW FUNCTION STATUS LIKE 'no_such%';
SHOW PROCEDURE STATUS LIKE 'no_such%';
SHOW TRIGGERS FROM `shop`;
SHOW TRIGGERS FROM `shop` LIKE 'customers';
SHOW EVENTS FROM `shop`;
SHOW INDEXES FROM `shop`.`customers`;
SHOW INDEX FROM `shop`.`order_items`;
SHOW KEYS FROM `shop`.`orders`;
--! answers
SHOW TABLE STATUS FROM `shop`;
--! answers
SHOW TABLE STATUS FROM `shop` LIKE 'customers';
SELECT name, type FROM (SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop') AS t WHERE name LIKE 'c%' ORDER BY name;
SELECT TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'shop' AND CONSTRAINT_NAME = 'PRIMARY' ORDER BY TABLE_NAME, ORDINAL_POSITION;

--- a table is opened
SELECT st.* FROM shop.customers st ORDER BY customer_id LIMIT 0, 1000;
SELECT * FROM `shop`.`customers` ORDER BY customer_id LIMIT 0,1000;
SHOW CREATE TABLE `shop`.`customers`;
SHOW CREATE SCHEMA `shop`;
SHOW INDEXES FROM `shop`.`customers` WHERE Key_name = 'PRIMARY';
SELECT COUNT(*) FROM `shop`.`customers`;

--- administration
--! answers
SHOW PROCESSLIST;
--! answers
SHOW FULL PROCESSLIST;
--! columns
SELECT * FROM information_schema.PROCESSLIST;
--! answers
SHOW GLOBAL STATUS LIKE 'Threads%';
--! answers
SHOW GLOBAL STATUS WHERE Variable_name = 'Uptime';
--! answers
SHOW STATUS LIKE 'Uptime';
--! answers
SHOW GRANTS;
--! answers
SHOW GRANTS FOR CURRENT_USER();
SHOW PRIVILEGES;
--! columns
--! columns
SHOW ENGINE INNODB STATUS;
SHOW WARNINGS;
SHOW COUNT(*) ERRORS;
