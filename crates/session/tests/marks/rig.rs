//! One session, its library and one server connection, without sockets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_core::{Key, Proof, Reason};
use afterwrite_session::{
    Dispatch, Gathered, Library, Limits, Link, LinkSpec, PathMark, Place, Prepared, Progress,
    Reading, Request, Route, SearchPath, Session, Settings, StatementId, TableKeys, Touch,
};
use afterwrite_types::{
    Level, Line, Lsn, Moment, Need, NodeId, Position, Role, Sequence, SystemId, Timeline,
    WalGeometry,
};
use afterwrite_wire::client;
use afterwrite_wire::frame;
use afterwrite_wire::server::{self, ErrorFields};

pub(crate) const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };
pub(crate) const LIMITS: Limits = Limits { message_max: 1 << 20, held_max: 4096, prepared_max: 10 };
pub(crate) const PRIMARY: Place = Place::Primary(Reason::MayWrite);

/// The primary is known to be here.
pub(crate) const KNOWN: u64 = 500;

#[derive(Default)]
pub(crate) struct Shelf(pub(crate) RefCell<BTreeMap<Vec<u8>, Arc<Prepared>>>);

impl Library for Shelf {
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared> {
        let mut texts = self.0.borrow_mut();
        let next = StatementId(texts.len() as u64 + 1);
        Arc::clone(
            texts.entry(rest.to_vec()).or_insert_with(|| Arc::new(Prepared::new(next, rest))),
        )
    }

    fn known_position(&self) -> Option<Position> {
        Some(Position { line: LINE, lsn: Lsn(KNOWN) })
    }

    /// Whatever stands behind `FROM` is read, and what behind `INTO` is written.
    fn reading(&self, text: &[u8], path: SearchPath<'_>) -> Arc<Reading> {
        let reading = Reading::of_words(text);
        let text = String::from_utf8_lossy(text).into_owned();
        let behind = |word: &str| {
            let words: Vec<_> = text.split([' ', ';']).collect();
            let names = words.windows(2).filter(|pair| pair[0] == word);
            let tables = names.map(|pair| TableKeys::table("db", pair[1])).collect();
            Touch { tables, unknown: text.contains("hidden") }
        };
        let begins = (path == SearchPath::Initial).then(|| PathMark::of("app", "public"));
        Arc::new(Reading { reads: behind("FROM"), writes: behind("INTO"), begins, ..reading })
    }
}

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) library: Shelf,
    pub(crate) sequence: Sequence,
    pub(crate) inbox: Vec<u8>,
    pub(crate) link: Link,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::at(Level::ReadYourWrites)
    }

    pub(crate) fn at(level: Level) -> Self {
        let sequence = Sequence::default();
        sequence.next();
        Self {
            session: Session::new(LIMITS, level, Settings::default(), 0),
            library: Shelf::default(),
            sequence,
            inbox: Vec::new(),
            link: link(Role::Primary),
        }
    }

    pub(crate) fn gather(&mut self, bytes: &[u8]) -> Gathered {
        let used = self.session.take_consumed();
        self.inbox.drain(..used);
        self.inbox.extend_from_slice(bytes);
        let now = self.sequence.now();
        self.session.gather(&self.inbox, &self.library, now, false).unwrap()
    }

    pub(crate) fn request(&mut self, bytes: &[u8]) -> Request {
        match self.gather(bytes) {
            Gathered::Request(request) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    /// What a read asks of the decision, in words.
    pub(crate) fn asks(&mut self, bytes: &[u8]) -> String {
        assert_eq!(self.request(bytes).route, Route::Read);
        self.session.begin_read(None, Some(LINE), self.sequence.now());
        let ask = self.session.ask(false, Duration::ZERO, false);
        let mut words = vec![ask.level.name().to_owned()];
        words.extend(match ask.floor.need() {
            Need::Nothing => None,
            Need::Position(at) => Some(format!("sees {}", at.lsn.0)),
            Need::Fence(_) => Some("fence".to_owned()),
        });
        words.extend(self.session.keys().iter().map(|key| name_of(*key)));
        words.extend(ask.preference.map(|preference| preference.name().to_owned()));
        words.extend(ask.bad_token.then(|| "bad token".to_owned()));
        words.join(", ")
    }

    pub(crate) fn send(&mut self, place: Place) {
        let how = Dispatch { place, positions: true, sequence: &self.sequence };
        let mut out = Vec::new();
        self.session.dispatch(&mut self.link, &self.inbox, how, &mut out);
    }

    /// Sends on what was gathered, plays the answer, and gives back what the client sees.
    pub(crate) fn finish(&mut self, place: Place, replies: &[u8]) -> Vec<u8> {
        self.send(place);
        self.answer(replies)
    }

    /// Plays the answer to what was sent.
    pub(crate) fn answer(&mut self, replies: &[u8]) -> Vec<u8> {
        let (mut out, mut upstream) = (Vec::new(), Vec::new());
        let relayed = self
            .session
            .relay(&mut self.link, replies, &self.sequence, &mut out, &mut upstream)
            .unwrap();
        assert!(matches!(relayed.progress, Progress::Done(_)), "{:?}", relayed.progress);
        out
    }

    /// The keys that are marked for what is gathered now.
    pub(crate) fn marked(&mut self) -> Vec<String> {
        self.session.take_unmarked().iter().map(|key| name_of(*key)).collect()
    }

    /// The texts and details of what the client is told about its hints, and what it sees.
    pub(crate) fn warned(&mut self, bytes: &[u8], replies: &[u8]) -> (Vec<String>, String) {
        let out = if self.request(bytes).route == Route::Local {
            let mut out = Vec::new();
            self.session.reply_locally(&mut out);
            out
        } else {
            self.finish(PRIMARY, replies)
        };
        told(&out)
    }
}

pub(crate) fn link(role: Role) -> Link {
    let own = Position { line: LINE, lsn: Lsn(0x1000) };
    Link::new(LinkSpec {
        node: NodeId(0),
        server: 0,
        role,
        line: LINE,
        wal: WalGeometry::default(),
        proof: (role == Role::Replica).then(|| Proof::new(own, Moment(0))),
        prepared_max: 10,
        capture: true,
    })
}

/// The name of a key that these tests use.
pub(crate) fn name_of(key: Key) -> String {
    let is_it = |name: &&String| {
        let mut scope = afterwrite_session::Scope::new(Level::default());
        scope.name_keys(std::slice::from_ref(*name));
        scope.keys() == [key]
    };
    let tables = TableKeys::of("db");
    for (known, name) in [(tables.all, "all"), (tables.unknown, "unknown")] {
        if key == known {
            return name.to_owned();
        }
    }
    if let Some(name) = ["t", "u"].iter().find(|name| key == TableKeys::table("db", name)) {
        return format!("table {name}");
    }
    let names: Vec<_> = "abcdexyz".chars().map(String::from).collect();
    names.iter().find(is_it).unwrap_or_else(|| panic!("{key:?}")).clone()
}

pub(crate) fn told(mut bytes: &[u8]) -> (Vec<String>, String) {
    let (mut warnings, mut seen) = (Vec::new(), String::new());
    while let Some((message, rest)) = frame::split(bytes, 1 << 20).unwrap() {
        if message.tag == b'N' {
            let fields = ErrorFields::decode(message.body).unwrap();
            assert_eq!((fields.severity, fields.code), ("WARNING", "01000"));
            warnings.push(fields.message.into_owned());
        }
        seen.push(char::from(message.tag));
        bytes = rest;
    }
    (warnings, seen)
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::query(&mut out, sql);
    out
}

pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::parse(&mut out, name, sql, &[]);
    out
}

/// Bind and Execute.
pub(crate) fn execute(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::bind(&mut out, "", name, &[], &[], &[]);
    client::execute(&mut out, "", 0);
    out
}

pub(crate) fn sync() -> Vec<u8> {
    let mut out = Vec::new();
    client::sync(&mut out);
    out
}

pub(crate) fn batch(texts: &[&str]) -> Vec<u8> {
    let one = |text: &&str| [parse("", text), execute("")].concat();
    [texts.iter().flat_map(one).collect(), sync()].concat()
}

pub(crate) fn done(tag: &str, status: u8) -> Vec<u8> {
    let mut out = Vec::new();
    server::command_complete(&mut out, tag);
    server::ready(&mut out, status);
    out
}

/// As [`done`], with the captured position behind it.
pub(crate) fn captured(tag: &str) -> Vec<u8> {
    let mut out = done(tag, b'I');
    server::bind_complete(&mut out);
    server::data_row(&mut out, &[Some(&0x2000_u64.to_be_bytes())]);
    server::command_complete(&mut out, "SELECT 1");
    server::ready(&mut out, b'I');
    out
}

/// As [`done`], of a read in a read-only transaction of ours.
pub(crate) fn guarded() -> Vec<u8> {
    [done("BEGIN", b'T'), done("SELECT 1", b'T'), done("COMMIT", b'I')].concat()
}
