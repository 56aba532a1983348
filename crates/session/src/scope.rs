//! What a client's reads must see, and what it asked for.

use afterwrite_core::Key;
use afterwrite_types::{Fence, Floor, Level, Line, Moment, Position};

/// What a client's reads must see, and what it asked for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Everything this connection wrote, and every token it brought.
    floor: Floor,
    key: Option<Key>,
    key_text: String,
    level: Level,
    default_level: Level,
    /// `SET LOCAL afterwrite.level`, until the transaction ends.
    transaction_level: Option<Level>,
}

impl Scope {
    /// A client that has written nothing yet.
    pub fn new(default_level: Level) -> Self {
        Self {
            floor: Floor::default(),
            key: None,
            key_text: String::new(),
            level: default_level,
            default_level,
            transaction_level: None,
        }
    }

    /// Whether something of it ends with the transaction.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.transaction_level.is_some()
    }

    /// Floor, level, default level and key, outside of a transaction.
    pub(crate) fn into_parts(self) -> (Floor, Level, Level, String) {
        (self.floor, self.level, self.default_level, self.key_text)
    }

    /// From what [`Self::into_parts`] gave.
    pub(crate) fn from_parts(floor: Floor, level: Level, default: Level, key: &str) -> Self {
        let mut scope = Self { floor, level, ..Self::new(default) };
        scope.name_key(key);
        scope
    }

    /// The connection's own floor.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// The key it named.
    pub fn key(&self) -> Option<Key> {
        self.key
    }

    /// The key as the client wrote it.
    pub fn key_text(&self) -> &str {
        &self.key_text
    }

    /// What its reads ask for now.
    pub fn level(&self) -> Level {
        self.transaction_level.unwrap_or(self.level)
    }

    /// Something may have been written up to `moment`, position unknown.
    pub fn doubt(&mut self, moment: Moment) {
        self.floor.doubt(moment);
    }

    /// Takes up the position captured behind the client's own commit.
    pub fn capture(&mut self, fence: Fence) {
        let newer = self.floor.position().is_some_and(|known| {
            known.line.system == fence.position.line.system
                && known.line.timeline < fence.position.line.timeline
        });
        if newer {
            // A new line of history: its number counts, not that of the old one,
            // which the new primary may never have reached.
            let before = Moment(fence.asked.0.saturating_sub(1));
            self.floor.distrust(fence.position.line, before);
        } else {
            self.floor.raise(fence.position, fence.asked);
        }
        self.floor.resolve(fence);
    }

    /// Asks for a fence if the floor is not on `line`, the primary's.
    pub fn distrust(&mut self, line: Line, now: Moment) {
        self.floor.distrust(line, now);
    }

    /// Takes up a fence; says whether the floor is resolved now.
    pub fn resolve(&mut self, fence: Fence) -> bool {
        self.floor.resolve(fence)
    }

    /// Takes up what a token brought. `known` is the latest known position of
    /// the primary: a token beyond it, or of another line, is not believed but
    /// makes the next read ask the primary.
    pub fn bring(&mut self, token: Position, known: Option<Position>, now: Moment) {
        match known {
            Some(known) if known.line == token.line && token.lsn <= known.lsn => {
                self.floor.raise(token, now);
            }
            _ => self.floor.doubt(now),
        }
    }

    /// Names the key that this client shares with others; empty text names none.
    pub fn name_key(&mut self, text: &str) {
        self.key = (!text.is_empty()).then(|| fingerprint(text));
        text.clone_into(&mut self.key_text);
    }

    /// Sets what its reads ask for; `None` is the default.
    pub fn set_level(&mut self, level: Option<Level>) {
        self.level = level.unwrap_or(self.default_level);
    }

    /// Sets what its reads ask for until the transaction ends.
    pub fn set_transaction_level(&mut self, level: Option<Level>) {
        self.transaction_level = level;
    }
}

/// FNV-1a of 128 bits. Proxies that share floors must agree on it, whatever they were built
/// with, so it is one that is written down; and colliding keys only read fresher than they must.
pub(crate) fn fingerprint(text: &str) -> Key {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = text.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    Key(hash)
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
        assert_eq!(
            scope.floor().need(),
            Need::Position(at(2, 950)),
            "an old primary proves nothing"
        );
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
        assert_eq!(fingerprint("").0, 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fingerprint("a").0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fingerprint("foobar").0, 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
