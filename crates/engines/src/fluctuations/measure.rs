//! The limit and the small networks come together here: what they say of wider networks.

use std::collections::{BTreeMap, BTreeSet};

use widenet_core::{
    Problem, Trajectory, Width,
    problem::Quantity,
    training::Progress,
    trajectory::{Engine, Record, Status, Value},
};
use widenet_model::Precision;

use super::{
    agreement::Agreement,
    estimate::{Entry, Estimate, Limit, estimate},
    networks::{Networks, Watch},
    options::FluctuationOptions,
    problem::{check, jumps},
};
use crate::solver::{EngineChoice, HiddenOptions, Request, Solution, SolveError, Solver};

/// Share of the work that the limit is counted as.
const LIMIT_SHARE: f64 = 0.2;

/// How networks fluctuate around their limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fluctuations {
    /// m_0.
    pub small_width: u64,
    /// Networks of width m_0 and of 2 m_0 that were trained.
    pub networks: [usize; 2],
    /// Which engine trained those of width m_0.
    pub engine: Engine,
    /// Whether all networks were trained, not stopped before.
    pub is_complete: bool,
    /// What was recorded, in order of time.
    pub moments: Vec<Moment>,
    /// Whether both widths agree, by quantity; empty where there are no networks of width 2 m_0.
    pub agreements: Vec<Agreement>,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// What is known at one moment of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Steps, as the limit counts them.
    pub step: u64,
    /// The sum of the learning rates of the steps before, or the flow time.
    pub time: f64,
    /// The limit of each quantity, and its numbers in writing order ([`Value::flatten`]).
    pub quantities: BTreeMap<Quantity, (Value, Vec<Entry>)>,
}

/// From which width on fluctuations stay below a tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SufficientWidth {
    /// By the estimates.
    pub estimate: u64,
    /// By the ends of their 95 % intervals.
    pub upper: u64,
}

impl Fluctuations {
    /// Returns the width from which on spread and offset of all numbers of a quantity, at all moments, stay below a tolerance, in its
    /// units; at least m_0, below which nothing is predicted. `None` if the quantity is not known.
    ///
    /// ```text
    /// s/√m ≤ ε  and  |b|/m ≤ ε
    /// ```
    pub fn sufficient_width(&self, quantity: Quantity, tolerance: f64) -> Option<SufficientWidth> {
        let known = self.moments.iter().filter_map(|moment| moment.quantities.get(&quantity));
        let width = |spread: f64, offset: f64| {
            let width = (spread / tolerance).powi(2).max(offset / tolerance).ceil();
            // NaN and what is beyond all widths is the largest.
            if width < u64::MAX as f64 { (width as u64).max(self.small_width) } else { u64::MAX }
        };
        let of_entry = |Entry { chosen: found, .. }: &Entry| SufficientWidth {
            estimate: width(found.spread.value, found.offset.value.abs()),
            upper: width(found.spread.upper, found.offset.lower.abs().max(found.offset.upper.abs())),
        };
        known
            .flat_map(|(_, entries)| entries)
            .map(of_entry)
            .reduce(|a, b| SufficientWidth { estimate: a.estimate.max(b.estimate), upper: a.upper.max(b.upper) })
    }
}

/// Measures fluctuations: solves the limit and trains small networks. `None` if `watch` stops it before there are two networks; if it stops
/// it later, what there is.
///
/// # Errors
/// Options out of range; problems without a limit that all networks share, with the reason; those of the engines.
pub fn fluctuations(
    solver: &dyn Solver,
    problem: &Problem,
    options: &FluctuationOptions,
    watch: Watch<'_>,
) -> Result<Option<Fluctuations>, SolveError> {
    options.check(problem)?;
    check(problem)?;
    let small_width = options.small_width;
    let count = options.networks as u64;
    let first = options.seed.wrapping_add(1);
    let small = Networks::new(solver, problem, options, small_width, first)?;
    let twice = Networks::new(solver, problem, options, 2 * small_width, first.wrapping_add(count))?;
    let Solution { trajectory: limit, mut notes } = solve_limit(solver, problem, *options, watch)?;
    if matches!(limit.status, Status::Interrupted { .. }) {
        return Ok(None);
    }
    // Networks of twice the width cost between two and four times as much.
    let share = (1.0 - LIMIT_SHARE) / 4.0;
    let at_small = small.train(&|part| watch(LIMIT_SHARE + share * part))?;
    if at_small.len() < 2 {
        return Ok(None);
    }
    let at_twice = if at_small.len() == options.networks {
        twice.train(&|part| watch(LIMIT_SHARE + share + 3.0 * share * part))?
    } else {
        Vec::new()
    };
    let networks = [at_small.len(), at_twice.len()];
    let is_complete = networks == [options.networks; 2];
    if !is_complete {
        notes.push(format!(
            "stopped after {} of {} networks: estimates are of those that were trained",
            networks[0] + networks[1],
            2 * options.networks
        ));
    }
    let widths = [(small_width, &at_small[..]), (2 * small_width, &at_twice[..])];
    notes.extend(widths.into_iter().filter_map(|(width, networks)| divergence_note(width, networks)));
    notes.extend(left_out_note(&limit));
    let freedom = options.limit.resolved().replicates as f64 - 1.0;
    let mut moments = moments(&limit, widths, freedom);
    let agreements = agreements(&moments);
    notes.extend(agreements.iter().filter_map(|agreement| agreement.note(small_width)));
    take_wider(&mut moments, &agreements);
    Ok(Some(Fluctuations { small_width, networks, engine: small.plan.engine, is_complete, moments, agreements, notes }))
}

/// The limit by the cheapest engine.
fn solve_limit(
    solver: &dyn Solver,
    problem: &Problem,
    FluctuationOptions { seed, limit, .. }: FluctuationOptions,
    watch: Watch<'_>,
) -> Result<Solution, SolveError> {
    let (width, hidden) = (Width::Infinite, HiddenOptions::default());
    let request = Request { problem, width, seed, precision: Precision::F64, hidden, limit };
    let engine = solver.plan(&request, EngineChoice::Auto)?.engine;
    solver.solve(&request, engine, None, &|progress: &Progress<'_>| watch(LIMIT_SHARE * progress.fraction))
}

/// Says how many networks diverged.
fn divergence_note(width: u64, networks: &[Trajectory]) -> Option<String> {
    let diverged = |trajectory: &&Trajectory| matches!(trajectory.status, Status::Diverged { .. });
    let count = networks.iter().filter(diverged).count();
    let first = networks.iter().filter(diverged).map(|trajectory| trajectory.records.len()).min()?;
    Some(format!(
        "{count} of {} networks of width {width} diverged: only the first {first} recorded moments are known, which all of them have",
        networks.len()
    ))
}

/// Says which quantities of the limit have no estimates.
fn left_out_note(limit: &Trajectory) -> Option<String> {
    let recorded: BTreeSet<Quantity> = limit.records.iter().flat_map(|record| record.values.keys().copied()).collect();
    let names: Vec<&str> = recorded.into_iter().filter(|quantity| jumps(*quantity)).map(Quantity::name).collect();
    (!names.is_empty()).then(|| format!("{} jump with the outputs and have no expansion in 1/m", names.join(" and ")))
}

/// The estimates at all moments that the limit and all networks have.
fn moments(limit: &Trajectory, widths: [(u64, &[Trajectory]); 2], freedom: f64) -> Vec<Moment> {
    let all = || widths.into_iter().flat_map(|(_, networks)| networks);
    let known = all().map(|trajectory| trajectory.records.len()).min().unwrap_or(0);
    let moment = |(i, record): (usize, &Record)| {
        let quantities =
            record.values.iter().filter(|(quantity, _)| !jumps(**quantity)).filter_map(|(&quantity, value)| {
                let limits = value.flatten();
                let errors = record.errors.get(&quantity).map_or_else(|| vec![0.0; limits.len()], Value::flatten);
                let [small, twice] =
                    widths.map(|(width, networks)| Some((width, values(networks, i, quantity, &limits)?)));
                let (small_width, small) = small?;
                let entry = |(n, (&value, &error)): (usize, (&f64, &f64))| {
                    let limit = Limit { value, error, freedom };
                    let at = |width: u64, values: &[Vec<f64>]| {
                        let values: Vec<f64> = values.iter().map(|numbers| numbers[n]).collect();
                        estimate(&values, width, limit)
                    };
                    let at_small = at(small_width, &small);
                    let at_twice = twice.as_ref().map(|(width, values)| at(*width, values));
                    Entry { limit: value, limit_error: error, at_small, at_twice, chosen: at_small }
                };
                let entries = limits.iter().zip(&errors).enumerate().map(entry).collect();
                Some((quantity, (value.clone(), entries)))
            });
        Moment { step: record.step, time: record.time, quantities: quantities.collect() }
    };
    limit.records.iter().take(known).enumerate().map(moment).collect()
}

/// The numbers of a quantity in each network at its i-th moment, where there are two networks and all have as many numbers as the limit.
fn values(networks: &[Trajectory], i: usize, quantity: Quantity, limits: &[f64]) -> Option<Vec<Vec<f64>>> {
    let numbers = |trajectory: &Trajectory| {
        let numbers = trajectory.records[i].values.get(&quantity)?.flatten();
        (numbers.len() == limits.len()).then_some(numbers)
    };
    networks.iter().map(numbers).collect::<Option<Vec<_>>>().filter(|networks| networks.len() >= 2)
}

/// Compares both widths, quantity by quantity.
fn agreements(moments: &[Moment]) -> Vec<Agreement> {
    let mut pairs: BTreeMap<Quantity, Vec<(Estimate, Estimate)>> = BTreeMap::new();
    for (quantity, (_, entries)) in moments.iter().flat_map(|moment| &moment.quantities) {
        let both = entries.iter().filter_map(|entry| Some((entry.at_small, entry.at_twice?)));
        pairs.entry(*quantity).or_default().extend(both);
    }
    pairs.retain(|_, pairs| !pairs.is_empty());
    pairs.iter().map(|(quantity, pairs)| Agreement::of(*quantity, pairs)).collect()
}

/// Where both widths do not agree, the wider networks are nearer to what is predicted.
fn take_wider(moments: &mut [Moment], agreements: &[Agreement]) {
    for agreement in agreements.iter().filter(|agreement| !agreement.holds()) {
        let entries = moments.iter_mut().filter_map(|moment| moment.quantities.get_mut(&agreement.quantity));
        for entry in entries.flat_map(|(_, entries)| entries) {
            entry.chosen = entry.at_twice.unwrap_or(entry.at_small);
        }
    }
}
