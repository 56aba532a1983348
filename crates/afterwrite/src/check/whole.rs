//! What only all nodes together show. Pure.

use std::collections::BTreeMap;

use afterwrite_backend::NodeStatus;
use afterwrite_types::Role;

use super::ask::{Answer, Answers};
use super::report::{Finding, Grade, Part, finding};

/// The roles, and whether all are copies of one database.
pub(super) fn cluster(seen: &[NodeStatus], answers: &[Result<Answers, String>]) -> Part {
    let known: Vec<(&str, &Answers)> = seen
        .iter()
        .zip(answers)
        .filter_map(|(seen, answers)| Some((seen.address.as_str(), answers.as_ref().ok()?)))
        .collect();
    let of_role = |role| {
        let nodes = known.iter().filter(move |(_, answers)| answers.role == role);
        nodes.map(|(address, _)| *address).collect::<Vec<_>>()
    };
    let mut findings = vec![primaries(&of_role(Role::Primary)), replicas(&of_role(Role::Replica))];
    findings.extend(history(&known));
    Part { name: "cluster".to_owned(), role: None, behind_bytes: None, findings }
}

fn primaries(primaries: &[&str]) -> Finding {
    match primaries {
        [one] => finding("primary", Grade::Good, *one),
        [] => finding("primary", Grade::Problem, "none").advise(
            "No node that was reached accepts writes. Name the primary in the configuration, or \
             start it.",
        ),
        several => finding("primary", Grade::Problem, several.join(", ")).advise(
            "More than one accepts writes. Name only nodes of one cluster, and take an old primary \
             away or make it a replica.",
        ),
    }
}

fn replicas(replicas: &[&str]) -> Finding {
    match replicas {
        [] => finding("replicas", Grade::Warning, "none")
            .advise("Everything runs on the primary. Name the replicas in the configuration."),
        some => finding("replicas", Grade::Good, some.join(", ")),
    }
}

/// Positions can be compared only within one history.
fn history(known: &[(&str, &Answers)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut compare = |name, advice: &str, answer: &dyn Fn(&Answers) -> &Answer| {
        let mut by_value = BTreeMap::<&str, Vec<&str>>::new();
        for (address, answers) in known {
            match answer(answers) {
                // A timeline of 0 is none: the node's own line says so.
                Ok(Some(value)) if value != "0" => {
                    by_value.entry(value).or_default().push(address);
                }
                Ok(_) | Err(_) => {}
            }
        }
        let values: Vec<_> = by_value.into_iter().collect();
        findings.extend(match values.as_slice() {
            [] => None,
            [(value, _)] => Some(finding(name, Grade::Good, format!("{value} everywhere"))),
            several => {
                let groups: Vec<String> = several
                    .iter()
                    .map(|(value, nodes)| format!("{value} on {}", nodes.join(" and ")))
                    .collect();
                Some(finding(name, Grade::Problem, groups.join("; ")).advise(advice))
            }
        });
    };
    compare(
        "system",
        "These are different databases, not copies of one: only replicas of the one primary may \
         be named.",
        &|answers| &answers.system,
    );
    compare(
        "timeline",
        "A replica on another timeline than the primary's takes no reads. After a failover it \
         follows by itself or has to be rebuilt.",
        &|answers| &answers.timeline,
    );
    findings
}
