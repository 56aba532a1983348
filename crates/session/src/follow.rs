//! Takes up what an exchange has changed: the transaction, the settings, the pins.

use std::borrow::Cow;

use afterwrite_core::Life;
use afterwrite_sql::Pin;
use afterwrite_types::{Role, Sequence};
use afterwrite_wire::server::{IDLE, IN_TRANSACTION};

use crate::exchange::Exchange;
use crate::intent::{Change, Transaction};
use crate::link::Link;
use crate::pinned::{Causes, Pinned};
use crate::session::{Open, Session};
use crate::settings::{DATE_STYLE, setting};

impl Session {
    pub(crate) fn follow_transaction(&mut self, exchange: &Exchange, status: u8) {
        let schema = self.open.schema || exchange.intent.schema && exchange.executes;
        if status == IDLE {
            // Even if it failed: not every change is undone then.
            self.schema_changed |= schema;
            self.open = Open { status, ..Open::default() };
            self.portals.clear();
            self.scope.end_transaction();
            return;
        }
        if let Transaction::Begins { read_only, .. } = exchange.intent.transaction {
            self.open.read_only = read_only;
        }
        if self.in_transaction() {
            self.open.has_run |= exchange.may_take_snapshot();
        } else {
            self.open.asked = exchange.asked;
        }
        let unclear = exchange.intent.transaction == Transaction::Mixed || exchange.intent.unread;
        if exchange.intent.sets_transaction || unclear {
            self.open.read_only = false;
        }
        self.open.status = status;
        self.open.moved_path |= exchange.intent.moves_path;
        self.open.schema = schema;
        self.keep_hinted_keys(exchange);
        self.keep_written_tables(exchange);
        self.keep_source(exchange);
    }

    /// Takes up where the exchange has read, if no later read may see less.
    ///
    /// Also where it wrote: a write sees, and tells, too.
    pub(crate) fn note_seen(&mut self, exchange: &Exchange, link: &Link, sequence: &Sequence) {
        if !exchange.executes || !self.level_of(exchange).is_monotonic() {
            return;
        }
        let now = sequence.now();
        // In a transaction the level may be another one than where it began and was placed.
        let asked = if self.in_transaction() { self.open.asked } else { exchange.asked };
        let placed = asked.is_monotonic();
        let (node, server) = (link.spec.node, link.spec.server);
        // When the answer is here, the server may have crashed, and be back as another life.
        let life = exchange.sent.filter(|_| placed).map(|at| Life { node, server, at });
        let seen = self.scope.seen_mut();
        match (link.role(), life) {
            (Role::Replica, Some(life)) => seen.on_replica(life, now),
            (Role::Replica, None) => seen.astray(node, now),
            // A position captured behind it is above all that it saw.
            (Role::Primary, _) if exchange.captured => seen.leave(),
            (Role::Primary, _) => seen.elsewhere(now),
        }
    }

    /// Takes up settings that the exchange changed, so that they follow the client.
    pub(crate) fn follow_settings(&mut self, exchange: &Exchange, link: &mut Link, status: u8) {
        let intent = &exchange.intent;
        let changes = if exchange.failed { &[][..] } else { intent.changes.as_slice() };
        if !intent.changes.is_empty() && exchange.failed {
            link.applied = None;
        }
        let before = self.settings.fingerprint();
        let kept = link.applied == Some(before);
        let opens = status != IDLE || self.in_transaction();
        // Without transaction control a string of statements, or a batch, takes effect as
        // a whole and in its order, or not at all.
        let followed = intent.transaction == Transaction::Untouched
            && !intent.unread
            && changes.len() == exchange.setting_texts.len();
        if !changes.is_empty() && !followed {
            link.applied = None;
            self.noted.insert(Pin::Other);
        } else {
            for (change, text) in changes.iter().zip(&exchange.setting_texts) {
                let Some(text) = followed_text(change, text, exchange) else { continue };
                if opens {
                    self.open.changes.push((change.clone(), text.into_owned()));
                } else {
                    self.apply(change, &text);
                }
            }
        }
        if !self.open.changes.is_empty() {
            self.settle_settings(exchange, link, status);
        } else if self.settings.fingerprint() != before {
            let set = changes.iter().all(|change| matches!(change, Change::Set(_)));
            link.applied = (kept && set).then(|| self.settings.fingerprint());
        }
        let resets = |change: &Change| !matches!(change, Change::Set(_));
        if changes.iter().any(resets) && !opens {
            let all = |change: &Change| matches!(change, Change::ResetAll | Change::DiscardAll);
            let known = followed && (kept || changes.iter().any(all));
            let restored = match self.settings.restoration(changes) {
                Some(_) => exchange.restored && !exchange.restore_failed,
                None => true,
            };
            link.applied = (known && restored).then(|| self.settings.fingerprint());
        }
        if changes.contains(&Change::Reset(String::new())) {
            // The server's copies of the proxy's own settings must not stay behind.
            link.applied = None;
        }
        self.follow_strays(exchange, link);
    }

    /// Code that nobody has read may have set something, also if it failed: a procedure commits.
    ///
    /// # Invariant: names are looked for where the session is known to look
    ///
    /// By them a write is noted under the tables that it touches. So the settings are brought
    /// anew before the next exchange; where the connection stays with the client, the path counts
    /// as unknown.
    fn follow_strays(&mut self, exchange: &Exchange, link: &mut Link) {
        if exchange.intent.strays && exchange.executes {
            self.strayed = true;
            if self.tables.is_some() {
                link.applied = None;
            }
        } else if !self.holds {
            // They were brought before it.
            self.strayed = false;
        }
    }

    /// Settings changed inside a transaction count once it has committed.
    fn settle_settings(&mut self, exchange: &Exchange, link: &mut Link, status: u8) {
        if exchange.intent.savepoint {
            // Which of them a ROLLBACK TO undid, only the server knows.
            self.noted.insert(Pin::Other);
        }
        if status != IDLE {
            return;
        }
        link.applied = None;
        let changes = std::mem::take(&mut self.open.changes);
        let was_sound = self.open.status == IN_TRANSACTION && !exchange.failed;
        match exchange.intent.transaction {
            Transaction::Ends { commits: true } if was_sound => {
                for (change, text) in changes {
                    self.apply(&change, &text);
                }
            }
            Transaction::Ends { .. } => {}
            Transaction::Untouched | Transaction::Begins { .. } | Transaction::Mixed => {
                self.noted.insert(Pin::Other);
            }
        }
    }

    /// The server has dropped its prepared statements, those of other clients too.
    pub(crate) fn follow_forgetting(&mut self, link: &mut Link) {
        if !std::mem::take(&mut self.exchange.intent.forgets_prepared) {
            return;
        }
        if self.exchange.failed {
            // Before it failed or not at all: dropping them is not undone.
            link.retire("whether its prepared statements are left is not known");
        } else {
            self.statements.clear();
            link.forget_prepared();
        }
    }

    /// Takes up what the exchange's text says of what ties the client to the connection.
    pub(crate) fn follow_pins(&mut self, status: u8, sequence: &Sequence) {
        let exchange = &mut self.exchange;
        let mut pins = std::mem::take(&mut exchange.intent.pins);
        if self.pinned.is_none() && pins.is_empty() {
            return;
        }
        let block = status != IDLE || self.open.status != IDLE;
        let intent = &exchange.intent;
        let followed =
            intent.transaction == Transaction::Untouched && !exchange.failed && !intent.unread;
        let one_done = intent.statements == 1 && !exchange.failed && !intent.unread;
        let mut causes = self.pinned.map_or(Causes::default(), |pinned| pinned.causes);
        if intent.statements > 1 || !exchange.failed {
            if block {
                // Within its transaction it has been told what it wanted to know.
                pins.remove(Pin::Sequence);
            }
            causes = causes.and(pins);
        }
        if one_done && intent.forgets_sequences {
            causes.remove(Pin::Sequence);
        }
        match intent.changes.as_slice() {
            changes if followed && !block && changes.contains(&Change::ResetAll) => {
                let before = [Pin::SetConfig, Pin::Other];
                for pin in before.into_iter().filter(|pin| !pins.contains(*pin)) {
                    causes.remove(pin);
                }
            }
            [Change::DiscardAll] if one_done => {
                let stays = [Pin::Load, Pin::ServerState];
                causes = stays.into_iter().filter(|pin| causes.contains(*pin)).collect();
                self.unsure = false;
            }
            _ => {}
        }
        self.pin(causes, sequence);
    }

    /// Takes up what was found while the exchange ran, and what the server says is left.
    pub(crate) fn settle_pins(
        &mut self,
        left: Option<Causes>,
        link: &mut Link,
        status: u8,
        sequence: &Sequence,
    ) {
        let noted = std::mem::take(&mut self.noted);
        if !self.unsure && noted.is_empty() {
            return;
        }
        let mut causes = self.pinned.map_or(Causes::default(), |pinned| pinned.causes).and(noted);
        if let Some(left) = left {
            causes = causes.without(Causes::that_can_be_asked()).and(left);
            self.unsure = false;
        }
        if status == IDLE && link.role() == Role::Replica && !causes.is_empty() {
            // Left behind by a read-only transaction. Tied to a replica the client could
            // not write any more, so what it left is given up, with the connection.
            link.retire("a read-only transaction left state on it");
            causes = Causes::default();
        }
        self.pin(causes, sequence);
        if status == IDLE && self.wants_inventory() {
            // The server did not say.
            link.retire("what is left on it is not known");
            self.unsure = false;
        }
    }

    fn pin(&mut self, causes: Causes, sequence: &Sequence) {
        let since = self.pinned.map_or_else(|| sequence.now(), |pinned| pinned.since);
        self.pinned = (!causes.is_empty()).then_some(Pinned { causes, since });
    }

    fn apply(&mut self, change: &Change, text: &str) {
        match change {
            Change::Set(name) => self.settings.set(name, text),
            Change::Reset(name) => self.settings.reset(name),
            Change::ResetAll => {
                self.settings.reset_all();
                self.scope.reset_all();
            }
            Change::DiscardAll => {
                self.settings.discard_all();
                self.scope.reset_all();
            }
        }
    }
}

/// The statement that brings about the same change anywhere: the client's own, if it does
/// not build on what was set before. `None` if nothing has changed.
fn followed_text<'a>(change: &Change, text: &'a str, exchange: &Exchange) -> Option<Cow<'a, str>> {
    match change {
        Change::Set(name) if name == DATE_STYLE => {
            match exchange.date_style.as_deref() {
                Some(value) => Some(setting(DATE_STYLE, value).into()),
                None if exchange.intent.changes.len() == 1 => None,
                // As before, but that may have been changed before it, too.
                None => Some(text.into()),
            }
        }
        Change::Set(_) | Change::Reset(_) | Change::ResetAll | Change::DiscardAll => {
            Some(text.into())
        }
    }
}
