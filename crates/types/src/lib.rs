//! The nouns that every other crate shares: positions, floors, tokens, levels, nodes.
//!
//! Nothing here waits, reads a clock or knows a protocol.

mod floor;
mod history;
mod level;
mod lsn;
mod moment;
mod node;
mod on_orphan;
mod position;
mod preference;
mod source;
mod span;
mod table_name;
mod terms;
mod token;
mod wal;

pub use floor::{Fence, Floor, Need};
pub use history::{
    BadHistory, HISTORY_BYTES_MAX, History, Orphan, OrphanCause, Placed, TIMELINES_MAX,
};
pub use level::{Level, UnknownLevel};
pub use lsn::{BadLsn, Lsn};
pub use moment::{Moment, Sequence};
pub use node::{NodeId, Role};
pub use on_orphan::{OnOrphan, UnknownOnOrphan};
pub use position::{Line, Position, Standing, SystemId, Timeline};
pub use preference::{Preference, UnknownPreference};
pub use source::{Source, UnknownSource};
pub use span::{BadSpan, Span};
pub use table_name::{BadTableName, TableName};
pub use terms::{BadTerms, Step, Steps, Terms};
pub use token::{BadToken, SEAL_BYTES, Seal, Token};
pub use wal::{InsertPointer, WalGeometry};

/// Bytes of a key's name at most.
pub const KEY_MAX: usize = 1024;
