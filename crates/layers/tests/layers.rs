//! Arrows point down: which crate of the workspace may name which.
//!
//! The whole rule is the three tables below. A crate uses only layers below its own,
//! and crates of one layer do not know each other; so the two halves of the proxy,
//! which share a layer, never meet. Side crates name what they may use.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the product is made of, from the bottom.
const LAYERS: [&[&str]; 7] = [
    &["types"],
    &["wire", "sql", "core"],
    &["session", "console", "footprint"],
    // The I/O line: the layers up to here never wait.
    &["net"],
    &["frontend", "backend", "store"],
    &["proxy"],
    &["afterwrite"],
];

/// Beside the layers: the crate, what it uses, what its tests use as well, and who,
/// other than these, may name it.
const SIDES: &[Side] = &[
    Side { name: "config", uses: &["types"], tests: &[], users: &["afterwrite"] },
    Side { name: "cluster", uses: &["types"], tests: &[], users: &["afterwrite"] },
    Side { name: "verify", uses: CLIENT, tests: PROXY, users: &["afterwrite"] },
    Side { name: "bench", uses: CLIENT, tests: PROXY, users: &["afterwrite"] },
    Side { name: "sim", uses: MACHINE, tests: &[], users: &[] },
    Side { name: "fuzzing", uses: DECODERS, tests: &[], users: &[] },
    Side { name: "e2e", uses: &["types", "cluster", "verify"], tests: PROXY, users: &[] },
    Side { name: "layers", uses: &[], tests: &[], users: &[] },
];

/// What speaks to servers from outside.
const CLIENT: &[&str] = &["types", "wire", "cluster"];

/// The height of the last layer below the I/O line.
const SESSION: usize = 2;

/// The session and all below it.
const MACHINE: &[&str] = &["types", "wire", "sql", "core", "session"];

/// Whatever reads what others wrote.
const DECODERS: &[&str] =
    &["types", "wire", "sql", "core", "session", "console", "footprint", "frontend", "config"];

/// The whole proxy, to be run by a test in its own process.
const PROXY: &[&str] = &[
    "types",
    "wire",
    "sql",
    "core",
    "session",
    "console",
    "footprint",
    "net",
    "frontend",
    "backend",
    "store",
    "proxy",
    "config",
];

/// A test above the I/O line may start real servers.
const REAL_SERVERS: &str = "cluster";

/// Crates that wait, or look at the world. Below the I/O line nothing does.
const WAITING: &[&str] = &[
    "hyper",
    "mio",
    "parking_lot",
    "redis",
    "rustix",
    "socket2",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tracing-subscriber",
];

struct Side {
    name: &'static str,
    uses: &'static [&'static str],
    tests: &'static [&'static str],
    users: &'static [&'static str],
}

/// One arrow. Names are the workspace's short ones, or another package's own.
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    /// For the tests alone: a `dev-dependency`.
    test: bool,
}

/// Where a crate stands.
#[derive(Clone, Copy)]
enum Place {
    /// In [`LAYERS`], this far from the bottom.
    Layer(usize),
    Side(&'static Side),
    /// Not ours.
    Outside,
}

impl Place {
    fn of(name: &str) -> Self {
        let layer = LAYERS.iter().position(|layer| layer.contains(&name)).map(Self::Layer);
        let side = || SIDES.iter().find(|side| side.name == name).map(Self::Side);
        layer.or_else(side).unwrap_or(Self::Outside)
    }

    fn waits(self) -> bool {
        match self {
            Self::Layer(height) => height > SESSION,
            Self::Side(side) => side.name != "sim",
            Self::Outside => true,
        }
    }
}

impl Arrow<'_> {
    /// Why the arrow may not be; `None` if it may.
    fn fault(&self) -> Option<&'static str> {
        let place = Place::of(self.from);
        match (place, Place::of(self.to)) {
            (Place::Outside, _) => Some("starts at a crate without a place"),
            (Place::Layer(from), Place::Layer(to)) => (to >= from).then_some("does not point down"),
            (Place::Layer(_), Place::Side(to)) => {
                let named = to.users.contains(&self.from);
                let started = self.test && self.to == REAL_SERVERS && place.waits();
                (!named && !started).then_some("leaves the layers")
            }
            (Place::Side(from), Place::Layer(_) | Place::Side(_)) => {
                let listed = from.uses.contains(&self.to);
                let tested = self.test && from.tests.contains(&self.to);
                (!listed && !tested).then_some("is not in the side crate's list")
            }
            (Place::Layer(_) | Place::Side(_), Place::Outside) => {
                let waits = WAITING.contains(&self.to);
                (waits && !self.test && !place.waits()).then_some("waits, below the I/O line")
            }
        }
    }
}

/// `afterwrite-wire` → `wire`; others, the binary's own `afterwrite` too, as they are.
fn short(package: &str) -> &str {
    package.strip_prefix("afterwrite-").unwrap_or(package)
}

/// The workspace's packages as `cargo metadata` tells them; reads manifests only.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn arrows_point_down() {
    let mut faults = Vec::new();
    for package in packages() {
        let from = short(package["name"].as_str().unwrap());
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = short(dependency["name"].as_str().unwrap());
            let arrow = Arrow { from, to, test: dependency["kind"] == "dev" };
            faults.extend(arrow.fault().map(|fault| format!("{from} -> {to}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "see the tables in this file\n{}", faults.join("\n"));
}

/// Where a wall clock is read, to be shown to people: when something was opened, and for how
/// long it has been there.
const SHOWN: [&str; 5] = [
    "backend/src/pool/card.rs",
    "proxy/src/console/snapshot.rs",
    "proxy/src/park.rs",
    "proxy/src/roster/card.rs",
    "proxy/src/shared.rs",
];

/// A file's code, without its tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut left = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files
}

/// No two clocks agree, and one may run backwards. So below the I/O line none is read, and above
/// it only the one that never goes back decides anything.
#[test]
fn clocks_are_for_patience_and_for_people() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut faults = Vec::new();
    let mut shown = Vec::new();
    for name in LAYERS.iter().copied().flatten() {
        for file in sources(&crates.join(name).join("src")) {
            let code = code(&file);
            let file = file.strip_prefix(crates).unwrap().to_str().unwrap().to_owned();
            let wall = code.contains("SystemTime::now(");
            if !Place::of(name).waits() && (wall || code.contains("Instant::now(")) {
                faults.push(format!("{file} reads a clock, below the I/O line"));
            } else if wall && !SHOWN.contains(&file.as_str()) {
                faults.push(format!("{file} reads a wall clock"));
            } else if wall {
                shown.push(file);
            }
        }
    }
    shown.sort();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(shown, SHOWN, "what is not read any more need not be listed");
}

#[test]
fn every_crate_has_a_place_and_a_folder_of_its_name() {
    for package in packages() {
        let name = short(package["name"].as_str().unwrap());
        assert!(!matches!(Place::of(name), Place::Outside), "{name} is in no table");
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        assert!(folder.ends_with(Path::new("crates").join(name)), "{name} is in {folder:?}");
    }
}

fn check(from: &str, to: &str, expected: Option<&str>) {
    let found = Arrow { from, to, test: false }.fault();
    assert_eq!(found, expected, "{from} -> {to}");
}

fn check_in_tests(from: &str, to: &str, expected: Option<&str>) {
    let found = Arrow { from, to, test: true }.fault();
    assert_eq!(found, expected, "{from} -> {to}, in tests");
}

#[test]
fn the_rule_tells_arrows_apart() {
    check("wire", "types", None);
    check("session", "types", None);
    check("console", "wire", None);
    check("proxy", "console", None);
    check("proxy", "backend", None);
    check("frontend", "net", None);
    check("net", "tokio", None);
    check("afterwrite", "proxy", None);
    check("afterwrite", "config", None);
    check("sim", "session", None);
    check("verify", "cluster", None);
    check("backend", "tokio", None);
    check("session", "smallvec", None);

    check("types", "core", Some("does not point down"));
    check("wire", "sql", Some("does not point down"));
    check("frontend", "backend", Some("does not point down"));
    check("backend", "frontend", Some("does not point down"));
    check("session", "proxy", Some("does not point down"));
    check("session", "net", Some("does not point down"));
    check("net", "backend", Some("does not point down"));
    check("session", "console", Some("does not point down"));
    check("proxy", "config", Some("leaves the layers"));
    check("backend", "cluster", Some("leaves the layers"));
    check("afterwrite", "sim", Some("leaves the layers"));
    check("sim", "backend", Some("is not in the side crate's list"));
    check("config", "cluster", Some("is not in the side crate's list"));
    check("verify", "proxy", Some("is not in the side crate's list"));
    check("session", "tokio", Some("waits, below the I/O line"));
    check("console", "tokio", Some("waits, below the I/O line"));
    check("sim", "tokio", Some("waits, below the I/O line"));
    check("new", "types", Some("starts at a crate without a place"));
    check("new", "tokio", Some("starts at a crate without a place"));
}

#[test]
fn a_test_may_start_what_the_code_may_not() {
    check_in_tests("backend", "cluster", None);
    check_in_tests("verify", "proxy", None);
    check_in_tests("session", "tokio", None);

    check_in_tests("backend", "frontend", Some("does not point down"));
    check_in_tests("core", "cluster", Some("leaves the layers"));
    check_in_tests("sim", "cluster", Some("is not in the side crate's list"));
}
