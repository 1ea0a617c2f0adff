//! `widenet solve` prints trajectories of a problem, `widenet parameterization` its scaling as a table.

use std::sync::Arc;

use widenet_core::{
    Problem, Trajectory, Width, humanized,
    problem::{Quantity, Rule, ScalingTable},
    scaling::Limit,
    training::{Progress, stable_learning_rate},
    trajectory::{Engine, Status},
};
use widenet_engines::{
    ComparedProblem, Engines, Reference, References, Request, Solution, Solver, load_problem, rate_warning,
    stable_rate, trajectory_warnings,
};
use widenet_output::{Format, OutputFile};
use widenet_system::memory;

use crate::{
    answer::{give, leave},
    arguments::{ParameterizationArguments, SolveArguments},
    engine::with_option,
    exit::{Exit, Failure},
    interrupt, progress,
    question::say_written,
    say::note,
    solved::{Solved, is_compared, table, write_csv, write_json, write_parquet},
};

/// Solves at every width and seed; prints one table or JSON. What was solved before a failure is printed too.
pub(crate) fn run(arguments: &SolveArguments) -> Result<Exit, Failure> {
    let output = arguments.output.as_deref();
    let output = output.map(|path| OutputFile::new(path, &[Format::Json, Format::Csv, Format::Parquet])).transpose()?;
    let problem = load_problem(&arguments.problem, &arguments.overrides.set)?;
    let limit = arguments.engine.limit.options();
    limit.check(&problem, &arguments.width).map_err(with_option)?;
    let engines = Engines::new(arguments.engine.device)?;
    let rule = arguments.engine.rule(&arguments.width)?;
    for (i, width) in arguments.width.iter().enumerate() {
        if arguments.width[..i].contains(width) {
            return Err(format!("width {width} is given twice; give distinct widths").into());
        }
    }
    let seeds = arguments.seeds.all();
    let count = seeds.end().saturating_sub(*seeds.start()).saturating_add(1);
    let mut jobs = Vec::new();
    let mut kept = 0;
    for &width in &arguments.width {
        let hidden = arguments.engine.hidden().at(width, &arguments.width, &problem);
        let precision = arguments.engine.precision();
        let request = Request { problem: &problem, width, seed: *seeds.start(), precision, hidden, limit };
        jobs.push((request, engines.plan(&request, rule.at(&problem, width)).map_err(with_option)?.engine));
        kept += problem.record_bytes(width).0;
    }
    check_memory(count, kept)?;
    // The seeds of the first width come first.
    let jobs =
        jobs.iter().flat_map(|(request, engine)| seeds.clone().map(|seed| (Request { seed, ..*request }, *engine)));
    let said = engines.take_notes().into_iter().chain(problem.warnings()).chain(rate_warning(&problem));
    said.for_each(|said| note(&said));
    let solved = Solved::default();
    let compared = if problem.is_solved_as_predictor() { Quantity::Predictor } else { Quantity::Outputs };
    let (json, left) = (arguments.json, solved.clone());
    leave(move |out| match left.so_far() {
        trajectories if json => write_json(out, &trajectories),
        trajectories => out.write_all(table(&trajectories, compared, &[]).as_bytes()),
    });
    let mut failure = None;
    for (request, engine) in jobs {
        if interrupt::is_stopped() {
            break;
        }
        if let Err(error) = solve(&engines, &request, engine, &solved) {
            failure = Some(error);
            break;
        }
    }
    let trajectories = solved.finished();
    if failure.is_none() || !trajectories.is_empty() {
        if let Some(output) = &output {
            match output.format() {
                Format::Json => output.write(|out| write_json(out, &trajectories))?,
                Format::Parquet => output.write(|out| write_parquet(out, &trajectories))?,
                Format::Csv | Format::Npy | Format::Text => output.write(|out| write_csv(out, &trajectories))?,
            }
            say_written(&[output.path().to_owned()])?;
        }
        if json {
            give(|out| write_json(out, &trajectories))?;
        } else {
            let compares = is_compared(&trajectories) && !interrupt::is_stopped();
            let of = ComparedProblem { problem: &problem, hash: "", limit };
            let distances = if compares { distances(&engines, &of, compared, &trajectories) } else { Vec::new() };
            give(|out| out.write_all(table(&trajectories, compared, &distances).as_bytes()))?;
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(if interrupt::is_stopped() { Exit::Interrupted } else { Exit::Done }),
    }
}

/// Refuses more seeds than their records, of so many bytes each, can be kept of.
fn check_memory(seeds: u64, bytes: u64) -> Result<(), Failure> {
    let needed = bytes.saturating_mul(seeds);
    let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
    let (needs, has) = (humanized::bytes(needed), humanized::bytes(available));
    let fit = available / bytes.max(1);
    Err(format!(
        "the records of {seeds} seeds need {needs}, and {has} are available; {fit} seeds fit (--seeds), or set record.at or record.quantities to less"
    )
    .into())
}

/// One solution, with a bar if it takes long.
fn solve(engines: &Engines, request: &Request<'_>, engine: Engine, solved: &Solved) -> Result<(), Failure> {
    let bar = progress::single(&format!("width {}, seed {}, {}", request.width, request.seed, engine.name()));
    solved.begin(request, engine);
    let solution = engines.solve(request, engine, None, &|progress| {
        bar.update(progress.fraction);
        solved.follow(progress);
        interrupt::control()
    });
    bar.finish();
    let Solution { trajectory, notes } = solution.inspect_err(|_| solved.end(None))?;
    let warning = trajectory_warnings(request.problem, &trajectory);
    notes.into_iter().chain(divergence_hint(request.problem, &trajectory)).chain(warning).for_each(|said| note(&said));
    solved.end(Some(trajectory));
    Ok(())
}

/// Distances of trajectories to the limit, which is computed once for all that have the same. Says, once each, why there are none.
fn distances(
    engines: &Engines,
    of: &ComparedProblem<'_>,
    quantity: Quantity,
    trajectories: &[Arc<Trajectory>],
) -> Vec<Option<f64>> {
    let watch = |_: &Progress<'_>| interrupt::control();
    let mut references = References::new(engines, &watch);
    trajectories.iter().for_each(|limit| references.know(of, limit));
    let mut obstacles: Vec<String> = Vec::new();
    let measure = |trajectory: &Arc<Trajectory>| match references.get(Reference::Limit, of, trajectory) {
        Ok(limit) => trajectory.distance(quantity, limit),
        Err(reason) => {
            let obstacle = format!("no distance to the limit at width {}: {reason}", trajectory.width);
            if !obstacles.contains(&obstacle) {
                obstacles.push(obstacle);
            }
            None
        }
    };
    let distances = trajectories.iter().map(measure).collect();
    obstacles.iter().for_each(|said| note(said));
    distances
}

/// What to do about a diverged run.
fn divergence_hint(problem: &Problem, trajectory: &Trajectory) -> Option<String> {
    if !matches!(trajectory.status, Status::Diverged { .. }) {
        return None;
    }
    let width = trajectory.width;
    let mut hint = format!("width {width}, seed {} {}", trajectory.seed, trajectory.status.ending());
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

/// Prints the parameterisation of a problem.
pub(crate) fn parameterization(arguments: &ParameterizationArguments) -> Result<Exit, Failure> {
    let problem = load_problem(&arguments.problem, &arguments.overrides.set)?;
    let scaling = problem.scaling();
    let mut text = ScalingTable::of_problem(&problem, &scaling, arguments.width).to_string();
    if let (false, Ok(rate)) = (problem.is_solved_as_predictor(), stable_rate(&problem)) {
        text.push_str(&format!("largest stable learning rate {}\n", humanized::number(rate)));
    }
    give(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Done)
}
