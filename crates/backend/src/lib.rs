//! The half of the proxy that talks to PostgreSQL servers.
//!
//! It opens and pools connections, asks every node who it is and how far it has
//! replayed, and tells those who wait. It decides nothing and knows no client.

mod authenticate;
mod beat;
mod cancel;
mod cluster;
mod connect;
mod error;
mod gauge;
mod history;
mod node;
mod permits;
mod pool;
mod pools;
mod probe;
mod questions;
mod quota;
mod replay;
mod server;
mod stream;
mod succession;
mod timeline;
mod wait;

pub use authenticate::BindingPolicy;
pub use cancel::{CancelTarget, cancel};
pub use cluster::{Cluster, NodeStatus, Primary, WatchSettings};
pub use connect::{Connection, Login, ServerId};
pub use error::{ClaimError, ConnectError};
pub use gauge::{GaugeChoice, GaugeSettings, HeartbeatTable, Product};
pub use node::{Node, NodeState};
pub use pool::{Claimed, Order, Pool, PoolSettings, PoolStatus, ServerCard};
pub use pools::Pools;
pub use questions::Questions;
pub use quota::Quotas;
pub use server::{Route, Server};
