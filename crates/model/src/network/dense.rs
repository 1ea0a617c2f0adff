//! Makes networks of stored matrices at time 0.

use widenet_core::{
    Error, Matrix, Problem,
    problem::{Architecture, Untrained},
    training::{LinearNetwork, mlp::Mlp},
};

use super::layers::{self, Member, check_range};
use crate::{
    cost::need::MemoryEstimate,
    device::{OpenDevice, Placement, Precision},
    error::ModelError,
    matrix::{
        batched::BatchedMatrix,
        dense::{initial::Entries, matrix::DenseMatrix},
    },
};

/// Returns the network at time 0.
///
/// # Errors
/// [`ModelError::TooWide`] before anything is allocated, [`ModelError::UnsupportedPrecision`], or a scaling outside the range
/// of floats at this width.
pub fn dense_network(
    problem: &Problem,
    width: u64,
    seed: u64,
    device: &OpenDevice,
    precision: Precision,
) -> Result<LinearNetwork<DenseMatrix>, ModelError> {
    let placement = device.placement(precision)?;
    MemoryEstimate::check(problem, width, precision, &device.info)?;
    problem.scaling().at(width).check()?;
    Ok(network_with_panels(problem, width, seed, &placement, device.info.panel_bytes()))
}

/// Returns the network at time 0, its matrices in row panels of at most `panel_bytes` (at least one row each).
pub fn network_with_panels(
    problem: &Problem,
    width: u64,
    seed: u64,
    placement: &Placement,
    panel_bytes: u64,
) -> LinearNetwork<DenseMatrix> {
    layers::linear(problem.architecture(), width, |plan| {
        let panel_rows = panel_rows(panel_bytes, [plan.rows, plan.columns], placement);
        DenseMatrix::new(plan.initial(seed.into()), panel_rows, placement.clone())
    })
}

/// Rows of panels of at most `panel_bytes`, at least one.
fn panel_rows(panel_bytes: u64, [rows, columns]: [usize; 2], placement: &Placement) -> usize {
    let fitting = panel_bytes / (columns as u64 * placement.precision.bytes());
    usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, rows)
}

/// Returns the perceptron at time 0.
///
/// # Errors
/// [`ModelError::TooWide`] before anything is allocated, [`ModelError::UnsupportedPrecision`], or a scaling outside the range
/// of floats at this width.
pub fn dense_mlp(
    problem: &Problem,
    width: u64,
    seed: u64,
    device: &OpenDevice,
    precision: Precision,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    let placement = device.placement(precision)?;
    MemoryEstimate::check(problem, width, precision, &device.info)?;
    check_range(&problem.scaling(), width)?;
    mlp_with_panels(problem, width, seed.into(), &placement, device.info.panel_bytes())
}

/// Returns the perceptron of a network that is not trained, at time 0.
///
/// # Errors
/// As for [`dense_mlp`].
pub(crate) fn untrained_mlp(
    untrained: &Untrained,
    width: u64,
    seed: u64,
    device: &OpenDevice,
    precision: Precision,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    let placement = device.placement(precision)?;
    MemoryEstimate::check_untrained(untrained, width, precision, &device.info)?;
    let architecture = untrained.architecture();
    check_range(&architecture.scaling(), width)?;
    in_panels(architecture, width, seed.into(), &placement, device.info.panel_bytes())
}

/// Returns the perceptron at time 0, its matrices in row panels of at most `panel_bytes` (at least one row each).
///
/// # Errors
/// A layer of less than one channel.
pub fn mlp_with_panels(
    problem: &Problem,
    width: u64,
    member: Member,
    placement: &Placement,
    panel_bytes: u64,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    in_panels(problem.architecture(), width, member, placement, panel_bytes)
}

/// Returns the network of a problem at a width with given entries: of each layer the weights and, where it has biases, those.
///
/// # Errors
/// A layer of less than one channel, and entries of another shape, by layer.
pub fn mlp_of_entries(
    problem: &Problem,
    width: u64,
    entries: &[(Matrix, Option<Matrix>)],
    placement: &Placement,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    let mut wrong = None;
    let network = layers::perceptron(problem.architecture(), width, |plan| {
        let given = entries.get(plan.layer as usize).and_then(|(weights, biases)| match plan.entries {
            Entries::Weights => Some(weights),
            Entries::Biases => biases.as_ref(),
        });
        let shape = (plan.rows, plan.columns);
        match given.filter(|given| given.shape() == shape) {
            Some(given) => DenseMatrix::of_entries(given, placement.clone()).flushed_at_once_if_small(),
            None => {
                wrong.get_or_insert(format!(
                    "layer {}: given are {:?} entries of a matrix, and it has {shape:?}",
                    plan.layer,
                    given.map(Matrix::shape)
                ));
                DenseMatrix::of_entries(&Matrix::zeros(plan.rows, plan.columns), placement.clone())
            }
        }
    })?;
    match wrong {
        Some(wrong) => Err(Error::Invalid(wrong).into()),
        None => Ok(network),
    }
}

fn in_panels(
    architecture: Architecture<'_>,
    width: u64,
    member: Member,
    placement: &Placement,
    panel_bytes: u64,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    layers::perceptron(architecture, width, |plan| {
        let panel_rows = panel_rows(panel_bytes, [plan.rows, plan.columns], placement);
        DenseMatrix::new(plan.initial(member), panel_rows, placement.clone()).flushed_at_once_if_small()
    })
}

/// Returns a group of perceptrons at time 0.
///
/// # Errors
/// A layer of less than one channel.
pub fn mlp_group(
    problem: &Problem,
    width: u64,
    members: &[Member],
    placement: &Placement,
) -> Result<Mlp<BatchedMatrix>, ModelError> {
    layers::perceptron(problem.architecture(), width, |plan| {
        BatchedMatrix::new(members.iter().map(|member| plan.initial(*member)).collect(), placement.clone())
    })
}
