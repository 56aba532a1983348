//! Follows the hints that stand in the comments of a client's statements.
//!
//! A hint counts once its statement is executed, and for that exchange only. Several add up
//! to the safest: the strictest level, every key and token, the primary rather than a replica.
//! What is wrong with one is told where its text is sent, as a warning in front of "ready".

use afterwrite_core::Key;
use afterwrite_sql::{Hints, Problem};
use afterwrite_types::{Floor, Level, Position, Preference, Token};
use afterwrite_wire::server::{self, Report};
use smallvec::SmallVec;

use crate::exchange::Exchange;
use crate::gather::Around;
use crate::intent::{Intent, Transaction};
use crate::scope;
use crate::session::Session;

/// Keys that one exchange, or one transaction, may name in hints.
const KEYS_MAX: usize = 1024;

/// Warnings about hints in one exchange at most; what is left out is counted all the same.
const WARNINGS_MAX: usize = 16;

/// The hints of one text.
#[derive(Debug)]
pub(crate) struct TextHints {
    level: Option<Level>,
    keys: SmallVec<[Key; 1]>,
    tokens: SmallVec<[Position; 1]>,
    /// One of them is no token at all.
    bad_token: bool,
    preference: Option<Preference>,
    problems: Vec<Problem>,
}

/// The hints of an exchange, added up.
#[derive(Debug, Default)]
pub(crate) struct ExchangeHints {
    /// The strictest level that a hint names.
    level: Option<Level>,
    /// A statement without a hint for its level names a key or a token, which must be seen.
    sees: bool,
    pub(crate) keys: SmallVec<[Key; 1]>,
    /// What its tokens stand for.
    floor: Floor,
    bad_token: bool,
    preference: Option<Preference>,
    pub(crate) warnings: Vec<u8>,
    warned: usize,
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
        let tokens: SmallVec<_> = parsed.flatten().map(|Token(position)| position).collect();
        Some(Box::new(Self {
            level: hints.level,
            keys: hints.keys.iter().map(|key| scope::fingerprint(key)).collect(),
            bad_token: tokens.len() < hints.tokens.len(),
            tokens,
            preference: hints.preference,
            problems: hints.problems,
        }))
    }

    /// Whether one of them is to be followed.
    fn says_something(&self) -> bool {
        self.level.is_some()
            || self.preference.is_some()
            || !self.keys.is_empty()
            || !self.tokens.is_empty()
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
            let done = "The statement runs as if this hint were not there.";
            self.warn_of_hint(&problem.to_string(), done);
        }
        if hints.bad_token {
            self.warn_of_hint(
                "token is none that SHOW afterwrite.token gave",
                "To be sure that nothing is missing, a read is answered by the primary.",
            );
        }
    }

    fn warn_of_hint(&mut self, problem: &str, done: &str) {
        self.hint_counts.bad += 1;
        let hints = self.exchange.hints.get_or_insert_default();
        hints.warned += 1;
        if hints.warned <= WARNINGS_MAX {
            let report = Report::warning("01000", format!("ignored a hint: {problem}"));
            server::notice(&mut hints.warnings, &report.detail(done));
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
        let said = hints.filter(|hints| hints.says_something() || hints.bad_token);
        let Some(said) = said.filter(|_| !self.exchange.skip && !self.misreads(text)) else {
            self.exchange.unhinted = true;
            return;
        };
        self.hint_counts.followed += u32::from(said.says_something());
        self.exchange.unhinted |= said.level.is_none();
        self.count_weaker(said, intent);
        let known = around.library.known_position();
        let history = around.library.history();
        let hints = self.exchange.hints.get_or_insert_default();
        hints.level = hints.level.max(said.level);
        hints.preference = hints.preference.max(said.preference);
        hints.bad_token |= said.bad_token;
        hints.sees |= said.level.is_none() && !(said.keys.is_empty() && said.tokens.is_empty());
        for &token in &said.tokens {
            let token = self.scope.place_token(token, history.as_deref());
            match known {
                Some(known) if known.line == token.line && token.lsn <= known.lsn => {
                    hints.floor.raise(token, around.now);
                    continue;
                }
                // Another cluster's, or of a history that the primary has left.
                Some(known) if known.line != token.line => hints.bad_token = true,
                Some(_) | None => hints.floor.doubt(around.now),
            }
            self.hint_counts.unplaced += 1;
        }
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
        let weaker = hints.level.is_some_and(|level| level < self.scope.level());
        self.hint_counts.weaker += u32::from(weaker && !placed);
    }

    /// What the exchange's reads ask for: of its statements the strictest.
    pub(crate) fn level(&self) -> Level {
        let own = self.scope.level();
        let Some(hints) = &self.exchange.hints else { return own };
        let sees = hints.sees.then_some(own.max(Level::ReadYourWrites));
        let unhinted = self.exchange.unhinted.then_some(own);
        hints.level.max(sees).max(unhinted).unwrap_or(own)
    }

    pub(crate) fn preference(&self) -> Option<Preference> {
        self.exchange.hints.as_ref()?.preference
    }

    pub(crate) fn brings_bad_token(&self) -> bool {
        self.exchange.hints.as_ref().is_some_and(|hints| hints.bad_token)
    }

    /// What the exchange's tokens stand for.
    pub(crate) fn hinted_floor(&self) -> Option<Floor> {
        self.exchange.hints.as_ref().map(|hints| hints.floor)
    }

    /// The keys whose floors a read must see.
    pub fn keys(&self) -> SmallVec<[Key; 2]> {
        let hinted = self.exchange.hints.iter().flat_map(|hints| hints.keys.iter().copied());
        self.scope.key().into_iter().chain(hinted).collect()
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
        }
    }
}
