//! A width is a number that may be infinite.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use widenet_document::excerpt;

/// Width `m` of every hidden layer: a whole number ≥ 1, or ∞.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// `m` neurons per hidden layer, `1 ≤ m < 2^53`.
    Finite(u64),
    /// The infinite-width limit.
    Infinite,
}

/// Largest finite width: an `f64` above it may have been rounded from a neighbouring whole number.
pub const MAX_WIDTH: u64 = (1 << 53) - 1;

impl Width {
    /// Returns `m` as a float; `f64::INFINITY` for the limit.
    pub fn as_f64(self) -> f64 {
        match self {
            Width::Finite(m) => m as f64,
            Width::Infinite => f64::INFINITY,
        }
    }

    /// Returns `m^exponent`, with the limits 0, 1 and ∞ at infinite width.
    pub fn power(self, exponent: f64) -> f64 {
        // `f64::powf` gives ∞^0 = 1, which is the value of the constant function m^0.
        self.as_f64().powf(exponent)
    }

    /// The width of a number; `written` is what errors call it.
    fn checked(value: f64, written: impl fmt::Display) -> Result<Width, String> {
        if !(value >= 1.0 && (value.fract() == 0.0 || value.is_infinite())) {
            return Err(format!("width {written} is not a whole number ≥ 1 (or `inf`)"));
        }
        if value > MAX_WIDTH as f64 {
            return Err(format!("width {written} is above 2^53 - 1 ≈ 9e15, where f64 skips whole numbers; use `inf`"));
        }
        Ok(Width::Finite(value as u64))
    }
}

impl FromStr for Width {
    type Err = String;

    /// Accepts `64`, `1e6`, `1_000_000`, `inf`.
    fn from_str(text: &str) -> Result<Self, String> {
        let cleaned = text.trim().replace('_', "");
        if ["inf", "infinity", "∞"].contains(&cleaned.as_str()) {
            return Ok(Width::Infinite);
        }
        let value = cleaned.parse().map_err(|_| {
            let text = excerpt(text);
            format!("width `{text}` is not a number; give a whole number ≥ 1 such as 64 or 1e6, or `inf`")
        })?;
        Width::checked(value, excerpt(&cleaned))
    }
}

impl TryFrom<f64> for Width {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value == f64::INFINITY {
            return Ok(Width::Infinite);
        }
        Width::checked(value, value)
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Width::Finite(m) if *m >= 1_000_000 && m % 100_000 == 0 => f.pad(&format!("{:e}", *m as f64)),
            Width::Finite(m) => f.pad(&m.to_string()),
            Width::Infinite => f.pad("inf"),
        }
    }
}

impl Serialize for Width {
    /// A number, or the string `"inf"` (JSON has no ∞).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Width::Finite(m) => serializer.serialize_u64(*m),
            Width::Infinite => serializer.serialize_str("inf"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_people_write_and_prints_it_back() {
        for (text, width) in [("64", 64), ("1e6", 1_000_000), ("1_000", 1000), ("1e12", 1_000_000_000_000)] {
            let parsed: Width = text.parse().unwrap();
            assert_eq!(parsed, Width::Finite(width));
            assert_eq!(parsed.to_string().parse::<Width>().unwrap(), parsed);
        }
        assert_eq!("inf".parse::<Width>().unwrap(), Width::Infinite);
    }

    #[test]
    fn refuses_what_is_not_a_width_and_names_it() {
        for text in ["0", "-3", "1.5", "nan", "wide", "1e17"] {
            let message = text.parse::<Width>().unwrap_err();
            assert!(message.contains("width"), "{message}");
        }
    }

    #[test]
    fn no_width_is_changed_silently() {
        assert_eq!("9007199254740991".parse(), Ok(Width::Finite(MAX_WIDTH)));
        for text in ["9007199254740993", "9007199254740993.0", "18446744073709551617", "1e400"] {
            let message = text.parse::<Width>().unwrap_err();
            assert!(message.contains(&format!("width {text} is above 2^53")), "{message}");
        }
        assert!(Width::try_from(9_007_199_254_740_992.0).is_err());
        assert_eq!(Width::try_from(f64::INFINITY), Ok(Width::Infinite));
    }

    #[test]
    fn infinity_is_the_largest_width() {
        assert!(Width::Finite(MAX_WIDTH) < Width::Infinite);
    }
}
