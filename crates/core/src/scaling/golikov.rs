//! Golikov's exponents say how networks with one hidden layer scale; this module counts powers of the width by them.
//!
//! ```text
//! f(x) = σ Σ_r â_r φ(ŵ_r·x),      σ ~ n^q_σ,   η̂_a ~ n^q̃_a,   η̂_w ~ n^q̃_w
//! A = q_σ + 1/2,      B_l = 2 q_σ + q̃_l + 1,      s_l = q_σ + q̃_l      (l = a, w; B and s are the larger ones)
//! w = (0, −q_σ),      e = (−q̃_w, −q̃_a − 2 q_σ)
//! ```
//!
//! (docs/theory/scaling-limits.md §3.4, Eq. network, Eq. exponents, Eq. counting, Eq. golikov.) `n` is the width in units of a reference
//! width, at which all scalings are the same network.

use std::cmp::Ordering;

use serde::Serialize;
use widenet_document::excerpt;

use super::{
    abc::AbcExponents,
    exponents::{EffectiveExponents, check_finite},
    sign::sign,
};
use crate::error::{Error, Result};

/// `(q_σ, q̃_a, q̃_w)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GolikovExponents {
    q_sigma: f64,
    q_a: f64,
    q_w: f64,
}

/// Exponents of n of what multiplies a network whose weights have variance 1/fan-in and whose learning rates do not depend on the width.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RawFactors {
    /// `q_σ + 1/2`.
    pub output_weights: f64,
    /// `q̃_w`.
    pub input_rate: f64,
    /// `q̃_a + 2 q_σ`.
    pub output_rate: f64,
}

impl GolikovExponents {
    /// Mean-field.
    pub const MF: Self = Self::constant(-1.0, 1.0, 1.0);
    /// Neural tangent kernel.
    pub const NTK: Self = Self::constant(-0.5, 0.0, 0.0);
    /// "Default" with both rates at their mean.
    pub const SYM_DEFAULT: Self = Self::constant(-0.5, 0.5, 0.5);
    /// The intermediate scaling with q = 3/4.
    pub const INTERMEDIATE: Self = Self::constant(-0.75, 0.5, 0.5);
    /// "Default": the standard parameterisation with constant rates. It is not stable.
    pub const DEFAULT: Self = Self::constant(-0.5, 1.0, 0.0);
    /// Named scalings by word: the usual ones, and an example of every other class of limits (docs/theory/scaling-limits.md §3.2).
    pub const NAMED: [(&str, Self); 14] = [
        ("mf", Self::MF),
        ("ntk", Self::NTK),
        ("sym_default", Self::SYM_DEFAULT),
        ("intermediate", Self::INTERMEDIATE),
        ("default", Self::DEFAULT),
        ("pre_ntk", Self::constant(0.0, -0.5, -0.5)),
        ("post_ntk", Self::constant(-1.0, 0.5, 0.5)),
        ("pre_ntk_sym_default", Self::constant(0.0, -0.25, -0.25)),
        ("ntk_sym_default", Self::constant(-0.5, 0.25, 0.25)),
        ("barycentre", Self::constant(-0.66, 0.5, 0.5)),
        ("post_mf_ntk", Self::constant(-1.0, 0.75, 0.75)),
        ("pre_sym_default", Self::constant(0.0, 0.0, 0.0)),
        ("sym_default_mf", Self::constant(-0.75, 0.75, 0.75)),
        ("post_mf", Self::constant(-1.5, 1.5, 1.5)),
    ];

    const fn constant(q_sigma: f64, q_a: f64, q_w: f64) -> Self {
        Self { q_sigma, q_a, q_w }
    }

    /// Takes `q_σ`, `q̃_a` and `q̃_w`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number that is not finite.
    pub fn new(q_sigma: f64, q_a: f64, q_w: f64) -> Result<Self> {
        [("q_σ", q_sigma), ("q̃_a", q_a), ("q̃_w", q_w)]
            .into_iter()
            .try_for_each(|(name, value)| check_finite(name, value))?;
        Ok(Self { q_sigma, q_a, q_w })
    }

    /// Takes `q_σ` and `q̃_a = q̃_w = q̃`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number that is not finite.
    pub fn equal(q_sigma: f64, q: f64) -> Result<Self> {
        Self::new(q_sigma, q, q)
    }

    /// Makes `(−q, 2q − 1)`: between NTK and mean-field, with kernels of order 1.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless 1/2 < q < 1.
    pub fn intermediate(q: f64) -> Result<Self> {
        match q > 0.5 && q < 1.0 {
            true => Self::equal(-q, 2.0 * q - 1.0),
            false => Err(Error::Invalid(format!(
                "q is {q}; the intermediate scaling needs 1/2 < q < 1 (1/2 is \"ntk\" and 1 is \"mf\")"
            ))),
        }
    }

    /// Makes a named scaling.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the known words.
    pub fn named(word: &str) -> Result<Self> {
        let found = Self::NAMED.into_iter().find(|(name, _)| *name == word);
        found.map(|(_, exponents)| exponents).ok_or_else(|| {
            let words: Vec<String> = Self::NAMED.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let word = excerpt(word);
            Error::Invalid(format!("scaling \"{word}\" is not known; it must be one of {}", words.join(", ")))
        })
    }

    /// Returns `q_σ`.
    pub fn q_sigma(&self) -> f64 {
        self.q_sigma
    }

    /// Returns `q̃_a`.
    pub fn q_a(&self) -> f64 {
        self.q_a
    }

    /// Returns `q̃_w`.
    pub fn q_w(&self) -> f64 {
        self.q_w
    }

    /// Says whether `q̃_a = q̃_w`.
    pub fn has_equal_rates(&self) -> bool {
        sign(self.q_a - self.q_w) == Ordering::Equal
    }

    /// Returns `A`: logits at the start.
    pub fn logits(&self) -> f64 {
        self.q_sigma + 0.5
    }

    /// Returns `B_a`: the readout's part of the tangent kernel at the start.
    pub fn readout_kernel(&self) -> f64 {
        2.0 * self.q_sigma + self.q_a + 1.0
    }

    /// Returns `B_w`: the input layer's part of the tangent kernel at the start.
    pub fn input_kernel(&self) -> f64 {
        2.0 * self.q_sigma + self.q_w + 1.0
    }

    /// Returns `B = max(B_a, B_w)`: the tangent kernel at the start.
    pub fn kernels(&self) -> f64 {
        self.readout_kernel().max(self.input_kernel())
    }

    /// Returns `s_a`: increments of readout weights in the first step, in units of the weights.
    pub fn readout_increments(&self) -> f64 {
        self.q_sigma + self.q_a
    }

    /// Returns `s_w`: increments of input weights in the first step, in units of the weights.
    pub fn input_increments(&self) -> f64 {
        self.q_sigma + self.q_w
    }

    /// Returns `s = max(s_a, s_w)`.
    pub fn increments(&self) -> f64 {
        self.readout_increments().max(self.input_increments())
    }

    /// Says how a standard network is turned into one of this scaling.
    pub fn raw_factors(&self) -> RawFactors {
        RawFactors {
            output_weights: self.q_sigma + 0.5,
            input_rate: self.q_w,
            output_rate: self.q_a + 2.0 * self.q_sigma,
        }
    }

    /// Returns `w` and `e`.
    pub fn effective(&self) -> EffectiveExponents {
        EffectiveExponents::checked(vec![0.0, -self.q_sigma], vec![-self.q_w, -self.q_a - 2.0 * self.q_sigma])
    }

    /// Returns the abc-parametrisation with `c = −q̃_w`: `a = (0, −q_σ)` and `b = (0, 0)` if the rates are equal.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a sum leaves the range of `f64`.
    pub fn abc(&self) -> Result<AbcExponents> {
        self.effective().abc(-self.q_w)
    }
}

impl TryFrom<&EffectiveExponents> for GolikovExponents {
    type Error = Error;

    /// Exact: `q_σ = −w_2`, `q̃_w = −e_1`, `q̃_a = 2 w_2 − e_2`.
    fn try_from(effective: &EffectiveExponents) -> Result<Self> {
        let (&[input, readout], &[input_rate, readout_rate]) = (effective.weights(), effective.rates()) else {
            return Err(Error::Invalid(format!(
                "the scaling has {} hidden layers; Golikov's exponents are those of networks with 1",
                effective.hidden_layers()
            )));
        };
        if sign(input) != Ordering::Equal {
            return Err(Error::Invalid(format!(
                "w_1 = a_1 + b_1 is {input}; Golikov's exponents need input weights of order 1, so w_1 = 0"
            )));
        }
        Self::new(-readout, 2.0 * readout - readout_rate, -input_rate)
    }
}

impl TryFrom<&AbcExponents> for GolikovExponents {
    type Error = Error;

    fn try_from(abc: &AbcExponents) -> Result<Self> {
        Self::try_from(&abc.effective())
    }
}
