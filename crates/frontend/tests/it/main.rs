//! Logins over real sockets: by a small client that can misbehave, and by libpq.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod binding;
mod cert;
mod client;
mod door;
mod flood;
mod hba;
mod lookup;
mod methods;
mod psql;
mod server;
mod tls;
