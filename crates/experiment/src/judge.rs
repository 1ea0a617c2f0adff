//! Judges checks by the rules in [`crate::study::check`].

use widenet_core::{Width, problem::Quantity, trajectory::Value};
use widenet_statistics::{
    Counts, Finding, Verdict, argmin,
    fit::{self, Sample},
    reference::{RESOLVED, Resolved, resolved},
    transfer::{self, Curve, transfer},
    verdict::power_law,
};

use crate::{
    measure::{MeasuredTrial, Measurement, Results, Uncertain},
    study::{Check, CheckKind, Side},
};

/// Judges one check in all its groups. What a part of the trials says is not decided yet.
pub(crate) fn judge(check: &Check, results: &Results<'_>) -> Vec<Finding> {
    let findings = judge_finished(check, results);
    let Some(partial) = results.partial() else { return findings };
    let provisional = |finding: Finding| Finding {
        reason: format!("{partial}; of these: {}, {}", finding.verdict.word(), finding.reason),
        verdict: Verdict::Inconclusive,
        ..finding
    };
    findings.into_iter().map(provisional).collect()
}

fn judge_finished(check: &Check, results: &Results<'_>) -> Vec<Finding> {
    let selected = |trial: &&MeasuredTrial<'_>| trial.trial.is_among(&check.only);
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
                let measured = samples(results, &trials, metric, x, *range);
                let Resolved { samples, left_out } = resolved(&measured);
                let expected = trials.len() - (measured.len() - samples.len());
                let diverged = trials.iter().filter(|trial| trial.has_diverged()).count();
                let counts = Counts { usable: samples.len(), expected, diverged, left_out };
                power_law(&check.name, group, fit::power_law(&samples), (*exponent, *min_r2), counts)
            })
            .collect(),
        CheckKind::Transfer { extremum, metric, axis, x, exponent, range } => groups(&[axis, x])
            .into_iter()
            .map(|(group, mut trials)| {
                trials.retain(|trial| has_place(results.number(trial.trial, x), *range));
                let curves =
                    results.groups_among(trials.iter().copied(), &[axis]).into_iter().map(|(_, trials)| Curve {
                        m: results.number(trials[0].trial, x),
                        samples: results.samples_or_infinite(&trials, metric, axis),
                    });
                let curves: Vec<Curve> = curves.collect();
                let usable = curves.iter().map(|curve| curve.samples.len()).sum();
                let (found, counts) = (transfer(&curves, *extremum), Counts::of(usable, trials.len()));
                transfer::judge(&check.name, group, &found, *exponent, counts)
            })
            .collect(),
        CheckKind::Argmin { extremum, metric, x, bounds } => groups(&[x])
            .into_iter()
            .map(|(group, mut trials)| {
                trials.retain(|trial| results.number(trial.trial, x).is_finite());
                let samples = results.samples_or_infinite(&trials, metric, x);
                let counts = (samples.len(), trials.len());
                let found = argmin::argmin(&samples, *extremum);
                argmin::judge(&check.name, group, (*extremum, found), *bounds, counts)
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
                let trials: Vec<_> = trials.into_iter().filter(counts).collect();
                let values = trials.iter().map(|trial| trial.metrics[column].clone()).collect();
                let mut finding = bound(&check.name, group, values, (*side, *value), *width);
                let diverged = trials.iter().filter(|trial| trial.has_diverged()).count();
                if diverged > 0 {
                    finding.reason.push_str(&format!("; {diverged} of {} diverged", trials.len()));
                }
                finding
            })
            .collect(),
    }
}

/// Whether a trial belongs to a fit: the infinite width has no place on a logarithmic axis.
fn has_place(x: f64, (min_x, max_x): (f64, f64)) -> bool {
    x.is_finite() && (min_x..=max_x).contains(&x)
}

/// Measured values with a finite abscissa within bounds; values that are not positive are left out.
fn samples(
    results: &Results<'_>,
    trials: &[&MeasuredTrial<'_>],
    metric: &str,
    x: &str,
    range: (f64, f64),
) -> Vec<Sample> {
    let column = results.metric(metric);
    let sample = |trial: &&MeasuredTrial<'_>| {
        let x = results.number(trial.trial, x);
        let Uncertain { value: y, error } = *trial.metrics[column].as_ref().ok()?;
        (has_place(x, range) && y > 0.0).then_some(Sample { x, seed: trial.trial.seed, y, error })
    };
    trials.iter().filter_map(sample).collect()
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
        let done = status.is_success();
        let line = if done && points.len() >= 3 { fit::line(&points) } else { None };
        let Some(line) = line else {
            if verdict != Verdict::Refuted {
                let why = if done { "has fewer than three usable records".into() } else { status.ending() };
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
    values: Vec<Measurement>,
    (side, bound): (Side, f64),
    width: Option<Width>,
) -> Finding {
    let (worse, word, sign): (fn(f64, f64) -> bool, _, _) = match side {
        Side::Below => (|a, b| a > b, "largest", '≤'),
        Side::Above => (|a, b| a < b, "smallest", '≥'),
    };
    let measured = || values.iter().flatten().copied();
    let worst = measured().map(|found| found.value).reduce(|a, b| if worse(b, a) { b } else { a });
    let missing = values.iter().filter(|value| value.is_err()).count();
    // Three errors of the reference to the worse and to the better side.
    let outward = if worse(1.0, 0.0) { RESOLVED } else { -RESOLVED };
    let is_within = |found: Uncertain| !worse(found.value + outward * found.error, bound);
    let is_beyond = |found: Uncertain| worse(found.value - outward * found.error, bound);
    let (verdict, reason) = match worst {
        Some(_) if measured().any(is_beyond) => {
            (Verdict::Refuted, format!("the {word} of {} values is beyond the bound", values.len()))
        }
        Some(_) if missing == 0 && measured().all(is_within) => {
            (Verdict::Confirmed, format!("{word} of {} values", values.len()))
        }
        Some(_) if missing == 0 => {
            let close = measured().filter(|found| !is_within(*found)).count();
            let count = values.len();
            (
                Verdict::Inconclusive,
                format!("{close} of {count} values are within three errors of the reference of the bound"),
            )
        }
        _ => (Verdict::Inconclusive, format!("{missing} of {} values are missing", values.len())),
    };
    let place = width.map_or_else(String::new, |width| format!(" at width {width}"));
    let predicted = format!("{sign} {bound:?}{place}");
    Finding { check: check.into(), group, predicted, found: worst, interval: None, fit: None, verdict, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_only_if_every_value_is_there_and_below_it() {
        let missing = || Err("diverged".to_owned());
        let verdict = |values: Vec<Result<f64, String>>| {
            let values = values.into_iter().map(|value| value.map(Uncertain::exact)).collect();
            bound("bound", "all".into(), values, (Side::Below, 1.0), None).verdict
        };
        assert_eq!(verdict(vec![Ok(0.5), Ok(1.0)]), Verdict::Confirmed);
        assert_eq!(verdict(vec![Ok(0.5), missing()]), Verdict::Inconclusive);
        assert_eq!(verdict(vec![Ok(1.5), missing()]), Verdict::Refuted);
        assert_eq!(verdict(vec![]), Verdict::Inconclusive);
        let above = |values: [f64; 2]| {
            let values = values.map(|value| Ok(Uncertain::exact(value))).into();
            bound("bound", "all".into(), values, (Side::Above, 1.0), None).verdict
        };
        assert_eq!(above([1.0, 2.0]), Verdict::Confirmed);
        assert_eq!(above([0.5, 2.0]), Verdict::Refuted);
    }

    /// A bound of 1 and references known to 0.1: values within 0.3 of it decide nothing, on either side.
    #[test]
    fn a_bound_is_decided_by_more_than_three_errors_of_the_reference() {
        let verdict = |value: f64, side: Side| {
            let values = vec![Ok(Uncertain { value, error: 0.1 })];
            bound("bound", "all".into(), values, (side, 1.0), None).verdict
        };
        let below = [0.69, 0.71, 1.29, 1.31].map(|value| verdict(value, Side::Below));
        let undecided = Verdict::Inconclusive;
        assert_eq!(below, [Verdict::Confirmed, undecided, undecided, Verdict::Refuted]);
        let above = [0.69, 0.71, 1.29, 1.31].map(|value| verdict(value, Side::Above));
        assert_eq!(above, [Verdict::Refuted, undecided, undecided, Verdict::Confirmed]);
    }
}
