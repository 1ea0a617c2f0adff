//! From a problem, a width and a seed to a network on a device.

use widenet_core::{Problem, training::LinearNetwork};

use crate::{
    ModelError,
    dense::{DenseMatrix, Entries, InitialWeights},
    device::{OpenDevice, Placement, Precision},
    estimate::MemoryEstimate,
};

/// The network at time 0.
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

/// The network at time 0, its matrices in row panels of at most `panel_bytes` (at least one row each).
pub fn network_with_panels(
    problem: &Problem,
    width: u64,
    seed: u64,
    placement: &Placement,
    panel_bytes: u64,
) -> LinearNetwork<DenseMatrix> {
    let normalized = problem.scaling().at(width);
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let last = problem.network.hidden_layers;
    let m = usize::try_from(width).unwrap_or(usize::MAX);
    let matrix = |(layer, std): (usize, &f64)| {
        let columns = if layer == 0 { d } else { m };
        let rows = if layer == last { k } else { m };
        let std = std / (width as f64).sqrt();
        DenseMatrix::new(
            InitialWeights { seed, entries: Entries::Weights, layer: layer as u32, rows, columns, std },
            panel_rows(panel_bytes, [rows, columns], placement),
            placement.clone(),
        )
    };
    LinearNetwork {
        layers: normalized.init_std.iter().enumerate().map(matrix).collect(),
        output_scale: normalized.output_scale,
        rates: normalized.rates,
        input_dimension: d,
        output_dimension: k,
    }
}

/// Rows of panels of at most `panel_bytes`, at least one.
pub(crate) fn panel_rows(panel_bytes: u64, [rows, columns]: [usize; 2], placement: &Placement) -> usize {
    let fitting = panel_bytes / (columns as u64 * placement.precision.bytes());
    usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, rows)
}
