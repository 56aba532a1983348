//! What all servers of one cluster have in common.

use std::path::PathBuf;
use std::process::Command;

use crate::account::Account;
use crate::folder::Folder;
use crate::watchdog::Watchdog;

/// The ground a cluster stands on. Never printed: it knows the password.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) bin_dir: PathBuf,
    pub(crate) account: Option<Account>,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) password: Option<String>,
    /// None for a cluster that outlives us.
    pub(crate) watchdog: Option<Watchdog>,
}

impl Site {
    /// A PostgreSQL program, run as the unprivileged account if there is one.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin_dir.join(program));
        if let Some(account) = &self.account {
            account.apply(&mut command);
        }
        // Ours may be closed to the account.
        command.current_dir("/");
        command.env("LC_ALL", "C");
        // `PGPORT`, `PGOPTIONS` and their like would change what we ask for.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        command
    }
}
