//! The `[cluster]` section and those like it: servers and login, from a URL, from
//! keys, or both.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use afterwrite_types::TableName;

use crate::check::{Checked, Checker, Refusal, items, name, readable};
use crate::config::DEFAULT_CLUSTER;
use crate::problem::{Place, Problem};
use crate::secret::secrets;
use crate::source::{Entry, Value, rank};
use crate::url::{ClusterUrl, NODES_MAX, UrlError, looks_like_url, parse_multi_host, parse_node};
use crate::{ClusterConfig, Positions, RootCa, ServerTls, SslMode, TlsNegotiation, keys};

/// Reads `[cluster]`. `None` when something is wrong, which is then reported.
pub(crate) fn read(checker: &mut Checker<'_>) -> Option<ClusterConfig> {
    read_at(checker, "cluster")
}

/// Reads `[clusters.NAME]`. `None` as above.
pub(crate) fn read_named(checker: &mut Checker<'_>, name: &str) -> Option<ClusterConfig> {
    let at = keys::named("clusters", name);
    if name == DEFAULT_CLUSTER {
        checker.report(Problem {
            key: at,
            place: checker.place_in(&keys::named("clusters", name)),
            found: "another cluster of this name".to_owned(),
            expected: "a name of its own: [cluster] is the one named default".to_owned(),
            hint: None,
        });
        return None;
    }
    read_at(checker, &at)
}

fn read_at(checker: &mut Checker<'_>, at: &str) -> Option<ClusterConfig> {
    let key = |name: &str| keys::join(at, name);
    let named = named_cluster(checker, at);
    let user = checker.all(&key("user"), "a name that is not empty", name);
    let database = checker.all(&key("database"), "a name that is not empty", name);
    let password = secrets(checker, &key("password"));
    let tls = read_tls(checker, &key("tls"), named.as_ref());
    let positions = checker.choice(&key("positions"), Positions::WORDS).unwrap_or_default();
    let heartbeat_table = read_table(checker, &key("heartbeat_table"));
    let window = checker.duration(&key("window"), WINDOW, Duration::from_secs(5));
    let window_follows_lag = checker.boolean(&key("window_follows_lag"), false);

    let named = named?;
    let part =
        |value: Option<String>| value.map(|value| Checked { value, place: named.place.clone() });
    let of_url = named.value;
    let user = winning(checker, &key("user"), part(of_url.user), user);
    let database = winning(checker, &key("database"), part(of_url.database), database);
    let of_url_password =
        of_url.password.map(|value| Checked { value, place: named.place.clone() });
    let password = winning(checker, &key("password"), of_url_password, password);

    if user.is_none() && checker.are_good(&[&key("user")]) {
        checker.report(Problem {
            key: key("user"),
            place: None,
            found: "nothing that says who to log in as".to_owned(),
            expected: format!("a user in the URL, or {}", key("user")),
            hint: Some("postgres://user:password@host1,host2/database".to_owned()),
        });
    }
    let user = user?;
    Some(ClusterConfig {
        nodes: of_url.nodes,
        database: database.unwrap_or_else(|| user.clone()),
        user,
        password,
        tls,
        application_name: of_url.application_name,
        positions,
        heartbeat_table,
        window,
        window_follows_lag,
    })
}

/// How long a window may be.
const WINDOW: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);

fn read_table(checker: &mut Checker<'_>, key: &str) -> Option<TableName> {
    let expected = "a table with its schema, such as \"afterwrite.heartbeat\"";
    checker.one(key, expected, |entry| match &entry.value {
        Value::Text(text) => text.parse().map_err(|_| Refusal::default()),
        other => Err(Refusal::found(other.kind())),
    })
}

/// TLS, from the keys and from what the URL says of it.
fn read_tls(checker: &mut Checker<'_>, at: &str, named: Option<&Checked<ClusterUrl>>) -> ServerTls {
    let key = |name: &str| keys::join(at, name);
    let mode = checker.choices(&key("mode"), SslMode::WORDS);
    let of_url = named.and_then(|named| {
        Some(Checked { value: named.value.sslmode?, place: named.place.clone() })
    });
    let mode = winning(checker, &key("mode"), of_url, mode).unwrap_or_default();
    let read_file = checker.read_file;
    let root_ca = checker.one(&key("root_ca"), "the path of a file, or \"system\"", |entry| {
        match &entry.value {
            Value::Text(text) if text == "system" => Ok(RootCa::System),
            _ => readable(entry, read_file).map(RootCa::File),
        }
    });
    let tls = ServerTls {
        mode,
        root_ca,
        certificate: checker.file_if_any(&key("certificate")),
        key: checker.file_if_any(&key("key")),
        negotiation: checker.choice(&key("negotiation"), TlsNegotiation::WORDS).unwrap_or_default(),
    };
    certificate_has_key(checker, at, tls.certificate.as_deref(), tls.key.as_deref());
    let checks = matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull);
    if checks && tls.root_ca.is_none() && checker.are_good(&[&key("mode"), &key("root_ca")]) {
        checker.report(Problem {
            place: checker.place_of(&key("mode")),
            key: key("root_ca"),
            found: "nothing to check the servers' certificates with".to_owned(),
            expected: "the file with the certificate of who signs them, or \"system\"".to_owned(),
            hint: None,
        });
    }
    let is_direct = tls.negotiation == TlsNegotiation::Direct;
    if is_direct && mode < SslMode::Require && checker.are_good(&[&key("mode")]) {
        checker.report(Problem {
            place: checker.place_of(&key("negotiation")),
            key: key("negotiation"),
            found: format!("\"direct\", with {} {mode}", key("mode")),
            expected: format!("{} require, verify-ca or verify-full", key("mode")),
            hint: Some("a server without TLS cannot be asked in this way".to_owned()),
        });
    }
    tls
}

/// One is of no use without the other.
pub(crate) fn certificate_has_key(
    checker: &mut Checker<'_>,
    at: &str,
    certificate: Option<&Path>,
    key: Option<&Path>,
) {
    let (has, lacks) = match (certificate, key) {
        (Some(_), None) => ("certificate", "key"),
        (None, Some(_)) => ("key", "certificate"),
        (Some(_), Some(_)) | (None, None) => return,
    };
    let (has, lacks) = (keys::join(at, has), keys::join(at, lacks));
    if checker.are_good(&[&has, &lacks]) {
        checker.report(Problem {
            place: checker.place_of(&has),
            found: format!("nothing, beside {has}"),
            expected: "both, or neither".to_owned(),
            key: lacks,
            hint: None,
        });
    }
}

/// The URL or the list that wins.
fn named_cluster(checker: &mut Checker<'_>, at: &str) -> Option<Checked<ClusterUrl>> {
    let (url_key, nodes_key) = (keys::join(at, "url"), keys::join(at, "nodes"));
    let expected = format!("{url_key}, or {nodes_key} with one server or more");
    let entries = &checker.sources.entries;
    let is_named = entries.contains_key(&url_key) || entries.contains_key(&nodes_key);
    // In a torn file the cluster may be named where it could not be read.
    let is_torn = checker.sources.is_torn;
    if !is_named
        && !is_torn
        && at == "cluster"
        && let Some(entry) = checker.sources.database_url.take()
    {
        checker.sources.entries.insert(url_key.clone(), vec![entry]);
    } else if !is_named {
        if !is_torn {
            checker.report(Problem {
                key: at.to_owned(),
                place: None,
                found: "nothing that names a server".to_owned(),
                expected,
                hint: Some(
                    "[cluster] nodes = [\"postgres://user:password@host1/database\", \"host2\"]"
                        .to_owned(),
                ),
            });
        }
        return None;
    }
    let url = checker.all(&url_key, "a postgres:// URL", parse_url).pop();
    let nodes = read_nodes(checker, &nodes_key);
    match (url, nodes) {
        (Some(url), Some(nodes)) => {
            let (of_url, of_nodes) = (rank(&url.place), rank(&nodes.place));
            if of_url == of_nodes {
                checker.report(Problem {
                    found: format!("both {nodes_key} and {url_key}"),
                    key: nodes_key,
                    place: Some(nodes.place),
                    expected: "one of the two".to_owned(),
                    hint: None,
                });
                return None;
            }
            Some(if of_url > of_nodes { url } else { nodes })
        }
        (url, nodes) => url.or(nodes),
    }
}

fn parse_url(entry: &Entry) -> Result<ClusterUrl, Refusal> {
    match &entry.value {
        Value::Text(text) => parse_multi_host(text).map_err(|error| refusal(&error)),
        other => Err(Refusal::found(other.kind())),
    }
}

fn refusal(error: &UrlError) -> Refusal {
    Refusal {
        found: Some(error.to_string()),
        expected: Some(error.expected()),
        hint: error.hint().map(str::to_owned),
    }
}

/// `nodes` as if it were one URL; every source is checked.
fn read_nodes(checker: &mut Checker<'_>, key: &str) -> Option<Checked<ClusterUrl>> {
    let expected = "an array of URLs, \"host\" or \"host:port\"";
    let lists = checker.all(key, expected, |entry| match items(entry) {
        Some(list) if list.is_empty() => Err(Refusal::found("an empty array")),
        Some(list) if list.len() > NODES_MAX => Err(refusal(&UrlError::TooManyNodes)),
        Some(list) => Ok(list),
        None => Err(Refusal::found(entry.value.kind())),
    });
    let merged: Vec<_> = lists
        .into_iter()
        .filter_map(|list| {
            let value = merge_nodes(checker, key, &list.value)?;
            Some(Checked { value, place: list.place })
        })
        .collect();
    merged.into_iter().next_back()
}

/// Puts the items of one list together; login and database are those of the
/// first that has them.
fn merge_nodes(checker: &mut Checker<'_>, key: &str, list: &[Entry]) -> Option<ClusterUrl> {
    let mut merged: Option<ClusterUrl> = None;
    let mut is_good = true;
    for (index, entry) in list.iter().enumerate() {
        let result = parse_item(entry).and_then(|item| match &mut merged {
            None => {
                merged = Some(item);
                Ok(())
            }
            Some(merged) => join(merged, item),
        });
        if let Err(refusal) = result {
            let expected = "a postgres:// URL, \"host\" or \"host:port\"";
            checker.refuse(&format!("{key}[{index}]"), entry, expected, refusal);
            is_good = false;
        }
    }
    merged.filter(|_| is_good)
}

fn parse_item(entry: &Entry) -> Result<ClusterUrl, Refusal> {
    match &entry.value {
        Value::Text(text) if looks_like_url(text) => parse_url(entry),
        Value::Text(text) => {
            let node = parse_node(text).map_err(|error| match error {
                UrlError::BareAt => Refusal {
                    hint: Some("write postgres:// before the user".to_owned()),
                    ..refusal(&UrlError::NoScheme)
                },
                other => refusal(&other),
            })?;
            Ok(ClusterUrl::of_node(node))
        }
        other => Err(Refusal::found(other.kind())),
    }
}

/// Adds what `item` says to `merged`.
fn join(merged: &mut ClusterUrl, item: ClusterUrl) -> Result<(), Refusal> {
    for node in item.nodes {
        if merged.nodes.contains(&node) {
            return Err(refusal(&UrlError::NodeTwice { node }));
        }
        if merged.nodes.len() >= NODES_MAX {
            return Err(refusal(&UrlError::TooManyNodes));
        }
        merged.nodes.push(node);
    }
    fill(&mut merged.user, item.user, "user")?;
    fill(&mut merged.password, item.password, "password")?;
    fill(&mut merged.database, item.database, "database")?;
    fill(&mut merged.sslmode, item.sslmode, "sslmode")?;
    fill(&mut merged.application_name, item.application_name, "application_name")
}

fn fill<T: PartialEq>(place: &mut Option<T>, value: Option<T>, part: &str) -> Result<(), Refusal> {
    match (&place, value) {
        (Some(first), Some(other)) if *first != other => Err(Refusal {
            found: Some(format!("another {part} than in the nodes before")),
            expected: Some("one user, password and database for the whole cluster".to_owned()),
            hint: Some("the first node's are used for all; leave them out here".to_owned()),
        }),
        (None, Some(value)) => {
            *place = Some(value);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The winning one of what the URL says and what the key says.
fn winning<T: PartialEq>(
    checker: &mut Checker<'_>,
    key: &str,
    of_url: Option<Checked<T>>,
    of_key: Vec<Checked<T>>,
) -> Option<T> {
    let Some(of_url) = of_url else {
        return of_key.into_iter().next_back().map(|checked| checked.value);
    };
    let of_url_rank = rank(&of_url.place);
    let rival = of_key.iter().find(|checked| rank(&checked.place) == of_url_rank);
    if let Some(rival) = rival.filter(|rival| rival.value != of_url.value) {
        checker.report(twice(key, rival.place.clone(), "the URL"));
    }
    let higher = of_key.into_iter().next_back().filter(|last| rank(&last.place) > of_url_rank);
    Some(higher.map_or(of_url.value, |checked| checked.value))
}

pub(crate) fn twice(key: &str, place: Place, other: &str) -> Problem {
    Problem {
        key: key.to_owned(),
        place: Some(place),
        found: format!("another value than in {other}"),
        expected: format!("it here or in {other}, not in both"),
        hint: None,
    }
}
