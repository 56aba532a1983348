//! The old process's side: what it offers behind the restart socket.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use afterwrite_net::{Listener, Stream};
use afterwrite_proxy::{Handle, Stop};
use tokio::sync::{RwLock, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::channel::Channel;
use super::command::Respawn;
use super::message::Message;
use crate::serve::notify::Notify;

/// Connections to the restart socket at once.
const CONNECTIONS_MAX: usize = 8;

/// How long whoever connects may take to say what it wants.
const FIRST_MAX: Duration = Duration::from_secs(10);

/// How long the new process may take until it is ready: it asks all its nodes.
const READY_MAX: Duration = Duration::from_mins(2);

/// Cancel requests from the new process that are carried out at once.
const CANCELS_MAX: usize = 64;

/// How long those who asked for a restart may take to hear of it.
const TELL_MAX: Duration = Duration::from_secs(1);

/// How long there is to wait before accepting again after an error.
const PAUSE: Duration = Duration::from_millis(50);

/// What is offered behind the restart socket.
#[derive(Clone)]
pub(crate) struct Offer(Arc<Side>);

struct Side {
    handle: Handle,
    notify: Notify,
    respawn: Respawn,
    /// Somebody is taking over.
    busy: AtomicBool,
    /// Which process has taken over.
    taken: watch::Sender<Option<i32>>,
    /// Held for reading by those who will tell that it has.
    telling: RwLock<()>,
}

impl Offer {
    pub(crate) fn new(handle: Handle, notify: Notify, respawn: Respawn) -> Self {
        let (taken, _) = watch::channel(None);
        let (busy, telling) = (AtomicBool::new(false), RwLock::new(()));
        Self(Arc::new(Side { handle, notify, respawn, busy, taken, telling }))
    }

    /// Offers it until another process has taken over; then serves that one's cancel
    /// requests until it has ended.
    pub(crate) async fn serve(self, listener: Listener) {
        let listener = Arc::new(listener);
        let mut talks = JoinSet::new();
        loop {
            tokio::select! {
                _ = self.0.taken() => break,
                Some(_) = talks.join_next() => {}
                accepted = listener.accept(), if talks.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        let (side, listener) = (Arc::clone(&self.0), Arc::clone(&listener));
                        talks.spawn(async move { side.talk(stream, listener).await });
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept on the restart socket");
                        sleep(PAUSE).await;
                    }
                }
            }
        }
        drop(listener);
        while talks.join_next().await.is_some() {}
    }
}

impl Side {
    /// Waits until another process has taken over: its number.
    async fn taken(&self) -> i32 {
        let mut taken = self.taken.subscribe();
        loop {
            let now = *taken.borrow_and_update();
            if let Some(pid) = now {
                return pid;
            }
            if taken.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn talk(&self, stream: Stream, listener: Arc<Listener>) {
        let mut channel = match Channel::new(stream) {
            Ok(channel) => channel,
            Err(error) => {
                warn!(%error, "somebody was refused at the restart socket");
                return;
            }
        };
        match channel.expect(FIRST_MAX).await {
            Ok(Message::TakeOver) => self.give_way(channel, listener).await,
            Ok(Message::Restart) => {
                drop(listener);
                self.restart(&channel).await;
            }
            Ok(other) => warn!(?other, "somebody asked for nothing at the restart socket"),
            Err(error) => warn!(%error, "somebody was not understood at the restart socket"),
        }
    }

    /// Lets another process take over; if that fails, all goes on as it was.
    async fn give_way(&self, mut channel: Channel, listener: Arc<Listener>) {
        let refused = if self.handle.stopping().is_some() {
            Some("it is stopping")
        } else {
            self.busy.swap(true, Ordering::SeqCst).then_some("another one is taking over")
        };
        if let Some(why) = refused {
            let _ = channel.send(&Message::Refused(why.to_owned())).await;
            return;
        }
        let pid = channel.pid().unwrap_or_default();
        info!(pid, "another process is taking over");
        if let Err(error) = self.offer(&mut channel, &listener).await {
            self.busy.store(false, Ordering::SeqCst);
            warn!(pid, %error, "the other process did not take over: this one goes on");
            let _ = channel.send(&Message::Refused(error.to_string())).await;
            return;
        }
        self.handle.own_files(false);
        listener.leave_file();
        drop(listener);
        self.notify.left_to(pid);
        self.taken.send_replace(Some(pid));
        let _ = timeout(TELL_MAX, self.telling.write()).await;
        info!(pid, clients = self.handle.clients(), "the other process has taken over");
        self.handle.stop(Stop::AfterClients);
        self.serve_cancels(channel).await;
    }

    /// Up to the moment from which the other process accepts.
    async fn offer(&self, channel: &mut Channel, listener: &Listener) -> io::Result<()> {
        let sockets = self.handle.sockets()?;
        let mut all: Vec<_> = sockets.clients.iter().map(AsFd::as_fd).collect();
        all.extend(sockets.metrics.iter().map(AsFd::as_fd));
        all.push(listener.as_fd());
        let metrics = sockets.metrics.is_some();
        let message = Message::Sockets {
            clients: sockets.clients.len(),
            metrics,
            managed: sockets.managed.clone(),
        };
        channel.send_with(&message, &all).await?;
        match channel.expect(READY_MAX).await? {
            Message::Ready => {}
            other => {
                let what = format!("it says {other:?} instead of ready");
                return Err(io::Error::new(ErrorKind::InvalidData, what));
            }
        }
        if self.handle.stopping().is_some() {
            return Err(io::Error::other("it is stopping"));
        }
        self.handle.hold(true);
        // Before the other one has clients.
        self.handle.has_successor(true);
        let gone = channel.send(&Message::Go).await;
        if gone.is_err() {
            self.handle.has_successor(false);
            self.handle.hold(false);
        }
        gone
    }

    /// Carries out cancel requests that came to the new process and are for clients
    /// of this one.
    async fn serve_cancels(&self, mut channel: Channel) {
        let mut acting = JoinSet::new();
        loop {
            tokio::select! {
                message = channel.next(), if acting.len() < CANCELS_MAX => match message {
                    Ok(Some(Message::Cancel { id, pid, key })) => {
                        let handle = self.handle.clone();
                        acting.spawn(async move {
                            handle.cancel(pid, key).await;
                            id
                        });
                    }
                    Ok(Some(other)) => warn!(?other, "the process that took over is confused"),
                    Ok(None) | Err(_) => return,
                },
                Some(done) = acting.join_next() => {
                    if let Ok(id) = done {
                        let _ = channel.send(&Message::Done { id }).await;
                    }
                }
            }
        }
    }

    /// Starts a new process from the same arguments, and tells what became of it.
    async fn restart(&self, channel: &Channel) {
        let _telling = self.telling.read().await;
        let answer = match self.respawn.start() {
            Err(error) => Message::Refused(format!("no process could be started: {error}")),
            Ok(mut child) => {
                info!(pid = child.id(), "started a process to take over");
                tokio::select! {
                    pid = self.taken() => Message::Restarted { pid },
                    ended = child.wait() => {
                        let how = ended.map_or_else(|it| it.to_string(), |it| it.to_string());
                        Message::Refused(format!("the new process ended ({how}): see the log"))
                    }
                    () = sleep(READY_MAX) => {
                        let _ = child.kill().await;
                        Message::Refused(format!("the new process was not ready in {READY_MAX:?}"))
                    }
                }
            }
        };
        let _ = channel.send(&answer).await;
    }
}
