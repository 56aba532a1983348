//! PgBouncer: where it is, what it can do, how it is told.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::program;
use crate::proxy::Ground;

/// Since this version prepared statements work in transaction pooling.
const PREPARED_SINCE: (u32, u32) = (1, 21);

/// The same as Afterwrite keeps for each server connection.
const PREPARED_MAX: u32 = 200;

/// The database's other name, behind which the pool is per session.
pub(crate) const SESSION_DATABASE: &str = "bench_session";

/// Debian keeps it among the system's programs, which not every `$PATH` has.
pub(crate) fn find() -> Option<PathBuf> {
    let mut folders = program::search_path();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from));
    program::find("pgbouncer", folders)
}

/// Whether this version keeps track of prepared statements in transaction pooling.
pub(crate) fn tracks_prepared(version: &str) -> bool {
    parse_version(version).is_some_and(|version| version >= PREPARED_SINCE)
}

/// From `PgBouncer 1.18.0`.
fn parse_version(printed: &str) -> Option<(u32, u32)> {
    let mut numbers = printed.split_whitespace().nth(1)?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?;
    let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some((major, minor.get(..digits)?.parse().ok()?))
}

/// The account it drops to if we are root: it refuses to stay root.
pub(crate) fn account() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let exists = |name: &&str| {
        let mut id = std::process::Command::new("id");
        id.args(["-u", name]).stdout(Stdio::null()).stderr(Stdio::null());
        id.status().is_ok_and(|status| status.success())
    };
    ["postgres", "nobody"].into_iter().find(exists)
}

/// The contents of its configuration file, but for the account.
pub(crate) fn ini(ground: &Ground, port: u16, version: &str, account: Option<&str>) -> String {
    let Ground { primary, user, database, pool_size, sessions_max, .. } = ground;
    let server = format!("host=127.0.0.1 port={primary} user={user} dbname={database}");
    let mut ini = format!(
        "[databases]\n\
         {database} = {server}\n\
         {SESSION_DATABASE} = {server} pool_mode=session pool_size={sessions_max}\n\
         \n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         max_client_conn = 20000\n\
         default_pool_size = {pool_size}\n\
         log_connections = 0\n\
         log_disconnections = 0\n"
    );
    if tracks_prepared(version) {
        // Writing to a string cannot fail.
        let _ = writeln!(ini, "max_prepared_statements = {PREPARED_MAX}");
    }
    if let Some(account) = account {
        let _ = writeln!(ini, "user = {account}");
    }
    ini
}

/// Its arguments.
pub(crate) fn arguments(config: &Path) -> Vec<PathBuf> {
    vec![config.to_path_buf()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse_version("PgBouncer 1.18.0"), Some((1, 18)));
        assert_eq!(parse_version("PgBouncer 1.25rc1"), Some((1, 25)));
        assert_eq!(parse_version("PgBouncer"), None);
        assert!(!tracks_prepared("PgBouncer 1.18.0") && tracks_prepared("PgBouncer 1.21.0"));
    }

    #[test]
    fn an_old_one_is_not_given_what_it_does_not_know() {
        let ground = Ground::example();
        let old = ini(&ground, 6432, "PgBouncer 1.18.0", Some("nobody"));
        assert!(old.contains("app = host=127.0.0.1 port=5432 user=app dbname=app\n"), "{old}");
        assert!(old.contains("default_pool_size = 20\n") && old.ends_with("user = nobody\n"));
        assert!(!old.contains("max_prepared_statements"), "{old}");
        let new = ini(&ground, 6432, "PgBouncer 1.25.0", None);
        assert!(new.ends_with("max_prepared_statements = 200\n"), "{new}");
    }
}
