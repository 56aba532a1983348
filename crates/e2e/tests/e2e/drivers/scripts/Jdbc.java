// JDBC: extended protocol, named statements from the fifth execution on, portals with
// row limits, and the function call protocol for large objects.
//
//     java -cp postgresql.jar:CLASSES Jdbc URL [AUTHORITY STRANGER]
//
// AUTHORITY is the certificate that signed the server's: with it, every connection is
// encrypted and verified. STRANGER has signed nothing.

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public final class Jdbc {
    private static String user;
    private static String password;
    private static String place;
    private static String authority;
    private static String stranger;
    private static final List<String> FAILED = new ArrayList<>();

    interface Work {
        void run() throws Exception;
    }

    private static void check(String name, Work work) {
        long begin = System.nanoTime();
        try {
            work.run();
            System.out.printf("ok      %s (%.1f s)%n", name, (System.nanoTime() - begin) / 1e9);
        } catch (Throwable error) {
            FAILED.add(name);
            System.out.println("FAILED  " + name);
            error.printStackTrace(System.out);
        }
    }

    private static void same(Object expected, Object got) {
        if (!Objects.deepEquals(expected, got)) {
            throw new AssertionError("expected " + expected + ", got " + got);
        }
    }

    /** The error of this work, with this code; none is one. */
    private static SQLException refused(String code, Work work) throws Exception {
        try {
            work.run();
        } catch (SQLException error) {
            if (!code.equals(error.getSQLState())) {
                throw error;
            }
            return error;
        }
        throw new AssertionError("no error, expected " + code);
    }

    private static ServerErrorMessage told(SQLException error) {
        return ((PSQLException) error).getServerErrorMessage();
    }

    /** A connection, with further properties as name, value, ... */
    private static Connection connect(String... more) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        properties.setProperty("connectTimeout", "10");
        properties.setProperty("sslmode", authority == null ? "disable" : "verify-full");
        if (authority != null) {
            properties.setProperty("sslrootcert", authority);
        }
        String database = "app";
        for (int n = 0; n < more.length; n += 2) {
            if (more[n].equals("database")) {
                database = more[n + 1];
            } else {
                properties.setProperty(more[n], more[n + 1]);
            }
        }
        return DriverManager.getConnection("jdbc:postgresql://" + place + "/" + database, properties);
    }

    private static Object value(Connection connection, String sql, Object... values)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            return value(statement, values);
        }
    }

    private static Object value(PreparedStatement statement, Object... values) throws SQLException {
        for (int n = 0; n < values.length; n++) {
            statement.setObject(n + 1, values[n]);
        }
        try (ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getObject(1);
        }
    }

    private static int execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    private static void refusals() throws Exception {
        SQLException error = refused("28P01", () -> connect("password", "wrong"));
        same(true, error.getMessage().contains("password authentication failed"));
        error = refused("3D000", () -> connect("database", "nowhere"));
        same(true, error.getMessage().contains("nowhere"));
    }

    private static void encrypted() throws Exception {
        if (authority == null) {
            return;
        }
        connect().close();
        connect("sslmode", "require", "sslrootcert", authority).close();
        refused("08006", () -> connect("sslrootcert", stranger));
    }

    private static void ownWrites(String mode) throws Exception {
        try (Connection connection = connect("preferQueryMode", mode);
                PreparedStatement write = connection.prepareStatement("INSERT INTO jd VALUES (?, ?)");
                PreparedStatement read =
                        connection.prepareStatement("SELECT name FROM jd WHERE id = ?")) {
            for (int n = 100; n < 150; n++) {
                write.setInt(1, n);
                write.setString(2, "n" + n);
                same(1, write.executeUpdate());
                same("n" + n, value(read, n));
            }
            execute(connection, "DELETE FROM jd WHERE id > 0");
        }
    }

    private static void prepared() throws Exception {
        List<Connection> connections = new ArrayList<>();
        List<PreparedStatement> statements = new ArrayList<>();
        for (int number = 0; number < 4; number++) {
            // The driver numbers its statements: one name, another text at each client.
            connections.add(connect("prepareThreshold", "1"));
            statements.add(connections.get(number)
                    .prepareStatement("SELECT " + number + " * 1000 + ?"));
        }
        for (int n = 0; n < 10; n++) {
            for (int number = 0; number < 4; number++) {
                Connection connection = connections.get(number);
                connection.setAutoCommit(false);
                same(number * 1000 + n, value(statements.get(number), n));
                connection.commit();
                connection.setAutoCommit(true);
                same(number * 1000 + n, value(statements.get(number), n));
            }
        }
        for (int n = 0; n < 300; n++) {
            same(n + 1, value(connections.get(0), "SELECT " + n + " + ?", 1));
        }
        // The driver sees the tag, and prepares its statements anew.
        execute(connections.get(1), "DEALLOCATE ALL");
        same(1003, value(statements.get(1), 3));
        execute(connections.get(1), "DISCARD ALL");
        same(1004, value(statements.get(1), 4));
        same(2005, value(statements.get(2), 5));
        for (Connection connection : connections) {
            connection.close();
        }
    }

    private static void replanned() throws Exception {
        try (Connection connection = connect("prepareThreshold", "1", "autosave", "conservative")) {
            execute(connection, "DROP TABLE IF EXISTS jd_ddl; CREATE TABLE jd_ddl (a int)");
            execute(connection, "INSERT INTO jd_ddl VALUES (1)");
            try (PreparedStatement statement = connection.prepareStatement("SELECT * FROM jd_ddl")) {
                same(1, value(statement));
                same(1, value(statement));
                execute(connection, "ALTER TABLE jd_ddl ALTER a TYPE text");
                // The driver prepares again when told that the result has changed.
                same("1", value(statement));
                same("1", value(statement));
            }
        }
    }

    private static void transactions() throws Exception {
        String count = "SELECT count(*) FROM jd WHERE id BETWEEN 1000 AND 1999";
        try (Connection connection = connect()) {
            connection.setAutoCommit(false);
            execute(connection, "INSERT INTO jd VALUES (1000, 'a')");
            same(1L, value(connection, count));
            Savepoint savepoint = connection.setSavepoint("one");
            refused("23505", () -> execute(connection, "INSERT INTO jd VALUES (1000, 'b')"));
            refused("25P02", () -> value(connection, count));
            connection.rollback(savepoint);
            execute(connection, "INSERT INTO jd VALUES (1001, 'a')");
            connection.commit();
            same(2L, value(connection, count));
            connection.rollback();
            execute(connection, "DELETE FROM jd WHERE id >= 1000");
            connection.rollback();
            same(2L, value(connection, count));
            connection.commit();
            for (int level : new int[] {Connection.TRANSACTION_SERIALIZABLE,
                Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED}) {
                connection.setTransactionIsolation(level);
                same(level, connection.getTransactionIsolation());
                same(2L, value(connection, count));
                connection.commit();
            }
            connection.setReadOnly(true);
            same(2L, value(connection, count));
            refused("25006", () -> execute(connection, "DELETE FROM jd"));
            connection.rollback();
            connection.setReadOnly(false);
            same(2, execute(connection, "DELETE FROM jd WHERE id >= 1000"));
            connection.commit();
        }
        // A savepoint around each statement, by the driver.
        try (Connection connection = connect("autosave", "always")) {
            connection.setAutoCommit(false);
            execute(connection, "INSERT INTO jd VALUES (1100, 'a')");
            refused("23505", () -> execute(connection, "INSERT INTO jd VALUES (1100, 'b')"));
            same(1L, value(connection, count));
            connection.commit();
            same(1, execute(connection, "DELETE FROM jd WHERE id = 1100"));
            connection.commit();
        }
        // Read only for the session, in autocommit: by SET SESSION CHARACTERISTICS.
        try (Connection connection = connect("readOnly", "true", "readOnlyMode", "always")) {
            refused("25006", () -> execute(connection, "DELETE FROM jd"));
            connection.setReadOnly(false);
            same(0, execute(connection, "DELETE FROM jd WHERE id = -1"));
        }
    }

    private static void copied() throws Exception {
        String count = "SELECT count(*) FROM jd WHERE id >= 10000";
        try (Connection connection = connect()) {
            CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
            StringBuilder lines = new StringBuilder();
            for (int n = 0; n < 20000; n++) {
                lines.append(10000 + n).append("\té").append(n).append('\n');
            }
            same(20000L, copy.copyIn("COPY jd FROM STDIN", new StringReader(lines.toString())));
            same(20000L, value(connection, count));
            StringWriter out = new StringWriter();
            String sql = "COPY (SELECT * FROM jd WHERE id >= 10000 ORDER BY id) TO STDOUT";
            same(20000L, copy.copyOut(sql, out));
            same(lines.toString(), out.toString());
            refused("22P02", () -> copy.copyIn("COPY jd FROM STDIN", new StringReader("nonsense\n")));
            refused("23505", () -> copy.copyIn("COPY jd FROM STDIN",
                    new StringReader("90000\tx\n0\tx\n")));
            CopyIn dropped = copy.copyIn("COPY jd FROM STDIN");
            byte[] line = "90001\tx\n".getBytes(StandardCharsets.UTF_8);
            dropped.writeToCopy(line, 0, line.length);
            dropped.cancelCopy();
            same(20000L, value(connection, count));
            refused("42P01", () -> copy.copyOut("COPY nothing TO STDOUT", new StringWriter()));
            connection.setAutoCommit(false);
            copy.copyIn("COPY jd FROM STDIN", new StringReader("90002\tx\n"));
            same(20001L, value(connection, count));
            connection.rollback();
            same(20000, execute(connection, "DELETE FROM jd WHERE id >= 10000"));
            connection.commit();
            same(0L, value(connection, count));
        }
    }

    private static void cancelled() throws Exception {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            for (String sql : new String[] {"SELECT pg_sleep(20)",
                "SELECT count(*) FROM jd, pg_sleep(20)"}) {
                long begin = System.nanoTime();
                Thread thread = new Thread(() -> {
                    try {
                        Thread.sleep(300);
                        statement.cancel();
                    } catch (InterruptedException | SQLException error) {
                        throw new IllegalStateException(error);
                    }
                });
                thread.start();
                refused("57014", () -> statement.executeQuery(sql));
                thread.join();
                same(true, System.nanoTime() - begin < 5_000_000_000L);
                same(1, value(connection, "SELECT 1"));
            }
            // The driver's own time limit, by the same means.
            statement.setQueryTimeout(1);
            refused("57014", () -> statement.executeQuery("SELECT pg_sleep(20)"));
            same(2, value(connection, "SELECT 2"));
        }
    }

    private static void errors() throws Exception {
        try (Connection connection = connect()) {
            ServerErrorMessage told = told(
                    refused("23505", () -> execute(connection, "INSERT INTO jd VALUES (0, 'again')")));
            same("ERROR", told.getSeverity());
            same("Key (id)=(0) already exists.", told.getDetail());
            same("public jd jd_pkey",
                    told.getSchema() + " " + told.getTable() + " " + told.getConstraint());
            same(true, told.getFile() != null && told.getLine() > 0 && told.getRoutine() != null);
            told = told(refused("23514",
                    () -> execute(connection, "INSERT INTO jd_item VALUES (1, 0, -1)")));
            same("positive", told.getConstraint());
            told = told(refused("23503",
                    () -> execute(connection, "INSERT INTO jd_item VALUES (1, -7, 1)")));
            same(true, told.getDetail().contains("(jd)=(-7)"));
            told = told(refused("23502",
                    () -> execute(connection, "INSERT INTO jd_item VALUES (1, NULL, 1)")));
            same("jd", told.getColumn());
            told = told(refused("42601", () -> value(connection, "SELECT 1 FRM jd")));
            same(14, told.getPosition());
            told = told(refused("42703", () -> value(connection, "SELECT nam FROM jd")));
            same(8, told.getPosition());
            same(true, told.getHint().contains("jd.name"));
            refused("22012", () -> value(connection, "SELECT 1 / ?", 0));
            refused("22P02", () -> value(connection, "SELECT ?::text::int", "x"));
            execute(connection, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
            try (Statement statement = connection.createStatement()) {
                statement.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$");
                same("careful", statement.getWarnings().getMessage());
            }
            same(1, value(connection, "SELECT 1"));
        }
    }

    private static void batches(String rewrite) throws Exception {
        String count = "SELECT count(*) FROM jd WHERE name = 'batch'";
        try (Connection connection = connect("reWriteBatchedInserts", rewrite);
                PreparedStatement statement =
                        connection.prepareStatement("INSERT INTO jd (id, name) VALUES (?, ?)")) {
            for (int n = 0; n < 1000; n++) {
                statement.setInt(1, 2000 + n);
                statement.setString(2, "batch");
                statement.addBatch();
            }
            same(1000, statement.executeBatch().length);
            same(1000L, value(connection, count));
            // In autocommit a batch is one transaction up to its Sync.
            for (int id : new int[] {5000, 5001, 2000, 5002}) {
                statement.setInt(1, id);
                statement.setString(2, "batch");
                statement.addBatch();
            }
            try {
                statement.executeBatch();
                throw new AssertionError("no error");
            } catch (BatchUpdateException error) {
                same("23505", error.getSQLState());
            }
            same(1000L, value(connection, count));
            connection.setAutoCommit(false);
            try (Statement mixed = connection.createStatement()) {
                mixed.addBatch("INSERT INTO jd VALUES (6000, 'batch')");
                mixed.addBatch("UPDATE jd SET name = 'batch' WHERE id = 0");
                mixed.addBatch("DELETE FROM jd WHERE name = 'batch' AND id > 0");
                same(new int[] {1, 1, 1001}, mixed.executeBatch());
            }
            connection.rollback();
            same(1000, execute(connection, "DELETE FROM jd WHERE name = 'batch'"));
            connection.commit();
        }
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(
                        "INSERT INTO jd_serial (name) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
            for (int n = 0; n < 3; n++) {
                statement.setString(1, "s" + n);
                statement.addBatch();
            }
            statement.executeBatch();
            List<Integer> keys = new ArrayList<>();
            try (ResultSet rows = statement.getGeneratedKeys()) {
                while (rows.next()) {
                    keys.add(rows.getInt("id"));
                }
            }
            same(3, keys.size());
            same("s2", value(connection, "SELECT name FROM jd_serial WHERE id = ?", keys.get(2)));
        }
    }

    private static void values(String mode) throws Exception {
        // binaryTransfer only shows from the second named execution on.
        try (Connection connection = connect("preferQueryMode", mode, "prepareThreshold", "1")) {
            String large = "äöü€".repeat(100_000);
            for (int round = 0; round < 3; round++) {
                for (String text : new String[] {"", "it's", "back\\slash \\n", "$1 ? :name %s",
                    "tab\tnewline\nreturn\r", "é ß Ω ж 中文 עברית",
                    "\uD83D\uDC18 e\u0301", "NULL", large}) {
                    same(text, value(connection, "SELECT ?::text", text));
                }
            }
            if (!mode.equals("simple")) {
                // In simple mode the driver has no text for bytes.
                largeValues(connection, large);
            }
            UUID uuid = new UUID(1, 2);
            OffsetDateTime time = OffsetDateTime.parse("2024-02-29T12:00:00Z");
            for (int round = 0; round < 3; round++) {
                same(Long.MAX_VALUE, value(connection, "SELECT ?::int8", Long.MAX_VALUE));
                same(0.1, value(connection, "SELECT ?::float8", 0.1));
                BigDecimal decimal = new BigDecimal("1234567890.0123456789");
                same(decimal, value(connection, "SELECT ?::numeric", decimal));
                same(true, value(connection, "SELECT ?::bool", true));
                same(uuid, value(connection, "SELECT ?::uuid", uuid));
                LocalDate date = LocalDate.parse("2024-02-29");
                same("2024-02-29", value(connection, "SELECT ?::date", date).toString());
                same(true, value(connection, "SELECT ?::timestamptz = '2024-02-29 12:00+00'", time));
                Object array = connection.createArrayOf("int4", new Integer[] {1, null, 3});
                Object got = value(connection, "SELECT ?::int[]", array);
                same(new Integer[] {1, null, 3}, ((java.sql.Array) got).getArray());
            }
            try (PreparedStatement statement = connection.prepareStatement("SELECT ?::text")) {
                statement.setNull(1, Types.VARCHAR);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    same(null, rows.getString(1));
                    same(true, rows.wasNull());
                }
            }
            try (Statement statement = connection.createStatement()) {
                same(true, statement.execute("SELECT 1; SELECT 2; UPDATE jd SET name = name"));
                same(true, statement.getMoreResults());
                statement.getResultSet().next();
                same(false, statement.getMoreResults());
                same(1, statement.getUpdateCount());
            }
        }
    }

    private static void largeValues(Connection connection, String large) throws SQLException {
        byte[] bytes = new byte[1 << 20];
        for (int n = 0; n < bytes.length; n++) {
            bytes[n] = (byte) n;
        }
        same(true, Arrays.equals(bytes, (byte[]) value(connection, "SELECT ?::bytea", bytes)));
        execute(connection, "TRUNCATE jd_large");
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO jd_large VALUES (?, ?)")) {
            statement.setString(1, large);
            statement.setBytes(2, bytes);
            same(1, statement.executeUpdate());
        }
        same(large, value(connection, "SELECT t FROM jd_large"));
        same(true, Arrays.equals(bytes, (byte[]) value(connection, "SELECT b FROM jd_large")));
    }

    private static void largeObjects() throws Exception {
        // Their calls are the protocol's FunctionCall.
        try (Connection connection = connect()) {
            connection.setAutoCommit(false);
            org.postgresql.largeobject.LargeObjectManager manager =
                    connection.unwrap(PGConnection.class).getLargeObjectAPI();
            byte[] bytes = "large é object".repeat(1000).getBytes(StandardCharsets.UTF_8);
            long oid = manager.createLO();
            try (org.postgresql.largeobject.LargeObject object = manager.open(oid)) {
                object.write(bytes);
            }
            connection.commit();
            try (org.postgresql.largeobject.LargeObject object = manager.open(oid)) {
                same(true, Arrays.equals(bytes, object.read(bytes.length + 1)));
            }
            manager.unlink(oid);
            connection.commit();
            refused("42704", () -> manager.open(oid));
            connection.rollback();
            same(1, value(connection, "SELECT 1"));
        }
    }

    private static void notified() throws Exception {
        try (Connection listener = connect(); Connection other = connect()) {
            PGConnection heard = listener.unwrap(PGConnection.class);
            execute(listener, "LISTEN jd_channel");
            for (int n = 0; n < 5; n++) {
                value(other, "SELECT pg_notify('jd_channel', ?)", "é" + n);
                org.postgresql.PGNotification[] notes = heard.getNotifications(5000);
                same(1, notes.length);
                same("é" + n, notes[0].getParameter());
                same("jd_channel", notes[0].getName());
            }
            execute(listener, "UNLISTEN *");
            execute(other, "NOTIFY jd_channel, 'unheard'");
            same(1, value(listener, "SELECT 1"));
            same(0, heard.getNotifications().length);
        }
    }

    private static void fetchSize() throws Exception {
        for (boolean readOnly : new boolean[] {false, true}) {
            try (Connection connection = connect()) {
                connection.setReadOnly(readOnly);
                connection.setAutoCommit(false);
                try (PreparedStatement statement =
                        connection.prepareStatement("SELECT generate_series(1, ?)")) {
                    statement.setFetchSize(70);
                    for (int round = 0; round < 6; round++) {
                        statement.setInt(1, 1000);
                        int expected = 0;
                        try (ResultSet rows = statement.executeQuery()) {
                            while (rows.next()) {
                                same(++expected, rows.getInt(1));
                                if (expected == 100) {
                                    // Another statement between the pieces.
                                    same(1, value(connection, "SELECT 1"));
                                }
                            }
                        }
                        same(1000, expected);
                        // Given up half-way.
                        try (ResultSet rows = statement.executeQuery()) {
                            rows.next();
                        }
                    }
                }
                if (!readOnly) {
                    try (Statement statement = connection.createStatement()) {
                        statement.setFetchSize(10);
                        ResultSet rows = statement.executeQuery(
                                "SELECT 1 / (n - 50) FROM generate_series(1, 100) n");
                        refused("22012", () -> {
                            while (rows.next()) {
                                rows.getInt(1);
                            }
                        });
                    }
                    connection.rollback();
                }
                connection.commit();
                same(1, value(connection, "SELECT 1"));
            }
        }
    }

    private static void catalog() throws Exception {
        try (Connection connection =
                connect("ApplicationName", "jd", "options", "-c statement_timeout=9s")) {
            same("jd", value(connection, "SHOW application_name"));
            same("9s", value(connection, "SHOW statement_timeout"));
            same(true, connection.isValid(5));
            connection.setSchema("pg_catalog");
            same("pg_catalog", connection.getSchema());
            connection.setSchema("public");
            List<String> columns = new ArrayList<>();
            try (ResultSet rows =
                    connection.getMetaData().getColumns(null, "public", "jd", null)) {
                while (rows.next()) {
                    columns.add(rows.getString("COLUMN_NAME"));
                }
            }
            same(List.of("id", "name"), columns);
            same(true, connection.getMetaData().getDatabaseMajorVersion() >= 13);
            try (PreparedStatement statement = connection.prepareStatement("SELECT * FROM jd")) {
                same("int4", statement.getMetaData().getColumnTypeName(1));
                same("name", statement.getMetaData().getColumnName(2));
            }
        }
        // The driver asks each server which it is.
        try (Connection connection = connect("targetServerType", "primary")) {
            same(0, execute(connection, "DELETE FROM jd WHERE id = -1"));
        }
    }

    public static void main(String[] arguments) throws Exception {
        URI uri = new URI(arguments[0].replaceFirst("^postgres(ql)?:", "http:"));
        String[] login = uri.getRawUserInfo().split(":", 2);
        user = URLDecoder.decode(login[0], StandardCharsets.UTF_8);
        password = URLDecoder.decode(login[1], StandardCharsets.UTF_8);
        place = uri.getHost() + ":" + uri.getPort();
        if (arguments.length > 2) {
            authority = arguments[1];
            stranger = arguments[2];
        }
        try (Connection connection = connect()) {
            execute(connection, "DROP TABLE IF EXISTS jd_item, jd_large, jd_serial, jd;"
                    + "CREATE TABLE jd (id int PRIMARY KEY, name text);"
                    + "CREATE TABLE jd_item (id int PRIMARY KEY, jd int NOT NULL REFERENCES jd (id),"
                    + " amount int CONSTRAINT positive CHECK (amount > 0));"
                    + "CREATE TABLE jd_large (t text, b bytea);"
                    + "CREATE TABLE jd_serial (id serial PRIMARY KEY, name text);"
                    + "INSERT INTO jd VALUES (0, 'zero')");
        }
        check("refused", Jdbc::refusals);
        check("encrypted", Jdbc::encrypted);
        for (String mode : new String[] {"simple", "extended", "extendedCacheEverything"}) {
            check("own writes, " + mode, () -> ownWrites(mode));
        }
        check("prepared", Jdbc::prepared);
        check("replanned", Jdbc::replanned);
        check("transactions", Jdbc::transactions);
        check("copy", Jdbc::copied);
        check("cancel", Jdbc::cancelled);
        check("errors", Jdbc::errors);
        check("batches", () -> batches("false"));
        check("batches, rewritten", () -> batches("true"));
        check("values", () -> values("extended"));
        check("values, simple", () -> values("simple"));
        check("large objects", Jdbc::largeObjects);
        check("notifications", Jdbc::notified);
        check("fetch size", Jdbc::fetchSize);
        check("catalog", Jdbc::catalog);
        System.out.println(FAILED.isEmpty() ? "all done" : "failed: " + String.join(", ", FAILED));
        System.exit(FAILED.isEmpty() ? 0 : 1);
    }
}
