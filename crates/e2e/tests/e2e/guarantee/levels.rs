//! `eventual`, `read_your_writes`, `strong`: for the cluster and for a session.

use std::time::Duration;

use afterwrite_cluster::Plan;

use crate::support::{Bed, Checks, Proxy, connect, number, text};

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
