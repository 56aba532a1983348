//! The rest of `[pgbouncer]`, by tables: what has a key of ours, and what has none
//! and why.

use super::super::Asks;
use super::super::draft::{At, DAY, Draft, HOUR, MINUTE, Target, Zero, target};
use super::super::ini::{list, ms_of_seconds};
use super::{Setting, Source};

pub(super) const POOL_SIZE: Target = target("pool", "size", 1, 10_000, Zero::Most);

/// Their time, ours, and their default in milliseconds where ours is another.
const TIMES: &[(&str, Target, Option<u64>)] = &[
    (
        "client_login_timeout",
        target("clients", "login_timeout", 100, 10 * MINUTE, Zero::Most),
        Some(MINUTE),
    ),
    ("client_idle_timeout", target("clients", "idle_timeout", 1, 30 * DAY, Zero::Off), None),
    (
        "idle_transaction_timeout",
        target("clients", "idle_transaction_timeout", 1, 30 * DAY, Zero::Off),
        None,
    ),
    ("transaction_timeout", target("clients", "transaction_timeout", 1, 30 * DAY, Zero::Off), None),
    ("query_timeout", target("clients", "query_timeout", 1, 30 * DAY, Zero::Off), None),
    ("query_wait_timeout", target("pool", "wait_timeout", 1, HOUR, Zero::Most), Some(2 * MINUTE)),
    (
        "server_connect_timeout",
        target("pool", "connect_timeout", 1, 10 * MINUTE, Zero::Most),
        Some(15_000),
    ),
    ("server_login_retry", target("pool", "login_retry", 1, HOUR, Zero::Plain), Some(15_000)),
    ("server_idle_timeout", target("pool", "idle_timeout", 100, DAY, Zero::Most), None),
    ("server_lifetime", target("pool", "lifetime_max", 1000, DAY, Zero::Plain), None),
    ("server_check_delay", target("pool", "check_after", 0, DAY, Zero::Plain), None),
    ("reserve_pool_timeout", target("pool", "reserve_timeout", 1, HOUR, Zero::Plain), None),
    ("stats_period", target("log", "stats_interval", 1000, HOUR, Zero::Plain), None),
];

/// Their number, ours, and their default where ours is another.
const NUMBERS: &[(&str, Target, Option<u64>)] = &[
    ("max_client_conn", target("clients", "connections_max", 1, 1_000_000, Zero::Plain), Some(100)),
    (
        "max_db_client_connections",
        target("clients", "connections_per_database_max", 1, 1_000_000, Zero::Off),
        None,
    ),
    (
        "max_user_client_connections",
        target("clients", "connections_per_user_max", 1, 1_000_000, Zero::Off),
        None,
    ),
    ("default_pool_size", POOL_SIZE, None),
    ("min_pool_size", target("pool", "min_size", 0, 10_000, Zero::Plain), None),
    ("reserve_pool_size", target("pool", "reserve_size", 0, 10_000, Zero::Plain), None),
    (
        "max_db_connections",
        target("pool", "database_connections_max", 1, 1_000_000, Zero::Off),
        None,
    ),
    ("max_user_connections", target("pool", "user_connections_max", 1, 1_000_000, Zero::Off), None),
    ("max_packet_size", target("clients", "message_max", 16 << 10, 1 << 30, Zero::Most), None),
    ("max_prepared_statements", target("pool", "prepared_max", 1, 100_000, Zero::Plain), None),
];

/// Their switch, ours, and their default where ours is another.
const SWITCHES: &[(&str, &str, &str, Option<bool>)] = &[
    ("application_name_add_host", "clients", "application_name_add_host", None),
    ("log_connections", "log", "connections", Some(true)),
    ("log_disconnections", "log", "disconnections", Some(true)),
    ("log_pooler_errors", "log", "pooler_errors", None),
];

/// What has no key of ours, and why.
const GONE: &[(&str, &str)] = &[
    (
        "autodb_idle_timeout",
        "a database of \"*\" that nobody uses has no connections after pool.idle_timeout",
    ),
    ("cancel_wait_timeout", "a cancel request has a short limit of its own"),
    ("conffile", "the file is named on the command line: afterwrite serve --config FILE"),
    (
        "disable_pqexec",
        "a query of several statements is allowed, and goes to the primary where it may write",
    ),
    ("dns_max_ttl", "names are looked up with each new connection, by the system"),
    ("dns_nxdomain_ttl", "names are looked up with each new connection, by the system"),
    ("dns_zone_check_period", "names are looked up with each new connection, by the system"),
    ("job_name", "the log has no name in it"),
    ("listen_backlog", "the system's own length is used"),
    ("logfile", "the log goes to standard error, for journald or a file of your choice"),
    ("peer_id", "proxies do not forward cancel requests to each other"),
    ("pidfile", "none is written; systemd and others know the process without"),
    ("pkt_buf", "buffers grow and shrink by themselves"),
    ("query_wait_notify", "a client that waits is not told so"),
    ("resolv_conf", "the system's own is used"),
    ("sbuf_loopcnt", "every client's turn is limited by itself"),
    ("scram_iterations", "secrets are read, not made; those of plain passwords use 4096"),
    (
        "server_fast_close",
        "after RECONNECT or a change, connections are closed when they come back",
    ),
    ("service_name", "there is no such service"),
    ("so_reuseport", "one process uses all processors; a new one takes over by restart_socket"),
    ("suspend_timeout", "a new process takes over by restart_socket"),
    ("syslog", "the log goes to standard error, for journald"),
    ("syslog_facility", "the log goes to standard error, for journald"),
    ("syslog_ident", "the log goes to standard error, for journald"),
    (
        "tcp_defer_accept",
        "the system's own is used; a silent client is closed after clients.login_timeout",
    ),
    ("tcp_keepalive", "it is on, as the system has it"),
    ("tcp_keepcnt", "as the system has it"),
    ("tcp_keepidle", "as the system has it"),
    ("tcp_keepintvl", "as the system has it"),
    ("tcp_socket_buffer", "the system's own size is used"),
    ("tcp_user_timeout", "as the system has it"),
    ("track_extra_parameters", "every setting of a client is tracked and brought to the server"),
    ("unix_socket_group", "give the socket's folder to the group, or start the proxy with it"),
    ("user", "start it as that user: User= in the systemd unit"),
];

/// What other files of this module read.
const READ_ELSEWHERE: &[&str] = &[
    "listen_addr",
    "listen_port",
    "unix_socket_dir",
    "unix_socket_mode",
    "auth_type",
    "auth_file",
    "auth_hba_file",
    "auth_ident_file",
    "auth_query",
    "auth_user",
    "auth_dbname",
    "client_tls_sslmode",
    "client_tls_cert_file",
    "client_tls_key_file",
    "client_tls_ca_file",
    "client_tls_protocols",
    "client_tls_ciphers",
    "client_tls13_ciphers",
    "client_tls_dheparams",
    "client_tls_ecdhcurve",
    "server_tls_sslmode",
    "server_tls_ca_file",
    "server_tls_cert_file",
    "server_tls_key_file",
    "server_tls_protocols",
    "server_tls_ciphers",
    "server_tls13_ciphers",
];

pub(super) fn import(draft: &mut Draft, source: &Source) {
    mode(draft, source);
    for setting in &source.settings {
        import_one(draft, setting);
    }
    defaults(draft, source);
    fit(draft, source);
}

/// The one default that changes what clients may do.
fn mode(draft: &mut Draft, source: &Source) {
    if source.find("pool_mode").is_none() {
        let text = "pool_mode is session unless set. With transaction, many clients share few \
                    connections; what ties a client to one is tracked, and pins it.";
        draft.note("pool", Asks::Default, &At::NOWHERE, text);
    }
    draft.set_text("pool", "mode", source.get("pool_mode", "session"));
    if source.get("pool_mode", "session") == "session" {
        let text = "with session, a client keeps one connection to the primary, and nothing goes \
                    to replicas; its reads do with transaction.";
        draft.note_on(("pool", "mode"), Asks::Decision, &source.at("pool_mode"), text);
    }
}

fn import_one(draft: &mut Draft, setting: &Setting) {
    let Setting { key, value, at } = setting;
    if let Some((_, target, _)) = TIMES.iter().find(|(theirs, ..)| theirs == key) {
        return match ms_of_seconds(value) {
            Some(ms) => draft.time(at, key, ms, target),
            None => left_out(draft, target.section, setting, "is no number of seconds"),
        };
    }
    if let Some((_, target, _)) = NUMBERS.iter().find(|(theirs, ..)| theirs == key) {
        return match value.parse() {
            Ok(number) => draft.number(at, key, number, target),
            Err(_) => left_out(draft, target.section, setting, "is no number"),
        };
    }
    if let Some((_, section, ours, _)) = SWITCHES.iter().find(|(theirs, ..)| theirs == key) {
        return draft.set(section, ours, is_on(value).to_string());
    }
    if let Some((_, why)) = GONE.iter().find(|(theirs, _)| theirs == key) {
        return draft.note("", Asks::Gone, at, &format!("{key} = {value}: {why}."));
    }
    if !READ_ELSEWHERE.contains(&key.as_str()) {
        import_special(draft, setting);
    }
}

fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "" | "off" | "no" | "false")
}

fn left_out(draft: &mut Draft, section: &str, setting: &Setting, why: &str) {
    let text = format!("{} = {} {why}; it was left out.", setting.key, setting.value);
    draft.note(section, Asks::Decision, &setting.at, &text);
}

/// What is more than a value by another name.
fn import_special(draft: &mut Draft, setting: &Setting) {
    let Setting { key, value, at } = setting;
    match key.as_str() {
        // See `mode` and `fit`.
        "pool_mode" | "log_stats" => {}
        "admin_users" => draft.set_list("admin", "users", &list(value)),
        "stats_users" => draft.set_list("admin", "stats_users", &list(value)),
        "ignore_startup_parameters" => {
            draft.set_list("clients", "ignore_startup_parameters", &list(value));
            let text = "a startup parameter that is not listed is no error: it is brought to the \
                        server as a setting.";
            let key = ("clients", "ignore_startup_parameters");
            draft.note_on(key, Asks::Differs, at, text);
        }
        "server_reset_query" => draft.set_text("pool", "reset_query", value),
        "server_reset_query_always" if is_on(value) => {
            let text = "server_reset_query_always = 1: outside session mode nothing needs a reset; \
                        each client's settings are brought to the server before its statement.";
            draft.note("pool", Asks::Gone, at, text);
        }
        "server_reset_query_always" => {
            draft.note("pool", Asks::Gone, at, "server_reset_query_always = 0: so it is.");
        }
        "server_check_query" if value.is_empty() => draft.set_text("pool", "check_after", "off"),
        "server_check_query" if value == "<empty>" => draft.set_text("pool", "check_query", ""),
        "server_check_query" => draft.set_text("pool", "check_query", value.trim_end_matches(';')),
        "server_round_robin" => {
            draft.set_text("pool", "order", if is_on(value) { "fifo" } else { "lifo" });
        }
        "verbose" => {
            let level = if is_on(value) { "debug" } else { "info" };
            draft.set_text("log", "level", level);
        }
        "auth_ldap_options" => {
            let text = "auth_ldap_options: LDAP is not available here.";
            draft.note("clients", Asks::Decision, at, text);
        }
        _ => {
            let text = format!("{key} is not known; it was left out.");
            draft.note("", Asks::Decision, at, &text);
        }
    }
}

/// PgBouncer's defaults, where ours are others.
fn defaults(draft: &mut Draft, source: &Source) {
    let mut written = Vec::new();
    for (theirs, target, default) in TIMES {
        if let Some(ms) = default.filter(|_| source.find(theirs).is_none()) {
            written.push((target.section, target.key, *theirs));
            draft.time(&At::NOWHERE, theirs, ms, target);
        }
    }
    for (theirs, target, default) in NUMBERS {
        if let Some(number) = default.filter(|_| source.find(theirs).is_none()) {
            written.push((target.section, target.key, *theirs));
            draft.number(&At::NOWHERE, theirs, number, target);
        }
    }
    for (theirs, section, ours, default) in SWITCHES {
        if let Some(value) = default.filter(|_| source.find(theirs).is_none()) {
            written.push((*section, *ours, *theirs));
            draft.set(section, ours, value.to_string());
        }
    }
    for section in ["clients", "pool", "log"] {
        let of_it: Vec<_> = written.iter().filter(|(of, ..)| *of == section).collect();
        let Some((_, first, _)) = of_it.first() else { continue };
        let names: Vec<_> = of_it.iter().map(|(_, _, theirs)| *theirs).collect();
        let text = format!(
            "PgBouncer's own for what is not set: {}. Leave these keys out for ours.",
            names.join(", ")
        );
        draft.note_on((section, first), Asks::Default, &At::NOWHERE, &text);
    }
}

/// What ours does not allow beside each other.
fn fit(draft: &mut Draft, source: &Source) {
    if let Some(setting) = source.find("log_stats").filter(|setting| !is_on(&setting.value)) {
        draft.set_text("log", "stats_interval", "off");
        if source.find("stats_period").is_some() {
            let text = "log_stats = 0: the console's averages are then over one minute.";
            draft.note("log", Asks::Differs, &setting.at, text);
        }
    }
    let number = |draft: &Draft, section: &str, key: &str| {
        draft.value(section, key).and_then(|value| value.parse::<u64>().ok())
    };
    let size = number(draft, "pool", "size").unwrap_or(20);
    if number(draft, "pool", "min_size").is_some_and(|least| least > size) {
        let text = "min_pool_size is over default_pool_size; a pool has no more than its size.";
        draft.note("pool", Asks::Differs, &source.at("min_pool_size"), text);
        draft.set("pool", "min_size", size.to_string());
    }
    if source.find("reserve_pool_timeout").is_some_and(|it| ms_of_seconds(&it.value) == Some(0)) {
        let text = "reserve_pool_timeout = 0: there is no reserve.";
        draft.note("pool", Asks::Differs, &source.at("reserve_pool_timeout"), text);
        draft.remove("pool", "reserve_timeout");
        draft.set("pool", "reserve_size", "0".to_owned());
    }
    if let Some(most) = number(draft, "clients", "message_max").filter(|most| *most < 1 << 20) {
        draft.set("clients", "statement_buffer_max", most.to_string());
    }
    if source.find("max_prepared_statements").is_some_and(|setting| setting.value == "0") {
        let text = "max_prepared_statements = 0: prepared statements of the protocol always work.";
        draft.note("pool", Asks::Differs, &source.at("max_prepared_statements"), text);
        draft.remove("pool", "prepared_max");
    }
}
