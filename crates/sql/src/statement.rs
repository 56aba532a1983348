//! One statement: what its first words make of it.

use crate::body::{Sets, sets_of_block};
use crate::effect::{Access, Command, Effect, Pin, Reason, SessionUse, Statement};
use crate::keyword::Keyword;
use crate::lexer::{Kind, Lexer, Token};
use crate::reader::Reader;
use crate::scan::{Findings, Scan};
use crate::setting;

/// Analyses the statement at the front, if it is not empty, and hands back the text behind it.
pub(crate) fn first(text: Lexer<'_>) -> (Option<Statement>, Option<Lexer<'_>>) {
    let mut reader = Reader::new(text);
    let statement = reader.next().map(|token| command(&mut reader, token));
    reader.finish();
    let statement = match reader.broken() {
        Some(reason) => Some(Statement::writes(reason, Effect::Plain)),
        None => statement,
    };
    (statement, reader.rest())
}

fn command<'a>(reader: &mut Reader<'a>, first: Token<'a>) -> Statement {
    let Kind::Word(keyword) = first.kind else { return explainable(reader, first) };
    match keyword {
        Keyword::Explain => explain(reader),
        Keyword::Show => setting::show(reader),
        Keyword::Set => setting::set(reader),
        Keyword::Reset => setting::reset(reader),
        Keyword::Copy => copy(reader),
        Keyword::Begin => begin(reader),
        Keyword::Start if reader.accept(Keyword::Transaction) => begin(reader),
        Keyword::Commit | Keyword::End => commit(reader),
        Keyword::Rollback | Keyword::Abort => rollback(reader),
        Keyword::Savepoint | Keyword::Release => transaction(Effect::Savepoint),
        Keyword::Prepare => prepare(reader),
        Keyword::Listen => pins(Pin::Listen),
        Keyword::Unlisten => state(Effect::Plain).releasing(),
        Keyword::Load => pins(Pin::Load),
        Keyword::Discard => discard(reader),
        Keyword::Deallocate => deallocate(reader),
        Keyword::Execute => execute(reader),
        Keyword::Declare => declare(reader),
        _ => explainable(reader, first),
    }
}

/// Everything that can stand behind `EXPLAIN`, and what is left.
fn explainable<'a>(reader: &mut Reader<'a>, first: Token<'a>) -> Statement {
    let reason = match first.kind {
        Kind::Open => return query(reader, first),
        Kind::Word(keyword) if keyword.begins_query() => return query(reader, first),
        Kind::Word(Keyword::Create) => return create(reader),
        Kind::Word(
            Keyword::Insert
            | Keyword::Update
            | Keyword::Delete
            | Keyword::Merge
            | Keyword::Truncate,
        ) => Reason::Dml,
        Kind::Word(Keyword::Ddl) => Reason::Ddl,
        Kind::Word(
            Keyword::Utility
            | Keyword::Analyse
            | Keyword::Analyze
            | Keyword::Declare
            | Keyword::Execute,
        ) => Reason::Utility,
        _ => Reason::Unknown,
    };
    writing(reader, first, reason)
}

/// A query: a read if nothing in it says otherwise.
fn query<'a>(reader: &mut Reader<'a>, first: Token<'a>) -> Statement {
    let mut scan = Scan::default();
    let mut beginning = Some(first);
    // Parentheses around a query are part of it; a query must come behind them.
    while let Some(token) = beginning
        && token.kind == Kind::Open
    {
        scan.feed(token, reader.ahead());
        beginning = reader.next();
    }
    let Some(token) = beginning else { return unknown() };
    let begins = matches!(token.kind, Kind::Word(keyword) if keyword.begins_query());
    scan.feed(token, reader.ahead());
    while let Some(token) = reader.next() {
        scan.feed(token, reader.ahead());
    }
    concluded(scan.findings(), begins)
}

fn concluded(findings: Findings, begins_as_query: bool) -> Statement {
    let effect = effect_of(findings);
    let statement = match findings.reason {
        Some(reason) => Statement::writes(reason, effect),
        None if begins_as_query => Statement::new(Access::Reads, Reason::ProvenRead, effect),
        None => Statement::writes(Reason::Unknown, effect),
    };
    statement.with(findings.session).inserting(findings.only_inserts())
}

/// What a statement does that runs at once.
fn effect_of(findings: Findings) -> Effect {
    if findings.sets_ours {
        return Effect::Afterwrite(Command::SetConfig);
    }
    left_behind(findings)
}

fn left_behind(findings: Findings) -> Effect {
    match (findings.pin, findings.sets_local) {
        (Some(pin), _) => Effect::Pins(pin),
        (None, true) => Effect::SetLocal,
        (None, false) => Effect::Plain,
    }
}

/// A statement that writes; its expressions may still leave something in the session.
fn writing<'a>(reader: &mut Reader<'a>, first: Token<'a>, reason: Reason) -> Statement {
    let mut scan = Scan::default();
    scan.feed(first, reader.ahead());
    let mut block = Block::default();
    while let Some(token) = reader.next() {
        block.feed(token);
        scan.feed(token, reader.ahead());
    }
    let is = |word: &str| first.text.eq_ignore_ascii_case(word.as_bytes());
    let unread = match () {
        () if is("do") => SessionUse { sets: block.sets(), ..SessionUse::UNREAD },
        () if is("call") || is("execute") => SessionUse::UNREAD,
        () => SessionUse::default(),
    };
    let releases = is("drop") || is("close");
    Statement::writes(reason, effect_of(scan.findings()))
        .with(scan.findings().session)
        .with(unread)
        .with(SessionUse { releases, ..SessionUse::default() })
        .inserting(is("insert") && scan.findings().only_inserts())
}

/// What `DO` runs, and in which language.
#[derive(Default)]
struct Block<'a> {
    code: Option<Token<'a>>,
    language: Option<&'a [u8]>,
    previous: &'a [u8],
}

impl<'a> Block<'a> {
    fn feed(&mut self, token: Token<'a>) {
        if self.previous.eq_ignore_ascii_case(b"language") {
            self.language = Some(token.text);
        } else if matches!(token.kind, Kind::Text(_)) {
            self.code = Some(token);
        }
        self.previous = token.text;
    }

    fn sets(&self) -> Sets {
        let language = self.language.unwrap_or(b"plpgsql");
        let quotes = |byte: &u8| matches!(byte, b'"' | b'\'');
        let language = language.split(quotes).find(|it| !it.is_empty()).unwrap_or_default();
        self.code.map_or(Sets::Unknown, |code| sets_of_block(language, code))
    }
}

/// `CREATE …`: temporary things tie the client to its connection, and routines may have bodies
/// with semicolons in them.
fn create(reader: &mut Reader<'_>) -> Statement {
    if reader.accept(Keyword::Or) {
        reader.accept(Keyword::Replace);
    }
    let _scope = reader.accept(Keyword::Global) || reader.accept(Keyword::Local);
    let temporary = reader.accept(Keyword::Temp) || reader.accept(Keyword::Temporary);
    if reader.accept(Keyword::Function) || reader.accept(Keyword::Procedure) {
        reader.enter_routine();
    }
    let mut scan = Scan::default();
    let mut previous = None;
    while let Some(token) = reader.next() {
        if let Kind::Word(keyword) = token.kind {
            reader.follow_body(previous, keyword);
        }
        previous = Some(token.kind);
        scan.feed(token, reader.ahead());
    }
    if temporary {
        return Statement::writes(Reason::Ddl, Effect::Pins(Pin::TemporaryTable));
    }
    Statement::writes(Reason::Ddl, left_behind(scan.findings())).with(scan.findings().session)
}

/// `EXPLAIN` goes where the statement would go that it explains: there its plan is the true one.
fn explain(reader: &mut Reader<'_>) -> Statement {
    let mut analyze = reader.accept(Keyword::Analyze) || reader.accept(Keyword::Analyse);
    reader.accept(Keyword::Verbose);
    if !analyze && has_options(reader) {
        analyze = options_ask_for_analyze(reader);
    }
    let Some(first) = reader.next() else { return unknown() };
    let explained = explainable(reader, first);
    match (explained.access, analyze) {
        (Access::Reads, _) => explained,
        (Access::Writes, true) => Statement { reason: Reason::ExplainAnalyze, ..explained },
        // It does not run, so it leaves nothing behind.
        (Access::Writes, false) => Statement { effect: Effect::Plain, ..explained },
    }
}

/// Whether a parenthesis with options comes next, not one with a query.
fn has_options(reader: &Reader<'_>) -> bool {
    let mut ahead = *reader.ahead();
    ahead.next().is_some_and(|token| token.kind == Kind::Open)
        && ahead.next().is_some_and(|token| match token.kind {
            Kind::Open => false,
            Kind::Word(keyword) => !keyword.begins_query(),
            _ => true,
        })
}

/// Takes the options in their parentheses. Whatever value `ANALYZE` has, it counts as on.
fn options_ask_for_analyze(reader: &mut Reader<'_>) -> bool {
    let mut analyze = false;
    while let Some(token) = reader.next() {
        match token.kind {
            Kind::Close => break,
            // Whatever its letters, a quoted word may be the same option.
            Kind::Quoted | Kind::EscapedName | Kind::Word(Keyword::Analyze | Keyword::Analyse) => {
                analyze = true;
            }
            _ => {}
        }
    }
    analyze
}

/// `COPY {table | (query)} {FROM | TO} …`
fn copy(reader: &mut Reader<'_>) -> Statement {
    let inner = match reader.peek() {
        Some(token) if token.kind == Kind::Open => copied_query(reader),
        _ => copied_table(reader),
    };
    let Some((source, direction)) = inner else { return unknown() };
    // Either word is taken in either direction.
    let client = reader.accept(Keyword::Stdin) || reader.accept(Keyword::Stdout);
    let mut rest = Scan::default();
    while let Some(token) = reader.next() {
        rest.feed(token, reader.ahead());
    }
    let rows = SessionUse {
        // `FROM … WHERE f(a)`
        opaque: rest.findings().session.opaque,
        moves_sequence: direction == Keyword::From,
        sets: rest.findings().session.sets,
        releases: false,
    };
    match (direction, client) {
        (Keyword::To, true) => Statement { effect: Effect::CopyOut, ..source },
        (Keyword::From, true) => {
            Statement::writes(Reason::CopyFrom, Effect::CopyIn).with(rows).inserting(true)
        }
        _ => Statement::writes(Reason::CopyFrom, Effect::Plain)
            .with(rows)
            .inserting(direction == Keyword::From),
    }
}

/// `(query) TO`
fn copied_query(reader: &mut Reader<'_>) -> Option<(Statement, Keyword)> {
    reader.next()?;
    let mut scan = Scan::default();
    let mut begins = None;
    loop {
        let token = reader.next()?;
        if token.kind == Kind::Close && scan.depth() == 0 {
            break;
        }
        if token.kind != Kind::Open && begins.is_none() {
            begins = Some(matches!(token.kind, Kind::Word(word) if word.begins_query()));
        }
        scan.feed(token, reader.ahead());
    }
    let direction = reader.next_keyword().filter(|word| *word == Keyword::To)?;
    Some((concluded(scan.findings(), begins == Some(true)), direction))
}

/// `table [(column, …)] {FROM | TO}`
fn copied_table(reader: &mut Reader<'_>) -> Option<(Statement, Keyword)> {
    let mut scan = Scan::default();
    loop {
        let token = reader.next()?;
        if let Kind::Word(direction @ (Keyword::From | Keyword::To)) = token.kind {
            // Only the names matter: a list of columns looks like a call.
            let source = match scan.findings().pin {
                Some(pin) => Statement::writes(Reason::SessionState, Effect::Pins(pin)),
                None => Statement::new(Access::Reads, Reason::ProvenRead, Effect::Plain),
            };
            return Some((source, direction));
        }
        scan.feed(token, reader.ahead());
    }
}

/// Behind `BEGIN` or `START TRANSACTION`: modes, with or without commas; the last one counts.
fn begin(reader: &mut Reader<'_>) -> Statement {
    let mut read_only = None;
    let mut serializable = false;
    let mut previous = None;
    while let Some(keyword) = reader.next_keyword() {
        match (previous, keyword) {
            (Some(Keyword::Read), Keyword::Only) => read_only = Some(true),
            (Some(Keyword::Read), Keyword::Write) => read_only = Some(false),
            (Some(Keyword::Level), level) => serializable = level == Keyword::Serializable,
            _ => {}
        }
        previous = Some(keyword);
    }
    transaction(Effect::Begin { read_only, serializable })
}

fn commit(reader: &mut Reader<'_>) -> Statement {
    if reader.accept(Keyword::Prepared) {
        return transaction(Effect::CommitPrepared);
    }
    transaction(Effect::Commit { chain: ends_with_chain(reader) })
}

fn rollback(reader: &mut Reader<'_>) -> Statement {
    if reader.accept(Keyword::Prepared) {
        return transaction(Effect::RollbackPrepared);
    }
    let _noise = reader.accept(Keyword::Work) || reader.accept(Keyword::Transaction);
    if reader.accept(Keyword::To) {
        return transaction(Effect::Savepoint);
    }
    transaction(Effect::Rollback { chain: ends_with_chain(reader) })
}

/// Whether `AND CHAIN` comes before the end, not `AND NO CHAIN`.
fn ends_with_chain(reader: &mut Reader<'_>) -> bool {
    let mut chain = false;
    let mut previous = None;
    while let Some(keyword) = reader.next_keyword() {
        chain |= keyword == Keyword::Chain && previous == Some(Keyword::And);
        previous = Some(keyword);
    }
    chain
}

/// `PREPARE TRANSACTION 'id'`, or a prepared statement, whose name may be `transaction` too.
fn prepare(reader: &mut Reader<'_>) -> Statement {
    if reader.accept(Keyword::Transaction)
        && reader.peek().is_some_and(|token| matches!(token.kind, Kind::Text(_)))
    {
        return transaction(Effect::PrepareTransaction);
    }
    pins(Pin::Prepare)
}

/// `EXECUTE name (…)`
fn execute(reader: &mut Reader<'_>) -> Statement {
    let name = reader.next().and_then(setting::folded);
    while reader.next().is_some() {}
    Statement::writes(Reason::Utility, Effect::Execute { name }).with(SessionUse::UNREAD)
}

fn deallocate(reader: &mut Reader<'_>) -> Statement {
    reader.accept(Keyword::Prepare);
    if reader.accept(Keyword::All) {
        return state(Effect::DeallocateAll).releasing();
    }
    let name = reader.next().and_then(setting::folded);
    state(Effect::Deallocate { name: name.filter(|_| reader.finish()) }).releasing()
}

/// `DECLARE name … CURSOR [{WITH | WITHOUT} HOLD] FOR query`
fn declare(reader: &mut Reader<'_>) -> Statement {
    let mut hold = false;
    let mut previous = None;
    while let Some(keyword) = reader.next_keyword() {
        match (previous, keyword) {
            (_, Keyword::For) => break,
            (Some(Keyword::With), Keyword::Hold) => hold = true,
            _ => {}
        }
        previous = Some(keyword);
    }
    let mut scan = Scan::default();
    while let Some(token) = reader.next() {
        scan.feed(token, reader.ahead());
    }
    match effect_of(scan.findings()) {
        effect @ Effect::Afterwrite(_) => Statement::writes(Reason::SessionState, effect),
        _ if hold => pins(Pin::HoldCursor),
        effect => Statement::writes(Reason::Utility, effect).with(scan.findings().session),
    }
}

/// `DISCARD {ALL | PLANS | SEQUENCES | TEMP}`
fn discard(reader: &mut Reader<'_>) -> Statement {
    if reader.accept(Keyword::All) {
        return state(Effect::DiscardAll).releasing();
    }
    let sequences = reader
        .next()
        .is_some_and(|token| token.text.eq_ignore_ascii_case(b"sequences") && reader.finish());
    state(if sequences { Effect::DiscardSequences } else { Effect::Plain }).releasing()
}

fn transaction(effect: Effect) -> Statement {
    Statement::writes(Reason::TransactionControl, effect)
}

fn state(effect: Effect) -> Statement {
    Statement::writes(Reason::SessionState, effect)
}

fn pins(pin: Pin) -> Statement {
    state(Effect::Pins(pin))
}

fn unknown() -> Statement {
    Statement::writes(Reason::Unknown, Effect::Plain)
}
