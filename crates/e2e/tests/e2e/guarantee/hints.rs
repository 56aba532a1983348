//! Hints in comments: level, key, token and place for one statement.

use std::time::Duration;

use afterwrite_cluster::Plan;
use afterwrite_wire::client;
use afterwrite_wire::server::ErrorFields;

use crate::support::{Bed, Checks, Proxy, Raw, connect, eventually, number, psql, text};

const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";

#[tokio::test]
async fn hints_hold_for_one_statement() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(400); 2], ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 99) n").await;
    let mut checks = Checks::default();
    checks.run("strong", strong(&bed)).await;
    checks.run("a key on both sides", key(&bed.proxy)).await;
    checks.run("a key in a transaction", key_in_transaction(&bed.proxy)).await;
    checks.run("a key behind a Flush", key_behind_flush(&bed.proxy)).await;
    checks.run("a token", token(&bed.proxy)).await;
    checks.run("the primary preferred", primary(&bed.proxy)).await;
    checks.run("a weaker level is counted", weaker(&bed.proxy)).await;
    checks.run("a bad hint is told", bad(&bed.proxy)).await;
    checks.run("a bad token is answered by the primary", bad_token(&bed)).await;
    checks.run("a literal is no hint", literals(&bed.proxy)).await;
    checks.run("named statements", named(&bed)).await;
}

async fn read_with(client: &tokio_postgres::Client, id: i32, hint: &str) -> i64 {
    number(client, &format!("SELECT v FROM t WHERE id = {id} {hint}")).await
}

/// A write past the proxy, of which it knows nothing.
async fn write_directly(bed: &Bed, id: i32, value: i32) {
    let sql = format!("UPDATE t SET v = {value} WHERE id = {id}");
    connect(&bed.direct()).await.batch_execute(&sql).await.unwrap();
}

async fn strong(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    write_directly(bed, 1, 1).await;
    assert_eq!(read_with(&client, 1, "").await, 0, "no floor, so a replica");
    let hint = "/*controller='users',afterwrite.level='strong',traceparent='00-ab-cd-01'*/";
    assert_eq!(read_with(&client, 1, hint).await, 1);
    write_directly(bed, 1, 2).await;
    assert_eq!(read_with(&client, 1, "-- afterwrite: level=strong").await, 2);
}

async fn key(proxy: &Proxy) {
    let [writer, reader] = [connect(&proxy.url()).await, connect(&proxy.url()).await];
    // A key that nobody has written since the start asks for a fence, and waits for that once.
    eventually("a read of an unwritten key on a replica", Duration::from_secs(5), async || {
        read_with(&reader, 2, "/* afterwrite: session=user:3 */").await;
        text(&reader, "SHOW afterwrite.last_decision").await.starts_with("replica")
    })
    .await;
    let write = "UPDATE t SET v = 1 WHERE id = 2 /*afterwrite.session='user%3A2'*/";
    writer.batch_execute(write).await.unwrap();
    assert_eq!(read_with(&reader, 2, "/* afterwrite: session=user:3 */").await, 0);
    assert_eq!(read_with(&reader, 2, "").await, 0);
    assert_eq!(read_with(&reader, 2, "/* afterwrite: session=user:2 */").await, 1);
    let set = connect(&proxy.url()).await;
    set.batch_execute("SET afterwrite.session = 'user:2'").await.unwrap();
    assert_eq!(read_with(&set, 2, "").await, 1, "it is the same key");
    assert_eq!(text(&reader, "SHOW afterwrite.session").await, "");
}

async fn key_in_transaction(proxy: &Proxy) {
    let [writer, reader] = [connect(&proxy.url()).await, connect(&proxy.url()).await];
    writer.batch_execute("BEGIN").await.unwrap();
    let write = "UPDATE t SET v = 1 WHERE id = 4 /* afterwrite: session=user:4 */";
    writer.batch_execute(write).await.unwrap();
    assert_eq!(read_with(&reader, 4, "/* afterwrite: session=user:4 */").await, 0);
    writer.batch_execute("COMMIT").await.unwrap();
    assert_eq!(read_with(&reader, 4, "/* afterwrite: session=user:4 */").await, 1);
}

/// What comes behind a Flush is sent on while its exchange is under way.
async fn key_behind_flush(proxy: &Proxy) {
    for (id, set, hint) in [
        (5, "SET afterwrite.session = 'user:5'", ""),
        (6, "RESET afterwrite.session", "/* afterwrite: session=user:6 */"),
    ] {
        let mut writer = Raw::login(proxy.port(), &[]).await;
        writer.ask(set).await;
        let mut batch = Vec::new();
        client::parse(&mut batch, "", &format!("UPDATE t SET v = 1 WHERE id = {id} {hint}"), &[]);
        client::flush(&mut batch);
        client::bind(&mut batch, "", "", &[], &[], &[]);
        client::execute(&mut batch, "", 0);
        client::sync(&mut batch);
        writer.send(&batch).await;
        writer.until(b'Z').await;
        let reader = connect(&proxy.url()).await;
        let seen = read_with(&reader, id, &format!("/* afterwrite: session=user:{id} */")).await;
        assert_eq!(seen, 1, "{set}");
    }
}

async fn token(proxy: &Proxy) {
    let [writer, reader] = [connect(&proxy.url()).await, connect(&proxy.url()).await];
    writer.batch_execute("UPDATE t SET v = 1 WHERE id = 7").await.unwrap();
    let token = text(&writer, "SHOW afterwrite.token").await;
    assert_eq!(read_with(&reader, 7, "").await, 0);
    assert_eq!(read_with(&reader, 7, &format!("/*afterwrite.token='{token}'*/")).await, 1);
}

async fn primary(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    assert_eq!(text(&client, &format!("{ON_REPLICA} -- afterwrite: primary")).await, "f");
    let decision = text(&client, "SHOW afterwrite.last_decision").await;
    assert!(decision.starts_with("primary: hinted"), "{decision}");
    assert_eq!(text(&client, ON_REPLICA).await, "t", "the next is free again");
    let begin = "BEGIN READ ONLY /*afterwrite.route='primary'*/";
    client.batch_execute(begin).await.unwrap();
    assert_eq!(text(&client, ON_REPLICA).await, "f", "the whole transaction is there");
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(text(&client, &format!("/* afterwrite: replica */ {ON_REPLICA}")).await, "t");
}

async fn hints_counted(proxy: &Proxy, kind: &str) -> f64 {
    proxy.metrics().await.sum("afterwrite_hints_total", &[("kind", kind)])
}

async fn weaker(proxy: &Proxy) {
    let before = hints_counted(proxy, "weaker").await;
    let client = connect(&proxy.url()).await;
    client.batch_execute("UPDATE t SET v = 1 WHERE id = 8").await.unwrap();
    assert_eq!(read_with(&client, 8, "/*afterwrite.level='eventual'*/").await, 0);
    let decision = text(&client, "SHOW afterwrite.last_decision").await;
    assert!(decision.starts_with("replica: eventual"), "{decision}");
    assert_eq!(read_with(&client, 8, "").await, 1);
    assert!(hints_counted(proxy, "weaker").await > before);
}

async fn bad(proxy: &Proxy) {
    let before = hints_counted(proxy, "bad").await;
    for (hint, says) in [
        ("/*afterwrite.level='exact'*/", "level \"exact\""),
        ("/*afterwrite.colour='red'*/", "there is no hint \"colour\""),
        ("-- afterwrite: standby", "there is no hint \"standby\""),
    ] {
        let mut client = Raw::login(proxy.port(), &[]).await;
        client.query(&format!("{ON_REPLICA} {hint}")).await;
        let replies = client.until(b'Z').await;
        let notice = replies.iter().find(|reply| reply.tag == b'N').unwrap();
        assert_eq!(notice.code(), "01000");
        let message = ErrorFields::decode(&notice.body).unwrap().message.into_owned();
        assert!(message.contains(says), "{message}");
        let tags: String = replies.iter().map(|reply| char::from(reply.tag)).collect();
        assert_eq!(tags, "TDCNZ", "{hint}");
        assert!(replies[1].body.ends_with(b"t"), "a replica's answer: {:?}", replies[1]);
    }
    assert!(hints_counted(proxy, "bad").await >= before + 3.0);
    let script = "SELECT 41 + 1 /* afterwrite: standby */; SELECT 43;";
    let ran = psql(&proxy.url(), script);
    assert!(ran.err.contains("WARNING:  ignored a hint: there is no hint \"standby\""), "{ran:?}");
    assert!(ran.out.contains("42") && ran.out.contains("43"), "{ran:?}");
}

async fn bad_token(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    write_directly(bed, 9, 1).await;
    assert_eq!(read_with(&client, 9, "/*afterwrite.token='v1.nonsense'*/").await, 1);
    let decision = text(&client, "SHOW afterwrite.last_decision").await;
    assert!(decision.starts_with("primary: bad_token"), "{decision}");
}

async fn literals(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    for literal in [
        "'/* afterwrite: primary */'",
        "'it''s /* afterwrite: primary */'",
        "$a$ -- afterwrite: primary\n $a$",
        r"E'\' -- afterwrite: primary'",
    ] {
        let sql = format!("SELECT pg_is_in_recovery(), {literal} AS \"-- afterwrite: primary\"");
        assert_eq!(text(&client, &sql).await, "t", "{literal}");
    }
    let client = connect(&proxy.url()).await;
    let rows = client.query("SELECT $1::text", &[&"/* afterwrite: primary */"]).await.unwrap();
    assert_eq!(rows[0].get::<_, &str>(0), "/* afterwrite: primary */");
    let decision = text(&client, "SHOW afterwrite.last_decision").await;
    assert!(!decision.starts_with("primary: hinted"), "{decision}");
}

async fn named(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    let plain = client.prepare("SELECT v FROM t WHERE id = $1").await.unwrap();
    let strong = "SELECT v FROM t WHERE id = $1 /*afterwrite.level='strong'*/";
    let strong = client.prepare(strong).await.unwrap();
    for n in 1..=5 {
        write_directly(bed, 10, n).await;
        let row = client.query_one(&strong, &[&10]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), n);
        let row = client.query_one(&plain, &[&10]).await.unwrap();
        assert!(row.get::<_, i32>(0) <= n);
    }
    let write = "UPDATE t SET v = v + 1 WHERE id = $1 /*afterwrite.session='user%3A11'*/";
    let write = client.prepare(write).await.unwrap();
    let reader = connect(&bed.proxy.url()).await;
    let read = "SELECT v FROM t WHERE id = $1 /*afterwrite.session='user%3A11'*/";
    let read = reader.prepare(read).await.unwrap();
    for n in 1..=5 {
        client.execute(&write, &[&11]).await.unwrap();
        let row = reader.query_one(&read, &[&11]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), n);
    }
}
