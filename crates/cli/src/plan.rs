//! `widenet plan` says what would run, on which engine and why, with memory and time.

use std::io::Write;

use widenet_core::{document::Document, trajectory::Engine};
use widenet_engines::{Alternative, Engines, Plan, Request, SolveError, Solver, load_problem};
use widenet_experiment::{Study, Subject};
use widenet_output::{Table, escape::lines, human};

use crate::{Exit, Failure, arguments::PlanArguments};

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
            let word = (trial.trial.subject != Subject::Problem).then(|| trial.trial.subject.name());
            planned.push(Planned {
                label: trial.trial.label,
                question: word,
                plan: trial.plan,
                others: Vec::new(),
                solved_as: trial.solved_as,
            });
        }
    } else {
        if arguments.width.is_empty() {
            return Err("a problem is planned at given widths: add --width 64,1e6,inf".into());
        }
        let problem = load_problem(&arguments.file, &arguments.overrides.set)?;
        let rule = arguments.engine.rule(&arguments.width)?;
        for &width in &arguments.width {
            let hidden = arguments.engine.hidden().at(width, &arguments.width, problem.is_deep_linear());
            let request =
                Request { problem: &problem, width, seed: 0, precision: arguments.engine.precision(), hidden };
            let plan = engines.plan(&request, rule.at(width));
            let others = plan.as_ref().map_or_else(|_| Vec::new(), |plan| engines.alternatives(&request, plan.engine));
            planned.push(Planned { label: format!("width {width}"), question: None, plan, others, solved_as: None });
        }
    }
    for note in engines.take_notes() {
        writeln!(std::io::stderr(), "note: {note}")?;
    }
    print(&planned)
}

/// A line of the plan.
struct Planned {
    label: String,
    /// The word of a question; it has no estimates.
    question: Option<&'static str>,
    plan: Result<Plan, SolveError>,
    /// Engines that were not chosen.
    others: Vec<Alternative>,
    /// The trial whose result it shares.
    solved_as: Option<String>,
}

impl Planned {
    fn rows(&self) -> Vec<Vec<String>> {
        let Ok(plan) = &self.plan else { return Vec::new() };
        if let Some(other) = &self.solved_as {
            let engine = self.question.unwrap_or_else(|| plan.engine.name());
            return vec![vec![
                self.label.clone(),
                engine.into(),
                "–".into(),
                "–".into(),
                format!("is that of {other}"),
            ]];
        }
        if let Some(question) = self.question {
            return vec![vec![self.label.clone(), question.into(), "–".into(), "–".into(), plan.reason.clone()]];
        }
        let bound = if plan.engine.is_on_device() { "about" } else { "up to" };
        let cost = |bytes, seconds| {
            [format!("{bound} {}", human::bytes(bytes)), format!("{bound} {}", human::seconds(seconds))]
        };
        let row = |label: &str, engine: Engine, [bytes, seconds]: [String; 2], why: String| {
            vec![label.to_owned(), engine.name().to_owned(), bytes, seconds, why]
        };
        let chosen = row(&self.label, plan.engine, cost(plan.bytes, plan.seconds), plan.reason.clone());
        let others = self.others.iter().map(|other| {
            let cost = other.cost.map_or(["–".into(), "–".into()], |(bytes, seconds)| cost(bytes, seconds));
            let why = other.obstacle.as_ref().map_or("not chosen".into(), |obstacle| format!("cannot run: {obstacle}"));
            row("", other.engine, cost, why)
        });
        std::iter::once(chosen).chain(others).collect()
    }
}

fn print(planned: &[Planned]) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    let rows: Vec<Vec<String>> = planned.iter().flat_map(Planned::rows).collect();
    write!(out, "{}", Table::new(["trial", "engine", "memory", "time", "why"], rows).to_text())?;
    let solved = planned.iter().filter(|planned| planned.solved_as.is_none());
    let total: f64 = solved.filter_map(|planned| planned.plan.as_ref().ok()).map(|plan| plan.seconds).sum();
    let time = match planned.iter().all(|planned| planned.question.is_some()) {
        true => String::new(),
        false => format!(", up to about {} of engine time", human::seconds(total)),
    };
    let trials = planned.iter().filter(|planned| planned.plan.is_ok()).count();
    writeln!(out, "{trials} trials{time}")?;
    let mut refused = false;
    for Planned { label, plan, .. } in planned {
        if let Err(reason) = plan {
            refused = true;
            writeln!(std::io::stderr(), "cannot run {label}: {}", lines(&reason.to_string()))?;
        }
    }
    Ok(if refused { Exit::Unusable } else { Exit::Done })
}
