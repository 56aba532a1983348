//! What the analysis says of a corpus of statements, against what is expected of each, and
//! against what a real hot standby does with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan, Server};
use afterwrite_footprint::{Builder, Catalog, Knowledge, Part, Path, Route, Rules};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// One statement of the corpus.
#[derive(Debug)]
struct Entry {
    name: String,
    expected: BTreeMap<String, String>,
    sql: String,
}

impl Entry {
    fn expected(&self, key: &str) -> &str {
        self.expected.get(key).map_or("", String::as_str)
    }
}

fn corpus() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../footprint/tests/corpus")
}

fn entries() -> Vec<Entry> {
    let mut all = Vec::new();
    let files = std::fs::read_dir(corpus()).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    for file in files {
        let is_topic =
            file.extension().is_some_and(|it| it == "sql") && !file.ends_with("schema.sql");
        if !is_topic {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for block in text.split("\n\n--- ") {
            let block = block.strip_prefix("--- ").unwrap_or(block);
            let mut lines = block.lines();
            let name = lines.next().unwrap().trim().to_owned();
            let mut expected = BTreeMap::new();
            let mut sql = String::new();
            for line in lines {
                match line.strip_prefix("--- ").and_then(|line| line.split_once(": ")) {
                    Some((key, value)) if sql.is_empty() => {
                        expected.insert(key.to_owned(), value.trim().to_owned());
                    }
                    _ => {
                        sql.push_str(line);
                        sql.push('\n');
                    }
                }
            }
            all.push(Entry { name, expected, sql: sql.trim_end().to_owned() });
        }
    }
    all
}

async fn superuser(server: &Server) -> tokio_postgres::Client {
    let url = server.superuser_url();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The catalog as the proxy reads it.
async fn catalog(primary: &tokio_postgres::Client) -> Catalog {
    let mut builder = Builder::default();
    primary.simple_query(Part::STATE).await.unwrap();
    primary.simple_query(Part::BEGIN).await.unwrap();
    for part in Part::ALL {
        for message in primary.simple_query(part.sql()).await.unwrap() {
            if let SimpleQueryMessage::Row(row) = message {
                let row: Vec<_> = (0..row.len()).map(|column| row.get(column)).collect();
                builder.take(part, &row);
            }
        }
        if part == Part::Paths {
            primary.simple_query(Part::SET_PATH).await.unwrap();
        }
    }
    primary.simple_query(Part::END).await.unwrap();
    builder.build().unwrap()
}

/// What was found of an entry: where the whole string may run, and what it touches.
struct Found {
    route: Route,
    kinds: Vec<&'static str>,
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
    shown: String,
}

fn find(entry: &Entry, knowledge: Knowledge<'_>) -> Found {
    let path = Path::of_setting("app, public", "postgres");
    let mut normal = Vec::new();
    afterwrite_sql::normalise(entry.sql.as_bytes(), &mut normal);
    let normal = afterwrite_sql::normal_text(&normal);
    let rules = Rules::default();
    let reading =
        afterwrite_footprint::read(entry.sql.as_bytes(), normal, knowledge, &path, &rules);
    let mut found = Found {
        route: Route::Any,
        kinds: Vec::new(),
        reads: BTreeSet::new(),
        writes: BTreeSet::new(),
        shown: String::new(),
    };
    for footprint in &reading.footprints {
        found.route = match (found.route, footprint.route) {
            (Route::Primary, _) | (_, Route::Primary) => Route::Primary,
            (Route::Replica, _) | (_, Route::Replica) => Route::Replica,
            (Route::Any, Route::Any) => Route::Any,
        };
        found.kinds.push(footprint.kind.name());
        for (touched, names) in
            [(&footprint.reads, &mut found.reads), (&footprint.writes, &mut found.writes)]
        {
            names.extend(touched.relations.iter().map(ToString::to_string));
            if touched.unknown {
                names.insert("unknown".to_owned());
            }
        }
        let _ = write!(found.shown, "{}: {footprint}; ", footprint.route.name());
    }
    found
}

/// Differences that are as they should be, each with why.
fn is_known(entry: &Entry) -> bool {
    // Functions that lie about their volatility: whoever reads the catalog believes them, and the
    // standby refuses.
    entry.name.contains("liar")
        // Newer syntax than the server's: it is refused anywhere, with the same error.
        || entry.expected("kind") == "unknown" && entry.expected("standby").starts_with("fails 42")
        // The same, where it is a function that is not there.
        || matches!(entry.name.as_str(), "odd_syntax_json_exists" | "odd_syntax_json_arrayagg" | "odd_syntax_json_scalar")
        // It locks nothing, and is refused nowhere.
        || entry.name == "locking_read_only"
        // No such column: refused anywhere.
        || entry.name == "fn_user_row_bare"
}

#[tokio::test]
async fn the_corpus_is_read_as_expected_and_a_standby_agrees() {
    let mut plan = Plan { replicas: 1, database: "corpus".to_owned(), ..Plan::default() };
    plan.settings.push(("max_prepared_transactions".to_owned(), "10".to_owned()));
    let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
    let primary = superuser(cluster.primary()).await;
    let schema = std::fs::read_to_string(corpus().join("schema.sql")).unwrap();
    primary.batch_execute(&schema).await.unwrap();
    let catalog = catalog(&primary).await;
    cluster.wait_for_catch_up(Duration::from_secs(10)).await.unwrap();

    let all = entries();
    assert!(all.len() >= 600, "{} statements", all.len());
    let mut faults = String::new();
    let (mut reads, mut offloaded, mut missed) = (0, 0, String::new());
    for entry in &all {
        let found = find(entry, Knowledge::Known(&catalog));
        let expected = entry.expected("route");
        let agrees = match expected {
            "primary" => found.route == Route::Primary,
            _ => true,
        };
        if !agrees && !is_known(entry) {
            let _ = writeln!(
                faults,
                "{}: expected {expected}, found {}\n    {}",
                entry.name, found.shown, entry.sql
            );
        }
        if expected == "replica" {
            reads += 1;
            if found.route == Route::Primary {
                let _ = writeln!(missed, "{}: {}\n    {}", entry.name, found.shown, entry.sql);
            } else {
                offloaded += 1;
            }
        }
        for (key, names) in [("reads", &found.reads), ("writes", &found.writes)] {
            let Some(wanted) = entry.expected.get(key) else { continue };
            let wanted: BTreeSet<_> =
                wanted.split(',').map(str::trim).filter(|name| *name != "-").collect();
            // More is safe, less is not.
            let is_covered = |name: &&str| names.contains(*name) || names.contains("unknown");
            let uncovered: Vec<_> = wanted.iter().filter(|name| !is_covered(name)).collect();
            if !uncovered.is_empty()
                && found.kinds.iter().all(|kind| *kind != "unknown")
                && !is_known(entry)
            {
                let _ = writeln!(
                    faults,
                    "{}: {key} lacks {uncovered:?}: {}\n    {}",
                    entry.name, found.shown, entry.sql
                );
            }
        }
    }
    if let Ok(file) = std::env::var("FOOTPRINT_REPORT") {
        std::fs::write(file, format!("{faults}\nMISSED\n{missed}")).unwrap();
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(offloaded * 100 >= reads * 95, "{offloaded} of {reads} reads\n{missed}");
    standby_agrees(&cluster, &all, &catalog).await;
    cluster.stop().await.unwrap();
}

/// Statements that would end the standby, or what it is to the others.
const NOT_ON_A_STANDBY: [&str; 2] = ["fn_builtin_promote", "fn_builtin_replay_pause"];

/// Whatever is called fit for a replica runs there, and whatever is not fails there as the
/// corpus says, unless it says why it does not.
async fn standby_agrees(cluster: &Cluster, all: &[Entry], catalog: &Catalog) {
    let mut faults = String::new();
    let standby = &cluster.replicas()[0];
    for entry in all.iter().filter(|entry| !NOT_ON_A_STANDBY.contains(&entry.name.as_str())) {
        let route = find(entry, Knowledge::Known(catalog)).route;
        let said = entry.expected("standby");
        let client = superuser(standby).await;
        let setting = "SET search_path = app, public; SET statement_timeout = '10s'";
        client.batch_execute(setting).await.unwrap();
        if route == Route::Replica {
            client.batch_execute("SET default_transaction_read_only = on").await.unwrap();
        }
        let code = match client.simple_query(&entry.sql).await {
            Ok(_) => String::new(),
            Err(error) => match error.code() {
                Some(code) => code.code().to_owned(),
                // The driver knows COPY only by another call.
                None => by_psql(standby, &entry.sql).await,
            },
        };
        let agrees = if said.starts_with("explained") || is_known(entry) {
            true
        } else if route == Route::Replica {
            // Or it is a mistake, wherever it runs.
            code.is_empty() || said == format!("fails {code}") && code.starts_with("22")
        } else {
            code.is_empty() != said.starts_with("fails ")
        };
        if !agrees {
            let route = route.name();
            let _ =
                writeln!(faults, "{} ({route}, {said}): {code:?}\n    {}", entry.name, entry.sql);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// The code of the error with which psql ends, if it does.
async fn by_psql(server: &Server, sql: &str) -> String {
    let run = tokio::process::Command::new("psql")
        .args(["-X", "-q", "-v", "VERBOSITY=sqlstate", "-d", &server.superuser_url(), "-c"])
        .arg(sql)
        .env("PGOPTIONS", "-c search_path=app,public -c statement_timeout=10s")
        .stdin(std::process::Stdio::null())
        .output();
    let output = run.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    errors.lines().find_map(|line| line.strip_prefix("ERROR:  ")).unwrap_or_default().to_owned()
}
