//! Runs `initdb` and `pg_basebackup` to their end.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::timeout;

use crate::error::ClusterError;
use crate::folder::last_lines;
use crate::process::Pid;
use crate::site::Site;

/// Runs the program; its output is told only if it fails.
pub(crate) async fn run(
    site: &Site,
    tool: &'static str,
    mut command: Command,
    limit: Duration,
) -> Result<(), ClusterError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut command = tokio::process::Command::from(command);
    let child = command
        .kill_on_drop(true)
        .spawn()
        .map_err(ClusterError::io(format!("starting {tool} of {}", site.bin_dir.display())))?;
    let pid = child.id().and_then(|id| Pid::try_from(id).ok());
    if let (Some(pid), Some(watchdog)) = (pid, &site.watchdog) {
        watchdog.watch(pid)?;
    }
    let Ok(output) = timeout(limit, child.wait_with_output()).await else {
        // Still watched: its group is ended with the cluster.
        let waiting_for = format!("{tool} to finish");
        return Err(ClusterError::Timeout { waiting_for, limit, log: String::new() });
    };
    let output = output.map_err(ClusterError::io(format!("running {tool}")))?;
    if let (Some(pid), Some(watchdog)) = (pid, &site.watchdog) {
        watchdog.forget(pid);
    }
    if output.status.success() {
        return Ok(());
    }
    let printed = last_lines(&String::from_utf8_lossy(&output.stderr));
    Err(ClusterError::Tool { tool, printed: format!("{} ({printed})", output.status) })
}
