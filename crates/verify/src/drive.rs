//! Waits for many sessions at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until};

use crate::error::VerifyError;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Waits until every session has ended, and calls `progress` four times a second.
///
/// Sessions end by themselves. One that still runs at `end_max` has broken its
/// own limits, so all are aborted then, and that is an error.
pub(crate) async fn drive(
    mut sessions: JoinSet<()>,
    limit: Duration,
    progress: impl Fn(),
) -> Result<(), VerifyError> {
    let end_max = Instant::now() + limit;
    let mut ticks = interval(PROGRESS_EVERY);
    loop {
        tokio::select! {
            ended = sessions.join_next() => match ended {
                None => {
                    progress();
                    return Ok(());
                }
                Some(Ok(())) => {}
                Some(Err(died)) => return Err(VerifyError::Task(died.to_string())),
            },
            _ = ticks.tick() => progress(),
            () = sleep_until(end_max.into()) => {
                return Err(VerifyError::Timeout { doing: "waiting for the sessions", limit });
            }
        }
    }
}
