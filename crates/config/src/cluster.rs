//! The `[cluster]` section: servers and login, from a URL, from keys, or both.

use std::io;
use std::path::{Path, PathBuf};

use crate::check::{Checked, Checker, Refusal, items, name};
use crate::problem::{Place, Problem};
use crate::source::{Entry, Value, rank};
use crate::url::{
    ClusterUrl, NODES_MAX, UrlError, looks_like_url, parse_multi_host, parse_node, quoted,
};
use crate::{ClusterConfig, Secret};

const URL: &str = "cluster.url";
const NODES: &str = "cluster.nodes";
const EXPECTED_CLUSTER: &str = "cluster.url, or cluster.nodes with one server or more";

/// How the caller's files are read.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Reads the section. `None` when something is wrong, which is then reported.
pub(crate) fn read(checker: &mut Checker, read_file: ReadFile<'_>) -> Option<ClusterConfig> {
    let named = named_cluster(checker);
    let user = checker.all("cluster.user", "a name that is not empty", name);
    let database = checker.all("cluster.database", "a name that is not empty", name);
    let password = passwords(checker, read_file);

    let named = named?;
    let part =
        |value: Option<String>| value.map(|value| Checked { value, place: named.place.clone() });
    let of_url = named.value;
    let user = winning(checker, "cluster.user", part(of_url.user), user);
    let database = winning(checker, "cluster.database", part(of_url.database), database);
    let of_url_password =
        of_url.password.map(|value| Checked { value, place: named.place.clone() });
    let password = winning(checker, "cluster.password", of_url_password, password);

    if user.is_none() && checker.are_good(&["cluster.user"]) {
        checker.report(Problem {
            key: "cluster.user".to_owned(),
            place: None,
            found: "nothing that says who to log in as".to_owned(),
            expected: "a user in the URL, or cluster.user".to_owned(),
            hint: Some("postgres://user:password@host1,host2/database".to_owned()),
        });
    }
    let user = user?;
    Some(ClusterConfig {
        nodes: of_url.nodes,
        database: database.unwrap_or_else(|| user.clone()),
        user,
        password,
        sslmode: of_url.sslmode.unwrap_or_default(),
        application_name: of_url.application_name,
    })
}

/// The URL or the list that wins.
fn named_cluster(checker: &mut Checker) -> Option<Checked<ClusterUrl>> {
    let entries = &checker.sources.entries;
    let is_named = entries.contains_key(URL) || entries.contains_key(NODES);
    // In a torn file the cluster may be named where it could not be read.
    let is_torn = checker.sources.is_torn;
    if !is_named
        && !is_torn
        && let Some(entry) = checker.sources.database_url.take()
    {
        checker.sources.entries.insert(URL, vec![entry]);
    } else if !is_named {
        if !is_torn {
            checker.report(Problem {
                key: "cluster".to_owned(),
                place: None,
                found: "nothing that names a server".to_owned(),
                expected: EXPECTED_CLUSTER.to_owned(),
                hint: Some(
                    "[cluster] nodes = [\"postgres://user:password@host1/database\", \"host2\"]"
                        .to_owned(),
                ),
            });
        }
        return None;
    }
    let url = checker.all(URL, "a postgres:// URL", parse_url).pop();
    let nodes = read_nodes(checker);
    match (url, nodes) {
        (Some(url), Some(nodes)) => {
            let (of_url, of_nodes) = (rank(&url.place), rank(&nodes.place));
            if of_url == of_nodes {
                checker.report(Problem {
                    key: NODES.to_owned(),
                    place: Some(nodes.place),
                    found: format!("both {NODES} and {URL}"),
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

/// `cluster.nodes` as if it were one URL; every source is checked.
fn read_nodes(checker: &mut Checker) -> Option<Checked<ClusterUrl>> {
    let expected = "an array of URLs, \"host\" or \"host:port\"";
    let lists = checker.all(NODES, expected, |entry| match items(entry) {
        Some(list) if list.is_empty() => Err(Refusal::found("an empty array")),
        Some(list) if list.len() > NODES_MAX => Err(refusal(&UrlError::TooManyNodes)),
        Some(list) => Ok(list),
        None => Err(Refusal::found(entry.value.kind())),
    });
    let merged: Vec<_> = lists
        .into_iter()
        .filter_map(|list| {
            let value = merge_nodes(checker, &list.value)?;
            Some(Checked { value, place: list.place })
        })
        .collect();
    merged.into_iter().next_back()
}

/// Puts the items of one list together; login and database are those of the
/// first that has them.
fn merge_nodes(checker: &mut Checker, list: &[Entry]) -> Option<ClusterUrl> {
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
            checker.refuse(&format!("{NODES}[{index}]"), entry, expected, refusal);
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

/// `cluster.password` and what `cluster.password_file` holds.
fn passwords(checker: &mut Checker, read_file: ReadFile<'_>) -> Vec<Checked<Secret>> {
    let mut passwords = checker.all("cluster.password", "a text that is not empty", |entry| {
        name(entry).map(Secret::new).map_err(|_| Refusal::found(entry.value.kind()))
    });
    let of_files = checker.all(
        "cluster.password_file",
        "the path of a file that holds the password",
        |entry| read_password(&path_of(entry)?, read_file),
    );
    for of_file in of_files {
        let of_file_rank = rank(&of_file.place);
        if passwords.iter().any(|password| rank(&password.place) == of_file_rank) {
            checker.report(twice("cluster.password_file", of_file.place, "cluster.password"));
        } else {
            passwords.push(of_file);
        }
    }
    passwords.sort_by_key(|password| rank(&password.place));
    passwords
}

/// A path in the file is relative to the file, so that it means the same
/// wherever the proxy is started; any other path is taken as it is.
fn path_of(entry: &Entry) -> Result<PathBuf, Refusal> {
    let path = PathBuf::from(name(entry)?);
    match &entry.place {
        Place::File { name, .. } => {
            Ok(Path::new(name).parent().map_or_else(|| path.clone(), |folder| folder.join(&path)))
        }
        Place::Environment { .. } | Place::Flag { .. } => Ok(path),
    }
}

fn read_password(path: &Path, read_file: ReadFile<'_>) -> Result<Secret, Refusal> {
    let shown = quoted(&path.display().to_string());
    let text = read_file(path)
        .map_err(|error| Refusal::found(format!("{shown}, which cannot be read: {error}")))?;
    // Editors end the last line; the password does not.
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Refusal::found(format!("{shown}, which is empty")));
    }
    if password.contains(['\0', '\n', '\r']) {
        return Err(Refusal {
            hint: Some("the file holds the password alone, on one line".to_owned()),
            ..Refusal::found(format!("{shown}, which holds more than one line"))
        });
    }
    Ok(Secret::new(password))
}

/// The winning one of what the URL says and what the key says.
fn winning<T: PartialEq>(
    checker: &mut Checker,
    key: &'static str,
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

fn twice(key: &str, place: Place, other: &str) -> Problem {
    Problem {
        key: key.to_owned(),
        place: Some(place),
        found: format!("another value than in {other}"),
        expected: format!("it here or in {other}, not in both"),
        hint: None,
    }
}
