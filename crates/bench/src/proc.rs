//! What `/proc` says about a process, its threads and its descendants.

use std::fs;

use serde::Serialize;

use crate::error::BenchError;

/// A process number.
pub(crate) type Pid = i32;

/// What a process tree has used since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) user_us: u64,
    pub(crate) system_us: u64,
    /// Times a thread went to sleep: about one per wake-up.
    pub(crate) voluntary_switches: u64,
    /// Times a thread was put aside for another.
    pub(crate) involuntary_switches: u64,
}

impl Usage {
    /// What was used since `earlier`. A thread that ended takes its switches with
    /// it, so those may seem to sink; its CPU time is kept by the process.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user_us: self.user_us.saturating_sub(earlier.user_us),
            system_us: self.system_us.saturating_sub(earlier.system_us),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
        }
    }

    pub(crate) fn cpu_us(self) -> u64 {
        self.user_us + self.system_us
    }
}

/// Memory of a process tree, in bytes. The kernel's socket buffers are in neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Resident, with shared pages divided among those who share them.
    pub(crate) pss: u64,
}

/// What `root` and all below it have used.
pub(crate) fn usage(root: Pid) -> Result<Usage, BenchError> {
    let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let mut sum = Usage::default();
    for pid in tree(root) {
        // What ended since we looked has handed its time to its parent.
        let Some(stat) = stat(pid) else { continue };
        sum.user_us += stat.user_ticks * tick_us;
        sum.system_us += stat.system_ticks * tick_us;
        for status in thread_statuses(pid) {
            sum.voluntary_switches += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
            sum.involuntary_switches += field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
        }
    }
    stat(root).map(|_| sum).ok_or(BenchError::NoProcess { pid: root })
}

/// What `root` and all below it keep in memory.
pub(crate) fn memory(root: Pid) -> Result<Memory, BenchError> {
    let gone = || BenchError::NoProcess { pid: root };
    let mut sum = Memory::default();
    for pid in tree(root) {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_err(|_| gone())?;
        let memory = parse_smaps(&text).ok_or_else(gone)?;
        sum.rss += memory.rss;
        sum.pss += memory.pss;
    }
    Ok(sum)
}

/// `root` and its descendants.
fn tree(root: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let parents: Vec<(Pid, Pid)> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut tree = vec![root];
    let mut looked_at = 0;
    while let Some(&parent) = tree.get(looked_at) {
        looked_at += 1;
        tree.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
    }
    tree
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: Pid,
    /// Its own, all threads, and those of children that it has waited for.
    user_ticks: u64,
    system_ticks: u64,
}

fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state parent … utime stime cutime cstime …`, see `proc(5)`. The
/// name may hold anything, so what follows is found from the last bracket.
fn parse_stat(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        user_ticks: number(11)? + number(13)?,
        system_ticks: number(12)? + number(14)?,
    })
}

fn thread_statuses(pid: Pid) -> impl Iterator<Item = String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok())
}

fn parse_smaps(text: &str) -> Option<Memory> {
    Some(Memory { rss: field(text, "Rss:")? * 1024, pss: field(text, "Pss:")? * 1024 })
}

/// The number after `name` at the beginning of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        let line = "7 (a) b) S 3 7 7 0 -1 4194304 102 0 0 0 250 130 20 10 20 0 1 0 210647";
        assert_eq!(parse_stat(line), Some(Stat { parent: 3, user_ticks: 270, system_ticks: 140 }));
        assert_eq!(parse_stat("7 (a) S 3 7 7 0 -1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn rollups_and_statuses() {
        let text =
            "55f6-7ffe ---p 0 [rollup]\nRss:     1616 kB\nPss:      258 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(parse_smaps(text), Some(Memory { rss: 1616 * 1024, pss: 258 * 1024 }));
        assert_eq!(parse_smaps("Rss: x kB"), None);
        let status = "nonvoluntary_ctxt_switches:\t5\nvoluntary_ctxt_switches:\t41\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(41));
    }

    #[test]
    fn we_use_cpu_and_memory_ourselves() {
        let own = Pid::try_from(std::process::id()).unwrap();
        let before = usage(own).unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_millis(100);
        while std::time::Instant::now() < until {}
        assert!(usage(own).unwrap().since(before).cpu_us() > 0);
        assert!(memory(own).unwrap().rss >= memory(own).unwrap().pss);
        assert!(usage(Pid::MAX).is_err());
    }
}
