//! The demo workload: pay, then read the balance on the page that follows.
//!
//! Every session is one customer with one account. It pays, looks at its balance
//! page at once, and views some other pages before it pays again. If the page does
//! not show the payment, the customer is confused and pays the same order again,
//! once. What that leads to is counted in the payment table at the end, by order.

mod report;
mod session;
mod strategy;
mod table;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::Config;

pub use report::{Bucket, Latency, Report};
pub use strategy::Strategy;
pub(crate) use table::grouped;
pub use table::{conclusion, table};

use crate::drive::drive;
use crate::error::{Fault, VerifyError};
use crate::limits;
use crate::link::{Link, parse, simple_row, within};
use crate::schema::{self, Set};
use session::Session;
use tally::Shared;

/// What a session may still need past the end: a visit that waits at every step.
const STEPS_MAX: u32 = 8;

/// More sessions than this is a mistake, not a wish, on one machine.
const SESSIONS_MAX: usize = 10_000;

/// The page views after one payment are looked at one by one.
const PAGE_VIEWS_MAX: u32 = 1_000;

/// Where the servers are.
#[derive(Clone)]
pub struct Routes {
    /// The primary's URL.
    pub primary: String,
    /// The replicas' URLs.
    pub replicas: Vec<String>,
    /// Afterwrite's URL; only [`Strategy::Afterwrite`] needs it.
    pub proxy: Option<String>,
}

// By hand, so that no password is printed.
impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("replicas", &self.replicas.len())
            .field("proxy", &self.proxy.is_some())
            .finish_non_exhaustive()
    }
}

/// How much is done, and how fast.
#[derive(Clone, Debug)]
pub struct Load {
    /// Customers at the same time. Client-side routing opens that many
    /// connections to every server, so it must stay below `max_connections`.
    pub sessions: usize,
    /// How long they go on.
    pub duration: Duration,
    /// The mean pause before a page view or a payment; none between a payment
    /// and the page that follows it.
    pub think: Duration,
    /// Page views between two payments: reads that do not follow a write.
    pub page_views: u32,
    /// The longest wait for one answer; after it the connection is given up.
    pub answer_max: Duration,
    /// Repeats the sessions' choices. The servers' timing is their own.
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            sessions: 16,
            duration: Duration::from_secs(10),
            think: Duration::from_millis(20),
            page_views: 4,
            answer_max: Duration::from_secs(10),
            seed: 1,
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Since the load began; zero while it is being set up.
    pub elapsed: Duration,
    /// How long the load goes on in all.
    pub duration: Duration,
    /// Pages read so far.
    pub reads: u64,
    /// Of them, pages that lacked a payment of their own session.
    pub stale_reads: u64,
    /// Payments made so far, with those made twice.
    pub payments: u64,
}

/// Runs the workload with one strategy, on tables that it makes anew.
///
/// It waits up to a minute until every replica shows the tables, whichever the
/// strategy. May be cancelled: the sessions end with it, the tables stay. One run
/// at a time on the same database.
pub async fn run(
    strategy: Strategy,
    routes: &Routes,
    load: &Load,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, VerifyError> {
    check(load)?;
    let primary = parse("primary", &routes.primary)?;
    let replicas = routes.replicas.iter().map(|url| parse("replica", url));
    let replicas = replicas.collect::<Result<Vec<Config>, _>>()?;
    let proxy = routes.proxy.as_deref().map(|url| parse("proxy", url)).transpose()?;
    let lanes = strategy.lanes(&primary, &replicas, proxy)?;

    let run = schema::create_payments(&primary, load.sessions).await?;
    schema::wait_for(&replicas, Set::Payments, run).await?;

    let tally = Shared::new()?;
    let (load, begin) = (Arc::new(load.clone()), Instant::now());
    let end = begin + load.duration;
    let mut sessions = JoinSet::new();
    for number in 0..load.sessions {
        let session = Session::new(number, strategy, &lanes, &load, tally.clone());
        sessions.spawn(session.run(end));
    }
    let limit = load.duration + load.answer_max * STEPS_MAX;
    drive(sessions, limit, || progress(tally.progress(begin.elapsed(), load.duration))).await?;
    let took = begin.elapsed();
    let duplicates = duplicate_payments(&primary, load.answer_max)
        .await
        .map_err(|fault| fault.fatal("counting the duplicate payments"))?;
    Ok(tally.report(strategy, took, duplicates))
}

fn check(load: &Load) -> Result<(), VerifyError> {
    let refuse = |why: String| Err(VerifyError::Plan(why));
    if load.sessions == 0 || load.sessions > SESSIONS_MAX {
        return refuse(format!("sessions: {} is not 1 to {SESSIONS_MAX}", load.sessions));
    }
    if load.page_views > PAGE_VIEWS_MAX {
        return refuse(format!("page_views: {} is over {PAGE_VIEWS_MAX}", load.page_views));
    }
    limits::check_pause("think", load.think)?;
    limits::check_wait("answer_max", load.answer_max)?;
    limits::check_duration("duration", load.duration)
}

/// Payments of an order beyond its first, as the primary's table has them.
async fn duplicate_payments(primary: &Config, limit: Duration) -> Result<u64, Fault> {
    const SQL: &str = "SELECT count(*) - count(DISTINCT order_id) FROM afterwrite_demo.payment";
    let link = Link::open(primary, limit).await?;
    let row = within(limit, simple_row(&link.client, SQL)).await?;
    link.close().await;
    let text = row.and_then(|row| row.into_iter().next().flatten());
    text.and_then(|text| text.parse().ok()).ok_or(Fault::Answer("the count"))
}
