//! `afterwrite`: the command line.

mod check;
mod cli;
mod cluster;
mod demo;
mod exit;
mod explain;
mod import;
mod local;
mod log;
mod progress;
mod restart;
mod serve;
mod settings;
mod soak;
mod stop;
mod terminal;
mod token;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Restart(arguments) => restart::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Cluster(arguments) => cluster::run(arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}
