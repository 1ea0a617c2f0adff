//! Answers of questions: their numbers by dotted path, and metrics of them (formula: `[[metric]]` in the study's documentation).

use serde_json::Value;
use widenet_core::Width;

use crate::{
    Comparison, Metric, Trial,
    measure::{Measurement, TrialResult},
};

/// What a question was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) value: Value,
    /// It says of itself that it can be relied on.
    pub(crate) reliable: bool,
}

/// A step into a list (from the front, or with a minus from the back) or a table.
fn step<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(key),
        Value::Array(list) => {
            let position: i64 = key.parse().ok()?;
            list.get(usize::try_from(if position < 0 { position + list.len() as i64 } else { position }).ok()?)
        }
        _ => None,
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Object(map) => format!("has {}", map.keys().cloned().collect::<Vec<_>>().join(", ")),
        Value::Array(list) => format!("is a list of {}", list.len()),
        other => format!("is {other}"),
    }
}

impl Answer {
    /// The word of its status.
    pub(crate) fn word(&self) -> &'static str {
        if self.reliable { "done" } else { "unreliable" }
    }

    /// The number at a path, or all numbers of the list there, rows first to last.
    pub(crate) fn numbers(&self, path: &str) -> Result<Vec<f64>, String> {
        let mut value = &self.value;
        let mut walked = "the answer".to_owned();
        for key in path.split('.') {
            value = step(value, key).ok_or_else(|| format!("no `{path}`: {walked} {}", kind(value)))?;
            walked = if walked == "the answer" { key.into() } else { format!("{walked}.{key}") };
        }
        let mut numbers = Vec::new();
        match flatten(value, &mut numbers) {
            true => Ok(numbers),
            false => Err(format!("`{path}` is no number and no list of numbers: it {}", kind(value))),
        }
    }

    /// Single numbers with their paths.
    pub(crate) fn scalars(&self) -> Vec<(String, f64)> {
        let mut scalars = Vec::new();
        collect(&self.value, "", &mut scalars);
        scalars
    }
}

/// Whether there are only finite numbers.
fn flatten(value: &Value, numbers: &mut Vec<f64>) -> bool {
    match value {
        Value::Array(list) => list.iter().all(|value| flatten(value, numbers)),
        // Infinities are words.
        _ => value.as_f64().map(|number| numbers.push(number)).is_some(),
    }
}

fn collect(value: &Value, path: &str, scalars: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, scalars);
            }
        }
        _ => scalars.extend(value.as_f64().map(|number| (path.to_owned(), number))),
    }
}

/// The metric of a trial; `all` are the trials among which its limit is.
pub(crate) fn measure<'a>(
    (trial, answer): (&Trial, &Answer),
    metric: &Metric,
    (path, against, comparison): (&str, Option<&str>, Comparison),
    mut all: impl Iterator<Item = (&'a Trial, &'a TrialResult)>,
) -> Measurement {
    let unreliable = |whose: &str| format!("{whose} answer is unreliable; its diagnostics say why");
    if !answer.reliable {
        return Err(unreliable("the"));
    }
    let values = answer.numbers(path)?;
    let is_limit =
        |other: &Trial| other.width == Some(Width::Infinite) && other.seed == trial.seed && other.axes == trial.axes;
    let reference = match (metric.against, against) {
        (Some(_), _) => match all.find(|(other, _)| is_limit(other)) {
            Some((_, TrialResult::Answer(limit))) if limit.reliable => limit.numbers(path)?,
            Some(_) => return Err(unreliable("the limit's")),
            None => return Err("there is no trial of width inf".into()),
        },
        (None, Some(against)) => answer.numbers(against)?,
        (None, None) => return Ok(if let [value] = values[..] { value } else { norm(&values) }),
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
    if compared.is_finite() { Ok(compared) } else { Err("it is not finite".into()) }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
