//! Asks one node, in detail. What a role may not ask is an answer, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use afterwrite_backend::{ConnectError, Server};
use afterwrite_types::Role;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// One value as text; the server's own words if it refused.
pub(super) type Answer = Result<Option<String>, String>;

/// What one node said.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) role: Role,
    /// `pg_control_system()`.
    pub(super) system: Answer,
    /// The timeline in decimal, by the functions that the proxy uses.
    pub(super) timeline: Answer,
    /// Where a primary will write next; up to where a replica has replayed.
    pub(super) position: Answer,
    /// On a replica: whether its replay is paused.
    pub(super) paused: Answer,
    /// On a replica: how many receivers get the log from its primary.
    pub(super) receivers: Answer,
    /// How many connections this role may have; -1 for no limit of its own.
    pub(super) role_limit: Answer,
    /// The server's settings as this login has them.
    pub(super) settings: BTreeMap<String, String>,
}

const SETTINGS: [&str; 12] = [
    "default_transaction_read_only",
    "hot_standby_feedback",
    "max_connections",
    "max_standby_streaming_delay",
    "recovery_min_apply_delay",
    "reserved_connections",
    "server_version",
    "server_version_num",
    "standard_conforming_strings",
    "superuser_reserved_connections",
    "synchronous_commit",
    "wal_block_size",
];

const SEGMENT_SIZE: &str =
    "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))";
const SYSTEM: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
const ROLE_LIMIT: &str = "SELECT rolconnlimit FROM pg_catalog.pg_roles \
                          WHERE rolname OPERATOR(pg_catalog.=) CURRENT_USER";
const WRITTEN: &str = "SELECT pg_catalog.pg_current_wal_insert_lsn()";
const REPLAYED: &str = "SELECT pg_catalog.pg_last_wal_replay_lsn()";
/// A file's name begins with its timeline in hexadecimal.
const WRITTEN_TIMELINE: &str = "SELECT ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(\
                                pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int";
const REPLAYED_TIMELINE: &str = "SELECT GREATEST((SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()), \
     (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver))";
const PAUSED: &str = "SELECT pg_catalog.pg_is_wal_replay_paused()";
const RECEIVERS: &str = "SELECT count(*) FROM pg_catalog.pg_stat_wal_receiver";

/// Asks for everything, each question by itself, over TLS or in clear text as the proxy
/// does. Fails if there is no login.
pub(super) async fn ask(
    server: &Server,
    login: &Config,
    limit: Duration,
) -> Result<Answers, String> {
    let asking = async {
        let speak = |stream, _| async {
            login.connect_raw(stream, NoTls).await.map_err(|error| refused(&error))
        };
        let entered = server.enter(speak).await;
        let (client, connection) = entered.map_err(|error| error.to_string())?;
        // In a set, so that it ends with us.
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        answers(&client).await
    };
    timeout(limit, asking).await.map_err(|_| format!("no answer within {limit:?}"))?
}

async fn answers(client: &Client) -> Result<Answers, String> {
    let recovers = value(client, "SELECT pg_catalog.pg_is_in_recovery()").await?;
    let role = if recovers.as_deref() == Some("t") { Role::Replica } else { Role::Primary };
    let (position, timeline) = match role {
        Role::Primary => (WRITTEN, WRITTEN_TIMELINE),
        Role::Replica => (REPLAYED, REPLAYED_TIMELINE),
    };
    let of_replica = async |sql| match role {
        Role::Primary => Ok(None),
        Role::Replica => value(client, sql).await,
    };
    Ok(Answers {
        role,
        system: value(client, SYSTEM).await,
        timeline: value(client, timeline).await,
        position: value(client, position).await,
        paused: of_replica(PAUSED).await,
        receivers: of_replica(RECEIVERS).await,
        role_limit: value(client, ROLE_LIMIT).await,
        settings: settings(client).await?,
    })
}

async fn settings(client: &Client) -> Result<BTreeMap<String, String>, String> {
    let mut sql = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN (''".to_owned();
    for name in SETTINGS {
        // Writing to a string cannot fail.
        let _ = write!(sql, ", '{name}'");
    }
    let messages = client.simple_query(&(sql + ")")).await.map_err(|error| words(&error))?;
    let pair = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((row.try_get(0).ok()??.to_owned(), row.try_get(1).ok()??.to_owned()))
        }
        _ => None,
    };
    let mut settings: BTreeMap<String, String> = messages.iter().filter_map(pair).collect();
    if let Some(bytes) = value(client, SEGMENT_SIZE).await? {
        settings.insert("wal_segment_size".to_owned(), bytes);
    }
    Ok(settings)
}

async fn value(client: &Client, sql: &str) -> Answer {
    let messages = client.simple_query(sql).await.map_err(|error| words(&error))?;
    let first = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.try_get(0).ok().flatten().map(str::to_owned)),
        _ => None,
    });
    Ok(first.flatten())
}

/// Why there is no login: a rule of the server's may be against how we came.
fn refused(error: &tokio_postgres::Error) -> ConnectError {
    match error.as_db_error() {
        Some(said) => ConnectError::Refused {
            code: said.code().code().to_owned(),
            message: said.message().to_owned(),
        },
        None => ConnectError::Protocol(words(error)),
    }
}

/// What the server said, or else what happened.
fn words(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", said.message(), said.code().code());
    }
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}
