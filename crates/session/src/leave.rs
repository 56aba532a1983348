//! Clears a server connection behind a client that leaves.

use afterwrite_sql::Pin;
use afterwrite_wire::client;
use afterwrite_wire::server::IDLE;

use crate::link::{Await, Link, Owner};
use crate::mode::Sequences;
use crate::session::{Phase, Session};
use crate::settings::Fingerprint;

/// What becomes of the connection of a client that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It goes back to the pool.
    Release,
    /// What clears it was written for it: the replies end in `Progress::Reset`, and
    /// with `true` it goes back to the pool. Else it is closed.
    Reset,
    /// It must be closed: it is in the middle of something, or carries what no command
    /// clears away.
    Close,
}

/// Clears away everything but what [`Pin::Load`] and [`Pin::ServerState`] stand for.
const RESET: &str = "DISCARD ALL";

impl Session {
    /// The client leaves while it holds `link`: writes to `out` what clears away what it
    /// left there. Its session ends with this.
    ///
    /// `first` is what the operator wants to be run; `DISCARD ALL` is run in any case,
    /// since nothing of one session may be seen by another.
    pub fn leave(&mut self, link: &mut Link, first: Option<&str>, out: &mut Vec<u8>) -> Leave {
        let lasting = |pin| self.pinned.is_some_and(|pinned| pinned.causes.contains(pin));
        let at_rest = self.phase == Phase::Gathering && self.exchange.place.is_none();
        if !at_rest || !link.is_idle() || link.retired().is_some() {
            return Leave::Close;
        }
        if lasting(Pin::Load) || lasting(Pin::ServerState) {
            return Leave::Close;
        }
        if !self.holds {
            return Leave::Release;
        }
        let same = |sql: &&str| !sql.trim().trim_end_matches(';').eq_ignore_ascii_case(RESET);
        for sql in first.filter(same).into_iter().chain([RESET]) {
            client::query(out, sql);
            link.expect(Await::Query, Owner::Reset);
        }
        link.forget_prepared();
        link.applied = None;
        Leave::Reset
    }

    /// The server has answered; whether the connection is as good as new.
    pub(crate) fn take_reset(&mut self, link: &mut Link, status: u8) -> bool {
        self.holds = false;
        self.pinned = None;
        let clean = status == IDLE && link.retired().is_none();
        if clean {
            link.applied = Some(Fingerprint::default());
            link.stained = None;
            link.other_role = false;
            link.sequences = Sequences::Untouched;
        }
        clean
    }
}
