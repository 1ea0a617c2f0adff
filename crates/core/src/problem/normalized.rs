//! Rates with which a rule that divides gradients by their size moves outputs by an amount of order 1 at any width.
//!
//! ```text
//! an entry moves by its rate m^(-c), a pre-activation of layer l by A κ fan_in = m^(-a_l - c_l + [l > 1]), and the outputs with those of a hidden
//! layer by m^(1 - w) more, where w = a_{L+1} + b_{L+1} < 1:
//! c_l = [l > 1] - a_l + [l ≤ L] max(0, 1 - w)
//! ```
//!
//! (docs/theory/scaling-limits.md §5.4: its rates of RMSProp are these for w = 1, MF, and w = ½, NTK.)

use std::fmt;

use super::definition::Problem;
use crate::scaling::LayerScaling;

/// The lists `a`, `b` and `c` of `parameterization.kind = "abc"`, input layer first: multipliers and initial weights as the problem has them.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalizedLists {
    /// The word of the rule.
    pub kind: &'static str,
    /// Exponents of the multipliers.
    pub a: Vec<f64>,
    /// Exponents of the initial standard deviations.
    pub b: Vec<f64>,
    /// Exponents of the rates.
    pub c: Vec<f64>,
    /// Whether the rates of the problem are these.
    pub are_own: bool,
}

impl NormalizedLists {
    /// Those of a problem whose rule divides gradients by their size.
    pub fn of(problem: &Problem) -> Option<NormalizedLists> {
        if !problem.optimizer.is_normalized() {
            return None;
        }
        let layers = problem.scaling().layers;
        let a: Vec<f64> = layers.iter().map(|layer| -layer.multiplier.exponent + 0.0).collect();
        let b: Vec<f64> = layers.iter().map(|layer| -layer.init_std.exponent + 0.0).collect();
        let last = layers.len() - 1;
        let from_below = (1.0 - a[last] - b[last]).max(0.0);
        let rate = |(l, a): (usize, &f64)| {
            let fan_in = if l == 0 { 0.0 } else { 1.0 };
            fan_in - a + if l < last { from_below } else { 0.0 }
        };
        let c: Vec<f64> = a.iter().enumerate().map(rate).collect();
        let is_own = |(layer, c): (&LayerScaling, &f64)| {
            layer.learning_rate.constant == 0.0 || (layer.learning_rate.exponent + c).abs() < 1e-9
        };
        let are_own = layers.iter().zip(&c).all(is_own);
        Some(NormalizedLists { kind: problem.optimizer.obstacles().kind, a, b, c, are_own })
    }
}

impl fmt::Display for NormalizedLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = format!("a = {:?}, b = {:?}, c = {:?}", self.a, self.b, self.c);
        let kind = self.kind;
        if self.are_own {
            return write!(
                f,
                "{kind} moves outputs by order 1 at any width with these rates; as kind = \"abc\": {lists}"
            );
        }
        write!(
            f,
            "{kind} does not move outputs by order 1 at any width with these rates, which are those of gradient descent; it does with kind = \
             \"abc\", {lists}"
        )
    }
}
