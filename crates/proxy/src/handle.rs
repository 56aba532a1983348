//! Tells a running proxy what to do.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use afterwrite_net::Listener;
use tokio::sync::mpsc;

use crate::control::{Reread, Stop};
use crate::predecessor::ForeignCancel;
use crate::shared::Shared;
use crate::sockets::Sockets;

/// Tells a running proxy what to do.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    // Weak: whoever has a handle must not keep the sockets open.
    listeners: Vec<Weak<Listener>>,
    metrics: Option<Weak<Listener>>,
}

impl Handle {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        listeners: &[Arc<Listener>],
        metrics: Option<&Arc<Listener>>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            listeners: listeners.iter().map(Arc::downgrade).collect(),
            metrics: metrics.map(Arc::downgrade),
        }
    }

    /// Asks it to stop; a more urgent way replaces a less urgent one.
    pub fn stop(&self, how: Stop) {
        self.shared.control.stop(how);
    }

    /// How it was asked to stop, if it was.
    pub fn stopping(&self) -> Option<Stop> {
        self.shared.control.stopping()
    }

    /// Waits until it is asked to stop in a more urgent way than `known`. Cancel-safe.
    pub async fn stopped(&self, known: Option<Stop>) -> Stop {
        self.shared.control.stopped(known).await
    }

    /// How the console's `RELOAD` reads the configuration again.
    pub fn reread_by(&self, reread: Arc<Reread>) {
        self.shared.control.reread_by(reread);
    }

    /// Reads the configuration again and takes it up; gives back the keys whose
    /// change needs a restart. If anything is wrong with it, all stays as it was.
    pub fn reload(&self) -> Result<Vec<String>, String> {
        self.shared.reload()
    }

    /// Statements wait from now on, in every database.
    pub fn pause(&self) {
        self.shared.pause();
    }

    /// Those who wait go on.
    pub fn resume(&self) {
        self.shared.resume();
    }

    /// Clients that have logged in.
    pub fn clients(&self) -> usize {
        self.shared.clients.load(Ordering::SeqCst)
    }

    /// Whether connections are left to wait in front of the listening sockets. Those
    /// that were accepted are still served.
    pub fn hold(&self, held: bool) {
        self.shared.control.hold(held);
    }

    /// Duplicates of what is listened on, for another process.
    pub fn sockets(&self) -> io::Result<Sockets> {
        let duplicate = |listener: &Weak<Listener>| -> io::Result<OwnedFd> {
            let closed = || io::Error::new(io::ErrorKind::NotConnected, "it no longer listens");
            listener.upgrade().ok_or_else(closed)?.as_fd().try_clone_to_owned()
        };
        let managed = |listener: &Weak<Listener>| {
            listener.upgrade().is_some_and(|listener| listener.is_managed())
        };
        Ok(Sockets {
            managed: self.listeners.iter().map(managed).collect(),
            clients: self.listeners.iter().map(duplicate).collect::<io::Result<_>>()?,
            metrics: self.metrics.as_ref().map(duplicate).transpose()?,
        })
    }

    /// Whether the files of Unix sockets are this process's to remove: they are not
    /// while another process listens there as well.
    pub fn own_files(&self, own: bool) {
        for listener in self.listeners.iter().chain(&self.metrics).filter_map(Weak::upgrade) {
            if own {
                listener.own_file();
            } else {
                listener.leave_file();
            }
        }
    }

    /// Whether another process serves beside this one from now on: floors of keys are
    /// not shared with it, so reads by key ask the primary for its position.
    pub fn has_successor(&self, has: bool) {
        self.shared.has_successor.store(has, Ordering::SeqCst);
    }

    /// Cancels what the client runs that has this key, wherever it is: here, or at
    /// a predecessor.
    pub async fn cancel(&self, pid: i32, key: Vec<u8>) {
        self.shared.cancel(pid, key).await;
    }

    /// Where cancel requests go whose keys are not known here: to the process that
    /// listened before this one and still has clients.
    pub fn cancel_elsewhere(&self, predecessor: mpsc::Sender<ForeignCancel>) {
        self.shared.predecessor.set(predecessor);
    }
}
