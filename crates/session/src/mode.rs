//! For how long a client keeps a server connection.

/// For how long a client keeps a server connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// For one transaction, or one statement outside of any; reads may go to replicas.
    #[default]
    Transaction,
    /// From the first exchange that needs a server until it leaves, on the primary:
    /// everything works as on a direct connection, and nothing is split.
    Session,
    /// As `Transaction`, but a transaction block ends the client's connection.
    ///
    /// Refused with an error that leaves the client connected, what it meant for the
    /// transaction would take effect statement by statement.
    Statement,
}

/// Tells the sessions of this process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionId(u64);

impl SessionId {
    /// One that no other session has.
    pub(crate) fn unique() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        // Identity alone: nothing is decided by which number it is.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Whose movements of sequences `currval` and `lastval` may tell on a server connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sequences {
    /// Nobody's: it is new, or was cleaned.
    #[default]
    Untouched,
    /// One session's.
    Of(SessionId),
    /// Those of several.
    Mixed,
}

impl Sequences {
    /// Whether `session` could be told of another's.
    pub(crate) fn are_strange_to(self, session: SessionId) -> bool {
        self != Self::Untouched && self != Self::Of(session)
    }

    /// `session` may have moved some.
    #[must_use]
    pub(crate) fn moved_by(self, session: SessionId) -> Self {
        if self.are_strange_to(session) { Self::Mixed } else { Self::Of(session) }
    }
}
