//! `widenet solve` prints trajectories of a problem, `widenet parameterization` its scaling as a table.

use widenet::{Distances, Planned, SolveOptions, Solving, compared_quantity};
use widenet_core::{humanized, problem::ScalingTable};
use widenet_engines::{Engines, Request, Solution, load_problem, stable_rate};
use widenet_output::{Format, OutputFile};

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
    let engines = Engines::new(arguments.engine.device)?;
    let options = SolveOptions {
        widths: &arguments.width,
        rule: arguments.engine.rule(&arguments.width)?,
        precision: arguments.engine.precision(),
        hidden: arguments.engine.hidden(),
        limit: arguments.engine.limit.options(),
    };
    let solving = Solving::new(&engines, &problem, &options).map_err(with_option)?;
    let seeds = arguments.seeds.all();
    solving.check_memory(seeds.end().saturating_sub(*seeds.start()).saturating_add(1), "--seeds")?;
    solving.notes().iter().for_each(|said| note(said));
    let solved = Solved::default();
    let compared = compared_quantity(&problem);
    let (json, left) = (arguments.json, solved.clone());
    leave(move |out| match left.so_far() {
        trajectories if json => write_json(out, &trajectories),
        trajectories => out.write_all(table(&trajectories, compared, &[]).as_bytes()),
    });
    let mut failure = None;
    // The seeds of the first width come first.
    for (planned, seed) in solving.planned().iter().flat_map(|planned| seeds.clone().map(move |seed| (planned, seed))) {
        if interrupt::is_stopped() {
            break;
        }
        if let Err(error) = solve(&solving, planned, seed, &solved) {
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
            let distances = if compares {
                let Distances { values, obstacles } =
                    solving.distances(compared, &trajectories, &|_| interrupt::control());
                obstacles.iter().for_each(|said| note(said));
                values
            } else {
                Vec::new()
            };
            give(|out| out.write_all(table(&trajectories, compared, &distances).as_bytes()))?;
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(if interrupt::is_stopped() { Exit::Interrupted } else { Exit::Done }),
    }
}

/// One solution, with a bar if it takes long.
fn solve(solving: &Solving<'_>, planned: &Planned<'_>, seed: u64, solved: &Solved) -> Result<(), Failure> {
    let Planned { request, engine } = *planned;
    let bar = progress::single(&format!("width {}, seed {seed}, {}", request.width, engine.name()));
    solved.begin(&Request { seed, ..request }, engine);
    let solution = solving.solve(planned, seed, None, &|progress| {
        bar.update(progress.fraction);
        solved.follow(progress);
        interrupt::control()
    });
    bar.finish();
    let Solution { trajectory, notes } = solution.inspect_err(|_| solved.end(None))?;
    notes.iter().for_each(|said| note(said));
    solved.end(Some(trajectory));
    Ok(())
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
