//! The state file: how a later process finds the cluster again.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::ClusterError;
use crate::folder::Folder;
use crate::server::Role;

pub(crate) const FILE_NAME: &str = "afterwrite-cluster.json";
/// Raised when a field changes its meaning.
const VERSION: u32 = 1;
const BYTES_MAX: u64 = 1 << 20;

/// No process numbers: a server may have been restarted since, so they are taken
/// from the servers' own lock files.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    pub(crate) folder: Folder,
    pub(crate) bin_dir: PathBuf,
    pub(crate) account: Option<Account>,
    pub(crate) user: String,
    pub(crate) database: String,
    /// In the clear, to be able to give the URL again: the file is closed to others.
    pub(crate) password: Option<String>,
    pub(crate) servers: Vec<ServerState>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ServerState {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) port: u16,
}

impl State {
    pub(crate) fn of(site: &crate::site::Site, servers: Vec<ServerState>) -> Self {
        Self {
            version: VERSION,
            folder: site.folder.clone(),
            bin_dir: site.bin_dir.clone(),
            account: site.account.clone(),
            user: site.user.clone(),
            database: site.database.clone(),
            password: site.password.clone(),
            servers,
        }
    }

    /// Puts the new file in the old one's place, so that a reader sees either.
    pub(crate) fn save(&self) -> Result<(), ClusterError> {
        let path = self.folder.directory.join(FILE_NAME);
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        let write = |text: Vec<u8>| {
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&text)?;
            fs::rename(&new, &path)
        };
        text.and_then(write).map_err(ClusterError::io(format!("writing {}", path.display())))
    }

    /// What [`State::save`] wrote in `directory`.
    ///
    /// Ending a cluster removes what the file names, so a file that was copied
    /// here from elsewhere, or names anything but our own folders, is refused.
    pub(crate) fn load(directory: &Path) -> Result<Self, ClusterError> {
        let not_ours = || ClusterError::NotACluster(directory.to_path_buf());
        let path = directory.join(FILE_NAME);
        let doing = format!("reading {}", path.display());
        let text = match fs::metadata(&path) {
            Ok(file) if file.is_file() && file.len() <= BYTES_MAX => {
                fs::read(&path).map_err(ClusterError::io(doing))?
            }
            Ok(_) => return Err(not_ours()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_ours()),
            Err(error) => return Err(ClusterError::io(doing)(error)),
        };
        let state: Self = serde_json::from_slice(&text).map_err(|_| not_ours())?;
        let here = directory.canonicalize().map_err(|_| not_ours())?;
        let safe = state.version == VERSION
            && state.folder.directory == here
            && state.folder.owns_socket_dir()
            && state.servers.iter().all(|server| is_plain(&server.name));
        if safe { Ok(state) } else { Err(not_ours()) }
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
