//! `afterwrite verify`: it finds what a naive router breaks, and nothing behind the proxy.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Plan, Server};
use serde_json::Value;

use crate::cli::afterwrite_run;
use crate::support::{Bed, Certificates, Checks, Ran, afterwrite, run_in};

const CHECKS: [&str; 5] =
    ["own_writes", "monotonic_reads", "writes_follow_reads", "bounded_staleness", "snapshots"];

const SCOPES: [&str; 4] = ["connection", "key", "token", "table"];

/// One replica without lag, one 100 ms behind; the proxy knows tables.
async fn lagging() -> Bed {
    let delays = vec![Duration::ZERO, Duration::from_millis(100)];
    let plan = Plan { apply_delay: delays, ..Plan::default() };
    Bed::with(plan, &["--set", "routing.table_scope=true"]).await
}

/// `judged` or `violations` of a check, in one scope or in all.
fn sum(found: &Value, field: &str, check: &str, scope: Option<&str>) -> u64 {
    let cells = found["cells"].as_array().unwrap().iter();
    let wanted = cells.filter(|cell| cell["check"] == check);
    let wanted = wanted.filter(|cell| scope.is_none_or(|scope| cell["scope"] == scope));
    wanted.map(|cell| cell[field].as_u64().unwrap()).sum()
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// Whether nothing of the checker's is left.
async fn is_clean(bed: &Bed) -> bool {
    let sql = "SELECT count(*) FROM pg_namespace WHERE nspname = 'afterwrite_verify'";
    bed.cluster.primary().query(sql).await.unwrap()[0][0].as_deref() == Some("0")
}

#[tokio::test]
async fn a_naive_router_is_found_and_afterwrite_is_not() {
    let bed = lagging().await;
    let mut checks = Checks::default();
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.jsonl");
    let history = history.to_str().unwrap();

    let urls: Vec<String> = bed.cluster.servers().map(Server::url).collect();
    let options = ["--seconds", "4", "--max-staleness", "50", "--json"];
    let mut naive = vec!["verify", "--naive", "--level", "causal", "--history", history];
    naive.extend(options);
    naive.extend(urls.iter().map(String::as_str));
    let ran = afterwrite_run(&naive);
    checks.that("naive: it is broken", ran.code == Some(1), &ran.err);
    let found = json(&ran);
    for check in CHECKS {
        let violations = sum(&found, "violations", check, None);
        checks.that(&format!("naive: {check} is found"), violations > 0, &ran.err);
    }
    checks.that("naive: nothing is left", is_clean(&bed).await, &ran.err);

    let again = afterwrite_run(&["verify", "--judge", history, "--json"]);
    checks.that("a history is judged alike", again.code == Some(1), &again.err);
    let stories = json(&again)["violations"] == found["violations"];
    checks.that("a history has the same stories", stories, &again.out);

    for level in ["read_your_writes", "strong"] {
        let mut ours = vec!["verify", "--level", level];
        ours.extend(options);
        let url = bed.proxy.url();
        ours.push(&url);
        let ran = afterwrite_run(&ours);
        checks.that(&format!("{level}: kept"), ran.code == Some(0), &format!("{ran:?}"));
        let found = json(&ran);
        for scope in SCOPES {
            let judged = sum(&found, "judged", "own_writes", Some(scope));
            checks.that(&format!("{level}: {scope} was judged"), judged > 50, &ran.err);
        }
        let on_replicas = found["reads_on_replicas"].as_u64().unwrap();
        checks.that(&format!("{level}: on replicas"), on_replicas > 100, &ran.out);
        checks.that(&format!("{level}: nothing is left"), is_clean(&bed).await, &ran.err);
    }

    // What is not promised does not fail the run, unless it is asked to.
    let eventual = bed.another(&["--set", "routing.level=eventual"]).await;
    let url = eventual.url();
    let mut weak = vec!["verify", &url];
    weak.extend(options);
    let ran = afterwrite_run(&weak);
    checks.that("eventual: it promises nothing", ran.code == Some(0), &ran.err);
    let observed = json(&ran)["observed_not_promised"].as_u64().unwrap();
    checks.that("eventual: it is seen all the same", observed > 0, &ran.err);
    let table = sum(&json(&ran), "judged", "own_writes", Some("table"));
    checks.that("a scope that is not offered is not judged", table == 0, &ran.err);
    checks.that("it is said", ran.err.contains("scope table is not offered"), &ran.err);
    weak.push("--strict");
    let ran = afterwrite_run(&weak);
    checks.that("eventual: --strict", ran.code == Some(1), &ran.err);
}

#[tokio::test]
async fn it_says_what_it_does_and_puts_it_away() {
    let bed = lagging().await;
    let mut checks = Checks::default();
    let url = bed.direct();

    let ran = afterwrite_run(&["verify", "--seconds", "1", &url]);
    checks.that("a single server", ran.code == Some(0), &format!("{ran:?}"));
    for words in ["own writes", "scope connection", "COPY", "the primary (port "] {
        checks.that(&format!("the report has {words:?}"), ran.out.contains(words), &ran.out);
    }
    for words in ["schema afterwrite_verify", "not offered", "shows nothing", "was kept"] {
        checks.that(&format!("it says {words:?}"), ran.err.contains(words), &ran.err);
    }

    let secret = "postgres://app:hunter2@127.0.0.1:1/app";
    for (name, args) in [
        ("nobody answers", &["verify", secret][..]),
        ("no such scope there", &["verify", "--scopes", "key", &url]),
        ("a naive router without replicas", &["verify", "--naive", &url]),
        ("no history", &["verify", "--judge", "/nonexistent"]),
        ("nothing to check", &["verify"]),
    ] {
        let ran = afterwrite_run(args);
        checks.that(&format!("{name}: exits 2"), ran.code == Some(2), &format!("{ran:?}"));
        let shown = ran.err.contains("hunter2") || ran.err.is_empty();
        checks.that(&format!("{name}: is said"), !shown, &ran.err);
    }

    checks.run("Ctrl-C", interrupted(&bed)).await;
    checks.run("TLS", encrypted(&bed)).await;
}

/// What was found so far is told, and nothing is left.
async fn interrupted(bed: &Bed) {
    let mut child = Command::new(afterwrite())
        .args(["verify", "--seconds", "60", &bed.proxy.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while is_clean(bed).await {
        assert!(Instant::now() < end, "it makes no tables");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let end = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ended = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{out}");
    assert!(out.contains("ended early") && out.contains("own writes"), "{out}");
    assert!(is_clean(bed).await);
}

/// Encrypted as libpq does it: checked if there is something to check by.
async fn encrypted(bed: &Bed) {
    let certificates = Certificates::make(&bed.cluster);
    certificates.offer(&bed.cluster).await;
    let url = format!("{}?sslmode=require", bed.direct());
    let run = |authority: Option<String>| {
        let variables: Vec<_> =
            authority.iter().map(|path| ("PGSSLROOTCERT", path.as_str())).collect();
        run_in(&variables, afterwrite(), &["verify", "--seconds", "1", &url], "")
    };
    for authority in [None, Some(certificates.authority())] {
        let ran = run(authority);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let ran = run(Some(certificates.stranger()));
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

/// A few rows of `make matrix`, and its control.
#[tokio::test]
async fn under_faults_nothing_is_stale() {
    let only = "none,replay_paused,replica_backend_killed,held_commits,copy";
    let ran = afterwrite_run(&["soak", "--matrix", "--seconds", "3", "--only", only]);
    let table = ran.ok();
    assert_eq!(table.lines().filter(|line| line.starts_with('|')).count(), 7, "{table}");
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        for cell in &cells[3..=6] {
            let judged = cell.strip_prefix("0 / ").unwrap_or_else(|| panic!("{table}"));
            assert!(judged.replace(',', "").parse::<u64>().unwrap() > 20, "{table}");
        }
    }

    let control = ["soak", "--matrix", "--ignore-floor", "--seconds", "2", "--only", "none,copy"];
    let table = afterwrite_run(&control).ok();
    let broken = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    let broken = broken
        .filter(|row| row.split('|').skip(3).take(4).all(|cell| !cell.trim().starts_with("0 /")));
    assert_eq!(broken.count(), 2, "every scope of every row shows it: {table}");
}
