//! The cluster's folder: making it, what is where, and removing it.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::ClusterError;
use crate::state;

/// `sun_path` has 104 bytes on some systems, and `/.s.PGSQL.65535` takes 15.
const SOCKET_DIR_BYTES_MAX: usize = 85;
const SOCKET_DIR_PREFIX: &str = "afterwrite-socket-";
const LOG_TAIL_BYTES: u64 = 4096;
const LOG_TAIL_LINES: usize = 12;

/// Where the cluster's files are.
///
/// ```text
/// directory/
///   afterwrite-cluster.json   the state file
///   primary/ replica_1/ …     data directories
///   log/primary.log …
///   socket/                   Unix sockets, closed to other accounts
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Folder {
    /// Absolute, without symbolic links.
    pub(crate) directory: PathBuf,
    /// In `directory`, unless its path is too long for a socket.
    pub(crate) socket_dir: PathBuf,
    /// Made by us, thus removed by us; else it was there, and only emptied.
    made: bool,
    /// Nobody named it, so nobody misses it.
    pub(crate) temporary: bool,
}

impl Folder {
    /// A new temporary folder, or `named`, which must be missing or empty.
    pub(crate) fn make(
        named: Option<&Path>,
        account: Option<&Account>,
    ) -> Result<Self, ClusterError> {
        let (directory, made) = match named {
            Some(named) => take(named)?,
            None => (temporary("afterwrite-", account)?, true),
        };
        let directory = directory
            .canonicalize()
            .map_err(ClusterError::io(format!("finding {}", directory.display())))?;
        // Making a directory is atomic: of two that found it empty, one goes on.
        // Until here nothing may be removed, it could be the other's.
        make_dir(&directory.join("log"), 0o755)?;
        let mut folder = Self {
            socket_dir: directory.join("socket"),
            directory,
            made,
            temporary: named.is_none(),
        };
        match folder.fill(account) {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.remove();
                Err(error)
            }
        }
    }

    fn fill(&mut self, account: Option<&Account>) -> Result<(), ClusterError> {
        if account.is_some()
            && let Some(closed) = closed_to_others(&self.directory)
        {
            return Err(ClusterError::DirectoryUnreachable {
                directory: self.directory.clone(),
                closed,
            });
        }
        if self.socket_dir.as_os_str().len() > SOCKET_DIR_BYTES_MAX {
            self.socket_dir = temporary_in(Path::new("/tmp"), SOCKET_DIR_PREFIX)?;
        } else {
            make_dir(&self.socket_dir, 0o700)?;
        }
        private(&self.socket_dir)?;
        account.map_or(Ok(()), |account| account.own(&self.socket_dir))
    }

    /// An empty data directory.
    pub(crate) fn make_data(
        &self,
        server: &str,
        account: Option<&Account>,
    ) -> Result<(), ClusterError> {
        let data = self.data(server);
        make_dir(&data, 0o700)?;
        account.map_or(Ok(()), |account| account.own(&data))
    }

    pub(crate) fn data(&self, server: &str) -> PathBuf {
        self.directory.join(server)
    }

    pub(crate) fn log(&self, server: &str) -> PathBuf {
        self.directory.join("log").join(format!("{server}.log"))
    }

    /// What we made, the folder first. Of a directory that was there before, and
    /// was empty then, the contents by name.
    pub(crate) fn paths(&self, servers: &[String]) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        if self.made {
            paths.push(self.directory.clone());
        } else {
            paths.push(self.directory.join("log"));
            paths.push(self.directory.join(state::FILE_NAME));
            paths.extend(servers.iter().map(|server| self.data(server)));
        }
        paths.push(self.socket_dir.clone());
        paths
    }

    /// Whether the sockets are where [`Folder::make`] would have put them.
    pub(crate) fn owns_socket_dir(&self) -> bool {
        let name = self.socket_dir.file_name().and_then(|name| name.to_str());
        let elsewhere = self.socket_dir.parent() == Some(Path::new("/tmp"))
            && name.is_some_and(|name| name.starts_with(SOCKET_DIR_PREFIX));
        elsewhere || self.socket_dir == self.directory.join("socket")
    }

    /// Removes what [`Folder::make`] made, before there are servers.
    pub(crate) fn remove(&self) {
        remove_all(&self.paths(&[]));
    }
}

/// Removes `paths`; blocks. A process that is just ending may still add a file,
/// so it tries for a while.
pub(crate) fn remove_all(paths: &[PathBuf]) {
    const TRIES_MAX: u32 = 100;
    for path in paths {
        for _ in 0..TRIES_MAX {
            let removed =
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            if removed.is_ok() || !path.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The last lines of a server's log, for an error's text.
pub(crate) fn tail(log: &Path) -> String {
    let read = || {
        let mut file = fs::File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    match read() {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("(the log {} is not readable: {error})", log.display()),
    }
}

pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Takes the named directory, making it if it is missing; whether we made it.
fn take(named: &Path) -> Result<(PathBuf, bool), ClusterError> {
    if !named.exists() {
        // Not its parents: what we make we must be able to remove.
        make_dir(named, 0o755)?;
        return Ok((named.to_path_buf(), true));
    }
    if named.join(state::FILE_NAME).exists() {
        return Err(ClusterError::DirectoryInUse(named.to_path_buf()));
    }
    let mut entries = fs::read_dir(named)
        .map_err(ClusterError::io(format!("looking into {}", named.display())))?;
    match entries.next() {
        Some(_) => Err(ClusterError::DirectoryNotEmpty(named.to_path_buf())),
        None => Ok((named.to_path_buf(), false)),
    }
}

/// In the system's temporary folder, or in `/tmp` if the account cannot reach that.
fn temporary(prefix: &str, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
    let mut parent = std::env::temp_dir();
    if account.is_some() && parent.canonicalize().is_ok_and(|p| closed_to_others(&p).is_some()) {
        parent = PathBuf::from("/tmp");
    }
    temporary_in(&parent, prefix)
}

fn temporary_in(parent: &Path, prefix: &str) -> Result<PathBuf, ClusterError> {
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(parent)
        .map_err(ClusterError::io(format!("making a folder in {}", parent.display())))?;
    // Others may pass through to what they own, but not look around.
    set_mode(made.path(), 0o711)?;
    Ok(made.keep())
}

/// Sets the mode whole: one asked for at creation is cut by the user's umask.
fn set_mode(path: &Path, mode: u32) -> Result<(), ClusterError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(ClusterError::io(format!("setting the mode of {}", path.display())))
}

/// Only the servers' account (and root) may use the sockets: they ask no password.
fn private(path: &Path) -> Result<(), ClusterError> {
    fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(ClusterError::io(format!("closing {}", path.display())))
}

fn make_dir(path: &Path, mode: u32) -> Result<(), ClusterError> {
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .map_err(ClusterError::io(format!("making {}", path.display())))?;
    set_mode(path, mode)
}

/// The first of `directory` and its parents that other accounts cannot pass.
fn closed_to_others(directory: &Path) -> Option<PathBuf> {
    directory
        .ancestors()
        .find(|path| fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o001 == 0))
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_removed_whole() {
        let parent = tempfile::tempdir().unwrap();
        let named = parent.path().join("a");
        let folder = Folder::make(Some(&named), None).unwrap();
        assert!(folder.socket_dir.is_dir() && folder.log("primary").parent().unwrap().is_dir());
        let again = Folder::make(Some(&named), None).unwrap_err();
        assert!(again.to_string().contains("is not empty"), "{again}");
        folder.remove();
        assert!(!named.exists());
    }

    #[test]
    fn a_directory_that_was_there_stays() {
        let there = tempfile::tempdir().unwrap();
        Folder::make(Some(there.path()), None).unwrap().remove();
        assert_eq!(fs::read_dir(there.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_long_path_gets_its_sockets_elsewhere() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::make(Some(&parent.path().join("x".repeat(100))), None).unwrap();
        assert!(folder.socket_dir.as_os_str().len() <= SOCKET_DIR_BYTES_MAX);
        folder.remove();
        assert!(!folder.socket_dir.exists());
    }

    #[test]
    fn only_the_last_lines_are_told() {
        let text: String = (0..100).fold(String::new(), |text, n| format!("{text}line {n}\n"));
        assert!(last_lines(&text).starts_with("line 88\n"));
        assert!(last_lines(&text).ends_with("line 99"));
        assert_eq!(last_lines(""), "");
    }
}
