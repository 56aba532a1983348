//! RELOAD under load: pools, users, databases, nodes and certificates change, and
//! nobody who works hears an error or misses a write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan};
use tokio::time::sleep;
use tokio_postgres::NoTls;

use super::desk::{Desk, figure};
use crate::support::{Checks, connect, eventually, number, run, sqlstate, text};
use crate::tls::certify;

const SOON: Duration = Duration::from_secs(5);

/// What is written anew in each step.
#[derive(Clone)]
struct Wanted {
    nodes: Vec<u16>,
    size: usize,
    users: Vec<&'static str>,
    databases: Vec<&'static str>,
    certificate: [String; 2],
    keys_max: usize,
}

impl Wanted {
    fn text(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|it| format!("\"127.0.0.1:{it}\"")).collect();
        let section = |kind: &str, names: &[&str], keys: &str| {
            let each = names.iter().map(|name| format!("[{kind}.{name}]\n{keys}"));
            each.collect::<Vec<_>>().concat()
        };
        let users = section("users", &self.users, "");
        let databases = section("databases", &self.databases, "database = \"app\"\n");
        let [certificate, key] = &self.certificate;
        format!(
            "[cluster]\nnodes = [{}]\nuser = \"app\"\ndatabase = \"app\"\n[cluster.tls]\nmode = \"disable\"\n\
             [clients]\nauth = \"trust\"\n[clients.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
             [admin]\nusers = [\"admin\"]\n[users.admin]\npassword = \"x\"\n\
             {users}{databases}[pool]\nsize = {}\n[routing]\nkeys_max = {}\n",
            nodes.join(", "),
            self.size,
            self.keys_max
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_changes_under_load() {
    let cluster = Cluster::start(Plan::default(), &|_| ()).await.unwrap();
    let boss = connect(&cluster.primary().superuser_url()).await;
    boss.batch_execute("CREATE ROLE newcomer LOGIN").await.unwrap();
    let app = connect(&cluster.primary().url()).await;
    app.batch_execute("CREATE TABLE work (who int, n int); CREATE INDEX ON work (who)")
        .await
        .unwrap();
    cluster.wait_for_catch_up(SOON).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = Wanted {
        nodes: cluster.servers().map(afterwrite_cluster::Server::port).collect(),
        size: 4,
        users: vec![],
        databases: vec!["app", "going"],
        certificate: certify(folder.path(), "first"),
        keys_max: 1000,
    };
    let desk = Desk::open(&wanted.text()).await;
    let mut checks = Checks::default();
    let load = Load::start(&desk).await;
    checks.run("pool sizes", sizes(&desk, &mut wanted)).await;
    checks.run("a new user", newcomer(&desk, &mut wanted)).await;
    checks.run("a database that goes", going(&desk, &mut wanted)).await;
    checks.run("other nodes", nodes(&desk, &mut wanted, &cluster)).await;
    checks.run("another certificate", certificates(&desk, &mut wanted, folder.path())).await;
    checks.run("who worked meanwhile", load.end()).await;
    checks.run("a key across other nodes", keys(&desk, &mut wanted, &cluster)).await;
    checks.run("fewer keys", fewer_keys(&desk, &mut wanted, &cluster)).await;
}

async fn reload(desk: &Desk, wanted: &Wanted) {
    desk.rewrite(&wanted.text());
    desk.console("admin").await.run("RELOAD").await;
}

async fn sizes(desk: &Desk, wanted: &mut Wanted) {
    for size in [9, 2, 4] {
        wanted.size = size;
        reload(desk, wanted).await;
        let console = desk.console("admin").await;
        let row = console.row_of("SHOW DATABASES", "name", "app").await;
        assert_eq!(figure(&row, "pool_size"), i64::try_from(size).unwrap());
        eventually("no more connections than that", SOON, || async {
            let row = console.row_of("SHOW POOLS", "user", "app").await;
            figure(&row, "sv_primary") <= i64::try_from(size).unwrap()
        })
        .await;
    }
}

async fn newcomer(desk: &Desk, wanted: &mut Wanted) {
    let url = desk.url("newcomer", "app");
    assert_eq!(sqlstate(&tokio_postgres::connect(&url, NoTls).await.err().unwrap()), "28000");
    wanted.users.push("newcomer");
    reload(desk, wanted).await;
    assert_eq!(text(&connect(&url).await, "SELECT current_user").await, "newcomer");
}

async fn going(desk: &Desk, wanted: &mut Wanted) {
    let url = desk.url("app", "going");
    let (idle, busy) = (connect(&url).await, connect(&url).await);
    text(&idle, "SELECT 1").await;
    busy.batch_execute("BEGIN; INSERT INTO work VALUES (-1, 1)").await.unwrap();
    wanted.databases.retain(|it| *it != "going");
    reload(desk, wanted).await;
    // Its transaction is finished first.
    busy.batch_execute("COMMIT").await.unwrap();
    for client in [idle, busy] {
        let error = client.simple_query("SELECT 1").await.err().unwrap();
        assert_eq!(sqlstate(&error), "3D000", "{error:?}");
    }
    assert_eq!(sqlstate(&tokio_postgres::connect(&url, NoTls).await.err().unwrap()), "3D000");
}

async fn nodes(desk: &Desk, wanted: &mut Wanted, cluster: &Cluster) {
    let all = wanted.nodes.clone();
    for nodes in [vec![all[0], all[1]], vec![all[0], all[2]], vec![all[0]], all.clone()] {
        wanted.nodes.clone_from(&nodes);
        reload(desk, wanted).await;
        let shown = desk.console("admin").await.rows("SHOW NODES").await;
        assert_eq!(shown.len(), nodes.len(), "{shown:?}");
        sleep(Duration::from_millis(200)).await;
        let client = desk.app().await;
        let port = number(&client, "SELECT current_setting('port') FROM work LIMIT 1").await;
        assert!(nodes.contains(&u16::try_from(port).unwrap()), "{port} is not in {nodes:?}");
    }
    let _ = cluster;
}

async fn certificates(desk: &Desk, wanted: &mut Wanted, folder: &std::path::Path) {
    let port = desk.proxy.port();
    let login = |root: &str| {
        let to = format!(
            "host=localhost port={port} user=app dbname=app sslcert=/nowhere sslmode=verify-full sslrootcert={root}"
        );
        run("psql", &["-XAtq", "-d", &to, "-c", "SELECT 'in'"], "")
    };
    let old = wanted.certificate[0].clone();
    assert_eq!(login(&old).ok().trim(), "in");
    wanted.certificate = certify(folder, "second");
    reload(desk, wanted).await;
    let new = &wanted.certificate[0];
    assert_eq!(login(new).ok().trim(), "in");
    assert!(login(&old).err.contains("certificate verify failed"));
}

/// A write of a key that was under way while the nodes changed is seen by others.
async fn keys(desk: &Desk, wanted: &mut Wanted, cluster: &Cluster) {
    for replica in cluster.replicas() {
        replica.set_apply_delay(Duration::from_secs(3)).await.unwrap();
    }
    let (writer, reader) = (desk.app().await, desk.app().await);
    for client in [&writer, &reader] {
        client.batch_execute("SET afterwrite.session = 'user:1'").await.unwrap();
    }
    let count = "SELECT count(*) FROM work WHERE who = -7";
    writer.batch_execute("BEGIN; INSERT INTO work VALUES (-7, 1)").await.unwrap();
    wanted.nodes.truncate(2);
    reload(desk, wanted).await;
    assert_eq!(number(&reader, count).await, 0);
    sleep(Duration::from_millis(300)).await;
    writer.batch_execute("COMMIT").await.unwrap();
    assert_eq!(number(&reader, count).await, 1, "a stale read");
    for replica in cluster.replicas() {
        replica.set_apply_delay(Duration::ZERO).await.unwrap();
    }
}

/// A key that there is no room for any more is forgotten, but not what it must see.
async fn fewer_keys(desk: &Desk, wanted: &mut Wanted, cluster: &Cluster) {
    for replica in cluster.replicas() {
        replica.set_apply_delay(Duration::from_mins(1)).await.unwrap();
    }
    let (writer, reader) = (desk.app().await, desk.app().await);
    let name = |key: i64| format!("SET afterwrite.session = 'fewer:{key}'");
    for key in 0..20 {
        writer.batch_execute(&name(key)).await.unwrap();
        writer.batch_execute(&format!("INSERT INTO work VALUES (-9, {key})")).await.unwrap();
    }
    let console = desk.console("admin").await;
    let remembered =
        || async { figure(&console.row_of("SHOW LISTS", "list", "keys").await, "items") };
    assert!(remembered().await >= 20);
    wanted.keys_max = 3;
    reload(desk, wanted).await;
    assert!(remembered().await <= 3);
    for key in 0..20 {
        reader.batch_execute(&name(key)).await.unwrap();
        let count = format!("SELECT count(*) FROM work WHERE who = -9 AND n = {key}");
        assert_eq!(number(&reader, &count).await, 1, "a stale read under key {key}");
    }
    for replica in cluster.replicas() {
        replica.set_apply_delay(Duration::ZERO).await.unwrap();
    }
}

/// Clients that write and read what they wrote, until they are told to end.
struct Load {
    over: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Result<(), String>>>,
}

impl Load {
    async fn start(desk: &Desk) -> Self {
        let (over, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = Vec::new();
        for who in 0..4_i32 {
            let client = desk.app().await;
            let (over, done) = (Arc::clone(&over), Arc::clone(&done));
            tasks.push(tokio::spawn(async move {
                let told = |error: tokio_postgres::Error| format!("client {who}: {error:?}");
                let mut n = 0;
                while !over.load(Ordering::SeqCst) {
                    n += 1;
                    client
                        .execute("INSERT INTO work VALUES ($1, $2)", &[&who, &n])
                        .await
                        .map_err(told)?;
                    let row = client
                        .query_one("SELECT max(n) FROM work WHERE who = $1", &[&who])
                        .await
                        .map_err(told)?;
                    let seen: Option<i32> = row.get(0);
                    if seen != Some(n) {
                        return Err(format!("client {who} wrote {n} and read {seen:?}"));
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(2)).await;
                }
                Ok(())
            }));
        }
        Self { over, done, tasks }
    }

    async fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap().unwrap();
        }
        assert!(self.done.load(Ordering::SeqCst) > 50);
    }
}
