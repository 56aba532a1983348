//! Limits that several pools share: connections of one database, or of one user,
//! to one node.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::pool::Pool;

/// A limit for the connections to one node that several pools share.
#[derive(Debug)]
pub(crate) struct Quota {
    /// Connections there may be; 0 for any number.
    max: AtomicUsize,
    open: AtomicUsize,
    /// Statements that wait although their own pool has room.
    starving: AtomicUsize,
    members: Mutex<Vec<Weak<Pool>>>,
}

/// One limit on every node of a cluster: that of a database, or of a user.
#[derive(Debug)]
pub struct Quotas(Vec<Arc<Quota>>);

impl Quotas {
    /// At most `max` connections to each of `nodes` nodes; 0 for any number.
    pub fn new(nodes: usize, max: usize) -> Self {
        Self((0..nodes).map(|_| Arc::new(Quota::new(max))).collect())
    }

    /// Changes the limit. Connections beyond it are closed as they come back.
    pub fn set_max(&self, max: usize) {
        for quota in &self.0 {
            quota.max.store(max, Ordering::SeqCst);
            quota.wake();
        }
    }

    /// Connections open now, on all nodes.
    pub fn open(&self) -> usize {
        self.0.iter().map(|quota| quota.open.load(Ordering::SeqCst)).sum()
    }

    pub(crate) fn on(&self, node: usize) -> Option<Arc<Quota>> {
        self.0.get(node).map(Arc::clone)
    }
}

impl Quota {
    fn new(max: usize) -> Self {
        Self {
            max: AtomicUsize::new(max),
            open: AtomicUsize::new(0),
            starving: AtomicUsize::new(0),
            members: Mutex::default(),
        }
    }

    pub(crate) fn join(&self, pool: &Arc<Pool>) {
        let mut members = self.members.lock();
        members.retain(|member| member.strong_count() > 0);
        members.push(Arc::downgrade(pool));
    }

    fn try_take(&self) -> bool {
        let max = self.max.load(Ordering::SeqCst);
        let take = |open: usize| (max == 0 || open < max).then_some(open + 1);
        self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    fn put_back(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        let max = self.max.load(Ordering::SeqCst);
        max > 0 && self.open.load(Ordering::SeqCst) > max
    }

    /// Lets those who starve try again. Holds no lock while it asks them.
    pub(crate) fn wake(&self) {
        if self.starving.load(Ordering::SeqCst) == 0 {
            return;
        }
        for pool in self.pools() {
            pool.offer_place();
        }
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        self.members.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

/// The limits that hold for one pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits(pub(crate) Vec<Arc<Quota>>);

impl Limits {
    /// Room for one more connection, in all of them or in none.
    pub(crate) fn try_take(&self) -> bool {
        for (taken, quota) in self.0.iter().enumerate() {
            if !quota.try_take() {
                for quota in self.0.iter().take(taken) {
                    quota.put_back();
                }
                return false;
            }
        }
        true
    }

    /// A connection is gone. Whoever starves is not told yet: see [`Self::wake`].
    pub(crate) fn put_back(&self) {
        for quota in &self.0 {
            quota.put_back();
        }
    }

    pub(crate) fn wake(&self) {
        for quota in &self.0 {
            quota.wake();
        }
    }

    /// Whether an unused connection does more good closed.
    pub(crate) fn wanted_elsewhere(&self) -> bool {
        self.0.iter().any(|quota| quota.is_over() || quota.starving.load(Ordering::SeqCst) > 0)
    }

    /// Closes an unused connection of another pool, so that `asker` has room.
    pub(crate) fn make_room(&self, asker: &Pool) {
        for quota in &self.0 {
            let max = quota.max.load(Ordering::SeqCst);
            if max == 0 || quota.open.load(Ordering::SeqCst) < max {
                continue;
            }
            for pool in quota.pools() {
                if !std::ptr::eq(&raw const *pool, asker) && pool.close_one_idle() {
                    break;
                }
            }
        }
    }

    /// Counts one who waits although its pool has room, while the answer lives.
    pub(crate) fn starve(&self) -> Starving {
        for quota in &self.0 {
            quota.starving.fetch_add(1, Ordering::SeqCst);
        }
        Starving(self.clone())
    }
}

/// Somebody waits although its pool has room.
#[derive(Debug)]
pub(crate) struct Starving(Limits);

impl Drop for Starving {
    fn drop(&mut self) {
        for quota in &self.0.0 {
            quota.starving.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
