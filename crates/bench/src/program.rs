//! Other programs: finding them, running them to their end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::error::{BenchError, last_lines};

/// For a program that only says its version.
const VERSION_MAX: Duration = Duration::from_secs(10);

/// An installed program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The first line of what `--version` prints.
    pub(crate) version: String,
}

impl Program {
    /// Asks the program at `path` for its version.
    pub(crate) async fn at(path: PathBuf) -> Result<Self, BenchError> {
        let mut command = command(&path);
        command.arg("--version");
        let printed = output(&path.display().to_string(), command, VERSION_MAX).await?;
        let version = printed.lines().next().unwrap_or_default().trim().to_owned();
        Ok(Self { path, version })
    }

    /// Whether it lies where Cargo puts what it builds without optimisation.
    pub(crate) fn is_debug_build(&self) -> bool {
        self.path.parent().is_some_and(|folder| folder.ends_with("target/debug"))
    }
}

/// The first of these folders with a file of this name.
pub(crate) fn find(name: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The folders of `$PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}

/// A command that ends when dropped, free of settings that would change what we ask for.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let ours = |name: &str| {
            name.starts_with("PG") || name.starts_with("AFTERWRITE_") || name == "DATABASE_URL"
        };
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it to its end; what it printed to its standard output.
pub(crate) async fn output(
    name: &str,
    mut command: Command,
    limit: Duration,
) -> Result<String, BenchError> {
    let Ok(finished) = tokio::time::timeout(limit, command.output()).await else {
        return Err(BenchError::Timeout { waiting_for: format!("{name} to end"), limit });
    };
    let output = finished.map_err(BenchError::io(format!("running {name}")))?;
    if !output.status.success() {
        let printed = last_lines(&String::from_utf8_lossy(&output.stderr));
        return Err(BenchError::Failed { program: name.to_owned(), printed });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
