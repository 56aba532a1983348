//! PgBouncer: where it is, what it can do, how it is told.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::door::{self, Certificate, Door};
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

/// The contents of its configuration file; `users` is where [`users`] lie.
pub(crate) fn ini(
    ground: &Ground,
    door: Door,
    port: u16,
    version: &str,
    account: Option<&str>,
    users: &Path,
) -> String {
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
         pool_mode = transaction\n\
         max_client_conn = 20000\n\
         default_pool_size = {pool_size}\n\
         log_connections = 0\n\
         log_disconnections = 0\n"
    );
    // Writing to a string cannot fail, here and below.
    let _ = match (door, &ground.certificate) {
        (Door::Scram, _) => {
            writeln!(ini, "auth_type = scram-sha-256\nauth_file = {}", users.display())
        }
        (Door::Tls, Some(Certificate { certificate, key })) => writeln!(
            ini,
            "auth_type = any\nclient_tls_sslmode = allow\nclient_tls_cert_file = {}\n\
             client_tls_key_file = {}",
            certificate.display(),
            key.display()
        ),
        (Door::Tls, None) | (Door::Trust, _) => writeln!(ini, "auth_type = any"),
    };
    if tracks_prepared(version) {
        let _ = writeln!(ini, "max_prepared_statements = {PREPARED_MAX}");
    }
    if let Some(account) = account {
        let _ = writeln!(ini, "user = {account}");
    }
    ini
}

/// The users it lets in by their password, one per line.
pub(crate) fn users(ground: &Ground) -> String {
    format!("\"{}\" \"{}\"\n", ground.user, door::secret())
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
        let users = Path::new("/t/users");
        let old = ini(&ground, Door::Trust, 6432, "PgBouncer 1.18.0", Some("nobody"), users);
        assert!(old.contains("app = host=127.0.0.1 port=5432 user=app dbname=app\n"), "{old}");
        assert!(old.contains("default_pool_size = 20\n") && old.ends_with("user = nobody\n"));
        assert!(!old.contains("max_prepared_statements"), "{old}");
        let new = ini(&ground, Door::Scram, 6432, "PgBouncer 1.25.0", None, users);
        assert!(new.contains("auth_type = scram-sha-256\nauth_file = /t/users\n"), "{new}");
        assert!(new.ends_with("max_prepared_statements = 200\n"), "{new}");
    }
}
