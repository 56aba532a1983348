// JDBC: the token comes with the write, as a parameter that the server reports.
//
//     java -cp postgresql.jar TokenJdbc.java HOST_AND_PORT OTHER_HOST_AND_PORT

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;

public final class TokenJdbc {
    private static Connection connect(String place, String options) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", "app");
        properties.setProperty("sslmode", "disable");
        properties.setProperty("options", options);
        return DriverManager.getConnection("jdbc:postgresql://" + place + "/app", properties);
    }

    private static String told(Connection connection) throws SQLException {
        return connection.unwrap(PGConnection.class).getParameterStatus("afterwrite.token");
    }

    private static void must(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] args) throws SQLException {
        try (Connection one = connect(args[0], "-c afterwrite.report_token=on");
                Connection two = connect(args[1], "");
                PreparedStatement insert = one.prepareStatement("INSERT INTO carried VALUES (?)");
                Statement set = two.createStatement()) {
            String before = told(one);
            // It has set something of its own already.
            must(before != null, "nothing is told");
            for (int n = 0; n < 20; n++) {
                insert.setInt(1, n);
                insert.executeUpdate();
                String token = told(one);
                must(!token.isEmpty() && !token.equals(before), n + ": " + token);
                before = token;
                set.execute("SET afterwrite.token = '" + token + "'");
                try (ResultSet rows =
                        set.executeQuery("SELECT count(*) FROM carried WHERE n = " + n)) {
                    must(rows.next() && rows.getInt(1) == 1, n + " is not seen");
                }
            }
            one.setAutoCommit(false);
            insert.setInt(1, 100);
            insert.executeUpdate();
            // It comes in one batch with its BEGIN, of which the proxy knows only how it ends.
            must(told(one).equals(before) || told(one).isEmpty(), "before the commit");
            one.commit();
            must(!told(one).isEmpty() && !told(one).equals(before), "with the commit");
        }
        System.out.println("all done");
    }
}
