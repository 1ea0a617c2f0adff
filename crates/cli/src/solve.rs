//! `widenet solve` prints trajectories of a problem, `widenet parameterization` its scaling as a table.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
};

use widenet_core::document::Word;
use widenet_core::{
    Problem, Trajectory, Width, humanized,
    problem::{Quantity, Rule, ScalingTable},
    scaling::Limit,
    training::{Control, Progress, stable_learning_rate},
    trajectory::{Engine, Status, Value},
};
use widenet_engines::{
    Engines, Reference, References, Request, Solution, Solver, load_problem, rate_warning, stable_rate,
};
use widenet_output::{Table, escape::lines};

use crate::{
    arguments::{ParameterizationArguments, SolveArguments},
    engine::with_option,
    exit::{Exit, Failure},
    interrupt, progress,
};

/// Solves at every width and seed; prints one table or JSON. What was solved before a failure is printed too.
pub(crate) fn run(arguments: &SolveArguments) -> Result<Exit, Failure> {
    let problem = load_problem(&arguments.problem, &arguments.overrides.set)?;
    let limit = arguments.engine.limit.options();
    limit.check(&problem, &arguments.width).map_err(with_option)?;
    let engines = Engines::new(arguments.engine.device)?.with_limit(limit);
    let rule = arguments.engine.rule(&arguments.width)?;
    for (i, width) in arguments.width.iter().enumerate() {
        if arguments.width[..i].contains(width) {
            return Err(format!("width {width} is given twice; give distinct widths").into());
        }
    }
    let mut jobs = Vec::new();
    for &width in &arguments.width {
        let hidden = arguments.engine.hidden().at(width, &arguments.width, &problem);
        for seed in arguments.seeds.list() {
            let request = Request { problem: &problem, width, seed, precision: arguments.engine.precision(), hidden };
            jobs.push((request, engines.plan(&request, rule.at(&problem, width)).map_err(with_option)?.engine));
        }
    }
    say(engines.take_notes().into_iter().chain(problem.warnings()).chain(rate_warning(&problem)))?;
    let stop = interrupt::flag()?;
    let mut trajectories: Vec<Trajectory> = Vec::new();
    let mut failure = None;
    for (request, engine) in jobs {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        match solve(&engines, &request, engine, &stop) {
            Ok(trajectory) => trajectories.push(trajectory),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    if failure.is_none() || !trajectories.is_empty() {
        match arguments.json {
            true => writeln!(std::io::stdout(), "{}", serde_json::to_string(&trajectories)?)?,
            false => {
                let watch = |_: &Progress<'_>| {
                    if stop.load(Ordering::SeqCst) { Control::Stop } else { Control::Continue }
                };
                let mut references = References::new(&engines, &watch);
                trajectories.iter().for_each(|limit| references.know(&problem, "", limit));
                let mut distances = Distances::new(references);
                let table = summary(&problem, &trajectories, &mut distances);
                say(distances.obstacles)?;
                write!(std::io::stdout(), "{table}")?;
            }
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(if stop.load(Ordering::SeqCst) { Exit::Interrupted } else { Exit::Done }),
    }
}

/// One solution, with a bar if it takes long.
fn solve(engines: &Engines, request: &Request<'_>, engine: Engine, stop: &AtomicBool) -> Result<Trajectory, Failure> {
    let bar = progress::single(&format!("width {}, seed {}, {}", request.width, request.seed, engine.name()));
    let solution = engines.solve(request, engine, None, &|progress| {
        bar.update(progress.fraction);
        if stop.load(Ordering::SeqCst) { Control::Stop } else { Control::Continue }
    });
    bar.finish();
    let Solution { trajectory, notes } = solution?;
    say(notes.into_iter().chain(divergence_hint(request.problem, &trajectory)))?;
    Ok(trajectory)
}

fn say(notes: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    for note in notes {
        writeln!(std::io::stderr(), "note: {}", lines(&note))?;
    }
    Ok(())
}

/// What to do about a diverged run.
fn divergence_hint(problem: &Problem, trajectory: &Trajectory) -> Option<String> {
    let Status::Diverged { step, time } = trajectory.status else { return None };
    let width = trajectory.width;
    let mut hint = format!("width {width}, seed {} diverged at step {step} (time {time})", trajectory.seed);
    if !problem.is_solved_as_predictor() {
        if let Ok(bound) = stable_rate(problem) {
            hint.push_str(&format!("; infinitely wide networks are stable for learning rates below {bound:.3e}"));
        }
        return Some(hint);
    }
    let kernel = match (width, problem.scaling().limit()) {
        (Width::Finite(m), _) => problem.scaling().at(m).tangent_kernel(),
        (Width::Infinite, Ok(Limit::Network(network))) => network.tangent_kernel(),
        (Width::Infinite, Ok(Limit::Lazy { kernel, .. })) => kernel,
        (Width::Infinite, Err(_)) => return Some(hint),
    };
    let bound = stable_learning_rate(problem, kernel);
    if matches!(problem.optimizer.rule, Rule::Descent { .. }) && bound.is_normal() {
        hint.push_str(&format!(
            "; gradient descent is stable at initialisation for learning rates below 2/(λ_max(Σ) Θ_0 + weight_decay) = {bound:.3e}, \
             and rich training needs less"
        ));
    }
    Some(hint)
}

fn scalar(values: &BTreeMap<Quantity, Value>, quantity: Quantity) -> Option<f64> {
    match values.get(&quantity) {
        Some(Value::Scalar(value)) => Some(*value),
        _ => None,
    }
}

/// Distances to the limit, which is computed once for all trajectories that have the same, and why there are none.
struct Distances<'a> {
    references: References<'a>,
    /// Each said once.
    obstacles: Vec<String>,
}

impl<'a> Distances<'a> {
    fn new(references: References<'a>) -> Self {
        Self { references, obstacles: Vec::new() }
    }

    fn measure(&mut self, problem: &Problem, quantity: Quantity, trajectory: &Trajectory) -> Option<f64> {
        match self.references.get(Reference::Limit, problem, "", trajectory) {
            Ok(limit) => trajectory.distance(quantity, limit),
            Err(reason) => {
                let obstacle = format!("no distance to the limit at width {}: {reason}", trajectory.width);
                if !self.obstacles.contains(&obstacle) {
                    self.obstacles.push(obstacle);
                }
                None
            }
        }
    }
}

/// One row per trajectory: its last record and, if width ∞ was asked for, its distance to the limit (for a limit with a random
/// start: given the trajectory's own).
fn summary(problem: &Problem, trajectories: &[Trajectory], distances: &mut Distances<'_>) -> String {
    let records = || trajectories.iter().flat_map(|trajectory| &trajectory.records);
    let scalars: Vec<Quantity> = Quantity::all()
        .filter(|quantity| records().any(|record| scalar(&record.values, *quantity).is_some()))
        .collect();
    let has_error = |quantity: &Quantity| records().any(|record| scalar(&record.errors, *quantity).is_some());
    let compare = trajectories.iter().any(|trajectory| trajectory.width == Width::Infinite);
    let mut header = vec!["width", "engine", "seed", "status", "step", "time"];
    let names: Vec<String> = scalars
        .iter()
        .flat_map(|quantity| {
            let error = has_error(quantity).then(|| format!("{}_error", quantity.name()));
            std::iter::once(quantity.name().to_owned()).chain(error)
        })
        .collect();
    header.extend(names.iter().map(String::as_str));
    let compared = if problem.is_solved_as_predictor() { Quantity::Predictor } else { Quantity::Outputs };
    let column = format!("sup |{} - limit|", compared.name());
    if compare {
        header.push(&column);
    }
    let rows: Vec<Vec<String>> = trajectories
        .iter()
        .map(|trajectory| {
            let mut row = vec![
                trajectory.width.to_string(),
                trajectory.engine.name().to_string(),
                trajectory.seed.to_string(),
                match trajectory.status {
                    Status::Diverged { step, .. } => format!("diverged at step {step}"),
                    status => status.word().to_string(),
                },
            ];
            let last = trajectory.records.last();
            row.push(last.map_or("-".into(), |record| record.step.to_string()));
            row.push(last.map_or("-".into(), |record| humanized::number(record.time)));
            for quantity in &scalars {
                let value = last.and_then(|record| scalar(&record.values, *quantity));
                row.push(value.map_or("-".into(), humanized::number));
                if has_error(quantity) {
                    let error = last.and_then(|record| scalar(&record.errors, *quantity));
                    row.push(error.map_or("-".into(), humanized::number));
                }
            }
            if compare {
                let distance = distances.measure(problem, compared, trajectory);
                row.push(distance.map_or("-".into(), humanized::number));
            }
            row
        })
        .collect();
    Table::new(header, rows).to_text()
}

/// Prints the parameterisation of a problem.
pub(crate) fn parameterization(arguments: &ParameterizationArguments) -> Result<Exit, Failure> {
    let problem = load_problem(&arguments.problem, &arguments.overrides.set)?;
    let scaling = problem.scaling();
    write!(std::io::stdout(), "{}", ScalingTable::of_problem(&problem, &scaling, arguments.width))?;
    if let (false, Ok(rate)) = (problem.is_solved_as_predictor(), stable_rate(&problem)) {
        writeln!(std::io::stdout(), "largest stable learning rate {}", humanized::number(rate))?;
    }
    Ok(Exit::Done)
}
