//! Drivers of other languages, and what is built on them. Each script asserts what its
//! driver does with PostgreSQL, and runs directly too, so that it is known to be right.
//!
//! All of them run at once, so they are each other's company on the server connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afterwrite_cluster::Plan;

use crate::support::{Bed, Certificates, Checks, Ran, run, run_in};

pub(super) const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/drivers/scripts");

/// The Python that set-up provides the drivers for.
pub(super) const PYTHON: &str = "/usr/bin/python3";

/// Where Debian has the JDBC driver.
pub(super) const JDBC: &str = "/usr/share/java/postgresql.jar";

const PASSWORD: &str = "secret";

/// Server connections that the scripts share in the narrow proxy. Fewer than their
/// clients, but each script may hold one of them (by a transaction, by LISTEN) while it
/// waits for another: with one more than there are scripts they cannot block each other.
const NARROW: &str = "pool.size=7";

/// A script, and how it is run.
struct Script {
    name: &'static str,
    program: &'static str,
    args: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Script {
    fn python(name: &'static str) -> Self {
        let args = vec![format!("{SCRIPTS}/test_{name}.py")];
        // Nothing is written into the source folder.
        let variables = vec![("PYTHONDONTWRITEBYTECODE", "1".to_owned())];
        Self { name, program: PYTHON, args, variables }
    }

    fn node() -> Self {
        let args = vec!["--no-deprecation".to_owned(), format!("{SCRIPTS}/test_node_postgres.js")];
        let modules = node_modules().to_str().unwrap().to_owned();
        Self {
            name: "node-postgres",
            program: "node",
            args,
            variables: vec![("NODE_PATH", modules)],
        }
    }

    /// Compiled into `classes`.
    fn java(classes: &Path) -> Self {
        let classes = classes.to_str().unwrap();
        let source = format!("{SCRIPTS}/Jdbc.java");
        let compile = ["-encoding", "UTF-8", "-cp", JDBC, "-d", classes, &source];
        run("javac", &compile, "").ok();
        // Quick to start rather than quick to run.
        let flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-cp"];
        let mut args: Vec<String> = flags.map(str::to_owned).into();
        args.extend([format!("{JDBC}:{classes}"), "Jdbc".to_owned()]);
        Self { name: "JDBC", program: "java", args, variables: Vec::new() }
    }

    fn run(&self, place: &Place) -> Ran {
        let args = self.args.iter().chain([&place.url]).chain(&place.trust);
        let args: Vec<&str> = args.map(String::as_str).collect();
        let variables: Vec<_> = self.variables.iter().map(|(k, v)| (*k, v.as_str())).collect();
        run_in(&variables, self.program, &args, "")
    }
}

/// Where `scripts/setup` puts what node needs: in the target folder.
pub(super) fn node_modules() -> PathBuf {
    // target/<profile>/deps/<this test>
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("node/node_modules")
}

/// Where the scripts connect to.
struct Place {
    name: &'static str,
    url: String,
    /// The authority to trust and the one not to trust; empty where nothing is encrypted.
    trust: Vec<String>,
}

#[tokio::test]
async fn foreign_drivers_work() {
    let plan = Plan {
        password: Some(PASSWORD.to_owned()),
        apply_delay: vec![Duration::from_millis(10), Duration::from_millis(60)],
        ..Plan::default()
    };
    let bed = Bed::with(plan, &[]).await;
    let certificates = Certificates::make(&bed.cluster);
    certificates.offer(&bed.cluster).await;
    let narrow = bed.another(&["--set", NARROW]).await;
    let encrypts = certificates.proxy();
    let wide = bed.another(&encrypts.iter().map(String::as_str).collect::<Vec<_>>()).await;

    let trust = vec![certificates.authority(), certificates.stranger()];
    let places = [
        Place { name: "directly", url: bed.direct(), trust: trust.clone() },
        Place { name: "proxied", url: wide.url_with(PASSWORD), trust },
        Place { name: "narrow", url: narrow.url_with(PASSWORD), trust: Vec::new() },
    ];
    let scripts = [
        Script::python("psycopg"),
        Script::python("asyncpg"),
        Script::python("sqlalchemy"),
        Script::python("django"),
        Script::node(),
        Script::java(&bed.cluster.directory().join("classes")),
    ];

    let mut checks = Checks::default();
    for place in &places {
        let outcomes = std::thread::scope(|scope| {
            let running = scripts.each_ref().map(|script| scope.spawn(|| script.run(place)));
            running.map(|thread| thread.join().unwrap())
        });
        for (script, ran) in scripts.iter().zip(outcomes) {
            let good = ran.code == Some(0) && ran.out.ends_with("all done\n");
            let why = format!("{}{}", ran.out, ran.err);
            checks.that(&format!("{}, {}", script.name, place.name), good, &why);
        }
    }
    for proxy in [&wide, &narrow] {
        let metrics = proxy.metrics().await;
        let replicas = metrics.reads_on(1) + metrics.reads_on(2);
        checks.that("replicas served reads", replicas > 1000.0, &format!("{metrics:?}"));
    }
}
