//! What is printed when something is wrong.

use afterwrite_config::Overlay;

use super::{MINIMAL, load_environment, load_file, load_with};

/// The one problem of `MINIMAL` with more text after it.
fn only_problem(more: &str) -> String {
    let Err(problems) = load_file(&format!("{MINIMAL}{more}")) else {
        panic!("nothing is wrong with {more}");
    };
    assert_eq!(problems.iter().count(), 1, "{more}\n{problems}");
    problems.iter().next().unwrap().to_string()
}

#[test]
fn everything_is_reported_at_once_in_the_order_of_the_file() {
    let file = "\
listen = [\"127.0.0.1:6432\", \"everywhere\"]
lisen = 5
threads = 0
[cluster]
nodes = [\"postgres://app:hunter2@db1:99999/shop\", \"db2:5432\", \"db2\", 7]
pasword = \"hunter2\"
[pool]
size = \"20\"
wait_timeout = 10
colour = \"red\"
[routin]
level = \"read-your-writes\"
wait_max = \"2m\"
";
    let environment = [("AFTERWRITE_POOL_SIZE", "x"), ("AFTERWRITE_PROBE__TIMEOUT", "2")];
    let flags = Overlay { log_format: Some("jsn".into()), ..Overlay::default() };
    let problems = load_with(Some(file), &environment, &flags).unwrap_err().to_string();
    let expected = r#"17 problems in the configuration

listen[1] (etc/a.toml:1:29)
  found:    "everywhere"
  expected: an address, such as "127.0.0.1:6432", or the path of a Unix socket
"#;
    assert!(problems.starts_with(expected), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
    let heads: Vec<_> = problems
        .split("\n\n")
        .skip(1)
        .map(|block| block.lines().next().unwrap_or_default())
        .collect();
    assert_eq!(
        heads,
        [
            "listen[1] (etc/a.toml:1:29)",
            "lisen (etc/a.toml:2:1)",
            "threads (etc/a.toml:3:11)",
            "cluster.nodes[0] (etc/a.toml:5:10)",
            "cluster.nodes[2] (etc/a.toml:5:63)",
            "cluster.nodes[3] (etc/a.toml:5:70)",
            "cluster.pasword (etc/a.toml:6:1)",
            "pool.size (etc/a.toml:8:8)",
            "pool.wait_timeout (etc/a.toml:9:16)",
            "pool.colour (etc/a.toml:10:1)",
            "routin (etc/a.toml:11:2)",
            "routing.level (etc/a.toml:12:9)",
            "routing.wait_max (etc/a.toml:13:12)",
            "AFTERWRITE_POOL_SIZE (environment variable AFTERWRITE_POOL_SIZE)",
            "pool.size (environment variable AFTERWRITE_POOL_SIZE)",
            "probe.timeout (environment variable AFTERWRITE_PROBE__TIMEOUT)",
            "log.format (command line, --log-format)",
        ]
    );
}

#[test]
fn a_problem_says_what_was_found_what_was_expected_and_what_to_do() {
    let cases = [
        (
            "[pool]\nsize = \"20\"",
            "pool.size (etc/a.toml:4:8)\n  found:    \"20\"\n  \
             expected: a whole number from 1 to 10000\n  hint:     write it without quotes",
        ),
        (
            "[pool]\nsize = 0",
            "pool.size (etc/a.toml:4:8)\n  found:    the integer 0\n  \
             expected: a whole number from 1 to 10000",
        ),
        (
            "[pool]\nwait_timeout = 10",
            "pool.wait_timeout (etc/a.toml:4:16)\n  found:    the integer 10\n  \
             expected: a duration from \"1ms\" to \"1h\"\n  \
             hint:     say the unit: \"10ms\" or \"10s\"",
        ),
        (
            "[clients]\nmessage_max = \"2GiB\"",
            "clients.message_max (etc/a.toml:4:15)\n  found:    \"2GiB\"\n  \
             expected: a size from \"16KiB\" to \"1GiB\", or a number of bytes",
        ),
        (
            "[routing]\nlevel = \"read-your-writes\"",
            "routing.level (etc/a.toml:4:9)\n  found:    \"read-your-writes\"\n  \
             expected: \"eventual\" or \"bounded\" or \"read_your_writes\" or \"causal\" or \"strong\"\n  \
             hint:     did you mean \"read_your_writes\"?",
        ),
        (
            "[shared]\nurl = \"redis://u:hunter2@h:6379\"",
            "shared.url (etc/a.toml:4:7)\n  found:    a URL with a password\n  \
             expected: redis://HOST:PORT/NUMBER, rediss://… or valkey://…, without a password\n  \
             hint:     write it as shared.password, or name a file in shared.password_file",
        ),
        (
            "[shared]\nurl = \"http://hunter2\"",
            "shared.url (etc/a.toml:4:7)\n  found:    another kind of URL\n  \
             expected: redis://HOST:PORT/NUMBER, rediss://… or valkey://…, without a password",
        ),
        (
            "[admin]\nuser = [\"app\"]",
            "admin.user (etc/a.toml:4:1)\n  found:    an unknown key\n  \
             expected: one of users, stats_users\n  hint:     did you mean admin.users?",
        ),
        (
            "[shutdown]\nkeys_max = 5",
            "shutdown.keys_max (etc/a.toml:4:1)\n  found:    an unknown key\n  \
             expected: one of drain_timeout\n  hint:     did you mean routing.keys_max?",
        ),
        (
            "[[pool]]\nsize = 1",
            "pool (etc/a.toml:3:3)\n  found:    an array\n  \
             expected: a section: [pool] on a line of its own",
        ),
        (
            "[tls]\ncert = \"x\"",
            "tls (etc/a.toml:3:2)\n  found:    an unknown section\n  \
             expected: one of cluster, clusters, databases, users, clients, pool, routing, tokens, shared, probe, \
             admin, shutdown, log",
        ),
        (
            "[clients]\nauth = \"password\"",
            "clients.auth (etc/a.toml:4:8)\n  found:    a login with a password, but no password\n  \
             expected: a password in the URL, cluster.password, [users], clients.users_file or \
             clients.auth_user",
        ),
        (
            "[probe]\nidle_interval = \"5ms\"",
            "probe.busy_interval (etc/a.toml:4:17)\n  found:    10ms\n  \
             expected: at most probe.idle_interval, which is 5ms",
        ),
        (
            "[clients]\nmessage_max = \"64KiB\"",
            "clients.statement_buffer_max (etc/a.toml:4:15)\n  found:    1048576 bytes\n  \
             expected: at most clients.message_max, which is 65536 bytes",
        ),
        (
            "[log]\nlevel = \"inof\"\n",
            "log.level (etc/a.toml:4:9)\n  found:    \"inof\"\n  \
             expected: a level (off, error, warn, info, debug, trace), or levels by target: \
             \"warn,afterwrite=debug\"\n  hint:     did you mean info?",
        ),
    ];
    for (more, expected) in cases {
        assert_eq!(only_problem(more), expected);
    }
}

#[test]
fn trust_is_refused_where_strangers_can_connect() {
    let chosen = load_file(
        "listen = \"0.0.0.0:6432\"\n[cluster]\nurl = \"postgres://a:p@db\"\n[clients]\nauth = \"trust\"",
    );
    assert_eq!(
        chosen.unwrap_err().to_string(),
        "1 problem in the configuration\n\nclients.auth (etc/a.toml:5:8)\n  \
         found:    \"trust\", with 0.0.0.0:6432 to listen on\n  \
         expected: a password for clients, or loopback addresses only\n  \
         hint:     with trust, whoever reaches the address is in the database without a password"
    );
    let defaulted = load_file(&format!("listen = \"0.0.0.0:6432\"\n{MINIMAL}")).unwrap_err();
    let text = defaulted.to_string();
    assert!(text.contains("clients.auth (etc/a.toml:1:10)"), "{text}");
    assert!(text.contains("no password, so that clients are trusted"), "{text}");
}

#[test]
fn clusters_that_are_not_clear_are_refused() {
    let cases = [
        ("", "cluster.user", "nothing that says who to log in as", "url = \"postgres://db\""),
        (
            "",
            "cluster.nodes",
            "both cluster.nodes and cluster.url",
            "url = \"postgres://a@db\"\nnodes = [\"db\"]",
        ),
        ("", "cluster.nodes", "an empty array", "nodes = []"),
        (
            "",
            "cluster.nodes[1]",
            "another user than in the nodes before",
            "nodes = [\"postgres://a@h1\", \"postgres://b@h2\"]",
        ),
        (
            "",
            "cluster.nodes[1]",
            "the node h1:5432 twice",
            "nodes = [\"postgres://a@h1\", \"h1:5432\"]",
        ),
        (
            "secret",
            "cluster.nodes[0]",
            "a text that is no URL (not shown: it may hold a password)",
            "nodes = [\"a:secret@h1\"]",
        ),
        (
            "secret",
            "cluster.url",
            "an @ out of place (not shown: it may be part of a password)",
            "url = \"postgres://a:se/secret@h1\"",
        ),
        (
            "secret",
            "cluster.url",
            "something other than a port after the host \"a\"",
            "url = \"postgres://a:secret/db\"",
        ),
        (
            "secret",
            "cluster.password",
            "another value than in the URL",
            "url = \"postgres://a:b@h\"\npassword = \"secret\"",
        ),
        ("", "cluster.password", "an empty text", "url = \"postgres://a@h\"\npassword = \"\""),
        ("12345", "cluster.password", "an integer", "url = \"postgres://a@h\"\npassword = 12345"),
        (
            "",
            "cluster.password_file",
            "another value than in cluster.password",
            "url = \"postgres://a@h\"\npassword = \"x\"\npassword_file = \"password\"",
        ),
        (
            "",
            "cluster.password_file",
            "\"etc/nowhere\", which cannot be read: entity not found",
            "url = \"postgres://a@h\"\npassword_file = \"nowhere\"",
        ),
        (
            "",
            "cluster.password_file",
            "\"etc/empty\", which is empty",
            "url = \"postgres://a@h\"\npassword_file = \"empty\"",
        ),
        (
            "two",
            "cluster.password_file",
            "\"etc/lines\", which holds more than one line",
            "url = \"postgres://a@h\"\npassword_file = \"lines\"",
        ),
        (
            "",
            "cluster.tls.root_ca",
            "nothing to check the servers' certificates with",
            "url = \"postgres://a@h?sslmode=verify-full\"",
        ),
    ];
    for (hidden, key, found, cluster) in cases {
        let problems = load_file(&format!("[cluster]\n{cluster}")).unwrap_err();
        let all: Vec<_> =
            problems.iter().map(|problem| (problem.key.as_str(), problem.found.as_str())).collect();
        assert_eq!(all, [(key, found)], "{cluster}");
        assert!(hidden.is_empty() || !problems.to_string().contains(hidden), "{problems}");
    }
}

#[test]
fn a_url_in_the_wrong_place_is_not_shown() {
    for line in ["listen", "cluster", "threads", "metrics_listen", "pool", "colour"] {
        let text = load_file(&format!("{line} = \"postgres://app:hunter2@db\"")).unwrap_err();
        assert!(!text.to_string().contains("hunter2"), "{text}");
    }
}

#[test]
fn nothing_at_all_is_one_problem() {
    for problems in [load_file(""), load_environment(&[("DATABASE_URL", "")])] {
        let text = problems.unwrap_err().to_string();
        assert!(
            text.starts_with("1 problem in the configuration\n\ncluster\n  found:    nothing"),
            "{text}"
        );
    }
}

#[test]
fn broken_syntax_is_placed_hides_nothing_else_and_is_not_guessed_at() {
    let cases: [(&str, &[&str]); 5] = [
        // A text without quotes: one line is lost, the rest is checked.
        (
            "listen = 127.0.0.1:6432\n[cluster]\nnodes = [\"postgres://app:hunter2@db1\"]\n\
             [pool]\nsize = 0\n",
            &["(syntax) (etc/a.toml:1:15)", "pool.size (etc/a.toml:5:8)"],
        ),
        (
            "[pool]\nsise = 5\n[cluster]\npassword = \"hunter2\nuser = \"app\"\n",
            &["pool.sise (etc/a.toml:2:1)", "(syntax) (etc/a.toml:4:20)"],
        ),
        // An array left open swallows what follows; that is one mistake.
        (
            "[pool]\nsize = 0\n[cluster]\nnodes = [\"h1\"\nuser = \"app\"\npassword = \"hunter2\"\n",
            &["pool.size (etc/a.toml:2:8)", "(syntax) (etc/a.toml:5:1)"],
        ),
        ("[pool\nsize = 5\nhunter2\n", &["(syntax) (etc/a.toml:1:6)", "(syntax) (etc/a.toml:3:8)"]),
        (
            "[pool]\nsize = 5\nsize = 6\n[cluster]\nurl = \"postgres://a@h\"\n",
            &["(syntax) (etc/a.toml:3:1)"],
        ),
    ];
    for (file, expected) in cases {
        let problems = load_file(file).unwrap_err();
        let heads: Vec<_> = problems
            .iter()
            .map(|problem| format!("{} ({})", problem.key, problem.place.as_ref().unwrap()))
            .collect();
        assert_eq!(heads, expected, "{problems}");
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_value_that_is_overridden_is_checked_all_the_same() {
    let file = format!("{MINIMAL}[pool]\nsize = 0");
    let problems =
        load_with(Some(&file), &[("AFTERWRITE_POOL__SIZE", "5")], &Overlay::default()).unwrap_err();
    assert!(problems.to_string().contains("pool.size (etc/a.toml:4:8)"), "{problems}");
}

#[test]
fn unknown_variables_and_settings_are_refused() {
    let environment = [
        ("DATABASE_URL", "postgres://a@h"),
        ("AFTERWRITE_POOL_SIZE", "5"),
        ("AFTERWRITE_COLOUR", "red"),
    ];
    let flags = Overlay { set: vec![("poll.size".into(), "5".into())], ..Overlay::default() };
    let problems = load_with(None, &environment, &flags).unwrap_err();
    let all: Vec<_> =
        problems.iter().map(|problem| (problem.key.as_str(), problem.hint.as_deref())).collect();
    assert_eq!(
        all,
        [
            ("AFTERWRITE_COLOUR", None),
            ("AFTERWRITE_POOL_SIZE", Some("did you mean AFTERWRITE_POOL__SIZE?")),
            ("poll.size", Some("did you mean pool.size?")),
        ]
    );
}

#[test]
fn each_key_refuses_what_cannot_be_its_value() {
    for key in [
        "unix_socket_mode",
        "restart_socket",
        "cluster.tls.mode",
        "clusters.x.positions",
        "clusters.x.heartbeat_table",
        "clusters.x.window",
        "clusters.x.window_follows_lag",
        "cluster.tls.negotiation",
        "databases.shop.cluster",
        "databases.shop.pool_mode",
        "databases.shop.pool_size",
        "databases.shop.min_size",
        "databases.shop.connections_max",
        "databases.shop.client_connections_max",
        "databases.shop.level",
        "databases.shop.wait_max",
        "databases.shop.disabled",
        "users.app.password",
        "users.app.server_password_file",
        "users.app.pool_size",
        "clients.users_file",
        "clients.hba_file",
        "clients.auth_query",
        "clients.auth_user",
        "clients.connections_per_user_max",
        "clients.idle_timeout",
        "clients.idle_transaction_timeout",
        "clients.transaction_timeout",
        "clients.query_timeout",
        "clients.application_name_add_host",
        "clients.tls.mode",
        "clients.tls.certificate",
        "clients.tls.min_version",
        "pool.mode",
        "pool.min_size",
        "pool.reserve_size",
        "pool.reserve_timeout",
        "pool.fallback_size",
        "pool.user_connections_max",
        "pool.database_connections_max",
        "pool.queue_max",
        "pool.login_retry",
        "pool.check_after",
        "pool.order",
        "shutdown.drain_timeout",
        "log.connections",
        "log.stats_interval",
        "clients.auth",
        "clients.connections_max",
        "clients.login_timeout",
        "clients.message_max",
        "clients.statement_buffer_max",
        "clients.write_timeout",
        "clients.prepared_max",
        "pool.size",
        "pool.wait_timeout",
        "pool.connect_timeout",
        "pool.idle_timeout",
        "pool.lifetime_max",
        "pool.prepared_max",
        "routing.level",
        "routing.wait_max",
        "routing.balance",
        "routing.keys_max",
        "routing.replica_lag_max",
        "probe.idle_interval",
        "probe.busy_interval",
        "probe.waiting_interval",
        "probe.timeout",
        "log.format",
        "log.level",
        "log.decisions",
    ] {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let head = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        for value in ["2020-01-01", "\"\"", "-1", "1.5", "{}", "[]", "99999999999999999999999"] {
            let line = format!("{name} = {value}\n");
            let text = if section == "cluster" || section.is_empty() {
                format!("{line}{MINIMAL}")
            } else {
                format!("{MINIMAL}{head}{line}")
            };
            let text = load_file(&text);
            let problems = text.err().unwrap_or_else(|| panic!("{key} = {value} is taken"));
            assert!(
                problems.iter().any(|problem| problem.key == key || problem.key == "(syntax)"),
                "{key} = {value}\n{problems}"
            );
        }
    }
}
