//! Keys and tokens: own writes across connections.

use std::time::{Duration, Instant};

use afterwrite_cluster::Plan;

use crate::support::{Bed, Checks, Proxy, Raw, connect, number, text};

#[tokio::test]
async fn own_writes_across_connections() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(400); 2], ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 99) n").await;
    let forgetful = bed.another(&["--set", "routing.keys_max=2"]).await;
    let mut checks = Checks::default();
    checks.run("a key", key(&bed.proxy)).await;
    checks.run("several keys at once", several_keys(&bed.proxy)).await;
    checks.run("a key set after the write", key_later(&bed.proxy)).await;
    checks.run("another key sees no more than it must", other_key(&bed.proxy)).await;
    checks.run("a key at startup", key_at_startup(&bed.proxy)).await;
    checks.run("more keys than are remembered", forgotten(&forgetful)).await;
    checks.run("keys and tokens by the extended protocol", extended(&bed.proxy)).await;
    checks.run("a token through another proxy", through_another(&bed, &forgetful)).await;
    checks.run("an older token lowers nothing", older(&bed.proxy)).await;
    checks.run("a token in a transaction", in_transaction(&bed.proxy)).await;
    checks.run("DISCARD ALL and RESET ALL lower nothing", discard(&bed.proxy)).await;
    checks.run("tokens that cannot be", bad_tokens(&bed.proxy)).await;
    checks.run("a token of another cluster", foreign(&bed)).await;
    checks.run("a token from the future", future(&bed.proxy)).await;
}

async fn write(client: &tokio_postgres::Client, id: i32) {
    client.batch_execute(&format!("UPDATE t SET v = 1 WHERE id = {id}")).await.unwrap();
}

async fn read(client: &tokio_postgres::Client, id: i32) -> i64 {
    number(client, &format!("SELECT v FROM t WHERE id = {id}")).await
}

async fn with_key(proxy: &Proxy, key: &str) -> tokio_postgres::Client {
    let client = connect(&proxy.url()).await;
    client.batch_execute(&format!("SET afterwrite.session = '{key}'")).await.unwrap();
    client
}

async fn key(proxy: &Proxy) {
    let [writer, reader] = [with_key(proxy, "user:1").await, with_key(proxy, "user:1").await];
    write(&writer, 1).await;
    assert_eq!(read(&reader, 1).await, 1);
    assert_eq!(text(&reader, "SHOW afterwrite.session").await, "user:1");
    drop(writer);
    assert_eq!(read(&with_key(proxy, "user:1").await, 1).await, 1, "after the writer is gone");
}

/// A read sees what was written under any of them, a write counts under all.
async fn several_keys(proxy: &Proxy) {
    let both = connect(&proxy.url()).await;
    both.batch_execute("SET afterwrite.session = 'user:60', 'org:61'").await.unwrap();
    assert_eq!(text(&both, "SHOW afterwrite.session").await, "user:60, org:61");
    for (id, key) in [(60, "user:60"), (61, "org:61")] {
        let single = with_key(proxy, key).await;
        write(&single, id).await;
        assert_eq!(read(&both, id).await, 1, "written under {key}");
        write(&both, id + 2).await;
        assert_eq!(read(&with_key(proxy, key).await, id + 2).await, 1, "read under {key}");
    }
    both.batch_execute("RESET afterwrite.session").await.unwrap();
    assert_eq!(text(&both, "SHOW afterwrite.session").await, "");
}

/// What a connection wrote before it took the key is its own too.
async fn key_later(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    write(&client, 2).await;
    client.batch_execute("SET afterwrite.session = 'user:2'").await.unwrap();
    assert_eq!(read(&client, 2).await, 1);
    client.batch_execute("SET afterwrite.session TO 'user:3'").await.unwrap();
    assert_eq!(read(&client, 2).await, 1, "under another key, on the same connection");
    client.batch_execute("RESET afterwrite.session").await.unwrap();
    assert_eq!(read(&client, 2).await, 1, "without a key");
}

async fn other_key(proxy: &Proxy) {
    let [writer, reader] = [with_key(proxy, "user:4").await, with_key(proxy, "user:5").await];
    write(&writer, 4).await;
    assert_eq!(read(&reader, 4).await, 0, "a replica serves who need not wait");
}

async fn key_at_startup(proxy: &Proxy) {
    let writer = with_key(proxy, "it''s 6").await;
    write(&writer, 6).await;
    let options = [("options", "-c afterwrite.session=it's\\ 6")];
    let mut reader = Raw::login(proxy.port(), &options).await;
    assert_eq!(reader.ask("SELECT v FROM t WHERE id = 6").await, ["1"]);
    let mut reader = Raw::login(proxy.port(), &[("afterwrite.session", "it's 6")]).await;
    assert_eq!(reader.ask("SELECT v FROM t WHERE id = 6").await, ["1"]);
}

/// Two keys are remembered, ten write: the forgotten ones are safe, not stale.
async fn forgotten(proxy: &Proxy) {
    for id in 10..20 {
        write(&with_key(proxy, &format!("user:{id}")).await, id).await;
    }
    for id in 10..20 {
        let reader = with_key(proxy, &format!("user:{id}")).await;
        assert_eq!(read(&reader, id).await, 1, "user:{id}");
    }
}

async fn extended(proxy: &Proxy) {
    let writer = connect(&proxy.url()).await;
    writer.execute("SET afterwrite.session = 'user:20'", &[]).await.unwrap();
    writer.execute("UPDATE t SET v = 1 WHERE id = 20", &[]).await.unwrap();
    let reader = connect(&proxy.url()).await;
    reader.execute("SET afterwrite.session = 'user:20'", &[]).await.unwrap();
    assert_eq!(read(&reader, 20).await, 1);
    let show = writer.prepare("SHOW afterwrite.token").await.unwrap();
    assert_eq!(show.columns().len(), 1);
    let token: String = writer.query_one(&show, &[]).await.unwrap().get(0);
    let third = connect(&proxy.url()).await;
    third.execute(&format!("SET afterwrite.token = '{token}'"), &[]).await.unwrap();
    assert_eq!(read(&third, 20).await, 1);
    // The token moves with the next write, though the statement is the same.
    writer.execute("UPDATE t SET v = 2 WHERE id = 20", &[]).await.unwrap();
    let next: String = writer.query_one(&show, &[]).await.unwrap().get(0);
    assert_ne!(token, next);
}

async fn through_another(bed: &Bed, other: &Proxy) {
    let writer = connect(&bed.proxy.url()).await;
    write(&writer, 30).await;
    let token = text(&writer, "SHOW afterwrite.token").await;
    assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{token}");
    let reader = connect(&other.url()).await;
    reader.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
    assert_eq!(read(&reader, 30).await, 1);
    let mut reader =
        Raw::login(other.port(), &[("options", &format!("-c afterwrite.token={token}"))]).await;
    assert_eq!(reader.ask("SELECT v FROM t WHERE id = 30").await, ["1"]);
}

async fn older(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    write(&client, 31).await;
    let old = text(&client, "SHOW afterwrite.token").await;
    write(&client, 32).await;
    let new = text(&client, "SHOW afterwrite.token").await;
    for set in [
        format!("SET afterwrite.token = '{old}'"),
        "RESET afterwrite.token".into(),
        "SET afterwrite.token = ''".into(),
    ] {
        let _ = client.batch_execute(&set).await;
        assert_eq!(read(&client, 32).await, 1, "{set}");
        assert_eq!(text(&client, "SHOW afterwrite.token").await, new, "{set}");
    }
}

async fn in_transaction(proxy: &Proxy) {
    let writer = connect(&proxy.url()).await;
    write(&writer, 33).await;
    let token = text(&writer, "SHOW afterwrite.token").await;
    let reader = connect(&proxy.url()).await;
    reader
        .batch_execute(&format!("BEGIN READ ONLY; SET afterwrite.token = '{token}'; COMMIT"))
        .await
        .unwrap_or(());
    reader.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
    reader.batch_execute("BEGIN READ ONLY").await.unwrap();
    assert_eq!(read(&reader, 33).await, 1);
    reader.batch_execute("COMMIT").await.unwrap();
}

async fn discard(proxy: &Proxy) {
    for (id, end) in [(34, "DISCARD ALL"), (35, "RESET ALL"), (36, "DEALLOCATE ALL")] {
        let client = connect(&proxy.url()).await;
        write(&client, id).await;
        client.batch_execute(end).await.unwrap();
        assert_eq!(read(&client, id).await, 1, "{end}");
        write(&client, id).await;
        assert_eq!(read(&client, id).await, 1, "{end}");
    }
}

/// The session goes on, and its reads are answered by the primary.
async fn bad_tokens(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    write(&client, 37).await;
    let token = text(&client, "SHOW afterwrite.token").await;
    let cut = &token[..token.len() - 3];
    for bad in ["nonsense", "v1.", "v9.AAAA", cut, &"x".repeat(10_000), "v1.\u{e9}"] {
        client.batch_execute(&format!("SET afterwrite.token = '{bad}'")).await.unwrap();
        assert_eq!(read(&client, 37).await, 1);
        let decision = text(&client, "SHOW afterwrite.last_decision").await;
        assert!(decision.starts_with("primary: bad_token"), "{decision}");
    }
}

/// Of a restored or other cluster: it says nothing here, so the primary answers.
async fn foreign(bed: &Bed) {
    let other = Bed::with(Plan { replicas: 0, ..Plan::default() }, &[]).await;
    let writer = connect(&other.proxy.url()).await;
    writer.batch_execute("CREATE TABLE x (n int)").await.unwrap();
    let token = text(&writer, "SHOW afterwrite.token").await;
    let client = connect(&bed.proxy.url()).await;
    connect(&bed.direct()).await.batch_execute("UPDATE t SET v = 1 WHERE id = 38").await.unwrap();
    client.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
    let begin = Instant::now();
    let seen = read(&client, 38).await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(seen, 1, "a foreign token was taken as covered");
}

/// A forged position that nobody will reach parks nobody.
async fn future(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    write(&client, 39).await;
    let token = text(&client, "SHOW afterwrite.token").await;
    // Any other letter early in the position's bytes; whatever it then says, no hang.
    for at in 24..token.len() {
        let mut forged = token.clone();
        forged.replace_range(at..=at, if &token[at..=at] == "z" { "y" } else { "z" });
        let victim = connect(&proxy.url()).await;
        let _ = victim.batch_execute(&format!("SET afterwrite.token = '{forged}'")).await;
        let begin = Instant::now();
        read(&victim, 39).await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{forged}: {:?}", begin.elapsed());
        write(&victim, 39).await;
        assert_eq!(read(&victim, 39).await, 1);
    }
}
