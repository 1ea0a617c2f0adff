//! A verdict is what becomes of a statement about numbers.

use crate::fit::PowerLaw;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The data agree with the statement, closely enough to mean something.
    Confirmed,
    /// The data contradict the statement.
    Refuted,
    /// The data do not decide.
    Inconclusive,
}

impl Verdict {
    /// Returns the word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Confirmed => "confirmed",
            Verdict::Refuted => "refuted",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

/// One check in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Name of the check.
    pub check: String,
    /// Common axes of the trials, `all` if there are none.
    pub group: String,
    /// What was predicted, for example `-0.5 ± 0.05`.
    pub predicted: String,
    /// What was found: an exponent, a rate, the largest value.
    pub found: Option<f64>,
    /// 95 % interval of what was found.
    pub interval: Option<(f64, f64)>,
    /// The fit, for power laws.
    pub fit: Option<PowerLaw>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub reason: String,
}

impl Finding {
    /// What every table of findings says of each, whatever it is about:
    ///
    /// ```text
    /// found low high      the exponent (rate, worst value) and its 95 % interval
    /// constant r2         c and R² of y = c x^a on log-log axes
    /// points seeds        distinct x and seeds in the fit
    /// method              how the interval was made
    /// verdict reason      what became of the statement, and why
    /// ```
    pub const COLUMNS: [&str; 10] =
        ["found", "low", "high", "constant", "r2", "points", "seeds", "method", "verdict", "reason"];

    /// The cells of [`Finding::COLUMNS`]: numbers with all their digits, empty where there are none.
    pub fn cells(&self) -> [String; 10] {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:?}"));
        let fit = self.fit.as_ref();
        let count = |count: Option<usize>| count.map_or_else(String::new, |count| count.to_string());
        [
            number(self.found),
            number(self.interval.map(|(low, _)| low)),
            number(self.interval.map(|(_, high)| high)),
            number(fit.map(|fit| fit.constant)),
            number(fit.map(|fit| fit.r2)),
            count(fit.map(|fit| fit.points)),
            count(fit.map(|fit| fit.seeds)),
            fit.map_or("", |fit| fit.method.name()).into(),
            self.verdict.word().into(),
            self.reason.clone(),
        ]
    }

    /// Says what was found, with its interval if there is one.
    pub fn measured(&self) -> String {
        let number = |value: f64| if self.fit.is_some() { format!("{value:.4}") } else { format!("{value:.3e}") };
        match (self.found, self.interval) {
            (None, _) => "–".into(),
            (Some(found), None) => number(found),
            (Some(found), Some((low, high))) => format!("{} [{}, {}]", number(found), number(low), number(high)),
        }
    }
}

/// What is said about an exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exponent {
    /// It is this, within a tolerance > 0.
    Near {
        /// Predicted exponent.
        exponent: f64,
        /// Allowed difference.
        tolerance: f64,
    },
    /// It is this or less.
    AtMost(f64),
    /// It is this or more.
    AtLeast(f64),
}

/// Fewest distinct x of a power law.
const MIN_POINTS: usize = 3;

/// The values that a fit was made of, and those that it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Values in the fit.
    pub usable: usize,
    /// Values that there should be, without those at points that are left out.
    pub expected: usize,
    /// Of those that are missing, whose run diverged.
    pub diverged: usize,
    /// Points that lie below three errors of the reference and are left out.
    pub left_out: usize,
}

impl Counts {
    /// Nothing diverged and nothing is left out.
    pub fn of(usable: usize, expected: usize) -> Counts {
        Counts { usable, expected, diverged: 0, left_out: 0 }
    }

    /// What is said of points that are left out.
    pub fn left_out_words(&self) -> Option<String> {
        match self.left_out {
            0 => None,
            1 => Some("1 point below three errors of the reference is left out".into()),
            points => Some(format!("{points} points below three errors of the reference are left out")),
        }
    }

    /// What is missing: `2 of 20 values are missing: 1 of 20 diverged, 1 not positive`.
    fn missing(&self) -> String {
        let Counts { usable, expected, diverged, .. } = *self;
        let missing = expected.saturating_sub(usable);
        let mut why = Vec::new();
        if diverged > 0 {
            why.push(format!("{diverged} of {expected} diverged"));
        }
        if diverged < missing {
            why.push(format!("{} not positive, or not known", missing - diverged));
        }
        format!("{missing} of {expected} values are missing: {}", why.join(", "))
    }
}

/// Judges a fit of some values, whose line must be as straight as `min_r2` says.
pub fn power_law(
    check: &str,
    group: String,
    fit: Option<PowerLaw>,
    (exponent, min_r2): (Exponent, f64),
    counted: Counts,
) -> Finding {
    let interval = fit.and_then(|fit| fit.interval);
    let (verdict, reason) = match (fit, interval) {
        _ if counted.usable < counted.expected => (Verdict::Inconclusive, counted.missing()),
        (Some(fit), Some((low, high))) if fit.points >= MIN_POINTS => {
            let counts = format!("points: {}, seeds: {}, interval: {}", fit.points, fit.seeds, fit.method.name());
            match exponent {
                Exponent::Near { exponent, tolerance } => {
                    let near = (fit.exponent - exponent).abs() <= tolerance;
                    let sharp = low >= exponent - 2.0 * tolerance && high <= exponent + 2.0 * tolerance;
                    let apart = high < exponent - tolerance || low > exponent + tolerance;
                    if apart {
                        (Verdict::Refuted, format!("the interval is outside the tolerance; {counts}"))
                    } else if fit.r2 < min_r2 {
                        (Verdict::Inconclusive, format!("not a line: R² = {:.4} < {min_r2}; {counts}", fit.r2))
                    } else if near && sharp {
                        (Verdict::Confirmed, counts)
                    } else {
                        (Verdict::Inconclusive, format!("the interval is too wide or off centre; {counts}"))
                    }
                }
                Exponent::AtMost(bound) if high <= bound => (Verdict::Confirmed, counts),
                Exponent::AtLeast(bound) if low >= bound => (Verdict::Confirmed, counts),
                Exponent::AtMost(bound) | Exponent::AtLeast(bound) if (low..=high).contains(&bound) => {
                    (Verdict::Inconclusive, format!("the bound is within the interval; {counts}"))
                }
                Exponent::AtMost(_) | Exponent::AtLeast(_) => {
                    (Verdict::Refuted, format!("the whole interval is beyond the bound; {counts}"))
                }
            }
        }
        _ => (Verdict::Inconclusive, format!("fewer than {MIN_POINTS} distinct x: no line can be told from a curve")),
    };
    let predicted = match exponent {
        Exponent::Near { exponent, tolerance } => format!("{exponent} ± {tolerance}"),
        Exponent::AtMost(bound) => format!("≤ {bound}"),
        Exponent::AtLeast(bound) => format!("≥ {bound}"),
    };
    let reason = counted.left_out_words().map_or(reason.clone(), |left_out| format!("{reason}; {left_out}"));
    let found = fit.map(|fit| fit.exponent);
    Finding { check: check.into(), group, predicted, found, interval, fit, verdict, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Method;

    fn fitted(exponent: f64, low: f64, high: f64) -> Option<PowerLaw> {
        let interval = Some((low, high));
        Some(PowerLaw {
            exponent,
            constant: 1.0,
            r2: 1.0,
            interval,
            method: Method::Bootstrap,
            points: 4,
            seeds: 5,
            range: (1.0, 1e3),
        })
    }

    #[test]
    fn a_power_law_is_confirmed_only_by_a_sharp_fit_in_the_right_place() {
        let law = (Exponent::Near { exponent: -0.5, tolerance: 0.05 }, 0.98);
        let verdict = |fit| power_law("rate", "all".into(), fit, law, Counts::of(20, 20)).verdict;
        let good = fitted(-0.52, -0.55, -0.49);
        assert_eq!(verdict(good), Verdict::Confirmed);
        assert_eq!(verdict(fitted(-0.50, -0.65, -0.35)), Verdict::Inconclusive);
        assert_eq!(verdict(fitted(-0.58, -0.62, -0.54)), Verdict::Inconclusive);
        assert_eq!(verdict(fitted(-0.58, -0.60, -0.56)), Verdict::Refuted);
        assert_eq!(verdict(fitted(-0.30, -0.40, -0.20)), Verdict::Refuted);
        assert_eq!(verdict(good.map(|fit| PowerLaw { interval: None, ..fit })), Verdict::Inconclusive);
        assert_eq!(verdict(good.map(|fit| PowerLaw { points: 2, ..fit })), Verdict::Inconclusive);
        assert_eq!(verdict(good.map(|fit| PowerLaw { r2: 0.97, ..fit })), Verdict::Inconclusive);
        assert_eq!(verdict(None), Verdict::Inconclusive);
    }

    #[test]
    fn a_missing_value_leaves_a_power_law_undecided() {
        let law = (Exponent::Near { exponent: -0.5, tolerance: 0.05 }, 0.98);
        for fit in [fitted(-0.52, -0.55, -0.49), fitted(-0.30, -0.40, -0.20)] {
            let counts = Counts { diverged: 1, ..Counts::of(18, 20) };
            let found = power_law("rate", "all".into(), fit, law, counts);
            assert_eq!(found.verdict, Verdict::Inconclusive);
            let wanted = "2 of 20 values are missing: 1 of 20 diverged, 1 not positive, or not known";
            assert_eq!(found.reason, wanted);
        }
    }

    #[test]
    fn points_that_are_left_out_are_said_and_decide_nothing() {
        let law = (Exponent::Near { exponent: -0.5, tolerance: 0.05 }, 0.98);
        let found =
            |fit, left_out| power_law("rate", "all".into(), fit, law, Counts { left_out, ..Counts::of(20, 20) });
        let good = fitted(-0.52, -0.55, -0.49);
        let (none, two) = (found(good, 0), found(good, 2));
        assert_eq!((none.verdict, two.verdict), (Verdict::Confirmed, Verdict::Confirmed));
        assert!(two.reason.ends_with("; 2 points below three errors of the reference are left out"), "{}", two.reason);
        assert!(!none.reason.contains("left out"), "{}", none.reason);
        let few = found(good.map(|fit| PowerLaw { points: 2, ..fit }), 1);
        assert_eq!(few.verdict, Verdict::Inconclusive);
        assert!(few.reason.ends_with("1 point below three errors of the reference is left out"), "{}", few.reason);
    }

    #[test]
    fn a_bounded_exponent_is_confirmed_by_its_whole_interval() {
        let law = (Exponent::AtMost(-0.4), 0.98);
        let verdict = |fit| power_law("rate", "all".into(), fit, law, Counts::of(20, 20)).verdict;
        assert_eq!(verdict(fitted(-0.86, -1.0, -0.7)), Verdict::Confirmed);
        assert_eq!(verdict(fitted(-0.45, -0.6, -0.3)), Verdict::Inconclusive);
        assert_eq!(verdict(fitted(-0.2, -0.3, -0.1)), Verdict::Refuted);
        let law = (Exponent::AtLeast(0.1), 0.98);
        let verdict = |fit| power_law("growth", "all".into(), fit, law, Counts::of(20, 20)).verdict;
        assert_eq!(verdict(fitted(0.5, 0.3, 0.7)), Verdict::Confirmed);
        assert_eq!(verdict(fitted(0.05, 0.0, 0.09)), Verdict::Refuted);
    }
}
