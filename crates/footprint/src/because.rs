//! Why a statement needs the primary.

use std::fmt;

use afterwrite_sql::Reason;

use crate::mention::Name;

/// A reason, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Because {
    /// The reason.
    pub reason: Reason,
    /// The function, relation or type that it is about.
    pub what: Option<Box<str>>,
}

impl Because {
    /// A reason that is about something with a name.
    pub(crate) fn of(reason: Reason, what: &Name) -> Self {
        Self { reason, what: Some(what.to_string().into()) }
    }

    /// A reason without more to say.
    pub(crate) fn only(reason: Reason) -> Self {
        Self { reason, what: None }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.name())?;
        match &self.what {
            Some(what) => write!(f, " ({what})"),
            None => Ok(()),
        }
    }
}
