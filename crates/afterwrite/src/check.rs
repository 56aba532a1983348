//! `afterwrite check`.
use crate::cli::ConfigArguments;
use crate::exit::Exit;
pub(crate) fn run(_arguments: &ConfigArguments) -> Result<(), Exit> { Ok(()) }
