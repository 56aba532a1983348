//! One of a session's connections, with what has been promised on it.

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
    statements: BTreeMap<&'static str, Statement>,
}

impl Open {
    pub(super) async fn statement(
        &mut self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.link.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// A floor as text, with the versions that it covers.
#[derive(Clone)]
pub(super) struct Token {
    /// Larger for a token taken later.
    pub(super) number: u64,
    text: String,
    floors: Vec<i64>,
}

/// A place for a connection, which may be lost and made again.
pub(super) struct Lane {
    config: Config,
    /// Sent first on every new connection.
    greeting: Option<String>,
    /// Whether the floors are known outside of the connection, and outlive it.
    keeps_floors: bool,
    pub(super) open: Option<Open>,
    /// Whether there was a connection before.
    opened: bool,
    /// By key: the least version that a read on this lane must see.
    floors: Vec<i64>,
    /// The number of the newest token that was set on the connection.
    told: u64,
}

impl Lane {
    pub(super) fn new(
        config: Config,
        greeting: Option<String>,
        keeps_floors: bool,
        keys: usize,
    ) -> Self {
        let floors = vec![0; keys];
        Self { config, greeting, keeps_floors, open: None, opened: false, floors, told: 0 }
    }

    pub(super) fn floor(&self, key: usize) -> i64 {
        self.floors.get(key).copied().unwrap_or(0)
    }

    /// Whether nothing was promised yet: a read may see any state, even one from
    /// before the tables were made.
    pub(super) fn is_unbound(&self) -> bool {
        self.floors.iter().all(|floor| *floor == 0)
    }

    pub(super) fn raise(&mut self, key: usize, version: i64) {
        if let Some(floor) = self.floors.get_mut(key) {
            *floor = version.max(*floor);
        }
    }

    /// After an acknowledged write was lost: nothing more can be asked than what is left.
    pub(super) fn lower(&mut self, key: usize, version: i64) {
        if let Some(floor) = self.floors.get_mut(key) {
            *floor = version.min(*floor);
        }
    }

    /// Connects if there is no connection. `Ok(true)` if one was lost before.
    ///
    /// A promise made to the connection alone ends with it.
    pub(super) async fn ensure_open(&mut self, limit: Duration) -> Result<bool, Fault> {
        if self.open.is_some() {
            return Ok(false);
        }
        let link = Link::open(&self.config, limit).await?;
        if let Some(greeting) = &self.greeting {
            within(limit, simple_row(&link.client, greeting)).await?;
        }
        if !self.keeps_floors {
            self.floors.fill(0);
        }
        self.told = 0;
        self.open = Some(Open { link, statements: BTreeMap::new() });
        Ok(std::mem::replace(&mut self.opened, true))
    }

    /// The open connection, after [`Lane::ensure_open`].
    pub(super) fn connection(&mut self) -> Result<&mut Open, Fault> {
        self.open.as_mut().ok_or(Fault::Answer("a connection"))
    }

    /// Asks for the token of what was written here so far.
    pub(super) async fn take_token(
        &mut self,
        number: u64,
        extended: bool,
        limit: Duration,
    ) -> Result<Token, Fault> {
        const SQL: &str = "SHOW afterwrite.token";
        let client = &self.connection()?.link.client;
        let text: Option<String> = if extended {
            let row = within(limit, client.query_one(SQL, &[])).await?;
            Some(row.try_get(0)?)
        } else {
            let row = within(limit, simple_row(client, SQL)).await?;
            row.and_then(|row| row.into_iter().next().flatten())
        };
        let text = text.filter(|text| !text.is_empty() && text.len() <= TOKEN_BYTES_MAX);
        let text = text.ok_or(Fault::Answer("a token"))?;
        self.told = number;
        Ok(Token { number, text, floors: self.floors.clone() })
    }

    /// Sets the token, unless this connection has it or a newer one.
    pub(super) async fn tell(
        &mut self,
        token: &Token,
        extended: bool,
        limit: Duration,
    ) -> Result<(), Fault> {
        if self.told >= token.number {
            return Ok(());
        }
        let sql = format!("SET afterwrite.token = '{}'", token.text.replace('\'', "''"));
        let client = &self.connection()?.link.client;
        if extended {
            within(limit, client.execute(&sql, &[])).await?;
        } else {
            within(limit, simple_row(client, &sql)).await?;
        }
        self.told = token.number;
        for (floor, covered) in self.floors.iter_mut().zip(&token.floors) {
            *floor = (*floor).max(*covered);
        }
        Ok(())
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
