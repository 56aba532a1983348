//! The session-guarantee checker: does anybody read a state older than their own
//! last write?
//!
//! Every key holds a version that each write raises by one, and belongs to one
//! session. A session knows the last version that was acknowledged to it; a read
//! must show that one or a later one. Writes of which nobody knows whether they
//! were committed may be seen and need not be. Each event is judged when it
//! happens, so the memory does not grow with the number of reads.
//!
//! Sessions go on after errors, on new connections: the caller may inject faults
//! while the check runs.

mod findings;
mod judge;
mod lane;
mod plan;
mod read;
mod session;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::Config;

pub use findings::{Findings, Violation};
pub use judge::{Kind, Node};
pub use plan::{Plan, Scope, Target, Until};
pub use read::ReadShape;
pub use write::WriteShape;

use crate::drive::drive;
use crate::error::VerifyError;
use crate::link::parse;
use crate::schema::{self, Set};
use findings::Shared;
use lane::Lane;
use session::{Common, Session};

/// What a session may still need past the end: an operation with all around it.
const STEPS_MAX: u32 = 10;

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Since the check began.
    pub elapsed: Duration,
    /// When it ends.
    pub until: Until,
    /// Reads judged so far.
    pub reads: u64,
    /// Writes acknowledged so far.
    pub writes: u64,
    /// Stale reads so far.
    pub stale: u64,
}

/// Runs the checker against `target`, on tables that it makes anew on the
/// primary at `setup_url`, which must be the primary behind the target.
///
/// Finding violations is no error: see [`Findings::is_clean`]. May be cancelled:
/// the sessions end with it, the tables stay. One check at a time on the same
/// database.
pub async fn check(
    target: &Target,
    setup_url: &str,
    plan: &Plan,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Findings, VerifyError> {
    plan.check(target)?;
    let setup = parse("primary", setup_url)?;
    let servers = Servers::parse(target)?;
    let run = schema::create_guarantee(&setup, plan.sessions * plan.keys).await?;
    if let Servers::Split { replicas, .. } = &servers {
        // Else every read would fail at first, which would be too easy to find.
        schema::wait_for(replicas, Set::Guarantee, run).await?;
    }
    let shared = Shared::new(plan.until);
    let common = Arc::new(Common {
        plan: plan.clone(),
        split: matches!(servers, Servers::Split { .. }),
        first_key: run.first_key(),
        shared: shared.clone(),
    });
    let end = Instant::now() + plan.duration_max();
    let mut sessions = JoinSet::new();
    for number in 0..plan.sessions {
        let scope = plan.scope(number);
        let lanes = servers.lanes(number, scope, plan.keys);
        sessions.spawn(Session::new(number, scope, lanes, Arc::clone(&common)).run(end));
    }
    let limit = plan.duration_max() + plan.answer_max * STEPS_MAX;
    drive(sessions, limit, || progress(shared.progress())).await?;
    Ok(shared.finish())
}

/// A [`Target`] whose URLs have been parsed.
enum Servers {
    One(Config),
    Split { primary: Config, replicas: Vec<Config> },
}

impl Servers {
    fn parse(target: &Target) -> Result<Self, VerifyError> {
        match target {
            Target::One { url } => Ok(Self::One(parse("target", url)?)),
            Target::Split { primary, replicas } => {
                let replicas = replicas.iter().map(|url| parse("replica", url));
                Ok(Self::Split {
                    primary: parse("primary", primary)?,
                    replicas: replicas.collect::<Result<_, _>>()?,
                })
            }
        }
    }

    /// The connections of one session, none of them open yet.
    fn lanes(&self, session: usize, scope: Scope, keys: usize) -> Vec<Lane> {
        match (self, scope) {
            (Self::Split { primary, replicas }, _) => std::iter::once(primary)
                .chain(replicas)
                .map(|server| Lane::new(server.clone(), None, true, keys))
                .collect(),
            (Self::One(server), Scope::Connection) => {
                vec![Lane::new(server.clone(), None, false, keys)]
            }
            (Self::One(server), Scope::Key) => {
                let greeting = format!("SET afterwrite.session = 'user:{session}'");
                let lane = || Lane::new(server.clone(), Some(greeting.clone()), true, keys);
                vec![lane(), lane()]
            }
            (Self::One(server), Scope::Token) => {
                let lane = || Lane::new(server.clone(), None, false, keys);
                vec![lane(), lane()]
            }
        }
    }
}
