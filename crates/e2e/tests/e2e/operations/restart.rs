//! A new process takes over, and no client notices.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};
use afterwrite_wire::client;

use crate::support::{Checks, Proxy, Raw, afterwrite, connect, number, run};

/// Long enough for clients that stay, short enough for a test.
const DRAIN: (&str, &str) = ("AFTERWRITE_SHUTDOWN__DRAIN_TIMEOUT", "30s");
const END_MAX: Duration = Duration::from_secs(20);
/// How long pgbench keeps its connections, over both restarts.
const LOAD_SECONDS: &str = "10";

struct Place {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    async fn with(plan: Plan) -> Self {
        let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
        Self { cluster, folder: tempfile::tempdir().unwrap() }
    }

    fn socket(&self) -> String {
        self.folder.path().join("restart").to_str().unwrap().to_owned()
    }

    async fn start(&self, args: &[&str]) -> Proxy {
        let (url, socket) = (self.cluster.url(), self.socket());
        let args = [&[url.as_str()], args].concat();
        Proxy::start_with(&args, &[DRAIN, ("AFTERWRITE_RESTART_SOCKET", &socket)]).await
    }

    fn spawn(&self, args: &[&str]) -> Proxy {
        let socket = self.socket();
        Proxy::spawn_with(args, &[DRAIN, ("AFTERWRITE_RESTART_SOCKET", &socket)])
    }
}

/// Connects, asks and leaves, again and again.
struct Visitors {
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Visitors {
    fn send(port: u16, count: usize) -> Self {
        let (stop, visits) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let visit = |_| {
            let (stop, visits) = (Arc::clone(&stop), Arc::clone(&visits));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let mut client = Raw::login(port, &[]).await;
                    assert_eq!(client.ask("SELECT 7").await, ["7"]);
                    visits.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let tasks = (0..count).map(visit).collect();
        Self { stop, visits, tasks }
    }

    async fn return_home(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.visits.load(Ordering::SeqCst)
    }
}

async fn cancel(port: u16, pid: i32, key: &[u8]) {
    let mut raw = Raw::open(port).await;
    let mut out = Vec::new();
    client::cancel(&mut out, pid, key);
    raw.send(&out).await;
    assert!(raw.until_end().await.is_empty());
}

/// A statement that runs on the process that `client` came to first is cancelled by a
/// request that arrives at the newest one.
async fn cancelled_from(port: u16, mut client: Raw) -> Raw {
    client.query("SELECT pg_sleep(30)").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    cancel(port, client.pid, &client.key).await;
    let replies = client.until(b'Z').await;
    let codes: Vec<_> =
        replies.iter().filter(|it| it.tag == b'E').map(crate::support::Reply::code).collect();
    assert_eq!(codes, ["57014"]);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_lost_across_two_restarts() {
    let place = Place::new().await;
    let mut checks = Checks::default();
    let mut first = place.start(&[]).await;
    let (port, url) = (first.port(), first.url());
    run("pgbench", &["-i", "-s", "1", "-q", &url], "").ok();
    place.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();

    let visitors = Visitors::send(port, 4);
    let loads: Vec<_> = [
        &["-S", "-M", "prepared"][..],
        &["-N", "-M", "extended"],
        // A connection per transaction.
        &["-S", "-C"],
    ]
    .map(|kind| {
        let common = ["-n", "-c", "4", "-T", LOAD_SECONDS, url.as_str()];
        let args: Vec<String> = [kind, &common].concat().into_iter().map(str::to_owned).collect();
        std::thread::spawn(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            run("pgbench", &args, "")
        })
    })
    .into();
    let stays = Raw::login(port, &[]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    // By hand.
    let before = visitors.visits.load(Ordering::SeqCst);
    let mut second = place.start(&["--takeover"]).await;
    checks.that("the same port", second.port() == port, &format!("{}", second.port()));
    first.wait_for_log("the other process has taken over").await;
    let mut also_stays = Raw::login(port, &[]).await;
    let stays = cancelled_from(port, stays).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    // By the command: the second one starts the third.
    let asked = Command::new(afterwrite())
        .args(["restart", &place.cluster.url()])
        .env("AFTERWRITE_RESTART_SOCKET", place.socket())
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&asked.stdout).into_owned();
    let third = Third(told.split_whitespace().nth(1).unwrap_or_default().to_owned());
    let good = asked.status.success() && told.contains("serves now");
    checks.that("afterwrite restart", good, &format!("{asked:?}"));
    // Two processes away, and one.
    let mut stays = cancelled_from(port, stays).await;
    also_stays = cancelled_from(port, also_stays).await;
    let after = visitors.visits.load(Ordering::SeqCst);

    for load in loads {
        let ran = load.join().unwrap();
        let good = ran.code == Some(0)
            && ran.out.contains("number of failed transactions: 0 (0.000%)")
            && !ran.err.to_lowercase().contains("error");
        checks.that("pgbench", good, &format!("{}{}", ran.out, ran.err));
    }
    assert_eq!(stays.ask("SELECT 8").await, ["8"]);
    assert_eq!(also_stays.ask("SELECT 9").await, ["9"]);
    let visits = visitors.return_home().await;
    checks.that("visitors meanwhile", after > before + 50, &format!("{before}..{after}"));
    println!("{visits} visits, none failed");
    checks
        .run("the old ones end when their clients have left", async {
            assert!(first.is_running() && second.is_running());
            drop(stays);
            assert_eq!(first.ended(END_MAX).await.0, Some(0));
            assert!(second.is_running());
            drop(also_stays);
            assert_eq!(second.ended(END_MAX).await.0, Some(0));
        })
        .await;
    checks
        .run("the third serves", async {
            assert_eq!(number(&connect(&url).await, "SELECT 1").await, 1);
        })
        .await;
    drop(third);
}

/// The third process is not our child.
struct Third(String);

impl Drop for Third {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", &self.0]).status();
    }
}

#[tokio::test]
async fn a_takeover_that_fails_changes_nothing() {
    let place = Place::new().await;
    let mut checks = Checks::default();
    let mut old = place.start(&[]).await;
    let (port, url) = (old.port(), place.cluster.url());
    let mut stays = Raw::login(port, &[]).await;
    let socket = place.socket();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(Path::new(&socket)).unwrap().permissions(),
    );
    checks.that("the socket is ours alone", mode & 0o777 == 0o600, &format!("{mode:o}"));

    let visitors = Visitors::send(port, 2);
    checks
        .run("a bad configuration", async {
            let mut bad = place.spawn(&[&url, "--takeover", "--set", "pool.size=none"]);
            assert_eq!(bad.ended(END_MAX).await.0, Some(78));
        })
        .await;
    checks
        .run("without the flag", async {
            let mut other = place.spawn(&[&url]);
            assert_eq!(other.ended(END_MAX).await.0, Some(1));
            assert!(other.log().join("\n").contains("--takeover"), "{:?}", other.log());
        })
        .await;
    checks
        .run("it dies before it is ready", async {
            // A node that takes the connection and says nothing: it is waited for.
            let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("postgres://app@{}/app", silent.local_addr().unwrap());
            let mut hangs = place.spawn(&[&url, "--takeover"]);
            hangs.wait_for_log("taking over").await;
            old.wait_for_log("another process is taking over").await;
            // One at a time.
            let mut another = place.spawn(&[&url, "--takeover"]);
            assert_eq!(another.ended(END_MAX).await.0, Some(1));
            assert!(another.log().join("\n").contains("another one"), "{:?}", another.log());
            hangs.end("KILL", END_MAX).await;
            old.wait_for_log("this one goes on").await;
        })
        .await;
    checks
        .run("somebody who says nothing, and nonsense", async {
            use std::io::Write as _;
            let silent = std::os::unix::net::UnixStream::connect(&socket).unwrap();
            let mut loud = std::os::unix::net::UnixStream::connect(&socket).unwrap();
            let _ = loud.write_all(&vec![b'x'; 100_000]);
            old.wait_for_log("was not understood").await;
            drop(silent);
        })
        .await;
    checks
        .run("the old one goes on", async {
            assert_eq!(stays.ask("SELECT 1").await, ["1"]);
            assert_eq!(Raw::login(port, &[]).await.ask("SELECT 2").await, ["2"]);
        })
        .await;
    let visits = visitors.return_home().await;
    checks.that("visitors meanwhile", visits > 20, &visits.to_string());
    checks
        .run("and can still be taken over from", async {
            let new = place.start(&["--takeover"]).await;
            assert_eq!(new.port(), port);
            drop(stays);
            assert_eq!(old.ended(END_MAX).await.0, Some(0));
            assert!(Path::new(&socket).exists(), "the file is the new one's");
            assert_eq!(Raw::login(port, &[]).await.ask("SELECT 3").await, ["3"]);
        })
        .await;
}

/// Floors of keys live in one process; two of them serve while the old one drains.
#[tokio::test]
async fn keys_hold_across_both_processes() {
    let slow = Plan { apply_delay: vec![Duration::from_millis(700); 2], ..Plan::default() };
    let place = Place::with(slow).await;
    let mut checks = Checks::default();
    let old = place.start(&[]).await;
    let setup = connect(&place.cluster.primary().url()).await;
    setup.batch_execute("CREATE TABLE k (n int); INSERT INTO k VALUES (0)").await.unwrap();
    place.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    let mut on_old = Raw::login(old.port(), &[("afterwrite.session", "user:42")]).await;
    let new = place.start(&["--takeover"]).await;
    let mut on_new = Raw::login(new.port(), &[("afterwrite.session", "user:42")]).await;
    for number in 1..=10 {
        let (writer, reader) =
            if number % 2 == 0 { (&mut on_new, &mut on_old) } else { (&mut on_old, &mut on_new) };
        // Lets the reader forget what it had to know before.
        tokio::time::sleep(Duration::from_millis(50)).await;
        writer.ask(&format!("UPDATE k SET n = {number}")).await;
        let seen = reader.ask("SELECT n FROM k").await;
        checks.that("seen", seen == [number.to_string()], &format!("{seen:?}, not {number}"));
    }
}
