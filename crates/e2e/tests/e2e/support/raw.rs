//! A client that sends what it is told to, byte for byte.

use std::collections::BTreeMap;
use std::fmt;

use afterwrite_wire::client;
use afterwrite_wire::frame;
use afterwrite_wire::server::{BackendKeyData, ErrorFields, ParameterStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// A simple query.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::query(&mut out, sql);
    out
}

/// Parse, Bind, Execute, Sync.
pub(crate) fn batch(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::parse(&mut out, "", sql, &[]);
    client::bind(&mut out, "", "", &[], &[], &[]);
    client::execute(&mut out, "", 0);
    client::sync(&mut out);
    out
}

/// No test's message is larger.
const MESSAGE_MAX: usize = 1 << 30;

/// One message of a server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The SQLSTATE of an error or a notice.
    pub(crate) fn code(&self) -> String {
        ErrorFields::decode(&self.body).unwrap().code.to_owned()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.body.get(..200).unwrap_or(&self.body).escape_ascii();
        write!(f, "{}[{}]{shown}", char::from(self.tag), self.body.len())
    }
}

/// A connection without a driver.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    /// What the login reported.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) pid: i32,
    pub(crate) key: Vec<u8>,
}

impl Raw {
    /// Connected, nothing sent.
    pub(crate) async fn open(port: u16) -> Self {
        let stream = within("connecting", TcpStream::connect(("127.0.0.1", port))).await.unwrap();
        Self { stream, read: Vec::new(), parameters: BTreeMap::new(), pid: 0, key: Vec::new() }
    }

    /// Logged in as `app` to `app`, with further startup parameters, where nothing is
    /// asked for.
    pub(crate) async fn login(port: u16, more: &[(&str, &str)]) -> Self {
        Self::try_login(port, more).await.unwrap_or_else(|error| panic!("login: {error:?}"))
    }

    /// As [`Raw::login`], or the error that came instead.
    pub(crate) async fn try_login(port: u16, more: &[(&str, &str)]) -> Result<Self, Reply> {
        let mut raw = Self::open(port).await;
        let mut parameters = vec![("user", "app"), ("database", "app")];
        parameters.extend(more);
        let mut out = Vec::new();
        client::startup(&mut out, &parameters);
        raw.send(&out).await;
        loop {
            let reply = raw.receive().await;
            match reply.tag {
                b'E' => return Err(reply),
                b'S' => {
                    let status = ParameterStatus::decode(&reply.body).unwrap();
                    raw.parameters.insert(status.name.to_owned(), status.value.to_owned());
                }
                b'K' => {
                    let key = BackendKeyData::decode(&reply.body).unwrap();
                    (raw.pid, raw.key) = (key.pid, key.key.to_vec());
                }
                b'Z' => return Ok(raw),
                _ => (),
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A peer that hung up is seen when reading.
        let _ = within("sending", self.stream.write_all(bytes)).await;
    }

    pub(crate) async fn query(&mut self, sql: &str) {
        let mut out = Vec::new();
        client::query(&mut out, sql);
        self.send(&out).await;
    }

    /// The next message; the end of the test if the connection ended.
    pub(crate) async fn receive(&mut self) -> Reply {
        self.next().await.unwrap_or_else(|| panic!("the connection ended"))
    }

    /// The next message, or none at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Reply> {
        loop {
            if let Some((found, rest)) = frame::split(&self.read, MESSAGE_MAX).unwrap() {
                let reply = Reply { tag: found.tag, body: found.body.to_vec() };
                let taken = self.read.len() - rest.len();
                self.read.drain(..taken);
                return Some(reply);
            }
            let read = within("a reply", self.stream.read_buf(&mut self.read)).await;
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// All messages up to `tag`, that one included.
    pub(crate) async fn until(&mut self, tag: u8) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            let reply = self.receive().await;
            let last = reply.tag == tag;
            replies.push(reply);
            if last {
                return replies;
            }
        }
    }

    /// All messages up to the end of the connection.
    pub(crate) async fn until_end(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some(reply) = self.next().await {
            replies.push(reply);
        }
        replies
    }

    /// Sends `sql` and waits for the end of the answer: the rows' first values.
    pub(crate) async fn ask(&mut self, sql: &str) -> Vec<String> {
        self.query(sql).await;
        let replies = self.until(b'Z').await;
        let value = |reply: &Reply| {
            let body = &reply.body;
            let length = i32::from_be_bytes(body[2..6].try_into().unwrap());
            let end = 6 + usize::try_from(length).unwrap_or(0);
            String::from_utf8_lossy(&body[6..end]).into_owned()
        };
        if let Some(error) = replies.iter().find(|reply| reply.tag == b'E') {
            panic!("{}: {error:?}", sql.get(..200).unwrap_or(sql));
        }
        replies.iter().filter(|reply| reply.tag == b'D').map(value).collect()
    }
}
