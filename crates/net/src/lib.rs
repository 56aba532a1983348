//! The sockets of both halves of the proxy.
//!
//! One [`Stream`] for TCP and Unix sockets, what listens for it and what connects
//! it, and TLS. It moves bytes and knows no PostgreSQL.

mod address;
mod connect;
mod dormant;
mod hand;
mod listen;
mod peer;
mod stream;
pub mod tls;
mod tune;

pub use address::{Address, Endpoint, UnixName};
pub use connect::connect;
pub use dormant::Dormant;
pub use hand::{HANDED_MAX, hand_over, take_over};
pub use listen::{Listener, UNIX_MODE};
pub use peer::Peer;
pub use stream::Stream;
pub use tune::KeepAlive;
