//! Carries bytes between a client, the session and servers, as the proxy does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use afterwrite_core::{Proof, Reason};
use afterwrite_session::{
    CAPTURE_NAME, CAPTURE_SQL, ClientFault, Dispatch, Gathered, Library, Limits, Link, LinkSpec,
    Place, Prepared, Progress, Request, Route, Session, Settings, StatementId, Verdict,
};
use afterwrite_types::{
    Fence, Level, Line, Lsn, Moment, NodeId, Position, Role, Sequence, SystemId, Timeline,
    WalGeometry,
};
use afterwrite_wire::frame;
use afterwrite_wire::server::{ErrorFields, Report};
use afterwrite_wire::tags;

use super::client::{self, Script};
use super::server::Server;
use crate::bytes::Choices;

const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };
const HERE: Position = Position { line: LINE, lsn: Lsn(0x1000) };

const LIMITS: Limits = Limits { message_max: 1 << 16, held_max: 1024, prepared_max: 3 };

/// Bytes that are read at once at most, from a client or a server.
const PIECE_MAX: usize = 512;

/// Bytes of a server's that are held at most: what `relay` may ask to see of one message,
/// and some more.
const REPLIES_MAX: usize = 4096;

/// Bytes of an answer that are held back at most.
const HOLD_BACK_MAX: usize = 256;

/// More messages are not sent to one session.
const MESSAGES_MAX: usize = 40;

#[derive(Default)]
struct Shelf(RefCell<BTreeMap<Vec<u8>, Arc<Prepared>>>);

impl Library for Shelf {
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared> {
        let mut texts = self.0.borrow_mut();
        let next = StatementId(texts.len() as u64 + 1);
        Arc::clone(
            texts.entry(rest.to_vec()).or_insert_with(|| Arc::new(Prepared::new(next, rest))),
        )
    }

    fn known_position(&self) -> Option<Position> {
        Some(HERE)
    }
}

fn link(role: Role) -> Link {
    Link::new(LinkSpec {
        node: NodeId(u16::from(role == Role::Replica)),
        server: 0,
        role,
        line: LINE,
        wal: WalGeometry::default(),
        proof: (role == Role::Replica).then(|| Proof::new(HERE, Moment(0))),
        prepared_max: 2,
        capture: role == Role::Primary,
    })
}

/// A server connection: our half, and the server.
struct Connection {
    link: Link,
    server: Server,
}

impl Connection {
    fn new(role: Role) -> Self {
        let server = match role {
            Role::Primary => Server::admitted(false, (CAPTURE_NAME, CAPTURE_SQL)),
            Role::Replica => Server::new(true, false),
        };
        Self { link: link(role), server }
    }
}

/// Who answers in a server's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    Good,
    /// Replies are made up, connections are lost, nobody has room.
    Bad,
}

/// Why nothing more is moved.
#[derive(Debug)]
enum End {
    /// The client has no more to say, or has said goodbye.
    Quiet,
    /// The client's connection must end, and why.
    Closed(String),
}

/// What came of one try of an exchange.
enum Ran {
    Done,
    /// It must run again: on the primary for this reason, or wherever is right.
    Again(Option<Reason>),
}

/// What came of moving bytes.
#[derive(Debug)]
enum Pumped {
    Progress(Progress),
    Lost,
    Fault(String),
    /// Nothing is left to be moved, and something is owed.
    Stuck,
}

struct World<'a> {
    choices: Choices<'a>,
    manners: Manners,
    session: Session,
    library: Shelf,
    sequence: Sequence,
    /// What the client has sent and nobody has read.
    client: Vec<u8>,
    inbox: Vec<u8>,
    upstream: Vec<u8>,
    /// What the server has sent and nobody has read.
    wire: Vec<u8>,
    replies: Vec<u8>,
    outbox: Vec<u8>,
    /// What the client was sent.
    seen: Vec<u8>,
    held: Option<Connection>,
    pool: Vec<Connection>,
    /// Those that serve nobody any more.
    retired: Vec<Connection>,
}

/// A client that speaks the protocol sees what a server would have shown it.
pub(crate) fn well_behaved(data: &[u8]) {
    let mut choices = Choices::new(data);
    let settings = settings(&mut choices);
    let mut script = Script::default();
    let (mut direct, mut expected) = (Server::new(false, true), Vec::new());
    let count = choices.below(MESSAGES_MAX);
    for _ in 0..count {
        if choices.is_empty() {
            break;
        }
        say(&mut choices, &mut script, &mut direct, &mut expected);
    }
    conclude(&mut script, &mut direct, &mut expected);
    let _told = Told(asked(&script.bytes));
    let mut world = World::new(choices, Manners::Good, settings);
    world.session.set_wary(is_wary(data));
    world.client = std::mem::take(&mut script.bytes);
    let end = world.run();
    if let End::Closed(why) = end {
        unreachable!("the client is sent away: {why}; it has seen {}", shown(&world.seen));
    }
    assert!(world.session.is_at_rest(), "the client has its answers, and something is under way");
    assert_eq!(shown(&world.seen), shown(&expected), "left: through the session; right: direct");
    assert_eq!(world.writes(), direct.writes, "what ran, and how often");
}

/// One message, or a few that belong together; no other than COPY data where that is due.
fn say(choices: &mut Choices<'_>, script: &mut Script, direct: &mut Server, out: &mut Vec<u8>) {
    let start = script.bytes.len();
    if direct.takes_copy_data() {
        client::during_copy(choices, script);
    } else {
        client::message(choices, script, Some(direct));
    }
    direct.take(script.bytes.get(start..).unwrap_or_default(), out);
}

/// Ends whatever is open, so that all is answered.
fn conclude(script: &mut Script, direct: &mut Server, out: &mut Vec<u8>) {
    let start = script.bytes.len();
    if direct.takes_copy_data() {
        afterwrite_wire::client::copy_done(&mut script.bytes);
    }
    afterwrite_wire::client::sync(&mut script.bytes);
    direct.take(script.bytes.get(start..).unwrap_or_default(), out);
}

fn settings(choices: &mut Choices<'_>) -> Settings {
    match choices.below(2) {
        0 => Settings::default(),
        _ => Settings::at_login([("timezone".to_owned(), "UTC".to_owned())]),
    }
}

/// Whether the server is asked behind everything what is left. By the length: no byte of
/// the corpus means something else for it.
fn is_wary(data: &[u8]) -> bool {
    data.len() % 4 == 3
}

/// A client that sends anything and servers that answer anything: no panic, no more than
/// the limits held, no "ready" that nobody asked for.
pub(crate) fn hostile(data: &[u8]) {
    let mut choices = Choices::new(data);
    let settings = settings(&mut choices);
    let mut script = Script::default();
    let count = choices.below(MESSAGES_MAX);
    for _ in 0..count {
        if choices.is_empty() {
            break;
        }
        match choices.below(4) {
            0 => {
                let bytes = choices.bytes();
                script.bytes.extend_from_slice(bytes);
            }
            1 => client::unusual(&mut choices, &mut script),
            _ => client::message(&mut choices, &mut script, None),
        }
    }
    let asked_max = readies_asked(&script.bytes);
    let _told = Told(asked(&script.bytes));
    let mut world = World::new(choices, Manners::Bad, settings);
    world.session.set_wary(is_wary(data));
    world.client = script.bytes;
    world.run();
    let seen = readies(&world.seen);
    let seen_all = shown(&world.seen);
    assert!(seen <= asked_max, "{seen} times ready, {asked_max} times asked: {seen_all}");
}

/// How often a "ready" answers these bytes at most.
fn readies_asked(mut bytes: &[u8]) -> usize {
    let mut asked = 0;
    while let Ok(Some(head)) = frame::head(bytes) {
        let asks = [tags::client::QUERY, tags::client::SYNC, tags::client::FUNCTION_CALL];
        asked += usize::from(asks.contains(&head.tag));
        bytes = bytes.get(head.total()..).unwrap_or_default();
    }
    asked
}

fn readies(mut bytes: &[u8]) -> usize {
    let mut seen = 0;
    loop {
        match frame::head(bytes) {
            Ok(Some(head)) => {
                seen += usize::from(head.tag == tags::server::READY_FOR_QUERY);
                bytes = bytes.get(head.total()..).unwrap_or_default();
            }
            Ok(None) => return seen,
            Err(fault) => unreachable!("the client was sent {fault}: {bytes:?}"),
        }
    }
}

/// What the client asked for, to be told if a promise turns out to be broken.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the client sent: {}", self.0);
        }
    }
}

/// Messages of the client in short: types, with texts and names.
fn asked(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let Ok(Some((message, rest))) = frame::split(bytes, 1 << 30) {
        let body = message.body.get(..message.body.len().min(60)).unwrap_or_default();
        words.push(format!("{}({})", char::from(message.tag), body.escape_ascii()));
        bytes = rest;
    }
    words.push(bytes.escape_ascii().to_string());
    words.join(" ")
}

/// Replies in short: types, with statuses, tags and codes.
fn shown(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let Ok(Some((message, rest))) = frame::split(bytes, 1 << 30) {
        let body = String::from_utf8_lossy(message.body);
        words.push(match message.tag {
            tags::server::READY_FOR_QUERY => format!("Z{body}"),
            tags::server::COMMAND_COMPLETE => format!("C[{}]", body.trim_end_matches('\0')),
            tags::server::ERROR => match ErrorFields::decode(message.body) {
                // Of several things that are wrong a server names another one than we do.
                Ok(fields) if ["42P05", "42601", "25P02", "0A000"].contains(&fields.code) => {
                    "E".to_owned()
                }
                Ok(fields) => format!("E{}", fields.code),
                Err(fault) => format!("E({fault})"),
            },
            tag => char::from(tag).to_string(),
        });
        bytes = rest;
    }
    if !bytes.is_empty() {
        words.push(format!("and {} bytes", bytes.len()));
    }
    words.join(" ")
}

impl<'a> World<'a> {
    fn new(choices: Choices<'a>, manners: Manners, settings: Settings) -> Self {
        let roles = [Role::Primary, Role::Primary, Role::Replica, Role::Replica];
        Self {
            choices,
            manners,
            session: Session::new(LIMITS, Level::ReadYourWrites, settings, 0),
            library: Shelf::default(),
            sequence: Sequence::default(),
            client: Vec::new(),
            inbox: Vec::new(),
            upstream: Vec::new(),
            wire: Vec::new(),
            replies: Vec::new(),
            outbox: Vec::new(),
            seen: Vec::new(),
            held: None,
            pool: roles.map(Connection::new).into(),
            retired: Vec::new(),
        }
    }

    fn writes(&self) -> u32 {
        let all = self.pool.iter().chain(&self.retired).chain(&self.held);
        all.map(|connection| connection.server.writes).sum()
    }

    fn run(&mut self) -> End {
        // Each turn uses up a byte of the client's at least, or waits for more.
        for _ in 0..self.client.len() * 2 + 2 {
            if let Err(end) = self.turn() {
                self.flush();
                return end;
            }
        }
        unreachable!("it goes round and round: {}", shown(&self.seen));
    }

    /// The client's next exchange.
    fn turn(&mut self) -> Result<(), End> {
        self.drop_consumed();
        match self.gather(false).map_err(|fault| End::Closed(fault.to_string()))? {
            Gathered::NeedMore => self.read(),
            Gathered::Goodbye => Err(End::Quiet),
            Gathered::Request(request) => self.carry_out(request),
            Gathered::NeedsFence(_) => {
                let failed = self.choices.below(2) == 0;
                if !failed {
                    self.session.resolve(Fence { position: HERE, asked: self.sequence.next() });
                }
                let failed = failed || self.session.is_in_doubt();
                match self.gather(failed).map_err(|fault| End::Closed(fault.to_string()))? {
                    Gathered::Request(request) => self.carry_out(request),
                    Gathered::NeedMore => Ok(()),
                    other => unreachable!("{other:?} behind a fence"),
                }
            }
            Gathered::Further => unreachable!("part of an exchange, and none is under way"),
        }
    }

    fn gather(&mut self, fence_failed: bool) -> Result<Gathered, ClientFault> {
        let now = self.sequence.now();
        self.session.gather(&self.inbox, &self.library, now, fence_failed)
    }

    fn drop_consumed(&mut self) {
        let count = self.session.take_consumed();
        assert!(count <= self.inbox.len(), "more was consumed than there was");
        self.inbox.drain(..count);
        if let Some((left, true)) = self.session.upstream_left() {
            let count = left.min(self.inbox.len());
            self.inbox.drain(..count);
            self.session.upstream_done(count);
        }
    }

    fn read(&mut self) -> Result<(), End> {
        self.flush();
        if self.read_client() { Ok(()) } else { Err(End::Quiet) }
    }

    /// Reads a piece of what the client has sent; `false` if there is none.
    fn read_client(&mut self) -> bool {
        if self.client.is_empty() {
            return false;
        }
        let held_max = LIMITS.held_max + PIECE_MAX;
        assert!(self.inbox.len() < held_max, "the inbox is full and nothing of it is used");
        let piece = (self.choices.below(PIECE_MAX / 2) * 2 + 1).min(held_max - self.inbox.len());
        move_bytes(&mut self.client, &mut self.inbox, piece);
        true
    }

    fn flush(&mut self) {
        self.seen.append(&mut self.outbox);
    }

    fn carry_out(&mut self, request: Request) -> Result<(), End> {
        self.flush();
        let (mut request, mut forced) = (request, None);
        for _ in 0..20 {
            if request.route == Route::Local {
                self.session.reply_locally(&mut self.outbox);
                return Ok(());
            }
            if self.manners == Manners::Bad && self.choices.below(16) == 1 {
                let report = Report::error("53300", "no room");
                if self.held.is_none() {
                    self.session.refuse(&report, &mut self.outbox);
                    return Ok(());
                }
                if self.session.in_transaction() {
                    self.session.fail_transaction(&report);
                }
            }
            let place = self.place(request.route, forced);
            match self.exchange(place)? {
                Ran::Done => return Ok(()),
                Ran::Again(reason) => {
                    self.outbox.clear();
                    request = self.session.request();
                    forced = reason;
                }
            }
        }
        unreachable!("an exchange that never ends");
    }

    /// Takes a connection, and says why that one.
    fn place(&mut self, route: Route, forced: Option<Reason>) -> Place {
        if let Some(held) = &self.held {
            let open = self.session.in_transaction();
            let reason = if open { Reason::Transaction } else { Reason::Pinned };
            return match held.link.role() {
                Role::Replica => Place::Replica(reason),
                Role::Primary => Place::Primary(reason),
            };
        }
        let (role, reason) = match (route, forced) {
            (Route::Read, None) if self.choices.below(3) > 0 => (Role::Replica, Reason::CaughtUp),
            (Route::Read, None) => (Role::Primary, Reason::NoneInTime),
            (Route::Read, Some(reason)) | (Route::Primary(reason), _) => (Role::Primary, reason),
            (Route::Held | Route::Local, _) => (Role::Primary, Reason::Pinned),
        };
        let nth = self.choices.below(2);
        let fitting = |(_, connection): &(usize, &Connection)| connection.link.role() == role;
        let at = self.pool.iter().enumerate().filter(fitting).map(|(at, _)| at).nth(nth);
        self.held = Some(match at {
            Some(at) => self.pool.remove(at),
            None => Connection::new(role),
        });
        match role {
            Role::Primary => Place::Primary(reason),
            Role::Replica => Place::Replica(reason),
        }
    }

    /// One try of an exchange.
    fn exchange(&mut self, place: Place) -> Result<Ran, End> {
        if let Some(held) = self.held.as_mut()
            && let Some(prelude) = self.session.prelude(&held.link)
        {
            self.session.send_prelude(prelude, &mut held.link, &mut self.upstream);
            match self.pump(place) {
                Pumped::Progress(Progress::Prelude(Ok(()))) => {
                    self.session.take_prelude_reports();
                }
                Pumped::Lost if self.manners == Manners::Bad => return self.lose(),
                Pumped::Progress(Progress::Prelude(Err(_))) if self.manners == Manners::Bad => {
                    self.drop_connection();
                    self.session.refuse(&Report::error("22023", "no"), &mut self.outbox);
                    return Ok(Ran::Done);
                }
                other if self.manners == Manners::Bad => {
                    return Err(End::Closed(format!("{other:?}")));
                }
                other => unreachable!("{other:?} during a prelude"),
            }
        }
        self.dispatch(place);
        let pumped = match self.relay() {
            Some(pumped) => pumped,
            None => self.pump(place),
        };
        match pumped {
            Pumped::Progress(Progress::Done(outcome)) => {
                self.give_back(outcome.keep);
                Ok(Ran::Done)
            }
            Pumped::Progress(Progress::Again) => {
                self.give_back(false);
                Ok(Ran::Again(Some(Reason::Rerouted)))
            }
            Pumped::Lost => self.lose(),
            Pumped::Fault(fault) => Err(End::Closed(fault)),
            Pumped::Stuck if self.manners == Manners::Bad => Err(End::Closed("stuck".into())),
            Pumped::Progress(
                Progress::Prelude(_) | Progress::Reset(_) | Progress::More | Progress::Client,
            ) if self.manners == Manners::Bad => self.lose(),
            other => unreachable!("{other:?} after {}", shown(&self.seen)),
        }
    }

    fn lose(&mut self) -> Result<Ran, End> {
        assert_eq!(self.manners, Manners::Bad, "a good server was left");
        if self.session.may_hold_back() {
            self.outbox.clear();
        }
        let Some(held) = self.held.as_ref() else { unreachable!("lost, and none was held") };
        let verdict = self.session.lost(&held.link, "gone", &mut self.outbox);
        self.drop_connection();
        match verdict {
            Verdict::Again => Ok(Ran::Again(None)),
            Verdict::Told(_) => {
                // As the proxy does once the old process is gone.
                if self.choices.below(2) == 0 && self.session.is_in_doubt() {
                    self.session.settle(self.sequence.now());
                }
                Ok(Ran::Done)
            }
            Verdict::Over(..) | Verdict::Hopeless(_) => Err(End::Closed("lost".into())),
        }
    }

    fn drop_connection(&mut self) {
        self.held = None;
        self.replies.clear();
        self.upstream.clear();
        self.wire.clear();
    }

    fn give_back(&mut self, keep: bool) {
        if keep {
            return;
        }
        let Some(connection) = self.held.take() else { return };
        let sound = self.replies.is_empty() && self.upstream.is_empty() && self.wire.is_empty();
        if self.manners == Manners::Good {
            assert!(sound, "given back with something under way: {}", shown(&self.replies));
            assert!(connection.link.is_idle(), "given back and not idle: {:?}", connection.link);
            let server = &connection.server;
            assert!(server.is_at_rest(), "given back in the middle of something: {server:?}");
            if connection.link.retired().is_none() {
                self.pool.push(connection);
            } else {
                self.retired.push(connection);
            }
        } else if sound && connection.link.is_idle() && connection.link.retired().is_none() {
            self.pool.push(connection);
        }
        self.replies.clear();
        self.upstream.clear();
        self.wire.clear();
    }

    fn dispatch(&mut self, place: Place) {
        let Some(held) = self.held.as_mut() else { return };
        let how = Dispatch { place, positions: true, sequence: &self.sequence };
        self.session.dispatch(&mut held.link, &self.inbox, how, &mut self.upstream);
    }

    fn relay(&mut self) -> Option<Pumped> {
        let held = self.held.as_mut()?;
        let before = self.outbox.len();
        let (out, upstream) = (&mut self.outbox, &mut self.upstream);
        let relayed =
            self.session.relay(&mut held.link, &self.replies, &self.sequence, out, upstream);
        match relayed {
            Ok(relayed) => {
                assert!(relayed.consumed <= self.replies.len(), "more than there was");
                let full = self.replies.len() >= REPLIES_MAX;
                assert!(!full || relayed.consumed > 0, "the replies are full and none is taken");
                let made = self.outbox.len() - before;
                assert!(made <= relayed.consumed + (1 << 16), "{made} bytes out of nothing");
                self.replies.drain(..relayed.consumed);
                match relayed.progress {
                    Progress::More | Progress::Client => None,
                    progress @ (Progress::Prelude(_)
                    | Progress::Done(_)
                    | Progress::Reset(_)
                    | Progress::Again) => Some(Pumped::Progress(progress)),
                }
            }
            Err(fault) => {
                assert_eq!(self.manners, Manners::Bad, "{fault}, and the server is a good one");
                Some(Pumped::Lost)
            }
        }
    }

    /// Moves pieces until something is decided.
    fn pump(&mut self, place: Place) -> Pumped {
        loop {
            let first = self.choices.below(4);
            let mut moved = false;
            for turn in 0..4 {
                let outcome = match (first + turn) % 4 {
                    0 => self.move_upstream(&mut moved),
                    1 => {
                        self.move_outbox(&mut moved);
                        None
                    }
                    2 => self.move_replies(&mut moved),
                    _ => self.move_client(place, &mut moved),
                };
                if let Some(pumped) = outcome {
                    return pumped;
                }
                if moved {
                    break;
                }
            }
            if !moved {
                if self.manners == Manners::Bad && !self.choices.is_empty() {
                    self.make_up();
                } else {
                    return Pumped::Stuck;
                }
            }
        }
    }

    /// Bytes of a server that keeps to nothing.
    fn make_up(&mut self) {
        if self.choices.below(3) == 0 {
            let bytes = self.choices.bytes();
            self.wire.extend_from_slice(bytes);
        } else {
            super::server::any_reply(&mut self.choices, &mut self.wire);
        }
    }

    fn move_upstream(&mut self, moved: &mut bool) -> Option<Pumped> {
        let held = self.held.as_mut()?;
        if self.upstream.is_empty() {
            return None;
        }
        *moved = true;
        let mut piece = Vec::new();
        let count = self.choices.below(PIECE_MAX) + 1;
        move_bytes(&mut self.upstream, &mut piece, count);
        if self.manners == Manners::Good {
            held.server.take(&piece, &mut self.wire);
            return None;
        }
        match self.choices.below(8) {
            0 => Some(Pumped::Lost),
            1 | 2 => {
                self.make_up();
                None
            }
            _ => {
                super::server::answer_loosely(&piece, &mut self.choices, &mut self.wire);
                None
            }
        }
    }

    fn move_outbox(&mut self, moved: &mut bool) {
        let held_back = self.session.may_hold_back() && self.outbox.len() < HOLD_BACK_MAX;
        if self.outbox.is_empty() || held_back {
            return;
        }
        self.session.shown();
        self.flush();
        *moved = true;
    }

    fn move_replies(&mut self, moved: &mut bool) -> Option<Pumped> {
        if self.wire.is_empty() {
            return None;
        }
        *moved = true;
        let room = REPLIES_MAX.saturating_sub(self.replies.len());
        let count = (self.choices.below(PIECE_MAX / 2) * 2 + 1).min(room);
        move_bytes(&mut self.wire, &mut self.replies, count);
        self.relay()
    }

    fn move_client(&mut self, place: Place, moved: &mut bool) -> Option<Pumped> {
        if self.session.wants_client()
            && let Some(pumped) = self.forward(place, moved)
        {
            return Some(pumped);
        }
        // What is sent ahead waits.
        let ahead_max = LIMITS.held_max + PIECE_MAX;
        if self.inbox.len() < ahead_max && self.read_client() {
            *moved = true;
        }
        None
    }

    fn forward(&mut self, place: Place, moved: &mut bool) -> Option<Pumped> {
        while self.session.wants_client() {
            let count = self.session.take_consumed();
            self.inbox.drain(..count);
            if let Some((left, discard)) = self.session.upstream_left() {
                let count = left.min(self.inbox.len());
                if count == 0 {
                    return None;
                }
                let mut piece = Vec::new();
                move_bytes(&mut self.inbox, &mut piece, count);
                if !discard {
                    self.upstream.append(&mut piece);
                }
                self.session.upstream_done(count);
                *moved = true;
                continue;
            }
            match self.gather(true) {
                Ok(Gathered::NeedMore | Gathered::NeedsFence(_)) => return None,
                Ok(Gathered::Further | Gathered::Request(_)) => {
                    self.dispatch(place);
                    *moved = true;
                    if let Some(pumped) = self.relay() {
                        return Some(pumped);
                    }
                }
                Ok(Gathered::Goodbye) => return Some(Pumped::Fault("goodbye".into())),
                Err(fault) => return Some(Pumped::Fault(fault.to_string())),
            }
        }
        None
    }
}

fn move_bytes(from: &mut Vec<u8>, to: &mut Vec<u8>, count: usize) {
    let count = count.min(from.len());
    to.extend(from.drain(..count));
}
