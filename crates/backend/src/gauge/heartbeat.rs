//! A table of one row, whose number goes up by one for each question to the primary.
//!
//! Whoever sees a beat sees everything that was acknowledged before the beat was begun: its
//! commit comes later in the log, and a replica makes commits visible in the log's order. That
//! order is all that is assumed.
//!
//! Beats take the place of log positions, and *lives* that of timelines: the first beat that
//! another server makes, or the same one after a start, begins a new life, in the same
//! transaction. So beats that a failover has lost are not mistaken for those that come after it
//! with the same number.

use std::fmt;

use afterwrite_types::{Line, Lsn, Role, SystemId, TableName, Timeline, WalGeometry};

use super::{Columns, START_SQL};
use crate::connect::Introduction;
use crate::error::ConnectError;

/// The table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatTable(TableName);

impl HeartbeatTable {
    /// The table of this name.
    pub fn new(name: TableName) -> Self {
        Self(name)
    }
}

impl Default for HeartbeatTable {
    fn default() -> Self {
        Self(TableName::new("afterwrite", "heartbeat"))
    }
}

impl fmt::Display for HeartbeatTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When the server that is asked was started, in microseconds: what tells its lives apart.
const STARTED_SQL: &str = "(pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) \
     OPERATOR(pg_catalog.*) 1000000::pg_catalog.float8)::pg_catalog.int8";

impl HeartbeatTable {
    /// Which beat a server shows, and whose.
    pub(super) fn question(&self) -> String {
        let table = self.0.quoted();
        format!(
            "SELECT pg_catalog.pg_is_in_recovery(), {START_SQL}, pg_catalog.pg_backend_pid(), \
             h.system, h.life, h.beat, h.server OPERATOR(pg_catalog.=) {STARTED_SQL}, 'shown' \
             FROM (SELECT 1) one LEFT JOIN {table} h ON true /* afterwrite: heartbeat */"
        )
    }

    /// The same over a client's connection, as one text.
    pub(crate) fn witness_sql(&self) -> String {
        let table = self.0.quoted();
        format!(
            "SELECT pg_catalog.concat_ws(' ', system, life, beat) FROM {table} \
             /* afterwrite: heartbeat */"
        )
    }

    /// Makes a beat. It need not wait for any standby: its place in the log is what counts.
    pub(crate) fn beat_sql(&self) -> String {
        let table = self.0.quoted();
        format!(
            "SET synchronous_commit = local; \
             UPDATE {table} SET beat = beat OPERATOR(pg_catalog.+) 1::pg_catalog.int8, \
             life = life OPERATOR(pg_catalog.+) CASE WHEN server OPERATOR(pg_catalog.=) \
             {STARTED_SQL} THEN 0 ELSE 1 END, server = {STARTED_SQL} \
             RETURNING pg_catalog.pg_is_in_recovery(), {START_SQL}, pg_catalog.pg_backend_pid(), \
             system, life, beat, true, 'made' /* afterwrite: heartbeat */"
        )
    }

    /// Makes the table, if it is not there. Everybody may read it: connections of clients ask
    /// it, too.
    pub(crate) fn creation_sql(&self) -> String {
        let (schema, table) = (self.0.schema(), self.0.quoted());
        format!(
            "CREATE SCHEMA IF NOT EXISTS \"{schema}\"; \
             CREATE TABLE IF NOT EXISTS {table} (\
             one pg_catalog.bool PRIMARY KEY DEFAULT true CHECK (one), \
             system pg_catalog.int8 NOT NULL, life pg_catalog.int4 NOT NULL, \
             server pg_catalog.int8 NOT NULL, beat pg_catalog.int8 NOT NULL) \
             WITH (fillfactor = 10); \
             INSERT INTO {table} VALUES (true, \
             (pg_catalog.random() OPERATOR(pg_catalog.*) 9e15::pg_catalog.float8)::pg_catalog.int8, \
             1, 0, 0) ON CONFLICT DO NOTHING; \
             GRANT USAGE ON SCHEMA \"{schema}\" TO PUBLIC; GRANT SELECT ON {table} TO PUBLIC"
        )
    }
}

/// What a server has answered to either question.
pub(super) fn read(row: &[Option<String>]) -> Result<Introduction, ConnectError> {
    let mut columns = Columns::of(row);
    let (role, server) = (columns.role()?, columns.server()?);
    let backend = columns.any().and_then(|pid| pid.parse().ok());
    let system: i64 = columns.number("heartbeat, since the table has no row: its system")?;
    let timeline = Timeline(columns.number("life")?);
    let beat: u64 = columns.number("beat")?;
    let is_current = columns.any() == Some("t");
    let is_fence = role == Role::Primary && columns.any() == Some("made");
    let line = Line { system: SystemId(system.cast_unsigned()), timeline };
    let (lsn, wal) = (Lsn(beat), WalGeometry::default());
    let is_current = is_current || role == Role::Replica;
    Ok(Introduction { role, line, wal, lsn, server, backend, is_fence, is_current })
}

/// What [`HeartbeatTable::witness_sql`] gives: a line and a beat.
pub(crate) fn read_witness(text: &str) -> Option<(Line, Lsn)> {
    let mut parts = text.split(' ');
    let system: i64 = parts.next()?.parse().ok()?;
    let timeline = Timeline(parts.next()?.parse().ok()?);
    let lsn = Lsn(parts.next()?.parse().ok()?);
    Some((Line { system: SystemId(system.cast_unsigned()), timeline }, lsn))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(role: &str, server_is_it: &str, kind: &str) -> Introduction {
        let row = [role, "2026 10.0.0.1 5432", "7", "-5", "3", "41", server_is_it, kind];
        read(&row.map(|it| Some(it.to_owned()))).unwrap()
    }

    #[test]
    fn only_a_beat_that_was_made_covers_what_was_acknowledged_before() {
        assert!(row("f", "t", "made").is_fence);
        assert!(!row("f", "t", "shown").is_fence, "it may be from before");
        assert!(!row("t", "t", "made").is_fence);
        assert!(!row("f", "f", "shown").is_current, "another server's, or of another life");
        assert!(row("t", "f", "shown").is_current);
        let shown = row("t", "f", "shown");
        assert_eq!((shown.line.timeline, shown.lsn), (Timeline(3), Lsn(41)));
        assert_eq!(read_witness("-5 3 41"), Some((shown.line, shown.lsn)));
        assert_eq!(read_witness("3 41"), None);
    }

    #[test]
    fn a_table_without_its_row_is_an_error() {
        let mut row = ["t", "2026", "7"].map(|it| Some(it.to_owned())).to_vec();
        row.extend([None, None, None, None, Some("shown".to_owned())]);
        assert!(read(&row).unwrap_err().to_string().contains("heartbeat"));
    }
}
