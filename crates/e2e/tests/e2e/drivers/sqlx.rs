//! sqlx: everything prepared and cached by text, a pool with resets, nested transactions.

use std::time::Duration;

use futures_util::{TryStreamExt, future};
use sqlx::error::DatabaseError;
use sqlx::postgres::{
    PgConnectOptions, PgDatabaseError, PgErrorPosition, PgListener, PgPool, PgPoolOptions,
    PgSslMode,
};
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Row, query, query_as, query_scalar, raw_sql,
};

use super::rust::Place;
use crate::support::{Checks, within};

fn options(to: &Place) -> PgConnectOptions {
    let options: PgConnectOptions = to.url.parse().unwrap();
    match &to.trust {
        None => options.ssl_mode(PgSslMode::Disable),
        Some([authority, _]) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(authority),
    }
}

pub(super) async fn check(to: &Place, checks: &mut Checks) {
    let name = format!("sqlx, {}", to.name);
    let options = options(to);
    connect(&options).await.execute("TRUNCATE kv, copied").await.unwrap();
    one(checks, &name, "refused", Box::pin(refused(&options))).await;
    one(checks, &name, "own writes", Box::pin(own_writes(&options))).await;
    one(checks, &name, "prepared", Box::pin(prepared(&options))).await;
    one(checks, &name, "replanned", Box::pin(replanned(&options))).await;
    one(checks, &name, "transactions", Box::pin(transactions(&options))).await;
    one(checks, &name, "streams", Box::pin(streams(&options))).await;
    one(checks, &name, "copy", Box::pin(copy(&options))).await;
    one(checks, &name, "abandoned", Box::pin(abandoned(&options))).await;
    one(checks, &name, "values", Box::pin(values(&options))).await;
    one(checks, &name, "errors", Box::pin(errors(&options))).await;
    one(checks, &name, "pool", Box::pin(pooled(&options))).await;
    if let Some([_, stranger]) = &to.trust {
        let stranger = options.clone().ssl_root_cert(stranger);
        one(checks, &name, "mistrusted", async {
            let error = PgConnection::connect_with(&stranger).await.err().unwrap();
            assert!(matches!(error, sqlx::Error::Tls(_) | sqlx::Error::Io(_)), "{error:?}");
        })
        .await;
    }
}

/// What needs two server connections: one listens, one speaks.
pub(super) async fn check_wide(to: &Place, checks: &mut Checks) {
    let options = options(to);
    let check = Box::pin(notifications(&options));
    one(checks, to.name, "notifications", check).await;
}

/// One check, that ends also if the driver waits for ever.
async fn one(checks: &mut Checks, name: &str, what: &str, check: impl Future<Output = ()>) {
    checks.run(&format!("{name}: {what}"), within(what, check)).await;
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    within("connecting", PgConnection::connect_with(options)).await.unwrap()
}

fn told(error: &sqlx::Error) -> &PgDatabaseError {
    error.as_database_error().unwrap().downcast_ref()
}

async fn refused(options: &PgConnectOptions) {
    let nowhere = options.clone().database("nowhere");
    let error = PgConnection::connect_with(&nowhere).await.err().unwrap();
    assert_eq!(told(&error).code(), "3D000");
    assert!(told(&error).message().contains("nowhere"), "{error}");
}

async fn own_writes(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    for key in 0..50 {
        let name = format!("own{key}");
        let write = query("INSERT INTO kv VALUES ($1, $2)").bind(key).bind(&name);
        assert_eq!(write.execute(&mut conn).await.unwrap().rows_affected(), 1);
        let read = query_scalar::<_, String>("SELECT v FROM kv WHERE k = $1").bind(key);
        assert_eq!(read.fetch_one(&mut conn).await.unwrap(), name);
    }
    conn.execute("DELETE FROM kv").await.unwrap();
    conn.close().await.unwrap();
}

async fn prepared(options: &PgConnectOptions) {
    let mut conns = future::join_all((0..4).map(|_| connect(options))).await;
    // sqlx numbers its statements: one name, another text at each client.
    for n in 0..5 {
        for (number, conn) in (0..).zip(&mut conns) {
            let sql = || AssertSqlSafe(format!("SELECT {number} * 1000 + $1"));
            let mut transaction = conn.begin().await.unwrap();
            let inside = query_scalar::<_, i32>(sql()).bind(n).fetch_one(&mut *transaction).await;
            transaction.commit().await.unwrap();
            let outside = query_scalar::<_, i32>(sql()).bind(n).fetch_one(&mut *conn).await;
            assert_eq!([inside.unwrap(), outside.unwrap()], [number * 1000 + n; 2]);
        }
    }
    // More than its cache of 100: it closes the oldest.
    let first = conns.first_mut().unwrap();
    for n in 0..150 {
        let sql = AssertSqlSafe(format!("SELECT {n} + $1"));
        let sum = query_scalar::<_, i32>(sql).bind(1).fetch_one(&mut *first).await.unwrap();
        assert_eq!(sum, n + 1);
    }
    first.clear_cached_statements().await.unwrap();
    let sum = query_scalar::<_, i32>("SELECT 7 + $1").bind(1).fetch_one(&mut *first).await;
    assert_eq!(sum.unwrap(), 8);
    // Not kept: the unnamed statement.
    let once = query_scalar::<_, i32>("SELECT 8 + $1").bind(1).persistent(false);
    assert_eq!(once.fetch_one(&mut *first).await.unwrap(), 9);
}

async fn replanned(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    let begin =
        "DROP TABLE IF EXISTS sx_ddl; CREATE TABLE sx_ddl (a int); INSERT INTO sx_ddl VALUES (1)";
    raw_sql(begin).execute(&mut conn).await.unwrap();
    let ask = "SELECT a FROM sx_ddl";
    for _ in 0..5 {
        assert_eq!(query_scalar::<_, i32>(ask).fetch_one(&mut conn).await.unwrap(), 1);
    }
    conn.execute("ALTER TABLE sx_ddl ADD b int DEFAULT 2").await.unwrap();
    for _ in 0..5 {
        assert_eq!(query_scalar::<_, i32>(ask).fetch_one(&mut conn).await.unwrap(), 1);
    }
}

async fn transactions(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    let count = "SELECT count(*) FROM kv WHERE v = 't'";
    let mut outer = conn.begin().await.unwrap();
    outer.execute("INSERT INTO kv VALUES (1, 't')").await.unwrap();
    let mut inner = outer.begin().await.unwrap();
    inner.execute("INSERT INTO kv VALUES (2, 't')").await.unwrap();
    let error = inner.execute("INSERT INTO kv VALUES (2, 't')").await.unwrap_err();
    assert_eq!(told(&error).code(), "23505");
    inner.rollback().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(query_scalar::<_, i64>(count).fetch_one(&mut conn).await.unwrap(), 1);

    let mut dropped = conn.begin().await.unwrap();
    dropped.execute("DELETE FROM kv").await.unwrap();
    drop(dropped);
    assert_eq!(query_scalar::<_, i64>(count).fetch_one(&mut conn).await.unwrap(), 1);

    for level in ["serializable", "repeatable read", "read committed"] {
        let begin = AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {level} READ ONLY"));
        let mut transaction = conn.begin_with(begin).await.unwrap();
        let shown = query_scalar::<_, String>("SHOW transaction_isolation");
        assert_eq!(shown.fetch_one(&mut *transaction).await.unwrap(), level);
        let seen = query_scalar::<_, i64>(count).fetch_one(&mut *transaction).await.unwrap();
        assert_eq!(seen, 1);
        let error = transaction.execute("DELETE FROM kv").await.unwrap_err();
        assert_eq!(told(&error).code(), "25006");
        transaction.rollback().await.unwrap();
    }
    conn.execute("DELETE FROM kv").await.unwrap();
}

async fn streams(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    let series = "SELECT n FROM generate_series(1, $1) AS n";
    {
        let mut rows = query_scalar::<_, i32>(series).bind(10_000).fetch(&mut conn);
        let mut last = 0;
        while let Some(n) = rows.try_next().await.unwrap() {
            assert_eq!(n, last + 1);
            last = n;
        }
        assert_eq!(last, 10_000);
    }
    {
        // Given up half-way: the connection reads the rest before its next statement.
        let mut rows = query_scalar::<_, i32>(series).bind(10_000).fetch(&mut conn);
        assert_eq!(rows.try_next().await.unwrap(), Some(1));
    }
    assert_eq!(query_scalar::<_, i32>("SELECT 1").fetch_one(&mut conn).await.unwrap(), 1);
    let several = "INSERT INTO kv VALUES (1, 'a'); SELECT v FROM kv; DELETE FROM kv";
    let rows = raw_sql(several).fetch_all(&mut conn).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<&str, _>(0)).collect::<Vec<_>>(), ["a"]);
}

async fn copy(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    let count = "SELECT count(*) FROM copied";
    let lines: Vec<String> = (0..5000).map(|n| format!("{n}\té{n}\n")).collect();
    let lines = lines.concat();
    let mut sink = conn.copy_in_raw("COPY copied FROM STDIN").await.unwrap();
    sink.send(lines.as_bytes()).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 5000);
    assert_eq!(query_scalar::<_, i64>(count).fetch_one(&mut conn).await.unwrap(), 5000);
    {
        let out = "COPY (SELECT * FROM copied ORDER BY id) TO STDOUT";
        let chunks: Vec<_> = conn.copy_out_raw(out).await.unwrap().try_collect().await.unwrap();
        assert_eq!(chunks.concat(), lines.as_bytes());
    }
    let mut sink = conn.copy_in_raw("COPY copied FROM STDIN").await.unwrap();
    sink.send(&b"nonsense\n"[..]).await.unwrap();
    assert_eq!(told(&sink.finish().await.unwrap_err()).code(), "22P02");
    let mut sink = conn.copy_in_raw("COPY copied FROM STDIN").await.unwrap();
    sink.send(&b"1\taborted\n"[..]).await.unwrap();
    sink.abort("changed its mind").await.unwrap();
    assert_eq!(query_scalar::<_, i64>(count).fetch_one(&mut conn).await.unwrap(), 5000);
    conn.execute("TRUNCATE copied").await.unwrap();
}

/// sqlx has no cancel: who drops a query leaves, and the server's time limit ends it.
async fn abandoned(options: &PgConnectOptions) {
    let limited = options.clone().options([("statement_timeout", "1000")]);
    let mut conn = connect(&limited).await;
    let error = conn.execute("SELECT pg_sleep(20)").await.unwrap_err();
    assert_eq!(told(&error).code(), "57014");
    let sleep = conn.execute("SELECT pg_sleep(0.15)");
    assert!(tokio::time::timeout(Duration::from_millis(30), sleep).await.is_err());
    assert_eq!(query_scalar::<_, i32>("SELECT 1").fetch_one(&mut conn).await.unwrap(), 1);
}

async fn values(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    let large = "äöü€".repeat(100_000);
    for value in ["", "it's", "back\\slash", "tab\tnewline\n", "中文 עברית \u{1f418}", &large]
    {
        let got = query_scalar::<_, String>("SELECT $1::text").bind(value);
        assert!(got.fetch_one(&mut conn).await.unwrap() == value);
    }
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let got = query_scalar::<_, Vec<u8>>("SELECT $1::bytea").bind(&bytes);
    assert!(got.fetch_one(&mut conn).await.unwrap() == bytes);
    let given = (None::<String>, vec![Some(i64::MAX), None], true, 0.1_f64);
    let got: (Option<String>, Vec<Option<i64>>, bool, f64) =
        query_as("SELECT $1::text, $2::int8[], $3::bool, $4::float8")
            .bind(&given.0)
            .bind(&given.1)
            .bind(given.2)
            .bind(given.3)
            .fetch_one(&mut conn)
            .await
            .unwrap();
    assert_eq!(got, given);
}

async fn errors(options: &PgConnectOptions) {
    let mut conn = connect(options).await;
    let error = conn.execute("INSERT INTO kv VALUES (1), (1)").await.unwrap_err();
    assert!(error.as_database_error().unwrap().is_unique_violation());
    let error = told(&error);
    assert_eq!(DatabaseError::constraint(error), Some("kv_pkey"));
    assert_eq!((error.schema(), error.table()), (Some("public"), Some("kv")));
    assert_eq!(error.detail(), Some("Key (k)=(1) already exists."));
    for prepared in [false, true] {
        let sql = "SELECT 1 FRM kv";
        let error = if prepared {
            query(sql).fetch_one(&mut conn).await.err().unwrap()
        } else {
            raw_sql(sql).execute(&mut conn).await.unwrap_err()
        };
        assert_eq!(told(&error).code(), "42601");
        assert_eq!(told(&error).position(), Some(PgErrorPosition::Original(14)));
    }
    let error = query("SELECT 1 / $1").bind(0).fetch_one(&mut conn).await.err().unwrap();
    assert_eq!(told(&error).code(), "22012");
    assert_eq!(query_scalar::<_, i32>("SELECT 1").fetch_one(&mut conn).await.unwrap(), 1);
}

async fn pooled(options: &PgConnectOptions) {
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(4)
        .test_before_acquire(true)
        .connect_with(options.clone())
        .await
        .unwrap();
    let work = future::join_all((0..40).map(|key| {
        let pool = pool.clone();
        async move {
            let mut conn = pool.acquire().await.unwrap();
            query("INSERT INTO kv VALUES ($1, 'pool')")
                .bind(key)
                .execute(&mut *conn)
                .await
                .unwrap();
            let read = query_scalar::<_, String>("SELECT v FROM kv WHERE k = $1").bind(key);
            assert_eq!(read.fetch_one(&mut *conn).await.unwrap(), "pool");
        }
    }));
    within("forty tasks", work).await;
    pool.execute("DELETE FROM kv").await.unwrap();
    pool.close().await;
}

async fn notifications(options: &PgConnectOptions) {
    let pool = PgPoolOptions::new().max_connections(3).connect_with(options.clone()).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("sx_channel").await.unwrap();
    for payload in ["one", "é"] {
        query("SELECT pg_notify('sx_channel', $1)").bind(payload).execute(&pool).await.unwrap();
        let told = within("a notification", listener.recv()).await.unwrap();
        assert_eq!((told.channel(), told.payload()), ("sx_channel", payload));
    }
    listener.unlisten_all().await.unwrap();
    drop(listener);
    pool.close().await;
}
