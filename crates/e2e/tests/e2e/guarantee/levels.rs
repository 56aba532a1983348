//! `eventual`, `read_your_writes`, `strong`: for the cluster and for a session.

use std::time::Duration;

use afterwrite_cluster::Plan;
use afterwrite_wire::client;
use afterwrite_wire::server::command_tag;

use crate::support::{Bed, Checks, Proxy, Raw, batch, connect, number, query, sqlstate, text};

const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";

#[tokio::test]
async fn levels_mean_what_they_say() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 9) n").await;
    let eventual = bed.another(&["--set", "routing.level=eventual"]).await;
    let strong = bed.another(&["--set", "routing.level=strong"]).await;
    let mut checks = Checks::default();
    checks.run("eventual", is_eventual(&eventual, None, 1)).await;
    checks.run("eventual, by SET", is_eventual(&bed.proxy, Some("eventual"), 2)).await;
    checks.run("strong", is_strong(&bed, &strong, None, 3)).await;
    checks.run("strong, by SET", is_strong(&bed, &bed.proxy, Some("strong"), 4)).await;
    checks.run("read_your_writes is the default", is_default(&bed, 5)).await;
    checks.run("back and forth", back_and_forth(&bed.proxy, 6)).await;
    checks.run("an unknown level", unknown(&bed.proxy)).await;
    checks.run("strong, on caught-up replicas", strong_on_replicas(&bed, &strong)).await;
}

async fn at(proxy: &Proxy, level: Option<&str>) -> tokio_postgres::Client {
    let client = connect(&proxy.url()).await;
    if let Some(level) = level {
        client.batch_execute(&format!("SET afterwrite.level = '{level}'")).await.unwrap();
        assert_eq!(text(&client, "SHOW afterwrite.level").await, level);
    }
    client
}

/// Any replica: with these, the own write is not there yet.
async fn is_eventual(proxy: &Proxy, level: Option<&str>, id: i32) {
    let client = at(proxy, level).await;
    client.batch_execute(&format!("UPDATE t SET v = 1 WHERE id = {id}")).await.unwrap();
    assert_eq!(number(&client, &format!("SELECT v FROM t WHERE id = {id}")).await, 0);
    assert_eq!(text(&client, ON_REPLICA).await, "t");
}

/// Nobody's acknowledged write is missing, not even one made past the proxy.
async fn is_strong(bed: &Bed, proxy: &Proxy, level: Option<&str>, id: i32) {
    let client = at(proxy, level).await;
    let direct = connect(&bed.direct()).await;
    for n in 1..=20 {
        direct.batch_execute(&format!("UPDATE t SET v = {n} WHERE id = {id}")).await.unwrap();
        assert_eq!(number(&client, &format!("SELECT v FROM t WHERE id = {id}")).await, n);
        let row = client.query_one("SELECT v FROM t WHERE id = $1", &[&id]).await.unwrap();
        assert_eq!(i64::from(row.get::<_, i32>(0)), n);
    }
}

/// Own writes are seen; others', made a moment ago, need not be.
async fn is_default(bed: &Bed, id: i32) {
    let client = connect(&bed.proxy.url()).await;
    let direct = connect(&bed.direct()).await;
    let read = format!("SELECT v FROM t WHERE id = {id}");
    direct.batch_execute(&format!("UPDATE t SET v = 1 WHERE id = {id}")).await.unwrap();
    assert_eq!(number(&client, &read).await, 0, "no floor, so a replica");
    client.batch_execute(&format!("UPDATE t SET v = 2 WHERE id = {id}")).await.unwrap();
    assert_eq!(number(&client, &read).await, 2);
}

/// The floor is kept while the level does not ask for it.
async fn back_and_forth(proxy: &Proxy, id: i32) {
    let client = connect(&proxy.url()).await;
    let read = format!("SELECT v FROM t WHERE id = {id}");
    client.batch_execute(&format!("UPDATE t SET v = 1 WHERE id = {id}")).await.unwrap();
    client.batch_execute("SET afterwrite.level = 'eventual'").await.unwrap();
    assert_eq!(number(&client, &read).await, 0);
    client.batch_execute("SET afterwrite.level = 'read_your_writes'").await.unwrap();
    assert_eq!(number(&client, &read).await, 1);
    client.batch_execute("SET afterwrite.level = 'eventual'").await.unwrap();
    client.batch_execute("RESET afterwrite.level").await.unwrap();
    assert_eq!(text(&client, "SHOW afterwrite.level").await, "read_your_writes");
    assert_eq!(number(&client, &read).await, 1);
}

async fn unknown(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    let error = client.batch_execute("SET afterwrite.level = 'exact'").await.unwrap_err();
    assert_eq!(crate::support::sqlstate(&error), "22023");
    assert_eq!(text(&client, "SHOW afterwrite.level").await, "read_your_writes");
}

/// `strong` is not a word for "primary".
async fn strong_on_replicas(bed: &Bed, strong: &Proxy) {
    for replica in bed.cluster.replicas() {
        replica.set_apply_delay(Duration::ZERO).await.unwrap();
    }
    bed.cluster.wait_for_catch_up(Duration::from_secs(5)).await.unwrap();
    let client = connect(&strong.url()).await;
    let mut on_replica = 0;
    for _ in 0..20 {
        on_replica += i32::from(text(&client, ON_REPLICA).await == "t");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(on_replica >= 10, "{on_replica} of 20");
}

/// A transaction has begun on a replica, and then its client asks for more.
#[tokio::test]
async fn a_transaction_sees_what_is_asked_for_before_its_first_statement() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "routing.wait_max=3s"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 9) n").await;
    let mut checks = Checks::default();
    checks.run("without it, or the test sees nothing", raised(&bed, 1, "SELECT 1", 0)).await;
    let strong = "SET LOCAL afterwrite.level = 'strong'";
    checks.run("strong", raised(&bed, 2, strong, 1)).await;
    checks.run("strong, prepared first", raised_and_prepared(&bed, strong)).await;
    let bound = "SET LOCAL afterwrite.max_staleness = '1ms'";
    checks.run("a bound", raised(&bed, 3, bound, 1)).await;
    checks.run("a key", raised(&bed, 4, "SET afterwrite.session = 'k4'", 1)).await;
    checks
        .run(
            "not in time",
            not_raised(&bed, "72AW1", &["SET LOCAL afterwrite.wait_max = '20ms'", strong]),
        )
        .await;
    checks.run("too late", not_raised(&bed, "25001", &["SELECT 1", strong])).await;
}

/// What stands behind the end of a transaction is not part of it: it must see what a new one must.
#[tokio::test]
async fn what_goes_on_behind_the_end_of_a_transaction_sees_what_a_new_one_does() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let args = ["--set", "routing.wait_max=3s", "--set", "routing.table_scope=true"];
    let bed = Bed::with(plan, &args).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (9, 0)").await;
    let mut checks = Checks::default();
    for key in [Some("SET afterwrite.session = 'k'"), None] {
        for (status, ways) in [
            ("I", [&["COMMIT; SELECT v FROM t"][..], &["END; SELECT v FROM t"]].as_slice()),
            (
                "T",
                &[
                    &["COMMIT AND CHAIN", "SELECT v FROM t"],
                    &["ROLLBACK AND CHAIN", "SELECT v FROM t"],
                    &["COMMIT; BEGIN READ ONLY", "SELECT v FROM t"],
                    &["SELECT 1; COMMIT; BEGIN READ ONLY; SELECT v FROM t"],
                ],
            ),
        ] {
            for sent in ways {
                let name = format!("{key:?}: {}", sent.join(" | "));
                checks.run(&name, goes_on(&bed, key, sent, status)).await;
            }
        }
        checks.run(&format!("{key:?}: in a batch"), goes_on_in_a_batch(&bed, key)).await;
    }
    // What comes behind a Flush nobody looks at before it is sent.
    let (mut client, _) = read_before(&bed, None).await;
    let mut flushed = batch("COMMIT");
    flushed.truncate(flushed.len() - 5);
    client::flush(&mut flushed);
    client.send(&flushed).await;
    assert_eq!(client.until(b'E').await.last().unwrap().code(), "0A000");
    client.send(&batch("SELECT v FROM t")).await;
    assert_eq!(told(&mut client).await, "E");
    assert_eq!(replies(&mut client, "ROLLBACK").await, "ROLLBACK I");

    let mut client = Raw::login(bed.proxy.port(), &[]).await;
    for (sql, expected) in [
        ("BEGIN READ ONLY", "BEGIN T"),
        ("SELECT 1", "1 SELECT 1 T"),
        ("SELECT pg_advisory_xact_lock(1)", "0A000 E"),
        ("ROLLBACK", "ROLLBACK I"),
        ("BEGIN READ ONLY /* afterwrite: primary */", "BEGIN T"),
        ("SELECT pg_advisory_xact_lock(1) IS NULL", "f SELECT 1 T"),
    ] {
        assert_eq!(replies(&mut client, sql).await, expected, "{sql}");
    }
}

/// A transaction has read on a replica; then somebody else has written.
async fn read_before(bed: &Bed, key: Option<&str>) -> (Raw, String) {
    let writer = connect(&bed.proxy.url()).await;
    bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    let mut client = Raw::login(bed.proxy.port(), &[]).await;
    if let Some(key) = key {
        writer.batch_execute(key).await.unwrap();
        client.ask(key).await;
    }
    // At this level only the key counts, or the table.
    let begin = ["SET afterwrite.level = 'read_your_writes'", "BEGIN READ ONLY"];
    for sql in begin {
        client.ask(sql).await;
    }
    assert_eq!(client.ask(ON_REPLICA).await, ["t"]);
    let old = client.ask("SELECT v FROM t").await.concat();
    writer.batch_execute("UPDATE t SET v = v + 1").await.unwrap();
    (client, (old.parse::<i64>().unwrap() + 1).to_string())
}

async fn goes_on(bed: &Bed, key: Option<&str>, sent: &[&str], status: &str) {
    let (mut client, new) = read_before(bed, key).await;
    let mut last = String::new();
    for sql in sent {
        last = replies(&mut client, sql).await;
    }
    assert!(last.ends_with(&format!("{new} SELECT 1 {status}")), "{last}, and not {new}");
}

async fn goes_on_in_a_batch(bed: &Bed, key: Option<&str>) {
    let (mut client, new) = read_before(bed, key).await;
    let mut sent = batch("COMMIT");
    sent.truncate(sent.len() - 5);
    sent.extend(batch("SELECT v FROM t"));
    client.send(&sent).await;
    assert_eq!(told(&mut client).await, format!("COMMIT {new} SELECT 1 I"));
}

const BEGINS: [&str; 2] = ["BEGIN READ ONLY", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"];

/// What a driver prepares fixes the snapshot, before it is executed.
async fn raised_and_prepared(bed: &Bed, raise: &str) {
    let direct = connect(&bed.direct()).await;
    for begin in BEGINS {
        let before = number(&direct, "SELECT v FROM t WHERE id = 9").await;
        let client = behind(bed, query, &[begin, raise]).await;
        prepares(client, before + 1).await;
    }
}

async fn prepares(mut client: Raw, expected: i64) {
    let (mut prepared, mut executed) = (Vec::new(), Vec::new());
    client::parse(&mut prepared, "", "SELECT v FROM t WHERE id = 9", &[]);
    client::sync(&mut prepared);
    client::bind(&mut executed, "", "", &[], &[], &[]);
    client::execute(&mut executed, "", 0);
    client::sync(&mut executed);
    client.send(&prepared).await;
    assert_eq!(told(&mut client).await, "T");
    client.send(&executed).await;
    assert_eq!(told(&mut client).await, format!("{expected} SELECT 1 T"));
}

async fn raised(bed: &Bed, id: i32, raise: &str, expected: i64) {
    let writer = connect(&bed.proxy.url()).await;
    writer.batch_execute(&format!("SET afterwrite.session = 'k{id}'")).await.unwrap();
    let read = format!("SELECT v FROM t WHERE id = {id}");
    for begin in BEGINS {
        bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
        let client = connect(&bed.proxy.url()).await;
        let old = number(&client, &read).await;
        client.batch_execute(begin).await.unwrap();
        writer.batch_execute(&format!("UPDATE t SET v = v + 1 WHERE id = {id}")).await.unwrap();
        client.batch_execute(raise).await.unwrap();
        // Longer than a bound.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(number(&client, &read).await - old, expected, "{begin}; {raise}");
        assert_eq!(text(&client, ON_REPLICA).await, "t");
        client.batch_execute("COMMIT").await.unwrap();
    }
}

async fn not_raised(bed: &Bed, code: &str, raise: &[&str]) {
    let direct = connect(&bed.direct()).await;
    for begin in BEGINS {
        bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
        let client = connect(&bed.proxy.url()).await;
        client.batch_execute(begin).await.unwrap();
        direct.batch_execute("UPDATE t SET v = v + 1 WHERE id = 9").await.unwrap();
        for sql in raise {
            client.batch_execute(sql).await.unwrap();
        }
        for code in [code, "25P02"] {
            let error = client.query_one("SELECT v FROM t WHERE id = $1", &[&9]).await;
            assert_eq!(sqlstate(&error.unwrap_err()), code, "{begin}; {raise:?}");
        }
        client.batch_execute("ROLLBACK").await.unwrap();
        number(&client, "SELECT v FROM t WHERE id = 9").await;
    }
}

/// As after an error of the server's own: only its end, or a savepoint, gets it out of that.
#[tokio::test]
async fn a_transaction_that_cannot_show_what_is_asked_for_has_failed() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "routing.wait_max=3s"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (9, 0)").await;
    let strong = "SET LOCAL afterwrite.level = 'strong'";
    let hurried = ["SET LOCAL afterwrite.wait_max = '20ms'", strong];
    let mut checks = Checks::default();
    for (form, words) in [("simple", query as fn(&str) -> Vec<u8>), ("extended", batch)] {
        for begin in BEGINS {
            let named = |what| format!("{what}, {form}, {begin}");
            checks
                .run(&named("late"), fails(&bed, words, begin, "25001", &["SELECT 1", strong]))
                .await;
            checks.run(&named("early"), fails(&bed, words, begin, "72AW1", &hurried)).await;
            checks.run(&named("a savepoint"), comes_back(&bed, words, begin)).await;
        }
    }
    checks.run("sent ahead", fails_ahead(&bed, &hurried)).await;
    checks.run("cancelled", fails_when_cancelled(&bed, strong)).await;
}

/// What a client is told: errors' codes, what was completed, rows, and the status of "ready".
async fn told(client: &mut Raw) -> String {
    let mut words = Vec::new();
    for reply in client.until(b'Z').await {
        match reply.tag {
            b'E' => words.push(reply.code()),
            b'C' => words.push(command_tag(&reply.body).unwrap().to_owned()),
            b'D' => words.push(reply.body[6..].escape_ascii().to_string()),
            b'Z' => words.push(char::from(reply.body[0]).to_string()),
            _ => {}
        }
    }
    words.join(" ")
}

/// In a transaction on a replica that does not show yet what was written last.
async fn behind(bed: &Bed, words: fn(&str) -> Vec<u8>, first: &[&str]) -> Raw {
    bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    let mut client = Raw::login(bed.proxy.port(), &[]).await;
    for sql in first {
        client.send(&words(sql)).await;
        let told = told(&mut client).await;
        assert!(told.ends_with(" T"), "{sql}: {told}");
    }
    let direct = connect(&bed.direct()).await;
    direct.batch_execute("UPDATE t SET v = v + 1 WHERE id = 9").await.unwrap();
    client
}

async fn fails(bed: &Bed, words: fn(&str) -> Vec<u8>, begin: &str, code: &str, raise: &[&str]) {
    let mut client = behind(bed, words, &[begin]).await;
    for sql in raise {
        client.send(&words(sql)).await;
        let told = told(&mut client).await;
        assert!(told.ends_with(" T"), "{sql}: {told}");
    }
    for (sql, expected) in [
        ("SELECT v FROM t", format!("{code} E").as_str()),
        ("SELECT v FROM t", "25P02 E"),
        ("SAVEPOINT a", "25P02 E"),
        ("COMMIT", "ROLLBACK I"),
    ] {
        client.send(&words(sql)).await;
        assert_eq!(told(&mut client).await, expected, "{sql}");
    }
    assert_eq!(client.ask("SELECT count(*) FROM t").await, ["1"]);
}

/// It has seen nothing yet, and so may ask anew.
async fn comes_back(bed: &Bed, words: fn(&str) -> Vec<u8>, begin: &str) {
    let before = number(&connect(&bed.direct()).await, "SELECT v FROM t").await;
    let mut client = behind(bed, words, &[begin, "SAVEPOINT a"]).await;
    let row = format!("{} SELECT 1 T", before + 1);
    for (sql, expected) in [
        ("SET LOCAL afterwrite.wait_max = '20ms'", "SET T"),
        ("SET LOCAL afterwrite.level = 'strong'", "SET T"),
        ("SELECT v FROM t", "72AW1 E"),
        ("ROLLBACK TO a", "ROLLBACK T"),
        ("SET LOCAL afterwrite.wait_max = '3s'", "SET T"),
        ("SELECT v FROM t", row.as_str()),
        ("COMMIT", "COMMIT I"),
    ] {
        client.send(&words(sql)).await;
        assert_eq!(told(&mut client).await, expected, "{sql}");
    }
}

async fn fails_ahead(bed: &Bed, raise: &[&str]) {
    let mut client = behind(bed, batch, &["BEGIN READ ONLY"]).await;
    let texts = raise.iter().chain(&["SELECT v FROM t", "SELECT 1", "COMMIT", "SELECT 1"]);
    client.send(&texts.map(|sql| batch(sql)).collect::<Vec<_>>().concat()).await;
    for expected in ["SET T", "SET T", "72AW1 E", "25P02 E", "ROLLBACK I", "1 SELECT 1 I"] {
        assert_eq!(told(&mut client).await, expected);
    }
}

async fn fails_when_cancelled(bed: &Bed, raise: &str) {
    let mut client = behind(bed, query, &["BEGIN READ ONLY", raise]).await;
    client.query("SELECT v FROM t").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (mut cancel, mut out) = (Raw::open(bed.proxy.port()).await, Vec::new());
    client::cancel(&mut out, client.pid, &client.key);
    cancel.send(&out).await;
    assert_eq!(told(&mut client).await, "57014 E");
    assert_eq!(replies(&mut client, "SELECT 1").await, "25P02 E");
    assert_eq!(replies(&mut client, "COMMIT").await, "ROLLBACK I");
}

async fn replies(client: &mut Raw, sql: &str) -> String {
    client.query(sql).await;
    told(client).await
}
