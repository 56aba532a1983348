//! The session between a client and servers, all played by the bytes.
//!
//! [`well_behaved`]: a client that speaks the protocol, servers that do too, bytes that
//! arrive in any pieces. The client must see what one server, asked directly, would have
//! shown it, and each server must be asked nothing that makes no sense.
//!
//! [`hostile`]: a client that sends anything, servers that answer anything or go away.
//! Nothing of it may panic, hold more than the limits, or tell "ready" more often than asked.

mod client;
mod driver;
mod server;

pub(crate) use driver::{hostile, well_behaved};
