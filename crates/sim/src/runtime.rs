//! Tasks without threads: what is polled next is one of the seed's choices.

use std::cell::{Cell, RefCell, RefMut};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::judge::Judge;
use crate::world::World;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Which process a task belongs to: clients live on when the proxy restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Clients,
    Proxy(u64),
}

struct Slot {
    owner: Owner,
    task: Task,
    /// The world's count of changes when it was last polled.
    seen: u64,
}

/// One run: the world, the judge and everyone who acts.
pub(crate) struct Sim {
    world: RefCell<World>,
    judge: RefCell<Judge>,
    base: Instant,
    tasks: RefCell<Vec<Slot>>,
    spawned: RefCell<Vec<Slot>>,
    /// The proxy's life: tasks of earlier ones are gone.
    pub(crate) proxy_life: Cell<u64>,
}

impl Sim {
    pub(crate) fn new(world: World) -> Rc<Self> {
        Rc::new(Self {
            world: RefCell::new(world),
            judge: RefCell::new(Judge::default()),
            base: Instant::now(),
            tasks: RefCell::default(),
            spawned: RefCell::default(),
            proxy_life: Cell::new(0),
        })
    }

    pub(crate) fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    pub(crate) fn judge(&self) -> RefMut<'_, Judge> {
        self.judge.borrow_mut()
    }

    /// Virtual time as the code under test wants it; the base never matters.
    pub(crate) fn instant(&self) -> Instant {
        self.base + Duration::from_micros(self.now())
    }

    pub(crate) fn now(&self) -> u64 {
        self.world.borrow().now
    }

    pub(crate) fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + 'static) {
        self.spawned.borrow_mut().push(Slot { owner, task: Box::pin(task), seen: 0 });
    }

    /// Polls a task that may have something to do; `false` if none may.
    pub(crate) fn poll_one(&self) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        tasks.append(&mut self.spawned.borrow_mut());
        let count = tasks.len();
        let start = self.world.borrow_mut().random.index(count);
        let changes = self.world.borrow().changes;
        let due = (0..count).map(|at| (start + at) % count).find(|&at| tasks[at].seen != changes);
        let Some(at) = due else { return false };
        tasks[at].seen = changes;
        let mut context = Context::from_waker(Waker::noop());
        if tasks[at].task.as_mut().poll(&mut context).is_ready() {
            drop(tasks.swap_remove(at));
        }
        true
    }

    /// Ends every task of an owner, between two polls.
    pub(crate) fn kill(&self, owner: Owner) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.append(&mut self.spawned.borrow_mut());
        let gone: Vec<Slot> = tasks.extract_if(.., |slot| slot.owner == owner).collect();
        drop(tasks);
        drop(gone);
    }

    /// Waits until there is something.
    pub(crate) async fn until<T>(&self, mut what: impl FnMut() -> Option<T>) -> T {
        poll_fn(|_| what().map_or(Poll::Pending, Poll::Ready)).await
    }

    pub(crate) async fn sleep(&self, micros: u64) {
        let deadline = self.now() + micros;
        self.until(|| (self.now() >= deadline).then_some(())).await;
    }

    /// `None` if it takes longer than so many microseconds.
    pub(crate) async fn timeout<T>(&self, micros: u64, what: impl Future<Output = T>) -> Option<T> {
        let deadline = self.now() + micros;
        let mut what = std::pin::pin!(what);
        poll_fn(|context| match what.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if self.now() >= deadline => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}
