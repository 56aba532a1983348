"""SQLAlchemy, over psycopg2 (libpq, simple protocol) and over asyncpg, and psycopg2's own."""

import asyncio
import datetime
import decimal
import io
import os
import select
import ssl
import threading
import time

# The same code is written for version 1.4, which Debian has, and for 2.0.
os.environ["SQLALCHEMY_SILENCE_UBER_WARNING"] = "1"

import psycopg2
import sqlalchemy as sa
from psycopg2 import errors, extensions
from sqlalchemy import exc, orm
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from harness import AUTHORITY, BYTES, MEGABYTE, STRANGER, TEXTS, check, end, raises, url

TLS = {"sslmode": "verify-full", "sslrootcert": AUTHORITY} if AUTHORITY else {"sslmode": "disable"}


def engine(dsn=url(scheme="postgresql+psycopg2"), connect=None, **more):
    options = {"connect_timeout": 10, **TLS, **(connect or {})}
    return sa.create_engine(dsn, connect_args=options, future=True, **more)


def async_engine():
    context = ssl.create_default_context(cafile=AUTHORITY) if AUTHORITY else False
    dsn = url(scheme="postgresql+asyncpg")
    return create_async_engine(dsn, connect_args={"ssl": context}, pool_size=2)


Base = orm.declarative_base()


class Author(Base):
    __tablename__ = "sa_author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text, unique=True, nullable=False)
    at = sa.Column(sa.DateTime(timezone=True), server_default=sa.func.now())
    books = orm.relationship("Book", back_populates="author", order_by="Book.id")


class Book(Base):
    __tablename__ = "sa_book"
    id = sa.Column(sa.Integer, primary_key=True)
    author_id = sa.Column(sa.ForeignKey("sa_author.id"), nullable=False)
    title = sa.Column(sa.Text)
    price = sa.Column(sa.Numeric(12, 4))
    cover = sa.Column(sa.LargeBinary)
    extra = sa.Column(postgresql.JSONB)
    tags = sa.Column(postgresql.ARRAY(sa.Text))
    author = orm.relationship(Author, back_populates="books")


main = engine(pool_size=2)
Base.metadata.drop_all(main)
Base.metadata.create_all(main)


@check
def refused():
    wrong = url(password="wrong", scheme="postgresql+psycopg2")
    assert "password authentication failed" in str(raises(exc.OperationalError, engine(wrong).connect))
    nowhere = url(database="nowhere", scheme="postgresql+psycopg2")
    assert 'database "nowhere"' in str(raises(exc.OperationalError, engine(nowhere).connect))


@check
def encrypted():
    if not AUTHORITY:
        return
    with main.connect() as conn:
        assert conn.connection.dbapi_connection.info.ssl_in_use
    stranger = engine(connect={"sslrootcert": STRANGER})
    assert "certificate verify failed" in str(raises(exc.OperationalError, stranger.connect))


@check
def own_writes():
    for n in range(50):
        with orm.Session(main) as session:
            session.add(Author(name=f"n{n}"))
            session.commit()
            # The commit has expired the object; another transaction reads.
            found = session.execute(sa.select(Author).filter_by(name=f"n{n}")).scalar_one()
            assert found.name == f"n{n}" and found.at is not None
    # Without transactions of the client's, so that replicas read.
    with engine(isolation_level="AUTOCOMMIT").connect() as conn:
        for n in range(50):
            conn.execute(sa.insert(Author).values(name=f"auto{n}"))
            found = conn.execute(sa.select(Author.name).where(Author.name == f"auto{n}"))
            assert found.scalar() == f"auto{n}"


@check
def objects():
    with orm.Session(main) as session:
        author = Author(name="with books")
        author.books = [Book(title=f"b{n}", price=decimal.Decimal("1.5")) for n in range(20)]
        session.add(author)
        session.commit()
        query = sa.select(Author).options(orm.selectinload(Author.books)).filter_by(name=author.name)
        assert [b.title for b in session.execute(query).scalar_one().books] == [
            f"b{n}" for n in range(20)
        ]
        session.execute(sa.update(Book).where(Book.author_id == author.id).values(title="same"))
        session.commit()
        assert session.query(Book).filter_by(title="same").count() == 20
        locked = sa.select(Author).filter_by(id=author.id).with_for_update()
        session.execute(locked).scalar_one().name = "renamed"
        session.commit()
        assert session.get(Author, author.id).name == "renamed"
        for book in list(author.books):
            session.delete(book)
        session.delete(author)
        session.commit()
        assert session.query(Book).count() == 0


@check
def transactions():
    count = sa.select(sa.func.count()).select_from(Author).where(Author.name.like("t%"))
    with orm.Session(main) as session:
        session.add(Author(name="t1"))
        session.flush()
        error = None
        try:
            with session.begin_nested():
                session.add(Author(name="t1"))
        except exc.IntegrityError as caught:
            error = caught
        assert error.orig.pgcode == "23505"
        assert error.orig.diag.constraint_name == "sa_author_name_key"
        assert error.orig.diag.message_detail == "Key (name)=(t1) already exists."
        session.add(Author(name="t2"))
        session.commit()
        assert session.execute(count).scalar() == 2
        session.add(Author(name="t3"))
        session.rollback()
        assert session.execute(count).scalar() == 2
    for level in ["SERIALIZABLE", "REPEATABLE READ", "READ COMMITTED"]:
        with main.connect().execution_options(isolation_level=level) as conn:
            assert conn.execute(sa.text("SHOW transaction_isolation")).scalar() == level.lower()
            assert conn.execute(count).scalar() == 2
    with main.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.insert(Author).values(name="t4"))
    with main.connect().execution_options(postgresql_readonly=True) as conn:
        assert conn.execute(count).scalar() == 3
        error = raises(exc.InternalError, conn.execute, sa.delete(Book))
        assert error.orig.pgcode == "25006"
    # The options end with their connection: the pool gives the same one again.
    with main.begin() as conn:
        assert conn.execute(sa.text("SHOW transaction_isolation")).scalar() == "read committed"
        conn.execute(sa.delete(Author).where(Author.name.like("t%")))
    two_phase = orm.sessionmaker(main, twophase=True)
    with two_phase() as session:
        session.add(Author(name="two phases"))
        session.prepare()
        session.commit()
        assert session.query(Author).filter_by(name="two phases").count() == 1


@check
def batches():
    rows = [{"id": 1000 + n, "name": f"m{n}"} for n in range(500)]
    with main.begin() as conn:
        conn.execute(sa.insert(Author), rows)
    with main.connect() as conn:
        found = conn.execute(sa.select(Author.id).where(Author.id >= 1000)).scalars().all()
    assert sorted(found) == [row["id"] for row in rows]
    with main.begin() as conn:
        added = sa.insert(Author).values([{"name": f"r{n}"} for n in range(3)])
        assert len(conn.execute(added.returning(Author.id)).all()) == 3


@check
def values():
    cases = [{"title": text} for text in TEXTS + [MEGABYTE, None]]
    cases += [
        {"price": decimal.Decimal("12345678.0123")},
        {"cover": BYTES},
        {"extra": {"a": [1, None, "é"]}},
        {"tags": ["a,b", 'c"d', "é", "NULL"]},
    ]
    with orm.Session(main) as session:
        author = Author(name="values", at=datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc))
        session.add(author)
        session.commit()
        assert author.at.timestamp() == 1709164800
        for case in cases:
            book = Book(author=author, **case)
            session.add(book)
            session.commit()
            session.expire_all()
            (name, value), = case.items()
            got = getattr(session.get(Book, book.id), name)
            assert got == value, (name, str(got)[:80])


@check
def reflected():
    inspector = sa.inspect(main)
    assert {"sa_author", "sa_book"} <= set(inspector.get_table_names())
    assert inspector.get_foreign_keys("sa_book")[0]["referred_table"] == "sa_author"
    table = sa.Table("sa_book", sa.MetaData(), autoload_with=main)
    assert isinstance(table.c.extra.type, postgresql.JSONB)


@check
def streamed():
    with main.connect().execution_options(stream_results=True, max_row_buffer=70) as conn:
        rows = conn.execute(sa.text("SELECT generate_series(1, 1000)"))
        assert rows.fetchmany(3) == [(1,), (2,), (3,)]
        assert len(rows.fetchall()) == 997
        rows = conn.execute(sa.text("SELECT generate_series(1, 1000)"))
        assert sum(row[0] for row in rows.yield_per(100)) == 500500


@check
def pooled():
    shared = engine(pool_size=3, max_overflow=2, pool_pre_ping=True)
    wrong = []

    def work(number):
        for n in range(20):
            with orm.Session(shared) as session:
                name = f"p{number}-{n}"
                session.add(Author(name=name))
                session.commit()
                if session.query(Author).filter_by(name=name).count() != 1:
                    wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.dispose()
    with main.connect() as conn:
        count = sa.select(sa.func.count()).select_from(Author).where(Author.name.like("p%-%"))
        assert not wrong and conn.execute(count).scalar() == 80, wrong


@check
def asynchronous():
    async def work():
        async_main = async_engine()
        for n in range(20):
            async with AsyncSession(async_main) as session:
                session.add(Author(name=f"async{n}"))
                await session.commit()
                query = sa.select(Author).filter_by(name=f"async{n}")
                assert (await session.execute(query)).scalar_one().name == f"async{n}"
        async with AsyncSession(async_main) as session:
            session.add(Author(name="async1"))
            try:
                await session.commit()
                raise AssertionError("no error")
            except exc.IntegrityError as error:
                assert error.orig.sqlstate == "23505"
                await session.rollback()
            rows = await session.stream(sa.text("SELECT generate_series(1, 1000)"))
            assert len([row async for row in rows]) == 1000
        isolated = async_main.execution_options(isolation_level="SERIALIZABLE")
        async with isolated.connect() as conn:
            shown = await conn.execute(sa.text("SHOW transaction_isolation"))
            assert shown.scalar() == "serializable"
        await async_main.dispose()

    asyncio.run(work())


@check
def psycopg2_copies():
    conn = main.raw_connection()
    with conn.cursor() as cur:
        lines = "".join(f"{10_000 + n}\tc{n}\n" for n in range(5000))
        cur.copy_expert("COPY sa_author (id, name) FROM STDIN", io.StringIO(lines))
        conn.commit()
        out = io.StringIO()
        cur.copy_expert(
            "COPY (SELECT id, name FROM sa_author WHERE id >= 10000 ORDER BY id) TO STDOUT", out
        )
        assert out.getvalue() == lines
        bad = io.StringIO("nonsense\n")
        copy = "COPY sa_author (id, name) FROM STDIN"
        raises(errors.InvalidTextRepresentation, cur.copy_expert, copy, bad)
        conn.rollback()
        raises(errors.UniqueViolation, cur.copy_expert, copy, io.StringIO("10000\tagain\n"))
        conn.rollback()
        cur.execute("SELECT count(*) FROM sa_author WHERE id >= 10000")
        assert cur.fetchone() == (5000,)
    conn.close()


@check
def psycopg2_cancels():
    conn = main.raw_connection()
    with conn.cursor() as cur:
        begin = time.monotonic()
        timer = threading.Timer(0.3, conn.cancel)
        timer.start()
        raises(errors.QueryCanceled, cur.execute, "SELECT pg_sleep(20)")
        timer.join()
        assert time.monotonic() - begin < 5
        conn.rollback()
        cur.execute("SELECT 1")
        assert cur.fetchone() == (1,)
        error = raises(errors.SyntaxError, cur.execute, "SELECT 1 FRM sa_author")
        assert error.diag.statement_position == "14"
        conn.rollback()
    conn.close()


@check
def psycopg2_listens():
    listener, other = [psycopg2.connect(url(), **TLS) for _ in range(2)]
    for conn in (listener, other):
        conn.set_isolation_level(extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    listener.cursor().execute("LISTEN sa_channel")
    for n in range(5):
        other.cursor().execute("SELECT pg_notify('sa_channel', %s)", (f"é{n}",))
        assert select.select([listener], [], [], 5)[0]
        listener.poll()
        assert listener.notifies.pop(0).payload == f"é{n}"
    listener.close()
    other.close()


@check
def psycopg2_prepares():
    conns = [psycopg2.connect(url(), **TLS) for _ in range(3)]
    # By SQL, which keeps each client's server connection until DEALLOCATE.
    for number, conn in enumerate(conns):
        with conn, conn.cursor() as cur:
            cur.execute(f"PREPARE ask (int) AS SELECT {number} * 1000 + $1")
            for n in range(5):
                cur.execute("EXECUTE ask (%s)", (n,))
                assert cur.fetchone() == (number * 1000 + n,)
            cur.execute("DEALLOCATE ask")
            raises(errors.InvalidSqlStatementName, cur.execute, "EXECUTE ask (1)")
        conn.close()


main.dispose()
end()
