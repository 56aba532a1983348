//! The half of the proxy that talks to clients, up to the end of the login.
//!
//! It accepts, refuses, authenticates and recognises cancel requests. It knows
//! no server.

mod auth;
mod error;
mod login;
mod open;

pub use auth::{
    Auth, Databases, FileProblem, Gate, Hba, IdentMaps, Lookup, LookupError, Peer, PeerAddress,
    PeerCertificate, PeerTls, Rules, Users, system_user,
};
pub use error::{Denial, LoginError};
pub use login::{Arrival, Client, receive};
