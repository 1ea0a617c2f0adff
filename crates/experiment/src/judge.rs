//! Judging checks, by the rules in [`crate::study::check`].

use widenet_core::{
    Width,
    problem::Quantity,
    trajectory::{Status, Value},
};

use crate::{
    Check, CheckKind, Exponent, Side,
    fit::{self, PowerLaw, Sample},
    measure::{MeasuredTrial, Results, ending},
};

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
    /// The word in reports.
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
    /// What was found, with its interval if there is one.
    pub fn measured(&self) -> String {
        let number = |value: f64| if self.fit.is_some() { format!("{value:.4}") } else { format!("{value:.3e}") };
        match (self.found, self.interval) {
            (None, _) => "–".into(),
            (Some(found), None) => number(found),
            (Some(found), Some((low, high))) => format!("{} [{}, {}]", number(found), number(low), number(high)),
        }
    }
}

/// Fewest distinct x of a power law.
const MIN_POINTS: usize = 3;

/// Judges one check in all its groups.
pub(crate) fn judge(check: &Check, results: &Results<'_>) -> Vec<Finding> {
    let selected = |trial: &&MeasuredTrial<'_>| {
        let counts = |(key, labels): &(String, Vec<String>)| {
            trial.trial.label_of(key).is_some_and(|label| labels.contains(&label))
        };
        check.only.iter().all(counts)
    };
    let groups = |without: &[&str]| {
        let mut groups = results.groups(without);
        groups.iter_mut().for_each(|(_, trials)| trials.retain(selected));
        groups.retain(|(_, trials)| !trials.is_empty());
        groups
    };
    match &check.kind {
        CheckKind::PowerLaw { metric, x, exponent, range, min_r2 } => groups(&[x])
            .into_iter()
            .map(|(group, mut trials)| {
                trials.retain(|trial| has_place(results.number(trial.trial, x), *range));
                (group, trials)
            })
            .map(|(group, trials)| {
                let samples = samples(results, &trials, metric, x, *range);
                let counts = (samples.len(), trials.len());
                power_law(&check.name, group, fit::power_law(&samples), (*exponent, *min_r2), counts)
            })
            .collect(),
        CheckKind::Exponential { quantity, from, floor, min_r2, width } => groups(&["width"])
            .into_iter()
            .map(|(group, mut trials)| {
                trials.retain(|trial| trial.trial.width == Some(*width));
                exponential(&check.name, group, &trials, *quantity, (*from, *floor), *min_r2)
            })
            .collect(),
        CheckKind::Bound { metric, side, value, width } => groups(&["width"])
            .into_iter()
            .map(|(group, trials)| {
                let counts = |trial: &&MeasuredTrial<'_>| width.is_none() || trial.trial.width == *width;
                let column = results.metric(metric);
                let values = trials.into_iter().filter(counts).map(|trial| trial.metrics[column].clone());
                bound(&check.name, group, values.collect(), (*side, *value), *width)
            })
            .collect(),
    }
}

/// Whether a trial belongs to a fit: the infinite width has no place on a logarithmic axis.
fn has_place(x: f64, (min_x, max_x): (f64, f64)) -> bool {
    x.is_finite() && (min_x..=max_x).contains(&x)
}

/// Measured values with a finite abscissa within bounds; values that are not positive are left out.
pub(crate) fn samples(
    results: &Results<'_>,
    trials: &[&MeasuredTrial<'_>],
    metric: &str,
    x: &str,
    range: (f64, f64),
) -> Vec<Sample> {
    let column = results.metric(metric);
    let sample = |trial: &&MeasuredTrial<'_>| {
        let x = results.number(trial.trial, x);
        let y = *trial.metrics[column].as_ref().ok()?;
        (has_place(x, range) && y > 0.0).then_some(Sample { x, seed: trial.trial.seed, y })
    };
    trials.iter().filter_map(sample).collect()
}

/// `usable` of `expected` values are in the fit, whose line must be as straight as `min_r2` says.
pub(crate) fn power_law(
    check: &str,
    group: String,
    fit: Option<PowerLaw>,
    (exponent, min_r2): (Exponent, f64),
    (usable, expected): (usize, usize),
) -> Finding {
    let interval = fit.and_then(|fit| fit.interval);
    let (verdict, reason) = match (fit, interval) {
        _ if usable < expected => {
            let missing = expected - usable;
            (Verdict::Inconclusive, format!("{missing} of {expected} values are missing: diverged, or not positive"))
        }
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
    let found = fit.map(|fit| fit.exponent);
    Finding { check: check.into(), group, predicted, found, interval, fit, verdict, reason }
}

fn exponential(
    check: &str,
    group: String,
    trials: &[&MeasuredTrial<'_>],
    quantity: Quantity,
    (from, floor): (f64, f64),
    min_r2: f64,
) -> Finding {
    // The trial that agrees least decides.
    let mut slowest: Option<f64> = None;
    let (mut verdict, mut reason) = match trials.len() {
        0 => (Verdict::Inconclusive, "there is no trial at this width".to_owned()),
        trials => (Verdict::Confirmed, format!("R² ≥ {min_r2}, trials: {trials}")),
    };
    for trial in trials {
        let usable = trial.records().iter().filter(|record| record.time >= from).filter_map(|record| {
            match record.values.get(&quantity) {
                Some(Value::Scalar(value)) if *value > floor => Some((record.time, value.ln())),
                _ => None,
            }
        });
        let points: Vec<_> = usable.collect();
        let status = trial.result.status();
        let done = status == Status::Done;
        let line = if done && points.len() >= 3 { fit::line(&points) } else { None };
        let Some(line) = line else {
            if verdict != Verdict::Refuted {
                let why = if done { "has fewer than three usable records".into() } else { ending(&status) };
                verdict = Verdict::Inconclusive;
                reason = format!("{} {why}", trial.trial.label);
            }
            continue;
        };
        slowest = Some(slowest.map_or(-line.slope, |rate| rate.min(-line.slope)));
        if !(line.slope < 0.0 && line.r2 >= min_r2) {
            verdict = Verdict::Refuted;
            reason = format!("{}: rate {:.4}, R² {:.4}", trial.trial.label, -line.slope, line.r2);
        }
    }
    let predicted = "rate > 0".into();
    Finding { check: check.into(), group, predicted, found: slowest, interval: None, fit: None, verdict, reason }
}

fn bound(
    check: &str,
    group: String,
    values: Vec<Result<f64, String>>,
    (side, bound): (Side, f64),
    width: Option<Width>,
) -> Finding {
    let (worse, word, sign): (fn(f64, f64) -> bool, _, _) = match side {
        Side::Below => (|a, b| a > b, "largest", '≤'),
        Side::Above => (|a, b| a < b, "smallest", '≥'),
    };
    let worst = values.iter().flatten().copied().reduce(|a, b| if worse(b, a) { b } else { a });
    let missing = values.iter().filter(|value| value.is_err()).count();
    let (verdict, reason) = match worst {
        Some(worst) if worse(worst, bound) => {
            (Verdict::Refuted, format!("the {word} of {} values is beyond the bound", values.len()))
        }
        Some(_) if missing == 0 => (Verdict::Confirmed, format!("{word} of {} values", values.len())),
        _ => (Verdict::Inconclusive, format!("{missing} of {} values are missing", values.len())),
    };
    let place = width.map_or_else(String::new, |width| format!(" at width {width}"));
    let predicted = format!("{sign} {bound:?}{place}");
    Finding { check: check.into(), group, predicted, found: worst, interval: None, fit: None, verdict, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Method;

    fn fitted(exponent: f64, low: f64, high: f64) -> Option<PowerLaw> {
        let interval = Some((low, high));
        Some(PowerLaw { exponent, constant: 1.0, r2: 1.0, interval, method: Method::Bootstrap, points: 4, seeds: 5 })
    }

    #[test]
    fn a_power_law_is_confirmed_only_by_a_sharp_fit_in_the_right_place() {
        let law = (Exponent::Near { exponent: -0.5, tolerance: 0.05 }, 0.98);
        let verdict = |fit| power_law("rate", "all".into(), fit, law, (20, 20)).verdict;
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
            let found = power_law("rate", "all".into(), fit, law, (18, 20));
            assert_eq!(found.verdict, Verdict::Inconclusive);
            assert!(found.reason.starts_with("2 of 20 values are missing"), "{}", found.reason);
        }
    }

    #[test]
    fn a_bound_holds_only_if_every_value_is_there_and_below_it() {
        let missing = || Err("diverged".to_owned());
        let verdict = |values| bound("bound", "all".into(), values, (Side::Below, 1.0), None).verdict;
        assert_eq!(verdict(vec![Ok(0.5), Ok(1.0)]), Verdict::Confirmed);
        assert_eq!(verdict(vec![Ok(0.5), missing()]), Verdict::Inconclusive);
        assert_eq!(verdict(vec![Ok(1.5), missing()]), Verdict::Refuted);
        assert_eq!(verdict(vec![]), Verdict::Inconclusive);
        let above = |values| bound("bound", "all".into(), values, (Side::Above, 1.0), None).verdict;
        assert_eq!(above(vec![Ok(1.0), Ok(2.0)]), Verdict::Confirmed);
        assert_eq!(above(vec![Ok(0.5), Ok(2.0)]), Verdict::Refuted);
    }

    #[test]
    fn a_bounded_exponent_is_confirmed_by_its_whole_interval() {
        let law = (Exponent::AtMost(-0.4), 0.98);
        let verdict = |fit| power_law("rate", "all".into(), fit, law, (20, 20)).verdict;
        assert_eq!(verdict(fitted(-0.86, -1.0, -0.7)), Verdict::Confirmed);
        assert_eq!(verdict(fitted(-0.45, -0.6, -0.3)), Verdict::Inconclusive);
        assert_eq!(verdict(fitted(-0.2, -0.3, -0.1)), Verdict::Refuted);
        let law = (Exponent::AtLeast(0.1), 0.98);
        let verdict = |fit| power_law("growth", "all".into(), fit, law, (20, 20)).verdict;
        assert_eq!(verdict(fitted(0.5, 0.3, 0.7)), Verdict::Confirmed);
        assert_eq!(verdict(fitted(0.05, 0.0, 0.09)), Verdict::Refuted);
    }
}
