//! What the answers mean for the guarantee. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use afterwrite_backend::{NodeStatus, Product};
use afterwrite_types::{InsertPointer, Lsn, Role, WalGeometry};

use super::ask::{Answer, Answers};
use super::report::{Finding, Grade, Part, Report, finding};
use super::whole::cluster;

/// The oldest PostgreSQL with all that is asked for.
const VERSION_MIN: u32 = 130_000;

/// The probe keeps one connection to each node beside the pool's.
const PROBE_CONNECTIONS: usize = 1;

/// What the configuration expects of the nodes.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) user: String,
    pub(super) pool_size: usize,
    pub(super) wait_max: Duration,
}

/// Judges every node, then all of them together.
///
/// `seen` is what the proxy's own code found, `answers` what the node said when
/// asked in detail; both in the order of the configuration.
pub(super) fn judge(
    seen: &[NodeStatus],
    answers: &[Result<Answers, String>],
    expected: &Expected,
) -> Report {
    let written = answers
        .iter()
        .filter_map(|answers| answers.as_ref().ok())
        .filter(|answers| answers.role == Role::Primary)
        .find_map(written);
    let mut parts: Vec<Part> = seen
        .iter()
        .zip(answers)
        .map(|(seen, answers)| node(seen, answers, written, expected))
        .collect();
    parts.push(cluster(seen, answers));
    Report::of(parts)
}

fn node(
    seen: &NodeStatus,
    answers: &Result<Answers, String>,
    written: Option<Lsn>,
    expected: &Expected,
) -> Part {
    let name = seen.address.clone();
    let answers = match (answers, seen.error.as_ref().or(answers.as_ref().err())) {
        (Ok(answers), None) => answers,
        (Ok(answers), Some(error)) => {
            // It can be asked, and the proxy cannot use it: most likely it may
            // not ask for everything.
            let mut findings = positions(seen, answers, expected);
            findings.retain(|finding| finding.grade == Grade::Problem);
            if findings.is_empty() {
                findings.push(unreached(error, expected));
            }
            return Part { name, role: Some(answers.role.name()), behind_bytes: None, findings };
        }
        (Err(_), error) => {
            let error = error.map_or("no answer", String::as_str);
            let findings = vec![unreached(error, expected)];
            return Part { name, role: seen.role.map(Role::name), behind_bytes: None, findings };
        }
    };
    let mut findings =
        vec![finding("login", Grade::Good, format!("as {}", expected.user)), version(answers)];
    if seen.product != Product::Postgres {
        findings.push(finding("product", Grade::Note, seen.product.name()));
    }
    findings.extend(positions(seen, answers, expected));
    let replayed = lsn(&answers.position).filter(|_| answers.role == Role::Replica);
    let behind_bytes = written.zip(replayed).map(|(written, lsn)| written.bytes_since(lsn));
    if answers.role == Role::Replica {
        findings.push(match behind_bytes {
            Some(bytes) => finding("behind", Grade::Good, format!("{bytes} bytes at this moment")),
            None => finding("behind", Grade::Note, "not known without a primary"),
        });
        findings.extend(replay(answers, expected));
    }
    if seen.gauge == "log" {
        findings.push(geometry(answers));
    }
    findings.push(connections(answers, expected));
    findings.extend(session(answers));
    Part { name, role: Some(answers.role.name()), behind_bytes, findings }
}

/// Why the proxy cannot use the node at all.
fn unreached(error: &str, expected: &Expected) -> Finding {
    let user = &expected.user;
    let has = |part: &str| error.contains(part);
    let advice = if has("28P01") || has("28000") || has("password") {
        format!("Check user and password, and that pg_hba.conf lets {user} in from here.")
    } else if has("3D000") {
        "Check the name of the database.".to_owned()
    } else if has("timeline") {
        "It has not finished its first recovery, or is no streaming replica; it takes no reads \
         until it tells."
            .to_owned()
    } else if has("does not replicate as PostgreSQL does") {
        "Take it out of the configuration.".to_owned()
    } else if has("heartbeat") {
        format!(
            "Let {user} make the table (CREATE on the database, once), or make it yourself and let \
             {user} update it; on a replica it is there once it has been replicated."
        )
    } else if has("53300") {
        "It has no connection left: raise max_connections, or lower pool.size.".to_owned()
    } else {
        "Check that the server runs, listens on this address, and that no firewall is between."
            .to_owned()
    };
    finding("reached", Grade::Problem, error).advise(advice)
}

fn version(answers: &Answers) -> Finding {
    let version = setting(&answers.settings, "server_version").unwrap_or("of unknown version");
    let version = format!("PostgreSQL {version}");
    match number::<u32>(&answers.settings, "server_version_num") {
        Some(number) if number >= VERSION_MIN => finding("version", Grade::Good, version),
        Some(_) | None => finding("version", Grade::Problem, version)
            .advise("Afterwrite needs PostgreSQL 13 or newer."),
    }
}

/// What tells how far the node has come.
fn positions(seen: &NodeStatus, answers: &Answers, expected: &Expected) -> Vec<Finding> {
    match seen.gauge {
        "heartbeat" => vec![finding("positions", Grade::Note, "from a heartbeat table")],
        "window" => vec![
            finding("positions", Grade::Warning, "none: a window of time after each write").advise(
                "That no replica is ever further behind than cluster.window is assumed and not \
                 known. Name a heartbeat table that may be written, and it is known again: \
                 cluster.heartbeat_table = \"afterwrite.heartbeat\".",
            ),
        ],
        _ => functions(answers, expected),
    }
}

/// What the proxy asks each connection: system identifier, timeline, position.
fn functions(answers: &Answers, expected: &Expected) -> Vec<Finding> {
    let (position, timeline) = match answers.role {
        Role::Primary => ("pg_current_wal_insert_lsn()", "pg_walfile_name(pg_lsn)"),
        Role::Replica => ("pg_last_wal_replay_lsn()", "pg_control_recovery()"),
    };
    vec![
        told("system", &answers.system, "pg_control_system()", expected),
        told("timeline", &answers.timeline, timeline, expected),
        told("position", &answers.position, position, expected),
    ]
}

fn told(name: &'static str, answer: &Answer, function: &str, expected: &Expected) -> Finding {
    match answer {
        Ok(Some(value)) if value != "0" => finding(name, Grade::Good, value),
        Ok(_) => finding(name, Grade::Problem, format!("{function} does not tell")).advise(
            "The server has not replayed anything yet, or is no streaming replica; without this \
             it takes no reads.",
        ),
        Err(error) => finding(name, Grade::Problem, error).advise(format!(
            "As a superuser: GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO \"{}\";",
            expected.user.replace('"', "\"\"")
        )),
    }
}

fn geometry(answers: &Answers) -> Finding {
    let [block, segment] =
        ["wal_block_size", "wal_segment_size"].map(|name| number::<u64>(&answers.settings, name));
    match block.zip(segment).and_then(|(block, segment)| WalGeometry::new(block, segment)) {
        Some(wal) => finding(
            "log",
            Grade::Good,
            format!("pages of {} bytes, segments of {} MiB", wal.block(), wal.segment() >> 20),
        ),
        None => {
            finding("log", Grade::Problem, format!("pages of {block:?}, segments of {segment:?}"))
                .advise("The page and segment size of its log make no sense; is this PostgreSQL?")
        }
    }
}

/// Where the last record on a primary ends.
fn written(answers: &Answers) -> Option<Lsn> {
    let block = number(&answers.settings, "wal_block_size")?;
    let wal = WalGeometry::new(block, number(&answers.settings, "wal_segment_size")?)?;
    Some(InsertPointer(lsn(&answers.position)?.0).last_record_end(wal))
}

fn lsn(answer: &Answer) -> Option<Lsn> {
    answer.as_ref().ok()?.as_deref()?.parse().ok()
}

/// What makes reads wait, or takes them to the primary.
fn replay(answers: &Answers, expected: &Expected) -> Vec<Finding> {
    let wait_max = expected.wait_max;
    let mut findings = Vec::new();
    if answers.receivers.as_ref().ok().and_then(Option::as_deref) == Some("0") {
        findings.push(
            finding("streaming", Grade::Warning, "no log is received from a primary").advise(
                "Reads that must see a new write go elsewhere. Check primary_conninfo and this \
                 server's log.",
            ),
        );
    }
    if answers.paused.as_ref().ok().and_then(Option::as_deref) == Some("t") {
        findings.push(finding("replay", Grade::Warning, "paused").advise(
            "It takes no read that must see a new write until: SELECT pg_wal_replay_resume();",
        ));
    }
    match number(&answers.settings, "recovery_min_apply_delay").map(Duration::from_millis) {
        Some(Duration::ZERO) | None => {}
        Some(delay) if delay < wait_max => findings.push(
            finding("delay", Grade::Warning, format!("recovery_min_apply_delay is {delay:?}"))
                .advise("Each read that follows a write waits that long for this replica."),
        ),
        Some(delay) => findings.push(
            finding("delay", Grade::Warning, format!("recovery_min_apply_delay is {delay:?}"))
                .advise(format!(
                    "Longer than a read waits (routing.wait_max, {wait_max:?}): soon after a write \
                     no read of that session is here."
                )),
        ),
    }
    findings.extend(conflicts(&answers.settings));
    findings
}

/// Long reads on a replica and replay are in each other's way.
fn conflicts(settings: &BTreeMap<String, String>) -> Option<Finding> {
    if setting(settings, "hot_standby_feedback") != Some("off") {
        return None;
    }
    let held_up = match number::<i64>(settings, "max_standby_streaming_delay") {
        Some(-1) => "for as long as it runs".to_owned(),
        Some(ms) => format!("for up to {:?}", Duration::from_millis(ms.unsigned_abs())),
        None => "for a while".to_owned(),
    };
    Some(finding("conflicts", Grade::Note, "hot_standby_feedback is off").advise(format!(
        "A long read may hold up replay {held_up}; reads after a write go elsewhere then."
    )))
}

fn connections(answers: &Answers, expected: &Expected) -> Finding {
    let settings = &answers.settings;
    let needed = expected.pool_size + PROBE_CONNECTIONS;
    let reserved: usize = ["superuser_reserved_connections", "reserved_connections"]
        .iter()
        .filter_map(|name| number::<usize>(settings, name))
        .sum();
    let of_server = number::<usize>(settings, "max_connections");
    let of_server = of_server.map(|max| max.saturating_sub(reserved));
    let of_role = answers.role_limit.as_ref().ok().and_then(Option::as_deref);
    // A role without a limit of its own has -1.
    let of_role = of_role.and_then(|limit| limit.parse::<usize>().ok());
    let Some(allowed) = of_server.into_iter().chain(of_role).min() else {
        return finding("connections", Grade::Note, "the limit is not known");
    };
    let found = format!("{allowed} allowed, {needed} wanted");
    if allowed >= needed {
        return finding("connections", Grade::Good, found);
    }
    finding("connections", Grade::Warning, found).advise(format!(
        "Under load clients get errors: lower pool.size to {}, or raise {}.",
        allowed.saturating_sub(PROBE_CONNECTIONS).max(1),
        if of_role == Some(allowed) { "the role's CONNECTION LIMIT" } else { "max_connections" }
    ))
}

/// Settings of this login that change what can be done for it.
fn session(answers: &Answers) -> Vec<Finding> {
    let settings = &answers.settings;
    let is = |name, value| setting(settings, name) == Some(value);
    let mut findings = Vec::new();
    if is("standard_conforming_strings", "off") {
        findings.push(
            finding("strings", Grade::Warning, "standard_conforming_strings is off").advise(
                "Statements cannot be told apart safely, so all of them go to the primary. Switch \
                 it on for this role.",
            ),
        );
    }
    if answers.role == Role::Primary && is("synchronous_commit", "off") {
        findings.push(finding("commits", Grade::Note, "synchronous_commit is off").advise(
            "Own writes are still seen. They reach the replicas later, so that reads wait longer; \
             and a crash of the primary may lose some.",
        ));
    }
    if answers.role == Role::Primary && is("default_transaction_read_only", "on") {
        findings.push(
            finding("writes", Grade::Warning, "default_transaction_read_only is on")
                .advise("This role cannot write unless it says so in each transaction."),
        );
    }
    findings
}

fn setting<'a>(settings: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    settings.get(name).map(String::as_str)
}

fn number<T: std::str::FromStr>(settings: &BTreeMap<String, String>, name: &str) -> Option<T> {
    setting(settings, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use afterwrite_backend::PoolStatus;
    use afterwrite_types::NodeId;

    fn answers(role: Role, position: &str) -> Answers {
        let settings = [
            ("server_version", "15.8"),
            ("server_version_num", "150008"),
            ("wal_block_size", "8192"),
            ("wal_segment_size", "16777216"),
            ("max_connections", "100"),
            ("superuser_reserved_connections", "3"),
            ("recovery_min_apply_delay", "0"),
        ];
        let answer = |text: &str| Ok(Some(text.to_owned()));
        Answers {
            role,
            system: answer("7"),
            timeline: answer("1"),
            position: answer(position),
            paused: answer("f"),
            receivers: answer("1"),
            role_limit: answer("-1"),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    fn seen(port: u16, error: Option<&str>) -> NodeStatus {
        NodeStatus {
            node: NodeId(port),
            address: format!("h:{port}"),
            role: None,
            up: error.is_none(),
            ban: None,
            outdated: false,
            pooled: false,
            product: Product::Postgres,
            gauge: "log",
            line: None,
            position: None,
            lag_bytes: None,
            lag: Duration::ZERO,
            error: error.map(str::to_owned),
            pool: PoolStatus::default(),
        }
    }

    /// A primary whose last record ends at a page's end, and two replicas;
    /// `change` makes one of the three differ.
    fn report(which: usize, change: impl FnOnce(&mut Answers)) -> Report {
        let mut nodes = [
            answers(Role::Primary, "0/5002018"),
            answers(Role::Replica, "0/5002000"),
            answers(Role::Replica, "0/5001F00"),
        ];
        change(&mut nodes[which]);
        let seen = [1, 2, 3].map(|port| seen(port, None));
        judge(&seen, &nodes.map(Ok), &expected())
    }

    fn expected() -> Expected {
        let wait_max = Duration::from_millis(50);
        Expected { user: "app".to_owned(), pool_size: 20, wait_max }
    }

    /// What is not good, one line each.
    fn complaints(report: &Report) -> String {
        let mut lines = String::new();
        for part in &report.parts {
            for finding in part.findings.iter().filter(|it| it.grade > Grade::Good) {
                let Finding { name, grade, found, .. } = finding;
                writeln!(lines, "{} {name} {grade:?}: {found}", part.name).unwrap();
            }
        }
        lines
    }

    fn check(which: usize, change: impl FnOnce(&mut Answers), expected: &str, ready: bool) {
        let report = report(which, change);
        assert_eq!(complaints(&report).trim_end(), expected);
        assert_eq!(report.ready, ready, "{report:?}");
    }

    fn with(name: &str, value: &str) -> impl FnOnce(&mut Answers) {
        move |answers| {
            answers.settings.insert(name.to_owned(), value.to_owned());
        }
    }

    #[test]
    fn a_good_cluster_is_ready() {
        check(0, |_| (), "", true);
        let behind: Vec<_> = report(0, |_| ()).parts.iter().map(|part| part.behind_bytes).collect();
        assert_eq!(behind, [None, Some(0), Some(256), None], "the page's header is no distance");
    }

    #[test]
    fn what_costs_something_is_a_warning() {
        let delay = "h:2 delay Warning: recovery_min_apply_delay is 60ms";
        check(1, with("recovery_min_apply_delay", "60"), delay, true);
        check(1, |it| it.paused = Ok(Some("t".into())), "h:2 replay Warning: paused", true);
        let silent = "h:3 streaming Warning: no log is received from a primary";
        check(2, |it| it.receivers = Ok(Some("0".into())), silent, true);
        let few = "h:1 connections Warning: 17 allowed, 21 wanted";
        check(0, with("max_connections", "20"), few, true);
        let few = "h:1 connections Warning: 5 allowed, 21 wanted";
        check(0, |it| it.role_limit = Ok(Some("5".into())), few, true);
        let strings = "h:1 strings Warning: standard_conforming_strings is off";
        check(0, with("standard_conforming_strings", "off"), strings, true);
        let commits = "h:1 commits Note: synchronous_commit is off";
        check(0, with("synchronous_commit", "off"), commits, true);
        let feedback = "h:2 conflicts Note: hot_standby_feedback is off";
        check(1, with("hot_standby_feedback", "off"), feedback, true);
    }

    #[test]
    fn what_breaks_the_promise_is_a_problem() {
        let other = "cluster system Problem: 7 on h:1 and h:2; 8 on h:3";
        check(2, |it| it.system = Ok(Some("8".into())), other, false);
        let other = "cluster timeline Problem: 1 on h:1 and h:2; 2 on h:3";
        check(2, |it| it.timeline = Ok(Some("2".into())), other, false);
        let denied = "h:2 system Problem: permission denied";
        check(1, |it| it.system = Err("permission denied".into()), denied, false);
        let silent = "h:2 timeline Problem: pg_control_recovery() does not tell";
        check(1, |it| it.timeline = Ok(Some("0".into())), silent, false);
        let old = "h:1 version Problem: PostgreSQL 15.8";
        check(0, with("server_version_num", "120009"), old, false);
        check(1, |it| it.role = Role::Primary, "cluster primary Problem: h:1, h:2", false);
        let none = "h:2 behind Note: not known without a primary\n\
                    h:3 behind Note: not known without a primary\n\
                    cluster primary Problem: none";
        check(
            0,
            |it| it.role = Role::Replica,
            &format!("h:1 behind Note: not known without a primary\n{none}"),
            false,
        );
    }

    #[test]
    fn a_node_that_the_proxy_cannot_use_is_a_problem() {
        let one = |error: &str, answers: Result<Answers, String>| {
            complaints(&judge(&[seen(1, Some(error))], &[answers], &expected()))
        };
        let refused = one("no such role (SQLSTATE 28000)", Err("the same".to_owned()));
        assert!(refused.starts_with("h:1 reached Problem: no such role (SQLSTATE 28000)\n"));
        let md5 = one("the server asks for MD5", Ok(answers(Role::Primary, "0/5002018")));
        assert!(md5.starts_with("h:1 reached Problem: the server asks for MD5\n"), "{md5}");
        let mut denied = answers(Role::Primary, "0/5002018");
        denied.system = Err("permission denied".to_owned());
        let denied = one("permission denied (SQLSTATE 42501)", Ok(denied));
        assert!(denied.starts_with("h:1 system Problem: permission denied\ncluster"), "{denied}");
    }
}
