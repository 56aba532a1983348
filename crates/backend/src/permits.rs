//! How many may do the same at once; the number may change meanwhile.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may do the same at once; the number may change meanwhile.
#[derive(Debug)]
pub(crate) struct Permits {
    free: Arc<Semaphore>,
    size: Mutex<usize>,
    /// Of those that are given out, so many are not to be given out again.
    surplus: Arc<Mutex<usize>>,
}

/// One of them; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    held: Option<OwnedSemaphorePermit>,
    surplus: Arc<Mutex<usize>>,
}

impl Permits {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(size)),
            size: Mutex::new(size),
            surplus: Arc::default(),
        }
    }

    /// From now on so many. Who has one keeps it; where those are too many, that many are
    /// not given out again.
    pub(crate) fn resize(&self, size: usize) {
        let mut known = self.size.lock();
        let mut surplus = self.surplus.lock();
        if let Some(more) = size.checked_sub(*known) {
            let paid = more.min(*surplus);
            *surplus -= paid;
            self.free.add_permits(more - paid);
        } else {
            let fewer = *known - size;
            *surplus += fewer - self.free.forget_permits(fewer);
        }
        *known = size;
    }

    /// One of them, if any is free.
    pub(crate) fn try_take(&self) -> Option<Permit> {
        Arc::clone(&self.free).try_acquire_owned().ok().map(|held| self.permit(held))
    }

    /// One of them, once it is free. Cancel-safe.
    pub(crate) async fn take(&self) -> Option<Permit> {
        Arc::clone(&self.free).acquire_owned().await.ok().map(|held| self.permit(held))
    }

    fn permit(&self, held: OwnedSemaphorePermit) -> Permit {
        Permit { held: Some(held), surplus: Arc::clone(&self.surplus) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let mut surplus = self.surplus.lock();
        if *surplus > 0 {
            *surplus -= 1;
            held.forget();
        } else {
            // Before the number can change again.
            drop(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all there are.
    fn all(permits: &Permits) -> Vec<Permit> {
        std::iter::from_fn(|| permits.try_take()).collect()
    }

    #[test]
    fn as_many_as_there_are_whenever_the_number_changes() {
        let permits = Permits::new(4);
        let taken = all(&permits);
        assert_eq!(taken.len(), 4);
        permits.resize(1);
        permits.resize(2);
        assert!(permits.try_take().is_none());
        drop(taken);
        assert_eq!(all(&permits).len(), 2, "two of the four were too many");
        let one = permits.try_take();
        permits.resize(1);
        assert!(permits.try_take().is_none(), "the free one is gone, and one is taken");
        drop(one);
        assert_eq!(all(&permits).len(), 1);
        permits.resize(3);
        assert_eq!(all(&permits).len(), 3);
    }

    #[test]
    fn who_has_one_keeps_it_and_a_later_growth_counts_it() {
        let permits = Permits::new(3);
        let taken = all(&permits);
        permits.resize(1);
        permits.resize(5);
        assert_eq!(all(&permits).len(), 2);
        drop(taken);
        assert_eq!(all(&permits).len(), 5);
    }
}
