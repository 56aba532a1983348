//! `afterwrite explain`: what it says of statements, by their text and by a database.

use std::path::Path;

use afterwrite_cluster::{Cluster, Plan};
use serde_json::Value;

use crate::cli::afterwrite_run;
use crate::support::{Checks, Ran, afterwrite, run, run_in};

const SCHEMA: &str = "\
    CREATE SCHEMA app; \
    CREATE TABLE app.t (a int); \
    CREATE UNLOGGED TABLE app.u (a int); \
    CREATE VIEW app.v AS SELECT a FROM app.t; \
    CREATE FUNCTION app.total(int) RETURNS bigint LANGUAGE sql STABLE \
        AS 'SELECT count(*) FROM app.t WHERE a = $1'; \
    CREATE FUNCTION app.bump(n int) RETURNS int LANGUAGE plpgsql VOLATILE \
        AS 'BEGIN INSERT INTO app.t VALUES (n); RETURN n; END'; \
    GRANT USAGE ON SCHEMA app TO app";

fn file(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// As JSON, each statement's line is valid by itself.
fn json(ran: Ran) -> Vec<Value> {
    let out = ran.ok();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((lines[0], lines[lines.len() - 1]), ("[", "]"), "{out}");
    for line in &lines[1..lines.len() - 1] {
        serde_json::from_str::<Value>(line.trim_end_matches(',')).unwrap();
    }
    serde_json::from_str::<Vec<Value>>(&out).unwrap()
}

fn explain(args: &[&str]) -> Vec<String> {
    let found = json(afterwrite_run(&[&["explain", "--json"], args].concat()));
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let list = |it: &Value, key: &str| {
        let all: Vec<_> =
            it[key].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        all.join(" ")
    };
    found
        .iter()
        .map(|it| {
            let (route, kind) = (text(it, "route"), text(it, "kind"));
            let (reads, writes) = (list(it, "reads"), list(it, "writes"));
            format!("{route} {kind}: {}; {reads}; {writes}", list(it, "reasons"))
        })
        .collect()
}

#[test]
fn statements_are_explained_offline() {
    let mut checks = Checks::default();
    let mut check = |args: &[&str], expected: &[&str]| {
        let found = explain(args);
        checks.that(&format!("{args:?}"), found == expected, &format!("{found:#?}"));
    };
    let (read, write) =
        ("replica read: proven_read; ; ", "primary write: dml (t); t unknown; t unknown");
    check(&["SELECT 1"], &[read]);
    check(&["SELECT 1; DELETE FROM t", "SELECT 2"], &[read, write, read]);
    check(
        &["SELECT app.total(1)"],
        &["primary write: unknown_function (app.total); unknown; unknown"],
    );
    check(
        &["SELECT app.total(1)", "--functions-read", "app.*"],
        &["replica read: proven_read; unknown; "],
    );
    check(&["SET x.y = 1"], &["any session: session_state; ; "]);
    check(&["SELEC 1; SELECT 1"], &["primary unknown: unknown; unknown; unknown", read]);
    check(&[""], &[]);

    let folder = tempfile::tempdir().unwrap();
    let lines = file(folder.path(), "lines.sql", "SELECT 1\nDELETE FROM t\nSELEC\nSELECT 1\n");
    let broken = "primary unknown: unknown; unknown; unknown";
    check(&["--file", &lines], &[read, write, broken, read]);
    let whole = file(
        folder.path(),
        "whole.sql",
        "SELECT 1;\n-- a;\nDELETE\nFROM t;\nSELECT $$;\n$$, ';\n';",
    );
    check(&["--file", &whole], &[read, write, read]);
    let many = file(folder.path(), "many.sql", "SELECT 1;\n".repeat(1000));
    check(&["--file", &many], &[read; 1000]);
    check(&["--file", "/dev/null"], &[]);

    let stdin = json(run(afterwrite(), &["explain", "--json"], "SELECT 1\nSELECT 2"));
    checks.that("standard input", stdin.len() == 2, &format!("{stdin:?}"));
    let stdin =
        json(run(afterwrite(), &["explain", "--json", "TABLE t", "-"], "SELECT 1\nSELECT 2"));
    checks.that("standard input by name", stdin.len() == 3, &format!("{stdin:?}"));
    let odd = file(folder.path(), "odd.sql", b"SELECT '\xff';\nSELECT '\0';\nSELECT 1;\n");
    let odd = json(afterwrite_run(&["explain", "--json", "--file", &odd]));
    let routes: Vec<_> = odd.iter().map(|it| it["route"].as_str().unwrap()).collect();
    checks.that("odd bytes", routes == ["primary", "primary", "replica"], &format!("{odd:?}"));

    let text = afterwrite_run(&["explain", "--file", &lines]).ok();
    for word in [
        "4 statements: 2 replica, 2 primary, 0 any",
        "No database was asked",
        "line 2",
        "changes rows of t",
    ] {
        checks.that(word, text.contains(word), &text);
    }
    let ran = run_in(&[("NO_COLOR", "")], afterwrite(), &["explain", "SELECT 1"], "");
    checks.that("no colours but on a terminal", !ran.out.contains('\x1b'), &format!("{ran:?}"));
    for (colourless, colourful) in [("1", false), ("", true)] {
        let program = afterwrite();
        let command = format!("{} explain 'SELECT 1'", program.display());
        let variables = [("NO_COLOR", colourless), ("TERM", "xterm")];
        let ran = run_in(&variables, "script", &["-qec", &command, "/dev/null"], "");
        let out = ran.ok();
        checks.that("colours on a terminal", out.contains("\x1b[32mreplica") == colourful, &out);
    }

    let refused = |args: &[&str], code: i32, words: &str| {
        let ran = afterwrite_run(&[&["explain"], args].concat());
        assert!(ran.code == Some(code) && ran.err.contains(words), "{args:?}: {ran:?}");
    };
    refused(&["--file", "/nonexistent/a.sql"], 1, "/nonexistent/a.sql");
    refused(&["--file", "/"], 1, "cannot read /");
    refused(&["--no-such-flag"], 2, "Usage");
    refused(&["--functions-read", "a b", "SELECT 1"], 2, "a b");
    refused(&["--database", "mysql://app@h/app", "SELECT 1"], 78, "");
    refused(&["--config", "/nonexistent/a.toml", "SELECT 1"], 78, "/nonexistent/a.toml");
    let free = afterwrite_cluster::free_port().unwrap();
    let url = format!("postgres://app@127.0.0.1:{free}/app");
    refused(&["--database", &url, "SELECT 1"], 1, &free.to_string());
}

#[tokio::test]
async fn statements_are_explained_by_a_database() {
    let mut checks = Checks::default();
    let cluster = Cluster::start(Plan { replicas: 1, ..Plan::default() }, &|_| ()).await.unwrap();
    let url = cluster.url();
    let superuser = cluster.primary().superuser_url();
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &superuser, "-c", SCHEMA], "").ok();
    let mut check = |args: &[&str], expected: &[&str]| {
        let found = explain(args);
        checks.that(&format!("{args:?}"), found == expected, &format!("{found:#?}"));
    };
    let (database, sql) =
        (["--database", url.as_str()], ["SELECT app.total(1)", "SELECT app.bump(1)"]);
    let stable = "replica read: proven_read; unknown; ";
    let volatile = "primary write: volatile_function (app.bump); unknown; unknown";
    check(&[&database[..], &sql].concat(), &[stable, volatile]);
    let writes = ["--functions-write", "app.total", "--functions-read", "app.bump"];
    let turned = "primary write: volatile_function (app.total); unknown; unknown";
    check(&[&database[..], &sql, &writes].concat(), &[turned, stable]);
    check(
        &[&database[..], &["SELECT a FROM app.v; SELECT a FROM app.u; SELECT a FROM v"]].concat(),
        &[
            "replica read: proven_read; app.t; ",
            "primary read: not_on_standby (app.u); app.u; ",
            // The path that the role begins with has its own schema.
            "replica read: proven_read; app.t; ",
        ],
    );
    let path = ["--search-path", "app, public", "SELECT a FROM v; SELECT total(a) FROM t"];
    check(
        &[&database[..], &path].concat(),
        &["replica read: proven_read; app.t; ", "replica read: proven_read; app.t unknown; "],
    );
    let user = ["--search-path", "\"$user\"", "--role", "app", "TABLE v"];
    check(&[&database[..], &user].concat(), &["replica read: proven_read; app.t; "]);
    let set =
        ["SET search_path = app; TABLE v; RESET search_path; TABLE v", "--search-path", "public"];
    check(
        &[&database[..], &set].concat(),
        &[
            "any session: session_state; ; ",
            "replica read: proven_read; app.t; ",
            "any session: session_state; ; ",
            "primary read: unknown_relation (v); unknown; unknown",
        ],
    );

    let folder = tempfile::tempdir().unwrap();
    let mut nodes: Vec<String> =
        cluster.servers().map(|it| format!("\"127.0.0.1:{}\"", it.port())).collect();
    // The primary is found wherever it stands.
    nodes.reverse();
    let config = file(
        folder.path(),
        "afterwrite.toml",
        format!(
            "[cluster]\nnodes = [{}]\nuser = \"app\"\ndatabase = \"app\"\n\
             [routing]\nfunctions_read = [\"app.bump\"]\n[databases.shop]\ndatabase = \"app\"\n",
            nodes.join(", ")
        ),
    );
    check(&[&["--config", &config][..], &sql].concat(), &[stable, stable]);
    check(&[&["--config", &config, "--database", "shop"][..], &sql].concat(), &[stable, stable]);
    let replica = format!("postgres://app@127.0.0.1:{}/app", cluster.replicas()[0].port());
    cluster.wait_for_catch_up(std::time::Duration::from_secs(10)).await.unwrap();
    check(&[&["--database", &replica][..], &sql].concat(), &[stable, volatile]);

    let text = afterwrite_run(&[&["explain"], &database[..], &sql].concat()).ok();
    checks.that("words", text.contains("calls app.bump, which is VOLATILE"), &text);
    checks.that("it was asked", !text.contains("No database was asked"), &text);
    let nowhere =
        afterwrite_run(&["explain", "--config", &config, "--database", "nowhere", "SELECT 1"]);
    checks.that("no such database", nowhere.code == Some(78), &format!("{nowhere:?}"));
    let nobody = url.replace("app@", "nobody_here@");
    let nobody = afterwrite_run(&["explain", "--database", &nobody, "SELECT 1"]);
    checks.that("no such user", nobody.code == Some(1), &format!("{nobody:?}"));
    cluster.stop().await.unwrap();
}
