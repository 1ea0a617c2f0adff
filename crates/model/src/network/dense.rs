//! Makes networks of stored matrices at time 0.

use widenet_core::{
    Problem,
    problem::{Architecture, Untrained},
    training::{LinearNetwork, mlp::Mlp},
};

use super::layers::{self, Member, check_range};
use crate::{
    cost::need::MemoryEstimate,
    device::{OpenDevice, Placement, Precision},
    error::ModelError,
    matrix::{batched::BatchedMatrix, dense::matrix::DenseMatrix},
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
    Ok(mlp_with_panels(problem, width, seed.into(), &placement, device.info.panel_bytes()))
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
    untrained.network.check_fully_connected(&format!("a network of width {width}"))?;
    let placement = device.placement(precision)?;
    MemoryEstimate::check_untrained(untrained, width, precision, &device.info)?;
    let architecture = untrained.architecture();
    check_range(&architecture.scaling(), width)?;
    Ok(in_panels(architecture, width, seed.into(), &placement, device.info.panel_bytes()))
}

/// Returns the perceptron at time 0, its matrices in row panels of at most `panel_bytes` (at least one row each).
pub fn mlp_with_panels(
    problem: &Problem,
    width: u64,
    member: Member,
    placement: &Placement,
    panel_bytes: u64,
) -> Mlp<DenseMatrix> {
    in_panels(problem.architecture(), width, member, placement, panel_bytes)
}

fn in_panels(
    architecture: Architecture<'_>,
    width: u64,
    member: Member,
    placement: &Placement,
    panel_bytes: u64,
) -> Mlp<DenseMatrix> {
    layers::perceptron(architecture, width, |plan| {
        let panel_rows = panel_rows(panel_bytes, [plan.rows, plan.columns], placement);
        DenseMatrix::new(plan.initial(member), panel_rows, placement.clone()).flushed_at_once_if_small()
    })
}

/// Returns a group of perceptrons at time 0.
pub fn mlp_group(problem: &Problem, width: u64, members: &[Member], placement: &Placement) -> Mlp<BatchedMatrix> {
    layers::perceptron(problem.architecture(), width, |plan| {
        BatchedMatrix::new(members.iter().map(|member| plan.initial(*member)).collect(), placement.clone())
    })
}
