//! What an admin may have done.

/// A command that the driver carries out.
///
/// `None` in place of a database means all of them. The name was not looked up: a
/// driver that does not know it answers [`refusal::no_such_database`](crate::refusal::no_such_database).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let go of all server connections as they become free, and have clients wait.
    /// Done when the last one is closed.
    Pause(Option<String>),
    /// Take up work again after [`Action::Pause`] or [`Action::Kill`].
    Resume(Option<String>),
    /// Refuse new clients of a database.
    Disable(String),
    /// Let in new clients of a database again.
    Enable(String),
    /// Replace each server connection once it is free. Done at once.
    Reconnect(Option<String>),
    /// Drop all clients and server connections now, and pause.
    Kill(Option<String>),
    /// Drop one client, by the `id` of `SHOW CLIENTS`, and its server connection.
    KillClient(u64),
    /// Wait until every server connection that is to be replaced has been.
    WaitClose(Option<String>),
    /// Have reads of a key see all that has been written until now, whichever way.
    RaiseKey {
        /// The key, as clients name it.
        key: String,
        /// The database in whose cluster that is.
        database: Option<String>,
    },
    /// Read the configuration again.
    Reload,
    /// Stop the proxy.
    Shutdown(Shutdown),
    /// Change one key of the configuration until the next [`Action::Reload`].
    Set {
        /// The key, as written.
        key: String,
        /// The new value, as written.
        value: String,
    },
}

/// How much is waited for before the proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing. The client is answered by the end of its connection.
    Now,
    /// Server connections in use; clients that only wait for one are sent away.
    WaitForServers,
    /// Clients: none is let in, and each may stay as long as it likes.
    WaitForClients,
}

impl Action {
    /// What the client is told on success; the command, as PgBouncer tells it.
    pub(crate) fn tag(&self) -> String {
        match self {
            Self::Pause(_) => "PAUSE".to_owned(),
            Self::Resume(_) => "RESUME".to_owned(),
            Self::Disable(_) => "DISABLE".to_owned(),
            Self::Enable(_) => "ENABLE".to_owned(),
            Self::Reconnect(_) => "RECONNECT".to_owned(),
            Self::Kill(_) => "KILL".to_owned(),
            Self::KillClient(_) => "KILL_CLIENT".to_owned(),
            Self::WaitClose(_) => "WAIT_CLOSE".to_owned(),
            Self::RaiseKey { .. } => "RAISE KEY".to_owned(),
            Self::Reload => "RELOAD".to_owned(),
            Self::Shutdown(_) => "SHUTDOWN".to_owned(),
            Self::Set { key, value } => format!("SET {key}={value}"),
        }
    }

    /// The database that it is about, with the verb for refusing it.
    pub(crate) fn database(&self) -> Option<(&'static str, &str)> {
        let (verb, name) = match self {
            Self::Pause(name) => ("pause", name.as_deref()),
            Self::Resume(name) => ("resume", name.as_deref()),
            Self::Disable(name) => ("disable", Some(name.as_str())),
            Self::Enable(name) => ("enable", Some(name.as_str())),
            Self::Reconnect(name) => ("reconnect", name.as_deref()),
            Self::Kill(name) => ("kill", name.as_deref()),
            Self::WaitClose(name) => ("wait in", name.as_deref()),
            Self::RaiseKey { database, .. } => ("raise a key of", database.as_deref()),
            Self::KillClient(_) | Self::Reload | Self::Shutdown(_) | Self::Set { .. } => {
                return None;
            }
        };
        Some((verb, name?))
    }
}
