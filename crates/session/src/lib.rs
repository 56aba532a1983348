//! One client, from its first statement to its goodbye, without a socket.
//!
//! Whoever owns the sockets hands in bytes and is told what to do with them:
//!
//! 1. [`Session::gather`] cuts the client's bytes into exchanges and says what
//!    each may do.
//! 2. The driver decides where it runs (`afterwrite_core::decide`) and claims a
//!    connection, whose pure half is a [`Link`].
//! 3. [`Session::dispatch`] writes what that server must be sent.
//! 4. [`Session::relay`] reads the server's replies by their headers, passes on
//!    what the client asked for, keeps what the proxy asked for, and raises the
//!    floor before the client hears "ready".
//!
//! One exchange is a simple `Query`, or everything up to a `Sync`. Exchanges run
//! one after the other in the order in which the client sent them.

mod brought;
mod command;
mod dispatch;
mod exchange;
mod extended;
mod fault;
mod follow;
mod gather;
mod hint;
mod hinted;
mod intent;
mod inventory;
mod keyring;
mod leave;
mod link;
mod local;
mod merge;
mod mode;
mod orphan;
mod part;
mod pinned;
mod portal;
mod prelude;
mod reading;
mod relay;
mod report;
mod request;
mod rest;
mod scope;
mod session;
mod settings;
mod shape;
mod simple;
mod source;
mod statement;
mod tables;
mod terms;
mod token;

pub use command::{Answer, answer};
pub use dispatch::Dispatch;
pub use exchange::{Place, Request, Route};
pub use fault::{ClientFault, ServerFault};
pub use gather::Gathered;
pub use hint::HintCounts;
pub use intent::{Change, Intent, Transaction};
pub use inventory::{INVENTORY_NAME, INVENTORY_SQL};
pub use keyring::Keyring;
pub use leave::Leave;
pub use link::{CAPTURE_NAME, CAPTURE_SQL, Link, LinkSpec};
pub use mode::Mode;
pub use orphan::WRITE_LOST;
pub use pinned::{Causes, Pinned};
pub use prelude::Prelude;
pub use reading::{PathMark, Reading, SearchPath};
pub use relay::{Progress, Relayed};
pub use rest::Resting;
pub use scope::{Scope, TokenPolicy, key_named};
pub use session::{Limits, Lost, Outcome, Session, Verdict};
pub use settings::{Fingerprint, Settings};
pub use statement::{Library, Prepared, StatementId};
pub use tables::{TableKeys, Touch};
pub use token::TokenCounts;
