//! Where clients connect.

use super::load_file;

const CLUSTER: &str = "[cluster]\nurl = \"postgres://app@db\"";

#[test]
fn addresses_and_unix_sockets() {
    let cases = [
        ("\"/run/a.sock\"", "/run/a.sock"),
        ("\"/run/a/\"", "/run/a/.s.PGSQL.6432"),
        // Found to be a folder by asking.
        ("\"/run/folder\"", "/run/folder/.s.PGSQL.6432"),
        (
            "[\"/run/folder\", \"127.0.0.1:7000\", \"[::1]:8000\"]",
            "/run/folder/.s.PGSQL.7000 127.0.0.1:7000 [::1]:8000",
        ),
        ("[\"@afterwrite/.s.PGSQL.6432\"]", "@afterwrite/.s.PGSQL.6432"),
        ("[\"127.0.0.1:0\", \"127.0.0.1:0\"]", "127.0.0.1:0 127.0.0.1:0"),
    ];
    for (listen, expected) in cases {
        let config = load_file(&format!("listen = {listen}\n{CLUSTER}"))
            .unwrap_or_else(|problems| panic!("{problems}"));
        let seen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
        assert_eq!(seen.join(" "), expected);
    }
}

#[test]
fn what_cannot_be_listened_on() {
    let long = format!("\"/{}\"", "x".repeat(107));
    let cases = [
        ("listen = \"@\"", "listen"),
        (&format!("listen = {long}"), "listen"),
        ("listen = [\"/run/a/\", \"/run/a/.s.PGSQL.6432\"]", "listen[1]"),
        ("listen = [\"127.0.0.1:5\", \"relative/path\"]", "listen[1]"),
        ("unix_socket_mode = \"1777\"", "unix_socket_mode"),
        ("unix_socket_mode = \"888\"", "unix_socket_mode"),
        ("unix_socket_mode = 777", "unix_socket_mode"),
        ("restart_socket = \"/run/a/\"", "restart_socket"),
        (&format!("restart_socket = {long}"), "restart_socket"),
        ("listen = \"/run/a\"\nrestart_socket = \"/run/a\"", "restart_socket"),
        // Trust among a Unix socket's users only.
        ("listen = [\"/run/a\", \"0.0.0.0:6432\"]", "clients.auth"),
    ];
    for (line, key) in cases {
        let problems = load_file(&format!("{line}\n{CLUSTER}")).unwrap_err();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [key], "{line}\n{problems}");
    }
}

#[test]
fn permissions_and_the_restart_socket() {
    let config = load_file(&format!(
        "unix_socket_mode = \"0750\"\nrestart_socket = \"restart.sock\"\n{CLUSTER}"
    ))
    .unwrap();
    assert_eq!(config.unix_socket_mode, 0o750);
    // Relative to the file.
    assert_eq!(config.restart_socket.unwrap().to_str(), Some("etc/restart.sock"));
    let off = load_file(&format!("restart_socket = \"off\"\n{CLUSTER}")).unwrap();
    assert_eq!((off.restart_socket, off.unix_socket_mode), (None, 0o777));
}
