//! What a server is, beside being one that speaks the protocol.

use std::fmt;

use afterwrite_wire::client;

use crate::connect;
use crate::error::ConnectError;
use crate::stream::Messages;

/// A PostgreSQL, or what was made of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Product {
    /// Nothing else was found.
    #[default]
    Postgres,
    /// Amazon Aurora: its replicas share the primary's storage and replay no log.
    Aurora,
    /// Amazon RDS.
    Rds,
    /// Google `AlloyDB`.
    AlloyDb,
    /// Google Cloud SQL.
    CloudSql,
    /// Azure Database for PostgreSQL.
    AzureFlexible,
    /// Neon.
    Neon,
}

impl Product {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Aurora => "Amazon Aurora",
            Self::Rds => "Amazon RDS",
            Self::AlloyDb => "Google AlloyDB",
            Self::CloudSql => "Google Cloud SQL",
            Self::AzureFlexible => "Azure Database for PostgreSQL",
            Self::Neon => "Neon",
        }
    }

    /// Whether its replicas tell positions of the log that they have replayed.
    pub(crate) const fn tells_positions(self) -> bool {
        !matches!(self, Self::Aurora)
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What speaks the protocol and replicates in a way of its own, by a word of its version.
const FOREIGN: [(&str, &str); 7] = [
    ("CockroachDB", "CockroachDB"),
    ("-YB-", "YugabyteDB"),
    ("Redshift", "Amazon Redshift"),
    ("Greenplum", "Greenplum"),
    ("Materialize", "Materialize"),
    ("CrateDB", "CrateDB"),
    ("RisingWave", "RisingWave"),
];

const VERSION_SQL: &str = "SELECT pg_catalog.version() /* afterwrite: product */";

/// Where there is no such schema.
const PLAIN_VERSION_SQL: &str = "SELECT version() /* afterwrite: product */";

/// Settings and functions that only one of them has.
const SIGNS_SQL: &str = "SELECT pg_catalog.concat_ws(' ', \
     (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.split_part(name, '.', 1), ' ') \
      FROM pg_catalog.pg_settings WHERE pg_catalog.split_part(name, '.', 1) \
      OPERATOR(pg_catalog.=) ANY ('{alloydb,azure,cloudsql,neon,rds}'::pg_catalog.text[])), \
     (SELECT proname FROM pg_catalog.pg_proc \
      WHERE proname OPERATOR(pg_catalog.=) 'aurora_version' LIMIT 1)) \
     /* afterwrite: product */";

/// Asks a server what it is.
///
/// # Errors
///
/// If it does not replicate as PostgreSQL does: what its replicas show cannot be told, and
/// is not guessed.
pub(crate) async fn identify(messages: &mut Messages) -> Result<Product, ConnectError> {
    let version = match ask(messages, VERSION_SQL).await? {
        Some(version) => Some(version),
        None => ask(messages, PLAIN_VERSION_SQL).await?,
    };
    if let Some(name) = version.and_then(|version| foreign(&version)) {
        return Err(ConnectError::Foreign(name));
    }
    Ok(product(&ask(messages, SIGNS_SQL).await?.unwrap_or_default()))
}

/// The first value of an answer; `None` as well if the server refuses to answer.
async fn ask(messages: &mut Messages, sql: &str) -> Result<Option<String>, ConnectError> {
    let mut out = Vec::new();
    client::query(&mut out, sql);
    messages.send(&out).await?;
    match connect::read_row(messages).await {
        Ok(row) => Ok(row.into_iter().flatten().next().flatten()),
        Err(ConnectError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn foreign(version: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(word, _)| version.contains(word)).map(|(_, name)| *name)
}

fn product(signs: &str) -> Product {
    let has = |sign: &str| signs.split(' ').any(|it| it == sign);
    // Aurora has RDS's settings, too.
    let known = [
        ("aurora_version", Product::Aurora),
        ("alloydb", Product::AlloyDb),
        ("cloudsql", Product::CloudSql),
        ("azure", Product::AzureFlexible),
        ("neon", Product::Neon),
        ("rds", Product::Rds),
    ];
    known.into_iter().find(|(sign, _)| has(sign)).map_or(Product::Postgres, |(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replicates_otherwise_is_named() {
        for (version, expected) in [
            ("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu", None),
            ("PostgreSQL 16.4 on aarch64-unknown-linux-gnu, compiled by gcc", None),
            (
                "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)",
                Some("CockroachDB"),
            ),
            ("PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu", Some("YugabyteDB")),
            ("PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.65618", Some("Amazon Redshift")),
            ("PostgreSQL 9.4.26 (Greenplum Database 6.25.3)", Some("Greenplum")),
        ] {
            assert_eq!(foreign(version), expected, "{version}");
        }
    }

    #[test]
    fn what_was_made_of_postgres_is_named() {
        for (signs, expected) in [
            ("", Product::Postgres),
            ("rds", Product::Rds),
            ("rds aurora_version", Product::Aurora),
            ("alloydb", Product::AlloyDb),
            ("azure", Product::AzureFlexible),
            ("cloudsql", Product::CloudSql),
            ("neon", Product::Neon),
        ] {
            assert_eq!(product(signs), expected, "{signs}");
        }
    }
}
