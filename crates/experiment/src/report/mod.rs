//! Collects a run, finished or not: tables, figures, verdicts, and the report that tells them.

pub(crate) mod figures;
mod markdown;
mod results;
mod tables;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use widenet_engines::Solver;
use widenet_output::{remove_leftovers, write_changed};
use widenet_statistics::{Finding, Verdict};

pub use self::figures::NotDrawn;
use self::{
    figures::Figure,
    markdown::{EngineCounts, markdown},
};
use crate::{
    error::{Error, Result},
    judge::judge,
    measure::Results,
    storage::{Finished, Found, Manifest, Store, open},
    study::{Metric, Study},
    trials::{Prepared, PreparedTrial, TrialResult, prepare},
};

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The run directory.
    pub directory: PathBuf,
    /// The report, `report.md` in it.
    pub path: PathBuf,
    /// Every check in every group.
    pub findings: Vec<Finding>,
    /// Metrics that have no value in any answer, as their paths lead nowhere; the report says so too.
    pub unanswered: Vec<Unanswered>,
    /// Figures that could not be drawn; the report says so too.
    pub not_drawn: Vec<NotDrawn>,
    /// What should be said to the user about the results.
    pub notes: Vec<String>,
    /// How many trials are done, if not all are; then no verdict is final.
    pub partial: Option<String>,
}

/// A metric whose path leads nowhere in all answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// Its name in the study.
    pub metric: String,
    /// What the first answer has instead.
    pub reason: String,
}

impl Report {
    /// Says whether all checks are confirmed.
    pub fn all_confirmed(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict == Verdict::Confirmed)
    }
}

/// Makes tables, figures and report of a run directory again, from what is in it (and the data files). Those of an unfinished run are of the
/// trials that are done, and say so. `None` if `stop` became true while a reference was being computed; nothing is written then.
///
/// # Errors
/// [`Error::Directory`] if it is not a run directory, was made by another version or from data that have changed, or
/// has no trial that is done, or if its data files are not where they were.
pub fn report(directory: &Path, solver: &dyn Solver, stop: &AtomicBool) -> Result<Option<Report>> {
    let (manifest, study) = open(directory)?;
    let figures = figures::read(&study)?;
    let prepared =
        prepare(&study, &figures::needs(&figures)).map_err(|error| missing_data(error, directory, &manifest))?;
    if prepared.hash != manifest.hash {
        let reason = "resolved.toml or the data files have changed since the run, or an engine computes other results now; run the study again";
        return Err(Error::directory(directory, reason));
    }
    remove_leftovers(directory);
    let store = Store::new(directory, prepared.trials.len());
    collect(&study, (&prepared, &figures), &store, (solver, stop))
}

fn missing_data(error: Error, directory: &Path, manifest: &Manifest) -> Error {
    match error {
        Error::Core(unreadable @ widenet_core::Error::Unreadable { .. }) => {
            let out = directory.parent().unwrap_or(directory);
            let reason = format!(
                "{unreadable}; relative data paths start from {}. If the files have moved, run the study file where it is \
                 now, with run directories in {}: its trials are found and nothing runs again",
                manifest.base.display(),
                out.display()
            );
            Error::directory(directory, reason)
        }
        other => other,
    }
}

/// Tables, figures and report of the trials that are done; `None` if stopped. Files that are the same already are left alone. If another
/// process finishes the others meanwhile, they are made again with all.
pub(crate) fn collect(
    study: &Study,
    (prepared, figures): (&Prepared, &[Figure]),
    store: &Store<'_>,
    (solver, stop): (&dyn Solver, &AtomicBool),
) -> Result<Option<Report>> {
    let Some(collected) = collect_done(study, (prepared, figures), store, (solver, stop))? else { return Ok(None) };
    let is_done = |trial: &PreparedTrial| Ok(matches!(store.find(trial)?, Found::Done(_)));
    let all_done = || prepared.trials.iter().map(is_done).collect::<Result<Vec<_>>>();
    if collected.partial.is_some() && all_done()?.iter().all(|is_done| *is_done) {
        return collect_done(study, (prepared, figures), store, (solver, stop));
    }
    Ok(Some(collected))
}

fn collect_done(
    study: &Study,
    (prepared, figures): (&Prepared, &[Figure]),
    store: &Store<'_>,
    (solver, stop): (&dyn Solver, &AtomicBool),
) -> Result<Option<Report>> {
    let directory = store.directory();
    let mut finished = Vec::new();
    let mut engines = EngineCounts::new();
    let mut devices: BTreeMap<Option<String>, usize> = BTreeMap::new();
    let mut pending = Vec::new();
    for trial in &prepared.trials {
        match store.find(trial)? {
            Found::Done(Finished { result, reason, device }) => {
                *devices.entry(device.clone()).or_insert(0) += usize::from(trial.is_solved());
                let engine = match result {
                    TrialResult::Trajectory(trajectory) => trajectory.engine.name(),
                    TrialResult::Answer(_) => trial.trial.kind.name(),
                };
                *engines.entry((engine, reason.clone())).or_insert(0) += usize::from(trial.is_solved());
                finished.push((trial, result));
            }
            Found::Pending | Found::Unusable(_) => pending.push(trial),
        }
    }
    if finished.is_empty() {
        let reason = format!("none of its {} trials is done; run the study", prepared.trials.len());
        return Err(Error::directory(directory, reason));
    }
    let Some(results) = Results::new(study, (finished, pending), solver, stop) else { return Ok(None) };
    let (partial, unanswered) = (results.partial(), unanswered(&results));
    let findings: Vec<_> = study.checks.iter().flat_map(|check| judge(check, &results)).collect();
    tables::write(directory, &results, &findings)?;
    results::write(directory, &results)?;
    let (drawn, not_drawn) = figures::draw_all(&directory.join("figures"), figures, &results, &findings);
    let path = directory.join("report.md");
    let notes: Vec<String> = mixed_devices(&devices).into_iter().collect();
    write_changed(&path, markdown(&results, &findings, (&drawn, &not_drawn), &engines, &notes).as_bytes())?;
    Ok(Some(Report { directory: directory.to_owned(), path, findings, unanswered, not_drawn, notes, partial }))
}

/// Metrics that have no value in any answer, though there are answers.
fn unanswered(results: &Results<'_>) -> Vec<Unanswered> {
    let answers = || results.trials.iter().filter_map(|measured| measured.answer());
    let of_metric = |metric: &Metric| {
        let mut missing = answers().map(|answer| metric.missing_path(|path| answer.numbers(path)));
        let reason = missing.next()??;
        let is_nowhere = missing.all(|missing| missing.is_some());
        is_nowhere.then(|| Unanswered { metric: metric.name.clone(), reason })
    };
    results.study.metrics.iter().filter_map(of_metric).collect()
}

/// What to say if trials ran on several kinds of devices: their roundings differ, and differences between trials may be those.
fn mixed_devices(devices: &BTreeMap<Option<String>, usize>) -> Option<String> {
    let used: Vec<_> =
        devices.iter().filter_map(|(device, count)| Some(format!("{} ({count})", device.as_ref()?))).collect();
    (used.len() > 1).then(|| {
        format!(
            "trials ran on devices of several kinds, whose roundings differ: {}; run the study on one kind to compare its trials to rounding",
            used.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_several_kinds_are_named() {
        let one = BTreeMap::from([(None, 3), (Some("flex".to_owned()), 2)]);
        assert_eq!(mixed_devices(&one), None);
        let two = BTreeMap::from([(Some("flex".to_owned()), 2), (Some("wgpu".to_owned()), 5)]);
        assert!(mixed_devices(&two).is_some_and(|text| text.contains("flex (2), wgpu (5)")));
    }
}
