//! Servers fail while sessions read and write: no read is stale, nobody hangs, errors
//! are clear, and all is well again afterwards.

use std::time::{Duration, Instant};

use afterwrite_cluster::{Plan as ClusterPlan, StopMode};
use afterwrite_verify::guarantee::{Findings, Plan, Target, Until, check};

use crate::support::{
    Bed, Checks, Proxy, Raw, Relay, Reply, connect, eventually, number, sqlstate, text, within,
};

/// What a client may be told while a server is away: the connection was lost (08),
/// no server can be had (53, 57P), or the write was cut short (25006, 40).
const CLEAR: &[&str] = &["08", "53", "57", "40", "25006"];

/// Sessions at work for so long while `fault` happens.
async fn under_load(bed: &Bed, seconds: u64, fault: impl Future<Output = ()>) -> Findings {
    let plan = Plan {
        sessions: 12,
        keys: 4,
        until: Until::Elapsed(Duration::from_secs(seconds)),
        answer_max: Duration::from_secs(8),
        ..Plan::default()
    };
    let target = Target::One { url: bed.proxy.url() };
    let direct = bed.direct();
    let load = check(&target, &direct, &plan, &|_| ());
    let (findings, ()) = tokio::join!(load, async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fault.await;
    });
    findings.unwrap()
}

/// Nothing stale, nothing lost, nobody waited in vain, every error has a clear code.
fn judge(checks: &mut Checks, name: &str, findings: &Findings) {
    println!("        {name}: {findings}");
    let why = findings.to_string();
    checks.that(&format!("{name}: no stale read"), findings.is_clean(), &why);
    checks.that(&format!("{name}: it went on"), findings.reads > 500 && findings.complete, &why);
    let unclear: Vec<_> = findings
        .errors_by_sqlstate
        .iter()
        .filter(|(kind, _)| !CLEAR.iter().any(|clear| kind.starts_with(clear)) && *kind != "42P01")
        .collect();
    checks.that(&format!("{name}: errors are clear, no hang"), unclear.is_empty(), &why);
}

fn errors(findings: &Findings, checks: &mut Checks, name: &str) {
    let none = findings.errors_by_sqlstate.iter().all(|(kind, _)| kind == "42P01");
    checks.that(&format!("{name}: no client saw it"), none, &findings.to_string());
}

/// All three serve again.
async fn whole_again(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    eventually("the primary", Duration::from_secs(15), async || {
        within("a write", client.batch_execute("CREATE TABLE IF NOT EXISTS again (n int)"))
            .await
            .is_ok()
    })
    .await;
    let mut ports = std::collections::BTreeSet::new();
    let end = Instant::now() + Duration::from_secs(15);
    let reader = connect(&bed.proxy.url()).await;
    while ports.len() < 2 {
        assert!(Instant::now() < end, "only {ports:?} of the replicas serve");
        // One statement: two in turn could each meet the same replica for ever.
        let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN inet_server_port() END";
        let port = text(&reader, sql).await;
        if !port.is_empty() {
            ports.insert(port);
        }
    }
}

#[tokio::test]
async fn replicas_fail() {
    // So that what a crashed replica shows when it is back is older than before.
    let delays = [Duration::from_millis(20), Duration::ZERO];
    let plan = ClusterPlan { apply_delay: delays.to_vec(), ..ClusterPlan::default() };
    let bed = Bed::with(plan, &[]).await;
    let mut checks = Checks::default();
    let replica = bed.replica(0);

    let name = "a backend of a replica is killed";
    let findings = under_load(&bed, 4, async {
        let pid = "SELECT pid FROM pg_stat_activity WHERE usename = 'app' LIMIT 1";
        let rows = replica.query(pid).await.unwrap();
        let pid: i32 = rows[0][0].as_ref().unwrap().parse().unwrap();
        replica.kill_backend(pid).unwrap();
    })
    .await;
    judge(&mut checks, name, &findings);
    checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;

    let name = "a replica is killed, and comes back";
    let findings = under_load(&bed, 6, async {
        replica.kill().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        replica.start().await.unwrap();
    })
    .await;
    judge(&mut checks, name, &findings);
    checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;

    let name = "a replica stops at once, with replay behind what it showed";
    let findings = under_load(&bed, 6, async {
        replica.set_apply_delay(Duration::from_secs(2)).await.unwrap();
        replica.restart(StopMode::Immediate).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        replica.set_apply_delay(Duration::ZERO).await.unwrap();
    })
    .await;
    judge(&mut checks, name, &findings);
    checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;

    let name = "replay is paused and resumed";
    let findings = under_load(&bed, 4, async {
        for replica in bed.cluster.replicas() {
            replica.pause_replay().await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        for replica in bed.cluster.replicas() {
            replica.resume_replay().await.unwrap();
        }
    })
    .await;
    judge(&mut checks, name, &findings);
    errors(&findings, &mut checks, name);

    let name = "a replica is frozen";
    let findings = under_load(&bed, 7, async {
        replica.suspend().unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        replica.resume().unwrap();
    })
    .await;
    judge(&mut checks, name, &findings);
    checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;

    let name = "both replicas are away";
    let findings = under_load(&bed, 5, async {
        for replica in bed.cluster.replicas() {
            replica.stop(StopMode::Fast).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        for replica in bed.cluster.replicas() {
            replica.start().await.unwrap();
        }
    })
    .await;
    judge(&mut checks, name, &findings);
    checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;
}

#[tokio::test]
async fn a_read_runs_again_when_its_replica_dies() {
    let bed = Bed::start(&[]).await;
    bed.prepare("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 100)").await;
    let mut checks = Checks::default();
    for extended in [false, true] {
        let how = if extended { "extended" } else { "simple" };
        checks.run(&format!("{how}: nothing seen"), nothing_seen(&bed, extended)).await;
    }
    checks.run("rows seen", rows_seen(&bed)).await;
    checks.run("half a row seen", half_a_row_seen(&bed)).await;
    checks.run("in a transaction", in_transaction(&bed)).await;
}

/// The replica that runs `mark` is killed and started again.
async fn kill_who_runs(bed: &Bed, mark: &str) {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%{mark}%' AND state = 'active' AND pid <> pg_backend_pid()"
    );
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        for replica in bed.cluster.replicas() {
            if !replica.query(&sql).await.unwrap().is_empty() {
                replica.kill().await.unwrap();
                replica.start().await.unwrap();
                return;
            }
        }
        assert!(Instant::now() < end, "nobody runs {mark}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn nothing_seen(bed: &Bed, extended: bool) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("INSERT INTO t VALUES (0)").await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(5)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let expected = number(&client, "SELECT count(*) FROM t").await;
    let mark = format!("mark_{extended}");
    let sql = format!("SELECT count(*) AS {mark} FROM t, (SELECT pg_sleep(1.5)) s");
    let before = bed.proxy.metrics().await.sum("afterwrite_reroutes_total", &[]);
    let read = async {
        if extended {
            let row = client.query_one(&sql, &[]).await;
            row.map(|row| row.get::<_, i64>(0))
        } else {
            client.simple_query(&sql).await.map(|_| expected)
        }
    };
    let (count, ()) = tokio::join!(within("the read", read), kill_who_runs(bed, &mark));
    assert_eq!(count.unwrap(), expected);
    let after = bed.proxy.metrics().await.sum("afterwrite_reroutes_total", &[]);
    assert!(after > before, "the reroute is counted");
    whole_again(bed).await;
}

/// Part of the result is out, up to the end of a row: an error, not a second beginning.
async fn rows_seen(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    // The server sends 8192 bytes at a time: here the description and three whole rows.
    raw.query(
        "SELECT repeat('x', 2708) AS mark_rows FROM generate_series(1, 6) n \
         WHERE n < 5 OR pg_sleep(2) IS NOT NULL",
    )
    .await;
    for tag in *b"TDDD" {
        assert_eq!(raw.receive().await.tag, tag);
    }
    kill_who_runs(bed, "mark_rows").await;
    let replies = to_the_end(&mut raw).await;
    let errors: Vec<_> = replies.iter().filter(|reply| reply.tag == b'E').collect();
    assert_eq!(errors.len(), 1, "{replies:?}");
    let code = errors[0].code();
    assert!(code.starts_with("08") || code.starts_with("57"), "{code}");
    if replies.last().is_some_and(|reply| reply.tag == b'Z') {
        assert_eq!(raw.ask("SELECT 1").await, ["1"], "the client's connection goes on");
    }
    whole_again(bed).await;
}

/// Half a row is out: there is no place for an error, so the connection ends.
async fn half_a_row_seen(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.query(
        "SELECT n AS mark_half, repeat('x', 10000), CASE WHEN n > 99 THEN pg_sleep(2) END \
         FROM t ORDER BY n",
    )
    .await;
    for _ in 0..5 {
        raw.receive().await;
    }
    kill_who_runs(bed, "mark_half").await;
    let replies = to_the_end(&mut raw).await;
    assert!(!replies.iter().any(|reply| reply.tag == b'C'), "it did not end well");
    whole_again(bed).await;
}

/// What comes up to the end of the answer, or of the connection.
async fn to_the_end(raw: &mut Raw) -> Vec<Reply> {
    let mut replies = Vec::new();
    while let Some(reply) = raw.next().await {
        let ready = reply.tag == b'Z';
        replies.push(reply);
        if ready {
            break;
        }
    }
    replies
}

/// A transaction that lost its server is over, and says so.
async fn in_transaction(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("BEGIN READ ONLY").await.unwrap();
    number(&client, "SELECT count(*) FROM t").await;
    let sql = "SELECT count(*) AS mark_tx FROM t, (SELECT pg_sleep(1.5)) s";
    let (outcome, ()) = tokio::join!(client.simple_query(sql), kill_who_runs(bed, "mark_tx"));
    let error = outcome.unwrap_err();
    let code = sqlstate(&error);
    assert!(code.starts_with("08") || code.starts_with("57"), "{error:?}");
    let _ = within("the rollback", client.simple_query("ROLLBACK")).await;
    if !client.is_closed() {
        assert!(number(&client, "SELECT count(*) FROM t").await > 0);
    }
    whole_again(bed).await;
}

#[tokio::test]
async fn the_primary_fails() {
    let bed = Bed::start(&[]).await;
    let mut checks = Checks::default();
    let primary = bed.cluster.primary();
    for (name, mode) in [("fast", StopMode::Fast), ("immediate", StopMode::Immediate)] {
        let name = format!("the primary restarts, {name}");
        let findings = under_load(&bed, 5, async { primary.restart(mode).await.unwrap() }).await;
        judge(&mut checks, &name, &findings);
        checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;
    }

    checks.run("while it is away", while_away(&bed)).await;
    checks.run("while it is away: whole again", whole_again(&bed)).await;

    let name = "the primary is frozen";
    let findings = under_load(&bed, 8, async {
        primary.suspend().unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        primary.resume().unwrap();
    })
    .await;
    judge(&mut checks, name, &findings);
    checks.run(&format!("{name}: whole again"), whole_again(&bed)).await;
}

/// Reads that no write binds go on; writes fail clearly, within a bound; and the
/// outcome of a write that was cut short is not claimed to be known.
async fn while_away(bed: &Bed) {
    let [reader, writer] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    bed.prepare("CREATE TABLE IF NOT EXISTS t (n int)").await;
    writer.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(5)).await.unwrap();
    // A table made behind the proxy's back is known within a moment.
    eventually("the table is known", Duration::from_secs(10), async || {
        number(&writer, "SELECT count(*) FROM t").await;
        text(&writer, "SHOW afterwrite.last_decision").await.starts_with("replica")
    })
    .await;
    bed.cluster.primary().stop(StopMode::Immediate).await.unwrap();
    for _ in 0..5 {
        assert_eq!(text(&reader, "SELECT pg_is_in_recovery()").await, "t");
        assert_eq!(number(&writer, "SELECT count(*) FROM t").await, 1, "covered by a replica");
        let begin = Instant::now();
        let error = writer.batch_execute("INSERT INTO t VALUES (2)").await.unwrap_err();
        let code = sqlstate(&error);
        assert!(
            code.starts_with("08") || code.starts_with("57") || code.starts_with("53"),
            "{error:?}"
        );
        assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
        if writer.is_closed() {
            break;
        }
    }
    // Of what a table is that nobody knows, nobody can be asked: the words must do.
    let error = reader.simple_query("SELECT * FROM never_made").await.unwrap_err();
    assert_eq!(sqlstate(&error), "42P01", "a replica says so");
    // New clients too.
    let newcomer = connect(&bed.proxy.url()).await;
    assert_eq!(text(&newcomer, "SELECT pg_is_in_recovery()").await, "t");
    bed.cluster.primary().start().await.unwrap();
}

/// The way to the primary is cut while a write runs there, and the write goes on: it is
/// committed when nobody waits for it any more. Until then no position covers it.
#[tokio::test]
async fn a_write_whose_way_is_cut_is_in_doubt_until_its_process_is_gone() {
    const LAST: &str = "SHOW afterwrite.last_decision";
    let bed = Bed::start(&[]).await;
    bed.prepare("CREATE TABLE t (n int); INSERT INTO t VALUES (0)").await;
    let primary = bed.cluster.primary().port();
    let way = Relay::to(primary).await;
    let url = bed.cluster.url().replacen(&primary.to_string(), &way.port.to_string(), 1);
    let proxy = Proxy::start(&[&url]).await;
    let [client, other] = [connect(&proxy.url()).await, connect(&proxy.url()).await];
    for keyed in [&client, &other] {
        keyed.batch_execute("SET afterwrite.session = 'user:1'").await.unwrap();
    }
    number(&client, "SELECT count(*) FROM t").await;
    let write = client.simple_query("INSERT INTO t SELECT 1 FROM pg_sleep(3)");
    let (written, ()) = tokio::join!(within("the write", write), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        way.cut();
        way.lead_to(primary);
    });
    let error = written.unwrap_err();
    assert!(sqlstate(&error).starts_with("08"), "{error:?}");
    let direct = connect(&bed.direct()).await;
    let runs = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT%pg_sleep(3)%'";
    let mut looked = 0;
    while number(&direct, runs).await > 0 {
        for (reader, expected) in [(&client, "primary: in_doubt"), (&other, "primary: pending")] {
            match within("a read", reader.simple_query("SELECT count(*) FROM t")).await {
                Ok(_) => {
                    let decision = text(reader, LAST).await;
                    assert!(decision.starts_with(expected), "{decision} while the write runs");
                    looked += 1;
                }
                // The primary is found again in a moment.
                Err(error) => assert_eq!(sqlstate(&error), "57P03", "{error:?}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(looked > 10, "{looked}");
    for reader in [&client, &other] {
        eventually("replicas answer", Duration::from_secs(10), async || {
            assert_eq!(number(reader, "SELECT count(*) FROM t").await, 2, "it was committed");
            text(reader, LAST).await.starts_with("replica")
        })
        .await;
    }
}
