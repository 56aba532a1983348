//! Processes by number: signals, trees, and whether they still run.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process as sys;

/// How often a condition without a notification is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// A process number.
pub(crate) type Pid = i32;

/// How a server is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are ended, then a checkpoint is written. A primary first sends
    /// its replicas all that it has written.
    Fast,
    /// All processes end at once, as in a crash; recovery follows at the start.
    Immediate,
}

/// The signals we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// A postmaster's fast stop.
    Interrupt,
    /// A postmaster's immediate stop.
    Quit,
    Kill,
    Freeze,
    Thaw,
}

impl Signal {
    fn number(self) -> sys::Signal {
        match self {
            Self::Interrupt => sys::Signal::INT,
            Self::Quit => sys::Signal::QUIT,
            Self::Kill => sys::Signal::KILL,
            Self::Freeze => sys::Signal::STOP,
            Self::Thaw => sys::Signal::CONT,
        }
    }
}

/// Sends `signal`; a process that is gone already is no error.
pub(crate) fn send(pid: Pid, signal: Signal) {
    // 0 and below would mean whole groups, and 1 is not ours.
    if pid > 1
        && let Some(pid) = sys::Pid::from_raw(pid)
    {
        let _ = sys::kill_process(pid, signal.number());
    }
}

/// Sends `signal` to the group that `leader` leads.
pub(crate) fn send_group(leader: Pid, signal: Signal) {
    if leader > 1
        && let Some(leader) = sys::Pid::from_raw(leader)
    {
        let _ = sys::kill_process_group(leader, signal.number());
    }
}

/// Whether the process runs. A zombie does not: where the first process of a
/// container reaps nobody, waiting for it to vanish would never end.
pub(crate) fn runs(pid: Pid) -> bool {
    if has_proc() {
        return stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X');
    }
    sys::Pid::from_raw(pid).is_some_and(|pid| sys::test_kill_process(pid).is_ok())
}

/// The direct children of `parent`.
///
/// Server processes leave the postmaster's process group, so a signal to the
/// group does not reach them. Without `/proc` none are found.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent))
        .collect()
}

/// The postmaster's number from the lock file in `data`, if it runs there.
///
/// After a power cut the number in the file may be somebody else's, so the
/// process must also have `data` as its working directory.
pub(crate) fn postmaster(data: &Path) -> Option<Pid> {
    let lock = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: Pid = lock.lines().next()?.trim().parse().ok()?;
    if has_proc() {
        let at = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        return (at == data).then_some(pid);
    }
    runs(pid).then_some(pid)
}

/// Gives back the shared memory that a killed postmaster left: the lock file's
/// seventh line is `key id`. A few bytes, but the system's count is limited.
pub(crate) fn release_shared_memory(data: &Path) {
    let id = fs::read_to_string(data.join("postmaster.pid")).ok().and_then(|lock| {
        let id: u64 = lock.lines().nth(6)?.split_whitespace().nth(1)?.parse().ok()?;
        Some(id.to_string())
    });
    if let Some(id) = id {
        // Best effort; the segment may be gone, and so may the program.
        let _ = Command::new("ipcrm").args(["-m", &id]).output();
    }
}

/// Blocks until `done`, at most `limit`; whether it was.
pub(crate) fn wait_blocking(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !done() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// Waits until `done`, at most `limit`; whether it was.
pub(crate) async fn wait(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !done() {
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// State and parent, from `pid (name) state parent …`.
fn stat(pid: Pid) -> Option<(char, Pid)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name may hold anything, so what follows is found from the last bracket.
fn parse_stat(line: &str) -> Option<(char, Pid)> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        assert_eq!(parse_stat("7 (postgres) S 3 7 7 0"), Some(('S', 3)));
        assert_eq!(parse_stat("7 (a) Z 9 (b c) T 42 7"), Some(('T', 42)));
        assert_eq!(parse_stat("7 (postgres"), None);
        assert_eq!(parse_stat("7 (postgres) S"), None);
    }

    #[test]
    fn a_child_is_found_and_a_zombie_does_not_run() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::try_from(child.id()).unwrap();
        let own = Pid::try_from(std::process::id()).unwrap();
        assert!(runs(pid) && children(own).contains(&pid));
        send(pid, Signal::Kill);
        assert!(wait_blocking(Duration::from_secs(5), || !runs(pid)));
        child.wait().unwrap();
    }
}
