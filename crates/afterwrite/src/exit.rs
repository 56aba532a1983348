//! How a command ends when it does not succeed.

use std::fmt;
use std::process::ExitCode;

/// How a command ends when it does not succeed.
#[derive(Debug)]
pub(crate) enum Exit {
    /// Something went wrong while it ran: 1.
    Failed(String),
    /// The configuration is wrong: 78, as `sysexits.h` has it.
    Config(String),
    /// It could not be found out: 2, where 1 is an answer.
    NoAnswer(String),
    /// The answer is no, and has been told: 1.
    Unfit,
    /// Stopped by a signal, after everything was put away: 130.
    Interrupted,
}

impl Exit {
    /// Something went wrong.
    pub(crate) fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Tells the user, once.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Failed(text) => {
                eprintln!("afterwrite: {text}");
                ExitCode::FAILURE
            }
            Self::NoAnswer(text) => {
                eprintln!("afterwrite: {text}");
                ExitCode::from(2)
            }
            Self::Config(text) => {
                eprintln!("{}", text.trim_end());
                ExitCode::from(78)
            }
            Self::Unfit => ExitCode::FAILURE,
            Self::Interrupted => ExitCode::from(130),
        }
    }
}
