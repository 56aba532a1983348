//! The process that listened before this one, while it still has clients: their
//! cancel requests arrive here.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

/// How long a cancel request may take on its way over another process.
const PASSED_ON_MAX: Duration = Duration::from_secs(5);

/// A cancel request whose key is not known here.
pub struct ForeignCancel {
    /// The process number that the client was told.
    pub pid: i32,
    /// The key that the client was told.
    pub key: Vec<u8>,
    /// Told, or dropped, once the other process is done with it.
    pub done: oneshot::Sender<()>,
}

impl fmt::Debug for ForeignCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignCancel").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Who listened before this process, if that one is still there.
#[derive(Debug, Default)]
pub(crate) struct Predecessor(Mutex<Option<mpsc::Sender<ForeignCancel>>>);

impl Predecessor {
    pub(crate) fn set(&self, sender: mpsc::Sender<ForeignCancel>) {
        *self.0.lock() = Some(sender);
    }

    /// Whether there is one that still has clients.
    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Passes a cancel request on, and waits until it was acted on. A key that is
    /// wrong is passed on, too; the queue is bounded, and so is the wait.
    pub(crate) async fn cancel(&self, pid: i32, key: Vec<u8>) {
        let Some(sender) = self.0.lock().clone() else { return };
        let (done, acted) = oneshot::channel();
        match sender.try_send(ForeignCancel { pid, key, done }) {
            Ok(()) => drop(timeout(PASSED_ON_MAX, acted).await),
            Err(mpsc::error::TrySendError::Full(_)) => {
                debug!("too many cancel requests for the process before this one");
            }
            // It has ended, and its clients with it.
            Err(mpsc::error::TrySendError::Closed(_)) => *self.0.lock() = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cancel_request_waits_until_it_was_acted_on() {
        let predecessor = Predecessor::default();
        predecessor.cancel(1, vec![1]).await;
        let (sender, mut receiver) = mpsc::channel(1);
        assert!(!predecessor.is_there());
        predecessor.set(sender);
        assert!(predecessor.is_there());
        let acting = async {
            let ForeignCancel { pid, key, done } = receiver.recv().await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            done.send(()).unwrap();
            (pid, key)
        };
        let before = std::time::Instant::now();
        let ((), passed) = tokio::join!(predecessor.cancel(7, vec![1, 2]), acting);
        assert_eq!(passed, (7, vec![1, 2]));
        assert!(before.elapsed() >= Duration::from_millis(20));
        drop(receiver);
        assert!(!predecessor.is_there());
        predecessor.cancel(8, vec![3]).await;
        assert!(predecessor.0.lock().is_none());
    }

    #[tokio::test]
    async fn a_full_queue_holds_nobody_up() {
        let predecessor = Predecessor::default();
        let (sender, _receiver) = mpsc::channel(1);
        sender.try_send(ForeignCancel { pid: 1, key: vec![], done: oneshot::channel().0 }).unwrap();
        predecessor.set(sender);
        timeout(Duration::from_secs(1), predecessor.cancel(7, vec![1])).await.unwrap();
    }
}
