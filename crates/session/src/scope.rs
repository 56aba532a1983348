//! What a client's reads must see, and what it asked for.

use std::sync::Arc;

use afterwrite_core::{Key, Seen};
use afterwrite_types::{
    BadToken, Fence, Floor, History, Level, Line, Moment, OnOrphan, Orphan, OrphanCause,
    Placed as OnHistory, Position, Source, Terms,
};

use crate::brought::Brought;
pub use crate::brought::TokenPolicy;
use crate::orphan::Orphans;
use crate::token::{Disbelief, Placed, tokens_in};

/// What a client's reads must see, and what it asked for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Everything this connection wrote, and every token it brought.
    floor: Floor,
    /// What its reads have seen, where none may see less than an earlier one.
    seen: Option<Box<Seen>>,
    /// The keys that it named; boxed, since most have none.
    named: Option<Box<Named>>,
    /// What it has set, and by `SET LOCAL` until the transaction ends; boxed, since most have
    /// set nothing.
    own: Option<Box<OwnTerms>>,
    defaults: Arc<Terms>,
    /// What it has set at login; `RESET` comes back to that. `None` is nothing.
    login: Option<Arc<Login>>,
    /// It was changed in a transaction whose place was chosen before.
    pub(crate) raised: bool,
    /// What became of the tokens that it brought.
    pub(crate) tokens: Brought,
    pub(crate) orphans: Orphans,
}

/// Keys, and the same as the client wrote them.
#[derive(Clone, Debug)]
struct Named {
    keys: Vec<Key>,
    names: Vec<String>,
}

/// What a client has set at login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) terms: Terms,
    pub(crate) source: Option<Source>,
    pub(crate) keys: Vec<String>,
    pub(crate) on_orphan: Option<OnOrphan>,
}

/// What a client has set of what its reads ask for.
#[derive(Clone, Copy, Debug, Default)]
struct OwnTerms {
    session: Terms,
    transaction: Terms,
    /// What its writes are counted as, in the same way.
    session_source: Option<Source>,
    transaction_source: Option<Source>,
}

/// A scope outside of a transaction, in its parts.
pub(crate) struct Parts {
    pub(crate) floor: Floor,
    pub(crate) seen: Option<Box<Seen>>,
    pub(crate) terms: Terms,
    pub(crate) source: Option<Source>,
    pub(crate) defaults: Arc<Terms>,
    pub(crate) login: Option<Arc<Login>>,
    pub(crate) keys: Vec<String>,
}

impl Scope {
    /// A client that has written nothing yet; what it leaves open the defaults say.
    pub fn new(defaults: impl Into<Arc<Terms>>) -> Self {
        Self {
            floor: Floor::default(),
            seen: None,
            named: None,
            own: None,
            raised: false,
            defaults: defaults.into(),
            login: None,
            tokens: Brought::default(),
            orphans: Orphans::default(),
        }
    }

    /// Whether something of it ends with the transaction.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.own
            .as_ref()
            .is_some_and(|own| !own.transaction.is_empty() || own.transaction_source.is_some())
    }

    pub(crate) fn into_parts(self) -> Parts {
        let Self { floor, seen, named, own, defaults, login, .. } = self;
        let keys = named.map(|named| named.names).unwrap_or_default();
        let own = own.map(|own| *own).unwrap_or_default();
        Parts { floor, seen, terms: own.session, source: own.session_source, defaults, login, keys }
    }

    pub(crate) fn from_parts(parts: Parts) -> Self {
        let Parts { floor, seen, terms, source, defaults, login, keys } = parts;
        let mut scope = Self { floor, seen, login, ..Self::new(defaults) };
        if !terms.is_empty() {
            *scope.terms_mut(false) = terms;
        }
        if source.is_some() {
            scope.set_source(source, false);
        }
        scope.name_keys(&keys);
        scope
    }

    /// The connection's own floor.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// The keys it named.
    pub fn keys(&self) -> &[Key] {
        self.named.as_ref().map_or(&[], |named| &named.keys)
    }

    /// The keys as the client wrote them.
    pub fn key_names(&self) -> &[String] {
        self.named.as_ref().map_or(&[], |named| &named.names)
    }

    /// What its reads ask for now.
    pub fn level(&self) -> Level {
        self.terms().level.unwrap_or_default()
    }

    /// What its reads ask for now, with all that belongs to it.
    pub fn terms(&self) -> Terms {
        self.own_terms().or(*self.defaults)
    }

    /// What the client itself has set.
    pub(crate) fn own_terms(&self) -> Terms {
        self.own.as_ref().map_or(Terms::default(), |own| own.transaction.or(own.session))
    }

    /// What its reads have seen.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_deref()
    }

    pub(crate) fn seen_mut(&mut self) -> &mut Seen {
        self.seen.get_or_insert_default()
    }

    /// What the connection has written, and what its reads have seen, where that counts.
    pub fn whole_floor(&self, now: Moment) -> Floor {
        match &self.seen {
            Some(seen) if self.level().is_monotonic() => self.floor.merge(seen.floor(), now),
            _ => self.floor,
        }
    }

    /// Something may have been written up to `moment`, position unknown.
    pub fn doubt(&mut self, moment: Moment) {
        self.floor.doubt(moment);
    }

    /// Takes up the position captured behind the client's own commit.
    ///
    /// On a new line of history its number counts, not that of the old one, which the new
    /// primary may never have reached. On an older one than the floor's it proves nothing:
    /// an old primary has come back, and what it has acknowledged is a doubt.
    pub fn capture(&mut self, fence: Fence) {
        let line = fence.position.line;
        if self.floor.position().is_some_and(|known| line.is_newer_than(known.line)) {
            let before = Moment(fence.asked.0.saturating_sub(1));
            self.floor.distrust(line, before);
        } else {
            self.floor.raise(fence.position, fence.asked);
        }
        self.resolve(fence);
    }

    /// Tells the floor as one of the primary's line of history; an orphan is noted.
    pub(crate) fn place(&mut self, history: &History, now: Moment) {
        if let Some(orphan) = self.floor.place(history, now) {
            self.orphans.note(orphan);
        }
        if let Some(seen) = &mut self.seen {
            seen.place(history, now);
        }
        let ahead = self.orphans.ahead;
        if let Some(token) = ahead.filter(|it| !it.line.is_newer_than(history.line())) {
            self.orphans.ahead = None;
            self.place_token(token, Some(history));
            self.floor.doubt(now);
        }
    }

    /// Asks for a fence if the floor is not on `line`, the primary's.
    pub fn distrust(&mut self, line: Line, now: Moment) {
        self.floor.distrust(line, now);
        if let Some(seen) = &mut self.seen {
            seen.distrust(line, now);
        }
    }

    /// Takes up a fence; says whether the floor is resolved now.
    pub fn resolve(&mut self, fence: Fence) -> bool {
        if let Some(seen) = &mut self.seen {
            seen.resolve(fence);
        }
        self.tokens.settle(fence);
        self.floor.resolve(fence)
    }

    /// Takes up what a token brought. `known` is the latest known position of
    /// the primary: whatever is not covered by it makes the next read ask the primary.
    pub fn bring(&mut self, token: Position, known: Option<Position>, now: Moment) {
        match self.tokens.bring(token, known, now) {
            Placed::Covered => self.floor.raise(token, now),
            Placed::Left | Placed::Ahead | Placed::Foreign => self.floor.doubt(now),
        }
    }

    /// Takes up the tokens in a text, in the place of any before that was not believed;
    /// says why one of them is not, if that is known already.
    pub(crate) fn bring_text(
        &mut self,
        text: &str,
        known: Option<Position>,
        history: Option<&History>,
        now: Moment,
    ) -> Result<(), Disbelief> {
        self.tokens.forget_bad();
        self.orphans.ahead = None;
        let Some(tokens) = tokens_in(text) else {
            return self.disbelieve(Disbelief::Malformed, now);
        };
        let mut outcome = Ok(());
        for token in tokens {
            let token = token.parse().map_err(|BadToken| Disbelief::Malformed);
            match token.and_then(|token| self.tokens.believed(&token)) {
                Ok(position) => self.bring_placed(position, known, history, now),
                Err(why) => outcome = self.disbelieve(why, now),
            }
        }
        if outcome.is_ok() && self.tokens.are_bad() {
            outcome = Err(Disbelief::Foreign);
        }
        outcome
    }

    /// Whatever the token stood for, a fence from now on covers it.
    fn disbelieve(&mut self, why: Disbelief, now: Moment) -> Result<(), Disbelief> {
        self.tokens.disbelieve(why);
        self.floor.doubt(now);
        Err(why)
    }

    /// As [`Self::bring`], of a position that is perhaps on a line which the primary has left,
    /// or has not come to.
    fn bring_placed(
        &mut self,
        token: Position,
        known: Option<Position>,
        history: Option<&History>,
        now: Moment,
    ) {
        let position = self.place_token(token, history);
        if self.orphans.ahead == Some(position) {
            // The primary answers until it is known who is right.
            self.floor.doubt(now);
        } else {
            self.bring(position, known, now);
        }
    }

    /// Finds that the primary has lost what the floor stands for.
    pub(crate) fn cut(&mut self, fence: Fence, held: Moment) -> Option<Orphan> {
        self.floor.cut(fence, held)
    }

    /// A token's position as one of the primary's line of history. One that stands for what
    /// may be lost is noted.
    pub(crate) fn place_token(&mut self, token: Position, history: Option<&History>) -> Position {
        match history.map(|history| history.place(token)) {
            Some(OnHistory::OnLine(here)) => here,
            Some(OnHistory::Orphan { switch }) => {
                let (switch, cause) = (Some(switch), OrphanCause::Failover);
                self.orphans.note_token(Orphan { position: token, switch, cause });
                token
            }
            Some(OnHistory::Newer) => {
                self.orphans.ahead = Some(token);
                token
            }
            Some(OnHistory::Void | OnHistory::Unknown) | None => token,
        }
    }

    /// Names the keys that this client shares with others; empty text names none.
    pub fn name_keys(&mut self, names: &[String]) {
        let names: Vec<_> = names.iter().filter(|name| !name.is_empty()).cloned().collect();
        let keys = names.iter().map(|name| key_named(name)).collect();
        self.named = (!names.is_empty()).then(|| Box::new(Named { keys, names }));
    }

    /// The login is over: `RESET` comes back to what is set now.
    pub fn log_in(&mut self) {
        let own = self.own.as_deref().copied().unwrap_or_default();
        let login = Login {
            terms: own.session,
            source: own.session_source,
            keys: self.key_names().to_vec(),
            on_orphan: self.orphans.set,
        };
        self.login = (login != Login::default()).then(|| Arc::new(login));
    }

    /// What `RESET` comes back to.
    pub(crate) fn login(&self) -> Arc<Login> {
        self.login.clone().unwrap_or_default()
    }

    /// Takes up `RESET ALL`. The floor stays, and with it all that was brought; so does the
    /// token's report, which makes no read weaker.
    pub(crate) fn reset_all(&mut self) {
        let login = self.login();
        if let Some(own) = &mut self.own {
            own.session = login.terms;
            own.session_source = login.source;
        }
        self.name_keys(&login.keys);
        self.tokens.forget_bad();
        self.orphans.set = login.on_orphan;
    }

    /// Sets what holds where the client has set nothing.
    pub fn set_defaults(&mut self, defaults: &Arc<Terms>) {
        self.defaults = Arc::clone(defaults);
    }

    /// Sets what its reads ask for; `None` is the default.
    pub fn set_level(&mut self, level: Option<Level>) {
        self.terms_mut(false).level = level;
    }

    /// What it has set, for good or until the transaction ends.
    pub(crate) fn terms_mut(&mut self, local: bool) -> &mut Terms {
        let own = self.own.get_or_insert_default();
        if local { &mut own.transaction } else { &mut own.session }
    }

    /// What it has said that its writes are counted as.
    pub fn source(&self) -> Option<Source> {
        self.own.as_ref().and_then(|own| own.transaction_source.or(own.session_source))
    }

    pub(crate) fn set_source(&mut self, source: Option<Source>, local: bool) {
        let own = self.own.get_or_insert_default();
        let place = if local { &mut own.transaction_source } else { &mut own.session_source };
        *place = source;
    }

    /// Something may stand behind the end of the transaction in the same breath: what was set
    /// for the transaction counts there only if it asks for more.
    pub(crate) fn go_on_behind_end(&mut self) {
        let defaults = *self.defaults;
        if let Some(own) = &mut self.own {
            let level_of = |terms: Terms| terms.or(own.session).or(defaults).level;
            if level_of(own.transaction) <= level_of(Terms::default()) {
                own.transaction = Terms::default();
            }
        }
    }

    /// The transaction is over.
    pub(crate) fn end_transaction(&mut self) {
        self.raised = false;
        if let Some(own) = &mut self.own {
            own.transaction = Terms::default();
            own.transaction_source = None;
        }
    }
}

/// The key that clients share who give this name.
pub fn key_named(name: &str) -> Key {
    Key::named(fingerprint(name))
}

/// FNV-1a of 128 bits. Proxies that share floors must agree on it, whatever they were built
/// with, so it is one that is written down; and colliding keys only read fresher than they must.
pub(crate) fn fingerprint(text: &str) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{Lsn, Need, SystemId, Timeline};

    fn at(timeline: u32, lsn: u64) -> Position {
        let line = Line { system: SystemId(7), timeline: Timeline(timeline) };
        Position { line, lsn: Lsn(lsn) }
    }

    #[test]
    fn a_capture_on_a_new_line_of_history_replaces_the_old_number() {
        let mut scope = Scope::new(Level::default());
        scope.capture(Fence { position: at(1, 900), asked: Moment(5) });
        scope.capture(Fence { position: at(2, 700), asked: Moment(9) });
        assert_eq!(scope.floor().need(), Need::Position(at(2, 700)));
        scope.capture(Fence { position: at(2, 600), asked: Moment(10) });
        assert_eq!(scope.floor().need(), Need::Position(at(2, 700)), "on one line it only rises");
        scope.capture(Fence { position: at(1, 950), asked: Moment(11) });
        assert_eq!(scope.floor().need(), Need::Fence(Moment(11)), "an old primary proves nothing");
        assert_eq!(scope.floor().position(), Some(at(2, 700)));
    }

    #[test]
    fn a_token_that_cannot_be_placed_asks_the_primary() {
        for known in [None, Some(at(1, 50)), Some(at(2, 500))] {
            let mut scope = Scope::new(Level::default());
            scope.bring(at(1, 100), known, Moment(4));
            assert_eq!(scope.floor().need(), Need::Fence(Moment(4)), "{known:?}");
        }
        let mut scope = Scope::new(Level::default());
        scope.bring(at(1, 100), Some(at(1, 100)), Moment(4));
        assert_eq!(scope.floor().need(), Need::Position(at(1, 100)));
    }

    #[test]
    fn every_build_makes_the_same_fingerprints() {
        // The reference's own values.
        assert_eq!(fingerprint(""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fingerprint("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fingerprint("foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
