//! A new process takes the place of the one that serves, and nobody is lost.
//!
//! ```text
//!  new process                        old process, which serves
//!      │  take-over ────────────────►  │
//!      │  ◄──────── sockets (by SCM_RIGHTS): duplicates, both listen
//!      │  asks its nodes               │
//!      │  ready ────────────────────►  │  accepts nobody from now on
//!      │  ◄─────────────────────── go  │  clients wait in front of the sockets
//!      │  accepts                      │  drains; its files are the new one's
//!      │  cancel ───────────────────►  │  (a key that the new one does not know)
//!      │  ◄───────────────────── done  │
//! ```
//!
//! # Invariant: somebody listens, and one accepts
//!
//! The sockets stay open in one process or the other at each moment. Up to `go` the
//! old one can go on as if nothing had happened, and does whatever becomes of the
//! new one; the new one accepts nobody before `go`.

mod channel;
mod command;
mod message;
mod offer;
mod takeover;

pub(crate) use command::{Respawn, run};
pub(crate) use offer::Offer;
pub(crate) use takeover::{Taken, Takeover};
