//! Follows the hints that stand in the comments of a client's statements.
//!
//! A hint counts once its statement is executed, and for that exchange only. Several add up
//! to the safest: the strictest level, every key and token, the primary rather than a replica.
//! What is wrong with one is told where its text is sent, as a warning in front of "ready".

use afterwrite_core::Key;
use afterwrite_sql::{Hints, Problem};
use std::time::Duration;

use afterwrite_types::{Floor, Level, Position, Preference, Source, Terms, Token};
use afterwrite_wire::server::{self, Report};
use smallvec::SmallVec;

use crate::exchange::Exchange;
use crate::gather::Around;
use crate::intent::{Intent, Transaction};
use crate::scope;
use crate::session::Session;
use crate::token::Unplaced;

/// How old what a `bounded` read sees may be, if nobody has said.
const MAX_STALENESS: Duration = Duration::from_secs(10);

/// Keys that one exchange, or one transaction, may name in hints.
const KEYS_MAX: usize = 1024;

/// Warnings about hints in one exchange at most; what is left out is counted all the same.
const WARNINGS_MAX: usize = 16;

/// The hints of one text.
#[derive(Debug)]
pub(crate) struct TextHints {
    terms: Terms,
    keys: SmallVec<[Key; 1]>,
    tokens: SmallVec<[Token; 1]>,
    /// So many of them are no tokens at all.
    bad_tokens: u32,
    preference: Option<Preference>,
    source: Option<Source>,
    problems: Vec<Problem>,
}

/// The hints of an exchange, added up.
#[derive(Debug, Default)]
pub(crate) struct ExchangeHints {
    /// What they ask for: of several the stricter of each.
    terms: Terms,
    /// A statement without a hint for its level names a key or a token, which must be seen.
    sees: bool,
    pub(crate) keys: SmallVec<[Key; 1]>,
    /// What its tokens stand for.
    pub(crate) floor: Floor,
    /// Those that only the primary can judge.
    pub(crate) unplaced: Option<Unplaced>,
    pub(crate) bad_token: bool,
    /// One of them is of a timeline that is newer than the primary's: the primary answers.
    pub(crate) ahead: Option<Position>,
    preference: Option<Preference>,
    /// What its writes are counted as.
    pub(crate) source: Option<Source>,
    pub(crate) warnings: Vec<u8>,
    warned: usize,
    /// That it gets less than it asked for; not if it runs once more.
    pub(crate) weakened: Vec<u8>,
}

/// Hints since they were last counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HintCounts {
    /// Statements whose hints were followed.
    pub followed: u32,
    /// Reads that asked for less than their session does.
    pub weaker: u32,
    /// Hints that were left out.
    pub bad: u32,
    /// Tokens that say nothing here, or not yet.
    pub unplaced: u32,
}

impl TextHints {
    /// The hints in an SQL string, if it has any.
    pub(crate) fn of(text: &[u8]) -> Option<Box<Self>> {
        Self::from(afterwrite_sql::hints(text))
    }

    /// As [`Self::of`], where the end of the text is not there.
    pub(crate) fn at_beginning(text: &[u8]) -> Option<Box<Self>> {
        Self::from(afterwrite_sql::hints_at_beginning(text))
    }

    fn from(hints: Hints) -> Option<Box<Self>> {
        if hints.is_empty() {
            return None;
        }
        let parsed = hints.tokens.iter().map(|token| token.parse());
        let tokens: SmallVec<_> = parsed.flatten().collect();
        let bad_tokens = hints.tokens.len().saturating_sub(tokens.len());
        let lost = hints.problems.iter().any(may_have_lost);
        Some(Box::new(Self {
            terms: hints.terms,
            keys: hints.keys.iter().map(|key| scope::key_named(key)).collect(),
            bad_tokens: u32::try_from(bad_tokens).unwrap_or(u32::MAX),
            tokens,
            preference: hints.preference.max(lost.then_some(Preference::Primary)),
            source: hints.source,
            problems: hints.problems,
        }))
    }

    /// Whether one of them is to be followed.
    fn says_something(&self) -> bool {
        !self.terms.is_empty()
            || self.preference.is_some()
            || self.source.is_some()
            || !self.keys.is_empty()
            || !self.tokens.is_empty()
    }
}

const LEFT_OUT: &str = "The statement runs as if this hint were not there.";
const ON_PRIMARY: &str = "To be sure that nothing is missing, a read is answered by the primary.";

/// Whether a token or a key may have been left out, which the read must see.
fn may_have_lost(problem: &Problem) -> bool {
    match problem {
        Problem::Unquoted(_)
        | Problem::Encoding(_)
        | Problem::KeyTooLong
        | Problem::TooMany
        | Problem::TooLong => true,
        Problem::Unknown(_)
        | Problem::Terms(..)
        | Problem::Span(..)
        | Problem::Route(_)
        | Problem::Source(_) => false,
    }
}

impl Session {
    /// Tells what is wrong with the hints of a text that the client has sent.
    pub(crate) fn judge_hints(&mut self, hints: Option<&TextHints>, text: &[u8]) {
        let Some(hints) = hints.filter(|_| !self.exchange.skip) else { return };
        if self.misreads(text) {
            self.warn_of_hint(
                "backslashes may mean more in this session than is read here",
                "A statement with a backslash runs on the primary, as without hints.",
            );
            return;
        }
        for problem in &hints.problems {
            let done = if may_have_lost(problem) { ON_PRIMARY } else { LEFT_OUT };
            self.warn_of_hint(&problem.to_string(), done);
        }
        if hints.bad_tokens > 0 {
            self.warn_of_hint("token is none that SHOW afterwrite.token gave", ON_PRIMARY);
        }
    }

    /// Tells the client in front of "ready" that it gets less than it asked for, unless the
    /// exchange runs elsewhere in the end.
    pub fn warn_weakened(&mut self, report: &Report) {
        server::notice(&mut self.exchange.hints.get_or_insert_default().weakened, report);
    }

    fn warn_of_hint(&mut self, problem: &str, done: &str) {
        self.hint_counts.bad += 1;
        let report = Report::warning("01000", format!("ignored a hint: {problem}"));
        self.warn(&report.detail(done));
    }

    /// Warns the client in front of "ready".
    pub fn warn(&mut self, report: &Report) {
        let hints = self.exchange.hints.get_or_insert_default();
        hints.warned += 1;
        if hints.warned <= WARNINGS_MAX {
            server::notice(&mut hints.warnings, report);
        }
    }

    /// Follows the hints of a statement that is executed.
    pub(crate) fn heed(
        &mut self,
        hints: Option<&TextHints>,
        text: &[u8],
        intent: &Intent,
        around: &Around<'_>,
    ) {
        let said = hints.filter(|hints| hints.says_something() || hints.bad_tokens > 0);
        let Some(said) = said.filter(|_| !self.exchange.skip && !self.misreads(text)) else {
            self.exchange.unhinted = true;
            return;
        };
        self.hint_counts.followed += u32::from(said.says_something());
        self.exchange.unhinted |= said.terms.level.is_none();
        self.count_weaker(said, intent);
        let (known, history) = (around.library.known_position(), around.library.history());
        let hints = self.exchange.hints.get_or_insert_default();
        hints.terms = hints.terms.and(said.terms);
        hints.preference = hints.preference.max(said.preference);
        hints.source = hints.source.max(said.source);
        hints.bad_token |= said.bad_tokens > 0;
        hints.sees |=
            said.terms.level.is_none() && !(said.keys.is_empty() && said.tokens.is_empty());
        self.scope.tokens.counts_mut().malformed += said.bad_tokens;
        for token in &said.tokens {
            self.heed_token(token, known, history.as_deref(), around.now);
        }
        let hints = self.exchange.hints.get_or_insert_default();
        let mut left_out = false;
        for &key in &said.keys {
            if hints.keys.len() + self.open.keys.len() >= KEYS_MAX {
                left_out = true;
                hints.preference = Some(Preference::Primary);
            } else if !hints.keys.contains(&key) {
                hints.keys.push(key);
            }
        }
        if left_out {
            self.warn_of_hint(
                &format!("no more than {KEYS_MAX} sessions may be named at once"),
                "A read is answered by the primary; a write is not noted under this name.",
            );
        }
    }

    /// Counts a read that asks for less than it would get without its hint.
    fn count_weaker(&mut self, hints: &TextHints, intent: &Intent) {
        let placed = self.in_transaction() || self.holds || !intent.is_harmless();
        let weaker = hints.terms.level.is_some_and(|level| level < self.scope.level());
        self.hint_counts.weaker += u32::from(weaker && !placed);
    }

    /// What the exchange's reads ask for: of its statements the strictest.
    pub fn level(&self) -> Level {
        self.level_of(&self.exchange)
    }

    pub(crate) fn level_of(&self, exchange: &Exchange) -> Level {
        if let Some(level) = exchange.relaxed {
            return level;
        }
        let own = self.scope.level();
        let level = exchange.hints.as_ref().map_or(own, |hints| {
            let sees = hints.sees.then_some(own.max(Level::ReadYourWrites));
            let unhinted = exchange.unhinted.then_some(own);
            hints.terms.level.max(sees).max(unhinted).unwrap_or(own)
        });
        let limited = level == Level::Eventual && self.own_max_staleness(exchange).is_some();
        if limited { Level::Bounded } else { level }
    }

    /// What the exchange's reads ask for, with all that belongs to the level.
    pub fn terms(&self) -> Terms {
        let hinted = self.exchange.hints.as_ref().map_or(Terms::default(), |hints| hints.terms);
        Terms { level: Some(self.level()), ..hinted.or(self.scope.terms()) }
    }

    /// How old what a read sees may be at most, if that has a limit of its own.
    pub fn max_staleness(&self) -> Option<Duration> {
        let own = self.own_max_staleness(&self.exchange);
        match self.level() {
            Level::Bounded => own.or(self.scope.terms().max_staleness).or(Some(MAX_STALENESS)),
            // The default is for those who ask for nothing else.
            Level::ReadYourWrites | Level::Causal => own,
            Level::Eventual | Level::Strong => None,
        }
    }

    /// As [`Self::max_staleness`], if the session or a hint has said so.
    fn own_max_staleness(&self, exchange: &Exchange) -> Option<Duration> {
        let own = self.scope.own_terms().max_staleness;
        let hinted = exchange.hints.as_ref().and_then(|hints| hints.terms.max_staleness);
        match (hinted, own) {
            // A statement without a hint keeps to the session's.
            (Some(hinted), Some(own)) if exchange.unhinted => Some(hinted.min(own)),
            (hinted, own) => hinted.or(own),
        }
    }

    pub(crate) fn preference(&self) -> Option<Preference> {
        self.exchange.hints.as_ref()?.preference
    }

    /// What the exchange's tokens stand for.
    pub(crate) fn hinted_floor(&self) -> Option<Floor> {
        self.exchange.hints.as_ref().map(|hints| hints.floor)
    }

    /// The keys whose floors a read must see.
    pub fn keys(&self) -> SmallVec<[Key; 2]> {
        // Most have none: nothing is collected then.
        let mut keys = SmallVec::new();
        keys.extend_from_slice(self.scope.keys());
        if let Some(hints) = &self.exchange.hints {
            keys.extend_from_slice(&hints.keys);
        }
        keys
    }

    /// The keys whose floors count for what was gathered: also those of the tables it reads.
    pub fn named(&self) -> SmallVec<[Key; 4]> {
        let mut keys = self.tables_read();
        keys.extend_from_slice(&self.keys());
        keys
    }

    /// The keys that must be marked before what was gathered is sent, since it may write:
    /// those that were not yet given out for this exchange.
    ///
    /// Where it may end a transaction, those that its earlier statements named, too: what
    /// they wrote is seen only now.
    pub fn take_unmarked(&mut self) -> SmallVec<[Key; 2]> {
        let mut unmarked = SmallVec::new();
        if !self.may_write() {
            return unmarked;
        }
        let intent = &self.exchange.intent;
        let may_end = intent.transaction != Transaction::Untouched || intent.unread;
        let earlier = self.open.keys.iter().filter(|_| may_end);
        let tables = self.tables_written();
        let written = self.open.tables.iter().filter(|_| may_end).chain(&tables);
        for key in self.keys().iter().chain(earlier).chain(written) {
            if !self.exchange.marked.contains(key) {
                self.exchange.marked.push(*key);
                unmarked.push(*key);
            }
        }
        unmarked
    }

    /// Keeps the session's keys, which it is about to leave, for what was written under them in
    /// the exchange or the open transaction: that counts only once it commits. Says whether
    /// there was room for them.
    pub(crate) fn keep_keys(&mut self) -> bool {
        let keys = SmallVec::<[Key; 1]>::from_slice(self.scope.keys());
        keys.into_iter().all(|key| self.keep_key(key))
    }

    fn keep_key(&mut self, key: Key) -> bool {
        let in_transaction = self.in_transaction();
        let hints = self.exchange.hints.get_or_insert_default();
        if hints.keys.contains(&key) || self.open.keys.contains(&key) {
            return true;
        }
        if hints.keys.len() + self.open.keys.len() >= KEYS_MAX {
            return false;
        }
        hints.keys.push(key);
        if in_transaction {
            self.open.keys.push(key);
        }
        true
    }

    /// Keeps what the session asks for, which it is about to change, for the statements of the
    /// exchange that came before: they are answered with those behind it.
    pub(crate) fn keep_terms(&mut self) {
        if !self.exchange.unhinted {
            return;
        }
        let (level, terms) = (self.scope.level(), self.scope.terms());
        let default = terms.max_staleness.filter(|_| level == Level::Bounded);
        let max_staleness = self.scope.own_terms().max_staleness.or(default);
        let hints = self.exchange.hints.get_or_insert_default();
        hints.terms = hints.terms.and(Terms { level: Some(level), max_staleness, ..terms });
    }

    /// Keeps what the statements of an open transaction named until it ends.
    pub(crate) fn keep_hinted_keys(&mut self, exchange: &Exchange) {
        for key in exchange.hints.iter().flat_map(|hints| &hints.keys) {
            if !self.open.keys.contains(key) {
                self.open.keys.push(*key);
            }
        }
    }

    /// Hints since this was last asked.
    pub fn take_hint_counts(&mut self) -> HintCounts {
        std::mem::take(&mut self.hint_counts)
    }
}

impl Exchange {
    /// Writes the warnings about its hints, once.
    pub(crate) fn tell_warnings(&mut self, out: &mut Vec<u8>) {
        if let Some(hints) = &mut self.hints {
            out.append(&mut hints.warnings);
            out.append(&mut hints.weakened);
        }
    }
}
