//! A dual activation gives these expectations.

/// The pair of expectations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectations {
    /// `E[φ(u)φ(v)]`.
    pub value: f64,
    /// `E[φ'(u)φ'(v)]`.
    pub derivative: f64,
}
