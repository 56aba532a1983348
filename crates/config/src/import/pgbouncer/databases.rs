//! `[databases]` and `[users]`: one cluster per list of hosts.

use super::super::Asks;
use super::super::draft::{At, Draft, Target, Zero, is_name, named};
use super::super::ini::pairs;
use super::settings::POOL_SIZE;
use super::{Setting, Source, servers};
use crate::url::parse_node;

/// Servers that some databases are on.
struct Cluster {
    /// The section's path.
    path: String,
    nodes: Vec<String>,
}

pub(super) fn import(draft: &mut Draft, source: &Source) {
    let mut clusters: Vec<Cluster> = Vec::new();
    for database in &source.databases {
        match pairs(&database.value) {
            Ok(pairs) => import_database(draft, source, database, &pairs, &mut clusters),
            Err(why) => {
                let text = format!("database {} was not read: {why}.", database.key);
                draft.note("", Asks::Decision, &database.at, &text);
            }
        }
    }
    if clusters.is_empty() {
        let text = "no database names a host: name your servers, and who asks them for their \
                    positions.";
        draft.note("cluster", Asks::Decision, &At::NOWHERE, text);
        draft.set_list("cluster", "nodes", &["localhost:5432".to_owned()]);
        draft.set_text("cluster", "user", "afterwrite");
    }
    for user in &source.users {
        import_user(draft, user);
    }
}

fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let pair = pairs.iter().rev().find(|(known, _)| known == key);
    pair.map(|(_, value)| value.as_str()).filter(|value| is_name(value))
}

fn import_database(
    draft: &mut Draft,
    source: &Source,
    database: &Setting,
    pairs: &[(String, String)],
    clusters: &mut Vec<Cluster>,
) {
    let Setting { key: name, at, .. } = database;
    let nodes = nodes(draft, name, at, pairs);
    let known = clusters.iter().find(|cluster| cluster.nodes == nodes);
    let path = if let Some(cluster) = known {
        cluster.path.clone()
    } else {
        let path = cluster_path(clusters, nodes.first().map_or("", String::as_str));
        new_cluster(draft, source, &path, &nodes, database, pairs);
        clusters.push(Cluster { path: path.clone(), nodes });
        path
    };
    let is_console = matches!(name.as_str(), "afterwrite" | "pgbouncer");
    let section = if is_console {
        named("databases", &format!("{name}_data"))
    } else {
        named("databases", name)
    };
    draft.open(&section);
    if is_console {
        let text = format!("{name} is the name of the console: clients must use {name}_data.");
        draft.note(&section, Asks::Decision, at, &text);
        draft.set_text(&section, "database", name);
    }
    if let Some(cluster) = path.strip_prefix("clusters.") {
        draft.set_text(&section, "cluster", cluster);
    }
    for (key, value) in pairs {
        option(draft, &section, name, at, key, value);
    }
}

/// `host:port` of each server.
fn nodes(draft: &mut Draft, name: &str, at: &At, pairs: &[(String, String)]) -> Vec<String> {
    let port = find(pairs, "port").unwrap_or("5432");
    let hosts = find(pairs, "host").unwrap_or("");
    let mut nodes = Vec::new();
    for host in hosts.split(',').map(str::trim) {
        let bracketed = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let node = format!("{bracketed}:{port}");
        let node = if parse_node(&node).is_ok() {
            node
        } else {
            let why = if host.is_empty() || host.starts_with(['/', '@']) {
                "servers are reached over TCP, not by a Unix socket"
            } else {
                "its host and port cannot be used"
            };
            let text = format!("database {name}: {why}; localhost stands for it.");
            draft.note("cluster", Asks::Decision, at, &text);
            let port = port.parse::<u16>().ok().filter(|port| *port > 0).unwrap_or(5432);
            format!("localhost:{port}")
        };
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    nodes
}

/// The first is `[cluster]`; the others are named after their first host.
fn cluster_path(clusters: &[Cluster], node: &str) -> String {
    if clusters.is_empty() {
        return "cluster".to_owned();
    }
    let host = node.rsplit_once(':').map_or(node, |(host, _)| host);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let base: String = host.chars().map(plain).collect();
    let taken =
        |path: &str| path == "clusters.default" || clusters.iter().any(|it| it.path == path);
    let first = format!("clusters.{base}");
    if !taken(&first) {
        return first;
    }
    // There are more numbers here than clusters.
    (2..=clusters.len() + 2)
        .map(|n| format!("{first}_{n}"))
        .find(|path| !taken(path))
        .unwrap_or(first)
}

fn new_cluster(
    draft: &mut Draft,
    source: &Source,
    path: &str,
    nodes: &[String],
    database: &Setting,
    pairs: &[(String, String)],
) {
    let Setting { key: name, at, .. } = database;
    draft.set_nodes(path, at, nodes);
    if nodes.len() == 1 {
        let text = format!(
            "database {name} has one host: add its replicas to nodes, in any order; if it is a \
             replica itself, its primary too."
        );
        draft.note_on((path, "nodes"), Asks::Decision, at, &text);
    } else {
        let text = format!(
            "database {name} has several hosts: PgBouncer hands connections to them in turn; here \
             they are one primary and its replicas, found out by asking. If all are replicas, add \
             their primary."
        );
        draft.note_on((path, "nodes"), Asks::Decision, at, &text);
    }
    let auth_user = find(pairs, "auth_user")
        .or(source.find("auth_user").map(|it| it.value.as_str()).filter(|user| is_name(user)));
    match (find(pairs, "user"), auth_user) {
        (Some(user), _) => {
            draft.set_text(path, "user", user);
            if let Some(password) = find(pairs, "password") {
                draft.set_password(path, "password", password);
            }
        }
        (None, Some(user)) => {
            let text = "auth_user asks the nodes for their positions too; its password is taken \
                        from the user list.";
            draft.note(path, Asks::Differs, at, text);
            draft.set_text(path, "user", user);
        }
        (None, None) => {
            let text = "the proxy asks the nodes for their positions as a user of its own. Create \
                        one (CREATE ROLE afterwrite LOGIN PASSWORD …) and put its password into \
                        password_file, or name another user.";
            draft.note(path, Asks::Decision, at, text);
            draft.set_text(path, "user", "afterwrite");
        }
    }
    let of_any = if name == "*" { "postgres" } else { name };
    draft.set_text(path, "database", find(pairs, "dbname").unwrap_or(of_any));
    servers::tls(draft, source, path);
}

/// One option of a database.
fn option(draft: &mut Draft, section: &str, name: &str, at: &At, key: &str, value: &str) {
    let number = |draft: &mut Draft, ours: &'static str, least: u64, zero: Zero| {
        named_number(draft, section, at, key, value, (ours, least, zero));
    };
    match key {
        // Of the cluster.
        "host" | "port" => {}
        "dbname" if value == name => {}
        "dbname" => draft.set_text(section, "database", value),
        "user" => draft.set_text(section, "user", value),
        "password" => draft.set_password(section, "password", value),
        "pool_mode" | "connect_query" => draft.set_text(section, key, value),
        "pool_size" => number(draft, "pool_size", 1, Zero::Most),
        "min_pool_size" => number(draft, "min_size", 0, Zero::Plain),
        "reserve_pool" | "reserve_pool_size" => number(draft, "reserve_size", 0, Zero::Plain),
        "max_db_connections" => number(draft, "connections_max", 1, Zero::Off),
        "max_db_client_connections" => number(draft, "client_connections_max", 1, Zero::Off),
        "auth_user" | "auth_dbname" | "auth_query" => {
            let text = format!(
                "{key} of one database: there is one for all, under [clients]; see that it fits."
            );
            draft.note(section, Asks::Decision, at, &text);
        }
        "client_encoding" | "datestyle" | "timezone" | "application_name" => {
            let text = format!(
                "{key} = {value}: clients say it themselves, or set it on the servers: \
                 ALTER DATABASE … SET {key} = ….",
            );
            draft.note(section, Asks::Decision, at, &text);
        }
        "server_lifetime" => {
            let text = format!("server_lifetime = {value}: pool.lifetime_max holds for all.");
            draft.note(section, Asks::Gone, at, &text);
        }
        "load_balance_hosts" => {
            let text = format!(
                "load_balance_hosts = {value}: reads go to replicas that are fresh enough, as \
                 routing.balance says; all else to the primary."
            );
            draft.note(section, Asks::Differs, at, &text);
        }
        _ => {
            let text = format!("{key} of database {name} is not known; it was left out.");
            draft.note(section, Asks::Decision, at, &text);
        }
    }
}

/// A number of a named section, within what it takes.
fn named_number(
    draft: &mut Draft,
    section: &str,
    at: &At,
    theirs: &str,
    value: &str,
    (ours, least, zero): (&'static str, u64, Zero),
) {
    let Ok(number) = value.parse() else {
        let text = format!("{theirs} = {value} is no number; it was left out.");
        return draft.note(section, Asks::Decision, at, &text);
    };
    let most = if matches!(zero, Zero::Off) { 1_000_000 } else { POOL_SIZE.most };
    let target = Target { section: "", key: ours, least, most, zero };
    draft.number_in(section, at, theirs, number, &target);
}

fn import_user(draft: &mut Draft, user: &Setting) {
    let Setting { key: name, value, at } = user;
    let section = named("users", name);
    draft.open(&section);
    let pairs = match pairs(value) {
        Ok(pairs) => pairs,
        Err(why) => {
            let text = format!("user {name} was not read: {why}.");
            return draft.note(&section, Asks::Decision, at, &text);
        }
    };
    for (key, value) in &pairs {
        let number = |draft: &mut Draft, ours: &'static str, zero: Zero| {
            named_number(draft, &section, at, key, value, (ours, 1, zero));
        };
        match key.as_str() {
            "pool_mode" => draft.set_text(&section, "pool_mode", value),
            "pool_size" => number(draft, "pool_size", Zero::Most),
            "max_user_connections" => number(draft, "connections_max", Zero::Off),
            "max_user_client_connections" => number(draft, "client_connections_max", Zero::Off),
            "reserve_pool_size" => {
                let text = format!("{key} = {value}: a reserve is a database's, or of all.");
                draft.note(&section, Asks::Gone, at, &text);
            }
            "query_timeout"
            | "idle_transaction_timeout"
            | "transaction_timeout"
            | "client_idle_timeout" => {
                let text = format!(
                    "{key} = {value} for one user: the limits of [clients] hold for all. On the \
                     servers: ALTER ROLE … SET statement_timeout, \
                     idle_in_transaction_session_timeout, transaction_timeout."
                );
                draft.note(&section, Asks::Decision, at, &text);
            }
            _ => {
                let text = format!("{key} of user {name} is not known; it was left out.");
                draft.note(&section, Asks::Decision, at, &text);
            }
        }
    }
}
