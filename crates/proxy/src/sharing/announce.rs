//! Announcements at the primary: shared advisory locks, which end with their connection.

use std::time::Instant;

use afterwrite_backend::{ConnectError, Primary, Questions};
use afterwrite_core::{Announced, Announcement, LOOK_VALID, Step};
use afterwrite_types::{Line, SystemId, Timeline};
use tokio::time::timeout;
use tracing::debug;

use super::{EVERY, Sharing};

/// A lock's first number tells the groups apart, its second one what is announced.
pub(super) fn class(name: &str) -> u32 {
    const BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let text = format!("afterwrite group {name}");
    text.bytes().fold(BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME))
}

/// A connection to the primary over which announcements are made.
struct Registry {
    questions: Questions,
    primary: Primary,
}

impl Sharing {
    /// Announces what is to be announced and looks what others do, for ever.
    pub(super) async fn announce(&self) {
        let mut registry = None;
        loop {
            match self.announce_once(registry.take()).await {
                Ok(kept) => registry = kept,
                Err(error) => debug!(%error, "nothing can be announced at the primary"),
            }
            if registry.is_none() {
                self.group.lock().disconnected();
            }
            self.moved.notify_waiters();
            self.show_standing();
            let _ = timeout(EVERY, self.wanted.notified()).await;
        }
    }

    /// Gives the connection back as long as it is of use.
    async fn announce_once(
        &self,
        known: Option<Registry>,
    ) -> Result<Option<Registry>, ConnectError> {
        let Some(primary) = self.cluster.primary() else { return Ok(None) };
        let mut registry = match known.filter(|known| known.primary == primary) {
            Some(registry) => registry,
            None => match self.connect(primary).await? {
                Some(registry) => registry,
                None => return Ok(None),
            },
        };
        while let Some(step) = self.next_step() {
            let up = registry.take(self.class, step).await?;
            if let Step::Announce(what) = step
                && !(up && self.group.lock().announced(what, Instant::now()))
            {
                return Ok(None);
            }
        }
        let asked = Instant::now();
        let all = registry.look(self.class).await?;
        let answered = Instant::now();
        let moment = self.sequence.now();
        let kept = self.group.lock().seen((asked, answered), &all, moment);
        Ok(kept.then_some(registry))
    }

    fn next_step(&self) -> Option<Step> {
        let mut group = self.group.lock();
        let step = group.next(Instant::now())?;
        group.begin(step);
        Some(step)
    }

    /// Connects to the primary, if it is the one that is meant.
    async fn connect(&self, primary: Primary) -> Result<Option<Registry>, ConnectError> {
        self.group.lock().disconnected();
        let mut questions = self.cluster.questions(&self.database).await?;
        let mut line = None;
        questions.ask(WHO_SQL, LOOK_VALID, |row| line = read_line(row)).await?;
        if line != Some(primary.line) || self.cluster.primary() != Some(primary) {
            return Ok(None);
        }
        self.group.lock().connected(primary.line);
        Ok(Some(Registry { questions, primary }))
    }
}

/// Gives no row but from a primary.
const WHO_SQL: &str = "SELECT \
 (SELECT system_identifier FROM pg_catalog.pg_control_system()), \
 pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) \
 WHERE NOT pg_catalog.pg_is_in_recovery()";

fn read_line(row: &[Option<&str>]) -> Option<Line> {
    let mut columns = row.iter().copied().flatten();
    let system: i64 = columns.next()?.parse().ok()?;
    let timeline = u32::from_str_radix(columns.next()?, 16).ok()?;
    Some(Line { system: SystemId(system.cast_unsigned()), timeline: Timeline(timeline) })
}

impl Registry {
    /// Takes or leaves a lock; says whether that was possible.
    async fn take(&mut self, class: u32, step: Step) -> Result<bool, ConnectError> {
        let (function, what) = match step {
            Step::Announce(what) => ("pg_try_advisory_lock_shared", what),
            Step::Withdraw(what) => ("pg_advisory_unlock_shared", what),
        };
        let (class, number) = (class.cast_signed(), what.number().cast_signed());
        let sql = format!("SELECT pg_catalog.{function}({class}, {number})");
        let mut done = false;
        self.questions.ask(&sql, LOOK_VALID, |row| done = row.first() == Some(&Some("t"))).await?;
        Ok(done)
    }

    /// Everything that is announced, by anyone.
    async fn look(&mut self, class: u32) -> Result<Vec<Announced>, ConnectError> {
        let sql = format!(
            "SELECT objid, pg_catalog.bool_or(pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()) \
             FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' \
             AND classid OPERATOR(pg_catalog.=) '{class}'::pg_catalog.oid \
             AND objsubid OPERATOR(pg_catalog.=) 2 AND granted GROUP BY objid"
        );
        let mut all = Vec::new();
        let mut strange = false;
        let read = |row: &[Option<&str>]| {
            if let [Some(number), Some(own)] = row
                && let Ok(number) = number.parse()
            {
                all.push(Announced { what: Announcement::from_number(number), own: *own == "t" });
            } else {
                strange = true;
            }
        };
        self.questions.ask(&sql, LOOK_VALID, read).await?;
        if strange {
            return Err(ConnectError::Protocol("an advisory lock could not be read".into()));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_numbers_of_their_own() {
        assert_ne!(class("one"), class("other"));
        assert_eq!(class("afterwrite"), class("afterwrite"));
    }

    #[test]
    fn a_line_is_read_from_what_the_primary_says() {
        let line = read_line(&[Some("-1"), Some("0000000A")]).unwrap();
        assert_eq!((line.system, line.timeline), (SystemId(u64::MAX), Timeline(10)));
        assert!(read_line(&[None, Some("00000001")]).is_none());
    }
}
