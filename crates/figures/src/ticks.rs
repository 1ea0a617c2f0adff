//! An axis has a range, a scale and ticks.

/// Linear or logarithmic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisScale {
    /// Linear.
    Linear,
    /// Logarithmic; only positive values are drawn.
    Log,
}

/// A tick; minor ones have no label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: Option<String>,
}

/// A range of values mapped to [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    scale: AxisScale,
    /// Ends after the scale's transformation.
    low: f64,
    high: f64,
}

/// Share of the range left free on either side of the data.
const PADDING: f64 = 0.04;
/// Most labels on an axis.
const MAX_LABELS: f64 = 7.0;
/// Fewest labelled powers of ten that show a logarithmic scale; below that 2 and 5 are labelled too.
const MIN_DECADES: usize = 3;

fn transform(scale: AxisScale, value: f64) -> f64 {
    match scale {
        AxisScale::Linear => value,
        AxisScale::Log => value.log10(),
    }
}

/// Can be drawn on such an axis.
pub(crate) fn is_drawable(scale: AxisScale, value: f64) -> bool {
    transform(scale, value).is_finite()
}

impl Range {
    /// The range of drawable values; `None` if there are none.
    pub(crate) fn of(scale: AxisScale, values: impl Iterator<Item = f64>) -> Option<Range> {
        let (low, high) = values
            .map(|value| transform(scale, value))
            .filter(|value| value.is_finite())
            .map(|value| (value, value))
            .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))?;
        let extent = high - low;
        // A single value gets some room around it.
        let room = if extent > 1e-9 * high.abs().max(low.abs()) { PADDING * extent } else { low.abs().max(1.0) * 0.5 };
        Some(Range { scale, low: low - room, high: high + room })
    }

    /// Position of a value: 0 at the low end, 1 at the high end.
    pub(crate) fn position(self, value: f64) -> f64 {
        (transform(self.scale, value) - self.low) / (self.high - self.low)
    }

    /// Ticks within the range, in increasing order.
    pub(crate) fn ticks(self) -> Vec<Tick> {
        match self.scale {
            AxisScale::Log => {
                let decades = self.within(self.decade_ticks());
                let labels = decades.iter().filter(|tick| tick.label.is_some()).count();
                if labels >= MIN_DECADES { decades } else { self.within(self.digit_ticks(self.high - self.low)) }
            }
            AxisScale::Linear => self.within(self.linear_ticks()),
        }
    }

    fn within(self, mut ticks: Vec<Tick>) -> Vec<Tick> {
        ticks.retain(|tick| (0.0..=1.0).contains(&self.position(tick.value)));
        ticks
    }

    /// Powers of ten, every one or every few; digits between them if they are few.
    fn decade_ticks(self) -> Vec<Tick> {
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let stride = ((self.high - self.low) / MAX_LABELS).ceil() as i32;
        let mut ticks = Vec::new();
        for decade in first..=last {
            let label = (decade.rem_euclid(stride) == 0).then(|| power_of_ten(decade));
            ticks.push(Tick { value: 10f64.powi(decade), label });
            if stride == 1 {
                let minor = |digit: i32| Tick { value: f64::from(digit) * 10f64.powi(decade), label: None };
                ticks.extend((2..10).map(minor));
            }
        }
        ticks
    }

    /// Digits times powers of ten, for a range of a few decades at most.
    fn digit_ticks(self, decades: f64) -> Vec<Tick> {
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let labelled: &[i32] = if decades < 0.5 { &[1, 2, 3, 4, 5, 6, 7, 8, 9] } else { &[1, 2, 5] };
        let tick = |(decade, digit): (i32, i32)| {
            let label = match digit {
                _ if (-3..=3).contains(&decade) => plain(f64::from(digit) * 10f64.powi(decade)),
                1 => power_of_ten(decade),
                _ => format!("{digit}·{}", power_of_ten(decade)),
            };
            Tick { value: f64::from(digit) * 10f64.powi(decade), label: labelled.contains(&digit).then_some(label) }
        };
        (first..=last).flat_map(|decade| (1..10).map(move |digit| (decade, digit))).map(tick).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn linear_ticks(self) -> Vec<Tick> {
        let rough = (self.high - self.low) / MAX_LABELS;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(|n| n as f64 * step).map(|value| Tick { value, label: Some(plain(value)) }).collect()
    }
}

/// A number without the noise of binary fractions.
fn plain(value: f64) -> String {
    let rounded: f64 = format!("{value:.10e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".into(),
        size if (1e-4..1e6).contains(&size) => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}

/// `10⁻³`.
pub(crate) fn power_of_ten(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let superscript = |c: char| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]);
    format!("10{}", exponent.to_string().chars().map(superscript).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: AxisScale, low: f64, high: f64) -> Vec<String> {
        let range = Range::of(scale, [low, high].into_iter()).unwrap();
        range.ticks().into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(AxisScale::Log, 100.0, 1e4), ["10²", "10³", "10⁴"]);
        assert_eq!(labels(AxisScale::Log, 1e-12, 1.0), ["10⁻¹²", "10⁻¹⁰", "10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"]);
        assert_eq!(labels(AxisScale::Log, 1.0, 6.0), ["1", "2", "5"]);
        assert_eq!(labels(AxisScale::Log, 3.0, 90.0), ["5", "10", "20", "50", "100"]);
        assert_eq!(labels(AxisScale::Linear, 0.0, 0.6), ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        assert!(Range::of(AxisScale::Log, [0.0, f64::NAN].into_iter()).is_none());
        let range = Range::of(AxisScale::Log, [0.0, 1.0, 10.0].into_iter()).unwrap();
        assert!(range.position(1.0) > 0.0 && range.position(10.0) < 1.0);
        assert!(!is_drawable(AxisScale::Log, 0.0) && is_drawable(AxisScale::Linear, 0.0));
    }

    #[test]
    fn a_single_value_has_room() {
        for (scale, value) in [(AxisScale::Log, 1.0), (AxisScale::Linear, 0.0), (AxisScale::Linear, 3.0)] {
            let range = Range::of(scale, std::iter::once(value)).unwrap();
            assert!((range.position(value) - 0.5).abs() < 1e-12);
        }
    }
}
