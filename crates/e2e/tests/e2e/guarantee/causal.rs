//! `causal`: no read sees less than an earlier one, wherever each of them runs.

use std::time::Duration;

use afterwrite_cluster::Plan;
use tokio_postgres::Client;

use crate::support::{Bed, Checks, Proxy, connect, eventually, number, sqlstate, text};

const BOTH: &str = "SELECT v || ' ' || inet_server_port() FROM t";
const BOTH_ON_PRIMARY: &str =
    "SELECT v || ' ' || inet_server_port() FROM t /* afterwrite: primary */";
const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";

#[tokio::test]
async fn no_read_sees_less_than_an_earlier_one() {
    // One replica is well behind the other, and reads take turns.
    let plan =
        Plan { apply_delay: vec![Duration::ZERO, Duration::from_millis(300)], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "routing.balance=round_robin"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    let mut checks = Checks::default();
    checks.run("between replicas", between_replicas(&bed)).await;
    checks.run("a session stays where it has read", stays(&bed)).await;
    checks.run("from the primary to a replica", from_the_primary(&bed)).await;
    checks.run("in a read-only transaction", read_only(&bed)).await;
    checks.run("the token carries what was read", by_token(&bed)).await;
    checks.run("a replica that goes away", replica_goes_away(&bed)).await;
}

async fn causal(proxy: &Proxy) -> Client {
    let client = connect(&proxy.url()).await;
    client.batch_execute("SET afterwrite.level = 'causal'").await.unwrap();
    client
}

/// Reads while another client writes past the proxy: how often a read saw less than the one
/// before it, and on how many servers they ran.
async fn reads(bed: &Bed, client: &Client, sql: impl Fn(usize) -> &'static str) -> (usize, usize) {
    let direct = connect(&bed.direct()).await;
    let first = number(&direct, "SELECT v FROM t").await + 1;
    let writer = tokio::spawn(async move {
        for n in first..first + 150 {
            direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    });
    let (mut last, mut fell, mut ports, mut number) = (0, 0, Vec::new(), 0);
    while !writer.is_finished() {
        let row = text(client, sql(number)).await;
        let (seen, port) = row.split_once(' ').unwrap();
        let seen: i64 = seen.parse().unwrap();
        fell += usize::from(seen < last);
        last = seen;
        if !ports.contains(&port.to_owned()) {
            ports.push(port.to_owned());
        }
        number += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    writer.await.unwrap();
    println!("{number} reads, {fell} saw less than the one before, on {} servers", ports.len());
    assert!(number > 50, "{number}");
    (fell, ports.len())
}

async fn between_replicas(bed: &Bed) {
    let control = connect(&bed.proxy.url()).await;
    let (fell, _) = reads(bed, &control, |_| BOTH).await;
    assert!(fell > 10, "read_your_writes does not promise it: {fell}");
    let client = causal(&bed.proxy).await;
    assert_eq!(reads(bed, &client, |_| BOTH).await.0, 0);
    // To and fro between the primary and replicas.
    let to_and_fro = |number: usize| if number.is_multiple_of(3) { BOTH_ON_PRIMARY } else { BOTH };
    assert_eq!(reads(bed, &client, to_and_fro).await.0, 0);
}

/// No read but the first has to ask the primary anything.
async fn stays(bed: &Bed) {
    let client = causal(&bed.proxy).await;
    text(&client, BOTH).await;
    let port = text(&client, BOTH).await.split(' ').nth(1).unwrap().to_owned();
    let before = bed.proxy.metrics().await.sum("afterwrite_fences_total", &[]);
    for _ in 0..30 {
        assert_eq!(text(&client, BOTH).await.split(' ').nth(1), Some(port.as_str()));
    }
    let fences = bed.proxy.metrics().await.sum("afterwrite_fences_total", &[]) - before;
    assert!(fences < 1.0, "{fences} fences");
}

async fn from_the_primary(bed: &Bed) {
    let client = causal(&bed.proxy).await;
    let direct = connect(&bed.direct()).await;
    let last = number(&direct, "SELECT v FROM t").await;
    for n in last + 1..last + 20 {
        direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
        assert_eq!(number(&client, "SELECT v FROM t /* afterwrite: primary */").await, n);
        assert_eq!(number(&client, "SELECT v FROM t").await, n);
    }
}

async fn read_only(bed: &Bed) {
    let client = causal(&bed.proxy).await;
    let direct = connect(&bed.direct()).await;
    let last = number(&direct, "SELECT v FROM t").await;
    for n in last + 1..last + 10 {
        direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
        assert_eq!(number(&client, "SELECT v FROM t /* afterwrite: primary */").await, n);
        client.batch_execute("BEGIN READ ONLY").await.unwrap();
        assert_eq!(number(&client, "SELECT v FROM t").await, n);
        client.batch_execute("COMMIT").await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        assert_eq!(number(&client, "SELECT v FROM t").await, n);
        client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(number(&client, "SELECT v FROM t").await, n);
    }
}

/// Whoever is given the token sees what its giver has read.
async fn by_token(bed: &Bed) {
    let (giver, taker) = (causal(&bed.proxy).await, connect(&bed.proxy.url()).await);
    let direct = connect(&bed.direct()).await;
    let last = number(&direct, "SELECT v FROM t").await;
    for n in last + 1..last + 10 {
        direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
        assert_eq!(number(&giver, "SELECT v FROM t /* afterwrite: primary */").await, n);
        let token = text(&giver, "SHOW afterwrite.token").await;
        taker.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
        assert_eq!(number(&taker, "SELECT v FROM t").await, n);
    }
}

/// What was seen on it is seen elsewhere.
async fn replica_goes_away(bed: &Bed) {
    let client = causal(&bed.proxy).await;
    let direct = connect(&bed.direct()).await;
    let n = number(&direct, "SELECT v FROM t").await + 1;
    direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
    // The quicker of both shows it.
    let shows = async || number(&client, "SELECT v FROM t").await == n;
    eventually("a replica shows the write", Duration::from_secs(2), shows).await;
    assert_eq!(text(&client, ON_REPLICA).await, "t");
    bed.replica(0).stop(afterwrite_cluster::StopMode::Immediate).await.unwrap();
    for _ in 0..10 {
        assert_eq!(number(&client, "SELECT v FROM t").await, n);
    }
    bed.replica(0).start().await.unwrap();
}

/// A replica shows a commit that the primary still hides: there it waits for a standby that is
/// not there.
#[tokio::test]
async fn the_primary_is_waited_for_where_a_replica_is_ahead() {
    let bed = Bed::start(&["--set", "routing.wait_max=2s"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    let primary = bed.cluster.primary();
    let mut checks = Checks::default();
    checks.run("a control", hidden(&bed, primary, "read_your_writes", 1)).await;
    checks.run("a read waits", hidden(&bed, primary, "causal", 2)).await;
    checks.run("a transaction waits", hidden_from_transactions(&bed, primary, 3)).await;
    checks.run("it can be cancelled", cancelled_while_it_waits(&bed, primary, 4)).await;
    checks.run("but not for ever", hidden_for_good(&bed, primary, 5)).await;
}

/// Begins a commit that only replicas show.
async fn begin_hidden(bed: &Bed, primary: &afterwrite_cluster::Server, n: i64, reader: &Client) {
    primary.set("synchronous_standby_names", "nobody").await.unwrap();
    let direct = connect(&bed.direct()).await;
    tokio::spawn(async move {
        let _ = direct.batch_execute(&format!("UPDATE t SET v = {n}")).await;
    });
    let shows = async || number(reader, "SELECT v FROM t").await == n;
    eventually("a replica shows the commit", Duration::from_secs(5), shows).await;
}

async fn let_go_soon(primary: &afterwrite_cluster::Server) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    primary.set("synchronous_standby_names", "").await.unwrap();
}

const ON_PRIMARY: &str = "SELECT v FROM t /* afterwrite: primary */";

async fn hidden(bed: &Bed, primary: &afterwrite_cluster::Server, level: &str, n: i64) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute(&format!("SET afterwrite.level = '{level}'")).await.unwrap();
    begin_hidden(bed, primary, n, &client).await;
    let (seen, ()) = tokio::join!(number(&client, ON_PRIMARY), let_go_soon(primary));
    let expected = if level == "causal" { n } else { n - 1 };
    assert_eq!(seen, expected);
    let shows = async || number(&client, ON_PRIMARY).await == n;
    eventually("the primary shows the commit", Duration::from_secs(5), shows).await;
}

async fn hidden_from_transactions(bed: &Bed, primary: &afterwrite_cluster::Server, n: i64) {
    let client = causal(&bed.proxy).await;
    begin_hidden(bed, primary, n, &client).await;
    let transaction = async {
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        let seen = number(&client, "SELECT v FROM t").await;
        client.batch_execute("COMMIT").await.unwrap();
        seen
    };
    let (seen, ()) = tokio::join!(transaction, let_go_soon(primary));
    assert_eq!(seen, n);
}

/// The wait ends with it, not with the connection.
async fn cancelled_while_it_waits(bed: &Bed, primary: &afterwrite_cluster::Server, n: i64) {
    let client = causal(&bed.proxy).await;
    client.batch_execute("SET afterwrite.wait_max = '10s'").await.unwrap();
    begin_hidden(bed, primary, n, &client).await;
    let token = client.cancel_token();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        token.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let begin = std::time::Instant::now();
    let (read, ()) = tokio::join!(client.simple_query(ON_PRIMARY), cancel);
    let error = read.unwrap_err();
    assert_eq!(sqlstate(&error), "57014", "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    primary.set("synchronous_standby_names", "").await.unwrap();
    assert_eq!(number(&client, ON_PRIMARY).await, n, "and it goes on");
}

/// No replica could answer at any level of the list: the primary does, and what it shows counts.
#[tokio::test]
async fn what_the_primary_shows_at_the_end_of_a_list_is_seen_later() {
    let plan = Plan { apply_delay: vec![Duration::from_secs(3); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "routing.wait_max=20ms"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    let (client, direct) = (causal(&bed.proxy).await, connect(&bed.direct()).await);
    let list = "SET afterwrite.at_timeout = 'bounded within 1ms'; \
                SET afterwrite.max_staleness = '1ms'";
    client.batch_execute(list).await.unwrap();
    client.batch_execute("UPDATE t SET v = 1").await.unwrap();
    let own = bed.cluster.primary().mark().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2700)).await;
    direct.batch_execute("UPDATE t SET v = 2").await.unwrap();
    assert_eq!(number(&client, "SELECT v FROM t").await, 2, "from the primary");
    for sql in ["RESET afterwrite.at_timeout", "RESET afterwrite.max_staleness"] {
        client.batch_execute(sql).await.unwrap();
    }
    bed.replica(0).wait_for_replay(own, Duration::from_secs(10)).await.unwrap();
    // The probe, too, has seen that.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(number(&connect(&bed.replica(0).url()).await, "SELECT v FROM t").await, 1);
    assert_eq!(number(&client, "SELECT v FROM t").await, 2, "no less than before");
}

/// Others have every connection to the replica that was read from: whoever writes does not
/// wait for them longer than a read may wait.
#[tokio::test]
async fn a_write_does_not_wait_for_a_busy_replica() {
    let bed = Bed::start(&["--set", "pool.size=1", "--set", "routing.wait_max=500ms"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    let client = causal(&bed.proxy).await;
    number(&client, "SELECT v FROM t").await;
    let [one, other] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    for busy in [&one, &other] {
        busy.batch_execute("BEGIN READ ONLY").await.unwrap();
    }
    let begin = std::time::Instant::now();
    client.batch_execute("UPDATE t SET v = 1").await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

async fn hidden_for_good(bed: &Bed, primary: &afterwrite_cluster::Server, n: i64) {
    let client = causal(&bed.proxy).await;
    client.batch_execute("SET afterwrite.wait_max = '50ms'").await.unwrap();
    begin_hidden(bed, primary, n, &client).await;
    let error = client.simple_query(ON_PRIMARY).await.unwrap_err();
    assert_eq!(sqlstate(&error), "72AW1");
    assert_eq!(number(&client, "SELECT v FROM t").await, n, "a replica still answers");
    // What the list has behind the primary comes next.
    let listed = "SELECT v FROM t /* afterwrite: primary, at_timeout=eventual */";
    assert_eq!(sqlstate(&client.simple_query(listed).await.unwrap_err()), "72AW1", "{listed}");
    // What may read is not sent either, what only writes is.
    for sql in ["BEGIN", "SELECT v FROM t FOR UPDATE", "SELECT nobody_knows()"] {
        let error = client.simple_query(sql).await.unwrap_err();
        assert_eq!(sqlstate(&error), "72AW1", "{sql}");
    }
    for sql in ["SET synchronous_commit = local", "CREATE TABLE own ()"] {
        client.batch_execute(sql).await.unwrap();
    }
    client.batch_execute("RESET synchronous_commit").await.unwrap();
    let counted = bed.proxy.metrics().await.sum("afterwrite_reads_hidden_total", &[]);
    assert!(counted >= 5.0, "{counted}");
    primary.set("synchronous_standby_names", "").await.unwrap();
    let shows = async || number(&connect(&bed.direct()).await, ON_PRIMARY).await == n;
    eventually("the primary shows the commit", Duration::from_secs(5), shows).await;
    assert_eq!(number(&client, ON_PRIMARY).await, n);
}

/// Whoever could say what it has shown is gone: another replica says it, or nobody.
#[tokio::test]
async fn the_primary_is_waited_for_where_the_replica_that_was_ahead_is_gone() {
    let bed = Bed::start(&["--set", "routing.wait_max=2s"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    bed.prepare("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)").await;
    let primary = bed.cluster.primary();
    // Others have a transaction open all the time, which has nothing to do with it.
    let open = connect(&bed.direct()).await;
    open.batch_execute("BEGIN; DELETE FROM other").await.unwrap();
    let mut checks = Checks::default();
    checks.run("another knows", hidden_by_one_that_is_gone(&bed, primary, 1)).await;
    open.batch_execute("COMMIT").await.unwrap();
    checks.run("nobody knows", hidden_by_all_that_are_gone(&bed, primary, 2)).await;
}

async fn hidden_by_one_that_is_gone(bed: &Bed, primary: &afterwrite_cluster::Server, n: i64) {
    let client = causal(&bed.proxy).await;
    begin_hidden(bed, primary, n, &client).await;
    let read_from = number(&client, "SELECT inet_server_port() FROM t").await;
    let first = i64::from(bed.replica(0).port()) == read_from;
    let gone = bed.replica(usize::from(!first));
    gone.stop(afterwrite_cluster::StopMode::Immediate).await.unwrap();
    let (seen, ()) = tokio::join!(number(&client, ON_PRIMARY), let_go_soon(primary));
    assert_eq!(seen, n);
    gone.start().await.unwrap();
}

async fn hidden_by_all_that_are_gone(bed: &Bed, primary: &afterwrite_cluster::Server, n: i64) {
    let client = causal(&bed.proxy).await;
    begin_hidden(bed, primary, n, &client).await;
    for gone in [bed.replica(0), bed.replica(1)] {
        gone.stop(afterwrite_cluster::StopMode::Immediate).await.unwrap();
    }
    let (seen, ()) = tokio::join!(number(&client, ON_PRIMARY), let_go_soon(primary));
    assert_eq!(seen, n);
}

/// No replica shows the session's own write in time, the primary does not show what a replica
/// has shown: what the list has behind the primary comes next.
#[tokio::test]
async fn a_list_goes_on_behind_a_primary_that_hides_something() {
    let bed = Bed::start(&["--set", "routing.wait_max=50ms"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0); CREATE TABLE own (n int)").await;
    bed.replica(1).stop(afterwrite_cluster::StopMode::Fast).await.unwrap();
    let primary = bed.cluster.primary();
    let client = causal(&bed.proxy).await;
    begin_hidden(&bed, primary, 1, &client).await;
    // The replica that has shown it falls behind the session's own write.
    let replica = connect(&bed.replica(0).superuser_url()).await;
    replica.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
    let is_paused = async || text(&replica, paused).await == "t";
    eventually("replay is paused", Duration::from_secs(5), is_paused).await;
    client.batch_execute("SET afterwrite.at_timeout = 'primary'").await.unwrap();
    for sql in ["SET synchronous_commit = local", "INSERT INTO own VALUES (1)"] {
        client.batch_execute(sql).await.unwrap();
    }
    let read = "SELECT v FROM t";
    assert_eq!(sqlstate(&client.simple_query(read).await.unwrap_err()), "72AW1");
    client.batch_execute("SET afterwrite.at_timeout = 'primary, eventual'").await.unwrap();
    assert_eq!(text(&client, "SELECT pg_is_in_recovery() FROM t").await, "t");
    client.batch_execute("SET afterwrite.at_timeout = 'primary, error'").await.unwrap();
    assert_eq!(sqlstate(&client.simple_query(read).await.unwrap_err()), "72AW1");
    primary.set("synchronous_standby_names", "").await.unwrap();
    let shows = async || client.simple_query(read).await.is_ok();
    eventually("the primary shows it", Duration::from_secs(5), shows).await;
    assert_eq!(number(&client, read).await, 1);
}
