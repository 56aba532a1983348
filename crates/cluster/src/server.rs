//! One server of the cluster: where it is, starting and stopping it, asking it.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::admin::{self, Door};
use crate::error::ClusterError;
use crate::folder;
use crate::process::{self, Pid, Signal, StopMode};
use crate::settings::SUPERUSER;
use crate::site::Site;
use crate::url::url;

/// Recovery after a crash may take its time on a slow disk.
const READY_MAX: Duration = Duration::from_mins(1);
/// A fast stop waits for a checkpoint, and on a primary for its replicas.
const STOP_MAX: Duration = Duration::from_secs(30);
/// For one question, or for one condition that should hold at once.
pub(crate) const ASK_MAX: Duration = Duration::from_secs(10);

/// What a server was started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Replays the primary's log and answers reads.
    Replica,
}

/// One PostgreSQL server. All methods take `&self`; two tasks that start and stop
/// the same server at once get an error, not a second server.
pub struct Server {
    pub(crate) site: Arc<Site>,
    name: String,
    role: Role,
    port: u16,
    data_dir: PathBuf,
    log: PathBuf,
    /// Ours while we are its parent. A server found by
    /// [`Cluster::attach`](crate::Cluster::attach) is known by its lock file.
    child: Mutex<Option<Child>>,
}

impl Server {
    pub(crate) fn new(site: &Arc<Site>, name: &str, role: Role, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            role,
            port,
            data_dir: site.folder.data(name),
            log: site.folder.log(name),
            child: Mutex::new(None),
            site: Arc::clone(site),
        }
    }

    /// `primary`, `replica_1`, …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was started as; [`Server::promote`] does not change this.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The slot it streams from, for a replica.
    pub fn slot(&self) -> Option<String> {
        (self.role == Role::Replica).then(|| format!("afterwrite_{}", self.name))
    }

    /// For the application's role and database, with the password if there is one.
    pub fn url(&self) -> String {
        let site = &self.site;
        url(&site.user, site.password.as_deref(), &[self.port], &site.database)
    }

    /// For the superuser in the application's database, with the password if there is one.
    pub fn superuser_url(&self) -> String {
        let site = &self.site;
        url(SUPERUSER, site.password.as_deref(), &[self.port], &site.database)
    }

    /// The postmaster's process, if it runs.
    pub fn pid(&self) -> Option<i32> {
        self.running(&mut self.child())
    }

    /// Whether the postmaster runs, be it frozen or still starting.
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// Starts it and waits until it answers queries.
    pub async fn start(&self) -> Result<(), ClusterError> {
        self.spawn()?;
        self.ready(&self.site.database).await
    }

    /// Stops it and waits until all of it has ended. Not running is no error.
    pub async fn stop(&self, mode: StopMode) -> Result<(), ClusterError> {
        self.tell_to_stop(mode);
        if process::wait(STOP_MAX, || !self.is_running()).await {
            return Ok(());
        }
        Err(self.timeout(format!("{} to stop", self.name), STOP_MAX))
    }

    /// Stops it, then starts it.
    pub async fn restart(&self, mode: StopMode) -> Result<(), ClusterError> {
        self.stop(mode).await?;
        self.start().await
    }

    /// Runs `sql`, one or more statements, as the superuser in the application's
    /// database; the rows of all of them, as text.
    pub async fn query(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ClusterError> {
        self.query_in(&self.site.database, sql).await
    }

    pub(crate) async fn query_in(
        &self,
        database: &str,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, ClusterError> {
        match admin::query(self.door(database), sql, ASK_MAX).await {
            Some(outcome) => {
                outcome.map_err(|source| ClusterError::Query { server: self.name.clone(), source })
            }
            None => Err(self.timeout(format!("an answer of {}", self.name), ASK_MAX)),
        }
    }

    /// The first column of the first row of `sql`; `asked` names it in an error.
    pub(crate) async fn value(
        &self,
        asked: &'static str,
        sql: &str,
    ) -> Result<Option<String>, ClusterError> {
        let rows = self.query(sql).await?;
        let value = rows.into_iter().next().and_then(|row| row.into_iter().next());
        value.ok_or_else(|| self.unexpected(asked))
    }

    /// Runs the postmaster as our child, in a process group of its own so that
    /// Ctrl-C at the terminal does not reach it before we have our say.
    pub(crate) fn spawn(&self) -> Result<(), ClusterError> {
        let mut child = self.child();
        if self.running(&mut child).is_some() {
            return Err(ClusterError::Running(self.name.clone()));
        }
        let log = |path: &Path| {
            let doing = format!("opening {}", path.display());
            OpenOptions::new().create(true).append(true).open(path).map_err(ClusterError::io(doing))
        };
        let mut command = self.site.command("postgres");
        command
            .arg("-D")
            .arg(&self.data_dir)
            .stdin(Stdio::null())
            .stdout(log(&self.log)?)
            .stderr(log(&self.log)?)
            .process_group(0);
        let started =
            command.spawn().map_err(ClusterError::io(format!("starting {}", self.name)))?;
        let pid = Pid::try_from(started.id()).unwrap_or_default();
        *child = Some(started);
        self.site.watchdog.as_ref().map_or(Ok(()), |watchdog| watchdog.watch(pid))
    }

    /// Waits until it answers in `database`.
    pub(crate) async fn ready(&self, database: &str) -> Result<(), ClusterError> {
        let end = Instant::now() + READY_MAX;
        loop {
            if let Some(Ok(_)) = admin::query(self.door(database), "SELECT 1", ASK_MAX).await {
                return Ok(());
            }
            if !self.is_running() {
                let log = folder::tail(&self.log);
                return Err(ClusterError::Exited { server: self.name.clone(), log });
            }
            if Instant::now() >= end {
                return Err(self.timeout(format!("{} to answer", self.name), READY_MAX));
            }
            tokio::time::sleep(process::POLL).await;
        }
    }

    /// Sends the signal; frozen processes are thawed first, or they would not hear it.
    pub(crate) fn tell_to_stop(&self, mode: StopMode) {
        let Some(pid) = self.pid() else {
            return;
        };
        let signal = match mode {
            StopMode::Fast => Signal::Interrupt,
            StopMode::Immediate => Signal::Quit,
        };
        for child in process::children(pid) {
            process::send(child, Signal::Thaw);
        }
        process::send(pid, signal);
        process::send(pid, Signal::Thaw);
    }

    /// Overwrites a file in the data directory, as the server's account's own.
    pub(crate) fn write_file(&self, file: &str, text: &str) -> Result<(), ClusterError> {
        let path = self.data_dir.join(file);
        fs::write(&path, text).map_err(ClusterError::io(format!("writing {}", path.display())))?;
        self.site.account.as_ref().map_or(Ok(()), |account| account.own(&path))
    }

    pub(crate) fn door<'a>(&'a self, database: &'a str) -> Door<'a> {
        Door { socket_dir: &self.site.folder.socket_dir, port: self.port, database }
    }

    pub(crate) fn timeout(&self, waiting_for: String, limit: Duration) -> ClusterError {
        ClusterError::Timeout { waiting_for, limit, log: folder::tail(&self.log) }
    }

    pub(crate) fn unexpected(&self, asked: &'static str) -> ClusterError {
        ClusterError::Answer { server: self.name.clone(), asked }
    }

    /// Our child if it still runs; else whoever holds the lock file, for another
    /// process may have started the server since.
    fn running(&self, child: &mut Option<Child>) -> Option<Pid> {
        if let Some(ours) = child {
            let pid = Pid::try_from(ours.id()).ok()?;
            if matches!(ours.try_wait(), Ok(None)) {
                return Some(pid);
            }
            *child = None;
            if let Some(watchdog) = &self.site.watchdog {
                watchdog.forget(pid);
            }
        }
        process::postmaster(&self.data_dir)
    }

    /// A panic elsewhere must not keep us from stopping the server.
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
