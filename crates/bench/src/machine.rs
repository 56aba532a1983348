//! Where it was measured.

use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::proc::field;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// That we may run on.
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    /// Over 1, 5 and 15 minutes before the start: what else went on.
    pub(crate) load_average: String,
}

impl Machine {
    /// Asks `/proc`; what that does not say is "unknown".
    pub(crate) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let load = read("/proc/loadavg");
        let load_average: Vec<&str> = load.split_whitespace().take(3).collect();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu_model(&read("/proc/cpuinfo")),
            memory_bytes: field(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0) * 1024,
            kernel: or_unknown(read("/proc/sys/kernel/osrelease").trim()),
            load_average: or_unknown(&load_average.join(" ")),
        }
    }
}

/// The time, UTC, ISO 8601.
pub(crate) fn now() -> String {
    let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output();
    or_unknown(String::from_utf8_lossy(&date.map(|d| d.stdout).unwrap_or_default()).trim())
}

fn cpu_model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    or_unknown(line.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim()))
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\n"), "AMD EPYC");
        assert_eq!(cpu_model("processor: 0\n"), "unknown");
    }

    #[test]
    fn this_machine_is_known() {
        let machine = Machine::look();
        assert!(machine.cores > 0 && machine.memory_bytes > 0);
        assert_eq!(now().len(), "2026-01-02T03:04:05Z".len());
    }
}
