//! What the user asks for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::ClusterError;
use crate::settings::{REPLICATION_ROLE, SUPERUSER};

/// More replicas than this is a mistake, not a wish, on one machine.
const REPLICAS_MAX: usize = 32;

/// A cluster to start. [`Plan::default`] is a primary with two replicas in a
/// temporary folder, on free ports, without passwords and without fsync.
#[derive(Clone)]
pub struct Plan {
    /// How many streaming replicas; 0 to 32.
    pub replicas: usize,
    /// The folder to use: empty, or missing in a directory that exists. It stays
    /// when the cluster stops; [`down`](crate::down) removes it. `None` is a new
    /// temporary folder, removed when the cluster stops.
    pub directory: Option<PathBuf>,
    /// Where `postgres`, `initdb` and `pg_basebackup` are; see
    /// [`find_bin_dir`](crate::find_bin_dir) for what `None` means.
    pub bin_dir: Option<PathBuf>,
    /// The primary's port, the replicas follow. `None` takes free ports.
    pub base_port: Option<u16>,
    /// `recovery_min_apply_delay` by replica; those past the end have none.
    pub apply_delay: Vec<Duration>,
    /// More server settings, for every server, over the launcher's own.
    pub settings: Vec<(String, String)>,
    /// `None` trusts every local connection. `Some` asks for scram-sha-256 on
    /// TCP; the superuser and the application's role both get this password.
    pub password: Option<String>,
    /// The application's role: plain, without `pg_monitor`, owner of the database.
    pub user: String,
    /// The application's database.
    pub database: String,
    /// Whether the servers flush to disk. `false` is quicker to start and loses
    /// data only if the machine goes down, not if a server is killed.
    pub fsync: bool,
    /// Whether the cluster survives the launcher's exit.
    pub detach: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            replicas: 2,
            directory: None,
            bin_dir: None,
            base_port: None,
            apply_delay: Vec::new(),
            settings: Vec::new(),
            password: None,
            user: "app".to_owned(),
            database: "app".to_owned(),
            fsync: false,
            detach: false,
        }
    }
}

// By hand, so that the password is never printed.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("replicas", &self.replicas)
            .field("directory", &self.directory)
            .field("bin_dir", &self.bin_dir)
            .field("base_port", &self.base_port)
            .field("apply_delay", &self.apply_delay)
            .field("settings", &self.settings)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("user", &self.user)
            .field("database", &self.database)
            .field("fsync", &self.fsync)
            .field("detach", &self.detach)
            .finish()
    }
}

impl Plan {
    /// Refuses what could not work, before anything is made.
    pub(crate) fn check(&self) -> Result<(), ClusterError> {
        let refuse = |why: String| Err(ClusterError::Plan(why));
        if self.replicas > REPLICAS_MAX {
            return refuse(format!("replicas: {} is over {REPLICAS_MAX}", self.replicas));
        }
        if self.apply_delay.len() > self.replicas {
            return refuse(format!(
                "apply_delay: {} delays for {} replicas",
                self.apply_delay.len(),
                self.replicas
            ));
        }
        if [SUPERUSER, REPLICATION_ROLE].contains(&self.user.as_str()) {
            return refuse(format!("user: {:?} is the launcher's own role", self.user));
        }
        if ["postgres", "template0", "template1"].contains(&self.database.as_str()) {
            return refuse(format!("database: {:?} is made by initdb", self.database));
        }
        for (key, name) in [("user", &self.user), ("database", &self.database)] {
            // 63 bytes is NAMEDATALEN - 1: the server would cut a longer name off.
            if name.is_empty() || name.len() > 63 || name.contains('\0') {
                return refuse(format!("{key}: expected 1 to 63 bytes without a zero byte"));
            }
        }
        if self.password.as_ref().is_some_and(|p| p.is_empty() || p.contains('\0')) {
            return refuse("password: expected at least one byte and no zero byte".to_owned());
        }
        if let Some(base) = self.base_port {
            let last = usize::from(base) + self.replicas;
            if base == 0 || last > usize::from(u16::MAX) {
                return refuse(format!("base_port: {base} to {last} are not all ports"));
            }
        }
        for (name, value) in &self.settings {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if name.is_empty() || !name.chars().all(plain) || value.contains(['\0', '\n', '\r']) {
                return refuse(format!("settings: {name:?} is not a name with a one-line value"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Plan), expected: &str) {
        let mut plan = Plan::default();
        change(&mut plan);
        let outcome = plan.check().map_or_else(|error| error.to_string(), |()| "fine".to_owned());
        assert!(outcome.contains(expected), "{outcome:?} lacks {expected:?}");
    }

    #[test]
    fn plans_that_cannot_work_are_refused() {
        check(|_| (), "fine");
        check(|p| p.replicas = 0, "fine");
        check(|p| p.replicas = 33, "33 is over 32");
        check(|p| p.apply_delay = vec![Duration::ZERO; 3], "3 delays for 2 replicas");
        check(|p| p.user = "postgres".into(), "the launcher's own role");
        check(|p| p.user = String::new(), "expected 1 to 63 bytes");
        check(|p| p.database = "template1".into(), "made by initdb");
        check(|p| p.password = Some(String::new()), "at least one byte");
        check(|p| p.base_port = Some(65534), "65534 to 65536 are not all ports");
        check(|p| p.settings = vec![("a b".into(), "1".into())], "is not a name");
        check(|p| p.settings = vec![("a".into(), "1\nb=2".into())], "one-line value");
    }

    #[test]
    fn the_password_is_not_printed() {
        let plan = Plan { password: Some("hunter2".into()), ..Plan::default() };
        assert!(!format!("{plan:?}").contains("hunter2"));
    }
}
