//! Takes one run of a very wide network from its problem to its trajectory.

use widenet_core::{
    Error, Problem,
    problem::{EntryLaw, Need},
    training::{Control, Explored, LinearTraining, Progress, Training, mlp::MlpTraining},
};

use super::{
    keeper::Keeper,
    request::{DeviceSolution, Run},
    training::train,
};
use crate::{
    cost::explored::WideEstimate,
    device::Precision,
    error::ModelError,
    matrix::explored::{
        kind::{Hidden, HiddenMatrix},
        wide::WideMatrix,
    },
    network::{
        explored::{wide_linear_network, wide_mlp},
        layers::check_range,
    },
};

impl Hidden {
    /// Refuses what hidden matrices that are known by their responses cannot do.
    ///
    /// # Errors
    /// [`ModelError::Problem`], with what would be right.
    pub fn check(self, problem: &Problem) -> Result<(), ModelError> {
        let refuse = |text: String| Err(Error::Invalid(text).into());
        let Hidden { matrix, tolerance } = self;
        if !(tolerance > 0.0 && tolerance < 1.0) {
            return refuse(format!("tolerance = {tolerance} must lie between 0 and 1"));
        }
        problem.network.check_fully_connected("training by hidden matrices known by their responses")?;
        let law = problem.network.entry_law;
        let obstacles = problem.optimizer.obstacles();
        if law != EntryLaw::Gaussian && (obstacles.explored_matrices.is_some() || problem.ensemble.is_some()) {
            return refuse(format!(
                "network.entry_law = \"{}\": RMSProp and ensembles need the dense engine, whose entries are Gaussian; leave it out, or train one \
                 network by \"gd\", \"momentum\" or \"sgd\"",
                law.name()
            ));
        }
        if let Some(reason) = obstacles.explored_matrices {
            return refuse(format!("optimizer.kind = \"{}\"{reason}", obstacles.kind));
        }
        if problem.ensemble.is_some() {
            return refuse("ensembles are trained by the dense engine; give a study several seeds instead".into());
        }
        if problem.record.needs(Need::Tangents) {
            return refuse(
                "record.quantities: `sharpness` needs directions among all weights; use the dense engine".into(),
            );
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

/// Trains a network whose hidden matrices are known by their responses.
///
/// Records of test inputs are probes too: they extend what is known of the hidden matrices, so a run that records more is another draw of
/// the same law.
pub(super) fn solve(
    run: &Run<'_>,
    hidden: Hidden,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    let Run { problem, width, seed, device, precision, .. } = *run;
    hidden.check(problem)?;
    let placement = device.placement(precision)?;
    WideEstimate::check(problem, width, hidden.matrix, precision, &device.info)?;
    let keeper = Keeper::new(run, watch);
    let ((records, status, mut notes), truncation) = if problem.is_solved_as_predictor() {
        problem.scaling().at(width).check()?;
        let network = wide_linear_network(problem, width, seed, hidden, &placement, &device.info);
        let mut training = LinearTraining::new(problem, network, seed)?;
        (train(&mut training, keeper)?, truncation(&training.matrices()))
    } else {
        check_range(&problem.scaling(), width)?;
        let network = wide_mlp(problem, width, seed, hidden, &placement, &device.info)?;
        let mut training = MlpTraining::linear(problem, network, seed)?;
        (train(&mut training, keeper)?, truncation(&training.matrices()))
    };
    notes.extend(truncation_note(truncation, hidden.tolerance, precision));
    Ok(run.solution(records, status, notes))
}

/// The longest part of a probe that some matrix left out, relative to the probe.
fn truncation(matrices: &[&WideMatrix]) -> f64 {
    matrices.iter().filter_map(|matrix| matrix.exploration()).map(|explored| explored.truncation).fold(0.0, f64::max)
}

/// What to do where responses are less exact than was wanted.
fn truncation_note(truncation: f64, tolerance: f64, precision: Precision) -> Option<String> {
    let remedy = match precision {
        Precision::F32 => "f32 does not tell shorter directions from rounding; use --precision f64",
        Precision::F64 => {
            "f64 does not tell shorter directions from rounding; errors of the responses are of this size"
        }
    };
    (truncation > tolerance).then(|| {
        format!("truncation_error {truncation:.1e} is above tolerance = {tolerance:?}, which this run did not reach: {remedy}")
    })
}
