//! One of a session's connections.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::{Config, Statement};

use crate::error::Fault;
use crate::link::{Link, simple_row, within};

/// A longer token is refused: it comes from outside, and is sent back in full.
const TOKEN_BYTES_MAX: usize = 1_024;

/// An open connection with the statements prepared on it so far.
pub(super) struct Open {
    pub(super) link: Link,
    statements: BTreeMap<String, Statement>,
}

impl Open {
    pub(super) async fn statement(&mut self, sql: &str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.link.client.prepare(sql).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// A floor as text.
#[derive(Clone)]
pub(super) struct Token {
    /// Larger for a token taken later.
    pub(super) number: u64,
    text: String,
}

/// A place for a connection, which may be lost and made again.
pub(super) struct Lane {
    config: Config,
    /// Sent first on every new connection.
    greeting: Vec<String>,
    pub(super) open: Option<Open>,
    /// The number of the newest token that was set on the connection.
    told: u64,
}

impl Lane {
    pub(super) fn new(config: Config, greeting: Vec<String>) -> Self {
        Self { config, greeting, open: None, told: 0 }
    }

    /// Connects if there is no connection. `Ok(true)` if it is a new one.
    pub(super) async fn ensure_open(&mut self, limit: Duration) -> Result<bool, Fault> {
        if self.open.is_some() {
            return Ok(false);
        }
        let link = Link::open(&self.config, limit).await?;
        for statement in &self.greeting {
            within(limit, simple_row(&link.client, statement)).await?;
        }
        self.told = 0;
        self.open = Some(Open { link, statements: BTreeMap::new() });
        Ok(true)
    }

    /// The open connection, after [`Lane::ensure_open`].
    pub(super) fn connection(&mut self) -> Result<&mut Open, Fault> {
        self.open.as_mut().ok_or(Fault::Answer("a connection"))
    }

    /// Asks for the token of what was done here so far; none if there is nothing yet.
    pub(super) async fn take_token(
        &mut self,
        number: u64,
        extended: bool,
        limit: Duration,
    ) -> Result<Option<Token>, Fault> {
        const SQL: &str = "SHOW afterwrite.token";
        let client = &self.connection()?.link.client;
        let text: Option<String> = if extended {
            let row = within(limit, client.query_one(SQL, &[])).await?;
            Some(row.try_get(0)?)
        } else {
            let row = within(limit, simple_row(client, SQL)).await?;
            row.and_then(|row| row.into_iter().next().flatten())
        };
        let text = text.ok_or(Fault::Answer("a token"))?;
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Fault::Answer("a token of at most 1 KiB"));
        }
        self.told = number;
        Ok((!text.is_empty()).then_some(Token { number, text }))
    }

    /// Sets the token, unless this connection has it or a newer one. Whether it did.
    pub(super) async fn tell(
        &mut self,
        token: &Token,
        extended: bool,
        limit: Duration,
    ) -> Result<bool, Fault> {
        if self.told >= token.number {
            return Ok(false);
        }
        let sql = format!("SET afterwrite.token = '{}'", token.text.replace('\'', "''"));
        let client = &self.connection()?.link.client;
        if extended {
            within(limit, client.execute(&sql, &[])).await?;
        } else {
            within(limit, simple_row(client, &sql)).await?;
        }
        self.told = token.number;
        Ok(true)
    }

    /// Makes the connection fit for the next operation, or lets it go.
    pub(super) async fn recover(&mut self, fault: &Fault, limit: Duration) {
        let usable = match &self.open {
            Some(open) => open.link.survives(fault, limit).await,
            None => false,
        };
        if !usable {
            self.open = None;
        }
    }
}
