//! pgbench through Afterwrite, through PgBouncer and direct, interleaved in one run.
//!
//! # Invariant: nothing is left behind
//!
//! However the run ends, short of SIGKILL, every process and folder it made is
//! gone. All of them belong to values of the one future that [`run::run`] is;
//! a signal drops that future.

mod afterwrite;
mod args;
mod cell;
mod client;
mod door;
mod error;
mod glob;
mod idle;
mod load;
mod machine;
mod notes;
mod pgbench;
mod pgbouncer;
mod plot;
mod proc;
mod program;
mod progress;
mod proxy;
mod report;
mod run;
mod share;
mod stats;
mod table;
mod target;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Args, Command, LoadArgs, ShareArgs};
use crate::error::BenchError;
use crate::progress::Progress;
use crate::report::Report;

/// As a shell reports a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;
/// In which killed children end and are waited for.
const REAP: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread: we wait, mostly, and want the processors for what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .map_err(BenchError::io("starting"))
        .and_then(|runtime| runtime.block_on(bench(&args)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("afterwrite-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(args: &Args) -> Result<ExitCode, BenchError> {
    let listen = |kind| signal(kind).map_err(BenchError::io("listening for signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let progress = Progress::new();
    if let Some(command) = &args.command {
        let measured = tokio::select! {
            measured = other(command, &progress) => Some(measured),
            () = any(&mut interrupt, &mut terminate, &mut hang_up) => None,
        };
        drop(progress);
        let Some(text) = measured.transpose()? else { return stopped().await };
        print!("{text}");
        let (Command::Load(LoadArgs { markdown, .. }) | Command::Share(ShareArgs { markdown, .. })) =
            command;
        if let Some(path) = markdown {
            write(path, &text)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let profile = args.profile()?;
    progress.line(&format!("{} runs, about {} min", profile.runs(), profile.minutes()));
    let outcome = tokio::select! {
        report = run::run(args, &progress) => Some(report),
        () = any(&mut interrupt, &mut terminate, &mut hang_up) => None,
    };
    drop(progress);
    let Some(report) = outcome.transpose()? else { return stopped().await };
    publish(args, &report)?;
    let failures = report.failures();
    for failure in &failures {
        eprintln!("failed: {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures something else, and gives back the table.
async fn other(command: &Command, progress: &Progress) -> Result<String, BenchError> {
    match command {
        Command::Load(load) => load::run(load, progress).await,
        Command::Share(share) => share::run(share, progress).await,
    }
}

async fn stopped() -> Result<ExitCode, BenchError> {
    // What was killed by a drop is waited for by the runtime, in its own time.
    tokio::time::sleep(REAP).await;
    eprintln!("stopped; nothing is left running");
    Ok(ExitCode::from(INTERRUPTED))
}

async fn any(first: &mut Signal, second: &mut Signal, third: &mut Signal) {
    tokio::select! {
        _ = first.recv() => (),
        _ = second.recv() => (),
        _ = third.recv() => (),
    }
}

/// Prints the tables, and writes the files that were asked for.
fn publish(args: &Args, report: &Report) -> Result<(), BenchError> {
    print!("{}", table::markdown(report, None));
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(report).map_err(|error| BenchError::Io {
            doing: "making the JSON".to_owned(),
            source: error.into(),
        })?;
        write(path, &(json + "\n"))?;
    }
    let plot = if args.plot.is_some() { plot::svg(report)? } else { None };
    if let Some((path, svg)) = args.plot.as_deref().zip(plot.as_deref()) {
        write(path, svg)?;
    }
    if let Some(path) = &args.markdown {
        // A picture elsewhere could not be linked by its name.
        let linked = args.plot.as_deref().filter(|plot| plot.parent() == path.parent());
        let name = linked.and_then(Path::file_name).and_then(|name| name.to_str());
        write(path, &table::markdown(report, name.filter(|_| plot.is_some())))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(BenchError::io(format!("writing {}", path.display())))
}
