//! The rules on tokens: can this statement write, and what does it leave behind?
//!
//! One pass with a state of fixed size. The rules lean on what PostgreSQL's grammar cannot derive:
//! a key word that is reserved is never a function's name, and two operands never stand side by
//! side, so a name right behind a closed parenthesis is an alias.

use smallvec::SmallVec;

use crate::body::Sets;
use crate::effect::{Pin, Reason, SessionUse};
use crate::function::{self, Kind as Function};
use crate::keyword::Keyword;
use crate::lexer::{Kind, Lexer, Token};
use crate::setting::OURS;
use crate::string;

/// How deep parentheses may be nested. What is deeper is not looked at, and so may write.
const DEPTH_MAX: usize = 128;

/// The view by which settings can be changed, too.
const SETTINGS: &[u8] = b"pg_settings";

/// What the tokens of a statement say.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Findings {
    /// The first thing that may write. `None`: a read, if it begins like one.
    pub(crate) reason: Option<Reason>,
    /// What ties the client to its server connection: the first thing, or the first of which
    /// the server cannot say whether it still holds.
    pub(crate) pin: Option<Pin>,
    /// A setting was changed for the transaction.
    pub(crate) sets_local: bool,
    /// `set_config` is called for a setting of ours.
    pub(crate) sets_ours: bool,
    pub(crate) session: SessionUse,
    /// The word that adds rows, and one of those that change or remove some.
    inserts: bool,
    changes: bool,
}

impl Findings {
    /// Whether what it writes is added.
    pub(crate) fn only_inserts(self) -> bool {
        self.inserts && !self.changes
    }
}

/// Reads a statement's tokens one by one.
#[derive(Debug, Default)]
pub(crate) struct Scan<'a> {
    findings: Findings,
    /// One per open parenthesis, the statement itself first.
    frames: SmallVec<[Frame; DEPTH_MAX]>,
    /// The statement's own frame.
    ground: Frame,
    last: Last,
    /// The name or key word that ends at the last token, if `last` says there is one.
    name: Name<'a>,
    /// An operand has just ended, perhaps with `NOT` or `LEFT` behind it: here `LIKE` and `JOIN`
    /// are infix, not names.
    after_operand: bool,
    /// Behind `UPDATE`, where its relation is named.
    names_updated: bool,
}

/// What a level of parentheses is.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    /// `DISTINCT ON (…)` and `OPERATOR(…)`: an operand follows the closing parenthesis.
    opens_operand: bool,
    /// Between `WITH` and the query it belongs to.
    in_with: bool,
}

/// The last token, as far as it decides what a name means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Start,
    Name,
    /// A dot behind a name.
    Dot,
    /// A dot behind an expression: `(x).name`.
    Selector,
    /// A closed parenthesis that ends an operand.
    Closed,
    /// A value, a subscript.
    Operand,
    Open,
    Comma,
    /// A comma behind a closed parenthesis.
    CommaAfterClosed,
    Cast,
    Other,
}

/// What stands before a name and gives it its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lead {
    #[default]
    None,
    /// What follows is an alias, a type or a common table expression's name: a parenthesis behind
    /// it holds columns or a type's modifiers.
    Definition,
    /// As `Definition`, right behind `WITH`.
    With,
    /// A method of `TABLESAMPLE`.
    Sample,
    /// `FOR`.
    For,
    /// `INTO`, perhaps with `LOCAL` or `GLOBAL`.
    Into,
    /// `GROUP`.
    Group,
    /// `ORDER` or `PARTITION`.
    Order,
    /// `GROUP BY`.
    GroupBy,
    /// `GROUPING`.
    Grouping,
    /// `DISTINCT`.
    Distinct,
    /// `ON`.
    On,
    /// `CHARACTER`, `BIT`, `TIME` and the like.
    Type,
}

/// A name, as `a` or `a.b`.
#[derive(Clone, Copy, Debug, Default)]
struct Name<'a> {
    lead: Lead,
    /// What the only part is if it is not quoted; a part behind a dot is always a name.
    keyword: Option<Keyword>,
    /// The part before the last.
    qualifier: &'a [u8],
    last: &'a [u8],
    parts: usize,
    /// An operand stands before it.
    infix: bool,
}

impl<'a> Scan<'a> {
    /// What was found so far.
    pub(crate) fn findings(&self) -> Findings {
        self.findings
    }

    /// How many parentheses are open.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// Takes the next token. `ahead` stands right behind it.
    pub(crate) fn feed(&mut self, token: Token<'a>, ahead: &Lexer<'a>) {
        match token.kind {
            Kind::Word(keyword) => self.word(token.text, keyword),
            Kind::Quoted => self.quoted(token.text),
            Kind::EscapedName => {
                // Its letters may spell any function, or the schema of temporary tables.
                self.may_write(Reason::Unknown);
                self.quoted(token.text);
            }
            Kind::Text(_) | Kind::Number | Kind::Parameter | Kind::CloseBracket => {
                self.set_last(Last::Operand, true);
            }
            Kind::Open => self.open(ahead),
            Kind::Close => self.close(),
            Kind::Dot => self.dot(),
            Kind::Comma => {
                let closed = self.last == Last::Closed;
                self.set_last(if closed { Last::CommaAfterClosed } else { Last::Comma }, false);
            }
            Kind::Cast => self.set_last(Last::Cast, false),
            Kind::OpenBracket | Kind::Operator => self.set_last(Last::Other, false),
            Kind::Semicolon | Kind::Other | Kind::Unterminated => {
                self.may_write(Reason::Unknown);
                self.set_last(Last::Other, false);
            }
        }
    }

    fn set_last(&mut self, last: Last, after_operand: bool) {
        self.last = last;
        self.after_operand = after_operand;
    }

    fn may_write(&mut self, reason: Reason) {
        self.findings.reason.get_or_insert(reason);
        if matches!(
            reason,
            Reason::UnknownFunction
                | Reason::VolatileFunction
                | Reason::Unknown
                | Reason::Unreadable
        ) {
            self.findings.session.opaque = true;
            self.findings.session.sets = Sets::Unknown;
        }
    }

    fn pins(&mut self, pin: Pin) {
        match self.findings.pin {
            Some(known) if !known.can_be_asked() || pin.can_be_asked() => {}
            _ => self.findings.pin = Some(pin),
        }
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.ground)
    }

    fn word(&mut self, text: &'a [u8], keyword: Keyword) {
        if matches!(self.last, Last::Dot | Last::Selector) {
            return self.part(text);
        }
        let lead = self.lead();
        self.key_word(keyword, lead);
        // `UPDATE a SET`, but `GRANT UPDATE ON a`, and `FOR UPDATE OF a`.
        self.names_updated = match keyword {
            Keyword::Update => lead != Lead::For,
            Keyword::Set | Keyword::On | Keyword::To => false,
            _ => self.names_updated,
        };
        self.start_name(text, Some(keyword), lead);
        self.after_operand = match keyword {
            Keyword::Not | Keyword::Direction => self.after_operand,
            other => other.ends_operand(),
        };
    }

    fn quoted(&mut self, text: &'a [u8]) {
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        // Quotes keep the case, and nothing in the table has a capital letter.
        let inner = if inner.iter().any(u8::is_ascii_uppercase) { text } else { inner };
        if matches!(self.last, Last::Dot | Last::Selector) {
            return self.part(inner);
        }
        let lead = self.lead();
        self.start_name(inner, None, lead);
        self.after_operand = true;
    }

    fn start_name(&mut self, text: &'a [u8], keyword: Option<Keyword>, lead: Lead) {
        self.temporary_schema(text);
        self.system_view(text);
        self.updated_settings(text);
        self.name =
            Name { lead, keyword, qualifier: &[], last: text, parts: 1, infix: self.after_operand };
        self.last = Last::Name;
    }

    /// Another part of a dotted name.
    ///
    /// `value.name` may be a call too: where no such column is, the server tries the function
    /// `name(value)`, so `('s'::regclass).nextval` moves a sequence. (`set_config` takes more than
    /// one value, so it is left to [`Self::call`].)
    fn part(&mut self, text: &'a [u8]) {
        if self.last == Last::Selector {
            self.name = Name { parts: 1, ..Name::default() };
        }
        self.temporary_schema(text);
        self.system_view(text);
        self.updated_settings(text);
        self.name.keyword = None;
        self.name.qualifier = self.name.last;
        self.name.last = text;
        self.name.parts += 1;
        self.set_last(Last::Name, true);
        if let Some(kind) = function::harmful(text)
            && kind != Function::SetConfig
        {
            self.called(kind);
        }
    }

    fn dot(&mut self) {
        self.last = match self.last {
            Last::Name => Last::Dot,
            Last::Closed | Last::Operand => Last::Selector,
            _ => Last::Other,
        };
    }

    /// What the last token makes of a name that starts now.
    fn lead(&self) -> Lead {
        match self.last {
            Last::Name => match (self.name.keyword, self.name.lead) {
                (Some(Keyword::As), _)
                | (Some(Keyword::Not), Lead::Definition)
                | (Some(Keyword::Ordinality), Lead::With) => Lead::Definition,
                (Some(Keyword::With), _) | (Some(Keyword::Recursive), Lead::With) => Lead::With,
                (Some(Keyword::Tablesample), _) => Lead::Sample,
                (Some(Keyword::For), _) => Lead::For,
                (Some(Keyword::Into), _) | (Some(Keyword::Local | Keyword::Global), Lead::Into) => {
                    Lead::Into
                }
                (Some(Keyword::Group), _) => Lead::Group,
                (Some(Keyword::Order | Keyword::Partition), _) => Lead::Order,
                (Some(Keyword::By), Lead::Group) => Lead::GroupBy,
                (Some(Keyword::Grouping), _) => Lead::Grouping,
                (Some(Keyword::Distinct), _) => Lead::Distinct,
                (Some(Keyword::On), _) => Lead::On,
                (Some(Keyword::Value | Keyword::Time), _) => Lead::Type,
                _ => Lead::None,
            },
            Last::Cast | Last::Closed => Lead::Definition,
            Last::CommaAfterClosed if self.frames.last().unwrap_or(&self.ground).in_with => {
                Lead::With
            }
            _ => Lead::None,
        }
    }

    /// What a key word says by itself, wherever it stands.
    fn key_word(&mut self, keyword: Keyword, lead: Lead) {
        match keyword {
            Keyword::Update | Keyword::No | Keyword::Share | Keyword::Key if lead == Lead::For => {
                self.may_write(Reason::LockingClause);
            }
            Keyword::Insert | Keyword::Update | Keyword::Delete | Keyword::Merge => {
                let inside = !self.frames.is_empty();
                self.may_write(if inside { Reason::WritingCte } else { Reason::Dml });
                self.findings.inserts |= keyword == Keyword::Insert;
                self.findings.changes |= keyword != Keyword::Insert;
                // Its defaults may.
                self.findings.session.moves_sequence |=
                    matches!(keyword, Keyword::Insert | Keyword::Merge);
                self.frame().in_with = false;
            }
            Keyword::Into => self.may_write(Reason::SelectInto),
            Keyword::Temp | Keyword::Temporary if lead == Lead::Into => {
                self.pins(Pin::TemporaryTable);
            }
            Keyword::With if matches!(self.last, Last::Start | Last::Open) => {
                self.frame().in_with = true;
            }
            Keyword::Select | Keyword::Values | Keyword::Table => self.frame().in_with = false,
            _ => {}
        }
    }

    /// `pg_temp` is another schema on each server connection.
    fn temporary_schema(&mut self, part: &[u8]) {
        if part.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"pg_temp")) {
            self.may_write(Reason::SessionState);
            self.pins(Pin::TemporaryTable);
        }
    }

    /// Views of what a standby does not have or has of its own: the primary's prepared
    /// transactions, its slots, senders and archiver; and where sequences stand, which a
    /// standby knows in steps of 32 only.
    fn system_view(&mut self, part: &[u8]) {
        if is_of_the_primary(part) {
            self.may_write(Reason::StandbyUnsafeFunction);
        }
    }

    /// A rule makes `set_config(…, false)` of an `UPDATE pg_settings`.
    fn updated_settings(&mut self, part: &[u8]) {
        if self.names_updated && part.eq_ignore_ascii_case(SETTINGS) {
            self.may_write(Reason::SessionState);
            self.pins(Pin::SetConfig);
        }
    }

    fn open(&mut self, ahead: &Lexer<'a>) {
        let mut frame = Frame::default();
        match self.last {
            Last::Name => frame.opens_operand = self.parenthesis_after_name(ahead),
            // The query of a `WITH` may itself stand in parentheses.
            Last::Closed => self.frame().in_with = false,
            _ => {}
        }
        if self.frames.len() < DEPTH_MAX {
            self.frames.push(frame);
        } else {
            self.may_write(Reason::Unknown);
        }
        self.set_last(Last::Open, false);
    }

    fn close(&mut self) {
        match self.frames.pop() {
            Some(Frame { opens_operand: true, .. }) => self.set_last(Last::Other, false),
            Some(_) => self.set_last(Last::Closed, true),
            None => self.may_write(Reason::Unknown),
        }
    }

    /// Judges what opens behind a name; true if an operand follows where it closes.
    fn parenthesis_after_name(&mut self, ahead: &Lexer<'a>) -> bool {
        let Name { lead, keyword, infix, .. } = self.name;
        match (keyword, lead) {
            (Some(Keyword::On), Lead::Distinct) => return true,
            (Some(Keyword::Operator), _) => {
                if !is_built_in_operator(*ahead) {
                    self.may_write(Reason::UnknownFunction);
                }
                return true;
            }
            (Some(keyword), _) if keyword.cannot_be_called() => {}
            // The columns of an `INSERT`, of its conflicts, of a `SET`: what these statements do is
            // clear without them.
            (_, Lead::Into) => {}
            (Some(Keyword::Set), _) if infix && self.findings.reason.is_some() => {}
            (Some(Keyword::Name), Lead::On)
                if self.findings.session.moves_sequence
                    && self.name.last.eq_ignore_ascii_case(b"conflict") => {}
            (_, Lead::Definition | Lead::With)
            | (Some(Keyword::Cube | Keyword::Rollup), Lead::GroupBy)
            | (Some(Keyword::Sets), Lead::Grouping)
            | (Some(Keyword::By), Lead::Group | Lead::Order)
            | (Some(Keyword::Varying | Keyword::Zone), Lead::Type) => {}
            (Some(Keyword::Infix), _) if infix => {}
            (_, Lead::Sample) => {
                if !matches!(
                    self.name.last.to_ascii_lowercase().as_slice(),
                    b"system" | b"bernoulli"
                ) {
                    self.may_write(Reason::UnknownFunction);
                }
            }
            _ => self.call(ahead),
        }
        false
    }

    fn call(&mut self, ahead: &Lexer<'a>) {
        let Name { qualifier, last, parts, .. } = self.name;
        let kind = match parts {
            1 => function::built_in(last),
            2 if qualifier.eq_ignore_ascii_case(b"pg_catalog") => function::built_in(last),
            2 if qualifier.eq_ignore_ascii_case(b"information_schema")
                && function::is_information_schema_helper(last) =>
            {
                Some(Function::Harmless)
            }
            _ => None,
        };
        match kind {
            Some(Function::SetConfig) => self.set_config(*ahead),
            Some(kind) => self.called(kind),
            None => self.may_write(Reason::UnknownFunction),
        }
    }

    /// `set_config`, whose arguments stand in `ahead`.
    fn set_config(&mut self, ahead: Lexer<'a>) {
        self.may_write(Reason::SessionState);
        self.findings.sets_ours |= names_ours(ahead);
        if sets_for_transaction(ahead) {
            self.findings.sets_local = true;
        } else {
            self.pins(Pin::SetConfig);
        }
    }

    /// A built-in function is called, whatever its arguments.
    fn called(&mut self, kind: Function) {
        match kind {
            Function::Harmless => {}
            Function::Volatile => self.may_write(Reason::VolatileFunction),
            Function::StandbyUnsafe => self.may_write(Reason::StandbyUnsafeFunction),
            Function::Sequence => {
                self.may_write(Reason::SequenceFunction);
                self.findings.session.moves_sequence = true;
            }
            Function::SequenceState => {
                self.may_write(Reason::SequenceFunction);
                self.pins(Pin::Sequence);
            }
            Function::AdvisorySession => {
                self.may_write(Reason::AdvisoryLock);
                self.pins(Pin::AdvisoryLock);
            }
            Function::AdvisoryRelease => {
                self.may_write(Reason::AdvisoryLock);
                self.findings.session.releases = true;
            }
            Function::Lasting => {
                self.may_write(Reason::SessionState);
                self.pins(Pin::ServerState);
            }
            Function::AdvisoryTransaction => self.may_write(Reason::AdvisoryLock),
            Function::Session => self.may_write(Reason::SessionState),
            Function::SetConfig => {
                self.may_write(Reason::SessionState);
                self.pins(Pin::SetConfig);
            }
        }
    }
}

/// Whether this is a system view whose rows a standby does not have, or has of its own.
pub fn is_of_the_primary(view: &[u8]) -> bool {
    const VIEWS: [&str; 14] = [
        "pg_aios",
        "pg_backend_memory_contexts",
        "pg_cursors",
        "pg_file_settings",
        "pg_hba_file_rules",
        "pg_ident_file_mappings",
        "pg_locks",
        "pg_prepared_statements",
        "pg_prepared_xacts",
        "pg_replication_origin_status",
        "pg_replication_slots",
        "pg_sequences",
        "pg_shmem_allocations",
        "pg_wait_events",
    ];
    // Said of every name that there is.
    if !view.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"pg_")) {
        return false;
    }
    let starts = |with: &str| {
        view.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    starts("pg_stat_")
        || starts("pg_statio_")
        || VIEWS.iter().any(|name| view.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether `pg_catalog.<operator>)` follows.
fn is_built_in_operator(mut ahead: Lexer<'_>) -> bool {
    let mut next = || ahead.next();
    next().is_some_and(|schema| {
        matches!(schema.kind, Kind::Word(_)) && schema.text.eq_ignore_ascii_case(b"pg_catalog")
    }) && next().is_some_and(|dot| dot.kind == Kind::Dot)
        && next().is_some_and(|operator| operator.kind == Kind::Operator)
        && next().is_some_and(|close| close.kind == Kind::Close)
}

/// Whether the first argument of a `set_config`, perhaps with its name, begins as our settings do.
fn names_ours(mut ahead: Lexer<'_>) -> bool {
    let mut first = ahead.next();
    if first.is_some_and(|token| token.text.eq_ignore_ascii_case(b"setting_name"))
        && ahead.next().is_some_and(|token| matches!(token.text, b"=>" | b":="))
    {
        first = ahead.next();
    }
    let name = first.and_then(string::value);
    name.is_some_and(|name| {
        name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS))
    })
}

/// Whether the arguments of a `set_config` are three simple ones and the last is `true`. At most
/// six tokens are looked at, so that the time stays linear.
fn sets_for_transaction(mut ahead: Lexer<'_>) -> bool {
    let mut next = || ahead.next();
    let simple =
        |token: Token<'_>| matches!(token.kind, Kind::Text(_) | Kind::Number | Kind::Parameter);
    next().is_some_and(simple)
        && next().is_some_and(|comma| comma.kind == Kind::Comma)
        && next().is_some_and(simple)
        && next().is_some_and(|comma| comma.kind == Kind::Comma)
        && next().is_some_and(|last| last.text.eq_ignore_ascii_case(b"true"))
        && next().is_some_and(|close| close.kind == Kind::Close)
}
