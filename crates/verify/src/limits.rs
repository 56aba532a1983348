//! Limits on what may be asked for. Within them no sum of times can overflow.

use std::time::Duration;

use crate::error::VerifyError;

const WAIT_MAX: Duration = Duration::from_hours(1);
const DURATION_MAX: Duration = Duration::from_hours(24 * 30);

pub(crate) fn check_pause(key: &str, pause: Duration) -> Result<(), VerifyError> {
    at_most(key, pause, WAIT_MAX)
}

pub(crate) fn check_wait(key: &str, wait: Duration) -> Result<(), VerifyError> {
    if wait.is_zero() {
        return Err(VerifyError::Plan(format!("{key}: expected more than nothing")));
    }
    at_most(key, wait, WAIT_MAX)
}

pub(crate) fn check_duration(key: &str, duration: Duration) -> Result<(), VerifyError> {
    at_most(key, duration, DURATION_MAX)
}

fn at_most(key: &str, asked: Duration, max: Duration) -> Result<(), VerifyError> {
    if asked <= max {
        return Ok(());
    }
    Err(VerifyError::Plan(format!("{key}: expected at most {max:?}")))
}
