//! Doubles the number of nodes until the limit is known to an accuracy.
//!
//! ```text
//! m = 2^10, …:  R replicates,  until  t_{R−1} SE ≤ accuracy · (largest number of the quantity)  for every recorded quantity
//! next m = m (error/accuracy)^(1/rate),    rate = −d log error/d log m  of the last two m
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;
use widenet_core::{
    Error, Matrix, Problem, Result, Trajectory, Width, humanized,
    problem::Quantity,
    training::Control,
    trajectory::{Engine, Record, Status},
};

use super::{
    estimate::{Estimate, interval_factor},
    grid::{Grid, grid_of},
    network::input_basis,
    problem::check,
    replicate::{Nodes, Replicate, train},
    space::Scheme,
};

/// Differences of successive numbers of nodes from which on a bias is suspected, in standard errors (root mean square).
const BIASED: f64 = 4.0;
/// Rates at which errors fall with the number of nodes: independent nodes have the first, evenly spread ones at most the last.
const RATES: (f64, f64) = (0.5, 1.0);
/// The rate that is expected before it is observed.
const USUAL_RATE: f64 = 0.75;
/// Doublings that are left out of the first step, so that a rate is known before the most expensive one.
const HELD_BACK: u32 = 2;
/// Growth of the errors of a quantity from the middle of training to its end that is said.
const GROWTH: f64 = 30.0;

/// How exactly the limit is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Half-width of 95 % intervals, relative to the largest number of each quantity over the run (of outputs, at least that of the targets).
    pub accuracy: f64,
    /// R ≥ 2: independent draws of the nodes.
    pub replicates: usize,
    /// A direction of a probe is new if it is longer than this, relative to the probe.
    pub tolerance: f64,
    /// Logarithms to base 2 of the first number of nodes per layer and of the last.
    pub log2_nodes: (u32, u32),
    /// Bytes that the replicates that run at once, as many as there are threads, may take together.
    pub memory: u64,
    /// Whether layers of few coordinates are integrated on tensor grids.
    pub grids: bool,
    /// How nodes stand for neurons.
    pub scheme: Scheme,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accuracy: 1e-3,
            replicates: 8,
            tolerance: 1e-5,
            log2_nodes: (10, 20),
            memory: 4 << 30,
            grids: true,
            scheme: Scheme::STANDARD,
        }
    }
}

impl Options {
    /// Refuses what is no accuracy, too few replicates, and tolerances outside what the factors of probes resolve.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the option, its value, and what would be right.
    pub fn check(&self) -> Result<()> {
        let invalid = |text: String| Err(Error::Invalid(text));
        if !(self.accuracy > 0.0 && self.accuracy < 1.0) {
            return invalid(format!(
                "accuracy = {:?} must lie between 0 and 1: the half-width of 95 % intervals relative to the size of what is recorded",
                self.accuracy
            ));
        }
        if self.replicates < 2 {
            return invalid(format!(
                "replicates = {} must be at least 2, as standard errors are spreads over replicates; 8 is usual",
                self.replicates
            ));
        }
        if !(1e-7..1.0).contains(&self.tolerance) {
            return invalid(format!(
                "tolerance = {:?} must lie between 1e-7, below which directions are rounding, and 1",
                self.tolerance
            ));
        }
        Ok(())
    }
}

/// The limit, and how exactly it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Records with standard errors; on a grid, with the change from a coarser one.
    pub trajectory: Trajectory,
    /// Nodes per layer (the largest number of a grid's layers).
    pub nodes: u64,
    /// Bytes that the replicates that ran at once took together.
    pub bytes: u64,
    /// Largest error, as [`Options::accuracy`] counts it; 0 where all numbers are exact.
    pub reached: f64,
    /// Sentences for the user.
    pub notes: Vec<String>,
}

/// Watches a run by the share of the work that is done, from several threads.
pub type Watch<'a> = &'a (dyn Fn(f64) -> Control + Sync);

/// Solves a problem whose limit is the mean-field limit of a perceptron, as exactly as is asked. `seed` keys nodes and minibatches. A run that
/// `watch` stops is [`Status::Interrupted`] without records.
///
/// # Errors
/// Options out of range ([`Options::check`]); problems without this limit ([`check`]); more explored directions than nodes.
pub fn solve(problem: &Problem, seed: u64, options: &Options, watch: Watch<'_>) -> Result<Solution> {
    options.check()?;
    check(problem)?;
    if let Some(grid) = grid_of(problem).filter(|_| options.grids)
        && let Some(solution) = solve_on_grids(problem, seed, &grid, options, watch)?
    {
        return Ok(solution);
    }
    let factor = interval_factor(options.replicates);
    let (mut log2, last) = options.log2_nodes;
    let (mut before, mut earlier, mut part_done): (Option<Estimate>, Option<Point>, f64) = (None, None, 0.0);
    loop {
        let rest = 1.0 - part_done;
        let level = level(problem, seed, log2, options, &|share| watch(part_done + 0.5 * rest * share))?;
        part_done += 0.5 * rest;
        let Some(level) = level else { return Ok(stopped(seed)) };
        if level.is_exhausted && log2 < last {
            log2 += 1;
            continue;
        }
        if level.is_exhausted {
            return Err(Error::Invalid(format!(
                "the limit of this problem explores more directions than 2^{last} nodes per layer can tell apart; use more nodes, fewer \
                 steps or samples, or a larger --tolerance"
            )));
        }
        let Level { estimate, bytes, .. } = level;
        let found = estimate.largest_error(problem, factor);
        let reached = found.map_or(0.0, |(error, ..)| error);
        let unfinished = estimate.status.is_success() && reached > options.accuracy;
        let now = Point { log2, error: reached };
        let fits = |doublings: u32| bytes.saturating_mul(1 << doublings) <= options.memory;
        let wanted = doublings(earlier, now, options.accuracy).min(last - log2);
        let next = (1..=wanted).rev().find(|doublings| fits(*doublings));
        if let (true, Some(doublings)) = (unfinished, next) {
            log2 += doublings;
            (before, earlier) = (Some(estimate), Some(now));
            continue;
        }
        let mut notes = Vec::new();
        notes.push(format!(
            "limit by quadrature: {} replicates of 2^{log2} nodes per layer{}",
            options.replicates,
            found.map_or_else(String::new, |(error, quantity, step)| {
                format!(", 95 % interval ±{error:.1e} of the largest {} at step {step}", quantity.name())
            })
        ));
        if unfinished {
            let why = if log2 == last { format!("2^{last} nodes are the most") } else { memory_reason(bytes, options) };
            notes.push(format!("accuracy = {:e} was not reached: {why}", options.accuracy));
        }
        notes.extend(before.and_then(|before| bias_note(&before, &estimate, problem)));
        notes.extend(growth_note(&estimate, problem));
        let Estimate { records, status } = estimate;
        return Ok(Solution { trajectory: trajectory(seed, status, records), nodes: 1 << log2, bytes, reached, notes });
    }
}

/// What a number of nodes reached.
#[derive(Debug, Clone, Copy)]
struct Point {
    log2: u32,
    error: f64,
}

/// How often the nodes must be doubled until the error is within the accuracy, one time at least.
fn doublings(before: Option<Point>, now: Point, accuracy: f64) -> u32 {
    let ratio = (now.error / accuracy).log2();
    let at = |rate: f64| (ratio / rate).ceil().clamp(1.0, 60.0) as u32;
    match before {
        None => at(USUAL_RATE).saturating_sub(HELD_BACK).max(1),
        Some(before) => {
            let observed = (before.error / now.error).log2() / f64::from(now.log2 - before.log2);
            at(observed.clamp(RATES.0, RATES.1))
        }
    }
}

fn trajectory(seed: u64, status: Status, records: Vec<Record>) -> Trajectory {
    Trajectory { width: Width::Infinite, engine: Engine::Limit, seed, status, records }
}

fn stopped(seed: u64) -> Solution {
    let trajectory = trajectory(seed, Status::Interrupted { step: 0 }, Vec::new());
    Solution { trajectory, nodes: 0, bytes: 0, reached: f64::INFINITY, notes: Vec::new() }
}

fn memory_reason(bytes: u64, options: &Options) -> String {
    format!(
        "twice as many nodes would take {}, and {} are the most",
        humanized::bytes(2 * bytes),
        humanized::bytes(options.memory)
    )
}

/// What came of all replicates with one number of nodes.
struct Level {
    estimate: Estimate,
    /// Of the replicates that ran at once.
    bytes: u64,
    is_exhausted: bool,
}

/// All replicates with 2^`log2` nodes, side by side; `None` if `watch` stopped them.
fn level(problem: &Problem, seed: u64, log2: u32, options: &Options, watch: Watch<'_>) -> Result<Option<Level>> {
    let basis = input_basis(problem);
    let nodes: Vec<Nodes> = (0..options.replicates as u64)
        .map(|replicate| Nodes::Drawn { log2, seed, replicate, scheme: options.scheme })
        .collect();
    let Some(replicates) = train_all(problem, &basis, &nodes, (options.tolerance, seed), watch)? else {
        return Ok(None);
    };
    let pairs: Vec<(&[Record], Status)> =
        replicates.iter().map(|replicate| (replicate.records.as_slice(), replicate.status)).collect();
    let estimate = Estimate::of(&pairs).cut_at_stop(problem);
    let at_once = rayon::current_num_threads().min(replicates.len()) as u64;
    let bytes = at_once * replicates.iter().map(|replicate| replicate.bytes).max().unwrap_or(0);
    let is_exhausted = replicates.iter().any(|replicate| replicate.is_exhausted);
    Ok(Some(Level { estimate, bytes, is_exhausted }))
}

/// Trains on several sets of nodes side by side; `None` if `watch` stopped them.
fn train_all(
    problem: &Problem,
    basis: &Matrix,
    nodes: &[Nodes],
    (tolerance, seed): (f64, u64),
    watch: Watch<'_>,
) -> Result<Option<Vec<Replicate>>> {
    // The mean over all of them says where training stops.
    let problem = &problem.without_stop();
    let done: Vec<AtomicU64> = nodes.iter().map(|_| AtomicU64::new(0)).collect();
    let is_stopped = AtomicBool::new(false);
    let run = |(i, nodes): (usize, &Nodes)| {
        train(problem, basis, nodes, tolerance, seed, &|share: f64| {
            done[i].store(share.to_bits(), Ordering::Relaxed);
            let sum: f64 = done.iter().map(|share| f64::from_bits(share.load(Ordering::Relaxed))).sum();
            if is_stopped.load(Ordering::Relaxed) || watch(sum / done.len() as f64) == Control::Stop {
                is_stopped.store(true, Ordering::Relaxed);
                return Control::Stop;
            }
            Control::Continue
        })
    };
    let replicates: Result<Vec<Replicate>> = nodes.par_iter().enumerate().map(run).collect();
    Ok(if is_stopped.into_inner() { None } else { Some(replicates?) })
}

/// The limit on tensor grids of growing numbers of points; `None` where no grid that fits is exact enough.
fn solve_on_grids(
    problem: &Problem,
    seed: u64,
    grid: &Grid,
    options: &Options,
    watch: Watch<'_>,
) -> Result<Option<Solution>> {
    let basis = input_basis(problem);
    for (i, points) in grid.points.iter().enumerate() {
        let pair = [points - 8, *points].map(|points| Nodes::Grid { points, axes: grid.axes.clone() });
        let share = 1.0 / grid.points.len() as f64;
        let within = |done: f64| watch((i as f64 + done) * share);
        let Some(found) = train_all(problem, &basis, &pair, (options.tolerance, seed), &within)? else {
            return Ok(Some(stopped(seed)));
        };
        let (coarse, fine) = (&found[0], &found[1]);
        let status = [coarse.status, fine.status].into_iter().find(|status| *status != Status::Done);
        let estimate = Estimate::of_grids(&fine.records, &coarse.records, status.unwrap_or(Status::Done));
        let estimate = estimate.cut_at_stop(problem);
        let reached = estimate.largest_error(problem, 1.0);
        let error = reached.map_or(0.0, |(error, ..)| error);
        if error <= options.accuracy || !estimate.status.is_success() {
            let largest = points.pow(*grid.axes.iter().max().unwrap_or(&0) as u32) as u64;
            let note = format!(
                "limit by quadrature: grids of {points} points along each of {:?} Gaussian coordinates per layer, which change the largest \
                 quantity by {error:.1e} from {} points",
                grid.axes,
                points - 8
            );
            let Estimate { records, status } = estimate;
            return Ok(Some(Solution {
                trajectory: trajectory(seed, status, records),
                nodes: largest,
                bytes: coarse.bytes + fine.bytes,
                reached: error,
                notes: vec![note],
            }));
        }
    }
    Ok(None)
}

/// What to say where two numbers of nodes disagree by more than chance.
fn bias_note(before: &Estimate, now: &Estimate, problem: &Problem) -> Option<String> {
    let (deviation, quantity, step) = now.deviation(before, problem)?;
    (deviation > BIASED).then(|| {
        format!(
            "{} at step {step} moved by {deviation:.1} standard errors with the last number of nodes: standard errors are too small there",
            quantity.name()
        )
    })
}

/// What to say where errors grow along training, as they do near the edge of stability.
fn growth_note(estimate: &Estimate, problem: &Problem) -> Option<String> {
    let middle = estimate.records.len() / 2;
    let (middle, last) = (estimate.records.get(middle)?, estimate.records.last()?);
    let growth = |quantity: &Quantity| {
        let error = |record: &Record| {
            record.errors.get(quantity).map(|value| value.flatten().iter().fold(0.0f64, |a, b| a.max(*b)))
        };
        let (before, after) = (error(middle)?, error(last)?);
        (before > 0.0 && after > GROWTH * before).then_some((after / before, *quantity))
    };
    let (growth, quantity) = problem.record.quantities.iter().filter_map(growth).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!(
        "errors of {} grow {growth:.0}-fold from step {} to step {}: training near the edge of stability amplifies those of the nodes; a smaller \
         learning rate has a sharper limit",
        quantity.name(),
        middle.step,
        last.step
    ))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use widenet_core::{document::Document, trajectory::Value};

    use super::*;

    fn problem() -> Problem {
        let text = "[network]\nhidden_layers = 2\nactivation = \"tanh\"\n[parameterization]\nkind = \"mean_field\"\n\
                    [data]\nkind = \"inline\"\ninputs = [[1, 0], [0, 1]]\ntargets = [[1], [-1]]\n\
                    [optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 2\n[record]\nquantities = [\"train_loss\"]\n";
        let document = Document::from_toml("problem.toml", text).expect("valid TOML");
        Problem::from_document(&document, Path::new("")).expect("a valid problem")
    }

    /// Losses at steps 0, 1, 2 with their standard errors.
    fn estimate(value: f64, errors: [f64; 3]) -> Estimate {
        let scalar = |number| BTreeMap::from([(Quantity::TrainLoss, Value::Scalar(number))]);
        let record = |(step, error): (usize, f64)| Record {
            errors: scalar(error),
            ..Record::new(step as u64, step as f64, scalar(value))
        };
        let records = errors.into_iter().enumerate().map(record).collect();
        Estimate { records, status: Status::Done }
    }

    /// 2^−7.4 is ten doublings away at the usual rate, less those held back; then the rate is the observed one, within its bounds.
    #[test]
    fn the_next_number_of_nodes_follows_the_rate() {
        let (first, accuracy) = (Point { log2: 10, error: 1.0 }, (-7.4f64).exp2());
        assert_eq!(doublings(None, first, accuracy), 8);
        assert_eq!(doublings(None, Point { error: 1.01 * accuracy, ..first }, accuracy), 1);
        let after = |error: f64| doublings(Some(first), Point { log2: 14, error }, accuracy);
        // Errors of 2^−4 at rate 1, 2^−3 at 3/4, 2^−2 at 1/2; slower and faster rates are those at the bounds.
        assert_eq!([-4.0, -3.0, -2.0].map(|power: f64| after(power.exp2())), [4, 6, 11]);
        assert_eq!([-1.0, -6.0].map(|power: f64| after(power.exp2())), [13, 2]);
    }

    /// On both sides of 30.
    #[test]
    fn errors_that_grow_are_told() {
        let note = |last: f64| growth_note(&estimate(1.0, [0.0, 1e-4, last]), &problem());
        assert!(note(2.9e-3).is_none());
        let said = note(3.1e-3).expect("a note");
        assert!(
            said.contains("train_loss") && said.contains("31-fold") && said.contains("edge of stability"),
            "{said}"
        );
    }

    /// On both sides of 4 combined standard errors, which are 5e-3 here.
    #[test]
    fn numbers_of_nodes_that_disagree_are_told() {
        let now = estimate(1.0, [3e-3; 3]);
        let note = |before: f64| bias_note(&estimate(before, [4e-3; 3]), &now, &problem());
        assert!(note(1.019).is_none());
        let said = note(1.021).expect("a note");
        assert!(said.contains("train_loss") && said.contains("4.2 standard errors"), "{said}");
    }
}
