//! The kernel recursion goes layer by layer, on strips of a Gram matrix.
//!
//! ```text
//! K^{l+1} = v E[φφ] + b,     Θ^{l+1} = t E[φφ] + s + v E[φ'φ'] Θ^l,     v, b, t, s: those of layer l + 1
//! ```
//!
//! (docs/theory/ntk.md Eq. K1, Eq. K2, with the numbers of [`KernelNetwork`].) A strip is part of a column: one input against many.
//! Variances are computed once per input ([`Side`]); a strip then goes through all layers before the next one is touched.

mod angle;
mod covariance;
mod sides;

pub(super) use sides::{Recursion, Side, check_series, prepare_series};

use super::dual::Dual;

impl Recursion<'_> {
    /// Both kernels of the inputs `first_row …` of the left side with input `column` of the right side. `values` holds `x·x'`
    /// and then K, `tangent` then holds Θ; their common length is a multiple of the lanes, and what lies beyond the left
    /// side is padding.
    pub(super) fn strip(&self, first_row: usize, column: usize, values: &mut [f64], tangent: &mut [f64]) {
        let first = self.network.layers[0];
        let scale = 1.0 / self.left.inputs.ncols() as f64;
        for (value, tangent) in values.iter_mut().zip(tangent.iter_mut()) {
            let mean = scale * *value;
            *tangent = first.weight_tangent * mean + first.bias_tangent;
            *value = first.weight_variance * mean + first.bias_variance;
        }
        if self.network.layers.len() == 1 {
            return;
        }
        match self.dual {
            Dual::ArcCosine(activation) => angle::strip(self, activation, (first_row, column), values, tangent),
            Dual::Erf | Dual::Sin | Dual::Gelu | Dual::Series(_) => {
                covariance::strip(self, (first_row, column), values, tangent)
            }
        }
    }
}
