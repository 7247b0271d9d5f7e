-- tables.sql - the tables that every driver makes for itself. In the sharded schema items and the others are split by id.
DROP TABLE IF EXISTS items;
CREATE TABLE items (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(100) NOT NULL, points INT NULL);
DROP TABLE IF EXISTS things;
CREATE TABLE things (id INT NOT NULL PRIMARY KEY, bytes LONGBLOB, amount DECIMAL(65,30), moment DATETIME(6), biggest BIGINT UNSIGNED,
    lowest INT, tiny TINYINT, smallest BIGINT, ratio DOUBLE, fraction FLOAT, document JSON, bits BIT(12), words VARCHAR(100),
    nothing VARCHAR(100), missing VARCHAR(100)) CHARACTER SET utf8mb4;
DROP TABLE IF EXISTS big;
CREATE TABLE big (id INT NOT NULL PRIMARY KEY, body LONGBLOB);
DROP TABLE IF EXISTS many;
CREATE TABLE many (id INT NOT NULL PRIMARY KEY, word VARCHAR(60) NOT NULL);
