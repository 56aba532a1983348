//! Clusters, databases and users, which the file names.

use std::time::Duration;

use afterwrite_config::{ClientAuth, Inventory, Level, Limit, Overlay, PoolMode, SslMode};

use super::{load_file, load_with};

const FILE: &str = r#"
[cluster]
url = "postgres://probe:secret@db1,db2/postgres"
[clusters.reports]
nodes = ["postgres://probe@r1/x"]
[clusters.reports.tls]
mode = "require"
[databases.shop]
pool_size = 8
min_size = 2
connections_max = 30
client_connections_max = "off"
level = "strong"
[databases."old shop"]
cluster = "reports"
database = "shop_2019"
user = "reader"
password_file = "password"
pool_mode = "session"
wait_max = "2s"
connect_query = ""
inventory = "always"
[databases."*"]
fallback_size = 4
[users.app]
password = "hunter2"
pool_size = 3
connections_max = 5
[users.batch]
password = "hunter3"
pool_mode = "statement"
level = "eventual"
[pool]
size = 10
connect_query = "SET jit = off"
user_connections_max = 50
[clients]
connections_per_database_max = 100
[admin]
users = ["app"]
stats_users = ["batch", "probe"]
"#;

#[test]
fn the_user_wins_over_the_database_and_that_over_the_rest() {
    let config = load_file(FILE).unwrap_or_else(|problems| panic!("{problems}"));
    let seen = |database, user| {
        let it = config.pool_settings(database, user);
        (it.mode, it.size, it.min_size, it.fallback_size, it.level)
    };
    let (transaction, statement) = (PoolMode::Transaction, PoolMode::Statement);
    assert_eq!(seen("shop", "probe"), (transaction, 8, 2, 6, Level::Strong));
    assert_eq!(seen("shop", "app"), (transaction, 3, 2, 2, Level::Strong));
    assert_eq!(seen("shop", "batch"), (statement, 8, 2, 6, Level::Eventual));
    assert_eq!(seen("other", "probe"), (transaction, 10, 0, 4, Level::ReadYourWrites));
    assert_eq!(seen("other", "app"), (transaction, 3, 0, 3, Level::ReadYourWrites));
    let old = config.pool_settings("old shop", "app");
    assert_eq!((old.mode, old.wait_max), (PoolMode::Session, Duration::from_secs(2)));
    assert_eq!(old.connect_query, None);
    assert_eq!(old.inventory, Inventory::Always);
    assert_eq!(config.pool_settings("shop", "app").inventory, Inventory::Opaque);
    assert_eq!(config.pool_settings("shop", "app").connect_query, Some("SET jit = off"));

    assert_eq!(config.database_connections_max("shop"), Some(30));
    assert_eq!(config.database_connections_max("other"), None);
    assert_eq!(config.user_connections_max("app"), Some(5));
    assert_eq!(config.user_connections_max("batch"), Some(50));
    assert_eq!(config.database_clients_max("shop"), None);
    assert_eq!(config.database_clients_max("other"), Some(100));
    assert_eq!(config.databases["shop"].client_connections_max, Some(Limit::Off));
}

#[test]
fn clusters_are_found_by_name() {
    let config = load_file(FILE).unwrap();
    let names: Vec<_> = config.clusters().map(|(name, _)| name).collect();
    assert_eq!(names, ["default", "reports"]);
    assert_eq!(config.cluster_named("reports").unwrap().tls.mode, SslMode::Require);
    assert_eq!(config.cluster_named("default").unwrap().nodes.len(), 2);
    let old = config.database_named("old shop").unwrap();
    assert_eq!(old.cluster, "reports");
    assert_eq!(old.password.as_ref().unwrap().expose(), "from the file");
    assert!(!config.is_single_user());
}

#[test]
fn without_databases_there_is_the_cluster_s_alone() {
    let config = load_file("[cluster]\nurl = \"postgres://app:p@db/shop\"").unwrap();
    assert!(config.database_named("shop").is_some_and(|database| database.is_implied));
    assert!(config.database_named("other").is_none());
    assert!(config.is_single_user());
    // A limit for the one user does not make it one of many.
    let config =
        load_file("[cluster]\nurl = \"postgres://app:p@db/shop\"\n[users.app]\npool_size = 4");
    assert!(config.unwrap().is_single_user());
}

#[test]
fn each_key_has_a_variable_and_a_flag() {
    let environment = [
        ("AFTERWRITE_DATABASES__SHOP__POOL_SIZE", "9"),
        // The file's own spelling is kept where there is one.
        ("AFTERWRITE_DATABASES__OLD_SHOP__LEVEL", "eventual"),
        ("AFTERWRITE_DATABASES__NEW__DATABASE", "fresh"),
        ("AFTERWRITE_DATABASES_____MIN_SIZE", "1"),
        ("AFTERWRITE_USERS__BATCH__PASSWORD_FILE", "other/password"),
        ("AFTERWRITE_CLUSTERS__REPORTS__TLS__MODE", "allow"),
        ("AFTERWRITE_CLUSTER__TLS__MODE", "disable"),
        ("AFTERWRITE_CLUSTERS__REPORTS__POSITIONS", "window"),
        ("AFTERWRITE_ADMIN__STATS_USERS", ""),
    ];
    let flags = Overlay {
        set: vec![
            ("databases.old shop.disabled".into(), "true".into()),
            ("databases.\"a.b\".pool_size".into(), "2".into()),
            ("clusters.reports.tls.negotiation".into(), "postgres".into()),
        ],
        ..Overlay::default()
    };
    let config = load_with(Some(FILE), &environment, &flags).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.databases["shop"].pool_size, Some(9));
    assert_eq!(config.databases["old shop"].level, Some(Level::Eventual));
    assert!(config.databases["old shop"].disabled);
    assert_eq!(config.databases["new"].database.as_deref(), Some("fresh"));
    assert_eq!(config.databases["*"].min_size, Some(1));
    assert_eq!(config.databases["a.b"].pool_size, Some(2));
    assert_eq!(config.databases.len(), 5);
    assert_eq!(config.users["batch"].password.as_ref().unwrap().expose(), "from another file");
    assert_eq!(config.clusters["reports"].tls.mode, SslMode::Allow);
    assert_eq!(config.cluster.tls.mode, SslMode::Disable);
    assert!(config.admin.stats_users.is_empty());
}

/// What is wrong with a good beginning and more text: keys, and what was found.
fn problems_of(more: &str) -> Vec<(String, String)> {
    let file = format!("[cluster]\nurl = \"postgres://app:hunter2@db/shop\"\n{more}");
    let problems = load_file(&file).err().unwrap_or_else(|| panic!("nothing is wrong with {more}"));
    assert!(!problems.to_string().contains("hunter"), "{problems}");
    problems.iter().map(|problem| (problem.key.clone(), problem.found.clone())).collect()
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let cases = [
        (
            "[databases.a]\ncluster = \"reprots\"\n[clusters.reports]\nurl = \"postgres://a@b\"",
            "databases.a.cluster",
            "\"reprots\", which is no cluster",
        ),
        ("[databases.a]\nmin_size = 30", "databases.a.min_size", "30"),
        ("[databases.a]\npool_size = 3\nfallback_size = 4", "databases.a.fallback_size", "4"),
        ("[databases.a]\npassword = \"hunter3\"", "databases.a.user", "a password without a user"),
        ("[databases.pgbouncer]\npool_size = 3", "databases.pgbouncer", "the name of the console"),
        ("[databases]\na = \"host=hunter4\"", "databases.a", "a text"),
        ("[databases.a]\npol_size = 5", "databases.a.pol_size", "an unknown key"),
        ("[users.bob]\npool_size = 1", "users.bob.password", "a user without a password"),
        (
            "[users.bob]\npassword = \"md55f4dcc3b5aa765d61d8327deb882cf99\"",
            "users.bob.password",
            "an MD5 hash, with clients.auth scram-sha-256",
        ),
        (
            "[users.bob]\npassword = \"SCRAM-SHA-256$hunter\"",
            "users.bob.password",
            "a SCRAM secret that is broken",
        ),
        (
            "[users.bob]\npassword = \"x\"\nserver_password = \"SCRAM-SHA-256$1:hunter$a:b\"",
            "users.bob.server_password",
            "a hash of a password",
        ),
        (
            "[users.bob]\npassword = \"x\"\n[admin]\nusers = [\"bop\"]",
            "admin.users",
            "\"bop\", who is no user here",
        ),
        ("[pool]\nsize = 5\nmin_size = 6", "pool.min_size", "6"),
        ("[pool]\nuser_connections_max = 0", "pool.user_connections_max", "the integer 0"),
        (
            "[clusters.default]\nurl = \"postgres://a@b\"",
            "clusters.default",
            "another cluster of this name",
        ),
        ("[clusters.x]\nuser = \"a\"", "clusters.x", "nothing that names a server"),
        ("[clients]\nauth = \"cert\"", "clients.auth", "\"cert\", with clients.tls.mode disable"),
        ("[clients]\nauth = \"hba\"", "clients.auth", "\"hba\", but no clients.hba_file"),
        (
            "[clients]\nauth = \"md5\"\nhba_file = \"password\"",
            "clients.hba_file",
            "a file that is not read, with clients.auth md5",
        ),
        (
            "[clients]\nusers_file = \"nowhere\"",
            "clients.users_file",
            "\"etc/nowhere\", which cannot be read: entity not found",
        ),
        ("[clients]\nauth_query = \"SELECT 1\"", "clients.auth_query", "\"SELECT 1\""),
        (
            "[clients]\nauth_database = \"x\"",
            "clients.auth_database",
            "a database to ask in, but nothing to ask",
        ),
        (
            "[clients.tls]\nmode = \"require\"",
            "clients.tls.certificate",
            "no certificate, with clients.tls.mode require",
        ),
        (
            "[clients.tls]\ncertificate = \"password\"",
            "clients.tls.key",
            "nothing, beside clients.tls.certificate",
        ),
        (
            "[clients.tls]\nmode = \"verify-ca\"\ncertificate = \"password\"\nkey = \"password\"",
            "clients.tls.client_ca",
            "nothing to check the clients' certificates with, with clients.tls.mode verify-ca",
        ),
        (
            "[cluster.tls]\nnegotiation = \"direct\"",
            "cluster.tls.negotiation",
            "\"direct\", with cluster.tls.mode prefer",
        ),
        (
            "[cluster.tls]\nmode = \"verify-ca\"",
            "cluster.tls.root_ca",
            "nothing to check the servers' certificates with",
        ),
        (
            "[cluster.tls]\nkey = \"password\"",
            "cluster.tls.certificate",
            "nothing, beside cluster.tls.key",
        ),
    ];
    for (more, key, found) in cases {
        assert_eq!(problems_of(more), [(key.to_owned(), found.to_owned())], "{more}");
    }
}

#[test]
fn the_mode_of_tls_is_said_once() {
    let both = |mode: &str| {
        load_file(&format!(
            "[cluster]\nurl = \"postgres://a@b?sslmode=require\"\n[cluster.tls]\nmode = \"{mode}\""
        ))
    };
    assert_eq!(both("require").unwrap().cluster.tls.mode, SslMode::Require);
    let problems = both("disable").unwrap_err();
    assert_eq!(problems.iter().next().unwrap().found, "another value than in the URL");
}

#[test]
fn the_login_follows_from_what_there_is() {
    let auth = |more: &str| {
        let file = format!("[cluster]\nurl = \"postgres://a@b\"\n{more}");
        load_file(&file).unwrap_or_else(|problems| panic!("{problems}")).clients.auth
    };
    assert_eq!(auth(""), ClientAuth::Trust);
    assert_eq!(auth("[users.b]\npassword = \"x\""), ClientAuth::ScramSha256);
    assert_eq!(auth("[clients]\nusers_file = \"password\""), ClientAuth::ScramSha256);
    assert_eq!(auth("[clients]\nauth_user = \"x\""), ClientAuth::ScramSha256);
    assert_eq!(auth("[clients]\nhba_file = \"password\""), ClientAuth::Hba);
    let config = load_file("[cluster]\nurl = \"postgres://a@b\"\n[clients]\nauth_user = \"x\"");
    let auth_query = config.unwrap().clients.auth_query.unwrap();
    assert_eq!((auth_query.user.as_str(), auth_query.database), ("x", None));
    assert!(auth_query.query.contains("$1") && auth_query.query.contains("rolvaliduntil"));
}
