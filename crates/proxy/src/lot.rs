//! Where clients are parked: the sockets of all of them are watched as one set.
//!
//! A client that has a task costs kilobytes, silent or not. Whoever has been silent for
//! some seconds is parked: its task ends, and what is kept is a few hundred bytes. The
//! first byte that it sends, its hanging up, its time running out or its being sent away
//! gives it a task again.
//!
//! A thread sleeps until one of the sockets has something, and tells the task that tends
//! the lot. While nothing happens nothing runs: neither these two nor, once all are
//! parked, anything that looks for more of them.

use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use parking_lot::Mutex;
use slab::Slab;
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;
use tokio::time::sleep_until;
use tracing::{debug, warn};

use crate::client::{Client, idle_timed_out};
use crate::park::Parked;
use crate::roster::Errand;
use crate::shared::Shared;

/// Clients that are woken before others of the same thread have their turn.
const WOKEN_AT_ONCE: usize = 256;

/// Between looks for those whose time has run out, at least.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Those who have something to say and are not woken yet.
const HEARD_MAX: usize = 1024;

/// Sweeps after the last client was parked until what it has freed is given back.
const NUDGES: u32 = 3;

/// Bytes of the thread's stack.
const STACK: usize = 256 * 1024;

/// What is told of no place, but to the thread.
const NOBODY: Token = Token(usize::MAX);

/// Where clients are parked.
#[derive(Debug, Default)]
pub(crate) struct Lot {
    /// Puts sockets into the set; there is none before the lot is tended.
    registry: OnceLock<Registry>,
    places: Mutex<Places>,
    bell: Arc<Bell>,
    /// All clients were parked the last time, and nobody looks for more until one comes.
    resting: AtomicBool,
}

#[derive(Debug, Default)]
struct Places {
    parked: Slab<Box<Parked>>,
    /// Nobody tends it any more.
    closed: bool,
    /// When the first of them will have been idle for too long.
    due: Option<Instant>,
}

/// Calls the task that tends the lot.
#[derive(Debug, Default)]
struct Bell {
    /// Somebody who is parked is sent away.
    rung: AtomicBool,
    called: Notify,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.called.notify_one();
    }
}

impl Lot {
    /// Parks a client; gives it back if its socket cannot be watched.
    pub(crate) fn park(&self, parked: Box<Parked>, idle_max: Duration) -> Result<(), Box<Parked>> {
        let Some(registry) = self.registry.get() else { return Err(parked) };
        let mut places = self.places.lock();
        if places.closed {
            return Err(parked);
        }
        let place = places.parked.vacant_entry();
        let (socket, token) = (parked.as_raw_fd(), Token(place.key()));
        if let Err(error) = registry.register(&mut SourceFd(&socket), token, Interest::READABLE) {
            debug!(%error, "a client cannot be parked");
            return Err(parked);
        }
        // The order matters: who is sent away after this rings the bell, and who was
        // before is seen below.
        let card = &parked.registered.card;
        card.park(Waker::from(Arc::clone(&self.bell)));
        if card.errand() != Errand::None {
            Arc::clone(&self.bell).wake();
        }
        let due = parked.idle_since + idle_max;
        place.insert(parked);
        if !idle_max.is_zero() && places.due.is_none_or(|first| due < first) {
            places.due = Some(due);
            self.bell.called.notify_one();
        }
        Ok(())
    }

    /// A client has come: it may have to be parked.
    pub(crate) fn expect(&self) {
        if self.resting.swap(false, Ordering::SeqCst) {
            self.bell.called.notify_one();
        }
    }

    /// Has everyone looked at: what holds for them may have changed.
    pub(crate) fn look(&self) {
        Arc::clone(&self.bell).wake();
    }

    /// Clients that are parked.
    pub(crate) fn len(&self) -> usize {
        self.places.lock().parked.len()
    }

    fn open(&self, registry: Registry) {
        let _ = self.registry.set(registry);
    }

    fn close(&self) {
        self.places.lock().closed = true;
    }

    fn due(&self) -> Option<Instant> {
        self.places.lock().due
    }

    /// Who is there, if somebody is: an event may be older than its place's client.
    fn take(&self, place: usize) -> Option<Box<Parked>> {
        let parked = self.places.lock().parked.try_remove(place)?;
        if let Some(registry) = self.registry.get() {
            let _ = registry.deregister(&mut SourceFd(&parked.as_raw_fd()));
        }
        Some(parked)
    }

    /// The places of those who must go, and whether their time has run out.
    fn going(&self, idle_max: Duration) -> Vec<(usize, bool)> {
        let now = Instant::now();
        let mut places = self.places.lock();
        let mut first = None;
        let mut going = Vec::new();
        for (place, parked) in &places.parked {
            let due = parked.idle_since + idle_max;
            let over = !idle_max.is_zero() && due <= now;
            if over || parked.registered.card.errand() != Errand::None {
                going.push((place, over));
            } else if !idle_max.is_zero() {
                first = Some(first.map_or(due, |first: Instant| first.min(due)));
            }
        }
        places.due = first;
        going
    }

    /// Gives back the room of places that nobody has.
    fn shrink(&self) {
        let parked = &mut self.places.lock().parked;
        if parked.len() < parked.capacity() / 4 {
            parked.shrink_to_fit();
        }
    }
}

/// Tends the lot until it is dropped; without it, clients keep their tasks.
pub(crate) async fn tend(shared: Arc<Shared>) {
    match Keeper::new(shared) {
        Ok(keeper) => keeper.run().await,
        Err(error) => warn!(%error, "silent clients cannot be parked"),
    }
}

/// The task that tends the lot.
struct Keeper {
    shared: Arc<Shared>,
    /// The places of those who have something to say; the thread sends them.
    heard: mpsc::Receiver<usize>,
    /// Ends the thread.
    end: mio::Waker,
    /// When to look for those who are silent.
    sweep_at: Option<Instant>,
    looked: Instant,
    /// Sweeps since somebody was parked.
    quiet_sweeps: u32,
    parked_before: usize,
}

impl Keeper {
    fn new(shared: Arc<Shared>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let end = mio::Waker::new(&registry, NOBODY)?;
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        thread::Builder::new()
            .name("parked".to_owned())
            .stack_size(STACK)
            .spawn(move || listen(poll, &tell))?;
        shared.lot.open(registry);
        Ok(Self {
            shared,
            heard,
            end,
            sweep_at: None,
            looked: Instant::now(),
            quiet_sweeps: 0,
            parked_before: 0,
        })
    }

    async fn run(mut self) {
        let bell = Arc::clone(&self.shared.lot.bell);
        let mut heard = Vec::new();
        self.plan_sweep();
        loop {
            // Not more often than so, however many go one by one.
            let due = self.shared.lot.due().map(|due| due.max(self.looked + LOOK_EVERY));
            let next = [due, self.sweep_at].into_iter().flatten().min();
            tokio::select! {
                count = self.heard.recv_many(&mut heard, WOKEN_AT_ONCE) => if count == 0 {
                    return self.everyone_up();
                },
                () = bell.called.notified() => {}
                () = until(next) => {}
            }
            if !heard.is_empty() {
                self.wake(heard.drain(..));
                yield_now().await;
            }
            let now = Instant::now();
            let rung = bell.rung.swap(false, Ordering::SeqCst);
            if rung || due.is_some_and(|due| due <= now) {
                self.look();
            }
            if self.sweep_at.is_some_and(|at| at <= now) {
                self.sweep_at = None;
                self.sweep();
            }
            if self.sweep_at.is_none() && !self.shared.lot.resting.load(Ordering::SeqCst) {
                self.plan_sweep();
            }
        }
    }

    fn wake(&self, places: impl Iterator<Item = usize>) {
        for place in places {
            if let Some(client) = self.take(place) {
                drop(tokio::spawn(client.serve()));
            }
        }
    }

    fn take(&self, place: usize) -> Option<Box<Client>> {
        let parked = self.shared.lot.take(place)?;
        self.shared.lot.resting.store(false, Ordering::SeqCst);
        parked.wake(&self.shared)
    }

    /// Wakes those who must go.
    fn look(&mut self) {
        self.looked = Instant::now();
        for (place, over) in self.shared.lot.going(self.shared.settings().clients.idle_timeout) {
            match self.take(place) {
                Some(client) if over => drop(tokio::spawn(client.dismiss(idle_timed_out()))),
                Some(client) => drop(tokio::spawn(client.serve())),
                None => {}
            }
        }
    }

    /// Looks for those who are silent, and stops doing so once all are parked.
    fn sweep(&mut self) {
        let shared = &self.shared;
        // Before counting: who comes later says so.
        shared.lot.resting.store(true, Ordering::SeqCst);
        let awake = shared.roster.sweep();
        let parked = shared.lot.len();
        let quiet = parked <= self.parked_before;
        self.quiet_sweeps = if quiet { self.quiet_sweeps.saturating_add(1) } else { 0 };
        self.parked_before = parked;
        if awake > 0 || self.quiet_sweeps < NUDGES {
            shared.lot.resting.store(false, Ordering::SeqCst);
        }
        if self.quiet_sweeps < NUDGES {
            shared.lot.shrink();
            nudge_allocator();
        }
    }

    /// The thread has ended: nobody would be heard any more.
    fn everyone_up(&self) {
        self.shared.lot.close();
        let everyone: Vec<_> =
            self.shared.lot.places.lock().parked.iter().map(|(place, _)| place).collect();
        self.wake(everyone.into_iter());
    }

    fn plan_sweep(&mut self) {
        self.sweep_at = Some(Instant::now() + self.shared.settings().park_after);
    }
}

impl Drop for Keeper {
    /// Nobody must be parked whom nobody would hear.
    fn drop(&mut self) {
        self.shared.lot.close();
        self.heard.close();
        let _ = self.end.wake();
    }
}

/// The thread: waits for sockets, and says which have something.
fn listen(mut poll: Poll, tell: &mpsc::Sender<usize>) {
    let mut events = Events::with_capacity(WOKEN_AT_ONCE);
    while !tell.is_closed() {
        match poll.poll(&mut events, None) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                warn!(%error, "parked clients cannot be watched");
                return;
            }
        }
        for place in events.iter().map(Event::token).filter(|it| *it != NOBODY) {
            // Waits while there are too many.
            if tell.blocking_send(place.0).is_err() {
                return;
            }
        }
    }
}

/// Has the allocator give back what was freed a while ago.
///
/// It does so a second later at the earliest, and only when it has something else to do:
/// once all are parked there is nothing. A thread that ends is such an occasion, and
/// takes up no memory itself.
fn nudge_allocator() {
    let allocate = || drop(std::hint::black_box(Box::new(0_u64)));
    let thread = thread::Builder::new().name("tidy".to_owned()).stack_size(STACK);
    if let Err(error) = thread.spawn(allocate) {
        debug!(%error, "what was freed is given back later");
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
