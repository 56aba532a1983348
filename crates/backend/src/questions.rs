//! Questions with many rows for an answer, over a connection of their own.

use std::time::Duration;

use afterwrite_types::Role;
use afterwrite_wire::client;
use afterwrite_wire::server::DataRow;
use afterwrite_wire::tags::server as tag;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::connect::{self, Login, Purpose, unexpected};
use crate::error::ConnectError;
use crate::server::Server;
use crate::stream::Messages;

/// Rows of one answer at most.
const ROWS_MAX: usize = 1_000_000;

/// What is asked may name functions and operators without their schema. Where a session's own
/// path comes to stays to be read: it is what `RESET` comes back to.
const SAFE_PATH: &str = "SET search_path = pg_catalog";

/// A connection for questions of our own.
#[expect(missing_debug_implementations, reason = "it holds what was received")]
pub struct Questions {
    messages: Messages,
}

impl Cluster {
    /// Connects to the primary for questions, as the user who watches the nodes, to this database.
    pub async fn questions(&self, database: &str) -> Result<Questions, ConnectError> {
        let no_primary = || ConnectError::Protocol("there is no primary".into());
        let primary = self.primary().ok_or_else(no_primary)?;
        let node = self.nodes().get(usize::from(primary.node.0)).ok_or_else(no_primary)?;
        let login = Login {
            user: self.login.user.clone(),
            credentials: self.login.credentials.clone(),
            database: database.to_owned(),
            channel_binding: self.login.channel_binding,
        };
        Questions::connect(&node.server, &login, self.settings().connect_timeout).await
    }
}

impl Questions {
    /// Connects to this server, whatever its role.
    pub async fn connect(
        server: &Server,
        login: &Login,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        // As to a primary: what is asked for is set by nobody but us.
        let entering = connect::enter(server, login, Purpose::Serve(Role::Primary));
        let (messages, _) =
            timeout(limit, entering).await.map_err(|_| ConnectError::TimedOut(limit))??;
        let mut questions = Self { messages };
        questions.ask(SAFE_PATH, limit, |_| {}).await?;
        Ok(questions)
    }

    /// Asks, and hands over each row of the answer. An error of the server's is an error.
    ///
    /// Not cancel-safe: dropped half-way, or after an error, it must not be used again.
    pub async fn ask(
        &mut self,
        sql: &str,
        limit: Duration,
        mut each: impl FnMut(&[Option<&str>]) + Send,
    ) -> Result<(), ConnectError> {
        let asking = async {
            let mut out = Vec::new();
            client::query(&mut out, sql);
            self.messages.send(&out).await?;
            let (mut rows, mut refused) = (0, None);
            loop {
                let (message, body) = self.messages.next().await?;
                match message {
                    tag::DATA_ROW if rows >= ROWS_MAX => {
                        return Err(ConnectError::Protocol("too many rows came back".into()));
                    }
                    tag::DATA_ROW => {
                        rows += 1;
                        let mut row = Vec::new();
                        for value in DataRow::decode(&body)? {
                            row.push(value?.and_then(|it| std::str::from_utf8(it).ok()));
                        }
                        each(&row);
                    }
                    tag::ERROR => refused = Some(unexpected(message, &body)),
                    tag::READY_FOR_QUERY => return refused.map_or(Ok(()), Err),
                    _ => {}
                }
            }
        };
        timeout(limit, asking).await.map_err(|_| ConnectError::TimedOut(limit))?
    }
}
