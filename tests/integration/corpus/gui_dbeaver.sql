-- What DBeaver sends (over MySQL's Connector/J and over MariaDB's) at connect and for its tree, and DataGrip's introspection.

--- connect by connector j
SELECT @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, @@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@lower_case_table_names AS lower_case_table_names, @@net_write_timeout AS net_write_timeout, @@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@tx_isolation AS transaction_isolation;
--! answers
SELECT @@interactive_timeout AS interactive_timeout, @@wait_timeout AS wait_timeout, @@license AS license, @@query_cache_size AS query_cache_size, @@query_cache_type AS query_cache_type;
--! more
SELECT @@session.transaction_isolation;
SELECT @@session.tx_isolation;
--! more
SELECT @@session.transaction_read_only;
SELECT @@session.tx_read_only;
SET NAMES utf8mb4;
SET character_set_results = NULL;
SET autocommit=1;
SET sql_mode='STRICT_TRANS_TABLES';
--! answers
SHOW VARIABLES WHERE Variable_name IN ('language', 'net_write_timeout', 'interactive_timeout', 'wait_timeout', 'character_set_client', 'character_set_connection', 'character_set', 'character_set_server', 'tx_isolation', 'transaction_isolation', 'character_set_results', 'timezone', 'time_zone', 'system_time_zone', 'lower_case_table_names', 'max_allowed_packet', 'net_buffer_length', 'sql_mode', 'query_cache_type', 'query_cache_size', 'license', 'init_connect');
--! answers
SELECT @@max_allowed_packet, @@system_time_zone, @@time_zone, @@auto_increment_increment;
SELECT @@session.max_allowed_packet = @@global.max_allowed_packet AS same;
SET SESSION TRANSACTION READ WRITE;

--- connect
SELECT DATABASE();
SHOW VARIABLES LIKE 'lower_case_%';
--! answers
SELECT @@GLOBAL.character_set_server, @@GLOBAL.collation_server;
--! answers
SELECT VERSION();
SELECT 1;
SHOW ENGINES;
SHOW CHARACTER SET;
SHOW CHARSET LIKE 'latin1%';
--! answers
SHOW COLLATION;
--! columns
SHOW PLUGINS;
SHOW PRIVILEGES;
--! answers
SELECT * FROM information_schema.SCHEMATA;
SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop';
--! columns
SELECT * FROM mysql.user LIMIT 0;
--! answers
SELECT * FROM information_schema.USER_PRIVILEGES;

--- tree of a schema
SHOW FULL TABLES FROM `shop`;
SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, TABLE_COMMENT, CREATE_OPTIONS FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME;
SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers' ORDER BY ORDINAL_POSITION;
SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, c.COLUMN_DEFAULT, c.EXTRA FROM information_schema.COLUMNS c JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME WHERE c.TABLE_SCHEMA = 'shop' AND t.TABLE_TYPE = 'BASE TABLE' ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION;
SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SEQ_IN_INDEX, COLLATION, SUB_PART, NULLABLE, INDEX_TYPE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'order_items' ORDER BY INDEX_NAME, SEQ_IN_INDEX;
SELECT s.TABLE_NAME, s.INDEX_NAME, COUNT(*) AS parts FROM information_schema.STATISTICS s WHERE s.TABLE_SCHEMA = 'shop' GROUP BY s.TABLE_NAME, s.INDEX_NAME ORDER BY 1, 2;
SELECT kc.CONSTRAINT_NAME, kc.TABLE_NAME, kc.COLUMN_NAME, kc.ORDINAL_POSITION FROM information_schema.KEY_COLUMN_USAGE kc WHERE kc.TABLE_SCHEMA = 'shop' AND kc.REFERENCED_TABLE_NAME IS NULL ORDER BY kc.TABLE_NAME, kc.CONSTRAINT_NAME, kc.ORDINAL_POSITION;
SELECT tc.CONSTRAINT_NAME, tc.TABLE_NAME, tc.CONSTRAINT_TYPE FROM information_schema.TABLE_CONSTRAINTS tc WHERE tc.TABLE_SCHEMA = 'shop' ORDER BY tc.TABLE_NAME, tc.CONSTRAINT_NAME;
SELECT rc.CONSTRAINT_NAME, rc.UPDATE_RULE, rc.DELETE_RULE, kc.TABLE_NAME, kc.COLUMN_NAME, kc.REFERENCED_TABLE_NAME, kc.REFERENCED_COLUMN_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS rc JOIN information_schema.KEY_COLUMN_USAGE kc ON kc.CONSTRAINT_SCHEMA = rc.CONSTRAINT_SCHEMA AND kc.CONSTRAINT_NAME = rc.CONSTRAINT_NAME WHERE kc.TABLE_SCHEMA = 'shop';
SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'shop';
SELECT * FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop';
SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'shop';
SELECT * FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = 'shop';
SELECT * FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop';
SELECT TABLE_NAME, PARTITION_NAME, PARTITION_METHOD FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'customers';
SELECT * FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = 'shop' AND PARTITION_NAME IS NOT NULL;
SHOW CREATE TABLE `shop`.`orders`;
SHOW CREATE TABLE shop.countries;
--! answers
SHOW TABLE STATUS FROM `shop` WHERE Name = 'orders';
SHOW TRIGGERS FROM shop;
SHOW EVENTS FROM shop;
SHOW FULL COLUMNS FROM shop.products;
SHOW INDEX FROM shop.notes;

--- jdbc metadata
SELECT SCHEMA_NAME TABLE_CAT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ('shop', 'other') ORDER BY 1;
SELECT TABLE_SCHEMA TABLE_CAT, NULL TABLE_SCHEM, TABLE_NAME, IF(TABLE_TYPE = 'BASE TABLE', 'TABLE', TABLE_TYPE) AS TABLE_TYPE, TABLE_COMMENT REMARKS FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME LIKE '%' AND TABLE_TYPE IN ('BASE TABLE', 'VIEW') ORDER BY TABLE_TYPE, TABLE_SCHEMA, TABLE_NAME;
SELECT TABLE_SCHEMA TABLE_CAT, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CASE DATA_TYPE WHEN 'bit' THEN -7 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5 WHEN 'varchar' THEN 12 ELSE 1111 END DATA_CODE, IF(IS_NULLABLE = 'yes', 1, 0) NULLABLE, CHARACTER_OCTET_LENGTH, ORDINAL_POSITION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME LIKE 'customers' AND COLUMN_NAME LIKE '%' ORDER BY TABLE_CAT, TABLE_NAME, ORDINAL_POSITION;
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION KEY_SEQ, 'PRIMARY' PK_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'order_items' AND CONSTRAINT_NAME = 'PRIMARY' ORDER BY COLUMN_NAME;
SELECT TABLE_SCHEMA TABLE_CAT, TABLE_NAME, NON_UNIQUE, INDEX_NAME, SEQ_IN_INDEX ORDINAL_POSITION, COLUMN_NAME, COLLATION ASC_OR_DESC FROM information_schema.STATISTICS WHERE TABLE_NAME = 'orders' AND TABLE_SCHEMA = 'shop' ORDER BY NON_UNIQUE, INDEX_NAME, ORDINAL_POSITION;

--- datagrip introspection
SELECT DATABASE(), SCHEMA(), LEFT(USER(), INSTR(CONCAT(USER(), '@'), '@') - 1);
--! answers
SELECT @@version_comment, VERSION(), DATABASE();
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'PARAMETERS' OR TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'SCHEMATA' ORDER BY TABLE_NAME;
SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop';
SELECT TABLE_NAME, TABLE_TYPE, TABLE_COMMENT, ENGINE, TABLE_COLLATION, CREATE_OPTIONS FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME;
SELECT ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, GENERATION_EXPRESSION, TABLE_NAME, COLUMN_COMMENT, IS_NULLABLE, EXTRA, COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME, ORDINAL_POSITION;
SELECT TABLE_NAME, INDEX_NAME, INDEX_COMMENT, INDEX_TYPE, NON_UNIQUE, COLUMN_NAME, SUB_PART, COLLATION FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop' AND INDEX_SCHEMA = 'shop' ORDER BY INDEX_SCHEMA, TABLE_NAME, INDEX_NAME, INDEX_TYPE, SEQ_IN_INDEX;
SELECT c.CONSTRAINT_NAME, c.CONSTRAINT_SCHEMA, c.TABLE_NAME, c.CONSTRAINT_TYPE FROM information_schema.TABLE_CONSTRAINTS c WHERE c.TABLE_SCHEMA = 'shop' AND c.CONSTRAINT_TYPE <> 'PRIMARY KEY' ORDER BY 3, 1;
SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop';
SELECT ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION, ROUTINE_COMMENT, DTD_IDENTIFIER, IS_DETERMINISTIC, SQL_DATA_ACCESS, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'shop';
SELECT t.* FROM shop.customers t ORDER BY customer_id LIMIT 501;
SELECT COUNT(*) FROM shop.orders;
SET SQL_SELECT_LIMIT=DEFAULT;
SHOW WARNINGS;
