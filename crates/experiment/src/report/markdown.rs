//! Writes `report.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use widenet_core::{Width, trajectory::Status};
use widenet_engines::Reference;
use widenet_output::{
    Table,
    escape::{markdown as inline, markdown_lines},
};
use widenet_statistics::{Finding, Moments};

use super::figures::NotDrawn;

use crate::{
    measure::{MeasuredTrial, Results},
    study::Metric,
    trials::MOST_LISTED,
    version::VERSION,
};

/// Numbers of trials by engine and reason.
pub(super) type EngineCounts = BTreeMap<(&'static str, String), usize>;

pub(super) fn markdown(
    results: &Results<'_>,
    findings: &[Finding],
    (figures, not_drawn): (&[String], &[NotDrawn]),
    engines: &EngineCounts,
    notes: &[String],
) -> String {
    let study = results.study;
    // The study may be a stranger's.
    let (claim, expected) = (markdown_lines(&study.claim), markdown_lines(&study.expected));
    let mut text = format!("# {}\n\n{claim}\n\nExpected: {expected}\n", study.name);
    if let Some(partial) = results.partial() {
        text.push_str(&format!(
            "\n**Partial: {partial}. Tables and figures are of these, and no verdict is final.**\n"
        ));
    }
    // Writing to a String cannot fail.
    let mut section = |title: &str, body: String| {
        let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
    };
    if !findings.is_empty() {
        section("Verdicts", verdicts(findings));
    }
    if !study.metrics.is_empty() {
        section(
            "Metrics",
            format!(
                "Mean ± standard error over seeds; in parentheses that of the reference, where it is an estimate.\n\n{}",
                summary(results)
            ),
        );
    }
    if !(figures.is_empty() && not_drawn.is_empty()) {
        let missing = not_drawn
            .iter()
            .map(|NotDrawn { figure, reason }| format!("- `{figure}` could not be drawn: {}\n", inline(reason)));
        let links = figures.iter().map(|stem| format!("![{stem}](figures/{stem}.svg)\n\n"));
        section("Figures", links.chain(missing).collect());
    }
    if let Some(stopped) = stopped(results) {
        section("Stopped", stopped);
    }
    let mut warnings = warnings(results);
    warnings.extend(notes.iter().cloned());
    if !warnings.is_empty() {
        section("Excluded", warnings.iter().map(|warning| format!("- {}\n", inline(warning))).collect());
    }
    let rows =
        engines.iter().map(|((engine, reason), count)| vec![(*engine).into(), count.to_string(), reason.clone()]);
    section("Engines", Table::new(["engine", "trials", "why"], rows).to_markdown());
    section(
        "Made by",
        format!(
            "widenet {}. The study as given is in `study.{}`, as run in `resolved.toml`; every {} is in \
             `table.csv`, every metric in `metrics.csv`, every fit in `fits.csv`.{}",
            VERSION,
            study.source.1,
            if study.kind.is_problem() { "record" } else { "answer" },
            long_lists(results)
        ),
    );
    text
}

/// Which lists of answers are in no table.
fn long_lists(results: &Results<'_>) -> String {
    let answers = results.trials.iter().filter_map(MeasuredTrial::answer);
    let lists: BTreeSet<String> = answers.flat_map(|answer| answer.by_path().1).collect();
    if lists.is_empty() {
        return String::new();
    }
    let lists: Vec<String> = lists.iter().map(|path| format!("`{path}`")).collect();
    format!(
        " Lists of over {MOST_LISTED} numbers are in the files `answer.json` of the trials only: {}.",
        lists.join(", ")
    )
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
    let table = Table::new(["check", "group", "predicted", "measured", "verdict", "why"], findings.iter().map(row));
    format!("In brackets the 95 % confidence interval.\n\n{}", table.to_markdown())
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
                let itself = width == Some(Width::Infinite) && metric.reference() == Some(Reference::Limit);
                let found: Vec<_> = at_width.iter().filter_map(|trial| trial.metrics[column].as_ref().ok()).collect();
                let values: Vec<f64> = found.iter().map(|found| found.value).collect();
                let errors: Vec<f64> = found.iter().map(|found| found.error).collect();
                let number = mean_and_error(&values) + &reference_error(&errors);
                let diverged = at_width.iter().filter(|trial| trial.has_diverged()).count();
                match (itself, diverged) {
                    (true, _) => "–".into(),
                    (false, 0) => number,
                    (false, diverged) => format!("{number} ({diverged} of {} diverged)", at_width.len()),
                }
            }));
            rows.push(row);
        }
    }
    Table::new(header, rows).to_markdown()
}

fn mean_and_error(values: &[f64]) -> String {
    let moments = Moments::of(values);
    match values {
        [] => "–".into(),
        [one] => format!("{one:.3e}"),
        // One number of all seeds.
        [first, others @ ..] if others.iter().all(|value| value == first) => format!("{first:.3e}"),
        _ => format!("{:.3e} ± {:.1e}", moments.mean(), moments.standard_error()),
    }
}

/// The standard error of references, where they are estimates.
fn reference_error(errors: &[f64]) -> String {
    match Moments::of(errors).mean() {
        error if error > 0.0 => format!(" (reference ± {error:.1e})"),
        _ => String::new(),
    }
}

/// Trials that reached a goal of `[stop]`; their last record is the final one.
fn stopped(results: &Results<'_>) -> Option<String> {
    let statuses = results.trials.iter().map(|measured| (measured, measured.result.status()));
    let stopped = statuses.filter(|(_, status)| matches!(status, Status::Stopped(_)));
    let lines: String = stopped
        .map(|(measured, status)| format!("- trial {} {}\n", inline(&measured.trial.label), status.ending()))
        .collect();
    (!lines.is_empty())
        .then(|| format!("Final values are those of the last record, where training stopped.\n\n{lines}"))
}

/// Trials and values that no fit contains, with the reason.
fn warnings(results: &Results<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    // Equal reasons are told once, with the number of trials.
    let mut missing: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for MeasuredTrial { trial, result, metrics, .. } in &results.trials {
        let status = result.status();
        if !status.is_success() {
            warnings.push(format!("trial {} {}; its metrics are in no fit and no mean", trial.label, status.ending()));
            continue;
        }
        for (Metric { name, .. }, value) in results.study.metrics.iter().zip(metrics) {
            match value {
                Err(reason) => missing.entry((name, reason)).or_default().push(&trial.label),
                Ok(found) if found.value == 0.0 && trial.width != Some(Width::Infinite) && trial.kind.is_problem() => {
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
