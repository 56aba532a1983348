//! Who may log in, and how they prove who they are.
//!
//! ```text
//! startup ──► Gate::admit ──► rule (HBA) ──► user (list, or Lookup) ──► proof ──► Credentials
//! ```

mod exchange;
mod file;
mod gate;
mod hba;
mod ident;
mod lookup;
mod peer;
mod rounds;
mod token;
mod user;
mod userlist;

pub use file::FileProblem;
pub use gate::{Databases, Gate, Rules};
pub use hba::Hba;
pub use ident::IdentMaps;
pub use lookup::{Lookup, LookupError};
pub use peer::{Peer, PeerAddress, PeerCertificate, PeerTls, system_user};
pub use user::Users;

/// How clients prove who they are, where no HBA file says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// They need not, and any name will do.
    Any,
    /// They need not; the user must be known.
    Trust,
    /// By a password in clear text.
    Password,
    /// By MD5; by SCRAM-SHA-256 where that is what is stored of the user.
    Md5,
    /// By SCRAM-SHA-256, with channel binding where there is TLS.
    Scram,
    /// By a TLS certificate whose common name is the user's.
    Cert,
    /// By what the first fitting rule of an HBA file says.
    Hba,
}
