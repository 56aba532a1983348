//! The command line: what a user types, and what comes back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};

use crate::support::{Checks, Proxy, Ran, afterwrite, connect, number, run};

/// What `sysexits.h` calls a configuration error.
const EX_CONFIG: i32 = 78;

pub(crate) fn afterwrite_run(args: &[&str]) -> Ran {
    run(afterwrite(), args, "")
}

/// Written to a file of its own.
fn config(folder: &Path, text: &str) -> String {
    let path = folder.join("afterwrite.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// All problems at once, each with its key, and the exit code.
fn refused(checks: &mut Checks, name: &str, ran: &Ran, words: &[&str]) {
    checks.that(&format!("{name}: exits 78"), ran.code == Some(EX_CONFIG), &format!("{ran:?}"));
    for word in words {
        checks.that(&format!("{name}: names {word}"), ran.err.contains(word), &ran.err);
    }
}

#[test]
fn bad_configuration_is_refused_whole() {
    let mut checks = Checks::default();
    let folder = tempfile::tempdir().unwrap();
    let path = config(
        folder.path(),
        "listen = \"nonsense\"\nthreads = 0\nunknown = 1\n\
         [cluster]\nnodes = [\"postgres://app:hunter2@127.0.0.1:1/app\"]\n\
         [pool]\nsize = -3\nwait_timeout = \"soon\"\nsizes = 5\n\
         [routing]\nlevel = \"exact\"\nwait_max = \"5min\"\n\
         [nowhere]\nx = 1\n",
    );
    let words = [
        "listen",
        "threads",
        "unknown",
        "pool.size",
        "pool.wait_timeout",
        "pool.sizes",
        "routing.level",
        "read_your_writes",
        "routing.wait_max",
        "nowhere",
    ];
    for command in ["serve", "check"] {
        let ran = afterwrite_run(&[command, "--config", &path]);
        refused(&mut checks, command, &ran, &words);
        checks.that("no password is shown", !format!("{ran:?}").contains("hunter2"), &ran.err);
    }
    let good = "[cluster]\nnodes = [\"postgres://app:x@127.0.0.1:1/app\"]\n";
    let cases: &[(&str, &str, &[&str])] = &[
        ("no TOML", "[cluster\nnodes", &["afterwrite.toml"]),
        ("empty", "", &["nodes"]),
        ("no nodes", "[cluster]\nnodes = []\n", &["nodes"]),
        ("a wrong type", "threads = \"many\"\n[cluster]\nnodes = 5\n", &["threads", "nodes"]),
        (
            "the same node twice",
            "[cluster]\nnodes = [\"postgres://a@h:1/d\", \"h:1\"]\n",
            &["nodes"],
        ),
        (
            "trust off loopback",
            "listen = \"0.0.0.0:0\"\n[cluster]\nnodes = [\"postgres://app@127.0.0.1:1/app\"]\n",
            &["listen", "loopback"],
        ),
    ];
    for (name, text, words) in cases {
        let path = config(folder.path(), text);
        refused(&mut checks, name, &afterwrite_run(&["serve", "--config", &path]), words);
    }
    let path = config(folder.path(), good);
    let ran = afterwrite_run(&[
        "serve",
        "--config",
        &path,
        "--set",
        "pool.size=zero",
        "--set",
        "no.such=1",
    ]);
    refused(&mut checks, "--set", &ran, &["pool.size", "no.such"]);
    let ran = afterwrite_run(&["serve", "--config", "/nonexistent/afterwrite.toml"]);
    refused(&mut checks, "a file that is not there", &ran, &["/nonexistent/afterwrite.toml"]);
    for url in ["postgres://app@127.0.0.1:port/app", "mysql://app@h/app", "postgres://", "nonsense"]
    {
        refused(&mut checks, url, &afterwrite_run(&["serve", url]), &[]);
    }
    let ran = afterwrite_run(&["serve", "postgres://app@127.0.0.1:1/app", "--listen", "0.0.0.0:0"]);
    refused(&mut checks, "trust off loopback, by URL", &ran, &["loopback"]);
    let ran = afterwrite_run(&["serve"]);
    checks.that("no cluster at all", ran.code != Some(0), &format!("{ran:?}"));
    for args in [&["serve", "--no-such-flag"][..], &["no-such-command"]] {
        let ran = afterwrite_run(args);
        let usage = ran.code == Some(2) && ran.err.contains("Usage");
        checks.that(&format!("{args:?}"), usage, &format!("{ran:?}"));
    }
    let ran = afterwrite_run(&["--version"]);
    checks.that("--version", ran.out.starts_with("afterwrite "), &ran.out);
}

#[tokio::test]
async fn serve_starts_and_stops() {
    let mut checks = Checks::default();
    let cluster = Cluster::start(Plan::default(), &|_| ()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();

    // The example in the repository, with this cluster's nodes.
    let example = include_str!("../../../../afterwrite.example.toml");
    let nodes: Vec<String> =
        cluster.servers().map(|s| format!("\"127.0.0.1:{}\"", s.port())).collect();
    let line = example.lines().find(|line| line.starts_with("nodes = ")).unwrap();
    let given = format!("\nnodes = [{}]\nuser = \"app\"\ndatabase = \"app\"\n", nodes.join(", "));
    let text = example.replace(&format!("\n{line}\n"), &given);
    let path = config(folder.path(), &text);
    // The transaction left open holds the end up for so long.
    let drain = [("AFTERWRITE_SHUTDOWN__DRAIN_TIMEOUT", "1s")];
    let mut proxy = Proxy::start_with(&["--config", &path], &drain).await;
    checks
        .run("the example works", async {
            assert_eq!(number(&connect(&proxy.url()).await, "SELECT 1").await, 1);
        })
        .await;

    for signal in ["TERM", "INT"] {
        let idle = connect(&proxy.url()).await;
        let in_transaction = connect(&proxy.url()).await;
        in_transaction.batch_execute("BEGIN; CREATE TABLE x (n int)").await.unwrap();
        let (code, took) = proxy.end(signal, Duration::from_secs(20)).await;
        let good = took < Duration::from_secs(5) && code.is_some();
        checks.that(&format!("SIG{signal} ends it"), good, &format!("{code:?} after {took:?}"));
        drop((idle, in_transaction));
        proxy = Proxy::start_with(&[&cluster.url()], &drain).await;
    }
    // Nothing of it is left on the servers.
    let left =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state LIKE 'idle in%'";
    let rows = cluster.primary().query(left).await.unwrap();
    checks.that("no transaction is left", rows[0][0].as_deref() == Some("0"), &format!("{rows:?}"));
    drop(proxy);

    checks
        .run("a port that is taken", async {
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = taken.local_addr().unwrap().to_string();
            let ran = afterwrite_run(&["serve", &cluster.url(), "--listen", &address]);
            assert!(ran.code.is_some_and(|code| code != 0), "{ran:?}");
            assert!(ran.err.contains(&address), "{ran:?}");
        })
        .await;
    checks
        .run("a setting from the environment", async {
            let ran = Command::new(afterwrite())
                .args(["serve", &cluster.url()])
                .env("AFTERWRITE_POOL__SIZE", "none")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert_eq!(ran.status.code(), Some(EX_CONFIG));
            let text = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(text.contains("AFTERWRITE_POOL__SIZE") || text.contains("pool.size"), "{text}");
        })
        .await;
    checks.run("before the cluster is there", early(&cluster)).await;
    checks.run("logs as JSON", json_logs(&cluster)).await;
    checks.run("check", async { check(&cluster, folder.path()) }).await;
}

/// Started while the nodes are away, it serves once they are there.
async fn early(cluster: &Cluster) {
    for server in cluster.servers() {
        server.stop(afterwrite_cluster::StopMode::Fast).await.unwrap();
    }
    let mut proxy = Proxy::spawn(&[&cluster.url()]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(proxy.is_running(), "{:?}", proxy.log());
    for server in cluster.servers() {
        server.start().await.unwrap();
    }
    proxy.wait_for_log("ready").await;
    cluster.wait_for_streaming(Duration::from_secs(15)).await.unwrap();
}

async fn json_logs(cluster: &Cluster) {
    let proxy = Proxy::spawn(&[&cluster.url(), "--log-format", "json", "--log-decisions"]);
    let mut proxy = proxy;
    let line = proxy.wait_for_log("listening for clients").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    proxy.wait_for_log("ready").await;
    let text = line.to_string();
    let port = text.split("127.0.0.1:").nth(1).unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let client = connect(&format!("postgres://app@127.0.0.1:{port}/app")).await;
    number(&client, "SELECT 1").await;
    proxy.wait_for_log("reason").await;
    for line in proxy.log() {
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
    }
}

fn check(cluster: &Cluster, folder: &Path) {
    let json = folder.join("check.json");
    let good = afterwrite_run(&["check", &cluster.url(), "--json", json.to_str().unwrap()]);
    assert_eq!(good.code, Some(0), "{good:?}");
    for server in cluster.servers() {
        assert!(good.out.contains(&server.port().to_string()), "{good:?}");
    }
    let text = std::fs::read_to_string(&json).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    // One node that is away, one with another password: each is named.
    let free = afterwrite_cluster::free_port().unwrap();
    let url = cluster.url();
    let url = format!("{},127.0.0.1:{free}/app", url.strip_suffix("/app").unwrap());
    let bad = afterwrite_run(&["check", &url]);
    assert!(bad.code.is_some_and(|code| code != 0), "{bad:?}");
    assert!(format!("{}{}", bad.out, bad.err).contains(&free.to_string()), "{bad:?}");
    let nobody = cluster.url().replace("app@", "nobody_here@");
    let bad = afterwrite_run(&["check", &nobody]);
    assert!(bad.code.is_some_and(|code| code != 0), "{bad:?}");
    // Of several clusters each is asked.
    let text = format!(
        "[cluster]\nurl = \"{}\"\n[clusters.reports]\nurl = \"postgres://app@127.0.0.1:{free}/app\"\n",
        cluster.url()
    );
    let bad = afterwrite_run(&["check", "--config", &config(folder, &text)]);
    assert!(bad.code.is_some_and(|code| code != 0), "{bad:?}");
    for part in [
        format!("default: 127.0.0.1:{}  primary", cluster.primary().port()),
        format!("reports: 127.0.0.1:{free}"),
        "default: cluster".to_owned(),
        "reports: cluster".to_owned(),
    ] {
        assert!(bad.out.contains(&part), "{part}: {bad:?}");
    }
}

#[test]
fn cluster_up_status_down() {
    let mut checks = Checks::default();
    let folder = tempfile::tempdir().unwrap();
    // The servers' account must reach it.
    let mut open = std::fs::metadata(folder.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let place = folder.path().join("c");
    let place = place.to_str().unwrap();
    let json = folder.path().join("c.json");
    let begin = Instant::now();
    let up = afterwrite_run(&[
        "cluster",
        "up",
        "-d",
        place,
        "-r",
        "1",
        "--delay",
        "50",
        "--json",
        json.to_str().unwrap(),
    ]);
    let _down = Down(place.to_owned());
    checks.that("up", up.code == Some(0) && up.out.contains("postgres://"), &format!("{up:?}"));
    checks.that("up, soon", begin.elapsed() < Duration::from_secs(30), &format!("{up:?}"));
    let told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let url = told["url"].as_str().unwrap().to_owned();
    let ran = run("psql", &["-X", "-w", "-At", "-d", &url, "-c", "SELECT 1"], "");
    checks.that("the URL works", ran.out == "1\n", &format!("{ran:?}"));
    let delay = told["servers"][1]["apply_delay_ms"].as_i64();
    checks.that("the delay", delay == Some(50), &told.to_string());
    let again = afterwrite_run(&["cluster", "up", "-d", place]);
    checks.that("up twice is refused", again.code != Some(0), &format!("{again:?}"));
    let status = afterwrite_run(&["cluster", "status", "-d", place]);
    let good = status.code == Some(0)
        && status.out.contains("primary")
        && status.out.contains("replica_1");
    checks.that("status", good, &format!("{status:?}"));
    let down = afterwrite_run(&["cluster", "down", "-d", place]);
    checks.that("down", down.code == Some(0), &format!("{down:?}"));
    checks.that("nothing is left", !Path::new(place).exists(), place);
    let ran = run("psql", &["-X", "-w", "-d", &url, "-c", "SELECT 1"], "");
    checks.that("nobody answers", ran.code != Some(0), &format!("{ran:?}"));
    for command in ["status", "down"] {
        let ran = afterwrite_run(&["cluster", command, "-d", place]);
        checks.that(
            &format!("{command} of nothing"),
            ran.code.is_some_and(|c| c != 0),
            &format!("{ran:?}"),
        );
    }
}

/// Takes the cluster down also when the test fails.
struct Down(String);

impl Drop for Down {
    fn drop(&mut self) {
        let args = ["cluster", "down", "-d", &self.0];
        let _ = Command::new(afterwrite()).args(args).output();
    }
}
