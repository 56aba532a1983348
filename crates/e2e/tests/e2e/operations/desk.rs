//! A proxy with a configuration file, and the console of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use afterwrite_cluster::Cluster;
use tempfile::TempDir;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{Proxy, connect, within};

/// A proxy that was started from a file.
pub(super) struct Desk {
    pub(super) proxy: Proxy,
    folder: TempDir,
}

/// A row by the names of its columns; NULL is empty.
pub(super) type Row = BTreeMap<String, String>;

impl Desk {
    /// Starts a proxy with this configuration.
    pub(super) async fn open(text: &str) -> Self {
        Self::open_with(text, &[]).await
    }

    /// As [`Desk::open`], with further files beside it.
    pub(super) async fn open_with(text: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let path = folder.path().join("afterwrite.toml");
        std::fs::write(&path, text).unwrap();
        let proxy = Proxy::start(&["--config", path.to_str().unwrap()]).await;
        Self { proxy, folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("afterwrite.toml")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration anew; nobody is told.
    pub(super) fn rewrite(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    /// The URL of a database, for this user (and, with a colon, a password).
    pub(super) fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.proxy.port())
    }

    /// A client of the database `app`, as the user `app`.
    pub(super) async fn app(&self) -> Client {
        connect(&self.url("app", "app")).await
    }

    /// The console, as this user.
    pub(super) async fn console(&self, user: &str) -> Console {
        Console(connect(&self.url(user, "afterwrite")).await)
    }
}

/// `[cluster]` with all servers of this one, without `tls`.
pub(super) fn cluster_section(cluster: &Cluster) -> String {
    let nodes: Vec<_> =
        cluster.servers().map(|it| format!("\"127.0.0.1:{}\"", it.port())).collect();
    format!(
        "[cluster]\nnodes = [{}]\nuser = \"app\"\ndatabase = \"app\"\n[cluster.tls]\nmode = \"disable\"\n",
        nodes.join(", ")
    )
}

/// A connection to the console.
pub(super) struct Console(pub(super) Client);

impl Console {
    /// What a command gives: its rows, or its error's text.
    pub(super) async fn try_rows(&self, command: &str) -> Result<Vec<Row>, String> {
        let messages = within(command, self.0.simple_query(command)).await;
        let messages = messages.map_err(|error| {
            let told = error.as_db_error().map(|it| {
                format!(
                    "{}: {} {}",
                    it.code().code(),
                    it.message(),
                    it.detail().unwrap_or_default()
                )
            });
            told.unwrap_or_else(|| error.to_string())
        })?;
        Ok(messages.iter().filter_map(named).collect())
    }

    pub(super) async fn rows(&self, command: &str) -> Vec<Row> {
        self.try_rows(command).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// As [`Console::rows`], where the answer is no rows.
    pub(super) async fn run(&self, command: &str) {
        self.rows(command).await;
    }

    /// The error that a command gives.
    pub(super) async fn error(&self, command: &str) -> String {
        match self.try_rows(command).await {
            Ok(rows) => panic!("{command}: no error, but {rows:?}"),
            Err(error) => error,
        }
    }

    /// The rows of which this column has this value.
    pub(super) async fn rows_of(&self, command: &str, column: &str, value: &str) -> Vec<Row> {
        let mut rows = self.rows(command).await;
        rows.retain(|row| row[column] == value);
        rows
    }

    /// The one row of which this column has this value.
    pub(super) async fn row_of(&self, command: &str, column: &str, value: &str) -> Row {
        let mut rows = self.rows_of(command, column, value).await;
        assert_eq!(rows.len(), 1, "{command}, {column} = {value}: {rows:?}");
        rows.remove(0)
    }
}

fn named(message: &SimpleQueryMessage) -> Option<Row> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let columns = row.columns().iter().enumerate();
    Some(
        columns
            .map(|(at, it)| (it.name().to_owned(), row.get(at).unwrap_or_default().to_owned()))
            .collect(),
    )
}

/// A number in a row.
pub(super) fn figure(row: &Row, column: &str) -> i64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is no number: {row:?}"))
}
