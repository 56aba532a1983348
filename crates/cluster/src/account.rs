//! The account the servers run as when we are root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::ClusterError;

/// In this order: `postgres` is made for it, `nobody` is nearly everywhere.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// An unprivileged account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account to drop to; `None` if we are not root and need none.
    pub(crate) fn needed() -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let found = CANDIDATES.into_iter().find_map(|name| {
            let (uid, gid) = (id("-u", name)?, id("-g", name)?);
            (uid != 0).then(|| Self { name: name.to_owned(), uid, gid })
        });
        found.map(Some).ok_or(ClusterError::NoAccount)
    }

    /// Makes `command` run as this account. Supplementary groups go too.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    pub(crate) fn own(&self, path: &Path) -> Result<(), ClusterError> {
        let doing = || format!("giving {} to {}", path.display(), self.name);
        chown(path, Some(self.uid), Some(self.gid)).map_err(ClusterError::io(doing()))
    }
}

/// Asks `id`, which sees every name service, as reading `/etc/passwd` would not.
fn id(what: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").arg(what).arg(name).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
