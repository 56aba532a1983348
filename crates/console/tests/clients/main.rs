//! Real programs against the console on a real socket, over canned numbers.
//!
//! `prometheus-pgbouncer-exporter` is the one that Debian packages. It reads the names
//! of PgBouncer before 1.8 and stops with an error at later ones; the console has both.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod serve;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const EXPORTER: &str = "/usr/bin/prometheus-pgbouncer-exporter";

/// Every metric that the exporter has, with the labels that it has them by.
const METRICS: &[(&str, &str)] = &[
    ("requests_total", r#"{database="app"} 30"#),
    ("received_bytes_total", r#"{database="app"} 4000"#),
    ("sent_bytes_total", r#"{database="app"} 5000"#),
    ("query_microseconds_total", r#"{database="app"} 600"#),
    ("active_clients", r#"{database="app",user="ann"} 7"#),
    ("waiting_clients", r#"{database="app",user="ann"} 2"#),
    ("pool_size", r#"{database="db_of_app"} 20"#),
    ("reserve_pool", r#"{database="db_of_app"} 5"#),
    ("databases", " 1"),
    ("users", " 3"),
    ("pools", " 1"),
    ("free_clients", " 0"),
    ("used_clients", " 9"),
    ("login_clients", " 0"),
    ("free_servers", " 0"),
    ("used_servers", " 4"),
    ("dns_names", " 0"),
    ("dns_zones", " 0"),
    ("dns_queries", " 0"),
    ("dns_pending", " 0"),
];

/// A program that is stopped when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn program(path: &str) -> Command {
    assert!(std::path::Path::new(path).exists(), "{path} is missing: run scripts/setup test");
    Command::new(path)
}

/// What a page says; `None` while nobody answers.
fn page(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

#[test]
fn every_metric_of_debians_exporter_is_exported() {
    let console = serve::start();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let child = program(EXPORTER)
        .args(["--host", "127.0.0.1", "--port", &free.port().to_string()])
        .args(["--pgbouncer-host", "127.0.0.1"])
        .args(["--pgbouncer-port", &console.port().to_string()])
        .args(["--pgbouncer-user", "ann"])
        .env("PGSSLMODE", "disable")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let deadline = Instant::now() + Duration::from_secs(30);
    let page = loop {
        if let Some(page) = page(free) {
            break page;
        }
        if let Some(status) = running.0.try_wait().unwrap() {
            panic!("the exporter gave up: {status}");
        }
        assert!(Instant::now() < deadline, "the exporter does not answer");
        thread::sleep(Duration::from_millis(50));
    };
    for (name, sample) in METRICS {
        let line = format!("pgbouncer_{name}{sample}.0");
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    let ours = page.lines().filter(|line| line.starts_with("pgbouncer_"));
    let names: std::collections::BTreeSet<&str> =
        ours.filter_map(|line| line.split(['{', ' ']).next()).collect();
    assert_eq!(names.len(), METRICS.len(), "a metric that this test does not know: {names:?}");
}

#[test]
fn psql_prints_a_table() {
    let console = serve::start();
    let url = format!("postgresql://ann@127.0.0.1:{}/pgbouncer?sslmode=disable", console.port());
    let psql = |text: &str| {
        let output = Command::new("psql").args(["-XAtq", &url, "-c", text]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        psql("show stats_totals").split('|').take(4).collect::<Vec<_>>(),
        ["app", "0", "0", "30"]
    );
    assert_eq!(psql("PAUSE app; show state"), "active|yes\npaused|no\nsuspended|no\n");
    assert_eq!(psql("select 1"), "1\n");
}

const PYTHON: &str = r#"
import asyncio, sys
port = int(sys.argv[1])

import psycopg
with psycopg.connect(host="127.0.0.1", port=port, user="ann", dbname="afterwrite") as c:
    c.autocommit = True
    rows = c.execute("SHOW STATS").fetchall()
    assert rows[0][0] == "app" and int(rows[0][3]) == 30, rows
    cursor = c.cursor(binary=True)
    assert ("databases", 1) in cursor.execute("SHOW LISTS").fetchall()
    c.execute("PAUSE app")
    try:
        c.execute("SHOW nothing")
        raise SystemExit("no error")
    except psycopg.errors.ProtocolViolation as e:
        assert "use SHOW HELP" in str(e), e
    assert c.execute("SHOW VERSION").fetchone()[0].startswith("PgBouncer 1.25")
with psycopg.connect(host="127.0.0.1", port=port, user="ann", dbname="afterwrite") as c:
    assert c.execute("SELECT 1").fetchone() == (1,)

import asyncpg
async def main():
    c = await asyncpg.connect(host="127.0.0.1", port=port, user="ann", database="pgbouncer", ssl=False)
    rows = await c.fetch("SHOW STATS")
    assert rows[0]["total_query_count"] == 30, rows
    assert (await c.fetchrow("SHOW POOLS"))["cl_active"] == 7
    nodes = await c.fetch("SHOW NODES")
    assert nodes[0]["lag_seconds"] == 1.5 and nodes[0]["lag_bytes"] == 1 << 40, nodes
    assert await c.execute("RELOAD") == "RELOAD"
    await c.reset()
    assert await c.fetchval("SELECT true") is True
    await c.close()
asyncio.run(main())
print("good")
"#;

#[test]
fn psycopg_and_asyncpg_read_every_type() {
    let console = serve::start();
    let output = program("/usr/bin/python3")
        .args(["-c", PYTHON, &console.port().to_string()])
        .env("PGSSLMODE", "disable")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "good\n", "{errors}");
}
