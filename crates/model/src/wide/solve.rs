//! One very wide network from its problem to its trajectory, with checkpoints.

use serde_json::json;
use widenet_core::{
    Error, Problem, Trajectory, Width,
    problem::{EntryLaw, Rule},
    training::{Control, Progress, Recorder, WeightMatrix, mlp::MlpTraining, train},
    trajectory::Engine,
};

use super::{Hidden, HiddenMatrix, WideEstimate, WideMatrix, wide_linear_network, wide_mlp};
use crate::{
    CheckpointPlan, DeviceSolution, ModelError, checkpoint,
    device::{OpenDevice, Precision},
    mlp::check_range,
    solve::Keeper,
};

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct WideRun<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// m.
    pub width: u64,
    /// Seed of the initial weights and batches.
    pub seed: u64,
    /// How hidden matrices are made.
    pub hidden: Hidden,
    /// The device.
    pub device: &'a OpenDevice,
    /// Float type of the vectors; coefficients are always `f64` on the host.
    pub precision: Precision,
    /// Checkpoints, if wanted. A run whose file exists goes on from it.
    pub checkpoints: Option<CheckpointPlan>,
}

impl WideRun<'_> {
    /// The engine that this is.
    pub fn engine(&self) -> Engine {
        match self.hidden.matrix {
            HiddenMatrix::Conditioned(_) => Engine::Conditioned,
            HiddenMatrix::Regenerated => Engine::Regenerated,
        }
    }

    /// Refuses what hidden matrices that are known by their answers cannot do.
    ///
    /// # Errors
    /// [`ModelError::Problem`], with what would be right.
    pub fn check(problem: &Problem, hidden: Hidden) -> Result<(), ModelError> {
        let refuse = |text: String| Err(Error::Invalid(text).into());
        let Hidden { matrix, tolerance } = hidden;
        if !(tolerance > 0.0 && tolerance < 1.0) {
            return refuse(format!("tolerance = {tolerance} must lie between 0 and 1"));
        }
        let law = problem.network.entry_law;
        let is_normalised = matches!(problem.optimizer.rule, Rule::RmsProp { .. });
        if law != EntryLaw::Gaussian && (is_normalised || problem.ensemble.is_some()) {
            return refuse(format!(
                "network.entry_law = \"{}\": RMSProp and ensembles need the dense engine, whose entries are Gaussian; leave it out, or train one \
                 network by \"gd\", \"momentum\" or \"sgd\"",
                law.name()
            ));
        }
        if is_normalised {
            return refuse(
                "optimizer.kind = \"rmsprop\" changes every entry of a matrix by itself, which a matrix known by its answers does not \
                 have; use the dense engine, or \"gd\", \"momentum\" or \"sgd\""
                    .into(),
            );
        }
        if problem.ensemble.is_some() {
            return refuse("ensembles are trained by the dense engine; give a study several seeds instead".into());
        }
        if matches!(matrix, HiddenMatrix::Conditioned(_)) && law != EntryLaw::Gaussian {
            return refuse(format!(
                "network.entry_law = \"{}\": conditioning needs Gaussian entries; use the regenerated engine",
                law.name()
            ));
        }
        Ok(())
    }
}

/// Trains a network whose hidden matrices are known by their answers, and records what the problem asks for.
///
/// `watch` is called after every step and may stop the run, which then writes a checkpoint if it has a plan for it. A resumed run gives
/// the records of an undisturbed one, bit for bit. Records of test inputs are questions too: they extend what is known of the
/// hidden matrices, so a run that records more is another draw of the same law.
///
/// # Errors
/// [`ModelError`]: see [`WideRun::check`]; a width that does not fit; a float type that the device lacks; a checkpoint that cannot
/// be written. A diverged run is a result.
pub fn solve_wide(
    run: &WideRun<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    let WideRun { problem, width, seed, hidden, device, precision, .. } = *run;
    WideRun::check(problem, hidden)?;
    let placement = device.placement(precision)?;
    WideEstimate::check(problem, width, hidden.matrix, precision, &device.info)?;
    let identity = || {
        let mut identity = checkpoint::identity(problem, width, seed, precision, device.info.choice);
        identity["hidden"] = json!(format!("{hidden:?}"));
        identity
    };
    let keeper = Keeper::new(run.checkpoints.as_ref(), identity, watch);
    let (records, status, mut notes, truncation) = if problem.is_solved_as_predictor() {
        problem.scaling().at(width).check()?;
        let mut network = wide_linear_network(problem, width, seed, hidden, &placement, &device.info);
        let recorder = Recorder::new(problem, &mut network);
        let (mut keeper, start) = keeper.open(network.layers.iter_mut().collect());
        let (records, status) = train(&mut network, &recorder, problem, seed, start, &mut keeper);
        (records, status, keeper.close()?, truncation(network.layers.iter()))
    } else {
        check_range(&problem.scaling(), width)?;
        let network = wide_mlp(problem, width, seed, hidden, &placement, &device.info);
        let mut training = MlpTraining::new(problem, network, seed)?;
        let (mut keeper, start) = keeper.open(training.matrices_mut());
        let (records, status) =
            training.run(start, &mut |progress, training| keeper.keep(progress, || training.matrices()));
        (records, status, keeper.close()?, truncation(training.matrices().into_iter()))
    };
    notes.extend(truncation_note(truncation, hidden.tolerance, precision));
    let trajectory = Trajectory { width: Width::Finite(width), engine: run.engine(), seed, status, records };
    Ok(DeviceSolution { trajectory, notes })
}

/// The longest part of a question that some matrix left out, relative to the question.
fn truncation<'a>(matrices: impl Iterator<Item = &'a WideMatrix>) -> f64 {
    matrices.filter_map(WideMatrix::exploration).map(|explored| explored.truncation).fold(0.0, f64::max)
}

/// What to do where answers are less exact than was asked for.
fn truncation_note(truncation: f64, tolerance: f64, precision: Precision) -> Option<String> {
    let remedy = match precision {
        Precision::F32 => "f32 does not tell shorter directions from rounding; use --precision f64",
        Precision::F64 => "f64 does not tell shorter directions from rounding; errors of the answers are of this size",
    };
    (truncation > tolerance).then(|| {
        format!("truncation_error {truncation:.1e} is above tolerance = {tolerance:?}, which this run did not reach: {remedy}")
    })
}
