//! Whether what other proxies wrote is known: one proxy's part in a group that shares floors
//! through a store.
//!
//! The store alone cannot say it. One that was emptied, replaced by a copy that lags, or cut
//! off from one proxy and not from another looks like one in which nobody has written. So each
//! proxy *announces* at the primary, where every write has to go anyway, which store it writes
//! to, or that it writes to none (**apart**). From two rules follows all the rest:
//!
//! - A client is told of its write only once the write is in the announced store, or once
//!   "apart" has been announced for so long that every reader has seen it.
//! - A reader takes the store's word only for as long as it has seen, again and again, that
//!   everyone announces the very store it reads; and only for what was written since it began
//!   to see that. For all before it takes the primary's.
//!
//! ```text
//!                     the store is there                 stored           told
//!   nothing announced ──────────────────► its life ──────────────────────►
//!        │                                 │     ▲
//!        │ away        a write not stored, │     │ stored again, for a while
//!        ▼                     or away     ▼     │ without a failure
//!       apart ◄────────────────────────── both ──┘
//! ```
//!
//! Announcements end with the connection they were made over, perhaps unnoticed. So they are
//! confirmed again and again, and each of the limits below allows for one that was lost.
//! Clocks of different proxies are never compared; they must only not differ in speed by more
//! than a quarter.

use std::time::{Duration, Instant};

use afterwrite_types::{Fence, Floor, Line, Moment};

/// How long a look at the announcements counts.
pub const LOOK_VALID: Duration = Duration::from_secs(1);

/// How long an announcement must have been up before it is acted on: whoever has not looked
/// since then trusts nobody any more. A quarter more, since clocks differ.
const SEEN_BY_ALL_AFTER: Duration = Duration::from_millis(1250);

/// How long everyone must have announced the same before the store is believed: whoever has
/// lost its announcement unnoticed has noticed by then. Half more than that takes.
const TRUSTED_AFTER: Duration = Duration::from_millis(1500);

/// How long a proxy stays apart after the last write that was not stored.
const APART_FOR: Duration = Duration::from_secs(2);

/// What a store holds, and since when: another one once it was emptied or started again, or
/// once another server has taken its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreLife(pub u64);

/// What a proxy says of itself at the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announcement(u32);

impl Announcement {
    /// What it writes may be in no store.
    pub const APART: Self = Self(0);

    /// What it writes is in this one.
    pub fn of(life: StoreLife) -> Self {
        let folded = (life.0 >> 32) ^ (life.0 & u64::from(u32::MAX));
        Self(u32::try_from(folded).unwrap_or(u32::MAX).max(1))
    }

    /// As it was [written](Self::number) at the primary.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// As it is written at the primary.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// An announcement that is up, and who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// What.
    pub what: Announcement,
    /// By this proxy itself, over the connection that was asked over.
    pub own: bool,
}

/// What is to be done at the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Announce this.
    Announce(Announcement),
    /// Take this back.
    Withdraw(Announcement),
}

/// How a proxy stands to its group, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It cannot announce anything.
    Silent,
    /// It has announced, and not for long enough.
    Joining,
    /// Its writes are stored, and others may not be, or not be known to be.
    Stores,
    /// As that, and everyone's are: the store is believed.
    Trusts,
    /// Its writes may not be stored.
    Apart,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Silent, Self::Joining, Self::Stores, Self::Trusts, Self::Apart];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Joining => "joining",
            Self::Stores => "stores",
            Self::Trusts => "trusts",
            Self::Apart => "apart",
        }
    }
}

/// What is known of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Store {
    #[default]
    Untried,
    Away,
    There(StoreLife),
}

/// An announcement of our own that is up.
#[derive(Clone, Copy, Debug)]
struct Claim {
    since: Instant,
    /// It was seen to be up for long enough that everybody who looks has seen it.
    seen_by_all: bool,
}

/// Looks that have shown everyone to announce the same store as we do, without a gap.
#[derive(Clone, Copy, Debug)]
struct Agreement {
    since: Instant,
    /// Before the last look was asked for.
    asked: Instant,
    /// What must be seen of everything before; there once the agreement is old enough.
    base: Option<Floor>,
}

/// One proxy's part in the group.
#[derive(Debug, Default)]
pub struct Membership {
    /// The primary that announcements are made at.
    line: Option<Line>,
    store: Store,
    failed: Option<Instant>,
    shares: Option<(StoreLife, Claim)>,
    apart: Option<Claim>,
    /// Before the last look was asked for that has shown all of our announcements.
    confirmed: Option<Instant>,
    agreement: Option<Agreement>,
}

impl Membership {
    /// A new connection to the primary of this line: nothing is announced there yet.
    pub fn connected(&mut self, line: Line) {
        self.disconnected();
        self.line = Some(line);
    }

    /// The connection is lost, and with it what was announced.
    pub fn disconnected(&mut self) {
        let Self { store, failed, .. } = *self;
        *self = Self { store, failed, ..Self::default() };
    }

    /// The primary that announcements are made at.
    pub fn line(&self) -> Option<Line> {
        self.line
    }

    /// The store has answered, in this life.
    pub fn found(&mut self, life: StoreLife, now: Instant) {
        if self.shares.is_some_and(|(known, _)| known != life) {
            self.failed = Some(now);
        }
        self.store = Store::There(life);
    }

    /// The store has not answered.
    pub fn missed(&mut self, now: Instant) {
        self.store = Store::Away;
        self.failed = Some(now);
    }

    /// Whether the store has answered when it was last asked.
    pub fn is_store_there(&self) -> bool {
        matches!(self.store, Store::There(_))
    }

    /// What is to be done at the primary next, if anything is.
    ///
    /// Before it is, [`Self::begin`]; once an announcement is up, [`Self::announced`].
    pub fn next(&self, now: Instant) -> Option<Step> {
        self.line?;
        let held = self.shares.map(|(life, _)| life);
        let there = match self.store {
            Store::There(life) => Some(life),
            Store::Untried | Store::Away => None,
        };
        let moved = held.is_some_and(|held| there.is_some_and(|there| there != held));
        let recent = self.failed.is_some_and(|at| now.saturating_duration_since(at) < APART_FOR);
        let unripe = self.apart.is_some_and(|claim| !claim.seen_by_all);
        let apart = self.store == Store::Away || moved || recent || unripe;
        match (held, there) {
            // Not before everyone has seen it is another one taken up.
            _ if apart && self.apart.is_none() => Some(Step::Announce(Announcement::APART)),
            (Some(held), Some(there)) if held != there && !unripe => {
                Some(Step::Withdraw(Announcement::of(held)))
            }
            (None, Some(there)) => Some(Step::Announce(Announcement::of(there))),
            (Some(_), Some(_)) if !apart && self.apart.is_some() => {
                Some(Step::Withdraw(Announcement::APART))
            }
            _ => None,
        }
    }

    /// A step is about to be taken. What is withdrawn counts no more from here on: whoever was
    /// told of a write under it was told before.
    pub fn begin(&mut self, step: Step) {
        match step {
            Step::Announce(_) => {}
            Step::Withdraw(Announcement::APART) => self.apart = None,
            Step::Withdraw(_) => (self.shares, self.agreement) = (None, None),
        }
    }

    /// An announcement is up. Says whether it is still wanted; if not, the connection must be
    /// closed, and the announcement with it.
    pub fn announced(&mut self, what: Announcement, now: Instant) -> bool {
        self.agreement = None;
        if what == Announcement::APART {
            self.apart = Some(Claim { since: now, seen_by_all: false });
        } else if let Store::There(life) = self.store
            && Announcement::of(life) == what
        {
            // Whoever believes another store has seen that we were apart.
            let seen_by_all = self.apart.is_some_and(|claim| claim.seen_by_all);
            self.shares = Some((life, Claim { since: now, seen_by_all }));
        } else {
            // It was for a life that has ended meanwhile.
            self.disconnected();
            return false;
        }
        true
    }

    /// A look at everything that is announced: asked for and answered then, the latter at
    /// `moment`. Says whether our own announcements were among it; if not, they are lost, and
    /// the connection must be closed.
    pub fn seen(
        &mut self,
        (asked, answered): (Instant, Instant),
        all: &[Announced],
        moment: Moment,
    ) -> bool {
        let own = |what| all.contains(&Announced { what, own: true });
        let lost = self.apart.is_some() && !own(Announcement::APART)
            || self.shares.is_some_and(|(life, _)| !own(Announcement::of(life)));
        if lost || self.line.is_none() {
            self.disconnected();
            return false;
        }
        self.confirmed = Some(asked);
        let claims = self.apart.iter_mut().chain(self.shares.as_mut().map(|(_, claim)| claim));
        for claim in claims {
            claim.seen_by_all |= asked.saturating_duration_since(claim.since) >= SEEN_BY_ALL_AFTER;
        }
        let agreed = self.apart.is_none()
            && self.shares.is_some_and(|(life, _)| {
                all.iter().all(|announced| announced.what == Announcement::of(life))
            });
        let before = self.agreement.take().filter(|before| {
            // With a longer gap somebody may have announced in it what was never seen.
            answered.saturating_duration_since(before.asked) <= LOOK_VALID
        });
        if agreed {
            let since = before.map_or(answered, |before| before.since);
            let old_enough = asked.saturating_duration_since(since) >= TRUSTED_AFTER;
            let known = before.and_then(|before| before.base);
            let base = known.or(old_enough.then(|| Floor::since(moment)));
            self.agreement = Some(Agreement { since, asked, base });
        }
        true
    }

    /// Whether a client may be told of its write, which the primary of `line` has done and
    /// which is now `stored` in a store of this life, or in none.
    pub fn may_tell(&self, line: Line, stored: Option<StoreLife>, now: Instant) -> bool {
        let confirmed =
            self.confirmed.is_some_and(|at| now.saturating_duration_since(at) <= LOOK_VALID);
        let shared =
            self.shares.is_some_and(|(life, claim)| claim.seen_by_all && stored == Some(life));
        let apart = self.apart.is_some_and(|claim| claim.seen_by_all);
        self.line == Some(line) && confirmed && (shared || apart)
    }

    /// Whether asking the store may be of use.
    pub fn may_ask(&self, line: Line, now: Instant) -> bool {
        self.shares.is_some_and(|(life, _)| self.trusts(line, life, now).is_some())
    }

    /// What a read must see beside what the store has just answered, `of` this life; `None` if
    /// the answer is worth nothing.
    pub fn trusts(&self, line: Line, of: StoreLife, now: Instant) -> Option<Floor> {
        let shares = self.shares.is_some_and(|(known, _)| known == of);
        let agreement = self.agreement.filter(|it| {
            self.line == Some(line)
                && shares
                && now.saturating_duration_since(it.asked) <= LOOK_VALID
        });
        agreement?.base
    }

    /// Takes up a fence for what was written before everyone agreed.
    pub fn resolve(&mut self, fence: Fence) {
        if let Some(base) = self.agreement.as_mut().and_then(|it| it.base.as_mut()) {
            base.resolve(fence);
        }
    }

    /// For people.
    pub fn standing(&self, now: Instant) -> Standing {
        match (self.line, self.shares, self.apart) {
            (None, _, _) => Standing::Silent,
            (Some(_), _, Some(_)) => Standing::Apart,
            (Some(_), None, None) => Standing::Joining,
            (Some(at), Some((life, claim)), None) => {
                if self.trusts(at, life, now).is_some() {
                    Standing::Trusts
                } else if claim.seen_by_all {
                    Standing::Stores
                } else {
                    Standing::Joining
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
