//! `widenet study` runs a study, `widenet report` collects its results again.

use std::{io::Write, thread::available_parallelism, time::Duration};

use widenet_engines::Engines;
use widenet_experiment::{NotDrawn, Outcome, Report, RunOptions, Study};
use widenet_model::DeviceChoice;
use widenet_output::{Table, escape::one_line};
use widenet_statistics::Verdict;

use crate::{
    arguments::{ReportArguments, StudyArguments},
    exit::{Exit, Failure},
    interrupt,
    progress::StudyProgress,
    question::note,
};

/// Runs a study or continues it.
pub(crate) fn run(arguments: &StudyArguments) -> Result<Exit, Failure> {
    let study = Study::load(&arguments.study, arguments.full, &arguments.overrides.set)?;
    let cores = available_parallelism().map_or(1, usize::from);
    let options = RunOptions {
        out: arguments.out.clone(),
        jobs: arguments.jobs.map_or(cores, usize::from),
        shard: arguments.shard,
        device: arguments.device,
    };
    let interval = Duration::from_secs_f64(arguments.checkpoint_every);
    let engines = Engines::new(arguments.device)?.checkpoint_every(interval);
    let stop = interrupt::flag()?;
    let progress = StudyProgress::new();
    let outcome = widenet_experiment::run(&study, &engines, &options, &stop, &progress);
    progress.finish();
    match outcome? {
        Outcome::Finished(report) => verdicts(&report),
        Outcome::ShardFinished { directory, remaining } => {
            let mut out = std::io::stdout();
            writeln!(out, "shard {} done; {remaining} trials of other shards remain", arguments.shard)?;
            writeln!(out, "run directory: {}", directory.display())?;
            Ok(Exit::Done)
        }
        Outcome::Interrupted { directory, remaining } => {
            writeln!(
                std::io::stderr(),
                "interrupted with {remaining} trials to go; the same command continues in {}",
                directory.display()
            )?;
            Ok(Exit::Interrupted)
        }
    }
}

/// Collects again from a run directory.
pub(crate) fn report(arguments: &ReportArguments) -> Result<Exit, Failure> {
    let engines = Engines::new(DeviceChoice::Auto)?;
    let report = widenet_experiment::report(&arguments.directory, &engines)?;
    report.notes.iter().try_for_each(|said| note(said))?;
    verdicts(&report)
}

fn verdicts(report: &Report) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    let rows: Vec<Vec<String>> = report
        .findings
        .iter()
        .map(|finding| {
            vec![
                finding.check.clone(),
                finding.group.clone(),
                finding.measured(),
                finding.predicted.clone(),
                finding.verdict.word().to_string(),
                finding.reason.clone(),
            ]
        })
        .collect();
    write!(out, "{}", Table::new(["check", "group", "measured", "predicted", "verdict", "why"], rows).to_text())?;
    writeln!(out, "report: {}", report.path.display())?;
    for NotDrawn { figure, reason } in &report.not_drawn {
        writeln!(std::io::stderr(), "error: figure `{figure}` could not be drawn: {}", one_line(reason))?;
    }
    if !report.not_drawn.is_empty() {
        return Ok(Exit::Unusable);
    }
    let refuted = report.findings.iter().any(|finding| finding.verdict == Verdict::Refuted);
    Ok(if refuted { Exit::CheckFailed } else { Exit::Done })
}
