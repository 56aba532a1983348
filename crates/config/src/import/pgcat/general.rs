//! `[general]`.

use std::net::IpAddr;

use super::super::Asks;
use super::super::draft::{At, DAY, Draft, MINUTE, Target, Zero, named, target};
use super::tree::Node;
use super::unknown;

/// Their time in milliseconds, ours, and their default where ours is another.
const TIMES: &[(&str, Target, Option<u64>)] = &[
    ("connect_timeout", target("pool", "connect_timeout", 1, 10 * MINUTE, Zero::Plain), None),
    ("idle_timeout", target("pool", "idle_timeout", 100, DAY, Zero::Plain), None),
    ("server_lifetime", target("pool", "lifetime_max", 1000, DAY, Zero::Plain), Some(DAY)),
    ("healthcheck_delay", target("pool", "check_after", 0, DAY, Zero::Plain), None),
    ("shutdown_timeout", target("shutdown", "drain_timeout", 0, DAY, Zero::Plain), Some(MINUTE)),
    (
        "idle_client_in_transaction_timeout",
        target("clients", "idle_transaction_timeout", 1, 30 * DAY, Zero::Off),
        None,
    ),
];

/// What has no key of ours, and why.
const GONE: &[(&str, &str)] = &[
    ("admin_auth_type", "the console's users log in as all others do"),
    ("autoreload", "send SIGHUP, or RELOAD in the console"),
    (
        "ban_time",
        "a node that does not answer the probe takes nothing, and returns with its first answer",
    ),
    ("dns_cache_enabled", "names are looked up with each new connection, by the system"),
    ("dns_max_ttl", "names are looked up with each new connection, by the system"),
    ("healthcheck_timeout", "the check has the limit of pool.connect_timeout"),
    ("sync_server_parameters", "every setting of a client is tracked and brought to the server"),
    ("tcp_keepalives_count", "as the system has it"),
    ("tcp_keepalives_idle", "as the system has it"),
    ("tcp_keepalives_interval", "as the system has it"),
    ("tcp_user_timeout", "as the system has it"),
    ("validate_config", "the whole file is always checked; afterwrite check asks the servers too"),
];

/// What is read together with something else.
const READ_TOGETHER: &[&str] = &[
    "host",
    "port",
    "enable_prometheus_exporter",
    "prometheus_exporter_port",
    "tls_certificate",
    "tls_private_key",
    "server_tls",
    "verify_server_certificate",
    "admin_username",
    "admin_password",
    "auth_query",
    "auth_query_user",
    "auth_query_password",
    "prepared_statements",
    "prepared_statements_cache_size",
];

pub(super) fn import(draft: &mut Draft, general: &Node) {
    listen(draft, general);
    login(draft, general);
    for (key, node) in general.children() {
        import_one(draft, key, node);
    }
}

fn import_one(draft: &mut Draft, key: &str, node: &Node) {
    if let Some((_, target, _)) = TIMES.iter().find(|(theirs, ..)| *theirs == key) {
        return match node.number() {
            Some(ms) => draft.time(&node.at, key, ms, target),
            None => not_a_number(draft, target.section, key, node),
        };
    }
    if let Some((_, why)) = GONE.iter().find(|(theirs, _)| *theirs == key) {
        return draft.note("", Asks::Gone, &node.at, &format!("{key} = {}: {why}.", node.shown()));
    }
    match key {
        "worker_threads" => match node.number() {
            Some(count) => {
                draft.number(&node.at, key, count, &target("", "threads", 1, 256, Zero::Plain));
            }
            None => not_a_number(draft, "", key, node),
        },
        "log_client_connections" => draft.set("log", "connections", node.is_on().to_string()),
        "log_client_disconnections" => draft.set("log", "disconnections", node.is_on().to_string()),
        "server_round_robin" => {
            draft.set_text("pool", "order", if node.is_on() { "fifo" } else { "lifo" });
        }
        _ if READ_TOGETHER.contains(&key) => {}
        _ => unknown(draft, "", key, node),
    }
}

pub(super) fn not_a_number(draft: &mut Draft, section: &str, key: &str, node: &Node) {
    let text = format!("{key} = {} is no number; it was left out.", node.shown());
    draft.note(section, Asks::Decision, &node.at, &text);
}

fn listen(draft: &mut Draft, general: &Node) {
    let host = general.child("host").and_then(Node::text).unwrap_or("0.0.0.0");
    let port = general.child("port").and_then(Node::number).unwrap_or(6432);
    let at = general.child("host").map_or(At::NOWHERE, |node| node.at.clone());
    let host = match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) if host == "localhost" => host.to_owned(),
        Err(_) => {
            let text = format!("host = {host}: write the address it stands for.");
            draft.note("", Asks::Decision, &at, &text);
            "127.0.0.1".to_owned()
        }
    };
    draft.set_list("", "listen", &[format!("{host}:{port}")]);
    if general.child("enable_prometheus_exporter").is_some_and(Node::is_on) {
        let node = general.child("prometheus_exporter_port");
        let port = node.and_then(Node::number).unwrap_or(9930);
        draft.set_text("", "metrics_listen", &format!("{host}:{port}"));
        let text = "the metrics have other names: see docs/guide/operating.md.";
        let at =
            general.child("enable_prometheus_exporter").map_or(At::NOWHERE, |it| it.at.clone());
        draft.note_on(("", "metrics_listen"), Asks::Differs, &at, text);
    } else {
        draft.set_text("", "metrics_listen", "off");
    }
}

fn login(draft: &mut Draft, general: &Node) {
    draft.set_text("clients", "auth", "md5");
    let text = "PgCat asks for MD5 hashes. The passwords are here in clear, so that scram-sha-256 \
                works too and is better.";
    draft.note_on(("clients", "auth"), Asks::Decision, &At::NOWHERE, text);
    let text = |key: &str| general.child(key).and_then(Node::name);
    if let Some(user) = text("admin_username") {
        draft.set_list("admin", "users", &[user.to_owned()]);
        let section = named("users", user);
        draft.open(&section);
        if let Some(password) = text("admin_password") {
            draft.set_password(&section, "password", password);
        }
    } else if let Some(node) =
        general.child("admin_username").or_else(|| general.child("admin_password"))
    {
        let text = "admin_username and admin_password go together; nobody may use the console.";
        draft.note("clients", Asks::Decision, &node.at, text);
    }
    if let (Some(query), Some(user)) = (text("auth_query"), text("auth_query_user")) {
        draft.set_text("clients", "auth_query", query);
        draft.set_text("clients", "auth_user", user);
        if let Some(password) = text("auth_query_password") {
            draft.set_password(&named("users", user), "password", password);
        }
    } else if let Some(node) = general.child("auth_query") {
        let text = "auth_query without auth_query_user: say who asks, in clients.auth_user.";
        draft.note("clients", Asks::Decision, &node.at, text);
    } else if let Some(node) =
        general.child("auth_query_user").or_else(|| general.child("auth_query_password"))
    {
        let text = "auth_query_user without auth_query: nothing is asked.";
        draft.note("clients", Asks::Gone, &node.at, text);
    }
    match (text("tls_certificate"), text("tls_private_key")) {
        (Some(certificate), Some(key)) => {
            draft.set_text("clients.tls", "mode", "prefer");
            draft.set_text("clients.tls", "certificate", certificate);
            draft.set_text("clients.tls", "key", key);
        }
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => {
            let text = "tls_certificate and tls_private_key go together; TLS to clients is off.";
            draft.note("clients", Asks::Decision, &general.at, text);
        }
    }
    let is_plain = !general.child("server_tls").is_some_and(Node::is_on);
    if let Some(node) = general.child("verify_server_certificate").filter(|_| is_plain) {
        let text = "verify_server_certificate without server_tls: there is no certificate.";
        draft.note("cluster.tls", Asks::Gone, &node.at, text);
    }
    let prepared = general.child("prepared_statements_cache_size");
    if let Some(size) = prepared.and_then(Node::number).filter(|size| *size > 0) {
        let target = target("pool", "prepared_max", 1, 100_000, Zero::Plain);
        draft.number(&At::NOWHERE, "prepared_statements_cache_size", size, &target);
    } else if let Some(node) = prepared.or_else(|| general.child("prepared_statements")) {
        let text = "prepared statements of the protocol always work.";
        draft.note("pool", Asks::Differs, &node.at, text);
    }
}

/// PgCat's defaults, where ours are others.
pub(super) fn check(draft: &mut Draft, general: Option<&Node>) {
    for (theirs, target, default) in TIMES {
        let is_there = general.is_some_and(|general| general.child(theirs).is_some());
        if let Some(ms) = default.filter(|_| !is_there) {
            draft.time(&At::NOWHERE, theirs, ms, target);
            let text = format!("{theirs}, which is PgCat's own. Leave it out for ours.");
            draft.note_on((target.section, target.key), Asks::Default, &At::NOWHERE, &text);
        }
    }
}
