//! A client between two exchanges, folded up small.

use std::sync::Arc;

use afterwrite_core::Seen;
use afterwrite_types::{Floor, OnOrphan, Source, Terms};

use crate::brought::{Brought, RestingTokens};
use crate::exchange::Place;
use crate::mode::{Mode, SessionId};
use crate::portal::Portals;
use crate::reading::Reading;
use crate::scope::{Login, Parts, Scope};
use crate::session::{Limits, Phase, Session};
use crate::settings::Settings;
use crate::statement::{Prepared, Statements};
use crate::token::Unplaced;

/// A client between two exchanges, folded up small.
///
/// A session has room for an exchange under way. One that has none, and ties no server
/// connection, is no more than this: what its reads must see, what it has set, and what
/// it has prepared. Nothing of it is forgotten.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct Resting {
    floor: Floor,
    unnamed: Option<Arc<Prepared>>,
    /// What most clients have none of.
    more: Option<Box<More>>,
    id: SessionId,
    turn: u32,
    mode: Mode,
    wary: bool,
    /// What it has set; the default is set again for who wakes.
    on_orphan: Option<OnOrphan>,
    defaults: Arc<Terms>,
    last_decision: Option<Place>,
    /// Shared with all who sent the same text.
    last_reading: Option<Arc<Reading>>,
    strings_escape: bool,
    encoding_ambiguous: bool,
    role_refused: bool,
    bad_token: bool,
    report_token: Option<bool>,
}

#[derive(Debug, Default)]
struct More {
    settings: Settings,
    statements: Statements,
    keys: Vec<String>,
    terms: Terms,
    source: Option<Source>,
    login: Option<Arc<Login>>,
    seen: Option<Box<Seen>>,
    unplaced: Option<Unplaced>,
}

impl More {
    fn is_empty(&self) -> bool {
        self.settings.is_empty()
            && self.statements.is_empty()
            && self.keys.is_empty()
            && self.terms.is_empty()
            && self.source.is_none()
            && self.login.is_none()
            && self.seen.is_none()
            && self.unplaced.is_none()
    }
}

impl Session {
    /// Whether it can be folded up: nothing is under way, nothing is owed to it, and no
    /// server connection is tied to it.
    pub fn may_rest(&self) -> bool {
        let open = &self.open;
        let outside = !self.in_transaction() && open.changes.is_empty();
        let told = self.fatal.is_none()
            && self.prelude.is_none()
            && self.prelude_error.is_none()
            && self.prelude_reports.is_empty();
        self.phase == Phase::Gathering
            && self.upstream.left == 0
            && self.exchange.is_untouched()
            && self.pinned.is_none()
            && self.noted.is_empty()
            && !self.holds
            && !self.unsure
            && !self.over
            && !self.in_doubt
            && !self.scope.is_in_transaction()
            && self.scope.orphans.is_empty()
            && outside
            && told
    }

    /// Folds it up; gives it back if [`Self::may_rest`] says that it cannot be.
    pub fn rest(self) -> Result<Resting, Box<Self>> {
        if !self.may_rest() {
            return Err(Box::new(self));
        }
        // Every field is named, so that whoever adds one thinks of it here.
        let Self {
            limits: _,
            scope,
            settings,
            mut statements,
            open: _,
            // They ended with the transaction.
            portals: _,
            id,
            mode,
            wary,
            // Set again for who wakes.
            tables: _,
            apart: _,
            holds: _,
            strayed: _,
            pinned: _,
            noted: _,
            unsure: _,
            phase: _,
            exchange: _,
            upstream: _,
            in_doubt: _,
            strings_escape,
            encoding_ambiguous,
            fatal: _,
            over: _,
            last_decision,
            last_reading,
            schema_changed: _,
            prelude: _,
            describing: _,
            prelude_error: _,
            role_refused,
            prelude_reports: _,
            turn,
            // It was taken up behind its exchange.
            last_capture: _,
            // They are counted behind each exchange.
            hint_counts: _,
        } = self;
        let on_orphan = scope.orphans.set;
        let RestingTokens { unplaced, bad: bad_token, report: report_token } = scope.tokens.rest();
        let Parts { floor, seen, terms, source, defaults, login, keys } = scope.into_parts();
        let unnamed = statements.take_unnamed();
        let more = More { settings, statements, keys, terms, source, login, seen, unplaced };
        Ok(Resting {
            floor,
            unnamed,
            more: (!more.is_empty()).then(|| Box::new(more)),
            id,
            turn,
            mode,
            wary,
            on_orphan,
            defaults,
            last_decision,
            last_reading,
            strings_escape,
            encoding_ambiguous,
            role_refused,
            bad_token,
            report_token,
        })
    }
}

impl Resting {
    /// The session as it was, but for what it may use from now on.
    pub fn wake(self, limits: Limits) -> Session {
        let more = self.more.map(|it| *it).unwrap_or_default();
        let More { settings, mut statements, keys, terms, source, login, seen, unplaced } = more;
        statements.set_unnamed(self.unnamed);
        let defaults = Arc::clone(&self.defaults);
        let floor = self.floor;
        let parts = Parts { floor, seen, terms, source, defaults: self.defaults, login, keys };
        let mut scope = Scope::from_parts(parts);
        let (bad, report) = (self.bad_token, self.report_token);
        scope.tokens = Brought::wake(RestingTokens { unplaced, bad, report });
        scope.orphans.set = self.on_orphan;
        Session {
            scope,
            statements,
            portals: Portals::default(),
            id: self.id,
            mode: self.mode,
            wary: self.wary,
            last_decision: self.last_decision,
            last_reading: self.last_reading,
            schema_changed: false,
            strings_escape: self.strings_escape,
            encoding_ambiguous: self.encoding_ambiguous,
            role_refused: self.role_refused,
            ..Session::new(limits, defaults, settings, self.turn)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_core::Reason;
    use afterwrite_types::Level;
    use afterwrite_types::{Fence, Line, Lsn, Moment, Need, Position, SystemId, Timeline};

    const LIMITS: Limits = Limits { message_max: 1 << 20, held_max: 1 << 20, prepared_max: 10 };

    fn session(settings: Settings) -> Session {
        Session::new(LIMITS, Level::ReadYourWrites, settings, 7)
    }

    #[test]
    fn it_is_small() {
        let (small, whole) = (size_of::<Resting>(), size_of::<Session>());
        assert!(small <= 104, "{small} bytes of {whole}");
    }

    #[test]
    fn nothing_is_forgotten() {
        let mut before = session(Settings::at_login([("TimeZone".to_owned(), "UTC".to_owned())]));
        let line = Line { system: SystemId(7), timeline: Timeline(1) };
        let position = Position { line, lsn: Lsn(900) };
        before.scope_mut().capture(Fence { position, asked: Moment(5) });
        before.scope_mut().name_keys(&["user:42".into(), "org:7".into()]);
        before.scope_mut().set_level(Some(Level::Strong));
        before.scope_mut().set_source(Some(Source::Creation), false);
        before.scope_mut().orphans.set = Some(OnOrphan::Error);
        before.settings.set("work_mem", "SET work_mem = '1MB'");
        before.parameter("standard_conforming_strings", "off");
        before.parameter("client_encoding", "GBK");
        before.role_refused = true;
        before.scope_mut().tokens.set_report(Some(true));
        let beyond = Position { line, lsn: Lsn(901) };
        let _ = before.scope_mut().bring_text("nonsense", None, None, Moment(6));
        before.scope_mut().bring(beyond, None, Moment(6));
        before.scope_mut().resolve(Fence { position, asked: Moment(6) });
        before.remember_decision(Place::Primary(Reason::MayWrite));
        let one = Arc::new(Prepared::new(crate::StatementId(1), b"SELECT 1\0\0\0"));
        let two = Arc::new(Prepared::new(crate::StatementId(2), b"SELECT 2\0\0\0"));
        before.statements.insert(b"", one, 0, 10);
        before.statements.insert(b"two", two, 3, 10);
        let keys = before.scope().keys().to_vec();
        let fingerprint = before.settings().fingerprint();
        let after = before.rest().unwrap().wake(LIMITS);
        let mut after = after;
        assert_eq!(after.scope().floor().need(), Need::Fence(Moment(6)));
        assert!(after.scope().tokens.reports() && after.scope().tokens.are_bad());
        after.scope_mut().resolve(Fence { position, asked: Moment(7) });
        assert_eq!(after.take_token_counts().future, 1, "it still stands to be settled");
        assert_eq!(after.scope().floor().need(), Need::Position(position));
        assert_eq!(after.scope().keys(), keys);
        assert_eq!(after.scope().key_names(), ["user:42", "org:7"]);
        assert_eq!(after.scope().level(), Level::Strong);
        assert_eq!(after.scope().source(), Some(Source::Creation));
        assert_eq!(after.scope().orphans.wanted(), OnOrphan::Error);
        assert_eq!(after.settings().fingerprint(), fingerprint);
        assert!(
            after.settings().script(afterwrite_types::Role::Primary, false).contains("work_mem")
        );
        assert!(after.strings_escape && after.encoding_ambiguous && after.role_refused);
        assert_eq!(after.last_decision, Some(Place::Primary(Reason::MayWrite)));
        assert_eq!(after.statements.find(b"").unwrap().sql(), b"SELECT 1");
        assert_eq!(after.statements.find(b"two").unwrap().sql(), b"SELECT 2");
        assert!(!after.in_transaction() && after.may_rest());
        assert_eq!((after.turn, after.limits), (7, LIMITS));
        after.scope_mut().set_level(None);
        assert_eq!(after.scope().level(), Level::ReadYourWrites, "the default is kept too");
    }

    #[test]
    fn who_has_something_under_way_does_not_rest() {
        type Stir = fn(&mut Session);
        let cases: [(&str, Stir); 9] = [
            ("a transaction", |it| it.open.status = b'T'),
            ("a failed one", |it| it.open.status = b'E'),
            ("a server connection", |it| it.holds = true),
            ("a doubt", |it| it.in_doubt = true),
            ("half a message", |it| it.exchange.scanned = 1),
            ("a failed pipeline, to be skipped up to its Sync", |it| it.exchange.skip = true),
            ("a message to be passed on", |it| it.upstream.left = 1),
            ("SET LOCAL of a source", |it| it.scope_mut().set_source(Some(Source::Manual), true)),
            ("SET LOCAL", |it| it.scope_mut().terms_mut(true).level = Some(Level::Strong)),
        ];
        for (what, stir) in cases {
            let mut session = session(Settings::default());
            assert!(session.may_rest());
            stir(&mut session);
            assert!(!session.may_rest() && session.rest().is_err(), "{what}");
        }
    }
}
