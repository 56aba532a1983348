//! `afterwrite verify`: are reads consistent, behind whatever is asked?

mod arguments;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use afterwrite_verify::consistency::{Check, Checker, Findings, Offer, Progress, judge};
use indicatif::HumanCount;

use crate::exit::Exit;
use crate::progress::{Phase, Steps};
use crate::stop::stop_flag;
use crate::terminal::Terminal;
pub(crate) use arguments::{EXAMPLES, VerifyArguments};

/// Ends with 0 if every promise was kept, with 1 if not, with 2 if that was not found out.
pub(crate) fn run(arguments: &VerifyArguments) -> Result<(), Exit> {
    if let Some(history) = &arguments.judge {
        return judge_again(history, arguments);
    }
    let (target, plan) = arguments.plan().map_err(Exit::NoAnswer)?;
    let checker = Checker::new(target, plan).map_err(no_answer)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(no_answer)?;
    let (findings, stopped) = runtime.block_on(check(&checker, arguments))?;
    show(&findings, arguments)?;
    match verdict(&findings, arguments) {
        Ok(()) if stopped => Err(Exit::Interrupted),
        verdict => verdict,
    }
}

async fn check(checker: &Checker, arguments: &VerifyArguments) -> Result<(Findings, bool), Exit> {
    let stop = stop_flag(format!("left behind: {}", checker.will_make()))?;
    let offer = checker.offer().await.map_err(no_answer)?;
    tell_offer(&offer, arguments);
    eprintln!("  making {}", checker.will_make());
    let outcome = checked(checker, &offer, &stop, arguments).await;
    // Whatever happened: nothing of ours stays.
    let removed = checker.remove().await;
    let findings = outcome?;
    removed.map_err(no_answer)?;
    Ok((findings, stop.load(Ordering::Relaxed)))
}

async fn checked(
    checker: &Checker,
    offer: &Offer,
    stop: &Arc<AtomicBool>,
    arguments: &VerifyArguments,
) -> Result<Findings, Exit> {
    let steps = Steps::begin();
    steps.step("waiting until reads show the tables");
    let created = checker.create(stop).await;
    steps.end();
    created.map_err(no_answer)?;
    let total = arguments.seconds * 1_000;
    let phase = Phase::begin("checking", 0, total, Terminal::stdout().unicode);
    let tally = |progress: Progress| {
        format!(
            "{} reads, {} writes, {} violations, {} not promised",
            HumanCount(progress.reads),
            HumanCount(progress.writes),
            HumanCount(progress.broken),
            HumanCount(progress.observed)
        )
    };
    let tell = |progress: Progress| {
        let done = u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX);
        phase.at(done, &tally(progress));
    };
    let findings = checker.run(offer, stop, &tell).await.map_err(no_answer)?;
    let done = format!("{} reads judged", HumanCount(findings.reads));
    phase.end(&done);
    Ok(findings)
}

fn tell_offer(offer: &Offer, arguments: &VerifyArguments) {
    let names: Vec<_> = offer.scopes.iter().map(|scope| scope.name()).collect();
    eprintln!("  level {}, scopes: {}", offer.level, names.join(", "));
    for (scope, why) in &offer.missing {
        eprintln!("  scope {scope} is not offered: {why}");
    }
    if let Some(history) = &arguments.history {
        eprintln!("  keeping the history in {}", history.display());
    }
}

fn judge_again(history: &Path, arguments: &VerifyArguments) -> Result<(), Exit> {
    let named = |error: String| Exit::NoAnswer(format!("{}: {error}", history.display()));
    let file = File::open(history).map_err(|error| named(error.to_string()))?;
    let (header, findings) = judge(BufReader::new(file)).map_err(named)?;
    eprintln!("  {}, seed {}", header.target, header.seed);
    show(&findings, arguments)?;
    verdict(&findings, arguments)
}

fn show(findings: &Findings, arguments: &VerifyArguments) -> Result<(), Exit> {
    if arguments.json {
        let json = serde_json::to_string_pretty(findings);
        println!("{}", json.map_err(|error| Exit::NoAnswer(error.to_string()))?);
    } else {
        println!("{findings}");
    }
    Ok(())
}

/// The last word, on standard error, so that it does not mix with JSON.
fn verdict(findings: &Findings, arguments: &VerifyArguments) -> Result<(), Exit> {
    let (broken, observed) = (findings.broken(), findings.observed());
    let terminal = Terminal::stdout();
    let judged = Check::ALL.iter().any(|check| findings.sum(*check, None).judged > 0);
    if !judged {
        return Err(Exit::NoAnswer("no read could be judged: nothing was found out".to_owned()));
    }
    if broken > 0 {
        let said = format!(
            "BROKEN: {} violations of what level {} promises",
            HumanCount(broken),
            findings.level
        );
        eprintln!("{}", terminal.bold(&terminal.red(&said)));
    }
    if observed > 0 {
        let n = HumanCount(observed);
        eprintln!("{n} violations of what level {} does not promise", findings.level);
    }
    if broken > 0 || (arguments.strict && observed > 0) {
        return Err(Exit::Unfit);
    }
    if findings.reads_on_replicas() == 0 {
        eprintln!("no read is known to have been on a replica: of replicas this shows nothing");
    }
    let n = HumanCount(findings.reads);
    eprintln!("{n} reads: all that level {} promises was kept", findings.level);
    Ok(())
}

fn no_answer(error: impl std::fmt::Display) -> Exit {
    Exit::NoAnswer(error.to_string())
}
