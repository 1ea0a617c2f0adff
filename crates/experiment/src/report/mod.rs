//! Collecting a finished run: tables, figures, verdicts, and the report that tells them.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

use widenet_core::{Width, document::Document, trajectory::Status};

use crate::{
    Error, Finding, Metric, Reference, Result, Solver, Study, Subject, Verdict,
    check::judge,
    figures,
    measure::{MeasuredTrial, Results, TrialResult, ending},
    prepare::{Prepared, prepare},
    run_directory::{Finished, Found, Manifest, write_whole},
    tables,
};

/// What a finished run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The run directory.
    pub directory: PathBuf,
    /// The report, `report.md` in it.
    pub path: PathBuf,
    /// Every check in every group.
    pub findings: Vec<Finding>,
}

impl Report {
    /// All checks are confirmed.
    pub fn all_confirmed(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict == Verdict::Confirmed)
    }
}

/// Makes tables, figures and report of a run directory again, from what is in it (and the data files).
///
/// # Errors
/// [`Error::Directory`] if it is not a run directory, was made by another version or from data that have changed, or
/// has trials that are not done, or if its data files are not where they were.
pub fn report(directory: &Path, solver: &dyn Solver) -> Result<Report> {
    let manifest = Manifest::read(directory)?;
    if manifest.version != crate::VERSION {
        let reason = format!("was made by version {}, this is version {}", manifest.version, crate::VERSION);
        return Err(Error::directory(directory, reason));
    }
    let document = Document::load(&directory.join("resolved.toml"))?;
    let path = directory.join(&manifest.source);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::file("read", &path, error))?;
    let extension = manifest.source.rsplit('.').next().unwrap_or_default().to_owned();
    let study = Study::from_document(document, (text, extension), manifest.base.clone())?;
    let prepared = prepare(&study).map_err(|error| missing_data(error, directory, &manifest))?;
    if prepared.hash != manifest.hash {
        let reason = "resolved.toml or the data files have changed since the run; run the study again";
        return Err(Error::directory(directory, reason));
    }
    collect(&study, &prepared, directory, solver)
}

fn missing_data(error: Error, directory: &Path, manifest: &Manifest) -> Error {
    match error {
        Error::Core(unreadable @ widenet_core::Error::Unreadable { .. }) => {
            let out = directory.parent().unwrap_or(directory);
            let reason = format!(
                "{unreadable}; relative data paths start from {}. If the files have moved, run `widenet study` on the \
                 study file where it is now, with --out {}: its trials are found and nothing runs again",
                manifest.base.display(),
                out.display()
            );
            Error::directory(directory, reason)
        }
        other => other,
    }
}

/// Tables, figures and report of a run whose trials are all done.
pub(crate) fn collect(study: &Study, prepared: &Prepared, directory: &Path, solver: &dyn Solver) -> Result<Report> {
    let mut finished = Vec::new();
    let mut engines = EngineCounts::new();
    let mut pending = Vec::new();
    for trial in &prepared.trials {
        match trial.directory(directory).read(&trial.trial) {
            Found::Done(found) => {
                let Finished { result, reason } = *found;
                let engine = match &result {
                    TrialResult::Trajectory(trajectory) => trajectory.engine.name(),
                    TrialResult::Answer(_) => trial.trial.subject.name(),
                };
                *engines.entry((engine, reason)).or_insert(0) += usize::from(trial.is_solved());
                finished.push((trial, result));
            }
            Found::Pending | Found::Unusable(_) => pending.push(trial.trial.label.as_str()),
        }
    }
    if let Some(first) = pending.first() {
        let reason = format!(
            "{} of {} trials are not done (the first is {first}); run the study to finish them",
            pending.len(),
            prepared.trials.len()
        );
        return Err(Error::directory(directory, reason));
    }
    let results = Results::new(study, finished, solver);
    let findings: Vec<_> = study.checks.iter().flat_map(|check| judge(check, &results)).collect();
    tables::write(directory, &results, &findings)?;
    let figures = figures::draw_all(directory, &results, &findings)?;
    let path = directory.join("report.md");
    write_whole(&path, markdown(&results, &findings, &figures, &engines).as_bytes())?;
    Ok(Report { directory: directory.to_owned(), path, findings })
}

/// Numbers of trials by engine and reason.
type EngineCounts = BTreeMap<(&'static str, String), usize>;

/// A Markdown table; `|` in cells is escaped.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(header.iter().map(|cell| (*cell).into()).collect());
    text.push_str(&line(header.iter().map(|_| "---".into()).collect()));
    rows.into_iter().for_each(|row| text.push_str(&line(row)));
    text
}

fn markdown(results: &Results<'_>, findings: &[Finding], figures: &[String], engines: &EngineCounts) -> String {
    let study = results.study;
    let mut text = format!("# {}\n\n{}\n\nExpected: {}\n", study.name, study.claim, study.expected);
    // Writing to a String cannot fail.
    let mut section = |title: &str, body: String| {
        let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
    };
    if !findings.is_empty() {
        section("Verdicts", verdicts(findings));
    }
    if !study.metrics.is_empty() {
        section("Metrics", format!("Mean ± standard error over seeds.\n\n{}", summary(results)));
    }
    if !figures.is_empty() {
        let links = figures.iter().map(|stem| format!("![{stem}](figures/{stem}.svg)\n\n"));
        section("Figures", links.collect());
    }
    let warnings = warnings(results);
    if !warnings.is_empty() {
        section("Excluded", warnings.iter().map(|warning| format!("- {warning}\n")).collect());
    }
    let rows =
        engines.iter().map(|((engine, reason), count)| vec![(*engine).into(), count.to_string(), reason.clone()]);
    section("Engines", table(&["engine", "trials", "why"], rows));
    section(
        "Made by",
        format!(
            "widenet {}. The study as given is in `study.{}`, as run in `resolved.toml`; every {} is in \
             `table.csv`, every metric in `metrics.csv`, every fit in `fits.csv`.",
            crate::VERSION,
            study.source.1,
            if study.subject == Subject::Problem { "record" } else { "answer" }
        ),
    );
    text
}

fn verdicts(findings: &[Finding]) -> String {
    let row = |finding: &Finding| {
        vec![
            finding.check.clone(),
            finding.group.clone(),
            finding.predicted.clone(),
            finding.measured(),
            format!("**{}**", finding.verdict.word()),
            finding.reason.clone(),
        ]
    };
    let body = table(&["check", "group", "predicted", "measured", "verdict", "why"], findings.iter().map(row));
    format!("In brackets the 95 % confidence interval.\n\n{body}")
}

fn summary(results: &Results<'_>) -> String {
    let metrics = &results.study.metrics;
    let header: Vec<_> = ["group", "width"].into_iter().chain(metrics.iter().map(|m| m.name.as_str())).collect();
    let mut rows = Vec::new();
    for (group, trials) in results.groups(&["width"]) {
        for width in results.study.trial_widths() {
            let at_width: Vec<_> = trials.iter().filter(|trial| trial.trial.width == width).collect();
            let mut row = vec![group.clone(), width.map_or_else(|| "–".into(), |width| width.to_string())];
            row.extend(metrics.iter().enumerate().map(|(column, metric)| {
                // The limit has no distance from itself.
                let itself = width == Some(Width::Infinite) && metric.against == Some(Reference::Limit);
                let values = at_width.iter().filter_map(|trial| trial.metrics[column].as_ref().ok().copied());
                if itself { "–".into() } else { mean_and_error(&values.collect::<Vec<f64>>()) }
            }));
            rows.push(row);
        }
    }
    table(&header, rows)
}

fn mean_and_error(values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    match values.len() {
        0 => "–".into(),
        1 => format!("{mean:.3e}"),
        // One number of all seeds.
        _ if values.iter().all(|value| *value == values[0]) => format!("{:.3e}", values[0]),
        _ => format!("{mean:.3e} ± {:.1e}", (variance / n).sqrt()),
    }
}

/// Trials and values that no fit contains, with the reason.
fn warnings(results: &Results<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    // Equal reasons are told once, with the number of trials.
    let mut missing: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for MeasuredTrial { trial, result, metrics, .. } in &results.trials {
        let status = result.status();
        if status != Status::Done {
            warnings.push(format!("trial {} {}; its metrics are in no fit and no mean", trial.label, ending(&status)));
            continue;
        }
        for (Metric { name, .. }, value) in results.study.metrics.iter().zip(metrics) {
            match value {
                Err(reason) => missing.entry((name, reason)).or_default().push(&trial.label),
                Ok(0.0) if trial.width != Some(Width::Infinite) && trial.subject == Subject::Problem => {
                    missing.entry((name, "it is 0 and has no logarithm")).or_default().push(&trial.label);
                }
                Ok(_) => {}
            }
        }
    }
    for ((metric, reason), trials) in missing {
        warnings.push(format!("`{metric}` of {} trials ({}, …): {reason}", trials.len(), trials[0]));
    }
    warnings
}
