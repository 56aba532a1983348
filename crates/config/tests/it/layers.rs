//! Which source wins, and what each may leave out.

use std::time::Duration;

use afterwrite_config::{ClientAuth, Level, ListenAddress, LogFormat, Overlay, SslMode, Threads};

use super::{MINIMAL, load_environment, load_file, load_with};

#[test]
fn three_lines_give_everything_else_its_default() {
    let config = load_file(
        "listen = \"127.0.0.1:6432\"\n[cluster]\n\
         nodes = [\"postgres://app:secret@10.0.0.1:5432/shop\", \"10.0.0.2:5432\", \"10.0.0.3\"]",
    )
    .unwrap();
    let nodes: Vec<_> = config.cluster.nodes.iter().map(ToString::to_string).collect();
    assert_eq!(nodes, ["10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.3:5432"]);
    assert_eq!(config.cluster.user, "app");
    assert_eq!(config.cluster.password.as_ref().unwrap().expose(), "secret");
    assert_eq!(config.cluster.database, "shop");
    assert_eq!(config.cluster.tls.mode, SslMode::Prefer);
    assert_eq!(config.listen, [ListenAddress::Tcp("127.0.0.1:6432".parse().unwrap())]);
    assert_eq!(config.metrics_listen, Some("127.0.0.1:6433".parse().unwrap()));
    assert_eq!(config.threads, Threads::Auto);
    assert_eq!(config.clients.auth, ClientAuth::ScramSha256);
    assert_eq!(config.routing.level, Level::ReadYourWrites);
    assert_eq!(config.routing.wait_max, Duration::from_millis(50));
    assert_eq!(config.routing.replica_lag_max, None);
}

#[test]
fn one_url_is_enough() {
    let flags = Overlay {
        url: Some("postgres://u:p@h1,h2:5433,h3/db?sslmode=disable".into()),
        listen: vec!["0.0.0.0:7000".into(), "[::1]:7000".into()],
        ..Overlay::default()
    };
    let config = load_with(None, &[], &flags).unwrap();
    assert_eq!(config.cluster.nodes.len(), 3);
    assert_eq!(config.cluster.tls.mode, SslMode::Disable);
    assert_eq!(config.listen.len(), 2);
}

#[test]
fn without_a_password_clients_are_trusted_and_the_user_names_the_database() {
    let config = load_environment(&[("DATABASE_URL", "postgresql://app@db")]).unwrap();
    assert_eq!(config.clients.auth, ClientAuth::Trust);
    assert_eq!(config.cluster.database, "app");
    assert!(config.listen.iter().all(|address| address.tcp().unwrap().ip().is_loopback()));
}

#[test]
fn database_url_counts_only_where_nothing_else_names_a_cluster() {
    let foreign = ("DATABASE_URL", "mysql://root:secret@elsewhere/db");
    let config = load_with(Some(MINIMAL), &[foreign], &Overlay::default()).unwrap();
    assert_eq!(config.cluster.nodes[0].host, "db1");
    let url = ("AFTERWRITE_CLUSTER__URL", "postgres://a@db2");
    assert_eq!(load_environment(&[foreign, url]).unwrap().cluster.nodes[0].host, "db2");
    let problems = load_environment(&[foreign]).unwrap_err().to_string();
    assert!(problems.contains("a URL of mysql://") && !problems.contains("secret"), "{problems}");
    // Beside the file's login it still names the nodes.
    let file = "[cluster]\nuser = \"other\"";
    let config =
        load_with(Some(file), &[("DATABASE_URL", "postgres://app@db3/x")], &Overlay::default())
            .unwrap();
    assert_eq!((config.cluster.user.as_str(), config.cluster.database.as_str()), ("other", "x"));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = format!("{MINIMAL}[pool]\nsize = 1\n[log]\nformat = \"json\"\nlevel = \"warn\"\n");
    let environment = [
        ("AFTERWRITE_CONFIG", "etc/a.toml"),
        ("AFTERWRITE_POOL__SIZE", "2"),
        ("AFTERWRITE_POOL__IDLE_TIMEOUT", "2m"),
        ("AFTERWRITE_LOG__LEVEL", "debug"),
        ("AFTERWRITE_LOG__DECISIONS", "true"),
        ("AFTERWRITE_LISTEN", "127.0.0.1:1, [::1]:1"),
        ("AFTERWRITE_THREADS", "4"),
        ("HOME", "/"),
    ];
    let flags = Overlay {
        log_level: Some("trace".into()),
        metrics_listen: Some("off".into()),
        set: vec![("pool.size".into(), "3".into()), ("routing.level".into(), "strong".into())],
        ..Overlay::default()
    };
    let config = load_with(Some(&file), &environment, &flags).unwrap();
    assert_eq!(config.pool.size, 3);
    assert_eq!(config.pool.idle_timeout, Duration::from_mins(2));
    assert_eq!(config.routing.level, Level::Strong);
    assert_eq!(config.log.level, "trace");
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(config.log.decisions);
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.metrics_listen, None);
    assert!(matches!(config.threads, Threads::Exactly(count) if count.get() == 4));
}

/// File, environment, flags, and the password that comes of them.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a Overlay, &'a str);

#[test]
fn the_password_of_the_highest_source_wins() {
    let file = |cluster: &str| format!("[cluster]\n{cluster}\n");
    let with_url = file("url = \"postgres://app:in-url@db\"");
    let with_path = file("url = \"postgres://app@db\"\npassword_file = \"password\"");
    let url_flag = Overlay { url: Some("postgres://app:flag@db".into()), ..Overlay::default() };
    let none = Overlay::default();
    let env_file = ("AFTERWRITE_CLUSTER__PASSWORD_FILE", "other/password");
    let cases: [Case<'_>; 6] = [
        (&with_url, &[], &none, "in-url"),
        (&with_path, &[], &none, "from the file"),
        (&with_url, &[env_file], &none, "from another file"),
        (&with_path, &[env_file], &none, "from another file"),
        (&with_url, &[("AFTERWRITE_CLUSTER__PASSWORD", "env")], &none, "env"),
        (&with_path, &[env_file], &url_flag, "flag"),
    ];
    for (file, environment, flags, expected) in cases {
        let config = load_with(Some(file), environment, flags)
            .unwrap_or_else(|problems| panic!("{expected}: {problems}"));
        assert_eq!(config.cluster.password.unwrap().expose(), expected);
    }
}

#[test]
fn a_flag_url_replaces_the_nodes_of_the_file() {
    let flags = Overlay { url: Some("postgres://x@other".into()), ..Overlay::default() };
    let config = load_with(Some(MINIMAL), &[], &flags).unwrap();
    assert_eq!(config.cluster.nodes.len(), 1);
    assert_eq!(config.cluster.nodes[0].host, "other");
    assert_eq!(config.cluster.database, "x");
}

#[test]
fn no_secret_is_printed() {
    let config = load_file("[cluster]\nurl = \"postgres://app:hunter2@db\"").unwrap();
    let printed = format!("{config:?} {config:#?} {}", config.cluster.password.as_ref().unwrap());
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("****"));
}
