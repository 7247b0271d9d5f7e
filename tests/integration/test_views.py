"""information_schema through Weir: one table `orders` in schema `gallery`, never `orders_3` in `gal_1`.

Rules of its own, so that every case is there: the schema's own database has another name on its server (gal_home), sharded tables
with and without a node there, a broadcast table, whole tables on another server, tables and a view of no rule, and a
second schema with another default source. The plain server holds the same tables unsharded; what drivers and tools ask is asked of both.
"""
import re
import unittest

import world
from wire import ServerError

RULES = """
weir: {listen: 127.0.0.1:@port@, workers: 2}
users:
  app: {password: app}
  guest: {password: guest, schemas: [annex]}
sources:
%(sources)s
schemas:
  gallery:
    default_source: s0
    databases: {s0: gal_home, s1: gal_1, s2: gal_2}
    tables:
      artists: {nodes: ['s0.gal_0.artists_${0..1}', 's1.gal_1.artists_${2..3}'], shard_by: artist_id, algorithm: {type: hash, key: integer}, generated: artist_id}
      works: {nodes: ['s0.gal_0.works_${0..1}', 's1.gal_1.works_${2..3}'], shard_by: artist_id, algorithm: {type: hash, key: integer}}
      sales: {nodes: 's${1..2}.gal_far.sales_${0..1}', shard_by: id, algorithm: {type: mod}}
      visits: {nodes: 's${0..2}.gal_home.visits', shard_by: id, algorithm: {type: mod}}
      styles: {broadcast: all}
      prints: {source: s1}
      archive: {source: s2, table: archive_2020, database: gal_old}
    groups:
      - [artists, works]
  annex:
    default_source: s1
    tables:
      rooms: {nodes: 's${0..1}.annex.rooms_${0..1}', shard_by: id, algorithm: {type: mod}}
"""
TABLES = {
    'gallery': [
        "CREATE TABLE artists (artist_id BIGINT NOT NULL, name VARCHAR(60) NOT NULL DEFAULT 'nobody', born DATE, mail VARCHAR(80) CHARACTER SET latin1,"
        " PRIMARY KEY (artist_id), UNIQUE KEY one_mail (artist_id, mail), KEY by_name (name, born)) COMMENT='caf\u00e9 ''quoted'' \\\\'",
        "CREATE TABLE works (work_id INT UNSIGNED NOT NULL, artist_id BIGINT NOT NULL, title TEXT, price DECIMAL(10,2) DEFAULT 1.50, kind ENUM('oil','ink') NOT NULL,"
        " tax DECIMAL(10,2) AS (price * 0.2) VIRTUAL, PRIMARY KEY (work_id, artist_id), KEY of_artist (artist_id),"
        " CONSTRAINT cheap CHECK (price < 1000))",
        'CREATE TABLE sales (id INT NOT NULL PRIMARY KEY, amount DOUBLE, seen TIMESTAMP(3) NULL, doc BLOB)',
        'CREATE TABLE visits (id INT NOT NULL PRIMARY KEY, n INT)',
        "CREATE TABLE styles (style_id INT NOT NULL PRIMARY KEY, word VARCHAR(30) NOT NULL COMMENT 'in Fran\u00e7ais')",
        'CREATE TABLE prints (print_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, label VARCHAR(99) NOT NULL, UNIQUE KEY one_label (label))',
        'CREATE TABLE archive (id INT NOT NULL PRIMARY KEY, body LONGTEXT)',
        "CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, word SET('a','b'), at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
        'CREATE TABLE replies (id INT NOT NULL PRIMARY KEY, note INT, CONSTRAINT to_note FOREIGN KEY (note) REFERENCES notes (id) ON DELETE CASCADE)',
        'CREATE VIEW short_notes AS SELECT id, word FROM notes',
    ],
    'annex': [
        'CREATE TABLE rooms (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))',
        'CREATE TABLE doors (id INT NOT NULL PRIMARY KEY, width FLOAT)',
    ],
}
NAMES = {'gallery': ['archive', 'artists', 'notes', 'prints', 'replies', 'sales', 'short_notes', 'styles', 'visits', 'works'],
         'annex': ['doors', 'rooms']}
PHYSICAL = re.compile(r'gal_(home|[0-9]|far|old)|(artists|works|sales|rooms)_[0-9]|archive_2020')

# Asked as they are by the program named, with `gallery` as the current schema; ordered where the answer has no order of its own.
QUESTIONS = [
    # mysqldump
    "SELECT engine, table_type FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = DATABASE() AND table_name = 'works'",
    "SELECT engine, table_type FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = DATABASE() AND table_name = 'short_notes'",
    "select column_name, extra, generation_expression, data_type from information_schema.columns where table_schema=database() and table_name='works' order by ordinal_position",
    "select column_name, extra, generation_expression, data_type from information_schema.columns where table_schema=database() and table_name='prints' order by ordinal_position",
    "SELECT TRIGGER_NAME FROM INFORMATION_SCHEMA.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'notes'",
    "SELECT TRIGGER_NAME FROM INFORMATION_SCHEMA.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'artists'",
    "SELECT CHECK_OPTION, SECURITY_TYPE, CHARACTER_SET_CLIENT FROM information_schema.views WHERE table_name='short_notes' AND table_schema='gallery'",
    "SELECT DISTINCT TABLESPACE_NAME FROM INFORMATION_SCHEMA.PARTITIONS WHERE TABLE_SCHEMA IN ('gallery')",
    # MariaDB Connector/J: getTables, getColumns, getPrimaryKeys, getIndexInfo, getImportedKeys, getSchemas
    "SELECT TABLE_SCHEMA TABLE_CAT, NULL TABLE_SCHEM, TABLE_NAME, IF(TABLE_TYPE='BASE TABLE' or TABLE_TYPE = 'SYSTEM VERSIONED', 'TABLE', TABLE_TYPE) as TABLE_TYPE,"
    " TABLE_COMMENT REMARKS FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'gallery' AND TABLE_NAME LIKE '%' ORDER BY TABLE_TYPE, TABLE_SCHEMA, TABLE_NAME",
    "SELECT TABLE_SCHEMA TABLE_CAT, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IF(COLUMN_TYPE like 'tinyint(1)%', 1, DATA_TYPE) t, NUMERIC_SCALE,"
    " IF(IS_NULLABLE = 'yes',1,0) NULLABLE, COLUMN_COMMENT REMARKS, COLUMN_DEFAULT COLUMN_DEF, LEAST(CHARACTER_OCTET_LENGTH,2147483647) CHAR_OCTET_LENGTH,"
    " ORDINAL_POSITION, IF(EXTRA = 'auto_increment','YES','NO') IS_AUTOINCREMENT FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'gallery'"
    " AND TABLE_NAME LIKE '%' AND COLUMN_NAME LIKE '%' ORDER BY TABLE_CAT, TABLE_NAME, ORDINAL_POSITION",
    "SELECT A.TABLE_SCHEMA TABLE_CAT, A.TABLE_NAME, A.COLUMN_NAME, B.SEQ_IN_INDEX KEY_SEQ, B.INDEX_NAME PK_NAME FROM INFORMATION_SCHEMA.COLUMNS A, INFORMATION_SCHEMA.STATISTICS B"
    " WHERE A.COLUMN_KEY in ('PRI','pri') AND B.INDEX_NAME='PRIMARY' AND (ISNULL(database()) OR (A.TABLE_SCHEMA = database())) AND A.TABLE_NAME = 'works'"
    " AND A.TABLE_SCHEMA = B.TABLE_SCHEMA AND A.TABLE_NAME = B.TABLE_NAME AND A.COLUMN_NAME = B.COLUMN_NAME ORDER BY A.COLUMN_NAME",
    "SELECT TABLE_SCHEMA TABLE_CAT, TABLE_NAME, NON_UNIQUE, TABLE_SCHEMA INDEX_QUALIFIER, INDEX_NAME, SEQ_IN_INDEX ORDINAL_POSITION, COLUMN_NAME, COLLATION ASC_OR_DESC"
    " FROM INFORMATION_SCHEMA.STATISTICS WHERE TABLE_NAME = 'artists' AND TABLE_SCHEMA = 'gallery' ORDER BY NON_UNIQUE, INDEX_NAME, ORDINAL_POSITION",
    "SELECT KCU.REFERENCED_TABLE_SCHEMA PKTABLE_CAT, KCU.REFERENCED_TABLE_NAME PKTABLE_NAME, KCU.REFERENCED_COLUMN_NAME PKCOLUMN_NAME, KCU.TABLE_SCHEMA FKTABLE_CAT,"
    " KCU.TABLE_NAME FKTABLE_NAME, KCU.COLUMN_NAME, KCU.POSITION_IN_UNIQUE_CONSTRAINT KEY_SEQ, RC.DELETE_RULE, RC.CONSTRAINT_NAME FK_NAME, RC.UNIQUE_CONSTRAINT_NAME PK_NAME"
    " FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE KCU INNER JOIN INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS RC ON KCU.CONSTRAINT_SCHEMA = RC.CONSTRAINT_SCHEMA"
    " AND KCU.CONSTRAINT_NAME = RC.CONSTRAINT_NAME WHERE KCU.TABLE_SCHEMA = 'gallery' AND KCU.TABLE_NAME = 'replies' ORDER BY PKTABLE_CAT, PKTABLE_NAME, KEY_SEQ",
    "SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME IN ('gallery', 'annex', 'information_schema') ORDER BY 1",
    # MySQL Connector/J: getColumns, getPrimaryKeys with SHOW and with information_schema
    "SELECT TABLE_SCHEMA, NULL, TABLE_NAME, COLUMN_NAME, UPPER(DATA_TYPE), UPPER(CASE WHEN LOCATE('(', COLUMN_TYPE) != 0 THEN SUBSTRING(COLUMN_TYPE, 1, LOCATE('(', COLUMN_TYPE)-1)"
    " ELSE COLUMN_TYPE END) AS TYPE_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'gallery' AND TABLE_NAME = 'sales' ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
    "SELECT TABLE_SCHEMA AS TABLE_CAT, TABLE_NAME, COLUMN_NAME, SEQ_IN_INDEX AS KEY_SEQ, 'PRIMARY' AS PK_NAME FROM INFORMATION_SCHEMA.STATISTICS"
    " WHERE TABLE_SCHEMA = 'gallery' AND TABLE_NAME = 'archive' AND INDEX_NAME='PRIMARY' ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
    # Django, SQLAlchemy, Rails, TypeORM, Prisma, Sequelize, Laravel
    "SELECT table_name, table_type, table_comment FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
    "SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, extra, column_default, CASE WHEN collation_name = NULL THEN NULL ELSE collation_name END,"
    " CASE WHEN column_type LIKE '% unsigned' THEN 1 ELSE 0 END AS is_unsigned, column_comment FROM information_schema.columns WHERE table_name = 'works' AND table_schema = DATABASE() ORDER BY 1",
    "SELECT kc.`constraint_name`, kc.`column_name`, kc.`referenced_table_name`, kc.`referenced_column_name`, c.`constraint_type` FROM information_schema.key_column_usage AS kc,"
    " information_schema.table_constraints AS c WHERE kc.table_schema = DATABASE() AND (kc.referenced_table_schema = DATABASE() OR kc.referenced_table_schema IS NULL) AND"
    " c.table_schema = kc.table_schema AND c.constraint_name = kc.constraint_name AND c.constraint_type != 'CHECK' AND kc.table_name = 'artists' ORDER BY 1, kc.`ordinal_position`",
    "SELECT column_name FROM information_schema.statistics WHERE index_name = 'PRIMARY' AND table_schema = database() AND table_name = 'prints' ORDER BY seq_in_index",
    "SELECT fk.referenced_table_name AS 'to_table', fk.referenced_column_name AS 'primary_key', fk.column_name AS 'column', fk.constraint_name AS 'name', rc.update_rule AS 'on_update',"
    " rc.delete_rule AS 'on_delete' FROM information_schema.referential_constraints rc JOIN information_schema.key_column_usage fk USING (constraint_schema, constraint_name)"
    " WHERE fk.referenced_column_name IS NOT NULL AND fk.table_schema = database() AND fk.table_name = 'replies' AND rc.constraint_schema = database() AND rc.table_name = 'replies'",
    "SELECT cc.constraint_name AS 'name', cc.check_clause AS 'expression' FROM information_schema.check_constraints cc JOIN information_schema.table_constraints tc"
    " USING (constraint_schema, constraint_name) WHERE tc.table_schema = database() AND tc.table_name = 'works' AND cc.constraint_schema = database() AND cc.table_name = 'works'",
    "SELECT `TABLE_SCHEMA`, `TABLE_NAME` FROM `INFORMATION_SCHEMA`.`TABLES` WHERE `TABLE_SCHEMA` = 'gallery' AND `TABLE_NAME` = 'artists'"
    " UNION SELECT `TABLE_SCHEMA`, `TABLE_NAME` FROM `INFORMATION_SCHEMA`.`TABLES` WHERE `TABLE_SCHEMA` = 'gallery' AND `TABLE_NAME` = 'archive' ORDER BY 2",
    "SELECT `s`.`TABLE_NAME`, `s`.`INDEX_NAME`, `s`.`COLUMN_NAME` FROM `INFORMATION_SCHEMA`.`STATISTICS` `s` LEFT JOIN `INFORMATION_SCHEMA`.`REFERENTIAL_CONSTRAINTS` `rc`"
    " ON `s`.`INDEX_NAME` = `rc`.`CONSTRAINT_NAME` AND `s`.`TABLE_SCHEMA` = `rc`.`CONSTRAINT_SCHEMA` WHERE `s`.`TABLE_SCHEMA` = 'gallery' AND `s`.`INDEX_NAME` != 'PRIMARY'"
    " AND `rc`.`CONSTRAINT_NAME` IS NULL ORDER BY 1, 2, 3, s.SEQ_IN_INDEX",
    "SELECT DISTINCT table_info.table_name AS table_name FROM information_schema.tables AS table_info JOIN information_schema.columns AS column_info"
    " ON column_info.table_name = table_info.table_name WHERE table_info.table_schema = 'gallery' AND column_info.table_schema = 'gallery' AND table_info.table_type = 'BASE TABLE' ORDER BY 1",
    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'gallery' AND table_name = 'nothing'",
    "select exists (select 1 from information_schema.tables where table_schema = 'gallery' and table_name = 'sales' and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')) as `exists`",
    "SELECT TABLE_NAME AS `name`, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('gallery', 'annex') AND TABLE_TYPE IN ('BASE TABLE') ORDER BY TABLE_SCHEMA, TABLE_NAME",
    # DBeaver, HeidiSQL, Workbench, sizes
    "SELECT * FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA='gallery' AND TABLE_NAME='artists' ORDER BY CONSTRAINT_NAME",
    "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='gallery' AND TABLE_NAME='styles' ORDER BY ORDINAL_POSITION",
    "SELECT * FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA='gallery' ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
    "SELECT * FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA='gallery'",
    "SELECT TABLE_NAME, VIEW_DEFINITION, IS_UPDATABLE FROM information_schema.VIEWS WHERE TABLE_SCHEMA='gallery'",
    "SELECT TABLE_SCHEMA, COUNT(*), SUM(TABLE_ROWS IS NULL) FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')"
    " AND TABLE_SCHEMA IN ('gallery', 'annex') GROUP BY TABLE_SCHEMA ORDER BY 1",
    "SELECT SUM(TABLE_ROWS), MAX(TABLE_COLLATION) FROM information_schema.TABLES WHERE TABLE_SCHEMA='gallery' AND TABLE_NAME IN ('visits', 'prints')",
    "SELECT `DEFAULT_COLLATION_NAME` FROM `information_schema`.`SCHEMATA` WHERE `SCHEMA_NAME`='gallery'",
    # the forms a reference can have
    "SELECT information_schema.tables.table_name, tables.engine FROM information_schema.tables WHERE information_schema.tables.table_schema = 'gallery' AND tables.table_name = 'works'",
    "SELECT information_schema.schemata.* FROM information_schema . schemata WHERE schema_name = 'annex'",
    "SELECT c.column_name FROM (SELECT * FROM information_schema.columns WHERE table_schema = 'annex') AS c WHERE c.table_name = 'rooms' ORDER BY c.ordinal_position",
    "WITH t AS (SELECT table_name AS n FROM information_schema.tables WHERE table_schema = 'annex') SELECT n, (SELECT COUNT(*) FROM information_schema.columns"
    " WHERE table_schema = 'annex' AND table_name = t.n) AS k FROM t ORDER BY n",
    "SELECT t.table_name, s.table_schema, s.index_name FROM information_schema.tables t LEFT JOIN information_schema.statistics s ON s.table_schema = t.table_schema AND s.table_name ="
    " t.table_name AND s.index_name = 'by_name' WHERE t.table_schema = 'gallery' AND t.table_name = 'works'",
    "SELECT t.table_name, s.table_schema, s.table_name FROM information_schema.tables t LEFT JOIN (SELECT * FROM information_schema.statistics WHERE table_schema = 'gallery'"
    " AND table_name = 'works' AND index_name = 'none') s ON s.table_name = t.table_name WHERE t.table_schema = 'gallery' AND t.table_name = 'works'",
    "SELECT t.table_name FROM information_schema.tables t LEFT JOIN information_schema.statistics s ON s.table_schema = t.table_schema AND s.table_name = t.table_name"
    " AND s.index_name = 'one_label' WHERE t.table_schema = 'gallery' AND s.index_name IS NULL ORDER BY 1",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND (table_name = 'works' OR table_name = 'notes') ORDER BY 1",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gallery' AND table_name LIKE 's%' ORDER BY 1",
    "SELECT table_name FROM information_schema.tables WHERE 'gallery' = table_schema AND table_name LIKE 'archive'",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gallery' AND NOT table_name = 'works' AND table_name NOT IN ('notes') ORDER BY 1",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = NULL",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'GALLERY' AND table_name = 'works'",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gallery' AND table_name = 'WORKS'",
    "SELECT COUNT(*) FROM information_schema.columns c, information_schema.tables t WHERE c.table_schema = 'gallery' AND t.table_schema = 'annex' AND c.table_name = 'prints' AND t.table_name = 'doors'",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'information_schema' AND table_name = 'COLUMNS'",
    "SELECT variable_value FROM information_schema.session_variables WHERE variable_name = 'autocommit'",
    "SHOW TRIGGERS", "SHOW TRIGGERS FROM gallery LIKE 'artists'", "SHOW EVENTS FROM gallery",
    "SHOW FUNCTION STATUS WHERE Db = 'gallery'", "SHOW PROCEDURE STATUS WHERE Db = 'gallery'",
]


def without_tail(rows):
    """SHOW TABLE STATUS: name, engine, rows, collation, comment; sizes and times are the servers' own."""
    return [(r[0], r[1], r[4], r[14], r[17]) for r in rows]


class Views(world.Case):
    @classmethod
    def setUpClass(cls):
        world.shared()
        cls.plain = world.Client(world.reference.port, 'app', 'app')
        if world.STAND_IN:
            cls.proxy = world.shared()
        else:
            for box in world.shards.values():
                box.sql(''.join(f'DROP DATABASE IF EXISTS {d}; CREATE DATABASE {d};' for d in ('gal_home', 'gal_0', 'gal_1', 'gal_2', 'gal_far', 'gal_old', 'annex')))
            sources = ''.join(f"  {n}: {{address: '127.0.0.1:{box.port}', user: weir, password: weir}}\n" for n, box in world.shards.items() if n != 'stand-in')
            cls.proxy = world.make(RULES % {'sources': sources}, 'views')
            cls.proxy.start()
        servers = [cls.plain] + ([world.Client(cls.proxy.port)] if world.STAND_IN else [])
        for c in servers:
            for schema in TABLES:
                c.one(f'DROP DATABASE IF EXISTS {schema}')
                c.one(f'CREATE DATABASE {schema}')
        for c in (cls.plain, world.Client(cls.proxy.port)):
            c.one('SET NAMES utf8mb4')
            for schema, statements in TABLES.items():
                c.use(schema)
                for sql in statements:
                    c.one(sql)
            c.use('gallery')
            c.one("INSERT INTO visits VALUES (1,1),(2,2),(3,3),(4,4)")
            c.one("INSERT INTO prints (label) VALUES ('x'),('y')")
            c.one('ANALYZE TABLE prints')
        if not world.STAND_IN:  # tables that no client may see
            for name, box in world.shards.items():
                box.sql('CREATE TABLE gal_2.leftover (id INT); CREATE TABLE gal_0.leftover (id INT); CREATE DATABASE IF NOT EXISTS elsewhere;'
                        'CREATE TABLE IF NOT EXISTS elsewhere.secret (id INT)')
            for box, table in ((world.shards['s0'], 'gal_home.visits'), (world.shards['s1'], 'gal_1.prints')):
                box.sql(f'ANALYZE TABLE {table}')

    @classmethod
    def tearDownClass(cls):
        for schema in TABLES:
            cls.plain.one(f'DROP DATABASE {schema}')
        cls.plain.close()
        if not world.STAND_IN:
            world.end(cls.proxy)

    def connect(self, database='gallery', **options):
        c = self.client(database=database, port=self.proxy.port, **options)
        c.one('SET NAMES utf8mb4')
        return c

    def ask(self, c, sql):
        try:
            return c.rows(sql)
        except ServerError as e:
            return str(e)

    def test_questions_of_drivers_and_tools(self):
        ours = self.connect()
        self.plain.use('gallery')
        for sql in QUESTIONS:
            with self.subTest(sql=sql):
                want, got = self.ask(self.plain, sql), self.ask(ours, sql)
                self.assertNotIsInstance(want, str, want)
                if 'VIEW_DEFINITION' not in sql and 'EVENT' not in sql:
                    self.assertEqual(want, got)
                else:
                    self.assertEqual(sorted(map(str, want)), sorted(map(str, got)))
                self.assertIsNone(PHYSICAL.search(str(got)), got)

    def test_headings_and_types(self):
        ours = self.connect()
        self.plain.use('gallery')
        for sql in ("SELECT * FROM information_schema.TABLES WHERE TABLE_SCHEMA='gallery' AND TABLE_NAME='works'",
                    "SELECT *, TABLE_ROWS + 1 AS more FROM information_schema.TABLES WHERE TABLE_SCHEMA='gallery' AND TABLE_NAME='prints'",
                    "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='gallery' AND TABLE_NAME='archive'",
                    "SELECT table_name, t.Engine FROM information_schema.tables t WHERE table_schema='gallery' AND table_name='notes' UNION SELECT table_name, 1 FROM information_schema.tables LIMIT 0",
                    "SELECT table_name, Engine FROM information_schema.tables WHERE table_schema='gallery' GROUP BY table_name, Engine HAVING table_name > '' ORDER BY table_name DESC",
                    "SELECT column_name AS c, Data_Type FROM information_schema.columns WHERE TABLE_SCHEMA='gallery' AND TABLE_NAME='notes'",
                    "SHOW TABLE STATUS LIKE 'works'"):
            want, got = self.plain.one(sql), ours.one(sql)
            self.assertEqual([(c.name, c.type, c.charset) for c in want.columns], [(c.name, c.type, c.charset) for c in got.columns], sql)

    def test_nothing_physical_anywhere(self):
        c = self.connect()
        for table in ('TABLES', 'COLUMNS', 'STATISTICS', 'SCHEMATA', 'KEY_COLUMN_USAGE', 'TABLE_CONSTRAINTS', 'REFERENTIAL_CONSTRAINTS', 'CHECK_CONSTRAINTS', 'VIEWS',
                      'TRIGGERS', 'PARTITIONS', 'TABLE_PRIVILEGES', 'COLUMN_PRIVILEGES', 'ROUTINES', 'PARAMETERS', 'EVENTS'):
            text = str(c.rows(f'SELECT * FROM information_schema.{table}'))
            self.assertIsNone(PHYSICAL.search(text), f'{table}: {PHYSICAL.search(text)}')
            for hidden in ('leftover', 'elsewhere', 'secret'):
                if not world.STAND_IN:
                    self.assertNotIn(hidden, text, table)

    def test_tables_of_each_schema(self):
        c = self.connect(None)
        for schema, names in NAMES.items():
            rows = c.rows(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{schema}' ORDER BY 1")
            self.assertEqual([r[0] for r in rows], names)
        if not world.STAND_IN:
            self.assertEqual([r[0] for r in c.rows('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1')], ['annex', 'gallery', 'information_schema'])
            self.assertEqual(c.rows('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1'), c.rows('SHOW DATABASES'))

    def test_a_restricted_user_sees_its_schemas(self):
        if world.STAND_IN:
            self.skipTest('the users of the rules')
        c = self.connect('annex', user='guest', password='guest')
        rows = c.rows('SELECT DISTINCT TABLE_SCHEMA FROM information_schema.TABLES ORDER BY 1')
        self.assertEqual([r[0] for r in rows], ['annex', 'information_schema'])
        self.assertEqual(c.rows("SELECT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='gallery'"), [])
        self.assertEqual([r[0] for r in c.rows('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1')], ['annex', 'information_schema'])

    def test_show_table_status(self):
        ours = self.connect()
        self.plain.use('gallery')
        for sql in ('SHOW TABLE STATUS', 'SHOW TABLE STATUS FROM annex', "SHOW TABLE STATUS LIKE '%s'", "SHOW TABLE STATUS WHERE Name IN ('sales', 'notes')",
                    "SHOW TABLE STATUS FROM gallery LIKE 'artists'", "SHOW TABLE STATUS LIKE 'none'"):
            self.assertEqual(without_tail(self.plain.rows(sql)), without_tail(ours.rows(sql)), sql)
        self.assert_error(ours, 'SHOW TABLE STATUS FROM nothing', 1049)
        status = ours.one("SHOW TABLE STATUS LIKE 'artists'").rows[0]
        if not world.STAND_IN:
            self.assertEqual(int(status[6]), 4 * 16384)  # Data_length of four nodes
            self.assertIsNone(status[10])                # Auto_increment is the generator's business

    def test_in_writes_and_variables(self):
        ours = self.connect()
        self.plain.use('gallery')
        for c in (self.plain, ours):
            c.one('DROP TABLE IF EXISTS listed')
            c.one("CREATE TABLE listed AS SELECT TABLE_NAME AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'gallery'")
            c.one("INSERT INTO listed SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'annex'")
            c.one("DELETE FROM listed WHERE n NOT IN (SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()) AND n <> 'width'")
            c.one("SET @has = (SELECT COUNT(*) FROM information_schema.COLUMNS WHERE table_schema = DATABASE() AND table_name = 'works' AND column_name = 'title'),"
                  " @none = (SELECT COUNT(*) FROM information_schema.COLUMNS WHERE table_schema = DATABASE() AND table_name = 'works' AND column_name = 'nope')")
            c.one("SELECT COUNT(*) INTO @n FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'annex'")
        self.assertEqual(self.plain.rows('SELECT n, @n, @has, @none FROM listed ORDER BY 1'), ours.rows('SELECT n, @n, @has, @none FROM listed ORDER BY 1'))
        for c in (self.plain, ours):
            c.one('DROP TABLE listed')

    def test_session_settings_do_not_change_the_answer(self):
        ours = self.connect()
        sql = "SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'gallery' ORDER BY 1"
        columns = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ('gallery', 'annex')"
        want, count = ours.rows(sql), ours.value(columns)
        for setting in ("sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'", "time_zone='+05:00'", 'autocommit=0', 'character_set_results=NULL'):
            ours.one(f'SET {setting}')
            self.assertEqual(ours.rows(sql), want, setting)
            self.assertEqual(ours.value(columns), count, setting)
            ours.reset()
            ours.one('SET NAMES utf8mb4')
        ours.one('SET NAMES latin1')
        self.assertEqual(ours.value("SELECT HEX(CONVERT(TABLE_COMMENT USING utf8mb4)) FROM information_schema.TABLES WHERE TABLE_NAME = 'artists'"),
                         "caf\u00e9 'quoted' \\".encode().hex().upper())
        self.assertEqual(ours.value("SELECT HEX(CONVERT(COLUMN_COMMENT USING utf8mb4)) FROM information_schema.COLUMNS WHERE TABLE_NAME = 'styles' AND COLUMN_NAME = 'word'"),
                         'in Fran\u00e7ais'.encode().hex().upper())

    def test_in_transactions_and_under_locks(self):
        ours = self.connect()
        sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'gallery' ORDER BY 1"
        want = ours.rows(sql)
        ours.one('BEGIN')
        ours.one('INSERT INTO notes (id) VALUES (77)')
        self.assertEqual(ours.rows(sql), want)
        ours.one('ROLLBACK')
        self.assertEqual(ours.value('SELECT COUNT(*) FROM notes'), '0')
        ours.one('LOCK TABLES notes READ, prints READ')
        self.assertEqual(ours.rows(sql), want)
        ours.one('UNLOCK TABLES')
        several = ours.query(f'{sql}; SELECT 1; {sql}')
        self.assertEqual([len(r.rows) for r in several], [len(want), 1, len(want)])

    def test_a_dump_of_the_whole_schema(self):
        """mysqldump says the same of both, but for the definer of the view."""
        dumps = {}
        for options in ([], ['--skip-add-locks'], ['--single-transaction'], ['--databases', '--routines', '--events', '--triggers'], ['--no-data', '--skip-lock-tables']):
            texts = []
            for port in (world.reference.port, self.proxy.port):
                code, text = world.run(['mariadb-dump', '-h127.0.0.1', f'-P{port}', '-uapp', '-papp', '--skip-comments', '--order-by-primary', *options, 'gallery'])
                self.assertEqual(code, 0, text)
                texts.append(text)
            self.assertEqual(*(re.sub('DEFINER=`[a-z]+`@`%`', 'DEFINER', text) for text in texts), options)
            self.assertIsNone(PHYSICAL.search(texts[1]))
            dumps[tuple(options)] = texts[1]
        ours = self.connect()
        for table in reversed(NAMES['gallery']):  # and what was dumped can be loaded
            ours.one(f'DROP {"VIEW" if table == "short_notes" else "TABLE"} {table}')
        code, text = world.run(['mariadb', '-h127.0.0.1', f'-P{self.proxy.port}', '-uapp', '-papp', 'gallery'], stdin=dumps[('--skip-add-locks',)])
        self.assertEqual((code, text), (0, ''))
        self.assertEqual([r[0] for r in ours.rows('SHOW TABLES')], NAMES['gallery'])
        self.assertEqual(ours.value('SELECT SUM(n) FROM visits'), '10')

    def test_faults(self):
        ours = self.connect()
        for sql, code in (('SELECT nothing FROM information_schema.TABLES', 1054), ('SELECT * FROM information_schema.NOTHING', 1109),
                          ("SELECT TABLES.table_name FROM information_schema.tables", 1054), ('SELECT * FROM information_schema.TABLES WHERE', 1064)):
            self.assert_error(ours, sql, code)
            self.assert_error(self.plain, sql, code)
        for c in (ours, self.plain):
            self.assert_error(c, 'SET @n = (SELECT nothing FROM information_schema.TABLES LIMIT 1)', 1054)
        self.assertEqual(ours.value('SELECT 1'), '1')

    def test_a_source_that_is_down(self):
        """What concerns other sources is answered; what does not can only be refused."""
        if world.STAND_IN:
            self.skipTest('the sources of the rules')
        dead = world.free_ports(1)[0]
        sources = ''.join(f"  {n}: {{address: '127.0.0.1:{dead if n == 's2' else box.port}', user: weir, password: weir}}\n" for n, box in world.shards.items())
        weir = world.make(RULES % {'sources': sources}, 'views-down')
        self.addCleanup(world.end, weir)
        weir.start()
        c = self.client(database='gallery', port=weir.port)
        self.assertEqual(c.value("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'gallery' AND TABLE_NAME = 'prints'"), 'prints')
        self.assertEqual(len(c.rows("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'works'")), 6)
        for sql in ("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'gallery'", 'SHOW TABLE STATUS', "SET @n = (SELECT COUNT(*) FROM information_schema.TABLES)"):
            self.assertIn('s2', c.error(sql).message)
        self.assertEqual(c.value('SELECT COUNT(*) FROM notes'), '0')

    def test_bounded_memory(self):
        if world.STAND_IN:
            self.skipTest('a cap of Weir')
        sources = ''.join(f"  {n}: {{address: '127.0.0.1:{box.port}', user: weir, password: weir}}\n" for n, box in world.shards.items())
        weir = world.make((RULES % {'sources': sources}).replace('workers: 2', 'workers: 2, max_statement_memory: 64K'), 'views-small')
        self.addCleanup(world.end, weir)
        weir.start()
        c = self.client(database='gallery', port=weir.port)
        with self.assertRaises(ServerError) as caught:
            c.rows("SELECT * FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.STATISTICS d, information_schema.TABLES e, information_schema.TABLES f,"
                   " information_schema.KEY_COLUMN_USAGE g, information_schema.KEY_COLUMN_USAGE h LIMIT 1")
        self.assertIn('max_statement_memory', str(caught.exception))
        self.assertEqual(c.value("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'gallery' AND TABLE_NAME = 'notes'"), 'notes')


if __name__ == '__main__':
    unittest.main()
