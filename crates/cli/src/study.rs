//! `widenet study` runs a study, `widenet report` collects its results again.

use std::{path::PathBuf, thread::available_parallelism, time::Duration};

use widenet_engines::Engines;
use widenet_experiment::{NotDrawn, Outcome, Report, RunOptions, Study, Unanswered, study_of};
use widenet_model::DeviceChoice;
use widenet_output::{Table, escape::one_line};
use widenet_statistics::Verdict;

use crate::{
    answer::{give, leave},
    arguments::{ReportArguments, StudyArguments, StudyFile},
    batch,
    exit::{Exit, Failure},
    interrupt,
    progress::StudyProgress,
    say::{line, note},
};

/// Loads a study, or that of a run directory; with the folder of run directories.
pub(crate) fn load(file: &StudyFile) -> Result<(Study, PathBuf), Failure> {
    let StudyFile { study: path, full, out, overrides } = file;
    // Another folder is refused as one.
    if !path.join("manifest.json").exists() {
        return Ok((Study::load(path, *full, &overrides.set)?, out.clone()));
    }
    if *full || !overrides.set.is_empty() {
        return Err("a run directory is continued as it was begun; --full and --set are for study files".into());
    }
    Ok(study_of(path)?)
}

/// Runs a study or continues it.
pub(crate) fn run(arguments: &StudyArguments) -> Result<Exit, Failure> {
    let (study, out) = load(&arguments.file)?;
    let cores = batch::cpus().unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let shard = batch::shard(&arguments.shard, arguments.tasks.as_deref())?;
    let options = RunOptions {
        out,
        jobs: arguments.jobs.map_or(cores, usize::from),
        shard: shard.clone(),
        device: arguments.device,
        job: batch::job(),
        ..RunOptions::default()
    };
    let interval = Duration::from_secs_f64(arguments.checkpoint_every);
    let engines = Engines::new(arguments.device)?.checkpoint_every(interval).checkpoint_when(interrupt::warnings());
    leave(|_| {
        line("interrupted; the same command continues");
        Ok(())
    });
    let progress = StudyProgress::new();
    let outcome = widenet_experiment::run(&study, &engines, &options, interrupt::flag(), &progress);
    give(|_| {
        progress.finish();
        Ok(())
    })?;
    match outcome? {
        Outcome::Finished(report) => verdicts(&report),
        Outcome::ShardFinished { directory, remaining } => {
            give(|out| {
                writeln!(out, "shard {shard} done; {remaining} trials of other shards or processes remain")?;
                writeln!(out, "run directory: {}", one_line(&directory.display().to_string()))
            })?;
            Ok(Exit::Done)
        }
        Outcome::Interrupted { directory, remaining, partial } => {
            let place = directory.display();
            line(&format!("interrupted with {remaining} trials to go; the same command continues in {place}"));
            if let Some((report, said)) = partial.as_ref().and_then(|report| Some((report, report.partial.as_ref()?))) {
                line(&format!("partial report: {said}, {}", one_line(&report.path.display().to_string())));
            }
            Ok(Exit::Interrupted)
        }
    }
}

/// Collects again from a run directory. One that is not finished exits as an interrupted run does.
pub(crate) fn report(arguments: &ReportArguments) -> Result<Exit, Failure> {
    let engines = Engines::new(DeviceChoice::Auto)?;
    let Some(report) = widenet_experiment::report(&arguments.directory, &engines, interrupt::flag())? else {
        return Ok(Exit::Interrupted);
    };
    report.notes.iter().for_each(|said| note(said));
    verdicts(&report)
}

fn verdicts(report: &Report) -> Result<Exit, Failure> {
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
    let table = Table::new(["check", "group", "measured", "predicted", "verdict", "why"], rows).to_text();
    give(|out| writeln!(out, "{table}report: {}", one_line(&report.path.display().to_string())))?;
    for Unanswered { metric, reason } in &report.unanswered {
        line(&format!("error: metric `{metric}` has no value in any answer: {}", one_line(reason)));
    }
    for NotDrawn { figure, reason } in &report.not_drawn {
        line(&format!("error: figure `{figure}` could not be drawn: {}", one_line(reason)));
    }
    if !(report.not_drawn.is_empty() && report.unanswered.is_empty()) {
        return Ok(Exit::Unusable);
    }
    if let Some(partial) = &report.partial {
        line(&format!("partial: {partial}; no verdict is final"));
        return Ok(Exit::Interrupted);
    }
    let refuted = report.findings.iter().any(|finding| finding.verdict == Verdict::Refuted);
    Ok(if refuted { Exit::CheckFailed } else { Exit::Done })
}
