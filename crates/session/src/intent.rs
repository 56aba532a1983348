//! What an exchange may do, all its statements taken together.

use afterwrite_sql::{Access, Analysis, Effect, Pin, Reason, Sets, Statement};
use smallvec::SmallVec;

use crate::pinned::Causes;

/// What an exchange may do to the transaction it runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transaction {
    /// Leaves it as it is.
    #[default]
    Untouched,
    /// One `BEGIN` and nothing else.
    Begins {
        /// It said `READ ONLY`.
        read_only: bool,
        /// It said `SERIALIZABLE`, which no standby offers.
        serializable: bool,
    },
    /// One `COMMIT`, `ROLLBACK` or `PREPARE TRANSACTION` and nothing else, no `AND CHAIN`.
    Ends {
        /// It was no `ROLLBACK`: the settings that were changed in it stay.
        commits: bool,
    },
    /// Anything else: the status that the server reports is all that is known.
    Mixed,
}

/// A change of the session's settings that must follow the client to its next server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `SET name …`: the statement's own text sets it again.
    Set(String),
    /// `RESET name`, or `SET name TO DEFAULT`.
    Reset(String),
    /// `RESET ALL`.
    ResetAll,
    /// `DISCARD ALL`, which resets the role, too.
    DiscardAll,
}

impl Change {
    pub(crate) fn of(effect: &Effect) -> Option<Self> {
        match effect {
            Effect::Set(set) if set.to_default => Some(Self::Reset(set.name.to_string())),
            Effect::Set(set) => Some(Self::Set(set.name.to_string())),
            Effect::Reset { name } => Some(Self::Reset(name.to_string())),
            Effect::ResetAll => Some(Self::ResetAll),
            Effect::DiscardAll => Some(Self::DiscardAll),
            _ => None,
        }
    }
}

/// What an exchange may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct Intent {
    /// Statements that were analysed.
    pub statements: u32,
    /// Why it may write; `None` if every statement is a proven read.
    pub writes: Option<Reason>,
    /// It adds rows, with words that do nothing else.
    pub inserts: bool,
    /// It may write in another way, too.
    pub changes_rows: bool,
    /// What it does to the transaction.
    pub transaction: Transaction,
    /// It may ask the client for `COPY` data.
    pub copy_in: bool,
    /// What it leaves behind on the server connection, by its text.
    pub pins: Causes,
    /// It runs code that nobody has read: what that leaves only the server knows.
    pub opaque: bool,
    /// It may change settings of the session where nobody sees it.
    pub strays: bool,
    /// It may move a sequence.
    pub moves_sequence: bool,
    /// It may end what ties the client to its connection.
    pub releases: bool,
    /// `DISCARD SEQUENCES`.
    pub forgets_sequences: bool,
    /// It drops prepared statements that we put there.
    pub forgets_prepared: bool,
    /// `SAVEPOINT` and its like.
    pub savepoint: bool,
    /// `SET TRANSACTION`: a read-only transaction may become another.
    pub sets_transaction: bool,
    /// Settings it changes.
    pub changes: SmallVec<[Change; 0]>,
    /// It may have names looked for elsewhere, for the rest of the transaction at least.
    pub moves_path: bool,
    /// Part of it was not analysed: it may do anything.
    pub unread: bool,
    /// It has a statement that is for the proxy.
    pub local: bool,
    /// It commits what another transaction has prepared: nobody knows what.
    pub commits_prepared: bool,
    /// It changes the schema, and not just with something temporary.
    pub schema: bool,
    /// It may be a question: what others have written is in its answer.
    pub asks: bool,
    /// It only shows settings of the server: what the session's primary would say.
    pub only_shows: bool,
}

impl Default for Intent {
    fn default() -> Self {
        Self {
            statements: 0,
            writes: None,
            inserts: false,
            changes_rows: false,
            transaction: Transaction::Untouched,
            copy_in: false,
            pins: Causes::default(),
            opaque: false,
            strays: false,
            moves_sequence: false,
            releases: false,
            forgets_sequences: false,
            forgets_prepared: false,
            savepoint: false,
            sets_transaction: false,
            changes: SmallVec::new(),
            moves_path: false,
            unread: false,
            local: false,
            commits_prepared: false,
            schema: false,
            asks: false,
            only_shows: false,
        }
    }
}

impl Intent {
    /// What the statements of one SQL string may do.
    pub fn of(analysis: &Analysis) -> Self {
        let mut intent = Self::default();
        for statement in &analysis.statements {
            intent.add_statement(statement);
        }
        if analysis.overflow {
            intent.give_up();
        }
        intent
    }

    /// Something that could not be analysed.
    pub fn unread() -> Self {
        let mut intent = Self::default();
        intent.give_up();
        intent
    }

    /// A function of the client's choice, called by its number.
    pub(crate) fn call() -> Self {
        Self {
            statements: 1,
            writes: Some(Reason::UnknownFunction),
            changes_rows: true,
            opaque: true,
            strays: true,
            moves_sequence: true,
            asks: true,
            ..Self::default()
        }
    }

    /// Whether it is proven to read only and leaves nothing behind.
    pub fn reads_only(&self) -> bool {
        self.writes.is_none() && self.pins.is_empty() && !self.unread && self.changes.is_empty()
    }

    /// Whether it changes who the statements run as.
    pub(crate) fn changes_role(&self) -> bool {
        self.changes.iter().any(|change| match change {
            Change::Set(name) => crate::settings::is_role(name),
            Change::Reset(_) | Change::ResetAll | Change::DiscardAll => false,
        })
    }

    /// Whether it puts something in the place of the role that the client has set.
    pub(crate) fn replaces_role(&self) -> bool {
        self.changes.iter().any(|change| match change {
            Change::Set(name) | Change::Reset(name) => crate::settings::is_role(name),
            Change::DiscardAll => true,
            Change::ResetAll => false,
        })
    }

    /// Whether it can run twice without anyone noticing: it only reads, or only
    /// opens a read-only transaction.
    pub fn is_harmless(&self) -> bool {
        let opens = matches!(self.transaction, Transaction::Begins { read_only: true, .. });
        self.reads_only() || opens && self.statements == 1 && !self.unread
    }

    /// Whether what its transaction shows may be fixed by it: not by its end, nor by
    /// `SAVEPOINT`, `RELEASE` or `ROLLBACK TO` alone.
    pub(crate) fn may_take_snapshot(&self) -> bool {
        let only_savepoint = self.savepoint && self.statements == 1 && !self.unread;
        !only_savepoint && !matches!(self.transaction, Transaction::Ends { .. })
    }

    /// What preparing or describing it may do, without executing it: nothing,
    /// but it should be done where it will be executed.
    #[must_use]
    pub fn described(&self) -> Self {
        let Self { writes, unread, only_shows, .. } = *self;
        Self { writes, unread, only_shows, ..Self::default() }
    }

    /// Takes up what a further statement of the same exchange may do.
    pub fn add(&mut self, other: &Self) {
        self.transaction = match (self.statements, other.statements) {
            (_, 0) => self.transaction,
            (0, _) => other.transaction,
            _ => combine(self.transaction, other.transaction),
        };
        self.only_shows = other.only_shows && (self.only_shows || self.statements == 0);
        self.statements += other.statements;
        self.writes = self.writes.or(other.writes);
        self.inserts |= other.inserts;
        self.changes_rows |= other.changes_rows;
        self.copy_in |= other.copy_in;
        self.pins = self.pins.and(other.pins);
        self.opaque |= other.opaque;
        self.strays |= other.strays;
        self.moves_sequence |= other.moves_sequence;
        self.releases |= other.releases;
        self.forgets_sequences |= other.forgets_sequences;
        self.forgets_prepared |= other.forgets_prepared;
        self.savepoint |= other.savepoint;
        self.sets_transaction |= other.sets_transaction;
        if !other.changes.is_empty() {
            self.changes.extend(other.changes.iter().cloned());
        }
        self.moves_path |= other.moves_path;
        self.unread |= other.unread;
        self.local |= other.local;
        self.asks |= other.asks;
        self.schema |= other.schema;
        self.commits_prepared |= other.commits_prepared;
    }

    fn give_up(&mut self) {
        self.unread = true;
        self.asks = true;
        self.changes_rows = true;
        self.moves_path = true;
        self.opaque = true;
        self.strays = true;
        self.moves_sequence = true;
        self.writes = self.writes.or(Some(Reason::Unreadable));
        self.transaction = Transaction::Mixed;
    }

    fn add_statement(&mut self, statement: &Statement) {
        let session = statement.session;
        let mut one = Self {
            statements: 1,
            opaque: session.opaque,
            strays: session.sets >= Sets::Unknown,
            moves_sequence: session.moves_sequence,
            releases: session.releases,
            asks: !statement.reason.says_so(),
            changes: Change::of(&statement.effect).into_iter().collect(),
            ..Self::default()
        };
        if statement.access == Access::Writes {
            one.writes = Some(statement.reason);
            one.inserts = statement.inserts;
            one.changes_rows = !statement.inserts && may_change_rows(statement.reason);
            one.schema = statement.reason == Reason::Ddl && statement.effect == Effect::Plain;
        }
        if session.sets == Sets::Session {
            one.pins.insert(Pin::SetConfig);
        }
        one.moves_path = one.opaque
            || session.sets > Sets::Nothing
            || !one.changes.is_empty()
            || matches!(
                statement.effect,
                Effect::SetLocal | Effect::Pins(_) | Effect::Rollback { .. } | Effect::Savepoint
            );
        match &statement.effect {
            Effect::Show => (one.only_shows, one.asks) = (true, false),
            Effect::Plain
            | Effect::CopyOut
            | Effect::SetLocal
            | Effect::Set(_)
            | Effect::Reset { .. }
            | Effect::ResetAll
            | Effect::RollbackPrepared
            | Effect::Deallocate { .. }
            | Effect::Execute { .. } => {}
            Effect::Begin { read_only, serializable } => {
                one.transaction = Transaction::Begins {
                    read_only: *read_only == Some(true),
                    serializable: *serializable,
                };
            }
            Effect::Commit { chain: false } | Effect::PrepareTransaction => {
                one.transaction = Transaction::Ends { commits: true };
            }
            Effect::Rollback { chain: false } => {
                one.transaction = Transaction::Ends { commits: false };
            }
            Effect::Commit { chain: true } | Effect::Rollback { chain: true } => {
                one.transaction = Transaction::Mixed;
            }
            Effect::CommitPrepared => one.commits_prepared = true,
            Effect::Savepoint => one.savepoint = true,
            Effect::SetTransaction => one.sets_transaction = true,
            Effect::DiscardAll => {
                one.forgets_prepared = true;
                one.forgets_sequences = true;
            }
            Effect::DiscardSequences => one.forgets_sequences = true,
            Effect::DeallocateAll => one.forgets_prepared = true,
            Effect::Pins(pin) => one.pins.insert(*pin),
            Effect::CopyIn => one.copy_in = true,
            Effect::Afterwrite(_) => {
                one.local = true;
                one.writes = None;
                (one.opaque, one.strays) = (false, false);
                one.pins = Causes::default();
            }
        }
        self.add(&one);
    }
}

/// Whether a statement that is no read may have changed more than the session's state.
fn may_change_rows(reason: Reason) -> bool {
    !matches!(reason, Reason::TransactionControl | Reason::SessionState | Reason::ProxySetting)
}

/// What two statements do to the transaction, one after the other.
fn combine(first: Transaction, second: Transaction) -> Transaction {
    match (first, second) {
        (Transaction::Untouched, Transaction::Untouched) => Transaction::Untouched,
        _ => Transaction::Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Intent {
        Intent::of(&afterwrite_sql::analyse(sql.as_bytes()))
    }

    #[test]
    fn transactions_are_followed_only_where_they_are_plain() {
        for (sql, expected) in [
            ("UPDATE t SET a = 1", Transaction::Untouched),
            ("UPDATE t SET a = 1; DELETE FROM t", Transaction::Untouched),
            ("BEGIN", Transaction::Begins { read_only: false, serializable: false }),
            ("BEGIN READ ONLY", Transaction::Begins { read_only: true, serializable: false }),
            ("COMMIT", Transaction::Ends { commits: true }),
            ("ROLLBACK", Transaction::Ends { commits: false }),
            ("COMMIT AND CHAIN", Transaction::Mixed),
            ("BEGIN; SELECT 1", Transaction::Mixed),
            ("COMMIT; BEGIN", Transaction::Mixed),
            ("ROLLBACK TO a", Transaction::Untouched),
        ] {
            assert_eq!(of(sql).transaction, expected, "{sql}");
        }
    }

    #[test]
    fn what_is_left_behind_is_not_a_read() {
        assert!(of("SELECT 1").reads_only());
        for sql in ["SET search_path = a", "LISTEN x", "INSERT INTO t VALUES (1)", "DISCARD ALL"] {
            assert!(!of(sql).reads_only(), "{sql}");
        }
        assert!(of("DISCARD ALL").forgets_prepared);
        assert!(!Intent::unread().reads_only());
    }
}
