//! `widenet plan`: what would run, on which engine and why, with memory and time.

use std::io::Write;

use widenet_core::{document::Document, trajectory::Engine};
use widenet_experiment::{Engines, Plan, Request, SolveError, Solver, Study, load_problem};

use crate::{Exit, Failure, arguments::PlanArguments, table};

/// Plans a study, or a problem at some widths. Exits with 2 if something cannot run.
pub(crate) fn run(arguments: &PlanArguments) -> Result<Exit, Failure> {
    let engines = Engines::new(arguments.engine.device)?;
    let is_study = Document::load(&arguments.file)?.get("study").is_some();
    let mut planned = Vec::new();
    if is_study {
        if !arguments.width.is_empty() {
            return Err(
                "--width is for problem files; a study names its widths (change them with --set axes.width=[…])".into(),
            );
        }
        if let Some(option) = arguments.engine.study_key() {
            return Err(format!(
                "--{option} is for problem files; a study names its own (change it with --set study.{option}=…)"
            )
            .into());
        }
        let study = Study::load(&arguments.file, arguments.full, &arguments.overrides.set)?;
        for trial in widenet_experiment::plan(&study, &engines)? {
            planned.push((trial.trial.label, trial.plan));
        }
    } else {
        if arguments.width.is_empty() {
            return Err("a problem is planned at given widths: add --width 64,1e6,inf".into());
        }
        let problem = load_problem(&arguments.file, &arguments.overrides.set)?;
        let rule = arguments.engine.rule(&arguments.width)?;
        for &width in &arguments.width {
            let request = Request { problem: &problem, width, seed: 0, precision: arguments.engine.precision() };
            planned.push((format!("width {width}"), engines.plan(&request, rule.at(width))));
        }
    }
    for note in engines.take_notes() {
        writeln!(std::io::stderr(), "note: {note}")?;
    }
    print(&planned)
}

fn print(planned: &[(String, Result<Plan, SolveError>)]) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    let rows: Vec<Vec<String>> = planned
        .iter()
        .filter_map(|(label, plan)| {
            let plan = plan.as_ref().ok()?;
            let bound = if plan.engine == Engine::Dense { "about" } else { "up to" };
            let (bytes, seconds) = (table::bytes(plan.bytes), table::seconds(plan.seconds));
            let (bytes, seconds) = (format!("{bound} {bytes}"), format!("{bound} {seconds}"));
            Some(vec![label.clone(), plan.engine.name().into(), bytes, seconds, plan.reason.clone()])
        })
        .collect();
    write!(out, "{}", table::aligned(&["trial", "engine", "memory", "time", "why"], &rows))?;
    let total: f64 = planned.iter().filter_map(|(_, plan)| plan.as_ref().ok()).map(|plan| plan.seconds).sum();
    writeln!(out, "{} trials, up to about {} of engine time", rows.len(), table::seconds(total))?;
    let mut refused = false;
    for (label, plan) in planned {
        if let Err(reason) = plan {
            refused = true;
            writeln!(std::io::stderr(), "cannot run {label}: {reason}")?;
        }
    }
    Ok(if refused { Exit::Unusable } else { Exit::Done })
}
