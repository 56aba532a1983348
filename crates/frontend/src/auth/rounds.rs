//! Costly work that must not take the time of those who are in already.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Runs costly work on threads of its own, a few pieces at a time.
#[derive(Clone, Debug)]
pub(super) struct Rounds(Arc<Semaphore>);

impl Rounds {
    /// At most `at_once` pieces run at the same time; the others wait, in order.
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Runs the work and gives its result.
    ///
    /// Cancel-safe: dropped, work that has begun goes on to its end, and counts
    /// until then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, io::Error> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        spawn_blocking(work).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn only_so_many_at_once_even_if_nobody_waits_for_them() {
        let rounds = Rounds::new(2);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let piece = || {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                running.fetch_sub(1, Ordering::SeqCst);
            }
        };
        for _ in 0..4 {
            // Given up as soon as it has begun.
            let _ = tokio::time::timeout(Duration::from_millis(1), rounds.run(piece())).await;
        }
        let all = (0..10).map(|_| {
            let (rounds, piece) = (rounds.clone(), piece());
            tokio::spawn(async move { rounds.run(piece).await })
        });
        for done in all.collect::<Vec<_>>() {
            done.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
