//! The primary changes: what was written before stays seen, what is lost is told, and
//! servers that are not on its line of history serve nobody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan as ClusterPlan, StopMode};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{
    Bed, Checks, Proxy, Raw, Relay, connect, eventually, number, sqlstate, text, within,
};

/// The console says how the nodes are.
const CONSOLE: [&str; 2] = ["--set", "admin.users=app"];

const SOON: Duration = Duration::from_secs(20);

/// Two replicas, servers that can be rewound, and a login that may see histories or not.
async fn bed(may_see_histories: bool) -> Bed {
    let settings = [("wal_log_hints", "on"), ("synchronous_commit", "local")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let plan = ClusterPlan { settings: settings.to_vec(), ..ClusterPlan::default() };
    let bed = Bed::with(plan, &CONSOLE).await;
    if may_see_histories {
        bed.cluster.primary().query("ALTER ROLE app REPLICATION").await.unwrap();
    }
    bed.prepare("CREATE TABLE t (n int); INSERT INTO t VALUES (0)").await;
    bed
}

/// Waits until the console calls the node so: `up`, `down`, `banned`, `outdated`.
async fn has_state(proxy: &Proxy, port: u16, wanted: &str) {
    let console = connect(&format!("postgres://app@127.0.0.1:{}/afterwrite", proxy.port())).await;
    let port = port.to_string();
    let end = Instant::now() + SOON;
    loop {
        let rows = within("SHOW NODES", console.simple_query("SHOW NODES")).await.unwrap();
        let node = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) if row.get("port") == Some(&port) => {
                Some(["state", "role", "timeline", "position"].map(|it| row.get(it).unwrap_or("")))
            }
            _ => None,
        });
        if node.is_some_and(|node| node[0] == wanted) {
            return;
        }
        assert!(Instant::now() < end, "node {port} is not {wanted} but {node:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many were counted, as text: no two numbers are compared that are not whole.
async fn orphans(proxy: &Proxy, kind: &str) -> String {
    proxy.metrics().await.sum("afterwrite_orphans_total", &[("kind", kind)]).to_string()
}

async fn writes(client: &Client, what: &str) {
    eventually(what, SOON, async || {
        within(what, client.batch_execute("INSERT INTO t VALUES (100)")).await.is_ok()
    })
    .await;
}

/// Where the session's reads run, of many.
async fn ports(client: &Client, reads: usize) -> BTreeSet<String> {
    let mut ports = BTreeSet::new();
    for _ in 0..reads {
        ports.insert(text(client, "SELECT inet_server_port()").await);
    }
    ports
}

/// A write that only the diverged replica has besides the old primary; the old primary dies,
/// and the other replica takes over without it.
async fn lose_a_write(bed: &Bed, losers: &[&Client]) {
    let [new, diverged] = [bed.replica(0), bed.replica(1)];
    new.cut_off().await.unwrap();
    eventually("it is cut off", SOON, async || {
        new.query("SELECT FROM pg_stat_wal_receiver").await.unwrap().is_empty()
    })
    .await;
    for (n, loser) in (1..).zip(losers) {
        loser.batch_execute(&format!("INSERT INTO t VALUES ({n})")).await.unwrap();
    }
    let mark = bed.cluster.primary().mark().await.unwrap();
    diverged.wait_for_replay(mark, SOON).await.unwrap();
    // Seen by the probe, too.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    bed.cluster.primary().kill().await.unwrap();
    new.promote().await.unwrap();
    diverged.follow(new).await.unwrap();
}

#[tokio::test]
async fn a_failover_that_loses_writes() {
    let bed = bed(true).await;
    let mut checks = Checks::default();
    let url = bed.proxy.url();
    let [earlier, quiet, strict, newcomer] =
        [connect(&url).await, connect(&url).await, connect(&url).await, connect(&url).await];
    let mut noticing = Raw::login(bed.proxy.port(), &[]).await;
    earlier.batch_execute("INSERT INTO t VALUES (50)").await.unwrap();
    strict.batch_execute("SET afterwrite.on_orphan = 'error'").await.unwrap();
    noticing.ask("SET afterwrite.on_orphan = 'notice'").await;
    bed.cluster.wait_for_catch_up(SOON).await.unwrap();
    let mine = "SELECT count(*) FROM t WHERE n BETWEEN 1 AND 49";

    // Its write is lost, too.
    let teller = connect(&url).await;
    lose_a_write(&bed, &[&quiet, &strict, &teller]).await;
    let token = text(&teller, "SHOW afterwrite.token").await;
    let [old, new, diverged] = [bed.cluster.primary(), bed.replica(0), bed.replica(1)];
    writes(&newcomer, "a write on the new primary").await;
    has_state(&bed.proxy, diverged.port(), "banned").await;
    checks.that("nobody was told yet", orphans(&bed.proxy, "failover").await == "0", "");

    // What was handed on is still seen, and nothing is said of it.
    assert_eq!(number(&earlier, "SELECT count(*) FROM t WHERE n = 50").await, 1);
    checks.that(
        "what was handed on is no orphan",
        orphans(&bed.proxy, "failover").await == "0",
        "",
    );

    assert_eq!(number(&quiet, mine).await, 0, "the new primary's state");
    assert_eq!(number(&quiet, mine).await, 0);
    checks.that("counted once", orphans(&bed.proxy, "failover").await == "1", "");

    let error = strict.simple_query(mine).await.unwrap_err();
    checks.that("an error", sqlstate(&error) == "WL001", &format!("{error:?}"));
    let detail = error.as_db_error().and_then(|it| it.detail()).unwrap_or_default().to_owned();
    checks.that("it tells the switch point", detail.contains("on timeline 2"), &detail);
    assert_eq!(number(&strict, mine).await, 0, "once");
    checks.that("counted once each", orphans(&bed.proxy, "failover").await == "2", "");

    noticing.query(&format!("SET afterwrite.token = '{token}'")).await;
    while noticing.receive().await.tag != b'Z' {}
    noticing.query(mine).await;
    let mut notices = Vec::new();
    loop {
        let reply = noticing.receive().await;
        match reply.tag {
            b'N' => notices.push(reply.code()),
            b'Z' => break,
            _ => {}
        }
    }
    checks.that("a notice for a token", notices == ["01000"], &format!("{notices:?}"));
    assert_eq!(noticing.ask(mine).await, ["0"]);
    checks.that("a token is counted", orphans(&bed.proxy, "failover").await == "3", "");

    // The diverged replica has what is lost, and shows it to nobody.
    let loose = connect(&url).await;
    loose.batch_execute("SET afterwrite.level = 'eventual'").await.unwrap();
    let used = ports(&loose, 30).await;
    checks.that(
        "nobody reads there",
        !used.contains(&diverged.port().to_string()),
        &format!("{used:?}"),
    );
    let banned = bed.proxy.metrics().await.sum("afterwrite_node_banned", &[("node", "2")]);
    checks.that("the metrics show the ban", banned > 0.0, "");

    // The old primary comes back and would take writes.
    old.start().await.unwrap();
    has_state(&bed.proxy, old.port(), "outdated").await;
    for _ in 0..10 {
        newcomer.batch_execute("INSERT INTO t VALUES (101)").await.unwrap();
        assert_eq!(
            text(&newcomer, "BEGIN; SELECT inet_server_port()").await,
            new.port().to_string()
        );
        newcomer.batch_execute("COMMIT").await.unwrap();
    }
    let zombie = number(&connect(&old.url()).await, "SELECT count(*) FROM t WHERE n = 101").await;
    checks.that("nothing is written there", zombie == 0, &zombie.to_string());
    let used = ports(&loose, 30).await;
    checks.that(
        "nobody reads there",
        !used.contains(&old.port().to_string()),
        &format!("{used:?}"),
    );

    // So does a proxy that has just started: it asks all before it believes one.
    let another = bed.another(&CONSOLE).await;
    let client = connect(&another.url()).await;
    let port = text(&client, "BEGIN; SELECT inet_server_port()").await;
    checks.that("a new proxy, too", port == new.port().to_string(), &port);
    client.batch_execute("ROLLBACK").await.unwrap();
    has_state(&another, old.port(), "outdated").await;
    has_state(&another, diverged.port(), "banned").await;

    // Rewound or rebuilt they serve again.
    old.rewind_to(new).await.unwrap();
    diverged.rebuild_from(new).await.unwrap();
    for port in [old.port(), diverged.port()] {
        has_state(&bed.proxy, port, "up").await;
    }
    newcomer.batch_execute("INSERT INTO t VALUES (102)").await.unwrap();
    let end = Instant::now() + SOON;
    let mut seen = BTreeSet::new();
    while !(seen.contains(&old.port().to_string()) && seen.contains(&diverged.port().to_string())) {
        assert!(Instant::now() < end, "reads that must see something go to {seen:?}");
        seen.extend(ports(&newcomer, 10).await);
    }
    checks.that("told no more", orphans(&bed.proxy, "failover").await == "3", "");
}

/// Sessions that write and read what they have written, each a row of its own, until told to
/// stop: how many reads there were, and those that showed less than was acknowledged.
async fn write_and_read(url: &str, session: i64, stop: &AtomicBool) -> (u64, Vec<String>) {
    let (mut reads, mut stale, mut acknowledged) = (0, Vec::new(), 0);
    let mut client = connect(url).await;
    while !stop.load(Ordering::Relaxed) {
        if client.is_closed() {
            match tokio_postgres::connect(url, tokio_postgres::NoTls).await {
                Ok((new, connection)) => {
                    tokio::spawn(connection);
                    client = new;
                    // What another connection wrote is not in its scope.
                    acknowledged = 0;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            continue;
        }
        let write = format!("UPDATE own SET v = v + 1 WHERE k = {session} RETURNING v");
        let written = within("a write", client.query(&write, &[])).await;
        if let Ok(rows) = written {
            acknowledged = rows[0].get::<_, i64>(0);
        }
        let read = format!("SELECT v FROM own WHERE k = {session}");
        if let Ok(rows) = within("a read", client.query(&read, &[])).await {
            reads += 1;
            let seen = rows[0].get::<_, i64>(0);
            if seen < acknowledged {
                stale.push(format!("session {session}: {seen} after {acknowledged}"));
            }
        }
    }
    (reads, stale)
}

/// The primary is stopped, which hands all it has to its replicas; one of them takes over.
#[tokio::test]
async fn a_promotion_by_plan() {
    let bed = bed(true).await;
    let mut checks = Checks::default();
    bed.prepare(
        "CREATE TABLE own (k bigint PRIMARY KEY, v bigint); \
                 INSERT INTO own SELECT n, 0 FROM generate_series(1, 8) n",
    )
    .await;
    let url = bed.proxy.url();
    let idle = connect(&url).await;
    idle.batch_execute("INSERT INTO t VALUES (7)").await.unwrap();
    let [old, new, other] = [bed.cluster.primary(), bed.replica(0), bed.replica(1)];
    let stop = Arc::new(AtomicBool::new(false));
    let sessions: Vec<_> = (1..=8)
        .map(|session| {
            let (url, stop) = (url.clone(), Arc::clone(&stop));
            tokio::spawn(async move { write_and_read(&url, session, &stop).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    old.stop(StopMode::Fast).await.unwrap();
    new.promote().await.unwrap();
    other.follow(new).await.unwrap();
    old.start_as_replica_of(new).await.unwrap();
    for port in [old.port(), other.port()] {
        has_state(&bed.proxy, port, "up").await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let mut reads = 0;
    for session in sessions {
        let (its, stale) = session.await.unwrap();
        reads += its;
        checks.that("no stale read", stale.is_empty(), &format!("{stale:?}"));
    }
    checks.that("they went on", reads > 500, &reads.to_string());
    assert_eq!(number(&idle, "SELECT count(*) FROM t WHERE n = 7").await, 1);
    let metrics = bed.proxy.metrics().await;
    checks.that("nothing is lost", metrics.sum("afterwrite_orphans_total", &[]) == 0.0, "");
    checks.that("nobody is banned", metrics.sum("afterwrite_node_banned", &[]) == 0.0, "");
    // A floor from before the switch point needs no fence: replicas have it.
    let on_replicas = async || !ports(&idle, 10).await.contains(&new.port().to_string());
    eventually("replicas serve it", Duration::from_secs(10), on_replicas).await;
}

/// The old primary lives on beside the new one: it gets nothing, not even the end of a
/// transaction that is open there, and what it has still acknowledged is told as lost.
#[tokio::test]
async fn an_old_primary_that_lives_on() {
    let bed = bed(true).await;
    let mut checks = Checks::default();
    let url = bed.proxy.url();
    let [holder, writer] = [connect(&url).await, connect(&url).await];
    writer.batch_execute("SET afterwrite.on_orphan = 'error'").await.unwrap();
    bed.cluster.wait_for_catch_up(SOON).await.unwrap();
    let [old, new] = [bed.cluster.primary(), bed.replica(0)];
    holder.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    new.promote().await.unwrap();
    // Nobody has noticed yet.
    writer.batch_execute("INSERT INTO t VALUES (2)").await.unwrap();
    let count = |n| format!("SELECT count(*) FROM t WHERE n = {n}");
    let there = number(&connect(&new.url()).await, &count(2)).await;
    has_state(&bed.proxy, old.port(), "outdated").await;
    let ended = within("COMMIT", holder.batch_execute("COMMIT")).await;
    checks.that("the transaction does not end there", ended.is_err(), "");
    let committed = number(&connect(&old.url()).await, &count(1)).await;
    checks.that("nor is it committed", committed == 0, &committed.to_string());
    let told = within("a read", writer.simple_query(&count(2))).await.err();
    let lost = told.as_ref().is_some_and(|error| sqlstate(error) == "WL001");
    checks.that("lost or told", (there == 0) == lost, &format!("{there}, {told:?}"));
    assert_eq!(number(&writer, &count(2)).await, there);
    for _ in 0..10 {
        writer.batch_execute("INSERT INTO t VALUES (3)").await.unwrap();
    }
    let written = number(&connect(&old.url()).await, &count(3)).await;
    checks.that("nothing more is written there", written == 0, &written.to_string());
    assert_eq!(number(&writer, &count(3)).await, 10);
}

/// A token tells a proxy of a promotion that it has not noticed: whoever brings it is not
/// answered by the old primary, which lives on, before the others were asked. One that is not
/// answered in time holds nobody up.
#[tokio::test]
async fn a_token_that_is_ahead_of_the_primary() {
    const NEW: &str = "SELECT count(*) FROM t WHERE n = 7";
    let bed = bed(true).await;
    let mut checks = Checks::default();
    let [old, new] = [bed.cluster.primary(), bed.replica(0)];
    let mut readers = Vec::new();
    for way in ["set", "hinted", "held", "not answered"] {
        // Asked rarely, and late to answer.
        let name = Relay::to(new.port()).await;
        let (port, named) = (new.port().to_string(), name.port.to_string());
        let url = bed.cluster.url().replacen(&port, &named, 1);
        let timeout =
            if way == "not answered" { "probe.timeout=200ms" } else { "probe.timeout=5s" };
        let rarely = "probe.idle_interval=60s";
        let proxy = Proxy::start(&[&url, "--set", rarely, "--set", timeout]).await;
        let client = connect(&proxy.url()).await;
        if way == "held" {
            client.batch_execute("CREATE TEMP TABLE holds (n int)").await.unwrap();
        }
        assert_eq!(number(&client, NEW).await, 0);
        readers.push((way, name, proxy, client));
    }
    // Who falls back to the primary has the replicas asked more often, for a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    new.promote().await.unwrap();
    has_state(&bed.proxy, old.port(), "outdated").await;
    let writer = connect(&bed.proxy.url()).await;
    writer.batch_execute("INSERT INTO t VALUES (7)").await.unwrap();
    let token = text(&writer, "SHOW afterwrite.token").await;
    for (way, name, _, reader) in &readers {
        name.delay(Duration::from_millis(if *way == "not answered" { 10_000 } else { 50 }));
        let sql = if *way == "hinted" {
            format!("{NEW} /*afterwrite.token='{token}'*/")
        } else {
            let set = format!("SET afterwrite.token = '{token}'");
            reader.batch_execute(&set).await.unwrap();
            NEW.to_owned()
        };
        let seen = within(way, reader.query_one(&sql, &[])).await.map(|row| row.get::<_, i64>(0));
        let right = match *way {
            // Its session was that of the old primary, and is over.
            "held" => seen.is_err(),
            "not answered" => seen.as_ref().is_ok_and(|seen| *seen == 0),
            _ => seen.as_ref().is_ok_and(|seen| *seen == 1),
        };
        checks.that(way, right, &format!("{seen:?}"));
    }
}

/// For as long as nobody has noticed a promotion reads go on there. What hides a write must not
/// write then: it would be noted nowhere. Whatever the client has set.
#[tokio::test]
async fn a_promotion_that_nobody_has_noticed() {
    const HIDES: &str = "SELECT hides(n) FROM one";
    let plan = ClusterPlan { replicas: 1, ..ClusterPlan::default() };
    let unnoticed = ["--set", "probe.idle_interval=5s", "--set", "routing.level=eventual"];
    // Somebody has said so, and is wrong.
    let believed = ["--set", "routing.functions_read=public.hides"];
    let bed = Bed::with(plan, &[unnoticed.as_slice(), &believed].concat()).await;
    bed.prepare(
        "CREATE TABLE log (n int); CREATE TABLE one (n int); INSERT INTO one VALUES (1); \
         CREATE FUNCTION w(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS \
             $$ BEGIN INSERT INTO log VALUES (x); RETURN x; END $$; \
         CREATE FUNCTION hides(x int) RETURNS int LANGUAGE plpgsql STABLE AS \
             $$ BEGIN RETURN w(x); END $$",
    )
    .await;
    let mut clients = Vec::new();
    for set in [
        "SET application_name = 'x'",
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ] {
        let client = connect(&bed.proxy.url()).await;
        client.batch_execute(set).await.unwrap();
        eventually("the function is known, and refused on the replica", SOON, async || {
            assert_eq!(number(&client, HIDES).await, 1);
            let decision = text(&client, "SHOW afterwrite.last_decision").await;
            decision.starts_with("primary: may_write; read: proven_read")
        })
        .await;
        clients.push((set, client));
    }
    // A connection there for each of them.
    for sql in ["BEGIN READ ONLY", "SELECT n FROM one", "COMMIT"] {
        for (_, client) in &clients {
            client.batch_execute(sql).await.unwrap();
        }
    }
    // Who falls back to the primary has the replicas asked more often, for a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    bed.replica(0).promote().await.unwrap();
    let there = connect(&bed.replica(0).url()).await;
    let reads = clients.iter().map(|(set, client)| async move {
        assert_eq!(number(client, HIDES).await, 1);
        (set, text(client, "SHOW afterwrite.last_decision").await)
    });
    let before = number(&there, "SELECT count(*) FROM log").await;
    for (set, decision) in futures_util::future::join_all(reads).await {
        assert!(decision.starts_with("primary: "), "{set}: {decision}");
    }
    let written = number(&there, "SELECT count(*) FROM log").await - before;
    let noticed = bed.proxy.log().iter().filter(|line| line.contains("primary found")).count() > 1;
    assert!(written == 0 || noticed, "{written} written");
}

/// A replica of a replica: one hop more, and the same rules; also once the one above it is the
/// primary, and it goes over to the new timeline without anybody's doing.
#[tokio::test]
async fn a_replica_of_a_replica() {
    let bed = bed(true).await;
    let mut checks = Checks::default();
    let [upper, lower] = [bed.replica(0), bed.replica(1)];
    lower.follow(upper).await.unwrap();
    eventually("it follows", SOON, async || {
        let sql = "SELECT FROM pg_stat_replication WHERE state = 'streaming'";
        !upper.query(sql).await.unwrap().is_empty()
    })
    .await;
    let client = connect(&bed.proxy.url()).await;
    let sees_own = async |n: i64| {
        client.batch_execute(&format!("INSERT INTO t VALUES ({n})")).await.unwrap();
        number(&client, &format!("SELECT count(*) FROM t WHERE n = {n}")).await == 1
    };
    let mut fresh = 0;
    for n in 1000..1100 {
        fresh += i32::from(sees_own(n).await);
    }
    checks.that("own writes", fresh == 100, &fresh.to_string());
    let serves = async || ports(&client, 5).await.contains(&lower.port().to_string());
    eventually("it serves who has written", SOON, serves).await;

    bed.cluster.wait_for_catch_up(SOON).await.unwrap();
    bed.cluster.primary().kill().await.unwrap();
    upper.promote().await.unwrap();
    writes(&client, "a write on the new primary").await;
    let mut fresh = 0;
    for n in 2000..2100 {
        fresh += i32::from(sees_own(n).await);
    }
    checks.that("own writes after the promotion", fresh == 100, &fresh.to_string());
    eventually("it serves who has written since", SOON, serves).await;
}

/// A replica goes over to a primary that the proxy does not know, while the one that it knows
/// lives on; and the login may not see timelines.
#[tokio::test]
async fn a_replica_that_follows_a_stranger() {
    let bed = bed(false).await;
    let [stranger, follower] = [bed.replica(0), bed.replica(1)];
    let without = format!(",127.0.0.1:{}", stranger.port());
    let proxy =
        Proxy::start(&[&bed.cluster.url().replace(&without, ""), CONSOLE[0], CONSOLE[1]]).await;
    bed.cluster.wait_for_catch_up(SOON).await.unwrap();
    let client = connect(&proxy.url()).await;
    eventually("it is read", SOON, async || {
        ports(&client, 1).await.contains(&follower.port().to_string())
    })
    .await;
    stranger.promote().await.unwrap();
    follower.follow(stranger).await.unwrap();
    let there = connect(&stranger.url()).await;
    for _ in 0..50 {
        there.batch_execute("INSERT INTO t SELECT 7 FROM generate_series(1, 100)").await.unwrap();
    }
    has_state(&proxy, follower.port(), "banned").await;
    for n in 1000..1050 {
        client.batch_execute(&format!("INSERT INTO t VALUES ({n})")).await.unwrap();
        assert_eq!(number(&client, &format!("SELECT count(*) FROM t WHERE n = {n}")).await, 1);
    }
    follower.rewind_to(bed.cluster.primary()).await.unwrap();
    has_state(&proxy, follower.port(), "up").await;
}

/// A login that may not see histories: nothing is told, nothing is stale, and all goes on.
#[tokio::test]
async fn a_failover_whose_history_is_not_known() {
    let bed = bed(false).await;
    let mut checks = Checks::default();
    let loser = connect(&bed.proxy.url()).await;
    loser.batch_execute("SET afterwrite.on_orphan = 'error'").await.unwrap();
    bed.cluster.wait_for_catch_up(SOON).await.unwrap();
    lose_a_write(&bed, &[&loser]).await;
    let newcomer = connect(&bed.proxy.url()).await;
    writes(&newcomer, "a write on the new primary").await;
    let mine = "SELECT count(*) FROM t WHERE n BETWEEN 1 AND 49";
    assert_eq!(number(&loser, mine).await, 0, "the new primary's state");
    for _ in 0..20 {
        loser.batch_execute("INSERT INTO t VALUES (60)").await.unwrap();
    }
    assert_eq!(number(&loser, "SELECT count(*) FROM t WHERE n = 60").await, 20);
    let metrics = bed.proxy.metrics().await;
    checks.that("nothing is told", metrics.sum("afterwrite_orphans_total", &[]) == 0.0, "");
    // Read by nobody who must see something.
    let used = ports(&newcomer, 20).await;
    let diverged = bed.replica(1).port().to_string();
    checks.that("nor is the diverged one read", !used.contains(&diverged), &format!("{used:?}"));
    let told = bed.proxy.log().iter().any(|line| line.contains("the login needs REPLICATION"));
    checks.that("the log says what would help", told, "");
}

/// Another cluster at the primary's address, as after a restore.
#[tokio::test]
async fn another_cluster_at_the_same_address() {
    let bed = bed(true).await;
    let mut checks = Checks::default();
    let client = connect(&bed.proxy.url()).await;
    let loose = connect(&bed.proxy.url()).await;
    client.batch_execute("SET afterwrite.on_orphan = 'error'").await.unwrap();
    loose.batch_execute("SET afterwrite.level = 'eventual'").await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    bed.cluster.primary().start_anew().await.unwrap();
    eventually("a write in the new one", SOON, async || {
        let sql = "CREATE TABLE IF NOT EXISTS anew (n int)";
        within("a write", client.batch_execute(sql)).await.is_ok()
    })
    .await;
    client.batch_execute("INSERT INTO anew VALUES (1)").await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM anew").await, 1);
    let void = orphans(&bed.proxy, "void").await;
    checks.that("counted once", void == "1", &void);
    for replica in bed.cluster.replicas() {
        has_state(&bed.proxy, replica.port(), "banned").await;
    }
    let used = ports(&loose, 20).await;
    let only = used.iter().eq([&bed.cluster.primary().port().to_string()]);
    checks.that("the old cluster's replicas are not read", only, &format!("{used:?}"));
    let log = bed.proxy.log();
    let told = log.iter().filter(|line| line.contains("is of another cluster: positions"));
    checks.that("told once", told.count() == 1, "");
}

/// A replica's name leads to another cluster, while the connection that watches it still leads to
/// the first: nobody is shown the other one's data, not even who asks for no freshness.
#[tokio::test]
async fn a_replica_s_name_that_leads_elsewhere() {
    let plan = || ClusterPlan { replicas: 1, ..ClusterPlan::default() };
    let bed = Bed::with(plan(), &[]).await;
    let other = Cluster::start(plan(), &|_| ()).await.unwrap();
    for (url, whose) in [(bed.direct(), "ours"), (other.primary().url(), "theirs")] {
        let sql = format!("CREATE TABLE t (v text); INSERT INTO t VALUES ('{whose}')");
        connect(&url).await.batch_execute(&sql).await.unwrap();
    }
    for cluster in [&bed.cluster, &other] {
        cluster.wait_for_catch_up(SOON).await.unwrap();
    }
    let replica = bed.replica(0).port();
    let name = Relay::to(replica).await;
    let url = bed.cluster.url().replacen(&replica.to_string(), &name.port.to_string(), 1);
    let proxy = Proxy::start(&[&url, "--set", "routing.level=eventual"]).await;
    // Each holds a connection of its own.
    let held = std::cell::RefCell::new(Vec::new());
    let read = async || {
        let client = connect(&proxy.url()).await;
        client.batch_execute("BEGIN READ ONLY").await.unwrap();
        let sql =
            "SELECT v || CASE WHEN pg_is_in_recovery() THEN ' on a replica' ELSE '' END FROM t";
        let seen = text(&client, sql).await;
        held.borrow_mut().push(client);
        seen
    };
    let on_replica = async || read().await == "ours on a replica";
    eventually("a replica reads", SOON, on_replica).await;
    name.turn_to(other.replicas()[0].port());
    for _ in 0..5 {
        let seen = read().await;
        assert!(seen.starts_with("ours"), "{seen}");
    }
    let told = proxy.log().iter().filter(|line| line.contains("leads elsewhere")).count();
    assert_eq!(told, 1);
    // Back again, it is read as before.
    name.turn_to(replica);
    eventually("a replica reads again", SOON, on_replica).await;
}

/// What was acknowledged and not flushed is gone when the primary is back, on the same
/// timeline.
#[tokio::test]
async fn a_restart_that_loses_writes() {
    let bed = Bed::start(&[]).await;
    let mut checks = Checks::default();
    bed.prepare("CREATE TABLE t (n int, filler text)").await;
    let [client, other] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    client.batch_execute("SET afterwrite.on_orphan = 'error'").await.unwrap();
    client.batch_execute("SET synchronous_commit = off").await.unwrap();
    bed.cluster.primary().suspend_wal_writer().await.unwrap();
    // More than the restart itself writes.
    let lost = "INSERT INTO t SELECT 1, repeat('x', 500) FROM generate_series(1, 200)";
    client.batch_execute(lost).await.unwrap();
    bed.cluster.primary().kill().await.unwrap();
    bed.cluster.primary().start().await.unwrap();
    eventually("the primary is back", SOON, async || {
        within("a write", other.batch_execute("INSERT INTO t VALUES (2)")).await.is_ok()
    })
    .await;
    // Its connection to the primary was not held: the session goes on.
    let read = "SELECT count(*) FROM t WHERE n = 1";
    let told = AtomicU64::new(0);
    eventually("it is told, and then answered", SOON, async || {
        let error = client.simple_query(read).await.err();
        let lost = error.as_ref().is_some_and(|error| sqlstate(error) == "WL001");
        told.fetch_add(u64::from(lost), Ordering::Relaxed);
        error.is_none() && told.load(Ordering::Relaxed) > 0
    })
    .await;
    assert_eq!(number(&client, read).await, 0, "it was lost");
    checks.that("told once", told.load(Ordering::Relaxed) == 1, "");
    checks.that("counted once", orphans(&bed.proxy, "restart").await == "1", "");
    let losses = bed.proxy.metrics().await.sum("afterwrite_primary_losses_total", &[]);
    checks.that("the primary's loss is counted", losses >= 1.0, &losses.to_string());
    bed.cluster.wait_for_catch_up(SOON).await.unwrap();
    let end = Instant::now() + SOON;
    while text(&client, "SELECT pg_is_in_recovery()").await != "t" {
        assert!(Instant::now() < end, "its reads stay on the primary");
    }
}
