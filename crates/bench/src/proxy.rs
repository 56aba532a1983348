//! A proxy as our child: started on a free port, awaited, measured, ended.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use afterwrite_cluster::free_port;
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Child;

use crate::afterwrite;
use crate::client::Client;
use crate::door::{self, Certificate, Door};
use crate::error::{BenchError, last_lines};
use crate::pgbouncer;
use crate::proc::{self, Memory, Pid, Usage};
use crate::program::{self, Program};
use crate::target::Target;

const READY_MAX: Duration = Duration::from_secs(20);
const STOP_MAX: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// What the proxies stand on, the same for all.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// Ports on 127.0.0.1.
    pub(crate) primary: u16,
    pub(crate) replicas: Vec<u16>,
    pub(crate) user: String,
    pub(crate) database: String,
    /// Server connections of each proxy, per node.
    pub(crate) pool_size: u16,
    /// The most clients of any cell: what a pool per session needs.
    pub(crate) sessions_max: u16,
    /// There is one if any door speaks TLS.
    pub(crate) certificate: Option<Certificate>,
}

impl Ground {
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            primary: 5432,
            replicas: vec![5433, 5434],
            user: "app".to_owned(),
            database: "app".to_owned(),
            pool_size: 20,
            sessions_max: 64,
            certificate: Some(Certificate {
                certificate: "/t/server.crt".into(),
                key: "/t/server.key".into(),
            }),
        }
    }
}

/// A running proxy. Dropping it kills it and removes its files.
pub(crate) struct Proxy {
    pub(crate) target: Target,
    pub(crate) port: u16,
    // Before the folder, so that it is dead when its files go.
    child: Child,
    pid: Pid,
    folder: TempDir,
}

impl Proxy {
    /// Starts `target` with `program`, and waits until it answers a query, or asks for
    /// the password if it is to. If
    /// dropped meanwhile, nothing is left behind.
    pub(crate) async fn start(
        target: Target,
        program: &Program,
        ground: &Ground,
        door: Door,
    ) -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("afterwrite-bench-proxy-")
            .tempdir()
            .map_err(BenchError::io("making a folder for a proxy"))?;
        let port = free_port()?;
        let config = folder.path().join("config");
        let arguments = configure(target, program, ground, door, port, &config)?;
        let log = File::create(log_path(folder.path())).map_err(BenchError::io("making a log"))?;
        let second = log.try_clone().map_err(BenchError::io("making a log"))?;
        let child = program::command(&program.path)
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(second))
            // Ctrl-C at the terminal is for us; we end it ourselves.
            .process_group(0)
            .spawn()
            .map_err(BenchError::io(format!("starting {}", target.title())))?;
        let pid = child.id().and_then(|pid| Pid::try_from(pid).ok()).unwrap_or_default();
        let mut proxy = Self { target, port, child, pid, folder };
        proxy.ready(ground, door).await?;
        Ok(proxy)
    }

    async fn ready(&mut self, ground: &Ground, door: Door) -> Result<(), BenchError> {
        let end = Instant::now() + READY_MAX;
        loop {
            self.check()?;
            match first_query(self.port, ground).await {
                Ok(()) => return Ok(()),
                Err(BenchError::PasswordWanted) if door == Door::Scram => return Ok(()),
                Err(_) if Instant::now() < end => tokio::time::sleep(POLL).await,
                Err(error) => {
                    let why = format!("no answer within {READY_MAX:?}: {error}; {}", self.log());
                    return Err(BenchError::Refused { by: self.target.title().to_owned(), why });
                }
            }
        }
    }

    /// An error with the end of its log, if it has ended.
    pub(crate) fn check(&mut self) -> Result<(), BenchError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(BenchError::Failed {
                program: self.target.title().to_owned(),
                printed: self.log(),
            }),
        }
    }

    pub(crate) fn usage(&self) -> Result<Usage, BenchError> {
        proc::usage(self.pid)
    }

    pub(crate) fn memory(&self) -> Result<Memory, BenchError> {
        proc::memory(self.pid)
    }

    /// Asks it to end, and makes it end if it does not.
    pub(crate) async fn stop(mut self) {
        // Once it has been waited for, its number may be somebody else's.
        if self.child.id().is_some()
            && let Some(pid) = rustix::process::Pid::from_raw(self.pid)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(STOP_MAX, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn log(&self) -> String {
        last_lines(&fs::read_to_string(log_path(self.folder.path())).unwrap_or_default())
    }
}

/// Writes its configuration; the arguments that name it.
fn configure(
    target: Target,
    program: &Program,
    ground: &Ground,
    door: Door,
    port: u16,
    config: &Path,
) -> Result<Vec<PathBuf>, BenchError> {
    let (text, arguments) = if target.is_afterwrite() {
        let replicas = match target {
            Target::Afterwrite => ground.replicas.as_slice(),
            Target::Direct | Target::Pgbouncer | Target::AfterwritePrimary => &[],
        };
        (
            afterwrite::toml(ground, door, port, free_port()?, replicas),
            afterwrite::arguments(config),
        )
    } else {
        let account = pgbouncer::account();
        let users = config.with_extension("users");
        let ini = pgbouncer::ini(ground, door, port, &program.version, account, &users);
        if door == Door::Scram {
            fs::write(&users, pgbouncer::users(ground))
                .map_err(BenchError::io("writing a proxy's users"))?;
            config.parent().map_or(Ok(()), door::readable)?;
        }
        (ini, pgbouncer::arguments(config))
    };
    fs::write(config, text).map_err(BenchError::io("writing a proxy's configuration"))?;
    Ok(arguments)
}

async fn first_query(port: u16, ground: &Ground) -> Result<(), BenchError> {
    let mut client = Client::connect(port, &ground.user, &ground.database).await?;
    client.query("SELECT 1").await
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}
