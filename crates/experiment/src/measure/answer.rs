//! Measures metrics of answers (formula: `[[metric]]` in the study's documentation).

use widenet_core::Width;

use super::trajectory::{Measurement, Uncertain};
use crate::{
    study::{Against, Comparison, Metric},
    trials::{Answer, Trial, TrialResult},
};

/// The metric of a trial; `all` are the trials among which its limit is.
pub(super) fn measure<'a>(
    (trial, answer): (&Trial, &Answer),
    metric: &Metric,
    (path, comparison): (&str, Comparison),
    mut all: impl Iterator<Item = (&'a Trial, &'a TrialResult)>,
) -> Measurement {
    let unreliable = |whose: &str| format!("{whose} answer is unreliable; its diagnostics say why");
    if !answer.reliable {
        return Err(unreliable("the"));
    }
    let values = answer.numbers(path)?;
    let is_limit =
        |other: &Trial| other.width == Some(Width::Infinite) && other.seed == trial.seed && other.axes == trial.axes;
    let reference = match &metric.against {
        Some(Against::Reference(_)) => match all.find(|(other, _)| is_limit(other)) {
            Some((_, TrialResult::Answer(limit))) if limit.reliable => limit.numbers(path)?,
            Some(_) => return Err(unreliable("the limit's")),
            None => return Err("there is no trial of width inf".into()),
        },
        Some(Against::Value(against)) => answer.numbers(against)?,
        Some(Against::Trials(_)) | None => {
            return Ok(Uncertain::exact(if let [value] = values[..] { value } else { norm(&values) }));
        }
    };
    if reference.len() != values.len() {
        return Err(format!("`{path}` has {} numbers and its reference {}", values.len(), reference.len()));
    }
    let scale = if metric.relative { norm(&reference) } else { 1.0 };
    let compared = match (comparison, &values[..], &reference[..]) {
        (Comparison::Distance, ..) => {
            let differences: Vec<f64> = values.iter().zip(&reference).map(|(value, other)| value - other).collect();
            norm(&differences) / scale
        }
        (Comparison::Difference, [value], [other]) => (value - other) / scale,
        (Comparison::Ratio, [value], [other]) => value / other,
        _ => {
            return Err(format!(
                "`{path}` has {} numbers; only single numbers have a difference and a ratio",
                values.len()
            ));
        }
    };
    if compared.is_finite() { Ok(Uncertain::exact(compared)) } else { Err("it is not finite".into()) }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
