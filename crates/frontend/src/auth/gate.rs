//! The gate: who may come in, and by what proof.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use afterwrite_wire::credentials::Credentials;
use afterwrite_wire::password::Secret;
use afterwrite_wire::scram::{self, ScramError};
use afterwrite_wire::secret::StoredSecret;

use super::exchange::Asking;
use super::hba::{Hba, Proof};
use super::lookup::{Answered, Answers, Lookup};
use super::peer::{Peer, PeerAddress};
use super::rounds::Rounds;
use super::user::{Known, Users};
use super::{Auth, IdentMaps};
use crate::error::{Denial, LoginError};
use crate::login::Wire;

/// Which databases are served. Those of the admin console are among them.
pub trait Databases: Send + Sync {
    /// Whether a client may ask for this one. Called once the user is proven.
    fn serves(&self, database: &str) -> bool;
}

impl<F: Fn(&str) -> bool + Send + Sync> Databases for F {
    fn serves(&self, database: &str) -> bool {
        self(database)
    }
}

/// What a gate goes by.
pub struct Rules {
    /// How clients prove who they are.
    pub auth: Auth,
    /// The users that are known.
    pub users: Users,
    /// The rules for [`Auth::Hba`]; not looked at otherwise.
    pub hba: Hba,
    /// Whom to ask for users that are not in `users`.
    pub lookup: Option<Arc<dyn Lookup>>,
    /// Which databases are served.
    pub databases: Arc<dyn Databases>,
}

/// Lets clients in, or not. It never changes: a reload makes a new one, and logins
/// under way end by the rules they began with.
pub struct Gate {
    auth: Auth,
    users: HashMap<String, Arc<Known>>,
    hba: Hba,
    answers: Option<Answers>,
    databases: Arc<dyn Databases>,
    /// What a user that does not exist is asked for where the secret decides:
    /// what most of those are asked for that do.
    mostly_scram: bool,
    lasting: Lasting,
}

/// What outlives a reload.
#[derive(Clone)]
struct Lasting {
    /// Makes the salt of users that do not exist look like a real one.
    seed: [u8; scram::SALT_BYTES],
    /// Deriving keys: once for each user.
    deriving: Rounds,
    /// Checking passwords in clear text against SCRAM secrets: whoever guesses
    /// pays with waiting, and not with the time of those who are in.
    checking: Rounds,
}

impl Lasting {
    fn new() -> Result<Self, ScramError> {
        // A quarter of the machine; more would be felt by those who are in.
        let threads = available_parallelism().map_or(1, NonZero::get).div_ceil(4);
        let (deriving, checking) = (Rounds::new(threads), Rounds::new(threads));
        Ok(Self { seed: scram::salt()?, deriving, checking })
    }
}

/// A user that was looked for.
pub(super) struct Found {
    pub(super) known: Option<Arc<Known>>,
    /// The server's answer, if it was asked.
    answered: Option<Answered>,
}

impl Gate {
    /// A gate with these rules. From `previous`, the gate it replaces, it takes
    /// over what was derived for users whose secrets are the same.
    pub fn new(rules: Rules, previous: Option<&Self>) -> Result<Self, ScramError> {
        let Rules { auth, users, hba, lookup, databases } = rules;
        let before = |name: &str| previous.and_then(|gate| gate.users.get(name));
        let users: HashMap<_, _> = users
            .into_known()
            .map(|(name, known)| match before(&name) {
                Some(before) if before.secret == known.secret => (name, Arc::clone(before)),
                _ => (name, Arc::new(known)),
            })
            .collect();
        let scram =
            users.values().filter(|user| matches!(user.secret, StoredSecret::Scram(_))).count();
        let lasting = match previous {
            Some(gate) => gate.lasting.clone(),
            None => Lasting::new()?,
        };
        Ok(Self {
            auth,
            mostly_scram: scram * 2 >= users.len(),
            users,
            hba,
            answers: lookup.map(Answers::new),
            databases,
            lasting,
        })
    }

    /// A gate for one user with one password, and one database.
    pub fn single(
        auth: Auth,
        user: String,
        password: Option<Secret>,
        database: String,
    ) -> Result<Self, ScramError> {
        let mut users = Users::default();
        let secret =
            password.map_or(StoredSecret::Nothing, |secret| StoredSecret::Plain(secret.into()));
        users.add(user, secret);
        let databases = Arc::new(move |name: &str| name == database);
        Self::new(Rules { auth, users, hba: Hba::default(), lookup: None, databases }, None)
    }

    /// Whether the database is served here.
    pub(crate) fn serves(&self, database: &str) -> bool {
        self.databases.serves(database)
    }

    /// Lets a client prove that it is `user`, who wants to go to `database`; gives
    /// what a login to a server can be made with.
    pub(crate) async fn admit(
        &self,
        user: &str,
        database: &str,
        peer: &Peer,
        wire: &mut Wire,
    ) -> Result<Credentials, LoginError> {
        let (proof, map, line) = match self.auth {
            Auth::Any => {
                let known = self.users.get(user);
                return Ok(known.map(|known| known.credentials()).unwrap_or_default());
            }
            Auth::Trust => (Proof::Trust, None, 0),
            Auth::Password => (Proof::Password, None, 0),
            Auth::Md5 => (Proof::Md5, None, 0),
            Auth::Scram => (Proof::Scram, None, 0),
            Auth::Cert => (Proof::Cert, None, 0),
            Auth::Hba => match self.hba.rule(peer, database, user) {
                Some(rule) => (rule.proof, rule.map.as_deref(), rule.line),
                None => return Err(LoginError::barred(None, peer, database, user)),
            },
        };
        let outside = match proof {
            Proof::Reject => return Err(LoginError::barred(Some(line), peer, database, user)),
            Proof::Cert => Some((certified(peer), Denial::Certificate)),
            Proof::Peer => Some((system_name(peer), Denial::Peer)),
            Proof::Trust | Proof::Password | Proof::Md5 | Proof::Scram => None,
        };
        if let Some((name, denial)) = outside {
            check_name(self.hba.maps(), map, name, user, denial)?;
        }
        let found = self.find(database, user).await?;
        let mut asking = Asking { gate: self, user, database, peer, wire };
        match proof {
            Proof::Password => asking.password(found).await,
            Proof::Scram => asking.scram(found).await,
            Proof::Md5 if self.needs_scram(&found) => asking.scram(found).await,
            Proof::Md5 => asking.md5(found).await,
            // The name is proven, or need not be.
            Proof::Trust | Proof::Reject | Proof::Cert | Proof::Peer => found
                .known
                .map(|known| known.credentials())
                .ok_or_else(|| LoginError::UnknownUser(user.to_owned())),
        }
    }

    /// Whether a client that may use MD5 must use SCRAM: by the user's secret, or,
    /// where there is none, by what most users have.
    fn needs_scram(&self, found: &Found) -> bool {
        match found.known.as_ref().map(|known| &known.secret) {
            Some(StoredSecret::Scram(_)) => true,
            Some(StoredSecret::Plain(_) | StoredSecret::Md5(_)) => false,
            Some(StoredSecret::Nothing) | None => self.mostly_scram,
        }
    }

    pub(super) async fn find(&self, database: &str, user: &str) -> Result<Found, LoginError> {
        if let Some(known) = self.users.get(user) {
            return Ok(Found { known: Some(Arc::clone(known)), answered: None });
        }
        let Some(answers) = &self.answers else { return Ok(Found { known: None, answered: None }) };
        let answered = answers.find(database, user).await.map_err(LoginError::Lookup)?;
        Ok(Found { known: answered.as_ref().and_then(|it| it.user.clone()), answered })
    }

    /// Notes that a login failed by what was found; whether it is worth while to
    /// look again.
    pub(super) fn failed(&self, found: &Found) -> bool {
        match (&self.answers, &found.answered) {
            (Some(answers), Some(answered)) => answers.forget(answered),
            _ => false,
        }
    }

    pub(super) fn seed(&self) -> &[u8] {
        &self.lasting.seed
    }

    pub(super) fn deriving(&self) -> &Rounds {
        &self.lasting.deriving
    }

    pub(super) fn checking(&self) -> &Rounds {
        &self.lasting.checking
    }
}

/// Whether who is called `name` elsewhere may be `user` here.
fn check_name(
    maps: &IdentMaps,
    map: Option<&str>,
    name: Option<&str>,
    user: &str,
    denial: Denial,
) -> Result<(), LoginError> {
    let why = match name {
        Some(name) if maps.allow(map, name, user) => return Ok(()),
        Some(name) => format!("it proves the name \"{name}\""),
        None => "it proves no name".to_owned(),
    };
    Err(LoginError::Denied { user: user.to_owned(), denial, why })
}

/// The name in the client's certificate.
fn certified(peer: &Peer) -> Option<&str> {
    peer.tls.as_ref()?.certificate.as_ref()?.common_name.as_deref()
}

/// The name of the system's user at the other end.
fn system_name(peer: &Peer) -> Option<&str> {
    match &peer.address {
        PeerAddress::Local { system_user } => system_user.as_deref(),
        PeerAddress::Ip(_) => None,
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("auth", &self.auth)
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}
