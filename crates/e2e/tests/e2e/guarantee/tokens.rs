//! Tokens from outside: signed, exchanged keys, forged, of the future, of elsewhere.

use std::path::Path;
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};

use crate::support::{
    Bed, Checks, Proxy, Raw, afterwrite, connect, eventually, number, run, sqlstate, text,
};

const ONE: &str = "1:the first secret of these tests is long enough";
const TWO: &str = "2:the second secret of these tests is long too";

fn keys(list: &str) -> String {
    format!("tokens.keys={list}")
}

#[tokio::test]
async fn tokens_from_outside_make_no_read_stale() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(400); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", &keys(ONE)]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 99) n").await;
    let unsigned = bed.another(&[]).await;
    let both = bed.another(&["--set", &keys(&format!("{TWO},{ONE}"))]).await;
    let mut checks = Checks::default();
    checks.run("signed, by another proxy", signed(&bed.proxy, &both)).await;
    checks.run("hostile, where they are signed", hostile(&bed, &bed.proxy, true)).await;
    checks.run("hostile, where they are not", hostile(&bed, &unsigned, false)).await;
    checks.run("ahead of what a proxy knows", ahead(&bed, &unsigned)).await;
    checks.run("several", several(&bed.proxy)).await;
    checks.run("by set_config", by_set_config(&bed.proxy)).await;
    checks.run("who has recovered reads from replicas", recovered(&bed, &unsigned)).await;
    checks.run("decoded", decoded(&bed)).await;
}

async fn write(proxy: &Proxy, id: i32) -> String {
    let client = connect(&proxy.url()).await;
    client.batch_execute(&format!("UPDATE t SET v = 1 WHERE id = {id}")).await.unwrap();
    text(&client, "SHOW afterwrite.token").await
}

async fn reads(proxy: &Proxy, id: i32, token: &str) -> (i64, String) {
    let client = connect(&proxy.url()).await;
    client.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
    let seen = number(&client, &format!("SELECT v FROM t WHERE id = {id}")).await;
    (seen, text(&client, "SHOW afterwrite.last_decision").await)
}

async fn count(proxy: &Proxy, result: &str) -> f64 {
    proxy.metrics().await.sum("afterwrite_tokens_total", &[("result", result)])
}

async fn signed(one: &Proxy, both: &Proxy) {
    let token = write(one, 1).await;
    assert_eq!(token.len(), 43, "{token}");
    let before = count(both, "good").await;
    let (seen, decision) = reads(both, 1, &token).await;
    assert_eq!(seen, 1);
    assert!(!decision.contains("bad_token"), "{decision}");
    assert!(count(both, "good").await > before);
    // By the new key, which the first proxy does not have.
    let (seen, decision) = reads(one, 2, &write(both, 2).await).await;
    assert_eq!(seen, 1);
    assert!(decision.starts_with("primary: bad_token"), "{decision}");
    assert!(count(one, "forged").await >= 1.0);
}

/// A token with other bytes: its letters are changed from `at` on.
fn changed(token: &str, at: usize, to: &str) -> String {
    let mut changed = token.to_owned();
    changed.replace_range(at..at + to.len(), to);
    changed
}

/// None of them fails anything, keeps anyone waiting, or is believed.
async fn hostile(bed: &Bed, proxy: &Proxy, signs: bool) {
    let own = write(proxy, 10).await;
    let unsigned = format!("v1.{}A", &own[3..30]);
    let other = Cluster::start(Plan { replicas: 0, ..Plan::default() }, &|_| ()).await.unwrap();
    let elsewhere = Proxy::start(&[&other.url(), "--set", &keys(ONE)]).await;
    let writer = connect(&elsewhere.url()).await;
    writer.batch_execute("CREATE TABLE x (n int)").await.unwrap();
    let foreign = text(&writer, "SHOW afterwrite.token").await;
    // The letters at 14 are the timeline's highest bits, those at 19 the LSN's.
    let newer = changed(&unsigned, 15, "zz");
    let far = changed(&unsigned, 20, "zz");
    let kinds = [
        ("malformed", "garbage".to_owned()),
        ("malformed", "v1.".to_owned()),
        ("malformed", own[..25].to_owned()),
        ("malformed", "A".repeat(5_000)),
        ("foreign", foreign),
        (if signs { "forged" } else { "future" }, far),
        (if signs { "forged" } else { "future" }, newer),
    ];
    let mut id = if signs { 20 } else { 50 };
    for (kind, token) in kinds {
        let label = token.get(..43).unwrap_or(&token);
        for way in ["set", "startup", "hint"] {
            id += 1;
            let sql = format!("UPDATE t SET v = 1 WHERE id = {id}");
            connect(&bed.direct()).await.batch_execute(&sql).await.unwrap();
            let before = count(proxy, kind).await;
            let read = format!("SELECT v FROM t WHERE id = {id}");
            let begin = Instant::now();
            let startup = [("afterwrite.token", token.as_str())];
            let more: &[(&str, &str)] = if way == "startup" { &startup } else { &[] };
            // A hint is limited, too.
            if way != "set" && token.len() > 1000 {
                continue;
            }
            let mut raw = Raw::login(proxy.port(), more).await;
            if way == "set" {
                raw.ask(&format!("SET afterwrite.token = '{token}'")).await;
            }
            let hint = format!("{read} /*afterwrite.token='{token}'*/");
            let seen = raw.ask(if way == "hint" { &hint } else { &read }).await;
            assert!(begin.elapsed() < Duration::from_millis(900), "{label}: {:?}", begin.elapsed());
            assert_eq!(seen, ["1"], "{label}, {way}");
            let decision = raw.ask("SHOW afterwrite.last_decision").await;
            assert!(decision[0].starts_with("primary: bad_token"), "{label}, {way}: {decision:?}");
            let counted = count(proxy, kind).await - before;
            assert!((counted - 1.0).abs() < 0.1, "{label}, {way}: {counted}");
            // It goes on as any session.
            raw.ask(&format!("UPDATE t SET v = 2 WHERE id = {id}")).await;
            assert_eq!(raw.ask(&read).await, ["2"], "{label}, {way}");
        }
    }
}

/// One proxy has captured a position that the other has not heard of.
async fn ahead(bed: &Bed, proxy: &Proxy) {
    let writer = bed.another(&[]).await;
    for id in 80..90 {
        let token = write(&writer, id).await;
        let (seen, decision) = reads(proxy, id, &token).await;
        assert_eq!(seen, 1);
        assert!(!decision.contains("bad_token"), "{decision}");
    }
}

async fn several(proxy: &Proxy) {
    let [old, new] = [write(proxy, 90).await, write(proxy, 91).await];
    for both in [format!("{old},{new}"), format!("{new}, {old}")] {
        let (seen, decision) = reads(proxy, 91, &both).await;
        assert_eq!(seen, 1);
        assert!(!decision.contains("bad_token"), "{decision}");
    }
}

/// It would say nothing to the proxy: who tries is told so. Where the name is not in the text
/// nobody can see it, and the client is tied to the primary.
async fn by_set_config(proxy: &Proxy) {
    let token = write(proxy, 92).await;
    let client = connect(&proxy.url()).await;
    let row = client.query_one("SELECT set_config('afterwrite.token', $1, false)", &[&token]).await;
    assert_eq!(sqlstate(&row.unwrap_err()), "0A000");
    let name = "afterwrite.token";
    let row = client.query_one("SELECT set_config($1, $2, false)", &[&name, &token]).await;
    assert_eq!(row.unwrap().get::<_, String>(0), token);
    assert_eq!(number(&client, "SELECT v FROM t WHERE id = 92").await, 1);
    let decision = text(&client, "SHOW afterwrite.last_decision").await;
    assert!(decision.starts_with("primary"), "{decision}");
}

/// The primary answers for a bad token only until it is taken back.
async fn recovered(bed: &Bed, proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    client.batch_execute("SET afterwrite.token = 'garbage'").await.unwrap();
    number(&client, "SELECT v FROM t WHERE id = 0").await;
    client.batch_execute("RESET afterwrite.token").await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    eventually("a replica", Duration::from_secs(10), || async {
        number(&client, "SELECT v FROM t WHERE id = 0").await;
        text(&client, "SHOW afterwrite.last_decision").await.starts_with("replica")
    })
    .await;
}

async fn decoded(bed: &Bed) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("afterwrite.toml");
    let path = path.to_str().unwrap();
    configure(Path::new(path), &bed.cluster, &format!("[\"{ONE}\"]"));
    let token = write(&bed.proxy, 95).await;
    let told = run(afterwrite(), &["token", "decode", &token], "").ok();
    for line in
        ["version:    v2 (signed)", "timeline:   1", "key:        1", "signature:  not checked"]
    {
        assert!(told.contains(line), "{told}");
    }
    let told = run(afterwrite(), &["token", "decode", "--json", "--config", path, &token], "").ok();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((told["version"].as_str(), told["signature"].as_str()), (Some("v2"), Some("good")));
    let system = text(
        &connect(&bed.direct()).await,
        "SELECT system_identifier::text FROM pg_control_system()",
    )
    .await;
    assert_eq!(told["system"].as_str(), Some(system.as_str()));
    let forged = changed(&token, 41, if token.ends_with("zz") { "yy" } else { "zz" });
    let ran = run(afterwrite(), &["token", "decode", "--config", path, &forged], "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("signature:  bad"), "{ran:?}");
    let ran = run(afterwrite(), &["token", "decode", "v1.nonsense"], "");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.err.contains("begins with v1."), "{ran:?}");
    for ran in [run(afterwrite(), &["token", "--help"], ""), run(afterwrite(), &["--help"], "")] {
        assert!(ran.out.contains("oken"), "{ran:?}");
    }
}

fn configure(path: &Path, cluster: &Cluster, keys: &str) {
    let nodes: Vec<_> = std::iter::once(cluster.primary())
        .chain(cluster.replicas())
        .map(|server| format!("\"127.0.0.1:{}\"", server.port()))
        .collect();
    let text = format!(
        "[cluster]\nnodes = [{}]\nuser = \"app\"\ndatabase = \"app\"\n\
         [clients]\nauth = \"trust\"\n[tokens]\nkeys = {keys}\n",
        nodes.join(", ")
    );
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn keys_are_exchanged_while_clients_stay() {
    let cluster = Cluster::start(Plan::default(), &|_| ()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("afterwrite.toml");
    configure(&path, &cluster, &format!("[\"{ONE}\"]"));
    let proxy = Proxy::start(&["--config", path.to_str().unwrap()]).await;
    let client = connect(&proxy.url()).await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 99) n").await.unwrap();
    let of_one = write(&proxy, 1).await;
    let reader = connect(&proxy.url()).await;
    // One that holds its connection takes up new keys, too.
    let holder = connect(&proxy.url()).await;
    holder.batch_execute("BEGIN").await.unwrap();
    let steps: [(&str, u8, bool); 4] = [
        (&format!("[\"{ONE}\", \"{TWO}\"]"), 1, true),
        (&format!("[\"{TWO}\", \"{ONE}\"]"), 2, true),
        (&format!("[\"{TWO}\"]"), 2, false),
        ("[]", 0, true),
    ];
    for (keys, signs, believes_one) in steps {
        configure(&path, &cluster, keys);
        proxy.signal("HUP");
        eventually("the keys", Duration::from_secs(10), || async {
            key_of(&write(&proxy, 2).await) == signs
        })
        .await;
        // Clients that were there before know it with their very next statement.
        reader.batch_execute(&format!("SET afterwrite.token = '{of_one}'")).await.unwrap();
        assert_eq!(number(&reader, "SELECT v FROM t WHERE id = 1").await, 1);
        let decision = text(&reader, "SHOW afterwrite.last_decision").await;
        assert_eq!(!decision.contains("bad_token"), believes_one, "{keys}: {decision}");
        let own = write(&proxy, 3).await;
        reader.batch_execute(&format!("SET afterwrite.token = '{own}'")).await.unwrap();
        number(&reader, "SELECT v FROM t WHERE id = 3").await;
        let decision = text(&reader, "SHOW afterwrite.last_decision").await;
        assert!(!decision.contains("bad_token"), "{keys}: {decision}");
        holder.batch_execute(&format!("SET afterwrite.token = '{of_one}'")).await.unwrap();
        assert_eq!(key_of(&text(&holder, "SHOW afterwrite.token").await), signs, "{keys}");
    }
}

/// The number of the key that signed it; 0 for none.
fn key_of(token: &str) -> u8 {
    let told = run(afterwrite(), &["token", "decode", "--json", token], "").ok();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    told["key"].as_u64().and_then(|key| u8::try_from(key).ok()).unwrap_or(0)
}
