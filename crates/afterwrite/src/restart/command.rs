//! `afterwrite restart`: the running process starts the new one.
//!
//! Not we: the new one must belong to the same service, with its environment, its
//! limits and its log.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::message::Message;
use super::takeover;
use crate::cli::ConfigArguments;
use crate::exit::Exit;
use crate::settings;

/// How long the running process may take to answer: the new one asks all its nodes.
const ANSWER_MAX: Duration = Duration::from_secs(150);

/// Has the running process replaced by a new one.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Exit> {
    // Checked here, so that what is wrong with it is told here.
    let config = settings::configuration(arguments, afterwrite_config::Overlay::default())?;
    let Some(path) = config.restart_socket else {
        return Err(Exit::Config("afterwrite: restart_socket is not configured".to_owned()));
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Exit::failed)?;
    let failed = |error: io::Error| Exit::Failed(format!("{}: {error}", path.display()));
    runtime.block_on(async {
        let Some(mut channel) = takeover::connect(&path).await.map_err(failed)? else {
            return Err(Exit::Failed(format!("nobody serves behind {}", path.display())));
        };
        channel.send(&Message::Restart).await.map_err(failed)?;
        match channel.expect(ANSWER_MAX).await.map_err(failed)? {
            Message::Restarted { pid } => {
                println!("process {pid} serves now");
                Ok(())
            }
            Message::Refused(why) => Err(Exit::Failed(why)),
            other => Err(Exit::Failed(format!("the running process says {other:?}"))),
        }
    })
}

/// How this process was started.
#[derive(Clone, Debug)]
pub(crate) struct Respawn {
    /// Its path when it started: behind it there may be another release by now.
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Respawn {
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let arguments = std::env::args_os().skip(1).collect();
        Ok(Self { program: std::env::current_exe()?, arguments })
    }

    pub(super) fn start(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(with_takeover(&self.arguments))
            // They name this process.
            .env_remove("WATCHDOG_PID")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS")
            .stdin(Stdio::null())
            .spawn()
    }
}

/// The same arguments, to take over: `serve`, the flag, and the rest.
fn with_takeover(arguments: &[OsString]) -> Vec<OsString> {
    let flag = OsString::from("--takeover");
    let mut all = arguments.to_vec();
    if !all.contains(&flag) {
        all.insert(1.min(all.len()), flag);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &[&str], after: &[&str]) {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(with_takeover(&words(before)), words(after));
    }

    #[test]
    fn the_flag_is_added_once() {
        check(&["serve", "-c", "x"], &["serve", "--takeover", "-c", "x"]);
        check(&["serve", "--takeover", "-c", "x"], &["serve", "--takeover", "-c", "x"]);
        check(&["serve"], &["serve", "--takeover"]);
    }
}
