//! `widenet solve` and `widenet parameterization`.

use std::{io::Write, sync::atomic::Ordering};

use widenet_core::{
    Problem, Trajectory, Width,
    problem::{Quantity, ScalingTable},
    training::{Control, stable_learning_rate},
    trajectory::{Record, Status, Value},
};
use widenet_experiment::{EngineChoice, Engines, Request, Solver};

use crate::{
    Exit, Failure,
    arguments::{EngineOption, ParameterizationArguments, SolveArguments},
    interrupt, progress, table,
};

/// Solves at every width and seed; prints one table or JSON.
pub(crate) fn run(arguments: &SolveArguments) -> Result<Exit, Failure> {
    let problem = Problem::load(&arguments.problem, &arguments.overrides.set)?;
    let choice = engine_choice(arguments.engine.engine, &arguments.width)?;
    let engines = Engines::new(arguments.engine.device);
    let stop = interrupt::flag()?;
    let mut trajectories: Vec<Trajectory> = Vec::new();
    for &width in &arguments.width {
        for seed in arguments.seeds.list() {
            let request = Request { problem: &problem, width, seed, precision: arguments.engine.precision };
            let plan = engines.plan(&request, choice)?;
            let bar = progress::single(&format!("width {width}, seed {seed}, {}", plan.engine.name()));
            let solution = engines.solve(&request, plan.engine, None, &|progress| {
                bar.update(progress.fraction);
                if stop.load(Ordering::SeqCst) { Control::Stop } else { Control::Continue }
            })?;
            bar.finish();
            for note in engines.take_notes().into_iter().chain(solution.notes) {
                writeln!(std::io::stderr(), "note: {note}")?;
            }
            if let Some(hint) = divergence_hint(&problem, &solution.trajectory) {
                writeln!(std::io::stderr(), "note: {hint}")?;
            }
            trajectories.push(solution.trajectory);
            if stop.load(Ordering::SeqCst) {
                break;
            }
        }
    }
    if arguments.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&trajectories)?)?;
    } else {
        write!(std::io::stdout(), "{}", summary(&trajectories))?;
    }
    Ok(if stop.load(Ordering::SeqCst) { Exit::Interrupted } else { Exit::Done })
}

/// The choice handed to the solver; `limit` is for width ∞ alone.
pub(crate) fn engine_choice(option: EngineOption, widths: &[Width]) -> Result<EngineChoice, Failure> {
    match option {
        EngineOption::Choice(choice) => Ok(choice),
        EngineOption::LimitOnly => match widths.iter().find(|width| **width != Width::Infinite) {
            None => Ok(EngineChoice::Auto),
            Some(width) => {
                Err(format!("--engine limit solves only width inf, not {width}; use law or dense for finite widths")
                    .into())
            }
        },
    }
}

/// What to do about a diverged run.
fn divergence_hint(problem: &Problem, trajectory: &Trajectory) -> Option<String> {
    let Status::Diverged { step, time } = trajectory.status else { return None };
    let width = trajectory.width;
    let mut hint = format!("width {width}, seed {} diverged at step {step} (time {time})", trajectory.seed);
    let kernel = match width {
        Width::Finite(m) => Some(stable_learning_rate(problem, &problem.scaling().at(m))),
        Width::Infinite => match problem.scaling().limit() {
            Ok(widenet_core::scaling::Limit::Network(network)) => Some(stable_learning_rate(problem, &network)),
            _ => None,
        },
    };
    if let Some(bound) = kernel {
        hint.push_str(&format!(
            "; gradient descent is stable at initialisation for learning rates below 2/(λ_max(Σ) Θ_0) = {bound:.4}, and \
             rich training needs less"
        ));
    }
    Some(hint)
}

fn scalar(record: &Record, quantity: Quantity) -> Option<f64> {
    match record.values.get(&quantity) {
        Some(Value::Scalar(value)) => Some(*value),
        _ => None,
    }
}

/// One row per trajectory: its last record, and its distance to the limit where both predictors are there.
fn summary(trajectories: &[Trajectory]) -> String {
    let limit = |seed: u64| {
        let at = |trajectory: &&Trajectory| trajectory.width == Width::Infinite && trajectory.seed == seed;
        trajectories.iter().find(at)
    };
    let scalars: Vec<Quantity> = Quantity::ALL
        .into_iter()
        .filter(|quantity| {
            let recorded = |record: &Record| scalar(record, *quantity).is_some();
            trajectories.iter().any(|trajectory| trajectory.records.iter().any(recorded))
        })
        .collect();
    let compare = trajectories.iter().any(|trajectory| trajectory.width == Width::Infinite);
    let mut header = vec!["width", "engine", "seed", "status", "step", "time"];
    header.extend(scalars.iter().map(|quantity| quantity.name()));
    if compare {
        header.push("sup |predictor - limit|");
    }
    let rows: Vec<Vec<String>> = trajectories
        .iter()
        .map(|trajectory| {
            let mut row = vec![
                trajectory.width.to_string(),
                trajectory.engine.name().to_string(),
                trajectory.seed.to_string(),
                trajectory.status.word().to_string(),
            ];
            let last = trajectory.records.last();
            row.push(last.map_or("-".into(), |record| record.step.to_string()));
            row.push(last.map_or("-".into(), |record| table::number(record.time)));
            for quantity in &scalars {
                let value = last.and_then(|record| scalar(record, *quantity));
                row.push(value.map_or("-".into(), table::number));
            }
            if compare {
                let distance = limit(trajectory.seed).and_then(|limit| trajectory.predictor_distance(limit));
                row.push(distance.map_or("-".into(), table::number));
            }
            row
        })
        .collect();
    table::aligned(&header, &rows)
}

/// Prints the parameterisation of a problem.
pub(crate) fn parameterization(arguments: &ParameterizationArguments) -> Result<Exit, Failure> {
    let problem = Problem::load(&arguments.problem, &arguments.overrides.set)?;
    let scaling = problem.scaling();
    write!(std::io::stdout(), "{}", ScalingTable::new(&scaling, arguments.width))?;
    Ok(Exit::Done)
}
