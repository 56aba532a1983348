//! Why a decision fell as it did.

/// Why a statement runs where it runs: in logs, metrics and `SHOW`, the same word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Replica: it has replayed the floor.
    CaughtUp,
    /// Replica: nothing has been written that the read must see.
    NoFloor,
    /// Replica: the read takes any state.
    Eventual,
    /// Replica: it reached the floor while the read waited.
    Waited,
    /// Primary: the statement may write.
    MayWrite,
    /// Primary: an explicit transaction stays where it began.
    Transaction,
    /// Primary: session state ties the client to its server connection.
    Pinned,
    /// Primary: the message was too large, or too unusual, to be analysed.
    Unread,
    /// Primary: a write of the same key is under way on another connection.
    PendingWrite,
    /// Primary: a write was cut off, and whether it happened is not known yet.
    InDoubt,
    /// Primary: it asks for a setting, and the answer must be the primary's.
    Shows,
    /// Primary: the session's transactions are serializable, which no standby offers.
    Serializable,
    /// Primary: the client asked for it with this statement.
    Hinted,
    /// Primary: a token came with the statement that says nothing here.
    BadToken,
    /// Primary: the cluster has no replicas.
    NoReplicas,
    /// Primary: no replica is healthy.
    NoneHealthy,
    /// Primary: no replica is on the primary's line of history.
    Diverged,
    /// Primary: waiting could not have succeeded, so it did not start.
    Hopeless,
    /// Primary: no replica reached the floor in time.
    NoneInTime,
    /// Primary: its position could not be learnt in time.
    Unresolved,
    /// Primary: a replica refused or lost the statement before the client saw any of it.
    Rerouted,
}

impl Reason {
    /// Every reason, in the order in which metrics list them.
    pub const ALL: [Self; 21] = [
        Self::CaughtUp,
        Self::NoFloor,
        Self::Eventual,
        Self::Waited,
        Self::MayWrite,
        Self::Transaction,
        Self::Pinned,
        Self::Unread,
        Self::PendingWrite,
        Self::InDoubt,
        Self::Shows,
        Self::Serializable,
        Self::Hinted,
        Self::BadToken,
        Self::NoReplicas,
        Self::NoneHealthy,
        Self::Diverged,
        Self::Hopeless,
        Self::NoneInTime,
        Self::Unresolved,
        Self::Rerouted,
    ];

    /// The word for it in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::CaughtUp => "caught_up",
            Self::NoFloor => "no_floor",
            Self::Eventual => "eventual",
            Self::Waited => "waited",
            Self::MayWrite => "may_write",
            Self::Transaction => "transaction",
            Self::Pinned => "pinned",
            Self::Unread => "unread",
            Self::PendingWrite => "pending_write",
            Self::InDoubt => "in_doubt",
            Self::Shows => "shows",
            Self::Serializable => "serializable",
            Self::Hinted => "hinted",
            Self::BadToken => "bad_token",
            Self::NoReplicas => "no_replicas",
            Self::NoneHealthy => "none_healthy",
            Self::Diverged => "diverged",
            Self::Hopeless => "hopeless",
            Self::NoneInTime => "none_in_time",
            Self::Unresolved => "unresolved",
            Self::Rerouted => "rerouted",
        }
    }

    /// Whether no replica could answer the read as it asked: what happens then is for its
    /// terms to say. (Where there is doubt, the primary answers in any case.)
    pub fn ends_wait(self) -> bool {
        matches!(
            self,
            Self::NoneHealthy
                | Self::Diverged
                | Self::Hopeless
                | Self::NoneInTime
                | Self::Unresolved
        )
    }

    /// Whether this is a read that went to the primary for want of a replica.
    pub fn is_fallback(self) -> bool {
        match self {
            Self::BadToken
            | Self::PendingWrite
            | Self::InDoubt
            | Self::NoneHealthy
            | Self::Diverged
            | Self::Hopeless
            | Self::NoneInTime
            | Self::Unresolved
            | Self::Rerouted => true,
            Self::CaughtUp
            | Self::NoFloor
            | Self::Eventual
            | Self::Waited
            | Self::MayWrite
            | Self::Transaction
            | Self::Pinned
            | Self::Unread
            | Self::Shows
            | Self::Serializable
            | Self::Hinted
            | Self::NoReplicas => false,
        }
    }
}
