//! Programs run to their end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that takes longer hangs.
const RUN_MAX: Duration = Duration::from_mins(1);

/// How a program ended, and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it printed, if it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// Runs `program` with `args` and `input`; fails the test if it does not end in time.
pub(crate) fn run(program: impl AsRef<Path>, args: &[&str], input: &str) -> Ran {
    run_in(&[], program, args, input)
}

/// As [`run`], with these environment variables beside the usual ones.
pub(crate) fn run_in(
    variables: &[(&str, &str)],
    program: impl AsRef<Path>,
    args: &[&str],
    input: &str,
) -> Ran {
    let mut command = Command::new(program.as_ref());
    // Files, not pipes: nobody has to read while it runs.
    let [mut out, mut err] = [(); 2].map(|()| tempfile::tempfile().unwrap());
    let mut child = command
        .args(args)
        .env_remove("DATABASE_URL")
        .env("PGCONNECT_TIMEOUT", "10")
        .env("PGAPPNAME", "e2e")
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()));
    // It may end without reading all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let end = Instant::now() + RUN_MAX;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{} {args:?} still runs after {RUN_MAX:?}:\n{}{}",
                program.as_ref().display(),
                contents(&mut out),
                contents(&mut err)
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ran { code: status.code(), out: contents(&mut out), err: contents(&mut err) }
}

fn contents(file: &mut std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `psql` on a script.
pub(crate) fn psql(url: &str, script: &str) -> Ran {
    run("psql", &["-X", "-w", "-d", url], script)
}
