//! Estimates what a sample costs and whether it can be had: layer l of a launch takes `N_{l−1} N_l + P (N_{l−1} + N_l)` numbers a network.

use super::request::{PriorNetworks, invalid};
use crate::{
    device::{OpenDevice, Placement, Precision},
    error::ModelError,
};

/// Graphics APIs start at most 65535 groups of threads along an axis, and a product has a group or more for every network.
const GRID: u64 = 1 << 15;

/// The networks of a valid request.
#[derive(Debug)]
pub(super) struct Plan {
    /// Rows and columns of every weight matrix.
    pub(super) shapes: Vec<[usize; 2]>,
    /// Weights of a network.
    pub(super) weights: f64,
    /// A power of 2 by which inputs are divided and outputs multiplied, so that features start near 1.
    pub(super) scale: f64,
    /// P.
    samples: usize,
    /// Bytes of a number.
    bytes: u64,
}

impl Plan {
    pub(super) fn new(request: &PriorNetworks<'_>, precision: Precision) -> Result<Self, ModelError> {
        let PriorNetworks { inputs, widths, outputs, gain, networks, .. } = *request;
        let [samples, dimension] = [inputs.nrows(), inputs.ncols()];
        if samples == 0 || dimension == 0 {
            return Err(invalid(format!("inputs are {samples} × {dimension}; networks need at least one number")));
        }
        if let Some(entry) = inputs.iter().position(|value| !value.is_finite()) {
            let (row, column) = (entry % samples, entry / samples);
            return Err(invalid(format!("input {row} has {} at {column}; inputs are finite", inputs[entry])));
        }
        if let Some(layer) = widths.iter().position(|width| *width == 0) {
            return Err(invalid(format!("hidden layer {} has width 0; widths are at least 1", layer + 1)));
        }
        for (count, what) in [(outputs as u64, "outputs"), (networks, "networks")] {
            if count == 0 {
                return Err(invalid(format!("{what} = 0; there is at least one")));
            }
        }
        if !(gain > 0.0 && gain.is_finite()) {
            return Err(invalid(format!("gain = {gain}; a gain is a positive number")));
        }
        check_range(request, precision)?;
        let hidden = widths.iter().map(|width| usize::try_from(*width).unwrap_or(usize::MAX));
        let sizes: Vec<usize> = [dimension].into_iter().chain(hidden).chain([outputs]).collect();
        let shapes: Vec<[usize; 2]> = sizes.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let weights = shapes.iter().map(|[rows, columns]| *rows as f64 * *columns as f64).sum();
        let largest = inputs.amax();
        let scale = if largest > 0.0 { largest.log2().floor().exp2() } else { 1.0 };
        Ok(Self { shapes, weights, scale, samples, bytes: precision.bytes() })
    }

    /// Networks of a launch.
    pub(super) fn batch(
        &self,
        request: &PriorNetworks<'_>,
        device: &OpenDevice,
        placement: &Placement,
    ) -> Result<u64, ModelError> {
        let info = &device.info;
        // No vector is larger.
        let unlimited = isize::MAX as u64;
        let available = info.available_memory.unwrap_or(unlimited);
        let largest = info.largest_buffer.unwrap_or(unlimited);
        let fits = |widest: u64| {
            let [all, one] = self.need(widest);
            all <= available && one <= largest
        };
        if !fits(u64::MAX) {
            let width = request.widths.iter().copied().max().unwrap_or(0);
            let (mut widest, mut too_wide) = (0, width.max(1));
            while too_wide - widest > 1 {
                let middle = widest + (too_wide - widest) / 2;
                if fits(middle) { widest = middle } else { too_wide = middle }
            }
            let [needed, one] = self.need(u64::MAX);
            let (needed, available) = if needed > available { (needed, available) } else { (one, largest) };
            return Err(ModelError::TooWide { width, needed, available, widest, adapter: info.adapter.clone() });
        }
        let (usual, most) = if placement.on_host {
            (PriorNetworks::HOST_BATCH_BYTES, u64::MAX)
        } else {
            (PriorNetworks::DEVICE_BATCH_BYTES.min(info.panel_bytes()), GRID)
        };
        let [all, one] = self.need(u64::MAX);
        let budget = request.batch_bytes.unwrap_or(usual).min(available);
        Ok((budget / all).min(largest / one).min(most).clamp(1, request.networks))
    }

    /// Bytes that one network takes, and those of its largest tensor, with hidden layers narrowed to `widest`.
    fn need(&self, widest: u64) -> [u64; 2] {
        let last = self.shapes.len() - 1;
        let samples = self.samples as u64;
        let of_layer = |(layer, [rows, columns]): (usize, &[usize; 2])| {
            let rows = if layer == 0 { *rows as u64 } else { widest.min(*rows as u64) };
            let columns = if layer == last { *columns as u64 } else { widest.min(*columns as u64) };
            let weights = rows.saturating_mul(columns);
            let features = samples.saturating_mul(rows.saturating_add(columns));
            [weights.saturating_add(features), weights.max(features)].map(|numbers| numbers.saturating_mul(self.bytes))
        };
        self.shapes.iter().enumerate().map(of_layer).fold([0, 0], |[a, b], [c, d]| [a.max(c), b.max(d)])
    }
}

/// Refuses networks whose features may leave the range of floats: the logarithm of their size has a mean above −0.65 α and a variance
/// below 1.25 α, `α = Σ 1/N_l` (docs/theory/proportional-limit.md §3.1, worst at width 1); six deviations are allowed for.
fn check_range(request: &PriorNetworks<'_>, precision: Precision) -> Result<(), ModelError> {
    let ratio: f64 = request.widths.iter().map(|width| (*width as f64).recip()).sum();
    let smallest = |precision: Precision| match precision {
        Precision::F32 => f64::from(f32::MIN_POSITIVE),
        Precision::F64 => f64::MIN_POSITIVE,
    };
    let fall = 0.65 * ratio + 6.0 * (1.25 * ratio).sqrt();
    // Kernels are squares, taken in f64.
    let squares = if request.kernels { 2.0 } else { 1.0 };
    let leaves = |precision| fall > -smallest(precision).ln() || squares * fall > -f64::MIN_POSITIVE.ln();
    if !leaves(precision) {
        return Ok(());
    }
    let advice =
        if leaves(Precision::F64) { "sample wider networks" } else { "use --precision f64, or wider networks" };
    Err(invalid(format!(
        "networks with Σ 1/N = {ratio} over their hidden layers shrink their features by up to e^-{fall:.0}, outside the range of \
         {precision}; {advice}"
    )))
}
