//! Says which model a limit is, and which loss gradient drives it.
//!
//! ```text
//! G(−, F) = −y/2          G(0, F) = −y sigmoid(−y F)          G(+, F) = −y (1[y F < 0] + ½ 1[F = 0])
//! ```
//!
//! (docs/theory/scaling-limits.md §3.3, §4.4, Eq. gradient.) The sign is that of the exponent of the logits: vanishing logits are pushed
//! alike, diverging ones only where they are wrong.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use crate::scaling::{Increments, LimitClass};

/// A limit of classifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Model {
    /// Of a stable scaling.
    Class(LimitClass),
    /// IC-MF: the mean-field limit on top of the initial function.
    CorrectedMeanField,
}

impl Model {
    /// Returns its name in text.
    pub fn name(self) -> &'static str {
        match self {
            Model::Class(class) => class.name(),
            Model::CorrectedMeanField => "IC-MF",
        }
    }

    /// Says whether the tangent kernel evolves, so that the model is one of moving particles.
    pub fn evolves(self) -> bool {
        match self {
            Model::Class(class) => class.cell().2 == Increments::Highest,
            Model::CorrectedMeanField => true,
        }
    }

    /// Says whether `F_0 = F_init`; otherwise F starts from 0.
    pub fn keeps_start(self) -> bool {
        match self {
            Model::Class(class) => class.cell().2 == Increments::Lowest,
            Model::CorrectedMeanField => true,
        }
    }

    /// Says whether the model depends on `F_init`, as part of F or in `g_0`.
    pub fn needs_start(self) -> bool {
        self.keeps_start() || self.signs().0 != Less
    }

    /// Signs of the exponents of the logits that the loss sees at step 0 and later.
    pub fn signs(self) -> (Ordering, Ordering) {
        match self {
            Model::Class(class) => (class.cell().0, class.cell().1),
            Model::CorrectedMeanField => (Equal, Equal),
        }
    }
}

/// Returns `G(sign, F)` for a label y = ±1.
pub fn loss_gradient(sign: Ordering, label: f64, output: f64) -> f64 {
    let margin = label * output;
    match sign {
        Less => -0.5 * label,
        // Neither end overflows: e^margin = ∞ gives 0.
        Equal => -label / (1.0 + margin.exp()),
        Greater if margin < 0.0 => -label,
        // n^B · 0 is 0 at every width.
        Greater if margin == 0.0 => -0.5 * label,
        Greater => 0.0,
    }
}
