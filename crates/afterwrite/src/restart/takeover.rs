//! The new process's side.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use afterwrite_net::{Address, Listener, UnixName};
use afterwrite_proxy::{ForeignCancel, Inherited, Sockets};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, info};

use super::channel::Channel;
use super::message::Message;

/// How long the old process may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Cancel requests on their way to the old process.
const CANCELS_MAX: usize = 256;

/// What the old process has handed over.
pub(crate) struct Taken {
    pub(crate) takeover: Takeover,
    pub(crate) inherited: Inherited,
    /// The restart socket itself.
    pub(crate) restart: Listener,
}

/// A takeover that is not finished: dropped, the old process goes on.
pub(crate) struct Takeover(Channel);

impl Takeover {
    /// Asks the process behind the restart socket for what it listens on; `None` if
    /// there is no such process.
    pub(crate) async fn begin(path: &Path) -> io::Result<Option<Taken>> {
        let Some(mut channel) = connect(path).await? else { return Ok(None) };
        channel.send(&Message::TakeOver).await?;
        let invalid = |what: String| io::Error::new(ErrorKind::InvalidData, what);
        let (clients, metrics, managed) = match channel.expect(ANSWER_MAX).await? {
            Message::Sockets { clients, metrics, managed } => (clients, metrics, managed),
            Message::Refused(why) => return Err(io::Error::other(why)),
            other => return Err(invalid(format!("it says {other:?} instead of its sockets"))),
        };
        let mut sockets = channel.take_sockets();
        if sockets.len() != clients + usize::from(metrics) + 1 {
            return Err(invalid(format!("{} sockets came", sockets.len())));
        }
        let restart = sockets.pop().ok_or_else(|| invalid("no socket came".to_owned()))?;
        let metrics = if metrics { sockets.pop() } else { None };
        let restart = Listener::adopt(restart)?;
        restart.leave_file();
        let inherited = Inherited::adopt(Sockets { clients: sockets, managed, metrics })?;
        info!(pid = channel.pid(), "taking over from the process that serves now");
        Ok(Some(Taken { takeover: Self(channel), inherited, restart }))
    }

    /// Tells the old process that we are ready, and waits until it accepts nobody any
    /// more. Then it is ours to.
    pub(crate) async fn finish(self) -> io::Result<Predecessor> {
        let Self(mut channel) = self;
        channel.send(&Message::Ready).await?;
        match channel.expect(ANSWER_MAX).await? {
            Message::Go => Ok(Predecessor(channel)),
            Message::Refused(why) => Err(io::Error::other(why)),
            other => Err(io::Error::new(ErrorKind::InvalidData, format!("it says {other:?}"))),
        }
    }
}

/// Connects to the restart socket; `None` if nobody listens there.
pub(super) async fn connect(path: &Path) -> io::Result<Option<Channel>> {
    let address = Address::Unix(UnixName::new(path));
    let connecting = afterwrite_net::connect(&address);
    match timeout(ANSWER_MAX, connecting).await {
        Ok(Ok((stream, _))) => Channel::new(stream).map(Some),
        Ok(Err(error))
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            Ok(None)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ErrorKind::TimedOut.into()),
    }
}

/// The old process, while it still has clients.
pub(crate) struct Predecessor(Channel);

impl Predecessor {
    /// Passes cancel requests on until the old process ends.
    pub(crate) async fn serve(self, mut cancels: mpsc::Receiver<ForeignCancel>) {
        let Self(mut channel) = self;
        let mut waiting = HashMap::<u64, oneshot::Sender<()>>::new();
        let mut next = 0;
        loop {
            tokio::select! {
                message = channel.next() => match message {
                    Ok(Some(Message::Done { id })) => {
                        if let Some(done) = waiting.remove(&id) {
                            let _ = done.send(());
                        }
                    }
                    Ok(Some(other)) => debug!(?other, "the process before this one is confused"),
                    Ok(None) | Err(_) => break,
                },
                Some(ForeignCancel { pid, key, done }) = cancels.recv() => {
                    // Those whose askers have given up need no place.
                    waiting.retain(|_, done| !done.is_closed());
                    if waiting.len() >= CANCELS_MAX {
                        continue;
                    }
                    next += 1;
                    if channel.send(&Message::Cancel { id: next, pid, key }).await.is_err() {
                        break;
                    }
                    waiting.insert(next, done);
                }
            }
        }
        info!("the process before this one has ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_behind_the_socket_is_no_error() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("afterwrite-nobody-{}", std::process::id()));
        assert!(Takeover::begin(&path).await.unwrap().is_none());
    }
}
