//! PgBouncer in front of the proxy and behind it, and in its place by `import`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan, free_port};
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_postgres::Client;

use super::desk::{Desk, cluster_section};
use crate::support::{Checks, Proxy, afterwrite, connect, eventually, number, psql, run, text};

const SOON: Duration = Duration::from_secs(5);

/// A PgBouncer that ends with this value.
struct PgBouncer {
    child: Child,
    port: u16,
    log: Arc<Mutex<String>>,
    _folder: TempDir,
}

impl PgBouncer {
    /// One that lets everybody in as `app`, with these databases.
    async fn start(databases: &str, pooling: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port().unwrap();
        let path = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{databases}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {pooling}\nmax_client_conn = 500\n\
             default_pool_size = 20\n{more}\n"
        );
        fs::write(&path, text).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        // It refuses to be root.
        command.args(["-u", "postgres"]).arg(&path);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (sink, mut lines) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = std::io::Read::read(&mut lines, &mut bytes) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        let started = Self { child, port, log, _folder: folder };
        eventually("pgbouncer listens", SOON, || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        started
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://app@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("--- pgbouncer ---\n{}", self.log.lock().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbouncer_in_front_behind_and_before() {
    let delay = vec![Duration::from_millis(100); 2];
    let plan = Plan { apply_delay: delay, ..Plan::default() };
    let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
    let app = connect(&cluster.primary().url()).await;
    app.batch_execute("CREATE TABLE seen (who int PRIMARY KEY, n int)").await.unwrap();
    app.batch_execute("INSERT INTO seen SELECT g, 0 FROM generate_series(0, 99) g").await.unwrap();
    run("pgbench", &["-i", "-s", "1", "-q", &cluster.primary().url()], "");
    cluster.wait_for_catch_up(SOON).await.unwrap();
    let mut checks = Checks::default();
    checks.run("in front, transaction pooling", in_front(&cluster)).await;
    checks.run("behind, session pooling", behind(&cluster)).await;
    checks.run("behind, transaction pooling is noticed", shared(&cluster)).await;
    checks.run("in its place", imported(&cluster)).await;
}

fn configuration(nodes: &str) -> String {
    format!(
        "[cluster]\nnodes = [{nodes}]\nuser = \"app\"\ndatabase = \"app\"\n[cluster.tls]\nmode = \"disable\"\n\
         [clients]\nauth = \"trust\"\n[admin]\nusers = [\"admin\"]\n[users.admin]\n[users.app]\n"
    )
}

/// Clients write and then read what they wrote; how many times that was old.
async fn stale(url: &str, clients: i32, rounds: i32) -> i32 {
    let mut tasks = Vec::new();
    for who in 0..clients {
        let client = connect(url).await;
        tasks.push(tokio::spawn(async move {
            let mut stale = 0;
            let from = number(&client, &format!("SELECT n FROM seen WHERE who = {who}")).await;
            for round in 1..=rounds {
                let n = from + i64::from(round);
                let write = format!("UPDATE seen SET n = {n} WHERE who = {who}");
                client.simple_query(&write).await.unwrap();
                let read = number(&client, &format!("SELECT n FROM seen WHERE who = {who}")).await;
                stale += i32::from(read != n);
            }
            stale
        }));
    }
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    sum
}

fn bench(url: &str, mode: &str) {
    let ran = run("pgbench", &["-n", "-M", mode, "-c", "6", "-j", "2", "-t", "8", url], "");
    assert!(ran.out.contains("number of failed transactions: 0 (0.000%)"), "{ran:?}");
}

/// Application → PgBouncer → Afterwrite. A client's write and its next read may come to
/// us over two connections: what makes them one is a key that PgBouncer names.
async fn in_front(cluster: &Cluster) {
    let desk = Desk::open(&configuration(&nodes(cluster))).await;
    let database = format!("host=127.0.0.1 port={} user=app dbname=app", desk.proxy.port());
    let key = "connect_query='SET afterwrite.session = ''all'''";
    let databases = format!("bare = {database}\napp = {database} {key}");
    // Fewer connections to us than clients, and each is whose turn it is.
    let front = PgBouncer::start(
        &databases,
        "transaction",
        "max_db_connections = 3\nserver_round_robin = 1",
    )
    .await;
    // Without a key the one connection has no part in the floor of the other.
    let bare = takes_turns(&front.url("bare")).await;
    // Until the table is known, all go to the primary.
    eventually("a stale read, or the test sees nothing", Duration::from_secs(20), || {
        reads_old(&bare)
    })
    .await;
    drop(bare);
    let url = front.url("app");
    let named = takes_turns(&url).await;
    for _ in 0..5 {
        assert!(!reads_old(&named).await, "a stale read");
    }
    drop(named);
    assert_eq!(stale(&url, 6, 6).await, 0, "stale reads");
    bench(&url, "simple");
    bench(&url, "extended");
    let idle = connect(&url).await;
    sleep(Duration::from_millis(400)).await;
    assert_eq!(text(&idle, "SELECT pg_is_in_recovery() FROM seen LIMIT 1").await, "t");
    assert!(!desk.proxy.log().join("\n").contains("a pooler stands between"));
}

/// A client of a pooler that has all the connections open that it may open, so that each
/// statement comes to us over another one.
async fn takes_turns(url: &str) -> Client {
    let mut opened = Vec::new();
    for _ in 0..3 {
        opened.push(connect(url).await);
    }
    let busy = opened.iter().map(|client| client.simple_query("SELECT pg_sleep(0.2)"));
    for slept in join_all(busy).await {
        slept.unwrap();
    }
    opened.swap_remove(0)
}

/// Writes and reads when every earlier write is replayed: whether that was old.
async fn reads_old(client: &Client) -> bool {
    sleep(Duration::from_millis(300)).await;
    let write = "UPDATE seen SET n = n + 1 WHERE who = 99 RETURNING n";
    let written = number(client, write).await;
    number(client, "SELECT n FROM seen WHERE who = 99").await < written
}

fn nodes(cluster: &Cluster) -> String {
    let nodes: Vec<_> =
        cluster.servers().map(|it| format!("\"127.0.0.1:{}\"", it.port())).collect();
    nodes.join(", ")
}

fn every_server(cluster: &Cluster) -> String {
    let line = |(number, server): (usize, &afterwrite_cluster::Server)| {
        format!("n{number} = host=127.0.0.1 port={} user=app dbname=app", server.port())
    };
    cluster.servers().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Application → Afterwrite → PgBouncer → the primary; the replicas are direct, then
/// behind a PgBouncer too.
async fn behind(cluster: &Cluster) {
    let ports: Vec<_> = cluster.servers().map(afterwrite_cluster::Server::port).collect();
    let back = PgBouncer::start(
        &format!("app = host=127.0.0.1 port={} user=app", ports[0]),
        "session",
        "ignore_startup_parameters = default_transaction_read_only",
    )
    .await;
    let mixed = format!("\"127.0.0.1:{}\", \"127.0.0.1:{}\"", back.port, ports[1]);
    let desk = Desk::open(&configuration(&mixed)).await;
    let url = desk.url("app", "app");
    assert_eq!(stale(&url, 6, 8).await, 0, "stale reads");
    bench(&url, "prepared");
    let client = desk.app().await;
    sleep(Duration::from_millis(400)).await;
    assert_eq!(text(&client, "SELECT pg_is_in_recovery() FROM seen LIMIT 1").await, "t");
    let log = desk.proxy.log().join("\n");
    assert_eq!(log.matches("a pooler stands between").count(), 1, "{log}");
    assert!(!log.contains("shares server connections"), "{log}");
    cancel(&desk).await;
    client
        .batch_execute("SET application_name = 'kept'; SET timezone = 'Asia/Tokyo'")
        .await
        .unwrap();
    assert_eq!(text(&client, "SELECT current_setting('TimeZone')").await, "Asia/Tokyo");
    assert_ne!(text(&desk.app().await, "SELECT current_setting('TimeZone')").await, "Asia/Tokyo");

    // A replica behind a pooler takes no reads.
    let other = PgBouncer::start(
        &format!("app = host=127.0.0.1 port={} user=app", ports[1]),
        "session",
        "ignore_startup_parameters = default_transaction_read_only",
    )
    .await;
    let pooled = format!("\"127.0.0.1:{}\", \"127.0.0.1:{}\"", ports[0], other.port);
    let desk = Desk::open(&configuration(&pooled)).await;
    let client = desk.app().await;
    assert_eq!(text(&client, "SELECT pg_is_in_recovery() FROM seen LIMIT 1").await, "f");
    assert_eq!(stale(&desk.url("app", "app"), 4, 5).await, 0);
    let replica = desk.console("admin").await.row_of("SHOW NODES", "role", "replica").await;
    assert_eq!((replica["eligible"].as_str(), replica["state"].as_str()), ("0", "pooled"));
}

/// A cancel request finds its way through both.
async fn cancel(desk: &Desk) {
    let client = desk.app().await;
    let token = client.cancel_token();
    let sleeping = client.simple_query("SELECT pg_sleep(20)");
    let cancelling = async {
        sleep(Duration::from_millis(300)).await;
        token.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(sleeping, cancelling);
    assert_eq!(crate::support::sqlstate(&outcome.err().unwrap()), "57014");
}

/// Two of our connections that lead to one server process are noticed.
async fn shared(cluster: &Cluster) {
    let back = PgBouncer::start(&every_server(cluster), "transaction", "").await;
    let text = configuration(&format!("\"127.0.0.1:{}\"", back.port))
        .replace("database = \"app\"", "database = \"n0\"");
    let mut desk = Desk::open(&text).await;
    let url = desk.url("app", "n0");
    let ran = psql(&url, "SELECT 'through';");
    assert!(ran.ok().contains("through"));
    desk.proxy.wait_for_log("shares server connections").await;
}

/// A realistic `pgbouncer.ini`, imported as the guide says, and served.
async fn imported(cluster: &Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port().unwrap();
    let ini = format!(
        ";; an example that has grown\n[databases]\n\
         app = host=127.0.0.1 port={} dbname=app pool_size=15 connect_query='SELECT 1'\n\
         reports = host=127.0.0.1 port={} dbname=app user=app pool_mode=session\n\n\
         [users]\nsomebody = pool_mode=session max_user_connections=5\n\n\
         [pgbouncer]\nlogfile = /var/log/pgbouncer/pgbouncer.log\npidfile = /run/pgbouncer.pid\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = md5\n\
         auth_file = {}\nadmin_users = boss\nstats_users = stats\npool_mode = transaction\n\
         server_reset_query = DISCARD ALL\nmax_client_conn = 200\ndefault_pool_size = 10\n\
         min_pool_size = 2\nreserve_pool_size = 3\nreserve_pool_timeout = 3\n\
         server_lifetime = 1200\nserver_idle_timeout = 60\nquery_wait_timeout = 30\n\
         client_idle_timeout = 0\nidle_transaction_timeout = 120\nlog_connections = 1\n\
         ignore_startup_parameters = extra_float_digits,search_path\nstats_period = 60\n",
        cluster.primary().port(),
        cluster.primary().port(),
        at("userlist.txt")
    );
    fs::write(at("pgbouncer.ini"), ini).unwrap();
    fs::write(
        at("userlist.txt"),
        "\"app\" \"letmein\"\n\"boss\" \"bossy\"\n\"stats\" \"curious\"\n",
    )
    .unwrap();
    let made =
        run(afterwrite(), &["import", &at("pgbouncer.ini"), "-o", &at("afterwrite.toml")], "");
    let imported = fs::read_to_string(at("afterwrite.toml")).unwrap_or_default();
    assert_eq!(made.code, Some(0), "{made:?}");
    // What it asks to be decided: who asks the nodes, and the replicas.
    assert!(imported.contains("CREATE ROLE afterwrite LOGIN"), "{imported}");
    let boss = connect(&cluster.primary().superuser_url()).await;
    boss.batch_execute("CREATE ROLE afterwrite LOGIN").await.unwrap();
    cluster.wait_for_catch_up(SOON).await.unwrap();
    let all = cluster_section(cluster);
    let wanted = all.lines().find(|line| line.starts_with("nodes")).unwrap();
    let decided: Vec<_> = imported
        .lines()
        .map(|line| if line.starts_with("nodes = ") { wanted } else { line })
        .collect();
    fs::write(at("afterwrite.toml"), decided.join("\n")).unwrap();
    let check = run(afterwrite(), &["check", "--config", &at("afterwrite.toml")], "");
    assert_eq!(check.code, Some(0), "{check:?}");
    let proxy = Proxy::start(&["--config", &at("afterwrite.toml")]).await;
    let url = |user: &str, database: &str| {
        format!("postgres://{user}@127.0.0.1:{}/{database}", proxy.port())
    };
    let out = psql(
        &url("app:letmein", "app"),
        "CREATE TABLE mine (n int); INSERT INTO mine VALUES (7); TABLE mine;",
    );
    assert!(out.clone().ok().contains('7'), "{out:?}");
    let out = psql(&url("app:letmein", "reports"), "SELECT count(*) FROM mine;");
    assert!(out.ok().contains('1'));
    let refused = psql(&url("app:wrong", "app"), "SELECT 1");
    assert!(refused.err.contains("password authentication failed"), "{refused:?}");
    let pools =
        psql(&url("boss:bossy", "pgbouncer"), "SHOW DATABASES; PAUSE app; RESUME app;").ok();
    assert!(pools.contains("reports") && pools.contains("RESUME"), "{pools}");
    let refused = psql(&url("stats:curious", "pgbouncer"), "SHOW STATS; PAUSE;");
    assert!(refused.err.contains("admin access needed"), "{refused:?}");
}
