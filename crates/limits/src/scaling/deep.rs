//! Counts powers of the width for networks of any depth at the start, with homogeneous activation.
//!
//! ```text
//! forward    h_1 = −w_1,   h_l = h_{l−1} − w_l + 1/2,          logits  h_L − w_{L+1} + 1/2
//! backward   δ_L = −w_{L+1},   δ_l = δ_{l+1} − w_{l+1} + 1/2
//! kernels    input −e_1 + 2 δ_1 + 1,   hidden −e_l + 2 δ_l + 2 h_{l−1} + 2,   readout −e_{L+1} + 2 h_L + 1
//! features   input −e_1 + δ_1,   hidden −e_l + δ_l + 2 h_{l−1} + 1             (one step of the layer's own weights)
//! ```
//!
//! (docs/theory/scaling-limits.md §5.3, Eq. powers.) Later steps can only be larger, as updates correlate with the weights.

use widenet_core::scaling::EffectiveExponents;

/// Exponents of the width d at the start (module formula).
#[derive(Debug, Clone, PartialEq)]
pub struct DeepExponents {
    /// `h_1 … h_L`: entries of the pre-activations.
    pub forward: Vec<f64>,
    /// Outputs.
    pub logits: f64,
    /// `δ_1 … δ_L`: entries of the gradients of the output.
    pub backward: Vec<f64>,
    /// Parts of the tangent kernel, learning rates included: one per weight matrix, input first.
    pub kernels: Vec<f64>,
    /// Coherent change of the pre-activations of each hidden layer by one step of its own weights.
    pub feature_changes: Vec<f64>,
}

impl DeepExponents {
    /// Judges a scaling.
    pub fn of(exponents: &EffectiveExponents) -> Self {
        let (w, e, hidden) = (exponents.weights(), exponents.rates(), exponents.hidden_layers());
        let mut forward = vec![-w[0]; hidden];
        for l in 1..hidden {
            forward[l] = forward[l - 1] - w[l] + 0.5;
        }
        let mut backward = vec![-w[hidden]; hidden];
        for l in (0..hidden - 1).rev() {
            backward[l] = backward[l + 1] - w[l + 1] + 0.5;
        }
        // What the sum over the inputs of a layer adds; the input layer has a fixed number of inputs of order 1.
        let coherent = |l: usize| if l == 0 { 0.0 } else { 2.0 * forward[l - 1] + 1.0 };
        let feature_changes = (0..hidden).map(|l| -e[l] + backward[l] + coherent(l)).collect();
        let of_hidden = (0..hidden).map(|l| -e[l] + 2.0 * backward[l] + 1.0 + coherent(l));
        let kernels = of_hidden.chain([-e[hidden] + coherent(hidden)]).collect();
        Self { logits: forward[hidden - 1] - w[hidden] + 0.5, forward, backward, kernels, feature_changes }
    }

    /// Returns the exponent of the tangent kernel, which is that of its largest part.
    pub fn kernel(&self) -> f64 {
        self.kernels.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}
