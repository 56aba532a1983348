//! A transaction that has begun on a replica, and whose client asks for more before its first
//! statement: `BEGIN READ ONLY; SET LOCAL afterwrite.level = 'strong'`.
//!
//! It cannot go elsewhere any more, but its snapshot is not taken yet: it waits until its replica
//! shows what is asked for. Nothing of ours may run over its connection, which would take the
//! snapshot; what the probe sees of the replica has to do.

use std::time::{Duration, Instant};

use afterwrite_types::{Level, Need, Span};
use afterwrite_wire::server::Report;
use tokio::time::sleep;

use crate::client::Client;
use crate::exchange::cancelled;
use crate::roster::Life;
use crate::route::proves;
use crate::terms::{TOO_FAR_BEHIND, whole_ms};

/// Between looks at a replica that is not there yet.
const PAUSE: Duration = Duration::from_millis(1);

impl Client {
    /// Before anything runs in a transaction that has begun on a replica: what cannot be had
    /// there is refused, and what must be shown there is waited for.
    pub(crate) async fn stay_on_replica(&mut self) -> Result<(), Report> {
        if self.session.takes_advisory_lock() {
            return Err(lock_on_replica());
        }
        if self.session.ends_unsynced() {
            return Err(end_unsynced());
        }
        if self.session.goes_on_behind_end() {
            self.session.go_on_behind_end();
            return Box::pin(self.await_replica()).await;
        }
        if !self.session.was_raised() {
            return Ok(());
        }
        if let Some(level) = self.session.raised_too_late() {
            return Err(too_late(level));
        }
        Box::pin(self.await_replica()).await?;
        self.session.was_placed_anew();
        Ok(())
    }

    /// Waits until the replica whose connection the client holds shows what it asks for now.
    async fn await_replica(&mut self) -> Result<(), Report> {
        let card = self.begin_wait_with_link(Life::AwaitingReplay).await;
        let placed = tokio::select! {
            biased;
            placed = self.await_raised() => placed,
            () = card.interrupted() => Err(cancelled()),
        };
        self.end_wait_with_link();
        placed
    }

    async fn await_raised(&mut self) -> Result<(), Report> {
        self.place_floors()?;
        let read = self.begin_read();
        if read.lacks_others {
            self.ask_others().await;
        }
        let limit = self.wait_max();
        let deadline = Instant::now() + limit;
        let pending = self.key_floor().is_some_and(|key| key.pending);
        let ask = self.session.ask(pending, limit, false);
        if ask.bad_token || ask.in_doubt || ask.pending_write && ask.level.sees_own_writes() {
            return Err(self.not_shown(ask.level));
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.session.read_floor().need() {
                Need::Nothing => return Ok(()),
                Need::Fence(after) => match self.tenant.cluster().fence(after, left).await {
                    Some(fence) => self.resolve(fence),
                    None => return Err(self.not_shown(ask.level)),
                },
                Need::Position(need) => {
                    if self.link.as_mut().is_some_and(|link| proves(link, need)) {
                        return Ok(());
                    }
                    if left.is_zero() {
                        return Err(self.not_shown(ask.level));
                    }
                    // Any replica ends that wait, and it has to be this one.
                    self.tenant.cluster().wait_for_replay(need, left.min(PAUSE)).await;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn not_shown(&self, level: Level) -> Report {
        self.shared.metrics.too_far_behind.inc();
        let limit = Span(whole_ms(self.wait_max()));
        Report::error(
            TOO_FAR_BEHIND,
            format!("could not read at level {level} in a transaction that has begun on a replica"),
        )
        .detail(format!(
            "The replica does not show in {limit} what was asked for after the transaction had \
             begun. The statement was not sent."
        ))
        .hint(
            "roll back and repeat it, or ask before BEGIN, so that the transaction begins where \
             it is shown",
        )
    }
}

fn lock_on_replica() -> Report {
    Report::error(
        "0A000",
        "advisory locks cannot be taken in a transaction that has begun on a replica",
    )
    .detail(
        "The replica would grant it among its own locks, where nobody on the primary sees it. The \
         statement was not sent.",
    )
    .hint(
        "begin the transaction without READ ONLY, or with the hint /* afterwrite: primary */ on \
         BEGIN",
    )
}

fn end_unsynced() -> Report {
    Report::error("0A000", "more may follow in the batch that ends a transaction on a replica")
        .detail("What follows could see less than it must. The statement was not sent.")
        .hint("send a Sync behind COMMIT or ROLLBACK")
}

fn too_late(level: Level) -> Report {
    Report::error(
        "25001",
        format!("level {level} must be asked for before the first statement of a transaction on a replica"),
    )
    .detail("What the transaction shows was fixed with its first statement. This one was not sent.")
    .hint("set afterwrite.level before BEGIN, or right behind it")
}
