//! A dual activation says how the covariance of two Gaussian pre-activations becomes that of their activations.
//!
//! ```text
//! E[φ(u)φ(v)],   E[φ'(u)φ'(v)],      (u, v) ~ N(0, [[q1, c], [c, q2]])
//! ```
//!
//! (docs/theory/ntk.md §2.1; piecewise linear activations are the arc-cosine kernels.) [`Dual`] works on triples (q1, q2, c), whatever
//! the layer that made them. Activations without closed form have a Hermite series (docs/theory/ntk.md §10.4) with a stated error.

pub(crate) mod arc;
mod arc_cosine;
pub(crate) mod closed_forms;
mod expectations;
pub(crate) mod hermite;

pub use arc_cosine::ArcCosine;
pub use expectations::Expectations;

use std::f64::consts::{FRAC_2_PI, PI};

use widenet_core::problem::Activation;

use closed_forms::{erf, gelu, sin};
use hermite::Coefficients;

/// The dual of an activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dual {
    /// A homogeneous activation.
    ArcCosine(ArcCosine),
    /// `erf(u)`.
    Erf,
    /// `sin(u)`.
    Sin,
    /// `u Φ(u)`.
    Gelu,
    /// An activation by its Hermite series.
    Series(Activation),
}

impl Dual {
    /// Returns the dual of an activation.
    pub fn of(activation: Activation) -> Dual {
        match (activation.slopes(), activation) {
            (Some((below, above)), _) => Dual::ArcCosine(ArcCosine::PiecewiseLinear {
                bend: (above - below).powi(2) / (2.0 * PI),
                slope: 0.5 * (below * below + above * above),
            }),
            (None, Activation::Step) => Dual::ArcCosine(ArcCosine::Step),
            (None, Activation::SquaredRelu) => Dual::ArcCosine(ArcCosine::SquaredRelu),
            (None, Activation::Erf) => Dual::Erf,
            (None, Activation::Sin) => Dual::Sin,
            (None, Activation::Gelu) => Dual::Gelu,
            (None, other) => Dual::Series(other),
        }
    }

    /// Returns the expectations at `u = v` with variance `q ≥ 0`.
    pub fn diagonal(&self, q: f64) -> Expectations {
        match self {
            Dual::ArcCosine(activation) => activation.diagonal(q),
            Dual::Erf => {
                let root = (1.0 + 4.0 * q).sqrt();
                Expectations { value: FRAC_2_PI * (2.0 * q).atan2(root), derivative: 4.0 / PI / root }
            }
            Dual::Sin => Expectations { value: -0.5 * (-2.0 * q).exp_m1(), derivative: 0.5 * (1.0 + (-2.0 * q).exp()) },
            Dual::Gelu => gelu(q, q, q),
            Dual::Series(activation) => hermite::diagonal(*activation, q),
        }
    }

    /// Returns the expectations for variances `q1, q2 ≥ 0` and covariance `c`, |c| ≤ √(q1 q2).
    ///
    /// Of homogeneous activations the angle comes from c, so that what is linear in it is off by up to 1e-8 for nearly parallel inputs; kernel
    /// matrices of networks are computed without that loss.
    pub fn pair(&self, q1: f64, q2: f64, c: f64) -> Expectations {
        match self {
            Dual::ArcCosine(activation) => activation.pair(q1, q2, c),
            Dual::Erf => erf(q1, q2, c),
            Dual::Sin => sin(q1, q2, c),
            Dual::Gelu => gelu(q1, q2, c),
            Dual::Series(activation) => {
                let coefficients = Coefficients::new(*activation, &[q1, q2], q1.max(q2));
                let correlation = if q1 * q2 == 0.0 { 0.0 } else { c / (q1 * q2).sqrt() };
                coefficients.sum(0, 1, c, correlation.clamp(-1.0, 1.0))
            }
        }
    }

    /// Says how far the expectations may be from the exact ones, absolutely, for variances up to q: rounding of a closed form; for a series
    /// what it leaves out, by Parseval's identity on a finer grid.
    pub fn error(&self, q: f64) -> Expectations {
        match self {
            Dual::Series(activation) => hermite::error(*activation, q),
            _ => {
                let size = self.diagonal(q);
                Expectations {
                    value: 8.0 * f64::EPSILON * size.value,
                    derivative: 8.0 * f64::EPSILON * size.derivative,
                }
            }
        }
    }
}
