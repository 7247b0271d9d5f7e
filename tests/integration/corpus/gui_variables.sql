-- Variables of the server in every spelling that clients send.

--- selected
SELECT @@sql_mode, @@session.sql_mode, @@SESSION.`sql_mode`, @@local.sql_mode, @@`sql_mode`;
SELECT @@max_allowed_packet = @@session.max_allowed_packet, @@global.max_allowed_packet = @@GLOBAL.`max_allowed_packet`;
SELECT @@autocommit, @@session.autocommit, @@LOCAL.autocommit, @@`autocommit`;
SELECT @@character_set_client, @@session.character_set_connection, @@local.character_set_results;
SELECT @@collation_connection, @@session.collation_connection, @@`session`.collation_connection;
SELECT @@tx_isolation, @@session.tx_isolation, @@global.tx_isolation;
--! more
SELECT @@transaction_isolation;
SELECT @@lower_case_table_names, @@global.lower_case_table_names;
SELECT @@session.lower_case_table_names;
SELECT @@auto_increment_increment, @@auto_increment_offset;
SELECT @@time_zone, @@session.time_zone, @@system_time_zone;
SELECT @@foreign_key_checks, @@unique_checks, @@sql_safe_updates, @@sql_big_selects;
SELECT @@license, @@version_compile_os, @@version_compile_machine;
SELECT @@character_set_server, @@collation_server, @@character_set_database, @@collation_database;
SELECT @@performance_schema, @@init_connect, @@net_buffer_length;
SELECT @@have_ssl IN ('YES', 'NO', 'DISABLED');
SELECT @@no_such_variable;
SELECT @@session.no_such_variable;
SELECT @@global.sql_mode = @@global.`sql_mode` AS ok, @@sql_auto_is_null AS n;
SELECT @@max_allowed_packet > 1000 AS enough LIMIT 1;
SELECT @@identity, @@last_insert_id, @@insert_id;
SELECT @@error_count, @@warning_count;
SELECT @@pseudo_thread_id = CONNECTION_ID();
--! answers
SELECT @@version, @@version_comment, @@hostname, @@port, @@datadir, @@socket;
--! answers
SELECT @@wait_timeout, @@interactive_timeout, @@net_read_timeout, @@net_write_timeout;
SELECT @@sql_mode AS `mode`, 1 + 1 AS two FROM dual;
SELECT @@session.sql_mode LIKE '%STRICT%';

--- set and shown
SET @@session.sql_mode = 'ANSI_QUOTES', @@local.time_zone = '+02:00';
SELECT @@sql_mode, @@time_zone;
SHOW VARIABLES LIKE 'sql_mode';
SHOW LOCAL VARIABLES LIKE 'time_zone';
SHOW VARIABLES WHERE Variable_name = 'sql_mode';
SHOW VARIABLES WHERE Variable_name IN ('sql_mode', 'time_zone') AND Value <> '';
SHOW SESSION VARIABLES WHERE `Variable_name` LIKE 'character_set_c%';
SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'SQL_MODE';
SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME IN ('time_zone', 'autocommit') ORDER BY 1;
--! answers
SHOW STATUS LIKE 'Threads_connected';
--! answers
SHOW SESSION STATUS LIKE 'Bytes_sent';
--! answers
SHOW GLOBAL STATUS LIKE 'Com_select';
--! columns
SHOW STATUS LIKE 'Last_query_cost';
SHOW STATUS LIKE 'No_such_status';
SHOW VARIABLES LIKE 'no_such_variable';
SET sql_mode = DEFAULT, time_zone = DEFAULT;
SELECT @@sql_mode, @@time_zone;
SET SESSION wait_timeout = 28000;
SELECT @@wait_timeout;
SET @@session.autocommit = 0;
SELECT @@autocommit;
SET autocommit = ON;
SELECT @@session.autocommit;
SET NAMES latin1;
SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection;
SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci;
SHOW VARIABLES LIKE 'c%\_connection';
SET CHARACTER SET latin1;
SHOW VARIABLES LIKE 'character\_set\_%t%';
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SHOW VARIABLES LIKE 'tx_isolation';
--! columns
SHOW VARIABLES LIKE 'transaction_isolation';

--- functions about the session
SELECT DATABASE(), SCHEMA();
SELECT USER() = SESSION_USER(), USER() = SYSTEM_USER();
--! answers
SELECT USER(), CURRENT_USER(), VERSION(), CONNECTION_ID();
SELECT CURRENT_ROLE();
SELECT FOUND_ROWS(), ROW_COUNT(), LAST_INSERT_ID();
SELECT CHARSET('a'), COLLATION('a'), COERCIBILITY('a');
SHOW DATABASES LIKE 'sh%';
SHOW SCHEMAS WHERE `Database` = 'shop';
SHOW CREATE DATABASE shop;
SHOW CREATE DATABASE IF NOT EXISTS shop;
SHOW STORAGE ENGINES;
SHOW COLLATION WHERE Charset = 'latin1';
SHOW COLLATION LIKE 'utf8mb4\_bin';
SHOW CHARACTER SET WHERE Maxlen = 4;
SHOW AUTHORS;
SHOW FUNCTION CODE nothing;
SHOW TABLE TYPES;
HELP 'nothing at all';
