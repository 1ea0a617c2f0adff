//! The sign of an exponent decides what a power of the width does: `m^e` grows for e > 0, stays for e = 0, vanishes for e < 0.

use std::cmp::Ordering;

/// Exponents closer than this to the boundary of a class are on it: they are given in decimal, and classes are lines and points of a
/// plane, which `-0.7 + 0.2` misses by a rounding error.
pub const EXPONENT_TOLERANCE: f64 = 1e-9;

/// Returns the sign of an exponent: what a power of the width does, with [`EXPONENT_TOLERANCE`].
pub fn sign(exponent: f64) -> Ordering {
    if exponent.abs() < EXPONENT_TOLERANCE { Ordering::Equal } else { exponent.total_cmp(&0.0) }
}

/// Returns `m^exponent` as people read it: to four digits behind the point, without zeros at the end.
pub fn power_of_width(exponent: f64) -> String {
    // Also −0 is 0.
    format!("m^{}", (exponent * 1e4).round() / 1e4 + 0.0)
}
