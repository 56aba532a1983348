//! The consistency checker for anyone's proxy or cluster: which promises do its reads keep?
//!
//! Sessions write and read counters ([`Plan`] says how), tell of all they did as
//! [`Event`]s, and a pure [`Judge`] holds each read against what was acknowledged and read
//! before it. The history can be kept and judged again.
//!
//! What is required follows from events that the checker has seen itself, by its own
//! clock: no server is asked for a position, so the checker believes nobody. A violation
//! is one in fact; that there was none says something of this run alone.

mod figures;
mod findings;
mod floors;
mod history;
mod judge;
mod lane;
mod offer;
mod plan;
mod reading;
mod recorder;
mod report;
mod session;
mod story;
mod tables;
mod versions;
mod words;
mod writing;

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::Config;

pub use findings::{Answered, Cell, Findings, Freshness, Lost, Story};
pub use history::{Event, Header, Outcome, Read, Second, Seen, Server, Write};
pub use judge::Judge;
pub use offer::Offer;
pub use plan::{Plan, Target};
pub use story::way_named;
pub use words::{Check, Level, Scope};

use crate::drive::drive;
use crate::error::VerifyError;
use crate::link::parse;
use history::Kept;
use lane::Lane;
use recorder::Recorder;
use session::{Common, Session};
use tables::Tables;

/// What a session may still need past the end: an operation with all around it, and
/// finding out what was lost.
const STEPS_MAX: u32 = 10;

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Since the check began.
    pub elapsed: Duration,
    /// Reads judged so far.
    pub reads: u64,
    /// Writes acknowledged so far.
    pub writes: u64,
    /// Broken promises so far.
    pub broken: u64,
    /// Violations of what is not promised, so far.
    pub observed: u64,
}

/// A check that can be run.
#[derive(Debug)]
pub struct Checker {
    target: Target,
    plan: Plan,
    writes: Config,
    reads: Vec<Config>,
    tables: Tables,
}

impl Checker {
    /// Refuses what could not work. Nothing is made, and nobody is asked.
    pub fn new(target: Target, plan: Plan) -> Result<Self, VerifyError> {
        plan.check(&target)?;
        let reads = target.reads().iter().map(|url| parse("target", url));
        let reads = reads.collect::<Result<Vec<_>, _>>()?;
        let first = reads.first().cloned();
        let writes = match &target {
            Target::Split { writes, .. } => parse("primary", writes)?,
            Target::Group { .. } => first.ok_or_else(|| VerifyError::Plan("no URL".to_owned()))?,
        };
        let tables = Tables::new(&plan);
        Ok(Self { target, plan, writes, reads, tables })
    }

    /// Asks the target what it has: scopes beyond the connection, levels.
    pub async fn offer(&self) -> Result<Offer, VerifyError> {
        offer::ask(&self.writes, &self.target, &self.plan).await
    }

    /// What will be made, and where; without secrets.
    pub fn will_make(&self) -> String {
        use tokio_postgres::config::Host;
        let host = match self.writes.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.writes.get_ports().first().copied().unwrap_or(5432);
        let database = self.writes.get_dbname().or(self.writes.get_user()).unwrap_or_default();
        format!(
            "schema {} in database {database} at {host}:{port}: 2 tables with {} keys, 2 \
             functions, 1 trigger; all removed at the end",
            self.plan.schema,
            self.plan.sessions * self.plan.keys
        )
    }

    /// Makes the tables, over the URL for writes, and waits until all reads show them.
    /// They stay until [`Checker::remove`], also if this fails.
    pub async fn create(&self, stop: &AtomicBool) -> Result<(), VerifyError> {
        self.tables.create(&self.writes).await?;
        for url in &self.reads {
            self.tables.wait_for(url, || stop.load(Ordering::Relaxed)).await?;
        }
        Ok(())
    }

    /// Runs the check, once the tables are there. Setting `stop` ends it early, with what
    /// was found. Finding violations is no error: see [`Findings::broken`].
    ///
    /// May be cancelled: the sessions end with it.
    pub async fn run(
        &self,
        offer: &Offer,
        stop: &Arc<AtomicBool>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Findings, VerifyError> {
        let header = self.header(offer);
        let history = self.plan.history.as_ref().map(std::fs::File::create).transpose();
        let history = history.map_err(VerifyError::History)?;
        let recorder = Recorder::new(header.clone(), history, Arc::clone(stop))?;
        let common = Arc::new(Common {
            plan: self.plan.clone(),
            ways: self.plan.ways(&self.target),
            tables: self.tables.clone(),
            split: self.target.is_split(),
            per_statement: matches!(self.target, Target::Split { per_statement: true, .. }),
            recorder: recorder.clone(),
        });
        let end = recorder.begin() + self.plan.duration;
        let mut sessions = JoinSet::new();
        for number in 0..self.plan.sessions {
            let scope = header.scope(number);
            let lanes = self.lanes(number, scope, offer);
            sessions.spawn(Session::new(number, scope, lanes, Arc::clone(&common)).run(end));
        }
        let limit = self.plan.duration + self.plan.answer_max * STEPS_MAX;
        drive(sessions, limit, || progress(recorder.progress())).await?;
        let complete = Instant::now() >= end;
        let findings = recorder.finish(complete)?;
        // Reads that show no row are nobody's fault then.
        if !self.tables.are_there(&self.writes).await {
            return Err(VerifyError::Plan(format!(
                "its tables were taken away meanwhile, perhaps by another run; if so, name \
                 another schema than {}",
                self.plan.schema
            )));
        }
        Ok(findings)
    }

    /// Removes the tables. Having nothing to remove is no error.
    pub async fn remove(&self) -> Result<(), VerifyError> {
        self.tables.remove(&self.writes).await
    }

    fn header(&self, offer: &Offer) -> Header {
        let bound = if offer.level == Level::Strong { Duration::ZERO } else { self.plan.bound };
        Header {
            afterwrite_history: Header::form(),
            target: self.target.to_string(),
            seed: self.plan.seed,
            sessions: self.plan.sessions,
            keys: self.plan.keys,
            scopes: offer.scopes.clone(),
            level: offer.level,
            bound_us: u64::try_from(bound.as_micros()).unwrap_or(u64::MAX),
            checks: self.plan.checks.clone(),
            split: self.target.is_split(),
            expect_failover: self.plan.expect_failover,
        }
    }

    /// The connections of one session, none of them open yet.
    fn lanes(&self, session: usize, scope: Scope, offer: &Offer) -> Vec<Lane> {
        if self.target.is_split() {
            let lane = |url: &Config| Lane::new(url.clone(), Vec::new());
            return std::iter::once(&self.writes).chain(&self.reads).map(lane).collect();
        }
        let mut greeting = offer.greeting.clone();
        if scope == Scope::Key {
            let key = format!("verify:{}", self.tables.number(session));
            greeting.push(format!("SET afterwrite.session = '{key}'"));
        }
        let urls = self.reads.iter().cycle().skip(session % self.reads.len().max(1));
        urls.take(scope.lanes()).map(|url| Lane::new(url.clone(), greeting.clone())).collect()
    }
}

/// Runs a check with all around it: asks, makes the tables, checks, removes the tables.
pub async fn check(
    target: Target,
    plan: Plan,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Findings, VerifyError> {
    let checker = Checker::new(target, plan)?;
    let stop = Arc::new(AtomicBool::new(false));
    let offer = checker.offer().await?;
    let outcome = match checker.create(&stop).await {
        Ok(()) => checker.run(&offer, &stop, progress).await,
        Err(error) => Err(error),
    };
    let removed = checker.remove().await;
    let findings = outcome?;
    removed.map(|()| findings)
}

/// Judges a history that was kept. The text says what is wrong with it.
pub fn judge(history: impl BufRead) -> Result<(Header, Findings), String> {
    let (header, mut kept) = Kept::open(history)?;
    let mut judge = Judge::new(header.clone());
    while let Some(event) = kept.next()? {
        judge.event(&event);
    }
    Ok((header, judge.finish()))
}
