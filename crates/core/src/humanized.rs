//! Numbers, sizes and times have one form for people in all messages, tables and reports.

/// Bytes in the largest unit that leaves a number of at least 1, with one decimal.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

/// Seconds in milliseconds, seconds, minutes or hours.
pub fn seconds(value: f64) -> String {
    // Neither −0 nor less.
    match value.max(0.0) + 0.0 {
        v if v < 1.0 => format!("{:.0} ms", v * 1e3),
        v if v < 120.0 => format!("{v:.1} s"),
        v if v < 7200.0 => format!("{:.0} min", v / 60.0),
        v => format!("{:.1} h", v / 3600.0),
    }
}

/// A number with five decimals, or with four significant digits where these would not do.
pub fn number(value: f64) -> String {
    // No zero has a sign.
    let value = value + 0.0;
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) { format!("{value:.5}") } else { format!("{value:.3e}") }
}

/// A number with all its digits, at most 24 characters.
pub fn exact(value: f64) -> String {
    if value == 0.0 || !value.is_finite() || (1e-5..1e16).contains(&value.abs()) {
        format!("{}", value + 0.0)
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plain decimals of large numbers have hundreds of digits.
    #[test]
    fn exact_numbers_are_read_back_and_short() {
        let values = [0.1, -2.0, 1e300, -f64::MAX, 5e-324, 1e15, 1e16, 1.0 / 3.0];
        for value in values {
            let text = exact(value);
            assert!(text.len() <= 24 && text.parse() == Ok(value), "{text}");
        }
        assert_eq!([exact(1e300), exact(0.25), exact(-0.0), exact(1e-7)], ["1e300", "0.25", "0", "1e-7"]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([number(0.125), number(1e-9), number(-0.0)], ["0.12500", "1.000e-9", "0.00000"]);
    }

    #[test]
    fn sizes_and_times_have_the_unit_that_suits_them() {
        let sizes = [0, 1023, 1024, 3 << 30, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0.0 B", "1023.0 B", "1.0 KiB", "3.0 GiB", "16.0 EiB"]);
        let times = [-0.0, 0.25, 1.0, 119.96, 120.0, 7199.0, 7200.0].map(seconds);
        assert_eq!(times, ["0 ms", "250 ms", "1.0 s", "120.0 s", "2 min", "120 min", "2.0 h"]);
    }
}
