//! What an application may demand of its reads, and whether it was given.

use afterwrite_session::Place;
use afterwrite_types::{Level, Terms};
use afterwrite_wire::server::ErrorFields;

use crate::app::{App, Ask};
use crate::course::TOO_FAR_BEHIND;
use crate::judge::{self, Acked};
use crate::log::{RowId, Version};
use crate::promise::{Promise, Wishes};
use crate::tables::table_of;

/// The version that a read was shown, and the number of all that was shown with it.
fn read_answer(value: &str) -> Option<(Version, usize)> {
    let (version, shown) = value.split_once('@')?;
    Some((version.parse().ok()?, shown.parse().ok()?))
}

impl App {
    /// What a read is promised; `hinted` is what a comment of its own asks for.
    pub(crate) fn promise(&self, hinted: Option<Terms>) -> Promise {
        let both = [self.wishes.hinted, hinted].into_iter().flatten().reduce(Terms::and);
        Wishes { hinted: both, ..self.wishes }.promise()
    }

    /// What a read of `row` that was `sent` a moment ago must see: of other rows, too, since nobody could
    /// tell which one it reads.
    pub(crate) fn required(&self, row: RowId, promise: &Promise, sent: u64) -> Vec<Version> {
        let judge = self.host.sim.judge();
        let world = self.host.sim.world();
        let mut required = Vec::new();
        // While an old primary that nobody has fenced still answers, a proxy that has not heard
        // of the new one knows only of what went through itself.
        let split = world.has_rivals();
        let heard = |it: &&Acked| !split || it.life == self.life;
        if let Some(staleness) = promise.staleness() {
            let old = |it: &&Acked| it.at + staleness < sent;
            required.extend(judge.acked.iter().filter(old).filter(heard).map(|it| it.version));
        }
        if !promise.level.sees_own_writes() {
            return required;
        }
        if promise.level == Level::Strong {
            required.extend(judge.acked.iter().filter(heard).map(|it| it.version));
        }
        let life = self.life;
        let happened = |it: &Version| world.write(*it).visible;
        required.extend(self.brought.iter().copied());
        required.extend(self.doubtful.iter().copied().filter(happened));
        if let Some(under) = self.key.and_then(|key| judge.keys.get(&key)) {
            let acked = under.acked.iter().filter(|place| judge.is_known(**place, life));
            required.extend(acked.map(|place| judge.acked[*place].version));
            let doubtful = under.doubtful.iter().filter(|it| it.1 == life).map(|it| it.0);
            required.extend(doubtful.filter(happened));
        }
        if world.plan.table_scope {
            let known = judge.acked.iter().enumerate().filter(|it| judge.is_known(it.0, life));
            let here = |it: &Version| {
                let written = world.write(*it).row;
                written == row || table_of(written) == table_of(row)
            };
            required.extend(known.map(|it| it.1.version).filter(here));
        }
        required
    }

    /// What a warning says of an answer: it is of a level that was not asked for first.
    pub(crate) fn weakened(&self, promise: &Promise, notice: &[u8]) -> Option<Promise> {
        let fields = ErrorFields::decode(notice).ok().filter(|it| it.code == TOO_FAR_BEHIND)?;
        let level: Level = fields.detail?.parse().ok()?;
        self.sim().judge().figures.weakened += 1;
        let weakened = promise.weakened(level);
        if weakened.is_none() {
            let text = format!("WEAKENED: {} gets {level}, and asked for {promise:?}", self.name);
            self.sim().world().fail(text);
        }
        weakened
    }

    pub(crate) fn refused(&self, ask: &Ask, promise: &Promise) {
        self.sim().judge().figures.weakened += 1;
        // Of what is sent in parts the rest may be anything, and ask for what the session does.
        let usual = Wishes { hinted: None, ..self.wishes }.promise();
        let may_fail = promise.may_fail() || ask.is_flushed() && usual.may_fail();
        if !may_fail {
            let text =
                format!("REFUSED: {} was told an error, and asked for {promise:?}", self.name);
            self.sim().world().fail(text);
        }
    }

    pub(crate) fn judge_read(
        &self,
        ask: &Ask,
        value: Option<&str>,
        required: &[Version],
        promise: &Promise,
    ) {
        let Some((version, shown)) = ask.reads.and(value).and_then(read_answer) else { return };
        let mut judge = self.host.sim.judge();
        let mut world = self.host.sim.world();
        world.trace.mix(version);
        judge.figures.reads += 1;
        let place = judge.places.get(&self.channel).map(|it| it.0);
        judge.figures.on_replicas += u64::from(matches!(place, Some(Place::Replica(_))));
        judge.figures.bounded += u64::from(promise.staleness().is_some());
        if ask.exactly.is_some_and(|wanted| wanted != version) {
            world.fail(format!("{}: a transaction does not see itself", self.name));
        }
        let shown = world.shown[shown].clone();
        if ask.exactly.is_none() {
            judge::read(&mut world, &self.name, &shown, required);
        }
        // What a transaction may see is fixed where it begins.
        let placed = self.pinned.is_none() || self.pinned_monotonic;
        if promise.level.is_monotonic() && placed {
            judge.figures.monotonic += 1;
            let who = format!("{} (monotonic)", self.name);
            judge::read(&mut world, &who, &shown, &self.seen);
        }
    }

    /// It has been shown this: its later monotonic reads may not see less.
    pub(crate) fn see(&mut self, ask: &Ask, value: Option<&str>, promise: &Promise) {
        let read = ask.reads.and(value).and_then(read_answer);
        let Some((_, shown)) = read.filter(|_| promise.level.is_monotonic()) else { return };
        let world = self.host.sim.world();
        judge::add_seen(&world, &mut self.seen, &world.shown[shown]);
    }

    /// Everything is replayed, and it has read since: what it was told and a failover has taken
    /// back should have been found.
    ///
    /// Only counted. A fence of the new primary that comes while a floor is in doubt replaces
    /// the old position before it is placed, and then nobody can tell.
    pub(crate) fn count_untold_losses(&self) {
        let mut judge = self.host.sim.judge();
        let world = self.host.sim.world();
        let left = |it: &&Version| world.write(**it).left_behind && judge.covered.contains(it);
        let told = judge.orphaned.contains(&self.channel) || !world.plan.knows_history();
        let untold = !told && self.own.iter().any(|it| left(&it));
        judge.figures.untold += u64::from(untold);
    }
}
