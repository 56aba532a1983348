//! The least client there is: logs in where nobody asks a password, and runs
//! queries whose results nobody wants. It keeps no buffer, so that thousands of
//! them cost us little.

use std::net::Ipv4Addr;
use std::time::Duration;

use afterwrite_wire::server::{Authentication, ErrorFields};
use afterwrite_wire::tags::server as tags;
use afterwrite_wire::{client as encode, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::BenchError;

/// For a login or a query, a proxy's queue included.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// No message that we ask for is longer.
const MESSAGE_MAX: usize = 64 * 1024;

/// A client, logged in.
pub(crate) struct Client {
    socket: TcpStream,
}

impl Client {
    /// Connects to 127.0.0.1 and logs in.
    pub(crate) async fn connect(port: u16, user: &str, database: &str) -> Result<Self, BenchError> {
        let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let socket = within(async { connecting.await.map_err(BenchError::io("connecting")) });
        let mut client = Self { socket: socket.await? };
        let mut packet = Vec::new();
        encode::startup(&mut packet, &[("user", user), ("database", database)]);
        within(client.exchange(&packet)).await?;
        Ok(client)
    }

    /// Runs `sql` and forgets its result.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<(), BenchError> {
        let mut packet = Vec::new();
        encode::query(&mut packet, sql);
        within(self.exchange(&packet)).await
    }

    /// Asks and never reads the answer.
    pub(crate) async fn ask_in_vain(&mut self, sql: &str) -> Result<(), BenchError> {
        let mut packet = Vec::new();
        encode::query(&mut packet, sql);
        self.socket.write_all(&packet).await.map_err(BenchError::io("sending"))
    }

    /// Sends `packet` and reads up to ReadyForQuery.
    async fn exchange(&mut self, packet: &[u8]) -> Result<(), BenchError> {
        self.socket.write_all(packet).await.map_err(BenchError::io("sending"))?;
        let mut buffer = Vec::new();
        loop {
            let mut unread = buffer.as_slice();
            while let Some((message, rest)) =
                frame::split(unread, MESSAGE_MAX).map_err(BenchError::Malformed)?
            {
                if is_last(message)? {
                    return Ok(());
                }
                unread = rest;
            }
            let used = buffer.len() - unread.len();
            buffer.drain(..used);
            let read = self.socket.read_buf(&mut buffer).await;
            if read.map_err(BenchError::io("receiving"))? == 0 {
                return Err(refused("hung up"));
            }
        }
    }
}

/// Whether it is the server's turn no longer; an error if it complains.
fn is_last(message: frame::Frame<'_>) -> Result<bool, BenchError> {
    match message.tag {
        tags::READY_FOR_QUERY => Ok(true),
        tags::ERROR => {
            let fields = ErrorFields::decode(message.body).map_err(BenchError::Malformed)?;
            Err(refused(&format!("{} ({})", fields.message, fields.code)))
        }
        tags::AUTHENTICATION => match Authentication::decode(message.body) {
            Ok(Authentication::Ok) => Ok(false),
            Ok(_) => Err(BenchError::PasswordWanted),
            Err(malformed) => Err(BenchError::Malformed(malformed)),
        },
        _ => Ok(false),
    }
}

fn refused(why: &str) -> BenchError {
    BenchError::Refused { by: "the server".to_owned(), why: why.to_owned() }
}

async fn within<T>(work: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    let late = || BenchError::Timeout { waiting_for: "an answer".to_owned(), limit: ANSWER_MAX };
    tokio::time::timeout(ANSWER_MAX, work).await.unwrap_or_else(|_| Err(late()))
}
