//! One customer: pays, looks, views, and pays again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::{Config, Statement};

use super::tally::{Look, Shared};
use super::{Load, Strategy};
use crate::error::Fault;
use crate::link::{Link, within};
use crate::random::Random;

const PAGE: &str = "SELECT balance, payments, pg_is_in_recovery() \
                    FROM afterwrite_demo.account WHERE id = $1";
const DEBIT: &str = "UPDATE afterwrite_demo.account \
                     SET balance = balance - $2, payments = payments + 1 \
                     WHERE id = $1 RETURNING payments";
const RECORD: &str = "INSERT INTO afterwrite_demo.payment (order_id, account, amount) \
                      VALUES ($1, $2, $3)";

/// After an error, so that a server that is away is not stormed.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// In cents.
const AMOUNT_MAX: usize = 5_000;

/// A server that the session may use, and its connection once there is one.
struct Lane {
    config: Config,
    open: Option<Open>,
}

struct Open {
    link: Link,
    page: Statement,
    /// Only where the session writes: a replica is not asked to prepare these.
    pay: Option<Pay>,
}

#[derive(Clone)]
struct Pay {
    debit: Statement,
    record: Statement,
}

/// A customer with the account of the same number.
pub(super) struct Session {
    account: i64,
    accounts: usize,
    strategy: Strategy,
    lanes: Vec<Lane>,
    load: Arc<Load>,
    random: Random,
    tally: Shared,
    orders: i64,
    /// The account's count of payments that the last acknowledged one made.
    paid: i64,
    last_write: Option<Instant>,
}

impl Session {
    pub(super) fn new(
        number: usize,
        strategy: Strategy,
        lanes: &[Config],
        load: &Arc<Load>,
        tally: Shared,
    ) -> Self {
        Self {
            account: i64::try_from(number).unwrap_or(i64::MAX),
            accounts: load.sessions,
            strategy,
            lanes: lanes.iter().map(|config| Lane { config: config.clone(), open: None }).collect(),
            load: Arc::clone(load),
            random: Random::new(load.seed, number),
            tally,
            orders: 0,
            paid: 0,
            last_write: None,
        }
    }

    /// Goes on until `end`, whatever fails. A visit that has begun is finished.
    pub(super) async fn run(mut self, end: Instant) {
        while Instant::now() < end {
            if let Err(fault) = self.visit(end).await {
                self.tally.error(&fault);
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
        for open in self.lanes.iter_mut().filter_map(|lane| lane.open.take()) {
            open.link.close().await;
        }
    }

    async fn visit(&mut self, end: Instant) -> Result<(), Fault> {
        self.think(end).await;
        self.orders += 1;
        // Unique over all sessions: one may make a million orders.
        let order = self.account * 1_000_000 + self.orders;
        let amount = i64::try_from(self.random.below(AMOUNT_MAX)).unwrap_or(0) + 1;
        self.pay(order, amount).await?;
        if self.look(self.account, true).await? == Look::Stale {
            // The confused customer. Once: somebody else would call support now.
            self.pay(order, amount).await?;
            self.look(self.account, true).await?;
        }
        for _ in 0..self.load.page_views {
            self.think(end).await;
            if Instant::now() >= end {
                break;
            }
            let own = self.random.chance(0.5);
            let other = i64::try_from(self.random.below(self.accounts)).unwrap_or(0);
            self.look(if own { self.account } else { other }, false).await?;
        }
        Ok(())
    }

    async fn think(&mut self, end: Instant) {
        let pause = self.random.around(self.load.think);
        let left = end.saturating_duration_since(Instant::now());
        tokio::time::sleep(pause.min(left)).await;
    }

    async fn pay(&mut self, order: i64, amount: i64) -> Result<(), Fault> {
        let (account, limit) = (self.account, self.load.answer_max);
        let open = self.open(0).await?;
        let payments = within(limit, pay(open, account, order, amount)).await;
        self.paid = payments.map_err(|fault| self.give_up(0, fault))?;
        self.last_write = Some(Instant::now());
        self.tally.paid();
        Ok(())
    }

    /// Reads the page of `account`; its own session knows what must be on it.
    async fn look(&mut self, account: i64, after_write: bool) -> Result<Look, Fault> {
        let now = Instant::now();
        let lane =
            self.strategy.read_lane(self.lanes.len(), self.last_write, now, &mut self.random);
        let limit = self.load.answer_max;
        let open = self.open(lane).await?;
        let begin = Instant::now();
        let page = within(limit, page(open, account)).await;
        let took = begin.elapsed();
        let (payments, on_primary) = page.map_err(|fault| self.give_up(lane, fault))?;
        let stale = account == self.account && payments < self.paid;
        let look = if stale { Look::Stale } else { Look::Fresh };
        self.tally.looked(look, on_primary, after_write.then_some(took));
        Ok(look)
    }

    /// Connects if there is no connection yet, or it was lost.
    async fn open(&mut self, lane: usize) -> Result<&Open, Fault> {
        let writes = lane == 0;
        let limit = self.load.answer_max;
        let lane = self.lanes.get_mut(lane).ok_or(Fault::Answer("a server to ask"))?;
        match &mut lane.open {
            Some(open) => Ok(open),
            closed @ None => {
                let link = Link::open(&lane.config, limit).await?;
                Ok(closed.insert(within(limit, prepare(link, writes)).await?))
            }
        }
    }

    /// Any error cuts the connection: it may be lost, or inside a transaction.
    fn give_up(&mut self, lane: usize, fault: Fault) -> Fault {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.open = None;
        }
        fault
    }
}

async fn prepare(link: Link, writes: bool) -> Result<Open, tokio_postgres::Error> {
    let page = link.client.prepare(PAGE).await?;
    let mut pay = None;
    if writes {
        let debit = link.client.prepare(DEBIT).await?;
        pay = Some(Pay { debit, record: link.client.prepare(RECORD).await? });
    }
    Ok(Open { link, page, pay })
}

/// One payment in a transaction; the account's count of payments after it.
async fn pay(open: &Open, account: i64, order: i64, amount: i64) -> Result<i64, Fault> {
    let pay = open.pay.as_ref().ok_or(Fault::Answer("a way to pay"))?;
    let client = &open.link.client;
    client.batch_execute("BEGIN").await?;
    let row = client.query_one(&pay.debit, &[&account, &amount]).await?;
    let payments = row.try_get(0)?;
    client.execute(&pay.record, &[&order, &account, &amount]).await?;
    client.batch_execute("COMMIT").await?;
    Ok(payments)
}

/// The count of payments on the page, and whether the primary showed it.
async fn page(open: &Open, account: i64) -> Result<(i64, bool), Fault> {
    let row = open.link.client.query_one(&open.page, &[&account]).await?;
    let in_recovery: bool = row.try_get(2)?;
    Ok((row.try_get(1)?, !in_recovery))
}
