//! Predicts how everything that is measured on a network with one hidden layer grows with its width.
//!
//! ```text
//! start    f⁽⁰⁾ ~ n^A,   K_a ~ n^B_a,   K_w ~ n^B_w
//! steps    δâ ~ n^s_a,   δŵ ~ n^s_w,   f⁽ᵏ⁾ − f⁽⁰⁾ ~ n^B,   K⁽ᵏ⁾/K⁽⁰⁾ − 1 ~ n^(2s)
//! f = f_∅ + f_a + f_w + f_aw:   max(q_σ + 1/2, q_σ + 1 + 2s),   q_σ + 1 + s twice,   q_σ + 1 + 3s
//! ```
//!
//! (docs/theory/scaling-limits.md §2, §3.4, §3.5, Eq. counting.) While the loss gradient is of order 1. The terms of f have `(â⁰, ŵ⁰)`,
//! `(δâ, ŵ⁰)`, `(â⁰, δŵ)` and `(δâ, δŵ)`, each with the slopes `φ'` of the trained network, of a homogeneous φ.

use std::cmp::Ordering::{Greater, Less};

use widenet_core::scaling::{GolikovExponents, sign};

/// Exponents of the relative change of the tangent kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelChange {
    /// Of smooth activations; of kinked ones the readout's part.
    pub smooth: f64,
    /// Of the input layer's part with a kink in φ: units that change sides add a fluctuation `n^((s−1)/2)`.
    pub kinked: f64,
}

/// Exponents of the terms of f (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decomposition {
    /// `f_∅`: initial weights.
    pub start: f64,
    /// `f_a`: increments of the readout.
    pub readout: f64,
    /// `f_w`: increments of the input weights.
    pub input: f64,
    /// `f_aw`: increments of both.
    pub both: f64,
}

/// Predicted exponents of n; `None` where the theory has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictedExponents {
    /// `f⁽⁰⁾`.
    pub logits: f64,
    /// `K_a⁽⁰⁾`.
    pub readout_kernel: f64,
    /// `K_w⁽⁰⁾`.
    pub input_kernel: f64,
    /// `K⁽⁰⁾ = K_a⁽⁰⁾ + K_w⁽⁰⁾`.
    pub kernel: f64,
    /// δâ of the first step; for s ≤ 0 and equal rates, of any step.
    pub readout_increments: f64,
    /// δŵ of the first step; for s ≤ 0 and equal rates, of any step.
    pub input_increments: f64,
    /// `f⁽¹⁾ − f⁽⁰⁾`; for s_w > 0, of a φ with other slopes at ∞ than at −∞.
    pub first_output_change: f64,
    /// `f⁽ᵏ⁾ − f⁽⁰⁾` at any fixed number of steps: for s ≤ 0.
    pub output_change: Option<f64>,
    /// `K⁽ᵏ⁾/K⁽⁰⁾ − 1`: for equal rates in the stable band.
    pub kernel_change: Option<KernelChange>,
    /// Terms of `f⁽ᵏ⁾`: for equal rates in the stable band.
    pub decomposition: Option<Decomposition>,
}

impl PredictedExponents {
    /// Judges a scaling.
    pub fn of(exponents: &GolikovExponents) -> Self {
        let (q_sigma, s) = (exponents.q_sigma(), exponents.increments());
        let (s_a, s_w) = (exponents.readout_increments(), exponents.input_increments());
        let bounded = sign(s) != Greater;
        let in_band = bounded && sign(s + 0.5) != Less && exponents.has_equal_rates();
        let kernel_change = KernelChange { smooth: 2.0 * s, kinked: (2.0 * s).max((s - 1.0) / 2.0) };
        let decomposition = Decomposition {
            start: (q_sigma + 0.5).max(q_sigma + 1.0 + 2.0 * s),
            readout: q_sigma + 1.0 + s,
            input: q_sigma + 1.0 + s,
            both: q_sigma + 1.0 + 3.0 * s,
        };
        Self {
            logits: exponents.logits(),
            readout_kernel: exponents.readout_kernel(),
            input_kernel: exponents.input_kernel(),
            kernel: exponents.kernels(),
            readout_increments: s_a,
            input_increments: s_w,
            // δâ acts on features that are larger than those of the start once s_w > 0.
            first_output_change: q_sigma + 1.0 + s_w.max(s_a + s_w.max(0.0)),
            output_change: bounded.then(|| exponents.kernels()),
            kernel_change: in_band.then_some(kernel_change),
            decomposition: in_band.then_some(decomposition),
        }
    }

    /// Returns every prediction with its symbol, in the order of the fields.
    pub fn table(&self) -> Vec<(&'static str, f64)> {
        let always = [
            ("f⁽⁰⁾", self.logits),
            ("K_a⁽⁰⁾", self.readout_kernel),
            ("K_w⁽⁰⁾", self.input_kernel),
            ("K⁽⁰⁾", self.kernel),
            ("δâ", self.readout_increments),
            ("δŵ", self.input_increments),
            ("f⁽¹⁾ − f⁽⁰⁾", self.first_output_change),
        ];
        let change = self.kernel_change;
        let terms = self.decomposition;
        let sometimes = [
            ("f⁽ᵏ⁾ − f⁽⁰⁾", self.output_change),
            ("K⁽ᵏ⁾/K⁽⁰⁾ − 1, smooth φ", change.map(|change| change.smooth)),
            ("K_w⁽ᵏ⁾/K_w⁽⁰⁾ − 1, leaky ReLU", change.map(|change| change.kinked)),
            ("f_∅", terms.map(|terms| terms.start)),
            ("f_a", terms.map(|terms| terms.readout)),
            ("f_w", terms.map(|terms| terms.input)),
            ("f_aw", terms.map(|terms| terms.both)),
        ];
        let known = sometimes.into_iter().filter_map(|(symbol, exponent)| exponent.map(|exponent| (symbol, exponent)));
        always.into_iter().chain(known).collect()
    }
}
