//! `widenet coord-check` trains a network at several widths, or reads what others have measured, and prints the verdicts on exponents.

use std::path::Path;

use widenet_engines::{Engines, load_problem, rate_warning};
use widenet_experiment::coordinate_check::{CoordinateCheck, CoordinateReport, Origin, Row, make_folder};
use widenet_output::{OutputFile, Table};
use widenet_statistics::Verdict;

use crate::{
    answer::give,
    arguments::CoordCheckArguments,
    exit::{Exit, Failure},
    interrupt, progress,
    question::say_written,
    say::{line, note},
};

/// Trains networks of several widths for a few steps and says which quantities scale as predicted.
pub(crate) fn run(arguments: &CoordCheckArguments) -> Result<Exit, Failure> {
    let output = arguments.answer.output.as_deref();
    let output = output.map(|path| OutputFile::new(path, &CoordinateReport::FORMATS)).transpose()?;
    let report = match (&arguments.from, &arguments.problem) {
        (Some(table), _) => {
            let report = CoordinateReport::of_table(table, &arguments.table_options())?;
            arguments.figure.as_deref().map(make_folder).transpose()?;
            Some(report)
        }
        (None, Some(problem)) => trained(problem, arguments)?,
        (None, None) => None,
    };
    let Some(report) = report else { return Ok(Exit::Interrupted) };
    for said in &report.notes {
        note(said);
    }
    let figures = arguments.figure.as_deref().map(|folder| report.draw(folder)).transpose()?.unwrap_or_default();
    match &output {
        Some(output) => {
            report.write(output)?;
            if arguments.answer.json {
                line(conclusion(&report).trim_end());
            } else {
                give(|out| out.write_all(conclusion(&report).as_bytes()))?;
            }
        }
        None if arguments.answer.json => {
            let json = report.to_json();
            give(|out| writeln!(out, "{json}"))?;
            line(conclusion(&report).trim_end());
        }
        None => give(|out| out.write_all(verdicts(&report).as_bytes()))?,
    }
    if !arguments.answer.json {
        say_written(&output.iter().map(|output| output.path().to_owned()).chain(figures).collect::<Vec<_>>())?;
    }
    let grows = report.growing().next().is_some();
    Ok(if grows || report.is_refuted() || report.all_diverged() { Exit::CheckFailed } else { Exit::Done })
}

/// Trains the networks of a problem; `None` if it was stopped.
fn trained(problem: &Path, arguments: &CoordCheckArguments) -> Result<Option<CoordinateReport>, Failure> {
    let problem = load_problem(problem, &arguments.answer.overrides.set)?;
    for warning in problem.warnings().into_iter().chain(rate_warning(&problem)) {
        note(&warning);
    }
    let check = CoordinateCheck::new(problem, arguments.options())?;
    arguments.figure.as_deref().map(make_folder).transpose()?;
    let engines = Engines::new(arguments.device)?;
    let bar = progress::single("coordinate check");
    let report = check.run(&engines, &|fraction| {
        bar.update(fraction);
        interrupt::control()
    });
    bar.finish();
    Ok(report?)
}

/// A row per quantity, layer and step; then what grows, and how many rows came to what.
fn verdicts(report: &CoordinateReport) -> String {
    let cells = |row: &Row| {
        vec![
            row.quantity.clone(),
            row.layer.clone(),
            row.step.to_string(),
            measured(row),
            row.predicted(),
            row.finding.verdict.word().into(),
            row.finding.reason.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = report.rows.iter().map(cells).collect();
    let mut text = Table::new(["quantity", "layer", "step", "exponent", "predicted", "verdict", "why"], rows).to_text();
    text.push_str(&conclusion(report));
    text
}

/// What grows, what contradicts its prediction, and how many rows came to what.
fn conclusion(report: &CoordinateReport) -> String {
    let of = |verdict: Verdict| report.rows.iter().filter(move |row| row.finding.verdict == verdict);
    let inconclusive = of(Verdict::Inconclusive).count();
    let growing = by_step(report.growing());
    let mut text = String::new();
    for place in &growing {
        text.push_str(&format!("grows with the width: {place}\n"));
    }
    if let Some((diverged, networks)) = report.diverged() {
        text.push_str(&format!(
            "{diverged} of {networks} networks diverged: {}{}\n",
            if report.all_diverged() { "nothing can be judged; " } else { "" },
            match report.origin {
                Origin::Networks { .. } => {
                    "give a smaller learning rate (--set optimizer.learning_rate=…), or fewer --steps"
                }
                Origin::Table { .. } => "measure with a smaller learning rate, or fewer steps",
            }
        ));
    }
    if growing.is_empty() && !report.all_diverged() {
        text.push_str(&match inconclusive {
            0 => "nothing grows with the width\n".to_owned(),
            _ if report.diverged().is_some() => format!(
                "nothing is seen to grow with the width, but {inconclusive} of {} rows are inconclusive and may\n",
                report.rows.len()
            ),
            _ => format!(
                "nothing is seen to grow with the width, but {inconclusive} of {} rows are inconclusive and may: give more widths, farther \
                 apart, or more seeds\n",
                report.rows.len()
            ),
        });
    }
    for place in by_step(of(Verdict::Refuted)) {
        text.push_str(&format!("is not as predicted, or grows: {place}\n"));
    }
    let [confirmed, refuted] = [Verdict::Confirmed, Verdict::Refuted].map(|verdict| of(verdict).count());
    text.push_str(&format!("{confirmed} confirmed, {refuted} refuted, {inconclusive} inconclusive\n"));
    text
}

/// Rows by quantity and layer, with their steps.
fn by_step<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let layer = if row.layer == "all" { String::new() } else { format!(" of {}", row.layer) };
        let name = format!("{}{layer}", row.quantity);
        let step = row.step.to_string();
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, steps)) => steps.push(step),
            None => found.push((name, vec![step])),
        }
    }
    let place = |(name, steps): (String, Vec<String>)| {
        let plural = if steps.len() > 1 { "s" } else { "" };
        format!("{name}, at step{plural} {}", steps.join(", "))
    };
    found.into_iter().map(place).collect()
}

/// The exponent with its 95 % interval.
fn measured(row: &Row) -> String {
    match (row.finding.found, row.finding.interval) {
        (Some(found), Some((low, high))) => format!("{found:.3} [{low:.3}, {high:.3}]"),
        (Some(found), None) => format!("{found:.3}"),
        (None, _) => "-".into(),
    }
}
