//! The half of the proxy that talks to clients, up to the end of the login.
//!
//! It accepts, refuses, authenticates and recognises cancel requests. It knows
//! no server.

mod auth;
mod error;
mod login;

pub use auth::{Auth, Users};
pub use error::LoginError;
pub use login::{Arrival, Client, receive};
