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

impl Because {
    /// The reason in words: what the statement does, without a subject and a full stop.
    pub fn sentence(&self) -> impl fmt::Display + '_ {
        Sentence(self)
    }
}

struct Sentence<'a>(&'a Because);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (general, [before, behind]) = words(self.0.reason);
        match &self.0.what {
            Some(what) => write!(f, "{before}{what}{behind}"),
            None => f.write_str(general),
        }
    }
}

/// How a reason is said where it is about nothing in particular, and what stands before and
/// behind the name where it is about something.
const fn words(reason: Reason) -> (&'static str, [&'static str; 2]) {
    match reason {
        Reason::ProvenRead => ("only reads, and means the same on a replica", ["only reads ", ""]),
        Reason::Dml => ("changes rows", ["changes rows of ", ""]),
        Reason::Ddl => ("changes the schema", ["changes ", " in the schema"]),
        Reason::Utility => {
            ("is a command for the server where its session is", ["is a command for ", ""])
        }
        Reason::LockingClause => {
            ("locks the rows that it reads (FOR UPDATE, FOR SHARE)", ["locks ", ""])
        }
        Reason::SelectInto => ("makes a table (SELECT INTO)", ["makes the table ", ""]),
        Reason::UnknownFunction => (
            "calls a function that is not known, which may write",
            ["calls ", ", which is not known and may write"],
        ),
        Reason::VolatileFunction => (
            "calls a VOLATILE function, which may write",
            ["calls ", ", which is VOLATILE and may write"],
        ),
        Reason::StandbyUnsafeFunction => (
            "uses what fails or means another thing on a replica",
            ["uses ", ", which fails or means another thing on a replica"],
        ),
        Reason::SequenceFunction => {
            ("uses a sequence", ["calls ", ", which moves or asks a sequence"])
        }
        Reason::AdvisoryLock => (
            "takes or frees an advisory lock: those of a replica are others",
            ["calls ", ", an advisory lock: those of a replica are others"],
        ),
        Reason::WritingCte => {
            ("has a statement that writes inside", ["has a statement that writes ", " inside"])
        }
        Reason::ExplainAnalyze => (
            "runs a statement that may write (EXPLAIN ANALYZE)",
            ["runs ", ", which may write (EXPLAIN ANALYZE)"],
        ),
        Reason::CopyFrom => (
            "copies into a table, or from or to a file or program of the server",
            ["copies into ", ""],
        ),
        Reason::TransactionControl => {
            ("begins or ends a transaction, or a part of one", ["ends the transaction ", ""])
        }
        Reason::SessionState => (
            "sets, shows or uses state of its session",
            ["calls ", ", which sets or uses state of its session"],
        ),
        Reason::ProxySetting => {
            ("is for the proxy, and no server sees it", ["is for the proxy: ", ""])
        }
        Reason::OpaqueFunction => (
            "calls a function that may leave something in the session, or run SQL made at run time",
            ["calls ", ", which may leave something in the session, or run SQL made at run time"],
        ),
        Reason::NotOnStandby => (
            "reads a table that replicas do not have (unlogged or temporary)",
            ["reads ", ", which replicas do not have (unlogged or temporary)"],
        ),
        Reason::ForeignTable => (
            "reads a foreign table: no position tells how old its rows are",
            ["reads ", ", a foreign table: no position tells how old its rows are"],
        ),
        Reason::HiddenCall => (
            "runs something behind a view, policy, operator, cast or type that may write",
            ["runs ", ", hidden in what it names, which may write"],
        ),
        Reason::UnknownRelation => {
            ("names a relation that does not exist", ["names ", ", which does not exist"])
        }
        Reason::SchemaChanged => (
            "names what may just have been changed, and was not read again yet",
            ["names ", ", which may just have been changed, and was not read again yet"],
        ),
        Reason::NotAnalysed => {
            ("was not looked at: there was no time", ["was not looked at: ", ""])
        }
        Reason::Unreadable => (
            "cannot be read: not UTF-8, a NUL byte, or something that begins and does not end",
            ["cannot be read: ", ""],
        ),
        Reason::Unknown => {
            ("is not understood, and may do anything", ["does with ", " what is not understood"])
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reason: Reason, what: Option<&str>, expected: &str) {
        let because = Because { reason, what: what.map(Into::into) };
        assert_eq!(because.sentence().to_string(), expected);
    }

    #[test]
    fn reasons_are_said_in_words() {
        use Reason::{Dml, NotOnStandby, ProvenRead, UnknownRelation, VolatileFunction};
        check(ProvenRead, None, "only reads, and means the same on a replica");
        check(Dml, None, "changes rows");
        check(Dml, Some("app.t"), "changes rows of app.t");
        check(VolatileFunction, Some("app.f"), "calls app.f, which is VOLATILE and may write");
        check(
            NotOnStandby,
            Some("app.u"),
            "reads app.u, which replicas do not have (unlogged or temporary)",
        );
        check(UnknownRelation, Some("x"), "names x, which does not exist");
    }
}
