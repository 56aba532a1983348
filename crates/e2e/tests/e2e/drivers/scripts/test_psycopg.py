"""psycopg 3, on libpq: extended protocol, pipelines, server-side cursors."""

import threading
import time

import psycopg
import psycopg.sql
from psycopg import errors
from psycopg.rows import dict_row

import harness
from harness import AUTHORITY, BYTES, MEGABYTE, STRANGER, TEXTS, URL, check, end, raises

TLS = {"sslmode": "verify-full", "sslrootcert": AUTHORITY} if AUTHORITY else {"sslmode": "disable"}


def connect(url=URL, **more):
    return psycopg.connect(url, **{"connect_timeout": 10, **TLS, **more})


conn = connect(autocommit=True)
conn.execute("DROP TABLE IF EXISTS py_item, py")
conn.execute("CREATE TABLE py (id int PRIMARY KEY, name text, at timestamptz DEFAULT now())")
conn.execute(
    """CREATE TABLE py_item (id int PRIMARY KEY, py int NOT NULL REFERENCES py (id),
                             amount int CONSTRAINT positive CHECK (amount > 0))"""
)


@check
def refused():
    error = raises(psycopg.OperationalError, connect, harness.url(password="wrong"))
    assert "password authentication failed" in str(error), error
    error = raises(psycopg.OperationalError, connect, harness.url(database="nowhere"))
    assert 'database "nowhere"' in str(error), error


@check
def encrypted():
    if not AUTHORITY:
        return
    assert conn.pgconn.ssl_in_use
    connect(sslmode="require").close()
    error = raises(psycopg.OperationalError, connect, sslrootcert=STRANGER)
    assert "certificate verify failed" in str(error), error


@check
def read_after_write():
    for n in range(100):
        conn.execute("INSERT INTO py VALUES (%s, %s)", (n, "n%d" % n))
        row = conn.execute("SELECT name FROM py WHERE id = %s", (n,)).fetchone()
        assert row == ("n%d" % n,), (n, row)


@check
def prepared_automatically():
    for n in range(30):
        assert conn.execute("SELECT id + %s FROM py WHERE id = %s", (1, n)).fetchone() == (n + 1,)
    for n in range(30):
        row = conn.execute("UPDATE py SET name = %s WHERE id = %s RETURNING id", ("x", n), prepare=True).fetchone()
        assert row == (n,)


@check
def many_prepared_statements():
    for n in range(150):
        assert conn.execute("SELECT %d + %%s" % n, (1,), prepare=True).fetchone() == (n + 1,)


@check
def transactions():
    with conn.transaction():
        conn.execute("INSERT INTO py VALUES (1000, 'a')")
        assert conn.execute("SELECT count(*) FROM py WHERE id = 1000").fetchone() == (1,)
        try:
            with conn.transaction():
                conn.execute("INSERT INTO py VALUES (1000, 'b')")
        except errors.UniqueViolation:
            pass
    assert conn.execute("SELECT name FROM py WHERE id = 1000").fetchone() == ("a",)
    try:
        with conn.transaction():
            conn.execute("INSERT INTO py VALUES (1001, 'a')")
            raise KeyError
    except KeyError:
        pass
    assert conn.execute("SELECT count(*) FROM py WHERE id = 1001").fetchone() == (0,)


@check
def implicit_transactions():
    with connect() as other:
        other.execute("INSERT INTO py VALUES (1002, 'a')")
        assert other.execute("SELECT count(*) FROM py WHERE id = 1002").fetchone() == (1,)
        other.rollback()
        assert other.execute("SELECT count(*) FROM py WHERE id = 1002").fetchone() == (0,)
        other.execute("INSERT INTO py VALUES (1002, 'a')")
        other.commit()
        assert other.execute("SELECT count(*) FROM py WHERE id = 1002").fetchone() == (1,)


@check
def read_only_and_isolation():
    with connect() as other:
        other.read_only = True
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert other.execute("SELECT count(*) FROM pg_am WHERE amname = 'heap'").fetchone() == (1,)
        assert other.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)
        try:
            other.execute("INSERT INTO py VALUES (1003, 'a')")
            assert False, "was written"
        except errors.ReadOnlySqlTransaction:
            other.rollback()


@check
def error_codes():
    for sql, cls in [("SELEC", errors.SyntaxError), ("SELECT 1/0", errors.DivisionByZero),
                     ("SELECT * FROM missing", errors.UndefinedTable),
                     ("INSERT INTO py VALUES (1)", errors.UniqueViolation)]:
        try:
            conn.execute(sql)
            assert False, sql
        except cls:
            pass
    assert conn.execute("SELECT 1").fetchone() == (1,)


@check
def error_fields():
    diag = raises(errors.UniqueViolation, conn.execute, "INSERT INTO py VALUES (0)").diag
    assert (diag.severity, diag.sqlstate) == ("ERROR", "23505")
    assert (diag.schema_name, diag.table_name) == ("public", "py")
    assert diag.constraint_name == "py_pkey"
    assert diag.message_detail == "Key (id)=(0) already exists."
    assert diag.source_file and diag.source_line and diag.source_function
    check_ = "INSERT INTO py_item VALUES (1, 0, -1)"
    assert raises(errors.CheckViolation, conn.execute, check_).diag.constraint_name == "positive"
    null = "INSERT INTO py_item VALUES (1, NULL)"
    assert raises(errors.NotNullViolation, conn.execute, null).diag.column_name == "py"
    foreign = "INSERT INTO py_item VALUES (1, -7)"
    assert "(py)=(-7)" in raises(errors.ForeignKeyViolation, conn.execute, foreign).diag.message_detail
    for prepare in [False, True]:
        wrong = raises(errors.SyntaxError, conn.execute, "SELECT 1 FRM py", prepare=prepare)
        assert wrong.diag.statement_position == "14"


@check
def prepared_by_several():
    conns = [connect(autocommit=True) for _ in range(4)]
    # psycopg numbers its statements: one name, another text at each client.
    for n in range(10):
        for number, each in enumerate(conns):
            ask = lambda: each.execute(f"SELECT {number} * 1000 + %s", (n,), prepare=True).fetchone()
            with each.transaction():
                assert ask() == (number * 1000 + n,)
            assert ask() == (number * 1000 + n,)
    conns[0].execute("DEALLOCATE ALL")
    assert conns[1].execute("SELECT 1000 + %s", (5,), prepare=True).fetchone() == (1005,)
    for each in conns:
        each.close()


@check
def values():
    for text in TEXTS + [MEGABYTE, None]:
        assert conn.execute("SELECT %s::text", (text,)).fetchone() == (text,)
        if text is not None:
            literal = psycopg.sql.SQL("SELECT {}").format(text)
            assert conn.execute(literal).fetchone() == (text,)
    for binary in [False, True]:
        assert conn.execute("SELECT %s::bytea", (BYTES,), binary=binary).fetchone() == (BYTES,)
    conn.execute("CREATE TABLE IF NOT EXISTS py_large (t text, b bytea)")
    conn.execute("INSERT INTO py_large VALUES (%s, %s)", (MEGABYTE, BYTES))
    assert conn.execute("SELECT t, b FROM py_large").fetchone() == (MEGABYTE, BYTES)
    conn.execute("DROP TABLE py_large")


@check
def notified():
    with connect(autocommit=True) as listener, connect(autocommit=True) as other:
        listener.execute("LISTEN py_channel")
        for n in range(5):
            other.execute("SELECT pg_notify('py_channel', %s)", (f"é{n}",))
            notes = listener.notifies()
            assert next(notes).payload == f"é{n}"
            notes.close()


@check
def pipeline():
    with conn.pipeline():
        cur = [conn.execute("SELECT %s::int", (n,)) for n in range(50)]
        conn.execute("INSERT INTO py VALUES (2000, 'p')")
        seen = conn.execute("SELECT count(*) FROM py WHERE id = 2000")
    assert [c.fetchone()[0] for c in cur] == list(range(50))
    assert seen.fetchone() == (1,)
    try:
        with conn.pipeline():
            conn.execute("SELECT 1/0")
            conn.execute("INSERT INTO py VALUES (2001, 'p')")
    except errors.DivisionByZero:
        pass
    assert conn.execute("SELECT count(*) FROM py WHERE id = 2001").fetchone() == (0,)
    assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@check
def pipeline_with_syncs():
    with conn.pipeline() as p:
        for n in range(20):
            conn.execute("INSERT INTO py VALUES (%s, 's')", (3000 + n,))
            p.sync()
        count = conn.execute("SELECT count(*) FROM py WHERE id >= 3000 AND id < 3020")
    assert count.fetchone() == (20,)


@check
def executemany():
    with conn.cursor() as cur:
        cur.executemany("INSERT INTO py VALUES (%s, %s)", [(4000 + n, "m") for n in range(500)])
        cur.execute("SELECT count(*) FROM py WHERE name = 'm'")
        assert cur.fetchone() == (500,)


@check
def copy():
    with conn.cursor() as cur:
        with cur.copy("COPY py (id, name) FROM STDIN") as copy:
            for n in range(5000):
                copy.write_row((10000 + n, "c"))
        cur.execute("SELECT count(*) FROM py WHERE name = 'c'")
        assert cur.fetchone() == (5000,)
        with cur.copy("COPY (SELECT id FROM py WHERE name = 'c' ORDER BY id) TO STDOUT") as copy:
            assert [int(r[0]) for r in copy.rows()] == list(range(10000, 15000))
        try:
            with cur.copy("COPY py (id, name) FROM STDIN") as copy:
                copy.write_row((20000, "d"))
                raise KeyError
        except (KeyError, errors.QueryCanceled):
            pass
        cur.execute("SELECT count(*) FROM py WHERE name = 'd'")
        assert cur.fetchone() == (0,)
        for bad, kind in [("nonsense\n", errors.InvalidTextRepresentation),
                          ("20001\td\n0\td\n", errors.UniqueViolation)]:
            try:
                with cur.copy("COPY py (id, name) FROM STDIN") as copy:
                    copy.write(bad)
                assert False, bad
            except kind:
                pass
        cur.execute("SELECT count(*) FROM py WHERE name = 'd'")
        assert cur.fetchone() == (0,)


@check
def binary_copy_and_values():
    with conn.cursor(binary=True) as cur:
        cur.execute("SELECT 1::int8, 1.5::float8, 'x'::text, '\\x00ff'::bytea, now(), '{1,2}'::int[]")
        row = cur.fetchone()
        assert row[:4] == (1, 1.5, "x", b"\x00\xff") and row[5] == [1, 2], row


@check
def server_side_cursor():
    with connect() as other:
        with other.cursor("named") as cur:
            cur.itersize = 100
            cur.execute("SELECT generate_series(1, 1000)")
            assert sum(r[0] for r in cur) == 500500


@check
def hold_cursor():
    # On its own connection: it may keep a server connection for itself.
    with connect(autocommit=True) as other:
        with other.cursor("held", withhold=True) as cur:
            cur.execute("SELECT generate_series(1, 100)")
            assert len(cur.fetchmany(10)) == 10
            assert other.execute("SELECT 1").fetchone() == (1,)
            assert len(cur.fetchall()) == 90


@check
def stream_single_rows():
    with conn.cursor() as cur:
        assert sum(r[0] for r in cur.stream("SELECT generate_series(1, 1000)")) == 500500


@check
def cancel():
    done = []
    timer = threading.Timer(0.5, conn.cancel)
    begin = time.monotonic()
    timer.start()
    try:
        conn.execute("SELECT pg_sleep(20)")
    except errors.QueryCanceled:
        done.append(1)
    timer.join()
    assert done and time.monotonic() - begin < 5
    assert conn.execute("SELECT 1").fetchone() == (1,)


@check
def notices():
    seen = []
    conn.add_notice_handler(lambda d: seen.append((d.severity, d.message_primary)))
    conn.execute("DO $$ BEGIN RAISE NOTICE 'hi'; END $$")
    assert seen == [("NOTICE", "hi")], seen


@check
def parameters():
    assert conn.info.server_version >= 130000
    assert conn.info.encoding == "utf-8"
    with connect(client_encoding="latin1", options="-c timezone=Asia/Tokyo -c statement_timeout=7s", application_name="py") as other:
        assert other.info.encoding == "iso8859-1"
        assert other.execute("SELECT 'é'").fetchone() == ("é",)
        assert other.info.timezone.key == "Asia/Tokyo"
        assert other.execute("SHOW statement_timeout").fetchone() == ("7s",)
        assert other.execute("SHOW application_name").fetchone() == ("py",)


@check
def dict_rows_and_server_binding():
    with conn.cursor(row_factory=dict_row) as cur:
        assert cur.execute("SELECT 1 AS a, 'b' AS b").fetchone() == {"a": 1, "b": "b"}
    with psycopg.ClientCursor(conn) as cur:
        assert cur.execute("SELECT %s, %s", (1, "it's")).fetchone() == (1, "it's")


@check
def after_ddl():
    conn.execute("DROP TABLE IF EXISTS py2")
    conn.execute("CREATE TABLE py2 (a int)")
    conn.execute("INSERT INTO py2 VALUES (1)")
    for _ in range(10):
        assert conn.execute("SELECT a FROM py2").fetchone() == (1,)
    conn.execute("ALTER TABLE py2 ADD b int DEFAULT 2")
    for _ in range(10):
        assert conn.execute("SELECT a FROM py2").fetchone() == (1,)
    assert conn.execute("SELECT * FROM py2").fetchone() == (1, 2)


@check
def two_phase():
    with connect() as other:
        xid = other.xid(1, "py%d" % other.info.backend_pid, "b")
        other.tpc_begin(xid)
        other.execute("INSERT INTO py VALUES (5000, 't')")
        other.tpc_prepare()
        other.tpc_commit()
        assert other.execute("SELECT count(*) FROM py WHERE id = 5000").fetchone() == (1,)


@check
def threads():
    wrong = []
    def work(t):
        with connect(autocommit=True) as c:
            for n in range(40):
                c.execute("INSERT INTO py VALUES (%s, 'th')", (100000 + t * 1000 + n,))
                if c.execute("SELECT count(*) FROM py WHERE id = %s", (100000 + t * 1000 + n,)).fetchone() != (1,):
                    wrong.append((t, n))
    threads = [threading.Thread(target=work, args=(t,)) for t in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong

conn.close()
end()
