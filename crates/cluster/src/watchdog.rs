//! The process that cleans up after us if we cannot.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::ClusterError;
use crate::process::{self, Pid, Signal};

const SCRIPT: &str = include_str!("watchdog.sh");

/// How long its own clean-up, or what little is left of it, may take.
const END_MAX: Duration = Duration::from_secs(10);

/// A shell that reads our pipe, and ends our processes when the pipe closes.
///
/// Without unsafe code a child cannot ask the kernel for a signal at its
/// parent's death; and even that would not remove a folder.
pub(crate) struct Watchdog {
    inner: Mutex<Inner>,
}

struct Inner {
    shell: Child,
    watched: BTreeSet<Pid>,
}

impl Watchdog {
    /// `paths` are removed at the end, the cluster's folder first.
    pub(crate) fn start(paths: &[PathBuf]) -> Result<Self, ClusterError> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "afterwrite-watchdog"])
            .args(paths)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal goes to our group; the watchdog must outlive it.
            .process_group(0)
            .spawn()
            .map_err(ClusterError::io("starting the watchdog shell"))?;
        Ok(Self { inner: Mutex::new(Inner { shell, watched: BTreeSet::new() }) })
    }

    /// From now on `leader`'s process group ends when we do.
    pub(crate) fn watch(&self, leader: Pid) -> Result<(), ClusterError> {
        let mut inner = self.lock();
        inner.watched.insert(leader);
        inner.say(&format!("watch {leader}"))
    }

    /// `leader` has ended; its number may soon be somebody else's.
    pub(crate) fn forget(&self, leader: Pid) {
        let mut inner = self.lock();
        if inner.watched.remove(&leader) {
            // If the watchdog is gone there is nobody to tell, and no harm.
            let _ = inner.say(&format!("forget {leader}"));
        }
    }

    /// The folder was asked for by name: it stays when the processes go.
    pub(crate) fn keep_paths(&self) -> Result<(), ClusterError> {
        self.lock().say("keep")
    }

    /// The cluster is to outlive us.
    pub(crate) fn release(&self) -> Result<(), ClusterError> {
        let mut inner = self.lock();
        inner.watched.clear();
        inner.say("release")
    }

    /// Kills what still runs: the programs of a start that was cut short.
    pub(crate) fn kill_watched(&self) {
        let mut inner = self.lock();
        for leader in std::mem::take(&mut inner.watched) {
            process::send_group(leader, Signal::Kill);
            // Else the shell would wait for a zombie that only we can reap.
            let _ = inner.say(&format!("forget {leader}"));
        }
    }

    /// Closes the pipe and waits for the shell; blocks.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        drop(inner.shell.stdin.take());
        process::wait_blocking(END_MAX, || !matches!(inner.shell.try_wait(), Ok(None)));
    }

    /// A panic elsewhere must not keep us from cleaning up.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn say(&mut self, line: &str) -> Result<(), ClusterError> {
        let Some(pipe) = self.shell.stdin.as_mut() else {
            return Ok(());
        };
        writeln!(pipe, "{line}").map_err(ClusterError::io("telling the watchdog shell"))
    }
}
