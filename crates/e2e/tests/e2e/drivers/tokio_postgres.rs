//! tokio-postgres: prepared, pipelined, transactions, COPY, cancel, portals, notices.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, TryStreamExt, future, pin_mut, stream};
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{AsyncMessage, Client, IsolationLevel, SimpleQueryMessage};

use super::rust::Place;
use crate::support::{Checks, number, sqlstate, text, trusting, within};

pub(super) async fn check(to: &Place, checks: &mut Checks) {
    let name = format!("tokio-postgres, {}", to.name);
    checks.run(&format!("{name}: refused"), refused(to)).await;
    checks.run(&format!("{name}: own writes"), own_writes(to)).await;
    checks.run(&format!("{name}: prepared"), prepared(to)).await;
    checks.run(&format!("{name}: pipelined"), pipelined(to)).await;
    checks.run(&format!("{name}: transactions"), transactions(to)).await;
    checks.run(&format!("{name}: portals"), portals(to)).await;
    checks.run(&format!("{name}: copy"), copy(to)).await;
    checks.run(&format!("{name}: cancel"), cancel(to)).await;
    checks.run(&format!("{name}: simple queries"), simple(to)).await;
    checks.run(&format!("{name}: values"), values(to)).await;
    checks.run(&format!("{name}: notices"), notices(to)).await;
    checks.run(&format!("{name}: errors"), errors(to)).await;
    if let Some([_, stranger]) = &to.trust {
        checks.run(&format!("{name}: encrypted"), encrypted(to, stranger)).await;
    }
}

async fn encrypted(to: &Place, stranger: &str) {
    let mistrusting = to.config().connect(trusting(Some(stranger))).await;
    let error = mistrusting.err().unwrap();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    let mut clear = to.config();
    clear.ssl_mode(tokio_postgres::config::SslMode::Disable);
    let error = clear.connect(to.encrypted()).await.err().unwrap();
    assert_eq!(sqlstate(&error), "28000", "{error:?}");
}

async fn refused(to: &Place) {
    let mut nowhere = to.config();
    nowhere.dbname("nowhere");
    let error = within("a login", nowhere.connect(to.encrypted())).await.err().unwrap();
    assert_eq!(sqlstate(&error), "3D000");
    assert!(error.as_db_error().unwrap().message().contains("nowhere"), "{error}");
}

async fn own_writes(to: &Place) {
    let client = to.connect().await;
    for key in 0..50 {
        let name = format!("own{key}");
        client.execute("INSERT INTO kv VALUES ($1, $2)", &[&key, &name]).await.unwrap();
        let row = client.query_one("SELECT v FROM kv WHERE k = $1", &[&key]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), name);
    }
    client.execute("DELETE FROM kv", &[]).await.unwrap();
}

async fn prepared(to: &Place) {
    let client = to.connect().await;
    let write = client.prepare("INSERT INTO kv VALUES ($1, $2)").await.unwrap();
    let read = client.prepare("SELECT v FROM kv WHERE k = $1").await.unwrap();
    for key in 0..100 {
        client.execute(&write, &[&key, &format!("v{key}")]).await.unwrap();
        let row = client.query_one(&read, &[&key]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), format!("v{key}"));
    }
    // Dropping closes them on the server; others come in their place.
    drop((write, read));
    for round in 0..30 {
        let sql = format!("SELECT k + {round} FROM kv WHERE k = $1");
        let row = client.query_one(&sql, &[&round]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 2 * round);
    }
    client.execute("DELETE FROM kv", &[]).await.unwrap();
}

async fn pipelined(to: &Place) {
    let client = to.connect().await;
    let echo = client.prepare("SELECT $1::int4").await.unwrap();
    let numbers: Vec<i32> = (0..500).collect();
    let echoes = future::try_join_all(numbers.iter().map(async |number| {
        client.query_one(&echo, &[number]).await.map(|row| row.get::<_, i32>(0))
    }));
    assert_eq!(within("a pipeline", echoes).await.unwrap(), numbers);

    // Writes and reads behind each other, without waiting: each read sees its write.
    let (write, count) = (
        client.prepare("INSERT INTO kv VALUES ($1, 'p')").await.unwrap(),
        client.prepare("SELECT count(*) FROM kv WHERE v = 'p' AND k <= $1").await.unwrap(),
    );
    let both = future::join_all((1000..1050).map(|key| {
        let (client, write, count) = (&client, &write, &count);
        async move {
            let (done, seen) =
                future::join(async { client.execute(write, &[&key]).await }, async {
                    client.query_one(count, &[&key]).await
                })
                .await;
            done.unwrap();
            (seen.unwrap().get::<_, i64>(0), i64::from(key) - 999)
        }
    }));
    for (seen, expected) in within("writes and reads", both).await {
        assert!(seen >= expected, "saw {seen} of {expected}");
    }

    // An error in the middle fails its own statement alone.
    let divide = client.prepare("SELECT 100 / $1::int4").await.unwrap();
    let answers =
        future::join_all([1, 0, 2].iter().map(async |by| {
            client.query_one(&divide, &[by]).await.map(|row| row.get::<_, i32>(0))
        }));
    let answers = within("errors in a pipeline", answers).await;
    assert_eq!(answers[0].as_ref().unwrap(), &100);
    assert_eq!(sqlstate(answers[1].as_ref().unwrap_err()), "22012");
    assert_eq!(answers[2].as_ref().unwrap(), &50);
    client.execute("DELETE FROM kv", &[]).await.unwrap();
}

async fn transactions(to: &Place) {
    let mut client = to.connect().await;
    let count = "SELECT count(*) FROM kv WHERE v = 't'";
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO kv VALUES (1, 't')", &[]).await.unwrap();
    assert_eq!(transaction.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    drop(transaction); // rolls back
    assert_eq!(number(&client, count).await, 0);

    let mut transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO kv VALUES (1, 't')", &[]).await.unwrap();
    let savepoint = transaction.savepoint("part").await.unwrap();
    savepoint.execute("INSERT INTO kv VALUES (2, 't')", &[]).await.unwrap();
    assert!(savepoint.execute("INSERT INTO kv VALUES (2, 't')", &[]).await.is_err());
    savepoint.rollback().await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(number(&client, count).await, 1);

    let read_only = client
        .build_transaction()
        .read_only(true)
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await
        .unwrap();
    assert_eq!(read_only.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    let refused = read_only.execute("DELETE FROM kv", &[]).await.unwrap_err();
    assert_eq!(sqlstate(&refused), "25006");
    read_only.rollback().await.unwrap();
    client.execute("DELETE FROM kv", &[]).await.unwrap();
}

async fn portals(to: &Place) {
    let mut client = to.connect().await;
    for write_first in [false, true] {
        let transaction = client.transaction().await.unwrap();
        if write_first {
            transaction.execute("INSERT INTO kv VALUES (9, 'x')", &[]).await.unwrap();
        }
        let series = transaction.prepare("SELECT generate_series(1, 25)").await.unwrap();
        let portal = transaction.bind(&series, &[]).await.unwrap();
        let mut sizes = Vec::new();
        loop {
            let rows = transaction.query_portal(&portal, 10).await.unwrap();
            // Another statement between the pieces does not disturb the portal.
            transaction.query_one("SELECT 1", &[]).await.unwrap();
            sizes.push(rows.len());
            if rows.len() < 10 {
                break;
            }
        }
        assert_eq!(sizes, [10, 10, 5]);
        transaction.rollback().await.unwrap();
    }
}

async fn copy(to: &Place) {
    let client = to.connect().await;
    let sink = client.copy_in("COPY copied FROM STDIN").await.unwrap();
    pin_mut!(sink);
    let mut rows = stream::iter((0..20_000).map(|n| Ok(bytes::Bytes::from(format!("{n}\tc\n")))));
    sink.send_all(&mut rows).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 20_000);
    assert_eq!(number(&client, "SELECT count(*) FROM copied").await, 20_000);

    let out = client.copy_out("COPY copied TO STDOUT").await.unwrap();
    let bytes: Vec<bytes::Bytes> = within("COPY out", out.try_collect()).await.unwrap();
    assert_eq!(bytes.concat().split(|byte| *byte == b'\n').count() - 1, 20_000);

    // Dropped unfinished, it is undone, and the connection goes on.
    {
        let sink = client.copy_in("COPY copied FROM STDIN").await.unwrap();
        pin_mut!(sink);
        sink.send(bytes::Bytes::from("1\tdropped\n")).await.unwrap();
    }
    let dropped = "SELECT count(*) FROM copied WHERE name = 'dropped'";
    assert_eq!(number(&client, dropped).await, 0);

    let sink = client.copy_in::<_, bytes::Bytes>("COPY copied FROM STDIN").await.unwrap();
    pin_mut!(sink);
    sink.send(bytes::Bytes::from("nonsense\n")).await.unwrap();
    assert_eq!(sqlstate(&sink.finish().await.unwrap_err()), "22P02");
    client.execute("TRUNCATE copied", &[]).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM copied").await, 0);
}

async fn cancel(to: &Place) {
    let client = to.connect().await;
    for sql in ["SELECT pg_sleep(20)", "SELECT count(*) FROM kv, pg_sleep(20)"] {
        let token = client.cancel_token();
        let begin = Instant::now();
        let (outcome, ()) = future::join(client.simple_query(sql), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            token.cancel_query(to.encrypted()).await.unwrap();
        })
        .await;
        assert_eq!(sqlstate(&outcome.unwrap_err()), "57014");
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!(number(&client, "SELECT 1").await, 1);
    }
}

async fn simple(to: &Place) {
    let client = to.connect().await;
    let sql =
        "INSERT INTO kv VALUES (1, 'a'), (2, NULL); SELECT * FROM kv ORDER BY k; DELETE FROM kv";
    let rows: Vec<_> = client.simple_query(sql).await.unwrap();
    let mut shown = Vec::new();
    for message in rows {
        match message {
            SimpleQueryMessage::Row(row) => {
                shown.push(format!("{:?} {:?}", row.get(0), row.get(1)));
            }
            SimpleQueryMessage::CommandComplete(count) => shown.push(count.to_string()),
            _ => (),
        }
    }
    assert_eq!(shown, ["2", "Some(\"1\") Some(\"a\")", "Some(\"2\") None", "2", "2"]);
    assert!(client.simple_query("").await.is_ok());
    assert!(client.simple_query("-- nothing").await.is_ok());
    assert_eq!(text(&client, "SELECT 'after'").await, "after");
}

async fn values(to: &Place) {
    let client = to.connect().await;
    let large = "äöü€".repeat(100_000);
    for value in ["", "it's", "back\\slash", "tab\tnewline\n", "中文 עברית \u{1f418}", &large]
    {
        let row = client.query_one("SELECT $1::text", &[&value]).await.unwrap();
        assert!(row.get::<_, &str>(0) == value);
    }
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let row = client.query_one("SELECT $1::bytea", &[&bytes]).await.unwrap();
    assert!(row.get::<_, &[u8]>(0) == bytes);
    let (none, list) = (None::<&str>, vec![Some(i64::MAX), None]);
    let sql = "SELECT $1::text, $2::int8[], $3::bool";
    let row = client.query_one(sql, &[&none, &list, &true]).await.unwrap();
    assert_eq!(row.get::<_, Option<&str>>(0), None);
    assert_eq!(row.get::<_, Vec<Option<i64>>>(1), [Some(i64::MAX), None]);
    assert!(row.get::<_, bool>(2));
}

async fn notices(to: &Place) {
    let (client, mut connection) = to.config().connect(to.encrypted()).await.unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let driver = tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            let _ = sender.send(match message {
                AsyncMessage::Notice(notice) => notice.message().to_owned(),
                AsyncMessage::Notification(told) => {
                    format!("{}: {}", told.channel(), told.payload())
                }
                _ => continue,
            });
        }
    });
    let raise = "DO $$ BEGIN RAISE NOTICE 'one'; RAISE NOTICE 'two'; END $$";
    client.batch_execute(raise).await.unwrap();
    client.execute(raise, &[]).await.unwrap();
    client.batch_execute("LISTEN tp").await.unwrap();
    client.batch_execute("NOTIFY tp, 'é'").await.unwrap();
    drop(client);
    within("the connection's end", driver).await.unwrap();
    let mut seen = Vec::new();
    while let Ok(notice) = receiver.try_recv() {
        seen.push(notice);
    }
    assert_eq!(seen, ["one", "two", "one", "two", "tp: é"]);
}

async fn errors(to: &Place) {
    async fn code(client: &Client, sql: &str) -> String {
        sqlstate(&within(sql, client.query(sql, &[])).await.unwrap_err()).to_owned()
    }
    let client = to.connect().await;
    let table = [
        ("SELEC", "42601"),
        ("SELECT 1/0", "22012"),
        ("SELECT * FROM missing", "42P01"),
        ("INSERT INTO kv VALUES ('x')", "22P02"),
        ("INSERT INTO kv VALUES (NULL)", "23502"),
        ("SELECT pg_catalog.missing()", "42883"),
        ("COMMIT PREPARED 'missing'", "42704"),
    ];
    for (sql, expected) in table {
        assert_eq!(code(&client, sql).await, expected, "{sql}");
    }
    let repeated = client.execute("INSERT INTO kv VALUES (1), (1)", &[]).await.unwrap_err();
    let told = repeated.as_db_error().unwrap();
    assert_eq!((told.table(), told.constraint()), (Some("kv"), Some("kv_pkey")));
    assert_eq!(told.detail(), Some("Key (k)=(1) already exists."));
    let misspelt = client.prepare("SELECT 1 FRM kv").await.unwrap_err();
    let position = misspelt.as_db_error().unwrap().position();
    assert_eq!(position, Some(&ErrorPosition::Original(14)));
    assert_eq!(number(&client, "SELECT 1").await, 1);
}
