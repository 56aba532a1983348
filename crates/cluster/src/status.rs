//! How a cluster is doing, for `afterwrite cluster status`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afterwrite_types::Lsn;
use serde::Serialize;

use crate::admin;
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::server::{Role, Server};

/// A frozen server is told about, not waited for.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A cluster at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its folder.
    pub directory: PathBuf,
    /// The application's URL, without the password.
    pub url: String,
    /// The primary first.
    pub servers: Vec<ServerStatus>,
}

/// A server at one moment. What it did not say is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct ServerStatus {
    /// `primary`, `replica_1`, …
    pub name: String,
    /// What it says it is; what it was started as, if it does not answer.
    pub role: Role,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its postmaster, if it runs.
    pub pid: Option<i32>,
    /// Whether it answered.
    pub answers: bool,
    /// Why it did not answer, though it runs.
    pub error: Option<String>,
    /// A replica's replayed position; a primary's written one.
    pub lsn: Option<String>,
    /// How far a replica's position is behind the primary's.
    pub lag_bytes: Option<u64>,
    /// Whether a replica gets the log from its primary.
    pub streaming: Option<bool>,
    /// Whether a replica's replay is paused.
    pub replay_paused: Option<bool>,
    /// A replica's slot on the primary.
    pub slot: Option<String>,
    /// A replica's `recovery_min_apply_delay`, in milliseconds.
    pub apply_delay_ms: Option<u64>,
}

/// Asks every server of the cluster in `directory`; takes two seconds for each
/// one that runs and does not answer.
pub async fn status(directory: &Path) -> Result<Status, ClusterError> {
    Cluster::attach(directory)?.status().await
}

impl Cluster {
    /// As [`status`], for a cluster at hand.
    pub async fn status(&self) -> Result<Status, ClusterError> {
        let mut servers = Vec::new();
        let mut written: Option<Lsn> = None;
        for server in self.servers() {
            let mut answer = ask(server).await?;
            let lsn: Option<Lsn> = answer.lsn.as_deref().and_then(|lsn| lsn.parse().ok());
            match answer.role {
                Role::Primary => written = written.max(lsn),
                Role::Replica => {
                    answer.lag_bytes = written.zip(lsn).map(|(ahead, lsn)| ahead.bytes_since(lsn));
                }
            }
            servers.push(answer);
        }
        Ok(Status { directory: self.directory().to_path_buf(), url: self.url_redacted(), servers })
    }
}

async fn ask(server: &Server) -> Result<ServerStatus, ClusterError> {
    const SQL: &str = "SELECT pg_is_in_recovery(), \
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, \
        CASE WHEN pg_is_in_recovery() THEN \
            EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') END, \
        CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END, \
        CASE WHEN pg_is_in_recovery() THEN (SELECT setting FROM pg_settings \
            WHERE name = 'recovery_min_apply_delay') END";
    let pid = server.pid();
    let mut status = ServerStatus {
        name: server.name().to_owned(),
        role: server.role(),
        port: server.port(),
        pid,
        answers: false,
        error: None,
        lsn: None,
        lag_bytes: None,
        streaming: None,
        replay_paused: None,
        slot: server.slot(),
        apply_delay_ms: None,
    };
    if pid.is_none() {
        return Ok(status);
    }
    let rows = match admin::query(server.door("postgres"), SQL, ANSWER_MAX).await {
        Some(Ok(rows)) => rows,
        Some(Err(source)) => {
            let error = ClusterError::Query { server: server.name().to_owned(), source };
            status.error = Some(error.to_string());
            return Ok(status);
        }
        None => {
            status.error = Some(format!("no answer within {ANSWER_MAX:?}"));
            return Ok(status);
        }
    };
    let row = rows.into_iter().next().ok_or_else(|| server.unexpected("its status"))?;
    let [recovering, lsn, streaming, paused, delay] =
        <[Option<String>; 5]>::try_from(row).map_err(|_| server.unexpected("its status"))?;
    let is_true = |text: String| text == "t";
    status.answers = true;
    status.role = if recovering.is_some_and(is_true) { Role::Replica } else { Role::Primary };
    status.lsn = lsn;
    status.streaming = streaming.map(is_true);
    status.replay_paused = paused.map(is_true);
    status.apply_delay_ms = delay.and_then(|ms| ms.parse().ok());
    Ok(status)
}
