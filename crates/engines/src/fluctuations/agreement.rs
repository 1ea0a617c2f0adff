//! Spread and offset should be the same from widths m_0 and 2 m_0.
//!
//! ```text
//! z² = mean over numbers of (x_{2 m_0} − x_{m_0})² / (error²_{2 m_0} + error²_{m_0}),     x = s or b
//! ```

use widenet_core::problem::Quantity;

use super::estimate::{Estimate, Interval};

/// Root mean square of z from which on two widths disagree. The numbers of a quantity may be one number many times over, so this is a level
/// of about 1 % for a single one.
const DISAGREES: f64 = 2.5;

/// How spread and offset of a quantity changed from m_0 to 2 m_0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// The quantity.
    pub quantity: Quantity,
    /// z of the spreads.
    pub spread_z: f64,
    /// Norm of the change of the spreads relative to that at m_0.
    pub spread_change: f64,
    /// z of the offsets.
    pub offset_z: f64,
    /// The same of the offsets.
    pub offset_change: f64,
}

impl Agreement {
    /// Compares the estimates of all numbers of a quantity, at m_0 and at 2 m_0.
    pub(super) fn of(quantity: Quantity, pairs: &[(Estimate, Estimate)]) -> Agreement {
        let (spread_z, spread_change) = compare(pairs, |estimate| estimate.spread);
        let (offset_z, offset_change) = compare(pairs, |estimate| estimate.offset);
        Agreement { quantity, spread_z, spread_change, offset_z, offset_change }
    }

    /// Says whether both widths agree.
    pub fn holds(&self) -> bool {
        self.spread_z <= DISAGREES && self.offset_z <= DISAGREES
    }

    /// Says what does not agree.
    pub(super) fn note(&self, small_width: u64) -> Option<String> {
        let part = |name: &str, z: f64, change: f64| {
            (z > DISAGREES).then(|| format!("{name} by {:.0} % ({z:.1} standard errors)", 100.0 * change))
        };
        let parts =
            [part("spread", self.spread_z, self.spread_change), part("offset", self.offset_z, self.offset_change)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| {
            format!(
                "{} at width {} differs from width {small_width}: {}; predictions are made of the wider networks, and a larger small width \
                 makes them better",
                self.quantity.name(),
                2 * small_width,
                parts.join(", ")
            )
        })
    }
}

/// The root mean square of z over numbers that have errors, and the relative change.
fn compare(pairs: &[(Estimate, Estimate)], part: impl Fn(&Estimate) -> Interval) -> (f64, f64) {
    let (mut squares, mut count, mut change, mut size) = (0.0, 0.0, 0.0, 0.0);
    for (small, twice) in pairs {
        let (small, twice) = (part(small), part(twice));
        let difference = (twice.value - small.value).powi(2);
        change += difference;
        size += small.value.powi(2);
        let variance = small.error.powi(2) + twice.error.powi(2);
        if variance > 0.0 {
            squares += difference / variance;
            count += 1.0;
        }
    }
    let root = |square: f64, by: f64| if by == 0.0 { 0.0 } else { (square / by).sqrt() };
    (root(squares, count), root(change, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(value: f64) -> Estimate {
        let interval = Interval { value, error: 3.0, lower: value - 6.0, upper: value + 6.0 };
        Estimate { spread: interval, offset: Interval { value: 0.0, error: 0.0, lower: 0.0, upper: 0.0 } }
    }

    /// Changes of 6 and 8 with errors √18: z = √((36 + 64)/2/18), a sixth of a norm of 60.
    #[test]
    fn a_change_is_counted_in_errors() {
        let agreement = Agreement::of(Quantity::Outputs, &[(at(36.0), at(42.0)), (at(48.0), at(40.0))]);
        assert!((agreement.spread_z - (50f64 / 18.0).sqrt()).abs() < 1e-12, "{agreement:?}");
        assert!((agreement.spread_change - 1.0 / 6.0).abs() < 1e-12 && agreement.offset_z == 0.0, "{agreement:?}");
        assert!(agreement.holds() && agreement.note(64).is_none());
    }

    #[test]
    fn a_large_change_is_said() {
        let agreement = Agreement::of(Quantity::Outputs, &[(at(36.0), at(56.0))]);
        let note = agreement.note(64).unwrap();
        assert!(
            !agreement.holds() && note.contains("outputs at width 128") && note.contains("spread by 56 %"),
            "{note}"
        );
    }
}
