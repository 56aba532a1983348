//! Floors that several proxies share, in a Redis or Valkey server.
//!
//! One hash per cluster and line of history. Its fields are a fixed number of *slots*: the keys
//! that fall into one share a floor, which only ever makes a read fresher than it must be. So
//! the store's memory is bounded, nothing in it expires by itself, and it is either there as a
//! whole or gone as a whole. Each answer says in which *life* it is: whether it is still the
//! data that the one before came from. What follows from that is decided elsewhere
//! (`afterwrite_core::Membership`).

mod error;
mod script;
mod settings;
mod store;

pub use error::StoreError;
pub use settings::StoreSettings;
pub use store::{Answer, Asked, Question, Store, Worker};
