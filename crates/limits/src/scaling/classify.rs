//! Gives the verdict on a scaling of networks with one hidden layer, with its reasons.
//!
//! ```text
//! stable:    s ≤ 0     learning changes kernels by no more than their own order       (else unstable)
//!            s ≥ −1/2  and outputs by no less than their own order at the start       (else stagnant)
//! squared loss:  A ≤ 0 and B ≤ 0 too, as its gradient grows with the outputs          (else unstable)
//! rate = min{ 1/2;  s + 1/2 if s > −1/2;  −2s if s < 0;  |A| if A ≠ 0;  |B| if B ≠ 0;  |q̃_a − q̃_w| if q̃_a ≠ q̃_w }
//! ```
//!
//! (docs/theory/scaling-limits.md §3, Eq. stable, Eq. rate.) With unequal rates s is the larger of `s_a`, `s_w`, and the layer of the
//! smaller one is frozen in a stable limit: its part of the kernel is smaller by a power of n, the last term of the rate.

use std::cmp::Ordering::{self, Greater, Less};

use widenet_core::{
    problem::Loss,
    scaling::{GolikovExponents, sign},
};

use super::{
    class::LimitClass,
    condition::{Condition, number},
};

/// A layer of a network with one hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Input weights w.
    Input,
    /// Readout weights a.
    Readout,
}

/// How an unstable scaling grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Growth {
    /// Initial outputs diverge, and squared loss with them; steps need not add to it.
    AtStart,
    /// Kernels jump by a power of n at the first step and then keep their exponents ("eventually stable").
    FirstStep,
    /// Exponents grow with every step ("runaway").
    EveryStep,
}

/// What a scaling leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stability {
    /// Dynamically stable.
    Stable {
        /// Its limit.
        class: LimitClass,
        /// The layer that does not learn in the limit, if the rates are unequal.
        frozen: Option<Layer>,
    },
    /// Learning is more than the network can take.
    Unstable(Growth),
    /// Outputs stay what they are at the start, to leading order.
    Stagnant,
}

/// A property of finite networks that a limit may keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// `P1` to `P4`.
    pub name: &'static str,
    /// What it is.
    pub text: &'static str,
    /// The equation it is equivalent to, and whether it holds.
    pub condition: Condition,
}

/// A scaling, its exponents and its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The scaling.
    pub exponents: GolikovExponents,
    /// A: logits at the start.
    pub logits: f64,
    /// B: the tangent kernel at the start, the larger of `B_a`, `B_w`.
    pub kernels: f64,
    /// s: increments of weights in the first step, the larger of `s_a`, `s_w`.
    pub increments: f64,
    /// The verdict.
    pub verdict: Stability,
    /// What it follows from: a scaling is stable if all of them hold.
    pub reasons: Vec<Condition>,
    /// P1 to P4.
    pub properties: [Property; 4],
    /// Networks come to the limit like `n^(-rate)` (module formula, heuristic); `None` without a limit.
    pub rate: Option<f64>,
}

impl Classification {
    /// Judges a scaling, for networks trained on `loss` by gradient descent.
    pub fn of(exponents: GolikovExponents, loss: Loss) -> Self {
        let (logits, kernels, s) = (exponents.logits(), exponents.kernels(), exponents.increments());
        let squared = matches!(loss, Loss::Squared { .. });
        let verdict = verdict(&exponents, squared);
        let rate = match verdict {
            Stability::Stable { .. } => Some(rate(&exponents)),
            _ => None,
        };
        Self {
            exponents,
            logits,
            kernels,
            increments: s,
            verdict,
            reasons: reasons(&exponents, squared),
            properties: properties(logits, kernels, s),
            rate,
        }
    }

    /// Returns the class, if the scaling is stable.
    pub fn class(&self) -> Option<LimitClass> {
        match self.verdict {
            Stability::Stable { class, .. } => Some(class),
            _ => None,
        }
    }
}

fn verdict(exponents: &GolikovExponents, squared: bool) -> Stability {
    let (s_a, s_w) = (exponents.readout_increments(), exponents.input_increments());
    let (grows, starts_large) = (sign(exponents.kernels()) == Greater, sign(exponents.logits()) == Greater);
    if sign(s_a.max(s_w)) == Greater {
        let twice = sign(s_a + s_w) == Greater || (squared && grows);
        return Stability::Unstable(if twice { Growth::EveryStep } else { Growth::FirstStep });
    }
    if squared && (grows || starts_large) {
        return Stability::Unstable(if grows { Growth::EveryStep } else { Growth::AtStart });
    }
    let frozen = match sign(s_a - s_w) {
        Less => Some(Layer::Readout),
        Ordering::Equal => None,
        Greater => Some(Layer::Input),
    };
    let class = LimitClass::of_exponents(exponents.logits(), s_a.max(s_w));
    class.map_or(Stability::Stagnant, |class| Stability::Stable { class, frozen })
}

/// Symbols of B and s as the scaling has them.
fn symbols(exponents: &GolikovExponents) -> (String, String) {
    if exponents.has_equal_rates() {
        return ("B = 2 q_σ + q̃ + 1".into(), "s = q_σ + q̃".into());
    }
    let larger = |symbol: &str, a: f64, w: f64| {
        format!("{symbol} = max({symbol}_a, {symbol}_w) = max({}, {})", number(a), number(w))
    };
    (
        larger("B", exponents.readout_kernel(), exponents.input_kernel()),
        larger("s", exponents.readout_increments(), exponents.input_increments()),
    )
}

fn reasons(exponents: &GolikovExponents, squared: bool) -> Vec<Condition> {
    let (kernels, increments) = symbols(exponents);
    let s = exponents.increments();
    let mut reasons = vec![Condition::at_most(&increments, s, 0.0), Condition::at_least(&increments, s, -0.5)];
    if sign(s) == Greater {
        let sum = exponents.readout_increments() + exponents.input_increments();
        reasons.push(Condition::at_most("s_a + s_w", sum, 0.0));
    }
    if squared {
        reasons.push(Condition::at_most("A = q_σ + 1/2", exponents.logits(), 0.0));
        reasons.push(Condition::at_most(&kernels, exponents.kernels(), 0.0));
    }
    reasons
}

fn properties(logits: f64, kernels: f64, s: f64) -> [Property; 4] {
    let property = |name, text, symbol, value, wanted| {
        let condition = Condition::equal(symbol, value, wanted);
        Property { name, text, condition }
    };
    [
        property("P1", "logits at the start are finite and not 0", "A", logits, 0.0),
        property("P2", "tangent kernels at the start are finite and not 0", "B", kernels, 0.0),
        property("P3", "logits and tangent kernels are of the same order at the start", "s", s, -0.5),
        property("P4", "tangent kernels evolve", "s", s, 0.0),
    ]
}

/// Module formula, for stable scalings.
fn rate(exponents: &GolikovExponents) -> f64 {
    let s = exponents.increments();
    let sizes = [exponents.logits(), exponents.kernels(), exponents.q_a() - exponents.q_w()].map(f64::abs);
    [s + 0.5, -2.0 * s].into_iter().chain(sizes).filter(|term| sign(*term) == Greater).fold(0.5, f64::min)
}
