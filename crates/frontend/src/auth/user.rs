//! The users that are known, and what is kept of each.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use afterwrite_wire::credentials::Credentials;
use afterwrite_wire::md5::Md5Hash;
use afterwrite_wire::password::{Password, Secret};
use afterwrite_wire::scram::{self, Keys};
use afterwrite_wire::secret::StoredSecret;
use parking_lot::Mutex;

use super::file::{self, FileProblem};
use super::rounds::Rounds;
use super::userlist;

/// Users and their secrets, from the configuration and a user list.
///
/// `Debug` shows how many there are, and nothing of them.
#[derive(Clone, Default)]
pub struct Users(HashMap<String, StoredSecret>);

impl Users {
    /// Adds a user, in place of one with this name that was added before.
    pub fn add(&mut self, name: impl Into<String>, secret: StoredSecret) {
        self.0.insert(name.into(), secret);
    }

    /// Adds the users of a file in PgBouncer's format; blocks.
    pub fn read(&mut self, path: &Path) -> Result<(), Vec<FileProblem>> {
        self.parse(&file::read(path)?)
    }

    /// Adds the users of a list in PgBouncer's format. If a line is broken, none
    /// is added.
    pub fn parse(&mut self, text: &str) -> Result<(), Vec<FileProblem>> {
        for (name, secret) in userlist::parse(text)? {
            self.add(name, StoredSecret::parse(&secret));
        }
        Ok(())
    }

    /// Whether there is a user of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A user's password, where that itself is known.
    pub fn password(&self, name: &str) -> Option<&Password> {
        match self.0.get(name)? {
            StoredSecret::Plain(password) => Some(password),
            StoredSecret::Nothing | StoredSecret::Md5(_) | StoredSecret::Scram(_) => None,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_known(self) -> impl Iterator<Item = (String, Known)> {
        self.0.into_iter().map(|(name, secret)| {
            let known = Known::new(name.clone(), secret);
            (name, known)
        })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// A user with a secret, and what was found out with much work.
pub(super) struct Known {
    name: String,
    pub(super) secret: StoredSecret,
    /// The SCRAM keys of a secret that is a password.
    keys: OnceLock<Arc<Keys>>,
    /// The password that was last proven to fit a secret which is not one.
    proven: Mutex<Option<Password>>,
}

impl Known {
    pub(super) fn new(name: String, secret: StoredSecret) -> Self {
        Self { name, secret, keys: OnceLock::new(), proven: Mutex::new(None) }
    }

    /// What a server login can use where the client proved nothing that it had
    /// to know a secret for.
    pub(super) fn credentials(&self) -> Credentials {
        match &self.secret {
            StoredSecret::Plain(password) => Credentials::Password(password.clone()),
            StoredSecret::Md5(hash) => Credentials::Md5(hash.clone()),
            StoredSecret::Nothing | StoredSecret::Scram(_) => Credentials::Nothing,
        }
    }

    /// The MD5 hash, where there is one or can be.
    pub(super) fn md5(&self) -> Option<Md5Hash> {
        match &self.secret {
            StoredSecret::Plain(password) => {
                Some(Md5Hash::of(password.secret().expose(), &self.name))
            }
            StoredSecret::Md5(hash) => Some(hash.clone()),
            StoredSecret::Nothing | StoredSecret::Scram(_) => None,
        }
    }

    /// The SCRAM keys, where there are some or can be. For a password they are
    /// derived once, with the salt that is shown for users that do not exist.
    pub(super) async fn keys(
        self: &Arc<Self>,
        seed: &[u8],
        rounds: &Rounds,
    ) -> io::Result<Option<Arc<Keys>>> {
        let password = match &self.secret {
            StoredSecret::Scram(keys) => return Ok(Some(Arc::clone(keys))),
            StoredSecret::Nothing | StoredSecret::Md5(_) => return Ok(None),
            StoredSecret::Plain(password) => password,
        };
        if let Some(keys) = self.keys.get() {
            return Ok(Some(Arc::clone(keys)));
        }
        let salt = Keys::salt_of(&self.name, seed);
        let (password, known) = (password.clone(), Arc::clone(self));
        let derive = move || {
            let derive = || {
                let password = password.secret().expose();
                Arc::new(Keys::derive(password, &salt, scram::ITERATIONS))
            };
            Arc::clone(known.keys.get_or_init(derive))
        };
        rounds.run(derive).await.map(Some)
    }

    /// What a server login can use if `given` is the user's password; `None` if
    /// it is not.
    pub(super) async fn check(
        self: &Arc<Self>,
        given: Secret,
        rounds: &Rounds,
    ) -> io::Result<Option<Credentials>> {
        let fits = match &self.secret {
            StoredSecret::Nothing => false,
            StoredSecret::Plain(password) => {
                let fits = *password.secret() == given;
                return Ok(fits.then(|| Credentials::Password(password.clone())));
            }
            StoredSecret::Md5(hash) => Md5Hash::of(given.expose(), &self.name) == *hash,
            StoredSecret::Scram(keys) => {
                let proven = self.proven.lock().clone();
                if let Some(proven) = proven.filter(|proven| *proven.secret() == given) {
                    return Ok(Some(Credentials::Password(proven)));
                }
                let (keys, given) = (Arc::clone(keys), given.clone());
                rounds.run(move || keys.fit(given.expose())).await?
            }
        };
        Ok(fits.then(|| Credentials::Password(self.prove(given))))
    }

    /// Remembers a password that fits. The same one stays the same value, so
    /// that what is derived from it is derived once.
    fn prove(&self, given: Secret) -> Password {
        let mut proven = self.proven.lock();
        match &*proven {
            Some(known) if *known.secret() == given => known.clone(),
            _ => proven.insert(given.into()).clone(),
        }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("name", &self.name)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(secret: &str) -> Arc<Known> {
        Arc::new(Known::new("alice".into(), StoredSecret::parse(secret)))
    }

    #[tokio::test]
    async fn a_password_is_held_against_each_kind_of_secret() {
        let rounds = Rounds::new(1);
        let md5 = "md5900150983cd24fb0d6963f7d28e17f72";
        let scram = Keys::derive("hunter2", b"salt", 2).verifier();
        for (secret, fits) in [("hunter2", true), (&scram, true), ("", false), (md5, false)] {
            let user = known(secret);
            let wrong = user.check("hunter3".into(), &rounds).await.unwrap();
            assert_eq!(wrong, None, "{secret}");
            let right = user.check("hunter2".into(), &rounds).await.unwrap();
            let expected = fits.then(|| Credentials::from(Password::from("hunter2")));
            assert_eq!(right, expected, "{secret}");
        }
        let hash = Md5Hash::of("hunter2", "alice");
        let user = Arc::new(Known::new("alice".into(), StoredSecret::Md5(hash)));
        assert!(user.check("hunter2".into(), &rounds).await.unwrap().is_some());
        assert!(user.check("hunter3".into(), &rounds).await.unwrap().is_none());
    }

    /// Two spellings of one SCRAM password are two passwords to a server that asks
    /// for clear text.
    #[tokio::test]
    async fn a_server_gets_the_password_as_it_was_given() {
        let rounds = Rounds::new(1);
        let user = known(&Keys::derive("IX", b"salt", 2).verifier());
        for given in ["IX", "I\u{ad}X", "IX"] {
            let proven = user.check(given.into(), &rounds).await.unwrap();
            assert_eq!(proven, Some(Password::from(given).into()), "{given:?}");
        }
    }

    #[tokio::test]
    async fn costly_work_is_done_once() {
        let rounds = Rounds::new(1);
        let user = known("hunter2");
        let first = user.keys(b"seed", &rounds).await.unwrap().unwrap();
        let second = user.keys(b"seed", &rounds).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.salt(), Keys::mock("alice", b"seed").salt());

        let user = known(&Keys::derive("hunter2", b"salt", 2).verifier());
        assert!(user.check("hunter2".into(), &rounds).await.unwrap().is_some());
        // No thread is left for rounds: a proven password needs none.
        let none = Rounds::new(0);
        assert!(user.check("hunter2".into(), &none).await.unwrap().is_some());
        let other = tokio::time::timeout(
            std::time::Duration::from_millis(20),
            user.check("hunter3".into(), &none),
        );
        assert!(other.await.is_err(), "another password must be checked");
    }

    #[test]
    fn nothing_is_shown() {
        let mut users = Users::default();
        users.parse("\"alice\" \"hunter2\"").unwrap();
        let shown = format!("{users:?} {:?}", known("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(users.len(), 1);
        assert!(users.parse("\"bob\" \"x\"\nbroken").is_err());
        assert_eq!(users.len(), 1, "a broken list adds nobody");
    }
}
