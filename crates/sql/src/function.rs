//! Which built-in functions a read may call.
//!
//! The ground is the server's own word, volatility by `pg_proc` (see `builtin.rs`), with the
//! exceptions below. A name that is in neither list is not known, and then it may write. That a
//! user's overload of a built-in name, in a schema on the search path, can be chosen by its
//! argument types is not to be seen without the catalog.

mod builtin;

use builtin::{STABLE, VOLATILE};

/// What a call of a known function means for the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Writes nothing and runs on a standby.
    Harmless,
    /// May write, or reach outside of the database.
    Volatile,
    /// Fails, or means another thing, on a standby.
    StandbyUnsafe,
    /// Moves or reads a sequence.
    Sequence,
    /// Asks what this session did with sequences.
    SequenceState,
    /// Takes an advisory lock that the session holds.
    AdvisorySession,
    /// Gives one back.
    AdvisoryRelease,
    /// Takes an advisory lock that the transaction holds.
    AdvisoryTransaction,
    /// `set_config`.
    SetConfig,
    /// Shows what this session left on its server connection.
    Session,
    /// Leaves state on the server connection that nothing ends.
    Lasting,
}

/// Where we know better than `provolatile`, sorted by why.
const EXCEPTIONS: &[(&str, Kind)] = &[
    // Volatile only because each call may answer differently: time, chance, where one is. They
    // follow the read's route; people call the last group to see where they are.
    ("clock_timestamp", Kind::Harmless),
    ("current_query", Kind::Harmless),
    ("gen_random_uuid", Kind::Harmless),
    ("random", Kind::Harmless),
    ("timeofday", Kind::Harmless),
    ("pg_sleep", Kind::Harmless),
    ("pg_sleep_for", Kind::Harmless),
    ("pg_sleep_until", Kind::Harmless),
    ("pg_jit_available", Kind::Harmless),
    ("pg_is_in_recovery", Kind::Harmless),
    ("pg_last_wal_receive_lsn", Kind::Harmless),
    ("pg_last_wal_replay_lsn", Kind::Harmless),
    ("pg_last_xact_replay_timestamp", Kind::Harmless),
    // Volatile because files grow and catalogs change under them; they only look. psql's \d+ and
    // monitoring live on them.
    ("lo_get", Kind::Harmless),
    ("pg_collation_actual_version", Kind::Harmless),
    ("pg_database_collation_actual_version", Kind::Harmless),
    ("pg_database_size", Kind::Harmless),
    ("pg_indexes_size", Kind::Harmless),
    ("pg_partition_ancestors", Kind::Harmless),
    ("pg_partition_tree", Kind::Harmless),
    ("pg_relation_size", Kind::Harmless),
    ("pg_table_size", Kind::Harmless),
    ("pg_tablespace_size", Kind::Harmless),
    ("pg_total_relation_size", Kind::Harmless),
    // Transaction ids and snapshots: a standby assigns none, and its snapshots are its own.
    ("pg_current_snapshot", Kind::StandbyUnsafe),
    ("pg_current_xact_id", Kind::StandbyUnsafe),
    ("pg_current_xact_id_if_assigned", Kind::StandbyUnsafe),
    ("pg_export_snapshot", Kind::StandbyUnsafe),
    ("pg_xact_status", Kind::StandbyUnsafe),
    ("txid_current", Kind::StandbyUnsafe),
    ("txid_current_if_assigned", Kind::StandbyUnsafe),
    ("txid_current_snapshot", Kind::StandbyUnsafe),
    ("txid_status", Kind::StandbyUnsafe),
    // Commit timestamps are kept by the node's own setting.
    ("pg_last_committed_xact", Kind::StandbyUnsafe),
    ("pg_xact_commit_timestamp", Kind::StandbyUnsafe),
    ("pg_xact_commit_timestamp_origin", Kind::StandbyUnsafe),
    // The log's write side: "recovery is in progress". Two of them are called immutable.
    ("pg_create_restore_point", Kind::StandbyUnsafe),
    ("pg_current_wal_flush_lsn", Kind::StandbyUnsafe),
    ("pg_current_wal_insert_lsn", Kind::StandbyUnsafe),
    ("pg_current_wal_lsn", Kind::StandbyUnsafe),
    ("pg_logical_emit_message", Kind::StandbyUnsafe),
    ("pg_switch_wal", Kind::StandbyUnsafe),
    ("pg_walfile_name", Kind::StandbyUnsafe),
    ("pg_walfile_name_offset", Kind::StandbyUnsafe),
    // Replication as this node sees it: a replica has senders, slots and an archiver of its own.
    ("pg_get_replication_slots", Kind::StandbyUnsafe),
    ("pg_replication_origin_oid", Kind::StandbyUnsafe),
    ("pg_stat_get_archiver", Kind::StandbyUnsafe),
    ("pg_stat_get_replication_slot", Kind::StandbyUnsafe),
    ("pg_stat_get_wal_senders", Kind::StandbyUnsafe),
    // Of what goes on here and now, and of a standby's replay: a primary refuses the latter.
    ("pg_blocking_pids", Kind::StandbyUnsafe),
    ("pg_get_wal_replay_pause_state", Kind::StandbyUnsafe),
    ("pg_is_wal_replay_paused", Kind::StandbyUnsafe),
    ("pg_lock_status", Kind::StandbyUnsafe),
    // These act on the server that happens to run them.
    ("pg_cancel_backend", Kind::StandbyUnsafe),
    ("pg_promote", Kind::StandbyUnsafe),
    ("pg_reload_conf", Kind::StandbyUnsafe),
    ("pg_terminate_backend", Kind::StandbyUnsafe),
    ("pg_wal_replay_pause", Kind::StandbyUnsafe),
    ("pg_wal_replay_resume", Kind::StandbyUnsafe),
    // Stable, yet they read whatever a relation's rules and policies call: SQL made at run time.
    ("database_to_xml", Kind::Volatile),
    ("database_to_xml_and_xmlschema", Kind::Volatile),
    ("database_to_xmlschema", Kind::Volatile),
    ("schema_to_xml", Kind::Volatile),
    ("schema_to_xml_and_xmlschema", Kind::Volatile),
    ("schema_to_xmlschema", Kind::Volatile),
    ("table_to_xml", Kind::Volatile),
    ("table_to_xml_and_xmlschema", Kind::Volatile),
    ("table_to_xmlschema", Kind::Volatile),
    // Validators compile or check code; nobody reads with them.
    ("fmgr_c_validator", Kind::Volatile),
    ("fmgr_internal_validator", Kind::Volatile),
    ("fmgr_sql_validator", Kind::Volatile),
    // What the session has on its server connection. With pooled connections the answer depends
    // on where it is asked.
    ("pg_cursor", Kind::Session),
    ("pg_is_other_temp_schema", Kind::Session),
    ("pg_listening_channels", Kind::Session),
    ("pg_my_temp_schema", Kind::Session),
    ("pg_prepared_statement", Kind::Session),
    // These stay until the connection ends.
    ("pg_backup_start", Kind::Lasting),
    ("pg_backup_stop", Kind::Lasting),
    ("pg_copy_logical_replication_slot", Kind::Lasting),
    ("pg_copy_physical_replication_slot", Kind::Lasting),
    ("pg_create_logical_replication_slot", Kind::Lasting),
    ("pg_create_physical_replication_slot", Kind::Lasting),
    ("pg_replication_origin_session_setup", Kind::Lasting),
    ("setseed", Kind::Lasting),
    ("set_config", Kind::SetConfig),
    ("nextval", Kind::Sequence),
    ("setval", Kind::Sequence),
    ("pg_sequence_last_value", Kind::Sequence),
    ("currval", Kind::SequenceState),
    ("lastval", Kind::SequenceState),
    ("pg_advisory_lock", Kind::AdvisorySession),
    ("pg_advisory_lock_shared", Kind::AdvisorySession),
    ("pg_advisory_unlock", Kind::AdvisoryRelease),
    ("pg_advisory_unlock_all", Kind::AdvisoryRelease),
    ("pg_advisory_unlock_shared", Kind::AdvisoryRelease),
    ("pg_try_advisory_lock", Kind::AdvisorySession),
    ("pg_try_advisory_lock_shared", Kind::AdvisorySession),
    ("pg_advisory_xact_lock", Kind::AdvisoryTransaction),
    ("pg_advisory_xact_lock_shared", Kind::AdvisoryTransaction),
    ("pg_try_advisory_xact_lock", Kind::AdvisoryTransaction),
    ("pg_try_advisory_xact_lock_shared", Kind::AdvisoryTransaction),
];

/// Looks a function of `pg_catalog` up by its name; letters match in any case, since an unquoted
/// name was written in any case. `None`: there is no such function.
pub fn built_in(name: &[u8]) -> Option<Kind> {
    let mut slot = hash(name);
    loop {
        let (known, kind) = entry(usize::from((*SLOTS.get(slot)?).checked_sub(1)?))?;
        if known.as_bytes().eq_ignore_ascii_case(name) {
            return Some(kind);
        }
        slot = (slot + 1) % SLOT_COUNT;
    }
}

/// Whether it tells how large tables are: its answer changes with writes to tables that the
/// text need not name.
pub fn measures_tables(name: &[u8]) -> bool {
    const MEASURES: [&str; 6] = [
        "pg_database_size",
        "pg_indexes_size",
        "pg_relation_size",
        "pg_table_size",
        "pg_tablespace_size",
        "pg_total_relation_size",
    ];
    MEASURES.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()))
}

/// What a dotted name means if the server takes it for a call; `None`: nothing harmful. Columns are
/// many, and most of them are shorter than any function to fear.
pub fn harmful(name: &[u8]) -> Option<Kind> {
    if name.len() < HARMFUL_LENGTH_MIN {
        return None;
    }
    built_in(name).filter(|kind| *kind != Kind::Harmless)
}

/// As long as `lo_get`.
const HARMFUL_LENGTH_MIN: usize = 6;

/// The helpers of the `information_schema` views, all of them immutable or stable.
pub fn is_information_schema_helper(name: &[u8]) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"_pg_"))
}

/// The n-th of exceptions, stable and volatile functions, in this order: so an exception is found
/// before the entry that it corrects.
const fn entry(n: usize) -> Option<(&'static str, Kind)> {
    if n < EXCEPTIONS.len() {
        return Some(at(EXCEPTIONS, n));
    }
    let n = n - EXCEPTIONS.len();
    if n < STABLE.len() {
        return Some((at(&STABLE, n), Kind::Harmless));
    }
    let n = n - STABLE.len();
    if n < VOLATILE.len() {
        return Some((at(&VOLATILE, n), Kind::Volatile));
    }
    None
}

/// Power of two, and about three times the number of names: a miss ends after a probe or two.
const SLOT_COUNT: usize = 8192;

/// An open-addressing hash index, made by the compiler: 0 is empty, else 1 + the entry's number.
static SLOTS: [u16; SLOT_COUNT] = index();

#[expect(clippy::indexing_slicing, reason = "runs in the compiler; slots wrap at SLOT_COUNT")]
const fn index() -> [u16; SLOT_COUNT] {
    let mut slots = [0; SLOT_COUNT];
    let mut n: u16 = 0;
    while let Some((name, _)) = entry(n as usize) {
        let mut slot = hash(name.as_bytes());
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOT_COUNT;
        }
        n += 1;
        slots[slot] = n;
    }
    slots
}

#[expect(clippy::indexing_slicing, reason = "`entry` checked the bounds; `get` is not const")]
const fn at<T: Copy>(list: &[T], n: usize) -> T {
    list[n]
}

/// FNV-1a with letters folded, to a slot.
const fn hash(name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut rest = name;
    while let Some((byte, tail)) = rest.split_first() {
        hash = (hash ^ (*byte | 0x20) as u32).wrapping_mul(0x0100_0193);
        rest = tail;
    }
    (hash ^ (hash >> 16)) as usize % SLOT_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_exceptions_win() {
        for (name, kind) in EXCEPTIONS {
            assert_eq!(built_in(name.as_bytes()), Some(*kind), "{name}");
            assert!(
                STABLE.contains(name) || VOLATILE.contains(name),
                "{name} is not a function of the server"
            );
        }
        let excepted = |name: &str| EXCEPTIONS.iter().any(|(other, _)| *other == name);
        for name in STABLE.iter().filter(|name| !excepted(name)) {
            assert_eq!(built_in(name.as_bytes()), Some(Kind::Harmless), "{name}");
        }
        for name in VOLATILE.iter().filter(|name| !excepted(name)) {
            assert_eq!(built_in(name.as_bytes()), Some(Kind::Volatile), "{name}");
        }
    }

    #[test]
    fn no_harmful_name_is_too_short_to_be_looked_up() {
        let mut names = VOLATILE.iter().chain(EXCEPTIONS.iter().map(|(name, _)| name));
        let found = names.all(|name| {
            harmful(name.as_bytes()).is_some() || built_in(name.as_bytes()) == Some(Kind::Harmless)
        });
        assert!(found);
    }

    #[test]
    fn names_match_in_any_case_and_whole() {
        assert_eq!(built_in(b"LOWER"), Some(Kind::Harmless));
        assert_eq!(built_in(b"lowe"), None);
        assert_eq!(built_in(b"lowerr"), None);
        assert_eq!(built_in(b""), None);
        assert_eq!(built_in("löwer".as_bytes()), None);
        assert_eq!(built_in(&vec![b'x'; 100_000]), None);
    }

    #[test]
    fn the_index_is_sparse() {
        let full = SLOTS.iter().filter(|slot| **slot != 0).count();
        assert!(full * 2 < SLOT_COUNT, "{full} of {SLOT_COUNT} slots are taken");
    }
}
