//! Finding the installed PostgreSQL.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ClusterError;

/// All that the launcher runs.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_basebackup"];

/// `pg_current_wal_flush_lsn`, reloadable `primary_conninfo`, `wal_keep_size`.
const MAJOR_MIN: u32 = 13;

/// Where PostgreSQL's server programs are.
///
/// `explicit` if given, else `$PG_BIN`: these two are taken at their word, and
/// refused if a program is missing there. Else the first of `pg_config --bindir`,
/// the newest of the distributions' places, and `$PATH` that has them all.
pub fn find_bin_dir(explicit: Option<&Path>) -> Result<PathBuf, ClusterError> {
    let named = explicit.map(Path::to_path_buf).or_else(|| env::var_os("PG_BIN").map(Into::into));
    if let Some(directory) = named {
        return if is_complete(&directory) {
            Ok(directory)
        } else {
            Err(ClusterError::NoPostgres { looked: vec![directory.display().to_string()] })
        };
    }
    let mut candidates: Vec<PathBuf> = pg_config().into_iter().collect();
    candidates.extend(versioned("/usr/lib/postgresql", ""));
    candidates.extend(versioned("/usr", "pgsql-"));
    let path = env::var_os("PATH").unwrap_or_default();
    candidates.extend(env::split_paths(&path));
    match candidates.iter().find(|directory| is_complete(directory)) {
        Some(directory) => Ok(directory.clone()),
        None => Err(ClusterError::NoPostgres {
            looked: candidates.iter().map(|d| d.display().to_string()).collect(),
        }),
    }
}

fn is_complete(directory: &Path) -> bool {
    PROGRAMS.iter().all(|program| directory.join(program).is_file())
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !printed.trim().is_empty()).then(|| printed.trim().into())
}

/// `parent/{prefix}{version}/bin`, newest first.
fn versioned(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, directory)| directory).collect()
}

/// The major version of the `postgres` in `bin_dir`; an error below 13.
pub(crate) fn major_version(bin_dir: &Path) -> Result<u32, ClusterError> {
    let output = Command::new(bin_dir.join("postgres"))
        .arg("--version")
        .output()
        .map_err(ClusterError::io(format!("running postgres in {}", bin_dir.display())))?;
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match parse_major(&printed) {
        Some(major) if major >= MAJOR_MIN => Ok(major),
        Some(_) | None => Err(ClusterError::Version { printed }),
    }
}

/// From `postgres (PostgreSQL) 15.8 (Debian 15.8-1)`, `… 18beta1` and the like.
fn parse_major(printed: &str) -> Option<u32> {
    let version = printed.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn major_versions() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0)"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 17"), Some(17));
        assert_eq!(parse_major("something else"), None);
        assert_eq!(parse_major(""), None);
    }
}
