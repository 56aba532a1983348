"""Django, over psycopg2: migrations, the ORM, transactions, many threads."""

import datetime
import decimal
import threading

import django
from django.conf import settings

from harness import (
    AUTHORITY, BYTES, DATABASE, HOST, MEGABYTE, PASSWORD, PORT, STRANGER, TEXTS, USER,
    check, end, raises,
)

TLS = {"sslmode": "verify-full", "sslrootcert": AUTHORITY} if AUTHORITY else {"sslmode": "disable"}


def database(options=None, **more):
    login = {"NAME": DATABASE, "USER": USER, "PASSWORD": PASSWORD, "HOST": HOST, "PORT": PORT}
    options = {"connect_timeout": 10, **TLS, **(options or {})}
    engine = "django.db.backends.postgresql"
    return {"ENGINE": engine, **login, "OPTIONS": options, "CONN_MAX_AGE": None, **more}


settings.configure(
    DATABASES={
        "default": database(),
        "wrong": database(PASSWORD="wrong"),
        "nowhere": database(NAME="nowhere"),
        "stranger": database({"sslrootcert": STRANGER} if STRANGER else None),
        "serializable": database({"isolation_level": 3}),
        "atomic": database(ATOMIC_REQUESTS=True, AUTOCOMMIT=False),
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SECRET_KEY="of no use",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import (
    DataError, IntegrityError, OperationalError, ProgrammingError, connection, connections,
    models, transaction,
)


class Author(models.Model):
    name = models.TextField(unique=True, null=True)
    at = models.DateTimeField(null=True)

    class Meta:
        app_label = "dj"


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    title = models.TextField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    cover = models.BinaryField(null=True)
    extra = models.JSONField(null=True)
    kind = models.UUIDField(null=True)

    class Meta:
        app_label = "dj"
        constraints = [models.CheckConstraint(check=models.Q(price__gte=0), name="dj_positive")]


def drop_everything():
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if table.startswith(("dj_", "django_", "auth_")):
                cursor.execute(f'DROP TABLE "{table}" CASCADE')


drop_everything()


@check
def refused():
    error = raises(OperationalError, connections["wrong"].ensure_connection)
    assert "password authentication failed" in str(error)
    error = raises(OperationalError, connections["nowhere"].ensure_connection)
    assert 'database "nowhere"' in str(error)


@check
def encrypted():
    if not AUTHORITY:
        return
    connection.ensure_connection()
    assert connection.connection.info.ssl_in_use
    error = raises(OperationalError, connections["stranger"].ensure_connection)
    assert "certificate verify failed" in str(error)


@check
def migrated():
    call_command("migrate", verbosity=0)
    assert User.objects.count() == 0
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    # A second run reads what the first has written, and finds nothing to do.
    call_command("migrate", verbosity=0)
    # Forth and back, with the columns that come and go.
    call_command("migrate", "auth", "0008", verbosity=0)
    call_command("migrate", "auth", verbosity=0)


@check
def own_writes():
    for n in range(50):
        author = Author.objects.create(name=f"n{n}")
        assert Author.objects.get(pk=author.pk).name == f"n{n}"
        Author.objects.filter(pk=author.pk).update(name=f"m{n}")
        author.refresh_from_db()
        assert author.name == f"m{n}"


@check
def objects():
    author, made = Author.objects.get_or_create(name="with books")
    assert made and not Author.objects.get_or_create(name="with books")[1]
    Book.objects.bulk_create([Book(author=author, title=f"b{n}", price=n) for n in range(300)])
    assert author.book_set.count() == 300
    found = Book.objects.select_related("author").filter(title__in=["b1", "b2"]).order_by("pk")
    assert [(book.title, book.author.name) for book in found] == [
        ("b1", "with books"), ("b2", "with books"),
    ]
    assert author.book_set.aggregate(models.Sum("price"))["price__sum"] == 44850
    books = list(author.book_set.all())
    for book in books:
        book.title = "same"
    Book.objects.bulk_update(books, ["title"], batch_size=100)
    assert Book.objects.filter(title="same").count() == 300
    assert Author.objects.update_or_create(name="with books", defaults={"name": "renamed"})[1] is False
    assert Author.objects.prefetch_related("book_set").get(name="renamed").book_set.count() == 300
    with transaction.atomic():
        locked = Author.objects.select_for_update().get(name="renamed")
        # The models belong to no installed app, so Django does not cascade by itself.
        locked.book_set.all().delete()
        locked.delete()
    assert Book.objects.count() == 0


@check
def transactions():
    names = Author.objects.filter(name__startswith="t")
    with transaction.atomic():
        Author.objects.create(name="t1")
        assert names.count() == 1
        error = None
        try:
            with transaction.atomic():
                Author.objects.create(name="t1")
        except IntegrityError as caught:
            error = caught
        diagnosis = error.__cause__.diag
        assert diagnosis.constraint_name == "dj_author_name_key", diagnosis.constraint_name
        assert diagnosis.message_detail == "Key (name)=(t1) already exists."
        Author.objects.create(name="t2")
    assert names.count() == 2
    try:
        with transaction.atomic():
            names.delete()
            raise KeyError
    except KeyError:
        pass
    assert names.count() == 2
    done = []
    with transaction.atomic():
        # Another transaction, that sees what was committed and runs after it.
        transaction.on_commit(lambda: done.append(names.count()))
        Author.objects.create(name="t3")
    assert done == [3]
    strict = connections["serializable"]
    with transaction.atomic(using="serializable"), strict.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("serializable",)
        assert names.using("serializable").count() == 3
    names.using("atomic").delete()
    assert names.count() == 3
    connections["atomic"].rollback()
    names.using("atomic").delete()
    connections["atomic"].commit()
    # On the same connection: other connections do not share its floor.
    assert names.using("atomic").count() == 0
    connections["atomic"].commit()


@check
def errors():
    author = Author.objects.create(name="errors")
    error = raises(IntegrityError, Book.objects.create, author=author, price=-1)
    assert error.__cause__.diag.constraint_name == "dj_positive"
    with connection.cursor() as cursor:
        error = raises(ProgrammingError, cursor.execute, "SELECT 1 FRM dj_author")
        assert error.__cause__.diag.statement_position == "14"
        raises(DataError, cursor.execute, "SELECT 1/0")
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@check
def values():
    author = Author.objects.create(name="values")
    cases = [("title", text) for text in TEXTS + [MEGABYTE, None]]
    cases += [
        ("price", decimal.Decimal("12345678.0123")),
        ("extra", {"a": [1, None, "é"]}),
        ("cover", BYTES),
    ]
    for name, value in cases:
        book = Book.objects.create(author=author, **{name: value})
        got = getattr(Book.objects.get(pk=book.pk), name)
        if isinstance(got, memoryview):
            got = bytes(got)
        assert got == value, (name, str(got)[:80])
    time = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    Author.objects.filter(pk=author.pk).update(at=time)
    assert Author.objects.get(at=time).pk == author.pk
    assert Book.objects.filter(extra__a__0=1).count() == 1


@check
def iterated():
    author = Author.objects.create(name="iterated")
    Book.objects.bulk_create([Book(author=author, title=f"i{n}") for n in range(1000)])
    # By a server-side cursor: WITH HOLD outside of a transaction.
    for context in [transaction.atomic, lambda: threading.Lock()]:
        with context():
            seen = 0
            for book in author.book_set.order_by("pk").iterator(chunk_size=100):
                assert book.title == f"i{seen}"
                seen += 1
            assert seen == 1000
            # Given up half-way.
            next(author.book_set.iterator(chunk_size=10))
    assert author.book_set.count() == 1000


@check
def logged_in():
    user = User.objects.create_user("é user", "a@example.org", "secret")
    user.groups.add(Group.objects.create(name="readers"))
    assert User.objects.get(groups__name="readers").check_password("secret")
    store = SessionStore()
    store["cart"] = ["é", 1]
    store.create()
    assert SessionStore(store.session_key)["cart"] == ["é", 1]
    store.flush()
    assert not SessionStore().exists(store.session_key)


@check
def threaded():
    wrong = []

    def work(number):
        try:
            for n in range(20):
                name = f"th{number}-{n}"
                with transaction.atomic():
                    Author.objects.create(name=name)
                if not Author.objects.filter(name=name).exists():
                    wrong.append(name)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction.atomic():
        # Other connections' writes: a transaction that may write is on the primary.
        assert not wrong and Author.objects.filter(name__startswith="th").count() == 80, wrong


@check
def introspected():
    with connection.cursor() as cursor:
        tables = connection.introspection.get_table_list(cursor)
        assert {"dj_author", "dj_book"} <= {table.name for table in tables}
        constraints = connection.introspection.get_constraints(cursor, "dj_book")
        assert constraints["dj_positive"]["check"]


drop_everything()
connections.close_all()
end()
