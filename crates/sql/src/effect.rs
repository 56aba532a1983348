//! The words of the analysis: what a statement may do, and why we say so.

use std::fmt;

use smallvec::SmallVec;

use crate::body::Sets;

/// What one SQL string may do, statement by statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// The statements in order. Empty ones (`;;`, comments only) are left out, so an empty list
    /// is what the server answers with `EmptyQueryResponse`.
    pub statements: SmallVec<[Statement; 1]>,
    /// There were more than [`MANY`](crate::MANY) statements and the rest was not looked at:
    /// the whole may do anything.
    pub overflow: bool,
}

impl Analysis {
    /// Whether the whole string may run on a replica as it stands.
    ///
    /// True if there is at least one statement and each is a proven read that leaves nothing
    /// behind: its effect is [`Effect::Plain`], [`Effect::Show`] or [`Effect::CopyOut`].
    /// Transaction control is not a read here, not even `BEGIN READ ONLY`: whoever follows the
    /// transaction decides about it. The proxy's own commands are not either, since no server
    /// knows them.
    pub fn reads_only(&self) -> bool {
        !self.overflow
            && !self.statements.is_empty()
            && self.statements.iter().all(|statement| {
                statement.access == Access::Reads
                    && matches!(statement.effect, Effect::Plain | Effect::Show | Effect::CopyOut)
            })
    }

    /// The statement, if there is exactly one.
    pub fn single(&self) -> Option<&Statement> {
        match self.statements.as_slice() {
            [statement] if !self.overflow => Some(statement),
            _ => None,
        }
    }
}

/// What one statement may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whether it is proven to read only.
    pub access: Access,
    /// Why [`Self::access`] is what it is.
    pub reason: Reason,
    /// What it does besides reading and writing rows.
    pub effect: Effect,
    /// What it may do to the session beyond that.
    pub session: SessionUse,
    /// By its words it only adds rows: `INSERT`, unless on a conflict it updates, and `COPY FROM`.
    pub inserts: bool,
}

/// What a statement may do to the session's state on its server connection, where its
/// [`Effect`] does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionUse {
    /// It runs code whose body is not known: `DO`, `CALL`, a function that is no built-in,
    /// anything that was not understood. Only the server knows what that leaves behind.
    pub opaque: bool,
    /// It may move a sequence, which `currval` then tells. (What triggers do is not seen.)
    pub moves_sequence: bool,
    /// It may end something that ties the client to its connection.
    pub releases: bool,
    /// What code behind it may do to the settings of the session.
    pub sets: Sets,
}

impl SessionUse {
    /// It runs code that nobody has read.
    pub const UNREAD: Self =
        Self { opaque: true, moves_sequence: false, releases: false, sets: Sets::Unknown };
}

impl Statement {
    pub(crate) const fn new(access: Access, reason: Reason, effect: Effect) -> Self {
        let opaque = matches!(reason, Reason::Unreadable | Reason::Unknown);
        let sets = if opaque { Sets::Unknown } else { Sets::Nothing };
        let session = SessionUse { opaque, moves_sequence: false, releases: false, sets };
        Self { access, reason, effect, session, inserts: false }
    }

    pub(crate) fn with(mut self, session: SessionUse) -> Self {
        self.session.opaque |= session.opaque;
        self.session.moves_sequence |= session.moves_sequence;
        self.session.releases |= session.releases;
        self.session.sets = self.session.sets.max(session.sets);
        self
    }

    pub(crate) const fn inserting(mut self, inserts: bool) -> Self {
        self.inserts = inserts;
        self
    }

    pub(crate) const fn releasing(mut self) -> Self {
        self.session.releases = true;
        self
    }

    pub(crate) const fn writes(reason: Reason, effect: Effect) -> Self {
        Self::new(Access::Writes, reason, effect)
    }
}

/// Whether a statement may change anything that others can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Proven to read only, and to mean the same on a hot standby.
    Reads,
    /// Everything else, and every doubt.
    Writes,
}

/// Why a statement was called a read or a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Every token was understood and none of them can write.
    ProvenRead,
    /// `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`.
    Dml,
    /// A change of the schema.
    Ddl,
    /// Another command of the server: `CALL`, `DO`, `NOTIFY`, `LOCK`, `VACUUM`…
    Utility,
    /// `SELECT … FOR UPDATE | NO KEY UPDATE | SHARE | KEY SHARE`.
    LockingClause,
    /// `SELECT … INTO`.
    SelectInto,
    /// A call of a function that is not a known built-in.
    UnknownFunction,
    /// A call of a built-in function that may write.
    VolatileFunction,
    /// A call of a built-in function that fails or means another thing on a standby.
    StandbyUnsafeFunction,
    /// `nextval` and its family.
    SequenceFunction,
    /// Advisory locks: a standby takes them, in a lock space of its own.
    AdvisoryLock,
    /// A writing statement inside another one.
    WritingCte,
    /// `EXPLAIN ANALYZE` of a statement that is not a proven read.
    ExplainAnalyze,
    /// `COPY … FROM`, or a file or program on the server.
    CopyFrom,
    /// `BEGIN`, `COMMIT`, savepoints, two-phase commit.
    TransactionControl,
    /// It sets or uses state of the session on the server.
    SessionState,
    /// `SET`, `SHOW` or `RESET` of the proxy's own settings: no server ever sees it.
    ProxySetting,
    /// A call of a function that claims not to write, but may leave something in the session,
    /// or runs SQL that is made at run time.
    OpaqueFunction,
    /// It reads a table that a standby does not have: unlogged or temporary.
    NotOnStandby,
    /// It reads a foreign table: another server, whose state no position of ours describes.
    ForeignTable,
    /// A view, policy, operator, cast or type behind it calls a function that may write.
    HiddenCall,
    /// It names a relation that is not in the catalog.
    UnknownRelation,
    /// The schema has just been changed and was not read again yet.
    SchemaChanged,
    /// There was no time to look at it: too many new texts at once.
    NotAnalysed,
    /// Not UTF-8, a NUL byte, or something that begins and does not end.
    Unreadable,
    /// Syntax we do not know, or too much of it.
    Unknown,
}

impl Reason {
    /// Whether the words alone say that the statement does something, so that it is no question:
    /// of a call of a function nobody can say.
    pub const fn says_so(self) -> bool {
        matches!(
            self,
            Self::Dml
                | Self::Ddl
                | Self::Utility
                | Self::SelectInto
                | Self::WritingCte
                | Self::CopyFrom
                | Self::TransactionControl
                | Self::SessionState
                | Self::ProxySetting
        )
    }

    /// The reason in `snake_case`, for logs and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProvenRead => "proven_read",
            Self::Dml => "dml",
            Self::Ddl => "ddl",
            Self::Utility => "utility",
            Self::LockingClause => "locking_clause",
            Self::SelectInto => "select_into",
            Self::UnknownFunction => "unknown_function",
            Self::VolatileFunction => "volatile_function",
            Self::StandbyUnsafeFunction => "standby_unsafe_function",
            Self::SequenceFunction => "sequence_function",
            Self::AdvisoryLock => "advisory_lock",
            Self::WritingCte => "writing_cte",
            Self::ExplainAnalyze => "explain_analyze",
            Self::CopyFrom => "copy_from",
            Self::TransactionControl => "transaction_control",
            Self::SessionState => "session_state",
            Self::ProxySetting => "proxy_setting",
            Self::OpaqueFunction => "opaque_function",
            Self::NotOnStandby => "not_on_standby",
            Self::ForeignTable => "foreign_table",
            Self::HiddenCall => "hidden_call",
            Self::UnknownRelation => "unknown_relation",
            Self::SchemaChanged => "schema_changed",
            Self::NotAnalysed => "not_analysed",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
        }
    }
}

/// What a statement does besides reading and writing rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that we know of. `DO`, `CALL` and unknown functions may hide more.
    Plain,
    /// `BEGIN` or `START TRANSACTION`.
    Begin {
        /// `READ ONLY` or `READ WRITE`, the last one written; `None` if neither was.
        read_only: Option<bool>,
        /// `ISOLATION LEVEL SERIALIZABLE` was asked for: not to be had on a standby.
        serializable: bool,
    },
    /// `COMMIT` or `END`.
    Commit {
        /// `AND CHAIN`: the next transaction begins at once.
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT` of the whole transaction.
    Rollback {
        /// `AND CHAIN`: the next transaction begins at once.
        chain: bool,
    },
    /// `SAVEPOINT`, `RELEASE`, `ROLLBACK TO`.
    Savepoint,
    /// `PREPARE TRANSACTION`.
    PrepareTransaction,
    /// `COMMIT PREPARED`.
    CommitPrepared,
    /// `ROLLBACK PREPARED`.
    RollbackPrepared,
    /// `SET TRANSACTION …`, also written as `SET transaction_isolation = …` and the like.
    SetTransaction,
    /// A setting of the session: `SET [SESSION] name …`, `SET TIME ZONE`, `SET NAMES`…
    Set(Set),
    /// `SET LOCAL`, or `set_config(…, true)`: gone at the end of the transaction.
    SetLocal,
    /// `RESET name`.
    Reset {
        /// The setting.
        name: Name,
    },
    /// `RESET ALL`.
    ResetAll,
    /// `DISCARD ALL`.
    DiscardAll,
    /// `DISCARD SEQUENCES`.
    DiscardSequences,
    /// `DEALLOCATE ALL`.
    DeallocateAll,
    /// `DEALLOCATE name`.
    Deallocate {
        /// The statement's name as the server would fold it; `None` if it is written in a
        /// form that we do not take.
        name: Option<Box<str>>,
    },
    /// `EXECUTE name` of a prepared statement.
    Execute {
        /// The statement's name, as for [`Effect::Deallocate`].
        name: Option<Box<str>>,
    },
    /// Leaves something behind that ties the client to one server connection.
    Pins(Pin),
    /// `COPY … FROM STDIN`: the client sends rows next.
    CopyIn,
    /// `COPY … TO STDOUT`.
    CopyOut,
    /// A command for the proxy: `SET`, `SHOW` or `RESET` of `afterwrite.…`.
    Afterwrite(Command),
    /// `SHOW` of a setting of the server.
    Show,
}

/// A session-level `SET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The setting; `SET TIME ZONE` is `timezone`, `SET NAMES` is `client_encoding`.
    pub name: Name,
    /// The value is `DEFAULT`, so this undoes an earlier `SET`.
    pub to_default: bool,
}

/// The name of a setting, in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Name(SmallVec<[u8; 32]>);

impl Name {
    pub(crate) fn push(&mut self, part: &[u8]) {
        self.0.extend(part.iter().map(u8::to_ascii_lowercase));
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // Only whole identifiers of a text that was checked go in, so this is always UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        let mut this = Self::default();
        this.push(name.as_bytes());
        this
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What ties a client to one server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pin {
    /// A temporary table, view or sequence.
    TemporaryTable,
    /// `LISTEN`.
    Listen,
    /// A prepared statement made with SQL's `PREPARE`.
    Prepare,
    /// A cursor that outlives its transaction.
    HoldCursor,
    /// An advisory lock of the session.
    AdvisoryLock,
    /// `set_config` of the session, whose name we do not follow, or a setting by code behind a
    /// statement.
    SetConfig,
    /// `LOAD` of a library.
    Load,
    /// `currval` or `lastval`: it asks what this very session did before.
    Sequence,
    /// A random seed, a replication origin, a backup, a temporary replication slot: state that
    /// no command ends as a whole.
    ServerState,
    /// A `SET` whose syntax we do not know.
    Other,
}

impl Pin {
    /// Every pin.
    pub const ALL: [Self; 10] = [
        Self::TemporaryTable,
        Self::Listen,
        Self::Prepare,
        Self::HoldCursor,
        Self::AdvisoryLock,
        Self::SetConfig,
        Self::Load,
        Self::Sequence,
        Self::ServerState,
        Self::Other,
    ];

    /// The server can be asked whether it still holds.
    pub const fn can_be_asked(self) -> bool {
        match self {
            Self::TemporaryTable
            | Self::Listen
            | Self::Prepare
            | Self::HoldCursor
            | Self::AdvisoryLock => true,
            Self::SetConfig | Self::Load | Self::Sequence | Self::ServerState | Self::Other => {
                false
            }
        }
    }

    /// The pin in `snake_case`, for logs and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TemporaryTable => "temporary_table",
            Self::Listen => "listen",
            Self::Prepare => "prepare",
            Self::HoldCursor => "hold_cursor",
            Self::AdvisoryLock => "advisory_lock",
            Self::SetConfig => "set_config",
            Self::Load => "load",
            Self::Sequence => "sequence",
            Self::ServerState => "server_state",
            Self::Other => "other",
        }
    }
}

/// A command for the proxy itself. Names are in lower case and without `afterwrite.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `SET [SESSION | LOCAL] afterwrite.name {= | TO} value, …`.
    Set {
        /// The proxy's setting.
        name: String,
        /// The values without their quotes; none is `DEFAULT`.
        values: Vec<String>,
        /// `LOCAL`: for this transaction only.
        local: bool,
    },
    /// `RESET afterwrite.name`.
    Reset {
        /// The proxy's setting.
        name: String,
    },
    /// `SHOW afterwrite.name`.
    Show {
        /// The proxy's setting.
        name: String,
    },
    /// `set_config('afterwrite.…', …)`: the server would set it for itself, and nothing would come
    /// of it. To be answered with an error, and never sent on.
    SetConfig,
    /// It names a setting of ours in a form we do not take (a bit string, nothing at all): to be
    /// answered with a syntax error, and never sent on.
    Malformed,
}
