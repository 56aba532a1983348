//! Replay on a replica: positions, pausing, delays; and settings of any server.

use std::time::{Duration, Instant};

use afterwrite_types::Lsn;

use crate::error::ClusterError;
use crate::process::POLL;
use crate::server::{ASK_MAX, Server};
use crate::settings;

/// Within it a pause is confirmed, unless a delayed commit is in the way.
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Server {
    /// Up to where it has replayed. `None` if it is no replica.
    pub async fn replay_lsn(&self) -> Result<Option<Lsn>, ClusterError> {
        let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END";
        match self.value("the replayed position", sql).await? {
            Some(text) => self.lsn(&text).map(Some),
            None => Ok(None),
        }
    }

    /// A position that covers every write made on this primary so far.
    ///
    /// It writes a small record and takes *its* end: the insert pointer may stand
    /// past a page's header, where no record ends and nobody ever replays to.
    pub async fn mark(&self) -> Result<Lsn, ClusterError> {
        let sql = "SELECT pg_logical_emit_message(true, 'afterwrite', '')";
        let text = self.value("a position", sql).await?;
        self.lsn(&text.ok_or_else(|| self.unexpected("a position"))?)
    }

    /// Waits until this replica has replayed up to `lsn`.
    pub async fn wait_for_replay(&self, lsn: Lsn, limit: Duration) -> Result<(), ClusterError> {
        let end = Instant::now() + limit;
        while self.replay_lsn().await?.is_none_or(|replayed| replayed < lsn) {
            if Instant::now() >= end {
                return Err(self.timeout(format!("{} to replay {lsn}", self.name()), limit));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Pauses replay and waits until nothing more is replayed.
    ///
    /// While a commit is held back by an apply delay the server does not confirm
    /// the pause, but it does keep it: this returns after two seconds then.
    pub async fn pause_replay(&self) -> Result<(), ClusterError> {
        self.query("SELECT pg_wal_replay_pause()").await?;
        let end = Instant::now() + PAUSE_MAX;
        while !self.is_paused().await? && Instant::now() < end {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Lets replay go on.
    pub async fn resume_replay(&self) -> Result<(), ClusterError> {
        self.query("SELECT pg_wal_replay_resume()").await.map(drop)
    }

    /// Whether replay stands still since [`Server::pause_replay`].
    async fn is_paused(&self) -> Result<bool, ClusterError> {
        // PostgreSQL 13 cannot tell a pause from the wish for one.
        let sql = "SELECT CASE WHEN current_setting('server_version_num')::int < 140000 \
                   THEN 'paused' END";
        if self.value("its version", sql).await?.is_some() {
            return Ok(true);
        }
        let state = self.value("its pause", "SELECT pg_get_wal_replay_pause_state()").await?;
        Ok(state.as_deref() == Some("paused"))
    }

    /// Sets `recovery_min_apply_delay`: each commit shows this long after it was made.
    pub async fn set_apply_delay(&self, delay: Duration) -> Result<(), ClusterError> {
        self.set("recovery_min_apply_delay", &settings::delay(delay)).await
    }

    /// Sets a server setting, reloads, and waits until the reload is done. It
    /// survives restarts. A setting that needs a restart is only written down.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), ClusterError> {
        let loaded = "SELECT pg_conf_load_time()";
        let before = self.value("its load time", loaded).await?;
        let name = settings::identifier(name);
        let sql = format!("ALTER SYSTEM SET {name} = {}", settings::literal(value));
        self.query(&sql).await?;
        self.query("SELECT pg_reload_conf()").await?;
        // A new connection has the postmaster's load time, so the wait is short.
        let end = Instant::now() + ASK_MAX;
        while self.value("its load time", loaded).await? == before {
            if Instant::now() >= end {
                return Err(self.timeout(format!("{} to reload", self.name()), ASK_MAX));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Makes this replica a primary, and waits until it is. The other replicas
    /// keep following the old one.
    pub async fn promote(&self) -> Result<(), ClusterError> {
        let seconds = ASK_MAX.as_secs().saturating_sub(1);
        let sql = format!("SELECT pg_promote(true, {seconds})");
        let outcome = self.value("the promotion", &sql).await?;
        if outcome.as_deref() == Some("t") { Ok(()) } else { Err(self.unexpected("the promotion")) }
    }

    fn lsn(&self, text: &str) -> Result<Lsn, ClusterError> {
        text.parse().map_err(|_| self.unexpected("a position"))
    }
}
