//! A result is what a trial found: a trajectory, or the answer of a question.

use serde_json::Value;
use widenet_core::{Trajectory, trajectory::Status};

/// What a trial found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TrialResult {
    Trajectory(Trajectory),
    Answer(Answer),
}

impl TrialResult {
    /// How it ended, for who follows a run.
    pub(crate) fn status(&self) -> Status {
        match self {
            TrialResult::Trajectory(trajectory) => trajectory.status,
            TrialResult::Answer(_) => Status::Done,
        }
    }

    /// The word of its status.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            TrialResult::Trajectory(trajectory) => trajectory.status.word(),
            TrialResult::Answer(answer) => answer.word(),
        }
    }
}

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
