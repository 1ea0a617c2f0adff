//! `widenet plan` says what would run, on which engine and why, with memory and time.

use widenet_core::{document::Document, humanized, trajectory::Engine};
use widenet_engines::{Alternative, Engines, Request, Solver, load_problem};
use widenet_experiment::{Estimate, Study, TrialPlan};
use widenet_output::Table;

use crate::{
    answer::give,
    arguments::PlanArguments,
    engine::with_option,
    exit::{Exit, Failure},
    say::{line, note},
};

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
            planned.push(Planned {
                label: trial.trial.label,
                plan: trial.plan.map_err(|error| error.to_string()),
                others: Vec::new(),
                solved_as: trial.solved_as,
            });
        }
    } else {
        if arguments.width.is_empty() {
            return Err("a problem is planned at given widths: add --width 64,1e6,inf".into());
        }
        let problem = load_problem(&arguments.file, &arguments.overrides.set)?;
        let limit = arguments.engine.limit.options();
        limit.check(&problem, &arguments.width).map_err(with_option)?;
        problem.data.provenance.notes().iter().for_each(|said| note(said));
        let rule = arguments.engine.rule(&arguments.width)?;
        for &width in &arguments.width {
            let hidden = arguments.engine.hidden().at(width, &arguments.width, &problem);
            let precision = arguments.engine.precision();
            let request = Request { problem: &problem, width, seed: 0, precision, hidden, limit };
            let plan = engines.plan(&request, rule.at(&problem, width));
            let others = plan.as_ref().map_or_else(|_| Vec::new(), |plan| engines.alternatives(&request, plan.engine));
            let plan = plan.map(|plan| TrialPlan::of_problem(plan, &problem, width)).map_err(with_option);
            planned.push(Planned { label: format!("width {width}"), plan, others, solved_as: None });
        }
    }
    engines.take_notes().iter().for_each(|said| note(said));
    print(&planned)
}

/// A line of the plan.
struct Planned {
    label: String,
    /// What runs it, or why nothing does.
    plan: Result<TrialPlan, String>,
    /// Engines that were not chosen.
    others: Vec<Alternative>,
    /// The trial whose result it shares.
    solved_as: Option<String>,
}

impl Planned {
    fn rows(&self) -> Vec<Vec<String>> {
        let Ok(plan) = &self.plan else { return Vec::new() };
        let row = |label: &str, runner: &str, [bytes, seconds]: [String; 2], why: String| {
            vec![label.to_owned(), runner.to_owned(), bytes, seconds, why]
        };
        let nothing = || ["–", "–"].map(String::from);
        if let Some(other) = &self.solved_as {
            return vec![row(&self.label, plan.runner, nothing(), format!("is that of {other}"))];
        }
        let is_least = plan.estimate.is_some_and(|estimate| estimate.is_least);
        let cost = |engine: Option<Engine>, bytes, seconds| {
            let bound = if engine.is_some_and(Engine::is_on_device) { "about" } else { "up to" };
            let of_time = if is_least { "at least" } else { bound };
            [format!("{bound} {}", humanized::bytes(bytes)), format!("{of_time} {}", humanized::seconds(seconds))]
        };
        let estimate =
            plan.estimate.map_or_else(nothing, |Estimate { bytes, seconds, .. }| cost(plan.engine, bytes, seconds));
        let chosen = row(&self.label, plan.runner, estimate, plan.reason.clone());
        let others = self.others.iter().map(|other| {
            let cost = other.cost.map_or_else(nothing, |(bytes, seconds)| cost(Some(other.engine), bytes, seconds));
            let why = other.obstacle.as_ref().map_or("not chosen".into(), |obstacle| format!("cannot run: {obstacle}"));
            row("", other.engine.name(), cost, why)
        });
        std::iter::once(chosen).chain(others).collect()
    }
}

fn print(planned: &[Planned]) -> Result<Exit, Failure> {
    let rows: Vec<Vec<String>> = planned.iter().flat_map(Planned::rows).collect();
    let table = Table::new(["trial", "engine", "memory", "time", "why"], rows).to_text();
    let solved = planned.iter().filter(|planned| planned.solved_as.is_none());
    let estimates: Vec<f64> =
        solved.filter_map(|planned| Some(planned.plan.as_ref().ok()?.estimate?.seconds)).collect();
    let is_asked = planned.iter().filter_map(|planned| planned.plan.as_ref().ok()).any(|plan| plan.estimate.is_none());
    let time = if is_asked && estimates.is_empty() {
        String::new()
    } else {
        let is_least = |planned: &Planned| {
            planned.plan.as_ref().is_ok_and(|plan| plan.estimate.is_some_and(|estimate| estimate.is_least))
        };
        let bound = if planned.iter().any(is_least) { "at least" } else { "up to about" };
        format!(
            ", {bound} {} of engine time",
            humanized::seconds(estimates.iter().fold(0.0, |sum, seconds| sum + seconds))
        )
    };
    let trials = planned.iter().filter(|planned| planned.plan.is_ok()).count();
    let plural = if trials == 1 { "" } else { "s" };
    // A table of what can run; without any, what cannot says it all.
    if trials > 0 {
        give(|out| writeln!(out, "{table}{trials} trial{plural}{time}"))?;
    }
    let mut refused = false;
    for Planned { label, plan, .. } in planned {
        if let Err(reason) = plan {
            refused = true;
            line(&format!("cannot run {label}: {reason}"));
        }
    }
    Ok(if refused { Exit::Unusable } else { Exit::Done })
}
