//! Real servers. Each test has its own cluster; the longer ones check several
//! things on one, because starting it is what takes the time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, ClusterError, Plan, Role, Server, StopMode, down, status};
use tokio_postgres::NoTls;

const SOON: Duration = Duration::from_secs(10);

async fn start(plan: Plan) -> Cluster {
    Cluster::start(plan, &|_| ()).await.unwrap()
}

/// The text of the first column of the first row.
async fn ask(server: &Server, sql: &str) -> String {
    server.query(sql).await.unwrap()[0][0].clone().unwrap_or_default()
}

/// Whether the process runs; a zombie does not.
fn runs(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

fn pids(cluster: &Cluster) -> Vec<i32> {
    cluster.servers().map(|server| server.pid().unwrap()).collect()
}

fn assert_nothing_left(pids: &[i32], paths: &[PathBuf]) {
    let end = Instant::now() + SOON;
    let left = || pids.iter().any(|pid| runs(*pid)) || paths.iter().any(|path| path.exists());
    while left() {
        assert!(Instant::now() < end, "left: of {pids:?} or {paths:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Connects as an application would; the error's text if it is refused.
async fn connect(url: &str) -> Result<tokio_postgres::Client, String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|error| {
        error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned())
    })?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn writes_reach_replicas_unless_replay_is_paused_or_delayed() {
    let cluster = start(Plan::default()).await;
    let (primary, first, second) =
        (cluster.primary(), &cluster.replicas()[0], &cluster.replicas()[1]);
    let app = connect(&primary.url()).await.unwrap();
    app.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
    cluster.wait_for_catch_up(SOON).await.unwrap();
    for replica in cluster.replicas() {
        assert_eq!(ask(replica, "SELECT n FROM t").await, "1");
        let refused = replica.query("INSERT INTO t VALUES (2)").await.unwrap_err();
        assert!(refused.to_string().contains("25006"), "{refused}");
    }
    let plain = "SELECT rolsuper OR rolreplication OR pg_has_role('app', 'pg_monitor', 'member') \
                 FROM pg_roles WHERE rolname = 'app'";
    assert_eq!(ask(primary, plain).await, "f");

    first.pause_replay().await.unwrap();
    app.batch_execute("UPDATE t SET n = 2").await.unwrap();
    let mark = primary.mark().await.unwrap();
    second.wait_for_replay(mark, SOON).await.unwrap();
    assert_eq!(ask(first, "SELECT n FROM t").await, "1");
    assert_eq!(ask(second, "SELECT n FROM t").await, "2");
    let seen = cluster.status().await.unwrap().servers;
    assert_eq!([seen[1].replay_paused, seen[2].replay_paused], [Some(true), Some(false)]);
    assert!(seen[1].lag_bytes > Some(0), "{seen:?}");
    first.resume_replay().await.unwrap();
    first.wait_for_replay(mark, SOON).await.unwrap();
    assert_eq!(ask(first, "SELECT n FROM t").await, "2");

    second.set_apply_delay(Duration::from_secs(1)).await.unwrap();
    app.batch_execute("UPDATE t SET n = 3").await.unwrap();
    let mark = primary.mark().await.unwrap();
    let written = Instant::now();
    first.wait_for_replay(mark, SOON).await.unwrap();
    assert_eq!(ask(second, "SELECT n FROM t").await, "2");
    second.wait_for_replay(mark, SOON).await.unwrap();
    assert!(written.elapsed() > Duration::from_millis(800), "{:?}", written.elapsed());
    second.set_apply_delay(Duration::ZERO).await.unwrap();

    second.suspend_wal_receiver().await.unwrap();
    app.batch_execute("UPDATE t SET n = 4").await.unwrap();
    let mark = primary.mark().await.unwrap();
    first.wait_for_replay(mark, SOON).await.unwrap();
    assert_eq!(ask(second, "SELECT n FROM t").await, "3");
    second.resume_wal_receiver().await.unwrap();
    second.wait_for_replay(mark, SOON).await.unwrap();

    let (pids, directory) = (pids(&cluster), cluster.directory().to_path_buf());
    cluster.stop().await.unwrap();
    assert_nothing_left(&pids, &[directory]);
}

#[tokio::test]
async fn servers_crash_freeze_and_come_back() {
    let cluster = start(Plan { replicas: 1, ..Plan::default() }).await;
    let (primary, replica) = (cluster.primary(), &cluster.replicas()[0]);

    let own = i32::try_from(std::process::id()).unwrap();
    let refused = replica.kill_backend(own).unwrap_err();
    assert!(refused.to_string().contains("is not a child of replica_1"), "{refused}");

    let victim = connect(&replica.url()).await.unwrap();
    let pid = victim.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let bystander = connect(&replica.url()).await.unwrap();
    replica.kill_backend(pid).unwrap();
    let end = Instant::now() + SOON;
    while bystander.simple_query("SELECT 1").await.is_ok() {
        assert!(Instant::now() < end, "a crash ends every session");
    }
    while replica.query("SELECT 1").await.is_err() {
        assert!(Instant::now() < end, "it comes back by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.wait_for_streaming(SOON).await.unwrap();

    for server in [primary, replica] {
        server.restart(StopMode::Immediate).await.unwrap();
        server.kill().await.unwrap();
        assert!(!server.is_running());
        assert!(matches!(server.suspend(), Err(ClusterError::NotRunning(_))));
        server.start().await.unwrap();
        assert!(matches!(server.start().await, Err(ClusterError::Running(_))));
    }
    cluster.wait_for_streaming(SOON).await.unwrap();
    primary.query("CREATE TABLE t AS SELECT 1 AS n").await.unwrap();
    cluster.wait_for_catch_up(SOON).await.unwrap();

    replica.suspend().unwrap();
    let seen = &cluster.status().await.unwrap().servers[1];
    assert!(seen.pid.is_some() && !seen.answers && seen.error.is_some(), "{seen:?}");
    replica.resume().unwrap();
    assert_eq!(ask(replica, "SELECT n FROM t").await, "1");

    primary.stop(StopMode::Fast).await.unwrap();
    replica.promote().await.unwrap();
    replica.query("INSERT INTO t VALUES (2)").await.unwrap();
    let seen = cluster.status().await.unwrap().servers;
    assert_eq!((seen[0].answers, seen[1].role), (false, Role::Primary));

    // Frozen processes do not keep a drop from ending all.
    replica.suspend().unwrap();
    let (pid, directory) = (replica.pid().unwrap(), cluster.directory().to_path_buf());
    drop(cluster);
    assert!(!runs(pid) && !directory.exists());
}

#[tokio::test]
async fn a_password_is_asked_for_and_never_shown() {
    let password = Some("it's: a/p@ss\\word".to_owned());
    let cluster = start(Plan { replicas: 0, password, ..Plan::default() }).await;
    let url = cluster.url();
    let client = connect(&url).await.unwrap();
    client.batch_execute("CREATE TABLE t ()").await.unwrap();
    connect(&cluster.primary().superuser_url()).await.unwrap();

    let port = cluster.primary().port();
    let wrong = connect(&format!("postgres://app:wrong@127.0.0.1:{port}/app")).await;
    assert_eq!(wrong.err().unwrap(), "password authentication failed for user \"app\"");
    let none = connect(&format!("postgres://app@127.0.0.1:{port}/app")).await;
    assert!(none.is_err());

    assert_eq!(cluster.url_redacted(), format!("postgres://app:***@127.0.0.1:{port}/app"));
    let log = std::fs::read_to_string(cluster.primary().log()).unwrap();
    assert!(!log.contains("p@ss"), "{log}");
}

#[tokio::test]
async fn a_detached_cluster_is_found_again_and_taken_down() {
    let parent = open_folder();
    let directory = parent.path().join("cluster");
    let plan = Plan {
        replicas: 1,
        directory: Some(directory.clone()),
        apply_delay: vec![Duration::from_millis(20)],
        detach: true,
        ..Plan::default()
    };
    let cluster = start(plan.clone()).await;
    let (pids, url) = (pids(&cluster), cluster.url());
    drop(cluster);
    assert!(pids.iter().all(|pid| runs(*pid)));

    let second = Cluster::start(plan, &|_| ()).await.err().unwrap();
    assert!(second.to_string().contains("end it with `afterwrite cluster down`"), "{second}");

    let attached = Cluster::attach(&directory).unwrap();
    assert_eq!(attached.url(), url);
    let replica = &attached.replicas()[0];
    replica.restart(StopMode::Fast).await.unwrap();
    attached.wait_for_streaming(SOON).await.unwrap();
    attached.wait_for_catch_up(SOON).await.unwrap();
    drop(attached);

    let seen = status(&directory).await.unwrap();
    let roles: Vec<Role> = seen.servers.iter().map(|server| server.role).collect();
    assert_eq!(roles, [Role::Primary, Role::Replica]);
    let replica = &seen.servers[1];
    assert!(replica.answers && replica.streaming == Some(true), "{replica:?}");
    assert_eq!(replica.slot.as_deref(), Some("afterwrite_replica_1"));
    assert_eq!(replica.apply_delay_ms, Some(20));

    let mut pids = pids;
    pids.extend(seen.servers.iter().filter_map(|server| server.pid));
    down(&directory).await.unwrap();
    assert_nothing_left(&pids, std::slice::from_ref(&directory));
    for gone in [down(&directory).await, down(parent.path()).await] {
        assert!(matches!(gone, Err(ClusterError::NotACluster(_))), "{gone:?}");
    }
}

#[tokio::test]
async fn a_named_folder_stays_and_a_failed_start_leaves_nothing() {
    let there = open_folder();
    let plan = Plan { replicas: 0, directory: Some(there.path().into()), ..Plan::default() };
    let bad = Plan { settings: vec![("work_mem".into(), "lots".into())], ..plan.clone() };
    let error = Cluster::start(bad, &|_| ()).await.err().unwrap();
    assert!(error.to_string().contains("invalid value for parameter \"work_mem\""), "{error}");
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 0);

    let cluster = start(plan).await;
    let pid = cluster.primary().pid().unwrap();
    cluster.stop().await.unwrap();
    assert_nothing_left(&[pid], &[]);
    assert!(there.path().join("primary/PG_VERSION").exists());
    down(there.path()).await.unwrap();
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_cancelled_start_leaves_nothing() {
    let parent = open_folder();
    // Long enough for initdb to run, for the primary to, and for the replicas.
    for millis in [150, 900, 1500] {
        let directory = parent.path().join(format!("after_{millis}"));
        let plan = Plan { directory: Some(directory.clone()), ..Plan::default() };
        let start = Cluster::start(plan, &|_| ());
        // If it was quicker than that, this is one more drop.
        let _ = tokio::time::timeout(Duration::from_millis(millis), start).await;
        let _ = down(&directory).await;
        assert_nothing_left(&[], &[directory]);
    }
}

/// The launcher that `nothing_outlives_a_killed_launcher` kills: the same program,
/// told by the environment where to write what it has started.
#[tokio::test]
async fn launcher_to_be_killed() {
    let Some(report) = std::env::var_os("AFTERWRITE_TEST_REPORT") else {
        return;
    };
    let cluster = start(Plan { replicas: 1, ..Plan::default() }).await;
    cluster.replicas()[0].suspend_wal_receiver().await.unwrap();
    let pids: Vec<String> = pids(&cluster).iter().map(ToString::to_string).collect();
    let text = format!("{}\n{}\n", cluster.directory().display(), pids.join(" "));
    let new = Path::new(&report).with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, &report).unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    drop(cluster);
}

#[test]
fn nothing_outlives_a_killed_launcher() {
    let parent = open_folder();
    let report = parent.path().join("report");
    let mut launcher = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "launcher_to_be_killed"])
        .env("AFTERWRITE_TEST_REPORT", &report)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while !report.exists() && launcher.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "the launcher never started its cluster");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(&report).unwrap();
    let (directory, pids) = text.trim().split_once('\n').unwrap();
    let pids: Vec<i32> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| runs(*pid)) && Path::new(directory).exists());
    // SIGKILL: nothing of the launcher's own can run any more.
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    assert_nothing_left(&pids, &[directory.into()]);
}

/// A temporary folder that the servers' account can pass through.
fn open_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}
