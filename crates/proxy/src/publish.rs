//! What a client writes and reads where floors are shared with other proxies: its answer is
//! kept back until others can know of its write, and its read asks for what others wrote.

use std::sync::Arc;

use afterwrite_core::{Key, WriteMark};
use afterwrite_session::Outcome;
use afterwrite_types::{Level, Need, Position};
use afterwrite_wire::server::Report;
use smallvec::SmallVec;
use tokio::time::sleep;

use crate::client::{Client, End};
use crate::sharing::{HOLD_MAX, LOOK_AGAIN, NotShared};

/// Whether an answer is kept back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Withholds {
    #[default]
    No,
    /// All of it, so that it can still be replaced by an error.
    All,
    /// It was too long: the client has seen part of it, but not its "ready".
    Rest,
}

impl Client {
    /// Begins, or ceases, to keep back the answer to a write, where floors are shared.
    pub(crate) fn withhold(&mut self, writes: bool) {
        if !writes {
            self.withholds = Withholds::No;
        } else if self.tenant.site().sharing.is_some() && self.withholds == Withholds::No {
            self.withholds = Withholds::All;
        }
    }

    /// Whether what is for the client is kept back now: while there is room for it, and unless
    /// the client must see it to go on.
    pub(crate) fn withholds(&mut self, room: usize) -> bool {
        if self.withholds == Withholds::No {
            return false;
        }
        let kept = self.outbox.len() < room && !self.session.wants_client();
        if !kept {
            self.withholds = Withholds::Rest;
        }
        kept
    }

    /// The keys of a write that others must be able to know of.
    pub(crate) fn to_publish(
        &self,
        mark: Option<&WriteMark>,
        outcome: Outcome,
    ) -> Option<SmallVec<[Key; 4]>> {
        self.tenant.site().sharing.as_ref()?;
        // Otherwise nothing was committed.
        let may_have_written = outcome.captured || outcome.unresolved;
        mark.filter(|_| may_have_written).map(|mark| SmallVec::from_slice(mark.keys()))
    }

    /// Waits until the client may hear that its write is done.
    pub(crate) async fn publish(&mut self, keys: SmallVec<[Key; 4]>) -> Result<(), End> {
        let Some(sharing) = self.tenant.site().sharing.clone() else { return Ok(()) };
        let published = match self.written().await {
            Some(position) => sharing.publish(keys, position).await,
            None => Err(NotShared),
        };
        match published {
            Ok(()) => Ok(()),
            Err(NotShared) if self.withholds == Withholds::All && !self.gone => {
                self.outbox.clear();
                Err(End::Fatal(not_shared()))
            }
            // In the middle of an answer there is no place for an error.
            Err(NotShared) => Err(End::Left),
        }
    }

    /// A position that covers what the client has written.
    async fn written(&mut self) -> Option<Position> {
        let began = std::time::Instant::now();
        loop {
            match self.session.scope().floor().need() {
                Need::Position(position) => return Some(position),
                // It has written something, so this is a doubt as well.
                Need::Nothing => self.session.scope_mut().doubt(self.shared.sequence.now()),
                Need::Fence(after) => {
                    let left = HOLD_MAX.checked_sub(began.elapsed())?;
                    match self.tenant.cluster().fence(after, left).await {
                        Some(fence) => self.resolve(fence),
                        None => sleep(LOOK_AGAIN).await,
                    }
                }
            }
        }
    }

    /// Whether others may have written, through other proxies, what the read must see.
    pub(crate) fn lacks_others(&self) -> bool {
        let level = self.session.terms().level.unwrap_or_default();
        // A strong read sees everything anyway.
        let sees_them = level.sees_own_writes() && level != Level::Strong;
        sees_them && self.tenant.site().sharing.is_some() && !self.session.named().is_empty()
    }

    /// Has the read see what others wrote.
    pub(crate) async fn ask_others(&mut self) {
        let Some(sharing) = self.tenant.site().sharing.as_ref().map(Arc::clone) else { return };
        let keys = self.session.named();
        let line = self.tenant.cluster().primary().map(|primary| primary.line);
        let floor = sharing.floor(line, keys).await;
        self.session.raise_read_floor(floor, self.shared.sequence.now());
        if let Need::Fence(_) = self.session.read_floor().need()
            && let Some(fence) = self.tenant.cluster().last_fence()
        {
            self.resolve(fence);
        }
    }
}

fn not_shared() -> Report {
    Report::fatal("08007", "the write is done, but other proxies could not be told of it")
        .detail(
            "Reads through another proxy of the group may not see it yet. The connection is \
             closed instead of reporting a success that would promise that they do.",
        )
        .hint("do not repeat the write; see whether it is there with afterwrite.level = 'strong'")
}
