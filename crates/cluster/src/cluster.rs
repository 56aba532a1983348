//! The cluster as a whole: its servers, and its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Progress;
use crate::error::ClusterError;
use crate::folder::remove_all;
use crate::plan::Plan;
use crate::process::{self, POLL, Signal, StopMode};
use crate::server::{Role, Server};
use crate::site::Site;
use crate::start;
use crate::state::{ServerState, State};
use crate::url::url;

/// A postmaster kills children that ignore it after five seconds.
const IMMEDIATE_STOP_MAX: Duration = Duration::from_secs(8);

/// What becomes of the cluster when its launcher lets go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The servers stop and all files go: a temporary folder, or a failed start.
    Remove,
    /// The servers stop, the files stay: a folder that somebody named.
    Stop,
    /// All goes on: detached.
    Leave,
}

/// A running primary with its replicas.
///
/// Dropping it ends it at once, blocking for a moment: the servers stop as in a
/// crash, and a temporary folder is removed. A detached or attached cluster is
/// left alone.
pub struct Cluster {
    site: Arc<Site>,
    pub(crate) primary: Server,
    pub(crate) replicas: Vec<Server>,
    pub(crate) ending: Ending,
}

impl Cluster {
    /// Makes the cluster that `plan` describes, and returns once every replica
    /// streams. If it fails, or is cancelled, nothing is left behind.
    pub async fn start(plan: Plan, progress: Progress<'_>) -> Result<Self, ClusterError> {
        start::start(plan, progress).await
    }

    /// The cluster whose folder is `directory`, started by another process. It
    /// outlives the returned value, unless that is [stopped](Self::stop).
    pub fn attach(directory: &Path) -> Result<Self, ClusterError> {
        let state = State::load(directory)?;
        let mut servers = Vec::new();
        let site = Arc::new(Site {
            folder: state.folder,
            bin_dir: state.bin_dir,
            account: state.account,
            user: state.user,
            database: state.database,
            password: state.password,
            watchdog: None,
        });
        for server in state.servers {
            servers.push(Server::new(&site, &server.name, server.role, server.port));
        }
        let mut servers = servers.into_iter();
        match servers.next() {
            Some(primary) if primary.role() == Role::Primary => {
                Ok(Self { site, primary, replicas: servers.collect(), ending: Ending::Leave })
            }
            Some(_) | None => Err(ClusterError::NotACluster(directory.to_path_buf())),
        }
    }

    /// Not started yet; `ports` are the primary's, then the replicas'.
    pub(crate) fn planned(site: Site, primary: u16, replicas: &[u16]) -> Self {
        let site = Arc::new(site);
        let server = |name: &str, role, port| Server::new(&site, name, role, port);
        let names = replica_names(replicas.len());
        Self {
            primary: server(PRIMARY_NAME, Role::Primary, primary),
            replicas: names
                .iter()
                .zip(replicas)
                .map(|(name, port)| server(name, Role::Replica, *port))
                .collect(),
            site,
            ending: Ending::Remove,
        }
    }

    /// The server that was started as the primary.
    pub fn primary(&self) -> &Server {
        &self.primary
    }

    /// The servers that were started as replicas.
    pub fn replicas(&self) -> &[Server] {
        &self.replicas
    }

    /// All servers, the primary first.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }

    /// The folder that all files are in.
    pub fn directory(&self) -> &Path {
        &self.site.folder.directory
    }

    /// Where the servers' Unix sockets are; closed to other accounts.
    pub fn socket_dir(&self) -> &Path {
        &self.site.folder.socket_dir
    }

    /// The programs of the PostgreSQL that runs: `psql` and `pgbench` may be there too.
    pub fn bin_dir(&self) -> &Path {
        &self.site.bin_dir
    }

    /// One URL with every server's host and port, for the application's role,
    /// with the password if there is one.
    pub fn url(&self) -> String {
        self.url_with(self.site.password.as_deref())
    }

    /// As [`Cluster::url`], with `***` for the password: fit to be printed.
    pub fn url_redacted(&self) -> String {
        self.url_with(self.site.password.as_ref().map(|_| "***"))
    }

    fn url_with(&self, password: Option<&str>) -> String {
        let ports: Vec<u16> = self.servers().map(Server::port).collect();
        url(&self.site.user, password, &ports, &self.site.database)
    }

    /// Waits until the primary sees every replica stream.
    pub async fn wait_for_streaming(&self, limit: Duration) -> Result<(), ClusterError> {
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' \
                   AND starts_with(application_name, 'afterwrite_replica_')";
        let end = Instant::now() + limit;
        let expected = self.replicas.len().to_string();
        loop {
            let count = self.primary.value("its replicas", sql).await?;
            if count.as_deref() == Some(&expected) {
                return Ok(());
            }
            if Instant::now() >= end {
                let seen = count.unwrap_or_default();
                let waiting_for = format!("{expected} replicas to stream ({seen} do)");
                let silent = self.replicas.iter().find(|replica| !replica.is_running());
                let witness = silent.or(self.replicas.first()).unwrap_or(&self.primary);
                return Err(witness.timeout(waiting_for, limit));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until every replica has replayed all that was written so far. The
    /// limit is for each of them.
    pub async fn wait_for_catch_up(&self, limit: Duration) -> Result<(), ClusterError> {
        let mark = self.primary.mark().await?;
        for replica in &self.replicas {
            replica.wait_for_replay(mark, limit).await?;
        }
        Ok(())
    }

    /// Lets the cluster outlive us; `afterwrite cluster down` on the returned
    /// folder ends it.
    pub fn detach(mut self) -> Result<PathBuf, ClusterError> {
        self.let_go()?;
        Ok(self.directory().to_path_buf())
    }

    pub(crate) fn let_go(&mut self) -> Result<(), ClusterError> {
        if let Some(watchdog) = &self.site.watchdog {
            watchdog.release()?;
            watchdog.end();
        }
        self.ending = Ending::Leave;
        Ok(())
    }

    pub(crate) fn let_files_stay(&mut self) -> Result<(), ClusterError> {
        if let Some(watchdog) = &self.site.watchdog {
            watchdog.keep_paths()?;
        }
        self.ending = Ending::Stop;
        Ok(())
    }

    /// Stops all servers, and removes the folder if it was temporary. A folder
    /// that was named stays, with cleanly stopped servers in it.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        if self.site.folder.temporary {
            return self.remove().await;
        }
        self.ending = Ending::Stop;
        // The primary first: its fast stop hands the replicas all it has written.
        let mut outcome = Ok(());
        for server in self.servers() {
            outcome = outcome.and(server.stop(StopMode::Fast).await);
        }
        // Whatever did not stop is ended by drop.
        self.drop_off_the_runtime().await;
        outcome
    }

    /// Stops all servers and removes all files, even of a folder that was named.
    pub async fn remove(mut self) -> Result<(), ClusterError> {
        self.ending = Ending::Remove;
        let directory = self.directory().join(crate::state::FILE_NAME);
        self.drop_off_the_runtime().await;
        if directory.exists() {
            return Err(ClusterError::Io {
                doing: format!("removing {}", directory.display()),
                source: std::io::Error::other("files are left"),
            });
        }
        Ok(())
    }

    /// Ending blocks, so it must not be done on a thread that runs tasks.
    async fn drop_off_the_runtime(self) {
        // It fails only if the drop panics, and then there is nobody to tell.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Writes the state file.
    pub(crate) fn save(&self) -> Result<(), ClusterError> {
        let servers = self.servers().map(|server| ServerState {
            name: server.name().to_owned(),
            role: server.role(),
            port: server.port(),
        });
        State::of(&self.site, servers.collect()).save()
    }

    /// Ends everything at once.
    fn end(&self) {
        for server in self.servers() {
            server.tell_to_stop(StopMode::Immediate);
        }
        process::wait_blocking(IMMEDIATE_STOP_MAX, || !self.servers().any(Server::is_running));
        for pid in self.servers().filter_map(Server::pid) {
            let children = process::children(pid);
            process::send(pid, Signal::Kill);
            for child in children {
                process::send(child, Signal::Kill);
            }
        }
        if let Some(watchdog) = &self.site.watchdog {
            watchdog.kill_watched();
        }
        if self.ending == Ending::Remove {
            for server in self.servers() {
                process::release_shared_memory(server.data_dir());
            }
            let names: Vec<String> = self.servers().map(|s| s.name().to_owned()).collect();
            remove_all(&self.site.folder.paths(&names));
        }
        if let Some(watchdog) = &self.site.watchdog {
            watchdog.end();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match self.ending {
            Ending::Remove | Ending::Stop => self.end(),
            Ending::Leave => (),
        }
    }
}

/// Stops the cluster in `directory` and removes all that its start made. Refuses
/// a directory without a state file of ours.
pub async fn down(directory: &Path) -> Result<(), ClusterError> {
    Cluster::attach(directory)?.remove().await
}

pub(crate) const PRIMARY_NAME: &str = "primary";

/// `replica_1`, `replica_2`, …
pub(crate) fn replica_names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("replica_{number}")).collect()
}
