-- The tables and rows that every section of the corpus starts from, the same on the plain server and through Weir.

CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, region VARCHAR(20) NOT NULL);
CREATE TABLE products (product_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, category VARCHAR(20), price DECIMAL(8,2) NOT NULL);
CREATE TABLE customers (customer_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, email VARCHAR(60) DEFAULT NULL, country CHAR(2) NOT NULL, credit DECIMAL(10,2) NOT NULL DEFAULT 0.00, joined DATE DEFAULT NULL, UNIQUE KEY by_email (customer_id, email), KEY by_country (country));
CREATE TABLE orders (order_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id BIGINT NOT NULL, status ENUM('new','paid','sent','returned') NOT NULL DEFAULT 'new', total DECIMAL(12,2) NOT NULL DEFAULT 0.00, placed DATETIME NOT NULL, note VARCHAR(60) DEFAULT NULL, KEY by_customer (customer_id));
CREATE TABLE order_items (order_id BIGINT NOT NULL, line_no INT NOT NULL, customer_id BIGINT NOT NULL, product_id INT NOT NULL, quantity INT NOT NULL, price DECIMAL(8,2) NOT NULL, PRIMARY KEY (order_id, line_no), KEY by_customer (customer_id));
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, txt VARCHAR(60));
CREATE TABLE words (word VARCHAR(30) NOT NULL PRIMARY KEY, meaning VARCHAR(60));
CREATE TABLE visits (seen_at DATETIME NOT NULL, page VARCHAR(30) NOT NULL, n INT NOT NULL DEFAULT 1);
CREATE TABLE parcels (parcel_id INT NOT NULL, region VARCHAR(5) NOT NULL, weight DOUBLE, PRIMARY KEY (parcel_id, region));
CREATE TABLE ledger (entry_id INT NOT NULL PRIMARY KEY, amount DECIMAL(20,4) NOT NULL, label VARCHAR(20));
CREATE TABLE tickets (ticket_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(40) NOT NULL, points INT NOT NULL DEFAULT 7);

INSERT INTO countries VALUES ('at','Austria','Europe'),('de','Germany','Europe'),('us','United States','America'),('ca','Canada','America'),('jp','Japan','Asia');
INSERT INTO products VALUES (1,'Rake','garden',9.90),(2,'Spade','garden',12.50),(3,'Kettle','kitchen',25.00),(4,'Pan','kitchen',31.99),(5,'Flute','music',120.00),(6,'Mystery',NULL,0.00);
INSERT INTO customers (customer_id, name, email, country, credit, joined) VALUES
 (1,'Ada','ada@example.com','at',10.00,'2023-01-05'),(2,'ben','ben@example.com','de',0.00,'2023-02-11'),(3,'Cleo',NULL,'us',99.99,'2023-02-12'),
 (4,'dan','dan@example.com','ca',5.50,NULL),(5,'Eva','eva@example.com','jp',1000.00,'2022-12-31'),(6,'Émile','emile@example.com','at',0.01,'2023-03-01'),
 (7,'finn','finn@example.com','de',20.20,'2023-03-02'),(8,'Gina',NULL,'us',-3.00,'2023-03-03'),(9,'hugo','hugo@example.com','us',10.00,'2023-04-01'),
 (10,'Ida','ida@example.com','ca',77.70,'2023-04-02'),(11,'jon','jon@example.com','de',10.00,NULL),(12,'Kira','kira@example.com','jp',12.34,'2023-05-05'),
 (13,'Leo','leo@example.com','at',0.00,'2023-05-06'),(14,'mia',NULL,'at',250.00,'2023-06-06'),(15,'Nils','nils@example.com','de',31.00,'2023-06-07'),
 (16,'ona','ona@example.com','us',0.00,'2023-07-07'),(17,'Paul','paul@example.com','ca',8.00,'2023-07-08'),(18,'rosa','rosa@example.com','jp',64.00,'2023-08-08'),
 (19,'Sam','sam@example.com','us',10.00,NULL),(20,'Zoë','zoe@example.com','de',3.33,'2023-09-09');
INSERT INTO orders (order_id, customer_id, status, total, placed, note) VALUES
 (1,1,'new',10.00,'2024-01-01 10:00:00',NULL),(2,1,'paid',20.50,'2024-01-02 10:00:00','gift'),(3,2,'sent',5.00,'2024-01-03 09:30:00',NULL),
 (4,2,'sent',7.25,'2024-01-04 12:00:00','fragile'),(5,3,'returned',99.99,'2024-01-05 00:00:00',NULL),(6,4,'new',1.00,'2024-02-01 08:00:00',NULL),
 (7,5,'paid',1000.00,'2024-02-02 08:00:00','vip'),(8,5,'paid',2000.00,'2024-02-03 08:00:00','vip'),(9,6,'sent',15.15,'2024-02-04 08:00:00',NULL),
 (10,7,'sent',33.33,'2024-02-05 08:00:00',NULL),(11,8,'new',0.00,'2024-02-06 08:00:00',''),(12,9,'paid',18.00,'2024-03-01 08:00:00',NULL),
 (13,10,'sent',41.00,'2024-03-02 08:00:00','present'),(14,11,'sent',42.00,'2024-03-03 08:00:00',NULL),(15,12,'returned',43.50,'2024-03-04 08:00:00',NULL),
 (16,13,'new',44.00,'2024-03-05 08:00:00','late'),(17,14,'paid',45.00,'2024-03-06 08:00:00',NULL),(18,15,'paid',46.00,'2024-03-07 08:00:00',NULL),
 (19,16,'sent',47.00,'2024-03-08 08:00:00',NULL),(20,17,'sent',48.00,'2024-03-09 08:00:00',NULL),(21,18,'new',49.00,'2024-03-10 08:00:00',NULL),
 (22,1,'sent',50.00,'2024-03-11 08:00:00','late'),(23,2,'new',51.00,'2024-03-12 08:00:00',NULL),(24,3,'paid',52.00,'2024-03-13 08:00:00',NULL),
 (25,18,'sent',-5.00,'2024-03-14 08:00:00','refund'),(26,7,'new',53.00,'2024-03-15 08:00:00',NULL);
INSERT INTO order_items (order_id, line_no, customer_id, product_id, quantity, price) VALUES
 (1,1,1,1,1,10.00),(2,1,1,2,1,12.50),(2,2,1,1,2,4.00),(3,1,2,3,1,5.00),(4,1,2,1,1,7.25),(5,1,3,5,1,99.99),(6,1,4,6,1,1.00),(7,1,5,5,8,120.00),
 (7,2,5,1,4,10.00),(8,1,5,5,16,125.00),(9,1,6,1,1,15.15),(10,1,7,4,1,33.33),(12,1,9,1,1,9.00),(12,2,9,1,1,9.00),(13,1,10,4,1,41.00),(14,1,11,4,1,42.00),
 (15,1,12,4,1,43.50),(16,1,13,3,1,44.00),(17,1,14,3,1,45.00),(18,1,15,3,2,23.00),(19,1,16,3,1,47.00),(20,1,17,2,4,12.00),(21,1,18,2,4,12.25),(22,1,1,3,2,25.00);
INSERT INTO notes VALUES (1,'one'),(2,'two'),(3,NULL);
INSERT INTO words VALUES ('alpha','first'),('beta','second'),('Gamma','third'),('delta',NULL),('epsilon','fifth'),('zeta','');
INSERT INTO visits VALUES ('2024-01-01 00:00:00','home',3),('2024-01-31 23:59:59','shop',1),('2024-02-01 00:00:00','home',2),('2024-02-29 12:00:00','cart',1),('2024-03-15 08:00:00','home',5),('2024-06-30 23:59:59','shop',4);
INSERT INTO parcels VALUES (1,'de',1.5),(2,'at',2.25),(3,'us',NULL),(4,'ca',0),(5,'jp',-1e10),(6,'DE',1e-5);
INSERT INTO ledger VALUES (0,1.0001,'low'),(99,-5.5,'low'),(100,99999999999999.9999,'mid'),(199,0.1,'mid'),(200,0.2,'high'),(299,0.3,NULL);
