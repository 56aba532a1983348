//! `[pools.NAME]`: their users, shards and servers.

use super::super::Asks;
use super::super::draft::{At, Draft, Target, Zero, is_name, named, quoted};
use super::general::not_a_number;
use super::tree::Node;
use super::unknown;
use crate::url::parse_node;

/// Who the proxy logs in as: the name and the password.
type Login<'a> = (&'a str, Option<&'a str>);

/// Databases that clients may connect to, and the servers they are on.
struct Importer<'d> {
    draft: &'d mut Draft,
    /// The path of each cluster, and its servers.
    clusters: Vec<(String, Vec<String>)>,
    /// TLS to servers, as `[general]` has it.
    mode: &'static str,
}

pub(super) fn import(draft: &mut Draft, pools: &[(&str, &Node)], general: Option<&Node>) {
    let is_on = |key: &str| general.and_then(|it| it.child(key)).is_some_and(Node::is_on);
    let mode = match (is_on("server_tls"), is_on("verify_server_certificate")) {
        (false, _) => "disable",
        (true, false) => "require",
        (true, true) => "verify-full",
    };
    let mut importer = Importer { draft, clusters: Vec::new(), mode };
    for (name, pool) in pools {
        importer.pool(name, pool);
    }
    if importer.clusters.is_empty() {
        let text = "no pool names a server: name yours, and who asks them for their positions.";
        let draft = importer.draft;
        draft.note("cluster", Asks::Decision, &At::NOWHERE, text);
        draft.set_list("cluster", "nodes", &["localhost:5432".to_owned()]);
        draft.set_text("cluster", "user", "afterwrite");
    }
}

impl Importer<'_> {
    fn pool(&mut self, name: &str, pool: &Node) {
        if !is_name(name) {
            let text = "a pool without a name was left out.";
            return self.draft.note("", Asks::Decision, &pool.at, text);
        }
        let shards: Vec<_> = pool.child("shards").into_iter().flat_map(Node::children).collect();
        let users: Vec<_> = pool.child("users").into_iter().flat_map(Node::children).collect();
        let mut sections = Vec::new();
        for (index, (number, shard)) in shards.iter().enumerate() {
            let database =
                if index == 0 { name.to_owned() } else { format!("{name}_shard_{number}") };
            sections.push(self.shard(&database, shard, &users));
        }
        let Some(section) = sections.first().cloned() else {
            let text = format!("pool {name} has no shards, and with them no servers.");
            return self.draft.note("", Asks::Decision, &pool.at, &text);
        };
        if shards.len() > 1 {
            let text = format!(
                "pool {name} has {} shards: there is no sharding. Each is a database of its own; \
                 the application must choose between them.",
                shards.len()
            );
            self.draft.note(&section, Asks::Decision, &pool.at, &text);
        }
        for (key, node) in pool.children() {
            self.option(&sections, key, node);
        }
        self.users(&sections, &users);
    }

    /// One shard as a database; gives its section.
    fn shard(&mut self, name: &str, shard: &Node, users: &[(&str, &Node)]) -> String {
        let nodes = self.nodes(name, shard);
        let database = shard.child("database").and_then(Node::text).unwrap_or(name);
        let known = self.clusters.iter().find(|(_, known)| *known == nodes);
        let cluster = match known {
            Some((path, _)) => path.clone(),
            None => self.cluster(nodes, database, &shard.at, users),
        };
        let name = match name {
            "afterwrite" | "pgbouncer" => {
                let text = format!("{name} is the name of the console: clients use {name}_data.");
                self.draft.note("", Asks::Decision, &shard.at, &text);
                format!("{name}_data")
            }
            _ => name.to_owned(),
        };
        let section = named("databases", &name);
        self.draft.open(&section);
        if database != name {
            self.draft.set_text(&section, "database", database);
        }
        if let Some(cluster) = cluster.strip_prefix("clusters.") {
            self.draft.set_text(&section, "cluster", cluster);
        }
        for (key, node) in shard.children() {
            match key {
                "servers" | "database" => {}
                "mirrors" => {
                    let text = "mirrors: traffic is not mirrored.";
                    self.draft.note(&section, Asks::Gone, &node.at, text);
                }
                _ => unknown(self.draft, &section, key, node),
            }
        }
        section
    }

    fn nodes(&mut self, name: &str, shard: &Node) -> Vec<String> {
        let mut nodes = Vec::new();
        for server in shard.child("servers").map_or(&[][..], Node::items) {
            let mut parts = server.items().iter();
            let host = parts.next().and_then(Node::text).unwrap_or_default();
            let port = parts.next().and_then(Node::number).unwrap_or(5432);
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let node = format!("{host}:{port}");
            if parse_node(&node).is_err() {
                let text = format!("a server of {name} has a host or port that cannot be used.");
                self.draft.note("cluster", Asks::Decision, &server.at, &text);
            } else if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        if nodes.is_empty() {
            let text = format!("{name} has no server that can be used; localhost stands for it.");
            self.draft.note("cluster", Asks::Decision, &shard.at, &text);
            nodes.push("localhost:5432".to_owned());
        }
        nodes
    }

    /// A cluster for these servers; gives its path.
    fn cluster(
        &mut self,
        nodes: Vec<String>,
        database: &str,
        at: &At,
        users: &[(&str, &Node)],
    ) -> String {
        let path = match self.clusters.len() {
            0 => "cluster".to_owned(),
            count => format!("clusters.cluster_{}", count + 1),
        };
        self.draft.set_nodes(&path, at, &nodes);
        let text = "which server is the primary is found by asking; the roles are not written.";
        self.draft.note_on((&path, "nodes"), Asks::Differs, at, text);
        if let Some((user, password)) = users.iter().find_map(|(_, user)| login(user)) {
            self.draft.set_text(&path, "user", user);
            if let Some(password) = password {
                self.draft.set_password(&path, "password", password);
            }
            let text = "the pool's first user asks the servers for their positions too.";
            self.draft.note_on((&path, "user"), Asks::Differs, at, text);
        } else {
            self.draft.set_text(&path, "user", "afterwrite");
            let text = "the proxy asks the nodes for their positions as a user of its own: \
                            create it, and put its password into password_file.";
            self.draft.note(&path, Asks::Decision, at, text);
        }
        self.draft.set_text(&path, "database", database);
        let tls = format!("{path}.tls");
        self.draft.set_text(&tls, "mode", self.mode);
        if self.mode == "verify-full" {
            self.draft.set_text(&tls, "root_ca", "system");
        }
        self.clusters.push((path.clone(), nodes));
        path
    }

    /// A key of a pool, for the databases made of it.
    fn option(&mut self, sections: &[String], key: &str, node: &Node) {
        let section = sections.first().map_or("", String::as_str);
        let shown = node.shown();
        let (asks, text) = match (key, shown.as_str()) {
            ("users" | "shards", _) => return,
            ("pool_mode", _) => {
                for section in sections {
                    self.draft.set_text(section, "pool_mode", &shown);
                }
                return;
            }
            ("default_role", "replica") => (
                Asks::Decision,
                "default_role = replica: reads go to replicas that are fresh enough, else to the \
                 primary; level = \"eventual\" takes any replica. Writes go to the primary."
                    .to_owned(),
            ),
            ("default_role", "primary") => (
                Asks::Decision,
                "default_role = primary: here reads go to replicas that have the client's own \
                 writes. level = \"strong\" has them see everyone's."
                    .to_owned(),
            ),
            (
                "default_role"
                | "query_parser_enabled"
                | "query_parser_read_write_splitting"
                | "primary_reads_enabled"
                | "query_parser_max_length",
                _,
            ) => (
                Asks::Differs,
                format!(
                    "{key} = {shown}: every statement is analysed; reads go to replicas, and to \
                     the primary where none is fresh enough."
                ),
            ),
            ("load_balancing_mode", "loc") => {
                self.draft.set_text("routing", "balance", "least_in_flight");
                return;
            }
            ("load_balancing_mode", _) => {
                (Asks::Differs, format!("{key} = {shown}: the less busy of two taken at random."))
            }
            (
                "idle_timeout"
                | "connect_timeout"
                | "server_lifetime"
                | "healthcheck_delay"
                | "healthcheck_timeout",
                _,
            ) => (Asks::Decision, format!("{key} = {shown} for one pool: [pool] holds for all.")),
            (
                "sharding_function"
                | "automatic_sharding_key"
                | "sharding_key_regex"
                | "shard_id_regex"
                | "regex_search_limit"
                | "default_shard",
                _,
            ) => (Asks::Gone, format!("{key}: there is no sharding.")),
            ("auth_query" | "auth_query_user" | "auth_query_password", _) => (
                Asks::Decision,
                format!("{key} of one pool: there is one for all, under [clients]."),
            ),
            ("prepared_statements_cache_size", _) => (
                Asks::Decision,
                format!("{key} = {shown} for one pool: pool.prepared_max holds for all."),
            ),
            ("cleanup_server_connections" | "log_client_parameter_status_changes", _) => (
                Asks::Gone,
                format!("{key} = {shown}: every setting of a client is tracked; nothing is left."),
            ),
            (
                "plugins"
                | "db_activity_based_routing"
                | "db_activity_init_delay"
                | "db_activity_ttl"
                | "table_mutation_cache_ms_ttl"
                | "table_mutation_cache_ttl",
                _,
            ) => (Asks::Gone, format!("{key}: reads are routed by what was written, not by time.")),
            _ => return unknown(self.draft, section, key, node),
        };
        self.draft.note(section, asks, &node.at, &text);
    }

    fn users(&mut self, sections: &[String], users: &[(&str, &Node)]) {
        let server_names: Vec<_> = users
            .iter()
            .map(|(_, user)| user.child("server_username").and_then(Node::text))
            .collect();
        let forced = server_names.first().copied().flatten();
        let is_one = server_names.iter().all(|name| *name == forced);
        if let Some(forced) = forced.filter(|_| is_one) {
            let password = users.iter().find_map(|(_, user)| user.child("server_password")?.text());
            for section in sections {
                self.draft.set_text(section, "user", forced);
                if let Some(password) = password {
                    self.draft.set_password(section, "password", password);
                }
            }
        }
        for (_, user) in users {
            self.user(sections, user, is_one && forced.is_some());
        }
    }

    fn user(&mut self, sections: &[String], user: &Node, is_forced: bool) {
        let Some(name) = user.child("username").and_then(Node::name) else {
            let text = "a user without a username was left out.";
            return self.draft.note("", Asks::Decision, &user.at, text);
        };
        let section = named("users", name);
        self.draft.open(&section);
        let size =
            Target { section: "", key: "pool_size", least: 1, most: 10_000, zero: Zero::Plain };
        for (key, node) in user.children() {
            match key {
                "username" => {}
                "password" => self.secret(&section, key, node),
                "server_password" if !is_forced => self.secret(&section, key, node),
                // Of the database.
                "server_username" | "server_password" if is_forced => {}
                "server_username" => {
                    let text = format!(
                        "server_username = {}: a database has one user on the servers for all, or \
                         each client its own.",
                        node.shown()
                    );
                    self.draft.note(&section, Asks::Decision, &node.at, &text);
                }
                "pool_size" => match node.number() {
                    Some(number) => self.pool_size(&section, node, number, &size),
                    None => not_a_number(self.draft, &section, key, node),
                },
                "min_pool_size" => match node.number() {
                    Some(least) => self.min_size(sections, least),
                    None => not_a_number(self.draft, &section, key, node),
                },
                "pool_mode" => self.draft.set_text(&section, key, &node.shown()),
                "statement_timeout" => {
                    let text = format!(
                        "statement_timeout = {} ms for one user: ALTER ROLE … SET \
                         statement_timeout, or clients.query_timeout for all.",
                        node.shown()
                    );
                    let asks = if node.number() == Some(0) { Asks::Gone } else { Asks::Decision };
                    self.draft.note(&section, asks, &node.at, &text);
                }
                "server_lifetime" | "connect_timeout" | "idle_timeout" => {
                    let text = format!("{key} = {}: [pool] holds for all.", node.shown());
                    self.draft.note(&section, Asks::Decision, &node.at, &text);
                }
                "auth_type" => {
                    let text = "auth_type of one user: clients.auth holds for all.";
                    self.draft.note(&section, Asks::Decision, &node.at, text);
                }
                _ => unknown(self.draft, &section, key, node),
            }
        }
    }

    /// A password; the same user of another pool may have another one.
    fn secret(&mut self, section: &str, key: &str, node: &Node) {
        let Some(password) = node.text() else {
            return unknown(self.draft, section, key, node);
        };
        let first = self.draft.value(section, key);
        if first.is_some_and(|first| first != quoted(password)) {
            let text = format!("another {key} in another pool; a user has one. The first is kept.");
            return self.draft.note(section, Asks::Decision, &node.at, &text);
        }
        self.draft.set_password(section, key, password);
    }

    fn pool_size(&mut self, section: &str, node: &Node, number: u64, target: &Target) {
        let first = self.draft.value(section, "pool_size");
        if first.is_some_and(|first| first != number.to_string()) {
            let text = format!(
                "pool_size = {number} in another pool; a user's holds in every database. The \
                 first is kept."
            );
            return self.draft.note(section, Asks::Decision, &node.at, &text);
        }
        self.draft.number_in(section, &node.at, "pool_size", number, target);
    }

    /// The largest of its users'.
    fn min_size(&mut self, sections: &[String], least: u64) {
        for section in sections {
            let old = self.draft.value(section, "min_size").and_then(|old| old.parse().ok());
            let least = least.min(20).max(old.unwrap_or(0));
            self.draft.set(section, "min_size", least.to_string());
        }
    }
}

fn login(user: &Node) -> Option<Login<'_>> {
    let text = |key: &str| user.child(key).and_then(Node::name);
    let name = text("server_username").or(text("username"))?;
    Some((name, text("server_password").or(text("password"))))
}
