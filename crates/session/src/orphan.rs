//! Writes that a client was told of and that may be lost: found once, told once.

use afterwrite_types::{History, Line, Moment, OnOrphan, Orphan, OrphanCause, Position};
use afterwrite_wire::server::{self, Report};

use crate::session::Session;

/// Ours: no standard class begins with `W`.
pub const WRITE_LOST: &str = "WL001";

/// Orphans that are kept until they are told; of more only the first are named.
const FOUND_MAX: usize = 64;

/// What was found, and what the client wants to hear of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orphans {
    /// What holds for all clients.
    pub(crate) default: OnOrphan,
    /// What this one has set.
    pub(crate) set: Option<OnOrphan>,
    found: Vec<Orphan>,
    /// The last one that a token stood for: it may come again with each statement.
    token: Option<Box<Position>>,
    /// A token of a timeline that is newer than the primary's: perhaps it is an old primary.
    /// Never part of the floor, which keys share: anyone can write such a token.
    pub(crate) ahead: Option<Position>,
    /// The last one of which every node was asked.
    asked: Option<Box<Position>>,
}

impl Orphans {
    pub(crate) fn wanted(&self) -> OnOrphan {
        self.set.unwrap_or(self.default)
    }

    pub(crate) fn note(&mut self, orphan: Orphan) {
        if self.found.len() < FOUND_MAX {
            self.found.push(orphan);
        }
    }

    /// As [`Self::note`], of what a token stands for.
    pub(crate) fn note_token(&mut self, orphan: Orphan) {
        if self.token.as_deref() != Some(&orphan.position) {
            self.token = Some(Box::new(orphan.position));
            self.note(orphan);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.ahead.is_none()
    }
}

impl Session {
    /// Sets what clients are told unless they say otherwise.
    pub fn set_on_orphan(&mut self, default: OnOrphan) {
        self.scope.orphans.default = default;
    }

    /// Tells its floor as one of the primary's line of history, before anything is begun
    /// that depends on it.
    pub fn place(&mut self, history: &History, now: Moment) {
        self.scope.place(history, now);
    }

    /// The line of what it has seen that is newer than the primary's: the primary answers its
    /// reads until that has come to it.
    pub fn ahead_of(&self, line: Line) -> Option<Line> {
        self.seen_beyond(line).map(|seen| seen.line)
    }

    /// Whether it has seen a newer line of which the nodes were not asked yet: then one of them
    /// may be the primary by now. True once for each position that it has seen there.
    pub fn asks_who_is_primary(&mut self, line: Line) -> bool {
        let Some(seen) = self.seen_beyond(line) else { return false };
        let is_news = self.scope.orphans.asked.as_deref() != Some(&seen);
        if is_news {
            self.scope.orphans.asked = Some(Box::new(seen));
        }
        is_news
    }

    /// Every node was asked, and the primary is on this line: a token of a newer one is counted.
    pub fn note_primary(&mut self, line: Line) {
        if self.tokens_ahead().any(|token| token.line.is_newer_than(line)) {
            self.scope.tokens.counts_mut().future += 1;
        }
    }

    fn seen_beyond(&self, line: Line) -> Option<Position> {
        let mut seen = self.tokens_ahead().chain(self.scope.floor().position());
        seen.find(|seen| seen.line.is_newer_than(line))
    }

    fn tokens_ahead(&self) -> impl Iterator<Item = Position> {
        let hinted = self.exchange.hints.as_ref().and_then(|hints| hints.ahead);
        hinted.into_iter().chain(self.scope.orphans.ahead)
    }

    /// Notes that a floor which counts for this client, a key's, is an orphan.
    pub fn note_orphan(&mut self, orphan: Orphan) {
        self.scope.orphans.note(orphan);
    }

    /// What was found since this was last asked. Whoever asks counts it.
    pub fn take_orphans(&mut self) -> Vec<Orphan> {
        std::mem::take(&mut self.scope.orphans.found)
    }

    /// Tells the client, as it wants to hear it: the error that its exchange must end with
    /// is given back.
    pub fn tell_of_orphans(&mut self, orphans: &[Orphan]) -> Option<Report> {
        // Of a void one nothing is known, and with an upgraded cluster nothing need be lost.
        let mut lost = orphans.iter().filter(|it| it.cause != OrphanCause::Void);
        let first = lost.next()?;
        let more = lost.count();
        match self.scope.orphans.wanted() {
            OnOrphan::Ignore => None,
            OnOrphan::Notice => {
                let report = describe(Report::warning("01000", message(first, more)), first);
                let out = &mut self.exchange.hints.get_or_insert_default().warnings;
                server::notice(out, &report);
                None
            }
            OnOrphan::Error => {
                let report = describe(Report::error(WRITE_LOST, message(first, more)), first);
                Some(report.hint(
                    "the statement was not sent to any server: look whether your last writes are \
                     there, and repeat it or them",
                ))
            }
        }
    }
}

fn message(orphan: &Orphan, more: usize) -> String {
    let also = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    format!("a write that was acknowledged may be lost, at {}{also}", orphan.position)
}

fn describe(report: Report, orphan: &Orphan) -> Report {
    let has = orphan.switch.map(|it| it.to_string()).unwrap_or_default();
    report.detail(match orphan.cause {
        OrphanCause::Failover => format!(
            "The primary was promoted without it: it has what was written before the switch \
             point, {has}. Reads go on from the primary's present state."
        ),
        OrphanCause::Restart => format!(
            "The primary has restarted without its last records: its log ended at {has}. Reads \
             go on from the primary's present state."
        ),
        OrphanCause::Void => "It belongs to another cluster.".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Limits;
    use crate::settings::Settings;
    use afterwrite_types::{Fence, Level, Line, Lsn, Need, SystemId, Timeline};
    use afterwrite_wire::frame;
    use afterwrite_wire::server::ErrorFields;
    use std::time::Duration;

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
    }

    fn history() -> History {
        History::parse(at(2, 0).line, b"1\t0/64\tpromoted\n").unwrap()
    }

    /// Wrote up to here on the first timeline.
    fn session(written: u64, wants: OnOrphan) -> Session {
        let limits = Limits { message_max: 1 << 20, held_max: 1 << 20, prepared_max: 10 };
        let mut session = Session::new(limits, Level::default(), Settings::default(), 0);
        session.set_on_orphan(wants);
        let position = at(1, written);
        session.scope_mut().capture(Fence { position, asked: Moment(3) });
        session.place(&history(), Moment(5));
        session
    }

    fn lost(session: &mut Session) -> Vec<Orphan> {
        let found = session.take_orphans();
        session.place(&history(), Moment(6));
        assert!(session.take_orphans().is_empty(), "each is found once");
        found
    }

    #[test]
    fn what_was_handed_on_needs_no_fence_and_what_was_not_is_an_orphan() {
        let mut handed_on = session(100, OnOrphan::Error);
        assert!(lost(&mut handed_on).is_empty());
        assert_eq!(handed_on.scope().floor().need(), Need::Position(at(2, 100)));
        let mut orphan = session(101, OnOrphan::Error);
        let found = lost(&mut orphan);
        assert_eq!(found.iter().map(|it| it.position).collect::<Vec<_>>(), [at(1, 101)]);
        assert_eq!(orphan.scope().floor().need(), Need::Fence(Moment(5)));
        assert!(orphan.is_at_rest());
    }

    #[test]
    fn a_client_is_told_as_it_wants() {
        for (wants, error) in [
            (OnOrphan::Ignore, None),
            (OnOrphan::Notice, None),
            (OnOrphan::Error, Some(WRITE_LOST)),
        ] {
            let mut session = session(101, wants);
            let found = lost(&mut session);
            let report = session.tell_of_orphans(&found);
            assert_eq!(report.as_ref().map(|it| it.code.as_ref()), error, "{wants:?}");
            let mut told = Vec::new();
            session.exchange.tell_warnings(&mut told);
            let notice = frame::split(&told, 1 << 16).unwrap().map(|(message, _)| {
                let fields = ErrorFields::decode(message.body).unwrap();
                (message.tag, fields.code.to_owned(), fields.message.into_owned())
            });
            let text = "a write that was acknowledged may be lost, at 0/65 on timeline 1";
            let expected =
                (wants == OnOrphan::Notice).then(|| (b'N', "01000".to_owned(), text.to_owned()));
            assert_eq!(notice, expected, "{wants:?}");
        }
    }

    #[test]
    fn of_another_cluster_nothing_is_told() {
        let mut session = session(100, OnOrphan::Error);
        let cause = OrphanCause::Void;
        let void = Orphan { position: at(1, 5), switch: None, cause };
        assert!(session.tell_of_orphans(&[void]).is_none());
    }

    #[test]
    fn a_token_that_comes_with_each_statement_is_told_once() {
        let mut session = session(100, OnOrphan::Error);
        for _ in 0..3 {
            session.scope.place_token(at(1, 101), Some(&history()));
        }
        assert_eq!(lost(&mut session).len(), 1);
        session.scope.place_token(at(1, 102), Some(&history()));
        assert_eq!(lost(&mut session).len(), 1);
        let here = session.scope.place_token(at(1, 100), Some(&history()));
        assert_eq!(here, at(2, 100));
        assert!(lost(&mut session).is_empty());
    }

    #[test]
    fn a_token_of_a_newer_timeline_waits_for_the_primary_to_come_to_it() {
        let bad = |session: &Session| session.ask(false, Duration::ZERO, false).bad_token;
        for (timeline, file, lost) in
            [(3, "1\t0/64\tw\n2\t0/99\tw\n", 0), (4, "1\t0/64\tw\n2\t0/99\tw\n3\t0/AA\tw\n", 1)]
        {
            let mut session = session(100, OnOrphan::Ignore);
            let token = afterwrite_types::Token::unsigned(at(3, 200)).to_string();
            let known = Some(at(2, 900));
            session.scope.bring_text(&token, known, Some(&history()), Moment(7)).unwrap();
            session.resolve(Fence { position: at(2, 950), asked: Moment(9) });
            session.place(&history(), Moment(7));
            assert!(bad(&session) && !session.may_rest());
            assert_eq!(session.ahead_of(at(2, 0).line), Some(at(3, 0).line));
            let asks = [2, 3, 2].map(|line| session.asks_who_is_primary(at(line, 0).line));
            assert_eq!(asks, [true, false, false], "once");
            session.note_primary(at(2, 0).line);
            session.note_primary(at(3, 0).line);
            assert_eq!(session.take_token_counts().future, 1);
            let later = History::parse(at(timeline, 0).line, file.as_bytes()).unwrap();
            session.place(&later, Moment(8));
            assert!(!bad(&session));
            assert_eq!(session.scope().floor().need(), Need::Fence(Moment(8)));
            let found = session.take_orphans();
            assert_eq!(found.iter().filter(|it| it.position == at(3, 200)).count(), lost);
        }
    }

    #[test]
    fn only_a_suspected_loss_sinks_a_floor() {
        for (suspected, asked, expected) in [(false, 9, 101), (true, 7, 101), (true, 9, 50)] {
            let mut session = session(0, OnOrphan::Ignore);
            let fence = |lsn, asked| Fence { position: at(2, lsn), asked: Moment(asked) };
            session.scope_mut().capture(fence(101, 6));
            session.begin_read(None, Some(at(2, 0).line), Moment(7));
            if suspected {
                session.suspect_loss(Moment(8));
            }
            session.resolve(fence(50, asked));
            assert_eq!(session.scope().floor().position(), Some(at(2, expected)));
            assert_eq!(session.take_orphans().len(), usize::from(expected == 50));
        }
    }
}
