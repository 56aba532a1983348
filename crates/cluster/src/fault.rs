//! Faults on demand.

use std::time::Duration;

use crate::error::ClusterError;
use crate::process::{self, Pid, Signal};
use crate::server::Server;

/// A killed process is gone at once, but the kernel may be busy.
const DEATH_MAX: Duration = Duration::from_secs(10);

impl Server {
    /// Kills one backend with SIGKILL. The postmaster then ends all others and
    /// goes through crash recovery, as after any backend's crash; on a replica
    /// what had been replayed may be seen to go back meanwhile.
    ///
    /// Refuses a process that is not this server's own.
    pub fn kill_backend(&self, pid: i32) -> Result<(), ClusterError> {
        if !process::children(self.postmaster()?).contains(&pid) {
            return Err(ClusterError::NotABackend { server: self.name().to_owned(), pid });
        }
        process::send(pid, Signal::Kill);
        Ok(())
    }

    /// Kills the postmaster and all of its children with SIGKILL, as if the
    /// machine had stopped. Returns once all are gone; [`Server::start`] recovers.
    pub async fn kill(&self) -> Result<(), ClusterError> {
        let postmaster = self.postmaster()?;
        // Frozen first, so that no child is born after we have looked.
        process::send(postmaster, Signal::Freeze);
        let children = process::children(postmaster);
        process::send(postmaster, Signal::Kill);
        for child in &children {
            process::send(*child, Signal::Kill);
        }
        let gone = || !self.is_running() && !children.iter().any(|child| process::runs(*child));
        if process::wait(DEATH_MAX, gone).await {
            return Ok(());
        }
        Err(self.timeout(format!("{} to be gone", self.name()), DEATH_MAX))
    }

    /// Freezes the postmaster and all of its children: connections stay open and
    /// new ones are taken by the kernel, but nobody answers.
    pub fn suspend(&self) -> Result<(), ClusterError> {
        self.signal_all(Signal::Freeze)
    }

    /// Undoes [`Server::suspend`].
    pub fn resume(&self) -> Result<(), ClusterError> {
        self.signal_all(Signal::Thaw)
    }

    /// Freezes this replica's receiver: it keeps replaying what it has, and gets
    /// no more. The connection stays open.
    pub async fn suspend_wal_receiver(&self) -> Result<(), ClusterError> {
        process::send(self.wal_receiver().await?, Signal::Freeze);
        Ok(())
    }

    /// Undoes [`Server::suspend_wal_receiver`].
    pub async fn resume_wal_receiver(&self) -> Result<(), ClusterError> {
        process::send(self.wal_receiver().await?, Signal::Thaw);
        Ok(())
    }

    /// Freezes the process that writes the log behind commits that do not wait for it
    /// (`synchronous_commit = off`): killed then, the server has lost them.
    pub async fn suspend_wal_writer(&self) -> Result<(), ClusterError> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
        process::send(self.child_found_by("its wal writer", sql).await?, Signal::Freeze);
        Ok(())
    }

    async fn wal_receiver(&self) -> Result<Pid, ClusterError> {
        self.child_found_by("its wal receiver", "SELECT pid FROM pg_stat_wal_receiver").await
    }

    /// One of the server's processes, checked to be a child of ours.
    async fn child_found_by(&self, asked: &'static str, sql: &str) -> Result<Pid, ClusterError> {
        let text = self.value(asked, sql).await?;
        let pid = text.and_then(|text| text.parse().ok()).ok_or_else(|| self.unexpected(asked))?;
        if process::children(self.postmaster()?).contains(&pid) {
            Ok(pid)
        } else {
            Err(ClusterError::NotABackend { server: self.name().to_owned(), pid })
        }
    }

    /// The postmaster first, so that it bears no child we do not see.
    fn signal_all(&self, signal: Signal) -> Result<(), ClusterError> {
        let postmaster = self.postmaster()?;
        process::send(postmaster, signal);
        for child in process::children(postmaster) {
            process::send(child, signal);
        }
        Ok(())
    }

    fn postmaster(&self) -> Result<Pid, ClusterError> {
        self.pid().ok_or_else(|| ClusterError::NotRunning(self.name().to_owned()))
    }
}
