//! One client's task: a mirror of `afterwrite-proxy`'s, without sockets.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use afterwrite_core::WriteMark;
use afterwrite_session::{Gathered, Session, Settings, TableKeys};
use afterwrite_types::Floor;
use afterwrite_wire::server::{self, Report};

use crate::cluster::{PROBE_TIMEOUT, Proxy};
use crate::connection::{Connection, Read};
use crate::log::Version;
use crate::runtime::Owner;
use crate::tables;
use crate::world::Channel;

/// Between questions whether a process is gone.
const ASK_EVERY: u64 = 2_000;

/// One client and everything it holds.
pub(crate) struct Client {
    pub(crate) proxy: Rc<Proxy>,
    pub(crate) session: Session,
    /// Its channel to the application.
    pub(crate) channel: usize,
    pub(crate) inbox: Vec<u8>,
    pub(crate) outbox: Vec<u8>,
    pub(crate) link: Option<Connection>,
    pub(crate) upstream: Vec<u8>,
    /// What the exchange under way writes that was not yet known when it began.
    pub(crate) later_mark: Option<WriteMark>,
    /// Its answer is kept back until others can know of what it writes.
    pub(crate) withholds: bool,
    pub(crate) replies: Vec<u8>,
    pub(crate) doubts: Vec<Rc<Cell<bool>>>,
    /// It has hung up.
    pub(crate) gone: bool,
    /// The highest floor seen, for the judge.
    pub(crate) before: Floor,
    /// Versions of its own that were committed, for the judge.
    pub(crate) committed: Vec<Version>,
}

/// Why a client's task ends.
#[derive(Debug)]
pub(crate) enum End {
    Left,
    Fatal(Report),
}

/// Serves one client from its first statement to its goodbye.
pub(crate) async fn serve(proxy: Rc<Proxy>, channel: usize) {
    let settings = Settings::at_login([]);
    let mut session =
        Session::new(proxy.limits, Arc::clone(&proxy.defaults), settings, proxy.turn());
    session.set_apart(proxy.sharing.is_some());
    session.set_tables(proxy.table_scope.then(|| TableKeys::of(tables::DATABASE)));
    let mut client = Client {
        proxy,
        session,
        channel,
        inbox: Vec::new(),
        outbox: Vec::new(),
        link: None,
        upstream: Vec::new(),
        later_mark: None,
        withholds: false,
        replies: Vec::new(),
        doubts: Vec::new(),
        gone: false,
        before: Floor::default(),
        committed: Vec::new(),
    };
    let end = loop {
        if let Err(end) = client.turn().await {
            break end;
        }
    };
    client.proxy.sim.world().note(format_args!("client {channel}: ends: {end:?}"));
    if let End::Fatal(report) = end {
        server::error(&mut client.outbox, &report);
        client.flush();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.drop_link();
        let mut world = self.proxy.sim.world();
        world.channels[self.channel].proxy_gone = true;
        world.changes += 1;
    }
}

impl Client {
    pub(crate) fn with_channel<T>(&self, act: impl FnOnce(&mut Channel) -> T) -> T {
        act(&mut self.proxy.sim.world().channels[self.channel])
    }

    /// Waits for the client's next exchange and has it carried out.
    async fn turn(&mut self) -> Result<(), End> {
        self.drop_consumed();
        match self.gather(false).map_err(End::Fatal)? {
            Gathered::NeedMore => self.read().await,
            Gathered::Goodbye => Err(End::Left),
            Gathered::Request(request) => self.carry_out(request).await,
            Gathered::NeedsFence(after) => {
                self.settle_doubts();
                let fence = self.proxy.fence(after, PROBE_TIMEOUT).await;
                if let Some(fence) = fence {
                    self.session.resolve(fence);
                }
                let failed = self.session.is_in_doubt() || !self.session.is_resolved();
                match self.gather(failed).map_err(End::Fatal)? {
                    Gathered::Request(request) => self.carry_out(request).await,
                    _ => Ok(()),
                }
            }
            Gathered::Further => Err(End::Fatal(Report::fatal("XX000", "lost count of messages"))),
        }
    }

    pub(crate) fn gather(&mut self, fence_failed: bool) -> Result<Gathered, Report> {
        let now = self.proxy.sequence.now();
        self.session
            .gather(&self.inbox, &*self.proxy, now, fence_failed)
            .map_err(|fault| Report::fatal(fault.sqlstate(), fault.to_string()))
    }

    fn drop_consumed(&mut self) {
        let consumed = self.session.take_consumed();
        self.inbox.drain(..consumed.min(self.inbox.len()));
        if let Some((left, true)) = self.session.upstream_left() {
            let count = left.min(self.inbox.len());
            self.inbox.drain(..count);
            self.session.upstream_done(count);
        }
    }

    /// Waits for more of the client's bytes, with everything for it sent.
    async fn read(&mut self) -> Result<(), End> {
        self.flush();
        let sim = Rc::clone(&self.proxy.sim);
        sim.until(|| {
            if self.take_from_client() {
                return Some(Ok(()));
            }
            if self.with_channel(|it| it.app_gone) {
                return Some(Err(End::Left));
            }
            self.listen_while_holding()
        })
        .await
    }

    /// Some of the client's bytes; `false` if there are none.
    pub(crate) fn take_from_client(&mut self) -> bool {
        let bytes = self.with_channel(|it| std::mem::take(&mut it.up));
        self.inbox.extend_from_slice(&bytes);
        !bytes.is_empty()
    }

    /// What a held server connection says between exchanges.
    fn listen_while_holding(&mut self) -> Option<Result<(), End>> {
        let link = self.link.as_mut()?;
        let lost = match link.socket.read() {
            Read::Nothing => return None,
            Read::End => true,
            Read::Bytes(bytes) => {
                self.replies.extend(bytes);
                let relayed = self.session.relay(
                    &mut link.link,
                    &self.replies,
                    &self.proxy.sequence,
                    &mut self.outbox,
                    &mut self.upstream,
                );
                let done = relayed.as_ref().map_or(0, |it| it.consumed);
                self.replies.drain(..done);
                relayed.is_err()
            }
        };
        if !lost {
            self.flush();
            return None;
        }
        self.drop_link();
        let report = Report::fatal("57P01", "the connection to the server was lost");
        Some(Err(End::Fatal(report)))
    }

    /// Sends the client everything that is for it.
    pub(crate) fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.outbox);
        if bytes.is_empty() {
            return;
        }
        self.with_channel(|it| {
            if !it.app_gone {
                it.down.extend(bytes);
            }
        });
        self.proxy.sim.world().changes += 1;
    }

    /// Closes the server connection.
    pub(crate) fn drop_link(&mut self) {
        self.replies.clear();
        self.upstream.clear();
        if let Some(link) = self.link.take() {
            self.note_committed(&link);
            self.proxy.release(link, false);
        }
    }

    pub(crate) fn note_committed(&mut self, link: &Connection) {
        let mut world = self.proxy.sim.world();
        let versions = std::mem::take(&mut world.conns[link.socket.id].committed);
        self.committed.extend(versions);
    }
}

/// Watches a doubtful write until nothing of it can happen any more; only then
/// the mark of its key is taken away.
///
/// It follows the node and the line of the connection that was lost, never whoever
/// is the primary now.
pub(crate) fn watch(
    proxy: &Rc<Proxy>,
    lost: (usize, afterwrite_types::Line),
    process: usize,
    mark: Option<WriteMark>,
) -> Rc<Cell<bool>> {
    let settled = Rc::new(Cell::new(false));
    let (doubt, watched) = (Rc::clone(&settled), Rc::clone(proxy));
    proxy.sim.world().note(format_args!("proxy: process {process} is in doubt"));
    proxy.sim.spawn(Owner::Proxy(proxy.life), async move {
        let (node, line) = lost;
        let superseded =
            || watched.primary.get().is_some_and(|it| it.line.timeline > line.timeline);
        while !superseded() && !is_process_gone(&watched, node, process).await {
            watched.sim.sleep(ASK_EVERY).await;
        }
        let now = watched.sequence.now();
        if let Some(mark) = mark {
            watched.keys.borrow_mut().end_write(mark, Floor::since(now), now);
        }
        doubt.set(true);
        let mut world = watched.sim.world();
        world.changes += 1;
        world.note(format_args!("proxy: the doubt about process {process} is settled"));
    });
    settled
}

async fn is_process_gone(proxy: &Proxy, node: usize, process: usize) -> bool {
    let ask = async {
        let socket = crate::connection::Socket::open(&proxy.sim, node, false)?;
        socket.ask_sql(&format!("GONE {process}")).await.ok()
    };
    let answer = proxy.sim.timeout(crate::cluster::CONNECT_TIMEOUT, ask).await.flatten();
    answer.as_deref() == Some("true")
}
