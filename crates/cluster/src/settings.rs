//! The text of the servers' configuration files, and SQL quoting.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::plan::Plan;

/// Made by `initdb`.
pub(crate) const SUPERUSER: &str = "postgres";
/// What replicas stream as.
pub(crate) const REPLICATION_ROLE: &str = "afterwrite_replication";
/// Included at the end of `postgresql.conf`, so it wins over `initdb`'s.
pub(crate) const FILE_NAME: &str = "afterwrite.conf";

/// What a replica streams from.
pub(crate) struct Upstream<'a> {
    pub(crate) socket_dir: &'a Path,
    pub(crate) port: u16,
    /// The slot's name, and the replica's name in `pg_stat_replication`.
    pub(crate) slot: &'a str,
    pub(crate) apply_delay: Duration,
}

/// Settings that every server of the cluster has alike.
pub(crate) fn shared(plan: &Plan, socket_dir: &Path) -> Vec<(String, String)> {
    let senders = (plan.replicas + 8).to_string();
    let fsync = if plan.fsync { "on" } else { "off" };
    let socket_dir = socket_dir.display().to_string();
    let own = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", &socket_dir),
        ("wal_level", "replica"),
        ("hot_standby", "on"),
        ("max_wal_senders", &senders),
        ("max_replication_slots", &senders),
        ("wal_keep_size", "64MB"),
        ("max_connections", "300"),
        ("shared_buffers", "128MB"),
        ("password_encryption", "scram-sha-256"),
        ("fsync", fsync),
        // A replica that lost its primary should be back soon after it is.
        ("wal_retrieve_retry_interval", "200ms"),
        ("wal_receiver_status_interval", "1s"),
        // In the data directory, so that a killed server leaves none behind.
        ("dynamic_shared_memory_type", "mmap"),
        ("logging_collector", "off"),
        ("log_line_prefix", "%m [%p] "),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.into_iter().chain(plan.settings.iter().cloned()).collect()
}

/// The contents of [`FILE_NAME`].
pub(crate) fn conf(
    shared: &[(String, String)],
    name: &str,
    port: u16,
    upstream: Option<&Upstream<'_>>,
) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} = {}", conf_quoted(value));
    };
    for (name, value) in shared {
        line(name, value);
    }
    line("cluster_name", name);
    line("port", &port.to_string());
    if let Some(upstream) = upstream {
        line("primary_conninfo", &conninfo(upstream));
        line("primary_slot_name", upstream.slot);
        line("recovery_min_apply_delay", &delay(upstream.apply_delay));
    }
    text
}

/// A replica streams over the Unix socket: no password to store, no port to reach.
pub(crate) fn conninfo(upstream: &Upstream<'_>) -> String {
    format!(
        "host={} port={} user={REPLICATION_ROLE} application_name={}",
        conninfo_quoted(&upstream.socket_dir.display().to_string()),
        upstream.port,
        upstream.slot
    )
}

/// The contents of `pg_hba.conf`.
pub(crate) fn hba(asks_password: bool) -> String {
    let method = if asks_password { "scram-sha-256" } else { "trust" };
    // The socket's directory is closed to other accounts.
    format!(
        "local all all trust\n\
         local replication all trust\n\
         host all all 127.0.0.1/32 {method}\n\
         host replication all 127.0.0.1/32 {method}\n"
    )
}

/// As `recovery_min_apply_delay` takes it. What is above its limit of 24 days
/// the server refuses by itself.
pub(crate) fn delay(delay: Duration) -> String {
    format!("{}ms", delay.as_millis())
}

/// An SQL string literal, whatever `standard_conforming_strings` is.
pub(crate) fn literal(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    if escaped.contains('\\') {
        format!("E'{}'", escaped.replace('\\', "\\\\"))
    } else {
        format!("'{escaped}'")
    }
}

/// A quoted SQL identifier.
pub(crate) fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn conf_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

fn conninfo_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(conf_quoted("a'\\b"), "'a''\\\\b'");
        assert_eq!(conninfo_quoted("/t'mp"), "'/t\\'mp'");
    }

    #[test]
    fn the_users_settings_come_after_ours() {
        let settings = vec![("shared_buffers".to_owned(), "1GB".to_owned())];
        let plan = Plan { settings, ..Plan::default() };
        let text = conf(&shared(&plan, Path::new("/s")), "primary", 5432, None);
        let (own, users) = ("shared_buffers = '128MB'", "shared_buffers = '1GB'");
        assert!(text.find(own).unwrap() < text.find(users).unwrap(), "{text}");
        assert!(!text.contains("primary_conninfo"));
    }

    #[test]
    fn a_replica_knows_its_upstream() {
        let upstream = Upstream {
            socket_dir: Path::new("/s"),
            port: 5432,
            slot: "afterwrite_replica_1",
            apply_delay: Duration::from_millis(1500),
        };
        let text = conf(&[], "replica_1", 5433, Some(&upstream));
        assert!(text.contains("primary_slot_name = 'afterwrite_replica_1'\n"), "{text}");
        assert!(text.contains("recovery_min_apply_delay = '1500ms'\n"), "{text}");
        assert!(text.contains("host=''/s'' port=5432 user=afterwrite_replication"), "{text}");
    }
}
