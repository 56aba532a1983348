//! Judges the tokens that clients bring.
//!
//! A token says where its bearer's reads must have come to, and it comes from outside. What it
//! says is taken up only where it can be true; everything else ends at the primary:
//!
//! | the token | what becomes of it |
//! | --- | --- |
//! | lies at or below what the primary is known to have written | the floor rises to it |
//! | lies beyond that, or on a newer timeline | the primary is asked; then it is one of the others |
//! | is of a timeline that the primary has left | the primary is asked, and its answer counts |
//! | lies beyond what the primary has just answered | not believed |
//! | is another cluster's, is no token, or is not signed as it must be | not believed |
//!
//! One that is not believed never raises a floor: no replica would ever come to it. Whatever
//! it may have stood for in this cluster had been acknowledged before it was brought, so a
//! fence asked from then on covers it; that, too, is asked for.

use std::fmt;

use afterwrite_types::{Fence, Moment, Position, Token};

use crate::keyring::Keyring;

/// Bytes of tokens in one text at most.
const TEXT_MAX: usize = 1024;

/// Tokens since they were last counted, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Covered by what the primary has written.
    pub good: u32,
    /// Of a timeline that the primary has left.
    pub old_timeline: u32,
    /// Beyond what the primary has written.
    pub future: u32,
    /// Of another cluster.
    pub foreign: u32,
    /// No token at all.
    pub malformed: u32,
    /// Not signed, or not with one of the keys.
    pub forged: u32,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disbelief {
    Malformed,
    Forged,
    Foreign,
}

impl Disbelief {
    pub(crate) fn count(self, counts: &mut TokenCounts) {
        match self {
            Self::Malformed => counts.malformed += 1,
            Self::Forged => counts.forged += 1,
            Self::Foreign => counts.foreign += 1,
        }
    }
}

impl fmt::Display for Disbelief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is none that SHOW afterwrite.token gave",
            Self::Forged => "it is not signed with a key of this proxy's",
            Self::Foreign => "it is another cluster's",
        })
    }
}

/// The tokens in a text, between commas or blanks. `None` if it is longer than any that is read.
pub(crate) fn tokens_in(text: &str) -> Option<impl Iterator<Item = &str>> {
    let parts = text.split([',', ' ', '\t', '\n']).filter(|part| !part.is_empty());
    (text.len() <= TEXT_MAX).then_some(parts)
}

/// What a token stands for, if it may be believed. Without keys anybody could have written it,
/// so there a signature makes no difference.
pub(crate) fn believed(token: &Token, keyring: Option<&Keyring>) -> Result<Position, Disbelief> {
    match keyring {
        Some(keyring) if !keyring.vouches_for(token) => Err(Disbelief::Forged),
        Some(_) | None => Ok(token.position),
    }
}

/// How a token's position stands to the primary's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// The primary has written it.
    Covered,
    /// On a timeline that the primary has left. What it still holds of it any fence covers.
    Left,
    /// Further than anything that is known of the primary.
    Ahead,
    /// In another cluster.
    Foreign,
}

/// How `token` stands to `primary`, a position that the primary has come to.
pub(crate) fn placed(token: Position, primary: Position) -> Placed {
    if token.line.system != primary.line.system {
        Placed::Foreign
    } else if token.line.timeline < primary.line.timeline {
        Placed::Left
    } else if token.line == primary.line && token.lsn <= primary.lsn {
        Placed::Covered
    } else {
        Placed::Ahead
    }
}

/// A token that may be good or of the future: only the primary can tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unplaced {
    token: Position,
    /// The moment when it was brought.
    brought: Moment,
    /// For how many tokens it stands.
    count: u32,
}

impl Unplaced {
    pub(crate) fn new(token: Position, brought: Moment) -> Self {
        Self { token, brought, count: 1 }
    }

    /// Both as one; or why they cannot both be good.
    pub(crate) fn and(self, other: Self) -> Result<Self, Disbelief> {
        if self.token.line.system != other.token.line.system {
            return Err(Disbelief::Foreign);
        }
        let order = |it: &Self| (it.token.line.timeline.0, it.token.lsn.0);
        let further = if order(&self) < order(&other) { other } else { self };
        Ok(Self {
            token: further.token,
            brought: self.brought.max(other.brought),
            count: self.count.saturating_add(other.count),
        })
    }

    /// What the primary's answer says of it; `None` if that was asked for before it was brought.
    ///
    /// # Invariant: the future is not waited for
    ///
    /// The primary has written everything that was ever acknowledged. A token beyond its
    /// answer is forged, or of commits that are lost, and no floor is raised to it.
    pub(crate) fn settle(self, fence: Fence, counts: &mut TokenCounts) -> Option<Settled> {
        if fence.asked <= self.brought {
            return None;
        }
        Some(match placed(self.token, fence.position) {
            Placed::Covered => {
                counts.good += self.count;
                Settled::Good
            }
            Placed::Left => {
                counts.old_timeline += self.count;
                Settled::Good
            }
            Placed::Ahead => {
                counts.future += self.count;
                Settled::Bad
            }
            Placed::Foreign => {
                counts.foreign += self.count;
                Settled::Bad
            }
        })
    }
}

/// What the primary's answer says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The answer covers it.
    Good,
    /// It is not to be believed.
    Bad,
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{Line, Lsn, SystemId, Timeline};

    fn at(system: u64, timeline: u32, lsn: u64) -> Position {
        let line = Line { system: SystemId(system), timeline: Timeline(timeline) };
        Position { line, lsn: Lsn(lsn) }
    }

    #[test]
    fn a_position_is_placed_by_its_line_first() {
        for (token, expected) in [
            (at(7, 2, 100), Placed::Covered),
            (at(7, 2, 101), Placed::Ahead),
            (at(7, 1, 1), Placed::Left),
            (at(7, 1, 900), Placed::Left),
            (at(7, 3, 1), Placed::Ahead),
            (at(8, 2, 1), Placed::Foreign),
        ] {
            assert_eq!(placed(token, at(7, 2, 100)), expected, "{token:?}");
        }
    }

    #[test]
    fn only_an_answer_asked_for_later_settles_a_token() {
        let mut counts = TokenCounts::default();
        let token = Unplaced::new(at(7, 1, 100), Moment(5));
        let fence = |lsn, asked| Fence { position: at(7, 1, lsn), asked: Moment(asked) };
        assert_eq!(token.settle(fence(50, 5), &mut counts), None);
        assert_eq!(token.settle(fence(100, 6), &mut counts), Some(Settled::Good));
        assert_eq!(token.settle(fence(99, 6), &mut counts), Some(Settled::Bad));
        assert_eq!(counts, TokenCounts { good: 1, future: 1, ..TokenCounts::default() });
    }

    #[test]
    fn of_several_the_furthest_is_settled_and_all_are_counted() {
        let one = Unplaced::new(at(7, 1, 100), Moment(5));
        let both = one.and(Unplaced::new(at(7, 1, 90), Moment(6))).unwrap();
        let mut counts = TokenCounts::default();
        let fence = Fence { position: at(7, 1, 95), asked: Moment(7) };
        assert_eq!(both.settle(fence, &mut counts), Some(Settled::Bad));
        assert_eq!(counts.future, 2);
        assert_eq!(one.and(Unplaced::new(at(8, 1, 1), Moment(6))).err(), Some(Disbelief::Foreign));
    }

    #[test]
    fn a_text_may_hold_several() {
        let list = |text| tokens_in(text).map(Iterator::collect::<Vec<_>>);
        assert_eq!(list("a, b\tc,,").unwrap(), ["a", "b", "c"]);
        assert!(list(&"x".repeat(TEXT_MAX + 1)).is_none());
    }
}
