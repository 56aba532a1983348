"""asyncpg: its own implementation of the protocol, everything prepared, all of it binary."""

import asyncio
import datetime
import decimal
import io
import ipaddress
import ssl
import time
import uuid

import asyncpg

from harness import AUTHORITY, BYTES, MEGABYTE, STRANGER, TEXTS, URL, check, end, url


def tls(authority=AUTHORITY):
    return ssl.create_default_context(cafile=authority) if authority else False


async def connect(dsn=URL, **more):
    return await asyncpg.connect(dsn, **{"ssl": tls(), "timeout": 10, **more})


async def raises(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"no {kind}")


async def prepare():
    conn = await connect()
    await conn.execute(
        """
        DROP TABLE IF EXISTS ap, ap_item;
        DROP TYPE IF EXISTS ap_pair, ap_mood;
        CREATE TABLE ap (id int PRIMARY KEY, name text, at timestamptz DEFAULT now());
        CREATE TABLE ap_item (id int PRIMARY KEY, ap int NOT NULL REFERENCES ap (id),
                              amount int CONSTRAINT positive CHECK (amount > 0));
        CREATE TYPE ap_pair AS (a int, b text);
        CREATE TYPE ap_mood AS ENUM ('sad', 'happy');
        """
    )
    await conn.close()


asyncio.run(prepare())


@check
async def refused():
    error = await raises(asyncpg.InvalidPasswordError, connect(url(password="wrong")))
    assert "password authentication failed" in str(error), error
    error = await raises(asyncpg.InvalidCatalogNameError, connect(url(database="nowhere")))
    assert "nowhere" in str(error), error


@check
async def encrypted():
    if not AUTHORITY:
        return
    conn = await connect()
    assert conn._transport.get_extra_info("ssl_object").version().startswith("TLSv1.")
    await conn.close()
    await raises(ssl.SSLCertVerificationError, connect(ssl=tls(STRANGER)))


@check
async def own_writes():
    conn = await connect()
    for n in range(50):
        await conn.execute("INSERT INTO ap VALUES ($1, $2)", n, f"n{n}")
        assert await conn.fetchval("SELECT name FROM ap WHERE id = $1", n) == f"n{n}"
    await conn.close()


@check
async def prepared():
    conns = [await connect() for _ in range(4)]
    # asyncpg numbers its statements: one name, another text at each client.
    texts = [f"SELECT {number} * 1000 + $1::int" for number in range(4)]
    statements = []
    for conn, text in zip(conns, texts):
        # asyncpg prepares with a Flush and no Sync, so until it is used the client
        # is in the middle of its exchange and keeps its server connection.
        statements.append(await conn.prepare(text))
        await statements[-1].fetchval(0)
    for n in range(10):
        for number, (conn, statement) in enumerate(zip(conns, statements)):
            async with conn.transaction(readonly=n % 2 == 0):
                assert await statement.fetchval(n) == number * 1000 + n
            assert await statement.fetchval(n) == number * 1000 + n
    assert statements[0].get_parameters()[0].name == "int4"
    assert statements[0].get_attributes()[0].type.name == "int4"
    assert "Result" in str(await statements[0].explain(1))
    # More than its cache of 100 and than what a server connection keeps.
    for n in range(250):
        assert await conns[0].fetchval(f"SELECT {n} + $1::int", 1) == n + 1
    await conns[0].execute("DEALLOCATE ALL")
    assert await conns[1].fetchval(texts[1], 5) == 1005
    await conns[1].execute("DISCARD ALL")
    assert await statements[2].fetchval(3) == 2003
    for conn in conns:
        await conn.close()


@check
async def replanned():
    conn = await connect()
    await conn.execute("DROP TABLE IF EXISTS ap_ddl; CREATE TABLE ap_ddl (a int)")
    await conn.execute("INSERT INTO ap_ddl VALUES (1)")
    assert dict(await conn.fetchrow("SELECT * FROM ap_ddl")) == {"a": 1}
    await conn.execute("ALTER TABLE ap_ddl ADD b text DEFAULT 'x'")
    # asyncpg prepares anew by itself when told that the plan's result has changed.
    assert dict(await conn.fetchrow("SELECT * FROM ap_ddl")) == {"a": 1, "b": "x"}
    await conn.close()


@check
async def transactions():
    conn = await connect()
    count = "SELECT count(*) FROM ap WHERE id BETWEEN 1000 AND 1999"
    async with conn.transaction():
        await conn.execute("INSERT INTO ap VALUES (1000, 'a')")
        assert await conn.fetchval(count) == 1
        async with conn.transaction():
            await conn.execute("INSERT INTO ap VALUES (1001, 'a')")
        nested = conn.transaction()
        await nested.start()
        await raises(
            asyncpg.UniqueViolationError, conn.execute("INSERT INTO ap VALUES (1000, 'b')")
        )
        await raises(asyncpg.InFailedSQLTransactionError, conn.fetchval(count))
        await nested.rollback()
        assert await conn.fetchval(count) == 2
    assert await conn.fetchval(count) == 2
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("INSERT INTO ap VALUES (1002, 'a')")
    await transaction.rollback()
    assert await conn.fetchval(count) == 2
    for isolation in ["serializable", "repeatable_read", "read_committed"]:
        async with conn.transaction(isolation=isolation):
            shown = await conn.fetchval("SHOW transaction_isolation")
            assert shown == isolation.replace("_", " "), shown
            assert await conn.fetchval(count) == 2
    async with conn.transaction(isolation="serializable", readonly=True, deferrable=True):
        assert await conn.fetchval(count) == 2
    transaction = conn.transaction(readonly=True)
    await transaction.start()
    await raises(asyncpg.ReadOnlySQLTransactionError, conn.execute("DELETE FROM ap"))
    await transaction.rollback()
    assert not conn.is_in_transaction()
    await conn.close()


@check
async def copied():
    conn = await connect()
    records = [(10_000 + n, f"c{n}\t\\") for n in range(5000)]
    tag = await conn.copy_records_to_table("ap", records=records, columns=["id", "name"])
    assert tag == "COPY 5000", tag
    assert await conn.fetchval("SELECT count(*) FROM ap WHERE id >= 10000") == 5000
    out = io.BytesIO()
    query = "SELECT id FROM ap WHERE id >= $1 ORDER BY id"
    assert await conn.copy_from_query(query, 10_000, output=out) == "COPY 5000"
    assert out.getvalue().split() == [str(n).encode() for n, _ in records]
    out = io.BytesIO()
    await conn.copy_from_table("ap", output=out, format="csv", columns=["id"])
    assert out.getvalue().count(b"\n") == await conn.fetchval("SELECT count(*) FROM ap")
    for bad, kind in [
        (b"nonsense\n", asyncpg.InvalidTextRepresentationError),
        (b"20000\n1000\n", asyncpg.UniqueViolationError),
    ]:
        await raises(kind, conn.copy_to_table("ap", source=io.BytesIO(bad), columns=["id"]))
        assert await conn.fetchval("SELECT count(*) FROM ap WHERE id = 20000") == 0

    async def broken():
        yield b"20001\n"
        raise KeyError

    await raises(
        (KeyError, asyncpg.QueryCanceledError),
        conn.copy_to_table("ap", source=broken(), columns=["id"]),
    )
    assert await conn.fetchval("SELECT count(*) FROM ap WHERE id = 20001") == 0
    await raises(asyncpg.UndefinedTableError, conn.copy_from_table("nothing", output=out))
    await conn.execute("DELETE FROM ap WHERE id >= 10000")
    await conn.close()


@check
async def cancelled():
    conn = await connect()
    for transaction in [False, True]:
        begin = time.monotonic()
        if transaction:
            await conn.execute("BEGIN")
        sleep = conn.fetch("SELECT pg_sleep(20)")
        await raises(asyncio.TimeoutError, asyncio.wait_for(sleep, 0.3))
        if transaction:
            await raises(asyncpg.InFailedSQLTransactionError, conn.fetchval("SELECT 1"))
            await conn.execute("ROLLBACK")
        assert time.monotonic() - begin < 5
        assert await conn.fetchval("SELECT 1") == 1
    # asyncpg's own time limit, by the same means.
    await raises(asyncio.TimeoutError, conn.fetch("SELECT pg_sleep(20)", timeout=0.2))
    assert await conn.fetchval("SELECT 2") == 2
    await conn.close()


@check
async def errors():
    conn = await connect()
    error = await raises(
        asyncpg.UniqueViolationError, conn.execute("INSERT INTO ap VALUES (0, 'again')")
    )
    assert error.sqlstate == "23505" and error.severity == "ERROR"
    assert (error.schema_name, error.table_name) == ("public", "ap")
    assert error.constraint_name == "ap_pkey"
    assert error.detail == "Key (id)=(0) already exists.", error.detail
    error = await raises(
        asyncpg.CheckViolationError, conn.execute("INSERT INTO ap_item VALUES (1, 0, -1)")
    )
    assert error.constraint_name == "positive"
    error = await raises(
        asyncpg.ForeignKeyViolationError, conn.execute("INSERT INTO ap_item VALUES (1, -7, 1)")
    )
    assert "(ap)=(-7)" in error.detail
    error = await raises(
        asyncpg.NotNullViolationError, conn.execute("INSERT INTO ap_item VALUES (1, NULL)")
    )
    assert error.column_name == "ap"
    error = await raises(asyncpg.PostgresSyntaxError, conn.fetch("SELECT 1 FRM ap"))
    assert error.position == "14", error.position
    error = await raises(asyncpg.UndefinedColumnError, conn.fetch("SELECT nam FROM ap"))
    assert error.position == "8" and "ap.name" in error.hint, error.as_dict()
    await raises(asyncpg.DivisionByZeroError, conn.fetch("SELECT 1 / $1::int", 0))
    await raises(asyncpg.DataError, conn.fetch("SELECT $1::int", "x"))
    assert await conn.fetchval("SELECT 1") == 1
    await conn.close()


@check
async def batches():
    conn = await connect()
    rows = [(2000 + n, f"m{n}") for n in range(500)]
    await conn.executemany("INSERT INTO ap VALUES ($1, $2)", rows)
    assert await conn.fetchval("SELECT count(*) FROM ap WHERE id BETWEEN 2000 AND 2999") == 500
    # All or nothing, as with one Sync for all.
    again = [(2500 + n, "x") for n in range(100)] + [(2000, "again")]
    await raises(
        asyncpg.UniqueViolationError, conn.executemany("INSERT INTO ap VALUES ($1, $2)", again)
    )
    assert await conn.fetchval("SELECT count(*) FROM ap WHERE id BETWEEN 2000 AND 2999") == 500
    await conn.execute("DELETE FROM ap WHERE id >= 2000")
    await conn.close()


@check
async def values():
    conn = await connect()
    for text in TEXTS:
        assert await conn.fetchval("SELECT $1::text", text) == text
    assert await conn.fetchval("SELECT $1::text", MEGABYTE) == MEGABYTE
    assert await conn.fetchval("SELECT $1::bytea", BYTES) == BYTES
    given = [
        ("int8", 2**63 - 1),
        ("float8", 0.1),
        ("numeric", decimal.Decimal("1234567890.0123456789")),
        ("bool", True),
        ("timestamptz", datetime.datetime(2024, 2, 29, 12, 0, tzinfo=datetime.timezone.utc)),
        ("date", datetime.date(2024, 2, 29)),
        ("interval", datetime.timedelta(days=3, seconds=5)),
        ("uuid", uuid.UUID(int=1 << 100)),
        ("jsonb", '{"a": [1, null]}'),
        ("inet", ipaddress.ip_address("::1")),
        ("int[]", [[1, None], [3, 4]]),
        ("int4range", asyncpg.Range(1, 5)),
        ("ap_pair", (1, "b")),
        ("ap_mood", "happy"),
        ("ap_pair[]", [(1, "b"), None]),
        ("text", None),
    ]
    for name, value in given:
        got = await conn.fetchval(f"SELECT $1::{name}", value)
        assert got == value, (name, value, got)
    await conn.execute("CREATE TABLE IF NOT EXISTS ap_large (t text, b bytea)")
    await conn.execute("INSERT INTO ap_large VALUES ($1, $2)", MEGABYTE, BYTES)
    row = await conn.fetchrow("SELECT t, b FROM ap_large")
    assert row["t"] == MEGABYTE and row["b"] == BYTES
    await conn.execute("DROP TABLE ap_large")
    await conn.close()


@check
async def notified():
    listener, other = await connect(), await connect()
    heard = asyncio.Queue()
    told = lambda conn, pid, channel, payload: heard.put_nowait((channel, payload))
    await listener.add_listener("ap_channel", told)
    for n in range(5):
        await other.execute("SELECT pg_notify('ap_channel', $1)", f"é{n}")
        assert await asyncio.wait_for(heard.get(), 5) == ("ap_channel", f"é{n}")
    await listener.remove_listener("ap_channel", told)
    await other.execute("NOTIFY ap_channel, 'unheard'")
    assert await listener.fetchval("SELECT 1") == 1
    assert heard.empty()
    await listener.close()
    await other.close()


@check
async def cursors():
    conn = await connect()
    async with conn.transaction():
        seen = [r[0] async for r in conn.cursor("SELECT generate_series(1, 1000)", prefetch=70)]
        assert seen == list(range(1, 1001))
        cursor = await conn.cursor("SELECT generate_series(1, 100)")
        assert [r[0] for r in await cursor.fetch(3)] == [1, 2, 3]
        await conn.execute("INSERT INTO ap VALUES (3000, 'between')")
        await cursor.forward(10)
        assert (await cursor.fetchrow())[0] == 14
    async with conn.transaction(readonly=True):
        cursor = await conn.cursor("SELECT generate_series(1, 100)")
        assert len(await cursor.fetch(30)) == 30
        assert await conn.fetchval("SELECT 1") == 1
        assert len(await cursor.fetch(1000)) == 70
    await conn.close()


@check
async def pooled():
    async def setting(conn):
        return await conn.fetchval("SHOW statement_timeout")

    # Whoever gives a connection back has it reset: settings, locks, cursors, LISTEN.
    options = {"ssl": tls(), "min_size": 2, "max_size": 3}
    async with asyncpg.create_pool(URL, **options) as pool:

        async def work(n):
            async with pool.acquire() as conn:
                assert await setting(conn) == "0"
                await conn.execute("SET statement_timeout = '7s'")
                await conn.execute("INSERT INTO ap VALUES ($1, 'p')", 4000 + n)
                row = await conn.fetchval("SELECT name FROM ap WHERE id = $1", 4000 + n)
                assert row == "p"
                assert await setting(conn) == "7s"

        await asyncio.gather(*(work(n) for n in range(40)))


@check
async def parameters():
    settings = {"application_name": "ap", "timezone": "Asia/Tokyo", "statement_timeout": "9s"}
    conn = await connect(server_settings=settings)
    assert conn.get_server_version().major >= 13
    for name in ["TimeZone", "application_name"]:
        assert getattr(conn.get_settings(), name, None) in ("Asia/Tokyo", "ap"), name
    assert await conn.fetchval("SHOW statement_timeout") == "9s"
    assert await conn.fetchval("SHOW timezone") == "Asia/Tokyo"
    notices = []
    conn.add_log_listener(lambda conn, message: notices.append(message.message))
    await conn.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    assert await conn.fetchval("SELECT 1") == 1
    assert notices == ["hello"], notices
    await conn.close()


end()
