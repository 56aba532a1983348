//! The footprint of a statement: what it may do, where it may run, and why.

use std::fmt;

use afterwrite_sql::{Access, Analysis, Effect, Reason, Sets, Statement};

use crate::because::Because;
use crate::grammar::{self, Unparsed};
use crate::judge::{self, Judged, Knowledge, Touched};
use crate::mention::{Class, Mentions, Use};
use crate::path::Path;
use crate::rules::Rules;

/// What kind of statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It reads rows.
    Read,
    /// It changes rows, or calls what may.
    Write,
    /// It changes the schema.
    Schema,
    /// It locks rows, relations, or an advisory lock.
    Lock,
    /// It sets, shows or uses state of the session.
    Session,
    /// It begins or ends a transaction, or a part of one.
    Transaction,
    /// `CALL` and `DO`.
    Procedure,
    /// `DECLARE`, `FETCH`, `MOVE`, `CLOSE`.
    Cursor,
    /// `COPY`.
    Copy,
    /// `VACUUM`, `CHECKPOINT` and their like.
    Utility,
    /// A command for the proxy.
    Proxy,
    /// PostgreSQL's grammar does not take it.
    Unknown,
}

impl Kind {
    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Schema => "schema",
            Self::Lock => "lock",
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Procedure => "procedure",
            Self::Cursor => "cursor",
            Self::Copy => "copy",
            Self::Utility => "utility",
            Self::Proxy => "proxy",
            Self::Unknown => "unknown",
        }
    }
}

/// Where a statement may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// On a replica that covers the reader's floor.
    Replica,
    /// On the primary only.
    Primary,
    /// Where its session is: both are right.
    Any,
}

impl Route {
    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Primary => "primary",
            Self::Any => "any",
        }
    }
}

/// What a statement may do, where it may run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// What kind of statement it is.
    pub kind: Kind,
    /// Where it may run.
    pub route: Route,
    /// Why; the first is the one that decided.
    pub because: Vec<Because>,
    /// What it reads.
    pub reads: Touched,
    /// What it writes.
    pub writes: Touched,
    /// Whether another session that reads the same rows would get the same answer until one of
    /// the relations in `reads` is written.
    pub cacheable: bool,
}

/// Looks at the statements of a text: with PostgreSQL's grammar, and with what is known.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What each statement is and may do, for those who carry it out.
    pub analysis: Analysis,
    /// The same, for those who want to know why; as many as there are statements.
    pub footprints: Vec<Footprint>,
}

/// Reads a text. `normal` is a text with the same meaning, shorter perhaps, that the grammar
/// gets; see [`afterwrite_sql::normalise`].
pub fn read(
    text: &[u8],
    normal: &[u8],
    knowledge: Knowledge<'_>,
    path: &Path,
    rules: &Rules,
) -> Reading {
    let analysis = afterwrite_sql::analyse(text);
    let parsed = match std::str::from_utf8(normal) {
        Ok(normal) if !analysis.statements.is_empty() => grammar::read(normal),
        _ => Err(Unparsed::TooLarge),
    };
    with_grammar(analysis, &parsed, knowledge, path, rules)
}

/// As [`read`], where there is no time for the grammar: whatever is no command of the session's
/// or a transaction's goes to the primary.
pub fn read_in_haste(text: &[u8]) -> Reading {
    let mut reading = Reading { analysis: afterwrite_sql::analyse(text), footprints: Vec::new() };
    for statement in &mut reading.analysis.statements {
        if statement.access == Access::Reads && statement.effect != Effect::Show {
            (statement.access, statement.reason) = (Access::Writes, Reason::NotAnalysed);
        }
        reading.footprints.push(of(statement, None, Judged::unknown()));
    }
    reading
}

fn with_grammar(
    mut analysis: Analysis,
    parsed: &Result<Vec<Mentions>, Unparsed>,
    knowledge: Knowledge<'_>,
    path: &Path,
    rules: &Rules,
) -> Reading {
    let mut footprints = Vec::with_capacity(analysis.statements.len());
    let all = parsed.as_ref().map_or(&[][..], Vec::as_slice);
    // Where the two find another number of statements, neither is to be believed.
    let is_same = all.len() == analysis.statements.len() && !analysis.overflow;
    let mut path = path;
    for (index, statement) in analysis.statements.iter_mut().enumerate() {
        let mentions = all.get(index).filter(|_| is_same);
        let judged =
            mentions.map_or_else(Judged::unknown, |it| judge::of(it, knowledge, path, rules));
        let moves = may_move_path(statement);
        settle(statement, mentions, &judged);
        settle_settings(statement, mentions, &judged);
        if moves || may_move_path(statement) {
            path = &Path::Unknown;
        }
        footprints.push(of(statement, mentions, judged));
    }
    Reading { analysis, footprints }
}

impl Judged {
    fn unknown() -> Self {
        let unknown = Touched { unknown: true, ..Touched::default() };
        Self { reads: unknown.clone(), writes: unknown, varies: true, ..Self::default() }
    }
}

/// Whether what follows in the same text may look for names elsewhere.
fn may_move_path(statement: &Statement) -> bool {
    matches!(
        statement.effect,
        Effect::Set(_)
            | Effect::SetLocal
            | Effect::Reset { .. }
            | Effect::ResetAll
            | Effect::DiscardAll
            | Effect::Rollback { .. }
            | Effect::Pins(_)
    ) || statement.session.opaque
        || statement.session.sets > Sets::Nothing
}

/// What the grammar and the catalog know better than the words of the text.
fn settle(statement: &mut Statement, mentions: Option<&Mentions>, judged: &Judged) {
    let is_data = matches!(statement.effect, Effect::Plain | Effect::CopyOut);
    match (statement.access, mentions) {
        (Access::Reads, _) if !is_data => {}
        (Access::Reads, None) => {
            (statement.access, statement.reason) = (Access::Writes, Reason::Unknown);
            statement.session.opaque = true;
            statement.session.sets = Sets::Unknown;
        }
        (Access::Reads, Some(mentions)) => {
            if let Some(why) = judged.because.first() {
                (statement.access, statement.reason) = (Access::Writes, why.reason);
            } else if !is_read(mentions) {
                (statement.access, statement.reason) = (Access::Writes, Reason::Unknown);
            }
            statement.session.opaque |= judged.opaque;
        }
        (Access::Writes, Some(mentions)) => {
            let session = statement.session;
            let may_be_known = matches!(
                statement.reason,
                Reason::UnknownFunction
                    | Reason::VolatileFunction
                    | Reason::Unknown
                    | Reason::Dml
                    | Reason::WritingCte
                    | Reason::LockingClause
                    | Reason::SelectInto
            ) && is_data
                && !session.releases;
            if may_be_known && judged.because.is_empty() && is_read(mentions) {
                (statement.access, statement.reason) = (Access::Reads, Reason::ProvenRead);
                statement.session.opaque = judged.opaque;
                statement.session.moves_sequence = false;
            }
        }
        (Access::Writes, None) => {}
    }
}

/// What the catalog knows of the code that it runs takes the place of a doubt.
fn settle_settings(statement: &mut Statement, mentions: Option<&Mentions>, judged: &Judged) {
    let Some(mentions) = mentions else { return };
    let by_words = statement.session.sets;
    statement.session.sets = match mentions.class {
        // Nothing of it runs.
        Class::Explain => Sets::Nothing,
        // The code of `DO`, and what has been prepared before.
        Class::Procedure if mentions.code.is_some() => by_words.max(judged.sets),
        Class::Prepare => by_words.max(judged.sets),
        _ => judged.sets,
    };
    if statement.session.sets > Sets::Nothing && statement.access == Access::Reads {
        (statement.access, statement.reason) = (Access::Writes, Reason::OpaqueFunction);
    }
}

/// Whether it reads and nothing else, by the grammar.
fn is_read(mentions: &Mentions) -> bool {
    let class = matches!(
        mentions.class,
        Class::Query | Class::CopyOut | Class::Explain | Class::ExplainAnalyze
    );
    class
        && !mentions.locks_rows
        && !mentions.into
        && !mentions.writes_inside
        && !mentions.incomplete
        && mentions.relations.iter().all(|(_, use_)| *use_ == Use::Reads)
}

fn of(statement: &Statement, mentions: Option<&Mentions>, judged: Judged) -> Footprint {
    let reads = statement.access == Access::Reads;
    let clean = judged.because.iter().all(|it| it.reason == Reason::Utility);
    let mut because = judged.because;
    // Functions that the words do not know, the catalog may: then it says what they are.
    let is_superseded =
        mentions.is_some() && statement.reason == Reason::UnknownFunction && !because.is_empty();
    if !reads && !is_superseded && because.iter().all(|it| it.reason != statement.reason) {
        because.insert(0, Because::only(statement.reason));
    } else if reads {
        because = vec![Because::only(statement.reason)];
    } else if let Some(at) = because.iter().position(|it| it.reason == statement.reason) {
        because.swap(0, at);
    }
    let route = route(statement, mentions, clean);
    let is_data = matches!(statement.effect, Effect::Plain | Effect::CopyOut);
    let is_select = mentions.is_some_and(|it| it.class == Class::Query);
    let mut writes = judged.writes;
    if reads {
        // What it calls was found to only read.
        writes = Touched::default();
    }
    Footprint {
        kind: kind(statement, mentions),
        route,
        cacheable: reads && is_data && is_select && !judged.varies && !judged.reads.unknown,
        because,
        reads: judged.reads,
        writes,
    }
}

fn kind(statement: &Statement, mentions: Option<&Mentions>) -> Kind {
    match &statement.effect {
        Effect::Afterwrite(_) => return Kind::Proxy,
        Effect::Begin { .. }
        | Effect::Commit { .. }
        | Effect::Rollback { .. }
        | Effect::Savepoint
        | Effect::PrepareTransaction
        | Effect::CommitPrepared
        | Effect::RollbackPrepared
        | Effect::SetTransaction => return Kind::Transaction,
        _ => {}
    }
    let Some(mentions) = mentions else { return kind_by_words(statement) };
    match mentions.class {
        Class::CopyOut | Class::CopyIn | Class::CopyFile => Kind::Copy,
        Class::Dml | Class::Truncate => Kind::Write,
        Class::Transaction => Kind::Transaction,
        Class::Session | Class::Notify | Class::Prepare => Kind::Session,
        Class::Cursor => Kind::Cursor,
        Class::Procedure => Kind::Procedure,
        Class::Lock => Kind::Lock,
        Class::Schema => Kind::Schema,
        Class::Utility => Kind::Utility,
        Class::Query | Class::Explain | Class::ExplainAnalyze => {
            let writes = mentions.relations.iter().any(|(_, use_)| {
                matches!(use_, Use::Changes(_)) && mentions.class != Class::Explain
            });
            if writes {
                return Kind::Write;
            }
            kind_of_query(statement)
        }
    }
}

fn kind_of_query(statement: &Statement) -> Kind {
    match statement.reason {
        Reason::LockingClause | Reason::AdvisoryLock => Kind::Lock,
        Reason::SelectInto => Kind::Schema,
        Reason::SessionState => Kind::Session,
        Reason::WritingCte
        | Reason::Dml
        | Reason::VolatileFunction
        | Reason::UnknownFunction
        | Reason::HiddenCall
        | Reason::SequenceFunction => Kind::Write,
        _ => Kind::Read,
    }
}

/// Where the grammar does not help.
fn kind_by_words(statement: &Statement) -> Kind {
    match statement.reason {
        Reason::NotAnalysed => Kind::Read,
        Reason::TransactionControl => Kind::Transaction,
        Reason::SessionState => Kind::Session,
        Reason::ProxySetting => Kind::Proxy,
        _ => Kind::Unknown,
    }
}

fn route(statement: &Statement, mentions: Option<&Mentions>, clean: bool) -> Route {
    let Some(mentions) = mentions else {
        let ours = matches!(statement.effect, Effect::Afterwrite(_));
        return if ours { Route::Any } else { Route::Primary };
    };
    let class = mentions.class;
    // Drivers ask whether they may write.
    let asks_mode = mentions.shows.as_deref().is_some_and(|it| it == "transaction_read_only");
    if mentions.refused_by_standbys || asks_mode {
        return Route::Primary;
    }
    match &statement.effect {
        Effect::Plain | Effect::CopyOut if statement.access == Access::Reads => Route::Replica,
        Effect::Begin { .. }
        | Effect::Commit { .. }
        | Effect::Rollback { .. }
        | Effect::Savepoint
        | Effect::SetTransaction
        | Effect::Set(_)
        | Effect::SetLocal
        | Effect::Reset { .. }
        | Effect::ResetAll
        | Effect::DiscardAll
        | Effect::DiscardSequences
        | Effect::DeallocateAll
        | Effect::Deallocate { .. }
        | Effect::Show
        | Effect::Afterwrite(_)
            if class != Class::Query =>
        {
            Route::Any
        }
        // A cursor is where its transaction is.
        Effect::Plain
            if class == Class::Cursor
                && statement.reason == Reason::Utility
                && clean
                && !statement.session.opaque =>
        {
            Route::Any
        }
        Effect::Plain if class == Class::Session && statement.session.releases => Route::Any,
        _ => Route::Primary,
    }
}

impl Footprint {
    /// Why it runs where it does, in a few words.
    pub fn why(&self) -> impl fmt::Display + '_ {
        Reasons(&self.because)
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, why) = (self.kind.name(), self.why());
        write!(f, "{kind}: {why}; reads {}; writes {}", self.reads, self.writes)
    }
}

struct Reasons<'a>(&'a [Because]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, because) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{because}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for name in &self.relations {
            if !first {
                f.write_str(", ")?;
            }
            first = false;
            write!(f, "{name}")?;
        }
        if self.unknown {
            f.write_str(if first { "unknown" } else { ", unknown" })?;
        } else if first {
            f.write_str("-")?;
        }
        Ok(())
    }
}
