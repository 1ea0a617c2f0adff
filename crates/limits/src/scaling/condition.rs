//! A condition on exponents is text and data at once.

use std::cmp::Ordering;

use widenet_core::{humanized, scaling::sign};

/// One inequality or equation that a verdict depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is asked for, with the value: `s = q_σ + q̃ = 0.25 ≤ 0`.
    pub text: String,
    /// The value.
    pub value: f64,
    /// Whether it is so, within the tolerance of exponents.
    pub holds: bool,
}

impl Condition {
    /// `quantity ≤ bound`.
    pub(super) fn at_most(quantity: &str, value: f64, bound: f64) -> Self {
        let text = format!("{quantity} = {} ≤ {}", number(value), number(bound));
        Self { text, value, holds: sign(value - bound) != Ordering::Greater }
    }

    /// `quantity ≥ bound`.
    pub(super) fn at_least(quantity: &str, value: f64, bound: f64) -> Self {
        let text = format!("{quantity} = {} ≥ {}", number(value), number(bound));
        Self { text, value, holds: sign(value - bound) != Ordering::Less }
    }

    /// `quantity = wanted`.
    pub(super) fn equal(quantity: &str, value: f64, wanted: f64) -> Self {
        let text = format!("{quantity} = {}, wanted {}", number(value), number(wanted));
        Self { text, value, holds: sign(value - wanted) == Ordering::Equal }
    }
}

/// An exponent in decimal, without the last digits that sums of decimals leave.
pub(super) fn number(exponent: f64) -> String {
    match sign(exponent) {
        Ordering::Equal => "0".into(),
        // Beyond these there are no digits after the point.
        _ if exponent.abs() >= 1e6 => humanized::exact(exponent),
        _ => {
            let digits = format!("{exponent:.9}");
            digits.trim_end_matches('0').trim_end_matches('.').into()
        }
    }
}
