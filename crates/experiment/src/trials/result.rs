//! A result is what a trial found: a trajectory, or the answer of a question.

use serde_json::Value;
use widenet_core::{Trajectory, document::suggestion, trajectory::Status};

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
        Value::Array(list) => format!("is a list of {}, numbered from 0", list.len()),
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
            value = step(value, key)
                .ok_or_else(|| format!("no `{path}`: {walked} {}; {}", kind(value), self.meant(path)))?;
            walked = if walked == "the answer" { key.into() } else { format!("{walked}.{key}") };
        }
        flattened(value).ok_or_else(|| {
            format!("`{path}` is no number and no list of numbers: it {}; {}", kind(value), self.meant(path))
        })
    }

    /// What a path was probably meant to be, or the paths that there are.
    fn meant(&self, path: &str) -> String {
        let mut paths = Vec::new();
        visit_numbers(&self.value, "", &mut |path, _| paths.push(path.to_owned()));
        suggestion(path, &paths.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// All numbers with their paths, those of lists by position; and the paths of lists of more than [`MOST_LISTED`] numbers, which are left out.
    pub(crate) fn by_path(&self) -> (Vec<(String, f64)>, Vec<String>) {
        let (mut numbers, mut left_out) = (Vec::new(), Vec::new());
        visit_numbers(&self.value, "", &mut |path, value| match flattened(value) {
            Some(many) if many.len() > MOST_LISTED => left_out.push(path.to_owned()),
            _ => collect(value, path, &mut numbers),
        });
        (numbers, left_out)
    }

    /// Every number, and every list of nothing but numbers as a whole, lists in lists one after another, with their paths.
    pub(crate) fn lists(&self) -> Vec<(String, Vec<f64>)> {
        let mut lists = Vec::new();
        visit_numbers(&self.value, "", &mut |path, value| {
            lists.extend(flattened(value).map(|many| (path.to_owned(), many)))
        });
        lists
    }
}

/// Most numbers of a list that has a column for each.
pub(crate) const MOST_LISTED: usize = 1000;

/// The number, or all of a list of nothing but finite numbers.
fn flattened(value: &Value) -> Option<Vec<f64>> {
    let mut numbers = Vec::new();
    flatten(value, &mut numbers).then_some(numbers)
}

/// Whether there are only finite numbers.
fn flatten(value: &Value, numbers: &mut Vec<f64>) -> bool {
    match value {
        Value::Array(list) => list.iter().all(|value| flatten(value, numbers)),
        // Infinities are words.
        _ => value.as_f64().map(|number| numbers.push(number)).is_some(),
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Visits every number, and every list of nothing but numbers as a whole, with its path.
fn visit_numbers(value: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| visit_numbers(value, &below(path, key), visit)),
        Value::Array(list) if flattened(value).is_none() => {
            for (position, value) in list.iter().enumerate() {
                visit_numbers(value, &below(path, &position.to_string()), visit);
            }
        }
        Value::Array(list) if list.is_empty() => {}
        Value::Array(_) | Value::Number(_) => visit(path, value),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Every number of a number or list, with its path.
fn collect(value: &Value, path: &str, numbers: &mut Vec<(String, f64)>) {
    match value {
        Value::Array(list) => {
            for (position, value) in list.iter().enumerate() {
                collect(value, &below(path, &position.to_string()), numbers);
            }
        }
        _ => numbers.extend(value.as_f64().map(|number| (path.to_owned(), number))),
    }
}
