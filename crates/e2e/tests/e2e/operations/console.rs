//! The console of a proxy that works: what it shows is so, what it is told is done.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};
use tokio::time::{sleep, timeout};

use super::desk::{Desk, cluster_section, figure};
use crate::support::{Checks, Raw, connect, eventually, number, psql, sqlstate, text, within};

const SOON: Duration = Duration::from_secs(5);

fn configuration(cluster: &Cluster, size: usize) -> String {
    format!(
        "{}[clients]\nauth = \"trust\"\n[users.admin]\npassword = \"sesame-of-admin\"\n\
         [users.looker]\n[users.app]\nserver_password = \"sesame-of-app\"\n\
         [admin]\nusers = [\"admin\"]\nstats_users = [\"looker\"]\n\
         [databases.app]\n[databases.other]\ndatabase = \"app\"\n\
         [pool]\nsize = {size}\n[log]\nstats_interval = \"2s\"\n",
        cluster_section(cluster)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_of_a_proxy_at_work() {
    let cluster = Cluster::start(Plan { replicas: 1, ..Plan::default() }, &|_| ()).await.unwrap();
    let mut checks = Checks::default();
    let desk = Desk::open(&configuration(&cluster, 2)).await;
    checks.run("what is shown while clients work", shown(&desk)).await;
    checks.run("what was done is counted", counted(&desk)).await;
    checks.run("settings without secrets", settings(&desk)).await;
    checks.run("who may do what", permissions(&desk)).await;
    checks.run("PAUSE and RESUME", paused(&desk)).await;
    checks.run("RECONNECT and WAIT_CLOSE", reconnected(&desk)).await;
    checks.run("KILL, KILL_CLIENT, DISABLE", killed(&desk)).await;
    checks.run("SET and a broken RELOAD", reloaded(&desk, &configuration(&cluster, 2))).await;
    checks.run("psql", async { by_psql(&desk) }).await;
    checks.run("the exporter that Debian has", exported(&desk)).await;
    checks.run("SHUTDOWN", stopped(&desk, &cluster)).await;
}

/// Three clients on two connections: in a transaction, listening, and waiting.
async fn shown(desk: &Desk) {
    let port = desk.proxy.port();
    let console = desk.console("admin").await;
    let mut working = Raw::login(port, &[("application_name", "working")]).await;
    working.ask("BEGIN").await;
    working.ask("CREATE TEMPORARY TABLE scratch (n int)").await;
    let pid = working.ask("SELECT pg_backend_pid()").await.remove(0);
    let mut listening = Raw::login(port, &[("application_name", "listening")]).await;
    listening.ask("LISTEN news").await;
    let mut waiting = Raw::login(port, &[("application_name", "waiting")]).await;
    waiting.query("CREATE TABLE waited_for (n int)").await;
    let mut silent = Raw::login(port, &[("application_name", "silent")]).await;
    eventually("a client waits", SOON, || async {
        console.rows_of("SHOW CLIENTS", "state", "waiting").await.len() == 1
    })
    .await;

    let client = |name: &'static str| console.row_of("SHOW CLIENTS", "application_name", name);
    let (at_work, tied) = (client("working").await, client("listening").await);
    assert_eq!(at_work["state"], "active", "{at_work:?}");
    assert_eq!(at_work["remote_pid"], pid, "{at_work:?}");
    let server = console.row_of("SHOW SERVERS", "remote_pid", &pid).await;
    assert_eq!(server["state"], "active");
    assert_eq!((&server["link"], &at_work["link"]), (&at_work["ptr"], &server["ptr"]));
    assert_eq!(server["node"], at_work["node"]);
    assert_eq!(client("silent").await["state"], "idle");
    let waits = client("waiting").await;
    assert_eq!((waits["state"].as_str(), waits["link"].as_str()), ("waiting", ""), "{waits:?}");
    assert!(!tied["pinned"].is_empty(), "{tied:?}");

    let pins = console.rows("SHOW PINS").await;
    let causes: Vec<_> =
        pins.iter().map(|pin| (pin["application_name"].as_str(), pin["cause"].as_str())).collect();
    assert!(
        causes.iter().any(|(who, why)| *who == "listening" && why.contains("listen")),
        "{pins:?}"
    );
    assert!(pins.iter().all(|pin| !pin["since"].is_empty()), "{pins:?}");

    let pools = console.rows_of("SHOW POOLS", "database", "app").await;
    let pool = pools.iter().find(|pool| pool["user"] == "app").unwrap();
    for (column, expected) in [
        ("cl_active", 3),
        ("cl_waiting", 1),
        ("sv_active", 2),
        ("sv_idle", 0),
        ("sv_primary", 2),
        ("sv_replica", 0),
    ] {
        assert_eq!(figure(pool, column), expected, "{column}: {pool:?}");
    }
    assert!(figure(pool, "maxwait_us") + figure(pool, "maxwait") > 0, "{pool:?}");

    let lists = console.rows("SHOW LISTS").await;
    let list = |name: &str| {
        let row = lists.iter().find(|row| row["list"] == name);
        figure(row.unwrap_or_else(|| panic!("{name}: {lists:?}")), "items")
    };
    assert_eq!((list("used_clients"), list("used_servers"), list("nodes")), (4, 2, 2));
    let database = console.row_of("SHOW DATABASES", "name", "app").await;
    assert_eq!((figure(&database, "pool_size"), database["replicas"].as_str()), (2, "1"));
    let roles = console.rows("SHOW NODES").await;
    assert_eq!(roles.iter().filter(|it| it["role"] == "primary").count(), 1, "{roles:?}");
    for what in
        "SOCKETS,ACTIVE_SOCKETS,STATS,STATS_TOTALS,STATS_AVERAGES,TOTALS,USERS,STATE,MEM,VERSION,\
         DNS_HOSTS,DNS_ZONES,PEERS,PEER_POOLS,FDS,REPLICAS,ROUTES,HELP"
            .split(',')
    {
        console.run(&format!("SHOW {what}")).await;
    }

    working.ask("COMMIT").await;
    listening.ask("UNLISTEN *").await;
    waiting.until(b'Z').await;
    silent.ask("SELECT 1").await;
    drop((working, listening, waiting, silent));
    eventually("nobody is left, and nothing is tied", SOON, || async {
        console.rows("SHOW CLIENTS").await.iter().all(|it| it["database"] != "app")
            && console.rows("SHOW PINS").await.is_empty()
    })
    .await;
}

/// What clients do is what the totals grow by.
async fn counted(desk: &Desk) {
    let console = desk.console("admin").await;
    let other = connect(&desk.url("app", "other")).await;
    text(&other, "SELECT 1").await;
    let totals = || console.row_of("SHOW STATS", "database", "other");
    eventually("the first one is counted", SOON, || async {
        figure(&totals().await, "total_query_count") > 0
    })
    .await;
    let before = totals().await;
    for _ in 0..5 {
        text(&other, "SELECT 1").await;
    }
    other.batch_execute("BEGIN; CREATE TABLE counted (n int); COMMIT").await.unwrap();
    let statement = other.prepare("INSERT INTO counted VALUES ($1)").await.unwrap();
    for n in 0..3_i32 {
        other.execute(&statement, &[&n]).await.unwrap();
    }
    drop(other);
    let mut grown = before.clone();
    let grew = |now: &super::desk::Row, column: &str| figure(now, column) - figure(&before, column);
    let limit = Instant::now() + SOON;
    while Instant::now() < limit && grew(&grown, "total_xact_count") < 10 {
        grown = totals().await;
        sleep(Duration::from_millis(50)).await;
    }
    // Five reads, one transaction, preparing, and three inserts.
    assert_eq!(grew(&grown, "total_xact_count"), 10, "{before:?} {grown:?}");
    let queries = grew(&grown, "total_query_count");
    assert!((10..=13).contains(&queries), "{queries}");
    assert_eq!(
        grew(&grown, "total_replica_read_count") + grew(&grown, "total_primary_read_count"),
        5
    );
    for column in ["total_received", "total_sent", "total_query_time", "total_xact_time"] {
        assert!(grew(&grown, column) > 0, "{column}: {grown:?}");
    }
    let averages = || console.row_of("SHOW STATS_AVERAGES", "database", "other");
    eventually("averages follow", SOON, || async {
        averages().await.values().any(|value| value.parse::<i64>().is_ok_and(|it| it > 0))
    })
    .await;
}

async fn settings(desk: &Desk) {
    let console = desk.console("looker").await;
    let rows = console.rows("SHOW CONFIG").await;
    let all = format!("{rows:?}");
    assert!(!all.contains("sesame"), "{all}");
    let value = |key: &str| {
        let row = rows.iter().find(|row| row["key"] == key);
        row.unwrap_or_else(|| panic!("{key}: {all}"))["value"].clone()
    };
    assert_eq!(value("pool.size"), "2");
    // What exporters look for.
    assert_eq!(value("max_client_conn"), "10000");
    assert_eq!(value("max_user_connections"), "0");
}

async fn permissions(desk: &Desk) {
    let looker = desk.console("looker").await;
    looker.run("SHOW POOLS").await;
    for command in ["PAUSE", "RELOAD", "SHUTDOWN", "KILL app", "SET pool.size = 3", "DISABLE app"] {
        let error = looker.error(command).await;
        assert!(error.contains("admin access needed"), "{command}: {error}");
    }
    let url = desk.url("app", "pgbouncer");
    let error = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(sqlstate(&error), "28000", "{error:?}");
    let admin = connect(&desk.url("admin", "pgbouncer")).await;
    assert!(admin.simple_query("FLY").await.is_err());
}

/// A transaction under way goes on, others wait, and none hears an error.
async fn paused(desk: &Desk) {
    let console = desk.console("admin").await;
    let (busy, held, elsewhere) =
        (desk.app().await, desk.app().await, connect(&desk.url("app", "other")).await);
    text(&held, "SELECT 1").await;
    busy.batch_execute("CREATE TABLE pausing (n int); BEGIN; INSERT INTO pausing VALUES (1)")
        .await
        .unwrap();
    let pausing = async {
        console.run("PAUSE app").await;
        Instant::now()
    };
    let working = async {
        sleep(Duration::from_millis(300)).await;
        let reading = text(&held, "SELECT count(*) FROM pausing");
        assert!(timeout(Duration::from_millis(300), reading).await.is_err(), "not held back");
        text(&elsewhere, "SELECT 1").await;
        busy.batch_execute("INSERT INTO pausing VALUES (2)").await.unwrap();
        let committed = Instant::now();
        busy.batch_execute("COMMIT").await.unwrap();
        committed
    };
    let (paused_at, committed_at) = within("PAUSE", async { tokio::join!(pausing, working) }).await;
    assert!(paused_at > committed_at, "PAUSE did not wait");
    assert_eq!(console.row_of("SHOW DATABASES", "name", "app").await["paused"], "1");
    assert!(console.rows_of("SHOW SERVERS", "database", "app").await.is_empty());
    let late = text(&busy, "SELECT count(*) FROM pausing");
    let resumed = async {
        sleep(Duration::from_millis(300)).await;
        console.run("RESUME app").await;
    };
    let (count, ()) = tokio::join!(late, resumed);
    assert_eq!(count, "2");
    text(&held, "SELECT 1").await;
    let error = console.error("RESUME app").await;
    assert!(error.contains("not paused"), "{error}");
    let error = console.error("PAUSE nowhere").await;
    assert!(error.contains("no such database: nowhere"), "{error}");
}

/// Every server connection is replaced, one in a transaction when that is over.
async fn reconnected(desk: &Desk) {
    let console = desk.console("admin").await;
    let busy = desk.app().await;
    busy.batch_execute("BEGIN").await.unwrap();
    let pid = number(&busy, "SELECT pg_backend_pid()").await.to_string();
    console.run("RECONNECT").await;
    let old = console.row_of("SHOW SERVERS", "remote_pid", &pid).await;
    assert_eq!(old["close_needed"], "1", "{old:?}");
    let closing = async {
        console.run("WAIT_CLOSE app").await;
        Instant::now()
    };
    let working = async {
        sleep(Duration::from_millis(300)).await;
        let before = Instant::now();
        busy.batch_execute("COMMIT").await.unwrap();
        before
    };
    let (closed_at, committed_at) =
        within("WAIT_CLOSE", async { tokio::join!(closing, working) }).await;
    assert!(closed_at > committed_at, "WAIT_CLOSE did not wait");
    assert!(console.rows_of("SHOW SERVERS", "remote_pid", &pid).await.is_empty());
    busy.batch_execute("BEGIN").await.unwrap();
    assert_ne!(number(&busy, "SELECT pg_backend_pid()").await.to_string(), pid);
}

async fn killed(desk: &Desk) {
    let port = desk.proxy.port();
    let console = desk.console("admin").await;
    let mut victim = Raw::login(port, &[("application_name", "victim")]).await;
    let mut other = Raw::login(port, &[("application_name", "other")]).await;
    let id = console.row_of("SHOW CLIENTS", "application_name", "victim").await["id"].clone();
    console.run(&format!("KILL_CLIENT {id}")).await;
    assert_eq!(victim.until_end().await.len(), 1, "one error");
    assert_eq!(other.ask("SELECT 1").await, ["1"]);
    assert!(console.error(&format!("KILL_CLIENT {id}")).await.contains("client not found"));

    console.run("DISABLE app").await;
    let refused = Raw::try_login(port, &[]).await.err().unwrap();
    assert!(format!("{refused:?}").contains("disabled"), "{refused:?}");
    assert_eq!(other.ask("SELECT 1").await, ["1"], "who is there stays");
    console.run("ENABLE app").await;
    Raw::login(port, &[]).await.ask("SELECT 1").await;

    other.query("SELECT pg_sleep(30)").await;
    sleep(Duration::from_millis(200)).await;
    console.run("KILL app").await;
    assert!(other.until_end().await.iter().any(|it| it.tag == b'E'));
    console.run("RESUME app").await;
    Raw::login(port, &[]).await.ask("SELECT 1").await;
}

async fn reloaded(desk: &Desk, good: &str) {
    let console = desk.console("admin").await;
    let size =
        || async { console.row_of("SHOW CONFIG", "key", "pool.size").await["value"].clone() };
    console.run("SET pool.size = 7").await;
    assert_eq!(size().await, "7");
    assert_eq!(console.row_of("SHOW DATABASES", "name", "app").await["pool_size"], "7");
    let error = console.error("SET pool.size = 'many'").await;
    assert!(error.contains("SET failed") && error.contains("pool.size"), "{error}");
    assert_eq!(size().await, "7");
    let error = console.error("SET nothing.such = 1").await;
    assert!(error.contains("nothing"), "{error}");
    desk.rewrite(&good.replace("size = 2", "size = -3"));
    let error = console.error("RELOAD").await;
    assert!(error.contains("RELOAD failed") && error.contains("size"), "{error}");
    assert!(!error.contains("sesame"), "{error}");
    text(&desk.app().await, "SELECT 1").await;
    desk.rewrite(&good.replace("size = 2", "size = 5"));
    console.run("RELOAD").await;
    assert_eq!(size().await, "5");
    desk.rewrite(good);
    console.run("RELOAD").await;
}

fn by_psql(desk: &Desk) {
    let url = desk.url("admin", "pgbouncer");
    let out =
        psql(&url, "\\pset format unaligned\nSHOW DATABASES;\nSHOW POOLS \\gx\nRELOAD;\n").ok();
    assert!(out.contains("name|host|port|database|force_user|pool_size"), "{out}");
    assert!(out.contains("cl_active|") && out.trim_end().ends_with("RELOAD"), "{out}");
    let wrong = psql(&url, "SHOW POOL;");
    assert!(wrong.err.contains("use SHOW HELP"), "{wrong:?}");
}

/// `prometheus-pgbouncer-exporter`, over all that a real proxy shows.
async fn exported(desk: &Desk) {
    let program = "/usr/bin/prometheus-pgbouncer-exporter";
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut exporter = Command::new(program)
        .args(["--host", "127.0.0.1", "--port", &free.port().to_string()])
        .args(["--pgbouncer-host", "127.0.0.1"])
        .args(["--pgbouncer-port", &desk.proxy.port().to_string()])
        .args(["--pgbouncer-user", "looker"])
        .env("PGSSLMODE", "disable")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let page = async {
        loop {
            let ran = crate::support::run("curl", &["-s", &format!("http://{free}/metrics")], "");
            if ran.code == Some(0) {
                return ran.out;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let page = timeout(Duration::from_secs(20), page).await;
    let _ = exporter.kill();
    let _ = exporter.wait();
    let page = page.unwrap_or_default();
    for line in [
        "pgbouncer_pool_size{database=\"app\"}",
        "pgbouncer_databases ",
        "pgbouncer_requests_total{",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

/// Each way to stop, with a proxy of its own.
async fn stopped(desk: &Desk, cluster: &Cluster) {
    let console = desk.console("admin").await;
    let mut idle = Raw::login(desk.proxy.port(), &[]).await;
    let begin = Instant::now();
    let _ = console.try_rows("SHUTDOWN").await;
    idle.until_end().await;
    assert!(begin.elapsed() < Duration::from_secs(2));

    let mut gentle = Desk::open(&configuration(cluster, 2)).await;
    let port = gentle.proxy.port();
    let console = gentle.console("admin").await;
    let mut staying = Raw::login(port, &[]).await;
    let _ = console.try_rows("SHUTDOWN WAIT_FOR_CLIENTS").await;
    sleep(Duration::from_millis(300)).await;
    assert!(gentle.proxy.is_running());
    assert_eq!(staying.ask("SELECT 1").await, ["1"]);
    drop(staying);
    let (code, _) = gentle.proxy.ended(SOON).await;
    assert_eq!(code, Some(0));
}
