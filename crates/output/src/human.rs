//! Numbers, sizes and times for people.

/// Five decimals, or four significant digits where these would not do.
pub fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) { format!("{value:.5}") } else { format!("{value:.3e}") }
}

/// A number of bytes, `3.0 GiB`.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

/// A number of seconds, `250 ms`.
pub fn seconds(value: f64) -> String {
    match value {
        v if v < 1.0 => format!("{:.0} ms", v * 1e3),
        v if v < 120.0 => format!("{v:.1} s"),
        v if v < 7200.0 => format!("{:.0} min", v / 60.0),
        v => format!("{:.1} h", v / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([number(0.125), number(1e-9), number(0.0)], ["0.12500", "1.000e-9", "0.00000"]);
        assert_eq!([bytes(3 << 30), bytes(12)], ["3.0 GiB", "12.0 B"]);
        assert_eq!([seconds(0.25), seconds(90.0), seconds(7200.0)], ["250 ms", "90.0 s", "2.0 h"]);
    }
}
