//! What `afterwrite verify` takes.

use std::path::PathBuf;
use std::time::Duration;

use afterwrite_verify::consistency::{Check, Level, Plan, Scope, Target, way_named};
use afterwrite_verify::guarantee::WriteShape;
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  afterwrite verify postgres://app@localhost:6432/shop
  afterwrite verify --level causal --history run.jsonl postgres://app@proxy1/shop postgres://app@proxy2/shop
  afterwrite verify --writes postgres://app@primary/shop postgres://app@readers/shop
  afterwrite verify --naive postgres://app@primary/shop postgres://app@replica1/shop postgres://app@replica2/shop
  afterwrite verify --judge run.jsonl

Ends with 0 if all that the level promises was kept, with 1 if something was violated, with 2 if that
could not be found out.";

/// What `afterwrite verify` takes.
#[derive(Args, Debug)]
#[expect(
    clippy::doc_markdown,
    clippy::struct_excessive_bools,
    reason = "the text is for the terminal, and each flag stands by itself"
)]
pub(crate) struct VerifyArguments {
    /// Where to connect: a proxy, several proxies of one group, or a server
    #[arg(value_name = "URL", required_unless_present = "judge")]
    pub(crate) urls: Vec<String>,
    /// Write here, and read from the other URLs, taken at random
    #[arg(long, value_name = "URL", conflicts_with = "naive")]
    pub(crate) writes: Option<String>,
    /// Be a naive router: the first URL is the primary, each statement that reads goes to one
    /// of the others at random. Its violations must be found
    #[arg(long)]
    pub(crate) naive: bool,
    /// Judge a history that was kept, without any server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["urls", "writes", "naive", "history"])]
    pub(crate) judge: Option<PathBuf>,
    /// How long to check
    #[arg(short, long, value_name = "SECONDS", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// Sessions at the same time, each with a connection or two
    #[arg(long, value_name = "COUNT", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) sessions: u16,
    /// Operations a second, of all sessions together
    #[arg(long, value_name = "COUNT", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Repeats the sessions' choices; the servers' timing is their own
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What reads ask for, and are held to [default: the target's own, or read_your_writes]
    ///
    /// It is set where the target knows levels; elsewhere reads are only held to it.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
    /// What staleness is held against, and what level bounded asks for
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) max_staleness: u64,
    /// What ties reads to writes: connection, key, token, table [default: what is offered]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scopes: Option<Vec<Scope>>,
    /// What is judged: own_writes, monotonic_reads, writes_follow_reads, bounded_staleness,
    /// snapshots [default: all]
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub(crate) checks: Option<Vec<Check>>,
    /// Ways of writing: simple, prepared, unnamed, transaction, multi_statement,
    /// commit_then_error, cte, function, do, copy, pipelined [default: all]
    #[arg(long, value_name = "WAY", value_delimiter = ',', value_parser = way_named)]
    pub(crate) ways: Option<Vec<WriteShape>>,
    /// Fail at violations of what the level does not promise, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// A failover is going to happen: acknowledged writes may be lost, and are told
    #[arg(long)]
    pub(crate) expect_failover: bool,
    /// Do not ask who answers: reads without any function
    #[arg(long)]
    pub(crate) plain_reads: bool,
    /// The schema to make the tables in; it is removed again, unless it was there before
    #[arg(long, value_name = "NAME", default_value = "afterwrite_verify")]
    pub(crate) schema: String,
    /// Keep all that happened in this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl VerifyArguments {
    /// Where and what to check.
    pub(super) fn plan(&self) -> Result<(Target, Plan), String> {
        let defaults = Plan::default();
        let plan = Plan {
            duration: Duration::from_secs(self.seconds),
            sessions: usize::from(self.sessions),
            rate: Some(self.rate),
            seed: self.seed,
            level: self.level,
            bound: Duration::from_millis(self.max_staleness),
            scopes: self.scopes.clone(),
            checks: self.checks.clone().unwrap_or(defaults.checks),
            ways: self.ways.clone().unwrap_or(defaults.ways),
            schema: self.schema.clone(),
            ask_server: !self.plain_reads,
            expect_failover: self.expect_failover,
            history: self.history.clone(),
            ..Plan::default()
        };
        Ok((self.target()?, plan))
    }

    fn target(&self) -> Result<Target, String> {
        let urls = self.urls.clone();
        match (&self.writes, self.naive, urls.split_first()) {
            (None, true, Some((primary, replicas))) if !replicas.is_empty() => Ok(Target::Split {
                writes: primary.clone(),
                reads: replicas.to_vec(),
                per_statement: true,
            }),
            (None, true, _) => Err("--naive: expected the primary, then its replicas".to_owned()),
            (Some(writes), _, _) => {
                Ok(Target::Split { writes: writes.clone(), reads: urls, per_statement: false })
            }
            (None, false, _) => Ok(Target::Group { urls }),
        }
    }
}
