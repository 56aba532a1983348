//! Every key there is, and which one a mistyped one was meant to be.
//!
//! A key is a dotted path. A `*` in it stands for a name that the user chose:
//! `databases.*.pool_size` is written `[databases.shop]` with `pool_size` in it.

mod near;

pub(crate) use near::nearest;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// The dotted path; a key without a dot stands at the top of the file.
    pub(crate) path: &'static str,
    /// Whether a running proxy takes a new value.
    pub(crate) is_changeable: bool,
}

/// A key whose new value a running proxy takes.
const fn live(path: &'static str) -> Key {
    Key { path, is_changeable: true }
}

/// A key that is read once: what hangs on it cannot be exchanged under clients.
const fn fixed(path: &'static str) -> Key {
    Key { path, is_changeable: false }
}

/// Every key, in the order of the documentation.
pub(crate) const KEYS: &[Key] = &[
    fixed("listen"),
    fixed("unix_socket_mode"),
    fixed("metrics_listen"),
    fixed("restart_socket"),
    fixed("threads"),
    live("cluster.url"),
    live("cluster.nodes"),
    live("cluster.user"),
    live("cluster.password"),
    live("cluster.password_file"),
    live("cluster.database"),
    live("cluster.positions"),
    live("cluster.heartbeat_table"),
    live("cluster.window"),
    live("cluster.window_follows_lag"),
    live("cluster.tls.mode"),
    live("cluster.tls.root_ca"),
    live("cluster.tls.certificate"),
    live("cluster.tls.key"),
    live("cluster.tls.negotiation"),
    live("clusters.*.url"),
    live("clusters.*.nodes"),
    live("clusters.*.user"),
    live("clusters.*.password"),
    live("clusters.*.password_file"),
    live("clusters.*.database"),
    live("clusters.*.positions"),
    live("clusters.*.heartbeat_table"),
    live("clusters.*.window"),
    live("clusters.*.window_follows_lag"),
    live("clusters.*.tls.mode"),
    live("clusters.*.tls.root_ca"),
    live("clusters.*.tls.certificate"),
    live("clusters.*.tls.key"),
    live("clusters.*.tls.negotiation"),
    live("databases.*.cluster"),
    live("databases.*.database"),
    live("databases.*.user"),
    live("databases.*.password"),
    live("databases.*.password_file"),
    live("databases.*.pool_mode"),
    live("databases.*.pool_size"),
    live("databases.*.min_size"),
    live("databases.*.reserve_size"),
    live("databases.*.fallback_size"),
    live("databases.*.connections_max"),
    live("databases.*.client_connections_max"),
    live("databases.*.level"),
    live("databases.*.wait_max"),
    live("databases.*.at_timeout"),
    live("databases.*.max_staleness"),
    live("databases.*.connect_query"),
    live("databases.*.inventory"),
    live("databases.*.disabled"),
    live("users.*.password"),
    live("users.*.password_file"),
    live("users.*.server_password"),
    live("users.*.server_password_file"),
    live("users.*.pool_mode"),
    live("users.*.pool_size"),
    live("users.*.connections_max"),
    live("users.*.client_connections_max"),
    live("users.*.level"),
    live("clients.auth"),
    live("clients.users_file"),
    live("clients.hba_file"),
    live("clients.ident_file"),
    live("clients.auth_query"),
    live("clients.auth_user"),
    live("clients.auth_database"),
    live("clients.connections_max"),
    live("clients.connections_per_user_max"),
    live("clients.connections_per_database_max"),
    live("clients.login_timeout"),
    live("clients.idle_timeout"),
    live("clients.idle_transaction_timeout"),
    live("clients.transaction_timeout"),
    live("clients.query_timeout"),
    live("clients.write_timeout"),
    live("clients.message_max"),
    live("clients.statement_buffer_max"),
    live("clients.prepared_max"),
    live("clients.ignore_startup_parameters"),
    live("clients.application_name_add_host"),
    live("clients.tls.mode"),
    live("clients.tls.certificate"),
    live("clients.tls.key"),
    live("clients.tls.client_ca"),
    live("clients.tls.min_version"),
    live("pool.mode"),
    live("pool.size"),
    live("pool.min_size"),
    live("pool.reserve_size"),
    live("pool.reserve_timeout"),
    live("pool.fallback_size"),
    live("pool.user_connections_max"),
    live("pool.database_connections_max"),
    live("pool.queue_max"),
    live("pool.wait_timeout"),
    live("pool.connect_timeout"),
    live("pool.login_retry"),
    live("pool.idle_timeout"),
    live("pool.lifetime_max"),
    live("pool.check_query"),
    live("pool.check_after"),
    live("pool.reset_query"),
    live("pool.connect_query"),
    live("pool.inventory"),
    live("pool.order"),
    live("pool.prepared_max"),
    live("routing.level"),
    live("routing.wait_max"),
    live("routing.at_timeout"),
    live("routing.max_staleness"),
    live("routing.balance"),
    live("routing.keys_max"),
    live("routing.replica_lag_max"),
    live("routing.catalog_interval"),
    live("routing.table_scope"),
    live("routing.on_orphan"),
    live("routing.functions_read"),
    live("routing.functions_write"),
    live("tokens.keys"),
    live("tokens.report"),
    fixed("shared.url"),
    fixed("shared.password"),
    fixed("shared.password_file"),
    fixed("shared.name"),
    fixed("shared.timeout"),
    live("probe.idle_interval"),
    live("probe.busy_interval"),
    live("probe.waiting_interval"),
    live("probe.timeout"),
    live("admin.users"),
    live("admin.stats_users"),
    live("shutdown.drain_timeout"),
    live("log.format"),
    live("log.level"),
    live("log.decisions"),
    live("log.connections"),
    live("log.disconnections"),
    live("log.pooler_errors"),
    live("log.stats_interval"),
];

/// Every section at the top of the file, in the order of the documentation.
pub(crate) const SECTIONS: &[&str] = &[
    "cluster",
    "clusters",
    "databases",
    "users",
    "clients",
    "pool",
    "routing",
    "tokens",
    "shared",
    "probe",
    "admin",
    "shutdown",
    "log",
];

/// The sections whose entries are named by the user.
pub(crate) const NAMED: &[&str] = &["clusters", "databases", "users"];

/// The section of a key (empty at the top) and its name there.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// `section.name`, or the name alone at the top.
pub(crate) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The path of one entry of a named section, quoted as TOML would have it.
pub(crate) fn named(section: &str, name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        format!("{section}.{name}")
    } else {
        format!("{section}.{name:?}")
    }
}

/// The key with this path, a `*` standing for the user's names.
pub(crate) fn known(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether this path is one of a section: `clients`, `clients.tls`, `databases.*`.
pub(crate) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| {
        key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')) && !path.is_empty()
    })
}

/// The names in a section; `""` is the top of the file.
pub(crate) fn names_in(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .map(|key| split(key.path))
        .filter(move |(of, _)| *of == section)
        .map(|(_, name)| name)
}

/// The variable that sets a key without a `*`.
pub(crate) fn variable(path: &str) -> String {
    format!("AFTERWRITE_{}", path.replace('.', "__").to_ascii_uppercase())
}

/// A name the user chose, as it stands in a variable.
pub(crate) fn name_in_variable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(plain).collect()
}

/// What stands behind the name in a variable: `("databases", "pool_size")` is
/// found from `POOL_SIZE`, `("clusters", "tls.mode")` from `TLS__MODE`.
pub(crate) fn tails(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(move |key| key.path.strip_prefix(section)?.strip_prefix(".*."))
}

/// The key that an unknown one in `section` was meant to be: a near miss in the
/// same section, or the very name in another one.
pub(crate) fn meant(section: &str, name: &str) -> Option<&'static str> {
    if let Some(near) = nearest(name, names_in(section)) {
        return KEYS.iter().map(|key| key.path).find(|path| split(path) == (section, near));
    }
    KEYS.iter().map(|key| key.path).find(|path| split(path).1 == name)
}

/// A key as the user would write it.
pub(crate) fn shown(path: &str) -> String {
    path.replace('*', "NAME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_keys_find_what_was_meant() {
        let cases = [
            ("", "lisen", Some("listen")),
            ("pool", "sise", Some("pool.size")),
            ("cluster", "nodse", Some("cluster.nodes")),
            ("clients", "max_connections", Some("clients.connections_max")),
            ("cluster", "password-file", Some("cluster.password_file")),
            ("databases.*", "pol_size", Some("databases.*.pool_size")),
            ("clients.tls", "cert", None),
            ("cluster", "keys_max", Some("routing.keys_max")),
            ("", "keys_max", Some("routing.keys_max")),
            ("pool", "colour_of_the_sky", None),
            ("pool", "x", None),
        ];
        for (section, name, expected) in cases {
            assert_eq!(meant(section, name), expected, "{section}.{name}");
        }
    }

    #[test]
    fn each_key_is_in_a_listed_section() {
        for key in KEYS {
            let Some((section, _)) = key.path.split_once('.') else { continue };
            assert!(SECTIONS.contains(&section), "{key:?}");
            assert_eq!(NAMED.contains(&section), key.path.contains('*'), "{key:?}");
        }
    }

    #[test]
    fn the_guide_has_every_key() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/configuration.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        // Paths and names between backticks; of a line, each counts with the section
        // of the path before it.
        let mut said = std::collections::BTreeSet::new();
        for line in guide.lines().filter(|line| line.starts_with('|')) {
            let mut section = String::new();
            let cell = line.split('|').nth(1).unwrap_or_default();
            for word in cell.split('`').skip(1).step_by(2) {
                if let Some((of, _)) = word.rsplit_once('.') {
                    of.clone_into(&mut section);
                    said.insert(word.to_owned());
                } else {
                    said.insert(join(&section, word));
                }
            }
        }
        for key in KEYS {
            let (section, name) = split(key.path);
            // Tables of their own, and what is said of one cluster holds for all.
            let path = match section {
                "databases.*" | "users.*" => name.to_owned(),
                "clusters.*" => join("cluster", name),
                "clusters.*.tls" => join("cluster.tls", name),
                _ => key.path.to_owned(),
            };
            assert!(said.contains(&path), "{} is missing", key.path);
        }
    }

    #[test]
    fn names_are_quoted_where_toml_would() {
        assert_eq!(named("databases", "shop"), "databases.shop");
        assert_eq!(named("databases", "*"), "databases.\"*\"");
        assert_eq!(named("users", "a.b"), "users.\"a.b\"");
        assert_eq!(name_in_variable("my-db"), "MY_DB");
    }
}
