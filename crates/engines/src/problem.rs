//! Loads problem files, whose learning rates may be relative to the largest stable one.

use std::path::Path;

use widenet_core::{
    Error, Matrix, Problem, Trajectory, Width,
    problem::{Loss, Quantity, Rule},
    trajectory::{Record, Value},
};
use widenet_limits::{Regime, kernel};

/// Reads a problem file and its data. `overrides` are pairs of a dotted key and a value as text.
///
/// # Errors
/// As for [`Problem::load`].
pub fn load_problem(path: &Path, overrides: &[(String, String)]) -> Result<Problem, Error> {
    Problem::load(path, overrides, &stable_rate)
}

/// Above this many training samples their kernel is not computed only to give advice.
const ADVICE_SAMPLES: usize = 4096;

/// Returns a sentence for the user whose learning rate is above the largest that is stable in the kernel regime: what is trained then is
/// outside that theory (docs/theory/ntk.md §7).
pub fn rate_warning(problem: &Problem) -> Option<String> {
    let is_small = problem.data.train.inputs.nrows() <= ADVICE_SAMPLES;
    // Kernels of convolutions may take hours.
    if problem.is_solved_as_predictor() || !is_small || problem.network.image.is_some() {
        return None;
    }
    // Flows are stable at any rate.
    let Rule::Descent { learning_rate: rate, .. } = problem.optimizer.rule else { return None };
    let largest = stable_rate(problem).ok()?;
    (rate > largest).then(|| {
        format!(
            "learning_rate {rate:.4e} is above {largest:.4e}, the largest that is stable in the kernel regime; networks may still \
             train, but not as their linearisation or limit do"
        )
    })
}

/// Says whether a trajectory is integrated in steps of a size that it chooses: what it takes shows when it runs.
pub fn is_integrated(problem: &Problem, width: Width) -> bool {
    let has_closed_form = width == Width::Infinite
        && matches!(problem.loss, Loss::Squared { .. })
        && matches!(Regime::of(problem), Ok(Regime::Kernel));
    matches!(problem.optimizer.rule, Rule::Flow { .. } | Rule::MomentumFlow { .. }) && !has_closed_form
}

/// Returns the largest learning rate that is stable for the infinitely wide network at its start, in the problem's loss
/// (docs/theory/ntk.md §7).
///
/// # Errors
/// A scaling without infinite-width limit.
pub fn stable_rate(problem: &Problem) -> Result<f64, Error> {
    kernel::largest_stable_rate(problem)
}

/// Starts whose loss is so many times that of outputs 0 dwarf the targets.
const DWARFS: f64 = 100.0;

/// Ends whose loss is so many times that of the start have learned nothing.
const GROWN: f64 = 10.0;

/// Returns sentences for the user about a run that ended: that it means nothing, and which numbers it could not find.
pub fn trajectory_warnings(problem: &Problem, trajectory: &Trajectory) -> Vec<String> {
    trajectory_warning(problem, trajectory).into_iter().chain(sharpness_warning(problem, trajectory)).collect()
}

/// Records without sharpness, which power iteration did not find. Steps are named by no seed, so that seeds say the same.
fn sharpness_warning(problem: &Problem, trajectory: &Trajectory) -> Option<String> {
    let is_wanted = problem.record.quantities.contains(&Quantity::Sharpness) && trajectory.width != Width::Infinite;
    let missing = |record: &&Record| !record.values.contains_key(&Quantity::Sharpness);
    let count = trajectory.records.iter().filter(missing).count();
    (is_wanted && count > 0).then(|| {
        format!(
            "width {}: {count} of {} records have no sharpness: the two largest eigenvalues are too close to be told apart by power iteration",
            trajectory.width,
            trajectory.records.len()
        )
    })
}

/// Returns a sentence for the user whose run ended, and means nothing: the outputs at the start dwarf the targets, or the loss is larger at the
/// end. Of the squared loss, where it was recorded; the numbers are rounded to powers of ten, so that seeds say the same.
fn trajectory_warning(problem: &Problem, trajectory: &Trajectory) -> Option<String> {
    let Loss::Squared { .. } = problem.loss else { return None };
    let loss = |record: &Record| match record.values.get(&Quantity::TrainLoss) {
        Some(Value::Scalar(loss)) => Some(*loss),
        _ => None,
    };
    let start = loss(trajectory.records.first().filter(|record| record.time == 0.0)?)?;
    let end = loss(trajectory.records.last()?)?;
    let targets = &problem.data.train.targets;
    let zero = problem.loss.value(&Matrix::zeros(targets.nrows(), targets.ncols()), targets);
    let width = trajectory.width;
    let power = |ratio: f64| format!("10^{}", ratio.log10().round());
    if zero > 0.0 && start > DWARFS * zero {
        return Some(format!(
            "width {width}: the loss at the start is about {} times that of outputs 0, so the start dwarfs the targets and training begins by \
             unlearning it; network.centered = true trains f − f_0, which starts at 0",
            power(start / zero)
        ));
    }
    let before = start.max(zero);
    (before > 0.0 && end > GROWN * before).then(|| {
        format!(
            "width {width}: the loss at the end is about {} times that at the start: nothing was learned; give a smaller learning rate, or a \
             smaller richness",
            power(end / before)
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use widenet_core::{
        document::Document,
        trajectory::{Engine, Status},
    };

    use super::*;

    #[test]
    fn runs_that_mean_nothing_are_told() {
        let text = "[network]\nhidden_layers = 1\n[parameterization]\nkind = \"mean_field\"\n[data]\nkind = \"inline\"\n\
                    inputs = [[1], [2]]\ntargets = [[1], [-1]]\n[optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 2\n";
        let document = Document::from_toml("problem.toml", text).expect("a document");
        let problem = Problem::from_document(&document, Path::new("")).expect("a problem");
        let said = |losses: [f64; 2]| {
            let record = |(step, loss): (u64, f64)| Record {
                step,
                time: step as f64,
                values: BTreeMap::from([(Quantity::TrainLoss, Value::Scalar(loss))]),
                errors: BTreeMap::new(),
            };
            let records = (0u64..).zip(losses).map(record).collect();
            let trajectory =
                Trajectory { width: Width::Finite(8), engine: Engine::Law, seed: 0, status: Status::Done, records };
            trajectory_warning(&problem, &trajectory)
        };
        // Outputs 0 have the loss 1/2.
        assert!(said([51.0, 0.1]).is_some_and(|said| said.contains("about 10^2 times")), "{:?}", said([51.0, 0.1]));
        assert_eq!(said([49.0, 0.1]), None);
        assert!(said([0.6, 7.0]).is_some_and(|said| said.contains("nothing was learned")));
        assert_eq!(said([0.6, 5.0]), None);
    }

    #[test]
    fn a_sharpness_that_was_not_found_is_told() {
        let text = "[network]\nhidden_layers = 1\nactivation = \"tanh\"\n[parameterization]\nkind = \"ntk\"\n[data]\nkind = \"inline\"\n\
                    inputs = [[1], [2]]\ntargets = [[1], [-1]]\n[optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 2\n\
                    [record]\nquantities = [\"sharpness\"]\n";
        let document = Document::from_toml("problem.toml", text).expect("a document");
        let problem = Problem::from_document(&document, Path::new("")).expect("a problem");
        let said = |values: [Option<f64>; 2]| {
            let value = |value| (Quantity::Sharpness, Value::Scalar(value));
            let records = values.map(|found| Record::new(0, 0.0, found.map(value).into_iter().collect())).into();
            let (width, engine) = (Width::Finite(8), Engine::Dense);
            trajectory_warnings(&problem, &Trajectory { width, engine, seed: 0, status: Status::Done, records })
        };
        assert!(
            said([Some(1.0), None])[0].contains("1 of 2 records have no sharpness"),
            "{:?}",
            said([Some(1.0), None])
        );
        assert_eq!(said([Some(1.0), Some(2.0)]), Vec::<String>::new());
    }
}
