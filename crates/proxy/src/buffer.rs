//! Byte buffers that are lent while there is something in them.
//!
//! Most clients are silent most of the time; a silent client holds no buffer.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use afterwrite_net::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a lent buffer.
pub(crate) const LENT: usize = 16 * 1024;

/// Bytes of a buffer that is lent for an answer; one that has grown is not kept.
const LENT_OUT: usize = 4 * 1024;

/// Buffers of a kind kept by a thread for its next client.
const KEPT_MAX: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static KEPT_OUT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn take() -> Vec<u8> {
    KEPT.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; LENT])
}

fn give(buffer: Vec<u8>) {
    if buffer.len() == LENT {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() < KEPT_MAX {
                kept.push(buffer);
            }
        });
    }
}

fn take_out() -> Vec<u8> {
    KEPT_OUT.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(LENT_OUT))
}

fn give_out(mut buffer: Vec<u8>) {
    if buffer.capacity() == LENT_OUT {
        buffer.clear();
        KEPT_OUT.with_borrow_mut(|kept| {
            if kept.len() < KEPT_MAX {
                kept.push(buffer);
            }
        });
    }
}

/// Frees the buffers that are kept for one client: there is one fewer who may want them.
pub(crate) fn spare() {
    drop(KEPT.with_borrow_mut(Vec::pop));
    drop(KEPT_OUT.with_borrow_mut(Vec::pop));
}

/// Bytes that were read and not dealt with yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// An inbox that begins with `bytes`.
    pub(crate) fn with(bytes: &[u8]) -> Self {
        let mut inbox = Self::default();
        if !bytes.is_empty() {
            inbox.data = bytes.to_vec();
            inbox.data.resize(bytes.len().max(LENT), 0);
            inbox.end = bytes.len();
        }
        inbox
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.data.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes; an empty inbox gives its buffer back.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives the buffer back, if nothing is in it.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            give(std::mem::take(&mut self.data));
        }
    }

    /// Reads what there is, growing up to `max` bytes; 0 is the end of the stream.
    /// `Ok(None)` if it is full.
    pub(crate) fn poll_fill(
        &mut self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        max: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        if self.data.is_empty() {
            self.data = take();
        }
        if self.end == self.data.len() {
            if self.start > 0 {
                self.data.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else if self.data.len() < max {
                let larger = (self.data.len() * 2).min(max);
                self.data.resize(larger, 0);
            } else {
                return Poll::Ready(Ok(None));
            }
        }
        let Some(space) = self.data.get_mut(self.end..) else { return Poll::Ready(Ok(None)) };
        let mut buffer = ReadBuf::new(space);
        ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
        let count = buffer.filled().len();
        self.end += count;
        Poll::Ready(Ok(Some(count)))
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.data));
    }
}

/// Bytes still to be written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    data: Vec<u8>,
    start: usize,
    /// Bytes written since they were last counted.
    written: u64,
    /// The socket took bytes that it may still hold itself, as one with TLS does.
    unflushed: bool,
}

impl Outbox {
    /// Where to write more.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        if self.start > 0 && self.start == self.data.len() {
            self.data.clear();
            self.start = 0;
        }
        if self.data.capacity() == 0 {
            self.data = take_out();
        }
        &mut self.data
    }

    /// Bytes that the socket has not taken.
    pub(crate) fn len(&self) -> usize {
        self.data.len() - self.start
    }

    /// Whether everything is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && !self.unflushed
    }

    /// Forgets what the socket has not taken.
    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.start = 0;
    }

    /// Bytes written since this was last asked.
    pub(crate) fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }

    /// Gives the buffer back, if nothing is in it.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            give_out(std::mem::take(&mut self.data));
            self.start = 0;
        }
    }

    /// Writes what the socket takes; ready once everything is on its way.
    pub(crate) fn poll_flush(
        &mut self,
        stream: &mut Stream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.start < self.data.len() {
            let rest = self.data.get(self.start..).unwrap_or_default();
            let count = ready!(Pin::new(&mut *stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.start += count;
            self.written += count as u64;
            self.unflushed = true;
        }
        self.data.clear();
        self.start = 0;
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
