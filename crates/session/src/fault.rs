//! Whose fault it is when bytes make no sense.

use std::fmt;

use afterwrite_wire::frame::Malformed;

/// The client broke the protocol. Its connection ends; nobody else notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFault {
    /// A message that cannot be read.
    Malformed(Malformed),
    /// A message type that no client sends.
    UnknownMessage(u8),
    /// It began a transaction where each statement may run on another server.
    TransactionBlock,
}

impl ClientFault {
    /// The code the client sees.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.sqlstate(),
            Self::UnknownMessage(_) | Self::TransactionBlock => "08P01",
        }
    }
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => write!(f, "the client sent {malformed}"),
            Self::UnknownMessage(tag) => write!(f, "invalid frontend message type {tag}"),
            Self::TransactionBlock => f.write_str(TRANSACTION_BLOCK),
        }
    }
}

impl std::error::Error for ClientFault {}

impl From<Malformed> for ClientFault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// The server broke the protocol, or we lost count of its replies. The server
/// connection ends, since nothing it says can be attributed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// A message that cannot be read.
    Malformed(Malformed),
    /// A message that answers nothing we asked.
    OutOfTurn {
        /// Its type.
        tag: u8,
    },
    /// A transaction was left open where each statement may run on another server.
    TransactionBlock,
}

/// What a client is told that begins one.
pub(crate) const TRANSACTION_BLOCK: &str =
    "transaction blocks are not allowed in statement pooling mode";

impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => write!(f, "the server sent {malformed}"),
            Self::OutOfTurn { tag } => {
                write!(f, "the server sent a message of type {:?} out of turn", char::from(*tag))
            }
            Self::TransactionBlock => f.write_str(TRANSACTION_BLOCK),
        }
    }
}

impl std::error::Error for ServerFault {}

impl From<Malformed> for ServerFault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
