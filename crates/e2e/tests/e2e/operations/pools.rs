//! Pools: modes, sizes, limits, queues, timeouts, several databases and clusters.

use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan, StopMode};
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;

use super::desk::{Console, Desk, cluster_section, figure};
use crate::support::{Checks, Raw, connect, eventually, number, sqlstate, text, within};

const SOON: Duration = Duration::from_secs(5);

/// Everybody is trusted, and `admin` may use the console.
fn configuration(cluster: &Cluster, more: &str) -> String {
    format!(
        "{}[admin]\nusers = [\"admin\"]\n[users.admin]\npassword = \"unused\"\n{more}",
        cluster_section(cluster)
    )
}

const TRUST: &str = "[clients]\nauth = \"trust\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn pools_keep_to_their_limits() {
    let cluster = Cluster::start(Plan::default(), &|_| ()).await.unwrap();
    let primary = cluster.primary();
    for sql in [
        "CREATE ROLE guest LOGIN",
        "CREATE ROLE tied LOGIN",
        "CREATE DATABASE second OWNER app",
        "GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC",
    ] {
        connect(&primary.superuser_url()).await.batch_execute(sql).await.unwrap();
    }
    let app = connect(&primary.url()).await;
    app.batch_execute("CREATE TABLE line (id serial, who int); GRANT ALL ON line TO PUBLIC")
        .await
        .unwrap();
    app.batch_execute("GRANT ALL ON line_id_seq TO PUBLIC").await.unwrap();
    cluster.wait_for_catch_up(SOON).await.unwrap();
    let mut checks = Checks::default();
    checks.run("modes by database and user", modes(&cluster)).await;
    checks.run("a queue in order, with an end", queue(&cluster)).await;
    checks.run("a reserve, and warm connections", reserve(&cluster)).await;
    checks.run("limits of users and databases", limits(&cluster)).await;
    checks.run("killed connections are not given out", killed(&cluster)).await;
    checks.run("clients that take too long", patience(&cluster)).await;
    checks.run("old and unused connections go", old(&cluster)).await;
    checks.run("several databases and clusters", several(&cluster)).await;
    checks.run("no replicas, many readers: writes go on", fallback(&cluster)).await;
}

async fn modes(cluster: &Cluster) {
    let text_of = configuration(
        cluster,
        &format!(
            "{TRUST}[users.tied]\npool_mode = \"session\"\n[databases.app]\n\
             [databases.session]\ndatabase = \"app\"\npool_mode = \"session\"\npool_size = 1\n\
             [databases.statement]\ndatabase = \"app\"\npool_mode = \"statement\"\n\
             [pool]\nwait_timeout = \"300ms\"\n"
        ),
    );
    let desk = Desk::open(&text_of).await;
    for (user, database) in [("app", "session"), ("tied", "app")] {
        let one = connect(&desk.url(user, database)).await;
        let pid = number(&one, "SELECT pg_backend_pid()").await;
        one.batch_execute("CREATE TEMPORARY TABLE own (n int); PREPARE p AS SELECT 7")
            .await
            .unwrap();
        assert_eq!(number(&one, "SELECT pg_backend_pid()").await, pid, "{user} {database}");
        assert_eq!(text(&one, "SELECT pg_is_in_recovery()").await, "f");
        assert_eq!(number(&one, "EXECUTE p").await, 7);
        if database == "session" {
            // The one connection is taken for as long as its client stays.
            let other = connect(&desk.url(user, database)).await;
            let error = other.simple_query("SELECT 1").await.err().unwrap();
            assert_eq!(sqlstate(&error), "53300", "{error:?}");
            drop(one);
            eventually("it is free, and clean", SOON, || async {
                other.simple_query("SELECT 1").await.is_ok()
            })
            .await;
            assert_eq!(text(&other, "SELECT to_regclass('pg_temp.own') IS NULL").await, "t");
        }
    }
    let one = connect(&desk.url("app", "statement")).await;
    assert_eq!(number(&one, "SELECT 1").await, 1);
    let error = one.batch_execute("BEGIN").await.err().unwrap();
    assert!(format!("{error:?}").contains("statement"), "{error:?}");
    let pools = desk.console("admin").await.rows("SHOW POOLS").await;
    let mode = |database: &str, user: &str| {
        let row = pools.iter().find(|it| it["database"] == database && it["user"] == user);
        row.unwrap_or_else(|| panic!("{database} {user}: {pools:?}"))["pool_mode"].clone()
    };
    assert_eq!(mode("session", "app"), "session");
    assert_eq!(mode("app", "tied"), "session");
    assert_eq!(mode("statement", "app"), "statement");
}

/// Who came first is served first; who waits too long, and who is too many, is told.
async fn queue(cluster: &Cluster) {
    let more = format!("{TRUST}[pool]\nsize = 1\nwait_timeout = \"700ms\"\nqueue_max = 5\n");
    let desk = Desk::open(&configuration(cluster, &more)).await;
    let port = desk.proxy.port();
    let mut holder = Raw::login(port, &[]).await;
    let mut line = Vec::new();
    for _ in 0..6 {
        line.push(Raw::login(port, &[]).await);
    }
    holder.ask("BEGIN").await;
    holder.ask("INSERT INTO line (who) VALUES (-1)").await;
    let begin = Instant::now();
    for (number, client) in line.iter_mut().enumerate() {
        client.query(&format!("INSERT INTO line (who) VALUES ({})", 100 + number)).await;
        sleep(Duration::from_millis(30)).await;
    }
    let mut sixth = line.pop().unwrap();
    assert_eq!(sixth.until(b'Z').await.remove(0).code(), "53300");
    assert!(begin.elapsed() < Duration::from_millis(500), "at once");
    holder.ask("COMMIT").await;
    for client in &mut line {
        let replies = client.until(b'Z').await;
        assert_eq!(replies[0].tag, b'C', "{replies:?}");
    }
    let rows = holder.ask("SELECT who FROM line WHERE who BETWEEN 100 AND 106 ORDER BY id").await;
    assert_eq!(rows, ["100", "101", "102", "103", "104"]);

    holder.ask("BEGIN").await;
    holder.ask("INSERT INTO line (who) VALUES (-1)").await;
    let begin = Instant::now();
    line[0].query("INSERT INTO line (who) VALUES (7)").await;
    let error = line[0].until(b'Z').await.remove(0);
    let took = begin.elapsed();
    assert_eq!(error.code(), "53300");
    assert!((Duration::from_millis(600)..Duration::from_secs(2)).contains(&took), "{took:?}");
    assert!(format!("{error:?}").contains("all 1 of the pool are in use"), "{error:?}");
    holder.ask("ROLLBACK").await;
    line[0].ask("INSERT INTO line (who) VALUES (7)").await;
}

async fn reserve(cluster: &Cluster) {
    let more = format!(
        "{TRUST}[pool]\nsize = 3\nmin_size = 2\nreserve_size = 1\nreserve_timeout = \"300ms\"\n\
         wait_timeout = \"900ms\"\n"
    );
    let desk = Desk::open(&configuration(cluster, &more)).await;
    let console = desk.console("admin").await;
    let port = desk.proxy.port();
    let mut first = Raw::login(port, &[]).await;
    first.ask("SELECT 1").await;
    let pool = || console.row_of("SHOW POOLS", "user", "app");
    eventually("two are open on each of three servers", SOON, || async {
        let pool = pool().await;
        (figure(&pool, "sv_primary"), figure(&pool, "sv_replica")) == (2, 4)
    })
    .await;
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut one = Raw::login(port, &[]).await;
        let begin = Instant::now();
        one.ask("BEGIN").await;
        one.ask("INSERT INTO line (who) VALUES (0)").await;
        busy.push((one, begin.elapsed()));
    }
    assert!(busy[2].1 < Duration::from_millis(250), "{:?}", busy[2].1);
    let fourth = busy[3].1;
    assert!(
        (Duration::from_millis(250)..Duration::from_millis(850)).contains(&fourth),
        "{fourth:?}"
    );
    assert_eq!(figure(&pool().await, "sv_primary"), 4);
    first.query("INSERT INTO line (who) VALUES (0)").await;
    let error = first.until(b'Z').await.remove(0);
    assert_eq!(error.code(), "53300");
    for (mut one, _) in busy {
        one.ask("ROLLBACK").await;
    }
    eventually("the reserve is given back", SOON, || async {
        figure(&pool().await, "sv_primary") <= 3
    })
    .await;
}

async fn limits(cluster: &Cluster) {
    let more = "[users.app]\nconnections_max = 2\nclient_connections_max = 3\n\
                [users.guest]\n[databases.app]\nconnections_max = 3\nclient_connections_max = 4\n\
                [databases.also]\ndatabase = \"app\"\n[pool]\nwait_timeout = \"300ms\"\n";
    let desk =
        Desk::open(&configuration(cluster, &format!("{TRUST}connections_max = 6\n{more}"))).await;
    let port = desk.proxy.port();
    let refused = |more: Vec<(&'static str, &'static str)>| async move {
        let error = Raw::try_login(port, &more).await.err().unwrap();
        assert_eq!(error.code(), "53300");
        format!("{error:?}")
    };
    // Server connections of a user, over two databases.
    let mut held = Vec::new();
    for database in ["app", "also"] {
        let mut one = Raw::login(port, &[("database", database)]).await;
        one.ask("BEGIN").await;
        one.ask("INSERT INTO line (who) VALUES (0)").await;
        held.push(one);
    }
    let mut third = Raw::login(port, &[]).await;
    third.query("INSERT INTO line (who) VALUES (0)").await;
    assert_eq!(third.until(b'Z').await.remove(0).code(), "53300");
    let told = refused(vec![]).await;
    assert!(told.contains("too many clients of user"), "{told}");
    // Of a database, over two users: one by app, then guest's.
    let mut guests = Vec::new();
    for _ in 0..2 {
        let mut guest = Raw::login(port, &[("user", "guest")]).await;
        guest.ask("BEGIN").await;
        guest.ask("INSERT INTO line (who) VALUES (0)").await;
        guests.push(guest);
    }
    let told = refused(vec![("user", "guest")]).await;
    assert!(told.contains("too many clients of database"), "{told}");
    let one = Raw::login(port, &[("user", "guest"), ("database", "also")]).await;
    let told = refused(vec![("user", "guest"), ("database", "also")]).await;
    assert!(told.contains("serves 6 clients already"), "{told}");
    drop(one);
    let mut app = held.remove(0);
    app.ask("COMMIT").await;
    third.ask("INSERT INTO line (who) VALUES (0)").await;
    drop((held, guests));
    eventually("places come free", SOON, || async { Raw::try_login(port, &[]).await.is_ok() })
        .await;
}

/// What became of a connection while nobody used it is not the next client's trouble.
async fn killed(cluster: &Cluster) {
    let more = format!("{TRUST}[pool]\ncheck_after = \"100ms\"\n");
    let desk = Desk::open(&configuration(cluster, &more)).await;
    let client = desk.app().await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE usename = 'app' AND application_name <> 'afterwrite probe' \
                AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    for pause in [0, 0, 150, 150] {
        text(&client, "SELECT count(*) FROM line").await;
        client.batch_execute("INSERT INTO line (who) VALUES (9)").await.unwrap();
        for server in cluster.servers() {
            server.query(kill).await.unwrap();
        }
        sleep(Duration::from_millis(pause)).await;
        text(&client, "SELECT count(*) FROM line").await;
        client.batch_execute("INSERT INTO line (who) VALUES (9)").await.unwrap();
    }
}

async fn patience(cluster: &Cluster) {
    let more = "[clients]\nauth = \"trust\"\nquery_timeout = \"400ms\"\nidle_transaction_timeout = \"400ms\"\n\
                transaction_timeout = \"1s\"\nidle_timeout = \"1500ms\"\n";
    let desk = Desk::open(&configuration(cluster, more)).await;
    let port = desk.proxy.port();
    let ends = |client: Raw, code: &'static str, setting: &'static str, from: u64, to: u64| async move {
        let (mut client, begin) = (client, Instant::now());
        let replies = client.until_end().await;
        let took = begin.elapsed();
        let error =
            replies.iter().rfind(|it| it.tag == b'E').unwrap_or_else(|| panic!("{setting}"));
        assert_eq!(error.code(), code, "{setting}: {error:?}");
        assert!(format!("{error:?}").contains(setting), "{setting}: {error:?}");
        let range = Duration::from_millis(from)..Duration::from_millis(to);
        assert!(range.contains(&took), "{setting}: {took:?}");
    };
    let mut slow = Raw::login(port, &[]).await;
    slow.query("SELECT pg_sleep(20)").await;
    let mut dreamer = Raw::login(port, &[]).await;
    dreamer.ask("BEGIN").await;
    dreamer.ask("INSERT INTO line (who) VALUES (1)").await;
    let mut long = Raw::login(port, &[]).await;
    long.ask("BEGIN").await;
    let busy = async {
        for _ in 0..20 {
            long.query("SELECT 1").await;
            match long.next().await {
                Some(reply) if reply.tag != b'E' => drop(long.until(b'Z').await),
                Some(reply) => return reply.code(),
                None => return "ended".to_owned(),
            }
            sleep(Duration::from_millis(100)).await;
        }
        "it went on".to_owned()
    };
    let silent = Raw::login(port, &[]).await;
    let ((), (), (), code) = tokio::join!(
        ends(slow, "57014", "query_timeout", 0, 1000),
        ends(dreamer, "25P03", "idle-in-transaction", 0, 1000),
        ends(silent, "57P05", "idle_timeout", 1000, 3000),
        busy
    );
    assert_eq!(code, "25P04", "transaction_timeout");
    let mut last = Raw::login(port, &[]).await;
    let left = last
        .ask(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND \
             (state LIKE 'idle in%' OR query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid())",
        )
        .await;
    assert_eq!(left, ["0"]);
}

async fn old(cluster: &Cluster) {
    let more = format!("{TRUST}[pool]\nidle_timeout = \"1s\"\nlifetime_max = \"1s\"\n");
    let desk = Desk::open(&configuration(cluster, &more)).await;
    let console = desk.console("admin").await;
    let client = desk.app().await;
    let write = "INSERT INTO line (who) VALUES (2) RETURNING pg_backend_pid()";
    let first = number(&client, write).await;
    let begin = Instant::now();
    let mut last = first;
    while last == first && begin.elapsed() < SOON {
        sleep(Duration::from_millis(100)).await;
        last = number(&client, write).await;
    }
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(800) && took < SOON, "lifetime_max: {took:?}");
    eventually("unused ones are closed", SOON, || async {
        console.rows("SHOW SERVERS").await.is_empty()
    })
    .await;
}

async fn several(cluster: &Cluster) {
    let other = Cluster::start(Plan { replicas: 0, ..Plan::default() }, &|_| ()).await.unwrap();
    let more = format!(
        "{TRUST}[users.guest]\n[clusters.reports]\nnodes = [\"127.0.0.1:{}\"]\nuser = \"app\"\ndatabase = \"app\"\n\
         [databases.shop]\ndatabase = \"app\"\n[databases.reports]\ncluster = \"reports\"\n\
         database = \"app\"\nuser = \"app\"\n[databases.\"*\"]\n",
        other.primary().port()
    );
    let desk = Desk::open(&configuration(cluster, &more)).await;
    let named = |client: tokio_postgres::Client| async move {
        text(&client, "SELECT format('%s %s', current_database(), current_user)").await
    };
    let port = |client: tokio_postgres::Client| async move {
        text(&client, "SELECT current_setting('port') FROM (VALUES (random())) AS v").await
    };
    assert_eq!(named(connect(&desk.url("app", "shop")).await).await, "app app");
    assert_eq!(named(connect(&desk.url("app", "second")).await).await, "second app");
    let reports = connect(&desk.url("guest", "reports")).await;
    assert_eq!(named(reports).await, "app app", "all run as this user");
    let reports = connect(&desk.url("guest", "reports")).await;
    assert_eq!(port(reports).await, other.primary().port().to_string());
    let url = desk.url("app", "nowhere");
    let error = tokio_postgres::connect(&url, NoTls).await.err().unwrap();
    assert_eq!(sqlstate(&error), "3D000", "{error:?}");
    let databases = desk.console("admin").await.rows("SHOW DATABASES").await;
    let shown: Vec<_> = databases.iter().map(|it| it["name"].as_str()).collect();
    assert!(["shop", "second", "reports"].iter().all(|it| shown.contains(it)), "{shown:?}");
    other.remove().await.unwrap();
}

/// With the replicas gone, reads have to share a part of the primary's pool.
async fn fallback(cluster: &Cluster) {
    let more = format!("{TRUST}[pool]\nsize = 4\nfallback_size = 2\n");
    let desk = Desk::open(&configuration(cluster, &more)).await;
    let console = desk.console("admin").await;
    for replica in cluster.replicas() {
        replica.stop(StopMode::Immediate).await.unwrap();
    }
    let end = Instant::now() + Duration::from_secs(3);
    let mut readers = Vec::new();
    for _ in 0..20 {
        let client = desk.app().await;
        readers.push(tokio::spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                text(&client, "SELECT count(*) FROM generate_series(1, 400000)").await;
                count += 1;
            }
            count
        }));
    }
    let writer = desk.app().await;
    let mut longest = Duration::ZERO;
    let mut busiest = 0;
    sleep(Duration::from_millis(300)).await;
    while Instant::now() < end {
        let begin = Instant::now();
        writer.batch_execute("INSERT INTO line (who) VALUES (3)").await.unwrap();
        longest = longest.max(begin.elapsed());
        busiest = busiest.max(reads_on_primary(&console).await);
        sleep(Duration::from_millis(20)).await;
    }
    assert!(longest < Duration::from_secs(1), "a write took {longest:?}");
    // Without the limit it would be all four. The write may not have been given back yet.
    assert!((2..=3).contains(&busiest), "reads on the primary at once: {busiest}");
    for reader in readers {
        assert!(within("a reader", reader).await.unwrap() > 0);
    }
    for replica in cluster.replicas() {
        replica.start().await.unwrap();
    }
    let client = desk.app().await;
    let back = async {
        while text(&client, "SELECT pg_is_in_recovery() FROM line LIMIT 1").await == "f" {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), back).await.unwrap();
}

async fn reads_on_primary(console: &Console) -> i64 {
    let pool = console.row_of("SHOW POOLS", "user", "app").await;
    figure(&pool, "sv_active")
}
