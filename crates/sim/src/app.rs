//! An application: sends statements, and checks every byte that comes back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use afterwrite_types::Terms;
use afterwrite_wire::client::{self, Parse, query_text};
use afterwrite_wire::frame;
use afterwrite_wire::server::{DataRow, ErrorFields, ParameterStatus};
use afterwrite_wire::tags::client as client_tag;
use afterwrite_wire::tags::server as tag;

use crate::cluster::Proxy;
use crate::course::TOO_FAR_BEHIND;
use crate::judge::Acked;
use crate::log::{RowId, Version};
use crate::promise::{Promise, Wishes};
use crate::runtime::{Owner, Sim};
use crate::wishes;
use crate::world::Channel;

/// How long any exchange may take, in virtual time.
const ANSWER_MAX: u64 = 3_000_000;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Anything happens.
    Storm,
    /// No more faults: everyone finishes what it began.
    Finish,
    /// Everything is replayed: reads belong on replicas.
    Calm,
}

/// What the applications share.
pub(crate) struct Host {
    pub(crate) sim: Rc<Sim>,
    pub(crate) proxies: RefCell<Vec<Rc<Proxy>>>,
    pub(crate) stage: Cell<Stage>,
    /// Applications that have come to the end of the present stage.
    pub(crate) arrived: Cell<usize>,
}

/// What one exchange asks for, and must answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) bytes: Vec<u8>,
    /// The tags of its answer if nothing fails, without the "ready".
    pub(crate) tags: &'static [u8],
    /// Versions that are acknowledged by its success.
    pub(crate) writes: Vec<Version>,
    /// A row it reads, judged if it succeeds.
    pub(crate) reads: Option<RowId>,
    /// Exactly this must be read: the transaction's own.
    pub(crate) exactly: Option<Version>,
    /// Its row tells a version that it wrote.
    pub(crate) tells: bool,
    /// Its row is a token.
    pub(crate) shows_token: bool,
    /// What a token stands for that it brings.
    pub(crate) brings: Vec<Version>,
    /// Fails on purpose.
    pub(crate) fails: bool,
    /// What a comment of its own asks for.
    pub(crate) hinted: Option<Terms>,
}

impl Ask {
    /// Whether a part of it is sent, and to be answered, before the rest.
    pub(crate) fn is_flushed(&self) -> bool {
        self.bytes.windows(5).any(|it| it == b"H\0\0\0\x04")
    }
}

/// What one exchange was answered.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) ok: bool,
    /// What it was promised in the end.
    pub(crate) promise: Option<Promise>,
}

/// One connection of an application.
pub(crate) struct App {
    pub(crate) host: Rc<Host>,
    pub(crate) name: String,
    pub(crate) channel: usize,
    /// Which life of the proxy it talks to.
    pub(crate) life: u64,
    pub(crate) key: Option<u64>,
    /// What it asks for, and what of that it says with each statement.
    pub(crate) wishes: Wishes,
    /// The comment in which it does.
    pub(crate) hint: String,
    buffer: Vec<u8>,
    /// Acknowledged to this connection, in its order.
    pub(crate) own: Vec<Version>,
    /// What its monotonic reads have seen.
    pub(crate) seen: Vec<Version>,
    /// What the tokens it set stand for.
    pub(crate) brought: Vec<Version>,
    /// The token it was told in front of the last "ready".
    told: String,
    /// Its own writes whose outcome it was not told.
    pub(crate) doubtful: Vec<Version>,
    /// Inside a transaction: what had to be seen when it began.
    pub(crate) pinned: Option<Vec<Version>>,
    /// Its reads were monotonic when the transaction began.
    pub(crate) pinned_monotonic: bool,
    /// Statements it has prepared by name.
    pub(crate) prepared: Vec<&'static str>,
}

/// The connection is over.
#[derive(Debug)]
pub(crate) struct Closed;

impl App {
    /// Connects to the present proxy.
    pub(crate) fn connect(host: &Rc<Host>, name: usize) -> Self {
        let mut world = host.sim.world();
        let proxies = world.plan.proxies;
        let chosen = world.random.index(proxies);
        let proxy = Rc::clone(&host.proxies.borrow()[chosen]);
        let wishes = Wishes { defaults: world.plan.defaults, ..Wishes::default() };
        world.channels.push(Channel { life: proxy.life, ..Channel::default() });
        let channel = world.channels.len() - 1;
        drop(world);
        let life = proxy.life;
        let owner = Owner::Proxy(life);
        host.sim.spawn(owner, crate::client::serve(proxy, channel));
        Self {
            host: Rc::clone(host),
            name: format!("app {name}, client {channel}"),
            channel,
            life,
            key: None,
            wishes,
            hint: String::new(),
            buffer: Vec::new(),
            own: Vec::new(),
            seen: Vec::new(),
            brought: Vec::new(),
            told: String::new(),
            doubtful: Vec::new(),
            pinned: None,
            pinned_monotonic: false,
            prepared: Vec::new(),
        }
    }

    pub(crate) fn sim(&self) -> &Sim {
        &self.host.sim
    }

    /// Sends exchanges, all at once, and judges their answers one by one.
    pub(crate) async fn run(&mut self, asks: Vec<Ask>) -> Result<Vec<Answered>, Closed> {
        let mut required: Vec<Vec<Version>> = Vec::new();
        let mut bytes = Vec::new();
        let sent = self.sim().now();
        for ask in &asks {
            required.push(match (&self.pinned, ask.reads) {
                (Some(pinned), Some(_)) => pinned.clone(),
                (None, Some(row)) => self.required(row, &self.promise(ask.hinted), sent),
                (_, None) => Vec::new(),
            });
            self.note(ask);
            let own = ask.hinted.as_ref().map(wishes::hint).unwrap_or_default();
            bytes.extend(self.hinted(&ask.bytes, &own));
        }
        self.send(&bytes).await;
        let mut answers: Vec<Answered> = Vec::new();
        for (at, (ask, required)) in asks.iter().zip(required).enumerate() {
            let broken = self.pinned.is_some() && answers.iter().any(|it| !it.ok);
            // Behind an error the transaction is gone: what still runs proves nothing.
            let unknown = Ask { reads: None, writes: Vec::new(), ..ask.clone() };
            if broken {
                self.doubt(ask);
            }
            let answer = self.answer(if broken { &unknown } else { ask }, required, sent).await;
            match answer {
                Ok(answer) => answers.push(answer),
                Err(closed) => {
                    for ask in asks.iter().skip(at) {
                        self.doubt(ask);
                    }
                    return Err(closed);
                }
            }
        }
        Ok(answers)
    }

    fn note(&self, ask: &Ask) {
        let text = String::from_utf8_lossy(&ask.bytes).replace(|it: char| it.is_control(), " ");
        let promise = self.promise(ask.hinted);
        self.sim().world().note(format_args!("{} asks: {text}, {promise:?}", self.name));
    }

    /// The same messages, with the hint in their texts.
    pub(crate) fn hinted(&self, bytes: &[u8], own: &str) -> Vec<u8> {
        let hint = format!("{}{own}", self.hint);
        let mut out = Vec::new();
        let mut rest = bytes;
        while let Ok(Some((message, behind))) = frame::split(rest, usize::MAX) {
            let here = &rest[..rest.len() - behind.len()];
            rest = behind;
            match (message.tag, Parse::decode(message.body)) {
                _ if hint.is_empty() => out.extend_from_slice(here),
                // What was named inside the transaction counts at its end.
                _ if message.body == b"COMMIT\0" => out.extend_from_slice(here),
                (client_tag::QUERY, _) => {
                    let sql = String::from_utf8_lossy(query_text(message.body).unwrap_or_default());
                    client::query(&mut out, &format!("{hint}{sql}"));
                }
                (client_tag::PARSE, Ok(parse)) => {
                    let sql = String::from_utf8_lossy(parse.sql);
                    let name = String::from_utf8_lossy(parse.name);
                    client::parse(&mut out, &name, &format!("{hint}{sql}"), &[]);
                }
                _ => out.extend_from_slice(here),
            }
        }
        out
    }

    /// Sends bytes, sometimes in two pieces.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let split = {
            let mut world = self.host.sim.world();
            let split = world.random.permille(150);
            if split { world.random.index(bytes.len()) } else { bytes.len() }
        };
        let (first, second) = bytes.split_at(split);
        for part in [first, second] {
            let pause = {
                let mut world = self.host.sim.world();
                world.channels[self.channel].up.extend_from_slice(part);
                world.changes += 1;
                world.random.below(400)
            };
            if !second.is_empty() {
                self.sim().sleep(pause).await;
            }
        }
    }

    async fn answer(
        &mut self,
        ask: &Ask,
        mut required: Vec<Version>,
        sent: u64,
    ) -> Result<Answered, Closed> {
        let mut promise = self.promise(ask.hinted);
        let mut tags = Vec::new();
        let mut value = None;
        let mut error = None;
        loop {
            let (message, body) = self.next().await?;
            match message {
                tag::NOTICE => {
                    if let Some(weakened) = self.weakened(&promise, &body) {
                        // It asks for less, so less of what was there when it was sent counts.
                        promise = weakened;
                        let row = ask.reads.unwrap_or_default();
                        let still = self.required(row, &promise, sent);
                        required.retain(|it| still.contains(it));
                    }
                    continue;
                }
                tag::PARAMETER_STATUS => {
                    self.hear(&body);
                    continue;
                }
                tag::NOTIFICATION => continue,
                tag::READY_FOR_QUERY => break,
                tag::DATA_ROW => {
                    let row = DataRow::decode(&body).ok().and_then(|mut it| it.next()?.ok()?);
                    value = row.map(|it| String::from_utf8_lossy(it).into_owned());
                }
                tag::ERROR => {
                    let fields = ErrorFields::decode(&body).ok();
                    error = fields.map(|it| (it.severity.to_owned(), it.code.to_owned()));
                }
                _ => {}
            }
            tags.push(message);
            if error.as_ref().is_some_and(|it| it.0 == "FATAL") {
                return Err(Closed);
            }
        }
        self.check_tags(ask, &tags);
        let code = error.as_ref().map(|it| it.1.as_str());
        if code == Some(TOO_FAR_BEHIND) {
            self.refused(ask, &promise);
        }
        let ok = error.is_none();
        if ok {
            // What it did earlier on this connection, in its own order.
            if promise.level.sees_own_writes() && self.pinned.is_none() {
                required.extend_from_slice(&self.own);
            }
            self.succeed(ask, value.as_deref(), &required, &promise);
        } else {
            self.doubt(ask);
            self.see(ask, value.as_deref(), &promise);
        }
        Ok(Answered { ok, promise: Some(promise) })
    }

    /// A parameter that is reported: its token, if it has asked for that.
    fn hear(&mut self, body: &[u8]) {
        let status = ParameterStatus::decode(body).ok();
        if let Some(status) = status.filter(|it| it.name == "afterwrite.token") {
            status.value.clone_into(&mut self.told);
        }
    }

    fn check_tags(&self, ask: &Ask, tags: &[u8]) {
        let fits = match tags.iter().position(|&it| it == tag::ERROR) {
            None => tags == ask.tags && !ask.fails,
            // Behind the server's own error there may be ours: its connection was lost.
            Some(at) => {
                let after = &tags[at..];
                let errors = after.len() <= 2 && after.iter().all(|&it| it == tag::ERROR);
                errors && (ask.fails || ask.tags.starts_with(&tags[..at]))
            }
        };
        if !fits {
            let got = String::from_utf8_lossy(tags).into_owned();
            let wanted = String::from_utf8_lossy(ask.tags).into_owned();
            let name = &self.name;
            self.sim().world().fail(format!("WRONG ANSWER to {name}: {got}, expected {wanted}"));
        }
    }

    fn succeed(&mut self, ask: &Ask, value: Option<&str>, required: &[Version], promise: &Promise) {
        self.judge_read(ask, value, required, promise);
        self.see(ask, value, promise);
        let told = value.filter(|_| ask.tells).and_then(|it| it.parse::<Version>().ok());
        let sim = Rc::clone(&self.host.sim);
        let mut judge = sim.judge();
        let at = sim.now();
        for version in ask.writes.iter().copied().chain(told) {
            judge.figures.writes += 1;
            let place = judge.acked.len();
            judge.acked.push(Acked { version, at, life: self.life });
            if let Some(key) = self.key {
                judge.keys.entry(key).or_default().acked.push(place);
            }
            self.own.push(version);
        }
        self.brought.extend_from_slice(&ask.brings);
        if ask.shows_token
            && let Some(token) = value.filter(|it| !it.is_empty())
        {
            let stands_for = self.own.iter().chain(&self.brought).copied().collect();
            judge.tokens.push((token.to_owned(), stands_for));
        }
        if !self.told.is_empty() && !ask.writes.is_empty() {
            // With its own answer: it must stand for what was just acknowledged, too.
            let stands_for = self.own.iter().chain(&self.brought).copied().collect();
            judge.tokens.push((self.told.clone(), stands_for));
        }
    }

    /// The outcome of an exchange is not known.
    pub(crate) fn doubt(&mut self, ask: &Ask) {
        let life = self.life;
        let mut judge = self.host.sim.judge();
        judge.figures.doubtful += ask.writes.len() as u64;
        if let Some(key) = self.key {
            let doubtful = ask.writes.iter().map(|&it| (it, life));
            judge.keys.entry(key).or_default().doubtful.extend(doubtful);
        }
        self.doubtful.extend_from_slice(&ask.writes);
    }

    /// The next message, unless the proxy has closed.
    async fn next(&mut self) -> Result<(u8, Vec<u8>), Closed> {
        let sim = Rc::clone(&self.host.sim);
        let message = sim.until(|| self.take_message());
        if let Some(message) = sim.timeout(ANSWER_MAX, message).await {
            return message;
        }
        let name = &self.name;
        sim.world().fail(format!("HANG: {name} was not answered in {ANSWER_MAX} us"));
        Err(Closed)
    }

    fn take_message(&mut self) -> Option<Result<(u8, Vec<u8>), Closed>> {
        let sim = Rc::clone(&self.host.sim);
        let mut world = sim.world();
        let channel = &mut world.channels[self.channel];
        self.buffer.append(&mut channel.down);
        let over = channel.proxy_gone;
        match frame::split(&self.buffer, 1 << 20) {
            Ok(Some((message, rest))) => {
                let found = (message.tag, message.body.to_vec());
                let used = self.buffer.len() - rest.len();
                self.buffer.drain(..used);
                Some(Ok(found))
            }
            Ok(None) => over.then_some(Err(Closed)),
            Err(error) => {
                world.fail(format!("{}: the proxy sent {error}", self.name));
                Some(Err(Closed))
            }
        }
    }

    /// Bytes nobody asked for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut world = self.host.sim.world();
        let channel = &mut world.channels[self.channel];
        self.buffer.append(&mut channel.down);
        self.buffer.iter().all(|&it| it != tag::READY_FOR_QUERY) || channel.proxy_gone
    }

    /// Whether the proxy has closed the connection.
    pub(crate) fn is_over(&self) -> bool {
        self.host.sim.world().channels[self.channel].proxy_gone
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let mut world = self.host.sim.world();
        world.channels[self.channel].app_gone = true;
        world.changes += 1;
    }
}
