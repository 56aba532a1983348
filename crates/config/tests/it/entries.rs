//! What changed between two configurations, and what is shown of one.

use afterwrite_config::changes;

use super::load_file;

const FILE: &str = "listen = \"127.0.0.1:6432\"\n[cluster]\nnodes = [\"postgres://app@db1/shop\"]\n\
                    password = \"hunter2\"\n";

#[test]
fn changes_are_told_by_key() {
    let old = load_file(FILE).unwrap();
    assert!(changes(&old, &old.clone()).is_empty());
    let cases: [(String, &[&str], &[&str]); 8] = [
        (FILE.replace("db1", "db2"), &["cluster.nodes"], &[]),
        (FILE.replace("hunter2", "hunter3"), &["cluster.password"], &[]),
        (FILE.replace("6432", "7000"), &[], &["listen"]),
        (FILE.replace("[cluster]", "threads = 2\n[cluster]"), &[], &["threads"]),
        (format!("{FILE}[pool]\nsize = 5"), &["pool.size"], &[]),
        // What is written is what the default says anyway.
        (format!("{FILE}[pool]\nsize = 20"), &[], &[]),
        (
            format!("{FILE}[databases.shop]\npool_size = 5"),
            &["databases.shop.cluster", "databases.shop.pool_size", "databases.shop.disabled"],
            &[],
        ),
        (
            format!(
                "unix_socket_mode = \"0700\"\nrestart_socket = \"/run/x\"\n{FILE}[log]\nlevel = \"warn\""
            ),
            &["log.level"],
            &["unix_socket_mode", "restart_socket"],
        ),
    ];
    for (new, applied, needs_restart) in cases {
        let new = load_file(&new).unwrap_or_else(|problems| panic!("{new}\n{problems}"));
        let there = changes(&old, &new);
        assert_eq!(there.applied, applied);
        assert_eq!(there.needs_restart, needs_restart);
        // And back.
        let back = changes(&new, &old);
        assert_eq!(
            back.applied.len() + back.needs_restart.len(),
            applied.len() + needs_restart.len()
        );
    }
}

#[test]
fn entries_have_values_defaults_and_no_secret() {
    let file = format!(
        "{FILE}[pool]\nsize = 5\n[users.app]\npassword = \"hunter4\"\n[databases.shop]\n\
         user = \"app\"\npassword = \"hunter5\"\n[clients]\nidle_timeout = \"90s\""
    );
    let config = load_file(&file).unwrap_or_else(|problems| panic!("{problems}"));
    let entries = config.entries();
    let seen = |key: &str| {
        let entry =
            entries.iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("{key}"));
        (entry.value.as_str(), entry.default.as_str(), entry.changeable)
    };
    assert_eq!(seen("listen"), ("127.0.0.1:6432", "127.0.0.1:6432", false));
    assert_eq!(seen("unix_socket_mode"), ("0777", "0777", false));
    assert_eq!(seen("pool.size"), ("5", "20", true));
    assert_eq!(seen("clients.idle_timeout"), ("90s", "off", true));
    assert_eq!(seen("clients.auth"), ("scram-sha-256", "scram-sha-256", true));
    assert_eq!(seen("clients.message_max"), ("1GiB", "1GiB", true));
    assert_eq!(seen("cluster.nodes"), ("db1:5432", "", true));
    assert_eq!(seen("cluster.password"), ("****", "", true));
    assert_eq!(seen("databases.shop.pool_size"), ("", "", true));
    let printed = format!("{entries:?} {config:?} {config}");
    assert!(!printed.contains("hunter"), "{printed}");
    assert!(config.to_string().contains("users.app.password = ****\n"), "{config}");
}
