//! After a promotion: who follows whom, what is rewound, rebuilt or made anew.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::ClusterError;
use crate::process::StopMode;
use crate::server::Server;
use crate::settings::{self, SUPERUSER, Upstream, identifier};
use crate::tool;

/// For a copy of a small cluster, or for what differs in it.
const COPY_MAX: Duration = Duration::from_mins(2);

/// What the server itself has last written of its settings; it wins over all others.
const AUTO_CONF: &str = "postgresql.auto.conf";

/// What tells a server to follow another one when it starts.
const STANDBY_SIGNAL: &str = "standby.signal";

impl Server {
    /// Has this running replica follow `upstream` from now on.
    pub async fn follow(&self, upstream: &Self) -> Result<(), ClusterError> {
        self.set("primary_slot_name", "").await?;
        self.set("primary_conninfo", &self.conninfo_to(upstream)).await
    }

    /// Cuts this running replica off: it replays what it has, and gets no more.
    pub async fn cut_off(&self) -> Result<(), ClusterError> {
        self.set("primary_conninfo", "").await
    }

    /// Starts this stopped server as a replica of `upstream`, with the log that it has.
    pub async fn start_as_replica_of(&self, upstream: &Self) -> Result<(), ClusterError> {
        self.point_to(upstream)?;
        self.start().await
    }

    /// Rewinds this server, which is stopped first, to where it left the history of
    /// `upstream`, and starts it as a replica of that. Needs `wal_log_hints`.
    pub async fn rewind_to(&self, upstream: &Self) -> Result<(), ClusterError> {
        // Until then the control file tells of the timeline before, and nothing is rewound.
        upstream.query("CHECKPOINT").await?;
        self.stop(StopMode::Fast).await?;
        let own = self.own_settings()?;
        let mut command = self.site.command("pg_rewind");
        command.arg("--target-pgdata").arg(self.data_dir()).arg("--no-sync");
        command.arg("--source-server").arg(format!(
            "{} dbname=postgres",
            self.conninfo_to(upstream).replace(settings::REPLICATION_ROLE, SUPERUSER)
        ));
        tool::run(&self.site, "pg_rewind", command, COPY_MAX).await?;
        self.write_file(settings::FILE_NAME, &own)?;
        self.start_as_replica_of(upstream).await
    }

    /// Makes this server, which is stopped first, anew as a copy of `upstream`, and starts
    /// it as a replica of that.
    pub async fn rebuild_from(&self, upstream: &Self) -> Result<(), ClusterError> {
        self.stop(StopMode::Fast).await?;
        let own = self.own_settings()?;
        self.empty()?;
        let mut command = self.site.command("pg_basebackup");
        command.arg("-D").arg(self.data_dir()).arg("-d").arg(self.conninfo_to(upstream));
        command.args(["--wal-method=stream", "--checkpoint=fast", "--no-password", "--no-sync"]);
        tool::run(&self.site, "pg_basebackup", command, COPY_MAX).await?;
        self.write_file(settings::FILE_NAME, &own)?;
        self.start_as_replica_of(upstream).await
    }

    /// Makes this server, which is stopped first, anew as an empty cluster of its own at the
    /// same address, as a restored or upgraded one is, and starts it.
    pub async fn start_anew(&self) -> Result<(), ClusterError> {
        self.stop(StopMode::Immediate).await?;
        let kept = [settings::FILE_NAME, "postgresql.conf", "pg_hba.conf"];
        let kept = kept.map(|file| self.read_file(file).map(|text| (file, text)));
        self.empty()?;
        let mut command = self.site.command("initdb");
        command.arg("-D").arg(self.data_dir()).arg("--no-sync");
        command.args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale"]);
        tool::run(&self.site, "initdb", command, COPY_MAX).await?;
        for file in kept {
            let (file, text) = file?;
            self.write_file(file, &text)?;
        }
        self.spawn()?;
        self.ready("postgres").await?;
        let (user, database) = (identifier(&self.site.user), identifier(&self.site.database));
        self.query_in("postgres", &format!("CREATE ROLE {user} LOGIN")).await?;
        let sql = format!("CREATE DATABASE {database} OWNER {user}");
        self.query_in("postgres", &sql).await?;
        self.query(&format!("ALTER SCHEMA public OWNER TO {user}")).await.map(drop)
    }

    /// When it starts, it follows `upstream`.
    fn point_to(&self, upstream: &Self) -> Result<(), ClusterError> {
        let conninfo = settings::literal(&self.conninfo_to(upstream));
        let text = format!("primary_conninfo = {conninfo}\nprimary_slot_name = ''\n");
        self.write_file(AUTO_CONF, &text)?;
        self.write_file(STANDBY_SIGNAL, "")
    }

    fn conninfo_to(&self, upstream: &Self) -> String {
        settings::conninfo(&Upstream {
            socket_dir: &self.site.folder.socket_dir,
            port: upstream.port(),
            slot: self.name(),
            apply_delay: Duration::ZERO,
        })
    }

    /// What is this server's alone, its port for one.
    fn own_settings(&self) -> Result<String, ClusterError> {
        self.read_file(settings::FILE_NAME)
    }

    fn read_file(&self, file: &str) -> Result<String, ClusterError> {
        let path = self.data_dir().join(file);
        let doing = format!("reading {}", path.display());
        fs::read_to_string(&path).map_err(ClusterError::io(doing))
    }

    /// Removes all that is in its data directory.
    fn empty(&self) -> Result<(), ClusterError> {
        let doing = |path: &PathBuf| ClusterError::io(format!("emptying {}", path.display()));
        let directory = self.data_dir().to_path_buf();
        for entry in fs::read_dir(&directory).map_err(doing(&directory))? {
            let path = entry.map_err(doing(&directory))?.path();
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(doing(&path))?;
        }
        Ok(())
    }
}
