// Driver.java - MariaDB Connector/J over JDBC: statements with the parameters put into the text, and prepared on the server
// (useServerPrepStmts), batches in bulk and pipelined, and its own pool with resets.
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

public class Driver {
    interface Work {
        void on(Connection c) throws Exception;
    }

    static final String SCHEMA = System.getenv("DRIVER_SCHEMA");
    static final boolean SHARDED = "sharded".equals(System.getenv("DRIVER_KIND"));
    static final boolean TLS = "1".equals(System.getenv("DRIVER_TLS"));
    static final String[] ONLY = env("DRIVER_CASES").isEmpty() ? new String[0] : env("DRIVER_CASES").split(",");
    static final byte[] BYTES = new byte[256];
    static final BigDecimal AMOUNT = new BigDecimal("12345678901234567890123456789012345.123456789012345678901234567890");
    static final BigInteger BIGGEST = new BigInteger("18446744073709551615");
    static final String WORDS = "\uD83D\uDE00 na\u00efve \u65e5\u672c ' \" \\ %";
    static final String DOCUMENT = "{\"a\": [1, null, \"\u00fc\"], \"b\": {}}";
    static final String COLUMNS = "bytes, amount, moment, biggest, lowest, tiny, smallest, ratio, fraction, document, bits, words, nothing, missing";

    static String env(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }

    static Connection open(String more) throws SQLException {
        String url = "jdbc:mariadb://" + env("DRIVER_HOST") + ":" + env("DRIVER_PORT") + "/" + SCHEMA + "?user=" + env("DRIVER_USER") + "&password="
            + env("DRIVER_PASSWORD") + "&socketTimeout=60000&allowPublicKeyRetrieval=true" + more;
        return DriverManager.getConnection(TLS ? url + "&useSsl=true&serverSslCert=" + env("DRIVER_CA") : url);
    }

    static void run(String name, String more, Work work) {
        boolean wanted = ONLY.length == 0;
        for (String w : ONLY) wanted |= name.equals(w) || name.startsWith(w + "_");
        if (!wanted) return;
        try (Connection c = open(more)) {
            work.on(c);
            System.out.println("ok " + name);
        } catch (Throwable e) {
            int line = 0;
            for (StackTraceElement f : e.getStackTrace())
                if (f.getClassName().startsWith("Driver") && !f.getMethodName().equals("same") && line == 0) line = f.getLineNumber();
            String why = String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
            System.out.println("not ok " + name + ": " + e.getClass().getSimpleName() + " at line " + line + ": " + why.substring(0, Math.min(300, why.length())));
        }
    }

    static void same(Object got, Object want) {
        boolean equal = want instanceof byte[] ? Arrays.equals((byte[]) want, (byte[]) got) : want == null ? got == null : want.equals(got);
        if (!equal) throw new RuntimeException(want + " expected, " + got + " came");
    }

    static Object value(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            return r.next() ? r.getObject(1) : null;
        }
    }

    static long number(Connection c, String sql) throws SQLException {
        return ((Number) value(c, sql)).longValue();
    }

    static int execute(Connection c, String sql, Object... args) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(sql)) {
            for (int i = 0; i < args.length; i++) s.setObject(i + 1, args[i]);
            return s.executeUpdate();
        }
    }

    static void fails(int code, String state, Work work, Connection c) throws Exception {
        try {
            work.on(c);
        } catch (SQLException e) {
            same(e.getErrorCode() + " " + e.getSQLState(), code + " " + state);
            return;
        }
        throw new RuntimeException("error " + code + " expected, none came");
    }

    static void ddl(Connection c) throws Exception {
        String text = new String(Files.readAllBytes(Paths.get("tables.sql")), StandardCharsets.UTF_8).replaceAll("(?m)^--.*\n", "");
        try (Statement s = c.createStatement()) {
            for (String sql : text.split(";\n")) if (!sql.trim().isEmpty()) s.execute(sql);
            s.execute("ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL");
            s.execute("ALTER TABLE items DROP COLUMN note");
        }
    }

    static void metadata(Connection c) throws Exception {
        DatabaseMetaData m = c.getMetaData();
        List<String> found = new ArrayList<>();
        try (ResultSet r = m.getTables(SCHEMA, null, "%", new String[] {"TABLE"})) {
            while (r.next()) found.add(r.getString("TABLE_NAME"));
        }
        same(found, Arrays.asList("big", "items", "many", "things"));
        found.clear();
        try (ResultSet r = m.getColumns(SCHEMA, null, "items", "%")) {
            while (r.next()) found.add(r.getString("COLUMN_NAME") + " " + r.getInt("DATA_TYPE"));
        }
        same(found, Arrays.asList("id " + Types.BIGINT, "title " + Types.VARCHAR, "points " + Types.INTEGER));
        try (ResultSet r = m.getPrimaryKeys(SCHEMA, null, "items")) {
            same(r.next(), true);
            same(r.getString("COLUMN_NAME"), "id");
        }
        try (ResultSet r = m.getIndexInfo(SCHEMA, null, "items", true, false)) {
            same(r.next(), true);
        }
        try (ResultSet r = m.getCatalogs()) {
            found.clear();
            while (r.next()) found.add(r.getString(1));
        }
        same(found.contains(SCHEMA), true);
    }

    static void generatedId(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.executeUpdate("INSERT INTO items (title) VALUES ('one')", Statement.RETURN_GENERATED_KEYS);
            ResultSet keys = s.getGeneratedKeys();
            keys.next();
            same(number(c, "SELECT LAST_INSERT_ID()"), keys.getLong(1));
        }
        try (PreparedStatement s = c.prepareStatement("INSERT INTO items (title) VALUES (?), (?), (?)", Statement.RETURN_GENERATED_KEYS)) {
            s.setString(1, "a");
            s.setString(2, "b");
            s.setString(3, "c");
            same(s.executeUpdate(), 3);
            ResultSet keys = s.getGeneratedKeys();
            keys.next();
            same(value(c, "SELECT title FROM items WHERE id = " + (keys.getLong(1) + 2)), "c");
        }
    }

    static void crud(Connection c) throws Exception {
        try (PreparedStatement insert = c.prepareStatement("INSERT INTO items (title, points) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS);
             PreparedStatement select = c.prepareStatement("SELECT title, points FROM items WHERE id = ?")) {
            for (int round = 0; round < 12; round++) {
                insert.setString(1, "it's \\ 100% " + round);
                insert.setInt(2, round);
                same(insert.executeUpdate(), 1);
                ResultSet keys = insert.getGeneratedKeys();
                keys.next();
                long id = keys.getLong(1);
                same(execute(c, "UPDATE items SET points = points + ? WHERE id = ?", 2, id), 1);
                select.setLong(1, id);
                try (ResultSet r = select.executeQuery()) {
                    same(r.next(), true);
                    same(r.getString(1), "it's \\ 100% " + round);
                    same(r.getInt(2), round + 2);
                    same(r.next(), false);
                }
                same(execute(c, "DELETE FROM items WHERE id = ?", id), 1);
            }
        }
        try (PreparedStatement s = c.prepareStatement("SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?")) {
            s.setInt(1, 0);
            s.setInt(2, 2);
            int n = 0;
            for (ResultSet r = s.executeQuery(); r.next(); ) n++;
            same(n, 2);
        }
    }

    static void batch(Connection c) throws Exception {
        execute(c, "DELETE FROM items");
        c.setAutoCommit(false);
        try (PreparedStatement s = c.prepareStatement("INSERT INTO items (title, points) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            for (int i = 0; i < 100; i++) {
                s.setString(1, "b" + i);
                s.setInt(2, i);
                s.addBatch();
            }
            same(s.executeBatch().length, 100);
        }
        c.commit();
        c.setAutoCommit(true);
        same(number(c, "SELECT SUM(points) FROM items"), 4950L);
        try (Statement s = c.createStatement()) {
            for (int i = 0; i < 10; i++) s.addBatch("UPDATE items SET points = 1 WHERE title = 'b" + i + "'");
            int[] counts = s.executeBatch();
            same(counts.length, 10);
            same(counts[9], 1);
        }
    }

    static void transaction(Connection c) throws Exception {
        try (Connection other = open("")) {
            execute(c, "DELETE FROM items");
            for (long left = 0; left <= 4; left += 4) {
                c.setAutoCommit(false);
                for (int i = 0; i < 4; i++) execute(c, "INSERT INTO items (title, points) VALUES (?, ?)", "t" + i, i);
                same(number(c, "SELECT COUNT(*) FROM items"), 4L);
                same(number(other, "SELECT COUNT(*) FROM items"), 0L);
                if (left == 0) c.rollback();
                else c.commit();
                same(number(other, "SELECT COUNT(*) FROM items"), left);
                c.setAutoCommit(true);
            }
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            same(c.getTransactionIsolation(), Connection.TRANSACTION_SERIALIZABLE);
            c.setReadOnly(true);
            c.setReadOnly(false);
        }
    }

    static void types(Connection c) throws Exception {
        execute(c, "DELETE FROM things");
        Timestamp moment = Timestamp.valueOf("2024-02-29 23:59:59.123456");
        try (PreparedStatement s = c.prepareStatement("INSERT INTO things (id, " + COLUMNS + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
            for (int id = 0; id < 8; id++) {
                s.setInt(1, id);
                s.setBytes(2, BYTES);
                s.setBigDecimal(3, AMOUNT);
                s.setTimestamp(4, moment);
                s.setObject(5, BIGGEST);
                s.setInt(6, Integer.MIN_VALUE);
                s.setByte(7, (byte) -128);
                s.setLong(8, Long.MIN_VALUE);
                s.setDouble(9, 0.1 + 0.2);
                s.setFloat(10, -0.15625f);
                s.setString(11, DOCUMENT);
                s.setBytes(12, new byte[] {0x0a, (byte) 0xaa});
                s.setString(13, WORDS);
                s.setString(14, "");
                s.setNull(15, Types.VARCHAR);
                s.executeUpdate();
            }
        }
        execute(c, "INSERT INTO things (id) VALUES (?)", 8);
        for (String sql : new String[] {"SELECT " + COLUMNS + " FROM things WHERE id = ?", "SELECT " + COLUMNS + " FROM things WHERE id <= ? ORDER BY id"}) {
            try (PreparedStatement s = c.prepareStatement(sql)) {
                s.setInt(1, 5);
                int n = 0;
                for (ResultSet r = s.executeQuery(); r.next(); n++) {
                    same(r.getBytes(1), BYTES);
                    same(r.getBigDecimal(2), AMOUNT);
                    same(r.getTimestamp(3), moment);
                    same(r.getObject(4), BIGGEST);
                    same(r.getInt(5), Integer.MIN_VALUE);
                    same(r.getByte(6), (byte) -128);
                    same(r.getLong(7), Long.MIN_VALUE);
                    same(r.getDouble(8), 0.1 + 0.2);
                    same(r.getFloat(9), -0.15625f);
                    same(r.getString(10), DOCUMENT);
                    same(r.getBytes(11), new byte[] {0x0a, (byte) 0xaa});
                    same(r.getString(12), WORDS);
                    same(r.getString(13), "");
                    same(r.getString(14), null);
                }
                same(n == 1 || n == 6, true);
                s.setInt(1, 8);
                try (ResultSet r = s.executeQuery()) {
                    while (r.next() && !r.isLast()) continue;
                    for (int i = 1; i <= 14; i++) same(r.getObject(i), null);
                }
            }
        }
    }

    static void errors(Connection c) throws Exception {
        execute(c, "REPLACE INTO things (id) VALUES (77)");
        fails(1062, "23000", x -> execute(x, "INSERT INTO things (id) VALUES (?)", 77), c);
        fails(1146, "42S02", x -> execute(x, "DELETE FROM not_there WHERE id = ?", 1), c);
        fails(1064, "42000", x -> execute(x, "SELEC ?", 1), c);
        same(number(c, "SELECT 1"), 1L);
    }

    static Work big(int size) {
        return c -> {
            byte[] body = new byte[size];
            for (int i = 0; i < size; i++) body[i] = (byte) (i ^ i >> 8);
            execute(c, "REPLACE INTO big (id, body) VALUES (?, ?)", 1, body);
            try (PreparedStatement s = c.prepareStatement("SELECT body FROM big WHERE id = ?")) {
                s.setInt(1, 1);
                ResultSet r = s.executeQuery();
                r.next();
                if (!Arrays.equals(r.getBytes(1), body)) throw new RuntimeException("the bytes differ");
            }
        };
    }

    static void stream(Connection c) throws Exception {
        execute(c, "DELETE FROM many");
        for (int start = 0; start < 10000; start += 1000) {
            StringBuilder sql = new StringBuilder("INSERT INTO many VALUES ");
            for (int i = start; i < start + 1000; i++) sql.append(i == start ? "" : ", ").append("(").append(i).append(", 'word ").append(i).append("')");
            same(execute(c, sql.toString()), 1000);
        }
        try (PreparedStatement s = c.prepareStatement("SELECT id, word FROM many WHERE id >= ? ORDER BY id")) {
            s.setFetchSize(100);
            s.setInt(1, 0);
            ResultSet r = s.executeQuery();
            int n = 0;
            for (; r.next(); n++) {
                same(r.getInt(1), n);
                same(r.getString(2), "word " + n);
            }
            same(n, 10000);
            s.setInt(1, 100);                        // given up in the middle
            r = s.executeQuery();
            r.next();
            same(r.getInt(1), 100);
            r.close();
        }
        same(number(c, "SELECT COUNT(*) FROM many"), 10000L);
    }

    static void multi(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            List<String> found = new ArrayList<>();
            boolean rows = s.execute("SELECT 1; DELETE FROM items WHERE id = -1; SELECT 'end'");
            for (; rows || s.getUpdateCount() != -1; rows = s.getMoreResults()) {
                if (!rows) continue;
                ResultSet r = s.getResultSet();
                r.next();
                found.add(r.getString(1));
            }
            same(found, Arrays.asList("1", "end"));
        }
    }

    static void procedure(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.execute("DROP PROCEDURE IF EXISTS two");
            s.execute("CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END");
            s.execute("DROP PROCEDURE IF EXISTS twice");
            s.execute("CREATE PROCEDURE twice(IN n INT, OUT m INT) SET m = 2 * n");
        }
        try (CallableStatement s = c.prepareCall("{call two(?)}")) {
            s.setInt(1, 5);
            List<Integer> found = new ArrayList<>();
            for (boolean rows = s.execute(); rows; rows = s.getMoreResults())
                for (ResultSet r = s.getResultSet(); r.next(); ) found.add(r.getInt(1));
            same(found, Arrays.asList(5, 6, 7));
        }
        try (CallableStatement s = c.prepareCall("{call twice(?, ?)}")) {
            s.setInt(1, 21);
            s.registerOutParameter(2, Types.INTEGER);
            s.execute();
            same(s.getInt(2), 42);
        }
    }

    static void timeout(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            long began = System.nanoTime();
            try {
                s.executeQuery("SELECT SLEEP(15)");
            } catch (SQLException e) {
                // 1969: max_statement_time; 1317: the driver's KILL QUERY
                same(e.getErrorCode() == 1969 || e.getErrorCode() == 1317 || e.getErrorCode() == 3024 || e instanceof java.sql.SQLTimeoutException, true);
            }
            if (System.nanoTime() - began > 8_000_000_000L) throw new RuntimeException("the statement ran on");
        }
        same(number(c, "SELECT 1"), 1L);
    }

    static void reconnect(Connection c) throws Exception {
        try (Connection other = open("")) {
            execute(other, "KILL " + number(c, "SELECT CONNECTION_ID()"));
        }
        try {
            value(c, "SELECT 1");
        } catch (SQLException e) {
            same(c.isValid(1), false);
            try (Connection again = open("")) {
                same(value(again, "SELECT DATABASE()"), SCHEMA);
            }
            return;
        }
        throw new RuntimeException("the killed connection answers");
    }

    static void pool() throws Exception {
        org.mariadb.jdbc.MariaDbPoolDataSource pool = new org.mariadb.jdbc.MariaDbPoolDataSource("jdbc:mariadb://" + env("DRIVER_HOST") + ":" + env("DRIVER_PORT") + "/"
            + SCHEMA + "?user=" + env("DRIVER_USER") + "&password=" + env("DRIVER_PASSWORD") + "&maxPoolSize=1&useResetConnection=true"
            + (TLS ? "&useSsl=true&serverSslCert=" + env("DRIVER_CA") : ""));
        try (Connection c = pool.getConnection()) {
            execute(c, "SET @mine = 5");
            c.setAutoCommit(false);
            execute(c, "INSERT INTO items (title) VALUES ('lost')");
        }
        try (Connection c = pool.getConnection()) {
            same(value(c, "SELECT @mine"), null);
            same(number(c, "SELECT COUNT(*) FROM items WHERE title = 'lost'"), 0L);
        }
        pool.close();
    }

    public static void main(String[] args) {
        for (int i = 0; i < 256; i++) BYTES[i] = (byte) i;
        run("connect", "", c -> {
            same(value(c, "SELECT DATABASE()"), SCHEMA);
            same(c.isValid(5), true);
            same(c.getMetaData().getDatabaseMajorVersion() >= 8, true);
        });
        if (TLS) run("tls", "", c -> same(String.valueOf(value(c, "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'")).length() > 4, true));
        run("ddl", "", Driver::ddl);
        run("metadata", "", Driver::metadata);
        String[][] ways = {{"text", ""}, {"prepared", "&useServerPrepStmts=true"}};
        for (String[] way : ways) {
            run("generated_id_" + way[0], way[1], Driver::generatedId);
            run("crud_" + way[0], way[1], Driver::crud);
            run("batch_" + way[0], way[1], Driver::batch);
            run("transaction_" + way[0], way[1], Driver::transaction);
            run("types_" + way[0], way[1], Driver::types);
            run("error_" + way[0], way[1], Driver::errors);
            run("big_1m_" + way[0], way[1], big(1 << 20));
            run("big_20m_" + way[0], way[1], big(20 << 20));
            run("stream_" + way[0], way[1], Driver::stream);
            if (!SHARDED) run("procedure_" + way[0], way[1], Driver::procedure);
        }
        run("batch_rewritten", "&rewriteBatchedStatements=true", Driver::batch);
        run("batch_no_bulk", "&useBulkStmts=false&useBatchMultiSend=true&useServerPrepStmts=true", Driver::batch);
        run("compression", "&useCompression=true", big(3 << 20));
        run("session_variables", "&sessionVariables=sql_mode='ANSI_QUOTES'", c -> same(number(c, "SELECT COUNT(*) FROM \"items\" WHERE id = -1"), 0L));
        run("multi_statements", "&allowMultiQueries=true", Driver::multi);
        run("timeout", "", Driver::timeout);
        run("pool", "", c -> pool());
        run("reconnect", "", Driver::reconnect);
        System.out.println("done");
        System.exit(0);
    }
}
